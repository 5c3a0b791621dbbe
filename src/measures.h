/* measures.h: the sums of element_measures.h over the classes, and their derivatives.
 *
 * Layout: as softmax_terms.h, whose pieces these are. One pass: derivatives belong to one element and are written with
 * its term. Accumulators: 16 terms in a lane of `real`, then in double. Error: at most 8 eps of the sum of |terms|.
 *
 * Ordinary numbers and zeros need none of the selects for special values, which change no bit of them: these are left
 * out first, while the bits of all numbers are looked at. Where a stretch of 16 groups was not ordinary it is taken
 * anew with them. With derivatives every stretch is looked at by itself; without, all that is in a tile is, and only
 * where that is not ordinary each stretch once more (x1.02 to x1.13; where one number in 2000 or 200 is subnormal x0.94
 * to x1.06, class axis first x0.83 to x0.94). A derivative -p / q that `real` does not hold, but its product with a
 * weight, is computed anew.
 */
#define measures KERNEL(measures)
#define measures_part KERNEL(measures_part)
#define measures_value KERNEL(measures_value)
#define measures_write KERNEL(measures_write)
#define measure_seen KERNEL(measure_seen)
#define measure_unseen KERNEL(measure_unseen)
#define measure_counted KERNEL(measure_counted)
#define measure_look KERNEL(measure_look)
#define measure_ordinary KERNEL(measure_ordinary)
#define measure_outputs KERNEL(measure_outputs)
#define measure_factors KERNEL(measure_factors)
#define measure_total KERNEL(measure_total)
#define measure_stretch KERNEL(measure_stretch)
#define measure_careful KERNEL(measure_careful)
#define measure_careful_terms KERNEL(measure_careful_terms)
#define measure_again KERNEL(measure_again)
#define measure_plain KERNEL(measure_plain)
#define measure_terms KERNEL(measure_terms)
#define measure_terms_of KERNEL(measure_terms_of)
#define measure_slopes KERNEL(measure_slopes)
#define measure_slopes_of KERNEL(measure_slopes_of)
#define measure_pieces KERNEL(measure_pieces)
#define measure_along KERNEL(measure_along)
#define measure_label KERNEL(measure_label)
#define measures_of_cut KERNEL(measures_of_cut)

#ifndef CLOSS_MEASURES
#define CLOSS_MEASURES
/* What a result is divided by. JS is computed in nats. */
static double log_divisor(const closs_softmax_args *args)
{
    return args->base == 2 && args->result != CLOSS_JS_DIVERGENCE ? 1 : log_of_base(args->base);
}

/* The weighted values of sums of terms. */
static void measure_values(const closs_softmax_args *args, int64_t count, const double *sum, const double *weight,
                           double *restrict value)
{
    const double divisor = log_divisor(args);
    for (int64_t l = 0; l < count; l++) value[l] = sum[l];
    if (divisor != 1)
        for (int64_t l = 0; l < count; l++) value[l] /= divisor;
    if (args->dtype != CLOSS_F64)
        for (int64_t l = 0; l < count; l++) value[l] = (double)(float)value[l];
#pragma omp simd
    for (int64_t l = 0; l < count; l++) value[l] = weighted_value(weight[l], value[l]);
}
#endif

_Static_assert(CHUNK_OF(TERM_TILE) % TERMS_WIDENED == 0, "chunks are whole stretches");
#undef STRETCHES
#define STRETCHES (TERM_WIDE / LANES_OF_TERMS * (CHUNK_OF(TERM_TILE) / TERMS_WIDENED)) /* of 16 groups, of a piece */

/* What the bits of a lane's numbers tell, as integers, whose order is that of positive numbers. */
typedef struct {
    ALIGNED order_t most[LANES_OF_TERMS];  /* of q; for JS, or with a quotient, of p, too */
    ALIGNED order_t least[LANES_OF_TERMS]; /* of p and q where p is not 0; for JS, or `alone`, each where it is not 0 */
    ALIGNED order_t signs[LANES_OF_TERMS]; /* of q */
} measure_seen;

INLINE void measure_unseen(measure_seen *seen)
{
    const measure_seen nothing = {.most = {0}};
    *seen = nothing;
    for (int l = 0; l < LANES_OF_TERMS; l++) seen->least[l] = (order_t)to_bits((real)REAL_MAX);
}

/* x, or the largest integer where `off` is 0. Without a choice, of which gcc makes branches. */
INLINE order_t measure_counted(order_t x, order_t off)
{
    return x | ((0 - (order_t)(off == 0)) & (order_t)((bits_t)-1 >> 1));
}

INLINE void measure_look(measure_seen *seen, int l, const int kind, const int quotient, const int alone, real p, real q)
{
    const order_t p_bits = (order_t)to_bits(p), q_bits = (order_t)to_bits(q);
    const order_t high = (quotient || kind == CLOSS_JS_DIVERGENCE) && p_bits > q_bits ? p_bits : q_bits,
                  low = p_bits < q_bits ? p_bits : q_bits;
    const order_t p_counted = measure_counted(p_bits, p_bits), q_counted = measure_counted(q_bits, q_bits);
    const order_t both = p_counted < q_counted ? p_counted : q_counted;
    const order_t together = measure_counted(low, p_bits), any = together < q_counted ? together : q_counted;
    const order_t counted = kind == CLOSS_JS_DIVERGENCE ? both : alone ? any : together;
    const order_t most = seen->most[l], least = seen->least[l];
    seen->least[l] = counted < least ? counted : least;
    if (kind == CLOSS_ENTROPY) return;
    seen->most[l] = high > most ? high : most;
    seen->signs[l] |= q_bits;
}

/* Whether p was nothing but zeros and numbers from 2^-125 (2^-1021) on, q up to 2^124 (2^1020), too, p > 0 = q did not
 * occur, but for JS, and the sums are finite; with `quotient` also no p / q could be subnormal or overflow. */
INLINE int measure_ordinary(const measure_seen *seen, const real *sum, const int quotient)
{
    const real large = (real)(0.25 / REAL_TINY);
    const order_t most = (order_t)to_bits(large), least = (order_t)to_bits((real)(2 * REAL_TINY));
    order_t wrong = 0;
#pragma omp simd reduction(| : wrong)
    for (int l = 0; l < LANES_OF_TERMS; l++) {
        const order_t high = seen->most[l], low = seen->least[l];
        const real range = from_bits((bits_t)high) / from_bits((bits_t)low), size = ABSOLUTE(sum[l]);
        wrong |= (order_t)(high > most) | (order_t)(low < least) | (order_t)(seen->signs[l] < 0);
        wrong |= (order_t)(!(size <= (real)REAL_MAX)) | (order_t)(quotient && !(range <= large));
    }
    return wrong == 0;
}

/* Adds the sums of groups [first, end) to total; one that overflows in a `real` is taken anew, in double. */
INLINE void measure_total(const terms_piece *piece, int64_t first, int64_t end, int64_t column, log_scale log,
                          const int kind, const real *sum, double *restrict total)
{
    for (int l = 0; l < LANES_OF_TERMS; l++) {
        double wide = 0;
        for (int64_t i = first; i < end && !(ABSOLUTE(sum[l]) <= (real)REAL_MAX); i++) {
            const real q = group_z(piece, i, column)[l], p = group_v(piece, i, column)[l];
            wide += (double)measure_element(kind, p, q, 0, log, 1).term;
        }
        total[l] += ABSOLUTE(sum[l]) <= (real)REAL_MAX ? (double)sum[l] : wide;
    }
}

/* What the derivatives of a column are multiplied with, and where they go: each group `step` behind the one before. */
typedef struct {
    ALIGNED real scale[LANES_OF_TERMS]; /* the factor as `real`; 0 or 1 where it is extreme */
    ALIGNED double factor[LANES_OF_TERMS];
    int extreme; /* whether one of them is */
    memory_ahead ahead;
    real *to;
    int64_t step;
} measure_outputs;

/* Adds the terms of groups [first, end) to total, and writes derivatives, times their scale, to `g`, where they all
 * have room and no input is. Returns whether all was ordinary; else it did nothing that counts. */
INLINE int measure_stretch(const terms_piece *piece, int64_t first, int64_t end, int64_t column, log_scale log,
                           const int kind, const int wrt_p, const measure_outputs *outputs, real *restrict g,
                           double *restrict total)
{
    enum { L = LANES_OF_TERMS };
    const int pairs = kind != CLOSS_ENTROPY;
    const int quotient = !wrt_p && (kind == CLOSS_PROBABILITY_CROSS_ENTROPY || kind == CLOSS_KL_DIVERGENCE);
    const int alone = wrt_p && kind == CLOSS_PROBABILITY_CROSS_ENTROPY; /* log q counts where p = 0 */
    const memory_ahead z_ahead = from_lane(piece->z_ahead, column), v_ahead = from_lane(piece->v_ahead, column);
    measure_seen seen;
    measure_unseen(&seen);
    ALIGNED real sum[L] = {0};
    for (int64_t i = first; i < end; i++) {
        const real *z = piece->z + i * piece->z_step + column, *v = piece->v + i * piece->v_step + column;
        fetch(z_ahead, i, L * sizeof(real));
        if (pairs) fetch(v_ahead, i, L * sizeof(real));
        fetch(outputs->ahead, i, L * sizeof(real));
#pragma omp simd
        for (int l = 0; l < L; l++) {
            const real q = z[l], p = pairs ? v[l] : q;
            const measure element = measure_element(kind, p, q, wrt_p, log, 0);
            sum[l] += element.term;
            g[(i - first) * L + l] = outputs->scale[l] == 0 ? 0 : element.slope * outputs->scale[l];
            measure_look(&seen, l, kind, quotient, alone, p, q);
        }
    }
    if (!measure_ordinary(&seen, sum, quotient)) return 0;
    for (int l = 0; l < L; l++) total[l] += (double)sum[l];
    return 1;
}

/* The terms where they need care. */
INLINE void measure_careful_terms(const terms_piece *piece, int64_t first, int64_t end, int64_t column, log_scale log,
                                  const int kind, double *restrict total)
{
    enum { L = LANES_OF_TERMS };
    ALIGNED real sum[L] = {0};
    for (int64_t i = first; i < end; i++) {
        const real *z = group_z(piece, i, column), *v = group_v(piece, i, column);
#pragma omp simd
        for (int l = 0; l < L; l++) sum[l] += measure_element(kind, v[l], z[l], 0, log, 1).term;
    }
    measure_total(piece, first, end, column, log, kind, sum, total);
}

/* Terms and derivatives where they need care; a group's are written when all of it is read. */
INLINE void measure_careful(const closs_softmax_args *args, const terms_piece *piece, int64_t first, int64_t end,
                            int64_t column, log_scale log, const int kind, const int wrt_p,
                            const measure_outputs *outputs, double *restrict total)
{
    enum { L = LANES_OF_TERMS };
    const int quotient = (kind == CLOSS_PROBABILITY_CROSS_ENTROPY || kind == CLOSS_KL_DIVERGENCE) && !wrt_p;
    const bits_t infinity = to_bits((real)INFINITY) << 1, least = to_bits((real)REAL_TINY) << 1;
    ALIGNED real sum[L] = {0};
    ALIGNED double wide[L] = {0}; /* the same, for those that overflow: inputs may be overwritten at the end */
    for (int64_t i = first; i < end; i++) {
        const real *z = group_z(piece, i, column), *v = group_v(piece, i, column);
        ALIGNED real slope[L];
        ALIGNED bits_t odd[L];
#pragma omp simd
        for (int l = 0; l < L; l++) {
            const measure element = measure_element(kind, v[l], z[l], wrt_p, log, 1);
            sum[l] += element.term;
            wide[l] += (double)element.term;
            slope[l] = outputs->scale[l] == 0 ? 0 : element.slope * outputs->scale[l];
            odd[l] = v[l] > 0 ? (to_bits(element.slope) << 1) - least : 0;
        }
        for (int l = 0; l < L; l++) {
            const int beyond = quotient && odd[l] >= infinity - least;
            if (outputs->extreme | beyond)
                slope[l] = measure_slope(slope[l], v[l], z[l], outputs->factor[l], beyond, quotient, args->base);
        }
        memcpy(outputs->to + i * outputs->step + column, slope, sizeof slope);
    }
    for (int l = 0; l < L; l++) total[l] += ABSOLUTE(sum[l]) <= (real)REAL_MAX ? (double)sum[l] : wide[l];
}

/* A stretch with care, and with derivatives unless `outputs` is NULL. */
static OUT_OF_LINE void measure_again(const closs_softmax_args *args, const terms_piece *piece, int64_t first,
                                      int64_t end, int64_t column, const measure_outputs *outputs,
                                      double *restrict total)
{
    const log_scale log = log_scale_of(args->result == CLOSS_JS_DIVERGENCE ? 0 : args->base);
    const int wrt_p = args->wrt_targets;
#define AGAIN(kind)                                                                                                    \
    if (outputs)                                                                                                       \
        measure_careful(args, piece, first, end, column, log, kind, wrt_p, outputs, total);                            \
    else                                                                                                               \
        measure_careful_terms(piece, first, end, column, log, kind, total);                                            \
    break
    switch (args->result) {
    case CLOSS_ENTROPY: AGAIN(CLOSS_ENTROPY);
    case CLOSS_PROBABILITY_CROSS_ENTROPY: AGAIN(CLOSS_PROBABILITY_CROSS_ENTROPY);
    case CLOSS_KL_DIVERGENCE: AGAIN(CLOSS_KL_DIVERGENCE);
    default: AGAIN(CLOSS_JS_DIVERGENCE);
    }
#undef AGAIN
}

/* Whether groups [first, end) of a piece, whose terms have this sum, need no care. */
INLINE int measure_plain(const terms_piece *piece, int64_t first, int64_t end, int64_t column, const int kind,
                         const real *sum)
{
    measure_seen seen;
    measure_unseen(&seen);
    for (int64_t i = first; i < end; i++) {
        const real *z = group_z(piece, i, column), *v = group_v(piece, i, column);
#pragma omp simd
        for (int l = 0; l < LANES_OF_TERMS; l++)
            measure_look(&seen, l, kind, 0, 0, kind == CLOSS_ENTROPY ? z[l] : v[l], z[l]);
    }
    return measure_ordinary(&seen, sum, 0);
}

/* Adds the terms of `width` lanes of a piece to total, without derivatives. All are looked at together; of those that
 * are not ordinary, stretch by stretch, only what needs care is taken anew. */
INLINE void measure_terms(const closs_softmax_args *args, const terms_piece *piece, int64_t width, const int kind,
                          double *restrict total)
{
    enum { L = LANES_OF_TERMS };
    const log_scale log = log_scale_of(kind == CLOSS_JS_DIVERGENCE ? 0 : args->base);
    const int pairs = kind != CLOSS_ENTROPY;
    const int64_t groups = piece->groups + piece->has_tail;
    measure_seen seen;
    measure_unseen(&seen);
    ALIGNED real sums[STRETCHES + 1][L]; /* of each stretch; a tail is one */
    ALIGNED order_t sizes[L] = {0};      /* the bits of the largest of them, or of one that is NaN */
    ALIGNED real largest[L];
    int64_t s = 0;
    for (int64_t c = 0; c < width; c += L) {
        const memory_ahead z_ahead = from_lane(piece->z_ahead, c), v_ahead = from_lane(piece->v_ahead, c);
        for (int64_t first = 0, end; first < groups; first = end, s++) {
            const real *z_here = group_z(piece, first, c), *v_here = group_v(piece, first, c);
            ALIGNED real sum[L] = {0};
            end = stretch_end(piece, first);
            for (int64_t i = first; i < end; i++) {
                const real *z = z_here + (i - first) * piece->z_step, *v = v_here + (i - first) * piece->v_step;
                fetch(z_ahead, i, L * sizeof(real));
                if (pairs) fetch(v_ahead, i, L * sizeof(real));
#pragma omp simd
                for (int l = 0; l < L; l++) {
                    const real q = z[l], p = pairs ? v[l] : q;
                    sum[l] += measure_element(kind, p, q, 0, log, 0).term;
                    measure_look(&seen, l, kind, 0, 0, p, q);
                }
            }
#pragma omp simd
            for (int l = 0; l < L; l++) {
                const order_t size = (order_t)to_bits(ABSOLUTE(sum[l]));
                sizes[l] = size > sizes[l] ? size : sizes[l];
                sums[s][l] = sum[l];
            }
        }
    }
    for (int l = 0; l < L; l++) largest[l] = from_bits((bits_t)sizes[l]);
    const int ordinary = measure_ordinary(&seen, largest, 0);
    s = 0;
    for (int64_t c = 0; c < width; c += L)
        for (int64_t first = 0, end; first < groups; first = end, s++) {
            end = stretch_end(piece, first);
            if (ordinary || measure_plain(piece, first, end, c, kind, sums[s]))
                for (int l = 0; l < L; l++) total[c + l] += (double)sums[s][l];
            else
                measure_again(args, piece, first, end, c, NULL, total + c);
        }
}

/* Adds the terms of a column of a piece to total, and writes derivatives. */
INLINE void measure_slopes(const closs_softmax_args *args, const terms_piece *piece, int64_t column, const int kind,
                           const int wrt_p, const measure_outputs *outputs, double *restrict total)
{
    enum { L = LANES_OF_TERMS };
    const log_scale log = log_scale_of(kind == CLOSS_JS_DIVERGENCE ? 0 : args->base);
    ALIGNED real held[TERMS_WIDENED * L]; /* derivatives may take the place of what must be read once more */
    for (int64_t first = 0; first < piece->groups; first += TERMS_WIDENED) {
        const int64_t end = piece->groups - first < TERMS_WIDENED ? piece->groups : first + TERMS_WIDENED;
        if (outputs->extreme || !measure_stretch(piece, first, end, column, log, kind, wrt_p, outputs, held, total)) {
            measure_again(args, piece, first, end, column, outputs, total);
            continue;
        }
        for (int64_t i = first; i < end; i++)
            memcpy(outputs->to + i * outputs->step + column, held + (i - first) * L, L * sizeof(real));
    }
}

static OUT_OF_LINE void measure_terms_of(const closs_softmax_args *args, const terms_piece *piece, int64_t width,
                                         double *restrict total)
{
    switch (args->result) {
    case CLOSS_ENTROPY: measure_terms(args, piece, width, CLOSS_ENTROPY, total); break;
    case CLOSS_PROBABILITY_CROSS_ENTROPY:
        measure_terms(args, piece, width, CLOSS_PROBABILITY_CROSS_ENTROPY, total);
        break;
    case CLOSS_KL_DIVERGENCE: measure_terms(args, piece, width, CLOSS_KL_DIVERGENCE, total); break;
    default: measure_terms(args, piece, width, CLOSS_JS_DIVERGENCE, total);
    }
}

static OUT_OF_LINE void measure_slopes_of(const closs_softmax_args *args, const terms_piece *piece, int64_t column,
                                          const measure_outputs *outputs, double *restrict total)
{
#define SLOPES(kind, in_p)                                                                                             \
    if (in_p)                                                                                                          \
        measure_slopes(args, piece, column, kind, 1, outputs, total);                                                  \
    else                                                                                                               \
        measure_slopes(args, piece, column, kind, 0, outputs, total);                                                  \
    break
    switch (args->result) {
    case CLOSS_ENTROPY: SLOPES(CLOSS_ENTROPY, 0);
    case CLOSS_PROBABILITY_CROSS_ENTROPY: SLOPES(CLOSS_PROBABILITY_CROSS_ENTROPY, args->wrt_targets);
    case CLOSS_KL_DIVERGENCE: SLOPES(CLOSS_KL_DIVERGENCE, args->wrt_targets);
    default: SLOPES(CLOSS_JS_DIVERGENCE, args->wrt_targets);
    }
#undef SLOPES
}

/* What derivatives of a column are multiplied with. By itself and in steps, because that is vector code. */
static OUT_OF_LINE void measure_factors(const closs_softmax_args *args, const terms_place *place, int64_t column,
                                        double divisor, measure_outputs *restrict outputs)
{
    enum { L = LANES_OF_TERMS };
    double *restrict factor = outputs->factor, extreme = 0;
    const double scale = args->scale;
    for (int l = 0; l < L; l++) factor[l] = place->weight[place->along ? 0 : column + l];
#pragma omp simd
    for (int l = 0; l < L; l++) {
        const double product = factor[l] * scale;
        factor[l] = factor[l] == 0 ? 0 : product; /* the scale of no weights is NaN */
    }
    for (int l = 0; divisor != 1 && l < L; l++) factor[l] /= divisor;
#pragma omp simd reduction(+ : extreme)
    for (int l = 0; l < L; l++) {
        const double size = fabs(factor[l]), some = factor[l] == 0 ? 0 : 1;
        const double large = size >= (double)REAL_TINY ? factor[l] : 0, fits = size <= (double)REAL_MAX ? large : 0;
        extreme += fits == factor[l] ? 0 : some;
        outputs->scale[l] = (real)(fits == factor[l] ? fits : some);
    }
    outputs->extreme = extreme > 0;
}

/* n classes from `first`: their terms are added to the sums of lanes, 16 of them for each 16 samples, and their
 * derivatives written if a gradient is wanted. */
static void measure_pieces(const closs_softmax_args *args, const terms_place *place, int64_t first, int64_t n,
                           int slopes, terms_tile *tile, double *sums)
{
    enum { L = LANES_OF_TERMS };
    const int64_t grad_stride = class_stride_of(args, args->grad.strides);
    const terms_piece *piece = &tile->piece;
    terms_pieces(args, place, args->targets.data ? MEASURE_PAIRS : MEASURE_ONE, first, n, tile);
    real *g =
        slopes ? terms_direct(place, args->grad.data, grad_dtype(args), place->grad, grad_stride, first, place->count)
               : NULL;
    real *to = g ? g : tile->z;
    const int64_t step = place->along ? L : g ? grad_stride : place->width;
    const memory_ahead g_ahead = grad_ahead(args, place, g, step, first);
    const double divisor = log_divisor(args);
    if (!slopes) {
        measure_terms_of(args, piece, place->along ? L : place->width, sums);
        return;
    }
    measure_outputs outputs;
    for (int64_t c = 0; c < (place->along ? 1 : place->width); c += L) {
        /* Those of the first lanes are those of all where nothing is weighted. */
        if (c == 0 || args->sample_weight.data) measure_factors(args, place, c, divisor, &outputs);
        outputs.ahead = from_lane(g_ahead, c), outputs.to = to, outputs.step = step;
        measure_slopes_of(args, piece, c, &outputs, sums + c);
        if (!piece->has_tail) continue;
        const terms_piece tail = tail_of(piece);
        ALIGNED real last[L];
        outputs.to = last, outputs.step = 0;
        measure_slopes_of(args, &tail, 0, &outputs, sums);
        memcpy(to + piece->groups * L, last, (size_t)(n - piece->groups * L) * sizeof(real));
    }
    if (g) return;
    if (place->along)
        store_reals(tile->z, n, args->grad.data, grad_dtype(args), place->grad[0] + first * grad_stride, grad_stride);
    else
        tile_store(tile->z, place->width, place->count, first, n, args->grad.data, grad_dtype(args), place->grad,
                   grad_stride);
}

/* Classes [begin, end) of the one sample. */
static double measure_along(const closs_softmax_args *args, const terms_place *place, int64_t begin, int64_t end,
                            int slopes, terms_tile *tile)
{
    ALIGNED double sum[LANES_OF_TERMS] = {0};
    for (int64_t first = begin; first < end; first += TERM_TILE)
        measure_pieces(args, place, first, end - first < TERM_TILE ? end - first : TERM_TILE, slopes, tile, sum);
    terms_fold(sum);
    return sum[0];
}

/* -log q[label], and its derivative: everything but the label's class is 0. */
static double measure_label(const closs_softmax_args *args, const terms_place *place, int64_t l)
{
    const int64_t stride = class_stride_of(args, args->logits.strides);
    const int64_t grad_stride = class_stride_of(args, args->grad.strides);
    const real q = place->label[l] < 0
                       ? (real)NAN
                       : load_real(args->logits.data, args->dtype, place->logits[l] + place->label[l] * stride);
    const measure one = measure_cross_entropy(1, q, 0, log_scale_of(args->base), 1);
    if (args->grad.data) {
        const row_view grad = {args->grad.data, grad_dtype(args), place->grad[l], grad_stride};
        const double factor = place->weight[l] * args->scale / log_divisor(args);
        const real plain = is_extreme(factor) ? one.slope : (real)((double)one.slope * factor);
        const real size = ABSOLUTE(one.slope);
        const int odd = !((size >= (real)REAL_TINY) & (size <= (real)REAL_MAX));
        const real slope = measure_slope(plain, 1, q, factor, odd, 1, args->base);
        row_zero(&grad, NULL, 0, args->classes);
        if (place->label[l] >= 0 && place->weight[l] != 0)
            store_reals(&slope, 1, args->grad.data, grad_dtype(args), place->grad[l] + place->label[l] * grad_stride,
                        1);
    }
    return (double)one.term;
}

/* Few samples, cut into lanes: their sums. */
static OUT_OF_LINE void measures_of_cut(const closs_softmax_args *args, int kind, sample_cursor *cursor,
                                        terms_place *place, terms_tile *tile, double *sum)
{
    ALIGNED double part[TERM_WIDE] = {0};
    cut_samples cut;
    cut_begin(args, kind, cursor, place, tile, &cut);
    measure_pieces(&cut.args, cut.place, 0, TERMS_WIDENED, args->grad.data != NULL, tile, part);
    for (int64_t l = 0; l < place->count * cut.lanes; l++) sum[l / cut.lanes] += part[l];
    cut_store(args, &cut, place, args->grad.data != NULL);
}

static void measures(const closs_softmax_args *args, int64_t begin, int64_t end, double *total)
{
    enum { L = LANES_OF_TERMS };
    const int along = !samples_are_lanes(args, FEW_MEASURES) && !args->labels.data, slopes = args->grad.data != NULL;
    const int64_t classes = args->classes;
    const int kind = args->targets.data ? MEASURE_PAIRS : MEASURE_ONE;
    terms_place place;
    terms_tile tile;
    value_sum values = {{0}, 0};
    sample_cursor cursor = cursor_at(args, begin, end);
    while (cursor.left > 0) {
        ALIGNED double sum[TERM_WIDE] = {0}, weight[L], value[TERM_WIDE];
        int64_t at[L], chunk = 0;
        int64_t count = cursor.left < L ? cursor.left : L; /* rows, of which values are made together */
        for (int64_t i = 0; along && i < count; i++) {
            terms_take(args, &cursor, 1, 1, &place);
            for (int64_t first = 0; first < classes; first += CLOSS_PART)
                sum[i] += measure_along(args, &place, first,
                                        classes - first < CLOSS_PART ? classes : first + CLOSS_PART, slopes, &tile);
            weight[i] = place.weight[0];
            at[i] = place.values[0];
        }
        if (!along && !args->labels.data && are_worth_cutting(args, cursor.left)) {
            measures_of_cut(args, kind, &cursor, &place, &tile, sum);
            count = place.count;
        } else if (!along) {
            count = terms_count(args, &cursor, kind, REAL_DTYPE, TERM_TILE, &chunk);
            terms_take(args, &cursor, count, 0, &place);
            if (args->labels.data)
                for (int64_t l = 0; l < count; l++) sum[l] = measure_label(args, &place, l);
            else
                for (int64_t first = 0; first < classes; first += chunk)
                    measure_pieces(args, &place, first, classes - first < chunk ? classes - first : chunk, slopes,
                                   &tile, sum);
        }
        measure_values(args, count, sum, along ? weight : place.weight, value);
        if (args->values.data) store_values(args, along ? at : place.values, count, value);
        value_sum_add(&values, value, count);
    }
    *total += value_sum_total(&values);
}

static void measures_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                          closs_softmax_part *part)
{
    terms_place place;
    terms_tile tile;
    terms_one(args, sample, &place);
    part->stored = 0;
    state_clear(&part->state, args, EXP_SCALE);
    part->state.moment = measure_along(args, &place, begin, end, 0, &tile);
}

static double measures_value(const closs_softmax_args *args, int64_t sample, const closs_softmax_state *row)
{
    terms_place place;
    terms_one(args, sample, &place);
    double value;
    measure_values(args, 1, &row->moment, place.weight, &value);
    if (args->values.data) store_value(args, place.values[0], value);
    return value;
}

static void measures_write(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                           const closs_softmax_part *part, const closs_softmax_state *row)
{
    (void)part, (void)row;
    terms_place place;
    terms_tile tile;
    terms_one(args, sample, &place);
    if (args->grad.data) measure_along(args, &place, begin, end, 1, &tile);
}
/* Names that the table of kernels.h uses as they are. */
#undef measures
#undef measures_part
#undef measures_value
#undef measures_write

/* terms_outputs.h: gradient and Hessian of the sums of softmax_terms.h, whose formulas and names these are, from the
 * exponentials in the tile.
 */
#define terms_outputs KERNEL(terms_outputs)
#define terms_outputs_kind KERNEL(terms_outputs_kind)
#define terms_outputs_widely KERNEL(terms_outputs_widely)
#define terms_factors KERNEL(terms_factors)
#define terms_factors_for KERNEL(terms_factors_for)
#define terms_factors_of KERNEL(terms_factors_of)
#define terms_exps KERNEL(terms_exps)
#define terms_keep KERNEL(terms_keep)
#define terms_shrink KERNEL(terms_shrink)
#define terms_are_stored KERNEL(terms_are_stored)
#define grad_has_room KERNEL(grad_has_room)
#define terms_scratch KERNEL(terms_scratch)
#define terms_store KERNEL(terms_store)
#define terms_write_pieces KERNEL(terms_write_pieces)
#define terms_write_along KERNEL(terms_write_along)
#define divides_exactly KERNEL(divides_exactly)

/* Whether dividing by x is multiplying by 1 / x: a power of two. */
INLINE int divides_exactly(double x)
{
    return (double_to_bits(x) & (((uint64_t)1 << 52) - 1)) == 0 && x >= 0x1p-60 && x <= 0x1p60;
}

/* What entries are made with, of 16 samples, or in all lanes of the one sample. */
typedef struct {
    ALIGNED real base[LANES_OF_TERMS], target_base[LANES_OF_TERMS], rest[LANES_OF_TERMS], whole[LANES_OF_TERMS];
    ALIGNED real share[LANES_OF_TERMS], mean[LANES_OF_TERMS], weight[LANES_OF_TERMS], weight_low[LANES_OF_TERMS];
    ALIGNED real scale[LANES_OF_TERMS], at_e[LANES_OF_TERMS], at_q[LANES_OF_TERMS], exactly[LANES_OF_TERMS];
    ALIGNED real likely[LANES_OF_TERMS]; /* the exponential of the maximum, where p > 1/2 and what is near 1 is left to
                                          * cancel exactly, else NaN */
    ALIGNED double wide_scale[LANES_OF_TERMS]; /* what derivatives are multiplied by */
    ALIGNED double lost[LANES_OF_TERMS];       /* whether a factor, or M, loses digits as a `real` */
    int extreme;                               /* whether any is lost that counts */
    const terms_totals *total;
} terms_factors;

#define AT_MAXIMUM ((real)EXP_SCALE) /* an exponential */

INLINE void terms_factors_for(const closs_softmax_args *args, const int kind, const terms_totals *restrict total,
                              terms_factors *restrict f)
{
    const int distillation = kind == TERMS_DISTILLATION;
    const double divisor = distillation ? args->temperature : log_of_base(args->base), unit = total->unit;
    double extreme = 0;
    for (int l = 0; l < LANES_OF_TERMS; l++) f->wide_scale[l] = total->sample[l] * args->scale;
    for (int l = 0; divisor != 1 && l < LANES_OF_TERMS; l++) f->wide_scale[l] /= divisor;
#pragma omp simd reduction(+ : extreme)
    for (int l = 0; l < LANES_OF_TERMS; l++) {
        const double W = total->weight[l], s = f->wide_scale[l], share = total->share[l];
        const double at_q = distillation ? total->target_share[l] * s : 1;
        const double at_e = fabs(s) > 1 ? W * s * share : W * share * s; /* nothing smaller on the way */
        const double size[5] = {fabs(W), fabs(s), fabs(W * s), fabs(at_e), fabs(at_q)};
        const double M = kind == TERMS_ENTROPY ? fabs(total->mean[l]) : 0, missing = total->rest[l] * share;
        const double target_rest = distillation ? total->target_rest[l] : 0;
        const double rest = target_rest > total->rest[l] ? target_rest : total->rest[l];
        double least = size[0], most = size[0], all = size[0]; /* is_extreme of all five, as vector code */
        for (int i = 1; i < 5; i++) {
            least = size[i] < least ? size[i] : least;
            most = size[i] > most ? size[i] : most;
            all += size[i];
        }
        const double lost = least >= REAL_TINY && most + all * 0 <= REAL_MAX ? (M > 0 && M < REAL_TINY ? 1 : 0) : 1;
        f->base[l] = (real)base_of(total->max[l]);
        f->target_base[l] = (real)base_of(total->target_max[l]);
        f->rest[l] = (real)total->rest[l];
        f->whole[l] = (real)(total->rest[l] + unit);
        f->share[l] = (real)share;
        f->mean[l] = (real)total->mean[l];
        f->weight[l] = (real)W;
        f->weight_low[l] = (real)(W - (double)(real)W);
        f->scale[l] = (real)s;
        f->at_e[l] = (real)at_e;
        f->at_q[l] = (real)at_q;
        f->exactly[l] =
            (real)(kind == TERMS_TARGETS ? W * missing : total->target_rest[l] * total->target_share[l] - missing);
        f->likely[l] = rest < unit && fabs(W) < INFINITY ? AT_MAXIMUM : (real)NAN;
        f->lost[l] = lost;
        extreme += W != 0 ? lost : 0;
    }
    f->extreme = extreme != 0;
    f->total = total;
}

static OUT_OF_LINE void terms_factors_of(const closs_softmax_args *args, const terms_totals *total, terms_factors *f)
{
    const int kind = terms_kind(args);
    if (kind == TERMS_ENTROPY)
        terms_factors_for(args, TERMS_ENTROPY, total, f);
    else if (kind == TERMS_DISTILLATION)
        terms_factors_for(args, TERMS_DISTILLATION, total, f);
    else
        terms_factors_for(args, TERMS_TARGETS, total, f);
}

/* The exponentials of groups. `exact`: dividing by the temperature is multiplying. */
INLINE void terms_exps(const real *z, int64_t step, int64_t groups, const real *base, real temperature, const int exact,
                       real *e, int64_t e_step)
{
    enum { L = LANES_OF_TERMS };
    ALIGNED real low[L];
    const real lowest = exp_lowest(), inverse = 1 / temperature;
    for (int l = 0; l < L; l++) low[l] = base[l];
    for (int64_t g = 0; g < groups; g++) {
#pragma omp simd
        for (int l = 0; l < L; l++) {
            const real gap = z[g * step + l] - low[l];
            e[g * e_step + l] = exp_above(exact ? gap * inverse : gap / temperature, lowest);
        }
    }
}

/* Of a piece, relative to these maxima, of each lane. `stored`: those of z are there, but for the tail's. */
static OUT_OF_LINE void terms_keep(const closs_softmax_args *args, int kind, const real *base, const real *target_base,
                                   const terms_piece *piece, int64_t column, int stored)
{
    const real T = kind == TERMS_DISTILLATION ? terms_temperature(args) : 1;
    const int exact = kind != TERMS_DISTILLATION || divides_exactly(args->temperature);
    for (int array = 0; array < (kind == TERMS_DISTILLATION ? 2 : 1); array++)
        for (int at_tail = stored && array == 0; at_tail <= piece->has_tail; at_tail++) {
            const real *given = array ? piece->v : piece->z, *tail = array ? piece->v_tail : piece->z_tail;
            const int64_t step = array ? piece->v_step : piece->z_step, groups = at_tail ? 1 : piece->groups;
            const real *from = at_tail ? tail : given + column, *low = array ? target_base : base;
            real *e_tail = array ? piece->q_tail : piece->e_tail;
            real *e = at_tail ? e_tail : (array ? piece->q : piece->e) + column;
            if (exact)
                terms_exps(from, step, groups, low, T, 1, e, piece->e_step);
            else
                terms_exps(from, step, groups, low, T, 0, e, piece->e_step);
        }
}

/* The exponentials of the one sample, relative to a maximum of its first classes, made relative to that of all. */
static void terms_shrink(real *e, int64_t n, double max, double whole_max, double temperature)
{
    const double gap = max == whole_max ? 0 : (max - whole_max) / temperature;
    if (gap == 0) return;
    const real by = (real)times_exp(1, gap);
    if (by < REAL_TINY) { /* digits of it are lost, those of products need not be */
        for (int64_t i = 0; i < n; i++) e[i] = (real)times_exp((double)e[i], gap);
        return;
    }
#pragma omp simd
    for (int64_t i = 0; i < n; i++) e[i] *= by;
}

/* Gradient (to g) and Hessian (h) of a piece, from its exponentials. `curved`: the Hessian is wanted. */
INLINE void terms_outputs(const int kind, const int curved, const terms_factors *factors, const terms_piece *piece,
                          int64_t column, memory_ahead g_ahead, real *g, int64_t g_step, real *h, int64_t h_step)
{
    enum { L = LANES_OF_TERMS };
    /* Copies, because what is written could change the others; those that are not used cost nothing. */
    ALIGNED real base[L], rest[L], whole[L], share[L], mean[L], weight[L], weight_low[L], scale[L], at_e[L], at_q[L];
    ALIGNED real exactly[L], likely[L];
#pragma omp simd
    for (int l = 0; l < L; l++) {
        base[l] = factors->base[l];
        rest[l] = factors->rest[l];
        whole[l] = factors->whole[l];
        share[l] = factors->share[l];
        mean[l] = factors->mean[l];
        weight[l] = factors->weight[l];
        weight_low[l] = factors->weight_low[l];
        scale[l] = factors->scale[l];
        at_e[l] = factors->at_e[l];
        at_q[l] = factors->at_q[l];
        exactly[l] = factors->exactly[l];
        likely[l] = factors->likely[l];
    }
    for (int64_t i = 0; i < piece->groups; i++) {
        const real *z = piece->z + i * piece->z_step + column, *v = piece->v + i * piece->v_step + column;
        const real *e = piece->e + i * piece->e_step + column, *q = piece->q + i * piece->e_step + column;
        real *slope = g + i * g_step + column, *curvature = curved ? h + i * h_step + column : NULL;
        fetch(g_ahead, i, L * sizeof(real));
#pragma omp simd
        for (int l = 0; l < L; l++) {
            const real each = e[l];
            real gradient = 0, hessian = 0;
            if (kind == TERMS_TARGETS) {
                const real plain = each * at_e[l] - v[l] * scale[l];
                const real near = (((weight[l] - v[l]) + weight_low[l]) - exactly[l]) * scale[l];
                gradient = each == likely[l] ? near : plain;
            }
            if (curved) {
                const real others = each == AT_MAXIMUM ? rest[l] : whole[l] - each;
                hessian = each * at_e[l] * (others * share[l]);
            }
            if (kind == TERMS_ENTROPY) {
                const real far = (0 - (z[l] - base[l])) - mean[l]; /* of a certain class 0, not -0 */
                const real entry = each * far * at_e[l];           /* what makes it small last: rounded once */
                gradient = each == 0 ? at_e[l] * 0 : entry;        /* NaN all the same where S is */
            }
            if (kind == TERMS_DISTILLATION) {
                const real target = q[l], near = exactly[l] * scale[l];
                const real plain = each * at_e[l] - target * at_q[l];
                gradient = ((each == likely[l]) & (target == AT_MAXIMUM)) ? near : plain;
            }
            /* A sample of weight 0 is absent, whatever its logits made of it. */
            if (kind != TERMS_NONE) slope[l] = weight[l] == 0 ? 0 : gradient;
            if (curved) curvature[l] = weight[l] == 0 ? 0 : hessian;
        }
    }
}

static OUT_OF_LINE void terms_outputs_kind(int kind, int curved, const terms_factors *factors, const terms_piece *piece,
                                           int64_t column, const memory_ahead *g_ahead, real *g, int64_t g_step,
                                           real *h, int64_t h_step)
{
#define OUTPUTS(kind, curved) terms_outputs(kind, curved, factors, piece, column, *g_ahead, g, g_step, h, h_step)
    if (kind == TERMS_NONE)
        OUTPUTS(TERMS_NONE, 1);
    else if (kind == TERMS_TARGETS && curved)
        OUTPUTS(TERMS_TARGETS, 1);
    else if (kind == TERMS_TARGETS)
        OUTPUTS(TERMS_TARGETS, 0);
    else if (kind == TERMS_ENTROPY)
        OUTPUTS(TERMS_ENTROPY, 0);
    else
        OUTPUTS(TERMS_DISTILLATION, 0);
#undef OUTPUTS
}

/* The same where factors are extreme: entries of lanes that would lose digits are computed in double. */
static OUT_OF_LINE void terms_outputs_widely(int kind, const terms_factors *f, const terms_piece *piece, int64_t column,
                                             real *g, int64_t g_step, real *h, int64_t h_step)
{
    enum { L = LANES_OF_TERMS };
    const terms_totals *total = f->total;
    const memory_ahead nowhere = {(uintptr_t)piece, 0, 0, 0};
    for (int64_t i = 0; i < piece->groups; i++) {
        ALIGNED real slope[L], curvature[L];
        terms_piece one = *piece;
        one.groups = 1;
        one.z += i * one.z_step + column, one.v += i * one.v_step + column;
        one.e += i * one.e_step + column, one.q += i * one.e_step + column;
        terms_outputs_kind(kind, h != NULL, f, &one, 0, &nowhere, slope, 0, curvature, 0);
        for (int l = 0; l < L; l++) {
            const double W = total->weight[l], e = (double)one.e[l], v = (double)one.v[l], share = total->share[l];
            const double scale = f->wide_scale[l];
            if (W == 0 || f->lost[l] == 0) continue;
            /* What may underflow is multiplied last. */
            const double p = fabs(W) < 1 ? e * share * W : e * (W * share);
            const real but_one = one.e[l] == AT_MAXIMUM ? f->rest[l] : f->whole[l] - one.e[l];
            double gradient = 0;
            if (kind == TERMS_TARGETS)
                gradient = one.e[l] == f->likely[l] ? (W - v) - W * (total->rest[l] * share) : p - v;
            if (kind == TERMS_ENTROPY) {
                const double far = (double)(f->base[l] - one.z[l]) - total->mean[l];
                gradient = e == 0 ? share * 0 : e * far * share;
            }
            if (kind == TERMS_DISTILLATION) {
                const int near = (one.e[l] == f->likely[l]) & (one.q[l] == AT_MAXIMUM);
                gradient = near ? (double)f->exactly[l] : p - (double)one.q[l] * total->target_share[l];
            }
            /* Nothing stays nothing, also times a scale beyond the type, but not times the scale of no weights, which
             * is NaN. */
            const double curve = p * (double)(but_one * f->share[l]), scaled = scale != scale ? scale : 0;
            slope[l] = (real)(gradient == 0 ? scaled : gradient * scale);
            curvature[l] = (real)(curve == 0 ? scaled : curve * scale);
        }
        if (kind != TERMS_NONE) memcpy(g + i * g_step + column, slope, sizeof slope);
        if (h) memcpy(h + i * h_step + column, curvature, sizeof curvature);
    }
}

/* Gradient and Hessian of the n classes from `first` in the tile, or of their exponentials that are `kept` there, of
 * `lanes` lanes from `lane`: samples, or the classes of one. */
static void terms_write_pieces(const closs_softmax_args *args, const terms_place *place, const terms_factors *factors,
                               int kept, int64_t first, int64_t n, int64_t lane, int64_t lanes, terms_tile *tile)
{
    enum { L = LANES_OF_TERMS };
    const int kind = terms_kind(args);
    const int64_t grad_stride = class_stride_of(args, args->grad.strides);
    const int64_t hess_stride = class_stride_of(args, args->hess.strides);
    /* The gradient of labels without smoothing is that of the fast kernels. */
    const int grad = args->grad.data && kind != TERMS_NONE, hess = args->hess.data != NULL;
    real *g =
        grad ? terms_direct(place, args->grad.data, grad_dtype(args), place->grad, grad_stride, first, place->count)
             : NULL;
    real *h =
        hess ? terms_direct(place, args->hess.data, hess_dtype(args), place->hess, hess_stride, first, place->count)
             : NULL;
    real *g_to = g ? g : tile->z, *h_to = !hess ? NULL : h ? h : tile->v;
    const int64_t g_step = place->along ? L : g ? grad_stride : place->width;
    const int64_t h_step = place->along ? L : h ? hess_stride : place->width;
    const int64_t whole = n / L * L;
    const memory_ahead g_ahead = grad_ahead(args, place, g, g_step, first);
    for (int64_t c = lane; c < lane + lanes; c += L) {
        const memory_ahead lane_ahead = from_lane(g_ahead, c);
        const terms_factors *f = &factors[(c - lane) / L];
        const terms_piece *piece = &tile->piece;
        if (!kept) terms_keep(args, kind, f->base, f->target_base, piece, c, 0);
        if (f->extreme)
            terms_outputs_widely(kind, f, piece, c, g_to, g_step, h_to, h_step);
        else
            terms_outputs_kind(kind, hess, f, piece, c, &lane_ahead, g_to, g_step, h_to, h_step);
        if (!piece->has_tail) continue;
        ALIGNED real last_g[L], last_h[L];
        const terms_piece last = tail_of(piece);
        if (f->extreme)
            terms_outputs_widely(kind, f, &last, 0, last_g, 0, h_to ? last_h : NULL, 0);
        else
            terms_outputs_kind(kind, hess, f, &last, 0, &lane_ahead, last_g, 0, last_h, 0);
        for (int64_t l = 0; l < n - whole; l++) {
            g_to[whole + l] = last_g[l];
            if (h_to) h_to[whole + l] = last_h[l];
        }
    }
    if (place->along) {
        if (grad && !g)
            store_reals(tile->z, n, args->grad.data, grad_dtype(args), place->grad[0] + first * grad_stride,
                        grad_stride);
        if (hess && !h)
            store_reals(tile->v, n, args->hess.data, hess_dtype(args), place->hess[0] + first * hess_stride,
                        hess_stride);
    } else {
        const int64_t samples = place->count - lane < lanes ? place->count - lane : lanes;
        if (grad && !g)
            tile_store(tile->z + lane, place->width, samples, first, n, args->grad.data, grad_dtype(args),
                       place->grad + lane, grad_stride);
        if (hess && !h)
            tile_store(tile->v + lane, place->width, samples, first, n, args->hess.data, hess_dtype(args),
                       place->hess + lane, hess_stride);
    }
}

/* Whether exponentials that a tile has no room for are of use for a gradient; and whether that has room for them. */
INLINE int terms_are_stored(const closs_softmax_args *args)
{
    return args->grad.data && terms_kind(args) != TERMS_NONE && args->classes > TERM_TILE;
}

INLINE int grad_has_room(const closs_softmax_args *args)
{
    return grad_dtype(args) == REAL_DTYPE && class_stride_of(args, args->grad.strides) == 1 &&
           args->grad.data != args->logits.data;
}

static int64_t terms_scratch(const closs_softmax_args *args)
{
    const int of_use = terms_are_stored(args) && args->classes <= (int64_t)PARTS_KEPT * CLOSS_PART;
    return of_use && !grad_has_room(args) ? args->classes * (int64_t)sizeof(real) : 0;
}

/* Where the exponentials (+ class) of the part of the one sample that ends at `end` are stored, or NULL: then they are
 * computed once more. */
INLINE real *terms_store(const closs_softmax_args *args, const terms_place *place, int64_t end)
{
    const int64_t room = args->scratch_bytes / (int64_t)sizeof(real);
    if (!terms_are_stored(args)) return NULL;
    if (grad_has_room(args)) return (real *)args->grad.data + place->grad[0];
    return args->scratch && end - place->first_class <= room ? (real *)args->scratch - place->first_class : NULL;
}

/* Gradient and Hessian of classes [begin, end) of the one sample, a part. Exponentials are those that were summed,
 * relative to the maxima that they were summed with, `block_max`, or NULL. `store`: there they are, or NULL. */
static OUT_OF_LINE void terms_write_along(const closs_softmax_args *args, const terms_place *place,
                                          const terms_totals *total, int64_t begin, int64_t end,
                                          const double *block_max, real *store, terms_tile *tile)
{
    enum { L = LANES_OF_TERMS };
    const int kind = terms_kind(args), kept = !store && tile->piece.keeps; /* in the tile, which has room for all */
    const double temperature = kind == TERMS_DISTILLATION ? args->temperature : 1;
    const terms_piece *piece = &tile->piece;
    double max = -INFINITY, target_max = -INFINITY;
    terms_factors factors;
    terms_factors_of(args, total, &factors);
    for (int64_t first = begin, t = 0; first < end; first += TERM_TILE, t++) {
        const int64_t n = end - first < TERM_TILE ? end - first : TERM_TILE, tail = n % L;
        if (!kept) {
            ALIGNED real base[L], target_base[L];
            terms_pieces(args, place, kind, first, n, tile);
            if (block_max)
                max = block_max[2 * t], target_max = block_max[2 * t + 1];
            else
                terms_max_along(kind, piece, &max, &target_max);
            for (int l = 0; l < L; l++) base[l] = (real)base_of(max), target_base[l] = (real)base_of(target_max);
            if (store) tile->piece.e = store + first, tile->piece.e_tail = tile->tail[2];
            terms_keep(args, kind, base, target_base, piece, 0, store != NULL);
            terms_shrink(piece->e, n - tail, max, total->max[0], temperature);
            terms_shrink(piece->e_tail, tail, max, total->max[0], temperature);
            if (kind == TERMS_DISTILLATION) {
                terms_shrink(piece->q, n - tail, target_max, total->target_max[0], temperature);
                terms_shrink(piece->q_tail, tail, target_max, total->target_max[0], temperature);
            }
        }
        terms_write_pieces(args, place, &factors, 1, first, n, 0, L, tile);
    }
}

/* measures.h: measures of probabilities, in double for every dtype; q is the array of args->logits, p that of args->targets
 * (of an entropy args->logits alone). A distribution's value is the sum of
 *
 *   entropy         -p log p,                  derivative -log p - 1
 *   cross-entropy   -p log q,                  in q: -p / q,   in p: -log q
 *   KL              p log(p / q),              in q: -p / q,   in p: log(p / q) + 1
 *   JS              (p log(p / m) + q log(q / m)) / 2, m = (p + q) / 2,    in p: log(p / m) / 2
 *
 * log(p / q) takes both exponents away as integers, brings the mantissas within a factor of sqrt(2), and is k ln 2 +
 * 2 atanh((p' - q') / (p' + q')): p' - q' is exact, so p near q keeps its relative accuracy, and p = q gives exactly 0.
 * JS, with d = |p - q| / (p + q): m (d atanh d + log1p(-d^2) / 2) where d < 0.9, which is not negative term by term, else
 * the two logarithms; both are symmetric to the bit. (J. Lin 1991 defines it.)
 *
 * Layout and passes: as softmax_terms.h, whose tiles these are; nothing is rescaled. Accumulators: a tile in sums of a lane.
 * Error: at most 8 eps of the sum of |terms|.
 *
 * Special values, element by element: 0 log 0 = 0 log(0 / 0) = 0; p > 0 = q is +inf; numbers below 0 and NaN make NaN;
 * where p = q = 0 every derivative is 0.
 */
#define measures KERNEL(measures)
#define measures_part KERNEL(measures_part)
#define measures_value KERNEL(measures_value)
#define measures_write KERNEL(measures_write)

/* A logarithm is k x high + (k x low + log m x one): of base e, or of base 2, where powers of two are exact. */
typedef struct {
    double high, low, one;
} log_scale;

INLINE log_scale log_scale_of(double base)
{
    const log_scale nats = {LN2_HIGH, LN2_LOW, 1}, bits = {1, 0, 1.4426950408889634074};
    return base == 2 ? bits : nats;
}

/* What a result is divided by. JS is computed in nats. */
static double log_divisor(const closs_softmax_args *args)
{
    return args->base == 2 && args->result != CLOSS_JS_DIVERGENCE ? 1 : log_of_base(args->base);
}

/* log(p / q) of positive finite numbers. */
INLINE double ratio_log(double p, double q, log_scale scale)
{
    const uint64_t fraction = ((uint64_t)1 << 52) - 1, one = (uint64_t)1023 << 52;
    /* Subnormals are scaled to normal numbers, and their exponents corrected. */
    const double p_tiny = p < 0x1p-1022 ? 0x1p54 : 1, q_tiny = q < 0x1p-1022 ? 0x1p54 : 1;
    const double p_less = p < 0x1p-1022 ? 54 : 0, q_less = q < 0x1p-1022 ? 54 : 0;
    const uint64_t p_bits = double_to_bits(p * p_tiny), q_bits = double_to_bits(q * q_tiny);
    const double p_exponent = bits_to_double(double_to_bits(0x1p52) + (p_bits >> 52)) - p_less;
    const double q_exponent = bits_to_double(double_to_bits(0x1p52) + (q_bits >> 52)) - q_less;
    const double a = bits_to_double((p_bits & fraction) | one), b = bits_to_double((q_bits & fraction) | one);
    const double half = a > 1.4142135623730950488 * b ? 0.5 : 1, twice = b > 1.4142135623730950488 * a ? 2 : 1;
    const double more = a > 1.4142135623730950488 * b ? 1 : 0, less = b > 1.4142135623730950488 * a ? 1 : 0;
    const double k = (p_exponent - q_exponent) + more - less, near = a * half * twice;
    const double s = (near - b) / (near + b), square = s * s;
    double rest = 0.14797032719085902429; /* those of log1p_positive */
    rest = FMA(rest, square, 0.15313951613307108245);
    rest = FMA(rest, square, 0.18183567814176257872);
    rest = FMA(rest, square, 0.22222198513697290296);
    rest = FMA(rest, square, 0.28571428742889332838);
    rest = FMA(rest, square, 0.39999999999412791441);
    rest = FMA(rest, square, 0.66666666666667346382);
    const double log = 2 * s + s * square * rest;
    return FMA(k, scale.high, FMA(k, scale.low, scale.one * log));
}

typedef struct {
    double term, slope; /* what an element adds, and its derivative */
} measure;

INLINE measure measure_entropy(double p, log_scale scale)
{
    const double finite = ratio_log(p, 1, scale), log = p == INFINITY ? p : finite;
    const double term = -p * log, slope = -(log + scale.one);
    const double other = p == 0 ? 0 : (double)NAN, edge = p == 0 ? (double)INFINITY : (double)NAN;
    return (measure){p > 0 ? term : other, p > 0 ? slope : edge};
}

/* What cross-entropy and KL have in common: elements that are not both positive. */
INLINE measure measure_pair(double p, double q, double term, double in_p, double in_q, double at_zero, int wrt_p)
{
    const int both = (p > 0) & (q > 0), fit = (p >= 0) & (q >= 0), nothing = (p == 0) & (q == 0);
    const double invalid = fit ? 0 : (double)NAN;
    const double edge = (p > 0) & fit ? (double)INFINITY : invalid; /* p > 0 = q: +inf; p = 0: 0 */
    const double in_p_edge = q == 0 ? (double)INFINITY : at_zero;
    const double edge_slope = wrt_p ? in_p_edge : in_q;
    const double other_slope = nothing ? 0 : edge_slope + invalid;
    return (measure){both ? term : edge, both ? (wrt_p ? in_p : in_q) : other_slope};
}

INLINE measure measure_cross_entropy(double p, double q, int wrt_p, log_scale scale)
{
    const double finite = ratio_log(q, 1, scale), log = q == INFINITY ? q : finite;
    return measure_pair(p, q, -p * log, 0 - log, 0 - p / q * scale.one, 0 - log, wrt_p);
}

INLINE measure measure_kl(double p, double q, int wrt_p, log_scale scale)
{
    const double finite = ratio_log(p, q, scale), limit = p == INFINITY ? (double)NAN : -(double)INFINITY;
    const double upper = p == INFINITY ? p : finite, log = q == INFINITY ? limit : upper;
    return measure_pair(p, q, p * log, log + scale.one, 0 - p / q * scale.one, -(double)INFINITY, wrt_p);
}

INLINE measure measure_js(double p, double q, int wrt_p)
{
    const double high = p > q ? p : q, low = p > q ? q : p, sum = p + q; /* NaN: in sum */
    const double d = (high - low) / sum;
    const int near = d < 0.9;
    /* Where the quotient could overflow it is taken 2^-100 times, and the logarithm 100 ln 2 larger. */
    const int steep = low < high * 0x1p-900;
    const double unit = steep ? 0x1p100 : 1, more = steep ? 69.314718055994530942 : 0;
    const double first = log1p_positive(near ? (high - low) / low : d);
    const double second = log1p_positive(near ? d * d / (1 - d * d) : (high - low) / (2 * low * unit)) + more;
    const double far = high * first - (low == 0 ? 0 : low * second);
    const double close = 0.5 * sum * (d * first - second);
    /* The derivative in `x`, of the other number y: log(2x / (x + y)) / 2, as log1p of what is not negative. */
    const double x = wrt_p ? p : q, y = wrt_p ? q : p;
    const double above = (x - y) / sum, below = (y - x) / (2 * x * unit);
    const double log = log1p_positive(x < y ? below : above) + (x < y ? more : 0);
    const double slope = x < y ? -0.5 * log : 0.5 * log;
    const int fit = (p >= 0) & (q >= 0), nothing = sum == 0;
    const double value = nothing ? 0 : 0.5 * (near ? close : far);
    return (measure){fit ? value : (double)NAN, fit ? (nothing ? 0 : slope) : (double)NAN};
}

/* One loop for sums or for derivatives, of which `slopes` replace the tile's z. */
#define MEASURE_LOOP(expression)                                                                                       \
    for (int64_t i = 0; i < groups * LANES_OF_TERMS; i += LANES_OF_TERMS) {                                            \
        _Pragma("omp simd") for (int l = 0; l < LANES_OF_TERMS; l++)                                                   \
        {                                                                                                              \
            const double q = tile->z[i + l], p = tile->v[i + l];                                                       \
            const measure element = expression;                                                                        \
            (void)p;                                                                                                   \
            if (slopes)                                                                                                \
                tile->z[i + l] = element.slope;                                                                        \
            else                                                                                                       \
                sum[l] += element.term;                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    break

INLINE void measure_tile(const closs_softmax_args *args, int64_t groups, const int slopes, const int wrt_p,
                         terms_tile *tile, double *restrict total)
{
    const log_scale scale = log_scale_of(args->base);
    ALIGNED double sum[LANES_OF_TERMS];
    for (int l = 0; l < LANES_OF_TERMS; l++) sum[l] = total[l];
    switch (args->result) {
    case CLOSS_ENTROPY: MEASURE_LOOP(measure_entropy(q, scale));
    case CLOSS_PROBABILITY_CROSS_ENTROPY: MEASURE_LOOP(measure_cross_entropy(p, q, wrt_p, scale));
    case CLOSS_KL_DIVERGENCE: MEASURE_LOOP(measure_kl(p, q, wrt_p, scale));
    default: MEASURE_LOOP(measure_js(p, q, wrt_p));
    }
    for (int l = 0; l < LANES_OF_TERMS; l++) total[l] = sum[l];
}

/* Both arrays; the last group along classes is filled up with zeros, which add nothing. */
static void measure_read(const closs_softmax_args *args, const terms_place *place, int64_t first, int64_t n,
                         terms_tile *tile)
{
    terms_load(place, args->logits.data, args->dtype, place->logits, class_stride_of(args->logits.strides, args->ndim),
               first, n, 0, tile->z);
    if (args->targets.data)
        terms_load(place, args->targets.data, args->target_dtype, place->targets,
                   class_stride_of(args->targets.strides, args->ndim), first, n, 0, tile->v);
}

/* Adds classes [begin, end) to the sums of lanes; where these are classes all is folded into the first. */
static void measure_sum(const closs_softmax_args *args, const terms_place *place, int64_t begin, int64_t end,
                        terms_tile *tile, double *sum)
{
    const int64_t step = tile_classes(place);
    for (int64_t first = begin; first < end; first += step) {
        const int64_t n = end - first < step ? end - first : step;
        measure_read(args, place, first, n, tile);
        measure_tile(args, tile_groups(place, n), 0, 0, tile, sum);
    }
    if (place->along) terms_fold(sum);
}

static void measure_write(const closs_softmax_args *args, const terms_place *place, int64_t begin, int64_t end,
                          terms_tile *tile)
{
    const int64_t step = tile_classes(place);
    ALIGNED double unused[LANES_OF_TERMS] = {0}, scale[LANES_OF_TERMS];
    for (int l = 0; l < LANES_OF_TERMS; l++)
        scale[l] = place->weight[place->along ? 0 : l] * args->scale / log_divisor(args);
    for (int64_t first = begin; first < end; first += step) {
        const int64_t n = end - first < step ? end - first : step, groups = tile_groups(place, n);
        measure_read(args, place, first, n, tile);
        if (args->wrt_targets)
            measure_tile(args, groups, 1, 1, tile, unused);
        else
            measure_tile(args, groups, 1, 0, tile, unused);
        for (int64_t i = 0; i < groups * LANES_OF_TERMS; i += LANES_OF_TERMS) {
            for (int l = 0; l < LANES_OF_TERMS; l++) tile->z[i + l] = scale[l] == 0 ? 0 : tile->z[i + l] * scale[l];
        }
        terms_store(place, tile->z, first, n, args->grad.data, grad_dtype(args), place->grad,
                    class_stride_of(args->grad.strides, args->ndim));
    }
}

/* -log q[label], and its derivative: everything but the label's class is 0. */
static double measure_label(const closs_softmax_args *args, const terms_place *place, int l)
{
    const int64_t stride = class_stride_of(args->logits.strides, args->ndim);
    const int64_t grad_stride = class_stride_of(args->grad.strides, args->ndim);
    const double q = place->label[l] < 0
                         ? (double)NAN
                         : load_real(args->logits.data, args->dtype, place->logits[l] + place->label[l] * stride);
    const measure one = measure_cross_entropy(1, q, 0, log_scale_of(args->base));
    if (args->grad.data) {
        const double zero = 0, slope = one.slope * (place->weight[l] * args->scale) / log_divisor(args);
        for (int64_t j = 0; j < args->classes; j++)
            store_reals(&zero, 1, args->grad.data, grad_dtype(args), place->grad[l] + j * grad_stride, 1);
        if (place->label[l] >= 0 && place->weight[l] != 0)
            store_reals(&slope, 1, args->grad.data, grad_dtype(args), place->grad[l] + place->label[l] * grad_stride,
                        1);
    }
    return one.term;
}

static double measure_value(const closs_softmax_args *args, double sum, double weight)
{
    if (weight == 0) return 0;
    double value = sum / log_divisor(args);
    if (args->dtype != CLOSS_F64) value = (double)(float)value;
    return weight * value + 0.0;
}

static void measures(const closs_softmax_args *args, int64_t begin, int64_t end, double *total)
{
    const int along = !closs_lanes_of_samples(args) && !args->labels.data;
    terms_place place;
    terms_tile tile;
    value_sum values = {{0}, 0};
    sample_cursor cursor = cursor_at(args, begin, end);
    while (cursor.left > 0) {
        const int64_t most = along ? 1 : LANES_OF_TERMS, count = cursor.left < most ? cursor.left : most;
        ALIGNED double sum[LANES_OF_TERMS] = {0}, value[LANES_OF_TERMS];
        terms_take(args, &cursor, count, along, &place);
        if (args->labels.data) {
            for (int l = 0; l < count; l++) sum[l] = measure_label(args, &place, l);
        } else if (along) {
            for (int64_t first = 0; first < args->classes; first += CLOSS_PART) {
                ALIGNED double part[LANES_OF_TERMS] = {0};
                const int64_t stop = args->classes - first < CLOSS_PART ? args->classes : first + CLOSS_PART;
                measure_sum(args, &place, first, stop, &tile, part);
                sum[0] += part[0];
            }
        } else {
            measure_sum(args, &place, 0, args->classes, &tile, sum);
        }
        for (int l = 0; l < count; l++) value[l] = measure_value(args, sum[l], place.weight[l]);
        if (args->values.data)
            for (int l = 0; l < count; l++) store_value(args, place.values[l], value[l]);
        value_sum_add(&values, value, count);
        if (args->grad.data && !args->labels.data) measure_write(args, &place, 0, args->classes, &tile);
    }
    *total += value_sum_total(&values);
}

static void measures_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                          closs_softmax_part *part)
{
    terms_place place;
    terms_tile tile;
    ALIGNED double sum[LANES_OF_TERMS] = {0};
    terms_one(args, sample, &place);
    part->stored = 0;
    state_clear(&part->state, args, 0x1p54);
    measure_sum(args, &place, begin, end, &tile, sum);
    part->state.moment = sum[0];
}

static double measures_value(const closs_softmax_args *args, int64_t sample, const closs_softmax_state *row)
{
    terms_place place;
    terms_one(args, sample, &place);
    const double value = measure_value(args, row->moment, place.weight[0]);
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
    if (args->grad.data) measure_write(args, &place, begin, end, &tile);
}
#undef MEASURE_LOOP

#undef measures
#undef measures_part
#undef measures_value
#undef measures_write

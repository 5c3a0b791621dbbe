/* elementwise.h: losses whose value belongs to one element: of d = prediction - target for regression, of logit and
 * target for the sigmoid cross-entropy. Each is one inline function from an element to value, slope and curvature (the
 * first and second derivative in the prediction); the loop around them exists once, below.
 *
 * Passes: one over memory, in blocks of 512 floats or 256 doubles, in place where elements have no gaps; of runs that
 * are shorter (a view without its last column) several together. Arithmetic is in `real`. A value is rounded to it
 * before it is weighted, and summed in double from the first addition, in 16 lanes by the number of the element in its
 * block of samples.
 *
 * Error: at most 2 ulp of the value for the rounded d (log-cosh, pseudo-Huber and the sigmoid's 4).
 *
 * Special values: every loss keeps NaN, in slope and curvature too. An element of weight 0 is absent: 0 throughout.
 */
#define element KERNEL(element)
#define element_l1 KERNEL(element_l1)
#define element_mse KERNEL(element_mse)
#define element_huber KERNEL(element_huber)
#define element_smooth_l1 KERNEL(element_smooth_l1)
#define element_pseudo_huber KERNEL(element_pseudo_huber)
#define element_log_cosh KERNEL(element_log_cosh)
#define element_quantile KERNEL(element_quantile)
#define element_sigmoid KERNEL(element_sigmoid)
#define element_loss KERNEL(element_loss)
#define element_source KERNEL(element_source)
#define element_results KERNEL(element_results)
#define element_store KERNEL(element_store)
#define element_place KERNEL(element_place)
#define element_sum KERNEL(element_sum)
#define element_arrays KERNEL(element_arrays)
#define element_plain KERNEL(element_plain)
#define elementwise KERNEL(elementwise)

typedef struct {
    real value, slope, curvature;
} element;

/* Beside d a loss gets its parameter (delta, beta, quantile), and what is computed from it once. */
INLINE element element_l1(real d)
{
    const real nothing = d == d ? 0 : d;
    return (element){ABSOLUTE(d), d > 0 ? 1 : d < 0 ? -1 : nothing, nothing};
}

INLINE element element_mse(real d)
{
    return (element){d * d, 2 * d, d == d ? 2 : d};
}

INLINE element element_huber(real d, real delta)
{
    const real a = ABSOLUTE(d);
    const int linear = a > delta; /* NaN is not */
    const real curvature = d == d ? 1 : d;
    return (element){linear ? delta * (a - (real)0.5 * delta) : (real)0.5 * d * d, linear ? SIGNED(delta, d) : d,
                     linear ? 0 : curvature};
}

/* beta > 0, ratio = d / beta, which comes first because d^2 may overflow where the loss does not. */
INLINE element element_smooth_l1(real d, real ratio, real beta, real inverse)
{
    const real a = ABSOLUTE(d);
    const int linear = a > beta;
    const real curvature = d == d ? inverse : d;
    return (element){linear ? a - (real)0.5 * beta : (real)0.5 * d * ratio, linear ? SIGNED(1, d) : ratio,
                     linear ? 0 : curvature};
}

/* near and far, |d| and delta times the power of two that brings the larger to [2, 4): no square overflows, and nothing
 * cancels in delta (sqrt(d^2 + delta^2) - delta) = delta d^2 / (sqrt(d^2 + delta^2) + delta). Far below delta, where
 * the quotient could underflow, it is d^2 / 2 to the last bit. */
INLINE element element_pseudo_huber(real d, real delta)
{
    const bits_t one = (bits_t)1 << MANTISSA_BITS, exponents = (bits_t)(2 * EXPONENT_BIAS + 1) << MANTISSA_BITS;
    const real a = ABSOLUTE(d), larger = delta > a ? delta : a; /* NaN is the larger */
    const bits_t power = to_bits(larger) & exponents;
    const real down = from_bits(exponents - (power < one ? one : power)), near = a * down, far = delta * down;
    const real root = SQRT(FMA(near, near, far * far)), inverse = 1 / root, steep = far * inverse;
    const int square = a < delta * (real)(REAL_DTYPE == CLOSS_F32 ? 0x1p-13 : 0x1p-28), finite = a < (real)INFINITY;
    const real value = square ? (real)0.5 * a * a : delta * (a * (near / (root + far)));
    const real slope = square ? a : delta * (near * inverse), at_end = d == d ? delta : d;
    return (element){finite ? value : a, SIGNED(finite ? slope : at_end, d),
                     finite   ? steep * steep * steep
                     : d == d ? 0
                              : d};
}

/* |d| <= 1: log1p(c) with c = cosh d - 1, and sinh d / cosh d, by their Taylor series (to d^18, 1e-17). Beyond that
 * |d| + log1p(E) - log 2, (1 - E) / (1 + E) and 4 E / (1 + E)^2 with E = exp(-2 |d|). */
INLINE element element_log_cosh(real d)
{
    const real a = ABSOLUTE(d), square = a <= 1 ? a * a : 1;
    real c = FMA(square, (real)(1 / 306.0), (real)1.0);
    c = FMA(square * (real)(1 / 240.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 182.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 132.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 90.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 56.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 30.0), c, (real)1.0);
    c = FMA(square * (real)(1 / 12.0), c, (real)1.0);
    c = (real)0.5 * square * c;
    real s = FMA(square, (real)(1 / 272.0), (real)1.0);
    s = FMA(square * (real)(1 / 210.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 156.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 110.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 72.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 42.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 20.0), s, (real)1.0);
    s = FMA(square * (real)(1 / 6.0), s, (real)1.0);
    const real e = exp_scaled(-2 * a) * EXP_UNIT, far = 1 / (1 + e);
    const int near = a <= 1;
    const real log = log1p_positive(near ? c : e);
    const real tangent = near ? a * s / (1 + c) : (1 - e) * far;
    const real curvature = near ? 1 / ((1 + c) * (1 + c)) : 4 * e * far * far;
    return (element){near ? log : a + (log - (real)LN2), d == d ? SIGNED(tangent, d) : d, d == d ? curvature : d};
}

/* over = 1 - quantile, the slope above the target. 0 inf is 0 here: that side is free. */
INLINE element element_quantile(real d, real quantile, real over)
{
    const real nothing = d == d ? 0 : d;
    const real slope = d > 0 ? over : d < 0 ? -quantile : nothing;
    const real value = slope * d;
    return (element){slope == 0 ? 0 : value, slope, nothing};
}

/* a log(1 + exp(-z)) + b log(1 + exp(z)) with a = positive x target, b = 1 - target; a factor of 0 leaves its term
 * out. */
INLINE element element_sigmoid(real z, real target, real positive)
{
    const real a = target == 0 ? 0 : positive * target, b = 1 - target, size = ABSOLUTE(z);
    const real e = exp_scaled(-size) * EXP_UNIT, log = log1p_positive(e), share = 1 / (1 + e);
    const real is_one = z < 0 ? e * share : share, is_zero = z < 0 ? share : e * share;
    const real as_one = a * ((z < 0 ? size : 0) + log), as_zero = b * ((z > 0 ? size : 0) + log);
    const real value = (a == 0 ? 0 : as_one) + (b == 0 ? 0 : as_zero);
    return (element){z == z ? value : z, b * is_one - a * is_zero, (a + b) * (e * share * share)};
}

#undef ELEMENTS
#define ELEMENTS (2048 / (int)sizeof(real))

#ifndef CLOSS_ELEMENT_SIZES
#define CLOSS_ELEMENT_SIZES
enum { AT_PRED, AT_TARGET, AT_WEIGHT, AT_POSITIVE, AT_VALUES, AT_GRAD, AT_HESS, AT_ARRAYS };
enum { SHORT_RUN = 16 }; /* elements of a run that are not worth a loop */

/* Elements along the innermost axis, and runs of them, at equal distances, along the last but one. */
typedef struct {
    int64_t first[AT_ARRAYS], step[AT_ARRAYS], apart[AT_ARRAYS]; /* offsets in elements */
    int64_t length, runs;
} element_runs;

/* From element `next` on, `limit` elements at most: what is left of its run, or several whole ones, of `together`
 * elements at most. */
static element_runs element_runs_at(const closs_elementwise_args *args, int64_t next, int64_t limit, int64_t together)
{
    const int64_t *strides[AT_ARRAYS] = {args->pred.strides,       args->target.strides, args->sample_weight.strides,
                                         args->pos_weight.strides, args->values.strides, args->grad.strides,
                                         args->hess.strides};
    element_runs at = {{0}, {0}, {0}, limit, 1};
    int64_t packed = 1, inner = 0;
    for (int32_t axis = args->ndim - 1; axis >= 0; axis--) {
        const int64_t extent = args->shape[axis];
        const int64_t index = axis == 0 ? next : next % extent;
        next = axis == 0 ? 0 : next / extent;
        for (int k = 0; k < AT_ARRAYS; k++) {
            const int64_t step = strides[k] ? strides[k][axis] : packed;
            at.first[k] += index * step;
            if (axis == args->ndim - 1) at.step[k] = step;
            if (axis == args->ndim - 2) at.apart[k] = step;
        }
        if (axis == args->ndim - 1) {
            inner = index;
            if (at.length > extent - index) at.length = extent - index;
        }
        if (axis == args->ndim - 2 && inner == 0) {
            const int64_t fit = (limit < together ? limit : together) / at.length, left = extent - index;
            at.runs = fit < 1 ? 1 : fit < left ? fit : left;
        }
        packed *= extent;
    }
    return at;
}

#endif

/* v, and unless NULL g and h, of n elements; then leaves the switch. */
#define ELEMENT_LOOP(expression)                                                                                       \
    if (!g) {                                                                                                          \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++) v[i] = (expression).value;                                 \
    } else if (!h) {                                                                                                   \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                                            \
        {                                                                                                              \
            const element e = expression;                                                                              \
            v[i] = e.value;                                                                                            \
            g[i] = e.slope * scale;                                                                                    \
        }                                                                                                              \
    } else {                                                                                                           \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                                            \
        {                                                                                                              \
            const element e = expression;                                                                              \
            v[i] = e.value;                                                                                            \
            g[i] = e.slope * scale;                                                                                    \
            h[i] = e.curvature * scale;                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    break

#if CLOSS_REAL == 32
#define element_loss_f64 CLOSS_JOIN(element_loss_f64_, CLOSS_ISA)

/* Of a delta or beta that float does not hold, or only some digits of: in double, which holds every d^2 as well. */
static OUT_OF_LINE void element_loss_in_double(closs_elementwise_loss loss, double parameter, const real *p,
                                               const real *t, int64_t n, real scale, real *restrict v, real *g, real *h)
{
    enum { AT_ONCE = 64 };
    const double zero[AT_ONCE] = {0};
    double d[AT_ONCE], value[AT_ONCE], slope[AT_ONCE], curvature[AT_ONCE];
    for (int64_t first = 0; first < n; first += AT_ONCE) {
        const int64_t count = n - first < AT_ONCE ? n - first : AT_ONCE;
        for (int64_t i = 0; i < count; i++) d[i] = (double)(p[first + i] - t[first + i]);
        element_loss_f64(loss, parameter, d, zero, NULL, count, 1, value, slope, curvature);
        for (int64_t i = 0; i < count; i++) {
            v[first + i] = (real)value[i];
            if (g) g[first + i] = (real)slope[i] * scale;
            if (h) h[first + i] = (real)curvature[i] * scale;
        }
    }
}
#undef element_loss_f64
#endif

static OUT_OF_LINE void element_loss(closs_elementwise_loss loss, double parameter, const real *p, const real *t,
                                     const real *positive, int64_t n, real scale, real *restrict v, real *g, real *h)
{
#if CLOSS_REAL == 32
    const int has_width = loss == CLOSS_HUBER || loss == CLOSS_SMOOTH_L1 || loss == CLOSS_PSEUDO_HUBER;
    if (has_width && (parameter < REAL_TINY || (parameter > REAL_MAX && parameter < INFINITY))) {
        element_loss_in_double(loss, parameter, p, t, n, scale, v, g, h);
        return;
    }
#endif
    const real delta = (real)parameter, over = (real)(1 - parameter), inverse = 1 / delta;
    switch (loss) {
    case CLOSS_L1: ELEMENT_LOOP(element_l1(p[i] - t[i]));
    case CLOSS_MSE: ELEMENT_LOOP(element_mse(p[i] - t[i]));
    case CLOSS_HUBER: ELEMENT_LOOP(element_huber(p[i] - t[i], delta));
    case CLOSS_SMOOTH_L1:
        if (divides_exactly(parameter)) {
            ELEMENT_LOOP(element_smooth_l1(p[i] - t[i], (p[i] - t[i]) * inverse, delta, inverse));
        }
        ELEMENT_LOOP(element_smooth_l1(p[i] - t[i], (p[i] - t[i]) / delta, delta, inverse));
    case CLOSS_PSEUDO_HUBER: ELEMENT_LOOP(element_pseudo_huber(p[i] - t[i], delta));
    case CLOSS_LOG_COSH: ELEMENT_LOOP(element_log_cosh(p[i] - t[i]));
    case CLOSS_QUANTILE: ELEMENT_LOOP(element_quantile(p[i] - t[i], delta, over));
    case CLOSS_SIGMOID_CROSS_ENTROPY: ELEMENT_LOOP(element_sigmoid(p[i], t[i], positive[i]));
    }
}

/* The elements of one array (AT_...): themselves, or a copy. */
static OUT_OF_LINE const real *element_source(const void *data, closs_dtype dtype, const element_runs *at, int which,
                                              real *buffer)
{
    const int64_t first = at->first[which], step = at->step[which], apart = at->apart[which], length = at->length;
    const int joined = step == 1 && (at->runs == 1 || apart == length);
    const int repeated = step == 0 && (at->runs == 1 || apart == 0);
    const real one = load_real(data, dtype, first);
    if (joined && dtype == REAL_DTYPE) return (const real *)data + first;
    if (joined)
        load_reals(data, dtype, first, 1, length * at->runs, buffer);
    else if (repeated)
        for (int64_t i = 0; i < length * at->runs; i++) buffer[i] = one;
    else if (length < SHORT_RUN)
        load_runs(data, dtype, first, step, length, apart, at->runs, buffer);
    else
        for (int64_t r = 0; r < at->runs; r++)
            load_reals(data, dtype, first + r * apart, step, length, buffer + r * length);
    return buffer;
}

/* The way back. */
static OUT_OF_LINE void element_store(const real *from, void *data, closs_dtype dtype, const element_runs *at,
                                      int which)
{
    const int64_t first = at->first[which], step = at->step[which], apart = at->apart[which], length = at->length;
    if (step == 1 && (at->runs == 1 || apart == length))
        store_reals(from, length * at->runs, data, dtype, first, 1);
    else if (length < SHORT_RUN)
        store_runs(from, data, dtype, first, step, length, apart, at->runs);
    else
        for (int64_t r = 0; r < at->runs; r++)
            store_reals(from + r * length, length, data, dtype, first + r * apart, step);
}

/* Derivatives to where they belong, weighted if there are weights. */
static OUT_OF_LINE void element_results(real *computed, const double *weight, double scale, void *data,
                                        closs_dtype dtype, const element_runs *at, int which)
{
    if (weight)
        for (int64_t i = 0; i < at->length * at->runs; i++)
            computed[i] = weight[i] == 0 ? 0 : (real)((double)computed[i] * (weight[i] * scale));
    element_store(computed, data, dtype, at, which);
}

/* Lanes in registers, where the sum starts with the first of them. Meanwhile the same number of elements from each
 * address is fetched: hardware stops fetching where no memory is read. */
INLINE void element_sum(value_sum *sum, const real *v, int64_t n, const uintptr_t *ahead, const int arrays)
{
    const int64_t out = (BATCH - sum->next % BATCH) % BATCH, head = out < n ? out : n; /* lanes to the first one */
    for (int64_t i = 0; i < head; i++) sum->lane[(sum->next + i) % BATCH] += (double)v[i];
    sum->next += n;
    v += head, n -= head;
    int64_t i = 0;
    if (n >= BATCH) {
        ALIGNED double lane[BATCH];
        for (int l = 0; l < BATCH; l++) lane[l] = sum->lane[l];
        for (; i + BATCH <= n; i += BATCH) {
            for (int k = 0; k < arrays; k++) fetch_lines(ahead[k] + (uintptr_t)i * sizeof(real), BATCH * sizeof(real));
#pragma omp simd
            for (int l = 0; l < BATCH; l++) lane[l] += (double)v[i + l];
        }
        for (int l = 0; l < BATCH; l++) sum->lane[l] = lane[l];
    }
    for (; i < n; i++) sum->lane[i % BATCH] += (double)v[i];
}

/* Contiguous arrays of `real`. */
typedef struct {
    const real *pred, *target, *positive; /* the last one ELEMENTS long, whatever the others are */
    real *values, *grad, *hess;           /* NULL: not wanted */
} element_arrays;

/* `count` elements without weights. */
static void element_plain(closs_elementwise_loss loss, double parameter, const element_arrays *arrays,
                          stream_writer *stream, double scale, int64_t count, value_sum *values)
{
    ALIGNED real v[ELEMENTS], slopes[ELEMENTS], curvatures[ELEMENTS];
    for (int64_t first = 0; first < count; first += ELEMENTS) {
        const int64_t n = count - first < ELEMENTS ? count - first : ELEMENTS;
        const size_t bytes = (size_t)n * sizeof(real);
        const real *p = arrays->pred + first, *t = arrays->target + first;
        real *to = arrays->values ? arrays->values + first : v;
        real *g = arrays->grad ? arrays->grad + first : NULL, *h = arrays->hess ? arrays->hess + first : NULL;
        real *slope = (stream && g) || (h && !g) ? slopes : g;
        element_loss(loss, parameter, p, t, arrays->positive, n, (real)scale, to, slope, stream && h ? curvatures : h);
        if (stream && g) stream_bytes(&stream[0], g, slopes, bytes);
        if (stream && h) stream_bytes(&stream[1], h, curvatures, bytes);
        const uintptr_t after_next = 2 * ELEMENTS * sizeof(real);
        const uintptr_t ahead[] = {(uintptr_t)p + after_next, (uintptr_t)t + after_next,
                                   (uintptr_t)(g ? g : h) + after_next, (uintptr_t)h + after_next};
        if (first + 2 * ELEMENTS >= count)
            element_sum(values, to, n, NULL, 0);
        else if (stream || !(g || h))
            element_sum(values, to, n, ahead, 2);
        else if (!h)
            element_sum(values, to, n, ahead, 3);
        else
            element_sum(values, to, n, ahead, 4);
    }
}

INLINE real *element_place(void *data, const element_runs *at, int which)
{
    return data ? (real *)data + at->first[which] : NULL;
}

static void elementwise(const closs_elementwise_args *args, int64_t begin, int64_t end, double *sum)
{
    ALIGNED real p_copy[ELEMENTS], t_copy[ELEMENTS], positive_copy[ELEMENTS];
    ALIGNED real v[ELEMENTS], slopes[ELEMENTS], curvatures[ELEMENTS];
    ALIGNED double weights[ELEMENTS];
    const closs_dtype target_type = wide_dtype(args->dtype, args->wide_target);
    const closs_dtype grad_type = wide_dtype(args->dtype, args->wide_grad);
    const closs_dtype hess_type = wide_dtype(args->dtype, args->wide_hess);
    closs_elementwise_loss loss = args->loss;
    if (loss == CLOSS_SMOOTH_L1 && args->parameter == 0) loss = CLOSS_L1;
    if (loss == CLOSS_PSEUDO_HUBER && args->parameter == INFINITY) loss = CLOSS_HUBER; /* even where d is infinite */
    const double *weight = args->sample_weight.data ? weights : NULL;
    const int plain = args->dtype == REAL_DTYPE && grad_type == REAL_DTYPE && hess_type == REAL_DTYPE && !weight &&
                      !args->pos_weight.data;
    const int stream = plain && !args->fresh && (args->grad.data || args->hess.data) &&
                       args->grad.data != args->pred.data && worth_streaming(args->shape, args->ndim, sizeof(real));
    for (int64_t i = 0; loss == CLOSS_SIGMOID_CROSS_ENTROPY && i < ELEMENTS; i++) positive_copy[i] = 1;
    stream_writer writers[2] = {{{0}, NULL, 0}, {{0}, NULL, 0}}; /* of gradient and Hessian */
    value_sum values = {{0}, 0};
    for (int64_t next = begin; next < end;) {
        element_runs at = element_runs_at(args, next, end - next, ELEMENTS);
        next += at.length * at.runs;
        const int packed = at.step[AT_PRED] == 1 && at.step[AT_TARGET] == 1 &&
                           (!args->grad.data || at.step[AT_GRAD] == 1) && (!args->hess.data || at.step[AT_HESS] == 1) &&
                           (!args->values.data || at.step[AT_VALUES] == 1);
        if (plain && packed && at.runs == 1) {
            const element_arrays arrays = {
                (const real *)args->pred.data + at.first[AT_PRED],
                (const real *)args->target.data + at.first[AT_TARGET],
                positive_copy,
                element_place(args->values.data, &at, AT_VALUES),
                element_place(args->grad.data, &at, AT_GRAD),
                element_place(args->hess.data, &at, AT_HESS),
            };
            element_plain(loss, args->parameter, &arrays, stream ? writers : NULL, args->scale, at.length, &values);
            continue;
        }
        /* Several runs, or one by pieces. */
        for (int64_t left = at.length; left > 0;) {
            at.length = left < ELEMENTS ? left : ELEMENTS;
            const int64_t n = at.length * at.runs;
            const real *p = element_source(args->pred.data, args->dtype, &at, AT_PRED, p_copy);
            const real *t = element_source(args->target.data, target_type, &at, AT_TARGET, t_copy);
            const real *positive = positive_copy;
            if (args->pos_weight.data)
                positive =
                    element_source(args->pos_weight.data, args->pos_weight_dtype, &at, AT_POSITIVE, positive_copy);
            /* Straight to the caller's gradient where nothing is left to be done to it. */
            const int direct =
                !weight && grad_type == REAL_DTYPE && at.step[AT_GRAD] == 1 && at.runs == 1 && args->grad.data;
            real *g = direct                               ? element_place(args->grad.data, &at, AT_GRAD)
                      : args->grad.data || args->hess.data ? slopes
                                                           : NULL;
            real *h = args->hess.data ? curvatures : NULL;
            element_loss(loss, args->parameter, p, t, positive, n, weight ? 1 : (real)args->scale, v, g, h);
            for (int64_t r = 0; weight && r < at.runs; r++)
                for (int64_t i = 0; i < at.length; i++)
                    weights[r * at.length + i] =
                        weight_at(&args->sample_weight, args->sample_weight_dtype,
                                  at.first[AT_WEIGHT] + r * at.apart[AT_WEIGHT] + i * at.step[AT_WEIGHT]);
            if (args->grad.data && !direct)
                element_results(g, weight, args->scale, args->grad.data, grad_type, &at, AT_GRAD);
            if (h) element_results(h, weight, args->scale, args->hess.data, hess_type, &at, AT_HESS);
            if (weight) {
                for (int64_t i = 0; i < n; i++) weights[i] = weights[i] == 0 ? 0 : weights[i] * (double)v[i];
                value_sum_add(&values, weights, n);
                if (args->values.data)
                    for (int64_t i = 0; i < n; i++) v[i] = (real)weights[i];
            } else {
                element_sum(&values, v, n, NULL, 0);
            }
            if (args->values.data) element_store(v, args->values.data, REAL_DTYPE, &at, AT_VALUES);
            left -= at.length;
            for (int k = 0; k < AT_ARRAYS && left > 0; k++) at.first[k] += ELEMENTS * at.step[k];
        }
    }
    for (int k = 0; k < 2 && stream; k++) stream_end(&writers[k]);
    *sum += value_sum_total(&values);
}
#undef ELEMENT_LOOP
/* Names that the table of kernels.h uses as they are. */
#undef elementwise

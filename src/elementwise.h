/* elementwise.h: the one loop around the losses of element_losses.h.
 *
 * Passes: one over memory, in blocks of 512 floats or 256 doubles, in place where elements have no gaps; of runs that
 * are shorter (a view without its last column) several together. Arithmetic is in `real`. A value is rounded to it
 * before it is weighted, and summed in double from the first addition, in 16 lanes by the number of the element in its
 * block of samples. An element of weight 0 is absent: 0 throughout.
 */
#define element_loss KERNEL(element_loss)
#define element_source KERNEL(element_source)
#define element_weights KERNEL(element_weights)
#define element_weigh KERNEL(element_weigh)
#define element_store KERNEL(element_store)
#define element_place KERNEL(element_place)
#define element_sum KERNEL(element_sum)
#define element_sum_products KERNEL(element_sum_products)
#define element_sum_weighted KERNEL(element_sum_weighted)
#define element_arrays KERNEL(element_arrays)
#define element_packed KERNEL(element_packed)
#define elementwise KERNEL(elementwise)

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

/* v, unless NULL g, and beside it h, of n elements; then leaves the switch. */
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

/* Of a parameter outside of the range of normal floats: in double, which holds every d^2 as well. */
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
    const int has_parameter = loss == CLOSS_HUBER || loss == CLOSS_SMOOTH_L1 || loss == CLOSS_PSEUDO_HUBER ||
                              (loss == CLOSS_QUANTILE && parameter > 0);
    if (has_parameter && (parameter < REAL_TINY || (parameter > REAL_MAX && parameter < INFINITY))) {
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
        load_packed(data, dtype, first, length * at->runs, buffer);
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
        store_packed(from, length * at->runs, data, dtype, first);
    else if (length < SHORT_RUN)
        store_runs(from, data, dtype, first, step, length, apart, at->runs);
    else
        for (int64_t r = 0; r < at->runs; r++)
            store_reals(from + r * length, length, data, dtype, first + r * apart, step);
}

/* Weights of elements, floats or doubles. */
typedef struct {
    const void *data; /* NULL: none */
    int are_floats;
} element_weights;

/* Weighs n derivatives where they are. */
static OUT_OF_LINE void element_weigh(real *computed, const element_weights *weights, int64_t first, int64_t n,
                                      double scale)
{
#define WEIGH(are_floats)                                                                                              \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                                                \
    {                                                                                                                  \
        const double weight = nth_weight(weights->data, are_floats, first + i);                                        \
        const real product = (real)((double)computed[i] * (weight * scale));                                           \
        computed[i] = weight == 0 ? 0 : product;                                                                       \
    }
    if (weights->are_floats)
        WEIGH(1)
    else
        WEIGH(0)
#undef WEIGH
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

INLINE void element_sum_products(value_sum *sum, const real *v, const void *weights, const int are_floats, int64_t n)
{
    ALIGNED double lane[BATCH];
    int64_t i = 0;
#define VALUE(i) weighted_value(nth_weight(weights, are_floats, i), (double)v[i])
    for (; i < n && sum->next % BATCH != 0; i++) sum->lane[sum->next++ % BATCH] += VALUE(i);
    for (int l = 0; l < BATCH; l++) lane[l] = sum->lane[l];
    for (int64_t whole = i + (n - i) / BATCH * BATCH; i < whole; i += BATCH) {
        sum->next += BATCH;
#pragma omp simd
        for (int l = 0; l < BATCH; l++) lane[l] += VALUE(i + l);
    }
    for (int l = 0; l < BATCH; l++) sum->lane[l] = lane[l];
    for (; i < n; i++) sum->lane[sum->next++ % BATCH] += VALUE(i);
#undef VALUE
}

/* The same of values times weights from `first` on, which take the place of values where they are `wanted`. */
static OUT_OF_LINE void element_sum_weighted(value_sum *sum, real *v, const element_weights *weights, int64_t first,
                                             int64_t n, int wanted)
{
    const void *from = weights->are_floats ? (const void *)((const float *)weights->data + first)
                                           : (const void *)((const double *)weights->data + first);
    if (weights->are_floats)
        element_sum_products(sum, v, from, 1, n);
    else
        element_sum_products(sum, v, from, 0, n);
    for (int64_t i = 0; wanted && i < n; i++)
        v[i] = (real)weighted_value(nth_weight(from, weights->are_floats, i), (double)v[i]);
}

/* Contiguous arrays of `real`. */
typedef struct {
    const real *pred, *target, *positive; /* the last one ELEMENTS long, whatever the others are */
    element_weights weights;
    real *values, *grad, *hess; /* NULL: not wanted */
} element_arrays;

/* `count` elements of them. */
static void element_packed(closs_elementwise_loss loss, double parameter, const element_arrays *arrays,
                           stream_writer *stream, double scale, int64_t count, value_sum *values)
{
    ALIGNED real v[ELEMENTS], slopes[ELEMENTS], curvatures[ELEMENTS];
    const int weighted = arrays->weights.data != NULL;
    for (int64_t first = 0; first < count; first += ELEMENTS) {
        const int64_t n = count - first < ELEMENTS ? count - first : ELEMENTS;
        const size_t bytes = (size_t)n * sizeof(real);
        const real *p = arrays->pred + first, *t = arrays->target + first;
        real *to = arrays->values ? arrays->values + first : v;
        real *g = arrays->grad ? arrays->grad + first : NULL, *h = arrays->hess ? arrays->hess + first : NULL;
        real *slope = (stream && g) || (h && !g) ? slopes : g, *curvature = stream && h ? curvatures : h;
        element_loss(loss, parameter, p, t, arrays->positive, n, weighted ? 1 : (real)scale, to, slope, curvature);
        if (weighted && g) element_weigh(slope, &arrays->weights, first, n, scale);
        if (weighted && h) element_weigh(curvature, &arrays->weights, first, n, scale);
        if (stream && g) stream_bytes(&stream[0], g, slopes, bytes);
        if (stream && h) stream_bytes(&stream[1], h, curvatures, bytes);
        const uintptr_t after_next = 2 * ELEMENTS * sizeof(real);
        const uintptr_t ahead[] = {(uintptr_t)p + after_next, (uintptr_t)t + after_next,
                                   (uintptr_t)(g ? g : h) + after_next, (uintptr_t)h + after_next};
        if (weighted)
            element_sum_weighted(values, to, &arrays->weights, first, n, arrays->values != NULL);
        else if (first + 2 * ELEMENTS >= count)
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
    const int weighted = args->sample_weight.data != NULL, floats = args->sample_weight_dtype == CLOSS_F32;
    const element_weights copied = {weighted ? weights : NULL, 0};
    const int direct_types =
        args->dtype == REAL_DTYPE && grad_type == REAL_DTYPE && hess_type == REAL_DTYPE && !args->pos_weight.data;
    /* All arrays together count: from 32 to 48 MB x1.1 to x1.6 on one thread; on two x1.05 to x1.15, with Hessian
     * x0.97. */
    const int written = (args->grad.data != NULL) + (args->hess.data != NULL), moved = 2 + weighted + written;
    const int stream = direct_types && !args->fresh && written > 0 && args->grad.data != args->pred.data &&
                       worth_streaming(args->shape, args->ndim, (size_t)moved * sizeof(real));
    for (int64_t i = 0; loss == CLOSS_SIGMOID_CROSS_ENTROPY && i < ELEMENTS; i++) positive_copy[i] = 1;
    stream_writer writers[2] = {{{0}, NULL, 0}, {{0}, NULL, 0}}; /* of gradient and Hessian */
    value_sum values = {{0}, 0};
    for (int64_t next = begin; next < end;) {
        element_runs at = element_runs_at(args, next, end - next, ELEMENTS);
        next += at.length * at.runs;
        const int packed = at.step[AT_PRED] == 1 && at.step[AT_TARGET] == 1 &&
                           (!args->grad.data || at.step[AT_GRAD] == 1) && (!args->hess.data || at.step[AT_HESS] == 1) &&
                           (!args->values.data || at.step[AT_VALUES] == 1) && (!weighted || at.step[AT_WEIGHT] == 1);
        if (direct_types && packed && at.runs == 1) {
            const char *given = (const char *)args->sample_weight.data;
            const element_arrays arrays = {
                (const real *)args->pred.data + at.first[AT_PRED],
                (const real *)args->target.data + at.first[AT_TARGET],
                positive_copy,
                {weighted ? given + at.first[AT_WEIGHT] * (floats ? 4 : 8) : NULL, floats},
                element_place(args->values.data, &at, AT_VALUES),
                element_place(args->grad.data, &at, AT_GRAD),
                element_place(args->hess.data, &at, AT_HESS),
            };
            element_packed(loss, args->parameter, &arrays, stream ? writers : NULL, args->scale, at.length, &values);
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
                !weighted && grad_type == REAL_DTYPE && at.step[AT_GRAD] == 1 && at.runs == 1 && args->grad.data;
            real *g = direct                               ? element_place(args->grad.data, &at, AT_GRAD)
                      : args->grad.data || args->hess.data ? slopes
                                                           : NULL;
            real *h = args->hess.data ? curvatures : NULL;
            element_loss(loss, args->parameter, p, t, positive, n, weighted ? 1 : (real)args->scale, v, g, h);
            for (int64_t r = 0; weighted && r < at.runs; r++)
                load_weights(&args->sample_weight, args->sample_weight_dtype,
                             at.first[AT_WEIGHT] + r * at.apart[AT_WEIGHT], at.step[AT_WEIGHT], at.length, 0,
                             weights + r * at.length);
            if (weighted && args->grad.data) element_weigh(g, &copied, 0, n, args->scale);
            if (weighted && h) element_weigh(h, &copied, 0, n, args->scale);
            if (args->grad.data && !direct) element_store(g, args->grad.data, grad_type, &at, AT_GRAD);
            if (h) element_store(h, args->hess.data, hess_type, &at, AT_HESS);
            if (weighted)
                element_sum_weighted(&values, v, &copied, 0, n, args->values.data != NULL);
            else
                element_sum(&values, v, n, NULL, 0);
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

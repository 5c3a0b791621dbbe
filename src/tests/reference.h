/* reference.h: what a call should give, in long double, from the definitions in closs.h, and how far it may be off.
 * Written without a look at the kernels: one sample or element at a time, in plain loops. */
#ifndef CLOSS_TESTS_REFERENCE_H
#define CLOSS_TESTS_REFERENCE_H

#include <float.h>
#include <math.h>

#include "closs.h"

typedef long double wide;

/* `any`: the definition does not decide, or is too ill-conditioned to. */
typedef struct {
    wide value, bound;
    int any;
} expected;

typedef struct {
    wide eps, smallest, largest;
} limits;

static inline limits limits_of(closs_dtype dtype)
{
    switch (dtype) {
    case CLOSS_F32: return (limits){0x1p-23L, 0x1p-149L, FLT_MAX};
    case CLOSS_F64: return (limits){0x1p-52L, (wide)0x1p-1074, DBL_MAX};
    case CLOSS_F16: return (limits){0x1p-10L, 0x1p-24L, 65504};
    default: return (limits){0x1p-7L, 0x1p-133L, (wide)0x1.fep127};
    }
}

/* That of the arithmetic, with what long double itself may lose. */
static inline wide arithmetic_eps(closs_dtype dtype)
{
    return limits_of(dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32).eps + 4 * (wide)LDBL_EPSILON;
}

static inline expected exactly(wide value)
{
    return (expected){value, 0, 0};
}

/* The result of arithmetic is rounded to the dtype of an output, and may have met subnormal numbers on the way: the
 * smallest is a float's even for bfloat16. */
static inline int agrees(wide got, expected want, closs_dtype dtype, wide factor)
{
    const limits type = limits_of(dtype), arithmetic = limits_of(dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32);
    if (want.any) return 1;
    if (isnan(want.value)) return isnan(got);
    if (isinf(want.value)) return got == want.value;
    const wide slack = 2 * type.smallest + 4 * arithmetic.smallest * (1 + fabsl(factor));
    const wide bound = want.bound + type.eps * fabsl(want.value) + slack;
    /* What is beyond the type on the way, before weights and scale, need not come back. */
    if (isinf(got)) return (got > 0) == (want.value > 0) && fabsl(want.value) + bound >= type.largest / 4096;
    return fabsl(got - want.value) <= bound;
}

/* ---- The softmax family ---- */

enum { MOST_CLASSES = 524300 };

/* exp(z - max) / S and what surrounds it; `sound`: some number is finite, and none is NaN or +inf. */
typedef struct {
    int sound, has_nan, has_inf;
    wide max, rest, log_sum, wobble;                              /* rest: S without one maximum */
    wide gap[MOST_CLASSES], p[MOST_CLASSES], error[MOST_CLASSES]; /* relative error of an exponential */
    wide others[MOST_CLASSES];                                    /* 1 - p */
} distribution;

static void distribute(distribution *d, const double *z, int64_t n, wide temperature, wide eps)
{
    d->max = -INFINITY;
    d->has_nan = d->has_inf = 0;
    for (int64_t j = 0; j < n; j++) {
        d->has_nan |= isnan(z[j]) != 0;
        d->has_inf |= z[j] == INFINITY;
        if (z[j] > d->max) d->max = z[j];
    }
    d->sound = !d->has_nan && !d->has_inf && d->max > -INFINITY;
    wide sum = 0;
    int64_t top = -1;
    for (int64_t j = 0; d->sound && j < n; j++) {
        if (z[j] == d->max && top < 0)
            top = j;
        else
            sum += expl((z[j] - d->max) / temperature);
    }
    d->rest = sum;
    d->log_sum = log1pl(sum);
    d->wobble = 0;
    for (int64_t j = 0; d->sound && j < n; j++) {
        d->gap[j] = (d->max - z[j]) / temperature;
        d->p[j] = expl(-d->gap[j]) / (1 + sum);
        d->others[j] = j == top ? sum / (1 + sum) : (1 + (sum - expl(-d->gap[j]))) / (1 + sum);
        /* Half an ulp of the gap, and two for the temperature's; a long row is brought to one maximum by more. */
        d->error[j] = z[j] > -INFINITY ? eps * d->gap[j] * (temperature == 1 ? 1 : 2) : 0;
        if (!(d->gap[j] < 20000)) {
            d->error[j] = 0;
            d->p[j] = 0;
        }
        d->wobble += d->p[j] * d->error[j];
    }
}

/* What a sample is: its numbers, and how it is weighted. label < 0: there is none, or it is ignored. */
typedef struct {
    const closs_softmax_args *args;
    const double *z, *t, *class_weight; /* targets, class weights: or NULL */
    const int64_t *predicted;           /* of the zero-one loss, in place of z; or NULL */
    int64_t label;
    wide weight, scale;
} sample;

static expected times(wide value, wide bound, wide factor)
{
    return (expected){value * factor, fabsl(bound * factor), 0};
}

static void all_of(expected *out, int64_t n, wide value)
{
    for (int64_t j = 0; j < n; j++) out[j] = exactly(value);
}

/* v_j of closs.h, and whether it is that of a label alone. */
static wide target_of(const sample *s, int64_t j)
{
    const int64_t n = s->args->classes;
    const wide e = s->args->label_smoothing, t = s->t ? (wide)s->t[j] : j == s->label;
    const wide v = ((1 - e) * t + e / (wide)n) * (s->class_weight ? s->class_weight[j] : 1);
    return fabsl(v) <= limits_of(s->args->dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32).smallest / 2 ? 0 : v;
}

/* What it is summed from: a target below 0 may cancel what smoothing adds. */
static wide parts_of_target(const sample *s, int64_t j)
{
    const wide e = s->args->label_smoothing, t = s->t ? fabsl((wide)s->t[j]) : j == s->label;
    return ((1 - e) * t + e / (wide)s->args->classes) * (s->class_weight ? fabsl((wide)s->class_weight[j]) : 1);
}

static void reference_cross_entropy(const sample *s, expected *value, expected *g, expected *h)
{
    static distribution d;
    const closs_softmax_args *args = s->args;
    const int64_t n = args->classes;
    const wide eps = arithmetic_eps(args->dtype), relative = eps * (8 + sqrtl((wide)n) / 16);
    const int by_label = !s->t && args->label_smoothing == 0;
    /* A class weight at the label alone is a weight of the sample. */
    const wide own = by_label && s->class_weight ? s->weight * s->class_weight[s->label] : s->weight;
    wide W = 0, size = 0, terms = 0, bound = 0, rest = 0;
    int zero = 1, infinite = 0, nan = 0;
    for (int64_t j = 0; !by_label && j < n; j++) {
        const wide v = target_of(s, j);
        W += v;
        size += parts_of_target(s, j);
        zero &= v == 0;
        infinite |= isinf(v);
        nan |= isnan(v);
    }
    if (by_label) {
        W = size = 1;
        zero = 0;
    }
    if (own == 0 || zero) {
        *value = exactly(0);
        all_of(g, n, 0);
        all_of(h, n, 0);
        return;
    }
    /* IEEE of the formula; beyond the type, or hardly in it; cancelled. */
    if (infinite || size < limits_of(args->dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32).smallest * 0x1p60L ||
        size >= limits_of(args->dtype).largest / 4096 || (!nan && fabsl(W) <= 1e-3L * size)) {
        value->any = 1;
        for (int64_t j = 0; j < n; j++) g[j].any = h[j].any = 1;
        return;
    }
    distribute(&d, s->z, n, 1, eps);
    if (!d.sound || nan) {
        *value = exactly(NAN);
        all_of(g, n, NAN);
        all_of(h, n, NAN);
        return;
    }
    if (by_label) {
        /* Relative to the label's own exponential nothing cancels. */
        const wide gap = d.gap[s->label];
        for (int64_t j = 0; j < n; j++)
            if (j != s->label) rest += d.p[j] * d.error[j];
        *value =
            times(gap + d.log_sum, (gap + d.log_sum) * relative + rest + d.others[s->label] * d.error[s->label], own);
        /* Beyond the type before it is weighted. */
        value->any = gap >= limits_of(args->dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32).largest / 4096 && !isinf(gap);
    } else {
        const limits arithmetic = limits_of(args->dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32);
        const wide largest = arithmetic.largest, smallest = arithmetic.smallest, tiny = smallest / arithmetic.eps;
        wide underflow = 0; /* of targets that are subnormal */
        int at_infinity = 0, signs = 0;
        for (int64_t j = 0; j < n; j++) {
            const wide v = target_of(s, j);
            if (v == 0) continue;
            if (isinf(d.gap[j])) {
                at_infinity = 1;
                signs |= v > 0 ? 1 : 2;
            }
            terms += v * (isinf(d.gap[j]) ? 0 : d.gap[j] + d.log_sum);
            bound += parts_of_target(s, j) * (isinf(d.gap[j]) ? 0 : d.gap[j] + d.log_sum);
            if (fabsl(v) < tiny && !isinf(d.gap[j])) underflow += smallest * (d.gap[j] + d.log_sum);
        }
        underflow += smallest * size; /* and of a logarithm, before targets that are large */
        *value = times(terms, bound * relative + size * d.wobble + underflow, own);
        if (at_infinity) *value = exactly(signs == 3 ? NAN : (signs == 1) == (own > 0) ? INFINITY : -INFINITY);
        value->any = bound >= largest / 4096;
    }
    if (by_label && isinf(d.gap[s->label])) *value = exactly(own > 0 ? INFINITY : -INFINITY);
    const wide factor = own * s->scale;
    /* Exponentials that underflow, whatever they are multiplied by. */
    const wide underflow = 2 * limits_of(args->dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32).smallest * size;
    for (int64_t j = 0; j < n; j++) {
        const wide v = by_label ? j == s->label : target_of(s, j), p = d.p[j], c = d.error[j] + d.wobble;
        wide slope = W * p - v;
        if (by_label) slope = j == s->label ? -d.others[j] : p;
        const wide scale = by_label ? fabsl(slope) : size * p + parts_of_target(s, j);
        const wide rocks =
            by_label && j == s->label ? (1 - d.others[j]) * (rest + d.others[j] * d.error[j]) : size * p * c;
        g[j] = times(slope, relative * scale + rocks + underflow, factor);
        /* 1 - p is off by what the other exponentials are. */
        const wide rest_off = fmaxl(0, d.wobble - p * d.error[j]);
        h[j] = times(W * p * d.others[j],
                     (relative * fabsl(W) + eps * size + size * (c + d.wobble)) * p * d.others[j] +
                         size * p * rest_off + underflow,
                     factor);
    }
}

static void reference_plain(const sample *s, expected *value, expected *g)
{
    static distribution d;
    const closs_softmax_args *args = s->args;
    const int64_t n = args->classes;
    const wide eps = arithmetic_eps(args->dtype), relative = eps * (8 + sqrtl((wide)n) / 16);
    distribute(&d, s->z, n, 1, eps);
    *value = (expected){d.max + d.log_sum, relative * (fabsl(d.max) / 8 + d.log_sum) + d.wobble, 0};
    if (d.has_nan)
        *value = exactly(NAN);
    else if (!d.sound)
        *value = exactly(d.has_inf ? INFINITY : -INFINITY);
    for (int64_t j = 0; j < n; j++) {
        const wide c = d.error[j] + d.wobble;
        g[j] = args->result == CLOSS_SOFTMAX
                   ? (expected){d.p[j], d.p[j] * (relative + c), 0}
                   : (expected){-(d.gap[j] + d.log_sum), relative * (d.gap[j] + d.log_sum) + d.wobble, 0};
        if (!d.sound) g[j] = exactly(NAN);
        if (d.sound && s->z[j] == -INFINITY) g[j] = exactly(args->result == CLOSS_SOFTMAX ? 0 : -INFINITY);
    }
}

static wide log_of(double base)
{
    return base == 0 ? 1 : logl(base);
}

static void reference_entropy_of_softmax(const sample *s, expected *value, expected *g)
{
    static distribution d;
    const closs_softmax_args *args = s->args;
    const int64_t n = args->classes;
    const wide eps = arithmetic_eps(args->dtype), relative = eps * (10 + sqrtl((wide)n) / 16);
    const wide unit = 1 / log_of(args->base), factor = s->weight * unit;
    distribute(&d, s->z, n, 1, eps);
    wide mean = 0, rocks = 0;
    for (int64_t j = 0; d.sound && j < n; j++)
        if (d.p[j] > 0) mean += d.p[j] * d.gap[j];
    const wide entropy = d.log_sum + mean;
    for (int64_t j = 0; d.sound && j < n; j++)
        if (d.p[j] > 0) rocks += d.p[j] * d.error[j] * (2 + d.gap[j] + entropy);
    *value = times(entropy, relative * entropy + rocks, factor);
    for (int64_t j = 0; j < n; j++) {
        const wide far = d.gap[j] + mean, c = d.error[j] + d.wobble;
        g[j] = times(d.p[j] * (d.gap[j] - mean), d.p[j] * (far * (relative + 2 * c) + rocks + d.error[j]),
                     factor * s->scale);
        g[j].bound += limits_of(args->dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32).smallest * (1e4L + far) *
                      fabsl(factor * s->scale);
        if (d.p[j] == 0) g[j] = exactly(0 * s->scale); /* NaN of no weights */
    }
    if (s->weight == 0 || !d.sound) {
        *value = exactly(s->weight == 0 ? 0 : NAN);
        all_of(g, n, s->weight == 0 ? 0 : NAN);
    }
}

static void reference_distillation(const sample *s, expected *value, expected *g)
{
    static distribution r, q;
    const closs_softmax_args *args = s->args;
    const int64_t n = args->classes;
    const wide eps = arithmetic_eps(args->dtype), relative = eps * (8 + sqrtl((wide)n) / 16), T = args->temperature;
    distribute(&r, s->z, n, T, eps);
    distribute(&q, s->t, n, T, eps);
    if (s->weight == 0 || !r.sound || !q.sound) {
        *value = exactly(s->weight == 0 ? 0 : NAN);
        all_of(g, n, s->weight == 0 ? 0 : NAN);
        return;
    }
    const wide smallest = limits_of(args->dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32).smallest;
    wide terms = 0, size = 0, far = 0, rocks = r.wobble + q.wobble;
    int infinite = 0;
    for (int64_t j = 0; j < n; j++) {
        if (s->z[j] > -INFINITY) far = fmaxl(far, r.gap[j]);
        if (s->t[j] > -INFINITY) far = fmaxl(far, q.gap[j]);
        if (s->t[j] > -INFINITY && s->z[j] == -INFINITY) infinite = 1;
        if (q.p[j] == 0 || s->z[j] == -INFINITY) continue;
        const wide log_q = -(q.gap[j] + q.log_sum), log_r = -(r.gap[j] + r.log_sum);
        terms += q.p[j] * (log_q - log_r);
        size += q.p[j] * -(log_q + log_r);
        rocks += q.p[j] * (q.error[j] + q.wobble) * (1 - log_q - log_r) + q.p[j] * r.error[j];
        if (q.p[j] < smallest) rocks += q.p[j] * -(log_q + log_r); /* an exponential that underflows */
    }
    *value = times(terms, relative * size + rocks, s->weight);
    /* Exponentials are summed 2^54 times too large; a value is rounded before it is weighted. */
    const wide largest = limits_of(args->dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32).largest;
    value->any = far >= (wide)DBL_MAX / 0x1p80L || size >= largest / 4096;
    /* A temperature that the arithmetic does not hold. */
    if (args->dtype != CLOSS_F64 && !(T > 1e-30L && T < 1e30L)) {
        value->any = 1;
        for (int64_t j = 0; j < n; j++) g[j].any = 1;
        return;
    }
    if (infinite && !value->any) *value = exactly(s->weight > 0 ? INFINITY : -INFINITY);
    for (int64_t j = 0; j < n; j++)
        g[j] = times(r.p[j] - q.p[j],
                     (relative + r.error[j] + r.wobble) * r.p[j] + (relative + q.error[j] + q.wobble) * q.p[j],
                     s->weight * s->scale / T);
}

/* m ((1 + d) log(1 + d) + (1 - d) log(1 - d)) / 2, as a series where it cancels. */
static wide jensen_shannon(wide p, wide q)
{
    const wide d = fabsl(p - q) / (p + q), square = d * d;
    wide power = square, sum = 0;
    if (d > 0.25L) return (p * (p > 0 ? logl(2 * p / (p + q)) : 0) + q * (q > 0 ? logl(2 * q / (p + q)) : 0)) / 2;
    for (int k = 2; k < 60; k += 2, power *= square) sum += power / (wide)(k * (k - 1));
    return (p + q) / 2 * sum;
}

/* One element: the term, and the derivative in q or in p. */
static void reference_element_of_measure(closs_softmax_result result, wide p, wide q, int in_p, expected *term,
                                         expected *slope, wide eps)
{
    const int wrong = !(p >= 0) || !(q >= 0);
    wide t = 0, d = 0, one = 0;
    switch (result) {
    case CLOSS_ENTROPY:
        t = p == 0 ? 0 : -p * logl(p);
        d = -logl(p) - 1;
        one = 2;
        if (p == 0) d = INFINITY;
        break;
    case CLOSS_PROBABILITY_CROSS_ENTROPY:
        t = p == 0 ? 0 : -p * logl(q);
        d = in_p ? -logl(q) : -p / fabsl(q);
        if (p == 0) d = in_p ? (q == 0 ? 0 : -logl(q)) : 0;
        break;
    case CLOSS_KL_DIVERGENCE:
        t = p == 0 ? 0 : p * (q == 0 ? INFINITY : isinf(p) && isinf(q) ? NAN : logl(p) - logl(q));
        if (p > 0 && q > 0 && !isinf(p) && !isinf(q) && fabsl(p - q) < p / 2) t = p * log1pl((p - q) / q);
        d = in_p ? t / p + 1 : -p / fabsl(q);
        if (p == 0) d = q == 0 ? 0 : in_p ? -INFINITY : 0;
        if (isinf(p) && isinf(q)) d = NAN;
        if (isinf(p) && !isinf(q)) d = in_p ? INFINITY : -INFINITY;
        if (isinf(q) && !isinf(p)) d = in_p ? -INFINITY : 0;
        one = in_p ? 2 : 0;
        break;
    default: {
        const wide x = in_p ? p : q, y = in_p ? q : p;
        if (isinf(p) || isinf(q)) {
            term->any = slope->any = 1;
            return;
        }
        t = p + q == 0 ? 0 : jensen_shannon(p, q);
        d = p + q == 0  ? 0
            : x == 0    ? -INFINITY
            : x < y / 2 ? logl(2 * (x / (x + y))) / 2
                        : log1pl((x - y) / (x + y)) / 2;
        eps *= 2;
    }
    }
    *term = (expected){t, 8 * eps * fabsl(t), 0};
    *slope = (expected){d, 8 * eps * (fabsl(d) + one), 0};
    if (wrong) {
        *term = exactly(NAN);
        *slope = exactly(NAN);
    }
}

static void reference_measure(const sample *s, expected *value, expected *g)
{
    const closs_softmax_args *args = s->args;
    const int64_t n = args->classes;
    const wide eps = arithmetic_eps(args->dtype);
    const wide unit = 1 / log_of(args->base), factor = s->weight * unit;
    const wide largest = limits_of(args->dtype == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32).largest / 4096;
    wide size = 0;
    expected total = exactly(0);
    for (int64_t j = 0; j < n; j++) {
        const wide z = s->z[j], t = s->t ? s->t[j] : z;
        expected term = exactly(0), slope = exactly(0);
        if (args->result == CLOSS_PROBABILITY_CROSS_ENTROPY && !s->t) {
            if (j != s->label || s->weight == 0) {
                g[j] = exactly(0);
                continue;
            }
            reference_element_of_measure(args->result, 1, z, 0, &term, &slope, eps);
        } else if (args->result == CLOSS_ENTROPY) {
            reference_element_of_measure(args->result, z, z, 1, &term, &slope, eps);
        } else {
            reference_element_of_measure(args->result, t, z, args->wrt_targets, &term, &slope, eps);
        }
        total.any |= term.any;
        if (!isinf(term.value)) size += fabsl(term.value);
        total.value += term.value;
        total.bound += term.bound * (1 + (wide)n / 4096);
        g[j] = times(slope.value, slope.bound + 4 * eps * fabsl(slope.value), factor * s->scale);
        g[j].any = slope.any;
        if (isinf(slope.value) || isnan(slope.value)) g[j].bound = 0;
    }
    *value = times(total.value, total.bound + 4 * eps * fabsl(total.value), factor);
    value->any = total.any || size >= largest;
    if (s->weight == 0) {
        *value = exactly(0);
        all_of(g, n, 0);
    }
}

/* The first of the largest scores; -1: with a NaN, or of -inf alone, none is. */
static int64_t predicted_class(const double *z, int64_t n)
{
    int64_t best = -1;
    for (int64_t j = 0; j < n; j++) {
        if (isnan(z[j])) return -1;
        if (z[j] > (best < 0 ? -(double)INFINITY : z[best])) best = j;
    }
    return best;
}

static void reference_zero_one(const sample *s, expected *value)
{
    const int64_t found = s->predicted ? *s->predicted : predicted_class(s->z, s->args->classes);
    *value = exactly(found == s->label ? 0 : s->weight);
}

static void reference_softmax(const sample *s, expected *value, expected *g, expected *h)
{
    const int unlabelled = s->args->labels.data && s->label < 0 && !s->predicted;
    if (unlabelled) { /* ignored */
        *value = exactly(0);
        all_of(g, s->args->classes, 0);
        all_of(h, s->args->classes, 0);
        return;
    }
    switch (s->args->result) {
    case CLOSS_CROSS_ENTROPY: reference_cross_entropy(s, value, g, h); break;
    case CLOSS_LOGSUMEXP:
    case CLOSS_SOFTMAX:
    case CLOSS_LOG_SOFTMAX: reference_plain(s, value, g); break;
    case CLOSS_SOFTMAX_ENTROPY: reference_entropy_of_softmax(s, value, g); break;
    case CLOSS_DISTILLATION: reference_distillation(s, value, g); break;
    case CLOSS_ZERO_ONE: reference_zero_one(s, value); break;
    default: reference_measure(s, value, g);
    }
}

/* ---- Elementwise losses ---- */

/* Value, slope and curvature, not weighted, with bounds in ulps. */
static void reference_elementwise(const closs_elementwise_args *args, double pred, double target, double positive,
                                  expected out[3])
{
    const int narrow = args->dtype != CLOSS_F64;
    const wide eps = arithmetic_eps(args->dtype);
    const wide d = narrow ? (wide)(float)((float)pred - (float)target) : (wide)(double)(pred - target), a = fabsl(d);
    /* Rounded to float, if that holds all digits. */
    const int held = args->parameter >= (double)FLT_MIN && args->parameter <= (double)FLT_MAX;
    const wide delta = narrow && held ? (wide)(float)args->parameter : (wide)args->parameter;
    const wide over = narrow && held ? (wide)(float)(1 - args->parameter) : (wide)(1 - args->parameter);
    const wide sign = d > 0 ? 1 : d < 0 ? -1 : 0;
    wide value = 0, slope = 0, curvature = 0, size[3];
    int ulps[3] = {2, 2, 2}, is_nan = isnan(d);
    switch (args->loss) {
    case CLOSS_L1: value = a, slope = sign; break;
    case CLOSS_MSE: value = d * d, slope = 2 * d, curvature = 2; break;
    case CLOSS_HUBER:
        value = a <= delta ? d * d / 2 : delta * (a - delta / 2);
        slope = a <= delta ? d : sign * delta;
        curvature = a <= delta;
        break;
    case CLOSS_SMOOTH_L1:
        if (args->parameter == 0) {
            value = a;
            slope = sign;
            break;
        }
        value = a <= delta ? d * (d / (2 * delta)) : a - delta / 2;
        slope = a <= delta ? d / delta : sign;
        curvature = a <= delta ? 1 / delta : 0;
        break;
    case CLOSS_PSEUDO_HUBER: {
        const wide x = d / delta, root = sqrtl(1 + x * x);
        value = isinf(delta) ? d * d / 2 : isinf(a) ? INFINITY : d * (d / (root + 1));
        slope = isinf(delta) ? d : isinf(a) ? sign * delta : d / root;
        curvature = isinf(delta) ? 1 : 1 / (root * root * root);
        ulps[0] = ulps[1] = 4;
        ulps[2] = 8;
        break;
    }
    case CLOSS_LOG_COSH: {
        const wide e = expl(-2 * a), half = expm1l(-2 * a) / 2, s = sinhl(a < 1 ? a / 2 : 0);
        value = a < 1 ? log1pl(2 * s * s) : isinf(a) ? a : a + log1pl(half);
        slope = tanhl(d);
        curvature = 4 * e / ((1 + e) * (1 + e));
        ulps[0] = ulps[1] = 4;
        ulps[2] = 8;
        break;
    }
    case CLOSS_QUANTILE:
        slope = d > 0 ? over : d < 0 ? -delta : 0;
        value = slope == 0 ? 0 : slope * d;
        break;
    case CLOSS_SIGMOID_CROSS_ENTROPY: {
        /* The product and the sum are rounded, and may be beyond the type. */
        const wide z = pred,
                   u = narrow ? (wide)(float)((float)positive * (float)target) : (wide)(double)(positive * target);
        const wide v = 1 - (wide)target, e = expl(-fabsl(z)), largest = narrow ? (wide)FLT_MAX : (wide)DBL_MAX;
        const wide is_one = z < 0 ? e / (1 + e) : 1 / (1 + e), is_zero = z < 0 ? 1 / (1 + e) : e / (1 + e);
        const wide as_one = (z < 0 ? -z : 0) + log1pl(e), as_zero = (z > 0 ? z : 0) + log1pl(e);
        const wide first = u == 0 ? 0 : u * as_one, second = v == 0 ? 0 : v * as_zero;
        value = first + second;
        slope = v * is_one - u * is_zero;
        curvature = (v + u) * is_one * is_zero;
        size[0] = fabsl(first) + fabsl(second);
        size[1] = fabsl(v * is_one) + fabsl(u * is_zero);
        /* 1 - target is rounded, and so is what a and b sum up to. */
        size[2] = (fabsl(u) + fabsl(v)) * is_one * is_zero;
        for (int k = 0; k < 3; k++)
            out[k] = (expected){
                k == 0   ? value
                : k == 1 ? slope
                         : curvature,
                8 * eps * size[k] + 2 * (fabsl(u) + fabsl(v)) * limits_of(narrow ? CLOSS_F32 : CLOSS_F64).smallest, 0};
        if (isnan(pred) || isnan(target)) out[0] = out[1] = out[2] = exactly(NAN);
        if (fabsl(u) + fabsl(v) >= largest) out[0].any = out[1].any = out[2].any = 1; /* IEEE of the formula */
        return;
    }
    }
    out[0] = (expected){value, ulps[0] * eps * fabsl(value), 0};
    out[1] = (expected){slope, ulps[1] * eps * fabsl(slope), 0};
    out[2] = (expected){curvature, ulps[2] * eps * fabsl(curvature), 0};
    if (is_nan) out[0] = out[1] = out[2] = exactly(NAN);
}

#endif

/* guard.c: every buffer of a call between pages that may not be touched, flush with the one before it or the one behind it,
 * inputs read-only; for all small sizes, sizes round every block, all layouts, options and instruction sets. Results are
 * compared with the definition in long double, and what lies between strided elements must stay as it was. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "closs.h"

enum { LOGITS, GRAD, LABELS, CLASS_WEIGHT, SAMPLE_WEIGHT, VALUES, BUFFERS };
enum { ROWS_PACKED, SAMPLES_FASTEST, SPREAD, LAYOUTS };

static const size_t room = (size_t)8 << 20; /* bytes of a buffer, whole pages */
static char *start[BUFFERS];

static void make_room(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int b = 0; b < BUFFERS; b++) {
        char *whole = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (whole == MAP_FAILED || mprotect(whole + page, room, PROT_READ | PROT_WRITE) != 0) {
            perror("guard");
            exit(2);
        }
        start[b] = whole + page;
    }
}

static void protect(int writable)
{
    for (int b = 0; b < BUFFERS; b++)
        if (b != GRAD && b != VALUES) mprotect(start[b], room, writable ? PROT_READ | PROT_WRITE : PROT_READ);
}

/* `bytes` flush with the guard before (0) or behind (1). */
static void *place(int buffer, size_t bytes, int behind)
{
    return behind ? start[buffer] + room - bytes : start[buffer];
}

typedef struct {
    int64_t samples, classes;
    closs_dtype dtype;
    double *logits; /* [sample][class], rounded to dtype */
    int64_t *labels;
    double *weights;             /* by sample, and then by class */
    long double *loss, *softmax; /* by definition, without weights */
    long double *rest;           /* 1 - softmax at the label */
} problem;

static unsigned seed = 1;
static double uniform(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (double)(seed >> 8) / (1 << 24);
}

static void set_up(problem *p, int64_t samples, int64_t classes, closs_dtype dtype)
{
    p->samples = samples, p->classes = classes, p->dtype = dtype;
    for (int64_t i = 0; i < samples; i++) {
        long double others = 0;
        p->labels[i] = classes > 0 ? (int64_t)(uniform() * (double)classes) : 0;
        p->weights[i] = (int)(uniform() * 4) / 2.0;
        for (int64_t j = 0; j < classes; j++) {
            const double x = 8 * uniform() - 4;
            p->logits[i * classes + j] = dtype == CLOSS_F32 ? (double)(float)x : x;
        }
        const double *x = p->logits + i * classes;
        if (classes == 0) continue;
        for (int64_t j = 0; j < classes; j++) {
            const long double ratio = j == p->labels[i] ? 0 : expl((long double)x[j] - (long double)x[p->labels[i]]);
            p->softmax[i * classes + j] = ratio;
            others += ratio;
        }
        for (int64_t j = 0; j < classes; j++) p->softmax[i * classes + j] /= 1 + others;
        p->rest[i] = others / (1 + others);
        p->loss[i] = log1pl(others);
    }
    for (int64_t j = 0; j < classes; j++) p->weights[samples + j] = 0.5 + uniform();
}

static double get(const void *data, closs_dtype dtype, int64_t at)
{
    return dtype == CLOSS_F32 ? (double)((const float *)data)[at] : ((const double *)data)[at];
}

static void put(void *data, closs_dtype dtype, int64_t at, double value)
{
    if (dtype == CLOSS_F32)
        ((float *)data)[at] = (float)value;
    else
        ((double *)data)[at] = value;
}

static int close_to(double got, long double wanted, closs_dtype dtype)
{
    const long double bound = dtype == CLOSS_F32 ? 4e-6L : 1e-14L;
    return fabsl((long double)got - wanted) <= bound * fabsl(wanted) + (dtype == CLOSS_F32 ? 1e-44L : 1e-320L);
}

/* Where cancellation leaves only the absolute error small. */
static int near_to(double got, long double wanted, closs_dtype dtype)
{
    return fabsl((long double)got - wanted) <= (dtype == CLOSS_F32 ? 1e-5L : 2e-14L);
}

/* The class of the largest logit of a sample, of equal ones the first. */
static int64_t largest(const problem *p, int64_t sample)
{
    const double *x = p->logits + sample * p->classes;
    int64_t best = 0;
    for (int64_t j = 1; j < p->classes; j++)
        if (x[j] > x[best]) best = j;
    return best;
}

/* Of every second sample the label is predicted, for the zero-one loss alone. */
static int64_t label_of(const problem *p, closs_softmax_result result, int64_t sample)
{
    return result == CLOSS_ZERO_ONE && sample % 2 ? largest(p, sample) : p->labels[sample];
}

/* One call. `mode`: 0 no gradient, 1 its own buffer, 2 in place. */
static void call(const problem *p, closs_softmax_result result, int layout, int mode, int weighted, int behind)
{
    const int64_t n = p->samples, c = p->classes;
    const size_t size = p->dtype == CLOSS_F32 ? 4 : 8;
    int64_t strides[2] = {c, 1}, label_stride = 1, elements = n * c, origin = 0;
    if (layout == SAMPLES_FASTEST) strides[0] = 1, strides[1] = n;
    if (layout == SPREAD && n > 0 && c > 0) { /* classes backwards, every second element, padded rows */
        strides[0] = 2 * c + 3, strides[1] = -2, label_stride = -1;
        origin = 2 * (c - 1);
        elements = (n - 1) * strides[0] + origin + 1;
    }
    const size_t bytes = (size_t)elements * size;
    if (bytes > room) return;
    char *x = place(mode == 2 ? GRAD : LOGITS, bytes, behind), *g = place(GRAD, bytes, behind);
    char *values = place(VALUES, (size_t)n * size, behind);
    const size_t label_size = weighted ? 4 : 8; /* both widths are met */
    char *labels = place(LABELS, (size_t)n * label_size, behind);
    double *by_sample = place(SAMPLE_WEIGHT, (size_t)n * 8, behind);
    float *by_class = place(CLASS_WEIGHT, (size_t)c * 4, behind);
    const int64_t last = label_stride < 0 ? n - 1 : 0;
    const int labelled = result == CLOSS_CROSS_ENTROPY || result == CLOSS_ZERO_ONE;

    protect(1);
    memset(g, 0x5a, bytes);
    if (mode != 2) memset(x, 0x5a, bytes);
    memset(values, 0x5a, (size_t)n * size);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < c; j++)
            put(x, p->dtype, origin + i * strides[0] + j * strides[1], p->logits[i * c + j]);
        if (weighted)
            ((int32_t *)(void *)labels)[last + i * label_stride] = i % 5 == 4 ? -100 : (int32_t)label_of(p, result, i);
        else
            ((int64_t *)(void *)labels)[last + i * label_stride] = label_of(p, result, i);
        by_sample[i] = p->weights[i];
    }
    for (int64_t j = 0; j < c; j++) by_class[j] = (float)p->weights[n + j];
    protect(0);

    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    args.result = result;
    args.dtype = p->dtype;
    args.label_dtype = weighted ? CLOSS_I32 : CLOSS_I64;
    args.ndim = 1;
    args.shape = &p->samples;
    args.classes = c;
    args.logits.data = x + (size_t)origin * size;
    args.logits.strides = args.grad.strides = strides;
    if (labelled) {
        args.labels.data = labels + (size_t)last * label_size;
        args.labels.strides = &label_stride;
    }
    if (labelled || result == CLOSS_LOGSUMEXP) args.values.data = values;
    if (mode) args.grad.data = g + (size_t)origin * size;
    if (weighted) {
        args.has_ignore_index = 1;
        args.ignore_index = -100;
        args.sample_weight.data = by_sample;
        if (result == CLOSS_CROSS_ENTROPY) args.class_weight.data = by_class;
        args.class_weight_dtype = CLOSS_F32;
    }
    double sum = 0;
    if (c == 0 && n > 0 && labelled) {
        CHECK(closs_softmax(&args, CLOSS_SUM, &sum, NULL) == CLOSS_BAD_LABEL);
        return;
    }
    CHECK(closs_softmax(&args, CLOSS_SUM, &sum, NULL) == CLOSS_OK);

    long double total = 0;
    int right = 1;
    if (result == CLOSS_ZERO_ONE) {
        for (int64_t i = 0; i < n; i++) {
            const double weight = !weighted ? 1 : i % 5 == 4 ? 0 : p->weights[i];
            const double wanted = label_of(p, result, i) == largest(p, i) ? 0 : weight;
            right &= get(values, p->dtype, i) == wanted;
            total += wanted;
        }
        CHECK(right && sum == (double)total);
        return;
    }
    if (result != CLOSS_CROSS_ENTROPY) {
        for (int64_t i = 0; i < n && c > 0; i++) {
            const double at_label = p->logits[i * c + p->labels[i]];
            const long double logsumexp = p->loss[i] + at_label;
            if (result == CLOSS_LOGSUMEXP) right &= near_to(get(values, p->dtype, i), logsumexp, p->dtype);
            for (int64_t j = 0; result != CLOSS_LOGSUMEXP && j < c; j++) {
                const double got = get(g, p->dtype, origin + i * strides[0] + j * strides[1]);
                const long double softmax = j == p->labels[i] ? 1 - p->rest[i] : p->softmax[i * c + j];
                right &= result == CLOSS_SOFTMAX ? near_to(got, softmax, p->dtype)
                                                 : near_to(got, p->logits[i * c + j] - logsumexp, p->dtype);
            }
        }
        CHECK(right);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        long double w = 1;
        if (weighted) w = i % 5 == 4 ? 0 : p->weights[i] * (double)by_class[p->labels[i]];
        right &= close_to(get(values, p->dtype, i), w * p->loss[i], p->dtype);
        total += w * p->loss[i];
        for (int64_t j = 0; mode && j < c; j++) {
            const long double wanted = j == p->labels[i] ? -p->rest[i] : p->softmax[i * c + j];
            right &= close_to(get(g, p->dtype, origin + i * strides[0] + j * strides[1]), w * wanted, p->dtype);
        }
    }
    CHECK(right);
    CHECK(close_to(sum, total, p->dtype));
    if (layout == SPREAD && mode && mode != 2) { /* between the elements */
        int64_t pattern = 0;
        for (size_t k = 0; k < bytes; k++) pattern += g[k] == 0x5a;
        CHECK(pattern >= (int64_t)bytes - n * c * (int64_t)size);
        for (int64_t k = 1; k < elements; k += strides[0])
            for (size_t b = 0; c > 1 && b < size; b++) CHECK(g[(size_t)k * size + b] == 0x5a);
    }
}

static void all_calls(problem *p, int64_t samples, int64_t classes)
{
    for (int dtype = 0; dtype < 2; dtype++) {
        set_up(p, samples, classes, (closs_dtype)dtype);
        for (int k = 0; k < LEVELS; k++) {
            if (!use_level(k)) continue;
            for (int layout = 0; layout < LAYOUTS; layout++)
                for (int mode = 0; mode < 3; mode++)
                    call(p, CLOSS_CROSS_ENTROPY, layout, mode, (layout + mode) % 2,
                         (int)(samples + classes + layout) % 2);
            for (int layout = 0; layout < LAYOUTS; layout++) {
                call(p, CLOSS_LOGSUMEXP, layout, 0, 0, (int)(samples + classes + layout) % 2);
                call(p, CLOSS_ZERO_ONE, layout, 0, (int)(classes + layout) % 2, (int)(samples + classes + layout) % 2);
                call(p, CLOSS_SOFTMAX, layout, 1 + (int)classes % 2, 0, (int)(samples + classes + layout) % 2);
                call(p, CLOSS_LOG_SOFTMAX, layout, 2 - (int)classes % 2, 0, (int)(samples + classes + layout) % 2);
            }
        }
    }
}

int main(int count, char **arguments)
{
    /* Emulators are slow: of the small class counts every so many, and of the rows only those of some thousand. */
    const int64_t step = count > 1 ? atoi(arguments[1]) : 1;
    enum { MOST = 1 << 20 };
    problem p = {0};
    p.logits = malloc(MOST * sizeof *p.logits);
    p.softmax = malloc(MOST * sizeof *p.softmax);
    p.labels = malloc(MOST * sizeof *p.labels);
    p.weights = malloc(MOST * sizeof *p.weights);
    p.loss = malloc(MOST * sizeof *p.loss);
    p.rest = malloc(MOST * sizeof *p.rest);
    make_room();
    static const int64_t samples[] = {0, 1, 2, 3, 15, 16, 17, 33, 130};
    for (int s = 0; s < 9; s++)
        for (int64_t classes = 0; classes <= 130; classes += samples[s] > 33 ? 7 * step : step)
            all_calls(&p, samples[s], classes);
    static const int64_t long_rows[] = {511, 512, 513, 543, 544, 1025, 4095, 4096, 4097, 16385, 524287, 524288, 524289};
    for (int k = 0; k < 13; k++)
        for (int64_t n = 1; n <= 3; n += 2)
            if (n * long_rows[k] <= (step == 1 ? MOST : 4097)) all_calls(&p, n, long_rows[k]);
    for (int64_t n = 255; n <= 257; n++) all_calls(&p, n, 3);
    all_calls(&p, 16385, 2);
    free(p.logits);
    free(p.softmax);
    free(p.labels);
    free(p.weights);
    free(p.loss);
    free(p.rest);
    return report("guard");
}

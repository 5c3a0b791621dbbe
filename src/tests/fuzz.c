/* fuzz.c: calls made of bytes, judged by trial.h. With clang's -fsanitize=fuzzer a target of libFuzzer; else a program
 * that replays files and, for a number among its arguments, as many calls of random bytes:  fuzz seeds/x 1000 */
#define _GNU_SOURCE
#include <stdint.h>

#include "check.h"
#include "trial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *bytes;
static size_t left;
static uint32_t state;
static int style;
static void *held[PLACES];

/* The next byte; when all are read, bytes that follow from those. */
static unsigned byte(void)
{
    if (left > 0) {
        left--;
        state = state * 31 + *bytes;
        return *bytes++;
    }
    state = state * 1664525u + 1013904223u;
    return state >> 24;
}

static uint64_t word(int count)
{
    uint64_t bits = 0;
    while (count-- > 0) bits = bits << 8 | byte();
    return bits;
}

#define PICK(table) table[byte() % (sizeof table / sizeof table[0])]

/* A number of any bits. */
static double raw(closs_dtype dtype)
{
    const uint64_t bits = word((int)size_of(dtype));
    const uint32_t low = (uint32_t)bits;
    float f32;
    double f64;
    memcpy(&f32, &low, sizeof f32);
    memcpy(&f64, &bits, sizeof f64);
    switch (dtype) {
    case CLOSS_F32: return (double)f32;
    case CLOSS_F64: return f64;
    case CLOSS_F16: return decode((uint16_t)bits, 10, 15);
    default: return decode((uint16_t)bits, 7, 127);
    }
}

static double special(closs_dtype dtype)
{
    const limits type = limits_of(dtype);
    const double eps = (double)type.eps, smallest = (double)type.smallest, largest = (double)type.largest;
    const double table[] = {0,
                            -0.0,
                            1,
                            -1,
                            (double)INFINITY,
                            -(double)INFINITY,
                            (double)NAN,
                            smallest,
                            -smallest,
                            smallest / eps,
                            smallest / eps * (1 - eps),
                            largest,
                            -largest,
                            1 + eps,
                            1 - eps,
                            0.5,
                            largest / 2,
                            sqrt(largest),
                            17,
                            88.5,
                            -104,
                            745};
    return PICK(table);
}

static double number(int which, closs_dtype dtype)
{
    static const double by_sample[] = {1, 2, 0, 0.5, -1, 3, 1, 1, 1, 1, 1e-30, 1e30, -0.0, 0.1, 1.5, -2};
    static const double by_class[] = {1, 2, 0, 0.5, 3, 0.25, 1, 1, 1, 1e-30};
    const double unit = (double)((int)byte() * 256 + (int)byte()) / 65536;
    switch (which) {
    case SAMPLE_WEIGHT: return PICK(by_sample);
    case CLASS_WEIGHT:
    case POS_WEIGHT: return PICK(by_class);
    default: break;
    }
    switch (style % 8) {
    case 0: return 16 * unit - 8;
    case 1: return raw(dtype);
    case 2: return special(dtype);
    case 3: return byte() % 16 == 0 ? special(dtype) : 16 * unit - 8; /* a fault among many */
    case 4: return unit;                                              /* probabilities */
    case 5: return byte() % 4 == 0 ? 0 : fabs(raw(dtype));
    case 6: return byte() % 32 == 0 ? 60 * unit : 0.25 * (byte() % 8); /* ties, confident rows */
    default: return (unit + 0.5) * ldexp(1, (int)(byte() % 64) - 32);
    }
}

static int64_t label(int64_t classes)
{
    const unsigned kind = byte();
    if (kind == 255) return (int64_t)(int32_t)word(4);
    if (kind < 16) return IGNORED;
    if (classes == 0) return IGNORED;
    return (int64_t)(word(3) % (uint64_t)classes);
}

/* Exactly as large as needed, so that a sanitizer sees every step beyond. */
static void *place(int which, size_t size)
{
    free(held[which]);
    held[which] = malloc(size);
    return held[which];
}

static double any_option(const double *table, unsigned count)
{
    const unsigned kind = byte();
    return kind < 250 ? table[kind % count] : raw(CLOSS_F64);
}

/* What is drawn, and in which order, is what the bytes of a seed mean: a change of it asks for other seeds. */
static trial made(void)
{
    static const int64_t classes[] = {1,   2,    3,    5,    7,    8,    9,    10,   15,   16,    17,    31,
                                      32,  33,   48,   63,   64,   65,   100,  126,  127,  128,   129,   130,
                                      131, 143,  144,  160,  255,  256,  257,  511,  512,  513,   543,   544,
                                      545, 1023, 1024, 1025, 2047, 2048, 2049, 4097, 8193, 16384, 16385, 19999};
    static const int64_t inner[] = {1,  2,  3,  4,  7,  8,   9,   15,  16,  17,  31,  32,
                                    33, 48, 63, 64, 65, 127, 129, 255, 256, 257, 513, 0};
    static const int64_t elements[] = {0,   1,   2,   3,   7,   8,   15,   16,   17,   31,   33,   127,   128,  130,
                                       255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2049, 4097, 32768, 32769};
    static const double smoothings[] = {0, 0, 0, 0.1, 1, 0.25, 1e-6, 1e-300},
                        temperatures[] = {1, 1, 2, 3, 0.25, 0.7, 10};
    static const double bases[] = {0, 0, 2, 10, 0.5, 2.718281828459045, 1.001, 0.999};
    static const double parameters[] = {1,     0.5,   0.25,  2,      1.25, 1e-3, 1e3,   0,
                                        0.125, 1e-40, 1e-46, 1e-300, 1e40, 1e80, 1e300, (double)INFINITY};
    trial t = {0};
    t.elementwise = byte() % 4 == 0;
    t.function = (int)(byte() % (t.elementwise ? LAST_LOSS + 1 : LAST_RESULT + 1));
    t.dtype = (int)(byte() % 4);
    t.target_dtype = byte() % 2 ? t.dtype : (int)(byte() % 4);
    /* Numbers that the arithmetic does not hold are no test of it. */
    if (t.dtype != CLOSS_F64 && t.target_dtype == CLOSS_F64) t.target_dtype = CLOSS_F32;
    t.label_dtype = (int)(byte() % 2);
    t.weight_dtype = (int)(byte() % 2);
    t.outer = (int64_t[]){1, 1, 1, 2, 3, 0}[byte() % 6];
    t.inner = t.elementwise ? PICK(elements) : PICK(inner);
    t.classes = byte() % 3 == 0 ? (int64_t)byte() : PICK(classes);
    while (!t.elementwise && t.inner > 1 && t.outer * t.inner * t.classes > 10000) t.inner /= 2;
    for (int k = 0; k < ARRAYS; k++) {
        t.layout[k] = (int)(byte() % (k < VALUES ? 8 : 6));
        t.layout[k] = t.layout[k] > REPEATED ? PACKED : t.layout[k];
        if (k >= VALUES && t.layout[k] == REPEATED) t.layout[k] = PACKED;
        t.has[k] = (int)(byte() % 2);
    }
    t.has[GRAD] = (int)(byte() % 3);
    t.ignore = (int)(byte() % 2);
    t.wide_grad = byte() % 4 == 0;
    t.wide_hess = byte() % 4 == 0;
    t.mean = byte() % 4 == 0;
    t.smoothing = any_option(smoothings, 8);
    t.temperature = any_option(temperatures, 7);
    t.base = any_option(bases, 8);
    t.parameter = any_option(parameters, 16);
    t.place = place;
    t.number = number;
    t.label = label;
    if (!t.elementwise) {
        const int f = t.function, labelled = t.has[LABELS];
        const int takes_labels = f == CLOSS_CROSS_ENTROPY || f == CLOSS_PROBABILITY_CROSS_ENTROPY;
        const int pair = f == CLOSS_DISTILLATION || f == CLOSS_KL_DIVERGENCE || f == CLOSS_JS_DIVERGENCE;
        t.has[LABELS] = (takes_labels && labelled) || f == CLOSS_ZERO_ONE;
        t.has[SECOND] = pair || (takes_labels && !labelled);
        t.ignore = t.ignore && t.has[LABELS];
        t.wrt_targets = f >= CLOSS_PROBABILITY_CROSS_ENTROPY && t.has[SECOND] && t.has[POS_WEIGHT];
        if (f != CLOSS_CROSS_ENTROPY) {
            t.has[CLASS_WEIGHT] = t.has[HESS] = 0;
            t.smoothing = 0;
        }
        if (f >= CLOSS_LOGSUMEXP && f <= CLOSS_LOG_SOFTMAX) t.has[SAMPLE_WEIGHT] = 0;
        if (f == CLOSS_LOGSUMEXP || f == CLOSS_ZERO_ONE) t.has[GRAD] = 0;
        if (f == CLOSS_SOFTMAX || f == CLOSS_LOG_SOFTMAX) t.has[VALUES] = 0;
        if (f == CLOSS_ZERO_ONE && t.has[POS_WEIGHT]) {
            t.predicted = 1;
            t.predicted_dtype = (int)(byte() % 3);
            t.label_dtype = byte() % 2 ? t.predicted_dtype : (int)(byte() % 3);
            t.classes = t.ignore = 0;
        }
    }
    /* Mostly of the functions that have them. */
    const int based =
        (t.function >= CLOSS_ENTROPY && t.function <= CLOSS_JS_DIVERGENCE) || t.function == CLOSS_SOFTMAX_ENTROPY;
    if (byte() != 0 && !based) t.base = 0;
    if (byte() != 0 && t.function != CLOSS_DISTILLATION) t.temperature = 1;
    style = (int)byte();
    return t;
}

static int one(const uint8_t *data, size_t size)
{
    bytes = data;
    left = size;
    state = (uint32_t)size;
    if (!use_level((int)(byte() % LEVELS))) closs_set_isa("baseline");
    const trial t = made();
    const int right = run_trial(&t);
    if (!right) print_trial(&t);
    for (int k = 0; k < PLACES; k++) {
        free(held[k]);
        held[k] = NULL;
    }
    return right;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!one(data, size)) abort();
    return 0;
}

#ifndef CLOSS_FUZZER
int main(int count, char **arguments)
{
    static uint8_t data[1 << 16];
    for (int k = 1; k < count; k++) {
        FILE *file = fopen(arguments[k], "rb");
        if (file) {
            CHECK(one(data, fread(data, 1, sizeof data, file)));
            fclose(file);
            continue;
        }
        char *end;
        const long calls = strtol(arguments[k], &end, 10);
        if (*end) {
            perror(arguments[k]);
            return 2;
        }
        uint32_t random = 1;
        for (long call = 0; call < calls; call++) {
            uint8_t start[160];
            for (size_t i = 0; i < sizeof start; i++) {
                random = random * 1664525u + 1013904223u;
                start[i] = (uint8_t)(random >> 24);
            }
            CHECK(one(start, sizeof start));
        }
    }
    return report("fuzz");
}
#endif

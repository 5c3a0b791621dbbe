/* guard.c: every function, dtype and level, with every buffer of a call between pages that may not be touched, flush
 * with the one before it or the one behind it, and inputs read-only; for all small sizes and sizes round every block,
 * chunk and part. Layouts, options and outputs take turns. Results are judged by trial.h, and no call may take more
 * than 48 KB of stack. guard [STEP]: of the small sizes every STEPth, and no very long rows, because emulators are
 * slow. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "trial.h"

static const size_t room = (size_t)20 << 20; /* bytes of a buffer, whole pages */
static char *start[PLACES];
static unsigned turn, seed = 1;
static int probabilities;
static size_t most_stack, most_of_all;

static void make_room(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (int k = 0; k < PLACES; k++) {
        char *whole = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (whole == MAP_FAILED || mprotect(whole + page, room, PROT_READ | PROT_WRITE) != 0) {
            perror("guard");
            exit(2);
        }
        start[k] = whole + page;
    }
}

/* The stack below the caller of a call is painted before it and looked at after it. Sanitizers forbid that. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
enum { STACK = 48 << 10, PAINTED = 256 << 10, OWN_FRAMES = 512, PAINT = 0xA5 };
static uintptr_t above;

__attribute__((noinline)) static void paint_stack(void)
{
    above = (uintptr_t)__builtin_frame_address(0);
    for (uintptr_t at = above - PAINTED; at < above - OWN_FRAMES; at++) *(volatile unsigned char *)at = PAINT;
}

/* Bytes of it that were written, down from `above`. */
__attribute__((noinline)) static size_t stack_taken(void)
{
    uintptr_t at = above - PAINTED;
    while (at < above - OWN_FRAMES && *(volatile unsigned char *)at == PAINT) at++;
    return above - at;
}
#else
enum { STACK };
static void paint_stack(void)
{
}
static size_t stack_taken(void)
{
    return 0;
}
#endif

static void before_call(void)
{
    for (int k = 0; k < VALUES; k++) mprotect(start[k], room, PROT_READ);
    paint_stack();
}

static void after_call(void)
{
    const size_t taken = stack_taken();
    if (taken > most_stack) most_stack = taken;
    for (int k = 0; k < VALUES; k++) mprotect(start[k], room, PROT_READ | PROT_WRITE);
}

static void *place(int which, size_t bytes)
{
    return turn % 2 ? start[which] + room - bytes : start[which];
}

static unsigned drawn(unsigned below)
{
    seed = seed * 1664525u + 1013904223u;
    return (unsigned)((uint64_t)(seed >> 8) * below >> 24);
}

static double number(int which, closs_dtype dtype)
{
    const double unit = drawn(1 << 20) / 1048576.0;
    (void)dtype;
    if (which == CLASS_WEIGHT || which == POS_WEIGHT) return 0.5 + unit;
    if (which == SAMPLE_WEIGHT) return drawn(5) / 2.0;
    return probabilities ? unit : 8 * unit - 4;
}

static int64_t label(int64_t classes)
{
    return classes == 0 || drawn(8) == 0 ? IGNORED : (int64_t)drawn((unsigned)classes);
}

static void call(int elementwise, int function, int dtype, int64_t outer, int64_t inner, int64_t classes)
{
    trial t = {0};
    turn++;
    t.elementwise = elementwise;
    t.function = function;
    t.dtype = t.target_dtype = dtype;
    if (drawn(8) == 0 && dtype != CLOSS_F64) t.target_dtype = (int[]){CLOSS_F32, CLOSS_F16, CLOSS_BF16}[drawn(3)];
    t.predicted = !elementwise && function == CLOSS_ZERO_ONE && drawn(3) == 0;
    t.label_dtype = (int)drawn(t.predicted ? 3 : 2);
    if (t.predicted) t.predicted_dtype = drawn(2) ? t.label_dtype : (int)drawn(3); /* of one dtype they are counted */
    t.weight_dtype = (int)drawn(2);
    t.outer = outer;
    t.inner = inner;
    t.classes = t.predicted ? 0 : classes;
    const int layout = (int)drawn(3), odd = drawn(4) == 0; /* all arrays alike, or each its own */
    for (int k = 0; k < ARRAYS; k++) {
        t.layout[k] = odd ? (int)drawn(k < VALUES ? LAYOUTS : REPEATED) : layout;
        t.has[k] = (int)drawn(2);
    }
    t.has[GRAD] = (int)drawn(3);
    t.mean = drawn(4) == 0;
    t.wide_grad = drawn(4) == 0;
    t.wide_hess = drawn(4) == 0;
    t.temperature = 1;
    t.parameter = (double[]){0.5, 1, 0.75}[drawn(3)];
    t.place = place;
    t.number = number;
    t.label = label;
    t.before = before_call;
    t.after = after_call;
    most_stack = 0;
    probabilities = !elementwise && function >= CLOSS_ENTROPY && function != CLOSS_ZERO_ONE;
    if (!elementwise) {
        const int takes_labels = function == CLOSS_CROSS_ENTROPY || function == CLOSS_PROBABILITY_CROSS_ENTROPY;
        const int pair =
            function == CLOSS_DISTILLATION || function == CLOSS_KL_DIVERGENCE || function == CLOSS_JS_DIVERGENCE;
        t.has[LABELS] = (takes_labels && t.has[LABELS]) || function == CLOSS_ZERO_ONE;
        t.has[SECOND] = pair || (takes_labels && !t.has[LABELS]);
        t.ignore = t.has[LABELS] && !t.predicted;
        t.wrt_targets = function >= CLOSS_PROBABILITY_CROSS_ENTROPY && t.has[SECOND] && drawn(2);
        if (function == CLOSS_CROSS_ENTROPY && drawn(3) == 0) t.smoothing = 0.125;
        if (function != CLOSS_CROSS_ENTROPY) t.has[CLASS_WEIGHT] = t.has[HESS] = 0;
        if (function >= CLOSS_LOGSUMEXP && function <= CLOSS_LOG_SOFTMAX) t.has[SAMPLE_WEIGHT] = 0;
        if (function == CLOSS_LOGSUMEXP || function == CLOSS_ZERO_ONE) t.has[GRAD] = 0;
        if (function == CLOSS_SOFTMAX || function == CLOSS_LOG_SOFTMAX) t.has[VALUES] = 0;
        if (function == CLOSS_DISTILLATION) t.temperature = (double[]){1, 2, 1.5}[drawn(3)];
        if ((function == CLOSS_SOFTMAX_ENTROPY || probabilities) && drawn(4) == 0) t.base = 2;
    }
    const int right = run_trial(&t);
    CHECK(right);
    CHECK(most_stack <= STACK);
    if (most_stack > most_of_all) most_of_all = most_stack;
    if ((!right || most_stack > STACK) && failures < 20) print_trial(&t);
}

static void softmax(int64_t outer, int64_t inner, int64_t classes)
{
    for (int k = 0; k < LEVELS; k++) {
        if (!use_level(k)) continue;
        for (int dtype = CLOSS_F32; dtype <= CLOSS_BF16; dtype++)
            for (int result = CLOSS_CROSS_ENTROPY; result <= LAST_RESULT; result++)
                call(0, result, dtype, outer, inner, classes);
    }
}

static void elementwise(int64_t outer, int64_t inner)
{
    for (int k = 0; k < LEVELS; k++) {
        if (!use_level(k)) continue;
        for (int dtype = CLOSS_F32; dtype <= CLOSS_BF16; dtype++)
            for (int loss = CLOSS_L1; loss <= LAST_LOSS; loss++) call(1, loss, dtype, outer, inner, 1);
    }
}

int main(int count, char **arguments)
{
    const int64_t step = count > 1 ? atoi(arguments[1]) : 1;
    static const int64_t samples[] = {0, 1, 2, 15, 3, 16, 17, 33, 65, 130}; /* 1, 3 and 17 meet every size */
    static const int64_t rows[] = {143, 144,  145,  255,  256,  257,  511,  512,  513, 543,
                                   544, 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4097};
    static const int64_t long_rows[] = {8193, 16383, 16384, 16385, 32769, 524288, 524289};
    static const int64_t blocks[] = {255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2049, 4097, 32767, 32769};
    make_room();
    for (int s = 0; s < 10; s++)
        for (int64_t classes = 0; classes <= 130; classes += s % 3 == 1 || s == 6 ? step : 13 * step)
            softmax(1 + s % 2, samples[s], classes);
    for (int k = 0; k < 19; k += step > 1 ? 3 : 1) softmax(1, 1 + k % 3, rows[k]);
    for (int k = 0; k < 7 && step == 1; k++) softmax(1, 1, long_rows[k]);
    for (int64_t n = 255; n <= 257; n++) softmax(1, n, 3);
    for (int64_t n = 0; n <= 130; n += step) elementwise(1 + n % 3, n);
    for (int k = 0; k < (step > 1 ? 8 : 13); k++) elementwise(1, blocks[k]);
    printf("guard: a call takes at most %zu bytes of stack\n", most_of_all);
    return report("guard");
}

/* embed.c: the worked example of closs.h as a program, and an embedder's own loop over blocks, which gives the same bits. */
#include <math.h>

#include "check.h"
#include "closs.h"

enum { ROWS = 1000, CLASSES = 77 };

static float logits[ROWS * CLASSES], gradient[ROWS * CLASSES], again[ROWS * CLASSES];
static int64_t labels[ROWS];

/* The mean from the definition, in long double. */
static double mean_by_definition(void)
{
    long double total = 0;
    for (int i = 0; i < ROWS; i++) {
        long double sum = 0;
        for (int j = 0; j < CLASSES; j++) sum += expl((long double)logits[i * CLASSES + j]);
        total += logl(sum) - (long double)logits[i * CLASSES + labels[i]];
    }
    return (double)(total / ROWS);
}

static double loop_over_blocks(closs_softmax_args args)
{
    closs_report report;
    if (closs_softmax_check(&args, &report) != CLOSS_OK) return -1;
    args.scale = 1 / report.weight_sum;
    closs_sum total = {{0}, 0};
    const int64_t block = closs_softmax_block(&args);
    for (int64_t begin = 0; begin < ROWS; begin += block) { /* blocks may go to any thread; the sum keeps their order */
        double partial = 0;
        closs_softmax_run(&args, begin, begin + block < ROWS ? begin + block : ROWS, &partial);
        closs_sum_add(&total, partial);
    }
    return closs_sum_total(&total) / report.weight_sum;
}

int main(void)
{
    const int64_t rows = ROWS;
    for (int i = 0; i < ROWS * CLASSES; i++) logits[i] = (float)((i * 2654435761u >> 8) % 10007) / 1000 - 5;
    for (int i = 0; i < ROWS; i++) labels[i] = i * 31 % CLASSES;

    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    args.dtype = CLOSS_F32;
    args.ndim = 1;
    args.shape = &rows;
    args.classes = CLASSES;
    args.logits.data = logits;
    args.labels.data = labels;
    args.grad.data = gradient;
    double mean = 0;
    closs_report found;
    CHECK(closs_softmax(&args, CLOSS_MEAN, &mean, &found) == CLOSS_OK);
    CHECK(fabs(mean - mean_by_definition()) < 1e-7 * mean);
    CHECK(found.weight_sum == ROWS && found.counted == ROWS);

    args.grad.data = again;
    CHECK(loop_over_blocks(args) == mean);
    int same = 1;
    for (int i = 0; i < ROWS * CLASSES; i++) same &= again[i] == gradient[i];
    CHECK(same);

    labels[3] = CLASSES;
    CHECK(closs_softmax(&args, CLOSS_MEAN, &mean, &found) == CLOSS_BAD_LABEL);
    CHECK(found.index == 3 && found.label == CLASSES);
    printf("closs %s, %s: mean loss %.6f\n", closs_version(), closs_isa(), mean);
    return report("embed");
}

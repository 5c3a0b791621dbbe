/* embed.c: closs in a program that has threads of its own. Blocks of samples go to OpenMP's threads, whoever takes
 * which; the partial sums are combined in the order of the blocks, so that loss and gradient have the bits of the
 * one-shot call.
 *
 *     cc -fopenmp embed.c $(python -m closs config --cflags --libs) -o embed && ./embed
 */
#include <closs.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The mean loss; its gradient goes where args says. */
static closs_status mean_in_parallel(closs_softmax_args args, int64_t samples, double *mean, closs_report *report)
{
    const closs_status status = closs_softmax_check(&args, report); /* labels and weights are read here, once */
    if (status != CLOSS_OK) return status;
    const double denominator = report->weight_sum != 0 ? report->weight_sum : NAN; /* of no weight there is no mean */
    args.scale = 1 / denominator; /* the gradient of a mean needs it in advance */

    const int64_t block = closs_softmax_block(&args), blocks = (samples + block - 1) / block;
    double *partial = calloc((size_t)blocks + 1, sizeof *partial);
    if (!partial) return closs_softmax(&args, CLOSS_MEAN, mean, report); /* the same bits, on this thread */
#pragma omp parallel for schedule(dynamic)
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t begin = b * block, end = begin + block < samples ? begin + block : samples;
        closs_softmax_run(&args, begin, end, &partial[b]);
    }
    closs_sum total = {{0}, 0};
    for (int64_t b = 0; b < blocks; b++) closs_sum_add(&total, partial[b]);
    free(partial);
    *mean = closs_sum_total(&total) / denominator;
    return CLOSS_OK;
}

int main(void)
{
    enum { ROWS = 2000, CLASSES = 300 };
    static float logits[ROWS * CLASSES], gradient[ROWS * CLASSES], again[ROWS * CLASSES];
    static int64_t labels[ROWS];
    const int64_t rows = ROWS;
    for (int i = 0; i < ROWS * CLASSES; i++) logits[i] = (float)((unsigned)i * 2654435761u >> 8) / (1 << 22) - 2;
    for (int i = 0; i < ROWS; i++) labels[i] = i * 31 % CLASSES;

    closs_softmax_args args = CLOSS_SOFTMAX_INIT;
    args.dtype = CLOSS_F32;
    args.ndim = 1;
    args.shape = &rows;
    args.classes = CLASSES;
    args.logits.data = logits;
    args.labels.data = labels;
    args.label_smoothing = 0.1;

    double mean = 0, one_shot = 0;
    closs_report report;
    args.grad.data = gradient;
    if (mean_in_parallel(args, rows, &mean, &report) != CLOSS_OK) {
        fprintf(stderr, "sample %lld: %s\n", (long long)report.index, closs_status_string(report.status));
        return 1;
    }
    args.grad.data = again;
    closs_softmax(&args, CLOSS_MEAN, &one_shot, NULL);
    const int same = mean == one_shot && memcmp(gradient, again, sizeof gradient) == 0;
    printf("closs %s (%s): mean loss %.6f, %s bits as the one-shot call\n", closs_version(), closs_isa(), mean,
           same ? "the same" : "OTHER");

    labels[1234] = CLASSES; /* a mistake: nothing is written but the report */
    if (mean_in_parallel(args, rows, &mean, &report) == CLOSS_BAD_LABEL)
        printf("sample %lld: %s\n", (long long)report.index, closs_status_string(report.status));
    return !same || report.index != 1234;
}

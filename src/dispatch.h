/* dispatch.h: the one list of kernels. A table of them exists for every instruction set that was compiled in
 * (isa_*.c); cpu.c chooses one table, closs.c picks from it. */
#ifndef CLOSS_DISPATCH_H
#define CLOSS_DISPATCH_H

#include "closs.h"

/* Computes samples [begin, end) of a checked call and adds the values to *sum. */
typedef void closs_softmax_kernel(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum);

enum { CLOSS_DTYPES = 2 };

typedef struct {
    closs_softmax_kernel *softmax_rows[CLOSS_DTYPES];  /* lanes along classes: long rows */
    closs_softmax_kernel *softmax_lanes[CLOSS_DTYPES]; /* lanes along samples: few classes, or classes not fastest */
} closs_kernels;

extern const closs_kernels closs_kernels_baseline;
extern const closs_kernels closs_kernels_avx2;
extern const closs_kernels closs_kernels_avx512;
extern const closs_kernels closs_kernels_neon;

/* The table in use; chosen at the first call. */
const closs_kernels *closs_chosen_kernels(void);

#endif

/* The kernels compiled for AVX2, FMA and F16C. */
#define CLOSS_ISA avx2
#define CLOSS_FMA 1
#define CLOSS_F16C 1
#include "kernels.h"

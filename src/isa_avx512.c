/* The kernels compiled for AVX-512 F, BW, DQ and VL, in 512-bit vectors. */
#define CLOSS_ISA avx512
#define CLOSS_FMA 1
#define CLOSS_F16C 1
#include "kernels.h"

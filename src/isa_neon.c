/* The kernels compiled for NEON, which every aarch64 has, with fused multiply-add. */
#define CLOSS_ISA neon
#define CLOSS_FMA 1
#define CLOSS_F16C 0
#include "kernels.h"

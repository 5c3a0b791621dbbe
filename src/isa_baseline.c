/* The kernels compiled for what every machine of the architecture has. */
#define CLOSS_ISA baseline
#define CLOSS_FMA 0
#define CLOSS_F16C 0
#include "kernels.h"

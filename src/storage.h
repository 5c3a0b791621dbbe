/* storage.h: elements of any dtype to and from `real`, at offset + i x stride (in elements). */
#define load_real KERNEL(load_real)
#define load_halves KERNEL(load_halves)
#define load_runs KERNEL(load_runs)
#define load_packed KERNEL(load_packed)
#define store_packed KERNEL(store_packed)
#define load_reals KERNEL(load_reals)
#define store_halves KERNEL(store_halves)
#define store_runs KERNEL(store_runs)
#define store_reals KERNEL(store_reals)

INLINE real load_real(const void *data, closs_dtype dtype, int64_t offset)
{
    switch (dtype) {
    case CLOSS_F32: return (real)((const float *)data)[offset];
    case CLOSS_F64: return (real)((const double *)data)[offset];
    case CLOSS_F16: return (real)from_f16(((const uint16_t *)data)[offset]);
    default: return (real)from_bf16(((const uint16_t *)data)[offset]);
    }
}

/* n half types next to each other. */
INLINE void load_halves(const uint16_t *from, closs_dtype dtype, int64_t n, real *restrict to)
{
#if CLOSS_REAL == 32
    if (dtype == CLOSS_BF16)
        widen_bf16(from, n, to);
    else
        widen_f16(from, n, to);
#else
    if (dtype == CLOSS_BF16) {
        for (int64_t i = 0; i < n; i++) to[i] = (real)from_bf16(from[i]);
        return;
    }
    float wide[64];
    for (int64_t i = 0; i < n; i += 64) {
        const int64_t count = n - i < 64 ? n - i : 64;
        widen_f16(from + i, count, wide);
        for (int64_t k = 0; k < count; k++) to[i + k] = (real)wide[k];
    }
#endif
}

/* Rounded to float on the way to a half type. */
INLINE void store_halves(const real *restrict from, int64_t n, closs_dtype dtype, uint16_t *restrict to)
{
#if CLOSS_REAL == 32
    if (dtype == CLOSS_BF16)
        narrow_bf16(from, n, to);
    else
        narrow_f16(from, n, to);
#else
    for (int64_t i = 0; i < n; i++) to[i] = dtype == CLOSS_BF16 ? to_bf16((float)from[i]) : to_f16((float)from[i]);
#endif
}

/* Elements with gaps between them, of several runs: element k of run r is at offset + r x apart + k x step. Runs are
 * short: of each, one element at a time. */
#define EVERY_ELEMENT(access)                                                                                          \
    for (int64_t k = 0; k < length; k++)                                                                               \
        for (int64_t r = 0; r < runs; r++) access
static OUT_OF_LINE void load_runs(const void *data, closs_dtype dtype, int64_t offset, int64_t step, int64_t length,
                                  int64_t apart, int64_t runs, real *restrict to)
{
    if (dtype == CLOSS_F32) {
        const float *from = (const float *)data + offset;
        EVERY_ELEMENT(to[r * length + k] = (real)from[r * apart + k * step];)
    } else if (dtype == CLOSS_F64) {
        const double *from = (const double *)data + offset;
        EVERY_ELEMENT(to[r * length + k] = (real)from[r * apart + k * step];)
    } else {
        const uint16_t *from = (const uint16_t *)data + offset;
        for (int64_t k = 0; k < length; k++)
            for (int64_t r = 0; r < runs; r += 64) {
                const int64_t count = runs - r < 64 ? runs - r : 64;
                uint16_t some[64];
                real wide[64];
                for (int64_t j = 0; j < count; j++) some[j] = from[(r + j) * apart + k * step];
                load_halves(some, dtype, count, wide);
                for (int64_t j = 0; j < count; j++) to[(r + j) * length + k] = wide[j];
            }
    }
}

static OUT_OF_LINE void store_runs(const real *restrict from, void *data, closs_dtype dtype, int64_t offset,
                                   int64_t step, int64_t length, int64_t apart, int64_t runs)
{
    if (dtype == CLOSS_F32) {
        float *to = (float *)data + offset;
        EVERY_ELEMENT(to[r * apart + k * step] = (float)from[r * length + k];)
    } else if (dtype == CLOSS_F64) {
        double *to = (double *)data + offset;
        EVERY_ELEMENT(to[r * apart + k * step] = (double)from[r * length + k];)
    } else {
        uint16_t *to = (uint16_t *)data + offset;
        for (int64_t k = 0; k < length; k++)
            for (int64_t r = 0; r < runs; r += 64) {
                const int64_t count = runs - r < 64 ? runs - r : 64;
                uint16_t some[64];
                real wide[64];
                for (int64_t j = 0; j < count; j++) wide[j] = from[(r + j) * length + k];
                store_halves(wide, count, dtype, some);
                for (int64_t j = 0; j < count; j++) to[(r + j) * apart + k * step] = some[j];
            }
    }
}
#undef EVERY_ELEMENT

/* n elements next to each other. Inlined where calls would show: of few elements, or many times. */
INLINE void load_packed(const void *data, closs_dtype dtype, int64_t offset, int64_t n, real *restrict to)
{
    if (dtype == CLOSS_F32) {
        const float *from = (const float *)data + offset;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) to[i] = (real)from[i];
    } else if (dtype == CLOSS_F64) {
        const double *from = (const double *)data + offset;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) to[i] = (real)from[i];
    } else {
        load_halves((const uint16_t *)data + offset, dtype, n, to);
    }
}

INLINE void store_packed(const real *restrict from, int64_t n, void *data, closs_dtype dtype, int64_t offset)
{
    if (dtype == CLOSS_F32) {
        float *to = (float *)data + offset;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) to[i] = (float)from[i];
    } else if (dtype == CLOSS_F64) {
        double *to = (double *)data + offset;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) to[i] = (double)from[i];
    } else {
        store_halves(from, n, dtype, (uint16_t *)data + offset);
    }
}

/* Functions of their own: inlined wherever they are called they were a fifth of the library, which was no faster. */
static OUT_OF_LINE void load_reals(const void *data, closs_dtype dtype, int64_t offset, int64_t stride, int64_t n,
                                   real *restrict to)
{
    if (stride == 1)
        load_packed(data, dtype, offset, n, to);
    else
        load_runs(data, dtype, offset, 0, 1, stride, n, to);
}

static OUT_OF_LINE void store_reals(const real *restrict from, int64_t n, void *data, closs_dtype dtype, int64_t offset,
                                    int64_t stride)
{
    if (stride == 1)
        store_packed(from, n, data, dtype, offset);
    else
        store_runs(from, data, dtype, offset, 0, 1, stride, n);
}

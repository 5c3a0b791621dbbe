/* storage.h: elements of any dtype to and from `real`, at offset + i x stride (in elements). */
#define load_real KERNEL(load_real)
#define load_reals KERNEL(load_reals)
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

INLINE void load_reals(const void *data, closs_dtype dtype, int64_t offset, int64_t stride, int64_t n,
                       real *restrict to)
{
    if (dtype == CLOSS_F32 && stride == 1) {
        const float *from = (const float *)data + offset;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) to[i] = (real)from[i];
    } else if (dtype == CLOSS_F64 && stride == 1) {
        const double *from = (const double *)data + offset;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) to[i] = (real)from[i];
    } else if (dtype == CLOSS_BF16 && stride == 1) {
        const uint16_t *from = (const uint16_t *)data + offset;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) to[i] = (real)from_bf16(from[i]);
    } else if (dtype == CLOSS_F16 && stride == 1) {
        const uint16_t *from = (const uint16_t *)data + offset;
#if CLOSS_REAL == 32
        widen_f16(from, n, to);
#else
        float wide[64];
        for (int64_t i = 0; i < n; i += 64) {
            const int64_t count = n - i < 64 ? n - i : 64;
            widen_f16(from + i, count, wide);
            for (int64_t k = 0; k < count; k++) to[i + k] = (real)wide[k];
        }
#endif
    } else {
        for (int64_t i = 0; i < n; i++) to[i] = load_real(data, dtype, offset + i * stride);
    }
}

/* Rounded to float on the way to a half type. */
INLINE void store_reals(const real *restrict from, int64_t n, void *data, closs_dtype dtype, int64_t offset,
                        int64_t stride)
{
    if (dtype == CLOSS_F32) {
        float *to = (float *)data + offset;
        if (stride == 1) {
#pragma omp simd
            for (int64_t i = 0; i < n; i++) to[i] = (float)from[i];
        } else {
            for (int64_t i = 0; i < n; i++) to[i * stride] = (float)from[i];
        }
    } else if (dtype == CLOSS_F64) {
        double *to = (double *)data + offset;
        if (stride == 1) {
#pragma omp simd
            for (int64_t i = 0; i < n; i++) to[i] = (double)from[i];
        } else {
            for (int64_t i = 0; i < n; i++) to[i * stride] = (double)from[i];
        }
    } else if (dtype == CLOSS_BF16) {
        uint16_t *to = (uint16_t *)data + offset;
        if (stride == 1) {
#pragma omp simd
            for (int64_t i = 0; i < n; i++) to[i] = to_bf16((float)from[i]);
        } else {
            for (int64_t i = 0; i < n; i++) to[i * stride] = to_bf16((float)from[i]);
        }
    } else {
        uint16_t *to = (uint16_t *)data + offset;
#if CLOSS_REAL == 32
        if (stride == 1) {
            narrow_f16(from, n, to);
            return;
        }
#endif
        for (int64_t i = 0; i < n; i++) to[i * stride] = to_f16((float)from[i]);
    }
}

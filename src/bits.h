/* bits.h: what the kernels take from the compiler beyond C: bits of numbers, shuffles, prefetching,
 * alignment. */
#ifndef CLOSS_BITS_H
#define CLOSS_BITS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* gcc from version 12, and clang. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define CLOSS_HAS_SHUFFLE 1
#endif
#endif
#ifndef CLOSS_HAS_SHUFFLE
#define CLOSS_HAS_SHUFFLE 0
#endif

/* Bytes of a vector register, a multiple of 16. */
#if CLOSS_HAS_SHUFFLE && defined(__AVX__)
#include <immintrin.h>
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#if defined(__GNUC__)
/* Fetch a line to the first cache; to the second. */
#define PREFETCH(address) __builtin_prefetch(address)
#define PREFETCH_LATER(address) __builtin_prefetch(address, 0, 2)
#else
#define PREFETCH(address) ((void)(address))
#define PREFETCH_LATER(address) ((void)(address))
#endif

/* Loops over lanes are vector code only if what they call is inlined, and compilers stop at some size of a file. */
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#elif defined(_MSC_VER)
#define INLINE static __forceinline
#else
#define INLINE static inline
#endif

/* Large functions that compilers would copy for every constant they are called with. */
#if defined(__GNUC__) && !defined(__clang__)
#define OUT_OF_LINE __attribute__((noinline, noclone))
#elif defined(__GNUC__)
#define OUT_OF_LINE __attribute__((noinline))
#else
#define OUT_OF_LINE
#endif

/* Hides from the compiler what a variable is: gcc makes two or four instructions of a maximum with a number that it
 * knows, and one with a number that it does not know. Only outside loops, because the statement itself is no vector
 * code. */
#if defined(__GNUC__) && defined(__SSE2__)
#define HIDE(variable) __asm__("" : "+x"(variable))
#elif defined(__GNUC__) && defined(__aarch64__)
#define HIDE(variable) __asm__("" : "+w"(variable))
#else
#define HIDE(variable) ((void)(variable))
#endif

/* Keeps the loop over an integer from becoming vector code, where scattered stores would be slower. */
#if defined(__GNUC__)
#define KEEP_SCALAR(variable) __asm__("" : "+r"(variable))
#else
#define KEEP_SCALAR(variable) ((void)(variable))
#endif

#define ALIGNED _Alignas(64) /* a cache line, and the widest vector */

INLINE float bits_to_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE uint32_t float_to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

INLINE double bits_to_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE uint64_t double_to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#endif

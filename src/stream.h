/* stream.h: results of at least STREAM_BYTES are written past the caches, which could not keep them. The lines that
 * will be overwritten are then not read first, which is a third of a gradient's traffic. They are copied from a block
 * that is in L1, whole lines but for the ends; the values are the same. Not where the result is an input, too, whose
 * lines are in the caches, nor in new memory, whose pages the system has just cleared there (512 x 32000 floats,
 * log_softmax on two threads: 16 ms past the caches, 10 through them).
 */
#ifndef CLOSS_STREAM_H
#define CLOSS_STREAM_H

#if defined(__SSE2__)
#include <emmintrin.h>
#define HAS_STREAM 1

INLINE void stream_bytes(void *to, const void *from, size_t bytes)
{
    const size_t odd = (size_t)(-(uintptr_t)to & 15), head = odd < bytes ? odd : bytes;
    char *target = (char *)to;
    const char *source = (const char *)from;
    size_t at = head;
    memcpy(target, source, head);
    for (; at + 16 <= bytes; at += 16) {
        const __m128i part = _mm_loadu_si128((const __m128i *)(const void *)(source + at));
        _mm_stream_si128((__m128i *)(void *)(target + at), part);
    }
    memcpy(target + at, source + at, bytes - at);
}

/* Before another thread may learn that the results are there. */
INLINE void stream_end(void)
{
    _mm_sfence();
}
#else
#define HAS_STREAM 0
INLINE void stream_bytes(void *to, const void *from, size_t bytes)
{
    memcpy(to, from, bytes);
}
INLINE void stream_end(void)
{
}
#endif

enum { STREAM_BYTES = 1 << 25 }; /* 32 MB: the L3 cache of one socket, or more than its share */

INLINE int worth_streaming(const int64_t *shape, int32_t ndim, size_t size)
{
    double bytes = (double)size;
    for (int32_t axis = 0; axis < ndim; axis++) bytes *= (double)shape[axis];
    return HAS_STREAM && bytes >= (double)STREAM_BYTES;
}
#endif

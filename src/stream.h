/* stream.h: gradients of rows from CLOSS_STREAM_BYTES on (which rows: plan_of_rows in softmax_rows.h), and derivatives
 * of elementwise losses if all arrays together take that, are written past the caches, which could not keep them. The
 * lines that will be overwritten are then not read first, which is a third of a gradient's traffic. They are copied
 * from a block that is in L1; the values are the same.
 *
 * They go by whole lines: bytes that do not fill one are held until the next ones come, of the same row or the next. (A
 * line written in parts, some by ordinary stores, takes 200 ns: rows of 1001 floats were 2.4 times as slow as those of
 * 1000.)
 *
 * Not where the result is an input, too, whose lines are in the caches, nor in new memory, whose pages the system has
 * just cleared there (512 x 32000 floats, log_softmax on two threads: 16 ms past the caches, 10 through them).
 */
#ifndef CLOSS_STREAM_H
#define CLOSS_STREAM_H

#if defined(__SSE2__)
#include <immintrin.h>
#define HAS_STREAM 1

/* A whole line of a cache. */
INLINE void stream_line(char *to, const char *from)
{
#if defined(__AVX512F__)
    _mm512_stream_si512((__m512i *)(void *)to, _mm512_loadu_si512(from));
#elif defined(__AVX__)
    for (int at = 0; at < 64; at += 32)
        _mm256_stream_si256((__m256i *)(void *)(to + at),
                            _mm256_loadu_si256((const __m256i *)(const void *)(from + at)));
#else
    for (int at = 0; at < 64; at += 16)
        _mm_stream_si128((__m128i *)(void *)(to + at), _mm_loadu_si128((const __m128i *)(const void *)(from + at)));
#endif
}

INLINE void stream_word(char *to, const char *from)
{
    int32_t word;
    memcpy(&word, from, sizeof word);
    _mm_stream_si32((int32_t *)(void *)to, word);
}

/* Before another thread may learn that the results are there. */
INLINE void stream_fence(void)
{
    _mm_sfence();
}
#else
#define HAS_STREAM 0
INLINE void stream_line(char *to, const char *from)
{
    memcpy(to, from, 64);
}
INLINE void stream_word(char *to, const char *from)
{
    memcpy(to, from, sizeof(int32_t));
}
INLINE void stream_fence(void)
{
}
#endif

/* Writes bytes that come in order, whole lines at a time. */
typedef struct {
    ALIGNED char line[64]; /* the last bytes before `next`, which fill no line yet; where they will be in it */
    char *next;
    size_t first; /* bytes at the beginning of that line which belong to others: writing began behind them */
} stream_writer;

/* What is held of a line, up to its byte `end`: where no more comes, or the line began with bytes of others. */
static OUT_OF_LINE void stream_part(stream_writer *writer, size_t end)
{
    size_t at = writer->first;
    char *to = writer->next - (end - at); /* the line may begin before the array */
    for (; at < end && at % 4 != 0; at++) *to++ = writer->line[at];
    for (; at + 4 <= end; at += 4, to += 4) stream_word(to, writer->line + at);
    for (; at < end; at++) *to++ = writer->line[at];
    writer->first = 0;
}

/* Takes the next bytes; elsewhere than behind the last ones it writes what is held first. */
INLINE void stream_bytes(stream_writer *writer, void *to, const void *from, size_t bytes)
{
    const char *source = (const char *)from;
    if (to != writer->next) {
        const size_t held = (uintptr_t)writer->next & 63;
        if (held > 0) stream_part(writer, held);
        writer->next = (char *)to;
        writer->first = (uintptr_t)to & 63;
    }
    const size_t held = (uintptr_t)writer->next & 63;
    if (held > 0) {
        const size_t more = 64 - held < bytes ? 64 - held : bytes;
        memcpy(writer->line + held, source, more);
        writer->next += more;
        source += more;
        bytes -= more;
        if (held + more < 64) return;
        if (writer->first > 0)
            stream_part(writer, 64);
        else
            stream_line(writer->next - 64, writer->line);
    }
    for (; bytes >= 64; bytes -= 64, source += 64, writer->next += 64) stream_line(writer->next, source);
    memcpy(writer->line, source, bytes);
    writer->next += bytes;
}

/* Once a call: until then up to 63 bytes are not in memory. */
INLINE void stream_end(stream_writer *writer)
{
    const size_t held = (uintptr_t)writer->next & 63;
    if (held > 0) stream_part(writer, held);
    stream_fence();
}

#ifndef CLOSS_STREAM_BYTES /* 32 MB: the L3 cache of one socket, or more than its share; less in tests */
#define CLOSS_STREAM_BYTES (1 << 25)
#endif

INLINE int worth_streaming(const int64_t *shape, int32_t ndim, size_t size)
{
    double bytes = (double)size;
    for (int32_t axis = 0; axis < ndim; axis++) bytes *= (double)shape[axis];
    return HAS_STREAM && bytes >= (double)CLOSS_STREAM_BYTES;
}
#endif

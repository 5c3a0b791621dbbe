/* ahead.h: prefetching. While exponentials or logarithms of a chunk of classes are computed, the memory of the next
 * chunk, and that of its results, is fetched. Hardware does not foresee where that is, and up to half of the time of a
 * call would be spent waiting for it. Addresses are integers, because they may lie beyond the arrays.
 *
 * What comes next goes to the first cache, what comes later to the second: a core has at most 10 to 16 lines on their
 * way to its first cache, which is 9 GB/s where a line takes 120 ns, and up to 48 to its second. (An Intel Xeon:
 * cross-entropy of 512 x 32000 doubles from memory 1.3 times as fast, entropy of 81 classes first with its gradient 1.5
 * times.)
 */
INLINE uintptr_t address_of(const void *data, int64_t bytes)
{
    return (uintptr_t)data + (uintptr_t)bytes;
}

INLINE int64_t bytes_of(closs_dtype dtype)
{
    return dtype == CLOSS_F64 ? 8 : dtype == CLOSS_F32 ? 4 : 2;
}

/* Of a gradient, say, which may be `wide`: that of half types is float then. */
INLINE closs_dtype wide_dtype(closs_dtype dtype, int32_t wide)
{
    return wide && dtype != CLOSS_F64 ? CLOSS_F32 : dtype;
}

/* How far behind what goes to the first cache lies what goes to the second, in bytes. */
enum { LATER_BYTES = 8192, LATER_BESIDE = 1024 };

/* One or two lines of a cache. */
INLINE void fetch_lines(uintptr_t address, int64_t bytes)
{
    PREFETCH((const void *)address);
    if (bytes > 64) PREFETCH((const void *)(address + 64));
}

INLINE void fetch_lines_later(uintptr_t address, int64_t bytes)
{
    PREFETCH_LATER((const void *)address);
    if (bytes > 64) PREFETCH_LATER((const void *)(address + 64));
}

/* What to fetch, in the order in which it lies in memory. */
typedef struct {
    uintptr_t data;
    int64_t lane, step; /* bytes from one lane, and from one class or group of lanes, to the next */
    int64_t later;      /* bytes from there to what is fetched to the second cache */
} memory_ahead;

INLINE memory_ahead from_lane(memory_ahead ahead, int64_t lane)
{
    ahead.data += (uintptr_t)(lane * ahead.lane);
    return ahead;
}

/* Its step `step`, and what lies `later` bytes behind that. */
INLINE void fetch(memory_ahead ahead, int64_t step, int64_t bytes)
{
    const uintptr_t soon = ahead.data + (uintptr_t)(step * ahead.step);
    fetch_lines(soon, bytes);
    fetch_lines_later(soon + (uintptr_t)ahead.later, bytes);
}

/* memory_ahead.later of packed samples, `bytes` of which are worked on at a time: none where these are so few that the
 * next fetch comes soon. */
INLINE int64_t later_packed(int64_t bytes)
{
    return bytes > LATER_BYTES / 2 ? LATER_BYTES : 0;
}

/* memory_ahead.later of neighbours, whose classes are `stride` bytes apart: samples further on in the same class, or
 * later classes where one is short. */
INLINE int64_t later_beside(int64_t stride, int64_t classes)
{
    const int64_t apart = stride < 0 ? -stride : stride;
    if (apart >= 2 * LATER_BESIDE) return LATER_BESIDE;
    const int64_t later = classes * apart < LATER_BYTES ? classes * apart : LATER_BYTES;
    return stride < 0 ? -later : later;
}

/* Where to start fetching `bytes` of a class from `data`: of one or two lines with the last byte, because the line of
 * the first byte was fetched with the samples before these. */
INLINE uintptr_t line_of(uintptr_t data, int64_t bytes)
{
    return bytes <= 128 ? data + (uintptr_t)bytes - 1 : data;
}

/* Where the class axis is not the fastest. After classes [first, end) of `lanes` samples are needed the same classes of
 * the samples behind them, if all classes fit in the second cache until then, else more classes of the same samples. */
INLINE int64_t offset_ahead(int64_t first, int64_t end, int64_t classes, int64_t lanes, int64_t stride, int64_t size)
{
    enum { NEAR = 160 << 10 };
    return end < classes && classes * lanes * size > NEAR ? end * stride : first * stride + lanes;
}

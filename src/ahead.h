/* ahead.h: what is needed after a chunk of classes, and where results will be written, is fetched while exponentials or logarithms of the
 * chunk are computed. Hardware does not foresee where it is, and memory would be waited for between them: up to half of the time.
 * Addresses are numbers, for nothing may be there.
 */
INLINE uintptr_t address_of(const void *data, int64_t bytes)
{
    return (uintptr_t)data + (uintptr_t)bytes;
}

INLINE int64_t bytes_of(closs_dtype dtype)
{
    return dtype == CLOSS_F64 ? 8 : dtype == CLOSS_F32 ? 4 : 2;
}

/* One or two lines of a cache. */
INLINE void fetch(uintptr_t address, int64_t bytes)
{
    PREFETCH((const void *)address);
    if (bytes > 64) PREFETCH((const void *)(address + 64));
}

/* In the order in which memory lies, and not a tile. */
typedef struct {
    uintptr_t data;
    int64_t lane, step; /* bytes from one lane, and from one class or group of lanes, to the next */
} memory_ahead;

INLINE memory_ahead from_lane(memory_ahead ahead, int64_t lane)
{
    ahead.data += (uintptr_t)(lane * ahead.lane);
    return ahead;
}

INLINE void fetch_step(memory_ahead ahead, int64_t step, int64_t bytes)
{
    fetch(ahead.data + (uintptr_t)(step * ahead.step), bytes);
}

/* Of `bytes` a class from `data`: what to fetch. A line or two begin where what was before ended, and reach into the next. */
INLINE uintptr_t line_of(uintptr_t data, int64_t bytes)
{
    return bytes <= 128 ? data + (uintptr_t)bytes - 1 : data;
}

/* Where the class axis is not the fastest: after classes up to `end` of `lanes` samples come the same classes of the samples behind
 * them, while those are few enough to be still in the second cache by then, else more classes of the same. */
INLINE int64_t offset_ahead(int64_t first, int64_t end, int64_t classes, int64_t lanes, int64_t stride, int64_t size)
{
    enum { NEAR = 160 << 10 };
    return end < classes && classes * lanes * size > NEAR ? end * stride : first * stride + lanes;
}

/* tiles.h: classes of many samples, copied so that each lane is a sample: tile[class x width + lane], and back. Where
 * classes are the fastest axis that transposes: a vector holds PIECES pieces of 16 bytes, each of SIDE classes of
 * one sample; SIDE vectors are PIECES blocks of SIDE rows and columns, transposed at once. The last block of a row may
 * overlap the one before it.
 */
#define vector KERNEL(vector)
#define vector_anywhere KERNEL(vector_anywhere)
#define transpose KERNEL(transpose)
#define pieces_load KERNEL(pieces_load)
#define pieces_store KERNEL(pieces_store)
#define packed_load KERNEL(packed_load)
#define packed_store KERNEL(packed_store)
#define tile_columns KERNEL(tile_columns)
#define tile_rows KERNEL(tile_rows)
#define tile_load_rows KERNEL(tile_load_rows)
#define tile_store_rows KERNEL(tile_store_rows)
#define neighbours_load KERNEL(neighbours_load)
#define neighbours_store KERNEL(neighbours_store)
#define tile_load KERNEL(tile_load)
#define tile_store KERNEL(tile_store)

#ifndef CLOSS_TILE_SIZES
#define CLOSS_TILE_SIZES
enum {
    COPIED = 64,         /* of a row of another type at a time */
    COPIED_BYTES = 2048, /* of lanes of another type */
    MANY = 3,            /* any number of pieces of 16 bytes or more */
    PIECES = VECTOR_BYTES / 16
};

/* Whether `count` samples of few classes follow each other without gaps. */
INLINE int are_packed(const int64_t *offset, int64_t count, int64_t classes)
{
    int64_t gaps = 0;
    int64_t packed = offset[0];
    for (int64_t l = 0; l < count; l++) {
        gaps |= packed ^ offset[l];
        packed += classes;
    }
    return gaps == 0;
}

/* How many of n elements of a row of another type are copied next: pieces of about one size, for few by themselves take
 * as long as many. */
INLINE int64_t copied_at_once(int64_t n)
{
    const int64_t pieces = (n + COPIED - 1) / COPIED;
    return (n + pieces - 1) / pieces;
}

/* Samples from the l-th on, at most to `end`, that are neighbours. */
INLINE int64_t neighbours_from(const int64_t *offset, int64_t l, int64_t end)
{
    int64_t n = 1;
    while (l + n < end && offset[l + n] == offset[l] + n) n++;
    return n;
}

/* n times `bytes` bytes, in one, two or MANY pieces, the last of which may overlap the one before it. */
INLINE void copy_pieces(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t n, int64_t bytes,
                        const int piece, const int pieces)
{
    for (int64_t j = 0; j < n; j++) {
        if (pieces == 2) memcpy(to, from, (size_t)piece);
        if (pieces == MANY)
            for (int64_t k = 0; k + piece < bytes; k += piece) memcpy(to + k, from + k, (size_t)piece);
        memcpy(to + bytes - piece, from + bytes - piece, (size_t)piece);
        to += to_step;
        from += from_step;
    }
}

/* The same of any even number of bytes, where a call of memcpy would cost more than the copy. */
INLINE void copy_steps(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t n, int64_t bytes)
{
#define COPY(piece, pieces) copy_pieces(to, to_step, from, from_step, n, bytes, piece, pieces)
    if (bytes > 32)
        COPY(VECTOR_BYTES, MANY);
    else if (bytes > 16)
        COPY(16, 2);
    else if (bytes == 16)
        COPY(16, 1);
    else if (bytes > 8)
        COPY(8, 2);
    else if (bytes == 8)
        COPY(8, 1);
    else if (bytes > 4)
        COPY(4, 2);
    else if (bytes == 4)
        COPY(4, 1);
    else
        COPY(2, 1);
#undef COPY
}

/* n classes, `stride` elements of `size` bytes apart, of samples anywhere, as lanes: those of samples that are
 * neighbours together, and of these one class after the other, in the order in which memory lies. */
static void lanes_gather(const char *data, int64_t size, const int64_t *offset, int64_t stride, int64_t count,
                         int64_t width, int64_t n, void *lanes)
{
    for (int64_t l = 0, some; l < count; l += some) {
        const char *from = data + offset[l] * size;
        char *to = (char *)lanes + l * size;
        some = neighbours_from(offset, l, count);
        copy_steps(to, width * size, from, stride * size, n, some * size);
    }
}

/* The way back. */
static void lanes_scatter(const void *lanes, char *data, int64_t size, const int64_t *offset, int64_t stride,
                          int64_t count, int64_t width, int64_t n)
{
    for (int64_t l = 0, some; l < count; l += some) {
        const char *from = (const char *)lanes + l * size;
        char *to = data + offset[l] * size;
        some = neighbours_from(offset, l, count);
        copy_steps(to, stride * size, from, width * size, n, some * size);
    }
}

/* Indices of a shuffle, for every piece. */
#if VECTOR_BYTES == 32
#define EVERY_PIECE(index) index(0), index(1)
#else
#define EVERY_PIECE(index) index(0)
#endif
#endif

#undef CHUNK
#undef ROWS
#define CHUNK (REAL_DTYPE == CLOSS_F32 ? CLOSS_FEW_F32 : CLOSS_FEW_F64) /* classes of a tile at most */
#define ROWS (SIDE * PIECES)                                            /* samples that are transposed at once */

/* In memory they begin anywhere. (gcc copies what memcpy is given in pieces of 16 bytes, to memory and back.) */
#if CLOSS_HAS_SHUFFLE
typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
typedef real vector_anywhere __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
#else
typedef struct {
    real lane[SIDE];
} vector, vector_anywhere;
#endif

/* Transposes every block of SIDE x SIDE elements, a row in each vector. */
INLINE void transpose(vector rows[SIDE])
{
#if CLOSS_HAS_SHUFFLE && CLOSS_REAL == 32
#define OF_BOTH(i, a, b, c, d) 4 * (i) + (a), ROWS + 4 * (i) + (b), 4 * (i) + (c), ROWS + 4 * (i) + (d)
#define LOWER(i) OF_BOTH(i, 0, 0, 1, 1)
#define UPPER(i) OF_BOTH(i, 2, 2, 3, 3)
#define LOWER_PAIRS(i) 4 * (i), 4 * (i) + 1, ROWS + 4 * (i), ROWS + 4 * (i) + 1
#define UPPER_PAIRS(i) 4 * (i) + 2, 4 * (i) + 3, ROWS + 4 * (i) + 2, ROWS + 4 * (i) + 3
    const vector a = rows[0], b = rows[1], c = rows[2], d = rows[3];
    const vector ab_low = __builtin_shufflevector(a, b, EVERY_PIECE(LOWER)),
                 ab_high = __builtin_shufflevector(a, b, EVERY_PIECE(UPPER)),
                 cd_low = __builtin_shufflevector(c, d, EVERY_PIECE(LOWER)),
                 cd_high = __builtin_shufflevector(c, d, EVERY_PIECE(UPPER));
    rows[0] = __builtin_shufflevector(ab_low, cd_low, EVERY_PIECE(LOWER_PAIRS));
    rows[1] = __builtin_shufflevector(ab_low, cd_low, EVERY_PIECE(UPPER_PAIRS));
    rows[2] = __builtin_shufflevector(ab_high, cd_high, EVERY_PIECE(LOWER_PAIRS));
    rows[3] = __builtin_shufflevector(ab_high, cd_high, EVERY_PIECE(UPPER_PAIRS));
#undef OF_BOTH
#undef LOWER_PAIRS
#undef UPPER_PAIRS
#elif CLOSS_HAS_SHUFFLE
#define LOWER(i) 2 * (i), ROWS + 2 * (i)
#define UPPER(i) 2 * (i) + 1, ROWS + 2 * (i) + 1
    const vector a = rows[0], b = rows[1];
    rows[0] = __builtin_shufflevector(a, b, EVERY_PIECE(LOWER));
    rows[1] = __builtin_shufflevector(a, b, EVERY_PIECE(UPPER));
#else
    vector columns[SIDE];
    for (int k = 0; k < SIDE; k++)
        for (int l = 0; l < SIDE; l++) columns[k].lane[l] = rows[l].lane[k];
    memcpy(rows, columns, sizeof columns);
#endif
#undef LOWER
#undef UPPER
}

/* SIDE elements from j of every SIDE-th of ROWS rows. */
INLINE vector pieces_load(const real *const *row, int64_t j)
{
#if VECTOR_BYTES == 16
    return *(const vector_anywhere *)(row[0] + j);
#elif CLOSS_REAL == 32
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row[0] + j)), _mm_loadu_ps(row[SIDE] + j), 1);
#else
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(row[0] + j)), _mm_loadu_pd(row[SIDE] + j), 1);
#endif
}

/* The way back. */
INLINE void pieces_store(vector joined, real *const *row, int64_t j)
{
#if VECTOR_BYTES == 16
    *(vector_anywhere *)(row[0] + j) = joined;
#elif CLOSS_REAL == 32
    _mm_storeu_ps(row[0] + j, _mm256_castps256_ps128(joined));
    _mm_storeu_ps(row[SIDE] + j, _mm256_extractf128_ps(joined, 1));
#else
    _mm_storeu_pd(row[0] + j, _mm256_castpd256_pd128(joined));
    _mm_storeu_pd(row[SIDE] + j, _mm256_extractf128_pd(joined, 1));
#endif
}

/* to[j x width + l] = row[l][j] for n classes of ROWS lanes. */
INLINE void tile_columns(const real *const *row, int64_t n, real *to, int64_t width)
{
    vector block[SIDE];
    if (n < SIDE) {
        for (int64_t j = 0; j < n; j++)
            for (int k = 0; k < ROWS; k++) to[j * width + k] = row[k][j];
        return;
    }
    for (int64_t j = 0; j < n; j += SIDE) {
        if (j + SIDE > n) j = n - SIDE; /* the last block overlaps the one before it */
        for (int k = 0; k < SIDE; k++) block[k] = pieces_load(row + k, j);
        transpose(block);
        for (int k = 0; k < SIDE; k++) *(vector_anywhere *)(to + (j + k) * width) = block[k];
    }
}

/* row[l][j] = from[j x width + l] for n classes of ROWS lanes. */
INLINE void tile_rows(const real *from, int64_t width, int64_t n, real *const *row)
{
    vector block[SIDE];
    if (n < SIDE) {
        for (int64_t j = 0; j < n; j++)
            for (int k = 0; k < ROWS; k++) row[k][j] = from[j * width + k];
        return;
    }
    for (int64_t j = 0; j < n; j += SIDE) {
        if (j + SIDE > n) j = n - SIDE;
        for (int k = 0; k < SIDE; k++) block[k] = *(const vector_anywhere *)(from + (j + k) * width);
        transpose(block);
        for (int k = 0; k < SIDE; k++) pieces_store(block[k], row + k, j);
    }
}

/* Packed samples of n < 4 classes, a number that compilers know: they make shuffles of it. */
INLINE void packed_load(const real *from, const int n, int64_t count, real *restrict tile, int64_t width)
{
#pragma omp simd
    for (int64_t l = 0; l < count; l++)
        for (int j = 0; j < n; j++) tile[j * width + l] = from[l * n + j];
}

INLINE void packed_store(const real *restrict tile, int64_t width, const int n, int64_t count, real *to)
{
#pragma omp simd
    for (int64_t l = 0; l < count; l++)
        for (int j = 0; j < n; j++) to[l * n + j] = tile[j * width + l];
}

/* Samples whose classes lie next to each other, in rows that are transposed. Other types pass through copies. */
INLINE void tile_load_rows(const void *data, closs_dtype dtype, const int64_t *offset, int64_t width, int64_t first,
                           int64_t n, real *restrict tile)
{
    const int native = dtype == REAL_DTYPE;
    const real *row[ROWS];
    ALIGNED real copy[ROWS * COPIED];
    if (n < 4 && are_packed(offset, width, n)) {
        const int64_t at_once = native ? width : ROWS * COPIED / 4;
        for (int64_t l = 0; l < width; l += at_once) {
            const int64_t some = width - l < at_once ? width - l : at_once;
            const real *from = native ? (const real *)data + offset[0] + first : copy;
            if (!native) load_reals(data, dtype, offset[l] + first, 1, some * n, copy);
            if (n == 1) packed_load(from, 1, some, tile + l, width);
            if (n == 2) packed_load(from, 2, some, tile + l, width);
            if (n == 3) packed_load(from, 3, some, tile + l, width);
        }
        return;
    }
    for (int64_t l = 0; native && l < width; l += ROWS) {
        for (int k = 0; k < ROWS; k++) row[k] = (const real *)data + offset[l + k] + first;
        tile_columns(row, n, tile + l, width);
    }
    for (int64_t l = 0; !native && l < width; l += ROWS)
        for (int64_t begin = 0, some; begin < n; begin += some) {
            some = copied_at_once(n - begin);
            const int at_once = some == n && are_packed(offset + l, ROWS, n);
            const int64_t apart = at_once ? n : COPIED;
            for (int k = 0; k < (at_once ? 1 : ROWS); k++)
                load_packed(data, dtype, offset[l + k] + first + begin, at_once ? ROWS * n : some, copy + k * apart);
            for (int k = 0; k < ROWS; k++) row[k] = copy + k * apart;
            tile_columns(row, some, tile + begin * width + l, width);
        }
}

/* The way back, of the first `count` lanes. */
INLINE void tile_store_rows(const real *restrict tile, int64_t width, int64_t count, int64_t first, int64_t n,
                            void *data, closs_dtype dtype, const int64_t *offset)
{
    const int native = dtype == REAL_DTYPE;
    real *row[ROWS];
    ALIGNED real copy[ROWS * COPIED]; /* of this type, for lanes that no sample has: of CHUNK classes at most */
    _Static_assert(ROWS * COPIED >= CHUNK, "they have room for the classes of a tile");
    if (n < 4 && are_packed(offset, count, n)) {
        const int64_t at_once = native ? count : ROWS * COPIED / 4;
        for (int64_t l = 0; l < count; l += at_once) {
            const int64_t some = count - l < at_once ? count - l : at_once;
            real *to = native ? (real *)data + offset[0] + first : copy;
            if (n == 1) packed_store(tile + l, width, 1, some, to);
            if (n == 2) packed_store(tile + l, width, 2, some, to);
            if (n == 3) packed_store(tile + l, width, 3, some, to);
            if (!native) store_reals(copy, some * n, data, dtype, offset[l] + first, 1);
        }
        return;
    }
    for (int64_t l = 0; native && l < count; l += ROWS) {
        for (int k = 0; k < ROWS; k++) row[k] = l + k < count ? (real *)data + offset[l + k] + first : copy;
        tile_rows(tile + l, width, n, row);
    }
    for (int64_t l = 0; !native && l < count; l += ROWS)
        for (int64_t begin = 0, some; begin < n; begin += some) {
            some = copied_at_once(n - begin);
            const int lanes = count - l < ROWS ? (int)(count - l) : ROWS;
            const int at_once = some == n && are_packed(offset + l, lanes, n);
            for (int k = 0; k < ROWS; k++) row[k] = copy + k * (at_once ? n : COPIED);
            tile_rows(tile + begin * width + l, width, some, row);
            for (int k = 0; k < (at_once ? 1 : lanes); k++)
                store_packed(row[k], at_once ? lanes * n : some, data, dtype, offset[l + k] + first + begin);
        }
}

/* tile[j x width + l] = class first + j of the l-th of `width` neighbours, and back, of the first `count`. */
INLINE void neighbours_load(const void *data, closs_dtype dtype, int64_t offset, int64_t stride, int64_t width,
                            int64_t first, int64_t n, real *restrict tile)
{
    const int halves = bytes_of(dtype) == 2 && width == BATCH; /* a number that compilers know: half the time */
    for (int64_t j = 0; j < n && halves; j++)
        load_halves((const uint16_t *)data + offset + (first + j) * stride, dtype, BATCH, tile + j * BATCH);
    for (int64_t j = 0; j < n && !halves; j++)
        load_packed(data, dtype, offset + (first + j) * stride, width, tile + j * width);
}

INLINE void neighbours_store(const real *restrict tile, int64_t width, int64_t count, int64_t first, int64_t n,
                             void *data, closs_dtype dtype, int64_t offset, int64_t stride)
{
    const int halves = bytes_of(dtype) == 2 && count == BATCH;
    for (int64_t j = 0; j < n && halves; j++)
        store_halves(tile + j * width, BATCH, dtype, (uint16_t *)data + offset + (first + j) * stride);
    for (int64_t j = 0; j < n && !halves; j++)
        store_packed(tile + j * width, count, data, dtype, offset + (first + j) * stride);
}

/* tile[j x width + l] = class first + j of the sample at offset[l], n <= CHUNK classes; lanes from `count` have
 * no sample: they hold that of their offset, which must be readable, or zeros. width is a multiple of ROWS. Other types
 * pass through copies. */
static OUT_OF_LINE void tile_load(const void *data, closs_dtype dtype, const int64_t *offset, int64_t stride,
                                  int64_t count, int64_t width, int64_t first, int64_t n, real *restrict tile)
{
    if (stride == 1) {
        tile_load_rows(data, dtype, offset, width, first, n, tile);
        return;
    }
    if (count == width && are_neighbours(offset, width)) {
        neighbours_load(data, dtype, offset[0], stride, width, first, n, tile);
        return;
    }
    const int64_t size = bytes_of(dtype);
    if (dtype == REAL_DTYPE) {
        for (int64_t j = 0; j < n && count < width; j++)
            for (int64_t l = width - BATCH; l < width; l++) tile[j * width + l] = 0;
        lanes_gather((const char *)data + first * stride * size, size, offset, stride, count, width, n, tile);
        return;
    }
    ALIGNED char copy[COPIED_BYTES];
    const int64_t at_once = COPIED_BYTES / (width * size);
    memset(copy, 0, sizeof copy);
    for (int64_t j = 0; j < n; j += at_once) {
        const int64_t some = n - j < at_once ? n - j : at_once;
        lanes_gather((const char *)data + (first + j) * stride * size, size, offset, stride, count, width, some, copy);
        load_reals(copy, dtype, 0, 1, some * width, tile + j * width);
    }
}

/* The way back, of the first `count` lanes. */
static OUT_OF_LINE void tile_store(const real *restrict tile, int64_t width, int64_t count, int64_t first, int64_t n,
                                   void *data, closs_dtype dtype, const int64_t *offset, int64_t stride)
{
    if (stride == 1) {
        tile_store_rows(tile, width, count, first, n, data, dtype, offset);
        return;
    }
    if (are_neighbours(offset, count)) {
        neighbours_store(tile, width, count, first, n, data, dtype, offset[0], stride);
        return;
    }
    const int64_t size = bytes_of(dtype);
    if (dtype == REAL_DTYPE) {
        lanes_scatter(tile, (char *)data + first * stride * size, size, offset, stride, count, width, n);
        return;
    }
    ALIGNED char copy[COPIED_BYTES];
    const int64_t at_once = COPIED_BYTES / (width * size);
    for (int64_t j = 0; j < n; j += at_once) {
        const int64_t some = n - j < at_once ? n - j : at_once;
        store_reals(tile + j * width, some * width, copy, dtype, 0, 1);
        lanes_scatter(copy, (char *)data + (first + j) * stride * size, size, offset, stride, count, width, some);
    }
}

/* tiles.h: classes of many samples, copied so that each lane is a sample: tile[class x width + lane], and back. Where classes
 * are the fastest axis that transposes, by blocks of SIDE rows and columns (real.h) of which only the last ones overlap.
 */
#define transpose KERNEL(transpose)
#define tile_columns KERNEL(tile_columns)
#define tile_rows KERNEL(tile_rows)
#define tile_load KERNEL(tile_load)
#define tile_store KERNEL(tile_store)

#ifndef CLOSS_TILE_SIZES
#define CLOSS_TILE_SIZES
enum { CHUNK = 128 }; /* classes of a tile at most */

/* Whether the first `lanes` samples are neighbours. */
INLINE int are_neighbours(const int64_t *offset, int64_t lanes)
{
    for (int64_t l = 1; l < lanes; l++)
        if (offset[l] != offset[0] + l) return 0;
    return 1;
}
#endif

/* Transposes SIDE x SIDE elements, a row in each vector. */
INLINE void transpose(vector rows[SIDE])
{
#if CLOSS_HAS_SHUFFLE && CLOSS_REAL == 32
    const vector a = rows[0], b = rows[1], c = rows[2], d = rows[3];
    const vector ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                 ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const vector cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                 cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    rows[0] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    rows[1] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    rows[2] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    rows[3] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
#elif CLOSS_HAS_SHUFFLE
    const vector a = rows[0], b = rows[1];
    rows[0] = __builtin_shufflevector(a, b, 0, 2);
    rows[1] = __builtin_shufflevector(a, b, 1, 3);
#else
    vector columns[SIDE];
    for (int k = 0; k < SIDE; k++)
        for (int l = 0; l < SIDE; l++) columns[k].lane[l] = rows[l].lane[k];
    memcpy(rows, columns, sizeof columns);
#endif
}

/* to[j x step + k] = row[k][j] for n classes of SIDE lanes. */
INLINE void tile_columns(const real *const *row, int64_t n, real *to, int64_t step)
{
    vector block[SIDE];
    for (int64_t j = 0; j < n; j += SIDE) {
        if (j + SIDE > n) { /* the last block overlaps the one before it */
            to -= (j + SIDE - n) * step;
            j = n - SIDE;
        }
        for (int k = 0; k < SIDE; k++) memcpy(&block[k], row[k] + j, sizeof(vector));
        transpose(block);
        for (int k = 0; k < SIDE; k++) memcpy(to + k * step, &block[k], sizeof(vector));
        to += SIDE * step;
    }
}

/* row[k][j] = from[j x step + k]. */
INLINE void tile_rows(const real *from, int64_t step, int64_t n, real *const *row)
{
    vector block[SIDE];
    for (int64_t j = 0; j < n; j += SIDE) {
        if (j + SIDE > n) {
            from -= (j + SIDE - n) * step;
            j = n - SIDE;
        }
        for (int k = 0; k < SIDE; k++) memcpy(&block[k], from + k * step, sizeof(vector));
        transpose(block);
        for (int k = 0; k < SIDE; k++) memcpy(row[k] + j, &block[k], sizeof(vector));
        from += SIDE * step;
    }
}

/* tile[j x width + l] = class first + j of the sample at offset[l], n <= CHUNK classes, width a multiple of SIDE. Other types
 * pass through copies. */
static void tile_load(const void *data, closs_dtype dtype, const int64_t *offset, int64_t stride, int64_t width,
                      int64_t first, int64_t n, real *restrict tile)
{
    if (stride != 1 && are_neighbours(offset, width)) {
        for (int64_t j = 0; j < n; j++)
            load_reals(data, dtype, offset[0] + (first + j) * stride, 1, width, tile + j * width);
        return;
    }
    const int native = dtype == REAL_DTYPE;
    const int64_t step = native ? stride : 1;
    ALIGNED real copy[SIDE][CHUNK];
    for (int64_t l = 0; l < width; l += SIDE) {
        const real *row[SIDE];
        for (int k = 0; k < SIDE; k++) {
            const int64_t at = offset[l + k] + first * stride;
            if (!native) load_reals(data, dtype, at, stride, n, copy[k]);
            row[k] = native ? (const real *)data + at : copy[k];
        }
        if (step == 1 && n >= SIDE)
            tile_columns(row, n, tile + l, width);
        else
            for (int64_t j = 0; j < n; j++)
                for (int k = 0; k < SIDE; k++) tile[j * width + l + k] = row[k][j * step];
    }
}

/* The way back, of the first `count` lanes. */
static void tile_store(const real *restrict tile, int64_t width, int64_t count, int64_t first, int64_t n, void *data,
                       closs_dtype dtype, const int64_t *offset, int64_t stride)
{
    if (stride != 1 && are_neighbours(offset, count)) {
        for (int64_t j = 0; j < n; j++)
            store_reals(tile + j * width, count, data, dtype, offset[0] + (first + j) * stride, 1);
        return;
    }
    const int native = dtype == REAL_DTYPE;
    const int64_t step = native ? stride : 1;
    ALIGNED real copy[SIDE][CHUNK];
    for (int64_t l = 0; l < count; l += SIDE) {
        real *row[SIDE];
        const int lanes = count - l < SIDE ? (int)(count - l) : SIDE;
        for (int k = 0; k < lanes; k++) row[k] = native ? (real *)data + offset[l + k] + first * stride : copy[k];
        if (step == 1 && n >= SIDE && lanes == SIDE)
            tile_rows(tile + l, width, n, row);
        else
            for (int64_t j = 0; j < n; j++)
                for (int k = 0; k < lanes; k++) row[k][j * step] = tile[j * width + l + k];
        for (int k = 0; !native && k < lanes; k++)
            store_reals(copy[k], n, data, dtype, offset[l + k] + first * stride, stride);
    }
}

#undef transpose
#undef tile_columns
#undef tile_rows

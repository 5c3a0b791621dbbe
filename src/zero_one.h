/* zero_one.h: the zero-one loss of scores: 0 where the class of the largest, of equal ones the first, is the label;
 * else 1.
 *
 * No maximum is looked for. The label is predicted if its score v is above -inf, no score before it is v or more, and
 * none behind it more than v; a NaN makes one of these false.
 *
 * Lanes are samples if there are few classes, or if the classes are apart and the samples not few: in place where
 * samples are neighbours of this type, else in a tile. Otherwise lanes are classes of one row, which is given up after
 * the stretch that proves it wrong; rows of another type, or with gaps, are copied stretch by stretch. Passes: at most
 * one. Values and sum: see zero_one_labels.h.
 */
#define zero_one_row KERNEL(zero_one_row)
#define zero_one_rows KERNEL(zero_one_rows)
#define zero_one_lanes KERNEL(zero_one_lanes)
#define zero_one KERNEL(zero_one)
#define zero_one_take KERNEL(zero_one_take)
#define zero_one_load KERNEL(zero_one_load)
#define zero_one_find KERNEL(zero_one_find)
#define zero_one_beat KERNEL(zero_one_beat)
#define scored_samples KERNEL(scored_samples)

#undef SCORES
#undef COMPARED
#define SCORES (16384 / (int)sizeof(real)) /* elements of a tile */
#define COMPARED (40 / (int)sizeof(real))  /* classes among which labels' scores are found by comparing, not loading */

#ifndef CLOSS_ZERO_ONE_SIZES
#define CLOSS_ZERO_ONE_SIZES
enum {
    FEW_SCORES = 33, /* classes below which samples are the lanes, always */
    NARROW = 6,      /* samples that leave most lanes empty: then classes are, though they are copied */
    STRETCH = 512,   /* classes between two looks at what was found */
    LARGE = 4 << 20  /* bytes of scores that the second cache has no room for */
};

/* Whether z at a place before the label's (or not) beats its score v: in one piece of arithmetic, because && and ||
 * become jumps. */
#define BEATS(z, v, is_before) ((((z) <= (v)) == 0) | (((z) == (v)) & (is_before)))
#endif

/* Whether one of n >= LANES scores is above v, or is v and one of the first `before`. The last stretch overlaps the one
 * before it: to find something twice changes nothing. */
INLINE int zero_one_row(const real *z, int64_t n, int64_t before, real v)
{
    ALIGNED bits_t beaten[LANES] = {0};
    for (int64_t j = 0; j < n; j += LANES) {
        if (j + LANES > n) j = n - LANES;
        const real rest = (real)(before - j);
        /* Of rows that are left, the next one, too: up to 25 %. */
        fetch_lines(address_of(z, (j + AHEAD) * (int64_t)sizeof(real)), LANES * sizeof(real));
        if (before <= 0) { /* behind the label ties do not matter: 20 % of long rows */
#pragma omp simd
            for (int l = 0; l < LANES; l++) beaten[l] |= (bits_t)((z[j + l] <= v) == 0);
            continue;
        }
#pragma omp simd
        for (int l = 0; l < LANES; l++) beaten[l] |= (bits_t)BEATS(z[j + l], v, (real)l < rest);
    }
    bits_t any = 0;
    for (int l = 0; l < LANES; l++) any |= beaten[l];
    return any != 0;
}

typedef struct {
    ALIGNED int64_t offset[AT_A_TIME], values[AT_A_TIME], label[AT_A_TIME]; /* in elements; or -1 */
    ALIGNED double weight[AT_A_TIME];
    ALIGNED real score[AT_A_TIME]; /* of the label */
    int wrong[AT_A_TIME];
    int64_t count;
    int beside; /* whether all are neighbours */
} scored_samples;

/* The next samples. Offsets of lanes without one repeat the first, as tile_load wants them. */
static void zero_one_take(const closs_softmax_args *args, sample_cursor *cursor, scored_samples *some)
{
    some->count = samples_to_take(args, cursor, AT_A_TIME);
    some->beside = cursor->run.step.logits == 1 && cursor->run.count >= some->count;
    for (int64_t done = 0; done < some->count;) {
        const sample_run run = next_run(args, cursor, some->count - done);
        offsets_of(run.first.logits, run.step.logits, run.count, some->offset + done);
        if (args->values.data) offsets_of(run.first.values, run.step.values, run.count, some->values + done);
        labels_and_weights(args, &run, some->label + done, some->weight + done);
        done += run.count;
    }
    for (int64_t i = some->count; i < AT_A_TIME; i++) some->offset[i] = some->offset[0], some->label[i] = -1;
    for (int64_t i = 0; i < AT_A_TIME; i++) some->score[i] = -(real)INFINITY;
}

/* Scores of the labels; they stay -inf where there is none. */
static void zero_one_load(const closs_softmax_args *args, int64_t stride, scored_samples *some)
{
    for (int64_t i = 0; i < some->count; i++) {
        const int64_t label = some->label[i], place = some->offset[i] + label * stride;
        if (label >= 0) some->score[i] = load_real(args->logits.data, args->dtype, place);
    }
}

/* The same from n classes of `width` lanes that are all there are. */
static void zero_one_find(const real *x, int64_t step, int64_t n, int64_t width, scored_samples *some)
{
    for (int64_t i = 0; i < width; i += BATCH) {
        ALIGNED real label[BATCH], score[BATCH];
#pragma omp simd
        for (int l = 0; l < BATCH; l++) label[l] = (real)(int32_t)some->label[i + l], score[l] = some->score[i + l];
        for (int64_t j = 0; j < n; j++) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++) score[l] = label[l] == (real)j ? x[j * step + i + l] : score[l];
        }
        for (int l = 0; l < BATCH; l++) some->score[i + l] = score[l];
    }
}

/* One row after the other. */
static void zero_one_rows(const closs_softmax_args *args, int64_t stride, scored_samples *some)
{
    ALIGNED real copy[STRETCH];
    const int direct = args->dtype == REAL_DTYPE && stride == 1;
    for (int64_t i = 0; i < some->count; i++) {
        some->wrong[i] = !(some->score[i] > -(real)INFINITY);
        for (int64_t first = 0; first < args->classes && !some->wrong[i]; first += STRETCH) {
            /* A short rest takes some of the stretch before it again. */
            const int64_t from = args->classes - first < LANES ? args->classes - LANES : first;
            const int64_t n = args->classes - from < STRETCH ? args->classes - from : STRETCH;
            const int64_t before = some->label[i] - from < n ? some->label[i] - from : n;
            const int64_t offset = some->offset[i] + from * stride;
            if (!direct) load_reals(args->logits.data, args->dtype, offset, stride, n, copy);
            const real *z = direct ? (const real *)args->logits.data + offset : copy;
            some->wrong[i] = zero_one_row(z, n, before, some->score[i]);
        }
    }
}

/* Notes which of `width` scores v are beaten by n classes, and fetches what comes next with `far`. */
INLINE void zero_one_beat(const real *x, int64_t step, int64_t n, const int64_t width, const real *before,
                          const int far, memory_ahead next, const real *v, bits_t *restrict beaten)
{
    ALIGNED bits_t found[AT_A_TIME] = {0}; /* in registers, because width is a number that compilers know */
    for (int64_t j = 0; j < n; j++) {
        const real place = (real)j;
        for (int64_t i = 0; i < width; i += BATCH) {
            if (far) fetch(from_lane(next, i), j, BATCH * sizeof(real));
#pragma omp simd
            for (int l = 0; l < BATCH; l++)
                found[i + l] |= (bits_t)BEATS(x[j * step + i + l], v[i + l], place < before[i + l]);
        }
    }
    for (int64_t i = 0; i < width; i++) beaten[i] |= found[i];
}

/* All samples of a class after the other; in a tile, unless they are neighbours of this type. */
static void zero_one_lanes(const closs_softmax_args *args, int64_t stride, int large, scored_samples *some)
{
    ALIGNED real tile[SCORES], before[AT_A_TIME];
    ALIGNED bits_t beaten[AT_A_TIME] = {0};
    const int64_t count = some->count, width = (count + BATCH - 1) / BATCH * BATCH;
    const int direct = args->dtype == REAL_DTYPE && count == width && some->beside;
    const real *v = some->score;
    const int64_t chunk = direct ? STRETCH : SCORES / width < CHUNK ? SCORES / width : CHUNK;
    const int64_t size = bytes_of(args->dtype), behind = width * (stride == 1 ? args->classes : 1);
    const uintptr_t begin = address_of(args->logits.data, (some->offset[0] + behind) * size);
    const memory_ahead packed = {begin, args->classes * size, BATCH * size, LATER_BYTES};
    const memory_ahead beside = {begin, size, stride * size, later_beside(stride * size, args->classes)};
    memory_ahead next = stride == 1 ? packed : beside;
    /* Hardware keeps up where little is read, or in its order; else far-off memory takes up to 1.7 times as long. */
    const int far = large && args->classes > 3 && size >= (stride == 1 ? 4 : 8);
    for (int64_t first = 0; first < args->classes; first += chunk) {
        const int64_t n = args->classes - first < chunk ? args->classes - first : chunk;
        for (int64_t i = 0; i < width; i++) /* as numbers: SSE2 compares no 64-bit integers */
            before[i] = (real)(some->label[i] - first < n ? some->label[i] - first : n);
        if (!direct) tile_load(args->logits.data, args->dtype, some->offset, stride, count, width, first, n, tile);
        const real *x = direct ? (const real *)args->logits.data + some->offset[0] + first * stride : tile;
        const int64_t step = direct ? stride : width;
        if (args->classes <= COMPARED) zero_one_find(x, step, n, width, some);
        next.data += (uintptr_t)(first > 0 ? chunk * next.step : 0);
        for (int64_t i = 0, some_lanes; i < width; i += some_lanes) {
            some_lanes = width - i < AT_A_TIME ? BATCH : AT_A_TIME;
#define BEAT(lanes, far) zero_one_beat(x + i, step, n, lanes, before + i, far, from_lane(next, i), v + i, beaten + i)
            if (some_lanes == BATCH && far)
                BEAT(BATCH, 1);
            else if (some_lanes == BATCH)
                BEAT(BATCH, 0);
            else if (far)
                BEAT(AT_A_TIME, 1);
            else
                BEAT(AT_A_TIME, 0);
#undef BEAT
        }
    }
    for (int64_t i = 0; i < count; i++) some->wrong[i] = beaten[i] != 0 || !(v[i] > -(real)INFINITY);
}

static void zero_one(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    const int64_t stride = class_stride_of(args, args->logits.strides);
    const int large = is_large(args, args->dtype, LARGE);
    value_sum values = {{0}, 0};
    scored_samples some;
    for (sample_cursor cursor = cursor_at(args, begin, end); cursor.left > 0;) {
        zero_one_take(args, &cursor, &some);
        if (args->classes > COMPARED) zero_one_load(args, stride, &some);
        if (args->classes < FEW_SCORES || (stride != 1 && some.count > NARROW))
            zero_one_lanes(args, stride, large, &some);
        else
            zero_one_rows(args, stride, &some);
        zero_one_values(args, some.count, some.values, some.wrong, some.weight, &values);
    }
    *sum += value_sum_total(&values);
}
/* Names that the table of kernels.h uses as they are. */
#undef zero_one

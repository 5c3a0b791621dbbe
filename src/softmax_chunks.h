/* softmax_chunks.h: chunks of classes of many samples, each sample a lane: maxima, sums of exponentials, and what
 * values and gradients are made of. Formulas, error and special values: see softmax_row.h.
 *
 * Logits are read as x[class x stride + lane]. The steps of WIDE samples follow each other, so that what is done once a
 * sample (labels, logarithm, division) is vector code too, and no step waits for the one before it.
 *
 * Passes: classes come in chunks of CHUNK: the maximum of each lane over the chunk, then its exponentials while the
 * chunk is in cache; sums are rescaled where the maximum grew. Up to WIDEN classes, where a sample is as much work as
 * its classes, sums stay in registers until they are finished.
 *
 * Accumulators: 32 classes in two sums of `real` a lane, then in double: chunks, and subtotals of 32 chunks. A lane is
 * a sample, so its order of additions does not depend on how many lanes a loop takes at a time (STEP).
 */
#define lanes_state KERNEL(lanes_state)
#define lanes_chunk KERNEL(lanes_chunk)
#define class_number KERNEL(class_number)
#define lanes_begin KERNEL(lanes_begin)
#define lanes_max KERNEL(lanes_max)
#define lanes_max_of_four KERNEL(lanes_max_of_four)
#define lanes_places KERNEL(lanes_places)
#define lanes_find KERNEL(lanes_find)
#define lanes_sum KERNEL(lanes_sum)
#define lanes_finish KERNEL(lanes_finish)
#define lanes_only KERNEL(lanes_only)
#define only_logsumexp KERNEL(only_logsumexp)
#define only_log_softmax KERNEL(only_log_softmax)
#define only_softmax KERNEL(only_softmax)
#define only_cross_entropy KERNEL(only_cross_entropy)
#define lanes_add KERNEL(lanes_add)
#define lanes_end KERNEL(lanes_end)
#define lanes_take KERNEL(lanes_take)
#define lanes_values KERNEL(lanes_values)

#ifndef CLOSS_CHUNK_SIZES
#define CLOSS_CHUNK_SIZES
enum {
    WIDEN = 32,    /* classes summed in `real` */
    SUBTOTAL = 32, /* chunks */
    LOOK = 4,      /* classes among which a label's logit is looked for; among more it is loaded */
#if defined(__AVX512F__)
    LOOK_IN_SUM = 16 /* classes among which it is looked for on the way, where there are registers for that */
#else
    LOOK_IN_SUM = 0
#endif
};
enum { ADD_ALL, LEAVE_LABEL, FIND_LABEL, LEAVE_MAX }; /* which terms are added */
#define FOUR(i) i, i + 1, i + 2, i + 3
#define SIXTEEN(i) FOUR(i), FOUR(i + 4), FOUR(i + 8), FOUR(i + 12)
#define SIXTY_FOUR(i) SIXTEEN(i), SIXTEEN(i + 16), SIXTEEN(i + 32), SIXTEEN(i + 48)
#endif

#undef CLASS_NUMBERS
#if CLOSS_REAL == 32
#define CLASS_NUMBERS SIXTY_FOUR(0), SIXTY_FOUR(64), SIXTY_FOUR(128)
#else
#define CLASS_NUMBERS SIXTY_FOUR(0), SIXTY_FOUR(64)
#endif
#undef WIDE
#define WIDE (512 / (int)sizeof(real)) /* samples: of neighbours 512 bytes a class keep DRAM pages and the TLB busy */

/* Of a chunk, as numbers to compare with: to convert them costs more than to load them. */
static const real class_number[CHUNK] = {CLASS_NUMBERS};

/* Aligned, because gcc peels loops to the first aligned element otherwise, and leaves most of a short one scalar. */
typedef struct {
    ALIGNED int64_t logits[WIDE]; /* offsets in elements */
    ALIGNED int64_t grad[WIDE];
    ALIGNED int64_t values[WIDE]; /* if values are wanted */
    ALIGNED int64_t label[WIDE];  /* or -1; if samples have values */
    ALIGNED double weight[WIDE];  /* if samples have values */
    ALIGNED real at_label[WIDE];
    ALIGNED real max[WIDE];
    ALIGNED double others[WIDE]; /* sums without the label's term, times 2^EXP_BIAS: whole subtotals */
    ALIGNED double open[WIDE];   /* the subtotal of the last chunks */
    union {
        ALIGNED double ties[WIDE];  /* terms of the maximum, where these are counted and not summed; else */
        ALIGNED double share[WIDE]; /* 1 / (sum with the label's term) */
    };
    ALIGNED real value[WIDE], gap[WIDE]; /* value = log1p(value) + gap */
    int64_t count;                       /* samples */
    int64_t width;                       /* lanes: count, rounded up to a multiple of BATCH */
    int labelled;                        /* whether samples have labels */
    int neighbours;                      /* whether those of logits, and of grad, are */
    int far;                             /* see fetches_far */
} lanes_state;

/* A chunk of n classes, from class `first`, of all lanes. */
typedef struct {
    const real *x;
    int64_t stride, first, n;
    real *store; /* where exponentials or results go, store[class x store_stride + lane]; or NULL */
    int64_t store_stride;
    memory_ahead next, target; /* fetched meanwhile: logits that come next, and where the results of these will be */
    ALIGNED real label[WIDE];  /* places of labels among these classes, or -1 */
} lanes_chunk;

/* Takes the next `count` samples, which may be neighbours: of these the first one's offset is enough. Lanes without a
 * sample repeat the first one, and count for nothing. */
static void lanes_begin(lanes_state *state, const closs_softmax_args *args, sample_cursor *cursor, int64_t count,
                        int neighbours)
{
    state->labelled = args->labels.data != NULL;
    state->neighbours = neighbours;
    state->count = count;
    state->width = (count + BATCH - 1) / BATCH * BATCH;
    for (int64_t done = 0; done < count;) {
        const sample_run run = next_run(args, cursor, count - done);
        const int64_t places = neighbours ? 1 : run.count;
        offsets_of(run.first.logits, run.step.logits, places, state->logits + done);
        if (args->grad.data) offsets_of(run.first.grad, run.step.grad, places, state->grad + done);
        if (args->values.data) offsets_of(run.first.values, run.step.values, run.count, state->values + done);
        if (has_values(args)) labels_and_weights_here(args, &run, state->label + done, state->weight + done);
        done += run.count;
    }
    for (int64_t l = count; l < state->width; l++) {
        state->logits[l] = state->logits[0];
        state->label[l] = -1;
        state->weight[l] = 0;
    }
    for (int64_t l = 0; l < state->width; l++) state->at_label[l] = state->max[l] = -INFINITY;
    for (int64_t l = 0; args->classes > WIDEN && l < state->width; l++)
        state->others[l] = state->open[l] = state->ties[l] = 0;
}

/* The larger of four vectors of STEP lanes and of n fours, `step` elements from one to the next and `beside` within.
 * One vector alone would wait for the one before it. */
INLINE void lanes_max_of_four(const real *x, int64_t step, int64_t n, int64_t beside, real max[4][STEP])
{
#define LARGER(k) x[j * step + (k) * beside + l] > max[k][l] ? x[j * step + (k) * beside + l] : max[k][l]
    for (int64_t j = 0; j < n; j++) {
#pragma omp simd
        for (int l = 0; l < STEP; l++) {
            max[0][l] = LARGER(0);
            max[1][l] = LARGER(1);
            max[2][l] = LARGER(2);
            max[3][l] = LARGER(3);
        }
    }
#undef LARGER
}

/* max[l] = max(max[l], x[j][l]) over n classes of `width` lanes: of lanes four vectors together, and of the last ones
 * four classes. (memcpy is done by pieces smaller than a vector, which are waited for.) */
INLINE void lanes_max(const real *x, int64_t stride, int64_t n, int64_t width, real *max)
{
    ALIGNED real four[4][STEP];
    int64_t v = 0;
    for (; v + 4 * STEP <= width; v += 4 * STEP) {
        for (int k = 0; k < 4; k++)
            for (int l = 0; l < STEP; l++) four[k][l] = max[v + k * STEP + l];
        lanes_max_of_four(x + v, stride, n, STEP, four);
        for (int k = 0; k < 4; k++)
            for (int l = 0; l < STEP; l++) max[v + k * STEP + l] = four[k][l];
    }
    for (; v < width; v += STEP) {
        for (int k = 0; k < 4; k++)
            for (int l = 0; l < STEP; l++) four[k][l] = max[v + l];
        lanes_max_of_four(x + v, 4 * stride, n / 4, stride, four);
        for (int64_t j = n / 4 * 4; j < n; j++)
            for (int l = 0; l < STEP; l++)
                four[0][l] = x[j * stride + v + l] > four[0][l] ? x[j * stride + v + l] : four[0][l];
#pragma omp simd
        for (int l = 0; l < STEP; l++) {
            const real low = four[1][l] > four[0][l] ? four[1][l] : four[0][l];
            const real high = four[3][l] > four[2][l] ? four[3][l] : four[2][l];
            max[v + l] = high > low ? high : low;
        }
    }
}

/* Where labels are in a chunk, as numbers: SSE2 compares no 64-bit integers. */
INLINE void lanes_places(const lanes_state *state, lanes_chunk *chunk)
{
    for (int64_t l = 0; !state->labelled && l < state->width; l++) chunk->label[l] = -1;
    for (int64_t v = 0; state->labelled && v < state->width; v += BATCH) {
#pragma omp simd
        for (int l = 0; l < BATCH; l++) {
            const int64_t place = state->label[v + l] - chunk->first;
            chunk->label[v + l] = (real)(int32_t)(place < 0 || place >= chunk->n ? -1 : place);
        }
    }
}

/* The logits of the labels that are in a chunk. */
INLINE void lanes_find(lanes_state *state, const lanes_chunk *chunk)
{
    for (int64_t v = 0; v < state->width && chunk->n <= LOOK; v += BATCH) {
        ALIGNED real found[BATCH];
        for (int l = 0; l < BATCH; l++) found[l] = state->at_label[v + l];
        for (int64_t j = 0; j < chunk->n; j++) {
#pragma omp simd
            for (int l = 0; l < BATCH; l++)
                found[l] = chunk->label[v + l] == class_number[j] ? chunk->x[j * chunk->stride + v + l] : found[l];
        }
        for (int l = 0; l < BATCH; l++) state->at_label[v + l] = found[l];
    }
    for (int64_t l = 0; l < state->count && chunk->n > LOOK; l++) {
        const uint64_t place = (uint64_t)state->label[l] - (uint64_t)chunk->first;
        if (place < (uint64_t)chunk->n) state->at_label[l] = chunk->x[(int64_t)place * chunk->stride + l];
    }
}

/* Adds the exponentials of a chunk, of STEP lanes from `lane`, to total: ADD_ALL of them; or all but those of labels,
 * which FIND_LABEL puts in `apart`, and their logits where they belong; or all but those of the maximum, which are
 * counted in `apart`. `few`: at most WIDEN, and no others, so that nothing was in total and `apart`. */
INLINE void lanes_sum(lanes_state *state, const lanes_chunk *chunk, int64_t lane, const int few, const int which,
                      const int stores, double *restrict total, double *restrict apart)
{
    const real *x = chunk->x + lane;
    real *store = stores ? chunk->store + lane : NULL;
    const int64_t n = chunk->n, stride = chunk->stride, store_stride = chunk->store_stride;
    const memory_ahead next = from_lane(chunk->next, lane), target = from_lane(chunk->target, lane);
    const real lowest = exp_lowest();
    ALIGNED real base[STEP], label[STEP], at_label[STEP], of_label[STEP]; /* the last two of FIND_LABEL */
#pragma omp simd
    for (int l = 0; l < STEP; l++) { /* finite where only -inf was seen: -inf - -inf is NaN, and zeros are meant */
        base[l] = state->max[lane + l] == -INFINITY ? 0 : state->max[lane + l];
        label[l] = which == LEAVE_LABEL || which == FIND_LABEL ? chunk->label[lane + l] : -1;
        at_label[l] = -INFINITY, of_label[l] = 0;
    }
    for (int64_t first = 0; first < n; first += WIDEN) {
        const int64_t end = n - first < WIDEN ? n : first + WIDEN;
        /* Two sums take turns, so that no addition waits for the one before it. */
        ALIGNED real now[STEP] = {0}, then[STEP] = {0}, count[STEP] = {0};
        for (int64_t j = first; j < end; j++) {
            fetch(next, j, STEP * sizeof(real));
            if (stores || which == LEAVE_MAX) fetch(target, j, STEP * sizeof(real));
#pragma omp simd
            for (int l = 0; l < STEP; l++) {
                const real z = x[j * stride + l], e = exp_above(z - base[l], lowest);
                const int left_out =
                    which == LEAVE_MAX ? z == base[l] : which != ADD_ALL && label[l] == class_number[j];
                const real other = left_out ? 0 : e, one = left_out ? 1 : 0;
                const real found = left_out ? z : at_label[l], term = left_out ? e : of_label[l];
                const real sum = now[l] + other;
                if (stores) store[j * store_stride + l] = e;
                now[l] = then[l];
                then[l] = sum;
                if (which == LEAVE_MAX) count[l] += one;
                if (which == FIND_LABEL) at_label[l] = found, of_label[l] = term;
            }
        }
#pragma omp simd
        for (int l = 0; l < STEP; l++) {
            const double sum = (double)now[l] + (double)then[l], ties = (double)count[l];
            total[l] = few ? sum : total[l] + sum;
            if (which == LEAVE_MAX) apart[l] = few ? ties : apart[l] + ties;
        }
        if (few) break;
    }
    if (which == FIND_LABEL) {
#pragma omp simd
        for (int l = 0; l < STEP; l++) state->at_label[lane + l] = at_label[l], apart[l] = (double)of_label[l];
    }
}

/* From the finished sums of STEP lanes from `lane`: what values are made of, and, if `shares`, what a gradient is.
 * `of`: the labels' terms, if these were found. Where the maximum is infinite a sum or a gap is NaN, or, of softmax, a
 * sum 0. */
INLINE void lanes_finish(lanes_state *state, int64_t lane, const closs_softmax_result result, const int shares,
                         const double *others, const double *ties, const double *of)
{
    const int pivot = result == CLOSS_LOGSUMEXP || result == CLOSS_LOG_SOFTMAX;
#pragma omp simd
    for (int l = 0; l < STEP; l++) {
        const real max = state->max[lane + l];
        if (result == CLOSS_SOFTMAX) {
            state->value[lane + l] = (real)(1.0 / others[l]);
            continue;
        }
        if (pivot) { /* one maximum is left out of the sum for good: it is the 1 of log1p */
            const double more = ties[l] - 1 > 0 ? ties[l] - 1 : 0;
            state->value[lane + l] = (real)(others[l] * EXP_UNIT + more);
            state->gap[lane + l] = result == CLOSS_LOGSUMEXP ? max : max - max;
            continue;
        }
        const real at_label = state->at_label[lane + l];
        const double label = of ? of[l] : (double)exp_scaled(at_label - max);
        /* At the maximum the label's term is exactly 1. */
        state->value[lane + l] = (real)(others[l] * EXP_UNIT + (label * EXP_UNIT - 1));
        state->gap[lane + l] = max - at_label;
        if (!shares) continue;
        state->others[lane + l] = others[l];
        state->share[lane + l] = 1.0 / (others[l] + label);
    }
}

/* Few classes: all of it, with sums in registers. Each is a function of its own, because compilers run out of registers
 * in a large one. */
INLINE void lanes_only(lanes_state *state, const lanes_chunk *chunk, const closs_softmax_result result, const int which,
                       const int stores)
{
    for (int64_t v = 0; v < state->width; v += STEP) {
        ALIGNED double total[STEP] = {0}, apart[STEP] = {0};
        lanes_sum(state, chunk, v, 1, which, stores, total, apart);
        lanes_finish(state, v, result, stores, total, apart, which == FIND_LABEL ? apart : NULL);
    }
}

static OUT_OF_LINE void only_logsumexp(lanes_state *state, const lanes_chunk *chunk)
{
    lanes_only(state, chunk, CLOSS_LOGSUMEXP, LEAVE_MAX, 0);
}

static OUT_OF_LINE void only_log_softmax(lanes_state *state, const lanes_chunk *chunk)
{
    lanes_only(state, chunk, CLOSS_LOG_SOFTMAX, LEAVE_MAX, 0);
}

static OUT_OF_LINE void only_softmax(lanes_state *state, const lanes_chunk *chunk)
{
    if (chunk->store) /* else there is nothing to write */
        lanes_only(state, chunk, CLOSS_SOFTMAX, ADD_ALL, 1);
}

static OUT_OF_LINE void only_cross_entropy(lanes_state *state, const lanes_chunk *chunk)
{
    if (chunk->n <= LOOK_IN_SUM && chunk->store)
        lanes_only(state, chunk, CLOSS_CROSS_ENTROPY, FIND_LABEL, 1);
    else if (chunk->n <= LOOK_IN_SUM)
        lanes_only(state, chunk, CLOSS_CROSS_ENTROPY, FIND_LABEL, 0);
    else if (chunk->store)
        lanes_only(state, chunk, CLOSS_CROSS_ENTROPY, LEAVE_LABEL, 1);
    else
        lanes_only(state, chunk, CLOSS_CROSS_ENTROPY, LEAVE_LABEL, 0);
}

/* More classes: one chunk after the other, with sums in state. `before`: the maxima before this one; `whole`: it ends a
 * subtotal. */
static OUT_OF_LINE void lanes_add(lanes_state *state, const lanes_chunk *chunk, const real *before, int pivot,
                                  int whole)
{
    const int64_t width = state->width;
    for (int64_t l = 0; chunk->first > 0 && l < width; l++) {
        if (before[l] == state->max[l]) continue;
        const double gap = (double)before[l] - (double)state->max[l];
        state->open[l] += state->ties[l] * EXP_SCALE; /* they join the others */
        state->ties[l] = 0;
        state->others[l] = times_exp(state->others[l], gap);
        state->open[l] = times_exp(state->open[l], gap);
    }
    for (int64_t v = 0; v < width; v += STEP) {
        double *total = state->open + v, *ties = state->ties + v;
        if (pivot)
            lanes_sum(state, chunk, v, 0, LEAVE_MAX, 0, total, ties);
        else if (chunk->store)
            lanes_sum(state, chunk, v, 0, LEAVE_LABEL, 1, total, ties);
        else
            lanes_sum(state, chunk, v, 0, LEAVE_LABEL, 0, total, ties);
    }
#pragma omp simd
    for (int64_t l = 0; l < width; l++) {
        state->others[l] += whole ? state->open[l] : 0;
        state->open[l] = whole ? 0 : state->open[l];
    }
}

/* All lanes, from their sums. */
INLINE void lanes_end(lanes_state *state, const closs_softmax_args *args, const double *others, const double *ties)
{
    for (int64_t v = 0; v < state->width; v += STEP) {
        if (args->result == CLOSS_LOGSUMEXP)
            lanes_finish(state, v, CLOSS_LOGSUMEXP, 0, others + v, ties + v, NULL);
        else if (args->result == CLOSS_LOG_SOFTMAX)
            lanes_finish(state, v, CLOSS_LOG_SOFTMAX, 0, others + v, ties + v, NULL);
        else if (args->result == CLOSS_SOFTMAX)
            lanes_finish(state, v, CLOSS_SOFTMAX, 0, others + v, ties + v, NULL);
        else
            lanes_finish(state, v, CLOSS_CROSS_ENTROPY, 1, others + v, ties + v, NULL);
    }
}

/* Takes the next chunk of classes; the last one finishes sums. */
INLINE void lanes_take(lanes_state *state, const closs_softmax_args *args, lanes_chunk *chunk)
{
    const int last = chunk->first + chunk->n == args->classes, few = args->classes <= WIDEN;
    ALIGNED real before[WIDE];
    if (chunk->first > 0) memcpy(before, state->max, (size_t)state->width * sizeof(real));
    lanes_max(chunk->x, chunk->stride, chunk->n, state->width, state->max);
    if (state->labelled || !few) lanes_places(state, chunk);
    if (state->labelled && args->classes > LOOK_IN_SUM) lanes_find(state, chunk);
    if (!few)
        lanes_add(state, chunk, before, leaves_out_pivot(args),
                  last || chunk->first / CHUNK % SUBTOTAL == SUBTOTAL - 1);
    else if (args->result == CLOSS_LOGSUMEXP)
        only_logsumexp(state, chunk);
    else if (args->result == CLOSS_LOG_SOFTMAX)
        only_log_softmax(state, chunk);
    else if (args->result == CLOSS_SOFTMAX)
        only_softmax(state, chunk);
    else
        only_cross_entropy(state, chunk);
    if (last && !few) lanes_end(state, args, state->others, state->ties);
}

/* Values, not yet weighted; of log_softmax the logarithm to subtract. By themselves, because they wait for divisions.
 */
INLINE void lanes_values(lanes_state *state)
{
    for (int64_t v = 0; v < state->width; v += BATCH) {
#pragma omp simd
        for (int l = 0; l < BATCH; l++) state->value[v + l] = log1p_positive(state->value[v + l]) + state->gap[v + l];
    }
}

/* softmax_rows.h: many rows, each as softmax_row.h computes it: short ones in batches, of which one step of all rows
 * follows the other (300 to 512 classes with gradient x1.3); longer ones in parts, which threads may share.
 */
#define row_batch KERNEL(row_batch)
#define batch_take KERNEL(batch_take)
#define batch_sums KERNEL(batch_sums)
#define batch_sum KERNEL(batch_sum)
#define short_rows KERNEL(short_rows)
#define rows_memory KERNEL(rows_memory)
#define rows_plan KERNEL(rows_plan)
#define plan_of_rows KERNEL(plan_of_rows)
#define long_row KERNEL(long_row)
#define row_of KERNEL(row_of)
#define softmax_rows KERNEL(softmax_rows)
#define part_exps KERNEL(part_exps)
#define short_part KERNEL(short_part)
#define softmax_part KERNEL(softmax_part)
#define softmax_scratch KERNEL(softmax_scratch)
#define softmax_value KERNEL(softmax_value)
#define softmax_write KERNEL(softmax_write)

#ifndef CLOSS_ROWS_SIZES
#define CLOSS_ROWS_SIZES
enum {
    MOST_WRITTEN = 65536, /* classes whose results are fetched before they are written */
    PARTS_KEPT = 32,      /* rows of more parts compute their exponentials again for a gradient */
    TOGETHER = 8,         /* rows that take a step together, or half as many: they stay in L1 until the next one */
    LARGE_ROW = 2048,     /* bytes of a row and its gradient, above which it is half as many */
    ROWS_BYTES = 16384    /* of copied rows at most; those of several blocks fewer, in place half of that */
};
#endif

#undef HELD
#undef COPIED_ROWS
#undef SCRATCH_PAYS
#define HELD (24576 / (int)sizeof(real))             /* exponentials that a stack has room for */
#define COPIED_ROWS (ROWS_BYTES / (int)sizeof(real)) /* elements */

/* Whether exponentials of long rows are worth to be kept in scratch, so that their gradient can be written past the
 * caches. Reading its lines first is hidden by slower exponentials: on two threads of a Zen 5 512 x 32000 floats gain
 * x1.15 with AVX-512, lose x.9 with AVX2, as doubles do on one thread. */
#if defined(__AVX512F__) && CLOSS_REAL == 32
#define SCRATCH_PAYS 1
#else
#define SCRATCH_PAYS 0
#endif

/* A batch of short rows, in place or copied: one step of all rows after the other, so that none waits for the folds of
 * the one before. */
typedef struct {
    const real *x[BATCH];
    real *grad[BATCH];      /* or NULL */
    uintptr_t ahead[BATCH]; /* the memory of the row that takes its place next, if rows have no gaps */
    int64_t step;           /* bytes of LANES classes there */
    int64_t *label;
    double *weight;
    real *rest, *gap; /* what values are made of */
} row_batch;

/* Takes a row in: what cannot be read or written in place is copied, or will be. */
INLINE void batch_take(row_batch *rows, int64_t r, int64_t classes, int64_t at_once, const row_view *row,
                       const row_view *grad, real *copy)
{
    real *direct = row_direct(row), *target = grad->data ? row_direct(grad) : NULL;
    const int64_t next = row->offset + at_once * classes * row->stride;
    if (!direct) load_reals(row->data, row->dtype, row->offset, row->stride, classes, copy);
    rows->x[r] = direct ? direct : copy;
    rows->grad[r] = grad->data && !target ? copy : target;
    rows->ahead[r] = address_of(row->data, next * bytes_of(row->dtype));
}

/* The maxima of rows, and what is summed of them. */
typedef struct {
    ALIGNED real max[BATCH];
    ALIGNED double others[BATCH], left_out[BATCH], gaps[BATCH];
} batch_sums;

/* Of rows [begin, end), of n classes each; with `grad`, and no pivot, exponentials go there. */
static OUT_OF_LINE void batch_sum(const closs_softmax_args *args, const row_batch *rows, int64_t n, int64_t begin,
                                  int64_t end, batch_sums *sums)
{
    const int pivot = leaves_out_pivot(args), smoothed = args->label_smoothing != 0;
    const uintptr_t far = args->grad.data && fetches_far(args) ? LATER_BYTES : 0;
    for (int64_t r = begin; r < end; r++) {
        const int64_t fetched = pivot && rows->grad[r] ? n : 0;
        sums->max[r] = row_max(rows->x[r], n);
        for (int64_t j = 0; j < fetched; j += 64 / (int64_t)sizeof(real)) PREFETCH(rows->grad[r] + j);
    }
    for (int64_t r = begin; r < end; r++) {
        const memory_ahead ahead = {rows->ahead[r], 0, rows->step, LATER_BYTES};
        if (rows->weight[r] == 0) continue;
        const row_sums row = row_blocks(rows->x[r], n, sums->max[r], rows->label[r], pivot, smoothed, ahead,
                                        pivot ? NULL : rows->grad[r], far);
        sums->others[r] = row.others;
        sums->left_out[r] = row.left_out;
        sums->gaps[r] = row.gaps;
    }
}

static void short_rows(const closs_softmax_args *args, const row_batch *rows, int64_t begin, int64_t end)
{
    const int smoothed = args->label_smoothing != 0, written = args->grad.data != NULL;
    const int64_t n = args->classes, to_write = written ? n : 0;
    ALIGNED real at_label[BATCH] = {0}, log[BATCH];
    batch_sums sums = {.max = {0}};
    const real *max = sums.max;
    const double *others = sums.others, *left_out = sums.left_out;
    for (int64_t r = begin; r < end; r++) /* before exponentials take its place */
        if (rows->label[r] >= 0) at_label[r] = rows->x[r][rows->label[r]];
    batch_sum(args, rows, n, begin, end, &sums);
    if (args->result == CLOSS_LOG_SOFTMAX) {
#pragma omp simd
        for (int r = 0; r < BATCH; r++) {
            const double rest = others[r] + (left_out[r] - EXP_SCALE);
            log[r] = log1p_positive((real)(rest / EXP_SCALE));
        }
    }
    for (int64_t r = begin; r < end; r++) {
        const double weight = rows->weight[r] * derivative_scale(args), share = 1.0 / (others[r] + left_out[r]);
        const double rest = others[r] + (left_out[r] - EXP_SCALE);
        if (rows->weight[r] == 0) {
            for (int64_t j = 0; j < to_write; j++) rows->grad[r][j] = 0;
            continue;
        }
        if (args->result == CLOSS_LOG_SOFTMAX) {
#pragma omp simd
            for (int64_t j = 0; j < to_write; j++) rows->grad[r][j] = (rows->x[r][j] - max[r]) - log[r];
        } else if (args->result == CLOSS_LOGSUMEXP) {
            const row_view row = {(void *)(uintptr_t)rows->x[r], REAL_DTYPE, 0, 1};
            rows->rest[r] = (real)(rest < 0 ? 0 : rest / EXP_SCALE);
            rows->gap[r] = max[r];
            if (max[r] == INFINITY) rows->rest[r] = row_has_nan(&row, 0, n) ? (real)NAN : 0;
        } else {
            rows->rest[r] = (real)(others[r] / EXP_SCALE + (left_out[r] / EXP_SCALE - 1));
            rows->gap[r] = max[r] - at_label[r];
            if (smoothed) {
                const double terms = row_terms(args, sums.gaps[r]);
                rows->gap[r] = (real)smoothed_gap(args, (double)max[r], (double)at_label[r], terms);
            }
            if (!written) continue;
            const double less = smoothed ? shared_target(args) * weight : 0;
            if (less != 0)
                row_scale_less(rows->grad[r], rows->grad[r], n, share, weight, less);
            else
                row_scale(rows->grad[r], rows->grad[r], n, share, weight);
            if (rows->label[r] >= 0)
                rows->grad[r][rows->label[r]] = label_gradient(args, others[r], left_out[r], share, weight);
        }
    }
}

/* What is kept of a row until its results are written. */
typedef union {
    closs_softmax_part parts[PARTS_KEPT];
    struct {
        closs_softmax_part part;
        ALIGNED real exps[HELD];
    } held; /* of a row that has one part */
    ALIGNED real copies[COPIED_ROWS];
} rows_memory;

/* How the rows of a call are computed. */
typedef struct {
    int batches;       /* short rows, in batches of */
    int64_t together;  /* rows, of which */
    int64_t at_once;   /* are summed, then written */
    int keep;          /* the states of all parts are kept */
    int hold, store;   /* exponentials are kept: elsewhere, or where the gradient will be */
    int64_t kept;      /* classes of which they are */
    int past;          /* results go past the caches */
    int fetch_written; /* where results will be is fetched while the row is summed */
} rows_plan;

_Static_assert(COPIED_ROWS >= SHORT_ROWS && TOGETHER / 2 * BLOCK <= COPIED_ROWS, "there is room for short rows");
_Static_assert(CLOSS_FEW_F64 >= LANES, "rows have whole groups");

/* With scratch for the exponentials of `room` classes. */
static rows_plan plan_of_rows(const closs_softmax_args *args, const row_view *row, const row_view *grad, int64_t room)
{
    const int64_t classes = args->classes, bytes = classes * (int64_t)sizeof(real);
    const int written = grad->data != NULL, has_exps = written && !leaves_out_pivot(args);
    rows_plan plan = {0};
    const int64_t held = classes <= HELD || classes <= room ? classes : room / CLOSS_PART * CLOSS_PART;
    const int in_place = row_direct(row) && (!written || row_direct(grad));
    const int short_row = is_short_row(args), together = short_row && in_place, rounded = bytes_of(grad->dtype) == 2;
    /* Past the caches rows in place are taken one after the other. Together, through the caches, doubles are x1.0 to
     * x1.2, and floats up to twice the size x1.1 to x1.4; so are long rows of half types, which are fetched meanwhile,
     * x1.1. */
    const int through =
        together ? classes <= BLOCK || REAL_DTYPE == CLOSS_F64 : !short_row && rounded && classes <= MOST_WRITTEN;
    const int64_t size = classes * bytes_of(grad->dtype) / (together ? 2 : 1);
    plan.past = written && !through && !args->fresh && grad->data != args->logits.data && grad->stride == 1 &&
                worth_streaming(args->shape, args->ndim, (size_t)size);
    plan.batches = short_row && (!plan.past || !in_place);
    plan.at_once = bytes * (written && in_place ? 2 : 1) <= LARGE_ROW ? TOGETHER : TOGETHER / 2;
    while (classes > BLOCK && plan.at_once > 1 && plan.at_once * bytes > (in_place ? ROWS_BYTES / 2 : ROWS_BYTES))
        plan.at_once /= 2;
    plan.together = plan.batches && !in_place ? plan.at_once : BATCH;
    plan.keep = classes <= (int64_t)CLOSS_PART * PARTS_KEPT;
    plan.hold = has_exps && plan.keep &&
                (!row_direct(grad) || (plan.past && held == classes && (classes <= HELD || SCRATCH_PAYS)));
    plan.store = has_exps && plan.keep && !plan.hold && row_direct(grad);
    plan.kept = plan.store ? classes : plan.hold ? held : 0;
    plan.past = plan.past && !plan.store;
    plan.fetch_written = written && !plan.store && !plan.past && grad->stride == 1 && classes <= MOST_WRITTEN;
    return plan;
}

/* The state of classes [begin, end) of a short row, which are `x`, with the bits that it has in a batch. `label` is one
 * of them or -1; exponentials go to `store` unless NULL. */
static void short_part(closs_softmax_part *part, const closs_softmax_args *args, const row_view *row, const real *x,
                       int64_t begin, int64_t end, int64_t label, real *store)
{
    const int64_t size = bytes_of(row->dtype);
    double weight = 1;
    row_batch one;
    batch_sums sums;
    one.x[0] = x;
    one.grad[0] = store;
    one.ahead[0] = address_of(row->data, (row->offset + end * row->stride) * size);
    one.step = LANES * row->stride * size;
    one.label = &label, one.weight = &weight;
    batch_sum(args, &one, end - begin, 0, 1, &sums);
    const row_sums of_row = {sums.others[0], sums.left_out[0], sums.gaps[0]};
    row_end(part, args, row, begin, end, (double)sums.max[0], &of_row);
    part->stored = store != NULL;
    for (int64_t b = 0; b * BLOCK < end - begin; b++) part->block_max[b] = (double)sums.max[0];
}

/* A row of any length, a short one in place: its sums, then its results. What its value is made of goes to *rest and
 * *gap. */
static void long_row(const closs_softmax_args *args, const rows_plan *plan, rows_memory *kept, const row_view *row,
                     const row_view *grad, stream_writer *stream, int64_t label, double weight, real *rest, real *gap)
{
    const int64_t classes = args->classes;
    closs_softmax_part *parts = kept->parts;
    closs_softmax_state merged;
    const closs_softmax_state *total = &parts[0].state;
    real *exps = plan->store ? row_direct(grad) : classes <= HELD ? kept->held.exps : (real *)args->scratch;
    /* Read before it is overwritten. */
    const real at_label = label >= 0 ? load_real(row->data, row->dtype, row->offset + label * row->stride) : 0;
    for (int64_t first = 0, p = 0; weight != 0 && first < classes; first += CLOSS_PART, p++) {
        closs_softmax_part *part = &parts[plan->keep ? p : p > 0];
        const int64_t stop = classes - first < CLOSS_PART ? classes : first + CLOSS_PART;
        real *store = stop <= plan->kept ? exps : NULL;
        if (is_short_row(args))
            short_part(part, args, row, row_direct(row), first, stop, label, store);
        else
            row_part(part, args, row, plan->fetch_written ? grad : NULL, first, stop, label, store);
        if (p == 1) merged = parts[0].state;
        if (p > 0) softmax_merge(&merged, &part->state), total = &merged;
    }
    for (int64_t first = 0, p = 0; grad->data && first < classes; first += CLOSS_PART, p++) {
        const int64_t stop = classes - first < CLOSS_PART ? classes : first + CLOSS_PART;
        row_write(args, plan->keep ? &parts[p] : NULL, total, exps, row, grad, stream, first, stop, label, weight);
    }
    if (weight != 0 && args->result != CLOSS_LOG_SOFTMAX) row_value(args, total, at_label, rest, gap);
}

static void softmax_rows(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    row_view row = {(void *)(uintptr_t)args->logits.data, args->dtype, 0, class_stride_of(args, args->logits.strides)};
    row_view grad = {args->grad.data, grad_dtype(args), 0, class_stride_of(args, args->grad.strides)};
    const rows_plan plan = plan_of_rows(args, &row, &grad, args->scratch_bytes / (int64_t)sizeof(real));
    stream_writer writer = {{0}, NULL, 0}, *stream = plan.past ? &writer : NULL;
    rows_memory kept;
    const int64_t room = COPIED_ROWS / plan.at_once; /* of a row that is copied */
    value_sum values = {{0}, 0};
    sample_cursor cursor = cursor_at(args, begin, end);
    while (cursor.left > 0) {
        const int64_t count = cursor.left < plan.together ? cursor.left : plan.together;
        row_batch batch;
        ALIGNED real rest[BATCH] = {0}, gap[BATCH] = {0};
        ALIGNED double weight[BATCH] = {0}, value[BATCH];
        int64_t label[BATCH], value_offset[BATCH], grad_offset[BATCH];
        batch.step = LANES * row.stride * bytes_of(row.dtype);
        for (int64_t done = 0; done < count;) {
            const sample_run run = next_run(args, &cursor, count - done);
            labels_and_weights(args, &run, label + done, weight + done);
            for (int64_t i = 0; i < run.count; i++, done++) {
                row.offset = run.first.logits + i * run.step.logits;
                grad.offset = run.first.grad + i * run.step.grad;
                grad_offset[done] = grad.offset;
                value_offset[done] = run.first.values + i * run.step.values;
                if (plan.batches)
                    batch_take(&batch, done, args->classes, plan.at_once, &row, &grad,
                               kept.copies + done % plan.at_once * room);
                else
                    long_row(args, &plan, &kept, &row, &grad, stream, label[done], weight[done], &rest[done],
                             &gap[done]);
            }
        }
        if (plan.batches) {
            batch.label = label, batch.weight = weight, batch.rest = rest, batch.gap = gap;
            for (int64_t first = 0; first < count; first += plan.at_once)
                short_rows(args, &batch, first, count - first < plan.at_once ? count : first + plan.at_once);
            for (int64_t i = 0; i < count && batch.grad[i] == kept.copies + i % plan.at_once * room; i++) {
                grad.offset = grad_offset[i];
                for (int64_t first = 0; first < args->classes; first += BLOCK) {
                    const int64_t left = args->classes - first;
                    row_put(batch.grad[i] + first, &grad, stream, first, left < BLOCK ? left : BLOCK);
                }
            }
        }
        for (int l = 0; l < BATCH; l++) rest[l] = log1p_positive(rest[l]) + gap[l];
        for (int l = 0; l < BATCH; l++) value[l] = weighted_value(weight[l], (double)rest[l]);
        if (args->values.data) store_values(args, value_offset, count, value);
        value_sum_add(&values, value, count);
    }
    if (stream) stream_end(stream);
    *sum += value_sum_total(&values);
}

/* A row of one array, whose memory begins with class args->first_class. */
INLINE row_view row_of(const closs_softmax_args *args, const void *data, closs_dtype dtype, const int64_t *strides,
                       int64_t offset)
{
    const int64_t stride = class_stride_of(args, strides);
    const row_view row = {(void *)(uintptr_t)data, dtype, offset - args->first_class * stride, stride};
    return row;
}

static int64_t softmax_scratch(const closs_softmax_args *args)
{
    const row_view row = row_of(args, args->logits.data, args->dtype, args->logits.strides, 0);
    const row_view grad = row_of(args, args->grad.data, grad_dtype(args), args->grad.strides, 0);
    const rows_plan plan = plan_of_rows(args, &row, &grad, args->classes);
    return plan.hold && args->classes > HELD ? args->classes * (int64_t)sizeof(real) : 0;
}

/* Where the exponentials (+ class) of the part that ends at `end` are, or would be, kept. */
INLINE real *part_exps(const closs_softmax_args *args, const row_view *grad, int64_t end)
{
    const int64_t room = args->scratch_bytes / (int64_t)sizeof(real);
    if (row_direct(grad) || !args->scratch || end - args->first_class > room) return row_direct(grad);
    return (real *)args->scratch - args->first_class;
}

static void softmax_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                         closs_softmax_part *part)
{
    const sample_run run = cursor_at(args, sample, sample + 1).run;
    int64_t label;
    double weight;
    labels_and_weights(args, &run, &label, &weight);
    const row_view row = row_of(args, args->logits.data, args->dtype, args->logits.strides, run.first.logits);
    const row_view grad = row_of(args, args->grad.data, grad_dtype(args), args->grad.strides, run.first.grad);
    /* write_part needs the logits again for a Hessian. */
    const int stores = grad.data && !leaves_out_pivot(args) && !args->hess.data && weight != 0;
    real *store = stores ? part_exps(args, &grad, end) : NULL;
    const int here = label >= begin && label < end;
    const real at_label = here ? load_real(row.data, row.dtype, row.offset + label * row.stride) : 0;
    if (is_short_row(args) && begin < end) {
        ALIGNED real copy[LANES + SHORT_ROWS];
        for (int l = 0; l < LANES; l++) copy[l] = 0;
        const real *x = row_gather(&row, begin, end - begin, copy);
        short_part(part, args, &row, x, begin, end, here ? label - begin : -1, store ? store + begin : NULL);
    } else {
        row_part(part, args, &row, NULL, begin, end, label, store);
    }
    part->state.at_label = (double)at_label;
}

static double softmax_value(const closs_softmax_args *args, int64_t sample, const closs_softmax_state *total)
{
    const sample_run run = cursor_at(args, sample, sample + 1).run;
    int64_t label;
    double weight;
    labels_and_weights(args, &run, &label, &weight);
    double value = 0;
    if (weight != 0) {
        real rest, gap;
        row_value(args, total, (real)total->at_label, &rest, &gap);
        value = weighted_value(weight, (double)(real)(log1p_positive(rest) + gap));
    }
    if (args->values.data) store_value(args, run.first.values, value);
    return value;
}

static void softmax_write(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                          const closs_softmax_part *part, const closs_softmax_state *total)
{
    const sample_run run = cursor_at(args, sample, sample + 1).run;
    int64_t label;
    double weight;
    labels_and_weights(args, &run, &label, &weight);
    const row_view row = row_of(args, args->logits.data, args->dtype, args->logits.strides, run.first.logits);
    const row_view grad = row_of(args, args->grad.data, grad_dtype(args), args->grad.strides, run.first.grad);
    if (!grad.data) return;
    const real *exps = part_exps(args, &grad, end);
    row_write(args, part, total, exps, &row, &grad, NULL, begin, end, label, weight);
}
#undef LARGER
#undef SUM
#undef FOLD
#undef FOLD_LEVEL
/* Names that the table of kernels.h uses as they are. */
#undef softmax_rows
#undef softmax_part
#undef softmax_scratch
#undef softmax_value
#undef softmax_write

/* closs.c: the door. Arguments are checked (checks.h), the kernel is chosen by dtype and layout, and computes in the
 * default floating-point environment. Nothing here knows of instruction sets. */
#include "checks.h"
#include "environment.h"

#define STRING_(x) #x
#define STRING(x) STRING_(x)

const char *closs_version(void)
{
    return STRING(CLOSS_VERSION_MAJOR) "." STRING(CLOSS_VERSION_MINOR) "." STRING(CLOSS_VERSION_PATCH);
}

const char *closs_status_string(closs_status status)
{
    switch (status) {
    case CLOSS_OK: return "ok";
    case CLOSS_BAD_ARGUMENT:
        return "an argument is missing, unknown, out of its range, too large, or of a wrong size field";
    case CLOSS_BAD_LABEL: return "a label is outside [0, classes)";
    case CLOSS_BAD_CLASS_WEIGHT: return "a class weight is negative or not finite";
    case CLOSS_BAD_SAMPLE_WEIGHT:
        return "a sample weight, or the sum of weights that a mean is divided by, or its reciprocal, is not finite";
    case CLOSS_NOT_AVAILABLE: return "the instruction set is unknown, not compiled in, or not on this CPU";
    case CLOSS_BAD_POS_WEIGHT: return "a positive weight is negative or not finite";
    }
    return "unknown status";
}

/* ---- Sums -------------------------------------------------------------------------------------------------------- */

/* A binary counter: level k holds the sum of 2^k partial sums while bit k of count is set. */
void closs_sum_add(closs_sum *sum, double partial)
{
    const environment callers = enter();
    int k = 0;
    partial = inside(partial);
    for (uint64_t bits = sum->count; bits & 1; bits >>= 1) partial = sum->level[k++] + partial;
    sum->level[k] = partial;
    sum->count++;
    leave(callers);
}

double closs_sum_total(const closs_sum *sum)
{
    const environment callers = enter();
    double total = 0;
    int k = 0;
    for (uint64_t bits = sum->count; bits; bits >>= 1, k++)
        if (bits & 1) total = sum->level[k] + total;
    total = inside(total);
    leave(callers);
    return total;
}

/* A sum, or the mean, which for no weight is NaN. */
static double reduced(double sum, closs_reduction reduction, double weight_sum)
{
    return reduction == CLOSS_SUM ? sum : weight_sum == 0 ? (double)NAN : sum / weight_sum;
}

/* ---- The softmax family ---------------------------------------------------------------------------------------- */

/* For samples behind the class axis. `block` of them are work enough for a thread's turn; more are taken, up to what a
 * tile has room for, while there are four blocks to share. Short runs stay whole and long ones are cut into equal
 * pieces: where one is cut elsewhere two threads read, and write, the same lines of memory. */
static int64_t block_of_runs(const closs_softmax_args *args, int64_t samples, int64_t block)
{
    const int64_t run = samples > 0 && args->ndim > 0 ? args->shape[args->ndim - 1] : 1;
    const int64_t most = args->classes < 1024 ? 256 : 128;
    const int64_t share = samples / 4 < most ? samples / 4 : most, want = block < share ? share : block;
    if (run <= want) return want / run * run;
    if (run <= 2 * most && run < samples) return run;
    int64_t pieces = 1;
    while (pieces * most < run && pieces < 8) pieces *= 2;
    const int64_t even = (run + pieces - 1) / pieces, piece = even < most ? even : most;
    return ((want < piece ? piece : want) + 15) / 16 * 16;
}

int64_t closs_softmax_block(const closs_softmax_args *args)
{
    /* Blocks of 3 us or more, where a sample by itself costs as much as a dozen classes, keep the cost of a call and of
     * a thread's turn far below that of the work; powers of two are shared evenly by what most batches are. What would
     * be less than eight such blocks is four or eight equal ones, of 1.5 us or more, for threads to share. At most
     * 16384 blocks bound the memory for their sums. Multiples of 16 keep tiles whole. */
    enum { COST = 16384 };
    const int64_t samples = count_samples(args);
    const int lanes = has_lanes(args);
    int64_t block = args->classes < COST ? COST / (args->classes + 12) : 1;
    const int little = samples > block && samples < 8 * block;
    if (little) block = samples < 4 * block ? (samples + 3) / 4 : (samples + 7) / 8;
    while (!little && (block & (block - 1)) != 0) block &= block - 1;
    const int64_t least = samples / 8192 + 1;
    if (block < least) block = least;
    if (lanes && !classes_fastest(args)) return block_of_runs(args, samples, block);
    /* Lanes want as many neighbours as a tile has room for, and threads more blocks than one. */
    if (lanes && block < 256 && !little) block = args->classes < 1024 ? 256 : 128;
    if (lanes ? block > 1 : block >= 16 && !little) block = (block + 15) / 16 * 16;
    return block < 1 ? 1 : block;
}

closs_status closs_softmax_check(const closs_softmax_args *args, closs_report *report)
{
    if (!report) return CLOSS_BAD_ARGUMENT;
    *report = (closs_report){CLOSS_BAD_ARGUMENT, -1, 0, 0.0, 0};
    const environment callers = enter();
    if (softmax_well_formed(args)) {
        report->status = check_class_weights(args, report);
        if (report->status == CLOSS_OK) {
            const checked_samples samples = samples_of_softmax(args);
            report->status = check_samples(&samples, count_samples(args), report);
        }
    }
    leave(callers);
    return report->status;
}

/* Whether the value is a sum of terms over the classes, as the kernels of softmax_terms.h compute it. For parts strides
 * have no say: their states must be alike wherever they come from. */
static int parts_have_terms(const closs_softmax_args *args)
{
    return args->result == CLOSS_SOFTMAX_ENTROPY || args->result == CLOSS_DISTILLATION ||
           (args->result == CLOSS_CROSS_ENTROPY &&
            (args->targets.data || (args->label_smoothing != 0 && !smooths_alike(args))));
}

static int has_terms(const closs_softmax_args *args)
{
    return parts_have_terms(args) || (smooths_alike(args) && has_lanes(args));
}

/* For the Hessian of labels, to which smoothing that adds up to 1 is all the same. */
static closs_softmax_args unsmoothed(const closs_softmax_args *args)
{
    closs_softmax_args plain = *args;
    plain.label_smoothing = 0;
    return plain;
}

void closs_softmax_run(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    const int adds_up = args->result != CLOSS_SOFTMAX && args->result != CLOSS_LOG_SOFTMAX && !is_measure(args);
    if (begin >= end || (args->classes == 0 && !adds_up && !args->values.data))
        return; /* no class and no value: nothing to write */
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    if (is_measure(args)) {
        kernels->measures[args->dtype](args, begin, end, sum);
    } else if (has_terms(args)) {
        kernels->softmax_terms[args->dtype](args, begin, end, sum);
    } else if (args->result == CLOSS_ZERO_ONE) {
        (args->predicted.data ? kernels->zero_one_labels : kernels->zero_one[args->dtype])(args, begin, end, sum);
    } else {
        double unused = 0;
        if (args->hess.data) { /* before grad overwrites the logits */
            const closs_softmax_args plain = unsmoothed(args);
            kernels->softmax_terms[args->dtype](&plain, begin, end, &unused);
        }
        (has_lanes(args) ? kernels->softmax_lanes : kernels->softmax_rows)[args->dtype](args, begin, end, sum);
    }
    leave(callers);
}

int64_t closs_softmax_parts(const closs_softmax_args *args)
{
    if (has_lanes(args) || (is_measure(args) && args->labels.data)) return 1;
    if (args->result == CLOSS_ZERO_ONE) return 1;
    return args->classes / CLOSS_PART + (args->classes % CLOSS_PART != 0);
}

int64_t closs_softmax_scratch(const closs_softmax_args *args)
{
    const int has_exps = args->result == CLOSS_SOFTMAX || args->result == CLOSS_CROSS_ENTROPY;
    const closs_kernels *kernels = closs_chosen_kernels();
    if (!args->grad.data || has_lanes(args)) return 0;
    if (parts_have_terms(args)) return kernels->terms_scratch[args->dtype](args);
    return has_exps ? kernels->softmax_scratch[args->dtype](args) : 0;
}

void closs_softmax_sum_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                            closs_softmax_part *part)
{
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    if (is_measure(args)) {
        kernels->measures_part[args->dtype](args, sample, begin, end, part);
    } else if (parts_have_terms(args)) {
        kernels->terms_part[args->dtype](args, sample, begin, end, part);
    } else if (args->hess.data) {
        const closs_softmax_args plain = unsmoothed(args);
        kernels->terms_part[args->dtype](&plain, sample, begin, end, part);
        const double rest = part->state.rest, unit = part->state.unit;
        kernels->softmax_part[args->dtype](args, sample, begin, end, part);
        part->state.rest = rest * (part->state.unit / unit); /* the Hessian's own sum, without the maximum's term */
    } else {
        kernels->softmax_part[args->dtype](args, sample, begin, end, part);
    }
    leave(callers);
}

void closs_softmax_merge(closs_softmax_state *into, const closs_softmax_state *next)
{
    const environment callers = enter();
    closs_chosen_kernels()->merge_states(into, next);
    leave(callers);
}

double closs_softmax_value(const closs_softmax_args *args, int64_t sample, const closs_softmax_state *row)
{
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    const double value = is_measure(args)         ? kernels->measures_value[args->dtype](args, sample, row)
                         : parts_have_terms(args) ? kernels->terms_value[args->dtype](args, sample, row)
                                                  : kernels->softmax_value[args->dtype](args, sample, row);
    leave(callers);
    return value;
}

void closs_softmax_write_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                              const closs_softmax_part *part, const closs_softmax_state *row)
{
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    if (is_measure(args)) {
        kernels->measures_write[args->dtype](args, sample, begin, end, part, row);
    } else if (parts_have_terms(args)) {
        kernels->terms_write[args->dtype](args, sample, begin, end, part, row);
    } else {
        if (args->hess.data) {
            const closs_softmax_args plain = unsmoothed(args);
            kernels->terms_write[args->dtype](&plain, sample, begin, end, part, row);
        }
        kernels->softmax_write[args->dtype](args, sample, begin, end, part, row);
    }
    leave(callers);
}

/* The factor of derivatives of a one-shot call. A mean cannot be divided by every sum of weights. */
static closs_status set_scale(closs_reduction reduction, closs_report *report, double *scale)
{
    const double weight_sum = report->weight_sum;
    *scale = reduced(1, reduction, weight_sum);
    const int divides = weight_sum == 0 || (fabs(weight_sum) < INFINITY && fabs(*scale) < INFINITY);
    if (reduction == CLOSS_MEAN && !divides) report->status = CLOSS_BAD_SAMPLE_WEIGHT;
    return report->status;
}

closs_status closs_softmax(const closs_softmax_args *args, closs_reduction reduction, double *value,
                           closs_report *report)
{
    closs_report unread;
    if (!report) report = &unread;
    const closs_status status = closs_softmax_check(args, report);
    if (status != CLOSS_OK) return status;
    if (!value || (reduction != CLOSS_MEAN && reduction != CLOSS_SUM)) return report->status = CLOSS_BAD_ARGUMENT;
    const environment callers = enter();
    closs_softmax_args scaled = *args;
    if (set_scale(reduction, report, &scaled.scale) == CLOSS_OK) {
        closs_sum total = {{0}, 0};
        const int64_t samples = count_samples(args), block = closs_softmax_block(args);
        for (int64_t begin = 0; begin < samples; begin += block) {
            double partial = 0;
            closs_softmax_run(&scaled, begin, samples - begin < block ? samples : begin + block, &partial);
            closs_sum_add(&total, partial);
        }
        *value = reduced(closs_sum_total(&total), reduction, report->weight_sum);
    }
    leave(callers);
    return report->status;
}

/* ---- Elementwise losses ------------------------------------------------------------------------------------------ */

closs_status closs_elementwise_check(const closs_elementwise_args *args, closs_report *report)
{
    if (!report) return CLOSS_BAD_ARGUMENT;
    *report = (closs_report){CLOSS_BAD_ARGUMENT, -1, 0, 0.0, 0};
    const environment callers = enter();
    if (elementwise_well_formed(args)) {
        const checked_samples samples = samples_of_elementwise(args);
        const int64_t elements = count_elements(args->ndim, args->shape, 1);
        report->status = check_samples(&samples, elements, report);
        if (report->status == CLOSS_OK) report->status = check_pos_weights(args, elements, report);
    }
    leave(callers);
    return report->status;
}

int64_t closs_elementwise_block(const closs_elementwise_args *args)
{
    /* Small enough for L2 and for threads to share, a multiple of the kernel's own; at most 8192 of them. */
    const int64_t least = count_elements(args->ndim, args->shape, 1) / 8192 + 1, block = least > 8192 ? least : 8192;
    return (block + 255) / 256 * 256;
}

void closs_elementwise_run(const closs_elementwise_args *args, int64_t begin, int64_t end, double *sum)
{
    if (begin >= end) return;
    const closs_kernels *kernels = closs_chosen_kernels();
    const environment callers = enter();
    kernels->elementwise[args->dtype](args, begin, end, sum);
    leave(callers);
}

closs_status closs_elementwise(const closs_elementwise_args *args, closs_reduction reduction, double *value,
                               closs_report *report)
{
    closs_report unread;
    if (!report) report = &unread;
    const closs_status status = closs_elementwise_check(args, report);
    if (status != CLOSS_OK) return status;
    if (!value || (reduction != CLOSS_MEAN && reduction != CLOSS_SUM)) return report->status = CLOSS_BAD_ARGUMENT;
    const environment callers = enter();
    closs_elementwise_args scaled = *args;
    if (set_scale(reduction, report, &scaled.scale) == CLOSS_OK) {
        closs_sum total = {{0}, 0};
        const int64_t elements = count_elements(args->ndim, args->shape, 1), block = closs_elementwise_block(args);
        for (int64_t begin = 0; begin < elements; begin += block) {
            double partial = 0;
            closs_elementwise_run(&scaled, begin, elements - begin < block ? elements : begin + block, &partial);
            closs_sum_add(&total, partial);
        }
        *value = reduced(closs_sum_total(&total), reduction, report->weight_sum);
    }
    leave(callers);
    return report->status;
}

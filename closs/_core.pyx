"""The one extension that is linked with libcloss: its functions, the parallel loop over blocks, its threads."""
import contextlib
import contextvars
import operator
import os
from pathlib import Path

from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc


# Under other names, for those of closs.h are the functions below.
cdef extern from "closs.h" nogil:
    const char *c_version "closs_version"()
    const char *c_status_string "closs_status_string"(closs_status status)
    closs_status c_softmax_check "closs_softmax_check"(const closs_softmax_args *args, closs_report *report)
    int64_t c_softmax_block "closs_softmax_block"(const closs_softmax_args *args)
    void c_softmax_run "closs_softmax_run"(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
    closs_status c_softmax "closs_softmax"(const closs_softmax_args *args, closs_reduction reduction, double *value,
                                           closs_report *report)
    int64_t c_softmax_parts "closs_softmax_parts"(const closs_softmax_args *args)
    int64_t c_softmax_scratch "closs_softmax_scratch"(const closs_softmax_args *args)
    void c_softmax_sum_part "closs_softmax_sum_part"(const closs_softmax_args *args, int64_t sample, int64_t begin,
                                                     int64_t end, closs_softmax_part *part)
    void c_softmax_merge "closs_softmax_merge"(closs_softmax_state *into, const closs_softmax_state *next)
    double c_softmax_value "closs_softmax_value"(const closs_softmax_args *args, int64_t sample,
                                                 const closs_softmax_state *row)
    void c_softmax_write_part "closs_softmax_write_part"(const closs_softmax_args *args, int64_t sample, int64_t begin,
                                                         int64_t end, const closs_softmax_part *part,
                                                         const closs_softmax_state *row)
    closs_status c_elementwise_check "closs_elementwise_check"(const closs_elementwise_args *args, closs_report *report)
    int64_t c_elementwise_block "closs_elementwise_block"(const closs_elementwise_args *args)
    void c_elementwise_run "closs_elementwise_run"(const closs_elementwise_args *args, int64_t begin, int64_t end,
                                                   double *sum)
    closs_status c_elementwise "closs_elementwise"(const closs_elementwise_args *args, closs_reduction reduction,
                                                   double *value, closs_report *report)
    void c_sum_add "closs_sum_add"(closs_sum *sum, double partial)
    double c_sum_total "closs_sum_total"(const closs_sum *sum)
    const char *c_isa "closs_isa"()
    const char *c_isa_compiled "closs_isa_compiled"()
    int c_isa_available "closs_isa_available"(const char *name)
    closs_status c_set_isa "closs_set_isa"(const char *name)


cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    enum { closs_has_openmp = 1 };
    #else
    static int omp_get_max_threads(void) { return 1; }
    static double omp_get_wtime(void) { return 0; }
    enum { closs_has_openmp = 0 };
    #endif

    /* libgomp's worker threads do not exist in a child after fork, and a parallel region there would wait for them for
     * ever. Who else of the parent had started some, torch say, is not known: children compute serially. */
    #if defined(_MSC_VER) && !defined(__clang__)
    typedef volatile int closs_flag; /* ordered there; atomics are experimental */
    typedef volatile double closs_time;
    #else
    typedef _Atomic int closs_flag; /* set without the GIL */
    typedef _Atomic double closs_time;
    #endif
    static closs_flag closs_forked = 0;
    static closs_flag process_threads = 0; /* set_num_threads, or 0 */
    static closs_flag usable_cpus = 0;     /* counted once, at the first need */
    static closs_time last_large_call = -1, last_shared = 0, credit = 0, alone = 0, alone_left = 0, last_wait = 0;
    static void closs_after_fork(void) { closs_forked = 1; }
    #if defined(_WIN32) || defined(__EMSCRIPTEN__)
    static int closs_watch_fork(void) { return 0; }
    #else
    #include <pthread.h>
    static int closs_watch_fork(void) { return pthread_atfork(NULL, NULL, closs_after_fork); }
    #endif

    #if defined(__clang__)
    #define CLOSS_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #define CLOSS_COMPILER "gcc " __VERSION__
    #else
    #define CLOSS_COMPILER "unknown"
    #endif

    /* What threads count on together: of 32 bits, because not every processor has more. */
    #if defined(_MSC_VER) && !defined(__clang__)
    #include <intrin.h>
    static int closs_take(int *next) { return (int)_InterlockedExchangeAdd((volatile long *)next, 1); }
    static int closs_peek(const int *next) { return *(const volatile int *)next; }
    #else
    static int closs_take(int *next) { return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED); }
    static int closs_peek(const int *next) { return __atomic_load_n(next, __ATOMIC_RELAXED); }
    #endif

    static closs_sum closs_sum_empty(void) { closs_sum sum = {{0}, 0}; return sum; }
    """
    bint closs_has_openmp
    int omp_get_max_threads() nogil
    double omp_get_wtime() nogil
    int closs_forked
    int process_threads
    int usable_cpus
    double last_large_call
    double alone
    double alone_left
    double last_wait
    double last_shared
    double credit
    int closs_watch_fork()
    const char *CLOSS_COMPILER
    int closs_take(int *next) nogil
    int closs_peek(const int *next) nogil
    closs_sum closs_sum_empty() nogil


# When threads share a call. Work is counted in elements of a softmax, about ELEMENT seconds each on one thread.
# Measured on two cores of a virtual machine, softmax_cross_entropy of 8192 x 10, one thread and two: 68 and 40 us when
# the call before ended at most 5 ms ago, for then the second thread of libgomp still spins; 160 us and 7.9 ms when that
# was 20 ms ago, for it sleeps and the first one spins in its place until the scheduler's tick. To share a call costs 2
# us in any case, and up to 4 more where hardware, fetching ahead, takes what the other thread will write next to a
# border. So less than SERIAL_WORK (8 us) stays on the caller's thread; less than COLD_WORK (0.4 ms), too, if no call as
# large as SERIAL_WORK came in the last AWAKE seconds.
# The threads of others (a matrix product of numpy, the OpenMP that a wheel brings) spin after their work, too, and ours
# wait for a processor then: 2 ms where torch and closs take turns, 6 ms after a matrix product. So waits are paid from
# what threads gain: up to CREDIT seconds are kept, and one in PATIENCE seconds is added. Once they are spent, calls
# shorter than the last wait (at most LONGEST_WAIT) stay on the caller's thread until they add up to it; each time this
# happens again, to twice as much, up to MOST_ALONE seconds.
cdef int64_t SERIAL_WORK = 20480
cdef int64_t COLD_WORK = 1048576
cdef double ELEMENT = 0.4e-9
cdef double AWAKE = 0.005
cdef double CREDIT = 0.01
cdef double PATIENCE = 256
cdef double SHORTEST_WAIT = 0.0001  # of the scheduler's: shorter and longer ones have other reasons
cdef double LONGEST_WAIT = 0.003
cdef double MOST_ALONE = 0.25
credit = CREDIT

cdef int MOST_THREADS = 65536

_of_context = contextvars.ContextVar("closs.threads", default=())  # the innermost number first


# ---- The door -------------------------------------------------------------------------------------------------------

cdef const char *closs_version() noexcept nogil:
    return c_version()


cdef const char *closs_status_string(closs_status status) noexcept nogil:
    return c_status_string(status)


cdef closs_status closs_softmax_check(const closs_softmax_args *args, closs_report *report) noexcept nogil:
    return c_softmax_check(args, report)


cdef int64_t closs_softmax_block(const closs_softmax_args *args) noexcept nogil:
    return c_softmax_block(args)


cdef void closs_softmax_run(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum) noexcept nogil:
    c_softmax_run(args, begin, end, sum)


cdef closs_status closs_softmax(const closs_softmax_args *args, closs_reduction reduction, double *value,
                                closs_report *report) noexcept nogil:
    return c_softmax(args, reduction, value, report)


cdef int64_t closs_softmax_parts(const closs_softmax_args *args) noexcept nogil:
    return c_softmax_parts(args)


cdef int64_t closs_softmax_scratch(const closs_softmax_args *args) noexcept nogil:
    return c_softmax_scratch(args)


cdef void closs_softmax_sum_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                                 closs_softmax_part *part) noexcept nogil:
    c_softmax_sum_part(args, sample, begin, end, part)


cdef void closs_softmax_merge(closs_softmax_state *into, const closs_softmax_state *next) noexcept nogil:
    c_softmax_merge(into, next)


cdef double closs_softmax_value(const closs_softmax_args *args, int64_t sample,
                                const closs_softmax_state *row) noexcept nogil:
    return c_softmax_value(args, sample, row)


cdef void closs_softmax_write_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                                   const closs_softmax_part *part, const closs_softmax_state *row) noexcept nogil:
    c_softmax_write_part(args, sample, begin, end, part, row)


cdef closs_status closs_elementwise_check(const closs_elementwise_args *args, closs_report *report) noexcept nogil:
    return c_elementwise_check(args, report)


cdef int64_t closs_elementwise_block(const closs_elementwise_args *args) noexcept nogil:
    return c_elementwise_block(args)


cdef void closs_elementwise_run(const closs_elementwise_args *args, int64_t begin, int64_t end,
                                double *sum) noexcept nogil:
    c_elementwise_run(args, begin, end, sum)


cdef closs_status closs_elementwise(const closs_elementwise_args *args, closs_reduction reduction, double *value,
                                    closs_report *report) noexcept nogil:
    return c_elementwise(args, reduction, value, report)


cdef void closs_sum_add(closs_sum *sum, double partial) noexcept nogil:
    c_sum_add(sum, partial)


cdef double closs_sum_total(const closs_sum *sum) noexcept nogil:
    return c_sum_total(sum)


cdef const char *closs_isa() noexcept nogil:
    return c_isa()


cdef const char *closs_isa_compiled() noexcept nogil:
    return c_isa_compiled()


cdef int closs_isa_available(const char *name) noexcept nogil:
    return c_isa_available(name)


cdef closs_status closs_set_isa(const char *name) noexcept nogil:
    return c_set_isa(name)


# ---- Blocks ---------------------------------------------------------------------------------------------------------

ctypedef void (*item_function)(const void *work, int64_t item, int share) noexcept nogil
ctypedef void (*block_function)(const void *args, int64_t begin, int64_t end, double *sum) noexcept nogil

cdef enum:
    LINE = 16  # numbers in a line of a cache
    ALIGNMENT = 64
    LEFT = 2   # items of another thread's share that are left to it: their lines are in its cache


cdef void run_items(item_function run, const void *work, int64_t items, int threads) noexcept nogil:
    """Runs each item once. A thread's share is a stretch of them: it finds that in its cache in every call, and no
    other thread writes beside it, which with the class axis first took twice the time of one thread. A thread that is
    through with its share helps with the others', so that all end together whatever else the machine does."""
    global last_large_call
    cdef int shares = <int> min(threads, items)
    cdef int *next = NULL  # the next item of each share, in a line of its own
    cdef int64_t item
    cdef double *busy
    cdef double began, now
    cdef int share
    if shares > 1:
        next = <int *> malloc(<size_t> (shares + 1) * LINE * sizeof(int))
    if next == NULL:
        for item in range(items):
            run(work, item, 0)
        return
    for share in range(shares):
        next[share * LINE] = <int> (items * share // shares)
    busy = <double *> &next[shares * LINE]
    began = omp_get_wtime()
    for share in prange(shares, num_threads=shares, schedule="static", chunksize=1):
        if share == 0:
            busy[0] = -omp_get_wtime()
            busy[1] = <double> take_items(run, work, items, shares, next, share)
            busy[0] += omp_get_wtime()
        else:
            take_items(run, work, items, shares, next, share)
    now = last_large_call = omp_get_wtime()  # until then threads were awake
    account(now, busy[0] / max(busy[1], 1.0) * (<double> items - busy[1]), now - began - busy[0])
    free(next)


cdef int64_t take_items(item_function run, const void *work, int64_t items, int shares, int *next,
                        int own) noexcept nogil:
    """The items of a share, then what is left of the others. Returns how many there were."""
    cdef int64_t item, end, taken = 0
    cdef int turn, share
    for turn in range(shares):
        share = (own + turn) % shares
        end = items * (share + 1) // shares
        while turn == 0 or end - closs_peek(&next[share * LINE]) > LEFT:
            item = closs_take(&next[share * LINE])
            if item >= end:
                break
            run(work, item, own)
            taken += 1
    return taken


cdef void account(double now, double gained, double waited) noexcept nogil:
    """After a call that threads shared: what they gained, and how long the caller's waited for the others."""
    global last_shared, credit, alone, alone_left, last_wait
    credit = min(credit + (now - last_shared) / PATIENCE, CREDIT)
    credit = min(credit + gained - waited, CREDIT)
    last_shared = now
    if credit == CREDIT:
        alone = 0
    elif credit < 0:
        credit = 0
        if waited >= SHORTEST_WAIT:
            last_wait = min(waited, LONGEST_WAIT)
            alone = alone_left = min(max(2 * alone, last_wait), MOST_ALONE)


cdef struct block_work:
    block_function run
    const char *args
    int64_t args_step  # bytes from the arguments of one share to those of the next, which may be the same
    int64_t block, samples
    double *partials


cdef void run_block(const void *of_all, int64_t b, int share) noexcept nogil:
    cdef const block_work *work = <const block_work *> of_all
    cdef double partial = 0.0
    work.run(work.args + share * work.args_step, b * work.block, min(work.samples, (b + 1) * work.block), &partial)
    work.partials[b] = partial


cdef double run_blocks(block_function run, const void *args, int64_t args_step, int64_t block, int64_t samples,
                       int threads) noexcept nogil:
    """Runs all samples in blocks and returns the sum of their values: the same bits for any number of threads."""
    cdef int64_t blocks = (samples + block - 1) // block
    cdef int64_t b
    cdef closs_sum total = closs_sum_empty()
    cdef double partial
    cdef block_work work
    work.run, work.args, work.args_step = run, <const char *> args, args_step
    work.block, work.samples, work.partials = block, samples, NULL
    if threads > 1 and blocks > 1:
        work.partials = <double *> malloc(<size_t> blocks * sizeof(double))
    if work.partials == NULL:
        for b in range(blocks):
            partial = 0.0
            run(args, b * block, min(samples, (b + 1) * block), &partial)
            closs_sum_add(&total, partial)
        return closs_sum_total(&total)
    run_items(run_block, &work, blocks, threads)
    for b in range(blocks):
        closs_sum_add(&total, work.partials[b])
    free(work.partials)
    return closs_sum_total(&total)


# Bytes of a class that a thread has to itself (of halves as if they were floats, whose time they take), and parts of a
# row that are worth two waits of threads for each other.
cdef int64_t SHORTEST_STRETCH = 512
cdef int64_t SHARED_PARTS = 6

# Parts of one row whose states are kept: 1024 of them take less than half a megabyte. Longer rows go in several rounds,
# and their exponentials are computed again for the gradient.
cdef int64_t PARTS_A_ROUND = 1024


cdef struct row_work:
    const closs_softmax_args *args
    int64_t sample, first  # the first part of this round
    closs_softmax_part *kept
    const closs_softmax_state *row
    bint keep


cdef void sum_part(const void *of_all, int64_t p, int share) noexcept nogil:
    cdef const row_work *work = <const row_work *> of_all
    cdef int64_t begin = (work.first + p) * CLOSS_PART
    closs_softmax_sum_part(work.args, work.sample, begin, min(work.args.classes, begin + CLOSS_PART), &work.kept[p])


cdef void write_part(const void *of_all, int64_t p, int share) noexcept nogil:
    cdef const row_work *work = <const row_work *> of_all
    cdef int64_t begin = p * CLOSS_PART
    closs_softmax_write_part(work.args, work.sample, begin, min(work.args.classes, begin + CLOSS_PART),
                             &work.kept[p] if work.keep else NULL, work.row)


cdef double run_row(const closs_softmax_args *args, int64_t sample, int64_t parts, closs_softmax_part *kept,
                    int threads) noexcept nogil:
    """One row, its parts shared by the threads, and the value of its sample."""
    cdef closs_softmax_args sums = args[0]
    cdef closs_softmax_state row
    cdef row_work work
    cdef int64_t p, count
    work.args, work.sample, work.first = &sums, sample, 0
    work.kept, work.row, work.keep = kept, &row, parts <= PARTS_A_ROUND
    if not work.keep:
        sums.grad.data = NULL
    while work.first < parts:
        count = min(parts - work.first, PARTS_A_ROUND)
        run_items(sum_part, &work, count, threads)
        for p in range(count):
            if work.first + p == 0:
                row = kept[0].state
            else:
                closs_softmax_merge(&row, &kept[p].state)
        work.first += count
    if args.grad.data != NULL or args.hess.data != NULL:
        work.args = args
        run_items(write_part, &work, parts, threads)
    return closs_softmax_value(args, sample, &row)


# Bytes of scratch of all threads together: of the megabyte that a call may take.
cdef int64_t MOST_SCRATCH = 900_000


cdef closs_softmax_args *with_scratch(const closs_softmax_args *args, int shares, int64_t *step) noexcept nogil:
    """A copy of the arguments for each share, with scratch of its own behind it, *step bytes apart; NULL where that is
    of no use."""
    cdef int64_t needed = closs_softmax_scratch(args), bytes = min(needed, MOST_SCRATCH // shares)
    cdef int64_t least = min(needed, CLOSS_PART * (8 if args.dtype == CLOSS_F64 else 4))
    cdef char *copies = NULL
    cdef closs_softmax_args *copy
    cdef int share
    step[0] = (sizeof(closs_softmax_args) + bytes + 2 * ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    if bytes > 0 and bytes >= least:
        copies = <char *> malloc(<size_t> (shares * step[0]))
    if copies != NULL:
        for share in range(shares):
            copy = <closs_softmax_args *> (copies + share * step[0])
            copy[0] = args[0]
            copy.scratch = <void *> ((<size_t> (copy + 1) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT)
            copy.scratch_bytes = bytes
    return <closs_softmax_args *> copies


cdef double softmax_run(const closs_softmax_args *args, int64_t samples, int threads) noexcept nogil:
    cdef int64_t block = closs_softmax_block(args)
    cdef int64_t b, step, parts = 1
    cdef closs_sum total = closs_sum_empty()
    cdef closs_softmax_part *kept = NULL
    cdef closs_softmax_args *copies
    cdef int by_samples = min(threads, writers(args))
    cdef double sum
    if threads > 1 and samples < 4 * threads * block:
        # Few rows: threads share each of them, if it is long or they could not take one each.
        parts = closs_softmax_parts(args)
        if parts >= SHARED_PARTS or (parts > 1 and min(samples, by_samples) < threads):
            kept = <closs_softmax_part *> malloc(<size_t> min(parts, PARTS_A_ROUND) * sizeof(closs_softmax_part))
    copies = with_scratch(args, 1 if kept != NULL else <int> max(1, min(by_samples, samples)), &step)
    if copies == NULL:
        step = 0
    else:
        args = copies
    if kept != NULL:
        for b in range(samples):
            closs_sum_add(&total, run_row(args, b, parts, kept, <int> min(threads, parts)))
        sum = closs_sum_total(&total)
    else:
        sum = run_blocks(softmax_block, args, step, block, samples, by_samples)
    free(kept)
    free(copies)
    return sum


cdef int writers(const closs_softmax_args *args) noexcept nogil:
    """How many threads may write gradients of samples of their own. With the class axis first each has a stretch of
    every class, and hardware that fetches ahead may take lines from one thread for the other: where two CPUs were far
    from each other, two threads took .85 to 1.2 times as long as one for 300 to 600 floats; beside each other .55."""
    if args.grad.data == NULL or args.ndim != 1 or args.grad.strides == NULL or args.grad.strides[0] != 1:
        return MOST_THREADS
    cdef int size = 8 if args.dtype == CLOSS_F64 else 4
    return <int> max(1, min(args.shape[0] * size // SHORTEST_STRETCH, MOST_THREADS))


cdef void softmax_block(const void *args, int64_t begin, int64_t end, double *sum) noexcept nogil:
    closs_softmax_run(<const closs_softmax_args *> args, begin, end, sum)


# Sample weights that a thread checks at a time, at least, and of how many blocks at most. Their sum has the bits of one
# call: a block is a power of two of the stretches of 1024 that are added by themselves.
cdef int64_t CHECKED = 16384
cdef int64_t MOST_CHECKS = 4096


cdef struct check_work:
    const closs_elementwise_args *args
    int64_t block, samples
    closs_report *reports


cdef void check_block(const void *of_all, int64_t b, int share) noexcept nogil:
    cdef const check_work *work = <const check_work *> of_all
    cdef closs_elementwise_args args = work.args[0]
    cdef int64_t first = b * work.block, count = min(work.block, work.samples - first)
    cdef int64_t size = 4 if args.sample_weight_dtype == CLOSS_F32 else 8
    args.shape = &count
    args.sample_weight.data = <const char *> args.sample_weight.data + first * size
    args.pos_weight.data = NULL
    closs_elementwise_check(&args, &work.reports[b])


cdef void elementwise_check(const closs_elementwise_args *args, int64_t samples, int threads,
                            closs_report *report) noexcept nogil:
    """closs_elementwise_check, but threads share sample weights that lie side by side."""
    cdef const int64_t *strides = args.sample_weight.strides
    cdef int64_t blocks, b
    cdef closs_elementwise_args others
    cdef closs_sum total
    cdef check_work work
    work.args, work.block, work.samples, work.reports = args, CHECKED, samples, NULL
    while samples > work.block * MOST_CHECKS:
        work.block *= 2
    blocks = (samples + work.block - 1) // work.block
    if args.sample_weight.data != NULL and args.ndim == 1 and (strides == NULL or strides[0] == 1):
        if threads > 1 and blocks > 1:
            work.reports = <closs_report *> malloc(<size_t> blocks * sizeof(closs_report))
    if work.reports == NULL:
        closs_elementwise_check(args, report)
        return
    run_items(check_block, &work, blocks, threads)
    others = args[0]
    others.sample_weight.data = NULL
    closs_elementwise_check(&others, report)
    report.counted, total = 0, closs_sum_empty()
    for b in range(blocks):
        if work.reports[b].status != CLOSS_OK:
            report[0] = work.reports[b]
            report.index += b * work.block
            break
        report.counted += work.reports[b].counted
        closs_sum_add(&total, work.reports[b].weight_sum)
    report.weight_sum = closs_sum_total(&total)
    free(work.reports)


cdef double elementwise_run(const closs_elementwise_args *args, int64_t samples, int threads) noexcept nogil:
    return run_blocks(elementwise_block, args, 0, closs_elementwise_block(args), samples, threads)


cdef void elementwise_block(const void *args, int64_t begin, int64_t end, double *sum) noexcept nogil:
    closs_elementwise_run(<const closs_elementwise_args *> args, begin, end, sum)


# ---- Threads --------------------------------------------------------------------------------------------------------

def _cgroup_quota():
    """The CPU quota of this process's control group in CPUs, or None: the tightest limit on the way to the root."""
    quotas = []
    try:
        groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return None
    for _, controllers, path in groups:
        if controllers == "":
            root, version = Path("/sys/fs/cgroup"), 2
        elif "cpu" in controllers.split(","):
            root, version = Path("/sys/fs/cgroup/cpu"), 1
        else:
            continue
        folder = root / path.lstrip("/")
        for place in (folder, *folder.parents):
            with contextlib.suppress(OSError, ValueError):
                if version == 2:
                    quota, period = (place / "cpu.max").read_text().split()
                else:
                    quota = (place / "cpu.cfs_quota_us").read_text().strip()
                    period = (place / "cpu.cfs_period_us").read_text()
                if quota != "max" and int(quota) > 0:
                    quotas.append(int(quota) / int(period))
            if place == root:
                break
    return min(quotas, default=None)


def _count_cpus():
    """The CPUs that this process may use: its affinity and its control group's quota, rounded up."""
    if hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    quota = _cgroup_quota()
    if quota is not None:
        cpus = min(cpus, max(1, -int(-quota // 1)))
    return cpus


def _positive(n, name):
    try:
        n = operator.index(None if isinstance(n, bool) else n)
    except Exception:
        raise TypeError(f"{name} must be an integer, got {type(n).__name__}") from None
    if not 1 <= n <= MOST_THREADS:
        raise ValueError(f"{name} must be between 1 and {MOST_THREADS}, got {n}")
    return n


cdef int wanted_threads() except -1:
    global usable_cpus
    cdef tuple inside = _of_context.get()
    cdef int n = inside[0] if inside else process_threads
    if n == 0:
        if usable_cpus == 0:
            given = os.environ.get("CLOSS_NUM_THREADS", "").strip()
            if given:
                try:
                    usable_cpus = _positive(int(given), "CLOSS_NUM_THREADS")
                except ValueError:
                    raise ValueError(
                        f"CLOSS_NUM_THREADS must be an integer between 1 and {MOST_THREADS}, got {given!r}"
                    ) from None
            else:
                usable_cpus = _count_cpus()
        n = usable_cpus
    if closs_forked:
        return 1
    return max(1, min(n, omp_get_max_threads()))


cdef int threads_for(int64_t work) except -1:
    """For work in elements of a softmax."""
    global last_large_call, alone_left
    if work < SERIAL_WORK:
        return 1
    cdef double now = omp_get_wtime(), seconds = <double> work * ELEMENT
    cdef bint awake = now - last_large_call <= AWAKE
    last_large_call = now
    if alone_left > 0 and seconds < last_wait:
        alone_left = alone_left - seconds
        return 1
    return wanted_threads() if awake or work >= COLD_WORK else 1


def get_num_threads():
    """
    The number of threads that the next large enough call would use.

    Returns
    -------
    int
        What `threads` set for this thread, else what `set_num_threads` set, else the environment variable
        ``CLOSS_NUM_THREADS``, else the number of CPUs that this process may use (affinity and cgroup quota, read once).
        Never more than OpenMP's current maximum, so that ``OMP_NUM_THREADS`` and threadpoolctl limit it too; 1 in a
        build without OpenMP, and in a forked process, which OpenMP's threads do not live on in (spawned ones have
        theirs).

    Notes
    -----
    Results do not depend on it, to the bit. Small inputs are computed on the caller's thread alone.

    Examples
    --------
    >>> import closs
    >>> with closs.threads(1):
    ...     closs.get_num_threads()
    1
    """
    return wanted_threads()


def set_num_threads(n):
    """
    Set the number of threads for all threads of this process that are not inside `threads`.

    Parameters
    ----------
    n : int
        At least 1, at most 65536. More than OpenMP's maximum has the effect of that maximum.

    Raises
    ------
    TypeError, ValueError
        If `n` is no integer, or out of range.

    Examples
    --------
    >>> import closs
    >>> before = closs.get_num_threads()
    >>> closs.set_num_threads(1)
    >>> closs.get_num_threads()
    1
    >>> closs.set_num_threads(before)
    """
    global process_threads
    process_threads = _positive(n, "n")


class _Threads(contextlib.ContextDecorator):
    """Keeps nothing itself, so that it may be entered again, also by several tasks."""

    def __init__(self, n):
        self._n = n

    def __enter__(self):
        _of_context.set((self._n, *_of_context.get()))

    def __exit__(self, *fault):
        _of_context.set(_of_context.get()[1:])


def threads(n):
    """
    A context in which calls from the current thread, or asyncio task, use `n` threads. A decorator, too.

    Parameters
    ----------
    n : int
        At least 1, at most 65536.

    Raises
    ------
    TypeError, ValueError
        If `n` is no integer, or out of range.

    Examples
    --------
    >>> import closs
    >>> with closs.threads(1):
    ...     loss = closs.softmax_cross_entropy([[0.0, 0.0]], [1])
    """
    return _Threads(_positive(n, "n"))


def _share_from(work):
    """For tests: threads share all calls of that much work, whether they are awake or not."""
    global SERIAL_WORK, COLD_WORK, MOST_ALONE
    SERIAL_WORK = COLD_WORK = work
    MOST_ALONE = 0


def _account(now, gained, waited):
    """For tests: a shared call ended at `now`; for how long calls stay on one thread if it took more than it gained."""
    account(now, gained, waited)
    return alone


# ---- What is here ---------------------------------------------------------------------------------------------------

def current_isa():
    """The name of the instruction set in use."""
    return closs_isa().decode()


def compiled_isa():
    """The names of the instruction sets that this build has, best last."""
    return closs_isa_compiled().decode().split(",")


def available_isa():
    """The names of the instruction sets that this build has and this CPU can run, best last."""
    return [name for name in compiled_isa() if closs_isa_available(name.encode())]


def config():
    """What `closs.show_config` prints, as a dictionary."""
    return {
        "version": version,
        "isa": current_isa(),
        "isa_compiled": compiled_isa(),
        "isa_available": available_isa(),
        "openmp": bool(closs_has_openmp),
        "threads": get_num_threads(),
        "forked": bool(closs_forked),
        "compiler": CLOSS_COMPILER.decode(),
    }


def _pin_isa():
    name = os.environ.get("CLOSS_ISA", "").strip()
    if name and closs_set_isa(os.fsencode(name)) != CLOSS_OK:
        name = os.fsencode(name).decode(errors="backslashreplace")
        raise ImportError(f"CLOSS_ISA={name} is not available here; available: {', '.join(available_isa())}")


version = closs_version().decode()
_pin_isa()
if closs_watch_fork() != 0:
    raise ImportError("closs could not register its fork handler: out of memory")

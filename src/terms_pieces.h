/* terms_pieces.h: the classes of a sample, or of the samples in lanes, as groups of lanes that kernels walk through: in
 * place where they lie as lanes do and have the right type, else copied to a tile. Included for both `real`.
 */
#define terms_tile KERNEL(terms_tile)
#define terms_piece KERNEL(terms_piece)
#define terms_direct KERNEL(terms_direct)
#define terms_temperature KERNEL(terms_temperature)
#define terms_ahead KERNEL(terms_ahead)
#define grad_ahead KERNEL(grad_ahead)
#define terms_load KERNEL(terms_load)
#define terms_targets KERNEL(terms_targets)
#define terms_pieces KERNEL(terms_pieces)
#define group_z KERNEL(group_z)
#define group_v KERNEL(group_v)
#define tail_of KERNEL(tail_of)
#define stretch_end KERNEL(stretch_end)
#define terms_max_of_row KERNEL(terms_max_of_row)
#define terms_max_along KERNEL(terms_max_along)

#undef TERM_TILE
#undef FEW_TERMS
#undef FEW_MEASURES
/* Elements of a tile: all of most samples, whose exponentials are then computed once. With two arrays of 8 KB lanes of
 * 129 to 192 floats or 65 to 96 doubles, and rows of 2049 to 3072 or 1025 to 1536, took 1.3 to 1.6 times as long with a
 * gradient; larger ones would take more of the stack, and of L1. */
#define TERM_TILE (12288 / (int)sizeof(real))
/* Classes up to which a row costs more by itself than in a lane. */
#define FEW_TERMS (REAL_DTYPE == CLOSS_F32 ? 288 : 128)
#define FEW_MEASURES (REAL_DTYPE == CLOSS_F32 ? 288 : 224)

/* Groups of lanes: group g is at z + g x z_step, classes [first, end). Of a row a last one may follow, filled up, at
 * z_tail. */
typedef struct {
    const real *z, *v, *z_tail, *v_tail;
    real *e, *q, *e_tail, *q_tail; /* their exponentials: in the tile, or where the gradient will be */
    int64_t z_step, v_step, e_step, groups;
    int64_t first, end;
    int has_tail;
    int keeps; /* these are stored by who sums them: all classes have room */
    memory_ahead z_ahead, v_ahead;
} terms_piece;

/* Where group g of a piece is, from lane `column` on; the one behind whole groups is the tail. */
INLINE const real *group_z(const terms_piece *piece, int64_t g, int64_t column)
{
    return g < piece->groups ? piece->z + g * piece->z_step + column : piece->z_tail;
}

INLINE const real *group_v(const terms_piece *piece, int64_t g, int64_t column)
{
    return g < piece->groups ? piece->v + g * piece->v_step + column : piece->v_tail;
}

/* The tail as a piece. */
INLINE terms_piece tail_of(const terms_piece *piece)
{
    const int64_t before = piece->groups * LANES_OF_TERMS;
    const memory_ahead nowhere = {(uintptr_t)piece, 0, 0, 0};
    const terms_piece tail = {.z = piece->z_tail,
                              .v = piece->v_tail,
                              .e = piece->e_tail,
                              .q = piece->q_tail,
                              .groups = 1,
                              .first = piece->first + before,
                              .end = piece->end,
                              .keeps = piece->keeps,
                              .z_ahead = nowhere,
                              .v_ahead = nowhere};
    return tail;
}

/* Groups [first, end) are summed in `real`: TERMS_WIDENED, or the tail alone. */
INLINE int64_t stretch_end(const terms_piece *piece, int64_t first)
{
    const int64_t left = piece->groups - first;
    return left <= 0 ? first + 1 : left < TERMS_WIDENED ? piece->groups : first + TERMS_WIDENED;
}

/* A block of classes: logits, and beside them targets v or target logits; then exponentials; then gradient and Hessian.
 */
typedef struct {
    union {
        ALIGNED real z[TERM_TILE];
        struct {
            real z[2 * CUT_LANES * TERMS_WIDENED];
            terms_place place;
        } cut; /* see terms_cut.h */
    };
    ALIGNED real v[TERM_TILE];
    ALIGNED real tail[3][LANES_OF_TERMS];
    terms_piece piece;
} terms_tile;

/* Of the size that `real` has. */
INLINE real terms_temperature(const closs_softmax_args *args)
{
    const double T = args->temperature;
    return (real)(T < REAL_TINY ? REAL_TINY : T > REAL_MAX ? REAL_MAX : T);
}

/* The lanes as they lie in memory, if they can be read or written there, else NULL. */
INLINE real *terms_direct(const terms_place *place, const void *data, closs_dtype dtype, const int64_t *offset,
                          int64_t stride, int64_t first, int64_t lanes)
{
    if (dtype != REAL_DTYPE) return NULL;
    if (place->along ? stride != 1 : lanes != place->width || !are_neighbours(offset, lanes)) return NULL;
    return (real *)(uintptr_t)data + offset[0] + first * stride;
}

/* What is needed after n classes from `first`: the next ones of the same samples, or the first of the samples that
 * follow; of packed samples as many elements as these have, where the samples behind them all begin. */
INLINE memory_ahead terms_ahead(const terms_place *place, const void *data, closs_dtype dtype, const int64_t *offset,
                                int64_t stride, int64_t first, int64_t n, int64_t classes)
{
    const int64_t size = bytes_of(dtype), end = first + n, L = LANES_OF_TERMS;
    const int64_t ahead = place->along  ? end * stride
                          : stride == 1 ? place->width * classes + first * place->width
                                        : offset_ahead(first, end, classes, place->width, stride, size);
    const int64_t step = place->along ? L * stride : stride == 1 ? place->width : stride;
    const memory_ahead there = {address_of(data, (offset[0] + ahead) * size), size, step * size,
                                place->along ? LATER_BYTES : later_packed(place->width * classes * size)};
    const memory_ahead beside = {line_of(there.data, place->width * size), size, step * size,
                                 later_beside(stride * size, classes)};
    return place->along || stride == 1 ? there : beside;
}

/* Where a gradient will be written: at g, if not NULL, by the lanes that come next, else to these samples, as
 * neighbours or as if they were packed. */
INLINE memory_ahead grad_ahead(const closs_softmax_args *args, const terms_place *place, const real *g, int64_t g_step,
                               int64_t first)
{
    const int64_t size = bytes_of(grad_dtype(args)), L = LANES_OF_TERMS;
    const int64_t stride = class_stride_of(args, args->grad.strides);
    const uintptr_t data = address_of(args->grad.data, place->grad[0] * size);
    const memory_ahead in_place = {address_of(g, L * size), size, g_step * size,
                                   place->along ? LATER_BYTES : later_beside(g_step * size, args->classes)};
    const memory_ahead beside = {line_of(data + (uintptr_t)(first * stride * size), place->width * size), size,
                                 stride * size, later_beside(stride * size, args->classes)};
    const memory_ahead packed = {data + (uintptr_t)(first * L * size), args->classes * size, L * size,
                                 place->along ? LATER_BYTES : later_packed(place->width * args->classes * size)};
    memory_ahead ahead = g ? in_place : stride == 1 || place->along ? packed : beside;
    if (!fetches_far(args)) ahead.later = 0;
    return ahead;
}

/* n classes from `first`, in place or in `tile`; the distance between classes (lanes that are samples) goes to
 * *step. */
INLINE const real *terms_load(const terms_place *place, const void *data, closs_dtype dtype, const int64_t *offset,
                              int64_t stride, int64_t first, int64_t n, real *restrict tile, int64_t *step)
{
    const real *direct = terms_direct(place, data, dtype, offset, stride, first, place->width);
    *step = place->along ? LANES_OF_TERMS : direct ? stride : place->width;
    if (direct) return direct;
    if (place->along)
        load_reals(data, dtype, offset[0] + first * stride, stride, n, tile);
    else
        tile_load(data, dtype, offset, stride, place->count, place->width, first, n, tile);
    return tile;
}

/* The targets v of n classes from `first`, weighted and smoothed. */
static const real *terms_targets(const closs_softmax_args *args, const terms_place *place, int64_t first, int64_t n,
                                 real *restrict tile, int64_t *step)
{
    const double smoothing = args->label_smoothing;
    const real kept = (real)(1 - smoothing), shared = (real)(smoothing / (double)args->classes);
    const int64_t width = place->width, elements = n * width;
    if (args->targets.data) {
        const real *given = terms_load(place, args->targets.data, args->target_dtype, place->targets,
                                       class_stride_of(args, args->targets.strides), first, n, tile, step);
        if (smoothing == 0 && !args->class_weight.data) return given;
        for (int64_t i = 0; i < n && place->along && given != tile; i++) tile[i] = given[i];
        for (int64_t j = 0; j < n && !place->along && given != tile; j++)
            memcpy(tile + j * width, given + j * *step, (size_t)width * sizeof(real));
        if (smoothing != 0) {
#pragma omp simd
            for (int64_t i = 0; i < elements; i++) tile[i] = kept * tile[i] + shared;
        }
    } else {
        for (int64_t i = 0; i < elements; i++) tile[i] = shared;
        for (int64_t l = 0; l < width; l++) {
            const int64_t at = place->label[l] - first;
            if (place->label[l] >= 0 && at >= 0 && at < n) tile[at * width + l] = kept + shared;
        }
    }
    *step = place->along ? LANES_OF_TERMS : width;
    if (!args->class_weight.data) return tile;
    const int64_t stride = stride_of(args->class_weight.strides, 0, 1);
    for (int64_t j = 0, some; j < n; j += some) {
        enum { WEIGHTS = 64 };
        double weight[WEIGHTS];
        some = n - j < WEIGHTS ? n - j : WEIGHTS;
        load_weights(&args->class_weight, args->class_weight_dtype, (first + j) * stride, stride, some, 0, weight);
        for (int64_t i = 0; i < some && place->along; i++) tile[j + i] = (real)((double)tile[j + i] * weight[i]);
        for (int64_t i = 0; i < some && !place->along; i++)
            for (int64_t l = 0; l < width; l++)
                tile[(j + i) * width + l] = (real)((double)tile[(j + i) * width + l] * weight[i]);
    }
    return tile;
}

/* Takes n classes from `first` to the tile. */
static void terms_pieces(const closs_softmax_args *args, const terms_place *place, int kind, int64_t first, int64_t n,
                         terms_tile *tile)
{
    enum { L = LANES_OF_TERMS };
    const int64_t z_stride = class_stride_of(args, args->logits.strides);
    const int64_t v_stride = class_stride_of(args, args->targets.strides);
    const memory_ahead nowhere = {(uintptr_t)tile, 0, 0, 0};
    terms_piece piece;
    const int given = kind == TERMS_TARGETS || kind == TERMS_DISTILLATION || kind == MEASURE_PAIRS;
    piece.z =
        terms_load(place, args->logits.data, args->dtype, place->logits, z_stride, first, n, tile->z, &piece.z_step);
    piece.z_ahead =
        terms_ahead(place, args->logits.data, args->dtype, place->logits, z_stride, first, n, args->classes);
    piece.v = piece.z, piece.v_step = piece.z_step;
    piece.v_ahead = nowhere;
    if (kind == TERMS_TARGETS)
        piece.v = terms_targets(args, place, first, n, tile->v, &piece.v_step);
    else if (given)
        piece.v = terms_load(place, args->targets.data, args->target_dtype, place->targets, v_stride, first, n, tile->v,
                             &piece.v_step);
    if (given && args->targets.data)
        piece.v_ahead = terms_ahead(place, args->targets.data, args->target_dtype, place->targets, v_stride, first, n,
                                    args->classes);
    piece.e = kind == TERMS_ENTROPY ? tile->v : tile->z; /* of an entropy beside the logits, which are needed, too */
    piece.q = tile->v;
    piece.e_step = place->along ? L : place->width;
    piece.keeps = (args->grad.data || args->hess.data) && n == args->classes && n * place->width <= TERM_TILE;
    piece.first = first, piece.end = first + n;
    piece.groups = place->along ? n / L : n;
    piece.has_tail = place->along && n % L != 0;
    piece.z_tail = tile->tail[0], piece.v_tail = tile->tail[1];
    piece.e_tail = piece.e + piece.groups * L, piece.q_tail = piece.q + piece.groups * L; /* if there is a tail */
    const real z_padding = kind < MEASURE_ONE ? -(real)INFINITY : 0;
    const real v_padding = kind == TERMS_DISTILLATION ? -(real)INFINITY : 0;
    for (int64_t l = 0; piece.has_tail && l < L; l++) {
        const int64_t j = piece.groups * L + l;
        tile->tail[0][l] = j < n ? piece.z[j] : z_padding;
        tile->tail[1][l] = j < n ? piece.v[j] : v_padding;
    }
    tile->piece = piece;
}

/* The maximum of one row, `tail` being its last group or NULL. */
static OUT_OF_LINE double terms_max_of_row(const real *x, int64_t groups, const real *tail)
{
    enum { L = LANES_OF_TERMS };
    ALIGNED real lane[L];
    int64_t g = 0;
    for (int l = 0; l < L; l++) lane[l] = tail ? tail[l] : -(real)INFINITY;
    for (int l = 0; l < L; l++) lane[l] = lane[l] > -INFINITY ? lane[l] : -(real)INFINITY; /* not NaN */
    for (; g + 3 < groups; g += 4) {
#pragma omp simd
        for (int l = 0; l < L; l++) {
            const real *at = x + g * L + l;
            const real low = at[0] > at[L] ? at[0] : at[L], high = at[2 * L] > at[3 * L] ? at[2 * L] : at[3 * L];
            const real larger = low > high ? low : high;
            lane[l] = larger > lane[l] ? larger : lane[l];
        }
    }
    for (; g < groups; g++) {
#pragma omp simd
        for (int l = 0; l < L; l++) lane[l] = x[g * L + l] > lane[l] ? x[g * L + l] : lane[l];
    }
    real largest;
    TREE_OF_TERMS(real, lane, LARGER_OF_TERMS, largest);
    return (double)largest;
}

/* The maxima of what they were and of a piece of the one sample. */
INLINE void terms_max_along(int kind, const terms_piece *piece, double *max, double *target_max)
{
    const double here = terms_max_of_row(piece->z, piece->groups, piece->has_tail ? piece->z_tail : NULL);
    *max = here > *max ? here : *max;
    if (kind != TERMS_DISTILLATION) return;
    const double target = terms_max_of_row(piece->v, piece->groups, piece->has_tail ? piece->v_tail : NULL);
    *target_max = target > *target_max ? target : *target_max;
}

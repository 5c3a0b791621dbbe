/* softmax_terms.h: results of the softmax family that are sums of terms over the classes. With m = max z,
 * e_j = exp(z_j - m), S = sum of e_j and S' = S without one term of the maximum, so that log S = log1p(S'):
 *
 *   cross-entropy with class probabilities or smoothing (that of labels without class weights only where lanes are
 *   samples), v_j the target x class weight, W = sum of v_j:
 *       loss = sum of v_j (m - z_j) + W log1p(S'),   gradient_j = W p_j - v_j,   where p_j > 1/2 (W - v_j) - W S' / S;
 *   Hessian, also that of labels without smoothing: W p_j (1 - p_j),
 *       where 1 - p_j = (S - e_j) / S, at the maximum S' / S;
 *   entropy, with M = (sum of e_j (m - z_j)) / S: H = log1p(S') + M, gradient_j = p_j ((m - z_j) - M);
 *   distillation, q = softmax(u / T), r = softmax(z / T), a = (u - max u) / T, b = (z - m) / T:
 *       D = sum of q_j (a_j - b_j) + log1p(S'_z) - log1p(S'_u),   gradient_j = (r_j - q_j) / T.
 *
 * Terms whose v_j, e_j or q_j is exactly 0 are left out. The maximum's term is counted, not summed, so S' holds all
 * digits.
 *
 * Layout: groups of LANES_OF_TERMS lanes, which are classes for long rows, else samples (samples_are_lanes), or of few
 * samples pieces (terms_cut.h).
 * Passes: one to sum, in blocks of TERM_TILE classes or chunks of TERM_TILE / LANES_OF_TERMS, the maximum of each
 * before its terms while it is in L1, what was summed rescaled where the maximum grows. Gradient and Hessian are made
 * of the exponentials of the sums: those stay in the tile, if all classes have room there and one maximum; of longer
 * rows where the gradient will be, or in scratch (terms_store), relative to the maximum so far; else, and in lanes, one
 * more pass makes them anew. All ways give the same bits.
 *
 * Accumulators: 16 terms in a lane of `real`, then in double, W in double throughout; lanes by a fixed tree. Error: 8
 * eps of the sum of |terms|, plus what rounding z_j - m makes of each exponential; what is done once a sample is done
 * in double.
 *
 * Special values: NaN meets the sum; where the maximum is +inf, or -inf, S' is made NaN.
 */
#define softmax_terms KERNEL(softmax_terms)
#define terms_part KERNEL(terms_part)
#define terms_value KERNEL(terms_value)
#define terms_write KERNEL(terms_write)
#define terms_max KERNEL(terms_max)
#define terms_given KERNEL(terms_given)
#define terms_widely KERNEL(terms_widely)
#define terms_moment KERNEL(terms_moment)
#define terms_sum KERNEL(terms_sum)
#define terms_sum_kind KERNEL(terms_sum_kind)
#define terms_at KERNEL(terms_at)
#define terms_block KERNEL(terms_block)
#define terms_along KERNEL(terms_along)
#define terms_row KERNEL(terms_row)
#define terms_lanes KERNEL(terms_lanes)
#define terms_write_lanes KERNEL(terms_write_lanes)
#define terms_of_cut KERNEL(terms_of_cut)
#define terms_cut KERNEL(terms_cut)

/* max[l] = the maximum of it and of a lane. */
static OUT_OF_LINE void terms_max(const real *x, int64_t step, int64_t groups, double *restrict max)
{
    ALIGNED real lane[LANES_OF_TERMS];
    int64_t g = 0;
    for (int l = 0; l < LANES_OF_TERMS; l++) lane[l] = (real)max[l];
    for (; g + 3 < groups; g += 4) { /* by four, because each waits for the one before it */
#pragma omp simd
        for (int l = 0; l < LANES_OF_TERMS; l++) {
            const real *at = x + g * step + l;
            const real low = at[0] > at[step] ? at[0] : at[step];
            const real high = at[2 * step] > at[3 * step] ? at[2 * step] : at[3 * step];
            const real larger = low > high ? low : high;
            lane[l] = larger > lane[l] ? larger : lane[l];
        }
    }
    for (; g < groups; g++) {
#pragma omp simd
        for (int l = 0; l < LANES_OF_TERMS; l++) {
            const real value = x[g * step + l];
            lane[l] = value > lane[l] ? value : lane[l];
        }
    }
    for (int l = 0; l < LANES_OF_TERMS; l++) max[l] = (double)lane[l];
}

/* The logit, or target logit, of a lane of group g, from its array: exponentials may have taken its place in the tile.
 */
static double terms_given(const closs_softmax_args *args, const terms_place *place, const terms_piece *piece, int64_t g,
                          int64_t lane, int target)
{
    const closs_const_array *array = target ? &args->targets : &args->logits;
    const int64_t sample = place->along ? 0 : lane, j = piece->first + (place->along ? g * LANES_OF_TERMS + lane : g);
    if (j >= piece->end) return -INFINITY; /* the last group, filled up */
    return (double)load_real(array->data, target ? args->target_dtype : args->dtype,
                             (target ? place->targets : place->logits)[sample] +
                                 j * class_stride_of(args, array->strides));
}

/* The terms of groups [first, end) of one lane, in double, of half the gaps: where a `real` overflows they need not. */
static double terms_widely(const closs_softmax_args *args, const terms_place *place, const terms_piece *piece,
                           int64_t first, int64_t end, int64_t lane, double max)
{
    double sum = 0;
    for (int64_t g = first; g < end; g++) {
        const double z = terms_given(args, place, piece, g, lane, 0),
                     v = (double)(g < piece->groups ? piece->v[g * piece->v_step + lane] : piece->v_tail[lane]);
        const double t = z / 2 - base_of(max) / 2;
        if (v != 0 && t != 0) sum += v * -t;
    }
    return 2 * sum;
}

/* Their moment, times MOMENT_UNIT. */
static double terms_moment(const closs_softmax_args *args, const terms_place *place, const terms_piece *piece,
                           int64_t first, int64_t end, int64_t lane, double max, double target_max)
{
    const double base = base_of(max) * MOMENT_UNIT, target_base = base_of(target_max), temperature = args->temperature;
    double sum = 0;
    for (int64_t g = first; g < end; g++) {
        const double z = terms_given(args, place, piece, g, lane, 0), v = terms_given(args, place, piece, g, lane, 1);
        const double q = (double)exp_scaled((real)((v - target_base) / temperature));
        const double gap = (v * MOMENT_UNIT - target_base * MOMENT_UNIT) - (z * MOMENT_UNIT - base);
        if (v != -INFINITY && (q != 0 || z == -INFINITY)) sum += z == -INFINITY ? INFINITY : q * (gap / temperature);
    }
    return sum;
}

/* Adds the terms of a piece, relative to the maxima of the sums. `exact`: dividing by the temperature is
 * multiplying. */
INLINE void terms_sum(const closs_softmax_args *args, const terms_place *place, const int kind, const int exact,
                      const int keeps, const terms_piece *piece, int64_t column, terms_sums *sums)
{
    enum { L = LANES_OF_TERMS };
    ALIGNED real max[L], base[L], target_max[L], target_base[L];
    const real temperature = terms_temperature(args), inverse = (real)(1 / args->temperature);
    const memory_ahead z_ahead = from_lane(piece->z_ahead, column), v_ahead = from_lane(piece->v_ahead, column);
    real lowest = exp_lowest();
    if (kind == TERMS_ENTROPY) HIDE(lowest); /* gcc makes branches of the constant */
    for (int l = 0; l < L; l++) {
        max[l] = (real)sums->max[l];
        base[l] = (real)base_of(sums->max[l]);
        target_max[l] = (real)sums->target_max[l];
        target_base[l] = (real)base_of(sums->target_max[l]);
    }
    for (int64_t first = 0, end; first < piece->groups + piece->has_tail; first = end) {
        const real *z_here = group_z(piece, first, column), *v_here = group_v(piece, first, column);
        const int at_tail = first >= piece->groups;
        real *e_here = at_tail ? piece->e_tail : piece->e + first * piece->e_step + column;
        real *q_here = at_tail ? piece->q_tail : piece->q + first * piece->e_step + column;
        end = stretch_end(piece, first);
        ALIGNED real sum[L] = {0}, ties[L] = {0}, target_sum[L] = {0}, target_ties[L] = {0};
        ALIGNED real moment[L] = {0};   /* times -1; of targets the terms */
        ALIGNED double weight[L] = {0}; /* targets of both signs may leave little, but 0 makes a sample absent */
        for (int64_t g = first; g < end; g++) {
            const real *z = z_here + (g - first) * piece->z_step, *v = v_here + (g - first) * piece->v_step;
            real *e_to = e_here + (g - first) * piece->e_step, *q_to = q_here + (g - first) * piece->e_step;
            fetch(z_ahead, g, L * sizeof(real));
            if (kind == TERMS_TARGETS || kind == TERMS_DISTILLATION) fetch(v_ahead, g, L * sizeof(real));
#pragma omp simd
            for (int l = 0; l < L; l++) {
                const real gap = z[l] - base[l];
                const real t = kind != TERMS_DISTILLATION ? gap : exact ? gap * inverse : gap / temperature;
                const real near = exp_clamped(t, lowest), e = exp_within(near);
                const real other = z[l] == max[l] ? 0 : e, one = z[l] == max[l] ? 1 : 0;
                sum[l] += other;
                ties[l] += one;
                if (kind == TERMS_ENTROPY) moment[l] += e * near; /* -0 where e is 0, however far t is */
                if (kind == TERMS_TARGETS) {
                    const real target = v[l], term = target * t;
                    moment[l] += target == 0 ? 0 : term;
                    weight[l] += (double)target;
                }
                if (kind == TERMS_DISTILLATION) {
                    const real target_gap = v[l] - target_base[l];
                    const real u = exact ? target_gap * inverse : target_gap / temperature;
                    const real q = exp_above(u, lowest);
                    const real target_other = v[l] == target_max[l] ? 0 : q, target_one = v[l] == target_max[l] ? 1 : 0;
                    const real product = q * (t - u), share = q == 0 ? 0 : product; /* gaps may overflow */
                    const real term = z[l] == -INFINITY ? -(real)INFINITY : share;
                    target_sum[l] += target_other;
                    target_ties[l] += target_one;
                    moment[l] += v[l] == -INFINITY ? 0 : term;
                    if (keeps) q_to[l] = q; /* maybe where v was */
                }
                if (keeps) e_to[l] = e;
            }
        }
        for (int l = 0; l < L; l++) {
            sums->sum[l] += (double)sum[l];
            sums->ties[l] += (double)ties[l];
        }
        for (int l = 0; l < L && kind == TERMS_DISTILLATION; l++) {
            sums->target_sum[l] += (double)target_sum[l];
            sums->target_ties[l] += (double)target_ties[l];
        }
        if (kind == TERMS_NONE) continue;
        double *all = kind == TERMS_TARGETS ? sums->terms : sums->moment;
        const real most = (real)(kind == TERMS_DISTILLATION && CLOSS_REAL == 64 ? MOMENT_LARGE : REAL_MAX);
        order_t lost = 0;
        if (kind != TERMS_ENTROPY) {
#pragma omp simd reduction(| : lost)
            for (int l = 0; l < L; l++) lost |= (order_t) !(ABSOLUTE(moment[l]) <= most);
        }
        for (int l = 0; l < L && !lost; l++) all[l] -= (double)moment[l];
        for (int l = 0; l < L && lost; l++) {
            if (ABSOLUTE(moment[l]) <= most)
                all[l] -= (double)moment[l];
            else if (kind == TERMS_TARGETS)
                all[l] += terms_widely(args, place, piece, first, end, column + l, sums->max[l]);
            else
                sums->terms[l] +=
                    terms_moment(args, place, piece, first, end, column + l, sums->max[l], sums->target_max[l]);
        }
        for (int l = 0; l < L && kind == TERMS_TARGETS; l++) sums->weight[l] += weight[l];
    }
}

static void terms_sum_kind(const closs_softmax_args *args, const terms_place *place, int kind, const terms_piece *piece,
                           int64_t column, terms_sums *sums)
{
#define SUMS(kind, exact)                                                                                              \
    if (piece->keeps)                                                                                                  \
        terms_sum(args, place, kind, exact, 1, piece, column, sums);                                                   \
    else                                                                                                               \
        terms_sum(args, place, kind, exact, 0, piece, column, sums);                                                   \
    break
    enum { INEXACT = 8 };
    switch (kind | (kind == TERMS_DISTILLATION && !divides_exactly(args->temperature) ? INEXACT : 0)) {
    case TERMS_NONE: SUMS(TERMS_NONE, 1);
    case TERMS_TARGETS: SUMS(TERMS_TARGETS, 1);
    case TERMS_ENTROPY: SUMS(TERMS_ENTROPY, 1);
    case TERMS_DISTILLATION: SUMS(TERMS_DISTILLATION, 1);
    default: SUMS(TERMS_DISTILLATION, 0);
    }
#undef SUMS
}

/* Makes the sums relative to new maxima, `fresh` if they are sums of nothing. */
INLINE void terms_at(const closs_softmax_args *args, const double *max, const double *target_max, int fresh,
                     terms_sums *sums)
{
    const size_t size = sizeof sums->max;
    if (fresh) {
        memcpy(sums->max, max, size);
        memcpy(sums->target_max, target_max, size);
    } else if (memcmp(max, sums->max, size) != 0 || memcmp(target_max, sums->target_max, size) != 0)
        terms_grow(args, EXP_SCALE, max, target_max, sums);
}

/* Takes in the pieces of a block of classes, `fresh` if there was none before, for the 16 lanes from `column`. */
static void terms_block(const closs_softmax_args *args, const terms_place *place, int kind, const terms_tile *tile,
                        int64_t column, int fresh, terms_sums *sums)
{
    enum { L = LANES_OF_TERMS };
    ALIGNED double max[L], target_max[L];
    memcpy(max, sums->max, sizeof max);
    memcpy(target_max, sums->target_max, sizeof target_max);
    const terms_piece *piece = &tile->piece;
    terms_max(piece->z + column, piece->z_step, piece->groups, max);
    if (kind == TERMS_DISTILLATION) terms_max(piece->v + column, piece->v_step, piece->groups, target_max);
    terms_at(args, max, target_max, fresh, sums);
    terms_sum_kind(args, place, kind, piece, column, sums);
}

/* The state of classes [begin, end) of the one sample. Exponentials of more than a tile has room for go to `store`, and
 * the maxima that those of each tile are relative to to block_max, unless NULL. */
static OUT_OF_LINE void terms_along(const closs_softmax_args *args, const terms_place *place, int64_t begin,
                                    int64_t end, real *store, terms_tile *tile, closs_softmax_state *state,
                                    double *block_max)
{
    const int kind = terms_kind(args);
    terms_sums sums;
    terms_clear(&sums);
    for (int64_t first = begin, t = 0; first < end; first += TERM_TILE, t++) {
        const int64_t n = end - first < TERM_TILE ? end - first : TERM_TILE;
        double max = sums.max[0], target_max = sums.target_max[0];
        terms_pieces(args, place, kind, first, n, tile);
        terms_max_along(kind, &tile->piece, &max, &target_max);
        if (store) tile->piece.e = store + first, tile->piece.e_tail = tile->tail[2], tile->piece.keeps = 1;
        if (max > sums.max[0] || target_max > sums.target_max[0]) {
            ALIGNED double all[LANES_OF_TERMS], target_all[LANES_OF_TERMS];
            for (int l = 0; l < LANES_OF_TERMS; l++) all[l] = max, target_all[l] = target_max;
            terms_at(args, all, target_all, first == begin, &sums);
        }
        if (block_max) block_max[2 * t] = max, block_max[2 * t + 1] = target_max;
        terms_sum_kind(args, place, kind, &tile->piece, 0, &sums);
    }
    terms_fold_all(kind, &sums);
    terms_state(args, &sums, EXP_SCALE, state);
}

/* Samples in lanes: their totals, 16 to each. */
static OUT_OF_LINE void terms_lanes(const closs_softmax_args *args, const terms_place *place, int64_t chunk,
                                    terms_tile *tile, terms_totals *totals)
{
    enum { L = LANES_OF_TERMS };
    const int kind = terms_kind(args);
    const int64_t classes = args->classes;
    terms_sums sums[TERM_WIDE / L];
    for (int64_t c = 0; c < place->width; c += L) terms_clear(&sums[c / L]);
    for (int64_t first = 0; first < classes; first += chunk) {
        const int64_t n = classes - first < chunk ? classes - first : chunk;
        terms_pieces(args, place, kind, first, n, tile);
        for (int64_t c = 0; c < place->width; c += L) terms_block(args, place, kind, tile, c, first == 0, &sums[c / L]);
    }
    for (int64_t c = 0; c < place->width; c += L)
        terms_total(args, &sums[c / L], place->weight + c, EXP_SCALE, &totals[c / L]);
}

/* And their outputs, of 256 bytes of each class at a time: for room on the stack. */
static OUT_OF_LINE void terms_write_lanes(const closs_softmax_args *args, const terms_place *place, int64_t chunk,
                                          terms_tile *tile, const terms_totals *totals)
{
    enum { L = LANES_OF_TERMS, STRIP = 256 / sizeof(real) };
    const int kind = terms_kind(args), kept = tile->piece.keeps;
    const int64_t classes = args->classes, width = place->width;
    const int64_t room = TERM_TILE / width, at_once = chunk < room ? chunk : room;
    for (int64_t lane = 0; lane < width; lane += STRIP) {
        const int64_t lanes = width - lane < STRIP ? width - lane : STRIP;
        terms_factors factors[STRIP / L];
        for (int64_t c = 0; c < lanes; c += L) terms_factors_of(args, &totals[(lane + c) / L], &factors[c / L]);
        for (int64_t first = 0; first < classes; first += at_once) {
            const int64_t n = classes - first < at_once ? classes - first : at_once;
            if (!kept) terms_pieces(args, place, kind, first, n, tile);
            terms_write_pieces(args, place, factors, kept, first, n, lane, lanes, tile);
        }
    }
}

/* The totals of few samples that are cut into lanes. A lane's maximum is that of all chunks up to its own. */
static OUT_OF_LINE void terms_of_cut(const closs_softmax_args *args, const terms_place *place, const cut_samples *cut,
                                     terms_tile *tile, terms_totals *total)
{
    enum { L = LANES_OF_TERMS, GROUPS = CUT_LANES / L, CHUNK_LANES = CHUNK_OF(TERM_TILE) / TERMS_WIDENED };
    const int kind = terms_kind(args);
    terms_piece *piece = &tile->piece;
    terms_sums sums, part[GROUPS];
    terms_pieces(&cut->args, cut->place, kind, 0, TERMS_WIDENED, tile);
    piece->keeps = piece->keeps && cut->lanes <= CHUNK_LANES; /* relative to the sample's maximum */
    for (int64_t c = 0; c < cut->place->width; c += L) {
        terms_clear(&part[c / L]);
        terms_max(piece->z + c, piece->z_step, TERMS_WIDENED, part[c / L].max);
        if (kind == TERMS_DISTILLATION) terms_max(piece->v + c, piece->v_step, TERMS_WIDENED, part[c / L].target_max);
    }
    for (int64_t s = 0; s < place->count; s++) {
        double max = -INFINITY, target_max = -INFINITY;
        for (int64_t first = 0; first < cut->lanes; first += CHUNK_LANES) {
            const int64_t from = s * cut->lanes + first, left = cut->lanes - first;
            const int64_t end = from + (left < CHUNK_LANES ? left : CHUNK_LANES);
            for (int64_t l = from; l < end; l++) {
                const terms_sums *one = &part[l / L];
                max = one->max[l % L] > max ? one->max[l % L] : max;
                target_max = one->target_max[l % L] > target_max ? one->target_max[l % L] : target_max;
            }
            for (int64_t l = from; l < end; l++) {
                part[l / L].max[l % L] = max;
                part[l / L].target_max[l % L] = target_max;
            }
        }
    }
    for (int64_t c = 0; c < cut->place->width; c += L)
        terms_sum_kind(&cut->args, cut->place, kind, piece, c, &part[c / L]);
    terms_clear(&sums);
    for (int64_t k = 0; k < cut->lanes; k++) {
        ALIGNED double max[L], target_max[L];
        memcpy(max, sums.max, sizeof max);
        memcpy(target_max, sums.target_max, sizeof target_max);
        for (int64_t s = 0, l = k; s < place->count; s++, l += cut->lanes) {
            max[s] = part[l / L].max[l % L];
            target_max[s] = part[l / L].target_max[l % L];
        }
        terms_at(args, max, target_max, k == 0, &sums);
        for (int64_t s = 0, l = k; s < place->count; s++, l += cut->lanes) terms_add(&part[l / L], l % L, s, &sums);
    }
    terms_total(args, &sums, place->weight, EXP_SCALE, total);
}

/* Totals and outputs of few samples, cut into lanes; as many totals are used as lanes have. */
static OUT_OF_LINE void terms_cut(const closs_softmax_args *args, sample_cursor *cursor, terms_place *place,
                                  terms_tile *tile, terms_totals *totals)
{
    enum { L = LANES_OF_TERMS };
    const int kind = terms_kind(args);
    cut_samples cut;
    terms_totals *lanes = totals + 1;
    cut_begin(args, kind, cursor, place, tile, &cut);
    terms_of_cut(args, place, &cut, tile, totals);
    if (!args->grad.data && !args->hess.data) return;
    memset(lanes, 0, (size_t)(cut.place->width / L) * sizeof *lanes);
    for (int64_t l = 0; l < place->count * cut.lanes; l++) terms_put(totals, l / cut.lanes, l % L, &lanes[l / L]);
    terms_write_lanes(&cut.args, cut.place, TERMS_WIDENED, tile, lanes);
    cut_store(args, &cut, place, args->grad.data && kind != TERMS_NONE);
}

/* The one sample, from its sums to its outputs, with room for totals. */
static OUT_OF_LINE void terms_row(const closs_softmax_args *args, const terms_place *place, terms_tile *tile,
                                  closs_softmax_state *state, terms_totals *total)
{
    enum { MOST_PARTS = 8, TILES = CLOSS_PART / TERM_TILE + 1 }; /* parts whose maxima are kept; with the last tile */
    _Static_assert(2 * TILES <= CLOSS_PART_BLOCKS, "a part has room for them, too");
    const int64_t classes = args->classes;
    double maxima[MOST_PARTS][2 * TILES];
    closs_softmax_state next;
    for (int64_t first = 0, p = 0; first < classes; first += CLOSS_PART, p++) {
        const int64_t end = classes - first > CLOSS_PART ? first + CLOSS_PART : classes;
        terms_along(args, place, first, end, terms_store(args, place, end), tile, p == 0 ? state : &next,
                    p < MOST_PARTS ? maxima[p] : NULL);
        if (p > 0) softmax_merge(state, &next);
    }
    if (!args->grad.data && !args->hess.data) return;
    terms_total_of_row(args, state, place->weight[0], total);
    for (int64_t first = 0, p = 0; first < classes; first += CLOSS_PART, p++) {
        const int64_t end = classes - first > CLOSS_PART ? first + CLOSS_PART : classes;
        terms_write_along(args, place, total, first, end, p < MOST_PARTS ? maxima[p] : NULL,
                          terms_store(args, place, end), tile);
    }
}

static void softmax_terms(const closs_softmax_args *args, int64_t begin, int64_t end, double *sum)
{
    enum { L = LANES_OF_TERMS };
    const int along = !samples_are_lanes(args, FEW_TERMS), kind = terms_kind(args);
    terms_place place;
    terms_tile tile;
    terms_totals totals[TERM_WIDE / L];
    value_sum values = {{0}, 0};
    sample_cursor cursor = cursor_at(args, begin, end);
    while (cursor.left > 0) {
        int64_t at[L], count, chunk; /* of rows: where their values go */
        if (along) {                 /* 16 rows, one after the other, are finished at a time */
            const terms_totals nothing = {.max = {0}};
            terms_totals *all = &totals[0], *one = &totals[1];
            *all = nothing;
            count = cursor.left < L ? cursor.left : L;
            for (int64_t i = 0; i < count; i++) {
                closs_softmax_state state;
                terms_take(args, &cursor, 1, 1, &place);
                terms_row(args, &place, &tile, &state, one);
                terms_lane_of_row(&state, place.weight[0], i, all);
                at[i] = place.values[0];
            }
            terms_finish(args, EXP_SCALE, all);
        } else {
            if (are_worth_cutting(args, cursor.left)) {
                terms_cut(args, &cursor, &place, &tile, totals);
            } else {
                terms_take(args, &cursor, terms_count(args, &cursor, kind, REAL_DTYPE, TERM_TILE, &chunk), 0, &place);
                terms_lanes(args, &place, chunk, &tile, totals);
                if (args->grad.data || args->hess.data) terms_write_lanes(args, &place, chunk, &tile, totals);
            }
            count = place.count;
        }
        for (int64_t c = 0; c < count && kind != TERMS_NONE; c += L) {
            const int64_t n = count - c < L ? count - c : L;
            ALIGNED double value[L];
            terms_values(args, &totals[c / L], value);
            if (args->values.data) store_values(args, along ? at : place.values + c, n, value);
            value_sum_add(&values, value, n);
        }
    }
    *sum += value_sum_total(&values);
}

static void terms_part(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                       closs_softmax_part *part)
{
    terms_place place;
    terms_tile tile;
    terms_one(args, sample, &place);
    real *store = terms_store(args, &place, end);
    part->stored = store != NULL;
    terms_along(args, &place, begin, end, store, &tile, &part->state, part->block_max);
}

static double terms_value(const closs_softmax_args *args, int64_t sample, const closs_softmax_state *row)
{
    terms_place place;
    terms_totals total;
    ALIGNED double value[LANES_OF_TERMS];
    terms_one(args, sample, &place);
    terms_total_of_row(args, row, place.weight[0], &total);
    terms_values(args, &total, value);
    if (args->values.data) store_value(args, place.values[0], value[0]);
    return value[0];
}

static void terms_write(const closs_softmax_args *args, int64_t sample, int64_t begin, int64_t end,
                        const closs_softmax_part *part, const closs_softmax_state *row)
{
    terms_place place;
    terms_tile tile;
    terms_totals total;
    terms_one(args, sample, &place);
    terms_total_of_row(args, row, place.weight[0], &total);
    tile.piece.keeps = 0;
    real *store = part && part->stored ? terms_store(args, &place, end) : NULL;
    const int known = part && terms_kind(args) != TERMS_NONE; /* else the part is another kernel's, too */
    terms_write_along(args, &place, &total, begin, end, known ? part->block_max : NULL, store, &tile);
}

#undef softmax_terms
#undef terms_part
#undef terms_scratch
#undef terms_value
#undef terms_write

/* terms_outputs.h: gradient and Hessian of the sums of softmax_terms.h, whose formulas and names these are. One pass
 * over the logits; exponentials are computed anew.
 */
#define terms_outputs KERNEL(terms_outputs)
#define terms_outputs_kind KERNEL(terms_outputs_kind)
#define terms_write_pieces KERNEL(terms_write_pieces)
#define terms_write_along KERNEL(terms_write_along)
#define divides_exactly KERNEL(divides_exactly)
#define has_extreme KERNEL(has_extreme)

/* Whether dividing by x is multiplying by 1 / x: a power of two. */
INLINE int divides_exactly(double x)
{
    return (double_to_bits(x) & (((uint64_t)1 << 52) - 1)) == 0 && x >= 0x1p-60 && x <= 0x1p60;
}

/* Whether a factor of the gradient would overflow or lose digits as a `real`. */
INLINE int has_extreme(double W, double scale, double at_e, double at_q)
{
    return is_extreme(W) | is_extreme(scale) | is_extreme(W * scale) | is_extreme(at_e) | is_extreme(at_q);
}

/* Gradient (to g unless NULL) and Hessian (h) of a piece. Entries of lanes that have an extreme factor are
 * computed in double. `curved`: the Hessian is wanted. */
INLINE void terms_outputs(const closs_softmax_args *args, const int kind, const int exact, const int curved,
                          const terms_totals *total, const terms_piece *piece, int64_t column, memory_ahead g_ahead,
                          real *g, int64_t g_step, real *h, int64_t h_step)
{
    enum { L = LANES_OF_TERMS };
    ALIGNED real max[L], base[L], target_max[L], target_base[L], likely[L], rest[L], whole[L], share[L], mean[L];
    ALIGNED real weight[L], weight_low[L], scale[L], at_e[L], at_q[L], exactly[L];
    ALIGNED double wide_e[L], wide_scale[L], wide_q[L];
    int lost[L]; /* whether a factor, or M, loses digits as a `real` */
    const double factor = kind == TERMS_DISTILLATION ? args->temperature : log_of_base(args->base), unit = total->unit;
    const real temperature = terms_temperature(args), inverse = (real)(1 / args->temperature);
    const real lowest = exp_lowest();
    int extreme = 0;
#pragma omp simd reduction(| : extreme)
    for (int l = 0; l < L; l++) {
        const double W = total->weight[l], s = total->sample[l] * args->scale / factor;
        const int counts = W != 0;
        max[l] = (real)total->max[l];
        base[l] = (real)base_of(total->max[l]);
        target_max[l] = (real)total->target_max[l];
        target_base[l] = (real)base_of(total->target_max[l]);
        /* Where p > 1/2 what is near 1 is left to cancel exactly. */
        likely[l] = total->rest[l] < unit && fabs(W) < INFINITY ? max[l] : (real)NAN;
        if (kind == TERMS_DISTILLATION && !(total->target_rest[l] < unit)) likely[l] = (real)NAN;
        rest[l] = (real)total->rest[l];
        whole[l] = (real)(total->rest[l] + unit);
        share[l] = (real)total->share[l];
        mean[l] = (real)total->mean[l];
        weight[l] = (real)W;
        weight_low[l] = (real)(W - (double)weight[l]);
        wide_e[l] = fabs(s) > 1 ? W * s * total->share[l] : W * total->share[l] * s; /* nothing smaller on the way */
        wide_scale[l] = s;
        wide_q[l] = kind == TERMS_DISTILLATION ? total->target_share[l] * s : 1;
        scale[l] = (real)s;
        at_e[l] = (real)wide_e[l];
        at_q[l] = (real)wide_q[l];
        exactly[l] = (real)(total->target_rest[l] * total->target_share[l] - total->rest[l] * total->share[l]);
        if (kind == TERMS_TARGETS) exactly[l] = (real)(W * (total->rest[l] * total->share[l]));
        const double M = kind == TERMS_ENTROPY ? fabs(total->mean[l]) : 0;
        lost[l] = has_extreme(W, s, wide_e[l], wide_q[l]) | ((M > 0) & (M < REAL_TINY));
        extreme |= counts & lost[l];
    }
    for (int64_t i = 0; i < piece->groups; i++) {
        const real *z = piece->z + i * piece->z_step + column, *v = piece->v + i * piece->v_step + column;
        /* shares: 1 - p for a Hessian, (m - z) - M of an entropy, q of a distillation */
        ALIGNED real slope[L], curvature[L], exps[L], shares[L] = {0};
        if (g) fetch(g_ahead, i, L * sizeof(real));
#pragma omp simd
        for (int l = 0; l < L; l++) {
            const real gap = z[l] - base[l];
            const real t = kind != TERMS_DISTILLATION ? gap : exact ? gap * inverse : gap / temperature;
            const real e = exp_above(t, lowest);
            real gradient = 0, hessian = 0;
            if (kind == TERMS_TARGETS) {
                const real plain = e * at_e[l] - v[l] * scale[l];
                const real near = (((weight[l] - v[l]) + weight_low[l]) - exactly[l]) * scale[l];
                gradient = z[l] == likely[l] ? near : plain;
            }
            if (curved) {
                const real others = z[l] == max[l] ? rest[l] : whole[l] - e;
                shares[l] = others * share[l];
                hessian = e * at_e[l] * shares[l];
            }
            if (kind == TERMS_ENTROPY) {
                shares[l] = (0 - t) - mean[l];              /* of a certain class 0, not -0 */
                const real entry = e * shares[l] * at_e[l]; /* what makes it small last: rounded once */
                gradient = e == 0 ? at_e[l] * 0 : entry;    /* NaN all the same where S is */
            }
            if (kind == TERMS_DISTILLATION) {
                const real target_gap = v[l] - target_base[l];
                const real q = exp_above(exact ? target_gap * inverse : target_gap / temperature, lowest);
                shares[l] = q;
                const real plain = e * at_e[l] - q * at_q[l], near = exactly[l] * scale[l];
                gradient = ((z[l] == likely[l]) & (v[l] == target_max[l])) ? near : plain;
            }
            exps[l] = e;
            /* A sample of weight 0 is absent, whatever its logits made of it. */
            slope[l] = weight[l] == 0 ? 0 : gradient;
            curvature[l] = weight[l] == 0 ? 0 : hessian;
        }
        for (int l = 0; extreme && l < L; l++) {
            const double W = total->weight[l], e = (double)exps[l];
            if (W == 0 || !lost[l]) continue;
            /* What may underflow is multiplied last. */
            const double p = fabs(W) < 1 ? e * total->share[l] * W : e * (W * total->share[l]);
            const double others = kind == TERMS_ENTROPY ? (double)(base[l] - z[l]) - total->mean[l] : (double)shares[l];
            double gradient = 0;
            if (kind == TERMS_TARGETS)
                gradient =
                    z[l] == likely[l] ? (W - (double)v[l]) - W * (total->rest[l] * total->share[l]) : p - (double)v[l];
            if (kind == TERMS_ENTROPY) gradient = e == 0 ? total->share[l] * 0 : e * others * total->share[l];
            if (kind == TERMS_DISTILLATION)
                gradient = ((z[l] == likely[l]) & (v[l] == target_max[l])) ? (double)exactly[l]
                                                                           : p - others * total->target_share[l];
            /* Nothing stays nothing, also times a scale beyond the type, but not times the scale of no weights, which
             * is NaN. */
            const double curve = p * others, scaled = wide_scale[l] != wide_scale[l] ? wide_scale[l] : 0;
            slope[l] = (real)(gradient == 0 ? scaled : gradient * wide_scale[l]);
            curvature[l] = (real)(curve == 0 ? scaled : curve * wide_scale[l]);
        }
        if (g) memcpy(g + i * g_step + column, slope, sizeof slope);
        if (curved) memcpy(h + i * h_step + column, curvature, sizeof curvature);
    }
}

static void terms_outputs_kind(const closs_softmax_args *args, int kind, const terms_totals *total,
                               const terms_piece *piece, int64_t column, const memory_ahead *g_ahead, real *g,
                               int64_t g_step, real *h, int64_t h_step)
{
#define OUTPUTS(kind, exact, curved)                                                                                   \
    terms_outputs(args, kind, exact, curved, total, piece, column, *g_ahead, g, g_step, h, h_step)
    if (kind == TERMS_NONE)
        OUTPUTS(TERMS_NONE, 1, 1);
    else if (kind == TERMS_TARGETS && h)
        OUTPUTS(TERMS_TARGETS, 1, 1);
    else if (kind == TERMS_TARGETS)
        OUTPUTS(TERMS_TARGETS, 1, 0);
    else if (kind == TERMS_ENTROPY)
        OUTPUTS(TERMS_ENTROPY, 1, 0);
    else if (divides_exactly(args->temperature))
        OUTPUTS(TERMS_DISTILLATION, 1, 0);
    else
        OUTPUTS(TERMS_DISTILLATION, 0, 0);
#undef OUTPUTS
}

/* Gradient and Hessian of n classes from `first`, from pieces of them. */
static void terms_write_pieces(const closs_softmax_args *args, const terms_place *place, const terms_totals *totals,
                               const terms_piece *pieces, int count, int64_t first, int64_t n, terms_tile *tile)
{
    const int kind = terms_kind(args);
    const int64_t grad_stride = class_stride_of(args, args->grad.strides);
    const int64_t hess_stride = class_stride_of(args, args->hess.strides);
    /* The gradient of labels without smoothing is that of the fast kernels. */
    const int grad = args->grad.data && kind != TERMS_NONE, hess = args->hess.data != NULL;
    real *g =
        grad ? terms_direct(place, args->grad.data, grad_dtype(args), place->grad, grad_stride, first, place->count)
             : NULL;
    real *h =
        hess ? terms_direct(place, args->hess.data, hess_dtype(args), place->hess, hess_stride, first, place->count)
             : NULL;
    real *g_to = !grad ? NULL : g ? g : tile->z, *h_to = !hess ? NULL : h ? h : tile->v;
    const int64_t g_step = place->along ? LANES_OF_TERMS : g ? grad_stride : place->width;
    const int64_t h_step = place->along ? LANES_OF_TERMS : h ? hess_stride : place->width;
    const memory_ahead g_ahead = grad_ahead(args, place, g, g_step, first);
    for (int k = 0; k < count; k++) {
        ALIGNED real last_g[LANES_OF_TERMS], last_h[LANES_OF_TERMS];
        const int64_t whole = n / LANES_OF_TERMS * LANES_OF_TERMS;
        const int is_tail = place->along && n != whole && k == count - 1;
        if (is_tail) {
            terms_outputs_kind(args, kind, totals, &pieces[k], 0, &g_ahead, g_to ? last_g : NULL, 0,
                               h_to ? last_h : NULL, 0);
            for (int64_t l = 0; l < n - whole; l++) {
                if (g_to) g_to[whole + l] = last_g[l];
                if (h_to) h_to[whole + l] = last_h[l];
            }
            continue;
        }
        for (int64_t c = 0; c < (place->along ? 1 : place->width); c += LANES_OF_TERMS) {
            const memory_ahead lane_ahead = from_lane(g_ahead, c);
            terms_outputs_kind(args, kind, &totals[c / LANES_OF_TERMS], &pieces[k], c, &lane_ahead, g_to, g_step, h_to,
                               h_step);
        }
    }
    if (place->along) {
        if (grad && !g)
            store_reals(tile->z, n, args->grad.data, grad_dtype(args), place->grad[0] + first * grad_stride,
                        grad_stride);
        if (hess && !h)
            store_reals(tile->v, n, args->hess.data, hess_dtype(args), place->hess[0] + first * hess_stride,
                        hess_stride);
    } else {
        if (grad && !g)
            tile_store(tile->z, place->width, place->count, first, n, args->grad.data, grad_dtype(args), place->grad,
                       grad_stride);
        if (hess && !h)
            tile_store(tile->v, place->width, place->count, first, n, args->hess.data, hess_dtype(args), place->hess,
                       hess_stride);
    }
}

static void terms_write_along(const closs_softmax_args *args, const terms_place *place, const terms_totals *total,
                              int64_t begin, int64_t end, terms_tile *tile)
{
    const int kind = terms_kind(args);
    ALIGNED real tail[2][LANES_OF_TERMS];
    terms_piece pieces[2];
    for (int64_t first = begin; first < end; first += TERM_TILE) {
        const int64_t n = end - first < TERM_TILE ? end - first : TERM_TILE;
        const int count = terms_pieces(args, place, kind, first, n, tile, tail, pieces);
        terms_write_pieces(args, place, total, pieces, count, first, n, tile);
    }
}

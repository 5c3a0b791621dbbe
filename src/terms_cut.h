/* terms_cut.h: few samples of few classes. As lanes they would leave most of a vector empty; so each is cut into lanes
 * of TERMS_WIDENED classes, which are as many as are summed in `real`: all results have the same bits as among many
 * samples. To the kernels of softmax_terms.h and measures.h each lane is a sample. Included for both `real`.
 */
#define cut_samples KERNEL(cut_samples)
#define cut_begin KERNEL(cut_begin)
#define cut_store KERNEL(cut_store)
#define are_worth_cutting KERNEL(are_worth_cutting)

#ifndef CLOSS_CUT
#define CLOSS_CUT
enum { MOST_CUT = LANES_OF_TERMS / 4, MOST_CUT_JS = 6 }; /* samples; of JS, which computes most, 5 x 239 x1.3 */
static const int64_t cut_strides[2] = {TERMS_WIDENED, 1};
#endif

/* Whether `count` samples are so few that they are faster cut, which where classes lie apart they are not. */
INLINE int are_worth_cutting(const closs_softmax_args *args, int64_t count)
{
    const int64_t most = args->result == CLOSS_JS_DIVERGENCE ? MOST_CUT_JS : MOST_CUT;
    return count <= most && args->classes > 2 * TERMS_WIDENED && classes_fastest(args);
}

/* The classes of the samples, and targets beside them, lane after lane, later gradient and Hessian; what the kernels
 * are told of the lanes, and where these lie. */
typedef struct {
    real *z, *v;        /* in that part of a tile that lanes leave free, */
    terms_place *place; /* and so is this */
    closs_softmax_args args;
    int64_t lanes, shape; /* lanes of each sample, and of all */
} cut_samples;

/* Takes as many of the samples as have room, to `place`, and cuts them. */
static OUT_OF_LINE void cut_begin(const closs_softmax_args *args, int kind, sample_cursor *cursor, terms_place *place,
                                  terms_tile *tile, cut_samples *cut)
{
    enum { L = LANES_OF_TERMS };
    _Static_assert(FEW_MEASURES <= CUT_LANES * TERMS_WIDENED && FEW_TERMS <= FEW_MEASURES, "a sample has room");
    terms_place *one = cut->place = &tile->cut.place; /* a sample, before lanes are there */
    const int64_t lanes = (args->classes + TERMS_WIDENED - 1) / TERMS_WIDENED, room = CUT_LANES / lanes;
    const int64_t count = cursor->left < room ? cursor->left : room, width = (count * lanes + L - 1) / L * L;
    int64_t at = 0;
    _Static_assert(sizeof tile->cut <= sizeof tile->z, "a tile has room for lanes, for samples, and for their places");
    cut->z = tile->z + CUT_LANES * TERMS_WIDENED, cut->v = tile->v + CUT_LANES * TERMS_WIDENED;
    terms_take(args, cursor, count, 0, place);
    one->count = one->width = one->along = 1;
    for (int64_t s = 0; s < count; s++) {
        one->logits[0] = place->logits[s], one->label[0] = place->label[s];
        one->targets[0] = args->targets.data ? place->targets[s] : 0;
        terms_pieces(args, one, kind, 0, args->classes, tile);
        const terms_piece *piece = &tile->piece;
        const size_t group = L * sizeof(real), whole = (size_t)piece->groups * group;
        memcpy(cut->z + at, piece->z, whole);
        memcpy(cut->v + at, piece->v, whole);
        at += piece->groups * L;
        if (!piece->has_tail) continue;
        memcpy(cut->z + at, piece->z_tail, group);
        memcpy(cut->v + at, piece->v_tail, group);
        at += L;
    }
    for (; at < width * TERMS_WIDENED; at++) cut->z[at] = cut->v[at] = 0;
    cut->lanes = lanes;
    cut->place->count = cut->place->width = cut->shape = width;
    cut->place->along = 0;
    for (int64_t l = 0; l < width; l++) {
        const int64_t sample = l / lanes;
        cut->place->logits[l] = cut->place->targets[l] = cut->place->grad[l] = cut->place->hess[l] = l * TERMS_WIDENED;
        cut->place->label[l] = -1;
        cut->place->weight[l] = sample < count ? place->weight[sample] : 0;
    }
    cut->args = *args;
    cut->args.dtype = cut->args.target_dtype = REAL_DTYPE;
    cut->args.wide_grad = cut->args.wide_hess = 0;
    cut->args.classes = TERMS_WIDENED;
    cut->args.ndim = 1;
    cut->args.shape = &cut->shape;
    cut->args.logits = (closs_const_array){cut->z, cut_strides};
    cut->args.targets = (closs_const_array){kind == TERMS_TARGETS || args->targets.data ? cut->v : NULL, cut_strides};
    cut->args.grad = (closs_array){args->grad.data ? cut->z : NULL, cut_strides};
    cut->args.hess = (closs_array){args->hess.data ? cut->v : NULL, cut_strides};
    cut->args.label_smoothing = 0;
    cut->args.class_weight.data = NULL;
}

/* The derivatives of the samples, from those of the lanes. */
static OUT_OF_LINE void cut_store(const closs_softmax_args *args, const cut_samples *cut, const terms_place *place,
                                  int grad)
{
    for (int64_t s = 0; s < place->count; s++) {
        const int64_t row = s * cut->lanes * TERMS_WIDENED;
        if (grad)
            store_reals(cut->z + row, args->classes, args->grad.data, grad_dtype(args), place->grad[s],
                        class_stride_of(args, args->grad.strides));
        if (args->hess.data)
            store_reals(cut->v + row, args->classes, args->hess.data, hess_dtype(args), place->hess[s],
                        class_stride_of(args, args->hess.strides));
    }
}

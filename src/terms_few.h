/* terms_few.h: few samples of few classes. As lanes they would leave most of a vector empty; so each is cut into lanes
 * of TERMS_WIDENED classes, which are as many as are summed in `real`: all results have the same bits as among many
 * samples. To the kernels of softmax_terms.h and measures.h each lane is a sample. Included for both `real`.
 */
#define few_terms KERNEL(few_terms)
#define few_begin KERNEL(few_begin)
#define few_store KERNEL(few_store)
#define are_few_terms KERNEL(are_few_terms)

#ifndef CLOSS_FEW_TERMS
#define CLOSS_FEW_TERMS
enum { MOST_FEW = LANES_OF_TERMS / 4, FEW_TERM_LANES = 32 };
static const int64_t few_strides[2] = {TERMS_WIDENED, 1};
#endif

/* Whether `count` samples are so few that they are faster cut, which where classes lie apart they are not. */
INLINE int are_few_terms(const closs_softmax_args *args, int64_t count)
{
    return count <= MOST_FEW && args->classes > 2 * TERMS_WIDENED && args->classes <= FEW_TERMS &&
           classes_fastest(args);
}

/* The classes of the samples, and what is behind them, then the derivatives, lane after lane; what the kernels are told
 * of the lanes, and where these lie. */
typedef struct {
    ALIGNED real z[FEW_TERM_LANES * TERMS_WIDENED], v[FEW_TERM_LANES * TERMS_WIDENED];
    closs_softmax_args args;
    terms_place cut;
    int64_t lanes, shape; /* lanes of each sample, and of all */
} few_terms;

/* Takes as many of the samples as have room, to `place`, and cuts them. `tile` is used meanwhile. */
static OUT_OF_LINE void few_begin(const closs_softmax_args *args, int kind, sample_cursor *cursor, terms_place *place,
                                  terms_tile *tile, few_terms *few)
{
    enum { L = LANES_OF_TERMS };
    ALIGNED real tail[2][L];
    terms_piece pieces[2];
    terms_place *one = &few->cut; /* a sample, before lanes are there */
    const int64_t lanes = (args->classes + TERMS_WIDENED - 1) / TERMS_WIDENED, room = FEW_TERM_LANES / lanes;
    const int64_t count = cursor->left < room ? cursor->left : room, width = (count * lanes + L - 1) / L * L;
    int64_t at = 0;
    terms_take(args, cursor, count, 0, place);
    one->count = one->width = one->along = 1;
    for (int64_t s = 0; s < count; s++) {
        one->logits[0] = place->logits[s], one->targets[0] = place->targets[s], one->label[0] = place->label[s];
        const int parts = terms_pieces(args, one, kind, 0, args->classes, tile, tail, pieces);
        for (int k = 0; k < parts; k++) {
            memcpy(few->z + at, pieces[k].z, (size_t)(pieces[k].groups * L) * sizeof(real));
            memcpy(few->v + at, pieces[k].v, (size_t)(pieces[k].groups * L) * sizeof(real));
            at += pieces[k].groups * L;
        }
    }
    for (; at < width * TERMS_WIDENED; at++) few->z[at] = few->v[at] = 0;
    few->lanes = lanes;
    few->cut.count = few->cut.width = few->shape = width;
    few->cut.along = 0;
    for (int64_t l = 0; l < width; l++) {
        const int64_t sample = l / lanes;
        few->cut.logits[l] = few->cut.targets[l] = few->cut.grad[l] = few->cut.hess[l] = l * TERMS_WIDENED;
        few->cut.label[l] = -1;
        few->cut.weight[l] = sample < count ? place->weight[sample] : 0;
    }
    few->args = *args;
    few->args.dtype = few->args.target_dtype = REAL_DTYPE;
    few->args.wide_grad = few->args.wide_hess = 0;
    few->args.classes = TERMS_WIDENED;
    few->args.ndim = 1;
    few->args.shape = &few->shape;
    few->args.logits = (closs_const_array){few->z, few_strides};
    few->args.targets = (closs_const_array){kind == TERMS_TARGETS || args->targets.data ? few->v : NULL, few_strides};
    few->args.grad = (closs_array){args->grad.data ? few->z : NULL, few_strides};
    few->args.hess = (closs_array){args->hess.data ? few->v : NULL, few_strides};
    few->args.label_smoothing = 0;
    few->args.class_weight.data = NULL;
}

/* The derivatives of the samples, from the rows. */
static OUT_OF_LINE void few_store(const closs_softmax_args *args, const few_terms *few, const terms_place *place,
                                  int grad)
{
    for (int64_t s = 0; s < place->count; s++) {
        const int64_t row = s * few->lanes * TERMS_WIDENED;
        if (grad)
            store_reals(few->z + row, args->classes, args->grad.data, grad_dtype(args), place->grad[s],
                        class_stride_of(args->grad.strides, args->ndim));
        if (args->hess.data)
            store_reals(few->v + row, args->classes, args->hess.data, hess_dtype(args), place->hess[s],
                        class_stride_of(args->hess.strides, args->ndim));
    }
}

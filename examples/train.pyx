"""A Cython module that calls closs in a loop without the GIL: softmax regression by gradient descent.

    CFLAGS=$(python -m closs config --cflags) cythonize -3 -i train.pyx

Nothing is linked: the functions come from the imported package.
"""
from closs cimport (
    CLOSS_F64, CLOSS_MEAN, CLOSS_OK, closs_report, closs_softmax, closs_softmax_args, closs_softmax_defaults,
)
from libc.stdint cimport int64_t


def train(const double[:, ::1] x, const int64_t[::1] labels, double[:, ::1] weights, double[:, ::1] work, int steps,
          double rate):
    """
    Improve `weights`, of shape (features, classes), in place; return the mean loss before the last step.

    `work`, of shape (samples, classes), holds the logits, and then their gradient in their place.
    """
    cdef int64_t samples = x.shape[0], features = x.shape[1], classes = weights.shape[1]
    cdef int64_t i, j, k
    cdef double loss = 0
    cdef closs_report report = [CLOSS_OK, -1, 0, 0.0, 0]
    cdef closs_softmax_args args = closs_softmax_defaults()
    if samples == 0 or labels.shape[0] != samples or weights.shape[0] != features or classes == 0 or (
            work.shape[0] != samples or work.shape[1] != classes):
        raise ValueError("the shapes do not fit")
    args.dtype = CLOSS_F64
    args.ndim = 1
    args.shape = &samples
    args.classes = classes
    args.logits.data = &work[0, 0]
    args.labels.data = &labels[0]
    args.grad.data = &work[0, 0]
    with nogil:
        for _ in range(steps):
            work[:, :] = 0
            for i in range(samples):
                for k in range(features):
                    for j in range(classes):
                        work[i, j] += x[i, k] * weights[k, j]
            if closs_softmax(&args, CLOSS_MEAN, &loss, &report) != CLOSS_OK:
                break
            for i in range(samples):
                for k in range(features):
                    for j in range(classes):
                        weights[k, j] -= rate * x[i, k] * work[i, j]
    if report.status != CLOSS_OK:
        raise ValueError(f"sample {report.index}: label {report.label} is out of range")
    return loss

"""The C functions of closs without a compiler: called by address from ctypes, and inside a loop that numba compiled.

`closs._core.__pyx_capi__` holds a capsule for every function that closs.h declares, under its name there. The structs
below are those of closs.h; their size field lets the library refuse a copy that is out of date.
"""

import ctypes

import numpy as np

import closs

CLOSS_HUBER, CLOSS_F64 = 2, 1


class Array(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("strides", ctypes.c_void_p)]


class ElementwiseArgs(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("loss", ctypes.c_int),
        ("dtype", ctypes.c_int),
        ("parameter", ctypes.c_double),
        ("ndim", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("pred", Array),
        ("target", Array),
        ("pos_weight_dtype", ctypes.c_int),
        ("pos_weight", Array),
        ("sample_weight_dtype", ctypes.c_int),
        ("sample_weight", Array),
        ("values", Array),
        ("grad", Array),
        ("hess", Array),
        ("wide_grad", ctypes.c_int32),
        ("wide_hess", ctypes.c_int32),
        ("scale", ctypes.c_double),
        ("fresh", ctypes.c_int32),
        ("wide_target", ctypes.c_int32),
    ]


def function(name, result, *arguments):
    """The C function of closs.h by that name; the GIL is released while it runs."""
    capsule = closs._core.__pyx_capi__[name]
    ctypes.pythonapi.PyCapsule_GetName.restype = ctypes.c_char_p
    ctypes.pythonapi.PyCapsule_GetName.argtypes = [ctypes.py_object]
    ctypes.pythonapi.PyCapsule_GetPointer.restype = ctypes.c_void_p
    ctypes.pythonapi.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    signature = ctypes.pythonapi.PyCapsule_GetName(capsule)
    address = ctypes.pythonapi.PyCapsule_GetPointer(capsule, signature)
    return ctypes.CFUNCTYPE(result, *arguments)(address)


def huber_args(pred, target, grad):
    """Of float64 arrays, which must outlive it; `target` is one number for all."""
    shape = ctypes.c_int64(pred.size)
    repeated = (ctypes.c_int64 * 1)(0)
    args = ElementwiseArgs(
        size=ctypes.sizeof(ElementwiseArgs),
        loss=CLOSS_HUBER,
        dtype=CLOSS_F64,
        parameter=1.0,
        ndim=1,
        shape=ctypes.pointer(shape),
        pred=Array(pred.ctypes.data, None),
        target=Array(target.ctypes.data, ctypes.addressof(repeated)),
        grad=Array(grad.ctypes.data, None),
        scale=1.0,
    )
    args.keep = shape, repeated  # the struct holds their addresses alone
    return args


def by_ctypes(sample):
    """The sum of the Huber losses around 0, and its gradient."""
    centre, grad, value = np.zeros(1), np.empty_like(sample), ctypes.c_double()
    args = huber_args(sample, centre, grad)
    one_shot = function(
        "closs_elementwise", ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p
    )
    total = 1  # CLOSS_SUM
    status = one_shot(ctypes.byref(args), total, ctypes.byref(value), None)
    if status != 0:
        raise ValueError(f"closs_elementwise returned {status}")
    return value.value, grad


def by_numba(sample, steps=100):
    """Huber's estimate of location: the centre with the least sum of losses, by a loop in compiled code."""
    import numba

    run = function("closs_elementwise_run", None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)

    @numba.njit(nogil=True)
    def descend(args, centre, grad, steps):
        total = np.zeros(1)
        for _ in range(steps):
            run(args, 0, grad.size, total.ctypes)
            centre[0] += grad.mean()  # the loss falls with (centre - sample)
        return centre[0]

    centre, grad = np.zeros(1), np.empty_like(sample)
    args = huber_args(sample, centre, grad)
    return descend(ctypes.addressof(args), centre, grad, steps)


if __name__ == "__main__":
    sample = np.append(np.random.default_rng(0).normal(3.0, 1.0, 1000), [1e6])  # and one outlier
    value, grad = by_ctypes(sample)
    expected = closs.huber_loss(sample, 0.0, reduction="sum", grad=True)
    same = value == expected[0] and (grad == expected[1]).all()
    print(f"ctypes: {value:.6g}, {'the same' if same else 'OTHER'} bits as closs.huber_loss")
    print(f"numba: location {by_numba(sample):.4f}, mean {sample.mean():.1f}")

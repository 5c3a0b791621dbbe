"""closs: fast and exact loss functions for arrays on the CPU."""

import os as _os

try:
    import closs._core as _core
    from closs._core import get_num_threads, set_num_threads, threads
    from closs._elementwise import (
        huber_loss,
        l1_loss,
        log_cosh_loss,
        mse_loss,
        pseudo_huber_loss,
        quantile_loss,
        sigmoid_cross_entropy,
        smooth_l1_loss,
    )
    from closs._measures import cross_entropy, entropy, js_divergence, kl_divergence, zero_one_loss
    from closs._softmax import (
        distillation_loss,
        log_softmax,
        logsumexp,
        softmax,
        softmax_cross_entropy,
        softmax_entropy,
    )
except ModuleNotFoundError as error:
    if error.name and error.name.startswith("closs."):
        raise ImportError("closs is not built here: run `python -m pip install .` in a checkout of it") from error
    raise

__version__: str = _core.version

__all__ = [
    "__version__",
    "cross_entropy",
    "distillation_loss",
    "entropy",
    "get_include",
    "get_library_dir",
    "get_num_threads",
    "huber_loss",
    "js_divergence",
    "kl_divergence",
    "l1_loss",
    "log_cosh_loss",
    "log_softmax",
    "logsumexp",
    "mse_loss",
    "pseudo_huber_loss",
    "quantile_loss",
    "set_num_threads",
    "show_config",
    "sigmoid_cross_entropy",
    "smooth_l1_loss",
    "softmax",
    "softmax_cross_entropy",
    "softmax_entropy",
    "threads",
    "zero_one_loss",
]


def get_include() -> str:
    """
    The folder of ``closs.h``, for C, C++ and Cython.

    Returns
    -------
    str
        An absolute path. A Cython module that says ``from closs cimport ...`` needs nothing else: no library to link.

    See Also
    --------
    get_library_dir : The library for C and C++.

    Examples
    --------
    >>> import os
    >>> import closs
    >>> os.listdir(closs.get_include())
    ['closs.h']
    """
    return _os.path.join(_os.path.dirname(_os.path.abspath(__file__)), "include")


def get_library_dir() -> str:
    """
    The folder of the static library of closs, for C and C++ programs, which need no Python to run.

    Returns
    -------
    str
        An absolute path; below it are ``pkgconfig/closs.pc`` and ``cmake/closs``, the folder for CMake's ``closs_DIR``.
        `python -m closs config` prints all of these, and the flags of compiler and linker.

    See Also
    --------
    get_include : The header.

    Examples
    --------
    >>> import os
    >>> import closs
    >>> os.path.isfile(os.path.join(closs.get_library_dir(), "pkgconfig", "closs.pc"))
    True
    """
    return _os.path.join(_os.path.dirname(_os.path.abspath(__file__)), "lib")


def show_config() -> None:
    """
    Print the version, the instruction sets, OpenMP, the number of threads and the compiler of this build.

    `python -m closs info` prints the same. The environment variable ``CLOSS_ISA`` (``baseline``, ``avx2``, ``avx512``
    or ``neon``) pins an instruction set when closs is imported.

    Examples
    --------
    >>> import closs
    >>> closs.show_config()  # doctest: +ELLIPSIS
    closs ...
    """
    facts = _core.config()
    print(f"closs {facts['version']}")
    print(f"  instruction set   {facts['isa']}")
    print(f"  compiled in       {', '.join(facts['isa_compiled'])}")
    print(f"  on this CPU       {', '.join(facts['isa_available'])}")
    print(f"  OpenMP            {'yes' if facts['openmp'] else 'no: this build computes serially'}")
    print(f"  threads           {facts['threads']}{' (forked: serial)' if facts['forked'] else ''}")
    print(f"  compiler          {facts['compiler']}")

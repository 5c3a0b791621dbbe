"""The loops of benchmarks/ceilings.c for Python threads: the GIL is released."""
from libc.stdint cimport uintptr_t


cdef extern from "ceilings.h" nogil:
    ctypedef void ceiling(float *a, long length)
    ceiling *ceiling_of(const char *kind, const char *isa)


def run(str kind, str isa, uintptr_t address, long length, long passes):
    """Passes of a loop over its arrays, `length` floats each, which lie one after the other at an aligned address."""
    cdef ceiling *loop = ceiling_of(kind.encode(), isa.encode())
    cdef long _i
    if loop is NULL:
        raise ValueError(f"there is no {kind} here")
    with nogil:
        for _i in range(passes):
            loop(<float *> address, length)


def has_nontemporal_stores(str isa):
    return ceiling_of(b"nt_copy", isa.encode()) is not NULL

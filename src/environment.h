/* environment.h: the floating-point environment of a call. Other libraries set flush-to-zero per thread; results would
 * depend on the thread that computes them.
 *
 * enter() sets the default one (round to nearest, subnormal numbers kept, exceptions masked) and returns the caller's,
 * which leave() restores, and but for aarch64 the exception flags with it: the caller sees none that a call raised. */
#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
typedef unsigned environment;
static inline environment enter(void)
{
    const environment callers = _mm_getcsr();
    if ((callers & ~0x3fu) != 0x1f80) _mm_setcsr(0x1f80); /* all masked, nearest, no FTZ, no DAZ */
    return callers;
}
static inline void leave(environment callers)
{
    _mm_setcsr(callers);
}
#elif defined(__aarch64__) && !defined(_MSC_VER)
typedef uint64_t environment;
static inline environment enter(void)
{
    environment callers;
    __asm__ volatile("mrs %0, fpcr" : "=r"(callers));
    if (callers != 0) __asm__ volatile("msr fpcr, %0" : : "r"((environment)0));
    return callers;
}
static inline void leave(environment callers)
{
    if (callers != 0) __asm__ volatile("msr fpcr, %0" : : "r"(callers));
}
#else
#include <fenv.h>
typedef fenv_t environment;
static inline environment enter(void)
{
    environment callers;
    fegetenv(&callers);
    fesetenv(FE_DFL_ENV);
    return callers;
}
static inline void leave(environment callers)
{
    fesetenv(&callers);
}
#endif

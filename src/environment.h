/* environment.h: the floating-point environment of a call. Other libraries set flush-to-zero per thread; results would
 * depend on the thread that computes them.
 *
 * enter() sets the default one (round to nearest, subnormal numbers kept, exceptions masked) and returns the caller's,
 * which leave() restores, and except on aarch64 the exception flags with it: the caller sees none that a call raised.
 *
 * Compilers know nothing of this. They leave arithmetic between the two if it is in functions that are not inlined, or
 * if its operands and its result are in memory or pass through inside(). */
#if defined(__GNUC__)
#define CLOSS_MEMORY_STAYS() __asm__ volatile("" : : : "memory")
static inline double inside(double number)
{
    __asm__ volatile("" : "+m"(number));
    return number;
}
#else
#define CLOSS_MEMORY_STAYS() ((void)0)
static inline double inside(double number)
{
    return number;
}
#endif

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
typedef unsigned environment;
static inline environment enter(void)
{
    const environment callers = _mm_getcsr();
    if ((callers & ~0x3fu) != 0x1f80) _mm_setcsr(0x1f80); /* all masked, nearest, no FTZ, no DAZ */
    CLOSS_MEMORY_STAYS();
    return callers;
}
static inline void leave(environment callers)
{
    CLOSS_MEMORY_STAYS();
    _mm_setcsr(callers);
}
#elif defined(__aarch64__) && !defined(_MSC_VER)
typedef uint64_t environment;
static inline environment enter(void)
{
    environment callers;
    __asm__ volatile("mrs %0, fpcr" : "=r"(callers));
    if (callers != 0) __asm__ volatile("msr fpcr, %0" : : "r"((environment)0) : "memory");
    return callers;
}
static inline void leave(environment callers)
{
    if (callers != 0) __asm__ volatile("msr fpcr, %0" : : "r"(callers) : "memory");
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

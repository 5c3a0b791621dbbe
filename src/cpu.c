/* cpu.c: which instruction set is used. The first call chooses a table, atomically; closs_set_isa pins another. */
#include <stdatomic.h>
#include <string.h>

#include "dispatch.h"

#if defined(__x86_64__) || defined(_M_X64)
#define CLOSS_X86 1
#endif

typedef struct {
    const char *name;
    const closs_kernels *kernels;
    int (*present)(void);
} level;

static int always(void)
{
    return 1;
}

#ifdef CLOSS_X86
#ifdef _MSC_VER
#include <immintrin.h>
#include <intrin.h>
static void cpuid(unsigned leaf, unsigned r[4])
{
    __cpuidex((int *)r, (int)leaf, 0);
}
static uint64_t enabled_state(void)
{
    return _xgetbv(0);
}
#else
#include <cpuid.h>
static void cpuid(unsigned leaf, unsigned r[4])
{
    __cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]);
}
static uint64_t enabled_state(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}
#endif

/* CPUID says what the CPU can do; XGETBV says which registers the operating system saves. Both are needed.
 * Bit numbers: Intel 64 manual, volume 2A, CPUID, leaves 1 and 7. */
enum { SAVES_YMM = 0x6, SAVES_ZMM = 0xe6 };

static int operating_system_saves(uint64_t state)
{
    unsigned r[4];
    cpuid(1, r);
    const int osxsave = r[2] >> 27 & 1;
    return osxsave && (enabled_state() & state) == state;
}

static int leaf7(unsigned ebx_mask)
{
    unsigned r[4];
    cpuid(0, r);
    if (r[0] < 7) return 0;
    cpuid(7, r);
    return (r[1] & ebx_mask) == ebx_mask;
}

static int has_avx2(void)
{
    unsigned r[4];
    cpuid(1, r);
    const unsigned fma_f16c_avx = 1u << 12 | 1u << 28 | 1u << 29;
    return (r[2] & fma_f16c_avx) == fma_f16c_avx && leaf7(1u << 5) && operating_system_saves(SAVES_YMM);
}

/* Intel cores before Ice Lake and Sapphire Rapids (Skylake-SP, Cascade Lake, Cooper Lake: family 6, model 0x55) lower
 * their clock for everybody on the core when 512-bit arithmetic is heavy: Intel 64 and IA-32 optimization manual,
 * "Intel AVX-512 frequency". A library that is called for microseconds does not do that to its caller. */
static int prefers_256_bits(void)
{
    unsigned r[4];
    cpuid(0, r);
    const int intel = r[1] == 0x756e6547 && r[3] == 0x49656e69 && r[2] == 0x6c65746e; /* "GenuineIntel" */
    cpuid(1, r);
    const unsigned family = r[0] >> 8 & 0xf, model = (r[0] >> 4 & 0xf) | (r[0] >> 12 & 0xf0);
    return intel && family == 6 && model == 0x55;
}

static int has_avx512(void)
{
    const unsigned f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    return has_avx2() && leaf7(f_dq_bw_vl) && operating_system_saves(SAVES_ZMM);
}
#else
static int prefers_256_bits(void)
{
    return 0;
}
#endif

/* Best last. The build defines CLOSS_HAVE_... for each level its compiler could make. */
static const level levels[] = {
    {"baseline", &closs_kernels_baseline, always},
#ifdef CLOSS_HAVE_AVX2
    {"avx2", &closs_kernels_avx2, has_avx2},
#endif
#ifdef CLOSS_HAVE_AVX512
    {"avx512", &closs_kernels_avx512, has_avx512},
#endif
#ifdef CLOSS_HAVE_NEON
    {"neon", &closs_kernels_neon, always},
#endif
};

enum { LEVELS = sizeof levels / sizeof levels[0] };

static _Atomic(const level *) chosen;

static const level *best_level(void)
{
    for (int i = LEVELS - 1; i > 0; i--) {
        if (!levels[i].present()) continue;
        if (strcmp(levels[i].name, "avx512") == 0 && prefers_256_bits()) continue;
        return &levels[i];
    }
    return &levels[0];
}

static const level *chosen_level(void)
{
    const level *current = atomic_load_explicit(&chosen, memory_order_acquire);
    if (!current) {
        current = best_level(); /* the same for every thread that gets here first */
        const level *none = NULL;
        if (!atomic_compare_exchange_strong(&chosen, &none, current)) current = none;
    }
    return current;
}

const closs_kernels *closs_chosen_kernels(void)
{
    return chosen_level()->kernels;
}

const char *closs_isa(void)
{
    return chosen_level()->name;
}

const char *closs_isa_compiled(void)
{
    return "baseline"
#ifdef CLOSS_HAVE_AVX2
           ",avx2"
#endif
#ifdef CLOSS_HAVE_AVX512
           ",avx512"
#endif
#ifdef CLOSS_HAVE_NEON
           ",neon"
#endif
        ;
}

static const level *find(const char *name)
{
    for (int i = 0; i < LEVELS; i++)
        if (name && strcmp(levels[i].name, name) == 0 && levels[i].present()) return &levels[i];
    return NULL;
}

int closs_isa_available(const char *name)
{
    return find(name) != NULL;
}

closs_status closs_set_isa(const char *name)
{
    const level *wanted = find(name);
    if (!wanted) return CLOSS_NOT_AVAILABLE;
    atomic_store_explicit(&chosen, wanted, memory_order_release);
    return CLOSS_OK;
}

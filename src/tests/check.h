/* check.h: what the C tests share. */
#ifndef CLOSS_TESTS_CHECK_H
#define CLOSS_TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

#include "closs.h"

enum { LAST_RESULT = CLOSS_ZERO_ONE, LAST_LOSS = CLOSS_SIGMOID_CROSS_ENTROPY };

static int checks = 0, failures = 0;
static char levels_run[64];

/* The levels of instruction sets, to be tested one after the other: use_level(k) for k below LEVELS is 0 where the
 * machine lacks it, and notes it for the report elsewhere. */
enum { LEVELS = 4 };
static inline int use_level(int k)
{
    static const char *const levels[LEVELS] = {"baseline", "avx2", "avx512", "neon"};
    if (closs_set_isa(levels[k]) != CLOSS_OK) return 0;
    if (!strstr(levels_run, levels[k])) {
        if (levels_run[0]) strcat(levels_run, ", ");
        strcat(levels_run, levels[k]);
    }
    return 1;
}

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        checks++;                                                                                                      \
        if (!(condition) && failures++ < 20) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
    } while (0)

static inline int report(const char *name)
{
    printf("%s: %d checks, %d failed (%s)\n", name, checks, failures, levels_run[0] ? levels_run : "of no level");
    return failures != 0;
}

#endif

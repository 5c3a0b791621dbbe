/* check.h: what the C tests share. */
#ifndef CLOSS_TESTS_CHECK_H
#define CLOSS_TESTS_CHECK_H

#include <stdio.h>

static int checks = 0, failures = 0;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        checks++;                                                                                                      \
        if (!(condition) && failures++ < 20) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);           \
    } while (0)

static inline int report(const char *name)
{
    printf("%s: %d checks, %d failed\n", name, checks, failures);
    return failures != 0;
}

#endif

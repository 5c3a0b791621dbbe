/* ceilings.h: the loops of ceilings.c, by name and instruction set. */
typedef void ceiling(float *a, long length);
enum { CEILINGS = 7 };
typedef struct {
    ceiling *loop[CEILINGS];
} ceilings;

/* A null pointer if this machine has no such loop. */
ceiling *ceiling_of(const char *kind, const char *isa);

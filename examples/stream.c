/* stream.c: the perplexity of a language model from a file of its logits, in bounded memory, however long the file and
 * however large the vocabulary: classes are read in shards, and the states of the shards are merged into that of the
 * row. Machines that hold a shard each do the same, and send the states.
 *
 *     cc stream.c $(python -m closs config --cflags --libs) -o stream
 *     ./stream logits.f16 labels.i64 50257
 *
 * The files are plain: float16 logits, row after row, and int64 labels, of which -100 is ignored; native byte order.
 */
#include <closs.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what, long long row)
{
    fprintf(stderr, "stream: row %lld: %s\n", row, what);
    return 1;
}

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "usage: %s logits.f16 labels.i64 classes\n", arguments[0]);
        return 2;
    }
    FILE *logits = fopen(arguments[1], "rb"), *labels = fopen(arguments[2], "rb");
    if (!logits || !labels) {
        perror(logits ? arguments[2] : arguments[1]);
        return 1;
    }
    static uint16_t shard[CLOSS_PART]; /* with the state of a row, all the memory that is needed */
    int64_t label;
    closs_softmax_args args = CLOSS_SOFTMAX_INIT; /* one sample: no axis but that of the classes */
    args.dtype = CLOSS_F16;
    args.classes = strtoll(arguments[3], NULL, 10); /* of the whole row */
    args.logits.data = shard;
    args.labels.data = &label;
    args.has_ignore_index = 1;
    args.ignore_index = -100;

    if (args.classes < 1) return fail("there must be a class", 0);

    closs_sum total = {{0}, 0};
    long long row = 0, counted = 0;
    for (; fread(&label, sizeof label, 1, labels) == 1; row++) {
        closs_report report;
        const closs_status status = closs_softmax_check(&args, &report);
        if (status != CLOSS_OK) return fail(closs_status_string(status), row);
        closs_softmax_state state;
        for (int64_t begin = 0; begin < args.classes; begin += CLOSS_PART) {
            const int64_t end = begin + CLOSS_PART < args.classes ? begin + CLOSS_PART : args.classes;
            if (fread(shard, sizeof *shard, (size_t)(end - begin), logits) != (size_t)(end - begin))
                return fail("the file of logits ends too early", row);
            args.first_class = begin; /* that of shard[0] */
            closs_softmax_part part;
            closs_softmax_sum_part(&args, 0, begin, end, &part);
            if (begin == 0)
                state = part.state;
            else
                closs_softmax_merge(&state, &part.state);
        }
        closs_sum_add(&total, closs_softmax_value(&args, 0, &state)); /* 0 for a label to be ignored */
        counted += report.counted;
    }
    if (fgetc(logits) != EOF) return fail("the file of labels ends too early", row);
    const double mean = closs_sum_total(&total) / (double)counted;
    printf("%lld rows, %lld counted, mean %.17g nats, perplexity %.6g\n", row, counted, mean, exp(mean));
    fclose(logits);
    fclose(labels);
    return 0;
}

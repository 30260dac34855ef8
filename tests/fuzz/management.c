/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a manager may say: whatever the bytes, and however they are cut, the same messages come of them, or the same refusal;
 * and whatever a value is, what is written of it is one line that the same reader takes.
 */
#include "fuzz/replay.h"

#include "report/management/message.h"
#include <stdlib.h>
#include <string.h>

#define MESSAGES 64

typedef struct heard {
    management_message messages[MESSAGES];
    size_t count;
    bool malformed;
} heard;

static void insist(bool true_always)
{
    if (!true_always)
        abort();
}

/* Reads with at most so many bytes a call. */
static void hear(const char *bytes, size_t count, size_t piece, heard *out)
{
    management_reader *reader = calloc(1, sizeof *reader);
    insist(reader != NULL);
    memset(out, 0, sizeof *out);
    while (count > 0 && !out->malformed) {
        size_t taken, most = count < piece ? count : piece;
        management_message message;
        management_verdict verdict = management_read(reader, bytes, most, &taken, &message);
        insist(taken > 0 && taken <= most && (taken == most || verdict != MANAGEMENT_MORE));
        bytes += taken;
        count -= taken;
        out->malformed = verdict == MANAGEMENT_MALFORMED;
        if (verdict == MANAGEMENT_WHOLE && out->count < MESSAGES)
            out->messages[out->count++] = message;
    }
    free(reader);
}

static bool same(const management_message *a, const management_message *b)
{
    return a->type == b->type && a->rate_kbps == b->rate_kbps && a->minimum_kbps == b->minimum_kbps &&
           a->priority == b->priority && a->policy == b->policy;
}

static void check_reading(const char *bytes, size_t count)
{
    heard whole, pieces;
    hear(bytes, count, count, &whole);
    hear(bytes, count, 1 + count % 7, &pieces);
    insist(whole.count == pieces.count && whole.malformed == pieces.malformed);
    for (size_t i = 0; i < whole.count; i++)
        insist(same(&whole.messages[i], &pieces.messages[i]));
}

/* A value of these bytes makes no line of its own. */
static void check_writing(const char *bytes, size_t count)
{
    management_writer *writer = malloc(sizeof *writer);
    char *value = calloc(1, count + 1);
    insist(writer != NULL && value != NULL);
    memcpy(value, bytes, count);
    management_begin(writer, "STATS");
    management_path(writer, "File", value);
    management_text(writer, "Description", value);
    management_number(writer, "Size", count);
    management_end(writer);
    size_t lines = 0;
    for (size_t i = 0; i < writer->bytes; i++) {
        lines += writer->text[i] == '\n';
        insist(writer->text[i] != '\r' && writer->text[i] != '\0');
    }
    insist(lines == 6);
    insist(writer->bytes > 2 && memcmp(writer->text + writer->bytes - 2, "\n\n", 2) == 0);
    free(value);
    free(writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0)
        return 0;
    check_reading((const char *)bytes, count);
    check_writing((const char *)bytes, count);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a manager may say: whatever the bytes, and however they are cut, the same messages come of them, or the same refusal;
 * and whatever a value is, what is written of it is one line that the same reader takes.
 */
#include "fuzz/replay.h"

#include "report/management/ask.h"
#include <stdlib.h>
#include <string.h>

#define MESSAGES 64

typedef struct heard {
    management_ask *asks;
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
    faspmgr_reader *reader = calloc(1, sizeof *reader);
    memset(out, 0, sizeof *out);
    out->asks = calloc(MESSAGES, sizeof *out->asks);
    insist(reader != NULL && out->asks != NULL);
    while (count > 0 && !out->malformed) {
        size_t taken, most = count < piece ? count : piece;
        faspmgr_message message;
        faspmgr_verdict verdict = faspmgr_read(reader, bytes, most, &taken, &message);
        insist(taken > 0 && taken <= most && (taken == most || verdict != FASPMGR_MORE));
        bytes += taken;
        count -= taken;
        out->malformed = verdict == FASPMGR_MALFORMED;
        if (verdict == FASPMGR_WHOLE && out->count < MESSAGES)
            management_understand(&message, &out->asks[out->count++]);
    }
    free(reader);
}

static void check_reading(const char *bytes, size_t count)
{
    heard whole, pieces;
    hear(bytes, count, count, &whole);
    hear(bytes, count, 1 + count % 7, &pieces);
    insist(whole.count == pieces.count && whole.malformed == pieces.malformed);
    for (size_t i = 0; i < whole.count; i++)
        insist(memcmp(&whole.asks[i], &pieces.asks[i], sizeof *whole.asks) == 0);
    free(whole.asks);
    free(pieces.asks);
}

/* A value of these bytes makes no line of its own, and a name comes back as it was. */
static void check_writing(const char *bytes, size_t count)
{
    faspmgr_writer *writer = malloc(sizeof *writer);
    char *value = calloc(1, count + 1);
    insist(writer != NULL && value != NULL);
    memcpy(value, bytes, count);
    faspmgr_begin(writer, "STATS");
    faspmgr_path_bytes(writer, "File", value);
    faspmgr_text(writer, "Description", value);
    faspmgr_number(writer, "Size", count);
    faspmgr_end(writer);
    size_t lines = 0;
    for (size_t i = 0; i < writer->bytes; i++) {
        lines += writer->text[i] == '\n';
        insist(writer->text[i] != '\r' && writer->text[i] != '\0');
    }
    insist(lines == 6);
    insist(writer->bytes > 2 && memcmp(writer->text + writer->bytes - 2, "\n\n", 2) == 0);
    faspmgr_reader *reader = calloc(1, sizeof *reader);
    faspmgr_message message;
    char *back = malloc(count + 1);
    size_t taken;
    insist(reader != NULL && back != NULL);
    if (strlen(value) < 4096) {
        insist(faspmgr_read(reader, writer->text, writer->bytes, &taken, &message) == FASPMGR_WHOLE && taken == writer->bytes);
        insist(faspmgr_value_path(&message, "File", back, count + 1) && strcmp(back, value) == 0);
    }
    free(back);
    free(reader);
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

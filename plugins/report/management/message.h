/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - messages of FASPMGR 2: put together, and taken apart.  Pure: no sockets, no clock, no memory but what it is
 * handed.
 *
 * A message is the line "FASPMGR 2", a line "Key: Value" for each field, and an empty line.  Lines end in LF.
 */
#ifndef SLUICE_PLUGINS_REPORT_MANAGEMENT_MESSAGE_H
#define SLUICE_PLUGINS_REPORT_MANAGEMENT_MESSAGE_H

#include <sluice/types.h>

#define MANAGEMENT_LINE_MOST 4096    /* of what is read: a longer line is none of a manager's */
#define MANAGEMENT_MESSAGE_MOST 16384 /* all lines of a message that is read */
#define MANAGEMENT_WRITTEN_MOST 32768 /* room for any message that is written: three names of 4 KiB, every byte escaped */

/* ---- writing ---- */

typedef struct management_writer {
    char text[MANAGEMENT_WRITTEN_MOST];
    size_t bytes;
} management_writer;

void management_begin(management_writer *writer, const char *type);
/* A value of one line: what would end it early, and other control characters, become blanks; what is not UTF-8 becomes
 * U+FFFD.  NULL: the field is left out. */
void management_text(management_writer *writer, const char *key, const char *value);
/* A name of a file, which may hold anything: LF, CR and ESC stand as ESC n, ESC r and ESC ESC. */
void management_path(management_writer *writer, const char *key, const char *value);
void management_number(management_writer *writer, const char *key, uint64_t value);
void management_end(management_writer *writer);

/* ---- reading ---- */

typedef enum management_type {
    MANAGEMENT_OTHER, /* none that this side knows: to be passed over */
    MANAGEMENT_NOP,
    MANAGEMENT_RATE,
    MANAGEMENT_CANCEL,
    MANAGEMENT_START,
    MANAGEMENT_STOP,
    MANAGEMENT_DONE
} management_type;

/* What a manager may say of the policy. */
typedef enum management_policy {
    MANAGEMENT_POLICY_NONE, /* nothing */
    MANAGEMENT_POLICY_ADAPTIVE,
    MANAGEMENT_POLICY_FIXED,
    MANAGEMENT_POLICY_TRICKLE
} management_policy;

/* Numbers are SLUICE_UNKNOWN where the message has none, or none that can be read. */
typedef struct management_message {
    management_type type;
    uint64_t rate_kbps, minimum_kbps, priority;
    management_policy policy;
} management_message;

typedef struct management_reader {
    char line[MANAGEMENT_LINE_MOST];
    size_t line_bytes, message_bytes;
    bool inside; /* the first line of a message has come */
    management_message message;
} management_reader;

typedef enum management_verdict {
    MANAGEMENT_MORE,    /* all bytes are taken */
    MANAGEMENT_WHOLE,   /* a message is there; there may be more bytes */
    MANAGEMENT_MALFORMED /* that was no message of FASPMGR 2: nothing that follows can be understood */
} management_verdict;

/* Takes bytes, which begin where the last call ended; *taken: how many.  A zeroed reader is ready. */
management_verdict management_read(management_reader *reader, const char *bytes, size_t count, size_t *taken,
                                   management_message *out);

#endif

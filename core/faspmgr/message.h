/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - messages of FASPMGR 2: put together, and taken apart.  Pure: no sockets, no clock, no memory but what it is
 * handed.  What the fields mean is doc/management-protocol.md's.
 *
 * A message is the line "FASPMGR 2", a line "Key: Value" for each field, and an empty line.  Lines end in LF.
 */
#ifndef SLUICE_FASPMGR_MESSAGE_H
#define SLUICE_FASPMGR_MESSAGE_H

#include <sluice/types.h>

#define FASPMGR_LINE_MOST 12288    /* of what is read: a name of 4 KiB, every byte escaped, fits */
#define FASPMGR_MESSAGE_MOST 32768 /* all lines of a message that is read */
#define FASPMGR_FIELDS_MOST 128    /* of a message that is read; those behind them are passed over */
#define FASPMGR_WRITTEN_MOST 49152 /* room for any message that is written: three names, every byte escaped, and figures */
#define FASPMGR_RATE_NONE_KBPS 10000000 /* how "no target" is told, and taken: 0 would say that it is paused */

/* ---- writing ---- */

typedef struct faspmgr_writer {
    char text[FASPMGR_WRITTEN_MOST];
    size_t bytes;
} faspmgr_writer;

void faspmgr_begin(faspmgr_writer *writer, const char *type);
/* A value of one line: what would end it early, and other control characters, become blanks; what is not UTF-8 becomes
 * U+FFFD.  NULL: the field is left out. */
void faspmgr_text(faspmgr_writer *writer, const char *key, const char *value);
/* A name of a file, which may hold anything: LF, CR and ESC stand as ESC n, ESC r and ESC ESC. */
void faspmgr_path(faspmgr_writer *writer, const char *key, const char *value);
/* The same, and what is not UTF-8 goes as it is: between a manager and a worker that both are ours. */
void faspmgr_path_bytes(faspmgr_writer *writer, const char *key, const char *value);
void faspmgr_number(faspmgr_writer *writer, const char *key, uint64_t value);
void faspmgr_end(faspmgr_writer *writer);

/* ---- reading ---- */

typedef struct faspmgr_field {
    const char *key, *value;
} faspmgr_field;

/* What was read last; its strings lie in the reader until the next call of faspmgr_read. */
typedef struct faspmgr_message {
    const char *type; /* "" if it has none */
    faspmgr_field fields[FASPMGR_FIELDS_MOST]; /* all of them, in order */
    size_t count;
} faspmgr_message;

typedef struct faspmgr_reader {
    char text[FASPMGR_MESSAGE_MOST]; /* lines of the message so far, each with a NUL in place of its end */
    size_t bytes, line;              /* how much there is, and where the last line begins */
    size_t blanks;                   /* bytes since the last message that make none */
    bool inside, whole;              /* the first line of a message has come; the last one has */
} faspmgr_reader;

typedef enum faspmgr_verdict {
    FASPMGR_MORE,     /* all bytes are taken */
    FASPMGR_WHOLE,    /* a message is there; there may be more bytes */
    FASPMGR_MALFORMED /* that was no message of FASPMGR 2: nothing that follows can be understood */
} faspmgr_verdict;

/* Takes bytes, which begin where the last call ended; *taken: how many.  A zeroed reader is ready. */
faspmgr_verdict faspmgr_read(faspmgr_reader *reader, const char *bytes, size_t count, size_t *taken,
                             faspmgr_message *out);

/* The first field of that key.  NULL: there is none. */
const char *faspmgr_value(const faspmgr_message *message, const char *key);
/* SLUICE_UNKNOWN where there is none, or none that can be read: decimal digits alone, 18 at most. */
uint64_t faspmgr_value_number(const faspmgr_message *message, const char *key);
/* The name that a value stands for, without escapes; an ESC before anything else stays.  False: there is none, or no room
 * for it. */
bool faspmgr_value_path(const faspmgr_message *message, const char *key, char *out, size_t size);

#endif

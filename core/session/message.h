/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - the control messages of a session: numbers and small bodies.
 *
 * A message is type, length, body on object 0; types with their lowest bit set must be understood.  Every body may be
 * longer than what is known of it: the rest is for later versions and is stepped over.  doc/protocol.md has the bodies.
 */
#ifndef SLUICE_SESSION_MESSAGE_H
#define SLUICE_SESSION_MESSAGE_H

#include "session/wire.h"
#include <sluice/transport.h>

#define SLUICE_MESSAGE_BODY_MAX 65536u
#define SLUICE_MESSAGE_SENTENCE_MAX 1000u
#define SLUICE_OBJECT_CATALOGUE 1

typedef enum sluice_message {
    SLUICE_MESSAGE_REQUEST = 1,
    SLUICE_MESSAGE_PROGRESS = 2,
    SLUICE_MESSAGE_OPERANDS = 3,
    SLUICE_MESSAGE_FACTS = 4,
    SLUICE_MESSAGE_ACCEPT = 5,
    SLUICE_MESSAGE_REFUSE = 7,
    SLUICE_MESSAGE_WANT = 9,
    SLUICE_MESSAGE_HELD = 11,
    SLUICE_MESSAGE_SKIP = 13,
    SLUICE_MESSAGE_COMPARE = 15,
    SLUICE_MESSAGE_ANSWER = 17,
    SLUICE_MESSAGE_HOLE = 19,
    SLUICE_MESSAGE_HAVE = 21,
    SLUICE_MESSAGE_DIGESTS = 23,
    SLUICE_MESSAGE_END = 25,
    SLUICE_MESSAGE_AGAIN = 27,
    SLUICE_MESSAGE_RESULT = 29,
    SLUICE_MESSAGE_FAILED = 31,
    SLUICE_MESSAGE_FINISH = 33,
    SLUICE_MESSAGE_FINISHED = 35,
    SLUICE_MESSAGE_RATE = 37,
    SLUICE_MESSAGE_PAUSE = 39,
    SLUICE_MESSAGE_CANCEL = 41,
    SLUICE_MESSAGE_ERROR = 43,
    SLUICE_MESSAGE_FAULT = 45,
    SLUICE_MESSAGE_SOURCES = 47,
    /* Of streams. */
    SLUICE_MESSAGE_STREAM_OPEN = 65,
    SLUICE_MESSAGE_STREAM_ANSWER = 67,
    SLUICE_MESSAGE_STREAM_END = 69,
    SLUICE_MESSAGE_STREAM_FLUSH = 71,
    SLUICE_MESSAGE_STREAM_TAKEN = 73,
    SLUICE_MESSAGE_STREAM_DONE = 75,
    SLUICE_MESSAGE_STREAM_ABORT = 77
} sluice_message;

/* The object that carries an attempt at an entry, and back. */
static inline sluice_object_id sluice_object_of_entry(uint64_t index, unsigned attempt)
{
    return 2 + 2 * index + attempt;
}
static inline uint64_t sluice_entry_of_object(sluice_object_id id)
{
    return (id - 2) / 2;
}
static inline unsigned sluice_attempt_of_object(sluice_object_id id)
{
    return (unsigned)(id & 1);
}

/* Statuses travel as their number without the sign; unknown numbers read as SLUICE_EFAILED, 0 as SLUICE_OK. */
void sluice_message_put_status(sluice_wire_writer *writer, int status, const char *sentence);
/* sentence: NUL-terminated, cut to the buffer, control characters replaced by '?'. */
int sluice_message_get_status(sluice_wire_reader *reader, char *sentence, size_t size);

#endif

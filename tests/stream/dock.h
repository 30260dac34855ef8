/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dock.h - a mux on a transport that does only what a test says: the other side is the test, message by message.
 *
 * Its operations note what they are asked.  What a real transport takes care of holds here too: no more of an object is
 * delivered than the window allows, and nothing that was refused or stopped.
 */
#ifndef SLUICE_TEST_DOCK_H
#define SLUICE_TEST_DOCK_H

#include "stream/mux.h"

#define DOCK_OBJECTS 64 /* in each direction, as far as a test looks at them */

/* An object of ours, and one of the peer's. */
typedef struct dock_out {
    bool open, finished, aborted, stopped;
    uint64_t offered, acked, skipped, size;
} dock_out;
typedef struct dock_in {
    bool opened, refused, stopped;
    uint64_t arrived, window, credit; /* credit: up to which it may be sent */
} dock_in;

typedef struct dock {
    sluice_stream_session *session;
    sluice_mux *mux;
    sluice_cargo cargo;
    sluice_time now;
    bool woken;              /* a pump is wanted */
    atomic_bool asked;       /* the same, from other threads */
    bool broken;             /* the mux asked something that a transport would call a mistake */
    dock_out out[DOCK_OBJECTS];
    dock_in in[DOCK_OBJECTS];
    uint64_t control_in, control_out, control_read; /* bytes said to it; offered by it; looked at */
    sluice_wire_writer said; /* by it, from control_read on */
    bool finished;
    int status;
    char sentence[200];
    sluice_stream **accepted; /* handles, the test's */
    size_t accepted_count, accepted_room;
    int (*requested)(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error);
} dock;

void dock_init(dock *at, bool client, uint64_t memory_bytes);
/* The mux goes; handles that were accepted are aborted. */
void dock_fini(dock *at);
void dock_pump(dock *at);

/* A message of the peer: fill the body that begin returns. */
sluice_wire_writer *dock_begin(void);
void dock_say(dock *at, uint64_t type);
/* The same, whatever bytes they are. */
void dock_say_bytes(dock *at, const void *bytes, size_t count);
/* OPEN; a message of a stream and one number. */
void dock_say_open(dock *at, uint64_t id, sluice_stream_mode mode, const char *name, sluice_duration deadline_ns);
void dock_say_number(dock *at, uint64_t type, uint64_t id, uint64_t number);

/* Bytes of stream id of the peer, as far as the window allows: how many. */
uint64_t dock_deliver(dock *at, uint64_t id, const uint8_t *bytes, uint64_t count);
void dock_skipped(dock *at, uint64_t id, uint64_t count);
/* The peer's transport has so many more bytes of ours, of those that were offered. */
uint64_t dock_ack(dock *at, uint64_t id, uint64_t count);

/* The next message that it has sent: its type and body; false: none.  Valid until the next call. */
bool dock_next(dock *at, uint64_t *type, sluice_wire_reader *body);
/* Passes over messages up to one of this type; its body. */
bool dock_hears(dock *at, uint64_t type, sluice_wire_reader *body);

#endif

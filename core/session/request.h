/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - what a client asks of a server: operands, destination, policies.
 *
 * The client fills one from its settings; the server's is decoded from the control stream.  Strings and lists are
 * owned by the request.  Used by one thread at a time.
 */
#ifndef SLUICE_SESSION_REQUEST_H
#define SLUICE_SESSION_REQUEST_H

#include "plugin/settings.h"
#include "session/wire.h"
#include <sluice/sink.h>
#include <sluice/source.h>
#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_REQUEST_BYTES_MAX (16u << 20) /* of all names and patterns of a peer's request together */

#define SLUICE_PROBE_BYTES (UINT64_C(256) << 20) /* moved by a probe at most; a server caps it there as well */

typedef struct sluice_rule { /* --exclude, --include: first match wins */
    bool include;
    char *pattern;
} sluice_rule;

typedef struct sluice_request {
    bool push;                     /* the client sends */
    char *destination;             /* push: below the server's root; NULL in a pull */
    char *argument;                /* pull: of KIND:ARGUMENT; or NULL */
    sluice_operand *operands;      /* pull: what to send; push: not sent.  Strings owned (cast away const to free) */
    size_t operand_count, operand_capacity;
    sluice_rule *rules;            /* pull: applied by the server's source; push: not sent */
    size_t rule_count, rule_capacity;
    bool has_newest, has_oldest;   /* pull: applied by the server's listing; push: not sent */
    int64_t newest_ns, oldest_ns;  /* files modified after the one, or before the other, are left out */
    bool single, explicit_names, make_parents; /* as of sluice_sink_spec */
    unsigned preserve;
    sluice_overwrite overwrite;
    sluice_resume resume;
    sluice_sync sync;
    bool drop_behind;              /* on both sides */
    sluice_checksum checksum;
    sluice_symlinks tree_symlinks, named_symlinks;
    sluice_rate target_bps, minimum_bps; /* for the sending side; 0: none */
    char *congestion;              /* name of the congestion plugin; or NULL */
    bool open;                     /* operands may come while the session runs */
    uint64_t seed;                 /* of digests for resume and compare: random, by the client */
    bool probe;                    /* nothing is moved for its own sake: the server takes source `zero` or sink `null` in place
                                      of its files, and tells its facts */
    size_t text_bytes;             /* of all strings so far */
} sluice_request;

/* Defaults of the contract: resume full, overwrite different, preserve times and mode, xxh3-128. */
void sluice_request_init(sluice_request *request);
void sluice_request_fini(sluice_request *request);

/* ENOMEM; ELIMIT past SLUICE_REQUEST_BYTES_MAX.  Strings are copied. */
int sluice_request_destination_set(sluice_request *request, const char *path);
int sluice_request_argument_set(sluice_request *request, const char *argument);
int sluice_request_congestion_set(sluice_request *request, const char *name);
int sluice_request_operand_add(sluice_request *request, const sluice_operand *operand);
void sluice_request_operands_clear(sluice_request *request);
int sluice_request_rule_add(sluice_request *request, bool include, const char *pattern);

/* Writes REQUEST, and OPERANDS as needed: whole messages.  EINVAL: a name is longer than a message; ENOMEM. */
int sluice_request_encode(const sluice_request *request, sluice_wire_writer *writer, sluice_error *error);

/* Reads the body of REQUEST into a request after init; *more: OPERANDS follow.  EPROTOCOL, EUNSUPPORTED, ELIMIT or
 * ENOMEM, with a sentence. */
int sluice_request_decode(sluice_request *request, sluice_wire_reader *body, bool *more, sluice_error *error);
int sluice_request_decode_operands(sluice_request *request, sluice_wire_reader *body, bool *more,
                                   sluice_error *error);

/* Of a request that is open, by SOURCES: operands come, are given up, or there will be no more of them.  They can be given up
 * after that, too. */
typedef struct sluice_request_change {
    const sluice_operand *add; /* NULL: none */
    uint32_t drop;             /* the operand of that number; UINT32_MAX: none */
    bool last;
} sluice_request_change;

/* The body of SOURCES. */
void sluice_request_put_change(sluice_wire_writer *body, const sluice_request_change *change);
/* Appends what it adds to the operands, and closes the request after the last.  *drop: UINT32_MAX, or the number of one that
 * there is. */
int sluice_request_take_change(sluice_request *request, sluice_wire_reader *body, uint32_t *drop, sluice_error *error);
/* ELIMIT or EINVAL for an operand that no message carries. */
int sluice_request_operand_check(const sluice_operand *operand, sluice_error *error);

#endif

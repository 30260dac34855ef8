/* SPDX-License-Identifier: Apache-2.0 */
/* ask.h - what a manager asks for by a message.  Pure. */
#ifndef SLUICE_PLUGINS_REPORT_MANAGEMENT_ASK_H
#define SLUICE_PLUGINS_REPORT_MANAGEMENT_ASK_H

#include "faspmgr/message.h"

#define MANAGEMENT_PATH_BYTES 4096 /* of a source or destination, with its NUL */

typedef enum management_type {
    MANAGEMENT_OTHER, /* none that this side knows: to be passed over */
    MANAGEMENT_NOP,
    MANAGEMENT_RATE,
    MANAGEMENT_CANCEL,
    MANAGEMENT_START, /* a source more */
    MANAGEMENT_STOP,  /* a source less */
    MANAGEMENT_DONE   /* no sources any more */
} management_type;

/* What a manager may say of the policy. */
typedef enum management_policy {
    MANAGEMENT_POLICY_NONE, /* nothing */
    MANAGEMENT_POLICY_ADAPTIVE,
    MANAGEMENT_POLICY_FIXED,
    MANAGEMENT_POLICY_TRICKLE
} management_policy;

/* Numbers are SLUICE_UNKNOWN where the message has none, or none that can be read. */
typedef struct management_ask {
    management_type type;
    uint64_t rate_kbps, minimum_kbps, priority;
    management_policy policy;
    bool named;                /* START, STOP: the source has a name, which fits */
    char source[MANAGEMENT_PATH_BYTES];
    char destination[MANAGEMENT_PATH_BYTES]; /* "": none */
    uint64_t from, to;         /* START: the range of bytes; 0 and SLUICE_UNKNOWN: all of it */
    bool ranged;               /* START: it says a range that makes sense, or none */
    bool linger;               /* DONE: what was asked for is to be finished before */
} management_ask;

void management_understand(const faspmgr_message *message, management_ask *out);

#endif

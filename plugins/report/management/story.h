/* SPDX-License-Identifier: Apache-2.0 */
/*
 * story.h - what a manager is told of a transfer: events in, messages out.  Pure, like message.h.
 *
 * In this order: INIT, SESSION, NOTIFICATION with rates, NOTIFICATION with what there is to move, then STATS, STOP, SKIP and
 * FILEERROR as files come along and NOTIFICATIONs as rates change, and DONE or ERROR, the last word.
 */
#ifndef SLUICE_PLUGINS_REPORT_MANAGEMENT_STORY_H
#define SLUICE_PLUGINS_REPORT_MANAGEMENT_STORY_H

#include "faspmgr/message.h"
#include <sluice/report.h>

#define MANAGEMENT_ID_TEXT 37           /* 8-4-4-4-12 hex digits and a NUL */

typedef struct management_story {
    char id[MANAGEMENT_ID_TEXT];
    bool sends;               /* the data goes from here */
    char *source, *destination, *user, *cookie, *tags; /* the owner's; NULL: not known */
    bool extended;            /* more is told than FASPMGR has words for */
    sluice_time began;
    bool introduced;          /* SESSION was told */
    bool over;                /* the last word was said */
    bool paused;
    /* Sessions may follow each other (a server that was restarted); for a manager they are one. */
    char session[40];
    uint64_t transfer_before, transfer_bytes, file_bytes;
    uint64_t target_bps, minimum_bps, lost_bytes, delay_ms, mtu;
    char congestion[32];
} management_story;

/* sixteen random bytes become the id. */
void management_story_init(management_story *story, const uint8_t random[16], sluice_time now);

void management_tell_init(const management_story *story, faspmgr_writer *out);
/* A source that was asked for and is none.  Of the story only what never changes. */
void management_tell_refused(const management_story *story, const char *path, int status, const char *why,
                             faspmgr_writer *out);

/* The rates as they are: also the answer to RATE. */
void management_tell_rates(const management_story *story, faspmgr_writer *out);

/* Puts the messages of an event into out, one after the other, of which each is handed to say before the next is made. */
void management_tell_event(management_story *story, const sluice_event *event, faspmgr_writer *out,
                           void (*say)(void *user, const faspmgr_writer *message), void *user);

#endif

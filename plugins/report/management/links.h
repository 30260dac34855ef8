/* SPDX-License-Identifier: Apache-2.0 */
/*
 * links.h - connections to managers: made before anything else happens, written by the report thread, read by a thread of
 * their own, so that what a manager asks is done at once.
 *
 * A manager that says what cannot be understood, asks without end or does not read what it is told is cut off; one that has
 * gone is missed by nobody.
 */
#ifndef SLUICE_PLUGINS_REPORT_MANAGEMENT_LINKS_H
#define SLUICE_PLUGINS_REPORT_MANAGEMENT_LINKS_H

#include "ask.h"
#include <pthread.h>
#include <sluice/host.h>
#include <stdatomic.h>

#define MANAGEMENT_LINKS_MOST 31

typedef struct management_link {
    int socket;
    char name[300];      /* host:port */
    atomic_bool hears;   /* it is told of what happens */
    bool speaks;         /* the reading thread's: it may still ask for something */
    bool stalled;        /* the writing thread's: the last message had to wait */
    uint64_t waited_ns;  /* so long, since one did not */
    faspmgr_reader reader;
    uint64_t second;     /* the reading thread's: which one it is, */
    unsigned asked;      /* and how often it was asked for something in it */
} management_link;

typedef struct management_links {
    const sluice_host *host;
    management_link *links;
    size_t count;
    void (*asked)(void *user, const management_ask *ask, const char *manager);
    void (*gone)(void *user, const char *manager);
    void *user;
    faspmgr_message message; /* the reading thread's */
    management_ask ask;
    int wake;            /* eventfd: the reading thread is to end */
    pthread_t thread;
    bool reading;
} management_links;

/* Connects to every one of list ([HOST:]PORT, one a line).  Refusals are tried again for 5 s, counted from the first.
 * Fails with a sentence unless all are there; close is needed in any case. */
int management_links_open(management_links *links, const sluice_host *host, const char *list, bool insecure);

/* Begins to read: asked is called on the reading thread, and gone once for a manager that will ask for nothing more. */
int management_links_read(management_links *links,
                          void (*asked)(void *user, const management_ask *ask, const char *manager),
                          void (*gone)(void *user, const char *manager), void *user);

/* One thread at a time.  Waits for a manager that is slow, a little. */
void management_links_say(management_links *links, const faspmgr_writer *message);

/* Ends reading, then every connection, in order.  A zeroed struct is fine. */
void management_links_close(management_links *links);

#endif

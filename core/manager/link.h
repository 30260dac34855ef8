/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - the connection to a worker: messages of FASPMGR 2 on a socket, watched by the loop. */
#ifndef SLUICE_MANAGER_LINK_H
#define SLUICE_MANAGER_LINK_H

#include "faspmgr/message.h"
#include "net/loop.h"

typedef struct sluice_link sluice_link;

/* From the loop.  heard: what it is told may free no link, but may hand it to others (rebind).  ended: nothing more comes,
 * because the other side has closed it, or (garbled) because what came was no message. */
typedef struct sluice_link_ports {
    void (*heard)(void *user, sluice_link *link, const faspmgr_message *message);
    void (*ended)(void *user, sluice_link *link, bool garbled);
    void (*roomy)(void *user); /* more can be written */
    /* Around everything that a round of the loop calls: the owner's lock. */
    void (*enter)(void *user);
    void (*leave)(void *user);
} sluice_link_ports;

/* Takes the socket over on success; it does not block.  SLUICE_ENOMEM, SLUICE_EIO. */
int sluice_link_new(sluice_link **out, sluice_loop *loop, int socket, const sluice_link_ports *ports, void *user);
void sluice_link_free(sluice_link *link); /* NULL is fine */
int sluice_link_socket(const sluice_link *link);
/* Whom it tells from here on. */
void sluice_link_rebind(sluice_link *link, const sluice_link_ports *ports, void *user);

/* Any thread, within the owner's lock.  What is said waits until flush. */
void sluice_link_say(sluice_link *link, const faspmgr_writer *message);
size_t sluice_link_waiting(const sluice_link *link); /* bytes */
bool sluice_link_room(const sluice_link *link);      /* they are few enough that more may be said */

/* The loop's thread, within the owner's lock.  Writes what can be written; when there is more, roomy follows. */
void sluice_link_flush(sluice_link *link);
/* Reads all that has come: of a worker that has ended. */
void sluice_link_drain(sluice_link *link);

#endif

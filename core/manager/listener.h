/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h - where workers that are not sluice connect to: a port of the loopback address.
 *
 * Anybody on this machine may connect.  Whose the connection is says its first message, by a UserStr that cannot be guessed;
 * and since that stands in arguments, it has to come from a process of our user.  What is nobody's is closed, at the latest
 * after 5 s.  Of connections that have said nothing yet there are at most 64.
 */
#ifndef SLUICE_MANAGER_LISTENER_H
#define SLUICE_MANAGER_LISTENER_H

#include "manager/link.h"

#define SLUICE_LISTENER_PENDING 64
#define SLUICE_LISTENER_NS (5 * SLUICE_SECOND)

typedef struct sluice_listener sluice_listener;

typedef struct sluice_listener_ports {
    /* From the loop, within the owner's lock.  True: it takes the link over, rebinds it, and has heard the message. */
    bool (*claim)(void *user, sluice_link *link, const char *name, const faspmgr_message *message);
    void (*enter)(void *user);
    void (*leave)(void *user);
} sluice_listener_ports;

/* SLUICE_EIO, SLUICE_ENOMEM. */
int sluice_listener_new(sluice_listener **out, sluice_loop *loop, const sluice_listener_ports *ports, void *user,
                        sluice_error *error);
void sluice_listener_free(sluice_listener *listener); /* NULL is fine */
uint16_t sluice_listener_port(const sluice_listener *listener);
/* The loop's thread, within the owner's lock: takes whoever has connected and said something. */
void sluice_listener_drain(sluice_listener *listener);

#endif

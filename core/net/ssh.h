/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh.h - a message channel to `sluice serve --stdio` on another machine, through the system's ssh.
 *
 * Runs `ssh OPTIONS -- TARGET REMOTE serve --stdio` as a child process, so that the user's configuration, agent, keys,
 * ProxyJump and aliases work.  Its stdin and stdout are the channel; its stderr is read line by line, passed on as it
 * comes, and looked at when ssh ends early, to tell why.  Prompts are ssh's own, on the terminal.  Only TARGET and
 * REMOTE are arguments; paths and secrets travel inside the channel.  The child is ended (stdin closed, then SIGTERM,
 * by its process id) when the channel is freed, and reaped.
 */
#ifndef SLUICE_NET_SSH_H
#define SLUICE_NET_SSH_H

#include "net/pipe.h"

typedef struct sluice_ssh_setup {
    const char *command;        /* with options, cut at blanks; '...' and "..." keep a word together; NULL: "ssh" */
    const char *target;         /* [user@]host; neither may begin with '-' (SLUICE_EUSAGE) */
    const char *remote;         /* what the remote shell is to run in place of "sluice"; NULL: "sluice" */
    sluice_duration timeout_ns; /* until the remote program has spoken; 0: no limit (a user may be typing a password) */
    void (*said)(void *user, const char *line); /* a line of ssh's stderr, control characters replaced; optional */
    void *said_user;
} sluice_ssh_setup;

/* What goes wrong later is told by `closed`: SLUICE_EAUTH: permission denied or host key not accepted; SLUICE_ECONNECT:
 * ssh ended before the remote program spoke, with its last line; exit status 127 or 126 of the remote shell says that
 * sluice is not installed there, and what to do about it.  Here: SLUICE_EUSAGE, SLUICE_ECONNECT (the
 * command's program cannot be run), SLUICE_ENOMEM, SLUICE_EIO (no process, no descriptors). */
int sluice_ssh_start(sluice_channel **out, sluice_loop *loop, const sluice_ssh_setup *setup,
                     const sluice_channel_calls *calls, void *user, sluice_error *error);

/* Where ssh would connect to: host name or address after its configuration (`ssh -G`), which need not be the target's
 * name. Called once from the loop; host NULL: it could not be told (another program than ssh, or it failed). */
typedef struct sluice_ssh_query sluice_ssh_query;
int sluice_ssh_query_new(sluice_ssh_query **out, sluice_loop *loop, const char *command, const char *target,
                         void (*done)(void *user, const char *host), void *user, sluice_error *error);
void sluice_ssh_query_free(sluice_ssh_query *query); /* also after done; NULL is fine */

#endif

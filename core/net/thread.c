/* SPDX-License-Identifier: Apache-2.0 */
#include "net/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 16 /* of the kernel, NUL included */

struct sluice_thread {
    pthread_t handle;
    void (*body)(void *user);
    void *user;
    bool alone; /* the struct is the thread's own */
    char name[NAME_BYTES];
};

static void *start(void *argument)
{
    sluice_thread *thread = argument;
    pthread_setname_np(pthread_self(), thread->name);
    thread->body(thread->user);
    if (thread->alone)
        free(thread);
    return NULL;
}

/* Signals that a fault raises in the thread itself must reach it: blocked, they would kill without a core. */
static void application_signals(sigset_t *set)
{
    sigfillset(set);
    sigdelset(set, SIGSEGV);
    sigdelset(set, SIGBUS);
    sigdelset(set, SIGFPE);
    sigdelset(set, SIGILL);
    sigdelset(set, SIGABRT);
    sigdelset(set, SIGTRAP);
    sigdelset(set, SIGSYS);
}

int sluice_thread_new(sluice_thread **out, const char *name, void (*body)(void *user), void *user, sluice_error *error)
{
    sluice_thread *thread = calloc(1, sizeof(*thread));
    if (!thread)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a thread");
    thread->body = body;
    thread->user = user;
    thread->alone = !out;
    strncpy(thread->name, name, NAME_BYTES - 1);

    /* The mask is inherited, so it is set here: the thread never runs with another one. */
    sigset_t blocked, before;
    application_signals(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    /* Nothing of the struct may be touched once a thread that is alone runs. */
    pthread_t handle;
    int failed = out ? pthread_create(&thread->handle, NULL, start, thread) : pthread_create(&handle, NULL, start, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(thread);
        return sluice_fail(error, SLUICE_EIO, "cannot start a thread: %s", strerror(failed));
    }
    if (out)
        *out = thread;
    else
        pthread_detach(handle);
    return SLUICE_OK;
}

void sluice_thread_free(sluice_thread *thread)
{
    if (!thread)
        return;
    pthread_join(thread->handle, NULL);
    free(thread);
}

void sluice_thread_quiet(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

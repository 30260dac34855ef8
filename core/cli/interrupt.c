/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <string.h>
#include <unistd.h>

#define PATIENCE 3      /* who asks so often wants the end at once */
#define WAKE_UP SIGUSR1 /* by which this program ends its own thread */

static void *body(void *argument)
{
    sluice_interrupt *interrupt = argument;
    for (unsigned count = 0; !atomic_load(&interrupt->ending);) {
        int signal = 0;
        if (sigwait(&interrupt->signals, &signal) != 0 || signal == WAKE_UP)
            continue;
        if (signal == SIGHUP && interrupt->hangup == SLUICE_HANGUP_RELOADS) {
            interrupt->came(interrupt->user, signal, 0);
            continue;
        }
        if (signal == SIGINT && atomic_load(&interrupt->deaf))
            continue;
        atomic_store(&interrupt->last, signal);
        if (++count >= PATIENCE)
            _exit(sluice_status_exit(SLUICE_EINTERRUPTED));
        interrupt->came(interrupt->user, signal, count);
    }
    return NULL;
}

static void add_unless_ignored(sigset_t *set, int signal)
{
    struct sigaction action;
    if (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
        sigaddset(set, signal);
}

int sluice_interrupt_begin(sluice_interrupt *interrupt, sluice_hangup hangup,
                           void (*came)(void *user, int signal, unsigned count), void *user, sluice_error *error)
{
    *interrupt = (sluice_interrupt){.hangup = hangup, .came = came, .user = user};
    sigemptyset(&interrupt->signals);
    add_unless_ignored(&interrupt->signals, SIGINT);
    add_unless_ignored(&interrupt->signals, SIGTERM);
    if (hangup == SLUICE_HANGUP_ENDS) {
        add_unless_ignored(&interrupt->signals, SIGHUP);
    } else {
        signal(SIGHUP, SIG_DFL);
        sigaddset(&interrupt->signals, SIGHUP);
    }
    sigaddset(&interrupt->signals, WAKE_UP);
    int reason = pthread_sigmask(SIG_BLOCK, &interrupt->signals, &interrupt->before);
    if (reason == 0)
        reason = pthread_create(&interrupt->thread, NULL, body, interrupt);
    if (reason != 0)
        return sluice_fail(error, SLUICE_EIO, "no thread to wait for signals: %s", strerror(reason));
    return SLUICE_OK;
}

int sluice_interrupt_last(const sluice_interrupt *interrupt)
{
    return atomic_load(&interrupt->last);
}

void sluice_interrupt_deafen(sluice_interrupt *interrupt, bool deaf)
{
    atomic_store(&interrupt->deaf, deaf);
}

void sluice_interrupt_end(sluice_interrupt *interrupt)
{
    if (atomic_load(&interrupt->deaf))
        signal(SIGINT, SIG_IGN);
    atomic_store(&interrupt->ending, true);
    pthread_kill(interrupt->thread, WAKE_UP);
    pthread_join(interrupt->thread, NULL);
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_events.h"

#include "cli/screen.h"
#include "cli/shell.h"
#include "cli/shell_print.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define WAITING_MOST 20000 /* lines; of more than that only those of failures and ends are kept */

static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT};

int sluice_shell_events_begin(sluice_shell_events *events, bool json, bool quiet, sluice_error *error)
{
    sigset_t set;
    *events = (sluice_shell_events){.json = json, .quiet = quiet, .signals = -1};
    events->end = &events->first;
    pthread_mutex_init(&events->lock, NULL);
    sigemptyset(&set);
    for (size_t i = 0; i < SLUICE_COUNT(wanted); i++) {
        struct sigaction action;
        if (sigaction(wanted[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, wanted[i]);
    }
    pthread_sigmask(SIG_BLOCK, &set, &events->before);
    events->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    events->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (events->wake < 0 || events->signals < 0)
        return sluice_fail(error, SLUICE_EIO, "no descriptors to wait for events and signals: %s", strerror(errno));
    return SLUICE_OK;
}

static void free_items(sluice_shell_item *item)
{
    while (item != NULL) {
        sluice_shell_item *next = item->next;
        free(item->line);
        free(item->sentence);
        free(item);
        item = next;
    }
}

void sluice_shell_events_end(sluice_shell_events *events)
{
    free_items(events->first);
    events->first = NULL;
    if (events->wake >= 0)
        close(events->wake);
    if (events->signals >= 0)
        close(events->signals);
    pthread_sigmask(SIG_SETMASK, &events->before, NULL);
    pthread_mutex_destroy(&events->lock);
}

/* ---- on the manager's thread ---- */

/* Who cancels a job knows what he does. */
static bool is_failure(const sluice_job_event *event)
{
    if (event->type == SLUICE_JOB_EVENT_SESSION_ERROR)
        return event->statistics->state != SLUICE_JOB_CANCELLED;
    return event->type == SLUICE_JOB_EVENT_WARNING || event->type == SLUICE_JOB_EVENT_RETRY ||
           event->type == SLUICE_JOB_EVENT_FILE_ERROR;
}

static bool is_end(const sluice_job_event *event)
{
    return event->type == SLUICE_JOB_EVENT_SESSION_STOP || event->type == SLUICE_JOB_EVENT_SESSION_ERROR;
}

/* NULL: there is nothing to say, or no memory to say it in. */
static char *make_line(const sluice_job_event *event, void (*print)(FILE *out, const sluice_job_event *event))
{
    char *line = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&line, &bytes);
    if (out == NULL)
        return NULL;
    print(out, event);
    if (fclose(out) == 0 && bytes > 0)
        return line;
    free(line);
    return NULL;
}

static sluice_shell_item *make_item(const sluice_shell_events *events, const sluice_job_event *event)
{
    sluice_shell_item *item = calloc(1, sizeof *item);
    if (item == NULL)
        return NULL;
    item->failure = is_failure(event);
    if (is_end(event) && event->statistics->state == SLUICE_JOB_FAILED)
        item->exit_status = sluice_status_exit(event->statistics->status);
    if (!events->quiet || item->failure)
        item->line = make_line(event, events->json ? sluice_shell_print_event_json : sluice_shell_print_event);
    if (events->json && item->exit_status != 0)
        item->sentence = make_line(event, sluice_shell_print_event);
    return item;
}

void sluice_shell_events_take(void *user, const sluice_job_event *event)
{
    sluice_shell_events *events = user;
    sluice_shell_item *item = make_item(events, event);
    /* What says nothing wakes those who wait for the end of a job. */
    if (item != NULL && item->line == NULL && !is_end(event)) {
        free(item);
        return;
    }
    pthread_mutex_lock(&events->lock);
    if (item == NULL || (events->count >= WAITING_MOST && !is_failure(event) && !is_end(event))) {
        events->dropped++;
        free_items(item);
    } else {
        *events->end = item;
        events->end = &item->next;
        events->count++;
    }
    pthread_mutex_unlock(&events->lock);
    (void)!write(events->wake, &(uint64_t){1}, sizeof(uint64_t));
}

/* ---- on the main thread ---- */

static unsigned take_signals(int descriptor)
{
    struct signalfd_siginfo info;
    unsigned what = 0;
    while (read(descriptor, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGINT)
            what |= SLUICE_SHELL_INTERRUPTED;
        else if (info.ssi_signo == SIGWINCH)
            what |= SLUICE_SHELL_RESIZED;
        else if (info.ssi_signo == SIGCONT)
            what |= SLUICE_SHELL_CONTINUED;
        else
            what |= SLUICE_SHELL_ENDED;
    }
    return what;
}

static int milliseconds(sluice_duration timeout)
{
    if (timeout >= (sluice_duration)INT32_MAX * SLUICE_MS)
        return timeout == SLUICE_NEVER ? -1 : INT32_MAX;
    return (int)((timeout + SLUICE_MS - 1) / SLUICE_MS);
}

unsigned sluice_shell_await(sluice_shell *shell, int descriptor, sluice_duration timeout)
{
    struct pollfd ready[] = {{.fd = shell->events.wake, .events = POLLIN},
                             {.fd = shell->events.signals, .events = POLLIN},
                             {.fd = descriptor, .events = POLLIN}};
    unsigned what = 0;
    if (poll(ready, SLUICE_COUNT(ready), milliseconds(timeout)) <= 0)
        return 0;
    if (ready[0].revents != 0 && read(shell->events.wake, &(uint64_t){0}, sizeof(uint64_t)) > 0)
        what |= SLUICE_SHELL_TOLD;
    if (ready[1].revents != 0)
        what |= take_signals(shell->events.signals);
    if (ready[2].revents != 0)
        what |= SLUICE_SHELL_READABLE;
    if ((what & SLUICE_SHELL_ENDED) != 0 || ((what & SLUICE_SHELL_INTERRUPTED) != 0 && !shell->interactive)) {
        if (shell->over && shell->abandon) /* again: at once */
            _exit(sluice_status_exit(SLUICE_EINTERRUPTED));
        shell->failure = sluice_status_exit(SLUICE_EINTERRUPTED);
        shell->over = shell->abandon = true;
        what |= SLUICE_SHELL_ENDED;
    }
    return what;
}

static void tell_item(sluice_shell *shell, const sluice_shell_item *item)
{
    if (item->exit_status != 0)
        sluice_shell_failed(shell, item->exit_status);
    if (item->sentence != NULL && !shell->interactive)
        sluice_screen_complain(item->sentence);
    if (item->line == NULL)
        return;
    if (item->failure && !shell->json && !shell->interactive)
        sluice_screen_complain(item->line);
    else
        printf("%s\n", item->line);
}

void sluice_shell_tell(sluice_shell *shell)
{
    pthread_mutex_lock(&shell->events.lock);
    sluice_shell_item *first = shell->events.first;
    size_t dropped = shell->events.dropped;
    shell->events.first = NULL;
    shell->events.end = &shell->events.first;
    shell->events.count = shell->events.dropped = 0;
    pthread_mutex_unlock(&shell->events.lock);
    for (const sluice_shell_item *item = first; item != NULL; item = item->next)
        tell_item(shell, item);
    free_items(first);
    if (dropped > 0)
        sluice_shell_complain(shell, "events came faster than they could be told: some were left out");
    fflush(stdout);
}

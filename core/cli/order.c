/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/order.h"

#include "cli/screen.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void interrupted(void *user, int signal, unsigned count)
{
    sluice_orders *orders = user;
    (void)signal;
    (void)count; /* those that came too late for what they were about are in it */
    bool again = atomic_exchange(&orders->heard, true);
    pthread_mutex_lock(&orders->lock);
    if (!again)
        sluice_screen_say("interrupted: ending%s; once more ends at once", orders->comfort);
    if (orders->current != NULL)
        orders->cancel(orders->current);
    pthread_mutex_unlock(&orders->lock);
    if (again)
        _exit(sluice_status_exit(SLUICE_EINTERRUPTED));
}

int sluice_orders_begin(sluice_orders *orders, sluice *library, sluice_error *error)
{
    *orders = (sluice_orders){.library = library, .comfort = ""};
    pthread_mutex_init(&orders->lock, NULL);
    return sluice_interrupt_begin(&orders->interrupt, SLUICE_HANGUP_ENDS, interrupted, orders, error);
}

void sluice_orders_end(sluice_orders *orders)
{
    sluice_interrupt_end(&orders->interrupt);
    pthread_mutex_destroy(&orders->lock);
}

bool sluice_orders_interrupted(const sluice_orders *orders)
{
    return atomic_load(&orders->heard);
}

/* A signal that came before there was anything to cancel counts too. */
void sluice_orders_current(sluice_orders *orders, void *current, void (*cancel)(void *current), const char *comfort)
{
    pthread_mutex_lock(&orders->lock);
    orders->current = current;
    orders->cancel = cancel;
    orders->comfort = comfort;
    if (current != NULL && sluice_orders_interrupted(orders))
        cancel(current);
    pthread_mutex_unlock(&orders->lock);
}

static void cancel_transfer(void *transfer)
{
    sluice_transfer_cancel(transfer);
}

static void say_warning(void *user, const sluice_event *event)
{
    (void)user;
    if (event->type == SLUICE_EVENT_WARNING)
        sluice_screen_say("warning: %s", event->message);
}

static bool somebody_says_warnings(const sluice_settings *settings)
{
    char word[64];
    const char *list = sluice_settings_get(settings, "report");
    if (sluice_screen_is_on(settings, "quiet") || sluice_screen_is_on(settings, "json"))
        return true;
    while (list != NULL && *list != '\0') {
        list += strspn(list, ", \t");
        size_t bytes = strcspn(list, ", \t");
        snprintf(word, sizeof word, "%.*s", (int)bytes, list);
        if (strcmp(word, "progress") == 0 || strcmp(word, "json") == 0)
            return true;
        list += bytes;
    }
    return false;
}

bool sluice_order_takes_output(const char *place)
{
    return place != NULL && (strcmp(place, "-") == 0 || strcmp(place, "stdio:") == 0 || strcmp(place, "tar:") == 0 ||
                             strcmp(place, "tar:-") == 0 || strncmp(place, "command:", 8) == 0);
}

sluice_order_event *sluice_order_warnings(const sluice_settings *settings)
{
    return somebody_says_warnings(settings) ? NULL : say_warning;
}

typedef struct telling {
    sluice_orders *orders;
    sluice_order_event *warnings;
    bool managed;
} telling;

/* Before managers are told. */
static void tell(void *user, const sluice_event *event)
{
    telling *self = user;
    if (event->type == SLUICE_EVENT_DONE && self->managed)
        sluice_interrupt_deafen(&self->orders->interrupt, true);
    if (self->warnings != NULL)
        self->warnings(NULL, event);
}

int sluice_order_run(sluice_orders *orders, const sluice_settings *settings, const char *name,
                     const char *const *sources, size_t source_count, const char *destination)
{
    sluice_error error = {0};
    sluice_transfer *transfer;
    telling listener = {.orders = orders, .warnings = sluice_order_warnings(settings),
                        .managed = sluice_settings_get(settings, "management") != NULL};
    const sluice_transfer_order order = {
        .size = sizeof order,
        .settings = settings,
        .sources = sources,
        .source_count = source_count,
        .destination = destination,
        .name = name,
        .event = tell,
        .user = &listener,
        .report = sluice_screen_spec(sluice_order_takes_output(destination), sluice_settings_get(settings, "progress"),
                                     sluice_screen_is_on(settings, "quiet"), sluice_screen_is_on(settings, "verbose")),
    };
    sluice_interrupt_deafen(&orders->interrupt, false);
    int status = sluice_transfer_start(orders->library, &order, &transfer, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(name, status, &error);
    sluice_orders_current(orders, transfer, cancel_transfer, ", what is there is kept for a resume");
    status = sluice_transfer_wait(transfer, NULL, &error);
    sluice_orders_current(orders, NULL, NULL, "");
    sluice_transfer_free(transfer);
    if (status == SLUICE_OK)
        return 0;
    int exit_status = sluice_screen_fail(name, status, &error);
    return sluice_orders_interrupted(orders) ? sluice_status_exit(SLUICE_EINTERRUPTED) : exit_status;
}

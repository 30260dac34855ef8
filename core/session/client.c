/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - one transfer as a client: its life, and what other threads ask of it.
 */
#include "session/client.h"

#include "base/clock.h"
#include "session/probe.h"
#include "session/watchers.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- the end ---- */

/* What is told when there was no session to tell it. */
void sluice_client_tell(sluice_transfer *transfer, sluice_event_type type, int status, const char *sentence)
{
    sluice_statistics statistics = {.size = sizeof statistics};
    sluice_time now = sluice_clock_now();
    statistics.duration_ns = now - transfer->started;
    sluice_event event = {
        .size = sizeof event,
        .type = type,
        .now = now,
        .name = transfer->name,
        .peer = transfer->peer,
        .direction = transfer->operands.push ? "push" : "pull",
        .state = type == SLUICE_EVENT_DONE ? "failed" : NULL,
        .status = status,
        .exit_status = sluice_status_exit(status),
        .message = sentence,
        .statistics = type == SLUICE_EVENT_DONE ? &statistics : NULL,
    };
    sluice_report_tell(transfer->report, &event);
}

void sluice_client_end(sluice_transfer *transfer, const sluice_error *error)
{
    pthread_mutex_lock(&transfer->lock);
    if (!transfer->over) {
        transfer->over = true;
        transfer->error = *error;
    }
    pthread_mutex_unlock(&transfer->lock);
    if (transfer->maker.make)
        transfer->maker.ended(transfer->maker.user, error);
    sluice_loop_stop(transfer->loop);
}

void sluice_client_end_without_session(sluice_transfer *transfer, int status, const char *sentence)
{
    sluice_error error = {0};
    if (transfer->ended)
        return;
    transfer->ended = true;
    sluice_fail(&error, transfer->cancelled ? SLUICE_EINTERRUPTED : status, "%s",
                transfer->cancelled ? "interrupted" : sentence);
    sluice_client_tell(transfer, SLUICE_EVENT_DONE, error.status, error.text);
    sluice_client_end(transfer, &error);
}

/* ---- control from other threads ---- */

void sluice_client_apply_rate(sluice_transfer *transfer)
{
    sluice_error error = {0};
    char policy[SLUICE_HELLO_NAME];
    if (!transfer->session) /* then it is looked at again when there is one */
        return;
    pthread_mutex_lock(&transfer->lock);
    bool changed = transfer->rate_changed;
    sluice_rate rate = transfer->new_rate, minimum = transfer->new_minimum;
    memcpy(policy, transfer->new_policy, sizeof policy);
    transfer->rate_changed = false;
    pthread_mutex_unlock(&transfer->lock);
    if (!changed)
        return;
    transfer->limits.target_bps = rate;
    transfer->limits.minimum_bps = minimum;
    if (sluice_session_rate(transfer->session, rate, minimum, policy, &error) != SLUICE_OK)
        sluice_client_tell(transfer, SLUICE_EVENT_WARNING, error.status, error.text);
}

void sluice_client_apply_pause(sluice_transfer *transfer)
{
    if (transfer->session)
        sluice_session_pause(transfer->session, atomic_load(&transfer->paused));
}

static void on_wake(void *user, unsigned directions)
{
    sluice_transfer *transfer = user;
    uint64_t count;
    (void)directions;
    while (read(transfer->wake_fd, &count, sizeof count) == (ssize_t)sizeof count)
        continue;
    sluice_client_apply_rate(transfer);
    sluice_client_apply_pause(transfer);
    sluice_client_apply_sources(transfer);
    if (!atomic_load(&transfer->cancel) || transfer->cancelled)
        return;
    transfer->cancelled = true;
    if (transfer->session)
        sluice_session_cancel(transfer->session, SLUICE_EINTERRUPTED,
                              transfer->maker.make
                                  ? "interrupted"
                                  : "interrupted; what arrived is kept, run the same command again to go on");
    else
        sluice_client_end_without_session(transfer, SLUICE_EINTERRUPTED, "interrupted");
}

void sluice_client_wake(sluice_transfer *transfer)
{
    uint64_t one = 1;
    int kept = errno;
    ssize_t written = write(transfer->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
    errno = kept;
}

/* ---- from the order to the connection ---- */

static int start_threads(sluice_transfer *transfer, sluice_error *error)
{
    int status = sluice_loop_new(&transfer->loop, error);
    if (status == SLUICE_OK)
        status = sluice_crew_begin(&transfer->crew, transfer->loop, SLUICE_CREW_EACH, error);
    if (status == SLUICE_OK)
        status = sluice_crew_join(&transfer->crew, &transfer->member, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_watch_new(&transfer->wake_watch, transfer->loop, transfer->wake_fd, on_wake, transfer);
    if (status == SLUICE_OK)
        status = sluice_watch_set(transfer->wake_watch, SLUICE_WATCH_READ);
    return status;
}

/* ---- what reports may ask ---- */

static int control_set(void *user, const char *key, const char *value, sluice_error *error)
{
    return sluice_transfer_set(user, key, value, error);
}

static void control_pause(void *user, bool paused)
{
    sluice_transfer_pause(user, paused);
}

static void control_cancel(void *user)
{
    sluice_transfer_cancel(user);
}

static int control_add(void *user, const char *path, const char *as, uint64_t from, uint64_t to, sluice_error *error)
{
    const sluice_transfer_path more = {.path = path, .as = as, .from = from, .to = to};
    return sluice_transfer_add(user, &more, error);
}

static int control_drop(void *user, const char *path, sluice_error *error)
{
    return sluice_transfer_drop(user, path, error);
}

static int control_no_more(void *user, sluice_error *error)
{
    return sluice_transfer_no_more(user, error);
}

static const sluice_report_control report_control = {.size = sizeof report_control,
                                                     .set = control_set,
                                                     .pause = control_pause,
                                                     .cancel = control_cancel,
                                                     .add = control_add,
                                                     .drop = control_drop,
                                                     .no_more = control_no_more};

static bool moves_files(const sluice_transfer *transfer)
{
    return !transfer->probing && !transfer->maker.make;
}

static int open_watchers(sluice_transfer *transfer, const sluice_transfer_order *order, sluice_error *error)
{
    const sluice_transfer_settings *options = transfer->options;
    sluice_report_spec spec = sluice_watchers_spec(&order->report);
    if (moves_files(transfer)) {
        spec.control = &report_control;
        spec.control_user = transfer;
        spec.direction = transfer->operands.push ? "push" : "pull";
        spec.source = order->source_count > 0 ? order->sources[0] : NULL;
        spec.destination = order->destination;
        spec.management = options->management;
        spec.management_user = options->management_user;
        spec.management_insecure = options->management_insecure;
        spec.management_cookie = options->management_cookie;
        spec.management_tags = options->management_tags;
        spec.management_extended = options->management_extended;
        spec.management_required = options->management_required;
        spec.persistent = transfer->sources.persistent;
        spec.manifest = options->manifest;
    }
    const sluice_watchers_named named = {
        .list = options->report,
        .json = options->json,
        .management = spec.management != NULL,
        .manifest = spec.manifest != NULL};
    return sluice_watchers_open(transfer->library, &named, &spec, order->event, order->user, &transfer->report, error);
}

static int prepare(sluice_transfer *transfer, const sluice_transfer_order *order, sluice_error *error)
{
    transfer->sources.persistent = order->persistent;
    int status = sluice_settings_copy(order->settings, &transfer->settings, error);
    if (status != SLUICE_OK)
        return status;
    transfer->options = sluice_settings_transfer(transfer->settings);
    transfer->limits = (sluice_limits){
        .target_bps = transfer->options->rate, .minimum_bps = transfer->options->min_rate, .weight = 1};
    snprintf(transfer->congestion, sizeof transfer->congestion, "%s", sluice_settings_congestion(transfer->settings));
    status = sluice_settings_check(transfer->settings, error);
    if (status == SLUICE_OK && order->name && !(transfer->name = strdup(order->name)))
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory for a transfer");
    if (status == SLUICE_OK && transfer->probing)
        status = sluice_probe_operands(transfer, error);
    else if (status == SLUICE_OK && transfer->maker.make)
        status = sluice_operands_server(&transfer->operands, order->destination, error);
    else if (status == SLUICE_OK)
        status = sluice_client_read_operands(transfer, order, error);
    if (status == SLUICE_OK)
        status = open_watchers(transfer, order, error);
    return status;
}

static int check_plugin(sluice_transfer *transfer, sluice_kind kind, const char *name, sluice_error *error)
{
    sluice_module *module;
    int status = sluice_registry_load(transfer->library->registry, kind, name, &module, error);
    if (status == SLUICE_OK)
        sluice_registry_release(transfer->library->registry, module);
    return status;
}

/* Plugins that the session will need: what is wrong with them is better known before the server knows of us. */
static int check_plugins(sluice_transfer *transfer, sluice_error *error)
{
    const char *transport = transfer->options->transport;
    int status = check_plugin(transfer, SLUICE_CONGESTION, transfer->congestion, error);
    if (status == SLUICE_OK && strcmp(transport, "auto") != 0)
        status = check_plugin(transfer, SLUICE_TRANSPORT, transport, error);
    return status;
}

/* Managers that are connected by now may already change rates and add sources. */
static int fill_request(sluice_transfer *transfer, sluice_error *error)
{
    pthread_mutex_lock(&transfer->lock);
    int status = sluice_client_fill_request(transfer, error);
    pthread_mutex_unlock(&transfer->lock);
    return status;
}

/* What can fail before anything is on the network; each failure is told as the transfer's end. */
static int begin(sluice_transfer *transfer, sluice_error *error)
{
    int status = check_plugins(transfer, error);
    if (status == SLUICE_OK)
        status = sluice_client_find_server(transfer, error);
    if (status == SLUICE_OK && !transfer->maker.make)
        status = fill_request(transfer, error);
    if (status == SLUICE_OK)
        status = sluice_suite_gather(transfer->library, transfer->options->crypto, transfer->options->cipher,
                                     &transfer->suite, error);
    if (status == SLUICE_OK && !transfer->maker.make)
        status = sluice_client_make_store(transfer, error);
    if (status == SLUICE_OK)
        status = start_threads(transfer, error);
    if (status == SLUICE_OK && transfer->probing)
        status = sluice_probe_connecting(transfer, error);
    if (status == SLUICE_OK) {
        sluice_client_tell(transfer, SLUICE_EVENT_CONNECTING, SLUICE_OK, "");
        status = sluice_client_connect(transfer, false, error);
    }
    if (status == SLUICE_OK)
        status = sluice_loop_thread(&transfer->thread, transfer->loop, "sluice-copy", error);
    return status;
}

int sluice_transfer_start(sluice *instance, const sluice_transfer_order *order, sluice_transfer **out,
                          sluice_error *error)
{
    return sluice_client_start(instance, order, NULL, out, error);
}

/* Never in the place of a standard stream that is closed: a source would take it for that. */
static int wake_fd_new(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int kept = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (fd >= 0)
        close(fd);
    return kept;
}

static int start(sluice *instance, const sluice_transfer_order *given, sluice_probing *probing,
                 const sluice_cargo_maker *maker, sluice_transfer **out, sluice_error *error)
{
    sluice_error why = {0};
    /* The caller may know a shorter one. */
    sluice_transfer_order whole = {0}, *order = &whole;
    memcpy(order, given, given->size < sizeof whole ? given->size : sizeof whole);
    sluice_transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer) {
        sluice_probe_release(probing);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a transfer");
    }
    transfer->probing = probing;
    transfer->maker = *maker;
    transfer->library = instance;
    transfer->log = sluice_library_log(instance);
    transfer->started = sluice_clock_now();
    transfer->wake_fd = wake_fd_new();
    transfer->statistics.size = sizeof transfer->statistics;
    pthread_mutex_init(&transfer->lock, NULL);
    sluice_request_init(&transfer->request);
    int status = transfer->wake_fd >= 0 ? prepare(transfer, order, &why)
                                        : sluice_fail(&why, SLUICE_EIO, "cannot make an eventfd: %s", strerror(errno));
    if (status == SLUICE_OK) {
        status = begin(transfer, &why);
        if (status != SLUICE_OK)
            sluice_client_tell(transfer, SLUICE_EVENT_DONE, status, why.text);
    }
    if (status != SLUICE_OK) {
        sluice_transfer_free(transfer);
        return sluice_fail(error, status, "%s", why.text);
    }
    *out = transfer;
    return SLUICE_OK;
}

int sluice_client_start(sluice *instance, const sluice_transfer_order *order, sluice_probing *probing,
                        sluice_transfer **out, sluice_error *error)
{
    return start(instance, order, probing, &(sluice_cargo_maker){0}, out, error);
}

int sluice_client_start_streams(sluice *instance, const sluice_transfer_order *order, const sluice_cargo_maker *maker,
                                sluice_transfer **out, sluice_error *error)
{
    return start(instance, order, NULL, maker, out, error);
}

void sluice_transfer_cancel(sluice_transfer *transfer)
{
    atomic_store(&transfer->cancel, true);
    sluice_client_wake(transfer);
}

void sluice_transfer_pause(sluice_transfer *transfer, bool paused)
{
    atomic_store(&transfer->paused, paused);
    sluice_client_wake(transfer);
}

int sluice_transfer_set(sluice_transfer *transfer, const char *key, const char *value, sluice_error *error)
{
    bool live = strcmp(key, "rate") == 0 || strcmp(key, "min-rate") == 0 || strcmp(key, "policy") == 0 ||
                strcmp(key, "congestion") == 0;
    /* The loop's thread reads all others without the lock. */
    if (!live)
        return sluice_fail(error, SLUICE_EUSAGE, "%s cannot be changed while a transfer runs", key);
    pthread_mutex_lock(&transfer->lock);
    int status = sluice_settings_set(transfer->settings, key, value, error);
    if (status == SLUICE_OK) {
        transfer->new_rate = transfer->options->rate;
        transfer->new_minimum = transfer->options->min_rate;
        snprintf(transfer->new_policy, sizeof transfer->new_policy, "%s",
                 sluice_settings_congestion(transfer->settings));
        transfer->rate_changed = true;
    }
    pthread_mutex_unlock(&transfer->lock);
    if (status == SLUICE_OK)
        sluice_client_wake(transfer);
    return status;
}

int sluice_transfer_wait(sluice_transfer *transfer, sluice_statistics *out, sluice_error *error)
{
    if (transfer->thread) {
        sluice_thread_free(transfer->thread);
        transfer->thread = NULL;
    }
    pthread_mutex_lock(&transfer->lock);
    if (!transfer->over) {
        transfer->over = true;
        sluice_fail(&transfer->error, SLUICE_EIO, "the event loop failed: %s",
                    sluice_status_text(sluice_loop_status(transfer->loop)));
    }
    if (out)
        *out = transfer->statistics;
    int status = transfer->error.status;
    if (status != SLUICE_OK)
        sluice_fail(error, status, "%s", transfer->error.text);
    pthread_mutex_unlock(&transfer->lock);
    return status;
}

void sluice_transfer_free(sluice_transfer *transfer)
{
    if (!transfer)
        return;
    if (transfer->thread) {
        sluice_transfer_cancel(transfer);
        sluice_transfer_wait(transfer, NULL, NULL);
    }
    sluice_client_disconnect(transfer);
    sluice_probe_release(transfer->probing);
    sluice_watch_free(transfer->wake_watch);
    sluice_crew_leave(&transfer->member);
    sluice_crew_end(&transfer->crew);
    if (transfer->loop)
        sluice_loop_free(transfer->loop);
    /* Reports may ask for something until they are ended. */
    sluice_report_free(transfer->report);
    if (transfer->wake_fd >= 0)
        close(transfer->wake_fd);
    sluice_store_fini(&transfer->store);
    sluice_request_fini(&transfer->request);
    sluice_client_sources_fini(&transfer->sources);
    sluice_operands_fini(&transfer->operands);
    sluice_ticket_wipe(&transfer->ticket);
    sluice_settings_free(transfer->settings);
    free(transfer->name);
    pthread_mutex_destroy(&transfer->lock);
    free(transfer);
}

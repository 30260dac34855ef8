/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - one transfer as a client: from the order over the set-up to a session, on a loop thread of its own.
 */
#include "base/clock.h"
#include "net/secure.h"
#include "net/tls.h"
#include "plugin/library.h"
#include "session/operands.h"
#include "session/session.h"
#include "session/suite.h"
#include "session/watchers.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define POOL_THREADS 4
#define CONNECT_TIMEOUT_NS (20 * SLUICE_SECOND)
#define ATTEMPTS 5                /* after the first, when the connection is cut before the handshake is done */
#define AGAIN_NS (50 * SLUICE_MS) /* doubled each time, and up to as much again by chance */

struct sluice_transfer {
    sluice *library;
    sluice_settings *settings;
    const sluice_transfer_settings *options; /* of settings */
    sluice_log *log;
    char *name;
    sluice_time started;

    sluice_operands operands;
    sluice_request request;
    sluice_store store;
    sluice_suite suite;
    sluice_ticket ticket;
    char congestion[SLUICE_HELLO_NAME];
    char host[SLUICE_ADDRESS_HOST];
    char peer[SLUICE_ADDRESS_HOST + 16]; /* host:port, for sentences and events */
    uint16_t port;

    sluice_loop *loop;
    sluice_thread *thread;
    sluice_pool *pool;
    sluice_crew crew;
    sluice_report *report;
    sluice_tls *tls;
    sluice_datagram *datagram;
    sluice_session *session;
    uint64_t connection_id;
    bool ready, answered; /* the handshake is done; the server has spoken */
    unsigned attempts;    /* to connect that were cut short so far */
    sluice_timer *again;

    int wake_fd; /* eventfd: cancel may be called from signal handlers */
    sluice_watch *wake_watch;
    atomic_bool cancel;
    bool cancelled;
    bool ended; /* without a session, and told; the loop may still have something in hand */

    sluice_limits limits; /* target and minimum, as the loop's thread knows them */

    pthread_mutex_t lock; /* guards what follows, which other threads see, and the runtime options of settings */
    bool over;
    sluice_statistics statistics;
    sluice_error error;

    bool rate_changed; /* values for the loop */
    sluice_rate new_rate, new_minimum;
    char new_policy[SLUICE_HELLO_NAME];
};

/* ---- the end ---- */

/* What is told when there was no session to tell it. */
static void tell_without_session(sluice_transfer *transfer, sluice_event_type type, int status, const char *sentence)
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

static void end(sluice_transfer *transfer, const sluice_error *error)
{
    pthread_mutex_lock(&transfer->lock);
    if (!transfer->over) {
        transfer->over = true;
        transfer->error = *error;
    }
    pthread_mutex_unlock(&transfer->lock);
    sluice_loop_stop(transfer->loop);
}

static void end_without_session(sluice_transfer *transfer, int status, const char *sentence)
{
    sluice_error error = {0};
    if (transfer->ended)
        return;
    transfer->ended = true;
    sluice_fail(&error, transfer->cancelled ? SLUICE_EINTERRUPTED : status, "%s",
                transfer->cancelled ? "interrupted" : sentence);
    tell_without_session(transfer, SLUICE_EVENT_DONE, error.status, error.text);
    end(transfer, &error);
}

static void on_session_ended(void *user, int status)
{
    sluice_transfer *transfer = user;
    sluice_statistics statistics;
    (void)status;
    sluice_session_statistics(transfer->session, &statistics);
    pthread_mutex_lock(&transfer->lock);
    transfer->statistics = statistics;
    pthread_mutex_unlock(&transfer->lock);
    end(transfer, sluice_session_error(transfer->session));
}

/* ---- set-up: hello and answer ---- */

static void on_session_ready(void *user)
{
    sluice_transfer *transfer = user;
    if (transfer->tls)
        sluice_tls_finish(transfer->tls);
}

static const sluice_session_calls session_calls = {.ready = on_session_ready, .ended = on_session_ended};

static int open_datagram(sluice_transfer *transfer, const sluice_welcome_message *welcome, sluice_address *peer,
                         sluice_error *error)
{
    *peer = *sluice_tls_peer(transfer->tls);
    sluice_address_port_set(peer, (uint16_t)welcome->port);
    sluice_datagram_setup setup = {.peer = peer};
    return sluice_datagram_new(&transfer->datagram, transfer->loop, &setup, error);
}

/* The user's, under what the server allows who pushes. */
static sluice_limits limits_under(sluice_limits limits, sluice_rate most)
{
    if (most && (limits.target_bps == 0 || limits.target_bps > most))
        limits.target_bps = most;
    if (limits.target_bps && limits.minimum_bps > limits.target_bps)
        limits.minimum_bps = limits.target_bps;
    return limits;
}

static int make_session(sluice_transfer *transfer, const sluice_welcome_message *welcome, sluice_error *error)
{
    const sluice_transfer_settings *options = transfer->options;
    uint8_t secret[SLUICE_SECRET_BYTES];
    sluice_address peer;
    sluice_keys keys;
    const char *crypto = sluice_suite_plugin(&transfer->suite, welcome->cipher);
    if (!crypto)
        return sluice_fail(error, SLUICE_ECIPHER, "%s: the server chose cipher %s, which was not offered",
                           transfer->peer, welcome->cipher);
    int status = open_datagram(transfer, welcome, &peer, error);
    if (status == SLUICE_OK) {
        status = sluice_tls_export(transfer->tls, SLUICE_EXPORTER_LABEL, secret, sizeof secret);
        if (status != SLUICE_OK)
            return sluice_fail(error, status, "cannot derive the session's keys: %s", sluice_status_text(status));
    }
    if (status != SLUICE_OK)
        return status;
    sluice_keys_init(&keys, secret, welcome->session_id);
    sluice_secure_cleanse(secret, sizeof secret);
    sluice_session_setup setup = {
        .library = transfer->library,
        .loop = transfer->loop,
        .log = transfer->log,
        .crew = &transfer->crew,
        .report = transfer->report,
        .role = SLUICE_CLIENT,
        .datagram = transfer->datagram,
        .peer = &peer,
        .peer_text = transfer->peer,
        .name = transfer->name,
        .keys = &keys,
        .local_id = transfer->connection_id,
        .remote_id = welcome->connection_id,
        .transport = welcome->transport,
        .crypto = crypto,
        .cipher = welcome->cipher,
        .congestion = transfer->congestion,
        .limits = limits_under(transfer->limits, welcome->rate_most),
        .max_rate = welcome->rate_most,
        .datagram_most = welcome->datagram_most < SLUICE_SESSION_DATAGRAM_MOST ? welcome->datagram_most
                                                                              : SLUICE_SESSION_DATAGRAM_MOST,
        .memory_bytes = options->memory,
        .receive_bytes = options->memory,
        .peer_receive_bytes = welcome->receive_bytes,
        .peer_ordered_bytes = welcome->ordered_bytes,
        .timeout_ns = options->timeout,
        .initial_rtt_ns = sluice_tls_rtt(transfer->tls),
        .started = transfer->started,
        .request = &transfer->request,
        .calls = &session_calls,
        .user = transfer,
    };
    status = sluice_session_new(&setup, &transfer->session, error);
    sluice_keys_fini(&keys);
    return status;
}

/* What other threads have changed since the last time. */
static void apply_rate(sluice_transfer *transfer)
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
    if (sluice_session_rate(transfer->session, rate, minimum, policy, &error) != SLUICE_OK)
        tell_without_session(transfer, SLUICE_EVENT_WARNING, error.status, error.text);
}

static int begin_session(sluice_transfer *transfer, const sluice_welcome_message *welcome, sluice_error *error)
{
    if (welcome->datagram_most < SLUICE_SESSION_DATAGRAM_LEAST || strcmp(welcome->transport, "udp") != 0)
        return sluice_fail(error, SLUICE_EPROTOCOL, "%s: the server's welcome makes no sense", transfer->peer);
    int status = make_session(transfer, welcome, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_session_start(transfer->session, error);
    if (status == SLUICE_OK)
        status = sluice_session_attach(transfer->session, &transfer->store, error);
    if (status != SLUICE_OK)
        return status;
    memset(&transfer->store, 0, sizeof transfer->store);
    apply_rate(transfer);
    return SLUICE_OK;
}

static void on_message(void *user, const uint8_t *bytes, size_t count)
{
    sluice_transfer *transfer = user;
    sluice_hello_type type;
    sluice_welcome_message welcome;
    sluice_refuse_message refuse;
    sluice_error error = {0}, named;
    if (transfer->answered || transfer->ended)
        return;
    transfer->answered = true;
    int status = sluice_answer_get(bytes, count, &type, &welcome, &refuse, &error);
    if (status == SLUICE_OK && type == SLUICE_REFUSE)
        status = sluice_fail(&error, refuse.status, "%s", refuse.sentence);
    else if (status == SLUICE_OK)
        status = begin_session(transfer, &welcome, &error);
    if (status == SLUICE_OK)
        return;
    sluice_session_free(transfer->session);
    transfer->session = NULL;
    sluice_fail(&named, status, "%s: %.900s", transfer->peer, error.text);
    end_without_session(transfer, status, named.text);
}

static void fill_hello(sluice_transfer *transfer, sluice_hello_message *hello)
{
    hello->version_least = hello->version_most = SLUICE_PROTOCOL_VERSION;
    snprintf(hello->software, sizeof hello->software, "sluice %s", sluice_version());
    memcpy(hello->ticket_id, transfer->ticket.id, sizeof hello->ticket_id);
    hello->connection_id = transfer->connection_id;
    memcpy(hello->ciphers, transfer->suite.offers, sizeof hello->ciphers);
    hello->cipher_count = transfer->suite.count;
    snprintf(hello->transport, sizeof hello->transport, "udp");
    snprintf(hello->congestion, sizeof hello->congestion, "%s", transfer->congestion);
    hello->push = transfer->operands.push;
    hello->target_bps = transfer->limits.target_bps;
    hello->minimum_bps = transfer->limits.minimum_bps;
    hello->datagram_most = SLUICE_SESSION_DATAGRAM_MOST;
    hello->receive_bytes = transfer->options->memory;
    hello->ordered_bytes = SLUICE_SESSION_ORDERED_BYTES;
    hello->timeout_ns = transfer->options->timeout;
}

static void on_ready(void *user)
{
    sluice_transfer *transfer = user;
    sluice_hello_message hello = {0};
    sluice_wire_writer writer = {0};
    uint8_t exported[SLUICE_SHA256_BYTES];
    transfer->ready = true;
    fill_hello(transfer, &hello);
    int status = sluice_tls_export(transfer->tls, SLUICE_EXPORTER_PROOF, exported, sizeof exported);
    if (status == SLUICE_OK)
        status = sluice_hello_prove(transfer->ticket.secret, exported, hello.proof);
    sluice_secure_cleanse(exported, sizeof exported);
    sluice_hello_put(&hello, &writer);
    if (status == SLUICE_OK)
        status = writer.failed ? SLUICE_ENOMEM : sluice_tls_send(transfer->tls, writer.bytes, writer.size);
    sluice_wire_writer_fini(&writer);
    if (status != SLUICE_OK)
        end_without_session(transfer, status, sluice_status_text(status));
}

static int connect_to_server(sluice_transfer *transfer, sluice_error *error);

/* A server that has as many strangers from one host as it takes turns others away at once: one of many commands started
 * together comes again a moment later. */
static bool try_again(sluice_transfer *transfer, bool reached)
{
    uint64_t random = 0;
    if (!reached || transfer->answered || transfer->ready || transfer->attempts >= ATTEMPTS ||
        sluice_secure_random(&random, sizeof random) != SLUICE_OK)
        return false;
    sluice_duration wait_ns = AGAIN_NS << transfer->attempts++;
    sluice_timer_set(transfer->again, sluice_loop_now(transfer->loop) + wait_ns + random % wait_ns);
    return true;
}

static void on_again(void *user, sluice_time now)
{
    sluice_transfer *transfer = user;
    sluice_error error = {0};
    (void)now;
    if (transfer->cancelled)
        return;
    int status = connect_to_server(transfer, &error);
    if (status != SLUICE_OK)
        end_without_session(transfer, status, error.text);
}

static void on_closed(void *user, const sluice_error *error)
{
    sluice_transfer *transfer = user;
    sluice_error named = *error;
    const sluice_address *peer = sluice_tls_peer(transfer->tls);
    bool reached = error->status == SLUICE_ECONNECT && peer && !sluice_address_is_none(peer);
    sluice_tls_free(transfer->tls);
    transfer->tls = NULL;
    if (transfer->session || try_again(transfer, reached))
        return;
    if (error->status == SLUICE_ECLOSED)
        sluice_fail(&named, SLUICE_ECONNECT, "%s: the server closed the connection without an answer", transfer->peer);
    end_without_session(transfer, named.status, named.text);
}

static const sluice_tls_calls tls_calls = {.ready = on_ready, .message = on_message, .closed = on_closed};

/* ---- control from other threads ---- */

static void on_wake(void *user, unsigned directions)
{
    sluice_transfer *transfer = user;
    uint64_t count;
    (void)directions;
    while (read(transfer->wake_fd, &count, sizeof count) == (ssize_t)sizeof count)
        continue;
    apply_rate(transfer);
    if (!atomic_load(&transfer->cancel) || transfer->cancelled)
        return;
    transfer->cancelled = true;
    if (transfer->session)
        sluice_session_cancel(transfer->session, SLUICE_EINTERRUPTED,
                              "interrupted; what arrived is kept, run the same command again to go on");
    else
        end_without_session(transfer, SLUICE_EINTERRUPTED, "interrupted");
}

static void wake(sluice_transfer *transfer)
{
    uint64_t one = 1;
    int kept = errno;
    ssize_t written = write(transfer->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
    errno = kept;
}

/* ---- from the order to the connection ---- */

static bool is_plugin(void *user, sluice_kind kind, const char *name)
{
    sluice_transfer *transfer = user;
    sluice_module *module;
    if (sluice_registry_load(transfer->library->registry, kind, name, &module, NULL) != SLUICE_OK)
        return false;
    sluice_registry_release(transfer->library->registry, module);
    return true;
}

static int read_operands(sluice_transfer *transfer, const sluice_transfer_order *order, sluice_error *error)
{
    sluice_operands_order ask = {
        .sources = order->sources,
        .source_count = order->source_count,
        .destination = order->destination,
        .file_list = transfer->options->file_list,
        .pair_list = transfer->options->pair_list,
        .null = transfer->options->null,
        .is_plugin = is_plugin,
        .user = transfer,
    };
    return sluice_operands_read(&transfer->operands, &ask, error);
}

static int request_rules(sluice_transfer *transfer)
{
    const char *line = transfer->options->filters;
    int status = SLUICE_OK;
    while (line && *line && status == SLUICE_OK) {
        const char *end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - line) : strlen(line);
        char *pattern = length > 1 ? strndup(line + 1, length - 1) : NULL;
        if (length > 1)
            status = pattern ? sluice_request_rule_add(&transfer->request, line[0] == '+', pattern) : SLUICE_ENOMEM;
        free(pattern);
        line = end ? end + 1 : NULL;
    }
    return status;
}

static int request_paths(sluice_transfer *transfer)
{
    sluice_request *request = &transfer->request;
    const sluice_operands *operands = &transfer->operands;
    int status = SLUICE_OK;
    if (operands->push)
        status = sluice_request_destination_set(request, operands->destination);
    if (status == SLUICE_OK && operands->argument)
        status = sluice_request_argument_set(request, operands->argument);
    for (size_t i = 0; i < operands->count && status == SLUICE_OK; i++)
        status = sluice_request_operand_add(request, operands->operands[i].path, operands->operands[i].as);
    return status;
}

static void request_symlinks(sluice_transfer *transfer)
{
    sluice_request *request = &transfer->request;
    const char *word = transfer->options->symlinks;
    request->tree_symlinks = SLUICE_SYMLINKS_COPY;
    request->named_symlinks =
        request->preserve & SLUICE_PRESERVE_LINKS ? SLUICE_SYMLINKS_COPY : SLUICE_SYMLINKS_FOLLOW;
    if (!word || !*word)
        return;
    sluice_symlinks both = strcmp(word, "follow") == 0 ? SLUICE_SYMLINKS_FOLLOW
                           : strcmp(word, "skip") == 0 ? SLUICE_SYMLINKS_SKIP
                                                       : SLUICE_SYMLINKS_COPY;
    request->tree_symlinks = request->named_symlinks = both;
}

static int fill_request(sluice_transfer *transfer, sluice_error *error)
{
    const sluice_transfer_settings *options = transfer->options;
    sluice_request *request = &transfer->request;
    request->push = transfer->operands.push;
    request->single = transfer->operands.single;
    request->explicit_names = transfer->operands.explicit_names;
    request->make_parents = options->mkdir;
    request->preserve = sluice_settings_preserve(transfer->settings);
    request->overwrite = (sluice_overwrite)options->overwrite;
    request->resume = (sluice_resume)options->resume;
    request->sync = (sluice_sync)options->sync;
    request->checksum = (sluice_checksum)options->checksum;
    request->target_bps = options->rate;
    request->minimum_bps = options->min_rate;
    request_symlinks(transfer);
    int status = sluice_secure_random(&request->seed, sizeof request->seed);
    if (status == SLUICE_OK)
        status = request_paths(transfer);
    if (status == SLUICE_OK)
        status = request_rules(transfer);
    if (status == SLUICE_OK)
        status = sluice_request_congestion_set(request, transfer->congestion);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot make the request: %s", sluice_status_text(status));
    return SLUICE_OK;
}

static int make_store(sluice_transfer *transfer, sluice_error *error)
{
    const sluice_operands *operands = &transfer->operands;
    if (operands->push)
        return sluice_store_source(transfer->library, operands->plugin, NULL, &transfer->request, POOL_THREADS,
                                   &transfer->store, error);
    return sluice_store_sink(transfer->library, operands->plugin, NULL, operands->destination, &transfer->request,
                             POOL_THREADS, &transfer->store, error);
}

static int choose_host(sluice_transfer *transfer, sluice_error *error)
{
    const sluice_operands *operands = &transfer->operands;
    snprintf(transfer->host, sizeof transfer->host, "%s", operands->host);
    transfer->port = operands->port;
    if (transfer->host[0] == '\0') {
        if (transfer->ticket.address_count == 0)
            return sluice_fail(error, SLUICE_EUSAGE, "neither the address nor the ticket names a host");
        int status = sluice_address_split(transfer->ticket.addresses[0], SLUICE_DEFAULT_PORT, transfer->host,
                                          &transfer->port, error);
        if (status != SLUICE_OK)
            return status;
    }
    if (strchr(transfer->host, ':'))
        snprintf(transfer->peer, sizeof transfer->peer, "[%s]:%u", transfer->host, (unsigned)transfer->port);
    else
        snprintf(transfer->peer, sizeof transfer->peer, "%s:%u", transfer->host, (unsigned)transfer->port);
    return SLUICE_OK;
}

static int load_ticket(sluice_transfer *transfer, sluice_error *error)
{
    char path[PATH_MAX];
    int status = SLUICE_OK;
    if (transfer->options->ticket_file)
        snprintf(path, sizeof path, "%s", transfer->options->ticket_file);
    else
        status = sluice_ticket_default_path(path, sizeof path, error);
    if (status == SLUICE_OK)
        status = sluice_ticket_read(path, &transfer->ticket, error);
    if (status != SLUICE_OK)
        return status;
    if (sluice_ticket_expired(&transfer->ticket, (uint64_t)time(NULL)))
        return sluice_fail(error, SLUICE_EAUTH, "%s: the ticket has expired", path);
    return SLUICE_OK;
}

static int start_threads(sluice_transfer *transfer, sluice_error *error)
{
    int status = sluice_loop_new(&transfer->loop, error);
    if (status == SLUICE_OK)
        status = sluice_pool_new(POOL_THREADS, "sluice-pool", &transfer->pool, error);
    if (status != SLUICE_OK)
        return status;
    transfer->crew = (sluice_crew){.pool = transfer->pool, .loop = transfer->loop};
    transfer->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (transfer->wake_fd < 0)
        return sluice_fail(error, SLUICE_EIO, "cannot make an eventfd: %s", strerror(errno));
    status = sluice_watch_new(&transfer->wake_watch, transfer->loop, transfer->wake_fd, on_wake, transfer);
    if (status == SLUICE_OK)
        status = sluice_watch_set(transfer->wake_watch, SLUICE_WATCH_READ);
    return status;
}

static int connect_to_server(sluice_transfer *transfer, sluice_error *error)
{
    uint8_t pin[SLUICE_FINGERPRINT_BYTES];
    sluice_tls_connect_setup setup = {
        .host = transfer->host,
        .port = transfer->port,
        .fingerprint = transfer->ticket.key,
        .timeout_ns = CONNECT_TIMEOUT_NS,
    };
    int status = SLUICE_OK;
    if (transfer->options->pin) {
        status = sluice_fingerprint_parse(transfer->options->pin, pin, error);
        setup.fingerprint = pin;
    }
    if (status != SLUICE_OK)
        return status;
    return sluice_tls_connect(&transfer->tls, transfer->loop, &setup, &tls_calls, transfer, error);
}

static int start_connecting(sluice_transfer *transfer, sluice_error *error)
{
    int status = sluice_secure_random(&transfer->connection_id, sizeof transfer->connection_id);
    if (status == SLUICE_OK)
        status = sluice_timer_new(&transfer->again, transfer->loop, on_again, transfer);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot connect: %s", sluice_status_text(status));
    tell_without_session(transfer, SLUICE_EVENT_CONNECTING, SLUICE_OK, "");
    return connect_to_server(transfer, error);
}

static int prepare(sluice_transfer *transfer, const sluice_transfer_order *order, sluice_error *error)
{
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
    if (status == SLUICE_OK)
        status = read_operands(transfer, order, error);
    if (status == SLUICE_OK)
        status = sluice_watchers_open(transfer->library, transfer->options->report, transfer->options->json,
                                      &order->report, order->event, order->user, &transfer->report, error);
    return status;
}

/* Plugins that the session will need: what is wrong with them is better known before the server knows of us. */
static int check_congestion(sluice_transfer *transfer, sluice_error *error)
{
    sluice_module *module;
    int status = sluice_registry_load(transfer->library->registry, SLUICE_CONGESTION, transfer->congestion, &module,
                                      error);
    if (status == SLUICE_OK)
        sluice_registry_release(transfer->library->registry, module);
    return status;
}

/* What can fail before anything is on the network; each failure is told as the transfer's end. */
static int begin(sluice_transfer *transfer, sluice_error *error)
{
    int status = check_congestion(transfer, error);
    if (status == SLUICE_OK)
        status = load_ticket(transfer, error);
    if (status == SLUICE_OK)
        status = choose_host(transfer, error);
    if (status == SLUICE_OK)
        status = fill_request(transfer, error);
    if (status == SLUICE_OK)
        status = sluice_suite_gather(transfer->library, transfer->options->crypto, transfer->options->cipher,
                                     &transfer->suite, error);
    if (status == SLUICE_OK)
        status = make_store(transfer, error);
    if (status == SLUICE_OK)
        status = start_threads(transfer, error);
    if (status == SLUICE_OK)
        status = start_connecting(transfer, error);
    if (status == SLUICE_OK)
        status = sluice_loop_thread(&transfer->thread, transfer->loop, "sluice-copy", error);
    return status;
}

int sluice_transfer_start(sluice *instance, const sluice_transfer_order *order, sluice_transfer **out,
                          sluice_error *error)
{
    sluice_error why = {0};
    sluice_transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a transfer");
    transfer->library = instance;
    transfer->log = sluice_library_log(instance);
    transfer->started = sluice_clock_now();
    transfer->wake_fd = -1;
    transfer->statistics.size = sizeof transfer->statistics;
    pthread_mutex_init(&transfer->lock, NULL);
    sluice_request_init(&transfer->request);
    int status = prepare(transfer, order, &why);
    if (status == SLUICE_OK) {
        status = begin(transfer, &why);
        if (status != SLUICE_OK)
            tell_without_session(transfer, SLUICE_EVENT_DONE, status, why.text);
    }
    if (status != SLUICE_OK) {
        sluice_transfer_free(transfer);
        return sluice_fail(error, status, "%s", why.text);
    }
    *out = transfer;
    return SLUICE_OK;
}

void sluice_transfer_cancel(sluice_transfer *transfer)
{
    atomic_store(&transfer->cancel, true);
    wake(transfer);
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
        wake(transfer);
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
    sluice_session_free(transfer->session);
    sluice_tls_free(transfer->tls);
    sluice_datagram_free(transfer->datagram);
    sluice_watch_free(transfer->wake_watch);
    sluice_timer_free(transfer->again);
    sluice_pool_free(transfer->pool);
    if (transfer->loop)
        sluice_loop_free(transfer->loop);
    if (transfer->wake_fd >= 0)
        close(transfer->wake_fd);
    sluice_report_free(transfer->report);
    sluice_store_fini(&transfer->store);
    sluice_request_fini(&transfer->request);
    sluice_operands_fini(&transfer->operands);
    sluice_ticket_wipe(&transfer->ticket);
    sluice_settings_free(transfer->settings);
    free(transfer->name);
    pthread_mutex_destroy(&transfer->lock);
    free(transfer);
}

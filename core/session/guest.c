/* SPDX-License-Identifier: Apache-2.0 */
#include "session/guest.h"
#include "net/secure.h"
#include "session/logbook.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of a server that receives: its own packets are reports, for which any control will do. */
#define DEFAULT_CONTROL "fair"

#define CONTENTION_NS (15 * SLUICE_SECOND) /* after an admission */
#define CONTENTION_STEP_NS (250 * SLUICE_MS)
/* And four round trips.  A live peer is heard at least once a second: PROGRESS goes both ways and is reported. */
#define DEAD_NS (2500 * SLUICE_MS)

/* A client that pushes keeps to its ticket's rate by itself.  One that does not is ended once it has sent, beyond that
 * rate and a tenth more, what takes so long at it, and so many bits at least. */
#define EXCESS_SHARE 1.1
#define EXCESS_S 5
#define EXCESS_BITS 8e6

struct sluice_guest {
    sluice_server *server;
    sluice_guest *next;
    sluice_tls *tls; /* NULL when the set-up channel is gone */
    sluice_session *session;
    char peer[SLUICE_ADDRESS_TEXT];
    sluice_address from;
    uint64_t number; /* of the session, in order of admission */
    sluice_permit *permit; /* what it was admitted as; once it asks for something, what it may then do */
    sluice_logbook_guest names;
    sluice_time measured;    /* when what follows was looked at */
    uint64_t measured_bytes; /* IP bytes that had come */
    double excess_bits;      /* beyond the permitted rate, as a leaky bucket has them */
    const sluice_request *request;
    bool answered; /* a hello was judged: nothing more is expected on the set-up channel */

    sluice_task making; /* makes the store on the pool */
    bool making_busy;
    int made_status;
    sluice_error made_error;
    sluice_store store;

    bool session_ended;
    sluice_post reap; /* frees it outside of its own callbacks */
    bool reap_posted;
};

/* ---- the end ---- */

static void unlink_guest(sluice_guest *guest)
{
    for (sluice_guest **at = &guest->server->guests; *at; at = &(*at)->next) {
        if (*at == guest) {
            *at = guest->next;
            return;
        }
    }
}

static void reap(sluice_post *post)
{
    sluice_guest *guest = (sluice_guest *)(void *)((char *)post - offsetof(sluice_guest, reap));
    sluice_server *server = guest->server;
    bool served = guest->session != NULL;
    unlink_guest(guest);
    sluice_session_free(guest->session);
    sluice_store_fini(&guest->store);
    sluice_tls_free(guest->tls);
    sluice_permit_leave(guest->permit);
    if (served)
        server->session_count--;
    free(guest);
    if (served)
        sluice_server_once_served(server);
    sluice_server_settle(server);
}

/* A guest goes when its session is over, or it never got one and its channel is closed; and nothing runs for it. */
static void reap_if_over(sluice_guest *guest)
{
    bool over = guest->session ? guest->session_ended : guest->tls == NULL;
    if (!over || guest->making_busy || guest->reap_posted)
        return;
    guest->reap_posted = true;
    guest->reap.run = reap;
    sluice_loop_post(guest->server->loop, &guest->reap);
}

/* ---- the request: rights, then a source or a sink ---- */

static int check_rights(const sluice_guest *guest, const sluice_request *request, sluice_error *error)
{
    const sluice_serve_settings *serve = guest->server->serve;
    unsigned rights = guest->permit->rights;
    if (request->push && serve->read_only)
        return sluice_fail(error, SLUICE_EACCESS, "the server does not take files: it is read-only");
    if (!request->push && serve->write_only)
        return sluice_fail(error, SLUICE_EACCESS, "the server does not give files: it is write-only");
    if (request->push && !(rights & SLUICE_TICKET_WRITE))
        return sluice_fail(error, SLUICE_EACCESS,
                           "the server takes no files from this ticket: it has no right to write");
    if (!request->push && !(rights & SLUICE_TICKET_READ))
        return sluice_fail(error, SLUICE_EACCESS, "the server gives no files to this ticket: it has no right to read");
    return SLUICE_OK;
}

/* What the client may do now, which a reload may have changed since it was admitted. */
static int renew_permit(sluice_guest *guest, sluice_error *error)
{
    sluice_permit *permit;
    int status = sluice_admission_renew(guest->server->admission, guest->permit, (uint64_t)time(NULL), &permit, error);
    if (status != SLUICE_OK)
        return status;
    sluice_permit_use(permit);
    sluice_permit_leave(guest->permit);
    guest->permit = permit;
    guest->names.ticket = permit->name;
    return SLUICE_OK;
}

static void make_store(sluice_task *task)
{
    sluice_guest *guest = (sluice_guest *)(void *)((char *)task - offsetof(sluice_guest, making));
    sluice_server *server = guest->server;
    const sluice_request *request = guest->request;
    const char *root = guest->permit->root;
    uint32_t threads = sluice_pool_threads(server->pool);
    if (request->push)
        guest->made_status = sluice_store_sink(server->library, "file", root, request->destination, request, threads,
                                               &guest->store, &guest->made_error);
    else
        guest->made_status = sluice_store_source(server->library, "file", root, request, threads, &guest->store,
                                                 &guest->made_error);
}

static void store_made(sluice_task *task)
{
    sluice_guest *guest = (sluice_guest *)(void *)((char *)task - offsetof(sluice_guest, making));
    guest->making_busy = false;
    if (!guest->session_ended) {
        if (guest->made_status == SLUICE_OK)
            guest->made_status = sluice_session_attach(guest->session, &guest->store, &guest->made_error);
        if (guest->made_status == SLUICE_OK)
            memset(&guest->store, 0, sizeof guest->store);
        else
            sluice_session_refuse(guest->session, guest->made_status, guest->made_error.text);
    }
    reap_if_over(guest);
}

static void on_requested(void *user, const sluice_request *request)
{
    sluice_guest *guest = user;
    sluice_error error = {0};
    int status = renew_permit(guest, &error);
    if (status == SLUICE_OK)
        status = check_rights(guest, request, &error);
    /* The rates that hold were settled for the direction that the hello said. */
    if (status == SLUICE_OK && request->push != guest->names.push)
        status = sluice_fail(&error, SLUICE_EPROTOCOL, "the request is for another direction than the hello");
    if (status == SLUICE_OK && request->push && !request->destination)
        status = sluice_fail(&error, SLUICE_EPROTOCOL, "the request names no destination");
    if (status != SLUICE_OK) {
        sluice_session_refuse(guest->session, status, error.text);
        return;
    }
    sluice_crew_port crew = sluice_crew_open(&guest->server->crew);
    guest->request = request;
    guest->making_busy = true;
    guest->making.run = make_store;
    guest->making.done = store_made;
    crew.submit(crew.user, &guest->making);
}

static void on_session_ended(void *user, int status)
{
    sluice_guest *guest = user;
    sluice_statistics figures;
    (void)status;
    sluice_session_statistics(guest->session, &figures);
    sluice_logbook_over(guest->server->log, &guest->names, &figures, sluice_session_error(guest->session));
    guest->session_ended = true;
    reap_if_over(guest);
}

static const sluice_session_calls session_calls = {.requested = on_requested, .ended = on_session_ended};

/* ---- admission ---- */

static int check_proof(sluice_guest *guest, const sluice_hello_message *hello, sluice_error *error)
{
    uint8_t exported[SLUICE_SHA256_BYTES];
    int status = sluice_tls_export(guest->tls, SLUICE_EXPORTER_PROOF, exported, sizeof exported);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot check the ticket: %s", sluice_status_text(status));
    status = sluice_admission_check(guest->server->admission, hello->ticket_id, hello->proof, exported,
                                    (uint64_t)time(NULL), &guest->permit, error);
    sluice_secure_cleanse(exported, sizeof exported);
    if (guest->permit)
        guest->names.ticket = guest->permit->name;
    return status;
}

/* Sessions that were admitted by the same ticket as this guest. */
static int64_t sessions_of_ticket(const sluice_guest *guest)
{
    int64_t count = 0;
    for (const sluice_guest *other = guest->server->guests; other; other = other->next)
        count += other->session && other->permit &&
                 memcmp(other->permit->id, guest->permit->id, sizeof guest->permit->id) == 0;
    return count;
}

static int check_room(const sluice_guest *guest, sluice_error *error)
{
    const sluice_server *server = guest->server;
    if (server->draining)
        return sluice_fail(error, SLUICE_ECONNECT, "the server takes no new sessions: it is about to end");
    if (server->serve->max_sessions > 0 && server->session_count >= server->serve->max_sessions)
        return sluice_fail(error, SLUICE_ELIMIT, "the server has as many sessions as it takes (%lld); try again later",
                           (long long)server->serve->max_sessions);
    if (guest->permit->max_sessions > 0 && sessions_of_ticket(guest) >= guest->permit->max_sessions)
        return sluice_fail(error, SLUICE_ELIMIT, "this ticket has as many sessions as it may (%lld); try again later",
                           (long long)guest->permit->max_sessions);
    return SLUICE_OK;
}

static bool control_allowed(const sluice_server *server, const char *name)
{
    char word[SLUICE_HELLO_NAME];
    for (const char *list = server->serve->congestion; list && sluice_settings_list(&list, word, sizeof word);)
        if (strcmp(word, name) == 0)
            return true;
    return false;
}

/* What both sides get: the client's wishes within what this server allows. */
static int negotiate(sluice_guest *guest, const sluice_hello_message *hello, sluice_welcome_message *welcome,
                     sluice_error *error)
{
    sluice_server *server = guest->server;
    bool loopback = sluice_address_is_loopback(sluice_tls_peer(guest->tls));
    int status = sluice_cipher_choose(server->suite.offers, server->suite.count, hello->ciphers, hello->cipher_count,
                                      loopback, welcome->cipher, error);
    if (status != SLUICE_OK)
        return status;
    if (strcmp(hello->transport, "udp") != 0)
        return sluice_fail(error, SLUICE_EVERSION, "the server has no transport %s", hello->transport);
    const char *control = hello->push ? DEFAULT_CONTROL : hello->congestion;
    if (!hello->push && !control_allowed(server, control))
        return sluice_fail(error, SLUICE_EACCESS, "the server does not allow congestion control %s (it allows: %s)",
                           hello->congestion, server->serve->congestion ? server->serve->congestion : "none");
    welcome->version_least = welcome->version_most = SLUICE_PROTOCOL_VERSION;
    snprintf(welcome->software, sizeof welcome->software, "sluice %s", sluice_version());
    snprintf(welcome->transport, sizeof welcome->transport, "udp");
    snprintf(welcome->congestion, sizeof welcome->congestion, "%s", control);
    welcome->port = server->port;
    welcome->datagram_most = hello->datagram_most < SLUICE_SESSION_DATAGRAM_MOST ? hello->datagram_most
                                                                                : SLUICE_SESSION_DATAGRAM_MOST;
    welcome->receive_bytes = server->serve->memory;
    welcome->ordered_bytes = SLUICE_SESSION_ORDERED_BYTES;
    welcome->rate_most = hello->push ? guest->permit->max_rate : 0;
    if (welcome->datagram_most < SLUICE_SESSION_DATAGRAM_LEAST)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client takes no datagrams of %d bytes",
                           SLUICE_SESSION_DATAGRAM_LEAST);
    status = sluice_secure_random(welcome->session_id, sizeof welcome->session_id);
    if (status == SLUICE_OK)
        status = sluice_secure_random(&welcome->connection_id, sizeof welcome->connection_id);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "no random numbers to be had");
    welcome->connection_id &= UINT64_MAX >> 8; /* the first byte names the worker: there is one */
    return SLUICE_OK;
}

static sluice_limits limits_of(const sluice_guest *guest, const sluice_hello_message *hello)
{
    sluice_limits limits = {.weight = 1};
    if (hello->push)
        return limits;
    limits.target_bps = hello->target_bps;
    limits.minimum_bps = hello->minimum_bps;
    sluice_rate most = guest->permit->max_rate;
    if (most && (limits.target_bps == 0 || limits.target_bps > most))
        limits.target_bps = most;
    if (limits.target_bps && limits.minimum_bps > limits.target_bps)
        limits.minimum_bps = limits.target_bps;
    return limits;
}

static int make_session(sluice_guest *guest, const sluice_hello_message *hello, const sluice_welcome_message *welcome,
                        sluice_error *error)
{
    sluice_server *server = guest->server;
    uint8_t secret[SLUICE_SECRET_BYTES];
    sluice_keys keys;
    int status = sluice_tls_export(guest->tls, SLUICE_EXPORTER_LABEL, secret, sizeof secret);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot derive the session's keys: %s", sluice_status_text(status));
    sluice_keys_init(&keys, secret, welcome->session_id);
    sluice_secure_cleanse(secret, sizeof secret);
    sluice_session_setup setup = {
        .library = server->library,
        .loop = server->loop,
        .log = server->log,
        .crew = &server->crew,
        .report = server->report,
        .role = SLUICE_SERVER,
        .datagram = server->datagram,
        .validated = sluice_tls_peer(guest->tls),
        .peer_text = guest->peer,
        .name = guest->permit->name,
        .keys = &keys,
        .local_id = welcome->connection_id,
        .remote_id = hello->connection_id,
        .transport = welcome->transport,
        .crypto = sluice_suite_plugin(&server->suite, welcome->cipher),
        .cipher = welcome->cipher,
        .congestion = welcome->congestion,
        .limits = limits_of(guest, hello),
        .max_rate = guest->permit->max_rate,
        .controls = server->serve->congestion,
        .datagram_most = welcome->datagram_most,
        .memory_bytes = server->serve->memory,
        .receive_bytes = server->serve->memory,
        .peer_receive_bytes = hello->receive_bytes,
        .peer_ordered_bytes = hello->ordered_bytes,
        .timeout_ns = server->serve->timeout,
        .initial_rtt_ns = sluice_tls_rtt(guest->tls),
        .started = sluice_loop_now(server->loop),
        .calls = &session_calls,
        .user = guest,
    };
    status = sluice_session_new(&setup, &guest->session, error);
    sluice_keys_fini(&keys);
    if (status != SLUICE_OK)
        return status;
    server->session_count++;
    guest->number = ++server->admitted;
    server->contention_until = sluice_loop_now(server->loop) + CONTENTION_NS;
    sluice_timer_set(server->contention, sluice_loop_now(server->loop) + CONTENTION_STEP_NS);
    guest->measured = sluice_loop_now(server->loop);
    return SLUICE_OK;
}

/* ---- newcomers and the dead ---- */

static bool has_newer(const sluice_guest *guest)
{
    for (const sluice_guest *other = guest->server->guests; other; other = other->next)
        if (other->session && !other->session_ended && other->number > guest->number &&
            sluice_address_same_host(&other->from, &guest->from))
            return true;
    return false;
}

void sluice_guests_contend(void *user, sluice_time now)
{
    sluice_server *server = user;
    for (sluice_guest *guest = server->guests; guest; guest = guest->next) {
        sluice_duration srtt_ns, silence;
        if (!guest->session || guest->session_ended || !has_newer(guest))
            continue;
        silence = sluice_session_silence(guest->session, &srtt_ns);
        if (silence < DEAD_NS + 4 * srtt_ns)
            continue;
        sluice_log_say(server->log, SLUICE_LOG_INFO,
                       "session %s: %s silent for %.1f s, and back with a new session: ended", guest->names.id,
                       guest->peer, (double)silence / SLUICE_SECOND);
        sluice_session_cancel(guest->session, SLUICE_ECANCELLED,
                              "the client was silent, and came back with a new session");
    }
    if (now < server->contention_until)
        sluice_timer_set(server->contention, now + CONTENTION_STEP_NS);
}

static void send_answer(sluice_guest *guest, sluice_wire_writer *writer)
{
    if (writer->failed || sluice_tls_send(guest->tls, writer->bytes, writer->size) != SLUICE_OK)
        sluice_log_say(guest->server->log, SLUICE_LOG_WARNING, "%s: cannot answer the hello", guest->peer);
    sluice_wire_writer_fini(writer);
}

static void refuse(sluice_guest *guest, const sluice_error *error)
{
    sluice_refuse_message message = {.status = error->status};
    sluice_wire_writer writer = {0};
    snprintf(message.sentence, sizeof message.sentence, "%.*s", SLUICE_HELLO_SENTENCE - 1, error->text);
    sluice_logbook_refused(guest->server->log, &guest->names, error);
    sluice_refuse_put(&message, &writer);
    send_answer(guest, &writer);
    sluice_tls_finish(guest->tls);
}

static int admit(sluice_guest *guest, const uint8_t *bytes, size_t count, sluice_error *error)
{
    sluice_hello_message hello;
    sluice_welcome_message welcome = {0};
    sluice_wire_writer writer = {0};
    int status = sluice_hello_get(bytes, count, &hello, error);
    if (status == SLUICE_OK)
        status = check_proof(guest, &hello, error);
    if (status == SLUICE_OK)
        status = check_room(guest, error);
    if (status == SLUICE_OK)
        status = negotiate(guest, &hello, &welcome, error);
    if (status == SLUICE_OK)
        status = make_session(guest, &hello, &welcome, error);
    if (status != SLUICE_OK)
        return status;
    sluice_tls_admit(guest->tls);
    status = sluice_session_start(guest->session, error);
    if (status != SLUICE_OK) {
        guest->session_ended = true;
        return status;
    }
    sluice_welcome_put(&welcome, &writer);
    send_answer(guest, &writer);
    sluice_logbook_id(welcome.session_id, guest->names.id);
    guest->names.push = hello.push;
    sluice_logbook_admitted(guest->server->log, &guest->names, welcome.transport, welcome.cipher,
                            sluice_suite_plugin(&guest->server->suite, welcome.cipher));
    return SLUICE_OK;
}

static void on_message(void *user, const uint8_t *bytes, size_t count)
{
    sluice_guest *guest = user;
    sluice_error error = {0};
    if (guest->answered)
        return;
    guest->answered = true;
    if (admit(guest, bytes, count, &error) != SLUICE_OK)
        refuse(guest, &error);
}

static void on_closed(void *user, const sluice_error *error)
{
    sluice_guest *guest = user;
    if (!guest->session && error->status != SLUICE_ECLOSED)
        sluice_log_say(guest->server->log, SLUICE_LOG_INFO, "%s: set-up ended: %s", guest->peer, error->text);
    sluice_tls_free(guest->tls);
    guest->tls = NULL;
    if (guest->session && !guest->session_ended)
        sluice_session_orphaned(guest->session);
    reap_if_over(guest);
}

static const sluice_tls_calls tls_calls = {.message = on_message, .closed = on_closed};

void sluice_guest_accept(void *user, sluice_tls *tls)
{
    sluice_server *server = user;
    sluice_guest *guest = calloc(1, sizeof *guest);
    if (!guest) {
        sluice_tls_free(tls);
        return;
    }
    guest->server = server;
    guest->tls = tls;
    guest->from = *sluice_tls_peer(tls);
    sluice_address_text(&guest->from, guest->peer);
    guest->names.peer = guest->peer;
    guest->next = server->guests;
    server->guests = guest;
    sluice_tls_calls_set(tls, &tls_calls, guest);
}

void sluice_guests_turn_away(sluice_server *server)
{
    for (sluice_guest *guest = server->guests; guest; guest = guest->next) {
        if (guest->session || !guest->tls)
            continue;
        sluice_tls_free(guest->tls);
        guest->tls = NULL;
        reap_if_over(guest);
    }
}

void sluice_guests_cancel(sluice_server *server)
{
    for (sluice_guest *guest = server->guests; guest; guest = guest->next)
        if (guest->session && !guest->session_ended)
            sluice_session_cancel(guest->session, SLUICE_ECANCELLED, "cancelled: the server ends");
}

/* ---- tickets that are none any more, and those that are overstepped ---- */

void sluice_guests_renew(sluice_server *server)
{
    for (sluice_guest *guest = server->guests; guest; guest = guest->next) {
        sluice_permit *permit;
        sluice_error why = {0};
        if (!guest->session || guest->session_ended ||
            sluice_admission_renew(server->admission, guest->permit, (uint64_t)time(NULL), &permit, &why) == SLUICE_OK)
            continue;
        sluice_session_cancel(guest->session, why.status, why.text);
    }
}

static bool is_too_fast(sluice_guest *guest, sluice_time now)
{
    double rate = (double)guest->permit->max_rate, seconds = (double)(now - guest->measured) / SLUICE_SECOND;
    uint64_t bytes = sluice_session_received(guest->session);
    double excess = guest->excess_bits + (double)(bytes - guest->measured_bytes) * 8 - rate * EXCESS_SHARE * seconds;
    guest->measured = now;
    guest->measured_bytes = bytes;
    guest->excess_bits = excess > 0 ? excess : 0;
    return excess > EXCESS_BITS && excess > rate * EXCESS_S;
}

void sluice_guests_measure(sluice_server *server, sluice_time now)
{
    for (sluice_guest *guest = server->guests; guest; guest = guest->next)
        if (guest->session && !guest->session_ended && guest->names.push && guest->permit->max_rate &&
            is_too_fast(guest, now))
            sluice_session_cancel(guest->session, SLUICE_ELIMIT, "the client sends faster than its ticket allows");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "session/guest.h"
#include "net/secure.h"
#include "session/logbook.h"
#include "session/probe_guest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

/* Of a server that receives: its own packets are reports, for which any control will do. */
#define DEFAULT_CONTROL "fair"

#define CONTENTION_STEP_NS (250 * SLUICE_MS)
/* And four round trips.  A live peer is heard at least once a second: PROGRESS goes both ways and is reported. */
#define DEAD_NS (2500 * SLUICE_MS)
#define DEAD_ON_BYTES_NS (5 * SLUICE_SECOND) /* where TCP may be repeating a lost segment */
#define HEARD_NS SLUICE_SECOND
/* The same of a client whose ssh has ended: a network that is out for a moment leaves ssh alone. */
#define DEAD_WITH_SSH_NS (5 * SLUICE_SECOND)

/* A client that pushes keeps to its ticket's rate by itself.  One that does not is ended once it has sent, beyond that
 * rate and a tenth more, what takes so long at it, and so many bits at least. */
#define EXCESS_SHARE 1.1
#define EXCESS_S 5
#define EXCESS_BITS 8e6

struct sluice_guest {
    sluice_server *server;
    sluice_guest *next;
    sluice_channel *channel; /* of the set-up; NULL when it is gone, or the session travels on it */
    sluice_session *session;
    char peer[SLUICE_ADDRESS_TEXT + 16];
    sluice_address from;
    uint64_t number; /* of the session, in order of admission */
    sluice_permit *permit; /* what it was admitted as; once it asks for something, what it may then do */
    sluice_logbook_guest names;
    sluice_time measured;    /* when what follows was looked at */
    uint64_t measured_bytes; /* IP bytes that had come */
    double excess_bits;      /* beyond the permitted rate, as a leaky bucket has them */
    sluice_rate rate_most;   /* as the client was told when it was admitted; 0: none */
    sluice_cargo_maker streams; /* of a guest that asked for streams; make is NULL: files */
    const sluice_request *request;
    bool answered; /* a hello was judged: nothing but a move is expected on the set-up channel */
    bool refused;
    bool left;     /* ssh has ended */
    bool may_move; /* the session: was agreed upon, or it has only the channel anyway */

    sluice_crew_member crew;
    sluice_task making; /* makes the store on the pool */
    bool making_busy;
    int made_status;
    sluice_error made_error;
    sluice_store store;
    sluice_probed probed; /* of a request that is a probe */

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
    sluice_error why = guest->session ? *sluice_session_error(guest->session) : (sluice_error){0};
    sluice_session_free(guest->session);
    sluice_crew_leave(&guest->crew);
    if (guest->streams.make)
        guest->streams.ended(guest->streams.user, &why);
    sluice_store_fini(&guest->store);
    sluice_channel_free(guest->channel);
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
    bool over = guest->session ? guest->session_ended : guest->channel == NULL;
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
    uint32_t threads = SLUICE_CREW_EACH;
    bool drop_behind = request->drop_behind || server->serve->drop_behind;
    if (request->probe)
        guest->made_status = sluice_probed_make(&guest->probed, server->library, root, request, threads, &guest->store,
                                                &guest->made_error);
    else if (request->push)
        guest->made_status = sluice_store_sink(server->library, "file", root, request->destination, request, threads,
                                               drop_behind, &guest->store, &guest->made_error);
    else
        guest->made_status = sluice_store_source(server->library, "file", root, request, threads, drop_behind,
                                                 &guest->store, &guest->made_error);
}

static void store_made(sluice_task *task)
{
    sluice_guest *guest = (sluice_guest *)(void *)((char *)task - offsetof(sluice_guest, making));
    guest->making_busy = false;
    sluice_probed_made(&guest->probed, guest->server);
    if (!guest->session_ended) {
        if (guest->made_status == SLUICE_OK)
            guest->made_status = sluice_session_attach(guest->session, &guest->store, &guest->made_error);
        if (guest->made_status == SLUICE_OK)
            memset(&guest->store, 0, sizeof guest->store);
        else
            sluice_session_refuse(guest->session, guest->made_status, guest->made_error.text);
        if (guest->made_status == SLUICE_OK && guest->request->probe)
            sluice_probed_tell(&guest->probed, guest->server, guest->session);
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
    sluice_crew_port crew = sluice_crew_open(&guest->crew);
    if (request->probe)
        sluice_probed_begin(&guest->probed, guest->server,
                            check_rights(guest, &(sluice_request){.push = true}, NULL) == SLUICE_OK);
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

/* A client comes again by TLS and proves itself; one behind ssh cannot. */
static bool on_session_cut(void *user, const sluice_error *why)
{
    sluice_guest *guest = user;
    sluice_log_say(guest->server->log, SLUICE_LOG_INFO, "session %s: %s", guest->names.id, why->text);
    return !guest->server->serve->stdio;
}

/* Lanes of one number live on one strand, whichever session they are of. */
static int on_strand(void *user, uint32_t number, sluice_strand **out, sluice_error *error)
{
    const sluice_guest *guest = user;
    *out = guest->server->strands[number];
    return *out ? SLUICE_OK : sluice_fail(error, SLUICE_EFAILED, "there is no place for it");
}

static const sluice_session_calls session_calls = {
    .requested = on_requested, .cut = on_session_cut, .strand = on_strand, .ended = on_session_ended};

/* ---- admission ---- */

/* Whoever speaks through ssh is the user that runs this program. */
static int check_ssh(sluice_guest *guest, const sluice_hello_message *hello, sluice_error *error)
{
    if (!hello->has_secret)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client's hello has no secret for the session");
    guest->permit =
        sluice_permit_new("ssh", SLUICE_TICKET_READ | SLUICE_TICKET_WRITE, guest->server->serve->root);
    return guest->permit ? SLUICE_OK : sluice_fail(error, SLUICE_ENOMEM, "out of memory for a session");
}

static int check_proof(sluice_guest *guest, const sluice_hello_message *hello, sluice_error *error)
{
    uint8_t exported[SLUICE_SHA256_BYTES];
    if (!sluice_channel_is_tls(guest->channel))
        return check_ssh(guest, hello, error);
    int status = sluice_channel_export(guest->channel, SLUICE_EXPORTER_PROOF, exported, sizeof exported);
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

static bool listed(const char *list, const char *name)
{
    char word[SLUICE_HELLO_NAME];
    while (list && sluice_settings_list(&list, word, sizeof word))
        if (strcmp(word, name) == 0)
            return true;
    return false;
}

static bool has_transport(const sluice_server *server, const char *name)
{
    sluice_module *module;
    if (!sluice_plugin_name_valid(name) ||
        sluice_registry_load(server->library->registry, SLUICE_TRANSPORT, name, &module, NULL) != SLUICE_OK)
        return false;
    sluice_registry_release(server->library->registry, module);
    return true;
}

/* What the session's packets travel on: what the client asks for, or the channel where there is no port for UDP. */
static int negotiate_transport(sluice_guest *guest, const sluice_hello_message *hello, sluice_welcome_message *welcome,
                               sluice_error *error)
{
    sluice_server *server = guest->server;
    const char *allowed = server->serve->transport;
    const char *transport = hello->transport;
    bool tcp = listed(allowed, "tcp");
    bool move = tcp && (hello->features & SLUICE_FEATURE_MOVE);
    sluice_error why = {0};
    int status = SLUICE_OK;
    if (!has_transport(server, transport))
        return sluice_fail(error, SLUICE_EVERSION, "the server has no transport %s", transport);
    if (!listed(allowed, transport))
        status = sluice_fail(&why, SLUICE_EACCESS, "the server does not allow transport %s (it allows: %s)", transport,
                             allowed);
    else if (strcmp(transport, "tcp") != 0)
        status = sluice_server_udp(server, hello, &why);
    if (status != SLUICE_OK && !move)
        return sluice_fail(error, status, "%s", why.text);
    if (status != SLUICE_OK) {
        sluice_log_say(server->log, SLUICE_LOG_WARNING, "%s: %s; going on over TCP", guest->peer, why.text);
        transport = "tcp";
    }
    snprintf(welcome->transport, sizeof welcome->transport, "%s", transport);
    welcome->features = (move ? SLUICE_FEATURE_MOVE : 0) | (hello->features & SLUICE_FEATURE_STREAMS);
    welcome->port = server->port;
    return SLUICE_OK;
}

/* Each lane has a part of the credit, which should hold some chunks. */
#define LANE_BYTES_LEAST (UINT64_C(4) << 20)

/* Lanes beside the first one: what the client asks for, and the server has places and memory for. */
static int negotiate_lanes(sluice_guest *guest, const sluice_hello_message *hello, sluice_welcome_message *welcome)
{
    sluice_server *server = guest->server;
    uint64_t memory = MIN(server->serve->memory, hello->receive_bytes) / LANE_BYTES_LEAST;
    bool alone = strcmp(welcome->transport, "tcp") == 0 || (hello->features & SLUICE_FEATURE_STREAMS);
    uint32_t lanes = alone ? 1 : sluice_server_lanes(server, 1 + (uint32_t)hello->lanes.count);
    if (lanes > memory)
        lanes = memory > 0 ? (uint32_t)memory : 1;
    welcome->lanes.count = lanes - 1;
    for (uint32_t i = 1; i < lanes; i++) {
        uint64_t id;
        if (sluice_secure_random(&id, sizeof id) != SLUICE_OK)
            return SLUICE_EFAILED;
        welcome->lanes.ids[i - 1] = sluice_datagram_id(server->datagram, (id & UINT64_MAX >> 8) | (uint64_t)i << 56);
    }
    return SLUICE_OK;
}

/* Whether the client means to send data; one that asks for streams may do both. */
static bool client_sends(const sluice_hello_message *hello)
{
    return hello->push || (hello->features & SLUICE_FEATURE_STREAMS);
}

static bool server_sends(const sluice_hello_message *hello)
{
    return !hello->push || (hello->features & SLUICE_FEATURE_STREAMS);
}

/* Files for those who ask for files, streams for the others. */
static int choose_cargo(sluice_guest *guest, const sluice_hello_message *hello, sluice_error *error)
{
    sluice_server *server = guest->server;
    if (!(hello->features & SLUICE_FEATURE_STREAMS)) {
        if (server->streams && !(guest->permit->root && guest->permit->root[0]))
            return sluice_fail(error, SLUICE_EACCESS, "this server has streams, and no files: use sluice send or recv");
        return SLUICE_OK;
    }
    if (!server->streams)
        return sluice_fail(error, SLUICE_EACCESS, "this server has files, and no streams: use sluice copy");
    const sluice_stream_visitor visitor = {
        .loop = server->loop,
        .log = server->log,
        .peer = guest->peer,
        .ticket = guest->permit->name,
        .may_read = (guest->permit->rights & SLUICE_TICKET_READ) && !server->serve->write_only,
        .may_write = (guest->permit->rights & SLUICE_TICKET_WRITE) && !server->serve->read_only,
        .memory_bytes = server->serve->memory,
        .drop_behind = server->serve->drop_behind,
    };
    return server->streams->welcome(server->streams->user, &visitor, &guest->streams, error);
}

/* What both sides get: the client's wishes within what this server allows. */
static int negotiate(sluice_guest *guest, const sluice_hello_message *hello, sluice_welcome_message *welcome,
                     sluice_error *error)
{
    sluice_server *server = guest->server;
    bool loopback = sluice_channel_is_tls(guest->channel) && sluice_address_is_loopback(&guest->from);
    int status = sluice_cipher_choose(server->suite.offers, server->suite.count, hello->ciphers, hello->cipher_count,
                                      loopback, welcome->cipher, error);
    if (status != SLUICE_OK)
        return status;
    status = negotiate_transport(guest, hello, welcome, error);
    if (status != SLUICE_OK)
        return status;
    const char *control = server_sends(hello) ? hello->congestion : DEFAULT_CONTROL;
    if (hello->push && !listed(server->serve->congestion, control))
        control = DEFAULT_CONTROL; /* its streams may all be for writing; else it warns */
    if (!hello->push && !listed(server->serve->congestion, control))
        return sluice_fail(error, SLUICE_EACCESS, "the server does not allow congestion control %s (it allows: %s)",
                           hello->congestion, server->serve->congestion ? server->serve->congestion : "none");
    welcome->version_least = welcome->version_most = SLUICE_PROTOCOL_VERSION;
    snprintf(welcome->software, sizeof welcome->software, "sluice %s", sluice_version());
    snprintf(welcome->congestion, sizeof welcome->congestion, "%s", control);
    welcome->has_host = server->ssh_local[0] != '\0';
    snprintf(welcome->host, sizeof welcome->host, "%s", server->ssh_local);
    uint64_t most = server->serve->datagram_size != 0 ? server->serve->datagram_size : SLUICE_SESSION_DATAGRAM_MOST;
    welcome->datagram_most = hello->datagram_most < most ? hello->datagram_most : most;
    welcome->receive_bytes = server->serve->memory;
    welcome->ordered_bytes = guest->streams.make ? guest->streams.ordered_bytes : SLUICE_SESSION_ORDERED_BYTES;
    welcome->rate_most = client_sends(hello) ? guest->permit->max_rate : 0;
    if (welcome->datagram_most < SLUICE_SESSION_DATAGRAM_LEAST)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client takes no datagrams of %d bytes",
                           SLUICE_SESSION_DATAGRAM_LEAST);
    status = sluice_secure_random(welcome->session_id, sizeof welcome->session_id);
    if (status == SLUICE_OK)
        status = negotiate_lanes(guest, hello, welcome);
    if (status == SLUICE_OK)
        status = sluice_secure_random(&welcome->connection_id, sizeof welcome->connection_id);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "no random numbers to be had");
    welcome->connection_id &= UINT64_MAX >> 8; /* the first byte names the socket: the first one */
    if (server->datagram) /* behind ssh there may be none */
        welcome->connection_id = sluice_datagram_id(server->datagram, welcome->connection_id);
    return SLUICE_OK;
}

static sluice_limits limits_of(const sluice_guest *guest, const sluice_hello_message *hello)
{
    sluice_limits limits = {.weight = 1};
    if (!server_sends(hello))
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

static int derive_keys(sluice_guest *guest, const sluice_hello_message *hello, const sluice_welcome_message *welcome,
                       sluice_keys *keys, sluice_error *error)
{
    uint8_t secret[SLUICE_SECRET_BYTES];
    int status = SLUICE_OK;
    if (sluice_channel_is_tls(guest->channel))
        status = sluice_channel_export(guest->channel, SLUICE_EXPORTER_LABEL, secret, sizeof secret);
    else
        memcpy(secret, hello->secret, sizeof secret);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot derive the session's keys: %s", sluice_status_text(status));
    sluice_keys_init(keys, secret, welcome->session_id);
    sluice_secure_cleanse(secret, sizeof secret);
    return SLUICE_OK;
}

/* A server that ssh has started has the client's, unless it was given one. */
static sluice_duration timeout_of(const sluice_server *server, const sluice_hello_message *hello)
{
    bool given = sluice_settings_layer(server->settings, "timeout") != SLUICE_LAYER_BUILT_IN;
    return server->serve->stdio && !given && hello->timeout_ns ? hello->timeout_ns : server->serve->timeout;
}

static int make_session(sluice_guest *guest, const sluice_hello_message *hello, const sluice_welcome_message *welcome,
                        sluice_error *error)
{
    sluice_server *server = guest->server;
    sluice_keys keys;
    int status = sluice_crew_join(&server->crew, &guest->crew, error);
    if (status == SLUICE_OK)
        status = derive_keys(guest, hello, welcome, &keys, error);
    if (status != SLUICE_OK)
        return status;
    bool tcp = strcmp(welcome->transport, "tcp") == 0;
    sluice_address ports = server->ssh_peer;
    if (!sluice_address_is_none(&ports) && hello->has_ports)
        sluice_address_port_set(&ports, (uint16_t)hello->own_port);
    sluice_lane_ids ids[SLUICE_LANES_MOST];
    for (size_t i = 0; i < welcome->lanes.count; i++)
        ids[i] = (sluice_lane_ids){.local = welcome->lanes.ids[i], .remote = hello->lanes.ids[i]};
    bool known = !tcp && sluice_address_port(&ports) != 0 && !sluice_address_is_none(&ports);
    sluice_session_setup setup = {
        .library = server->library,
        .loop = server->loop,
        .log = server->log,
        .crew = &guest->crew,
        .report = server->report,
        .role = SLUICE_SERVER,
        .channel = tcp ? &guest->channel : NULL,
        .datagram = tcp ? NULL : server->datagram,
        .peer = known ? &ports : NULL,
        .validated = &guest->from,
        .peer_text = guest->peer,
        .name = guest->permit->name,
        .keys = &keys,
        .local_id = welcome->connection_id,
        .remote_id = hello->connection_id,
        .lanes = 1 + (uint32_t)welcome->lanes.count,
        .ids = ids,
        .transport = welcome->transport,
        .crypto = tcp ? sluice_channel_guard(guest->channel) : sluice_suite_plugin(&server->suite, welcome->cipher),
        .cipher = tcp ? sluice_channel_cipher(guest->channel) : welcome->cipher,
        .congestion = welcome->congestion,
        .limits = limits_of(guest, hello),
        .max_rate = guest->permit->max_rate,
        .maker = guest->streams.make ? &guest->streams : NULL,
        .controls = server->serve->congestion,
        .datagram_most = welcome->datagram_most,
        .memory_bytes = server->serve->memory,
        .receive_bytes = server->serve->memory,
        .peer_receive_bytes = hello->receive_bytes,
        .peer_ordered_bytes = hello->ordered_bytes,
        .timeout_ns = timeout_of(server, hello),
        .initial_rtt_ns = sluice_channel_rtt(guest->channel),
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
    sluice_timer_set(server->contention, sluice_loop_now(server->loop) + CONTENTION_STEP_NS);
    guest->measured = sluice_loop_now(server->loop);
    return SLUICE_OK;
}

/* ---- newcomers and the dead ---- */

/* What a newcomer says counts only while it is heard itself: else the whole host may be silent for a moment. */
static bool is_heard(const sluice_guest *guest)
{
    sluice_duration srtt_ns;
    return sluice_session_silence(guest->session, &srtt_ns) < HEARD_NS;
}

/* Many may come from one host by one ticket, and on a busy one each is silent now and then: nobody has to give way but to one
 * who waits for what another holds. */
static bool is_in_the_way(const sluice_guest *guest)
{
    for (const sluice_guest *other = guest->server->guests; other; other = other->next)
        if (other->session && !other->session_ended && other->number > guest->number &&
            memcmp(other->permit->id, guest->permit->id, sizeof guest->permit->id) == 0 &&
            sluice_address_same_host(&other->from, &guest->from) && sluice_session_is_hindered(other->session) &&
            is_heard(other))
            return true;
    return false;
}

/* How long the session may be silent before its client is taken for dead; 0: until its time-out. */
static sluice_duration patience_with(const sluice_guest *guest)
{
    if (guest->left)
        return DEAD_WITH_SSH_NS;
    if (!is_in_the_way(guest))
        return 0;
    return sluice_session_on_datagrams(guest->session) ? DEAD_NS : DEAD_ON_BYTES_NS;
}

static void end_if_dead(sluice_guest *guest)
{
    sluice_duration srtt_ns, silence = sluice_session_silence(guest->session, &srtt_ns);
    sluice_duration patience = patience_with(guest);
    if (patience == 0 || silence < patience + 4 * srtt_ns)
        return;
    sluice_log_say(guest->server->log, SLUICE_LOG_INFO, "session %s: %s silent for %.1f s, and %s: ended",
                   guest->names.id, guest->peer, (double)silence / SLUICE_SECOND,
                   guest->left ? "its ssh is gone" : "back with a new session");
    sluice_session_cancel(guest->session, SLUICE_ECANCELLED,
                          guest->left ? "the client is silent, and its ssh is gone"
                                      : "the client was silent, and came back with a new session");
}

void sluice_guests_contend(void *user, sluice_time now)
{
    sluice_server *server = user;
    bool left = false;
    unsigned live = 0;
    for (sluice_guest *guest = server->guests; guest; guest = guest->next) {
        if (!guest->session || guest->session_ended)
            continue;
        left = left || guest->left;
        live++;
        end_if_dead(guest);
    }
    if (left || live > 1)
        sluice_timer_set(server->contention, now + CONTENTION_STEP_NS);
}

static void send_answer(sluice_guest *guest, sluice_wire_writer *writer)
{
    if (writer->failed || sluice_channel_send(guest->channel, writer->bytes, writer->size) != SLUICE_OK)
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
    guest->refused = true;
    if (!guest->channel)
        return;
    send_answer(guest, &writer);
    sluice_channel_finish(guest->channel);
}

static void note_admission(const sluice_guest *guest, const sluice_welcome_message *welcome)
{
    bool tcp = strcmp(welcome->transport, "tcp") == 0;
    sluice_logbook_admitted(guest->server->log, &guest->names, welcome->transport,
                            tcp ? sluice_channel_cipher(guest->channel) : welcome->cipher,
                            tcp ? sluice_channel_guard(guest->channel)
                                : sluice_suite_plugin(&guest->server->suite, welcome->cipher));
}

/* What the guest was welcomed to, before anything of it is there. */
static void note_welcome(sluice_guest *guest, const sluice_hello_message *hello, const sluice_welcome_message *welcome)
{
    sluice_logbook_id(welcome->session_id, guest->names.id);
    guest->names.push = hello->push;
    guest->names.streams = guest->streams.make != NULL;
    guest->rate_most = welcome->rate_most;
    guest->may_move = (welcome->features & SLUICE_FEATURE_MOVE) || strcmp(welcome->transport, "tcp") == 0;
}

static void send_welcome(sluice_guest *guest, const sluice_welcome_message *welcome)
{
    sluice_wire_writer writer = {0};
    if (sluice_channel_is_tls(guest->channel))
        sluice_tls_admit(guest->channel);
    sluice_welcome_put(welcome, &writer);
    send_answer(guest, &writer);
    note_admission(guest, welcome);
}

static void end_before_it_began(sluice_guest *guest, const sluice_error *error)
{
    sluice_log_say(guest->server->log, SLUICE_LOG_ERROR, "%s: no session: %s", guest->peer, error->text);
    guest->session_ended = true;
    sluice_channel_free(guest->channel);
    guest->channel = NULL;
    reap_if_over(guest);
}

/* A session that cannot be made is refused with its reason in place of the welcome.  Over TCP it takes the channel along, so
 * there the welcome leaves first. */
static int admit(sluice_guest *guest, const uint8_t *bytes, size_t count, sluice_error *error)
{
    sluice_hello_message hello = {0};
    sluice_welcome_message welcome = {0};
    int status = sluice_hello_get(bytes, count, &hello, error);
    if (status == SLUICE_OK)
        status = check_proof(guest, &hello, error);
    if (status == SLUICE_OK)
        status = check_room(guest, error);
    if (status == SLUICE_OK)
        status = choose_cargo(guest, &hello, error);
    if (status == SLUICE_OK)
        status = negotiate(guest, &hello, &welcome, error);
    bool tcp = strcmp(welcome.transport, "tcp") == 0;
    if (status == SLUICE_OK) {
        note_welcome(guest, &hello, &welcome);
        status = tcp ? SLUICE_OK : make_session(guest, &hello, &welcome, error);
    }
    if (status != SLUICE_OK) {
        sluice_secure_cleanse(&hello, sizeof hello);
        return status;
    }
    send_welcome(guest, &welcome);
    if (tcp)
        status = make_session(guest, &hello, &welcome, error);
    if (status == SLUICE_OK)
        status = sluice_session_start(guest->session, error);
    sluice_secure_cleanse(&hello, sizeof hello);
    if (status != SLUICE_OK)
        end_before_it_began(guest, error);
    return SLUICE_OK;
}

/* ---- sessions that move ---- */

static void send_moved(sluice_guest *guest)
{
    sluice_wire_writer writer = {0};
    sluice_moved_put(&writer);
    send_answer(guest, &writer);
}

/* The session's packets travel on this guest's channel from here on.  What several lanes had under way cannot all go there:
 * such a session is over, and its client begins a new one that finds what has arrived. */
static int move_session(sluice_guest *guest, sluice_session *session, sluice_error *error)
{
    if (sluice_session_lanes(session) > 1) {
        sluice_fail(error, SLUICE_EGONE, "a session of several lanes cannot go on over TCP");
        sluice_session_forget(session, SLUICE_EGONE, error->text, true);
        return error->status;
    }
    send_moved(guest);
    return sluice_session_move(session, &guest->channel, error);
}

/* The guest that has the session, if the client proves to be the one of it.  Whoever knows no keys is told the same whether
 * there is such a session or not. */
static sluice_guest *find_joined(const sluice_guest *guest, const sluice_move_message *move)
{
    uint8_t exported[SLUICE_SHA256_BYTES], join[SLUICE_SECRET_BYTES], proof[SLUICE_TICKET_PROOF_BYTES];
    sluice_guest *found = NULL;
    if (sluice_channel_export(guest->channel, SLUICE_EXPORTER_PROOF, exported, sizeof exported) != SLUICE_OK)
        return NULL;
    for (sluice_guest *other = guest->server->guests; other; other = other->next) {
        bool lives = other->session && !other->session_ended && !sluice_session_is_closed(other->session);
        const sluice_keys *keys = lives ? sluice_session_keys(other->session) : NULL;
        if (keys && memcmp(keys->session_id, move->session_id, sizeof move->session_id) == 0 &&
            sluice_keys_join(keys, join) == SLUICE_OK && sluice_hello_prove(join, exported, proof) == SLUICE_OK &&
            sluice_secure_equal(proof, move->proof, sizeof proof))
            found = other;
    }
    sluice_secure_cleanse(exported, sizeof exported);
    sluice_secure_cleanse(join, sizeof join);
    sluice_secure_cleanse(proof, sizeof proof);
    return found;
}

static int join_session(sluice_guest *guest, const sluice_move_message *move, sluice_error *error)
{
    sluice_guest *other = find_joined(guest, move);
    if (!other)
        return sluice_fail(error, SLUICE_EGONE, "the server knows no such session; it may have been restarted");
    if (!other->may_move)
        return sluice_fail(error, SLUICE_EACCESS, "the session keeps to datagrams, as was agreed upon");
    sluice_tls_admit(guest->channel);
    sluice_log_say(guest->server->log, SLUICE_LOG_INFO, "%s: the session of %s goes on over this connection",
                   guest->peer, other->peer);
    return move_session(guest, other->session, error);
}

static int take_move(sluice_guest *guest, const uint8_t *bytes, size_t count, sluice_error *error)
{
    sluice_move_message move;
    int status = sluice_move_get(bytes, count, &move, error);
    if (status != SLUICE_OK)
        return status;
    if (move.has_join && !guest->session && sluice_channel_is_tls(guest->channel)) {
        status = join_session(guest, &move, error);
        if (status == SLUICE_OK)
            reap_if_over(guest);
        return status;
    }
    if (move.has_join || !guest->may_move || guest->session_ended || !sluice_session_on_datagrams(guest->session))
        return sluice_fail(error, SLUICE_EPROTOCOL, "a move came out of turn");
    sluice_log_say(guest->server->log, SLUICE_LOG_INFO, "%s: datagrams do not arrive: the session goes on over TCP",
                   guest->peer);
    return move_session(guest, guest->session, error);
}

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    sluice_guest *guest = user;
    sluice_error error = {0};
    sluice_hello_type type = sluice_hello_type_of(bytes, count);
    int status;
    if (guest->refused || (guest->answered && type != SLUICE_MOVE))
        return;
    guest->answered = true;
    status = type == SLUICE_MOVE ? take_move(guest, bytes, count, &error) : admit(guest, bytes, count, &error);
    if (status != SLUICE_OK)
        refuse(guest, &error);
}

static void on_closed(void *user, const sluice_error *error)
{
    sluice_guest *guest = user;
    if (!guest->session && error->status != SLUICE_ECLOSED)
        sluice_log_say(guest->server->log, SLUICE_LOG_INFO, "%s: set-up ended: %s", guest->peer, error->text);
    sluice_channel_free(guest->channel);
    guest->channel = NULL;
    if (guest->session && !guest->session_ended) {
        sluice_session_orphaned(guest->session);
        guest->left = guest->server->serve->stdio;
        sluice_timer_set(guest->server->contention, sluice_loop_now(guest->server->loop) + CONTENTION_STEP_NS);
    }
    reap_if_over(guest);
}

static const sluice_channel_calls channel_calls = {.message = on_message, .closed = on_closed};

void sluice_guest_accept(void *user, sluice_channel *channel)
{
    sluice_server *server = user;
    sluice_guest *guest = calloc(1, sizeof *guest);
    if (!guest) {
        sluice_channel_free(channel);
        return;
    }
    guest->server = server;
    guest->channel = channel;
    guest->from = server->serve->stdio ? server->ssh_peer : *sluice_channel_peer(channel);
    if (server->serve->stdio)
        sluice_server_stdio_peer(server, guest->peer);
    else
        sluice_address_text(&guest->from, guest->peer);
    guest->names.peer = guest->peer;
    guest->next = server->guests;
    server->guests = guest;
    sluice_channel_calls_set(channel, &channel_calls, guest);
}

void sluice_guests_turn_away(sluice_server *server)
{
    for (sluice_guest *guest = server->guests; guest; guest = guest->next) {
        if (guest->session || !guest->channel)
            continue;
        sluice_channel_free(guest->channel);
        guest->channel = NULL;
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
    double rate = (double)guest->rate_most, seconds = (double)(now - guest->measured) / SLUICE_SECOND;
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
        if (guest->session && !guest->session_ended && guest->rate_most &&
            is_too_fast(guest, now))
            sluice_session_cancel(guest->session, SLUICE_ELIMIT, "the client sends faster than its ticket allows");
}

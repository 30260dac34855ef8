/* SPDX-License-Identifier: Apache-2.0 */
/* client_session.c - how a client gets to its server, makes a session of the answer, and keeps a way open for it. */
#include "net/secure.h"
#include "session/probe.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

/* What datagrams are given to come again, once the server can be reached by TCP: and four round trips. */
#define PATIENCE_NS SLUICE_SECOND
#define PATIENCE_ROUNDS 4
/* The same where nothing says whether the path lives: through ssh. */
#define SSH_PATIENCE_NS (5 * SLUICE_SECOND)
/* Each lane has a part of the credit, which should hold some chunks. */
#define LANE_BYTES_LEAST (UINT64_C(4) << 20)
/* Sessions that the server forgets before anything came of them: something is wrong with it. */
#define FRUITLESS_MOST 5

static const sluice_session_calls session_calls;
static const sluice_approach_calls approach_calls;

/* ---- which server ---- */

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
    memcpy(transfer->fingerprint, transfer->ticket.key, sizeof transfer->fingerprint);
    return transfer->options->pin ? sluice_fingerprint_parse(transfer->options->pin, transfer->fingerprint, error)
                                  : SLUICE_OK;
}

static int choose_host(sluice_transfer *transfer, sluice_error *error)
{
    const sluice_operands *operands = &transfer->operands;
    snprintf(transfer->host, sizeof transfer->host, "%s", operands->host);
    transfer->port = operands->port;
    if (transfer->host[0] == '\0') {
        if (transfer->ticket.address_count == 0)
            return sluice_fail(error, SLUICE_EUSAGE, "neither the address nor the ticket names a host");
        int status = sluice_address_split(transfer->ticket.addresses[transfer->address], SLUICE_DEFAULT_PORT, transfer->host,
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

/* TLS may carry the data: its suites in the order of what this machine does fastest, of what the user allows. */
static void order_suites(sluice_transfer *transfer)
{
    static const struct {
        const char *cipher, *suite;
    } rows[] = {
        {"aes-128-gcm", "TLS_AES_128_GCM_SHA256"},
        {"aes-256-gcm", "TLS_AES_256_GCM_SHA384"},
        {"chacha20-poly1305", "TLS_CHACHA20_POLY1305_SHA256"},
    };
    bool taken[SLUICE_CIPHERS] = {false};
    size_t length = 0;
    for (size_t turn = 0; turn < transfer->suite.count; turn++) {
        size_t best = SLUICE_CIPHERS;
        for (size_t i = 0; i < transfer->suite.count; i++)
            if (!taken[i] && (best == SLUICE_CIPHERS || transfer->suite.offers[i].packets_per_second >
                                                            transfer->suite.offers[best].packets_per_second))
                best = i;
        taken[best] = true;
        for (size_t row = 0; row < SLUICE_COUNT(rows); row++)
            if (strcmp(rows[row].cipher, transfer->suite.offers[best].name) == 0)
                length += (size_t)snprintf(transfer->suites + length, sizeof transfer->suites - length, "%s%s",
                                           length ? ":" : "", rows[row].suite);
    }
}

int sluice_client_find_server(sluice_transfer *transfer, sluice_error *error)
{
    transfer->by_ssh = transfer->operands.target[0] != '\0';
    if (transfer->by_ssh) {
        snprintf(transfer->peer, sizeof transfer->peer, "%s", transfer->operands.target);
        return SLUICE_OK;
    }
    int status = load_ticket(transfer, error);
    return status == SLUICE_OK ? choose_host(transfer, error) : status;
}

/* ---- the way there ---- */

static bool wants(const sluice_transfer *transfer, const char *transport)
{
    return strcmp(transfer->options->transport, transport) == 0;
}

static const char *asked_transport(const sluice_transfer *transfer)
{
    return wants(transfer, "auto") ? "udp" : transfer->options->transport;
}

static uint64_t datagram_most(const sluice_transfer *transfer)
{
    uint64_t asked = transfer->options->datagram_size;
    return asked != 0 ? asked : SLUICE_SESSION_DATAGRAM_MOST;
}

/* Each lane has a part of the memory, which should hold some chunks.  Streams have one lane, and so has what is only tried. */
static int choose_lanes(sluice_transfer *transfer, sluice_error *error)
{
    uint64_t asked = (uint64_t)transfer->options->lanes, most = transfer->options->memory / LANE_BYTES_LEAST;
    bool alone = transfer->maker.make || transfer->probing || wants(transfer, "tcp");
    transfer->lanes.count = alone || asked < 2 || most < 2 ? 0 : (size_t)MIN(asked, most) - 1;
    int status = sluice_secure_random(transfer->lanes.ids, sizeof transfer->lanes.ids);
    return status == SLUICE_OK ? status : sluice_fail(error, status, "cannot connect: %s", sluice_status_text(status));
}

static void fill_hello(sluice_transfer *transfer, sluice_hello_message *hello)
{
    hello->version_least = hello->version_most = SLUICE_PROTOCOL_VERSION;
    hello->features = (wants(transfer, "auto") ? SLUICE_FEATURE_MOVE : 0) |
                      (transfer->maker.make ? SLUICE_FEATURE_STREAMS : 0);
    snprintf(hello->software, sizeof hello->software, "sluice %s", sluice_version());
    hello->connection_id = transfer->connection_id;
    hello->lanes = transfer->lanes;
    memcpy(hello->ciphers, transfer->suite.offers, sizeof hello->ciphers);
    hello->cipher_count = transfer->suite.count;
    snprintf(hello->transport, sizeof hello->transport, "%s", asked_transport(transfer));
    snprintf(hello->congestion, sizeof hello->congestion, "%s", transfer->congestion);
    hello->push = transfer->operands.push;
    hello->target_bps = transfer->limits.target_bps;
    hello->minimum_bps = transfer->limits.minimum_bps;
    hello->datagram_most = datagram_most(transfer);
    hello->receive_bytes = transfer->options->memory;
    hello->ordered_bytes = transfer->maker.make ? transfer->maker.ordered_bytes : SLUICE_SESSION_ORDERED_BYTES;
    hello->timeout_ns = transfer->options->timeout;
}

static void begin_if_possible(sluice_transfer *transfer);

static void on_places_settled(void *user)
{
    begin_if_possible(user);
}

static sluice_datagram_setup datagram_setup(const sluice_transfer *transfer)
{
    return (sluice_datagram_setup){.buffer_bytes = transfer->options->udp_buffer,
                                   .segment_off = !transfer->options->udp_offload,
                                   .coalesce_off = !transfer->options->udp_offload};
}

/* Beside ssh, UDP: the server is told the port, so that both sides can send first and open their firewalls. */
static int open_beside_ssh(sluice_transfer *transfer, sluice_hello_message *hello, sluice_error *error)
{
    const char *host = transfer->options->udp_host;
    sluice_datagram_setup setup = datagram_setup(transfer);
    uint16_t least, most;
    if (wants(transfer, "tcp"))
        return SLUICE_OK;
    (void)sluice_settings_ports(transfer->options->udp_ports, &least, &most); /* was checked */
    setup.port_least = least;
    setup.port_most = most;
    int status = sluice_datagram_new(&transfer->datagram, transfer->loop, &setup, NULL);
    if (status != SLUICE_OK) {
        /* None is free: another one does where no firewall minds. */
        setup.port_least = setup.port_most = 0;
        status = sluice_datagram_new(&transfer->datagram, transfer->loop, &setup, error);
    }
    if (status != SLUICE_OK)
        return status;
    hello->has_ports = true;
    hello->own_port = sluice_address_port(sluice_datagram_local(transfer->datagram));
    hello->port_least = least;
    hello->port_most = most;
    return sluice_places_new(&transfer->places, transfer->loop, host && host[0] ? host : NULL, transfer->options->ssh,
                             transfer->operands.target, on_places_settled, transfer, error);
}

int sluice_client_connect(sluice_transfer *transfer, bool patient, sluice_error *error)
{
    sluice_hello_message hello = {0};
    sluice_approach_setup setup = {
        .loop = transfer->loop,
        .log = transfer->log,
        .peer = transfer->peer,
        .host = transfer->host,
        .port = transfer->port,
        .ticket = &transfer->ticket,
        .fingerprint = transfer->fingerprint,
        .ciphersuites = transfer->suites[0] ? transfer->suites : NULL,
        .target = transfer->by_ssh ? transfer->operands.target : NULL,
        .ssh = transfer->options->ssh,
        .remote = transfer->options->remote_command,
        .timeout_ns = transfer->options->timeout,
        .calls = &approach_calls,
        .user = transfer,
    };
    int status = sluice_secure_random(&transfer->connection_id, sizeof transfer->connection_id);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot connect: %s", sluice_status_text(status));
    status = choose_lanes(transfer, error);
    if (status != SLUICE_OK)
        return status;
    if (!transfer->suites[0])
        order_suites(transfer);
    setup.ciphersuites = transfer->suites[0] ? transfer->suites : NULL;
    fill_hello(transfer, &hello);
    if (transfer->by_ssh)
        status = open_beside_ssh(transfer, &hello, error);
    if (status == SLUICE_OK)
        status = sluice_approach_new(&transfer->approach, &setup, &hello, patient, error);
    sluice_secure_cleanse(&hello, sizeof hello);
    return status;
}

void sluice_client_disconnect(sluice_transfer *transfer)
{
    sluice_session_free(transfer->session);
    transfer->session = NULL;
    sluice_approach_free(transfer->approach);
    transfer->approach = NULL;
    sluice_places_free(transfer->places);
    transfer->places = NULL;
    for (size_t i = 0; i < SLUICE_COUNT(transfer->strands); i++) {
        sluice_strand_free(transfer->strands[i]);
        transfer->strands[i] = NULL;
    }
    sluice_datagram_free(transfer->datagram);
    transfer->datagram = NULL;
    transfer->welcomed = transfer->begun = transfer->may_move = transfer->live = false;
}

/* ---- the session ---- */

/* Where the server's UDP socket may be; the first is as good as the others. */
static int find_peer(sluice_transfer *transfer, sluice_address addresses[SLUICE_PLACES], size_t *count,
                     sluice_error *error)
{
    uint16_t port = (uint16_t)transfer->welcome.port;
    if (!transfer->by_ssh) {
        addresses[0] = *sluice_approach_server(transfer->approach);
        *count = 1;
    } else {
        const sluice_address *known = sluice_places_known(transfer->places, count);
        memcpy(addresses, known, *count * sizeof *known);
    }
    for (size_t i = 0; i < *count; i++)
        sluice_address_port_set(&addresses[i], port);
    if (*count == 0)
        return sluice_fail(error, SLUICE_ECONNECT, "nothing says to which address UDP should go: name it with --udp-host, "
                                                   "or use --transport tcp");
    sluice_datagram_setup setup = datagram_setup(transfer);
    setup.peer = &addresses[0];
    return transfer->datagram ? SLUICE_OK : sluice_datagram_new(&transfer->datagram, transfer->loop, &setup, error);
}

static int derive_keys(sluice_transfer *transfer, sluice_keys *keys, sluice_error *error)
{
    uint8_t secret[SLUICE_SECRET_BYTES];
    int status = sluice_approach_secret(transfer->approach, secret, error);
    if (status != SLUICE_OK)
        return status;
    sluice_keys_init(keys, secret, transfer->welcome.session_id);
    sluice_secure_cleanse(secret, sizeof secret);
    return SLUICE_OK;
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

static void fill_setup(sluice_transfer *transfer, sluice_session_setup *setup)
{
    const sluice_transfer_settings *options = transfer->options;
    const sluice_welcome_message *welcome = &transfer->welcome;
    *setup = (sluice_session_setup){
        .library = transfer->library,
        .loop = transfer->loop,
        .log = transfer->log,
        .crew = &transfer->member,
        .report = transfer->report,
        .role = SLUICE_CLIENT,
        .datagram = transfer->datagram,
        .peer_text = transfer->peer,
        .name = transfer->name,
        .local_id = transfer->connection_id,
        .remote_id = welcome->connection_id,
        .transport = welcome->transport,
        .congestion = transfer->congestion,
        .limits = limits_under(transfer->limits, welcome->rate_most),
        .max_rate = welcome->rate_most,
        .datagram_most = MIN(welcome->datagram_most, datagram_most(transfer)),
        .memory_bytes = options->memory,
        .receive_bytes = options->memory,
        .peer_receive_bytes = welcome->receive_bytes,
        .peer_ordered_bytes = welcome->ordered_bytes,
        .timeout_ns = options->timeout,
        .initial_rtt_ns = sluice_approach_rtt(transfer->approach),
        .started = transfer->started,
        .request = &transfer->request,
        .maker = transfer->maker.make ? &transfer->maker : NULL,
        .calls = &session_calls,
        .user = transfer,
    };
}

static int make_on_channel(sluice_transfer *transfer, sluice_session_setup *setup, sluice_error *error)
{
    sluice_channel *channel = sluice_approach_take(transfer->approach);
    setup->channel = &channel;
    setup->datagram = NULL;
    setup->cipher = sluice_channel_cipher(channel);
    setup->crypto = sluice_channel_guard(channel);
    setup->peer = sluice_approach_server(transfer->approach);
    int status = sluice_session_new(setup, &transfer->session, error);
    sluice_channel_free(channel);
    return status;
}

static void addresses_text(const sluice_address *addresses, size_t count, char *out, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < count && length < size; i++) {
        char text[SLUICE_ADDRESS_TEXT];
        length += (size_t)snprintf(out + length, size - length, "%s%s", i ? " or " : "",
                                   sluice_address_text(&addresses[i], text));
    }
}

static int make_on_datagrams(sluice_transfer *transfer, sluice_session_setup *setup, sluice_error *error)
{
    sluice_address addresses[SLUICE_PLACES];
    char text[SLUICE_ADDRESS_HOST];
    size_t count;
    int status = find_peer(transfer, addresses, &count, error);
    if (status != SLUICE_OK)
        return status;
    setup->datagram = transfer->datagram;
    setup->peer = &addresses[0];
    setup->candidates = &addresses[1];
    setup->candidate_count = count - 1;
    addresses_text(addresses, count, text, sizeof text);
    setup->udp_text = transfer->by_ssh ? text : NULL;
    setup->cipher = transfer->welcome.cipher;
    setup->crypto = sluice_suite_plugin(&transfer->suite, setup->cipher);
    if (!setup->crypto)
        return sluice_fail(error, SLUICE_ECIPHER, "the server chose cipher %s, which was not offered", setup->cipher);
    return sluice_session_new(setup, &transfer->session, error);
}

/* A server that has no UDP port to offer answers a client that can move with tcp. */
static void tell_without_udp(sluice_transfer *transfer)
{
    char line[600];
    snprintf(line, sizeof line, "%s has no UDP port for us (see --udp-ports, and transport of its [serve]): going on over TCP",
             transfer->peer);
    sluice_client_tell(transfer, SLUICE_EVENT_WARNING, SLUICE_OK, line);
}

/* Fewer lanes than the user wants have a reason, which is told. */
static void tell_of_lanes(sluice_transfer *transfer, bool tcp)
{
    unsigned asked = (unsigned)transfer->options->lanes, got = 1 + (unsigned)transfer->welcome.lanes.count;
    char line[600];
    if (asked < 2 || got >= asked || transfer->maker.make || transfer->probing)
        return;
    if (tcp)
        snprintf(line, sizeof line, "%s: the session has one lane, not %u: it travels over TCP", transfer->peer, asked);
    else if (transfer->lanes.count + 1 < asked)
        snprintf(line, sizeof line, "%s: the session has %u lane%s, not %u: each wants 4 MiB of --memory", transfer->peer,
                 got, got == 1 ? "" : "s", asked);
    else
        snprintf(line, sizeof line, "%s: the session has %u lane%s, not %u: the server takes no more (see max-lanes and memory "
                                    "of its [serve])",
                 transfer->peer, got, got == 1 ? "" : "s", asked);
    sluice_client_tell(transfer, SLUICE_EVENT_WARNING, SLUICE_OK, line);
}

static int make_session(sluice_transfer *transfer, sluice_error *error)
{
    const sluice_welcome_message *welcome = &transfer->welcome;
    bool tcp = strcmp(welcome->transport, "tcp") == 0;
    sluice_session_setup setup;
    sluice_lane_ids ids[SLUICE_LANES_MOST];
    sluice_keys keys;
    bool as_asked = strcmp(welcome->transport, asked_transport(transfer)) == 0 || (tcp && wants(transfer, "auto"));
    if (!as_asked || welcome->lanes.count > (tcp ? 0 : transfer->lanes.count) || (!tcp && welcome->datagram_most < SLUICE_SESSION_DATAGRAM_LEAST))
        return sluice_fail(error, SLUICE_EPROTOCOL, "the server's welcome makes no sense");
    transfer->may_move = wants(transfer, "auto") && (welcome->features & SLUICE_FEATURE_MOVE);
    if (tcp && !wants(transfer, "tcp"))
        tell_without_udp(transfer);
    tell_of_lanes(transfer, tcp);
    int status = derive_keys(transfer, &keys, error);
    if (status != SLUICE_OK)
        return status;
    fill_setup(transfer, &setup);
    setup.keys = &keys;
    for (size_t i = 0; i < welcome->lanes.count; i++)
        ids[i] = (sluice_lane_ids){.local = transfer->lanes.ids[i], .remote = welcome->lanes.ids[i]};
    setup.lanes = 1 + (uint32_t)welcome->lanes.count;
    setup.ids = ids;
    status = tcp ? make_on_channel(transfer, &setup, error) : make_on_datagrams(transfer, &setup, error);
    sluice_keys_fini(&keys);
    return status;
}

static void begin_session(sluice_transfer *transfer)
{
    sluice_error error = {0}, named;
    transfer->begun = true;
    int status = make_session(transfer, &error);
    if (status == SLUICE_OK)
        status = sluice_session_start(transfer->session, &error);
    if (status == SLUICE_OK && !transfer->maker.make) {
        status = sluice_session_attach(transfer->session, &transfer->store, &error);
        if (status == SLUICE_OK)
            memset(&transfer->store, 0, sizeof transfer->store);
    }
    if (status == SLUICE_OK) {
        sluice_client_apply_rate(transfer);
        sluice_client_apply_pause(transfer);
        sluice_client_apply_sources(transfer);
        return;
    }
    sluice_session_free(transfer->session);
    transfer->session = NULL;
    sluice_fail(&named, status, "%s: %.900s", transfer->peer, error.text);
    sluice_client_end_without_session(transfer, status, named.text);
}

/* The answer is here, and so is an address, or none will come any more. */
static void begin_if_possible(sluice_transfer *transfer)
{
    size_t count = 1;
    if (!transfer->welcomed || transfer->begun || transfer->ended)
        return;
    if (transfer->places && strcmp(transfer->welcome.transport, "tcp") != 0 &&
        !sluice_places_settled(transfer->places))
        (void)sluice_places_known(transfer->places, &count);
    if (count > 0)
        begin_session(transfer);
}

/* What the server sends may go by another control than was asked for; of files it would have refused. */
static void compare_control(sluice_transfer *transfer)
{
    char line[300];
    if (!transfer->maker.make || strcmp(transfer->welcome.congestion, transfer->congestion) == 0)
        return;
    snprintf(line, sizeof line, "%.100s: the server does not allow congestion control %s: what it sends goes by %s",
             transfer->peer, transfer->congestion, transfer->welcome.congestion);
    sluice_client_tell(transfer, SLUICE_EVENT_WARNING, SLUICE_OK, line);
}

static void on_welcomed(void *user, const sluice_welcome_message *welcome)
{
    sluice_transfer *transfer = user;
    sluice_address address;
    if (transfer->welcomed || transfer->ended)
        return;
    transfer->welcomed = true;
    transfer->welcome = *welcome;
    if (transfer->maker.make && !(welcome->features & SLUICE_FEATURE_STREAMS)) {
        char line[300];
        snprintf(line, sizeof line, "%.200s: the server (%s) knows no streams", transfer->peer, welcome->software);
        sluice_client_end_without_session(transfer, SLUICE_EVERSION, line);
        return;
    }
    compare_control(transfer);
    if (transfer->probing)
        sluice_probe_welcomed(transfer);
    if (transfer->places && welcome->has_host && sluice_address_numeric(welcome->host, 0, &address) == SLUICE_OK)
        sluice_places_add(transfer->places, &address);
    begin_if_possible(transfer);
}

/* ---- another way for the session ---- */

static sluice_duration patience(const sluice_transfer *transfer, sluice_duration srtt_ns)
{
    sluice_duration least = transfer->by_ssh ? SSH_PATIENCE_NS : PATIENCE_NS;
    return MAX(least, PATIENCE_ROUNDS * srtt_ns);
}

static bool on_session_silent(void *user, bool established)
{
    sluice_transfer *transfer = user;
    sluice_duration srtt_ns;
    char line[600];
    if (established)
        sluice_session_reconnect(transfer->session);
    /* A server that was restarted says so even to a session that may not move. */
    if (!transfer->may_move && (!established || transfer->by_ssh))
        return false;
    if (transfer->by_ssh && !sluice_session_on_datagrams(transfer->session))
        return false; /* there is but one channel through ssh */
    (void)sluice_session_silence(transfer->session, &srtt_ns);
    if (!established) {
        snprintf(line, sizeof line,
                 "UDP to %.300s got no answer: going on over TCP, which may be slower; allow UDP in the firewalls between",
                 sluice_session_udp(transfer->session));
        sluice_session_tell_warning(transfer->session, line);
    }
    sluice_approach_move(transfer->approach, sluice_session_keys(transfer->session),
                         established ? patience(transfer, srtt_ns) : 0);
    return true;
}

static void on_session_back(void *user)
{
    sluice_transfer *transfer = user;
    (void)sluice_approach_stay(transfer->approach);
}

static bool on_session_cut(void *user, const sluice_error *why)
{
    sluice_transfer *transfer = user;
    char line[600];
    if (transfer->by_ssh)
        return false;
    snprintf(line, sizeof line, "%.400s: connecting again", why->text);
    sluice_session_tell_warning(transfer->session, line);
    sluice_approach_move(transfer->approach, sluice_session_keys(transfer->session), 0);
    return true;
}

static void on_moved(void *user, sluice_channel **channel)
{
    sluice_transfer *transfer = user;
    sluice_error error = {0};
    char line[600];
    if (!transfer->session || sluice_session_is_closed(transfer->session))
        return;
    if (transfer->live && sluice_session_on_datagrams(transfer->session)) {
        snprintf(line, sizeof line, "%s: datagrams do not arrive any more, but TCP does: going on over TCP",
                 transfer->peer);
        sluice_session_tell_warning(transfer->session, line);
    }
    if (transfer->probing)
        sluice_probe_moved(transfer);
    int status = sluice_session_move(transfer->session, channel, &error);
    if (status != SLUICE_OK)
        sluice_session_cancel(transfer->session, status, error.text);
}

/* Each lane is a flow of its own, from another port to where the first one has found the server. */
static int on_strand(void *user, uint32_t number, sluice_strand **out, sluice_error *error)
{
    sluice_transfer *transfer = user;
    const sluice_address *peer = sluice_session_peer(transfer->session);
    sluice_datagram_setup setup = datagram_setup(transfer);
    char name[24];
    snprintf(name, sizeof name, "sluice-lane%u", (unsigned)number);
    if (!peer)
        return sluice_fail(error, SLUICE_ECONNECT, "nothing says where the server is");
    setup.peer = peer;
    if (transfer->by_ssh)
        (void)sluice_settings_ports(transfer->options->udp_ports, &setup.port_least, &setup.port_most);
    int status = sluice_strand_new(&transfer->strands[number], &setup, name, error);
    if (status == SLUICE_ECONNECT && transfer->by_ssh) {
        setup.port_least = setup.port_most = 0;
        status = sluice_strand_new(&transfer->strands[number], &setup, name, error);
    }
    *out = transfer->strands[number];
    return status;
}

static bool is_fruitless(const sluice_session *session)
{
    sluice_statistics statistics;
    sluice_session_statistics(session, &statistics);
    return statistics.files + statistics.skipped + statistics.moved_bytes == 0;
}

/* The server was restarted and knows nothing of us: what is there of the files is taken up by a new session. */
static void on_gone(void *user)
{
    sluice_transfer *transfer = user;
    char line[600];
    if (!transfer->session || transfer->cancelled || sluice_session_is_finished(transfer->session))
        return;
    bool streams = transfer->maker.make != NULL; /* whose bytes are gone */
    snprintf(line, sizeof line, "%s: the server no longer knows the session (it was restarted, or gave it up)%s",
             transfer->peer, streams || transfer->once ? "" : ": going on with a new one");
    if (transfer->once) {
        size_t length = strlen(line);
        snprintf(line + length, sizeof line - length, ", and the %s cannot begin anew",
                 transfer->operands.push ? "source" : "destination");
        sluice_session_forget(transfer->session, SLUICE_EGONE, line, true);
        return;
    }
    transfer->fruitless = is_fruitless(transfer->session) ? transfer->fruitless + 1 : 0;
    transfer->again = !streams && transfer->fruitless < FRUITLESS_MOST;
    if (transfer->again)
        sluice_session_tell_warning(transfer->session, line);
    sluice_session_forget(transfer->session, SLUICE_EGONE, line, !transfer->again);
}

static void take_next_address(sluice_post *post)
{
    sluice_transfer *transfer = (sluice_transfer *)(void *)((char *)post - offsetof(sluice_transfer, anew));
    sluice_error error = {0};
    if (transfer->ended)
        return;
    sluice_client_disconnect(transfer);
    int status = choose_host(transfer, &error);
    sluice_client_tell(transfer, SLUICE_EVENT_CONNECTING, SLUICE_OK, "");
    if (status == SLUICE_OK)
        status = sluice_client_connect(transfer, false, &error);
    if (status != SLUICE_OK)
        sluice_client_end_without_session(transfer, status, error.text);
}

/* A ticket may name several addresses of its server, which are tried where the user names none. */
static bool next_address(sluice_transfer *transfer, const sluice_error *why)
{
    bool more = !transfer->by_ssh && transfer->operands.host[0] == '\0' &&
                transfer->address + 1 < transfer->ticket.address_count;
    if (transfer->session || transfer->begun || why->status != SLUICE_ECONNECT || !more)
        return false;
    transfer->address++;
    sluice_client_tell(transfer, SLUICE_EVENT_WARNING, why->status, why->text);
    transfer->anew = (sluice_post){.run = take_next_address};
    sluice_loop_post(transfer->loop, &transfer->anew);
    return true;
}

static void on_failed(void *user, const sluice_error *why)
{
    sluice_transfer *transfer = user;
    if (transfer->probing)
        sluice_probe_failed(transfer);
    if (next_address(transfer, why))
        return;
    if (!transfer->session) {
        sluice_client_end_without_session(transfer, why->status, why->text);
    } else if (!transfer->live || sluice_session_is_cut(transfer->session)) {
        /* In mid-session a server that cannot be reached is one that is silent. */
        bool silent = transfer->live && why->status == SLUICE_ECONNECT;
        int status = silent ? SLUICE_ETIMEOUT : transfer->live ? why->status : SLUICE_ECONNECT;
        sluice_session_forget(transfer->session, status, why->text, true);
    } else {
        /* What was silent may be heard again. */
        sluice_log_say(transfer->log, SLUICE_LOG_INFO, "no other way for the session: %s", why->text);
    }
}

static void on_said(void *user, const char *line)
{
    sluice_transfer *transfer = user;
    char text[800];
    snprintf(text, sizeof text, "%s: %.500s", transfer->peer, line);
    sluice_client_tell(transfer, SLUICE_EVENT_WARNING, SLUICE_OK, text);
}

static const sluice_approach_calls approach_calls = {
    .welcomed = on_welcomed,
    .moved = on_moved,
    .gone = on_gone,
    .failed = on_failed,
    .said = on_said,
};

/* ---- the end of a session ---- */

static void on_session_ready(void *user)
{
    sluice_transfer *transfer = user;
    transfer->live = true;
    if (transfer->probing)
        sluice_probe_live(transfer);
    sluice_approach_arrived(transfer->approach);
}

/* Everything anew but the order. */
static int begin_again(sluice_transfer *transfer, sluice_error *error)
{
    int status = sluice_secure_random(&transfer->request.seed, sizeof transfer->request.seed);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "no random numbers to be had");
    status = sluice_client_renew_sources(transfer);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "no memory to begin again");
    status = sluice_client_make_store(transfer, error);
    return status == SLUICE_OK ? sluice_client_connect(transfer, true, error) : status;
}

static void take_up(sluice_post *post)
{
    sluice_transfer *transfer = (sluice_transfer *)(void *)((char *)post - offsetof(sluice_transfer, anew));
    sluice_error error = {0};
    sluice_client_disconnect(transfer);
    if (transfer->cancelled) {
        sluice_client_end_without_session(transfer, SLUICE_EINTERRUPTED, "interrupted");
        return;
    }
    int status = begin_again(transfer, &error);
    if (status != SLUICE_OK)
        sluice_client_end_without_session(transfer, status, error.text);
}

static void on_session_facts(void *user, const sluice_facts *facts)
{
    sluice_transfer *transfer = user;
    if (transfer->probing)
        sluice_probe_facts(transfer, facts);
}

static void on_session_ended(void *user, int status)
{
    sluice_transfer *transfer = user;
    sluice_statistics statistics;
    (void)status;
    if (transfer->probing)
        sluice_probe_ended(transfer);
    if (transfer->again && !transfer->cancelled) {
        transfer->again = false;
        transfer->anew = (sluice_post){.run = take_up};
        sluice_loop_post(transfer->loop, &transfer->anew);
        return;
    }
    sluice_session_statistics(transfer->session, &statistics);
    pthread_mutex_lock(&transfer->lock);
    transfer->statistics = statistics;
    pthread_mutex_unlock(&transfer->lock);
    sluice_client_end(transfer, sluice_session_error(transfer->session));
}

static const sluice_session_calls session_calls = {
    .facts = on_session_facts,
    .ready = on_session_ready,
    .silent = on_session_silent,
    .back = on_session_back,
    .cut = on_session_cut,
    .strand = on_strand,
    .ended = on_session_ended,
};

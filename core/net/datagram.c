/* SPDX-License-Identifier: Apache-2.0 */
#include "net/datagram.h"

#include "net/sieve.h"
#include "net/socket.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define RUN_PACKETS 256      /* handed to an endpoint at once */
#define ROUNDS 4             /* of receiving, before others get their turn */
#define BUCKETS_FIRST 64     /* a power of two */
#define ATTEMPTS 4           /* at a packet, when errors of earlier ones come in between */
#define PAUSE_NS SLUICE_MS   /* when the kernel is short of memory rather than of room in the socket */
#define RECONNECT_NS SLUICE_SECOND /* between attempts at a new local address that nobody has asked for */

typedef struct path {
    sluice_address peer, local; /* local: which of our addresses it writes to; none: the only one */
    sluice_address came_to;     /* the same of the newest packets, which may not be authentic */
    sluice_time heard;
    bool confirmed;
} path;

struct sluice_endpoint {
    sluice_datagram *datagram;
    uint64_t id;
    const sluice_endpoint_calls *calls;
    void *user;
    path paths[SLUICE_PATHS];
    bool touched, waiting; /* which of the datagram channel's lists it is in */
    TAILQ_ENTRY(sluice_endpoint) touched_link, waiting_link;
    sluice_endpoint *next_in_bucket;
};

TAILQ_HEAD(endpoints, sluice_endpoint);

struct sluice_datagram {
    sluice_loop *loop;
    sluice_socket udp;
    sluice_sieve sieve;
    sluice_watch *watch;
    sluice_timer *pause;
    sluice_time reconnect_from; /* not by itself before */
    sluice_endpoint **buckets;
    size_t bucket_count, endpoint_count;
    struct endpoints touched; /* got packets in the reading that is under way */
    struct endpoints waiting; /* want to be told when the socket takes packets again */
    sluice_packet run[RUN_PACKETS]; /* of one id, from one address */
    size_t run_count;
    uint64_t run_id;
    sluice_address run_from, run_to;
    sluice_batch *spare; /* batches not in use: one, unless the socket was full for several endpoints at once */
};

/* ---- the table of ids ---- */

/* Ids are random but for their first byte, which names the worker, and the sieve's mark, which is a hash. */
static sluice_endpoint **bucket_of(const sluice_datagram *datagram, uint64_t id)
{
    return &datagram->buckets[id & (datagram->bucket_count - 1)];
}

static sluice_endpoint *find(const sluice_datagram *datagram, uint64_t id)
{
    sluice_endpoint *endpoint = *bucket_of(datagram, id);
    while (endpoint && endpoint->id != id)
        endpoint = endpoint->next_in_bucket;
    return endpoint;
}

static void table_insert(sluice_datagram *datagram, sluice_endpoint *endpoint)
{
    sluice_endpoint **bucket = bucket_of(datagram, endpoint->id);
    endpoint->next_in_bucket = *bucket;
    *bucket = endpoint;
}

static void table_remove(sluice_datagram *datagram, sluice_endpoint *endpoint)
{
    sluice_endpoint **at = bucket_of(datagram, endpoint->id);
    while (*at != endpoint)
        at = &(*at)->next_in_bucket;
    *at = endpoint->next_in_bucket;
}

/* Without memory for more buckets the chains get longer, nothing else. */
static void table_grow(sluice_datagram *datagram)
{
    size_t old_count = datagram->bucket_count;
    sluice_endpoint **old = datagram->buckets;
    sluice_endpoint **buckets = calloc(2 * old_count, sizeof(sluice_endpoint *));
    if (!buckets)
        return;
    datagram->buckets = buckets;
    datagram->bucket_count = 2 * old_count;
    for (size_t i = 0; i < old_count; i++)
        for (sluice_endpoint *endpoint = old[i], *next; endpoint; endpoint = next) {
            next = endpoint->next_in_bucket;
            table_insert(datagram, endpoint);
        }
    free(old);
}

/* ---- paths ---- */

/* A path that was never confirmed goes before one that was, the one heard of longest ago before others; 0 is not to be
 * had. */
static bool goes_before(const path *a, const path *b)
{
    if (sluice_address_is_none(&a->peer) != sluice_address_is_none(&b->peer))
        return sluice_address_is_none(&a->peer);
    if (a->confirmed != b->confirmed)
        return !a->confirmed;
    return a->heard < b->heard;
}

static uint32_t path_known(const sluice_endpoint *endpoint, const sluice_address *peer)
{
    uint32_t number = 0;
    while (number < SLUICE_PATHS && (sluice_address_is_none(&endpoint->paths[number].peer) ||
                                     !sluice_address_equal(&endpoint->paths[number].peer, peer)))
        number++;
    return number;
}

/* Which one makes room for another. */
static uint32_t path_least(const sluice_endpoint *endpoint)
{
    uint32_t least = 1;
    for (uint32_t number = 2; number < SLUICE_PATHS; number++)
        if (goes_before(&endpoint->paths[number], &endpoint->paths[least]))
            least = number;
    return least;
}

static uint32_t path_of(sluice_endpoint *endpoint, const sluice_address *from, const sluice_address *to,
                        sluice_time now)
{
    sluice_datagram *datagram = endpoint->datagram;
    if (datagram->udp.connected)
        return 0;
    uint32_t number = path_known(endpoint, from);
    if (number < SLUICE_PATHS) {
        endpoint->paths[number].came_to = *to;
        endpoint->paths[number].heard = now;
        return number;
    }
    number = path_least(endpoint);
    if (!sluice_address_is_none(&endpoint->paths[number].peer))
        datagram->udp.statistics.crowded_packets++;
    endpoint->paths[number] = (path){.peer = *from, .local = *to, .came_to = *to, .heard = now};
    return number;
}

int sluice_endpoint_path_add(sluice_endpoint *endpoint, const sluice_address *peer, uint32_t *number)
{
    const sluice_socket *udp = &endpoint->datagram->udp;
    struct sockaddr_in6 raw;
    if (udp->connected || !sluice_address_give(peer, udp->family, &raw))
        return SLUICE_EINVAL;
    *number = path_known(endpoint, peer);
    if (*number == SLUICE_PATHS && sluice_address_is_none(&endpoint->paths[0].peer))
        *number = 0;
    if (*number == SLUICE_PATHS) {
        *number = path_least(endpoint);
        if (endpoint->paths[*number].confirmed && !sluice_address_is_none(&endpoint->paths[*number].peer))
            return SLUICE_ELIMIT;
    }
    if (!sluice_address_equal(&endpoint->paths[*number].peer, peer))
        endpoint->paths[*number] = (path){.peer = *peer};
    endpoint->paths[*number].confirmed = true; /* what we were told of is not pushed out by what strangers send */
    return SLUICE_OK;
}

const sluice_address *sluice_endpoint_path(const sluice_endpoint *endpoint, uint32_t number)
{
    if (number >= SLUICE_PATHS || sluice_address_is_none(&endpoint->paths[number].peer))
        return NULL;
    return &endpoint->paths[number].peer;
}

void sluice_endpoint_adopt(sluice_endpoint *endpoint, uint32_t number)
{
    assert(number < SLUICE_PATHS);
    path before = endpoint->paths[0];
    endpoint->paths[0] = endpoint->paths[number];
    endpoint->paths[number] = before;
    endpoint->paths[0].confirmed = true;
}

void sluice_endpoint_confirm(sluice_endpoint *endpoint, uint32_t number)
{
    assert(number < SLUICE_PATHS);
    endpoint->paths[number].confirmed = true;
    endpoint->paths[number].local = endpoint->paths[number].came_to;
}

/* ---- receiving ---- */

static void touch(sluice_datagram *datagram, sluice_endpoint *endpoint)
{
    if (endpoint->touched)
        return;
    endpoint->touched = true;
    TAILQ_INSERT_TAIL(&datagram->touched, endpoint, touched_link);
}

/* Hands over the packets that were gathered; the endpoint may be gone afterwards. */
static void run_flush(sluice_datagram *datagram, sluice_time now)
{
    size_t count = datagram->run_count;
    if (!count)
        return;
    datagram->run_count = 0;
    sluice_endpoint *endpoint = find(datagram, datagram->run_id);
    if (!endpoint) {
        datagram->udp.statistics.stranger_packets += count;
        return;
    }
    uint32_t number = path_of(endpoint, &datagram->run_from, &datagram->run_to, now);
    for (size_t i = 0; i < count; i++)
        datagram->run[i].path = number;
    touch(datagram, endpoint);
    endpoint->calls->received(endpoint->user, now, datagram->run, count);
}

static uint64_t id_read(const uint8_t *bytes)
{
    uint64_t id = 0;
    for (size_t i = 0; i < SLUICE_PACKET_ID_BYTES; i++)
        id = id << 8 | bytes[SLUICE_PACKET_ID_AT + i];
    return id;
}

static void packet_gather(sluice_datagram *datagram, const sluice_arrival *arrival, uint8_t *bytes, size_t count,
                          sluice_time now)
{
    if (count < SLUICE_PACKET_ID_AT + SLUICE_PACKET_ID_BYTES || count > SLUICE_PACKET_MAX) {
        datagram->udp.statistics.stranger_packets++;
        return;
    }
    uint64_t id = id_read(bytes);
    if (datagram->run_count == RUN_PACKETS || id != datagram->run_id)
        run_flush(datagram, now);
    datagram->run_id = id;
    datagram->run[datagram->run_count++] = (sluice_packet){
        .data = bytes,
        .size = (uint32_t)count,
        .capacity = (uint32_t)count,
        .ecn = arrival->ecn,
        .received = arrival->received,
    };
}

static void arrival_split(sluice_datagram *datagram, const sluice_arrival *arrival, sluice_time now)
{
    if (!sluice_address_equal(&arrival->from, &datagram->run_from)
        || !sluice_address_equal(&arrival->to, &datagram->run_to))
        run_flush(datagram, now);
    datagram->run_from = arrival->from;
    datagram->run_to = arrival->to;
    if (arrival->count == 0)
        datagram->udp.statistics.stranger_packets++;
    for (size_t at = 0; at < arrival->count; at += arrival->segment_bytes) {
        size_t left = arrival->count - at;
        packet_gather(datagram, arrival, arrival->bytes + at,
                      left < arrival->segment_bytes ? left : arrival->segment_bytes, now);
    }
}

/* A connected socket's endpoints are all told: the network does not say whose packet it was. */
static void unreachable(sluice_datagram *datagram, int errnum)
{
    for (size_t i = 0; i < datagram->bucket_count; i++)
        for (sluice_endpoint *endpoint = datagram->buckets[i], *next; endpoint; endpoint = next) {
            next = endpoint->next_in_bucket;
            if (endpoint->calls->unreachable)
                endpoint->calls->unreachable(endpoint->user, errnum);
        }
}

static void settle(sluice_datagram *datagram, sluice_time now)
{
    sluice_endpoint *endpoint;
    while ((endpoint = TAILQ_FIRST(&datagram->touched))) {
        TAILQ_REMOVE(&datagram->touched, endpoint, touched_link);
        endpoint->touched = false;
        if (endpoint->calls->settled)
            endpoint->calls->settled(endpoint->user, now);
    }
}

static void receive(sluice_datagram *datagram)
{
    sluice_time now = sluice_loop_now(datagram->loop);
    for (unsigned round = 0; round < ROUNDS; round++) {
        sluice_arrival *arrivals;
        int count = sluice_socket_receive(&datagram->udp, &arrivals);
        if (count == 0)
            break;
        if (count < 0) {
            unreachable(datagram, -count);
            continue;
        }
        now = sluice_loop_refresh(datagram->loop);
        for (int i = 0; i < count; i++)
            arrival_split(datagram, &arrivals[i], now);
        run_flush(datagram, now);
    }
    settle(datagram, now);
}

/* ---- sending ---- */

static void wants_set(sluice_datagram *datagram, bool write)
{
    /* A watch that cannot be changed leaves the endpoints to their own timers. */
    (void)sluice_watch_set(datagram->watch, write ? SLUICE_WATCH_READ | SLUICE_WATCH_WRITE : SLUICE_WATCH_READ);
}

static void wait_begin(sluice_endpoint *endpoint, int errnum)
{
    sluice_datagram *datagram = endpoint->datagram;
    if (!endpoint->waiting)
        TAILQ_INSERT_TAIL(&datagram->waiting, endpoint, waiting_link);
    endpoint->waiting = true;
    /* Room in the socket is told by the kernel; the end of a shortage of memory is not. */
    if (errnum == EAGAIN)
        wants_set(datagram, true);
    else if (sluice_timer_when(datagram->pause) == SLUICE_NEVER)
        sluice_timer_set(datagram->pause, sluice_loop_now(datagram->loop) + PAUSE_NS);
}

/* Those who are told may have to wait again at once: only who waited before gets his turn. */
static void wait_end(sluice_datagram *datagram, sluice_time now)
{
    size_t most = 0;
    sluice_endpoint *endpoint;
    TAILQ_FOREACH(endpoint, &datagram->waiting, waiting_link)
        most++;
    wants_set(datagram, false);
    for (; most && (endpoint = TAILQ_FIRST(&datagram->waiting)); most--) {
        TAILQ_REMOVE(&datagram->waiting, endpoint, waiting_link);
        endpoint->waiting = false;
        if (endpoint->calls->writable)
            endpoint->calls->writable(endpoint->user, now);
    }
}

/* From the first on: packets that the kernel would refuse as well. */
static size_t as_big(const sluice_packet *packets, size_t count)
{
    size_t same = 1;
    while (same < count && packets[same].size >= packets[0].size && packets[same].path == packets[0].path)
        same++;
    return same;
}

/* ---- another local address ---- */

static void ready(void *user, unsigned directions);

static int socket_replace(sluice_datagram *datagram, sluice_error *error)
{
    char text[SLUICE_ADDRESS_TEXT];
    sluice_socket kept = datagram->udp;
    sluice_watch *watch = NULL;
    int before;
    int failed = sluice_socket_reopen(&datagram->udp, &before);
    if (failed)
        return sluice_fail(error, SLUICE_ECONNECT, "no way to %s for UDP: %s",
                           sluice_address_text(&datagram->udp.peer, text), strerror(-failed));
    int status = sluice_watch_new(&watch, datagram->loop, datagram->udp.fd, ready, datagram);
    if (status == SLUICE_OK)
        status = sluice_watch_set(watch, TAILQ_EMPTY(&datagram->waiting) ? SLUICE_WATCH_READ
                                                                         : SLUICE_WATCH_READ | SLUICE_WATCH_WRITE);
    if (status != SLUICE_OK) {
        sluice_watch_free(watch);
        close(datagram->udp.fd);
        datagram->udp = kept;
        return sluice_fail(error, status, "cannot watch a UDP socket");
    }
    sluice_watch_free(datagram->watch);
    datagram->watch = watch;
    close(before);
    datagram->udp.statistics.reconnects++;
    return SLUICE_OK;
}

static void locals_forget(sluice_datagram *datagram)
{
    for (size_t i = 0; i < datagram->bucket_count; i++)
        for (sluice_endpoint *endpoint = datagram->buckets[i]; endpoint; endpoint = endpoint->next_in_bucket)
            for (uint32_t number = 0; number < SLUICE_PATHS; number++)
                endpoint->paths[number].local = (sluice_address){0};
}

int sluice_datagram_reconnect(sluice_datagram *datagram, sluice_error *error)
{
    datagram->reconnect_from = sluice_loop_now(datagram->loop) + RECONNECT_NS;
    if (datagram->udp.connected)
        return socket_replace(datagram, error);
    locals_forget(datagram);
    return SLUICE_OK;
}

/* Errors by which the kernel says, of a connected socket without IP_RECVERR, that its local address is not ours any
 * more or that there is no way from it; none of them comes from the network, where anybody could have sent it. */
static bool is_homeless(int errnum)
{
    return errnum == EINVAL || errnum == EADDRNOTAVAIL || errnum == ENETUNREACH || errnum == EHOSTUNREACH ||
           errnum == ENETDOWN || errnum == ENODEV || errnum == ENXIO;
}

static bool find_new_home(sluice_datagram *datagram, int errnum)
{
    if (!datagram->udp.connected || !is_homeless(errnum) ||
        sluice_loop_now(datagram->loop) < datagram->reconnect_from)
        return false;
    return sluice_datagram_reconnect(datagram, NULL) == SLUICE_OK;
}

typedef struct sending {
    sluice_endpoint *endpoint;
    const sluice_packet *packets;
    size_t done, end;  /* end: of the packets that go the same way */
    unsigned attempts; /* at the packet that is next */
    int hint;          /* errno value that the network told us */
} sending;

/* What to make of an error for the next packet.  SLUICE_OK: go on. */
static int send_failed(sending *s, int errnum)
{
    sluice_endpoint *endpoint = s->endpoint;
    sluice_datagram_statistics *statistics = &endpoint->datagram->udp.statistics;
    const sluice_packet *packet = &s->packets[s->done];
    size_t count;
    switch (errnum) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
        wait_begin(endpoint, errnum);
        return SLUICE_EAGAIN;
    case EMSGSIZE:
        count = as_big(packet, s->end - s->done);
        statistics->refused_packets += count;
        s->done += count;
        s->attempts = 0;
        if (endpoint->calls->too_big)
            endpoint->calls->too_big(endpoint->user, packet, count);
        return SLUICE_OK;
    case EBADF:
    case ENOTSOCK:
    case EFAULT:
        return SLUICE_EIO;
    default:
        if (find_new_home(endpoint->datagram, errnum))
            return SLUICE_OK; /* and tries again from there */
        s->hint = errnum;
        /* An ICMP message about an earlier packet keeps this one from leaving, but only once. */
        if (++s->attempts < ATTEMPTS && endpoint->datagram->udp.connected)
            return SLUICE_OK;
        statistics->lost_packets++;
        s->done++;
        s->attempts = 0;
        return SLUICE_OK;
    }
}

static int send_path(sending *s)
{
    const path *way = &s->endpoint->paths[s->packets[s->done].path];
    sluice_socket *udp = &s->endpoint->datagram->udp;
    const sluice_address *to = udp->connected ? NULL : &way->peer;
    int status = SLUICE_OK;
    while (s->done < s->end && status == SLUICE_OK) {
        size_t sent = 0;
        int failed = sluice_socket_send(udp, to, &way->local, s->packets + s->done, s->end - s->done, &sent);
        if (sent)
            s->attempts = 0;
        s->done += sent;
        if (failed)
            status = send_failed(s, failed);
    }
    return status;
}

int sluice_endpoint_send(sluice_endpoint *endpoint, const sluice_packet *packets, size_t count, size_t *handled)
{
    sending s = {.endpoint = endpoint, .packets = packets};
    int status = SLUICE_OK;
    while (s.done < count && status == SLUICE_OK) {
        uint32_t number = packets[s.done].path;
        for (s.end = s.done + 1; s.end < count && packets[s.end].path == number;)
            s.end++;
        if (sluice_endpoint_path(endpoint, number)) {
            status = send_path(&s);
        } else {
            endpoint->datagram->udp.statistics.lost_packets += s.end - s.done;
            s.done = s.end;
        }
    }
    *handled = s.done;
    if (s.hint && endpoint->calls->unreachable)
        endpoint->calls->unreachable(endpoint->user, s.hint);
    return status;
}

/* ---- the channel ---- */

static void ready(void *user, unsigned directions)
{
    sluice_datagram *datagram = user;
    if (directions & SLUICE_WATCH_WRITE)
        wait_end(datagram, sluice_loop_now(datagram->loop));
    if (directions & SLUICE_WATCH_READ)
        receive(datagram);
}

static void pause_over(void *user, sluice_time now)
{
    wait_end(user, now);
}

int sluice_datagram_new(sluice_datagram **out, sluice_loop *loop, const sluice_datagram_setup *setup,
                        sluice_error *error)
{
    sluice_datagram *datagram = calloc(1, sizeof(*datagram));
    if (!datagram)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a UDP socket");
    datagram->loop = loop;
    TAILQ_INIT(&datagram->touched);
    TAILQ_INIT(&datagram->waiting);
    datagram->sieve.fd = -1;
    sluice_datagram_setup own = *setup;
    if (setup->beside) {
        own.local = &setup->beside->udp.local;
        own.port_least = own.port_most = 0;
        own.share_port = true;
        own.sieve = false;
        setup = &own;
    }
    int status = sluice_socket_init(&datagram->udp, setup, error);
    if (status != SLUICE_OK) {
        free(datagram);
        return status;
    }
    if (setup->sieve && !setup->share_port && !datagram->udp.connected)
        sluice_sieve_init(&datagram->sieve, datagram->udp.fd, datagram->udp.family, &datagram->udp.local,
                          datagram->udp.statistics.coalescing);
    datagram->bucket_count = BUCKETS_FIRST;
    datagram->buckets = calloc(BUCKETS_FIRST, sizeof(sluice_endpoint *));
    if (!datagram->buckets || sluice_watch_new(&datagram->watch, loop, datagram->udp.fd, ready, datagram) != SLUICE_OK
        || sluice_timer_new(&datagram->pause, loop, pause_over, datagram) != SLUICE_OK) {
        sluice_datagram_free(datagram);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a UDP socket");
    }
    if (sluice_watch_set(datagram->watch, SLUICE_WATCH_READ) != SLUICE_OK) {
        sluice_datagram_free(datagram);
        return sluice_fail(error, SLUICE_EIO, "cannot watch a UDP socket");
    }
    *out = datagram;
    return SLUICE_OK;
}

void sluice_datagram_free(sluice_datagram *datagram)
{
    if (!datagram)
        return;
    assert(datagram->endpoint_count == 0);
    for (sluice_batch *batch; (batch = datagram->spare);) {
        datagram->spare = batch->next;
        sluice_batch_fini(batch);
        free(batch);
    }
    sluice_timer_free(datagram->pause);
    sluice_watch_free(datagram->watch);
    sluice_sieve_fini(&datagram->sieve);
    sluice_socket_fini(&datagram->udp);
    free(datagram->buckets);
    free(datagram);
}

sluice_batch *sluice_datagram_batch_take(sluice_datagram *datagram)
{
    sluice_batch *batch = datagram->spare;
    if (batch) {
        datagram->spare = batch->next;
        batch->next = NULL;
        return batch;
    }
    batch = malloc(sizeof *batch);
    if (batch && sluice_batch_init(batch) != SLUICE_OK) {
        free(batch);
        batch = NULL;
    }
    return batch;
}

void sluice_datagram_batch_give(sluice_datagram *datagram, sluice_batch *batch)
{
    if (!batch)
        return;
    batch->next = datagram->spare;
    datagram->spare = batch;
}

bool sluice_datagram_sieves(const sluice_datagram *datagram)
{
    return datagram->sieve.fd >= 0;
}

uint64_t sluice_datagram_id(const sluice_datagram *datagram, uint64_t random)
{
    return sluice_sieve_mark(&datagram->sieve, random);
}

const sluice_address *sluice_datagram_local(const sluice_datagram *datagram)
{
    return &datagram->udp.local;
}

void sluice_datagram_statistics_get(const sluice_datagram *datagram, sluice_datagram_statistics *out)
{
    *out = datagram->udp.statistics;
    out->stranger_packets += sluice_sieve_count(&datagram->sieve);
}

int sluice_endpoint_new(sluice_endpoint **out, sluice_datagram *datagram, uint64_t id, const sluice_address *peer,
                        const sluice_endpoint_calls *calls, void *user, sluice_error *error)
{
    if (find(datagram, id))
        return sluice_fail(error, SLUICE_EEXIST, "connection id %016llx is in use", (unsigned long long)id);
    sluice_endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (!endpoint)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a connection");
    endpoint->datagram = datagram;
    endpoint->id = id;
    endpoint->calls = calls;
    endpoint->user = user;
    if (datagram->udp.connected)
        endpoint->paths[0].peer = datagram->udp.peer;
    else if (peer)
        endpoint->paths[0].peer = *peer;
    endpoint->paths[0].confirmed = true;
    if (datagram->endpoint_count >= datagram->bucket_count)
        table_grow(datagram);
    table_insert(datagram, endpoint);
    datagram->endpoint_count++;
    *out = endpoint;
    return SLUICE_OK;
}

void sluice_endpoint_free(sluice_endpoint *endpoint)
{
    if (!endpoint)
        return;
    sluice_datagram *datagram = endpoint->datagram;
    table_remove(datagram, endpoint);
    datagram->endpoint_count--;
    if (endpoint->touched)
        TAILQ_REMOVE(&datagram->touched, endpoint, touched_link);
    if (endpoint->waiting)
        TAILQ_REMOVE(&datagram->waiting, endpoint, waiting_link);
    free(endpoint);
}

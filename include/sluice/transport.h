/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.h - kind `transport`: moves blocks of objects reliably, ordered or not, over a channel.
 *
 * A transport is a sans-I/O engine: packets and the time come in as arguments, packets and the next wake-up time go
 * out.  It has no socket, clock, thread or sleep, so the same engine runs on real sockets and in a simulator in
 * virtual time.  An instance is one lane of a session and is used by that lane's loop thread only; calls into the
 * user (sluice_transport_calls) come from inside the engine's operations on the same thread, and may call back the
 * operations marked "reentrant".
 *
 * Objects.  Each direction has its own object ids, chosen by its sender.  Object 0 exists in both directions from
 * the start: the reliable, ordered control stream, with the highest priority.  An object is a row of bytes; a
 * sender opens it, offers ranges of it, and says where it ends.  The payload is never kept by the transport: what
 * must be sent, or sent again, is fetched from the user.  Ranges that are never offered are never sent (holes, or
 * what the receiver has); the receiving user knows of them by its own means.
 *
 * ABI history: 1.0 first; 1.1 move; 1.2 widen; 1.3 knows, passed.
 */
#ifndef SLUICE_TRANSPORT_H
#define SLUICE_TRANSPORT_H

#include <sluice/congestion.h>
#include <sluice/packet.h>
#include <sluice/plugin.h>
#include <sys/uio.h>

#define SLUICE_TRANSPORT_ABI SLUICE_ABI(1, 3)

typedef uint64_t sluice_object_id; /* below 2^62 */
#define SLUICE_OBJECT_CONTROL 0
#define SLUICE_PRIORITY_LEVELS 8   /* 0 is the highest and belongs to object 0 */

enum {
    SLUICE_OBJECT_ORDERED = 1 /* delivered without gaps, in order; else as it comes */
};

/* What the packets of a transport travel on: datagrams, or a byte channel (TLS over TCP, ssh) that keeps packets apart and
 * neither loses nor reorders them; there they are not sealed, and setup's seal_bytes is 0. */
typedef enum sluice_carriage { SLUICE_CARRIAGE_DATAGRAM, SLUICE_CARRIAGE_BYTES } sluice_carriage;

/* Why sending stands still; in this order the first that holds is the reason. */
typedef enum sluice_wait {
    SLUICE_WAIT_NOTHING,  /* it does not: there is something to send right now */
    SLUICE_WAIT_PACING,   /* for the pacer */
    SLUICE_WAIT_WINDOW,   /* for acknowledgements: in_flight has reached the window */
    SLUICE_WAIT_CREDIT,   /* for the receiver's credit: its sink is slower */
    SLUICE_WAIT_SOURCE    /* for data: nothing is offered, or fetch had nothing */
} sluice_wait;
#define SLUICE_WAITS 5

typedef struct sluice_transport_statistics {
    uint32_t size;
    uint64_t packets_sent, wire_bytes_sent;         /* IP bytes, all packets */
    uint64_t data_packets_sent, data_bytes_sent;    /* packets with object data; payload bytes, repeats included */
    uint64_t resent_packets, resent_bytes;          /* data packets more than half of which was sent before; payload repeated */
    uint64_t lost_packets, spurious_packets;        /* declared lost; of those, acknowledged later */
    uint64_t acked_bytes;                           /* payload acknowledged, each byte once */
    uint64_t in_flight_bytes;                       /* IP bytes */
    uint64_t packets_received, wire_bytes_received;
    uint64_t delivered_bytes, redundant_bytes;      /* payload received first time / again */
    uint64_t reports_sent, reports_received;
    uint64_t receiver_drop_packets;                 /* our datagrams dropped by the peer's socket, as it says */
    uint64_t ce_packets;
    uint64_t forged_packets;                        /* did not open */
    uint32_t datagram_bytes;                        /* UDP payload in use */
    uint32_t phase_sent, phase_received;
    sluice_duration srtt_ns, rttvar_ns, min_rtt_ns, queue_ns;
    sluice_rate delivery_rate_bps;
    sluice_control control;
    sluice_duration waited_ns[SLUICE_WAITS];        /* time spent in each state since the start */
    sluice_time first_data_sent;                    /* 0: none yet; first packet with data of an object but 0 */
    sluice_time last_received;                      /* last authentic packet */
} sluice_transport_statistics;

typedef enum sluice_transport_event_type {
    SLUICE_TRANSPORT_READY,       /* first authentic packet came: both ways live */
    SLUICE_TRANSPORT_SILENT,      /* nothing came for 5 s though something should have; said once per silence */
    SLUICE_TRANSPORT_BACK,        /* something came after SILENT */
    SLUICE_TRANSPORT_DATAGRAM,    /* value: new datagram size */
    SLUICE_TRANSPORT_PHASE,       /* value: phase; a new key phase is in use for sending */
    SLUICE_TRANSPORT_PATH,        /* value: path number that was validated and is now the session's */
    SLUICE_TRANSPORT_CLOSED       /* last: the peer closed (status, reason), our close was acknowledged (SLUICE_OK), the
                                     time-out passed (ETIMEOUT) or the peer broke the protocol (EPROTOCOL) */
} sluice_transport_event_type;

typedef struct sluice_transport_event {
    sluice_transport_event_type type;
    uint64_t value;
    int status;         /* of CLOSED: ours or the peer's code, mapped */
    uint64_t code;      /* of CLOSED: the peer's application code as sent */
    const char *reason; /* of CLOSED: never NULL, printable ASCII, valid during the call */
} sluice_transport_event;

/* What a transport asks of and tells its user (the session).  None may block; all are called on the loop thread. */
typedef struct sluice_transport_calls {
    uint32_t size;

    /* Fill count buffers, one after the other, with the object's bytes from offset on.  Returns the number of bytes
     * filled: all, fewer, or 0 for "not now" (then the transport asks again after `ready` for that object). */
    size_t (*fetch)(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count);

    /* Bytes [from, to) of an object of ours have arrived at the peer's transport; in any order, each byte once. */
    void (*acked)(void *user, sluice_object_id id, uint64_t from, uint64_t to);

    /* All that was offered, and the announced end, have been acknowledged; the id is forgotten. */
    void (*completed)(void *user, sluice_object_id id);

    /* The peer has opened an object: called before its first deliver.  A status other than OK refuses it (as stop). */
    int (*opened)(void *user, sluice_object_id id, unsigned flags);

    /* Bytes of a peer's object, each byte exactly once; ORDERED objects in order.  data is valid during the call. */
    void (*deliver)(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes);

    /* The peer's object ends at size; of an ORDERED object: all of it was delivered; of others: may come before the
     * last deliver. */
    void (*ended)(void *user, sluice_object_id id, uint64_t size);

    /* The peer's object was given up / our object is no longer wanted / bytes [from, to) were skipped by the peer, and of an
     * ORDERED object will not be delivered though some of them came: it goes on where the peer's skip said. */
    void (*aborted)(void *user, sluice_object_id id, uint64_t code);
    void (*stopped)(void *user, sluice_object_id id, uint64_t code);
    void (*skipped)(void *user, sluice_object_id id, uint64_t from, uint64_t to);

    /* Rate control, passed on to the congestion plugin by the core, which then enforces target and minimum. */
    void (*sample)(void *user, const sluice_sample *sample, sluice_control *control);
    void (*sent)(void *user, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes, sluice_control *control);
    void (*restart)(void *user, sluice_time now, sluice_time idle_since, sluice_control *control);

    void (*event)(void *user, const sluice_transport_event *event);
} sluice_transport_calls;

typedef enum sluice_role { SLUICE_CLIENT, SLUICE_SERVER } sluice_role;

typedef struct sluice_transport_setup {
    uint32_t size;
    sluice_role role;
    sluice_time now;
    uint64_t local_id, remote_id;     /* connection ids: of packets that come in, and of those that go out */
    uint32_t seal_bytes;              /* what the cipher adds to each packet */
    uint32_t ip_bytes;                /* IP and UDP header: 28 or 48 */
    uint32_t datagram_least;          /* UDP payload that is assumed to pass; 1200, or less for odd paths (508) */
    uint32_t datagram_most;           /* UDP payload never to exceed, as both sides agreed; at most 16356 */
    bool address_validated;           /* the peer's address was seen on the set-up connection; else at most three
                                         times what came is sent until a challenge was answered */
    uint64_t packets_per_phase;       /* sealed under one key before the next phase; 0: never */
    uint64_t forgery_limit;           /* 0: none */
    uint64_t receive_bytes;           /* unique bytes of unordered data accepted ahead of `consumed` (session credit) */
    uint64_t ordered_bytes;           /* window that each ordered object begins with: what the transport keeps of it until
                                         it is in order; see widen */
    uint64_t peer_receive_bytes;      /* the peer's receive_bytes and ordered_bytes, as told in the set-up: what may be */
    uint64_t peer_ordered_bytes;      /*   sent before its first report; 0: 64 KiB */
    uint64_t in_flight_most;          /* IP bytes; bounds the memory for packets in flight whatever the window says */
    sluice_duration timeout_ns;       /* peer silent: CLOSED with ETIMEOUT */
    sluice_duration keepalive_ns;     /* 15 s */
    sluice_duration initial_rtt_ns;   /* from the set-up connection; 0: unknown */
    sluice_control control;           /* the congestion control's first answer */
    const sluice_transport_calls *calls;
    void *user;
} sluice_transport_setup;

typedef struct sluice_transport_ops {
    sluice_carriage carriage;

    /* Required.  setup and what it points to (but calls and user) are borrowed for the call. */
    int (*init)(void *state, const void *config, const sluice_host *host, const sluice_transport_setup *setup);
    void (*fini)(void *state);

    /* ---- packets in ---- */

    /* Required.  Reads the headers: sets header_bytes, number, phase and status of each packet.  Nothing in the state
     * changes: these bytes are not authenticated yet.  A phase may be tried that is not in use: the next one. */
    void (*inspect)(const void *state, sluice_packet *packets, size_t count);

    /* Required.  Packets after crypto has opened them; those with a status are only counted. */
    void (*receive)(void *state, sluice_time now, sluice_packet *packets, size_t count);

    /* ---- packets out ---- */

    /* Required.  Writes at most count packets, ready to be sealed, and returns how many; 0: nothing may leave now.
     * Time-outs that are due are handled first.  Packets of one call have the same size but the last and the ones
     * marked ALONE, so that one call of the kernel can take them.  They may lie end to end in memory, each with room for
     * as many bytes as the last event DATAGRAM said (before the first: setup's datagram_least); the first may have more,
     * for a probe of the path, which is then the only packet of its call. */
    size_t (*produce)(void *state, sluice_time now, sluice_packet *packets, size_t count);

    /* Required.  When produce wants to be called next, though nothing comes in; SLUICE_NEVER.  May lie in the past:
     * then produce has something at once. */
    sluice_time (*next_wake)(const void *state);

    /* Required.  The kernel refused packets of this size (EMSGSIZE and the like): they are counted as not sent, their
     * frames go out again, and packets get smaller.  Reentrant in no call. */
    void (*too_big)(void *state, sluice_time now, const sluice_packet *packets, size_t count);

    /* Required.  Our own socket dropped `total` datagrams so far (SO_RXQ_OVFL); travels in our reports. */
    void (*dropped)(void *state, uint64_t total);

    /* ---- objects out; all reentrant ---- */

    /* Required.  Object 0 is open already.  priority 1 (first) to SLUICE_PRIORITY_LEVELS - 1; equal ones take
     * turns, and one that sends little and rarely need not wait for a round of the others, but for its first bytes. */
    int (*open)(void *state, sluice_object_id id, unsigned flags, unsigned priority);
    /* Required.  [from, to) may be sent now.  Each byte is offered at most once; in order for ORDERED objects. */
    int (*offer)(void *state, sluice_object_id id, uint64_t from, uint64_t to);
    /* Required.  Nothing will be offered any more; the object is size bytes long. */
    int (*finish)(void *state, sluice_object_id id, uint64_t size);
    /* Required.  fetch can be asked again. */
    void (*ready)(void *state, sluice_object_id id);
    /* Required.  Gives the object up: nothing of it is sent any more and the peer is told the code. */
    int (*abort)(void *state, sluice_object_id id, uint64_t code);
    /* Required.  Bytes before `upto` (of an ORDERED object at most what was offered) that were not acknowledged yet are
     * given up: live data that came too late.  They are neither fetched nor told by `acked` from here on, so their memory
     * may go at once; `completed` waits until the peer knows.  The peer's user is told by `skipped` of what had not come,
     * or gets it if it had; the credit of what was skipped is given back by the peer's transport.  May be called again
     * with a larger upto, also beyond what the credit allows. */
    int (*skip)(void *state, sluice_object_id id, uint64_t upto);

    /* ---- objects in; all reentrant ---- */

    /* Required.  bytes of unordered data have left memory: the session's credit grows by as much.  Where several lanes share
     * it, also bytes that another brought, or that no lane had: so it may be more than came by this one. */
    void (*consumed)(void *state, uint64_t bytes);
    /* Required.  The window of an ordered object of the peer moves on: the user has taken bytes of it.  Of skipped bytes
     * the transport knows that nobody will; they are not to be told. */
    void (*consumed_ordered)(void *state, sluice_object_id id, uint64_t bytes);
    /* Required.  The object is not wanted (any more): the peer is told the code, what still comes is dropped. */
    int (*stop)(void *state, sluice_object_id id, uint64_t code);

    /* ---- the whole ---- */

    /* Required.  The control changed outside of a sample (the user set a rate).  Reentrant. */
    void (*control)(void *state, sluice_time now, const sluice_control *control);
    /* Required.  Tells the peer the code and reason (printable ASCII, cut at 500 bytes) until it is acknowledged or
     * three probe time-outs have passed, then CLOSED.  Offered data that was not acknowledged is given up. */
    void (*close)(void *state, sluice_time now, uint64_t code, const char *reason);
    /* Required.  out->size says how much the caller knows. */
    void (*statistics)(const void *state, sluice_time now, sluice_transport_statistics *out);
    /* Required.  What sending waits for at this moment. */
    sluice_wait (*waits)(const void *state, sluice_time now);

    /* Optional, since 1.1.  From here on packets travel on a byte channel, which loses and reorders nothing, with at most
     * packet_bytes each and without a seal: what is in flight counts as not sent and goes out again, without a word to the
     * rate control.  May be called again when one byte channel takes the place of another.  NULL: this transport cannot
     * move.  SLUICE_ENOMEM ends the session.  Reentrant in no call. */
    int (*move)(void *state, sluice_time now, uint32_t packet_bytes);

    /* Optional, since 1.2.  The window of an ordered object of the peer becomes bytes wider: the peer may send up to
     * setup's ordered_bytes + what it was widened by + what was consumed (or skipped).  For objects that `opened` has
     * told of, from inside that call on; of others, and of those that are over, it means nothing.  There is no narrowing:
     * a user that wants less under way holds back consumed_ordered for bytes that it has taken, and may tell them later.
     * What waits for a gap takes at most the window in memory, rounded up to 16 KiB at either end, and a window that is
     * not used takes none.  NULL: windows are what the set-up says.  Reentrant. */
    void (*widen)(void *state, sluice_object_id id, uint64_t bytes);

    /* Optional, since 1.3.  Whether `opened` has told of an object of the peer that is not over yet: of several lanes, each
     * of which may carry a part of it, only these have something to stop.  NULL: not known.  Reentrant. */
    bool (*knows)(const void *state, sluice_object_id id);

    /* Optional, since 1.3.  The user opens none of its objects below this id any more, and is done with those that it has
     * opened (they are completed or aborted).  A user that leaves out many ids, for they are those of other lanes, has to say
     * so now and then: else each id that it used is remembered by itself, and the peer ends the session when there are too
     * many.  NULL: not known.  Reentrant. */
    void (*passed)(void *state, sluice_object_id id);
} sluice_transport_ops;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.h - may we believe that the peer is where its packets come from?
 *
 * The core gives each address of the peer a number; 0 is the session's.  Until a challenge was answered from an
 * address, at most three times what came from there is sent there (RFC 9000, section 8).  Only the authenticated packet
 * with the highest number begins a challenge of another address, and the answer must come from that address.  Whoever
 * copies the peer's packets and sends them from elsewhere, sooner or later than the original, gains a few challenges
 * that he cannot answer.  When the packet that began a challenge, or a later one, comes from the session's address too,
 * someone copies: either the peer is still there, or it has moved and someone claims its former address.  Then the
 * session's address is challenged as well, and another is taken over only if that one stays mute (RFC 9000, section
 * 9.3.3).  Several addresses may be under challenge, so that copies do not hide a peer that has really moved.
 */
#ifndef ENGINE_PATH_H
#define ENGINE_PATH_H

#include <sluice/host.h>

#define ENGINE_CHALLENGE_BYTES 8
#define ENGINE_PLACES 8 /* as many addresses as the core keeps */

/* An address of the peer. */
typedef struct engine_place {
    uint32_t number;         /* the core's; 0: in places[0] the session's, elsewhere none */
    bool open;               /* it was challenged, or shall be, and did not answer yet */
    uint64_t received, sent; /* IP bytes */
    sluice_time heard;
    uint64_t since; /* number of the packet that began the challenge */
    uint8_t challenge[ENGINE_CHALLENGE_BYTES];
    unsigned tries;
    sluice_time again, until; /* the next CHALLENGE goes out then, but none after that */
    bool contested;           /* the same packets come from the session's address */
    bool answered;            /* though contested: it is taken over at `decide` if the session's address stays mute */
    sluice_time decide;
} engine_place;

typedef struct engine_path {
    bool validated; /* the session's address */
    engine_place places[ENGINE_PLACES];
    uint32_t adopted; /* until the present call ends, the packets in hand still have this number in place of 0 */

    bool response_due;
    uint32_t response_path;
    uint8_t response[ENGINE_CHALLENGE_BYTES];
} engine_path;

/* What came: an authentic packet with that number, of so many IP bytes; `newest`: none had a higher one. */
typedef struct engine_came {
    sluice_time now;
    sluice_duration pto;
    uint32_t path;
    uint64_t bytes, number;
    bool newest;
} engine_came;

void engine_path_init(engine_path *path, bool validated);
void engine_path_received(engine_path *path, const sluice_host *host, const engine_came *came);
void engine_path_sent(engine_path *path, uint32_t number, uint64_t bytes);

/* IP bytes that may be sent on a path now. */
uint64_t engine_path_room(const engine_path *path, uint32_t number);

/* A challenge wants to go out at that time. */
sluice_time engine_path_wake(const engine_path *path);
/* The challenge of that path that shall go out now; NULL: none. */
const uint8_t *engine_path_wants(const engine_path *path, uint32_t number, sluice_time now);
/* Another path than the session's that wants one; 0: none does. */
uint32_t engine_path_other(const engine_path *path, sluice_time now);
/* It went out, or could not. */
void engine_path_challenged(engine_path *path, uint32_t number, sluice_time now, sluice_duration pto);

/* The peer's challenge: its answer is due. */
void engine_path_challenge(engine_path *path, uint32_t number, const uint8_t bytes[ENGINE_CHALLENGE_BYTES]);
/* The peer's answer came on that path.  True: it fits, and that path is the session's now, and was not before. */
bool engine_path_response(engine_path *path, const engine_came *came, const uint8_t bytes[ENGINE_CHALLENGE_BYTES]);
/* The path that becomes the session's because its time has come; 0: none. */
uint32_t engine_path_decide(engine_path *path, sluice_time now);
/* The call in which packets came is over. */
void engine_path_settle(engine_path *path);

#endif

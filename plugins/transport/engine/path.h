/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path.h - may we believe that the peer is where its packets come from?
 *
 * Until a challenge was answered from an address, at most three times what came from there is sent there (as RFC
 * 9000, section 8).  Only the authenticated packet with the highest number can start a challenge of a new path.
 */
#ifndef ENGINE_PATH_H
#define ENGINE_PATH_H

#include <sluice/host.h>

#define ENGINE_CHALLENGE_BYTES 8

typedef struct engine_path {
    bool validated;          /* the session's path, number 0 */
    uint64_t received, sent; /* IP bytes on it until it is validated */

    bool candidate_any;
    uint32_t candidate; /* another path that is being looked at */
    uint64_t candidate_received, candidate_sent;
    bool confirmed; /* a candidate was validated and now is the session's; the core calls it 0 soon */

    bool challenge_due; /* on `challenged` */
    uint32_t challenged;
    uint8_t challenge[ENGINE_CHALLENGE_BYTES];
    bool challenge_open; /* sent, not answered */
    sluice_time challenge_again;

    bool response_due;
    uint32_t response_path;
    uint8_t response[ENGINE_CHALLENGE_BYTES];
} engine_path;

void engine_path_init(engine_path *path, bool validated);

/* A packet came (authentic, ip bytes); `newest`: it has the highest number so far. */
void engine_path_received(engine_path *path, const sluice_host *host, uint32_t number, uint64_t bytes, bool newest);
void engine_path_sent(engine_path *path, uint32_t number, uint64_t bytes);

/* IP bytes that may be sent on a path now. */
uint64_t engine_path_room(const engine_path *path, uint32_t number);

/* Wants a challenge sent at that time. */
sluice_time engine_path_wake(const engine_path *path);
void engine_path_challenged(engine_path *path, sluice_time now, sluice_duration again);

void engine_path_challenge(engine_path *path, uint32_t number, const uint8_t bytes[ENGINE_CHALLENGE_BYTES]);
/* True: the answer fits and validates path *number. */
bool engine_path_response(engine_path *path, const uint8_t bytes[ENGINE_CHALLENGE_BYTES], uint32_t *number);

#endif

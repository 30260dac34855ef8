/* SPDX-License-Identifier: Apache-2.0 */
#include "path.h"

#include <string.h>

#define AMPLIFICATION 3
#define TRIES_PTOS 3                  /* how long a challenge is repeated after something came: RFC 9000, 8.2.4 */
#define PTO_LEAST (1 * SLUICE_SECOND) /* of a path that nothing is known of: its round trip may be far longer */

void engine_path_init(engine_path *path, bool validated)
{
    *path = (engine_path){.validated = validated};
}

static engine_place *find(engine_path *path, uint32_t number)
{
    if (number == 0 || number == path->adopted)
        return &path->places[0];
    for (size_t i = 1; i < ENGINE_PLACES; i++) {
        if (path->places[i].number == number)
            return &path->places[i];
    }
    return NULL;
}

static const engine_place *known(const engine_path *path, uint32_t number)
{
    return find((engine_path *)path, number);
}

/* The place heard of longest ago makes room. */
static engine_place *place_new(engine_path *path, uint32_t number)
{
    engine_place *place = &path->places[1];
    for (size_t i = 2; i < ENGINE_PLACES && place->number != 0; i++) {
        if (path->places[i].number == 0 || path->places[i].heard < place->heard)
            place = &path->places[i];
    }
    *place = (engine_place){.number = number};
    return place;
}

static sluice_duration larger(sluice_duration a, sluice_duration b)
{
    return a > b ? a : b;
}

/* The same challenge stands while packets of the peer go on coming from there: the answer to the first may be a long
 * time on its way. */
static void challenge_begin(engine_place *place, const sluice_host *host, const engine_came *came)
{
    place->until = came->now + TRIES_PTOS * larger(came->pto, PTO_LEAST);
    if (place->open)
        return;
    host->random(host, place->challenge, sizeof(place->challenge));
    place->open = true;
    place->contested = place->answered = false;
    place->since = came->number;
    place->tries = 0;
    if (place->again < came->now)
        place->again = came->now;
}

/* The packet came on the session's path: does it also speak for another? */
static bool contests(engine_path *path, uint64_t number)
{
    bool any = false;
    for (size_t i = 1; i < ENGINE_PLACES; i++) {
        engine_place *place = &path->places[i];
        if (place->open && number >= place->since)
            place->contested = any = true;
    }
    return any;
}

/* The session's path answered: what looked like a move was a copy, or the peer is back. */
static void still_there(engine_path *path)
{
    path->validated = true;
    for (size_t i = 0; i < ENGINE_PLACES; i++) {
        if (i == 0 || path->places[i].contested)
            path->places[i].open = false;
    }
}

/* A number as high as the one that began another's challenge: if copies of packets come sooner than the packets, these
 * are never the newest, but they say no less. */
static bool is_rival(const engine_path *path, uint64_t number)
{
    for (size_t i = 1; i < ENGINE_PLACES; i++) {
        if (path->places[i].open && number >= path->places[i].since)
            return true;
    }
    return false;
}

void engine_path_received(engine_path *path, const sluice_host *host, const engine_came *came)
{
    engine_place *place = find(path, came->path);
    bool credible = came->newest || is_rival(path, came->number);
    if (!place && !credible)
        return;
    if (!place)
        place = place_new(path, came->path);
    place->received += came->bytes;
    place->heard = came->now;
    bool wanted = place == &path->places[0] ? contests(path, came->number) || !path->validated : credible;
    if (wanted)
        challenge_begin(place, host, came);
}

void engine_path_sent(engine_path *path, uint32_t number, uint64_t bytes)
{
    engine_place *place = find(path, number);
    if (place)
        place->sent += bytes;
}

uint64_t engine_path_room(const engine_path *path, uint32_t number)
{
    const engine_place *place = known(path, number);
    if (!place)
        return 0;
    if (place == &path->places[0] && path->validated)
        return UINT64_MAX;
    uint64_t most = AMPLIFICATION * place->received;
    return place->sent < most ? most - place->sent : 0;
}

static sluice_time wake_of(const engine_place *place)
{
    return place->open && !place->answered && place->again < place->until ? place->again : SLUICE_NEVER;
}

sluice_time engine_path_wake(const engine_path *path)
{
    sluice_time at = SLUICE_NEVER;
    for (size_t i = 0; i < ENGINE_PLACES; i++) {
        const engine_place *place = &path->places[i];
        sluice_time wake = place->open && place->answered ? place->decide : wake_of(place);
        at = wake < at ? wake : at;
    }
    return at;
}

const uint8_t *engine_path_wants(const engine_path *path, uint32_t number, sluice_time now)
{
    const engine_place *place = known(path, number);
    return place && wake_of(place) <= now ? place->challenge : NULL;
}

uint32_t engine_path_other(const engine_path *path, sluice_time now)
{
    for (size_t i = 1; i < ENGINE_PLACES; i++) {
        if (path->places[i].number != 0 && wake_of(&path->places[i]) <= now)
            return path->places[i].number;
    }
    return 0;
}

void engine_path_challenged(engine_path *path, uint32_t number, sluice_time now, sluice_duration pto)
{
    engine_place *place = find(path, number);
    if (!place)
        return;
    sluice_duration most = larger(pto, PTO_LEAST);
    sluice_duration wait = pto << (place->tries < 10 ? place->tries : 10);
    place->again = now + (wait < most ? wait : most);
    place->tries++;
}

void engine_path_challenge(engine_path *path, uint32_t number, const uint8_t bytes[ENGINE_CHALLENGE_BYTES])
{
    memcpy(path->response, bytes, ENGINE_CHALLENGE_BYTES);
    path->response_path = number == path->adopted ? 0 : number;
    path->response_due = true;
}

/* The core gives the numbers anew: what is known of other places belongs to nobody. */
static void adopt(engine_path *path)
{
    memset(path->places, 0, sizeof(path->places));
    path->validated = true;
}

bool engine_path_response(engine_path *path, const engine_came *came, const uint8_t bytes[ENGINE_CHALLENGE_BYTES])
{
    engine_place *place = find(path, came->path);
    if (!place || !place->open || place->answered || memcmp(bytes, place->challenge, ENGINE_CHALLENGE_BYTES) != 0)
        return false;
    if (place == &path->places[0]) {
        still_there(path);
        return false;
    }
    if (place->contested) {
        place->answered = true;
        place->decide = came->now + TRIES_PTOS * larger(came->pto, PTO_LEAST);
        return false;
    }
    adopt(path);
    path->adopted = came->path;
    return true;
}

uint32_t engine_path_decide(engine_path *path, sluice_time now)
{
    for (size_t i = 1; i < ENGINE_PLACES; i++) {
        const engine_place *place = &path->places[i];
        if (place->open && place->answered && now >= place->decide) {
            uint32_t number = place->number;
            adopt(path);
            return number;
        }
    }
    return 0;
}

void engine_path_settle(engine_path *path)
{
    path->adopted = 0;
}

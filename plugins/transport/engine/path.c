/* SPDX-License-Identifier: Apache-2.0 */
#include "path.h"

#include <string.h>

#define AMPLIFICATION 3

void engine_path_init(engine_path *path, bool validated)
{
    *path = (engine_path){.validated = validated};
}

static void challenge_begin(engine_path *path, const sluice_host *host, uint32_t number)
{
    if (path->challenge_open && path->challenged == number)
        return;
    host->random(host, path->challenge, sizeof(path->challenge));
    path->challenged = number;
    path->challenge_open = path->challenge_due = true;
}

void engine_path_received(engine_path *path, const sluice_host *host, uint32_t number, uint64_t bytes, bool newest)
{
    if (number == 0) {
        path->received += bytes;
        if (!path->validated)
            challenge_begin(path, host, 0);
        return;
    }
    if (path->candidate_any && path->candidate == number) {
        path->candidate_received += bytes;
    } else if (newest) {
        path->candidate_any = true;
        path->candidate = number;
        path->candidate_received = bytes;
        path->candidate_sent = 0;
        path->confirmed = false;
    } else {
        return;
    }
    if (newest && !path->confirmed)
        challenge_begin(path, host, number);
}

void engine_path_sent(engine_path *path, uint32_t number, uint64_t bytes)
{
    if (number == 0)
        path->sent += bytes;
    else if (path->candidate_any && number == path->candidate)
        path->candidate_sent += bytes;
}

uint64_t engine_path_room(const engine_path *path, uint32_t number)
{
    uint64_t received = path->received, sent = path->sent;
    if (number == 0 && path->validated)
        return UINT64_MAX;
    if (number != 0) {
        if (!path->candidate_any || number != path->candidate)
            return 0;
        if (path->confirmed)
            return UINT64_MAX;
        received = path->candidate_received;
        sent = path->candidate_sent;
    }
    return sent < AMPLIFICATION * received ? AMPLIFICATION * received - sent : 0;
}

sluice_time engine_path_wake(const engine_path *path)
{
    if (path->challenge_due)
        return 0;
    return path->challenge_open ? path->challenge_again : SLUICE_NEVER;
}

void engine_path_challenged(engine_path *path, sluice_time now, sluice_duration again)
{
    path->challenge_due = false;
    path->challenge_again = now + again;
}

void engine_path_challenge(engine_path *path, uint32_t number, const uint8_t bytes[ENGINE_CHALLENGE_BYTES])
{
    memcpy(path->response, bytes, ENGINE_CHALLENGE_BYTES);
    path->response_path = number;
    path->response_due = true;
}

bool engine_path_response(engine_path *path, const uint8_t bytes[ENGINE_CHALLENGE_BYTES], uint32_t *number)
{
    if (!path->challenge_open || memcmp(bytes, path->challenge, ENGINE_CHALLENGE_BYTES) != 0)
        return false;
    path->challenge_open = path->challenge_due = false;
    path->validated = true;
    if (path->challenged != 0)
        path->confirmed = true;
    *number = path->challenged;
    return true;
}

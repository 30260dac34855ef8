/* SPDX-License-Identifier: Apache-2.0 */
#include "session/bundle_share.h"
#include <sys/param.h>

#define SMALL ((uint64_t)64 << 10)
#define PIECE_MOST ((uint64_t)1 << 20) /* a chunk: what is digested and written at once comes by one lane */

static uint64_t room_of(const sluice_lane_account *lane)
{
    uint64_t ready = lane->given - lane->fetched;
    return lane->live && ready < lane->wants ? lane->wants - ready : 0;
}

/* Its bytes would be sent before those of the other: by its own measure, what lies ready there is less. */
static bool is_emptier(const sluice_lane_account *a, const sluice_lane_account *b)
{
    return (double)(a->given - a->fetched) * (double)b->wants < (double)(b->given - b->fetched) * (double)a->wants;
}

int sluice_share_next(const sluice_lane_account *lanes, size_t count, int last, uint64_t bytes)
{
    int best = -1;
    if (bytes < SMALL && last >= 0 && room_of(&lanes[last]) > 0)
        return last;
    for (size_t i = 0; i < count; i++) {
        size_t at = ((size_t)(last + 1) + i) % count;
        if (room_of(&lanes[at]) > 0 && (best < 0 || is_emptier(&lanes[at], &lanes[best])))
            best = (int)at;
    }
    return best;
}

uint64_t sluice_share_piece(const sluice_lane_account *lane, uint64_t from, uint64_t left)
{
    uint64_t step = SMALL;
    while (step < PIECE_MOST && step * 2 <= lane->wants / 4)
        step *= 2;
    return MIN(left, step - from % step);
}

static uint64_t open_of(const sluice_lane_account *lane)
{
    return lane->credit - lane->delivered;
}

uint64_t sluice_share_open(const sluice_lane_account *lanes, size_t count, uint64_t whole, bool reserved)
{
    uint64_t live = 0, elsewhere = 0;
    if (reserved)
        return whole / count;
    for (size_t i = 0; i < count; i++) {
        live += lanes[i].live;
        elsewhere += lanes[i].live ? 0 : open_of(&lanes[i]);
    }
    return (whole - elsewhere) / live;
}

uint64_t sluice_share_credit(sluice_lane_account *lanes, size_t count, uint64_t spare, uint64_t open, size_t *which)
{
    uint64_t least = open;
    *which = 0;
    for (size_t i = 0; i < count; i++) {
        if (lanes[i].live && open_of(&lanes[i]) < least) {
            least = open_of(&lanes[i]);
            *which = i;
        }
    }
    uint64_t part = MIN(spare, open - least);
    lanes[*which].credit += part;
    return part;
}

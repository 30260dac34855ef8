/* SPDX-License-Identifier: Apache-2.0 */
#include "session/lane_pieces.h"
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

static void note(sluice_pieces *pieces, const sluice_lane_note *what)
{
    if (sluice_lane_notes_add(pieces->news, what) != SLUICE_OK)
        pieces->short_of_memory = true;
}

static void give_back(sluice_pieces *pieces, void *owner)
{
    note(pieces, &(sluice_lane_note){.type = SLUICE_NOTE_RELEASED, .owner = owner});
}

/* ---- objects ---- */

static sluice_piece_object **place_of(sluice_pieces *pieces, sluice_object_id id)
{
    sluice_piece_object **at = &pieces->buckets[id / 2 % SLUICE_PIECE_BUCKETS];
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

static sluice_piece_object *object_make(sluice_pieces *pieces, sluice_object_id id)
{
    sluice_piece_object **at = place_of(pieces, id);
    if (!*at && (*at = calloc(1, sizeof **at))) {
        (*at)->id = id;
        TAILQ_INIT(&(*at)->pieces);
    }
    return *at;
}

/* ---- pieces ---- */

static void hold(sluice_pieces *pieces, sluice_piece *piece, const uint8_t *bytes, void *owner)
{
    piece->bytes = bytes;
    piece->owner = owner;
    piece->asked = false;
    TAILQ_INSERT_TAIL(&pieces->held, piece, age);
    pieces->held_bytes += piece->to - piece->from;
}

static void let_go(sluice_pieces *pieces, sluice_piece *piece)
{
    if (!piece->bytes)
        return;
    TAILQ_REMOVE(&pieces->held, piece, age);
    pieces->held_bytes -= piece->to - piece->from;
    piece->bytes = NULL;
    give_back(pieces, piece->owner);
    piece->owner = NULL;
}

static void piece_free(sluice_pieces *pieces, sluice_piece *piece)
{
    sluice_piece_object *object = piece->object;
    let_go(pieces, piece);
    TAILQ_REMOVE(&object->pieces, piece, link);
    if (object->newest_fetched == piece)
        object->newest_fetched = NULL;
    free(piece);
}

/* What was sent once can be had again; what was not is to be sent next. */
static void room_make(sluice_pieces *pieces)
{
    sluice_piece *at = TAILQ_FIRST(&pieces->held), *next;
    for (; at && pieces->held_bytes > pieces->held_most; at = next) {
        next = TAILQ_NEXT(at, age);
        if (at->object->high >= at->to)
            let_go(pieces, at);
    }
}

static sluice_piece *piece_at(sluice_piece_object *object, uint64_t offset)
{
    sluice_piece *at = object->newest_fetched;
    if (!at || at->from > offset)
        at = TAILQ_FIRST(&object->pieces);
    while (at && at->to <= offset)
        at = TAILQ_NEXT(at, link);
    return at && at->from <= offset ? at : NULL;
}

/* ---- for the lane ---- */

void sluice_pieces_init(sluice_pieces *pieces, uint64_t held_most, sluice_lane_notes *news)
{
    memset(pieces, 0, sizeof *pieces);
    pieces->held_most = held_most;
    pieces->news = news;
    TAILQ_INIT(&pieces->held);
}

void sluice_pieces_fini(sluice_pieces *pieces)
{
    for (size_t i = 0; i < SLUICE_PIECE_BUCKETS; i++)
        while (pieces->buckets[i])
            sluice_pieces_drop(pieces, pieces->buckets[i]->id);
}

int sluice_pieces_add(sluice_pieces *pieces, const sluice_lane_note *offer, bool *fresh)
{
    sluice_piece_object *object = object_make(pieces, offer->id);
    sluice_piece *piece = object ? calloc(1, sizeof *piece) : NULL;
    if (!piece) {
        give_back(pieces, offer->owner);
        return SLUICE_ENOMEM;
    }
    *fresh = TAILQ_EMPTY(&object->pieces) && object->high == 0;
    piece->object = object;
    piece->from = offer->from;
    piece->to = offer->to;
    piece->unacked = offer->to - offer->from;
    object->unsent += piece->unacked;
    pieces->unsent += piece->unacked;
    TAILQ_INSERT_TAIL(&object->pieces, piece, link);
    hold(pieces, piece, offer->bytes, offer->owner);
    room_make(pieces);
    return SLUICE_OK;
}

bool sluice_pieces_stow(sluice_pieces *pieces, const sluice_lane_note *stow)
{
    sluice_piece_object *object = *place_of(pieces, stow->id);
    sluice_piece *piece = object ? piece_at(object, stow->from) : NULL;
    if (!piece || piece->bytes || piece->from != stow->from || piece->to != stow->to) {
        give_back(pieces, stow->owner);
        return false;
    }
    room_make(pieces);
    hold(pieces, piece, stow->bytes, stow->owner);
    object->refused = false;
    return true;
}

static void ask(sluice_pieces *pieces, sluice_piece *piece)
{
    piece->object->refused = true;
    if (piece->asked)
        return;
    piece->asked = true;
    note(pieces, &(sluice_lane_note){
                     .type = SLUICE_NOTE_NEED, .id = piece->object->id, .from = piece->from, .to = piece->to});
}

static void fetched(sluice_pieces *pieces, sluice_piece *piece, uint64_t from, uint64_t to)
{
    sluice_piece_object *object = piece->object;
    object->newest_fetched = piece;
    if (to <= object->high)
        return;
    uint64_t first = MAX(object->high, from), bytes = MIN(to - first, object->unsent);
    object->high = to;
    object->unsent -= bytes;
    pieces->unsent -= bytes;
    pieces->fetched += bytes;
}

/* Into one buffer; it may lie across pieces that are neighbours. */
static size_t fill(sluice_pieces *pieces, sluice_piece_object *object, uint64_t offset, const struct iovec *buffer)
{
    size_t done = 0;
    while (done < buffer->iov_len) {
        sluice_piece *piece = piece_at(object, offset + done);
        if (!piece)
            break;
        if (!piece->bytes) {
            ask(pieces, piece);
            break;
        }
        uint64_t at = offset + done;
        size_t part = (size_t)MIN(piece->to - at, buffer->iov_len - done);
        memcpy((uint8_t *)buffer->iov_base + done, piece->bytes + (at - piece->from), part);
        fetched(pieces, piece, at, at + part);
        done += part;
    }
    return done;
}

size_t sluice_pieces_fetch(sluice_pieces *pieces, sluice_object_id id, uint64_t offset, const struct iovec *buffers,
                           int count)
{
    sluice_piece_object *object = *place_of(pieces, id);
    size_t filled = 0;
    for (int i = 0; object && i < count; i++) {
        size_t part = fill(pieces, object, offset + filled, &buffers[i]);
        filled += part;
        if (part < buffers[i].iov_len)
            break;
    }
    return filled;
}

void sluice_pieces_refuse(sluice_pieces *pieces, sluice_object_id id)
{
    sluice_piece_object *object = *place_of(pieces, id);
    if (object)
        object->refused = true;
}

void sluice_pieces_acked(sluice_pieces *pieces, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_piece_object *object = *place_of(pieces, id);
    sluice_piece *at = object ? TAILQ_FIRST(&object->pieces) : NULL, *next;
    for (; at && at->from < to; at = next) {
        next = TAILQ_NEXT(at, link);
        if (at->to <= from)
            continue;
        uint64_t bytes = MIN(to, at->to) - MAX(from, at->from);
        at->unacked -= MIN(bytes, at->unacked);
        if (at->unacked == 0)
            piece_free(pieces, at);
    }
}

void sluice_pieces_drop(sluice_pieces *pieces, sluice_object_id id)
{
    sluice_piece_object **place = place_of(pieces, id), *object = *place;
    sluice_piece *piece;
    if (!object)
        return;
    pieces->unsent -= object->unsent;
    pieces->fetched += object->unsent;
    while ((piece = TAILQ_FIRST(&object->pieces)))
        piece_free(pieces, piece);
    *place = object->next;
    free(object);
}

void sluice_pieces_refused_take(sluice_pieces *pieces, void (*ready)(void *user, sluice_object_id id), void *user)
{
    for (size_t i = 0; i < SLUICE_PIECE_BUCKETS; i++)
        for (sluice_piece_object *object = pieces->buckets[i]; object; object = object->next) {
            if (!object->refused)
                continue;
            object->refused = false;
            ready(user, object->id);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"

#include <string.h>

typedef struct position {
    uint32_t chunk, item;
} position;

static engine_ranges_chunk *directory(engine_ranges *set)
{
    return set->chunks ? set->chunks : &set->only;
}

static const engine_ranges_chunk *directory_of(const engine_ranges *set)
{
    return set->chunks ? set->chunks : &set->only;
}

static uint32_t chunk_total(const engine_ranges *set)
{
    return set->chunks ? set->chunk_count : set->only.count > 0;
}

void engine_ranges_clear(engine_ranges *set, const sluice_host *host)
{
    if (set->chunks) {
        for (uint32_t i = 0; i < set->chunk_count; i++)
            host->resize(host, set->chunks[i].items, 0);
        host->resize(host, set->chunks, 0);
        set->chunks = NULL;
    }
    if (set->only.items && set->only.room > ENGINE_RANGES_CHUNK / 4) {
        host->resize(host, set->only.items, 0);
        set->only = (engine_ranges_chunk){0};
    }
    set->only.count = 0;
    set->chunk_count = set->chunk_room = 0;
    set->covered = 0;
    set->count = 0;
}

void engine_ranges_fini(engine_ranges *set, const sluice_host *host)
{
    if (!set->only.items && !set->chunks && !set->spare)
        return;
    engine_ranges_clear(set, host);
    if (set->only.items)
        host->resize(host, set->only.items, 0);
    if (set->spare)
        host->resize(host, set->spare, 0);
    *set = (engine_ranges){0};
}

/* The first range that ends at or after `at`; chunk == chunk_total when there is none. */
static position seek(const engine_ranges *set, uint64_t at)
{
    const engine_ranges_chunk *chunks = directory_of(set);
    uint32_t low = 0, high = chunk_total(set);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chunks[middle].items[chunks[middle].count - 1].to < at)
            low = middle + 1;
        else
            high = middle;
    }
    position found = {low, 0};
    if (low == chunk_total(set))
        return found;
    uint32_t first = 0, last = chunks[low].count;
    while (first < last) {
        uint32_t middle = first + (last - first) / 2;
        if (chunks[low].items[middle].to < at)
            first = middle + 1;
        else
            last = middle;
    }
    found.item = first;
    return found;
}

/* Nearly all of what is added, removed and looked for lies at one of the two ends. */
static engine_range *first_of(engine_ranges *set)
{
    return chunk_total(set) ? &directory(set)[0].items[0] : NULL;
}

static engine_range *last_of(engine_ranges *set)
{
    uint32_t total = chunk_total(set);
    return total ? &directory(set)[total - 1].items[directory(set)[total - 1].count - 1] : NULL;
}

static bool at_end(const engine_ranges *set, position p)
{
    return p.chunk >= chunk_total(set);
}

static position next_of(const engine_ranges *set, position p)
{
    if (++p.item >= directory_of(set)[p.chunk].count) {
        p.chunk++;
        p.item = 0;
    }
    return p;
}

static engine_range *row_new(engine_ranges *set, const sluice_host *host)
{
    engine_range *row = set->spare;
    set->spare = NULL;
    return row ? row : host->resize(host, NULL, ENGINE_RANGES_CHUNK * sizeof(engine_range));
}

static void row_free(engine_ranges *set, const sluice_host *host, engine_ranges_chunk *chunk)
{
    if (!set->spare && chunk->room == ENGINE_RANGES_CHUNK)
        set->spare = chunk->items;
    else
        host->resize(host, chunk->items, 0);
}

/* Makes room in the directory for one more chunk. */
static int directory_grow(engine_ranges *set, const sluice_host *host)
{
    if (set->chunks && set->chunk_count < set->chunk_room)
        return SLUICE_OK;
    uint32_t room = set->chunks ? set->chunk_room * 2 : 8;
    engine_ranges_chunk *bigger = host->resize(host, set->chunks, room * sizeof(*bigger));
    if (!bigger)
        return SLUICE_ENOMEM;
    if (!set->chunks) {
        bigger[0] = set->only;
        set->only = (engine_ranges_chunk){0};
        set->chunk_count = 1;
    }
    set->chunks = bigger;
    set->chunk_room = room;
    return SLUICE_OK;
}

/* Splits a full chunk in two.  A chunk at the end keeps nearly all of its ranges, because growth is mostly there. */
static int chunk_split(engine_ranges *set, const sluice_host *host, uint32_t index)
{
    int status = directory_grow(set, host);
    if (status != SLUICE_OK)
        return status;
    engine_range *row = row_new(set, host);
    if (!row)
        return SLUICE_ENOMEM;
    engine_ranges_chunk *chunk = &set->chunks[index];
    uint32_t stay = index + 1 == set->chunk_count ? ENGINE_RANGES_CHUNK - 4 : ENGINE_RANGES_CHUNK / 2;
    uint32_t moved = chunk->count - stay;
    memcpy(row, chunk->items + stay, moved * sizeof(*row));
    memmove(chunk + 2, chunk + 1, (set->chunk_count - index - 1) * sizeof(*chunk));
    chunk->count = stay;
    chunk[1] = (engine_ranges_chunk){row, moved, ENGINE_RANGES_CHUNK};
    set->chunk_count++;
    return SLUICE_OK;
}

/* Makes room for one more range at the position, which may move into the next chunk. */
static int make_room(engine_ranges *set, const sluice_host *host, position *p)
{
    engine_ranges_chunk *chunk = &directory(set)[p->chunk];
    if (chunk->count < chunk->room)
        return SLUICE_OK;
    if (chunk->room < ENGINE_RANGES_CHUNK) {
        uint32_t room = chunk->room ? chunk->room * 2 : 2;
        engine_range *bigger = host->resize(host, chunk->items, room * sizeof(*bigger));
        if (!bigger)
            return SLUICE_ENOMEM;
        chunk->items = bigger;
        chunk->room = room;
        return SLUICE_OK;
    }
    int status = chunk_split(set, host, p->chunk);
    if (status != SLUICE_OK)
        return status;
    if (p->item > set->chunks[p->chunk].count) {
        p->item -= set->chunks[p->chunk].count;
        p->chunk++;
    }
    return SLUICE_OK;
}

static int insert(engine_ranges *set, const sluice_host *host, position p, uint64_t from, uint64_t to)
{
    if (at_end(set, p) && p.chunk > 0) {
        p.chunk--;
        p.item = directory(set)[p.chunk].count;
    }
    int status = make_room(set, host, &p);
    if (status != SLUICE_OK)
        return status;
    engine_ranges_chunk *chunk = &directory(set)[p.chunk];
    memmove(chunk->items + p.item + 1, chunk->items + p.item, (chunk->count - p.item) * sizeof(engine_range));
    chunk->items[p.item] = (engine_range){from, to};
    chunk->count++;
    set->count++;
    set->covered += to - from;
    return SLUICE_OK;
}

static void chunk_drop(engine_ranges *set, const sluice_host *host, uint32_t index)
{
    row_free(set, host, &set->chunks[index]);
    memmove(set->chunks + index, set->chunks + index + 1, (set->chunk_count - index - 1) * sizeof(*set->chunks));
    if (--set->chunk_count > 0)
        return;
    host->resize(host, set->chunks, 0);
    set->chunks = NULL;
    set->chunk_room = 0;
}

/* Takes the ranges items[first .. first + count) out of a chunk, which is joined with the next when both are small. */
static void erase(engine_ranges *set, const sluice_host *host, uint32_t index, uint32_t first, uint32_t count)
{
    engine_ranges_chunk *chunk = &directory(set)[index];
    for (uint32_t i = first; i < first + count; i++)
        set->covered -= chunk->items[i].to - chunk->items[i].from;
    memmove(chunk->items + first, chunk->items + first + count, (chunk->count - first - count) * sizeof(engine_range));
    chunk->count -= count;
    set->count -= count;
    if (!set->chunks)
        return;
    if (chunk->count == 0) {
        chunk_drop(set, host, index);
    } else if (index + 1 < set->chunk_count && chunk->count + chunk[1].count <= ENGINE_RANGES_CHUNK / 2 &&
               chunk->room == ENGINE_RANGES_CHUNK) {
        memcpy(chunk->items + chunk->count, chunk[1].items, chunk[1].count * sizeof(engine_range));
        chunk->count += chunk[1].count;
        chunk_drop(set, host, index + 1);
    }
}

/* Removes the ranges that lie wholly in [from, to); those that stick out on either side must not be there. */
static void erase_within(engine_ranges *set, const sluice_host *host, uint64_t from, uint64_t to)
{
    for (;;) {
        position p = seek(set, from + 1);
        if (at_end(set, p))
            return;
        const engine_ranges_chunk *chunk = &directory(set)[p.chunk];
        uint32_t last = p.item;
        while (last < chunk->count && chunk->items[last].to <= to)
            last++;
        if (last == p.item)
            return;
        erase(set, host, p.chunk, p.item, last - p.item);
    }
}

int engine_ranges_add(engine_ranges *set, const sluice_host *host, uint64_t from, uint64_t to, uint64_t *fresh)
{
    uint64_t before = set->covered;
    if (from >= to) {
        if (fresh)
            *fresh = 0;
        return SLUICE_OK;
    }
    engine_range *last = last_of(set);
    if (last && from >= last->from && from <= last->to) {
        set->covered += to > last->to ? to - last->to : 0;
        last->to = to > last->to ? to : last->to;
        if (fresh)
            *fresh = set->covered - before;
        return SLUICE_OK;
    }
    position p = seek(set, from);
    engine_range *first = at_end(set, p) ? NULL : &directory(set)[p.chunk].items[p.item];
    if (!first || first->from > to) {
        int status = insert(set, host, p, from, to);
        if (status != SLUICE_OK)
            return status;
    } else {
        uint64_t start = first->from < from ? first->from : from;
        uint64_t end = first->to;
        for (position q = p; !at_end(set, q); q = next_of(set, q)) {
            const engine_range *item = &directory(set)[q.chunk].items[q.item];
            if (item->from > to)
                break;
            end = item->to;
            if (end >= to)
                break;
        }
        end = end > to ? end : to;
        uint64_t own_end = first->to;
        set->covered += end - start - (first->to - first->from);
        first->from = start;
        first->to = end;
        if (end > own_end) {
            /* The rest of what was swallowed stands behind the grown range: shrink it for the search, then restore. */
            first->to = own_end;
            erase_within(set, host, own_end, end);
            p = seek(set, own_end);
            directory(set)[p.chunk].items[p.item].to = end;
        }
    }
    if (fresh)
        *fresh = set->covered - before;
    return SLUICE_OK;
}

int engine_ranges_remove(engine_ranges *set, const sluice_host *host, uint64_t from, uint64_t to, uint64_t *gone)
{
    uint64_t before = set->covered;
    engine_range *head = first_of(set);
    bool nothing = !head || from >= to || to <= head->from;
    if (!nothing && from <= head->from && to < head->to) {
        set->covered -= to - head->from;
        head->from = to;
        nothing = true;
    }
    position p = nothing ? (position){chunk_total(set), 0} : seek(set, from + 1);
    if (!at_end(set, p)) {
        engine_range *first = &directory(set)[p.chunk].items[p.item];
        if (first->from < from && first->to > to) {
            uint64_t end = first->to;
            first->to = from;
            int status = insert(set, host, next_of(set, p), to, end);
            if (status != SLUICE_OK) {
                directory(set)[p.chunk].items[p.item].to = end;
                return status;
            }
            set->covered -= end - from;
        } else {
            if (first->from < from) {
                set->covered -= first->to - from;
                first->to = from;
            }
            erase_within(set, host, from, to);
            p = seek(set, from + 1);
            if (!at_end(set, p)) {
                engine_range *last = &directory(set)[p.chunk].items[p.item];
                if (last->from < to) {
                    set->covered -= to - last->from;
                    last->from = to;
                }
            }
        }
    }
    if (gone)
        *gone = before - set->covered;
    return SLUICE_OK;
}

bool engine_ranges_find(const engine_ranges *set, uint64_t at, engine_range *out)
{
    uint32_t total = chunk_total(set);
    if (total == 0)
        return false;
    const engine_ranges_chunk *chunks = directory_of(set);
    const engine_range *first = &chunks[0].items[0], *last = &chunks[total - 1].items[chunks[total - 1].count - 1];
    if (at < first->to) {
        *out = *first;
    } else if (at >= last->to) {
        return false;
    } else if (at >= last->from) {
        *out = *last;
    } else {
        position p = seek(set, at + 1);
        *out = chunks[p.chunk].items[p.item];
    }
    return true;
}

bool engine_ranges_gap(const engine_ranges *set, uint64_t from, uint64_t to, engine_range *out)
{
    engine_range range;
    uint64_t start = from;
    if (engine_ranges_find(set, from, &range) && range.from <= from)
        start = range.to;
    if (start >= to)
        return false;
    out->from = start;
    out->to = engine_ranges_find(set, start, &range) && range.from < to ? range.from : to;
    return true;
}

bool engine_ranges_has(const engine_ranges *set, uint64_t number)
{
    engine_range range;
    return engine_ranges_find(set, number, &range) && range.from <= number;
}

uint64_t engine_ranges_below(const engine_ranges *set, uint64_t limit)
{
    const engine_ranges_chunk *chunks = directory_of(set);
    uint64_t sum = 0;
    for (uint32_t c = 0; c < chunk_total(set); c++) {
        for (uint32_t i = 0; i < chunks[c].count; i++) {
            const engine_range *item = &chunks[c].items[i];
            if (item->from >= limit)
                return sum;
            sum += (item->to < limit ? item->to : limit) - item->from;
        }
    }
    return sum;
}

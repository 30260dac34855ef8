/* SPDX-License-Identifier: Apache-2.0 */
/* What the user asks of a job.  What the worker cannot be told yet is remembered, for it or for the next one. */
#include "manager/machine.h"

#include "faspmgr/codes.h"
#include "manager/words.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing that is said now changes anything. */
static bool too_late(const sluice_machine *machine)
{
    return machine->stage == SLUICE_MACHINE_OVER || machine->cancelled;
}

static int rate_changed(sluice_machine *machine, sluice_time now)
{
    machine->rate_due = true;
    sluice_machine_feed(machine, now);
    return SLUICE_OK;
}

int sluice_machine_pause(sluice_machine *machine, bool paused, sluice_time now)
{
    if (too_late(machine))
        return SLUICE_EEND;
    if (machine->paused == paused && machine->ledger.paused == paused)
        return SLUICE_OK;
    machine->paused = paused;
    return rate_changed(machine, now);
}

int sluice_machine_rate(sluice_machine *machine, sluice_rate bps, sluice_time now)
{
    if (too_late(machine))
        return SLUICE_EEND;
    machine->wishes.rate_set = true;
    machine->wishes.rate_bps = bps;
    return rate_changed(machine, now);
}

int sluice_machine_minimum(sluice_machine *machine, sluice_rate bps, sluice_time now)
{
    if (too_late(machine))
        return SLUICE_EEND;
    machine->wishes.minimum_set = true;
    machine->wishes.minimum_bps = bps;
    return rate_changed(machine, now);
}

int sluice_machine_policy(sluice_machine *machine, const char *policy, sluice_time now)
{
    if (policy == NULL || !sluice_words_policy(policy))
        return SLUICE_EINVAL;
    if (too_late(machine))
        return SLUICE_EEND;
    machine->wishes.policy_set = true;
    snprintf(machine->wishes.policy, sizeof machine->wishes.policy, "%s", policy);
    return rate_changed(machine, now);
}

int sluice_machine_cancel(sluice_machine *machine, sluice_time now)
{
    if (machine->stage == SLUICE_MACHINE_OVER)
        return SLUICE_EEND;
    if (machine->cancelled)
        return SLUICE_OK;
    machine->cancelled = true;
    machine->ledger.now.open = false;
    if (machine->stage == SLUICE_MACHINE_WAITING || machine->stage == SLUICE_MACHINE_RESTING) {
        sluice_machine_end(machine, SLUICE_JOB_CANCELLED, SLUICE_EINTERRUPTED, faspmgr_code(SLUICE_EINTERRUPTED), "cancelled",
                           now);
        return SLUICE_OK;
    }
    if (machine->stage == SLUICE_MACHINE_ENDING)
        return SLUICE_OK; /* it ends anyhow, and is made to */
    machine->cancel_due = true;
    sluice_machine_escalate(machine, SIGINT, now + SLUICE_MACHINE_CANCEL_NS, SLUICE_MACHINE_INT_NS);
    sluice_machine_feed(machine, now);
    return SLUICE_OK;
}

/* ---- sources ---- */

static int check_open(const sluice_machine *machine)
{
    if (!machine->order->persistent)
        return SLUICE_EUNSUPPORTED;
    return too_late(machine) || machine->no_more || machine->done ? SLUICE_EEND : SLUICE_OK;
}

/* Whether there is a worker whose order does not hold what is asked for now. */
static bool worker_is_behind(const sluice_machine *machine)
{
    return machine->stage >= SLUICE_MACHINE_STARTED && machine->stage <= SLUICE_MACHINE_SESSION;
}

static int saying_reserve(sluice_machine *machine)
{
    if (machine->saying_count < machine->saying_capacity)
        return SLUICE_OK;
    size_t capacity = machine->saying_capacity > 0 ? machine->saying_capacity * 2 : 16;
    sluice_machine_saying *grown = realloc(machine->sayings, capacity * sizeof *grown);
    if (grown == NULL)
        return SLUICE_ENOMEM;
    machine->sayings = grown;
    machine->saying_capacity = capacity;
    return SLUICE_OK;
}

static void saying_add(sluice_machine *machine, size_t entry, bool drop, sluice_time now)
{
    if (!worker_is_behind(machine))
        return;
    machine->sayings[machine->saying_count++] = (sluice_machine_saying){.entry = entry, .drop = drop};
    sluice_machine_feed(machine, now);
}

int sluice_machine_add(sluice_machine *machine, const char *path, const char *as, uint64_t from, uint64_t to,
                       sluice_time now)
{
    int status = check_open(machine);
    if (status == SLUICE_OK)
        status = saying_reserve(machine);
    if (status == SLUICE_OK)
        status = sluice_order_entry_add(machine->order, path, as, from, to, from != 0 || to != SLUICE_UNKNOWN, NULL);
    if (status == SLUICE_OK)
        saying_add(machine, machine->order->count - 1, false, now);
    return status;
}

int sluice_machine_drop(sluice_machine *machine, const char *path, sluice_time now)
{
    int status = machine->order->persistent ? SLUICE_OK : SLUICE_EUNSUPPORTED;
    bool found = false;
    if (path == NULL)
        return SLUICE_EINVAL;
    if (status == SLUICE_OK && (too_late(machine) || machine->done))
        status = SLUICE_EEND;
    if (status == SLUICE_OK)
        status = saying_reserve(machine);
    for (size_t i = machine->order->count; i > 0 && status == SLUICE_OK; i--) {
        sluice_order_entry *entry = &machine->order->entries[i - 1];
        if (entry->dropped || strcmp(entry->path, path) != 0)
            continue;
        entry->dropped = true;
        if (!found)
            saying_add(machine, i - 1, true, now);
        found = true;
    }
    return status == SLUICE_OK && !found ? SLUICE_ENOENT : status;
}

int sluice_machine_no_more(sluice_machine *machine, sluice_time now)
{
    if (!machine->order->persistent)
        return SLUICE_EUNSUPPORTED;
    if (too_late(machine))
        return SLUICE_EEND;
    if (machine->no_more)
        return SLUICE_OK;
    machine->no_more = machine->no_more_due = true;
    machine->ledger.now.open = false;
    sluice_machine_feed(machine, now);
    return SLUICE_OK;
}

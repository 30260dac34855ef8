/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_sources.c - sources that are added to a transfer, or given up, while it runs.
 *
 * Other threads leave them with the operands, under the transfer's lock; the loop puts them to the request and to the session
 * when there is one.  The request keeps them, so that a session that follows another begins with all of them.
 */
#include "session/client.h"

#include <stdlib.h>
#include <string.h>

static bool is_dropped(const sluice_client_sources *sources, size_t index)
{
    for (size_t i = 0; i < sources->drop_count; i++)
        if (sources->drops[i] == index)
            return true;
    return false;
}

/* ---- any thread ---- */

static int may_change(const sluice_transfer *transfer, sluice_error *error)
{
    if (!transfer->sources.persistent)
        return sluice_fail(error, SLUICE_EUNSUPPORTED, "this transfer has all of its sources from the beginning");
    if (transfer->over)
        return sluice_fail(error, SLUICE_EEND, "the transfer is over");
    return SLUICE_OK;
}

static int add_locked(sluice_transfer *transfer, const sluice_transfer_path *path, sluice_error *error)
{
    sluice_operand *added;
    sluice_error why = {0};
    int status = may_change(transfer, error);
    if (status != SLUICE_OK)
        return status;
    if (transfer->sources.closed)
        return sluice_fail(error, SLUICE_EEND, "no more sources are taken");
    if (transfer->operands.count >= UINT32_MAX)
        return sluice_fail(error, SLUICE_ELIMIT, "no more sources than there are numbers for");
    status = sluice_operands_add(&transfer->operands, path, &added, &why);
    if (status == SLUICE_OK)
        status = sluice_request_operand_check(added, &why);
    return status == SLUICE_OK ? SLUICE_OK : sluice_fail(error, status, "%s", why.text);
}

static int drop_locked(sluice_transfer *transfer, const char *path, sluice_error *error)
{
    sluice_client_sources *sources = &transfer->sources;
    size_t found = 0, at = 0;
    int status = may_change(transfer, error);
    while (status == SLUICE_OK && sluice_operands_find(&transfer->operands, path, &at)) {
        size_t index = at++;
        if (is_dropped(sources, index))
            continue;
        uint32_t *grown = reallocarray(sources->drops, sources->drop_count + 1, sizeof *grown);
        if (grown == NULL)
            return sluice_fail(error, SLUICE_ENOMEM, "%s: out of memory", path);
        sources->drops = grown;
        sources->drops[sources->drop_count++] = (uint32_t)index;
        found++;
    }
    if (status == SLUICE_OK && found == 0)
        status = sluice_fail(error, SLUICE_ENOENT, "%s: is none of the sources", path);
    return status;
}

int sluice_transfer_add(sluice_transfer *transfer, const sluice_transfer_path *path, sluice_error *error)
{
    pthread_mutex_lock(&transfer->lock);
    int status = add_locked(transfer, path, error);
    pthread_mutex_unlock(&transfer->lock);
    if (status == SLUICE_OK)
        sluice_client_wake(transfer);
    return status;
}

int sluice_transfer_drop(sluice_transfer *transfer, const char *path, sluice_error *error)
{
    pthread_mutex_lock(&transfer->lock);
    int status = drop_locked(transfer, path, error);
    pthread_mutex_unlock(&transfer->lock);
    if (status == SLUICE_OK)
        sluice_client_wake(transfer);
    return status;
}

int sluice_transfer_no_more(sluice_transfer *transfer, sluice_error *error)
{
    pthread_mutex_lock(&transfer->lock);
    int status = may_change(transfer, error);
    if (status == SLUICE_OK)
        transfer->sources.closed = true;
    pthread_mutex_unlock(&transfer->lock);
    if (status == SLUICE_OK)
        sluice_client_wake(transfer);
    return status;
}

/* ---- the loop ---- */

/* The next thing that the session does not know; false: there is none. */
static bool change_next(sluice_transfer *transfer, sluice_request_change *change, int *status)
{
    sluice_client_sources *sources = &transfer->sources;
    *change = (sluice_request_change){.drop = UINT32_MAX};
    if (sources->handed < transfer->operands.count) {
        const sluice_operand *operand = &transfer->operands.operands[sources->handed++];
        *status = sluice_request_operand_add(&transfer->request, operand);
        change->add = *status == SLUICE_OK ? &transfer->request.operands[transfer->request.operand_count - 1] : NULL;
        return true;
    }
    if (sources->drops_handed < sources->drop_count) {
        change->drop = sources->drops[sources->drops_handed++];
        return true;
    }
    if (sources->closed && transfer->request.open) {
        transfer->request.open = false;
        change->last = true;
        return true;
    }
    return false;
}

void sluice_client_apply_sources(sluice_transfer *transfer)
{
    sluice_request_change change;
    int status = SLUICE_OK;
    /* Without a session they wait for it; one that is over needs none. */
    while (transfer->session && !sluice_session_is_finished(transfer->session)) {
        pthread_mutex_lock(&transfer->lock);
        bool more = transfer->sources.persistent && change_next(transfer, &change, &status);
        pthread_mutex_unlock(&transfer->lock);
        if (!more)
            return;
        if (status != SLUICE_OK) {
            sluice_session_cancel(transfer->session, status, "the names of all sources together are too long");
            return;
        }
        sluice_session_change(transfer->session, &change);
    }
}

/* Numbers of sources begin anew with each session, without those that were given up. */
int sluice_client_renew_sources(sluice_transfer *transfer)
{
    sluice_client_sources *sources = &transfer->sources;
    sluice_operands *operands = &transfer->operands;
    int status = SLUICE_OK;
    pthread_mutex_lock(&transfer->lock);
    size_t kept = 0;
    for (size_t i = 0; i < operands->count; i++) {
        if (!is_dropped(sources, i)) {
            operands->operands[kept++] = operands->operands[i];
        } else {
            free((char *)(uintptr_t)operands->operands[i].path);
            free((char *)(uintptr_t)operands->operands[i].as);
        }
    }
    operands->count = kept;
    sources->drop_count = sources->drops_handed = 0;
    sluice_request_operands_clear(&transfer->request);
    for (size_t i = 0; i < kept && status == SLUICE_OK; i++)
        status = sluice_request_operand_add(&transfer->request, &operands->operands[i]);
    sources->handed = kept;
    transfer->request.open = sources->persistent && !sources->closed;
    pthread_mutex_unlock(&transfer->lock);
    return status;
}

void sluice_client_sources_fini(sluice_client_sources *sources)
{
    free(sources->drops);
    *sources = (sluice_client_sources){.persistent = false};
}

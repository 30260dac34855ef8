/* SPDX-License-Identifier: Apache-2.0 */
#include "session/parcel.h"

bool sluice_parcel_suits(const sluice_mover *mover, const sluice_entry *entry)
{
    const sluice_sink_ops *ops = mover->store.sink;
    const unsigned needed = SLUICE_SINK_SEEKABLE | SLUICE_SINK_PARALLEL | SLUICE_SINK_ATOMIC;
    return ops->look && ops->put && (ops->capabilities & needed) == needed && entry->type == SLUICE_ENTRY_FILE &&
           entry->size < SLUICE_PARCEL_BYTES;
}

int sluice_parcel_look(sluice_mover *mover, const sluice_entry *entry, bool *parcel, sluice_sink_verdict *verdict)
{
    int status = mover->store.sink->look(mover->store.state, entry, verdict);
    *parcel = status == SLUICE_OK && *verdict == SLUICE_SINK_WRITE;
    return status;
}

static int put(sluice_mover *mover, sluice_parcel *parcel)
{
    const sluice_mover_store *store = &mover->store;
    const uint8_t *bytes = parcel->block ? parcel->block->bytes : (const uint8_t *)"";
    sluice_completion *completion = store->completion_new ? store->completion_new(store->user) : NULL;
    int64_t status = store->sink->put(store->state, parcel->entry, bytes, parcel->size, completion);
    if (completion)
        status = store->completion_end(store->user, completion, status);
    return status < 0 ? (int)status : SLUICE_OK;
}

static void parcel_do(sluice_mover *mover, sluice_parcel *parcel)
{
    sluice_digest digest = {0};
    parcel->differs = false;
    parcel->status = SLUICE_OK;
    if (parcel->checked && parcel->size > 0) {
        if (sluice_digest_chunk(mover->request->checksum, parcel->block->bytes, (size_t)parcel->size, &digest)) {
            parcel->status = sluice_fail(&parcel->error, SLUICE_ENOMEM, "%s: out of memory for its digest",
                                         parcel->entry->name);
            return;
        }
        parcel->differs = !sluice_digest_equal(&digest, &parcel->expected);
    }
    if (parcel->differs)
        return;
    parcel->status = put(mover, parcel);
    if (parcel->status)
        sluice_mover_sentence(mover, parcel->status, &parcel->error);
}

void sluice_parcels_run(sluice_work *work)
{
    sluice_parcels *parcels = (sluice_parcels *)work;
    for (size_t i = 0; i < parcels->count; i++)
        parcel_do(work->mover, &parcels->items[i]);
}

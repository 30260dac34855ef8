/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h - bytes that follow from object and offset, and the record of those that came. */
#ifndef SLUICE_SIM_PAYLOAD_H
#define SLUICE_SIM_PAYLOAD_H

#include "simulate/sim.h"

/* The bytes of an object of a direction at an offset. */
void sim_payload_fill(uint64_t stream, uint64_t object, uint64_t offset, uint8_t *out, size_t bytes);
bool sim_payload_same(uint64_t stream, uint64_t object, uint64_t offset, const uint8_t *data, size_t bytes);

/* Which bytes of an object came; each may come once. */
typedef struct sim_receipt {
    uint64_t *bits;
    uint64_t size, count; /* bytes of the object; bytes that came */
} sim_receipt;

/* False: out of memory. */
bool sim_receipt_init(sim_receipt *receipt, uint64_t size);
void sim_receipt_fini(sim_receipt *receipt);

/* False when one of the bytes lies outside or was there already. */
bool sim_receipt_add(sim_receipt *receipt, uint64_t offset, uint64_t bytes);
bool sim_receipt_has(const sim_receipt *receipt, uint64_t offset);

#endif

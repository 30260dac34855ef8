/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opened packets of a hostile peer, fed to an engine in mid-session.  The input is a row of packets: two bytes of
 * length, one of time that passes (ms), then the body.
 */
#include "fuzz/replay.h"
#include "unit/udp_pair.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    setup[1].receive_bytes = 1 << 20;
    setup[1].ordered_bytes = 1 << 17;
    pair *p = pair_new(setup);
    p->end[0].path.out = true; /* The honest peer is silenced: the input speaks in its place. */
    pair_send(p, 1, 2, 0, 20000);
    pair_send(p, 1, 3, SLUICE_OBJECT_ORDERED, 20000);
    pair_run(p, p->now + 60 * SLUICE_MS, NULL);
    uint64_t number = 0;
    while (size > 3) {
        size_t bytes = ((size_t)input[0] << 8 | input[1]) % 1500;
        sluice_duration pause = input[2] * SLUICE_MS;
        input += 3;
        size -= 3;
        bytes = bytes < size ? bytes : size;
        pair_inject(p, 1, number++, input, bytes);
        input += bytes;
        size -= bytes;
        pair_run(p, p->now + pause, NULL);
    }
    pair_run(p, p->now + 100 * SLUICE_MS, NULL);
    /* What waits in each ordered object is bounded by the window that was granted to it, and two segments of 16 KiB. */
    uint64_t granted = 0;
    for (uint64_t id = 0; id < PAIR_OBJECTS; id++)
        granted += p->end[1].objects[id].ordered || id == 0 ? setup[1].ordered_bytes + (2 << 14) : 0;
    if (p->memory > (64u << 20) + granted)
        abort();
    pair_free(p);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "session/progress.h"

#include <string.h>

void sluice_progress_put(const sluice_progress *progress, sluice_wire_writer *writer)
{
#define PROGRESS_PUT(field, number)                                                                                   \
    if (progress->field)                                                                                              \
        sluice_wire_put_field_u64(writer, number, progress->field);
    SLUICE_PROGRESS_MAP(PROGRESS_PUT)
#undef PROGRESS_PUT
}

void sluice_progress_get(sluice_progress *progress, sluice_wire_reader *reader)
{
    sluice_wire_reader field;
    uint64_t tag;
    memset(progress, 0, sizeof(*progress));
    while (sluice_wire_get_field(reader, &tag, &field)) {
        switch (tag) {
#define PROGRESS_GET(name, number)                                                                                    \
    case number:                                                                                                      \
        progress->name = sluice_wire_get_u64(&field);                                                                 \
        break;
            SLUICE_PROGRESS_MAP(PROGRESS_GET)
#undef PROGRESS_GET
        default:
            break;
        }
    }
}

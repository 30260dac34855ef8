/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - what every example of a job begins and ends with: its order from arguments, and its statistics. */
#include <inttypes.h>
#include <sluice/manager.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An example that cannot go on says why, and ends with the runner's exit status for that.  A job that runs ends with it,
 * resumable: its worker sees that its manager is gone. */
static inline void must(int status, const sluice_error *error)
{
    if (status == SLUICE_OK)
        return;
    fprintf(stderr, "%s\n", error->text);
    exit(sluice_status_exit(status));
}

/* USER@HOST is somebody to reach through ssh, HOST:PORT or [HOST]:PORT a `sluice serve`.  Cuts the address up. */
static inline sluice_remote remote_of(char *address)
{
    sluice_remote remote = {.size = sizeof remote, .host = address};
    char *at = strchr(address, '@'), *colon = strrchr(address, ':');
    if (at) {
        *at = '\0';
        remote.ssh = true;
        remote.user = address;
        remote.host = at + 1;
    } else if (colon) {
        *colon = '\0';
        remote.port = (uint16_t)atoi(colon + 1);
        if (address[0] == '[' && colon[-1] == ']') {
            colon[-1] = '\0';
            remote.host = address + 1;
        }
    }
    return remote;
}

/* pairs: KEY=VALUE, the last one NULL.  The keys are the long options of `sluice copy` (rate=50m), and ticket-file. */
static inline sluice_order *order_for(sluice_direction direction, char *address, const char *destination, char **pairs)
{
    sluice_error error = {0};
    sluice_order *order;
    sluice_remote remote = remote_of(address);
    must(sluice_order_new(direction, &order, &error), &error);
    must(sluice_order_destination(order, destination, &error), &error);
    for (; *pairs; pairs++) {
        char *value = strchr(*pairs, '=');
        if (value)
            *value++ = '\0';
        if (value && strcmp(*pairs, "ticket-file") == 0)
            remote.ticket_file = value;
        else
            must(sluice_order_set(order, *pairs, value ? value : "yes", &error), &error);
    }
    must(sluice_order_remote(order, &remote, &error), &error);
    return order;
}

/* What the job was, on standard output; why it has failed, on standard error; the exit status for that. */
static inline int report(const sluice_job_statistics *end)
{
    double seconds = (double)end->elapsed_ns / SLUICE_SECOND;
    printf("%s: %" PRIu64 " files, %" PRIu64 " there already, %" PRIu64 " failed; %" PRIu64 " bytes sent, %" PRIu64
           " of them again, in %.1f s and %u attempts\n",
           sluice_job_state_name(end->state), end->files, end->skipped, end->failed, end->transferred_bytes, end->lost_bytes,
           seconds, end->attempts);
    if (end->status != SLUICE_OK)
        fprintf(stderr, "%s (%s, ASCP %u)\n", end->message, sluice_status_name(end->status), end->code);
    return sluice_status_exit(end->status);
}

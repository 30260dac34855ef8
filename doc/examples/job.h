/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - what every example of a job begins and ends with: its order from arguments, and its statistics. */
#include <inttypes.h>
#include <sluice/manager.h>
#include <sluice/sluice.h>
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

/* USER@HOST is somebody to reach through ssh, HOST:PORT or [HOST]:PORT a `sluice serve`; both are beginnings of what `sluice
 * copy` takes. */
static inline sluice_location machine_of(const char *address)
{
    char text[600];
    sluice_error error = {0};
    sluice_location machine;
    snprintf(text, sizeof text, strchr(address, '@') ? "%s:" : "sluice://%s/", address);
    must(sluice_location_parse(text, &machine, &error), &error);
    return machine;
}

/* pairs: KEY=VALUE, the last one NULL.  The keys are the long options of `sluice copy` (rate=50m), and ticket-file. */
static inline sluice_order *order_for(sluice_direction direction, const char *address, const char *destination, char **pairs)
{
    sluice_error error = {0};
    sluice_order *order;
    sluice_location machine = machine_of(address);
    sluice_remote remote = {.size = sizeof remote, .host = machine.host, .port = machine.port, .ssh = machine.ssh};
    remote.user = machine.user[0] ? machine.user : NULL;
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
    sluice_location_fini(&machine);
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

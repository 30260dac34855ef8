/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_push.c - a file or directory goes to another machine; how far it has come is asked for each second.
 *
 *     job_push ADDRESS SOURCE DESTINATION [KEY=VALUE...]        job_push server.example:33001 film.mov in/ rate=100m
 */
#include "job.h"

int main(int argc, char **argv)
{
    sluice_manager *manager;
    sluice_job job;
    sluice_job_statistics now = {.size = sizeof now};
    sluice_error error = {0};
    if (argc < 4) {
        fprintf(stderr, "usage: job_push ADDRESS SOURCE DESTINATION [KEY=VALUE...]\n");
        return 2;
    }
    sluice_order *order = order_for(SLUICE_PUSH, argv[1], argv[3], argv + 4);
    must(sluice_order_source(order, argv[2], NULL, &error), &error);
    must(sluice_manager_new(NULL, &manager, &error), &error);
    must(sluice_manager_launch(manager, order, NULL, NULL, &job, &error), &error);
    sluice_order_free(order);

    while (sluice_job_wait(manager, job, SLUICE_SECOND, &now) == SLUICE_ETIMEOUT)
        printf("%s: %" PRIu64 " of %" PRIu64 " files, %" PRIu64 " bytes there, %.1f Mbit/s %s\n",
               sluice_job_state_name(now.state), now.files, now.total_files, now.present_bytes, (double)now.rate_bps / 1e6,
               now.message);
    sluice_manager_free(manager);
    return report(&now);
}

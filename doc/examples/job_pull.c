/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_pull.c - a file or directory comes from another machine; a callback is told what happens.
 *
 *     job_pull ADDRESS SOURCE DESTINATION [KEY=VALUE...]        job_pull server.example:33001 out/film.mov . rate=100m
 */
#include "job.h"

/* On a thread of the manager. */
static void happened(void *user, const sluice_job_event *event)
{
    (void)user;
    const sluice_job_statistics *now = event->statistics;
    if (event->type == SLUICE_JOB_EVENT_SESSION_START)
        printf("connected to %s, %s\n", now->peer, now->cipher);
    else if (event->type == SLUICE_JOB_EVENT_FILE_STOP)
        printf("%s: %" PRIu64 " bytes, %s\n", event->file->name, event->file->file_bytes,
               event->file->digest ? event->file->digest : "no digest");
    else if (event->type == SLUICE_JOB_EVENT_FILE_ERROR)
        fprintf(stderr, "%s\n", event->file->message);
    else if (event->type == SLUICE_JOB_EVENT_RETRY)
        fprintf(stderr, "%s; again in %.0f s\n", event->message, (double)event->retry_ns / SLUICE_SECOND);
}

int main(int argc, char **argv)
{
    sluice_manager *manager;
    sluice_job job;
    sluice_job_statistics end = {.size = sizeof end};
    sluice_error error = {0};
    if (argc < 4) {
        fprintf(stderr, "usage: job_pull ADDRESS SOURCE DESTINATION [KEY=VALUE...]\n");
        return 2;
    }
    sluice_order *order = order_for(SLUICE_PULL, argv[1], argv[3], argv + 4);
    must(sluice_order_source(order, argv[2], NULL, &error), &error);
    must(sluice_manager_new(NULL, &manager, &error), &error);
    must(sluice_manager_launch(manager, order, happened, NULL, &job, &error), &error);
    sluice_order_free(order);

    sluice_job_wait(manager, job, SLUICE_NEVER, &end);
    sluice_manager_free(manager);
    return report(&end);
}

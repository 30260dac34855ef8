/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job_list.c - many files in one job, and what became of each.
 *
 *     job_list push|pull files|pairs ADDRESS LIST DESTINATION [KEY=VALUE...]
 *
 * LIST has a path a line; with pairs a path, and on the next line its name below DESTINATION.
 */
#include "job.h"

static void show(void *user, const sluice_job_file *file)
{
    (void)user;
    printf("%s %s, %" PRIu64 " bytes%s%s\n", sluice_job_file_state_name(file->state), file->name, file->file_bytes,
           file->message[0] ? ": " : "", file->message);
}

int main(int argc, char **argv)
{
    sluice_manager *manager;
    sluice_job job;
    sluice_job_statistics end = {.size = sizeof end};
    sluice_error error = {0};
    if (argc < 6) {
        fprintf(stderr, "usage: job_list push|pull files|pairs ADDRESS LIST DESTINATION [KEY=VALUE...]\n");
        return 2;
    }
    sluice_direction direction = strcmp(argv[1], "pull") == 0 ? SLUICE_PULL : SLUICE_PUSH;
    sluice_order *order = order_for(direction, argv[3], argv[5], argv + 6);
    must(sluice_order_list(order, argv[4], strcmp(argv[2], "pairs") == 0, &error), &error);

    /* What the manager keeps for sluice_job_files is bounded: more files than that are followed by callbacks. */
    const sluice_manager_setup setup = {.size = sizeof setup, .files_most = 100000};
    must(sluice_manager_new(&setup, &manager, &error), &error);
    must(sluice_manager_launch(manager, order, NULL, NULL, &job, &error), &error);
    sluice_order_free(order);

    sluice_job_wait(manager, job, SLUICE_NEVER, &end);
    sluice_job_files(manager, job, show, NULL);
    sluice_manager_free(manager);
    return report(&end);
}

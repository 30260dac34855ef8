/* SPDX-License-Identifier: Apache-2.0 */
#include "session/crew.h"
#include <assert.h>
#include <string.h>

/* Lies in the task's room while the task is on its way. */
typedef struct seat {
    sluice_pool_job job;
    sluice_post post;
    sluice_loop *loop;
    sluice_task *task;
} seat;

static_assert(sizeof(seat) <= sizeof(((sluice_task *)0)->room), "a task has room for its seat");

static seat *seat_of_job(sluice_pool_job *job)
{
    return (seat *)(void *)((char *)job - offsetof(seat, job));
}

static seat *seat_of_post(sluice_post *post)
{
    return (seat *)(void *)((char *)post - offsetof(seat, post));
}

static void task_ended(sluice_post *post)
{
    sluice_task *task = seat_of_post(post)->task;
    task->done(task);
}

static void task_run(sluice_pool_job *job)
{
    seat *at = seat_of_job(job);
    at->task->run(at->task);
    sluice_loop_post(at->loop, &at->post);
}

static void submit(void *user, sluice_task *task)
{
    sluice_crew *crew = user;
    seat *at = (seat *)(void *)&task->room;
    memset(at, 0, sizeof *at);
    at->job.run = task_run;
    at->job.priority = SLUICE_JOB_NORMAL;
    at->post.run = task_ended;
    at->loop = crew->loop;
    at->task = task;
    sluice_pool_submit(crew->pool, &at->job);
}

sluice_crew_port sluice_crew_open(sluice_crew *crew)
{
    return (sluice_crew_port){.submit = submit, .user = crew, .threads = sluice_pool_threads(crew->pool)};
}

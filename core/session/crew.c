/* SPDX-License-Identifier: Apache-2.0 */
#include "session/crew.h"
#include <assert.h>
#include <string.h>

#define STUCK_NS (SLUICE_SECOND / 10) /* much for a disk that is busy, little for a user */

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

/* ---- the crew ---- */

static void look(void *user, sluice_time now)
{
    sluice_crew *crew = user;
    if (sluice_pool_look(crew->pool, now))
        sluice_timer_set(crew->looks, now + STUCK_NS);
}

int sluice_crew_begin(sluice_crew *crew, sluice_loop *loop, unsigned most, sluice_error *error)
{
    const sluice_pool_setup setup = {.threads = SLUICE_CREW_THREADS,
                                     .each = SLUICE_CREW_EACH,
                                     .most = most,
                                     .stuck = STUCK_NS,
                                     .name = "sluice-pool"};
    crew->loop = loop;
    if (sluice_timer_new(&crew->looks, loop, look, crew) != SLUICE_OK)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a timer");
    return sluice_pool_new(&setup, &crew->pool, error);
}

void sluice_crew_end(sluice_crew *crew)
{
    sluice_timer_free(crew->looks);
    sluice_pool_free(crew->pool);
    *crew = (sluice_crew){0};
}

int sluice_crew_join(sluice_crew *crew, sluice_crew_member *member, sluice_error *error)
{
    member->crew = crew;
    int status = sluice_pool_party_new(crew->pool, &member->party);
    return status == SLUICE_OK ? SLUICE_OK : sluice_fail(error, status, "out of memory for a session");
}

void sluice_crew_leave(sluice_crew_member *member)
{
    sluice_pool_party_free(member->party);
    *member = (sluice_crew_member){0};
}

/* ---- tasks ---- */

static void submit(void *user, sluice_task *task)
{
    sluice_crew_member *member = user;
    sluice_crew *crew = member->crew;
    seat *at = (seat *)(void *)&task->room;
    memset(at, 0, sizeof *at);
    at->job.run = task_run;
    at->post.run = task_ended;
    at->loop = crew->loop;
    at->task = task;
    if (sluice_pool_submit(member->party, &at->job) && sluice_timer_when(crew->looks) == SLUICE_NEVER)
        look(crew, sluice_loop_now(crew->loop));
}

sluice_crew_port sluice_crew_open(sluice_crew_member *member)
{
    return (sluice_crew_port){.submit = submit, .user = member, .threads = SLUICE_CREW_THREADS};
}

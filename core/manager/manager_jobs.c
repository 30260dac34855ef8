/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on the loop: their workers, connections and timers. */
#include "manager/manager_state.h"

#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what machines ask for ---- */

static void post(sluice_manager *manager)
{
    if (!manager->posted) {
        manager->posted = true;
        sluice_loop_post(manager->loop, &manager->post);
    }
}

void sluice_manager_touch(sluice_manager_job *job)
{
    sluice_manager *manager = job->manager;
    if (!job->dirty) {
        job->dirty = true;
        job->next_dirty = manager->dirty_first;
        manager->dirty_first = job;
    }
    post(manager);
}

static void start(void *user)
{
    sluice_manager_job *job = user;
    sluice_manager *manager = job->manager;
    job->wants = true;
    job->next_waiting = NULL;
    *(manager->waiting_last != NULL ? &manager->waiting_last->next_waiting : &manager->waiting_first) = job;
    manager->waiting_last = job;
    sluice_manager_touch(job);
}

static void unstart(void *user)
{
    sluice_manager_job *job = user, *before = NULL;
    sluice_manager *manager = job->manager;
    if (!job->wants)
        return;
    job->wants = false;
    for (sluice_manager_job *at = manager->waiting_first; at != job; at = at->next_waiting)
        before = at;
    *(before != NULL ? &before->next_waiting : &manager->waiting_first) = job->next_waiting;
    if (manager->waiting_last == job)
        manager->waiting_last = before;
    sluice_manager_touch(job);
}

static bool room(void *user)
{
    const sluice_manager_job *job = user;
    return job->link != NULL && sluice_link_room(job->link);
}

static void say(void *user, const faspmgr_writer *message)
{
    sluice_manager_job *job = user;
    sluice_link_say(job->link, message);
    sluice_manager_touch(job);
}

static void send_signal(void *user, int number)
{
    sluice_manager_job *job = user;
    if (job->process != NULL)
        sluice_process_signal(job->process, number);
}

static void event(void *user, sluice_job_event_type type, const sluice_job_file *file, sluice_files_entry *entry,
                  const char *message, sluice_duration retry_ns)
{
    sluice_manager_job *job = user;
    sluice_manager *manager = job->manager;
    sluice_job_statistics statistics;
    sluice_machine_statistics(&job->machine, &statistics, sluice_clock_now());
    const sluice_notes_spec spec = {.owner = job, .of = &job->notes_of, .statistics = &statistics, .file = file,
                                    .entry = entry, .message = message, .retry_ns = retry_ns, .type = type};
    int more = sluice_notes_add(&manager->notes, &spec);
    if (more < 0)
        job->machine.ledger.now.events_dropped++;
    job->notes += more > 0;
    sluice_manager_touch(job);
    pthread_cond_signal(&manager->noted);
    pthread_cond_broadcast(&manager->changed);
}

const sluice_machine_ports sluice_manager_ports = {
    .start = start, .unstart = unstart, .room = room, .say = say, .signal = send_signal, .event = event,
};

/* ---- connections ---- */

static void enter(void *user)
{
    sluice_manager_job *job = user;
    pthread_mutex_lock(&job->manager->lock);
}

/* The loop has done something with this job: what follows of it is done at once, not by a post. */
static void leave(void *user)
{
    sluice_manager_job *job = user;
    sluice_manager *manager = job->manager;
    sluice_manager_settle(manager);
    pthread_mutex_unlock(&manager->lock);
}

static void heard(void *user, sluice_link *link, const faspmgr_message *message)
{
    sluice_manager_job *job = user;
    (void)link;
    sluice_machine_hear(&job->machine, message, sluice_clock_now());
    sluice_manager_touch(job);
}

static void ended(void *user, sluice_link *link, bool garbled)
{
    sluice_manager_job *job = user;
    (void)link;
    if (garbled)
        sluice_machine_garbled(&job->machine, sluice_clock_now());
    else
        sluice_machine_silent(&job->machine, sluice_clock_now());
    sluice_manager_touch(job);
}

static void roomy(void *user)
{
    sluice_manager_touch(user);
}

static const sluice_link_ports link_ports = {.heard = heard, .ended = ended, .roomy = roomy, .enter = enter, .leave = leave};

/* How long it takes tells nothing of how much of the name was right. */
static bool same_name(const char *mine, const char *name)
{
    volatile unsigned char differ = 0;
    if (strlen(mine) != SLUICE_MANAGER_NAME - 1 || strlen(name) != SLUICE_MANAGER_NAME - 1)
        return false;
    for (size_t i = 0; i < SLUICE_MANAGER_NAME - 1; i++)
        differ = (unsigned char)(differ | (mine[i] ^ name[i]));
    return differ == 0;
}

static bool claim(void *user, sluice_link *link, const char *name, const faspmgr_message *message)
{
    sluice_manager *manager = user;
    for (size_t i = 0; i < manager->count; i++) {
        sluice_manager_job *job = manager->jobs[i];
        if (job->process == NULL || job->link != NULL || job->machine.order->ascp == NULL || !same_name(job->name, name))
            continue;
        job->link = link;
        sluice_link_rebind(link, &link_ports, job);
        heard(job, link, message);
        return true;
    }
    return false;
}

static void manager_enter(void *user)
{
    sluice_manager *manager = user;
    pthread_mutex_lock(&manager->lock);
}

static void manager_leave(void *user)
{
    sluice_manager *manager = user;
    sluice_manager_settle(manager);
    pthread_mutex_unlock(&manager->lock);
}

const sluice_listener_ports sluice_manager_listener_ports = {.claim = claim, .enter = manager_enter, .leave = manager_leave};

/* ---- workers ---- */

static void worker_ended(void *user, int result, const char *line)
{
    sluice_manager_job *job = user;
    enter(job);
    char last[SLUICE_PROCESS_LINE];
    memcpy(last, line, sizeof last);
    if (job->link == NULL && job->machine.order->ascp != NULL)
        sluice_listener_drain(job->manager->listener);
    if (job->link != NULL)
        sluice_link_drain(job->link);
    sluice_link_free(job->link);
    sluice_process_free(job->process);
    job->link = NULL;
    job->process = NULL;
    job->name[0] = '\0';
    job->manager->workers--;
    sluice_machine_exited(&job->machine, result, last, sluice_clock_now());
    sluice_manager_touch(job);
    leave(job);
}

static int name_make(sluice_manager_job *job, sluice_error *error)
{
    unsigned char random[(SLUICE_MANAGER_NAME - 1) / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return sluice_fail(error, SLUICE_EIO, "the kernel gives no random numbers: %s", strerror(errno));
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(job->name + 2 * i, 3, "%02x", random[i]);
    return SLUICE_OK;
}

/* One end for each side, neither of which is in the way of the worker's descriptors. */
static int pair_make(int ends[2], sluice_error *error)
{
    int low[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, low) != 0)
        return sluice_fail(error, SLUICE_ELIMIT, "no socket for a worker: %s", strerror(errno));
    ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, SLUICE_PLAN_MANAGEMENT + 1);
    ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, SLUICE_PLAN_MANAGEMENT + 1);
    int failed = errno;
    close(low[0]);
    close(low[1]);
    if (ends[0] >= 0 && ends[1] >= 0)
        return SLUICE_OK;
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return sluice_fail(error, SLUICE_ELIMIT, "no socket for a worker: %s", strerror(failed));
}

static int process_start(sluice_manager_job *job, const sluice_plan *plan, int management, sluice_error *error)
{
    return sluice_process_new(&job->process, job->manager->loop, plan, management, worker_ended, job, error);
}

static int own_start(sluice_manager_job *job, const sluice_plan *plan, sluice_error *error)
{
    int ends[2] = {-1, -1};
    int status = pair_make(ends, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_link_new(&job->link, job->manager->loop, ends[0], &link_ports, job);
    if (status != SLUICE_OK) {
        close(ends[0]);
        (void)sluice_fail(error, status, "out of memory or descriptors for a worker");
    } else
        status = process_start(job, plan, ends[1], error);
    close(ends[1]);
    return status;
}

static int worker_plan(sluice_manager_job *job, sluice_plan *plan, sluice_error *error)
{
    const sluice_manager *manager = job->manager;
    const sluice_order *order = job->machine.order;
    const sluice_plan_spec spec = {
        .order = order, .wishes = &job->machine.wishes, .program = manager->program, .plugin_path = manager->plugin_path,
        .user = job->name, .port = sluice_listener_port(manager->listener),
    };
    int status = name_make(job, error);
    if (status != SLUICE_OK)
        return status;
    return order->ascp != NULL ? sluice_plan_ascp(plan, &spec, error) : sluice_plan_sluice(plan, &spec, error);
}

static void worker_start(sluice_manager_job *job)
{
    sluice_plan plan = {0};
    sluice_error error = {0};
    int status = worker_plan(job, &plan, &error);
    if (status == SLUICE_OK)
        status = job->machine.order->ascp != NULL ? process_start(job, &plan, -1, &error) : own_start(job, &plan, &error);
    sluice_plan_fini(&plan);
    if (status == SLUICE_OK) {
        job->manager->workers++;
        sluice_machine_started(&job->machine, sluice_process_pid(job->process), sluice_clock_now());
    } else {
        sluice_link_free(job->link);
        job->link = NULL;
        sluice_machine_unable(&job->machine, status, error.text, sluice_clock_now());
    }
    sluice_manager_touch(job);
}

/* ---- the rest ---- */

static void timer_fired(void *user, sluice_time now)
{
    sluice_manager_job *job = user;
    enter(job);
    sluice_machine_tick(&job->machine, now);
    sluice_manager_touch(job);
    leave(job);
}

/* Writes what there is to say, as far as the worker takes it. */
static void link_settle(sluice_manager_job *job)
{
    size_t waiting;
    do {
        sluice_link_flush(job->link);
        waiting = sluice_link_waiting(job->link);
        sluice_machine_feed(&job->machine, sluice_clock_now());
    } while (sluice_link_waiting(job->link) > waiting);
}

/* Whatever there is of an order that is over goes, but for what polls ask for. */
static void job_settle(sluice_manager_job *job)
{
    if (job->settled)
        return;
    if (job->link != NULL)
        link_settle(job);
    if (job->timer == NULL && sluice_timer_new(&job->timer, job->manager->loop, timer_fired, job) != SLUICE_OK)
        job->timer = NULL;
    if (job->timer != NULL)
        sluice_timer_set(job->timer, sluice_machine_wake(&job->machine));
    if (!sluice_machine_over(&job->machine) || job->process != NULL)
        return;
    sluice_timer_free(job->timer);
    job->timer = NULL;
    sluice_order_spend(job->machine.order);
    job->settled = true;
    job->manager->unsettled--;
    pthread_cond_broadcast(&job->manager->changed);
}

static sluice_manager_job *waiting_take(sluice_manager *manager)
{
    sluice_manager_job *job = manager->waiting_first;
    if (job == NULL || manager->workers >= manager->workers_most)
        return NULL;
    manager->waiting_first = job->next_waiting;
    if (manager->waiting_first == NULL)
        manager->waiting_last = NULL;
    job->wants = false;
    return job;
}

/* One worker is started in a round, for that takes its time, and those that run are to be heard between. */
void sluice_manager_settle(sluice_manager *manager)
{
    sluice_manager_job *job = waiting_take(manager);
    if (job != NULL)
        worker_start(job);
    while ((job = manager->dirty_first) != NULL) {
        manager->dirty_first = job->next_dirty;
        job->dirty = false;
        job_settle(job);
        sluice_manager_release(job);
    }
    if (manager->waiting_first != NULL && manager->workers < manager->workers_most)
        post(manager);
}

bool sluice_manager_job_over(const sluice_manager_job *job)
{
    return job->settled && job->notes == 0;
}

void sluice_manager_release(sluice_manager_job *job)
{
    if (job->forgotten && !job->dirty && sluice_manager_job_over(job))
        sluice_manager_job_free(job);
}

/* Its loop does not run, or nothing of it is left there. */
void sluice_manager_job_free(sluice_manager_job *job)
{
    sluice_link_free(job->link);
    sluice_process_free(job->process);
    sluice_timer_free(job->timer);
    sluice_machine_fini(&job->machine);
    sluice_notes_of_fini(&job->notes_of);
    free(job);
}

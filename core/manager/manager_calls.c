/* SPDX-License-Identifier: Apache-2.0 */
/* Launching, asking after and controlling jobs. */
#include "manager/manager_state.h"

#include "base/clock.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- which job ---- */

/* Where it stands, or would. */
static size_t place_of(const sluice_manager *manager, sluice_job id)
{
    size_t low = 0, high = manager->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (manager->jobs[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static sluice_manager_job *find(const sluice_manager *manager, sluice_job id)
{
    size_t at = place_of(manager, id);
    return at < manager->count && manager->jobs[at]->id == id ? manager->jobs[at] : NULL;
}

/* ---- launching ---- */

/* Whether a worker can be told all of it.  Nothing of the plan is used. */
static int check_plan(sluice_manager *manager, const sluice_order *order, sluice_error *error)
{
    sluice_plan plan = {0};
    const sluice_wishes none = {0};
    const sluice_plan_spec spec = {.order = order, .wishes = &none, .program = manager->program,
                                   .plugin_path = manager->plugin_path, .user = "",
                                   .port = sluice_listener_port(manager->listener)};
    int status = order->ascp != NULL ? sluice_plan_ascp(&plan, &spec, error) : sluice_plan_sluice(&plan, &spec, error);
    sluice_plan_fini(&plan);
    return status;
}

static int jobs_grow(sluice_manager *manager)
{
    if (manager->count < manager->capacity)
        return SLUICE_OK;
    size_t capacity = manager->capacity > 0 ? manager->capacity * 2 : 16;
    sluice_manager_job **grown = realloc(manager->jobs, capacity * sizeof *grown);
    if (grown == NULL)
        return SLUICE_ENOMEM;
    manager->jobs = grown;
    manager->capacity = capacity;
    return SLUICE_OK;
}

static void entry_gone(void *user, sluice_files_entry *entry)
{
    (void)user;
    sluice_notes_forget_entry(entry);
}

static void job_begin(sluice_manager *manager, sluice_manager_job *job, sluice_order **order)
{
    job->manager = manager;
    job->id = ++manager->last_id;
    sluice_machine_init(&job->machine, &sluice_manager_ports, job, &manager->writer, order, manager->files_most,
                        sluice_clock_now());
    job->machine.ledger.now.job = job->id;
    job->machine.ledger.files.gone = entry_gone;
    manager->jobs[manager->count++] = job;
    manager->unsettled++;
    sluice_manager_ports.start(job);
}

int sluice_manager_launch(sluice_manager *manager, const sluice_order *order, sluice_job_callback *callback, void *user,
                          sluice_job *job, sluice_error *error)
{
    sluice_order *copy = NULL;
    int status = sluice_order_check(order, error);
    if (status == SLUICE_OK)
        status = check_plan(manager, order, error);
    if (status == SLUICE_OK)
        status = sluice_order_copy(order, &copy, error);
    if (status != SLUICE_OK)
        return status;
    sluice_manager_job *made = calloc(1, sizeof *made);
    pthread_mutex_lock(&manager->lock);
    if (manager->closing)
        status = sluice_fail(error, SLUICE_EEND, "the manager is being freed");
    else if (made == NULL || jobs_grow(manager) != SLUICE_OK)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory for a job");
    else {
        made->callback = callback;
        made->user = user;
        job_begin(manager, made, &copy);
        if (job != NULL)
            *job = made->id;
        made = NULL;
    }
    pthread_mutex_unlock(&manager->lock);
    free(made);
    sluice_order_free(copy);
    return status;
}

/* ---- asking ---- */

size_t sluice_manager_jobs(sluice_manager *manager, sluice_job *out, size_t most)
{
    pthread_mutex_lock(&manager->lock);
    size_t count = manager->count;
    for (size_t i = 0; i < count && i < most; i++)
        out[i] = manager->jobs[i]->id;
    pthread_mutex_unlock(&manager->lock);
    return count;
}

/* As much as the caller knows of. */
static void statistics_give(const sluice_manager_job *job, sluice_job_statistics *out)
{
    sluice_job_statistics all;
    if (out == NULL)
        return;
    uint32_t size = out->size < sizeof all ? out->size : (uint32_t)sizeof all;
    sluice_machine_statistics(&job->machine, &all, sluice_clock_now());
    all.size = size;
    memcpy(out, &all, size);
}

int sluice_job_statistics_get(sluice_manager *manager, sluice_job id, sluice_job_statistics *out)
{
    pthread_mutex_lock(&manager->lock);
    const sluice_manager_job *job = find(manager, id);
    if (job != NULL)
        statistics_give(job, out);
    pthread_mutex_unlock(&manager->lock);
    return job != NULL ? SLUICE_OK : SLUICE_ENOENT;
}

int sluice_job_files(sluice_manager *manager, sluice_job id, void (*each)(void *user, const sluice_job_file *file), void *user)
{
    pthread_mutex_lock(&manager->lock);
    const sluice_manager_job *job = find(manager, id);
    for (const sluice_files_entry *at = job != NULL ? job->machine.ledger.files.first : NULL; at != NULL; at = at->after) {
        sluice_job_file file = at->file;
        if (file.message == NULL)
            file.message = "";
        each(user, &file);
    }
    pthread_mutex_unlock(&manager->lock);
    return job != NULL ? SLUICE_OK : SLUICE_ENOENT;
}

static bool has_session(const sluice_manager_job *job)
{
    return job->machine.session_seen || sluice_manager_job_over(job);
}

/* False: the time is over. */
static bool wait_once(sluice_manager *manager, sluice_time until)
{
    if (until == SLUICE_NEVER)
        return pthread_cond_wait(&manager->changed, &manager->lock) == 0;
    struct timespec when = {.tv_sec = (time_t)(until / SLUICE_SECOND), .tv_nsec = (long)(until % SLUICE_SECOND)};
    return pthread_cond_timedwait(&manager->changed, &manager->lock, &when) != ETIMEDOUT;
}

static int wait_for(sluice_manager *manager, sluice_job id, sluice_duration timeout, sluice_job_statistics *out,
                    bool (*holds)(const sluice_manager_job *job))
{
    sluice_time now = sluice_clock_now();
    sluice_time until = timeout >= (SLUICE_NEVER >> 2) ? SLUICE_NEVER : now + timeout; /* centuries are for ever */
    int status = SLUICE_OK;
    pthread_mutex_lock(&manager->lock);
    const sluice_manager_job *job = find(manager, id);
    if (pthread_equal(pthread_self(), manager->telling) && job != NULL && !holds(job))
        status = SLUICE_EBUSY; /* it would wait for itself */
    bool more = true;
    while (status == SLUICE_OK && job != NULL && !holds(job)) {
        if (!more)
            status = SLUICE_ETIMEOUT;
        else
            more = wait_once(manager, until);
        job = find(manager, id);
    }
    if (job != NULL)
        statistics_give(job, out);
    pthread_mutex_unlock(&manager->lock);
    return job != NULL ? status : SLUICE_ENOENT;
}

int sluice_job_wait(sluice_manager *manager, sluice_job job, sluice_duration timeout, sluice_job_statistics *out)
{
    return wait_for(manager, job, timeout, out, sluice_manager_job_over);
}

int sluice_job_wait_session(sluice_manager *manager, sluice_job job, sluice_duration timeout, sluice_job_statistics *out)
{
    return wait_for(manager, job, timeout, out, has_session);
}

int sluice_job_forget(sluice_manager *manager, sluice_job id)
{
    int status = SLUICE_OK;
    pthread_mutex_lock(&manager->lock);
    size_t at = place_of(manager, id);
    sluice_manager_job *job = find(manager, id);
    if (job == NULL)
        status = SLUICE_ENOENT;
    else if (!sluice_machine_over(&job->machine))
        status = SLUICE_EBUSY;
    else {
        memmove(&manager->jobs[at], &manager->jobs[at + 1], (manager->count - at - 1) * sizeof *manager->jobs);
        manager->count--;
        job->forgotten = true;
        sluice_manager_release(job);
        pthread_cond_broadcast(&manager->changed);
    }
    pthread_mutex_unlock(&manager->lock);
    return status;
}

/* ---- controlling ---- */

static sluice_manager_job *control_begin(sluice_manager *manager, sluice_job id)
{
    pthread_mutex_lock(&manager->lock);
    return find(manager, id);
}

static int control_end(sluice_manager *manager, sluice_manager_job *job, int status)
{
    if (job != NULL)
        sluice_manager_touch(job);
    pthread_mutex_unlock(&manager->lock);
    return job != NULL ? status : SLUICE_ENOENT;
}

int sluice_job_pause(sluice_manager *manager, sluice_job id)
{
    sluice_manager_job *job = control_begin(manager, id);
    return control_end(manager, job, job != NULL ? sluice_machine_pause(&job->machine, true, sluice_clock_now()) : 0);
}

int sluice_job_resume(sluice_manager *manager, sluice_job id)
{
    sluice_manager_job *job = control_begin(manager, id);
    return control_end(manager, job, job != NULL ? sluice_machine_pause(&job->machine, false, sluice_clock_now()) : 0);
}

int sluice_job_cancel(sluice_manager *manager, sluice_job id)
{
    sluice_manager_job *job = control_begin(manager, id);
    return control_end(manager, job, job != NULL ? sluice_machine_cancel(&job->machine, sluice_clock_now()) : 0);
}

int sluice_job_rate(sluice_manager *manager, sluice_job id, sluice_rate target_bps)
{
    sluice_manager_job *job = control_begin(manager, id);
    return control_end(manager, job, job != NULL ? sluice_machine_rate(&job->machine, target_bps, sluice_clock_now()) : 0);
}

int sluice_job_minimum_rate(sluice_manager *manager, sluice_job id, sluice_rate minimum_bps)
{
    sluice_manager_job *job = control_begin(manager, id);
    return control_end(manager, job, job != NULL ? sluice_machine_minimum(&job->machine, minimum_bps, sluice_clock_now()) : 0);
}

int sluice_job_policy(sluice_manager *manager, sluice_job id, const char *policy)
{
    sluice_manager_job *job = control_begin(manager, id);
    return control_end(manager, job, job != NULL ? sluice_machine_policy(&job->machine, policy, sluice_clock_now()) : 0);
}

int sluice_job_add(sluice_manager *manager, sluice_job id, const char *path, const char *as, uint64_t from, uint64_t to)
{
    sluice_manager_job *job = control_begin(manager, id);
    return control_end(manager, job, job != NULL ? sluice_machine_add(&job->machine, path, as, from, to, sluice_clock_now()) : 0);
}

int sluice_job_drop(sluice_manager *manager, sluice_job id, const char *path)
{
    sluice_manager_job *job = control_begin(manager, id);
    return control_end(manager, job, job != NULL ? sluice_machine_drop(&job->machine, path, sluice_clock_now()) : 0);
}

int sluice_job_no_more(sluice_manager *manager, sluice_job id)
{
    sluice_manager_job *job = control_begin(manager, id);
    return control_end(manager, job, job != NULL ? sluice_machine_no_more(&job->machine, sluice_clock_now()) : 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/manager_state.h"

#include "base/clock.h"
#include "manager/default.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORKERS_MOST 128
#define FILES_MOST 1000
#define BIN_PROGRAM SLUICE_BIN_DIR "/sluice"

static void posted(sluice_post *post)
{
    sluice_manager *manager = (sluice_manager *)((char *)post - offsetof(sluice_manager, post));
    pthread_mutex_lock(&manager->lock);
    manager->posted = false;
    sluice_manager_settle(manager);
    pthread_mutex_unlock(&manager->lock);
}

/* ---- making ---- */

static int keep(char **field, const char *given, const char *variable, const char *otherwise)
{
    const char *text = given;
    if (text == NULL)
        text = secure_getenv(variable);
    if (text == NULL || text[0] == '\0')
        text = otherwise;
    *field = text != NULL ? strdup(text) : NULL;
    return *field != NULL || text == NULL ? SLUICE_OK : SLUICE_ENOMEM;
}

static int setup_take(sluice_manager *manager, const sluice_manager_setup *given)
{
    sluice_manager_setup setup = {.size = sizeof setup};
    if (given != NULL)
        memcpy(&setup, given, given->size < sizeof setup ? given->size : sizeof setup);
    manager->workers_most = setup.workers_most > 0 ? setup.workers_most : WORKERS_MOST;
    manager->files_most = setup.files_most > 0 ? setup.files_most : FILES_MOST;
    int status = keep(&manager->program, setup.program, "SLUICE_PROGRAM", BIN_PROGRAM);
    return status == SLUICE_OK ? keep(&manager->plugin_path, setup.plugin_path, "SLUICE_PLUGIN_PATH", NULL) : status;
}

static void conditions_init(sluice_manager *manager)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&manager->lock, NULL);
    pthread_cond_init(&manager->changed, &monotonic);
    pthread_cond_init(&manager->noted, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* Its threads do not run (any more). */
static void destroy(sluice_manager *manager)
{
    sluice_listener_free(manager->listener);
    if (manager->loop != NULL)
        sluice_loop_free(manager->loop); /* which settles what is left, so that jobs that are forgotten go */
    for (size_t i = 0; i < manager->count; i++)
        sluice_manager_job_free(manager->jobs[i]);
    pthread_cond_destroy(&manager->changed);
    pthread_cond_destroy(&manager->noted);
    pthread_mutex_destroy(&manager->lock);
    free(manager->jobs);
    free(manager->watchers);
    free(manager->program);
    free(manager->plugin_path);
    free(manager);
}

static int threads_begin(sluice_manager *manager, sluice_error *error)
{
    int status = sluice_thread_new(&manager->teller, "sluice-teller", sluice_manager_tell, manager, error);
    return status == SLUICE_OK ? sluice_loop_thread(&manager->handler, manager->loop, "sluice-manager", error) : status;
}

static void threads_end(sluice_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    manager->quitting = true;
    pthread_cond_broadcast(&manager->noted);
    pthread_mutex_unlock(&manager->lock);
    sluice_thread_free(manager->teller);
    if (manager->handler != NULL) {
        sluice_loop_stop(manager->loop);
        sluice_thread_free(manager->handler);
    }
}

int sluice_manager_new(const sluice_manager_setup *setup, sluice_manager **out, sluice_error *error)
{
    sluice_error why = {0};
    sluice_manager *manager = calloc(1, sizeof *manager);
    if (manager == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a manager");
    conditions_init(manager);
    manager->post.run = posted;
    int status = setup_take(manager, setup);
    if (status != SLUICE_OK)
        (void)sluice_fail(&why, status, "out of memory for a manager");
    if (status == SLUICE_OK)
        status = sluice_loop_new(&manager->loop, &why);
    if (status == SLUICE_OK)
        status = sluice_listener_new(&manager->listener, manager->loop, &sluice_manager_listener_ports, manager, &why);
    if (status == SLUICE_OK) {
        status = threads_begin(manager, &why);
        if (status != SLUICE_OK)
            threads_end(manager);
    }
    if (status != SLUICE_OK) {
        destroy(manager);
        return sluice_fail(error, status, "%s", why.text);
    }
    *out = manager;
    return SLUICE_OK;
}

/* ---- the end ---- */

static void cancel_all(sluice_manager *manager)
{
    for (size_t i = 0; i < manager->count; i++) {
        (void)sluice_machine_cancel(&manager->jobs[i]->machine, sluice_clock_now());
        sluice_manager_touch(manager->jobs[i]);
    }
}

void sluice_manager_free(sluice_manager *manager)
{
    if (manager == NULL || !sluice_default_release(manager))
        return;
    pthread_mutex_lock(&manager->lock);
    manager->closing = true;
    cancel_all(manager);
    while (manager->unsettled > 0)
        pthread_cond_wait(&manager->changed, &manager->lock);
    pthread_mutex_unlock(&manager->lock);
    threads_end(manager);
    destroy(manager);
}

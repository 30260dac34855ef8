/* SPDX-License-Identifier: Apache-2.0 */
/* The teller: calls callbacks, one after the other. */
#include "manager/manager_state.h"

#include <stdlib.h>

/* The first one behind that number: others may come and go while one runs. */
static bool watcher_after(const sluice_manager *manager, uint64_t number, sluice_manager_watcher *out)
{
    for (size_t i = 0; i < manager->watcher_count; i++)
        if (manager->watchers[i].number > number) {
            *out = manager->watchers[i];
            return true;
        }
    return false;
}

static void tell_watchers(sluice_manager *manager, const sluice_job_event *event)
{
    sluice_manager_watcher watcher;
    for (uint64_t number = 0; watcher_after(manager, number, &watcher); number = watcher.number) {
        manager->running = true;
        manager->now = watcher;
        pthread_mutex_unlock(&manager->lock);
        watcher.callback(watcher.user, event);
        pthread_mutex_lock(&manager->lock);
        manager->running = false;
        pthread_cond_broadcast(&manager->changed);
    }
}

static void tell(sluice_manager *manager, sluice_note *note)
{
    sluice_manager_job *job = note->owner;
    sluice_job_statistics statistics;
    sluice_note_open(note, &statistics);
    tell_watchers(manager, &note->event);
    if (job->callback != NULL) {
        pthread_mutex_unlock(&manager->lock);
        job->callback(job->user, &note->event);
        pthread_mutex_lock(&manager->lock);
    }
    sluice_note_free(note);
    job->notes--;
    pthread_cond_broadcast(&manager->changed);
    sluice_manager_release(job);
}

void sluice_manager_tell(void *user)
{
    sluice_manager *manager = user;
    pthread_mutex_lock(&manager->lock);
    manager->telling = pthread_self();
    for (;;) {
        sluice_note *note = sluice_notes_take(&manager->notes);
        if (note != NULL)
            tell(manager, note);
        else if (manager->quitting)
            break;
        else
            pthread_cond_wait(&manager->noted, &manager->lock);
    }
    pthread_mutex_unlock(&manager->lock);
}

/* ---- watchers ---- */

static size_t watcher_find(const sluice_manager *manager, sluice_job_callback *callback, const void *user)
{
    size_t at = 0;
    while (at < manager->watcher_count &&
           !(manager->watchers[at].callback == callback && manager->watchers[at].user == user))
        at++;
    return at;
}

static int watcher_add(sluice_manager *manager, sluice_job_callback *callback, void *user)
{
    if (manager->watcher_count == manager->watcher_capacity) {
        size_t capacity = manager->watcher_capacity > 0 ? manager->watcher_capacity * 2 : 4;
        sluice_manager_watcher *grown = realloc(manager->watchers, capacity * sizeof *grown);
        if (grown == NULL)
            return SLUICE_ENOMEM;
        manager->watchers = grown;
        manager->watcher_capacity = capacity;
    }
    manager->watchers[manager->watcher_count++] =
        (sluice_manager_watcher){.number = ++manager->last_watcher, .callback = callback, .user = user};
    return SLUICE_OK;
}

int sluice_manager_watch(sluice_manager *manager, sluice_job_callback *callback, void *user, sluice_error *error)
{
    int status = SLUICE_OK;
    if (callback == NULL)
        return sluice_fail(error, SLUICE_EINVAL, "no callback");
    pthread_mutex_lock(&manager->lock);
    if (watcher_find(manager, callback, user) == manager->watcher_count)
        status = watcher_add(manager, callback, user);
    pthread_mutex_unlock(&manager->lock);
    return status == SLUICE_OK ? status : sluice_fail(error, status, "out of memory for a callback");
}

void sluice_manager_unwatch(sluice_manager *manager, sluice_job_callback *callback, void *user)
{
    pthread_mutex_lock(&manager->lock);
    size_t at = watcher_find(manager, callback, user);
    if (at < manager->watcher_count) {
        for (size_t i = at + 1; i < manager->watcher_count; i++)
            manager->watchers[i - 1] = manager->watchers[i];
        manager->watcher_count--;
    }
    while (manager->running && manager->now.callback == callback && manager->now.user == user &&
           !pthread_equal(pthread_self(), manager->telling))
        pthread_cond_wait(&manager->changed, &manager->lock);
    pthread_mutex_unlock(&manager->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/default.h"

#include <pthread.h>

/* Parts of one program that know nothing of each other share a manager by this, so it has to be of the process. */
static struct {
    pthread_mutex_t lock;
    sluice_manager *manager;
    unsigned users;
} shared_manager = {.lock = PTHREAD_MUTEX_INITIALIZER};

int sluice_manager_default(sluice_manager **out, sluice_error *error)
{
    int status = SLUICE_OK;
    pthread_mutex_lock(&shared_manager.lock);
    if (shared_manager.users == 0)
        status = sluice_manager_new(NULL, &shared_manager.manager, error);
    if (status == SLUICE_OK) {
        shared_manager.users++;
        *out = shared_manager.manager;
    }
    pthread_mutex_unlock(&shared_manager.lock);
    return status;
}

bool sluice_default_release(const sluice_manager *manager)
{
    bool last = true;
    pthread_mutex_lock(&shared_manager.lock);
    if (shared_manager.users > 0 && shared_manager.manager == manager) {
        last = --shared_manager.users == 0;
        if (last)
            shared_manager.manager = NULL;
    }
    pthread_mutex_unlock(&shared_manager.lock);
    return last;
}

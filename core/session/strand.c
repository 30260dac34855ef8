/* SPDX-License-Identifier: Apache-2.0 */
#include "session/strand.h"
#include <pthread.h>
#include <stdlib.h>

struct sluice_strand {
    sluice_loop *loop;
    sluice_datagram *datagram;
    sluice_thread *thread;
};

int sluice_strand_new(sluice_strand **out, const sluice_datagram_setup *setup, const char *name, sluice_error *error)
{
    sluice_strand *strand = calloc(1, sizeof *strand);
    if (!strand)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a lane");
    int status = sluice_loop_new(&strand->loop, error);
    if (status == SLUICE_OK)
        status = sluice_datagram_new(&strand->datagram, strand->loop, setup, error);
    if (status == SLUICE_OK)
        status = sluice_loop_thread(&strand->thread, strand->loop, name, error);
    if (status != SLUICE_OK) {
        sluice_strand_free(strand);
        return status;
    }
    *out = strand;
    return SLUICE_OK;
}

void sluice_strand_free(sluice_strand *strand)
{
    if (!strand)
        return;
    if (strand->thread) {
        sluice_loop_stop(strand->loop);
        sluice_thread_free(strand->thread);
    }
    sluice_datagram_free(strand->datagram);
    if (strand->loop)
        sluice_loop_free(strand->loop);
    free(strand);
}

sluice_loop *sluice_strand_loop(const sluice_strand *strand)
{
    return strand->loop;
}

sluice_datagram *sluice_strand_datagram(const sluice_strand *strand)
{
    return strand->datagram;
}

/* ---- calls ---- */

typedef struct call {
    sluice_post post;
    void (*body)(void *user);
    void *user;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool done;
} call;

static void run(sluice_post *post)
{
    call *at = (call *)(void *)((char *)post - offsetof(call, post));
    at->body(at->user);
    pthread_mutex_lock(&at->lock);
    at->done = true;
    pthread_cond_signal(&at->over);
    pthread_mutex_unlock(&at->lock);
}

void sluice_strand_call(sluice_strand *strand, void (*body)(void *user), void *user)
{
    call at = {.post = {.run = run}, .body = body, .user = user};
    pthread_mutex_init(&at.lock, NULL);
    pthread_cond_init(&at.over, NULL);
    sluice_loop_post(strand->loop, &at.post);
    pthread_mutex_lock(&at.lock);
    while (!at.done)
        pthread_cond_wait(&at.over, &at.lock);
    pthread_mutex_unlock(&at.lock);
    pthread_cond_destroy(&at.over);
    pthread_mutex_destroy(&at.lock);
}

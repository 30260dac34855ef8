/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/moorage.h"

#include "net/loop.h"
#include "session/session.h"
#include <stddef.h>
#include <stdlib.h>

typedef struct moorage {
    sluice_moorage_setup setup;
    sluice_stream_session *stream_session;
    struct sluice_session *session; /* NULL: not yet, or not any more */
    sluice_loop *loop;
    sluice_post post;
    atomic_bool posted; /* and has not run: the mux may have been pumped by a timer meanwhile */
    sluice_mux *mux;
    bool ended;
} moorage;

static void let_go(moorage *self)
{
    sluice_stream_session_leave(self->stream_session);
    free(self);
}

/* ---- the loop's side ---- */

static void on_post(sluice_post *post)
{
    moorage *self = (moorage *)(void *)((char *)post - offsetof(moorage, post));
    atomic_store(&self->posted, false);
    if (self->mux)
        sluice_mux_pump(self->mux);
}

static sluice_time loop_now(void *user)
{
    return sluice_loop_now(((moorage *)user)->loop);
}

static void set_rate(void *user, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy)
{
    moorage *self = user;
    sluice_error error = {0};
    if (sluice_session_rate(self->session, target_bps, minimum_bps, policy, &error) != SLUICE_OK)
        sluice_session_tell_warning(self->session, error.text);
}

static void figures(void *user, sluice_statistics *out)
{
    sluice_session_statistics(((moorage *)user)->session, out);
}

/* From here on the program's threads ask nobody. */
static void stop_asking(moorage *self)
{
    pthread_mutex_lock(&self->stream_session->lock);
    self->stream_session->wake = NULL;
    pthread_mutex_unlock(&self->stream_session->lock);
}

static void freed(void *user)
{
    moorage *self = user;
    sluice_statistics last;
    sluice_session_statistics(self->session, &last);
    sluice_stream_session_figures(self->stream_session, &last);
    stop_asking(self);
    sluice_loop_unpost(self->loop, &self->post);
    self->mux = NULL;
    self->session = NULL;
    if (self->ended)
        let_go(self);
}

static int make(void *user, struct sluice_session *session, const sluice_carrier *carrier,
                const sluice_cargo_calls *calls, void *calls_user, sluice_cargo *out, sluice_error *error)
{
    moorage *self = user;
    sluice_mux_setup setup = {
        .session = self->stream_session,
        .carrier = *carrier,
        .calls = calls,
        .user = calls_user,
        .now = loop_now,
        .now_user = self,
        .requested = self->setup.requested,
        .accepted = self->setup.accepted,
        .requested_user = self->setup.user,
        .set_rate = set_rate,
        .figures = figures,
        .freed = freed,
        .session_user = self,
    };
    self->session = session;
    self->loop = sluice_session_loop(session);
    int status = sluice_mux_new(&setup, &self->mux);
    if (status != SLUICE_OK) {
        self->session = NULL;
        return sluice_fail(error, status, "out of memory for a session of streams");
    }
    *out = sluice_mux_cargo(self->mux);
    return SLUICE_OK;
}

/* ---- the program's side ---- */

static void wake(void *user)
{
    moorage *self = user;
    if (!atomic_exchange(&self->posted, true))
        sluice_loop_post(self->loop, &self->post);
}

static void began(void *user)
{
    moorage *self = user;
    pthread_mutex_lock(&self->stream_session->lock);
    self->stream_session->wake = wake;
    self->stream_session->wake_user = self;
    pthread_mutex_unlock(&self->stream_session->lock);
    sluice_stream_session_stage(self->stream_session, SLUICE_STREAM_STANDS, NULL);
}

static void ended(void *user, const sluice_error *why)
{
    moorage *self = user;
    self->ended = true;
    sluice_stream_session_stage(self->stream_session, SLUICE_STREAM_OVER, why);
    stop_asking(self);
    if (self->mux) /* streams that were opened just now learn of it */
        sluice_mux_pump(self->mux);
    if (self->setup.ended)
        self->setup.ended(self->setup.user, self->stream_session);
    if (!self->mux)
        let_go(self);
}

int sluice_moorage_new(const sluice_moorage_setup *setup, sluice_cargo_maker *maker, sluice_error *error)
{
    moorage *self = calloc(1, sizeof *self);
    if (!self)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a session of streams");
    self->setup = *setup;
    self->stream_session = setup->session;
    sluice_stream_session_use(setup->session);
    self->post.run = on_post;
    *maker = (sluice_cargo_maker){
        .make = make,
        .began = began,
        .ended = ended,
        .user = self,
        .ordered_bytes = SLUICE_STREAM_FIRST_BYTES,
        .both_ways = true,
    };
    return SLUICE_OK;
}

void sluice_moorage_free(const sluice_cargo_maker *maker)
{
    let_go(maker->user);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * management - report plugin: tells managers of a transfer by FASPMGR 2 messages, and does what they ask
 * (doc/management-protocol.md).
 *
 * Connections are made in init, so before anything else of the transfer, and one that cannot be made is the transfer's end.
 * Events are told on the report thread.  What managers ask is done on a thread that reads, by the control calls of report.h.
 */
#include "links.h"
#include "story.h"

#include <sluice/report.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_NS (300 * SLUICE_MS) /* a change is told as such within this time, or there was none */

typedef struct management_state {
    const sluice_host *host;
    const sluice_report_control *control;
    void *control_user;
    management_links links;
    management_story story;   /* the report thread's */
    faspmgr_writer writer; /* the same */
    faspmgr_writer refusal; /* the reading thread's */
    pthread_mutex_t lock;  /* who says something to managers */
    bool ended;            /* under the lock: the last word is being said */
    bool required;
    atomic_uint_fast64_t asked_at; /* when a change was asked for that was not answered yet; 0: none was */
    atomic_int policy;        /* management_policy, as managers were told it */
    atomic_bool high;         /* with priority 1 */
} management_state;

static uint64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SLUICE_SECOND + (uint64_t)now.tv_nsec;
}

/* ---- what managers ask; on the reading thread ---- */

static void change(management_state *state, const char *key, const char *value, const char *manager)
{
    sluice_error error = {0};
    int status = state->control->set(state->control_user, key, value, &error);
    if (status != SLUICE_OK)
        state->host->log(state->host, SLUICE_LOG_WARNING, "manager %s asks for %s %s: %s", manager, key, value, error.text);
}

/* From so much on it means that there is no limit: it is how "none" is told. */
static void change_rate(management_state *state, const char *key, uint64_t kbps, const char *manager)
{
    char value[32];
    bool none = kbps >= FASPMGR_RATE_NONE_KBPS;
    snprintf(value, sizeof value, "%llu", none ? 0ULL : (unsigned long long)kbps * 1000);
    change(state, key, value, manager);
}

/* A control of the user's own that shares the path stays when "Adaptive" is asked for, since that is what it is told as. */
static void change_policy(management_state *state, const management_ask *ask, const char *manager)
{
    bool high = ask->policy == MANAGEMENT_POLICY_ADAPTIVE && ask->priority == 1;
    if (ask->policy == MANAGEMENT_POLICY_NONE ||
        ((int)ask->policy == atomic_load(&state->policy) && high == atomic_load(&state->high)))
        return;
    if (ask->policy == MANAGEMENT_POLICY_FIXED)
        change(state, "policy", "fixed", manager);
    else if (ask->policy == MANAGEMENT_POLICY_TRICKLE)
        change(state, "policy", "low", manager);
    else
        change(state, "policy", high ? "high" : "fair", manager);
}

/* A target of nothing is a pause; any other ends it. */
static void on_rate(management_state *state, const management_ask *ask, const char *manager)
{
    bool pause = ask->rate_kbps == 0;
    if (ask->rate_kbps != SLUICE_UNKNOWN && !pause)
        change_rate(state, "rate", ask->rate_kbps, manager);
    if (ask->minimum_kbps != SLUICE_UNKNOWN && !pause)
        change_rate(state, "min-rate", ask->minimum_kbps, manager);
    if (!pause)
        change_policy(state, ask, manager);
    if (ask->rate_kbps != SLUICE_UNKNOWN)
        state->control->pause(state->control_user, pause);
    atomic_store(&state->asked_at, clock_now());
}

/* ---- sources ---- */

/* Of one session the sources are known to all its managers: whoever asks for what cannot be is told in the log, and by a
 * FILEERROR, since FASPMGR has no other word for it. */
static void refuse(management_state *state, const char *path, int status, const char *why, const char *manager)
{
    state->host->log(state->host, SLUICE_LOG_WARNING, "manager %s: source %s: %s", manager, path, why);
    pthread_mutex_lock(&state->lock);
    management_tell_refused(&state->story, path, status, why, &state->refusal);
    if (!state->ended) /* nothing comes after the last word */
        management_links_say(&state->links, &state->refusal);
    pthread_mutex_unlock(&state->lock);
}

static void on_start(management_state *state, const management_ask *ask, const char *manager)
{
    sluice_error error = {.text = "has no name, or one that is too long"};
    int status = SLUICE_EINVAL;
    const char *as = ask->destination + strspn(ask->destination, "/"); /* below the session's destination in any case */
    if (ask->named && !ask->ranged)
        snprintf(error.text, sizeof error.text, "its FileBytes are no range");
    else if (ask->named)
        status = state->control->add(state->control_user, ask->source, as[0] != '\0' ? as : NULL,
                                     ask->from, ask->to, &error);
    if (status != SLUICE_OK)
        refuse(state, ask->source, status, error.text, manager);
}

static void on_stop(management_state *state, const management_ask *ask, const char *manager)
{
    sluice_error error = {.text = "has no name, or one that is too long"};
    int status = ask->named ? state->control->drop(state->control_user, ask->source, &error) : SLUICE_EINVAL;
    if (status != SLUICE_OK)
        state->host->log(state->host, SLUICE_LOG_WARNING, "manager %s: source %s: %s", manager, ask->source, error.text);
}

/* Without a word about how, it ends at once. */
static void on_done(management_state *state, const management_ask *ask, const char *manager)
{
    sluice_error error = {0};
    int status = state->control->no_more(state->control_user, &error);
    if (status != SLUICE_OK)
        state->host->log(state->host, SLUICE_LOG_WARNING, "manager %s has no more sources: %s", manager, error.text);
    else if (!ask->linger)
        state->control->cancel(state->control_user);
}

static void on_gone(void *user, const char *manager)
{
    management_state *state = user;
    if (!state->required)
        return;
    state->host->log(state->host, SLUICE_LOG_WARNING, "manager %s has gone, without which nothing is to go on", manager);
    state->control->cancel(state->control_user);
}

static void on_asked(void *user, const management_ask *ask, const char *manager)
{
    management_state *state = user;
    switch (ask->type) {
    case MANAGEMENT_RATE:
        on_rate(state, ask, manager);
        break;
    case MANAGEMENT_CANCEL:
        state->host->log(state->host, SLUICE_LOG_INFO, "manager %s cancels", manager);
        state->control->cancel(state->control_user);
        break;
    case MANAGEMENT_START:
        on_start(state, ask, manager);
        break;
    case MANAGEMENT_STOP:
        on_stop(state, ask, manager);
        break;
    case MANAGEMENT_DONE:
        on_done(state, ask, manager);
        break;
    case MANAGEMENT_NOP:
    case MANAGEMENT_OTHER:
        break;
    }
}

/* ---- what managers are told; on the report thread ---- */

static void say(void *user, const faspmgr_writer *message)
{
    management_state *state = user;
    pthread_mutex_lock(&state->lock);
    management_links_say(&state->links, message);
    pthread_mutex_unlock(&state->lock);
}

/* A manager that asked for what is in force already, or cannot be, is told what is in force. */
static void answer_if_due(management_state *state, sluice_time now)
{
    uint64_t asked_at = atomic_load(&state->asked_at);
    if (asked_at == 0 || now < asked_at + ANSWER_NS || !state->story.introduced || state->story.over)
        return;
    atomic_store(&state->asked_at, 0);
    management_tell_rates(&state->story, &state->writer);
    say(state, &state->writer);
}

static void policy_note(management_state *state)
{
    const char *congestion = state->story.congestion;
    atomic_store(&state->policy, strcmp(congestion, "fixed") == 0 ? MANAGEMENT_POLICY_FIXED
                                 : strcmp(congestion, "low") == 0 ? MANAGEMENT_POLICY_TRICKLE
                                                                  : MANAGEMENT_POLICY_ADAPTIVE);
    atomic_store(&state->high, strcmp(congestion, "high") == 0);
}

static void management_event(void *user, const sluice_event *event)
{
    management_state *state = user;
    if (event->type == SLUICE_EVENT_DONE) {
        pthread_mutex_lock(&state->lock);
        state->ended = true;
        pthread_mutex_unlock(&state->lock);
    }
    if (event->type == SLUICE_EVENT_RATE && !(event->paused && state->story.paused))
        atomic_store(&state->asked_at, 0);
    management_tell_event(&state->story, event, &state->writer, say, state);
    if (event->statistics != NULL)
        policy_note(state);
    answer_if_due(state, clock_now());
}

static void management_tick(void *user, sluice_time now)
{
    answer_if_due(user, now);
}

static unsigned management_wants(void *user)
{
    (void)user;
    return SLUICE_REPORT_FILE_PROGRESS | SLUICE_REPORT_EVERY_FILE;
}

/* ---- life ---- */

/* NULL stays NULL. */
static int keep(const sluice_host *host, const char *text, char **out)
{
    if (text == NULL)
        return SLUICE_OK;
    size_t bytes = strlen(text) + 1;
    *out = host->resize(host, NULL, bytes);
    if (*out == NULL)
        return host->fail(host, SLUICE_ENOMEM, "out of memory for managers");
    memcpy(*out, text, bytes);
    return SLUICE_OK;
}

static void management_fini(void *user)
{
    management_state *state = user;
    management_links_close(&state->links);
    state->host->resize(state->host, state->story.source, 0);
    state->host->resize(state->host, state->story.destination, 0);
    state->host->resize(state->host, state->story.user, 0);
    state->host->resize(state->host, state->story.cookie, 0);
    state->host->resize(state->host, state->story.tags, 0);
    pthread_mutex_destroy(&state->lock);
}

static int open_all(management_state *state, const sluice_report_spec *spec)
{
    const sluice_host *host = state->host;
    int status = keep(host, spec->source, &state->story.source);
    if (status == SLUICE_OK)
        status = keep(host, spec->destination, &state->story.destination);
    if (status == SLUICE_OK)
        status = keep(host, spec->management_user, &state->story.user);
    if (status == SLUICE_OK)
        status = keep(host, spec->management_cookie, &state->story.cookie);
    if (status == SLUICE_OK)
        status = keep(host, spec->management_tags, &state->story.tags);
    if (status == SLUICE_OK)
        status = management_links_open(&state->links, host, spec->management, spec->management_insecure);
    if (status != SLUICE_OK)
        return status;
    management_tell_init(&state->story, &state->writer);
    say(state, &state->writer);
    return management_links_read(&state->links, on_asked, on_gone, state);
}

static int management_init(void *user, const void *config, const sluice_host *host, const sluice_report_spec *spec)
{
    management_state *state = user;
    uint8_t random[16];
    (void)config;
    state->host = host;
    if (spec->control == NULL || spec->management == NULL)
        return host->fail(host, SLUICE_EUSAGE, "report management goes with transfers of files that have a manager: see "
                                               "--management");
    state->control = spec->control;
    state->control_user = spec->control_user;
    host->random(host, random, sizeof random);
    management_story_init(&state->story, random, clock_now());
    pthread_mutex_init(&state->lock, NULL);
    state->required = spec->management_required;
    state->story.extended = spec->management_extended;
    state->story.sends = spec->direction != NULL && strcmp(spec->direction, "push") == 0;
    int status = open_all(state, spec);
    if (status != SLUICE_OK)
        management_fini(state); /* what failed is not ended by anybody else */
    return status;
}

static const sluice_report_ops operations = {.init = management_init,
                                             .fini = management_fini,
                                             .event = management_event,
                                             .tick = management_tick,
                                             .wants = management_wants};

SLUICE_PLUGIN_DEFINE(report, management, SLUICE_REPORT, SLUICE_REPORT_ABI, .name = "management", .version = "1.0",
                     .summary = "FASPMGR 2 messages to managers, which may control the transfer",
                     .state_size = sizeof(management_state), .ops = &operations, .ops_size = sizeof operations);

/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/stage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what it asks for ---- */

static void start(void *user)
{
    stage *self = user;
    self->starts++;
    self->all_starts++;
}

static void unstart(void *user)
{
    stage *self = user;
    self->starts--;
}

static bool room(void *user)
{
    const stage *self = user;
    return !self->full;
}

static void say(void *user, const faspmgr_writer *message)
{
    stage *self = user;
    const char *at = message->text, *end = message->text + message->bytes;
    self->says++;
    for (unsigned line = 0; at < end; line++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        int bytes = (int)(next - at);
        size_t left = sizeof self->said - self->said_bytes;
        if (line > 0 && bytes > 0) {
            const char *colon = memchr(at, ':', (size_t)bytes);
            if (line == 1)
                self->said_bytes += (size_t)snprintf(self->said + self->said_bytes, left, "%.*s", bytes - 6, at + 6);
            else
                self->said_bytes += (size_t)snprintf(self->said + self->said_bytes, left, " %.*s=%.*s", (int)(colon - at), at,
                                                     (int)(at + bytes - colon) - 2, colon + 2);
        }
        at = next + 1;
    }
    self->said_bytes += (size_t)snprintf(self->said + self->said_bytes, sizeof self->said - self->said_bytes, ";");
    if (self->said_bytes > sizeof self->said / 2)
        self->said_bytes = 0; /* nobody looks at so much */
}

static void send_signal(void *user, int number)
{
    stage *self = user;
    self->signals++;
    self->last_signal = number;
}

static void event(void *user, sluice_job_event_type type, const sluice_job_file *file, sluice_files_entry *entry,
                  const char *message, sluice_duration retry_ns)
{
    stage *self = user;
    (void)file;
    (void)entry;
    if (self->event_count < STAGE_EVENTS)
        self->events[self->event_count] = type;
    self->event_count++;
    self->counts[type]++;
    self->ends += type == SLUICE_JOB_EVENT_SESSION_STOP || type == SLUICE_JOB_EVENT_SESSION_ERROR;
    if (type == SLUICE_JOB_EVENT_RETRY)
        self->retry_ns = retry_ns;
    snprintf(self->text, sizeof self->text, "%s", message);
    sluice_machine_statistics(&self->machine, &self->figures, self->now);
}

static const sluice_machine_ports ports = {
    .start = start, .unstart = unstart, .room = room, .say = say, .signal = send_signal, .event = event,
};

/* ---- making ---- */

stage *stage_new(bool persistent, bool ascp, unsigned files_most)
{
    const sluice_remote remote = {.size = sizeof remote, .host = "h"};
    sluice_order *order;
    stage *self = calloc(1, sizeof *self);
    if (self == NULL || sluice_order_new(SLUICE_PUSH, &order, NULL) != SLUICE_OK)
        abort();
    if (sluice_order_remote(order, &remote, NULL) != SLUICE_OK || sluice_order_destination(order, "d", NULL) != SLUICE_OK ||
        sluice_order_source(order, "a", NULL, NULL) != SLUICE_OK ||
        (ascp && sluice_order_ascp(order, "ascp", NULL) != SLUICE_OK))
        abort();
    sluice_order_persistent(order, persistent);
    self->now = 1000 * SLUICE_SECOND;
    sluice_machine_init(&self->machine, &ports, self, &self->writer, &order, files_most, self->now);
    ports.start(self);
    return self;
}

void stage_free(stage *self)
{
    sluice_machine_fini(&self->machine);
    free(self);
}

/* ---- what happens ---- */

void stage_hear(stage *self, const char *type, ...)
{
    static faspmgr_writer writer;
    va_list pairs;
    size_t taken;
    faspmgr_begin(&writer, type);
    va_start(pairs, type);
    for (const char *key; (key = va_arg(pairs, const char *)) != NULL;)
        faspmgr_text(&writer, key, va_arg(pairs, const char *));
    va_end(pairs);
    faspmgr_end(&writer);
    if (faspmgr_read(&self->reader, writer.text, writer.bytes, &taken, &self->message) != FASPMGR_WHOLE)
        abort();
    sluice_machine_hear(&self->machine, &self->message, self->now);
}

void stage_start(stage *self)
{
    self->starts--;
    sluice_machine_started(&self->machine, 4711, self->now);
}

void stage_session(stage *self)
{
    stage_start(self);
    stage_hear(self, "INIT", "SessionId", "s", NULL);
    stage_hear(self, "SESSION", "Host", "h", NULL);
}

void stage_exit(stage *self, int result, const char *line)
{
    sluice_machine_exited(&self->machine, result, line, self->now);
}

void stage_pass(stage *self, sluice_duration duration)
{
    sluice_time until = self->now + duration;
    while (sluice_machine_wake(&self->machine) <= until) {
        if (sluice_machine_wake(&self->machine) > self->now)
            self->now = sluice_machine_wake(&self->machine);
        sluice_machine_tick(&self->machine, self->now);
    }
    self->now = until;
}

const char *stage_said(stage *self)
{
    self->said[self->said_bytes] = '\0';
    self->said_bytes = 0;
    return self->said;
}

sluice_job_statistics stage_figures(const stage *self)
{
    sluice_job_statistics figures;
    sluice_machine_statistics(&self->machine, &figures, self->now);
    return figures;
}

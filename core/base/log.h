/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - log lines of one instance: a level and a sink.
 *
 * The library itself writes nowhere; the application gives a sink.  Level and sink may change at any time, from any
 * thread; the sink is called on the thread that logs, several at once.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

#include <pthread.h>
#include <sluice/host.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

/* line: no newline, no control characters; valid during the call. */
typedef void sluice_log_sink(void *user, sluice_log_level level, const char *line);

typedef struct sluice_log {
    atomic_int level; /* a sluice_log_level */
    pthread_mutex_t lock; /* keeps sink and user a pair */
    sluice_log_sink *sink;
    void *user;
} sluice_log;

/* Level info, no sink. */
void sluice_log_init(sluice_log *log);
void sluice_log_fini(sluice_log *log);

void sluice_log_to_sink(sluice_log *log, sluice_log_sink *sink, void *user);
void sluice_log_level_is(sluice_log *log, sluice_log_level level);

/* False: a line of this level would be dropped, so it need not be made.  log may be NULL: false. */
bool sluice_log_wants(const sluice_log *log, sluice_log_level level);

/* Any thread.  Lines over 2000 bytes are cut; control characters, which may come from file names and peers, become
 * '?', so that a line can neither forge another nor drive a terminal.  log may be NULL: nothing happens. */
void sluice_log_say(sluice_log *log, sluice_log_level level, const char *format, ...) SLUICE_PRINTF(3, 4);
void sluice_log_vsay(sluice_log *log, sluice_log_level level, const char *format, va_list args) SLUICE_PRINTF(3, 0);

#endif

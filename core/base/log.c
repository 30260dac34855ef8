/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdio.h>

#define LINE_BYTES 2001

void sluice_log_init(sluice_log *log)
{
    atomic_init(&log->level, SLUICE_LOG_INFO);
    pthread_mutex_init(&log->lock, NULL);
    log->sink = NULL;
    log->user = NULL;
}

void sluice_log_fini(sluice_log *log)
{
    pthread_mutex_destroy(&log->lock);
}

void sluice_log_to_sink(sluice_log *log, sluice_log_sink *sink, void *user)
{
    pthread_mutex_lock(&log->lock);
    log->sink = sink;
    log->user = user;
    pthread_mutex_unlock(&log->lock);
}

void sluice_log_level_is(sluice_log *log, sluice_log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

bool sluice_log_wants(const sluice_log *log, sluice_log_level level)
{
    return log != NULL && (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

static void replace_controls(char *line)
{
    for (; *line != '\0'; line++) {
        unsigned char byte = (unsigned char)*line;
        bool c1 = byte == 0xc2 && (unsigned char)line[1] >= 0x80 && (unsigned char)line[1] < 0xa0; /* in UTF-8 */
        if (byte < 0x20 || byte == 0x7f)
            *line = '?';
        else if (c1)
            line[0] = line[1] = '?';
    }
}

void sluice_log_vsay(sluice_log *log, sluice_log_level level, const char *format, va_list args)
{
    if (!sluice_log_wants(log, level))
        return;
    pthread_mutex_lock(&log->lock);
    sluice_log_sink *sink = log->sink;
    void *user = log->user;
    pthread_mutex_unlock(&log->lock);
    if (sink == NULL)
        return;
    char line[LINE_BYTES];
    if (vsnprintf(line, sizeof(line), format, args) < 0)
        return;
    replace_controls(line);
    sink(user, level, line);
}

void sluice_log_say(sluice_log *log, sluice_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sluice_log_vsay(log, level, format, args);
    va_end(args);
}

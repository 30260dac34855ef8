/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ascp_log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "aspera-scp-transfer.log" /* where operators of ascp look */
#define LINE_BYTES 8192

int sluice_ascp_log_open(sluice_ascp_log *log, const char *directory, sluice_error *error)
{
    char path[PATH_MAX];
    *log = (sluice_ascp_log){.file = NULL};
    if (directory == NULL)
        return SLUICE_OK;
    if (strcmp(directory, "-") == 0) {
        log->file = stderr;
        return SLUICE_OK;
    }
    if ((size_t)snprintf(path, sizeof path, "%s/" FILE_NAME, directory) >= sizeof path)
        return sluice_fail(error, SLUICE_EUSAGE, "-L %.80s...: the path is too long", directory);
    log->file = fopen(path, "ae");
    if (log->file != NULL)
        return SLUICE_OK;
    return sluice_fail(error, sluice_status_from_errno(errno), "-L %s: %s cannot be written: %s", directory, path,
                       strerror(errno));
}

void sluice_ascp_log_close(sluice_ascp_log *log)
{
    if (log->file != NULL && log->file != stderr)
        fclose(log->file);
    log->file = NULL;
}

/* Names may hold what ends a line; nobody shall be able to write lines of their own. */
static void put_escaped(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f)
            fprintf(file, "\\x%02x", c);
        else
            putc(c, file);
    }
}

static void say(sluice_ascp_log *log, const char *format, ...) SLUICE_PRINTF(2, 3);
static void say(sluice_ascp_log *log, const char *format, ...)
{
    char text[LINE_BYTES], date[32];
    struct timespec now = {0};
    struct tm local = {0};
    va_list args;
    if (log->file == NULL)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local);
    flockfile(log->file);
    fprintf(log->file, "%s [%ld] LOG ", date, (long)getpid());
    put_escaped(log->file, text);
    putc('\n', log->file);
    fflush(log->file);
    funlockfile(log->file);
}

static const char *way(const sluice_ascp_plan *plan)
{
    return plan->push ? "send" : "recv";
}

static const char *setting(const sluice_ascp_line *line, const char *key, const char *otherwise)
{
    const char *value = sluice_ascp_line_setting(line, key);
    return value != NULL ? value : otherwise;
}

void sluice_ascp_log_start(sluice_ascp_log *log, const sluice_ascp_line *line, const sluice_ascp_plan *plan)
{
    const char *source = plan->pairs.count > 0     ? plan->pairs.list[0]
                         : plan->sources.count > 0 ? plan->sources.list[0]
                                                   : "";
    say(log,
        "FASP Session Start op=%s status=started source=%s dest=%s peer=%s tcp_port=%" PRIu64 " version=%s user_str=%s",
        way(plan), source, plan->destination, plan->host, line->port, sluice_version(),
        line->user_string != NULL ? line->user_string : "");
    say(log,
        "FASP Session Params targetrate=%s minrate=%s rate_policy=%s cipher=%s resume=%s create=%s ovr=%s preserve=%s "
        "precalc=yes manifest=no cookie=%s",
        setting(line, "rate", "0"), setting(line, "min-rate", "0"), setting(line, "policy", "fair"),
        setting(line, "cipher", "auto"), setting(line, "resume", "none"), line->into ? "yes" : "no",
        setting(line, "overwrite", "different"), setting(line, "preserve", ""),
        line->cookie != NULL ? line->cookie : "");
}

/* Whole percents of a part; 0 of nothing. */
static uint64_t percent(uint64_t part, uint64_t all)
{
    return all > 0 ? part * 100 / all : 0;
}

void sluice_ascp_log_stop(sluice_ascp_log *log, const sluice_ascp_plan *plan, const sluice_statistics *statistics,
                          const char *reason)
{
    const sluice_statistics *s = statistics;
    say(log,
        "FASP Session Statistics [%s] delay=%" PRIu64 "ms rex_rate=%" PRIu64 "%% effective_rate=%" PRIu64
        "bps sent_bytes=%" PRIu64 " resent_bytes=%" PRIu64 " duplicate_bytes=%" PRIu64 " total_blocks=%" PRIu64
        " resent_blocks=%" PRIu64 " lost_blocks=%" PRIu64,
        plan->push ? "Sender" : "Receiver", s->srtt_ns / SLUICE_MS, percent(s->resent_packets, s->data_packets),
        s->goodput_bps, s->wire_bytes, s->resent_bytes, s->redundant_bytes, s->data_packets, s->resent_packets,
        s->lost_packets);
    say(log,
        "FASP Session Stop op=%s status=%s dest=%s peer=%s bytes=%" PRIu64 " files=%" PRIu64 " failed=%" PRIu64
        " skipped=%" PRIu64 " elapsed=%" PRIu64 "ms%s%s",
        way(plan), reason == NULL ? "success" : "error", plan->destination, plan->host, s->bytes, s->files, s->failed,
        s->skipped, s->duration_ns / SLUICE_MS, reason != NULL ? " error=" : "", reason != NULL ? reason : "");
}

void sluice_ascp_log_event(sluice_ascp_log *log, const sluice_event *event)
{
    const char *path = event->path != NULL ? event->path : "";
    if (event->type == SLUICE_EVENT_FILE_START)
        say(log, "FASP Transfer Start file=%s size=%" PRIu64 " start_byte=%" PRIu64, path, event->file_bytes,
            event->resumed_bytes);
    else if (event->type == SLUICE_EVENT_FILE)
        say(log, "FASP Transfer Stop file=%s size=%" PRIu64 " start_byte=%" PRIu64 " status=%s%s%s", path,
            event->file_bytes, event->resumed_bytes, event->state, event->message[0] != '\0' ? " error=" : "",
            event->message);
    else if (event->type == SLUICE_EVENT_WARNING)
        say(log, "WARN %s", event->message);
}

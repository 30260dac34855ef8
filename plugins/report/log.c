/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - report plugin for operators: one line an event, with the time in UTC (RFC 3339), made from the tables of
 * report.h.
 *
 *     2026-01-31T12:00:00.123Z info file session=5f2c... path=out/a state=done bytes=4096 code=0 message=""
 *
 * Lines to stderr that go to systemd's journal, which has a clock of its own, begin with their priority instead:
 *
 *     <6>file session=5f2c... path=out/a state=done bytes=4096 code=0 message=""
 */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <sluice/report.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 8192 /* a line is cut there: a name has at most 4095 bytes, and most need no escape */

typedef struct log_config {
    char *path;
    int level;
} log_config;

static const sluice_option options[] = {
    SLUICE_OPTION_PATH(log_config, path,
                       .help = "File that lines are appended to, made with mode 0600.  Without it they go to stderr."),
    SLUICE_OPTION_ENUM(log_config, level, .choices = "error|warning|info|debug", .def = "info",
                       .help = "What is written: debug adds progress and the start of each file."),
};

typedef struct log_state {
    const sluice_host *host;
    int output;
    bool opened;  /* output is ours */
    bool journal; /* output is systemd's journal */
    int level;
    char line[LINE_BYTES];
    size_t bytes;
} log_state;

static void add(log_state *log, const char *format, ...) SLUICE_PRINTF(2, 3);
static void add(log_state *log, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(log->line + log->bytes, sizeof log->line - log->bytes, format, args);
    va_end(args);
    size_t room = sizeof log->line - log->bytes - 2;
    if (length > 0)
        log->bytes += (size_t)length < room ? (size_t)length : room;
}

/* Values with a space, a quote or nothing in them stand in quotes; inside quotes a quote is \x22. */
static void member_text(log_state *log, const char *key, const char *value)
{
    char printable[LINE_BYTES];
    if (value == NULL)
        return;
    text_printable(printable, sizeof printable, SIZE_MAX, value);
    if (printable[0] != '\0' && strpbrk(printable, " \"=") == NULL) {
        add(log, " %s=%s", key, printable);
        return;
    }
    add(log, " %s=\"", key);
    for (char *at = printable, *quote; at != NULL; at = quote) {
        quote = strchr(at, '"');
        if (quote != NULL)
            *quote++ = '\0';
        add(log, "%s%s", at, quote != NULL ? "\\x22" : "\"");
    }
}

static void member_u(log_state *log, const char *key, uint64_t value)
{
    if (value != SLUICE_UNKNOWN)
        add(log, " %s=%" PRIu64, key, value);
}

static void member_s(log_state *log, const char *key, uint64_t ns)
{
    if (ns != SLUICE_UNKNOWN)
        add(log, " %s=%" PRIu64 ".%03" PRIu64, key, ns / SLUICE_SECOND, ns % SLUICE_SECOND / SLUICE_MS);
}

static void member_ms(log_state *log, const char *key, uint64_t ns)
{
    if (ns != SLUICE_UNKNOWN)
        add(log, " %s=%" PRIu64 ".%03" PRIu64, key, ns / SLUICE_MS, ns % SLUICE_MS / SLUICE_US);
}

static const char *event_word(sluice_event_type type)
{
    switch (type) {
#define WORD(name, word, help) \
    case SLUICE_EVENT_##name:  \
        return word;
        SLUICE_EVENT_MAP(WORD)
#undef WORD
    }
    return NULL;
}

static sluice_log_level event_level(const sluice_event *event)
{
    switch (event->type) {
    case SLUICE_EVENT_ERROR:
        return SLUICE_LOG_ERROR;
    case SLUICE_EVENT_FILE:
    case SLUICE_EVENT_DONE:
        return event->status != SLUICE_OK ? SLUICE_LOG_ERROR : SLUICE_LOG_INFO;
    case SLUICE_EVENT_WARNING:
        return SLUICE_LOG_WARNING;
    case SLUICE_EVENT_PROGRESS:
    case SLUICE_EVENT_FILE_PROGRESS:
    case SLUICE_EVENT_FILE_START:
        return SLUICE_LOG_DEBUG;
    case SLUICE_EVENT_CONNECTING:
    case SLUICE_EVENT_SESSION:
    case SLUICE_EVENT_SCAN:
    case SLUICE_EVENT_RATE:
        break;
    }
    return SLUICE_LOG_INFO;
}

static void add_head(log_state *log, sluice_log_level level, const char *word)
{
    static const char *const levels[] = {"error", "warning", "info", "debug"};
    static const int priorities[] = {3, 4, 6, 7}; /* of syslog(3) */
    struct timespec now = {0};
    struct tm utc = {0};
    char date[32];
    log->bytes = 0;
    if (log->journal) {
        add(log, "<%d>%s", priorities[level], word);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    add(log, "%s.%03ldZ %s %s", date, now.tv_nsec / 1000000, levels[level], word);
}

static void add_members(log_state *log, const sluice_event *event)
{
    member_text(log, "session", event->session);
    member_text(log, "name", event->name);
    member_text(log, "direction", event->direction);
    member_text(log, "peer", event->peer);
    member_text(log, "path", event->path);
    member_text(log, "state", event->state);
    if (event->path != NULL) {
        member_u(log, "bytes", event->file_bytes);
        if (event->resumed_bytes > 0)
            member_u(log, "resumed_bytes", event->resumed_bytes);
        member_text(log, "digest", event->digest);
    } else if (event->statistics != NULL) {
#define MEMBER(ctype, name, key, format, unit, help) member_##format(log, key, event->statistics->name);
        SLUICE_STATISTICS_MAP(MEMBER)
#undef MEMBER
    }
    if (event->status != SLUICE_OK)
        add(log, " code=%d", event->status);
    if (event->message != NULL && event->message[0] != '\0')
        member_text(log, "message", event->message);
}

static void log_event(void *state, const sluice_event *event)
{
    log_state *log = state;
    const char *word = event_word(event->type);
    sluice_log_level level = event_level(event);
    if (word == NULL || (int)level > log->level)
        return;
    add_head(log, level, word);
    add_members(log, event);
    log->line[log->bytes++] = '\n';
    /* One call, so that lines of several processes in one file stay whole. */
    while (write(log->output, log->line, log->bytes) < 0 && errno == EINTR)
        ;
}

/* As systemd.exec(5) says of JOURNAL_STREAM: device and inode of the stream. */
static bool is_journal(int output)
{
    const char *stream = secure_getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat about;
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(output, &about) == 0 &&
           about.st_dev == (dev_t)device && about.st_ino == (ino_t)inode;
}

static int log_init(void *state, const void *config, const sluice_host *host, const sluice_report_spec *spec)
{
    log_state *log = state;
    const log_config *settings = config;
    log->host = host;
    log->level = settings->level;
    log->output = spec->screen;
    log->journal = is_journal(spec->screen);
    if (settings->path == NULL || settings->path[0] == '\0')
        return SLUICE_OK;
    log->journal = false;
    log->output = open(settings->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (log->output < 0)
        return host->fail(host, SLUICE_ECONFIG, "%s: log cannot be opened: %s; see path of [report log]",
                          settings->path, strerror(errno));
    log->opened = true;
    return SLUICE_OK;
}

static void log_fini(void *state)
{
    log_state *log = state;
    if (log->opened)
        close(log->output);
}

static const sluice_report_ops operations = {.init = log_init, .fini = log_fini, .event = log_event};

SLUICE_PLUGIN_DEFINE(report, log, SLUICE_REPORT, SLUICE_REPORT_ABI, .name = "log", .version = "1.0",
                     .summary = "one line an event, with the time, to a file or stderr", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(log_config),
                     .state_size = sizeof(log_state), .ops = &operations, .ops_size = sizeof operations);

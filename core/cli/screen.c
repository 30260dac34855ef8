/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SENTENCE_BYTES 2048

/* Whether stderr goes to systemd's journal, which takes the priority of a line from its beginning and the time from its
 * own clock (systemd.exec(5), JOURNAL_STREAM). */
static bool is_journal(void)
{
    const char *stream = secure_getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat about;
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &about) == 0 &&
           about.st_dev == (dev_t)device && about.st_ino == (ino_t)inode;
}

static size_t put_priority(sluice_log_level level, char *out, size_t size)
{
    static const int priorities[] = {3, 4, 6, 7}; /* of syslog(3), in the order of sluice_log_level */
    return (size_t)snprintf(out, size, "<%d>", priorities[level]);
}

/* 2027-01-31T12:00:00.123Z info */
static size_t put_time(sluice_log_level level, char *out, size_t size)
{
    static const char *const words[] = {"error", "warning", "info", "debug"};
    struct timespec now = {0};
    struct tm utc = {0};
    char date[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    return (size_t)snprintf(out, size, "%s.%03ldZ %s ", date, now.tv_nsec / 1000000, words[level]);
}

/* What stands before the text; on a terminal also what clears the line that progress has drawn there. */
static size_t put_head(sluice_log_level level, bool note, char *out, size_t size)
{
    size_t n = 0;
    if (is_journal())
        return put_priority(level, out, size);
    if (isatty(STDERR_FILENO))
        n = (size_t)snprintf(out, size, "\r\033[K");
    if (note)
        return n + put_time(level, out + n, size - n);
    return n + (size_t)snprintf(out + n, size - n, "sluice: ");
}

/* Written in one piece, so that threads do not mix their lines. */
static void put_line(sluice_log_level level, bool note, const char *text)
{
    char line[4 * SENTENCE_BYTES + 96];
    size_t n = put_head(level, note, line, sizeof line);
    for (; *text != '\0' && n + 6 < sizeof line; text++) {
        unsigned char c = (unsigned char)*text, next = (unsigned char)text[1];
        bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0; /* a control of two bytes in UTF-8 */
        if (c1) {
            n += (size_t)snprintf(line + n, sizeof line - n, "\\x%02x", next);
            text++;
        } else if (c < 0x20 || c == 0x7f)
            n += (size_t)snprintf(line + n, sizeof line - n, "\\x%02x", c);
        else
            line[n++] = *text;
    }
    line[n++] = '\n';
    for (const char *at = line; n > 0;) {
        ssize_t put = write(STDERR_FILENO, at, n);
        if (put < 0)
            return; /* there is nowhere left to say it */
        at += put;
        n -= (size_t)put;
    }
}

void sluice_screen_say(const char *format, ...)
{
    char text[SENTENCE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_line(SLUICE_LOG_INFO, false, text);
}

void sluice_screen_note(sluice_log_level level, const char *format, ...)
{
    char text[SENTENCE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_line(level, true, text);
}

void sluice_screen_complain(const char *sentence)
{
    put_line(SLUICE_LOG_ERROR, false, sentence);
}

int sluice_screen_fail(const char *subject, int status, const sluice_error *error)
{
    char text[SENTENCE_BYTES];
    bool said = error->status != SLUICE_OK && error->text[0] == '\0';
    const char *sentence = error->text[0] != '\0' ? error->text : sluice_status_text(status);
    snprintf(text, sizeof text, "%s%s%s", subject != NULL ? subject : "", subject != NULL ? ": " : "", sentence);
    if (!said)
        sluice_screen_complain(text);
    return sluice_status_exit(status);
}

static void write_log(void *user, sluice_log_level level, const char *text)
{
    static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
    char line[SENTENCE_BYTES];
    (void)user;
    snprintf(line, sizeof line, "%s%s", words[level], text);
    put_line(level, false, line);
}

static void write_note(void *user, sluice_log_level level, const char *text)
{
    (void)user;
    put_line(level, true, text);
}

static bool given(const sluice_line *line, const char *key)
{
    const char *value = sluice_line_value(line, key);
    return value != NULL && strcmp(value, "no") != 0;
}

void sluice_screen_log(sluice *library, const sluice_line *line)
{
    bool stdio = given(line, "stdio"); /* then it is the client that is told of what happens */
    bool serves = line->table == SLUICE_SETTINGS_SERVE && !stdio;
    sluice_log_to(library, serves ? write_note : write_log, NULL);
    if (given(line, "quiet") || (stdio && !given(line, "verbose")))
        sluice_log_level_set(library, SLUICE_LOG_ERROR);
    else if (given(line, "verbose"))
        sluice_log_level_set(library, serves ? SLUICE_LOG_DEBUG : SLUICE_LOG_INFO);
    else if (line->config == NULL)
        sluice_log_level_set(library, serves ? SLUICE_LOG_INFO : SLUICE_LOG_WARNING);
}

sluice_report_spec sluice_screen_spec(bool stdout_has_data, const char *progress, bool quiet, bool verbose)
{
    struct winsize size = {0};
    bool always = progress != NULL && strcmp(progress, "always") == 0;
    bool terminal = isatty(STDERR_FILENO) != 0;
    if (terminal)
        ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    return (sluice_report_spec){.size = sizeof(sluice_report_spec),
                                .output = stdout_has_data ? STDERR_FILENO : STDOUT_FILENO,
                                .screen = STDERR_FILENO,
                                .terminal = terminal || always,
                                .quiet = quiet,
                                .verbose = verbose,
                                .columns = size.ws_col};
}

bool sluice_screen_is_on(const sluice_settings *settings, const char *key)
{
    const char *value = sluice_settings_get(settings, key);
    return value != NULL && strcmp(value, "yes") == 0;
}

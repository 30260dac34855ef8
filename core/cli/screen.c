/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SENTENCE_BYTES 2048

/* Written in one piece, so that threads do not mix their lines; on a terminal over what progress has drawn there. */
static void put_line(const char *text)
{
    char line[4 * SENTENCE_BYTES + 32];
    size_t n = 0;
    if (isatty(STDERR_FILENO)) {
        memcpy(line, "\r\033[K", 4);
        n = 4;
    }
    memcpy(line + n, "sluice: ", 8);
    n += 8;
    for (; *text != '\0' && n + 6 < sizeof line; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f)
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
    put_line(text);
}

int sluice_screen_fail(const char *subject, int status, const sluice_error *error)
{
    bool said = error->status != SLUICE_OK && error->text[0] == '\0';
    const char *sentence = error->text[0] != '\0' ? error->text : sluice_status_text(status);
    if (!said)
        sluice_screen_say("%s%s%s", subject != NULL ? subject : "", subject != NULL ? ": " : "", sentence);
    return sluice_status_exit(status);
}

static void write_log(void *user, sluice_log_level level, const char *text)
{
    static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
    (void)user;
    sluice_screen_say("%s%s", words[level], text);
}

static bool given(const sluice_line *line, const char *key)
{
    const char *value = sluice_line_value(line, key);
    return value != NULL && strcmp(value, "no") != 0;
}

void sluice_screen_log(sluice *library, const sluice_line *line)
{
    sluice_log_to(library, write_log, NULL);
    bool serves = line->table == SLUICE_SETTINGS_SERVE;
    if (given(line, "quiet"))
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

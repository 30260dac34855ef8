/* SPDX-License-Identifier: Apache-2.0 */
#include "net/complaints.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 512
#define LINES 8
#define CHUNK_BYTES 4096
#define ROUNDS 16 /* of reading, before others get their turn */

struct sluice_complaints {
    int fd;
    sluice_watch *watch;
    void (*said)(void *user, const char *line);
    void *user;
    char line[LINE_BYTES]; /* on its way */
    size_t used;
    char lines[LINES][LINE_BYTES]; /* a ring */
    size_t count;
    bool *gone; /* set when this is freed inside `said` */
};

/* False: freed. */
static bool line_done(sluice_complaints *complaints)
{
    bool gone = false;
    if (!complaints->used)
        return true;
    complaints->line[complaints->used] = '\0';
    complaints->used = 0;
    memcpy(complaints->lines[complaints->count++ % LINES], complaints->line, LINE_BYTES);
    if (!complaints->said)
        return true;
    complaints->gone = &gone;
    complaints->said(complaints->user, complaints->lines[(complaints->count - 1) % LINES]);
    if (gone)
        return false;
    complaints->gone = NULL;
    return true;
}

/* A terminal must not obey what a stranger writes: neither control characters nor, in UTF-8, those from U+0080 to
 * U+009F. */
static bool is_control(const sluice_complaints *complaints, unsigned char byte)
{
    if (byte < ' ' || byte == 0x7f)
        return true;
    return byte >= 0x80 && byte < 0xa0 && complaints->used &&
           (unsigned char)complaints->line[complaints->used - 1] == 0xc2;
}

static bool bytes_add(sluice_complaints *complaints, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '\n' || byte == '\r') {
            if (!line_done(complaints))
                return false;
        } else if (complaints->used < LINE_BYTES - 1) {
            bool control = is_control(complaints, byte);
            if (control && byte >= 0x80)
                complaints->line[complaints->used - 1] = '?';
            complaints->line[complaints->used++] = byte == '\t' ? ' ' : control ? '?' : bytes[i];
        }
    }
    return true;
}

/* 1: some; 0: nothing for now, or for ever; -1: freed. */
static int read_some(sluice_complaints *complaints)
{
    char bytes[CHUNK_BYTES];
    ssize_t got;
    do
        got = read(complaints->fd, bytes, sizeof(bytes));
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0) {
        (void)sluice_watch_set(complaints->watch, 0);
        return line_done(complaints) ? 0 : -1;
    }
    return bytes_add(complaints, bytes, (size_t)got) ? 1 : -1;
}

static int read_most(sluice_complaints *complaints)
{
    int more = 1;
    for (unsigned round = 0; round < ROUNDS && more > 0; round++)
        more = read_some(complaints);
    return more;
}

static void readable(void *user, unsigned directions)
{
    (void)directions;
    (void)read_most(user);
}

bool sluice_complaints_drain(sluice_complaints *complaints)
{
    return read_most(complaints) >= 0 && line_done(complaints);
}

/* ---- what it means ---- */

static const char *const denials[] = {
    "Permission denied",
    "Host key verification failed",
    "Too many authentication failures",
    "No more authentication methods",
};

static const char *const failures[] = {
    "Could not resolve hostname", "Connection refused",       "Connection timed out",
    "No route to host",           "Network is unreachable",   "Connection reset",
    "Connection closed by",       "Operation timed out",      "not found",
    "Bad configuration",          "Bad owner or permissions", "No such file",
};

static bool speaks_of(const char *line, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(line, patterns[i]))
            return true;
    return false;
}

bool sluice_complaints_is_denial(const char *line)
{
    return speaks_of(line, denials, SLUICE_COUNT(denials));
}

const char *sluice_complaints_last(const sluice_complaints *complaints)
{
    size_t kept = complaints->count < LINES ? complaints->count : LINES;
    for (size_t i = 1; i <= kept; i++) {
        const char *line = complaints->lines[(complaints->count - i) % LINES];
        if (sluice_complaints_is_denial(line) || speaks_of(line, failures, SLUICE_COUNT(failures)))
            return line;
    }
    return kept ? complaints->lines[(complaints->count - 1) % LINES] : "";
}

/* ---- making ---- */

int sluice_complaints_new(sluice_complaints **out, sluice_loop *loop, int fd,
                          void (*said)(void *user, const char *line), void *user, sluice_error *error)
{
    sluice_complaints *complaints = calloc(1, sizeof(*complaints));
    if (!complaints) {
        close(fd);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to read what ssh says");
    }
    complaints->fd = fd;
    complaints->said = said;
    complaints->user = user;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        sluice_watch_new(&complaints->watch, loop, fd, readable, complaints) != SLUICE_OK ||
        sluice_watch_set(complaints->watch, SLUICE_WATCH_READ) != SLUICE_OK) {
        sluice_complaints_free(complaints);
        return sluice_fail(error, SLUICE_EIO, "cannot watch what ssh says");
    }
    *out = complaints;
    return SLUICE_OK;
}

void sluice_complaints_free(sluice_complaints *complaints)
{
    if (!complaints)
        return;
    if (complaints->gone)
        *complaints->gone = true;
    sluice_watch_free(complaints->watch);
    close(complaints->fd);
    free(complaints);
}

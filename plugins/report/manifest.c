/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest - report plugin: a receipt of one transfer of files (the setting manifest), for programs and for people.
 *
 * Lines of fields with a tab between, in UTF-8:
 *
 *     sluice-manifest  1                           version of this form
 *     start        2026-01-31T12:00:00Z            when it began, UTC
 *     direction    push                            or pull, as the one who wrote this sees it
 *     source       data                            as it was asked for, the first one; not with a list
 *     destination  archive.example:in/
 *     session      ID  PEER                        a session was set up: 32 hex digits, and host:port
 *     file         STATE  SIZE  DIGEST  NAME       done or skipped; DIGEST: algorithm:hex, or - where there is none
 *     file         failed  SIZE  -  NAME  CODE  SENTENCE
 *     end          KEY=VALUE ...                   the last line: status (ok, failed), code, files, skipped, failed, bytes,
 *                                                  seconds, complete, time; and message of what failed
 *
 * In texts stand \n for a line's end, \t for a tab, \\ for a backslash, and \xNN for a byte that is another control
 * character, turns the writing direction, or is no UTF-8: so every name can be read back as the bytes that it is.  Where a
 * server that had forgotten the session made a second `session` line necessary, figures and `complete` are of the lines
 * behind the last one.  complete=yes: there is a line for every file that the figures count.
 *
 * The file stands under its name and the suffix until the transfer is over, and is locked for so long.
 */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <sluice/report.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEXT_BYTES 17000 /* a name has at most 4095 bytes, each of which becomes four at most */

typedef struct manifest_config {
    char *inprogress_suffix;
} manifest_config;

static const sluice_option options[] = {
    SLUICE_OPTION_STRING(manifest_config, inprogress_suffix, .def = ".inprogress",
                         .help = "What is behind the name of a receipt while the transfer runs."),
};

typedef struct manifest_state {
    const sluice_host *host;
    char *path, *unfinished; /* names at the end, and until then */
    FILE *file;
    bool over;   /* it has its last line */
    bool files;  /* one at least was told of */
    uint64_t done, skipped, failed; /* lines since the last session began */
    char text[TEXT_BYTES];
} manifest_state;

/* ---- lines ---- */

static void put_text(manifest_state *manifest, const char *text)
{
    text_printable(manifest->text, sizeof manifest->text, SIZE_MAX, text != NULL ? text : "");
    fputs(manifest->text, manifest->file);
}

static void put_pair(manifest_state *manifest, const char *key, const char *value)
{
    if (value == NULL)
        return;
    fprintf(manifest->file, "%s\t", key);
    put_text(manifest, value);
    putc('\n', manifest->file);
}

static void format_now(char *out, size_t size)
{
    struct timespec now = {0};
    struct tm utc = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

static void put_head(manifest_state *manifest, const sluice_report_spec *spec)
{
    char date[32];
    format_now(date, sizeof date);
    fprintf(manifest->file, "sluice-manifest\t1\nstart\t%s\n", date);
    put_pair(manifest, "direction", spec->direction);
    put_pair(manifest, "source", spec->source);
    put_pair(manifest, "destination", spec->destination);
}

static void put_session(manifest_state *manifest, const sluice_event *event)
{
    manifest->done = manifest->skipped = manifest->failed = 0;
    fprintf(manifest->file, "session\t%s\t", event->session != NULL ? event->session : "-");
    put_text(manifest, event->peer != NULL ? event->peer : "-");
    putc('\n', manifest->file);
}

static void put_file(manifest_state *manifest, const sluice_event *event)
{
    bool failed = strcmp(event->state, "failed") == 0;
    if (failed)
        manifest->failed++;
    else if (strcmp(event->state, "skipped") == 0)
        manifest->skipped++;
    else
        manifest->done++;
    manifest->files = true;
    fprintf(manifest->file, "file\t%s\t%" PRIu64 "\t%s\t", event->state, event->file_bytes,
            event->digest != NULL ? event->digest : "-");
    put_text(manifest, event->path);
    if (failed) {
        fprintf(manifest->file, "\t%d\t", event->status);
        put_text(manifest, event->message);
    }
    putc('\n', manifest->file);
}

static bool is_complete(const manifest_state *manifest, const sluice_statistics *counted)
{
    return manifest->done == counted->files && manifest->skipped == counted->skipped &&
           manifest->failed == counted->failed;
}

static void put_end(manifest_state *manifest, const sluice_event *event)
{
    static const sluice_statistics nothing = {.size = sizeof nothing};
    const sluice_statistics *counted = event->statistics != NULL ? event->statistics : &nothing;
    char date[32];
    format_now(date, sizeof date);
    fprintf(manifest->file,
            "end\tstatus=%s\tcode=%d\tfiles=%" PRIu64 "\tskipped=%" PRIu64 "\tfailed=%" PRIu64 "\tbytes=%" PRIu64
            "\tseconds=%" PRIu64 ".%03" PRIu64 "\tcomplete=%s\ttime=%s",
            event->status == SLUICE_OK ? "ok" : "failed", event->status, counted->files, counted->skipped, counted->failed,
            counted->bytes, counted->duration_ns / SLUICE_SECOND, counted->duration_ns % SLUICE_SECOND / SLUICE_MS,
            is_complete(manifest, counted) ? "yes" : "no", date);
    if (event->status != SLUICE_OK) {
        fputs("\tmessage=", manifest->file);
        put_text(manifest, event->message);
    }
    putc('\n', manifest->file);
}

/* ---- the file ---- */

/* What could not be written is told once, at the end: a receipt that lacks something keeps the name of an unfinished one. */
static void finish(manifest_state *manifest)
{
    errno = EIO; /* of what failed before, the reason is gone */
    bool good = fflush(manifest->file) == 0 && !ferror(manifest->file) && fsync(fileno(manifest->file)) == 0;
    if (good && rename(manifest->unfinished, manifest->path) == 0)
        return;
    manifest->host->log(manifest->host, SLUICE_LOG_WARNING, "%s: the receipt %s: %s; what there is of it is in %s",
                        manifest->path, good ? "cannot get its name" : "could not be written", strerror(errno),
                        manifest->unfinished);
}

static int refuse(manifest_state *manifest, const char *path, const char *why)
{
    return manifest->host->fail(manifest->host, SLUICE_ECONFIG, "%s: the receipt cannot be written: %s", path, why);
}

/* Whether the descriptor is still of what has that name: another transfer may have ended, and renamed it, meanwhile. */
static bool is_at(int fd, const char *path)
{
    struct stat open, named;
    return fstat(fd, &open) == 0 && lstat(path, &named) == 0 && open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

static int open_file(manifest_state *manifest)
{
    struct stat about;
    if (stat(manifest->path, &about) == 0 && !S_ISREG(about.st_mode))
        return refuse(manifest, manifest->path, S_ISDIR(about.st_mode) ? "it is a directory" : "it is no regular file");
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
    int fd = open(manifest->unfinished, flags, 0600);
    if (fd < 0)
        return refuse(manifest, manifest->unfinished, strerror(errno));
    /* Where there are no locks, two of them are the user's own affair. */
    bool taken = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    const char *why = NULL;
    if (taken || !is_at(fd, manifest->unfinished))
        why = "another transfer writes it";
    else if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode))
        why = "it is no regular file";
    else if (ftruncate(fd, 0) < 0 || (manifest->file = fdopen(fd, "w")) == NULL)
        why = strerror(errno);
    if (why == NULL)
        return SLUICE_OK;
    close(fd);
    return refuse(manifest, manifest->unfinished, why);
}

/* ---- the plugin ---- */

static void manifest_event(void *state, const sluice_event *event)
{
    manifest_state *manifest = state;
    if (manifest->over)
        return;
    if (event->type == SLUICE_EVENT_SESSION)
        put_session(manifest, event);
    else if (event->type == SLUICE_EVENT_FILE && event->state != NULL)
        put_file(manifest, event);
    if (event->type != SLUICE_EVENT_DONE)
        return;
    put_end(manifest, event);
    manifest->over = true;
    finish(manifest);
}

/* While nothing else happens: whoever looks at it meanwhile sees what has happened. */
static void manifest_tick(void *state, sluice_time now)
{
    manifest_state *manifest = state;
    (void)now;
    if (!manifest->over)
        (void)fflush(manifest->file);
}

static unsigned manifest_wants(void *state)
{
    (void)state;
    return SLUICE_REPORT_EVERY_FILE;
}

/* Without an end nothing has begun, unless there are files in it. */
static void manifest_fini(void *state)
{
    manifest_state *manifest = state;
    if (manifest->file != NULL) {
        if (!manifest->over && !manifest->files)
            (void)unlink(manifest->unfinished);
        (void)fclose(manifest->file);
    }
    manifest->host->resize(manifest->host, manifest->path, 0);
    manifest->host->resize(manifest->host, manifest->unfinished, 0);
}

static int join(const sluice_host *host, const char *path, const char *suffix, char **out)
{
    size_t bytes = strlen(path) + strlen(suffix) + 1;
    *out = host->resize(host, NULL, bytes);
    if (*out == NULL)
        return host->fail(host, SLUICE_ENOMEM, "out of memory for the receipt");
    (void)snprintf(*out, bytes, "%s%s", path, suffix);
    return SLUICE_OK;
}

static int begin(manifest_state *manifest, const char *suffix, const sluice_report_spec *spec)
{
    int status = join(manifest->host, spec->manifest, "", &manifest->path);
    if (status == SLUICE_OK)
        status = join(manifest->host, spec->manifest, suffix, &manifest->unfinished);
    if (status == SLUICE_OK)
        status = open_file(manifest);
    if (status != SLUICE_OK)
        return status;
    put_head(manifest, spec);
    return fflush(manifest->file) == 0 ? SLUICE_OK : refuse(manifest, manifest->unfinished, strerror(errno));
}

static int manifest_init(void *state, const void *config, const sluice_host *host, const sluice_report_spec *spec)
{
    manifest_state *manifest = state;
    const char *suffix = ((const manifest_config *)config)->inprogress_suffix;
    manifest->host = host;
    if (spec->manifest == NULL)
        return host->fail(host, SLUICE_EUSAGE, "report manifest goes with transfers of files that have a receipt: see "
                                               "--manifest");
    if (suffix == NULL || suffix[0] == '\0' || strchr(suffix, '/') != NULL)
        return host->fail(host, SLUICE_ECONFIG, "[report manifest]: inprogress-suffix is empty, or holds a slash");
    int status = begin(manifest, suffix, spec);
    if (status != SLUICE_OK)
        manifest_fini(manifest); /* what failed is not ended by anybody else */
    return status;
}

static const sluice_report_ops operations = {.init = manifest_init,
                                             .fini = manifest_fini,
                                             .event = manifest_event,
                                             .tick = manifest_tick,
                                             .wants = manifest_wants};

SLUICE_PLUGIN_DEFINE(report, manifest, SLUICE_REPORT, SLUICE_REPORT_ABI, .name = "manifest", .version = "1.0",
                     .summary = "a receipt: one line a file, with state, size and digest", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(manifest_config),
                     .state_size = sizeof(manifest_state), .ops = &operations, .ops_size = sizeof operations);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress - report plugin for people: two lines redrawn on a terminal, else a line per change of state and one every
 * ten seconds; files that failed with their reason; and a summary at the end.
 *
 * Why a whole transfer failed is left to whoever started it: the runner says it in its one line.
 */
#include "text.h"

#include <errno.h>
#include <sluice/report.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_BYTES 1024
#define NAME_COLUMNS 160                   /* of a name in a line of its own */
#define LINE_INTERVAL (10 * SLUICE_SECOND) /* between lines where nothing can be redrawn */
#define SPEED_SHARE 0.3                    /* of the newest second in the speed that time left is told from */

typedef struct progress_state {
    const sluice_host *host;
    int screen;
    bool terminal, quiet, verbose;
    size_t columns;
    char lines[2][LINE_BYTES]; /* as they stand on the terminal */
    bool drawn;
    char file[256];        /* the file that was begun last, printable */
    sluice_time line_told; /* when the last line of figures was written; 0: never */
    sluice_time seen;      /* time and figures of the newest statistics; 0: none yet */
    uint64_t seen_moved, seen_lost, seen_packets;
    double speed;           /* payload bytes a second, smoothed; 0: unknown */
    unsigned loss_permille; /* of the newest second */
    uint64_t unverified;    /* files that are done without a digest */
    char algorithm[32];     /* of the digests */
} progress_state;

/* ---- text ---- */

typedef struct line {
    char text[LINE_BYTES];
    size_t bytes, columns;
} line;

/* Adds a field after two spaces; fields that do not fit are left out, and so is all that follows. */
static void line_add(line *out, const char *format, ...) SLUICE_PRINTF(2, 3);
static void line_add(line *out, const char *format, ...)
{
    char field[LINE_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(field, sizeof field, format, args);
    va_end(args);
    size_t gap = out->bytes > 0 ? 2 : 0;
    if (length < 0 || out->bytes + gap + (size_t)length >= out->columns) {
        out->columns = 0;
        return;
    }
    memcpy(out->text + out->bytes, "  ", gap);
    memcpy(out->text + out->bytes + gap, field, (size_t)length + 1);
    out->bytes += gap + (size_t)length;
}

static void put(progress_state *progress, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(progress->screen, text, bytes);
        if (written < 0 && errno != EINTR)
            return; /* nobody looks any more */
        if (written > 0) {
            text += written;
            bytes -= (size_t)written;
        }
    }
}

/* ---- the two lines ---- */

static void erase(progress_state *progress)
{
    static const char both[] = "\r\033[K\033[1A\r\033[K"; /* this line, then the one above */
    if (progress->drawn)
        put(progress, both, sizeof both - 1);
    progress->drawn = false;
}

static void draw(progress_state *progress)
{
    char both[2 * LINE_BYTES + 2];
    erase(progress);
    int length = snprintf(both, sizeof both, "%s\n%s", progress->lines[0], progress->lines[1]);
    put(progress, both, (size_t)length);
    progress->drawn = true;
}

/* A line that stays, above the two. */
static void tell(progress_state *progress, const char *format, ...) SLUICE_PRINTF(2, 3);
static void tell(progress_state *progress, const char *format, ...)
{
    char text[2 * LINE_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text - 1, format, args);
    va_end(args);
    if (length < 0)
        return;
    size_t bytes = (size_t)length < sizeof text - 1 ? (size_t)length : sizeof text - 2;
    text[bytes++] = '\n';
    bool drawn = progress->drawn;
    erase(progress);
    put(progress, text, bytes);
    if (drawn)
        draw(progress);
}

/* ---- figures ---- */

static void measure(progress_state *progress, sluice_time now, const sluice_statistics *now_at)
{
    if (progress->seen != 0 && now > progress->seen && now_at->moved_bytes >= progress->seen_moved) {
        double seconds = (double)(now - progress->seen) / (double)SLUICE_SECOND;
        double speed = (double)(now_at->moved_bytes - progress->seen_moved) / seconds;
        progress->speed = progress->speed > 0 ? progress->speed * (1 - SPEED_SHARE) + speed * SPEED_SHARE : speed;
    }
    uint64_t packets = now_at->data_packets - progress->seen_packets;
    uint64_t lost = now_at->lost_packets - progress->seen_lost;
    if (now_at->data_packets > progress->seen_packets && now_at->lost_packets >= progress->seen_lost)
        progress->loss_permille = (unsigned)(lost >= packets ? 1000 : lost * 1000 / packets);
    progress->seen = now;
    progress->seen_moved = now_at->moved_bytes;
    progress->seen_lost = now_at->lost_packets;
    progress->seen_packets = now_at->data_packets;
}

static void add_amount(line *out, const sluice_statistics *now_at)
{
    char moved[32], total[32];
    text_quantity(moved, sizeof moved, now_at->moved_bytes, "B");
    if (!now_at->scan_complete || now_at->total_bytes == SLUICE_UNKNOWN) {
        line_add(out, "%s", moved);
        return;
    }
    uint64_t moved_bytes = now_at->moved_bytes < now_at->total_bytes ? now_at->moved_bytes : now_at->total_bytes;
    if (now_at->total_bytes > 0)
        line_add(out, "%3u %%", (unsigned)((double)moved_bytes * 100.0 / (double)now_at->total_bytes));
    text_quantity(total, sizeof total, now_at->total_bytes, "B");
    line_add(out, "%s of %s", moved, total);
}

static void add_left(line *out, const progress_state *progress, const sluice_statistics *now_at)
{
    char left[32];
    if (!now_at->scan_complete || now_at->total_bytes == SLUICE_UNKNOWN || progress->speed < 1 ||
        now_at->moved_bytes >= now_at->total_bytes)
        return;
    double seconds = (double)(now_at->total_bytes - now_at->moved_bytes) / progress->speed;
    if (seconds >= 360000) /* a hundred hours: no use to anybody */
        return;
    uint64_t whole = (uint64_t)seconds + 1;
    if (whole < 60)
        snprintf(left, sizeof left, "%" PRIu64 " s", whole);
    else
        text_duration(left, sizeof left, whole * SLUICE_SECOND);
    line_add(out, "%s left", left);
}

static void add_speed(line *out, const progress_state *progress, const sluice_statistics *now_at)
{
    char rate[32], target[32];
    text_quantity(rate, sizeof rate, now_at->rate_bps, "bit/s");
    if (now_at->target_bps > 0) {
        text_quantity(target, sizeof target, now_at->target_bps, "bit/s");
        line_add(out, "%s (target %s)", rate, target);
    } else {
        line_add(out, "%s", rate);
    }
    add_left(out, progress, now_at);
}

static void add_path(line *out, const progress_state *progress, const sluice_statistics *now_at)
{
    if (now_at->total_files > 0 && now_at->total_files != SLUICE_UNKNOWN)
        line_add(out, "%" PRIu64 " of %" PRIu64 "%s files", now_at->files + now_at->skipped + now_at->failed,
                 now_at->total_files, now_at->scan_complete ? "" : "+");
    if (now_at->srtt_ns > 0)
        line_add(out, "rtt %.1f ms", (double)now_at->srtt_ns / (double)SLUICE_MS);
    line_add(out, "loss %u.%u %%", progress->loss_permille / 10, progress->loss_permille % 10);
    if (now_at->limited_by != NULL)
        line_add(out, "limited by %s", now_at->limited_by);
}

static void figures(progress_state *progress, sluice_time now, const sluice_statistics *now_at)
{
    measure(progress, now, now_at);
    line first = {.columns = progress->columns}, second = {.columns = progress->columns};
    if (progress->terminal) {
        add_amount(&first, now_at);
        add_speed(&first, progress, now_at);
        line_add(&second, "     ");
        add_path(&second, progress, now_at);
        if (progress->file[0] != '\0')
            line_add(&second, "%s", progress->file);
        memcpy(progress->lines[0], first.text, sizeof first.text);
        memcpy(progress->lines[1], second.text, sizeof second.text);
        draw(progress);
    } else if (progress->line_told == 0 || now - progress->line_told >= LINE_INTERVAL) {
        first.columns = sizeof first.text;
        add_amount(&first, now_at);
        add_speed(&first, progress, now_at);
        add_path(&first, progress, now_at);
        tell(progress, "%s", first.text);
        progress->line_told = now;
    }
}

/* ---- events ---- */

static void told_session(progress_state *progress, const sluice_event *event)
{
    line facts = {.columns = sizeof facts.text};
    const sluice_statistics *now_at = event->statistics;
    line_add(&facts, "connected to %s:", event->peer != NULL ? event->peer : "the peer");
    if (now_at != NULL) {
        if (now_at->cipher != NULL)
            line_add(&facts, "%s%s%s%s", now_at->cipher, now_at->crypto != NULL ? " (" : "",
                     now_at->crypto != NULL ? now_at->crypto : "", now_at->crypto != NULL ? ")" : "");
        if (now_at->transport != NULL)
            line_add(&facts, "transport %s", now_at->transport);
        if (now_at->congestion != NULL)
            line_add(&facts, "congestion %s", now_at->congestion);
        if (now_at->min_rtt_ns > 0)
            line_add(&facts, "rtt %.1f ms", (double)now_at->min_rtt_ns / (double)SLUICE_MS);
        if (now_at->mtu > 0)
            line_add(&facts, "MTU %" PRIu64, now_at->mtu);
        if (now_at->lanes > 1)
            line_add(&facts, "%" PRIu64 " lanes", now_at->lanes);
    }
    tell(progress, "%s", facts.text);
}

static const char *status_text(int status)
{
    switch (status) {
#define TEXT(name, number, exit_status, text) \
    case number:                              \
        return text;
        SLUICE_STATUS_MAP(TEXT)
#undef TEXT
    }
    return "failed";
}

static void told_file(progress_state *progress, const sluice_event *event)
{
    char name[NAME_COLUMNS * 4 + 8], reason[LINE_BYTES], size[32], again[32];
    text_printable(name, sizeof name, NAME_COLUMNS, event->path != NULL ? event->path : "?");
    const char *state = event->state != NULL ? event->state : "";
    if (strcmp(state, "failed") == 0) {
        text_printable(reason, sizeof reason, SIZE_MAX, event->message != NULL ? event->message : "");
        tell(progress, "failed: %s: %s", name, reason[0] != '\0' ? reason : status_text(event->status));
        return;
    }
    if (strcmp(state, "done") == 0) {
        if (event->digest == NULL)
            progress->unverified += event->file_bytes > 0;
        else
            snprintf(progress->algorithm, sizeof progress->algorithm, "%.*s", (int)strcspn(event->digest, ":"),
                     event->digest);
    }
    if (!progress->verbose || progress->quiet)
        return;
    text_quantity(size, sizeof size, event->file_bytes, "B");
    text_quantity(again, sizeof again, event->resumed_bytes, "B");
    if (event->resumed_bytes > 0)
        tell(progress, "%s: %s (%s, of which %s were there)", state, name, size, again);
    else
        tell(progress, "%s: %s (%s)", state, name, size);
}

static void told_done(progress_state *progress, const sluice_event *event)
{
    const sluice_statistics *total = event->statistics;
    erase(progress);
    bool failed = event->status != SLUICE_OK;
    if (progress->quiet || total == NULL || (failed && total->files + total->skipped + total->failed == 0))
        return;
    char bytes[32], time[32], speed[32], wire[32];
    text_quantity(bytes, sizeof bytes, total->bytes, "B");
    text_duration(time, sizeof time, total->duration_ns);
    text_quantity(speed, sizeof speed, total->goodput_bps, "bit/s");
    text_quantity(wire, sizeof wire, total->wire_bytes, "B");
    line sum = {.columns = sizeof sum.text};
    line_add(&sum, "%s: %" PRIu64 " %s, %s in %s, %s", failed ? "not all done" : "done", total->files,
             total->files == 1 ? "file" : "files", bytes, time, speed);
    if (total->skipped > 0)
        line_add(&sum, "%" PRIu64 " there already", total->skipped);
    if (total->failed > 0)
        line_add(&sum, "%" PRIu64 " failed", total->failed);
    if (total->files > 0 && progress->algorithm[0] != '\0' && progress->unverified == 0)
        line_add(&sum, "every digest agrees (%s)", progress->algorithm);
    else if (progress->unverified > 0)
        line_add(&sum, "%" PRIu64 " not verified", progress->unverified);
    tell(progress, "%s", sum.text);
    if (total->data_packets == 0)
        return;
    line path = {.columns = sizeof path.text};
    line_add(&path, "      %s on the wire", wire);
    line_add(&path, "%.2f %% sent again", (double)total->resent_packets * 100.0 / (double)total->data_packets);
    if (total->min_rtt_ns > 0)
        line_add(&path, "rtt %.1f ms", (double)total->min_rtt_ns / (double)SLUICE_MS);
    if (total->limited_by != NULL)
        line_add(&path, "limited by %s", total->limited_by);
    tell(progress, "%s", path.text);
}

static void told_scan(progress_state *progress, const sluice_event *event)
{
    char bytes[32];
    if (event->statistics == NULL)
        return;
    text_quantity(bytes, sizeof bytes, event->statistics->total_bytes, "B");
    tell(progress, "%" PRIu64 " %s, %s to copy", event->statistics->total_files,
         event->statistics->total_files == 1 ? "file" : "files", bytes);
}

static void told_rate(progress_state *progress, const sluice_event *event)
{
    char target[32];
    if (event->paused)
        tell(progress, "paused");
    if (event->statistics == NULL || event->paused)
        return;
    text_quantity(target, sizeof target, event->statistics->target_bps, "bit/s");
    tell(progress, "target rate is now %s", event->statistics->target_bps > 0 ? target : "none");
}

static void told_message(progress_state *progress, const char *word, const sluice_event *event)
{
    char message[LINE_BYTES];
    text_printable(message, sizeof message, SIZE_MAX, event->message != NULL ? event->message : "");
    tell(progress, "%s: %s", word, message);
}

static void progress_event(void *state, const sluice_event *event)
{
    progress_state *progress = state;
    switch (event->type) {
    case SLUICE_EVENT_FILE:
        told_file(progress, event);
        return;
    case SLUICE_EVENT_DONE:
        told_done(progress, event);
        return;
    default:
        break;
    }
    if (progress->quiet)
        return;
    switch (event->type) {
    case SLUICE_EVENT_CONNECTING:
        if (progress->verbose || !progress->terminal)
            tell(progress, "connecting to %s", event->peer != NULL ? event->peer : "the peer");
        break;
    case SLUICE_EVENT_SESSION:
        told_session(progress, event);
        break;
    case SLUICE_EVENT_SCAN:
        told_scan(progress, event);
        break;
    case SLUICE_EVENT_PROGRESS:
        if (event->statistics != NULL)
            figures(progress, event->now, event->statistics);
        break;
    case SLUICE_EVENT_FILE_START:
        text_printable(progress->file, sizeof progress->file, progress->columns / 3,
                       event->path != NULL ? event->path : "");
        break;
    case SLUICE_EVENT_RATE:
        told_rate(progress, event);
        break;
    case SLUICE_EVENT_WARNING:
        told_message(progress, "warning", event);
        break;
    case SLUICE_EVENT_ERROR:
        if (progress->verbose)
            told_message(progress, "error", event);
        break;
    case SLUICE_EVENT_FILE:
    case SLUICE_EVENT_FILE_PROGRESS:
    case SLUICE_EVENT_DONE:
        break;
    }
}

static int progress_init(void *state, const void *config, const sluice_host *host, const sluice_report_spec *spec)
{
    progress_state *progress = state;
    (void)config;
    progress->host = host;
    progress->screen = spec->screen;
    progress->terminal = spec->terminal && !spec->quiet;
    progress->quiet = spec->quiet;
    progress->verbose = spec->verbose;
    progress->columns = spec->columns >= 20 && spec->columns < LINE_BYTES ? (size_t)spec->columns : 80;
    return SLUICE_OK;
}

static void progress_fini(void *state)
{
    erase(state);
}

static const sluice_report_ops operations = {.init = progress_init, .fini = progress_fini, .event = progress_event};

SLUICE_PLUGIN_DEFINE(report, progress, SLUICE_REPORT, SLUICE_REPORT_ABI, .name = "progress", .version = "1.0",
                     .summary = "progress and a summary, for people", .state_size = sizeof(progress_state),
                     .ops = &operations, .ops_size = sizeof operations);

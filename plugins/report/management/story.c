/* SPDX-License-Identifier: Apache-2.0 */
#include "story.h"

#include "faspmgr/codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void management_story_init(management_story *story, const uint8_t random[16], sluice_time now)
{
    uint8_t id[16];
    memcpy(id, random, sizeof id);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40); /* RFC 9562, version 4 */
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    size_t n = 0;
    for (size_t i = 0; i < sizeof id; i++)
        n += (size_t)snprintf(story->id + n, sizeof story->id - n, "%s%02x", i >= 4 && i <= 10 && i % 2 == 0 ? "-" : "",
                              id[i]);
    story->began = now;
}

/* ---- figures ---- */

static const char *direction(const management_story *story)
{
    return story->sends ? "Send" : "Receive";
}

static uint64_t kbps(uint64_t bps)
{
    return bps / 1000;
}

static uint64_t target_kbps(const management_story *story)
{
    if (story->paused)
        return 0;
    return story->target_bps > 0 ? kbps(story->target_bps) : FASPMGR_RATE_NONE_KBPS;
}

static const char *policy_word(const management_story *story)
{
    return strcmp(story->congestion, "fixed") == 0 ? "Fixed" : strcmp(story->congestion, "low") == 0 ? "Trickle" : "Adaptive";
}

/* A session that follows another counts from nothing again. */
static void session_take(management_story *story, const char *session)
{
    if (session == NULL || strcmp(story->session, session) == 0)
        return;
    snprintf(story->session, sizeof story->session, "%s", session);
    story->transfer_before = story->transfer_bytes;
}

static void raise(uint64_t *value, uint64_t to)
{
    if (to > *value)
        *value = to;
}

/* As the session has them: before there is one, and after the last, nothing is in force. */
static void rates_take(management_story *story, const sluice_statistics *now)
{
    story->target_bps = now->target_bps;
    story->minimum_bps = now->minimum_bps;
    story->mtu = now->mtu;
}

/* What was told once is never taken back. */
static void figures_take(management_story *story, const sluice_statistics *now)
{
    uint64_t sent = now->moved_bytes > now->resumed_bytes ? now->moved_bytes - now->resumed_bytes : 0;
    raise(&story->transfer_bytes, story->transfer_before + sent);
    raise(&story->file_bytes, now->moved_bytes);
    raise(&story->file_bytes, now->bytes);
    if (!story->extended) /* some clients want it so, though what was moved twice is there but once */
        raise(&story->file_bytes, story->transfer_bytes);
    raise(&story->lost_bytes, now->resent_bytes);
    story->delay_ms = now->srtt_ns / SLUICE_MS;
    if (now->congestion != NULL)
        snprintf(story->congestion, sizeof story->congestion, "%s", now->congestion);
}

static void put_rates(const management_story *story, faspmgr_writer *out)
{
    faspmgr_number(out, "Rate", target_kbps(story));
    faspmgr_number(out, "MinRate", kbps(story->minimum_bps));
}

static void put_policy(const management_story *story, faspmgr_writer *out)
{
    faspmgr_text(out, "Adaptive", policy_word(story));
    faspmgr_number(out, "Priority", strcmp(story->congestion, "high") == 0 ? 1 : 2);
}

static void put_elapsed(const management_story *story, const sluice_event *event, faspmgr_writer *out)
{
    faspmgr_number(out, "Elapsedusec", event->now > story->began ? (event->now - story->began) / SLUICE_US : 0);
}

/* ---- messages ---- */

/* Names of files: managers that are ours get every byte. */
static void put_path(const management_story *story, faspmgr_writer *out, const char *key, const char *path)
{
    if (story->extended)
        faspmgr_path_bytes(out, key, path);
    else
        faspmgr_path(out, key, path);
}

static void begin(const management_story *story, faspmgr_writer *out, const char *type)
{
    faspmgr_begin(out, type);
    faspmgr_text(out, "SessionId", story->id);
    faspmgr_text(out, "UserStr", story->user);
}

void management_tell_init(const management_story *story, faspmgr_writer *out)
{
    begin(story, out, "INIT");
    faspmgr_text(out, "Direction", direction(story));
    faspmgr_text(out, "Operation", "Transfer");
    faspmgr_text(out, "Cookie", story->cookie);
    faspmgr_end(out);
}

void management_tell_rates(const management_story *story, faspmgr_writer *out)
{
    begin(story, out, "NOTIFICATION");
    put_rates(story, out);
    put_policy(story, out);
    if (story->mtu > 0)
        faspmgr_number(out, "PMTU", story->mtu);
    faspmgr_end(out);
}

/* peer is host:port, [v6]:port, or what ssh was asked for, which names no port. */
static void put_peer(faspmgr_writer *out, const char *peer)
{
    char host[300];
    const char *colon = peer != NULL ? strrchr(peer, ':') : NULL;
    bool port = colon != NULL && colon[1] != '\0' && strspn(colon + 1, "0123456789") == strlen(colon + 1);
    if (peer == NULL)
        return;
    size_t bytes = port ? (size_t)(colon - peer) : strlen(peer);
    if (bytes >= 2 && peer[0] == '[' && peer[bytes - 1] == ']') {
        peer++;
        bytes -= 2;
    }
    snprintf(host, sizeof host, "%.*s", (int)(bytes < sizeof host ? bytes : sizeof host - 1), peer);
    faspmgr_text(out, "Host", host);
    if (port) {
        uint64_t number = strtoul(colon + 1, NULL, 10);
        faspmgr_number(out, "Port", number); /* one of each kind, with the same number */
        faspmgr_number(out, "TCPPort", number);
    }
}

static void tell_session(const management_story *story, const sluice_event *event, faspmgr_writer *out)
{
    const char *cipher = event->statistics != NULL ? event->statistics->cipher : NULL;
    begin(story, out, "SESSION");
    put_peer(out, event->peer);
    put_path(story, out, "Source", story->source);
    put_path(story, out, "Destination", story->destination);
    faspmgr_text(out, "Direction", direction(story));
    if (cipher != NULL) {
        faspmgr_text(out, "Encryption", strcmp(cipher, "none") == 0 ? "No" : "Yes");
        faspmgr_text(out, "Cipher", cipher);
    }
    put_rates(story, out);
    put_policy(story, out);
    faspmgr_text(out, "Cookie", story->cookie);
    faspmgr_text(out, "Tags", story->tags);
    faspmgr_text(out, "Remote", "No");
    faspmgr_end(out);
}

static void tell_scan(const management_story *story, const sluice_event *event, faspmgr_writer *out)
{
    const sluice_statistics *totals = event->statistics;
    begin(story, out, "NOTIFICATION");
    faspmgr_number(out, "PreTransferBytes", totals->total_bytes != SLUICE_UNKNOWN ? totals->total_bytes : 0);
    faspmgr_number(out, "PreTransferFiles", totals->total_files);
    faspmgr_number(out, "PreTransferFailed", totals->failed);
    faspmgr_end(out);
}

/* ---- what goes beyond FASPMGR ---- */

/* Our own number, without its sign. */
static void put_status(const management_story *story, const sluice_event *event, faspmgr_writer *out)
{
    if (story->extended)
        faspmgr_number(out, "Status", (uint64_t)-(int64_t)event->status);
}

#define AS_TEXT(field) _Generic((field), const char * : (field), default : (const char *)NULL)
#define AS_NUMBER(field) _Generic((field), const char * : UINT64_C(0), default : (field))
#define IS_TEXT(field) _Generic((field), const char * : true, default : false)

/* All statistics, each by the name that it has in report.h. */
static void tell_statistics(const management_story *story, const sluice_statistics *now, faspmgr_writer *out)
{
    begin(story, out, "PROGRESS");
#define PUT(ctype, name, key, format, unit, help)                                         \
    if (IS_TEXT(now->name))                                  \
        faspmgr_text(out, #name, AS_TEXT(now->name));        \
    else if (AS_NUMBER(now->name) != SLUICE_UNKNOWN)         \
        faspmgr_number(out, #name, AS_NUMBER(now->name));
    SLUICE_STATISTICS_MAP(PUT)
#undef PUT
    faspmgr_number(out, "resumed_bytes", now->resumed_bytes);
    faspmgr_number(out, "scan_complete", now->scan_complete);
    faspmgr_end(out);
}

static void tell_start(const management_story *story, const sluice_event *event, faspmgr_writer *out)
{
    begin(story, out, "FILESTART");
    put_path(story, out, "File", event->path);
    faspmgr_number(out, "Size", event->file_bytes);
    faspmgr_end(out);
}

static void tell_warning(const management_story *story, const sluice_event *event, faspmgr_writer *out)
{
    begin(story, out, "WARNING");
    faspmgr_text(out, "Description", event->message);
    faspmgr_end(out);
}

/* Before the last word and after the first one of a session, so that what is counted is known with both. */
static bool has_statistics(const management_story *story, const sluice_event *event)
{
    return story->extended && event->statistics != NULL && (event->type == SLUICE_EVENT_PROGRESS ||
           event->type == SLUICE_EVENT_SESSION || event->type == SLUICE_EVENT_DONE);
}

/* What STATS and STOP have in common. */
static void put_file(const management_story *story, const sluice_event *event, uint64_t written, uint64_t contiguous,
                     faspmgr_writer *out)
{
    put_path(story, out, "File", event->path);
    faspmgr_number(out, "Size", event->file_bytes);
    faspmgr_number(out, "StartByte", event->resumed_bytes);
    faspmgr_number(out, "Written", written);
    faspmgr_number(out, "Bytescont", contiguous);
    faspmgr_number(out, "TransferBytes", story->transfer_bytes);
    faspmgr_number(out, "FileBytes", story->file_bytes);
    put_elapsed(story, event, out);
    put_rates(story, out);
    faspmgr_number(out, "Loss", story->lost_bytes);
    faspmgr_number(out, "Delay", story->delay_ms);
}

static void tell_stats(const management_story *story, const sluice_event *event, faspmgr_writer *out)
{
    begin(story, out, "STATS");
    put_file(story, event, event->resumed_bytes + event->moved_bytes, event->contiguous_bytes, out);
    faspmgr_end(out);
}

/* digest is algorithm:hex. */
static void put_digest(const char *digest, faspmgr_writer *out)
{
    char algorithm[32];
    const char *colon = digest != NULL ? strchr(digest, ':') : NULL;
    if (colon == NULL)
        return;
    snprintf(algorithm, sizeof algorithm, "%.*s", (int)(colon - digest), digest);
    faspmgr_text(out, "FileChecksum", colon + 1);
    faspmgr_text(out, "FileChecksumType", algorithm);
}

static void tell_file(const management_story *story, const sluice_event *event, faspmgr_writer *out)
{
    const char *state = event->state != NULL ? event->state : "";
    if (strcmp(state, "done") == 0) {
        begin(story, out, "STOP");
        put_file(story, event, event->file_bytes, event->file_bytes, out);
        put_digest(event->digest, out);
    } else if (strcmp(state, "skipped") == 0) {
        begin(story, out, "SKIP");
        put_path(story, out, "File", event->path);
        faspmgr_number(out, "Size", event->file_bytes);
    } else {
        begin(story, out, "FILEERROR");
        put_path(story, out, "File", event->path);
        faspmgr_number(out, "Code", faspmgr_code(event->status));
        faspmgr_text(out, "Description", event->message);
        put_status(story, event, out);
    }
    faspmgr_end(out);
}

void management_tell_refused(const management_story *story, const char *path, int status, const char *why,
                             faspmgr_writer *out)
{
    begin(story, out, "FILEERROR");
    put_path(story, out, "File", path);
    faspmgr_number(out, "Code", faspmgr_code(status));
    faspmgr_text(out, "Description", why);
    faspmgr_end(out);
}

static void put_counts(const sluice_statistics *counts, faspmgr_writer *out)
{
    faspmgr_number(out, "TransfersAttempted", counts->files + counts->failed);
    faspmgr_number(out, "TransfersFailed", counts->failed);
    faspmgr_number(out, "TransfersPassed", counts->files);
    faspmgr_number(out, "TransfersSkipped", counts->skipped);
}

/* Before there is a session, ELIMIT is a server that turns it away for want of room: managers know that by a number of its
 * own, for which they try again. */
static unsigned last_code(const sluice_event *event)
{
    return event->status == SLUICE_ELIMIT && event->session == NULL ? FASPMGR_CODE_NO_ROOM : faspmgr_code(event->status);
}

static void tell_last(const management_story *story, const sluice_event *event, faspmgr_writer *out)
{
    bool good = event->status == SLUICE_OK;
    begin(story, out, good ? "DONE" : "ERROR");
    if (!good) {
        faspmgr_number(out, "Code", last_code(event));
        faspmgr_text(out, "Description", event->message);
        put_status(story, event, out);
    }
    faspmgr_number(out, "StartByte", 0);
    faspmgr_number(out, "TransferBytes", story->transfer_bytes);
    faspmgr_number(out, "FileBytes", story->file_bytes);
    put_elapsed(story, event, out);
    put_rates(story, out);
    faspmgr_number(out, "Loss", story->lost_bytes);
    faspmgr_number(out, "Delay", story->delay_ms);
    if (event->statistics != NULL)
        put_counts(event->statistics, out);
    faspmgr_end(out);
}

/* ---- events ---- */

/* The rates follow at once: a session that came anew may have others. */
static void introduce(management_story *story, const sluice_event *event, faspmgr_writer *out,
                      void (*say)(void *user, const faspmgr_writer *message), void *user)
{
    if (!story->introduced) {
        tell_session(story, event, out);
        say(user, out);
    }
    story->introduced = true;
    management_tell_rates(story, out);
    say(user, out);
}

void management_tell_event(management_story *story, const sluice_event *event, faspmgr_writer *out,
                           void (*say)(void *user, const faspmgr_writer *message), void *user)
{
    if (story->over)
        return;
    bool was_paused = story->paused;
    session_take(story, event->session);
    if (event->session != NULL)
        story->paused = event->paused;
    if (event->statistics != NULL)
        figures_take(story, event->statistics);
    if (event->statistics != NULL && event->session != NULL)
        rates_take(story, event->statistics);
    if (has_statistics(story, event) && event->type != SLUICE_EVENT_SESSION) {
        tell_statistics(story, event->statistics, out);
        say(user, out);
    }
    switch (event->type) {
    case SLUICE_EVENT_SESSION:
        introduce(story, event, out, say, user);
        if (!has_statistics(story, event))
            return;
        tell_statistics(story, event->statistics, out);
        break;
    case SLUICE_EVENT_FILE_START:
        if (!story->extended)
            return;
        tell_start(story, event, out);
        break;
    case SLUICE_EVENT_WARNING:
        if (!story->extended)
            return;
        tell_warning(story, event, out);
        break;
    case SLUICE_EVENT_RATE:
        if (was_paused && story->paused) /* nothing comes of it yet: the rate is still 0 */
            return;
        management_tell_rates(story, out);
        break;
    case SLUICE_EVENT_SCAN:
        if (event->statistics == NULL)
            return;
        tell_scan(story, event, out);
        break;
    case SLUICE_EVENT_FILE_PROGRESS:
        tell_stats(story, event, out);
        break;
    case SLUICE_EVENT_FILE:
        tell_file(story, event, out);
        break;
    case SLUICE_EVENT_DONE:
        story->over = true;
        tell_last(story, event, out);
        break;
    default:
        return;
    }
    say(user, out);
}

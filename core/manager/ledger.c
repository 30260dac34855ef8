/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/ledger.h"

#include "faspmgr/codes.h"
#include "manager/words.h"
#include <stdio.h>
#include <string.h>

#define KBPS 1000
#define SAMPLE_NS SLUICE_SECOND
#define PROGRESS_NS (900 * SLUICE_MS) /* a little less than their second */

void sluice_ledger_text(char *out, size_t size, const char *text)
{
    size_t bytes = strlen(text);
    if (bytes >= size) {
        bytes = size - 1;
        while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
            bytes--;
    }
    memcpy(out, text, bytes);
    memset(out + bytes, 0, size - bytes);
}

#define TEXT(field, text) sluice_ledger_text((field), sizeof(field), (text))

void sluice_ledger_init(sluice_ledger *ledger, unsigned files_most)
{
    ledger->now.size = sizeof ledger->now;
    ledger->now.total_bytes = SLUICE_UNKNOWN;
    ledger->files.over_most = files_most;
}

void sluice_ledger_fini(sluice_ledger *ledger)
{
    sluice_files_fini(&ledger->files);
    sluice_tally_fini(&ledger->tally);
}

void sluice_ledger_attempt_begin(sluice_ledger *ledger, sluice_time now)
{
    ledger->now.attempts++;
    ledger->fresh_tally = ledger->now.attempts == 1; /* what could not be started was none */
    ledger->sampled = now;
    ledger->sampled_bytes = 0;
    ledger->told_progress = ledger->paused = false;
    ledger->files_told = ledger->failed_told = ledger->skipped_told = 0;
}

void sluice_ledger_attempt_end(sluice_ledger *ledger)
{
    ledger->transferred_before += ledger->transferred;
    ledger->lost_before += ledger->lost;
    ledger->transferred = ledger->lost = 0;
    ledger->paused = false;
    sluice_files_abandon(&ledger->files);
    ledger->now.active = 0;
    ledger->now.rate_bps = 0;
}

/* ---- figures ---- */

/* Sums of figures that a worker has made up must not come round to zero. */
static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > SLUICE_UNKNOWN - 1 - b ? SLUICE_UNKNOWN - 1 : a + b;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Takes a field that only grows. */
static void grow(const faspmgr_message *message, const char *key, uint64_t *out)
{
    uint64_t value = faspmgr_value_number(message, key);
    if (value != SLUICE_UNKNOWN && value > *out)
        *out = value;
}

static void take(const faspmgr_message *message, const char *key, uint64_t *out)
{
    uint64_t value = faspmgr_value_number(message, key);
    if (value != SLUICE_UNKNOWN)
        *out = value;
}

static sluice_rate rate_of(uint64_t kbps)
{
    return kbps >= FASPMGR_RATE_NONE_KBPS ? 0 : kbps * KBPS;
}

/* In a pause there is no rate, though what is told may still speak of the moment before it. */
static void stand_still(sluice_ledger *ledger)
{
    if (ledger->paused)
        ledger->now.rate_bps = 0;
}

/* What has come since the last look, where the worker does not say so itself. */
static void sample(sluice_ledger *ledger, sluice_time now)
{
    if (ledger->told_progress || now < ledger->sampled + SAMPLE_NS)
        return;
    uint64_t bytes = ledger->transferred - ledger->sampled_bytes;
    ledger->now.rate_bps = (sluice_rate)((double)bytes * 8e9 / (double)(now - ledger->sampled));
    ledger->sampled = now;
    ledger->sampled_bytes = ledger->transferred;
    stand_still(ledger);
}

static void take_sums(sluice_ledger *ledger, const faspmgr_message *message, sluice_time now)
{
    grow(message, "TransferBytes", &ledger->transferred);
    grow(message, "FileBytes", &ledger->now.present_bytes);
    grow(message, "Loss", &ledger->lost);
    uint64_t delay_ms = faspmgr_value_number(message, "Delay");
    if (delay_ms != SLUICE_UNKNOWN && delay_ms < SLUICE_UNKNOWN / SLUICE_MS)
        ledger->now.rtt_ns = delay_ms * SLUICE_MS;
    sample(ledger, now);
}

/* A worker that has too much to tell leaves out what happens to files, and counts them all the same.  Of a first attempt its
 * counts hold as they are.  A later one finds what earlier ones have moved: what it has seen beyond all that was told of counts
 * as moved. */
static void count_files(sluice_ledger *ledger)
{
    const uint64_t *counts = ledger->tally.counts;
    sluice_job_statistics *out = &ledger->now;
    uint64_t done = counts[SLUICE_TALLY_DONE], failed = counts[SLUICE_TALLY_FAILED], skipped = counts[SLUICE_TALLY_SKIPPED];
    uint64_t seen = plus(plus(ledger->files_told, ledger->failed_told), ledger->skipped_told);
    if (ledger->fresh_tally) {
        done = greater(done, ledger->files_told);
        failed = greater(failed, ledger->failed_told);
        skipped = greater(skipped, ledger->skipped_told);
    } else if (seen > done + failed + skipped)
        done += seen - (done + failed + skipped);
    out->files = done;
    out->failed = failed;
    out->skipped = skipped;
}

static void count(sluice_ledger *ledger)
{
    sluice_job_statistics *out = &ledger->now;
    count_files(ledger);
    out->active = ledger->files.moving;
    out->transferred_bytes = plus(ledger->transferred_before, ledger->transferred);
    out->lost_bytes = plus(ledger->lost_before, ledger->lost);
}

/* ---- files ---- */

/* Without memory for its name a file is told of by an entry that is kept nowhere. */
typedef struct mention {
    sluice_files_entry *entry; /* NULL: not kept */
    sluice_job_file file;
    char digest[160];
    uint64_t hash;
    bool fresh; /* nothing was said of it before */
} mention;

static bool mention_find(sluice_ledger *ledger, const faspmgr_message *message, mention *out)
{
    memset(out, 0, sizeof *out);
    if (!faspmgr_value_path(message, "File", ledger->name, sizeof ledger->name) || ledger->name[0] == '\0')
        return false;
    out->hash = sluice_tally_hash(ledger->name);
    out->entry = sluice_files_find(&ledger->files, ledger->name, out->hash);
    out->fresh = out->entry == NULL;
    if (out->fresh)
        out->entry = sluice_files_begin(&ledger->files, ledger->name, out->hash);
    if (out->entry != NULL)
        out->file = out->entry->file;
    out->file.size = sizeof out->file;
    if (out->entry == NULL)
        out->file.name = ledger->name;
    if (out->file.message == NULL)
        out->file.message = "";
    return true;
}

static void mention_take(mention *file, const faspmgr_message *message)
{
    take(message, "Size", &file->file.file_bytes);
    take(message, "StartByte", &file->file.start_byte);
    take(message, "Written", &file->file.written_bytes);
    take(message, "Bytescont", &file->file.contiguous_bytes);
    const char *digest = faspmgr_value(message, "FileChecksum"), *type = faspmgr_value(message, "FileChecksumType");
    if (digest != NULL && digest[0] != '\0' && type != NULL && strcmp(type, "none") != 0) {
        snprintf(file->digest, sizeof file->digest, "%.30s:%.128s", type, digest);
        file->file.digest = file->digest;
    }
}

/* What is told now is kept, too; its strings are the entry's own. */
static void mention_keep(mention *file)
{
    if (file->entry == NULL)
        return;
    sluice_job_file *kept = &file->entry->file;
    const char *name = kept->name, *digest = kept->digest, *message = kept->message;
    *kept = file->file;
    kept->name = name;
    kept->digest = digest;
    kept->message = message;
    if (file->digest[0] != '\0')
        sluice_files_keep(&kept->digest, file->digest);
    if (file->file.state == SLUICE_FILE_FAILED)
        sluice_files_keep(&kept->message, file->file.message);
}

static void tell_file(sluice_ledger *ledger, sluice_job_event_type type, const mention *file)
{
    ledger->tell(ledger->user, type, &file->file, file->entry, file->file.message);
}

/* STATS, FILESTART. */
static void take_moving(sluice_ledger *ledger, const faspmgr_message *message, bool started)
{
    mention file;
    if (!mention_find(ledger, message, &file))
        return;
    file.file.state = SLUICE_FILE_MOVING;
    mention_take(&file, message);
    mention_keep(&file);
    count(ledger);
    if (file.fresh && file.entry != NULL) /* one that is not kept would begin again each time */
        tell_file(ledger, SLUICE_JOB_EVENT_FILE_START, &file);
    if (!started)
        tell_file(ledger, SLUICE_JOB_EVENT_PROGRESS, &file);
}

static void end_file(sluice_ledger *ledger, mention *file, sluice_job_file_state state)
{
    static const struct {
        sluice_tally_state tally;
        sluice_job_event_type event;
    } rows[] = {
        [SLUICE_FILE_DONE] = {SLUICE_TALLY_DONE, SLUICE_JOB_EVENT_FILE_STOP},
        [SLUICE_FILE_SKIPPED] = {SLUICE_TALLY_SKIPPED, SLUICE_JOB_EVENT_FILE_SKIP},
        [SLUICE_FILE_FAILED] = {SLUICE_TALLY_FAILED, SLUICE_JOB_EVENT_FILE_ERROR},
    };
    file->file.state = state;
    sluice_tally_mark(&ledger->tally, file->hash, rows[state].tally);
    mention_keep(file);
    ledger->now.active = ledger->files.moving;
    /* Told while the entry is there: ending it may free it. */
    sluice_files_entry *entry = file->entry;
    file->entry = NULL;
    count(ledger);
    ledger->now.active -= entry != NULL;
    tell_file(ledger, rows[state].event, file);
    if (entry != NULL)
        sluice_files_end(&ledger->files, entry);
}

static void take_stop(sluice_ledger *ledger, const faspmgr_message *message)
{
    mention file;
    if (!mention_find(ledger, message, &file))
        return;
    mention_take(&file, message);
    /* What is in place is all there, whatever the last figures were. */
    file.file.written_bytes = greater(file.file.written_bytes, file.file.file_bytes);
    file.file.contiguous_bytes = file.file.written_bytes;
    end_file(ledger, &file, SLUICE_FILE_DONE);
}

static void take_skip(sluice_ledger *ledger, const faspmgr_message *message)
{
    mention file;
    if (!mention_find(ledger, message, &file))
        return;
    mention_take(&file, message);
    file.file.start_byte = file.file.written_bytes = file.file.contiguous_bytes = file.file.file_bytes;
    end_file(ledger, &file, SLUICE_FILE_SKIPPED);
}

static void take_failed(sluice_ledger *ledger, const faspmgr_message *message)
{
    mention file;
    if (!mention_find(ledger, message, &file))
        return;
    mention_take(&file, message);
    uint64_t code = faspmgr_value_number(message, "Code"), status = faspmgr_value_number(message, "Status");
    const char *why = faspmgr_value(message, "Description");
    file.file.code = code <= UINT32_MAX ? (unsigned)code : 0;
    file.file.status = status > 0 && status < 1000 ? -(int)status : faspmgr_ascp_of(file.file.code).status;
    if (file.file.status == SLUICE_OK)
        file.file.status = SLUICE_EFAILED;
    file.file.message = why != NULL && why[0] != '\0' ? why : faspmgr_ascp_of(file.file.code).meaning;
    end_file(ledger, &file, SLUICE_FILE_FAILED);
}

/* ---- the session ---- */

static void take_policy(sluice_ledger *ledger, const faspmgr_message *message)
{
    const char *adaptive = faspmgr_value(message, "Adaptive");
    const char *policy = adaptive != NULL ? sluice_words_policy_of(adaptive, faspmgr_value_number(message, "Priority")) : "";
    if (policy[0] != '\0')
        TEXT(ledger->now.policy, policy);
}

static bool take_rates(sluice_ledger *ledger, const faspmgr_message *message)
{
    uint64_t target = faspmgr_value_number(message, "Rate"), minimum = faspmgr_value_number(message, "MinRate");
    if (target == SLUICE_UNKNOWN)
        return false;
    ledger->paused = target == 0;
    if (!ledger->paused) {
        ledger->now.target_bps = ledger->told_target_bps = rate_of(target);
        ledger->told_target = true;
    }
    if (minimum != SLUICE_UNKNOWN)
        ledger->now.minimum_bps = rate_of(minimum);
    stand_still(ledger);
    take_policy(ledger, message);
    take(message, "PMTU", &ledger->now.mtu);
    return true;
}

static void take_session(sluice_ledger *ledger, const faspmgr_message *message)
{
    const char *host = faspmgr_value(message, "Host"), *cipher = faspmgr_value(message, "Cipher");
    const char *encryption = faspmgr_value(message, "Encryption");
    uint64_t port = faspmgr_value_number(message, "TCPPort");
    if (host != NULL && host[0] != '\0') {
        char peer[sizeof ledger->now.peer];
        bool bracket = strchr(host, ':') != NULL && host[0] != '[';
        int bytes = snprintf(peer, sizeof peer, bracket ? "[%.256s]" : "%.256s", host);
        if (port != SLUICE_UNKNOWN && port != 0 && port < 65536)
            snprintf(peer + bytes, sizeof peer - (size_t)bytes, ":%u", (unsigned)port);
        TEXT(ledger->now.peer, peer);
    }
    if (encryption != NULL && strcmp(encryption, "No") == 0)
        TEXT(ledger->now.cipher, "none");
    else if (cipher != NULL)
        TEXT(ledger->now.cipher, cipher);
    (void)take_rates(ledger, message);
}

static void take_notification(sluice_ledger *ledger, const faspmgr_message *message)
{
    bool rates = take_rates(ledger, message);
    bool totals = faspmgr_value_number(message, "PreTransferFiles") != SLUICE_UNKNOWN ||
                  faspmgr_value_number(message, "PreTransferBytes") != SLUICE_UNKNOWN;
    bool first = !ledger->now.scanned;
    take(message, "PreTransferFiles", &ledger->now.total_files);
    take(message, "PreTransferBytes", &ledger->now.total_bytes);
    ledger->now.scanned = ledger->now.scanned || totals;
    count(ledger);
    if (rates)
        ledger->tell(ledger->user, SLUICE_JOB_EVENT_RATE, NULL, NULL, "");
    if (totals && first)
        ledger->tell(ledger->user, SLUICE_JOB_EVENT_SCAN, NULL, NULL, "");
}

/* The figures of a worker that is sluice, by the names of SLUICE_STATISTICS_MAP. */
static void take_figures(sluice_ledger *ledger, const faspmgr_message *message)
{
    sluice_job_statistics *now = &ledger->now;
    const char *cipher = faspmgr_value(message, "cipher"), *limit = faspmgr_value(message, "limited_by");
    ledger->told_progress = true;
    take(message, "files", &ledger->files_told);
    take(message, "failed", &ledger->failed_told);
    take(message, "skipped", &ledger->skipped_told);
    take(message, "total_files", &now->total_files);
    take(message, "total_bytes", &now->total_bytes);
    take(message, "rate_bps", &now->rate_bps);
    stand_still(ledger);
    take(message, "srtt_ns", &now->rtt_ns);
    take(message, "mtu", &now->mtu);
    take(message, "minimum_bps", &now->minimum_bps);
    grow(message, "resent_bytes", &ledger->lost);
    grow(message, "moved_bytes", &now->present_bytes);
    if (!ledger->paused)
        take(message, "target_bps", &now->target_bps);
    if (cipher != NULL && cipher[0] != '\0')
        TEXT(now->cipher, cipher);
    TEXT(now->limited_by, limit != NULL ? limit : "");
}

/* A program that wants to know something of its user.  There is none here. */
static void tell_question(sluice_ledger *ledger, const faspmgr_message *message)
{
    char text[512];
    const char *question = faspmgr_value(message, "Query");
    snprintf(text, sizeof text, "the worker asks what nobody here answers: %.400s", question != NULL ? question : "?");
    ledger->tell(ledger->user, SLUICE_JOB_EVENT_WARNING, NULL, NULL, text);
}

static void tell_progress(sluice_ledger *ledger, sluice_time now)
{
    ledger->progressed = now;
    count(ledger);
    ledger->tell(ledger->user, SLUICE_JOB_EVENT_PROGRESS, NULL, NULL, "");
}

/* The last word's counts are the worker's own, of its session. */
static void take_end(sluice_ledger *ledger, const faspmgr_message *message)
{
    take(message, "TransfersPassed", &ledger->files_told);
    take(message, "TransfersFailed", &ledger->failed_told);
    take(message, "TransfersSkipped", &ledger->skipped_told);
}

void sluice_ledger_take(sluice_ledger *ledger, const faspmgr_message *message, sluice_time now)
{
    const char *type = message->type, *text = faspmgr_value(message, "Description");
    take_sums(ledger, message, now);
    if (strcmp(type, "INIT") == 0 && faspmgr_value(message, "SessionId") != NULL)
        TEXT(ledger->now.session, faspmgr_value(message, "SessionId"));
    else if (strcmp(type, "SESSION") == 0)
        take_session(ledger, message);
    else if (strcmp(type, "NOTIFICATION") == 0)
        take_notification(ledger, message);
    else if (strcmp(type, "STATS") == 0)
        take_moving(ledger, message, false);
    else if (strcmp(type, "FILESTART") == 0)
        take_moving(ledger, message, true);
    else if (strcmp(type, "STOP") == 0)
        take_stop(ledger, message);
    else if (strcmp(type, "SKIP") == 0)
        take_skip(ledger, message);
    else if (strcmp(type, "FILEERROR") == 0)
        take_failed(ledger, message);
    else if (strcmp(type, "PROGRESS") == 0)
        take_figures(ledger, message);
    else if (strcmp(type, "DONE") == 0 || strcmp(type, "ERROR") == 0)
        take_end(ledger, message);
    else if (strcmp(type, "WARNING") == 0)
        ledger->tell(ledger->user, SLUICE_JOB_EVENT_WARNING, NULL, NULL, text != NULL ? text : "");
    else if (strcmp(type, "QUERY") == 0)
        tell_question(ledger, message);
    count(ledger);
    if (strcmp(type, "PROGRESS") == 0 ||
        (!ledger->told_progress && strcmp(type, "STATS") == 0 && now >= ledger->progressed + PROGRESS_NS))
        tell_progress(ledger, now);
}

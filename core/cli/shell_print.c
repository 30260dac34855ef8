/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_print.h"

#include "cli/figures.h"

#include <inttypes.h>
#include <string.h>

#define SENTENCE_BYTES 4200 /* the longest one of a job, each byte escaped */
#define WIDE 4096           /* columns of a place that has no limit */
#define UNIT_BYTE "B"
#define UNIT_RATE "bit/s"

static const char *way(sluice_direction direction)
{
    return direction == SLUICE_PUSH ? "push" : "pull";
}

const char *sluice_shell_file_state(sluice_job_file_state state)
{
    static const char *const words[] = {"moving", "done", "skipped", "failed"};
    return (size_t)state < SLUICE_COUNT(words) ? words[state] : "?";
}

static bool is_over(const sluice_job_statistics *job)
{
    return job->state >= SLUICE_JOB_FINISHED;
}

/* ---- figures ---- */

typedef struct figure {
    char text[SLUICE_FIGURE];
} figure;

static figure bytes_of(uint64_t bytes)
{
    figure out;
    sluice_figures_quantity(out.text, bytes, UNIT_BYTE);
    return out;
}

static figure rate_of(sluice_rate bps)
{
    figure out;
    if (bps == 0)
        snprintf(out.text, sizeof out.text, "none");
    else
        sluice_figures_quantity(out.text, bps, UNIT_RATE);
    return out;
}

static figure time_of(sluice_duration ns)
{
    figure out;
    sluice_figures_duration(out.text, ns);
    return out;
}

/* "31 %"; "" where the whole is not known. */
static figure share_of(uint64_t part, uint64_t whole)
{
    figure out = {""};
    if (whole != SLUICE_UNKNOWN && whole > 0)
        snprintf(out.text, sizeof out.text, "%u %%",
                 part >= whole ? 100u : (unsigned)((double)part / (double)whole * 100.0));
    return out;
}

sluice_duration sluice_shell_print_left(const sluice_job_statistics *job)
{
    if (is_over(job) || job->rate_bps == 0 || !job->scanned || job->total_bytes == SLUICE_UNKNOWN)
        return SLUICE_UNKNOWN;
    if (job->present_bytes >= job->total_bytes)
        return 0;
    double seconds = (double)(job->total_bytes - job->present_bytes) * 8.0 / (double)job->rate_bps;
    return seconds > 1e9 ? SLUICE_UNKNOWN : (sluice_duration)(seconds * 1e9);
}

/* ---- tables of jobs ---- */

void sluice_shell_print_heading(FILE *out)
{
    fprintf(out, "%4s  %-10s %-4s %5s %9s %12s %10s %11s  %s\n", "JOB", "STATE", "WAY", "DONE", "BYTES", "RATE", "LEFT",
            "FILES", "PEER");
}

#define ROW_COLUMNS 75 /* before the name of the peer */

void sluice_shell_print_row(FILE *out, const sluice_job_statistics *job, size_t columns)
{
    char files[48], peer[SENTENCE_BYTES];
    sluice_duration left = sluice_shell_print_left(job);
    size_t room = columns == 0 ? WIDE : columns > ROW_COLUMNS + 8 ? columns - ROW_COLUMNS - 1 : 8;
    snprintf(files, sizeof files, "%" PRIu64 "/%" PRIu64 "%s", job->files + job->skipped, job->total_files,
             job->scanned ? "" : "+");
    sluice_figures_name(peer, sizeof peer, room, job->peer);
    fprintf(out, "%4" PRIu64 "  %-10s %-4s %5s %9s %12s %10s %11s  %s\n", job->job, sluice_job_state_name(job->state),
            way(job->direction), share_of(job->present_bytes, job->total_bytes).text, bytes_of(job->present_bytes).text,
            is_over(job) ? "" : job->rate_bps == 0 ? "-" : rate_of(job->rate_bps).text,
            left == SLUICE_UNKNOWN ? "" : time_of(left).text, files, peer);
}

static void put_sentence(FILE *out, const char *text)
{
    char sentence[SENTENCE_BYTES];
    sluice_figures_name(sentence, sizeof sentence, WIDE, text);
    fputs(sentence, out);
}

static void put_path(FILE *out, const sluice_job_statistics *job)
{
    if (job->session[0] == '\0')
        return;
    fprintf(out, "  path     round trip %" PRIu64 ".%" PRIu64 " ms, packets of %" PRIu64 " bytes, %s\n", job->rtt_ns / SLUICE_MS,
            job->rtt_ns % SLUICE_MS / (SLUICE_MS / 10), job->mtu, job->cipher[0] != '\0' ? job->cipher : "cipher not told");
}

static void put_outcome(FILE *out, const sluice_job_statistics *job)
{
    if (job->message[0] == '\0' && job->status == SLUICE_OK)
        return;
    fputs("  message  ", out);
    put_sentence(out, job->message[0] != '\0' ? job->message : sluice_status_text(job->status));
    putc('\n', out);
}

void sluice_shell_print_job(FILE *out, const sluice_job_statistics *job)
{
    fprintf(out, "job %" PRIu64 "    %s %s ", job->job, way(job->direction), job->direction == SLUICE_PUSH ? "to" : "from");
    put_sentence(out, job->peer[0] != '\0' ? job->peer : "nobody yet");
    fprintf(out, ": %s", sluice_job_state_name(job->state));
    if (job->worker != 0)
        fprintf(out, ", process %d", job->worker);
    fprintf(out, ", attempt %u%s\n", job->attempts, job->persistent && job->open ? ", takes more sources" : "");
    fprintf(out,
            "  files    %" PRIu64 " of %" PRIu64 "%s in place, %" PRIu64 " there already, %" PRIu64 " failed, %" PRIu64
            " on their way\n",
            job->files, job->total_files, job->scanned ? "" : " or more", job->skipped, job->failed, job->active);
    fprintf(out, "  bytes    %s of %s%s there; %s sent, %s lost and sent again\n", bytes_of(job->present_bytes).text,
            bytes_of(job->total_bytes).text, job->scanned ? "" : " or more", bytes_of(job->transferred_bytes).text,
            bytes_of(job->lost_bytes).text);
    fprintf(out, "  rate     %s; target %s, minimum %s, policy %s%s%s\n", rate_of(job->rate_bps).text,
            rate_of(job->target_bps).text, rate_of(job->minimum_bps).text, job->policy,
            job->limited_by[0] != '\0' ? ", limited by " : "", job->limited_by);
    sluice_duration left = sluice_shell_print_left(job);
    fprintf(out, "  time     %s%s%s\n", time_of(job->elapsed_ns).text, left == SLUICE_UNKNOWN ? "" : ", left about ",
            left == SLUICE_UNKNOWN ? "" : time_of(left).text);
    put_path(out, job);
    put_outcome(out, job);
}

/* ---- tables of files ---- */

void sluice_shell_print_file_heading(FILE *out)
{
    fprintf(out, "%-8s %9s %5s  %s\n", "STATE", "SIZE", "DONE", "NAME");
}

#define FILE_COLUMNS 26 /* before the name */

void sluice_shell_print_file(FILE *out, const sluice_job_file *file, size_t columns)
{
    char name[SENTENCE_BYTES];
    size_t room = columns == 0 ? WIDE : columns > FILE_COLUMNS + 8 ? columns - FILE_COLUMNS - 1 : 8;
    sluice_figures_name(name, sizeof name, room, file->name);
    bool there = file->state == SLUICE_FILE_DONE || file->state == SLUICE_FILE_SKIPPED;
    fprintf(out, "%-8s %9s %5s  %s\n", sluice_shell_file_state(file->state), bytes_of(file->file_bytes).text,
            there ? "100 %" : share_of(file->written_bytes, file->file_bytes).text, name);
    if (file->message != NULL && file->message[0] != '\0') {
        fprintf(out, "%*s", FILE_COLUMNS, "");
        put_sentence(out, file->message);
        putc('\n', out);
    }
}

void sluice_shell_print_sum(FILE *out, const sluice_job_statistics *job)
{
    fprintf(out, "job %" PRIu64 ": %s; %" PRIu64 " of %" PRIu64 "%s files in place, %" PRIu64 " there already, %" PRIu64
            " failed; %s of %s%s\n",
            job->job, sluice_job_state_name(job->state), job->files, job->total_files, job->scanned ? "" : " or more",
            job->skipped, job->failed, bytes_of(job->present_bytes).text, bytes_of(job->total_bytes).text,
            job->scanned ? "" : " or more");
}

/* ---- events ---- */

static void put_end(FILE *out, const sluice_job_event *event)
{
    const sluice_job_statistics *job = event->statistics;
    const char *message = event->message != NULL && event->message[0] != '\0' ? event->message : job->message;
    fputs(sluice_job_state_name(job->state), out);
    if (job->state == SLUICE_JOB_FINISHED)
        fprintf(out, ": %" PRIu64 " file%s, %" PRIu64 " there already, %s in %s", job->files, job->files == 1 ? "" : "s",
                job->skipped, bytes_of(job->present_bytes).text, time_of(job->elapsed_ns).text);
    else if (message[0] != '\0' && job->state == SLUICE_JOB_FAILED) {
        fputs(": ", out);
        put_sentence(out, message);
    }
}

/* The sentence may begin with the name, and then need not be told of which file it is. */
static void put_file_error(FILE *out, const sluice_job_file *file, const char *message)
{
    if (file != NULL && file->message != NULL && file->message[0] != '\0')
        message = file->message;
    if (file != NULL && strncmp(message, file->name, strlen(file->name)) != 0) {
        put_sentence(out, file->name);
        fputs(": ", out);
    }
    put_sentence(out, message);
}

static void put_body(FILE *out, const sluice_job_event *event)
{
    const char *message = event->message != NULL ? event->message : "";
    switch (event->type) {
    case SLUICE_JOB_EVENT_SESSION_START:
        fputs("session with ", out);
        put_sentence(out, event->statistics->peer);
        break;
    case SLUICE_JOB_EVENT_FILE_ERROR:
        put_file_error(out, event->file, message);
        break;
    case SLUICE_JOB_EVENT_WARNING:
        fputs("warning: ", out);
        put_sentence(out, message);
        break;
    case SLUICE_JOB_EVENT_RETRY:
        put_sentence(out, message);
        fprintf(out, "; tried again in %s", time_of(event->retry_ns).text);
        break;
    default:
        put_end(out, event);
        break;
    }
}

/* What comes about every second, or for every file, is for `watch` and `files`. */
static bool is_told(sluice_job_event_type type)
{
    return type == SLUICE_JOB_EVENT_SESSION_START || type == SLUICE_JOB_EVENT_WARNING || type == SLUICE_JOB_EVENT_RETRY ||
           type == SLUICE_JOB_EVENT_FILE_ERROR || type == SLUICE_JOB_EVENT_SESSION_STOP ||
           type == SLUICE_JOB_EVENT_SESSION_ERROR;
}

void sluice_shell_print_event(FILE *out, const sluice_job_event *event)
{
    if (!is_told(event->type))
        return;
    fprintf(out, "[%" PRIu64 "] ", event->job);
    put_body(out, event);
}

/* ---- JSON ---- */

static void member_known(sluice_json *json, const char *key, const char *text)
{
    sluice_json_text(json, key, text != NULL && text[0] != '\0' ? text : NULL);
}

static void members_counts(sluice_json *json, const sluice_job_statistics *job)
{
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {
        {"files", job->files},
        {"failed", job->failed},
        {"skipped", job->skipped},
        {"active", job->active},
        {"total_files", job->total_files},
        {"total_bytes", job->total_bytes},
        {"transferred_bytes", job->transferred_bytes},
        {"present_bytes", job->present_bytes},
        {"lost_bytes", job->lost_bytes},
        {"rate_bps", job->rate_bps},
        {"target_bps", job->target_bps},
        {"minimum_bps", job->minimum_bps},
        {"mtu", job->mtu},
        {"events_dropped", job->events_dropped},
    };
    for (size_t i = 0; i < SLUICE_COUNT(counts); i++)
        sluice_json_number(json, counts[i].key, counts[i].value);
}

static void members_of_job(sluice_json *json, const sluice_job_statistics *job, const char *message)
{
    sluice_json_number(json, "job", job->job);
    sluice_json_text(json, "state", sluice_job_state_name(job->state));
    sluice_json_text(json, "direction", way(job->direction));
    sluice_json_int(json, "exit", sluice_status_exit(job->status));
    sluice_json_int(json, "code", job->status);
    sluice_json_number(json, "ascp_code", job->code);
    sluice_json_text(json, "message", message);
    sluice_json_number(json, "attempts", job->attempts);
    sluice_json_int(json, "worker", job->worker);
    sluice_json_bool(json, "persistent", job->persistent);
    sluice_json_bool(json, "open", job->open);
    sluice_json_bool(json, "scanned", job->scanned);
    members_counts(json, job);
    sluice_json_decimal(json, "seconds", job->elapsed_ns, SLUICE_SECOND);
    sluice_json_decimal(json, "rtt_ms", job->rtt_ns, SLUICE_MS);
    member_known(json, "policy", job->policy);
    member_known(json, "cipher", job->cipher);
    member_known(json, "limited_by", job->limited_by);
    member_known(json, "session", job->session);
    member_known(json, "peer", job->peer);
}

void sluice_shell_print_job_json(sluice_json *json, const sluice_job_statistics *job)
{
    members_of_job(json, job, job->message);
}

void sluice_shell_print_file_json(sluice_json *json, const sluice_job_file *file)
{
    sluice_json_path(json, "path", file->name);
    sluice_json_text(json, "state", sluice_shell_file_state(file->state));
    sluice_json_number(json, "bytes", file->file_bytes);
    sluice_json_number(json, "start_byte", file->start_byte);
    sluice_json_number(json, "written_bytes", file->written_bytes);
    sluice_json_number(json, "contiguous_bytes", file->contiguous_bytes);
    sluice_json_text(json, "digest", file->digest);
    sluice_json_int(json, "code", file->status);
    sluice_json_number(json, "ascp_code", file->code);
    sluice_json_text(json, "message", file->message != NULL ? file->message : "");
}

/* Whose figures are the point; the others say which job it was. */
static bool has_figures(const sluice_job_event *event)
{
    return event->file == NULL && event->type != SLUICE_JOB_EVENT_WARNING && event->type != SLUICE_JOB_EVENT_CONNECTING;
}

void sluice_shell_print_event_json(FILE *out, const sluice_job_event *event)
{
    sluice_json json = {.out = out};
    const char *message = event->message != NULL ? event->message : "";
    sluice_json_open(&json, NULL, '{');
    sluice_json_text(&json, "event", sluice_job_event_name(event->type));
    if (event->type == SLUICE_JOB_EVENT_RETRY)
        sluice_json_decimal(&json, "retry_seconds", event->retry_ns, SLUICE_SECOND);
    if (has_figures(event)) {
        members_of_job(&json, event->statistics, message[0] != '\0' ? message : event->statistics->message);
    } else {
        sluice_json_number(&json, "job", event->job);
        if (event->file != NULL)
            sluice_shell_print_file_json(&json, event->file);
        else
            sluice_json_text(&json, "message", message);
    }
    sluice_json_close(&json, '}');
}

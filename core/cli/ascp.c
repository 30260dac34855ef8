/* SPDX-License-Identifier: Apache-2.0 */
/* sluice ascp: one transfer, by the options of ascp.  What is asked for is read by ascp_line.c, and where it goes is
 * planned by ascp_plan.c; here it is carried out and told in the forms that scripts around ascp look for. */
#include "cli/ascp_help.h"
#include "cli/ascp_input.h"
#include "cli/ascp_log.h"
#include "cli/ascp_secrets.h"
#include "cli/ascp_sources.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/screen.h"
#include "cli/ssh_command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TICKET_HEAD "sluice1:"
#define TOKEN_MOST 65536 /* bytes of a file that holds a token */

typedef struct session {
    sluice_ascp_line *line;
    sluice_ascp_plan plan;
    sluice_ascp_texts list;
    bool ticket; /* the token admits to a running server */
    sluice_ascp_log log;
    bool removing; /* sources are looked after */
    sluice_ascp_sources sources;
    sluice *library;
    sluice_settings *settings;
    sluice_ascp_input input;
    sluice_interrupt interrupt;
    pthread_mutex_t lock; /* guards transfer and too_short */
    sluice_transfer *transfer;
    bool too_short; /* standard input ended before all was there that is meant */
    sluice_statistics statistics;
    sluice_transfer_path *paths; /* in place of the plan's sources; NULL: those say it all */
    size_t path_count;
    const char *base; /* what they lie below; NULL: nothing */
} session;

/* ---- what files say ---- */

/* One path a line; of a pair list every line counts, of a file list those that are empty do not. */
static int read_lines(session *s, FILE *file, const char *name, sluice_error *error)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t bytes;
    int status = SLUICE_OK;
    while (status == SLUICE_OK && (bytes = getline(&text, &room, file)) >= 0) {
        const char *own;
        if (text[bytes - 1] == '\n')
            text[--bytes] = '\0';
        if (strlen(text) != (size_t)bytes)
            status = sluice_fail(error, SLUICE_EUSAGE, "%s: a NUL byte in a name", name);
        else if (bytes > 0 || s->line->pair_list != NULL)
            status = sluice_ascp_text_own(s->line, &own, error, "%s", text);
        else
            continue;
        if (status == SLUICE_OK)
            status = sluice_ascp_texts_add(&s->list, own, error);
    }
    if (status == SLUICE_OK && ferror(file))
        status = sluice_fail(error, SLUICE_EIO, "%s: the list cannot be read", name);
    free(text);
    return status;
}

static int read_list(session *s, sluice_error *error)
{
    const char *name = s->line->pair_list != NULL ? s->line->pair_list : s->line->file_list;
    if (name == NULL)
        return SLUICE_OK;
    FILE *file = fopen(strcmp(name, "-") == 0 ? "/dev/stdin" : name, "re");
    if (file == NULL)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: the list cannot be read: %s", name,
                           strerror(errno));
    int status = read_lines(s, file, name, error);
    fclose(file);
    return status;
}

/* @FILE becomes what the file holds, without the end of its line. */
static int read_token(sluice_ascp_line *line, sluice_error *error)
{
    char text[TOKEN_MOST];
    if (line->token == NULL || line->token[0] != '@')
        return SLUICE_OK;
    const char *name = line->token + 1;
    FILE *file = fopen(name, "re");
    if (file == NULL)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: the token cannot be read: %s", name,
                           strerror(errno));
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[bytes] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    return sluice_ascp_text_own(line, &line->token, error, "%s", text);
}

/* ---- the settings ---- */

static int set(session *s, const char *key, const char *value, sluice_error *error)
{
    sluice_error why = {0};
    int status = sluice_settings_set(s->settings, key, value, &why);
    return status == SLUICE_OK ? SLUICE_OK : sluice_fail(error, status, "%s", why.text);
}

/* What the options have become. */
static int set_options(session *s, sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t i = 0; i + 1 < s->line->settings.count && status == SLUICE_OK; i += 2)
        status = set(s, s->line->settings.list[i], s->line->settings.list[i + 1], error);
    return status;
}

static int set_management(session *s, sluice_error *error)
{
    const char *user = s->line->user_string;
    int status = user != NULL && user[0] != '\0' ? set(s, "management-user", user, error) : SLUICE_OK;
    for (size_t i = 0; i < s->line->management.count && status == SLUICE_OK; i++)
        status = set(s, "management", s->line->management.list[i], error);
    return status;
}

/* ascp calls it by the id of the session, which is not known before there is one; so it has one of its own. */
static int set_manifest(session *s, sluice_error *error)
{
    const sluice_ascp_line *line = s->line;
    const char *directory = line->manifest_path != NULL ? line->manifest_path : ".";
    const char *path, *assignment;
    unsigned char id[16];
    char hex[2 * sizeof id + 1];
    if (!line->manifest)
        return SLUICE_OK;
    if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
        return sluice_fail(error, SLUICE_EIO, "no random number for the name of the receipt: %s", strerror(errno));
    for (size_t i = 0; i < sizeof id; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", id[i]);
    int status = sluice_ascp_text_own(s->line, &path, error, "%s/aspera-transfer-%s-manifest.txt", directory, hex);
    if (status == SLUICE_OK)
        status = sluice_ascp_text_own(s->line, &assignment, error, "report.manifest.inprogress-suffix=%s",
                                      line->manifest_suffix != NULL ? line->manifest_suffix : ".aspera-inprogress");
    if (status == SLUICE_OK)
        status = sluice_config_set(s->library, assignment, error);
    return status == SLUICE_OK ? set(s, "manifest", path, error) : status;
}

static int set_output(session *s, sluice_error *error)
{
    int status = s->line->quiet ? set(s, "report", "", error) : SLUICE_OK;
    if (status == SLUICE_OK && s->line->quiet)
        status = set(s, "quiet", "yes", error);
    return status == SLUICE_OK && s->line->verbose ? set(s, "verbose", "yes", error) : status;
}

/* Sources under names of their own, those of a session that takes more of them later, and parts of files. */
static int make_paths(session *s, sluice_error *error)
{
    const sluice_ascp_plan *plan = &s->plan;
    bool pairs = plan->pairs.count > 0;
    size_t count = pairs ? plan->pairs.count / 2 : plan->sources.count;
    if (!pairs && !s->line->keepalive && !s->line->ranged)
        return SLUICE_OK;
    if (s->line->ranged && count != 1)
        return sluice_fail(error, SLUICE_EUSAGE, "-@: a range of bytes goes with one source, and there are %zu", count);
    s->paths = calloc(count + 1, sizeof *s->paths);
    if (s->paths == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the names of the files");
    for (size_t i = 0; i < count; i++)
        s->paths[i] = (sluice_transfer_path){.path = pairs ? plan->pairs.list[2 * i] : plan->sources.list[i],
                                             .as = pairs ? plan->pairs.list[2 * i + 1] : NULL,
                                             .from = s->line->range_from,
                                             .to = s->line->ranged ? s->line->range_to : 0};
    s->path_count = count;
    /* Of a pull, pairs lie below a source that says which machine it is; so do sources that are not known yet. */
    s->base = pairs && !plan->push ? plan->sources.list[0] : count == 0 ? plan->base : NULL;
    return SLUICE_OK;
}

static int set_ticket(session *s, sluice_error *error)
{
    char path[SLUICE_ASCP_PATH];
    if (!s->ticket)
        return SLUICE_OK;
    int status = sluice_ascp_hold("the token", s->line->token, strlen(s->line->token), path, error);
    return status == SLUICE_OK ? set(s, "ticket-file", path, error) : status;
}

/* ---- ssh ---- */

/* ssh asks a command for the keys that the host may have (KnownHostsCommand), and hands it the one that the host shows.  The
 * command repeats that one if its fingerprint is the right one, and is silent otherwise: ssh then knows no key, and asks nobody.
 * A command that fails ends ssh.  No other list of keys counts, and no connection that stands already. */
static int put_host_key(session *s, FILE *command, sluice_error *error)
{
    const char *wanted = s->line->host_key, *word;
    bool own = strncmp(wanted, "SHA256:", 7) == 0; /* the form that ssh itself makes */
    const char *digest = strlen(wanted) == 40 ? "sha1sum" : strlen(wanted) == 64 ? "sha256sum" : "md5sum";
    int status;
    if (own)
        status = sluice_ascp_text_own(s->line, &word, error,
                                      "-oKnownHostsCommand=/bin/sh -c 'if [ \"$4\" = %s ]; then echo \"$3 $2 $1\"; fi' sluice %%K %%t %%H %%f",
                                      wanted);
    else
        status = sluice_ascp_text_own(s->line, &word, error,
                                      "-oKnownHostsCommand=/bin/sh -c 'if [ \"$(echo \"$1\" | base64 -d 2>/dev/null | %s | "
                                      "cut -d \" \" -f 1)\" = %s ]; then echo \"$3 $2 $1\"; fi' sluice %%K %%t %%H",
                                      digest, wanted);
    if (status != SLUICE_OK)
        return status;
    sluice_ssh_command_put(command, word);
    fputs(" -oStrictHostKeyChecking=yes -oUserKnownHostsFile=/dev/null -oGlobalKnownHostsFile=/dev/null -oFingerprintHash=sha256"
          " -oCheckHostIP=no -oVerifyHostKeyDNS=no -oUpdateHostKeys=no -oControlMaster=no -oControlPath=none",
          command);
    return SLUICE_OK;
}

static int put_keys(session *s, FILE *command, sluice_error *error)
{
    char path[SLUICE_ASCP_PATH];
    const sluice_ascp_line *line = s->line;
    if (line->keys.count == 0 && line->key_text == NULL)
        return SLUICE_OK;
    fputs(" -oIdentitiesOnly=yes", command);
    for (size_t i = 0; i < line->keys.count; i++) {
        fputs(" -i", command);
        sluice_ssh_command_put(command, line->keys.list[i]);
    }
    if (line->key_text == NULL)
        return SLUICE_OK;
    /* ssh wants the end of the last line, which variables tend to lose. */
    const char *text;
    size_t bytes = strlen(line->key_text);
    int status = sluice_ascp_text_own(s->line, &text, error, "%s%s", line->key_text,
                                      line->key_text[bytes - 1] == '\n' ? "" : "\n");
    if (status == SLUICE_OK)
        status = sluice_ascp_hold("the key", text, strlen(text), path, error);
    if (status == SLUICE_OK)
        fprintf(command, " -i %s", path);
    return status;
}

static int put_ssh(session *s, FILE *command, sluice_error *error)
{
    const sluice_ascp_line *line = s->line;
    fputs(sluice_settings_get(s->settings, "ssh"), command);
    int status = line->host_key != NULL ? put_host_key(s, command, error) : SLUICE_OK;
    if (status != SLUICE_OK)
        return status;
    for (size_t i = 0; i < line->ssh_arguments.count; i++)
        sluice_ssh_command_put(command, line->ssh_arguments.list[i]);
    if (line->port != 0)
        fprintf(command, " -p %" PRIu64, line->port);
    if (line->ipv6)
        fputs(" -6", command);
    if (line->any_host_key && line->host_key == NULL)
        fputs(" -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null", command);
    if (line->password != NULL) /* which is right or wrong: ssh need not ask again */
        fputs(" -oBatchMode=no -oNumberOfPasswordPrompts=1", command);
    return put_keys(s, command, error);
}

static int set_ssh(session *s, sluice_error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    if (s->ticket && s->line->host_key != NULL)
        sluice_screen_say("warning: --check-sshfp is of ssh: the ticket says which key the server has");
    if (s->ticket)
        return SLUICE_OK;
    FILE *command = open_memstream(&text, &bytes);
    if (command == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the command of ssh");
    int status = put_ssh(s, command, error);
    if (fclose(command) != 0 && status == SLUICE_OK)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory for the command of ssh");
    if (status == SLUICE_OK)
        status = set(s, "ssh", text, error);
    free(text);
    if (status == SLUICE_OK && s->line->password != NULL)
        status = sluice_ascp_ask_us(s->line->password, error);
    return status;
}

/* ---- before it begins ---- */

static bool is_pipe(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISFIFO(about.st_mode);
}

static int make_library(session *s, sluice_error *error)
{
    int status = sluice_new(&s->library, error);
    if (status != SLUICE_OK)
        return status;
    sluice_screen_log(s->library, &(sluice_line){.table = SLUICE_SETTINGS_TRANSFER});
    if (s->line->verbose)
        sluice_log_level_set(s->library, SLUICE_LOG_DEBUG);
    status = sluice_plugin_path(s->library, secure_getenv("SLUICE_PLUGIN_PATH"), error);
    if (status == SLUICE_OK && s->plan.assignment != NULL)
        status = sluice_config_set(s->library, s->plan.assignment, error);
    if (status == SLUICE_OK && s->line->skip_special && s->plan.push)
        status = sluice_config_set(s->library, "source.file.special=skip", error);
    else if (status == SLUICE_OK && s->line->skip_special)
        sluice_screen_say("warning: --skip-special-files: the other machine decides what becomes of them there");
    return status;
}

typedef struct sought {
    sluice_kind kind;
    bool found;
} sought;

static void seek_tar(void *user, const sluice_plugin_info *info)
{
    sought *self = user;
    self->found = self->found || (info->kind == self->kind && info->usable && strcmp(info->name, "tar") == 0);
}

/* Without the plugin its address would be taken for a path on a host of that name. */
static int check_tar(session *s, sluice_error *error)
{
    const char *source = s->plan.sources.count > 0 ? s->plan.sources.list[0] : "";
    bool from = s->plan.push && strncmp(source, "tar:", 4) == 0;
    bool to = !s->plan.push && strncmp(s->plan.destination, "tar:", 4) == 0;
    sought tar = {.kind = from ? SLUICE_SOURCE : SLUICE_SINK, .found = !from && !to};
    int status = tar.found ? SLUICE_OK : sluice_plugin_list(s->library, seek_tar, &tar, error);
    if (status != SLUICE_OK || tar.found)
        return status;
    return sluice_fail(error, SLUICE_EPLUGIN, "stdio-tar://: no plugin tar is installed");
}

static int make_settings(session *s, sluice_error *error)
{
    static int (*const steps[])(session * s, sluice_error * error) = {
        set_management, set_options, set_manifest, set_output, set_ticket, set_ssh};
    int status = sluice_settings_new(s->library, SLUICE_SETTINGS_TRANSFER, NULL, &s->settings, error);
    for (size_t i = 0; i < SLUICE_COUNT(steps) && status == SLUICE_OK; i++)
        status = steps[i](s, error);
    return status;
}

/* Why nothing may be removed or moved away; NULL: it may.  Of a part nobody knows whether the rest has arrived, and what a
 * manager names later has not been noted. */
static const char *why_sources_stay(const session *s)
{
    const sluice_ascp_plan *plan = &s->plan;
    const char *first = plan->sources.count > 0 ? plan->sources.list[0] : plan->pairs.count > 0 ? plan->pairs.list[0] : "";
    if (!plan->push)
        return "they lie on the other machine";
    if (s->line->keepalive)
        return "with --keepalive a manager names them";
    if (s->line->ranged)
        return "a part of them is sent (-@)";
    return first[0] == '/' || strncmp(first, "./", 2) == 0 ? NULL : "they are no files";
}

static int note_sources(session *s, sluice_error *error)
{
    if (!sluice_ascp_sources_wanted(s->line))
        return SLUICE_OK;
    const char *why = why_sources_stay(s);
    if (why != NULL) {
        sluice_screen_say("warning: sources stay where they are: %s", why);
        return SLUICE_OK;
    }
    s->removing = true;
    return sluice_ascp_sources_note(&s->sources, &s->plan, error);
}

/* Only what came to its end is known to be on the disk there. */
static void settle_sources(session *s, int status)
{
    if (!s->removing)
        return;
    if (status == SLUICE_OK || status == SLUICE_EPARTIAL)
        sluice_ascp_sources_settle(&s->sources, s->line, sluice_screen_say);
    else
        sluice_screen_say("warning: all sources stay where they are: the transfer did not come to its end");
}

static int prepare(session *s, sluice_error *error)
{
    int status = read_token(s->line, error);
    if (status != SLUICE_OK)
        return status;
    s->ticket = s->line->token != NULL && strncmp(s->line->token, TICKET_HEAD, strlen(TICKET_HEAD)) == 0;
    if (s->line->token != NULL && !s->ticket)
        sluice_screen_say(
            "warning: the token is no ticket of sluice serve, and is left out; ssh decides who is let in");
    status = read_list(s, error);
    if (status == SLUICE_OK)
        status = sluice_ascp_plan_make(
            &s->plan, s->line, &(sluice_ascp_facts){.list = s->list, .ticket = s->ticket, .is_pipe = is_pipe}, error);
    if (status == SLUICE_OK)
        status = sluice_ascp_log_open(&s->log, s->line->log, error);
    if (status == SLUICE_OK)
        status = make_library(s, error);
    if (status == SLUICE_OK)
        status = check_tar(s, error);
    if (status == SLUICE_OK)
        status = make_paths(s, error);
    if (status == SLUICE_OK)
        status = note_sources(s, error);
    return status == SLUICE_OK ? make_settings(s, error) : status;
}

static void release(session *s)
{
    sluice_settings_free(s->settings);
    sluice_free(s->library);
    sluice_ascp_log_close(&s->log);
    sluice_ascp_sources_fini(&s->sources);
    sluice_ascp_plan_fini(&s->plan);
    free(s->list.list);
    free(s->paths);
}

/* ---- the transfer ---- */

static void interrupted(void *user, int signal, unsigned count)
{
    session *s = user;
    (void)signal;
    if (count > 1)
        _exit(1);
    sluice_screen_say("interrupted: ending, what is there is kept for a resume; once more ends at once");
    pthread_mutex_lock(&s->lock);
    if (s->transfer != NULL)
        sluice_transfer_cancel(s->transfer);
    pthread_mutex_unlock(&s->lock);
}

/* On the thread of the input. */
static void input_ended_early(void *user)
{
    session *s = user;
    pthread_mutex_lock(&s->lock);
    s->too_short = true;
    if (s->transfer != NULL)
        sluice_transfer_cancel(s->transfer);
    pthread_mutex_unlock(&s->lock);
}

/* What came before there was anything to cancel counts too. */
static void be_current(session *s, sluice_transfer *transfer)
{
    pthread_mutex_lock(&s->lock);
    s->transfer = transfer;
    if (transfer != NULL && (s->too_short || sluice_interrupt_last(&s->interrupt) != 0))
        sluice_transfer_cancel(transfer);
    pthread_mutex_unlock(&s->lock);
}

static void event(void *user, const sluice_event *told)
{
    session *s = user;
    if (told->type == SLUICE_EVENT_DONE) /* managers are told behind this */
        sluice_interrupt_deafen(&s->interrupt, true);
    if (s->removing)
        sluice_ascp_sources_event(&s->sources, told);
    sluice_ascp_log_event(&s->log, told);
}

static int transfer(session *s, sluice_error *error)
{
    sluice_transfer *moving;
    bool paths = s->paths != NULL;
    const sluice_transfer_order order = {
        .size = sizeof order,
        .settings = s->settings,
        .sources = paths ? &s->base : s->plan.sources.list,
        .source_count = paths ? s->base != NULL : s->plan.sources.count,
        .paths = s->paths,
        .path_count = s->path_count,
        .persistent = s->line->keepalive,
        .destination = s->plan.destination,
        .event = event,
        .user = s,
        .report = sluice_screen_spec(s->plan.output, NULL, s->line->quiet, s->line->verbose),
    };
    int status = sluice_transfer_start(s->library, &order, &moving, error);
    if (status != SLUICE_OK)
        return status;
    be_current(s, moving);
    status = sluice_transfer_wait(moving, &s->statistics, error);
    be_current(s, NULL);
    sluice_transfer_free(moving);
    return status;
}

static int transfer_with_input(session *s, sluice_error *error)
{
    if (s->plan.input == 0)
        return transfer(s, error);
    int status = sluice_ascp_input_begin(&s->input, s->plan.input, input_ended_early, s, error);
    if (status != SLUICE_OK)
        return status;
    status = transfer(s, error);
    sluice_ascp_input_end(&s->input);
    if (s->input.short_of_it)
        status = sluice_fail(error, SLUICE_EFAILED, "standard input ended after %" PRIu64 " of %" PRIu64 " bytes",
                             s->input.moved, s->plan.input);
    return status;
}

static int transfer_with_signals(session *s, sluice_error *error)
{
    pthread_mutex_init(&s->lock, NULL);
    int status = sluice_interrupt_begin(&s->interrupt, SLUICE_HANGUP_ENDS, interrupted, s, error);
    if (status == SLUICE_OK) {
        status = transfer_with_input(s, error);
        sluice_interrupt_deafen(&s->interrupt, true);
        sluice_interrupt_end(&s->interrupt);
    }
    pthread_mutex_destroy(&s->lock);
    return status;
}

/* ---- what is said at the end ---- */

/* "Completed: 1024K bytes transferred in 3 seconds (2796K bits/sec), in 1 file." */
static int say_completed(const sluice_ascp_line *line, const sluice_statistics *statistics, bool output)
{
    FILE *out = output ? stderr : stdout;
    uint64_t milliseconds = statistics->duration_ns / SLUICE_MS;
    uint64_t kbps = milliseconds > 0 ? statistics->bytes * 8 / milliseconds : 0;
    if (line->quiet)
        return 0;
    fprintf(out,
            "Completed: %" PRIu64 "K bytes transferred in %" PRIu64 " seconds (%" PRIu64 "K bits/sec), in %" PRIu64
            " file%s.\n",
            (statistics->bytes + 1023) / 1024, (milliseconds + 500) / 1000, kbps, statistics->files,
            statistics->files == 1 ? "" : "s");
    return fflush(out) == 0 ? 0 : 1;
}

/* The sentence, and the line by which scripts know that a session has failed. */
static int say_failed(int status, const sluice_error *error)
{
    const char *text = error->text[0] != '\0' ? error->text : sluice_status_text(status);
    (void)sluice_screen_fail(NULL, status, error);
    fputs("Session Stop  (Error: ", stderr);
    for (; *text != '\0'; text++)
        putc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, stderr);
    fputs(")\n", stderr);
    return 1;
}

/* The second and further ones of several processes.  A manager waits for a session, and would wait in vain. */
static int stand_by(const sluice_ascp_line *line)
{
    const sluice_statistics nothing = {.size = sizeof nothing};
    sluice_error error = {0};
    sluice_screen_say("-C %" PRIu64 ":%" PRIu64 ": the first of the processes moves everything", line->part,
                      line->parts);
    if (line->management.count == 0)
        return say_completed(line, &nothing, false);
    return say_failed(sluice_fail(&error, SLUICE_EUNSUPPORTED,
                                  "-M %s: only the first process of -C has a session to report to a manager",
                                  line->management.list[0]),
                      &error);
}

static int carry_out(sluice_ascp_line *line)
{
    sluice_error error = {0};
    session s = {.line = line, .statistics = {.size = sizeof s.statistics}};
    for (size_t i = 0; i < line->warnings.count; i++)
        sluice_screen_say("warning: %s", line->warnings.list[i]);
    if (line->part > 1)
        return stand_by(line);
    int status = prepare(&s, &error);
    if (status == SLUICE_OK) {
        sluice_ascp_log_start(&s.log, line, &s.plan);
        status = transfer_with_signals(&s, &error);
        settle_sources(&s, status);
        sluice_ascp_log_stop(&s.log, &s.plan, &s.statistics, status == SLUICE_OK ? NULL : error.text);
    }
    int exit_status =
        status == SLUICE_OK ? say_completed(line, &s.statistics, s.plan.output) : say_failed(status, &error);
    release(&s);
    return exit_status;
}

/* ---- what is told of the program ---- */

static int print_help(void)
{
    const char *heading = NULL;
    puts("Usage: sluice ascp [OPTION...] [[USER@]HOST:]SOURCE... [[USER@]HOST:]DESTINATION\n"
         "       sluice ascp --mode send|recv --host HOST [OPTION...] SOURCE... DESTINATION\n");
    sluice_help_wrap(
        "Copies files to or from another machine by the options of ascp, so that what was made for ascp goes on. "
        "The other machine is reached through ssh, and has sluice installed; or, with a ticket of `sluice serve` "
        "as the token, that server is. The exit status is 0 or 1. ASPERA_SCP_PASS, ASPERA_SCP_TOKEN, "
        "ASPERA_SCP_KEY and ASPERA_SCP_COOKIE are heard.",
        0, 0);
    sluice_ascp_help_each(sluice_help_row_print, &heading);
    puts("\nLong names may have one dash or two, and their values behind '=' or a blank.");
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}

/* Tools look for " version " and a number, and for the names of what can be a source or a destination. */
static int print_version(void)
{
    struct utsname system = {0};
    uname(&system);
    printf("sluice ascp version %s\nOperating System: %s %s %s\nAdapters: file, faux, stdio, stdio-tar\n", sluice_version(),
           system.sysname, system.release, system.machine);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}

static const char *environment(const char *name)
{
    return secure_getenv(name);
}

int sluice_command_ascp(int argc, char **argv)
{
    sluice_error error = {0};
    sluice_ascp_line line;
    int exit_status, status = sluice_ascp_line_read(&line, argc, argv, environment, &error);
    if (status != SLUICE_OK) {
        (void)sluice_screen_fail("ascp", status, &error);
        exit_status = 1;
    } else if (line.help)
        exit_status = print_help();
    else if (line.version)
        exit_status = print_version();
    else
        exit_status = carry_out(&line);
    sluice_ascp_line_fini(&line);
    return exit_status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/machine.h"

#include "faspmgr/codes.h"
#include "manager/process.h"
#include "manager/words.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNNER "sluice: " /* before what the runner says */

static void state_set(sluice_machine *machine, sluice_job_state state)
{
    machine->ledger.now.state = state;
}

static void tell(sluice_machine *machine, sluice_job_event_type type, const char *message, sluice_duration retry_ns)
{
    machine->ports->event(machine->user, type, NULL, NULL, message, retry_ns);
}

static bool runs(const sluice_machine *machine)
{
    return machine->stage >= SLUICE_MACHINE_STARTED && machine->stage <= SLUICE_MACHINE_ENDING;
}

/* ---- making ---- */

static void ledger_tells(void *user, sluice_job_event_type type, const sluice_job_file *file, sluice_files_entry *entry,
                         const char *message)
{
    sluice_machine *machine = user;
    if (type == SLUICE_JOB_EVENT_RATE && machine->stage == SLUICE_MACHINE_SESSION)
        state_set(machine, machine->ledger.paused ? SLUICE_JOB_PAUSED : SLUICE_JOB_RUNNING);
    machine->ports->event(machine->user, type, file, entry, message, 0);
}

void sluice_machine_init(sluice_machine *machine, const sluice_machine_ports *ports, void *user, faspmgr_writer *writer,
                         sluice_order **order, unsigned files_most, sluice_time now)
{
    *machine = (sluice_machine){.ports = ports, .user = user, .writer = writer, .order = *order, .launched = now,
                                .wake = SLUICE_NEVER, .later = SLUICE_NEVER};
    *order = NULL;
    sluice_ledger_init(&machine->ledger, files_most);
    machine->ledger.tell = ledger_tells;
    machine->ledger.user = machine;
    machine->ledger.now.direction = machine->order->direction;
    machine->ledger.now.persistent = machine->ledger.now.open = machine->order->persistent;
    const char *policy = sluice_settings_get(machine->order->settings, "policy");
    if (machine->order->policy[0] != '\0')
        policy = machine->order->policy;
    sluice_ledger_text(machine->ledger.now.policy, sizeof machine->ledger.now.policy, policy != NULL ? policy : "");
    if (machine->order->cookie != NULL)
        sluice_ledger_text(machine->ledger.now.cookie, sizeof machine->ledger.now.cookie, machine->order->cookie);
    (void)sluice_settings_number(machine->order->settings, "rate", &machine->ledger.now.target_bps);
    (void)sluice_settings_number(machine->order->settings, "min-rate", &machine->ledger.now.minimum_bps);
}

void sluice_machine_fini(sluice_machine *machine)
{
    sluice_ledger_fini(&machine->ledger);
    sluice_order_free(machine->order);
    free(machine->sayings);
    machine->order = NULL;
    machine->sayings = NULL;
}

bool sluice_machine_over(const sluice_machine *machine)
{
    return machine->stage == SLUICE_MACHINE_OVER;
}

void sluice_machine_statistics(const sluice_machine *machine, sluice_job_statistics *out, sluice_time now)
{
    *out = machine->ledger.now;
    out->size = sizeof *out;
    if (!sluice_machine_over(machine))
        out->elapsed_ns = now > machine->launched ? now - machine->launched : 0;
}

/* ---- ends ---- */

void sluice_machine_escalate(sluice_machine *machine, int number, sluice_time when, sluice_duration kill_after_ns)
{
    machine->next_signal = number;
    machine->kill_after_ns = kill_after_ns;
    machine->wake = when;
}

void sluice_machine_end(sluice_machine *machine, sluice_job_state state, int status, unsigned code, const char *message,
                        sluice_time now)
{
    sluice_job_statistics *figures = &machine->ledger.now;
    if (machine->stage == SLUICE_MACHINE_WAITING)
        machine->ports->unstart(machine->user);
    machine->stage = SLUICE_MACHINE_OVER;
    machine->wake = machine->later = SLUICE_NEVER;
    figures->status = status;
    figures->code = code;
    figures->open = false;
    figures->elapsed_ns = now - machine->launched;
    sluice_ledger_text(figures->message, sizeof figures->message, message);
    state_set(machine, state);
    tell(machine, state == SLUICE_JOB_FINISHED ? SLUICE_JOB_EVENT_SESSION_STOP : SLUICE_JOB_EVENT_SESSION_ERROR,
         figures->message, 0);
}

/* The first that is known is the cause of what follows. */
static void blame(sluice_machine *machine, int status, unsigned code, bool again, const char *text)
{
    if (machine->cause.known)
        return;
    machine->cause = (sluice_machine_cause){.known = true, .again = again, .status = status, .code = code};
    sluice_ledger_text(machine->cause.text, sizeof machine->cause.text, text);
}

/* Whether the number alone says that another try may mend it; but an address that is not there stays away. */
static bool worth_it(unsigned code, const char *text)
{
    return faspmgr_ascp_of(code).again && !(code == 14 && strcmp(text, "Target address not available") == 0);
}

static sluice_duration back_off(const sluice_machine *machine)
{
    sluice_duration wait = machine->order->retry_first_ns, most = machine->order->retry_most_ns;
    for (unsigned i = 0; i < machine->retries && wait < most; i++)
        wait = wait > most / 2 ? most : wait * 2;
    return wait < most ? wait : most;
}

static void rest(sluice_machine *machine, sluice_time now)
{
    sluice_job_statistics *figures = &machine->ledger.now;
    sluice_duration wait = back_off(machine);
    machine->retries++;
    machine->stage = SLUICE_MACHINE_RESTING;
    machine->wake = wait < SLUICE_NEVER - 1 - now ? now + wait : SLUICE_NEVER - 1;
    figures->status = machine->cause.status;
    figures->code = machine->cause.code;
    memcpy(figures->message, machine->cause.text, sizeof figures->message);
    state_set(machine, SLUICE_JOB_RETRYING);
    tell(machine, SLUICE_JOB_EVENT_RETRY, figures->message, wait);
}

/* An attempt is over, and has failed by its cause. */
static void attempt_failed(sluice_machine *machine, sluice_time now)
{
    const sluice_machine_cause *cause = &machine->cause;
    if (machine->cancelled)
        sluice_machine_end(machine, SLUICE_JOB_CANCELLED, SLUICE_EINTERRUPTED, faspmgr_code(SLUICE_EINTERRUPTED),
                           "cancelled", now);
    else if (cause->again && machine->retries < machine->order->retries)
        rest(machine, now);
    else
        sluice_machine_end(machine, cause->code == faspmgr_code(SLUICE_EINTERRUPTED) ? SLUICE_JOB_CANCELLED : SLUICE_JOB_FAILED,
                           cause->status, cause->code, cause->text, now);
}

/* ---- what the worker is told ---- */

static void say(sluice_machine *machine)
{
    faspmgr_end(machine->writer);
    machine->ports->say(machine->user, machine->writer);
}

static uint64_t kbps_of(sluice_rate bps)
{
    uint64_t kbps = bps / 1000 + (bps % 1000 != 0);
    return bps == 0 || kbps > FASPMGR_RATE_NONE_KBPS ? FASPMGR_RATE_NONE_KBPS : kbps;
}

static void say_rate(sluice_machine *machine)
{
    const sluice_job_statistics *figures = &machine->ledger.now;
    const char *policy = machine->wishes.policy_set ? machine->wishes.policy : figures->policy;
    sluice_rate target = machine->wishes.rate_set ? machine->wishes.rate_bps
                         : machine->ledger.told_target ? machine->ledger.told_target_bps
                                                       : figures->target_bps;
    sluice_rate minimum = machine->wishes.minimum_set ? machine->wishes.minimum_bps : figures->minimum_bps;
    const char *adaptive = sluice_words_adaptive(policy);
    faspmgr_begin(machine->writer, "RATE");
    faspmgr_number(machine->writer, "Rate", machine->paused ? 0 : kbps_of(target));
    faspmgr_number(machine->writer, "MinRate", minimum == 0 ? 0 : kbps_of(minimum));
    if (adaptive != NULL) {
        faspmgr_text(machine->writer, "Adaptive", adaptive);
        faspmgr_number(machine->writer, "Priority", sluice_words_priority(policy));
    }
    say(machine);
}

/* A session that waits for sources takes no CANCEL from other programs: it is shut down. */
static void say_cancel(sluice_machine *machine)
{
    bool shutdown = machine->order->ascp != NULL && machine->order->persistent;
    faspmgr_begin(machine->writer, shutdown ? "DONE" : "CANCEL");
    if (shutdown)
        faspmgr_text(machine->writer, "Operation", "Shutdown");
    say(machine);
}

static void say_entry(sluice_machine *machine, const sluice_machine_saying *saying)
{
    const sluice_order_entry *entry = &machine->order->entries[saying->entry];
    char range[48];
    void (*say_path)(faspmgr_writer *writer, const char *key, const char *value) =
        machine->order->ascp == NULL ? faspmgr_path_bytes : faspmgr_path;
    faspmgr_begin(machine->writer, saying->drop ? "STOP" : "START");
    say_path(machine->writer, "Source", entry->path);
    if (!saying->drop) {
        say_path(machine->writer, "Destination", entry->as);
        if (entry->ranged && entry->to == SLUICE_UNKNOWN)
            snprintf(range, sizeof range, "%llu:", (unsigned long long)entry->from);
        else
            snprintf(range, sizeof range, "%llu:%llu", (unsigned long long)entry->from, (unsigned long long)entry->to - 1);
        if (entry->ranged)
            faspmgr_text(machine->writer, "FileBytes", range);
    }
    say(machine);
}

static void say_no_more(sluice_machine *machine)
{
    faspmgr_begin(machine->writer, "DONE");
    faspmgr_text(machine->writer, "Operation", "Linger");
    say(machine);
}

/* Whether one more thing can be said within this second; else it is said in the next one. */
static bool affords(sluice_machine *machine, sluice_time now)
{
    if (now >= machine->second + SLUICE_SECOND) {
        machine->second = now;
        machine->spent = 0;
    }
    if (machine->spent == SLUICE_MACHINE_SAYS_MOST) {
        machine->later = machine->second + SLUICE_SECOND;
        return false;
    }
    return machine->ports->room(machine->user);
}

static void feed_sayings(sluice_machine *machine, sluice_time now)
{
    while (machine->said < machine->saying_count) {
        const sluice_machine_saying *next = &machine->sayings[machine->said];
        if (next->drop ? !affords(machine, now) : !machine->ports->room(machine->user))
            return;
        machine->spent += next->drop;
        machine->said++;
        say_entry(machine, next);
    }
    machine->said = machine->saying_count = 0;
}

/* A worker hears when it has said INIT. */
void sluice_machine_feed(sluice_machine *machine, sluice_time now)
{
    machine->later = SLUICE_NEVER;
    if (machine->stage != SLUICE_MACHINE_HEARD && machine->stage != SLUICE_MACHINE_SESSION)
        return;
    if (machine->cancel_due && machine->ports->room(machine->user)) {
        machine->cancel_due = false;
        say_cancel(machine);
    }
    if (machine->cancelled)
        return;
    if (machine->rate_due && affords(machine, now)) {
        machine->rate_due = false;
        machine->spent++;
        say_rate(machine);
    }
    feed_sayings(machine, now);
    if (machine->no_more_due && machine->saying_count == 0 && machine->ports->room(machine->user)) {
        machine->no_more_due = false;
        say_no_more(machine);
    }
}

sluice_time sluice_machine_wake(const sluice_machine *machine)
{
    return machine->wake < machine->later ? machine->wake : machine->later;
}

/* ---- what happens ---- */

void sluice_machine_started(sluice_machine *machine, int pid, sluice_time now)
{
    machine->stage = SLUICE_MACHINE_STARTED;
    machine->ledger.now.worker = pid;
    machine->done = false;
    machine->cause.known = false;
    /* Its order has all that was asked for so far, but for this. */
    machine->said = machine->saying_count = machine->spent = 0;
    machine->rate_due = machine->paused || machine->wishes.policy_set;
    machine->no_more_due = machine->no_more;
    sluice_ledger_attempt_begin(&machine->ledger, now);
    sluice_machine_escalate(machine, SIGTERM, now + SLUICE_MACHINE_INIT_NS, SLUICE_MACHINE_TERM_NS);
}

/* For want of room: ELIMIT and ENOMEM, for which another moment may be better. */
void sluice_machine_unable(sluice_machine *machine, int status, const char *why, sluice_time now)
{
    bool again = status == SLUICE_ELIMIT || status == SLUICE_ENOMEM;
    machine->stage = SLUICE_MACHINE_ENDING; /* it waits for nothing */
    machine->cause.known = false;
    blame(machine, status, status == SLUICE_ELIMIT ? 33 : faspmgr_code(status), again, why);
    attempt_failed(machine, now);
}

static void hear_init(sluice_machine *machine)
{
    if (machine->stage != SLUICE_MACHINE_STARTED)
        return;
    machine->stage = SLUICE_MACHINE_HEARD;
    if (!machine->cancelled)
        machine->wake = SLUICE_NEVER;
    state_set(machine, SLUICE_JOB_CONNECTING);
    tell(machine, SLUICE_JOB_EVENT_CONNECTING, "", 0);
}

static void hear_session(sluice_machine *machine)
{
    if (machine->stage != SLUICE_MACHINE_HEARD)
        return;
    machine->stage = SLUICE_MACHINE_SESSION;
    machine->session_seen = true;
    machine->ledger.now.status = SLUICE_OK;
    machine->ledger.now.code = 0;
    machine->ledger.now.message[0] = '\0';
    state_set(machine, machine->ledger.paused ? SLUICE_JOB_PAUSED : SLUICE_JOB_RUNNING);
    tell(machine, SLUICE_JOB_EVENT_SESSION_START, "", 0);
}

static void ending(sluice_machine *machine, sluice_time now)
{
    machine->stage = SLUICE_MACHINE_ENDING;
    sluice_machine_escalate(machine, SIGTERM, now + SLUICE_MACHINE_LINGER_NS, SLUICE_MACHINE_TERM_NS);
}

static void hear_error(sluice_machine *machine, const faspmgr_message *message)
{
    uint64_t number = faspmgr_value_number(message, "Code"), status = faspmgr_value_number(message, "Status");
    const char *why = faspmgr_value(message, "Description");
    unsigned code = number <= UINT32_MAX ? (unsigned)number : 0;
    faspmgr_ascp row = faspmgr_ascp_of(code);
    if (why == NULL || why[0] == '\0')
        why = row.meaning;
    int ours = status > 0 && status < 1000 ? -(int)status : row.status;
    blame(machine, ours, code, worth_it(code, why), why);
}

void sluice_machine_hear(sluice_machine *machine, const faspmgr_message *message, sluice_time now)
{
    if (machine->stage < SLUICE_MACHINE_STARTED || machine->stage > SLUICE_MACHINE_SESSION)
        return;
    bool done = strcmp(message->type, "DONE") == 0, error = strcmp(message->type, "ERROR") == 0;
    if (machine->stage == SLUICE_MACHINE_STARTED && strcmp(message->type, "INIT") != 0 && !error)
        return; /* INIT is the first word; before it only the last one can come */
    sluice_ledger_take(&machine->ledger, message, now);
    if (strcmp(message->type, "INIT") == 0)
        hear_init(machine);
    else if (strcmp(message->type, "SESSION") == 0)
        hear_session(machine);
    else if (error)
        hear_error(machine, message);
    machine->done = machine->done || done;
    if (done || error)
        ending(machine, now);
    else
        sluice_machine_feed(machine, now);
}

void sluice_machine_garbled(sluice_machine *machine, sluice_time now)
{
    if (!runs(machine) || machine->stage == SLUICE_MACHINE_ENDING)
        return;
    blame(machine, SLUICE_EPROTOCOL, faspmgr_code(SLUICE_EPROTOCOL), false,
          "the worker says what is no message of FASPMGR 2");
    machine->stage = SLUICE_MACHINE_ENDING;
    machine->ports->signal(machine->user, SIGKILL);
    sluice_machine_escalate(machine, SIGKILL, now + SLUICE_MACHINE_TERM_NS, SLUICE_MACHINE_TERM_NS);
}

void sluice_machine_silent(sluice_machine *machine, sluice_time now)
{
    if (runs(machine) && machine->stage != SLUICE_MACHINE_ENDING)
        ending(machine, now);
}

/* The runner's exit statuses, of a worker that could not say more. */
static int status_of_exit(int result)
{
    static const int statuses[] = {[2] = SLUICE_EUSAGE, [3] = SLUICE_ECONFIG, [4] = SLUICE_EAUTH, [5] = SLUICE_ECONNECT,
                                   [6] = SLUICE_EPARTIAL};
    if (result == 130)
        return SLUICE_EINTERRUPTED;
    return result >= 2 && result <= 6 ? statuses[result] : SLUICE_EFAILED;
}

static void blame_exit(sluice_machine *machine, int result, const char *line)
{
    char text[sizeof machine->cause.text];
    if (machine->order->ascp == NULL && strncmp(line, RUNNER, strlen(RUNNER)) == 0)
        line += strlen(RUNNER);
    if (result == SLUICE_PROCESS_UNKNOWN) {
        blame(machine, SLUICE_EFAILED, 2, true, line[0] != '\0' ? line : "the worker has ended, nobody knows how");
        return;
    }
    if (result < 0) {
        snprintf(text, sizeof text, "the worker was killed by signal %d%s%.900s", -result, line[0] != '\0' ? ": " : "", line);
        blame(machine, SLUICE_EFAILED, 2, true, text);
        return;
    }
    int status = machine->order->ascp == NULL ? status_of_exit(result) : SLUICE_EFAILED;
    unsigned code = status == SLUICE_EFAILED ? 2 : faspmgr_code(status);
    snprintf(text, sizeof text, "the worker has ended with status %d, and without its last word", result);
    blame(machine, status, code, worth_it(code, line), line[0] != '\0' ? line : text);
}

void sluice_machine_exited(sluice_machine *machine, int result, const char *line, sluice_time now)
{
    bool shut_down = machine->cancelled && machine->order->ascp != NULL && machine->order->persistent;
    if (!runs(machine))
        return;
    if (machine->ledger.transferred > 0)
        machine->retries = 0;
    machine->stage = SLUICE_MACHINE_ENDING;
    machine->ledger.now.worker = 0;
    machine->wake = SLUICE_NEVER;
    sluice_ledger_attempt_end(&machine->ledger);
    if (machine->done && !shut_down) {
        sluice_machine_end(machine, SLUICE_JOB_FINISHED, SLUICE_OK, 0, "", now);
        return;
    }
    blame_exit(machine, result, line);
    attempt_failed(machine, now);
}

static void next_attempt(sluice_machine *machine)
{
    machine->stage = SLUICE_MACHINE_WAITING;
    machine->wake = SLUICE_NEVER;
    state_set(machine, SLUICE_JOB_SUBMITTED);
    machine->ports->start(machine->user);
}

void sluice_machine_tick(sluice_machine *machine, sluice_time now)
{
    if (now >= machine->later)
        sluice_machine_feed(machine, now);
    if (now < machine->wake)
        return;
    if (machine->stage == SLUICE_MACHINE_RESTING) {
        next_attempt(machine);
        return;
    }
    if (machine->stage == SLUICE_MACHINE_STARTED && !machine->cancelled)
        blame(machine, SLUICE_ETIMEOUT, 13, true, "the worker was started, and said nothing");
    machine->ports->signal(machine->user, machine->next_signal);
    sluice_machine_escalate(machine, SIGKILL, now + machine->kill_after_ns, machine->kill_after_ns);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.c - an examination: name and addresses, the ticket, a probe each way, and what is made of it.
 *
 * Runs on the caller's thread, with a loop of its own for what is waited for; a probe has threads of its own, as every
 * transfer.
 */
#include "net/resolver.h"
#include "session/diagnosis.h"
#include "session/examinee.h"
#include "session/survey.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NAME_NS (10 * SLUICE_SECOND)
#define TCP_NS (3 * SLUICE_SECOND)
#define LINES 4 /* of ssh, that are passed on */
#define LINE_BYTES 600

struct sluice_doctor {
    sluice *library;
    sluice_settings *settings;
    const sluice_transfer_settings *options; /* of settings */
    sluice_examinee examinee;
    sluice_ticket ticket;
    sluice_diagnosis diagnosis;
    char label[SLUICE_EXAMINEE_TEXT], address[SLUICE_EXAMINEE_TEXT], host[SLUICE_ADDRESS_HOST];
    uint16_t port;

    sluice_loop *loop;
    sluice_timer *timer; /* the end of patience */
    bool late;
    int wake_fd; /* eventfd: cancel may be called from signal handlers */
    sluice_watch *wake_watch;
    atomic_bool cancel;

    /* What is waited for. */
    bool settled;
    sluice_time begun;
    sluice_address addresses[SLUICE_RESOLVER_ADDRESSES];
    size_t address_count, standing;
    sluice_post over; /* of a probe, from its thread */

    sluice_probe pull, push;
    bool pulled, pushed; /* they have shown something */
    bool welcomed;
    pthread_mutex_t lock; /* guards the lines, which the probe's thread writes */
    char lines[LINES][LINE_BYTES];
    size_t line_count;
};

/* ---- waiting ---- */

static void on_wake(void *user, unsigned directions)
{
    sluice_doctor *doctor = user;
    uint64_t count;
    (void)directions;
    while (read(doctor->wake_fd, &count, sizeof count) == (ssize_t)sizeof count)
        continue;
}

static void on_timer(void *user, sluice_time now)
{
    sluice_doctor *doctor = user;
    (void)now;
    doctor->late = true;
}

static int interrupted(sluice_error *error)
{
    return sluice_fail(error, SLUICE_EINTERRUPTED, "interrupted");
}

/* Until what was begun has settled, patience is over (*late) or the user wants an end.  patience_ns SLUICE_NEVER: no
 * limit. */
static int await(sluice_doctor *doctor, sluice_duration patience_ns, sluice_error *error)
{
    int status = SLUICE_OK;
    doctor->late = false;
    sluice_timer_set(doctor->timer,
                     patience_ns == SLUICE_NEVER ? SLUICE_NEVER : sluice_loop_refresh(doctor->loop) + patience_ns);
    while (status == SLUICE_OK && !doctor->settled && !doctor->late && !atomic_load(&doctor->cancel))
        status = sluice_loop_step(doctor->loop, SLUICE_NEVER, error);
    sluice_timer_set(doctor->timer, SLUICE_NEVER);
    if (status == SLUICE_OK && atomic_load(&doctor->cancel))
        return interrupted(error);
    return status;
}

/* ---- name and addresses ---- */

static void on_resolved(void *user, int failed, const char *why, const sluice_address *addresses, size_t count)
{
    sluice_doctor *doctor = user;
    sluice_duration took_ns = sluice_loop_refresh(doctor->loop) - doctor->begun;
    doctor->settled = true;
    if (failed) {
        sluice_diagnose_no_name(&doctor->diagnosis, doctor->host, why);
        return;
    }
    doctor->address_count = count;
    memcpy(doctor->addresses, addresses, count * sizeof *addresses);
    sluice_diagnose_name(&doctor->diagnosis, doctor->host, addresses, count, took_ns);
}

static int look_up(sluice_doctor *doctor, sluice_error *error)
{
    sluice_resolver *resolver;
    doctor->settled = false;
    doctor->address_count = 0;
    doctor->begun = sluice_loop_refresh(doctor->loop);
    int status = sluice_resolver_new(&resolver, doctor->loop, doctor->host, doctor->port, on_resolved, doctor, error);
    if (status != SLUICE_OK)
        return status;
    status = await(doctor, NAME_NS, error);
    sluice_resolver_free(resolver);
    if (status == SLUICE_OK && !doctor->settled)
        sluice_diagnose_no_name(&doctor->diagnosis, doctor->host, "no resolver answers");
    return status;
}

static void on_reached(void *user, const sluice_reach_result *results, size_t count)
{
    sluice_doctor *doctor = user;
    doctor->settled = true;
    doctor->standing = sluice_diagnose_tcp(&doctor->diagnosis, results, count);
}

static int try_addresses(sluice_doctor *doctor, sluice_error *error)
{
    sluice_reach *reach;
    doctor->settled = false;
    doctor->standing = 0;
    int status = sluice_reach_new(&reach, doctor->loop, doctor->addresses, doctor->address_count, TCP_NS, on_reached,
                                  doctor, error);
    if (status != SLUICE_OK)
        return status;
    status = await(doctor, SLUICE_NEVER, error);
    sluice_reach_free(reach);
    return status;
}

/* Whether there is a host to be tried; of those that the ticket names, where the user names none. */
static bool choose_host(sluice_doctor *doctor, size_t turn)
{
    const sluice_operands *server = &doctor->examinee.server;
    doctor->port = server->port;
    snprintf(doctor->host, sizeof doctor->host, "%s", server->host);
    if (server->host[0])
        return turn == 0;
    return turn < doctor->ticket.address_count &&
           sluice_address_split(doctor->ticket.addresses[turn], SLUICE_DEFAULT_PORT, doctor->host, &doctor->port,
                                NULL) == SLUICE_OK;
}

/* From here on this is the server. */
static void settle_host(sluice_doctor *doctor)
{
    memcpy(doctor->examinee.server.host, doctor->host, sizeof doctor->host);
    doctor->examinee.server.port = doctor->port;
    sluice_examinee_label(&doctor->examinee, doctor->label);
    sluice_examinee_operand(&doctor->examinee, doctor->address);
}

static int go_there(sluice_doctor *doctor, sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t turn = 0; status == SLUICE_OK && doctor->standing == 0 && choose_host(doctor, turn); turn++) {
        status = look_up(doctor, error);
        if (status == SLUICE_OK && doctor->address_count)
            status = try_addresses(doctor, error);
    }
    if (status == SLUICE_OK && doctor->host[0])
        settle_host(doctor);
    if (status == SLUICE_OK && doctor->standing == 0)
        status = sluice_fail(error, SLUICE_ECONNECT, "cannot connect to %s; the findings say why", doctor->label);
    return status;
}

/* ---- the ticket ---- */

static int read_ticket(sluice_doctor *doctor, sluice_error *error)
{
    char path[PATH_MAX];
    uint64_t now_s = (uint64_t)time(NULL);
    int status = SLUICE_OK;
    if (doctor->options->ticket_file)
        snprintf(path, sizeof path, "%s", doctor->options->ticket_file);
    else
        status = sluice_ticket_default_path(path, sizeof path, error);
    if (status == SLUICE_OK)
        status = sluice_ticket_read(path, &doctor->ticket, error);
    if (status == SLUICE_OK && sluice_ticket_expired(&doctor->ticket, now_s))
        status = sluice_fail(error, SLUICE_EAUTH, "%s: the ticket has expired", path);
    return status;
}

/* ---- probes ---- */

/* ssh's own words are worth to be read. */
static void line_keep(sluice_doctor *doctor, const char *line)
{
    pthread_mutex_lock(&doctor->lock);
    if (doctor->line_count < LINES)
        snprintf(doctor->lines[doctor->line_count++], LINE_BYTES, "%s", line);
    pthread_mutex_unlock(&doctor->lock);
}

static void on_event(void *user, const sluice_event *event)
{
    sluice_doctor *doctor = user;
    if (event->type == SLUICE_EVENT_WARNING && doctor->examinee.by_ssh && !event->session)
        line_keep(doctor, event->message);
    if (event->type == SLUICE_EVENT_DONE)
        sluice_loop_post(doctor->loop, &doctor->over);
}

static void on_over(sluice_post *post)
{
    sluice_doctor *doctor = (sluice_doctor *)(void *)((char *)post - offsetof(sluice_doctor, over));
    doctor->settled = true;
}

/* One way; what becomes of it lies in the probe and in *why. */
static int probe(sluice_doctor *doctor, sluice_probe *probe, sluice_error *why, sluice_error *error)
{
    sluice_transfer *transfer;
    doctor->settled = false;
    doctor->over = (sluice_post){.run = on_over};
    int status = sluice_probe_start(doctor->library, doctor->settings, &doctor->examinee.server, probe, on_event,
                                    doctor, &transfer, why);
    if (status == SLUICE_OK) {
        status = await(doctor, SLUICE_NEVER, error);
        if (status != SLUICE_OK)
            sluice_transfer_cancel(transfer);
        (void)sluice_transfer_wait(transfer, NULL, why);
        sluice_transfer_free(transfer);
    } else {
        status = SLUICE_OK;
    }
    sluice_loop_unpost(doctor->loop, &doctor->over);
    if (probe->enough)
        *why = (sluice_error){.status = SLUICE_OK};
    return status;
}

static void pass_lines_on(sluice_doctor *doctor)
{
    for (size_t i = 0; i < doctor->line_count; i++)
        sluice_diagnose_ssh_line(&doctor->diagnosis, doctor->lines[i]);
    doctor->line_count = 0;
}

/* The first welcome says whether and how the server can be reached at all. */
static void judge_setup(sluice_doctor *doctor, const sluice_probe *probe, const sluice_error *why)
{
    pass_lines_on(doctor);
    if (!probe->welcome_ns) {
        sluice_diagnose_no_welcome(&doctor->diagnosis, probe, why);
        return;
    }
    if (!doctor->welcomed) {
        sluice_diagnose_welcome(&doctor->diagnosis, probe);
        sluice_diagnose_udp(&doctor->diagnosis, probe);
    }
    doctor->welcomed = true;
}

/* A probe that ended for UDP's sake alone was judged with it. */
static void judge(sluice_doctor *doctor, const sluice_probe *probe, const sluice_error *why)
{
    if (probe->welcome_ns && why->status != SLUICE_OK && why->status != SLUICE_ECONNECT)
        sluice_diagnose_failure(&doctor->diagnosis, probe, why);
}

static int examine(sluice_doctor *doctor, bool push, sluice_error *error)
{
    sluice_error why = {0};
    sluice_probe *one = push ? &doctor->push : &doctor->pull;
    *one = (sluice_probe){.push = push};
    int status = probe(doctor, one, &why, error);
    if (status != SLUICE_OK)
        return status;
    judge_setup(doctor, one, &why);
    judge(doctor, one, &why);
    if (!one->welcome_ns)
        return sluice_fail(error, why.status, "%s", why.text);
    *(push ? &doctor->pushed : &doctor->pulled) = one->enough || one->has_facts;
    return SLUICE_OK;
}

/* The other way.  UDP that has just been found dead needs not be waited for once more; where there is no TCP for the
 * data either, there is nothing more to see. */
static int examine_push(sluice_doctor *doctor, sluice_error *error)
{
    const sluice_probe *pull = &doctor->pull;
    bool tcp = pull->moved || strcmp(pull->transport, "tcp") == 0;
    int status = SLUICE_OK;
    if (!pull->live && !tcp)
        return SLUICE_OK;
    if (!pull->live)
        status = sluice_settings_set(doctor->settings, "transport", "tcp", error);
    return status == SLUICE_OK ? examine(doctor, true, error) : status;
}

/* ---- this side's disk ---- */

/* Where a copy would most likely put its files; else where it surely can. */
static const char *measure_disk(sluice_facts *facts, char *place, size_t size)
{
    const char *other = getenv("TMPDIR");
    char cwd[PATH_MAX];
    other = other && other[0] ? other : "/tmp";
    sluice_survey_disk(facts, ".", NULL);
    if (facts->disk_write_bps == 0)
        sluice_survey_disk(facts, other, NULL);
    else
        other = getcwd(cwd, sizeof cwd) ? cwd : ".";
    snprintf(place, size, "%.*s", (int)size - 1, other);
    return place;
}

/* ---- the whole ---- */

static int examine_all(sluice_doctor *doctor, sluice_error *error)
{
    int status = examine(doctor, false, error);
    if (status == SLUICE_OK)
        status = examine_push(doctor, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_probe *pull = doctor->pulled ? &doctor->pull : NULL, *push = doctor->pushed ? &doctor->push : NULL;
    sluice_facts disk = {0};
    char place[200];
    sluice_diagnose_path(&doctor->diagnosis, pull, push);
    if (!pull && !push)
        sluice_diagnose_nothing(&doctor->diagnosis);
    else
        sluice_diagnose_hosts(&doctor->diagnosis, pull, push, &disk, measure_disk(&disk, place, sizeof place));
    return atomic_load(&doctor->cancel) ? interrupted(error) : SLUICE_OK;
}

int sluice_doctor_run(sluice_doctor *doctor, sluice_error *error)
{
    sluice_error no_ticket = {0};
    int status = SLUICE_OK, ticket = SLUICE_OK;
    if (doctor->examinee.by_ssh) {
        const char *target = doctor->examinee.server.target, *at = strrchr(target, '@');
        snprintf(doctor->host, sizeof doctor->host, "%s", at ? at + 1 : target);
    } else {
        ticket = read_ticket(doctor, &no_ticket);
        if (ticket == SLUICE_OK || doctor->examinee.server.host[0])
            status = go_there(doctor, error);
        if (ticket == SLUICE_OK)
            sluice_diagnose_ticket(&doctor->diagnosis, &doctor->ticket, (uint64_t)time(NULL));
        else if (status != SLUICE_EINTERRUPTED)
            sluice_diagnose_no_ticket(&doctor->diagnosis, &no_ticket);
    }
    if (status == SLUICE_OK && ticket != SLUICE_OK)
        return sluice_fail(error, ticket, "%s", no_ticket.text);
    return status == SLUICE_OK ? examine_all(doctor, error) : status;
}

/* ---- life ---- */

/* What is not of this examination: reports, lists.  The way of the packets is what is to be found out. */
static int settle_settings(sluice_doctor *doctor, const sluice_settings *settings, sluice_error *error)
{
    static const char *const rows[][2] = {{"report", ""}, {"json", "no"}, {"transport", "auto"}};
    int status = sluice_settings_copy(settings, &doctor->settings, error);
    for (size_t i = 0; i < SLUICE_COUNT(rows) && status == SLUICE_OK; i++)
        status = sluice_settings_set(doctor->settings, rows[i][0], rows[i][1], error);
    if (status == SLUICE_OK)
        doctor->options = sluice_settings_transfer(doctor->settings);
    return status;
}

static int start(sluice_doctor *doctor, sluice_error *error)
{
    int status = sluice_loop_new(&doctor->loop, error);
    if (status != SLUICE_OK)
        return status;
    doctor->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (doctor->wake_fd < 0)
        return sluice_fail(error, SLUICE_EIO, "cannot make an eventfd: %s", strerror(errno));
    status = sluice_timer_new(&doctor->timer, doctor->loop, on_timer, doctor);
    if (status == SLUICE_OK)
        status = sluice_watch_new(&doctor->wake_watch, doctor->loop, doctor->wake_fd, on_wake, doctor);
    if (status == SLUICE_OK)
        status = sluice_watch_set(doctor->wake_watch, SLUICE_WATCH_READ);
    return status == SLUICE_OK ? SLUICE_OK : sluice_fail(error, status, "out of memory for an examination");
}

int sluice_doctor_new(sluice *instance, const sluice_doctor_order *order, sluice_doctor **out, sluice_error *error)
{
    sluice_doctor *doctor = calloc(1, sizeof *doctor);
    if (!doctor)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for an examination");
    doctor->library = instance;
    doctor->wake_fd = -1;
    pthread_mutex_init(&doctor->lock, NULL);
    int status = sluice_examinee_read(&doctor->examinee, order->host, error);
    if (status == SLUICE_OK)
        status = settle_settings(doctor, order->settings, error);
    if (status == SLUICE_OK)
        status = start(doctor, error);
    if (status != SLUICE_OK) {
        sluice_doctor_free(doctor);
        return status;
    }
    sluice_examinee_label(&doctor->examinee, doctor->label);
    sluice_examinee_operand(&doctor->examinee, doctor->address);
    doctor->diagnosis = (sluice_diagnosis){
        .found = order->found,
        .user = order->user,
        .server = doctor->label,
        .host = doctor->host,
        .by_ssh = doctor->examinee.by_ssh,
        .udp_ports = doctor->options->udp_ports,
        .target_bps = doctor->options->rate,
    };
    *out = doctor;
    return SLUICE_OK;
}

void sluice_doctor_cancel(sluice_doctor *doctor)
{
    uint64_t one = 1;
    int kept = errno;
    atomic_store(&doctor->cancel, true);
    ssize_t written = write(doctor->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
    errno = kept;
}

unsigned sluice_doctor_count(const sluice_doctor *doctor, sluice_finding_level level)
{
    return doctor->diagnosis.counts[level];
}

const char *sluice_doctor_options(const sluice_doctor *doctor)
{
    return doctor->diagnosis.options;
}

const char *sluice_doctor_address(const sluice_doctor *doctor)
{
    return doctor->address;
}

void sluice_doctor_free(sluice_doctor *doctor)
{
    if (!doctor)
        return;
    sluice_watch_free(doctor->wake_watch);
    sluice_timer_free(doctor->timer);
    if (doctor->loop)
        sluice_loop_free(doctor->loop);
    if (doctor->wake_fd >= 0)
        close(doctor->wake_fd);
    sluice_ticket_wipe(&doctor->ticket);
    sluice_settings_free(doctor->settings);
    pthread_mutex_destroy(&doctor->lock);
    free(doctor);
}

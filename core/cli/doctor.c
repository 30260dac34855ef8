/* SPDX-License-Identifier: Apache-2.0 */
/* sluice doctor: what will hurt a transfer, before there is one. */
#include "cli/command.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/line.h"
#include "cli/screen.h"
#include "cli/undertaking.h"

#include <sluice/doctor.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct patient {
    bool json, quiet;
    pthread_mutex_t lock; /* guards doctor */
    sluice_doctor *doctor;
    sluice_interrupt interrupt;
} patient;

static const char *const marks[SLUICE_FINDING_LEVELS] = {"ok", "note", "WARN", "BAD"};
static const char *const words[SLUICE_FINDING_LEVELS] = {"good", "note", "warning", "bad"};

/* ---- JSON ---- */

static void put_finding(const sluice_finding *finding)
{
    sluice_json json = {.out = stdout};
    sluice_json_open(&json, NULL, '{');
    sluice_json_text(&json, "event", "finding");
    sluice_json_text(&json, "topic", finding->topic);
    sluice_json_text(&json, "level", words[finding->level]);
    sluice_json_text(&json, "where", finding->where);
    sluice_json_text(&json, "message", finding->sentence);
    sluice_json_text(&json, "remedy", finding->remedy);
    sluice_json_close(&json, '}');
    putchar('\n');
}

static void put_done(const sluice_doctor *doctor, int status, int exit_status, const char *message)
{
    sluice_json json = {.out = stdout};
    sluice_json_open(&json, NULL, '{');
    sluice_json_text(&json, "event", "done");
    sluice_json_text(&json, "status", status != SLUICE_OK ? "failed" : exit_status != 0 ? "bad" : "ok");
    sluice_json_int(&json, "exit", exit_status);
    sluice_json_int(&json, "code", status);
    sluice_json_text(&json, "message", message);
    for (int level = 0; level < SLUICE_FINDING_LEVELS; level++)
        sluice_json_number(&json, words[level], sluice_doctor_count(doctor, (sluice_finding_level)level));
    sluice_json_text(&json, "address", sluice_doctor_address(doctor));
    sluice_json_text(&json, "options", sluice_doctor_options(doctor));
    sluice_json_close(&json, '}');
    putchar('\n');
}

/* ---- for people ---- */

/* A peer's words must not command the terminal. */
static void put_text(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            printf("\\x%02x", (unsigned)(unsigned char)*text);
        else
            putchar(*text);
    putchar('\n');
}

static void show_finding(const sluice_finding *finding)
{
    printf("%-5s %-8s %-6s ", marks[finding->level], finding->topic, finding->where);
    put_text(finding->sentence);
    if (finding->remedy[0] == '\0')
        return;
    printf("%21s -> ", "");
    put_text(finding->remedy);
}

static void show_sum(const sluice_doctor *doctor, const sluice_settings *settings)
{
    const char *ticket = sluice_settings_get(settings, "ticket-file"), *options = sluice_doctor_options(doctor);
    const char *rate = sluice_settings_get(settings, "rate"), *address = sluice_doctor_address(doctor);
    unsigned bad = sluice_doctor_count(doctor, SLUICE_FINDING_BAD);
    unsigned warnings = sluice_doctor_count(doctor, SLUICE_FINDING_WARNING);
    bool tls = strncmp(address, "sluice://", 9) == 0;
    if (bad + warnings == 0)
        printf("Nothing stands in the way of a transfer.");
    else
        printf("%u bad, %u %s.", bad, warnings, warnings == 1 ? "warning" : "warnings");
    printf(" Use: sluice copy%s%s%s%s%s%s FILE... %s\n", tls && ticket ? " --ticket-file " : "",
           tls && ticket ? ticket : "", rate && strcmp(rate, "0") != 0 ? " --rate " : "",
           rate && strcmp(rate, "0") != 0 ? rate : "", options[0] ? " " : "", options, address);
}

/* ---- running it ---- */

static void found(void *user, const sluice_finding *finding)
{
    const patient *one = user;
    if (one->json)
        put_finding(finding);
    else if (!one->quiet || finding->level >= SLUICE_FINDING_WARNING)
        show_finding(finding);
    fflush(stdout);
}

static void interrupted(void *user, int signal, unsigned count)
{
    patient *one = user;
    (void)signal;
    if (count > 1)
        _exit(sluice_status_exit(SLUICE_EINTERRUPTED));
    pthread_mutex_lock(&one->lock);
    if (one->doctor != NULL)
        sluice_doctor_cancel(one->doctor);
    pthread_mutex_unlock(&one->lock);
}

static void set_doctor(patient *one, sluice_doctor *doctor)
{
    pthread_mutex_lock(&one->lock);
    one->doctor = doctor;
    if (doctor != NULL && sluice_interrupt_last(&one->interrupt) != 0)
        sluice_doctor_cancel(doctor);
    pthread_mutex_unlock(&one->lock);
}

static int examine(patient *one, sluice *library, const sluice_settings *settings, const char *host)
{
    sluice_error error = {0};
    sluice_doctor *doctor;
    sluice_doctor_order order = {.size = sizeof order, .settings = settings, .host = host, .found = found, .user = one};
    int status = sluice_doctor_new(library, &order, &doctor, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    set_doctor(one, doctor);
    status = sluice_doctor_run(doctor, &error);
    set_doctor(one, NULL);
    int exit_status =
        status != SLUICE_OK ? sluice_status_exit(status) : sluice_doctor_count(doctor, SLUICE_FINDING_BAD) > 0;
    if (one->json)
        put_done(doctor, status, exit_status, error.text);
    else if (status == SLUICE_OK && !one->quiet)
        show_sum(doctor, settings);
    if (status != SLUICE_OK)
        sluice_screen_fail(NULL, status, &error);
    sluice_doctor_free(doctor);
    return fflush(stdout) == 0 ? exit_status : 1;
}

static int run(const sluice_line *line, sluice *library)
{
    sluice_error error = {0};
    sluice_settings *settings;
    int status = sluice_line_settings(line, library, NULL, &settings, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    patient one = {.json = sluice_screen_is_on(settings, "json"), .quiet = sluice_screen_is_on(settings, "quiet")};
    pthread_mutex_init(&one.lock, NULL);
    status = sluice_interrupt_begin(&one.interrupt, SLUICE_HANGUP_ENDS, interrupted, &one, &error);
    int exit_status;
    if (status == SLUICE_OK) {
        exit_status = examine(&one, library, settings, line->operands[0]);
        sluice_interrupt_end(&one.interrupt);
    } else {
        exit_status = sluice_screen_fail(NULL, status, &error);
    }
    pthread_mutex_destroy(&one.lock);
    sluice_settings_free(settings);
    return exit_status;
}

static int check_line(sluice_line *line, sluice_error *error)
{
    if (line->operand_count != 1)
        return sluice_fail(error, SLUICE_EUSAGE, "doctor needs one host; see `sluice doctor --help`");
    return SLUICE_OK;
}

int sluice_command_doctor(int argc, char **argv)
{
    static const sluice_undertaking undertaking = {
        .help = &sluice_help_doctor, .check = check_line, .run = run};
    return sluice_undertaking_run(&undertaking, argc, argv);
}

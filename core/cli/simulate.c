/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice simulate SCENARIO.ini`: congestion controls in virtual time; what a control must stand (--conformance), and what it reaches
 * (--report-card). */
#include "cli/command.h"
#include "cli/help.h"
#include "cli/json.h"
#include "cli/line.h"
#include "cli/report_card.h"
#include "cli/screen.h"
#include "cli/simulate_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEEDS_MOST 1000

static bool given(const sluice_line *line, const char *key)
{
    const char *value = sluice_line_value(line, key);
    return value != NULL && strcmp(value, "no") != 0;
}

static double cpu_seconds(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void complain(void *user, const char *sentence)
{
    (void)user;
    sluice_screen_complain(sentence);
}

/* ---- files ---- */

typedef void writer(sluice_record *record, const char *title, FILE *out);

static void write_csv(sluice_record *record, const char *title, FILE *out)
{
    (void)title;
    sluice_record_csv(record, out);
}

/* path NULL: nothing is wanted; "-": standard output. */
static int write_file(sluice_record *record, const char *title, const char *path, writer *write, sluice_error *error)
{
    if (path == NULL)
        return SLUICE_OK;
    bool standard = strcmp(path, "-") == 0;
    FILE *out = standard ? stdout : fopen(path, "we");
    if (out == NULL)
        return sluice_fail(error, SLUICE_EIO, "%s: cannot be written: %s", path, strerror(errno));
    write(record, title, out);
    bool bad = fflush(out) != 0 || ferror(out);
    int reason = errno;
    if (!standard)
        bad = fclose(out) != 0 || bad;
    return bad ? sluice_fail(error, SLUICE_EIO, "%s: cannot be written: %s", path, strerror(reason)) : SLUICE_OK;
}

static bool is_standard(const sluice_line *line, const char *key)
{
    const char *path = sluice_line_value(line, key);
    return path != NULL && strcmp(path, "-") == 0;
}

/* ---- a scenario ---- */

static void tell(const sluice_line *line, const sluice_record_runs *runs, double seconds)
{
    sluice_record *first = &runs->runs[0];
    if (given(line, "json")) {
        for (size_t i = 0; i < runs->count; i++)
            sluice_record_json(&runs->runs[i], i == 0, stdout);
        return;
    }
    if (is_standard(line, "csv") || is_standard(line, "svg"))
        return;
    if (runs->count > 1)
        sluice_record_median(runs);
    else
        sluice_record_table(first);
    double judged = first->track_count > 0 ? first->tracks[0].result.from : 0, all = first->end * (double)runs->count;
    printf("%.6g s of virtual time in %.3f s of this processor (%.0f times as fast); the figures are of %.6g to %.6g s\n", all,
           seconds, seconds > 0 ? all / seconds : 0, judged, first->end);
}

static int set_values(const sluice_line *line, sluice_scenario *scenario, sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t i = 0; i < line->set_count && status == SLUICE_OK; i++)
        status = sluice_scenario_set(scenario, line->sets[i], error);
    return status;
}

static int set_seed(sluice_scenario *scenario, const char *seed, sluice_error *error)
{
    char assignment[128];
    snprintf(assignment, sizeof assignment, "simulation.seed=%.60s", seed);
    return sluice_scenario_set(scenario, assignment, error);
}

static int run_all(sluice_scenario *scenario, sluice_record_runs *runs, sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t i = 0; i < runs->count && status == SLUICE_OK; i++) {
        sluice_simulation_calls calls;
        char seed[32];
        snprintf(seed, sizeof seed, "%lld", (long long)runs->first + (long long)i);
        sluice_record_calls(&runs->runs[i], &calls);
        if (runs->count > 1) /* only the first is drawn */
            status = set_seed(scenario, seed, error);
        if (i > 0)
            calls.interval = NULL;
        if (status == SLUICE_OK)
            status = sluice_simulate(scenario, &calls, error);
        if (status == SLUICE_OK && runs->runs[i].failed)
            status = sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    }
    return status;
}

/* --seeds, and the first of them. */
static int seeds(const sluice_line *line, sluice_record_runs *runs, sluice_error *error)
{
    const char *count = sluice_line_value(line, "seeds"), *seed = sluice_line_value(line, "seed");
    char *end = NULL;
    runs->count = count == NULL ? 1 : strtoul(count, &end, 10);
    if (count != NULL && (*end != '\0' || runs->count < 1 || runs->count > SEEDS_MOST))
        return sluice_fail(error, SLUICE_EUSAGE, "--seeds: '%s' is no number from 1 to %d", count, SEEDS_MOST);
    runs->first = seed == NULL ? 1 : strtoll(seed, NULL, 10);
    runs->runs = calloc(runs->count, sizeof *runs->runs);
    return runs->runs == NULL ? sluice_fail(error, SLUICE_ENOMEM, "out of memory") : SLUICE_OK;
}

static int run(const sluice_line *line, const char *path, sluice_scenario *scenario, sluice_error *error)
{
    const char *slash = strrchr(path, '/'), *title = slash != NULL ? slash + 1 : path;
    const char *seed = sluice_line_value(line, "seed");
    sluice_record_runs runs = {.runs = NULL};
    int status = seed == NULL ? SLUICE_OK : set_seed(scenario, seed, error);
    if (status == SLUICE_OK)
        status = seeds(line, &runs, error);
    double begin = cpu_seconds();
    if (status == SLUICE_OK)
        status = run_all(scenario, &runs, error);
    double seconds = cpu_seconds() - begin;
    if (status == SLUICE_OK)
        status = write_file(&runs.runs[0], title, sluice_line_value(line, "csv"), write_csv, error);
    if (status == SLUICE_OK)
        status = write_file(&runs.runs[0], title, sluice_line_value(line, "svg"), sluice_record_svg, error);
    if (status == SLUICE_OK)
        tell(line, &runs, seconds);
    for (size_t i = 0; runs.runs != NULL && i < runs.count; i++)
        sluice_record_fini(&runs.runs[i]);
    free(runs.runs);
    return status;
}

static int simulate(const sluice_line *line, sluice *library, sluice_error *error)
{
    sluice_scenario *scenario;
    if (line->operand_count != 1)
        return sluice_fail(error, SLUICE_EUSAGE, "simulate: which scenario? try sluice simulate --help");
    int status = sluice_scenario_read(library, line->operands[0], complain, NULL, &scenario, error);
    if (status != SLUICE_OK)
        return status;
    status = set_values(line, scenario, error);
    if (status == SLUICE_OK)
        status = run(line, line->operands[0], scenario, error);
    sluice_scenario_free(scenario);
    return status;
}

/* ---- a sample ---- */

static void print_sample(void)
{
    static const char *const sections[] = {"simulation", "link", "flow", "competitor", "event"};
    for (size_t i = 0; i < SLUICE_COUNT(sections); i++) {
        size_t count;
        const sluice_option *options = sluice_scenario_options(sections[i], &count);
        printf("%s;[%s%s]\n", i > 0 ? "\n" : "", sections[i], i > 0 ? " NAME" : "");
        for (size_t j = 0; j < count; j++) {
            char key[SLUICE_LINE_KEY], values[256];
            sluice_line_key(&options[j], key);
            sluice_help_values(&options[j], values, sizeof values);
            printf("; %s %s\n;%s = %s\n", options[j].help, values, key, options[j].def != NULL ? options[j].def : "");
        }
    }
}

/* ---- conformance ---- */

typedef struct card {
    bool json;
    unsigned tried, failed, missed; /* what is required and was not met; goals that were not reached */
} card;

static void print_verdict(void *user, const sluice_verdict *verdict)
{
    card *c = user;
    c->tried++;
    c->failed += verdict->required && !verdict->passed;
    c->missed += !verdict->required && !verdict->passed;
    if (c->json) {
        sluice_json json = {.out = stdout};
        sluice_json_open(&json, NULL, '{');
        sluice_json_text(&json, "event", "verdict");
        sluice_json_text(&json, "what", verdict->what);
        sluice_json_bool(&json, "required", verdict->required);
        sluice_json_bool(&json, "passed", verdict->passed);
        sluice_json_text(&json, "sentence", verdict->sentence);
        sluice_json_close(&json, '}');
        putchar('\n');
    } else {
        printf("%-5s %-52s %s\n", verdict->passed ? "ok" : verdict->required ? "FAIL" : "miss", verdict->what, verdict->sentence);
    }
    fflush(stdout);
}

static int conformance(const sluice_line *line, sluice *library, const char *name, sluice_error *error)
{
    card c = {.json = given(line, "json")};
    int status = sluice_conformance(library, name, print_verdict, &c, error);
    if (c.tried > 0 && !c.json)
        printf("%u of %u passed; %u required failed, %u goals missed\n", c.tried - c.failed - c.missed, c.tried, c.failed,
               c.missed);
    return status;
}

/* The plugin of --conformance or --report-card, whichever is given; NULL: a scenario is to be run. */
static const char *plugin_of(const sluice_line *line, const char **key)
{
    *key = sluice_line_value(line, "report-card") != NULL ? "report-card" : "conformance";
    return sluice_line_value(line, *key);
}

static int examine(const sluice_line *line, sluice *library, const char *key, const char *name, sluice_error *error)
{
    const char *slash = strchr(name, '/');
    if (line->operand_count != 0)
        return sluice_fail(error, SLUICE_EUSAGE, "simulate: --%s takes no scenario", key);
    if (slash != NULL && strncmp(name, "congestion/", 11) != 0)
        return sluice_fail(error, SLUICE_EUSAGE, "simulate: '%s' is no congestion plugin: congestion/NAME is asked for", name);
    int status = SLUICE_OK;
    for (size_t i = 0; i < line->set_count && status == SLUICE_OK; i++)
        status = sluice_config_set(library, line->sets[i], error);
    name = slash != NULL ? slash + 1 : name;
    if (status != SLUICE_OK)
        return status;
    return strcmp(key, "conformance") == 0 ? conformance(line, library, name, error)
                                           : sluice_report_card_run(line, library, name, error);
}

static int work(const sluice_line *line, sluice_error *error)
{
    sluice_line bare = *line; /* values of a scenario are no configuration: they are set when it was read */
    sluice *library;
    const char *key, *name = plugin_of(line, &key);
    if (given(line, "sample")) {
        print_sample();
        return SLUICE_OK;
    }
    bare.set_count = 0;
    int status = sluice_line_library(&bare, sluice_screen_complain, &library, error);
    if (status != SLUICE_OK)
        return status;
    status = name != NULL ? examine(line, library, key, name, error) : simulate(line, library, error);
    sluice_free(library);
    if (status == SLUICE_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = sluice_fail(error, SLUICE_EIO, "standard output cannot be written");
    return status;
}

int sluice_command_simulate(int argc, char **argv)
{
    sluice_line line = {.command = NULL};
    sluice_error error = {0};
    int status = sluice_line_parse(&line, &sluice_help_simulate, argc, argv, &error);
    if (status == SLUICE_OK && line.help)
        status = sluice_help_print(&sluice_help_simulate) == 0 ? SLUICE_OK : SLUICE_EIO;
    else if (status == SLUICE_OK)
        status = work(&line, &error);
    sluice_line_fini(&line);
    if (error.status != SLUICE_OK)
        sluice_screen_fail(NULL, error.status, &error);
    return sluice_status_exit(status);
}

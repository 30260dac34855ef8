/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each run is a case with one seed, and needs nothing of another: so they go to processes, not threads, as a library serves one
 * call at a time, and a plugin that crashes takes only its own run with it.  Runs are claimed from a counter that all share and
 * leave what they found in memory that all share; cases are told in their order, so that what is told does not depend on how
 * many processes there are.
 */
#include "cli/report_card.h"

#include "cli/json.h"
#include "cli/screen.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <sluice/simulate.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEDS 20
#define SEEDS_MOST 1000
#define JOBS_MOST 1024
#define UNKNOWN_JOBS 1 /* where nobody tells how many processors there are */

typedef struct entry {
    sluice_card_case about; /* its path is `path` */
    char path[160];
} entry;

typedef struct figure {
    double median, worst;
    bool passed;
} figure;

typedef enum verdict { PASSED, MISSED, TOLD, FAILED } verdict; /* TOLD: there is no goal */

/* One run. */
typedef struct run {
    atomic_bool done;
    int status;
    double values[SLUICE_CARD_FIGURES];
    char failure[400];
} run;

typedef struct shared {
    atomic_size_t next; /* run to be claimed */
    run runs[];
} shared;

typedef struct card {
    const char *plugin;
    sluice *library;
    bool json, markdown;
    entry *entries;
    size_t count, room;
    bool failed; /* memory ran out */
    size_t seeds, jobs;
    int64_t first;
    shared *shared;
    size_t told; /* entries */
    size_t cases, missed, broken; /* of the row that is being told */
    size_t rows_missed, rows;
    figure least[SLUICE_CARD_FIGURES], most[SLUICE_CARD_FIGURES]; /* of the row: medians and the worst of all */
    char *misses; /* paths that missed, for the Markdown table */
} card;

static const char *option_of(const sluice_line *line, const char *key)
{
    return sluice_line_value(line, key);
}

static bool given(const sluice_line *line, const char *key)
{
    const char *value = option_of(line, key);
    return value != NULL && strcmp(value, "no") != 0;
}

/* ---- which cases ---- */

static void take_case(void *user, const sluice_card_case *about)
{
    card *c = user;
    if (c->count == c->room) {
        size_t room = c->room == 0 ? 256 : 2 * c->room;
        entry *entries = realloc(c->entries, room * sizeof *entries);
        if (entries == NULL) {
            c->failed = true;
            return;
        }
        c->entries = entries;
        c->room = room;
    }
    entry *added = &c->entries[c->count++];
    added->about = *about;
    snprintf(added->path, sizeof added->path, "%s", about->path);
}

/* Cuts the next word out of a list with commas, without its blanks; false: there are no more. */
static bool next_word(const char **list, char *out, size_t room)
{
    size_t used = 0;
    while (**list == ',')
        ++*list;
    if (**list == '\0')
        return false;
    for (; **list != '\0' && **list != ','; ++*list)
        if (!isspace((unsigned char)**list) && used + 1 < room)
            out[used++] = **list;
    out[used] = '\0';
    return true;
}

static bool is_listed(const char *list, const char *word)
{
    char each[80];
    while (next_word(&list, each, sizeof each))
        if (strcmp(each, word) == 0)
            return true;
    return false;
}

/* Whether all words of a list are among those of a path. */
static bool path_has(const char *path, const char *list)
{
    char word[80];
    while (next_word(&list, word, sizeof word))
        if (!is_listed(path, word))
            return false;
    return true;
}

static int unknown_row(const card *c, const char *word, sluice_error *error)
{
    char rows[1000] = "";
    for (size_t i = 0, used = 0; i < c->count; i++)
        if ((i == 0 || strcmp(c->entries[i].about.row, c->entries[i - 1].about.row) != 0) && used < sizeof rows)
            used += (size_t)snprintf(rows + used, sizeof rows - used, "%s%s", used > 0 ? ", " : "", c->entries[i].about.row);
    return sluice_fail(error, SLUICE_EUSAGE, "--rows: there is no row '%s'; there are %s", word, rows);
}

static int check_rows(const card *c, const char *rows, sluice_error *error)
{
    char word[80];
    while (rows != NULL && next_word(&rows, word, sizeof word)) {
        bool known = false;
        for (size_t i = 0; i < c->count && !known; i++)
            known = strcmp(c->entries[i].about.row, word) == 0;
        if (!known)
            return unknown_row(c, word, error);
    }
    return SLUICE_OK;
}

/* A row that is asked for is tried whoever is to be judged by it. */
static int choose(card *c, const char *rows, const char *paths, sluice_error *error)
{
    size_t kept = 0;
    int status = sluice_card_cases(c->library, c->plugin, take_case, c, error);
    if (status == SLUICE_OK && c->failed)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    if (status == SLUICE_OK)
        status = check_rows(c, rows, error);
    if (status != SLUICE_OK)
        return status;
    for (size_t i = 0; i < c->count; i++) {
        const entry *e = &c->entries[i];
        if ((rows != NULL ? is_listed(rows, e->about.row) : e->about.concerned) && (paths == NULL || path_has(e->path, paths)))
            c->entries[kept++] = *e;
    }
    c->count = kept;
    for (size_t i = 0; i < c->count; i++)
        c->entries[i].about.path = c->entries[i].path;
    return kept > 0 ? SLUICE_OK : sluice_fail(error, SLUICE_EUSAGE, "--paths: no case has all of '%s'", paths != NULL ? paths : "");
}

static int number(const sluice_line *line, const char *key, size_t otherwise, size_t most, size_t *out, sluice_error *error)
{
    const char *text = option_of(line, key);
    char *end = NULL;
    *out = text == NULL ? otherwise : strtoul(text, &end, 10);
    if (text != NULL && (*end != '\0' || *out < 1 || *out > most))
        return sluice_fail(error, SLUICE_EUSAGE, "--%s: '%s' is no number from 1 to %zu", key, text, most);
    return SLUICE_OK;
}

static size_t processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? UNKNOWN_JOBS : count > JOBS_MOST ? JOBS_MOST : (size_t)count;
}

/* ---- figures ---- */

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* How far outside of its goal a value is, or, within, how near to its end: the more, the worse. */
static double badness(const sluice_card_figure *goal, double value)
{
    double below = isfinite(goal->least) ? goal->least - value : -HUGE_VAL;
    double above = isfinite(goal->most) ? value - goal->most : -HUGE_VAL;
    if (!isfinite(goal->least) && !isfinite(goal->most))
        return value;
    return fmax(below, above);
}

static bool is_met(const sluice_card_figure *goal, double value)
{
    return value >= goal->least && value <= goal->most;
}

static figure figure_of(const card *c, size_t at, size_t which, double *sorted)
{
    const sluice_card_figure *goal = &c->entries[at].about.figures[which];
    const run *runs = &c->shared->runs[at * c->seeds];
    figure out = {.worst = runs[0].values[which]};
    for (size_t i = 0; i < c->seeds; i++) {
        sorted[i] = runs[i].values[which];
        if (badness(goal, sorted[i]) > badness(goal, out.worst))
            out.worst = sorted[i];
    }
    qsort(sorted, c->seeds, sizeof *sorted, ascending);
    /* Of an even number the mean of the two in the middle; two that never came have no mean but that. */
    out.median = sorted[(c->seeds - 1) / 2];
    if (c->seeds % 2 == 0 && isfinite(sorted[c->seeds / 2]))
        out.median = (out.median + sorted[c->seeds / 2]) / 2;
    else if (c->seeds % 2 == 0)
        out.median = sorted[c->seeds / 2];
    out.passed = is_met(goal, out.median);
    return out;
}

static const char *failure_of(const card *c, size_t at)
{
    for (size_t i = 0; i < c->seeds; i++)
        if (c->shared->runs[at * c->seeds + i].status != SLUICE_OK)
            return c->shared->runs[at * c->seeds + i].failure;
    return NULL;
}

static const char *format_value(double value, char out[24])
{
    if (!isfinite(value))
        return "never";
    snprintf(out, 24, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : value >= 1 ? "%.2f" : "%.3f", value);
    return out;
}

static const char *format_goal(const sluice_card_figure *goal, char out[64])
{
    if (isfinite(goal->least) && isfinite(goal->most))
        snprintf(out, 64, "%.3g to %.3g", goal->least, goal->most);
    else if (isfinite(goal->least))
        snprintf(out, 64, "at least %.3g", goal->least);
    else if (isfinite(goal->most))
        snprintf(out, 64, "at most %.3g", goal->most);
    else
        snprintf(out, 64, "no goal");
    return out;
}

/* ---- JSON ---- */

static void put_value(sluice_json *json, const char *key, double value)
{
    if (isfinite(value))
        sluice_json_decimal(json, key, value > 0 ? (uint64_t)(value * 1e6 + 0.5) : 0, 1000000);
    else
        sluice_json_number(json, key, SLUICE_UNKNOWN);
}

static void put_case(const card *c, const entry *e, const figure *figures, verdict came, const char *failure)
{
    static const char *const words[] = {"passed", "missed", "told", "failed"};
    sluice_json json = {.out = stdout};
    sluice_json_open(&json, NULL, '{');
    sluice_json_text(&json, "event", "case");
    sluice_json_text(&json, "row", e->about.row);
    sluice_json_text(&json, "path", e->path);
    sluice_json_number(&json, "seeds", c->seeds);
    sluice_json_text(&json, "verdict", words[came]);
    if (failure != NULL)
        sluice_json_text(&json, "message", failure);
    sluice_json_open(&json, "figures", '[');
    for (size_t i = 0; failure == NULL && i < e->about.figure_count; i++) {
        const sluice_card_figure *goal = &e->about.figures[i];
        sluice_json_open(&json, NULL, '{');
        sluice_json_text(&json, "name", goal->name);
        put_value(&json, "median", figures[i].median);
        put_value(&json, "worst", figures[i].worst);
        put_value(&json, "least", goal->least);
        put_value(&json, "most", goal->most);
        sluice_json_bool(&json, "passed", figures[i].passed);
        sluice_json_close(&json, '}');
    }
    sluice_json_close(&json, ']');
    sluice_json_close(&json, '}');
    putchar('\n');
}

static void put_row(const card *c, const entry *e)
{
    sluice_json json = {.out = stdout};
    sluice_json_open(&json, NULL, '{');
    sluice_json_text(&json, "event", "row");
    sluice_json_text(&json, "row", e->about.row);
    sluice_json_text(&json, "what", e->about.what);
    sluice_json_number(&json, "cases", c->cases);
    sluice_json_number(&json, "missed", c->missed);
    sluice_json_number(&json, "failed", c->broken);
    sluice_json_close(&json, '}');
    putchar('\n');
}

/* ---- text ---- */

static void print_case(const entry *e, const figure *figures, verdict came, const char *failure)
{
    static const char *const words[] = {"ok", "miss", "-", "FAIL"};
    char median[24], worst[24];
    printf("%-5s %-22s %-48s", words[came], e->about.row, e->path);
    for (size_t i = 0; failure == NULL && i < e->about.figure_count; i++)
        printf("%s %s %s (%s)", i > 0 ? "," : "", e->about.figures[i].name, format_value(figures[i].median, median),
               format_value(figures[i].worst, worst));
    printf("%s%s\n", failure != NULL ? " " : "", failure != NULL ? failure : "");
}

/* ---- Markdown ---- */

static void add_miss(card *c, const entry *e, const figure *figures, const char *failure)
{
    char *text = NULL, median[24];
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL) {
        c->failed = true;
        return;
    }
    fprintf(out, "%s%s%s:", c->misses != NULL ? c->misses : "", c->misses != NULL ? "; " : "", e->path);
    if (failure != NULL)
        fprintf(out, " %s", failure);
    for (size_t i = 0, n = 0; failure == NULL && i < e->about.figure_count; i++)
        if (!figures[i].passed)
            fprintf(out, "%s %s %s", n++ > 0 ? "," : "", e->about.figures[i].name, format_value(figures[i].median, median));
    if (fclose(out) != 0)
        c->failed = true;
    free(c->misses);
    c->misses = text;
}

static void print_markdown(const card *c, const entry *e)
{
    char goal[64], least[24], most[24], worst[24];
    printf("| %s |", e->about.what);
    for (size_t i = 0; i < e->about.figure_count; i++)
        printf("%s %s %s", i > 0 ? ";" : "", e->about.figures[i].name, format_goal(&e->about.figures[i], goal));
    printf(" |");
    for (size_t i = 0; c->cases > c->broken && i < e->about.figure_count; i++) {
        format_value(c->least[i].median, least);
        const char *last = format_value(c->most[i].median, most);
        bool one = !isfinite(c->least[i].median) || strcmp(least, last) == 0;
        printf("%s %s %s%s%s (%s)", i > 0 ? ";" : "", e->about.figures[i].name,
               isfinite(c->least[i].median) ? least : "never", one ? "" : " to ", one ? "" : last,
               format_value(c->least[i].worst, worst));
    }
    size_t bad = c->missed + c->broken;
    if (bad == 0)
        printf(" | %s |\n", isfinite(e->about.figures[0].least) || isfinite(e->about.figures[0].most) ? "met" : "");
    else
        printf(" | missed by %zu of %zu: %s |\n", bad, c->cases, c->misses);
}

/* ---- telling ---- */

static void widen(card *c, const entry *e, const figure *figures, bool first)
{
    for (size_t i = 0; i < e->about.figure_count; i++) {
        if (first || figures[i].median < c->least[i].median)
            c->least[i].median = figures[i].median;
        if (first || figures[i].median > c->most[i].median)
            c->most[i].median = figures[i].median;
        if (first || badness(&e->about.figures[i], figures[i].worst) > badness(&e->about.figures[i], c->least[i].worst))
            c->least[i].worst = figures[i].worst;
    }
}

static void row_end(card *c, const entry *e)
{
    if (c->json)
        put_row(c, e);
    else if (c->markdown)
        print_markdown(c, e);
    c->rows++;
    c->rows_missed += c->missed + c->broken > 0;
    c->cases = c->missed = c->broken = 0;
    free(c->misses);
    c->misses = NULL;
}

static void tell_case(card *c, size_t at, double *sorted)
{
    const entry *e = &c->entries[at];
    const char *failure = failure_of(c, at);
    figure figures[SLUICE_CARD_FIGURES];
    verdict came = TOLD;
    for (size_t i = 0; i < e->about.figure_count; i++) {
        const sluice_card_figure *goal = &e->about.figures[i];
        figures[i] = figure_of(c, at, i, sorted);
        if (came == TOLD && (isfinite(goal->least) || isfinite(goal->most)))
            came = PASSED;
        if (!figures[i].passed)
            came = MISSED;
    }
    came = failure != NULL ? FAILED : came;
    if (failure == NULL)
        widen(c, e, figures, c->cases == c->broken);
    c->cases++;
    c->missed += came == MISSED;
    c->broken += came == FAILED;
    if (c->json)
        put_case(c, e, figures, came, failure);
    else if (!c->markdown)
        print_case(e, figures, came, failure);
    else if (came == MISSED || came == FAILED)
        add_miss(c, e, figures, failure);
    if (at + 1 == c->count || strcmp(e->about.row, c->entries[at + 1].about.row) != 0)
        row_end(c, e);
    fflush(stdout);
}

static bool is_complete(const card *c, size_t at)
{
    for (size_t i = 0; i < c->seeds; i++)
        if (!atomic_load(&c->shared->runs[at * c->seeds + i].done))
            return false;
    return true;
}

static void progress(size_t done, size_t all)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, done < all ? "\r%zu of %zu runs " : "\r\033[K", done, all);
}

/* ---- processes ---- */

/* Claims runs until there are no more; tells each that is over by a byte. */
static void work(const card *c, int over)
{
    size_t all = c->count * c->seeds;
    for (;;) {
        size_t at = atomic_fetch_add(&c->shared->next, 1);
        if (at >= all)
            return;
        run *r = &c->shared->runs[at];
        sluice_error error = {0};
        r->status = sluice_card_run(c->library, c->plugin, c->entries[at / c->seeds].about.index,
                                    c->first + (int64_t)(at % c->seeds), r->values, &error);
        snprintf(r->failure, sizeof r->failure, "%.*s", (int)sizeof r->failure - 1, error.text);
        atomic_store(&r->done, true);
        if (write(over, "", 1) != 1)
            return; /* nobody listens any more */
    }
}

/* Tells cases in their order, as far as they are complete, until the last worker has gone. */
static void hear(card *c, int over, double *sorted)
{
    char bytes[256];
    size_t all = c->count * c->seeds;
    for (;;) {
        ssize_t got = read(over, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        size_t done = 0;
        for (size_t i = 0; i < all; i++)
            done += atomic_load(&c->shared->runs[i].done);
        while (c->told < c->count && is_complete(c, c->told)) {
            progress(all, all);
            tell_case(c, c->told++, sorted);
        }
        progress(done, all);
    }
}

static void reap(size_t workers, int *last)
{
    for (size_t i = 0; i < workers; i++) {
        int status;
        pid_t pid;
        while ((pid = wait(&status)) < 0 && errno == EINTR)
            ;
        if (pid > 0 && status != 0)
            *last = status;
    }
}

/* Runs that were claimed and not finished went with their process. */
static void bury(card *c, int status)
{
    size_t all = c->count * c->seeds, next = atomic_load(&c->shared->next);
    for (size_t i = 0; i < all && i < next; i++) {
        run *r = &c->shared->runs[i];
        if (atomic_load(&r->done))
            continue;
        r->status = SLUICE_EFAILED;
        if (WIFSIGNALED(status))
            snprintf(r->failure, sizeof r->failure, "seed %lld: its process was ended by signal %d",
                     (long long)(c->first + (int64_t)(i % c->seeds)), WTERMSIG(status));
        else
            snprintf(r->failure, sizeof r->failure, "seed %lld: its process ended", (long long)(c->first + (int64_t)(i % c->seeds)));
        atomic_store(&r->done, true);
    }
}

/* As many processes as there may be, until all of them have gone. */
static int round_of(card *c, double *sorted, sluice_error *error)
{
    int over[2], status = 0;
    size_t all = c->count * c->seeds, left = all - atomic_load(&c->shared->next), workers = 0;
    if (pipe(over) < 0)
        return sluice_fail(error, SLUICE_EIO, "no pipe: %s", strerror(errno));
    fflush(stdout);
    for (; workers < c->jobs && workers < left; workers++) {
        pid_t pid = fork();
        if (pid == 0) {
            close(over[0]);
            work(c, over[1]);
            _exit(0);
        }
        if (pid < 0)
            break;
    }
    close(over[1]);
    if (workers == 0)
        sluice_fail(error, SLUICE_EIO, "no process could be made: %s", strerror(errno));
    hear(c, over[0], sorted);
    close(over[0]);
    reap(workers, &status);
    bury(c, status);
    return workers == 0 ? SLUICE_EIO : SLUICE_OK;
}

static int run_all(card *c, sluice_error *error)
{
    size_t all = c->count * c->seeds, bytes = sizeof *c->shared + all * sizeof *c->shared->runs;
    double *sorted = calloc(c->seeds, sizeof *sorted);
    int status = SLUICE_OK;
    c->shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c->shared == MAP_FAILED || sorted == NULL) {
        free(sorted);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    }
    if (c->markdown)
        printf("| what | goal | measured: medians of %zu seeds (worst) | |\n|---|---|---|---|\n", c->seeds);
    while (status == SLUICE_OK && atomic_load(&c->shared->next) < all)
        status = round_of(c, sorted, error);
    while (status == SLUICE_OK && c->told < c->count)
        tell_case(c, c->told++, sorted);
    munmap(c->shared, bytes);
    free(sorted);
    if (status == SLUICE_OK && c->failed)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    return status;
}

int sluice_report_card_run(const sluice_line *line, sluice *library, const char *name, sluice_error *error)
{
    const char *seed = option_of(line, "seed");
    card c = {.plugin = name,
              .library = library,
              .json = given(line, "json"),
              .markdown = given(line, "markdown"),
              .first = seed == NULL ? 1 : strtoll(seed, NULL, 10)};
    int status = number(line, "seeds", SEEDS, SEEDS_MOST, &c.seeds, error);
    if (status == SLUICE_OK)
        status = number(line, "jobs", processors(), JOBS_MOST, &c.jobs, error);
    if (status == SLUICE_OK)
        status = choose(&c, option_of(line, "rows"), option_of(line, "paths"), error);
    if (status == SLUICE_OK)
        status = run_all(&c, error);
    if (status == SLUICE_OK && !c.json && !c.markdown)
        printf("%zu of %zu rows met; medians of %zu seeds, and the worst in parentheses\n", c.rows - c.rows_missed, c.rows, c.seeds);
    if (status == SLUICE_OK && c.rows_missed > 0)
        status = sluice_fail(error, SLUICE_EFAILED, "congestion/%s misses %zu of %zu rows", name, c.rows_missed, c.rows);
    free(c.entries);
    free(c.misses);
    return status;
}

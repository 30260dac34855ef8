/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sluice worker: one transfer by the order of a manager (sluice/manager.h), which it has made of it.  Not for people.
 *
 * The order comes from a descriptor that was inherited, and nothing of it stands in an argument list: strings, each with a
 * NUL behind it, to the end of the file.  A word says what the strings behind it are:
 *
 *     set KEY VALUE               a long option of copy
 *     assign KIND.NAME.KEY=VALUE  an option of a plugin, as with --set
 *     plugin-path LIST            directories of plugins
 *     source ADDRESS AS FROM TO   an address as of copy, its name below the destination or "", and a range of bytes or ""s
 *     base ADDRESS                the directory that paths lie below, those that come later too
 *     path PATH AS FROM TO        a path below base
 *     destination ADDRESS         as of copy
 *     persistent                  the session stays for sources that come later
 *     ticket TEXT                 admission to a server
 *     ssh-port N, ssh-key FILE, password TEXT   what ssh is told
 *
 * Everything else goes by FASPMGR 2 on the second descriptor (doc/management-protocol.md).
 */
#include "cli/ascp_secrets.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/screen.h"
#include "cli/ssh_command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORDER_MOST (64u << 20) /* bytes */
#define WORDS_MOST 4           /* behind the first one */

typedef struct worker {
    char *text; /* the order; strings below point into it */
    size_t bytes, at;
    sluice *library;
    sluice_settings *settings;
    sluice_transfer_path *paths;
    size_t path_count, path_capacity;
    const char *base, *destination;
    bool addressed, persistent;
    sluice_ssh_words ssh;
    const char *ticket, *password;
    sluice_interrupt interrupt;
    pthread_mutex_t lock; /* guards transfer */
    sluice_transfer *transfer;
} worker;

/* ---- the order ---- */

static int read_order(worker *w, int descriptor, sluice_error *error)
{
    size_t room = 0;
    for (;;) {
        if (w->bytes + 1 >= room) {
            room = room == 0 ? 16384 : room * 2;
            char *grown = room <= ORDER_MOST ? realloc(w->text, room) : NULL;
            if (grown == NULL)
                return sluice_fail(error, SLUICE_ELIMIT, "the order is too long");
            w->text = grown;
        }
        ssize_t got = read(descriptor, w->text + w->bytes, room - w->bytes - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sluice_fail(error, SLUICE_EUSAGE, "worker: the order cannot be read: %s", strerror(errno));
        if (got == 0)
            break;
        w->bytes += (size_t)got;
    }
    if (w->bytes == 0 || w->text[w->bytes - 1] != '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "worker: the order has no end");
    return SLUICE_OK;
}

/* NULL: the order is over. */
static const char *next(worker *w)
{
    if (w->at >= w->bytes)
        return NULL;
    const char *word = w->text + w->at;
    w->at += strlen(word) + 1;
    return word;
}

/* "" is otherwise. */
static bool number(const char *text, uint64_t otherwise, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = text[0] == '\0' ? otherwise : strtoull(text, &end, 10);
    return text[0] == '\0' || (errno == 0 && *end == '\0' && strspn(text, "0123456789") == strlen(text));
}

static int take_path(worker *w, bool addressed, const char *const *words, sluice_error *error)
{
    sluice_transfer_path path = {.path = words[0], .as = words[1][0] != '\0' ? words[1] : NULL};
    if (w->path_count > 0 && addressed != w->addressed)
        return sluice_fail(error, SLUICE_EUSAGE, "worker: sources and paths do not go together");
    if (!number(words[2], 0, &path.from) || !number(words[3], SLUICE_UNKNOWN, &path.to))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: a range of bytes is FROM and TO", words[0]);
    if (w->path_count == w->path_capacity) {
        size_t capacity = w->path_capacity == 0 ? 16 : w->path_capacity * 2;
        sluice_transfer_path *grown = reallocarray(w->paths, capacity, sizeof *grown);
        if (grown == NULL)
            return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the order");
        w->paths = grown;
        w->path_capacity = capacity;
    }
    w->addressed = addressed;
    w->paths[w->path_count++] = path;
    return SLUICE_OK;
}

static int take_set(worker *w, const char *const *words, sluice_error *error)
{
    return sluice_settings_set(w->settings, words[0], words[1], error);
}

/* Plugins and their options come before settings are made of the configuration. */
static int nothing(worker *w, const char *const *words, sluice_error *error)
{
    (void)w;
    (void)words;
    (void)error;
    return SLUICE_OK;
}

static int take_assign(worker *w, const char *const *words, sluice_error *error)
{
    return sluice_config_set(w->library, words[0], error);
}

static int take_plugins(worker *w, const char *const *words, sluice_error *error)
{
    return sluice_plugin_path(w->library, words[0], error);
}

static int take_source(worker *w, const char *const *words, sluice_error *error)
{
    return take_path(w, true, words, error);
}

static int take_below(worker *w, const char *const *words, sluice_error *error)
{
    return take_path(w, false, words, error);
}

static int take_base(worker *w, const char *const *words, sluice_error *error)
{
    (void)error;
    w->base = words[0];
    return SLUICE_OK;
}

static int take_destination(worker *w, const char *const *words, sluice_error *error)
{
    (void)error;
    w->destination = words[0];
    return SLUICE_OK;
}

static int take_persistent(worker *w, const char *const *words, sluice_error *error)
{
    (void)words;
    (void)error;
    w->persistent = true;
    return SLUICE_OK;
}

static int take_ticket(worker *w, const char *const *words, sluice_error *error)
{
    (void)error;
    w->ticket = words[0];
    return SLUICE_OK;
}

static int take_port(worker *w, const char *const *words, sluice_error *error)
{
    if (!number(words[0], 0, &w->ssh.port) || w->ssh.port > UINT16_MAX)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: is no port", words[0]);
    return SLUICE_OK;
}

static int take_key(worker *w, const char *const *words, sluice_error *error)
{
    (void)error;
    w->ssh.key = words[0];
    return SLUICE_OK;
}

static int take_password(worker *w, const char *const *words, sluice_error *error)
{
    (void)error;
    w->password = words[0];
    w->ssh.password = true;
    return SLUICE_OK;
}

typedef int take_function(worker *w, const char *const *words, sluice_error *error);

static const struct {
    const char *word;
    unsigned count; /* of the strings that go with it */
    take_function *first, *second; /* with the configuration; with the settings that are made of it */
} rows[] = {
    {"plugin-path", 1, take_plugins, nothing}, {"assign", 1, take_assign, nothing},
    {"set", 2, nothing, take_set},             {"source", 4, nothing, take_source},
    {"base", 1, nothing, take_base},           {"path", 4, nothing, take_below},
    {"destination", 1, nothing, take_destination}, {"persistent", 0, nothing, take_persistent},
    {"ticket", 1, nothing, take_ticket},       {"ssh-port", 1, nothing, take_port},
    {"ssh-key", 1, nothing, take_key},         {"password", 1, nothing, take_password},
};

static int take_row(worker *w, const char *word, bool second, sluice_error *error)
{
    const char *words[WORDS_MOST];
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        if (strcmp(rows[i].word, word) != 0)
            continue;
        for (unsigned n = 0; n < rows[i].count; n++)
            if ((words[n] = next(w)) == NULL)
                return sluice_fail(error, SLUICE_EUSAGE, "worker: the order ends within '%s'", word);
        return (second ? rows[i].second : rows[i].first)(w, words, error);
    }
    return sluice_fail(error, SLUICE_EUSAGE, "worker: '%.40s' is no word of an order", word);
}

static int take_order(worker *w, bool second, sluice_error *error)
{
    const char *word;
    int status = SLUICE_OK;
    w->at = 0;
    while (status == SLUICE_OK && (word = next(w)) != NULL)
        status = take_row(w, word, second, error);
    return status;
}

/* ---- what it becomes ---- */

static int set_management(worker *w, const char *descriptor, sluice_error *error)
{
    char place[32];
    snprintf(place, sizeof place, "fd:%.20s", descriptor);
    int status = sluice_settings_set(w->settings, "management", place, error);
    if (status == SLUICE_OK)
        status = sluice_settings_set(w->settings, "report", "", error);
    return status == SLUICE_OK ? sluice_settings_set(w->settings, "quiet", "yes", error) : status;
}

static int set_secrets(worker *w, sluice_error *error)
{
    char path[SLUICE_ASCP_PATH];
    int status = SLUICE_OK;
    if (w->ticket != NULL)
        status = sluice_ascp_hold("the ticket", w->ticket, strlen(w->ticket), path, error);
    if (status == SLUICE_OK && w->ticket != NULL)
        status = sluice_settings_set(w->settings, "ticket-file", path, error);
    if (status == SLUICE_OK && w->password != NULL)
        status = sluice_ascp_ask_us(w->password, error);
    return status == SLUICE_OK ? sluice_ssh_command_set(w->settings, &w->ssh, error) : status;
}

static int prepare(worker *w, int argc, char **argv, sluice_error *error)
{
    uint64_t order;
    if (argc != 3 || !number(argv[1], 0, &order) || order > 65535)
        return sluice_fail(error, SLUICE_EUSAGE, "worker: is started by managers only; see sluice/manager.h");
    int status = read_order(w, (int)order, error);
    close((int)order);
    if (status == SLUICE_OK)
        status = sluice_new(&w->library, error);
    if (status != SLUICE_OK)
        return status;
    sluice_screen_log(w->library, &(sluice_line){.table = SLUICE_SETTINGS_TRANSFER});
    status = take_order(w, false, error);
    if (status == SLUICE_OK)
        status = sluice_plugin_path(w->library, secure_getenv("SLUICE_PLUGIN_PATH"), error);
    if (status == SLUICE_OK)
        status = sluice_settings_new(w->library, SLUICE_SETTINGS_TRANSFER, NULL, &w->settings, error);
    if (status == SLUICE_OK)
        status = take_order(w, true, error);
    if (status == SLUICE_OK)
        status = set_management(w, argv[2], error);
    return status == SLUICE_OK ? set_secrets(w, error) : status;
}

static void release(worker *w)
{
    sluice_settings_free(w->settings);
    sluice_free(w->library);
    free(w->paths);
    if (w->text != NULL)
        explicit_bzero(w->text, w->bytes);
    free(w->text);
}

/* ---- the transfer ---- */

static void interrupted(void *user, int signal, unsigned count)
{
    worker *w = user;
    (void)signal;
    if (count > 1)
        _exit(sluice_status_exit(SLUICE_EINTERRUPTED));
    pthread_mutex_lock(&w->lock);
    if (w->transfer != NULL)
        sluice_transfer_cancel(w->transfer);
    pthread_mutex_unlock(&w->lock);
}

/* What came before there was anything to cancel counts too. */
static void be_current(worker *w, sluice_transfer *transfer)
{
    pthread_mutex_lock(&w->lock);
    w->transfer = transfer;
    if (transfer != NULL && sluice_interrupt_last(&w->interrupt) != 0)
        sluice_transfer_cancel(transfer);
    pthread_mutex_unlock(&w->lock);
}

/* Before the manager is told. */
static void event(void *user, const sluice_event *told)
{
    worker *w = user;
    if (told->type == SLUICE_EVENT_DONE)
        sluice_interrupt_deafen(&w->interrupt, true);
}

static int transfer(worker *w, sluice_error *error)
{
    sluice_transfer *moving;
    const sluice_transfer_order order = {
        .size = sizeof order,
        .settings = w->settings,
        .sources = &w->base,
        .source_count = w->base != NULL ? 1 : 0,
        .destination = w->destination,
        .event = event,
        .user = w,
        .report = sluice_screen_spec(false, "never", true, false),
        .paths = w->paths,
        .path_count = w->path_count,
        .persistent = w->persistent,
    };
    int status = sluice_transfer_start(w->library, &order, &moving, error);
    if (status != SLUICE_OK)
        return status;
    be_current(w, moving);
    status = sluice_transfer_wait(moving, NULL, error);
    be_current(w, NULL);
    sluice_transfer_free(moving);
    return status;
}

static int transfer_with_signals(worker *w, sluice_error *error)
{
    pthread_mutex_init(&w->lock, NULL);
    int status = sluice_interrupt_begin(&w->interrupt, SLUICE_HANGUP_ENDS, interrupted, w, error);
    if (status == SLUICE_OK) {
        status = transfer(w, error);
        sluice_interrupt_deafen(&w->interrupt, true);
        sluice_interrupt_end(&w->interrupt);
    }
    pthread_mutex_destroy(&w->lock);
    return status;
}

int sluice_command_worker(int argc, char **argv)
{
    sluice_error error = {0};
    worker w = {.text = NULL};
    int status = prepare(&w, argc, argv, &error);
    if (status == SLUICE_OK)
        status = transfer_with_signals(&w, &error);
    release(&w);
    return status == SLUICE_OK ? 0 : sluice_screen_fail(NULL, status, &error);
}

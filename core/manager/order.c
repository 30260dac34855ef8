/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/order.h"

#include "manager/words.h"
#include "plugin/registry.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRIES 7
#define RETRY_FIRST_NS (2 * SLUICE_SECOND)
#define RETRY_MOST_NS (60 * SLUICE_SECOND)

static int out_of_memory(sluice_error *error)
{
    return sluice_fail(error, SLUICE_ENOMEM, "out of memory for an order");
}

static void wipe(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

/* Replaces a string; NULL: by none. */
static int keep(char **field, const char *text, sluice_error *error)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    if (copy == NULL && text != NULL)
        return out_of_memory(error);
    wipe(field);
    *field = copy;
    return SLUICE_OK;
}

/* ---- making ---- */

int sluice_order_new(sluice_direction direction, sluice_order **out, sluice_error *error)
{
    if (direction != SLUICE_PUSH && direction != SLUICE_PULL)
        return sluice_fail(error, SLUICE_EINVAL, "an order is a push or a pull");
    sluice_order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return out_of_memory(error);
    int status = sluice_settings_make(SLUICE_SETTINGS_TRANSFER, &order->settings, error);
    if (status != SLUICE_OK) {
        free(order);
        return status;
    }
    order->direction = direction;
    order->retries = RETRIES;
    order->retry_first_ns = RETRY_FIRST_NS;
    order->retry_most_ns = RETRY_MOST_NS;
    *out = order;
    return SLUICE_OK;
}

static void remote_clear(sluice_order *order)
{
    wipe(&order->remote.host);
    wipe(&order->remote.user);
    wipe(&order->remote.password);
    wipe(&order->remote.key_file);
    wipe(&order->remote.ticket_file);
    wipe(&order->remote.ticket);
    wipe(&order->remote.fingerprint);
    order->remote.port = 0;
    order->remote.ssh = order->remote.set = false;
}

void sluice_order_spend(sluice_order *order)
{
    remote_clear(order);
    for (size_t i = 0; i < order->count; i++) {
        free(order->entries[i].path);
        free(order->entries[i].as);
    }
    free(order->entries);
    order->entries = NULL;
    order->count = order->capacity = 0;
}

void sluice_order_free(sluice_order *order)
{
    if (order == NULL)
        return;
    sluice_order_spend(order);
    for (size_t i = 0; i < order->option_count; i++) {
        free(order->options[i].key);
        wipe(&order->options[i].value);
    }
    free(order->options);
    sluice_settings_free(order->settings);
    free(order->destination);
    wipe(&order->cookie);
    wipe(&order->tags);
    free(order->ascp);
    free(order);
}

/* ---- the other machine ---- */

/* A host or user becomes a part of an address, and one word of ssh's arguments. */
static int check_name(const char *what, const char *name, const char *but, sluice_error *error)
{
    if (name == NULL)
        return SLUICE_OK;
    if (name[0] == '\0' || name[0] == '-')
        return sluice_fail(error, SLUICE_EUSAGE, "'%s' is no name of a %s", name, what);
    for (const char *at = name; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f || strchr(but, *at) != NULL)
            return sluice_fail(error, SLUICE_EUSAGE, "'%s' is no name of a %s: it may not hold blanks or any of %s", name,
                               what, but);
    return SLUICE_OK;
}

static int remote_keep(sluice_order *order, const sluice_remote *remote, sluice_error *error)
{
    const struct {
        char **field;
        const char *text;
    } rows[] = {
        {&order->remote.host, remote->host},
        {&order->remote.user, remote->user},
        {&order->remote.password, remote->password},
        {&order->remote.key_file, remote->key_file},
        {&order->remote.ticket_file, remote->ticket_file},
        {&order->remote.ticket, remote->ticket},
        {&order->remote.fingerprint, remote->fingerprint},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        if (keep(rows[i].field, rows[i].text, error) != SLUICE_OK)
            return SLUICE_ENOMEM;
    order->remote.port = remote->port;
    order->remote.ssh = remote->ssh;
    order->remote.set = true;
    return SLUICE_OK;
}

int sluice_order_remote(sluice_order *order, const sluice_remote *given, sluice_error *error)
{
    sluice_remote remote = {.size = sizeof remote};
    if (given == NULL || given->size == 0)
        return sluice_fail(error, SLUICE_EINVAL, "a remote side without a size");
    memcpy(&remote, given, given->size < sizeof remote ? given->size : sizeof remote);
    int status = check_name("host", remote.host, "/@[]", error);
    if (status == SLUICE_OK)
        status = check_name("user", remote.user, "/:[]", error);
    if (status == SLUICE_OK && remote.fingerprint != NULL)
        status = sluice_settings_set(order->settings, "pin", remote.fingerprint, error);
    if (status != SLUICE_OK)
        return status;
    remote_clear(order);
    return remote_keep(order, &remote, error);
}

/* ---- what is moved ---- */

int sluice_order_destination(sluice_order *order, const char *path, sluice_error *error)
{
    if (path == NULL || path[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "an empty destination; the directory where paths begin is '.'");
    return keep(&order->destination, path, error);
}

static int entries_grow(sluice_order *order, sluice_error *error)
{
    if (order->count < order->capacity)
        return SLUICE_OK;
    size_t capacity = order->capacity > 0 ? order->capacity * 2 : 8;
    sluice_order_entry *grown = realloc(order->entries, capacity * sizeof *grown);
    if (grown == NULL)
        return out_of_memory(error);
    order->entries = grown;
    order->capacity = capacity;
    return SLUICE_OK;
}

int sluice_order_entry_add(sluice_order *order, const char *path, const char *as, uint64_t from, uint64_t to, bool ranged,
                           sluice_error *error)
{
    if (path == NULL || path[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "an empty source; the present directory is '.'");
    if (as != NULL && !sluice_words_below(as))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: must be a relative name below the destination, without '..'", as);
    if (ranged && from >= to)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the range of bytes is empty", path);
    sluice_order_entry entry = {.from = from, .to = to, .ranged = ranged};
    int status = entries_grow(order, error);
    if (status == SLUICE_OK)
        status = keep(&entry.path, path, error);
    if (status == SLUICE_OK)
        status = keep(&entry.as, as, error);
    if (status == SLUICE_OK)
        order->entries[order->count++] = entry;
    else
        free(entry.path);
    return status;
}

int sluice_order_source(sluice_order *order, const char *path, const char *as, sluice_error *error)
{
    return sluice_order_entry_add(order, path, as, 0, SLUICE_UNKNOWN, false, error);
}

int sluice_order_range(sluice_order *order, const char *path, const char *as, uint64_t from, uint64_t to,
                       sluice_error *error)
{
    return sluice_order_entry_add(order, path, as, from, to, true, error);
}

typedef struct list {
    const char *name;
    FILE *file;
    char *line;
    size_t room;
    unsigned long number;
} list;

/* The next line without its end; SLUICE_EEND after the last. */
static int list_next(list *from, sluice_error *error)
{
    errno = 0;
    ssize_t bytes = getline(&from->line, &from->room, from->file);
    if (bytes < 0 && ferror(from->file))
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: cannot be read: %s", from->name, strerror(errno));
    if (bytes < 0)
        return SLUICE_EEND;
    from->number++;
    if (from->line[bytes - 1] == '\n')
        from->line[--bytes] = '\0';
    if (strlen(from->line) != (size_t)bytes)
        return sluice_fail(error, SLUICE_EUSAGE, "%s:%lu: a NUL byte in a name", from->name, from->number);
    return SLUICE_OK;
}

/* A path, and with pairs the name on the line behind it. */
static int list_take(sluice_order *order, list *from, bool pairs, sluice_error *error)
{
    sluice_error why = {0};
    char *path = NULL;
    if (from->line[0] == '\0' && !pairs)
        return SLUICE_OK;
    int status = keep(&path, from->line, error);
    unsigned long line = from->number;
    if (status == SLUICE_OK && pairs)
        status = list_next(from, error);
    if (status == SLUICE_EEND)
        status = sluice_fail(error, SLUICE_EUSAGE, "%s:%lu: the last source has no destination", from->name, line);
    else if (status == SLUICE_OK) {
        status = sluice_order_source(order, path, pairs ? from->line : NULL, &why);
        if (status != SLUICE_OK)
            (void)sluice_fail(error, status, "%s:%lu: %s", from->name, from->number, why.text);
    }
    free(path);
    return status;
}

int sluice_order_list(sluice_order *order, const char *file, bool pairs, sluice_error *error)
{
    if (file == NULL)
        return sluice_fail(error, SLUICE_EINVAL, "a list without the name of its file");
    list from = {.name = file, .file = fopen(file, "re")};
    size_t before = order->count;
    if (from.file == NULL)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: list cannot be read: %s", file, strerror(errno));
    int status;
    while ((status = list_next(&from, error)) == SLUICE_OK)
        if ((status = list_take(order, &from, pairs, error)) != SLUICE_OK)
            break;
    free(from.line);
    fclose(from.file);
    if (status == SLUICE_EEND)
        status = order->count > before ? SLUICE_OK : sluice_fail(error, SLUICE_EUSAGE, "%s: the list names nothing", file);
    return status;
}

/* ---- how ---- */

static bool key_is(const char *key, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(key, *words) == 0)
            return true;
    return false;
}

/* What the order says by other calls, or what belongs to its manager or to a terminal. */
static int check_key(const char *key, sluice_error *error)
{
    static const char *const elsewhere[] = {"source", "destination", "file-list", "pair-list", "null", "ticket-file", "pin",
                                            "stream", NULL};
    static const char *const ours[] = {"json", "progress", "quiet", "verbose", NULL};
    if (key_is(key, elsewhere))
        return sluice_fail(error, SLUICE_EUSAGE, "%s is no option of an order: it has a call of its own for that", key);
    if (strncmp(key, "management", 10) == 0)
        return sluice_fail(error, SLUICE_EUSAGE, "%s is no option of an order: its manager sees to that", key);
    if (key_is(key, ours))
        return sluice_fail(error, SLUICE_EUSAGE, "%s is no option of an order: its worker has no terminal", key);
    return SLUICE_OK;
}

/* KIND.NAME.KEY. */
static int check_plugin_key(const char *key, sluice_error *error)
{
    size_t kind_bytes = strcspn(key, ".");
    const char *name = key + kind_bytes + 1, *dot = strchr(name, '.');
    char word[64];
    if (sluice_kind_find(key, kind_bytes) == SLUICE_KINDS)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: '%.*s' is no kind of plugin; write KIND.NAME.KEY", key, (int)kind_bytes,
                           key);
    if (dot == NULL || dot[1] == '\0' || (size_t)(dot - name) >= sizeof word || strchr(dot, '=') != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: write KIND.NAME.KEY", key);
    memcpy(word, name, (size_t)(dot - name));
    word[dot - name] = '\0';
    if (!sluice_plugin_name_valid(word))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: '%s' is no name of a plugin", key, word);
    return SLUICE_OK;
}

static bool key_repeats(const char *key)
{
    size_t count;
    const sluice_option *options = sluice_settings_options(SLUICE_SETTINGS_TRANSFER, &count);
    const sluice_option *option = sluice_option_find((sluice_option_table){options, count}, key);
    return option != NULL && (option->flags & SLUICE_OPTION_REPEAT) != 0;
}

static int option_keep(sluice_order *order, const char *key, const char *value, sluice_error *error)
{
    for (size_t i = 0; i < order->option_count && !key_repeats(key); i++)
        if (strcmp(order->options[i].key, key) == 0)
            return keep(&order->options[i].value, value, error);
    if (order->option_count == order->option_capacity) {
        size_t capacity = order->option_capacity > 0 ? order->option_capacity * 2 : 8;
        sluice_order_option *grown = realloc(order->options, capacity * sizeof *grown);
        if (grown == NULL)
            return out_of_memory(error);
        order->options = grown;
        order->option_capacity = capacity;
    }
    sluice_order_option option = {0};
    if (keep(&option.key, key, error) != SLUICE_OK || keep(&option.value, value, error) != SLUICE_OK) {
        free(option.key);
        return SLUICE_ENOMEM;
    }
    order->options[order->option_count++] = option;
    return SLUICE_OK;
}

int sluice_order_set(sluice_order *order, const char *key, const char *value, sluice_error *error)
{
    int status;
    if (key == NULL || value == NULL)
        return sluice_fail(error, SLUICE_EINVAL, "an option needs a key and a value");
    bool policy = strcmp(key, "policy") == 0 && sluice_words_policy(value);
    if (strchr(key, '.') != NULL)
        status = check_plugin_key(key, error);
    else {
        status = check_key(key, error);
        if (status == SLUICE_OK)
            status = sluice_settings_set(order->settings, key, value, error);
    }
    if (status == SLUICE_OK && policy)
        snprintf(order->policy, sizeof order->policy, "%s", value);
    return status == SLUICE_OK ? option_keep(order, key, value, error) : status;
}

const char *sluice_order_option_get(const sluice_order *order, const char *key)
{
    for (size_t i = order->option_count; i > 0; i--)
        if (strcmp(order->options[i - 1].key, key) == 0)
            return order->options[i - 1].value;
    return NULL;
}

/* It stands in a message, or in a list, as one line. */
static int check_line(const char *what, const char *text, sluice_error *error)
{
    for (; text != NULL && *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return sluice_fail(error, SLUICE_EUSAGE, "%s may hold no control characters", what);
    return SLUICE_OK;
}

int sluice_order_cookie(sluice_order *order, const char *cookie, sluice_error *error)
{
    int status = check_line("a cookie", cookie, error);
    return status == SLUICE_OK ? keep(&order->cookie, cookie, error) : status;
}

int sluice_order_tags(sluice_order *order, const char *json, sluice_error *error)
{
    int status = check_line("tags", json, error);
    return status == SLUICE_OK ? keep(&order->tags, json, error) : status;
}

void sluice_order_persistent(sluice_order *order, bool persistent)
{
    order->persistent = persistent;
}

void sluice_order_retry(sluice_order *order, unsigned attempts, sluice_duration first_ns, sluice_duration most_ns)
{
    order->retries = attempts;
    order->retry_first_ns = first_ns;
    order->retry_most_ns = most_ns > first_ns ? most_ns : first_ns;
}

void sluice_order_outlive(sluice_order *order, bool outlive)
{
    order->outlive = outlive;
}

int sluice_order_ascp(sluice_order *order, const char *program, sluice_error *error)
{
    if (program != NULL && program[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "an empty name of a program");
    return keep(&order->ascp, program, error);
}

/* ---- as a whole ---- */

static int check_remote(const sluice_order *order, sluice_error *error)
{
    if (!order->remote.set)
        return sluice_fail(error, SLUICE_EUSAGE, "the order names no remote side");
    if (order->ascp != NULL)
        return order->remote.host != NULL ? SLUICE_OK : sluice_fail(error, SLUICE_EUSAGE, "the order names no host");
    if (order->remote.ssh) {
        if (order->remote.host == NULL)
            return sluice_fail(error, SLUICE_EUSAGE, "the order names no host for ssh");
        if (order->remote.ticket != NULL || order->remote.ticket_file != NULL || order->remote.fingerprint != NULL)
            return sluice_fail(error, SLUICE_EUSAGE, "%s: a ticket or a fingerprint is of a server, and not for ssh",
                               order->remote.host);
        return SLUICE_OK;
    }
    if (order->remote.user != NULL || order->remote.password != NULL || order->remote.key_file != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "a user, a password or a key is for ssh, and not for a server");
    if (order->remote.ticket != NULL && order->remote.ticket_file != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "a ticket is given by its text or by its file, not by both");
    return SLUICE_OK;
}

int sluice_order_check(const sluice_order *order, sluice_error *error)
{
    int status = check_remote(order, error);
    if (status != SLUICE_OK)
        return status;
    if (order->destination == NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "the order has no destination");
    if (order->count == 0 && !order->persistent)
        return sluice_fail(error, SLUICE_EUSAGE, "the order has no source");
    return sluice_settings_check(order->settings, error);
}

static int copy_contents(const sluice_order *order, sluice_order *copy, sluice_error *error)
{
    const sluice_remote remote = {
        .size = sizeof remote, .host = order->remote.host, .port = order->remote.port, .ssh = order->remote.ssh,
        .user = order->remote.user, .password = order->remote.password, .key_file = order->remote.key_file,
        .ticket_file = order->remote.ticket_file, .ticket = order->remote.ticket,
        .fingerprint = order->remote.fingerprint,
    };
    int status = order->remote.set ? remote_keep(copy, &remote, error) : SLUICE_OK;
    for (size_t i = 0; i < order->count && status == SLUICE_OK; i++) {
        const sluice_order_entry *entry = &order->entries[i];
        status = sluice_order_entry_add(copy, entry->path, entry->as, entry->from, entry->to, entry->ranged, error);
    }
    for (size_t i = 0; i < order->option_count && status == SLUICE_OK; i++)
        status = option_keep(copy, order->options[i].key, order->options[i].value, error);
    if (status == SLUICE_OK)
        status = keep(&copy->destination, order->destination, error);
    if (status == SLUICE_OK)
        status = keep(&copy->cookie, order->cookie, error);
    if (status == SLUICE_OK)
        status = keep(&copy->tags, order->tags, error);
    return status == SLUICE_OK ? keep(&copy->ascp, order->ascp, error) : status;
}

int sluice_order_copy(const sluice_order *order, sluice_order **out, sluice_error *error)
{
    sluice_order *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return out_of_memory(error);
    copy->direction = order->direction;
    copy->persistent = order->persistent;
    copy->outlive = order->outlive;
    copy->retries = order->retries;
    copy->retry_first_ns = order->retry_first_ns;
    copy->retry_most_ns = order->retry_most_ns;
    memcpy(copy->policy, order->policy, sizeof copy->policy);
    int status = sluice_settings_copy(order->settings, &copy->settings, error);
    if (status == SLUICE_OK)
        status = copy_contents(order, copy, error);
    if (status == SLUICE_OK)
        *out = copy;
    else
        sluice_order_free(copy);
    return status;
}

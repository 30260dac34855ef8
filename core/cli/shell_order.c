/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of the shell: push and pull. */
#include "cli/shell_order.h"

#include "cli/help.h"
#include "cli/line.h"
#include "cli/shell.h"
#include "cli/shell_list.h"
#include "cli/shell_terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_FIRST (2 * SLUICE_SECOND)
#define RETRY_MOST (60 * SLUICE_SECOND)

/* What orders have beside the options of copy. */
static const sluice_option own[] = {
    {.name = "persistent", .type = SLUICE_OPTION_BOOL_TYPE,
     .help = "The job takes more sources, by `add`, until `nomore`; DESTINATION is a directory."},
    {.name = "password", .type = SLUICE_OPTION_BOOL_TYPE,
     .help = "ssh gets a password: that of the environment variable SLUICE_PASSWORD, or one that is asked for here."},
    {.name = "key-file", .type = SLUICE_OPTION_PATH_TYPE, .help = "Private key for ssh."},
    {.name = "ascp", .type = SLUICE_OPTION_PATH_TYPE,
     .help = "A program that takes ascp's arguments carries the job out, in place of sluice."},
    {.name = "attempts", .type = SLUICE_OPTION_INT_TYPE, .def = "7", .min = "0", .max = "1000000",
     .help = "So many attempts may fail before the job does, where another one may mend it."},
    {.name = "outlive", .type = SLUICE_OPTION_BOOL_TYPE, .help = "The job goes on if the shell dies."},
    {.name = "cookie", .type = SLUICE_OPTION_STRING_TYPE, .help = "Text that managers and receipts repeat."},
    {.name = "tags", .type = SLUICE_OPTION_STRING_TYPE, .help = "The same, as JSON."},
};

/* What belongs to a terminal, to streams, or to the shell. */
#define NOT_OF_ORDERS                                                                                                     \
    " deadline gather report json progress quiet verbose management management-user management-insecure config plugin-dir " \
    "management-cookie management-tags management-extended management-required "

const sluice_help sluice_help_push = {
    .usage = "push [OPTION...] SOURCE... DESTINATION",
    .table = SLUICE_SETTINGS_TRANSFER,
    .without = NOT_OF_ORDERS,
    .own = own,
    .own_count = SLUICE_COUNT(own),
    .see = "help push",
};

const sluice_help sluice_help_pull = {
    .usage = "pull [OPTION...] SOURCE... DESTINATION",
    .table = SLUICE_SETTINGS_TRANSFER,
    .without = NOT_OF_ORDERS,
    .own = own,
    .own_count = SLUICE_COUNT(own),
    .see = "help pull",
};

/* ---- options ---- */

int sluice_shell_draft_begin(sluice_shell_draft *draft, sluice_direction direction, sluice_error *error)
{
    *draft = (sluice_shell_draft){.direction = direction};
    return sluice_order_new(direction, &draft->order, error);
}

void sluice_shell_draft_end(sluice_shell_draft *draft)
{
    sluice_order_free(draft->order);
    draft->order = NULL;
}

static int take_bool(const char *key, const char *value, bool *out, sluice_error *error)
{
    static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < SLUICE_COUNT(yes); i++) {
        if (strcmp(value, yes[i]) != 0 && strcmp(value, no[i]) != 0)
            continue;
        *out = strcmp(value, yes[i]) == 0;
        return SLUICE_OK;
    }
    return sluice_fail(error, SLUICE_EUSAGE, "%s: '%s' is neither yes nor no", key, value);
}

static int take_attempts(sluice_shell_draft *draft, const char *value, sluice_error *error)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 6 || value[digits] != '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "attempts: '%s' is no number of attempts", value);
    sluice_order_retry(draft->order, (unsigned)strtoul(value, NULL, 10), RETRY_FIRST, RETRY_MOST);
    return SLUICE_OK;
}

/* Those that the manager has calls for.  False: it is none of them. */
static bool set_own(sluice_shell_draft *draft, const char *key, const char *value, int *status, sluice_error *error)
{
    const struct {
        const char *key, **text;
        bool *flag;
    } rows[] = {
        {"file-list", &draft->file_list, NULL}, {"pair-list", &draft->pair_list, NULL},
        {"ticket-file", &draft->ticket_file, NULL}, {"pin", &draft->pin, NULL}, {"key-file", &draft->key_file, NULL},
        {"null", NULL, &draft->nul}, {"persistent", NULL, &draft->persistent}, {"password", NULL, &draft->password},
    };
    bool outlive = false;
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        if (strcmp(rows[i].key, key) != 0)
            continue;
        if (rows[i].flag != NULL)
            *status = take_bool(key, value, rows[i].flag, error);
        else
            *rows[i].text = value;
        return true;
    }
    if (strcmp(key, "outlive") == 0) {
        *status = take_bool(key, value, &outlive, error);
        sluice_order_outlive(draft->order, outlive);
    } else if (strcmp(key, "ascp") == 0) {
        *status = sluice_order_ascp(draft->order, value, error);
    } else if (strcmp(key, "attempts") == 0) {
        *status = take_attempts(draft, value, error);
    } else if (strcmp(key, "cookie") == 0) {
        *status = sluice_order_cookie(draft->order, value, error);
    } else if (strcmp(key, "tags") == 0) {
        *status = sluice_order_tags(draft->order, value, error);
    } else {
        return false;
    }
    return true;
}

int sluice_shell_draft_set(sluice_shell_draft *draft, const char *key, const char *value, sluice_error *error)
{
    int status = SLUICE_OK;
    sluice_error why = {0};
    if (strchr(key, '.') == NULL && !sluice_help_takes(&sluice_help_push, key))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: is no option of an order", key);
    if (set_own(draft, key, value, &status, error))
        return status;
    status = sluice_order_set(draft->order, key, value, &why);
    if (status == SLUICE_EINVAL || status == SLUICE_ECONFIG)
        status = SLUICE_EUSAGE; /* whatever it would be in a file */
    return status == SLUICE_OK ? status : sluice_fail(error, status, "%s", why.text);
}

/* KIND.NAME.KEY=VALUE; the key is made in place. */
static int set_assignment(sluice_shell_draft *draft, const char *assignment, sluice_error *error)
{
    const char *equals = strchr(assignment, '=');
    char key[256];
    size_t bytes = equals != NULL ? (size_t)(equals - assignment) : 0;
    if (bytes == 0 || bytes >= sizeof key || memchr(assignment, '.', bytes) == NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "--set %s: write KIND.NAME.KEY=VALUE", assignment);
    memcpy(key, assignment, bytes);
    key[bytes] = '\0';
    return sluice_shell_draft_set(draft, key, equals + 1, error);
}

/* The defaults, and over them what the line says. */
static int set_all(const sluice_shell *shell, const sluice_line *line, sluice_shell_draft *draft, sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t i = 0; i < shell->setting_count && status == SLUICE_OK; i++)
        status = sluice_shell_draft_set(draft, shell->settings[i].key, shell->settings[i].value, error);
    for (size_t i = 0; i < line->option_count && status == SLUICE_OK; i++) {
        char key[SLUICE_LINE_KEY];
        sluice_line_key(line->options[i].option, key);
        status = sluice_shell_draft_set(draft, key, line->options[i].value, error);
    }
    for (size_t i = 0; i < line->set_count && status == SLUICE_OK; i++)
        status = set_assignment(draft, line->sets[i], error);
    return status;
}

/* ---- addresses ---- */

/* Those of one order, while they are read. */
typedef struct places {
    sluice_shell_draft *draft;
    bool known;                  /* the other side was named */
    sluice_location remote; /* it, with any path there */
} places;

/* Whether both are places on the same machine, reached the same way. */
static bool agree(const sluice_location *a, const sluice_location *b)
{
    return a->remote == b->remote && a->ssh == b->ssh && a->port == b->port && strcmp(a->user, b->user) == 0 &&
           strcmp(a->host, b->host) == 0;
}

static int take_remote(places *all, sluice_location *address, const char *text, sluice_error *error)
{
    if (all->known && !agree(&all->remote, address))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: not on the same machine as what stands before it", text);
    if (all->known)
        sluice_location_fini(address);
    else
        all->remote = *address;
    all->known = true;
    address->path = NULL;
    return SLUICE_OK;
}

/* The path of one operand, which has to lie on this side; to be freed.  *bare: nothing stands behind its host. */
static int take_operand(places *all, const char *text, bool remote, char **path, bool *bare, sluice_error *error)
{
    sluice_location address = {.size = 0};
    bool push = all->draft->direction == SLUICE_PUSH;
    int status = strcmp(text, "-") == 0
                     ? sluice_fail(error, SLUICE_EUSAGE, "'-': a job has no standard input or output; `sluice copy` has")
                     : sluice_location_parse(text, &address, error);
    *bare = address.bare;
    if (status == SLUICE_OK && address.remote != remote)
        status = sluice_fail(error, SLUICE_EUSAGE, "%s: is %s; %s goes from %s%s", text,
                             remote ? "here, and not [user@]host:path or sluice://host[:port]/path" : "on another machine",
                             push ? "push" : "pull", push ? "here to another machine" : "another machine to here",
                             strchr(text, ':') != NULL && !remote ? "; a file here with a colon in its name is ./NAME" : "");
    *path = status == SLUICE_OK ? strdup(address.path) : NULL;
    if (status == SLUICE_OK && *path == NULL)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory for an address");
    if (status == SLUICE_OK && remote)
        status = take_remote(all, &address, text, error);
    sluice_location_fini(&address);
    if (status != SLUICE_OK) {
        free(*path);
        *path = NULL;
    }
    return status;
}

static int take_destination(places *all, const char *text, sluice_error *error)
{
    char *path;
    bool bare;
    int status = take_operand(all, text, all->draft->direction == SLUICE_PUSH, &path, &bare, error);
    if (status == SLUICE_OK)
        status = sluice_order_destination(all->draft->order, path, error);
    free(path);
    return status;
}

static int take_source(places *all, const char *text, sluice_error *error)
{
    char *path;
    bool bare;
    int status = take_operand(all, text, all->draft->direction == SLUICE_PULL, &path, &bare, error);
    if (status == SLUICE_OK && !(bare && all->draft->persistent)) /* which names the machine alone */
        status = sluice_order_source(all->draft->order, path, NULL, error);
    free(path);
    return status;
}

/* A line of a list without a base: an URL, or a path in which colons mean nothing. */
static int resolve(void *user, const char *text, char **out, sluice_error *error)
{
    places *all = user;
    bool pull = all->draft->direction == SLUICE_PULL, bare;
    if (pull)
        return take_operand(all, text, true, out, &bare, error);
    *out = strdup(text);
    return *out != NULL ? SLUICE_OK : sluice_fail(error, SLUICE_ENOMEM, "out of memory for the names of the files");
}

static int take_list(places *all, const char *base, sluice_error *error)
{
    const sluice_shell_draft *draft = all->draft;
    char *path = NULL;
    bool bare;
    if (draft->file_list != NULL && draft->pair_list != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "--file-list and --pair-list do not go together");
    int status = base != NULL ? take_operand(all, base, draft->direction == SLUICE_PULL, &path, &bare, error) : SLUICE_OK;
    const sluice_shell_list list = {
        .file = draft->pair_list != NULL ? draft->pair_list : draft->file_list,
        .pairs = draft->pair_list != NULL,
        .nul = draft->nul,
        .base = path,
        .resolve = resolve,
        .user = all,
    };
    if (status == SLUICE_OK && strcmp(list.file, "-") == 0)
        status = sluice_fail(error, SLUICE_EUSAGE, "a list cannot be read from standard input here");
    if (status == SLUICE_OK)
        status = sluice_shell_list_read(&list, draft->order, error);
    free(path);
    return status;
}

static int take_operands(places *all, const sluice_line *line, sluice_error *error)
{
    const sluice_shell_draft *draft = all->draft;
    bool listed = draft->file_list != NULL || draft->pair_list != NULL;
    size_t count = line->operand_count, sources = count - 1;
    if (count == 0)
        return sluice_fail(error, SLUICE_EUSAGE, "no destination; say what to copy, and where to");
    if (sources == 0 && !listed && !(draft->persistent && draft->direction == SLUICE_PUSH))
        return sluice_fail(error, SLUICE_EUSAGE, "no source; say what to copy, and where to");
    if (listed && sources > 1)
        return sluice_fail(error, SLUICE_EUSAGE,
                           "%s: with a list at most one source is given, below which its names lie", line->operands[1]);
    int status = SLUICE_OK;
    if (listed)
        status = take_list(all, sources == 1 ? line->operands[0] : NULL, error);
    for (size_t i = 0; i < sources && !listed && status == SLUICE_OK; i++)
        status = take_source(all, line->operands[i], error);
    return status == SLUICE_OK ? take_destination(all, line->operands[sources], error) : status;
}

/* ---- launching ---- */

static int set_remote(sluice_shell *shell, const places *all, sluice_error *error)
{
    const sluice_shell_draft *draft = all->draft;
    const sluice_location *address = &all->remote;
    sluice_remote remote = {.size = sizeof remote, .port = address->port, .ssh = address->ssh};
    remote.host = address->host[0] != '\0' ? address->host : NULL;
    remote.user = address->user[0] != '\0' ? address->user : NULL;
    char *asked = NULL;
    int status = SLUICE_OK;
    if (address->ssh) {
        remote.key_file = draft->key_file;
        if (draft->password && shell->password == NULL)
            status = sluice_shell_terminal_password(shell, address->user, address->host, &asked, error);
        remote.password = !draft->password ? NULL : asked != NULL ? asked : shell->password;
    } else {
        remote.ticket_file = draft->ticket_file;
        remote.fingerprint = draft->pin;
    }
    if (status == SLUICE_OK)
        status = sluice_order_remote(draft->order, &remote, error);
    sluice_shell_terminal_wipe(asked);
    return status;
}

static int launch(sluice_shell *shell, sluice_shell_draft *draft, sluice_error *error)
{
    sluice_job job;
    sluice_order_persistent(draft->order, draft->persistent);
    int status = sluice_manager_launch(shell->manager, draft->order, NULL, NULL, &job, error);
    if (status != SLUICE_OK)
        return status;
    shell->last = job;
    if (shell->json)
        sluice_json_number(&shell->object, "job", job);
    else if (!shell->quiet)
        fprintf(shell->answer, "[%" PRIu64 "] %s\n", job, draft->direction == SLUICE_PUSH ? "push" : "pull");
    return SLUICE_OK;
}

static int carry_out(sluice_shell *shell, const sluice_line *line, sluice_direction direction, sluice_error *error)
{
    sluice_shell_draft draft;
    places all = {.draft = &draft};
    int status = sluice_shell_draft_begin(&draft, direction, error);
    if (status == SLUICE_OK)
        status = set_all(shell, line, &draft, error);
    if (status == SLUICE_OK)
        status = take_operands(&all, line, error);
    if (status == SLUICE_OK)
        status = set_remote(shell, &all, error);
    if (status == SLUICE_OK)
        status = launch(shell, &draft, error);
    sluice_location_fini(&all.remote);
    sluice_shell_draft_end(&draft);
    return status;
}

static int order(sluice_shell *shell, int argc, char **argv, sluice_direction direction, sluice_error *error)
{
    sluice_line line;
    int status = sluice_line_parse(&line, direction == SLUICE_PUSH ? &sluice_help_push : &sluice_help_pull, argc, argv, error);
    if (status == SLUICE_OK && line.help)
        status = sluice_shell_help(shell, 2, (char *[]){(char *)"help", argv[0], NULL}, error);
    else if (status == SLUICE_OK)
        status = carry_out(shell, &line, direction, error);
    sluice_line_fini(&line);
    return status;
}

int sluice_shell_push(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    return order(shell, argc, argv, SLUICE_PUSH, error);
}

int sluice_shell_pull(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    return order(shell, argc, argv, SLUICE_PULL, error);
}

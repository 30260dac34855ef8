/* SPDX-License-Identifier: Apache-2.0 */
#include "session/operands.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(sluice_error *error)
{
    return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the names of the files");
}

static int take_apart(const char *text, sluice_kind kind, const sluice_operands_order *order, sluice_location_parts *out,
                      sluice_error *error)
{
    const sluice_location_plugins plugins = {.is_plugin = order->is_plugin, .user = order->user};
    return sluice_location_take_apart(text, kind, &plugins, out, error);
}

/* ---- the rows ---- */

/* Takes path and as over, whatever the result. */
static int add_operand(sluice_operands *out, char *path, char *as, sluice_error *error)
{
    if (out->count == out->capacity) {
        size_t capacity = out->capacity > 0 ? out->capacity * 2 : 8;
        sluice_operand *grown = realloc(out->operands, capacity * sizeof *grown);
        if (grown == NULL) {
            free(path);
            free(as);
            return out_of_memory(error);
        }
        out->operands = grown;
        out->capacity = capacity;
    }
    out->operands[out->count++] = (sluice_operand){.path = path, .as = as};
    return SLUICE_OK;
}

static void take_server(sluice_operands *out, const sluice_location_parts *from)
{
    memcpy(out->target, from->target, sizeof out->target);
    memcpy(out->host, from->host, sizeof out->host);
    out->port = from->port;
}

/* The first source says where all come from; the others must say the same. */
static int agree(sluice_operands *out, bool first, const sluice_location_parts *from, const char *text, sluice_error *error)
{
    bool push = from->kind != SLUICE_LOCATION_REMOTE;
    if (first) {
        out->push = push;
        if (!push)
            take_server(out, from);
        return SLUICE_OK;
    }
    if (push != out->push)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: sources must be all local or all on one server", text);
    if (!push && (strcmp(from->target, out->target) != 0 || strcmp(from->host, out->host) != 0 ||
                  from->port != out->port))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: sources must be all on one server; copy from each in turn", text);
    return SLUICE_OK;
}

static int add_source(sluice_operands *out, const char *text, const sluice_operands_order *order, sluice_error *error)
{
    sluice_location_parts from;
    bool first = out->count == 0 && out->argument == NULL;
    int status = take_apart(text, SLUICE_SOURCE, order, &from, error);
    if (status == SLUICE_OK)
        status = agree(out, first, &from, text, error);
    if (status == SLUICE_OK && (from.kind == SLUICE_LOCATION_PLUGIN || out->argument != NULL) && !first)
        status = sluice_fail(error, SLUICE_EUSAGE, "%s: a source that is not a file is copied alone", text);
    if (status != SLUICE_OK) {
        free(from.path);
        return status;
    }
    if (from.kind != SLUICE_LOCATION_PLUGIN)
        return add_operand(out, from.path, NULL, error);
    memcpy(out->plugin, from.plugin, sizeof out->plugin);
    out->argument = from.path;
    return SLUICE_OK;
}

/* ---- lists ---- */

typedef struct list {
    const char *name; /* for sentences */
    const sluice_operands_order *order;
    const sluice_location_parts *base; /* NULL: lines stand for themselves */
    FILE *file;
    char *line;
    size_t room;
    unsigned long number; /* of the line */
} list;

/* The next line without its end.  SLUICE_EEND after the last. */
static int list_next(list *from, sluice_error *error)
{
    int end = from->order->null ? '\0' : '\n';
    errno = 0;
    ssize_t bytes = getdelim(&from->line, &from->room, end, from->file);
    if (bytes < 0 && errno == ENOMEM)
        return out_of_memory(error);
    if (bytes < 0 && ferror(from->file))
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: cannot be read: %s", from->name,
                           strerror(errno));
    if (bytes < 0)
        return SLUICE_EEND;
    from->number++;
    if (from->line[bytes - 1] == end)
        from->line[--bytes] = '\0';
    if (strlen(from->line) != (size_t)bytes)
        return sluice_fail(error, SLUICE_EUSAGE, "%s:%lu: a NUL byte in a name; for NUL-separated lists say -0",
                           from->name, from->number);
    return SLUICE_OK;
}

/* A relative name without empty and "." components, as a copy; NULL: out of memory, "": it is absolute, empty, or has
 * a ".." component. */
static char *tidy_name(const char *text)
{
    char *out = malloc(strlen(text) + 1), *to = out;
    if (out == NULL)
        return NULL;
    if (text[0] == '/')
        text = "";
    while (*text != '\0') {
        size_t bytes = strcspn(text, "/");
        if (bytes == 2 && memcmp(text, "..", 2) == 0) {
            to = out;
            break;
        }
        if (bytes > 0 && !(bytes == 1 && text[0] == '.')) {
            if (to != out)
                *to++ = '/';
            memcpy(to, text, bytes);
            to += bytes;
        }
        text += bytes;
        text += *text == '/';
    }
    *to = '\0';
    return out;
}

static char *join(const char *base, const char *name)
{
    size_t base_bytes = strlen(base), name_bytes = strlen(name);
    char *out = malloc(base_bytes + name_bytes + 2);
    if (out == NULL)
        return NULL;
    memcpy(out, base, base_bytes);
    if (base_bytes > 0 && base[base_bytes - 1] != '/')
        out[base_bytes++] = '/';
    memcpy(out + base_bytes, name, name_bytes + 1);
    return out;
}

static int bad_name(const list *from, const char *name, const char *below, sluice_error *error)
{
    return sluice_fail(error, SLUICE_EUSAGE, "%s:%lu: %s: must be a relative name below the %s, without '..'",
                       from->name, from->number, name, below);
}

static int take_local(sluice_location_parts *out, const char *path, sluice_error *error)
{
    out->path = strdup(path);
    return out->path != NULL ? SLUICE_OK : out_of_memory(error);
}

/* The path of a line: below the base, or on its own an address or a path in which colons mean nothing. */
static int line_path(sluice_operands *out, const list *from, char **path, sluice_error *error)
{
    if (from->base != NULL) {
        char *name = tidy_name(from->line);
        if (name == NULL || name[0] == '\0') {
            int status = name == NULL ? out_of_memory(error) : bad_name(from, from->line, "source", error);
            free(name);
            return status;
        }
        *path = join(from->base->path, name);
        free(name);
        return *path != NULL ? SLUICE_OK : out_of_memory(error);
    }
    sluice_location_parts one = {.plugin = "file"};
    sluice_error why = {0};
    int status = strncmp(from->line, SLUICE_LOCATION_SCHEME, strlen(SLUICE_LOCATION_SCHEME)) == 0 ? sluice_location_take_server(from->line, &one, &why)
                                                                : take_local(&one, from->line, &why);
    if (status == SLUICE_OK)
        status = agree(out, out->count == 0, &one, from->line, &why);
    if (status != SLUICE_OK) {
        free(one.path);
        return sluice_fail(error, status, "%s:%lu: %s", from->name, from->number, why.text);
    }
    *path = one.path;
    return SLUICE_OK;
}

/* The name that a line gets below the destination; NULL: the last component of its path. */
static int line_name(list *from, bool pairs, char **as, sluice_error *error)
{
    *as = NULL;
    if (!pairs && from->base == NULL)
        return SLUICE_OK;
    if (pairs) {
        int status = list_next(from, error);
        if (status == SLUICE_EEND)
            return sluice_fail(error, SLUICE_EUSAGE, "%s:%lu: the last source has no destination", from->name,
                               from->number);
        if (status != SLUICE_OK)
            return status;
    }
    *as = tidy_name(from->line);
    if (*as == NULL)
        return out_of_memory(error);
    if ((*as)[0] != '\0')
        return SLUICE_OK;
    free(*as);
    *as = NULL;
    return bad_name(from, from->line, "destination", error);
}

static int add_lines(sluice_operands *out, list *from, bool pairs, sluice_error *error)
{
    for (;;) {
        char *path = NULL, *as = NULL;
        int status = list_next(from, error);
        if (status == SLUICE_EEND)
            return SLUICE_OK;
        if (status == SLUICE_OK && from->line[0] == '\0') {
            if (!pairs)
                continue;
            return sluice_fail(error, SLUICE_EUSAGE, "%s:%lu: an empty source", from->name, from->number);
        }
        if (status == SLUICE_OK)
            status = line_path(out, from, &path, error);
        if (status == SLUICE_OK)
            status = line_name(from, pairs, &as, error);
        if (status != SLUICE_OK) {
            free(path);
            return status;
        }
        status = add_operand(out, path, as, error);
        if (status != SLUICE_OK)
            return status;
    }
}

static int add_list(sluice_operands *out, const sluice_operands_order *order, const sluice_location_parts *base, sluice_error *error)
{
    bool pairs = order->pair_list != NULL;
    const char *name = pairs ? order->pair_list : order->file_list;
    bool standard = strcmp(name, "-") == 0;
    list from = {.name = standard ? "standard input" : name, .order = order, .base = base};
    from.file = fopen(standard ? "/dev/stdin" : name, "re");
    if (from.file == NULL)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: list cannot be read: %s", from.name,
                           strerror(errno));
    int status = add_lines(out, &from, pairs, error);
    free(from.line);
    fclose(from.file);
    out->explicit_names = pairs || base != NULL;
    if (status == SLUICE_OK && out->count == 0)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the list names nothing", from.name);
    return status;
}

/* ---- paths ---- */

/* A name for below the destination; NULL stays NULL. */
static int path_name(const char *as, const char *path, char **out, sluice_error *error)
{
    *out = NULL;
    if (as == NULL)
        return SLUICE_OK;
    *out = tidy_name(as);
    if (*out == NULL)
        return out_of_memory(error);
    if ((*out)[0] != '\0')
        return SLUICE_OK;
    free(*out);
    *out = NULL;
    return sluice_fail(error, SLUICE_EUSAGE, "%s: %s: must be a relative name below the destination, without '..'", path, as);
}

/* What a plain path is on the side that sends: a server's own root is where it begins. */
static char *path_below(const sluice_operands *operands, const char *path)
{
    const char *base = operands->base;
    bool below = base[0] != '\0' && strcmp(base, ".") != 0;
    if (below || (!operands->push && operands->target[0] == '\0'))
        path += strspn(path, "/");
    return below && path[0] != '\0' ? join(base, path) : strdup(path[0] != '\0' ? path : below ? base : ".");
}

/* Takes path over. */
static int add_part(sluice_operands *out, char *path, const sluice_transfer_path *from, sluice_error *error)
{
    char *as = NULL;
    int status = path == NULL ? out_of_memory(error) : path_name(from->as, from->path, &as, error);
    if (status == SLUICE_OK && from->to != 0 && from->to <= from->from)
        status = sluice_fail(error, SLUICE_EUSAGE, "%s: there are no bytes in that range", from->path);
    if (status != SLUICE_OK) {
        free(path);
        free(as);
        return status;
    }
    status = add_operand(out, path, as, error);
    if (status == SLUICE_OK && (from->from > 0 || (from->to > 0 && from->to != SLUICE_UNKNOWN))) {
        out->operands[out->count - 1].from = from->from;
        out->operands[out->count - 1].to = from->to;
    }
    return status;
}

static int add_plain(sluice_operands *out, const sluice_transfer_path *path, sluice_error *error)
{
    if (path->path == NULL || path->path[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "an empty source; the directory itself is '.'");
    return add_part(out, path_below(out, path->path), path, error);
}

static int add_addressed(sluice_operands *out, const sluice_transfer_path *path, const sluice_operands_order *order,
                         sluice_error *error)
{
    sluice_location_parts from;
    int status = take_apart(path->path, SLUICE_SOURCE, order, &from, error);
    if (status == SLUICE_OK && from.kind == SLUICE_LOCATION_PLUGIN)
        status = sluice_fail(error, SLUICE_EUSAGE, "%s: a source that is not a file is copied alone", path->path);
    if (status == SLUICE_OK)
        status = agree(out, out->count == 0, &from, path->path, error);
    if (status == SLUICE_OK)
        return add_part(out, from.path, path, error);
    free(from.path);
    return status;
}

static int add_paths(sluice_operands *out, const sluice_operands_order *order, bool plain, sluice_error *error)
{
    int status = SLUICE_OK;
    out->explicit_names = order->persistent;
    for (size_t i = 0; i < order->path_count && status == SLUICE_OK; i++) {
        const sluice_transfer_path *path = &order->paths[i];
        out->explicit_names = out->explicit_names || path->as != NULL;
        status = plain ? add_plain(out, path, error) : add_addressed(out, path, order, error);
    }
    return status;
}

/* The directory that paths lie below, and which server it is on.  Without one, what the destination is says whether sources
 * are here. */
static int read_base(sluice_operands *out, const sluice_operands_order *order, sluice_error *error)
{
    sluice_location_parts base = {.kind = SLUICE_LOCATION_LOCAL};
    const char *text = order->source_count == 1 ? order->sources[0] : order->destination;
    int status = take_apart(text, order->source_count == 1 ? SLUICE_SOURCE : SLUICE_SINK, order, &base, error);
    if (status == SLUICE_OK && order->source_count == 1 && base.kind == SLUICE_LOCATION_PLUGIN)
        status = sluice_fail(error, SLUICE_EUSAGE, "%s: sources lie below a directory only", text);
    if (status == SLUICE_OK && order->source_count == 1) {
        status = agree(out, true, &base, text, error);
        out->base = base.path;
        return status;
    }
    out->push = base.kind == SLUICE_LOCATION_REMOTE;
    free(base.path);
    if (status == SLUICE_OK)
        out->base = strdup("");
    return status != SLUICE_OK || out->base != NULL ? status : out_of_memory(error);
}

static int read_paths(sluice_operands *out, const sluice_operands_order *order, sluice_error *error)
{
    if (order->file_list != NULL || order->pair_list != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "a list of files does not go with paths, or with a session that stays");
    if (order->source_count > 1)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: paths lie below one source at most", order->sources[1]);
    int status = read_base(out, order, error);
    if (status == SLUICE_OK)
        status = add_paths(out, order, order->source_count == 1, error);
    if (status == SLUICE_OK && !out->push && out->count == 0 && order->source_count == 0)
        status = sluice_fail(error, SLUICE_EUSAGE, "nothing says which server to pull from; name a directory there as source");
    return status;
}

/* A list whose lines lie below the one source that is given with it. */
static int add_list_below(sluice_operands *out, const sluice_operands_order *order, sluice_error *error)
{
    sluice_location_parts base;
    int status = take_apart(order->sources[0], SLUICE_SOURCE, order, &base, error);
    if (status == SLUICE_OK && base.kind == SLUICE_LOCATION_PLUGIN)
        status = sluice_fail(error, SLUICE_EUSAGE, "%s: a list goes with a directory only", order->sources[0]);
    if (status == SLUICE_OK)
        status = agree(out, true, &base, order->sources[0], error);
    if (status == SLUICE_OK)
        status = add_list(out, order, &base, error);
    free(base.path);
    return status;
}

static int read_sources(sluice_operands *out, const sluice_operands_order *order, sluice_error *error)
{
    bool listed = order->file_list != NULL || order->pair_list != NULL;
    if (order->path_count > 0 || order->persistent)
        return read_paths(out, order, error);
    if (order->file_list != NULL && order->pair_list != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "--file-list and --pair-list do not go together");
    if (listed && order->source_count > 1)
        return sluice_fail(error, SLUICE_EUSAGE,
                           "%s: with a list at most one source is given, below which its names lie", order->sources[1]);
    if (listed)
        return order->source_count == 1 ? add_list_below(out, order, error) : add_list(out, order, NULL, error);
    if (order->source_count == 0)
        return sluice_fail(error, SLUICE_EUSAGE, "no source; say what to copy, and where to");
    for (size_t i = 0; i < order->source_count; i++) {
        int status = add_source(out, order->sources[i], order, error);
        if (status != SLUICE_OK)
            return status;
    }
    return SLUICE_OK;
}

static int read_destination(sluice_operands *out, const sluice_operands_order *order, sluice_error *error)
{
    sluice_location_parts to;
    int status = take_apart(order->destination, SLUICE_SINK, order, &to, error);
    if (status == SLUICE_OK && out->push && to.kind != SLUICE_LOCATION_REMOTE)
        status = sluice_fail(error, SLUICE_EUSAGE,
                             "%s: both sides are local; one must be [user@]host:path or sluice://host[:port]/path (or "
                             "use cp)",
                             order->destination);
    if (status == SLUICE_OK && !out->push && to.kind == SLUICE_LOCATION_REMOTE)
        status = sluice_fail(error, SLUICE_EUSAGE, "%s: both sides are remote; one must be local", order->destination);
    if (status != SLUICE_OK) {
        free(to.path);
        return status;
    }
    if (out->push) {
        take_server(out, &to);
    } else {
        memcpy(out->plugin, to.plugin, sizeof out->plugin);
    }
    out->destination = to.path;
    return SLUICE_OK;
}

int sluice_operands_read(sluice_operands *out, const sluice_operands_order *order, sluice_error *error)
{
    assert(out->operands == NULL && out->destination == NULL);
    if (order->destination == NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "no destination; say where to copy to");
    strcpy(out->plugin, "file");
    int status = read_sources(out, order, error);
    if (status == SLUICE_OK)
        status = read_destination(out, order, error);
    if (status == SLUICE_OK)
        out->single = (out->count == 1 || out->argument != NULL) && !out->explicit_names;
    else
        sluice_operands_fini(out);
    return status;
}

int sluice_operands_server(sluice_operands *out, const char *text, sluice_error *error)
{
    char whole[SLUICE_ADDRESS_HOST + 32];
    sluice_location_parts to = {.kind = SLUICE_LOCATION_REMOTE};
    assert(out->operands == NULL && out->destination == NULL);
    if (text == NULL || strncmp(text, SLUICE_LOCATION_SCHEME, strlen(SLUICE_LOCATION_SCHEME)) != 0) {
        if ((size_t)snprintf(whole, sizeof whole, SLUICE_LOCATION_SCHEME "%s", text != NULL ? text : "") >= sizeof whole)
            return sluice_fail(error, SLUICE_EUSAGE, "%s: the host is too long", text);
        if (strchr(whole + strlen(SLUICE_LOCATION_SCHEME), '/') != NULL || strchr(whole, '@') != NULL)
            return sluice_fail(error, SLUICE_EUSAGE, "%s: no such server; write sluice://host[:port][/NAME] or host[:port]",
                               text);
        text = whole;
    }
    int status = sluice_location_take_server(text, &to, error);
    if (status != SLUICE_OK) {
        free(to.path);
        return status;
    }
    *out = (sluice_operands){.push = true, .destination = to.path};
    take_server(out, &to);
    return SLUICE_OK;
}

int sluice_operands_add(sluice_operands *operands, const sluice_transfer_path *path, sluice_operand **added,
                        sluice_error *error)
{
    int status = add_plain(operands, path, error);
    if (status == SLUICE_OK)
        *added = &operands->operands[operands->count - 1];
    return status;
}

bool sluice_operands_find(const sluice_operands *operands, const char *path, size_t *index)
{
    char *whole = path_below(operands, path);
    bool found = false;
    while (whole != NULL && !found && *index < operands->count) {
        found = strcmp(operands->operands[*index].path, whole) == 0;
        *index += !found;
    }
    free(whole);
    return found;
}

void sluice_operands_fini(sluice_operands *operands)
{
    for (size_t i = 0; i < operands->count; i++) {
        free((char *)operands->operands[i].path);
        free((char *)operands->operands[i].as);
    }
    free(operands->operands);
    free(operands->argument);
    free(operands->base);
    free(operands->destination);
    *operands = (sluice_operands){.push = false};
}

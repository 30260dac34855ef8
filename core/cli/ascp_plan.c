/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ascp_plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the steps share. */
typedef struct planning {
    sluice_ascp_plan *plan;
    sluice_ascp_line *line;
    const sluice_ascp_facts *facts;
    const char *user; /* for ssh; NULL: ssh knows */
    sluice_error *error;
} planning;

/* One operand: [[user@]host:]path.  host NULL: here. */
typedef struct operand {
    const char *user, *host, *path;
} operand;

/* ---- reading operands ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool has_scheme(const char *text)
{
    return begins(text, "faux://") || begins(text, "stdio://") || begins(text, "stdio-tar://") ||
           begins(text, "file://");
}

/* What stands before the colon of [user@]host:path; 0: it is a path here. */
static size_t target_bytes(const char *text)
{
    size_t before = strcspn(text, ":/[");
    if (text[before] == '[' && (before == 0 || text[before - 1] == '@')) {
        const char *end = strchr(text, ']');
        return end != NULL && end[1] == ':' ? (size_t)(end + 1 - text) : 0;
    }
    before += strcspn(text + before, ":/");
    return text[before] == ':' ? before : 0;
}

static int split(planning *p, const char *text, operand *out)
{
    size_t bytes = has_scheme(text) ? 0 : target_bytes(text);
    *out = (operand){.path = text};
    if (bytes == 0)
        return SLUICE_OK;
    out->path = text + bytes + 1;
    out->user = p->line->user;
    const char *target;
    int status = sluice_ascp_text_own(p->line, &target, p->error, "%.*s", (int)bytes, text);
    if (status != SLUICE_OK)
        return status;
    char *at = strrchr(target, '@');
    if (at != NULL) {
        *at = '\0';
        out->user = target;
    }
    out->host = at != NULL ? at + 1 : target;
    if (out->host[0] == '\0' || (out->user != NULL && out->user[0] == '\0'))
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: no %s before the colon", text,
                           out->host[0] == '\0' ? "host" : "user");
    return SLUICE_OK;
}

/* The other side, which all operands that are there must agree on. */
static int meet(planning *p, const operand *there, const char *text)
{
    if (p->plan->host != NULL && strcmp(p->plan->host, there->host) != 0)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: all sources must be on one machine, and the destination here",
                           text);
    if (p->plan->host != NULL && p->user != there->user &&
        (p->user == NULL || there->user == NULL || strcmp(p->user, there->user) != 0))
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: all sources must be of one user", text);
    p->plan->host = there->host;
    p->user = there->user;
    return SLUICE_OK;
}

/* ---- addresses as copy has them ---- */

static int percent_encode(planning *p, const char *path, const char **out)
{
    static const char hex[] = "0123456789ABCDEF";
    char *text = malloc(3 * strlen(path) + 1), *to = text;
    if (text == NULL)
        return sluice_fail(p->error, SLUICE_ENOMEM, "out of memory for the names of the files");
    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("/._-", c) != NULL;
        if (plain) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    *to = '\0';
    int status = sluice_ascp_texts_add(&p->line->owned, text, p->error);
    if (status == SLUICE_OK)
        *out = text;
    else
        free(text);
    return status;
}

static int server_address(planning *p, const char *path, const char **out)
{
    const char *encoded = "", *host = p->plan->host;
    bool bare6 = host[0] != '[' && strchr(host, ':') != NULL;
    while (*path == '/')
        path++;
    int status = percent_encode(p, path, &encoded);
    if (status != SLUICE_OK)
        return status;
    if (p->line->port == 0)
        return sluice_ascp_text_own(p->line, out, p->error, "sluice://%s%s%s/%s", bare6 ? "[" : "", host,
                                    bare6 ? "]" : "", encoded);
    return sluice_ascp_text_own(p->line, out, p->error, "sluice://%s%s%s:%" PRIu64 "/%s", bare6 ? "[" : "", host,
                                bare6 ? "]" : "", p->line->port, encoded);
}

/* The host stands in brackets, whatever it is: so it can never be taken for the name of a plugin. */
static int there(planning *p, const char *path, const char **out)
{
    const char *host = p->plan->host;
    bool bare = host[0] != '[';
    if (p->facts->ticket)
        return server_address(p, path, out);
    return sluice_ascp_text_own(p->line, out, p->error, "%s%s%s%s%s:%s", p->user != NULL ? p->user : "",
                                p->user != NULL ? "@" : "", bare ? "[" : "", host, bare ? "]" : "",
                                path[0] != '\0' ? path : ".");
}

/* A path here is never taken for anything else. */
static int here(planning *p, const char *path, const char **out)
{
    return sluice_ascp_text_own(p->line, out, p->error, "%s%s", path[0] == '/' ? "" : "./", path);
}

/* ---- schemes ---- */

/* SIZE with a suffix of binary multiples, as a plain number; false: it is none. */
static bool read_size(const char *text, uint64_t *out)
{
    static const char units[] = "kmgtpe";
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *out = strtoull(text, &end, 10);
    char letter = *end >= 'A' && *end <= 'Z' ? (char)(*end - 'A' + 'a') : *end;
    const char *unit = letter != '\0' ? strchr(units, letter) : NULL;
    for (const char *at = units; unit != NULL && at <= unit; at++)
        if (__builtin_mul_overflow(*out, (uint64_t)1024, out))
            return false;
    end += unit != NULL;
    return *end == '\0' && *out <= INT64_MAX;
}

/* The value of name=value between '&'; false: it is not there, or too long. */
static bool query_value(const char *query, const char *name, char *out, size_t size)
{
    size_t bytes = strlen(name);
    for (const char *at = query; *at != '\0'; at += *at == '&') {
        size_t length = strcspn(at, "&");
        if (length > bytes && memcmp(at, name, bytes) == 0 && at[bytes] == '=' && length - bytes <= size) {
            (void)snprintf(out, size, "%.*s", (int)(length - bytes - 1), at + bytes + 1);
            return true;
        }
        at += length;
    }
    return false;
}

static int bad_faux(planning *p, const char *text)
{
    return sluice_fail(p->error, SLUICE_EUSAGE,
                       "%s: write faux:///NAME?SIZE, with k, m, g, t, p or e behind it, or "
                       "faux:///DIR?count=N&size=SIZE, of one size each",
                       text);
}

/* faux:///name?SIZE, or faux:///dir?count=N&size=SIZE[&file=NAME]. */
static int faux_source(planning *p, const char *text)
{
    char value[32], base[128] = "FILE";
    const char *address, *name = text + strlen("faux://"), *query = strchr(name, '?');
    uint64_t size, count = 1;
    name += strspn(name, "/");
    if (query == NULL || name >= query)
        return bad_faux(p, text);
    query++;
    const char *slash = memrchr(name, '/', (size_t)(query - 1 - name));
    if (slash != NULL)
        name = slash + 1;
    bool several = query_value(query, "count", value, sizeof value);
    if (several && (!read_size(value, &count) || count == 0))
        return bad_faux(p, text);
    if (several && query_value(query, "inc", value, sizeof value) && strcmp(value, "0") != 0)
        return bad_faux(p, text);
    if (several)
        query = query_value(query, "size", value, sizeof value) ? value : "";
    if (!read_size(query, &size))
        return bad_faux(p, text);
    if (several)
        (void)query_value(strchr(text, '?') + 1, "file", base, sizeof base);
    int status = sluice_ascp_text_own(p->line, &address, p->error, "zero:%" PRIu64 "*%" PRIu64, size, count);
    if (status == SLUICE_OK)
        status = sluice_ascp_texts_add(&p->plan->sources, address, p->error);
    if (status == SLUICE_OK && several)
        return sluice_ascp_text_own(p->line, &p->plan->assignment, p->error, "source.zero.name=%s", base);
    if (status == SLUICE_OK)
        status = sluice_ascp_text_own(p->line, &p->plan->assignment, p->error, "source.zero.name=%.*s",
                                      (int)strcspn(name, "?"), name);
    return status;
}

/* The named pipe that stdio:///path means, as a source or a destination; *out is as it was where there is none. */
static int named_pipe(planning *p, const char *text, const char **out)
{
    const char *path;
    int status = sluice_ascp_text_own(p->line, &path, p->error, "%.*s",
                                      (int)strcspn(text, "?") - (int)strlen("stdio://"), text + strlen("stdio://"));
    if (status != SLUICE_OK || path[0] != '/' || !p->facts->is_pipe(path))
        return status;
    if (strchr(text, '?') != NULL)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: a named pipe goes to its end; a size cannot be named", text);
    return sluice_ascp_text_own(p->line, out, p->error, "stdio:%s", path);
}

/* Standard input is called by the last component; a size says how much of it is meant. */
static int stdio_source(planning *p, const char *text)
{
    const char *pipe = NULL;
    int status = named_pipe(p, text, &pipe);
    if (status != SLUICE_OK || pipe != NULL)
        return status != SLUICE_OK ? status : sluice_ascp_texts_add(&p->plan->sources, pipe, p->error);
    const char *name = text + strlen("stdio://"), *query = strchr(name, '?');
    size_t bytes = query != NULL ? (size_t)(query - name) : strlen(name);
    if (query != NULL && (!read_size(query + 1, &p->plan->input) || p->plan->input == 0))
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: behind the question mark stands a size, of at least 1", text);
    const char *slash = memrchr(name, '/', bytes);
    if (slash != NULL) {
        bytes -= (size_t)(slash + 1 - name);
        name = slash + 1;
    }
    status = sluice_ascp_texts_add(&p->plan->sources, "-", p->error);
    if (status == SLUICE_OK && bytes > 0)
        status =
            sluice_ascp_text_own(p->line, &p->plan->assignment, p->error, "source.stdio.name=%.*s", (int)bytes, name);
    return status;
}

/* Several files in one stream. */
static int stream_of_files(planning *p, const char *text, const char **address)
{
    const char *path = text + strlen("stdio-tar://");
    if (strchr(path, '?') != NULL || (path[0] != '\0' && path[0] != '/'))
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: write stdio-tar://, or stdio-tar:///PATH of a named pipe", text);
    return sluice_ascp_text_own(p->line, address, p->error, "tar:%s", path[0] != '\0' ? path : "-");
}

/* A plain path behind file://, without the queries of growing files. */
static int file_path(planning *p, const char *text, const char **path)
{
    if (strchr(text, '?') != NULL)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: files that grow are not to be had", text);
    *path = text + strlen("file://");
    while ((*path)[0] == '/' && (*path)[1] == '/')
        (*path)++;
    return (*path)[0] != '\0' ? SLUICE_OK : sluice_fail(p->error, SLUICE_EUSAGE, "%s: no path", text);
}

static int scheme_source(planning *p, const char *text)
{
    const char *path = "", *address = "";
    if (begins(text, "faux://"))
        return faux_source(p, text);
    if (begins(text, "stdio://"))
        return stdio_source(p, text);
    int status = SLUICE_OK;
    if (begins(text, "stdio-tar://"))
        status = stream_of_files(p, text, &address);
    else if ((status = file_path(p, text, &path)) == SLUICE_OK)
        status = here(p, path, &address);
    return status == SLUICE_OK ? sluice_ascp_texts_add(&p->plan->sources, address, p->error) : status;
}

static int scheme_destination(planning *p, const char *text)
{
    const char *path;
    int status = begins(text, "stdio://") ? named_pipe(p, text, &p->plan->destination) : SLUICE_OK;
    if (status != SLUICE_OK || p->plan->destination != NULL)
        return status;
    if (begins(text, "faux://")) {
        p->plan->destination = "null:";
        return SLUICE_OK;
    }
    if (begins(text, "stdio-tar://")) {
        p->plan->assignment = "sink.tar.form=heads";
        p->plan->output = strcmp(text, "stdio-tar://") == 0;
        return stream_of_files(p, text, &p->plan->destination);
    }
    if (begins(text, "stdio://") && text[strlen("stdio://")] != '\0')
        return sluice_fail(p->error, SLUICE_EUSAGE,
                           "%s: only stdio:// and named pipes are destinations here, for one file", text);
    if (begins(text, "stdio://")) {
        p->plan->destination = "-";
        p->plan->output = true;
        return SLUICE_OK;
    }
    status = file_path(p, text, &path);
    return status == SLUICE_OK ? here(p, path, &p->plan->destination) : status;
}

/* ---- sources ---- */

/* What stands before a source, with one slash between. */
static int prefixed(planning *p, const char *path, const char **out)
{
    const char *prefix = p->line->source_prefix;
    *out = path;
    if (prefix == NULL)
        return SLUICE_OK;
    size_t bytes = strlen(prefix);
    while (path[0] == '/' && bytes > 0 && prefix[bytes - 1] == '/')
        path++;
    bool slash = bytes > 0 && prefix[bytes - 1] != '/' && path[0] != '/';
    return sluice_ascp_text_own(p->line, out, p->error, "%s%s%s", prefix, slash ? "/" : "", path);
}

/* What is behind --src-base in a path. */
static int below_base(planning *p, const char *path, const char **out)
{
    const char *base = p->line->source_base;
    size_t bytes = strlen(base);
    while (bytes > 1 && base[bytes - 1] == '/')
        bytes--;
    bool all = bytes == 1 && base[0] == '/';
    if (strncmp(path, base, bytes) != 0 || (!all && path[bytes] != '/'))
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: does not lie below %s, which --src-base names", path, base);
    path += bytes;
    path += strspn(path, "/");
    if (path[0] == '\0')
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s is what --src-base names: name what is in it", base);
    *out = path;
    return SLUICE_OK;
}

static int add_pair(planning *p, const char *path, const char *name)
{
    const char *source = path;
    int status = SLUICE_OK;
    if (p->plan->push)
        status = here(p, path, &source);
    else
        source += strspn(source, "/"); /* the address that they lie below says whether it is the root */
    if (status == SLUICE_OK)
        status = sluice_ascp_texts_add(&p->plan->pairs, source, p->error);
    return status == SLUICE_OK ? sluice_ascp_texts_add(&p->plan->pairs, name + strspn(name, "/"), p->error) : status;
}

static int below_what(planning *p, const char *path)
{
    const char *address, *base = path[0] == '/' ? "/" : ".";
    if (p->plan->push)
        return SLUICE_OK;
    int status = there(p, base, &address);
    if (status == SLUICE_OK && p->plan->sources.count == 0)
        return sluice_ascp_texts_add(&p->plan->sources, address, p->error);
    if (status == SLUICE_OK && strcmp(address, p->plan->sources.list[0]) != 0)
        return sluice_fail(p->error, SLUICE_EUSAGE,
                           "%s: sources that are fetched under names of their own must all begin "
                           "with a slash, or none",
                           path);
    return status;
}

/* One source, under a name that is given, or that --src-base makes, or its own. */
static int add_source(planning *p, const char *path, const char *name)
{
    const char *whole = "", *address = "";
    int status = prefixed(p, path, &whole);
    if (status == SLUICE_OK && whole[0] == '\0' && p->plan->push)
        return sluice_fail(p->error, SLUICE_EUSAGE, "an empty source");
    if (status == SLUICE_OK && name == NULL && p->line->source_base != NULL)
        status = below_base(p, whole, &name);
    if (status == SLUICE_OK && name != NULL) {
        status = below_what(p, whole);
        return status == SLUICE_OK ? add_pair(p, whole, name) : status;
    }
    if (status == SLUICE_OK)
        status = p->plan->push ? here(p, whole, &address) : there(p, whole, &address);
    return status == SLUICE_OK ? sluice_ascp_texts_add(&p->plan->sources, address, p->error) : status;
}

static int add_listed(planning *p)
{
    const sluice_ascp_texts *list = &p->facts->list;
    int status = SLUICE_OK;
    bool pairs = p->line->pair_list != NULL;
    if (list->count == 0)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: the list names nothing",
                           pairs ? p->line->pair_list : p->line->file_list);
    if (pairs && list->count % 2 != 0)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: the last source has no destination", p->line->pair_list);
    for (size_t i = 0; i < list->count && status == SLUICE_OK; i += pairs ? 2 : 1)
        status = add_source(p, list->list[i], pairs ? list->list[i + 1] : NULL);
    return status;
}

static int add_operand(planning *p, const char *text)
{
    operand from = {.path = text};
    int status = SLUICE_OK;
    if (p->line->host == NULL)
        status = split(p, text, &from);
    bool scheme = has_scheme(from.path);
    if (status == SLUICE_OK && scheme && !p->plan->push)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: only files are fetched from another machine", text);
    if (status == SLUICE_OK && scheme && p->line->operands.count > 2)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: this is sent alone", text);
    if (status == SLUICE_OK && scheme)
        return scheme_source(p, text);
    if (status == SLUICE_OK && p->line->host == NULL && (from.host != NULL) == p->plan->push)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: %s", text,
                           p->plan->push ? "both sides are remote; one must be here"
                                         : "both sides are here; one must be [USER@]HOST:PATH");
    if (status == SLUICE_OK && from.host != NULL)
        status = meet(p, &from, text);
    return status == SLUICE_OK ? add_source(p, from.path, NULL) : status;
}

/* ---- the whole ---- */

static int place_destination(planning *p, const char *path)
{
    size_t bytes = strlen(path);
    bool scheme = has_scheme(path);
    if (scheme && p->plan->push)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: only files are written on another machine", path);
    if (scheme)
        return scheme_destination(p, path);
    if (bytes == 0 && !p->plan->push)
        return sluice_fail(p->error, SLUICE_EUSAGE, "an empty destination; the current directory is '.'");
    /* Behind -d it is a directory, whether it is there or not. */
    if (p->line->into && (bytes == 0 || path[bytes - 1] != '/')) {
        int status = sluice_ascp_text_own(p->line, &path, p->error, "%s/", bytes > 0 ? path : ".");
        if (status != SLUICE_OK)
            return status;
    }
    return p->plan->push ? there(p, path, &p->plan->destination) : here(p, path, &p->plan->destination);
}

/* Which way it goes: --mode says it, or the side of the destination. */
static int find_way(planning *p, const char *text, operand *to)
{
    const sluice_ascp_line *line = p->line;
    *to = (operand){.path = text};
    if (line->host != NULL) {
        p->plan->push = line->mode == SLUICE_ASCP_SEND;
        p->plan->host = line->host;
        p->user = line->user;
        return SLUICE_OK;
    }
    int status = split(p, text, to);
    if (status != SLUICE_OK)
        return status;
    p->plan->push = to->host != NULL;
    if (line->mode != SLUICE_ASCP_ANY && p->plan->push != (line->mode == SLUICE_ASCP_SEND))
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: --mode %s does not fit to this destination", text,
                           p->plan->push ? "recv" : "send");
    if (!p->plan->push && line->operands.count == 1)
        return sluice_fail(p->error, SLUICE_EUSAGE, "%s: a list of what is to be fetched, or --keepalive, needs --mode recv and --host",
                           text);
    return p->plan->push ? meet(p, to, text) : SLUICE_OK;
}

static int add_sources(planning *p)
{
    const sluice_ascp_texts *operands = &p->line->operands;
    int status = SLUICE_OK;
    if (operands->count == 1 && p->line->file_list == NULL && p->line->pair_list == NULL)
        return p->plan->push ? SLUICE_OK : there(p, "", &p->plan->base);
    if (operands->count == 1)
        return add_listed(p);
    for (size_t i = 0; i + 1 < operands->count && status == SLUICE_OK; i++)
        status = add_operand(p, operands->list[i]);
    return status;
}

int sluice_ascp_plan_make(sluice_ascp_plan *plan, sluice_ascp_line *line, const sluice_ascp_facts *facts,
                          sluice_error *error)
{
    planning p = {.plan = plan, .line = line, .facts = facts, .error = error};
    operand to;
    *plan = (sluice_ascp_plan){.push = false};
    int status = find_way(&p, line->operands.list[line->operands.count - 1], &to);
    if (status == SLUICE_OK)
        status = add_sources(&p);
    return status == SLUICE_OK ? place_destination(&p, to.path) : status;
}

void sluice_ascp_plan_fini(sluice_ascp_plan *plan)
{
    free(plan->sources.list);
    free(plan->pairs.list);
    *plan = (sluice_ascp_plan){.push = false};
}

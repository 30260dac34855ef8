/* SPDX-License-Identifier: Apache-2.0 */
#include "session/location.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME SLUICE_LOCATION_SCHEME
#define SCHEME_BYTES (sizeof SCHEME - 1)

static int set_path(sluice_location_parts *out, const char *path, sluice_error *error)
{
    out->path = strdup(path);
    return out->path != NULL ? SLUICE_OK : sluice_fail(error, SLUICE_ENOMEM, "out of memory for an address");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place.  False: a '%' without two hex digits, or %00. */
static bool percent_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return true;
}

int sluice_location_take_server(const char *text, sluice_location_parts *out, sluice_error *error)
{
    const char *host = text + SCHEME_BYTES;
    size_t bytes = strcspn(host, "/");
    char authority[SLUICE_ADDRESS_HOST + 8];
    if (bytes >= sizeof authority)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the host is too long", text);
    memcpy(authority, host, bytes);
    authority[bytes] = '\0';
    out->kind = SLUICE_LOCATION_REMOTE;
    out->port = SLUICE_DEFAULT_PORT;
    if (bytes > 0) {
        sluice_error why = {0};
        if (sluice_address_split(authority, SLUICE_DEFAULT_PORT, out->host, &out->port, &why) != SLUICE_OK)
            return sluice_fail(error, SLUICE_EUSAGE, "%s: %s; write sluice://host[:port]/path", text, why.text);
        if (out->host[0] == '\0' || out->port == 0 || strchr(out->host, '@') != NULL)
            return sluice_fail(error, SLUICE_EUSAGE, "%s: no such host or port; write sluice://host[:port]/path", text);
        char *zone = strstr(out->host, "%25"); /* as RFC 6874 wants it in URLs; bare is clear as well */
        if (zone != NULL)
            memmove(zone + 1, zone + 3, strlen(zone + 3) + 1);
    }
    const char *path = host + bytes;
    while (*path == '/')
        path++;
    int status = set_path(out, path, error);
    if (status == SLUICE_OK && !percent_decode(out->path))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: bad %%-escape; a literal '%%' is written %%25", text);
    return status;
}

/* What stands before the colon of [user@]host:path; 0: this is no such address. */
static size_t target_bytes(const char *text)
{
    size_t before = strcspn(text, ":/[@");
    if (text[before] == '@')
        before += 1 + strcspn(text + before + 1, ":/[");
    if (text[before] == '[' && (before == 0 || text[before - 1] == '@')) {
        const char *end = strchr(text, ']'); /* [v6]:path */
        return end != NULL && end[1] == ':' ? (size_t)(end + 1 - text) : 0;
    }
    before += strcspn(text + before, ":/");
    return text[before] == ':' ? before : 0;
}

/* The words of a target become an argument of ssh: none of them may look like an option or hold what no name has. */
static int take_target(const char *text, size_t bytes, sluice_location_parts *out, sluice_error *error)
{
    if (bytes >= sizeof out->target)
        return sluice_fail(error, SLUICE_EUSAGE, "%.80s...: the host is too long", text);
    for (size_t i = 0; i < bytes; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return sluice_fail(error, SLUICE_EUSAGE, "%s: blanks or control characters in the host", text);
        out->target[i] = text[i];
    }
    out->target[bytes] = '\0';
    char *at = strrchr(out->target, '@');
    char *host = at != NULL ? at + 1 : out->target;
    if (host[0] == '[') { /* ssh wants an IPv6 address bare */
        memmove(host, host + 1, strlen(host));
        host[strlen(host) - 1] = '\0';
    }
    if (out->target[0] == '-' || host[0] == '-')
        return sluice_fail(error, SLUICE_EUSAGE, "%s: a host or user may not begin with '-': ssh would take it for an "
                                                 "option", text);
    if (host[0] == '\0' || at == out->target)
        return sluice_fail(error, SLUICE_EUSAGE,
                           "%s: no %s before the colon; a local file with a colon in its name is ./%s", text,
                           host[0] == '\0' ? "host" : "user", text);
    return SLUICE_OK;
}

/* KIND:ARGUMENT, or [user@]host:path. */
static int parse_colon(const char *text, size_t name_bytes, sluice_kind kind, const sluice_location_plugins *plugins,
                       sluice_location_parts *out, sluice_error *error)
{
    char name[SLUICE_LOCATION_NAME];
    const char *path = text + name_bytes + 1;
    if (name_bytes > 0 && name_bytes < sizeof name && plugins->is_plugin != NULL) {
        memcpy(name, text, name_bytes);
        name[name_bytes] = '\0';
        if (plugins->is_plugin(plugins->user, kind, name)) {
            out->kind = strcmp(name, "file") == 0 ? SLUICE_LOCATION_LOCAL : SLUICE_LOCATION_PLUGIN;
            memcpy(out->plugin, name, name_bytes + 1);
            return set_path(out, path, error);
        }
    }
    out->kind = SLUICE_LOCATION_REMOTE;
    int status = take_target(text, name_bytes, out, error);
    if (status != SLUICE_OK)
        return status;
    /* Paths are relative to the home directory anyhow, and no shell is there to say so. */
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
        path += path[1] == '/' ? 2 : 1;
    return set_path(out, path[0] != '\0' ? path : ".", error);
}

int sluice_location_take_apart(const char *text, sluice_kind kind, const sluice_location_plugins *plugins,
                               sluice_location_parts *out, sluice_error *error)
{
    *out = (sluice_location_parts){.plugin = "file"};
    if (text[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "an empty %s; the current directory is '.'",
                           kind == SLUICE_SOURCE ? "source" : "destination");
    if (strncmp(text, SCHEME, SCHEME_BYTES) == 0)
        return sluice_location_take_server(text, out, error);
    if (strcmp(text, "-") == 0) {
        if (plugins->is_plugin == NULL || !plugins->is_plugin(plugins->user, kind, "stdio"))
            return sluice_fail(error, SLUICE_EUSAGE, "-: no plugin stdio is installed; a file of that name is ./-");
        out->kind = SLUICE_LOCATION_PLUGIN;
        strcpy(out->plugin, "stdio");
        return set_path(out, "", error);
    }
    size_t before = target_bytes(text);
    if (before > 0 || text[0] == ':')
        return parse_colon(text, before, kind, plugins, out, error);
    return set_path(out, text, error);
}

/* ---- for programs ---- */

/* [user@]host as ssh takes it; both fit, since the whole does. */
static void take_user(sluice_location *out, const char *target)
{
    const char *at = strrchr(target, '@');
    if (at != NULL)
        memcpy(out->user, target, (size_t)(at - target));
    strcpy(out->host, at != NULL ? at + 1 : target);
}

int sluice_location_parse(const char *text, sluice_location *out, sluice_error *error)
{
    sluice_location_parts parts;
    const sluice_location_plugins none = {.is_plugin = NULL};
    int status = sluice_location_take_apart(text, SLUICE_SOURCE, &none, &parts, error);
    if (status != SLUICE_OK) {
        free(parts.path);
        return status;
    }
    bool remote = parts.kind == SLUICE_LOCATION_REMOTE, ssh = parts.target[0] != '\0';
    bool bare = remote && (parts.path[0] == '\0' || (strcmp(parts.path, ".") == 0 && text[strlen(text) - 1] != '.'));
    if (parts.path[0] == '\0') {
        free(parts.path);
        if ((status = set_path(&parts, ".", error)) != SLUICE_OK)
            return status;
    }
    *out = (sluice_location){.size = sizeof *out, .remote = remote, .ssh = ssh, .bare = bare, .path = parts.path};
    out->port = remote && !ssh ? parts.port : 0;
    if (ssh)
        take_user(out, parts.target);
    else
        strcpy(out->host, parts.host);
    return SLUICE_OK;
}

void sluice_location_fini(sluice_location *location)
{
    free(location->path);
    *location = (sluice_location){.size = 0};
}

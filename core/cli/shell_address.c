/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_address.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME "sluice://"
#define SCHEME_BYTES (sizeof SCHEME - 1)

static int take_path(sluice_shell_address *address, const char *path, sluice_error *error)
{
    address->path = strdup(path);
    return address->path != NULL ? SLUICE_OK : sluice_fail(error, SLUICE_ENOMEM, "out of memory for an address");
}

/* Part of a host or a user: no blanks or controls, and not like an option. */
static bool take_word(char *out, const char *text, size_t bytes)
{
    if (bytes == 0 || bytes >= SLUICE_SHELL_HOST || text[0] == '-')
        return false;
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return false;
    memcpy(out, text, bytes);
    out[bytes] = '\0';
    return true;
}

/* ---- sluice://host[:port]/path ---- */

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

/* A decimal number from 1 to 65535, and nothing behind it. */
static bool take_port(const char *text, size_t bytes, uint16_t *out)
{
    unsigned long port = 0;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9' || i >= 5)
            return false;
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    *out = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX;
}

/* host, host:port, [v6] or [v6]:port, bytes of it.  A bare IPv6 address has no port. */
static bool take_authority(sluice_shell_address *address, const char *text, size_t bytes)
{
    const char *end = text + bytes, *host = text, *colon = memchr(text, ':', bytes);
    if (*text == '[') {
        const char *bracket = memchr(text, ']', bytes);
        if (bracket == NULL || (bracket + 1 != end && bracket[1] != ':'))
            return false;
        host = text + 1;
        colon = bracket + 1 != end ? bracket + 1 : NULL;
        end = bracket;
    } else if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL) {
        colon = NULL;
    } else if (colon != NULL) {
        end = colon;
    }
    if (!take_word(address->host, host, (size_t)(end - host)) || strpbrk(address->host, "@[]\\\"") != NULL)
        return false;
    if (colon != NULL && !take_port(colon + 1, (size_t)(text + bytes - colon - 1), &address->port))
        return false;
    char *zone = strstr(address->host, "%25"); /* as RFC 6874 wants it in URLs */
    if (zone != NULL)
        memmove(zone + 1, zone + 3, strlen(zone + 3) + 1);
    return true;
}

static int parse_url(sluice_shell_address *address, const char *text, sluice_error *error)
{
    const char *host = text + SCHEME_BYTES;
    size_t bytes = strcspn(host, "/");
    address->remote = true;
    if (bytes > 0 && !take_authority(address, host, bytes))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: no such host or port; write sluice://host[:port]/path", text);
    const char *path = host + bytes;
    while (*path == '/')
        path++;
    address->bare = *path == '\0';
    int status = take_path(address, address->bare ? "." : path, error);
    if (status == SLUICE_OK && !percent_decode(address->path))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: bad %%-escape; a literal '%%' is written %%25", text);
    return status;
}

/* ---- [user@]host:path ---- */

/* What stands before the colon; 0: this is no such address. */
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

/* They become arguments of ssh: none may look like an option, or hold what no name has. */
static bool take_target(sluice_shell_address *address, const char *text, size_t bytes)
{
    const char *host = text, *end = text + bytes;
    for (const char *at = text; at < end; at++)
        host = *at == '@' ? at + 1 : host;
    if (host != text && !take_word(address->user, text, (size_t)(host - text) - 1))
        return false;
    if (host < end && *host == '[') { /* ssh wants an IPv6 address bare */
        host++;
        end--;
    }
    return take_word(address->host, host, (size_t)(end - host));
}

static int parse_target(sluice_shell_address *address, const char *text, size_t bytes, sluice_error *error)
{
    const char *path = text + bytes + 1;
    address->remote = address->ssh = true;
    if (!take_target(address, text, bytes))
        return sluice_fail(error, SLUICE_EUSAGE,
                           "%s: no user and host that ssh could take; a local file with a colon in its name is ./%s", text,
                           text);
    /* Paths are relative to the home directory anyhow, and no shell is there to say so. */
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0'))
        path += path[1] == '/' ? 2 : 1;
    address->bare = path[0] == '\0';
    return take_path(address, address->bare ? "." : path, error);
}

/* ---- any ---- */

int sluice_shell_address_parse(sluice_shell_address *address, const char *text, sluice_error *error)
{
    *address = (sluice_shell_address){.path = NULL};
    if (text[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "an address must not be empty");
    if (strncmp(text, SCHEME, SCHEME_BYTES) == 0)
        return parse_url(address, text, error);
    size_t bytes = target_bytes(text);
    return bytes > 0 ? parse_target(address, text, bytes, error) : take_path(address, text, error);
}

void sluice_shell_address_fini(sluice_shell_address *address)
{
    free(address->path);
    address->path = NULL;
}

bool sluice_shell_address_agree(const sluice_shell_address *a, const sluice_shell_address *b)
{
    return a->remote == b->remote && a->ssh == b->ssh && a->port == b->port && strcmp(a->user, b->user) == 0 &&
           strcmp(a->host, b->host) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "session/ticket.h"

#include "net/secure.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "sluice1:"
#define PREFIX_BYTES (sizeof PREFIX - 1)
#define FORM_VERSION 1
#define FIXED_BYTES (1 + SLUICE_TICKET_ID_BYTES + 1 + 8 + SLUICE_TICKET_KEY_BYTES + SLUICE_TICKET_SECRET_BYTES + 1)
#define PACKED_BYTES (FIXED_BYTES + SLUICE_TICKET_ADDRESSES * (1 + SLUICE_TICKET_ADDRESS_BYTES))

static_assert(PREFIX_BYTES + SLUICE_BASE64_TEXT(PACKED_BYTES) <= SLUICE_TICKET_TEXT_BYTES, "any ticket must fit");

/* ---- making and packing ---- */

int sluice_ticket_make(const uint8_t key[SLUICE_TICKET_KEY_BYTES], unsigned rights, uint64_t expiry_s,
                       sluice_ticket *out, sluice_error *error)
{
    sluice_ticket made = {.rights = rights, .expiry_s = expiry_s};
    if (sluice_secure_random(made.id, sizeof made.id) != SLUICE_OK ||
        sluice_secure_random(made.secret, sizeof made.secret) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EIO, "no ticket: the system has no random bytes to give");
    memcpy(made.key, key, sizeof made.key);
    *out = made;
    sluice_ticket_wipe(&made);
    return SLUICE_OK;
}

/* A host and a port, at most SLUICE_TICKET_ADDRESS_BYTES of printable ASCII: what is wrong beyond that shows when the
 * address is used. */
static bool is_address(const char *address, size_t bytes)
{
    if (bytes == 0 || bytes > SLUICE_TICKET_ADDRESS_BYTES)
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (address[i] <= ' ' || address[i] > '~')
            return false;
    return memchr(address, ':', bytes) != NULL;
}

int sluice_ticket_address_add(sluice_ticket *ticket, const char *address, sluice_error *error)
{
    size_t bytes = strlen(address);
    if (!is_address(address, bytes))
        return sluice_fail(error, SLUICE_EINVAL, "a ticket's address must be host:port in at most %d characters",
                           SLUICE_TICKET_ADDRESS_BYTES);
    if (ticket->address_count == SLUICE_TICKET_ADDRESSES)
        return sluice_fail(error, SLUICE_ELIMIT, "a ticket holds at most %d addresses", SLUICE_TICKET_ADDRESSES);
    memcpy(ticket->addresses[ticket->address_count++], address, bytes + 1);
    return SLUICE_OK;
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t count)
{
    memcpy(at, bytes, count);
    return at + count;
}

void sluice_ticket_format(const sluice_ticket *ticket, char *out)
{
    uint8_t packed[PACKED_BYTES], *at = packed;
    *at++ = FORM_VERSION;
    at = put(at, ticket->id, sizeof ticket->id);
    *at++ = (uint8_t)ticket->rights;
    for (int shift = 56; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(ticket->expiry_s >> shift);
    at = put(at, ticket->key, sizeof ticket->key);
    at = put(at, ticket->secret, sizeof ticket->secret);
    *at++ = (uint8_t)ticket->address_count;
    for (size_t i = 0; i < ticket->address_count; i++) {
        size_t bytes = strlen(ticket->addresses[i]);
        *at++ = (uint8_t)bytes;
        at = put(at, ticket->addresses[i], bytes);
    }
    memcpy(out, PREFIX, PREFIX_BYTES);
    sluice_base64_text(packed, (size_t)(at - packed), out + PREFIX_BYTES);
    sluice_secure_cleanse(packed, sizeof packed);
}

void sluice_ticket_wipe(sluice_ticket *ticket)
{
    sluice_secure_cleanse(ticket, sizeof *ticket);
}

bool sluice_ticket_expired(const sluice_ticket *ticket, uint64_t now_s)
{
    return ticket->expiry_s != 0 && now_s >= ticket->expiry_s;
}

/* ---- unpacking ---- */

static const uint8_t *take(const uint8_t *from, void *out, size_t count)
{
    memcpy(out, from, count);
    return from + count;
}

/* The bytes behind the fixed part; every one of them must belong to an address. */
static bool unpack_addresses(const uint8_t *at, const uint8_t *end, size_t count, sluice_ticket *out)
{
    if (count > SLUICE_TICKET_ADDRESSES)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (at == end)
            return false;
        size_t bytes = *at++;
        if (bytes > (size_t)(end - at) || !is_address((const char *)at, bytes))
            return false;
        memcpy(out->addresses[i], at, bytes);
        at += bytes;
    }
    out->address_count = count;
    return at == end;
}

static bool unpack(const uint8_t *packed, size_t bytes, sluice_ticket *out)
{
    if (bytes < FIXED_BYTES || packed[0] != FORM_VERSION)
        return false;
    const uint8_t *at = take(packed + 1, out->id, sizeof out->id);
    out->rights = *at++;
    for (int i = 0; i < 8; i++)
        out->expiry_s = out->expiry_s << 8 | *at++;
    at = take(at, out->key, sizeof out->key);
    at = take(at, out->secret, sizeof out->secret);
    size_t count = *at++;
    return unpack_addresses(at, packed + bytes, count, out);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int sluice_ticket_parse(const char *text, size_t bytes, const char *where, sluice_ticket *out, sluice_error *error)
{
    while (bytes > 0 && is_space(text[0]))
        text++, bytes--;
    while (bytes > 0 && is_space(text[bytes - 1]))
        bytes--;
    if (bytes < PREFIX_BYTES || memcmp(text, PREFIX, PREFIX_BYTES) != 0) {
        if (bytes > 6 && memcmp(text, "sluice", 6) == 0)
            return sluice_fail(error, SLUICE_EAUTH, "%s: ticket of another version; this sluice reads \"%s\"", where,
                               PREFIX);
        return sluice_fail(error, SLUICE_EAUTH, "%s: no ticket: a ticket begins with \"%s\"; copy the server's file",
                           where, PREFIX);
    }
    uint8_t packed[PACKED_BYTES];
    sluice_ticket parsed = {.rights = 0};
    size_t count = 0;
    bool good =
        sluice_base64_parse(text + PREFIX_BYTES, bytes - PREFIX_BYTES, packed, sizeof packed, &count) == SLUICE_OK &&
        unpack(packed, count, &parsed);
    if (good)
        *out = parsed;
    sluice_secure_cleanse(packed, sizeof packed);
    sluice_ticket_wipe(&parsed);
    if (!good)
        return sluice_fail(error, SLUICE_EAUTH, "%s: damaged ticket; copy it again from the server, whole", where);
    return SLUICE_OK;
}

/* ---- files ---- */

int sluice_ticket_default_path(char *out, size_t size, sluice_error *error)
{
    const char *state = secure_getenv("XDG_STATE_HOME");
    const char *home = secure_getenv("HOME");
    char path[4096];
    int length;
    if (state != NULL && state[0] == '/') /* relative ones are to be ignored, says the XDG specification */
        length = snprintf(path, sizeof path, "%s/sluice/ticket", state);
    else if (home != NULL && home[0] == '/')
        length = snprintf(path, sizeof path, "%s/.local/state/sluice/ticket", home);
    else
        return sluice_fail(error, SLUICE_ECONFIG, "no HOME to look for the ticket in; name it with --ticket-file");
    if (length < 0 || (size_t)length >= sizeof path || (size_t)length >= size)
        return sluice_fail(error, SLUICE_ECONFIG, "the path of the ticket is too long; name it with --ticket-file");
    memcpy(out, path, (size_t)length + 1);
    return SLUICE_OK;
}

static int check_file(int descriptor, const char *path, sluice_error *error)
{
    struct stat facts;
    if (fstat(descriptor, &facts) != 0)
        return sluice_fail(error, SLUICE_EAUTH, "%s: ticket cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return sluice_fail(error, SLUICE_EAUTH, "%s: the ticket must be a regular file", path);
    if (facts.st_uid != geteuid())
        return sluice_fail(error, SLUICE_EAUTH,
                           "%s: the ticket belongs to user %u, not to you (%u); make a copy of yours", path,
                           (unsigned)facts.st_uid, (unsigned)geteuid());
    if ((facts.st_mode & 077) != 0)
        return sluice_fail(error, SLUICE_EAUTH, "%s: the ticket is open to others (mode %04o): chmod 600 %s", path,
                           (unsigned)facts.st_mode & 07777, path);
    return SLUICE_OK;
}

/* One byte more than a ticket with some white space can have: a longer file is no ticket. */
static int read_text(int descriptor, const char *path, char *text, size_t size, size_t *bytes, sluice_error *error)
{
    size_t count = 0;
    while (count < size) {
        ssize_t got = read(descriptor, text + count, size - count);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sluice_fail(error, SLUICE_EAUTH, "%s: ticket cannot be read: %s", path, strerror(errno));
        if (got == 0)
            break;
        count += (size_t)got;
    }
    if (count == size)
        return sluice_fail(error, SLUICE_EAUTH, "%s: no ticket: too long", path);
    *bytes = count;
    return SLUICE_OK;
}

int sluice_ticket_read(const char *path, sluice_ticket *out, sluice_error *error)
{
    /* Not blocking, so that a fifo in its place is told of instead of waited for. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0 && errno == ENOENT)
        return sluice_fail(error, SLUICE_EAUTH,
                           "%s: no such ticket; copy it from the server (mode 600), or name it with --ticket-file",
                           path);
    if (descriptor < 0)
        return sluice_fail(error, SLUICE_EAUTH, "%s: ticket cannot be read: %s", path, strerror(errno));
    char text[SLUICE_TICKET_TEXT_BYTES + 64];
    size_t bytes = 0;
    int status = check_file(descriptor, path, error);
    if (status == SLUICE_OK)
        status = read_text(descriptor, path, text, sizeof text, &bytes, error);
    if (status == SLUICE_OK)
        status = sluice_ticket_parse(text, bytes, path, out, error);
    close(descriptor);
    sluice_secure_cleanse(text, sizeof text);
    return status;
}

static int make_parents(const char *path, sluice_error *error)
{
    char parent[4096];
    size_t bytes = strlen(path);
    if (bytes >= sizeof parent)
        return sluice_fail(error, SLUICE_EINVAL, "the path of the ticket is too long");
    memcpy(parent, path, bytes + 1);
    for (char *slash = strchr(parent + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(parent, 0700) != 0 && errno != EEXIST)
            return sluice_fail(error, sluice_status_from_errno(errno), "%s: cannot make the ticket's directory: %s",
                               parent, strerror(errno));
        *slash = '/';
    }
    return SLUICE_OK;
}

static bool write_text(int descriptor, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t put_bytes = write(descriptor, text, bytes);
        if (put_bytes < 0 && errno == EINTR)
            continue;
        if (put_bytes < 0)
            return false;
        text += put_bytes;
        bytes -= (size_t)put_bytes;
    }
    return fsync(descriptor) == 0;
}

int sluice_ticket_write(const char *path, const sluice_ticket *ticket, sluice_error *error)
{
    int status = make_parents(path, error);
    if (status != SLUICE_OK)
        return status;
    char beside[4096 + 32], text[SLUICE_TICKET_TEXT_BYTES + 1];
    snprintf(beside, sizeof beside, "%s.%ld.new", path, (long)getpid());
    unlink(beside); /* left by a process of this number that was killed */
    int descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: ticket cannot be written: %s", beside,
                           strerror(errno));
    sluice_ticket_format(ticket, text);
    size_t bytes = strlen(text);
    text[bytes++] = '\n';
    bool good = write_text(descriptor, text, bytes);
    int reason = errno;
    sluice_secure_cleanse(text, sizeof text);
    if (close(descriptor) != 0 && good) {
        good = false;
        reason = errno;
    }
    if (good && rename(beside, path) != 0) {
        good = false;
        reason = errno;
    }
    if (good)
        return SLUICE_OK;
    unlink(beside);
    return sluice_fail(error, sluice_status_from_errno(reason), "%s: ticket cannot be written: %s", path,
                       strerror(reason));
}

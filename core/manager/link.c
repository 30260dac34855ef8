/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/link.h"

#include "base/text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM_BYTES 65536 /* what waits to be written, before more is asked for */
#define READS_A_ROUND 8  /* others have their turn between */

struct sluice_link {
    sluice_loop *loop;
    int socket;
    sluice_watch *watch;
    const sluice_link_ports *ports;
    void *user;
    bool deaf, broken; /* nothing more comes; nothing more goes */
    sluice_text out;
    size_t sent;
    faspmgr_reader reader;
    faspmgr_message message;
};

static void want(sluice_link *link)
{
    unsigned directions = link->deaf ? 0 : SLUICE_WATCH_READ;
    if (link->sent < link->out.length && !link->broken)
        directions |= SLUICE_WATCH_WRITE;
    (void)sluice_watch_set(link->watch, directions);
}

/* ---- writing ---- */

void sluice_link_say(sluice_link *link, const faspmgr_writer *message)
{
    if (link->broken)
        return;
    if (link->sent >= ROOM_BYTES) {
        memmove(link->out.bytes, link->out.bytes + link->sent, link->out.length - link->sent);
        link->out.length -= link->sent;
        link->sent = 0;
    }
    sluice_text_add_bytes(&link->out, message->text, message->bytes);
}

size_t sluice_link_waiting(const sluice_link *link)
{
    return link->out.length - link->sent;
}

bool sluice_link_room(const sluice_link *link)
{
    return sluice_link_waiting(link) < ROOM_BYTES;
}

void sluice_link_flush(sluice_link *link)
{
    while (!link->broken && link->sent < link->out.length) {
        ssize_t put = send(link->socket, link->out.bytes + link->sent, link->out.length - link->sent,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (put < 0)
            link->broken = true;
        else
            link->sent += (size_t)put;
    }
    if (link->broken || link->sent == link->out.length) {
        sluice_text_clear(&link->out);
        link->sent = 0;
    }
    want(link);
}

/* ---- reading ---- */

static void end(sluice_link *link, bool garbled)
{
    link->deaf = true;
    want(link);
    link->ports->ended(link->user, link, garbled);
}

static void understand(sluice_link *link, const char *bytes, size_t count)
{
    while (count > 0 && !link->deaf) {
        size_t taken;
        faspmgr_verdict verdict = faspmgr_read(&link->reader, bytes, count, &taken, &link->message);
        bytes += taken;
        count -= taken;
        if (verdict == FASPMGR_MALFORMED)
            end(link, true);
        else if (verdict == FASPMGR_WHOLE)
            link->ports->heard(link->user, link, &link->message);
    }
}

/* False: there is nothing more for now, or for ever. */
static bool read_once(sluice_link *link)
{
    char bytes[16384];
    ssize_t got = recv(link->socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR)
        return true;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (got <= 0)
        end(link, false);
    else
        understand(link, bytes, (size_t)got);
    return got > 0;
}

void sluice_link_drain(sluice_link *link)
{
    while (!link->deaf && read_once(link))
        ;
}

static void ready(void *user, unsigned directions)
{
    sluice_link *link = user;
    const sluice_link_ports *ports = link->ports; /* heard may change them, and its owner with them */
    void *owner = link->user;
    ports->enter(owner);
    if ((directions & SLUICE_WATCH_WRITE) != 0)
        link->ports->roomy(owner);
    for (int i = 0; i < READS_A_ROUND && (directions & SLUICE_WATCH_READ) != 0 && !link->deaf && read_once(link); i++)
        ;
    ports->leave(owner);
}

/* ---- making ---- */

int sluice_link_new(sluice_link **out, sluice_loop *loop, int socket, const sluice_link_ports *ports, void *user)
{
    sluice_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return SLUICE_ENOMEM;
    link->loop = loop;
    link->ports = ports;
    link->user = user;
    int status = sluice_watch_new(&link->watch, loop, socket, ready, link);
    if (status == SLUICE_OK)
        status = sluice_watch_set(link->watch, SLUICE_WATCH_READ);
    if (status != SLUICE_OK) {
        sluice_watch_free(link->watch);
        free(link);
        return status;
    }
    link->socket = socket;
    *out = link;
    return SLUICE_OK;
}

void sluice_link_rebind(sluice_link *link, const sluice_link_ports *ports, void *user)
{
    link->ports = ports;
    link->user = user;
}

int sluice_link_socket(const sluice_link *link)
{
    return link->socket;
}

void sluice_link_free(sluice_link *link)
{
    if (link == NULL)
        return;
    sluice_watch_free(link->watch);
    close(link->socket);
    sluice_text_fini(&link->out);
    free(link);
}

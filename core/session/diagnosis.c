/* SPDX-License-Identifier: Apache-2.0 */
#include "session/telling.h"

#include "session/words.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_SLOW_NS SLUICE_SECOND /* a resolver that answers so late has tried another one in vain */
#define TICKET_SOON_S (7u * 86400) /* a week, in which a new one can be had without haste */

/* ---- telling ---- */

sluice_sentence sluice_say(const char *format, ...)
{
    sluice_sentence out;
    va_list args;
    va_start(args, format);
    vsnprintf(out.bytes, sizeof out.bytes, format, args);
    va_end(args);
    return out;
}

void sluice_tell(sluice_diagnosis *diagnosis, sluice_finding_level level, const char *topic, const char *where,
                 sluice_sentence sentence, sluice_sentence remedy)
{
    sluice_finding finding = {.size = sizeof finding,
                              .level = level,
                              .topic = topic,
                              .where = where,
                              .sentence = sentence.bytes,
                              .remedy = level == SLUICE_FINDING_GOOD ? "" : remedy.bytes};
    diagnosis->counts[level]++;
    if (diagnosis->found)
        diagnosis->found(diagnosis->user, &finding);
}

void sluice_tell_good(sluice_diagnosis *diagnosis, const char *topic, const char *where, sluice_sentence sentence)
{
    sluice_tell(diagnosis, SLUICE_FINDING_GOOD, topic, where, sentence, sluice_say("%s", ""));
}

static void option_add(sluice_diagnosis *diagnosis, const char *option)
{
    size_t length = strlen(diagnosis->options);
    if (strstr(diagnosis->options, option))
        return;
    snprintf(diagnosis->options + length, sizeof diagnosis->options - length, "%s%s", length ? " " : "", option);
}

/* ---- on the way there ---- */

void sluice_diagnose_name(sluice_diagnosis *diagnosis, const char *host, const sluice_address *addresses, size_t count,
                          sluice_duration took_ns)
{
    sluice_sentence list = {.bytes = ""};
    size_t length = 0;
    bool slow = took_ns > NAME_SLOW_NS;
    for (size_t i = 0; i < count && length < sizeof list.bytes - SLUICE_ADDRESS_TEXT; i++) {
        char one[SLUICE_ADDRESS_TEXT];
        length += (size_t)snprintf(list.bytes + length, sizeof list.bytes - length, "%s%s", i ? ", " : "",
                                   sluice_address_host(&addresses[i], one));
    }
    sluice_tell(diagnosis, slow ? SLUICE_FINDING_WARNING : SLUICE_FINDING_GOOD, "name", SLUICE_AT_HERE,
                strcmp(host, list.bytes) == 0
                    ? sluice_say("%s is a numeric address", host)
                    : sluice_say("%s is %.700s (%s)", host, list.bytes, sluice_words_time(took_ns).text),
                sluice_say("a resolver does not answer: see /etc/resolv.conf, or `resolvectl query %s`", host));
}

void sluice_diagnose_no_name(sluice_diagnosis *diagnosis, const char *host, const char *why)
{
    sluice_tell(
        diagnosis, SLUICE_FINDING_BAD, "name", SLUICE_AT_HERE, sluice_say("%s: %s", host, why),
        sluice_say("check the spelling, or `getent hosts %s`; a numeric address does without a resolver", host));
}

/* What stands between us and an address, by what came back. */
static void tell_unreached(sluice_diagnosis *diagnosis, const sluice_reach_result *result, sluice_finding_level level)
{
    char where[SLUICE_ADDRESS_TEXT];
    unsigned port = sluice_address_port(&result->address);
    sluice_address_text(&result->address, where);
    if (result->errnum == ECONNREFUSED)
        sluice_tell(diagnosis, level, "tcp", SLUICE_AT_THERE,
                    sluice_say("%s refuses: nothing listens on that port", where),
                    sluice_say("start `sluice serve` there, or give the port it prints (host:port)"));
    else if (result->errnum == ETIMEDOUT)
        sluice_tell(diagnosis, level, "tcp", SLUICE_AT_PATH,
                    sluice_say("%s does not answer within %s", where, sluice_words_time(result->took_ns).text),
                    sluice_say("is the host up? Else let TCP port %u through the firewalls between (nft add rule inet "
                               "filter input tcp dport %u "
                               "accept)",
                               port, port));
    else
        sluice_tell(diagnosis, level, "tcp", SLUICE_AT_PATH,
                    sluice_say("%s cannot be reached: %s", where, strerror(result->errnum)),
                    sluice_say("see `ip route get ADDRESS` here; where only IPv6 or IPv4 fails, take it out of the "
                               "name or repair its route"));
}

size_t sluice_diagnose_tcp(sluice_diagnosis *diagnosis, const sluice_reach_result *results, size_t count)
{
    size_t stand = 0;
    char where[SLUICE_ADDRESS_TEXT];
    for (size_t i = 0; i < count; i++)
        stand += results[i].errnum == 0;
    for (size_t i = 0; i < count; i++) {
        if (results[i].errnum == 0)
            sluice_tell_good(diagnosis, "tcp", SLUICE_AT_PATH,
                             sluice_say("%s takes connections (%s)", sluice_address_text(&results[i].address, where),
                                        sluice_words_time(results[i].took_ns).text));
        else /* the next address is tried soon, but not at once */
            tell_unreached(diagnosis, &results[i], stand ? SLUICE_FINDING_WARNING : SLUICE_FINDING_BAD);
    }
    return stand;
}

void sluice_diagnose_ticket(sluice_diagnosis *diagnosis, const sluice_ticket *ticket, uint64_t now_s)
{
    uint64_t left_s = ticket->expiry_s > now_s ? ticket->expiry_s - now_s : 0;
    if (ticket->expiry_s && left_s < TICKET_SOON_S)
        sluice_tell(diagnosis, SLUICE_FINDING_WARNING, "ticket", SLUICE_AT_HERE,
                    sluice_say("the ticket expires in %" PRIu64 " %s", left_s >= 86400 ? left_s / 86400 : left_s / 3600,
                               left_s >= 86400 ? "days" : "hours"),
                    sluice_say("ask for a new one in time"));
}

void sluice_diagnose_no_ticket(sluice_diagnosis *diagnosis, const sluice_error *why)
{
    sluice_tell(diagnosis, SLUICE_FINDING_BAD, "ticket", SLUICE_AT_HERE, sluice_say("%.800s", why->text),
                sluice_say("copy the server's ticket here, with mode 600, and name it with --ticket-file"));
}

/* ---- the set-up ---- */

static bool same_software(const sluice_probe *probe)
{
    char own[SLUICE_HELLO_NAME];
    snprintf(own, sizeof own, "sluice %s", sluice_version());
    return strcmp(own, probe->software) == 0;
}

void sluice_diagnose_welcome(sluice_diagnosis *diagnosis, const sluice_probe *probe)
{
    sluice_words took = sluice_words_time(probe->welcome_ns);
    if (diagnosis->by_ssh)
        sluice_tell_good(diagnosis, "ssh", SLUICE_AT_PATH,
                         sluice_say("%s answers through ssh after %s", diagnosis->server, took.text));
    else
        sluice_tell_good(diagnosis, "tls", SLUICE_AT_PATH,
                         sluice_say("TLS stands with the right key, and the ticket is taken (set-up %s)", took.text));
    sluice_tell(diagnosis, same_software(probe) ? SLUICE_FINDING_GOOD : SLUICE_FINDING_NOTE,
                diagnosis->by_ssh ? "ssh" : "tls", SLUICE_AT_THERE,
                sluice_say("%s there, sluice %s here", probe->software, sluice_version()),
                sluice_say("the same version on both sides is what is tested most"));
}

void sluice_diagnose_ssh_line(sluice_diagnosis *diagnosis, const char *line)
{
    sluice_tell(diagnosis, SLUICE_FINDING_NOTE, "ssh", SLUICE_AT_PATH, sluice_say("%.800s", line),
                sluice_say("%s", ""));
}

static const char *failed_topic(const sluice_diagnosis *diagnosis, const sluice_probe *probe, int status)
{
    if (diagnosis->by_ssh)
        return "ssh";
    return probe->reached && (status == SLUICE_EAUTH || status == SLUICE_EACCESS || status == SLUICE_ELIMIT) ? "ticket"
                                                                                                             : "tls";
}

static sluice_sentence failed_remedy(const sluice_diagnosis *diagnosis, const char *topic, int status)
{
    if (strcmp(topic, "ssh") == 0)
        return status == SLUICE_EAUTH
                   ? sluice_say("make `ssh %s true` work first", diagnosis->server)
                   : sluice_say("see `ssh %s sluice --version`; where sluice lies elsewhere, --remote-command says so",
                                diagnosis->server);
    if (strcmp(topic, "ticket") == 0)
        return status == SLUICE_ELIMIT ? sluice_say("end other sessions, or wait; serve --max-sessions")
                                       : sluice_say("copy the server's ticket file anew; serve prints where it lies");
    if (status == SLUICE_EAUTH)
        return sluice_say("a new ticket, if the server has got a new key; else somebody else answers in its place");
    if (status == SLUICE_ECIPHER || status == SLUICE_EVERSION)
        return sluice_say("the same release on both sides, and no --cipher that the other does not allow");
    return sluice_say("is it `sluice serve` that listens there? A firewall that looks into TLS may also stand between");
}

void sluice_diagnose_no_welcome(sluice_diagnosis *diagnosis, const sluice_probe *probe, const sluice_error *why)
{
    const char *topic = failed_topic(diagnosis, probe, why->status);
    sluice_tell(diagnosis, SLUICE_FINDING_BAD, topic, strcmp(topic, "ticket") == 0 ? SLUICE_AT_THERE : SLUICE_AT_PATH,
                sluice_say("%.800s", why->text), failed_remedy(diagnosis, topic, why->status));
}

void sluice_diagnose_failure(sluice_diagnosis *diagnosis, const sluice_probe *probe, const sluice_error *why)
{
    const char *way = probe->push ? "push" : "pull";
    if (why->status == SLUICE_EACCESS)
        sluice_tell(diagnosis, SLUICE_FINDING_NOTE, "ticket", SLUICE_AT_THERE,
                    sluice_say("no %s: %.700s", way, why->text),
                    sluice_say("who is to %s needs a ticket with that right, of a server that is not %s", way,
                               probe->push ? "--read-only" : "--write-only"));
    else if (why->status == SLUICE_EUNSUPPORTED || why->status == SLUICE_EPROTOCOL)
        sluice_tell(diagnosis, SLUICE_FINDING_WARNING, "rate", SLUICE_AT_THERE,
                    sluice_say("%s cannot be examined further: %.500s", probe->software, why->text),
                    sluice_say("a later sluice there, for this examination only"));
    else
        sluice_tell(diagnosis, SLUICE_FINDING_BAD, "rate", SLUICE_AT_PATH,
                    sluice_say("the %s ended early: %.700s", way, why->text), sluice_say("%s", ""));
}

void sluice_diagnose_nothing(sluice_diagnosis *diagnosis)
{
    if (diagnosis->counts[SLUICE_FINDING_BAD] == 0)
        sluice_tell(diagnosis, SLUICE_FINDING_BAD, "ticket", SLUICE_AT_THERE,
                    sluice_say("nothing may be copied to or from %s", diagnosis->server),
                    sluice_say("a ticket with a right that the server grants"));
}

/* ---- UDP ---- */

static sluice_sentence udp_remedy(const sluice_diagnosis *diagnosis, const sluice_probe *probe, const char *which)
{
    const char *until = "; until then --transport tcp, or auto, which goes over to it after 3 s";
    if (diagnosis->by_ssh)
        return sluice_say(
            "let UDP ports %s of %s through the firewalls %s (nft add rule inet filter input udp dport %s accept)%s",
            diagnosis->udp_ports, diagnosis->host, which, diagnosis->udp_ports, until);
    return sluice_say("let UDP port %" PRIu64
                      " of %s through the firewalls %s (nft add rule inet filter input udp %s %" PRIu64 " accept)%s",
                      probe->port, diagnosis->host, which, strcmp(which, "on this side") == 0 ? "sport" : "dport",
                      probe->port, until);
}

static void tell_dead_udp(sluice_diagnosis *diagnosis, const sluice_probe *probe)
{
    if (!probe->has_facts)
        sluice_tell(diagnosis, SLUICE_FINDING_BAD, "udp", SLUICE_AT_PATH,
                    sluice_say("no datagram of %s came back, though TCP reaches it", diagnosis->server),
                    udp_remedy(diagnosis, probe, "between"));
    else if (probe->there.datagrams > 0)
        sluice_tell(diagnosis, SLUICE_FINDING_BAD, "udp", SLUICE_AT_HERE,
                    sluice_say("our datagrams reach %s (%" PRIu64 " came), but no answer arrives here",
                               diagnosis->server, probe->there.datagrams),
                    udp_remedy(diagnosis, probe, "on this side"));
    else
        sluice_tell(diagnosis, SLUICE_FINDING_BAD, "udp", SLUICE_AT_THERE,
                    sluice_say("none of our datagrams reaches %s, though TCP does", diagnosis->server),
                    udp_remedy(diagnosis, probe, "on its side and between"));
    option_add(diagnosis, "--transport tcp");
}

void sluice_diagnose_udp(sluice_diagnosis *diagnosis, const sluice_probe *probe)
{
    if (strcmp(probe->transport, "tcp") == 0) {
        sluice_tell(diagnosis, SLUICE_FINDING_WARNING, "udp", SLUICE_AT_THERE, sluice_say("the server takes no UDP"),
                    sluice_say("allow it there: serve --transport udp,tcp, and ports that are free for it"));
        option_add(diagnosis, "--transport tcp");
    } else if (!probe->live) {
        tell_dead_udp(diagnosis, probe);
    } else if (probe->moved) {
        sluice_tell(
            diagnosis, SLUICE_FINDING_WARNING, "udp", SLUICE_AT_PATH,
            sluice_say("datagrams arrived at first and then no more; the rest went over TCP"),
            sluice_say("something between forgets or throttles UDP: look for limits on UDP in firewalls and NATs"));
    } else {
        sluice_tell_good(diagnosis, "udp", SLUICE_AT_PATH,
                         sluice_say("datagrams reach %s and come back (first after %s)", diagnosis->server,
                                    sluice_words_time(probe->live_ns).text));
    }
}

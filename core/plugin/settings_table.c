/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/settings_table.h"

#include "base/date.h"
#include "plugin/registry.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define T sluice_transfer_settings
#define S sluice_serve_settings
#define K sluice_ticket_settings
#define M sluice_stream_settings

#define STREAM_NAME_MOST 255 /* SLUICE_STREAM_NAME_MAX */
#define MANAGEMENT_BYTES 256 /* a name of the DNS, a port, and the NUL */

#define DATAGRAM_HELP                                                                                                \
    "Largest payload of a UDP datagram, in bytes from 508, for both directions; an IPv4 packet is 28 bytes larger, an "   \
    "IPv6 packet 48. 0: as large as the path takes, which is found out."

#define UDP_BUFFER_HELP                                                                                               \
    "Memory asked of the system for datagrams that wait to be read, and the same for those that wait to be sent. What the " \
    "system allows at most may be less."
#define UDP_OFFLOAD_HELP                                                                                              \
    "Whether the kernel cuts and joins datagrams (UDP_SEGMENT, UDP_GRO) where it can. no: for drivers that do it wrongly."

static const sluice_option transfer_options[] = {
    SLUICE_OPTION_RATE(T, rate, .def = "0", .flags = SLUICE_OPTION_RUNTIME,
                       .help = "Target rate in bits of IP packets per second. 0: as fast as the path allows."),
    SLUICE_OPTION_RATE(T, min_rate, .def = "0", .flags = SLUICE_OPTION_RUNTIME,
                       .help = "Rate that is kept whatever the path does. 0: none."),
    SLUICE_OPTION_ENUM(T, policy, .def = "fair", .choices = "fixed|high|fair|low",
                       .flags = SLUICE_OPTION_RUNTIME,
                       .help = "How to share the path: fixed sends at the target rate, fair shares evenly, high takes twice "
                               "the share of fair, low what nobody else wants."),
    SLUICE_OPTION_STRING(T, congestion, .help = "Congestion plugin to use in place of the policy's."),
    SLUICE_OPTION_STRING(T, cipher, .def = "auto",
                         .help = "Cipher of the data: aes-128-gcm, aes-256-gcm, chacha20-poly1305, or none where both "
                                 "sides allow it. auto: the best for the slower side."),
    SLUICE_OPTION_STRING(T, crypto, .def = "auto", .help = "Crypto plugin that carries the cipher. auto: the fastest."),
    SLUICE_OPTION_STRING(T, transport, .def = "auto",
                         .help = "udp, tcp, or auto: UDP where it arrives, else TCP (after 3 s or four round trips, the "
                                 "larger; also in mid-session)."),
    SLUICE_OPTION_ENUM(T, resume, .def = "full", .choices = "none|attributes|sparse|full",
                       .help = "How a partial file is trusted: full compares every chunk that is there, sparse the "
                               "first, the last and one in 16, attributes only size and time, none starts anew. The "
                               "digest of the whole file decides in the end."),
    SLUICE_OPTION_ENUM(T, overwrite, .def = "different", .choices = "never|always|different|older",
                       .help = "What to do with a complete file that is there already. different: replace it if its "
                               "size or time differ, with resume = full also if its digest does."),
    SLUICE_OPTION_STRING(T, preserve, .def = "times,mode",
                         .help = "What to keep of each file, a list of: times, mode, links, owner, xattr, acl; or "
                                 "none. owner: by its name, or its number where that name is unknown. xattr: the "
                                 "attributes of the name space user. acl: POSIX ACLs, by number. A file is in place but "
                                 "counts as failed if its attributes or ACL cannot be set; a complete file that is "
                                 "there already keeps its own."),
    SLUICE_OPTION_STRING(T, symlinks, .def = "",
                         .help = "Symbolic links: copy, follow or skip. Empty: copy them inside trees, follow those "
                                 "that are named as sources."),
    SLUICE_OPTION_PATH(T, file_list, .help = "File that lists the sources, one a line; - for standard input."),
    SLUICE_OPTION_PATH(T, pair_list, .help = "File that lists sources and destinations on alternate lines."),
    SLUICE_OPTION_BOOL(T, null, .def = "no", .help = "Lists are separated by NUL bytes in place of line ends."),
    {.name = "exclude", .type = SLUICE_OPTION_STRING_TYPE, .offset = offsetof(T, filters),
     .flags = SLUICE_OPTION_REPEAT,
     .help = "Leave out what matches this pattern. With include, in the order given: the first match wins."},
    {.name = "include", .type = SLUICE_OPTION_STRING_TYPE, .offset = offsetof(T, filters),
     .flags = SLUICE_OPTION_REPEAT, .help = "Keep what matches this pattern, though a later exclude matches too."},
    SLUICE_OPTION_STRING(T, exclude_newer_than,
                         .help = "Leave out files that were modified after this: a date such as 2027-01-31 or "
                                 "2027-01-31T12:00:00Z (UTC), seconds since 1970, or, negative, seconds before now."),
    SLUICE_OPTION_STRING(T, exclude_older_than, .help = "Leave out files that were modified before this; the same forms."),
    SLUICE_OPTION_ENUM(T, checksum, .def = "xxh3-128", .choices = "xxh3-128|sha-256|none",
                       .help = "Digest that every file is verified with."),
    SLUICE_OPTION_ENUM(T, sync, .def = "none", .choices = "none|file|end",
                       .help = "When data must be on disk: file waits before each final name, end once before "
                               "success is told, none never waits."),
    SLUICE_OPTION_BOOL(T, drop_behind, .def = "no",
                       .help = "Files that were read and written do not stay in the page cache, on both sides, so that what other "
                               "programs use stays there. Writing then waits for the disk."),
    SLUICE_OPTION_BOOL(T, mkdir, .def = "no", .help = "Make parents of the destination that are missing."),
    SLUICE_OPTION_PATH(T, ticket_file,
                       .help = "Ticket for the server. By default the one in the state directory of sluice."),
    SLUICE_OPTION_STRING(T, ssh, .def = "ssh",
                         .help = "Program, with its options, that reaches [user@]host:path."),
    SLUICE_OPTION_STRING(T, remote_command, .def = "sluice",
                         .help = "What ssh runs on the other machine, followed by 'serve --stdio'."),
    SLUICE_OPTION_STRING(T, udp_ports, .def = "33001-33100",
                         .help = "With ssh: range of UDP ports, of which either side takes the first that is free."),
    SLUICE_OPTION_STRING(T, udp_host, .def = "",
                         .help = "With ssh: name or address to which UDP goes. Empty: the host that ssh connects to, and "
                                 "the address that the server has there."),
    SLUICE_OPTION_SIZE(T, datagram_size, .def = "0", .max = "16356", .help = DATAGRAM_HELP),
    SLUICE_OPTION_SIZE(T, udp_buffer, .def = "8Mi", .min = "64Ki", .max = "1Gi", .help = UDP_BUFFER_HELP),
    SLUICE_OPTION_BOOL(T, udp_offload, .def = "yes", .help = UDP_OFFLOAD_HELP),
    SLUICE_OPTION_INT(T, lanes, .def = "1", .min = "1", .max = "16", .unit = "lanes",
                      .help = "UDP flows of a session, each with a socket and a thread of its own on either side; the rate and "
                              "the share of the path are those of all of them together. More than one is of use where one "
                              "thread's processor is what limits. Streams, and sessions over TCP, have one."),
    SLUICE_OPTION_STRING(T, pin, .help = "SHA-256 fingerprint of the server's public key, in hex."),
    SLUICE_OPTION_STRING(T, report, .def = "progress", .help = "Report plugins, a list."),
    SLUICE_OPTION_BOOL(T, json, .def = "no", .help = "Report events as JSON, one object a line."),
    SLUICE_OPTION_ENUM(T, progress, .def = "auto", .choices = "auto|always|never",
                       .help = "Whether progress is shown. auto: on a terminal."),
    SLUICE_OPTION_BOOL(T, quiet, .def = "no", .help = "Show errors only."),
    SLUICE_OPTION_BOOL(T, verbose, .def = "no", .help = "Show each file."),
    SLUICE_OPTION_STRING(T, management, .flags = SLUICE_OPTION_REPEAT,
                         .help = "[HOST:]PORT where a manager listens, which is told of everything by FASPMGR 2 messages and "
                                 "may change the rate, pause and cancel. Up to 31. Without a manager there nothing begins. "
                                 "fd:N: a connected socket that was inherited."),
    SLUICE_OPTION_STRING(T, management_user, .help = "Text by which managers know this transfer: their UserStr."),
    SLUICE_OPTION_STRING(T, management_cookie, .help = "Text that managers are told as the Cookie of this transfer."),
    SLUICE_OPTION_STRING(T, management_tags, .help = "Text, JSON as a rule, that managers are told as its Tags."),
    SLUICE_OPTION_BOOL(T, management_required, .def = "no",
                       .help = "The transfer ends, and can be resumed, when one of its managers goes."),
    SLUICE_OPTION_BOOL(T, management_extended, .def = "no",
                       .help = "Tells managers more than FASPMGR 2 has words for, which those of ascp cannot read: all statistics, "
                               "warnings, and names of files byte for byte."),
    SLUICE_OPTION_BOOL(T, management_insecure, .def = "no",
                       .help = "Managers may be on other machines, though nothing of what is told is encrypted, and whoever "
                               "answers there may control the transfer."),
    SLUICE_OPTION_PATH(T, manifest,
                       .help = "File for a receipt: a line for each file, with state, size and digest, and one with the totals. "
                               "It stands under this name when the transfer is over, and replaces what is there."),
    SLUICE_OPTION_DURATION(T, timeout, .def = "60s", .min = "1s", .max = "24h", .unit = "s",
                           .help = "A peer that is silent for so long is given up."),
    SLUICE_OPTION_SIZE(T, memory, .def = "64Mi", .min = "4Mi", .max = "64Gi",
                       .help = "Limit of the memory for data that waits."),
    SLUICE_OPTION_DURATION(T, deadline, .def = "0", .max = "24h",
                           .help = "Of a stream that is live: what could not arrive within this time is given up, and the "
                                   "reader goes on with what follows. 0: everything arrives."),
    SLUICE_OPTION_DURATION(T, gather, .def = "0", .max = "10s",
                           .help = "Of a stream that is sent: less than a packet waits at most so long for more. 0: even a "
                                   "single byte leaves at once."),

    SLUICE_OPTION_STRING(T, source, .flags = SLUICE_OPTION_REPEAT,
                         .help = "What to move: a path, an address, or KIND:ARGUMENT of a source plugin."),
    SLUICE_OPTION_STRING(T, destination, .help = "Where to: a path, an address, or KIND:ARGUMENT of a sink plugin."),
    SLUICE_OPTION_STRING(T, stream, .help = "Name of a stream of the server, which is what is moved in place of files: from "
                                            "the source (KIND:ARGUMENT, a path, or - for standard input) to the server, or "
                                            "from there to the destination (the same of a sink)."),

    SLUICE_OPTION_STRING(T, filters, .flags = SLUICE_OPTION_REPEAT, .help = "exclude and include, in order."),
};
#define TRANSFER_SESSION_ROWS 3 /* source, destination, stream */
#define TRANSFER_HIDDEN_ROWS 1  /* filters */

static const sluice_option serve_options[] = {
    SLUICE_OPTION_ADDRESS(S, listen, .def = "[::]:33001",
                          .help = "Address and port, of TCP and UDP. [::] takes IPv4 too."),
    SLUICE_OPTION_BOOL(S, stdio, .def = "no",
                       .help = "Serve one client over standard input and output, as ssh does it. It has the rights of the user "
                               "who runs it; no ticket is needed."),
    SLUICE_OPTION_PATH(S, root, .help = "Directory that everything lies below. Required, unless every ticket has its own, or "
                                        "with stdio, where paths are the user's own."),
    SLUICE_OPTION_BOOL(S, read_only, .def = "no", .help = "Clients may only read."),
    SLUICE_OPTION_BOOL(S, write_only, .def = "no", .help = "Clients may only write."),
    SLUICE_OPTION_PATH(S, ticket_file,
                       .help = "Where the ticket for clients lies, key and certificate beside it; made if it is not "
                               "there. By default in the state directory of sluice."),
    SLUICE_OPTION_BOOL(S, default_ticket, .def = "yes",
                       .help = "Whether that ticket lets clients in. no: those of [ticket NAME] sections alone do."),
    SLUICE_OPTION_BOOL(S, once, .def = "no", .help = "End after one authenticated session."),
    SLUICE_OPTION_RATE(S, max_rate, .def = "0", .help = "Highest rate of a session. 0: no limit."),
    SLUICE_OPTION_INT(S, max_sessions, .def = "100", .min = "1", .max = "100000", .unit = "sessions",
                      .help = "Sessions at once; more are refused."),
    SLUICE_OPTION_INT(S, max_handshakes, .def = "256", .min = "1", .max = "65536", .unit = "handshakes",
                      .help = "Clients at once that were not admitted yet; more are turned away."),
    SLUICE_OPTION_INT(S, max_handshakes_per_host, .def = "8", .min = "1", .max = "65536", .unit = "handshakes",
                      .help = "The same of one host: an IPv4 address, or an IPv6 /64."),
    SLUICE_OPTION_STRING(S, cipher, .def = "aes-128-gcm,aes-256-gcm,chacha20-poly1305",
                         .help = "Ciphers that a client may choose from, a list."),
    SLUICE_OPTION_STRING(S, crypto, .def = "auto", .help = "Crypto plugin that carries the cipher. auto: the fastest."),
    SLUICE_OPTION_STRING(S, transport, .def = "udp,tcp", .help = "Transports that a client may use, a list."),
    SLUICE_OPTION_STRING(S, congestion, .def = "fixed,high,fair,low,bbr,cubic,ledbat",
                         .help = "Congestion plugins that a client may name when it reads, a list."),
    SLUICE_OPTION_STRING(S, report, .def = "", .help = "Report plugins, a list."),
    SLUICE_OPTION_BOOL(S, json, .def = "no", .help = "Report events as JSON, one object a line."),
    SLUICE_OPTION_BOOL(S, quiet, .def = "no", .help = "Show errors only."),
    SLUICE_OPTION_BOOL(S, verbose, .def = "no", .help = "Show each file."),
    SLUICE_OPTION_DURATION(S, timeout, .def = "60s", .min = "1s", .max = "24h", .unit = "s",
                           .help = "A peer that is silent for so long is given up."),
    SLUICE_OPTION_SIZE(S, memory, .def = "64Mi", .min = "4Mi", .max = "64Gi",
                       .help = "Limit of each session's memory for data that waits."),
    SLUICE_OPTION_BOOL(S, drop_behind, .def = "no",
                       .help = "Files that were read and written do not stay in the page cache here, also where a client does not "
                               "ask for it."),
    SLUICE_OPTION_DURATION(S, gather, .def = "0", .max = "10s",
                           .help = "Of streams that are given: less than a packet waits at most so long for more. 0: even a "
                                   "single byte leaves at once."),
    SLUICE_OPTION_SIZE(S, datagram_size, .def = "0", .max = "16356", .help = DATAGRAM_HELP),
    SLUICE_OPTION_SIZE(S, udp_buffer, .def = "8Mi", .min = "64Ki", .max = "1Gi", .help = UDP_BUFFER_HELP),
    SLUICE_OPTION_BOOL(S, udp_offload, .def = "yes", .help = UDP_OFFLOAD_HELP),
    SLUICE_OPTION_INT(S, max_lanes, .def = "8", .min = "1", .max = "16", .unit = "lanes",
                      .help = "Most lanes of a session. The server has so many threads for packets at most, shared by all "
                              "sessions, and makes those beside the first when a client first asks for several."),
};

static const sluice_option ticket_options[] = {
    SLUICE_OPTION_PATH(K, ticket_file,
                       .help = "Where the ticket lies; made if it is not there. Required, and of this section alone."),
    SLUICE_OPTION_STRING(K, rights, .def = "read,write",
                         .help = "What clients with it may do, a list of: read, write. What [serve] forbids stays "
                                 "forbidden."),
    SLUICE_OPTION_PATH(K, root, .help = "Directory that is / for them. By default the server's."),
    SLUICE_OPTION_RATE(K, max_rate, .def = "0",
                       .help = "Highest rate of each of its sessions, where that is below the server's. 0: the "
                               "server's."),
    SLUICE_OPTION_INT(K, max_sessions, .def = "0", .min = "0", .max = "100000", .unit = "sessions",
                      .help = "Its sessions at once; more are refused. 0: as many as the server takes."),
    SLUICE_OPTION_STRING(K, expires, .def = "never",
                         .help = "From when it is refused: 2027-01-31T12:00:00Z, or 2027-01-31 for that day's first "
                                 "moment, both UTC; or never. A session that runs then goes on."),
    SLUICE_OPTION_BOOL(K, revoked, .def = "no", .help = "It is refused from now on, and its sessions are ended."),
};

static const sluice_option stream_options[] = {
    SLUICE_OPTION_STRING(M, source,
                         .help = "What clients that ask for it get: KIND:ARGUMENT of a source plugin, a path, or - for "
                                 "standard input, which is given once."),
    SLUICE_OPTION_STRING(M, sink,
                         .help = "Where goes what clients send: KIND:ARGUMENT of a sink plugin, a path, or - for standard "
                                 "output, which is taken once."),
};

sluice_settings_rows sluice_settings_rows_of(sluice_settings_table table)
{
    size_t count = SLUICE_COUNT(transfer_options);
    if (table == SLUICE_SETTINGS_SERVE) {
        count = SLUICE_COUNT(serve_options);
        return (sluice_settings_rows){serve_options, count, count, count};
    }
    if (table == SLUICE_SETTINGS_TICKET) {
        count = SLUICE_COUNT(ticket_options);
        return (sluice_settings_rows){ticket_options, count, count, count};
    }
    if (table == SLUICE_SETTINGS_STREAM) {
        count = SLUICE_COUNT(stream_options);
        return (sluice_settings_rows){stream_options, count, count, count};
    }
    return (sluice_settings_rows){
        .options = transfer_options,
        .public_count = count - TRANSFER_HIDDEN_ROWS - TRANSFER_SESSION_ROWS,
        .session_count = count - TRANSFER_HIDDEN_ROWS,
        .count = count,
    };
}

int sluice_settings_preserve_flag(const char *word)
{
    static const struct {
        const char *word;
        int flag;
    } rows[] = {
        {"times", SLUICE_PRESERVE_TIMES}, {"mode", SLUICE_PRESERVE_MODE},   {"links", SLUICE_PRESERVE_LINKS},
        {"owner", SLUICE_PRESERVE_OWNER}, {"xattr", SLUICE_PRESERVE_XATTR}, {"acl", SLUICE_PRESERVE_ACL},
        {"none", 0},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        if (strcmp(rows[i].word, word) == 0)
            return rows[i].flag;
    }
    return -1;
}

static int check_preserve(const char *value, sluice_error *error)
{
    char word[32];
    for (const char *list = value; sluice_settings_list(&list, word, sizeof(word));) {
        if (sluice_settings_preserve_flag(word) < 0)
            return sluice_fail(error, SLUICE_EINVAL,
                               "'%s' is none of times, mode, links, owner, xattr, acl, none", word);
    }
    return SLUICE_OK;
}

static int check_symlinks(const char *value, sluice_error *error)
{
    static const char *const words[] = {"", "copy", "follow", "skip"};
    for (size_t i = 0; i < SLUICE_COUNT(words); i++) {
        if (strcmp(words[i], value) == 0)
            return SLUICE_OK;
    }
    return sluice_fail(error, SLUICE_EINVAL, "'%s' is none of copy, follow, skip", value);
}

static int check_name(const char *value, sluice_error *error)
{
    if (sluice_plugin_name_valid(value))
        return SLUICE_OK;
    return sluice_fail(error, SLUICE_EINVAL, "'%s' is not a name of a-z, 0-9, '-' and '_'", value);
}

static int check_names(const char *value, sluice_error *error)
{
    char word[64];
    for (const char *list = value; sluice_settings_list(&list, word, sizeof(word));) {
        if (check_name(word, error) != SLUICE_OK)
            return SLUICE_EINVAL;
    }
    return SLUICE_OK;
}

bool sluice_settings_ports(const char *value, uint16_t *least, uint16_t *most)
{
    char *end;
    if (!isdigit((unsigned char)value[0]))
        return false;
    unsigned long first = strtoul(value, &end, 10), last = first;
    if (*end == '-' && isdigit((unsigned char)end[1]))
        last = strtoul(end + 1, &end, 10);
    if (*end != '\0' || first == 0 || first > last || last > 65535)
        return false;
    *least = (uint16_t)first;
    *most = (uint16_t)last;
    return true;
}

static int check_ports(const char *value, sluice_error *error)
{
    uint16_t least, most;
    if (sluice_settings_ports(value, &least, &most))
        return SLUICE_OK;
    return sluice_fail(error, SLUICE_EINVAL, "'%s' is no range of ports, such as 33001-33100", value);
}

/* [HOST:]PORT; how many there may be is the plugin's affair. */
static int check_management(const char *value, sluice_error *error)
{
    const char *colon = strrchr(value, ':'), *port = colon != NULL ? colon + 1 : value;
    bool plain = strcspn(value, " \t\r\n") == strlen(value) && colon != value && strlen(value) < MANAGEMENT_BYTES;
    uint16_t least, most;
    if (strncmp(value, "fd:", 3) == 0 && port[0] != '\0' && strspn(port, "0123456789") == strlen(port) && strlen(port) < 7)
        return SLUICE_OK;
    if (plain && strchr(port, '-') == NULL && sluice_settings_ports(port, &least, &most))
        return SLUICE_OK;
    return sluice_fail(error, SLUICE_EINVAL, "'%s' is not [HOST:]PORT", value);
}

/* It stands in messages as it is. */
static int check_line(const char *value, sluice_error *error)
{
    for (const char *at = value; *at != '\0'; at++)
        if (iscntrl((unsigned char)*at))
            return sluice_fail(error, SLUICE_EINVAL, "may hold no control characters");
    return SLUICE_OK;
}

static int check_rights(const char *value, sluice_error *error)
{
    char word[32];
    bool any = false;
    for (const char *list = value; sluice_settings_list(&list, word, sizeof(word)); any = true) {
        if (strcmp(word, "read") != 0 && strcmp(word, "write") != 0)
            return sluice_fail(error, SLUICE_EINVAL, "'%s' is none of read, write", word);
    }
    return any ? SLUICE_OK : sluice_fail(error, SLUICE_EINVAL, "may not be empty; to shut it out: revoked = yes");
}

static int check_date(const char *value, sluice_error *error)
{
    uint64_t seconds;
    return sluice_date_parse(value, &seconds, error);
}

#define MOMENT_MOST 9223372036 /* seconds that 63 bits hold in nanoseconds */

bool sluice_settings_moment(const char *value, int64_t now_s, int64_t *out_ns)
{
    uint64_t date;
    if (value == NULL)
        return false;
    const char *digits = value + (value[0] == '-');
    if (digits[0] != '\0' && strspn(digits, "0123456789") == strlen(digits) && strlen(digits) <= 10) {
        int64_t seconds = strtoll(value, NULL, 10) + (value[0] == '-' ? now_s : 0);
        if (seconds > MOMENT_MOST || seconds < -MOMENT_MOST)
            return false;
        *out_ns = seconds * 1000000000;
        return true;
    }
    if (sluice_date_parse(value, &date, NULL) != SLUICE_OK || date == 0 || date > MOMENT_MOST)
        return false;
    *out_ns = (int64_t)date * 1000000000;
    return true;
}

static int check_moment(const char *value, sluice_error *error)
{
    int64_t moment;
    if (sluice_settings_moment(value, 0, &moment))
        return SLUICE_OK;
    return sluice_fail(error, SLUICE_EINVAL,
                       "'%s' is no moment: write 2027-01-31, 2027-01-31T12:00:00Z, seconds since 1970, or -SECONDS before now",
                       value);
}

static int check_nonempty(const char *value, sluice_error *error)
{
    return value[0] != '\0' ? SLUICE_OK : sluice_fail(error, SLUICE_EINVAL, "may not be empty");
}

static int check_stream(const char *value, sluice_error *error)
{
    if (strlen(value) <= STREAM_NAME_MOST)
        return SLUICE_OK;
    return sluice_fail(error, SLUICE_EINVAL, "the name of a stream has at most %d bytes", STREAM_NAME_MOST);
}

/* Takes sha256: in front, colons between bytes and capitals, as other programs print fingerprints. */
static int take_pin(const char *value, sluice_text *canonical, sluice_error *error)
{
    static const char prefix[] = "sha256:";
    const char *at = strncmp(value, prefix, strlen(prefix)) == 0 ? value + strlen(prefix) : value;
    for (; *at != '\0'; at++) {
        char digit = (char)tolower((unsigned char)*at);
        if (strchr("0123456789abcdef", digit) != NULL)
            sluice_text_add_bytes(canonical, &digit, 1);
        else if (digit != ':')
            break;
    }
    if (*at != '\0' || canonical->length != 64)
        return sluice_fail(error, SLUICE_EINVAL, "'%s' is not a SHA-256 fingerprint of 64 hex digits", value);
    return SLUICE_OK;
}

int sluice_settings_value_check(const sluice_option *option, const char *value, sluice_text *canonical,
                                sluice_error *error)
{
    static const struct {
        const char *name;
        int (*check)(const char *value, sluice_error *error);
    } rows[] = {
        {"preserve", check_preserve}, {"symlinks", check_symlinks},  {"crypto", check_name},
        {"transport", check_names},   {"report", check_names},       {"congestion", check_names},
        {"cipher", check_names},      {"exclude", check_nonempty},   {"include", check_nonempty},
        {"root", check_nonempty},     {"file_list", check_nonempty}, {"pair_list", check_nonempty},
        {"ticket_file", check_nonempty}, {"source", check_nonempty}, {"destination", check_nonempty},
        {"udp_ports", check_ports},      {"ssh", check_nonempty},    {"remote_command", check_nonempty},
        {"rights", check_rights},     {"expires", check_date},       {"sink", check_nonempty},
        {"stream", check_stream},     {"management", check_management},
        {"management_user", check_line},   {"management_cookie", check_line}, {"management_tags", check_line},
        {"manifest", check_nonempty},
        {"exclude_newer_than", check_moment}, {"exclude_older_than", check_moment},
    };
    if (strcmp(option->name, "pin") == 0)
        return take_pin(value, canonical, error);
    sluice_text_add(canonical, value);
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        if (strcmp(rows[i].name, option->name) == 0)
            return rows[i].check(value, error);
    }
    return SLUICE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ascp_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OPTION struct sluice_ascp_option
#define PARTS_MOST 128 /* processes that may share a job, as ascp has it */
#define PACKET_LEAST 296 /* bytes, as ascp has it */
#define PACKET_MOST 10000
#define PACKET_HEADERS 48 /* of IPv6 and UDP */
#define PAYLOAD_LEAST 508 /* as datagram-size has it */
#define UDP_PORTS 100  /* a session takes one port, so the range behind the one that was named is tried as well */

/* ---- what becomes of a value ---- */

static int set(sluice_ascp_line *line, const char *key, const char *value, sluice_error *error)
{
    int status = sluice_ascp_texts_add(&line->settings, key, error);
    return status == SLUICE_OK ? sluice_ascp_texts_add(&line->settings, value, error) : status;
}

static int warn(sluice_ascp_line *line, sluice_error *error, const char *spelling, const char *value, const char *sentence)
{
    const char *text;
    int status = sluice_ascp_text_own(line, &text, error, "%s%s%s: %s", spelling, value != NULL ? " " : "",
                                      value != NULL ? value : "", sentence);
    return status == SLUICE_OK ? sluice_ascp_texts_add(&line->warnings, text, error) : status;
}

static int take_flag(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                     sluice_error *error)
{
    (void)spelling, (void)value, (void)error;
    *(bool *)((char *)line + option->member) = true;
    return SLUICE_OK;
}

static int take_text(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                     sluice_error *error)
{
    if (value[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the value is empty", spelling);
    *(const char **)((char *)line + option->member) = value;
    return SLUICE_OK;
}

static int take_text64(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                       sluice_error *error)
{
    return sluice_ascp_base64(line, spelling, value, (const char **)((char *)line + option->member), error);
}

static int take_another(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                        sluice_error *error)
{
    if (value[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the value is empty", spelling);
    return sluice_ascp_texts_add((sluice_ascp_texts *)((char *)line + option->member), value, error);
}

static int take_setting(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                        sluice_error *error)
{
    if (value[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the value is empty", spelling);
    return set(line, option->key, value, error);
}

/* Digits only, as far as they go; false: none, or too many. */
static bool take_digits(const char **at, uint64_t *out)
{
    const char *from = *at;
    *out = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (*at - from > 18)
            return false;
        else
            *out = *out * 10 + (uint64_t)(**at - '0');
    return *at != from;
}

static bool read_port(const char *text, uint64_t *out)
{
    return take_digits(&text, out) && *text == '\0' && *out >= 1 && *out <= 65535;
}

static int take_port(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                     sluice_error *error)
{
    uint64_t port;
    if (!read_port(value, &port))
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: this is no port", spelling, value);
    *(uint64_t *)((char *)line + option->member) = port;
    return SLUICE_OK;
}

static int take_udp_port(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                         sluice_error *error)
{
    uint64_t port;
    const char *range;
    if (!read_port(value, &port))
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: this is no port", spelling, value);
    uint64_t last = port + UDP_PORTS - 1 <= 65535 ? port + UDP_PORTS - 1 : 65535;
    int status = sluice_ascp_text_own(line, &range, error, "%" PRIu64 "-%" PRIu64, port, last);
    return status == SLUICE_OK ? set(line, option->key, range, error) : status;
}

/* A number of kbit/s, or of what its suffix says.  In bits per second, rounded down; false: it is none. */
static bool read_rate(const char *text, uint64_t *out, bool *percent)
{
    uint64_t whole = 0, fraction = 0, scale = 1, unit = 1000;
    bool digits = take_digits(&text, &whole);
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++, digits = true)
            if (scale < 1000000000) {
                fraction = fraction * 10 + (uint64_t)(*text - '0');
                scale *= 10;
            }
    }
    *percent = *text == '%' || *text == 'p' || *text == 'P';
    if (*text == 'g' || *text == 'G')
        unit = 1000000000;
    else if (*text == 'm' || *text == 'M')
        unit = 1000000;
    else if (*text != 'k' && *text != 'K' && !*percent && *text != '\0')
        return false;
    text += *text != '\0';
    if (!digits || *text != '\0' || __builtin_mul_overflow(whole, unit, out))
        return false;
    return !__builtin_add_overflow(*out, fraction * unit / scale, out);
}

static int take_rate(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                     sluice_error *error)
{
    uint64_t bps;
    bool percent;
    const char *text;
    if (!read_rate(value, &bps, &percent))
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: a rate is a number of kbit/s, or has the suffix K, M or G",
                           spelling, value);
    if (percent)
        return warn(line, error, spelling, value, "the bandwidth is not measured beforehand; name a rate, such as 100m");
    if (bps == 0 && strcmp(option->key, "rate") == 0)
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: nothing would ever arrive at this target rate", spelling, value);
    int status = sluice_ascp_text_own(line, &text, error, "%" PRIu64, bps);
    return status == SLUICE_OK ? set(line, option->key, text, error) : status;
}

/* The word of ours that stands for theirs, in `words`; false: they know no such word. */
static bool translate(const char *words, const char *theirs, char *ours, size_t size)
{
    size_t bytes = strlen(theirs);
    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, "="), total = strcspn(at, " ");
        if (length == bytes && memcmp(at, theirs, bytes) == 0) {
            (void)snprintf(ours, size, "%.*s", (int)(total - length - 1), at + length + 1);
            return true;
        }
        at += total;
    }
    return false;
}

/* "fixed, high, fair, low" */
static void list_words(const char *words, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (const char *at = words; *at != '\0' && n < size; at += strspn(at, " ")) {
        n += (size_t)snprintf(out + n, size - n, "%s%.*s", n > 0 ? ", " : "", (int)strcspn(at, "="), at);
        at += strcspn(at, " ");
    }
}

static int take_word(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                     sluice_error *error)
{
    char ours[64], known[256];
    const char *text;
    if (!translate(option->words, value, ours, sizeof ours)) {
        list_words(option->words, known, sizeof known);
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: this is none of %s", spelling, value, known);
    }
    if (ours[0] == '!')
        return warn(line, error, spelling, value, "sluice has no such thing and goes on without");
    if (ours[0] == '\0')
        return SLUICE_OK;
    int status = sluice_ascp_text_own(line, &text, error, "%s", ours);
    return status == SLUICE_OK ? set(line, option->key, text, error) : status;
}

/* A cipher may be written with hyphens; what has none of ours is carried by one that is at least as strong. */
static int take_cipher(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                       sluice_error *error)
{
    char plain[32];
    size_t n = 0;
    for (const char *at = value; *at != '\0' && n + 1 < sizeof plain; at++)
        if (*at != '-')
            plain[n++] = *at;
    plain[n] = '\0';
    if (strcmp(plain, "none") == 0)
        return warn(line, error, spelling, value, "what leaves this machine is always encrypted");
    return take_word(line, option, spelling, plain, error);
}

static int take_no_cipher(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                          sluice_error *error)
{
    (void)option, (void)value;
    return warn(line, error, spelling, NULL, "what leaves this machine is always encrypted");
}

/* One of two words, of which ours is yes or no. */
static int take_switch(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                       sluice_error *error)
{
    char ours[8], known[64];
    if (!translate(option->words, value, ours, sizeof ours)) {
        list_words(option->words, known, sizeof known);
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: this is none of %s", spelling, value, known);
    }
    *(bool *)((char *)line + option->member) = strcmp(ours, "yes") == 0;
    return SLUICE_OK;
}

static int take_mode(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                     sluice_error *error)
{
    (void)option;
    bool recv = strcmp(value, "recv") == 0 || strcmp(value, "receive") == 0;
    if (!recv && strcmp(value, "send") != 0)
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: this is none of send, recv", spelling, value);
    line->mode = recv ? SLUICE_ASCP_RECV : SLUICE_ASCP_SEND;
    return SLUICE_OK;
}

/* DIR, or DIR:SIZE with the size at which ascp begins another file. */
static int take_log(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                    sluice_error *error)
{
    const char *colon = strrchr(value, ':'), *size = colon != NULL ? colon + 1 : "";
    uint64_t bytes;
    if (colon == NULL || !take_digits(&size, &bytes) || strchr(size, '/') != NULL)
        return take_text(line, option, spelling, value, error);
    int status = sluice_ascp_text_own(line, &value, error, "%.*s", (int)(colon - value), value);
    return status == SLUICE_OK ? take_text(line, option, spelling, value, error) : status;
}

/* Both ends are in it. */
static int take_range(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                      sluice_error *error)
{
    const char *at = value;
    uint64_t last = SLUICE_UNKNOWN - 1;
    (void)option;
    line->range_from = 0;
    bool good = (*at == ':' || take_digits(&at, &line->range_from)) && *at++ == ':' &&
                (*at == '\0' || take_digits(&at, &last)) && *at == '\0' && last >= line->range_from;
    line->ranged = good;
    line->range_to = last + 1;
    return good ? SLUICE_OK : sluice_fail(error, SLUICE_EUSAGE, "%s %s: write LOW:HIGH, in bytes", spelling, value);
}

static int take_part(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                     sluice_error *error)
{
    (void)option;
    const char *at = value;
    bool good = take_digits(&at, &line->part) && *at++ == ':' && take_digits(&at, &line->parts) && *at == '\0';
    if (good && line->part >= 1 && line->part <= line->parts && line->parts <= PARTS_MOST)
        return SLUICE_OK;
    line->part = line->parts = 0;
    return sluice_fail(error, SLUICE_EUSAGE, "%s %s: write ID:COUNT, from 1:1 to %d:%d", spelling, value, PARTS_MOST,
                       PARTS_MOST);
}

/* An IP packet: what of it is payload is found with the larger of both headers, since either family may be used. */
static int take_packet(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                       sluice_error *error)
{
    uint64_t bytes;
    const char *at = value, *payload;
    if (!take_digits(&at, &bytes) || *at != '\0' || bytes < PACKET_LEAST || bytes > PACKET_MOST)
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: a packet has from %d to %d bytes", spelling, value, PACKET_LEAST,
                           PACKET_MOST);
    if (bytes < PAYLOAD_LEAST + PACKET_HEADERS)
        bytes = PAYLOAD_LEAST + PACKET_HEADERS;
    int status = sluice_ascp_text_own(line, &payload, error, "%" PRIu64, bytes - PACKET_HEADERS);
    return status == SLUICE_OK ? set(line, option->key, payload, error) : status;
}

static int bad_fingerprint(const char *text, sluice_error *error)
{
    return sluice_fail(error, SLUICE_EUSAGE, "%s: this is no fingerprint of a key of ssh: 40, 64 or 32 hex digits, or SHA256:...",
                       text);
}

int sluice_ascp_fingerprint(sluice_ascp_line *line, const char *text, const char **out, sluice_error *error)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", head[] = "SHA256:";
    const size_t head_bytes = sizeof head - 1, base64_bytes = 43; /* of 32 bytes, without padding */
    char hex[65];
    size_t n = 0;
    if (strncmp(text, head, head_bytes) == 0) {
        size_t letters = strspn(text + head_bytes, base64);
        const char *rest = text + head_bytes + letters;
        if (letters != base64_bytes || (rest[0] != '\0' && strcmp(rest, "=") != 0))
            return bad_fingerprint(text, error);
        return sluice_ascp_text_own(line, out, error, "%.*s", (int)(head_bytes + letters), text);
    }
    for (const char *at = text; *at != '\0'; at++) {
        char digit = *at >= 'A' && *at <= 'F' ? (char)(*at - 'A' + 'a') : *at;
        if (digit == ':')
            continue;
        if (strchr("0123456789abcdef", digit) == NULL || n + 1 == sizeof hex)
            return bad_fingerprint(text, error);
        hex[n++] = digit;
    }
    hex[n] = '\0';
    if (n != 32 && n != 40 && n != 64)
        return bad_fingerprint(text, error);
    return sluice_ascp_text_own(line, out, error, "%s", hex);
}

static int take_fingerprint(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                            sluice_error *error)
{
    (void)option, (void)spelling;
    return sluice_ascp_fingerprint(line, value, &line->host_key, error);
}

/* The bit of sluice_ascp_preserve stands in `member`. */
static int take_preserve(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                         sluice_error *error)
{
    (void)spelling, (void)value, (void)error;
    line->preserve |= (unsigned)option->member;
    return SLUICE_OK;
}

static int take_attributes(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                           sluice_error *error)
{
    if (strcmp(value, "none") == 0)
        line->preserve &= ~(unsigned)option->member;
    else if (strcmp(value, "native") == 0)
        line->preserve |= (unsigned)option->member;
    else if (strcmp(value, "metafile") == 0)
        return warn(line, error, spelling, value, "sluice has no such thing and goes on without");
    else
        return sluice_fail(error, SLUICE_EUSAGE, "%s %s: this is none of none, native, metafile", spelling, value);
    return SLUICE_OK;
}

/* The path of ascp over there says nothing; that of another program may be sluice's. */
static int take_remote(sluice_ascp_line *line, const OPTION *option, const char *spelling, const char *value,
                       sluice_error *error)
{
    const char *slash = strrchr(value, '/');
    const char *base = slash != NULL ? slash + 1 : value;
    if (strncmp(base, "ascp", 4) == 0)
        return warn(line, error, spelling, value, "sluice calls sluice there; name its path, if it has to be named");
    return take_setting(line, option, spelling, value, error);
}

/* ---- the table ---- */

#define RATE_GROUP "Rate, network and security"
#define WHAT_GROUP "What is moved, and how it lands"
#define SESSION_GROUP "Session, logs and metadata"

#define MEMBER(name) .member = offsetof(sluice_ascp_line, name)
#define DOES(function) .effect = SLUICE_ASCP_DOES, .take = (function)
#define V(what) .takes = SLUICE_ASCP_VALUE, .argument = (what)
#define HOLDS .effect = SLUICE_ASCP_HOLDS
#define WARNS .effect = SLUICE_ASCP_WARNS
#define REFUSES .effect = SLUICE_ASCP_REFUSES

static const OPTION options[] = {
    {RATE_GROUP, 'l', NULL, V("RATE"), DOES(take_rate), .key = "rate",
     .help = "Target rate, in kbit/s or with the suffix K, M or G. 10000 where it is not given."},
    {RATE_GROUP, 'm', NULL, V("RATE"), DOES(take_rate), .key = "min-rate", .help = "Minimum rate, in the same units."},
    {RATE_GROUP, 0, "policy", V("POLICY"), DOES(take_word), .key = "policy",
     .words = "fixed=fixed high=high fair=fair low=low",
     .help = "How the path is shared: fixed, high, fair or low; fair where it is not given."},
    {RATE_GROUP, 'Q', NULL, HOLDS, .help = "An old way to ask for the policy fair, which is the one without options."},
    {RATE_GROUP, 'T', NULL, DOES(take_no_cipher),
     .help = "Asks for data that is not encrypted. Accepted with a warning: it is encrypted all the same."},
    {RATE_GROUP, 'c', NULL, V("CIPHER"), DOES(take_cipher), .key = "cipher",
     .words = "aes128=aes-128-gcm aes192=aes-256-gcm aes256=aes-256-gcm aes128gcm=aes-128-gcm aes192gcm=aes-256-gcm "
              "aes256gcm=aes-256-gcm aes128cfb=aes-128-gcm aes192cfb=aes-256-gcm aes256cfb=aes-256-gcm",
     .help = "aes128, aes192 or aes256, also with gcm or cfb behind it: AES-GCM with 128 bits, or 256. none is accepted "
             "with a warning. The best for the slower side where it is not given."},
    {RATE_GROUP, 'O', NULL, V("PORT"), DOES(take_udp_port), .key = "udp-ports",
     .help = "First UDP port to try through ssh, 33001 where it is not given; then the 99 behind it."},
    {RATE_GROUP, 'P', NULL, V("PORT"), DOES(take_port), MEMBER(port),
     .help = "Port of ssh, or of the server that the token is of."},
    {RATE_GROUP, 'i', NULL, V("FILE"), DOES(take_another), MEMBER(keys),
     .help = "Private key for ssh. May be given several times."},
    {RATE_GROUP, 'W', NULL, V("TOKEN"), DOES(take_text), MEMBER(token),
     .help = "Token, or @FILE that holds it. A ticket of sluice serve (sluice1:...) goes to that server, without ssh; any "
             "other one is of no use and is left out."},
    {RATE_GROUP, 0, "ignore-host-key", DOES(take_flag), MEMBER(any_host_key),
     .help = "Connects through ssh whatever key the host shows."},
    {RATE_GROUP, 0, "ssh-arg", V("ARGUMENT"), DOES(take_another), MEMBER(ssh_arguments),
     .help = "Argument for ssh. May be given several times."},
    {RATE_GROUP, 0, "SSH", HOLDS, .help = "Asks for the system's ssh, which is the one anyhow. Also -SSH."},
    {RATE_GROUP, '6', NULL, DOES(take_flag), MEMBER(ipv6), .help = "Has ssh connect by IPv6."},
    {RATE_GROUP, 'y', NULL, V("0|1|F"), DOES(take_word), .key = "transport", .words = "0= 1= F=tcp f=tcp",
     .help = "HTTP in place of UDP: sluice goes over to TCP by itself; F: TCP from the beginning."},
    {RATE_GROUP, 'w', NULL, V("r|f"), WARNS, .help = "Measures the bandwidth first."},
    {RATE_GROUP, 'Z', NULL, V("BYTES"), DOES(take_packet), .key = "datagram-size",
     .help = "Largest IP packet, from 296 to 10000; what is below 556 is taken for that. What the path takes is found out, "
             "up to there."},
    {RATE_GROUP, 'X', NULL, V("BYTES"), WARNS, .help = "Size of requests to repeat."},
    {RATE_GROUP, 'g', NULL, V("SIZE"), WARNS, .help = "Read block size."},
    {RATE_GROUP, 'G', NULL, V("SIZE"), WARNS, .help = "Write block size."},
    {RATE_GROUP, 0, "check-sshfp", V("FINGERPRINT"), DOES(take_fingerprint), MEMBER(host_key),
     .help = "Through ssh: the host's key must have this fingerprint, and known_hosts has no say. In hex (SHA-1, SHA-256 or "
             "MD5), or SHA256: and base64. Of the key that ssh prefers there; --ssh-arg -oHostKeyAlgorithms=... names "
             "another. Needs OpenSSH 8.5."},
    {RATE_GROUP, 0, "ws-connect", WARNS, .help = "Sets up over a web socket."},
    {RATE_GROUP, 0, "proxy", V("URL"), WARNS, .help = "Goes through a FASP proxy."},
    {RATE_GROUP, 't', NULL, V("PORT"), WARNS, .help = "Port of HTTP."},
    {RATE_GROUP, 'x', NULL, V("HOST:PORT"), WARNS, .help = "Proxy of HTTP."},
    {RATE_GROUP, 'I', NULL, V("FILE"), WARNS, .help = "Certificate of HTTP."},
    {RATE_GROUP, 'Y', NULL, V("FILE"), WARNS, .help = "Key of HTTP."},
    {RATE_GROUP, 'j', NULL, .takes = SLUICE_ASCP_DIGIT, WARNS, .help = "Form of HTTP."},
    {RATE_GROUP, 0, "retry-timeout", V("SECONDS"), WARNS, .help = "How long to try again."},

    {WHAT_GROUP, 0, "mode", V("send|recv"), DOES(take_mode),
     .help = "With --host: which way; all operands are paths then."},
    {WHAT_GROUP, 0, "host", V("HOST"), DOES(take_text), MEMBER(host), .help = "The other machine."},
    {WHAT_GROUP, 0, "user", .two_dashes = true, V("USER"), DOES(take_text), MEMBER(user),
     .help = "User there, for ssh, unless an operand names one."},
    {WHAT_GROUP, 0, "file-list", V("FILE"), DOES(take_text), MEMBER(file_list), .help = "Sources, one a line."},
    {WHAT_GROUP, 0, "file-pair-list", V("FILE"), DOES(take_text), MEMBER(pair_list),
     .help = "Sources, and their names below the destination, on alternate lines."},
    {WHAT_GROUP, 0, "source-prefix", V("PATH"), DOES(take_text), MEMBER(source_prefix),
     .help = "Stands before each source."},
    {WHAT_GROUP, 0, "source-prefix64", V("BASE64"), DOES(take_text64), MEMBER(source_prefix),
     .help = "The same in base64."},
    {WHAT_GROUP, 0, "src-base", V("PATH"), DOES(take_text), MEMBER(source_base),
     .help = "What is behind this directory in a source is its name below the destination."},
    {WHAT_GROUP, 0, "src-base64", V("BASE64"), DOES(take_text64), MEMBER(source_base), .help = "The same in base64."},
    {WHAT_GROUP, 0, "dest64", DOES(take_flag), MEMBER(destination64), .help = "The destination is given in base64."},
    {WHAT_GROUP, 'd', NULL, DOES(take_flag), MEMBER(into),
     .help = "The destination is a directory, and made if it is missing."},
    {WHAT_GROUP, 'E', NULL, V("PATTERN"), DOES(take_setting), .key = "exclude",
     .help = "Leaves out what matches. With -N, in the order given: the first match wins."},
    {WHAT_GROUP, 'N', NULL, V("PATTERN"), DOES(take_setting), .key = "include",
     .help = "Keeps what matches, though a later -E matches too."},
    {WHAT_GROUP, 'k', NULL, V("0-3"), DOES(take_word), .key = "resume", .words = "0=none 1=attributes 2=sparse 3=full",
     .help = "How what is there of a file is trusted: 0, as without it, not at all, 1 by size and time, 2 by some "
             "digests, 3 by all digests. With 1 to 3 times are kept, for complete files are known by them."},
    {WHAT_GROUP, 0, "overwrite", V("WHEN"), DOES(take_word), .key = "overwrite",
     .words = "never=never always=always diff=different older=older diff+older=older",
     .help = "never, always, diff, older or diff+older; diff where it is not given."},
    {WHAT_GROUP, 0, "symbolic-links", V("HOW"), DOES(take_word), .key = "symlinks",
     .words = "follow=follow copy=copy copy+force=copy skip=skip",
     .help = "follow, copy, copy+force or skip; follow where it is not given."},
    {WHAT_GROUP, 'p', NULL, DOES(take_preserve), .member = SLUICE_ASCP_TIMES, .help = "Keeps the times of files."},
    {WHAT_GROUP, 0, "preserve-modification-time", DOES(take_preserve), .member = SLUICE_ASCP_TIMES,
     .help = "The same as -p."},
    {WHAT_GROUP, 0, "preserve-access-time", DOES(take_preserve), .member = SLUICE_ASCP_TIMES, .help = "The same as -p."},
    {WHAT_GROUP, 0, "preserve-file-owner-uid", DOES(take_preserve), .member = SLUICE_ASCP_OWNER,
     .help = "Keeps owner and group."},
    {WHAT_GROUP, 0, "preserve-file-owner-gid", DOES(take_preserve), .member = SLUICE_ASCP_OWNER,
     .help = "Keeps owner and group."},
    {WHAT_GROUP, 0, "preserve-acls", V("HOW"), DOES(take_attributes), .member = SLUICE_ASCP_ACL,
     .help = "native: keeps ACLs, at both ends; none: does not."},
    {WHAT_GROUP, 0, "preserve-xattrs", V("HOW"), DOES(take_attributes), .member = SLUICE_ASCP_XATTR,
     .help = "native: keeps extended attributes, at both ends; none: does not."},
    {WHAT_GROUP, 0, "remote-preserve-acls", V("HOW"), HOLDS, .help = "Both ends do what --preserve-acls says."},
    {WHAT_GROUP, 0, "remote-preserve-xattrs", V("HOW"), HOLDS, .help = "Both ends do what --preserve-xattrs says."},
    {WHAT_GROUP, 0, "file-checksum", V("NAME"), DOES(take_word), .key = "checksum",
     .words = "sha-512=! sha-384=! sha-256=sha-256 sha1=! md5=! none=",
     .help = "sha-256: what files are verified by. Without it, or with none, it is xxh3-128; others are accepted with a "
             "warning."},
    {WHAT_GROUP, 0, "precalculate-job-size", HOLDS, .help = "Sources are always listed ahead of the data."},
    {WHAT_GROUP, 0, "precalculate-disable", HOLDS, .help = "Nothing waits for the end of the listing."},
    {WHAT_GROUP, 'C', NULL, V("ID:COUNT"), DOES(take_part),
     .help = "This is one of several processes for one job: the first moves everything, the others find nothing to do."},
    {WHAT_GROUP, 0, "multi-session-threshold", V("BYTES"), WARNS, .help = "Which files the processes share."},
    {WHAT_GROUP, 0, "exclude-newer-than", V("TIME"), DOES(take_setting), .key = "exclude-newer-than",
     .help = "Leaves out files modified after this: seconds since 1970, or, negative, seconds before now; a date too."},
    {WHAT_GROUP, 0, "exclude-older-than", V("TIME"), DOES(take_setting), .key = "exclude-older-than",
     .help = "Leaves out files modified before this; the same forms."},
    {WHAT_GROUP, '@', NULL, V("LOW:HIGH"), DOES(take_range),
     .help = "Of one file the bytes from LOW to HIGH, both included, become a file; either may be left out."},
    {WHAT_GROUP, 0, "partial-file-suffix", V("SUFFIX"), WARNS, .help = "Name of what is not complete."},
    {WHAT_GROUP, 0, "skip-special-files", DOES(take_flag), MEMBER(skip_special),
     .help = "Leaves out named pipes, sockets and devices here, which count as failed otherwise."},
    {WHAT_GROUP, 0, "skip-dir-traversal-dupes", WARNS, .help = "Leaves out what is met twice."},
    {WHAT_GROUP, 0, "preserve-creation-time", WARNS, .help = "Keeps the time of creation."},
    {WHAT_GROUP, 0, "preserve-source-access-time", WARNS, .help = "Leaves the access time of sources as it was."},
    {WHAT_GROUP, 0, "remove-after-transfer", DOES(take_flag), MEMBER(remove_files),
     .help = "Deletes files here when the transfer is over and they have arrived, verified and on the disk there: those that "
             "were not changed since. Not on the other machine: there sources stay."},
    {WHAT_GROUP, 0, "remove-empty-directories", DOES(take_flag), MEMBER(remove_directories),
     .help = "Deletes directories in sources here that are empty at the end."},
    {WHAT_GROUP, 0, "remove-empty-source-directory", DOES(take_flag), MEMBER(remove_source_directory),
     .help = "Deletes a source here that is a directory and empty at the end."},
    {WHAT_GROUP, 0, "remove-skipped", DOES(take_flag), MEMBER(remove_skipped),
     .help = "With the deletion or moving of files: those too that were skipped, because they were there already."},
    {WHAT_GROUP, 0, "move-after-transfer", V("DIR"), DOES(take_text), MEMBER(move_to),
     .help = "Moves files that have arrived into DIR here, on the same file system, under the names that they have below "
             "their source; what is there is not replaced. Sources on the other machine stay."},
    {WHAT_GROUP, 0, "delete-before-transfer", WARNS, .help = "Deletes what the source lacks: it stays."},
    {WHAT_GROUP, 0, "file-manifest", V("none|text"), DOES(take_switch), MEMBER(manifest), .words = "none=no text=yes",
     .help = "text: writes a receipt, aspera-transfer-ID-manifest.txt, in the form that sluice copy --manifest has."},
    {WHAT_GROUP, 0, "file-manifest-path", V("DIR"), DOES(take_text), MEMBER(manifest_path),
     .help = "Where the receipt lies; the current directory where it is not given."},
    {WHAT_GROUP, 0, "file-manifest-inprogress-suffix", V("SUFFIX"), DOES(take_text), MEMBER(manifest_suffix),
     .help = "What is behind the name of the receipt until the end; .aspera-inprogress where it is not given."},
    {WHAT_GROUP, 0, "apply-local-docroot", WARNS, .help = "Applies a document root here."},
    {WHAT_GROUP, 0, "fail-bad-filepass", WARNS, .help = "Fails where a passphrase of a file is wrong."},
    {WHAT_GROUP, 0, "save-before-overwrite", REFUSES,
     .help = "sluice does not set old files aside, and would overwrite what you want to keep"},
    {WHAT_GROUP, 0, "file-crypt", V("encrypt|decrypt"), REFUSES,
     .help = "sluice does not encrypt files at rest, and would leave them as they are"},

    {SESSION_GROUP, 'M', NULL, V("[HOST:]PORT"), DOES(take_another), MEMBER(management),
     .help = "Connects to a manager that listens there. May be given several times."},
    {SESSION_GROUP, 'u', NULL, V("TEXT"), DOES(take_text), MEMBER(user_string), .help = "Text that the log repeats, and by which managers know this transfer."},
    {SESSION_GROUP, 0, "tags", V("JSON"), DOES(take_text), MEMBER(tags), .help = "Metadata; accepted and kept here."},
    {SESSION_GROUP, 0, "tags64", V("BASE64"), DOES(take_text64), MEMBER(tags), .help = "The same in base64."},
    {SESSION_GROUP, 'q', NULL, DOES(take_flag), MEMBER(quiet), .help = "Shows neither progress nor the line at the end."},
    {SESSION_GROUP, 'L', NULL, V("DIR[:SIZE]"), DOES(take_log), MEMBER(log),
     .help = "Writes a log to aspera-scp-transfer.log there; -L- to standard error. It grows beyond SIZE."},
    {SESSION_GROUP, 'R', NULL, V("DIR"), WARNS, .help = "Log directory of the other side."},
    {SESSION_GROUP, 'D', NULL, DOES(take_flag), MEMBER(verbose), .help = "Says more of what happens. Also -DD, -DDD."},
    {SESSION_GROUP, 'A', NULL, DOES(take_flag), MEMBER(version), .help = "Prints version and features."},
    {SESSION_GROUP, 0, "version", DOES(take_flag), MEMBER(version), .help = "The same as -A."},
    {SESSION_GROUP, 'f', NULL, V("FILE"), WARNS, .help = "Another aspera.conf."},
    {SESSION_GROUP, 'e', NULL, V("FILE"), WARNS, .help = "Script before and after."},
    {SESSION_GROUP, 'S', NULL, V("PATH"), DOES(take_remote), .key = "remote-command",
     .help = "Program that ssh calls there, unless it is called ascp; sluice where it is not given."},
    {SESSION_GROUP, 0, "no-mgmt-port-files", HOLDS, .help = "There are no such files."},
    {SESSION_GROUP, 0, "keepalive", DOES(take_flag), MEMBER(keepalive),
     .help = "The session stays for sources that a manager names while it runs (START, STOP and DONE); there need be none yet."},
    {SESSION_GROUP, 0, "faspmgr-io", REFUSES, .help = "streams from memory through a management port are not to be had"},
    {SESSION_GROUP, 0, "read-threads", V("N"), WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 0, "write-threads", V("N"), WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 0, "scan-threads", V("N"), WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 0, "meta-threads", V("N"), WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 0, "compression", V("HOW"), WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 0, "chunk-size", V("SIZE"), WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 0, "memory", V("SIZE"), WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 0, "no-open", WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 0, "no-read", WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 0, "no-write", WARNS, .help = "Of ascp4."},
    {SESSION_GROUP, 'h', "help", DOES(take_flag), MEMBER(help), .help = "Shows this help."},
};

const sluice_ascp_option *sluice_ascp_options(size_t *count)
{
    *count = SLUICE_COUNT(options);
    return options;
}

const sluice_ascp_option *sluice_ascp_option_named(const char *name, size_t bytes)
{
    for (size_t i = 0; i < SLUICE_COUNT(options); i++)
        if (options[i].name != NULL && strlen(options[i].name) == bytes && memcmp(options[i].name, name, bytes) == 0)
            return &options[i];
    return NULL;
}

const sluice_ascp_option *sluice_ascp_option_lettered(char letter)
{
    for (size_t i = 0; i < SLUICE_COUNT(options); i++)
        if (options[i].letter == letter && letter != '\0')
            return &options[i];
    return NULL;
}

/* ---- what holds without options ---- */

int sluice_ascp_options_begin(sluice_ascp_line *line, sluice_error *error)
{
    static const char *const rows[][2] = {
        {"rate", "10000000"}, {"resume", "none"}, {"overwrite", "different"}, {"symlinks", "follow"}};
    int status = SLUICE_OK;
    for (size_t i = 0; i < SLUICE_COUNT(rows) && status == SLUICE_OK; i++)
        status = set(line, rows[i][0], rows[i][1], error);
    return status;
}

/* Modes are kept whatever is asked for: ascp takes them from the source as well.  Times are kept with -k 1 to 3 too: only
 * by size and time is a file that is complete known again, and a second run would send all of them once more. */
int sluice_ascp_options_end(sluice_ascp_line *line, sluice_error *error)
{
    const char *list;
    if (strcmp(sluice_ascp_line_setting(line, "resume"), "none") != 0)
        line->preserve |= SLUICE_ASCP_TIMES;
    int status = sluice_ascp_text_own(line, &list, error, "mode%s%s%s%s", line->preserve & SLUICE_ASCP_TIMES ? ",times" : "",
                                      line->preserve & SLUICE_ASCP_OWNER ? ",owner" : "",
                                      line->preserve & SLUICE_ASCP_ACL ? ",acl" : "",
                                      line->preserve & SLUICE_ASCP_XATTR ? ",xattr" : "");
    if (status == SLUICE_OK)
        status = set(line, "preserve", list, error);
    if (status == SLUICE_OK && line->into)
        status = set(line, "mkdir", "yes", error);
    /* What is deleted here must not be lost there. */
    if (status == SLUICE_OK && (line->remove_files || line->move_to != NULL))
        status = set(line, "sync", "end", error);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "session/examinee.h"

#include <stdio.h>
#include <string.h>

#define SCHEME "sluice://"

/* Behind the only colon outside of brackets; NULL: there is none, or it is a bare IPv6 address, which has several. */
static const char *behind_colon(const char *text)
{
    const char *at = text[0] == '[' ? strchr(text, ']') : text;
    const char *colon = at ? strchr(at, ':') : NULL;
    return colon && !strchr(colon + 1, ':') ? colon + 1 : NULL;
}

static bool is_port(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool means_ssh(const char *text)
{
    const char *behind = behind_colon(text);
    return strchr(text, '@') != NULL || (behind && !is_port(behind));
}

/* As a source of copy. */
static int source_text(const char *text, bool *by_ssh, char *out, size_t size)
{
    bool url = strncmp(text, SCHEME, strlen(SCHEME)) == 0;
    *by_ssh = !url && means_ssh(text);
    const char *at = strchr(text, '@');
    bool colon = *by_ssh && behind_colon(at ? at + 1 : text);
    bool bare_v6 = !url && !*by_ssh && text[0] != '[' && strchr(text, ':') && !behind_colon(text);
    int length = url       ? snprintf(out, size, "%s", text)
                 : *by_ssh ? snprintf(out, size, "%s%s", text, colon ? "" : ":")
                 : bare_v6 ? snprintf(out, size, SCHEME "[%s]/", text)
                           : snprintf(out, size, SCHEME "%s/", text);
    return length < (int)size ? SLUICE_OK : SLUICE_EUSAGE;
}

int sluice_examinee_read(sluice_examinee *out, const char *text, sluice_error *error)
{
    char source[SLUICE_ADDRESS_HOST + 64];
    const char *sources[] = {source};
    sluice_examinee examinee = {.by_ssh = false};
    sluice_operands operands = {.push = false};
    sluice_operands_order order = {.sources = sources, .source_count = 1, .destination = "."};
    if (text[0] == '\0')
        return sluice_fail(error, SLUICE_EUSAGE, "an empty host; write host[:port] or [user@]host:");
    if (source_text(text, &examinee.by_ssh, source, sizeof source) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EUSAGE, "%.60s...: the host is too long", text);
    int status = sluice_operands_read(&operands, &order, error);
    if (status != SLUICE_OK)
        return status;
    memcpy(examinee.server.target, operands.target, sizeof operands.target);
    memcpy(examinee.server.host, operands.host, sizeof operands.host);
    examinee.server.port = operands.port;
    sluice_operands_fini(&operands);
    *out = examinee;
    return SLUICE_OK;
}

void sluice_examinee_label(const sluice_examinee *examinee, char out[SLUICE_EXAMINEE_TEXT])
{
    const sluice_operands *server = &examinee->server;
    if (examinee->by_ssh)
        snprintf(out, SLUICE_EXAMINEE_TEXT, "%s", server->target);
    else
        snprintf(out, SLUICE_EXAMINEE_TEXT, strchr(server->host, ':') ? "[%s]:%u" : "%s:%u", server->host,
                 (unsigned)server->port);
}

void sluice_examinee_operand(const sluice_examinee *examinee, char out[SLUICE_EXAMINEE_TEXT])
{
    const sluice_operands *server = &examinee->server;
    const char *host = examinee->by_ssh ? server->target : server->host;
    const char *at = strrchr(host, '@');
    bool v6 = strchr(at ? at + 1 : host, ':') != NULL;
    int user = at ? (int)(at + 1 - host) : 0;
    if (examinee->by_ssh)
        snprintf(out, SLUICE_EXAMINEE_TEXT, "%.*s%s%s%s:", user, host, v6 ? "[" : "", host + user, v6 ? "]" : "");
    else if (server->port == SLUICE_DEFAULT_PORT || host[0] == '\0')
        snprintf(out, SLUICE_EXAMINEE_TEXT, v6 ? SCHEME "[%s]/" : SCHEME "%s/", host);
    else
        snprintf(out, SLUICE_EXAMINEE_TEXT, v6 ? SCHEME "[%s]:%u/" : SCHEME "%s:%u/", host, (unsigned)server->port);
}

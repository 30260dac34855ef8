/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that takes ascp's arguments. */
#include "manager/plan.h"

#include "base/units.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPERANDS_MOST 64 /* more sources go into a list */

typedef struct writing {
    sluice_plan *plan;
    const sluice_plan_spec *spec;
    const sluice_order *order;
    bool directory; /* -d was said */
    sluice_error *error;
} writing;

static void word(writing *self, const char *option, const char *value)
{
    sluice_strings_add(&self->plan->words, option);
    if (value != NULL)
        sluice_strings_add(&self->plan->words, value);
}

static int refuse(writing *self, const char *key, const char *value)
{
    return sluice_fail(self->error, SLUICE_EUSAGE, "%s: %s takes no such option, or not with the value '%s'", key,
                       self->order->ascp, value);
}

/* ---- options ---- */

typedef struct pair {
    const char *ours, *theirs; /* theirs NULL: it is what they do anyhow */
} pair;

static const pair *pair_find(const pair *pairs, size_t count, const char *ours)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i].ours, ours) == 0)
            return &pairs[i];
    return NULL;
}

static int one_of(writing *self, const char *key, const char *option, const pair *pairs, size_t count, const char *value)
{
    const pair *found = pair_find(pairs, count, value);
    if (found == NULL)
        return refuse(self, key, value);
    if (found->theirs != NULL && option[1] == '-')
        sluice_strings_addf(&self->plan->words, "%s=%s", option, found->theirs);
    else if (found->theirs != NULL)
        word(self, option, found->theirs);
    return SLUICE_OK;
}

static int add_rate(writing *self, const char *key, const char *option, const char *value)
{
    sluice_rate bps;
    if (sluice_units_rate_parse(value, &bps, NULL) != SLUICE_OK)
        return refuse(self, key, value);
    if (bps == 0 && option[1] == 'l')
        return SLUICE_OK; /* no target: theirs stays */
    sluice_strings_add(&self->plan->words, option);
    sluice_strings_addf(&self->plan->words, "%" PRIu64, (bps + 999) / 1000);
    return SLUICE_OK;
}

static int take_rate(writing *self, const char *key, const char *value)
{
    return self->spec->wishes->rate_set ? SLUICE_OK : add_rate(self, key, "-l", value);
}

static int take_minimum(writing *self, const char *key, const char *value)
{
    return self->spec->wishes->minimum_set ? SLUICE_OK : add_rate(self, key, "-m", value);
}

static int take_policy(writing *self, const char *key, const char *value)
{
    (void)key;
    if (!self->spec->wishes->policy_set)
        sluice_strings_addf(&self->plan->words, "--policy=%s", value);
    return SLUICE_OK;
}

static int take_cipher(writing *self, const char *key, const char *value)
{
    static const pair pairs[] = {{"auto", NULL}, {"none", "none"}, {"aes-128-gcm", "aes128gcm"}, {"aes-256-gcm", "aes256gcm"}};
    return one_of(self, key, "-c", pairs, SLUICE_COUNT(pairs), value);
}

static int take_resume(writing *self, const char *key, const char *value)
{
    static const pair pairs[] = {{"none", "0"}, {"attributes", "1"}, {"sparse", "2"}, {"full", "3"}};
    return one_of(self, key, "-k", pairs, SLUICE_COUNT(pairs), value);
}

static int take_overwrite(writing *self, const char *key, const char *value)
{
    static const pair pairs[] = {{"never", "never"}, {"always", "always"}, {"different", "diff"}, {"older", "older"}};
    return one_of(self, key, "--overwrite", pairs, SLUICE_COUNT(pairs), value);
}

static int take_symlinks(writing *self, const char *key, const char *value)
{
    static const pair pairs[] = {{"", NULL}, {"copy", "copy"}, {"follow", "follow"}, {"skip", "skip"}};
    return one_of(self, key, "--symbolic-links", pairs, SLUICE_COUNT(pairs), value);
}

static int take_checksum(writing *self, const char *key, const char *value)
{
    static const pair pairs[] = {{"none", "none"}, {"sha-256", "sha-256"}};
    return one_of(self, key, "--file-checksum", pairs, SLUICE_COUNT(pairs), value);
}

static int take_transport(writing *self, const char *key, const char *value)
{
    static const pair pairs[] = {{"auto", NULL}, {"udp", NULL}};
    return one_of(self, key, "", pairs, SLUICE_COUNT(pairs), value);
}

static int take_preserve(writing *self, const char *key, const char *value)
{
    char item[32];
    for (const char *list = value; sluice_settings_list(&list, item, sizeof item);) {
        if (strcmp(item, "times") == 0)
            word(self, "-p", NULL);
        else if (strcmp(item, "owner") == 0) {
            word(self, "--preserve-file-owner-uid", "--preserve-file-owner-gid");
        } else if (strcmp(item, "acl") == 0)
            word(self, "--preserve-acls=native", NULL);
        else if (strcmp(item, "xattr") == 0)
            word(self, "--preserve-xattrs=native", NULL);
        else if (strcmp(item, "links") == 0)
            word(self, "--symbolic-links=copy", NULL);
        else if (strcmp(item, "none") != 0)
            return refuse(self, key, item);
    }
    return SLUICE_OK;
}

static int take_mkdir(writing *self, const char *key, const char *value)
{
    uint64_t wanted = 0;
    (void)key;
    (void)value;
    (void)sluice_settings_number(self->order->settings, "mkdir", &wanted);
    if (wanted != 0 && !self->directory)
        word(self, "-d", NULL);
    self->directory = self->directory || wanted != 0;
    return SLUICE_OK;
}

static int take_ports(writing *self, const char *key, const char *value)
{
    uint16_t least, most;
    if (!sluice_settings_ports(value, &least, &most) || least != most)
        return sluice_fail(self->error, SLUICE_EUSAGE, "%s: %s takes one port, and not '%s'", key, self->order->ascp, value);
    sluice_strings_add(&self->plan->words, "-O");
    sluice_strings_addf(&self->plan->words, "%u", least);
    return SLUICE_OK;
}

static int take_exclude(writing *self, const char *key, const char *value)
{
    (void)key;
    word(self, "-E", value);
    return SLUICE_OK;
}

static int take_include(writing *self, const char *key, const char *value)
{
    (void)key;
    word(self, "-N", value);
    return SLUICE_OK;
}

static int take_datagram_size(writing *self, const char *key, const char *value)
{
    uint64_t bytes;
    if (sluice_units_size_parse(value, &bytes, NULL) != SLUICE_OK)
        return refuse(self, key, value);
    if (bytes == 0)
        return SLUICE_OK; /* as the path allows: so they do anyhow */
    sluice_strings_add(&self->plan->words, "-Z");
    sluice_strings_addf(&self->plan->words, "%" PRIu64, bytes);
    return SLUICE_OK;
}

/* Theirs lies in a directory, under a name of their own. */
static int take_manifest(writing *self, const char *key, const char *value)
{
    size_t bytes = strlen(value);
    if (bytes == 0 || value[bytes - 1] != '/')
        return sluice_fail(self->error, SLUICE_EUSAGE, "%s: %s takes a directory, which ends with '/', and not '%s'", key,
                           self->order->ascp, value);
    word(self, "--file-manifest=text", NULL);
    sluice_strings_addf(&self->plan->words, "--file-manifest-path=%s", value);
    return SLUICE_OK;
}

/* Seconds are the same in both; dates are ours alone. */
static int take_moment(writing *self, const char *key, const char *value)
{
    if (value[0] == '\0' || strspn(value, "-0123456789") != strlen(value) || strchr(value + 1, '-') != NULL)
        return refuse(self, key, value);
    sluice_strings_addf(&self->plan->words, "--%s=%s", key, value);
    return SLUICE_OK;
}

typedef struct row {
    const char *key;
    int (*take)(writing *self, const char *key, const char *value);
} row;

static const row rows[] = {
    {"rate", take_rate},           {"min-rate", take_minimum},    {"policy", take_policy},     {"cipher", take_cipher},
    {"resume", take_resume},       {"overwrite", take_overwrite}, {"symlinks", take_symlinks}, {"checksum", take_checksum},
    {"preserve", take_preserve},   {"mkdir", take_mkdir},         {"udp-ports", take_ports},   {"exclude", take_exclude},
    {"include", take_include},     {"manifest", take_manifest},   {"transport", take_transport},
    {"datagram-size", take_datagram_size}, {"exclude-newer-than", take_moment}, {"exclude-older-than", take_moment},
};

static int add_options(writing *self)
{
    for (size_t i = 0; i < self->order->option_count; i++) {
        const sluice_order_option *option = &self->order->options[i];
        const row *found = NULL;
        for (size_t r = 0; r < SLUICE_COUNT(rows) && found == NULL; r++)
            if (strcmp(rows[r].key, option->key) == 0)
                found = &rows[r];
        if (found == NULL)
            return sluice_fail(self->error, SLUICE_EUSAGE, "%s: %s takes no such option", option->key, self->order->ascp);
        int status = found->take(self, option->key, option->value);
        if (status != SLUICE_OK)
            return status;
    }
    return SLUICE_OK;
}

static int add_wishes(writing *self)
{
    const sluice_wishes *wishes = self->spec->wishes;
    char digits[24];
    int status = SLUICE_OK;
    if (wishes->rate_set) {
        snprintf(digits, sizeof digits, "%" PRIu64, wishes->rate_bps);
        status = add_rate(self, "rate", "-l", digits);
    }
    if (wishes->minimum_set && status == SLUICE_OK) {
        snprintf(digits, sizeof digits, "%" PRIu64, wishes->minimum_bps);
        status = add_rate(self, "min-rate", "-m", digits);
    }
    if (wishes->policy_set)
        sluice_strings_addf(&self->plan->words, "--policy=%s", wishes->policy);
    return status;
}

/* ---- the other side ---- */

static void add_remote(writing *self)
{
    const sluice_order *order = self->order;
    sluice_strings_addf(&self->plan->words, "--mode=%s", order->direction == SLUICE_PUSH ? "send" : "recv");
    sluice_strings_addf(&self->plan->words, "--host=%s", order->remote.host);
    if (order->remote.user != NULL)
        sluice_strings_addf(&self->plan->words, "--user=%s", order->remote.user);
    if (order->remote.port != 0) {
        sluice_strings_add(&self->plan->words, "-P");
        sluice_strings_addf(&self->plan->words, "%u", order->remote.port);
    }
    if (order->remote.key_file != NULL)
        word(self, "-i", order->remote.key_file);
    if (order->remote.ticket_file != NULL) {
        sluice_strings_add(&self->plan->words, "-W");
        sluice_strings_addf(&self->plan->words, "@%s", order->remote.ticket_file);
    }
    if (order->remote.fingerprint != NULL)
        sluice_strings_addf(&self->plan->words, "--check-sshfp=%s", order->remote.fingerprint);
}

static void add_secrets(writing *self)
{
    const sluice_order *order = self->order;
    if (order->remote.password != NULL)
        sluice_strings_addf(&self->plan->environment, "ASPERA_SCP_PASS=%s", order->remote.password);
    if (order->remote.ticket != NULL)
        sluice_strings_addf(&self->plan->environment, "ASPERA_SCP_TOKEN=%s", order->remote.ticket);
    if (order->cookie != NULL)
        sluice_strings_addf(&self->plan->environment, "ASPERA_SCP_COOKIE=%s", order->cookie);
}

/* RFC 4648, section 4. */
static void add_tags(writing *self)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = (const unsigned char *)self->order->tags;
    sluice_text text = {0};
    for (size_t left = strlen(self->order->tags); left > 0; left -= left < 3 ? left : 3, from += 3) {
        uint32_t three = (uint32_t)from[0] << 16;
        if (left > 1)
            three |= (uint32_t)from[1] << 8;
        if (left > 2)
            three |= from[2];
        char four[4] = {digits[three >> 18 & 63], digits[three >> 12 & 63], left > 1 ? digits[three >> 6 & 63] : '=',
                        left > 2 ? digits[three & 63] : '='};
        sluice_text_add_bytes(&text, four, 4);
    }
    sluice_strings_addf(&self->plan->words, "--tags64=%s", sluice_text_string(&text));
    self->plan->words.failed = self->plan->words.failed || text.failed;
    sluice_text_fini(&text);
}

/* ---- what is moved ---- */

static size_t entries_left(const sluice_order *order)
{
    size_t count = 0;
    for (size_t i = 0; i < order->count; i++)
        count += !order->entries[i].dropped;
    return count;
}

static bool any_named(const sluice_order *order)
{
    for (size_t i = 0; i < order->count; i++)
        if (!order->entries[i].dropped && order->entries[i].as != NULL)
            return true;
    return false;
}

/* The last component, without slashes at its end. */
static void add_last(sluice_text *out, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    sluice_text_add_bytes(out, path + begin, end - begin);
}

static int add_line(writing *self, const char *path, bool pairs, const char *as)
{
    sluice_text *list = &self->plan->input;
    if (strchr(path, '\n') != NULL || (as != NULL && strchr(as, '\n') != NULL))
        return sluice_fail(self->error, SLUICE_EUSAGE, "%s: a line end in a name, which %s takes in no list", path,
                           self->order->ascp);
    sluice_text_add(list, path);
    sluice_text_add(list, "\n");
    if (pairs && as != NULL)
        sluice_text_add(list, as);
    else if (pairs)
        add_last(list, path);
    if (pairs)
        sluice_text_add(list, "\n");
    return SLUICE_OK;
}

static int add_list(writing *self, bool pairs)
{
    int status = SLUICE_OK;
    sluice_strings_addf(&self->plan->words, "--%s=/dev/fd/%d", pairs ? "file-pair-list" : "file-list", SLUICE_PLAN_INPUT);
    self->plan->has_input = true;
    for (size_t i = 0; i < self->order->count && status == SLUICE_OK; i++) {
        const sluice_order_entry *entry = &self->order->entries[i];
        if (!entry->dropped)
            status = add_line(self, entry->path, pairs, entry->as);
    }
    return status;
}

/* An operand that begins with '-' would be taken for an option. */
static void add_operand(writing *self, const char *path)
{
    sluice_strings_addf(&self->plan->words, "%s%s", path[0] == '-' ? "./" : "", path);
}

static void add_operands(writing *self)
{
    for (size_t i = 0; i < self->order->count; i++)
        if (!self->order->entries[i].dropped)
            add_operand(self, self->order->entries[i].path);
}

static int add_range(writing *self)
{
    const sluice_order_entry *ranged = NULL;
    for (size_t i = 0; i < self->order->count && ranged == NULL; i++)
        if (self->order->entries[i].ranged && !self->order->entries[i].dropped)
            ranged = &self->order->entries[i];
    if (ranged == NULL)
        return SLUICE_OK;
    if (entries_left(self->order) > 1)
        return sluice_fail(self->error, SLUICE_EUSAGE, "%s: %s takes a range of one source alone", ranged->path,
                           self->order->ascp);
    sluice_strings_add(&self->plan->words, "-@");
    if (ranged->to == SLUICE_UNKNOWN)
        sluice_strings_addf(&self->plan->words, "%" PRIu64 ":", ranged->from);
    else
        sluice_strings_addf(&self->plan->words, "%" PRIu64 ":%" PRIu64, ranged->from, ranged->to - 1);
    return SLUICE_OK;
}

static int add_paths(writing *self)
{
    bool pairs = any_named(self->order);
    int status = SLUICE_OK;
    if (pairs || entries_left(self->order) > OPERANDS_MOST)
        status = add_list(self, pairs);
    else
        add_operands(self);
    add_operand(self, self->order->destination);
    return status;
}

static void add_directory(writing *self)
{
    const sluice_order *order = self->order;
    size_t bytes = strlen(order->destination);
    self->directory = order->persistent || entries_left(order) > 1 || any_named(order) || order->destination[bytes - 1] == '/';
    if (self->directory)
        word(self, "-d", NULL);
}

int sluice_plan_ascp(sluice_plan *plan, const sluice_plan_spec *spec, sluice_error *error)
{
    writing self = {.plan = plan, .spec = spec, .order = spec->order, .error = error};
    word(&self, spec->order->ascp, "-M");
    sluice_strings_addf(&plan->words, "%u", spec->port);
    word(&self, "-u", spec->user);
    word(&self, "-q", NULL);
    add_remote(&self);
    add_secrets(&self);
    add_directory(&self);
    int status = add_options(&self);
    if (status == SLUICE_OK)
        status = add_wishes(&self);
    if (status == SLUICE_OK)
        status = add_range(&self);
    if (spec->order->persistent)
        word(&self, "--keepalive", NULL);
    if (spec->order->tags != NULL)
        add_tags(&self);
    if (status == SLUICE_OK)
        status = add_paths(&self);
    if (status == SLUICE_OK && (plan->words.failed || plan->environment.failed || plan->input.failed))
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory for the arguments of a worker");
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "session/admission.h"

#include "base/date.h"
#include "base/units.h"
#include "session/hello.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_NAME "default"

typedef struct entry {
    sluice_permit *permit;
    sluice_ticket ticket; /* with the rights and the expiry that hold here */
    char *file;
    bool revoked;
    bool there; /* the ticket was read, or made; else nobody can hold it */
    bool fresh; /* its file is still to be made */
    bool stale; /* its file says something else */
} entry;

struct sluice_admission {
    entry *entries;
    size_t count;
};

/* ---- permits ---- */

sluice_permit *sluice_permit_new(const char *name, unsigned rights, const char *root)
{
    sluice_permit *permit = calloc(1, sizeof *permit);
    char *copy = root ? strdup(root) : NULL;
    if (!permit || (root && !copy)) {
        free(permit);
        free(copy);
        return NULL;
    }
    snprintf(permit->name, sizeof permit->name, "%s", name);
    permit->rights = rights;
    permit->root = copy;
    permit->users = 1;
    return permit;
}

sluice_permit *sluice_permit_use(sluice_permit *permit)
{
    permit->users++;
    return permit;
}

void sluice_permit_leave(sluice_permit *permit)
{
    if (!permit || --permit->users > 0)
        return;
    free(permit->root);
    free(permit);
}

/* ---- loading ---- */

typedef struct loading {
    const sluice_admission_setup *setup;
    sluice_admission *admission;
    sluice_error first;
} loading;

static void tell(const loading *load, sluice_log_level level, const char *format, ...) SLUICE_PRINTF(3, 4);
static void tell(const loading *load, sluice_log_level level, const char *format, ...)
{
    char sentence[1024];
    va_list args;
    if (!load->setup->tell)
        return;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    load->setup->tell(load->setup->user, level, sentence);
}

/* The first error is the caller's, the others are told. */
static void complain(loading *load, const char *name, int status, const char *sentence)
{
    if (load->first.status == SLUICE_OK)
        sluice_fail(&load->first, status, "ticket %s: %s", name, sentence);
    else
        tell(load, SLUICE_LOG_ERROR, "ticket %s: %s", name, sentence);
}

static unsigned rights_of(const char *list)
{
    unsigned rights = 0;
    char word[16];
    while (sluice_settings_list(&list, word, sizeof word))
        rights |= strcmp(word, "read") == 0 ? SLUICE_TICKET_READ : SLUICE_TICKET_WRITE;
    return rights;
}

/* The lower one of two where 0 is none. */
static sluice_rate lower_rate(sluice_rate a, sluice_rate b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static int check_root(const char *root, sluice_error *error)
{
    struct stat about;
    if (!root)
        return sluice_fail(error, SLUICE_EUSAGE, "no root: give it one, or serve --root DIR");
    if (stat(root, &about) != 0)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: cannot serve it as the root: %s", root,
                           strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: cannot serve it as the root: it is no directory", root);
    return SLUICE_OK;
}

static int make_ticket(const sluice_admission_setup *setup, unsigned rights, uint64_t expiry_s, sluice_ticket *out,
                       sluice_error *error)
{
    int status = sluice_ticket_make(setup->key, rights, expiry_s, out, error);
    return status == SLUICE_OK ? sluice_ticket_address_add(out, setup->address, error) : status;
}

/* The ticket that lies there is used again, so that clients need no new one after a restart. */
static int read_ticket(const sluice_admission_setup *setup, entry *at, sluice_error *error)
{
    int status = sluice_ticket_read(at->file, &at->ticket, error);
    if (status != SLUICE_OK)
        return status;
    if (memcmp(at->ticket.key, setup->key, sizeof at->ticket.key) != 0)
        return sluice_fail(error, SLUICE_EAUTH,
                           "%s: this ticket is of another server key than this server's; remove it to get a new one",
                           at->file);
    at->there = true;
    return SLUICE_OK;
}

/* wanted: what a section says; NULL: what the file says holds. */
static int load_ticket(const sluice_admission_setup *setup, entry *at, const sluice_ticket *wanted, sluice_error *error)
{
    unsigned rights = wanted ? wanted->rights : SLUICE_TICKET_READ | SLUICE_TICKET_WRITE;
    uint64_t expiry_s = wanted ? wanted->expiry_s : 0;
    if (access(at->file, F_OK) == 0) {
        int status = read_ticket(setup, at, error);
        at->stale = wanted && (at->ticket.rights != rights || at->ticket.expiry_s != expiry_s);
        at->ticket.rights = wanted ? rights : at->ticket.rights;
        at->ticket.expiry_s = wanted ? expiry_s : at->ticket.expiry_s;
        return status;
    }
    /* Nobody needs a new ticket that is refused. */
    if (at->revoked || (wanted && sluice_ticket_expired(wanted, setup->now_s)))
        return SLUICE_OK;
    at->there = at->fresh = true;
    return make_ticket(setup, rights, expiry_s, &at->ticket, error);
}

static int fill_entry(const sluice_admission_setup *setup, entry *at, const char *name, const char *file,
                      const sluice_ticket_settings *section, sluice_error *error)
{
    const char *root = section && section->root ? section->root : setup->serve->root;
    sluice_ticket wanted = {.rights = section ? rights_of(section->rights) : 0};
    int status = section ? sluice_date_parse(section->expires, &wanted.expiry_s, error) : SLUICE_OK;
    at->revoked = section && section->revoked;
    at->file = strdup(file);
    at->permit = sluice_permit_new(name, 0, root ? root : "");
    if (!at->file || !at->permit)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    if (status == SLUICE_OK && !at->revoked && (root || !setup->rootless))
        status = check_root(root, error);
    if (status == SLUICE_OK)
        status = load_ticket(setup, at, section ? &wanted : NULL, error);
    memcpy(at->permit->id, at->ticket.id, sizeof at->permit->id);
    at->permit->of_ticket = true;
    at->permit->rights = at->ticket.rights;
    at->permit->expiry_s = at->ticket.expiry_s;
    at->permit->max_rate = lower_rate(setup->serve->max_rate, section ? section->max_rate : 0);
    at->permit->max_sessions = section ? section->max_sessions : 0;
    return status;
}

/* Copies of one ticket, under whatever names. */
static void check_twins(loading *load, const entry *added)
{
    const sluice_admission *admission = load->admission;
    char sentence[300];
    for (size_t i = 0; added->there && i + 1 < admission->count; i++) {
        const entry *other = &admission->entries[i];
        if (!other->there || memcmp(other->ticket.id, added->ticket.id, sizeof added->ticket.id) != 0)
            continue;
        snprintf(sentence, sizeof sentence, "%.200s is the same ticket as that of %s", added->file,
                 other->permit->name);
        complain(load, added->permit->name, SLUICE_ECONFIG, sentence);
        return;
    }
}

static void load_entry(loading *load, const char *name, const char *file, const sluice_ticket_settings *section)
{
    sluice_admission *admission = load->admission;
    sluice_error why = {0};
    entry *at = &admission->entries[admission->count++];
    int status = fill_entry(load->setup, at, name, file, section, &why);
    if (status != SLUICE_OK)
        complain(load, name, status, why.text);
    else
        check_twins(load, at);
}

static void load_section(loading *load, const char *name)
{
    sluice_settings *settings;
    sluice_error why = {0};
    int status = sluice_settings_new(load->setup->library, SLUICE_SETTINGS_TICKET, name, &settings, &why);
    if (status == SLUICE_OK) {
        status = sluice_settings_check(settings, &why);
        if (status == SLUICE_OK) {
            const sluice_ticket_settings *section = sluice_settings_ticket(settings);
            load_entry(load, name, section->ticket_file, section);
        }
        sluice_settings_free(settings);
    }
    if (status != SLUICE_OK)
        complain(load, name, status, why.text);
}

/* The files, once everything is known to be right.  A file that cannot be changed tells clients of other rights than
 * they have, which is no reason not to serve; one that cannot be made is. */
static void write_files(loading *load)
{
    sluice_admission *admission = load->admission;
    for (size_t i = 0; i < admission->count; i++) {
        const entry *at = &admission->entries[i];
        sluice_error why = {0};
        if (!at->fresh && !at->stale)
            continue;
        int status = sluice_ticket_write(at->file, &at->ticket, &why);
        if (status == SLUICE_OK)
            tell(load, SLUICE_LOG_INFO, "ticket %s: %s %s", at->permit->name, at->file,
                 at->fresh ? "was made" : "says now what its section says; the copies that clients have stay good");
        else if (at->fresh)
            complain(load, at->permit->name, status, why.text);
        else
            tell(load, SLUICE_LOG_WARNING, "ticket %s: its file says other rights than its section: %s",
                 at->permit->name, why.text);
    }
}

static void load_all(loading *load)
{
    const sluice_admission_setup *setup = load->setup;
    const char *name;
    if (setup->serve->default_ticket)
        load_entry(load, DEFAULT_NAME, setup->ticket_file, NULL);
    for (size_t i = 0; (name = sluice_config_ticket(setup->library, i)) != NULL; i++)
        load_section(load, name);
    if (load->admission->count == 0)
        sluice_fail(&load->first, SLUICE_EUSAGE,
                    "default-ticket is off and there is no [ticket NAME]: nobody could be "
                    "let in");
    if (load->first.status == SLUICE_OK)
        write_files(load);
}

int sluice_admission_new(const sluice_admission_setup *setup, sluice_admission **out, sluice_error *error)
{
    loading load = {.setup = setup, .admission = calloc(1, sizeof *load.admission)};
    size_t sections = 0;
    while (sluice_config_ticket(setup->library, sections))
        sections++;
    if (load.admission)
        load.admission->entries = calloc(sections + 1, sizeof *load.admission->entries);
    if (!load.admission || !load.admission->entries) {
        free(load.admission);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for tickets");
    }
    load_all(&load);
    if (load.first.status != SLUICE_OK) {
        sluice_admission_free(load.admission);
        return sluice_fail(error, load.first.status, "%s", load.first.text);
    }
    *out = load.admission;
    return SLUICE_OK;
}

void sluice_admission_free(sluice_admission *admission)
{
    if (!admission)
        return;
    for (size_t i = 0; i < admission->count; i++) {
        sluice_permit_leave(admission->entries[i].permit);
        sluice_ticket_wipe(&admission->entries[i].ticket);
        free(admission->entries[i].file);
    }
    free(admission->entries);
    free(admission);
}

/* ---- judging ---- */

static int revoked(sluice_error *error)
{
    return sluice_fail(error, SLUICE_EAUTH, "the ticket was revoked; ask the server's operator for another");
}

static int judge(const entry *at, uint64_t now_s, sluice_permit **out, sluice_error *error)
{
    *out = at->permit;
    if (at->revoked)
        return revoked(error);
    if (sluice_ticket_expired(&at->ticket, now_s))
        return sluice_fail(error, SLUICE_EAUTH, "the ticket has expired; ask the server's operator for another");
    return SLUICE_OK;
}

/* 1 or 0, at the same price. */
static int agrees(const entry *at, const uint8_t *id, const uint8_t *proof, const uint8_t *exported, unsigned *out)
{
    uint8_t wanted[SLUICE_TICKET_PROOF_BYTES];
    int status = sluice_hello_prove(at->ticket.secret, exported, wanted);
    /* Both are compared whatever the first says. */
    bool proven = sluice_secure_equal(proof, wanted, sizeof wanted);
    bool known = sluice_secure_equal(id, at->ticket.id, sizeof at->ticket.id);
    *out = (unsigned)proven & (unsigned)known & (unsigned)at->there;
    sluice_secure_cleanse(wanted, sizeof wanted);
    return status;
}

int sluice_admission_check(const sluice_admission *admission, const uint8_t id[SLUICE_TICKET_ID_BYTES],
                           const uint8_t proof[SLUICE_TICKET_PROOF_BYTES], const uint8_t exported[SLUICE_SHA256_BYTES],
                           uint64_t now_s, sluice_permit **out, sluice_error *error)
{
    size_t found = 0; /* 1 more than its place */
    int failed = SLUICE_OK;
    for (size_t i = 0; i < admission->count; i++) {
        unsigned one = 0;
        int status = agrees(&admission->entries[i], id, proof, exported, &one);
        failed = failed == SLUICE_OK ? status : failed;
        found += one * (i + 1);
    }
    if (failed != SLUICE_OK)
        return sluice_fail(error, failed, "cannot check the ticket: %s", sluice_status_text(failed));
    if (found == 0 || found > admission->count)
        return sluice_fail(error, SLUICE_EAUTH,
                           "the server does not know this ticket; copy its ticket file again, or give --ticket-file");
    int status = judge(&admission->entries[found - 1], now_s, out, error);
    sluice_permit_use(*out);
    return status;
}

int sluice_admission_renew(const sluice_admission *admission, sluice_permit *held, uint64_t now_s, sluice_permit **out,
                           sluice_error *error)
{
    *out = held;
    if (!held->of_ticket)
        return SLUICE_OK;
    for (size_t i = 0; i < admission->count; i++) {
        const entry *at = &admission->entries[i];
        if (!at->there || memcmp(at->ticket.id, held->id, sizeof at->ticket.id) != 0)
            continue;
        bool same = at->ticket.expiry_s == held->expiry_s;
        return judge(at, same ? 0 : now_s, out, error);
    }
    return revoked(error);
}

size_t sluice_admission_count(const sluice_admission *admission)
{
    return admission->count;
}

/* ---- describing ---- */

void sluice_admission_describe(const sluice_admission *admission, uint64_t now_s,
                               void (*say)(void *user, sluice_log_level level, const char *sentence), void *user)
{
    static const char *const words[] = {"nothing", "read", "write", "read and write"};
    for (size_t i = 0; i < admission->count; i++) {
        const entry *at = &admission->entries[i];
        const sluice_permit *permit = at->permit;
        char sentence[1024], until[SLUICE_DATE_TEXT], rate[SLUICE_UNITS_TEXT];
        int n;
        sluice_date_format(at->ticket.expiry_s, until);
        sluice_units_rate_format(permit->max_rate, rate);
        n = snprintf(sentence, sizeof sentence, "ticket %s: ", permit->name);
        if (at->revoked)
            snprintf(sentence + n, sizeof sentence - (size_t)n, "revoked");
        else if (!at->there || sluice_ticket_expired(&at->ticket, now_s))
            snprintf(sentence + n, sizeof sentence - (size_t)n, "expired");
        else
            snprintf(sentence + n, sizeof sentence - (size_t)n, "%s below %.400s, max-rate %s, expires %s: %.400s",
                     words[permit->rights & 3], permit->root[0] ? permit->root : "(no files)", permit->max_rate ? rate : "none", until, at->file);
        say(user, SLUICE_LOG_INFO, sentence);
    }
}

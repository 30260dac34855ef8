/* SPDX-License-Identifier: Apache-2.0 */
/* Which tickets a server has, whom they let in, and what becomes of their files. */
#include "unit/suite.h"

#include "base/text.h"
#include "plugin/library.h"
#include "session/admission.h"
#include "session/hello.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW UINT64_C(1801396800) /* 2027-01-31T12:00:00Z */

/* A directory with a configuration in it, and a server's settings. */
typedef struct scene {
    char room[64];
    sluice *library;
    sluice_settings *settings;
    uint8_t key[SLUICE_TICKET_KEY_BYTES];
    sluice_text told; /* "LEVEL sentence\n" */
    sluice_error error;
} scene;

static const char *path(const scene *at, const char *name)
{
    static char paths[4][160];
    static unsigned turn;
    char *out = paths[turn++ % 4];
    snprintf(out, sizeof paths[0], "%s/%s", at->room, name);
    return out;
}

/* The configuration, with % for the room. */
static void configure(scene *at, const char *text)
{
    sluice_error error = {0};
    FILE *file = fopen(path(at, "ini"), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (; *text != '\0'; text++)
        if (*text == '%')
            fputs(at->room, file);
        else
            fputc(*text, file);
    fclose(file);
    sluice_settings_free(at->settings);
    at->settings = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_config_read(at->library, path(at, "ini"), NULL, NULL, &error), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(at->library, SLUICE_SETTINGS_SERVE, NULL, &at->settings, &error),
                          SLUICE_OK);
}

static void begin(scene *at, const char *text)
{
    memset(at, 0, sizeof *at);
    memset(at->key, 0x5a, sizeof at->key);
    snprintf(at->room, sizeof at->room, "/tmp/sluice-admission.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(at->room));
    CU_ASSERT_EQUAL_FATAL(mkdir(path(at, "root"), 0755), 0);
    CU_ASSERT_EQUAL_FATAL(mkdir(path(at, "other"), 0755), 0);
    CU_ASSERT_EQUAL_FATAL(sluice_new(&at->library, NULL), SLUICE_OK);
    configure(at, text);
}

static void end(scene *at)
{
    char command[100];
    sluice_settings_free(at->settings);
    sluice_free(at->library);
    sluice_text_fini(&at->told);
    snprintf(command, sizeof command, "rm -rf %s", at->room);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void tell(void *user, sluice_log_level level, const char *sentence)
{
    sluice_text_addf(user, "%d %s\n", (int)level, sentence);
}

static int load(scene *at, sluice_admission **out)
{
    const char *ticket = path(at, "ticket");
    sluice_admission_setup setup = {.library = at->library,
                                    .serve = sluice_settings_serve(at->settings),
                                    .ticket_file = ticket,
                                    .key = at->key,
                                    .address = "server.example:33001",
                                    .now_s = NOW,
                                    .tell = tell,
                                    .user = &at->told};
    sluice_text_clear(&at->told);
    at->error = (sluice_error){0};
    return sluice_admission_new(&setup, out, &at->error);
}

static bool told(const scene *at, const char *words)
{
    return strstr(sluice_text_string(&at->told), words) != NULL;
}

static sluice_ticket ticket_in(const scene *at, const char *name)
{
    sluice_ticket ticket = {.rights = 0};
    struct stat about;
    CU_ASSERT_EQUAL(sluice_ticket_read(path(at, name), &ticket, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(stat(path(at, name), &about), 0);
    CU_ASSERT_EQUAL(about.st_mode & 07777, 0600);
    return ticket;
}

/* What a client with this ticket hears; *permit is left to the caller when something is there. */
static int enter(const sluice_admission *admission, const sluice_ticket *ticket, uint64_t now_s, sluice_permit **permit,
                 sluice_error *error)
{
    uint8_t exported[SLUICE_SHA256_BYTES], proof[SLUICE_TICKET_PROOF_BYTES];
    memset(exported, 0x33, sizeof exported);
    *permit = NULL;
    CU_ASSERT_EQUAL(sluice_hello_prove(ticket->secret, exported, proof), SLUICE_OK);
    return sluice_admission_check(admission, ticket->id, proof, exported, now_s, permit, error);
}

static void refused_with(const sluice_admission *admission, const sluice_ticket *ticket, uint64_t now_s,
                         const char *words, bool known)
{
    sluice_permit *permit;
    sluice_error error = {0};
    CU_ASSERT_EQUAL(enter(admission, ticket, now_s, &permit, &error), SLUICE_EAUTH);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, words));
    CU_ASSERT_EQUAL(permit != NULL, known);
    sluice_permit_leave(permit);
}

static const char three[] = "[serve]\nroot = %/root\nmax-rate = 100m\n"
                            "[ticket reader]\nticket-file = %/reader\nrights = read\nroot = %/other\nmax-rate = 10m\n"
                            "max-sessions = 3\n"
                            "[ticket writer]\nticket-file = %/deep/er/writer\nrights = write\nmax-rate = 1g\n"
                            "expires = 2027-02-01\n";

static void each_ticket_has_its_own_rights(void)
{
    scene at;
    sluice_admission *admission;
    sluice_permit *permit;
    begin(&at, three);
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    CU_ASSERT(told(&at, "ticket reader: "));
    CU_ASSERT(told(&at, "/reader was made\n"));
    sluice_ticket general = ticket_in(&at, "ticket"), reader = ticket_in(&at, "reader"),
                  writer = ticket_in(&at, "deep/er/writer");
    CU_ASSERT_EQUAL(general.rights, SLUICE_TICKET_READ | SLUICE_TICKET_WRITE);
    CU_ASSERT_EQUAL(reader.rights, SLUICE_TICKET_READ);
    CU_ASSERT_EQUAL(writer.rights, SLUICE_TICKET_WRITE);
    CU_ASSERT_EQUAL(reader.expiry_s, 0);
    CU_ASSERT_EQUAL(writer.expiry_s, 1801440000);
    CU_ASSERT_STRING_EQUAL(writer.addresses[0], "server.example:33001");
    CU_ASSERT_EQUAL(memcmp(writer.key, at.key, sizeof at.key), 0);

    CU_ASSERT_EQUAL_FATAL(enter(admission, &general, NOW, &permit, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(permit->name, "default");
    CU_ASSERT_STRING_EQUAL(permit->root, path(&at, "root"));
    CU_ASSERT_EQUAL(permit->max_rate, 100000000);
    CU_ASSERT_EQUAL(permit->max_sessions, 0);
    CU_ASSERT_EQUAL(permit->rights, SLUICE_TICKET_READ | SLUICE_TICKET_WRITE);
    sluice_permit_leave(permit);
    CU_ASSERT_EQUAL_FATAL(enter(admission, &reader, NOW, &permit, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(permit->name, "reader");
    CU_ASSERT_STRING_EQUAL(permit->root, path(&at, "other"));
    CU_ASSERT_EQUAL(permit->max_rate, 10000000);
    CU_ASSERT_EQUAL(permit->max_sessions, 3);
    CU_ASSERT_EQUAL(permit->rights, SLUICE_TICKET_READ);
    sluice_permit_leave(permit);
    CU_ASSERT_EQUAL_FATAL(enter(admission, &writer, NOW, &permit, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(permit->root, path(&at, "root"));
    CU_ASSERT_EQUAL(permit->max_rate, 100000000); /* the server's is lower */
    /* A session keeps what it was let in with, though the tickets are gone. */
    sluice_admission_free(admission);
    CU_ASSERT_STRING_EQUAL(permit->name, "writer");
    sluice_permit_leave(permit);
    end(&at);
}

static void whom_it_does_not_know(void)
{
    scene at;
    sluice_admission *admission;
    begin(&at, three);
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    sluice_ticket general = ticket_in(&at, "ticket"), reader = ticket_in(&at, "reader"), mixed = reader, stranger;
    CU_ASSERT_EQUAL(sluice_ticket_make(at.key, 3, 0, &stranger, NULL), SLUICE_OK);
    refused_with(admission, &stranger, NOW, "does not know this ticket", false);
    /* The secret of another ticket, one bit of either. */
    memcpy(mixed.secret, general.secret, sizeof mixed.secret);
    refused_with(admission, &mixed, NOW, "does not know this ticket", false);
    mixed = reader;
    mixed.secret[31] ^= 1;
    refused_with(admission, &mixed, NOW, "does not know this ticket", false);
    mixed = reader;
    mixed.id[0] ^= 0x80;
    refused_with(admission, &mixed, NOW, "does not know this ticket", false);
    /* What nobody holds must not be known by its emptiness. */
    mixed = (sluice_ticket){.rights = 3};
    refused_with(admission, &mixed, NOW, "does not know this ticket", false);
    sluice_admission_free(admission);
    end(&at);
}

static void expired_and_revoked(void)
{
    scene at;
    sluice_admission *admission;
    sluice_permit *permit;
    begin(&at, three);
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    sluice_ticket reader = ticket_in(&at, "reader"), writer = ticket_in(&at, "deep/er/writer"), wrong = writer;
    uint64_t last = writer.expiry_s - 1;
    CU_ASSERT_EQUAL(enter(admission, &writer, last, &permit, NULL), SLUICE_OK);
    sluice_permit_leave(permit);
    refused_with(admission, &writer, last + 1, "has expired", true);
    /* Who has not the secret does not learn it. */
    wrong.secret[0] ^= 1;
    refused_with(admission, &wrong, last + 1, "does not know this ticket", false);
    sluice_admission_free(admission);

    configure(&at, "[serve]\nroot = %/root\n"
                   "[ticket reader]\nticket-file = %/reader\nrevoked = yes\nroot = %/gone\n"
                   "[ticket never]\nticket-file = %/never\nrevoked = yes\n"
                   "[ticket late]\nticket-file = %/late\nexpires = 2027-01-31T12:00:00Z\n");
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    refused_with(admission, &reader, NOW, "was revoked", true);
    refused_with(admission, &writer, NOW, "does not know this ticket", false);
    /* Tickets that nobody could use are not made. */
    CU_ASSERT_NOT_EQUAL(access(path(&at, "never"), F_OK), 0);
    CU_ASSERT_NOT_EQUAL(access(path(&at, "late"), F_OK), 0);
    wrong = (sluice_ticket){.rights = 3};
    refused_with(admission, &wrong, NOW, "does not know this ticket", false);
    sluice_text_clear(&at.told);
    sluice_admission_describe(admission, NOW, tell, &at.told);
    CU_ASSERT(told(&at, "ticket reader: revoked\n"));
    CU_ASSERT(told(&at, "ticket late: expired\n"));
    CU_ASSERT(told(&at, "ticket default: read and write below "));
    sluice_admission_free(admission);
    end(&at);
}

/* What a reload leaves to those who were let in before it. */
static void permits_are_renewed(void)
{
    static const struct {
        const char *section; /* NULL: none */
        uint64_t now_s;
        const char *words; /* NULL: it goes on */
    } rows[] = {
        {"rights = read", NOW, NULL},
        {"expires = 2027-02-01\nroot = %/other", NOW, NULL},
        {"expires = 2027-02-01", NOW + 100 * 86400, NULL}, /* as it was: reached while the session ran */
        {"expires = 2027-01-31", NOW, "expired"},
        {"expires = 2027-02-02", NOW + 100 * 86400, "expired"},
        {"revoked = yes", NOW, "revoked"},
        {NULL, NOW, "revoked"},
    };
    scene at;
    sluice_admission *admission;
    sluice_permit *held, *renewed;
    begin(&at, "[serve]\nroot = %/root\n[ticket a]\nticket-file = %/a\nexpires = 2027-02-01\n");
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    sluice_ticket ticket = ticket_in(&at, "a");
    CU_ASSERT_EQUAL_FATAL(enter(admission, &ticket, NOW, &held, NULL), SLUICE_OK);
    sluice_admission_free(admission);
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        char text[200] = "[serve]\nroot = %/root\n";
        sluice_error error = {0};
        if (rows[i].section)
            snprintf(text + strlen(text), sizeof text - strlen(text), "[ticket b]\nticket-file = %%/a\n%s\n",
                     rows[i].section);
        configure(&at, text);
        CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
        int status = sluice_admission_renew(admission, held, rows[i].now_s, &renewed, &error);
        CU_ASSERT_EQUAL(status, rows[i].words ? SLUICE_EAUTH : SLUICE_OK);
        CU_ASSERT(!rows[i].words || strstr(error.text, rows[i].words));
        CU_ASSERT(status != SLUICE_OK || strcmp(renewed->name, "b") == 0);
        CU_ASSERT(i != 0 || renewed->rights == SLUICE_TICKET_READ);
        CU_ASSERT(i != 1 || strcmp(renewed->root, path(&at, "other")) == 0);
        sluice_admission_free(admission);
    }
    sluice_permit_leave(held);
    /* Who has no ticket is not touched by what becomes of tickets. */
    held = sluice_permit_new("ssh", SLUICE_TICKET_READ, "/");
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_admission_renew(admission, held, NOW, &renewed, NULL), SLUICE_OK);
    CU_ASSERT_PTR_EQUAL(renewed, held);
    CU_ASSERT_EQUAL(sluice_admission_count(admission), 1);
    sluice_admission_free(admission);
    sluice_permit_leave(held);
    end(&at);
}

/* The file says what its section says, under the same id and secret; one that says it already is left alone. */
static void files_are_rewritten(void)
{
    scene at;
    sluice_admission *admission;
    struct stat before, after;
    begin(&at, three);
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    sluice_admission_free(admission);
    sluice_ticket was = ticket_in(&at, "reader");
    CU_ASSERT_EQUAL(stat(path(&at, "reader"), &before), 0);
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    sluice_admission_free(admission);
    CU_ASSERT_STRING_EQUAL(sluice_text_string(&at.told), "");
    CU_ASSERT_EQUAL(stat(path(&at, "reader"), &after), 0);
    CU_ASSERT_EQUAL(before.st_ino, after.st_ino);

    configure(&at, "[serve]\nroot = %/root\n[ticket reader]\nticket-file = %/reader\nexpires = 2028-01-01\n");
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    sluice_admission_free(admission);
    CU_ASSERT(told(&at, "/reader says now what its section says"));
    sluice_ticket is = ticket_in(&at, "reader");
    CU_ASSERT_EQUAL(is.rights, SLUICE_TICKET_READ | SLUICE_TICKET_WRITE);
    CU_ASSERT_EQUAL(is.expiry_s, 1830297600);
    CU_ASSERT_EQUAL(memcmp(is.id, was.id, sizeof is.id), 0);
    CU_ASSERT_EQUAL(memcmp(is.secret, was.secret, sizeof is.secret), 0);
    CU_ASSERT_STRING_EQUAL(is.addresses[0], was.addresses[0]);
    end(&at);
}

static void all_errors_are_told_and_no_file_is_touched(void)
{
    scene at;
    sluice_admission *admission = NULL;
    sluice_ticket foreign;
    uint8_t other_key[SLUICE_TICKET_KEY_BYTES] = {1};
    begin(&at, "[serve]\nroot = %/root\n"
               "[ticket a]\nticket-file = %/a\nrights = read\n"
               "[ticket b]\nticket-file = %/b\nroot = %/nowhere\n"
               "[ticket c]\nticket-file = %/c\n"
               "[ticket d]\nticket-file = %/d\n"
               "[ticket e]\nticket-file = %/ini\nroot = %/ini\n");
    CU_ASSERT_EQUAL(sluice_ticket_make(other_key, 3, 0, &foreign, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_ticket_write(path(&at, "c"), &foreign, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_ticket_make(at.key, 3, 0, &foreign, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_ticket_write(path(&at, "a"), &foreign, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_ticket_write(path(&at, "d"), &foreign, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(load(&at, &admission), SLUICE_ENOENT);
    CU_ASSERT_PTR_NULL(admission);
    CU_ASSERT_PTR_NOT_NULL(strstr(at.error.text, "ticket b: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(at.error.text, "/nowhere: cannot serve it as the root"));
    CU_ASSERT(told(&at, "0 ticket c: "));
    CU_ASSERT(told(&at, "another server key"));
    CU_ASSERT(told(&at, "0 ticket d: "));
    CU_ASSERT(told(&at, "/d is the same ticket as that of a\n"));
    CU_ASSERT(told(&at, "0 ticket e: "));
    CU_ASSERT(told(&at, "it is no directory\n"));
    CU_ASSERT_NOT_EQUAL(access(path(&at, "ticket"), F_OK), 0);
    CU_ASSERT_NOT_EQUAL(access(path(&at, "b"), F_OK), 0);
    CU_ASSERT_EQUAL(ticket_in(&at, "a").rights, SLUICE_TICKET_READ | SLUICE_TICKET_WRITE);
    end(&at);
}

/* The default ticket's file under another name is one ticket twice, too. */
static void a_copy_of_the_default_ticket(void)
{
    scene at;
    sluice_admission *admission;
    begin(&at, "[serve]\nroot = %/root\n");
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    sluice_admission_free(admission);
    CU_ASSERT_EQUAL(link(path(&at, "ticket"), path(&at, "linked")), 0);
    configure(&at, "[serve]\nroot = %/root\n[ticket copy]\nticket-file = %/linked\n");
    CU_ASSERT_EQUAL(load(&at, &admission), SLUICE_ECONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(at.error.text, "the same ticket as that of default"));
    end(&at);
}

static void without_a_default_ticket(void)
{
    scene at;
    sluice_admission *admission;
    begin(&at, "[serve]\ndefault-ticket = no\n[ticket a]\nticket-file = %/a\nroot = %/other\n");
    CU_ASSERT_EQUAL_FATAL(load(&at, &admission), SLUICE_OK);
    CU_ASSERT_NOT_EQUAL(access(path(&at, "ticket"), F_OK), 0);
    sluice_admission_free(admission);
    configure(&at, "[serve]\ndefault-ticket = no\n[ticket a]\nticket-file = %/a\n");
    CU_ASSERT_EQUAL(load(&at, &admission), SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(at.error.text, "no root"));
    configure(&at, "[serve]\ndefault-ticket = no\nroot = %/root\n");
    CU_ASSERT_EQUAL(load(&at, &admission), SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(at.error.text, "nobody could be let in"));
    end(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"each ticket has its own rights", each_ticket_has_its_own_rights},
        {"whom it does not know", whom_it_does_not_know},
        {"expired and revoked", expired_and_revoked},
        {"permits are renewed", permits_are_renewed},
        {"files are rewritten", files_are_rewritten},
        {"all errors are told and no file is touched", all_errors_are_told_and_no_file_is_touched},
        {"a copy of the default ticket", a_copy_of_the_default_ticket},
        {"without a default ticket", without_a_default_ticket},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("admission", tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "session/ticket.h"

#include "unit/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A ticket whose every field is known: id 00 01 .., key 20 21 .., secret 40 41 .. */
static sluice_ticket sample(void)
{
    sluice_ticket ticket = {.expiry_s = 0x0102030405060708, .rights = SLUICE_TICKET_READ | SLUICE_TICKET_WRITE};
    for (unsigned i = 0; i < 32; i++) {
        if (i < sizeof ticket.id)
            ticket.id[i] = (uint8_t)i;
        ticket.key[i] = (uint8_t)(0x20 + i);
        ticket.secret[i] = (uint8_t)(0x40 + i);
    }
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_address_add(&ticket, "archive.example:33001", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_address_add(&ticket, "[2001:db8::1]:33001", NULL), SLUICE_OK);
    return ticket;
}

/* The sample packed by hand as ticket.h says, and encoded by Python's base64 module. */
static const char sample_text[] =
    "sluice1:AQABAgMEBQYHCAkKCwwNDg8DAQIDBAUGBwggISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-P0BBQkNERUZHSElK"
    "S0xNTk9QUVJTVFVWV1hZWltcXV5fAhVhcmNoaXZlLmV4YW1wbGU6MzMwMDETWzIwMDE6ZGI4OjoxXTozMzAwMQ";

static bool same(const sluice_ticket *a, const sluice_ticket *b)
{
    if (memcmp(a->id, b->id, sizeof a->id) != 0 || memcmp(a->key, b->key, sizeof a->key) != 0 ||
        memcmp(a->secret, b->secret, sizeof a->secret) != 0 || a->expiry_s != b->expiry_s || a->rights != b->rights ||
        a->address_count != b->address_count)
        return false;
    for (size_t i = 0; i < a->address_count; i++)
        if (strcmp(a->addresses[i], b->addresses[i]) != 0)
            return false;
    return true;
}

static void text_form_is_as_documented(void)
{
    sluice_ticket ticket = sample(), read;
    char text[SLUICE_TICKET_TEXT_BYTES];
    sluice_ticket_format(&ticket, text);
    CU_ASSERT_STRING_EQUAL(text, sample_text);
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_parse(text, strlen(text), "test", &read, NULL), SLUICE_OK);
    CU_ASSERT(same(&ticket, &read));
}

static void the_largest_ticket_fits(void)
{
    sluice_ticket ticket = sample(), read;
    char address[SLUICE_TICKET_ADDRESS_BYTES + 2], text[SLUICE_TICKET_TEXT_BYTES];
    memset(address, 'a', sizeof address);
    address[100] = ':';
    address[SLUICE_TICKET_ADDRESS_BYTES + 1] = '\0';
    CU_ASSERT_EQUAL(sluice_ticket_address_add(&ticket, address, NULL), SLUICE_EINVAL);
    address[SLUICE_TICKET_ADDRESS_BYTES] = '\0';
    while (ticket.address_count < SLUICE_TICKET_ADDRESSES)
        CU_ASSERT_EQUAL_FATAL(sluice_ticket_address_add(&ticket, address, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_ticket_address_add(&ticket, address, NULL), SLUICE_ELIMIT);
    sluice_ticket_format(&ticket, text);
    CU_ASSERT(strlen(text) < sizeof text);
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_parse(text, strlen(text), "test", &read, NULL), SLUICE_OK);
    CU_ASSERT(same(&ticket, &read));
}

/* Every ticket that is cut short, has something added, or one character changed is refused or another ticket; none
 * reads beyond its text (the copies are exactly as large as they are long, for the address sanitizer). */
static void damaged_text_is_refused(void)
{
    size_t length = strlen(sample_text);
    sluice_ticket ticket = sample(), read;
    sluice_error error;
    for (size_t cut = 0; cut < length; cut++) {
        char *copy = malloc(cut + 1);
        memcpy(copy, sample_text, cut);
        CU_ASSERT_EQUAL(sluice_ticket_parse(copy, cut, "t", &read, &error), SLUICE_EAUTH);
        free(copy);
    }
    for (size_t at = 0; at < length; at++) {
        char copy[SLUICE_TICKET_TEXT_BYTES];
        strcpy(copy, sample_text);
        copy[at] = copy[at] == 'A' ? 'B' : 'A';
        int status = sluice_ticket_parse(copy, length, "t", &read, &error);
        CU_ASSERT(status == SLUICE_EAUTH || (status == SLUICE_OK && !same(&read, &ticket)));
        copy[at] = '=';
        CU_ASSERT_EQUAL(sluice_ticket_parse(copy, length, "t", &read, &error), SLUICE_EAUTH);
        CU_ASSERT_PTR_NULL(strstr(error.text, sample_text + 20));
    }
    static const char *const wrong[] = {"", "sluice1:", "sluice2:AAAA", "http://x", "sluice1:AAAA", " \n"};
    for (size_t i = 0; i < SLUICE_COUNT(wrong); i++)
        CU_ASSERT_EQUAL(sluice_ticket_parse(wrong[i], strlen(wrong[i]), "t", &read, &error), SLUICE_EAUTH);
}

static void white_space_around_is_skipped(void)
{
    char text[SLUICE_TICKET_TEXT_BYTES];
    sluice_ticket read;
    int length = snprintf(text, sizeof text, " \t%s\r\n\n", sample_text);
    CU_ASSERT_EQUAL(sluice_ticket_parse(text, (size_t)length, "t", &read, NULL), SLUICE_OK);
}

static void new_tickets_differ(void)
{
    uint8_t key[SLUICE_TICKET_KEY_BYTES] = {7};
    sluice_ticket one, two;
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_make(key, SLUICE_TICKET_READ, 0, &one, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_make(key, SLUICE_TICKET_READ, 0, &two, NULL), SLUICE_OK);
    CU_ASSERT(memcmp(one.id, two.id, sizeof one.id) != 0);
    CU_ASSERT(memcmp(one.secret, two.secret, sizeof one.secret) != 0);
    CU_ASSERT(memcmp(one.key, key, sizeof key) == 0);
}

static void expiry(void)
{
    sluice_ticket ticket = {.expiry_s = 1000};
    CU_ASSERT_FALSE(sluice_ticket_expired(&ticket, 999));
    CU_ASSERT_TRUE(sluice_ticket_expired(&ticket, 1000));
    ticket.expiry_s = 0;
    CU_ASSERT_FALSE(sluice_ticket_expired(&ticket, UINT64_MAX));
}

/* ---- files ---- */

static char directory[] = "/tmp/sluice-test-ticket-XXXXXX";

static const char *in_directory(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void a_file_is_written_closed_and_read(void)
{
    sluice_ticket ticket = sample(), read;
    struct stat facts;
    const char *path = in_directory("a/b/ticket");
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_write(path, &ticket, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_write(path, &ticket, NULL), SLUICE_OK); /* replaces */
    CU_ASSERT_EQUAL_FATAL(stat(path, &facts), 0);
    CU_ASSERT_EQUAL(facts.st_mode & 07777, 0600);
    CU_ASSERT_EQUAL(facts.st_nlink, 1);
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_read(path, &read, NULL), SLUICE_OK);
    CU_ASSERT(same(&ticket, &read));
    CU_ASSERT_EQUAL_FATAL(stat(in_directory("a/b"), &facts), 0);
    CU_ASSERT_EQUAL(facts.st_mode & 07777, 0700);
}

static void files_that_others_may_read_are_refused(void)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0601, 0610};
    sluice_ticket ticket = sample(), read;
    sluice_error error;
    const char *path = in_directory("open");
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_write(path, &ticket, NULL), SLUICE_OK);
    for (size_t i = 0; i < SLUICE_COUNT(modes); i++) {
        CU_ASSERT_EQUAL_FATAL(chmod(path, modes[i]), 0);
        CU_ASSERT_EQUAL(sluice_ticket_read(path, &read, &error), SLUICE_EAUTH);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "chmod 600"));
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, path));
    }
    CU_ASSERT_EQUAL_FATAL(chmod(path, 0400), 0);
    CU_ASSERT_EQUAL(sluice_ticket_read(path, &read, &error), SLUICE_OK);
}

static void what_is_no_ticket_file_is_refused(void)
{
    sluice_ticket read;
    sluice_error error;
    CU_ASSERT_EQUAL(sluice_ticket_read(in_directory("missing"), &read, &error), SLUICE_EAUTH);
    CU_ASSERT_EQUAL(sluice_ticket_read(directory, &read, &error), SLUICE_EAUTH);
    CU_ASSERT_EQUAL_FATAL(mkfifo(in_directory("fifo"), 0600), 0);
    CU_ASSERT_EQUAL(sluice_ticket_read(in_directory("fifo"), &read, &error), SLUICE_EAUTH);
    FILE *large = fopen(in_directory("large"), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(large);
    fchmod(fileno(large), 0600);
    fputs("sluice1:", large);
    for (int i = 0; i < 100000; i++)
        fputc('A', large);
    fclose(large);
    CU_ASSERT_EQUAL(sluice_ticket_read(in_directory("large"), &read, &error), SLUICE_EAUTH);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "too long"));
}

static void default_path_follows_xdg(void)
{
    char path[256];
    setenv("HOME", "/home/alice", 1);
    setenv("XDG_STATE_HOME", "/state", 1);
    CU_ASSERT_EQUAL(sluice_ticket_default_path(path, sizeof path, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(path, "/state/sluice/ticket");
    setenv("XDG_STATE_HOME", "relative", 1);
    CU_ASSERT_EQUAL(sluice_ticket_default_path(path, sizeof path, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(path, "/home/alice/.local/state/sluice/ticket");
    unsetenv("XDG_STATE_HOME");
    CU_ASSERT_EQUAL(sluice_ticket_default_path(path, 10, NULL), SLUICE_ECONFIG);
    unsetenv("HOME");
    CU_ASSERT_EQUAL(sluice_ticket_default_path(path, sizeof path, NULL), SLUICE_ECONFIG);
}

static void remove_directory(void)
{
    static const char *const files[] = {"a/b/ticket", "open", "fifo", "large"};
    for (size_t i = 0; i < SLUICE_COUNT(files); i++)
        unlink(in_directory(files[i]));
    rmdir(in_directory("a/b"));
    rmdir(in_directory("a"));
    CU_ASSERT_EQUAL(rmdir(directory), 0); /* nothing was left beside the tickets */
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"the text form is as documented", text_form_is_as_documented},
        {"the largest ticket fits", the_largest_ticket_fits},
        {"damaged text is refused", damaged_text_is_refused},
        {"white space around is skipped", white_space_around_is_skipped},
        {"new tickets differ", new_tickets_differ},
        {"expiry", expiry},
        {"a file is written, closed to others, and read", a_file_is_written_closed_and_read},
        {"files that others may read are refused", files_that_others_may_read_are_refused},
        {"what is no ticket file is refused", what_is_no_ticket_file_is_refused},
        {"the default path follows XDG", default_path_follows_xdg},
        {"nothing is left beside the tickets", remove_directory},
        CU_TEST_INFO_NULL,
    };
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return 1;
    }
    return sluice_suite_run("ticket", tests);
}

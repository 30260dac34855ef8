/* SPDX-License-Identifier: Apache-2.0 */
/* FASPMGR 2 apart from sockets: the transcript of a transfer, byte for byte, and what is made of what managers say. */
#include "faspmgr/codes.h"
#include "report/management/ask.h"
#include "report/management/story.h"
#include "unit/suite.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

/* ---- a transcript ---- */

typedef struct transcript {
    management_story story;
    faspmgr_writer writer;
    char text[65536];
    size_t bytes;
} transcript;

static void say(void *user, const faspmgr_writer *message)
{
    transcript *all = user;
    CU_ASSERT_FATAL(all->bytes + message->bytes < sizeof all->text);
    memcpy(all->text + all->bytes, message->text, message->bytes);
    all->bytes += message->bytes;
    all->text[all->bytes] = '\0';
}

static transcript *begin(bool sends)
{
    static const uint8_t random[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                       0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    static char source[] = "data/in", destination[] = "sluice://archive:33001/out", user[] = "job 7";
    transcript *made = calloc(1, sizeof *made);
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    management_story_init(&made->story, random, 5 * SLUICE_SECOND);
    made->story.sends = sends;
    made->story.source = source;
    made->story.destination = destination;
    made->story.user = user;
    return made;
}

static void tell(transcript *all, sluice_event event)
{
    event.size = sizeof event;
    if (event.session == NULL)
        event.session = "5f";
    management_tell_event(&all->story, &event, &all->writer, say, all);
}

#define HEAD(type) "FASPMGR 2\nType: " type "\nSessionId: 00112233-4455-4677-8899-aabbccddeeff\nUserStr: job 7\n"

static void expect(transcript *all, const char *text)
{
    if (strcmp(all->text, text) != 0)
        fprintf(stderr, "wanted:\n%s\ngot:\n%s\n", text, all->text);
    CU_ASSERT_STRING_EQUAL(all->text, text);
    all->bytes = 0;
    all->text[0] = '\0';
}

static void a_resumed_upload_from_first_to_last(void)
{
    transcript *all = begin(true);
    sluice_statistics now = {.size = sizeof now,
                             .target_bps = 100000000,
                             .minimum_bps = 1000000,
                             .mtu = 1500,
                             .srtt_ns = 250 * SLUICE_MS,
                             .cipher = "aes-128-gcm",
                             .congestion = "fair"};
    management_tell_init(&all->story, &all->writer);
    say(all, &all->writer);
    expect(all, HEAD("INIT") "Direction: Send\nOperation: Transfer\n\n");

    tell(all, (sluice_event){.type = SLUICE_EVENT_SESSION, .peer = "[2001:db8::1]:33001", .statistics = &now});
    expect(all, HEAD("SESSION") "Host: 2001:db8::1\nPort: 33001\nTCPPort: 33001\nSource: data/in\n"
                                "Destination: sluice://archive:33001/out\nDirection: Send\nEncryption: Yes\n"
                                "Cipher: aes-128-gcm\nRate: 100000\nMinRate: 1000\nAdaptive: Adaptive\nPriority: 2\n"
                                "Remote: No\n\n" HEAD("NOTIFICATION")
                                    "Rate: 100000\nMinRate: 1000\nAdaptive: Adaptive\nPriority: 2\nPMTU: 1500\n\n");

    now.total_bytes = 4194313;
    now.total_files = 3;
    tell(all, (sluice_event){.type = SLUICE_EVENT_SCAN, .statistics = &now});
    expect(all, HEAD("NOTIFICATION") "PreTransferBytes: 4194313\nPreTransferFiles: 3\nPreTransferFailed: 0\n\n");

    /* Half of the file lay there; a quarter of it has come. */
    now.moved_bytes = 3145728;
    now.resumed_bytes = 2097152;
    now.resent_bytes = 1400;
    tell(all, (sluice_event){.type = SLUICE_EVENT_FILE_PROGRESS,
                             .now = 7 * SLUICE_SECOND,
                             .path = "in/a",
                             .file_bytes = 4194304,
                             .resumed_bytes = 2097152,
                             .moved_bytes = 1048576,
                             .contiguous_bytes = 2097152,
                             .statistics = &now});
    expect(all, HEAD("STATS") "File: in/a\nSize: 4194304\nStartByte: 2097152\nWritten: 3145728\nBytescont: 2097152\n"
                              "TransferBytes: 1048576\nFileBytes: 3145728\nElapsedusec: 2000000\nRate: 100000\n"
                              "MinRate: 1000\nLoss: 1400\nDelay: 250\n\n");

    now.target_bps = 50000000;
    now.congestion = "fixed";
    tell(all, (sluice_event){.type = SLUICE_EVENT_RATE, .statistics = &now});
    expect(all, HEAD("NOTIFICATION") "Rate: 50000\nMinRate: 1000\nAdaptive: Fixed\nPriority: 2\nPMTU: 1500\n\n");
    tell(all, (sluice_event){.type = SLUICE_EVENT_RATE, .paused = true, .statistics = &now});
    expect(all, HEAD("NOTIFICATION") "Rate: 0\nMinRate: 1000\nAdaptive: Fixed\nPriority: 2\nPMTU: 1500\n\n");

    tell(all, (sluice_event){.type = SLUICE_EVENT_RATE, .paused = true, .statistics = &now});
    expect(all, ""); /* that was told */

    now.moved_bytes = 4194304;
    tell(all, (sluice_event){.type = SLUICE_EVENT_FILE,
                             .now = 8 * SLUICE_SECOND,
                             .path = "in/a",
                             .state = "done",
                             .file_bytes = 4194304,
                             .resumed_bytes = 2097152,
                             .digest = "xxh3-128:00ff",
                             .statistics = &now});
    expect(all, HEAD("STOP") "File: in/a\nSize: 4194304\nStartByte: 2097152\nWritten: 4194304\nBytescont: 4194304\n"
                             "TransferBytes: 2097152\nFileBytes: 4194304\nElapsedusec: 3000000\nRate: 50000\n"
                             "MinRate: 1000\nLoss: 1400\nDelay: 250\nFileChecksum: 00ff\nFileChecksumType: xxh3-128\n\n");
    tell(all, (sluice_event){.type = SLUICE_EVENT_FILE, .path = "in/b", .state = "skipped", .file_bytes = 9});
    expect(all, HEAD("SKIP") "File: in/b\nSize: 9\n\n");
    tell(all, (sluice_event){.type = SLUICE_EVENT_FILE,
                             .path = "in/c",
                             .state = "failed",
                             .status = SLUICE_EACCESS,
                             .message = "in/c: permission denied"});
    expect(all, HEAD("FILEERROR") "File: in/c\nCode: 5\nDescription: in/c: permission denied\n\n");

    now.files = now.failed = now.skipped = 1;
    tell(all, (sluice_event){.type = SLUICE_EVENT_DONE,
                             .now = 9 * SLUICE_SECOND,
                             .status = SLUICE_EPARTIAL,
                             .message = "in/c: permission denied",
                             .statistics = &now});
    expect(all, HEAD("ERROR") "Code: 27\nDescription: in/c: permission denied\nStartByte: 0\nTransferBytes: 2097152\n"
                              "FileBytes: 4194304\nElapsedusec: 4000000\nRate: 50000\nMinRate: 1000\nLoss: 1400\n"
                              "Delay: 250\nTransfersAttempted: 2\nTransfersFailed: 1\nTransfersPassed: 1\n"
                              "TransfersSkipped: 1\n\n");
    tell(all, (sluice_event){.type = SLUICE_EVENT_DONE, .status = SLUICE_OK, .statistics = &now});
    expect(all, ""); /* the last word is the last */
    free(all);
}

static void a_download_without_limits(void)
{
    transcript *all = begin(false);
    sluice_statistics now = {.size = sizeof now, .cipher = "none", .congestion = "high"};
    tell(all, (sluice_event){.type = SLUICE_EVENT_SESSION, .peer = "user@archive.example", .statistics = &now});
    expect(all, HEAD("SESSION") "Host: user@archive.example\nSource: data/in\nDestination: sluice://archive:33001/out\n"
                                "Direction: Receive\nEncryption: No\nCipher: none\nRate: 10000000\nMinRate: 0\n"
                                "Adaptive: Adaptive\nPriority: 1\nRemote: No\n\n" HEAD("NOTIFICATION")
                                    "Rate: 10000000\nMinRate: 0\nAdaptive: Adaptive\nPriority: 1\n\n");
    tell(all, (sluice_event){.type = SLUICE_EVENT_DONE, .now = 5 * SLUICE_SECOND, .statistics = &now});
    expect(all, HEAD("DONE") "StartByte: 0\nTransferBytes: 0\nFileBytes: 0\nElapsedusec: 0\nRate: 10000000\nMinRate: 0\n"
                             "Loss: 0\nDelay: 0\nTransfersAttempted: 0\nTransfersFailed: 0\nTransfersPassed: 0\n"
                             "TransfersSkipped: 0\n\n");
    free(all);
}

/* A server that was restarted makes a second session, which counts from nothing. */
static void counts_never_fall(void)
{
    transcript *all = begin(true);
    sluice_statistics now = {.size = sizeof now, .moved_bytes = 5000};
    tell(all, (sluice_event){.type = SLUICE_EVENT_SESSION, .session = "aa", .statistics = &now});
    tell(all, (sluice_event){.type = SLUICE_EVENT_PROGRESS, .session = "aa", .statistics = &now});
    now.moved_bytes = 0;
    tell(all, (sluice_event){.type = SLUICE_EVENT_SESSION, .session = "bb", .statistics = &now});
    now.moved_bytes = 4500;
    now.resumed_bytes = 4000;
    tell(all, (sluice_event){.type = SLUICE_EVENT_PROGRESS, .session = "bb", .statistics = &now});
    CU_ASSERT_EQUAL(all->story.transfer_bytes, 5500);
    CU_ASSERT_EQUAL(all->story.file_bytes, 5500);
    all->bytes = 0;
    free(all);
}

static void names_make_no_lines(void)
{
    transcript *all = begin(true);
    tell(all, (sluice_event){.type = SLUICE_EVENT_FILE,
                             .path = "a\nb\rc\x1b" "d:\xff",
                             .state = "failed",
                             .status = SLUICE_ENOENT,
                             .message = "gone\r\nType: DONE"});
    expect(all, HEAD("FILEERROR") "File: a\x1b" "nb\x1b" "rc\x1b\x1b" "d:\xef\xbf\xbd\nCode: 4\n"
                                  "Description: gone  Type: DONE\n\n");
    free(all);
}

/* ---- what managers say ---- */

static faspmgr_verdict read_all(const char *text, management_ask *out)
{
    faspmgr_reader *reader = calloc(1, sizeof *reader);
    CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
    faspmgr_message message;
    size_t taken, count = strlen(text);
    faspmgr_verdict verdict = faspmgr_read(reader, text, count, &taken, &message);
    CU_ASSERT(verdict != FASPMGR_WHOLE || taken == count);
    if (verdict == FASPMGR_WHOLE)
        management_understand(&message, out);
    free(reader);
    return verdict;
}

static void rates_are_read(void)
{
    management_ask message;
    CU_ASSERT_EQUAL_FATAL(read_all("FASPMGR 2\nType: RATE\nRate: 50000\nMinRate: 10\nAdaptive: Fixed\nPriority: 2\n\n",
                                   &message),
                          FASPMGR_WHOLE);
    CU_ASSERT_EQUAL(message.type, MANAGEMENT_RATE);
    CU_ASSERT_EQUAL(message.rate_kbps, 50000);
    CU_ASSERT_EQUAL(message.minimum_kbps, 10);
    CU_ASSERT_EQUAL(message.policy, MANAGEMENT_POLICY_FIXED);
    CU_ASSERT_EQUAL(message.priority, 2);
    /* Fields in any order, without the blank, with CR, of names that nobody knows, and numbers that are none. */
    CU_ASSERT_EQUAL_FATAL(read_all("\r\nFASPMGR 2\r\nRate:7\r\nTimePolicy: a:b\r\nMinRate: 50%\r\nType: RATE\r\n\r\n",
                                   &message),
                          FASPMGR_WHOLE);
    CU_ASSERT_EQUAL(message.type, MANAGEMENT_RATE);
    CU_ASSERT_EQUAL(message.rate_kbps, 7);
    CU_ASSERT_EQUAL(message.minimum_kbps, SLUICE_UNKNOWN);
    CU_ASSERT_EQUAL(message.policy, MANAGEMENT_POLICY_NONE);
}

static void sources_are_read(void)
{
    management_ask message;
    CU_ASSERT_EQUAL_FATAL(read_all("FASPMGR 2\nType: START\nSource: a\x1bn\x1b\x1b: b\nDestination: in/c\nFileBytes: 5:9\n\n",
                                   &message),
                          FASPMGR_WHOLE);
    CU_ASSERT_EQUAL(message.type, MANAGEMENT_START);
    CU_ASSERT_TRUE(message.named && message.ranged);
    CU_ASSERT_STRING_EQUAL(message.source, "a\n\x1b: b");
    CU_ASSERT_STRING_EQUAL(message.destination, "in/c");
    CU_ASSERT_EQUAL(message.from, 5);
    CU_ASSERT_EQUAL(message.to, 10);
    static const struct {
        const char *bytes;
        bool ranged;
        uint64_t from, to;
    } rows[] = {{":", true, 0, SLUICE_UNKNOWN}, {"7:", true, 7, SLUICE_UNKNOWN}, {":7", true, 0, 8}, {"0:0", true, 0, 1},
                {"9:7", false, 9, 8},           {"x:7", false, 0, 0},            {"7", false, 0, 0}, {"-1:7", false, 0, 0},
                {"1:9999999999999999999", false, 1, 0}};
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        char text[200];
        snprintf(text, sizeof text, "FASPMGR 2\nType: START\nSource: a\nFileBytes: %s\n\n", rows[i].bytes);
        CU_ASSERT_EQUAL(read_all(text, &message), FASPMGR_WHOLE);
        CU_ASSERT_EQUAL(message.ranged, rows[i].ranged);
        CU_ASSERT(!rows[i].ranged || (message.from == rows[i].from && message.to == rows[i].to));
    }
    CU_ASSERT_EQUAL(read_all("FASPMGR 2\nType: START\nDestination: x\n\n", &message), FASPMGR_WHOLE);
    CU_ASSERT_FALSE(message.named);
    CU_ASSERT_EQUAL(read_all("FASPMGR 2\nType: DONE\nOperation: Linger\n\n", &message), FASPMGR_WHOLE);
    CU_ASSERT_TRUE(message.type == MANAGEMENT_DONE && message.linger);
    CU_ASSERT_EQUAL(read_all("FASPMGR 2\nType: DONE\n\n", &message), FASPMGR_WHOLE);
    CU_ASSERT_TRUE(message.type == MANAGEMENT_DONE && !message.linger);
}

static void types_are_read(void)
{
    static const struct {
        const char *text;
        management_type type;
    } rows[] = {
        {"FASPMGR 2\nType: CANCEL\n\n", MANAGEMENT_CANCEL}, {"FASPMGR 2\nType: NOP\n\n", MANAGEMENT_NOP},
        {"FASPMGR 2\nType: START\n\n", MANAGEMENT_START},   {"FASPMGR 2\nType: STOP\n\n", MANAGEMENT_STOP},
        {"FASPMGR 2\nType: DONE\n\n", MANAGEMENT_DONE},     {"FASPMGR 2\nType: VLINK\n\n", MANAGEMENT_OTHER},
        {"FASPMGR 2\n\n", MANAGEMENT_OTHER},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        management_ask message;
        CU_ASSERT_EQUAL(read_all(rows[i].text, &message), FASPMGR_WHOLE);
        CU_ASSERT_EQUAL(message.type, rows[i].type);
    }
}

static void what_is_no_message_is_refused(void)
{
    static const char *const texts[] = {"FASPMGR 4\n", "GET / HTTP/1.1\r\n", "FASPMGR 2\nno colon\n", "FASPMGR 2\n: x\n",
                                        "faspmgr 2\n"};
    management_ask message;
    for (size_t i = 0; i < SLUICE_COUNT(texts); i++)
        CU_ASSERT_EQUAL(read_all(texts[i], &message), FASPMGR_MALFORMED);
    /* Too long a line; too many; and the longest that is none. */
    char *text = malloc(FASPMGR_MESSAGE_MOST + 100);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, 'x', FASPMGR_LINE_MOST);
    text[FASPMGR_LINE_MOST] = '\0';
    CU_ASSERT_EQUAL(read_all(text, &message), FASPMGR_MALFORMED);
    text[FASPMGR_LINE_MOST - 1] = '\0';
    CU_ASSERT_EQUAL(read_all(text, &message), FASPMGR_MORE);
    memset(text, '\n', FASPMGR_LINE_MOST + 1);
    text[FASPMGR_LINE_MOST + 1] = '\0';
    CU_ASSERT_EQUAL(read_all(text, &message), FASPMGR_MALFORMED);
    text[FASPMGR_LINE_MOST] = '\0';
    CU_ASSERT_EQUAL(read_all(text, &message), FASPMGR_MORE);
    free(text);
}

/* Managers try again for want of room at the server's door, and not for other limits. */
static void no_room_is_told_apart(void)
{
    static const sluice_event full = {
        .size = sizeof full, .type = SLUICE_EVENT_DONE, .status = SLUICE_ELIMIT, .message = "full; try again later"};
    transcript *all = begin(true);
    management_tell_event(&all->story, &full, &all->writer, say, all);
    CU_ASSERT_PTR_NOT_NULL(strstr(all->text, "Type: ERROR\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(all->text, "Code: 69\nDescription: full; try again later\n"));
    CU_ASSERT(faspmgr_ascp_of(FASPMGR_CODE_NO_ROOM).again);
    free(all);
    all = begin(true);
    tell(all, full);
    CU_ASSERT_PTR_NOT_NULL(strstr(all->text, "Code: 2\n"));
    free(all);
}

static void every_status_has_a_number(void)
{
#define KNOWN(name, number) SLUICE_##name,
    static const int known[] = {FASPMGR_CODE_MAP(KNOWN)};
#undef KNOWN
#define STATUS(name, number, exit_status, text) SLUICE_##name,
    static const int statuses[] = {SLUICE_STATUS_MAP(STATUS)};
#undef STATUS
    CU_ASSERT_EQUAL_FATAL(SLUICE_COUNT(known), SLUICE_COUNT(statuses));
    for (size_t i = 0; i < SLUICE_COUNT(statuses); i++)
        CU_ASSERT_EQUAL(known[i], statuses[i]);
    CU_ASSERT_EQUAL(faspmgr_code(SLUICE_OK), 0);
    CU_ASSERT_EQUAL(faspmgr_code(SLUICE_EINTERRUPTED), 28);
    CU_ASSERT_EQUAL(faspmgr_code(SLUICE_ENOSPACE), 25);
    CU_ASSERT_EQUAL(faspmgr_code(-1000), 2);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"a resumed upload, from the first message to the last", a_resumed_upload_from_first_to_last},
        {"a download without limits", a_download_without_limits},
        {"counts never fall", counts_never_fall},
        {"names make no lines", names_make_no_lines},
        {"rates are read", rates_are_read},
        {"types are read", types_are_read}, {"sources are read", sources_are_read},
        {"what is no message is refused", what_is_no_message_is_refused},
        {"no room is told apart", no_room_is_told_apart},
        {"every status has a number", every_status_has_a_number},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("management", tests);
}

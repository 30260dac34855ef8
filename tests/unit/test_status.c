/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include <errno.h>
#include <sluice/status.h>
#include <string.h>

/* Every status is found under its own number: the lookup relies on a list without gaps. */
static void each_status_has_its_row(void)
{
#define CHECK(name, number, exit_status, text)                     \
    CU_ASSERT_STRING_EQUAL(sluice_status_name(number), #name);     \
    CU_ASSERT_STRING_EQUAL(sluice_status_text(number), text);      \
    CU_ASSERT_EQUAL(sluice_status_exit(number), exit_status);
    SLUICE_STATUS_MAP(CHECK)
#undef CHECK
}

static void unknown_status_is_failed(void)
{
    CU_ASSERT_STRING_EQUAL(sluice_status_name(-1000), "EFAILED");
    CU_ASSERT_STRING_EQUAL(sluice_status_name(1), "EFAILED");
    CU_ASSERT_EQUAL(sluice_status_exit(-1000000), 1);
}

static void sentence_may_quote_itself(void)
{
    sluice_error error = {0};
    CU_ASSERT_EQUAL(sluice_fail(&error, SLUICE_EIO, "cause"), SLUICE_EIO);
    CU_ASSERT_EQUAL(sluice_fail(&error, SLUICE_ENOENT, "%s: %s", "file", error.text), SLUICE_ENOENT);
    CU_ASSERT_STRING_EQUAL(error.text, "file: cause");
    CU_ASSERT_EQUAL(error.status, SLUICE_ENOENT);
    CU_ASSERT_EQUAL(sluice_fail(NULL, SLUICE_EIO, "unread"), SLUICE_EIO);
}

static void long_sentence_is_cut(void)
{
    sluice_error error = {0};
    char text[3000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    sluice_fail(&error, SLUICE_EIO, "%s", text);
    CU_ASSERT_EQUAL(strlen(error.text), sizeof(error.text) - 1);
}

static void errno_is_mapped(void)
{
    CU_ASSERT_EQUAL(sluice_status_from_errno(0), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_status_from_errno(ENOENT), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(sluice_status_from_errno(ENOSPC), SLUICE_ENOSPACE);
    CU_ASSERT_EQUAL(sluice_status_from_errno(EDQUOT), SLUICE_ENOSPACE);
    CU_ASSERT_EQUAL(sluice_status_from_errno(EACCES), SLUICE_EACCESS);
    CU_ASSERT_EQUAL(sluice_status_from_errno(EIO), SLUICE_EIO);
    CU_ASSERT_EQUAL(sluice_status_from_errno(99999), SLUICE_EIO);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"each status has its row", each_status_has_its_row},
        {"unknown status is failed", unknown_status_is_failed},
        {"sentence may quote itself", sentence_may_quote_itself},
        {"long sentence is cut", long_sentence_is_cut},
        {"errno is mapped", errno_is_mapped},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("status", tests);
}

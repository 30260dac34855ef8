/* SPDX-License-Identifier: Apache-2.0 */
#include "session/examinee.h"

#include "unit/suite.h"
#include <string.h>

static const struct {
    const char *text, *label, *operand; /* label NULL: it makes no sense */
    bool by_ssh;
} cases[] = {
    {"h", "h:33001", "sluice://h/", false},
    {"h:7", "h:7", "sluice://h:7/", false},
    {"192.0.2.1:33001", "192.0.2.1:33001", "sluice://192.0.2.1/", false},
    {"[::1]:7", "[::1]:7", "sluice://[::1]:7/", false},
    {"[::1]", "[::1]:33001", "sluice://[::1]/", false},
    {"::1", "[::1]:33001", "sluice://[::1]/", false},
    {"fe80::1", "[fe80::1]:33001", "sluice://[fe80::1]/", false},
    {"sluice://h", "h:33001", "sluice://h/", false},
    {"sluice://h:7/some/path", "h:7", "sluice://h:7/", false},
    {"sluice:///", ":33001", "sluice:///", false}, /* of the ticket */
    {"h:", "h", "h:", true},
    {"h:some/path", "h", "h:", true},
    {"h:7x", "h", "h:", true},
    {"u@h", "u@h", "u@h:", true},
    {"u@h:", "u@h", "u@h:", true},
    {"u@h:in/", "u@h", "u@h:", true},
    {"u@[::1]", "u@::1", "u@[::1]:", true},
    {"[::1]:", "::1", "[::1]:", true},
    {"u@[::1]:x", "u@::1", "u@[::1]:", true},
    {"", NULL, NULL, false},
    {"-oProxyCommand=x:", NULL, NULL, false},
    {"u@-h", NULL, NULL, false},
    {"@h", NULL, NULL, false},
    {"h:0", NULL, NULL, false},
    {"h:70000", NULL, NULL, false},
    {"sluice://u@h", NULL, NULL, false},
    {"a b", NULL, NULL, false},
};

static void test_hosts(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        sluice_examinee examinee;
        sluice_error error = {0};
        char label[SLUICE_EXAMINEE_TEXT], operand[SLUICE_EXAMINEE_TEXT];
        int status = sluice_examinee_read(&examinee, cases[i].text, &error);
        CU_ASSERT_EQUAL(status, cases[i].label ? SLUICE_OK : SLUICE_EUSAGE);
        if (status != SLUICE_OK) {
            CU_ASSERT_EQUAL(error.status, status);
            continue;
        }
        sluice_examinee_label(&examinee, label);
        sluice_examinee_operand(&examinee, operand);
        CU_ASSERT_EQUAL(examinee.by_ssh, cases[i].by_ssh);
        CU_ASSERT_STRING_EQUAL(label, cases[i].label ? cases[i].label : "none");
        CU_ASSERT_STRING_EQUAL(operand, cases[i].operand);
    }
}

/* What is told to be used is taken by the same rule as the same. */
static void test_again(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        sluice_examinee examinee;
        char operand[SLUICE_EXAMINEE_TEXT];
        if (!cases[i].operand)
            continue;
        CU_ASSERT_EQUAL_FATAL(sluice_examinee_read(&examinee, cases[i].operand, NULL), SLUICE_OK);
        sluice_examinee_operand(&examinee, operand);
        CU_ASSERT_STRING_EQUAL(operand, cases[i].operand);
    }
}

static void test_long(void)
{
    char text[2000];
    sluice_examinee examinee;
    memset(text, 'h', sizeof text);
    text[sizeof text - 1] = '\0';
    CU_ASSERT_EQUAL(sluice_examinee_read(&examinee, text, NULL), SLUICE_EUSAGE);
    text[sizeof text - 2] = ':';
    CU_ASSERT_EQUAL(sluice_examinee_read(&examinee, text, NULL), SLUICE_EUSAGE);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"what the user wrote", test_hosts},
        {"what is advised reads back the same", test_again},
        {"hosts that are too long", test_long},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("examinee", tests);
}

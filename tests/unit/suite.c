/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include <CUnit/Basic.h>
#include <stdio.h>

static int run(const char *name, const CU_TestInfo *tests)
{
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    if (suite == NULL)
        return 1;
    for (; tests->pName != NULL; tests++) {
        if (CU_add_test(suite, tests->pName, tests->pTestFunc) == NULL)
            return 1;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    if (CU_basic_run_tests() != CUE_SUCCESS || CU_get_number_of_asserts() == 0)
        return 1;
    return CU_get_number_of_failures() == 0 ? 0 : 1;
}

int sluice_suite_run(const char *name, const CU_TestInfo *tests)
{
    if (CU_initialize_registry() != CUE_SUCCESS) {
        fprintf(stderr, "%s: %s\n", name, CU_get_error_msg());
        return 1;
    }
    int result = run(name, tests);
    if (result != 0)
        fprintf(stderr, "%s: failed: %s\n", name, CU_get_error_msg());
    CU_cleanup_registry();
    return result;
}

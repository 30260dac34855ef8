/* SPDX-License-Identifier: Apache-2.0 */
/* suite.h - runs the tests of one file: main() of a unit test is one call. */
#ifndef SLUICE_TEST_SUITE_H
#define SLUICE_TEST_SUITE_H

#include <CUnit/CUnit.h>

/* Runs the tests, which end with CU_TEST_INFO_NULL, prints each failure, and returns the exit status of main: 0 when
 * every assertion of every test held, else 1. */
int sluice_suite_run(const char *name, const CU_TestInfo *tests);

#endif

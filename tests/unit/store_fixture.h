/* SPDX-License-Identifier: Apache-2.0 */
/* store_fixture.h - what tests of sources and sinks stand on: a host, a plugin from its file, a directory to work in.
 */
#ifndef SLUICE_TEST_STORE_FIXTURE_H
#define SLUICE_TEST_STORE_FIXTURE_H

#include <CUnit/CUnit.h>
#include <sluice/sink.h>
#include <sluice/source.h>

typedef struct store_fixture {
    sluice_host host;
    void *module;
    const sluice_plugin *plugin;
    void *state;
    char sentence[1024];      /* of the last failure */
    size_t allocations, live; /* calls that gave memory, and what is not freed */
    size_t fail_at;           /* this allocation, counted from 1, fails; 0: none */
} store_fixture;

/* Loads NAME ("source_file"), zeroes the state. */
bool store_fixture_init(store_fixture *fixture, const char *name);
void store_fixture_fini(store_fixture *fixture);

/* A new directory that becomes the working directory; leave takes it away with all below. */
void store_room_enter(char path[64]);
void store_room_leave(const char *path);

/* Files by their paths; they stop the test program when they fail. */
void store_file_write(const char *path, const char *text);
bool store_file_is(const char *path, const char *text);
void store_command(const char *command);
size_t store_descriptors(void); /* open in this process */

/* Runs act in a child that is another user, where that is possible: 1 it went well, 0 it did not, -1 not possible. */
int store_as_nobody(bool (*act)(void));

/* Runs the suite as it is, then once more where the kernel seems to have no openat2.  The exit status. */

int store_run_twice(const char *name, const CU_TestInfo *tests);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.h - runs a fuzz target over its corpus, without a fuzzer.
 *
 * A target is a file that has LLVMFuzzerTestOneInput, as clang's libFuzzer wants it:
 *     clang -fsanitize=fuzzer,address -Iinclude -Icore -Itests tests/fuzz/ini.c libcore.a ...
 * In `make check` it is linked with replay.c instead, which feeds it each file of tests/fuzz/corpus/<name of the
 * program>/ and the same set of mutations of each, every time.
 */
#ifndef SLUICE_TEST_REPLAY_H
#define SLUICE_TEST_REPLAY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#endif

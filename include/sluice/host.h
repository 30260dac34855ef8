/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - what the core hands to a plugin.
 *
 * A plugin has no undefined symbol but libc's and those of the library it wraps; all else comes from here, so that
 * the same plugin runs in the core, in a simulator with virtual time, and under a test that fails every allocation.
 * A host belongs to one instance and outlives it.
 */
#ifndef SLUICE_HOST_H
#define SLUICE_HOST_H

#include <sluice/status.h>
#include <sluice/types.h>

typedef enum sluice_log_level {
    SLUICE_LOG_ERROR,
    SLUICE_LOG_WARNING,
    SLUICE_LOG_INFO,
    SLUICE_LOG_DEBUG
} sluice_log_level;

/* Names one read, write or commit that finishes later; opaque to the plugin. */
typedef struct sluice_completion sluice_completion;

typedef struct sluice_host sluice_host;
struct sluice_host {
    uint32_t size; /* sizeof(sluice_host) as the core was compiled */
    void *owner;   /* the core's */

    /* Any thread.  A sentence without a newline; secrets never. */
    void (*log)(const sluice_host *host, sluice_log_level level, const char *format, ...) SLUICE_PRINTF(3, 4);

    /* Records why the call that is under way fails and returns status, so that `return host->fail(...)` ends it.
     * Called on the thread that the failing call runs on; the sentence travels up unchanged. */
    int (*fail)(const sluice_host *host, int status, const char *format, ...) SLUICE_PRINTF(3, 4);

    /* Any thread.  resize(p, 0) frees; NULL when out of memory (then p is untouched).  Fresh memory is not cleared. */
    void *(*resize)(const sluice_host *host, void *memory, size_t bytes);

    /* Any thread.  Unpredictable bytes (seeded ones in a simulator). */
    void (*random)(const sluice_host *host, void *out, size_t bytes);

    /* Any thread.  Ends an operation that returned SLUICE_EPENDING: bytes moved, or a negative status with its
     * sentence (NULL: the status's text).  Exactly once. */
    void (*complete)(const sluice_host *host, sluice_completion *completion, int64_t result, const char *sentence);
};

#endif

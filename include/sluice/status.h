/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - how calls end, and the sentence that says why.
 *
 * Functions return SLUICE_OK (0) or one of the negative codes of SLUICE_STATUS_MAP.  Environment and peer input
 * give a status; a bug of ours is an assert; running out of memory is environment.
 */
#ifndef SLUICE_STATUS_H
#define SLUICE_STATUS_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, exit status of the runner, text).  Numbers never change; new ones are added at the end. */
#define SLUICE_STATUS_MAP(X)                                                        \
    X(OK, 0, 0, "ok")                                                               \
    X(EAGAIN, -1, 1, "not now")                                                     \
    X(EPENDING, -2, 1, "will complete later")                                       \
    X(EEND, -3, 1, "end reached")                                                   \
    X(EINVAL, -4, 1, "invalid argument")                                            \
    X(ENOMEM, -5, 1, "out of memory")                                               \
    X(EIO, -6, 1, "input or output error")                                          \
    X(EUSAGE, -7, 2, "wrong usage")                                                 \
    X(ECONFIG, -8, 3, "wrong configuration")                                        \
    X(EPLUGIN, -9, 3, "plugin cannot be used")                                      \
    X(EAUTH, -10, 4, "authentication failed")                                       \
    X(ECONNECT, -11, 5, "could not connect")                                        \
    X(EVERSION, -12, 5, "no common version")                                        \
    X(ECIPHER, -13, 5, "no common cipher")                                          \
    X(EPARTIAL, -14, 6, "some files failed")                                        \
    X(EINTERRUPTED, -15, 130, "interrupted")                                        \
    X(ETIMEOUT, -16, 1, "peer silent for too long")                                 \
    X(ECLOSED, -17, 1, "closed by the peer")                                        \
    X(EPROTOCOL, -18, 1, "peer broke the protocol")                                 \
    X(ELIMIT, -19, 1, "limit exceeded")                                             \
    X(ENOENT, -20, 1, "no such file or directory")                                  \
    X(EEXIST, -21, 1, "already exists")                                             \
    X(EACCESS, -22, 1, "permission denied")                                         \
    X(ENOSPACE, -23, 1, "no space left")                                            \
    X(EOUTSIDE, -24, 1, "outside the root")                                         \
    X(ECHANGED, -25, 1, "changed while read")                                       \
    X(EDIGEST, -26, 1, "digest differs")                                            \
    X(EBUSY, -27, 1, "in use by another writer")                                    \
    X(ECANCELLED, -28, 1, "cancelled")                                              \
    X(EUNSUPPORTED, -29, 1, "not supported")                                        \
    X(EFAILED, -30, 1, "failed")                                                    \
    X(EGONE, -31, 1, "no such session any more")                                    \
    X(ESKIPPED, -32, 1, "data was skipped")

enum {
#define SLUICE_STATUS_ENUM(name, number, exit_status, text) SLUICE_##name = (number),
    SLUICE_STATUS_MAP(SLUICE_STATUS_ENUM)
#undef SLUICE_STATUS_ENUM
};

/* The sentence that goes with a status: which file or host:port, why, what to try.  Owned by the caller, filled at
 * the place where the cause is known, passed up unchanged.  A zeroed struct means no error. */
typedef struct sluice_error {
    int status;
    char text[1020];
} sluice_error;

#if defined(__GNUC__)
#define SLUICE_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define SLUICE_API __attribute__((visibility("default")))
#else
#define SLUICE_PRINTF(format_at, first_at)
#define SLUICE_API
#endif

/* All of these: any thread, no allocation. */

/* "SLUICE_EIO"'s name ("EIO"), text ("input or output error") and exit status (1).  Never NULL; unknown numbers give
 * "EFAILED", "failed", 1. */
SLUICE_API const char *sluice_status_name(int status);
SLUICE_API const char *sluice_status_text(int status);
SLUICE_API int sluice_status_exit(int status);

/* Writes the sentence into error (which may be NULL) and returns status, so that a failing call is one line:
 *     return sluice_fail(error, SLUICE_ENOENT, "%s: no such file", path);                                        */
SLUICE_API int sluice_fail(sluice_error *error, int status, const char *format, ...) SLUICE_PRINTF(3, 4);
SLUICE_API int sluice_vfail(sluice_error *error, int status, const char *format, va_list args) SLUICE_PRINTF(3, 0);

/* The status that stands for an errno value (ENOENT -> SLUICE_ENOENT, ENOSPC and EDQUOT -> SLUICE_ENOSPACE, ...;
 * SLUICE_EIO where there is none of its own). */
SLUICE_API int sluice_status_from_errno(int errnum);

#ifdef __cplusplus
}
#endif
#endif

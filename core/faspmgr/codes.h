/* SPDX-License-Identifier: Apache-2.0 */
/* codes.h - the one table by which our statuses become the numbers that managers know. */
#ifndef SLUICE_FASPMGR_CODES_H
#define SLUICE_FASPMGR_CODES_H

#include <sluice/status.h>

/* X(status, number).  A manager tries again by the number, so what another try may mend has one that says so. */
#define FASPMGR_CODE_MAP(X)                                             \
    X(OK, 0)                                                               \
    X(EAGAIN, 2)       /* the engine failed */                             \
    X(EPENDING, 2)                                                         \
    X(EEND, 2)                                                             \
    X(EINVAL, 2)                                                           \
    X(ENOMEM, 32)      /* out of memory */                                 \
    X(EIO, 35)         /* cannot read; the side that writes has no word of its own for it */ \
    X(EUSAGE, 8)       /* wrong usage */                                   \
    X(ECONFIG, 50)     /* wrong configuration */                           \
    X(EPLUGIN, 50)                                                         \
    X(EAUTH, 19)       /* authentication */                                \
    X(ECONNECT, 12)    /* the control connection failed */                 \
    X(EVERSION, 1)     /* the protocols do not fit */                      \
    X(ECIPHER, 1)                                                          \
    X(EPARTIAL, 27)    /* some files failed */                             \
    X(EINTERRUPTED, 28) /* cancelled by the user */                        \
    X(ETIMEOUT, 40)    /* nothing comes any more */                        \
    X(ECLOSED, 39)     /* the peer ended it */                             \
    X(EPROTOCOL, 1)                                                        \
    X(ELIMIT, 2)                                                           \
    X(ENOENT, 4)       /* no such file */                                  \
    X(EEXIST, 42)      /* already exists */                                \
    X(EACCESS, 5)      /* no permission */                                 \
    X(ENOSPACE, 25)    /* no space left */                                 \
    X(EOUTSIDE, 41)    /* outside of the root */                           \
    X(ECHANGED, 35)    /* what was read is not what was there */           \
    X(EDIGEST, 36)     /* what was written is not what was sent */         \
    X(EBUSY, 2)                                                            \
    X(ECANCELLED, 39)  /* by the peer: what is cancelled here is EINTERRUPTED */ \
    X(EUNSUPPORTED, 2)                                                     \
    X(EFAILED, 27)     /* all of several files failed */                   \
    X(EGONE, 16)       /* the connection is lost */                        \
    X(ESKIPPED, 2)

/* Of ELIMIT where the server has as many sessions as it takes: other limits stay as they are, this one passes. */
#define FASPMGR_CODE_NO_ROOM 69

/* 0 for SLUICE_OK; 2 for a status that is not known. */
static inline unsigned faspmgr_code(int status)
{
    switch (status) {
#define FASPMGR_CODE_CASE(name, number) \
    case SLUICE_##name:                    \
        return number;
        FASPMGR_CODE_MAP(FASPMGR_CODE_CASE)
#undef FASPMGR_CODE_CASE
    default:
        return 2;
    }
}

/* ---- the numbers as others use them ---- */

/* X(number, name, again, status, meaning).  again: 1 where another try may mend it, as managers agree; which is never said on
 * the wire.  status: what comes nearest in our words.  Clients of ascp know these numbers and names. */
#define FASPMGR_ASCP_MAP(X)                                                                          \
    X(0, UNKNOWN, 0, EFAILED, "failed for a reason that was not told")                               \
    X(1, FASP_PROTO, 0, EPROTOCOL, "the two sides do not understand each other")                     \
    X(2, ASCP, 0, EFAILED, "the engine failed")                                                      \
    X(3, AMBIGUOUS_TARGET, 0, EUSAGE, "the target is not clear")                                     \
    X(4, NO_SUCH_FILE, 0, ENOENT, "no such file or directory")                                       \
    X(5, NO_PERMS, 0, EACCESS, "permission denied")                                                  \
    X(6, NOT_DIR, 0, ENOENT, "the target is no directory")                                           \
    X(7, IS_DIR, 0, EFAILED, "a directory where a file was expected")                                \
    X(8, USAGE, 0, EUSAGE, "wrong usage")                                                            \
    X(9, LIC_DUP, 0, EFAILED, "the licence is used twice")                                           \
    X(10, LIC_RATE_EXCEEDED, 0, ELIMIT, "the licence allows no such rate")                           \
    X(11, INTERNAL_ERROR, 0, EFAILED, "internal error")                                              \
    X(12, TRANSFER_ERROR, 1, ECONNECT, "the control connection failed")                              \
    X(13, TRANSFER_TIMEOUT, 1, ETIMEOUT, "nothing came on the control connection")                   \
    X(14, CONNECTION_ERROR, 1, ECONNECT, "the data connection failed")                               \
    X(15, CONNECTION_TIMEOUT, 1, ETIMEOUT, "nothing came on the data connection")                    \
    X(16, CONNECTION_LOST, 1, EGONE, "the connection is lost")                                       \
    X(17, RCVR_SEND_ERROR, 1, EIO, "the receiver cannot answer")                                     \
    X(18, RCVR_RECV_ERROR, 1, EIO, "no data reaches the receiver")                                   \
    X(19, AUTH, 0, EAUTH, "authentication failed")                                                   \
    X(20, NOTHING, 0, EUSAGE, "there is nothing to transfer")                                        \
    X(21, NOT_REGULAR, 0, EFAILED, "a special file")                                                 \
    X(22, FILE_TABLE_OVR, 0, ELIMIT, "the table of files is full")                                   \
    X(23, TOO_MANY_FILES, 1, ELIMIT, "too many files are open")                                      \
    X(24, FILE_TOO_BIG, 0, ENOSPACE, "too large for the file system")                                \
    X(25, NO_SPACE_LEFT, 0, ENOSPACE, "no space left")                                               \
    X(26, READ_ONLY_FS, 0, EACCESS, "the file system is read-only")                                  \
    X(27, SOME_FILE_ERRS, 0, EPARTIAL, "some files failed")                                          \
    X(28, USER_CANCEL, 0, EINTERRUPTED, "cancelled by the user")                                     \
    X(29, LIC_NOLIC, 0, EFAILED, "no licence was found")                                             \
    X(30, LIC_EXPIRED, 0, EFAILED, "the licence has expired")                                        \
    X(31, SOCK_SETUP, 0, EIO, "no socket to be had")                                                 \
    X(32, OUT_OF_MEMORY, 1, ENOMEM, "out of memory")                                                 \
    X(33, THREAD_SPAWN, 1, ELIMIT, "no thread to be had")                                            \
    X(34, UNAUTHORIZED, 0, EAUTH, "the authorizer has refused it")                                   \
    X(35, DISK_READ, 1, EIO, "cannot read from disk")                                                \
    X(36, DISK_WRITE, 1, EIO, "cannot write to disk")                                                \
    X(37, AUTHORIZATION, 1, EAUTH, "not authorized")                                                 \
    X(38, LIC_ILLEGAL, 0, EFAILED, "the licence does not allow it")                                  \
    X(39, PEER_ABORTED_SESSION, 1, ECLOSED, "ended by the peer")                                     \
    X(40, DATA_TRANSFER_TIMEOUT, 1, ETIMEOUT, "no data comes any more")                              \
    X(41, BAD_PATH, 0, EOUTSIDE, "outside of the root")                                              \
    X(42, ALREADY_EXISTS, 0, EEXIST, "already exists")                                               \
    X(43, STAT_FAILS, 0, EIO, "cannot be looked at")                                                 \
    X(44, PMTU_BRTT_ERROR, 1, ECONNECT, "the data path could not be measured")                       \
    X(45, BWMEAS_ERROR, 1, ECONNECT, "the bandwidth could not be measured")                          \
    X(46, VLINK_ERROR, 0, EFAILED, "the virtual link failed")                                        \
    X(47, CONNECTION_ERROR_HTTP, 1, ECONNECT, "the connection over HTTP failed")                     \
    X(48, FILE_ENCRYPTION_ERROR, 0, EFAILED, "a file could not be encrypted or decrypted")           \
    X(49, FILE_DECRYPTION_PASS, 0, EAUTH, "a wrong passphrase of a file")                            \
    X(50, BAD_CONFIGURATION, 0, ECONFIG, "wrong configuration")                                      \
    X(51, INSECURE_CONNECTION, 0, EAUTH, "the host's key is another one")                            \
    X(52, START_VALIDATION_FAILED, 0, EFAILED, "a file was refused at its start")                    \
    X(53, STOP_VALIDATION_FAILED, 0, EFAILED, "a file was refused at its end")                       \
    X(54, THRESHOLD_VALIDATION_FAILED, 0, EFAILED, "a file was refused at a threshold")              \
    X(55, FILEPATH_TOO_LONG, 0, ELIMIT, "a name is too long for the file system")                    \
    X(56, ILLEGAL_CHARS_IN_PATH, 0, EUSAGE, "characters that a name may not have there")             \
    X(57, CHUNK_MUST_MATCH_ALIGNMENT, 0, ECONFIG, "chunks do not fit the storage")                   \
    X(58, VALIDATION_SESSION_ABORT, 0, EFAILED, "validation has ended the session")                  \
    X(59, REMOTE_STORAGE_ERROR, 0, EIO, "the storage on the other side failed")                      \
    X(60, LUA_SCRIPT_ABORTED_SESSION, 0, EFAILED, "a script has ended the session")                  \
    X(61, SSEAR_RETRYABLE, 1, EIO, "encryption of stored files failed, for now")                     \
    X(62, SSEAR_FATAL, 0, EIO, "encryption of stored files failed")                                  \
    X(63, LINK_LOOP, 0, EFAILED, "symbolic links lead in a circle")                                  \
    X(64, CANNOT_RENAME_PARTIAL_FILES, 0, EIO, "a partial file could not get its name")              \
    X(65, CIPHER_NON_COMPAT_FIPS, 0, ECIPHER, "FIPS mode allows no such cipher")                     \
    X(66, PEER_REQUIRES_FIPS, 0, ECIPHER, "the peer wants a cipher of FIPS mode")                    \
    X(67, UPLOAD_IN_PROGRESS, 0, EBUSY, "the same upload is under way already")                      \
    X(68, MIN_VERSION_CHECK, 0, EVERSION, "the peer is too old")                                     \
    X(69, MAX_ASCP, 1, ELIMIT, "the server has as many sessions as it takes")

typedef struct faspmgr_ascp {
    unsigned number;
    const char *name;
    int again; /* another try may mend it */
    int status;
    const char *meaning;
} faspmgr_ascp;

/* What a number stands for; numbers that are not known count as 0. */
static inline faspmgr_ascp faspmgr_ascp_of(unsigned number)
{
    switch (number) {
#define FASPMGR_ASCP_CASE(number, name, again, status, meaning) \
    case number:                                                \
        return (faspmgr_ascp){number, #name, again, SLUICE_##status, meaning};
        FASPMGR_ASCP_MAP(FASPMGR_ASCP_CASE)
#undef FASPMGR_ASCP_CASE
    default:
        return (faspmgr_ascp){number, "UNKNOWN", 0, SLUICE_EFAILED, "failed for a reason that is not known"};
    }
}

#endif

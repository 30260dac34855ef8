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

#endif

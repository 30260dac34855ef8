/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sluice/status.h>
#include <stdio.h>

typedef struct status_row {
    int number, exit_status;
    const char *name, *text;
} status_row;

static const status_row rows[] = {
#define ROW(name, number, exit_status, text) {number, exit_status, #name, text},
    SLUICE_STATUS_MAP(ROW)
#undef ROW
};

static const status_row *find(int status)
{
    static const status_row unknown = {SLUICE_EFAILED, 1, "EFAILED", "failed"};
    /* Numbers run from 0 down without gaps, in the order of the list. */
    int last = (int)(sizeof(rows) / sizeof(rows[0])) - 1;
    if (status > 0 || status < -last)
        return &unknown;
    return &rows[-status];
}

const char *sluice_status_name(int status)
{
    return find(status)->name;
}

const char *sluice_status_text(int status)
{
    return find(status)->text;
}

int sluice_status_exit(int status)
{
    return find(status)->exit_status;
}

int sluice_vfail(sluice_error *error, int status, const char *format, va_list args)
{
    if (error == NULL)
        return status;
    /* Arguments may point into the very sentence that is replaced ("%s: %s", what, error->text). */
    char text[sizeof(error->text)];
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        snprintf(text, sizeof(text), "%s", sluice_status_text(status));
    error->status = status;
    snprintf(error->text, sizeof(error->text), "%s", text);
    return status;
}

int sluice_fail(sluice_error *error, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sluice_vfail(error, status, format, args);
    va_end(args);
    return status;
}

int sluice_status_from_errno(int errnum)
{
    switch (errnum) {
    case 0:
        return SLUICE_OK;
    case EAGAIN:
        return SLUICE_EAGAIN;
    case EINVAL:
        return SLUICE_EINVAL;
    case ENOMEM:
        return SLUICE_ENOMEM;
    case ENOENT:
    case ENOTDIR:
        return SLUICE_ENOENT;
    case EEXIST:
    case ENOTEMPTY:
        return SLUICE_EEXIST;
    case EACCES:
    case EPERM:
    case EROFS:
        return SLUICE_EACCESS;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return SLUICE_ENOSPACE;
    case EBUSY:
    case ETXTBSY:
        return SLUICE_EBUSY;
    case EINTR:
        return SLUICE_EINTERRUPTED;
    case ETIMEDOUT:
        return SLUICE_ETIMEOUT;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return SLUICE_ECONNECT;
    case ECONNRESET:
    case EPIPE:
        return SLUICE_ECLOSED;
    case EMFILE:
    case ENFILE:
    case ENAMETOOLONG:
        return SLUICE_ELIMIT;
    case ENOSYS:
    case EOPNOTSUPP:
        return SLUICE_EUNSUPPORTED;
    case ECANCELED:
        return SLUICE_ECANCELLED;
    default:
        return SLUICE_EIO;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tar.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

int tar_output_fail(const tar_output *output, int errnum, const char *what)
{
    const sluice_host *host = output->host;
    if (errnum == EPIPE)
        return host->fail(host, SLUICE_EIO, "%.700s: who read it has gone, after %" PRIu64 " bytes", output->place,
                          output->done);
    if (errnum == ECANCELED)
        return host->fail(host, SLUICE_ECANCELLED, "%.700s: interrupted", output->place);
    int status = errnum == ENOSPC || errnum == EDQUOT  ? SLUICE_ENOSPACE
                 : errnum == ENOENT                    ? SLUICE_ENOENT
                 : errnum == EACCES || errnum == EPERM ? SLUICE_EACCESS
                                                       : SLUICE_EIO;
    return host->fail(host, status, "%.700s: %s: %s", output->place, what, strerror(errnum));
}

int tar_output_write(tar_output *output, const void *bytes, size_t count)
{
    const struct iovec buffer = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
    int64_t put = sluice_flow_write(output->fd, &output->bell, &buffer, 1, &output->done);
    return put < 0 ? tar_output_fail(output, (int)-put, "cannot be written") : SLUICE_OK;
}

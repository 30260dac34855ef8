/* SPDX-License-Identifier: Apache-2.0 */
#include "tar.h"

#include <errno.h>
#include <string.h>

/* Reads what there is behind what has come already. */
static int64_t fill(tar_input *input)
{
    struct iovec room = {.iov_base = input->bytes + input->to, .iov_len = sizeof input->bytes - input->to};
    if (input->ended)
        return 0;
    int64_t got = sluice_flow_read(input->fd, &input->bell, &room, 1);
    if (got == -ECANCELED)
        return input->host->fail(input->host, SLUICE_ECANCELLED, "%.700s: interrupted", input->place);
    if (got < 0)
        return input->host->fail(input->host, SLUICE_EIO, "%.700s: cannot be read: %s", input->place,
                                 strerror((int)-got));
    input->ended = got == 0; /* a terminal would wait for more after its end */
    input->to += (size_t)got;
    return got;
}

int64_t tar_input_wait(tar_input *input)
{
    if (input->from == input->to) {
        input->from = input->to = 0;
        int64_t got = fill(input);
        if (got < 0)
            return got;
    }
    return (int64_t)(input->to - input->from);
}

int64_t tar_input_peek(tar_input *input, size_t bytes)
{
    memmove(input->bytes, input->bytes + input->from, input->to - input->from);
    input->to -= input->from;
    input->from = 0;
    while (input->to < bytes) {
        int64_t got = fill(input);
        if (got < 0)
            return got;
        if (got == 0)
            break;
    }
    return (int64_t)input->to;
}

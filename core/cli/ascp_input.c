/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ascp_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PIECE 65536

/* Waits until a descriptor can be used; false: it is time to stop. */
static bool await(const sluice_ascp_input *input, int descriptor, short events)
{
    struct pollfd both[] = {{.fd = descriptor, .events = events}, {.fd = input->stop, .events = POLLIN}};
    while (poll(both, 2, -1) < 0)
        if (errno != EINTR)
            return false;
    return both[1].revents == 0;
}

/* False: it is time to stop, or nobody reads any more. */
static bool hand_over(sluice_ascp_input *input, const char *bytes, size_t count)
{
    while (count > 0) {
        if (!await(input, input->to, POLLOUT))
            return false;
        ssize_t put = write(input->to, bytes, count);
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (put <= 0)
            return false;
        bytes += put;
        count -= (size_t)put;
        input->moved += (uint64_t)put;
    }
    return true;
}

static void pass_on(sluice_ascp_input *input)
{
    char piece[PIECE];
    while (input->moved < input->size) {
        uint64_t left = input->size - input->moved;
        if (!await(input, input->real, POLLIN))
            return;
        ssize_t got = read(input->real, piece, left < sizeof piece ? (size_t)left : sizeof piece);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0) {
            input->short_of_it = true;
            input->ended_early(input->user);
            return; /* the pipe stays open: this is not the end that the reader waits for */
        }
        if (!hand_over(input, piece, (size_t)got))
            return;
    }
    close(input->to);
    input->to = -1;
}

static void *body(void *argument)
{
    sigset_t pipes;
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipes, NULL);
    pass_on(argument);
    return NULL;
}

static int no_input(sluice_ascp_input *input, sluice_error *error)
{
    int reason = errno;
    sluice_ascp_input_end(input);
    return sluice_fail(error, SLUICE_EIO, "standard input cannot be taken over: %s", strerror(reason));
}

int sluice_ascp_input_begin(sluice_ascp_input *input, uint64_t size, void (*ended_early)(void *user), void *user,
                            sluice_error *error)
{
    int ends[2];
    *input =
        (sluice_ascp_input){.real = -1, .to = -1, .stop = -1, .size = size, .ended_early = ended_early, .user = user};
    input->real = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    input->stop = eventfd(0, EFD_CLOEXEC);
    if (input->real < 0 || input->stop < 0 || pipe2(ends, O_CLOEXEC) != 0)
        return no_input(input, error);
    input->to = ends[1];
    bool good = fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0 && dup2(ends[0], STDIN_FILENO) == STDIN_FILENO;
    close(ends[0]);
    if (!good)
        return no_input(input, error);
    errno = pthread_create(&input->thread, NULL, body, input);
    if (errno != 0)
        return no_input(input, error);
    input->running = true;
    return SLUICE_OK;
}

void sluice_ascp_input_end(sluice_ascp_input *input)
{
    const uint64_t one = 1;
    if (input->running) {
        while (write(input->stop, &one, sizeof one) < 0 && errno == EINTR)
            ;
        pthread_join(input->thread, NULL);
    }
    const int all[] = {input->real, input->to, input->stop};
    for (size_t i = 0; i < SLUICE_COUNT(all); i++)
        if (all[i] > STDERR_FILENO)
            close(all[i]);
    input->running = false;
    input->real = input->to = input->stop = -1;
}

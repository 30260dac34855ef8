/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ascp_secrets.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASKED "SLUICE_ASCP_ASKED"

static bool write_all(int descriptor, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t put = write(descriptor, bytes, count);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes += put;
        count -= (size_t)put;
    }
    return true;
}

int sluice_ascp_hold(const char *what, const char *bytes, size_t count, char path[SLUICE_ASCP_PATH],
                     sluice_error *error)
{
    int descriptor = memfd_create("sluice", MFD_CLOEXEC);
    if (descriptor < 0 || fchmod(descriptor, 0600) != 0 || !write_all(descriptor, bytes, count)) {
        int reason = errno;
        if (descriptor >= 0)
            close(descriptor);
        return sluice_fail(error, SLUICE_EIO, "no memory can be set apart for %s: %s", what, strerror(reason));
    }
    (void)snprintf(path, SLUICE_ASCP_PATH, "/proc/%ld/fd/%d", (long)getpid(), descriptor);
    return SLUICE_OK;
}

int sluice_ascp_ask_us(const char *password, sluice_error *error)
{
    char program[PATH_MAX];
    ssize_t bytes = readlink("/proc/self/exe", program, sizeof program - 1);
    if (bytes > 0)
        program[bytes] = '\0';
    if (bytes <= 0 || setenv("SSH_ASKPASS", program, 1) != 0 || setenv("SSH_ASKPASS_REQUIRE", "force", 1) != 0 ||
        setenv(ASKED, "yes", 1) != 0 || setenv("ASPERA_SCP_PASS", password, 1) != 0)
        return sluice_fail(error, SLUICE_EIO, "ssh cannot be given the password: %s", strerror(errno));
    return SLUICE_OK;
}

bool sluice_ascp_is_asked(int argc)
{
    return argc == 2 && secure_getenv(ASKED) != NULL;
}

/* Whether a host is the right one, or a key may be used, is no question of passwords.  What needs no
 * answer in words ssh marks by a variable of its own. */
int sluice_ascp_answer(const char *question)
{
    const char *password = secure_getenv("ASPERA_SCP_PASS");
    if (password == NULL || strstr(question, "yes/no") != NULL || secure_getenv("SSH_ASKPASS_PROMPT") != NULL)
        return 1;
    puts(password);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_terminal.h"

#include "cli/shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PASSWORD_BYTES 1024

static struct winsize size_of(void)
{
    struct winsize size = {0};
    if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return (struct winsize){0};
    return size;
}

size_t sluice_shell_terminal_columns(void)
{
    return size_of().ws_col;
}

size_t sluice_shell_terminal_rows(void)
{
    return size_of().ws_row;
}

bool sluice_shell_terminal_raw(struct termios *before)
{
    if (tcgetattr(STDIN_FILENO, before) != 0)
        return false;
    struct termios raw = *before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    return tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void sluice_shell_terminal_restore(const struct termios *before)
{
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, before);
}

/* The next key; 0: the end of the input, or a signal that wants one. */
static char next_key(sluice_shell *shell, const char *question)
{
    char key;
    for (;;) {
        unsigned what = sluice_shell_await(shell, STDIN_FILENO, SLUICE_NEVER);
        if ((what & (SLUICE_SHELL_INTERRUPTED | SLUICE_SHELL_ENDED)) != 0)
            return 0;
        if ((what & SLUICE_SHELL_TOLD) != 0 && question != NULL) {
            fputs("\r\033[K", stdout);
            sluice_shell_tell(shell);
            fputs(question, stdout);
            fflush(stdout);
        }
        if ((what & SLUICE_SHELL_READABLE) != 0)
            return read(STDIN_FILENO, &key, 1) == 1 ? key : 0;
    }
}

bool sluice_shell_terminal_ask(sluice_shell *shell, const char *question)
{
    struct termios before;
    char key = 0;
    if (!sluice_shell_terminal_raw(&before))
        return false;
    fputs(question, stdout);
    fflush(stdout);
    do {
        key = next_key(shell, question);
    } while (key != 0 && key != 'y' && key != 'n' && key != 'Y' && key != 'N' && key != 4);
    bool yes = key == 'y' || key == 'Y';
    puts(yes ? "y" : "n");
    sluice_shell_terminal_restore(&before);
    return yes;
}

void sluice_shell_terminal_wipe(char *secret)
{
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

/* Up to the end of the line; false: interrupted. */
static bool read_secret(sluice_shell *shell, char *out, size_t size)
{
    size_t n = 0;
    for (;;) {
        char key = next_key(shell, NULL);
        if (key == 0)
            return false;
        if (key == '\n' || key == '\r' || n + 1 == size)
            break;
        if (key == 0x7f || key == '\b')
            n -= n > 0;
        else
            out[n++] = key;
    }
    out[n] = '\0';
    return true;
}

int sluice_shell_terminal_password(sluice_shell *shell, const char *user, const char *host, char **out,
                                   sluice_error *error)
{
    struct termios before;
    if (!shell->interactive || !sluice_shell_terminal_raw(&before))
        return sluice_fail(error, SLUICE_EUSAGE,
                           "--password: there is no terminal to ask at; put it into the environment variable SLUICE_PASSWORD");
    char *secret = calloc(1, PASSWORD_BYTES);
    int status = secret != NULL ? SLUICE_OK : sluice_fail(error, SLUICE_ENOMEM, "out of memory for a password");
    if (secret != NULL) {
        printf("Password for %s%s%s: ", user, user[0] != '\0' ? "@" : "", host);
        fflush(stdout);
        if (!read_secret(shell, secret, PASSWORD_BYTES))
            status = sluice_fail(error, SLUICE_EINTERRUPTED, "no password was given");
        putchar('\n');
    }
    sluice_shell_terminal_restore(&before);
    if (status == SLUICE_OK)
        *out = secret;
    else
        sluice_shell_terminal_wipe(secret);
    return status;
}

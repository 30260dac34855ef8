/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_script.h"

#include "cli/shell.h"
#include "cli/shell_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MOST ((size_t)1 << 20)
#define PIECE 65536

static int out_of_memory(sluice_error *error)
{
    return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a command");
}

static int make_room(sluice_shell_script *script, sluice_error *error)
{
    if (script->at > 0)
        memmove(script->bytes, script->bytes + script->at, script->end - script->at);
    script->end -= script->at;
    script->at = 0;
    if (script->room - script->end >= PIECE)
        return SLUICE_OK;
    char *more = realloc(script->bytes, script->end + 2 * (size_t)PIECE);
    if (more == NULL)
        return out_of_memory(error);
    script->bytes = more;
    script->room = script->end + 2 * (size_t)PIECE;
    return SLUICE_OK;
}

/* Waits for some more bytes.  EEND: the shell is to end. */
static int read_more(sluice_shell_script *script, sluice_shell *shell, sluice_error *error)
{
    if (script->end - script->at > LINE_MOST)
        return sluice_fail(error, SLUICE_EUSAGE, "a line of more than %zu bytes", LINE_MOST);
    int status = make_room(script, error);
    if (status != SLUICE_OK)
        return status;
    for (;;) {
        unsigned what = sluice_shell_await(shell, script->descriptor, SLUICE_NEVER);
        sluice_shell_tell(shell);
        if (shell->over)
            return SLUICE_EEND;
        if ((what & SLUICE_SHELL_READABLE) == 0)
            continue;
        ssize_t got = read(script->descriptor, script->bytes + script->end, PIECE);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return sluice_fail(error, SLUICE_EIO, "cannot be read: %s", strerror(errno));
        script->end += (size_t)got;
        script->over = got == 0;
        return SLUICE_OK;
    }
}

static const char *find_newline(const sluice_shell_script *script)
{
    size_t bytes = script->end - script->at;
    return bytes > 0 ? memchr(script->bytes + script->at, '\n', bytes) : NULL;
}

/* One line, without its end, appended to what came before it. */
static int take_line(sluice_shell_script *script, sluice_shell *shell, char **text, sluice_error *error)
{
    const char *newline;
    while ((newline = find_newline(script)) == NULL && !script->over) {
        int status = read_more(script, shell, error);
        if (status != SLUICE_OK)
            return status;
    }
    if (newline == NULL && script->at == script->end)
        return SLUICE_EEND;
    const char *line = script->bytes + script->at;
    size_t bytes = newline != NULL ? (size_t)(newline - line) : script->end - script->at, before = strlen(*text);
    char *more = realloc(*text, before + bytes + 1);
    if (more == NULL)
        return out_of_memory(error);
    *text = more;
    memcpy(more + before, line, bytes);
    more[before + bytes] = '\0';
    script->at += bytes + (newline != NULL);
    script->lines++;
    if (strlen(more) != before + bytes)
        return sluice_fail(error, SLUICE_EUSAGE, "a NUL byte in the line");
    return SLUICE_OK;
}

int sluice_shell_script_next(sluice_shell_script *script, sluice_shell *shell, char **out, sluice_error *error)
{
    char *text = calloc(1, 1);
    if (text == NULL)
        return out_of_memory(error);
    script->line = script->lines + 1;
    int status = take_line(script, shell, &text, error);
    while (status == SLUICE_OK && sluice_shell_words_continue(text)) {
        text[strlen(text) - 1] = '\0';
        status = take_line(script, shell, &text, error);
        if (status == SLUICE_EEND && !shell->over) { /* a backslash at the very end */
            status = SLUICE_OK;
            break;
        }
    }
    if (status == SLUICE_OK)
        *out = text;
    else
        free(text);
    return status;
}

void sluice_shell_script_fini(sluice_shell_script *script)
{
    free(script->bytes);
    script->bytes = NULL;
}

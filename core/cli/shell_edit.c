/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_edit.h"

#include "cli/figures.h"
#include "cli/shell.h"
#include "cli/shell_complete.h"
#include "cli/shell_terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define PROMPT "sluice> "
#define KEPT_MOST 1000 /* lines of history */
#define INTERRUPT 3    /* Ctrl-C, as it reaches the editor */
#define SHOWN_MOST 200 /* choices */

struct sluice_shell_edit {
    sluice_shell *shell;
    EditLine *editor;
    History *history;
    char file[PATH_MAX]; /* of the history; "": none */
    bool interrupted;
};

/* ---- history ---- */

/* The state directory, made if it is not there.  False: there is none. */
static bool take_state(char *out, size_t size)
{
    const char *state = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
    int bytes = 0;
    if (state != NULL && state[0] == '/')
        bytes = snprintf(out, size, "%s/sluice", state);
    else if (home != NULL && home[0] == '/')
        bytes = snprintf(out, size, "%s/.local/state/sluice", home);
    if (bytes <= 0 || (size_t)bytes >= size)
        return false;
    for (char *slash = out + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(out, 0700);
        *slash = '/';
    }
    return mkdir(out, 0700) == 0 || errno == EEXIST;
}

static void load(sluice_shell_edit *edit)
{
    char directory[PATH_MAX - 32];
    HistEvent event;
    struct stat about;
    if (!take_state(directory, sizeof directory))
        return;
    (void)snprintf(edit->file, sizeof edit->file, "%s/history", directory);
    if (lstat(edit->file, &about) == 0 && S_ISREG(about.st_mode))
        (void)history(edit->history, &event, H_LOAD, edit->file);
}

/* Whole and in one step, so that a shell that is killed, or a second one, leaves no half of it. */
static void save(const sluice_shell_edit *edit)
{
    char path[PATH_MAX + 16];
    HistEvent event;
    if (edit->file[0] == '\0')
        return;
    (void)snprintf(path, sizeof path, "%s.XXXXXX", edit->file);
    int descriptor = mkostemp(path, O_CLOEXEC); /* mode 0600 */
    FILE *out = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (out == NULL) {
        if (descriptor >= 0)
            close(descriptor);
        return;
    }
    bool whole = history(edit->history, &event, H_SAVE_FP, out) >= 0;
    whole = fclose(out) == 0 && whole;
    if (!whole || rename(path, edit->file) != 0)
        (void)unlink(path);
}

static void keep(const sluice_shell_edit *edit, const char *line)
{
    HistEvent event;
    if (line[0] == ' ' || line[strspn(line, " \t\r\n")] == '\0')
        return;
    (void)history(edit->history, &event, H_ENTER, line);
    save(edit);
}

/* ---- what comes between keys ---- */

static sluice_shell_edit *edit_of(EditLine *editor)
{
    sluice_shell_edit *edit = NULL;
    el_get(editor, EL_CLIENTDATA, &edit);
    return edit;
}

/* Columns of what stands before the cursor. */
static size_t width_before(EditLine *editor)
{
    const LineInfo *line = el_line(editor);
    size_t width = sizeof PROMPT - 1;
    mbstate_t state = {0};
    for (const char *at = line->buffer; at < line->cursor;) {
        wchar_t wide;
        size_t bytes = mbrtowc(&wide, at, (size_t)(line->cursor - at), &state);
        if (bytes == 0 || bytes > (size_t)(line->cursor - at))
            break;
        int columns = wcwidth(wide);
        width += columns > 0 ? (size_t)columns : columns < 0 ? 2 : 0; /* a control is shown as ^X */
        at += bytes;
    }
    return width;
}

/* Takes prompt and line off the screen, so that something can be said in their place, and puts them back below it. */
static void hide(EditLine *editor)
{
    size_t columns = sluice_shell_terminal_columns();
    size_t above = columns > 0 ? width_before(editor) / columns : 0;
    if (above > 0)
        printf("\033[%zuA", above);
    fputs("\r\033[J", stdout);
}

static void show(EditLine *editor)
{
    fflush(stdout);
    el_set(editor, EL_REFRESH);
}

static void tell_above(sluice_shell_edit *edit)
{
    hide(edit->editor);
    sluice_shell_tell(edit->shell);
    show(edit->editor);
}

/* The editor keeps the place of its cursor, which may lie outside of the new size, until the line is drawn from its beginning. */
static void resize(EditLine *editor)
{
    hide(editor);
    el_resize(editor);
    show(editor);
}

/* One byte of what is typed; 0: the end; -1: none, but Ctrl-C. */
static int next_byte(sluice_shell_edit *edit, char *out)
{
    for (;;) {
        unsigned what = sluice_shell_await(edit->shell, STDIN_FILENO, SLUICE_NEVER);
        if ((what & SLUICE_SHELL_TOLD) != 0)
            tell_above(edit);
        if ((what & SLUICE_SHELL_RESIZED) != 0)
            resize(edit->editor);
        if ((what & SLUICE_SHELL_CONTINUED) != 0) {
            el_set(edit->editor, EL_PREP_TERM, 0); /* else it believes that nothing has changed */
            el_set(edit->editor, EL_PREP_TERM, 1);
            show(edit->editor);
        }
        if (edit->shell->over)
            return 0;
        if ((what & SLUICE_SHELL_INTERRUPTED) != 0)
            return -1;
        if ((what & SLUICE_SHELL_READABLE) == 0)
            continue;
        ssize_t got = read(STDIN_FILENO, out, 1);
        if (got >= 0)
            return (int)got;
        if (errno != EINTR && errno != EAGAIN)
            return 0;
    }
}

/* In place of the editor's own reading: one character. */
static int next_character(EditLine *editor, wchar_t *out)
{
    sluice_shell_edit *edit = edit_of(editor);
    mbstate_t state = {0};
    for (;;) {
        char byte;
        int got = next_byte(edit, &byte);
        if (got < 0)
            *out = INTERRUPT;
        if (got <= 0)
            return got < 0 ? 1 : 0;
        size_t bytes = mbrtowc(out, &byte, 1, &state);
        if (bytes <= 1)
            return 1;
        if (bytes == (size_t)-1) /* no character: passed over */
            state = (mbstate_t){0};
    }
}

/* ---- keys ---- */

static unsigned char clear_line(EditLine *editor, int key)
{
    (void)key;
    const LineInfo *line = el_line(editor);
    edit_of(editor)->interrupted = true;
    hide(editor);
    el_cursor(editor, (int)(line->lastchar - line->cursor));
    show(editor);
    fputs("^C\n", stdout);
    fflush(stdout);
    return CC_NEWLINE;
}

static const char *last_part(const char *word)
{
    size_t bytes = strlen(word);
    while (bytes > 1 && word[bytes - 2] != '/' && word[bytes - 2] != '=')
        bytes--;
    return bytes > 1 ? word + bytes - 1 : word;
}

/* In as many columns as fit. */
static void list_choices(const sluice_shell_choices *choices)
{
    size_t columns = sluice_shell_terminal_columns(), widest = 1, at = 0;
    char name[256];
    for (size_t i = 0; i < choices->count; i++) {
        size_t width = sluice_figures_name(name, sizeof name, 200, last_part(choices->list[i]));
        widest = width > widest ? width : widest;
    }
    for (size_t i = 0; i < choices->count && i < SHOWN_MOST; i++) {
        size_t width = sluice_figures_name(name, sizeof name, 200, last_part(choices->list[i]));
        if (at > 0 && at + widest + 2 > columns) {
            puts("");
            at = 0;
        }
        printf("%s%*s", name, (int)(widest + 2 - width), "");
        at += widest + 2;
    }
    puts(choices->count > SHOWN_MOST ? "\n..." : "");
}

static unsigned char complete(EditLine *editor, int key)
{
    (void)key;
    sluice_shell_edit *edit = edit_of(editor);
    const LineInfo *line = el_line(editor);
    sluice_shell_choices choices;
    size_t jobs_count;
    sluice_job *jobs = sluice_shell_jobs(edit->shell, &jobs_count);
    char *text = strndup(line->buffer, (size_t)(line->cursor - line->buffer));
    unsigned char answer = CC_REFRESH;
    if (text == NULL) {
        free(jobs);
        return CC_ERROR;
    }
    sluice_shell_complete(&choices, text, jobs, jobs_count);
    if (choices.insert != NULL && choices.insert[0] != '\0') {
        if (el_insertstr(editor, choices.insert) != 0)
            answer = CC_ERROR;
    } else if (choices.count > 1) {
        hide(editor);
        printf(PROMPT "%s\n", text);
        list_choices(&choices);
        show(editor);
    } else {
        answer = CC_REFRESH_BEEP;
    }
    sluice_shell_choices_fini(&choices);
    free(text);
    free(jobs);
    return answer;
}

/* ---- making it ---- */

static const char *prompt(EditLine *editor)
{
    (void)editor;
    return PROMPT;
}

/* Letters beyond ASCII can be typed, whatever is not said in the environment. */
static void take_locale(void)
{
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
}

int sluice_shell_edit_new(sluice_shell *shell, sluice_shell_edit **out, sluice_error *error)
{
    HistEvent event;
    sluice_shell_edit *edit = calloc(1, sizeof *edit);
    if (edit == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the prompt");
    edit->shell = shell;
    take_locale();
    edit->editor = el_init("sluice", stdin, stdout, stderr);
    edit->history = history_init();
    if (edit->editor == NULL || edit->history == NULL) {
        sluice_shell_edit_free(edit);
        return sluice_fail(error, SLUICE_EIO, "the terminal cannot be used for editing");
    }
    (void)history(edit->history, &event, H_SETSIZE, KEPT_MOST);
    (void)history(edit->history, &event, H_SETUNIQUE, 1);
    load(edit);
    el_set(edit->editor, EL_CLIENTDATA, edit);
    el_set(edit->editor, EL_PROMPT, prompt);
    el_set(edit->editor, EL_EDITOR, "emacs");
    el_set(edit->editor, EL_HIST, history, edit->history);
    el_set(edit->editor, EL_GETCFN, next_character);
    /* Wide, for of narrow names it makes copies that nobody frees. */
    el_wset(edit->editor, EL_ADDFN, L"sluice-complete", L"Complete the word", complete);
    el_wset(edit->editor, EL_ADDFN, L"sluice-clear", L"Clear the line", clear_line);
    (void)el_source(edit->editor, NULL); /* ~/.editrc */
    el_set(edit->editor, EL_BIND, "^I", "sluice-complete", NULL);
    el_set(edit->editor, EL_BIND, "^C", "sluice-clear", NULL);
    *out = edit;
    return SLUICE_OK;
}

void sluice_shell_edit_free(sluice_shell_edit *edit)
{
    if (edit == NULL)
        return;
    if (edit->editor != NULL)
        el_end(edit->editor);
    if (edit->history != NULL)
        history_end(edit->history);
    free(edit);
}

char *sluice_shell_edit_line(sluice_shell_edit *edit)
{
    int count = 0;
    edit->interrupted = false;
    el_set(edit->editor, EL_PREP_TERM, 1); /* before there is a prompt, so that what answers it is not read as a line */
    const char *text = el_gets(edit->editor, &count);
    if (edit->interrupted)
        return strdup("");
    if (text == NULL || count <= 0) {
        putchar('\n'); /* behind ^D */
        return NULL;
    }
    char *line = strndup(text, strcspn(text, "\n"));
    if (line != NULL)
        keep(edit, line);
    return line;
}

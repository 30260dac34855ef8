/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include "cli/line.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 79
#define INDENT 26

const sluice_help sluice_help_copy = {
    .usage = "copy [OPTION...] SOURCE... DESTINATION",
    .summary = "Copies files and directories, with all below them, to or from another machine. One side is local, the "
               "other is [USER@]HOST:PATH, reached through ssh, where sluice is installed but nothing needs to run (PATH is "
               "relative to the home directory); or sluice://HOST[:PORT]/PATH, where `sluice serve` runs (port 33001; PATH "
               "is below the root of the server). Data goes by UDP where it arrives, else by TCP. An existing directory, or a DESTINATION that ends in '/', means into it. "
               "On the local side '-' is standard input or output, command:COMMAND what /bin/sh runs. A copy that was "
               "interrupted goes on where it was when the same command is given again.",
    .examples = "  sluice copy data/ user@archive.example:in/\n"
                "  sluice copy --ticket-file t data/ sluice://archive.example/in/\n"
                "  sluice copy --ticket-file t --rate 500m sluice://archive.example/out/a.iso .\n"
                "  tar c data | sluice copy - user@archive.example:in/data.tar\n"
                "  sluice copy 'command:pg_dump db' user@archive.example:in/db.sql\n",
    .table = SLUICE_SETTINGS_TRANSFER,
    .config = true,
    .without = " deadline gather ",
};

const sluice_help sluice_help_run = {
    .usage = "run [OPTION...] FILE.ini [SESSION...]",
    .summary = "Carries out the sessions that an INI file describes, all or the named ones, one after the other. "
               "Options stand over what the file says. The exit status is the worst one of all sessions.",
    .examples = "  sluice run /etc/sluice/nightly.ini\n",
    .table = SLUICE_SETTINGS_TRANSFER,
};

const sluice_help sluice_help_serve = {
    .usage = "serve --root DIR [OPTION...]",
    .summary = "Lets clients copy files to and from a directory, in the foreground. Who has the ticket file is let in; "
               "it is made if it is not there. Streams of the configuration ([stream NAME]) are served beside files, or alone. SIGTERM: no new sessions, and the end when those that run are done. "
               "SIGHUP: options and configuration file are read again.",
    .examples = "  sluice serve --root /srv/sluice --read-only\n",
    .table = SLUICE_SETTINGS_SERVE,
    .config = true,
};

const sluice_help sluice_help_doctor = {
    .usage = "doctor [OPTION...] HOST",
    .summary = "Tells, before a transfer, what will hurt it, and what to do about it: name, TCP, TLS or ssh, ticket, UDP both "
               "ways, packet size, round trip, loss, rate, socket buffers, offloads, ciphers, disks and clocks of both sides. "
               "HOST is what copy takes as its remote side, without a path: HOST, HOST:PORT or sluice://HOST[:PORT] for a "
               "running `sluice serve`; through ssh what has an '@', or a colon that no port number follows, as HOST: or "
               "USER@HOST. Zeroes go there and back for about two seconds each way, as fast as --rate or the path allows; no "
               "file is read or changed. The exit status is 0 when nothing bad was found, 1 when a transfer would fail or crawl.",
    .examples = "  sluice doctor user@archive.example\n"
                "  sluice doctor --ticket-file t --rate 500m archive.example\n",
    .table = SLUICE_SETTINGS_TRANSFER,
    .config = true,
    .keys = " ticket-file pin ssh remote-command udp-ports udp-host rate policy congestion cipher crypto timeout json quiet "
            "verbose ",
};

static const sluice_option shell_own[] = {
    {.name = "command", .type = SLUICE_OPTION_STRING_TYPE,
     .help = "Carries out this command in place of those of a terminal or a pipe. May be given several times."},
    {.name = "stop-on-error", .type = SLUICE_OPTION_BOOL_TYPE,
     .help = "The first command that fails, or job that does, ends the shell: what still runs is cancelled, and the exit "
             "status is that of the failure."},
};

const sluice_help sluice_help_shell = {
    .usage = "shell [OPTION...] [FILE]",
    .summary = "The interactive manager: starts pushes and pulls, several at once, shows how they get on, and changes them "
               "while they run. `help` tells the commands. They come from the terminal, with history and completion, from "
               "--command, from FILE, or from a pipe; there # begins a comment, and a backslash at the end of a line goes on "
               "in the next one. A script waits for its jobs at its end; the exit status is that of the first command or "
               "job that has failed.",
    .examples = "  sluice shell\n"
                "  sluice shell -c 'push data/ user@archive.example:in/' -c 'wait last --timeout 1h'\n"
                "  sluice shell --json --stop-on-error nightly.sluice\n",
    .table = SLUICE_SETTINGS_TRANSFER,
    .keys = " json quiet ",
    .without = " config ",
    .own = shell_own,
    .own_count = SLUICE_COUNT(shell_own),
};

static const sluice_option simulate_own[] = {
    {.name = "csv", .type = SLUICE_OPTION_PATH_TYPE,
     .help = "Writes the figures of each interval there: a line for each flow, competitor and link. - is standard output."},
    {.name = "svg", .type = SLUICE_OPTION_PATH_TYPE,
     .help = "Draws rate, round trip, queue, loss and window over time there. - is standard output."},
    {.name = "seed", .type = SLUICE_OPTION_INT_TYPE, .help = "In place of the scenario's seed."},
    {.name = "seeds", .type = SLUICE_OPTION_INT_TYPE,
     .help = "Runs it with so many seeds, one after the other from the first on (1, or --seed): the table has medians and worst, "
             "pictures and intervals are the first one's."},
    {.name = "sample", .type = SLUICE_OPTION_BOOL_TYPE,
     .help = "Prints every section and key of a scenario, with help and built-in values, and does nothing else."},
    {.name = "conformance", .type = SLUICE_OPTION_STRING_TYPE,
     .help = "Tries the plugin congestion/NAME on what every control must stand, and prints its report card; the exit status "
             "is 1 when something that is required failed."},
    {.name = "report-card", .type = SLUICE_OPTION_STRING_TYPE,
     .help = "Tries the plugin congestion/NAME on the whole table of goals, with 20 seeds (or --seeds) for each path; tells medians "
             "and worst. Hours of one processor. The exit status is 1 when a goal was missed."},
    {.name = "rows", .type = SLUICE_OPTION_STRING_TYPE,
     .help = "Of the report card only these rows, with commas between; an unknown one is answered with all that there are."},
    {.name = "paths", .type = SLUICE_OPTION_STRING_TYPE,
     .help = "Of its rows only the paths that have all of these, as '100 Mbit/s, 20 ms'; as a path is told."},
    {.name = "jobs", .type = SLUICE_OPTION_INT_TYPE,
     .help = "It runs on so many processes at once; as many as there are processors by default. Figures do not depend on it."},
    {.name = "markdown", .type = SLUICE_OPTION_BOOL_TYPE, .help = "Prints it as a table in Markdown, a line for each row."},
};

const sluice_help sluice_help_simulate = {
    .usage = "simulate [OPTION...] SCENARIO.ini\n       sluice simulate [OPTION...] --conformance congestion/NAME\n"
             "       sluice simulate [OPTION...] --report-card congestion/NAME",
    .summary = "Runs congestion plugins, on the transport that carries real transfers, in virtual time: flows and TCPs beside "
               "them on links with queues, loss, outages. The same seed gives the same figures. With --conformance it puts "
               "one plugin through what every control must stand, with --report-card through all that a control for everything "
               "is to reach. --set changes values of the scenario too.",
    .examples = "  sluice simulate --svg shares.svg shares.ini\n"
                "  sluice simulate --set link.wan.loss=0.02 --csv - shares.ini\n"
                "  sluice simulate --plugin-dir . --conformance congestion/mine\n"
                "  sluice simulate --report-card congestion/fair --rows several,high --seeds 5\n",
    .table = SLUICE_SETTINGS_TRANSFER,
    .keys = " json ",
    .without = " config ",
    .own = simulate_own,
    .own_count = SLUICE_COUNT(simulate_own),
};

/* What send and recv have of their own: each takes two neighbours of these. */
static const sluice_option stream_own[] = {
    {.name = "source", .type = SLUICE_OPTION_STRING_TYPE, .def = "-",
     .help = "What is sent in place of standard input: KIND:ARGUMENT of a source plugin, such as command:'pg_dump db', or a "
             "path."},
    {.name = "name", .type = SLUICE_OPTION_STRING_TYPE,
     .help = "Which stream is meant. By default the NAME in the address; of a server whatever a client calls it."},
    {.name = "sink", .type = SLUICE_OPTION_STRING_TYPE, .def = "-",
     .help = "Where goes what is received in place of standard output: KIND:ARGUMENT of a sink plugin, such as "
             "command:'psql db', or a path."},
};

#define STREAM_KEYS                                                                                                      \
    " checksum ticket-file pin rate min-rate policy congestion transport datagram-size udp-buffer udp-offload cipher "   \
    "crypto timeout memory drop-behind deadline gather report json progress quiet verbose "
#define LISTENING_KEYS                                                                                                   \
    " listen ticket-file default-ticket once max-sessions max-handshakes max-handshakes-per-host max-rate congestion "   \
    "transport datagram-size udp-buffer udp-offload cipher crypto timeout memory drop-behind gather report json quiet verbose "

static const sluice_help send_listening = {
    .table = SLUICE_SETTINGS_SERVE, .config = true, .keys = LISTENING_KEYS, .own = &stream_own[0], .own_count = 2};

const sluice_help sluice_help_send = {
    .usage = "send [OPTION...] ADDRESS\n       sluice send --listen ADDRESS:PORT [OPTION...]",
    .summary = "Sends standard input, as a stream, to another machine, where `sluice recv --listen`, or a server with a stream "
               "of that name, takes it: ADDRESS is sluice://HOST[:PORT][/NAME] or HOST[:PORT]. With --listen it is the "
               "server: it gives its standard input to the one client that asks, or what --source says to each. Bytes "
               "arrive in order while they are written; the exit status is 0 when the other side has them all and the "
               "digests agree.",
    .examples = "  tar c dir | sluice send --ticket-file t archive.example\n"
                "  sluice send --ticket-file t --source 'command:pg_dump db' sluice://archive.example/db\n"
                "  sluice send --listen [::]:33001 --source 'command:pg_dump db'\n",
    .table = SLUICE_SETTINGS_TRANSFER,
    .config = true,
    .keys = STREAM_KEYS,
    .own = &stream_own[0],
    .own_count = 2,
    .listening = &send_listening,
};

static const sluice_help recv_listening = {
    .table = SLUICE_SETTINGS_SERVE, .config = true, .keys = LISTENING_KEYS, .own = &stream_own[1], .own_count = 2};

const sluice_help sluice_help_recv = {
    .usage = "recv [OPTION...] ADDRESS\n       sluice recv --listen ADDRESS:PORT [OPTION...]",
    .summary = "Receives a stream of another machine, where `sluice send --listen`, or a server with a stream of that name, "
               "gives it, and writes it to standard output: ADDRESS is sluice://HOST[:PORT][/NAME] or HOST[:PORT]. With "
               "--listen it is the server: it takes what the one client sends to its standard output, or what each sends "
               "to where --sink says. The exit status is 0 when all has come and the digests agree.",
    .examples = "  sluice recv --ticket-file t archive.example | tar x\n"
                "  sluice recv --ticket-file t --sink 'command:psql db' sluice://archive.example/db\n"
                "  sluice recv --listen [::]:33001 >arrived\n",
    .table = SLUICE_SETTINGS_TRANSFER,
    .config = true,
    .keys = STREAM_KEYS,
    .own = &stream_own[1],
    .own_count = 2,
    .listening = &recv_listening,
};

const sluice_help sluice_help_streams = {
    .table = SLUICE_SETTINGS_TRANSFER,
    .config = true,
    .keys = STREAM_KEYS,
    .own = stream_own,
    .own_count = SLUICE_COUNT(stream_own),
};

/* Which heading an option of a table stands under; options of no group come under the last heading. */
static const struct {
    const char *heading, *keys; /* keys: with a blank around each */
} groups[] = {
    {"What is copied", " file-list pair-list null exclude include exclude-newer-than exclude-older-than "
     "symlinks "},
    {"How files are written", " overwrite resume preserve sync drop-behind mkdir "},
    {"Streams", " name source sink deadline gather "},
    {"Verification", " checksum "},
    {"Admission",
     " listen stdio root read-only write-only ticket-file default-ticket pin once max-sessions max-handshakes "
     "max-handshakes-per-host "},
    {"Jobs", " persistent attempts outlive cookie tags ascp "},
    {"Commands", " command stop-on-error "},
    {"Rate", " rate min-rate max-rate policy congestion "},
    {"Connection", " transport ssh password key-file remote-command udp-ports udp-host datagram-size udp-buffer udp-offload lanes "
                   "max-lanes cipher crypto timeout memory "},
    {"Trying a plugin", " conformance report-card rows paths jobs markdown "},
    {"Output", " report json manifest progress quiet verbose csv svg sample "},
    {"Scenario", " seed seeds "},
    {"Managers", " management management-user management-cookie management-tags management-required management-extended "
                 "management-insecure "},
    {"Other", ""},
};
#define OTHER (SLUICE_COUNT(groups) - 1)
#define OWN_HEADING "Configuration and help"

static const sluice_help_row own_rows[] = {
    {OWN_HEADING, 0, "config", "FILE", "INI file with defaults and plugin options; see sluice.ini(5).", NULL},
    {OWN_HEADING, 0, "set", "KIND.NAME.KEY=VALUE",
     "Sets one value of the configuration, such as congestion.fair.target-queue=5ms. May be given several times.",
     NULL},
    {OWN_HEADING, 0, "plugin-dir", "DIR", "Looks for plugins there first. May be given several times.", NULL},
    {OWN_HEADING, 'h', "help", NULL, "Shows this help.", NULL},
};

/* What the value of an option is called where its type does not say it. */
static const struct {
    const char *key, *argument;
} arguments[] = {
    {"source", "PLACE"},    {"sink", "PLACE"},       {"name", "STREAM"},
    {"exclude", "PATTERN"}, {"include", "PATTERN"},  {"preserve", "LIST"},       {"report", "LIST"},
    {"symlinks", "HOW"},    {"root", "DIR"},         {"pin", "FINGERPRINT"},     {"file-list", "FILE"},
    {"pair-list", "FILE"},  {"ticket-file", "FILE"}, {"listen", "ADDRESS:PORT"}, {"ssh", "COMMAND"},
    {"remote-command", "COMMAND"}, {"udp-ports", "A-B"}, {"udp-host", "HOST"},
    {"management", "[HOST:]PORT"}, {"management-user", "TEXT"}, {"management-cookie", "TEXT"},
    {"management-tags", "JSON"}, {"manifest", "FILE"},
    {"exclude-newer-than", "MOMENT"}, {"exclude-older-than", "MOMENT"},
    {"csv", "FILE"}, {"svg", "FILE"}, {"conformance", "congestion/NAME"},
    {"report-card", "congestion/NAME"}, {"rows", "LIST"}, {"paths", "LIST"},
    {"command", "COMMAND"}, {"ascp", "PROGRAM"}, {"cookie", "TEXT"}, {"tags", "JSON"}, {"key-file", "FILE"},
};

static const char *argument_of(const sluice_option *option, const char *key)
{
    for (size_t i = 0; i < SLUICE_COUNT(arguments); i++)
        if (strcmp(arguments[i].key, key) == 0)
            return arguments[i].argument;
    switch (option->type) {
    case SLUICE_OPTION_BOOL_TYPE:
        return NULL;
    case SLUICE_OPTION_INT_TYPE:
        return "N";
    case SLUICE_OPTION_REAL_TYPE:
        return "X";
    case SLUICE_OPTION_SIZE_TYPE:
        return "SIZE";
    case SLUICE_OPTION_RATE_TYPE:
        return "RATE";
    case SLUICE_OPTION_DURATION_TYPE:
        return "TIME";
    case SLUICE_OPTION_ENUM_TYPE:
        return "WHICH";
    case SLUICE_OPTION_STRING_TYPE:
        return "NAME";
    case SLUICE_OPTION_PATH_TYPE:
        return "PATH";
    case SLUICE_OPTION_ADDRESS_TYPE:
        return "ADDRESS";
    case SLUICE_OPTION_SECRET_TYPE:
        return "SECRET";
    }
    return "VALUE";
}

static size_t group_of(const char *key)
{
    char wanted[SLUICE_LINE_KEY + 2];
    snprintf(wanted, sizeof wanted, " %s ", key);
    size_t group = 0;
    while (group < OTHER && strstr(groups[group].keys, wanted) == NULL)
        group++;
    return group;
}

static char letter_of(const char *key)
{
    static const struct {
        char letter;
        const char *key;
    } letters[] = {{'q', "quiet"}, {'v', "verbose"}, {'0', "null"}, {'c', "command"}};
    for (size_t i = 0; i < SLUICE_COUNT(letters); i++)
        if (strcmp(letters[i].key, key) == 0)
            return letters[i].letter;
    return '\0';
}

static bool is_among(const char *keys, const char *key)
{
    char wanted[SLUICE_LINE_KEY + 2];
    snprintf(wanted, sizeof wanted, " %s ", key);
    return keys != NULL && strstr(keys, wanted) != NULL;
}

bool sluice_help_takes(const sluice_help *help, const char *key)
{
    for (size_t i = 0; i < help->own_count; i++)
        if (strcmp(help->own[i].name, key) == 0)
            return true;
    if (help->keys == NULL)
        return !is_among(help->without, key);
    return is_among(help->keys, key);
}

static void tell(const sluice_help *help, size_t group, const sluice_option *options, size_t count,
                 void (*each)(void *user, const sluice_help_row *row), void *user)
{
    for (size_t i = 0; i < count; i++) {
        char key[SLUICE_LINE_KEY];
        sluice_line_key(&options[i], key);
        if (group_of(key) == group && sluice_help_takes(help, key))
            each(user, &(sluice_help_row){.group = groups[group].heading,
                                          .letter = letter_of(key),
                                          .name = key,
                                          .argument = argument_of(&options[i], key),
                                          .help = options[i].help,
                                          .option = &options[i]});
    }
}

void sluice_help_each(const sluice_help *help, void (*each)(void *user, const sluice_help_row *row), void *user)
{
    size_t count;
    const sluice_option *options = sluice_settings_options(help->table, &count);
    for (size_t group = 0; group < SLUICE_COUNT(groups); group++) {
        if (group == 0 && help->table == SLUICE_SETTINGS_TRANSFER && help->keys == NULL)
            each(user, &(sluice_help_row){.group = groups[0].heading,
                                          .letter = 'r',
                                          .help = "Accepted and without effect: directories are always copied whole."});
        tell(help, group, help->own, help->own_count, each, user);
        tell(help, group, options, count, each, user);
    }
    for (size_t i = 0; i < SLUICE_COUNT(own_rows); i++)
        if ((help->config || strcmp(own_rows[i].name, "config") != 0) && !is_among(help->without, own_rows[i].name))
            each(user, &own_rows[i]);
}

void sluice_help_values(const sluice_option *option, char *out, size_t size)
{
    const char *def = option->def;
    bool plain = option->type == SLUICE_OPTION_BOOL_TYPE || def == NULL || def[0] == '\0' ||
                 (strcmp(def, "0") == 0 && option->type != SLUICE_OPTION_INT_TYPE);
    size_t n = 0;
    out[0] = '\0';
    if (option->choices != NULL) {
        n = (size_t)snprintf(out, size, "(%s", option->choices);
        for (char *bar = strchr(out, '|'); bar != NULL; bar = strchr(bar, '|'))
            *bar = '/';
    }
    if (!plain && n < size)
        n += (size_t)snprintf(out + n, size - n, "%sdefault %s", n > 0 ? "; " : "(", def);
    if (n > 0 && n + 1 < size)
        memcpy(out + n, ")", 2);
}

/* ---- printing ---- */

void sluice_help_wrap(const char *text, size_t column, size_t indent)
{
    size_t start = column;
    while (*text != '\0') {
        size_t bytes = strcspn(text, " ");
        if (column > start && column + 1 + bytes > WIDTH) {
            printf("\n%*s", (int)indent, "");
            start = column = indent;
        } else if (column > start) {
            putchar(' ');
            column++;
        }
        fwrite(text, 1, bytes, stdout);
        column += bytes;
        text += bytes;
        text += strspn(text, " ");
    }
    putchar('\n');
}

void sluice_help_row_print(void *user, const sluice_help_row *row)
{
    const char **heading = user;
    char flags[128], text[1024], values[256] = "";
    if (*heading != row->group)
        printf("\n%s:\n", row->group);
    *heading = row->group;
    int length = 0;
    if (row->name == NULL)
        length = snprintf(flags, sizeof flags, "  -%c", row->letter);
    else if (row->letter != '\0')
        length = snprintf(flags, sizeof flags, "  -%c, --%s", row->letter, row->name);
    else
        length = snprintf(flags, sizeof flags, "  --%s", row->name);
    if (row->argument != NULL)
        length += snprintf(flags + length, sizeof flags - (size_t)length, " %s", row->argument);
    if (row->option != NULL)
        sluice_help_values(row->option, values, sizeof values);
    snprintf(text, sizeof text, "%s %s", row->help, values);
    fputs(flags, stdout);
    if (length + 1 >= INDENT)
        putchar('\n');
    printf("%*s", length + 1 >= INDENT ? INDENT : INDENT - length, "");
    sluice_help_wrap(text, INDENT, INDENT);
}

int sluice_help_print(const sluice_help *help)
{
    const char *heading = NULL;
    printf("Usage: sluice %s\n\n", help->usage);
    sluice_help_wrap(help->summary, 0, 0);
    printf("\n%s", help->examples);
    sluice_help_each(help, sluice_help_row_print, &heading);
    if (help->listening != NULL) {
        printf("\nWith --listen ADDRESS:PORT, in place of those:\n");
        heading = NULL;
        sluice_help_each(help->listening, sluice_help_row_print, &heading);
    }
    printf("\nA bool is switched off by --no-NAME. Rates are bits per second: 250m, 1.5 Gbit/s.\n");
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : sluice_status_exit(SLUICE_EIO);
}

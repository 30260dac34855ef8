/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor.c - a worker that moves nothing, and plays what its cookie says: as one that is sluice (`actor worker 3 4`), or as a
 * program that takes ascp's arguments.
 *
 * The cookie is a row of words, played in turn.  '_' in a text stands for a blank.  A word "2=..." is for the second attempt
 * alone; attempts are counted in a file (count:FILE), one byte each.
 *
 *     init session rates scan:FILES:BYTES start:NAME:SIZE stats:NAME:SIZE:WRITTEN:TRANSFER stop:NAME:SIZE:TRANSFER
 *     skip:NAME:SIZE fail:NAME:CODE progress:FILES:SKIPPED:FAILED warn:TEXT done:TRANSFER error:CODE:TEXT    say that
 *     write:TEXT      a line to standard error
 *     garbage         says what is no message
 *     await:TYPE      reads until such a message comes
 *     obey            does what it is told: RATE, START, STOP, CANCEL, DONE
 *     sources         a stop for each source of the order
 *     args:FILE       writes down arguments, environment of interest and what lies at descriptor 3
 *     descriptors:FILE which ones are open
 *     exit:N kill:N close hang deaf         (hang: reads nothing and stays; deaf: ignores SIGINT and SIGTERM)
 */
#include "faspmgr/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOURCES 4096

typedef struct actor {
    int socket;
    bool ascp;
    char *user, *script, *sources[SOURCES];
    size_t source_count;
    char *order;
    size_t order_bytes;
    int argc;
    char **argv;
    faspmgr_writer writer;
    faspmgr_reader reader;
    faspmgr_message message;
    char bytes[4096];
    size_t at, got;
    unsigned long long rate, minimum;
    char adaptive[16];
    unsigned priority;
    unsigned attempt;
} actor;

static void fail(const char *what)
{
    fprintf(stderr, "actor: %s: %s\n", what, strerror(errno));
    exit(99);
}

/* ---- speaking ---- */

static void send_all(const actor *self, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t put = send(self->socket, bytes, count, MSG_NOSIGNAL);
        if (put <= 0)
            exit(0); /* the manager is gone */
        bytes += put;
        count -= (size_t)put;
    }
}

static void begin(actor *self, const char *type)
{
    faspmgr_begin(&self->writer, type);
    faspmgr_text(&self->writer, "SessionId", "00112233-4455-4677-8899-aabbccddeeff");
    faspmgr_text(&self->writer, "UserStr", self->user);
}

static void end(actor *self)
{
    faspmgr_end(&self->writer);
    send_all(self, self->writer.text, self->writer.bytes);
}

/* The next part of a word; '_' becomes a blank in texts. */
static char *part(char **rest, bool text)
{
    char *begins = *rest != NULL ? strsep(rest, ":") : NULL;
    for (char *at = begins; text && at != NULL && *at != '\0'; at++)
        if (*at == '_')
            *at = ' ';
    return begins != NULL ? begins : (char *)"";
}

static void number_if(actor *self, const char *key, const char *digits)
{
    if (digits[0] != '\0')
        faspmgr_number(&self->writer, key, strtoull(digits, NULL, 10));
}

static void say_rates(actor *self)
{
    begin(self, "NOTIFICATION");
    faspmgr_number(&self->writer, "Rate", self->rate);
    faspmgr_number(&self->writer, "MinRate", self->minimum);
    faspmgr_text(&self->writer, "Adaptive", self->adaptive);
    faspmgr_number(&self->writer, "Priority", self->priority);
    faspmgr_number(&self->writer, "PMTU", 1492);
    end(self);
}

static void say_session(actor *self)
{
    begin(self, "SESSION");
    faspmgr_text(&self->writer, "Host", "archive.example");
    faspmgr_number(&self->writer, "TCPPort", 33001);
    faspmgr_text(&self->writer, "Cipher", "aes-128-gcm");
    faspmgr_text(&self->writer, "Encryption", "Yes");
    end(self);
}

static void say_done(actor *self, const char *transfer)
{
    begin(self, "DONE");
    number_if(self, "TransferBytes", transfer);
    number_if(self, "FileBytes", transfer);
    end(self);
}

static void say_error(actor *self, const char *code, const char *text)
{
    begin(self, "ERROR");
    number_if(self, "Code", code);
    faspmgr_text(&self->writer, "Description", text);
    end(self);
}

static void say_stop(actor *self, const char *name, const char *size, const char *transfer)
{
    begin(self, "STOP");
    faspmgr_path(&self->writer, "File", name);
    number_if(self, "Size", size);
    number_if(self, "TransferBytes", transfer);
    number_if(self, "FileBytes", transfer);
    faspmgr_text(&self->writer, "FileChecksum", "00ff");
    faspmgr_text(&self->writer, "FileChecksumType", "xxh3-128");
    end(self);
}

/* ---- listening ---- */

/* The next message; false: the manager has gone. */
static bool hear(actor *self)
{
    for (;;) {
        size_t taken;
        if (self->at < self->got) {
            faspmgr_verdict verdict = faspmgr_read(&self->reader, self->bytes + self->at, self->got - self->at, &taken,
                                                   &self->message);
            self->at += taken;
            if (verdict == FASPMGR_MALFORMED)
                fail("the manager says what is no message");
            if (verdict == FASPMGR_WHOLE)
                return true;
            continue;
        }
        ssize_t got = recv(self->socket, self->bytes, sizeof self->bytes, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        self->at = 0;
        self->got = (size_t)got;
    }
}

static void obey_rate(actor *self)
{
    uint64_t rate = faspmgr_value_number(&self->message, "Rate"), minimum = faspmgr_value_number(&self->message, "MinRate");
    uint64_t priority = faspmgr_value_number(&self->message, "Priority");
    const char *adaptive = faspmgr_value(&self->message, "Adaptive");
    if (rate != SLUICE_UNKNOWN)
        self->rate = rate;
    if (minimum != SLUICE_UNKNOWN)
        self->minimum = minimum;
    if (priority != SLUICE_UNKNOWN)
        self->priority = (unsigned)priority;
    if (adaptive != NULL)
        snprintf(self->adaptive, sizeof self->adaptive, "%s", adaptive);
    say_rates(self);
}

static void obey(actor *self)
{
    char name[4096];
    while (hear(self)) {
        const char *type = self->message.type, *how = faspmgr_value(&self->message, "Operation");
        if (strcmp(type, "RATE") == 0)
            obey_rate(self);
        else if (strcmp(type, "START") == 0 && faspmgr_value_path(&self->message, "Source", name, sizeof name))
            say_stop(self, name, "10", "");
        else if (strcmp(type, "STOP") == 0 && faspmgr_value_path(&self->message, "Source", name, sizeof name)) {
            begin(self, "WARNING");
            faspmgr_text(&self->writer, "Description", name);
            end(self);
        } else if (strcmp(type, "CANCEL") == 0) {
            say_error(self, "28", "cancelled");
            exit(130);
        } else if (strcmp(type, "DONE") == 0) {
            (void)how;
            say_done(self, "");
            exit(0);
        }
    }
    exit(1);
}

static void await(actor *self, const char *type)
{
    while (hear(self))
        if (strcmp(self->message.type, type) == 0) {
            if (strcmp(type, "RATE") == 0)
                obey_rate(self);
            return;
        }
    exit(1);
}

/* ---- what tests look at ---- */

static void write_arguments(const actor *self, const char *name)
{
    FILE *out = fopen(name, "we");
    if (out == NULL)
        fail(name);
    for (int i = 1; i < self->argc; i++)
        fprintf(out, "%s\n", self->argv[i]);
    const char *const variables[] = {"ASPERA_SCP_PASS", "ASPERA_SCP_TOKEN"};
    for (size_t i = 0; i < 2; i++)
        if (getenv(variables[i]) != NULL)
            fprintf(out, "%s=%s\n", variables[i], getenv(variables[i]));
    for (size_t i = 0; i < self->order_bytes; i++)
        fputc(self->order[i] != '\0' ? self->order[i] : '\n', out);
    fclose(out);
}

static void write_descriptors(const char *name)
{
    char list[256];
    size_t bytes = 0;
    for (int fd = 0; fd < 256; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            bytes += (size_t)snprintf(list + bytes, sizeof list - bytes, "%d ", fd);
    FILE *out = fopen(name, "we");
    if (out == NULL)
        fail(name);
    fputs(list, out);
    fclose(out);
}

static void count(actor *self, const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, ".", 1) != 1)
        fail(name);
    self->attempt = (unsigned)lseek(fd, 0, SEEK_CUR);
    close(fd);
}

/* ---- playing ---- */

static void play_figures(actor *self, const char *word, char *rest)
{
    bool stats = strcmp(word, "stats") == 0;
    char *name = part(&rest, false), *size = part(&rest, false), *written = stats ? part(&rest, false) : NULL;
    begin(self, stats ? "STATS" : strcmp(word, "start") == 0 ? "FILESTART" : "SKIP");
    faspmgr_path(&self->writer, "File", name);
    number_if(self, "Size", size);
    if (stats) {
        number_if(self, "Written", written);
        number_if(self, "Bytescont", written);
        number_if(self, "TransferBytes", part(&rest, false));
        faspmgr_number(&self->writer, "Delay", 25);
        faspmgr_number(&self->writer, "Loss", 7);
    }
    end(self);
}

static void play_failed(actor *self, char *rest)
{
    begin(self, "FILEERROR");
    faspmgr_path(&self->writer, "File", part(&rest, false));
    number_if(self, "Code", part(&rest, false));
    faspmgr_text(&self->writer, "Description", "it cannot be read");
    end(self);
}

static void play_progress(actor *self, char *rest)
{
    begin(self, "PROGRESS");
    number_if(self, "files", part(&rest, false));
    number_if(self, "skipped", part(&rest, false));
    number_if(self, "failed", part(&rest, false));
    faspmgr_number(&self->writer, "rate_bps", 123456789);
    faspmgr_number(&self->writer, "srtt_ns", 31000000);
    faspmgr_text(&self->writer, "limited_by", "network");
    end(self);
}

static void play_scan(actor *self, char *rest)
{
    begin(self, "NOTIFICATION");
    number_if(self, "PreTransferFiles", part(&rest, false));
    number_if(self, "PreTransferBytes", part(&rest, false));
    end(self);
}

static void play_sources(actor *self)
{
    for (size_t i = 0; i < self->source_count; i++)
        say_stop(self, self->sources[i], "10", "");
}

static void play_end(actor *self, const char *word, char *rest)
{
    if (strcmp(word, "exit") == 0)
        exit(atoi(part(&rest, false)));
    if (strcmp(word, "kill") == 0)
        kill(getpid(), atoi(part(&rest, false)));
    if (strcmp(word, "close") == 0)
        close(self->socket);
    if (strcmp(word, "deaf") == 0) {
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
    }
    if (strcmp(word, "hang") == 0)
        for (;;)
            pause();
}

static void play(actor *self, char *text)
{
    char *rest = text, *word = strsep(&rest, ":");
    if (strcmp(word, "init") == 0) {
        begin(self, "INIT");
        end(self);
    } else if (strcmp(word, "session") == 0)
        say_session(self);
    else if (strcmp(word, "rates") == 0)
        say_rates(self);
    else if (strcmp(word, "scan") == 0)
        play_scan(self, rest);
    else if (strcmp(word, "start") == 0 || strcmp(word, "stats") == 0 || strcmp(word, "skip") == 0)
        play_figures(self, word, rest);
    else if (strcmp(word, "stop") == 0) {
        char *name = part(&rest, false), *size = part(&rest, false);
        say_stop(self, name, size, part(&rest, false));
    } else if (strcmp(word, "fail") == 0)
        play_failed(self, rest);
    else if (strcmp(word, "progress") == 0)
        play_progress(self, rest);
    else if (strcmp(word, "warn") == 0) {
        begin(self, "WARNING");
        faspmgr_text(&self->writer, "Description", part(&rest, true));
        end(self);
    } else if (strcmp(word, "done") == 0)
        say_done(self, part(&rest, false));
    else if (strcmp(word, "error") == 0) {
        char *code = part(&rest, false);
        say_error(self, code, part(&rest, true));
    } else if (strcmp(word, "write") == 0)
        fprintf(stderr, "%s\n", part(&rest, true));
    else if (strcmp(word, "garbage") == 0)
        send_all(self, "HTTP/1.1 200 OK\r\n\r\n", 19);
    else if (strcmp(word, "await") == 0)
        await(self, part(&rest, false));
    else if (strcmp(word, "obey") == 0)
        obey(self);
    else if (strcmp(word, "sources") == 0)
        play_sources(self);
    else if (strcmp(word, "args") == 0)
        write_arguments(self, part(&rest, false));
    else if (strcmp(word, "descriptors") == 0)
        write_descriptors(part(&rest, false));
    else if (strcmp(word, "count") == 0)
        count(self, part(&rest, false));
    else
        play_end(self, word, rest);
}

/* ---- beginning ---- */

static void read_all(actor *self, int fd)
{
    size_t room = 0;
    for (;;) {
        if (self->order_bytes == room) {
            room = room * 2 + 65536;
            self->order = realloc(self->order, room + 1);
            if (self->order == NULL)
                fail("memory");
        }
        ssize_t got = read(fd, self->order + self->order_bytes, room - self->order_bytes);
        if (got <= 0)
            break;
        self->order_bytes += (size_t)got;
    }
    self->order[self->order_bytes] = '\0';
}

static void begin_worker(actor *self)
{
    self->socket = atoi(self->argv[3]);
    read_all(self, atoi(self->argv[2]));
    char *words[5];
    for (char *at = self->order; at < self->order + self->order_bytes;) {
        size_t count = strcmp(at, "set") == 0 ? 3 : strcmp(at, "path") == 0 ? 5 : strcmp(at, "persistent") == 0 ? 1 : 2;
        for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
            words[i] = at;
        if (count == 3 && strcmp(words[1], "management-user") == 0)
            self->user = words[2];
        if (count == 3 && strcmp(words[1], "management-cookie") == 0)
            self->script = words[2];
        if (count == 5 && self->source_count < SOURCES)
            self->sources[self->source_count++] = words[1];
    }
}

static void begin_ascp(actor *self)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 1; i + 1 < self->argc; i++) {
        if (strcmp(self->argv[i], "-M") == 0)
            there.sin_port = htons((uint16_t)atoi(self->argv[i + 1]));
        if (strcmp(self->argv[i], "-u") == 0)
            self->user = self->argv[i + 1];
    }
    self->ascp = true;
    self->script = getenv("ASPERA_SCP_COOKIE");
    read_all(self, 3);
    self->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->socket < 0 || connect(self->socket, (struct sockaddr *)&there, sizeof there) != 0)
        fail("cannot connect");
}

int main(int argc, char **argv)
{
    actor *self = calloc(1, sizeof *self);
    if (self == NULL)
        return 99;
    self->argc = argc;
    self->argv = argv;
    self->rate = 100000;
    strcpy(self->adaptive, "Adaptive");
    self->priority = 2;
    if (argc == 4 && strcmp(argv[1], "worker") == 0)
        begin_worker(self);
    else
        begin_ascp(self);
    char *script = strdup(self->script != NULL ? self->script : ""), *rest = script;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        if (word[0] >= '1' && word[0] <= '9' && word[1] == '=') {
            if ((unsigned)(word[0] - '0') != self->attempt)
                continue;
            word += 2;
        }
        if (word[0] != '\0')
            play(self, word);
    }
    free(script);
    free(self->order);
    free(self);
    return 0;
}

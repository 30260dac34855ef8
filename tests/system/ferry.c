/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ferry - both ends of streams whose bytes can be told from their place, for tests that disturb the way between them.
 *
 *     ferry serve LISTEN TICKET [KEY VALUE]...
 *     ferry go ADDRESS TICKET push|pull|both BYTES STREAMS [KEY VALUE]...
 *
 * The server says its port, then one line for each direction of a stream that has come to its end.  The client says every
 * half a megabyte how much has moved, and one line for each direction as well: done or failed, what, which, how many bytes,
 * and why.  It ends with 0 if all went well.  Plugins are those of SLUICE_PLUGIN_PATH, one folder.
 */
#include <sluice/stream.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (128u << 10)
#define MARK 500000

/* ---- bytes ---- */

static uint8_t byte_at(uint64_t offset, uint64_t seed)
{
    uint64_t word = (offset / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ seed * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint8_t)((word ^ word >> 29) >> 8 * (offset % 8));
}

static void fill(uint8_t *bytes, size_t count, uint64_t offset, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = byte_at(offset + i, seed);
}

static size_t differs_at(const uint8_t *bytes, size_t count, uint64_t offset, uint64_t seed)
{
    size_t i = 0;
    while (i < count && bytes[i] == byte_at(offset + i, seed))
        i++;
    return i;
}

/* Every size about as often as its double. */
static size_t some(unsigned *state)
{
    size_t count = (size_t)1 << rand_r(state) % 17;
    return count + (size_t)rand_r(state) % count;
}

/* ---- one direction of a stream ---- */

static pthread_mutex_t talking = PTHREAD_MUTEX_INITIALIZER;
static uint64_t moved;

static void note_moved(uint64_t bytes)
{
    pthread_mutex_lock(&talking);
    if ((moved + bytes) / MARK > moved / MARK) {
        printf("moved %llu\n", (unsigned long long)(moved + bytes));
        fflush(stdout);
    }
    moved += bytes;
    pthread_mutex_unlock(&talking);
}

typedef struct way {
    sluice_stream *stream;
    bool writes, tells;
    uint64_t seed, bytes, done; /* bytes: UNKNOWN: until the end */
    int status;
    char sentence[1024];
} way;

static void fail(way *self, int status, const char *sentence)
{
    self->status = status;
    snprintf(self->sentence, sizeof self->sentence, "%s", sentence);
}

static void write_all(way *self)
{
    uint8_t *bytes = malloc(PIECE);
    unsigned state = (unsigned)self->seed;
    while (bytes && self->status == SLUICE_OK && self->done < self->bytes) {
        size_t count = some(&state);
        count = count < self->bytes - self->done ? count : (size_t)(self->bytes - self->done);
        fill(bytes, count, self->done, self->seed);
        int64_t put = sluice_stream_write(self->stream, bytes, count);
        self->done += put > 0 ? (uint64_t)put : 0;
        int status = put < 0 ? (int)put : rand_r(&state) % 100 ? SLUICE_OK : sluice_stream_flush(self->stream);
        if (status != SLUICE_OK)
            fail(self, status, sluice_stream_error(self->stream, false)->text);
        if (self->tells && put > 0)
            note_moved((uint64_t)put);
    }
    if (self->status == SLUICE_OK &&
        (sluice_stream_finish(self->stream) != SLUICE_OK || sluice_stream_verify(self->stream) != SLUICE_OK))
        fail(self, sluice_stream_error(self->stream, false)->status, sluice_stream_error(self->stream, false)->text);
    free(bytes);
}

static void read_all(way *self)
{
    uint8_t *bytes = malloc(PIECE);
    unsigned state = (unsigned)self->seed + 1;
    int64_t got = 1;
    while (bytes && got > 0 && self->status == SLUICE_OK) {
        got = sluice_stream_read(self->stream, bytes, some(&state));
        size_t count = got > 0 ? (size_t)got : 0;
        if (got < 0)
            fail(self, (int)got, sluice_stream_error(self->stream, true)->text);
        else if (differs_at(bytes, count, self->done, self->seed) < count)
            fail(self, SLUICE_EDIGEST, "a byte is not what it must be");
        self->done += count;
        if (self->tells)
            note_moved(count);
    }
    if (self->status == SLUICE_OK && self->done != self->bytes)
        fail(self, SLUICE_EPARTIAL, "not as many bytes as there were to be");
    free(bytes);
}

static void *way_go(void *user)
{
    way *self = user;
    if (self->writes)
        write_all(self);
    else
        read_all(self);
    pthread_mutex_lock(&talking);
    printf("%s %s %llu: %llu bytes, %s %s\n", self->status == SLUICE_OK ? "done" : "failed",
           self->writes ? "writing" : "reading", (unsigned long long)self->seed, (unsigned long long)self->done,
           sluice_status_name(self->status), self->sentence);
    fflush(stdout);
    pthread_mutex_unlock(&talking);
    return NULL;
}

/* ---- a stream, at either side ---- */

typedef struct voyage {
    sluice_stream *stream;
    bool client;
    uint64_t seed, bytes;
    pthread_t thread;
    int status;
} voyage;

static void *voyage_go(void *user)
{
    voyage *self = user;
    sluice_stream_mode mode = sluice_stream_mode_of(self->stream);
    /* The client's direction has an even seed. */
    way ways[2] = {
        {.stream = self->stream, .writes = self->client, .seed = 2 * self->seed, .bytes = self->bytes,
         .tells = self->client},
        {.stream = self->stream, .writes = !self->client, .seed = 2 * self->seed + 1, .bytes = self->bytes,
         .tells = self->client},
    };
    pthread_t second;
    bool both = mode == SLUICE_STREAM_BOTH;
    if (both)
        pthread_create(&second, NULL, way_go, &ways[1]);
    way_go(&ways[mode == SLUICE_STREAM_PULL]);
    if (both)
        pthread_join(second, NULL);
    int status = sluice_stream_close(self->stream, NULL);
    self->status = ways[0].status != SLUICE_OK ? ways[0].status : ways[1].status != SLUICE_OK ? ways[1].status : status;
    if (!self->client)
        free(self);
    return NULL;
}

/* ---- both programs ---- */

static int refuse(const sluice_error *error)
{
    fprintf(stderr, "ferry: %s\n", error->text);
    return 1;
}

static sluice_settings *settings_of(sluice *library, sluice_settings_table table, const char *ticket, char **pairs)
{
    sluice_settings *settings;
    sluice_error error = {0};
    int status = sluice_settings_new(library, table, NULL, &settings, &error);
    if (status == SLUICE_OK)
        status = sluice_settings_set(settings, "ticket-file", ticket, &error);
    for (; status == SLUICE_OK && pairs[0] && pairs[1]; pairs += 2)
        status = sluice_settings_set(settings, pairs[0], pairs[1], &error);
    if (status == SLUICE_OK)
        return settings;
    refuse(&error);
    exit(2);
}

static int serve(sluice *library, char **arguments)
{
    sluice_stream_listener *listener;
    sluice_error error = {0};
    sluice_settings *settings = settings_of(library, SLUICE_SETTINGS_SERVE, arguments[1], arguments + 2);
    sluice_stream_listen_order order = {.size = sizeof order,
                                        .settings = settings,
                                        .report = {.size = sizeof order.report, .output = -1, .screen = -1}};
    if (sluice_settings_set(settings, "listen", arguments[0], &error) != SLUICE_OK ||
        sluice_stream_listen(library, &order, &listener, &error) != SLUICE_OK)
        return refuse(&error);
    printf("port %d\n", sluice_server_port(sluice_stream_listener_server(listener)));
    fflush(stdout);
    for (;;) {
        voyage *self = calloc(1, sizeof *self);
        if (!self || sluice_stream_accept(listener, SLUICE_NEVER, &self->stream, &error) != SLUICE_OK)
            return refuse(&error);
        char *rest;
        self->seed = strtoull(sluice_stream_name(self->stream), &rest, 10);
        self->bytes = strtoull(rest, NULL, 10);
        pthread_create(&self->thread, NULL, voyage_go, self);
        pthread_detach(self->thread);
    }
}

static int go(sluice *library, char **arguments)
{
    sluice_stream_session *session;
    sluice_error error = {0};
    size_t count = strtoul(arguments[4], NULL, 10);
    voyage *all = calloc(count, sizeof *all);
    sluice_settings *settings = settings_of(library, SLUICE_SETTINGS_TRANSFER, arguments[1], arguments + 5);
    sluice_stream_connect_order order = {.size = sizeof order,
                                         .settings = settings,
                                         .address = arguments[0],
                                         .report = {.size = sizeof order.report, .output = -1, .screen = -1, .quiet = true}};
    sluice_stream_mode mode = strcmp(arguments[2], "push") == 0   ? SLUICE_STREAM_PUSH
                              : strcmp(arguments[2], "pull") == 0 ? SLUICE_STREAM_PULL
                                                                  : SLUICE_STREAM_BOTH;
    if (!all || sluice_stream_connect(library, &order, &session, &error) != SLUICE_OK)
        return refuse(&error);
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        char name[64];
        all[i] = (voyage){.client = true, .seed = i + 1, .bytes = strtoull(arguments[3], NULL, 10)};
        snprintf(name, sizeof name, "%llu %s", (unsigned long long)all[i].seed, arguments[3]);
        sluice_stream_order stream = {.size = sizeof stream, .name = name, .mode = mode};
        if (sluice_stream_open(session, &stream, &all[i].stream, &error) != SLUICE_OK)
            return refuse(&error);
        pthread_create(&all[i].thread, NULL, voyage_go, &all[i]);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
        good = good && all[i].status == SLUICE_OK;
    }
    int status = sluice_stream_session_close(session, &error);
    if (status != SLUICE_OK)
        printf("session %s %s\n", sluice_status_name(status), error.text);
    sluice_settings_free(settings);
    free(all);
    return good && status == SLUICE_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    sluice *library;
    sluice_error error = {0};
    const char *plugins = getenv("SLUICE_PLUGIN_PATH");
    if (sluice_new(&library, &error) != SLUICE_OK ||
        (plugins && sluice_plugin_dir(library, plugins, &error) != SLUICE_OK))
        return refuse(&error);
    int result = 2;
    if (argc >= 4 && strcmp(argv[1], "serve") == 0)
        result = serve(library, argv + 2);
    else if (argc >= 7 && strcmp(argv[1], "go") == 0)
        result = go(library, argv + 2);
    else
        fprintf(stderr, "ferry serve LISTEN TICKET [KEY VALUE]... | ferry go ADDRESS TICKET push|pull|both BYTES STREAMS "
                        "[KEY VALUE]...\n");
    sluice_free(library);
    return result;
}

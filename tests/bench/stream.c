/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - measures streams, memory to memory.
 *
 *     stream serve ADDRESS:PORT TICKET [MEMORY]
 *     stream bulk ADDRESS:PORT TICKET BYTES [KEY=VALUE ...]
 *     stream ping ADDRESS:PORT TICKET COUNT BYTES
 *     stream many ADDRESS:PORT TICKET STREAMS SECONDS
 *
 * Each client prints one line of JSON; KEY=VALUE are long options of `sluice copy`.  The server reads what is pushed,
 * and gives back what comes on a stream called echo.
 */
#include <sluice/stream.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BLOCK (256u << 10)
#define SMALL_BLOCK 16384u

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double peak_mb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void check(int status, const sluice_error *error)
{
    if (status >= 0)
        return;
    fprintf(stderr, "stream: %s\n", error->text);
    exit(1);
}

static sluice_settings *settings_new(sluice *library, sluice_settings_table table, const char *ticket)
{
    sluice_error error = {0};
    sluice_settings *settings;
    check(sluice_settings_new(library, table, NULL, &settings, &error), &error);
    check(sluice_settings_set(settings, "ticket-file", ticket, &error), &error);
    return settings;
}

/* ---- the server ---- */

static void *serve_one(void *user)
{
    sluice_stream *stream = user;
    bool echo = strcmp(sluice_stream_name(stream), "echo") == 0;
    size_t block = strcmp(sluice_stream_name(stream), "many") == 0 ? SMALL_BLOCK : BLOCK; /* they are ours, not the library's */
    char *bytes = malloc(block);
    int64_t got;
    while ((got = sluice_stream_read(stream, bytes, block)) > 0)
        if (echo && sluice_stream_write(stream, bytes, (size_t)got) != got)
            break;
    free(bytes);
    sluice_stream_close(stream, NULL);
    return NULL;
}

static int serve(sluice *library, char **words, int count)
{
    sluice_error error = {0};
    sluice_stream_listener *listener;
    sluice_stream *stream;
    sluice_settings *settings = settings_new(library, SLUICE_SETTINGS_SERVE, words[1]);
    check(sluice_settings_set(settings, "listen", words[0], &error), &error);
    if (count > 2)
        check(sluice_settings_set(settings, "memory", words[2], &error), &error);
    sluice_stream_listen_order order = {
        .size = sizeof order, .settings = settings, .report = {.size = sizeof order.report, .output = -1, .screen = -1}};
    check(sluice_stream_listen(library, &order, &listener, &error), &error);
    sluice_settings_free(settings);
    puts("ready");
    fflush(stdout);
    while (sluice_stream_accept(listener, SLUICE_NEVER, &stream, &error) == SLUICE_OK) {
        pthread_t thread;
        pthread_create(&thread, NULL, serve_one, stream);
        pthread_detach(thread);
    }
    return 0;
}

/* ---- clients ---- */

static sluice_stream_session *meet(sluice *library, char **words, char **pairs, int count)
{
    sluice_error error = {0};
    sluice_stream_session *session;
    sluice_settings *settings = settings_new(library, SLUICE_SETTINGS_TRANSFER, words[1]);
    for (int i = 0; i < count; i++) {
        char *value = strchr(pairs[i], '=');
        *value++ = '\0';
        check(sluice_settings_set(settings, pairs[i], value, &error), &error);
    }
    sluice_stream_connect_order order = {.size = sizeof order,
                                         .settings = settings,
                                         .address = words[0],
                                         .report = {.size = sizeof order.report, .output = -1, .screen = -1, .quiet = true}};
    check(sluice_stream_connect(library, &order, &session, &error), &error);
    sluice_settings_free(settings);
    return session;
}

static sluice_stream *stream_open(sluice_stream_session *session, const char *name, sluice_stream_mode mode)
{
    sluice_error error = {0};
    sluice_stream *stream;
    sluice_stream_order order = {.size = sizeof order, .name = name, .mode = mode};
    check(sluice_stream_open(session, &order, &stream, &error), &error);
    return stream;
}

static int bulk(sluice *library, char **words, int count)
{
    sluice_error error = {0};
    sluice_statistics figures;
    uint64_t bytes = strtoull(words[2], NULL, 10);
    char *block = calloc(1, BLOCK);
    sluice_stream_session *session = meet(library, words, words + 3, count - 3);
    sluice_stream *stream = stream_open(session, "bulk", SLUICE_STREAM_PUSH);
    double start = now_s();
    for (uint64_t at = 0; at < bytes; at += BLOCK)
        check(sluice_stream_write(stream, block, BLOCK) == BLOCK ? 0 : -1, sluice_stream_error(stream, false));
    check(sluice_stream_close(stream, &error), &error);
    double seconds = now_s() - start;
    sluice_stream_session_statistics(session, &figures);
    printf("{\"bytes\":%llu,\"seconds\":%.3f,\"mbps\":%.1f,\"srtt_ms\":%.3f,\"data_packets\":%llu,\"resent_packets\":%llu,"
           "\"limited_by\":\"%s\",\"peak_mb\":%.0f}\n",
           (unsigned long long)bytes, seconds, (double)bytes * 8 / seconds / 1e6, (double)figures.srtt_ns / 1e6,
           (unsigned long long)figures.data_packets, (unsigned long long)figures.resent_packets,
           figures.limited_by ? figures.limited_by : "", peak_mb());
    check(sluice_stream_session_close(session, &error), &error);
    free(block);
    return 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int ping(sluice *library, char **words, int unused)
{
    size_t count = strtoull(words[2], NULL, 10), bytes = strtoull(words[3], NULL, 10);
    double *took = calloc(count, sizeof *took);
    char *message = calloc(1, bytes);
    sluice_stream_session *session = meet(library, words, NULL, 0);
    sluice_stream *stream = stream_open(session, "echo", SLUICE_STREAM_BOTH);
    (void)unused;
    for (size_t i = 0; i < count; i++) {
        double start = now_s();
        check((int)sluice_stream_write(stream, message, bytes), sluice_stream_error(stream, false));
        for (size_t at = 0; at < bytes;) {
            int64_t got = sluice_stream_read(stream, message + at, bytes - at);
            check((int)got, sluice_stream_error(stream, true));
            at += (size_t)got;
        }
        took[i] = now_s() - start;
    }
    qsort(took, count, sizeof *took, compare);
    printf("{\"messages\":%zu,\"bytes\":%zu,\"median_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"most_us\":%.1f}\n", count,
           bytes, took[count / 2] * 1e6, took[count * 9 / 10] * 1e6, took[count * 99 / 100] * 1e6, took[count - 1] * 1e6);
    sluice_stream_abort(stream, SLUICE_ECANCELLED, "measured");
    sluice_stream_session_close(session, NULL);
    free(took);
    free(message);
    return 0;
}

typedef struct one_of_many {
    sluice_stream *stream;
    double until;
    uint64_t taken; /* by the server's program, at the end of the time */
} one_of_many;

static void *write_for_a_while(void *user)
{
    one_of_many *one = user;
    char *block = calloc(1, SMALL_BLOCK);
    while (now_s() < one->until && sluice_stream_write(one->stream, block, SMALL_BLOCK) == SMALL_BLOCK)
        continue;
    sluice_stream_statistics figures = {.size = sizeof figures};
    sluice_stream_statistics_get(one->stream, &figures);
    one->taken = figures.acked_bytes;
    sluice_stream_abort(one->stream, SLUICE_ECANCELLED, "measured");
    free(block);
    return NULL;
}

static int many(sluice *library, char **words, int unused)
{
    size_t count = strtoull(words[2], NULL, 10);
    one_of_many *all = calloc(count, sizeof *all);
    pthread_t *threads = calloc(count, sizeof *threads);
    sluice_stream_session *session = meet(library, words, NULL, 0);
    uint64_t sum = 0, least = UINT64_MAX, most = 0;
    sluice_statistics figures;
    (void)unused;
    double until = now_s() + strtod(words[3], NULL);
    for (size_t i = 0; i < count; i++) {
        all[i] = (one_of_many){.stream = stream_open(session, "many", SLUICE_STREAM_PUSH), .until = until};
        pthread_create(&threads[i], NULL, write_for_a_while, &all[i]);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        sum += all[i].taken;
        least = all[i].taken < least ? all[i].taken : least;
        most = all[i].taken > most ? all[i].taken : most;
    }
    sluice_stream_session_statistics(session, &figures);
    printf("{\"streams\":%zu,\"mbps\":%.1f,\"least_to_mean\":%.3f,\"most_to_mean\":%.3f,\"srtt_ms\":%.3f,\"mtu\":%u,"
           "\"limited_by\":\"%s\",\"peak_mb\":%.0f}\n",
           count, (double)sum * 8 / strtod(words[3], NULL) / 1e6, (double)least * (double)count / (double)sum,
           (double)most * (double)count / (double)sum, (double)figures.srtt_ns / 1e6, (unsigned)figures.mtu,
           figures.limited_by ? figures.limited_by : "", peak_mb());
    sluice_stream_session_close(session, NULL);
    free(all);
    free(threads);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int words;
        int (*run)(sluice *library, char **words, int count);
    } rows[] = {{"serve", 2, serve}, {"bulk", 3, bulk}, {"ping", 4, ping}, {"many", 4, many}};
    sluice_error error = {0};
    sluice *library;
    signal(SIGPIPE, SIG_IGN);
    check(sluice_new(&library, &error), &error);
    check(sluice_plugin_path(library, getenv("SLUICE_PLUGIN_PATH"), &error), &error);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (argc >= 2 + rows[i].words && strcmp(argv[1], rows[i].name) == 0)
            return rows[i].run(library, argv + 2, argc - 2);
    fprintf(stderr, "stream: see the head of its source\n");
    return 2;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_of_jobs.c - runs what doc/manager.md has as listings, and says how each ended.
 *
 *     page_of_jobs PORT TICKET ASCP        against the server at 127.0.0.1:PORT, in a directory with film.mov and pictures
 */
#include <sluice/manager.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int parts(sluice_order *order, sluice_error *error);
void follow(sluice_manager *manager);
int run_in_a_loop(sluice_manager *manager, const sluice_order *order, sluice_error *error);
int give_way(sluice_manager *manager, sluice_job job);
int deliver(sluice_manager *manager, sluice_order *order, const char *const *names, size_t count,
            sluice_job_statistics *end, sluice_error *error);
int by_ascp(sluice_order *order, const char *program, const char *host, uint16_t port, const char *token,
            sluice_error *error);

static sluice_manager *manager;
static uint16_t port;
static const char *ticket_file;

static void must(const char *what, int status, const sluice_error *error)
{
    if (status == SLUICE_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, sluice_status_name(status), error->text);
    exit(1);
}

static sluice_order *push(const char *source, const char *destination)
{
    sluice_error error = {0};
    sluice_order *order;
    const sluice_remote server = {.size = sizeof server, .host = "127.0.0.1", .port = port, .ticket_file = ticket_file};
    must("order", sluice_order_new(SLUICE_PUSH, &order, &error), &error);
    must("remote", sluice_order_remote(order, &server, &error), &error);
    must("destination", sluice_order_destination(order, destination, &error), &error);
    must("mkdir", sluice_order_set(order, "mkdir", "yes", &error), &error);
    if (source != NULL)
        must("source", sluice_order_source(order, source, NULL, &error), &error);
    return order;
}

static sluice_job launch(const sluice_order *order)
{
    sluice_error error = {0};
    sluice_job job;
    must("launch", sluice_manager_launch(manager, order, NULL, NULL, &job, &error), &error);
    return job;
}

static void say_end(const char *what, sluice_job job)
{
    sluice_job_statistics end = {.size = sizeof end};
    sluice_job_wait(manager, job, SLUICE_NEVER, &end);
    printf("%s %s %s\n", what, sluice_job_state_name(end.state), end.message);
    if (end.state != SLUICE_JOB_FINISHED)
        exit(1);
    sluice_job_forget(manager, job);
}

static void run_parts(void)
{
    sluice_error error = {0};
    sluice_order *order = push(NULL, "elsewhere/");
    must("parts", parts(order, &error), &error);
    say_end("parts", launch(order));
    sluice_order_free(order);
}

static void run_follow(void)
{
    sluice_order *slow = push("film.mov", "followed/");
    sluice_error error = {0};
    must("rate", sluice_order_set(slow, "rate", "80m", &error), &error);
    sluice_order *second = push("pictures", "followed/");
    launch(slow);
    launch(second);
    follow(manager);
    if (sluice_manager_jobs(manager, NULL, 0) != 0)
        exit(1);
    puts("followed");
    sluice_order_free(slow);
    sluice_order_free(second);
}

static void run_loop(void)
{
    sluice_error error = {0};
    sluice_order *order = push("film.mov", "looped.mov"), *wrong = push("nothing", "nowhere");
    must("loop", run_in_a_loop(manager, order, &error), &error);
    if (run_in_a_loop(manager, wrong, &error) != SLUICE_ENOENT || strstr(error.text, "nothing: no such file") == NULL)
        must("a file that is not there", SLUICE_EFAILED, &error);
    puts("looped");
    sluice_order_free(order);
    sluice_order_free(wrong);
}

static void run_control(void)
{
    sluice_error error = {0};
    sluice_order *order = push("film.mov", "controlled.mov");
    sluice_job_statistics now = {.size = sizeof now};
    must("rate", sluice_order_set(order, "rate", "8m", &error), &error);
    sluice_job job = launch(order);
    must("give_way", give_way(manager, job), &error);
    sluice_job_statistics_get(manager, job, &now);
    /* 30 MB cannot have gone within these two seconds, of which one was a pause. */
    if (now.elapsed_ns < 2 * SLUICE_SECOND || now.transferred_bytes > 20000000)
        must("give_way", SLUICE_EFAILED, &error);
    say_end("controlled", job);
    sluice_order_free(order);
}

static void run_deliver(void)
{
    static const char *const names[] = {"film.mov", "pictures/one.jpg", "pictures/two.jpg"};
    sluice_error error = {0};
    sluice_job_statistics end = {.size = sizeof end};
    sluice_order *order = push(NULL, "delivered");
    must("deliver", deliver(manager, order, names, SLUICE_COUNT(names), &end, &error), &error);
    printf("delivered %s %s\n", sluice_job_state_name(end.state), end.message);
    sluice_order_free(order);
    /* What is said without a sentence. */
    if (sluice_job_add(manager, end.job, "film.mov", NULL, 0, SLUICE_UNKNOWN) != SLUICE_EEND ||
        sluice_job_cancel(manager, end.job) != SLUICE_EEND || sluice_job_forget(manager, end.job) != SLUICE_OK ||
        sluice_job_pause(manager, end.job) != SLUICE_ENOENT)
        exit(1);
}

static void run_ascp(const char *program)
{
    sluice_error error = {0};
    sluice_order *order = push("film.mov", "by_ascp/");
    char token[8192] = "";
    FILE *from = fopen(ticket_file, "r");
    if (from == NULL || fgets(token, sizeof token, from) == NULL)
        exit(1);
    fclose(from);
    token[strcspn(token, "\n")] = '\0';
    must("by_ascp", by_ascp(order, program, "127.0.0.1", port, token, &error), &error);
    say_end("by_ascp", launch(order));
    /* What it has no argument for is refused at once. */
    must("timeout", sluice_order_set(order, "timeout", "5s", &error), &error);
    if (sluice_manager_launch(manager, order, NULL, NULL, NULL, &error) != SLUICE_EUSAGE ||
        strstr(error.text, "takes no such option") == NULL)
        must("an option that ascp has not", SLUICE_EFAILED, &error);
    sluice_order_free(order);
}

int main(int argc, char **argv)
{
    sluice_error error = {0};
    if (argc < 4)
        return 2;
    port = (uint16_t)atoi(argv[1]);
    ticket_file = argv[2];
    must("manager", sluice_manager_new(NULL, &manager, &error), &error);
    run_parts();
    run_follow();
    run_loop();
    run_control();
    run_deliver();
    run_ascp(argv[3]);
    sluice_manager_free(manager);
    return 0;
}

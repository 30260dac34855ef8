/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "base/text.h"
#include "plugin/instance.h"
#include <pthread.h>
#include <sluice/congestion.h>
#include <sluice/source.h>
#include <stdlib.h>
#include <string.h>

static sluice *open_library(void)
{
    sluice *library = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_new(&library, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_plugin_dir(library, TEST_MODULE_DIR, NULL), SLUICE_OK);
    return library;
}

static sluice_instance *open_source(sluice *library)
{
    sluice_instance *instance = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_instance_new(library, SLUICE_SOURCE, "failing", &instance, NULL), SLUICE_OK);
    const sluice_source_ops *ops = instance->ops;
    sluice_source_spec spec = {.size = sizeof(spec)};
    CU_ASSERT_EQUAL_FATAL(ops->init(instance->state, instance->config, instance->host, &spec), SLUICE_OK);
    return instance;
}

static void keep(void *user, sluice_log_level level, const char *line)
{
    sluice_text_addf(user, "%d:%s|", (int)level, line);
}

static void sentence_travels_up(void)
{
    sluice *library = open_library();
    sluice_text lines = {0};
    sluice_log_to(library, keep, &lines);
    sluice_instance *instance = open_source(library);
    const sluice_source_ops *ops = instance->ops;
    sluice_error error = {0};
    int status = ops->open(instance->state, "x", 0, NULL, NULL);
    CU_ASSERT_EQUAL(sluice_instance_error(instance, status, &error), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(error.status, SLUICE_ENOENT);
    CU_ASSERT_STRING_EQUAL(error.text, "x: no such thing");
    CU_ASSERT_STRING_EQUAL(sluice_text_string(&lines), "1:source/failing: opening x|");
    /* It was taken: a failure without a sentence does not get the last one's. */
    status = ops->next(instance->state, NULL);
    CU_ASSERT_EQUAL(sluice_instance_error(instance, status, &error), SLUICE_EACCESS);
    CU_ASSERT_STRING_EQUAL(error.text, "source/failing: permission denied");
    /* A sentence of a failure that was got over does not stand for another. */
    ops->open(instance->state, "y", 0, NULL, NULL);
    status = ops->next(instance->state, NULL);
    sluice_instance_error(instance, status, &error);
    CU_ASSERT_STRING_EQUAL(error.text, "source/failing: permission denied");
    sluice_instance_free(instance);
    sluice_free(library);
    sluice_text_fini(&lines);
}

typedef struct reader {
    sluice_instance *instance;
    uint64_t offset;
    unsigned wrong;
} reader;

static void *read_often(void *argument)
{
    reader *r = argument;
    const sluice_source_ops *ops = r->instance->ops;
    char expected[64];
    snprintf(expected, sizeof(expected), "offset %llu", (unsigned long long)r->offset);
    for (int i = 0; i < 2000; i++) {
        sluice_error error = {0};
        int64_t status = ops->read(r->instance->state, NULL, r->offset, NULL, 0, NULL);
        sluice_instance_error(r->instance, (int)status, &error);
        if (error.status != SLUICE_EIO || strcmp(error.text, expected) != 0)
            r->wrong++;
    }
    return NULL;
}

static void threads_get_their_own_sentences(void)
{
    sluice *library = open_library();
    sluice_instance *instance = open_source(library);
    pthread_t threads[4];
    reader readers[4];
    for (unsigned i = 0; i < 4; i++) {
        readers[i] = (reader){instance, i, 0};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, read_often, &readers[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(readers[i].wrong, 0);
    }
    sluice_instance_free(instance);
    sluice_free(library);
}

/* As the first field, so that the address of one is the address of the other. */
typedef struct ending {
    sluice_completion completion;
    int64_t result;
    unsigned calls;
} ending;

static void end(sluice_completion *completion, int64_t result, const char *sentence)
{
    ending *e = (ending *)completion;
    CU_ASSERT_STRING_EQUAL(sentence, "");
    e->result = result;
    e->calls++;
}

static void completion_reaches_its_owner(void)
{
    sluice *library = open_library();
    sluice_instance *instance = open_source(library);
    const sluice_source_ops *ops = instance->ops;
    ending e = {.completion.done = end};
    CU_ASSERT_EQUAL(ops->read(instance->state, NULL, 0, NULL, 0, &e.completion), SLUICE_EPENDING);
    CU_ASSERT_EQUAL(e.calls, 1);
    CU_ASSERT_EQUAL(e.result, 42);
    sluice_instance_free(instance);
    sluice_free(library);
}

static void config_and_state_are_the_instances_own(void)
{
    sluice *library = open_library();
    sluice_instance *a = NULL, *b = NULL;
    sluice_control control = {0};
    sluice_congestion_start start = {.size = sizeof(start)};
    CU_ASSERT_EQUAL_FATAL(sluice_instance_new(library, SLUICE_CONGESTION, "good", &a, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_config_set(library, "congestion.good.packets=20", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_instance_new(library, SLUICE_CONGESTION, "good", &b, NULL), SLUICE_OK);
    CU_ASSERT_PTR_NOT_EQUAL(a->state, b->state);
    CU_ASSERT_EQUAL((uintptr_t)a->state % 64, 0);
    const sluice_congestion_ops *ops = a->ops;
    ops->init(a->state, a->config, &start, &control);
    CU_ASSERT_EQUAL(control.cwnd_bytes, 15000);
    ops->init(b->state, b->config, &start, &control);
    CU_ASSERT_EQUAL(control.cwnd_bytes, 30000);
    sluice_instance_free(a);
    sluice_instance_free(b);
    sluice_free(library);
}

static void host_gives_memory_and_randomness(void)
{
    sluice *library = open_library();
    sluice_instance *instance = open_source(library);
    const sluice_host *host = instance->host;
    char *memory = host->resize(host, NULL, 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
    memcpy(memory, "123456789", 10);
    memory = host->resize(host, memory, 100000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(memory);
    CU_ASSERT_STRING_EQUAL(memory, "123456789");
    CU_ASSERT_PTR_NULL(host->resize(host, memory, 0));
    unsigned char a[300] = {0}, b[300] = {0};
    host->random(host, a, sizeof(a));
    host->random(host, b, sizeof(b));
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(a + 280, (unsigned char[20]){0}, 20), 0);
    sluice_instance_free(instance);
    sluice_free(library);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"sentence travels up", sentence_travels_up},
        {"threads get their own sentences", threads_get_their_own_sentences},
        {"completion reaches its owner", completion_reaches_its_owner},
        {"config and state are the instance's own", config_and_state_are_the_instances_own},
        {"host gives memory and randomness", host_gives_memory_and_randomness},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("instance", tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "base/text.h"
#include "plugin/registry.h"
#include <sluice/congestion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sluice_registry *open_registry(void)
{
    sluice_registry *registry = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_registry_new(&registry, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_registry_add(registry, TEST_MODULE_DIR, NULL), SLUICE_OK);
    return registry;
}

static void good_plugin_loads_once(void)
{
    sluice_registry *registry = open_registry();
    sluice_module *first = NULL, *second = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_registry_load(registry, SLUICE_CONGESTION, "good", &first, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_registry_load(registry, SLUICE_CONGESTION, "good", &second, NULL), SLUICE_OK);
    CU_ASSERT_PTR_EQUAL(first, second);
    CU_ASSERT_STRING_EQUAL(first->descriptor.version, "1.2");
    CU_ASSERT_EQUAL(first->descriptor.option_count, 3);
    CU_ASSERT_EQUAL(first->path[0], '/');
    const sluice_congestion_ops *ops = first->descriptor.ops;
    CU_ASSERT_PTR_NOT_NULL(ops->sample);
    CU_ASSERT_PTR_NULL(ops->restart);
    sluice_registry_release(registry, first);
    CU_ASSERT_STRING_EQUAL(second->descriptor.name, "good"); /* still there */
    sluice_registry_release(registry, second);
    sluice_registry_free(registry);
}

typedef struct refusal {
    const char *name;
    const char *words[3]; /* all stand in the sentence */
} refusal;

/* Every refusal names the full path and the reason; those of an ABI both numbers. */
static void crooked_plugins_are_refused(void)
{
    static const refusal rows[] = {
        {"abi", {"9.3", "this is 1.0", "plugin ABI"}},
        {"minor", {"1.2", "this is 1.1", "congestion ABI"}},
        {"undefined", {"undefined symbol: sluice_nobody_has_this", NULL, NULL}},
        {"lacking", {"'sample'", "required", NULL}},
        {"misnamed", {"'misnamed'", "'other'", NULL}},
        {"unkind", {"congestion", "sink", NULL}},
        {"plain", {"congestion_plain_LTX_sluice_plugin", NULL, NULL}},
        {"untrue", {"option packets", "default", "'many'"}},
    };
    sluice_registry *registry = open_registry();
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_error error = {0};
        sluice_module *module = NULL;
        CU_ASSERT_EQUAL(sluice_registry_load(registry, SLUICE_CONGESTION, rows[i].name, &module, &error),
                        SLUICE_EPLUGIN);
        CU_ASSERT_PTR_NULL(module);
        CU_ASSERT_EQUAL(strncmp(error.text, TEST_MODULE_DIR "/congestion_", strlen(TEST_MODULE_DIR "/congestion_")),
                        0);
        for (size_t j = 0; j < 3 && rows[i].words[j] != NULL; j++) {
            CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rows[i].words[j]));
            if (strstr(error.text, rows[i].words[j]) == NULL)
                printf("\n    no '%s' in: %s\n", rows[i].words[j], error.text);
        }
    }
    sluice_registry_free(registry);
}

static void unknown_name_gets_the_nearest(void)
{
    sluice_registry *registry = open_registry();
    sluice_error error = {0};
    sluice_module *module = NULL;
    CU_ASSERT_EQUAL(sluice_registry_load(registry, SLUICE_CONGESTION, "godo", &module, &error), SLUICE_EPLUGIN);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "did you mean 'good'?"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, TEST_MODULE_DIR));
    CU_ASSERT_EQUAL(sluice_registry_load(registry, SLUICE_SINK, "good", &module, &error), SLUICE_EPLUGIN);
    sluice_registry_free(registry);
}

/* Names become parts of paths. */
static void names_cannot_leave_the_directory(void)
{
    static const char *const names[] = {"", "../congestion_good", "a/b", "Good", "good.so", "g\xc3\xb6", "a b", "."};
    sluice_registry *registry = open_registry();
    for (size_t i = 0; i < SLUICE_COUNT(names); i++) {
        sluice_module *module = NULL;
        CU_ASSERT_EQUAL(sluice_registry_load(registry, SLUICE_CONGESTION, names[i], &module, NULL), SLUICE_EPLUGIN);
    }
    sluice_registry_free(registry);
}

/* The current directory is never searched, whatever the path says. */
static void current_directory_is_not_searched(void)
{
    char before[4096];
    sluice_registry *registry = NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(before, sizeof(before)));
    CU_ASSERT_EQUAL_FATAL(chdir(TEST_MODULE_DIR), 0);
    CU_ASSERT_EQUAL_FATAL(sluice_registry_new(&registry, NULL), SLUICE_OK);
    sluice_error error = {0};
    sluice_module *module = NULL;
    CU_ASSERT_EQUAL(sluice_registry_add_list(registry, "", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_registry_add_list(registry, "::/nonexistent:", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_registry_add_list(registry, "/nonexistent:.", &error), SLUICE_ECONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "'.'"));
    CU_ASSERT_EQUAL(sluice_registry_load(registry, SLUICE_CONGESTION, "good", &module, NULL), SLUICE_EPLUGIN);
    CU_ASSERT_EQUAL(sluice_registry_add(registry, "/nonexistent", NULL), SLUICE_ECONFIG);
    CU_ASSERT_EQUAL(sluice_registry_add(registry, "/dev/null", NULL), SLUICE_ECONFIG);
    sluice_registry_free(registry);
    CU_ASSERT_EQUAL(chdir(before), 0);
}

static void note(void *user, const sluice_plugin_info *info)
{
    sluice_text_addf(user, "%s/%s:%d ", sluice_kind_name(info->kind), info->name, info->usable);
    CU_ASSERT_EQUAL(info->usable, info->descriptor != NULL);
    CU_ASSERT_EQUAL(info->usable, info->sentence[0] == '\0');
}

static void list_is_sorted_and_whole(void)
{
    sluice_registry *registry = open_registry();
    sluice_text names = {0};
    CU_ASSERT_EQUAL(sluice_registry_list(registry, SLUICE_KINDS, note, &names, NULL), SLUICE_OK);
    /* Plugins that are installed may follow: each kind's in its place. */
    CU_ASSERT_PTR_NOT_NULL(strstr(sluice_text_string(&names), "congestion/abi:0 "));
    const char *good = strstr(sluice_text_string(&names), "congestion/good:1 ");
    const char *failing = strstr(sluice_text_string(&names), "source/failing:1 ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(good);
    CU_ASSERT_PTR_NOT_NULL_FATAL(failing);
    CU_ASSERT(good < failing);
    sluice_text_fini(&names);
    CU_ASSERT_EQUAL(sluice_registry_list(registry, SLUICE_SOURCE, note, &names, NULL), SLUICE_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(sluice_text_string(&names), "source/failing:1 "));
    CU_ASSERT_PTR_NULL(strstr(sluice_text_string(&names), "congestion/"));
    sluice_text_fini(&names);
    sluice_registry_free(registry);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"good plugin loads once", good_plugin_loads_once},
        {"crooked plugins are refused", crooked_plugins_are_refused},
        {"unknown name gets the nearest", unknown_name_gets_the_nearest},
        {"names cannot leave the directory", names_cannot_leave_the_directory},
        {"current directory is not searched", current_directory_is_not_searched},
        {"list is sorted and whole", list_is_sorted_and_whole},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("registry", tests);
}

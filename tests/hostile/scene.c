/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile/scene.h"
#include "unit/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void scene_path(const scene *at, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", at->room, name);
}

static void file_write(const scene *at, const char *name, const char *text)
{
    char path[128];
    scene_path(at, name, path, sizeof path);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static bool file_is(const scene *at, const char *name, const char *text)
{
    char path[128], bytes[256] = "";
    scene_path(at, name, path, sizeof path);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t count = fread(bytes, 1, sizeof bytes - 1, file);
    fclose(file);
    return count == strlen(text) && memcmp(bytes, text, count) == 0;
}

void scene_begin_at(scene *at, const char *max_rate)
{
    char path[128];
    sluice_error error = {0};
    sluice_settings *settings;
    memset(at, 0, sizeof *at);
    snprintf(at->room, sizeof at->room, "/tmp/sluice-guest.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(at->room));
    scene_path(at, "root", path, sizeof path);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0755), 0);
    file_write(at, "secret", SCENE_SECRET);
    file_write(at, "root/file", SCENE_INSIDE);
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&at->loop, &error), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_new(&at->library, &error), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_plugin_dir(at->library, TEST_PLUGIN_DIR, &error), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(at->library, SLUICE_SETTINGS_SERVE, NULL, &settings, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "root", path, &error), SLUICE_OK);
    scene_path(at, "ticket", path, sizeof path);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "ticket-file", path, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "listen", "127.0.0.1:0", &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "timeout", "1s", &error), SLUICE_OK);
    if (max_rate)
        CU_ASSERT_EQUAL(sluice_settings_set(settings, "max-rate", max_rate, &error), SLUICE_OK);
    sluice_server_order order = {.size = sizeof order, .settings = settings};
    CU_ASSERT_EQUAL_FATAL(sluice_server_start(at->library, &order, &at->server, &error), SLUICE_OK);
    sluice_settings_free(settings);
}

void scene_begin(scene *at)
{
    scene_begin_at(at, NULL);
}

void scene_still_serves(scene *at)
{
    char source[64], destination[128], ticket[128];
    const char *sources[] = {source};
    sluice_error error = {0};
    sluice_settings *settings;
    sluice_transfer *transfer;
    snprintf(source, sizeof source, "sluice://127.0.0.1:%d/file", sluice_server_port(at->server));
    scene_path(at, "back", destination, sizeof destination);
    scene_path(at, "ticket", ticket, sizeof ticket);
    unlink(destination);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(at->library, SLUICE_SETTINGS_TRANSFER, NULL, &settings, &error),
                          SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "ticket-file", ticket, &error), SLUICE_OK);
    sluice_transfer_order order = {.size = sizeof order,
                                   .settings = settings,
                                   .sources = sources,
                                   .source_count = 1,
                                   .destination = destination,
                                   .report = {.size = sizeof order.report, .output = -1, .screen = -1, .quiet = true}};
    CU_ASSERT_EQUAL_FATAL(sluice_transfer_start(at->library, &order, &transfer, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_transfer_wait(transfer, NULL, &error), SLUICE_OK);
    sluice_transfer_free(transfer);
    sluice_settings_free(settings);
    CU_ASSERT(file_is(at, "back", SCENE_INSIDE));
}

void scene_end(scene *at)
{
    char command[128];
    sluice_error error = {0};
    scene_still_serves(at);
    CU_ASSERT(file_is(at, "secret", SCENE_SECRET));
    sluice_server_drain(at->server);
    CU_ASSERT_EQUAL(sluice_server_wait(at->server, &error), SLUICE_OK);
    sluice_server_free(at->server);
    sluice_loop_free(at->loop);
    sluice_free(at->library);
    snprintf(command, sizeof command, "rm -rf %s", at->room);
    CU_ASSERT_EQUAL(system(command), 0);
}

void scene_arrive(stranger *s, const scene *at)
{
    char ticket[128];
    scene_path(at, "ticket", ticket, sizeof ticket);
    stranger_init(s, at->library, at->loop, ticket);
}

void scene_meet(stranger *s, const scene *at)
{
    stranger_meet(s, (uint16_t)sluice_server_port(at->server), NULL, 0);
}

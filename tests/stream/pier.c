/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/pier.h"

#include "unit/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void settings_fill(sluice_settings *settings, const char *const *pairs)
{
    sluice_error error = {0};
    for (; pairs && pairs[0]; pairs += 2)
        CU_ASSERT_EQUAL_FATAL(sluice_settings_set(settings, pairs[0], pairs[1], &error), SLUICE_OK);
}

static sluice_settings *settings_of(pier *at, sluice_settings_table table, const char *const *pairs)
{
    char ticket[96];
    sluice_error error = {0};
    sluice_settings *settings;
    snprintf(ticket, sizeof ticket, "%s/ticket", at->room);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(at->library, table, NULL, &settings, &error), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_set(settings, "ticket-file", ticket, &error), SLUICE_OK);
    if (table == SLUICE_SETTINGS_SERVE)
        CU_ASSERT_EQUAL_FATAL(sluice_settings_set(settings, "listen", "127.0.0.1:0", &error), SLUICE_OK);
    settings_fill(settings, pairs);
    return settings;
}

void pier_begin_listening(pier *at, const pier_setup *setup)
{
    sluice_error error = {0};
    memset(at, 0, sizeof *at);
    snprintf(at->room, sizeof at->room, "/tmp/sluice-pier.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(at->room));
    CU_ASSERT_EQUAL_FATAL(sluice_new(&at->library, &error), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_plugin_dir(at->library, TEST_PLUGIN_DIR, &error), SLUICE_OK);
    sluice_settings *settings = settings_of(at, SLUICE_SETTINGS_SERVE, setup->serve);
    sluice_stream_listen_order order = {.size = sizeof order,
                                        .settings = settings,
                                        .requested = setup->requested,
                                        .user = setup->user,
                                        .report = {.size = sizeof order.report, .output = -1, .screen = -1}};
    int status = sluice_stream_listen(at->library, &order, &at->listener, &error);
    if (status != SLUICE_OK)
        fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(status, SLUICE_OK);
    sluice_settings_free(settings);
}

sluice_stream_session *pier_connect(pier *at, const pier_setup *setup)
{
    char address[64];
    sluice_error error = {0};
    sluice_stream_session *session = NULL;
    sluice_settings *settings = settings_of(at, SLUICE_SETTINGS_TRANSFER, setup->transfer);
    snprintf(address, sizeof address, "127.0.0.1:%d",
             sluice_server_port(sluice_stream_listener_server(at->listener)));
    sluice_stream_connect_order order = {.size = sizeof order,
                                         .settings = settings,
                                         .address = address,
                                         .background = setup->background,
                                         .report = {.size = sizeof order.report, .output = -1, .screen = -1, .quiet = true}};
    int status = sluice_stream_connect(at->library, &order, &session, &error);
    if (status != SLUICE_OK)
        fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(status, SLUICE_OK);
    sluice_settings_free(settings);
    return session;
}

void pier_begin(pier *at, const pier_setup *setup)
{
    pier_begin_listening(at, setup);
    at->session = pier_connect(at, setup);
}

void pier_end_listening(pier *at)
{
    char command[128];
    sluice_stream_listener_free(at->listener);
    sluice_free(at->library);
    snprintf(command, sizeof command, "rm -rf %s", at->room);
    CU_ASSERT_EQUAL(system(command), 0);
}

void pier_end(pier *at)
{
    sluice_error error = {0};
    int status = sluice_stream_session_close(at->session, &error);
    if (status != SLUICE_OK)
        fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL(status, SLUICE_OK);
    pier_end_listening(at);
}

sluice_stream *pier_open(sluice_stream_session *session, const char *name, sluice_stream_mode mode)
{
    sluice_error error = {0};
    sluice_stream *stream = NULL;
    sluice_stream_order order = {.size = sizeof order, .name = name, .mode = mode};
    CU_ASSERT_EQUAL_FATAL(sluice_stream_open(session, &order, &stream, &error), SLUICE_OK);
    return stream;
}

sluice_stream *pier_accept(pier *at)
{
    sluice_error error = {0};
    sluice_stream *stream = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_stream_accept(at->listener, 10 * SLUICE_SECOND, &stream, &error), SLUICE_OK);
    return stream;
}

void pier_pair(pier *at, const char *name, sluice_stream_mode mode, sluice_stream **client, sluice_stream **server)
{
    *client = pier_open(at->session, name, mode);
    *server = pier_accept(at);
    CU_ASSERT_STRING_EQUAL(sluice_stream_name(*server), name);
}

static uint8_t byte_at(uint64_t offset, uint64_t seed)
{
    uint64_t word = (offset / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ seed * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint8_t)((word ^ word >> 29) >> 8 * (offset % 8));
}

void pier_fill(uint8_t *bytes, size_t count, uint64_t offset, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = byte_at(offset + i, seed);
}

bool pier_check(const uint8_t *bytes, size_t count, uint64_t offset, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != byte_at(offset + i, seed))
            return false;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"
#include "unit/suite.h"

#include <string.h>

static void addresses_are_split(void)
{
    static const struct {
        const char *text, *host;
        unsigned port;
    } good[] = {
        {"example.org", "example.org", 33001}, {"example.org:1", "example.org", 1},
        {"192.0.2.7:65535", "192.0.2.7", 65535}, {"[2001:db8::1]:80", "2001:db8::1", 80},
        {"[::1]", "::1", 33001},               {"2001:db8::1", "2001:db8::1", 33001},
        {":4000", "", 4000},                   {"[fe80::1%eth0]:0", "fe80::1%eth0", 0},
    };
    static const char *const bad[] = {
        "", "host:", "host:65536", "host:-1", "host:1x", "[::1", "[]:1", "[::1]1", "a b", "a/b:1", "u@h", "h:000001",
        "a\nb", "\x7f",
    };
    char host[SLUICE_ADDRESS_HOST];
    uint16_t port;
    for (size_t i = 0; i < SLUICE_COUNT(good); i++) {
        CU_ASSERT_EQUAL(sluice_address_split(good[i].text, 33001, host, &port, NULL), SLUICE_OK);
        CU_ASSERT_STRING_EQUAL(host, good[i].host);
        CU_ASSERT_EQUAL(port, good[i].port);
    }
    for (size_t i = 0; i < SLUICE_COUNT(bad); i++) {
        sluice_error error = {0};
        CU_ASSERT_EQUAL(sluice_address_split(bad[i], 33001, host, &port, &error), SLUICE_EINVAL);
        CU_ASSERT(error.text[0] != '\0');
    }
    char longest[SLUICE_ADDRESS_HOST + 1];
    memset(longest, 'a', sizeof(longest));
    longest[SLUICE_ADDRESS_HOST - 1] = '\0';
    CU_ASSERT_EQUAL(sluice_address_split(longest, 1, host, &port, NULL), SLUICE_OK);
    longest[SLUICE_ADDRESS_HOST - 1] = 'a';
    longest[SLUICE_ADDRESS_HOST] = '\0';
    CU_ASSERT_EQUAL(sluice_address_split(longest, 1, host, &port, NULL), SLUICE_EINVAL);
}

static void numeric_addresses_become_text_again(void)
{
    static const struct {
        const char *host, *text;
        bool loopback, any;
        unsigned header;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1:7", true, false, 28},    {"127.255.0.9", "127.255.0.9:7", true, false, 28},
        {"::1", "[::1]:7", true, false, 48},              {"::ffff:127.0.0.1", "127.0.0.1:7", true, false, 28},
        {"128.0.0.1", "128.0.0.1:7", false, false, 28},   {"2001:DB8:0::5", "[2001:db8::5]:7", false, false, 48},
        {"", "[::]:7", false, true, 48},                  {"*", "[::]:7", false, true, 48},
        {"0.0.0.0", "0.0.0.0:7", false, true, 28},        {"fe80::1%lo", "[fe80::1%lo]:7", false, false, 48},
    };
    char text[SLUICE_ADDRESS_TEXT];
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_address address;
        CU_ASSERT_EQUAL_FATAL(sluice_address_numeric(rows[i].host, 7, &address), SLUICE_OK);
        CU_ASSERT_STRING_EQUAL(sluice_address_text(&address, text), rows[i].text);
        CU_ASSERT_EQUAL(sluice_address_is_loopback(&address), rows[i].loopback);
        CU_ASSERT_EQUAL(sluice_address_is_any(&address), rows[i].any);
        CU_ASSERT_EQUAL(sluice_address_header_bytes(&address), rows[i].header);
        CU_ASSERT_EQUAL(sluice_address_port(&address), 7);
    }
    static const char *const bad[] = {"example.org", "1.2.3", "1.2.3.4.5", ":::", "::1%nosuchlink0", "1.2.3.4%lo"};
    sluice_address untouched = {0};
    for (size_t i = 0; i < SLUICE_COUNT(bad); i++)
        CU_ASSERT_EQUAL(sluice_address_numeric(bad[i], 7, &untouched), SLUICE_EINVAL);
    CU_ASSERT(sluice_address_is_none(&untouched));
    CU_ASSERT_STRING_EQUAL(sluice_address_text(&untouched, text), "none");
}

static void addresses_compare(void)
{
    sluice_address a, b;
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("192.0.2.1", 1, &a), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("::ffff:192.0.2.1", 1, &b), SLUICE_OK);
    CU_ASSERT(sluice_address_equal(&a, &b));
    sluice_address_port_set(&b, 2);
    CU_ASSERT_FALSE(sluice_address_equal(&a, &b));
    CU_ASSERT(sluice_address_same_host(&a, &b));
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("192.0.2.2", 1, &b), SLUICE_OK);
    CU_ASSERT_FALSE(sluice_address_same_host(&a, &b));
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("::1", 1, &b), SLUICE_OK);
    CU_ASSERT_FALSE(sluice_address_same_host(&a, &b));
}

static void mapping_is_undone_on_the_way_back(void)
{
    sluice_address v4, back;
    struct sockaddr_in6 raw;
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("192.0.2.1", 9, &v4), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_address_give(&v4, AF_INET, &raw), sizeof(struct sockaddr_in));
    CU_ASSERT_EQUAL(sluice_address_give(&v4, AF_INET6, &raw), sizeof(struct sockaddr_in6));
    CU_ASSERT(IN6_IS_ADDR_V4MAPPED(&raw.sin6_addr));
    CU_ASSERT_EQUAL(sluice_address_take((struct sockaddr *)&raw, sizeof(raw), &back), SLUICE_OK);
    CU_ASSERT(sluice_address_equal(&v4, &back));
    CU_ASSERT_EQUAL(sluice_address_take((struct sockaddr *)&raw, 8, &back), SLUICE_EINVAL);
    sluice_address v6;
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("::1", 9, &v6), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_address_give(&v6, AF_INET, &raw), 0);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"addresses are split", addresses_are_split},
        {"numeric addresses become text again", numeric_addresses_become_text_again},
        {"addresses compare", addresses_compare},
        {"mapping is undone on the way back", mapping_is_undone_on_the_way_back},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_address", tests);
}

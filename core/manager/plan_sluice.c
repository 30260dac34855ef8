/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that is sluice itself. */
#include "manager/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void string(sluice_text *out, const char *text)
{
    sluice_text_add_bytes(out, text, strlen(text) + 1);
}

/* Nothing where there is no value. */
static void record(sluice_text *out, const char *word, const char *value)
{
    if (value == NULL)
        return;
    string(out, word);
    string(out, value);
}

static void set(sluice_text *out, const char *key, const char *value)
{
    if (value == NULL)
        return;
    string(out, "set");
    string(out, key);
    string(out, value);
}

static void number(sluice_text *out, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    string(out, digits);
}

/* What a wish has taken the place of.  A congestion control of its own does not go with a policy. */
static bool is_overruled(const char *key, const sluice_wishes *wishes)
{
    return (wishes->policy_set && (strcmp(key, "policy") == 0 || strcmp(key, "congestion") == 0)) ||
           (wishes->rate_set && strcmp(key, "rate") == 0) ||
           ((wishes->rate_set || wishes->minimum_set) && strcmp(key, "min-rate") == 0);
}

/* Dots are in keys of plugins alone. */
static void add_options(sluice_text *out, const sluice_order *order, const sluice_wishes *wishes)
{
    for (size_t i = 0; i < order->option_count; i++) {
        const sluice_order_option *option = &order->options[i];
        if (strchr(option->key, '.') == NULL) {
            if (!is_overruled(option->key, wishes))
                set(out, option->key, option->value);
            continue;
        }
        string(out, "assign");
        sluice_text_add(out, option->key);
        sluice_text_add(out, "=");
        string(out, option->value);
    }
}

static void set_number(sluice_text *out, const char *key, uint64_t value)
{
    string(out, "set");
    string(out, key);
    number(out, value);
}

static sluice_rate rate_wanted(const sluice_order *order, const sluice_wishes *wishes)
{
    uint64_t rate = 0;
    (void)sluice_settings_number(order->settings, "rate", &rate);
    return wishes->rate_set ? wishes->rate_bps : rate;
}

/* Wishes that a worker can begin with.  The others change nothing of a session that runs, and so they must not keep the next
 * one from coming about: the policy fixed without a rate keeps the one that there was, or is left to a message. */
static sluice_wishes wishes_possible(const sluice_order *order, const sluice_wishes *wishes)
{
    sluice_wishes out = *wishes;
    bool fixed = strcmp(out.policy_set ? out.policy : order->policy, "fixed") == 0;
    out.rate_set = out.rate_set && !(fixed && out.rate_bps == 0);
    out.policy_set = out.policy_set && !(fixed && rate_wanted(order, &out) == 0);
    return out;
}

/* Both rates, so that they go together: a minimum above the target would be refused. */
static void add_wishes(sluice_text *out, const sluice_order *order, const sluice_wishes *wishes)
{
    uint64_t rate = rate_wanted(order, wishes), minimum = 0;
    (void)sluice_settings_number(order->settings, "min-rate", &minimum);
    if (wishes->minimum_set)
        minimum = wishes->minimum_bps;
    if (rate != 0 && minimum > rate)
        minimum = rate;
    if (wishes->rate_set)
        set_number(out, "rate", rate);
    if (wishes->rate_set || wishes->minimum_set)
        set_number(out, "min-rate", minimum);
    if (wishes->policy_set)
        set(out, "policy", wishes->policy);
}

static void add_remote(sluice_text *out, const sluice_order *order)
{
    char digits[8];
    set(out, "ticket-file", order->remote.ticket_file);
    set(out, "pin", order->remote.fingerprint);
    record(out, "ticket", order->remote.ticket);
    record(out, "password", order->remote.password);
    record(out, "ssh-key", order->remote.key_file);
    if (order->remote.ssh && order->remote.port != 0) {
        snprintf(digits, sizeof digits, "%u", order->remote.port);
        record(out, "ssh-port", digits);
    }
}

static void add_address(sluice_text *out, const sluice_order *order, bool remote, const char *path)
{
    if (remote)
        sluice_plan_remote(out, order, path);
    else
        sluice_plan_local(out, path);
    sluice_text_add_bytes(out, "", 1);
}

static void add_paths(sluice_text *out, const sluice_order *order)
{
    bool pull = order->direction == SLUICE_PULL;
    string(out, "destination");
    add_address(out, order, !pull, order->destination);
    /* Where sources are, and plain paths there: as those are that come later, so that one can be dropped by its path. */
    string(out, "base");
    add_address(out, order, pull, pull ? "" : ".");
    for (size_t i = 0; i < order->count; i++) {
        const sluice_order_entry *entry = &order->entries[i];
        if (entry->dropped)
            continue;
        string(out, "path");
        string(out, entry->path);
        string(out, entry->as != NULL ? entry->as : "");
        number(out, entry->from);
        if (entry->to == SLUICE_UNKNOWN)
            string(out, "");
        else
            number(out, entry->to);
    }
}

int sluice_plan_sluice(sluice_plan *plan, const sluice_plan_spec *spec, sluice_error *error)
{
    const sluice_order *order = spec->order;
    sluice_strings_add(&plan->words, spec->program);
    sluice_strings_add(&plan->words, "worker");
    sluice_strings_addf(&plan->words, "%d", SLUICE_PLAN_INPUT);
    sluice_strings_addf(&plan->words, "%d", SLUICE_PLAN_MANAGEMENT);
    record(&plan->input, "plugin-path", spec->plugin_path);
    const sluice_wishes wishes = wishes_possible(order, spec->wishes);
    add_options(&plan->input, order, &wishes);
    add_wishes(&plan->input, order, &wishes);
    set(&plan->input, "management-user", spec->user);
    set(&plan->input, "management-cookie", order->cookie);
    set(&plan->input, "management-tags", order->tags);
    set(&plan->input, "management-extended", "yes");
    if (!order->outlive)
        set(&plan->input, "management-required", "yes");
    add_remote(&plan->input, order);
    if (order->persistent)
        string(&plan->input, "persistent");
    add_paths(&plan->input, order);
    plan->has_input = true;
    if (plan->words.failed || plan->input.failed)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the order of a worker");
    return SLUICE_OK;
}

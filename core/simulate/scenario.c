/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/scenario.h"

#include "base/text.h"
#include "plugin/configuration.h"
#include "plugin/ini.h"
#include "plugin/library.h"
#include "simulate/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MOST 1000

/* ---- parts ---- */

static size_t option_index(sluice_option_table table, const char *key)
{
    const sluice_option *option = sluice_option_find(table, key);
    return option == NULL ? table.count : (size_t)(option - table.options);
}

bool sluice_part_given(const sluice_part *part, const char *key)
{
    sluice_option_table table = sluice_part_options(part->type);
    size_t index = option_index(table, key);
    return index < table.count && (part->given >> index & 1) != 0;
}

sluice_part *sluice_scenario_part(const sluice_scenario *scenario, sluice_part_type type, const char *name)
{
    for (size_t i = 0; i < scenario->count; i++) {
        if (scenario->parts[i].type == type && strcmp(scenario->parts[i].name, name) == 0)
            return &scenario->parts[i];
    }
    return NULL;
}

static sluice_part *part_add(sluice_scenario *scenario, sluice_part_type type, const char *name, sluice_error *error)
{
    if (scenario->count >= PARTS_MOST) {
        sluice_fail(error, SLUICE_EINVAL, "more than %d sections", PARTS_MOST);
        return NULL;
    }
    sluice_part *parts = realloc(scenario->parts, (scenario->count + 1) * sizeof(*parts));
    if (parts == NULL) {
        sluice_fail(error, SLUICE_ENOMEM, "out of memory");
        return NULL;
    }
    scenario->parts = parts;
    sluice_part *part = &parts[scenario->count];
    *part = (sluice_part){.type = type};
    snprintf(part->name, sizeof(part->name), "%s", name);
    if (sluice_option_defaults(sluice_part_options(type), &part->config, error) != SLUICE_OK)
        return NULL;
    scenario->count++;
    return part;
}

bool sluice_scenario_word(const char **list, char *word, size_t bytes)
{
    return *list != NULL && sluice_settings_list(list, word, bytes);
}

unsigned sluice_scenario_way(const sluice_scenario *scenario, const char *list, const sluice_part **out, unsigned most)
{
    char word[64];
    unsigned count = 0;
    if (list == NULL) {
        for (size_t i = 0; i < scenario->count && count < most; i++) {
            if (scenario->parts[i].type == SLUICE_PART_LINK)
                out[count++] = &scenario->parts[i];
        }
        return count;
    }
    while (sluice_scenario_word(&list, word, sizeof(word)) && count < most) {
        const sluice_part *part = sluice_scenario_part(scenario, SLUICE_PART_LINK, word);
        if (part != NULL)
            out[count++] = part;
    }
    return count;
}

/* ---- reading ---- */

/* names: of a first reading, which finds out what there is to be referred to. */
typedef struct reading {
    sluice_scenario *scenario;
    const sluice_scenario *names; /* NULL: this is the first reading */
    sluice_part *part;            /* where values go */
    sluice_section *section;      /* or there: options of a plugin */
    unsigned line;
    void (*each)(void *user, const char *sentence);
    void *user;
    sluice_error first; /* complaint, where there is nobody to tell each */
    unsigned complaints;
} reading;

static void complain(void *user, const char *sentence)
{
    reading *r = user;
    if (r->names == NULL)
        return;
    if (r->complaints++ == 0)
        sluice_fail(&r->first, SLUICE_ECONFIG, "%s", sentence);
    if (r->each != NULL)
        r->each(r->user, sentence);
}

static int unknown_section(const char *text, sluice_error *error)
{
    char word[64];
    sluice_text hint = {0};
    sluice_nearest nearest = SLUICE_NEAREST_START;
    snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, " \t"), text);
    for (int type = 0; type < SLUICE_PART_TYPES; type++)
        sluice_nearest_try(&nearest, word, sluice_part_word((sluice_part_type)type));
    sluice_nearest_try(&nearest, word, sluice_kind_name(SLUICE_CONGESTION));
    sluice_nearest_try(&nearest, word, sluice_kind_name(SLUICE_TRANSPORT));
    sluice_nearest_add(&nearest, &hint);
    sluice_fail(error, SLUICE_EINVAL, "a scenario has no section '%s'%s", text, sluice_text_string(&hint));
    sluice_text_fini(&hint);
    return SLUICE_EINVAL;
}

/* [congestion NAME] and [transport NAME] are what they are everywhere. */
static int plugin_section(reading *r, const char *text, sluice_error *error)
{
    sluice_section_name name;
    int status = sluice_section_name_parse(text, ' ', &name, error);
    if (status != SLUICE_OK)
        return status;
    if (name.type != SLUICE_SECTION_PLUGIN || (name.kind != SLUICE_CONGESTION && name.kind != SLUICE_TRANSPORT))
        return unknown_section(text, error);
    if (r->names == NULL)
        return SLUICE_OK;
    sluice_module *module;
    status = sluice_registry_load(r->scenario->library->registry, name.kind, name.name, &module, error);
    if (status != SLUICE_OK)
        return SLUICE_EINVAL;
    sluice_registry_release(r->scenario->library->registry, module);
    r->section = sluice_configuration_section(&r->scenario->library->configuration, &name);
    return r->section == NULL ? sluice_fail(error, SLUICE_ENOMEM, "out of memory") : SLUICE_OK;
}

static int part_find(reading *r, sluice_part_type type, const char *name, sluice_error *error)
{
    if (type == SLUICE_PART_SIMULATION && *name != '\0')
        return sluice_fail(error, SLUICE_EINVAL, "section 'simulation' has no name behind it");
    if (type != SLUICE_PART_SIMULATION && *name == '\0')
        return sluice_fail(error, SLUICE_EINVAL, "section '%s' needs a name behind it", sluice_part_word(type));
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (name[strspn(name, allowed)] != '\0')
        return sluice_fail(error, SLUICE_EINVAL, "'%s' cannot be a name: only letters, digits, '-' and '_'", name);
    sluice_part *part = sluice_scenario_part(r->scenario, type, name);
    if (part != NULL && part->line != 0)
        return sluice_fail(error, SLUICE_EINVAL, "section '%s%s%s' is there already, in line %u", sluice_part_word(type),
                           *name == '\0' ? "" : " ", name, part->line);
    if (part == NULL)
        part = part_add(r->scenario, type, name, error);
    if (part == NULL)
        return SLUICE_EINVAL;
    part->line = r->line;
    r->part = part;
    return SLUICE_OK;
}

static int take_section(void *user, const char *text, sluice_error *error)
{
    reading *r = user;
    size_t length = strcspn(text, " \t");
    r->part = NULL;
    r->section = NULL;
    for (int type = 0; type < SLUICE_PART_TYPES; type++) {
        const char *word = sluice_part_word((sluice_part_type)type);
        if (strlen(word) == length && strncmp(word, text, length) == 0)
            return part_find(r, (sluice_part_type)type, text + length + strspn(text + length, " \t"), error);
    }
    if (sluice_kind_find(text, length) == SLUICE_KINDS)
        return unknown_section(text, error);
    return plugin_section(r, text, error);
}

static int unknown_name(const sluice_scenario *names, const char *what, const char *key, const char *word, bool links,
                        sluice_error *error)
{
    sluice_text hint = {0};
    sluice_nearest nearest = SLUICE_NEAREST_START;
    for (size_t i = 0; i < names->count; i++) {
        if ((names->parts[i].type == SLUICE_PART_LINK) == links)
            sluice_nearest_try(&nearest, word, names->parts[i].name);
    }
    sluice_nearest_add(&nearest, &hint);
    sluice_fail(error, SLUICE_EINVAL, "%s: there is no %s '%s'%s", key, what, word, sluice_text_string(&hint));
    sluice_text_fini(&hint);
    return SLUICE_EINVAL;
}

static int check_links(const sluice_scenario *names, const char *value, sluice_error *error)
{
    char word[64];
    unsigned count = 0;
    while (sluice_scenario_word(&value, word, sizeof(word))) {
        if (sluice_scenario_part(names, SLUICE_PART_LINK, word) == NULL)
            return unknown_name(names, "link", "link", word, true, error);
        if (++count > SLUICE_SIM_HOPS)
            return sluice_fail(error, SLUICE_EINVAL, "link: more than %d, one behind the other", SLUICE_SIM_HOPS);
    }
    return count > 0 ? SLUICE_OK : sluice_fail(error, SLUICE_EINVAL, "link: names none");
}

static int check_plugin(const sluice_scenario *scenario, const char *key, const char *name, sluice_error *error)
{
    sluice_module *module;
    sluice_error why = {0};
    int status = sluice_registry_load(scenario->library->registry, SLUICE_CONGESTION, name, &module, &why);
    if (status != SLUICE_OK)
        return sluice_fail(error, SLUICE_EINVAL, "%s: %s", key, why.text);
    sluice_registry_release(scenario->library->registry, module);
    return SLUICE_OK;
}

/* What no type of an option can tell: names of other sections, and of plugins. */
static int check_value(const sluice_scenario *scenario, const sluice_scenario *names, const sluice_part *part,
                       const char *key, const char *value, sluice_error *error)
{
    if (strcmp(key, "link") == 0)
        return check_links(names, value, error);
    if (part->type == SLUICE_PART_FLOW && (strcmp(key, "congestion") == 0 || strcmp(key, "policy") == 0))
        return check_plugin(scenario, key, value, error);
    if (part->type == SLUICE_PART_EVENT && strcmp(key, "flow") == 0 &&
        sluice_scenario_part(names, SLUICE_PART_FLOW, value) == NULL)
        return unknown_name(names, "flow", "flow", value, false, error);
    return SLUICE_OK;
}

static int assign(const sluice_scenario *scenario, const sluice_scenario *names, sluice_part *part, const char *key,
                  const char *value, bool set, sluice_error *error)
{
    sluice_option_table table = sluice_part_options(part->type);
    const sluice_option *option = sluice_option_find(table, key);
    if (option == NULL) {
        char nearest[SLUICE_OPTION_KEY_BYTES];
        if (sluice_option_nearest(table, key, nearest))
            return sluice_fail(error, SLUICE_EINVAL, "unknown key '%s'; did you mean '%s'?", key, nearest);
        return sluice_fail(error, SLUICE_EINVAL, "unknown key '%s'", key);
    }
    uint64_t bit = UINT64_C(1) << (option - table.options);
    bool repeat = (option->flags & SLUICE_OPTION_REPEAT) != 0;
    if (!set && !repeat && (part->given & bit) != 0)
        return sluice_fail(error, SLUICE_EINVAL, "key '%s' is there twice", key);
    int status = check_value(scenario, names, part, key, value, error);
    if (status == SLUICE_OK)
        status = sluice_option_set(option, &part->config, value, repeat && (part->given & bit) != 0, error);
    if (status == SLUICE_OK)
        part->given |= bit;
    return status;
}

static int take_value(void *user, const char *key, const char *value, sluice_error *error)
{
    reading *r = user;
    if (r->names == NULL)
        return SLUICE_OK;
    if (r->part != NULL)
        return assign(r->scenario, r->names, r->part, key, value, false, error);
    return sluice_section_assign(r->section, r->scenario->library->registry, false, key, value, error);
}

/* ---- what goes together ---- */

SLUICE_PRINTF(3, 4)
static void complain_of(reading *r, const sluice_part *part, const char *format, ...)
{
    char why[600];
    sluice_text sentence = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    if (part != NULL && part->line != 0)
        sluice_text_addf(&sentence, "%s:%u: %s '%s' %s", r->scenario->path, part->line, sluice_part_word(part->type),
                         part->name, why);
    else
        sluice_text_addf(&sentence, "%s: %s", r->scenario->path, why);
    complain(r, sluice_text_string(&sentence));
    sluice_text_fini(&sentence);
}

static void check_way(reading *r, const sluice_part *part, const char *link)
{
    const sluice_part *way[2];
    if (link == NULL && sluice_scenario_way(r->scenario, NULL, way, 2) > 1)
        complain_of(r, part, "has to say which link it takes: there are several");
}

/* Options of a flow's own are checked against its plugin's table. */
static void check_own(reading *r, const sluice_part *part, const char *plugin)
{
    char word[512];
    sluice_error error = {0};
    sluice_module *module;
    for (const char *at = part->config.flow.set; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "\n"), key = strcspn(at, "=\n");
        snprintf(word, sizeof(word), "%.*s", (int)length, at);
        at += length + (at[length] == '\n');
        if (key >= length || key >= sizeof(word) || length >= sizeof(word)) {
            complain_of(r, part, "sets '%.100s', which is not KEY=VALUE", word);
            continue;
        }
        word[key] = '\0';
        if (sluice_registry_load(r->scenario->library->registry, SLUICE_CONGESTION, plugin, &module, &error) != SLUICE_OK)
            return;
        sluice_section scratch = {.name = {.type = SLUICE_SECTION_PLUGIN, .kind = SLUICE_CONGESTION}};
        snprintf(scratch.name.name, sizeof(scratch.name.name), "%s", plugin);
        if (sluice_section_assign(&scratch, r->scenario->library->registry, false, word, word + key + 1, &error) != SLUICE_OK)
            complain_of(r, part, "sets what congestion/%s does not take: %s", plugin, error.text);
        for (size_t i = 0; i < scratch.count; i++) {
            free(scratch.assignments[i].key);
            free(scratch.assignments[i].value);
        }
        free(scratch.assignments);
        sluice_registry_release(r->scenario->library->registry, module);
    }
}

static void check_flow(reading *r, const sluice_part *part)
{
    const sluice_flow_config *flow = &part->config.flow;
    check_way(r, part, flow->link);
    if (flow->congestion != NULL && flow->policy != NULL && strcmp(flow->congestion, flow->policy) != 0)
        complain_of(r, part, "has policy %s and congestion %s, which are not the same", flow->policy, flow->congestion);
    if (flow->stop != 0 && flow->stop <= flow->start)
        complain_of(r, part, "stops before it starts");
    if (flow->rate != 0 && flow->min_rate > flow->rate)
        complain_of(r, part, "has a min-rate above its rate");
    check_own(r, part, flow->congestion != NULL ? flow->congestion : flow->policy != NULL ? flow->policy : "fair");
}

static void check_event(reading *r, const sluice_part *part)
{
    static const char *const of_links[] = {"delay", "loss", "jitter", "queue", "policer", "outage", "direction"};
    static const char *const of_flows[] = {"min-rate", "weight"};
    const sluice_event_config *event = &part->config.event;
    bool changes = sluice_part_given(part, "rate");
    if (event->flow != NULL && event->link != NULL) {
        complain_of(r, part, "is about a link and a flow; make two of it");
        return;
    }
    if (event->flow == NULL)
        check_way(r, part, event->link);
    for (size_t i = 0; i < SLUICE_COUNT(of_links); i++) {
        if (event->flow != NULL && sluice_part_given(part, of_links[i]))
            complain_of(r, part, "is about a flow, which has no %s", of_links[i]);
        changes = changes || (i + 1 < SLUICE_COUNT(of_links) && sluice_part_given(part, of_links[i]));
    }
    for (size_t i = 0; i < SLUICE_COUNT(of_flows); i++) {
        if (event->flow == NULL && sluice_part_given(part, of_flows[i]))
            complain_of(r, part, "is about a link, which has no %s; say which flow", of_flows[i]);
        changes = changes || sluice_part_given(part, of_flows[i]);
    }
    if (!changes)
        complain_of(r, part, "changes nothing");
}

static void check_competitor(reading *r, const sluice_part *part)
{
    const sluice_competitor_config *competitor = &part->config.competitor;
    check_way(r, part, competitor->link);
    if (competitor->kind == SLUICE_STEADY && competitor->rate == 0)
        complain_of(r, part, "is steady and has no rate");
    if (competitor->kind != SLUICE_STEADY && competitor->rate != 0)
        complain_of(r, part, "has a rate, which only a steady one has");
    if (competitor->stop != 0 && competitor->stop <= competitor->start)
        complain_of(r, part, "stops before it starts");
}

static void check_all(reading *r)
{
    const sluice_part *any[1];
    bool sends = false;
    for (size_t i = 0; i < r->scenario->count; i++) {
        const sluice_part *part = &r->scenario->parts[i];
        sends = sends || part->type == SLUICE_PART_FLOW || part->type == SLUICE_PART_COMPETITOR;
        if (part->type == SLUICE_PART_FLOW)
            check_flow(r, part);
        else if (part->type == SLUICE_PART_COMPETITOR)
            check_competitor(r, part);
        else if (part->type == SLUICE_PART_EVENT)
            check_event(r, part);
    }
    if (sluice_scenario_way(r->scenario, NULL, any, 1) == 0)
        complain_of(r, NULL, "there is no [link NAME]");
    if (!sends)
        complain_of(r, NULL, "there is no [flow NAME] and no [competitor NAME]");
    const sluice_simulation_config *simulation = &r->scenario->parts[0].config.simulation;
    if (simulation->from >= simulation->duration)
        complain_of(r, &r->scenario->parts[0], "is judged from its end on");
}

/* ---- the whole ---- */

static sluice_scenario *scenario_new(sluice *library, const char *path, sluice_error *error)
{
    sluice_scenario *scenario = calloc(1, sizeof(*scenario));
    if (scenario != NULL) {
        scenario->library = library;
        scenario->path = strdup(path);
    }
    if (scenario == NULL || scenario->path == NULL) {
        sluice_fail(error, SLUICE_ENOMEM, "out of memory");
        sluice_scenario_free(scenario);
        return NULL;
    }
    if (part_add(scenario, SLUICE_PART_SIMULATION, "", error) == NULL) {
        sluice_scenario_free(scenario);
        return NULL;
    }
    return scenario;
}

void sluice_scenario_free(sluice_scenario *scenario)
{
    if (scenario == NULL)
        return;
    for (size_t i = 0; i < scenario->count; i++)
        sluice_option_fini(sluice_part_options(scenario->parts[i].type), &scenario->parts[i].config);
    free(scenario->parts);
    free(scenario->path);
    free(scenario);
}

/* What a list of errors ends in, where nobody was told them one by one. */
static int sum_up(const reading *r, sluice_error *error)
{
    if (r->each != NULL) {
        if (error != NULL)
            *error = (sluice_error){.status = SLUICE_ECONFIG};
    } else if (r->complaints > 1) {
        sluice_fail(error, SLUICE_ECONFIG, "%s (and %u more)", r->first.text, r->complaints - 1);
    } else {
        sluice_fail(error, SLUICE_ECONFIG, "%s", r->first.text);
    }
    return SLUICE_ECONFIG;
}

/* text NULL: from the file. */
static int read_once(reading *r, const char *text, sluice_error *error)
{
    sluice_ini_handler handler = {
        .user = r, .section = take_section, .value = take_value, .complain = complain, .line = &r->line};
    if (text != NULL)
        return sluice_ini_parse(r->scenario->path, text, strlen(text), &handler, error);
    return sluice_ini_read(r->scenario->path, &handler, error);
}

static int read_scenario(sluice *instance, const char *path, const char *text, reading *second, sluice_scenario **out,
                         sluice_error *error)
{
    sluice_scenario *names = scenario_new(instance, path, error);
    sluice_scenario *scenario = names == NULL ? NULL : scenario_new(instance, path, error);
    reading first = {.scenario = names};
    int status = SLUICE_ENOMEM;
    second->scenario = scenario;
    second->names = names;
    if (scenario != NULL) {
        read_once(&first, text, NULL);
        status = read_once(second, text, error);
        if (status == SLUICE_OK || second->complaints > 0)
            check_all(second);
        if (second->complaints > 0)
            status = sum_up(second, error);
    }
    sluice_scenario_free(names);
    if (status != SLUICE_OK) {
        sluice_scenario_free(scenario);
        return status;
    }
    *out = scenario;
    return SLUICE_OK;
}

int sluice_scenario_read(sluice *instance, const char *path, void (*each)(void *user, const char *sentence), void *user,
                         sluice_scenario **out, sluice_error *error)
{
    reading r = {.each = each, .user = user};
    return read_scenario(instance, path, NULL, &r, out, error);
}

int sluice_scenario_parse(sluice *instance, const char *name, const char *text, sluice_scenario **out, sluice_error *error)
{
    reading r = {.each = NULL};
    return read_scenario(instance, name, text, &r, out, error);
}

/* "simulation.KEY", "link.NAME.KEY"; all else is the configuration's. */
int sluice_scenario_set(sluice_scenario *scenario, const char *assignment, sluice_error *error)
{
    size_t word = strcspn(assignment, ".="), equals = strcspn(assignment, "=");
    for (int type = 0; type < SLUICE_PART_TYPES; type++) {
        char name[64] = "", key[64];
        const char *expected = sluice_part_word((sluice_part_type)type), *rest = assignment + word + 1;
        if (strlen(expected) != word || strncmp(expected, assignment, word) != 0 || assignment[word] != '.')
            continue;
        if (assignment[equals] == '\0')
            return sluice_fail(error, SLUICE_EUSAGE, "'%s' is not SECTION.NAME.KEY=VALUE", assignment);
        if (type != SLUICE_PART_SIMULATION) {
            size_t length = strcspn(rest, ".=");
            snprintf(name, sizeof(name), "%.*s", (int)length, rest);
            rest += length + (rest[length] == '.');
        }
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(rest, "="), rest);
        sluice_part *part = sluice_scenario_part(scenario, (sluice_part_type)type, name);
        if (part == NULL)
            return sluice_fail(error, SLUICE_EUSAGE, "the scenario has no %s '%s'", expected, name);
        sluice_error why = {0};
        if (assign(scenario, scenario, part, key, assignment + equals + 1, true, &why) != SLUICE_OK)
            return sluice_fail(error, SLUICE_EUSAGE, "%s: %s", assignment, why.text);
        return SLUICE_OK;
    }
    return sluice_config_set(scenario->library, assignment, error);
}

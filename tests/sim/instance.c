/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/instance.h"

#include "base/units.h"
#include <stdlib.h>
#include <string.h>

static int set(void *config, const sluice_option *option, const char *text)
{
    void *field = (char *)config + option->offset;
    char *end = NULL;

    if (!text)
        return SLUICE_OK;
    switch (option->type) {
    case SLUICE_OPTION_BOOL_TYPE:
        *(bool *)field = !strcmp(text, "yes") || !strcmp(text, "true") || !strcmp(text, "on") || !strcmp(text, "1");
        return SLUICE_OK;
    case SLUICE_OPTION_INT_TYPE:
        *(int64_t *)field = strtoll(text, &end, 10);
        return *end ? SLUICE_ECONFIG : SLUICE_OK;
    case SLUICE_OPTION_REAL_TYPE:
        *(double *)field = strtod(text, &end);
        return *end ? SLUICE_ECONFIG : SLUICE_OK;
    case SLUICE_OPTION_SIZE_TYPE:
        return sluice_units_size_parse(text, field, NULL);
    case SLUICE_OPTION_RATE_TYPE:
        return sluice_units_rate_parse(text, field, NULL);
    case SLUICE_OPTION_DURATION_TYPE:
        return sluice_units_duration_parse(text, option->unit, field, NULL);
    default:
        return SLUICE_ECONFIG;
    }
}

static int set_named(sim_instance *instance, const char *setting)
{
    const sluice_plugin *plugin = instance->plugin;
    const char *value = strchr(setting, '=');
    char name[64];
    size_t length = value ? (size_t)(value - setting) : 0;

    if (!length || length >= sizeof(name))
        return SLUICE_ECONFIG;
    memcpy(name, setting, length);
    name[length] = 0;
    for (char *c = name; *c; c++)
        *c = *c == '-' ? '_' : *c; /* The macros of option.h name an option as its field. */
    for (size_t i = 0; i < plugin->option_count; i++)
        if (!strcmp(plugin->options[i].name, name))
            return set(instance->config, &plugin->options[i], value + 1);
    return SLUICE_ECONFIG;
}

static int set_all(sim_instance *instance, const char *settings)
{
    char text[256], *rest = text, *word;
    int status = SLUICE_OK;

    if (strlen(settings) >= sizeof(text))
        return SLUICE_ECONFIG;
    strcpy(text, settings);
    while (!status && (word = strsep(&rest, " ")))
        if (*word)
            status = set_named(instance, word);
    return status;
}

int sim_instance_init(sim_instance *instance, const sluice_plugin *plugin, const char *settings)
{
    sim_instance made = {.plugin = plugin};
    int status = SLUICE_OK;

    made.state = calloc(1, plugin->state_size);
    made.config = calloc(1, plugin->config_size ? plugin->config_size : 1);
    if (!made.state || !made.config)
        status = SLUICE_ENOMEM;
    for (size_t i = 0; !status && i < plugin->option_count; i++)
        status = set(made.config, &plugin->options[i], plugin->options[i].def);
    if (!status && settings)
        status = set_all(&made, settings);
    if (status) {
        sim_instance_fini(&made);
        return status;
    }
    *instance = made;
    return SLUICE_OK;
}

void sim_instance_fini(sim_instance *instance)
{
    free(instance->state);
    free(instance->config);
    *instance = (sim_instance){.plugin = NULL};
}

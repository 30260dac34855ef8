/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/store_fixture.h"
#include "unit/suite.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int SLUICE_PRINTF(3, 4) fail(const sluice_host *host, int status, const char *format, ...)
{
    store_fixture *fixture = host->owner;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fixture->sentence, sizeof fixture->sentence, format, args);
    va_end(args);
    return status;
}

static void log_nothing(const sluice_host *host, sluice_log_level level, const char *format, ...)
{
    (void)host, (void)level, (void)format;
}

static void *resize(const sluice_host *host, void *memory, size_t bytes)
{
    store_fixture *fixture = host->owner;
    if (bytes == 0) {
        free(memory);
        fixture->live--;
        return NULL;
    }
    if (++fixture->allocations == fixture->fail_at)
        return NULL;
    fixture->live += memory == NULL;
    return realloc(memory, bytes);
}

static void fill_random(const sluice_host *host, void *out, size_t bytes)
{
    (void)host;
    memset(out, 7, bytes);
}

bool store_fixture_init(store_fixture *fixture, const char *name)
{
    char path[512];
    *fixture = (store_fixture){
        .host = {
            .size = sizeof(sluice_host), .log = log_nothing, .fail = fail, .resize = resize, .random = fill_random}};
    fixture->host.owner = fixture;
    (void)snprintf(path, sizeof path, "%s/%s.so", TEST_PLUGIN_DIR, name);
    fixture->module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (fixture->module == NULL) {
        printf("%s\n", dlerror());
        return false;
    }
    (void)snprintf(path, sizeof path, "%s_LTX_sluice_plugin", name);
    fixture->plugin = dlsym(fixture->module, path);
    if (fixture->plugin != NULL)
        fixture->state = calloc(1, fixture->plugin->state_size);
    return fixture->state != NULL;
}

void store_fixture_fini(store_fixture *fixture)
{
    free(fixture->state);
    if (fixture->module != NULL)
        (void)dlclose(fixture->module);
    fixture->state = fixture->module = NULL;
}

static void stop(const char *what)
{
    printf("the test itself failed: %s: %s\n", what, strerror(errno));
    exit(1);
}

void store_room_enter(char path[64])
{
    strcpy(path, "/tmp/sluice-store-XXXXXX");
    if (mkdtemp(path) == NULL || chdir(path) != 0)
        stop(path);
}

void store_room_leave(const char *path)
{
    char command[128];
    (void)snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", path, path);
    if (chdir("/") != 0)
        stop("/");
    store_command(command);
}

void store_file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        stop(path);
}

bool store_file_is(const char *path, const char *text)
{
    char found[4096];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t bytes = fread(found, 1, sizeof found, file);
    (void)fclose(file);
    return bytes == strlen(text) && memcmp(found, text, bytes) == 0;
}

void store_command(const char *command)
{
    if (system(command) != 0)
        stop(command);
}

size_t store_descriptors(void)
{
    size_t count = 0;
    DIR *stream = opendir("/proc/self/fd");
    while (stream != NULL && readdir(stream) != NULL)
        count++;
    if (stream != NULL)
        (void)closedir(stream);
    return count;
}

int store_as_nobody(bool (*act)(void))
{
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0))
            _exit(2);
        _exit(act() ? 0 : 1);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) == 2)
        return -1;
    return WEXITSTATUS(status) == 0;
}

/* openat2 answers ENOSYS from now on, as an old kernel would. */
static bool forget_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int store_run_twice(const char *name, const CU_TestInfo *tests)
{
    int status = sluice_suite_run(name, tests);
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!forget_openat2()) {
            printf("skipped: %s without openat2: seccomp is not to be had here\n", name);
            exit(0);
        }
        exit(sluice_suite_run(name, tests));
    }
    int ended = 1;
    if (child < 0 || waitpid(child, &ended, 0) != child)
        return 1;
    return status != 0 || ended != 0;
}

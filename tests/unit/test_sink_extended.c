/* SPDX-License-Identifier: Apache-2.0 */
/* The file sink's extended attributes, ACLs and owners: what a peer may ask for, and what comes of it. */
#include "unit/store_fixture.h"
#include "unit/suite.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

/* linux/posix_acl_xattr.h: version 2, then tag, rights and id of each, little endian.  The user rw-, user 1234 rw-, the
 * group none, at most rw-, others none. */
static const uint8_t acl[] = {2, 0,    0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  6,
                              0, 0xd2, 4,   0,   0,   4,   0,  0, 0,   255, 255, 255, 255, 16, 0,
                              6, 0,    255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255};

static store_fixture fixture;
static const max_align_t settings[16]; /* zeroes */
static char room[64];
static const sluice_sink_ops *ops;

static void begin(unsigned preserve)
{
    store_room_enter(room);
    CU_ASSERT_FATAL(store_fixture_init(&fixture, "sink_file"));
    ops = fixture.plugin->ops;
    CU_ASSERT_EQUAL_FATAL(mkdir("out", 0755), 0);
    sluice_sink_spec spec = {.size = sizeof spec,
                             .destination = "out",
                             .preserve = preserve,
                             .threads = 1,
                             .overwrite = SLUICE_OVERWRITE_ALWAYS};
    CU_ASSERT_EQUAL_FATAL(ops->init(fixture.state, settings, &fixture.host, &spec), SLUICE_OK);
}

static void end(void)
{
    ops->fini(fixture.state);
    CU_ASSERT_EQUAL(fixture.live, 0);
    store_fixture_fini(&fixture);
    store_room_leave(room);
}

/* ---- lists ---- */

typedef struct list {
    uint8_t bytes[70000];
    size_t used;
} list;

static void add(list *out, const char *name, size_t name_bytes, const void *value, size_t value_bytes)
{
    uint8_t *at = out->bytes + out->used;
    at[0] = (uint8_t)(name_bytes >> 8);
    at[1] = (uint8_t)name_bytes;
    for (unsigned i = 0; i < 4; i++)
        at[2 + i] = (uint8_t)(value_bytes >> (24 - 8 * i));
    memcpy(at + 6, name, name_bytes);
    if (value_bytes > 0)
        memcpy(at + 6 + name_bytes, value, value_bytes);
    out->used += 6 + name_bytes + value_bytes;
}

static sluice_entry entry_of(sluice_entry_type type, const char *name, uint32_t mode, const list *attributes)
{
    return (sluice_entry){.type = type,
                          .name = name,
                          .mode = mode,
                          .mtime_ns = INT64_MIN,
                          .atime_ns = INT64_MIN,
                          .uid = UINT32_MAX,
                          .gid = UINT32_MAX,
                          .attributes = attributes->bytes,
                          .attribute_bytes = attributes->used};
}

static int put(const sluice_entry *entry)
{
    sluice_sink_verdict verdict = SLUICE_SINK_DONE;
    void *object = NULL;
    uint64_t have = 0;
    int status = ops->prepare(fixture.state, entry, false, &verdict, &object, &have);
    return status == SLUICE_OK && verdict == SLUICE_SINK_WRITE ? ops->commit(fixture.state, object, 0, NULL) : status;
}

static bool holds(const char *path, const char *name, const void *value, size_t bytes)
{
    char found[256];
    ssize_t got = getxattr(path, name, found, sizeof found);
    return got >= 0 && (size_t)got == bytes && memcmp(found, value, bytes) == 0;
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_mode & 07777 : 0;
}

/* Whether the attribute can be set here at all. */
static bool supported(const char *name, const void *value, size_t bytes)
{
    store_file_write("probe", "");
    bool fine = setxattr("probe", name, value, bytes, 0) == 0;
    if (!fine)
        printf("  skipped: no %s here: %s\n", name, strerror(errno));
    return fine;
}

/* ---- hostile lists ---- */

static void names_that_are_refused(void)
{
    static const struct {
        const char *name;
        size_t bytes; /* 0: as long as it is */
        unsigned preserve;
        sluice_entry_type type;
    } cases[] = {
        {"security.capability", 0, SLUICE_PRESERVE_XATTR | SLUICE_PRESERVE_ACL, SLUICE_ENTRY_FILE},
        {"trusted.overlay.opaque", 0, SLUICE_PRESERVE_XATTR | SLUICE_PRESERVE_ACL, SLUICE_ENTRY_DIRECTORY},
        {"system.data", 0, SLUICE_PRESERVE_XATTR | SLUICE_PRESERVE_ACL, SLUICE_ENTRY_FILE},
        {"user.", 0, SLUICE_PRESERVE_XATTR, SLUICE_ENTRY_FILE},
        {"user", 0, SLUICE_PRESERVE_XATTR, SLUICE_ENTRY_FILE},
        {"User.a", 0, SLUICE_PRESERVE_XATTR, SLUICE_ENTRY_FILE},
        {"user.a\0b", 8, SLUICE_PRESERVE_XATTR, SLUICE_ENTRY_FILE},
        {"user.a", 0, SLUICE_PRESERVE_ACL, SLUICE_ENTRY_FILE},
        {ACCESS, 0, SLUICE_PRESERVE_XATTR, SLUICE_ENTRY_FILE},
        {DEFAULT, 0, SLUICE_PRESERVE_XATTR, SLUICE_ENTRY_DIRECTORY},
        {DEFAULT, 0, SLUICE_PRESERVE_ACL, SLUICE_ENTRY_FILE},
        {ACCESS "\0", sizeof ACCESS, SLUICE_PRESERVE_ACL, SLUICE_ENTRY_FILE},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        list hostile = {.used = 0};
        begin(cases[i].preserve);
        add(&hostile, cases[i].name, cases[i].bytes > 0 ? cases[i].bytes : strlen(cases[i].name), "x", 1);
        sluice_entry entry = entry_of(cases[i].type, "victim", 0644, &hostile);
        CU_ASSERT_EQUAL(put(&entry), SLUICE_EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(fixture.sentence, "victim: "));
        CU_ASSERT_NOT_EQUAL(access("out/victim", F_OK), 0);
        end();
    }
}

static void lists_that_are_malformed(void)
{
    list whole = {.used = 0};
    add(&whole, "user.a", 6, "value", 5);
    begin(SLUICE_PRESERVE_XATTR);
    for (size_t cut = 1; cut < whole.used; cut++) {
        list hostile = whole;
        hostile.used = cut;
        sluice_entry entry = entry_of(SLUICE_ENTRY_FILE, "victim", 0644, &hostile);
        CU_ASSERT_EQUAL(put(&entry), SLUICE_EINVAL);
    }
    for (size_t i = 0; i < 6; i++) { /* lengths that lead out of the list */
        list hostile = whole;
        hostile.bytes[i] = 0xff;
        sluice_entry entry = entry_of(SLUICE_ENTRY_FILE, "victim", 0644, &hostile);
        CU_ASSERT_EQUAL(put(&entry), SLUICE_EINVAL);
    }
    static list large;
    static const uint8_t value[SLUICE_ATTRIBUTES_MAX];
    large.used = 0;
    add(&large, "user.a", 6, value, SLUICE_ATTRIBUTES_MAX - 11);
    CU_ASSERT_EQUAL(large.used, SLUICE_ATTRIBUTES_MAX + 1);
    sluice_entry entry = entry_of(SLUICE_ENTRY_FILE, "victim", 0644, &large);
    CU_ASSERT_EQUAL(put(&entry), SLUICE_EINVAL);
    CU_ASSERT_NOT_EQUAL(access("out/victim", F_OK), 0);
    end();
}

static void lists_that_nobody_asked_for(void)
{
    list any = {.used = 0};
    begin(SLUICE_PRESERVE_MODE);
    add(&any, "user.a", 6, "value", 5);
    sluice_entry entry = entry_of(SLUICE_ENTRY_FILE, "file", 0644, &any);
    CU_ASSERT_EQUAL(put(&entry), SLUICE_OK);
    CU_ASSERT_EQUAL(getxattr("out/file", "user.a", NULL, 0), -1);
    end();
}

/* ---- what is set ---- */

static void attributes_are_the_sources(void)
{
    list wanted = {.used = 0};
    begin(SLUICE_PRESERVE_XATTR | SLUICE_PRESERVE_MODE);
    if (supported("user.probe", "", 0)) {
        add(&wanted, "user.a", 6, "\0\1", 2);
        add(&wanted, "user.empty", 10, "", 0);
        /* Of no write permission for us in the end. */
        sluice_entry file = entry_of(SLUICE_ENTRY_FILE, "file", 0400, &wanted);
        sluice_entry directory = entry_of(SLUICE_ENTRY_DIRECTORY, "directory", 0500, &wanted);
        CU_ASSERT_EQUAL(mkdir("out/directory", 0755), 0);
        CU_ASSERT_EQUAL(setxattr("out/directory", "user.old", "x", 1, 0), 0);
        CU_ASSERT_EQUAL(put(&file), SLUICE_OK);
        CU_ASSERT_EQUAL(put(&directory), SLUICE_OK);
        CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
        CU_ASSERT(holds("out/file", "user.a", "\0\1", 2));
        CU_ASSERT(holds("out/file", "user.empty", "", 0));
        CU_ASSERT(holds("out/directory", "user.a", "\0\1", 2));
        CU_ASSERT_EQUAL(getxattr("out/directory", "user.old", NULL, 0), -1);
        CU_ASSERT_EQUAL(mode_of("out/file"), 0400);
        CU_ASSERT_EQUAL(mode_of("out/directory"), 0500);
    }
    end();
}

static void acls_bring_their_rights(void)
{
    list wanted = {.used = 0};
    begin(SLUICE_PRESERVE_ACL);
    if (supported(ACCESS, acl, sizeof acl)) {
        mode_t mask = umask(077);
        add(&wanted, ACCESS, strlen(ACCESS), acl, sizeof acl);
        sluice_entry file = entry_of(SLUICE_ENTRY_FILE, "file", 04777, &wanted);
        CU_ASSERT_EQUAL(put(&file), SLUICE_OK);
        CU_ASSERT(holds("out/file", ACCESS, acl, sizeof acl));
        CU_ASSERT_EQUAL(mode_of("out/file"), 0660);
        (void)umask(mask);
        /* An ACL that was inherited goes where the source has none, and stays where that is not known. */
        CU_ASSERT_EQUAL(setxattr("out", DEFAULT, acl, sizeof acl, 0), 0);
        wanted.used = 0;
        sluice_entry bare = entry_of(SLUICE_ENTRY_FILE, "bare", 0644, &wanted);
        CU_ASSERT_EQUAL(put(&bare), SLUICE_OK);
        CU_ASSERT_EQUAL(getxattr("out/bare", ACCESS, NULL, 0), -1);
        bare.name = "unknown";
        bare.attributes = NULL;
        CU_ASSERT_EQUAL(put(&bare), SLUICE_OK);
        CU_ASSERT(getxattr("out/unknown", ACCESS, NULL, 0) > 0);
        /* What the kernel does not take is told, and the group has not got what only the ACL's named were to have. */
        add(&wanted, ACCESS, strlen(ACCESS), "nonsense", 8);
        sluice_entry false_acl = entry_of(SLUICE_ENTRY_FILE, "false", 0666, &wanted);
        CU_ASSERT_NOT_EQUAL(put(&false_acl), SLUICE_OK);
        CU_ASSERT_PTR_NOT_NULL(strstr(fixture.sentence, "false: is in place, but its ACL cannot be set"));
        CU_ASSERT_EQUAL(mode_of("out/false") & 070, 0);
    }
    end();
}

/* ---- a file system without attributes ---- */

static void count_failure(void *user, const char *name, int status, const char *sentence)
{
    unsigned *count = user;
    *count += strcmp(name, "directory") == 0 && status == SLUICE_EUNSUPPORTED &&
              strstr(sentence, "directory: is in place, but its extended attribute user.a cannot be set") != NULL;
}

/* Attributes cannot be set from now on. */
static bool forget_attributes(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsetxattr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a child: 0 as it should be, 1 not so, 2 not possible here. */
static int copy_without_attributes(const list *wanted)
{
    unsigned told = 0;
    sluice_entry file = entry_of(SLUICE_ENTRY_FILE, "file", 0644, wanted);
    sluice_entry directory = entry_of(SLUICE_ENTRY_DIRECTORY, "directory", 0750, wanted);
    if (!forget_attributes())
        return 2;
    bool fine = put(&file) == SLUICE_EUNSUPPORTED &&
                strstr(fixture.sentence, "file: is in place, but its extended attribute user.a cannot be set") &&
                mode_of("out/file") == 0644 && put(&directory) == SLUICE_OK &&
                ops->finish(fixture.state, count_failure, &told) == SLUICE_EUNSUPPORTED && told == 1 &&
                mode_of("out/directory") == 0750;
    return fine ? 0 : 1;
}

static void no_attributes_here(void)
{
    list wanted = {.used = 0};
    begin(SLUICE_PRESERVE_XATTR | SLUICE_PRESERVE_MODE);
    add(&wanted, "user.a", 6, "value", 5);
    add(&wanted, "user.b", 6, "value", 5);
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(copy_without_attributes(&wanted));
    int status = 0;
    CU_ASSERT_FATAL(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        printf("  skipped: seccomp is not to be had here\n");
    else
        CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    end();
}

/* ---- owners ---- */

static void owners_by_name_first(void)
{
    const struct passwd *known = getpwnam("nobody");
    if (geteuid() != 0 || known == NULL) {
        printf("  skipped: not root, or no user nobody\n");
        return;
    }
    uint32_t nobody = known->pw_uid;
    static const list none;
    struct stat status;
    begin(SLUICE_PRESERVE_OWNER | SLUICE_PRESERVE_MODE);
    sluice_entry entry = entry_of(SLUICE_ENTRY_FILE, "named", 04755, &none);
    entry.user = "nobody";
    entry.uid = entry.gid = 54321;
    CU_ASSERT_EQUAL(put(&entry), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(stat("out/named", &status), 0);
    CU_ASSERT_EQUAL(status.st_uid, nobody);
    CU_ASSERT_EQUAL(status.st_gid, 54321);
    CU_ASSERT_EQUAL(status.st_mode & 07777, 04755);
    entry.name = "numbered";
    entry.user = "no such user here";
    CU_ASSERT_EQUAL(put(&entry), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(stat("out/numbered", &status), 0);
    CU_ASSERT_EQUAL(status.st_uid, 54321);
    /* An owner of whom only one half is known is not the one that setuid was meant for. */
    entry.name = "half";
    entry.gid = UINT32_MAX;
    CU_ASSERT_EQUAL(put(&entry), SLUICE_OK);
    CU_ASSERT_EQUAL(mode_of("out/half"), 0755);
    end();
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"names that are refused", names_that_are_refused},
        {"lists that are malformed", lists_that_are_malformed},
        {"lists that nobody asked for", lists_that_nobody_asked_for},
        {"attributes are the source's", attributes_are_the_sources},
        {"ACLs bring their rights", acls_bring_their_rights},
        {"no attributes here", no_attributes_here},
        {"owners by name first", owners_by_name_first},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("sink file, extended attributes", tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Modes, owners and times: what they come to by the policies, and how they are set. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Asking the process for its mask means changing it for all threads; /proc tells it without. */
mode_t sluice_file_attributes_umask(void)
{
    unsigned mask = 022;
    char line[256];
    FILE *status = fopen("/proc/self/status", "re");
    if (status == NULL)
        return mask;
    while (fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "Umask: %o", &mask) == 1)
            break;
    }
    (void)fclose(status);
    return mask & 0777;
}

static uint32_t find_user(const char *name)
{
    char text[4096];
    struct passwd room;
    struct passwd *found = NULL;
    return getpwnam_r(name, &room, text, sizeof text, &found) == 0 && found != NULL ? found->pw_uid : UINT32_MAX;
}

static uint32_t find_group(const char *name)
{
    char text[16384];
    struct group room;
    struct group *found = NULL;
    return getgrnam_r(name, &room, text, sizeof text, &found) == 0 && found != NULL ? found->gr_gid : UINT32_MAX;
}

/* The name counts before the number, which may mean somebody else here. */
static uint32_t owner_id(sluice_file_sink *sink, sluice_file_owner *owners, uint32_t (*find)(const char *name),
                         const char *name, uint32_t number)
{
    if (name == NULL || name[0] == '\0' || strlen(name) >= sizeof owners[0].name)
        return number;
    sluice_file_owner *owner = &owners[(unsigned char)name[0] % SLUICE_OWNERS];
    pthread_mutex_lock(&sink->lock);
    if (strcmp(owner->name, name) != 0) {
        strcpy(owner->name, name);
        owner->id = find(name);
    }
    uint32_t id = owner->id;
    pthread_mutex_unlock(&sink->lock);
    return id != UINT32_MAX ? id : number;
}

sluice_file_attributes sluice_file_attributes_of(sluice_file_sink *sink, const sluice_entry *entry,
                                                 const struct stat *existing)
{
    sluice_file_attributes out = {
        .mode = UINT32_MAX, .uid = UINT32_MAX, .gid = UINT32_MAX, .mtime_ns = INT64_MIN, .atime_ns = INT64_MIN};
    bool directory = entry->type == SLUICE_ENTRY_DIRECTORY;
    bool known = entry->mode != UINT32_MAX;
    if (known && (sink->preserve & SLUICE_PRESERVE_MODE) != 0)
        out.mode = entry->mode & 07777;
    else if (existing != NULL)
        out.mode = directory ? UINT32_MAX : existing->st_mode & 0777;
    else
        out.mode = (known ? entry->mode & 0777 : directory ? 0777 : 0666) & ~sink->umask;
    if ((sink->preserve & SLUICE_PRESERVE_OWNER) != 0) {
        out.uid = owner_id(sink, sink->users, find_user, entry->user, entry->uid);
        out.gid = owner_id(sink, sink->groups, find_group, entry->group, entry->gid);
    }
    if ((sink->preserve & SLUICE_PRESERVE_TIMES) != 0) {
        out.mtime_ns = entry->mtime_ns;
        out.atime_ns = entry->atime_ns;
    }
    return out;
}

static struct timespec time_of(int64_t nanoseconds, long unknown)
{
    struct timespec out = {.tv_nsec = unknown};
    if (nanoseconds != INT64_MIN) {
        out.tv_sec = nanoseconds / 1000000000;
        out.tv_nsec = nanoseconds % 1000000000;
        if (out.tv_nsec < 0) {
            out.tv_nsec += 1000000000;
            out.tv_sec--;
        }
    }
    return out;
}

void sluice_file_attributes_times(const sluice_file_attributes *attributes, struct timespec out[2])
{
    out[0] = time_of(attributes->atime_ns, UTIME_NOW);
    out[1] = time_of(attributes->mtime_ns, UTIME_OMIT);
}

/* Whether the owner is now what was asked for.  Without the right to give files away, the group alone may still work;
 * that is as much as cp -p does. */
static bool set_owner(const sluice_file_attributes *attributes, int fd)
{
    if (attributes->uid == UINT32_MAX && attributes->gid == UINT32_MAX)
        return false;
    if (fchown(fd, attributes->uid, attributes->gid) == 0)
        return attributes->uid != UINT32_MAX && attributes->gid != UINT32_MAX;
    (void)!fchown(fd, UINT32_MAX, attributes->gid);
    return false;
}

/* The mode to be set on what is as now; the same if none. */
static mode_t mode_of(const sluice_file_attributes *attributes, const struct stat *now, bool owned, bool directory,
                      sluice_file_acl acl)
{
    mode_t mode = now->st_mode & 07777;
    bool widened = acl == SLUICE_FILE_ACL_LOST; /* the group would get what only the ACL's named were to have */
    if (attributes->mode != UINT32_MAX)
        mode = owned ? attributes->mode : attributes->mode & 0777;
    else if (acl == SLUICE_FILE_ACL_NONE)
        widened = true;
    if (acl == SLUICE_FILE_ACL_SET)
        mode = (mode & 07000) | (now->st_mode & 0777);
    if (widened)
        mode &= ~(mode_t)S_IRWXG;
    /* A directory that hands its group on by local will keeps doing so. */
    if (directory)
        mode |= now->st_mode & S_ISGID;
    return mode;
}

int sluice_file_attributes_apply(const sluice_file_sink *sink, const sluice_file_attributes *attributes,
                                 const sluice_file_extended *extended, int fd, bool directory,
                                 sluice_file_trouble *trouble)
{
    struct stat now;
    sluice_file_extended_user(sink, extended, fd, trouble);
    /* The owner before the mode: changing it takes setuid and setgid away. */
    bool owned = set_owner(attributes, fd);
    sluice_file_acl acl = sluice_file_extended_acl(sink, extended, fd, directory, trouble);
    if (fstat(fd, &now) != 0)
        return -1;
    mode_t mode = mode_of(attributes, &now, owned, directory, acl);
    if ((now.st_mode & 07777) != mode && fchmod(fd, mode) != 0)
        return -1;
    struct timespec times[2];
    sluice_file_attributes_times(attributes, times);
    if (directory && attributes->mtime_ns == INT64_MIN)
        return 0;
    return futimens(fd, times);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "net/identity.h"

#include "net/identity_handles.h"
#include "net/secure.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_BYTES_MAX 65536
#define PATH_BYTES 4096
#define VALID_DAYS (100 * 365L) /* nobody looks at it; other tools should not complain either */

struct sluice_identity {
    EVP_PKEY *key;
    X509 *certificate;
    uint8_t fingerprint[SLUICE_FINGERPRINT_BYTES];
};

EVP_PKEY *sluice_identity_key(const sluice_identity *identity)
{
    return identity->key;
}

X509 *sluice_identity_certificate(const sluice_identity *identity)
{
    return identity->certificate;
}

int sluice_certificate_fingerprint(X509 *certificate, uint8_t out[SLUICE_FINGERPRINT_BYTES])
{
    uint8_t *der = NULL;
    int bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (bytes <= 0)
        return SLUICE_EFAILED;
    int status = sluice_sha256(der, (size_t)bytes, out);
    OPENSSL_free(der);
    return status;
}

const uint8_t *sluice_identity_fingerprint(const sluice_identity *identity)
{
    return identity->fingerprint;
}

void sluice_identity_free(sluice_identity *identity)
{
    if (!identity)
        return;
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    free(identity);
}

/* ---- making one ---- */

static bool certificate_fill(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    uint8_t serial[8];
    if (sluice_secure_random(serial, sizeof(serial)) != SLUICE_OK)
        return false;
    uint64_t number = 0;
    for (unsigned i = 0; i < sizeof(serial); i++)
        number = number << 8 | serial[i];
    return X509_set_version(certificate, X509_VERSION_3) == 1
        && ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), number >> 1) == 1
        && X509_gmtime_adj(X509_getm_notBefore(certificate), -24 * 3600L)
        && X509_time_adj_ex(X509_getm_notAfter(certificate), (int)VALID_DAYS, 0, NULL)
        && X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"sluice", -1, -1, 0) == 1
        && X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1
        && X509_sign(certificate, key, EVP_sha256()) > 0;
}

int sluice_identity_new(sluice_identity **out, sluice_error *error)
{
    sluice_identity *identity = calloc(1, sizeof(*identity));
    if (!identity)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a server key");
    identity->key = EVP_EC_gen("P-256");
    identity->certificate = X509_new();
    if (!identity->key || !identity->certificate || !certificate_fill(identity->certificate, identity->key)
        || sluice_certificate_fingerprint(identity->certificate, identity->fingerprint) != SLUICE_OK) {
        sluice_identity_free(identity);
        ERR_clear_error();
        return sluice_fail(error, SLUICE_EFAILED, "cannot make a server key and certificate");
    }
    *out = identity;
    return SLUICE_OK;
}

/* ---- reading ---- */

/* Refuses what another user could have put there or can read. */
static int file_check(int fd, const char *path, bool secret, sluice_error *error)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return sluice_fail(error, SLUICE_EACCESS, "%s: not a regular file", path);
    if (info.st_uid != geteuid())
        return sluice_fail(error, SLUICE_EACCESS, "%s: belongs to another user", path);
    mode_t refused = secret ? 077 : 022;
    if (info.st_mode & refused)
        return sluice_fail(error, SLUICE_EACCESS, "%s: others may %s it (mode %03o); try chmod 600", path,
                           secret ? "use" : "change", (unsigned)(info.st_mode & 0777));
    if (info.st_size > PEM_BYTES_MAX)
        return sluice_fail(error, SLUICE_ECONFIG, "%s: too large for a key or certificate", path);
    return SLUICE_OK;
}

/* A file that is not there leaves *out NULL. */
static int file_open(const char *path, bool secret, BIO **out, sluice_error *error)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return SLUICE_OK;
    if (fd < 0 && errno == ELOOP)
        return sluice_fail(error, SLUICE_EACCESS, "%s: is a symbolic link", path);
    if (fd < 0)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: %s", path, strerror(errno));
    int status = file_check(fd, path, secret, error);
    if (status != SLUICE_OK) {
        close(fd);
        return status;
    }
    *out = BIO_new_fd(fd, BIO_CLOSE);
    if (!*out) {
        close(fd);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for %s", path);
    }
    return SLUICE_OK;
}

/* An encrypted key is not asked a password for: there may be no terminal, and no one at it. */
static int no_password(char *room, int bytes, int writes, void *user)
{
    (void)room;
    (void)bytes;
    (void)writes;
    (void)user;
    return -1;
}

static bool key_is_fit(EVP_PKEY *key)
{
    char group[32] = "";
    if (EVP_PKEY_is_a(key, "ED25519"))
        return true;
    return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1
        && strcmp(group, "prime256v1") == 0;
}

static int identity_read(sluice_identity *identity, BIO *key, const char *key_path, BIO *certificate,
                         const char *certificate_path, sluice_error *error)
{
    identity->key = PEM_read_bio_PrivateKey(key, NULL, no_password, NULL);
    if (!identity->key)
        return sluice_fail(error, SLUICE_ECONFIG, "%s: no private key in PEM form without a password", key_path);
    if (!key_is_fit(identity->key))
        return sluice_fail(error, SLUICE_ECONFIG, "%s: the key must be P-256 or Ed25519", key_path);
    identity->certificate = PEM_read_bio_X509(certificate, NULL, no_password, NULL);
    if (!identity->certificate)
        return sluice_fail(error, SLUICE_ECONFIG, "%s: no certificate in PEM form", certificate_path);
    if (X509_check_private_key(identity->certificate, identity->key) != 1)
        return sluice_fail(error, SLUICE_ECONFIG, "%s: belongs to another key than that in %s", certificate_path,
                           key_path);
    if (sluice_certificate_fingerprint(identity->certificate, identity->fingerprint) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EFAILED, "%s: its public key cannot be read", certificate_path);
    return SLUICE_OK;
}

/* Neither file there: SLUICE_OK and *out untouched. */
static int identity_open(sluice_identity **out, const char *key_path, const char *certificate_path,
                         sluice_error *error)
{
    BIO *key = NULL, *certificate = NULL;
    sluice_identity *identity = NULL;
    int status = file_open(key_path, true, &key, error);
    if (status == SLUICE_OK)
        status = file_open(certificate_path, false, &certificate, error);
    if (status == SLUICE_OK && !key != !certificate)
        status = sluice_fail(error, SLUICE_ECONFIG, "%s is there but %s is not; put it back or remove both",
                             key ? key_path : certificate_path, key ? certificate_path : key_path);
    if (status == SLUICE_OK && key) {
        identity = calloc(1, sizeof(*identity));
        status = identity ? identity_read(identity, key, key_path, certificate, certificate_path, error)
                          : sluice_fail(error, SLUICE_ENOMEM, "out of memory for %s", key_path);
    }
    BIO_free(key);
    BIO_free(certificate);
    ERR_clear_error();
    if (status != SLUICE_OK)
        sluice_identity_free(identity);
    else if (identity)
        *out = identity;
    return status;
}

/* ---- writing ---- */

static int bytes_write(int fd, const char *bytes, size_t count)
{
    while (count) {
        ssize_t wrote = write(fd, bytes, count);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -errno;
        bytes += wrote;
        count -= (size_t)wrote;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* Under another name first, then by link(2), which never replaces: the file is whole or not there. */
static int file_put(const char *path, BIO *memory, sluice_error *error)
{
    char other[PATH_BYTES], suffix[17];
    uint8_t random[8];
    char *bytes = NULL;
    long count = BIO_get_mem_data(memory, &bytes);
    if (sluice_secure_random(random, sizeof(random)) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EIO, "no random numbers to be had");
    sluice_hex_text(random, sizeof(random), suffix);
    if (snprintf(other, sizeof(other), "%s.%s", path, suffix) >= (int)sizeof(other))
        return sluice_fail(error, SLUICE_EINVAL, "%.100s...: the path is too long", path);
    int fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: %s", path, strerror(errno));
    int failed = bytes_write(fd, bytes, (size_t)count);
    if (close(fd) < 0 && !failed)
        failed = -errno;
    if (!failed && link(other, path) < 0)
        failed = -errno;
    unlink(other);
    if (failed)
        return sluice_fail(error, sluice_status_from_errno(-failed), "%s: %s", path, strerror(-failed));
    return SLUICE_OK;
}

static int identity_save(const sluice_identity *identity, const char *key_path, const char *certificate_path,
                         sluice_error *error)
{
    BIO *key = BIO_new(BIO_s_secmem()), *certificate = BIO_new(BIO_s_mem());
    int status = SLUICE_OK;
    if (!key || !certificate || PEM_write_bio_PrivateKey(key, identity->key, NULL, NULL, 0, NULL, NULL) != 1
        || PEM_write_bio_X509(certificate, identity->certificate) != 1)
        status = sluice_fail(error, SLUICE_ENOMEM, "out of memory for a server key");
    if (status == SLUICE_OK)
        status = file_put(key_path, key, error);
    if (status == SLUICE_OK) {
        status = file_put(certificate_path, certificate, error);
        if (status != SLUICE_OK)
            unlink(key_path);
    }
    BIO_free(key);
    BIO_free(certificate);
    return status;
}

/* The directory is the lock between servers that start at once: whoever comes second finds both files. */
static int directory_lock(const char *path, sluice_error *error)
{
    char directory[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    size_t bytes = slash == path ? 1 : slash ? (size_t)(slash - path) : 1;
    if (bytes >= sizeof(directory))
        return sluice_fail(error, SLUICE_EINVAL, "%.100s...: the path is too long", path);
    memcpy(directory, slash ? path : ".", bytes);
    directory[bytes] = '\0';
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: %s", directory, strerror(errno));
    while (flock(fd, LOCK_EX) < 0) {
        if (errno == EINTR)
            continue;
        if (errno == ENOLCK || errno == EOPNOTSUPP)
            break; /* a file system without locks: link(2) still lets only one of them win */
        close(fd);
        return sluice_fail(error, SLUICE_EIO, "%s: cannot lock: %s", directory, strerror(errno));
    }
    return fd;
}

int sluice_identity_load(sluice_identity **out, const char *key_path, const char *certificate_path,
                         sluice_error *error)
{
    int lock = directory_lock(key_path, error);
    if (lock < 0)
        return lock;
    sluice_identity *identity = NULL;
    int status = identity_open(&identity, key_path, certificate_path, error);
    if (status == SLUICE_OK && !identity) {
        status = sluice_identity_new(&identity, error);
        if (status == SLUICE_OK)
            status = identity_save(identity, key_path, certificate_path, error);
        if (status == SLUICE_OK)
            (void)fsync(lock); /* a directory that cannot be flushed holds the files all the same */
    }
    close(lock);
    if (status != SLUICE_OK)
        sluice_identity_free(identity);
    else
        *out = identity;
    return status;
}

/* ---- fingerprints as text ---- */

int sluice_fingerprint_parse(const char *text, uint8_t out[SLUICE_FINGERPRINT_BYTES], sluice_error *error)
{
    char digits[SLUICE_FINGERPRINT_TEXT];
    size_t used = 0;
    const char *from = strncasecmp(text, "sha256:", 7) == 0 ? text + 7 : text;
    for (const char *at = from; *at; at++) {
        bool separates = *at == ':' && used && used % 2 == 0 && at[1];
        if (separates)
            continue;
        if (!isxdigit((unsigned char)*at) || used == sizeof(digits) - 1) {
            used = 0;
            break;
        }
        digits[used++] = *at;
    }
    digits[used] = '\0';
    if (used != sizeof(digits) - 1 || !sluice_hex_parse(digits, out, SLUICE_FINGERPRINT_BYTES))
        return sluice_fail(error, SLUICE_EINVAL, "%.100s: a fingerprint has 64 hexadecimal digits", text);
    return SLUICE_OK;
}

const char *sluice_fingerprint_text(const uint8_t fingerprint[SLUICE_FINGERPRINT_BYTES],
                                    char out[SLUICE_FINGERPRINT_TEXT])
{
    sluice_hex_text(fingerprint, SLUICE_FINGERPRINT_BYTES, out);
    return out;
}

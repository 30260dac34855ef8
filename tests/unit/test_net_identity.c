/* SPDX-License-Identifier: Apache-2.0 */
#include "net/identity.h"
#include "unit/suite.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct place {
    char directory[64], key[96], certificate[96];
} place;

static void place_make(place *p)
{
    strcpy(p->directory, "/tmp/sluice-identity-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p->directory));
    snprintf(p->key, sizeof(p->key), "%s/key", p->directory);
    snprintf(p->certificate, sizeof(p->certificate), "%s/certificate", p->directory);
}

static void place_remove(place *p)
{
    unlink(p->key);
    unlink(p->certificate);
    CU_ASSERT_EQUAL(rmdir(p->directory), 0); /* nothing else was left there */
}

static void file_write(const char *path, const char *bytes, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
    close(fd);
}

static int load(const place *p, sluice_error *error)
{
    sluice_identity *identity = NULL;
    int status = sluice_identity_load(&identity, p->key, p->certificate, error);
    CU_ASSERT_EQUAL(status == SLUICE_OK, identity != NULL);
    sluice_identity_free(identity);
    return status;
}

static void identity_is_made_once_and_found_again(void)
{
    place p;
    sluice_identity *first = NULL, *second = NULL;
    struct stat info;
    place_make(&p);
    mode_t before = umask(0);
    CU_ASSERT_EQUAL_FATAL(sluice_identity_load(&first, p.key, p.certificate, NULL), SLUICE_OK);
    umask(before);
    CU_ASSERT_EQUAL(stat(p.key, &info), 0);
    CU_ASSERT_EQUAL(info.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(info.st_nlink, 1);
    CU_ASSERT_EQUAL(stat(p.certificate, &info), 0);
    CU_ASSERT_EQUAL(info.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL_FATAL(sluice_identity_load(&second, p.key, p.certificate, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(memcmp(sluice_identity_fingerprint(first), sluice_identity_fingerprint(second), 32), 0);
    sluice_identity_free(first);
    sluice_identity_free(second);

    /* The same number from the file by OpenSSL's own road. */
    FILE *file = fopen(p.certificate, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    CU_ASSERT_PTR_NOT_NULL_FATAL(certificate);
    EVP_PKEY *key = X509_get_pubkey(certificate);
    CU_ASSERT_EQUAL(X509_verify(certificate, key), 1); /* self-signed */
    unsigned char *der = NULL, digest[32];
    int bytes = i2d_PUBKEY(key, &der);
    CU_ASSERT_EQUAL(EVP_Digest(der, (size_t)bytes, digest, NULL, EVP_sha256(), NULL), 1);
    sluice_identity *third = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_identity_load(&third, p.key, p.certificate, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(memcmp(digest, sluice_identity_fingerprint(third), 32), 0);
    sluice_identity_free(third);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    X509_free(certificate);
    place_remove(&p);
}

static void files_that_others_can_use_are_refused(void)
{
    place p;
    sluice_error error = {0};
    place_make(&p);
    CU_ASSERT_EQUAL(load(&p, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(chmod(p.key, 0640), 0);
    CU_ASSERT_EQUAL(load(&p, &error), SLUICE_EACCESS);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, p.key));
    CU_ASSERT_EQUAL(chmod(p.key, 0600), 0);
    CU_ASSERT_EQUAL(chmod(p.certificate, 0644), 0); /* it is no secret */
    CU_ASSERT_EQUAL(load(&p, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(chmod(p.certificate, 0660), 0);
    CU_ASSERT_EQUAL(load(&p, &error), SLUICE_EACCESS);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, p.certificate));
    CU_ASSERT_EQUAL(chmod(p.certificate, 0600), 0);
    CU_ASSERT_EQUAL(load(&p, NULL), SLUICE_OK);
    place_remove(&p);
}

static void links_and_pipes_are_refused(void)
{
    place p;
    char elsewhere[128];
    place_make(&p);
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", p.directory);
    CU_ASSERT_EQUAL(load(&p, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(rename(p.key, elsewhere), 0);
    CU_ASSERT_EQUAL(symlink(elsewhere, p.key), 0);
    CU_ASSERT_EQUAL(load(&p, NULL), SLUICE_EACCESS);
    CU_ASSERT_EQUAL(unlink(p.key), 0);
    CU_ASSERT_EQUAL(mkfifo(p.key, 0600), 0);
    CU_ASSERT_EQUAL(load(&p, NULL), SLUICE_EACCESS);
    CU_ASSERT_EQUAL(unlink(elsewhere), 0);
    place_remove(&p);
}

static void broken_files_are_told_and_kept(void)
{
    place p, q;
    sluice_error error = {0};
    place_make(&p);
    place_make(&q);
    CU_ASSERT_EQUAL(load(&p, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(load(&q, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(rename(q.key, p.key), 0); /* another key than the certificate's */
    CU_ASSERT_EQUAL(load(&p, &error), SLUICE_ECONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "another key"));
    CU_ASSERT_EQUAL(load(&q, &error), SLUICE_ECONFIG); /* one without the other */
    CU_ASSERT_EQUAL(access(q.key, F_OK), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, q.key));
    file_write(p.key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0600);
    CU_ASSERT_EQUAL(load(&p, &error), SLUICE_ECONFIG);
    file_write(p.key, "", 0600);
    CU_ASSERT_EQUAL(load(&p, &error), SLUICE_ECONFIG);
    place_remove(&p);
    place_remove(&q);
    CU_ASSERT_EQUAL(load(&p, &error), SLUICE_ENOENT); /* the directory is gone */
}

static void key_write(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fchmod(fileno(file), 0600), 0);
    CU_ASSERT_EQUAL(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
}

static void certificate_write(const char *path, EVP_PKEY *key, const EVP_MD *digest)
{
    X509 *certificate = X509_new();
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fchmod(fileno(file), 0600), 0);
    CU_ASSERT_EQUAL(X509_set_pubkey(certificate, key), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 1); /* dates do not matter */
    CU_ASSERT(X509_sign(certificate, key, digest) > 0);
    CU_ASSERT_EQUAL(PEM_write_X509(file, certificate), 1);
    fclose(file);
    X509_free(certificate);
}

static void kinds_of_keys(void)
{
    static const struct {
        const char *type, *group;
        int status;
    } rows[] = {{"ED25519", NULL, SLUICE_OK}, {"EC", "P-256", SLUICE_OK}, {"EC", "P-384", SLUICE_ECONFIG}};
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        place p;
        place_make(&p);
        EVP_PKEY *key = rows[i].group ? EVP_EC_gen(rows[i].group) : EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type);
        CU_ASSERT_PTR_NOT_NULL_FATAL(key);
        key_write(p.key, key);
        certificate_write(p.certificate, key, rows[i].group ? EVP_sha256() : NULL);
        CU_ASSERT_EQUAL(load(&p, NULL), rows[i].status);
        EVP_PKEY_free(key);
        place_remove(&p);
    }
}

static void fingerprints_are_read_as_written(void)
{
    uint8_t bytes[SLUICE_FINGERPRINT_BYTES];
    char text[SLUICE_FINGERPRINT_TEXT];
#define PLAIN "00ff112233445566778899aabbccddeeff00112233445566778899aabbccddee"
    static const char *const good[] = {
        PLAIN,
        ("sha256:" PLAIN),
        "SHA256:00FF112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEE",
        "00:ff:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee",
    };
    static const char *const bad[] = {
        "", "sha256:", "00ff", PLAIN "0", PLAIN "00", PLAIN ":", ":" PLAIN, "0:0ff112233445566778899aabbccddeeff0011223344556",
        "g0ff112233445566778899aabbccddeeff00112233445566778899aabbccddee", "md5:" PLAIN,
    };
    for (size_t i = 0; i < SLUICE_COUNT(good); i++) {
        CU_ASSERT_EQUAL(sluice_fingerprint_parse(good[i], bytes, NULL), SLUICE_OK);
        CU_ASSERT_STRING_EQUAL(sluice_fingerprint_text(bytes, text), PLAIN);
    }
    for (size_t i = 0; i < SLUICE_COUNT(bad); i++)
        CU_ASSERT_EQUAL(sluice_fingerprint_parse(bad[i], bytes, NULL), SLUICE_EINVAL);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"identity is made once and found again", identity_is_made_once_and_found_again},
        {"files that others can use are refused", files_that_others_can_use_are_refused},
        {"links and pipes are refused", links_and_pipes_are_refused},
        {"broken files are told and kept", broken_files_are_told_and_kept},
        {"kinds of keys", kinds_of_keys},
        {"fingerprints are read as written", fingerprints_are_read_as_written},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_identity", tests);
}

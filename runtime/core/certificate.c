/* Certificates, by OpenSSL. */
#include "core/certificate.h"

#include <limits.h>
#include <stdio.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define DAY ((long)24 * 60 * 60)

void ek_certificate_fini(struct ek_certificate *c) {
  ek_buf_fini(&c->certificate);
  ek_buf_wipe(&c->key);
  ek_buf_fini(&c->key);
}

static int failed(struct ek_error *e) {
  ERR_clear_error();
  return ek_error_set(e, EK_ERR_INTERNAL, "libcrypto failed to make a certificate");
}

static int add_extension(X509 *x, const X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, (X509 *)(uintptr_t)issuer, x, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  int ok = extension != NULL && X509_add_ext(x, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return ok;
}

/* Sixteen random bytes, positive. */
static int set_serial(X509 *x) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return 0;
  bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
  BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
  int ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
  BN_free(n);
  return ok;
}

/* A certificate of a key, without extensions and unsigned; NULL. The issuer may be itself. */
static X509 *new_certificate(EVP_PKEY *key, const char *name, const X509 *issuer) {
  X509 *x = X509_new();
  if (x == NULL) return NULL;
  X509_NAME *subject = X509_get_subject_name(x);
  int ok = X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
           X509_gmtime_adj(X509_getm_notBefore(x), -DAY) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(x), 3650 * DAY) != NULL &&
           X509_set_pubkey(x, key) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(x, issuer == NULL ? subject : X509_get_subject_name(issuer)) == 1;
  if (ok) return x;
  X509_free(x);
  return NULL;
}

static int take(struct ek_buf *out, BIO *bio) {
  char *bytes;
  long n = BIO_get_mem_data(bio, &bytes);
  if (n > 0) ek_buf_append(out, bytes, (size_t)n);
  return n > 0 && !out->failed;
}

static int write_pem(struct ek_certificate *out, X509 *x, EVP_PKEY *key) {
  BIO *certificate = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_secmem());
  int ok = certificate != NULL && secret != NULL && PEM_write_bio_X509(certificate, x) == 1 &&
           PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1 &&
           take(&out->certificate, certificate) && take(&out->key, secret);
  BIO_free(certificate);
  BIO_free(secret);
  return ok;
}

int ek_certificate_authority(struct ek_certificate *out, const char *name, struct ek_error *e) {
  *out = (struct ek_certificate){.certificate = EK_BUF_INIT};
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *x = key == NULL ? NULL : new_certificate(key, name, NULL);
  int ok = x != NULL && add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE") &&
           add_extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature") &&
           add_extension(x, x, NID_subject_key_identifier, "hash") &&
           X509_sign(x, key, EVP_sha256()) > 0 && write_pem(out, x, key);
  X509_free(x);
  EVP_PKEY_free(key);
  if (ok) return 0;
  ek_certificate_fini(out);
  return failed(e);
}

/* OpenSSL would ask on the terminal. */
static int no_pass_phrase(char *buffer, int size, int writing, void *user) {
  (void)buffer, (void)size, (void)writing, (void)user;
  return 0;
}

static BIO *reader(const struct ek_buf *text) {
  return text->len > 0 && text->len <= INT_MAX ? BIO_new_mem_buf(text->data, (int)text->len) : NULL;
}

static int sign_server(struct ek_certificate *out, X509 *issuer, EVP_PKEY *issuer_key,
                       const char *address, struct ek_error *e) {
  char names[128];
  (void)snprintf(names, sizeof names, "IP:%s,DNS:localhost", address);
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *x = key == NULL ? NULL : new_certificate(key, "localhost", issuer);
  int ok = x != NULL && add_extension(x, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, issuer, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, issuer, NID_ext_key_usage, "serverAuth") &&
           add_extension(x, issuer, NID_subject_alt_name, names) &&
           add_extension(x, issuer, NID_authority_key_identifier, "keyid") &&
           X509_sign(x, issuer_key, EVP_sha256()) > 0 && write_pem(out, x, key);
  X509_free(x);
  EVP_PKEY_free(key);
  return ok ? 0 : failed(e);
}

int ek_certificate_server(struct ek_certificate *out, const struct ek_certificate *authority,
                          const char *address, struct ek_error *e) {
  *out = (struct ek_certificate){.certificate = EK_BUF_INIT};
  BIO *certificate = reader(&authority->certificate), *secret = reader(&authority->key);
  X509 *issuer =
      certificate == NULL ? NULL : PEM_read_bio_X509(certificate, NULL, no_pass_phrase, NULL);
  EVP_PKEY *key =
      secret == NULL ? NULL : PEM_read_bio_PrivateKey(secret, NULL, no_pass_phrase, NULL);
  int rc;
  if (issuer == NULL || key == NULL || X509_check_private_key(issuer, key) != 1) {
    ERR_clear_error();
    rc = ek_error_set(e, EK_ERR_INVALID, "not the certificate and the key of an authority");
  } else {
    rc = sign_server(out, issuer, key, address, e);
  }
  X509_free(issuer);
  EVP_PKEY_free(key);
  BIO_free(certificate);
  BIO_free(secret);
  if (rc != 0) ek_certificate_fini(out);
  return rc;
}

/* ES256 on OpenSSL. What OpenSSL says of a key that it cannot read is not passed on. */
#include "core/es256.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define DER_MAX 80 /* of a signature on P-256: 72 at most */

struct ek_es256_key {
  EVP_PKEY *pkey;
};

/* OpenSSL would ask on the terminal. */
static int no_pass_phrase(char *buffer, int size, int writing, void *user) {
  (void)buffer, (void)size, (void)writing, (void)user;
  return 0;
}

static int is_p256(const EVP_PKEY *pkey) {
  char group[32];
  size_t n = 0;
  return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(pkey, group, sizeof group, &n) == 1 &&
         strcmp(group, "prime256v1") == 0;
}

int ek_es256_new(struct ek_es256_key **out, const char *pem, size_t n, struct ek_error *e) {
  *out = NULL;
  BIO *bio = n <= INT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
  EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
  BIO_free(bio);
  ERR_clear_error();
  if (pkey == NULL || !is_p256(pkey)) {
    EVP_PKEY_free(pkey);
    return ek_error_set(e, EK_ERR_INVALID, "not a private key of P-256 in PEM");
  }
  struct ek_es256_key *key = malloc(sizeof *key);
  if (key == NULL) {
    EVP_PKEY_free(pkey);
    return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a key");
  }
  key->pkey = pkey;
  *out = key;
  return 0;
}

void ek_es256_free(struct ek_es256_key *key) {
  if (key == NULL) return;
  EVP_PKEY_free(key->pkey);
  free(key);
}

static int coordinate(uint8_t out[EK_ES256_COORDINATE_SIZE], const EVP_PKEY *pkey,
                      const char *name) {
  BIGNUM *n = NULL;
  int ok = EVP_PKEY_get_bn_param(pkey, name, &n) == 1 &&
           BN_bn2binpad(n, out, EK_ES256_COORDINATE_SIZE) == EK_ES256_COORDINATE_SIZE;
  BN_free(n);
  return ok;
}

int ek_es256_public(uint8_t x[EK_ES256_COORDINATE_SIZE], uint8_t y[EK_ES256_COORDINATE_SIZE],
                    const struct ek_es256_key *key, struct ek_error *e) {
  if (coordinate(x, key->pkey, OSSL_PKEY_PARAM_EC_PUB_X) &&
      coordinate(y, key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y))
    return 0;
  ERR_clear_error();
  return ek_error_set(e, EK_ERR_INTERNAL, "libcrypto has no public point for a key");
}

int ek_es256_sign(uint8_t out[EK_ES256_SIGNATURE_SIZE], const struct ek_es256_key *key,
                  const void *data, size_t n, struct ek_error *e) {
  uint8_t der[DER_MAX];
  size_t der_len = sizeof der;
  ECDSA_SIG *signature = NULL;
  const uint8_t *at = der;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  int ok = context != NULL &&
           EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
           EVP_DigestSign(context, der, &der_len, data, n) == 1;
  if (ok) signature = d2i_ECDSA_SIG(NULL, &at, (long)der_len);
  ok = signature != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32) == 32 &&
       BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32) == 32;
  ECDSA_SIG_free(signature);
  EVP_MD_CTX_free(context);
  if (ok) return 0;
  ERR_clear_error();
  return ek_error_set(e, EK_ERR_INTERNAL, "libcrypto failed to sign");
}

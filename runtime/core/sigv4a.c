/* SigV4A's keys and signatures: P-256, by OpenSSL. */
#include "core/sigv4a.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "core/hash.h"
#include "core/sigv4_canonical.h"

#define SCALAR_SIZE 32
#define DER_MAX     (EK_SIGV4_SIGNATURE_MAX / 2)
#define POINT_SIZE  (1 + 2 * SCALAR_SIZE) /* uncompressed */

/* OpenSSL queues errors per thread, even some that it gets over, and TLS reads that queue. */
static int leave(int rc) {
  ERR_clear_error();
  return rc;
}

/* The order of the curve less two: what a candidate may not exceed. */
static const uint8_t limit[SCALAR_SIZE] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x4f};

/* Whether a > limit, in time that does not depend on a. */
static bool exceeds(const uint8_t a[SCALAR_SIZE]) {
  unsigned borrow = 0;
  for (size_t i = SCALAR_SIZE; i-- > 0;) borrow = (limit[i] - a[i] - borrow) >> 8 & 1;
  return borrow != 0;
}

static void add_one(uint8_t a[SCALAR_SIZE]) {
  unsigned carry = 1;
  for (size_t i = SCALAR_SIZE; i-- > 0;) {
    carry += a[i];
    a[i] = (uint8_t)carry;
    carry >>= 8;
  }
}

int ek_sigv4a_scalar(uint8_t out[SCALAR_SIZE], struct ek_span access_key_id,
                     struct ek_span secret) {
  static const uint8_t one[] = {0, 0, 0, 1}, bits[] = {0, 0, 1, 0}; /* block 1; 256 bits wanted */
  struct ek_span label = ek_sigv4_algorithm_name(EK_SIGV4_ECDSA);
  struct ek_hmac_key key;
  struct ek_buf b = EK_BUF_INIT;
  ek_buf_puts(&b, "AWS4A");
  ek_buf_append(&b, secret.data, secret.len);
  int rc = b.failed ? EK_ERR_NOMEM : ek_hmac_prepare(&key, b.data, b.len);
  ek_buf_wipe(&b);
  ek_buf_append(&b, one, sizeof one);
  ek_buf_append(&b, label.data, label.len);
  ek_buf_putc(&b, '\0');
  ek_buf_append(&b, access_key_id.data, access_key_id.len);
  size_t counter = b.len;
  ek_buf_putc(&b, '\0');
  ek_buf_append(&b, bits, sizeof bits);
  if (b.failed) rc = EK_ERR_NOMEM;
  bool found = false;
  for (int i = 1; rc == 0 && !found && i < 255; i++) {
    b.data[counter] = (char)i;
    rc = ek_hmac_sha256(out, &key, b.data, b.len);
    found = !exceeds(out);
  }
  if (rc == 0 && !found) rc = EK_ERR_INTERNAL;
  if (rc == 0)
    add_one(out);
  else
    explicit_bzero(out, SCALAR_SIZE);
  explicit_bzero(&key, sizeof key);
  ek_buf_wipe(&b);
  ek_buf_fini(&b);
  return rc;
}

/* The key pair of a scalar; NULL when OpenSSL fails. */
static EVP_PKEY *key_pair(const uint8_t scalar[SCALAR_SIZE]) {
  uint8_t point[POINT_SIZE];
  EVP_PKEY *key = NULL;
  OSSL_PARAM *params = NULL;
  EC_POINT *public = NULL;
  EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  BIGNUM *private = BN_secure_new();
  OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  if (group == NULL || private == NULL || build == NULL || context == NULL) goto out;
  BN_set_flags(private, BN_FLG_CONSTTIME);
  public = EC_POINT_new(group);
  if (public == NULL || BN_bin2bn(scalar, SCALAR_SIZE, private) == NULL) goto out;
  if (EC_POINT_mul(group, public, private, NULL, NULL, NULL) != 1) goto out;
  if (EC_POINT_point2oct(group, public, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL) !=
      sizeof point)
    goto out;
  if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, SN_X9_62_prime256v1, 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) != 1 ||
      OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, private) != 1)
    goto out;
  params = OSSL_PARAM_BLD_to_param(build);
  if (params == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
      EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params) != 1)
    key = NULL;
out:
  OSSL_PARAM_free(params);
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_BLD_free(build);
  BN_clear_free(private);
  EC_POINT_free(public);
  EC_GROUP_free(group);
  return key;
}

void ek_sigv4a_fini(struct ek_sigv4a_keys *keys) {
  for (size_t i = 0; i < EK_SIGV4A_KEYS; i++) EVP_PKEY_free(keys->kept[i].key);
  explicit_bzero(keys, sizeof *keys);
}

int ek_sigv4a_key(EVP_PKEY **out, struct ek_sigv4a_keys *keys, struct ek_span access_key_id,
                  struct ek_span secret) {
  uint8_t scalar[SCALAR_SIZE];
  int rc = ek_sigv4a_scalar(scalar, access_key_id, secret);
  if (rc != 0) return rc;
  struct ek_sigv4a_derived *oldest = &keys->kept[0], *found = NULL;
  keys->uses++;
  for (size_t i = 0; i < EK_SIGV4A_KEYS && found == NULL; i++) {
    struct ek_sigv4a_derived *k = &keys->kept[i];
    if (k->key != NULL && CRYPTO_memcmp(k->scalar, scalar, sizeof scalar) == 0) found = k;
    if (k->used < oldest->used) oldest = k;
  }
  if (found == NULL) {
    found = oldest;
    EVP_PKEY_free(found->key);
    found->key = key_pair(scalar);
    memcpy(found->scalar, scalar, sizeof scalar);
  }
  explicit_bzero(scalar, sizeof scalar);
  found->used = keys->uses;
  *out = found->key;
  return leave(found->key == NULL ? EK_ERR_INTERNAL : 0);
}

int ek_sigv4a_sign(char out[EK_SIGV4_SIGNATURE_MAX + 1], EVP_PKEY *key, struct ek_span data) {
  uint8_t digest[EK_SHA256_SIZE], der[DER_MAX];
  size_t n = sizeof der;
  int rc = ek_sha256(digest, data.data, data.len);
  if (rc != 0) return rc;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
  if (context == NULL || EVP_PKEY_sign_init(context) != 1 ||
      EVP_PKEY_sign(context, der, &n, digest, sizeof digest) != 1)
    rc = EK_ERR_INTERNAL;
  if (n == 0 || n > sizeof der) rc = EK_ERR_INTERNAL; /* as OpenSSL says when memory is short */
  EVP_PKEY_CTX_free(context);
  if (leave(rc) != 0) return rc;
  ek_hash_hex(out, der, n);
  out[2 * n] = '\0';
  return 0;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

int ek_sigv4a_verify(EVP_PKEY *key, struct ek_span data, struct ek_span signature) {
  uint8_t digest[EK_SHA256_SIZE], der[DER_MAX];
  if (signature.len == 0 || signature.len > EK_SIGV4_SIGNATURE_MAX || signature.len % 2 != 0)
    return EK_ERR_INVALID;
  for (size_t i = 0; i < signature.len / 2; i++) {
    int high = hex_value(signature.data[2 * i]), low = hex_value(signature.data[2 * i + 1]);
    if (high < 0 || low < 0) return EK_ERR_INVALID;
    der[i] = (uint8_t)(high << 4 | low);
  }
  int rc = ek_sha256(digest, data.data, data.len);
  if (rc != 0) return rc;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
  if (context == NULL || EVP_PKEY_verify_init(context) != 1)
    rc = EK_ERR_INTERNAL;
  else if (EVP_PKEY_verify(context, der, signature.len / 2, digest, sizeof digest) != 1)
    rc = EK_ERR_INVALID;
  EVP_PKEY_CTX_free(context);
  return leave(rc);
}

int ek_sigv4a_public(uint8_t x[SCALAR_SIZE], uint8_t y[SCALAR_SIZE], EVP_PKEY *key) {
  uint8_t point[POINT_SIZE];
  size_t n = 0;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n) != 1 ||
      n != sizeof point || point[0] != POINT_CONVERSION_UNCOMPRESSED)
    return leave(EK_ERR_INTERNAL);
  memcpy(x, point + 1, SCALAR_SIZE);
  memcpy(y, point + 1 + SCALAR_SIZE, SCALAR_SIZE);
  return 0;
}

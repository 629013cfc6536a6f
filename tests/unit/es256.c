/* ES256: what is signed verifies by the public point, and by nothing else; other keys are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "core/es256.h"

static const char key_pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
                              "MHcCAQEEIIhNKreu56pVwQTREMrI/B5IjjCUQr1D83nWvm38ciKPoAoGCCqGSM49\n"
                              "AwEHoUQDQgAEO7Su4S+Srs/5ZzvfN0v2THy2C7EDagncx28MP4oqTUsO5AcVx0Xn\n"
                              "EvI2XNkqwGCumxRuCRHFRltYDiSBSUKuaQ==\n"
                              "-----END EC PRIVATE KEY-----\n";

static struct ek_es256_key *new_key(void) {
  struct ek_es256_key *key;
  struct ek_error e = {0};
  assert_int_equal(0, ek_es256_new(&key, key_pem, strlen(key_pem), &e));
  return key;
}

static EVP_PKEY *public_key(const uint8_t *x, const uint8_t *y) {
  uint8_t point[65] = {4};
  memcpy(point + 1, x, 32);
  memcpy(point + 33, y, 32);
  OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
  assert_true(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0));
  assert_true(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 65));
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  EVP_PKEY *out = NULL;
  assert_int_equal(1, EVP_PKEY_fromdata_init(context));
  assert_int_equal(1, EVP_PKEY_fromdata(context, &out, EVP_PKEY_PUBLIC_KEY, params));
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  return out;
}

static int verifies(EVP_PKEY *pkey, const uint8_t *raw, const char *text) {
  ECDSA_SIG *signature = ECDSA_SIG_new();
  assert_int_equal(
      1, ECDSA_SIG_set0(signature, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL)));
  uint8_t *der = NULL;
  int der_len = i2d_ECDSA_SIG(signature, &der);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  assert_int_equal(1, EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, pkey));
  int rc = EVP_DigestVerify(context, der, (size_t)der_len, (const uint8_t *)text, strlen(text));
  EVP_MD_CTX_free(context);
  OPENSSL_free(der);
  ECDSA_SIG_free(signature);
  return rc == 1;
}

static void test_sign(void **state) {
  uint8_t x[32], y[32], signature[64];
  struct ek_error e = {0};
  struct ek_es256_key *key = new_key();
  (void)state;
  assert_int_equal(0, ek_es256_public(x, y, key, &e));
  assert_int_equal(0x3b, x[0]);
  assert_int_equal(0x69, y[31]);
  EVP_PKEY *pkey = public_key(x, y);
  for (int i = 0; i < 100; i++) { /* r and s are shorter than 32 bytes at times */
    char text[32];
    (void)snprintf(text, sizeof text, "text %d", i);
    assert_int_equal(0, ek_es256_sign(signature, key, text, strlen(text), &e));
    assert_true(verifies(pkey, signature, text));
    assert_false(verifies(pkey, signature, "another"));
  }
  EVP_PKEY_free(pkey);
  ek_es256_free(key);
}

static void refuse(const char *pem, size_t n) {
  struct ek_es256_key *key;
  struct ek_error e = {0};
  assert_int_equal(EK_ERR_INVALID, ek_es256_new(&key, pem, n, &e));
  assert_null(key);
  assert_string_equal("not a private key of P-256 in PEM", e.message);
}

static void test_refuse(void **state) {
  static const char p384[] = "-----BEGIN PRIVATE KEY-----\n"
                             "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAs\n"
                             "-----END PRIVATE KEY-----\n";
  static const char encrypted[] =
      "-----BEGIN EC PRIVATE KEY-----\n"
      "Proc-Type: 4,ENCRYPTED\n"
      "DEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n\n"
      "MHcCAQEEIIhNKreu56pVwQTREMrI/B5IjjCUQr1D83nWvm38ciKPoAoGCCqGSM49\n"
      "-----END EC PRIVATE KEY-----\n";
  (void)state;
  refuse("", 0);
  refuse("no key", 6);
  refuse(p384, strlen(p384));
  refuse(encrypted, strlen(encrypted));
  for (size_t n = 0; n < strlen(key_pem) - 30; n++) refuse(key_pem, n);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sign), cmocka_unit_test(test_refuse)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

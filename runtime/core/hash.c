/* SHA-256 and HMAC-SHA-256. HMAC is built on the digest: OpenSSL 3's own EVP_MAC allocates and
 * looks algorithms up on every use, which costs more than the hashing of a short message. */
#include "core/hash.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "core/error.h"

#define BLOCK 64

static _Thread_local EVP_MD_CTX *context;
static _Thread_local EVP_MD *algorithm;

static int acquire(void) {
  if (algorithm == NULL) algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
  if (algorithm == NULL) return EK_ERR_INTERNAL;
  if (context == NULL) context = EVP_MD_CTX_new();
  return context == NULL ? EK_ERR_NOMEM : 0;
}

/* The digest of a block (NULL: none) followed by data. */
static int digest(uint8_t out[EK_SHA256_SIZE], const uint8_t *block, const void *data, size_t n) {
  int rc = acquire();
  if (rc == 0 && EVP_DigestInit_ex(context, algorithm, NULL) == 1 &&
      (block == NULL || EVP_DigestUpdate(context, block, BLOCK) == 1) &&
      EVP_DigestUpdate(context, data, n) == 1 && EVP_DigestFinal_ex(context, out, NULL) == 1)
    return 0;
  memset(out, 0, EK_SHA256_SIZE);
  ERR_clear_error(); /* TLS reads this thread's queue */
  return rc != 0 ? rc : EK_ERR_INTERNAL;
}

int ek_sha256(uint8_t out[EK_SHA256_SIZE], const void *data, size_t n) {
  return digest(out, NULL, data, n);
}

int ek_hmac_prepare(struct ek_hmac_key *key, const void *secret, size_t n) {
  uint8_t block[BLOCK] = {0};
  int rc = 0;
  if (n > BLOCK)
    rc = ek_sha256(block, secret, n);
  else if (n > 0)
    memcpy(block, secret, n);
  for (size_t i = 0; i < BLOCK; i++) {
    key->inner[i] = block[i] ^ 0x36;
    key->outer[i] = block[i] ^ 0x5c;
  }
  explicit_bzero(block, sizeof block);
  return rc;
}

int ek_hmac_sha256(uint8_t out[EK_SHA256_SIZE], const struct ek_hmac_key *key, const void *data,
                   size_t n) {
  uint8_t inner[EK_SHA256_SIZE];
  int rc = digest(inner, key->inner, data, n);
  if (rc == 0)
    rc = digest(out, key->outer, inner, sizeof inner);
  else
    memset(out, 0, EK_SHA256_SIZE);
  explicit_bzero(inner, sizeof inner);
  return rc;
}

void ek_hash_hex(char *out, const uint8_t *bytes, size_t n) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
}

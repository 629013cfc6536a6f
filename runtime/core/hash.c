/* SHA-256 and HMAC-SHA-256, by libcrypto's plain functions. The EVP interface over them looks the
 * algorithm up, which makes OpenSSL 3 load its providers: more than a millisecond at the start, of
 * a program that signs one token and ends; and it allocates at every use. */
#include "core/hash.h"

#include <endian.h>

#include "core/error.h"

#define BLOCK SHA256_CBLOCK

static int finish(uint8_t out[EK_SHA256_SIZE], SHA256_CTX *context, const void *data, size_t n) {
  if (SHA256_Update(context, data, n) == 1 && SHA256_Final(out, context) == 1) return 0;
  memset(out, 0, EK_SHA256_SIZE);
  return EK_ERR_INTERNAL;
}

int ek_sha256(uint8_t out[EK_SHA256_SIZE], const void *data, size_t n) {
  SHA256_CTX context;
  (void)SHA256_Init(&context);
  return finish(out, &context, data, n);
}

/* The state behind a block of the key and a pad. */
static int begin(SHA256_CTX *context, const uint8_t block[BLOCK], uint8_t pad) {
  uint8_t padded[BLOCK];
  for (size_t i = 0; i < BLOCK; i++) padded[i] = block[i] ^ pad;
  int ok = SHA256_Init(context) == 1 && SHA256_Update(context, padded, BLOCK) == 1;
  explicit_bzero(padded, sizeof padded);
  return ok ? 0 : EK_ERR_INTERNAL;
}

int ek_hmac_prepare(struct ek_hmac_key *key, const void *secret, size_t n) {
  uint8_t block[BLOCK] = {0};
  int rc = 0;
  if (n > BLOCK)
    rc = ek_sha256(block, secret, n);
  else if (n > 0)
    memcpy(block, secret, n);
  if (rc == 0) rc = begin(&key->inner, block, 0x36);
  if (rc == 0) rc = begin(&key->outer, block, 0x5c);
  explicit_bzero(block, sizeof block);
  return rc;
}

int ek_hmac_sha256(uint8_t out[EK_SHA256_SIZE], const struct ek_hmac_key *key, const void *data,
                   size_t n) {
  uint8_t inner[EK_SHA256_SIZE];
  SHA256_CTX context = key->inner;
  int rc = finish(inner, &context, data, n);
  context = key->outer;
  if (rc == 0)
    rc = finish(out, &context, inner, sizeof inner);
  else
    memset(out, 0, EK_SHA256_SIZE);
  explicit_bzero(inner, sizeof inner);
  explicit_bzero(&context, sizeof context);
  return rc;
}

/* Writes the eight digits of four bytes: each nibble in a byte of its own, then all at once. */
static void write_digits(char *to, const uint8_t bytes[4]) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint32_t four;
  memcpy(&four, bytes, sizeof four);
  uint64_t x = le32toh(four);
  x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
  x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
  x = (x >> 4 | x << 8) & ones * 15;
  uint64_t letters = (x + ones * 6) >> 4 & ones;
  x = htole64(x + ones * '0' + letters * ('a' - '9' - 1));
  memcpy(to, &x, sizeof x);
}

void ek_hash_hex(char *out, const uint8_t *bytes, size_t n) {
  static const char digits[] = "0123456789abcdef";
  for (; n >= 4; n -= 4, bytes += 4, out += 8) write_digits(out, bytes);
  for (size_t i = 0; i < n; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
}

/* SHA-256 and HMAC-SHA-256, by libcrypto.
 *
 * Every function returns 0, or EK_ERR_INTERNAL when libcrypto fails; then the output is all zeros.
 * Nothing is allocated. */
#ifndef EK_CORE_HASH_H
#define EK_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define OPENSSL_SUPPRESS_DEPRECATED /* the plain functions: hash.c says why */
#include <openssl/sha.h>

#define EK_SHA256_SIZE 32

/* A key in the form HMAC uses it, the states behind its two blocks; as secret as the key itself. */
struct ek_hmac_key {
  SHA256_CTX inner, outer;
};

int ek_sha256(uint8_t out[EK_SHA256_SIZE], const void *data, size_t n);

int ek_hmac_prepare(struct ek_hmac_key *key, const void *secret, size_t n);
int ek_hmac_sha256(uint8_t out[EK_SHA256_SIZE], const struct ek_hmac_key *key, const void *data,
                   size_t n);

/* 2 * n lower-case hex digits; no NUL behind them. */
void ek_hash_hex(char *out, const uint8_t *bytes, size_t n);

#endif

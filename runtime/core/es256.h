/* Signatures of JSON Web Tokens by ES256: ECDSA on P-256 with SHA-256, by OpenSSL. */
#ifndef EK_CORE_ES256_H
#define EK_CORE_ES256_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define EK_ES256_COORDINATE_SIZE 32
#define EK_ES256_SIGNATURE_SIZE  64

struct ek_es256_key; /* a private key */

/* A key in PEM, without a pass phrase. EK_ERR_INVALID: it is none, or not of P-256. */
int ek_es256_new(struct ek_es256_key **out, const char *pem, size_t n, struct ek_error *e);
void ek_es256_free(struct ek_es256_key *key);

/* The point that belongs to it. */
int ek_es256_public(uint8_t x[EK_ES256_COORDINATE_SIZE], uint8_t y[EK_ES256_COORDINATE_SIZE],
                    const struct ek_es256_key *key, struct ek_error *e);

/* r and s, one behind the other. */
int ek_es256_sign(uint8_t out[EK_ES256_SIGNATURE_SIZE], const struct ek_es256_key *key,
                  const void *data, size_t n, struct ek_error *e);

#endif

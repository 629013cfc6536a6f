/* The elliptic curve keys of SigV4A, and their signatures.
 *
 * A key follows from the access key id and the secret alone, so the few in use are worth keeping.
 * Functions return 0, EK_ERR_NOMEM, or EK_ERR_INTERNAL when OpenSSL refuses. */
#ifndef EK_CORE_SIGV4A_H
#define EK_CORE_SIGV4A_H

#include "core/sigv4.h"

#define EK_SIGV4A_KEYS 2

struct evp_pkey_st;

/* A key pair and what it was made of. key NULL: the entry is free. */
struct ek_sigv4a_derived {
  uint8_t scalar[32]; /* the private key */
  struct evp_pkey_st *key;
  uint64_t used;
};

/* All zeros is empty. */
struct ek_sigv4a_keys {
  struct ek_sigv4a_derived kept[EK_SIGV4A_KEYS];
  uint64_t uses;
};

/* Wipes and frees. */
void ek_sigv4a_fini(struct ek_sigv4a_keys *keys);

/* The private key of these credentials, as AWS derives it: NIST SP 800-108 in counter mode over
 * HMAC-SHA-256, the first outcome that is a scalar of P-256. */
int ek_sigv4a_scalar(uint8_t out[32], struct ek_span access_key_id, struct ek_span secret);

/* Its key pair; valid until the next call. */
int ek_sigv4a_key(struct evp_pkey_st **out, struct ek_sigv4a_keys *keys,
                  struct ek_span access_key_id, struct ek_span secret);

/* Signs the SHA-256 of data: lower-case hex digits of the DER signature and a NUL. */
int ek_sigv4a_sign(char out[EK_SIGV4_SIGNATURE_MAX + 1], struct evp_pkey_st *key,
                   struct ek_span data);
/* 0 if the hex digits are a signature of data by the key; EK_ERR_INVALID if not. */
int ek_sigv4a_verify(struct evp_pkey_st *key, struct ek_span data, struct ek_span signature);
int ek_sigv4a_public(uint8_t x[32], uint8_t y[32], struct evp_pkey_st *key);

#endif

/* AWS Signature Version 4 and 4A: signed headers and presigned URLs.
 *
 * 4 signs with HMAC for one region. 4A signs with an elliptic curve key for a set of regions; its
 * signatures differ from call to call.
 *
 * A signer owns its scratch memory and the few signing keys it derived last, so that signing
 * allocates nothing once warm; both are wiped when it is freed. Inputs are byte ranges of the
 * caller's, read during the call only. */
#ifndef EK_CORE_SIGV4_H
#define EK_CORE_SIGV4_H

#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"

#define EK_SIGV4_SIGNATURE_MAX    144 /* hex digits; 4: always 64 */
#define EK_SIGV4_EXPIRES_MAX      604800
#define EK_SIGV4_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

struct ek_span {
  const char *data;
  size_t len;
};

struct ek_sigv4_header {
  struct ek_span name, value; /* the value may be folded over lines */
};

enum ek_sigv4_algorithm {
  EK_SIGV4_HMAC, /* 4: AWS4-HMAC-SHA256 */
  EK_SIGV4_ECDSA /* 4A: AWS4-ECDSA-P256-SHA256 */
};

enum ek_sigv4_flags {
  EK_SIGV4_NORMALIZE_PATH = 1 << 0,     /* drop ".", ".." and empty segments; all but S3 */
  EK_SIGV4_DOUBLE_ENCODE = 1 << 1,      /* encode the '%' of the path as sent; all but S3 */
  EK_SIGV4_SIGN_BODY_HEADER = 1 << 2,   /* add x-amz-content-sha256 (headers only) */
  EK_SIGV4_OMIT_SESSION_TOKEN = 1 << 3, /* add the session token after signing, unsigned */
};

struct ek_sigv4_input {
  enum ek_sigv4_algorithm algorithm;
  struct ek_span method;
  struct ek_span path;                   /* as sent; "" is "/" */
  struct ek_span query;                  /* as sent, without '?'; "" is none */
  const struct ek_sigv4_header *headers; /* all to be signed, "host" among them */
  size_t header_count;
  struct ek_span body;
  struct ek_span payload_hash; /* hex SHA-256 or UNSIGNED-PAYLOAD; empty: computed from body */

  struct ek_span access_key_id, secret_access_key;
  struct ek_span session_token; /* empty: none */
  struct ek_span region;        /* 4A: the set of regions, "us-east-1,eu-west-1" or "*" */
  struct ek_span service;
  int64_t time;     /* seconds since 1970, years 1970 to 9999 */
  unsigned flags;   /* enum ek_sigv4_flags */
  uint32_t expires; /* seconds, presigning only */
};

/* What was signed. The spans live in the signer until its next use. */
struct ek_sigv4_result {
  struct ek_span canonical_request, string_to_sign, signed_headers, payload_hash;
  struct ek_span credential_scope;
  char date[17]; /* YYYYMMDDTHHMMSSZ and a NUL */
  char signature[EK_SIGV4_SIGNATURE_MAX + 1];
  struct ek_span authorization; /* ek_sigv4_sign: the header's value */
  struct ek_span query;         /* ek_sigv4_presign: the whole query string, signature included */
};

struct ek_sigv4;

/* NULL when memory is short. */
struct ek_sigv4 *ek_sigv4_new(void);
void ek_sigv4_free(struct ek_sigv4 *signer);

/* Signs by headers. The caller sends, besides its own: Authorization, X-Amz-Date,
 * X-Amz-Security-Token if there is a token, X-Amz-Region-Set with 4A, x-amz-content-sha256 if the
 * flag says so. Headers of these names in the input are replaced, so a request can be signed again.
 * Not signed, because proxies and clients change them: connection, expect, transfer-encoding,
 * user-agent, x-amzn-trace-id. */
int ek_sigv4_sign(struct ek_sigv4_result *out, struct ek_sigv4 *signer,
                  const struct ek_sigv4_input *in, struct ek_error *e);

/* Signs by query parameters; result->query replaces in->query. X-Amz-* parameters of signing in
 * in->query are replaced. */
int ek_sigv4_presign(struct ek_sigv4_result *out, struct ek_sigv4 *signer,
                     const struct ek_sigv4_input *in, struct ek_error *e);

/* The affine coordinates, big-endian, of the point that checks a 4A signature of these keys. */
int ek_sigv4_public_key(uint8_t x[32], uint8_t y[32], struct ek_sigv4 *signer,
                        struct ek_span access_key_id, struct ek_span secret_access_key,
                        struct ek_error *e);

/* --- the other side --- */

/* What a received request says of its own signature. */
struct ek_sigv4_claim {
  enum ek_sigv4_algorithm algorithm;
  bool presigned;
  struct ek_span access_key_id, credential_scope, region, service;
  struct ek_span signed_headers, signature, date;
  struct ek_span session_token; /* empty: none */
  struct ek_span payload_hash;  /* x-amz-content-sha256; empty: not stated */
  int64_t time;
  uint32_t expires; /* 0: not presigned */
};

/* Reads the query and headers of in; the claim points into them and into text, which is
 * overwritten. EK_ERR_NOTFOUND: the request is not signed; EK_ERR_SYNTAX: badly; EK_ERR_INVALID:
 * its parts disagree. */
int ek_sigv4_claim_read(struct ek_sigv4_claim *out, struct ek_buf *text,
                        const struct ek_sigv4_input *in, struct ek_error *e);

/* Whether the request that the claim was read from bears its signature by these credentials: in's
 * access key id, secret and session token. The path rules are in's flags; with
 * EK_SIGV4_OMIT_SESSION_TOKEN the token was added behind the signature. payload_hash, if given,
 * goes before what the request states (S3's presigned URLs: UNSIGNED-PAYLOAD). Time and expiry are
 * the caller's to judge. 0 or EK_ERR_INVALID. */
int ek_sigv4_verify(struct ek_sigv4 *signer, const struct ek_sigv4_claim *claim,
                    const struct ek_sigv4_input *in, struct ek_error *e);

#endif

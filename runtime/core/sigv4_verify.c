/* Checking a signed request that came: what it claims, and whether the signature bears it out. */
#include "core/sigv4.h"

#include <openssl/crypto.h>

#include "core/encode.h"
#include "core/hash.h"
#include "core/sigv4_signer.h"
#include "core/time.h"

static bool is_name(struct ek_span s, const char *literal) {
  return s.len == strlen(literal) && strncasecmp(s.data, literal, s.len) == 0;
}

static bool same(struct ek_span a, struct ek_span b) {
  return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

static struct ek_span trim(struct ek_span s) {
  while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) s.data++, s.len--;
  while (s.len > 0 && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t')) s.len--;
  return s;
}

/* Cuts off what stands before the first c (all, if there is none) and c with it. */
static struct ek_span cut(struct ek_span *rest, char c) {
  const char *at = rest->len == 0 ? NULL : memchr(rest->data, c, rest->len);
  size_t n = at == NULL ? rest->len : (size_t)(at - rest->data);
  struct ek_span head = {rest->data, n};
  size_t used = at == NULL ? n : n + 1;
  *rest = (struct ek_span){rest->data + used, rest->len - used};
  return head;
}

/* Puts a value where it belongs; each may be said once. */
static int take(struct ek_span *to, struct ek_span value, const char *what, struct ek_error *e) {
  if (to->data != NULL) return ek_error_set(e, EK_ERR_SYNTAX, "sigv4: %s is given twice", what);
  *to = value;
  return 0;
}

/* What a request says of its signature, as text. */
struct said {
  struct ek_span authorization, algorithm, credential, signed_headers, signature;
  struct ek_span date, expires, token, region_set, payload_hash;
};

/* Copies values into text, which has room for all of them. */
static int read_headers(struct said *said, struct ek_buf *text, const struct ek_sigv4_input *in,
                        struct ek_error *e) {
  const struct {
    const char *name;
    struct ek_span *to;
  } known[] = {{"authorization", &said->authorization},
               {"x-amz-date", &said->date},
               {"x-amz-security-token", &said->token},
               {"x-amz-region-set", &said->region_set},
               {"x-amz-content-sha256", &said->payload_hash}};
  int rc = 0;
  for (size_t i = 0; i < in->header_count; i++) {
    for (size_t k = 0; rc == 0 && k < sizeof known / sizeof *known; k++) {
      if (!is_name(in->headers[i].name, known[k].name)) continue;
      struct ek_span value = trim(in->headers[i].value);
      size_t at = text->len;
      ek_buf_append(text, value.data, value.len);
      rc = take(known[k].to, (struct ek_span){text->data + at, value.len}, known[k].name, e);
    }
  }
  if (rc != 0 || said->authorization.data == NULL) return rc;
  struct ek_span rest = said->authorization;
  said->algorithm = cut(&rest, ' ');
  while (rc == 0 && rest.len > 0) {
    struct ek_span value = trim(cut(&rest, ',')), name = cut(&value, '=');
    if (ek_span_is(name, "Credential"))
      rc = take(&said->credential, value, "Credential", e);
    else if (ek_span_is(name, "SignedHeaders"))
      rc = take(&said->signed_headers, value, "SignedHeaders", e);
    else if (ek_span_is(name, "Signature"))
      rc = take(&said->signature, value, "Signature", e);
    else
      rc = ek_error_set(e, EK_ERR_SYNTAX, "sigv4: the authorization header is malformed");
  }
  return rc;
}

/* Decodes values into text, which has room for all of them. */
static int read_query(struct said *said, struct ek_buf *text, const struct ek_sigv4_input *in,
                      struct ek_error *e) {
  const struct {
    const char *name;
    struct ek_span *to;
  } known[] = {{"X-Amz-Algorithm", &said->algorithm},
               {"X-Amz-Credential", &said->credential},
               {"X-Amz-SignedHeaders", &said->signed_headers},
               {"X-Amz-Signature", &said->signature},
               {"X-Amz-Date", &said->date},
               {"X-Amz-Expires", &said->expires},
               {"X-Amz-Security-Token", &said->token},
               {"X-Amz-Region-Set", &said->region_set}};
  int rc = 0;
  for (struct ek_span rest = in->query; rc == 0 && rest.len > 0;) {
    struct ek_span value = cut(&rest, '&'), name = cut(&value, '=');
    for (size_t k = 0; rc == 0 && k < sizeof known / sizeof *known; k++) {
      if (!ek_span_is(name, known[k].name)) continue;
      size_t at = text->len;
      rc = ek_percent_decode(text, value.data, value.len, e);
      if (rc == 0)
        rc = take(known[k].to, (struct ek_span){text->data + at, text->len - at}, known[k].name, e);
    }
  }
  return rc;
}

static bool has_query_signature(const struct ek_sigv4_input *in) {
  for (struct ek_span rest = in->query; rest.len > 0;) {
    struct ek_span value = cut(&rest, '&');
    if (ek_span_is(cut(&value, '='), "X-Amz-Signature")) return true;
  }
  return false;
}

/* ID/day/[region/]service/aws4_request; an id may hold slashes. */
static int read_credential(struct ek_sigv4_claim *claim, struct ek_span s, struct ek_error *e) {
  bool regional = claim->algorithm == EK_SIGV4_HMAC;
  struct ek_span parts[4] = {{NULL, 0}};
  size_t wanted = regional ? 4 : 3, end = s.len;
  for (size_t i = wanted; i-- > 0;) {
    size_t at = end;
    while (at > 0 && s.data[at - 1] != '/') at--;
    parts[i] = (struct ek_span){s.data + at, end - at};
    if (at == 0 || parts[i].len == 0)
      return ek_error_set(e, EK_ERR_SYNTAX, "sigv4: the credential's scope is incomplete");
    end = at - 1;
  }
  claim->access_key_id = (struct ek_span){s.data, end};
  claim->credential_scope = (struct ek_span){s.data + end + 1, s.len - end - 1};
  if (regional) claim->region = parts[1];
  claim->service = parts[wanted - 2];
  if (claim->access_key_id.len == 0 || !ek_span_is(parts[wanted - 1], EK_SIGV4_TERMINATOR))
    return ek_error_set(e, EK_ERR_SYNTAX, "sigv4: the credential's scope is malformed");
  if (claim->date.len < 8 || !same(parts[0], (struct ek_span){claim->date.data, 8}))
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: the credential's day is not that of the date");
  return 0;
}

static int read_expires(struct ek_sigv4_claim *claim, struct ek_span s, struct ek_error *e) {
  uint32_t n = 0;
  bool good = s.len > 0 && s.len <= 6;
  for (size_t i = 0; good && i < s.len; i++) {
    good = s.data[i] >= '0' && s.data[i] <= '9';
    n = 10 * n + (uint32_t)(s.data[i] - '0');
  }
  if (!good || n == 0 || n > EK_SIGV4_EXPIRES_MAX)
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: X-Amz-Expires is not 1 to %d seconds",
                        EK_SIGV4_EXPIRES_MAX);
  claim->expires = n;
  return 0;
}

int ek_sigv4_claim_read(struct ek_sigv4_claim *out, struct ek_buf *text,
                        const struct ek_sigv4_input *in, struct ek_error *e) {
  struct said said = {.authorization = {NULL, 0}};
  *out = (struct ek_sigv4_claim){.presigned = has_query_signature(in)};
  size_t room = in->query.len + 1;
  for (size_t i = 0; i < in->header_count; i++) room += in->headers[i].value.len;
  ek_buf_clear(text);
  if (!ek_buf_reserve(text, room)) return ek_error_set(e, EK_ERR_NOMEM, "sigv4: out of memory");
  int rc = 0;
  if (out->presigned) {
    rc = read_query(&said, text, in, e);
  } else {
    rc = read_headers(&said, text, in, e);
    if (rc == 0 && said.authorization.data == NULL)
      rc = ek_error_set(e, EK_ERR_NOTFOUND, "sigv4: the request is not signed");
  }
  if (rc != 0) return rc;
  if (ek_span_is(said.algorithm, "AWS4-ECDSA-P256-SHA256"))
    out->algorithm = EK_SIGV4_ECDSA;
  else if (!ek_span_is(said.algorithm, "AWS4-HMAC-SHA256"))
    return ek_error_set(e, EK_ERR_SYNTAX, "sigv4: the algorithm is not one of AWS's");
  if (said.credential.len == 0 || said.signed_headers.len == 0 || said.signature.len == 0 ||
      said.date.len == 0)
    return ek_error_set(e, EK_ERR_SYNTAX,
                        "sigv4: credential, signed headers, signature or date is missing");
  double time;
  out->date = said.date;
  if (said.date.len != 16 ||
      ek_time_parse_iso8601(&time, said.date.data, said.date.len, NULL) != 0 || time < 0)
    return ek_error_set(e, EK_ERR_SYNTAX, "sigv4: the date is not of the form YYYYMMDDTHHMMSSZ");
  out->time = (int64_t)time;
  out->signed_headers = said.signed_headers;
  out->signature = said.signature;
  out->session_token = said.token;
  out->payload_hash = said.payload_hash;
  if (out->algorithm == EK_SIGV4_ECDSA) out->region = said.region_set;
  rc = read_credential(out, said.credential, e);
  if (rc == 0 && out->presigned) rc = read_expires(out, said.expires, e);
  return rc;
}

/* --- verification --- */

/* The payload's hash as it was signed; one that the sender states is held against the body. */
static int settle_payload(struct ek_sigv4_input *in, const struct ek_sigv4_claim *claim,
                          struct ek_error *e) {
  if (in->payload_hash.len > 0 || claim->payload_hash.len == 0) return 0;
  in->payload_hash = claim->payload_hash;
  if (claim->payload_hash.len != 2 * (size_t)EK_SHA256_SIZE) return 0;
  uint8_t digest[EK_SHA256_SIZE];
  char hex[2 * EK_SHA256_SIZE];
  int rc = ek_sha256(digest, in->body.data, in->body.len);
  if (rc != 0) return ek_error_set(e, rc, "sigv4: SHA-256 failed");
  ek_hash_hex(hex, digest, sizeof digest);
  if (same(claim->payload_hash, (struct ek_span){hex, sizeof hex})) return 0;
  return ek_error_set(e, EK_ERR_INVALID, "sigv4: x-amz-content-sha256 is not the body's hash");
}

static int compare(struct ek_sigv4 *s, const struct ek_sigv4_input *in,
                   const struct ek_sigv4_claim *claim) {
  struct ek_span to_sign = {s->to_sign.data, s->to_sign.len};
  if (in->algorithm == EK_SIGV4_ECDSA) {
    struct evp_pkey_st *key;
    int rc = ek_sigv4a_key(&key, &s->curve_keys, in->access_key_id, in->secret_access_key);
    return rc != 0 ? rc : ek_sigv4a_verify(key, to_sign, claim->signature);
  }
  const struct ek_hmac_key *key;
  uint8_t digest[EK_SHA256_SIZE];
  char hex[2 * EK_SHA256_SIZE];
  int rc = ek_sigv4_key(&key, &s->keys, in, claim->date.data);
  if (rc == 0) rc = ek_hmac_sha256(digest, key, to_sign.data, to_sign.len);
  if (rc != 0) return rc;
  ek_hash_hex(hex, digest, sizeof digest);
  return same(claim->signature, (struct ek_span){hex, sizeof hex}) ? 0 : EK_ERR_INVALID;
}

int ek_sigv4_verify(struct ek_sigv4 *s, const struct ek_sigv4_claim *claim,
                    const struct ek_sigv4_input *request, struct ek_error *e) {
  struct ek_sigv4_input in = *request;
  if (!same(request->access_key_id, claim->access_key_id))
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: the request names another access key id");
  if (!same(request->session_token, claim->session_token))
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: the request has another session token");
  in.algorithm = claim->algorithm;
  in.region = claim->region;
  in.service = claim->service;
  in.time = claim->time;
  int rc = ek_sigv4_check(&in, e);
  if (rc == 0) rc = settle_payload(&in, claim, e);
  struct ek_sigv4_signing signing = {
      .mode = EK_SIGV4_AS_RECEIVED,
      .date = claim->date,
      .credential_scope = claim->credential_scope,
      .signed_headers = claim->signed_headers,
  };
  if (rc == 0) rc = ek_sigv4_canonicalize(&s->canonical, &in, &signing, e);
  if (rc != 0) return rc;
  const struct ek_buf *found = &s->canonical.signed_headers;
  if (!same((struct ek_span){found->data, found->len}, claim->signed_headers))
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: a signed header is missing");
  rc = ek_sigv4_write_to_sign(s, in.algorithm, &signing, e);
  if (rc != 0) return rc;
  rc = compare(s, &in, claim);
  if (rc == EK_ERR_INVALID)
    return ek_error_set(e, rc, "sigv4: the signature does not match the request");
  return rc == 0 ? 0 : ek_error_set(e, rc, "sigv4: the signature cannot be computed");
}

/* AWS Signature Version 4 and 4A: from a request to its signature. */
#include "core/sigv4.h"

#include "core/encode.h"
#include "core/hash.h"
#include "core/sigv4_signer.h"
#include "core/time.h"

#define REGION_SET_MAX 1024
#define WORD_MAX       ((size_t)8 << 20)
#define TIME_MAX       INT64_C(253402300799)

#define LITERAL(s) ((struct ek_span){(s), sizeof(s) - 1})

struct ek_sigv4 *ek_sigv4_new(void) {
  return calloc(1, sizeof(struct ek_sigv4));
}

void ek_sigv4_free(struct ek_sigv4 *s) {
  if (s == NULL) return;
  ek_sigv4_canonical_fini(&s->canonical);
  ek_sigv4a_fini(&s->curve_keys);
  ek_buf_wipe(&s->to_sign);
  ek_buf_fini(&s->to_sign);
  ek_buf_wipe(&s->result);
  ek_buf_fini(&s->result);
  explicit_bzero(s, sizeof *s);
  free(s);
}

static void append(struct ek_buf *b, struct ek_span s) {
  ek_buf_append(b, s.data, s.len);
}

static struct ek_span whole(const struct ek_buf *b) {
  return (struct ek_span){b->data == NULL ? "" : b->data, b->len};
}

/* --- checks --- */

static int check_word(struct ek_span s, const char *what, size_t max, struct ek_error *e) {
  if (s.len == 0) return ek_error_set(e, EK_ERR_INVALID, "sigv4: %s is empty", what);
  if (s.len > max)
    return ek_error_set(e, EK_ERR_LIMIT, "sigv4: %s is longer than %zu bytes", what, max);
  if (!ek_span_is_word(s))
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: %s holds a byte that is not printable ASCII",
                        what);
  return 0;
}

int ek_sigv4_check(const struct ek_sigv4_input *in, struct ek_error *e) {
  int rc = check_word(in->access_key_id, "access key id", 1024, e);
  if (rc == 0) rc = check_word(in->secret_access_key, "secret access key", EK_SIGV4_SECRET_MAX, e);
  if (rc == 0 && in->session_token.len > 0)
    rc = check_word(in->session_token, "session token", WORD_MAX, e);
  if (rc == 0 && in->algorithm == EK_SIGV4_ECDSA)
    rc = check_word(in->region, "region set", REGION_SET_MAX, e);
  else if (rc == 0)
    rc = check_word(in->region, "region", EK_SIGV4_NAME_MAX, e);
  if (rc == 0) rc = check_word(in->service, "service", EK_SIGV4_NAME_MAX, e);
  if (rc == 0) rc = check_word(in->method, "method", EK_SIGV4_NAME_MAX, e);
  if (rc != 0) return rc;
  if (in->time < 0 || in->time > TIME_MAX)
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: time %lld is not in the years 1970 to 9999",
                        (long long)in->time);
  return 0;
}

static int check_expires(const struct ek_sigv4_input *in, struct ek_error *e) {
  if (in->expires > 0 && in->expires <= EK_SIGV4_EXPIRES_MAX) return 0;
  return ek_error_set(e, EK_ERR_INVALID, "sigv4: expires is %u, not 1 to %d seconds",
                      (unsigned)in->expires, EK_SIGV4_EXPIRES_MAX);
}

/* --- the signature --- */

/* The credential scope, in the signer. 4A's names no region. */
static struct ek_span write_scope(struct ek_sigv4 *s, const struct ek_sigv4_input *in,
                                  const char *day) {
  struct ek_span parts[4] = {{day, 8}};
  size_t count = 1, n = 0;
  if (in->algorithm == EK_SIGV4_HMAC) parts[count++] = in->region;
  parts[count++] = in->service;
  parts[count++] = LITERAL(EK_SIGV4_TERMINATOR);
  for (size_t i = 0; i < count; i++) {
    if (i > 0) s->scope[n++] = '/';
    memcpy(s->scope + n, parts[i].data, parts[i].len);
    n += parts[i].len;
  }
  return (struct ek_span){s->scope, n};
}

int ek_sigv4_write_to_sign(struct ek_sigv4 *s, enum ek_sigv4_algorithm algorithm,
                           const struct ek_sigv4_signing *signing, struct ek_error *e) {
  uint8_t digest[EK_SHA256_SIZE];
  char hex[2 * EK_SHA256_SIZE];
  int rc = ek_sha256(digest, s->canonical.text.data, s->canonical.text.len);
  if (rc != 0) return ek_error_set(e, rc, "sigv4: SHA-256 failed");
  ek_hash_hex(hex, digest, sizeof digest);
  struct ek_buf *b = &s->to_sign;
  ek_buf_clear(b);
  append(b, ek_sigv4_algorithm_name(algorithm));
  ek_buf_putc(b, '\n');
  append(b, signing->date);
  ek_buf_putc(b, '\n');
  append(b, signing->credential_scope);
  ek_buf_putc(b, '\n');
  ek_buf_append(b, hex, sizeof hex);
  return b->failed ? ek_error_set(e, EK_ERR_NOMEM, "sigv4: out of memory") : 0;
}

static int compute(struct ek_sigv4_result *out, struct ek_sigv4 *s, const struct ek_sigv4_input *in,
                   struct ek_error *e) {
  int rc;
  if (in->algorithm == EK_SIGV4_ECDSA) {
    struct evp_pkey_st *key;
    rc = ek_sigv4a_key(&key, &s->curve_keys, in->access_key_id, in->secret_access_key);
    if (rc == 0) rc = ek_sigv4a_sign(out->signature, key, whole(&s->to_sign));
    return rc == 0 ? 0 : ek_error_set(e, rc, "sigv4: ECDSA failed");
  }
  const struct ek_hmac_key *key;
  uint8_t digest[EK_SHA256_SIZE];
  rc = ek_sigv4_key(&key, &s->keys, in, out->date);
  if (rc == 0) rc = ek_hmac_sha256(digest, key, s->to_sign.data, s->to_sign.len);
  if (rc != 0) return ek_error_set(e, rc, "sigv4: SHA-256 failed");
  ek_hash_hex(out->signature, digest, sizeof digest);
  return 0;
}

static void write_query(struct ek_sigv4 *s, const struct ek_sigv4_input *in,
                        const struct ek_sigv4_result *r) {
  struct ek_buf *b = &s->result;
  ek_buf_append(b, s->canonical.text.data + s->canonical.query_at, s->canonical.query_len);
  if (in->session_token.len > 0 && (in->flags & EK_SIGV4_OMIT_SESSION_TOKEN)) {
    ek_buf_puts(b, "&X-Amz-Security-Token=");
    ek_percent_encode(b, in->session_token.data, in->session_token.len, false);
  }
  ek_buf_puts(b, "&X-Amz-Signature=");
  ek_buf_puts(b, r->signature);
}

static void write_authorization(struct ek_sigv4 *s, const struct ek_sigv4_input *in,
                                const struct ek_sigv4_result *r) {
  struct ek_buf *b = &s->result;
  append(b, ek_sigv4_algorithm_name(in->algorithm));
  ek_buf_puts(b, " Credential=");
  append(b, in->access_key_id);
  ek_buf_putc(b, '/');
  append(b, r->credential_scope);
  ek_buf_puts(b, ", SignedHeaders=");
  append(b, r->signed_headers);
  ek_buf_puts(b, ", Signature=");
  ek_buf_puts(b, r->signature);
}

/* Requests of one day differ in six digits. */
static void write_date(char out[17], struct ek_sigv4 *s, int64_t time) {
  int64_t day = time / 86400;
  unsigned second = (unsigned)(time % 86400);
  if (s->midnight[0] == '\0' || s->day != day) {
    char date[EK_TIME_MAX];
    (void)ek_time_format(date, EK_TIME_BASIC, (double)(day * 86400));
    memcpy(s->midnight, date, sizeof s->midnight);
    s->day = day;
  }
  const unsigned parts[] = {second / 3600, second / 60 % 60, second % 60};
  memcpy(out, s->midnight, sizeof s->midnight);
  for (size_t i = 0; i < 3; i++) {
    out[9 + 2 * i] = (char)('0' + parts[i] / 10);
    out[10 + 2 * i] = (char)('0' + parts[i] % 10);
  }
}

static int sign(struct ek_sigv4_result *out, struct ek_sigv4 *s, const struct ek_sigv4_input *in,
                enum ek_sigv4_mode mode, struct ek_error *e) {
  *out = (struct ek_sigv4_result){.date = ""};
  int rc = ek_sigv4_check(in, e);
  if (rc == 0 && mode == EK_SIGV4_BY_QUERY) rc = check_expires(in, e);
  if (rc != 0) return rc;
  write_date(out->date, s, in->time);
  out->credential_scope = write_scope(s, in, out->date);
  struct ek_sigv4_signing signing = {
      .mode = mode,
      .date = {out->date, sizeof out->date - 1},
      .credential_scope = out->credential_scope,
  };
  rc = ek_sigv4_canonicalize(&s->canonical, in, &signing, e);
  if (rc == 0) rc = ek_sigv4_write_to_sign(s, in->algorithm, &signing, e);
  if (rc == 0) rc = compute(out, s, in, e);
  if (rc != 0) return rc;
  out->canonical_request = whole(&s->canonical.text);
  out->signed_headers = whole(&s->canonical.signed_headers);
  out->payload_hash = s->canonical.payload_hash;
  out->string_to_sign = whole(&s->to_sign);
  ek_buf_clear(&s->result);
  if (mode == EK_SIGV4_BY_QUERY) {
    write_query(s, in, out);
    out->query = whole(&s->result);
  } else {
    write_authorization(s, in, out);
    out->authorization = whole(&s->result);
  }
  return s->result.failed ? ek_error_set(e, EK_ERR_NOMEM, "sigv4: out of memory") : 0;
}

int ek_sigv4_sign(struct ek_sigv4_result *out, struct ek_sigv4 *signer,
                  const struct ek_sigv4_input *in, struct ek_error *e) {
  return sign(out, signer, in, EK_SIGV4_BY_HEADERS, e);
}

int ek_sigv4_presign(struct ek_sigv4_result *out, struct ek_sigv4 *signer,
                     const struct ek_sigv4_input *in, struct ek_error *e) {
  return sign(out, signer, in, EK_SIGV4_BY_QUERY, e);
}

int ek_sigv4_public_key(uint8_t x[32], uint8_t y[32], struct ek_sigv4 *signer,
                        struct ek_span access_key_id, struct ek_span secret_access_key,
                        struct ek_error *e) {
  int rc = check_word(access_key_id, "access key id", 1024, e);
  if (rc == 0) rc = check_word(secret_access_key, "secret access key", EK_SIGV4_SECRET_MAX, e);
  if (rc != 0) return rc;
  struct evp_pkey_st *key;
  rc = ek_sigv4a_key(&key, &signer->curve_keys, access_key_id, secret_access_key);
  if (rc == 0) rc = ek_sigv4a_public(x, y, key);
  return rc == 0 ? 0 : ek_error_set(e, rc, "sigv4: ECDSA failed");
}

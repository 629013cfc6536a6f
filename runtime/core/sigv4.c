/* AWS Signature Version 4.
 *
 * The canonical request is written in one pass over sorted names and values. These point into one
 * scratch buffer whose size is known before the first of them is written, so it never moves. */
#include "core/sigv4.h"

#include "core/hash.h"
#include "core/sigv4_key.h"
#include "core/time.h"

#define ALGORITHM           "AWS4-HMAC-SHA256"
#define EK_SIGV4_TERMINATOR "aws4_request"
#define EMPTY_SHA256        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define KEYS                4
#define EK_SIGV4_SECRET_MAX 256
#define EK_SIGV4_NAME_MAX   64
#define INPUT_MAX           ((size_t)8 << 20)
#define TIME_MAX            INT64_C(253402300799)

#define LITERAL(s) ((struct ek_span){(s), sizeof(s) - 1})

struct item {
  struct ek_span name, value;
  size_t order; /* keeps equal names in the caller's order */
};

struct ek_sigv4 {
  struct ek_sigv4_keys keys;
  struct ek_buf scratch; /* what items point to; reserved, never grown while they live */
  struct ek_buf items;   /* of struct item */
  struct ek_buf canonical, to_sign, signed_headers, result;
  char scope[8 + 2 * EK_SIGV4_NAME_MAX + sizeof EK_SIGV4_TERMINATOR + 4];
  char payload_hash[2 * EK_SHA256_SIZE];
};

struct ek_sigv4 *ek_sigv4_new(void) {
  return calloc(1, sizeof(struct ek_sigv4));
}

void ek_sigv4_free(struct ek_sigv4 *s) {
  if (s == NULL) return;
  struct ek_buf *buffers[] = {&s->scratch, &s->items,          &s->canonical,
                              &s->to_sign, &s->signed_headers, &s->result};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
    ek_buf_wipe(buffers[i]);
    ek_buf_fini(buffers[i]);
  }
  explicit_bzero(s, sizeof *s);
  free(s);
}

/* --- bytes --- */

static bool span_is(struct ek_span s, const char *literal) {
  return s.len == strlen(literal) && memcmp(s.data, literal, s.len) == 0;
}

static void append(struct ek_buf *b, struct ek_span s) {
  ek_buf_append(b, s.data, s.len);
}

static struct ek_span whole(const struct ek_buf *b) {
  return (struct ek_span){b->data == NULL ? "" : b->data, b->len};
}

static const bool unreserved[256] = {
    ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1, ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1,
    ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['A'] = 1, ['B'] = 1,
    ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1,
    ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1,
    ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1, ['Z'] = 1,
    ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1, ['g'] = 1, ['h'] = 1,
    ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1,
    ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,
    ['y'] = 1, ['z'] = 1,
};

/* Writes at most three bytes; returns the place behind them. */
static char *encode_byte(char *to, unsigned char c) {
  static const char digits[] = "0123456789ABCDEF";
  to[0] = '%';
  to[1] = digits[c >> 4];
  to[2] = digits[c & 15];
  return to + 3;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* What was written from `start` on, as a part of b (which has the room). */
static struct ek_span commit(struct ek_buf *b, const char *start, const char *end) {
  b->len = (size_t)(end - b->data);
  return (struct ek_span){start, (size_t)(end - start)};
}

/* Appends s percent-encoded; an escape in it, if it is `escaped`, stands for its byte. */
static struct ek_span encode(struct ek_buf *b, struct ek_span s, bool escaped) {
  if (!ek_buf_reserve(b, 3 * s.len + 1)) return (struct ek_span){"", 0};
  char *start = b->data + b->len, *to = start;
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.data[i];
    if (unreserved[c]) {
      *to++ = (char)c;
      continue;
    }
    if (c == '%' && escaped && s.len - i > 2) {
      int high = hex_value(s.data[i + 1]), low = hex_value(s.data[i + 2]);
      if (high >= 0 && low >= 0) {
        c = (unsigned char)(high << 4 | low);
        i += 2;
      }
    }
    if (unreserved[c])
      *to++ = (char)c;
    else
      to = encode_byte(to, c);
  }
  return commit(b, start, to);
}

/* --- checks --- */

static int check_word(struct ek_span s, const char *what, size_t max, struct ek_error *e) {
  if (s.len == 0) return ek_error_set(e, EK_ERR_INVALID, "sigv4: %s is empty", what);
  if (s.len > max)
    return ek_error_set(e, EK_ERR_LIMIT, "sigv4: %s is longer than %zu bytes", what, max);
  bool bad = false;
  for (size_t i = 0; i < s.len; i++) bad |= s.data[i] <= ' ' || s.data[i] > '~';
  if (bad)
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: %s holds a byte that is not printable ASCII",
                        what);
  return 0;
}

static int check(const struct ek_sigv4_input *in, bool presign, struct ek_error *e) {
  int rc = check_word(in->access_key_id, "access key id", 1024, e);
  if (rc == 0) rc = check_word(in->secret_access_key, "secret access key", EK_SIGV4_SECRET_MAX, e);
  if (rc == 0 && in->session_token.len > 0)
    rc = check_word(in->session_token, "session token", INPUT_MAX, e);
  if (rc == 0) rc = check_word(in->region, "region", EK_SIGV4_NAME_MAX, e);
  if (rc == 0) rc = check_word(in->service, "service", EK_SIGV4_NAME_MAX, e);
  if (rc == 0) rc = check_word(in->method, "method", EK_SIGV4_NAME_MAX, e);
  if (rc != 0) return rc;
  if (in->time < 0 || in->time > TIME_MAX)
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: time %lld is not in the years 1970 to 9999",
                        (long long)in->time);
  if (presign && (in->expires == 0 || in->expires > EK_SIGV4_EXPIRES_MAX))
    return ek_error_set(e, EK_ERR_INVALID, "sigv4: expires is %u, not 1 to %d seconds",
                        (unsigned)in->expires, EK_SIGV4_EXPIRES_MAX);
  return 0;
}

/* --- sorted names and values --- */

static void add_item(struct ek_sigv4 *s, struct ek_span name, struct ek_span value) {
  struct item item = {name, value, s->items.len / sizeof item};
  ek_buf_append(&s->items, &item, sizeof item);
}

static int compare_spans(struct ek_span a, struct ek_span b) {
  size_t shorter = a.len < b.len ? a.len : b.len;
  int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
  if (order != 0) return order;
  return a.len < b.len ? -1 : a.len > b.len;
}

static int by_name(const void *left, const void *right) {
  const struct item *a = left, *b = right;
  int order = compare_spans(a->name, b->name);
  if (order != 0) return order;
  return a->order < b->order ? -1 : a->order > b->order;
}

static int by_name_and_value(const void *left, const void *right) {
  const struct item *a = left, *b = right;
  int order = compare_spans(a->name, b->name);
  return order != 0 ? order : compare_spans(a->value, b->value);
}

static const struct item *sorted(struct ek_sigv4 *s, size_t *count,
                                 int (*compare)(const void *, const void *)) {
  *count = s->items.failed ? 0 : s->items.len / sizeof(struct item);
  struct item *items = (struct item *)(void *)s->items.data;
  if (*count > 24) {
    qsort(items, *count, sizeof *items, compare);
    return items;
  }
  for (size_t i = 1; i < *count; i++) {
    struct item item = items[i];
    size_t k = i;
    for (; k > 0 && compare(&items[k - 1], &item) > 0; k--) items[k] = items[k - 1];
    items[k] = item;
  }
  return items;
}

/* --- headers --- */

/* Appends the value without outer blanks, inner runs of blanks and line ends as one space. */
static struct ek_span fold(struct ek_buf *b, struct ek_span s) {
  if (!ek_buf_reserve(b, s.len + 1)) return (struct ek_span){"", 0};
  char *start = b->data + b->len, *to = start;
  bool blank = false;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      blank = true;
      continue;
    }
    if (blank && to > start) *to++ = ' ';
    blank = false;
    *to++ = c;
  }
  return commit(b, start, to);
}

static struct ek_span lower(struct ek_buf *b, struct ek_span s) {
  if (!ek_buf_reserve(b, s.len + 1)) return (struct ek_span){"", 0};
  char *start = b->data + b->len, *to = start;
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    *to++ = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return commit(b, start, to);
}

static bool is_signed(const struct ek_sigv4_input *in, struct ek_span name, bool presign) {
  static const char *const never[] = {"authorization",     "connection", "expect",
                                      "transfer-encoding", "user-agent", "x-amzn-trace-id"};
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (span_is(name, never[i])) return false;
  if (presign) return true;
  if (span_is(name, "x-amz-date")) return false;
  if (span_is(name, "x-amz-security-token")) return in->session_token.len == 0;
  if (span_is(name, "x-amz-content-sha256")) return !(in->flags & EK_SIGV4_SIGN_BODY_HEADER);
  return true;
}

/* Fills s->items with the headers to sign, sorted, and s->signed_headers with their names. */
static int collect_headers(struct ek_sigv4 *s, const struct ek_sigv4_input *in, bool presign,
                           struct ek_sigv4_result *out, struct ek_error *e) {
  struct ek_buf *b = &s->scratch;
  bool host = false;
  ek_buf_clear(&s->items);
  for (size_t i = 0; i < in->header_count; i++) {
    const struct ek_sigv4_header *h = &in->headers[i];
    struct ek_span name = lower(b, h->name);
    if (!is_signed(in, name, presign)) continue;
    if (span_is(name, "host")) host = true;
    add_item(s, name, fold(b, h->value));
  }
  if (!host) return ek_error_set(e, EK_ERR_INVALID, "sigv4: there is no host header to sign");
  if (!presign) {
    add_item(s, LITERAL("x-amz-date"), (struct ek_span){out->date, 16});
    if (in->session_token.len > 0 && !(in->flags & EK_SIGV4_OMIT_SESSION_TOKEN))
      add_item(s, LITERAL("x-amz-security-token"), in->session_token);
    if (in->flags & EK_SIGV4_SIGN_BODY_HEADER)
      add_item(s, LITERAL("x-amz-content-sha256"), out->payload_hash);
  }
  size_t count;
  const struct item *items = sorted(s, &count, by_name);
  ek_buf_clear(&s->signed_headers);
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && compare_spans(items[i].name, items[i - 1].name) == 0) continue;
    if (i > 0) ek_buf_putc(&s->signed_headers, ';');
    append(&s->signed_headers, items[i].name);
  }
  return 0;
}

static void write_headers(struct ek_buf *b, const struct item *items, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool same = i > 0 && compare_spans(items[i].name, items[i - 1].name) == 0;
    if (same) {
      ek_buf_putc(b, ',');
    } else {
      if (i > 0) ek_buf_putc(b, '\n');
      append(b, items[i].name);
      ek_buf_putc(b, ':');
    }
    append(b, items[i].value);
  }
  ek_buf_puts(b, "\n\n");
}

/* --- query --- */

static bool is_signing_parameter(struct ek_span name) {
  static const char *const names[] = {
      "X-Amz-Algorithm",     "X-Amz-Credential",     "X-Amz-Date",     "X-Amz-Expires",
      "X-Amz-SignedHeaders", "X-Amz-Security-Token", "X-Amz-Signature"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (span_is(name, names[i])) return true;
  return false;
}

static void collect_query(struct ek_sigv4 *s, const struct ek_sigv4_input *in, bool presign) {
  ek_buf_clear(&s->items);
  if (in->query.len == 0) return;
  const char *p = in->query.data, *end = p + in->query.len;
  while (p < end) {
    const char *stop = memchr(p, '&', (size_t)(end - p));
    if (stop == NULL) stop = end;
    const char *equals = memchr(p, '=', (size_t)(stop - p));
    const char *name_end = equals == NULL ? stop : equals;
    struct ek_span value = {equals == NULL ? stop : equals + 1, 0};
    value.len = (size_t)(stop - value.data);
    if (stop > p) {
      struct ek_span name = encode(&s->scratch, (struct ek_span){p, (size_t)(name_end - p)}, true);
      if (!presign || !is_signing_parameter(name)) {
        value = encode(&s->scratch, value, true);
        add_item(s, name, value);
      }
    }
    p = stop + 1;
  }
}

static void add_signing_parameters(struct ek_sigv4 *s, const struct ek_sigv4_input *in,
                                   const struct ek_sigv4_result *out) {
  struct ek_buf *b = &s->scratch;
  add_item(s, LITERAL("X-Amz-Algorithm"), LITERAL(ALGORITHM));
  struct ek_span credential = encode(b, in->access_key_id, false);
  credential.len += encode(b, LITERAL("/"), false).len;
  credential.len += encode(b, out->credential_scope, false).len;
  add_item(s, LITERAL("X-Amz-Credential"), credential);
  add_item(s, LITERAL("X-Amz-Date"), (struct ek_span){out->date, 16});
  struct ek_span expires = {b->data + b->len, b->len};
  ek_buf_printf(b, "%u", (unsigned)in->expires);
  expires.len = b->len - expires.len;
  add_item(s, LITERAL("X-Amz-Expires"), expires);
  add_item(s, LITERAL("X-Amz-SignedHeaders"), encode(b, whole(&s->signed_headers), false));
  if (in->session_token.len > 0 && !(in->flags & EK_SIGV4_OMIT_SESSION_TOKEN))
    add_item(s, LITERAL("X-Amz-Security-Token"), encode(b, in->session_token, false));
}

static void write_query(struct ek_buf *b, const struct item *items, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (i > 0) ek_buf_putc(b, '&');
    append(b, items[i].name);
    ek_buf_putc(b, '=');
    append(b, items[i].value);
  }
}

/* --- path --- */

/* One segment, or the whole path: everything but unreserved bytes and '/' encoded. */
static void write_encoded_path(struct ek_buf *b, struct ek_span s, unsigned flags) {
  if (!ek_buf_reserve(b, 3 * s.len + 1)) return;
  char *start = b->data + b->len, *to = start;
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.data[i];
    bool keep = unreserved[c] || c == '/' || (c == '%' && !(flags & EK_SIGV4_DOUBLE_ENCODE));
    if (keep)
      *to++ = (char)c;
    else
      to = encode_byte(to, c);
  }
  (void)commit(b, start, to);
}

static void write_path(struct ek_buf *b, struct ek_span path, unsigned flags) {
  size_t start = b->len;
  if (!(flags & EK_SIGV4_NORMALIZE_PATH)) {
    if (path.len == 0) ek_buf_putc(b, '/');
    write_encoded_path(b, path, flags);
    return;
  }
  size_t i = 0;
  while (i < path.len) {
    size_t from = i;
    while (i < path.len && path.data[i] != '/') i++;
    struct ek_span segment = {path.data + from, i - from};
    i++;
    if (segment.len == 0 || span_is(segment, ".")) continue;
    if (span_is(segment, "..")) {
      while (b->len > start && b->data[--b->len] != '/') continue;
      continue;
    }
    ek_buf_putc(b, '/');
    write_encoded_path(b, segment, flags);
  }
  if (b->len == start || path.data[path.len - 1] == '/') ek_buf_putc(b, '/');
}

/* --- the signature --- */

/* The scope and the payload hash into the signer; room for everything items will point to. */
static int prepare(struct ek_sigv4 *s, const struct ek_sigv4_input *in, struct ek_sigv4_result *out,
                   struct ek_error *e) {
  char date[EK_TIME_MAX];
  (void)ek_time_format(date, EK_TIME_BASIC, (double)in->time);
  memcpy(out->date, date, sizeof out->date);
  const struct ek_span parts[] = {
      {out->date, 8}, in->region, in->service, LITERAL(EK_SIGV4_TERMINATOR)};
  size_t n = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (i > 0) s->scope[n++] = '/';
    memcpy(s->scope + n, parts[i].data, parts[i].len);
    n += parts[i].len;
  }
  out->credential_scope = (struct ek_span){s->scope, n};

  out->payload_hash = in->payload_hash;
  if (in->payload_hash.len == 0) {
    out->payload_hash = LITERAL(EMPTY_SHA256);
    if (in->body.len > 0) {
      uint8_t digest[EK_SHA256_SIZE];
      int rc = ek_sha256(digest, in->body.data, in->body.len);
      if (rc != 0) return ek_error_set(e, rc, "sigv4: SHA-256 failed");
      ek_hash_hex(s->payload_hash, digest, sizeof digest);
      out->payload_hash = (struct ek_span){s->payload_hash, sizeof s->payload_hash};
    }
  }

  size_t size = in->query.len + in->access_key_id.len + in->session_token.len + sizeof s->scope;
  for (size_t i = 0; i < in->header_count && size <= INPUT_MAX; i++) {
    size += in->headers[i].name.len;
    if (size <= INPUT_MAX) size += in->headers[i].value.len + in->headers[i].name.len;
  }
  if (size > INPUT_MAX)
    return ek_error_set(e, EK_ERR_LIMIT, "sigv4: query and headers are longer than %zu bytes",
                        INPUT_MAX);
  ek_buf_clear(&s->scratch);
  if (!ek_buf_reserve(&s->scratch, 3 * size + 4 * in->header_count + 4096))
    return ek_error_set(e, EK_ERR_NOMEM, "sigv4: out of memory");
  return 0;
}

static int sign(struct ek_sigv4_result *out, struct ek_sigv4 *s, const struct ek_sigv4_input *in,
                bool presign, struct ek_error *e) {
  *out = (struct ek_sigv4_result){.date = ""};
  int rc = check(in, presign, e);
  if (rc == 0) rc = prepare(s, in, out, e);
  if (rc != 0) return rc;

  struct ek_buf *b = &s->canonical;
  ek_buf_clear(b);
  append(b, in->method);
  ek_buf_putc(b, '\n');
  write_path(b, in->path, in->flags);
  ek_buf_putc(b, '\n');
  size_t query_at = b->len, query_len, count;
  struct ek_buf *result = &s->result;
  ek_buf_clear(result);

  /* The query of a presigned URL names the signed headers, which stand behind it. */
  rc = collect_headers(s, in, presign, out, e);
  if (rc != 0) return rc;
  const struct item *items = (const struct item *)(const void *)s->items.data;
  write_headers(result, items, s->items.len / sizeof *items);
  collect_query(s, in, presign);
  if (presign) add_signing_parameters(s, in, out);
  items = sorted(s, &count, by_name_and_value);
  write_query(b, items, count);
  query_len = b->len - query_at;
  ek_buf_putc(b, '\n');
  append(b, whole(result));
  append(b, whole(&s->signed_headers));
  ek_buf_putc(b, '\n');
  append(b, out->payload_hash);

  uint8_t digest[EK_SHA256_SIZE];
  char hex[2 * EK_SHA256_SIZE];
  rc = ek_sha256(digest, b->data, b->len);
  ek_hash_hex(hex, digest, sizeof digest);
  struct ek_buf *t = &s->to_sign;
  ek_buf_clear(t);
  ek_buf_puts(t, ALGORITHM "\n");
  ek_buf_append(t, out->date, 16);
  ek_buf_putc(t, '\n');
  append(t, out->credential_scope);
  ek_buf_putc(t, '\n');
  ek_buf_append(t, hex, sizeof hex);

  const struct ek_hmac_key *key = NULL;
  if (rc == 0) rc = ek_sigv4_key(&key, &s->keys, in, out->date);
  if (rc == 0) rc = ek_hmac_sha256(digest, key, t->data, t->len);
  if (rc != 0) return ek_error_set(e, rc, "sigv4: SHA-256 failed");
  ek_hash_hex(out->signature, digest, sizeof digest);

  ek_buf_clear(result);
  if (presign) {
    ek_buf_append(result, b->data + query_at, query_len);
    if (in->session_token.len > 0 && (in->flags & EK_SIGV4_OMIT_SESSION_TOKEN)) {
      ek_buf_puts(result, "&X-Amz-Security-Token=");
      (void)encode(result, in->session_token, false);
    }
    ek_buf_puts(result, "&X-Amz-Signature=");
    ek_buf_append(result, out->signature, EK_SIGV4_SIGNATURE_LEN);
    out->query = whole(result);
  } else {
    ek_buf_puts(result, ALGORITHM " Credential=");
    append(result, in->access_key_id);
    ek_buf_putc(result, '/');
    append(result, out->credential_scope);
    ek_buf_puts(result, ", SignedHeaders=");
    append(result, whole(&s->signed_headers));
    ek_buf_puts(result, ", Signature=");
    ek_buf_append(result, out->signature, EK_SIGV4_SIGNATURE_LEN);
    out->authorization = whole(result);
  }
  out->canonical_request = whole(b);
  out->string_to_sign = whole(t);
  out->signed_headers = whole(&s->signed_headers);
  if (s->scratch.failed || s->items.failed || s->canonical.failed || s->to_sign.failed ||
      s->signed_headers.failed || s->result.failed)
    return ek_error_set(e, EK_ERR_NOMEM, "sigv4: out of memory");
  return 0;
}

int ek_sigv4_sign(struct ek_sigv4_result *out, struct ek_sigv4 *signer,
                  const struct ek_sigv4_input *in, struct ek_error *e) {
  return sign(out, signer, in, false, e);
}

int ek_sigv4_presign(struct ek_sigv4_result *out, struct ek_sigv4 *signer,
                     const struct ek_sigv4_input *in, struct ek_error *e) {
  return sign(out, signer, in, true, e);
}

/* The canonical request, in one pass over sorted names and values. These point into one scratch
 * buffer whose size is known before the first of them is written, so it never moves. */
#include "core/sigv4_canonical.h"

#include "core/hash.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define INPUT_MAX    ((size_t)8 << 20)

#define LITERAL(s) ((struct ek_span){(s), sizeof(s) - 1})

struct item {
  struct ek_span name, value;
  size_t order; /* keeps equal names in the caller's order */
};

/* --- bytes --- */

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

/* --- sorted names and values --- */

static void add_item(struct ek_sigv4_canonical *c, struct ek_span name, struct ek_span value) {
  struct item item = {name, value, c->items.len / sizeof item};
  ek_buf_append(&c->items, &item, sizeof item);
}

static int compare_spans(struct ek_span a, struct ek_span b) {
  size_t shorter = a.len < b.len ? a.len : b.len;
  if (shorter > 0 && a.data[0] != b.data[0])
    return (unsigned char)a.data[0] < (unsigned char)b.data[0] ? -1 : 1;
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

static const struct item *sorted(struct ek_sigv4_canonical *c, size_t *count,
                                 int (*compare)(const void *, const void *)) {
  *count = c->items.failed ? 0 : c->items.len / sizeof(struct item);
  struct item *items = (struct item *)(void *)c->items.data;
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
  if (ek_span_is_word(s)) {
    memcpy(to, s.data, s.len);
    return commit(b, start, to + s.len);
  }
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
  const uint64_t ones = UINT64_C(0x0101010101010101);
  size_t i = 0;
  for (uint64_t word; s.len - i >= sizeof word; i += sizeof word, to += sizeof word) {
    memcpy(&word, s.data + i, sizeof word);
    /* In the highest bit of ASCII: at least 'A', and not above 'Z'. */
    uint64_t low = word & ones * 0x7f;
    uint64_t upper = (low + ones * (0x80 - 'A')) & ~(low + ones * (0x7f - 'Z')) & ~word & ones << 7;
    word |= upper >> 2;
    memcpy(to, &word, sizeof word);
  }
  for (; i < s.len; i++) {
    char c = s.data[i];
    *to++ = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return commit(b, start, to);
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

/* Whether a list "a;b" holds the name. */
static bool is_listed(struct ek_span list, struct ek_span name) {
  const char *p = list.data, *end = p + list.len;
  while (p < end) {
    const char *stop = memchr(p, ';', (size_t)(end - p));
    if (stop == NULL) stop = end;
    if ((size_t)(stop - p) == name.len && memcmp(p, name.data, name.len) == 0) return true;
    p = stop + 1;
  }
  return false;
}

static bool is_signed(const struct ek_sigv4_input *in, const struct ek_sigv4_signing *signing,
                      struct ek_span name) {
  if (signing->mode == EK_SIGV4_AS_RECEIVED) return is_listed(signing->signed_headers, name);
  if (ek_span_is(name, "authorization") || ek_span_is(name, "connection") ||
      ek_span_is(name, "expect") || ek_span_is(name, "transfer-encoding") ||
      ek_span_is(name, "user-agent") || ek_span_is(name, "x-amzn-trace-id"))
    return false;
  if (signing->mode == EK_SIGV4_BY_QUERY) return true;
  if (ek_span_is(name, "x-amz-date")) return false;
  if (ek_span_is(name, "x-amz-region-set")) return in->algorithm != EK_SIGV4_ECDSA;
  if (ek_span_is(name, "x-amz-security-token")) return in->session_token.len == 0;
  if (ek_span_is(name, "x-amz-content-sha256")) return !(in->flags & EK_SIGV4_SIGN_BODY_HEADER);
  return true;
}

/* Writes the headers to sign, sorted, to c->headers and their names to c->signed_headers. */
static int collect_headers(struct ek_sigv4_canonical *c, const struct ek_sigv4_input *in,
                           const struct ek_sigv4_signing *signing, struct ek_error *e) {
  struct ek_buf *b = &c->scratch;
  bool host = false;
  ek_buf_clear(&c->items);
  for (size_t i = 0; i < in->header_count; i++) {
    const struct ek_sigv4_header *h = &in->headers[i];
    struct ek_span name = lower(b, h->name);
    if (!is_signed(in, signing, name)) continue;
    if (ek_span_is(name, "host")) host = true;
    add_item(c, name, fold(b, h->value));
  }
  if (!host) return ek_error_set(e, EK_ERR_INVALID, "sigv4: there is no host header to sign");
  if (signing->mode == EK_SIGV4_BY_HEADERS) {
    add_item(c, LITERAL("x-amz-date"), signing->date);
    if (in->algorithm == EK_SIGV4_ECDSA) add_item(c, LITERAL("x-amz-region-set"), in->region);
    if (in->session_token.len > 0 && !(in->flags & EK_SIGV4_OMIT_SESSION_TOKEN))
      add_item(c, LITERAL("x-amz-security-token"), in->session_token);
    if (in->flags & EK_SIGV4_SIGN_BODY_HEADER)
      add_item(c, LITERAL("x-amz-content-sha256"), c->payload_hash);
  }
  if (c->items.failed) return ek_error_set(e, EK_ERR_NOMEM, "sigv4: out of memory");
  size_t count;
  const struct item *items = sorted(c, &count, by_name);
  ek_buf_clear(&c->signed_headers);
  for (size_t i = 0; i < count; i++) {
    if (i > 0 && compare_spans(items[i].name, items[i - 1].name) == 0) continue;
    if (i > 0) ek_buf_putc(&c->signed_headers, ';');
    append(&c->signed_headers, items[i].name);
  }
  ek_buf_clear(&c->headers);
  write_headers(&c->headers, items, count);
  return 0;
}

/* --- query --- */

static bool is_signing_parameter(struct ek_span name) {
  static const char *const names[] = {
      "X-Amz-Algorithm",     "X-Amz-Credential",     "X-Amz-Date",      "X-Amz-Expires",
      "X-Amz-SignedHeaders", "X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-Region-Set"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (ek_span_is(name, names[i])) return true;
  return false;
}

/* Whether a parameter of the input is left out: it is written anew, or was never signed. */
static bool is_dropped(const struct ek_sigv4_input *in, const struct ek_sigv4_signing *signing,
                       struct ek_span name) {
  switch (signing->mode) {
  case EK_SIGV4_BY_QUERY: return is_signing_parameter(name);
  case EK_SIGV4_AS_RECEIVED:
    return ek_span_is(name, "X-Amz-Signature") ||
           (ek_span_is(name, "X-Amz-Security-Token") && (in->flags & EK_SIGV4_OMIT_SESSION_TOKEN));
  default: return false;
  }
}

static void collect_query(struct ek_sigv4_canonical *c, const struct ek_sigv4_input *in,
                          const struct ek_sigv4_signing *signing) {
  ek_buf_clear(&c->items);
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
      struct ek_span name = encode(&c->scratch, (struct ek_span){p, (size_t)(name_end - p)}, true);
      if (!is_dropped(in, signing, name)) add_item(c, name, encode(&c->scratch, value, true));
    }
    p = stop + 1;
  }
}

static void add_signing_parameters(struct ek_sigv4_canonical *c, const struct ek_sigv4_input *in,
                                   const struct ek_sigv4_signing *signing) {
  struct ek_buf *b = &c->scratch;
  add_item(c, LITERAL("X-Amz-Algorithm"), ek_sigv4_algorithm_name(in->algorithm));
  struct ek_span credential = encode(b, in->access_key_id, false);
  credential.len += encode(b, LITERAL("/"), false).len;
  credential.len += encode(b, signing->credential_scope, false).len;
  add_item(c, LITERAL("X-Amz-Credential"), credential);
  add_item(c, LITERAL("X-Amz-Date"), signing->date);
  struct ek_span expires = {b->data + b->len, b->len};
  ek_buf_printf(b, "%u", (unsigned)in->expires);
  expires.len = b->len - expires.len;
  add_item(c, LITERAL("X-Amz-Expires"), expires);
  if (in->algorithm == EK_SIGV4_ECDSA)
    add_item(c, LITERAL("X-Amz-Region-Set"), encode(b, in->region, false));
  add_item(c, LITERAL("X-Amz-SignedHeaders"), encode(b, whole(&c->signed_headers), false));
  if (in->session_token.len > 0 && !(in->flags & EK_SIGV4_OMIT_SESSION_TOKEN))
    add_item(c, LITERAL("X-Amz-Security-Token"), encode(b, in->session_token, false));
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
    if (segment.len == 0 || ek_span_is(segment, ".")) continue;
    if (ek_span_is(segment, "..")) {
      while (b->len > start && b->data[--b->len] != '/') continue;
      continue;
    }
    ek_buf_putc(b, '/');
    write_encoded_path(b, segment, flags);
  }
  if (b->len == start || path.data[path.len - 1] == '/') ek_buf_putc(b, '/');
}

/* --- the whole --- */

void ek_sigv4_canonical_fini(struct ek_sigv4_canonical *c) {
  struct ek_buf *buffers[] = {&c->text, &c->signed_headers, &c->scratch, &c->items, &c->headers};
  for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
    ek_buf_wipe(buffers[i]);
    ek_buf_fini(buffers[i]);
  }
  explicit_bzero(c, sizeof *c);
}

struct ek_span ek_sigv4_algorithm_name(enum ek_sigv4_algorithm algorithm) {
  return algorithm == EK_SIGV4_ECDSA ? LITERAL("AWS4-ECDSA-P256-SHA256")
                                     : LITERAL("AWS4-HMAC-SHA256");
}

static int hash_payload(struct ek_sigv4_canonical *c, const struct ek_sigv4_input *in,
                        struct ek_error *e) {
  c->payload_hash = in->payload_hash;
  if (in->payload_hash.len > 0) return 0;
  c->payload_hash = LITERAL(EMPTY_SHA256);
  if (in->body.len == 0) return 0;
  uint8_t digest[EK_SHA256_SIZE];
  int rc = ek_sha256(digest, in->body.data, in->body.len);
  if (rc != 0) return ek_error_set(e, rc, "sigv4: SHA-256 failed");
  ek_hash_hex(c->digest, digest, sizeof digest);
  c->payload_hash = (struct ek_span){c->digest, sizeof c->digest};
  return 0;
}

/* Room in scratch for everything that items will point to. */
static int reserve(struct ek_sigv4_canonical *c, const struct ek_sigv4_input *in,
                   const struct ek_sigv4_signing *signing, struct ek_error *e) {
  size_t size = in->query.len + in->access_key_id.len + in->session_token.len + in->region.len +
                signing->credential_scope.len;
  for (size_t i = 0; i < in->header_count && size <= INPUT_MAX; i++) {
    size += in->headers[i].name.len;
    if (size <= INPUT_MAX) size += in->headers[i].value.len + in->headers[i].name.len;
  }
  if (size > INPUT_MAX)
    return ek_error_set(e, EK_ERR_LIMIT, "sigv4: query and headers are longer than %zu bytes",
                        INPUT_MAX);
  ek_buf_clear(&c->scratch);
  if (!ek_buf_reserve(&c->scratch, 3 * size + 4 * in->header_count + 4096))
    return ek_error_set(e, EK_ERR_NOMEM, "sigv4: out of memory");
  return 0;
}

int ek_sigv4_canonicalize(struct ek_sigv4_canonical *c, const struct ek_sigv4_input *in,
                          const struct ek_sigv4_signing *signing, struct ek_error *e) {
  struct ek_buf *b = &c->text;
  int rc = hash_payload(c, in, e);
  if (rc == 0) rc = reserve(c, in, signing, e);
  /* First: the query of a presigned URL names the headers that are signed. */
  if (rc == 0) rc = collect_headers(c, in, signing, e);
  if (rc != 0) return rc;

  ek_buf_clear(b);
  append(b, in->method);
  ek_buf_putc(b, '\n');
  write_path(b, in->path, in->flags);
  ek_buf_putc(b, '\n');
  c->query_at = b->len;
  collect_query(c, in, signing);
  if (signing->mode == EK_SIGV4_BY_QUERY) add_signing_parameters(c, in, signing);
  size_t count;
  const struct item *items = sorted(c, &count, by_name_and_value);
  write_query(b, items, count);
  c->query_len = b->len - c->query_at;
  ek_buf_putc(b, '\n');
  append(b, whole(&c->headers));
  append(b, whole(&c->signed_headers));
  ek_buf_putc(b, '\n');
  append(b, c->payload_hash);
  if (c->scratch.failed || c->items.failed || c->headers.failed || c->signed_headers.failed ||
      b->failed)
    return ek_error_set(e, EK_ERR_NOMEM, "sigv4: out of memory");
  return 0;
}

/* CBOR, read and written. */
#include "core/cbor.h"

#include <math.h>
#include <string.h>

#include "core/utf8.h"

enum major { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

enum { FALSE_ = 20, TRUE_ = 21, NULL_ = 22, UNDEFINED = 23, HALF = 25, SINGLE = 26, DOUBLE = 27 };
enum { INDEFINITE = 31, BREAK = 0xff };

void ek_cbor_reader_init(struct ek_cbor_reader *r, const void *bytes, size_t len,
                         unsigned max_depth) {
  /* Not the whole of it: the levels are set when they are opened. */
  memset(r, 0, offsetof(struct ek_cbor_reader, open));
  r->start = r->at = bytes;
  r->end = r->start + len;
  r->max_depth = max_depth < EK_CBOR_DEPTH_MAX ? max_depth : EK_CBOR_DEPTH_MAX;
}

void ek_cbor_reader_fini(struct ek_cbor_reader *r) {
  ek_buf_wipe(&r->chunks);
  ek_buf_fini(&r->chunks);
}

const char *ek_cbor_type_name(enum ek_cbor_type type) {
  static const char *const names[] = {"the end",    "null",
                                      "a boolean",  "a boolean",
                                      "an integer", "a large integer",
                                      "a float",    "text",
                                      "bytes",      "a tag",
                                      "an array",   "the end of an array",
                                      "a map",      "the end of a map"};
  return type < 0 ? "an error" : names[type];
}

static enum ek_cbor_type fail(struct ek_cbor_reader *r, int code, const char *what) {
  (void)ek_error_set(&r->error, code, "byte %zu: %s", (size_t)(r->at - r->start) + 1, what);
  return EK_CBOR_ERROR;
}

static enum ek_cbor_type broken(struct ek_cbor_reader *r, const char *what) {
  return fail(r, EK_ERR_SYNTAX, what);
}

static size_t left(const struct ek_cbor_reader *r) {
  return (size_t)(r->end - r->at);
}

/* The head of an item: its major type, and what its low bits say or announce. */
struct head {
  enum major major;
  unsigned info;
  uint64_t argument;
};

static bool read_head(struct ek_cbor_reader *r, struct head *h) {
  if (left(r) == 0) return broken(r, "the end comes too early"), false;
  h->major = (enum major)(*r->at >> 5);
  h->info = *r->at & 31;
  h->argument = h->info;
  if (h->info < 24 || h->info == INDEFINITE) return r->at++, true;
  if (h->info > 27) return broken(r, "a length of no meaning"), false;
  size_t n = (size_t)1 << (h->info - 24);
  if (left(r) <= n) return broken(r, "the end comes too early"), false;
  r->at++;
  h->argument = 0;
  for (size_t i = 0; i < n; i++) h->argument = h->argument << 8 | *r->at++;
  return true;
}

static double half(unsigned bits) {
  int exponent = (int)(bits >> 10 & 31);
  double fraction = bits & 1023, value;
  if (exponent == 0)
    value = ldexp(fraction, -24);
  else if (exponent != 31)
    value = ldexp(fraction + 1024, exponent - 25);
  else
    value = fraction == 0 ? INFINITY : NAN;
  return bits & 0x8000 ? -value : value;
}

static enum ek_cbor_type read_simple(struct ek_cbor_reader *r, const struct head *h) {
  float single;
  uint32_t bits;
  switch (h->info) {
  case FALSE_: return EK_CBOR_FALSE;
  case TRUE_: return EK_CBOR_TRUE;
  case NULL_:
  case UNDEFINED: return EK_CBOR_NULL;
  case HALF: r->number = half((unsigned)h->argument); return EK_CBOR_NUMBER;
  case SINGLE:
    bits = (uint32_t)h->argument;
    memcpy(&single, &bits, sizeof single);
    r->number = (double)single;
    return EK_CBOR_NUMBER;
  case DOUBLE: memcpy(&r->number, &h->argument, sizeof r->number); return EK_CBOR_NUMBER;
  default: return broken(r, "a simple value of no meaning");
  }
}

static enum ek_cbor_type read_integer(struct ek_cbor_reader *r, const struct head *h) {
  if (h->info == INDEFINITE) return broken(r, "a length of no meaning");
  r->argument = h->argument;
  r->negative = h->major == NEGATIVE;
  if (h->argument > INT64_MAX) return EK_CBOR_BIG;
  r->integer = r->negative ? -1 - (int64_t)h->argument : (int64_t)h->argument;
  return EK_CBOR_INTEGER;
}

/* Appends the chunks up to the break. */
static bool read_chunks(struct ek_cbor_reader *r, enum major major) {
  ek_buf_clear(&r->chunks);
  while (left(r) == 0 || *r->at != BREAK) {
    struct head h;
    if (!read_head(r, &h)) return false;
    if (h.major != major || h.info == INDEFINITE)
      return broken(r, "a chunk of another type than its string"), false;
    if (h.argument > left(r)) return broken(r, "the end comes too early"), false;
    ek_buf_append(&r->chunks, r->at, (size_t)h.argument);
    r->at += h.argument;
  }
  r->at++;
  if (r->chunks.failed) return fail(r, EK_ERR_NOMEM, "out of memory"), false;
  r->string = r->chunks.data == NULL ? "" : r->chunks.data;
  r->string_len = r->chunks.len;
  return true;
}

static enum ek_cbor_type read_string(struct ek_cbor_reader *r, const struct head *h) {
  if (h->info == INDEFINITE) {
    if (!read_chunks(r, h->major)) return EK_CBOR_ERROR;
  } else if (h->argument > left(r)) {
    return broken(r, "a string goes beyond the end");
  } else {
    r->string = (const char *)r->at;
    r->string_len = (size_t)h->argument;
    r->at += h->argument;
  }
  if (h->major == BYTES) return EK_CBOR_BYTES;
  if (!ek_utf8_valid(r->string, r->string_len)) return broken(r, "text that is not UTF-8");
  return EK_CBOR_TEXT;
}

static enum ek_cbor_type open_level(struct ek_cbor_reader *r, const struct head *h) {
  bool is_map = h->major == MAP;
  if (r->depth == r->max_depth) return fail(r, EK_ERR_LIMIT, "nested too deeply");
  if (h->info != INDEFINITE && h->argument > left(r) / (is_map ? 2 : 1))
    return broken(r, is_map ? "a map goes beyond the end" : "an array goes beyond the end");
  r->open[r->depth].is_map = is_map;
  r->open[r->depth].indefinite = h->info == INDEFINITE;
  r->open[r->depth].left = h->info == INDEFINITE ? 0 : h->argument * (is_map ? 2 : 1);
  r->depth++;
  return is_map ? EK_CBOR_MAP_BEGIN : EK_CBOR_ARRAY_BEGIN;
}

static enum ek_cbor_type close_level(struct ek_cbor_reader *r) {
  r->depth--;
  r->done = r->depth == 0;
  return r->open[r->depth].is_map ? EK_CBOR_MAP_END : EK_CBOR_ARRAY_END;
}

/* Whether the level ends here; a break is taken. */
static bool ends_level(struct ek_cbor_reader *r) {
  if (r->depth == 0 || r->tagged) return false;
  if (!r->open[r->depth - 1].indefinite) return r->open[r->depth - 1].left == 0;
  if (left(r) == 0 || *r->at != BREAK) return false;
  r->at++;
  return true;
}

static enum ek_cbor_type read_item(struct ek_cbor_reader *r) {
  struct head h;
  if (!read_head(r, &h)) return EK_CBOR_ERROR;
  if (h.major == TAG) {
    if (h.info == INDEFINITE) return broken(r, "a length of no meaning");
    r->argument = h.argument;
    r->tagged = true;
    return EK_CBOR_TAG;
  }
  r->tagged = false;
  if (r->depth == 0)
    r->done = h.major != ARRAY && h.major != MAP;
  else if (r->open[r->depth - 1].indefinite)
    r->open[r->depth - 1].left++;
  else
    r->open[r->depth - 1].left--;
  switch (h.major) {
  case UNSIGNED:
  case NEGATIVE: return read_integer(r, &h);
  case BYTES:
  case TEXT: return read_string(r, &h);
  case ARRAY:
  case MAP: return open_level(r, &h);
  default: return read_simple(r, &h);
  }
}

enum ek_cbor_type ek_cbor_next(struct ek_cbor_reader *r) {
  if (r->error.code != 0) return EK_CBOR_ERROR;
  if (r->done)
    r->last = left(r) == 0 ? EK_CBOR_END : broken(r, "more behind the end");
  else if (!ends_level(r))
    r->last = read_item(r);
  else if (r->open[r->depth - 1].is_map && r->open[r->depth - 1].left % 2 != 0)
    r->last = broken(r, "a key without a value");
  else
    r->last = close_level(r);
  return r->last;
}

int ek_cbor_skip(struct ek_cbor_reader *r) {
  while (r->last == EK_CBOR_TAG) (void)ek_cbor_next(r);
  if (r->last == EK_CBOR_ARRAY_BEGIN || r->last == EK_CBOR_MAP_BEGIN)
    for (unsigned depth = r->depth; r->depth >= depth;)
      if (ek_cbor_next(r) <= EK_CBOR_END) break;
  return r->error.code;
}

/* -- writers -------------------------------------------------------------------------------------
 */

static void write_big_endian(struct ek_buf *b, uint64_t n, size_t size) {
  while (size-- > 0) ek_buf_putc(b, (char)(n >> 8 * size));
}

static void write_head(struct ek_buf *b, enum major major, uint64_t n) {
  unsigned info = n < 24            ? (unsigned)n
                  : n <= UINT8_MAX  ? 24
                  : n <= UINT16_MAX ? 25
                  : n <= UINT32_MAX ? 26
                                    : 27;
  ek_buf_putc(b, (char)((unsigned)major << 5 | info));
  if (info >= 24) write_big_endian(b, n, (size_t)1 << (info - 24));
}

void ek_cbor_write_null(struct ek_buf *b) {
  write_head(b, SIMPLE, NULL_);
}

void ek_cbor_write_boolean(struct ek_buf *b, bool value) {
  write_head(b, SIMPLE, value ? TRUE_ : FALSE_);
}

void ek_cbor_write_integer(struct ek_buf *b, int64_t n) {
  if (n < 0)
    write_head(b, NEGATIVE, (uint64_t)(-1 - n));
  else
    write_head(b, UNSIGNED, (uint64_t)n);
}

static void write_float(struct ek_buf *b, unsigned info, uint64_t bits) {
  ek_buf_putc(b, (char)((unsigned)SIMPLE << 5 | info));
  write_big_endian(b, bits, (size_t)1 << (info - 24));
}

/* NaN and the infinities. */
static bool write_special(struct ek_buf *b, double n) {
  if (isfinite(n)) return false;
  write_float(b, HALF, isnan(n) ? 0x7e00 : n > 0 ? 0x7c00 : 0xfc00);
  return true;
}

void ek_cbor_write_number(struct ek_buf *b, double n) {
  uint64_t bits;
  if (write_special(b, n)) return;
  memcpy(&bits, &n, sizeof bits);
  write_float(b, DOUBLE, bits);
}

void ek_cbor_write_float(struct ek_buf *b, float n) {
  uint32_t bits;
  if (write_special(b, (double)n)) return;
  memcpy(&bits, &n, sizeof bits);
  write_float(b, SINGLE, bits);
}

void ek_cbor_write_text(struct ek_buf *b, const char *s, size_t n) {
  write_head(b, TEXT, n);
  ek_buf_append(b, s, n);
}

void ek_cbor_write_bytes(struct ek_buf *b, const void *bytes, size_t n) {
  write_head(b, BYTES, n);
  ek_buf_append(b, bytes, n);
}

void ek_cbor_write_array(struct ek_buf *b, uint64_t n) {
  write_head(b, ARRAY, n);
}

void ek_cbor_write_map(struct ek_buf *b, uint64_t n) {
  write_head(b, MAP, n);
}

void ek_cbor_write_tag(struct ek_buf *b, uint64_t tag) {
  write_head(b, TAG, tag);
}

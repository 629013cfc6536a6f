/* The JSON pull reader. */
#include "core/json.h"

#include <math.h>
#include <strings.h>

#include "core/number.h"
#include "core/utf8.h"

/* What may stand at the next token. */
enum {
  VALUE,
  VALUE_OR_END, /* behind '[' */
  KEY_OR_END,   /* behind '{' */
  MORE,         /* behind a value: ',' or the end of what is open */
  NOTHING,      /* behind the outermost value */
  FAILED
};

void ek_json_reader_init(struct ek_json_reader *r, const char *text, size_t len,
                         unsigned max_depth) {
  memset(r, 0, sizeof *r);
  r->text = r->at = text;
  r->end = text + len;
  r->max_depth = max_depth == 0 || max_depth > EK_JSON_DEPTH_MAX ? EK_JSON_DEPTH_MAX : max_depth;
  r->expect = VALUE;
  r->last = EK_JSON_END;
}

void ek_json_reader_fini(struct ek_json_reader *r) {
  ek_buf_wipe(&r->scratch);
  ek_buf_fini(&r->scratch);
}

static enum ek_json_type fail(struct ek_json_reader *r, int code, const char *at,
                              const char *message) {
  r->line = 1;
  const char *start = r->text;
  for (const char *p = r->text; p < at; p++) {
    if (*p != '\n') continue;
    r->line++;
    start = p + 1;
  }
  r->column = (size_t)(at - start) + 1;
  r->expect = FAILED;
  ek_error_set(&r->error, code, "line %zu, column %zu: %s", r->line, r->column, message);
  return r->last = EK_JSON_ERROR;
}

/* Fails at r->at: "expected WHAT, got C". */
static enum ek_json_type unexpected(struct ek_json_reader *r, const char *what) {
  char message[96];
  if (r->at == r->end) {
    (void)snprintf(message, sizeof message, "expected %s, got the end of the text", what);
  } else if (*r->at > ' ' && *r->at < 0x7f) {
    (void)snprintf(message, sizeof message, "expected %s, got '%c'", what, *r->at);
  } else {
    (void)snprintf(message, sizeof message, "expected %s, got byte 0x%02x", what,
                   (unsigned)(unsigned char)*r->at);
  }
  return fail(r, EK_ERR_SYNTAX, r->at, message);
}

static inline void skip_space(struct ek_json_reader *r) {
  const char *p = r->at;
  while (p < r->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
  r->at = p;
}

static bool in_object(const struct ek_json_reader *r) {
  unsigned i = r->depth - 1;
  return r->is_object[i / 8] >> (i % 8) & 1;
}

static enum ek_json_type open_one(struct ek_json_reader *r, bool object) {
  if (r->depth == r->max_depth) {
    char message[64];
    (void)snprintf(message, sizeof message, "nested deeper than %u levels", r->max_depth);
    return fail(r, EK_ERR_LIMIT, r->at, message);
  }
  unsigned i = r->depth++;
  uint8_t bit = (uint8_t)(1u << (i % 8));
  r->is_object[i / 8] = (uint8_t)(object ? r->is_object[i / 8] | bit : r->is_object[i / 8] & ~bit);
  r->at++;
  r->expect = object ? KEY_OR_END : VALUE_OR_END;
  return r->last = object ? EK_JSON_OBJECT_BEGIN : EK_JSON_ARRAY_BEGIN;
}

static enum ek_json_type close_one(struct ek_json_reader *r) {
  enum ek_json_type type = in_object(r) ? EK_JSON_OBJECT_END : EK_JSON_ARRAY_END;
  r->at++;
  r->depth--;
  r->expect = r->depth == 0 ? NOTHING : MORE;
  return r->last = type;
}

/* Bytes that a string may hold as they are: ASCII but for controls, '"' and '\'. */
static inline bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* True if none of the 8 bytes needs a closer look. */
static inline bool all_plain(uint64_t v) {
  const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
  uint64_t quote = v ^ (ones * '"'), backslash = v ^ (ones * '\\');
  uint64_t odd = (v - ones * 0x20) | (quote - ones) | (backslash - ones) | v;
  return (odd & tops) == 0;
}

/* Four hexadecimal digits at p, or -1. */
static int32_t hex4(const char *p, const char *end) {
  if (end - p < 4) return -1;
  int32_t value = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

/* The escape at *p (its backslash) goes into the scratch buffer decoded; *p moves behind it. */
static bool read_escape(struct ek_json_reader *r, const char **p) {
  const char *at = *p;
  char c = r->end - at >= 2 ? at[1] : '\0';
  *p = at + 2;
  switch (c) {
  case '"':
  case '\\':
  case '/': ek_buf_putc(&r->scratch, c); return true;
  case 'b': ek_buf_putc(&r->scratch, '\b'); return true;
  case 'f': ek_buf_putc(&r->scratch, '\f'); return true;
  case 'n': ek_buf_putc(&r->scratch, '\n'); return true;
  case 'r': ek_buf_putc(&r->scratch, '\r'); return true;
  case 't': ek_buf_putc(&r->scratch, '\t'); return true;
  case 'u': break;
  default: fail(r, EK_ERR_SYNTAX, at, "invalid escape in a string"); return false;
  }
  int32_t point = hex4(at + 2, r->end);
  *p = at + 6;
  if (point >= 0xd800 && point <= 0xdbff && r->end - at >= 8 && at[6] == '\\' && at[7] == 'u') {
    int32_t low = hex4(at + 8, r->end);
    if (low >= 0xdc00 && low <= 0xdfff) {
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      *p = at + 12;
    }
  }
  if (point < 0) {
    fail(r, EK_ERR_SYNTAX, at, "\\u wants four hexadecimal digits");
    return false;
  }
  if (point >= 0xd800 && point <= 0xdfff) {
    fail(r, EK_ERR_SYNTAX, at, "half of a surrogate pair in a string");
    return false;
  }
  ek_utf8_append(&r->scratch, (uint32_t)point);
  return true;
}

/* r->at is at the opening quote; afterwards behind the closing one. */
static bool read_string(struct ek_json_reader *r) {
  const char *p = r->at + 1, *run = p;
  bool escaped = false;
  for (;;) {
    uint64_t eight;
    while ((size_t)(r->end - p) >= sizeof eight) {
      memcpy(&eight, p, sizeof eight);
      if (!all_plain(eight)) break;
      p += sizeof eight;
    }
    while (p < r->end && is_plain((unsigned char)*p)) p++;
    if (p == r->end) {
      fail(r, EK_ERR_SYNTAX, r->at, "string without an end");
      return false;
    }
    if (*p == '"') break;
    if (*p == '\\') {
      if (!escaped) ek_buf_clear(&r->scratch);
      escaped = true;
      ek_buf_append(&r->scratch, run, (size_t)(p - run));
      if (!read_escape(r, &p)) return false;
      run = p;
    } else if ((unsigned char)*p < 0x20) {
      fail(r, EK_ERR_SYNTAX, p, "control character in a string");
      return false;
    } else {
      size_t length = ek_utf8_length(p, (size_t)(r->end - p));
      if (length == 0) {
        fail(r, EK_ERR_SYNTAX, p, "ill-formed UTF-8 in a string");
        return false;
      }
      p += length;
    }
  }
  if (escaped) {
    ek_buf_append(&r->scratch, run, (size_t)(p - run));
    if (r->scratch.failed) {
      fail(r, EK_ERR_NOMEM, r->at, "out of memory");
      return false;
    }
    r->string = r->scratch.data == NULL ? "" : r->scratch.data;
    r->string_len = r->scratch.len;
  } else {
    r->string = run;
    r->string_len = (size_t)(p - run);
  }
  r->at = p + 1;
  return true;
}

static inline bool is_digit(const char *p, const char *end) {
  return p < end && *p >= '0' && *p <= '9';
}

static enum ek_json_type read_number(struct ek_json_reader *r) {
  const char *start = r->at, *p = start, *end = r->end;
  bool negative = *p == '-';
  if (negative) p++;
  if (!is_digit(p, end)) {
    r->at = p;
    return unexpected(r, "a digit");
  }
  const char *digits = p;
  uint64_t value = 0;
  bool fits = true;
  if (*p == '0') {
    p++;
    if (is_digit(p, end)) return fail(r, EK_ERR_SYNTAX, start, "number with a leading zero");
  } else {
    for (; is_digit(p, end); p++) {
      unsigned digit = (unsigned)(*p - '0');
      if (p - digits < 18) {
        value = value * 10 + digit;
      } else if (fits) {
        fits = !__builtin_mul_overflow(value, UINT64_C(10), &value) &&
               !__builtin_add_overflow(value, (uint64_t)digit, &value);
      }
    }
  }
  bool integer = true;
  if (p < end && *p == '.') {
    integer = false;
    p++;
    if (!is_digit(p, end)) {
      r->at = p;
      return unexpected(r, "a digit behind the decimal point");
    }
    while (is_digit(p, end)) p++;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    integer = false;
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    if (!is_digit(p, end)) {
      r->at = p;
      return unexpected(r, "a digit in the exponent");
    }
    while (is_digit(p, end)) p++;
  }
  r->at = p;
  r->literal = start;
  r->literal_len = (size_t)(p - start);
  uint64_t most = (uint64_t)INT64_MAX + (negative ? 1 : 0);
  if (integer && fits && value <= most && !(negative && value == 0)) {
    r->integer = negative ? (int64_t)(0 - value) : (int64_t)value;
    return r->last = EK_JSON_INTEGER;
  }
  if (!ek_number_parse(&r->number, start, (size_t)(p - start))) {
    return fail(r, EK_ERR_NOMEM, start, "out of memory");
  }
  if (isinf(r->number)) return fail(r, EK_ERR_LIMIT, start, "number out of range");
  return r->last = EK_JSON_NUMBER;
}

/* The length of the word at p, in any case, or 0. */
static size_t word_at(const char *p, const char *end, const char *word) {
  size_t n = strlen(word);
  return (size_t)(end - p) >= n && strncasecmp(p, word, n) == 0 ? n : 0;
}

/* Whether a number begins here that JSON does not have. */
static bool is_odd_number(const char *p, const char *end) {
  if (p < end && *p == '+') return true;
  if (p < end && *p == '-') p++;
  if (word_at(p, end, "inf") > 0 || word_at(p, end, "nan") > 0) return true;
  return p + 1 < end && *p == '0' && (p[1] == 'x' || p[1] == 'X' || is_digit(p + 1, end));
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum ek_json_type finish_odd(struct ek_json_reader *r, const char *start, const char *stop,
                                    double number) {
  r->literal = start;
  r->literal_len = (size_t)(stop - start);
  r->at = stop;
  r->number = number;
  return r->last = EK_JSON_NUMBER;
}

static enum ek_json_type read_odd_number(struct ek_json_reader *r) {
  const char *start = r->at, *p = start, *end = r->end;
  bool negative = *p == '-';
  if (*p == '-' || *p == '+') p++;
  size_t n = word_at(p, end, "infinity");
  if (n == 0) n = word_at(p, end, "inf");
  if (n > 0) return finish_odd(r, start, p + n, negative ? -(double)INFINITY : (double)INFINITY);
  if ((n = word_at(p, end, "nan")) > 0) return finish_odd(r, start, p + n, (double)NAN);
  if (word_at(p, end, "0x") > 0) {
    const char *digits = p + 2;
    double value = 0;
    for (p = digits; p < end && hex_digit(*p) >= 0; p++) value = value * 16 + hex_digit(*p);
    r->at = p;
    if (p == digits) return unexpected(r, "a hexadecimal digit");
    if (p - digits > 13)
      return finish_odd(r, start, p, negative ? -value : value); /* beyond 2^52 */
    (void)finish_odd(r, start, p, value);
    r->integer = negative ? -(int64_t)value : (int64_t)value;
    return r->last = EK_JSON_INTEGER;
  }
  while (p + 1 < end && *p == '0' && is_digit(p + 1, end)) p++;
  r->at = p;
  if (!is_digit(p, end)) return unexpected(r, "a digit");
  enum ek_json_type type = read_number(r);
  r->literal_len += (size_t)(r->literal - start);
  r->literal = start;
  if (negative && type == EK_JSON_NUMBER) r->number = -r->number;
  if (negative && type == EK_JSON_INTEGER) r->integer = -r->integer;
  return type;
}

static enum ek_json_type read_word(struct ek_json_reader *r, const char *word, size_t n,
                                   enum ek_json_type type) {
  if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0) return unexpected(r, "a value");
  r->at += n;
  return r->last = type;
}

static enum ek_json_type read_value(struct ek_json_reader *r) {
  if (r->at == r->end) return unexpected(r, "a value");
  char c = *r->at;
  if (c == '{' || c == '[') return open_one(r, c == '{');
  r->expect = r->depth == 0 ? NOTHING : MORE;
  if (r->any_numbers && is_odd_number(r->at, r->end)) return read_odd_number(r);
  switch (c) {
  case '"': return read_string(r) ? (r->last = EK_JSON_STRING) : EK_JSON_ERROR;
  case 't': return read_word(r, "true", 4, EK_JSON_TRUE);
  case 'f': return read_word(r, "false", 5, EK_JSON_FALSE);
  case 'n': return read_word(r, "null", 4, EK_JSON_NULL);
  default:
    if (c == '-' || (c >= '0' && c <= '9')) return read_number(r);
    return unexpected(r, "a value");
  }
}

static enum ek_json_type read_key(struct ek_json_reader *r, const char *expected) {
  if (r->at == r->end || *r->at != '"') return unexpected(r, expected);
  if (!read_string(r)) return EK_JSON_ERROR;
  skip_space(r);
  if (r->at == r->end || *r->at != ':') return unexpected(r, "':'");
  r->at++;
  r->expect = VALUE;
  return r->last = EK_JSON_KEY;
}

enum ek_json_type ek_json_next(struct ek_json_reader *r) {
  if (r->expect == FAILED) return EK_JSON_ERROR;
  skip_space(r);
  char c = r->at < r->end ? *r->at : '\0';
  switch (r->expect) {
  case VALUE: return read_value(r);
  case VALUE_OR_END: return c == ']' ? close_one(r) : read_value(r);
  case KEY_OR_END: return c == '}' ? close_one(r) : read_key(r, "a string as key or '}'");
  case MORE: {
    bool object = in_object(r);
    if (c == (object ? '}' : ']')) return close_one(r);
    if (c != ',') return unexpected(r, object ? "',' or '}'" : "',' or ']'");
    r->at++;
    skip_space(r);
    return object ? read_key(r, "a string as key") : read_value(r);
  }
  default:
    if (r->at < r->end) return unexpected(r, "the end of the text");
    return r->last = EK_JSON_END;
  }
}

int ek_json_skip(struct ek_json_reader *r) {
  if (r->last == EK_JSON_KEY) ek_json_next(r);
  if (r->last == EK_JSON_ARRAY_BEGIN || r->last == EK_JSON_OBJECT_BEGIN) {
    unsigned outside = r->depth - 1;
    while (r->depth > outside && ek_json_next(r) != EK_JSON_ERROR) continue;
  }
  return r->error.code;
}

const char *ek_json_type_name(enum ek_json_type type) {
  switch (type) {
  case EK_JSON_ERROR: return "an error";
  case EK_JSON_END: return "the end";
  case EK_JSON_NULL: return "null";
  case EK_JSON_TRUE:
  case EK_JSON_FALSE: return "a boolean";
  case EK_JSON_INTEGER: return "an integer";
  case EK_JSON_NUMBER: return "a number";
  case EK_JSON_STRING: return "a string";
  case EK_JSON_KEY: return "a key";
  case EK_JSON_ARRAY_BEGIN:
  case EK_JSON_ARRAY_END: return "an array";
  case EK_JSON_OBJECT_BEGIN:
  case EK_JSON_OBJECT_END: return "an object";
  }
  return "?";
}

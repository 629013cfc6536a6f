/* Bytes as text. */
#include "core/encode.h"

#include <stdint.h>

static const char base64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void base64_encode(struct ek_buf *b, const uint8_t *s, size_t n, const char *alphabet,
                          bool pad) {
  if (n > SIZE_MAX / 4 * 3 - 4) {
    b->failed = true;
    return;
  }
  if (!ek_buf_reserve(b, n / 3 * 4 + 4)) return;
  char *out = b->data + b->len;
  size_t i = 0;
  for (; n - i >= 3; i += 3) {
    uint32_t v = (uint32_t)s[i] << 16 | (uint32_t)s[i + 1] << 8 | s[i + 2];
    *out++ = alphabet[v >> 18];
    *out++ = alphabet[v >> 12 & 63];
    *out++ = alphabet[v >> 6 & 63];
    *out++ = alphabet[v & 63];
  }
  if (n - i != 0) {
    bool two = n - i == 2;
    uint32_t v = (uint32_t)s[i] << 16 | (two ? (uint32_t)s[i + 1] << 8 : 0);
    *out++ = alphabet[v >> 18];
    *out++ = alphabet[v >> 12 & 63];
    if (two) *out++ = alphabet[v >> 6 & 63];
    if (pad) {
      if (!two) *out++ = '=';
      *out++ = '=';
    }
  }
  b->len = (size_t)(out - b->data);
}

void ek_base64_encode(struct ek_buf *b, const void *data, size_t n) {
  base64_encode(b, data, n, base64_std, true);
}

void ek_base64url_encode(struct ek_buf *b, const void *data, size_t n) {
  base64_encode(b, data, n, base64_url, false);
}

static int base64_value(char c, bool url) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == (url ? '-' : '+')) return 62;
  if (c == (url ? '_' : '/')) return 63;
  return -1;
}

static int base64_decode(struct ek_buf *b, const char *s, size_t n, bool url, struct ek_error *e) {
  if (!url) {
    if (n % 4 != 0) return ek_error_set(e, EK_ERR_SYNTAX, "base64: %zu is no whole length", n);
    for (int i = 0; i < 2 && n > 0 && s[n - 1] == '='; i++) n--;
  }
  size_t before = b->len;
  if (!ek_buf_reserve(b, n / 4 * 3 + 3)) return ek_error_set(e, EK_ERR_NOMEM, "out of memory");
  uint32_t bits = 0;
  for (size_t i = 0; i < n; i++) {
    int value = base64_value(s[i], url);
    if (value < 0) {
      b->len = before;
      return ek_error_set(e, EK_ERR_SYNTAX,
                          "base64: byte 0x%02x at offset %zu is not of its alphabet",
                          (unsigned)(unsigned char)s[i], i);
    }
    bits = bits << 6 | (uint32_t)value;
    if (i % 4 == 3) {
      ek_buf_putc(b, (char)(bits >> 16));
      ek_buf_putc(b, (char)(bits >> 8));
      ek_buf_putc(b, (char)bits);
      bits = 0;
    }
  }
  /* Two or three characters are left for one or two bytes; the bits beyond must be zero. */
  size_t rest = n % 4;
  uint32_t stray = rest == 2 ? bits & 15 : rest == 3 ? bits & 3 : 0;
  if (rest == 1 || stray != 0) {
    b->len = before;
    return ek_error_set(e, EK_ERR_SYNTAX, "base64: the end is cut off or not canonical");
  }
  if (rest == 2) ek_buf_putc(b, (char)(bits >> 4));
  if (rest == 3) {
    ek_buf_putc(b, (char)(bits >> 10));
    ek_buf_putc(b, (char)(bits >> 2));
  }
  return 0;
}

int ek_base64_decode(struct ek_buf *b, const char *s, size_t n, struct ek_error *e) {
  return base64_decode(b, s, n, false, e);
}

int ek_base64url_decode(struct ek_buf *b, const char *s, size_t n, struct ek_error *e) {
  return base64_decode(b, s, n, true, e);
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void ek_hex_encode(struct ek_buf *b, const void *data, size_t n) {
  static const char digits[] = "0123456789abcdef";
  const uint8_t *s = data;
  for (size_t i = 0; i < n; i++) {
    ek_buf_putc(b, digits[s[i] >> 4]);
    ek_buf_putc(b, digits[s[i] & 15]);
  }
}

int ek_hex_decode(struct ek_buf *b, const char *s, size_t n, struct ek_error *e) {
  if (n % 2 != 0) return ek_error_set(e, EK_ERR_SYNTAX, "hex: odd number of digits: %zu", n);
  size_t before = b->len;
  for (size_t i = 0; i < n; i += 2) {
    int high = hex_value(s[i]), low = hex_value(s[i + 1]);
    if (high < 0 || low < 0) {
      b->len = before;
      return ek_error_set(e, EK_ERR_SYNTAX, "hex: no digit at offset %zu", high < 0 ? i : i + 1);
    }
    ek_buf_putc(b, (char)(high << 4 | low));
  }
  return b->failed ? ek_error_set(e, EK_ERR_NOMEM, "out of memory") : 0;
}

static bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

void ek_percent_encode(struct ek_buf *b, const char *s, size_t n, bool keep_slash) {
  static const char digits[] = "0123456789ABCDEF";
  size_t run = 0;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (is_unreserved(s[i]) || (c == '/' && keep_slash)) continue;
    ek_buf_append(b, s + run, i - run);
    const char coded[3] = {'%', digits[c >> 4], digits[c & 15]};
    ek_buf_append(b, coded, 3);
    run = i + 1;
  }
  ek_buf_append(b, s + run, n - run);
}

int ek_percent_decode(struct ek_buf *b, const char *s, size_t n, struct ek_error *e) {
  size_t before = b->len;
  for (size_t i = 0; i < n; i++) {
    if (s[i] != '%') {
      ek_buf_putc(b, s[i]);
      continue;
    }
    int high = n - i > 2 ? hex_value(s[i + 1]) : -1, low = n - i > 2 ? hex_value(s[i + 2]) : -1;
    if (high < 0 || low < 0) {
      b->len = before;
      return ek_error_set(e, EK_ERR_SYNTAX, "'%%' without two hexadecimal digits at offset %zu", i);
    }
    ek_buf_putc(b, (char)(high << 4 | low));
    i += 2;
  }
  return b->failed ? ek_error_set(e, EK_ERR_NOMEM, "out of memory") : 0;
}

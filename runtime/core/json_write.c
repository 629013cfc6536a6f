/* Writers of JSON's scalar values. */
#include "core/json.h"

#include "core/number.h"

void ek_json_write_string(struct ek_buf *b, const char *s, size_t n) {
  static const char digits[] = "0123456789abcdef";
  ek_buf_putc(b, '"');
  size_t run = 0;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    ek_buf_append(b, s + run, i - run);
    run = i + 1;
    switch (c) {
    case '"': ek_buf_append(b, "\\\"", 2); break;
    case '\\': ek_buf_append(b, "\\\\", 2); break;
    case '\b': ek_buf_append(b, "\\b", 2); break;
    case '\f': ek_buf_append(b, "\\f", 2); break;
    case '\n': ek_buf_append(b, "\\n", 2); break;
    case '\r': ek_buf_append(b, "\\r", 2); break;
    case '\t': ek_buf_append(b, "\\t", 2); break;
    default:
      ek_buf_append(b, "\\u00", 4);
      ek_buf_putc(b, digits[c >> 4]);
      ek_buf_putc(b, digits[c & 15]);
    }
  }
  ek_buf_append(b, s + run, n - run);
  ek_buf_putc(b, '"');
}

void ek_json_write_integer(struct ek_buf *b, int64_t n) {
  char text[24];
  char *p = text + sizeof text;
  uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  do {
    *--p = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (n < 0) *--p = '-';
  ek_buf_append(b, p, (size_t)(text + sizeof text - p));
}

void ek_json_write_number(struct ek_buf *b, double n) {
  char text[EK_NUMBER_MAX];
  size_t size = ek_number_format(text, n);
  ek_buf_append(b, text, size);
}

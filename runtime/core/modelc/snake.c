/* botocore's xform_name without its regular expressions: a word begins at a capital that a small
 * letter follows, and at a capital behind a small letter or a digit; a plural acronym at the end
 * (ListWebACLs) is one word, as are the names that AWS spells in its own way. */
#include "core/modelc/snake.h"

#include <stdbool.h>

static const char *const words[] = {"iSCSI", "HITs", "PartiQL", "OAuth2", "WhatsApp", "OTel"};

static bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
static bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
static bool is_small(char c) {
  return is_lower(c) || (c >= '0' && c <= '9');
}
static char to_lower(char c) {
  return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

static size_t word_length(const char *s) {
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    size_t n = strlen(words[i]);
    if (strncmp(s, words[i], n) == 0 && !is_lower(s[n])) return n;
  }
  return 0;
}

/* Where the plural acronym at the end of name begins; n: there is none. */
static size_t plural_start(const char *name, size_t n) {
  if (n < 3 || name[n - 1] != 's') return n;
  size_t start = n - 1;
  while (start > 0 && is_upper(name[start - 1])) start--;
  return n - 1 - start >= 2 ? start : n;
}

void ek_snake_case(struct ek_buf *out, const char *name) {
  size_t n = strlen(name), plural = plural_start(name, n);
  bool after_word = false;
  for (size_t i = 0; i < n;) {
    size_t length = word_length(name + i);
    bool starts =
        length > 0 || i == plural || after_word ||
        (i < plural && is_upper(name[i]) && (is_small(name[i - (i > 0)]) || is_lower(name[i + 1])));
    if (starts && i > 0) ek_buf_putc(out, '_');
    after_word = length > 0;
    if (length == 0) length = 1;
    for (; length > 0; length--) ek_buf_putc(out, to_lower(name[i++]));
  }
}

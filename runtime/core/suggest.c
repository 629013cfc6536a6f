/* Nearest names, by Damerau-Levenshtein distance (optimal string alignment). */
#include "core/suggest.h"

#include <stdbool.h>
#include <stdint.h>

enum { NAME_MAX_LEN = 96, PREFIX_MIN = 4 };

static char fold(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

static unsigned min3(unsigned a, unsigned b, unsigned c) {
  unsigned least = a < b ? a : b;
  return least < c ? least : c;
}

/* The distance, or limit + 1 as soon as it must be more than limit. Both at most NAME_MAX_LEN. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len, unsigned limit) {
  if ((a_len > b_len ? a_len - b_len : b_len - a_len) > limit) return limit + 1;
  unsigned rows[3][NAME_MAX_LEN + 1];
  unsigned *before = rows[0], *last = rows[1], *row = rows[2];
  for (unsigned j = 0; j <= b_len; j++) last[j] = j;
  for (size_t i = 1; i <= a_len; i++) {
    unsigned least = row[0] = (unsigned)i;
    for (size_t j = 1; j <= b_len; j++) {
      char x = fold(a[i - 1]), y = fold(b[j - 1]);
      row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y));
      if (i > 1 && j > 1 && x == fold(b[j - 2]) && fold(a[i - 2]) == y &&
          before[j - 2] + 1 < row[j]) {
        row[j] = before[j - 2] + 1;
      }
      if (row[j] < least) least = row[j];
    }
    if (least > limit) return limit + 1;
    unsigned *spare = before;
    before = last;
    last = row;
    row = spare;
  }
  return last[b_len];
}

/* Whether one is how the other begins: `Cidr` for `CidrBlock`. Both at least PREFIX_MIN long. */
static bool begins(const char *a, size_t a_len, const char *b, size_t b_len) {
  size_t n = a_len < b_len ? a_len : b_len;
  if (n < PREFIX_MIN) return false;
  for (size_t i = 0; i < n; i++)
    if (fold(a[i]) != fold(b[i])) return false;
  return true;
}

size_t ek_suggest(const char **best, size_t max, const char *name, const char *const *names,
                  size_t count) {
  size_t len = strlen(name), found = 0;
  unsigned costs[EK_SUGGEST_MAX];
  if (max > EK_SUGGEST_MAX) max = EK_SUGGEST_MAX;
  if (max == 0 || len == 0 || len > NAME_MAX_LEN) return 0;
  unsigned limit = (unsigned)(len + 2) / 3;
  for (size_t i = 0; i < count; i++) {
    size_t n = strlen(names[i]);
    if (n == 0 || n > NAME_MAX_LEN) continue;
    unsigned cost = distance(name, len, names[i], n, limit);
    if (cost > limit && begins(name, len, names[i], n)) cost = limit;
    /* Replacing every character is no likeness. */
    if (cost > limit || cost >= (len > n ? len : n)) continue;
    size_t at = found;
    while (at > 0 && costs[at - 1] > cost) at--;
    if (at == max) continue;
    if (found < max) found++;
    for (size_t j = found - 1; j > at; j--) {
      costs[j] = costs[j - 1];
      best[j] = best[j - 1];
    }
    costs[at] = cost;
    best[at] = names[i];
  }
  /* Beside one that is near, those twice as far off are noise. */
  while (found > 1 && costs[found - 1] > 2 * costs[0]) found--;
  return found;
}

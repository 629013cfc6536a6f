/* Doubles and their decimal text.
 *
 * Most numbers in documents have few digits and are exact by one multiplication (Clinger's fast
 * path); the rest goes through the C library under its own "C" locale. */
#include "core/number.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>

static locale_t c_locale(void) {
  static locale_t locale;
  if (locale == NULL) locale = newlocale(LC_ALL_MASK, "C", NULL);
  return locale;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool parse_slow(double *out, const char *s, size_t n) {
  char small[128];
  char *text = n < sizeof small ? small : malloc(n + 1);
  if (text == NULL) return false;
  memcpy(text, s, n);
  text[n] = '\0';
  *out = strtod_l(text, NULL, c_locale());
  if (text != small) free(text);
  return true;
}

bool ek_number_parse(double *out, const char *s, size_t n) {
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const char *p = s, *end = s + n;
  bool negative = p < end && *p == '-';
  if (p < end && (*p == '-' || *p == '+')) p++;
  uint64_t mantissa = 0;
  int digits = 0, exponent = 0;
  bool exact = true;
  for (int fraction = 0; fraction < 2; fraction++) {
    const char *first = p;
    for (; p < end && is_digit(*p); p++) {
      if (digits < 18) {
        mantissa = mantissa * 10 + (unsigned)(*p - '0');
        if (mantissa != 0) digits++;
        exponent -= fraction;
      } else {
        exact = false;
      }
    }
    if (p == first) return false;
    if (p == end || *p != '.') break;
    if (fraction == 0) p++;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    p++;
    bool minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end) return false;
    int value = 0;
    for (; p < end && is_digit(*p); p++) {
      if (value < 100000) value = value * 10 + (*p - '0');
    }
    exponent += minus ? -value : value;
  }
  if (p != end) return false;
  if (exact && mantissa <= UINT64_C(1) << 53 && exponent >= -22 && exponent <= 22) {
    double number = (double)mantissa;
    number = exponent < 0 ? number / powers[-exponent] : number * powers[exponent];
    *out = negative ? -number : number;
    return true;
  }
  return parse_slow(out, s, n);
}

size_t ek_number_format_precision(char out[EK_NUMBER_MAX], double number, int precision) {
  locale_t before = uselocale(c_locale());
  int n = snprintf(out, EK_NUMBER_MAX, "%.*g", precision, number);
  (void)uselocale(before);
  return n < 0 ? 0 : (size_t)n < EK_NUMBER_MAX ? (size_t)n : EK_NUMBER_MAX - 1;
}

size_t ek_number_format(char out[EK_NUMBER_MAX], double number) {
  size_t n = 0;
  if (fabs(number) < 1e15 && number == trunc(number)) {
    n = (size_t)snprintf(out, EK_NUMBER_MAX, "%s%" PRId64, signbit(number) ? "-" : "",
                         (int64_t)fabs(number));
  } else {
    /* Any 15 digits survive in a normal double; a subnormal one may have fewer to begin with. */
    for (int precision = fabs(number) < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
      n = ek_number_format_precision(out, number, precision);
      double back = 0;
      if (ek_number_parse(&back, out, n) && back == number) break;
    }
  }
  if (strpbrk(out, ".e") == NULL) {
    memcpy(out + n, ".0", 3);
    n += 2;
  }
  return n;
}

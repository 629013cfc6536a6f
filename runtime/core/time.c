/* Timestamps read and written. */
#include "core/time.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/number.h"

static const double time_min = -62135596800.0, time_end = 253402300800.0;

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char weekdays[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                     "Thursday", "Friday", "Saturday"};

struct cursor {
  const char *at, *end;
};

struct fields {
  int year, month, day, hour, minute, second;
  int offset; /* seconds east of UTC */
  double fraction;
};

/* Days from 1970-01-01 to the first of March-based years and back (Howard Hinnant's algorithms). */
static int64_t days_from_civil(int year, int month, int day) {
  int y = year - (month <= 2);
  int era = (y >= 0 ? y : y - 399) / 400;
  int yoe = y - era * 400;
  int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return (int64_t)era * 146097 + doe - 719468;
}

static void civil_from_days(struct fields *f, int64_t days) {
  int64_t z = days + 719468;
  int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  int doe = (int)(z - era * 146097);
  int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  int mp = (5 * doy + 2) / 153;
  f->day = doy - (153 * mp + 2) / 5 + 1;
  f->month = mp + (mp < 10 ? 3 : -9);
  f->year = (int)(yoe + era * 400) + (f->month <= 2);
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap);
}

static bool finish(double *out, const struct fields *f) {
  if (f->year < 1 || f->month < 1 || f->month > 12 || f->day < 1) return false;
  if (f->day > days_in_month(f->year, f->month)) return false;
  if (f->hour > 23 || f->minute > 59 || f->second > 60) return false;
  int64_t seconds = days_from_civil(f->year, f->month, f->day) * 86400 + f->hour * 3600 +
                    f->minute * 60 + f->second - f->offset;
  double t = (double)seconds + f->fraction;
  if (t < time_min || t >= time_end) return false;
  *out = t;
  return true;
}

static bool at_digit(const struct cursor *c) {
  return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

/* Exactly count digits. */
static bool take_digits(struct cursor *c, int count, int *value) {
  *value = 0;
  for (int i = 0; i < count; i++) {
    if (!at_digit(c)) return false;
    *value = *value * 10 + (*c->at++ - '0');
  }
  return true;
}

static bool take(struct cursor *c, char wanted) {
  if (c->at == c->end || *c->at != wanted) return false;
  c->at++;
  return true;
}

static bool take_word(struct cursor *c, const char *word) {
  size_t n = strlen(word);
  if ((size_t)(c->end - c->at) < n || strncasecmp(c->at, word, n) != 0) return false;
  c->at += n;
  return true;
}

/* [.digits]; a comma too, as ISO 8601 has it. Digits beyond a double's are read and dropped. */
static bool take_fraction(struct cursor *c, double *fraction) {
  *fraction = 0;
  if (!take(c, '.') && !take(c, ',')) return true;
  if (!at_digit(c)) return false;
  int64_t value = 0, scale = 1;
  for (; at_digit(c); c->at++) {
    if (scale > INT64_C(100000000000000)) continue;
    value = value * 10 + (*c->at - '0');
    scale *= 10;
  }
  *fraction = (double)value / (double)scale;
  return true;
}

/* +hh:mm, +hhmm or +hh. */
static bool take_offset(struct cursor *c, int *offset) {
  bool west = take(c, '-');
  if (!west && !take(c, '+')) return false;
  int hours, minutes = 0;
  if (!take_digits(c, 2, &hours)) return false;
  if (take(c, ':') || at_digit(c)) {
    if (!take_digits(c, 2, &minutes)) return false;
  }
  if (hours > 23 || minutes > 59) return false;
  *offset = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
  return true;
}

static bool take_zone(struct cursor *c, int *offset) {
  *offset = 0;
  return take_word(c, "GMT") || take_word(c, "UTC") || take_word(c, "UT") || take_word(c, "Z") ||
         take_offset(c, offset);
}

static bool take_clock(struct cursor *c, struct fields *f) {
  return take_digits(c, 2, &f->hour) && take(c, ':') && take_digits(c, 2, &f->minute) &&
         take(c, ':') && take_digits(c, 2, &f->second) && take_fraction(c, &f->fraction);
}

static int refuse(struct ek_error *e, const char *what, const char *s, size_t n) {
  int shown = n > 40 ? 40 : (int)n;
  for (int i = 0; i < shown; i++) {
    if (s[i] < ' ' || s[i] > '~') shown = i;
  }
  return ek_error_set(e, EK_ERR_SYNTAX, "%s: '%.*s'", what, shown, s);
}

int ek_time_parse_iso8601(double *out, const char *s, size_t n, struct ek_error *e) {
  struct cursor c = {s, s + n};
  struct fields f = {0};
  bool right = take_digits(&c, 4, &f.year);
  if (right && take(&c, '-')) {
    right = take_digits(&c, 2, &f.month) && take(&c, '-') && take_digits(&c, 2, &f.day);
    if (right && c.at < c.end) {
      right = take_word(&c, "T") || take(&c, ' ');
      right = right && take_clock(&c, &f);
      if (right && c.at < c.end) right = take_zone(&c, &f.offset);
    }
  } else if (right) {
    right = take_digits(&c, 2, &f.month) && take_digits(&c, 2, &f.day) && take_word(&c, "T") &&
            take_digits(&c, 2, &f.hour) && take_digits(&c, 2, &f.minute) &&
            take_digits(&c, 2, &f.second) && take_zone(&c, &f.offset);
  }
  if (right && c.at == c.end && finish(out, &f)) return 0;
  return refuse(e, "not an iso 8601 timestamp", s, n);
}

static bool take_month(struct cursor *c, int *month) {
  for (int i = 0; i < 12; i++) {
    if (!take_word(c, months[i])) continue;
    *month = i + 1;
    return true;
  }
  return false;
}

/* A weekday, whole or its first three letters, and the comma behind it. */
static bool take_weekday(struct cursor *c, bool *comma) {
  for (int i = 0; i < 7; i++) {
    char brief[4] = {weekdays[i][0], weekdays[i][1], weekdays[i][2], '\0'};
    if (!take_word(c, weekdays[i]) && !take_word(c, brief)) continue;
    *comma = take(c, ',');
    return true;
  }
  return false;
}

static void skip_spaces(struct cursor *c) {
  while (take(c, ' ')) continue;
}

static bool take_day(struct cursor *c, int *day) {
  if (!take_digits(c, 1, day)) return false;
  int second;
  if (at_digit(c) && take_digits(c, 1, &second)) *day = *day * 10 + second;
  return true;
}

/* 06 Nov 1994 08:49:37 GMT or 06-Nov-94 08:49:37 GMT */
static bool take_http_date(struct cursor *c, struct fields *f) {
  if (!take_day(c, &f->day)) return false;
  char separator = c->at < c->end && *c->at == '-' ? '-' : ' ';
  if (!take(c, separator) || !take_month(c, &f->month) || !take(c, separator)) return false;
  if (!take_digits(c, 2, &f->year)) return false;
  int low;
  if (!at_digit(c)) {
    f->year += f->year < 69 ? 2000 : 1900;
  } else if (take_digits(c, 2, &low)) {
    f->year = f->year * 100 + low;
  } else {
    return false;
  }
  return take(c, ' ') && take_clock(c, f) && take(c, ' ') && take_zone(c, &f->offset);
}

/* Nov  6 08:49:37 1994 */
static bool take_asctime(struct cursor *c, struct fields *f) {
  if (!take_month(c, &f->month)) return false;
  skip_spaces(c);
  return take_day(c, &f->day) && take(c, ' ') && take_clock(c, f) && take(c, ' ') &&
         take_digits(c, 4, &f->year);
}

int ek_time_parse_http_date(double *out, const char *s, size_t n, struct ek_error *e) {
  struct cursor c = {s, s + n};
  struct fields f = {0};
  bool comma = false, weekday = take_weekday(&c, &comma);
  skip_spaces(&c);
  bool right = weekday && !comma ? take_asctime(&c, &f) : take_http_date(&c, &f);
  if (right && c.at == c.end && finish(out, &f)) return 0;
  return refuse(e, "not an http date", s, n);
}

int ek_time_parse_epoch(double *out, const char *s, size_t n, struct ek_error *e) {
  double t;
  if (!ek_number_parse(&t, s, n) || t < time_min || t >= time_end) {
    return refuse(e, "not seconds since 1970", s, n);
  }
  *out = t;
  return 0;
}

int ek_time_parse(double *out, const char *s, size_t n, struct ek_error *e) {
  if (ek_time_parse_iso8601(out, s, n, NULL) == 0) return 0;
  if (ek_time_parse_http_date(out, s, n, NULL) == 0) return 0;
  if (ek_time_parse_epoch(out, s, n, NULL) == 0) return 0;
  return refuse(e, "not a timestamp", s, n);
}

/* Appends a number in `digits` digits; returns what is behind it. */
static char *put(char *to, int number, int digits) {
  for (int i = digits - 1; i >= 0; i--, number /= 10) to[i] = (char)('0' + number % 10);
  return to + digits;
}

/* A signature needs one each time, so it does without printf. */
static size_t format_basic(char *out, const struct fields *f) {
  char *to = put(put(put(out, f->year, 4), f->month, 2), f->day, 2);
  *to++ = 'T';
  to = put(put(put(to, f->hour, 2), f->minute, 2), f->second, 2);
  *to++ = 'Z';
  *to = '\0';
  return (size_t)(to - out);
}

size_t ek_time_format(char out[EK_TIME_MAX], enum ek_time_format format, double t) {
  out[0] = '\0';
  if (!(t >= time_min && t < time_end)) return 0;
  double whole = floor(t);
  int millis = 0;
  if (format == EK_TIME_ISO8601_MILLIS) {
    millis = (int)lround((t - whole) * 1000);
    if (millis == 1000) {
      millis = 0;
      whole += 1;
      if (whole >= time_end) return 0;
    }
  }
  int64_t seconds = (int64_t)whole;
  int64_t days = seconds / 86400 - (seconds % 86400 < 0);
  int of_day = (int)(seconds - days * 86400);
  struct fields f = {.hour = of_day / 3600, .minute = of_day / 60 % 60, .second = of_day % 60};
  civil_from_days(&f, days);
  int n = 0;
  switch (format) {
  case EK_TIME_ISO8601:
  case EK_TIME_ISO8601_MILLIS: {
    char fraction[8] = "";
    if (millis != 0) (void)snprintf(fraction, sizeof fraction, ".%03d", millis);
    n = snprintf(out, EK_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", f.year, f.month, f.day,
                 f.hour, f.minute, f.second, fraction);
    break;
  }
  case EK_TIME_BASIC: return format_basic(out, &f);
  case EK_TIME_DATE: n = snprintf(out, EK_TIME_MAX, "%04d%02d%02d", f.year, f.month, f.day); break;
  case EK_TIME_HTTP:
    /* 1970-01-01 was a Thursday. */
    n = snprintf(out, EK_TIME_MAX, "%.3s, %02d %s %04d %02d:%02d:%02d GMT",
                 weekdays[((days + 4) % 7 + 7) % 7], f.day, months[f.month - 1], f.year, f.hour,
                 f.minute, f.second);
    break;
  }
  return (size_t)n;
}

/* runtime/core/time.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/time.h"

typedef int parse_fn(double *, const char *, size_t, struct ek_error *);

static void is(parse_fn *parse, const char *text, double wanted) {
  double t = -1;
  struct ek_error e = {0};
  int code = parse(&t, text, strlen(text), &e);
  if (code != 0) print_error("%s\n", e.message);
  assert_int_equal(code, 0);
  assert_true(t == wanted);
}

static void refused(parse_fn *parse, const char *const *texts) {
  for (; *texts != NULL; texts++) {
    double t = -1;
    struct ek_error e = {0};
    if (parse(&t, *texts, strlen(*texts), &e) == 0) print_error("read: %s\n", *texts);
    assert_int_equal(e.code, EK_ERR_SYNTAX);
    assert_true(t == -1);
  }
}

static void iso8601(void **state) {
  (void)state;
  is(ek_time_parse_iso8601, "1970-01-01T00:00:00Z", 0);
  is(ek_time_parse_iso8601, "2026-11-23T09:43:01Z", 1795426981);
  is(ek_time_parse_iso8601, "2026-11-23t09:43:01z", 1795426981);
  is(ek_time_parse_iso8601, "2026-11-23 09:43:01", 1795426981);
  is(ek_time_parse_iso8601, "2026-11-23T09:43:01UTC", 1795426981);
  is(ek_time_parse_iso8601, "2026-11-23T09:43:01.25Z", 1795426981.25);
  is(ek_time_parse_iso8601, "2026-11-23T09:43:01.123456789123456789Z", 1795426981.123456789);
  is(ek_time_parse_iso8601, "2026-11-23T11:43:01+02:00", 1795426981);
  is(ek_time_parse_iso8601, "2026-11-23T04:13:01-0530", 1795426981);
  is(ek_time_parse_iso8601, "2026-11-23T10:43:01+01", 1795426981);
  is(ek_time_parse_iso8601, "20261123T094301Z", 1795426981);
  is(ek_time_parse_iso8601, "2026-11-23", 1795392000);
  is(ek_time_parse_iso8601, "2024-02-29T00:00:00Z", 1709164800);
  is(ek_time_parse_iso8601, "2000-02-29", 951782400);
  is(ek_time_parse_iso8601, "2016-12-31T23:59:60Z", 1483228800);
  is(ek_time_parse_iso8601, "1969-12-31T23:59:59.5Z", -0.5);
  is(ek_time_parse_iso8601, "0001-01-01T00:00:00Z", -62135596800.0);
  is(ek_time_parse_iso8601, "9999-12-31T23:59:59Z", 253402300799.0);
  static const char *const wrong[] = {"",
                                      "2026",
                                      "2026-13-01",
                                      "2026-00-01",
                                      "2026-02-29",
                                      "1900-02-29",
                                      "2026-11-31",
                                      "2026-11-00",
                                      "2026-1-1",
                                      "2026-11-23T",
                                      "2026-11-23T24:00:00Z",
                                      "2026-11-23T09:60:00Z",
                                      "0000-01-01",
                                      "2026-11-23T09",
                                      "2026-11-23T09:43Z",
                                      "2026-11-23T09:43:61Z",
                                      "x",
                                      "+2026-11-23",
                                      "2026-11-23T09:43:01.Z",
                                      "2026-11-23T09:43:01Zjunk",
                                      " 2026-11-23",
                                      "2026-11-23T09:43:01+24:00",
                                      "2026-11-23T09:43:01+1",
                                      "9999-12-31T23:59:60Z",
                                      "0001-01-01T00:00:00+01:00",
                                      "20261123",
                                      NULL};
  refused(ek_time_parse_iso8601, wrong);
}

/* The three forms of RFC 9110, section 5.6.7, and what is sent in their place. */
static void http_date(void **state) {
  (void)state;
  is(ek_time_parse_http_date, "Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
  is(ek_time_parse_http_date, "Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
  is(ek_time_parse_http_date, "Sun Nov  6 08:49:37 1994", 784111777);
  is(ek_time_parse_http_date, "Sun Nov 16 08:49:37 1994", 784975777);
  is(ek_time_parse_http_date, "06 Nov 1994 08:49:37 +0000", 784111777);
  is(ek_time_parse_http_date, "Sun, 6 Nov 1994 09:49:37 +0100", 784111777);
  is(ek_time_parse_http_date, "Sun, 06 Nov 1994 08:49:37.500 GMT", 784111777.5);
  is(ek_time_parse_http_date, "sun, 06 nov 1994 08:49:37 utc", 784111777);
  is(ek_time_parse_http_date, "Wed, 01-Jan-20 00:00:00 GMT", 1577836800);
  static const char *const wrong[] = {"",
                                      "Sun",
                                      "Sun,",
                                      "Sun, 06 Nov 1994",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nov 1994 08:49:37 PST",
                                      "Sun, 31 Feb 1994 08:49:37 GMT",
                                      "Sun, 06 Now 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 8:49:37 GMT",
                                      "Xxx, 06 Nov 1994 08:49:37 GMT",
                                      "Sun, 06 Nov 199 08:49:37 GMT",
                                      "Sun Nov  6 08:49:37 1994 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 GMT ",
                                      NULL};
  refused(ek_time_parse_http_date, wrong);
}

static void any(void **state) {
  (void)state;
  is(ek_time_parse, "784111777", 784111777);
  is(ek_time_parse, "1.5157384E9", 1515738400);
  is(ek_time_parse, "-1.5", -1.5);
  is(ek_time_parse, "1994-11-06T08:49:37Z", 784111777);
  is(ek_time_parse, "Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
  static const char *const wrong[] = {"", "soon", "1e99", "nan", "inf", NULL};
  refused(ek_time_parse, wrong);
  static const char *const no_epochs[] = {"1e999", "-1e12", "0x10", NULL};
  refused(ek_time_parse_epoch, no_epochs);
}

static const char *formatted(enum ek_time_format format, double t) {
  static char text[EK_TIME_MAX];
  size_t n = ek_time_format(text, format, t);
  assert_int_equal(n, strlen(text));
  return text;
}

static void formats(void **state) {
  (void)state;
  assert_string_equal(formatted(EK_TIME_ISO8601, 1795426981.9), "2026-11-23T09:43:01Z");
  assert_string_equal(formatted(EK_TIME_ISO8601_MILLIS, 1795426981), "2026-11-23T09:43:01Z");
  assert_string_equal(formatted(EK_TIME_ISO8601_MILLIS, 1795426981.25), "2026-11-23T09:43:01.250Z");
  assert_string_equal(formatted(EK_TIME_ISO8601_MILLIS, 1795426981.9999), "2026-11-23T09:43:02Z");
  assert_string_equal(formatted(EK_TIME_BASIC, 1795426981), "20261123T094301Z");
  assert_string_equal(formatted(EK_TIME_DATE, 1795426981), "20261123");
  assert_string_equal(formatted(EK_TIME_HTTP, 784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  assert_string_equal(formatted(EK_TIME_HTTP, -1), "Wed, 31 Dec 1969 23:59:59 GMT");
  assert_string_equal(formatted(EK_TIME_ISO8601, -62135596800.0), "0001-01-01T00:00:00Z");
  assert_string_equal(formatted(EK_TIME_HTTP, -62135596800.0), "Mon, 01 Jan 0001 00:00:00 GMT");
  assert_string_equal(formatted(EK_TIME_ISO8601, 253402300799.0), "9999-12-31T23:59:59Z");
  assert_string_equal(formatted(EK_TIME_ISO8601, 253402300800.0), "");
  assert_string_equal(formatted(EK_TIME_ISO8601_MILLIS, 253402300799.9999), "");
  assert_string_equal(formatted(EK_TIME_ISO8601, -62135596801.0), "");
  assert_string_equal(formatted(EK_TIME_ISO8601, 0.0 / 0.0), "");
}

/* Every day of 800 years, there and back, against the C library's calendar. */
static void agrees_with_the_c_library(void **state) {
  (void)state;
  for (int64_t day = -146097; day < 146097; day++) {
    time_t t = (time_t)(day * 86400 + 12345);
    struct tm tm;
    char wanted[40];
    assert_non_null(gmtime_r(&t, &tm));
    strftime(wanted, sizeof wanted, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    const char *got = formatted(EK_TIME_HTTP, (double)t);
    assert_string_equal(got, wanted);
    double back;
    assert_int_equal(ek_time_parse_http_date(&back, got, strlen(got), NULL), 0);
    assert_true(back == (double)t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(iso8601),
      cmocka_unit_test(http_date),
      cmocka_unit_test(any),
      cmocka_unit_test(formats),
      cmocka_unit_test(agrees_with_the_c_library),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

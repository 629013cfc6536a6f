/* runtime/core/json.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "core/json.h"
#include "core/number.h"

/* The tokens of text as one line: "{ k:a i:1 }", an error as "! message". */
static const char *tokens(const char *text, size_t len, unsigned depth) {
  static struct ek_buf out;
  ek_buf_clear(&out);
  struct ek_json_reader r;
  ek_json_reader_init(&r, text, len, depth);
  enum ek_json_type type;
  do {
    type = ek_json_next(&r);
    if (out.len > 0 && type != EK_JSON_END) ek_buf_putc(&out, ' ');
    switch (type) {
    case EK_JSON_ERROR: ek_buf_printf(&out, "! %s", r.error.message); break;
    case EK_JSON_END: break;
    case EK_JSON_NULL: ek_buf_puts(&out, "null"); break;
    case EK_JSON_TRUE: ek_buf_puts(&out, "true"); break;
    case EK_JSON_FALSE: ek_buf_puts(&out, "false"); break;
    case EK_JSON_INTEGER: ek_buf_printf(&out, "i:%lld", (long long)r.integer); break;
    case EK_JSON_NUMBER: ek_buf_printf(&out, "n:%.17g", r.number); break;
    case EK_JSON_KEY:
    case EK_JSON_STRING:
      ek_buf_puts(&out, type == EK_JSON_KEY ? "k:" : "s:");
      ek_buf_append(&out, r.string, r.string_len);
      break;
    case EK_JSON_ARRAY_BEGIN: ek_buf_putc(&out, '['); break;
    case EK_JSON_ARRAY_END: ek_buf_putc(&out, ']'); break;
    case EK_JSON_OBJECT_BEGIN: ek_buf_putc(&out, '{'); break;
    case EK_JSON_OBJECT_END: ek_buf_putc(&out, '}'); break;
    }
  } while (type > EK_JSON_END);
  assert_int_equal(ek_json_next(&r), type);
  ek_json_reader_fini(&r);
  return ek_buf_cstr(&out);
}

static const char *read_all(const char *text) {
  return tokens(text, strlen(text), 0);
}

static void reads_every_kind(void **state) {
  (void)state;
  assert_string_equal(
      read_all(" [1, -2.5, \"x\", true, false, null, {}, {\"a\": [ ], \"b\":{\"c\":1e2}}]\r\n"),
      "[ i:1 n:-2.5 s:x true false null { } { k:a [ ] k:b { k:c n:100 } } ]");
  assert_string_equal(read_all("\"\\u00e9\\ud83d\\ude00\\n\\/ plain enough for eight\""),
                      "s:\xc3\xa9\xf0\x9f\x98\x80\n/ plain enough for eight");
  assert_string_equal(read_all("\"\""), "s:");
}

static void keeps_integers(void **state) {
  (void)state;
  assert_string_equal(read_all("9223372036854775807"), "i:9223372036854775807");
  assert_string_equal(read_all("-9223372036854775808"), "i:-9223372036854775808");
  assert_string_equal(read_all("9223372036854775808"), "n:9.2233720368547758e+18");
  assert_string_equal(read_all("-9223372036854775809"), "n:-9.2233720368547758e+18");
  assert_string_equal(read_all("36893488147419103232"), "n:3.6893488147419103e+19");
  assert_string_equal(read_all("-0"), "n:-0");
  assert_string_equal(read_all("0"), "i:0");
  assert_string_equal(read_all("1.0"), "n:1");
}

static void refuses(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"", "! line 1, column 1: expected a value, got the end of the text"},
      {"[1,]", "[ i:1 ! line 1, column 4: expected a value, got ']'"},
      {"{\"a\":1,}", "{ k:a i:1 ! line 1, column 8: expected a string as key, got '}'"},
      {"[1\n 2]", "[ i:1 ! line 2, column 2: expected ',' or ']', got '2'"},
      {"{\"a\" 1}", "{ ! line 1, column 6: expected ':', got '1'"},
      {"{a:1}", "{ ! line 1, column 2: expected a string as key or '}', got 'a'"},
      {"[1}", "[ i:1 ! line 1, column 3: expected ',' or ']', got '}'"},
      {"1 2", "i:1 ! line 1, column 3: expected the end of the text, got '2'"},
      {"01", "! line 1, column 1: number with a leading zero"},
      {"-", "! line 1, column 2: expected a digit, got the end of the text"},
      {"1.",
       "! line 1, column 3: expected a digit behind the decimal point, got the end of the text"},
      {"1e+", "! line 1, column 4: expected a digit in the exponent, got the end of the text"},
      {"1e999", "! line 1, column 1: number out of range"},
      {"nul", "! line 1, column 1: expected a value, got 'n'"},
      {"\"a", "! line 1, column 1: string without an end"},
      {"\"a\tb\"", "! line 1, column 3: control character in a string"},
      {"\"\\x\"", "! line 1, column 2: invalid escape in a string"},
      {"\"\\u12g4\"", "! line 1, column 2: \\u wants four hexadecimal digits"},
      {"\"\\ud800\"", "! line 1, column 2: half of a surrogate pair in a string"},
      {"\"\\ud800\\u0041\"", "! line 1, column 2: half of a surrogate pair in a string"},
      {"\"\\udc00\"", "! line 1, column 2: half of a surrogate pair in a string"},
      {"\"\xc3\"", "! line 1, column 2: ill-formed UTF-8 in a string"},
      {"\"\xed\xa0\x80\"", "! line 1, column 2: ill-formed UTF-8 in a string"},
      {"\xef\xbb\xbf{}", "! line 1, column 1: expected a value, got byte 0xef"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_string_equal(read_all(cases[i].text), cases[i].message);
  }
}

/* Every beginning of a right text is wrong, and is never read past its end (ASan watches). */
static void refuses_every_truncation(void **state) {
  (void)state;
  const char whole[] =
      "{\"key\\u00e9\":[1.5e3,true,\"\xc3\xa9 text \\ud83d\\ude00\",null],\"b\":{\"c\":false}}";
  for (size_t len = 0; len < sizeof whole - 1; len++) {
    char *part = malloc(len + 1);
    memcpy(part, whole, len);
    char *exact = realloc(part, len == 0 ? 1 : len);
    assert_non_null(strchr(tokens(exact, len, 0), '!'));
    free(exact);
  }
  assert_null(strchr(tokens(whole, sizeof whole - 1, 0), '!'));
}

static void limits_depth(void **state) {
  (void)state;
  assert_string_equal(tokens("[[1]]", 5, 2), "[ [ i:1 ] ]");
  assert_string_equal(tokens("[[1]]", 5, 1), "[ ! line 1, column 2: nested deeper than 1 levels");
  char deep[2 * EK_JSON_DEPTH_MAX + 2];
  memset(deep, '[', EK_JSON_DEPTH_MAX);
  memset(deep + EK_JSON_DEPTH_MAX, ']', EK_JSON_DEPTH_MAX);
  assert_null(strchr(tokens(deep, 2 * EK_JSON_DEPTH_MAX, 0), '!'));
  memset(deep, '[', sizeof deep);
  assert_non_null(strstr(tokens(deep, sizeof deep, 0), "deeper than 1024"));
}

static void skips_values(void **state) {
  (void)state;
  const char text[] = "{\"a\":[1,[2],{\"x\":{}}],\"b\":\"s\",\"c\":3}";
  struct ek_json_reader r;
  ek_json_reader_init(&r, text, sizeof text - 1, 0);
  assert_int_equal(ek_json_next(&r), EK_JSON_OBJECT_BEGIN);
  assert_int_equal(ek_json_next(&r), EK_JSON_KEY);
  assert_int_equal(ek_json_skip(&r), 0); /* from the key */
  assert_int_equal(ek_json_next(&r), EK_JSON_KEY);
  assert_memory_equal(r.string, "b", 1);
  assert_int_equal(ek_json_next(&r), EK_JSON_STRING);
  assert_int_equal(ek_json_skip(&r), 0); /* from the scalar itself */
  assert_int_equal(ek_json_next(&r), EK_JSON_KEY);
  assert_int_equal(ek_json_next(&r), EK_JSON_INTEGER);
  assert_int_equal(r.integer, 3);
  assert_int_equal(ek_json_next(&r), EK_JSON_OBJECT_END);
  assert_int_equal(ek_json_next(&r), EK_JSON_END);
  ek_json_reader_fini(&r);

  ek_json_reader_init(&r, "[[1,]]", 6, 0);
  ek_json_next(&r);
  assert_int_equal(ek_json_skip(&r), EK_ERR_SYNTAX);
  ek_json_reader_fini(&r);
}

static void keeps_nul_in_strings(void **state) {
  (void)state;
  struct ek_json_reader r;
  ek_json_reader_init(&r, "\"a\\u0000b\"", 10, 0);
  assert_int_equal(ek_json_next(&r), EK_JSON_STRING);
  assert_int_equal(r.string_len, 3);
  assert_memory_equal(r.string, "a\0b", 3);
  ek_json_reader_fini(&r);
}

static void writes(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  ek_json_write_string(&b, "a\"\\\b\f\n\r\t\x01\x1f/\x7f\xc3\xa9\0", 15);
  assert_string_equal(ek_buf_cstr(&b),
                      "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f/\x7f\xc3\xa9\\u0000\"");
  ek_buf_clear(&b);
  ek_json_write_integer(&b, INT64_MIN);
  ek_buf_putc(&b, ' ');
  ek_json_write_integer(&b, INT64_MAX);
  ek_buf_putc(&b, ' ');
  ek_json_write_integer(&b, 0);
  assert_string_equal(ek_buf_cstr(&b), "-9223372036854775808 9223372036854775807 0");
  ek_buf_fini(&b);
}

static void writes_shortest_numbers(void **state) {
  (void)state;
  static const struct {
    double number;
    const char *text;
  } cases[] = {
      {0.1, "0.1"},
      {1.0, "1.0"},
      {-0.0, "-0.0"},
      {1e15, "1e+15"},
      {1e300, "1e+300"},
      {1.0 / 3, "0.3333333333333333"},
      {5e-324, "5e-324"},
      {123456789012345.0, "123456789012345.0"},
      {0.30000000000000004, "0.30000000000000004"},
      {-2.5, "-2.5"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[EK_NUMBER_MAX];
    size_t n = ek_number_format(text, cases[i].number);
    assert_string_equal(text, cases[i].text);
    double back;
    assert_true(ek_number_parse(&back, text, n));
    assert_true(back == cases[i].number && signbit(back) == signbit(cases[i].number));
  }
}

/* Any double survives, and the fast path agrees with the C library. */
static void numbers_survive(void **state) {
  (void)state;
  uint64_t seed = 42;
  for (int i = 0; i < 100000; i++) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t bits = seed ^ seed >> 29;
    double number, back;
    memcpy(&number, &bits, sizeof number);
    if (!isfinite(number)) continue;
    if (i % 2 == 0) number = (double)(int64_t)(bits % 100000000) / 1000;
    char text[EK_NUMBER_MAX];
    size_t n = ek_number_format(text, number);
    assert_true(ek_number_parse(&back, text, n));
    assert_true(back == number);
    assert_true(strtod(text, NULL) == number);
  }
}

static void numbers_refuse(void **state) {
  (void)state;
  static const char *const wrong[] = {"",    "-",   "+",   ".",  "1.", ".5",   "1e",   "1e+",
                                      "0x1", "inf", "nan", " 1", "1 ", "1..2", "1.2.3"};
  double d;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_false(ek_number_parse(&d, wrong[i], strlen(wrong[i])));
  }
  assert_true(ek_number_parse(&d, "1e400", 5));
  assert_true(isinf(d));
  assert_true(ek_number_parse(&d, "123456789012345678901234567890", 30));
  assert_true(d == 123456789012345678901234567890.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_every_kind),
      cmocka_unit_test(keeps_integers),
      cmocka_unit_test(refuses),
      cmocka_unit_test(refuses_every_truncation),
      cmocka_unit_test(limits_depth),
      cmocka_unit_test(skips_values),
      cmocka_unit_test(keeps_nul_in_strings),
      cmocka_unit_test(writes),
      cmocka_unit_test(writes_shortest_numbers),
      cmocka_unit_test(numbers_survive),
      cmocka_unit_test(numbers_refuse),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* core/cbor.h: every form of every item, what is refused, and what is written. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/cbor.h"

static size_t from_hex(uint8_t *out, const char *hex) {
  size_t n = 0;
  for (; hex[0] != '\0'; hex += 2) {
    char two[3] = {hex[0], hex[1], '\0'};
    out[n++] = (uint8_t)strtoul(two, NULL, 16);
  }
  return n;
}

/* What a reader says of the bytes, as text: "[1 'a' {'k' t1 5}]". */
static void describe(char *out, size_t size, const char *hex) {
  static uint8_t bytes[65536];
  struct ek_cbor_reader r;
  size_t at = 0;
  enum ek_cbor_type t;
  ek_cbor_reader_init(&r, bytes, from_hex(bytes, hex), 8);
#define SAY(...) at += (size_t)snprintf(out + at, size - at, __VA_ARGS__)
  out[0] = '\0';
  while ((t = ek_cbor_next(&r)) > EK_CBOR_END) switch (t) {
    case EK_CBOR_NULL: SAY("null "); break;
    case EK_CBOR_TRUE: SAY("true "); break;
    case EK_CBOR_FALSE: SAY("false "); break;
    case EK_CBOR_INTEGER: SAY("%lld ", (long long)r.integer); break;
    case EK_CBOR_BIG:
      SAY("%s%llu ", r.negative ? "-1-" : "", (unsigned long long)r.argument);
      break;
    case EK_CBOR_NUMBER: SAY("%.17gf ", r.number); break;
    case EK_CBOR_TEXT: SAY("'%.*s' ", (int)r.string_len, r.string); break;
    case EK_CBOR_BYTES: SAY("h%zu ", r.string_len); break;
    case EK_CBOR_TAG: SAY("t%llu ", (unsigned long long)r.argument); break;
    case EK_CBOR_ARRAY_BEGIN: SAY("[ "); break;
    case EK_CBOR_ARRAY_END: SAY("] "); break;
    case EK_CBOR_MAP_BEGIN: SAY("{ "); break;
    default: SAY("} "); break;
    }
  if (t == EK_CBOR_ERROR) SAY("! %s", r.error.message);
#undef SAY
  assert_int_equal(t == EK_CBOR_ERROR, r.error.code != 0);
  ek_cbor_reader_fini(&r);
}

static void expect(const char *hex, const char *want) {
  char got[1024];
  describe(got, sizeof got, hex);
  assert_string_equal(got, want);
}

static void test_scalars(void **state) {
  (void)state;
  expect("00", "0 ");
  expect("17", "23 ");
  expect("1818", "24 ");
  expect("190100", "256 ");
  expect("1a00010000", "65536 ");
  expect("1b7fffffffffffffff", "9223372036854775807 ");
  expect("1b8000000000000000", "9223372036854775808 ");
  expect("20", "-1 ");
  expect("3903e7", "-1000 ");
  expect("3b7fffffffffffffff", "-9223372036854775808 ");
  expect("3bffffffffffffffff", "-1-18446744073709551615 ");
  expect("f4", "false ");
  expect("f5", "true ");
  expect("f6", "null ");
  expect("f7", "null ");
  expect("f90000", "0f ");
  expect("f98000", "-0f ");
  expect("f93c00", "1f ");
  expect("f97bff", "65504f ");
  expect("f90001", "5.9604644775390625e-08f ");
  expect("f9c400", "-4f ");
  expect("f97c00", "inff ");
  expect("f9fc00", "-inff ");
  expect("fa47c35000", "100000f ");
  expect("fb3ff199999999999a", "1.1000000000000001f ");
  expect("c11a514b67b0", "t1 1363896240 ");
  expect("d9ffff01", "t65535 1 ");
  struct ek_cbor_reader r;
  ek_cbor_reader_init(&r, "\xf9\x7e\x00", 3, 8);
  assert_int_equal(ek_cbor_next(&r), EK_CBOR_NUMBER);
  assert_true(isnan(r.number));
  ek_cbor_reader_fini(&r);
}

static void test_strings_and_levels(void **state) {
  (void)state;
  expect("60", "'' ");
  expect("6161", "'a' ");
  expect("7f616160626263ff", "'abc' ");
  expect("7fff", "'' ");
  expect("5f4101420203ff", "h3 ");
  expect("80", "[ ] ");
  expect("83018202039f0405ff", "[ 1 [ 2 3 ] [ 4 5 ] ] ");
  expect("9fff", "[ ] ");
  expect("a0", "{ } ");
  expect("a26161016162820203", "{ 'a' 1 'b' [ 2 3 ] } ");
  expect("bf61610161629f0203ffff", "{ 'a' 1 'b' [ 2 3 ] } ");
  expect("a16161c1fb41d452d9ec200000", "{ 'a' t1 1363896240.5f } ");
  expect("8181818181818181", "[ [ [ [ [ [ [ ! byte 9: an array goes beyond the end");
  expect("8181818181818180", "[ [ [ [ [ [ [ [ ] ] ] ] ] ] ] ] ");
}

static void test_refusals(void **state) {
  (void)state;
  static const struct {
    const char *hex, *message;
  } cases[] = {
      {"", "! byte 1: the end comes too early"},
      {"18", "! byte 1: the end comes too early"},
      {"1b00000000000000", "! byte 1: the end comes too early"},
      {"1c", "! byte 1: a length of no meaning"},
      {"1f", "! byte 2: a length of no meaning"},
      {"df", "! byte 2: a length of no meaning"},
      {"c1", "t1 ! byte 2: the end comes too early"},
      {"81c1", "[ t1 ! byte 3: the end comes too early"},
      {"9fc1ff", "[ t1 ! byte 4: a simple value of no meaning"},
      {"ff", "! byte 2: a simple value of no meaning"},
      {"e0", "! byte 2: a simple value of no meaning"},
      {"f8ff", "! byte 3: a simple value of no meaning"},
      {"0000", "0 ! byte 2: more behind the end"},
      {"6261", "! byte 2: a string goes beyond the end"},
      {"5bffffffffffffffff", "! byte 10: a string goes beyond the end"},
      {"61ff", "! byte 3: text that is not UTF-8"},
      {"7f61c361a9ff", "'\xc3\xa9' "},
      {"7f7fff", "! byte 3: a chunk of another type than its string"},
      {"5f6161ff", "! byte 3: a chunk of another type than its string"},
      {"7f6161", "! byte 4: the end comes too early"},
      {"9bffffffffffffffff", "! byte 10: an array goes beyond the end"},
      {"bb8000000000000000", "! byte 10: a map goes beyond the end"},
      {"bf6161ff", "{ 'a' ! byte 5: a key without a value"},
      {"9f", "[ ! byte 2: the end comes too early"},
      {"818181818181818180", "[ [ [ [ [ [ [ [ ! byte 10: nested too deeply"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect(cases[i].hex, cases[i].message);
}

static void test_skip(void **state) {
  (void)state;
  struct ek_cbor_reader r;
  /* [ {"a": [1, 1(2)]}, 7 ] */
  static const char bytes[] = "\x82\xbf\x61\x61\x82\x01\xc1\x02\xff\x07";
  ek_cbor_reader_init(&r, bytes, sizeof bytes - 1, 8);
  assert_int_equal(ek_cbor_next(&r), EK_CBOR_ARRAY_BEGIN);
  assert_int_equal(ek_cbor_next(&r), EK_CBOR_MAP_BEGIN);
  assert_int_equal(ek_cbor_skip(&r), 0);
  assert_int_equal(ek_cbor_next(&r), EK_CBOR_INTEGER);
  assert_int_equal(ek_cbor_skip(&r), 0);
  assert_int_equal(r.integer, 7);
  assert_int_equal(ek_cbor_next(&r), EK_CBOR_ARRAY_END);
  assert_int_equal(ek_cbor_next(&r), EK_CBOR_END);
  ek_cbor_reader_fini(&r);
  ek_cbor_reader_init(&r, "\xc1\xc2\x81\x01", 4, 8);
  assert_int_equal(ek_cbor_next(&r), EK_CBOR_TAG);
  assert_int_equal(ek_cbor_skip(&r), 0);
  assert_int_equal(ek_cbor_next(&r), EK_CBOR_END);
  ek_cbor_reader_fini(&r);
}

static void expect_written(struct ek_buf *b, const char *hex) {
  uint8_t want[64];
  size_t n = from_hex(want, hex);
  assert_int_equal(b->len, n);
  assert_memory_equal(b->data, want, n);
  ek_buf_clear(b);
}

static void test_writers(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  ek_cbor_write_integer(&b, 23);
  ek_cbor_write_integer(&b, 24);
  ek_cbor_write_integer(&b, 65536);
  expect_written(&b, "1718181a00010000");
  ek_cbor_write_integer(&b, -1);
  ek_cbor_write_integer(&b, INT64_MIN);
  expect_written(&b, "203b7fffffffffffffff");
  ek_cbor_write_null(&b);
  ek_cbor_write_boolean(&b, true);
  ek_cbor_write_boolean(&b, false);
  expect_written(&b, "f6f5f4");
  ek_cbor_write_number(&b, 1.1);
  ek_cbor_write_float(&b, 100000);
  expect_written(&b, "fb3ff199999999999afa47c35000");
  ek_cbor_write_number(&b, (double)NAN);
  ek_cbor_write_number(&b, (double)INFINITY);
  ek_cbor_write_float(&b, -INFINITY);
  expect_written(&b, "f97e00f97c00f9fc00");
  ek_cbor_write_map(&b, 1);
  ek_cbor_write_text(&b, "a", 1);
  ek_cbor_write_array(&b, 2);
  ek_cbor_write_bytes(&b, "\0", 1);
  ek_cbor_write_tag(&b, EK_CBOR_TAG_EPOCH);
  ek_cbor_write_integer(&b, 0);
  expect_written(&b, "a16161824100c100");
  ek_buf_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_scalars),  cmocka_unit_test(test_strings_and_levels),
      cmocka_unit_test(test_refusals), cmocka_unit_test(test_skip),
      cmocka_unit_test(test_writers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

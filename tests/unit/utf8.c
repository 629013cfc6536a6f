/* runtime/core/utf8.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/utf8.h"

/* Every scalar value survives, is valid, and its every other neighbour is not. */
static void all_scalar_values(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  for (uint32_t point = 0; point <= 0x10ffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    ek_buf_clear(&b);
    ek_utf8_append(&b, point);
    uint32_t back = 0;
    assert_int_equal(ek_utf8_decode(&back, b.data, b.len), b.len);
    assert_int_equal(back, point);
    assert_int_equal(ek_utf8_length(b.data, b.len - 1), 0);
  }
  ek_buf_fini(&b);
}

/* All two-byte and a grid of longer sequences: valid exactly if decoding and encoding agree. */
static void ill_formed(void **state) {
  (void)state;
  static const char *const wrong[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf0\x9f\x98",
                                      "\xff",
                                      "\xfe"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(ek_utf8_length(wrong[i], strlen(wrong[i])), 0);
    assert_false(ek_utf8_valid(wrong[i], strlen(wrong[i])));
  }
  assert_int_equal(ek_utf8_check("eight plain bytes \xc3\xa9 \xff", 22), 21);
  assert_true(ek_utf8_valid("", 0));
}

static size_t width(const char *s) {
  return ek_utf8_width(s, strlen(s));
}

static void widths(void **state) {
  (void)state;
  assert_int_equal(width(""), 0);
  assert_int_equal(width("plain"), 5);
  assert_int_equal(width("\xc3\xa9"), 1);                 /* e acute */
  assert_int_equal(width("e\xcc\x81"), 1);                /* e, combining acute */
  assert_int_equal(width("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* two ideographs */
  assert_int_equal(width("\xf0\x9f\x98\x80"), 2);         /* an emoji */
  assert_int_equal(width("\xe2\x9c\x93"), 1);             /* check mark */
  assert_int_equal(width("a\x1b\n"), 1);                  /* controls take none */
  assert_int_equal(width("\xff\xfe"), 2);                 /* ill-formed: one each */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_scalar_values),
      cmocka_unit_test(ill_formed),
      cmocka_unit_test(widths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* runtime/core/encode.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/encode.h"

static struct ek_buf b;

static const char *taken(void) {
  static char text[256];
  (void)snprintf(text, sizeof text, "%s", ek_buf_cstr(&b));
  ek_buf_fini(&b);
  return text;
}

/* RFC 4648, section 10 */
static void base64_vectors(void **state) {
  (void)state;
  static const char *const vectors[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    ek_base64_encode(&b, vectors[i][0], strlen(vectors[i][0]));
    assert_string_equal(taken(), vectors[i][1]);
    assert_int_equal(ek_base64_decode(&b, vectors[i][1], strlen(vectors[i][1]), NULL), 0);
    assert_string_equal(taken(), vectors[i][0]);
  }
  ek_base64_encode(&b, "\xfb\xff\xfe", 3);
  assert_string_equal(taken(), "+//+");
  ek_base64url_encode(&b, "\xfb\xff\xfe\x01", 4);
  assert_string_equal(taken(), "-__-AQ");
  assert_int_equal(ek_base64url_decode(&b, "-__-AQ", 6, NULL), 0);
  assert_string_equal(taken(), "\xfb\xff\xfe\x01");
}

static void base64_is_strict(void **state) {
  (void)state;
  static const char *const wrong[] = {"Z",        "Zg",   "Zg=",    "Zh==", "Zm9=", "====",
                                      "Zg==Zg==", "Zm 9", "Zm9v\n", "-__-", "Z===", "=Zg="};
  ek_buf_puts(&b, "kept");
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct ek_error e = {0};
    assert_int_equal(ek_base64_decode(&b, wrong[i], strlen(wrong[i]), &e), EK_ERR_SYNTAX);
    assert_int_equal(e.code, EK_ERR_SYNTAX);
    assert_int_equal(b.len, 4);
  }
  assert_int_equal(ek_base64url_decode(&b, "Zg==", 4, NULL), EK_ERR_SYNTAX);
  assert_int_equal(ek_base64url_decode(&b, "A", 1, NULL), EK_ERR_SYNTAX);
  assert_string_equal(taken(), "kept");
}

static void every_byte_survives(void **state) {
  (void)state;
  char all[256];
  for (int i = 0; i < 256; i++) all[i] = (char)i;
  struct ek_buf back = EK_BUF_INIT;
  for (size_t n = 250; n <= 256; n++) {
    ek_base64_encode(&b, all, n);
    assert_int_equal(ek_base64_decode(&back, b.data, b.len, NULL), 0);
    ek_buf_clear(&b);
    ek_hex_encode(&b, all, n);
    assert_int_equal(ek_hex_decode(&back, b.data, b.len, NULL), 0);
    ek_buf_clear(&b);
    ek_percent_encode(&b, all, n, true);
    assert_int_equal(ek_percent_decode(&back, b.data, b.len, NULL), 0);
    ek_buf_clear(&b);
    assert_int_equal(back.len, 3 * n);
    for (size_t i = 0; i < 3; i++) assert_memory_equal(back.data + i * n, all, n);
    ek_buf_clear(&back);
  }
  ek_buf_fini(&back);
  ek_buf_fini(&b);
}

static void hex(void **state) {
  (void)state;
  ek_hex_encode(&b, "\x00\xab\xff", 3);
  assert_string_equal(taken(), "00abff");
  assert_int_equal(ek_hex_decode(&b, "6A6b", 4, NULL), 0);
  assert_string_equal(taken(), "jk");
  assert_int_equal(ek_hex_decode(&b, "6a6", 3, NULL), EK_ERR_SYNTAX);
  assert_int_equal(ek_hex_decode(&b, "6a6g", 4, NULL), EK_ERR_SYNTAX);
  assert_int_equal(b.len, 0);
  ek_buf_fini(&b);
}

static void percent(void **state) {
  (void)state;
  ek_percent_encode(&b, "az/AZ09-._~ +&=%\xc3\xa9*", 19, false);
  assert_string_equal(taken(), "az%2FAZ09-._~%20%2B%26%3D%25%C3%A9%2A");
  ek_percent_encode(&b, "a/b c", 5, true);
  assert_string_equal(taken(), "a/b%20c");
  assert_int_equal(ek_percent_decode(&b, "a%2fb+%41", 9, NULL), 0);
  assert_string_equal(taken(), "a/b+A");
  static const char *const wrong[] = {"%", "%2", "a%2", "%zz", "%2z"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(ek_percent_decode(&b, wrong[i], strlen(wrong[i]), NULL), EK_ERR_SYNTAX);
  }
  ek_buf_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(base64_vectors),
      cmocka_unit_test(base64_is_strict),
      cmocka_unit_test(every_byte_survives),
      cmocka_unit_test(hex),
      cmocka_unit_test(percent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

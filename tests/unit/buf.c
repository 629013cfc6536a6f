/* runtime/core/buf.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/buf.h"

static void grows_and_keeps_bytes(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  for (int i = 0; i < 1000; i++) ek_buf_putc(&b, (char)('a' + i % 26));
  ek_buf_append(&b, "\0x", 2);
  ek_buf_printf(&b, "%s=%d", "n", 42);
  assert_int_equal(b.len, 1006);
  assert_memory_equal(b.data + 1000, "\0xn=42", 6);
  assert_int_equal(ek_buf_cstr(&b)[1006], 0);
  ek_buf_fini(&b);
  assert_null(b.data);
}

static void failure_is_sticky(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  ek_buf_puts(&b, "kept");
  assert_false(ek_buf_reserve(&b, SIZE_MAX));
  ek_buf_puts(&b, "lost");
  assert_true(b.failed);
  assert_int_equal(b.len, 4);
  ek_buf_fini(&b);
}

static void wipe_clears_all_capacity(void **state) {
  (void)state;
  struct ek_buf b = EK_BUF_INIT;
  ek_buf_puts(&b, "secret");
  char *data = b.data;
  ek_buf_wipe(&b);
  for (size_t i = 0; i < 6; i++) assert_int_equal(data[i], 0);
  ek_buf_fini(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grows_and_keeps_bytes),
      cmocka_unit_test(failure_is_sticky),
      cmocka_unit_test(wipe_clears_all_capacity),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

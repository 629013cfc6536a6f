/* runtime/core/wipe.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/wipe.h"

static void resize_keeps_what_stays(void **state) {
  (void)state;
  char *p = ek_wipe_resize(NULL, 0, 100);
  memset(p, 'x', 100);
  p = ek_wipe_resize(p, 100, 1000);
  for (int i = 0; i < 100; i++) assert_int_equal(p[i], 'x');
  p = ek_wipe_resize(p, 1000, 10);
  for (int i = 0; i < 10; i++) assert_int_equal(p[i], 'x');
  assert_null(ek_wipe_resize(p, 10, 0));
  assert_null(ek_wipe_resize(NULL, 0, 0));
}

/* The block stays where it is, so its owner will not think of what it gave up again. */
static void resize_wipes_the_tail_that_it_gives_up(void **state) {
  (void)state;
  char *p = ek_wipe_resize(NULL, 0, 100), *same;
  memset(p, 'x', 100);
  same = ek_wipe_resize(p, 100, 60);
  assert_ptr_equal(same, p);
  for (int i = 0; i < 100; i++) assert_int_equal(same[i], i < 60 ? 'x' : 0);
  (void)ek_wipe_resize(same, 60, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(resize_keeps_what_stays),
      cmocka_unit_test(resize_wipes_the_tail_that_it_gives_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* runtime/core/heap.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "core/heap.h"

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);

static bool no_memory;

void *__wrap_malloc(size_t n) {
  return no_memory ? NULL : __real_malloc(n);
}

static void resize_keeps_what_stays(void **state) {
  struct ek_heap h = EK_HEAP_INIT;
  (void)state;
  char *p = ek_heap_resize(&h, NULL, 0, 100);
  memset(p, 'x', 100);
  p = ek_heap_resize(&h, p, 100, 1000);
  for (int i = 0; i < 100; i++) assert_int_equal(p[i], 'x');
  p = ek_heap_resize(&h, p, 1000, 10);
  for (int i = 0; i < 10; i++) assert_int_equal(p[i], 'x');
  assert_null(ek_heap_resize(&h, p, 10, 0));
  assert_null(ek_heap_resize(&h, NULL, 0, 0));
  ek_heap_fini(&h);
}

/* The block stays where it is, so its owner will not think of what it gave up again. */
static void resize_wipes_the_tail_that_it_gives_up(void **state) {
  static const size_t sizes[][2] = {{1000, 600}, {32, 17}};
  struct ek_heap h = EK_HEAP_INIT;
  (void)state;
  for (int k = 0; k < 2; k++) {
    size_t had = sizes[k][0], n = sizes[k][1];
    char *p = ek_heap_resize(&h, NULL, 0, had), *same;
    memset(p, 'x', had);
    same = ek_heap_resize(&h, p, had, n);
    assert_ptr_equal(same, p);
    for (size_t i = 0; i < had; i++) assert_int_equal(same[i], i < n ? 'x' : 0);
    (void)ek_heap_resize(&h, same, n, 0);
  }
  ek_heap_fini(&h);
}

/* Every size from none to more than the lists have, in an order that uses them again. */
static void blocks_do_not_overlap(void **state) {
  enum { COUNT = 700 };
  static unsigned char *blocks[COUNT];
  struct ek_heap h = EK_HEAP_INIT;
  (void)state;
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < COUNT; i++) {
      size_t had = blocks[i] == NULL ? 0 : i + 1, n = round == 1 ? COUNT - i : i + 1;
      if (round == 2) had = COUNT - i;
      blocks[i] = ek_heap_resize(&h, blocks[i], had, n);
      assert_non_null(blocks[i]);
      assert_int_equal((uintptr_t)blocks[i] % 16, 0);
      memset(blocks[i], (int)(i % 251), n);
    }
    for (size_t i = 0; i < COUNT; i++) {
      size_t n = round == 1 ? COUNT - i : i + 1;
      for (size_t k = 0; k < n; k++) assert_int_equal(blocks[i][k], i % 251);
    }
  }
  for (size_t i = 0; i < COUNT; i++) blocks[i] = ek_heap_resize(&h, blocks[i], i + 1, 0);
  ek_heap_fini(&h);
}

/* Of a block on a list, only its link is not zero. */
static void what_is_given_back_is_overwritten(void **state) {
#if !defined(__SANITIZE_ADDRESS__)
  struct ek_heap h = EK_HEAP_INIT;
  char *p = ek_heap_resize(&h, NULL, 0, 64);
  memset(p, 's', 64);
  (void)ek_heap_resize(&h, p, 64, 0);
  char *again = ek_heap_resize(&h, NULL, 0, 64);
  assert_ptr_equal(again, p);
  for (size_t i = sizeof(void *); i < 64; i++) assert_int_equal(again[i], 0);
  (void)ek_heap_resize(&h, again, 64, 0);
  ek_heap_fini(&h);
#endif
  (void)state;
}

/* A block from malloc must go back to free, so it may not pass for one from a list. */
static void without_memory_a_block_stays_only_among_its_kind(void **state) {
  struct ek_heap h = EK_HEAP_INIT;
  (void)state;
  char *large = ek_heap_resize(&h, NULL, 0, 4000), *small = ek_heap_resize(&h, NULL, 0, 64);
  memset(large, 'x', 4000);
  while (h.left >= 16) assert_non_null(ek_heap_resize(&h, NULL, 0, 16)); /* gone with the heap */
  no_memory = true;
  assert_null(ek_heap_resize(&h, NULL, 0, 4000));
  assert_null(ek_heap_resize(&h, small, 64, 4000));
  assert_ptr_equal(ek_heap_resize(&h, small, 64, 20), small);
  assert_ptr_equal(ek_heap_resize(&h, large, 4000, 1000), large);
#if !defined(__SANITIZE_ADDRESS__)
  assert_null(ek_heap_resize(&h, large, 1000, 100));
#endif
  no_memory = false;
  for (size_t i = 0; i < 1000; i++) assert_int_equal(large[i], 'x');
  (void)ek_heap_resize(&h, large, 1000, 0);
  (void)ek_heap_resize(&h, small, 20, 0);
  ek_heap_fini(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(resize_keeps_what_stays),
      cmocka_unit_test(resize_wipes_the_tail_that_it_gives_up),
      cmocka_unit_test(blocks_do_not_overlap),
      cmocka_unit_test(what_is_given_back_is_overwritten),
      cmocka_unit_test(without_memory_a_block_stays_only_among_its_kind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

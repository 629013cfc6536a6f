/* runtime/core/suggest.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/suggest.h"

static const char *const names[] = {"describe_cluster",
                                    "describe_clusters",
                                    "delete_cluster",
                                    "create_cluster",
                                    "list_clusters",
                                    "tag_resource",
                                    "name",
                                    "names",
                                    "x"};

static const char *nearest(const char *name) {
  static char text[256];
  const char *best[EK_SUGGEST_MAX];
  size_t n = ek_suggest(best, EK_SUGGEST_MAX, name, names, sizeof names / sizeof *names), at = 0;
  text[0] = '\0';
  for (size_t i = 0; i < n; i++) {
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? " " : "", best[i]);
  }
  return text;
}

static void finds_the_nearest(void **state) {
  (void)state;
  assert_string_equal(nearest("descrbe_cluster"), "describe_cluster describe_clusters");
  assert_string_equal(nearest("nmae"), "name names");
  assert_string_equal(nearest("NAME"), "name");
  assert_string_equal(nearest("tag-resources"), "tag_resource");
  assert_string_equal(nearest("list_cluster"), "list_clusters");
  assert_string_equal(nearest("list"), "list_clusters");
  assert_string_equal(nearest("Tag-Resource-of-cluster"), "tag_resource");
}

static void finds_nothing_far(void **state) {
  (void)state;
  assert_string_equal(nearest("wholly_different_thing"), "");
  assert_string_equal(nearest(""), "");
  assert_string_equal(nearest("q"), "");
  assert_string_equal(nearest("tag"), ""); /* too short a beginning */
  char longest[300];
  memset(longest, 'a', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  assert_string_equal(nearest(longest), "");
}

static void keeps_to_max(void **state) {
  (void)state;
  const char *best[1] = {NULL};
  assert_int_equal(ek_suggest(best, 1, "names", names, sizeof names / sizeof *names), 1);
  assert_string_equal(best[0], "names");
  assert_int_equal(ek_suggest(best, 0, "names", names, 1), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_nearest),
      cmocka_unit_test(finds_nothing_far),
      cmocka_unit_test(keeps_to_max),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

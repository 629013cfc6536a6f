/* runtime/core/jmespath.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/jmespath.h"

static int parse(const char *text, struct ek_error *e) {
  struct ek_jmespath j;
  int status = ek_jmespath_parse(&j, text, strlen(text), e);
  ek_jmespath_fini(&j);
  return status;
}

static void refuses_and_says_where(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int code;
    const char *message;
  } cases[] = {
      {"", EK_ERR_SYNTAX, "jmespath: unexpected end at column 1"},
      {"a.", EK_ERR_SYNTAX, "jmespath: unexpected end at column 3"},
      {"a b", EK_ERR_SYNTAX, "jmespath: unexpected token at column 3"},
      {"a[1", EK_ERR_SYNTAX, "jmespath: expected ']', found the end, at column 4"},
      {"a = b", EK_ERR_SYNTAX, "jmespath: unexpected character at column 3"},
      {"'x", EK_ERR_SYNTAX, "jmespath: unclosed quote at column 1"},
      {"`[\"a`", EK_ERR_SYNTAX, "jmespath: literal that is not JSON at column 1"},
      {"a == `\\x`", EK_ERR_SYNTAX, "jmespath: literal that is not JSON at column 6"},
      {"`a", EK_ERR_SYNTAX, "jmespath: unclosed quote at column 1"},
      {"\"\\x\"", EK_ERR_SYNTAX, "jmespath: malformed quoted identifier at column 1"},
      {"a[99999999999]", EK_ERR_SYNTAX, "jmespath: number out of range at column 3"},
      {"a[::0]", EK_ERR_INVALID, "jmespath: slice with step 0 at column 3"},
      {"lenght(a)", EK_ERR_NOTFOUND, "jmespath: unknown function at column 1"},
      {"length(a, b)", EK_ERR_INVALID, "jmespath: length() takes 1 argument, not 2, at column 1"},
      {"length(&a)", EK_ERR_INVALID,
       "jmespath: length() takes no &expression as argument 1 at column 8"},
      {"sort_by(a, b)", EK_ERR_INVALID,
       "jmespath: sort_by() takes an &expression as argument 2 at column 12"},
      {"&a", EK_ERR_SYNTAX, "jmespath: &expression outside a function's arguments at column 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ek_error e = {0};
    assert_int_equal(parse(cases[i].text, &e), cases[i].code);
    assert_string_equal(e.message, cases[i].message);
  }
}

/* As the AWS CLI: a literal that is no JSON is a string without its quotes. */
static void takes_literals_without_quotes(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"`10.0.0.0/16`", "\"10.0.0.0/16\""},
      {"` \ta b `", "\"a b \""},
      {"``", "\"\""},
      {"`a\\`b`", "\"a`b\""},
      {"`a\\nb`", "\"a\\nb\""},
      {"`true`", "true"},
      {"` \"a\"`", " \"a\""},
      {"`01`", "\"01\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ek_jmespath j;
    assert_int_equal(ek_jmespath_parse(&j, cases[i][0], strlen(cases[i][0]), NULL), EK_OK);
    assert_int_equal(j.constant_count, 1);
    assert_int_equal(j.constants[0].len, strlen(cases[i][1]));
    assert_memory_equal(j.text.data + j.constants[0].offset, cases[i][1], j.constants[0].len);
    ek_jmespath_fini(&j);
  }
  struct ek_buf b = EK_BUF_INIT;
  ek_buf_putc(&b, '`');
  for (int i = 0; i < 100; i++) ek_buf_putc(&b, '[');
  ek_buf_putc(&b, '`');
  assert_int_equal(parse(ek_buf_cstr(&b), NULL), EK_ERR_LIMIT);
  ek_buf_fini(&b);
}

static void bounds_depth_and_length(void **state) {
  (void)state;
  static const char *const repeated[] = {"a.", "!", "(", "[", "[]", "a|", "*.", "a[?", "{a:"};
  for (size_t r = 0; r < sizeof repeated / sizeof *repeated; r++) {
    struct ek_buf b = EK_BUF_INIT;
    for (int i = 0; i < 5000; i++) ek_buf_puts(&b, repeated[r]);
    ek_buf_puts(&b, "a");
    struct ek_error e = {0};
    assert_int_equal(parse(ek_buf_cstr(&b), &e), EK_ERR_LIMIT);
    assert_non_null(strstr(e.message, "too deep"));
    ek_buf_fini(&b);
  }
  struct ek_jmespath j;
  struct ek_buf b = EK_BUF_INIT;
  for (int i = 0; i <= EK_JMESPATH_TEXT_MAX; i++) ek_buf_putc(&b, 'a');
  assert_int_equal(ek_jmespath_parse(&j, b.data, b.len, NULL), EK_ERR_LIMIT);
  ek_jmespath_fini(&j);
  ek_buf_fini(&b);
}

static void keeps_nothing_of_the_text(void **state) {
  (void)state;
  char text[] = "\"a\\u0062\".'it\\'s'";
  struct ek_jmespath j;
  assert_int_equal(ek_jmespath_parse(&j, text, strlen("\"a\\u0062\""), NULL), EK_OK);
  memset(text, 'x', sizeof text - 1);
  assert_int_equal(j.constant_count, 1);
  assert_int_equal(j.constants[0].len, 2);
  assert_memory_equal(j.text.data + j.constants[0].offset, "ab", 2);
  assert_int_equal(j.nodes[j.root].type, EK_JMESPATH_FIELD);
  ek_jmespath_fini(&j);
}

/* Every prefix of a text with all of the grammar in it is parsed or refused. */
static void takes_any_prefix(void **state) {
  (void)state;
  static const char text[] =
      "a.\"b\"[0][-1:2:3][900:-900:-1][*].c[].{d: e, f: `{\"x\": [1]}`}[?g == 'h' && !(i "
      "|| j)].*.[k, sort_by(@, &l)] | max_by(m, &n.o)";
  for (size_t n = 0; n < sizeof text; n++) {
    struct ek_jmespath j;
    int status = ek_jmespath_parse(&j, text, n, NULL);
    if (n == sizeof text - 1) assert_int_equal(status, EK_OK);
    ek_jmespath_fini(&j);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(refuses_and_says_where),  cmocka_unit_test(takes_literals_without_quotes),
      cmocka_unit_test(bounds_depth_and_length), cmocka_unit_test(keeps_nothing_of_the_text),
      cmocka_unit_test(takes_any_prefix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* runtime/core/endpoint: rules and partitions, from text to answer; texts and images that are
 * wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/endpoint/endpoint.h"
#include "core/modelc/compile.h"

/* A rule set with these parameters and rules, '"' written as '`'. */
static int compile(struct ek_buf *out, const char *parameters, const char *rules,
                   struct ek_error *e) {
  struct ek_buf text = EK_BUF_INIT;
  ek_buf_printf(&text, "{`version`:`1.0`,`parameters`:{%s},`rules`:[%s]}", parameters, rules);
  for (size_t i = 0; i < text.len; i++)
    if (text.data[i] == '`') text.data[i] = '"';
  int code = ek_rules_compile(out, text.data, text.len, e);
  ek_buf_fini(&text);
  return code;
}

static void own_partitions(struct ek_partitions *p) {
  struct ek_error e = {0};
  if (ek_partitions_open(p, ek_partitions_image[0].data, ek_partitions_image[0].size, &e) != 0)
    fail_msg("%s", e.message);
}

static struct ek_endpoint_value of_string(const char *s) {
  return (struct ek_endpoint_value){.type = EK_RULES_STRING, .text = {s, strlen(s)}};
}

/* What rules over the string parameters A and B make of values for them; NULL: not given. */
static const char *evaluate(const char *rules, const char *a, const char *b) {
  static char result[2048];
  struct ek_error e = {0};
  struct ek_buf image = EK_BUF_INIT;
  struct ek_rules opened;
  struct ek_partitions partitions;
  struct ek_endpoint v;
  const struct ek_rules_rule *rule;
  own_partitions(&partitions);
  if (compile(&image, "`A`:{`type`:`string`},`B`:{`type`:`String`}", rules, &e) != 0)
    fail_msg("%s: %s", rules, e.message);
  assert_int_equal(ek_rules_open(&opened, image.data, image.len, &e), 0);
  ek_endpoint_init(&v, &opened, &partitions);
  if (a != NULL) v.parameters[0] = of_string(a);
  if (b != NULL) v.parameters[1] = of_string(b);
  int code = ek_endpoint_resolve(&v, &rule, &e);
  if (code != 0) {
    (void)snprintf(result, sizeof result, "%s", e.message);
  } else {
    struct ek_endpoint_value value = ek_endpoint_evaluate(&v, rule->value);
    assert_int_equal(value.type, EK_RULES_STRING);
    (void)snprintf(result, sizeof result, "%s%.*s", rule->kind == EK_RULE_ERROR ? "error: " : "",
                   (int)value.text.len, value.text.data);
  }
  ek_endpoint_fini(&v);
  ek_buf_fini(&image);
  return result;
}

#define ENDPOINT(conditions, url) \
  "{`type`:`endpoint`,`conditions`:[" conditions "],`endpoint`:{`url`:`" url "`}}"
#define ERROR(conditions, text) "{`type`:`error`,`conditions`:[" conditions "],`error`:`" text "`}"
#define TREE(conditions, rules) "{`type`:`tree`,`conditions`:[" conditions "],`rules`:[" rules "]}"
#define A                       "{`ref`:`A`}"
#define CALL(f, a)              "{`fn`:`" f "`,`argv`:[" a "]}"
#define SET(x)                  CALL("isSet", x)

static void test_first_rule_that_applies(void **state) {
  (void)state;
  const char *rules = ENDPOINT(SET(A) "," SET("{`ref`:`B`}"), "{A}-{B}") "," ENDPOINT(
      SET(A), "{A}") "," ERROR("", "none of {{A}} and {{B}}");
  assert_string_equal(evaluate(rules, "a", "b"), "a-b");
  assert_string_equal(evaluate(rules, "a", NULL), "a");
  assert_string_equal(evaluate(rules, "", NULL), "");
  assert_string_equal(evaluate(rules, NULL, "b"), "error: none of {A} and {B}");
}

static void test_tree_is_not_left(void **state) {
  (void)state;
  const char *rules =
      TREE(SET(A), TREE(SET("{`ref`:`B`}"), ENDPOINT(SET(A), "both"))) "," ENDPOINT("", "last");
  assert_string_equal(evaluate(rules, "a", "b"), "both");
  assert_string_equal(evaluate(rules, NULL, "b"), "last");
  assert_string_equal(evaluate(rules, "a", NULL), "no endpoint rule applies");
}

static void test_what_is_not_set_equals_nothing(void **state) {
  (void)state;
  const char *same =
      ENDPOINT(CALL("stringEquals", A ",{`ref`:`B`}"), "same") "," ENDPOINT("", "different");
  assert_string_equal(evaluate(same, NULL, NULL), "different");
  assert_string_equal(evaluate(same, "x", "x"), "same");
  assert_string_equal(evaluate(same, "x", "xy"), "different");
  const char *unset =
      ENDPOINT(CALL("not", CALL("stringEquals", A ",`a`")), "not a") "," ENDPOINT("", "a");
  assert_string_equal(evaluate(unset, "a", NULL), "a");
  assert_string_equal(evaluate(unset, NULL, NULL), "not a");
}

static void test_functions(void **state) {
  (void)state;
  const struct {
    const char *conditions, *url, *a, *want;
  } cases[] = {
      {CALL("isValidHostLabel", A ",false"), "y", "a-1", "y"},
      {CALL("isValidHostLabel", A ",false"), "y", "a.b", "n"},
      {CALL("isValidHostLabel", A ",true"), "y", "a.b", "y"},
      {CALL("isValidHostLabel", A ",true"), "y", "a..b", "n"},
      {CALL("isValidHostLabel", A ",true"), "y", "a.b.", "n"},
      {CALL("isValidHostLabel", A ",true"), "y", "a.-b", "n"},
      {CALL("aws.isVirtualHostableS3Bucket", A ",false"), "y", "abc", "y"},
      {CALL("aws.isVirtualHostableS3Bucket", A ",false"), "y", "ab", "n"},
      {CALL("aws.isVirtualHostableS3Bucket", A ",false"), "y", "aBc", "n"},
      {CALL("aws.isVirtualHostableS3Bucket", A ",true"), "y", "192.168.0.1", "n"},
      {CALL("aws.isVirtualHostableS3Bucket", A ",true"), "y", "192.168.0.1.x", "y"},
      {"{`fn`:`substring`,`argv`:[" A ",0,2,true],`assign`:`s`}", "{s}", "abc", "bc"},
      {"{`fn`:`substring`,`argv`:[" A ",1,3,false],`assign`:`s`}", "{s}", "abc", "bc"},
      {"{`fn`:`substring`,`argv`:[" A ",1,4,false],`assign`:`s`}", "{s}", "abc", "n"},
      {"{`fn`:`substring`,`argv`:[" A ",0,1,false],`assign`:`s`}", "{s}", "a\xc3\xa4", "n"},
      {"{`fn`:`uriEncode`,`argv`:[" A "],`assign`:`s`}", "{s}", "a/b c~", "a%2Fb%20c~"},
      {"{`fn`:`aws.parseArn`,`argv`:[" A "],`assign`:`x`}",
       "{x#partition}|{x#service}|{x#region}|{x#accountId}|{x#resourceId[1]}",
       "arn:p:s:::type:id/more", "p|s|||id"},
      {"{`fn`:`aws.parseArn`,`argv`:[" A "],`assign`:`x`}", "{x#service}", "arn:p:s::x:", "n"},
      {"{`fn`:`aws.parseArn`,`argv`:[" A "],`assign`:`x`}", "{x#service}", "arn:p:s:r:x", "n"},
      {"{`fn`:`aws.partition`,`argv`:[" A "],`assign`:`x`}", "{x#name} {x#dnsSuffix}", "cn-new-7",
       "aws-cn amazonaws.com.cn"},
      {"{`fn`:`aws.partition`,`argv`:[" A "],`assign`:`x`}", "{x#name}", "us-gov-west-1",
       "aws-us-gov"},
      {"{`fn`:`aws.partition`,`argv`:[" A "],`assign`:`x`}", "{x#name}", "us-isob-east-1",
       "aws-iso-b"},
      {"{`fn`:`aws.partition`,`argv`:[" A "],`assign`:`x`}", "{x#name}", "nowhere", "aws"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char rules[512];
    (void)snprintf(
        rules, sizeof rules,
        "{`type`:`endpoint`,`conditions`:[%s],`endpoint`:{`url`:`%s`}}," ENDPOINT("", "n"),
        cases[i].conditions, cases[i].url);
    assert_string_equal(evaluate(rules, cases[i].a, NULL), cases[i].want);
  }
}

static void test_urls(void **state) {
  (void)state;
  const char *rules =
      "{`type`:`tree`,`conditions`:[{`fn`:`parseURL`,`argv`:[" A
      "],`assign`:`u`}],`rules`:[" ENDPOINT(
          CALL("booleanEquals", "true," CALL("getAttr", "{`ref`:`u`},`isIp`")),
          "ip {u#authority}") "," ENDPOINT("", "{u#scheme} {u#authority} {u#path} "
                                               "{u#normalizedPath}") "]}," ENDPOINT("", "n");
  assert_string_equal(evaluate(rules, "https://h.x/a/b", NULL), "https h.x /a/b /a/b/");
  assert_string_equal(evaluate(rules, "http://h:80", NULL), "http h:80  /");
  assert_string_equal(evaluate(rules, "http://h/a/../../b//./c", NULL),
                      "http h /a/../../b//./c /b/c/");
  assert_string_equal(evaluate(rules, "http://h/%C3\xa4", NULL), "http h /%C3\xa4 /%C3%A4/");
  assert_string_equal(evaluate(rules, "http://127.0.0.1:8000/", NULL), "ip 127.0.0.1:8000");
  assert_string_equal(evaluate(rules, "http://[::1]:80", NULL), "ip [::1]:80");
  const char *bad[] = {"ftp://h",   "http:/h",     "http://",   "http://:80",   "http://h:x",
                       "http://h?", "http://h/#f", "http://h ", "http",         "http://h:65536",
                       "://h",      "http://[::1", "",          "http://[::1]x"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_string_equal(evaluate(rules, bad[i], NULL), "n");
}

static void test_long_texts_go_to_the_heap(void **state) {
  (void)state;
  char a[700], want[2101];
  memset(a, '/', sizeof a - 1);
  a[sizeof a - 1] = '\0';
  for (size_t i = 0; i < sizeof a - 1; i++) memcpy(want + 3 * i, "%2F", 4);
  const char *got = evaluate("{`type`:`endpoint`,`conditions`:[{`fn`:`uriEncode`,`argv`:[" A
                             "],`assign`:`s`},{`fn`:`uriEncode`,`argv`:[`{A}`],`assign`:`t`}],"
                             "`endpoint`:{`url`:`{t}`}}",
                             a, NULL);
  assert_memory_equal(got, want, 2047);
}

static void test_parameters(void **state) {
  (void)state;
  struct ek_error e = {0};
  struct ek_buf image = EK_BUF_INIT;
  struct ek_rules opened;
  struct ek_partitions partitions;
  struct ek_endpoint v;
  const struct ek_rules_rule *rule;
  own_partitions(&partitions);
  assert_int_equal(
      compile(&image,
              "`N`:{`type`:`string`,`required`:true},"
              "`F`:{`type`:`boolean`,`required`:true,`default`:true},"
              "`L`:{`type`:`stringArray`,`required`:true,`default`:[`x`,`y`]}",
              ENDPOINT(CALL("booleanEquals", "{`ref`:`F`},true") ",{`fn`:`getAttr`,`argv`:[{`ref`:"
                                                                 "`L`},`[1]`],`assign`:`l`}",
                       "{N}-{l}"),
              &e),
      0);
  assert_int_equal(ek_rules_open(&opened, image.data, image.len, &e), 0);

  ek_endpoint_init(&v, &opened, &partitions);
  assert_int_equal(ek_endpoint_resolve(&v, &rule, &e), EK_ERR_INVALID);
  assert_string_equal(e.message, "endpoint parameter 'N' is required");

  v.parameters[0] = (struct ek_endpoint_value){.type = EK_RULES_BOOLEAN, .boolean = true};
  assert_int_equal(ek_endpoint_resolve(&v, &rule, &e), EK_ERR_INVALID);
  assert_string_equal(e.message, "endpoint parameter 'N' must be a string, not a boolean");

  v.parameters[0] = of_string("n");
  assert_int_equal(ek_endpoint_resolve(&v, &rule, &e), 0);
  struct ek_endpoint_value url = ek_endpoint_evaluate(&v, rule->value);
  assert_memory_equal(url.text.data, "n-y", url.text.len);

  const struct ek_endpoint_text items[] = {{"a", 1}};
  v.parameters[2] = (struct ek_endpoint_value){.type = EK_RULES_STRINGS, .list = {items, 0, 1}};
  assert_int_equal(ek_endpoint_resolve(&v, &rule, &e), EK_ERR_NOTFOUND);
  ek_endpoint_fini(&v);
  ek_buf_fini(&image);
}

static void test_malformed_rules(void **state) {
  (void)state;
  const struct {
    const char *rules, *message;
  } cases[] = {
      {"", "there are no rules"},
      {"{`type`:`odd`,`conditions`:[]}", "type 'odd' is not known"},
      {"{`type`:`tree`,`conditions`:[],`rules`:[]}", "there are no rules"},
      {"{`type`:`endpoint`,`conditions`:[],`endpoint`:{}}", "the endpoint's url is missing"},
      {"{`type`:`endpoint`,`conditions`:{},`endpoint`:{`url`:``}}", "conditions are no list"},
      {ENDPOINT(CALL("booleanEquals", ""), "u"), "booleanEquals takes 2 arguments, not 0"},
      {ENDPOINT(CALL("isOdd", A), "u"), "function 'isOdd' is not known"},
      {ENDPOINT(CALL("not", A), "u"), "argument 1 of not has the wrong type"},
      {ENDPOINT(CALL("getAttr", A ",`x`"), "u"), "there is no attribute 'x'"},
      {ENDPOINT(CALL("getAttr", A ",`[0]`"), "u"), "only a list has elements"},
      {ENDPOINT("", "{C}"), "'C' is neither a parameter nor a variable"},
      {ENDPOINT("", "{A"), "a '{' is not closed"},
      {ENDPOINT("", "A}"), "a '}' stands alone"},
      {ENDPOINT("{`fn`:`isSet`,`argv`:[" A "],`assign`:`A`}", "u"), "'A' is assigned twice"},
      {ENDPOINT("{`fn`:`isSet`,`argv`:[" A "],`assign`:`x`}", "{x}"), "is not a string"},
      /* Not visible in the next rule. */
      {ERROR("{`fn`:`aws.parseArn`,`argv`:[" A "],`assign`:`x`}", "e") "," ENDPOINT("",
                                                                                    "{x#region}"),
       "rules[1]: 'x' is neither a parameter nor a variable"},
      {"{`type`:`endpoint`,`conditions`:[],`endpoint`:{`url`:`u`,`headers`:{`h`:`v`}}}",
       "header 'h' is no list"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct ek_error e = {0};
    struct ek_buf image = EK_BUF_INIT;
    assert_int_equal(compile(&image, "`A`:{`type`:`string`}", cases[i].rules, &e), EK_ERR_INVALID);
    if (strstr(e.message, cases[i].message) == NULL)
      fail_msg("got '%s', want '%s'", e.message, cases[i].message);
    ek_buf_fini(&image);
  }
  struct ek_error e = {0};
  struct ek_buf image = EK_BUF_INIT;
  assert_int_equal(compile(&image, "`A`:{`type`:`float`}", ENDPOINT("", "u"), &e), EK_ERR_INVALID);
  assert_int_equal(compile(&image, "`A`:{`type`:`string`,`default`:true}", ENDPOINT("", "u"), &e),
                   EK_ERR_INVALID);
  ek_buf_fini(&image);
}

static void test_patterns(void **state) {
  (void)state;
  const char *good[] = {"^x$", "^(us|eu)\\-\\w+\\-\\d+$", "^a\\.\\d+b$", "^$"};
  const char *bad[] = {"",        "x$",         "^x",          "^a-b$",     "^a.b$",   "^\\w$",
                       "^\\w+a$", "^\\d+\\d+$", "^(a|ab)$",    "^(a|)$",    "^()$",    "^(a$",
                       "^\\s+$",  "^x$y",       "^\\w+(a|b)$", "^\\w+\\_$", "^(a-b)$", "^\\"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    assert_null(ek_partitions_check_pattern(good[i]));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (ek_partitions_check_pattern(bad[i]) == NULL) fail_msg("took %s", bad[i]);
}

static void test_regions(void **state) {
  (void)state;
  static const char text[] =
      "{\"partitions\":[{\"id\":\"one\",\"regionRegex\":\"^(aa|b)\\\\-\\\\w+\\\\-\\\\d+$\","
      "\"outputs\":{\"dnsSuffix\":\"one.com\",\"supportsFIPS\":true},"
      "\"regions\":{\"b-own-1\":{\"dnsSuffix\":\"own.com\"},\"aa-x-1\":{}}},"
      "{\"id\":\"two\",\"regionRegex\":\"^c\\\\d+$\",\"outputs\":{\"dnsSuffix\":\"two.com\"},"
      "\"regions\":[\"local\"]}]}";
  struct ek_error e = {0};
  struct ek_buf image = EK_BUF_INIT;
  struct ek_partitions p;
  if (ek_partitions_compile(&image, text, sizeof text - 1, &e) != 0) fail_msg("%s", e.message);
  assert_int_equal(ek_partitions_open(&p, image.data, image.len, &e), 0);
  const struct {
    const char *region, *suffix;
  } cases[] = {{"b-own-1", "own.com"}, {"b-own-2", "one.com"}, {"aa-x-1", "one.com"},
               {"local", "two.com"},   {"c12", "two.com"},     {"c", "one.com"},
               {"locals", "one.com"},  {"", "one.com"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct ek_partition *found =
        ek_partitions_find(&p, cases[i].region, strlen(cases[i].region));
    assert_string_equal(ek_partitions_string(&p, found->dns_suffix), cases[i].suffix);
  }
  assert_string_equal(ek_partitions_string(&p, ek_partitions_find(&p, "c1\0x", 4)->name), "one");
  assert_true(ek_partitions_find(&p, "b-own-1", 7)->supports_fips);
  ek_buf_fini(&image);
  static const char bad[] = "{\"partitions\":[{\"id\":\"x\",\"regionRegex\":\"^a.b$\",\"outputs\":{"
                            "\"dnsSuffix\":\"x\"}}]}";
  assert_int_equal(ek_partitions_compile(&image, bad, sizeof bad - 1, &e), EK_ERR_INVALID);
  ek_buf_fini(&image);
}

/* Evaluates every rule of an image with every parameter given. */
static void evaluate_all(const struct ek_rules *r, const struct ek_partitions *p) {
  static const char *const texts[] = {"us-east-1", "arn:aws:s3:us-west-2:1:accesspoint/x",
                                      "https://h.example/p"};
  struct ek_endpoint v;
  struct ek_error e;
  const struct ek_rules_rule *rule;
  for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
    ek_endpoint_init(&v, r, p);
    for (uint32_t i = 0; i < ek_rules_count(r, EK_RULES_PARAMETERS); i++)
      if (r->parameters[i].type == EK_RULES_STRING) v.parameters[i] = of_string(texts[t]);
    if (ek_endpoint_resolve(&v, &rule, &e) == 0) (void)ek_endpoint_evaluate(&v, rule->value);
    for (uint32_t i = 0; i < ek_rules_count(r, EK_RULES_NODES); i++)
      (void)ek_endpoint_evaluate(&v, i);
    ek_endpoint_fini(&v);
  }
}

static void test_embedded(void **state) {
  (void)state;
  struct ek_partitions p;
  own_partitions(&p);
  assert_true(ek_endpoints_count >= 30);
  for (size_t i = 0; i < ek_endpoints_count; i++) {
    struct ek_rules r;
    struct ek_error e = {0};
    if (ek_rules_open(&r, ek_endpoints[i].data, ek_endpoints[i].size, &e) != 0)
      fail_msg("%s: %s", ek_endpoints[i].name, e.message);
    evaluate_all(&r, &p);
  }
}

/* An image that opens is safe to evaluate, whatever was done to it. */
static void test_damaged_images(void **state) {
  (void)state;
  struct ek_partitions p;
  own_partitions(&p);
  for (size_t i = 0; i < ek_endpoints_count; i++) {
    const struct ek_embedded *image = &ek_endpoints[i];
    if (strcmp(image->name, "sts") != 0 && strcmp(image->name, "eks") != 0) continue;
    char *copy = malloc(image->size);
    assert_non_null(copy);
    for (size_t at = 0; at < image->size; at++) {
      static const unsigned char masks[] = {0x01, 0x80, 0xff};
      for (size_t m = 0; m < sizeof masks; m++) {
        struct ek_rules r;
        memcpy(copy, image->data, image->size);
        copy[at] = (char)((unsigned char)copy[at] ^ masks[m]);
        if (ek_rules_open(&r, copy, image->size, NULL) == 0) evaluate_all(&r, &p);
      }
    }
    for (size_t size = 0; size < image->size; size += 7) {
      struct ek_rules r;
      memcpy(copy, image->data, size);
      assert_int_equal(ek_rules_open(&r, copy, size, NULL), EK_ERR_INVALID);
    }
    free(copy);
  }
}

static void test_damaged_partitions(void **state) {
  (void)state;
  const struct ek_embedded *image = &ek_partitions_image[0];
  char *copy = malloc(image->size);
  assert_non_null(copy);
  for (size_t at = 0; at < image->size; at++) {
    struct ek_partitions p;
    memcpy(copy, image->data, image->size);
    copy[at] = (char)(copy[at] ^ 0x11);
    if (ek_partitions_open(&p, copy, image->size, NULL) != 0) continue;
    const struct ek_partition *found = ek_partitions_find(&p, "eu-west-1", 9);
    assert_non_null(ek_partitions_string(&p, found->dns_suffix));
  }
  free(copy);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_first_rule_that_applies),
      cmocka_unit_test(test_tree_is_not_left),
      cmocka_unit_test(test_what_is_not_set_equals_nothing),
      cmocka_unit_test(test_functions),
      cmocka_unit_test(test_urls),
      cmocka_unit_test(test_long_texts_go_to_the_heap),
      cmocka_unit_test(test_parameters),
      cmocka_unit_test(test_malformed_rules),
      cmocka_unit_test(test_patterns),
      cmocka_unit_test(test_regions),
      cmocka_unit_test(test_embedded),
      cmocka_unit_test(test_damaged_images),
      cmocka_unit_test(test_damaged_partitions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

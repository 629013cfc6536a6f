/* runtime/core/xml.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/buf.h"
#include "core/xml.h"

static struct ek_xml *doc;

static int set_up(void **state) {
  (void)state;
  doc = ek_xml_new();
  return doc == NULL;
}

static int tear_down(void **state) {
  (void)state;
  ek_xml_free(doc);
  return 0;
}

/* name[@attr=value]='text'(children) */
static void print_node(struct ek_buf *out, const struct ek_xml_node *node) {
  assert_int_equal(node->name_len, strlen(node->name));
  ek_buf_puts(out, node->name);
  for (const struct ek_xml_attr *a = node->attrs; a != NULL; a = a->next) {
    ek_buf_printf(out, "[@%s=%s]", a->name, a->value);
  }
  if (node->text_len > 0) ek_buf_printf(out, "='%.*s'", (int)node->text_len, node->text);
  assert_int_equal(node->text[node->text_len], 0);
  if (node->child == NULL) return;
  ek_buf_putc(out, '(');
  for (const struct ek_xml_node *child = node->child; child != NULL; child = child->next) {
    if (child != node->child) ek_buf_putc(out, ' ');
    print_node(out, child);
  }
  ek_buf_putc(out, ')');
}

static const char *tree(const char *text) {
  static struct ek_buf out;
  struct ek_error e = {0};
  ek_buf_clear(&out);
  if (ek_xml_parse(doc, text, strlen(text), &e) != 0) {
    assert_null(ek_xml_root(doc));
    ek_buf_printf(&out, "! %s", e.message);
  } else {
    print_node(&out, ek_xml_root(doc));
  }
  return ek_buf_cstr(&out);
}

static void reads_trees(void **state) {
  (void)state;
  assert_string_equal(
      tree("<?xml version='1.0' encoding='UTF-8'?>\n<a xmlns='urn:x'>\n  <b>1</b>\n  <c/>\n</a>\n"),
      "a(b='1' c)");
  assert_string_equal(tree("<a>x&lt;y&amp;&#233;&#x1F600;<![CDATA[<raw>&]]> z</a>"),
                      "a='x<y&\xc3\xa9\xf0\x9f\x98\x80<raw>& z'");
  assert_string_equal(tree("<a> </a>"), "a=' '");
  assert_string_equal(tree("<a>one<b/> <!-- c -->two<?pi?></a>"), "a='one two'(b)");
  assert_string_equal(tree("<s:E xmlns:s='urn:s' xmlns='urn:d'><s:Body x='1' s:y='2'/></s:E>"),
                      "E(Body[@x=1][@y=2])");
  assert_string_equal(tree("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>"),
                      "a='\xc3\xa9'");
  assert_string_equal(tree("<a>l1\r\nl2</a>"), "a='l1\nl2'");
}

static void shares_names(void **state) {
  (void)state;
  const char text[] = "<set><item/><item/></set>";
  assert_int_equal(ek_xml_parse(doc, text, sizeof text - 1, NULL), 0);
  const struct ek_xml_node *first = ek_xml_root(doc)->child;
  assert_ptr_equal(first->name, first->next->name);
}

static void grows(void **state) {
  (void)state;
  struct ek_buf text = EK_BUF_INIT;
  ek_buf_puts(&text, "<all>");
  for (int i = 0; i < 5000; i++) ek_buf_printf(&text, "<n%d>%d</n%d>", i, i, i);
  ek_buf_puts(&text, "<big>");
  for (int i = 0; i < 300000; i++) ek_buf_putc(&text, 'x');
  ek_buf_puts(&text, "</big></all>");
  assert_int_equal(ek_xml_parse(doc, text.data, text.len, NULL), 0);
  const struct ek_xml_node *node = ek_xml_root(doc)->child;
  for (int i = 0; i < 5000; i++, node = node->next) {
    char name[16];
    (void)snprintf(name, sizeof name, "n%d", i);
    assert_string_equal(node->name, name);
    assert_string_equal(node->text, name + 1);
  }
  assert_int_equal(node->text_len, 300000);
  ek_buf_fini(&text);
}

static void refuses(void **state) {
  (void)state;
  assert_string_equal(tree("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>"),
                      "! xml: line 1: document type declarations are refused");
  assert_string_equal(tree("<!DOCTYPE a><a/>"),
                      "! xml: line 1: document type declarations are refused");
  assert_string_equal(tree("<a>\n<b></a>"), "! xml: line 2: mismatched tag");
  static const char *const wrong[] = {"",
                                      " ",
                                      "x",
                                      "<a>",
                                      "<a/><b/>",
                                      "<a>&unknown;</a>",
                                      "<a>\xff</a>",
                                      "<a>\xed\xa0\x80</a>",
                                      "<a b=1/>",
                                      "<a>&#0;</a>",
                                      "<a>]]></a>"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(tree(wrong[i])[0], '!');
  }
  /* and a document of use afterwards */
  assert_string_equal(tree("<a/>"), "a");
}

static void limits(void **state) {
  (void)state;
  struct ek_buf text = EK_BUF_INIT;
  struct ek_error e;
  for (int depth = EK_XML_DEPTH_MAX; depth <= EK_XML_DEPTH_MAX + 1; depth++) {
    ek_buf_clear(&text);
    for (int i = 0; i < depth; i++) ek_buf_puts(&text, "<a>");
    for (int i = 0; i < depth; i++) ek_buf_puts(&text, "</a>");
    assert_int_equal(ek_xml_parse(doc, text.data, text.len, &e),
                     depth > EK_XML_DEPTH_MAX ? EK_ERR_LIMIT : 0);
  }
  for (int count = EK_XML_ATTRS_MAX; count <= EK_XML_ATTRS_MAX + 1; count++) {
    ek_buf_clear(&text);
    ek_buf_puts(&text, "<a");
    for (int i = 0; i < count; i++) ek_buf_printf(&text, " a%d=''", i);
    ek_buf_puts(&text, "/>");
    assert_int_equal(ek_xml_parse(doc, text.data, text.len, &e),
                     count > EK_XML_ATTRS_MAX ? EK_ERR_LIMIT : 0);
  }
  ek_buf_fini(&text);
  assert_int_equal(ek_xml_parse(doc, "", EK_XML_SIZE_MAX + 1, &e), EK_ERR_LIMIT);
}

/* Three times what is given to expat at once, between these. */
static int parse_long(const char *before, const char *behind, size_t *text_len) {
  struct ek_buf text = EK_BUF_INIT;
  struct ek_error e;
  ek_buf_puts(&text, before);
  for (int i = 0; i < 3 * EK_XML_TAG_MAX / 8; i++) ek_buf_puts(&text, "abcdefgh");
  ek_buf_puts(&text, behind);
  int rc = ek_xml_parse(doc, text.data, text.len, &e);
  *text_len = rc == 0 ? ek_xml_root(doc)->text_len : 0;
  ek_buf_fini(&text);
  return rc;
}

static void a_long_tag_is_refused_a_long_text_is_not(void **state) {
  size_t len;
  (void)state;
  assert_int_equal(parse_long("<a>", "</a>", &len), 0);
  assert_int_equal(len, 3 * EK_XML_TAG_MAX);
  assert_int_equal(parse_long("<a><![CDATA[", "]]></a>", &len), 0);
  assert_int_equal(len, 3 * EK_XML_TAG_MAX);
  assert_int_equal(parse_long("<a b='", "'/>", &len), EK_ERR_LIMIT);
  assert_int_equal(parse_long("<", "/>", &len), EK_ERR_LIMIT);
}

static void refuses_every_truncation(void **state) {
  (void)state;
  const char whole[] =
      "<?xml version=\"1.0\"?><r><a k='v'>t&amp;\xc3\xa9</a><![CDATA[x]]><!-- c --></r>";
  for (size_t len = 0; len < sizeof whole - 1; len++) {
    char *part = malloc(len == 0 ? 1 : len);
    memcpy(part, whole, len);
    assert_int_equal(ek_xml_parse(doc, part, len, NULL), EK_ERR_SYNTAX);
    free(part);
  }
  assert_int_equal(ek_xml_parse(doc, whole, sizeof whole - 1, NULL), 0);
}

/* Time and memory go with the length of the text, not with its square. */
static void gathers_text_between_many_children(void **state) {
  (void)state;
  enum { PIECES = 300000 };
  struct ek_buf text = EK_BUF_INIT;
  ek_buf_puts(&text, "<a>");
  for (int i = 0; i < PIECES; i++) ek_buf_puts(&text, "<b/>x");
  ek_buf_puts(&text, "</a>");
  assert_int_equal(ek_xml_parse(doc, text.data, text.len, NULL), 0);
  assert_int_equal(ek_xml_root(doc)->text_len, PIECES);
  ek_buf_fini(&text);
  assert_string_equal(tree("<a> 1 <b> </b> <c>2<d/> <e/>3 </c>4</a>"),
                      "a=' 1 4'(b=' ' c='23 '(d e))");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_trees, set_up, tear_down),
      cmocka_unit_test_setup_teardown(shares_names, set_up, tear_down),
      cmocka_unit_test_setup_teardown(grows, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses, set_up, tear_down),
      cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_long_tag_is_refused_a_long_text_is_not, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_every_truncation, set_up, tear_down),
      cmocka_unit_test_setup_teardown(gathers_text_between_many_children, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

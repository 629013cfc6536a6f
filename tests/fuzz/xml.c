/* core/xml.h: any bytes become a sound tree or an error. */
#include <assert.h>

#include "core/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void visit(const struct ek_xml_node *node, int depth) {
  assert(depth <= EK_XML_DEPTH_MAX);
  assert(strlen(node->name) == node->name_len);
  assert(node->text[node->text_len] == '\0');
  for (const struct ek_xml_attr *a = node->attrs; a != NULL; a = a->next) {
    assert(strlen(a->value) == a->value_len);
  }
  for (const struct ek_xml_node *c = node->child; c != NULL; c = c->next) visit(c, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct ek_xml *doc;
  if (doc == NULL) doc = ek_xml_new();
  struct ek_error e;
  if (ek_xml_parse(doc, (const char *)data, size, &e) == 0) {
    visit(ek_xml_root(doc), 1);
  } else {
    assert(ek_xml_root(doc) == NULL && e.message[0] != '\0');
  }
  return 0;
}

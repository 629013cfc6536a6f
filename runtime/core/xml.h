/* XML into a read-only tree, as AWS answers need it.
 *
 * All the nodes and strings of a document lie in one arena. Names lose their namespace prefix.
 * Comments and processing instructions are dropped, entities and CDATA are resolved; all text is
 * UTF-8. A document type declaration is refused, so are more than 64 levels, 256 attributes of an
 * element, tags of a megabyte and documents of 16. */
#ifndef EK_CORE_XML_H
#define EK_CORE_XML_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum {
  EK_XML_DEPTH_MAX = 64,
  EK_XML_ATTRS_MAX = 256,
  EK_XML_TAG_MAX = 1024 * 1024, /* up to twice that passes */
  EK_XML_SIZE_MAX = 16 * 1024 * 1024
};

struct ek_xml_attr {
  const char *name, *value; /* closed by NUL */
  uint32_t name_len, value_len;
  const struct ek_xml_attr *next;
};

struct ek_xml_node {
  const char *name; /* closed by NUL; equal names of a document are one pointer */
  const char *text; /* closed by NUL, never NULL */
  uint32_t name_len, text_len;
  const struct ek_xml_node *child, *next;
  const struct ek_xml_attr *attrs; /* without xmlns */
};

/* text: all of it, spaces included, in an element without children; between children, what is not
 * mere space, concatenated. */

struct ek_xml;

/* NULL: out of memory. A document can parse any number of times; each parse drops the last tree. */
struct ek_xml *ek_xml_new(void);
void ek_xml_free(struct ek_xml *doc);
/* text need not outlive the call. Messages hold the line, never the text. */
int ek_xml_parse(struct ek_xml *doc, const char *text, size_t len, struct ek_error *e);
/* The root element of the last parse; NULL if it failed. Valid until the next. */
const struct ek_xml_node *ek_xml_root(const struct ek_xml *doc);

#endif

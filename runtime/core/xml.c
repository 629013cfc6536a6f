/* The XML tree: expat's events into an arena.
 *
 * Answers of AWS hold credentials: nothing of a document is left in memory that was freed. */
#include "core/xml.h"

#include <expat.h>
#include <stdbool.h>
#include <sys/random.h>

#include "core/buf.h"
#include "core/wipe.h"

enum { CHUNK_MIN = 1024, CHUNK_SIZE = 64 * 1024, NAMES_MIN = 32 };

struct chunk {
  struct chunk *next;
  size_t size, used;
  char bytes[];
};

/* Distinct element names, so that 80,000 elements hold some 50 strings. */
struct name {
  const char *text;
  uint32_t len, hash;
};

struct open_element {
  struct ek_xml_node *node;
  const struct ek_xml_node **tail; /* where its next child goes */
  size_t text;                     /* where its text begins in the document's */
};

struct ek_xml {
  struct chunk *chunks;
  struct name *names; /* open addressing, cap a power of two */
  size_t name_count, name_cap;
  struct ek_buf text; /* of the open elements, the outer before the inner */
  size_t piece;       /* where in it the text since the last tag begins */
  struct open_element open[EK_XML_DEPTH_MAX];
  unsigned depth;
  const struct ek_xml_node *root;
  XML_Parser parser;     /* while parsing */
  size_t first_chunk;    /* bytes: enough for most documents of this length */
  struct ek_error error; /* of a handler, which then stops expat */
};

static void stop(struct ek_xml *doc, int code, const char *message) {
  if (doc->error.code != 0) return;
  ek_error_set(&doc->error, code, "xml: line %lu: %s",
               (unsigned long)XML_GetCurrentLineNumber(doc->parser), message);
  (void)XML_StopParser(doc->parser, XML_FALSE);
}

/* Room for n bytes, aligned for any node; NULL stops the parser. */
static void *take(struct ek_xml *doc, size_t n, size_t align) {
  struct chunk *chunk = doc->chunks;
  if (chunk != NULL) {
    size_t start = (chunk->used + align - 1) & ~(align - 1);
    if (start <= chunk->size && n <= chunk->size - start) {
      chunk->used = start + n;
      return chunk->bytes + start;
    }
  }
  size_t size = chunk == NULL ? doc->first_chunk : chunk->size * 2;
  if (size > 16 * CHUNK_SIZE) size = 16 * CHUNK_SIZE;
  if (size < n) size = n;
  chunk = malloc(sizeof *chunk + size);
  if (chunk == NULL) {
    stop(doc, EK_ERR_NOMEM, "out of memory");
    return NULL;
  }
  *chunk = (struct chunk){.next = doc->chunks, .size = size, .used = n};
  doc->chunks = chunk;
  return chunk->bytes;
}

static const char *copy(struct ek_xml *doc, const char *s, size_t n) {
  char *text = take(doc, n + 1, 1);
  if (text == NULL) return NULL;
  memcpy(text, s, n);
  text[n] = '\0';
  return text;
}

static bool grow_names(struct ek_xml *doc) {
  size_t cap = doc->name_cap == 0 ? NAMES_MIN : doc->name_cap * 2;
  struct name *names = calloc(cap, sizeof *names);
  if (names == NULL) {
    stop(doc, EK_ERR_NOMEM, "out of memory");
    return false;
  }
  for (size_t i = 0; i < doc->name_cap; i++) {
    if (doc->names[i].text == NULL) continue;
    size_t at = doc->names[i].hash & (cap - 1);
    while (names[at].text != NULL) at = (at + 1) & (cap - 1);
    names[at] = doc->names[i];
  }
  free(doc->names);
  doc->names = names;
  doc->name_cap = cap;
  return true;
}

/* The one copy of a name, without its prefix. */
static const struct name *intern(struct ek_xml *doc, const char *qualified) {
  const char *s = qualified;
  uint32_t hash = 2166136261u;
  size_t n = 0;
  for (const char *p = qualified; *p != '\0'; p++) {
    if (*p == ':') {
      s = p + 1;
      n = 0;
      hash = 2166136261u;
      continue;
    }
    hash = (hash ^ (unsigned char)*p) * 16777619u;
    n++;
  }
  if (doc->name_count * 2 >= doc->name_cap && !grow_names(doc)) return NULL;
  size_t at = hash & (doc->name_cap - 1);
  for (; doc->names[at].text != NULL; at = (at + 1) & (doc->name_cap - 1)) {
    const struct name *known = &doc->names[at];
    if (known->hash == hash && known->len == n && memcmp(known->text, s, n) == 0) return known;
  }
  const char *text = copy(doc, s, n);
  if (text == NULL) return NULL;
  doc->names[at] = (struct name){.text = text, .len = (uint32_t)n, .hash = hash};
  doc->name_count++;
  return &doc->names[at];
}

static bool is_blank(const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (s[i] != ' ' && s[i] != '\n' && s[i] != '\t' && s[i] != '\r') return false;
  }
  return true;
}

/* Drops the text since the last tag if it is the space around children. */
static void drop_blank(struct ek_xml *doc) {
  struct ek_buf *text = &doc->text;
  if (text->len > doc->piece && is_blank(text->data + doc->piece, text->len - doc->piece))
    text->len = doc->piece;
}

/* Moves its text, which is the last, to an element that ends. */
static void take_text(struct ek_xml *doc, const struct open_element *ended) {
  struct ek_buf *pending = &doc->text;
  size_t len = pending->len - ended->text;
  if (pending->failed) stop(doc, EK_ERR_NOMEM, "out of memory");
  const char *text = len == 0 ? NULL : copy(doc, pending->data + ended->text, len);
  if (text != NULL) {
    ended->node->text = text;
    ended->node->text_len = (uint32_t)len;
  }
  doc->piece = pending->len = ended->text;
}

static const struct ek_xml_attr *read_attrs(struct ek_xml *doc, const XML_Char **attrs) {
  const struct ek_xml_attr *first = NULL, **tail = &first;
  for (unsigned count = 1; attrs[0] != NULL; attrs += 2, count++) {
    if (count > EK_XML_ATTRS_MAX) {
      stop(doc, EK_ERR_LIMIT, "an element with more than 256 attributes");
      return NULL;
    }
    if (strncmp(attrs[0], "xmlns", 5) == 0 && (attrs[0][5] == '\0' || attrs[0][5] == ':')) continue;
    const struct name *name = intern(doc, attrs[0]);
    size_t len = strlen(attrs[1]);
    const char *value = name == NULL ? NULL : copy(doc, attrs[1], len);
    struct ek_xml_attr *attr =
        value == NULL ? NULL : take(doc, sizeof *attr, _Alignof(struct ek_xml_attr));
    if (attr == NULL) return NULL;
    *attr = (struct ek_xml_attr){
        .name = name->text, .value = value, .name_len = name->len, .value_len = (uint32_t)len};
    *tail = attr;
    tail = &attr->next;
  }
  return first;
}

static void XMLCALL on_start(void *user, const XML_Char *qualified, const XML_Char **attrs) {
  struct ek_xml *doc = user;
  if (doc->error.code != 0) return;
  if (doc->depth == EK_XML_DEPTH_MAX) {
    stop(doc, EK_ERR_LIMIT, "nested deeper than 64 levels");
    return;
  }
  struct open_element *parent = doc->depth == 0 ? NULL : &doc->open[doc->depth - 1];
  drop_blank(doc);
  const struct name *name = intern(doc, qualified);
  struct ek_xml_node *node =
      name == NULL ? NULL : take(doc, sizeof *node, _Alignof(struct ek_xml_node));
  if (node == NULL) return;
  *node = (struct ek_xml_node){.name = name->text, .name_len = name->len, .text = ""};
  if (attrs[0] != NULL) node->attrs = read_attrs(doc, attrs);
  if (parent == NULL) {
    doc->root = node;
  } else {
    *parent->tail = node;
    parent->tail = &node->next;
  }
  doc->piece = doc->text.len;
  doc->open[doc->depth++] =
      (struct open_element){.node = node, .tail = &node->child, .text = doc->piece};
}

static void XMLCALL on_end(void *user, const XML_Char *name) {
  struct ek_xml *doc = user;
  (void)name;
  if (doc->error.code != 0) return;
  const struct open_element *ended = &doc->open[--doc->depth];
  if (ended->node->child != NULL) drop_blank(doc);
  take_text(doc, ended);
}

static void XMLCALL on_text(void *user, const XML_Char *s, int n) {
  struct ek_xml *doc = user;
  if (doc->error.code == 0) ek_buf_append(&doc->text, s, (size_t)n);
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *sysid,
                               const XML_Char *pubid, int has_internal_subset) {
  (void)name, (void)sysid, (void)pubid, (void)has_internal_subset;
  stop(user, EK_ERR_SYNTAX, "document type declarations are refused");
}

static void drop_tree(struct ek_xml *doc) {
  for (struct chunk *next; doc->chunks != NULL; doc->chunks = next) {
    next = doc->chunks->next;
    explicit_bzero(doc->chunks->bytes, doc->chunks->used);
    free(doc->chunks);
  }
  free(doc->names);
  doc->names = NULL;
  doc->name_count = doc->name_cap = 0;
  doc->depth = 0;
  doc->root = NULL;
  doc->error.code = 0;
  ek_buf_clear(&doc->text);
  doc->piece = 0;
}

struct ek_xml *ek_xml_new(void) {
  return calloc(1, sizeof(struct ek_xml));
}

void ek_xml_free(struct ek_xml *doc) {
  if (doc == NULL) return;
  drop_tree(doc);
  ek_buf_wipe(&doc->text);
  ek_buf_fini(&doc->text);
  free(doc);
}

/* What expat's hash tables begin with, so that nobody can make names that collide: once a process,
 * not a system call for each document. */
static unsigned long hash_salt(void) {
  static unsigned long salt;
  if (salt == 0 && getrandom(&salt, sizeof salt, 0) != sizeof salt) salt = 0; /* expat finds one */
  return salt;
}

/* In pieces, so that a tag of many megabytes is refused before expat has made anything of it. */
static enum XML_Status feed(struct ek_xml *doc, const char *text, size_t len) {
  for (size_t at = 0;; at += EK_XML_TAG_MAX) {
    bool last = len - at <= EK_XML_TAG_MAX;
    int n = last ? (int)(len - at) : EK_XML_TAG_MAX;
    enum XML_Status status = XML_Parse(doc->parser, text + at, n, last);
    if (last || status != XML_STATUS_OK) return status;
    XML_Index done = XML_GetCurrentByteIndex(doc->parser);
    if (at > 0 && done < (XML_Index)at) {
      stop(doc, EK_ERR_LIMIT, "a tag longer than 1 MiB");
      return XML_STATUS_ERROR;
    }
  }
}

int ek_xml_parse(struct ek_xml *doc, const char *text, size_t len, struct ek_error *e) {
  drop_tree(doc);
  doc->first_chunk = len < CHUNK_MIN / 2 ? CHUNK_MIN : len < CHUNK_SIZE / 2 ? 2 * len : CHUNK_SIZE;
  if (len > EK_XML_SIZE_MAX) return ek_error_set(e, EK_ERR_LIMIT, "xml: longer than 16 MiB");
  static const XML_Memory_Handling_Suite wiping = {malloc, ek_wipe_realloc, ek_wipe_free};
  doc->parser = XML_ParserCreate_MM(NULL, &wiping, NULL);
  if (doc->parser == NULL) return ek_error_set(e, EK_ERR_NOMEM, "out of memory");
  (void)XML_SetHashSalt(doc->parser, hash_salt());
  XML_SetUserData(doc->parser, doc);
  XML_SetElementHandler(doc->parser, on_start, on_end);
  XML_SetCharacterDataHandler(doc->parser, on_text);
  XML_SetStartDoctypeDeclHandler(doc->parser, on_doctype);
  enum XML_Status status = feed(doc, text, len);
  if (status != XML_STATUS_OK && doc->error.code == 0) {
    enum XML_Error code = XML_GetErrorCode(doc->parser);
    stop(doc, code == XML_ERROR_NO_MEMORY ? EK_ERR_NOMEM : EK_ERR_SYNTAX, XML_ErrorString(code));
  }
  XML_ParserFree(doc->parser);
  doc->parser = NULL;
  if (doc->error.code == 0) return 0;
  struct ek_error error = doc->error;
  drop_tree(doc);
  return ek_error_set(e, error.code, "%s", error.message);
}

const struct ek_xml_node *ek_xml_root(const struct ek_xml *doc) {
  return doc->root;
}

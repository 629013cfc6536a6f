/* JSON as a tree. */
#include "core/modelc/dom.h"

#include <math.h>
#include <stdint.h>

#include "core/json.h"

enum { BLOCK_SIZE = 1 << 18, DEPTH_MAX = 64 };

struct ek_dom_block {
  struct ek_dom_block *next;
  size_t used, size;
  max_align_t data[];
};

static void *allocate(struct ek_dom_arena *arena, size_t n) {
  n = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
  struct ek_dom_block *block = arena->blocks;
  if (block == NULL || block->size - block->used < n) {
    size_t size = n > BLOCK_SIZE ? n : BLOCK_SIZE;
    block = calloc(1, sizeof *block + size);
    if (block == NULL) return NULL;
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
  }
  void *p = (char *)block->data + block->used;
  block->used += n;
  return p;
}

void ek_dom_arena_fini(struct ek_dom_arena *arena) {
  while (arena->blocks != NULL) {
    struct ek_dom_block *next = arena->blocks->next;
    free(arena->blocks);
    arena->blocks = next;
  }
}

static const char *copy_string(struct ek_dom_arena *arena, const struct ek_json_reader *r,
                               struct ek_error *e) {
  if (memchr(r->string, '\0', r->string_len) != NULL) {
    (void)ek_error_set(e, EK_ERR_SYNTAX, "a string holds NUL");
    return NULL;
  }
  char *s = allocate(arena, r->string_len + 1);
  if (s == NULL) {
    (void)ek_error_set(e, EK_ERR_NOMEM, "out of memory");
    return NULL;
  }
  memcpy(s, r->string, r->string_len);
  s[r->string_len] = '\0';
  return s;
}

static const struct ek_dom *parse_value(struct ek_dom_arena *arena, struct ek_json_reader *r,
                                        enum ek_json_type token, const char *key,
                                        struct ek_error *e);

static bool parse_children(struct ek_dom_arena *arena, struct ek_json_reader *r,
                           struct ek_dom *node, enum ek_json_type end, struct ek_error *e) {
  const struct ek_dom **link = &node->child;
  for (;;) {
    enum ek_json_type token = ek_json_next(r);
    if (token == end) return true;
    const char *key = NULL;
    if (token == EK_JSON_KEY) {
      key = copy_string(arena, r, e);
      if (key == NULL) return false;
      token = ek_json_next(r);
    }
    const struct ek_dom *child = parse_value(arena, r, token, key, e);
    if (child == NULL) return false;
    *link = child;
    link = (const struct ek_dom **)(uintptr_t)&child->next;
    node->count++;
  }
}

static const struct ek_dom *parse_value(struct ek_dom_arena *arena, struct ek_json_reader *r,
                                        enum ek_json_type token, const char *key,
                                        struct ek_error *e) {
  struct ek_dom *node = allocate(arena, sizeof *node);
  if (node == NULL) {
    (void)ek_error_set(e, EK_ERR_NOMEM, "out of memory");
    return NULL;
  }
  node->key = key;
  switch (token) {
  case EK_JSON_NULL: node->type = EK_DOM_NULL; break;
  case EK_JSON_TRUE: node->type = EK_DOM_TRUE; break;
  case EK_JSON_FALSE: node->type = EK_DOM_FALSE; break;
  case EK_JSON_INTEGER:
    node->type = EK_DOM_NUMBER;
    node->number = (double)r->integer;
    break;
  case EK_JSON_NUMBER:
    node->type = EK_DOM_NUMBER;
    node->number = r->number;
    break;
  case EK_JSON_STRING:
    node->type = EK_DOM_STRING;
    node->text = copy_string(arena, r, e);
    if (node->text == NULL) return NULL;
    break;
  case EK_JSON_ARRAY_BEGIN:
    node->type = EK_DOM_ARRAY;
    if (!parse_children(arena, r, node, EK_JSON_ARRAY_END, e)) return NULL;
    break;
  case EK_JSON_OBJECT_BEGIN:
    node->type = EK_DOM_OBJECT;
    if (!parse_children(arena, r, node, EK_JSON_OBJECT_END, e)) return NULL;
    break;
  default: *e = r->error; return NULL;
  }
  return node;
}

const struct ek_dom *ek_dom_parse(struct ek_dom_arena *arena, const char *text, size_t len,
                                  struct ek_error *e) {
  struct ek_json_reader r;
  ek_json_reader_init(&r, text, len, DEPTH_MAX);
  const struct ek_dom *node = parse_value(arena, &r, ek_json_next(&r), NULL, e);
  if (node != NULL && ek_json_next(&r) != EK_JSON_END) {
    *e = r.error;
    node = NULL;
  }
  ek_json_reader_fini(&r);
  return node;
}

const struct ek_dom *ek_dom_get(const struct ek_dom *object, const char *key) {
  if (object == NULL || object->type != EK_DOM_OBJECT) return NULL;
  for (const struct ek_dom *child = object->child; child != NULL; child = child->next)
    if (strcmp(child->key, key) == 0) return child;
  return NULL;
}

const char *ek_dom_text(const struct ek_dom *object, const char *key) {
  const struct ek_dom *node = ek_dom_get(object, key);
  return node != NULL && node->type == EK_DOM_STRING ? node->text : NULL;
}

double ek_dom_number(const struct ek_dom *object, const char *key, double otherwise) {
  const struct ek_dom *node = ek_dom_get(object, key);
  return node != NULL && node->type == EK_DOM_NUMBER ? node->number : otherwise;
}

bool ek_dom_true(const struct ek_dom *object, const char *key) {
  const struct ek_dom *node = ek_dom_get(object, key);
  return node != NULL && node->type == EK_DOM_TRUE;
}

const struct ek_dom *ek_dom_members(const struct ek_dom *object) {
  return object != NULL && object->type == EK_DOM_OBJECT ? object->child : NULL;
}

const struct ek_dom *ek_dom_elements(const struct ek_dom *array) {
  return array != NULL && array->type == EK_DOM_ARRAY ? array->child : NULL;
}

void ek_dom_write(struct ek_buf *b, const struct ek_dom *node) {
  const char *separator = "";
  switch (node->type) {
  case EK_DOM_NULL: ek_buf_puts(b, "null"); break;
  case EK_DOM_FALSE: ek_buf_puts(b, "false"); break;
  case EK_DOM_TRUE: ek_buf_puts(b, "true"); break;
  case EK_DOM_STRING: ek_json_write_string(b, node->text, strlen(node->text)); break;
  case EK_DOM_NUMBER:
    if (node->number == floor(node->number) && fabs(node->number) < 1e15)
      ek_json_write_integer(b, (int64_t)node->number);
    else
      ek_json_write_number(b, node->number);
    break;
  case EK_DOM_ARRAY:
  case EK_DOM_OBJECT:
    ek_buf_putc(b, node->type == EK_DOM_ARRAY ? '[' : '{');
    for (const struct ek_dom *child = node->child; child != NULL; child = child->next) {
      ek_buf_puts(b, separator);
      separator = ",";
      if (node->type == EK_DOM_OBJECT) {
        ek_json_write_string(b, child->key, strlen(child->key));
        ek_buf_putc(b, ':');
      }
      ek_dom_write(b, child);
    }
    ek_buf_putc(b, node->type == EK_DOM_ARRAY ? ']' : '}');
    break;
  }
}

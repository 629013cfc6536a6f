/* JSON as a tree in one arena, for files that must be read in another order than they are written.
 * Missing things are NULL, and every accessor takes NULL: look-ups chain without checks. */
#ifndef EK_CORE_MODELC_DOM_H
#define EK_CORE_MODELC_DOM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/error.h"

enum ek_dom_type {
  EK_DOM_NULL,
  EK_DOM_FALSE,
  EK_DOM_TRUE,
  EK_DOM_NUMBER,
  EK_DOM_STRING,
  EK_DOM_ARRAY,
  EK_DOM_OBJECT
};

struct ek_dom {
  enum ek_dom_type type;
  const char *key;  /* in an object */
  const char *text; /* of a string, closed by NUL */
  double number;
  size_t count; /* of children */
  const struct ek_dom *child, *next;
};

struct ek_dom_arena {
  struct ek_dom_block *blocks;
};

/* The value of text, owned by the arena. Strings with NUL inside are refused. */
const struct ek_dom *ek_dom_parse(struct ek_dom_arena *arena, const char *text, size_t len,
                                  struct ek_error *e);
void ek_dom_arena_fini(struct ek_dom_arena *arena);

const struct ek_dom *ek_dom_get(const struct ek_dom *object, const char *key);
/* The text of a member; NULL where it is not a string. */
const char *ek_dom_text(const struct ek_dom *object, const char *key);
double ek_dom_number(const struct ek_dom *object, const char *key, double otherwise);
bool ek_dom_true(const struct ek_dom *object, const char *key);
/* The first of an object's members, or of an array's elements; NULL where it is none or empty. */
const struct ek_dom *ek_dom_members(const struct ek_dom *object);
const struct ek_dom *ek_dom_elements(const struct ek_dom *array);
/* node as compact JSON. */
void ek_dom_write(struct ek_buf *b, const struct ek_dom *node);

#endif

/* JSON as a tree in one arena, for files that must be read in another order than they are written.
 * Missing things are NULL, and every accessor takes NULL: look-ups chain without checks. */
#ifndef EK_MODELC_DOM_H
#define EK_MODELC_DOM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/error.h"

enum dom_type { DOM_NULL, DOM_FALSE, DOM_TRUE, DOM_NUMBER, DOM_STRING, DOM_ARRAY, DOM_OBJECT };

struct dom {
  enum dom_type type;
  const char *key;  /* in an object */
  const char *text; /* of a string, closed by NUL */
  double number;
  size_t count; /* of children */
  const struct dom *child, *next;
};

struct dom_arena {
  struct dom_block *blocks;
};

/* The value of text, owned by the arena. Strings with NUL inside are refused. */
const struct dom *dom_parse(struct dom_arena *arena, const char *text, size_t len,
                            struct ek_error *e);
void dom_arena_fini(struct dom_arena *arena);

const struct dom *dom_get(const struct dom *object, const char *key);
/* The text of a member; NULL where it is not a string. */
const char *dom_text(const struct dom *object, const char *key);
double dom_number(const struct dom *object, const char *key, double otherwise);
bool dom_true(const struct dom *object, const char *key);
/* node as compact JSON. */
void dom_write(struct ek_buf *b, const struct dom *node);

#endif

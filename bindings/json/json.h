/* Between Lua values and JSON: what the modules eksrun.json and cjson share. */
#ifndef EK_BINDINGS_JSON_H
#define EK_BINDINGS_JSON_H

#include <stdbool.h>

#include "bindings/bindings.h"

enum ek_json_invalid { EK_JSON_REFUSE, EK_JSON_AS_NULL, EK_JSON_AS_IS };

/* How to write. Zero is what eksrun.json does by default, but for max_depth. */
struct ek_json_style {
  int max_depth;
  int indent;           /* spaces a level; 0: one line */
  bool unsorted;        /* keys as the table gives them */
  bool replace_invalid; /* ill-formed UTF-8 becomes U+FFFD; else it is refused */
  bool compatible;      /* lua-cjson's ways: number keys, sparse lists, any bytes, "\/" */
  int precision;        /* compatible: significant digits of a float */
  enum ek_json_invalid invalid_numbers; /* compatible: of inf and nan */
  bool sparse_convert; /* compatible: sparse lists become objects, else they are refused */
  int sparse_ratio;    /* compatible: sparse is more than ratio times the elements ... */
  int sparse_safe;     /* ... and an index above this; ratio 0: never */
};

/* The metatables that mark lists and objects, onto the stack. */
void ek_json_push_array_mt(lua_State *L);
void ek_json_push_object_mt(lua_State *L);

/* Pushes the value of a text and returns true; false: nothing pushed, *e says why. marked: lists
 * get their metatable. May raise (memory). */
bool ek_json_push(lua_State *L, const char *text, size_t len, unsigned max_depth, bool marked,
                  struct ek_error *e);
/* The same without marks; any_numbers as struct ek_json_reader has it. */
bool ek_json_push_compatible(lua_State *L, const char *text, size_t len, unsigned max_depth,
                             bool any_numbers, struct ek_error *e);
/* Appends the value at index to out, which must belong to the stack (ek_lbuf_new). True: done.
 * False: pushed a message that names where in the value: "at .a[3]: cannot ...". */
bool ek_json_append(lua_State *L, struct ek_buf *out, int index, const struct ek_json_style *style);

#endif

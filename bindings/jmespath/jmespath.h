/* The evaluator of JMESPath, on Lua values.
 *
 * Values stand on the stack; an index is absolute. Every push_ function pushes one value. */
#ifndef EK_BINDINGS_JMESPATH_H
#define EK_BINDINGS_JMESPATH_H

#include "bindings/bindings.h"
#include "core/jmespath.h"

/* Fixed stack slots while an expression is evaluated: the Expression, the value, the list of its
 * constants, and the metatables of lists and objects. */
enum {
  EK_JMESPATH_SLOT_EXPRESSION = 1,
  EK_JMESPATH_SLOT_VALUE,
  EK_JMESPATH_SLOT_CONSTANTS,
  EK_JMESPATH_SLOT_ARRAY_MT,
  EK_JMESPATH_SLOT_OBJECT_MT
};

struct ek_jmespath_eval {
  lua_State *L;
  const struct ek_jmespath *j;
};

/* Pushes the value of a node for the value at stack index v. */
void ek_jmespath_evaluate(const struct ek_jmespath_eval *x, int32_t node, int v);
/* Evaluates the arguments onto the stack (a reference as its node), checks their kinds, applies. */
void ek_jmespath_call(const struct ek_jmespath_eval *x, const struct ek_jmespath_node *n, int v);

/* -- values --------------------------------------------------------------------------------------
 */

bool ek_jmespath_is_null(lua_State *L, int i);
bool ek_jmespath_is_array(lua_State *L, int i);
bool ek_jmespath_is_true(lua_State *L, int i);
int ek_jmespath_kind_of(lua_State *L, int i); /* enum ek_jmespath_kind; raises for a function */
const char *ek_jmespath_kind_name(int kind);

/* Replaces json.null on top of the stack by nil. */
void ek_jmespath_normalize(lua_State *L);

lua_Integer ek_jmespath_length(lua_State *L, int i);
void ek_jmespath_get(lua_State *L, int i, lua_Integer n);
void ek_jmespath_new_array(lua_State *L, lua_Integer size);
/* Pops a value into array[n]; nil as json.null. */
void ek_jmespath_set(lua_State *L, int array, lua_Integer n);

/* Numbers with numbers, strings with strings. */
int ek_jmespath_compare(lua_State *L, int a, int b);
bool ek_jmespath_equal(lua_State *L, int a, int b, int depth);

/* Pushes the elements of array in the order of the keys, stable. */
void ek_jmespath_push_sorted(lua_State *L, int array, int keys);
/* Pushes the keys of the object at i, sorted. */
void ek_jmespath_push_keys(lua_State *L, int i);
/* Pushes its values, in the order of their keys. */
void ek_jmespath_push_values(lua_State *L, int i);

#endif

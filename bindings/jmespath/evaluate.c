/* The nodes of an expression: each pushes one value; anything below it on the stack is cleared by
 * ek_jmespath_evaluate. */
#include "bindings/jmespath/jmespath.h"

static void push_index(lua_State *L, int v, lua_Integer index) {
  if (!lua_istable(L, v)) {
    lua_pushnil(L);
    return;
  }
  ek_jmespath_get(L, v, index < 0 ? ek_jmespath_length(L, v) + index + 1 : index + 1);
}

/* The bounds as Python's slices have them. */
static void push_slice(lua_State *L, int v, const struct ek_jmespath_node *n) {
  if (!ek_jmespath_is_array(L, v)) {
    lua_pushnil(L);
    return;
  }
  lua_Integer len = ek_jmespath_length(L, v), step = n->k == EK_JMESPATH_NONE ? 1 : n->k;
  lua_Integer low = step < 0 ? -1 : 0, high = step < 0 ? len - 1 : len;
  lua_Integer bounds[2] = {step < 0 ? high : low, step < 0 ? low : high};
  const int32_t given[2] = {n->a, n->b};
  for (int i = 0; i < 2; i++) {
    if (given[i] == EK_JMESPATH_NONE) continue;
    lua_Integer bound = given[i] < 0 ? len + given[i] : given[i];
    bounds[i] = bound < low ? low : bound > high ? high : bound;
  }
  ek_jmespath_new_array(L, 0);
  lua_Integer count = 0;
  for (lua_Integer i = bounds[0]; step > 0 ? i < bounds[1] : i > bounds[1]; i += step) {
    lua_rawgeti(L, v, i + 1);
    ek_jmespath_set(L, lua_gettop(L) - 1, ++count);
  }
}

static void push_flattened(lua_State *L, int v) {
  if (!ek_jmespath_is_array(L, v)) {
    lua_pushnil(L);
    return;
  }
  ek_jmespath_new_array(L, 0);
  int result = lua_gettop(L);
  lua_Integer len = ek_jmespath_length(L, v), count = 0;
  for (lua_Integer i = 1; i <= len; i++) {
    lua_rawgeti(L, v, i);
    if (ek_jmespath_is_array(L, result + 1)) {
      lua_Integer inner = ek_jmespath_length(L, result + 1);
      for (lua_Integer e = 1; e <= inner; e++) {
        lua_rawgeti(L, result + 1, e);
        ek_jmespath_set(L, result, ++count);
      }
      lua_pop(L, 1);
    } else {
      ek_jmespath_set(L, result, ++count);
    }
  }
}

/* Applies node n's right side to each element of the array at index from, nulls left out. */
static void push_projection(const struct ek_jmespath_eval *x, const struct ek_jmespath_node *n,
                            int from) {
  lua_State *L = x->L;
  lua_Integer len = ek_jmespath_length(L, from), count = 0;
  ek_jmespath_new_array(L, 0);
  int result = lua_gettop(L);
  for (lua_Integer i = 1; i <= len; i++, lua_settop(L, result)) {
    ek_jmespath_get(L, from, i);
    if (n->type == EK_JMESPATH_FILTER_EACH) {
      ek_jmespath_evaluate(x, n->k, result + 1);
      if (!ek_jmespath_is_true(L, result + 2)) continue;
      lua_pop(L, 1);
    }
    ek_jmespath_evaluate(x, n->b, result + 1);
    if (lua_isnil(L, -1)) continue;
    lua_rawseti(L, result, ++count);
  }
}

static void push_list_each(const struct ek_jmespath_eval *x, const struct ek_jmespath_node *n,
                           int v) {
  lua_State *L = x->L;
  ek_jmespath_evaluate(x, n->a, v);
  int left = lua_gettop(L);
  if (ek_jmespath_is_array(L, left)) {
    push_projection(x, n, left);
  } else {
    lua_pushnil(L);
  }
}

static void push_object_each(const struct ek_jmespath_eval *x, const struct ek_jmespath_node *n,
                             int v) {
  lua_State *L = x->L;
  ek_jmespath_evaluate(x, n->a, v);
  int left = lua_gettop(L);
  if (ek_jmespath_kind_of(L, left) != EK_JMESPATH_KIND_OBJECT) {
    lua_pushnil(L);
    return;
  }
  ek_jmespath_push_values(L, left);
  push_projection(x, n, lua_gettop(L));
}

static void push_comparison(const struct ek_jmespath_eval *x, const struct ek_jmespath_node *n,
                            int v) {
  lua_State *L = x->L;
  ek_jmespath_evaluate(x, n->a, v);
  ek_jmespath_evaluate(x, n->b, v);
  int b = lua_gettop(L), a = b - 1;
  bool numbers = lua_type(L, a) == LUA_TNUMBER && lua_type(L, b) == LUA_TNUMBER;
  switch ((enum ek_jmespath_compare)n->op) {
  case EK_JMESPATH_EQ: lua_pushboolean(L, ek_jmespath_equal(L, a, b, 0)); return;
  case EK_JMESPATH_NE: lua_pushboolean(L, !ek_jmespath_equal(L, a, b, 0)); return;
  case EK_JMESPATH_LT: lua_pushboolean(L, numbers && lua_compare(L, a, b, LUA_OPLT)); break;
  case EK_JMESPATH_LE: lua_pushboolean(L, numbers && lua_compare(L, a, b, LUA_OPLE)); break;
  case EK_JMESPATH_GT: lua_pushboolean(L, numbers && lua_compare(L, b, a, LUA_OPLT)); break;
  case EK_JMESPATH_GE: lua_pushboolean(L, numbers && lua_compare(L, b, a, LUA_OPLE)); break;
  }
  if (!numbers) lua_pushnil(L);
}

static void push_multi(const struct ek_jmespath_eval *x, const struct ek_jmespath_node *n, int v) {
  lua_State *L = x->L;
  if (ek_jmespath_is_null(L, v)) {
    lua_pushnil(L);
    return;
  }
  bool list = n->type == EK_JMESPATH_MULTI_LIST;
  if (list) {
    ek_jmespath_new_array(L, 0);
  } else {
    lua_newtable(L);
  }
  int result = lua_gettop(L);
  lua_Integer count = 0;
  for (int32_t i = n->a; i >= 0; i = x->j->nodes[i].next) {
    const struct ek_jmespath_node *element = &x->j->nodes[i];
    if (list) {
      ek_jmespath_evaluate(x, i, v);
      ek_jmespath_set(L, result, ++count);
      continue;
    }
    lua_rawgeti(L, EK_JMESPATH_SLOT_CONSTANTS, element->k + 1);
    ek_jmespath_evaluate(x, element->a, v);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushlightuserdata(L, NULL);
    }
    lua_rawset(L, result);
  }
}

void ek_jmespath_evaluate(const struct ek_jmespath_eval *x, int32_t node, int v) {
  lua_State *L = x->L;
  const struct ek_jmespath_node *n = &x->j->nodes[node];
  int base = lua_gettop(L) + 1;
  luaL_checkstack(L, 16, "jmespath: expression nested too deeply");
  switch ((enum ek_jmespath_type)n->type) {
  case EK_JMESPATH_CURRENT: lua_pushvalue(L, v); break;
  case EK_JMESPATH_FIELD:
    lua_rawgeti(L, EK_JMESPATH_SLOT_CONSTANTS, n->k + 1);
    if (lua_istable(L, v)) {
      lua_rawget(L, v);
      ek_jmespath_normalize(L);
    } else {
      lua_pushnil(L);
    }
    break;
  case EK_JMESPATH_INDEX: push_index(L, v, n->k); break;
  case EK_JMESPATH_SLICE: push_slice(L, v, n); break;
  case EK_JMESPATH_LITERAL:
    lua_rawgeti(L, EK_JMESPATH_SLOT_CONSTANTS, n->k + 1);
    ek_jmespath_normalize(L);
    break;
  case EK_JMESPATH_PIPE:
    ek_jmespath_evaluate(x, n->a, v);
    ek_jmespath_evaluate(x, n->b, base);
    break;
  case EK_JMESPATH_LIST_EACH:
  case EK_JMESPATH_FILTER_EACH: push_list_each(x, n, v); break;
  case EK_JMESPATH_OBJECT_EACH: push_object_each(x, n, v); break;
  case EK_JMESPATH_FLATTEN:
    ek_jmespath_evaluate(x, n->a, v);
    push_flattened(L, base);
    break;
  case EK_JMESPATH_COMPARE: push_comparison(x, n, v); break;
  case EK_JMESPATH_AND:
  case EK_JMESPATH_OR:
    ek_jmespath_evaluate(x, n->a, v);
    if (ek_jmespath_is_true(L, base) == (n->type == EK_JMESPATH_AND))
      ek_jmespath_evaluate(x, n->b, v);
    break;
  case EK_JMESPATH_NOT:
    ek_jmespath_evaluate(x, n->a, v);
    lua_pushboolean(L, !ek_jmespath_is_true(L, base));
    break;
  case EK_JMESPATH_MULTI_LIST:
  case EK_JMESPATH_MULTI_OBJECT: push_multi(x, n, v); break;
  case EK_JMESPATH_CALL: ek_jmespath_call(x, n, v); break;
  case EK_JMESPATH_PAIR:
  case EK_JMESPATH_REFERENCE: lua_pushnil(L); break; /* reached through their parents only */
  }
  lua_copy(L, -1, base);
  lua_settop(L, base);
}

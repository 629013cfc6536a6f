/* Lua values as JMESPath sees them: kinds, equality, order. */
#include "bindings/jmespath/jmespath.h"

/* Deeper values (cyclic ones) are refused where walking them needs recursion. */
#define VALUE_DEPTH_MAX 200

bool ek_jmespath_is_null(lua_State *L, int i) {
  return lua_isnoneornil(L, i) || (lua_islightuserdata(L, i) && lua_touserdata(L, i) == NULL);
}

bool ek_jmespath_is_array(lua_State *L, int i) {
  if (!lua_istable(L, i)) return false;
  if (lua_getmetatable(L, i)) {
    bool array = lua_rawequal(L, -1, EK_JMESPATH_SLOT_ARRAY_MT) != 0;
    bool object = lua_rawequal(L, -1, EK_JMESPATH_SLOT_OBJECT_MT) != 0;
    lua_pop(L, 1);
    if (array || object) return array;
  }
  bool has_first = lua_rawgeti(L, i, 1) != LUA_TNIL;
  lua_pop(L, 1);
  return has_first;
}

int ek_jmespath_kind_of(lua_State *L, int i) {
  switch (lua_type(L, i)) {
  case LUA_TNIL: return EK_JMESPATH_KIND_NULL;
  case LUA_TBOOLEAN: return EK_JMESPATH_KIND_BOOLEAN;
  case LUA_TNUMBER: return EK_JMESPATH_KIND_NUMBER;
  case LUA_TSTRING: return EK_JMESPATH_KIND_STRING;
  case LUA_TTABLE:
    return ek_jmespath_is_array(L, i) ? EK_JMESPATH_KIND_ARRAY : EK_JMESPATH_KIND_OBJECT;
  default: break;
  }
  if (ek_jmespath_is_null(L, i)) return EK_JMESPATH_KIND_NULL;
  return luaL_error(L, "jmespath: cannot search a %s", luaL_typename(L, i));
}

const char *ek_jmespath_kind_name(int kind) {
  switch (kind) {
  case EK_JMESPATH_KIND_NULL: return "null";
  case EK_JMESPATH_KIND_BOOLEAN: return "boolean";
  case EK_JMESPATH_KIND_NUMBER: return "number";
  case EK_JMESPATH_KIND_STRING: return "string";
  case EK_JMESPATH_KIND_ARRAY: return "array";
  default: return "object";
  }
}

bool ek_jmespath_is_true(lua_State *L, int i) {
  switch (lua_type(L, i)) {
  case LUA_TBOOLEAN: return lua_toboolean(L, i) != 0;
  case LUA_TSTRING: return lua_rawlen(L, i) > 0;
  case LUA_TTABLE:
    lua_pushnil(L);
    if (lua_next(L, i) == 0) return false;
    lua_pop(L, 2);
    return true;
  default: return !ek_jmespath_is_null(L, i);
  }
}

void ek_jmespath_normalize(lua_State *L) {
  if (lua_islightuserdata(L, -1) && lua_touserdata(L, -1) == NULL) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}

lua_Integer ek_jmespath_length(lua_State *L, int i) {
  return (lua_Integer)lua_rawlen(L, i);
}

void ek_jmespath_get(lua_State *L, int i, lua_Integer n) {
  lua_rawgeti(L, i, n);
  ek_jmespath_normalize(L);
}

void ek_jmespath_new_array(lua_State *L, lua_Integer size) {
  lua_createtable(L, size < 0 || size > INT32_MAX ? 0 : (int)size, 0);
  lua_pushvalue(L, EK_JMESPATH_SLOT_ARRAY_MT);
  lua_setmetatable(L, -2);
}

void ek_jmespath_set(lua_State *L, int array, lua_Integer n) {
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushlightuserdata(L, NULL);
  }
  lua_rawseti(L, array, n);
}

static int compare_strings(lua_State *L, int a, int b) {
  size_t na, nb;
  const char *sa = lua_tolstring(L, a, &na), *sb = lua_tolstring(L, b, &nb);
  int order = memcmp(sa, sb, na < nb ? na : nb);
  return order != 0 ? order : (na > nb) - (na < nb);
}

int ek_jmespath_compare(lua_State *L, int a, int b) {
  if (lua_type(L, a) == LUA_TSTRING) return compare_strings(L, a, b);
  return lua_compare(L, b, a, LUA_OPLT) - lua_compare(L, a, b, LUA_OPLT);
}

bool ek_jmespath_equal(lua_State *L, int a, int b, int depth);

static bool equal_arrays(lua_State *L, int a, int b, int depth) {
  lua_Integer n = ek_jmespath_length(L, a);
  if (n != ek_jmespath_length(L, b)) return false;
  bool same = true;
  for (lua_Integer i = 1; same && i <= n; i++) {
    lua_rawgeti(L, a, i);
    lua_rawgeti(L, b, i);
    same = ek_jmespath_equal(L, lua_gettop(L) - 1, lua_gettop(L), depth + 1);
    lua_pop(L, 2);
  }
  return same;
}

static bool equal_objects(lua_State *L, int a, int b, int depth) {
  lua_Integer fields = 0;
  for (lua_pushnil(L); lua_next(L, a) != 0; lua_pop(L, 1), fields++) {
    lua_pushvalue(L, -2);
    lua_rawget(L, b);
    bool same =
        !lua_isnil(L, -1) && ek_jmespath_equal(L, lua_gettop(L) - 1, lua_gettop(L), depth + 1);
    lua_pop(L, 1);
    if (!same) {
      lua_pop(L, 2);
      return false;
    }
  }
  for (lua_pushnil(L); lua_next(L, b) != 0; lua_pop(L, 1)) fields--;
  return fields == 0;
}

bool ek_jmespath_equal(lua_State *L, int a, int b, int depth) {
  int kind = ek_jmespath_kind_of(L, a);
  if (kind != ek_jmespath_kind_of(L, b)) return false;
  if (kind == EK_JMESPATH_KIND_NULL || lua_rawequal(L, a, b)) return true;
  if (!lua_istable(L, a)) return false;
  if (depth > VALUE_DEPTH_MAX) luaL_error(L, "jmespath: value nested too deeply");
  luaL_checkstack(L, 8, "jmespath: value nested too deeply");
  return kind == EK_JMESPATH_KIND_ARRAY ? equal_arrays(L, a, b, depth)
                                        : equal_objects(L, a, b, depth);
}

/* ---- sorting ---- */

/* Merges the sorted runs [lo, mid) and [mid, hi) of from into to, by the keys they index. */
static void merge_runs(lua_State *L, int keys, const lua_Integer *from, lua_Integer *to, size_t lo,
                       size_t mid, size_t hi) {
  size_t a = lo, b = mid;
  for (size_t out = lo; out < hi; out++) {
    bool take_b = a == mid;
    if (a < mid && b < hi) {
      lua_rawgeti(L, keys, from[a]);
      lua_rawgeti(L, keys, from[b]);
      take_b = ek_jmespath_compare(L, lua_gettop(L) - 1, lua_gettop(L)) > 0;
      lua_pop(L, 2);
    }
    to[out] = take_b ? from[b++] : from[a++];
  }
}

/* Pushes a userdata holding the indices 1..n in the order of the keys, stable, and returns it. */
static const lua_Integer *sorted_indices(lua_State *L, int keys) {
  size_t n = (size_t)ek_jmespath_length(L, keys);
  lua_Integer *from = lua_newuserdatauv(L, (n + 1) * 2 * sizeof *from, 0), *to = from + n;
  for (size_t i = 0; i < n; i++) from[i] = (lua_Integer)i + 1;
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t lo = 0; lo < n; lo += 2 * width) {
      size_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
      merge_runs(L, keys, from, to, lo, mid, hi);
    }
    lua_Integer *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

void ek_jmespath_push_sorted(lua_State *L, int array, int keys) {
  lua_Integer n = ek_jmespath_length(L, keys);
  const lua_Integer *order = sorted_indices(L, keys);
  ek_jmespath_new_array(L, n);
  for (lua_Integer i = 0; i < n; i++) {
    lua_rawgeti(L, array, order[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_remove(L, -2);
}

void ek_jmespath_push_keys(lua_State *L, int i) {
  ek_jmespath_new_array(L, 0);
  int keys = lua_gettop(L);
  lua_Integer n = 0;
  for (lua_pushnil(L); lua_next(L, i) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    lua_pushvalue(L, -2);
    lua_rawseti(L, keys, ++n);
  }
  if (n > 1) ek_jmespath_push_sorted(L, keys, keys);
  if (n > 1) lua_remove(L, keys);
}

void ek_jmespath_push_values(lua_State *L, int i) {
  ek_jmespath_push_keys(L, i);
  lua_Integer n = ek_jmespath_length(L, -1);
  for (lua_Integer k = 1; k <= n; k++) {
    lua_rawgeti(L, -1, k);
    lua_rawget(L, i);
    lua_rawseti(L, -2, k);
  }
}

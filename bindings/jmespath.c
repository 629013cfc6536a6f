/* eksrun.jmespath: JMESPath over Lua values.
 *
 *   jmespath.search(expression, value) -> value     parses once, remembers the last few hundred
 *   jmespath.compile(expression) -> Expression      Expression:search(value), Expression(value)
 *
 * Null is nil and json.null alike; a result that is null is nil, but json.null within a list. A
 * list is a table marked by json.array_mt or one with a first element; results mark their lists.
 * Objects are walked in the order of their keys, so that results do not vary between runs. */
#include "bindings/bindings.h"

#include <math.h>

#include "core/jmespath.h"
#include "core/json.h"

#define TYPE      "eksrun.jmespath.expression"
#define CACHE_MAX 256
/* Deeper values (cyclic ones) are refused where walking them needs recursion. */
#define VALUE_DEPTH_MAX 200

/* Fixed stack slots while an expression is evaluated. */
enum { SLOT_EXPRESSION = 1, SLOT_VALUE, SLOT_CONSTANTS, SLOT_ARRAY_MT, SLOT_OBJECT_MT, SLOT_LAST };

struct eval {
  lua_State *L;
  const struct ek_jmespath *j;
};

/* Pushes the value of a node for the value at stack index v. */
static void evaluate(const struct eval *x, int32_t node, int v);

/* ---- values ---- */

static bool is_null(lua_State *L, int i) {
  return lua_isnoneornil(L, i) || (lua_islightuserdata(L, i) && lua_touserdata(L, i) == NULL);
}

static bool is_array(lua_State *L, int i) {
  if (!lua_istable(L, i)) return false;
  if (lua_getmetatable(L, i)) {
    bool array = lua_rawequal(L, -1, SLOT_ARRAY_MT) != 0;
    bool object = lua_rawequal(L, -1, SLOT_OBJECT_MT) != 0;
    lua_pop(L, 1);
    if (array || object) return array;
  }
  bool has_first = lua_rawgeti(L, i, 1) != LUA_TNIL;
  lua_pop(L, 1);
  return has_first;
}

static int kind_of(lua_State *L, int i) {
  switch (lua_type(L, i)) {
  case LUA_TNIL: return EK_JMESPATH_KIND_NULL;
  case LUA_TBOOLEAN: return EK_JMESPATH_KIND_BOOLEAN;
  case LUA_TNUMBER: return EK_JMESPATH_KIND_NUMBER;
  case LUA_TSTRING: return EK_JMESPATH_KIND_STRING;
  case LUA_TTABLE: return is_array(L, i) ? EK_JMESPATH_KIND_ARRAY : EK_JMESPATH_KIND_OBJECT;
  default: break;
  }
  if (is_null(L, i)) return EK_JMESPATH_KIND_NULL;
  return luaL_error(L, "jmespath: cannot search a %s", luaL_typename(L, i));
}

static const char *kind_name(int kind) {
  switch (kind) {
  case EK_JMESPATH_KIND_NULL: return "null";
  case EK_JMESPATH_KIND_BOOLEAN: return "boolean";
  case EK_JMESPATH_KIND_NUMBER: return "number";
  case EK_JMESPATH_KIND_STRING: return "string";
  case EK_JMESPATH_KIND_ARRAY: return "array";
  default: return "object";
  }
}

static bool is_true(lua_State *L, int i) {
  switch (lua_type(L, i)) {
  case LUA_TBOOLEAN: return lua_toboolean(L, i) != 0;
  case LUA_TSTRING: return lua_rawlen(L, i) > 0;
  case LUA_TTABLE:
    lua_pushnil(L);
    if (lua_next(L, i) == 0) return false;
    lua_pop(L, 2);
    return true;
  default: return !is_null(L, i);
  }
}

/* Replaces json.null on top of the stack by nil. */
static void normalize(lua_State *L) {
  if (lua_islightuserdata(L, -1) && lua_touserdata(L, -1) == NULL) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}

static lua_Integer length(lua_State *L, int i) {
  return (lua_Integer)lua_rawlen(L, i);
}

static void get_element(lua_State *L, int i, lua_Integer n) {
  lua_rawgeti(L, i, n);
  normalize(L);
}

static void new_array(lua_State *L, lua_Integer size) {
  lua_createtable(L, size < 0 || size > INT32_MAX ? 0 : (int)size, 0);
  lua_pushvalue(L, SLOT_ARRAY_MT);
  lua_setmetatable(L, -2);
}

/* Pops a value into array[n]; nil as json.null. */
static void set_element(lua_State *L, int array, lua_Integer n) {
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

/* Numbers with numbers, strings with strings. */
static int compare_values(lua_State *L, int a, int b) {
  if (lua_type(L, a) == LUA_TSTRING) return compare_strings(L, a, b);
  return lua_compare(L, b, a, LUA_OPLT) - lua_compare(L, a, b, LUA_OPLT);
}

static bool equal(lua_State *L, int a, int b, int depth);

static bool equal_arrays(lua_State *L, int a, int b, int depth) {
  lua_Integer n = length(L, a);
  if (n != length(L, b)) return false;
  bool same = true;
  for (lua_Integer i = 1; same && i <= n; i++) {
    lua_rawgeti(L, a, i);
    lua_rawgeti(L, b, i);
    same = equal(L, lua_gettop(L) - 1, lua_gettop(L), depth + 1);
    lua_pop(L, 2);
  }
  return same;
}

static bool equal_objects(lua_State *L, int a, int b, int depth) {
  lua_Integer fields = 0;
  for (lua_pushnil(L); lua_next(L, a) != 0; lua_pop(L, 1), fields++) {
    lua_pushvalue(L, -2);
    lua_rawget(L, b);
    bool same = !lua_isnil(L, -1) && equal(L, lua_gettop(L) - 1, lua_gettop(L), depth + 1);
    lua_pop(L, 1);
    if (!same) {
      lua_pop(L, 2);
      return false;
    }
  }
  for (lua_pushnil(L); lua_next(L, b) != 0; lua_pop(L, 1)) fields--;
  return fields == 0;
}

static bool equal(lua_State *L, int a, int b, int depth) {
  int kind = kind_of(L, a);
  if (kind != kind_of(L, b)) return false;
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
      take_b = compare_values(L, lua_gettop(L) - 1, lua_gettop(L)) > 0;
      lua_pop(L, 2);
    }
    to[out] = take_b ? from[b++] : from[a++];
  }
}

/* Pushes a userdata holding the indices 1..n in the order of the keys, stable, and returns it. */
static const lua_Integer *sorted_indices(lua_State *L, int keys) {
  size_t n = (size_t)length(L, keys);
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

/* Pushes the elements of array in the order of the keys. */
static void push_sorted(lua_State *L, int array, int keys) {
  lua_Integer n = length(L, keys);
  const lua_Integer *order = sorted_indices(L, keys);
  new_array(L, n);
  for (lua_Integer i = 0; i < n; i++) {
    lua_rawgeti(L, array, order[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_remove(L, -2);
}

/* Pushes the keys of the object at i, sorted. */
static void push_keys(lua_State *L, int i) {
  new_array(L, 0);
  int keys = lua_gettop(L);
  lua_Integer n = 0;
  for (lua_pushnil(L); lua_next(L, i) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    lua_pushvalue(L, -2);
    lua_rawseti(L, keys, ++n);
  }
  if (n > 1) push_sorted(L, keys, keys);
  if (n > 1) lua_remove(L, keys);
}

/* ---- functions: the arguments are at the stack indices a and a + 1 (to a + count - 1), of the
 * kinds the function takes; each pushes its result ---- */

static int raise_invalid(lua_State *L, const char *message) {
  ek_error_push(L, ek_code_name(EK_ERR_INVALID), message);
  return lua_error(L);
}

static void raise_argument(lua_State *L, const struct ek_jmespath_function *f, int n,
                           const char *wanted, int kind) {
  lua_pushfstring(L, "jmespath: %s(): argument %d is %s %s, not %s", f->name, n,
                  kind == EK_JMESPATH_KIND_ARRAY || kind == EK_JMESPATH_KIND_OBJECT ? "an" : "a",
                  kind_name(kind), wanted);
  raise_invalid(L, lua_tostring(L, -1));
}

/* The elements of keys are all numbers or all strings (only those in kinds), or this raises. */
static void check_keys(lua_State *L, const struct ek_jmespath_function *f, int keys, int kinds) {
  lua_Integer n = length(L, keys);
  int first = 0;
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, keys, i);
    int kind = kind_of(L, lua_gettop(L));
    lua_pop(L, 1);
    if (first == 0) first = kind;
    if ((kind & kinds) != 0 && kind == first) continue;
    lua_pushfstring(L, "jmespath: %s(): element %I is of type %s%s%s", f->name, i, kind_name(kind),
                    kind == first ? "" : ", others are of type ",
                    kind == first ? "" : kind_name(first));
    raise_invalid(L, lua_tostring(L, -1));
  }
}

/* Pushes the list of what the referred expression gives for each element of the array. */
static void push_mapped(const struct eval *x, int reference, int array) {
  lua_State *L = x->L;
  int32_t node = (int32_t)lua_tointeger(L, reference);
  lua_Integer n = length(L, array);
  new_array(L, n);
  int result = lua_gettop(L);
  for (lua_Integer i = 1; i <= n; i++) {
    get_element(L, array, i);
    evaluate(x, node, result + 1);
    set_element(L, result, i);
    lua_settop(L, result);
  }
}

/* Pushes the element of array whose key is the greatest (sign 1) or the least (-1). */
static void push_extreme(lua_State *L, int array, int keys, int sign) {
  lua_Integer n = length(L, keys), best = 1;
  for (lua_Integer i = 2; i <= n; i++) {
    lua_rawgeti(L, keys, i);
    lua_rawgeti(L, keys, best);
    if (compare_values(L, lua_gettop(L) - 1, lua_gettop(L)) * sign > 0) best = i;
    lua_pop(L, 2);
  }
  if (n == 0) {
    lua_pushnil(L);
  } else {
    get_element(L, array, best);
  }
}

static void push_sum(lua_State *L, int array) {
  lua_Integer n = length(L, array);
  lua_pushinteger(L, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, array, i);
    lua_arith(L, LUA_OPADD);
  }
}

static void push_rounded(lua_State *L, int i, double (*round)(double)) {
  if (lua_isinteger(L, i)) {
    lua_pushvalue(L, i);
    return;
  }
  lua_Number rounded = round(lua_tonumber(L, i));
  lua_Integer integer;
  if (lua_numbertointeger(rounded, &integer)) {
    lua_pushinteger(L, integer);
  } else {
    lua_pushnumber(L, rounded);
  }
}

static bool is_continuation(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

static lua_Integer count_characters(lua_State *L, int i) {
  size_t len;
  const char *s = lua_tolstring(L, i, &len);
  lua_Integer n = 0;
  for (size_t c = 0; c < len; c++) n += is_continuation(s[c]) ? 0 : 1;
  return n;
}

static void push_length(lua_State *L, int i) {
  lua_Integer n = 0;
  if (lua_type(L, i) == LUA_TSTRING) {
    n = count_characters(L, i);
  } else if (is_array(L, i)) {
    n = length(L, i);
  } else {
    for (lua_pushnil(L); lua_next(L, i) != 0; lua_pop(L, 1)) n++;
  }
  lua_pushinteger(L, n);
}

static void push_reversed(lua_State *L, int i) {
  if (lua_type(L, i) != LUA_TSTRING) {
    lua_Integer n = length(L, i);
    new_array(L, n);
    for (lua_Integer e = 1; e <= n; e++) {
      lua_rawgeti(L, i, n + 1 - e);
      lua_rawseti(L, -2, e);
    }
    return;
  }
  size_t len, end;
  const char *s = lua_tolstring(L, i, &len);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t at = end = len; at > 0; end = at) {
    do {
      at--;
    } while (at > 0 && is_continuation(s[at]));
    luaL_addlstring(&b, s + at, end - at);
  }
  luaL_pushresult(&b);
}

static bool contains(lua_State *L, int subject, int wanted) {
  if (lua_type(L, subject) == LUA_TSTRING) {
    size_t n, len;
    const char *text = lua_tolstring(L, subject, &n);
    if (lua_type(L, wanted) != LUA_TSTRING) return false;
    const char *part = lua_tolstring(L, wanted, &len);
    return len == 0 || memmem(text, n, part, len) != NULL;
  }
  lua_Integer n = length(L, subject);
  bool found = false;
  for (lua_Integer i = 1; !found && i <= n; i++) {
    lua_rawgeti(L, subject, i);
    found = equal(L, lua_gettop(L), wanted, 0);
    lua_pop(L, 1);
  }
  return found;
}

static bool has_affix(lua_State *L, int text, int affix, bool at_end) {
  size_t n, len;
  const char *s = lua_tolstring(L, text, &n), *a = lua_tolstring(L, affix, &len);
  return len <= n && memcmp(at_end ? s + (n - len) : s, a, len) == 0;
}

static void push_joined(lua_State *L, int glue, int array) {
  lua_Integer n = length(L, array);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (lua_Integer i = 1; i <= n; i++) {
    if (i > 1) {
      lua_pushvalue(L, glue);
      luaL_addvalue(&b);
    }
    lua_rawgeti(L, array, i);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
}

static void push_merged(lua_State *L, int a, int count) {
  lua_newtable(L);
  int result = lua_gettop(L);
  for (int i = 0; i < count; i++) {
    for (lua_pushnil(L); lua_next(L, a + i) != 0; lua_pop(L, 1)) {
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2);
      lua_rawset(L, result);
    }
  }
}

static void push_values(lua_State *L, int i) {
  push_keys(L, i);
  lua_Integer n = length(L, -1);
  for (lua_Integer k = 1; k <= n; k++) {
    lua_rawgeti(L, -1, k);
    lua_rawget(L, i);
    lua_rawseti(L, -2, k);
  }
}

/* A number, or a string that is one as JSON writes them; null for anything else. */
static void push_number(lua_State *L, int i) {
  if (lua_type(L, i) == LUA_TNUMBER) {
    lua_pushvalue(L, i);
    return;
  }
  lua_pushnil(L);
  if (lua_type(L, i) != LUA_TSTRING) return;
  size_t len;
  const char *text = lua_tolstring(L, i, &len);
  struct ek_json_reader r;
  ek_json_reader_init(&r, text, len, 1);
  enum ek_json_type type = ek_json_next(&r);
  int64_t integer = r.integer;
  double number = r.number;
  bool whole = ek_json_next(&r) == EK_JSON_END;
  ek_json_reader_fini(&r);
  if (!whole || (type != EK_JSON_INTEGER && type != EK_JSON_NUMBER)) return;
  if (type == EK_JSON_INTEGER) {
    lua_pushinteger(L, integer);
  } else {
    lua_pushnumber(L, number);
  }
}

static void push_string(lua_State *L, int i) {
  if (lua_type(L, i) == LUA_TSTRING) {
    lua_pushvalue(L, i);
    return;
  }
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "eksrun.json");
  lua_getfield(L, -1, "encode");
  if (lua_isnil(L, i)) {
    lua_pushlightuserdata(L, NULL);
  } else {
    lua_pushvalue(L, i);
  }
  lua_call(L, 1, 1);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

static void push_not_null(lua_State *L, int a, int count) {
  int i = 0;
  while (i < count - 1 && lua_isnil(L, a + i)) i++;
  lua_pushvalue(L, a + i);
}

static void push_array(lua_State *L, int i) {
  if (is_array(L, i)) {
    lua_pushvalue(L, i);
    return;
  }
  new_array(L, 1);
  lua_pushvalue(L, i);
  set_element(L, lua_gettop(L) - 1, 1);
}

static void apply(const struct eval *x, int function, int a, int count) {
  lua_State *L = x->L;
  const struct ek_jmespath_function *f = &ek_jmespath_functions[function];
  const int orderable = EK_JMESPATH_KIND_NUMBER | EK_JMESPATH_KIND_STRING;
  switch ((enum ek_jmespath_function_id)function) {
  case EK_JMESPATH_ABS:
    lua_pushvalue(L, a);
    if (lua_tonumber(L, a) < 0) lua_arith(L, LUA_OPUNM);
    break;
  case EK_JMESPATH_AVG:
  case EK_JMESPATH_SUM:
    check_keys(L, f, a, EK_JMESPATH_KIND_NUMBER);
    push_sum(L, a);
    if (function == EK_JMESPATH_SUM) break;
    lua_pushinteger(L, length(L, a));
    lua_arith(L, LUA_OPDIV);
    if (length(L, a) == 0) lua_pushnil(L);
    break;
  case EK_JMESPATH_CEIL: push_rounded(L, a, ceil); break;
  case EK_JMESPATH_FLOOR: push_rounded(L, a, floor); break;
  case EK_JMESPATH_CONTAINS: lua_pushboolean(L, contains(L, a, a + 1)); break;
  case EK_JMESPATH_ENDS_WITH: lua_pushboolean(L, has_affix(L, a, a + 1, true)); break;
  case EK_JMESPATH_STARTS_WITH: lua_pushboolean(L, has_affix(L, a, a + 1, false)); break;
  case EK_JMESPATH_JOIN:
    check_keys(L, f, a + 1, EK_JMESPATH_KIND_STRING);
    push_joined(L, a, a + 1);
    break;
  case EK_JMESPATH_KEYS: push_keys(L, a); break;
  case EK_JMESPATH_VALUES: push_values(L, a); break;
  case EK_JMESPATH_LENGTH: push_length(L, a); break;
  case EK_JMESPATH_MAP: push_mapped(x, a, a + 1); break;
  case EK_JMESPATH_MAX:
  case EK_JMESPATH_MIN:
    check_keys(L, f, a, orderable);
    push_extreme(L, a, a, function == EK_JMESPATH_MAX ? 1 : -1);
    break;
  case EK_JMESPATH_MAX_BY:
  case EK_JMESPATH_MIN_BY:
    push_mapped(x, a + 1, a);
    check_keys(L, f, lua_gettop(L), orderable);
    push_extreme(L, a, lua_gettop(L), function == EK_JMESPATH_MAX_BY ? 1 : -1);
    break;
  case EK_JMESPATH_MERGE: push_merged(L, a, count); break;
  case EK_JMESPATH_NOT_NULL: push_not_null(L, a, count); break;
  case EK_JMESPATH_REVERSE: push_reversed(L, a); break;
  case EK_JMESPATH_SORT:
    check_keys(L, f, a, orderable);
    push_sorted(L, a, a);
    break;
  case EK_JMESPATH_SORT_BY:
    push_mapped(x, a + 1, a);
    check_keys(L, f, lua_gettop(L), orderable);
    push_sorted(L, a, lua_gettop(L));
    break;
  case EK_JMESPATH_TO_ARRAY: push_array(L, a); break;
  case EK_JMESPATH_TO_NUMBER: push_number(L, a); break;
  case EK_JMESPATH_TO_STRING: push_string(L, a); break;
  case EK_JMESPATH_TYPE: lua_pushstring(L, kind_name(kind_of(L, a))); break;
  }
}

/* Evaluates the arguments onto the stack (a reference as its node), checks their kinds, applies. */
static void call_function(const struct eval *x, const struct ek_jmespath_node *n, int v) {
  lua_State *L = x->L;
  const struct ek_jmespath_function *f = &ek_jmespath_functions[n->op];
  int a = lua_gettop(L) + 1, count = 0;
  luaL_checkstack(L, n->k + 8, "jmespath: too many arguments");
  for (int32_t i = n->a; i >= 0; i = x->j->nodes[i].next, count++) {
    const struct ek_jmespath_node *argument = &x->j->nodes[i];
    if (argument->type == EK_JMESPATH_REFERENCE) {
      lua_pushinteger(L, argument->a);
      continue;
    }
    evaluate(x, i, v);
    int kinds = f->args[count < 1 ? 0 : 1], kind = kind_of(L, a + count);
    if ((kind & kinds) != 0) continue;
    char wanted[64] = "";
    for (int k = 1; k < EK_JMESPATH_KIND_REFERENCE; k *= 2) {
      if ((kinds & k) == 0) continue;
      size_t used = strlen(wanted);
      (void)snprintf(wanted + used, sizeof wanted - used, "%s%s", used > 0 ? " or " : "",
                     kind_name(k));
    }
    raise_argument(L, f, count + 1, wanted, kind);
  }
  apply(x, n->op, a, count);
}

/* ---- nodes: each pushes one value; anything below it on the stack is cleared by evaluate ---- */

static void push_index(lua_State *L, int v, lua_Integer index) {
  if (!lua_istable(L, v)) {
    lua_pushnil(L);
    return;
  }
  get_element(L, v, index < 0 ? length(L, v) + index + 1 : index + 1);
}

/* The bounds as Python's slices have them. */
static void push_slice(lua_State *L, int v, const struct ek_jmespath_node *n) {
  if (!is_array(L, v)) {
    lua_pushnil(L);
    return;
  }
  lua_Integer len = length(L, v), step = n->k == EK_JMESPATH_NONE ? 1 : n->k;
  lua_Integer low = step < 0 ? -1 : 0, high = step < 0 ? len - 1 : len;
  lua_Integer bounds[2] = {step < 0 ? high : low, step < 0 ? low : high};
  const int32_t given[2] = {n->a, n->b};
  for (int i = 0; i < 2; i++) {
    if (given[i] == EK_JMESPATH_NONE) continue;
    lua_Integer bound = given[i] < 0 ? len + given[i] : given[i];
    bounds[i] = bound < low ? low : bound > high ? high : bound;
  }
  new_array(L, 0);
  lua_Integer count = 0;
  for (lua_Integer i = bounds[0]; step > 0 ? i < bounds[1] : i > bounds[1]; i += step) {
    lua_rawgeti(L, v, i + 1);
    set_element(L, lua_gettop(L) - 1, ++count);
  }
}

static void push_flattened(lua_State *L, int v) {
  if (!is_array(L, v)) {
    lua_pushnil(L);
    return;
  }
  new_array(L, 0);
  int result = lua_gettop(L);
  lua_Integer len = length(L, v), count = 0;
  for (lua_Integer i = 1; i <= len; i++) {
    lua_rawgeti(L, v, i);
    if (is_array(L, result + 1)) {
      lua_Integer inner = length(L, result + 1);
      for (lua_Integer e = 1; e <= inner; e++) {
        lua_rawgeti(L, result + 1, e);
        set_element(L, result, ++count);
      }
      lua_pop(L, 1);
    } else {
      set_element(L, result, ++count);
    }
  }
}

/* Applies node n's right side to each element of the array at index from, nulls left out. */
static void push_projection(const struct eval *x, const struct ek_jmespath_node *n, int from) {
  lua_State *L = x->L;
  lua_Integer len = length(L, from), count = 0;
  new_array(L, 0);
  int result = lua_gettop(L);
  for (lua_Integer i = 1; i <= len; i++, lua_settop(L, result)) {
    get_element(L, from, i);
    if (n->type == EK_JMESPATH_FILTER_EACH) {
      evaluate(x, n->k, result + 1);
      if (!is_true(L, result + 2)) continue;
      lua_pop(L, 1);
    }
    evaluate(x, n->b, result + 1);
    if (lua_isnil(L, -1)) continue;
    lua_rawseti(L, result, ++count);
  }
}

static void push_list_each(const struct eval *x, const struct ek_jmespath_node *n, int v) {
  lua_State *L = x->L;
  evaluate(x, n->a, v);
  int left = lua_gettop(L);
  if (is_array(L, left)) {
    push_projection(x, n, left);
  } else {
    lua_pushnil(L);
  }
}

static void push_object_each(const struct eval *x, const struct ek_jmespath_node *n, int v) {
  lua_State *L = x->L;
  evaluate(x, n->a, v);
  int left = lua_gettop(L);
  if (kind_of(L, left) != EK_JMESPATH_KIND_OBJECT) {
    lua_pushnil(L);
    return;
  }
  push_values(L, left);
  push_projection(x, n, lua_gettop(L));
}

static void push_comparison(const struct eval *x, const struct ek_jmespath_node *n, int v) {
  lua_State *L = x->L;
  evaluate(x, n->a, v);
  evaluate(x, n->b, v);
  int b = lua_gettop(L), a = b - 1;
  bool numbers = lua_type(L, a) == LUA_TNUMBER && lua_type(L, b) == LUA_TNUMBER;
  switch ((enum ek_jmespath_compare)n->op) {
  case EK_JMESPATH_EQ: lua_pushboolean(L, equal(L, a, b, 0)); return;
  case EK_JMESPATH_NE: lua_pushboolean(L, !equal(L, a, b, 0)); return;
  case EK_JMESPATH_LT: lua_pushboolean(L, numbers && lua_compare(L, a, b, LUA_OPLT)); break;
  case EK_JMESPATH_LE: lua_pushboolean(L, numbers && lua_compare(L, a, b, LUA_OPLE)); break;
  case EK_JMESPATH_GT: lua_pushboolean(L, numbers && lua_compare(L, b, a, LUA_OPLT)); break;
  case EK_JMESPATH_GE: lua_pushboolean(L, numbers && lua_compare(L, b, a, LUA_OPLE)); break;
  }
  if (!numbers) lua_pushnil(L);
}

static void push_multi(const struct eval *x, const struct ek_jmespath_node *n, int v) {
  lua_State *L = x->L;
  if (is_null(L, v)) {
    lua_pushnil(L);
    return;
  }
  bool list = n->type == EK_JMESPATH_MULTI_LIST;
  if (list) {
    new_array(L, 0);
  } else {
    lua_newtable(L);
  }
  int result = lua_gettop(L);
  lua_Integer count = 0;
  for (int32_t i = n->a; i >= 0; i = x->j->nodes[i].next) {
    const struct ek_jmespath_node *element = &x->j->nodes[i];
    if (list) {
      evaluate(x, i, v);
      set_element(L, result, ++count);
      continue;
    }
    lua_rawgeti(L, SLOT_CONSTANTS, element->k + 1);
    evaluate(x, element->a, v);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushlightuserdata(L, NULL);
    }
    lua_rawset(L, result);
  }
}

static void evaluate(const struct eval *x, int32_t node, int v) {
  lua_State *L = x->L;
  const struct ek_jmespath_node *n = &x->j->nodes[node];
  int base = lua_gettop(L) + 1;
  luaL_checkstack(L, 16, "jmespath: expression nested too deeply");
  switch ((enum ek_jmespath_type)n->type) {
  case EK_JMESPATH_CURRENT: lua_pushvalue(L, v); break;
  case EK_JMESPATH_FIELD:
    lua_rawgeti(L, SLOT_CONSTANTS, n->k + 1);
    if (lua_istable(L, v)) {
      lua_rawget(L, v);
      normalize(L);
    } else {
      lua_pushnil(L);
    }
    break;
  case EK_JMESPATH_INDEX: push_index(L, v, n->k); break;
  case EK_JMESPATH_SLICE: push_slice(L, v, n); break;
  case EK_JMESPATH_LITERAL:
    lua_rawgeti(L, SLOT_CONSTANTS, n->k + 1);
    normalize(L);
    break;
  case EK_JMESPATH_PIPE:
    evaluate(x, n->a, v);
    evaluate(x, n->b, base);
    break;
  case EK_JMESPATH_LIST_EACH:
  case EK_JMESPATH_FILTER_EACH: push_list_each(x, n, v); break;
  case EK_JMESPATH_OBJECT_EACH: push_object_each(x, n, v); break;
  case EK_JMESPATH_FLATTEN:
    evaluate(x, n->a, v);
    push_flattened(L, base);
    break;
  case EK_JMESPATH_COMPARE: push_comparison(x, n, v); break;
  case EK_JMESPATH_AND:
  case EK_JMESPATH_OR:
    evaluate(x, n->a, v);
    if (is_true(L, base) == (n->type == EK_JMESPATH_AND)) evaluate(x, n->b, v);
    break;
  case EK_JMESPATH_NOT:
    evaluate(x, n->a, v);
    lua_pushboolean(L, !is_true(L, base));
    break;
  case EK_JMESPATH_MULTI_LIST:
  case EK_JMESPATH_MULTI_OBJECT: push_multi(x, n, v); break;
  case EK_JMESPATH_CALL: call_function(x, n, v); break;
  case EK_JMESPATH_PAIR:
  case EK_JMESPATH_REFERENCE: lua_pushnil(L); break; /* reached through their parents only */
  }
  lua_copy(L, -1, base);
  lua_settop(L, base);
}

/* ---- the module ---- */

static int l_free(lua_State *L) {
  ek_jmespath_fini(luaL_checkudata(L, 1, TYPE));
  return 0;
}

/* Pushes json.decode(text). */
static void decode_literal(lua_State *L, const char *text, size_t len) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "eksrun.json");
  lua_getfield(L, -1, "decode");
  lua_pushlstring(L, text, len);
  lua_call(L, 1, 1);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

/* Pushes the Expression for the string at index i. */
static void push_expression(lua_State *L, int i) {
  size_t len;
  const char *text = luaL_checklstring(L, i, &len);
  struct ek_jmespath *j = lua_newuserdatauv(L, sizeof *j, 1);
  *j = (struct ek_jmespath){.text = EK_BUF_INIT, .root = -1};
  luaL_setmetatable(L, TYPE);
  struct ek_error e;
  if (ek_jmespath_parse(j, text, len, &e) < 0) ek_error_raise(L, &e);
  lua_createtable(L, (int)j->constant_count, 0);
  for (size_t c = 0; c < j->constant_count; c++) {
    const struct ek_jmespath_constant *constant = &j->constants[c];
    const char *bytes = j->text.data + constant->offset;
    if (constant->json) {
      decode_literal(L, bytes, constant->len);
    } else {
      lua_pushlstring(L, bytes, constant->len);
    }
    lua_rawseti(L, -2, (lua_Integer)c + 1);
  }
  lua_setiuservalue(L, -2, 1);
}

static int l_compile(lua_State *L) {
  push_expression(L, 1);
  return 1;
}

/* Expression:search(value): upvalues 1 and 2 are the metatables of lists and objects. */
static int l_search(lua_State *L) {
  const struct ek_jmespath *j = luaL_checkudata(L, SLOT_EXPRESSION, TYPE);
  lua_settop(L, SLOT_VALUE);
  normalize(L);
  lua_getiuservalue(L, SLOT_EXPRESSION, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  evaluate(&(struct eval){L, j}, j->root, SLOT_VALUE);
  return 1;
}

/* jmespath.search(expression, value): upvalue 3 is the cache, upvalue 4 its size. */
static int l_search_text(lua_State *L) {
  luaL_checkstring(L, 1);
  lua_settop(L, 2);
  lua_pushvalue(L, 1);
  if (lua_rawget(L, lua_upvalueindex(3)) == LUA_TNIL) {
    lua_Integer size = lua_tointeger(L, lua_upvalueindex(4));
    if (size >= CACHE_MAX) {
      lua_newtable(L);
      lua_replace(L, lua_upvalueindex(3));
      size = 0;
    }
    push_expression(L, 1);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, lua_upvalueindex(3));
    lua_pushinteger(L, size + 1);
    lua_replace(L, lua_upvalueindex(4));
  }
  lua_replace(L, 1);
  return l_search(L);
}

/* Pushes the metatables of lists and objects (false: no such), as eksrun.json has them. */
static void push_metatables(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "eksrun.json");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "array_mt");
  lua_getfield(L, -2, "object_mt");
  lua_remove(L, -3);
}

int luaopen_eksrun_jmespath(lua_State *L) {
  if (luaL_newmetatable(L, TYPE)) {
    lua_pushcfunction(L, l_free);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    push_metatables(L);
    lua_pushcclosure(L, l_search, 2);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__call");
    lua_createtable(L, 0, 1);
    lua_insert(L, -2);
    lua_setfield(L, -2, "search");
    lua_setfield(L, -2, "__index");
  }
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, l_compile);
  lua_setfield(L, -2, "compile");
  push_metatables(L);
  lua_newtable(L);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, l_search_text, 4);
  lua_setfield(L, -2, "search");
  return 1;
}

/* The functions of JMESPath.
 *
 * The arguments are at the stack indices a and a + 1 (to a + count - 1), of the kinds that the
 * function takes; each pushes its result. */
#include <math.h>

#include "bindings/jmespath/jmespath.h"
#include "core/json.h"

static int raise_invalid(lua_State *L, const char *message) {
  ek_error_push(L, ek_code_name(EK_ERR_INVALID), message);
  return lua_error(L);
}

static void raise_argument(lua_State *L, const struct ek_jmespath_function *f, int n,
                           const char *wanted, int kind) {
  lua_pushfstring(L, "jmespath: %s(): argument %d is %s %s, not %s", f->name, n,
                  kind == EK_JMESPATH_KIND_ARRAY || kind == EK_JMESPATH_KIND_OBJECT ? "an" : "a",
                  ek_jmespath_kind_name(kind), wanted);
  raise_invalid(L, lua_tostring(L, -1));
}

/* The elements of keys are all numbers or all strings (only those in kinds), or this raises. */
static void check_keys(lua_State *L, const struct ek_jmespath_function *f, int keys, int kinds) {
  lua_Integer n = ek_jmespath_length(L, keys);
  int first = 0;
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, keys, i);
    int kind = ek_jmespath_kind_of(L, lua_gettop(L));
    lua_pop(L, 1);
    if (first == 0) first = kind;
    if ((kind & kinds) != 0 && kind == first) continue;
    lua_pushfstring(L, "jmespath: %s(): element %I is of type %s%s%s", f->name, i,
                    ek_jmespath_kind_name(kind), kind == first ? "" : ", others are of type ",
                    kind == first ? "" : ek_jmespath_kind_name(first));
    raise_invalid(L, lua_tostring(L, -1));
  }
}

/* Pushes the list of what the referred expression gives for each element of the array. */
static void push_mapped(const struct ek_jmespath_eval *x, int reference, int array) {
  lua_State *L = x->L;
  int32_t node = (int32_t)lua_tointeger(L, reference);
  lua_Integer n = ek_jmespath_length(L, array);
  ek_jmespath_new_array(L, n);
  int result = lua_gettop(L);
  for (lua_Integer i = 1; i <= n; i++) {
    ek_jmespath_get(L, array, i);
    ek_jmespath_evaluate(x, node, result + 1);
    ek_jmespath_set(L, result, i);
    lua_settop(L, result);
  }
}

/* Pushes the element of array whose key is the greatest (sign 1) or the least (-1). */
static void push_extreme(lua_State *L, int array, int keys, int sign) {
  lua_Integer n = ek_jmespath_length(L, keys), best = 1;
  for (lua_Integer i = 2; i <= n; i++) {
    lua_rawgeti(L, keys, i);
    lua_rawgeti(L, keys, best);
    if (ek_jmespath_compare(L, lua_gettop(L) - 1, lua_gettop(L)) * sign > 0) best = i;
    lua_pop(L, 2);
  }
  if (n == 0) {
    lua_pushnil(L);
  } else {
    ek_jmespath_get(L, array, best);
  }
}

static void push_sum(lua_State *L, int array) {
  lua_Integer n = ek_jmespath_length(L, array);
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
  } else if (ek_jmespath_is_array(L, i)) {
    n = ek_jmespath_length(L, i);
  } else {
    for (lua_pushnil(L); lua_next(L, i) != 0; lua_pop(L, 1)) n++;
  }
  lua_pushinteger(L, n);
}

static void push_reversed(lua_State *L, int i) {
  if (lua_type(L, i) != LUA_TSTRING) {
    lua_Integer n = ek_jmespath_length(L, i);
    ek_jmespath_new_array(L, n);
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
  lua_Integer n = ek_jmespath_length(L, subject);
  bool found = false;
  for (lua_Integer i = 1; !found && i <= n; i++) {
    lua_rawgeti(L, subject, i);
    found = ek_jmespath_equal(L, lua_gettop(L), wanted, 0);
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
  lua_Integer n = ek_jmespath_length(L, array);
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
  if (ek_jmespath_is_array(L, i)) {
    lua_pushvalue(L, i);
    return;
  }
  ek_jmespath_new_array(L, 1);
  lua_pushvalue(L, i);
  ek_jmespath_set(L, lua_gettop(L) - 1, 1);
}

static void apply(const struct ek_jmespath_eval *x, int function, int a, int count) {
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
    lua_pushinteger(L, ek_jmespath_length(L, a));
    lua_arith(L, LUA_OPDIV);
    if (ek_jmespath_length(L, a) == 0) lua_pushnil(L);
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
  case EK_JMESPATH_KEYS: ek_jmespath_push_keys(L, a); break;
  case EK_JMESPATH_VALUES: ek_jmespath_push_values(L, a); break;
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
    ek_jmespath_push_sorted(L, a, a);
    break;
  case EK_JMESPATH_SORT_BY:
    push_mapped(x, a + 1, a);
    check_keys(L, f, lua_gettop(L), orderable);
    ek_jmespath_push_sorted(L, a, lua_gettop(L));
    break;
  case EK_JMESPATH_TO_ARRAY: push_array(L, a); break;
  case EK_JMESPATH_TO_NUMBER: push_number(L, a); break;
  case EK_JMESPATH_TO_STRING: push_string(L, a); break;
  case EK_JMESPATH_TYPE: lua_pushstring(L, ek_jmespath_kind_name(ek_jmespath_kind_of(L, a))); break;
  }
}

void ek_jmespath_call(const struct ek_jmespath_eval *x, const struct ek_jmespath_node *n, int v) {
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
    ek_jmespath_evaluate(x, i, v);
    int kinds = f->args[count < 1 ? 0 : 1], kind = ek_jmespath_kind_of(L, a + count);
    if ((kind & kinds) != 0) continue;
    char wanted[64] = "";
    for (int k = 1; k < EK_JMESPATH_KIND_REFERENCE; k *= 2) {
      if ((kinds & k) == 0) continue;
      size_t used = strlen(wanted);
      (void)snprintf(wanted + used, sizeof wanted - used, "%s%s", used > 0 ? " or " : "",
                     ek_jmespath_kind_name(k));
    }
    raise_argument(L, f, count + 1, wanted, kind);
  }
  apply(x, n->op, a, count);
}

/* eksrun.json: JSON for recipes and for ourselves.
 *
 * Integers stay integers, lists carry json.array_mt (so that an empty one stays a list), null is
 * json.null, of equal keys the last one counts. */
#include "bindings/json/json.h"
#include "core/json.h"

enum { DEPTH_DEFAULT = 512, INDENT_MAX = 16 };

/* For an options table at index: raises for a key that is not in names. */
static void check_options(lua_State *L, int index, const char *function, const char *names) {
  if (lua_isnoneornil(L, index)) return;
  luaL_checktype(L, index, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    const char *found = key == NULL ? NULL : strstr(names, lua_pushfstring(L, " %s ", key));
    if (found == NULL) {
      luaL_error(L, "json.%s: unknown option '%s'; the options are%s", function,
                 key == NULL ? luaL_typename(L, -2) : key, names);
    }
    lua_pop(L, 1);
  }
}

static int integer_option(lua_State *L, int index, const char *function, const char *name,
                          int least, int most, int otherwise) {
  if (lua_isnoneornil(L, index) || lua_getfield(L, index, name) == LUA_TNIL) return otherwise;
  int is_integer;
  lua_Integer n = lua_tointegerx(L, -1, &is_integer);
  if (!is_integer || n < least || n > most) {
    luaL_error(L, "json.%s: option '%s' must be an integer from %d to %d", function, name, least,
               most);
  }
  lua_pop(L, 1);
  return (int)n;
}

static bool boolean_option(lua_State *L, int index, const char *name, bool otherwise) {
  if (lua_isnoneornil(L, index)) return otherwise;
  bool value = lua_getfield(L, index, name) == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

static bool decode(lua_State *L, const char *function, struct ek_error *e) {
  size_t len;
  if (lua_type(L, 1) != LUA_TSTRING) {
    luaL_error(L, "json.%s: a string is required, not a %s", function, luaL_typename(L, 1));
  }
  const char *text = lua_tolstring(L, 1, &len);
  check_options(L, 2, function, " max_depth ");
  int depth = integer_option(L, 2, function, "max_depth", 1, EK_JSON_DEPTH_MAX, DEPTH_DEFAULT);
  return ek_json_push(L, text, len, (unsigned)depth, true, e);
}

static int l_decode(lua_State *L) {
  struct ek_error e;
  if (!decode(L, "decode", &e)) return ek_error_raise(L, &e);
  return 1;
}

static int l_try_decode(lua_State *L) {
  struct ek_error e;
  if (!decode(L, "try_decode", &e)) return ek_error_result(L, &e);
  return 1;
}

static int l_encode(lua_State *L) {
  luaL_checkany(L, 1);
  check_options(L, 2, "encode", " indent sort max_depth replace_invalid ");
  const struct ek_json_style style = {
      .max_depth = integer_option(L, 2, "encode", "max_depth", 1, EK_JSON_DEPTH_MAX, DEPTH_DEFAULT),
      .indent = integer_option(L, 2, "encode", "indent", 0, INDENT_MAX, 0),
      .unsorted = !boolean_option(L, 2, "sort", true),
      .replace_invalid = boolean_option(L, 2, "replace_invalid", false),
  };
  struct ek_buf *out = ek_lbuf_new(L);
  if (!ek_json_append(L, out, 1, &style)) {
    return luaL_error(L, "json.encode: %s", lua_tostring(L, -1));
  }
  ek_lbuf_push(L, out);
  ek_buf_fini(out);
  return 1;
}

static int mark(lua_State *L, void (*push)(lua_State *), const char *function) {
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  if (lua_type(L, 1) != LUA_TTABLE) {
    return luaL_error(L, "json.%s: a table is required, not a %s", function, luaL_typename(L, 1));
  }
  lua_settop(L, 1);
  push(L);
  lua_setmetatable(L, 1);
  return 1;
}

static int l_array(lua_State *L) {
  return mark(L, ek_json_push_array_mt, "array");
}

static int l_object(lua_State *L) {
  return mark(L, ek_json_push_object_mt, "object");
}

int luaopen_eksrun_json(lua_State *L) {
  static const luaL_Reg functions[] = {{"decode", l_decode}, {"try_decode", l_try_decode},
                                       {"encode", l_encode}, {"array", l_array},
                                       {"object", l_object}, {NULL, NULL}};
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  ek_json_push_array_mt(L);
  lua_setfield(L, -2, "array_mt");
  ek_json_push_object_mt(L);
  lua_setfield(L, -2, "object_mt");
  return 1;
}

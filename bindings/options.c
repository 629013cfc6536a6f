/* Option tables. */
#include "options.h"

#include <lauxlib.h>

#include "core/suggest.h"

static int unknown(lua_State *L, const char *what, int key, const char *const *names) {
  if (lua_type(L, key) != LUA_TSTRING)
    return luaL_error(L, "%s: unknown field [%s]", what, luaL_tolstring(L, key, NULL));
  const char *best[1];
  size_t count = 0;
  while (names[count] != NULL) count++;
  const char *name = lua_tostring(L, key);
  if (ek_suggest(best, 1, name, names, count) == 0)
    return luaL_error(L, "%s: unknown field '%s'", what, name);
  return luaL_error(L, "%s: unknown field '%s' (did you mean '%s'?)", what, name, best[0]);
}

static bool known(lua_State *L, int key, const char *const *names) {
  if (lua_type(L, key) != LUA_TSTRING) return false;
  const char *name = lua_tostring(L, key);
  for (; *names != NULL; names++)
    if (strcmp(name, *names) == 0) return true;
  return false;
}

void ek_options_check(lua_State *L, int index, const char *what, bool optional,
                      const char *const *names) {
  if (optional && lua_isnoneornil(L, index)) {
    lua_settop(L, index);
    lua_newtable(L);
    lua_replace(L, index);
    return;
  }
  if (!lua_istable(L, index))
    luaL_error(L, "%s: a table of options is required, not %s", what, luaL_typename(L, index));
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    if (!known(L, -2, names)) unknown(L, what, lua_gettop(L) - 1, names);
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_replace(L, index);
}

/* Pushes a field, read raw: a string that a metamethod made would have no anchor. */
static int push_field(lua_State *L, int index, const char *name) {
  index = lua_absindex(L, index);
  lua_pushstring(L, name);
  return lua_rawget(L, index);
}

static int wrong(lua_State *L, const char *what, const char *name, const char *expected) {
  return luaL_error(L, "%s: field '%s' must be %s, not %s", what, name, expected,
                    luaL_typename(L, -1));
}

const char *ek_options_string(lua_State *L, int index, const char *what, const char *name,
                              size_t *len, bool required) {
  int type = push_field(L, index, name);
  if (type == LUA_TNIL) {
    if (required) luaL_error(L, "%s: field '%s' (string) is required", what, name);
    lua_pop(L, 1);
    if (len != NULL) *len = 0;
    return NULL;
  }
  if (type != LUA_TSTRING) wrong(L, what, name, "a string");
  size_t n;
  const char *s = lua_tolstring(L, -1, &n);
  if (len != NULL)
    *len = n;
  else if (strlen(s) != n)
    luaL_error(L, "%s: field '%s' holds a NUL byte", what, name);
  lua_pop(L, 1);
  return s;
}

double ek_options_number(lua_State *L, int index, const char *what, const char *name, double least,
                         double otherwise) {
  double n = otherwise;
  int type = push_field(L, index, name);
  if (type != LUA_TNIL) {
    if (type != LUA_TNUMBER) wrong(L, what, name, "a number");
    n = lua_tonumber(L, -1);
    if (!(n >= least)) luaL_error(L, "%s: field '%s' must be at least %f", what, name, least);
  }
  lua_pop(L, 1);
  return n;
}

lua_Integer ek_options_integer(lua_State *L, int index, const char *what, const char *name,
                               lua_Integer least, lua_Integer otherwise) {
  lua_Integer n = otherwise;
  if (push_field(L, index, name) != LUA_TNIL) {
    int is = 0;
    if (lua_type(L, -1) == LUA_TNUMBER) n = lua_tointegerx(L, -1, &is);
    if (!is) wrong(L, what, name, "an integer");
    if (n < least)
      luaL_error(L, "%s: field '%s' must be at least %I", what, name, (LUAI_UACINT)least);
  }
  lua_pop(L, 1);
  return n;
}

bool ek_options_boolean(lua_State *L, int index, const char *what, const char *name,
                        bool otherwise) {
  int type = push_field(L, index, name);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN) wrong(L, what, name, "a boolean");
  bool b = type == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return b;
}

int ek_options_push(lua_State *L, int index, const char *what, const char *name, int type) {
  int got = push_field(L, index, name);
  if (got != LUA_TNIL && got != type) wrong(L, what, name, lua_typename(L, type));
  return got;
}

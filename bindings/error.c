/* eksrun.error: error objects.
 *
 *   error.new { code =, message =, operation =, status =, request_id =, retryable =, cause = }
 *   error.is(value) -> boolean
 *
 * tostring() gives one line: the message, then each cause behind a colon. */
#include "bindings/bindings.h"

#define TYPE       "eksrun.error"
#define CAUSES_MAX 8

static int l_tostring(lua_State *L) {
  luaL_Buffer b;
  lua_settop(L, 1);
  luaL_buffinit(L, &b);
  for (int depth = 0; depth < CAUSES_MAX; depth++) {
    /* Stack: 1 the error at hand, then whatever the buffer keeps. */
    if (depth > 0) luaL_addstring(&b, ": ");
    if (!lua_istable(L, 1)) {
      luaL_tolstring(L, 1, NULL);
      luaL_addvalue(&b);
      break;
    }
    lua_getfield(L, 1, "message");
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_getfield(L, 1, "code");
    }
    luaL_tolstring(L, -1, NULL);
    lua_remove(L, -2);
    luaL_addvalue(&b);
    if (lua_getfield(L, 1, "cause") == LUA_TNIL) {
      lua_pop(L, 1);
      break;
    }
    lua_replace(L, 1);
  }
  luaL_pushresult(&b);
  return 1;
}

static void push_metatable(lua_State *L) {
  if (luaL_getmetatable(L, TYPE) != LUA_TNIL) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 2);
  lua_pushliteral(L, TYPE);
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, l_tostring);
  lua_setfield(L, -2, "__tostring");
  /* Known only when whole, as in metatable.c; this one Lua may look at. */
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, TYPE);
}

void ek_error_push(lua_State *L, const char *code, const char *message) {
  lua_createtable(L, 0, 2);
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  push_metatable(L);
  lua_setmetatable(L, -2);
}

int ek_error_raise(lua_State *L, const struct ek_error *e) {
  ek_error_push(L, ek_code_name(e->code), e->message);
  return lua_error(L);
}

int ek_error_result(lua_State *L, const struct ek_error *e) {
  lua_pushnil(L);
  ek_error_push(L, ek_code_name(e->code), e->message);
  return 2;
}

static int l_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  push_metatable(L);
  lua_setmetatable(L, 1);
  return 1;
}

static int l_is(lua_State *L) {
  luaL_checkany(L, 1);
  int is = 0;
  if (lua_getmetatable(L, 1)) {
    luaL_getmetatable(L, TYPE);
    is = lua_rawequal(L, -1, -2);
  }
  lua_pushboolean(L, is);
  return 1;
}

int luaopen_eksrun_error(lua_State *L) {
  static const luaL_Reg functions[] = {{"new", l_new}, {"is", l_is}, {NULL, NULL}};
  push_metatable(L);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}

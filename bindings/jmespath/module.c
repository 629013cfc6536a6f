/* eksrun.jmespath: JMESPath over Lua values.
 *
 *   jmespath.search(expression, value) -> value     parses once, remembers the last few hundred
 *   jmespath.compile(expression) -> Expression      Expression:search(value), Expression(value)
 *
 * Null is nil and json.null alike; a result that is null is nil, but json.null within a list. A
 * list is a table marked by json.array_mt or one with a first element; results mark their lists.
 * Objects are walked in the order of their keys, so that results do not vary between runs. */
#include "bindings/jmespath/jmespath.h"

#define TYPE      "eksrun.jmespath.expression"
#define CACHE_MAX 256

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
  const struct ek_jmespath *j = luaL_checkudata(L, EK_JMESPATH_SLOT_EXPRESSION, TYPE);
  /* A finalizer may hold one that was collected before it. */
  if (j->root < 0) return luaL_error(L, "jmespath: the expression is closed");
  lua_settop(L, EK_JMESPATH_SLOT_VALUE);
  ek_jmespath_normalize(L);
  lua_getiuservalue(L, EK_JMESPATH_SLOT_EXPRESSION, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  ek_jmespath_evaluate(&(struct ek_jmespath_eval){L, j}, j->root, EK_JMESPATH_SLOT_VALUE);
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
  ek_metatable_push(L, TYPE, NULL, l_free);
  lua_pushnil(L);
  lua_setfield(L, -2, "__close"); /* a finalizer could close what is being evaluated */
  push_metatables(L);
  lua_pushcclosure(L, l_search, 2);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__call");
  lua_createtable(L, 0, 1);
  lua_insert(L, -2);
  lua_setfield(L, -2, "search");
  lua_setfield(L, -2, "__index");
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

/* Sets up the Lua state and enters it, once, through a protected call. */
#include "host.h"

#include <lauxlib.h>
#include <lualib.h>

#include "bindings/bindings.h"
#include "embed.h"

/* Upvalue 1: the override folder, or nil. Finds "a.b" as a/b.lua or a/b/init.lua. */
static int l_search_stdlib(lua_State *L) {
  const char *module = luaL_checkstring(L, 1);
  const char *path = luaL_gsub(L, module, ".", "/");
  const char *dir = lua_tostring(L, lua_upvalueindex(1));
  static const char *const forms[] = {"%s.lua", "%s/init.lua"};
  for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
    const char *name = lua_pushfstring(L, forms[f], path);
    if (dir != NULL) {
      const char *file = lua_pushfstring(L, "%s/%s", dir, name);
      FILE *probe = fopen(file, "re");
      if (probe == NULL) continue;
      (void)fclose(probe);
      if (luaL_loadfilex(L, file, "t") != LUA_OK) return lua_error(L);
      lua_pushvalue(L, -2);
      return 2;
    }
    for (size_t i = 0; i < ek_stdlib_count; i++) {
      const struct ek_embedded *e = &ek_stdlib[i];
      if (strcmp(e->name, name) != 0) continue;
      const char *chunk = lua_pushfstring(L, "@lua/stdlib/%s", name);
      if (luaL_loadbufferx(L, e->data, e->size, chunk, "t") != LUA_OK) return lua_error(L);
      lua_pushstring(L, chunk + 1);
      return 2;
    }
  }
  lua_pushfstring(L, "no embedded module '%s'", module);
  return 1;
}

/* The embedded library comes behind preload; files are found only once package.path says where. */
static void set_searchers(lua_State *L, const char *stdlib_dir) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushstring(L, stdlib_dir);
  lua_pushcclosure(L, l_search_stdlib, 1);
  lua_rawseti(L, -2, 2);
  lua_pushliteral(L, "");
  lua_setfield(L, -3, "path");
  lua_pushliteral(L, "");
  lua_setfield(L, -3, "cpath");
  lua_pop(L, 2);
}

static int open_all(lua_State *L) {
  const char *stdlib_dir = lua_touserdata(L, 1);
  lua_pushboolean(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  luaL_openlibs(L);
  set_searchers(L, stdlib_dir);
  ek_bindings_preload(L);
  return 0;
}

lua_State *ek_host_new(const char *stdlib_dir) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return NULL;
  lua_pushcfunction(L, open_all);
  lua_pushlightuserdata(L, (void *)(uintptr_t)stdlib_dir);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    (void)fprintf(stderr, "eksrun: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return NULL;
  }
  return L;
}

static int l_traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (message == NULL) return 1;
  luaL_traceback(L, L, message, 1);
  return 1;
}

/* arg = { [0] = argv[0], argv[1], ... } */
static void set_arg(lua_State *L, int argc, char **argv) {
  lua_createtable(L, argc - 1, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_setglobal(L, "arg");
}

/* `eksrun lua FILE [ARGUMENT...]` runs a plain Lua file, everything else is the command line's. */
static int run_main(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  int first = 1;
  lua_settop(L, 0);
  if (argc >= 3 && strcmp(argv[1], "lua") == 0) {
    first = 3;
    set_arg(L, argc - 2, argv + 2);
    if (luaL_loadfilex(L, argv[2], "t") != LUA_OK) return lua_error(L);
  } else {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "eksrun.cli.main");
    lua_call(L, 1, 1);
  }
  luaL_checkstack(L, argc, "too many arguments");
  for (int i = first; i < argc; i++) lua_pushstring(L, argv[i]);
  lua_call(L, argc > first ? argc - first : 0, 1);
  return 1;
}

int ek_host_run(lua_State *L, int argc, char **argv) {
  lua_pushcfunction(L, l_traceback);
  lua_pushcfunction(L, run_main);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int status = 1;
  if (lua_pcall(L, 2, 1, 1) == LUA_OK) {
    status = (int)lua_tointeger(L, -1);
  } else {
    (void)fprintf(stderr, "eksrun: %s\n", luaL_tolstring(L, -1, NULL));
  }
  lua_settop(L, 0);
  return status;
}

/* A Lua state for fuzzers of Lua modules: the native modules, and the standard library's files. */
#ifndef EK_FUZZ_LUA_H
#define EK_FUZZ_LUA_H

#include <lualib.h>

#include "bindings/bindings.h"

/* What the state holds lives from one input to the next: looking for leaks after each would take
 * all the time (four inputs a second instead of thousands). */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "detect_leaks=0";
}

/* The function that `script` returns, on the stack of a state that lasts. */
static lua_State *ek_fuzz_state(const char *script) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  ek_bindings_preload(L);
  lua_getglobal(L, "package");
  lua_pushliteral(L, EK_STDLIB_DIR "/?.lua;" EK_STDLIB_DIR "/?/init.lua");
  lua_setfield(L, -2, "path");
  lua_settop(L, 0);
  if (luaL_dostring(L, script) != LUA_OK) {
    (void)fprintf(stderr, "%s\n", lua_tostring(L, -1));
    abort();
  }
  return L;
}

/* Calls that function with the bytes; an error that it raises is a finding. */
static int ek_fuzz_call(lua_State *L, const uint8_t *data, size_t size) {
  lua_pushvalue(L, 1);
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    (void)fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    abort();
  }
  return 0;
}

#endif

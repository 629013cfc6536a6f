/* Metatables of userdata. */
#include "bindings/bindings.h"

void ek_metatable_push(lua_State *L, const char *name, const luaL_Reg *methods,
                       lua_CFunction fini) {
  if (luaL_getmetatable(L, name) != LUA_TNIL) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 5);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  if (methods != NULL) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
  }
  if (fini != NULL) {
    lua_pushcfunction(L, fini);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, fini);
    lua_setfield(L, -2, "__close");
  }
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  /* Known only when whole: memory may have run out above. */
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, name);
}

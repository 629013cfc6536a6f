/* Byte buffers owned by the Lua collector. */
#include "bindings/bindings.h"

#define TYPE "eksrun.buf"

static int l_free(lua_State *L) {
  struct ek_buf *b = luaL_checkudata(L, 1, TYPE);
  ek_buf_fini(b);
  return 0;
}

struct ek_buf *ek_lbuf_new(lua_State *L) {
  struct ek_buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  ek_buf_init(b);
  ek_metatable_push(L, TYPE, NULL, l_free);
  lua_setmetatable(L, -2);
  return b;
}

void ek_lbuf_push(lua_State *L, struct ek_buf *b) {
  if (b->failed) luaL_error(L, "not enough memory");
  lua_pushlstring(L, b->data == NULL ? "" : b->data, b->len);
}

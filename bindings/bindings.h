/* What the native modules share.
 *
 * Two rules hold everywhere below: nothing that malloc gave may live only in a C local across a
 * call that can raise (put it into a userdata first: ek_lbuf_new), and callbacks of foreign
 * libraries never touch Lua. */
#ifndef EK_BINDINGS_H
#define EK_BINDINGS_H

#include <lua.h>
#include <lauxlib.h>

#include "core/buf.h"
#include "core/error.h"

/* Puts every native module into package.preload. */
void ek_bindings_preload(lua_State *L);

/* Pushes an error object {code =, message =} with the metatable eksrun.error. */
void ek_error_push(lua_State *L, const char *code, const char *message);
/* Raises e as an error object. Never returns. */
int ek_error_raise(lua_State *L, const struct ek_error *e);
/* Pushes nil and e as an error object; returns 2. */
int ek_error_result(lua_State *L, const struct ek_error *e);

/* Pushes the metatable of a kind of userdata, made at the first call: its methods (or NULL), fini
 * for collection and __close (may run twice; NULL: it owns nothing), and no way at the metatable
 * itself from Lua. Where memory runs out on the way, the next call makes it, whole. */
void ek_metatable_push(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction fini);

/* Pushes a userdata that owns an empty buffer: freed by collection, or at once by __close. */
struct ek_buf *ek_lbuf_new(lua_State *L);
/* The bytes of b as a Lua string on the stack; raises a memory error if b failed. */
void ek_lbuf_push(lua_State *L, struct ek_buf *b);

/* A module of that name. */
int luaopen_eksrun_checksum(lua_State *L);
int luaopen_eksrun_error(lua_State *L);
int luaopen_eksrun_native_certificate(lua_State *L);
int luaopen_eksrun_native_es256(lua_State *L);
int luaopen_eksrun_native_kubeconfig(lua_State *L);
int luaopen_eksrun_ini(lua_State *L);
int luaopen_eksrun_jmespath(lua_State *L);
int luaopen_eksrun_json(lua_State *L);
int luaopen_eksrun_text(lua_State *L);
int luaopen_cjson(lua_State *L);
int luaopen_cjson_safe(lua_State *L);
int luaopen_eksrun_sigv4(lua_State *L);
int luaopen_eksrun_yaml(lua_State *L);
int luaopen_eksrun_native_aws(lua_State *L);
int luaopen_eksrun_native_endpoint(lua_State *L);
int luaopen_eksrun_clock(lua_State *L);
int luaopen_eksrun_file(lua_State *L);
int luaopen_eksrun_http(lua_State *L);
int luaopen_eksrun_process(lua_State *L);
int luaopen_eksrun_terminal(lua_State *L);
int luaopen_eksrun_native_edit(lua_State *L);
int luaopen_eksrun_native_server(lua_State *L);
int luaopen_eksrun_native_task(lua_State *L);

#endif

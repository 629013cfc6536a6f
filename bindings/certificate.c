/* eksrun.native.certificate: certificates of one's own, in PEM.
 *
 *   authority(name) -> certificate, key
 *   server(certificate, key, address) -> certificate, key: of a server at an IPv4 address and at
 *     localhost, signed by that authority */
#include "bindings/bindings.h"

#include "core/certificate.h"

#define HOLDER_TYPE "eksrun.native.certificate"

static int l_free(lua_State *L) {
  ek_certificate_fini(luaL_checkudata(L, 1, HOLDER_TYPE));
  return 0;
}

static struct ek_certificate *new_holder(lua_State *L) {
  struct ek_certificate *c = lua_newuserdatauv(L, sizeof *c, 0);
  *c = (struct ek_certificate){.certificate = EK_BUF_INIT};
  luaL_setmetatable(L, HOLDER_TYPE);
  return c;
}

static int push(lua_State *L, struct ek_certificate *c) {
  lua_pushlstring(L, c->certificate.data, c->certificate.len);
  lua_pushlstring(L, c->key.data, c->key.len);
  ek_certificate_fini(c);
  return 2;
}

static int l_authority(lua_State *L) {
  struct ek_error e;
  const char *name = luaL_checkstring(L, 1);
  struct ek_certificate *c = new_holder(L);
  if (ek_certificate_authority(c, name, &e) != 0) return ek_error_raise(L, &e);
  return push(L, c);
}

static int l_server(lua_State *L) {
  struct ek_error e;
  size_t certificate_len, key_len, address_len;
  const char *certificate = luaL_checklstring(L, 1, &certificate_len);
  const char *key = luaL_checklstring(L, 2, &key_len);
  const char *address = luaL_checklstring(L, 3, &address_len);
  luaL_argcheck(L, address_len <= 15, 3, "an IPv4 address expected");
  struct ek_certificate *authority = new_holder(L), *c = new_holder(L);
  ek_buf_append(&authority->certificate, certificate, certificate_len);
  ek_buf_append(&authority->key, key, key_len);
  int rc = ek_certificate_server(c, authority, address, &e);
  ek_certificate_fini(authority);
  if (rc != 0) return ek_error_raise(L, &e);
  return push(L, c);
}

int luaopen_eksrun_native_certificate(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"authority", l_authority}, {"server", l_server}, {NULL, NULL}};
  ek_metatable_push(L, HOLDER_TYPE, NULL, l_free);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}

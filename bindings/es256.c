/* eksrun.native.es256: signatures by a private key of P-256.
 *
 *   sign(pem, bytes) -> signature, x, y
 *
 * signature is r and s, x and y are the public point: 64, 32 and 32 raw bytes. */
#include "bindings/bindings.h"

#include "core/es256.h"

#define KEY_TYPE "eksrun.native.es256.key"

struct holder {
  struct ek_es256_key *key;
};

static int l_free(lua_State *L) {
  struct holder *h = luaL_checkudata(L, 1, KEY_TYPE);
  ek_es256_free(h->key);
  h->key = NULL;
  return 0;
}

static int l_sign(lua_State *L) {
  size_t pem_len, n;
  struct ek_error e = {0};
  uint8_t signature[EK_ES256_SIGNATURE_SIZE];
  uint8_t x[EK_ES256_COORDINATE_SIZE], y[EK_ES256_COORDINATE_SIZE];
  const char *pem = luaL_checklstring(L, 1, &pem_len);
  const char *bytes = luaL_checklstring(L, 2, &n);
  struct holder *h = lua_newuserdatauv(L, sizeof *h, 0);
  h->key = NULL;
  luaL_setmetatable(L, KEY_TYPE);
  int rc = ek_es256_new(&h->key, pem, pem_len, &e);
  if (rc == 0) rc = ek_es256_public(x, y, h->key, &e);
  if (rc == 0) rc = ek_es256_sign(signature, h->key, bytes, n, &e);
  ek_es256_free(h->key);
  h->key = NULL;
  if (rc != 0) return ek_error_raise(L, &e);
  lua_pushlstring(L, (const char *)signature, sizeof signature);
  lua_pushlstring(L, (const char *)x, sizeof x);
  lua_pushlstring(L, (const char *)y, sizeof y);
  return 3;
}

int luaopen_eksrun_native_es256(lua_State *L) {
  static const luaL_Reg functions[] = {{"sign", l_sign}, {NULL, NULL}};
  ek_metatable_push(L, KEY_TYPE, NULL, l_free);
  luaL_newlib(L, functions);
  return 1;
}

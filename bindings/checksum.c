/* eksrun.checksum: checksums of bodies, and gzip.
 *
 *   digest(algorithm, bytes) -> bytes
 *   new(algorithm) -> Checksum: update(bytes), final() -> bytes
 *   algorithms() -> list of names, the cheapest first
 *   gzip(bytes) -> bytes      gunzip(bytes [, max]) -> bytes */
#include "bindings/bindings.h"
#include "core/checksum.h"
#include "core/gzip.h"

#define TYPE       "eksrun.checksum.state"
#define GUNZIP_MAX (64 * 1024 * 1024)

/* Pushes a checksum that collection ends. */
static struct ek_checksum *push_new(lua_State *L, const char *name) {
  struct ek_error e;
  struct ek_checksum *c = lua_newuserdatauv(L, sizeof *c, 0);
  *c = (struct ek_checksum){.algorithm = NULL};
  luaL_setmetatable(L, TYPE);
  if (ek_checksum_init(c, name, &e) != 0) (void)ek_error_raise(L, &e);
  return c;
}

static void update(lua_State *L, struct ek_checksum *c, int index) {
  struct ek_error e;
  size_t n;
  const char *bytes = luaL_checklstring(L, index, &n);
  if (ek_checksum_update(c, bytes, n, &e) != 0) (void)ek_error_raise(L, &e);
}

static int push_final(lua_State *L, struct ek_checksum *c) {
  unsigned char digest[EK_CHECKSUM_MAX];
  struct ek_error e;
  size_t n;
  int rc = ek_checksum_final(digest, &n, c, &e);
  ek_checksum_fini(c);
  c->algorithm = NULL;
  if (rc != 0) return ek_error_raise(L, &e);
  lua_pushlstring(L, (const char *)digest, n);
  return 1;
}

static struct ek_checksum *check_open(lua_State *L) {
  struct ek_checksum *c = luaL_checkudata(L, 1, TYPE);
  if (c->algorithm == NULL) luaL_error(L, "checksum: final was called already");
  return c;
}

/* First the bytes: to make a string of a number may run a finalizer that ends the checksum. */
static int l_update(lua_State *L) {
  (void)luaL_checkstring(L, 2);
  update(L, check_open(L), 2);
  lua_settop(L, 1);
  return 1;
}

static int l_final(lua_State *L) {
  return push_final(L, check_open(L));
}

static int l_gc(lua_State *L) {
  struct ek_checksum *c = luaL_checkudata(L, 1, TYPE);
  ek_checksum_fini(c);
  c->algorithm = NULL; /* a finalizer may hold one that was collected before it */
  return 0;
}

static int l_new(lua_State *L) {
  (void)push_new(L, luaL_checkstring(L, 1));
  return 1;
}

static int l_digest(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  (void)luaL_checkstring(L, 2);
  struct ek_checksum *c = push_new(L, name);
  update(L, c, 2);
  return push_final(L, c);
}

static int l_algorithms(lua_State *L) {
  lua_newtable(L);
  for (lua_Integer i = 0; ek_checksum_names[i] != NULL; i++) {
    lua_pushstring(L, ek_checksum_names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int l_gzip(lua_State *L) {
  struct ek_error e;
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  struct ek_buf *out = ek_lbuf_new(L);
  if (ek_gzip(out, bytes, n, &e) != 0) return ek_error_raise(L, &e);
  ek_lbuf_push(L, out);
  ek_buf_fini(out);
  return 1;
}

static int l_gunzip(lua_State *L) {
  struct ek_error e;
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  lua_Integer max = luaL_optinteger(L, 2, GUNZIP_MAX);
  luaL_argcheck(L, max >= 0, 2, "bytes, at least 0");
  struct ek_buf *out = ek_lbuf_new(L);
  if (ek_gunzip(out, bytes, n, (size_t)max, &e) != 0) return ek_error_raise(L, &e);
  ek_lbuf_push(L, out);
  ek_buf_fini(out);
  return 1;
}

int luaopen_eksrun_checksum(lua_State *L) {
  static const luaL_Reg methods[] = {{"update", l_update}, {"final", l_final}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"digest", l_digest},         {"new", l_new},
                                       {"algorithms", l_algorithms}, {"gzip", l_gzip},
                                       {"gunzip", l_gunzip},         {NULL, NULL}};
  ek_metatable_push(L, TYPE, methods, l_gc);
  luaL_newlib(L, functions);
  return 1;
}

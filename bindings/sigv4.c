/* eksrun.sigv4: AWS Signature Version 4 and 4A for Lua (core/sigv4.h does the work).
 *
 *   sigv4.sign(request) -> headers to add [, details]
 *   sigv4.presign(request) -> query string [, details]
 *   sigv4.inspect(request) -> claim | nil, error
 *   sigv4.verify(request) -> claim | nil, error
 *   sigv4.public_key(credentials) -> x, y
 *
 * lua/meta/sigv4.lua describes the fields. One signer, with its few derived keys, serves the Lua
 * state; it is the functions' upvalue and is wiped when the state closes. Results are pushed out of
 * its buffers, which may run a finalizer that signs: such a call has a signer of its own. */
#include "bindings/bindings.h"

#include "core/hash.h"
#include "core/sigv4.h"

#define TYPE        "eksrun.sigv4.signer"
#define HEADERS_MAX 1000

struct signer {
  struct ek_sigv4 *sigv4;
  bool shared; /* the upvalue */
  bool busy;   /* its buffers are being read */
  bool closed; /* the state is closing; nothing would free another ek_sigv4 */
};

static int l_gc(lua_State *L) {
  struct signer *s = luaL_checkudata(L, 1, TYPE);
  ek_sigv4_free(s->sigv4);
  s->sigv4 = NULL;
  s->closed = true;
  return 0;
}

static struct signer *push_signer(lua_State *L) {
  struct signer *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct signer){.sigv4 = NULL};
  ek_metatable_push(L, TYPE, NULL, l_gc);
  lua_setmetatable(L, -2);
  return s;
}

/* A signer that nobody is using, anchored on the stack; used from begin() to end(). */
static struct signer *signer(lua_State *L) {
  struct signer *s = lua_touserdata(L, lua_upvalueindex(1));
  if (s->busy)
    s = push_signer(L);
  else
    lua_pushvalue(L, lua_upvalueindex(1));
  if (s->closed) luaL_error(L, "sigv4: the program is ending");
  if (s->sigv4 == NULL) s->sigv4 = ek_sigv4_new();
  if (s->sigv4 == NULL) luaL_error(L, "not enough memory");
  return s;
}

static struct ek_sigv4 *begin(struct signer *s) {
  s->busy = true;
  return s->sigv4;
}

static void end(struct signer *s) {
  s->busy = false;
  if (s->shared) return;
  ek_sigv4_free(s->sigv4);
  s->sigv4 = NULL;
}

/* Raises, at the caller's line, what is wrong with a field of the request. */
static int bad_field(lua_State *L, const char *name, const char *want) {
  return luaL_error(L, "sigv4: field '%s' (%s) is %s", name, want,
                    lua_isnoneornil(L, -1) ? "required" : luaL_typename(L, -1));
}

/* The field as bytes; the string stays on the stack, so that the bytes stay. */
static struct ek_span string_field(lua_State *L, int table, const char *name, bool required) {
  struct ek_span s = {"", 0};
  int type = lua_getfield(L, table, name);
  if (type == LUA_TSTRING)
    s.data = lua_tolstring(L, -1, &s.len);
  else if (type != LUA_TNIL || required)
    bad_field(L, name, "string");
  return s;
}

static bool boolean_field(lua_State *L, int table, const char *name, bool otherwise) {
  int type = lua_getfield(L, table, name);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN) bad_field(L, name, "boolean");
  bool value = type == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

static lua_Integer seconds_field(lua_State *L, int table, const char *name) {
  lua_getfield(L, table, name);
  if (lua_type(L, -1) != LUA_TNUMBER) bad_field(L, name, "number");
  lua_Number n = lua_tonumber(L, -1);
  if (!(n >= 0 && n < 1e12)) luaL_error(L, "sigv4: field '%s' is out of range", name);
  lua_pop(L, 1);
  return (lua_Integer)n;
}

static struct ek_span checked_string(lua_State *L, int index, const char *what) {
  struct ek_span s = {NULL, 0};
  if (lua_type(L, index) != LUA_TSTRING)
    luaL_error(L, "sigv4: a header's %s is %s, not a string", what, luaL_typename(L, index));
  s.data = lua_tolstring(L, index, &s.len);
  return s;
}

static void add_header(lua_State *L, struct ek_sigv4_header *to, size_t *used, size_t count) {
  if (*used == count) luaL_error(L, "sigv4: the headers change while they are read");
  to[*used] =
      (struct ek_sigv4_header){checked_string(L, -2, "name"), checked_string(L, -1, "value")};
  (*used)++;
}

/* Leaves one value on the stack that owns the array. The strings are held by the headers table,
 * and nothing of Lua's runs between their being read and their use. */
static const struct ek_sigv4_header *headers_field(lua_State *L, int table, size_t *used) {
  *used = 0;
  int type = lua_getfield(L, table, "headers");
  if (type == LUA_TNIL) return NULL;
  if (type != LUA_TTABLE) bad_field(L, "headers", "table");
  int headers = lua_gettop(L);
  size_t count = 0;
  for (lua_pushnil(L); lua_next(L, headers) != 0; lua_pop(L, 1)) count++;
  if (count > HEADERS_MAX) luaL_error(L, "sigv4: more than %d headers", HEADERS_MAX);
  struct ek_sigv4_header *list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
  lua_Integer pairs = 0;
  for (lua_pushnil(L); lua_next(L, headers) != 0; lua_pop(L, 1)) {
    if (lua_isinteger(L, -2))
      pairs++;
    else
      add_header(L, list, used, count);
  }
  for (lua_Integer i = 1; i <= pairs; i++) {
    if (lua_rawgeti(L, headers, i) != LUA_TTABLE)
      luaL_error(L, "sigv4: header %d is not a pair {name, value}", (int)i);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    add_header(L, list, used, count);
    lua_pop(L, 3);
  }
  return list;
}

static unsigned flags_fields(lua_State *L, int table) {
  unsigned flags = 0;
  if (boolean_field(L, table, "normalize_path", true)) flags |= EK_SIGV4_NORMALIZE_PATH;
  if (boolean_field(L, table, "double_encode", true)) flags |= EK_SIGV4_DOUBLE_ENCODE;
  if (boolean_field(L, table, "sign_body_header", false)) flags |= EK_SIGV4_SIGN_BODY_HEADER;
  if (boolean_field(L, table, "omit_session_token", false)) flags |= EK_SIGV4_OMIT_SESSION_TOKEN;
  return flags;
}

static enum ek_sigv4_algorithm algorithm_field(lua_State *L, int table) {
  static const char *const names[] = {"sigv4", "sigv4a"};
  struct ek_span s = string_field(L, table, "algorithm", false);
  if (s.len == 0 || strcmp(s.data, names[EK_SIGV4_HMAC]) == 0) return EK_SIGV4_HMAC;
  if (strcmp(s.data, names[EK_SIGV4_ECDSA]) != 0)
    luaL_error(L, "sigv4: field 'algorithm' is '%s', not 'sigv4' or 'sigv4a'", s.data);
  return EK_SIGV4_ECDSA;
}

static void credentials_field(lua_State *L, int table, struct ek_sigv4_input *in) {
  int type = lua_getfield(L, table, "credentials");
  if (type != LUA_TTABLE && type != LUA_TUSERDATA) bad_field(L, "credentials", "table");
  int credentials = lua_gettop(L);
  in->access_key_id = string_field(L, credentials, "access_key_id", true);
  in->secret_access_key = string_field(L, credentials, "secret_access_key", true);
  in->session_token = string_field(L, credentials, "session_token", false);
}

/* What signing and verifying have in common. Headers come last: see headers_field. */
static void message_fields(lua_State *L, int table, struct ek_sigv4_input *in) {
  in->method = string_field(L, table, "method", true);
  in->path = string_field(L, table, "path", false);
  in->query = string_field(L, table, "query", false);
  in->body = string_field(L, table, "body", false);
  in->payload_hash = string_field(L, table, "payload_hash", false);
  in->flags = flags_fields(L, table);
  in->headers = headers_field(L, table, &in->header_count);
}

/* Reads the request at index 1; what it points to is kept by the stack. Fields that may run a
 * metamethod (credentials) come first. */
static void read_request(lua_State *L, struct ek_sigv4_input *in, bool presign) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkstack(L, 30, NULL);
  credentials_field(L, 1, in);
  in->algorithm = algorithm_field(L, 1);
  in->region = string_field(L, 1, in->algorithm == EK_SIGV4_ECDSA ? "region_set" : "region", true);
  in->service = string_field(L, 1, "service", true);
  in->time = seconds_field(L, 1, "time");
  if (presign) {
    lua_Integer expires = seconds_field(L, 1, "expires");
    in->expires = expires > EK_SIGV4_EXPIRES_MAX ? EK_SIGV4_EXPIRES_MAX + 1 : (uint32_t)expires;
  }
  message_fields(L, 1, in);
}

static void set_span(lua_State *L, const char *name, struct ek_span s) {
  lua_pushlstring(L, s.data, s.len);
  lua_setfield(L, -2, name);
}

/* Pushes the details if the request asks for them; returns how many values it pushed. */
static int push_details(lua_State *L, const struct ek_sigv4_result *r) {
  lua_getfield(L, 1, "details");
  bool wanted = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (!wanted) return 0;
  lua_createtable(L, 0, 4);
  set_span(L, "canonical_request", r->canonical_request);
  set_span(L, "string_to_sign", r->string_to_sign);
  set_span(L, "signed_headers", r->signed_headers);
  lua_pushstring(L, r->signature);
  lua_setfield(L, -2, "signature");
  return 1;
}

/* Signs the request at index 1, or raises; what in and r point to stays until end(). */
static struct signer *sign_request(lua_State *L, bool presign, struct ek_sigv4_input *in,
                                   struct ek_sigv4_result *r) {
  struct ek_error e;
  lua_settop(L, 1);
  struct signer *s = signer(L);
  read_request(L, in, presign);
  int rc = presign ? ek_sigv4_presign(r, begin(s), in, &e) : ek_sigv4_sign(r, begin(s), in, &e);
  if (rc != 0) {
    end(s);
    ek_error_raise(L, &e);
  }
  return s;
}

static int l_sign(lua_State *L) {
  struct ek_sigv4_input in = {.flags = 0};
  struct ek_sigv4_result r;
  struct signer *s = sign_request(L, false, &in, &r);
  lua_createtable(L, 0, 4);
  set_span(L, "authorization", r.authorization);
  lua_pushstring(L, r.date);
  lua_setfield(L, -2, "x-amz-date");
  if (in.algorithm == EK_SIGV4_ECDSA) set_span(L, "x-amz-region-set", in.region);
  if (in.session_token.len > 0) set_span(L, "x-amz-security-token", in.session_token);
  if (in.flags & EK_SIGV4_SIGN_BODY_HEADER) set_span(L, "x-amz-content-sha256", r.payload_hash);
  int details = push_details(L, &r);
  end(s);
  return 1 + details;
}

static int l_presign(lua_State *L) {
  struct ek_sigv4_input in = {.flags = 0};
  struct ek_sigv4_result r;
  struct signer *s = sign_request(L, true, &in, &r);
  lua_pushlstring(L, r.query.data, r.query.len);
  int details = push_details(L, &r);
  end(s);
  return 1 + details;
}

/* --- the other side --- */

/* Pushes the claim as a table. The text that it points into is anchored by the caller. */
static void push_claim(lua_State *L, const struct ek_sigv4_claim *claim) {
  bool curve = claim->algorithm == EK_SIGV4_ECDSA;
  lua_createtable(L, 0, 8);
  lua_pushstring(L, curve ? "sigv4a" : "sigv4");
  lua_setfield(L, -2, "algorithm");
  set_span(L, "access_key_id", claim->access_key_id);
  set_span(L, curve ? "region_set" : "region", claim->region);
  set_span(L, "service", claim->service);
  set_span(L, "signed_headers", claim->signed_headers);
  lua_pushinteger(L, (lua_Integer)claim->time);
  lua_setfield(L, -2, "time");
  if (claim->session_token.len > 0) set_span(L, "session_token", claim->session_token);
  if (!claim->presigned) return;
  lua_pushinteger(L, (lua_Integer)claim->expires);
  lua_setfield(L, -2, "expires");
}

/* Reads the request at index 1 and its claim; all is kept by the stack, the claim in text. */
static int read_claim(lua_State *L, struct ek_sigv4_claim *claim, struct ek_buf *text,
                      struct ek_sigv4_input *in, struct ek_error *e) {
  message_fields(L, 1, in);
  return ek_sigv4_claim_read(claim, text, in, e);
}

/* Returns the claim, or nil and the error. */
static int claim_results(lua_State *L, int rc, const struct ek_sigv4_claim *claim,
                         struct ek_buf *text, const struct ek_error *e) {
  int count = 1;
  if (rc == 0)
    push_claim(L, claim);
  else
    count = ek_error_result(L, e);
  ek_buf_wipe(text);
  ek_buf_fini(text);
  return count;
}

static int l_inspect(lua_State *L) {
  struct ek_sigv4_input in = {.flags = 0};
  struct ek_sigv4_claim claim;
  struct ek_error e;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_checkstack(L, 30, NULL);
  struct ek_buf *text = ek_lbuf_new(L);
  int rc = read_claim(L, &claim, text, &in, &e);
  return claim_results(L, rc, &claim, text, &e);
}

static int l_verify(lua_State *L) {
  struct ek_sigv4_input in = {.flags = 0};
  struct ek_sigv4_claim claim;
  struct ek_error e;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_checkstack(L, 30, NULL);
  struct signer *s = signer(L);
  struct ek_buf *text = ek_lbuf_new(L);
  credentials_field(L, 1, &in);
  int rc = read_claim(L, &claim, text, &in, &e);
  if (rc == 0) rc = ek_sigv4_verify(begin(s), &claim, &in, &e);
  end(s);
  return claim_results(L, rc, &claim, text, &e);
}

static int l_public_key(lua_State *L) {
  uint8_t point[2][32];
  char hex[2 * sizeof point[0]];
  struct ek_error e;
  if (!lua_istable(L, 1) && !lua_isuserdata(L, 1)) luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct signer *s = signer(L);
  struct ek_span id = string_field(L, 1, "access_key_id", true);
  struct ek_span secret = string_field(L, 1, "secret_access_key", true);
  int rc = ek_sigv4_public_key(point[0], point[1], begin(s), id, secret, &e);
  end(s);
  if (rc != 0) return ek_error_raise(L, &e);
  for (int i = 0; i < 2; i++) {
    ek_hash_hex(hex, point[i], sizeof point[i]);
    lua_pushlstring(L, hex, sizeof hex);
  }
  return 2;
}

int luaopen_eksrun_sigv4(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"sign", l_sign},     {"presign", l_presign},       {"inspect", l_inspect},
      {"verify", l_verify}, {"public_key", l_public_key}, {NULL, NULL}};
  luaL_newlibtable(L, functions);
  push_signer(L)->shared = true;
  luaL_setfuncs(L, functions, 1);
  return 1;
}

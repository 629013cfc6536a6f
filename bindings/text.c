/* eksrun.text: encodings, hashes, near names, and text on its way to a terminal. */
#include <stdbool.h>

#include "bindings/bindings.h"
#include "core/encode.h"
#include "core/hash.h"
#include "core/suggest.h"
#include "core/utf8.h"

typedef void encode_fn(struct ek_buf *, const void *, size_t);
typedef int decode_fn(struct ek_buf *, const char *, size_t, struct ek_error *);

static int finish(lua_State *L, struct ek_buf *b) {
  ek_lbuf_push(L, b);
  ek_buf_wipe(b);
  ek_buf_fini(b);
  return 1;
}

static int encode(lua_State *L, encode_fn *function) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  struct ek_buf *b = ek_lbuf_new(L);
  function(b, s, n);
  return finish(L, b);
}

static int decode(lua_State *L, decode_fn *function) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  struct ek_buf *b = ek_lbuf_new(L);
  struct ek_error e;
  if (function(b, s, n, &e) != 0) return ek_error_raise(L, &e);
  return finish(L, b);
}

static int l_base64(lua_State *L) {
  return encode(L, ek_base64_encode);
}

static int l_unbase64(lua_State *L) {
  return decode(L, ek_base64_decode);
}

static int l_base64url(lua_State *L) {
  return encode(L, ek_base64url_encode);
}

static int l_unbase64url(lua_State *L) {
  return decode(L, ek_base64url_decode);
}

static int l_hex(lua_State *L) {
  return encode(L, ek_hex_encode);
}

static int l_unhex(lua_State *L) {
  return decode(L, ek_hex_decode);
}

static int l_percent_encode(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  bool keep_slash = lua_toboolean(L, 2);
  struct ek_buf *b = ek_lbuf_new(L);
  ek_percent_encode(b, s, n, keep_slash);
  return finish(L, b);
}

static int l_percent_decode(lua_State *L) {
  return decode(L, ek_percent_decode);
}

static int l_sha256(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  uint8_t digest[EK_SHA256_SIZE];
  if (ek_sha256(digest, s, n) != 0) return luaL_error(L, "text.sha256: libcrypto failed");
  struct ek_buf *b = ek_lbuf_new(L);
  ek_hex_encode(b, digest, sizeof digest);
  return finish(L, b);
}

/* The list of names ends at its first hole: the length of a table that has some can be anything. */
static int l_suggest(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  size_t count = 0;
  lua_newtable(L); /* keeps the strings, whatever a finalizer does to the list */
  for (lua_Integer i = 1; lua_rawgeti(L, 2, i) != LUA_TNIL; i++) {
    if (lua_type(L, -1) == LUA_TSTRING)
      lua_rawseti(L, 3, (lua_Integer)++count);
    else
      lua_pop(L, 1);
  }
  lua_pop(L, 1);
  const char **names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 3, (lua_Integer)i + 1);
    names[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  const char *best[EK_SUGGEST_MAX];
  size_t n = ek_suggest(best, EK_SUGGEST_MAX, name, names, count);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    lua_pushstring(L, best[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int l_width(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_pushinteger(L, (lua_Integer)ek_utf8_width(s, n));
  return 1;
}

static int l_valid_utf8(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  lua_pushboolean(L, ek_utf8_valid(s, n));
  return 1;
}

/* Controls, and the characters that change the direction of the text around them. */
static bool is_hidden(uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x200e || point == 0x200f ||
         (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

static int l_escape(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  bool one_line = lua_toboolean(L, 2);
  struct ek_buf *b = ek_lbuf_new(L);
  for (size_t i = 0, length; i < n; i += length) {
    uint32_t point = 0;
    length = ek_utf8_decode(&point, s + i, n - i);
    if (length == 0) {
      ek_buf_printf(b, "\\x%02x", (unsigned)(unsigned char)s[i]);
      length = 1;
    } else if (!is_hidden(point) || (!one_line && (point == '\n' || point == '\t'))) {
      ek_buf_append(b, s + i, length);
    } else if (point == '\n' || point == '\t') {
      ek_buf_puts(b, point == '\n' ? "\\n" : "\\t");
    } else {
      ek_buf_printf(b, point < 0x80 ? "\\x%02x" : "\\u{%x}", (unsigned)point);
    }
  }
  return finish(L, b);
}

int luaopen_eksrun_text(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"base64", l_base64},
      {"unbase64", l_unbase64},
      {"base64url", l_base64url},
      {"unbase64url", l_unbase64url},
      {"hex", l_hex},
      {"unhex", l_unhex},
      {"percent_encode", l_percent_encode},
      {"percent_decode", l_percent_decode},
      {"sha256", l_sha256},
      {"suggest", l_suggest},
      {"width", l_width},
      {"escape", l_escape},
      {"valid_utf8", l_valid_utf8},
      {NULL, NULL},
  };
  luaL_newlib(L, functions);
  return 1;
}

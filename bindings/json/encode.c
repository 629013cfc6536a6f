/* Lua values to JSON. Tables are read raw, so no metamethod runs. A finalizer may, wherever Lua
 * allocates, and may change the tables: a key is anchored while it is pointed to. */
#include "bindings/json/json.h"

#include <math.h>

#include "core/json.h"
#include "core/number.h"
#include "core/utf8.h"

struct key {
  const char *s;
  size_t len;
  lua_Integer anchor; /* where the list of anchors holds it */
};

/* Where in the value we are: a chain from the innermost place outwards. */
struct place {
  const struct place *outer;
  const char *key; /* NULL: an index */
  size_t key_len;
  lua_Integer index;
  int depth;
};

struct encoder {
  lua_State *L;
  struct ek_buf *out;
  struct ek_buf *keys; /* struct key of all the objects now open, for sorting */
  const struct ek_json_style *style;
  int anchors, array_mt, object_mt; /* stack indices */
};

/* What a table is, by its keys. */
struct census {
  lua_Integer strings, indices, greatest;
  bool other;
};

static bool append_value(const struct encoder *e, int index, const struct place *place);

static bool is_identifier(const char *s, size_t n) {
  if (n == 0 || n > 64 || (s[0] >= '0' && s[0] <= '9')) return false;
  for (size_t i = 0; i < n; i++) {
    char c = s[i];
    if (!(c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
      return false;
  }
  return true;
}

/* The path goes into the output, which has become useless. Only the innermost 16 places show. */
static bool fail(const struct encoder *e, const struct place *place, const char *what) {
  const struct place *chain[16];
  int n = 0;
  for (; place->outer != NULL && n < 16; place = place->outer) chain[n++] = place;
  bool cut = place->outer != NULL;
  struct ek_buf *b = e->out;
  ek_buf_clear(b);
  if (n > 0) ek_buf_puts(b, cut ? "at ..." : "at ");
  while (n-- > 0) {
    const struct place *p = chain[n];
    if (p->key == NULL) {
      ek_buf_printf(b, "[%lld]", (long long)p->index);
    } else if (is_identifier(p->key, p->key_len)) {
      ek_buf_putc(b, '.');
      ek_buf_append(b, p->key, p->key_len);
    } else {
      ek_buf_putc(b, '[');
      ek_json_write_string(b, p->key, p->key_len > 64 ? 64 : p->key_len);
      ek_buf_putc(b, ']');
    }
    if (n == 0) ek_buf_puts(b, ": ");
  }
  ek_buf_puts(b, what);
  ek_lbuf_push(e->L, b);
  return false;
}

static void new_line(const struct encoder *e, int depth) {
  if (e->style->indent == 0) return;
  ek_buf_putc(e->out, '\n');
  for (int i = 0; i < depth * e->style->indent; i++) ek_buf_putc(e->out, ' ');
}

/* With every ill-formed byte as U+FFFD. */
static void append_repaired(struct ek_buf *out, const char *s, size_t n) {
  ek_buf_putc(out, '"');
  while (n > 0) {
    size_t good = ek_utf8_check(s, n), quote = out->len;
    ek_json_write_string(out, s, good);
    if (out->failed) return;
    /* Pieces come in quotes of their own. */
    memmove(out->data + quote, out->data + quote + 1, out->len - quote - 2);
    out->len -= 2;
    if (good < n) ek_buf_puts(out, "\xef\xbf\xbd");
    good += good < n;
    s += good;
    n -= good;
  }
  ek_buf_putc(out, '"');
}

/* lua-cjson writes '/' as "\/" and DEL as "\u007f". */
static void escape_more(struct ek_buf *out, size_t from) {
  static const char slash[] = {'\\', '/'}, del[] = {'\\', 'u', '0', '0', '7', 'f'};
  size_t more = 0;
  for (size_t i = from; i < out->len; i++) {
    if (out->data[i] == '/') more += sizeof slash - 1;
    if (out->data[i] == 0x7f) more += sizeof del - 1;
  }
  if (more == 0 || !ek_buf_reserve(out, more)) return;
  /* From behind, so that each byte moves once. */
  char *to = out->data + out->len + more;
  for (size_t i = out->len; i-- > from;) {
    char c = out->data[i];
    const char *text = c == '/' ? slash : c == 0x7f ? del : &c;
    size_t n = c == '/' ? sizeof slash : c == 0x7f ? sizeof del : 1;
    to -= n;
    memcpy(to, text, n);
  }
  out->len += more;
}

static bool append_string(const struct encoder *e, const char *s, size_t n,
                          const struct place *place) {
  if (e->style->compatible) {
    size_t from = e->out->len;
    ek_json_write_string(e->out, s, n);
    if (memchr(s, '/', n) != NULL || memchr(s, 0x7f, n) != NULL) escape_more(e->out, from);
  } else if (ek_utf8_valid(s, n)) {
    ek_json_write_string(e->out, s, n);
  } else if (e->style->replace_invalid) {
    append_repaired(e->out, s, n);
  } else {
    return fail(e, place, "cannot encode a string that is not UTF-8");
  }
  return true;
}

static bool append_number(const struct encoder *e, int index, const struct place *place) {
  if (lua_isinteger(e->L, index)) {
    ek_json_write_integer(e->out, lua_tointeger(e->L, index));
    return true;
  }
  double n = lua_tonumber(e->L, index);
  if (!isfinite(n)) {
    switch (e->style->invalid_numbers) {
    case EK_JSON_AS_NULL: ek_buf_puts(e->out, "null"); return true;
    case EK_JSON_AS_IS:
      ek_buf_puts(e->out, isnan(n) ? "NaN" : n > 0 ? "Infinity" : "-Infinity");
      return true;
    default: return fail(e, place, isnan(n) ? "cannot encode nan" : "cannot encode infinity");
    }
  }
  if (e->style->compatible) {
    char text[EK_NUMBER_MAX];
    size_t size = ek_number_format_precision(text, n, e->style->precision);
    ek_buf_append(e->out, text, size);
  } else {
    ek_json_write_number(e->out, n);
  }
  return true;
}

static struct census count_keys(const struct encoder *e, int index) {
  lua_State *L = e->L;
  struct census c = {0};
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      c.strings++;
      continue;
    }
    int is_integer = 0;
    lua_Integer i = lua_type(L, -2) == LUA_TNUMBER ? lua_tointegerx(L, -2, &is_integer) : 0;
    if (is_integer && i >= 1) {
      c.indices++;
      if (i > c.greatest) c.greatest = i;
    } else {
      c.other = true;
    }
  }
  return c;
}

static bool append_list(const struct encoder *e, int index, lua_Integer n,
                        const struct place *place) {
  ek_buf_putc(e->out, '[');
  for (lua_Integer i = 1; i <= n; i++) {
    if (i > 1) ek_buf_putc(e->out, ',');
    new_line(e, place->depth + 1);
    const struct place inner = {.outer = place, .index = i, .depth = place->depth + 1};
    lua_rawgeti(e->L, index, i);
    if (!append_value(e, lua_gettop(e->L), &inner)) return false;
    lua_pop(e->L, 1);
  }
  if (n > 0) new_line(e, place->depth);
  ek_buf_putc(e->out, ']');
  return true;
}

/* One member; its value is on top of the stack. */
static bool append_member(const struct encoder *e, const char *key, size_t len, bool first,
                          const struct place *place) {
  const struct place inner = {
      .outer = place, .key = key, .key_len = len, .depth = place->depth + 1};
  if (!first) ek_buf_putc(e->out, ',');
  new_line(e, place->depth + 1);
  if (!append_string(e, key, len, &inner)) return false;
  ek_buf_putc(e->out, ':');
  if (e->style->indent > 0) ek_buf_putc(e->out, ' ');
  return append_value(e, lua_gettop(e->L), &inner);
}

static bool append_unsorted(const struct encoder *e, int index, const struct place *place) {
  lua_State *L = e->L;
  bool first = true;
  for (lua_pushnil(L); lua_next(L, index) != 0; first = false) {
    int type = lua_type(L, -2);
    if (type != LUA_TSTRING && type != LUA_TNUMBER) {
      return fail(e, place, "table key must be a number or string");
    }
    /* A copy of the key, for lua_tolstring changes numbers and would confuse lua_next. */
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    size_t len;
    const char *key = lua_tolstring(L, -2, &len);
    if (!append_member(e, key, len, first, place)) return false;
    lua_pop(L, 2);
  }
  return true;
}

static int compare_keys(const void *a, const void *b) {
  const struct key *x = a, *y = b;
  int order = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
  return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* The keys of the table into e->keys, and into the list of anchors at the same places. */
static void collect_keys(const struct encoder *e, int index) {
  lua_State *L = e->L;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    struct key key = {.anchor = (lua_Integer)(e->keys->len / sizeof key) + 1};
    key.s = lua_tolstring(L, -2, &key.len);
    lua_pushvalue(L, -2);
    lua_rawseti(L, e->anchors, key.anchor);
    ek_buf_append(e->keys, &key, sizeof key);
  }
  if (e->keys->failed) luaL_error(L, "not enough memory");
}

static bool append_sorted(const struct encoder *e, int index, const struct place *place) {
  lua_State *L = e->L;
  size_t first = e->keys->len;
  collect_keys(e, index);
  size_t end = e->keys->len;
  qsort(e->keys->data + first, (end - first) / sizeof(struct key), sizeof(struct key),
        compare_keys);
  for (size_t at = first; at < end; at += sizeof(struct key)) {
    struct key key;
    memcpy(&key, e->keys->data + at, sizeof key);
    lua_rawgeti(L, e->anchors, key.anchor);
    lua_rawget(L, index);
    if (!append_member(e, key.s, key.len, at == first, place)) return false;
    lua_pop(L, 1);
  }
  e->keys->len = first;
  return true;
}

static bool append_object(const struct encoder *e, int index, lua_Integer members,
                          const struct place *place) {
  ek_buf_putc(e->out, '{');
  if (members > 0) {
    bool right = e->style->unsorted || e->style->compatible ? append_unsorted(e, index, place)
                                                            : append_sorted(e, index, place);
    if (!right) return false;
    new_line(e, place->depth);
  }
  ek_buf_putc(e->out, '}');
  return true;
}

static bool has_metatable(const struct encoder *e, int index, int metatable) {
  if (!lua_getmetatable(e->L, index)) return false;
  bool equal = lua_rawequal(e->L, -1, metatable);
  lua_pop(e->L, 1);
  return equal;
}

static bool append_compatible_table(const struct encoder *e, int index, const struct census *c,
                                    const struct place *place) {
  const struct ek_json_style *style = e->style;
  if (c->strings > 0 || c->other || c->indices == 0) return append_object(e, index, 1, place);
  if (style->sparse_ratio > 0 && c->greatest > c->indices * style->sparse_ratio &&
      c->greatest > style->sparse_safe) {
    if (!style->sparse_convert) return fail(e, place, "excessively sparse array");
    return append_object(e, index, 1, place);
  }
  return append_list(e, index, c->greatest, place);
}

static bool append_table(const struct encoder *e, int index, const struct place *place) {
  if (place->depth >= e->style->max_depth) {
    return fail(e, place, "tables nested too deep, or within themselves");
  }
  luaL_checkstack(e->L, 8, "json nests too deep");
  struct census c = count_keys(e, index);
  bool is_list = has_metatable(e, index, e->array_mt);
  lua_Integer members = c.strings + c.indices + c.other;
  if (members == 0) {
    ek_buf_puts(e->out, is_list ? "[]" : "{}");
    return true;
  }
  if (e->style->compatible) return append_compatible_table(e, index, &c, place);
  if (c.other) return fail(e, place, "cannot encode a table with keys other than strings");
  if (c.strings > 0 && c.indices > 0) {
    return fail(e, place, "cannot encode a table with both names and indices as keys");
  }
  if (c.strings > 0) {
    if (is_list) return fail(e, place, "cannot encode a list with names as keys");
    return append_object(e, index, members, place);
  }
  if (has_metatable(e, index, e->object_mt)) {
    return fail(e, place, "cannot encode an object with indices as keys");
  }
  if (c.greatest != c.indices) return fail(e, place, "cannot encode a list with holes");
  return append_list(e, index, c.greatest, place);
}

static bool append_value(const struct encoder *e, int index, const struct place *place) {
  switch (lua_type(e->L, index)) {
  case LUA_TNIL: ek_buf_puts(e->out, "null"); return true;
  case LUA_TBOOLEAN:
    ek_buf_puts(e->out, lua_toboolean(e->L, index) ? "true" : "false");
    return true;
  case LUA_TNUMBER: return append_number(e, index, place);
  case LUA_TSTRING: {
    size_t n;
    const char *s = lua_tolstring(e->L, index, &n);
    return append_string(e, s, n, place);
  }
  case LUA_TTABLE: return append_table(e, index, place);
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(e->L, index) == NULL) {
      ek_buf_puts(e->out, "null");
      return true;
    }
    break;
  default: break;
  }
  char what[64];
  (void)snprintf(what, sizeof what, "cannot encode a %s", luaL_typename(e->L, index));
  return fail(e, place, what);
}

bool ek_json_append(lua_State *L, struct ek_buf *out, int index,
                    const struct ek_json_style *style) {
  index = lua_absindex(L, index);
  int top = lua_gettop(L);
  struct encoder e = {.L = L, .out = out, .keys = ek_lbuf_new(L), .style = style};
  lua_newtable(L);
  ek_json_push_array_mt(L);
  ek_json_push_object_mt(L);
  e.anchors = top + 2;
  e.array_mt = top + 3;
  e.object_mt = top + 4;
  const struct place root = {.outer = NULL};
  bool done = append_value(&e, index, &root);
  ek_buf_fini(e.keys);
  if (!done) lua_replace(L, top + 1);
  lua_settop(L, done ? top : top + 1);
  return done;
}

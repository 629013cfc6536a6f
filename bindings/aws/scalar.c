/* Scalars as text, and what all walkers look up. */
#include <math.h>

#include "bindings/aws/aws.h"
#include "core/encode.h"
#include "core/number.h"
#include "core/utf8.h"

static bool is_null(lua_State *L, int index) {
  return lua_isnil(L, index) || (lua_islightuserdata(L, index) && lua_touserdata(L, index) == NULL);
}

const char *ek_aws_text(lua_State *L, int index, size_t *len) {
  const char *text = lua_tolstring(L, index, len);
  if (text == NULL) luaL_error(L, "a string changed while it was written");
  return text;
}

bool ek_aws_get(const struct ek_aws_walk *w, int index, const struct ek_model_ref *ref) {
  lua_pushstring(w->L, ek_aws_string(w, ref->name));
  lua_rawget(w->L, index);
  if (!is_null(w->L, -1)) return true;
  lua_pop(w->L, 1);
  return false;
}

/* Above it on the stack lies what was never validated: a walk keeps at most four values a level. */
#define STACK_MAX (4 * EK_AWS_DEPTH_MAX)

void ek_aws_check_depth(lua_State *L, int index) {
  if (index > STACK_MAX) luaL_error(L, "a table changed while it was written: it is too deep now");
}

void ek_aws_check_table(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                        int index) {
  ek_aws_check_depth(w->L, index);
  if (shape->type > EK_TYPE_MAP || lua_type(w->L, index) == LUA_TTABLE) return;
  luaL_error(w->L, "%s changed while it was written", ek_aws_string(w, shape->name));
}

struct key {
  const char *text;
  size_t len;
  lua_Integer anchor;
};

static int by_bytes(const void *a, const void *b) {
  const struct key *x = a, *y = b;
  int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
  return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* Wherever Lua allocates, a finalizer may run and change the table: its keys are put into a list of
 * ours first, in a loop in which none can. */
int ek_aws_sorted_keys(lua_State *L, int index) {
  lua_Integer count = 0;
  luaL_checkstack(L, 6, "too deep");
  lua_newtable(L);
  lua_newtable(L);
  int sorted = lua_gettop(L) - 1, found = sorted + 1;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    lua_pushvalue(L, -2);
    lua_rawseti(L, found, ++count);
  }
  struct key *keys = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *keys, 0);
  for (lua_Integer i = 0; i < count; i++) {
    keys[i].anchor = i + 1;
    lua_rawgeti(L, found, keys[i].anchor);
    keys[i].text = lua_tolstring(L, -1, &keys[i].len);
    lua_pop(L, 1);
  }
  qsort(keys, (size_t)count, sizeof *keys, by_bytes);
  for (lua_Integer i = 0; i < count; i++) {
    lua_rawgeti(L, found, keys[i].anchor);
    lua_rawseti(L, sorted, i + 1);
  }
  lua_settop(L, sorted);
  return (int)count;
}

int ek_aws_find_wire(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                     const char *name, size_t len, bool xml, uint32_t *hint) {
  uint32_t count = shape->ref_count;
  for (uint32_t i = 0, at = *hint; i < count; i++, at++) {
    if (at >= count) at = 0;
    const struct ek_model_ref *ref = ek_aws_ref(w, shape, at);
    const char *have = ek_aws_string(w, xml ? ref->xml : ref->wire);
    /* The name is a server's and may hold NUL. */
    if (have[0] != name[0] || strlen(have) != len || memcmp(have, name, len) != 0) continue;
    *hint = at + 1;
    return (int)at;
  }
  return -1;
}

const struct ek_model_ref *ek_aws_events(const struct ek_aws_walk *w,
                                         const struct ek_model_ref *ref) {
  const struct ek_model_shape *shape = ref == NULL ? NULL : ek_aws_shape(w, ref);
  for (uint32_t i = 0; shape != NULL && i < shape->ref_count; i++) {
    const struct ek_model_ref *member = ek_aws_ref(w, shape, i);
    if (ek_aws_shape(w, member)->flags & EK_SHAPE_EVENTS) return member;
  }
  return NULL;
}

void ek_aws_note_unknown(const struct ek_aws_walk *w, const struct ek_model_shape *shape) {
  if (!(shape->flags & EK_SHAPE_UNION) || strcmp(lua_tostring(w->L, -1), "__type") == 0) return;
  lua_createtable(w->L, 0, 1);
  lua_pushvalue(w->L, -2);
  lua_setfield(w->L, -2, "name");
  lua_setfield(w->L, -3, "SDK_UNKNOWN_MEMBER");
}

bool ek_aws_to_time(lua_State *L, int index, double *seconds) {
  if (lua_type(L, index) == LUA_TNUMBER) {
    *seconds = lua_tonumber(L, index);
    char text[EK_TIME_MAX];
    return isfinite(*seconds) && ek_time_format(text, EK_TIME_ISO8601, *seconds) > 0;
  }
  size_t len;
  const char *text = lua_tolstring(L, index, &len);
  return text != NULL && ek_time_parse_iso8601(seconds, text, len, NULL) == 0;
}

void ek_aws_push_time(lua_State *L, double seconds) {
  if (seconds == floor(seconds) && fabs(seconds) < 9007199254740992.0)
    lua_pushinteger(L, (lua_Integer)seconds);
  else
    lua_pushnumber(L, seconds);
}

void ek_aws_write_float(struct ek_buf *b, double number) {
  if (isnan(number)) {
    ek_buf_puts(b, "NaN");
  } else if (isinf(number)) {
    ek_buf_puts(b, number > 0 ? "Infinity" : "-Infinity");
  } else {
    char text[EK_NUMBER_MAX];
    size_t len = ek_number_format(text, number);
    ek_buf_append(b, text, len);
  }
}

void ek_aws_write_time(struct ek_buf *b, enum ek_model_timestamp format, double seconds) {
  char text[EK_TIME_MAX];
  switch (format) {
  case EK_TIMESTAMP_HTTP:
    ek_buf_append(b, text, ek_time_format(text, EK_TIME_HTTP, seconds));
    break;
  case EK_TIMESTAMP_ISO8601:
    ek_buf_append(b, text, ek_time_format(text, EK_TIME_ISO8601_MILLIS, seconds));
    break;
  default:
    if (seconds == floor(seconds))
      ek_buf_printf(b, "%.0f", seconds);
    else
      ek_aws_write_float(b, seconds);
  }
}

void ek_aws_write_scalar(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index) {
  lua_State *L = w->L;
  size_t len = 0;
  double seconds = 0;
  switch (ek_aws_shape(w, ref)->type) {
  case EK_TYPE_BOOLEAN: ek_buf_puts(w->out, lua_toboolean(L, index) ? "true" : "false"); break;
  case EK_TYPE_INTEGER:
  case EK_TYPE_LONG: ek_buf_printf(w->out, LUA_INTEGER_FMT, lua_tointeger(L, index)); break;
  case EK_TYPE_FLOAT:
  case EK_TYPE_DOUBLE: ek_aws_write_float(w->out, lua_tonumber(L, index)); break;
  case EK_TYPE_TIMESTAMP:
    (void)ek_aws_to_time(L, index, &seconds);
    ek_aws_write_time(w->out, ref->timestamp != 0 ? ref->timestamp : w->timestamp, seconds);
    break;
  case EK_TYPE_BLOB: {
    const char *bytes = ek_aws_text(L, index, &len);
    ek_base64_encode(w->out, bytes, len);
    break;
  }
  default: {
    const char *text = ek_aws_text(L, index, &len);
    ek_buf_append(w->out, text, len);
  }
  }
}

int ek_aws_bad_value(const struct ek_aws_walk *w, const struct ek_model_ref *ref, const char *what,
                     const char *text, size_t len) {
  enum { SHOWN = 60 };
  char shown[4 * SHOWN + 4], *out = shown;
  for (size_t i = 0; i < len && i < SHOWN; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c >= ' ' && c < 0x7f)
      *out++ = (char)c;
    else
      out += snprintf(out, 5, "\\x%02x", c);
  }
  if (len > SHOWN) out += snprintf(out, 4, "...");
  *out = '\0';
  const char *name = ek_aws_string(w, ref->name);
  if (*name == '\0') name = ek_aws_string(w, ek_aws_shape(w, ref)->name);
  if (ref->flags & EK_REF_SENSITIVE) (void)snprintf(shown, sizeof shown, "(hidden)");
  lua_pushfstring(w->L, "%s: %s '%s'", name, what, shown);
  ek_error_push(w->L, "invalid_response", lua_tostring(w->L, -1));
  return lua_error(w->L);
}

static void read_integer(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                         const char *text, size_t len) {
  char copy[40];
  double number;
  if (len > 0 && len < sizeof copy) {
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (lua_stringtonumber(w->L, copy) == len + 1) {
      if (lua_isinteger(w->L, -1)) return;
      number = lua_tonumber(w->L, -1);
      lua_pop(w->L, 1);
      if (number == floor(number) && fabs(number) < 9.2e18) {
        lua_pushinteger(w->L, (lua_Integer)number);
        return;
      }
    }
  }
  (void)ek_aws_bad_value(w, ref, "not an integer:", text, len);
}

static void read_float(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                       const char *text, size_t len) {
  static const struct {
    const char *text;
    double number;
  } special[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
  double number;
  for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
    if (strlen(special[i].text) != len || memcmp(special[i].text, text, len) != 0) continue;
    lua_pushnumber(w->L, special[i].number);
    return;
  }
  if (!ek_number_parse(&number, text, len))
    (void)ek_aws_bad_value(w, ref, "not a number:", text, len);
  lua_pushnumber(w->L, number);
}

static void read_time(const struct ek_aws_walk *w, const struct ek_model_ref *ref, const char *text,
                      size_t len) {
  double seconds;
  if (ek_time_parse(&seconds, text, len, NULL) != 0)
    (void)ek_aws_bad_value(w, ref, "not a timestamp:", text, len);
  ek_aws_push_time(w->L, seconds);
}

static void read_blob(const struct ek_aws_walk *w, const struct ek_model_ref *ref, const char *text,
                      size_t len) {
  struct ek_buf *bytes = ek_lbuf_new(w->L);
  if (ek_base64_decode(bytes, text, len, NULL) != 0)
    (void)ek_aws_bad_value(w, ref, "not base64:", text, len);
  ek_lbuf_push(w->L, bytes);
  lua_remove(w->L, -2);
  ek_buf_fini(bytes);
}

void ek_aws_read_scalar(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                        const char *text, size_t len) {
  switch (ek_aws_shape(w, ref)->type) {
  case EK_TYPE_BOOLEAN:
    if (!(len == 4 && strncasecmp(text, "true", 4) == 0) &&
        !(len == 5 && strncasecmp(text, "false", 5) == 0))
      (void)ek_aws_bad_value(w, ref, "not a boolean:", text, len);
    lua_pushboolean(w->L, len == 4);
    break;
  case EK_TYPE_INTEGER:
  case EK_TYPE_LONG: read_integer(w, ref, text, len); break;
  case EK_TYPE_FLOAT:
  case EK_TYPE_DOUBLE: read_float(w, ref, text, len); break;
  case EK_TYPE_TIMESTAMP: read_time(w, ref, text, len); break;
  case EK_TYPE_BLOB: read_blob(w, ref, text, len); break;
  default: lua_pushlstring(w->L, text, len);
  }
}

const char *ek_aws_push_text(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index,
                             enum ek_model_timestamp timestamp, size_t *len) {
  struct ek_buf *text = ek_lbuf_new(w->L);
  struct ek_aws_walk walk = *w;
  walk.out = text;
  walk.timestamp = timestamp;
  ek_aws_write_scalar(&walk, ref, index);
  ek_lbuf_push(w->L, text);
  ek_buf_fini(text);
  lua_remove(w->L, -2);
  return lua_tolstring(w->L, -1, len);
}

/* Members that lie in headers, both ways: one header each, lists, JSON in base64, maps of a common
 * prefix. Requests and answers have them alike. */
#include <ctype.h>
#include <strings.h>

#include "bindings/aws/aws.h"
#include "core/encode.h"

const char *ek_aws_push_header(lua_State *L, int headers, const char *name) {
  lua_pushstring(L, name);
  if (lua_rawget(L, headers) == LUA_TSTRING) return lua_tostring(L, -1);
  lua_pop(L, 1);
  return NULL;
}

/* -- reading -------------------------------------------------------------------------------------
 */

/* Pushes the map of all headers with the prefix. */
static void read_map(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int headers) {
  lua_State *L = w->L;
  const char *prefix = ek_aws_string(w, ref->wire);
  size_t n = strlen(prefix);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, headers) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    const char *name = lua_tostring(L, -2);
    if (strncasecmp(name, prefix, n) != 0) continue;
    lua_pushstring(L, name + n);
    lua_pushvalue(L, -2);
    lua_rawset(L, -5);
  }
}

/* The length of the list element that s begins with: to the next comma outside of quotes. A date
 * has a comma of its own. */
static size_t element_length(const char *s, bool is_date) {
  bool quoted = false;
  size_t commas = 0;
  for (size_t i = 0;; i++) {
    if (s[i] == '\0') return i;
    if (s[i] == '"') quoted = !quoted;
    if (s[i] == '\\' && quoted && s[i + 1] != '\0') i++;
    if (s[i] == ',' && !quoted && ++commas > (is_date ? 1u : 0u)) return i;
  }
}

static void read_list(const struct ek_aws_walk *w, const struct ek_model_ref *ref, const char *s) {
  lua_State *L = w->L;
  const struct ek_model_ref *element = ek_aws_ref(w, ek_aws_shape(w, ref), 0);
  bool date = ek_aws_shape(w, element)->type == EK_TYPE_TIMESTAMP &&
              element->timestamp != EK_TIMESTAMP_ISO8601 &&
              element->timestamp != EK_TIMESTAMP_EPOCH;
  lua_newtable(L);
  lua_pushvalue(L, w->array_mt);
  lua_setmetatable(L, -2);
  for (lua_Integer i = 1;; i++) {
    s += strspn(s, " \t");
    size_t n = element_length(s, date), end = n;
    while (end > 0 && (s[end - 1] == ' ' || s[end - 1] == '\t')) end--;
    if (end >= 2 && s[0] == '"' && s[end - 1] == '"') {
      luaL_Buffer b;
      luaL_buffinit(L, &b);
      for (size_t k = 1; k + 1 < end; k++) {
        if (s[k] == '\\' && k + 2 < end) k++;
        luaL_addchar(&b, s[k]);
      }
      luaL_pushresult(&b);
    } else {
      ek_aws_read_scalar(w, element, s, end);
    }
    lua_rawseti(L, -2, i);
    if (s[n] == '\0') return;
    s += n + 1;
  }
}

/* Pushes the value; false, with nothing pushed: there is none. */
static bool read_one(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int headers) {
  lua_State *L = w->L;
  int top = lua_gettop(L);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (const char *c = ek_aws_string(w, ref->wire); *c != '\0'; c++)
    luaL_addchar(&b, (char)tolower((unsigned char)*c));
  luaL_pushresult(&b);
  const char *value = ek_aws_push_header(L, headers, lua_tostring(L, -1));
  if (value == NULL) {
    lua_settop(L, top);
    return false;
  }
  size_t len = strlen(value);
  if (ek_aws_shape(w, ref)->type == EK_TYPE_LIST) {
    read_list(w, ref, value);
  } else if (ref->flags & EK_REF_JSON) {
    struct ek_buf *text = ek_lbuf_new(L);
    if (ek_base64_decode(text, value, len, NULL) != 0)
      (void)ek_aws_bad_value(w, ref, "not base64:", value, len);
    struct ek_error e;
    if (!ek_json_push(L, text->data, text->len, EK_AWS_DEPTH_MAX, true, &e))
      (void)ek_aws_bad_value(w, ref, "not JSON:", text->data, text->len);
  } else {
    ek_aws_read_scalar(w, ref, value, len);
  }
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
  return true;
}

/* Whether the member is all headers of a prefix; a model may say so of what is no map. */
static bool is_map(const struct ek_aws_walk *w, const struct ek_model_ref *ref) {
  return ref->location == EK_LOCATION_HEADERS && ek_aws_shape(w, ref)->type == EK_TYPE_MAP;
}

void ek_aws_read_headers(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                         int headers, int result) {
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(w, shape, i);
    if (is_map(w, ref))
      read_map(w, ref, headers);
    else if (ref->location != EK_LOCATION_HEADER || !read_one(w, ref, headers))
      continue;
    lua_setfield(w->L, result, ek_aws_string(w, ref->name));
  }
}

/* -- writing -------------------------------------------------------------------------------------
 */

/* Elements with a comma or a quote are quoted. */
static void write_list(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int value) {
  lua_State *L = w->L;
  const struct ek_model_ref *element = ek_aws_ref(w, ek_aws_shape(w, ref), 0);
  bool is_string = ek_aws_shape(w, element)->type == EK_TYPE_STRING;
  lua_Integer count = (lua_Integer)lua_rawlen(L, value);
  for (lua_Integer i = 1; i <= count; i++) {
    size_t len;
    int top = lua_gettop(L);
    if (i > 1) ek_buf_putc(w->out, ',');
    lua_rawgeti(L, value, i);
    const char *text = ek_aws_push_text(w, element, lua_gettop(L), EK_TIMESTAMP_HTTP, &len);
    bool quoted = is_string && strpbrk(text, "\",") != NULL;
    if (quoted) ek_buf_putc(w->out, '"');
    for (size_t k = 0; k < len; k++) {
      if (quoted && text[k] == '"') ek_buf_putc(w->out, '\\');
      ek_buf_putc(w->out, text[k]);
    }
    if (quoted) ek_buf_putc(w->out, '"');
    lua_settop(L, top);
  }
}

/* The value on top of the stack. */
static void write_one(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int headers) {
  lua_State *L = w->L;
  int value = lua_gettop(L);
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  if (shape->type == EK_TYPE_LIST && lua_rawlen(L, value) == 0) return;
  struct ek_aws_walk walk = *w;
  walk.timestamp = EK_TIMESTAMP_HTTP;
  walk.out = ek_lbuf_new(L);
  if (shape->type == EK_TYPE_LIST) {
    write_list(&walk, ref, value);
  } else if (ref->flags & EK_REF_JSON) {
    struct ek_buf *json = ek_lbuf_new(L);
    if (!ek_aws_append_document(L, json, value)) lua_error(L);
    ek_base64_encode(walk.out, json->data, json->len);
    ek_buf_fini(json);
  } else {
    ek_aws_write_scalar(&walk, ref, value);
  }
  ek_lbuf_push(L, walk.out);
  ek_buf_fini(walk.out);
  lua_setfield(L, headers, ek_aws_string(w, ref->wire));
  lua_settop(L, value);
}

/* The map on top of the stack. */
static void write_map(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int headers) {
  lua_State *L = w->L;
  int map = lua_gettop(L), count = ek_aws_sorted_keys(L, map), keys = lua_gettop(L);
  const char *prefix = ek_aws_string(w, ref->wire);
  for (int i = 1; i <= count; i++) {
    size_t len;
    lua_rawgeti(L, keys, i);
    const char *name = lua_pushfstring(L, "%s%s", prefix, lua_tostring(L, -1));
    lua_pushvalue(L, -2);
    lua_rawget(L, map);
    (void)ek_aws_text(L, -1, &len);
    lua_setfield(L, headers, name);
    lua_settop(L, keys);
  }
  lua_settop(L, map);
}

void ek_aws_write_headers(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                          int index, int headers) {
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(w, shape, i);
    bool map = is_map(w, ref);
    if ((ref->location != EK_LOCATION_HEADER && !map) || !ek_aws_get(w, index, ref)) continue;
    ek_aws_check_table(w, ek_aws_shape(w, ref), lua_gettop(w->L));
    if (map)
      write_map(w, ref, headers);
    else
      write_one(w, ref, headers);
    lua_pop(w->L, 1);
  }
}

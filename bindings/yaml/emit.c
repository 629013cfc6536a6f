/* Writing: values as block YAML, keys sorted. */
#include "bindings/yaml/yaml.h"

#include <math.h>
#include <yaml.h>

#include "core/number.h"

#define EMITTER_TYPE "eksrun.yaml.emitter"

struct emit {
  yaml_emitter_t emitter;
  bool live;
  struct ek_buf out;
};

static int l_emit_free(lua_State *L) {
  struct emit *m = luaL_checkudata(L, 1, EMITTER_TYPE);
  if (m->live) yaml_emitter_delete(&m->emitter);
  m->live = false;
  ek_buf_wipe(&m->out);
  ek_buf_fini(&m->out);
  return 0;
}

static int write_output(void *data, unsigned char *bytes, size_t size) {
  struct emit *m = data;
  ek_buf_append(&m->out, bytes, size);
  return !m->out.failed;
}

/* Hands an event, just initialized with the result ok, to the emitter, which then owns it. */
static void emit_event(lua_State *L, struct emit *m, yaml_event_t *event, int ok) {
  if (!ok) luaL_error(L, "yaml: a string is not valid UTF-8");
  if (yaml_emitter_emit(&m->emitter, event)) return;
  if (m->emitter.error == YAML_MEMORY_ERROR) luaL_error(L, "not enough memory");
  luaL_error(L, "yaml: %s", m->emitter.problem == NULL ? "cannot emit" : m->emitter.problem);
}

static void emit_scalar(lua_State *L, struct emit *m, const char *s, size_t len, bool plain,
                        yaml_scalar_style_t style) {
  yaml_event_t event;
  if (len > INT32_MAX) luaL_error(L, "yaml: a string is too long");
  int ok = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)s, (int)len, plain,
                                        1, style);
  emit_event(L, m, &event, ok);
}

static void emit_string(lua_State *L, struct emit *m, int index) {
  size_t len;
  const char *s = lua_tolstring(L, index, &len);
  bool lines = memchr(s, '\n', len) != NULL;
  emit_scalar(L, m, s, len, ek_yaml_is_plain_string(s, len),
              lines ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE);
}

static void emit_number(lua_State *L, struct emit *m, int index) {
  char text[EK_NUMBER_MAX];
  double number = lua_tonumber(L, index);
  if (lua_isinteger(L, index))
    (void)snprintf(text, sizeof text, LUA_INTEGER_FMT, lua_tointeger(L, index));
  else if (isnan(number))
    (void)snprintf(text, sizeof text, ".nan");
  else if (isinf(number))
    (void)snprintf(text, sizeof text, number < 0 ? "-.inf" : ".inf");
  else
    (void)ek_number_format(text, number);
  emit_scalar(L, m, text, strlen(text), true, YAML_PLAIN_SCALAR_STYLE);
}

static void emit_value(lua_State *L, struct emit *m, int depth);

/* The list at index; its length is known to be n. */
static void emit_list(lua_State *L, struct emit *m, int index, int depth) {
  yaml_event_t event;
  emit_event(
      L, m, &event,
      yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
  lua_Integer n = (lua_Integer)lua_rawlen(L, index);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, index, i);
    emit_value(L, m, depth + 1);
    lua_pop(L, 1);
  }
  emit_event(L, m, &event, yaml_sequence_end_event_initialize(&event));
}

/* The map at index, its keys in byte order. */
static void emit_map(lua_State *L, struct emit *m, int index, int depth) {
  yaml_event_t event;
  lua_Integer n = 0;
  lua_newtable(L);
  int keys = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "yaml: a key is %s, not a string", luaL_typename(L, -2));
    lua_pushvalue(L, -2);
    lua_rawseti(L, keys, ++n);
  }
  lua_pushvalue(L, lua_upvalueindex(2)); /* table.sort */
  lua_pushvalue(L, keys);
  lua_call(L, 1, 0);
  emit_event(L, m, &event,
             yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, keys, i);
    emit_string(L, m, -1);
    lua_rawget(L, index);
    emit_value(L, m, depth + 1);
    lua_pop(L, 1);
  }
  emit_event(L, m, &event, yaml_mapping_end_event_initialize(&event));
  lua_pop(L, 1);
}

static bool is_list(lua_State *L, int index) {
  if (lua_getmetatable(L, index)) {
    bool marked = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pop(L, 1);
    if (marked) return true;
  }
  return lua_rawlen(L, index) > 0;
}

/* Emits the value on top of the stack and leaves it there. */
static void emit_value(lua_State *L, struct emit *m, int depth) {
  if (depth > EK_YAML_DEPTH_MAX)
    luaL_error(L, "yaml: nested more than %d levels", EK_YAML_DEPTH_MAX);
  luaL_checkstack(L, 12, "yaml");
  int index = lua_gettop(L);
  switch (lua_type(L, index)) {
  case LUA_TSTRING: emit_string(L, m, index); return;
  case LUA_TNUMBER: emit_number(L, m, index); return;
  case LUA_TBOOLEAN: {
    const char *text = lua_toboolean(L, index) ? "true" : "false";
    emit_scalar(L, m, text, strlen(text), true, YAML_PLAIN_SCALAR_STYLE);
    return;
  }
  case LUA_TTABLE:
    if (is_list(L, index))
      emit_list(L, m, index, depth);
    else
      emit_map(L, m, index, depth);
    return;
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, index) == NULL) {
      emit_scalar(L, m, "null", 4, true, YAML_PLAIN_SCALAR_STYLE);
      return;
    }
    break;
  default: break;
  }
  luaL_error(L, "yaml: a value is %s, which YAML has not", luaL_typename(L, index));
}

int ek_yaml_l_emit(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  struct emit *m = lua_newuserdatauv(L, sizeof *m, 0);
  memset(m, 0, sizeof *m);
  ek_metatable_push(L, EMITTER_TYPE, NULL, l_emit_free);
  lua_setmetatable(L, -2);
  if (!yaml_emitter_initialize(&m->emitter)) return luaL_error(L, "not enough memory");
  m->live = true;
  yaml_emitter_set_output(&m->emitter, write_output, m);
  yaml_emitter_set_unicode(&m->emitter, 1);
  yaml_emitter_set_width(&m->emitter, -1);
  yaml_event_t event;
  emit_event(L, m, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
  emit_event(L, m, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
  lua_pushvalue(L, 1);
  emit_value(L, m, 1);
  emit_event(L, m, &event, yaml_document_end_event_initialize(&event, 1));
  emit_event(L, m, &event, yaml_stream_end_event_initialize(&event));
  if (!yaml_emitter_flush(&m->emitter)) return luaL_error(L, "not enough memory");
  ek_lbuf_push(L, &m->out);
  lua_pushcfunction(L, l_emit_free);
  lua_pushvalue(L, 2);
  lua_call(L, 1, 0);
  return 1;
}

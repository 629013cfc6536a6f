/* JSON bodies, both ways, and JSON values without a shape. */
#include <math.h>

#include "bindings/aws/aws.h"

#define READER "eksrun.aws.json_reader"

static void write_value(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index);

static void write_structure(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                            int index, bool body_only) {
  const char *separator = "";
  ek_buf_putc(w->out, '{');
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(w, shape, i);
    if (body_only && ref->location != EK_LOCATION_BODY) continue;
    if (!ek_aws_get(w, index, ref)) continue;
    const char *wire = ek_aws_string(w, ref->wire);
    ek_buf_puts(w->out, separator);
    separator = ",";
    ek_json_write_string(w->out, wire, strlen(wire));
    ek_buf_putc(w->out, ':');
    write_value(w, ref, lua_gettop(w->L));
    lua_pop(w->L, 1);
  }
  ek_buf_putc(w->out, '}');
}

static void write_list(const struct ek_aws_walk *w, const struct ek_model_shape *shape, int index) {
  lua_Integer count = (lua_Integer)lua_rawlen(w->L, index);
  ek_buf_putc(w->out, '[');
  for (lua_Integer i = 1; i <= count; i++) {
    if (i > 1) ek_buf_putc(w->out, ',');
    lua_rawgeti(w->L, index, i);
    write_value(w, ek_aws_ref(w, shape, 0), lua_gettop(w->L));
    lua_pop(w->L, 1);
  }
  ek_buf_putc(w->out, ']');
}

static void write_map(const struct ek_aws_walk *w, const struct ek_model_shape *shape, int index) {
  lua_State *L = w->L;
  int count = ek_aws_sorted_keys(L, index), keys = lua_gettop(L);
  ek_buf_putc(w->out, '{');
  for (int i = 1; i <= count; i++) {
    size_t len;
    lua_rawgeti(L, keys, i);
    const char *key = lua_tolstring(L, -1, &len);
    if (i > 1) ek_buf_putc(w->out, ',');
    ek_json_write_string(w->out, key, len);
    ek_buf_putc(w->out, ':');
    lua_rawget(L, index);
    write_value(w, ek_aws_ref(w, shape, 1), lua_gettop(L));
    lua_pop(L, 1);
  }
  ek_buf_putc(w->out, '}');
  lua_pop(L, 1);
}

static void write_scalar(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index) {
  uint8_t type = ek_aws_shape(w, ref)->type;
  size_t len;
  const char *text;
  double number;
  switch (type) {
  case EK_TYPE_STRING:
    text = ek_aws_text(w->L, index, &len);
    ek_json_write_string(w->out, text, len);
    return;
  case EK_TYPE_FLOAT:
  case EK_TYPE_DOUBLE:
    number = lua_tonumber(w->L, index);
    if (!isfinite(number)) break;
    if (number == floor(number) && fabs(number) < 1e15)
      ek_json_write_integer(w->out, (int64_t)number);
    else
      ek_json_write_number(w->out, number);
    return;
  case EK_TYPE_TIMESTAMP:
    if ((ref->timestamp != 0 ? ref->timestamp : w->timestamp) != EK_TIMESTAMP_EPOCH) break;
    ek_aws_write_scalar(w, ref, index);
    return;
  case EK_TYPE_BLOB: break;
  default: ek_aws_write_scalar(w, ref, index); return;
  }
  /* Neither NaN, dates nor base64 need escapes. */
  ek_buf_putc(w->out, '"');
  ek_aws_write_scalar(w, ref, index);
  ek_buf_putc(w->out, '"');
}

static void write_value(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index) {
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  luaL_checkstack(w->L, 8, "parameters nested too deeply");
  if (lua_islightuserdata(w->L, index)) {
    ek_buf_puts(w->out, "null");
  } else if (shape->flags & EK_SHAPE_DOCUMENT) {
    if (!ek_aws_append_document(w->L, w->out, index)) lua_error(w->L);
  } else {
    ek_aws_check_table(w, shape, index);
    switch (shape->type) {
    case EK_TYPE_STRUCTURE: write_structure(w, shape, index, false); break;
    case EK_TYPE_LIST: write_list(w, shape, index); break;
    case EK_TYPE_MAP: write_map(w, shape, index); break;
    default: write_scalar(w, ref, index);
    }
  }
}

void ek_aws_write_json(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index,
                       bool body_only) {
  if (body_only)
    write_structure(w, ek_aws_shape(w, ref), index, true);
  else
    write_value(w, ref, index);
}

bool ek_aws_append_document(lua_State *L, struct ek_buf *out, int index) {
  static const struct ek_json_style style = {.max_depth = EK_AWS_DEPTH_MAX};
  luaL_checkstack(L, LUA_MINSTACK, "parameters nested too deeply");
  return ek_json_append(L, out, index, &style);
}

static int l_reader_free(lua_State *L) {
  ek_json_reader_fini(luaL_checkudata(L, 1, READER));
  return 0;
}

struct ek_json_reader *ek_aws_new_reader(lua_State *L, const char *text, size_t len) {
  struct ek_json_reader *r = lua_newuserdatauv(L, sizeof *r, 0);
  ek_json_reader_init(r, text, len, EK_AWS_DEPTH_MAX);
  ek_metatable_push(L, READER, NULL, l_reader_free);
  lua_setmetatable(L, -2);
  return r;
}

static int bad_token(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                     const struct ek_json_reader *r, enum ek_json_type token) {
  if (token == EK_JSON_ERROR) {
    ek_error_push(w->L, "invalid_response", r->error.message);
    return lua_error(w->L);
  }
  const char *name = ek_json_type_name(token);
  return ek_aws_bad_value(w, ref, "of the wrong type:", name, strlen(name));
}

static void set_list(const struct ek_aws_walk *w) {
  lua_pushvalue(w->L, w->array_mt);
  lua_setmetatable(w->L, -2);
}

static void read_structure(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                           struct ek_json_reader *r, enum ek_json_type token) {
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  uint32_t hint = 0;
  if (token != EK_JSON_OBJECT_BEGIN) (void)bad_token(w, ref, r, token);
  lua_createtable(w->L, 0, shape->ref_count < 8 ? shape->ref_count : 8);
  while ((token = ek_json_next(r)) == EK_JSON_KEY) {
    int number = ek_aws_find_wire(w, shape, r->string, r->string_len, false, &hint);
    if (number < 0) {
      lua_pushlstring(w->L, r->string, r->string_len);
      if (ek_json_next(r) != EK_JSON_NULL) ek_aws_note_unknown(w, shape);
      lua_pop(w->L, 1);
      if (ek_json_skip(r) != 0) (void)bad_token(w, ref, r, EK_JSON_ERROR);
      continue;
    }
    const struct ek_model_ref *member = ek_aws_ref(w, shape, (uint32_t)number);
    token = ek_json_next(r);
    if (token == EK_JSON_NULL) continue;
    ek_aws_read_json(w, member, r, token);
    lua_setfield(w->L, -2, ek_aws_string(w, member->name));
  }
  if (token != EK_JSON_OBJECT_END) (void)bad_token(w, ref, r, token);
}

static void read_list(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                      struct ek_json_reader *r, enum ek_json_type token) {
  const struct ek_model_ref *element = ek_aws_ref(w, ek_aws_shape(w, ref), 0);
  if (token != EK_JSON_ARRAY_BEGIN) (void)bad_token(w, ref, r, token);
  lua_newtable(w->L);
  set_list(w);
  for (lua_Integer i = 1; (token = ek_json_next(r)) != EK_JSON_ARRAY_END; i++) {
    if (token == EK_JSON_NULL)
      lua_pushlightuserdata(w->L, NULL);
    else
      ek_aws_read_json(w, element, r, token);
    lua_rawseti(w->L, -2, i);
  }
}

static void read_map(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                     struct ek_json_reader *r, enum ek_json_type token) {
  const struct ek_model_ref *value = ek_aws_ref(w, ek_aws_shape(w, ref), 1);
  if (token != EK_JSON_OBJECT_BEGIN) (void)bad_token(w, ref, r, token);
  lua_newtable(w->L);
  while ((token = ek_json_next(r)) == EK_JSON_KEY) {
    lua_pushlstring(w->L, r->string, r->string_len);
    token = ek_json_next(r);
    if (token == EK_JSON_NULL)
      lua_pushlightuserdata(w->L, NULL);
    else
      ek_aws_read_json(w, value, r, token);
    lua_rawset(w->L, -3);
  }
  if (token != EK_JSON_OBJECT_END) (void)bad_token(w, ref, r, token);
}

/* Whether AWS takes a token for a scalar in a request. */
static bool is_of_type(uint8_t type, enum ek_json_type token) {
  switch (type) {
  case EK_TYPE_BOOLEAN: return token == EK_JSON_TRUE || token == EK_JSON_FALSE;
  case EK_TYPE_INTEGER:
  case EK_TYPE_LONG: return token == EK_JSON_INTEGER || token == EK_JSON_NUMBER;
  case EK_TYPE_DOUBLE:
  case EK_TYPE_FLOAT: /* NaN and Infinity are text */
  case EK_TYPE_TIMESTAMP:
    return token == EK_JSON_INTEGER || token == EK_JSON_NUMBER || token == EK_JSON_STRING;
  default: return token == EK_JSON_STRING;
  }
}

/* Servers differ in how they write a scalar: a number where text is due, and the reverse. */
static void read_scalar(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                        struct ek_json_reader *r, enum ek_json_type token) {
  uint8_t type = ek_aws_shape(w, ref)->type;
  bool number = token == EK_JSON_NUMBER || token == EK_JSON_INTEGER;
  if (w->strict && !is_of_type(type, token)) (void)bad_token(w, ref, r, token);
  if (token == EK_JSON_STRING) {
    ek_aws_read_scalar(w, ref, r->string, r->string_len);
  } else if (number && type == EK_TYPE_TIMESTAMP) {
    ek_aws_push_time(w->L, token == EK_JSON_INTEGER ? (double)r->integer : r->number);
  } else if (token == EK_JSON_INTEGER && (type == EK_TYPE_INTEGER || type == EK_TYPE_LONG)) {
    lua_pushinteger(w->L, r->integer);
  } else if (number && (type == EK_TYPE_DOUBLE || type == EK_TYPE_FLOAT)) {
    lua_pushnumber(w->L, token == EK_JSON_INTEGER ? (double)r->integer : r->number);
  } else if (number && type != EK_TYPE_BLOB) {
    ek_aws_read_scalar(w, ref, r->literal, r->literal_len);
  } else if (token == EK_JSON_TRUE || token == EK_JSON_FALSE) {
    const char *text = token == EK_JSON_TRUE ? "true" : "false";
    ek_aws_read_scalar(w, ref, text, strlen(text));
  } else {
    (void)bad_token(w, ref, r, token);
  }
}

/* A value without a shape. */
static void read_document(const struct ek_aws_walk *w, struct ek_json_reader *r,
                          enum ek_json_type token) {
  lua_State *L = w->L;
  luaL_checkstack(L, 8, "a document is nested too deeply");
  switch (token) {
  case EK_JSON_NULL: lua_pushlightuserdata(L, NULL); break;
  case EK_JSON_TRUE:
  case EK_JSON_FALSE: lua_pushboolean(L, token == EK_JSON_TRUE); break;
  case EK_JSON_INTEGER: lua_pushinteger(L, r->integer); break;
  case EK_JSON_NUMBER: lua_pushnumber(L, r->number); break;
  case EK_JSON_STRING: lua_pushlstring(L, r->string, r->string_len); break;
  case EK_JSON_ARRAY_BEGIN:
    lua_newtable(L);
    set_list(w);
    for (lua_Integer i = 1; (token = ek_json_next(r)) != EK_JSON_ARRAY_END; i++) {
      read_document(w, r, token);
      lua_rawseti(L, -2, i);
    }
    break;
  case EK_JSON_OBJECT_BEGIN:
    lua_newtable(L);
    while (ek_json_next(r) == EK_JSON_KEY) {
      lua_pushlstring(L, r->string, r->string_len);
      read_document(w, r, ek_json_next(r));
      lua_rawset(L, -3);
    }
    if (r->error.code == 0) break;
    /* fall through */
  default: ek_error_push(L, "invalid_response", r->error.message); lua_error(L);
  }
}

void ek_aws_read_json(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                      struct ek_json_reader *r, enum ek_json_type token) {
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  luaL_checkstack(w->L, 8, "an answer is nested too deeply");
  if (token == EK_JSON_ERROR) (void)bad_token(w, ref, r, token);
  if (shape->flags & EK_SHAPE_DOCUMENT) {
    read_document(w, r, token);
    return;
  }
  switch (shape->type) {
  case EK_TYPE_STRUCTURE: read_structure(w, ref, r, token); break;
  case EK_TYPE_LIST: read_list(w, ref, r, token); break;
  case EK_TYPE_MAP: read_map(w, ref, r, token); break;
  default: read_scalar(w, ref, r, token);
  }
}

void ek_aws_push_json(lua_State *L, const char *text) {
  struct ek_error e;
  if (*text == '\0')
    lua_newtable(L);
  else if (!ek_json_push(L, text, strlen(text), EK_AWS_DEPTH_MAX, true, &e))
    (void)ek_error_raise(L, &e);
}

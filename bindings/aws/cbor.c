/* CBOR bodies, both ways, and CBOR values without a shape. */
#include "core/cbor.h"

#include "bindings/aws/aws.h"

#define READER "eksrun.aws.cbor_reader"

static void write_value(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index);

static void write_string(const struct ek_aws_walk *w, const char *s) {
  ek_cbor_write_text(w->out, s, strlen(s));
}

static void write_structure(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                            int index) {
  uint64_t count = 0;
  for (uint32_t i = 0; i < shape->ref_count; i++)
    if (ek_aws_get(w, index, ek_aws_ref(w, shape, i))) {
      count++;
      lua_pop(w->L, 1);
    }
  ek_cbor_write_map(w->out, count);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(w, shape, i);
    if (!ek_aws_get(w, index, ref)) continue;
    write_string(w, ek_aws_string(w, ref->wire));
    write_value(w, ref, lua_gettop(w->L));
    lua_pop(w->L, 1);
    count--;
  }
  if (count != 0)
    luaL_error(w->L, "%s changed while it was written", ek_aws_string(w, shape->name));
}

static void write_list(const struct ek_aws_walk *w, const struct ek_model_shape *shape, int index) {
  lua_Integer count = (lua_Integer)lua_rawlen(w->L, index);
  ek_cbor_write_array(w->out, (uint64_t)count);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(w->L, index, i);
    write_value(w, ek_aws_ref(w, shape, 0), lua_gettop(w->L));
    lua_pop(w->L, 1);
  }
}

static void write_map(const struct ek_aws_walk *w, const struct ek_model_shape *shape, int index) {
  lua_State *L = w->L;
  int count = ek_aws_sorted_keys(L, index), keys = lua_gettop(L);
  ek_cbor_write_map(w->out, (uint64_t)count);
  for (int i = 1; i <= count; i++) {
    size_t len;
    lua_rawgeti(L, keys, i);
    const char *key = lua_tolstring(L, -1, &len);
    ek_cbor_write_text(w->out, key, len);
    lua_rawget(L, index);
    write_value(w, ek_aws_ref(w, shape, 1), lua_gettop(L));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Whole where the number is. */
static void write_number(struct ek_buf *out, lua_State *L, int index) {
  int whole;
  lua_Integer integer = lua_tointegerx(L, index, &whole);
  if (whole)
    ek_cbor_write_integer(out, integer);
  else
    ek_cbor_write_number(out, lua_tonumber(L, index));
}

static void write_time(const struct ek_aws_walk *w, int index) {
  double seconds = 0;
  (void)ek_aws_to_time(w->L, index, &seconds);
  ek_cbor_write_tag(w->out, EK_CBOR_TAG_EPOCH);
  ek_aws_push_time(w->L, seconds);
  write_number(w->out, w->L, -1);
  lua_pop(w->L, 1);
}

/* A value without a shape. */
static void write_document(const struct ek_aws_walk *w, int index) {
  lua_State *L = w->L;
  size_t len;
  luaL_checkstack(L, 8, "parameters nested too deeply");
  ek_aws_check_depth(L, index);
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN: ek_cbor_write_boolean(w->out, lua_toboolean(L, index)); return;
  case LUA_TNUMBER: write_number(w->out, L, index); return;
  case LUA_TSTRING: {
    const char *text = ek_aws_text(L, index, &len);
    ek_cbor_write_text(w->out, text, len);
    return;
  }
  case LUA_TTABLE: break;
  default: ek_cbor_write_null(w->out); return;
  }
  ek_json_push_array_mt(L);
  bool list = lua_rawlen(L, index) > 0;
  if (lua_getmetatable(L, index)) {
    list = list || lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  int count = list ? (int)lua_rawlen(L, index) : ek_aws_sorted_keys(L, index);
  int keys = lua_gettop(L);
  if (list)
    ek_cbor_write_array(w->out, (uint64_t)count);
  else
    ek_cbor_write_map(w->out, (uint64_t)count);
  for (int i = 1; i <= count; i++) {
    if (list) {
      lua_rawgeti(L, index, i);
    } else {
      lua_rawgeti(L, keys, i);
      const char *key = lua_tolstring(L, -1, &len);
      ek_cbor_write_text(w->out, key, len);
      lua_rawget(L, index);
    }
    write_document(w, lua_gettop(L));
    lua_pop(L, 1);
  }
  if (!list) lua_pop(L, 1);
}

static void write_value(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index) {
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  size_t len;
  const char *text;
  luaL_checkstack(w->L, 8, "parameters nested too deeply");
  if (lua_islightuserdata(w->L, index)) {
    ek_cbor_write_null(w->out);
    return;
  }
  if (shape->flags & EK_SHAPE_DOCUMENT) {
    write_document(w, index);
    return;
  }
  ek_aws_check_table(w, shape, index);
  switch (shape->type) {
  case EK_TYPE_STRUCTURE: write_structure(w, shape, index); break;
  case EK_TYPE_LIST: write_list(w, shape, index); break;
  case EK_TYPE_MAP: write_map(w, shape, index); break;
  case EK_TYPE_BOOLEAN: ek_cbor_write_boolean(w->out, lua_toboolean(w->L, index)); break;
  case EK_TYPE_FLOAT: ek_cbor_write_float(w->out, (float)lua_tonumber(w->L, index)); break;
  case EK_TYPE_DOUBLE: ek_cbor_write_number(w->out, lua_tonumber(w->L, index)); break;
  case EK_TYPE_TIMESTAMP: write_time(w, index); break;
  case EK_TYPE_BLOB:
    text = ek_aws_text(w->L, index, &len);
    ek_cbor_write_bytes(w->out, text, len);
    break;
  case EK_TYPE_STRING:
    text = ek_aws_text(w->L, index, &len);
    ek_cbor_write_text(w->out, text, len);
    break;
  default: write_number(w->out, w->L, index);
  }
}

void ek_aws_write_cbor(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index) {
  write_value(w, ref, index);
}

/* -- reading -------------------------------------------------------------------------------------
 */

static int l_reader_free(lua_State *L) {
  ek_cbor_reader_fini(luaL_checkudata(L, 1, READER));
  return 0;
}

struct ek_cbor_reader *ek_aws_new_cbor(lua_State *L, const char *bytes, size_t len) {
  struct ek_cbor_reader *r = lua_newuserdatauv(L, sizeof *r, 0);
  ek_cbor_reader_init(r, bytes, len, EK_AWS_DEPTH_MAX);
  ek_metatable_push(L, READER, NULL, l_reader_free);
  lua_setmetatable(L, -2);
  return r;
}

static int bad_item(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                    const struct ek_cbor_reader *r, enum ek_cbor_type item) {
  if (item == EK_CBOR_ERROR) {
    ek_error_push(w->L, "invalid_response", r->error.message);
    return lua_error(w->L);
  }
  const char *name = ek_cbor_type_name(item);
  return ek_aws_bad_value(w, ref, "of the wrong type:", name, strlen(name));
}

/* The key of a map, which must be text; false at its end. */
static bool next_key(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                     struct ek_cbor_reader *r) {
  enum ek_cbor_type item = ek_cbor_next(r);
  if (item != EK_CBOR_TEXT && item != EK_CBOR_MAP_END) (void)bad_item(w, ref, r, item);
  return item == EK_CBOR_TEXT;
}

static void set_list(const struct ek_aws_walk *w) {
  lua_pushvalue(w->L, w->array_mt);
  lua_setmetatable(w->L, -2);
}

static void read_structure(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                           struct ek_cbor_reader *r) {
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  uint32_t hint = 0;
  lua_createtable(w->L, 0, shape->ref_count < 8 ? shape->ref_count : 8);
  while (next_key(w, ref, r)) {
    int number = ek_aws_find_wire(w, shape, r->string, r->string_len, false, &hint);
    if (number < 0) {
      lua_pushlstring(w->L, r->string, r->string_len);
      enum ek_cbor_type item = ek_cbor_next(r);
      if (item != EK_CBOR_NULL) ek_aws_note_unknown(w, shape);
      lua_pop(w->L, 1);
      if (item == EK_CBOR_ERROR || ek_cbor_skip(r) != 0) (void)bad_item(w, ref, r, EK_CBOR_ERROR);
      continue;
    }
    enum ek_cbor_type item = ek_cbor_next(r);
    if (item == EK_CBOR_NULL) continue;
    const struct ek_model_ref *member = ek_aws_ref(w, shape, (uint32_t)number);
    ek_aws_read_cbor(w, member, r, item);
    lua_setfield(w->L, -2, ek_aws_string(w, member->name));
  }
}

static void read_list(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                      struct ek_cbor_reader *r) {
  const struct ek_model_ref *element = ek_aws_ref(w, ek_aws_shape(w, ref), 0);
  enum ek_cbor_type item;
  lua_newtable(w->L);
  set_list(w);
  for (lua_Integer i = 1; (item = ek_cbor_next(r)) != EK_CBOR_ARRAY_END; i++) {
    if (item == EK_CBOR_NULL)
      lua_pushlightuserdata(w->L, NULL);
    else
      ek_aws_read_cbor(w, element, r, item);
    lua_rawseti(w->L, -2, i);
  }
}

static void read_map(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                     struct ek_cbor_reader *r) {
  const struct ek_model_ref *value = ek_aws_ref(w, ek_aws_shape(w, ref), 1);
  lua_newtable(w->L);
  while (next_key(w, ref, r)) {
    lua_pushlstring(w->L, r->string, r->string_len);
    enum ek_cbor_type item = ek_cbor_next(r);
    if (item == EK_CBOR_NULL)
      lua_pushlightuserdata(w->L, NULL);
    else
      ek_aws_read_cbor(w, value, r, item);
    lua_rawset(w->L, -3);
  }
}

/* A number that may be written in the other of the two ways. */
static void read_number(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                        struct ek_cbor_reader *r, enum ek_cbor_type item) {
  uint8_t type = ek_aws_shape(w, ref)->type;
  bool whole = type == EK_TYPE_INTEGER || type == EK_TYPE_LONG;
  if (type == EK_TYPE_TIMESTAMP)
    ek_aws_push_time(w->L, item == EK_CBOR_INTEGER ? (double)r->integer : r->number);
  else if (whole && item == EK_CBOR_INTEGER)
    lua_pushinteger(w->L, r->integer);
  else if (type == EK_TYPE_DOUBLE || type == EK_TYPE_FLOAT)
    lua_pushnumber(w->L, item == EK_CBOR_INTEGER ? (double)r->integer : r->number);
  else
    (void)bad_item(w, ref, r, item);
}

static void read_scalar(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                        struct ek_cbor_reader *r, enum ek_cbor_type item) {
  uint8_t type = ek_aws_shape(w, ref)->type;
  switch (item) {
  case EK_CBOR_TAG:
    if (r->argument == 2 || r->argument == 3) {
      (void)ek_aws_bad_value(w, ref, "of the wrong type:", "an integer of any length", 24);
    } else if (type != EK_TYPE_TIMESTAMP || r->argument == EK_CBOR_TAG_EPOCH) {
      item = ek_cbor_next(r);
      if (item == EK_CBOR_TAG) (void)bad_item(w, ref, r, item);
      ek_aws_read_cbor(w, ref, r, item);
    } else {
      (void)bad_item(w, ref, r, item);
    }
    return;
  case EK_CBOR_INTEGER:
  case EK_CBOR_NUMBER: read_number(w, ref, r, item); return;
  case EK_CBOR_TEXT:
    if (type != EK_TYPE_STRING) break;
    lua_pushlstring(w->L, r->string, r->string_len);
    return;
  case EK_CBOR_BYTES:
    if (type != EK_TYPE_BLOB) break;
    lua_pushlstring(w->L, r->string, r->string_len);
    return;
  case EK_CBOR_TRUE:
  case EK_CBOR_FALSE:
    if (type != EK_TYPE_BOOLEAN) break;
    lua_pushboolean(w->L, item == EK_CBOR_TRUE);
    return;
  default: break;
  }
  (void)bad_item(w, ref, r, item);
}

/* A value without a shape; what is tagged is read as if it were not. */
static void read_document(const struct ek_aws_walk *w, struct ek_cbor_reader *r,
                          enum ek_cbor_type item) {
  static const struct ek_model_ref unnamed;
  lua_State *L = w->L;
  luaL_checkstack(L, 8, "a document is nested too deeply");
  while (item == EK_CBOR_TAG) item = ek_cbor_next(r);
  switch (item) {
  case EK_CBOR_NULL: lua_pushlightuserdata(L, NULL); break;
  case EK_CBOR_TRUE:
  case EK_CBOR_FALSE: lua_pushboolean(L, item == EK_CBOR_TRUE); break;
  case EK_CBOR_INTEGER: lua_pushinteger(L, r->integer); break;
  case EK_CBOR_BIG:
    lua_pushnumber(L, r->negative ? -1 - (double)r->argument : (double)r->argument);
    break;
  case EK_CBOR_NUMBER: lua_pushnumber(L, r->number); break;
  case EK_CBOR_TEXT:
  case EK_CBOR_BYTES: lua_pushlstring(L, r->string, r->string_len); break;
  case EK_CBOR_ARRAY_BEGIN:
    lua_newtable(L);
    set_list(w);
    for (lua_Integer i = 1; (item = ek_cbor_next(r)) != EK_CBOR_ARRAY_END; i++) {
      read_document(w, r, item);
      lua_rawseti(L, -2, i);
    }
    break;
  case EK_CBOR_MAP_BEGIN:
    lua_newtable(L);
    while (next_key(w, &unnamed, r)) {
      lua_pushlstring(L, r->string, r->string_len);
      read_document(w, r, ek_cbor_next(r));
      lua_rawset(L, -3);
    }
    break;
  default: ek_error_push(L, "invalid_response", r->error.message); lua_error(L);
  }
}

void ek_aws_read_cbor(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                      struct ek_cbor_reader *r, enum ek_cbor_type item) {
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  luaL_checkstack(w->L, 8, "an answer is nested too deeply");
  if (item == EK_CBOR_ERROR) (void)bad_item(w, ref, r, item);
  if (shape->flags & EK_SHAPE_DOCUMENT) {
    read_document(w, r, item);
    return;
  }
  bool map = shape->type == EK_TYPE_STRUCTURE || shape->type == EK_TYPE_MAP;
  if (shape->type > EK_TYPE_MAP)
    read_scalar(w, ref, r, item);
  else if (item != (map ? EK_CBOR_MAP_BEGIN : EK_CBOR_ARRAY_BEGIN))
    (void)bad_item(w, ref, r, item);
  else if (shape->type == EK_TYPE_STRUCTURE)
    read_structure(w, ref, r);
  else if (map)
    read_map(w, ref, r);
  else
    read_list(w, ref, r);
}

void ek_aws_push_cbor(const struct ek_aws_walk *w, struct ek_cbor_reader *r) {
  read_document(w, r, ek_cbor_next(r));
}

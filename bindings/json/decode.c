/* JSON to Lua values.
 *
 * A container's values wait on the Lua stack until it ends (or a batch of them is full), so that
 * its table is made once, in its final size. */
#include "bindings/json/json.h"
#include "core/json.h"

#define READER "eksrun.json.reader"

enum { BATCH = 32 };

static const char array_mt_key, object_mt_key;

static void push_registered(lua_State *L, const char *key, const char *kind) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "__jsontype");
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void ek_json_push_array_mt(lua_State *L) {
  push_registered(L, &array_mt_key, "array");
}

void ek_json_push_object_mt(lua_State *L) {
  push_registered(L, &object_mt_key, "object");
}

struct decoder {
  lua_State *L;
  struct ek_json_reader *r;
  int array_mt; /* stack index, 0: lists stay unmarked */
};

static bool push_value(const struct decoder *d, enum ek_json_type type);

/* Moves the count values on top of the stack into the list below them, behind its n first. The
 * list is made if it is not there yet (n == 0). */
static void flush_list(lua_State *L, lua_Integer n, int count, int size) {
  if (n == 0) {
    lua_createtable(L, size, 0);
    lua_insert(L, -count - 1);
  }
  int list = lua_gettop(L) - count;
  for (int i = count; i > 0; i--) lua_rawseti(L, list, n + i);
}

static bool push_list(const struct decoder *d) {
  lua_State *L = d->L;
  lua_Integer n = 0;
  int count = 0;
  luaL_checkstack(L, BATCH + 4, "json nests too deep");
  for (;;) {
    enum ek_json_type type = ek_json_next(d->r);
    if (type == EK_JSON_ARRAY_END) break;
    if (type == EK_JSON_ERROR) return false;
    if (count == BATCH) {
      flush_list(L, n, count, 2 * BATCH);
      n += count;
      count = 0;
    }
    if (!push_value(d, type)) return false;
    count++;
  }
  flush_list(L, n, count, count);
  if (d->array_mt != 0) {
    lua_pushvalue(L, d->array_mt);
    lua_setmetatable(L, -2);
  }
  return true;
}

/* The same with count pairs of key and value; in order, so that the last of equal keys stays. */
static void flush_pairs(lua_State *L, bool made, int count, int size) {
  if (!made) {
    lua_createtable(L, 0, size);
    lua_insert(L, -2 * count - 1);
  }
  int object = lua_gettop(L) - 2 * count;
  for (int i = 0; i < count; i++) {
    lua_pushvalue(L, object + 2 * i + 1);
    lua_pushvalue(L, object + 2 * i + 2);
    lua_rawset(L, object);
  }
  lua_settop(L, object);
}

static bool push_object(const struct decoder *d) {
  lua_State *L = d->L;
  bool made = false;
  int count = 0;
  luaL_checkstack(L, 2 * BATCH + 4, "json nests too deep");
  for (;;) {
    enum ek_json_type type = ek_json_next(d->r);
    if (type == EK_JSON_OBJECT_END) break;
    if (type == EK_JSON_ERROR) return false;
    if (count == BATCH) {
      flush_pairs(L, made, count, 2 * BATCH);
      made = true;
      count = 0;
    }
    lua_pushlstring(L, d->r->string, d->r->string_len);
    if (!push_value(d, ek_json_next(d->r))) return false;
    count++;
  }
  flush_pairs(L, made, count, count);
  return true;
}

static bool push_value(const struct decoder *d, enum ek_json_type type) {
  switch (type) {
  case EK_JSON_NULL: lua_pushlightuserdata(d->L, NULL); return true;
  case EK_JSON_TRUE: lua_pushboolean(d->L, 1); return true;
  case EK_JSON_FALSE: lua_pushboolean(d->L, 0); return true;
  case EK_JSON_INTEGER: lua_pushinteger(d->L, d->r->integer); return true;
  case EK_JSON_NUMBER: lua_pushnumber(d->L, d->r->number); return true;
  case EK_JSON_STRING: lua_pushlstring(d->L, d->r->string, d->r->string_len); return true;
  case EK_JSON_ARRAY_BEGIN: return push_list(d);
  case EK_JSON_OBJECT_BEGIN: return push_object(d);
  default: return false;
  }
}

static int l_free(lua_State *L) {
  ek_json_reader_fini(luaL_checkudata(L, 1, READER));
  return 0;
}

static bool push_text(lua_State *L, const char *text, size_t len, unsigned max_depth, bool marked,
                      bool any_numbers, struct ek_error *e) {
  int top = lua_gettop(L);
  struct ek_json_reader *r = lua_newuserdatauv(L, sizeof *r, 0);
  ek_json_reader_init(r, text, len, max_depth);
  r->any_numbers = any_numbers;
  ek_metatable_push(L, READER, NULL, l_free);
  lua_setmetatable(L, -2);
  struct decoder d = {.L = L, .r = r};
  if (marked) {
    ek_json_push_array_mt(L);
    d.array_mt = top + 2;
  }
  bool done = push_value(&d, ek_json_next(r)) && ek_json_next(r) == EK_JSON_END;
  ek_json_reader_fini(r);
  if (done) {
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
  } else {
    *e = r->error;
    lua_settop(L, top);
  }
  return done;
}

bool ek_json_push(lua_State *L, const char *text, size_t len, unsigned max_depth, bool marked,
                  struct ek_error *e) {
  return push_text(L, text, len, max_depth, marked, false, e);
}

bool ek_json_push_compatible(lua_State *L, const char *text, size_t len, unsigned max_depth,
                             bool any_numbers, struct ek_error *e) {
  return push_text(L, text, len, max_depth, false, any_numbers, e);
}

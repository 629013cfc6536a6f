/* cjson and cjson.safe: the interface of lua-cjson 2.1 on our own codec, for libraries written for
 * it. What differs: integers stay integers; text that is not JSON is refused but for the numbers of
 * decode_invalid_numbers; a depth beyond 1024 counts as 1024; keep_buffer has no effect. */
#include "bindings/json/json.h"
#include "core/json.h"

struct config {
  struct ek_json_style style;
  int decode_depth;
  bool keep_buffer;
  bool decode_invalid_numbers;
};

/* Every function's first upvalue is the config of its instance. */
static struct config *config_of(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

static int decode(lua_State *L, bool safe) {
  const struct config *c = config_of(L);
  size_t len;
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  const char *text = luaL_checklstring(L, 1, &len);
  struct ek_error e;
  int depth = c->decode_depth < EK_JSON_DEPTH_MAX ? c->decode_depth : EK_JSON_DEPTH_MAX;
  if (ek_json_push_compatible(L, text, len, (unsigned)depth, c->decode_invalid_numbers, &e))
    return 1;
  if (!safe) return luaL_error(L, "%s", e.message);
  lua_pushnil(L);
  lua_pushstring(L, e.message);
  return 2;
}

static int encode(lua_State *L, bool safe) {
  const struct config *c = config_of(L);
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  struct ek_buf *out = ek_lbuf_new(L);
  struct ek_json_style style = c->style;
  if (style.max_depth > EK_JSON_DEPTH_MAX) style.max_depth = EK_JSON_DEPTH_MAX;
  if (!ek_json_append(L, out, 1, &style)) {
    if (!safe) return luaL_error(L, "%s", lua_tostring(L, -1));
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  ek_lbuf_push(L, out);
  ek_buf_fini(out);
  return 1;
}

static int l_decode(lua_State *L) {
  return decode(L, false);
}

static int l_encode(lua_State *L) {
  return encode(L, false);
}

static int l_safe_decode(lua_State *L) {
  return decode(L, true);
}

static int l_safe_encode(lua_State *L) {
  return encode(L, true);
}

/* The settings: each takes the new value, if given, and returns the one in force. */

static void integer_setting(lua_State *L, int arg, int *setting, int least, int most) {
  if (!lua_isnoneornil(L, arg)) {
    lua_Integer n = luaL_checkinteger(L, arg);
    luaL_argcheck(L, n >= least && n <= most, arg,
                  lua_pushfstring(L, "expected integer between %d and %d", least, most));
    *setting = (int)n;
  }
  lua_pushinteger(L, *setting);
}

static void boolean_setting(lua_State *L, int arg, bool *setting) {
  static const char *const words[] = {"off", "on", NULL};
  if (lua_isboolean(L, arg)) {
    *setting = lua_toboolean(L, arg);
  } else if (!lua_isnoneornil(L, arg)) {
    *setting = luaL_checkoption(L, arg, NULL, words) == 1;
  }
  lua_pushboolean(L, *setting);
}

static void check_arguments(lua_State *L, int most) {
  luaL_argcheck(L, lua_gettop(L) <= most, most + 1, "found too many arguments");
  lua_settop(L, most);
}

static int l_encode_sparse_array(lua_State *L) {
  struct ek_json_style *style = &config_of(L)->style;
  check_arguments(L, 3);
  boolean_setting(L, 1, &style->sparse_convert);
  integer_setting(L, 2, &style->sparse_ratio, 0, INT32_MAX);
  integer_setting(L, 3, &style->sparse_safe, 0, INT32_MAX);
  return 3;
}

static int l_encode_max_depth(lua_State *L) {
  check_arguments(L, 1);
  integer_setting(L, 1, &config_of(L)->style.max_depth, 1, INT32_MAX);
  return 1;
}

static int l_decode_max_depth(lua_State *L) {
  check_arguments(L, 1);
  integer_setting(L, 1, &config_of(L)->decode_depth, 1, INT32_MAX);
  return 1;
}

static int l_encode_number_precision(lua_State *L) {
  check_arguments(L, 1);
  integer_setting(L, 1, &config_of(L)->style.precision, 1, 16);
  return 1;
}

static int l_encode_keep_buffer(lua_State *L) {
  check_arguments(L, 1);
  boolean_setting(L, 1, &config_of(L)->keep_buffer);
  return 1;
}

static int l_encode_invalid_numbers(lua_State *L) {
  enum ek_json_invalid *setting = &config_of(L)->style.invalid_numbers;
  check_arguments(L, 1);
  if (lua_isboolean(L, 1)) {
    *setting = lua_toboolean(L, 1) ? EK_JSON_AS_IS : EK_JSON_REFUSE;
  } else if (!lua_isnil(L, 1)) {
    static const char *const words[] = {"off", "null", "on", NULL};
    *setting = (enum ek_json_invalid)luaL_checkoption(L, 1, NULL, words);
  }
  if (*setting == EK_JSON_AS_NULL) {
    lua_pushliteral(L, "null");
  } else {
    lua_pushboolean(L, *setting == EK_JSON_AS_IS);
  }
  return 1;
}

static int l_decode_invalid_numbers(lua_State *L) {
  check_arguments(L, 1);
  boolean_setting(L, 1, &config_of(L)->decode_invalid_numbers);
  return 1;
}

static int push_instance(lua_State *L, bool safe);

static int l_new(lua_State *L) {
  return push_instance(L, false);
}

static int l_safe_new(lua_State *L) {
  return push_instance(L, true);
}

static int push_instance(lua_State *L, bool safe) {
  static const luaL_Reg functions[] = {
      {"encode_sparse_array", l_encode_sparse_array},
      {"encode_max_depth", l_encode_max_depth},
      {"decode_max_depth", l_decode_max_depth},
      {"encode_number_precision", l_encode_number_precision},
      {"encode_keep_buffer", l_encode_keep_buffer},
      {"encode_invalid_numbers", l_encode_invalid_numbers},
      {"decode_invalid_numbers", l_decode_invalid_numbers},
      {NULL, NULL},
  };
  static const luaL_Reg raising[] = {
      {"encode", l_encode}, {"decode", l_decode}, {"new", l_new}, {NULL, NULL}};
  static const luaL_Reg safely[] = {
      {"encode", l_safe_encode}, {"decode", l_safe_decode}, {"new", l_safe_new}, {NULL, NULL}};
  struct config *c = lua_newuserdatauv(L, sizeof *c, 0);
  *c = (struct config){
      .style = {.max_depth = 1000,
                .compatible = true,
                .precision = 14,
                .invalid_numbers = EK_JSON_REFUSE,
                .sparse_ratio = 2,
                .sparse_safe = 10},
      .decode_depth = 1000,
      .keep_buffer = true,
      .decode_invalid_numbers = true,
  };
  int config = lua_gettop(L);
  lua_newtable(L);
  lua_pushvalue(L, config);
  luaL_setfuncs(L, functions, 1);
  lua_pushvalue(L, config);
  luaL_setfuncs(L, safe ? safely : raising, 1);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  lua_pushliteral(L, "cjson");
  lua_setfield(L, -2, "_NAME");
  lua_pushliteral(L, "2.1.0");
  lua_setfield(L, -2, "_VERSION");
  return 1;
}

int luaopen_cjson(lua_State *L) {
  return push_instance(L, false);
}

int luaopen_cjson_safe(lua_State *L) {
  return push_instance(L, true);
}

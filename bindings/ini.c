/* eksrun.ini: AWS config and credentials files as they stand, section by section. What the
 * sections mean is eksrun.aws.config's business. */
#include <stdbool.h>

#include "bindings/bindings.h"
#include "core/ini.h"

#define READER "eksrun.ini.reader"

static int l_free(lua_State *L) {
  ek_ini_reader_fini(luaL_checkudata(L, 1, READER));
  return 0;
}

static struct ek_ini_reader *new_reader(lua_State *L, const char *text, size_t len) {
  struct ek_ini_reader *r = lua_newuserdatauv(L, sizeof *r, 0);
  ek_ini_reader_init(r, text, len);
  ek_metatable_push(L, READER, NULL, l_free);
  lua_setmetatable(L, -2);
  return r;
}

/* Into the list at index: {type =, name =, line =, keys = {}, lines = {}}; leaves keys and lines on
 * the stack. */
static void push_section(lua_State *L, const struct ek_ini_reader *r, int list) {
  lua_createtable(L, 0, 5);
  lua_pushlstring(L, r->type, r->type_len);
  lua_setfield(L, -2, "type");
  if (r->name != NULL) {
    lua_pushlstring(L, r->name, r->name_len);
    lua_setfield(L, -2, "name");
  }
  lua_pushinteger(L, (lua_Integer)r->line);
  lua_setfield(L, -2, "line");
  lua_newtable(L);
  lua_newtable(L);
  lua_pushvalue(L, -2);
  lua_setfield(L, -4, "keys");
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "lines");
  lua_rotate(L, -3, 2);
  lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
}

/* lines[key], or lines["key.subkey"], for the property at hand. Stack as parse has it. */
static void set_line(lua_State *L, const struct ek_ini_reader *r, bool sub) {
  if (sub) {
    lua_pushvalue(L, 6);
    lua_pushliteral(L, ".");
    lua_pushlstring(L, r->key, r->key_len);
    lua_concat(L, 3);
  } else {
    lua_pushvalue(L, 6);
  }
  lua_pushinteger(L, (lua_Integer)r->line);
  lua_rawset(L, 5);
}

/* Pushes the list of sections, or an error object: then false. */
static bool parse(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  lua_settop(L, 1);
  struct ek_ini_reader *r = new_reader(L, text, len);
  lua_newtable(L);
  /* 4: the section's keys, 5: their lines, 6: the key that subkeys belong to. */
  for (;;) {
    enum ek_ini_type type = ek_ini_next(r);
    if (type == EK_INI_SECTION) {
      lua_settop(L, 3);
      push_section(L, r, 3);
    } else if (type == EK_INI_KEY) {
      lua_settop(L, 5);
      lua_pushlstring(L, r->key, r->key_len);
      lua_pushvalue(L, 6);
      lua_pushlstring(L, r->value, r->value_len);
      lua_rawset(L, 4);
      set_line(L, r, false);
    } else if (type == EK_INI_SUBKEY) {
      lua_pushvalue(L, 6);
      if (lua_rawget(L, 4) != LUA_TTABLE) {
        lua_newtable(L);
        lua_replace(L, -2);
        lua_pushvalue(L, 6);
        lua_pushvalue(L, -2);
        lua_rawset(L, 4);
      }
      lua_pushlstring(L, r->key, r->key_len);
      lua_pushlstring(L, r->value, r->value_len);
      lua_rawset(L, -3);
      lua_settop(L, 6);
      set_line(L, r, true);
    } else {
      break;
    }
  }
  bool right = r->error.code == 0;
  if (right) {
    lua_settop(L, 3);
  } else {
    ek_error_push(L, ek_code_name(r->error.code), r->error.message);
    lua_pushinteger(L, (lua_Integer)r->line);
    lua_setfield(L, -2, "line");
  }
  ek_ini_reader_fini(r);
  return right;
}

static int l_parse(lua_State *L) {
  return parse(L) ? 1 : lua_error(L);
}

static int l_try_parse(lua_State *L) {
  if (parse(L)) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

int luaopen_eksrun_ini(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"parse", l_parse}, {"try_parse", l_try_parse}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

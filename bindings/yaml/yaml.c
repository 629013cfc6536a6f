/* eksrun.yaml: YAML for Lua, over libyaml's events.
 *
 *   yaml.parse(text [, opts]) -> value          yaml.try_parse(text [, opts]) -> value | nil, err
 *   yaml.compose(text [, opts]) -> node tree with byte positions, for editing text in place
 *   yaml.emit(value) -> text
 *
 * Plain scalars follow the core schema of YAML 1.2; what 1.1 would read otherwise ("yes", 1:30) is
 * emitted in quotes. Keys are strings, always. Aliases are refused, and so are duplicate keys,
 * more than one document (unless asked for), 64 levels, a million nodes and 16 MiB: no input takes
 * more than time in proportion to its length. Everything libyaml allocates hangs off a userdata. */
#include "bindings/yaml/yaml.h"

int luaopen_eksrun_yaml(lua_State *L) {
  static const luaL_Reg functions[] = {{"parse", ek_yaml_l_parse},
                                       {"try_parse", ek_yaml_l_try_parse},
                                       {"compose", ek_yaml_l_compose},
                                       {"emit", ek_yaml_l_emit},
                                       {NULL, NULL}};
  luaL_newlibtable(L, functions);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "eksrun.json");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "array_mt"); /* upvalue 1: what marks a list */
  lua_remove(L, -2);
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "sort"); /* upvalue 2 */
  lua_remove(L, -2);
  luaL_setfuncs(L, functions, 2);
  return 1;
}

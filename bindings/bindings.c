/* The list of native modules. */
#include "bindings/bindings.h"

static const luaL_Reg modules[] = {
    {"eksrun.checksum", luaopen_eksrun_checksum},
    {"eksrun.error", luaopen_eksrun_error},
    {"eksrun.native.certificate", luaopen_eksrun_native_certificate},
    {"eksrun.native.es256", luaopen_eksrun_native_es256},
    {"eksrun.native.kubeconfig", luaopen_eksrun_native_kubeconfig},
    {"eksrun.ini", luaopen_eksrun_ini},
    {"eksrun.jmespath", luaopen_eksrun_jmespath},
    {"eksrun.json", luaopen_eksrun_json},
    {"eksrun.text", luaopen_eksrun_text},
    {"cjson", luaopen_cjson},
    {"cjson.safe", luaopen_cjson_safe},
    {"eksrun.sigv4", luaopen_eksrun_sigv4},
    {"eksrun.yaml", luaopen_eksrun_yaml},
    {"eksrun.native.aws", luaopen_eksrun_native_aws},
    {"eksrun.native.endpoint", luaopen_eksrun_native_endpoint},
    {"eksrun.clock", luaopen_eksrun_clock},
    {"eksrun.file", luaopen_eksrun_file},
    {"eksrun.http", luaopen_eksrun_http},
    {"eksrun.process", luaopen_eksrun_process},
    {"eksrun.terminal", luaopen_eksrun_terminal},
    {"eksrun.native.edit", luaopen_eksrun_native_edit},
    {"eksrun.native.server", luaopen_eksrun_native_server},
    {"eksrun.native.task", luaopen_eksrun_native_task},
    {NULL, NULL},
};

void ek_bindings_preload(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  luaL_setfuncs(L, modules, 0);
  lua_pop(L, 1);
}

/* Sets up the Lua state and enters it, once, through a protected call. */
#include "host.h"

#include <lauxlib.h>
#include <lualib.h>

#include "bindings/bindings.h"
#include "core/embed.h"
#include "core/heap.h"
#include "core/suggest.h"
#include "task.h"

/* KiB that a program allocates before the first look for garbage: what a command loads at its start
 * stays, so that to look at it is time lost. */
#define START_KIB 2048

/* Upvalue 1: the override folder, or nil; what it lacks comes from the binary. Finds "a.b" as
 * a/b.lua or a/b/init.lua. */
static int l_search_stdlib(lua_State *L) {
  const char *module = luaL_checkstring(L, 1);
  const char *path = luaL_gsub(L, module, ".", "/");
  const char *dir = lua_tostring(L, lua_upvalueindex(1));
  static const char *const forms[] = {"%s.lua", "%s/init.lua"};
  for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
    const char *name = lua_pushfstring(L, forms[f], path);
    if (dir != NULL) {
      const char *file = lua_pushfstring(L, "%s/%s", dir, name);
      FILE *probe = fopen(file, "re");
      if (probe != NULL) {
        (void)fclose(probe);
        if (luaL_loadfilex(L, file, "t") != LUA_OK) return lua_error(L);
        lua_pushvalue(L, -2);
        return 2;
      }
    }
    const struct ek_embedded *e = ek_embedded_find(ek_stdlib, ek_stdlib_count, name);
    if (e == NULL) continue;
    const char *chunk = lua_pushfstring(L, "@lua/stdlib/%s", name);
    if (luaL_loadbufferx(L, e->data, e->size, chunk, "t") != LUA_OK) return lua_error(L);
    lua_pushstring(L, chunk + 1);
    return 2;
  }
  lua_pushfstring(L, "no embedded module '%s'", module);
  return 1;
}

/* Pushes the names of the modules that a recipe can require: native ones and embedded ones, as a
 * list. "eksrun/cli/main.lua" is "eksrun.cli.main". */
static void push_modules(lua_State *L) {
  lua_Integer n = 0;
  lua_newtable(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) continue;
    lua_pushvalue(L, -2);
    lua_rawseti(L, -5, ++n);
  }
  lua_pop(L, 1);
  for (size_t i = 0; i < ek_stdlib_count; i++) {
    const char *name = ek_stdlib[i].name, *dot = strrchr(name, '.');
    if (dot == NULL) continue;
    if (dot - name > 5 && memcmp(dot - 5, "/init", 5) == 0) dot -= 5;
    lua_pushlstring(L, name, (size_t)(dot - name));
    luaL_gsub(L, lua_tostring(L, -1), "/", ".");
    lua_rawseti(L, -3, ++n);
    lua_pop(L, 1);
  }
}

/* The ending of a message about an unknown module: "; did you mean 'eksrun.vpc'?", or "". A kit's
 * name without its "eksrun." is near too. */
static const char *push_near_module(lua_State *L, const char *module) {
  static const char room[] = "eksrun.";
  const size_t room_len = sizeof room - 1;
  push_modules(L);
  size_t count = (size_t)lua_rawlen(L, -1);
  const char **names = lua_newuserdatauv(L, (count + 1) * sizeof *names, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (lua_Integer)i + 1);
    names[i] = lua_tostring(L, -1); /* the list keeps it */
    lua_pop(L, 1);
  }
  const char *best;
  if (ek_suggest(&best, 1, module, names, count) == 1)
    return lua_pushfstring(L, "; did you mean '%s'?", best);
  size_t kits = 0;
  for (size_t i = 0; i < count; i++)
    if (strncmp(names[i], room, room_len) == 0) names[kits++] = names[i] + room_len;
  if (ek_suggest(&best, 1, module, names, kits) == 1)
    return lua_pushfstring(L, "; did you mean '%s%s'?", room, best);
  return lua_pushliteral(L, "");
}

/* Comes last: says in one line, at the line of the require, that there is no such module. */
static int l_search_nothing(lua_State *L) {
  const char *module = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  luaL_where(L, 2); /* 1 is require */
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  const char *path = lua_tostring(L, -1);
  const char *why = push_near_module(L, module);
  bool ours = strncmp(module, "eksrun.", 7) == 0;
  if (*why == '\0' && !ours && path != NULL && *path != '\0') {
    const char *file = luaL_gsub(L, module, ".", "/");
    const char *files = luaL_gsub(L, luaL_gsub(L, path, "?", file), ";", " or ");
    why = lua_pushfstring(L, ": no file %s", files);
  }
  lua_pushfstring(L, "%smodule '%s' not found%s", lua_tostring(L, 2), module, why);
  return lua_error(L);
}

/* The embedded library comes behind preload; files are found only once package.path says where. */
static void set_searchers(lua_State *L, const char *stdlib_dir) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, l_search_nothing);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pushstring(L, stdlib_dir);
  lua_pushcclosure(L, l_search_stdlib, 1);
  lua_rawseti(L, -2, 2);
  lua_pushliteral(L, "");
  lua_setfield(L, -3, "path");
  lua_pushliteral(L, "");
  lua_setfield(L, -3, "cpath");
  lua_pop(L, 2);
}

static int open_version(lua_State *L) {
  lua_pushliteral(L, EKSRUN_VERSION);
  return 1;
}

static int open_all(lua_State *L) {
  const char *stdlib_dir = lua_touserdata(L, 1);
  struct ek_loop *loop = lua_touserdata(L, 2);
  lua_pushboolean(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  luaL_openlibs(L);
  set_searchers(L, stdlib_dir);
  ek_bindings_preload(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open_version);
  lua_setfield(L, -2, "eksrun.version");
  lua_pop(L, 1);
  ek_task_open(L, loop);
  return 0;
}

/* Lua's strings hold credentials and signatures: nothing is left of them once collected. */
static void *resize(void *heap, void *old, size_t had, size_t n) {
  return ek_heap_resize(heap, old, old != NULL ? had : 0, n); /* else `had` is a type */
}

static int panic(lua_State *L) {
  const char *message = lua_tostring(L, -1);
  (void)fprintf(stderr, "eksrun: error outside of a protected call: %s\n",
                message != NULL ? message : "not a string");
  return 0;
}

lua_State *ek_host_new(struct ek_loop *loop, const char *stdlib_dir) {
  struct ek_heap *heap = calloc(1, sizeof *heap);
  lua_State *L = heap != NULL ? lua_newstate(resize, heap) : NULL;
  if (L == NULL) {
    (void)fprintf(stderr, "eksrun: not enough memory\n");
    free(heap);
    return NULL;
  }
  (void)lua_atpanic(L, panic);
  (void)lua_gc(L, LUA_GCSTEP,
               -START_KIB); /* a step back: the debt that starts a cycle is negative */
  lua_pushcfunction(L, open_all);
  lua_pushlightuserdata(L, (void *)(uintptr_t)stdlib_dir);
  lua_pushlightuserdata(L, loop);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    (void)fprintf(stderr, "eksrun: %s\n", lua_tostring(L, -1));
    ek_host_free(L);
    return NULL;
  }
  return L;
}

void ek_host_free(lua_State *L) {
  void *heap;
  (void)lua_getallocf(L, &heap);
  lua_close(L);
  ek_heap_fini(heap);
  free(heap);
}

/* arg = { [0] = argv[0], argv[1], ... } */
static void set_arg(lua_State *L, int argc, char **argv) {
  lua_createtable(L, argc - 1, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_setglobal(L, "arg");
}

/* package.path = DIR/?.lua;DIR/?/init.lua, DIR being the folder of the file. */
static void set_path(lua_State *L, const char *file) {
  const char *slash = strrchr(file, '/');
  const char *dir = slash == NULL ? "." : lua_pushlstring(L, file, (size_t)(slash - file));
  lua_getglobal(L, "package");
  lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", dir, dir);
  lua_setfield(L, -2, "path");
}

static int one_result(lua_State *L, int status, lua_KContext ctx) {
  (void)L;
  (void)status;
  (void)ctx;
  return 1;
}

static bool is_switch(const char *word) {
  return strcmp(word, "--debug") == 0 || strcmp(word, "--stats") == 0;
}

/* The index of FILE in `eksrun lua [--debug] [--stats] FILE [ARGUMENT...]`, or 0. */
static int plain_file(int argc, char **argv) {
  if (argc < 3 || strcmp(argv[1], "lua") != 0) return 0;
  int i = 2;
  while (i < argc && is_switch(argv[i])) i++;
  return i < argc && argv[i][0] != '-' ? i : 0;
}

/* Has cli/watch.lua watch the calls of the function that is running, if a word wants that. */
static void watch_calls(lua_State *L, int argc, char **argv) {
  bool wanted = false;
  for (int i = 2; i < argc; i++) wanted |= is_switch(argv[i]);
  if (!wanted) return;
  lua_getglobal(L, "require");
  lua_pushliteral(L, "eksrun.cli.watch");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "start");
  lua_createtable(L, argc, 0);
  for (int i = 2; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - 1);
  }
  lua_call(L, 1, 1);
  lua_toclose(L, -1);
}

/* A plain Lua file is run here, everything else is the command line's. */
static int run_main(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  int first = 1, file = plain_file(argc, argv);
  if (file > 0) {
    first = file + 1;
    watch_calls(L, argc, argv);
    set_arg(L, argc - file, argv + file);
    set_path(L, argv[file]);
    if (luaL_loadfilex(L, argv[file], "t") != LUA_OK) {
      ek_error_push(L, "usage", lua_tostring(L, -1));
      return lua_error(L);
    }
  } else {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "eksrun.cli.main");
    lua_call(L, 1, 1);
  }
  luaL_checkstack(L, argc, "too many arguments");
  for (int i = first; i < argc; i++) lua_pushstring(L, argv[i]);
  lua_callk(L, argc > first ? argc - first : 0, 1, 0, one_result);
  return 1;
}

/* Upvalues: argc, argv. Leaves what ek_task_main leaves, and its status below. */
static int enter(lua_State *L) {
  lua_pushcfunction(L, run_main);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_pushinteger(L, ek_task_main(L, 2));
  lua_insert(L, 3);
  return lua_gettop(L) - 2;
}

static bool wants_traceback(int argc, char **argv, bool is_object) {
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], "--debug") == 0) return true;
  return !is_object; /* a bug, not an expected failure */
}

/* 1 the error, 2 its traceback or nil. Upvalue 1: whether to show that. */
static int report(lua_State *L) {
  if (!lua_toboolean(L, lua_upvalueindex(1))) {
    lua_pushnil(L);
    lua_replace(L, 2);
  }
  lua_getglobal(L, "require");
  lua_pushliteral(L, "eksrun.cli.failure");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "report");
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  return 1;
}

int ek_host_run(lua_State *L, int argc, char **argv) {
  lua_settop(L, 0);
  lua_pushcfunction(L, enter);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int status = lua_pcall(L, 2, LUA_MULTRET, 0);
  if (status == LUA_OK) {
    status = (int)lua_tointeger(L, 1);
    lua_remove(L, 1);
  }
  if (status == LUA_OK) return (int)lua_tointeger(L, 1);

  lua_settop(L, 2);
  lua_pushboolean(L, wants_traceback(argc, argv, !lua_isstring(L, 1)));
  lua_pushcclosure(L, report, 1);
  lua_insert(L, 1);
  if (lua_pcall(L, 2, 1, 0) != LUA_OK) {
    (void)fprintf(stderr, "eksrun: an error that cannot be printed\n");
    return 1;
  }
  return (int)lua_tointeger(L, -1);
}

/* The coroutine library beside tasks: a task is resumed and closed by the scheduler only, and a
 * coroutine of the user's own is known while it runs, so that a signal can stop it. */
#include <stdatomic.h>

#include "scheduler.h"

static int l_yield(lua_State *L) {
  if (ek_task_of(L) != NULL) return luaL_error(L, "attempt to yield from outside a coroutine");
  return lua_yield(L, lua_gettop(L));
}

static lua_State *check_own(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co != NULL, 1, "coroutine");
  luaL_argcheck(L, ek_task_of(co) == NULL, 1, "a task: only the scheduler resumes it");
  return co;
}

/* Upvalue 1: the library's coroutine.close. */
static int l_close(lua_State *L) {
  (void)check_own(L);
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int refuse(lua_State *L, const char *message) {
  lua_pushstring(L, message);
  return -1;
}

/* Runs co with the nargs values on top of the stack. Pushes what it yields or returns and gives
 * their number, or pushes its error and gives -1. */
static int resume(lua_State *L, lua_State *co, int nargs) {
  if (!lua_checkstack(co, nargs)) return refuse(L, "too many arguments to resume");
  lua_xmove(L, co, nargs);
  ek_interrupt_inherit(co, L);
  struct ek_sched *s = ek_sched_get(L);
  struct ek_resumed frame = {.co = co, .outer = s->resumed};
  atomic_signal_fence(memory_order_release);
  s->resumed = &frame;
  int nresults = 0, status = lua_resume(co, L, nargs, &nresults);
  s->resumed = frame.outer;
  if (status != LUA_OK && status != LUA_YIELD) nresults = 1;
  if (!lua_checkstack(L, nresults + 1)) {
    lua_pop(co, nresults);
    return refuse(L, "too many results to resume");
  }
  lua_xmove(co, L, nresults);
  return status == LUA_OK || status == LUA_YIELD ? nresults : -1;
}

static int l_resume(lua_State *L) {
  lua_State *co = check_own(L);
  int count = resume(L, co, lua_gettop(L) - 1);
  lua_pushboolean(L, count >= 0);
  lua_insert(L, count >= 0 ? -(count + 1) : -2);
  return count >= 0 ? count + 1 : 2;
}

/* What coroutine.wrap returns. Upvalue 1: the coroutine. */
static int l_wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int count = resume(L, co, lua_gettop(L));
  if (count >= 0) return count;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) { /* it failed: close what it left open */
    status = lua_closethread(co, L);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int l_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, l_wrapped, 1);
  return 1;
}

void ek_coroutine_open(lua_State *L) {
  static const luaL_Reg ours[] = {
      {"yield", l_yield}, {"resume", l_resume}, {"wrap", l_wrap}, {NULL, NULL}};
  lua_getglobal(L, "coroutine");
  luaL_setfuncs(L, ours, 0);
  lua_getfield(L, -1, "close");
  lua_pushcclosure(L, l_close, 1);
  lua_setfield(L, -2, "close");
  lua_pop(L, 1);
}

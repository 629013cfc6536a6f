/* eksrun.native.task: what lua/stdlib/eksrun/task.lua is made of.
 *
 *   scope() -> Scope     Scope:spawn(f, ...) -> Task   :join(body) -> its results
 *                        :cancel([reason])   :deadline(seconds)
 *   spawn(f, ...) -> Task, in the scope of the running task
 *   current() -> Task    Task:join() -> results   :cancel([reason])   :status()   :traceback()
 *   sleep(seconds [, look])   check()   shield(boolean)   on_signal(f | nil [, stops])
 *     look: it is for another look at the world outside, in real time
 *   queue() -> Queue     Queue:wait()   :wake([n]) -> how many were woken */
#include "bindings/bindings.h"

#include "scheduler.h"

#define QUEUE_TYPE "eksrun.task.queue"
#define WAIT_TYPE  "eksrun.task.wait"
#define DEPTH_MAX  10000 /* of scopes: to cancel one calls as deep on the C stack */

/* The waits of this file. */
struct op {
  struct ek_wait wait;
  struct ek_loop *loop;
  struct ek_timer timer;
  struct ek_queue *queue;
};

/* At the end of the state a wait may still be under way. Canceling it would reach others, of which
 * some are gone already. */
static int l_op_gc(lua_State *L) {
  struct op *op = luaL_checkudata(L, 1, WAIT_TYPE);
  ek_timer_stop(op->loop, &op->timer);
  return 0;
}

static struct op *new_op(lua_State *L, void (*cancel)(struct ek_wait *)) {
  struct op *op = lua_newuserdatauv(L, sizeof *op, 1);
  *op = (struct op){.wait = {.cancel = cancel}, .loop = ek_task_loop(L)};
  luaL_setmetatable(L, WAIT_TYPE);
  return op;
}

static int nothing(lua_State *L, int status, lua_KContext ctx) {
  (void)L;
  (void)status;
  (void)ctx;
  return 0;
}

/* -- sleep ---------------------------------------------------------------------------------------
 */

static void wake_up(struct ek_timer *timer) {
  struct op *op = (struct op *)((char *)timer - offsetof(struct op, timer));
  ek_wait_done(&op->wait);
}

static void cancel_sleep(struct ek_wait *w) {
  struct op *op = (struct op *)w;
  ek_timer_stop(op->loop, &op->timer);
  ek_wait_done(w);
}

static int l_sleep(lua_State *L) {
  struct ek_error e;
  double seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds >= 0, 1, "seconds >= 0 expected");
  ek_task_check(L, "task.sleep");
  bool look = lua_toboolean(L, 2);
  struct op *op = new_op(L, cancel_sleep);
  int rc = look ? ek_timer_look(op->loop, &op->timer, seconds, wake_up, &e)
                : ek_timer_start(op->loop, &op->timer, seconds, wake_up, &e);
  if (rc != 0) return ek_error_raise(L, &e);
  return ek_task_wait(L, &op->wait, 0, nothing);
}

/* -- queues --------------------------------------------------------------------------------------
 */

static void cancel_queued(struct ek_wait *w) {
  ek_queue_remove(((struct op *)w)->queue, w);
  ek_wait_done(w);
}

static int l_queue(lua_State *L) {
  struct ek_queue *q = lua_newuserdatauv(L, sizeof *q, 0);
  *q = (struct ek_queue){0};
  luaL_setmetatable(L, QUEUE_TYPE);
  return 1;
}

static int l_queue_wait(lua_State *L) {
  struct ek_queue *q = luaL_checkudata(L, 1, QUEUE_TYPE);
  ek_task_check(L, luaL_optstring(L, 2, "wait"));
  struct op *op = new_op(L, cancel_queued);
  op->queue = q;
  ek_queue_add(q, &op->wait);
  return ek_task_wait(L, &op->wait, 0, nothing);
}

static int l_queue_wake(lua_State *L) {
  struct ek_queue *q = luaL_checkudata(L, 1, QUEUE_TYPE);
  lua_Integer most = luaL_optinteger(L, 2, LUA_MAXINTEGER), n = 0;
  for (struct ek_wait *w; n < most && (w = ek_queue_take(q)) != NULL; n++) ek_wait_done(w);
  lua_pushinteger(L, n);
  return 1;
}

/* -- tasks ---------------------------------------------------------------------------------------
 */

static struct ek_task *check_task(lua_State *L, int index) {
  return luaL_checkudata(L, index, EK_TASK_TYPE);
}

static int joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  return ek_task_results(L, 1);
}

static int l_task_join(lua_State *L) {
  struct ek_task *t = check_task(L, 1);
  if (t->status == EK_TASK_DONE) return ek_task_results(L, 1);
  luaL_argcheck(L, t != t->sched->running, 1, "a task cannot join itself");
  ek_task_check(L, "task.join");
  struct op *op = new_op(L, cancel_queued);
  op->queue = &t->joiners;
  ek_queue_add(op->queue, &op->wait);
  return ek_task_wait(L, &op->wait, 0, joined);
}

/* Pushes the reason at index as an error object; a string becomes its message. */
static void push_reason(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TSTRING)
    ek_error_push(L, "canceled", lua_pushfstring(L, "canceled: %s", lua_tostring(L, index)));
  else if (lua_isnoneornil(L, index))
    ek_error_push(L, "canceled", "canceled");
  else
    lua_pushvalue(L, index);
}

static int l_task_cancel(lua_State *L) {
  struct ek_task *t = check_task(L, 1);
  if (t->canceled || t->status == EK_TASK_DONE) return 0;
  push_reason(L, 2);
  lua_setiuservalue(L, 1, EK_TASK_REASON);
  ek_task_cancel(t);
  return 0;
}

static int l_task_status(lua_State *L) {
  static const char *const states[] = {"ready", "running", "waiting"};
  static const char *const outcomes[] = {"done", "failed", "canceled"};
  struct ek_task *t = check_task(L, 1);
  lua_pushstring(L, t->status == EK_TASK_DONE ? outcomes[t->outcome] : states[t->status]);
  return 1;
}

static int l_task_traceback(lua_State *L) {
  (void)check_task(L, 1);
  lua_getiuservalue(L, 1, EK_TASK_TRACEBACK);
  return 1;
}

static struct ek_task *check_running(lua_State *L, const char *what) {
  struct ek_task *t = ek_sched_get(L)->running;
  if (t == NULL) luaL_error(L, "%s: not in a task", what);
  return t;
}

static int l_current(lua_State *L) {
  ek_task_push(L, check_running(L, "task.current"));
  return 1;
}

static int l_check(lua_State *L) {
  struct ek_task *t = check_running(L, "task.check");
  if (!t->canceled || t->masked > 0) return 0;
  ek_task_push_reason(L, t);
  return lua_error(L);
}

static int l_shield(lua_State *L) {
  struct ek_task *t = check_running(L, "task.shield");
  if (lua_toboolean(L, 1))
    t->masked++;
  else if (t->masked > 0)
    t->masked--;
  return 0;
}

/* -- scopes --------------------------------------------------------------------------------------
 */

static struct ek_scope *check_scope(lua_State *L, int index) {
  return luaL_checkudata(L, index, EK_SCOPE_TYPE);
}

static int l_scope(lua_State *L) {
  struct ek_sched *s = ek_sched_get(L);
  unsigned depth = s->running == NULL ? 0 : s->running->scope->depth + 1;
  if (depth > DEPTH_MAX) return luaL_error(L, "task.scope: scopes are nested too deeply");
  ek_scope_new(L, s)->depth = depth;
  return 1;
}

static int l_scope_spawn(lua_State *L) {
  struct ek_scope *scope = check_scope(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  if (scope->ended) return luaL_error(L, "the scope has ended");
  (void)ek_task_new(L, 1, lua_gettop(L) - 2);
  return 1;
}

static int l_spawn(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  ek_task_push(L, check_running(L, "task.spawn"));
  lua_getiuservalue(L, -1, EK_TASK_SCOPE);
  lua_replace(L, -2);
  lua_insert(L, 1);
  return l_scope_spawn(L);
}

static void cancel_join(struct ek_wait *w) {
  struct ek_scope *scope = (struct ek_scope *)(void *)((struct op *)w)->queue;
  ek_scope_cancel(scope);
}

static int scope_joined(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  if (check_scope(L, 1)->failed) {
    lua_getiuservalue(L, 1, EK_SCOPE_FAILED);
    return ek_task_results(L, -1);
  }
  return ek_task_results(L, 2);
}

static int l_scope_join(lua_State *L) {
  struct ek_scope *scope = check_scope(L, 1);
  (void)check_task(L, 2);
  if (scope->ended) return scope_joined(L, LUA_OK, 0);
  ek_task_check_place(L, "task.scope");
  if (scope->join != NULL) return luaL_error(L, "task.scope: another task waits for it already");
  struct op *op = new_op(L, cancel_join);
  op->queue = (struct ek_queue *)(void *)scope;
  scope->join = &op->wait;
  scope->owner = ek_sched_get(L)->running;
  return ek_task_wait_ended(L, &op->wait, 0, scope_joined);
}

static int l_scope_cancel(lua_State *L) {
  struct ek_scope *scope = check_scope(L, 1);
  if (scope->canceled || scope->ended) return 0;
  push_reason(L, 2);
  lua_setiuservalue(L, 1, EK_SCOPE_REASON);
  ek_scope_cancel(scope);
  return 0;
}

static void expire(struct ek_timer *timer) {
  struct ek_scope *scope = (struct ek_scope *)((char *)timer - offsetof(struct ek_scope, deadline));
  scope->expired = true;
  ek_scope_cancel(scope);
}

static int l_scope_deadline(lua_State *L) {
  struct ek_error e;
  struct ek_scope *scope = check_scope(L, 1);
  double seconds = luaL_checknumber(L, 2);
  luaL_argcheck(L, seconds >= 0, 2, "seconds >= 0 expected");
  if (scope->canceled || scope->ended) return 0;
  ek_error_push(L, "timeout", lua_pushfstring(L, "timed out after %f s", seconds));
  lua_setiuservalue(L, 1, EK_SCOPE_TIMEOUT);
  if (ek_timer_start(scope->sched->loop, &scope->deadline, seconds, expire, &e) != 0)
    return ek_error_raise(L, &e);
  return 0;
}

static int l_scope_gc(lua_State *L) {
  struct ek_scope *scope = check_scope(L, 1);
  ek_timer_stop(scope->sched->loop, &scope->deadline);
  scope->canceled = true; /* a finalizer may hold it: its timer would have nobody to stop it */
  return 0;
}

/* -- signals -------------------------------------------------------------------------------------
 */

static int l_on_signal(lua_State *L) {
  struct ek_sched *s = ek_sched_get(L);
  if (!lua_isnoneornil(L, 1)) luaL_checktype(L, 1, LUA_TFUNCTION);
  s->stops = lua_toboolean(L, 2);
  lua_settop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, s->on_signal);
  s->on_signal = LUA_NOREF;
  ek_interrupt_await(!lua_isnil(L, 1));
  ek_interrupt_rearm();
  if (!lua_isnil(L, 1)) s->on_signal = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

void ek_task_open_types(lua_State *L) {
  static const luaL_Reg task[] = {{"join", l_task_join},
                                  {"cancel", l_task_cancel},
                                  {"status", l_task_status},
                                  {"traceback", l_task_traceback},
                                  {NULL, NULL}};
  static const luaL_Reg scope[] = {{"spawn", l_scope_spawn},
                                   {"join", l_scope_join},
                                   {"cancel", l_scope_cancel},
                                   {"deadline", l_scope_deadline},
                                   {NULL, NULL}};
  static const luaL_Reg queue[] = {{"wait", l_queue_wait}, {"wake", l_queue_wake}, {NULL, NULL}};
  ek_metatable_push(L, EK_TASK_TYPE, task, NULL);
  ek_metatable_push(L, EK_SCOPE_TYPE, scope, l_scope_gc);
  /* A scope that goes out of sight goes on: its end is join's. */
  lua_pushnil(L);
  lua_setfield(L, -2, "__close");
  ek_metatable_push(L, QUEUE_TYPE, queue, NULL);
  ek_metatable_push(L, WAIT_TYPE, NULL, l_op_gc);
  lua_pop(L, 4);
}

int luaopen_eksrun_native_task(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"spawn", l_spawn}, {"scope", l_scope},         {"current", l_current},
      {"sleep", l_sleep}, {"check", l_check},         {"shield", l_shield},
      {"queue", l_queue}, {"on_signal", l_on_signal}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

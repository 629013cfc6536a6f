/* The scheduler: one ready queue, drained between two turns of the loop.
 *
 * A living task is anchored in the registry (its address -> its userdata). Nothing that runs in
 * loop callbacks touches Lua: they set flags and append to the ready queue. What has to survive a
 * memory error (ending a task, waking who waits for it) allocates nothing. */
#include "scheduler.h"

#include <assert.h>

#include "bindings/bindings.h"

static const char sched_key, tasks_key, root_key;
#define NATIVE_STACK 8

struct ek_sched *ek_sched_get(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &sched_key);
  struct ek_sched *s = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return s;
}

struct ek_loop *ek_task_loop(lua_State *L) {
  return ek_sched_get(L)->loop;
}

void ek_queue_add(struct ek_queue *q, struct ek_wait *w) {
  w->next = NULL;
  if (q->first == NULL)
    q->first = w;
  else
    q->last->next = w;
  q->last = w;
}

void ek_queue_remove(struct ek_queue *q, struct ek_wait *w) {
  struct ek_wait *previous = NULL;
  for (struct ek_wait *i = q->first; i != NULL; previous = i, i = i->next) {
    if (i != w) continue;
    if (previous == NULL)
      q->first = w->next;
    else
      previous->next = w->next;
    if (q->last == w) q->last = previous;
    return;
  }
}

struct ek_wait *ek_queue_take(struct ek_queue *q) {
  struct ek_wait *w = q->first;
  if (w != NULL) q->first = w->next;
  return w;
}

static void make_ready(struct ek_task *t) {
  struct ek_sched *s = t->sched;
  t->status = EK_TASK_READY;
  t->next_ready = NULL;
  if (s->ready_first == NULL)
    s->ready_first = t;
  else
    s->ready_last->next_ready = t;
  s->ready_last = t;
  ek_loop_stir(s->loop);
}

void ek_wait_done(struct ek_wait *w) {
  assert(!w->done);
  w->done = true;
  if (w->task != NULL && w->task->status == EK_TASK_WAITING) make_ready(w->task);
}

static void cancel_wait(struct ek_task *t, struct ek_wait *w) {
  if (w->done || w->canceled || t->masked > 0) return;
  w->canceled = true;
  w->cancel(w);
}

void ek_task_cancel(struct ek_task *t) {
  if (t->status == EK_TASK_DONE) return;
  t->canceled = true;
  if (t->wait != NULL) cancel_wait(t, t->wait);
}

void ek_scope_cancel(struct ek_scope *scope) {
  scope->canceled = true;
  ek_timer_stop(scope->sched->loop, &scope->deadline);
  for (struct ek_task *t = scope->tasks; t != NULL; t = t->next) ek_task_cancel(t);
}

void ek_task_push(lua_State *L, struct ek_task *t) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_rawgetp(L, -1, t);
  lua_remove(L, -2);
}

/* The task's own reason, else its scope's, else that of who waits for the scope. Kept in the task,
 * so that its every wait raises the same object. */
void ek_task_push_reason(lua_State *L, struct ek_task *t) {
  luaL_checkstack(L, NATIVE_STACK, NULL);
  ek_task_push(L, t);
  if (lua_getiuservalue(L, -1, EK_TASK_REASON) == LUA_TNIL) {
    lua_pop(L, 1);
    if (!t->scope->canceled) {
      ek_error_push(L, "canceled", "canceled");
    } else {
      lua_getiuservalue(L, -1, EK_TASK_SCOPE);
      int reason = t->scope->expired ? EK_SCOPE_TIMEOUT : EK_SCOPE_REASON;
      if (lua_getiuservalue(L, -1, reason) == LUA_TNIL) {
        lua_pop(L, 1);
        struct ek_task *owner = t->scope->owner;
        if (t->scope->failed)
          ek_error_push(L, "canceled", "canceled: another task of its scope failed");
        else if (owner != NULL && owner->canceled)
          ek_task_push_reason(L, owner);
        else
          ek_error_push(L, "canceled", "canceled");
      }
      lua_remove(L, -2);
    }
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, -3, EK_TASK_REASON);
  }
  lua_remove(L, -2);
}

static int raise_reason(lua_State *L, struct ek_task *t) {
  ek_task_push_reason(L, t);
  return lua_error(L);
}

void ek_task_check_place(lua_State *L, const char *what) {
  struct ek_task *running = ek_sched_get(L)->running;
  if (running == NULL) luaL_error(L, "%s: cannot wait here: not in a task", what);
  if (ek_task_of(L) != running)
    luaL_error(L, "%s: cannot wait in a coroutine of your own (task.spawn makes one that can)",
               what);
  if (!lua_isyieldable(L))
    luaL_error(
        L,
        "%s: cannot wait below a C function (the body of a module that require loads, a "
        "comparison of table.sort, a replacement of string.gsub, a metamethod or a finalizer)",
        what);
}

void ek_task_check(lua_State *L, const char *what) {
  ek_task_check_place(L, what);
  struct ek_task *t = ek_task_of(L);
  if (t->canceled && t->masked == 0) raise_reason(L, t);
}

static int resumed(lua_State *L, int status, lua_KContext ctx) {
  struct ek_wait *w = (struct ek_wait *)ctx;
  struct ek_task *t = ek_task_of(L);
  (void)status;
  assert(w->done && t->wait == w);
  t->wait = NULL;
  w->task = NULL;
  if (w->canceled) return raise_reason(L, t);
  return w->then(L, LUA_YIELD, w->ctx);
}

int ek_task_wait_ended(lua_State *L, struct ek_wait *w, lua_KContext ctx, lua_KFunction then) {
  struct ek_task *t = ek_task_of(L);
  assert(t != NULL && t->sched->running == t && t->wait == NULL);
  w->task = t;
  w->then = then;
  w->ctx = ctx;
  t->wait = w;
  if (t->canceled) cancel_wait(t, w);
  if (w->done) return resumed(L, LUA_OK, (lua_KContext)w);
  return lua_yieldk(L, 0, (lua_KContext)w, resumed);
}

int ek_task_wait(lua_State *L, struct ek_wait *w, lua_KContext ctx, lua_KFunction then) {
  return ek_task_wait_ended(L, w, ctx, then);
}

/* The message handler of every task: keeps the traceback, unless the task is just being canceled.
 */
static int keep_traceback(lua_State *L) {
  struct ek_task *t = ek_task_of(L);
  ek_task_push(L, t);
  lua_getiuservalue(L, 2, EK_TASK_REASON);
  if (lua_isnil(L, -1) || !lua_rawequal(L, -1, 1)) {
    luaL_traceback(L, L, NULL, 1);
    lua_setiuservalue(L, 2, EK_TASK_TRACEBACK);
  }
  lua_settop(L, 1);
  return 1;
}

/* Leaves on the stack: whether it went well, then the results or the error. */
static int task_ended(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
  lua_replace(L, 1);
  return lua_gettop(L);
}

/* The base of every task's thread: 1 the message handler, 2 the function, then its arguments. */
static int task_body(lua_State *L) {
  struct ek_task *t = ek_task_of(L);
  if (t->canceled) {
    lua_settop(L, 1);
    ek_task_push_reason(L, t);
    return task_ended(L, LUA_ERRRUN, 0);
  }
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, task_ended);
  return task_ended(L, status, 0);
}

struct ek_scope *ek_scope_new(lua_State *L, struct ek_sched *s) {
  struct ek_scope *scope = lua_newuserdatauv(L, sizeof *scope, EK_SCOPE_VALUES);
  *scope = (struct ek_scope){.sched = s};
  luaL_setmetatable(L, EK_SCOPE_TYPE);
  return scope;
}

void ek_scope_push_root(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &root_key);
}

struct ek_task *ek_task_new(lua_State *L, int scope_index, int nargs) {
  scope_index = lua_absindex(L, scope_index);
  struct ek_scope *scope = lua_touserdata(L, scope_index);
  int first = lua_gettop(L) - nargs;
  luaL_checkstack(L, NATIVE_STACK, NULL);
  struct ek_task *t = lua_newuserdatauv(L, sizeof *t, EK_TASK_VALUES);
  *t = (struct ek_task){.sched = scope->sched, .scope = scope, .status = EK_TASK_DONE};
  luaL_setmetatable(L, EK_TASK_TYPE);
  t->co = lua_newthread(L);
  *(struct ek_task **)lua_getextraspace(t->co) = t;
  lua_setiuservalue(L, -2, EK_TASK_THREAD);
  lua_pushvalue(L, scope_index);
  lua_setiuservalue(L, -2, EK_TASK_SCOPE);
  if (!lua_checkstack(t->co, nargs + NATIVE_STACK)) luaL_error(L, "too many arguments");
  lua_pushcfunction(t->co, task_body);
  lua_pushcfunction(t->co, keep_traceback);
  lua_insert(L, first);
  lua_xmove(L, t->co, nargs + 1);
  t->nargs = nargs + 2;

  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, t);
  lua_pop(L, 1);
  /* From here nothing raises. */
  t->next = scope->tasks;
  t->link = &scope->tasks;
  if (t->next != NULL) t->next->link = &t->next;
  scope->tasks = t;
  t->canceled = scope->canceled;
  make_ready(t);
  return t;
}

/* What stands when a task has ended, in terms of its scope and of who waits. Allocates nothing. */
static void end_task(lua_State *L, struct ek_task *t) {
  struct ek_scope *scope = t->scope;
  t->status = EK_TASK_DONE;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_rawgetp(L, -1, t);
  if (!lua_toboolean(t->co, 1) && lua_checkstack(t->co, 1)) {
    lua_getiuservalue(L, -1, EK_TASK_REASON);
    lua_pushvalue(t->co, 2);
    lua_xmove(t->co, L, 1);
    bool by_request = t->canceled && !lua_isnil(L, -2) && lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    t->outcome = by_request ? EK_TASK_CANCELED : EK_TASK_FAILED;
  }
  *t->link = t->next;
  if (t->next != NULL) t->next->link = t->link;
  if (t->outcome == EK_TASK_FAILED && !scope->failed) {
    scope->failed = true;
    lua_getiuservalue(L, -1, EK_TASK_SCOPE);
    lua_pushvalue(L, -2);
    lua_setiuservalue(L, -2, EK_SCOPE_FAILED);
    lua_pop(L, 1);
    ek_scope_cancel(scope);
  }
  for (struct ek_wait *w; (w = ek_queue_take(&t->joiners)) != NULL;) ek_wait_done(w);
  if (scope->tasks == NULL) {
    scope->ended = true;
    scope->owner = NULL;
    ek_timer_stop(t->sched->loop, &scope->deadline);
    if (scope->join != NULL) ek_wait_done(scope->join);
    scope->join = NULL;
  }
  lua_pushnil(L);
  lua_rawsetp(L, -3, t);
  lua_pop(L, 2);
}

static void run_task(lua_State *L, struct ek_task *t) {
  int nresults = 0;
  t->status = EK_TASK_RUNNING;
  t->sched->running = t;
  int status = lua_resume(t->co, L, t->nargs, &nresults);
  t->sched->running = NULL;
  t->nargs = 0;
  if (ek_interrupt_pending()) ek_interrupt_disarm(t->co);
  if (status == LUA_YIELD) {
    assert(t->wait != NULL);
    if (t->wait->done)
      make_ready(t);
    else
      t->status = EK_TASK_WAITING;
    return;
  }
  if (status != LUA_OK) { /* not even task_body could run: out of memory, or of stack */
    (void)lua_closethread(t->co, L);
    lua_pushboolean(t->co, 0);
    lua_insert(t->co, 1);
    nresults = 2;
  }
  t->nresults = nresults - 1;
  end_task(L, t);
}

int ek_task_results(lua_State *L, int index) {
  struct ek_task *t = lua_touserdata(L, index);
  luaL_checkstack(L, t->nresults, "too many results");
  if (!lua_checkstack(t->co, t->nresults)) luaL_error(L, "too many results");
  for (int i = 0; i < t->nresults; i++) lua_pushvalue(t->co, 2 + i);
  lua_xmove(t->co, L, t->nresults);
  if (t->outcome != EK_TASK_OK) return lua_error(L);
  return t->nresults;
}

/* -- the host's side -----------------------------------------------------------------------------
 */

void ek_task_open(lua_State *L, struct ek_loop *loop) {
  *(struct ek_task **)lua_getextraspace(L) = NULL;
  struct ek_sched *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct ek_sched){.loop = loop, .on_signal = LUA_NOREF};
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sched_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tasks_key);
  ek_task_open_types(L);
  ek_coroutine_open(L);
}

/* One round: what is ready now, not what that makes ready. */
static int drain(lua_State *L) {
  struct ek_sched *s = lua_touserdata(L, 1);
  luaL_checkstack(L, 2 * NATIVE_STACK, NULL);
  if (ek_interrupt_take()) ek_interrupt_deliver(L, s); /* may make a task ready */
  struct ek_task *t = s->ready_first;
  s->ready_first = NULL;
  while (t != NULL) {
    struct ek_task *next = t->next_ready;
    run_task(L, t);
    t = next;
  }
  return 0;
}

/* Nobody is ready and nothing is under way: every task waits for another. */
static int stuck(lua_State *L) {
  struct ek_sched *s = lua_touserdata(L, 1);
  ek_scope_push_root(L);
  if (s->root->canceled) return luaL_error(L, "the tasks that are left wait for each other");
  ek_error_push(L, "deadlock", "deadlock: every task waits for another one");
  lua_setiuservalue(L, -2, EK_SCOPE_REASON);
  ek_scope_cancel(s->root);
  return 0;
}

static int protected(lua_State *L, lua_CFunction f, void *argument) {
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, argument);
  return lua_pcall(L, 1, 0, 0);
}

/* Pushes what the main task left: its results, or the first error and its traceback. */
static int outcome(lua_State *L, struct ek_sched *s, int scope, int main_task) {
  if (s->root->failed) {
    lua_getiuservalue(L, scope, EK_SCOPE_FAILED);
    lua_replace(L, main_task);
  }
  struct ek_task *t = lua_touserdata(L, main_task);
  if (t->outcome == EK_TASK_OK) {
    (void)ek_task_results(L, main_task);
    return LUA_OK;
  }
  lua_pushvalue(t->co, 2);
  lua_xmove(t->co, L, 1);
  lua_getiuservalue(L, main_task, EK_TASK_TRACEBACK);
  return LUA_ERRRUN;
}

int ek_task_main(lua_State *L, int nargs) {
  struct ek_sched *s = ek_sched_get(L);
  int scope = lua_gettop(L) - nargs, main_task = scope + 1;
  s->root = ek_scope_new(L, s);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &root_key);
  lua_insert(L, scope);
  (void)ek_task_new(L, scope, nargs);

  ek_interrupt_open(s);
  int status = LUA_OK;
  while (status == LUA_OK && !s->root->ended) {
    bool idle = s->ready_first == NULL;
    if (!ek_loop_turn(s->loop, idle) && idle) status = protected(L, stuck, s);
    if (status == LUA_OK) status = protected(L, drain, s);
  }
  ek_interrupt_close(s);
  if (status == LUA_OK)
    status = outcome(L, s, scope, main_task);
  else
    lua_pushnil(L);
  int results = lua_gettop(L) - main_task;
  lua_rotate(L, scope, results);
  lua_settop(L, scope + results - 1);
  return status;
}

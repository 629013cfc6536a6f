/* Tasks: Lua coroutines that wait for the loop.
 *
 * A native function that waits is written so (see bindings/clock.c for the shortest):
 *
 *   ek_task_check(L, "module.verb");             may this task wait here, and should it still?
 *   struct op *op = lua_newuserdatauv(...);      the operation holds a struct ek_wait
 *   start the operation                          its callbacks end in ek_wait_done(&op->wait)
 *   return ek_task_wait(L, &op->wait, 0, finish) finish(L, ...) runs in the task when it is done
 *
 * The userdata must be on the stack of the function: that keeps it alive while the task waits.
 * When a task is canceled, `cancel` asks the operation to stop; it still has to call ek_wait_done,
 * at once or once its resources are free. Then the wait raises the reason and `finish` never runs.
 * An operation that is done before it is canceled counts: its result arrives, the next wait raises.
 *
 * Tasks belong to scopes. A scope is done when all its tasks are; the first that fails cancels the
 * others. Canceling a task that waits for a scope cancels what is in the scope. */
#ifndef EK_TASK_H
#define EK_TASK_H

#include <lua.h>
#include <stdbool.h>

#include "loop/loop.h"

struct ek_task;
struct ek_sched;

struct ek_wait {
  void (*cancel)(
      struct ek_wait *w); /* set by the operation; runs at most once, never touches Lua */
  /* Private from here. */
  struct ek_task *task; /* who waits, while it does */
  lua_KFunction then;
  lua_KContext ctx;
  bool done, canceled;
  struct ek_wait *next; /* in a queue of waits */
};

/* Raises unless the running task may wait here and now: `what` (a function's name) is refused
 * outside a task, in a coroutine of the user's own, below a C function that cannot be left
 * (require, table.sort, a metamethod), and in a canceled task. Call it before starting anything. */
void ek_task_check(lua_State *L, const char *what);

/* Parks the running task until ek_wait_done(w), then returns what then(L, LUA_YIELD, ctx) returns;
 * at once if w is done already. Use as `return ek_task_wait(...)`. */
int ek_task_wait(lua_State *L, struct ek_wait *w, lua_KContext ctx, lua_KFunction then);

/* The operation is over. From the loop or from w->cancel; once. Never touches Lua. */
void ek_wait_done(struct ek_wait *w);

/* The loop that the tasks of L wait for. */
struct ek_loop *ek_task_loop(lua_State *L);

/* Called, in a signal handler, before a second signal ends the process; NULL for none. */
void ek_interrupt_farewell(void (*f)(void));

/* The host's side: a scheduler for L on loop (both outlive it), then one main task that runs the
 * function on top of the stack with the nargs values above it. Returns LUA_OK with its results, or
 * LUA_ERRRUN with the error and a traceback (string or nil), pushed on the stack of L, once every
 * task has ended. Raises only for want of memory. */
void ek_task_open(lua_State *L, struct ek_loop *loop);
int ek_task_main(lua_State *L, int nargs);

#endif

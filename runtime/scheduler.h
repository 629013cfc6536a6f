/* The scheduler's insides, for runtime/task.c and its Lua face, bindings/task.c. */
#ifndef EK_SCHEDULER_H
#define EK_SCHEDULER_H

#include <lauxlib.h>

#include "task.h"

#define EK_TASK_TYPE  "eksrun.task"
#define EK_SCOPE_TYPE "eksrun.task.scope"

enum ek_task_status { EK_TASK_READY, EK_TASK_RUNNING, EK_TASK_WAITING, EK_TASK_DONE };
/* How a task ended. */
enum ek_task_outcome { EK_TASK_OK, EK_TASK_FAILED, EK_TASK_CANCELED };

/* User values of a task. Its results stay on the stack of its thread, above its outcome. */
enum { EK_TASK_THREAD = 1, EK_TASK_SCOPE, EK_TASK_REASON, EK_TASK_TRACEBACK, EK_TASK_VALUES = 4 };
/* User values of a scope: why it was canceled (error object or nil), why it is canceled when its
 * deadline passes, the task that failed first. */
enum { EK_SCOPE_REASON = 1, EK_SCOPE_TIMEOUT, EK_SCOPE_FAILED, EK_SCOPE_VALUES = 3 };

/* Waits in the order they came. */
struct ek_queue {
  struct ek_wait *first, *last;
};

struct ek_task {
  struct ek_sched *sched;
  struct ek_scope *scope;
  lua_State *co;
  struct ek_task *next_ready;
  struct ek_task *next, **link; /* in the scope's list, while it lives */
  struct ek_wait *wait;
  struct ek_queue joiners;
  enum ek_task_status status;
  enum ek_task_outcome outcome;
  int nargs, nresults;
  unsigned masked; /* depth of shields: cancellation is not delivered while > 0 */
  bool canceled;
};

struct ek_scope {
  struct ek_sched *sched;
  struct ek_task *tasks; /* those that have not ended */
  struct ek_task *owner; /* who waits for the scope, while it does */
  struct ek_wait *join;
  struct ek_timer deadline;
  unsigned depth; /* how many scopes it is within */
  bool canceled, expired, failed, ended;
};

/* A coroutine of the user's own that runs: on the C stack of who resumed it. */
struct ek_resumed {
  lua_State *co;
  struct ek_resumed *outer;
};

struct ek_sched {
  struct ek_loop *loop;
  struct ek_task *ready_first, *ready_last;
  struct ek_task *running;
  struct ek_resumed *volatile resumed; /* the innermost; read by the signal handler */
  struct ek_scope *root;
  int on_signal; /* reference to the Lua handler, or LUA_NOREF */
  bool stops; /* a signal stops a task that computes without waiting, although there is a handler */
};

struct ek_sched *ek_sched_get(lua_State *L);

/* The task whose thread L is; NULL in a coroutine of the user's own. */
static inline struct ek_task *ek_task_of(lua_State *L) {
  return *(struct ek_task **)lua_getextraspace(L);
}

/* Pushes a new scope. */
struct ek_scope *ek_scope_new(lua_State *L, struct ek_sched *s);
void ek_scope_push_root(lua_State *L);
/* Pushes a task that runs the function and the nargs values on top of the stack, which it pops, in
 * the scope at index. */
struct ek_task *ek_task_new(lua_State *L, int scope_index, int nargs);

/* Ask everything in it to stop. Their reason is set beforehand (user value). Never touch Lua. */
void ek_task_cancel(struct ek_task *t);
void ek_scope_cancel(struct ek_scope *scope);

/* Pushes the userdata of a living task. */
void ek_task_push(lua_State *L, struct ek_task *t);
/* Pushes why t (a living task) was canceled. */
void ek_task_push_reason(lua_State *L, struct ek_task *t);
/* Raises unless L is a place in a task that may wait. */
void ek_task_check_place(lua_State *L, const char *what);
/* Pushes the results of the ended task at index, or raises its error. */
int ek_task_results(lua_State *L, int index);
/* ek_task_wait for a wait that also has to end when the task is canceled already. */
int ek_task_wait_ended(lua_State *L, struct ek_wait *w, lua_KContext ctx, lua_KFunction then);

/* Puts ours in the place of what the coroutine library must not do to tasks (coroutine.c). */
void ek_coroutine_open(lua_State *L);

/* The metatables of tasks and scopes (bindings/task.c). */
void ek_task_open_types(lua_State *L);

/* runtime/interrupt.c: SIGINT, SIGTERM and SIGHUP. Between open and close, the first one is
 * delivered to the recipe's handler, or else cancels the root scope; the second ends the process at
 * once, unless it is SIGHUP. */
void ek_interrupt_open(struct ek_sched *s);
void ek_interrupt_close(struct ek_sched *s);
void ek_interrupt_await(bool await);     /* whether a signal is something to wait for */
void ek_interrupt_rearm(void);           /* the next signal is a first one again */
bool ek_interrupt_pending(void);         /* a signal came at some time */
void ek_interrupt_disarm(lua_State *co); /* the task on co came to wait: it need not be stopped */
void ek_interrupt_inherit(lua_State *co, lua_State *from); /* co is to be stopped as from is */
bool ek_interrupt_take(void); /* a signal is still to be delivered; asked once */
void ek_interrupt_deliver(lua_State *L, struct ek_sched *s);

void ek_queue_add(struct ek_queue *q, struct ek_wait *w);
void ek_queue_remove(struct ek_queue *q, struct ek_wait *w);
struct ek_wait *ek_queue_take(struct ek_queue *q);

#endif

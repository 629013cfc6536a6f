/* SIGINT, SIGTERM and SIGHUP.
 *
 * The handler only sets flags, wakes the loop and, in case the running task computes without ever
 * waiting, arms a hook that stops it some time later, in every coroutine that it is in. */
#include "scheduler.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "bindings/bindings.h"

/* Instructions that a task may still run before it is stopped: tens of milliseconds. */
#define GRACE 5000000

static volatile sig_atomic_t count, last;
static volatile sig_atomic_t delivered = 1;
static volatile sig_atomic_t armed; /* whether hooks that are still set mean it */
static struct ek_sched *sched;
static pthread_t main_thread;
static uv_async_t wakeup;
static void (*farewell)(void);

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
#define NUMBERS (sizeof numbers / sizeof *numbers)
static struct sigaction old[NUMBERS];

static const char *last_name(void) {
  return last == SIGTERM ? "SIGTERM" : last == SIGHUP ? "SIGHUP" : "SIGINT";
}

static void push_error(lua_State *L) {
  const char *name = last_name();
  char message[64];
  (void)snprintf(message, sizeof message, "interrupted by %s", name);
  ek_error_push(L, "interrupted", message);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "signal");
}

static void stop_computing(lua_State *L, lua_Debug *unused) {
  (void)unused;
  lua_sethook(L, NULL, 0, 0);
  if (!armed) return;
  push_error(L);
  lua_error(L);
}

static void handle(int number) {
  if (!pthread_equal(pthread_self(), main_thread)) {
    (void)pthread_kill(main_thread, number);
    return;
  }
  if (count > 0) {
    if (number == SIGHUP) return; /* a terminal that goes away may say so more than once */
    if (farewell != NULL) farewell();
    _exit(128 + number);
  }
  count = 1;
  last = number;
  delivered = 0;
  struct ek_task *running = sched->running;
  if (running != NULL && (sched->on_signal == LUA_NOREF || sched->stops)) {
    armed = 1;
    lua_sethook(running->co, stop_computing, LUA_MASKCOUNT, GRACE);
    for (const struct ek_resumed *r = sched->resumed; r != NULL; r = r->outer)
      lua_sethook(r->co, stop_computing, LUA_MASKCOUNT, GRACE);
  }
  (void)uv_async_send(&wakeup);
}

/* The loop only has to come round: the scheduler asks ek_interrupt_take. */
static void woken(uv_async_t *unused) {
  (void)unused;
}

void ek_interrupt_open(struct ek_sched *s) {
  sched = s;
  main_thread = pthread_self();
  (void)uv_async_init(&s->loop->uv, &wakeup, woken);
  uv_unref((uv_handle_t *)&wakeup);
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
  (void)sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < NUMBERS; i++) {
    (void)sigaction(numbers[i], &action, &old[i]);
    if (numbers[i] != SIGTERM && old[i].sa_handler == SIG_IGN)
      (void)sigaction(numbers[i], &old[i], NULL); /* started by nohup, or with & */
  }
}

void ek_interrupt_close(struct ek_sched *s) {
  for (size_t i = 0; i < NUMBERS; i++) (void)sigaction(numbers[i], &old[i], NULL);
  uv_close((uv_handle_t *)&wakeup, NULL);
  (void)uv_run(&s->loop->uv, UV_RUN_NOWAIT);
  sched = NULL;
}

void ek_interrupt_farewell(void (*f)(void)) {
  farewell = f;
}

void ek_interrupt_await(bool await) {
  if (await)
    uv_ref((uv_handle_t *)&wakeup);
  else
    uv_unref((uv_handle_t *)&wakeup);
}

void ek_interrupt_rearm(void) {
  if (delivered) count = 0;
}

bool ek_interrupt_pending(void) {
  return count > 0;
}

void ek_interrupt_inherit(lua_State *co, lua_State *from) {
  if (lua_gethook(from) == stop_computing)
    lua_sethook(co, stop_computing, LUA_MASKCOUNT, lua_gethookcount(from));
}

void ek_interrupt_disarm(lua_State *co) {
  armed = 0;
  lua_sethook(co, NULL, 0, 0);
}

bool ek_interrupt_take(void) {
  bool fresh = !delivered;
  delivered = 1;
  return fresh;
}

void ek_interrupt_deliver(lua_State *L, struct ek_sched *s) {
  ek_scope_push_root(L);
  if (s->on_signal != LUA_NOREF) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->on_signal);
    lua_pushstring(L, last_name());
    (void)ek_task_new(L, -3, 1);
    lua_pop(L, 2);
    return;
  }
  if (!s->root->canceled) {
    push_error(L);
    lua_setiuservalue(L, -2, EK_SCOPE_REASON);
    ek_scope_cancel(s->root);
  }
  lua_pop(L, 1);
}

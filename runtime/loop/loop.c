/* The event loop: libuv's, with timers of our own in a heap. Ours stop at once and need no closing,
 * and they fire after the waiting; libuv runs its timers before it waits, and would then wait for
 * more although a timer has given a task something to do. */
#include "loop/loop.h"

#include "core/banned.h"
#include "loop/transfer.h"

#define NS_PER_SECOND 1e9
#define NS_PER_MS     1000000u
/* The alarm rings at least this often while a timer runs: the kernel does not count suspended time
 * in it, our clock does. */
#define ALARM_MAX_MS 10000u

int ek_loop_init(struct ek_loop *loop, struct ek_error *e) {
  *loop = (struct ek_loop){0};
  int rc = uv_loop_init(&loop->uv);
  if (rc != 0) return ek_error_set(e, EK_ERR_INTERNAL, "event loop: %s", uv_strerror(rc));
  (void)uv_timer_init(&loop->uv, &loop->alarm);
  return 0;
}

/* Who opened a handle has asked to close it by now; here the loop gets the time to do so. */
void ek_loop_fini(struct ek_loop *loop) {
  if (loop->pool != NULL) ek_pool_free(loop->pool);
  loop->pool = NULL;
  uv_close((uv_handle_t *)&loop->alarm, NULL);
  (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
  (void)uv_loop_close(&loop->uv);
  free(loop->heap);
  loop->heap = NULL;
}

void ek_loop_stir(struct ek_loop *loop) {
  if (loop->turning) uv_stop(&loop->uv);
}

static uint64_t real_now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_BOOTTIME, &t);
  return (uint64_t)t.tv_sec * (uint64_t)NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

uint64_t ek_loop_now(const struct ek_loop *loop) {
  return loop->simulated ? loop->clock : real_now();
}

double ek_loop_wall(const struct ek_loop *loop) {
  if (loop->simulated) return loop->epoch + (double)(loop->clock - loop->start) / NS_PER_SECOND;
  struct timespec t;
  (void)clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / NS_PER_SECOND;
}

static bool before(const struct ek_timer *a, const struct ek_timer *b) {
  return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void put(struct ek_loop *loop, size_t i, struct ek_timer *t) {
  loop->heap[i] = t;
  t->place = i + 1;
}

static void sift_up(struct ek_loop *loop, size_t i) {
  struct ek_timer *t = loop->heap[i];
  for (; i > 0 && before(t, loop->heap[(i - 1) / 2]); i = (i - 1) / 2)
    put(loop, i, loop->heap[(i - 1) / 2]);
  put(loop, i, t);
}

static void sift_down(struct ek_loop *loop, size_t i) {
  struct ek_timer *t = loop->heap[i];
  for (size_t child; (child = 2 * i + 1) < loop->heap_len; i = child) {
    if (child + 1 < loop->heap_len && before(loop->heap[child + 1], loop->heap[child])) child++;
    if (!before(loop->heap[child], t)) break;
    put(loop, i, loop->heap[child]);
  }
  put(loop, i, t);
}

static void take_out(struct ek_loop *loop, struct ek_timer *timer) {
  size_t i = timer->place - 1;
  struct ek_timer *last = loop->heap[--loop->heap_len];
  timer->place = 0;
  if (timer->looks) loop->outside--;
  timer->looks = false;
  if (last == timer) return;
  put(loop, i, last);
  sift_up(loop, i);
  sift_down(loop, last->place - 1);
}

void ek_loop_simulate(struct ek_loop *loop, double wall) {
  loop->clock = loop->start = ek_loop_now(loop);
  loop->simulated = true;
  loop->epoch = wall;
}

void ek_loop_unsimulate(struct ek_loop *loop) {
  if (!loop->simulated) return;
  loop->simulated = false;
  /* Modulo 2^64: all move alike, so that each keeps its place. */
  uint64_t shift = ek_loop_now(loop) - loop->clock;
  for (size_t i = 0; i < loop->heap_len; i++) loop->heap[i]->due += shift;
}

/* What is to be heard from outside. The loop's own alarm and the signals' wakeup tell nothing that
 * simulated time would have to wait for. */
static void count_outside(uv_handle_t *handle, void *count) {
  bool own = handle->type == UV_TIMER || handle->type == UV_ASYNC;
  if (!own && uv_is_active(handle) && uv_has_ref(handle)) ++*(size_t *)count;
}

static bool waits_for_outside(struct ek_loop *loop) {
  size_t count = loop->uv.active_reqs.count + loop->outside;
  uv_walk(&loop->uv, count_outside, &count);
  return count > 0;
}

/* Fires what is due now, but nothing that the firing starts: that has its turn in the next round.
 */
static void fire_due(struct ek_loop *loop) {
  if (loop->heap_len == 0) return;
  uint64_t now = ek_loop_now(loop);
  uint64_t started = loop->started;
  while (loop->heap_len > 0 && loop->heap[0]->due <= now && loop->heap[0]->order < started) {
    struct ek_timer *t = loop->heap[0];
    take_out(loop, t);
    t->fire(t);
  }
}

/* The alarm only ends the waiting. */
static void ring(uv_timer_t *unused) {
  (void)unused;
}

/* Sets the alarm for the earliest timer. False: that is due already. */
static bool set_alarm(struct ek_loop *loop) {
  if (loop->heap_len == 0) return true;
  uint64_t now = ek_loop_now(loop);
  uint64_t due = loop->heap[0]->due;
  if (due <= now) return false;
  uint64_t ms = (due - now + NS_PER_MS - 1) / NS_PER_MS;
  uv_update_time(&loop->uv);
  (void)uv_timer_start(&loop->alarm, ring, ms < ALARM_MAX_MS ? ms : ALARM_MAX_MS, 0);
  return true;
}

bool ek_loop_turn(struct ek_loop *loop, bool wait) {
  if (loop->heap_len == 0 && !uv_loop_alive(&loop->uv)) return false;
  if (wait && loop->simulated && loop->heap_len > 0 && !waits_for_outside(loop)) {
    if (loop->clock < loop->heap[0]->due) loop->clock = loop->heap[0]->due;
    wait = false;
  }
  wait = wait && set_alarm(loop);
  uint64_t before_waiting = wait && loop->simulated ? real_now() : 0;
  loop->turning = true;
  (void)uv_run(&loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
  loop->turning = false;
  if (wait && loop->simulated) loop->clock += real_now() - before_waiting;
  (void)uv_timer_stop(&loop->alarm);
  fire_due(loop);
  return true;
}

int ek_timer_start(struct ek_loop *loop, struct ek_timer *timer, double seconds,
                   void (*fire)(struct ek_timer *), struct ek_error *e) {
  if (timer->place != 0) take_out(loop, timer);
  if (loop->heap_len == loop->heap_cap) {
    size_t cap = loop->heap_cap == 0 ? 16 : loop->heap_cap * 2;
    struct ek_timer **heap = realloc(loop->heap, cap * sizeof(struct ek_timer *));
    if (heap == NULL) return ek_error_set(e, EK_ERR_NOMEM, "not enough memory for a timer");
    loop->heap = heap;
    loop->heap_cap = cap;
  }
  double ns = seconds > 0 ? seconds * NS_PER_SECOND : 0;
  uint64_t now = ek_loop_now(loop);
  uint64_t most = UINT64_MAX - now;
  timer->fire = fire;
  timer->due = now + (ns < (double)most ? (uint64_t)ns : most / 2);
  timer->order = loop->started++;
  loop->heap[loop->heap_len] = timer;
  sift_up(loop, loop->heap_len++);
  return 0;
}

int ek_timer_look(struct ek_loop *loop, struct ek_timer *timer, double seconds,
                  void (*fire)(struct ek_timer *), struct ek_error *e) {
  int rc = ek_timer_start(loop, timer, seconds, fire, e);
  if (rc != 0) return rc;
  timer->looks = true;
  loop->outside++;
  return 0;
}

void ek_timer_stop(struct ek_loop *loop, struct ek_timer *timer) {
  if (timer->place == 0) return;
  take_out(loop, timer);
}

/* The process's event loop, its clock and its timers.
 *
 * All waiting of the program happens here, and all of its ideas of time come from here: the
 * monotonic clock (which counts suspended time too) for delays and deadlines, and the wall clock
 * for what is said to others. One thread only.
 *
 * Both can be simulated: then time stands still while anything runs, and when there is nothing left
 * but timers to wait for it is at once what the earliest of them waits for. What waits for the
 * world outside (a socket, a child, a person) takes as long as it takes. */
#ifndef EK_LOOP_LOOP_H
#define EK_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/error.h"

struct ek_pool; /* the HTTP connections: loop/transfer.h */

/* A deadline. Caller-owned, zeroed before its first use; fires at most once per start. */
struct ek_timer {
  void (*fire)(struct ek_timer *timer);
  uint64_t due;   /* ns on the monotonic clock */
  uint64_t order; /* equal dues fire in the order they were started */
  size_t place;   /* 1-based place in the heap; 0 = not running */
  bool looks;     /* runs for a look at the world outside */
};

struct ek_loop {
  uv_loop_t uv;
  uv_timer_t alarm; /* ends the waiting when the earliest timer is due */
  struct ek_timer **heap;
  size_t heap_len, heap_cap;
  uint64_t started; /* timers started so far */
  bool turning;
  bool simulated;
  uint64_t clock, start; /* ns, while simulated: the monotonic clock, now and at its beginning */
  double epoch;          /* seconds since 1970 at its beginning */
  size_t outside;        /* timers that run for a look at the world outside */
  struct ek_pool *pool;  /* made by the first transfer, owned */
};

int ek_loop_init(struct ek_loop *loop, struct ek_error *e);
/* After everyone has stopped what they started. */
void ek_loop_fini(struct ek_loop *loop);

/* Runs the callbacks of what happened, if `wait` once something did. False: nothing is under way.
 */
bool ek_loop_turn(struct ek_loop *loop, bool wait);
/* There is work outside the loop: a turn under way does not wait for more to happen. */
void ek_loop_stir(struct ek_loop *loop);

/* ns since an arbitrary start, and seconds since 1970. */
uint64_t ek_loop_now(const struct ek_loop *loop);
double ek_loop_wall(const struct ek_loop *loop);

/* Simulates time from now on, beginning at `wall` seconds since 1970; timers that run keep what is
 * left to them. */
void ek_loop_simulate(struct ek_loop *loop, double wall);
/* Real time again. */
void ek_loop_unsimulate(struct ek_loop *loop);

/* Starts (or starts again) a timer; seconds < 0 counts as 0. Fails only for want of memory. */
int ek_timer_start(struct ek_loop *loop, struct ek_timer *timer, double seconds,
                   void (*fire)(struct ek_timer *), struct ek_error *e);
/* The same for who waits for the world outside by looking now and then: so long, time is not
 * simulated. */
int ek_timer_look(struct ek_loop *loop, struct ek_timer *timer, double seconds,
                  void (*fire)(struct ek_timer *), struct ek_error *e);
void ek_timer_stop(struct ek_loop *loop, struct ek_timer *timer);
static inline bool ek_timer_running(const struct ek_timer *timer) {
  return timer->place != 0;
}

#endif

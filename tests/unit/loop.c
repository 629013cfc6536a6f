/* runtime/loop/loop.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "loop/loop.h"

#define COUNT 1000

struct probe {
  struct ek_timer timer; /* first */
  int id;
};

static struct ek_loop loop;
static int fired[COUNT], fired_count;

static void note(struct ek_timer *timer) {
  fired[fired_count++] = ((struct probe *)timer)->id;
}

static int set_up(void **state) {
  (void)state;
  fired_count = 0;
  return ek_loop_init(&loop, NULL);
}

static int tear_down(void **state) {
  (void)state;
  ek_loop_fini(&loop);
  return 0;
}

static void run(void) {
  while (ek_loop_turn(&loop, true)) continue;
}

static void nothing_is_nothing_to_wait_for(void **state) {
  (void)state;
  assert_false(ek_loop_turn(&loop, true));
  assert_false(ek_loop_turn(&loop, false));
}

static void timers_fire_once_in_the_order_of_their_dues(void **state) {
  (void)state;
  static struct probe probes[COUNT]; /* by id; started in a shuffled order */
  for (int i = 0; i < COUNT; i++) {
    int id = (i * 7919) % COUNT;
    probes[id] = (struct probe){.id = id};
    assert_int_equal(ek_timer_start(&loop, &probes[id].timer, 0.02 + id * 0.00005, note, NULL), 0);
  }
  run();
  assert_int_equal(fired_count, COUNT);
  /* By the dues they got: each counts from its own start, and the machine may have paused between.
   */
  for (int i = 1; i < COUNT; i++)
    assert_true(probes[fired[i - 1]].timer.due <= probes[fired[i]].timer.due);
}

static void equal_dues_fire_in_the_order_of_their_start(void **state) {
  (void)state;
  struct probe probes[64];
  for (int i = 0; i < 64; i++) {
    probes[i] = (struct probe){.id = i};
    assert_int_equal(ek_timer_start(&loop, &probes[i].timer, -1, note, NULL), 0);
  }
  run();
  assert_int_equal(fired_count, 64);
  for (int i = 0; i < 64; i++) assert_int_equal(fired[i], i);
}

static void a_stopped_timer_never_fires(void **state) {
  (void)state;
  struct probe probes[3] = {{.id = 0}, {.id = 1}, {.id = 2}};
  for (int i = 0; i < 3; i++)
    assert_int_equal(ek_timer_start(&loop, &probes[i].timer, 0, note, NULL), 0);
  ek_timer_stop(&loop, &probes[1].timer);
  ek_timer_stop(&loop, &probes[1].timer);
  run();
  assert_int_equal(fired_count, 2);
  assert_int_equal(fired[0], 0);
  assert_int_equal(fired[1], 2);
}

static void a_timer_started_again_fires_at_its_new_due(void **state) {
  (void)state;
  struct probe late = {.id = 0}, early = {.id = 1};
  assert_int_equal(ek_timer_start(&loop, &late.timer, 0, note, NULL), 0);
  assert_int_equal(ek_timer_start(&loop, &early.timer, 0.001, note, NULL), 0);
  assert_int_equal(ek_timer_start(&loop, &late.timer, 0.002, note, NULL), 0);
  run();
  assert_int_equal(fired_count, 2);
  assert_int_equal(fired[0], 1);
  assert_int_equal(fired[1], 0);
}

static struct probe again;

static void restart(struct ek_timer *timer) {
  note(timer);
  ek_loop_stir(&loop);
  assert_int_equal(ek_timer_start(&loop, &again.timer, 0, restart, NULL), 0);
}

/* A turn ends though a timer keeps starting itself, and though it was to wait for a far one. */
static void a_turn_ends(void **state) {
  (void)state;
  struct probe far = {.id = 9};
  again = (struct probe){.id = 1};
  assert_int_equal(ek_timer_start(&loop, &far.timer, 1e6, note, NULL), 0);
  assert_int_equal(ek_timer_start(&loop, &again.timer, 0, restart, NULL), 0);
  for (int i = 0; i < 5; i++) assert_true(ek_loop_turn(&loop, true));
  assert_true(fired_count >= 1 && fired_count <= 10);
  ek_timer_stop(&loop, &again.timer);
  ek_timer_stop(&loop, &far.timer);
  assert_false(ek_loop_turn(&loop, true));
}

static void dues_beyond_all_time_are_far(void **state) {
  (void)state;
  struct probe far[3] = {{.id = 0}, {.id = 1}, {.id = 2}};
  assert_int_equal(ek_timer_start(&loop, &far[0].timer, 1e300, note, NULL), 0);
  assert_int_equal(ek_timer_start(&loop, &far[1].timer, 1.0 / 0.0, note, NULL), 0);
  assert_int_equal(ek_timer_start(&loop, &far[2].timer, 1e10, note, NULL), 0);
  assert_true(ek_loop_turn(&loop, false));
  assert_int_equal(fired_count, 0);
  for (int i = 0; i < 3; i++) ek_timer_stop(&loop, &far[i].timer);
}

static double woken_at;

static void note_time(struct ek_timer *timer) {
  note(timer);
  woken_at = ek_loop_wall(&loop);
}

static void simulated_time_is_at_once_what_is_waited_for(void **state) {
  (void)state;
  struct probe late = {.id = 2}, early = {.id = 1};
  uint64_t real = ek_loop_now(&loop);
  ek_loop_simulate(&loop, 1000);
  uint64_t start = ek_loop_now(&loop);
  assert_int_equal(ek_timer_start(&loop, &late.timer, 86400, note_time, NULL), 0);
  assert_int_equal(ek_timer_start(&loop, &early.timer, 3600, note_time, NULL), 0);
  assert_true(ek_loop_turn(&loop, false)); /* a turn that does not wait moves nothing */
  assert_int_equal(ek_loop_now(&loop), start);
  assert_true(ek_loop_turn(&loop, true));
  assert_int_equal(fired_count, 1);
  assert_int_equal(fired[0], 1);
  assert_true(woken_at == 1000 + 3600);
  run();
  assert_int_equal(fired_count, 2);
  assert_true(woken_at == 1000 + 86400);
  assert_int_equal(ek_loop_now(&loop) - start, UINT64_C(86400) * 1000000000u);
  ek_loop_unsimulate(&loop);
  assert_true(ek_loop_now(&loop) - real < UINT64_C(3600) * 1000000000u);
}

/* Also one that is due behind what stays of the real time, and one that is not. */
static void real_time_leaves_timers_what_is_left_to_them(void **state) {
  (void)state;
  struct probe first = {.id = 1}, second = {.id = 2}, third = {.id = 3};
  ek_loop_simulate(&loop, 0);
  assert_int_equal(ek_timer_start(&loop, &third.timer, 7200.02, note, NULL), 0);
  assert_int_equal(ek_timer_start(&loop, &second.timer, 7200.01, note, NULL), 0);
  assert_int_equal(ek_timer_start(&loop, &first.timer, 7200, note, NULL), 0);
  assert_true(ek_loop_turn(&loop, true));
  assert_int_equal(fired_count, 1);
  ek_loop_unsimulate(&loop);
  run();
  assert_int_equal(fired_count, 3);
  assert_int_equal(fired[1], 2);
  assert_int_equal(fired[2], 3);
}

static void write_back(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  fired[fired_count++] = 7;
  uv_close((uv_handle_t *)poll, NULL);
}

/* A pipe that is readable: the timer, though much is left to it, does not overtake it. */
static void simulated_time_waits_for_the_world_outside(void **state) {
  (void)state;
  int ends[2];
  struct probe probe = {.id = 1};
  uv_poll_t poll;
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(write(ends[1], "x", 1), 1);
  ek_loop_simulate(&loop, 0);
  assert_int_equal(ek_timer_start(&loop, &probe.timer, 10, note, NULL), 0);
  assert_int_equal(uv_poll_init(&loop.uv, &poll, ends[0]), 0);
  assert_int_equal(uv_poll_start(&poll, UV_READABLE, write_back), 0);
  run();
  assert_int_equal(fired_count, 2);
  assert_int_equal(fired[0], 7);
  assert_int_equal(fired[1], 1);
  (void)close(ends[0]);
  (void)close(ends[1]);
}

/* A timer for a look outside goes off when it has, by real time; stopped or gone off, it holds
 * nobody up. */
static void simulated_time_waits_for_those_who_look_outside(void **state) {
  (void)state;
  struct probe probe = {.id = 1};
  uint64_t real = ek_loop_now(&loop);
  ek_loop_simulate(&loop, 0);
  uint64_t start = ek_loop_now(&loop);
  assert_int_equal(ek_timer_look(&loop, &probe.timer, 100, note, NULL), 0);
  assert_int_equal(ek_timer_look(&loop, &probe.timer, 0.02, note, NULL), 0);
  assert_int_equal(loop.outside, 1);
  while (fired_count == 0) assert_true(ek_loop_turn(&loop, true));
  assert_int_equal(loop.outside, 0);
  assert_int_equal(ek_timer_look(&loop, &probe.timer, 100, note, NULL), 0);
  ek_timer_stop(&loop, &probe.timer);
  ek_timer_stop(&loop, &probe.timer);
  assert_int_equal(loop.outside, 0);
  uint64_t simulated = ek_loop_now(&loop) - start;
  ek_loop_unsimulate(&loop);
  assert_true(simulated >= 20000000u);
  assert_true(ek_loop_now(&loop) - real >= simulated);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(nothing_is_nothing_to_wait_for, set_up, tear_down),
      cmocka_unit_test_setup_teardown(timers_fire_once_in_the_order_of_their_dues, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(equal_dues_fire_in_the_order_of_their_start, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_stopped_timer_never_fires, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_timer_started_again_fires_at_its_new_due, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_turn_ends, set_up, tear_down),
      cmocka_unit_test_setup_teardown(simulated_time_is_at_once_what_is_waited_for, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(real_time_leaves_timers_what_is_left_to_them, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(simulated_time_waits_for_the_world_outside, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(simulated_time_waits_for_those_who_look_outside, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(dues_beyond_all_time_are_far, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

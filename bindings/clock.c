/* eksrun.clock: now, and timestamps as text.
 *
 *   now() -> seconds since 1970          monotonic() -> seconds since some start, never stepping
 *   format_iso8601(t [, "iso8601" | "millis" | "basic" | "date" | "http"]) -> string
 *   simulate(t | nil): from t on, time passes only in waits, and there at once; nil: real time
 *   parse(s) -> t    try_parse(s) -> t | nil, err: ISO 8601, HTTP dates, decimal seconds */
#include "bindings/bindings.h"

#include "core/time.h"
#include "task.h"

static int l_now(lua_State *L) {
  lua_pushnumber(L, ek_loop_wall(ek_task_loop(L)));
  return 1;
}

static int l_monotonic(lua_State *L) {
  lua_pushnumber(L, (double)ek_loop_now(ek_task_loop(L)) / 1e9);
  return 1;
}

static int l_simulate(lua_State *L) {
  struct ek_loop *loop = ek_task_loop(L);
  if (lua_isnoneornil(L, 1))
    ek_loop_unsimulate(loop);
  else
    ek_loop_simulate(loop, luaL_checknumber(L, 1));
  return 0;
}

static int l_format(lua_State *L) {
  static const char *const names[] = {"iso8601", "millis", "basic", "date", "http", NULL};
  static const enum ek_time_format formats[] = {EK_TIME_ISO8601, EK_TIME_ISO8601_MILLIS,
                                                EK_TIME_BASIC, EK_TIME_DATE, EK_TIME_HTTP};
  char text[EK_TIME_MAX];
  double t = luaL_checknumber(L, 1);
  size_t n = ek_time_format(text, formats[luaL_checkoption(L, 2, "iso8601", names)], t);
  luaL_argcheck(L, n > 0, 1, "a time in the years 1 to 9999 expected");
  lua_pushlstring(L, text, n);
  return 1;
}

static int parse(lua_State *L, int (*fail)(lua_State *, const struct ek_error *)) {
  size_t n;
  double t;
  struct ek_error e;
  const char *s = luaL_checklstring(L, 1, &n);
  if (ek_time_parse(&t, s, n, &e) != 0) return fail(L, &e);
  lua_Integer whole;
  if (lua_numbertointeger(t, &whole) && (double)whole == t)
    lua_pushinteger(L, whole);
  else
    lua_pushnumber(L, t);
  return 1;
}

static int l_parse(lua_State *L) {
  return parse(L, ek_error_raise);
}

static int l_try_parse(lua_State *L) {
  return parse(L, ek_error_result);
}

int luaopen_eksrun_clock(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"now", l_now},     {"monotonic", l_monotonic}, {"simulate", l_simulate},
      {"parse", l_parse}, {"try_parse", l_try_parse}, {"format_iso8601", l_format},
      {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

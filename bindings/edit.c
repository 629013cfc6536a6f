/* eksrun.native.edit: lines from the terminal, edited, while other tasks run.
 *
 *   new(name [, mode]) -> Editor; raises without a terminal. name: the program's, for ~/.editrc;
 *     mode: "emacs" or "vi", unless ~/.editrc says which
 *   Editor:read() -> "enter" | "tab" | "eof" | "interrupt"     begins a line, or goes on with it
 *   Editor:text() -> line, cursor (bytes before it) | nil      what is being edited
 *   Editor:insert(text [, drop])    types text, in place of so many characters before the cursor
 *   Editor:above(text)          writes lines above the line, or where the cursor is
 *   Editor:prompt(text)         before the line, from now on
 *   Editor:finish()             closes the line; it is read() that has to be called for another
 *   Editor:interrupt() -> boolean   gives up the line being read; false if none is
 *   Editor:remember(entry)      the newest entry of the history; may hold newlines
 *   Editor:close()              restores the terminal; also by __close and __gc */
#include "bindings/bindings.h"

#include <limits.h>

#include "loop/edit.h"
#include "task.h"

#define TYPE "eksrun.edit"

struct editor {
  struct ek_wait wait;
  struct ek_edit *edit; /* NULL once closed */
  const char *event;    /* how the last read ended */
  bool reading;
};

/* To be called behind the checks of the other arguments: to make a string of a number may run a
 * finalizer that closes the editor. */
static struct editor *check(lua_State *L) {
  struct editor *editor = luaL_checkudata(L, 1, TYPE);
  if (editor->edit == NULL) luaL_error(L, "edit: the editor is closed");
  return editor;
}

static void finish(struct editor *editor, const char *event) {
  editor->reading = false;
  editor->event = event;
  ek_wait_done(&editor->wait);
}

static void on_event(void *data, enum ek_edit_event event) {
  finish(data, event == EK_EDIT_ENTER ? "enter" : event == EK_EDIT_TAB ? "tab" : "eof");
}

static void cancel(struct ek_wait *w) {
  struct editor *editor = (struct editor *)w;
  ek_edit_stop(editor->edit);
  finish(editor, "interrupt");
}

static int got_event(lua_State *L, int status, lua_KContext ctx) {
  struct editor *editor = luaL_checkudata(L, 1, TYPE);
  (void)status;
  (void)ctx;
  lua_pushstring(L, editor->event);
  return 1;
}

static int l_read(lua_State *L) {
  struct editor *editor = check(L);
  struct ek_error e;
  ek_task_check(L, "edit.read");
  /* Also by one who is told how it ended, but has not gone on: the wait is still its. */
  if (editor->reading || editor->wait.task != NULL)
    return luaL_error(L, "edit: a line is being read already");
  editor->wait = (struct ek_wait){.cancel = cancel};
  if (ek_edit_start(editor->edit, on_event, editor, &e) != 0) return ek_error_raise(L, &e);
  editor->reading = true;
  return ek_task_wait(L, &editor->wait, 0, got_event);
}

static int l_text(lua_State *L) {
  size_t len, cursor;
  const char *text = ek_edit_text(check(L)->edit, &len, &cursor);
  if (text == NULL) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushlstring(L, text, len);
  lua_pushinteger(L, (lua_Integer)cursor);
  return 2;
}

static int l_insert(lua_State *L) {
  const char *text = luaL_checkstring(L, 2);
  lua_Integer drop = luaL_optinteger(L, 3, 0);
  luaL_argcheck(L, drop >= 0 && drop <= INT_MAX, 3, "out of range");
  ek_edit_insert(check(L)->edit, text, (int)drop);
  return 0;
}

static int l_above(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  ek_edit_above(check(L)->edit, text, len);
  return 0;
}

static int l_prompt(lua_State *L) {
  const char *text = luaL_checkstring(L, 2);
  ek_edit_prompt(check(L)->edit, text);
  return 0;
}

static int l_finish(lua_State *L) {
  struct editor *editor = check(L);
  if (editor->reading) return luaL_error(L, "edit: a line is being read");
  ek_edit_stop(editor->edit);
  return 0;
}

static int l_interrupt(lua_State *L) {
  struct editor *editor = check(L);
  lua_pushboolean(L, editor->reading);
  if (editor->reading) cancel(&editor->wait);
  return 1;
}

static int l_remember(lua_State *L) {
  const char *text = luaL_checkstring(L, 2);
  ek_edit_remember(check(L)->edit, text);
  return 0;
}

static int l_close(lua_State *L) {
  struct editor *editor = luaL_checkudata(L, 1, TYPE);
  if (editor->reading) return luaL_error(L, "edit: a line is being read");
  ek_edit_free(editor->edit);
  editor->edit = NULL;
  return 0;
}

/* At the end of the state one may still wait for a line: the terminal is put right all the same. */
static int l_gc(lua_State *L) {
  struct editor *editor = luaL_checkudata(L, 1, TYPE);
  editor->reading = false;
  return l_close(L);
}

static int l_new(lua_State *L) {
  static const char *const modes[] = {"emacs", "vi", NULL};
  const char *name = luaL_checkstring(L, 1);
  const char *mode = modes[luaL_checkoption(L, 2, "emacs", modes)];
  struct editor *editor = lua_newuserdatauv(L, sizeof *editor, 0);
  struct ek_error e;
  *editor = (struct editor){.edit = NULL};
  luaL_setmetatable(L, TYPE);
  if (ek_edit_new(&editor->edit, ek_task_loop(L), name, mode, &e) != 0)
    return ek_error_raise(L, &e);
  return 1;
}

int luaopen_eksrun_native_edit(lua_State *L) {
  static const luaL_Reg methods[] = {{"read", l_read},           {"text", l_text},
                                     {"insert", l_insert},       {"above", l_above},
                                     {"prompt", l_prompt},       {"finish", l_finish},
                                     {"interrupt", l_interrupt}, {"remember", l_remember},
                                     {"close", l_close},         {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", l_new}, {NULL, NULL}};
  ek_metatable_push(L, TYPE, methods, l_gc);
  lua_pushcfunction(L, l_close);
  lua_setfield(L, -2, "__close");
  luaL_newlib(L, functions);
  return 1;
}

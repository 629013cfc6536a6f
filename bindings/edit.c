/* eksrun.native.edit: lines from the terminal, edited, while other tasks run.
 *
 *   new(name) -> Editor; raises without a terminal. name: the program's, for ~/.editrc
 *   Editor:read(prompt) -> line | nil, "eof" | "interrupt"
 *   Editor:interrupt() -> boolean   gives up the line being read; false if none is
 *   Editor:remember(entry)      the newest entry of the history; may hold newlines
 *   Editor:close()              restores the terminal; also by __close and __gc */
#include "bindings/bindings.h"

#include "loop/edit.h"
#include "task.h"

#define TYPE "eksrun.edit"

struct editor {
  struct ek_wait wait;
  struct ek_edit *edit; /* NULL once closed */
  struct ek_buf line;
  const char *ended; /* NULL: line holds one; else why there is none */
  bool reading;
};

static struct editor *check(lua_State *L) {
  struct editor *editor = luaL_checkudata(L, 1, TYPE);
  if (editor->edit == NULL) luaL_error(L, "edit: the editor is closed");
  return editor;
}

static void finish(struct editor *editor, const char *ended) {
  editor->reading = false;
  editor->ended = ended;
  ek_wait_done(&editor->wait);
}

static void on_event(void *data, enum ek_edit_event event, const char *line, size_t len) {
  struct editor *editor = data;
  ek_buf_append(&editor->line, line, len);
  finish(editor, event == EK_EDIT_LINE ? NULL : "eof");
}

static void cancel(struct ek_wait *w) {
  struct editor *editor = (struct editor *)w;
  ek_edit_stop(editor->edit);
  finish(editor, "interrupt");
}

static int got_line(lua_State *L, int status, lua_KContext ctx) {
  struct editor *editor = luaL_checkudata(L, 1, TYPE);
  (void)status;
  (void)ctx;
  if (editor->ended != NULL) {
    lua_pushnil(L);
    lua_pushstring(L, editor->ended);
    return 2;
  }
  ek_lbuf_push(L, &editor->line);
  return 1;
}

static int l_read(lua_State *L) {
  struct editor *editor = check(L);
  const char *prompt = luaL_checkstring(L, 2);
  struct ek_error e;
  ek_task_check(L, "edit.read");
  if (editor->reading) return luaL_error(L, "edit: a line is being read already");
  editor->wait = (struct ek_wait){.cancel = cancel};
  editor->ended = NULL;
  ek_buf_clear(&editor->line);
  if (ek_edit_start(editor->edit, prompt, on_event, editor, &e) != 0) return ek_error_raise(L, &e);
  editor->reading = true;
  return ek_task_wait(L, &editor->wait, 0, got_line);
}

static int l_interrupt(lua_State *L) {
  struct editor *editor = check(L);
  lua_pushboolean(L, editor->reading);
  if (editor->reading) cancel(&editor->wait);
  return 1;
}

static int l_remember(lua_State *L) {
  ek_edit_remember(check(L)->edit, luaL_checkstring(L, 2));
  return 0;
}

static int l_close(lua_State *L) {
  struct editor *editor = luaL_checkudata(L, 1, TYPE);
  if (editor->reading) return luaL_error(L, "edit: a line is being read");
  ek_edit_free(editor->edit);
  editor->edit = NULL;
  ek_buf_fini(&editor->line);
  return 0;
}

static int l_new(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  struct editor *editor = lua_newuserdatauv(L, sizeof *editor, 0);
  struct ek_error e;
  *editor = (struct editor){.edit = NULL};
  luaL_setmetatable(L, TYPE);
  if (ek_edit_new(&editor->edit, ek_task_loop(L), name, &e) != 0) return ek_error_raise(L, &e);
  return 1;
}

int luaopen_eksrun_native_edit(lua_State *L) {
  static const luaL_Reg methods[] = {{"read", l_read},
                                     {"interrupt", l_interrupt},
                                     {"remember", l_remember},
                                     {"close", l_close},
                                     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"new", l_new}, {NULL, NULL}};
  ek_metatable_push(L, TYPE, methods, l_close);
  luaL_newlib(L, functions);
  return 1;
}

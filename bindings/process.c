/* eksrun.process: this process, and others.
 *
 *   env(name) -> string | nil      as it was at the start, secrets included
 *   pid() -> integer               kill(pid [, "TERM" | "INT" | "HUP" | "KILL"])
 *   run { argv =, env =, cwd =, stdin =, timeout = 60, max_output = 1 MiB }
 *     -> { code = integer | nil, signal = integer | nil, stdout =, stderr = }
 *   try_run {...} -> result | nil, err
 *
 * run: argv[1] is looked up in PATH, no shell. The child sees an allow-list of the environment and
 * nothing else: `env` holds names to pass on ({ "PATH", "AWS_PROFILE" }) and values to set
 * ({ LANG = "C" }); without it PATH, HOME, USER, LOGNAME, SHELL, TERM, TMPDIR, LANG, LC_ALL and TZ
 * are passed on. It has no descriptors but 0, 1 and 2. err.code: "not_found", "io", "timeout",
 * "limit". */
#include "bindings/bindings.h"

#include <signal.h>
#include <unistd.h>

#include "harden.h"
#include "options.h"
#include "task.h"

#define CHILD_TYPE "eksrun.process.child"
#define WHAT       "process.run"
#define READ_MAX   (1 << 20) /* bytes at a time */

static int l_env(lua_State *L) {
  lua_pushstring(L, ek_env(luaL_checkstring(L, 1)));
  return 1;
}

static int l_pid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)getpid());
  return 1;
}

/* -- a child: on the heap, because libuv closes handles some time later ---------------------------
 */

/* The userdata that waits for a child; the child may outlive it, and a finalizer may see it last.
 */
struct op {
  struct ek_wait wait;
  struct child *child; /* NULL: gone */
};

struct child {
  struct op *op; /* NULL: the userdata is gone */
  struct ek_loop *loop;
  uv_process_t process;
  uv_pipe_t pipes[3];
  uv_write_t write;
  struct ek_timer timer;
  struct ek_buf input, output[2];
  char **argv, **env; /* each one block; the strings lie in it */
  size_t max_output;
  double timeout;
  int64_t code;
  int signal;
  int open_handles;
  bool spawned, exited, closing;
  bool reading[2];
  struct ek_error error;
};

static void free_child(struct child *c) {
  ek_buf_wipe(&c->input);
  ek_buf_fini(&c->input);
  for (int i = 0; i < 2; i++) {
    ek_buf_wipe(&c->output[i]);
    ek_buf_fini(&c->output[i]);
  }
  free(c->argv);
  free(c->env);
  free(c);
}

static void on_closed(uv_handle_t *handle) {
  struct child *c = handle->data;
  if (--c->open_handles > 0) return;
  if (c->op == NULL)
    free_child(c);
  else if (!c->op->wait.done)
    ek_wait_done(&c->op->wait);
}

static void close_handle(uv_handle_t *handle) {
  if (!uv_is_closing(handle)) uv_close(handle, on_closed);
}

/* The process handle stays until the child has ended, else it would be left a zombie. */
static void close_all(struct child *c) {
  ek_timer_stop(c->loop, &c->timer);
  c->closing = true;
  for (int i = 0; i < 3; i++) close_handle((uv_handle_t *)&c->pipes[i]);
  if (c->spawned && !c->exited)
    (void)uv_process_kill(&c->process, SIGKILL);
  else
    close_handle((uv_handle_t *)&c->process);
}

/* All is over when the child has ended and both of its outputs have. */
static void maybe_over(struct child *c) {
  if (c->exited && !c->reading[0] && !c->reading[1]) close_all(c);
}

static void on_exit_status(uv_process_t *process, int64_t code, int signal) {
  struct child *c = process->data;
  c->exited = true;
  c->code = code;
  c->signal = signal;
  if (c->closing)
    close_all(c);
  else
    maybe_over(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  struct child *c = handle->data;
  struct ek_buf *b = &c->output[(uv_pipe_t *)handle - &c->pipes[1]];
  (void)suggested;
  *out = uv_buf_init(NULL, 0);
  if (!ek_buf_reserve(b, 4096)) return;
  size_t room = b->cap - b->len;
  *out = uv_buf_init(b->data + b->len, room < READ_MAX ? (unsigned)room : READ_MAX);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *unused) {
  struct child *c = stream->data;
  int which = (int)((uv_pipe_t *)stream - &c->pipes[1]);
  (void)unused;
  if (n == 0) return;
  if (n < 0) {
    c->reading[which] = false;
    if (n == UV_ENOBUFS) {
      (void)ek_error_set(&c->error, EK_ERR_NOMEM, "not enough memory for the output of %s",
                         c->argv[0]);
      close_all(c);
      return;
    }
    (void)uv_read_stop(stream);
    maybe_over(c);
    return;
  }
  c->output[which].len += (size_t)n;
  if (c->output[which].len <= c->max_output) return;
  (void)ek_error_set(&c->error, EK_ERR_LIMIT, "%s printed more than %zu bytes", c->argv[0],
                     c->max_output);
  close_all(c);
}

static void on_written(uv_write_t *write, int status) {
  struct child *c = write->data;
  (void)status; /* a child need not read its input */
  close_handle((uv_handle_t *)&c->pipes[0]);
}

static void on_timeout(struct ek_timer *timer) {
  struct child *c = (struct child *)((char *)timer - offsetof(struct child, timer));
  (void)ek_error_set(&c->error, EK_ERR_TIMEOUT, "%s did not end within %g s", c->argv[0],
                     c->timeout);
  close_all(c);
}

static void cancel(struct ek_wait *w) {
  struct child *c = ((struct op *)w)->child;
  if (c != NULL)
    close_all(c);
  else
    ek_wait_done(w);
}

static int start(struct child *c, const char *cwd, struct ek_error *e) {
  uv_stdio_container_t stdio[3];
  for (int i = 0; i < 3; i++) {
    (void)uv_pipe_init(&c->loop->uv, &c->pipes[i], 0);
    c->pipes[i].data = c;
    stdio[i].flags = UV_CREATE_PIPE | (i == 0 ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
    stdio[i].data.stream = (uv_stream_t *)&c->pipes[i];
  }
  c->process.data = c;
  c->write.data = c;
  c->open_handles = 4;
  /* Descriptors that libraries opened without it get the close-on-exec flag. */
  (void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  uv_process_options_t options = {.file = c->argv[0],
                                  .args = c->argv,
                                  .env = c->env,
                                  .cwd = cwd,
                                  .exit_cb = on_exit_status,
                                  .stdio_count = 3,
                                  .stdio = stdio};
  int rc = uv_spawn(&c->loop->uv, &c->process, &options);
  if (rc != 0) {
    return ek_error_set(e, rc == UV_ENOENT ? EK_ERR_NOTFOUND : EK_ERR_IO, "cannot run %s: %s",
                        c->argv[0], uv_strerror(rc));
  }
  c->spawned = true;
  for (int i = 0; i < 2; i++)
    c->reading[i] = uv_read_start((uv_stream_t *)&c->pipes[i + 1], on_alloc, on_read) == 0;
  uv_buf_t input = uv_buf_init(c->input.data, (unsigned)c->input.len);
  if (input.len == 0 ||
      uv_write(&c->write, (uv_stream_t *)&c->pipes[0], &input, 1, on_written) != 0)
    close_handle((uv_handle_t *)&c->pipes[0]);
  return ek_timer_start(c->loop, &c->timer, c->timeout, on_timeout, e);
}

/* -- from and to Lua -----------------------------------------------------------------------------
 */

static int l_child_gc(lua_State *L) {
  struct op *op = luaL_checkudata(L, 1, CHILD_TYPE);
  struct child *c = op->child;
  op->child = NULL;
  if (c == NULL) return 0;
  c->op = NULL;
  if (c->open_handles == 0)
    free_child(c);
  else
    close_all(c);
  return 0;
}

/* A NULL-closed vector, in one block, of the strings of the list at index. */
static char **copy_strings(lua_State *L, int list) {
  size_t count = (size_t)lua_rawlen(L, list), bytes = (count + 1) * sizeof(char *);
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, list, (lua_Integer)i);
    bytes += (size_t)lua_rawlen(L, -1) + 1;
    lua_pop(L, 1);
  }
  char **vector = malloc(bytes);
  if (vector == NULL) return NULL;
  char *at = (char *)(vector + count + 1);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    size_t n;
    const char *s = lua_tolstring(L, -1, &n);
    vector[i] = memcpy(at, s, n + 1);
    at += n + 1;
    lua_pop(L, 1);
  }
  vector[count] = NULL;
  return vector;
}

static void check_string(lua_State *L, int index, const char *field) {
  size_t n = 0;
  const char *s = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &n) : NULL;
  if (s == NULL)
    luaL_error(L, WHAT ": field '%s' must hold strings", field);
  else if (strlen(s) != n)
    luaL_error(L, WHAT ": field '%s' holds a NUL byte", field);
}

/* Pushes the checked list of arguments. */
static void push_argv(lua_State *L) {
  if (ek_options_push(L, 1, WHAT, "argv", LUA_TTABLE) == LUA_TNIL || lua_rawlen(L, -1) == 0)
    luaL_error(L, WHAT ": field 'argv' (list of strings) is required");
  int list = lua_gettop(L);
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, list, i);
    check_string(L, -1, "argv");
    lua_rawseti(L, -2, i);
  }
  lua_remove(L, list);
}

/* Appends "name=value" to the list on top. */
static void add_variable(lua_State *L, const char *name, const char *value) {
  if (value == NULL) return;
  lua_pushfstring(L, "%s=%s", name, value);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* Pushes the list of "name=value" that the child gets. */
static void push_env(lua_State *L) {
  static const char *const passed[] = {"PATH",   "HOME", "USER",   "LOGNAME", "SHELL", "TERM",
                                       "TMPDIR", "LANG", "LC_ALL", "TZ",      NULL};
  int given = ek_options_push(L, 1, WHAT, "env", LUA_TTABLE);
  int env = lua_gettop(L);
  lua_newtable(L);
  if (given == LUA_TNIL) {
    for (const char *const *name = passed; *name != NULL; name++)
      add_variable(L, *name, ek_env(*name));
  } else {
    lua_pushnil(L);
    while (lua_next(L, env) != 0) {
      check_string(L, -1, "env");
      const char *value = lua_tostring(L, -1);
      bool pass = lua_isinteger(L, -2);
      if (!pass) check_string(L, -2, "env");
      const char *name = pass ? value : lua_tostring(L, -2);
      lua_pushvalue(L, env + 1);
      add_variable(L, name, pass ? ek_env(name) : value);
      lua_pop(L, 2);
    }
  }
  lua_remove(L, env);
}

static int fail(lua_State *L, const struct ek_error *e, bool try) {
  return try ? ek_error_result(L, e) : ek_error_raise(L, e);
}

/* Stack: 1 the options, 2 the child. */
static int finish(lua_State *L, int status, lua_KContext try) {
  struct child *c = ((struct op *)luaL_checkudata(L, 2, CHILD_TYPE))->child;
  (void)status;
  if (c->error.code != 0) return fail(L, &c->error, try != 0);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, c->signal != 0 ? c->signal : (lua_Integer)c->code);
  lua_setfield(L, -2, c->signal != 0 ? "signal" : "code");
  ek_lbuf_push(L, &c->output[0]);
  lua_setfield(L, -2, "stdout");
  ek_lbuf_push(L, &c->output[1]);
  lua_setfield(L, -2, "stderr");
  return 1;
}

static int run(lua_State *L, bool try) {
  static const char *const names[] = {"argv", "env", "cwd", "stdin", "timeout", "max_output", NULL};
  size_t input_len;
  lua_settop(L, 1);
  ek_options_check(L, 1, WHAT, false, names);
  const char *cwd = ek_options_string(L, 1, WHAT, "cwd", NULL, false);
  const char *input = ek_options_string(L, 1, WHAT, "stdin", &input_len, false);
  double timeout = ek_options_number(L, 1, WHAT, "timeout", 0, 60);
  lua_Integer max_output = ek_options_integer(L, 1, WHAT, "max_output", 0, 1024 * 1024);
  luaL_argcheck(L, input_len < UINT32_MAX, 1, "stdin is too long");
  ek_task_check(L, WHAT);

  struct op *op = lua_newuserdatauv(L, sizeof *op, 0);
  *op = (struct op){.wait = {.cancel = cancel}};
  luaL_setmetatable(L, CHILD_TYPE);
  push_argv(L);
  push_env(L);
  struct child *c = calloc(1, sizeof *c);
  if (c == NULL) return luaL_error(L, "not enough memory");
  op->child = c;
  c->op = op;
  c->loop = ek_task_loop(L);
  c->max_output = (size_t)max_output;
  c->timeout = timeout;
  c->argv = copy_strings(L, 3);
  c->env = copy_strings(L, 4);
  ek_buf_append(&c->input, input, input_len);
  if (c->argv == NULL || c->env == NULL || c->input.failed)
    return luaL_error(L, "not enough memory");
  lua_settop(L, 2);
  if (start(c, cwd, &c->error) != 0) close_all(c);
  return ek_task_wait(L, &op->wait, try, finish);
}

static int l_kill(lua_State *L) {
  static const char *const names[] = {"TERM", "INT", "HUP", "KILL", NULL};
  static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGKILL};
  struct ek_error e;
  lua_Integer pid = luaL_checkinteger(L, 1);
  luaL_argcheck(L, pid > 0 && pid <= INT_MAX, 1, "the id of a process expected");
  int rc = uv_kill((int)pid, numbers[luaL_checkoption(L, 2, "TERM", names)]);
  if (rc == 0) return 0;
  (void)ek_error_set(&e, rc == UV_ESRCH ? EK_ERR_NOTFOUND : EK_ERR_IO,
                     "cannot send a signal to process %d: %s", (int)pid, uv_strerror(rc));
  return ek_error_raise(L, &e);
}

static int l_run(lua_State *L) {
  return run(L, false);
}

static int l_try_run(lua_State *L) {
  return run(L, true);
}

int luaopen_eksrun_process(lua_State *L) {
  static const luaL_Reg functions[] = {{"env", l_env}, {"kill", l_kill},       {"pid", l_pid},
                                       {"run", l_run}, {"try_run", l_try_run}, {NULL, NULL}};
  ek_metatable_push(L, CHILD_TYPE, NULL, l_child_gc);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}

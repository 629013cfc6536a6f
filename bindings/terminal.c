/* eksrun.terminal: what a person sits at.
 *
 *   is_tty(fd) -> boolean            size() -> columns, rows | nil
 *   read_line([prompt]) -> string | nil: one line from standard input without its end, nil at the
 *     end of input; the prompt goes to standard error. Other tasks run meanwhile.
 *   page(text [, command]) -> boolean: see pager.c; screen(): see screen.c */
#include "bindings/bindings.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pager.h"
#include "screen.h"
#include "task.h"

#define LINE_TYPE      "eksrun.terminal.line"
#define LINE_BYTES_MAX (64 * 1024)

static int l_is_tty(lua_State *L) {
  lua_Integer fd = luaL_checkinteger(L, 1);
  luaL_argcheck(L, fd >= 0 && fd <= 2, 1, "0, 1 or 2 expected");
  lua_pushboolean(L, isatty((int)fd));
  return 1;
}

static int l_size(lua_State *L) {
  struct winsize size;
  for (int fd = 2; fd >= 0; fd--) {
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) continue;
    lua_pushinteger(L, size.ws_col);
    lua_pushinteger(L, size.ws_row);
    return 2;
  }
  lua_pushnil(L);
  return 1;
}

/* Waits with a timer, not with a poll handle: standard input may be a file, which epoll refuses,
 * and a handle would make its description non-blocking for whoever shares it. */
#define LOOK_SECONDS 0.02

struct line {
  struct ek_wait wait;
  struct ek_loop *loop;
  struct ek_timer timer;
  struct ek_buf bytes;
  int error; /* errno */
  bool end;
};

/* Whose line has begun to come: no other reader takes from it. */
static const struct line *begun;

static void let_go(const struct line *line) {
  if (begun == line) begun = NULL;
}

static void done(struct line *line) {
  let_go(line);
  ek_wait_done(&line->wait);
}

static void look(struct ek_timer *timer) {
  struct line *line = (struct line *)((char *)timer - offsetof(struct line, timer));
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  while ((begun == NULL || begun == line) && poll(&in, 1, 0) > 0) {
    char c;
    ssize_t n = read(STDIN_FILENO, &c, 1); /* no more than the line: the rest is another reader's */
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) line->error = errno;
    if (n == 1 && c != '\n') ek_buf_putc(&line->bytes, c);
    if (n == 1 && c != '\n' && line->bytes.len < LINE_BYTES_MAX) continue;
    line->end = n <= 0;
    done(line);
    return;
  }
  if (line->bytes.len > 0) begun = line;
  if (ek_timer_look(line->loop, timer, LOOK_SECONDS, look, NULL) != 0) {
    line->error = ENOMEM;
    done(line);
  }
}

static void cancel_line(struct ek_wait *w) {
  struct line *line = (struct line *)w;
  ek_timer_stop(line->loop, &line->timer);
  done(line);
}

static int l_line_gc(lua_State *L) {
  struct line *line = luaL_checkudata(L, 1, LINE_TYPE);
  ek_timer_stop(line->loop, &line->timer);
  let_go(line);
  ek_buf_fini(&line->bytes);
  return 0;
}

static int got_line(lua_State *L, int status, lua_KContext ctx) {
  struct line *line = luaL_checkudata(L, 2, LINE_TYPE);
  (void)status;
  (void)ctx;
  if (line->error != 0) {
    struct ek_error e;
    (void)ek_error_set(&e, EK_ERR_IO, "cannot read standard input: %s", uv_strerror(-line->error));
    return ek_error_raise(L, &e);
  }
  if (line->end && line->bytes.len == 0)
    lua_pushnil(L);
  else
    ek_lbuf_push(L, &line->bytes);
  ek_buf_fini(&line->bytes);
  return 1;
}

static int l_read_line(lua_State *L) {
  const char *prompt = luaL_optstring(L, 1, "");
  lua_settop(L, 1);
  ek_task_check(L, "terminal.read_line");
  struct line *line = lua_newuserdatauv(L, sizeof *line, 0);
  *line = (struct line){.wait = {.cancel = cancel_line}, .loop = ek_task_loop(L)};
  luaL_setmetatable(L, LINE_TYPE);
  (void)fflush(stdout);
  (void)fprintf(stderr, "%s", prompt);
  look(&line->timer);
  return ek_task_wait(L, &line->wait, 0, got_line);
}

int luaopen_eksrun_terminal(lua_State *L) {
  static const luaL_Reg functions[] = {{"is_tty", l_is_tty},         {"size", l_size},
                                       {"read_line", l_read_line},   {"page", ek_pager_l_page},
                                       {"screen", ek_screen_l_open}, {NULL, NULL}};
  ek_screen_open_type(L);
  ek_metatable_push(L, LINE_TYPE, NULL, l_line_gc);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}

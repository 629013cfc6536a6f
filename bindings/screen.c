/* A display on the terminal of standard error, which other processes share.
 *
 *   terminal.screen() -> screen | nil    screen:draw(bytes [, keep]) -> boolean
 *   screen:resumed() -> boolean          screen:close()
 *
 * It writes through a description of its own, which does not block: a terminal that is stopped
 * (Ctrl-S) or slow must not stop the run. What the terminal does not take waits, and frames are
 * left out meanwhile. The cursor is visible again however the process ends or stops, short of
 * SIGKILL: the handlers below see to that. One screen at a time. */
#include "screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "bindings/bindings.h"
#include "task.h"

#define SCREEN_TYPE   "eksrun.terminal.screen"
#define PENDING_MAX   (256 * 1024)
#define CLOSE_TIMEOUT 500 /* ms for what still waits */

/* Ends a synchronized update, shows the cursor, normal colors. */
#define RESTORE "\33[?2026l\33[?25h\33[0m"

struct screen {
  int fd; /* -1: closed */
  bool own;
  bool dead; /* the terminal went away */
  struct ek_buf pending;
};

static volatile sig_atomic_t live_fd = -1;
static volatile sig_atomic_t resumed;

/* Signals that end the process and that nobody else handles. */
static const int fatal[] = {SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#define FATAL (sizeof fatal / sizeof *fatal)

/* For signal handlers. */
static void restore(void) {
  int saved = errno;
  if (live_fd >= 0) {
    ssize_t unused = write((int)live_fd, RESTORE, sizeof RESTORE - 1);
    (void)unused;
  }
  errno = saved;
}

static void die(int number) {
  restore();
  (void)raise(number); /* its handler is the default again */
}

static void set_handler(int number, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler};
  action.sa_flags = (int)(SA_RESTART | SA_RESETHAND | SA_NODEFER);
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(number, &action, NULL);
}

/* Ctrl-Z: stops here, goes on with fg. */
static void stop(int number) {
  int saved = errno;
  restore();
  (void)raise(number);
  set_handler(SIGTSTP, stop);
  resumed = 1;
  errno = saved;
}

static bool is_default(int number) {
  struct sigaction now;
  return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

static void watch(void) {
  for (size_t i = 0; i < FATAL; i++)
    if (is_default(fatal[i])) set_handler(fatal[i], die);
  if (is_default(SIGTSTP)) set_handler(SIGTSTP, stop);
  ek_interrupt_farewell(restore);
}

static void unwatch(void) {
  struct sigaction now;
  ek_interrupt_farewell(NULL);
  for (size_t i = 0; i < FATAL; i++)
    if (sigaction(fatal[i], NULL, &now) == 0 && now.sa_handler == die)
      (void)signal(fatal[i], SIG_DFL);
  if (sigaction(SIGTSTP, NULL, &now) == 0 && now.sa_handler == stop) (void)signal(SIGTSTP, SIG_DFL);
}

static void flush(struct screen *s) {
  size_t done = 0;
  while (done < s->pending.len) {
    ssize_t n = write(s->fd, s->pending.data + done, s->pending.len - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) {
      s->dead = true;
      done = s->pending.len;
      break;
    }
    done += (size_t)n;
  }
  if (done > 0) {
    s->pending.len -= done;
    memmove(s->pending.data, s->pending.data + done, s->pending.len);
  }
}

/* In the background (after bg) the terminal belongs to somebody else. */
static bool in_foreground(int fd) {
  pid_t group = tcgetpgrp(fd);
  return group < 0 || group == getpgrp();
}

static void screen_close(struct screen *s) {
  if (s->fd < 0) return;
  flush(s);
  struct pollfd out = {.fd = s->fd, .events = POLLOUT};
  while (s->pending.len > 0 && poll(&out, 1, CLOSE_TIMEOUT) > 0) flush(s);
  restore();
  live_fd = -1;
  unwatch();
  if (s->own) (void)close(s->fd);
  s->fd = -1;
  ek_buf_fini(&s->pending);
}

/* To be called behind the checks of the other arguments: to make a string of a number may run a
 * finalizer that closes the screen. */
static struct screen *check_screen(lua_State *L) {
  struct screen *s = luaL_checkudata(L, 1, SCREEN_TYPE);
  luaL_argcheck(L, s->fd >= 0, 1, "the screen is closed");
  return s;
}

static int l_draw(lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  struct screen *s = check_screen(L);
  bool keep = lua_toboolean(L, 3);
  if (!s->dead) flush(s);
  bool takes = !s->dead && (keep || (s->pending.len == 0 && in_foreground(s->fd)));
  if (takes && s->pending.len + len <= PENDING_MAX) {
    ek_buf_append(&s->pending, bytes, len);
    flush(s);
  } else {
    takes = false;
  }
  lua_pushboolean(L, takes);
  return 1;
}

static int l_resumed(lua_State *L) {
  (void)check_screen(L);
  lua_pushboolean(L, resumed != 0);
  resumed = 0;
  return 1;
}

static int l_close(lua_State *L) {
  screen_close(luaL_checkudata(L, 1, SCREEN_TYPE));
  return 0;
}

int ek_screen_l_open(lua_State *L) {
  if (live_fd >= 0) return luaL_error(L, "terminal.screen: there is one already");
  struct screen *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct screen){.fd = -1};
  luaL_setmetatable(L, SCREEN_TYPE);
  char path[256];
  if (ttyname_r(STDERR_FILENO, path, sizeof path) == 0) {
    s->fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    s->own = s->fd >= 0;
  }
  if (s->fd < 0 && isatty(STDERR_FILENO))
    s->fd = STDERR_FILENO; /* in a container without /dev/pts */
  if (s->fd < 0) {
    lua_pushnil(L);
    return 1;
  }
  live_fd = s->fd;
  resumed = 0;
  watch();
  return 1;
}

void ek_screen_open_type(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"draw", l_draw}, {"resumed", l_resumed}, {"close", l_close}, {NULL, NULL}};
  ek_metatable_push(L, SCREEN_TYPE, methods, l_close);
  lua_pop(L, 1);
}

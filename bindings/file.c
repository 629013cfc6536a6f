/* eksrun.file: files, whole.
 *
 *   read(path [, {max =, private =}]) -> bytes      try_read -> bytes | nil, err
 *   write_atomic(path, bytes [, {mode = 0600, private =}])   old or new, never half
 *   try_write_atomic                                true | nil, err
 *   stat(path) -> {type, size, mode, mtime} | nil   exists(path)   realpath(path) -> path | nil
 *   list(path) -> names | nil                       of what is in a folder, in no order
 *   mkdir_p(path [, {mode = 0700}])   remove(path) -> was it there
 *   append(path [, {mode = 0600}]) -> Log           Log:write(bytes) is on disk when it returns
 *   lock(path [, {timeout = 10}]) -> Lock           Lock:release(), also by __close
 *
 * private: only what nobody else can have put there. Read: the file itself, no symbolic link, is
 * the user's own and only the user can write it; write: that is so of its folder.
 *
 * Error codes: "not_found", "io", "limit", "timeout". */
#include "bindings/bindings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/replace.h"
#include "options.h"
#include "task.h"

#define FD_TYPE      "eksrun.file.fd"
#define LOG_TYPE     "eksrun.file.log"
#define LOCK_TYPE    "eksrun.file.lock"
#define STREAM_TYPE  "eksrun.file.stream"
#define LOOK_SECONDS 0.01 /* between two looks at what may have changed */

#define READ_MAX (64 * 1024 * 1024)

typedef int (*fail_fn)(lua_State *, const struct ek_error *);

static int set_errno(struct ek_error *e, const char *verb, const char *path) {
  int code = errno == ENOENT || errno == ENOTDIR ? EK_ERR_NOTFOUND : EK_ERR_IO;
  return ek_error_set(e, code, "cannot %s %s: %s", verb, path, uv_strerror(-errno));
}

/* A path: a string without NUL. */
static const char *check_path(lua_State *L, int index) {
  size_t n;
  const char *path = luaL_checklstring(L, index, &n);
  luaL_argcheck(L, n > 0 && strlen(path) == n, index, "a path expected");
  return path;
}

/* -- descriptors that the collector closes -------------------------------------------------------
 */

static int *new_fd(lua_State *L, const char *type) {
  int *fd = lua_newuserdatauv(L, sizeof *fd, 0);
  *fd = -1;
  luaL_setmetatable(L, type);
  return fd;
}

static void close_fd(int *fd) {
  if (*fd >= 0) (void)close(*fd);
  *fd = -1;
}

static int l_fd_close(lua_State *L) {
  close_fd(lua_touserdata(L, 1));
  return 0;
}

/* Whether only this user can have changed what st is of; others: S_IWGRP, S_IWOTH. */
static int check_private(const struct stat *st, mode_t others, const char *path,
                         struct ek_error *e) {
  if (st->st_uid != geteuid())
    return ek_error_set(e, EK_ERR_IO, "%s belongs to another user", path);
  if ((st->st_mode & others) != 0)
    return ek_error_set(e, EK_ERR_IO, "other users can write %s", path);
  return 0;
}

/* -- read ----------------------------------------------------------------------------------------
 */

static int read_all(struct ek_buf *b, int fd, const char *path, size_t max, bool private,
                    struct ek_error *e) {
  struct stat st;
  if (fstat(fd, &st) != 0) return set_errno(e, "read", path);
  if (private && !S_ISREG(st.st_mode)) return ek_error_set(e, EK_ERR_IO, "%s is no file", path);
  if (private && check_private(&st, S_IWGRP | S_IWOTH, path, e) != 0) return e->code;
  if (S_ISDIR(st.st_mode)) {
    errno = EISDIR;
    return set_errno(e, "read", path);
  }
  size_t guess = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : 0;
  if (guess > max) guess = max;
  for (;;) {
    if (!ek_buf_reserve(b, b->len < guess ? guess - b->len + 1 : 4096))
      return ek_error_set(e, EK_ERR_NOMEM, "cannot read %s: not enough memory", path);
    ssize_t n = read(fd, b->data + b->len, b->cap - b->len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return set_errno(e, "read", path);
    if (n == 0) return 0;
    b->len += (size_t)n;
    if (b->len > max)
      return ek_error_set(e, EK_ERR_LIMIT, "cannot read %s: more than %zu bytes", path, max);
  }
}

/* What is no regular file (a pipe, a terminal) may have nothing to read yet: the task waits. */
struct stream {
  int fd;    /* first: see l_fd_close */
  int error; /* errno */
  struct ek_wait wait;
  struct ek_loop *loop;
  struct ek_timer timer;
  struct ek_buf bytes;
  size_t max;
};

/* False: there is nothing to read yet. A pipe that no writer has opened so far does not end. */
static bool read_some(struct stream *s) {
  while (s->bytes.len <= s->max) {
    struct pollfd ready = {.fd = s->fd, .events = POLLIN};
    if (poll(&ready, 1, 0) == 0) return false;
    ssize_t n = -1;
    errno = ENOMEM;
    if (ek_buf_reserve(&s->bytes, 4096))
      n = read(s->fd, s->bytes.data + s->bytes.len, s->bytes.cap - s->bytes.len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return false;
    if (n < 0) s->error = errno;
    if (n <= 0) break;
    s->bytes.len += (size_t)n;
  }
  return true;
}

static void read_stream(struct ek_timer *timer) {
  struct stream *s = (struct stream *)((char *)timer - offsetof(struct stream, timer));
  if (!read_some(s)) {
    if (ek_timer_look(s->loop, timer, LOOK_SECONDS, read_stream, NULL) == 0) return;
    s->error = ENOMEM;
  }
  ek_wait_done(&s->wait);
}

static void cancel_stream(struct ek_wait *w) {
  struct stream *s = (struct stream *)((char *)w - offsetof(struct stream, wait));
  ek_timer_stop(s->loop, &s->timer);
  ek_wait_done(w);
}

static int l_stream_close(lua_State *L) {
  struct stream *s = luaL_checkudata(L, 1, STREAM_TYPE);
  ek_timer_stop(s->loop, &s->timer);
  close_fd(&s->fd);
  ek_buf_wipe(&s->bytes);
  ek_buf_fini(&s->bytes);
  return 0;
}

/* Stack: 1 the path, on top the stream. */
static int stream_ended(lua_State *L, int status, lua_KContext raises) {
  struct stream *s = luaL_checkudata(L, -1, STREAM_TYPE);
  struct ek_error e = {.code = 0};
  (void)status;
  close_fd(&s->fd);
  errno = s->error;
  if (s->error != 0)
    (void)set_errno(&e, "read", lua_tostring(L, 1));
  else if (s->bytes.len > s->max)
    (void)ek_error_set(&e, EK_ERR_LIMIT, "cannot read %s: more than %zu bytes", lua_tostring(L, 1),
                       s->max);
  if (e.code != 0) return raises != 0 ? ek_error_raise(L, &e) : ek_error_result(L, &e);
  ek_lbuf_push(L, &s->bytes);
  ek_buf_wipe(&s->bytes);
  ek_buf_fini(&s->bytes);
  return 1;
}

static int wait_for_stream(lua_State *L, int *fd, size_t max, fail_fn fail) {
  ek_task_check(L, "file.read");
  struct stream *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct stream){.fd = *fd, .max = max, .wait = {.cancel = cancel_stream}};
  *fd = -1;
  s->loop = ek_task_loop(L);
  luaL_setmetatable(L, STREAM_TYPE);
  read_stream(&s->timer);
  return ek_task_wait(L, &s->wait, fail == ek_error_raise, stream_ended);
}

static int read_file(lua_State *L, fail_fn fail) {
  static const char *const names[] = {"max", "private", NULL};
  struct ek_error e;
  struct stat st;
  const char *path = check_path(L, 1);
  ek_options_check(L, 2, "file.read", true, names);
  lua_Integer max = ek_options_integer(L, 2, "file.read", "max", 0, READ_MAX);
  bool private = ek_options_boolean(L, 2, "file.read", "private", false);
  int *fd = new_fd(L, FD_TYPE);
  /* O_NONBLOCK: to open a pipe must not wait for its writer. */
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (private ? O_NOFOLLOW : 0));
  if (*fd >= 0 && !private && fstat(*fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
    return wait_for_stream(L, fd, (size_t)max, fail);
  struct ek_buf *b = ek_lbuf_new(L);
  int rc = *fd < 0 ? set_errno(&e, "read", path) : read_all(b, *fd, path, (size_t)max, private, &e);
  close_fd(fd);
  if (rc == 0) ek_lbuf_push(L, b);
  ek_buf_wipe(b); /* it may have been a credentials file */
  ek_buf_fini(b);
  return rc == 0 ? 1 : fail(L, &e);
}

static int l_read(lua_State *L) {
  return read_file(L, ek_error_raise);
}

static int l_try_read(lua_State *L) {
  return read_file(L, ek_error_result);
}

/* -- write ---------------------------------------------------------------------------------------
 */

static int write_all(int fd, const char *bytes, size_t n, const char *path, struct ek_error *e) {
  while (n > 0) {
    ssize_t written = write(fd, bytes, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return set_errno(e, "write", path);
    bytes += written;
    n -= (size_t)written;
  }
  return 0;
}

/* A group may write it: with a umask of 002 the AWS CLI makes its folders so, for the user's own.
 */
static int check_private_folder(int folder, const char *path, struct ek_error *e) {
  struct stat st;
  if (fstat(folder, &st) != 0) return set_errno(e, "write", path);
  return check_private(&st, S_IWOTH, "the folder of a private file", e);
}

static mode_t get_mode(lua_State *L, int index, const char *what, lua_Integer otherwise) {
  lua_Integer mode = ek_options_integer(L, index, what, "mode", 0, otherwise);
  if (mode > 07777) luaL_error(L, "%s: field 'mode' must be at most 4095 (octal 7777)", what);
  return (mode_t)mode;
}

static mode_t check_mode(lua_State *L, int index, const char *what, lua_Integer otherwise) {
  static const char *const names[] = {"mode", NULL};
  ek_options_check(L, index, what, true, names);
  return get_mode(L, index, what, otherwise);
}

static int write_file(lua_State *L, fail_fn fail) {
  size_t n;
  struct ek_error e;
  const char *path = check_path(L, 1);
  const char *bytes = luaL_checklstring(L, 2, &n);
  static const char *const names[] = {"mode", "private", NULL};
  ek_options_check(L, 3, "file.write_atomic", true, names);
  mode_t mode = get_mode(L, 3, "file.write_atomic", 0600);
  bool private = ek_options_boolean(L, 3, "file.write_atomic", "private", false);
  struct ek_replace r;
  int rc = ek_replace_open(&r, path, &e);
  if (rc == 0 && private) rc = check_private_folder(r.folder, path, &e);
  if (rc == 0) rc = ek_replace_write(&r, bytes, n, &e);
  if (rc == 0) rc = ek_replace_commit(&r, mode, &e);
  ek_replace_close(&r);
  if (rc != 0) return fail(L, &e);
  lua_pushboolean(L, 1);
  return 1;
}

static int l_write(lua_State *L) {
  return write_file(L, ek_error_raise);
}

static int l_try_write(lua_State *L) {
  return write_file(L, ek_error_result);
}

/* -- the file system -----------------------------------------------------------------------------
 */

static int l_stat(lua_State *L) {
  struct stat st;
  const char *path = check_path(L, 1);
  if (stat(path, &st) != 0) {
    lua_pushnil(L);
    return 1;
  }
  lua_createtable(L, 0, 5);
  lua_pushstring(L, S_ISREG(st.st_mode) ? "file" : S_ISDIR(st.st_mode) ? "directory" : "other");
  lua_setfield(L, -2, "type");
  lua_pushinteger(L, (lua_Integer)st.st_size);
  lua_setfield(L, -2, "size");
  lua_pushinteger(L, (lua_Integer)(st.st_mode & 07777));
  lua_setfield(L, -2, "mode");
  lua_pushinteger(L, (lua_Integer)st.st_uid);
  lua_setfield(L, -2, "uid");
  lua_pushnumber(L, (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec / 1e9);
  lua_setfield(L, -2, "mtime");
  return 1;
}

static int l_exists(lua_State *L) {
  lua_pushboolean(L, access(check_path(L, 1), F_OK) == 0);
  return 1;
}

/* A folder: whether files can be made in it. */
static int l_is_writable(lua_State *L) {
  struct stat st;
  const char *path = check_path(L, 1);
  bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
  lua_pushboolean(L, access(path, folder ? W_OK | X_OK : W_OK) == 0);
  return 1;
}

static int l_realpath(lua_State *L) {
  char resolved[PATH_MAX];
  lua_pushstring(L, realpath(check_path(L, 1), resolved));
  return 1;
}

/* The names go through a buffer: nothing may raise while the folder is open. */
static int l_list(lua_State *L) {
  const char *path = check_path(L, 1);
  struct ek_buf *names = ek_lbuf_new(L);
  DIR *folder = opendir(path);
  if (folder == NULL) {
    lua_pushnil(L);
    return 1;
  }
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    ek_buf_append(names, entry->d_name, strlen(entry->d_name) + 1);
  }
  (void)closedir(folder);
  if (names->failed) return luaL_error(L, "file.list: not enough memory");
  lua_newtable(L);
  lua_Integer count = 0;
  for (size_t at = 0; at < names->len; at += strlen(names->data + at) + 1) {
    lua_pushstring(L, names->data + at);
    lua_rawseti(L, -2, ++count);
  }
  ek_buf_fini(names);
  return 1;
}

static int l_mkdir_p(lua_State *L) {
  struct ek_error e;
  char folder[PATH_MAX];
  const char *path = check_path(L, 1);
  mode_t mode = check_mode(L, 2, "file.mkdir_p", 0700);
  size_t n = strlen(path);
  if (n >= sizeof folder) return luaL_argerror(L, 1, "the path is too long");
  memcpy(folder, path, n + 1);
  for (size_t i = 1; i <= n; i++) {
    if (folder[i] != '/' && folder[i] != '\0') continue;
    folder[i] = '\0';
    struct stat st;
    if (mkdir(folder, mode) != 0 &&
        (errno != EEXIST || stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))) {
      (void)set_errno(&e, "create folder", folder);
      return ek_error_raise(L, &e);
    }
    folder[i] = path[i];
  }
  return 0;
}

static int l_remove(lua_State *L) {
  struct ek_error e;
  const char *path = check_path(L, 1);
  int rc = unlink(path);
  if (rc != 0 && errno != ENOENT) {
    (void)set_errno(&e, "remove", path);
    return ek_error_raise(L, &e);
  }
  lua_pushboolean(L, rc == 0);
  return 1;
}

/* -- logs: appended to ---------------------------------------------------------------------------
 */

static int l_append(lua_State *L) {
  struct ek_error e;
  struct stat st;
  const char *path = check_path(L, 1);
  mode_t mode = check_mode(L, 2, "file.append", 0600);
  int *fd = new_fd(L, LOG_TYPE);
  /* O_NONBLOCK: to open a pipe must not wait for its reader. It is no log, nor is a terminal. */
  *fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
             mode);
  if (*fd < 0 || fstat(*fd, &st) != 0)
    (void)set_errno(&e, "open", path);
  else if (!S_ISREG(st.st_mode))
    (void)ek_error_set(&e, EK_ERR_IO, "cannot open %s: not a regular file", path);
  else
    return 1;
  return ek_error_raise(L, &e);
}

static int l_log_write(lua_State *L) {
  size_t n;
  struct ek_error e;
  int *fd = luaL_checkudata(L, 1, LOG_TYPE);
  const char *bytes = luaL_checklstring(L, 2, &n);
  luaL_argcheck(L, *fd >= 0, 1, "the log is closed");
  int rc = write_all(*fd, bytes, n, "the log", &e);
  return rc == 0 ? 0 : ek_error_raise(L, &e);
}

static int l_log_sync(lua_State *L) {
  struct ek_error e;
  int *fd = luaL_checkudata(L, 1, LOG_TYPE);
  luaL_argcheck(L, *fd >= 0, 1, "the log is closed");
  if (fdatasync(*fd) == 0) return 0;
  (void)set_errno(&e, "write", "the log");
  return ek_error_raise(L, &e);
}

/* -- locks ---------------------------------------------------------------------------------------
 */

#define LOCK_LOOK_SECONDS 0.02

struct lock {
  int fd; /* first: see l_fd_close */
  int error;
  struct ek_wait wait;
  struct ek_loop *loop;
  struct ek_timer timer;
  uint64_t deadline; /* ns */
};

static void try_lock(struct ek_timer *timer) {
  struct lock *lock = (struct lock *)((char *)timer - offsetof(struct lock, timer));
  lock->error = flock(lock->fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  bool again = lock->error == EWOULDBLOCK || lock->error == EINTR;
  if (again && ek_loop_now(lock->loop) < lock->deadline &&
      ek_timer_look(lock->loop, timer, LOCK_LOOK_SECONDS, try_lock, NULL) == 0)
    return;
  ek_wait_done(&lock->wait);
}

static void cancel_lock(struct ek_wait *w) {
  struct lock *lock = (struct lock *)((char *)w - offsetof(struct lock, wait));
  ek_timer_stop(lock->loop, &lock->timer);
  close_fd(&lock->fd);
  ek_wait_done(w);
}

static int l_lock_release(lua_State *L) {
  struct lock *lock = luaL_checkudata(L, 1, LOCK_TYPE);
  ek_timer_stop(lock->loop, &lock->timer);
  close_fd(&lock->fd);
  return 0;
}

static int locked(lua_State *L, int status, lua_KContext ctx) {
  struct lock *lock = luaL_checkudata(L, -1, LOCK_TYPE);
  (void)status;
  (void)ctx;
  if (lock->error == 0) return 1;
  struct ek_error e;
  if (lock->error == EWOULDBLOCK) {
    (void)ek_error_set(&e, EK_ERR_TIMEOUT, "cannot lock %s: another process holds it",
                       lua_tostring(L, 1));
  } else {
    errno = lock->error;
    (void)set_errno(&e, "lock", lua_tostring(L, 1));
  }
  close_fd(&lock->fd);
  return ek_error_raise(L, &e);
}

static int l_lock(lua_State *L) {
  static const char *const names[] = {"timeout", NULL};
  struct ek_error e;
  const char *path = check_path(L, 1);
  ek_options_check(L, 2, "file.lock", true, names);
  double timeout = ek_options_number(L, 2, "file.lock", "timeout", 0, 10);
  ek_task_check(L, "file.lock");
  struct lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
  *lock = (struct lock){.fd = -1, .wait = {.cancel = cancel_lock}, .loop = ek_task_loop(L)};
  luaL_setmetatable(L, LOCK_TYPE);
  lock->deadline = ek_loop_now(lock->loop) + (uint64_t)(timeout < 1e9 ? timeout * 1e9 : 1e18);
  lock->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
  if (lock->fd < 0) {
    (void)set_errno(&e, "lock", path);
    return ek_error_raise(L, &e);
  }
  try_lock(&lock->timer);
  return ek_task_wait(L, &lock->wait, 0, locked);
}

static int l_log_close(lua_State *L) {
  close_fd(luaL_checkudata(L, 1, LOG_TYPE));
  return 0;
}

int luaopen_eksrun_file(lua_State *L) {
  static const luaL_Reg log[] = {
      {"write", l_log_write}, {"sync", l_log_sync}, {"close", l_log_close}, {NULL, NULL}};
  static const luaL_Reg lock[] = {{"release", l_lock_release}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"read", l_read},
                                       {"try_read", l_try_read},
                                       {"write_atomic", l_write},
                                       {"try_write_atomic", l_try_write},
                                       {"stat", l_stat},
                                       {"exists", l_exists},
                                       {"is_writable", l_is_writable},
                                       {"realpath", l_realpath},
                                       {"list", l_list},
                                       {"mkdir_p", l_mkdir_p},
                                       {"remove", l_remove},
                                       {"append", l_append},
                                       {"lock", l_lock},
                                       {NULL, NULL}};
  ek_metatable_push(L, FD_TYPE, NULL, l_fd_close);
  ek_metatable_push(L, LOG_TYPE, log, l_fd_close);
  ek_metatable_push(L, LOCK_TYPE, lock, l_lock_release);
  ek_metatable_push(L, STREAM_TYPE, NULL, l_stream_close);
  luaL_newlib(L, functions);
  return 1;
}

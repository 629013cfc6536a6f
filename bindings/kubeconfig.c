/* eksrun.native.kubeconfig: the lock file that kubectl respects.
 *
 *   native.lock(path) -> lock, or nil when somebody else has it
 *   lock:release()                       also by __close and collection
 *
 * client-go's protocol: who creates FILE.lock may write FILE, and removes the lock afterwards; a
 * lock that stays behind stops kubectl too. So ours say whose they are, and are locked by flock as
 * long as their process lives: one that a killed process left is taken over. */
#include "bindings/bindings.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TYPE "eksrun.native.kubeconfig.lock"

static const char owner[] = {'e', 'k', 's', 'r', 'u', 'n', '\n'};

struct lock {
  int fd; /* -1: not held */
  struct ek_buf path;
};

static int l_release(lua_State *L) {
  struct lock *lock = luaL_checkudata(L, 1, TYPE);
  if (lock->fd >= 0) {
    (void)unlink(lock->path.data); /* before the flock goes: who opened it sees that it is gone */
    (void)close(lock->fd);
  }
  lock->fd = -1;
  ek_buf_fini(&lock->path);
  return 0;
}

static int create(const char *path) {
  int rc, fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  do rc = flock(fd, LOCK_EX); /* nobody keeps it who does not find our name in it */
  while (rc != 0 && errno == EINTR);
  ssize_t n = rc == 0 ? write(fd, owner, sizeof owner) : 0;
  (void)n; /* without the name it holds as well, and is not taken over */
  return fd;
}

/* The lock of a process of ours that is no more; -1: it is somebody's. */
static int take_over(const char *path) {
  struct stat st;
  char text[sizeof owner];
  int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0 &&
      read(fd, text, sizeof text) == (ssize_t)sizeof text && memcmp(text, owner, sizeof owner) == 0)
    return fd;
  (void)close(fd);
  return -1;
}

static int l_lock(lua_State *L) {
  size_t len;
  const char *path = luaL_checklstring(L, 1, &len);
  luaL_argcheck(L, len > 0 && strlen(path) == len, 1, "not a path");
  struct lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
  lock->fd = -1;
  ek_buf_init(&lock->path);
  luaL_setmetatable(L, TYPE);
  ek_buf_append(&lock->path, path, len + 1);
  if (lock->path.failed) return luaL_error(L, "not enough memory");
  lock->fd = create(path);
  if (lock->fd >= 0) return 1;
  if (errno == EEXIST) {
    lock->fd = take_over(path);
    if (lock->fd < 0) lua_pushnil(L);
    return 1;
  }
  struct ek_error e;
  ek_error_set(&e, EK_ERR_IO, "cannot create %s: %s", path, strerror(errno));
  return ek_error_raise(L, &e);
}

int luaopen_eksrun_native_kubeconfig(lua_State *L) {
  static const luaL_Reg functions[] = {{"lock", l_lock}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"release", l_release}, {NULL, NULL}};
  ek_metatable_push(L, TYPE, methods, l_release);
  luaL_newlib(L, functions);
  return 1;
}

/* eksrun.native.kubeconfig: the lock file that kubectl respects.
 *
 *   native.lock(path) -> lock, or nil when the file exists
 *   lock:release()                       also by __close and collection
 *
 * client-go's protocol: who creates FILE.lock may write FILE, and removes the lock afterwards; a
 * lock that stays behind stops kubectl too. */
#include "bindings/bindings.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define TYPE "eksrun.native.kubeconfig.lock"

struct lock {
  bool held;
  struct ek_buf path;
};

static int l_release(lua_State *L) {
  struct lock *lock = luaL_checkudata(L, 1, TYPE);
  if (lock->held) (void)unlink(lock->path.data);
  lock->held = false;
  ek_buf_fini(&lock->path);
  return 0;
}

static int l_lock(lua_State *L) {
  size_t len;
  const char *path = luaL_checklstring(L, 1, &len);
  luaL_argcheck(L, len > 0 && strlen(path) == len, 1, "not a path");
  struct lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
  lock->held = false;
  ek_buf_init(&lock->path);
  luaL_setmetatable(L, TYPE);
  ek_buf_append(&lock->path, path, len + 1);
  if (lock->path.failed) return luaL_error(L, "not enough memory");
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0) {
    lock->held = true;
    (void)close(fd);
    return 1;
  }
  if (errno == EEXIST) {
    lua_pushnil(L);
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

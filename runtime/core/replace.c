/* Files replaced whole. */
#include "core/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/banned.h"

#define TRIES 100u

static int fail(const struct ek_replace *r, struct ek_error *e) {
  int code = errno == ENOENT || errno == ENOTDIR ? EK_ERR_NOTFOUND : EK_ERR_IO;
  return ek_error_set(e, code, "cannot write %s: %s", r->path, strerror(errno));
}

static int open_folder(const char *path, const char *name) {
  char folder[PATH_MAX];
  size_t n = name == path ? 0 : (size_t)(name - path) - 1;
  memcpy(folder, path, n);
  folder[n] = '\0';
  return open(name == path ? "." : n == 0 ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_temporary(struct ek_replace *r) {
  for (unsigned i = 0; i <= TRIES; i++) {
    int n = snprintf(r->temporary, sizeof r->temporary, ".%s.%ld-%u", r->name, (long)getpid(), i);
    if (n < 0 || (size_t)n >= sizeof r->temporary) {
      errno = ENAMETOOLONG;
      return -1;
    }
    int fd =
        openat(r->folder, r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

/* A device, a pipe or a folder is nothing that a file may take the place of. */
static bool is_replaceable(const struct ek_replace *r) {
  struct stat st;
  if (fstatat(r->folder, r->name, &st, AT_SYMLINK_NOFOLLOW) != 0) return true;
  return S_ISREG(st.st_mode) || S_ISLNK(st.st_mode);
}

int ek_replace_open(struct ek_replace *r, const char *path, struct ek_error *e) {
  *r = (struct ek_replace)EK_REPLACE_INIT;
  size_t n = strlen(path);
  if (n >= sizeof r->path) return ek_error_set(e, EK_ERR_IO, "cannot write: the path is too long");
  memcpy(r->path, path, n + 1);
  const char *slash = strrchr(r->path, '/');
  r->name = slash == NULL ? r->path : slash + 1;
  r->folder = open_folder(r->path, r->name);
  if (r->folder >= 0 && !is_replaceable(r)) {
    ek_replace_close(r);
    return ek_error_set(e, EK_ERR_IO, "cannot write %s: it is no regular file", path);
  }
  if (r->folder >= 0) r->fd = open_temporary(r);
  if (r->fd >= 0) return 0;
  int rc = fail(r, e);
  ek_replace_close(r);
  return rc;
}

int ek_replace_write(struct ek_replace *r, const void *bytes, size_t n, struct ek_error *e) {
  for (const char *at = bytes; n > 0;) {
    ssize_t written = write(r->fd, at, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(r, e);
    at += written;
    n -= (size_t)written;
  }
  return 0;
}

int ek_replace_commit(struct ek_replace *r, mode_t mode, struct ek_error *e) {
  int rc = 0;
  if (mode != 0600 && fchmod(r->fd, mode) != 0) rc = fail(r, e);
  if (rc == 0 && fsync(r->fd) != 0) rc = fail(r, e);
  if (close(r->fd) != 0 && rc == 0) rc = fail(r, e);
  r->fd = -1;
  if (rc == 0 && renameat(r->folder, r->temporary, r->folder, r->name) != 0) rc = fail(r, e);
  if (rc != 0)
    (void)unlinkat(r->folder, r->temporary, 0);
  else
    (void)fsync(r->folder); /* some file systems cannot; the file itself is whole either way */
  ek_replace_close(r);
  return rc;
}

void ek_replace_close(struct ek_replace *r) {
  if (r->fd >= 0) {
    (void)close(r->fd);
    (void)unlinkat(r->folder, r->temporary, 0);
  }
  if (r->folder >= 0) (void)close(r->folder);
  r->folder = r->fd = -1;
}

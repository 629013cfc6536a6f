/* A file that replaces another when it is whole.
 *
 * Written beside its target and renamed once it is on disk: readers see the old file or the new
 * one, never half of one. Everything happens relative to one open folder, so no exchange of a
 * symbolic link on the way leads elsewhere. */
#ifndef EK_CORE_REPLACE_H
#define EK_CORE_REPLACE_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/error.h"

struct ek_replace {
  int folder, fd; /* -1: none */
  const char *name;
  char temporary[NAME_MAX + 1];
  char path[PATH_MAX];
};

#define EK_REPLACE_INIT \
  { .folder = -1, .fd = -1 }

/* On an error there is nothing to close. */
int ek_replace_open(struct ek_replace *r, const char *path, struct ek_error *e);
int ek_replace_write(struct ek_replace *r, const void *bytes, size_t n, struct ek_error *e);
/* Puts it in its place and closes it; on an error, too, the target being as it was. */
int ek_replace_commit(struct ek_replace *r, mode_t mode, struct ek_error *e);
/* Gives up, unless it was committed. Idempotent. */
void ek_replace_close(struct ek_replace *r);

#endif

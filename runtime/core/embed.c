/* Finds files in the binary. */
#include "core/embed.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *name, const void *file) {
  return strcmp(name, ((const struct ek_embedded *)file)->name);
}

const struct ek_embedded *ek_embedded_find(const struct ek_embedded *files, size_t count,
                                           const char *name) {
  return bsearch(name, files, count, sizeof *files, compare);
}

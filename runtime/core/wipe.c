/* Allocators that overwrite what they free. */
#include "core/wipe.h"

#include <malloc.h>

void ek_wipe_free(void *p) {
  if (p == NULL) return;
  explicit_bzero(p, malloc_usable_size(p));
  free(p);
}

void *ek_wipe_realloc(void *old, size_t n) {
  if (old == NULL) return malloc(n);
  if (n == 0) {
    ek_wipe_free(old);
    return NULL;
  }
  size_t had = malloc_usable_size(old);
  if (n <= had && n >= had / 2) return old;
  void *p = malloc(n);
  if (p == NULL) return NULL;
  memcpy(p, old, n < had ? n : had);
  ek_wipe_free(old);
  return p;
}

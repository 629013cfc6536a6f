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

/* Cheaper than explicit_bzero, which may not be inlined; the compiler keeps it all the same. */
static inline void wipe(char *p, size_t n) {
  memset(p, 0, n);
  __asm__ volatile("" : : "r"(p) : "memory");
}

void *ek_wipe_resize(void *old, size_t had, size_t n) {
  if (old == NULL) return n > 0 ? malloc(n) : NULL;
  void *p = NULL;
  if (n > 0 && (n > had || n < had / 2)) p = malloc(n);
  if (n > had && p == NULL) return NULL;
  if (n > 0 && p == NULL) { /* shrinks in place, for it is not worth a move or cannot have one */
    wipe((char *)old + n, had - n);
    return old;
  }
  if (p != NULL) memcpy(p, old, had < n ? had : n);
  wipe(old, had);
  free(old);
  return p;
}

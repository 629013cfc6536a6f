/* The memory of a Lua state. */
#include "core/heap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)64 << 10)
#define GRAIN 16

#if defined(__SANITIZE_ADDRESS__)
#define POOLED 0 /* so that a sanitizer sees each block */
#elif defined(__has_feature)
#define POOLED !__has_feature(address_sanitizer)
#else
#define POOLED 1
#endif

struct ek_heap_cell {
  struct ek_heap_cell *next;
};

static bool is_small(size_t n) {
  return POOLED && n <= (size_t)EK_HEAP_CLASSES * GRAIN;
}

/* Of n > 0 bytes. */
static size_t class_of(size_t n) {
  return (n - 1) / GRAIN;
}

static bool add_chunk(struct ek_heap *h) {
  struct ek_heap_cell *chunk = malloc(CHUNK);
  if (chunk == NULL) return false;
  chunk->next = h->chunks;
  h->chunks = chunk;
  h->next = (char *)chunk + GRAIN;
  h->left = CHUNK - GRAIN;
  return true;
}

static void *take(struct ek_heap *h, size_t n) {
  if (!is_small(n)) return malloc(n);
  size_t class = class_of(n), size = (class + 1) * GRAIN;
  struct ek_heap_cell *cell = h->free[class];
  if (cell != NULL) {
    h->free[class] = cell->next;
    return cell;
  }
  if (h->left < size && !add_chunk(h)) return NULL; /* what is left of the old one is lost */
  void *p = h->next;
  h->next += size;
  h->left -= size;
  return p;
}

/* Cheaper than explicit_bzero, which may not be inlined; the compiler keeps it all the same. */
static inline void wipe(char *p, size_t n) {
  memset(p, 0, n);
  __asm__ volatile("" : : "r"(p) : "memory");
}

static void give(struct ek_heap *h, void *p, size_t n) {
  wipe(p, n);
  if (!is_small(n)) {
    free(p);
    return;
  }
  struct ek_heap_cell *cell = p;
  cell->next = h->free[class_of(n)];
  h->free[class_of(n)] = cell;
}

/* Whether a block may stay where it is: it takes the same room, or a malloc of its own would win
 * little. */
static bool fits(size_t had, size_t n) {
  if (is_small(had)) return class_of(n) == class_of(had);
  return n <= had && n >= had / 2 && !is_small(n);
}

void *ek_heap_resize(struct ek_heap *h, void *old, size_t had, size_t n) {
  if (old == NULL) return n > 0 ? take(h, n) : NULL;
  if (n == 0) {
    give(h, old, had);
    return NULL;
  }
  if (fits(had, n)) {
    if (n < had) wipe((char *)old + n, had - n);
    return old;
  }
  void *p = take(h, n);
  if (p == NULL) {
    /* It may stay if it will go back to where it came from: to malloc, or to a list. */
    if (n > had || is_small(n) != is_small(had)) return NULL;
    wipe((char *)old + n, had - n);
    return old;
  }
  memcpy(p, old, had < n ? had : n);
  give(h, old, had);
  return p;
}

void ek_heap_fini(struct ek_heap *h) {
  for (struct ek_heap_cell *chunk = h->chunks, *next; chunk != NULL; chunk = next) {
    next = chunk->next;
    free(chunk);
  }
  *h = EK_HEAP_INIT;
}

/* A pool of strings, every one once: NUL-terminated, named by its offset; 0 is the empty string. */
#ifndef EK_CORE_MODELC_POOL_H
#define EK_CORE_MODELC_POOL_H

#include <stdint.h>

#include "core/buf.h"

struct ek_pool {
  struct ek_buf *text; /* the caller's */
  uint32_t *slots;     /* open addressing: offsets of strings, 0 is free */
  size_t slot_count, string_count;
};

/* text is empty, and outlives the pool. False: out of memory. */
bool ek_pool_init(struct ek_pool *pool, struct ek_buf *text);
void ek_pool_fini(struct ek_pool *pool);

/* The offset of s; NULL is "". Out of memory shows in text->failed. */
uint32_t ek_pool_add(struct ek_pool *pool, const char *s);

#endif

/* The memory of a Lua state: small blocks from lists by size, since their owner knows what size
 * each has; the others from malloc. What is given back is overwritten: it held credentials. Small
 * blocks go back to their lists, and to the system when the heap ends. */
#ifndef EK_CORE_HEAP_H
#define EK_CORE_HEAP_H

#include <stddef.h>

#define EK_HEAP_CLASSES 32 /* of 16 bytes each */

struct ek_heap {
  struct ek_heap_cell *free[EK_HEAP_CLASSES]; /* blocks to be had, by class */
  struct ek_heap_cell *chunks;                /* what they were cut from */
  char *next;                                 /* the rest of the newest chunk */
  size_t left;                                /* bytes of it */
};

#define EK_HEAP_INIT ((struct ek_heap){.left = 0})

/* As realloc, for who knows the size that a block has (0 with NULL) and gives it up with n = 0.
 * NULL: there is no memory, and the block is as it was. What shrinks can fail only where a large
 * block would become a small one. */
void *ek_heap_resize(struct ek_heap *h, void *old, size_t had, size_t n);
/* Ends the heap; large blocks are their owner's to give back before. */
void ek_heap_fini(struct ek_heap *h);

#endif

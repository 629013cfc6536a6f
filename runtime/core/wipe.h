/* Allocators that overwrite what they free, for libraries that copy secrets. */
#ifndef EK_CORE_WIPE_H
#define EK_CORE_WIPE_H

#include <stddef.h>

void ek_wipe_free(void *p);
/* As realloc; the old bytes are overwritten when they move. */
void *ek_wipe_realloc(void *p, size_t n);

#endif

/* Files in the binary (written by tools/embed.c). */
#ifndef EK_CORE_EMBED_H
#define EK_CORE_EMBED_H

#include <stddef.h>

struct ek_embedded {
  const char *name; /* relative to the folder it came from: "eksrun/cli/main.lua" */
  const char *data; /* a NUL stands behind the last byte */
  size_t size;
};

/* The library, by name, as all such lists are. */
extern const struct ek_embedded ek_stdlib[];
extern const size_t ek_stdlib_count;

/* The file of that name; NULL: there is none. */
const struct ek_embedded *ek_embedded_find(const struct ek_embedded *files, size_t count,
                                           const char *name);

#endif

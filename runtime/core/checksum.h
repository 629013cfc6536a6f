/* Checksums of a body in pieces, by the name that AWS has for the algorithm. */
#ifndef EK_CORE_CHECKSUM_H
#define EK_CORE_CHECKSUM_H

#include <stdbool.h>

#include "core/crc.h"
#include "core/error.h"

#define EK_CHECKSUM_MAX 64 /* bytes of the longest digest */

struct ek_checksum {
  const struct ek_checksum_algorithm *algorithm;
  uint64_t crc;
  void *context; /* owned; of libcrypto or xxHash, NULL for a CRC */
};

/* The algorithms' names in lower case, the cheapest first; NULL ends them. */
extern const char *const ek_checksum_names[];

/* EK_ERR_INVALID: there is no algorithm of that name (in any case). On an error c has none. */
int ek_checksum_init(struct ek_checksum *c, const char *name, struct ek_error *e);
int ek_checksum_update(struct ek_checksum *c, const void *data, size_t n, struct ek_error *e);
/* The digest of all so far and its length; nothing can be added behind it. */
int ek_checksum_final(unsigned char out[EK_CHECKSUM_MAX], size_t *n, struct ek_checksum *c,
                      struct ek_error *e);
/* Idempotent; the algorithm has to be there still. */
void ek_checksum_fini(struct ek_checksum *c);

#endif

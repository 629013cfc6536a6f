/* Cyclic redundancy checks as S3, event streams and gzip have them: bits reflected, all ones before
 * and complemented behind. */
#ifndef EK_CORE_CRC_H
#define EK_CORE_CRC_H

#include <stddef.h>
#include <stdint.h>

enum ek_crc_kind { EK_CRC32, EK_CRC32C, EK_CRC64NVME, EK_CRC_COUNT };

/* The check of what came before (0: nothing) and of n more bytes. */
uint64_t ek_crc(enum ek_crc_kind kind, uint64_t before, const void *data, size_t n);

static inline uint32_t ek_crc32(uint32_t before, const void *data, size_t n) {
  return (uint32_t)ek_crc(EK_CRC32, before, data, n);
}

#endif

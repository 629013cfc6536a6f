/* CRCs, eight bytes at a time: a table for each of the eight places a byte can have in a word. The
 * tables are made at the first use of a kind. A CRC of 32 bits is one of 64 whose upper half stays
 * zero, so that one loop serves all kinds. */
#include "core/crc.h"

#include <stdbool.h>

enum { PLACES = 8 };

static const uint64_t polynomials[EK_CRC_COUNT] = {
    [EK_CRC32] = 0xedb88320u, [EK_CRC32C] = 0x82f63b78u, [EK_CRC64NVME] = 0x9a6c9329ac4bc9b5u};

struct tables {
  uint64_t byte[PLACES][256];
  bool made;
};

static const struct tables *get_tables(enum ek_crc_kind kind) {
  static _Thread_local struct tables all[EK_CRC_COUNT];
  struct tables *t = &all[kind];
  if (t->made) return t;
  for (unsigned i = 0; i < 256; i++) {
    uint64_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomials[kind] : 0);
    t->byte[0][i] = crc;
  }
  for (unsigned i = 0; i < 256; i++)
    for (int place = 1; place < PLACES; place++) {
      uint64_t crc = t->byte[place - 1][i];
      t->byte[place][i] = (crc >> 8) ^ t->byte[0][crc & 0xff];
    }
  t->made = true;
  return t;
}

/* Eight bytes, the first one lowest; one load, where the compiler sees it. */
static uint64_t load(const unsigned char *p) {
  return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
         (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

uint64_t ek_crc(enum ek_crc_kind kind, uint64_t before, const void *data, size_t n) {
  const struct tables *t = get_tables(kind);
  const unsigned char *p = data;
  uint64_t ones = kind == EK_CRC64NVME ? UINT64_MAX : UINT32_MAX;
  uint64_t crc = before ^ ones;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t word = crc ^ load(p);
    crc = t->byte[7][word & 0xff] ^ t->byte[6][word >> 8 & 0xff] ^ t->byte[5][word >> 16 & 0xff] ^
          t->byte[4][word >> 24 & 0xff] ^ t->byte[3][word >> 32 & 0xff] ^
          t->byte[2][word >> 40 & 0xff] ^ t->byte[1][word >> 48 & 0xff] ^ t->byte[0][word >> 56];
  }
  for (; n > 0; n--, p++) crc = (crc >> 8) ^ t->byte[0][(crc ^ *p) & 0xff];
  return crc ^ ones;
}

/* core/eventstream.h: any bytes are read or refused without a fault, and what was read is written
 * the same. The checks are put right first, or nothing would be read. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/crc.h"
#include "core/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(uint8_t *at, uint32_t value) {
  for (size_t i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * (3 - i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ek_event event;
  (void)ek_event_read(&event, data, size, NULL);
  if (size < EK_EVENT_OVERHEAD) return 0;
  uint8_t *bytes = malloc(size);
  memcpy(bytes, data, size);
  put(bytes, (uint32_t)size);
  put(bytes + 8, ek_crc32(0, bytes, 8));
  put(bytes + size - 4, ek_crc32(0, bytes, size - 4));
  if (ek_event_read(&event, bytes, size, NULL) > 0) {
    struct ek_buf copy = EK_BUF_INIT;
    struct ek_event_header header;
    size_t start = ek_event_begin(&copy), at = 0;
    while (ek_event_next_header(&header, &event, &at)) ek_event_write_header(&copy, &header);
    assert(at == event.headers_len);
    ek_event_end(&copy, start, event.payload, event.payload_len);
    assert(copy.len == size && memcmp(copy.data, bytes, size) == 0);
    ek_buf_fini(&copy);
  }
  free(bytes);
  return 0;
}

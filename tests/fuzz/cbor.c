/* core/cbor.h: any bytes are read or refused without a fault, and skipping agrees with reading. */
#include <assert.h>
#include <string.h>

#include "core/cbor.h"
#include "core/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ek_cbor_reader r;
  struct ek_buf copy = EK_BUF_INIT;
  ek_cbor_reader_init(&r, data, size, 64);
  enum ek_cbor_type type;
  while ((type = ek_cbor_next(&r)) > EK_CBOR_END) {
    if (type != EK_CBOR_TEXT) continue;
    assert(ek_utf8_valid(r.string, r.string_len));
    /* What is written reads back. */
    ek_buf_clear(&copy);
    ek_cbor_write_text(&copy, r.string, r.string_len);
    struct ek_cbor_reader back;
    ek_cbor_reader_init(&back, copy.data, copy.len, 1);
    assert(ek_cbor_next(&back) == EK_CBOR_TEXT);
    assert(back.string_len == r.string_len);
    assert(memcmp(back.string, r.string, r.string_len) == 0);
    ek_cbor_reader_fini(&back);
  }
  bool right = type == EK_CBOR_END;
  assert(right == (r.error.code == 0));
  ek_cbor_reader_fini(&r);
  ek_cbor_reader_init(&r, data, size, 64);
  (void)ek_cbor_next(&r);
  bool skipped = ek_cbor_skip(&r) == 0 && ek_cbor_next(&r) == EK_CBOR_END;
  assert(skipped == right);
  ek_cbor_reader_fini(&r);
  ek_buf_fini(&copy);
  return 0;
}

/* core/json.h: any bytes are read or refused without a fault, and skipping agrees with reading. */
#include <assert.h>

#include "core/json.h"
#include "core/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ek_json_reader r;
  struct ek_buf copy = EK_BUF_INIT;
  ek_json_reader_init(&r, (const char *)data, size, 64);
  enum ek_json_type type;
  while ((type = ek_json_next(&r)) > EK_JSON_END) {
    if (type != EK_JSON_STRING && type != EK_JSON_KEY) continue;
    assert(ek_utf8_valid(r.string, r.string_len));
    /* What is written reads back. */
    ek_buf_clear(&copy);
    ek_json_write_string(&copy, r.string, r.string_len);
    struct ek_json_reader back;
    ek_json_reader_init(&back, copy.data, copy.len, 1);
    assert(ek_json_next(&back) == EK_JSON_STRING);
    assert(back.string_len == r.string_len);
    assert(memcmp(back.string, r.string, r.string_len) == 0);
    ek_json_reader_fini(&back);
  }
  bool right = type == EK_JSON_END;
  assert(right == (r.error.code == 0));
  ek_json_reader_fini(&r);
  ek_json_reader_init(&r, (const char *)data, size, 64);
  (void)ek_json_next(&r);
  bool skipped = ek_json_skip(&r) == 0 && ek_json_next(&r) == EK_JSON_END;
  assert(skipped == right);
  ek_json_reader_fini(&r);
  ek_buf_fini(&copy);
  return 0;
}

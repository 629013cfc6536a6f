/* core/ini.h: any bytes are read or refused without a fault; lines only grow. */
#include <assert.h>
#include <stdint.h>

#include "core/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ek_ini_reader r;
  ek_ini_reader_init(&r, (const char *)data, size);
  size_t line = 0;
  for (enum ek_ini_type type; (type = ek_ini_next(&r)) > EK_INI_END;) {
    assert(r.line > line);
    line = r.line;
    if (type != EK_INI_SECTION) {
      assert(r.key_len > 0);
      if (r.value_len > 0) assert(r.value[0] != ' ' && r.value[r.value_len - 1] != ' ');
    }
  }
  assert((ek_ini_next(&r) == EK_INI_END) == (r.error.code == 0));
  ek_ini_reader_fini(&r);
  return 0;
}

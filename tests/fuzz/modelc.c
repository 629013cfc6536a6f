/* core/modelc: any text is refused, or gives an image that opens (the compiler checks that itself).
 */
#include <stdint.h>

#include "core/modelc/compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ek_buf image = EK_BUF_INIT;
  struct ek_error e = {0};
  if (ek_model_compile(&image, (const char *)data, size, "service", &e) != 0 &&
      e.message[0] == '\0')
    abort();
  ek_buf_fini(&image);
  return 0;
}

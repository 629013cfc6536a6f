/* core/time.h and core/number.h: what is read can be written and reads back the same. */
#include <assert.h>
#include <math.h>
#include <stdint.h>

#include "core/number.h"
#include "core/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  struct ek_error e;
  double t, back;
  if (ek_time_parse(&t, text, size, &e) == 0) {
    char out[EK_TIME_MAX];
    size_t n = ek_time_format(out, EK_TIME_ISO8601, t);
    assert(n > 0 && ek_time_parse_iso8601(&back, out, n, &e) == 0 && back == floor(t));
    n = ek_time_format(out, EK_TIME_HTTP, t);
    assert(n > 0 && ek_time_parse_http_date(&back, out, n, &e) == 0 && back == floor(t));
  }
  if (ek_number_parse(&t, text, size) && isfinite(t)) {
    char out[EK_NUMBER_MAX];
    size_t n = ek_number_format(out, t);
    assert(ek_number_parse(&back, out, n) && back == t);
  }
  return 0;
}

/* What reading JSON costs at least: its tokens, one after the other. Milliseconds of a file, the
 * best of 20.
 *
 * usage: bench_json FILE */
#include "core/json.h"

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  struct ek_buf b = EK_BUF_INIT;
  FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
  if (f == NULL) return 2;
  for (size_t n = 1; n > 0 && ek_buf_reserve(&b, 65536); b.len += n)
    n = fread(b.data + b.len, 1, 65536, f);
  (void)fclose(f);
  double best = 1e9;
  unsigned tokens = 0;
  for (int round = 0; round < 20; round++) {
    struct ek_json_reader r;
    double start = now();
    ek_json_reader_init(&r, b.data, b.len, 64);
    for (tokens = 0; ek_json_next(&r) > EK_JSON_END;) tokens++;
    if (r.error.code != 0) return 1;
    ek_json_reader_fini(&r);
    double spent = now() - start;
    if (spent < best) best = spent;
  }
  (void)printf("%.1f MB, %u tokens: %.2f ms\n", (double)b.len / 1e6, tokens, best * 1e3);
  ek_buf_fini(&b);
  return 0;
}

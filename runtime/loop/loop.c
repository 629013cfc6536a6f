/* The process's event loop. */
#include "loop/loop.h"

int ek_loop_init(struct ek_loop *loop, struct ek_error *e) {
  int rc = uv_loop_init(&loop->uv);
  if (rc != 0) return ek_error_set(e, EK_ERR_INTERNAL, "event loop: %s", uv_strerror(rc));
  return 0;
}

void ek_loop_fini(struct ek_loop *loop) {
  (void)uv_loop_close(&loop->uv);
}

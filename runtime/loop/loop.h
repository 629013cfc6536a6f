/* The process's event loop. */
#ifndef EK_LOOP_LOOP_H
#define EK_LOOP_LOOP_H

#include <uv.h>

#include "core/error.h"

struct ek_loop {
  uv_loop_t uv;
};

int ek_loop_init(struct ek_loop *loop, struct ek_error *e);
void ek_loop_fini(struct ek_loop *loop);

#endif

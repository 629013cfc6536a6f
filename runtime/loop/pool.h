/* The pool of connections: private to the loop folder. */
#ifndef EK_LOOP_POOL_H
#define EK_LOOP_POOL_H

#include "loop/transfer.h"

struct ek_pool {
  struct ek_loop *loop;
  CURLM *multi;
  struct ek_timer timer;
};

/* The loop's pool, made at the first call: starting libcurl takes milliseconds. */
int ek_pool_get(struct ek_pool **out, struct ek_loop *loop, struct ek_error *e);

/* A transfer is over, for curl: takes it out of the pool and calls its `done`. */
void ek_transfer_finish(struct ek_transfer *t, CURLcode rc);

#endif

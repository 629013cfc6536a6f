/* The pool of connections: private to the loop folder. */
#ifndef EK_LOOP_POOL_H
#define EK_LOOP_POOL_H

#include "loop/transfer.h"

struct ek_pool {
  struct ek_loop *loop;
  CURLM *multi;
  struct ek_timer timer;
  /* Of the last URL that was looked at, "https://host:1", and what messages call it: most requests
   * go where the one before went. */
  char origin[256], peer[256];
};

/* The loop's pool, made at the first call: starting libcurl takes milliseconds. */
int ek_pool_get(struct ek_pool **out, struct ek_loop *loop, struct ek_error *e);

/* The longest header of an answer, in bytes. */
#define EK_HEADER_MAX (256 * 1024)

/* stream.c: calls `done` if what is awaited has come; starts the time that `timeout` limits;
 * libcurl's callbacks. */
void ek_transfer_tell(struct ek_transfer *t);
int ek_transfer_start_deadline(struct ek_transfer *t, struct ek_error *e);
size_t ek_transfer_on_stream(char *bytes, size_t one, size_t n, void *user);
size_t ek_transfer_on_read(char *out, size_t one, size_t n, void *user);

/* Fills t->error and t->retryable, unless a callback said already what went wrong. */
void ek_transfer_explain(struct ek_transfer *t, CURLcode rc);

/* A transfer is over, for curl: takes it out of the pool and calls its `done`
 * if somebody awaits that. */
void ek_transfer_finish(struct ek_transfer *t, CURLcode rc);

#endif

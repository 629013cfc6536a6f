/* A request of eksrun.http under way (http.c) and the body of its answer (http_body.c); and what
 * eksrun.native.server shares with them. */
#ifndef EK_BINDINGS_HTTP_H
#define EK_BINDINGS_HTTP_H

#include "bindings/bindings.h"

#include "core/checksum.h"
#include "loop/transfer.h"
#include "task.h"

/* A userdata: first the request, then, if the answer is a stream, its body. */
struct ek_http_op {
  struct ek_wait wait;
  struct ek_transfer *transfer; /* NULL: freed */
  bool busy;                    /* a task waits for it */
  size_t wanted;                /* what it waits for: see ek_http_wait */
  lua_KFunction then;
  lua_KContext ctx;
  struct ek_checksum sum;                /* of the body, if algorithm is set */
  unsigned char digest[EK_CHECKSUM_MAX]; /* what it has to be */
  size_t digest_len;
};

#define EK_HTTP_OP_TYPE   "eksrun.http.request"
#define EK_HTTP_BODY_TYPE "eksrun.http.body"

/* Waits until the answer is there or, of a stream, its header and n bytes, or all is over; then
 * `then(L, ..., ctx)`. Meanwhile the function of the request's body, the user value of the
 * operation, which is at index, is called for every piece that is wanted. */
int ek_http_wait(lua_State *L, struct ek_http_op *op, size_t n, int index, lua_KContext ctx,
                 lua_KFunction then);
/* Whether a task waits for it, or is told to go on but has not yet: the wait is still its. */
static inline bool ek_http_is_busy(const struct ek_http_op *op) {
  return op->busy || op->wait.task != NULL;
}
/* Stops and frees the transfer. Idempotent. */
void ek_http_close(struct ek_http_op *op);
void ek_http_push_error(lua_State *L, const struct ek_transfer *t);

void ek_http_open_body(lua_State *L);

/* Pushes a table of the lines "Name: value": values by lower-case name. */
void ek_http_push_headers(lua_State *L, const struct ek_buf *lines);

#endif

/* HTTP transfers on the loop. */
#include "loop/transfer.h"

void ek_pool_free(struct ek_pool *pool) {
  (void)pool;
}

/* HTTP transfers on the loop. */
#ifndef EK_LOOP_TRANSFER_H
#define EK_LOOP_TRANSFER_H

struct ek_pool;

void ek_pool_free(struct ek_pool *pool);

#endif

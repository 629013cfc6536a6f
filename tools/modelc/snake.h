/* Operation names in snake_case. */
#ifndef EK_MODELC_SNAKE_H
#define EK_MODELC_SNAKE_H

#include "core/buf.h"

/* Appends name as botocore spells the method: DescribeCluster -> describe_cluster. */
void snake_case(struct ek_buf *out, const char *name);

#endif

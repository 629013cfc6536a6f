/* Operation names in ek_snake_case. */
#ifndef EK_CORE_MODELC_SNAKE_H
#define EK_CORE_MODELC_SNAKE_H

#include "core/buf.h"

/* Appends name as botocore spells the method: DescribeCluster -> describe_cluster. */
void ek_snake_case(struct ek_buf *out, const char *name);

#endif

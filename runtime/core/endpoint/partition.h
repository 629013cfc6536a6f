/* AWS's partitions: which one a region belongs to, and what holds in it. Images of partitions.json,
 * made by core/modelc; read-only, checked when opened, nothing parsed at run time. */
#ifndef EK_CORE_ENDPOINT_PARTITION_H
#define EK_CORE_ENDPOINT_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/embed.h"

#define EK_PARTITIONS_MAGIC   "ekparts\n"
#define EK_PARTITIONS_VERSION 1u

/* Members but the last two hold offsets into the pool of strings. */
struct ek_partition {
  uint32_t name;    /* "aws-cn" */
  uint32_t pattern; /* of its regions' names; "" for what a single region has of its own */
  uint32_t dns_suffix;
  uint32_t dual_stack_dns_suffix;
  uint32_t implicit_global_region;
  uint8_t supports_fips;
  uint8_t supports_dual_stack;
  uint16_t zero;
};

struct ek_partition_region {
  uint32_t name; /* string; the table is sorted by it */
  uint32_t partition;
};

enum ek_partitions_table {
  EK_PARTITIONS_POOL,    /* char */
  EK_PARTITIONS_LIST,    /* struct ek_partition, as written; the first is the default */
  EK_PARTITIONS_REGIONS, /* struct ek_partition_region */
  EK_PARTITIONS_TABLE_COUNT
};

struct ek_partitions_header {
  char magic[8];
  uint32_t version;
  uint32_t size; /* of the image, in bytes */
  struct {
    uint32_t offset, count; /* bytes from the start; records */
  } table[EK_PARTITIONS_TABLE_COUNT];
};

/* A view of an image: pointers into it, no ownership. */
struct ek_partitions {
  const struct ek_partitions_header *head;
  const char *pool;
  const struct ek_partition *list;
  const struct ek_partition_region *regions;
};

/* The image in the binary; its only element. */
extern const struct ek_embedded ek_partitions_image[];

/* Views the size bytes at image, which must be 8-byte aligned and outlive p, after checking all of
 * them. EK_ERR_INVALID says what is wrong. */
int ek_partitions_open(struct ek_partitions *p, const void *image, size_t size, struct ek_error *e);

/* The partition of a region: of one that is listed, of one whose name has the pattern, else the
 * first. */
const struct ek_partition *ek_partitions_find(const struct ek_partitions *p, const char *region,
                                              size_t len);

static inline const char *ek_partitions_string(const struct ek_partitions *p, uint32_t offset) {
  return p->pool + offset;
}

/* Patterns: the part of regular expressions that partitions.json uses. "^...$" of letters and
 * digits, escaped punctuation, \w+ and \d+, and groups of alternatives (us|eu). It is matched
 * without going back, so a pattern that would need that is refused: what follows \w+ or \d+ must
 * not begin with what these take, and no alternative begins with another. NULL: valid, otherwise
 * what is wrong. */
const char *ek_partitions_check_pattern(const char *pattern);

#endif

/* An image in the making: growing tables and interned strings. */
#ifndef EK_MODELC_IMAGE_H
#define EK_MODELC_IMAGE_H

#include "core/buf.h"
#include "core/model.h"

struct image {
  struct ek_model_header head;
  struct ek_buf table[EK_TABLE_COUNT];
  uint32_t *slots; /* open addressing: offsets of strings, 0 is free */
  size_t slot_count, string_count;
};

/* False: out of memory. */
bool image_init(struct image *image);
void image_fini(struct image *image);

/* The offset of s in the pool of strings; NULL is "". */
uint32_t image_string(struct image *image, const char *s);
/* Appends a record (whose size is the table's) and returns its index. */
uint32_t image_add(struct image *image, enum ek_model_table table, const void *record);
uint32_t image_count(const struct image *image, enum ek_model_table table);
/* The index of these bounds, which may be there already. */
uint32_t image_bounds(struct image *image, double min, double max);

/* The finished image. False: out of memory somewhere on the way. */
bool image_finish(struct image *image, struct ek_buf *out);

#endif

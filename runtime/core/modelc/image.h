/* An image in the making: growing tables and interned strings. */
#ifndef EK_CORE_MODELC_IMAGE_H
#define EK_CORE_MODELC_IMAGE_H

#include "core/buf.h"
#include "core/model.h"
#include "core/modelc/pool.h"

struct ek_image {
  struct ek_model_header head;
  struct ek_buf table[EK_TABLE_COUNT];
  struct ek_pool pool; /* of the table of strings */
};

/* False: out of memory. */
bool ek_image_init(struct ek_image *image);
void ek_image_fini(struct ek_image *image);

/* The offset of s in the pool of strings; NULL is "". */
uint32_t ek_image_string(struct ek_image *image, const char *s);
/* Appends a record (whose size is the table's) and returns its index. */
uint32_t ek_image_add(struct ek_image *image, enum ek_model_table table, const void *record);
uint32_t ek_image_count(const struct ek_image *image, enum ek_model_table table);
/* The index of these bounds, which may be there already. */
uint32_t ek_image_bounds(struct ek_image *image, double min, double max);

/* The finished image. False: out of memory somewhere on the way. */
bool ek_image_finish(struct ek_image *image, struct ek_buf *out);

#endif

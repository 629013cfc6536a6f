/* Builds the tables of an image. */
#include "core/modelc/image.h"

#include <math.h>

static const size_t record_size[EK_TABLE_COUNT] = {
    [EK_TABLE_STRINGS] = 1,
    [EK_TABLE_SHAPES] = sizeof(struct ek_model_shape),
    [EK_TABLE_REFS] = sizeof(struct ek_model_ref),
    [EK_TABLE_VALUES] = sizeof(uint32_t),
    [EK_TABLE_BOUNDS] = sizeof(struct ek_model_bounds),
    [EK_TABLE_OPERATIONS] = sizeof(struct ek_model_operation),
    [EK_TABLE_SNAKES] = sizeof(uint32_t),
    [EK_TABLE_WAITERS] = sizeof(struct ek_model_entry),
    [EK_TABLE_PAGINATORS] = sizeof(struct ek_model_entry),
    [EK_TABLE_NAMESPACES] = sizeof(struct ek_model_namespace),
};

bool ek_image_init(struct ek_image *image) {
  memset(image, 0, sizeof *image);
  bool made = ek_pool_init(&image->pool, &image->table[EK_TABLE_STRINGS]);
  (void)ek_image_bounds(image, -INFINITY, INFINITY);
  return made;
}

void ek_image_fini(struct ek_image *image) {
  for (int t = 0; t < EK_TABLE_COUNT; t++) ek_buf_fini(&image->table[t]);
  ek_pool_fini(&image->pool);
}

uint32_t ek_image_string(struct ek_image *image, const char *s) {
  return ek_pool_add(&image->pool, s);
}

uint32_t ek_image_count(const struct ek_image *image, enum ek_model_table table) {
  return (uint32_t)(image->table[table].len / record_size[table]);
}

uint32_t ek_image_add(struct ek_image *image, enum ek_model_table table, const void *record) {
  uint32_t index = ek_image_count(image, table);
  ek_buf_append(&image->table[table], record, record_size[table]);
  return index;
}

uint32_t ek_image_bounds(struct ek_image *image, double min, double max) {
  const struct ek_model_bounds bounds = {min, max};
  struct ek_model_bounds known;
  const char *data = image->table[EK_TABLE_BOUNDS].data;
  uint32_t count = ek_image_count(image, EK_TABLE_BOUNDS);
  for (uint32_t i = 0; i < count; i++) {
    memcpy(&known, data + i * sizeof known, sizeof known);
    if (known.min == min && known.max == max) return i;
  }
  return ek_image_add(image, EK_TABLE_BOUNDS, &bounds);
}

bool ek_image_finish(struct ek_image *image, struct ek_buf *out) {
  struct ek_model_header *head = &image->head;
  static const char zeros[8];
  memcpy(head->magic, EK_MODEL_MAGIC, sizeof head->magic);
  head->version = EK_MODEL_VERSION;
  size_t at = (sizeof *head + 7) / 8 * 8;
  for (int t = 0; t < EK_TABLE_COUNT; t++) {
    if (image->table[t].failed) return false;
    head->table[t].offset = (uint32_t)at;
    head->table[t].count = ek_image_count(image, (enum ek_model_table)t);
    at += (image->table[t].len + 7) / 8 * 8;
  }
  head->size = (uint32_t)at;
  ek_buf_append(out, head, sizeof *head);
  ek_buf_append(out, zeros, (8 - out->len % 8) % 8);
  for (int t = 0; t < EK_TABLE_COUNT; t++) {
    ek_buf_append(out, image->table[t].data, image->table[t].len);
    ek_buf_append(out, zeros, (8 - out->len % 8) % 8);
  }
  return !out->failed;
}

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
  image->slot_count = 1 << 12;
  image->slots = calloc(image->slot_count, sizeof *image->slots);
  ek_buf_putc(&image->table[EK_TABLE_STRINGS], '\0');
  (void)ek_image_bounds(image, -INFINITY, INFINITY);
  return image->slots != NULL;
}

void ek_image_fini(struct ek_image *image) {
  for (int t = 0; t < EK_TABLE_COUNT; t++) ek_buf_fini(&image->table[t]);
  free(image->slots);
}

/* The slot that holds s, or the free one where it belongs. */
static uint32_t *find_slot(const struct ek_image *image, const char *s) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (const char *c = s; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  for (size_t i = hash % image->slot_count;; i = (i + 1) % image->slot_count) {
    uint32_t offset = image->slots[i];
    if (offset == 0 || strcmp(image->table[EK_TABLE_STRINGS].data + offset, s) == 0)
      return &image->slots[i];
  }
}

static bool grow_slots(struct ek_image *image) {
  uint32_t *old = image->slots;
  size_t old_count = image->slot_count;
  uint32_t *slots = calloc(old_count * 2, sizeof *slots);
  if (slots == NULL) return false;
  image->slots = slots;
  image->slot_count = old_count * 2;
  for (size_t i = 0; i < old_count; i++)
    if (old[i] != 0) *find_slot(image, image->table[EK_TABLE_STRINGS].data + old[i]) = old[i];
  free(old);
  return true;
}

uint32_t ek_image_string(struct ek_image *image, const char *s) {
  struct ek_buf *pool = &image->table[EK_TABLE_STRINGS];
  if (s == NULL || *s == '\0' || pool->failed) return 0;
  if (image->string_count * 2 > image->slot_count && !grow_slots(image)) {
    pool->failed = true;
    return 0;
  }
  uint32_t *slot = find_slot(image, s);
  if (*slot == 0) {
    *slot = (uint32_t)pool->len;
    ek_buf_append(pool, s, strlen(s) + 1);
    image->string_count++;
  }
  return *slot;
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

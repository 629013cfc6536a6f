/* Interning of strings. */
#include "core/modelc/pool.h"

bool ek_pool_init(struct ek_pool *pool, struct ek_buf *text) {
  pool->text = text;
  pool->string_count = 0;
  pool->slot_count = 1 << 12;
  pool->slots = calloc(pool->slot_count, sizeof *pool->slots);
  ek_buf_putc(text, '\0');
  return pool->slots != NULL;
}

void ek_pool_fini(struct ek_pool *pool) {
  free(pool->slots);
  pool->slots = NULL;
}

/* The slot that holds s, or the free one where it belongs. */
static uint32_t *find_slot(const struct ek_pool *pool, const char *s) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (const char *c = s; *c != '\0'; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  for (size_t i = hash % pool->slot_count;; i = (i + 1) % pool->slot_count) {
    uint32_t offset = pool->slots[i];
    if (offset == 0 || strcmp(pool->text->data + offset, s) == 0) return &pool->slots[i];
  }
}

static bool grow(struct ek_pool *pool) {
  uint32_t *old = pool->slots;
  size_t old_count = pool->slot_count;
  uint32_t *slots = calloc(old_count * 2, sizeof *slots);
  if (slots == NULL) return false;
  pool->slots = slots;
  pool->slot_count = old_count * 2;
  for (size_t i = 0; i < old_count; i++)
    if (old[i] != 0) *find_slot(pool, pool->text->data + old[i]) = old[i];
  free(old);
  return true;
}

uint32_t ek_pool_add(struct ek_pool *pool, const char *s) {
  if (s == NULL || *s == '\0' || pool->text->failed) return 0;
  if (pool->string_count * 2 > pool->slot_count && !grow(pool)) {
    pool->text->failed = true;
    return 0;
  }
  uint32_t *slot = find_slot(pool, s);
  if (*slot == 0) {
    *slot = (uint32_t)pool->text->len;
    ek_buf_append(pool->text, s, strlen(s) + 1);
    pool->string_count++;
  }
  return *slot;
}

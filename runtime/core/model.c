/* Images of service models: the check at opening and the look-ups. */
#include "core/model.h"

#include <stdlib.h>
#include <string.h>

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

static bool strings_valid(const struct ek_model *m, const uint32_t *offsets, size_t n) {
  uint32_t size = ek_model_count(m, EK_TABLE_STRINGS);
  for (size_t i = 0; i < n; i++)
    if (offsets[i] >= size) return false;
  return true;
}

/* count records from first lie within a table of total records. */
static bool range_valid(uint32_t first, uint32_t count, uint32_t total) {
  return count <= total && first <= total - count;
}

static bool shape_valid(const struct ek_model *m, const struct ek_model_shape *s) {
  const uint32_t text[] = {s->name, s->code};
  if (!strings_valid(m, text, 2) || s->type >= EK_TYPE_COUNT) return false;
  if (s->type == EK_TYPE_LIST && s->ref_count != 1) return false;
  if (s->type == EK_TYPE_MAP && s->ref_count != 2) return false;
  if (s->type > EK_TYPE_MAP && s->ref_count != 0) return false;
  if (s->payload > s->ref_count || s->bounds >= ek_model_count(m, EK_TABLE_BOUNDS)) return false;
  if (!range_valid(s->refs, s->ref_count, ek_model_count(m, EK_TABLE_REFS)) ||
      !range_valid(s->values, s->value_count, ek_model_count(m, EK_TABLE_VALUES)))
    return false;
  return strings_valid(m, m->values + s->values, s->value_count);
}

static bool ref_valid(const struct ek_model *m, const struct ek_model_ref *r) {
  const uint32_t text[] = {r->name, r->wire, r->xml, r->query};
  return strings_valid(m, text, 4) && r->shape < ek_model_count(m, EK_TABLE_SHAPES) &&
         r->location < EK_LOCATION_COUNT && r->timestamp < EK_TIMESTAMP_COUNT;
}

static bool operation_valid(const struct ek_model *m, const struct ek_model_operation *op) {
  const uint32_t text[] = {op->name,  op->snake,       op->method,  op->path,
                           op->query, op->host_prefix, op->wrapper, op->traits};
  uint32_t refs = ek_model_count(m, EK_TABLE_REFS), shapes = ek_model_count(m, EK_TABLE_SHAPES);
  if (!strings_valid(m, text, 8) || op->input > refs || op->output > refs ||
      !range_valid(op->errors, op->error_count, ek_model_count(m, EK_TABLE_VALUES)))
    return false;
  for (uint32_t i = 0; i < op->error_count; i++)
    if (m->values[op->errors + i] >= shapes) return false;
  const struct ek_model_ref *ends[] = {ek_model_input(m, op), ek_model_output(m, op)};
  for (int i = 0; i < 2; i++)
    if (ends[i] != NULL && ek_model_shape_of(m, ends[i])->type != EK_TYPE_STRUCTURE) return false;
  return true;
}

static bool records_valid(const struct ek_model *m) {
  const struct ek_model_header *h = m->head;
  const uint32_t text[] = {h->service,       h->metadata,       h->api_version,  h->json_version,
                           h->target_prefix, h->context_params, h->xml_namespace};
  if (!strings_valid(m, text, 7) || h->protocol >= EK_PROTOCOL_COUNT) return false;
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_SHAPES); i++)
    if (!shape_valid(m, &m->shapes[i])) return false;
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_REFS); i++)
    if (!ref_valid(m, &m->refs[i])) return false;
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_OPERATIONS); i++)
    if (!operation_valid(m, &m->operations[i])) return false;
  if (ek_model_count(m, EK_TABLE_SNAKES) != ek_model_count(m, EK_TABLE_OPERATIONS)) return false;
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_SNAKES); i++)
    if (m->snakes[i] >= ek_model_count(m, EK_TABLE_OPERATIONS)) return false;
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_WAITERS); i++)
    if (!strings_valid(m, &m->waiters[i].name, 2)) return false;
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_PAGINATORS); i++)
    if (!strings_valid(m, &m->paginators[i].name, 2)) return false;
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_NAMESPACES); i++) {
    const uint32_t names[] = {m->namespaces[i].uri, m->namespaces[i].prefix};
    if (!strings_valid(m, names, 2)) return false;
  }
  return true;
}

void ek_model_view(struct ek_model *m, const void *image) {
  const struct ek_model_header *h = image;
  const char *base = image;
  *m = (struct ek_model){
      .head = h,
      .strings = base + h->table[EK_TABLE_STRINGS].offset,
      .shapes = (const void *)(base + h->table[EK_TABLE_SHAPES].offset),
      .refs = (const void *)(base + h->table[EK_TABLE_REFS].offset),
      .values = (const void *)(base + h->table[EK_TABLE_VALUES].offset),
      .bounds = (const void *)(base + h->table[EK_TABLE_BOUNDS].offset),
      .operations = (const void *)(base + h->table[EK_TABLE_OPERATIONS].offset),
      .snakes = (const void *)(base + h->table[EK_TABLE_SNAKES].offset),
      .waiters = (const void *)(base + h->table[EK_TABLE_WAITERS].offset),
      .paginators = (const void *)(base + h->table[EK_TABLE_PAGINATORS].offset),
      .namespaces = (const void *)(base + h->table[EK_TABLE_NAMESPACES].offset),
  };
}

int ek_model_open(struct ek_model *m, const void *image, size_t size, struct ek_error *e) {
  memset(m, 0, sizeof *m);
  const struct ek_model_header *h = image;
  if (size < sizeof *h || (uintptr_t)image % 8 != 0 ||
      memcmp(h->magic, EK_MODEL_MAGIC, sizeof h->magic) != 0)
    return ek_error_set(e, EK_ERR_INVALID, "not a model image");
  if (h->version != EK_MODEL_VERSION)
    return ek_error_set(e, EK_ERR_INVALID, "model image has version %u, not %u", h->version,
                        EK_MODEL_VERSION);
  if (h->size != size)
    return ek_error_set(e, EK_ERR_INVALID, "model image has %zu bytes, not %u", size, h->size);
  for (int t = 0; t < EK_TABLE_COUNT; t++) {
    uint32_t offset = h->table[t].offset;
    if (offset % 8 != 0 || offset > size || h->table[t].count > (size - offset) / record_size[t])
      return ek_error_set(e, EK_ERR_INVALID, "model image: table %d is out of bounds", t);
  }
  ek_model_view(m, image);
  /* With a NUL last, every offset within the pool is a terminated string. */
  uint32_t pool = h->table[EK_TABLE_STRINGS].count;
  if (pool == 0 || m->strings[0] != '\0' || m->strings[pool - 1] != '\0' || !records_valid(m)) {
    memset(m, 0, sizeof *m);
    return ek_error_set(e, EK_ERR_INVALID, "model image: a record is out of bounds");
  }
  return 0;
}

const struct ek_model_operation *ek_model_find_operation(const struct ek_model *m,
                                                         const char *name) {
  bool snake = !(name[0] >= 'A' && name[0] <= 'Z');
  uint32_t low = 0, high = ek_model_count(m, EK_TABLE_OPERATIONS);
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    const struct ek_model_operation *op = &m->operations[snake ? m->snakes[middle] : middle];
    int order = strcmp(name, ek_model_string(m, snake ? op->snake : op->name));
    if (order == 0) return op;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const struct ek_model_ref *ek_model_input(const struct ek_model *m,
                                          const struct ek_model_operation *op) {
  return op->input == 0 ? NULL : &m->refs[op->input - 1];
}

const struct ek_model_ref *ek_model_output(const struct ek_model *m,
                                           const struct ek_model_operation *op) {
  return op->output == 0 ? NULL : &m->refs[op->output - 1];
}

const char *ek_model_find_entry(const struct ek_model *m, enum ek_model_table table,
                                const char *name) {
  const struct ek_model_entry *entries = table == EK_TABLE_WAITERS ? m->waiters : m->paginators;
  for (uint32_t i = 0; i < ek_model_count(m, table); i++)
    if (strcmp(ek_model_string(m, entries[i].name), name) == 0)
      return ek_model_string(m, entries[i].json);
  return NULL;
}

const struct ek_model_ref *ek_model_find_member(const struct ek_model *m,
                                                const struct ek_model_shape *shape,
                                                const char *name, size_t len) {
  if (shape->type != EK_TYPE_STRUCTURE || memchr(name, '\0', len) != NULL) return NULL;
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = &m->refs[shape->refs + i];
    const char *have = ek_model_string(m, ref->name);
    if (strncmp(have, name, len) == 0 && have[len] == '\0') return ref;
  }
  return NULL;
}

const struct ek_model_namespace *ek_model_find_namespace(const struct ek_model *m,
                                                         const struct ek_model_ref *ref) {
  if (!(ref->flags & EK_REF_NAMESPACE)) return NULL;
  uint32_t index = (uint32_t)(ref - m->refs);
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_NAMESPACES); i++)
    if (m->namespaces[i].ref == index) return &m->namespaces[i];
  return NULL;
}

/* A model may call something else than a structure an error. */
static bool error_is(const struct ek_model *m, const struct ek_model_shape *shape,
                     const char *code) {
  if (shape->type != EK_TYPE_STRUCTURE) return false;
  return strcmp(ek_model_string(m, shape->code), code) == 0 ||
         strcmp(ek_model_string(m, shape->name), code) == 0;
}

const struct ek_model_shape *ek_model_find_error(const struct ek_model *m,
                                                 const struct ek_model_operation *op,
                                                 const char *code) {
  for (uint32_t i = 0; i < op->error_count; i++) {
    const struct ek_model_shape *shape = &m->shapes[m->values[op->errors + i]];
    if (error_is(m, shape, code)) return shape;
  }
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_SHAPES); i++) {
    const struct ek_model_shape *shape = &m->shapes[i];
    if ((shape->flags & EK_SHAPE_EXCEPTION) && error_is(m, shape, code)) return shape;
  }
  return NULL;
}

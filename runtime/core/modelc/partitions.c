/* Compiles partitions.json. */
#include "core/endpoint/partition.h"
#include "core/modelc/compile.h"
#include "core/modelc/dom.h"
#include "core/modelc/pool.h"

struct region {
  const char *name;
  uint32_t partition, order;
};

struct compiler {
  struct ek_pool strings;
  struct ek_buf table[EK_PARTITIONS_TABLE_COUNT];
  struct region *regions;
  uint32_t region_count;
  struct ek_error *error;
};

static uint32_t count(const struct compiler *c) {
  return (uint32_t)(c->table[EK_PARTITIONS_LIST].len / sizeof(struct ek_partition));
}

/* Fills what outputs says; the rest stays. */
static void take_outputs(struct compiler *c, struct ek_partition *p, const struct ek_dom *outputs) {
  const struct {
    const char *key;
    uint32_t *into;
  } texts[] = {{"dnsSuffix", &p->dns_suffix},
               {"dualStackDnsSuffix", &p->dual_stack_dns_suffix},
               {"implicitGlobalRegion", &p->implicit_global_region}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const char *text = ek_dom_text(outputs, texts[i].key);
    if (text != NULL) *texts[i].into = ek_pool_add(&c->strings, text);
  }
  if (ek_dom_get(outputs, "supportsFIPS") != NULL)
    p->supports_fips = ek_dom_true(outputs, "supportsFIPS");
  if (ek_dom_get(outputs, "supportsDualStack") != NULL)
    p->supports_dual_stack = ek_dom_true(outputs, "supportsDualStack");
}

static int check(const struct compiler *c, const char *id, const char *pattern,
                 const struct ek_dom *outputs) {
  if (id == NULL) return ek_error_set(c->error, EK_ERR_INVALID, "a partition has no id");
  if (ek_dom_text(outputs, "dnsSuffix") == NULL)
    return ek_error_set(c->error, EK_ERR_INVALID, "partition %s: outputs.dnsSuffix is missing", id);
  if (pattern == NULL)
    return ek_error_set(c->error, EK_ERR_INVALID, "partition %s: regionRegex is missing", id);
  const char *problem = ek_partitions_check_pattern(pattern);
  if (problem != NULL)
    return ek_error_set(c->error, EK_ERR_INVALID, "partition %s: regionRegex '%s': %s", id, pattern,
                        problem);
  return 0;
}

static bool differs(const struct ek_partition *a, const struct ek_partition *b) {
  return a->dns_suffix != b->dns_suffix || a->dual_stack_dns_suffix != b->dual_stack_dns_suffix ||
         a->implicit_global_region != b->implicit_global_region ||
         a->supports_fips != b->supports_fips || a->supports_dual_stack != b->supports_dual_stack;
}

static int add_partition(struct compiler *c, const struct ek_dom *node) {
  const char *id = ek_dom_text(node, "id"), *pattern = ek_dom_text(node, "regionRegex");
  const struct ek_dom *outputs = ek_dom_get(node, "outputs");
  int code = check(c, id, pattern, outputs);
  if (code != 0) return code;
  uint32_t index = count(c);
  struct ek_partition p = {.name = ek_pool_add(&c->strings, id),
                           .pattern = ek_pool_add(&c->strings, pattern)};
  take_outputs(c, &p, outputs);
  ek_buf_append(&c->table[EK_PARTITIONS_LIST], &p, sizeof p);

  /* An object as botocore has it, or a list of names as models/ has. */
  const struct ek_dom *regions = ek_dom_get(node, "regions");
  if (ek_dom_members(regions) == NULL && ek_dom_elements(regions) == NULL) return 0;
  struct region *grown =
      realloc(c->regions, (c->region_count + regions->count) * sizeof *c->regions);
  if (grown == NULL) return ek_error_set(c->error, EK_ERR_NOMEM, "out of memory");
  c->regions = grown;
  for (const struct ek_dom *r = regions->child; r != NULL; r = r->next) {
    const char *name = r->key != NULL ? r->key : r->text;
    if (name == NULL)
      return ek_error_set(c->error, EK_ERR_INVALID, "partition %s: a region has no name", id);
    /* A region may differ from its partition. */
    struct ek_partition own = p;
    uint32_t of = index;
    own.pattern = 0;
    take_outputs(c, &own, r);
    if (differs(&own, &p)) {
      of = count(c);
      ek_buf_append(&c->table[EK_PARTITIONS_LIST], &own, sizeof own);
    }
    c->regions[c->region_count] = (struct region){name, of, c->region_count};
    c->region_count++;
  }
  return 0;
}

static int by_name(const void *a, const void *b) {
  const struct region *x = a, *y = b;
  int order = strcmp(x->name, y->name);
  return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static int compile(struct compiler *c, const struct ek_dom *document) {
  const struct ek_dom *list = ek_dom_elements(ek_dom_get(document, "partitions"));
  if (list == NULL) return ek_error_set(c->error, EK_ERR_INVALID, "there are no partitions");
  for (; list != NULL; list = list->next) {
    int code = add_partition(c, list);
    if (code != 0) return code;
  }
  if (c->region_count > 0) qsort(c->regions, c->region_count, sizeof *c->regions, by_name);
  for (uint32_t i = 0; i < c->region_count; i++) {
    if (i > 0 && strcmp(c->regions[i].name, c->regions[i - 1].name) == 0) continue; /* the first */
    const struct ek_partition_region record = {ek_pool_add(&c->strings, c->regions[i].name),
                                               c->regions[i].partition};
    ek_buf_append(&c->table[EK_PARTITIONS_REGIONS], &record, sizeof record);
  }
  return 0;
}

static bool finish(const struct compiler *c, struct ek_buf *out) {
  static const size_t record_size[EK_PARTITIONS_TABLE_COUNT] = {1, sizeof(struct ek_partition),
                                                                sizeof(struct ek_partition_region)};
  static const char zeros[8];
  struct ek_partitions_header head = {.version = EK_PARTITIONS_VERSION};
  memcpy(head.magic, EK_PARTITIONS_MAGIC, sizeof head.magic);
  size_t at = sizeof head;
  for (int t = 0; t < EK_PARTITIONS_TABLE_COUNT; t++) {
    if (c->table[t].failed) return false;
    at = (at + 7) / 8 * 8;
    head.table[t].offset = (uint32_t)at;
    head.table[t].count = (uint32_t)(c->table[t].len / record_size[t]);
    at += c->table[t].len;
  }
  head.size = (uint32_t)at;
  size_t start = out->len;
  ek_buf_append(out, &head, sizeof head);
  for (int t = 0; t < EK_PARTITIONS_TABLE_COUNT; t++) {
    ek_buf_append(out, zeros, (8 - (out->len - start) % 8) % 8);
    ek_buf_append(out, c->table[t].data, c->table[t].len);
  }
  return !out->failed;
}

int ek_partitions_compile(struct ek_buf *out, const char *json, size_t len, struct ek_error *e) {
  struct ek_dom_arena arena = {NULL};
  struct ek_error ignored;
  struct ek_partitions opened;
  if (e == NULL) e = &ignored;
  struct compiler c = {.error = e};
  size_t start = out->len;
  int code = ek_pool_init(&c.strings, &c.table[EK_PARTITIONS_POOL])
                 ? 0
                 : ek_error_set(e, EK_ERR_NOMEM, "out of memory");
  if (code != 0) goto out;
  const struct ek_dom *document = ek_dom_parse(&arena, json, len, e);
  code = document == NULL ? e->code : compile(&c, document);
  if (code == 0 && !finish(&c, out)) code = ek_error_set(e, EK_ERR_NOMEM, "out of memory");
  if (code == 0) code = ek_partitions_open(&opened, out->data + start, out->len - start, e);
out:
  free(c.regions);
  ek_pool_fini(&c.strings);
  for (int t = 0; t < EK_PARTITIONS_TABLE_COUNT; t++) ek_buf_fini(&c.table[t]);
  ek_dom_arena_fini(&arena);
  return code;
}

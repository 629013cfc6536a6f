/* Images of endpoint rule sets: the check at opening. */
#include "core/endpoint/rules.h"

#include <string.h>

static const size_t record_size[EK_RULES_TABLE_COUNT] = {
    [EK_RULES_POOL] = 1,
    [EK_RULES_PARAMETERS] = sizeof(struct ek_rules_parameter),
    [EK_RULES_RULES] = sizeof(struct ek_rules_rule),
    [EK_RULES_NODES] = sizeof(struct ek_rules_node),
    [EK_RULES_LINKS] = sizeof(uint32_t),
};

/* How many nodes an operation takes, least and most; 0, 0: it is no operation on links. */
static const struct {
  uint8_t least, most;
} arity[EK_NODE_OP_COUNT] = {
    [EK_NODE_TEMPLATE] = {1, EK_RULES_PARTS_MAX},
    [EK_NODE_IS_SET] = {1, 1},
    [EK_NODE_NOT] = {1, 1},
    [EK_NODE_BOOLEAN_EQUALS] = {2, 2},
    [EK_NODE_STRING_EQUALS] = {2, 2},
    [EK_NODE_SUBSTRING] = {4, 4},
    [EK_NODE_URI_ENCODE] = {1, 1},
    [EK_NODE_PARSE_URL] = {1, 1},
    [EK_NODE_IS_VALID_HOST_LABEL] = {2, 2},
    [EK_NODE_PARTITION] = {1, 1},
    [EK_NODE_PARSE_ARN] = {1, 1},
    [EK_NODE_IS_VIRTUAL_HOSTABLE_BUCKET] = {2, 2},
};

/* count records from first lie within a table of total records. */
static bool range_valid(uint32_t first, uint32_t count, uint32_t total) {
  return count <= total && first <= total - count;
}

static bool is_below(const struct ek_rules *r, uint32_t child, const struct ek_rules_node *node) {
  return child < ek_rules_count(r, EK_RULES_NODES) && r->nodes[child].depth < node->depth;
}

static bool links_valid(const struct ek_rules *r, const struct ek_rules_node *node) {
  if (!range_valid(node->at, node->count, ek_rules_count(r, EK_RULES_LINKS))) return false;
  for (uint32_t i = 0; i < node->count; i++)
    if (!is_below(r, r->links[node->at + i], node)) return false;
  if (node->op == EK_NODE_ARRAY) return true;
  if (node->op != EK_NODE_OBJECT)
    return node->count >= arity[node->op].least && node->count <= arity[node->op].most;
  for (uint32_t i = 0; i < node->count; i += 2)
    if (r->nodes[r->links[node->at + i]].op != EK_NODE_STRING) return false;
  return node->count % 2 == 0;
}

static bool node_valid(const struct ek_rules *r, const struct ek_rules_node *node) {
  if (node->op >= EK_NODE_OP_COUNT || node->depth > EK_RULES_DEPTH_MAX) return false;
  switch (node->op) {
  case EK_NODE_STRING: return range_valid(node->at, node->count, ek_rules_count(r, EK_RULES_POOL));
  case EK_NODE_BOOLEAN: return node->at <= 1;
  case EK_NODE_INTEGER: return true;
  case EK_NODE_PARAMETER: return node->at < ek_rules_count(r, EK_RULES_PARAMETERS);
  case EK_NODE_VARIABLE: return node->at < EK_RULES_SLOTS_MAX;
  case EK_NODE_ATTRIBUTE: return node->count < EK_FIELD_COUNT && is_below(r, node->at, node);
  case EK_NODE_INDEX: return is_below(r, node->at, node);
  case EK_NODE_ASSIGN: return node->count < EK_RULES_SLOTS_MAX && is_below(r, node->at, node);
  default: return links_valid(r, node);
  }
}

static bool parameter_valid(const struct ek_rules *r, const struct ek_rules_parameter *p) {
  uint32_t pool = ek_rules_count(r, EK_RULES_POOL);
  return p->name < pool && p->built_in < pool && p->fallback <= ek_rules_count(r, EK_RULES_NODES) &&
         (p->type == EK_RULES_BOOLEAN || p->type == EK_RULES_STRING || p->type == EK_RULES_STRINGS);
}

static bool object_valid(const struct ek_rules *r, uint32_t node) {
  return node == 0 ||
         (node <= ek_rules_count(r, EK_RULES_NODES) && r->nodes[node - 1].op == EK_NODE_OBJECT);
}

static bool rule_valid(const struct ek_rules *r, uint32_t index) {
  const struct ek_rules_rule *rule = &r->rules[index];
  uint32_t nodes = ek_rules_count(r, EK_RULES_NODES);
  if (rule->kind >= EK_RULE_KIND_COUNT || rule->next <= index ||
      rule->next > ek_rules_count(r, EK_RULES_RULES) ||
      !range_valid(rule->conditions, rule->condition_count, ek_rules_count(r, EK_RULES_LINKS)))
    return false;
  for (uint32_t i = 0; i < rule->condition_count; i++)
    if (r->links[rule->conditions + i] >= nodes) return false;
  if (rule->kind == EK_RULE_TREE) return true;
  return rule->value < nodes && object_valid(r, rule->properties) && object_valid(r, rule->headers);
}

static bool records_valid(const struct ek_rules *r) {
  if (ek_rules_count(r, EK_RULES_PARAMETERS) > EK_RULES_PARAMETERS_MAX) return false;
  for (uint32_t i = 0; i < ek_rules_count(r, EK_RULES_NODES); i++)
    if (!node_valid(r, &r->nodes[i])) return false;
  for (uint32_t i = 0; i < ek_rules_count(r, EK_RULES_PARAMETERS); i++)
    if (!parameter_valid(r, &r->parameters[i])) return false;
  for (uint32_t i = 0; i < ek_rules_count(r, EK_RULES_RULES); i++)
    if (!rule_valid(r, i)) return false;
  return true;
}

int ek_rules_open(struct ek_rules *r, const void *image, size_t size, struct ek_error *e) {
  memset(r, 0, sizeof *r);
  const struct ek_rules_header *h = image;
  if (size < sizeof *h || (uintptr_t)image % 8 != 0 ||
      memcmp(h->magic, EK_RULES_MAGIC, sizeof h->magic) != 0)
    return ek_error_set(e, EK_ERR_INVALID, "not an image of endpoint rules");
  if (h->version != EK_RULES_VERSION)
    return ek_error_set(e, EK_ERR_INVALID, "image of endpoint rules has version %u, not %u",
                        h->version, EK_RULES_VERSION);
  if (h->size != size)
    return ek_error_set(e, EK_ERR_INVALID, "image of endpoint rules has %zu bytes, not %u", size,
                        h->size);
  for (int t = 0; t < EK_RULES_TABLE_COUNT; t++) {
    uint32_t offset = h->table[t].offset;
    if (offset % 8 != 0 || offset > size || h->table[t].count > (size - offset) / record_size[t])
      return ek_error_set(e, EK_ERR_INVALID, "image of endpoint rules: table %d is out of bounds",
                          t);
  }
  const char *base = image;
  *r = (struct ek_rules){
      .head = h,
      .pool = base + h->table[EK_RULES_POOL].offset,
      .parameters = (const void *)(base + h->table[EK_RULES_PARAMETERS].offset),
      .rules = (const void *)(base + h->table[EK_RULES_RULES].offset),
      .nodes = (const void *)(base + h->table[EK_RULES_NODES].offset),
      .links = (const void *)(base + h->table[EK_RULES_LINKS].offset),
  };
  /* With a NUL last, every offset within the pool is a terminated string. */
  uint32_t pool = h->table[EK_RULES_POOL].count;
  if (pool == 0 || r->pool[0] != '\0' || r->pool[pool - 1] != '\0' || !records_valid(r)) {
    memset(r, 0, sizeof *r);
    return ek_error_set(e, EK_ERR_INVALID, "image of endpoint rules: a record is out of bounds");
  }
  return 0;
}

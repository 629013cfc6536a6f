/* Walks the rules and evaluates their nodes. */
#include <string.h>

#include "core/endpoint/endpoint.h"

/* What one evaluation may take: a step is a node, or so many bytes of a text that is made or looked
 * through, which bounds memory too. The largest rule set, S3's, takes a few hundred. */
enum { STEPS_MAX = 1 << 17, STEP_BYTES = 64 };

typedef struct ek_endpoint_text text;
typedef struct ek_endpoint_value value;

struct ek_endpoint_block {
  struct ek_endpoint_block *next;
  char bytes[];
};

static const value none = {.type = EK_RULES_NONE};

void ek_endpoint_init(struct ek_endpoint *v, const struct ek_rules *rules,
                      const struct ek_partitions *partitions) {
  v->rules = rules;
  v->partitions = partitions;
  v->steps = STEPS_MAX;
  v->failed = false;
  v->blocks = NULL;
  v->used = 0;
  for (uint32_t i = 0; i < ek_rules_count(rules, EK_RULES_PARAMETERS); i++) v->parameters[i] = none;
  for (uint32_t i = 0; i < EK_RULES_SLOTS_MAX; i++) v->slots[i] = none;
}

void ek_endpoint_fini(struct ek_endpoint *v) {
  while (v->blocks != NULL) {
    struct ek_endpoint_block *next = v->blocks->next;
    free(v->blocks);
    v->blocks = next;
  }
}

bool ek_endpoint_spend(struct ek_endpoint *v, size_t steps) {
  if (steps > v->steps) {
    v->steps = 0;
    v->failed = true;
    return false;
  }
  v->steps -= (uint32_t)steps;
  return true;
}

/* n bytes that last until _fini; NULL: out of memory or steps (v->failed). */
static char *reserve(struct ek_endpoint *v, size_t n) {
  if (!ek_endpoint_spend(v, n / STEP_BYTES)) return NULL;
  if (n <= sizeof v->room - v->used) {
    char *bytes = v->room + v->used;
    v->used += n;
    return bytes;
  }
  struct ek_endpoint_block *block = malloc(sizeof *block + n);
  if (block == NULL) {
    v->failed = true;
    return NULL;
  }
  block->next = v->blocks;
  v->blocks = block;
  return block->bytes;
}

const char *ek_rules_type_name(enum ek_rules_type type) {
  static const char *const names[EK_RULES_TYPE_COUNT] = {[EK_RULES_NONE] = "nothing",
                                                         [EK_RULES_BOOLEAN] = "a boolean",
                                                         [EK_RULES_INTEGER] = "an integer",
                                                         [EK_RULES_STRING] = "a string",
                                                         [EK_RULES_STRINGS] = "a list of strings",
                                                         [EK_RULES_RESOURCE] = "a list of strings",
                                                         [EK_RULES_PARTITION] = "a partition",
                                                         [EK_RULES_ARN] = "an ARN",
                                                         [EK_RULES_URL] = "a URL"};
  return names[type];
}

static value of_text(text s) {
  return (value){.type = EK_RULES_STRING, .text = s};
}

static value of_bool(bool boolean) {
  return (value){.type = EK_RULES_BOOLEAN, .boolean = boolean};
}

static value of_offset(const struct ek_endpoint *v, uint32_t offset) {
  const char *s = ek_partitions_string(v->partitions, offset);
  return of_text((text){s, strlen(s)});
}

static value evaluate(struct ek_endpoint *v, uint32_t node);

static value partition_field(const struct ek_endpoint *v, const struct ek_partition *p,
                             enum ek_rules_field field) {
  switch (field) {
  case EK_FIELD_PARTITION_NAME: return of_offset(v, p->name);
  case EK_FIELD_PARTITION_DNS_SUFFIX: return of_offset(v, p->dns_suffix);
  case EK_FIELD_PARTITION_DUAL_STACK_DNS_SUFFIX: return of_offset(v, p->dual_stack_dns_suffix);
  case EK_FIELD_PARTITION_IMPLICIT_GLOBAL_REGION: return of_offset(v, p->implicit_global_region);
  case EK_FIELD_PARTITION_SUPPORTS_FIPS: return of_bool(p->supports_fips);
  case EK_FIELD_PARTITION_SUPPORTS_DUAL_STACK: return of_bool(p->supports_dual_stack);
  default: return none;
  }
}

static value arn_field(text arn, enum ek_rules_field field) {
  if (field < EK_FIELD_ARN_PARTITION || field > EK_FIELD_ARN_RESOURCE_ID) return none;
  value part = of_text(ek_endpoint_arn_part(arn, field));
  if (field == EK_FIELD_ARN_RESOURCE_ID) part.type = EK_RULES_RESOURCE;
  return part;
}

static value url_field(struct ek_endpoint *v, text url, enum ek_rules_field field) {
  if (field == EK_FIELD_URL_IS_IP) return of_bool(ek_endpoint_url_is_ip(url));
  if (field == EK_FIELD_URL_NORMALIZED_PATH) {
    const text path = ek_endpoint_url_part(url, EK_FIELD_URL_PATH);
    char *out = reserve(v, 3 * path.len + 2);
    return out == NULL ? none : of_text((text){out, ek_endpoint_normalize_path(out, path)});
  }
  if (field < EK_FIELD_URL_SCHEME || field > EK_FIELD_URL_PATH) return none;
  return of_text(ek_endpoint_url_part(url, field));
}

static value attribute(struct ek_endpoint *v, const struct ek_rules_node *node) {
  const value of = evaluate(v, node->at);
  enum ek_rules_field field = (enum ek_rules_field)node->count;
  switch (of.type) {
  case EK_RULES_PARTITION: return partition_field(v, of.partition, field);
  case EK_RULES_ARN: return arn_field(of.text, field);
  case EK_RULES_URL: return url_field(v, of.text, field);
  default: return none;
  }
}

static value element(struct ek_endpoint *v, const struct ek_rules_node *node) {
  const value of = evaluate(v, node->at);
  text part;
  if (of.type == EK_RULES_RESOURCE)
    return ek_endpoint_resource_part(&part, of.text, node->count) ? of_text(part) : none;
  if (of.type != EK_RULES_STRINGS || node->count >= of.list.count) return none;
  if (of.list.items != NULL) return of_text(of.list.items[node->count]);
  /* Only strings, so that no list can lead to itself. */
  uint32_t item = v->rules->links[v->rules->nodes[of.list.node].at + node->count];
  return v->rules->nodes[item].op == EK_NODE_STRING ? evaluate(v, item) : none;
}

/* The text of every part, one behind the other; NONE: a part is not set. */
static value fill_template(struct ek_endpoint *v, const struct ek_rules_node *node) {
  text parts[EK_RULES_PARTS_MAX];
  size_t len = 0;
  for (uint32_t i = 0; i < node->count; i++) {
    const value part = evaluate(v, v->rules->links[node->at + i]);
    if (part.type != EK_RULES_STRING) return none;
    parts[i] = part.text;
    len += part.text.len;
  }
  char *out = reserve(v, len);
  if (out == NULL) return none;
  size_t at = 0;
  for (uint32_t i = 0; i < node->count; i++) {
    memcpy(out + at, parts[i].data, parts[i].len);
    at += parts[i].len;
  }
  return of_text((text){out, len});
}

/* A function on one text and, for some, a boolean. */
static value text_function(struct ek_endpoint *v, enum ek_rules_op op, text s, bool flag) {
  if (!ek_endpoint_spend(v, s.len / STEP_BYTES)) return none;
  switch (op) {
  case EK_NODE_PARTITION:
    return (value){.type = EK_RULES_PARTITION,
                   .partition = ek_partitions_find(v->partitions, s.data, s.len)};
  case EK_NODE_PARSE_ARN:
    return ek_endpoint_is_arn(s) ? (value){.type = EK_RULES_ARN, .text = s} : none;
  case EK_NODE_PARSE_URL:
    return ek_endpoint_is_url(s) ? (value){.type = EK_RULES_URL, .text = s} : none;
  case EK_NODE_IS_VALID_HOST_LABEL: return of_bool(ek_endpoint_is_host_label(s, flag));
  case EK_NODE_IS_VIRTUAL_HOSTABLE_BUCKET:
    return of_bool(ek_endpoint_is_virtual_hostable_bucket(s, flag));
  case EK_NODE_URI_ENCODE: {
    char *out = reserve(v, 3 * s.len);
    return out == NULL ? none : of_text((text){out, ek_endpoint_uri_encode(out, s)});
  }
  default: return none;
  }
}

static bool is_true(value a) {
  return a.type == EK_RULES_BOOLEAN && a.boolean;
}

static value substring(const value *a) {
  text part;
  if (a[0].type != EK_RULES_STRING || a[1].type != EK_RULES_INTEGER ||
      a[2].type != EK_RULES_INTEGER)
    return none;
  return ek_endpoint_substring(&part, a[0].text, a[1].integer, a[2].integer, is_true(a[3]))
             ? of_text(part)
             : none;
}

/* What is not set is equal to nothing. */
static value call(struct ek_endpoint *v, const struct ek_rules_node *node) {
  value a[4] = {{.type = EK_RULES_NONE}};
  for (uint32_t i = 0; i < node->count && i < 4; i++)
    a[i] = evaluate(v, v->rules->links[node->at + i]);
  switch (node->op) {
  case EK_NODE_IS_SET: return of_bool(a[0].type != EK_RULES_NONE);
  case EK_NODE_NOT: return of_bool(!is_true(a[0]));
  case EK_NODE_BOOLEAN_EQUALS:
    return of_bool(a[0].type == EK_RULES_BOOLEAN && a[1].type == EK_RULES_BOOLEAN &&
                   a[0].boolean == a[1].boolean);
  case EK_NODE_STRING_EQUALS:
    return of_bool(a[0].type == EK_RULES_STRING && a[1].type == EK_RULES_STRING &&
                   a[0].text.len == a[1].text.len &&
                   memcmp(a[0].text.data, a[1].text.data, a[0].text.len) == 0);
  case EK_NODE_SUBSTRING: return substring(a);
  default:
    if (a[0].type != EK_RULES_STRING) return none;
    return text_function(v, (enum ek_rules_op)node->op, a[0].text,
                         node->count > 1 && is_true(a[1]));
  }
}

static value evaluate(struct ek_endpoint *v, uint32_t index) {
  const struct ek_rules_node *node = &v->rules->nodes[index];
  if (!ek_endpoint_spend(v, 1)) return none;
  switch (node->op) {
  case EK_NODE_STRING: return of_text((text){v->rules->pool + node->at, node->count});
  case EK_NODE_BOOLEAN: return of_bool(node->at != 0);
  case EK_NODE_INTEGER: return (value){.type = EK_RULES_INTEGER, .integer = (int32_t)node->at};
  case EK_NODE_PARAMETER: return v->parameters[node->at];
  case EK_NODE_VARIABLE: return v->slots[node->at];
  case EK_NODE_ATTRIBUTE: return attribute(v, node);
  case EK_NODE_INDEX: return element(v, node);
  case EK_NODE_ASSIGN: return v->slots[node->count] = evaluate(v, node->at);
  case EK_NODE_TEMPLATE: return fill_template(v, node);
  case EK_NODE_ARRAY: return (value){.type = EK_RULES_STRINGS, .list = {NULL, index, node->count}};
  case EK_NODE_OBJECT: return none;
  default: return call(v, node);
  }
}

struct ek_endpoint_value ek_endpoint_evaluate(struct ek_endpoint *v, uint32_t node) {
  return evaluate(v, node);
}

int ek_endpoint_failure(const struct ek_endpoint *v, struct ek_error *e) {
  if (!v->failed) return 0;
  return v->steps == 0 ? ek_error_set(e, EK_ERR_LIMIT, "the endpoint rules are too much work")
                       : ek_error_set(e, EK_ERR_NOMEM, "out of memory");
}

static int take_parameters(struct ek_endpoint *v, struct ek_error *e) {
  for (uint32_t i = 0; i < ek_rules_count(v->rules, EK_RULES_PARAMETERS); i++) {
    const struct ek_rules_parameter *p = &v->rules->parameters[i];
    const char *name = v->rules->pool + p->name;
    if (v->parameters[i].type == EK_RULES_NONE && p->fallback != 0)
      v->parameters[i] = evaluate(v, p->fallback - 1);
    if (v->parameters[i].type == EK_RULES_NONE) {
      if (p->flags & EK_PARAMETER_REQUIRED)
        return ek_error_set(e, EK_ERR_INVALID, "endpoint parameter '%s' is required", name);
    } else if (v->parameters[i].type != p->type) {
      return ek_error_set(e, EK_ERR_INVALID, "endpoint parameter '%s' must be %s, not %s", name,
                          ek_rules_type_name(p->type), ek_rules_type_name(v->parameters[i].type));
    }
  }
  return 0;
}

static bool applies(struct ek_endpoint *v, const struct ek_rules_rule *rule) {
  for (uint32_t i = 0; i < rule->condition_count; i++) {
    const value met = evaluate(v, v->rules->links[rule->conditions + i]);
    if (met.type == EK_RULES_NONE || (met.type == EK_RULES_BOOLEAN && !met.boolean)) return false;
  }
  return true;
}

int ek_endpoint_resolve(struct ek_endpoint *v, const struct ek_rules_rule **rule,
                        struct ek_error *e) {
  int code = take_parameters(v, e);
  if (code != 0) return code;
  /* Who enters a tree does not leave it again: its end is the end. */
  uint32_t at = 0, end = ek_rules_count(v->rules, EK_RULES_RULES);
  while (at < end && !v->failed) {
    const struct ek_rules_rule *here = &v->rules->rules[at];
    if (!applies(v, here)) {
      at = here->next;
    } else if (here->kind == EK_RULE_TREE) {
      end = here->next;
      at++;
    } else {
      *rule = here;
      break;
    }
  }
  if (v->failed) return ek_endpoint_failure(v, e);
  if (at >= end) return ek_error_set(e, EK_ERR_NOTFOUND, "no endpoint rule applies");
  return 0;
}

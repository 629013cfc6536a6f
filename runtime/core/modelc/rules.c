/* Compiles an endpoint rule set: parameters, rules in preorder, the image. */
#include "core/modelc/rules.h"

#include <stdarg.h>
#include <strings.h>

#include "core/modelc/compile.h"

typedef struct ek_rules_compiler compiler;

static const size_t record_size[EK_RULES_TABLE_COUNT] = {
    [EK_RULES_POOL] = 1,
    [EK_RULES_PARAMETERS] = sizeof(struct ek_rules_parameter),
    [EK_RULES_RULES] = sizeof(struct ek_rules_rule),
    [EK_RULES_NODES] = sizeof(struct ek_rules_node),
    [EK_RULES_LINKS] = sizeof(uint32_t),
};

uint32_t ek_rules_made_count(const compiler *c, enum ek_rules_table table) {
  return (uint32_t)(c->table[table].len / record_size[table]);
}

int ek_rules_refuse(compiler *c, const char *format, ...) {
  char message[256];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return ek_error_set(c->error, EK_ERR_INVALID, "%.200s: %s", ek_buf_cstr(&c->where), message);
}

/* Appends a step to the place; returns what to pass to leave. */
static size_t enter(compiler *c, const char *name, size_t number) {
  size_t before = c->where.len;
  ek_buf_printf(&c->where, "%s%s[%zu]", before == 0 ? "" : ".", name, number);
  return before;
}

static void leave(compiler *c, size_t before) {
  c->where.len = before;
}

static int add_parameter(compiler *c, const struct ek_dom *node) {
  static const struct {
    const char *name;
    enum ek_rules_type type;
  } types[] = {{"string", EK_RULES_STRING},
               {"boolean", EK_RULES_BOOLEAN},
               {"stringArray", EK_RULES_STRINGS}};
  const char *type = ek_dom_text(node, "type");
  struct ek_rules_parameter out = {
      .name = ek_pool_add(&c->strings, node->key),
      .built_in = ek_pool_add(&c->strings, ek_dom_text(node, "builtIn")),
      .flags = ek_dom_true(node, "required") ? EK_PARAMETER_REQUIRED : 0,
  };
  for (size_t i = 0; type != NULL && i < sizeof types / sizeof *types; i++)
    if (strcasecmp(types[i].name, type) == 0) out.type = (uint8_t)types[i].type;
  if (out.type == EK_RULES_NONE)
    return ek_rules_refuse(c, "parameter '%s' has no type that is known", node->key);
  const struct ek_dom *fallback = ek_dom_get(node, "default");
  if (fallback != NULL) {
    struct ek_rules_made value = {0};
    int code = ek_rules_make_literal(c, &value, fallback);
    if (code != 0) return code;
    if (value.type != (enum ek_rules_type)out.type)
      return ek_rules_refuse(c, "the default of parameter '%s' has the wrong type", node->key);
    out.fallback = value.node + 1;
  }
  ek_buf_append(&c->table[EK_RULES_PARAMETERS], &out, sizeof out);
  return 0;
}

static int add_parameters(compiler *c, const struct ek_dom *object) {
  if (object == NULL || object->type != EK_DOM_OBJECT)
    return ek_rules_refuse(c, "parameters are missing");
  if (object->count > EK_RULES_PARAMETERS_MAX) return ek_rules_refuse(c, "too many parameters");
  for (const struct ek_dom *p = object->child; p != NULL; p = p->next) {
    int code = add_parameter(c, p);
    if (code != 0) return code;
  }
  return 0;
}

/* Links to the conditions of a rule, which are made first: theirs then lie before. */
static int add_conditions(compiler *c, struct ek_rules_rule *out, const struct ek_dom *list) {
  if (list == NULL) return 0;
  if (list->type != EK_DOM_ARRAY || list->count > UINT16_MAX)
    return ek_rules_refuse(c, "conditions are no list");
  struct ek_buf made = EK_BUF_INIT;
  size_t number = 0;
  int code = 0;
  for (const struct ek_dom *it = list->child; it != NULL && code == 0; it = it->next) {
    uint32_t node = 0;
    size_t before = enter(c, "conditions", number++);
    code = ek_rules_make_condition(c, &node, it);
    if (code == 0) leave(c, before);
    ek_buf_append(&made, &node, sizeof node);
  }
  if (made.failed) code = ek_error_set(c->error, EK_ERR_NOMEM, "out of memory");
  out->conditions = ek_rules_made_count(c, EK_RULES_LINKS);
  out->condition_count = (uint16_t)list->count;
  if (code == 0) ek_buf_append(&c->table[EK_RULES_LINKS], made.data, made.len);
  ek_buf_fini(&made);
  return code;
}

static int make_text(compiler *c, uint32_t *out, const struct ek_dom *node, const char *what) {
  if (node == NULL) return ek_rules_refuse(c, "%s is missing", what);
  struct ek_rules_made value = {0};
  int code = ek_rules_make(c, &value, node);
  if (code == 0 && value.type != EK_RULES_STRING)
    code = ek_rules_refuse(c, "%s is not a string", what);
  *out = value.node;
  return code;
}

static int make_object(compiler *c, uint32_t *out, const struct ek_dom *node, bool functions) {
  uint32_t made = 0;
  if (node == NULL) return 0;
  if (node->type != EK_DOM_OBJECT) return ek_rules_refuse(c, "'%s' is no object", node->key);
  for (const struct ek_dom *h = functions ? node->child : NULL; h != NULL; h = h->next)
    if (h->type != EK_DOM_ARRAY) return ek_rules_refuse(c, "header '%s' is no list", h->key);
  int code = ek_rules_make_tree(c, &made, node, functions);
  *out = made + 1;
  return code;
}

static int add_rules(compiler *c, const struct ek_dom *list);

static int add_rule(compiler *c, const struct ek_dom *node) {
  const char *type = ek_dom_text(node, "type");
  const struct ek_dom *endpoint = ek_dom_get(node, "endpoint");
  struct ek_rules_rule rule = {0};
  uint32_t visible = c->variable_count, index = ek_rules_made_count(c, EK_RULES_RULES);
  int code = add_conditions(c, &rule, ek_dom_get(node, "conditions"));
  if (code != 0) return code;
  if (type == NULL) return ek_rules_refuse(c, "type is missing");
  if (strcmp(type, "endpoint") == 0) {
    rule.kind = EK_RULE_ENDPOINT;
    code = make_text(c, &rule.value, ek_dom_get(endpoint, "url"), "the endpoint's url");
    if (code == 0)
      code = make_object(c, &rule.properties, ek_dom_get(endpoint, "properties"), false);
    if (code == 0) code = make_object(c, &rule.headers, ek_dom_get(endpoint, "headers"), true);
  } else if (strcmp(type, "error") == 0) {
    rule.kind = EK_RULE_ERROR;
    code = make_text(c, &rule.value, ek_dom_get(node, "error"), "error");
  } else if (strcmp(type, "tree") == 0) {
    rule.kind = EK_RULE_TREE;
  } else {
    return ek_rules_refuse(c, "type '%s' is not known", type);
  }
  ek_buf_append(&c->table[EK_RULES_RULES], &rule, sizeof rule);
  if (code == 0 && rule.kind == EK_RULE_TREE) code = add_rules(c, ek_dom_get(node, "rules"));
  c->variable_count = visible;
  if (code == 0 && !c->table[EK_RULES_RULES].failed) {
    struct ek_rules_rule *made = (void *)c->table[EK_RULES_RULES].data;
    made[index].next = ek_rules_made_count(c, EK_RULES_RULES);
  }
  return code;
}

static int add_rules(compiler *c, const struct ek_dom *list) {
  if (ek_dom_elements(list) == NULL) return ek_rules_refuse(c, "there are no rules");
  size_t number = 0;
  for (const struct ek_dom *it = list->child; it != NULL; it = it->next) {
    size_t before = enter(c, "rules", number++);
    int code = add_rule(c, it);
    if (code != 0) return code;
    leave(c, before);
  }
  return 0;
}

static int compile(compiler *c, const struct ek_dom *set) {
  const char *version = ek_dom_text(set, "version");
  if (version == NULL || strncmp(version, "1.", 2) != 0)
    return ek_error_set(c->error, EK_ERR_INVALID, "endpoint rules of version '%s' are not known",
                        version == NULL ? "" : version);
  ek_buf_puts(&c->where, "parameters");
  int code = add_parameters(c, ek_dom_get(set, "parameters"));
  if (code != 0) return code;
  ek_buf_clear(&c->where);
  return add_rules(c, ek_dom_get(set, "rules"));
}

static bool finish(const compiler *c, struct ek_buf *out) {
  static const char zeros[8];
  struct ek_rules_header head = {.version = EK_RULES_VERSION};
  memcpy(head.magic, EK_RULES_MAGIC, sizeof head.magic);
  size_t at = sizeof head;
  for (int t = 0; t < EK_RULES_TABLE_COUNT; t++) {
    if (c->table[t].failed) return false;
    at = (at + 7) / 8 * 8;
    head.table[t].offset = (uint32_t)at;
    head.table[t].count = ek_rules_made_count(c, (enum ek_rules_table)t);
    at += c->table[t].len;
  }
  head.size = (uint32_t)at;
  size_t start = out->len;
  ek_buf_append(out, &head, sizeof head);
  for (int t = 0; t < EK_RULES_TABLE_COUNT; t++) {
    ek_buf_append(out, zeros, (8 - (out->len - start) % 8) % 8);
    ek_buf_append(out, c->table[t].data, c->table[t].len);
  }
  return !out->failed;
}

int ek_rules_compile(struct ek_buf *out, const char *json, size_t len, struct ek_error *e) {
  struct ek_dom_arena arena = {NULL};
  struct ek_error ignored;
  struct ek_rules opened;
  if (e == NULL) e = &ignored;
  compiler *c = calloc(1, sizeof *c);
  size_t start = out->len;
  if (c == NULL) return ek_error_set(e, EK_ERR_NOMEM, "out of memory");
  c->error = e;
  int code = ek_pool_init(&c->strings, &c->table[EK_RULES_POOL])
                 ? 0
                 : ek_error_set(e, EK_ERR_NOMEM, "out of memory");
  if (code != 0) goto out;
  const struct ek_dom *set = ek_dom_parse(&arena, json, len, e);
  code = set == NULL ? e->code : compile(c, set);
  if (code == 0 && !finish(c, out)) code = ek_error_set(e, EK_ERR_NOMEM, "out of memory");
  if (code == 0) code = ek_rules_open(&opened, out->data + start, out->len - start, e);
out:
  free(c->slots);
  ek_pool_fini(&c->strings);
  for (int t = 0; t < EK_RULES_TABLE_COUNT; t++) ek_buf_fini(&c->table[t]);
  ek_buf_fini(&c->where);
  free(c);
  ek_dom_arena_fini(&arena);
  return code;
}

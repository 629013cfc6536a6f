/* Expressions of endpoint rules: names resolved, types checked, every distinct node made once. */
#include <math.h>

#include "core/modelc/rules.h"

typedef struct ek_rules_compiler compiler;
typedef struct ek_rules_made made;

enum { OPERANDS_MAX = UINT16_MAX };

static const struct ek_rules_node *nodes_of(const compiler *c) {
  return (const void *)c->table[EK_RULES_NODES].data;
}

static const uint32_t *links_of(const compiler *c) {
  return (const void *)c->table[EK_RULES_LINKS].data;
}

/* ---- distinct nodes */

static bool has_links(uint8_t op) {
  return op >= EK_NODE_TEMPLATE;
}

static uint64_t mix(uint64_t hash, uint32_t word) {
  return (hash ^ word) * 1099511628211u;
}

static uint64_t hash_of(const struct ek_rules_node *node, const uint32_t *children) {
  uint64_t hash = mix(mix(14695981039346656037u, node->op), node->count);
  if (!has_links(node->op)) return mix(hash, node->at);
  for (uint32_t i = 0; i < node->count; i++) hash = mix(hash, children[i]);
  return hash;
}

static bool is_same(const compiler *c, const struct ek_rules_node *known,
                    const struct ek_rules_node *node, const uint32_t *children) {
  if (known->op != node->op || known->count != node->count) return false;
  if (!has_links(node->op)) return known->at == node->at;
  return node->count == 0 ||
         memcmp(links_of(c) + known->at, children, node->count * sizeof *children) == 0;
}

static bool grow(compiler *c) {
  size_t count = c->slot_count == 0 ? 1024 : c->slot_count * 2;
  uint32_t *slots = calloc(count, sizeof *slots);
  if (slots == NULL) return false;
  const struct ek_rules_node *nodes = nodes_of(c);
  for (uint32_t n = 0; n < ek_rules_made_count(c, EK_RULES_NODES); n++) {
    const uint32_t *children = has_links(nodes[n].op) ? links_of(c) + nodes[n].at : NULL;
    size_t i = hash_of(&nodes[n], children) % count;
    while (slots[i] != 0) i = (i + 1) % count;
    slots[i] = n + 1;
  }
  free(c->slots);
  c->slots = slots;
  c->slot_count = count;
  return true;
}

/* The index of a node like this one, made if need be. children: of a node with links, or its one
 * child at node->at. */
static int intern(compiler *c, uint32_t *out, struct ek_rules_node node, const uint32_t *children) {
  uint32_t known = ek_rules_made_count(c, EK_RULES_NODES);
  struct ek_buf *nodes = &c->table[EK_RULES_NODES], *links = &c->table[EK_RULES_LINKS];
  if ((size_t)known * 2 >= c->slot_count && !grow(c)) nodes->failed = true;
  if (nodes->failed || links->failed) return ek_error_set(c->error, EK_ERR_NOMEM, "out of memory");
  size_t i = hash_of(&node, children) % c->slot_count;
  for (; c->slots[i] != 0; i = (i + 1) % c->slot_count) {
    if (!is_same(c, &nodes_of(c)[c->slots[i] - 1], &node, children)) continue;
    *out = c->slots[i] - 1;
    return 0;
  }
  uint32_t child_count = has_links(node.op) ? node.count : 1;
  for (uint32_t k = 0; children != NULL && k < child_count; k++) {
    uint8_t depth = nodes_of(c)[children[k]].depth;
    if (depth >= EK_RULES_DEPTH_MAX) return ek_rules_refuse(c, "an expression is too deep");
    if (node.depth <= depth) node.depth = (uint8_t)(depth + 1);
  }
  if (has_links(node.op)) {
    node.at = ek_rules_made_count(c, EK_RULES_LINKS);
    ek_buf_append(links, children, node.count * sizeof *children);
  }
  ek_buf_append(nodes, &node, sizeof node);
  *out = known;
  c->slots[i] = known + 1;
  return 0;
}

static int leaf(compiler *c, made *out, uint8_t op, uint32_t at, enum ek_rules_type type) {
  const struct ek_rules_node node = {.op = op, .at = at};
  out->type = type;
  return intern(c, &out->node, node, NULL);
}

/* ---- leaves */

static int make_string(compiler *c, made *out, const char *s, size_t len) {
  if (len > UINT16_MAX) return ek_rules_refuse(c, "a string is too long");
  struct ek_buf copy = EK_BUF_INIT;
  ek_buf_append(&copy, s, len);
  const struct ek_rules_node node = {.op = EK_NODE_STRING,
                                     .count = (uint16_t)len,
                                     .at = ek_pool_add(&c->strings, ek_buf_cstr(&copy))};
  ek_buf_fini(&copy);
  out->type = EK_RULES_STRING;
  return intern(c, &out->node, node, NULL);
}

static int make_reference(compiler *c, made *out, const char *name, size_t len) {
  for (uint32_t i = 0; i < c->variable_count; i++) {
    const struct ek_rules_variable *it = &c->variables[i];
    if (strncmp(it->name, name, len) == 0 && it->name[len] == '\0')
      return leaf(c, out, EK_NODE_VARIABLE, i, it->type);
  }
  struct ek_rules_parameter *list = (void *)c->table[EK_RULES_PARAMETERS].data;
  for (uint32_t i = 0; i < ek_rules_made_count(c, EK_RULES_PARAMETERS); i++) {
    const char *known = c->table[EK_RULES_POOL].data + list[i].name;
    if (strncmp(known, name, len) != 0 || known[len] != '\0') continue;
    list[i].flags |= EK_PARAMETER_USED;
    return leaf(c, out, EK_NODE_PARAMETER, i, (enum ek_rules_type)list[i].type);
  }
  return ek_rules_refuse(c, "'%.*s' is neither a parameter nor a variable", (int)len, name);
}

/* ---- attributes */

static const struct {
  enum ek_rules_type of;
  const char *name;
  enum ek_rules_field field;
  enum ek_rules_type type;
} fields[] = {
    {EK_RULES_PARTITION, "name", EK_FIELD_PARTITION_NAME, EK_RULES_STRING},
    {EK_RULES_PARTITION, "dnsSuffix", EK_FIELD_PARTITION_DNS_SUFFIX, EK_RULES_STRING},
    {EK_RULES_PARTITION, "dualStackDnsSuffix", EK_FIELD_PARTITION_DUAL_STACK_DNS_SUFFIX,
     EK_RULES_STRING},
    {EK_RULES_PARTITION, "implicitGlobalRegion", EK_FIELD_PARTITION_IMPLICIT_GLOBAL_REGION,
     EK_RULES_STRING},
    {EK_RULES_PARTITION, "supportsFIPS", EK_FIELD_PARTITION_SUPPORTS_FIPS, EK_RULES_BOOLEAN},
    {EK_RULES_PARTITION, "supportsDualStack", EK_FIELD_PARTITION_SUPPORTS_DUAL_STACK,
     EK_RULES_BOOLEAN},
    {EK_RULES_ARN, "partition", EK_FIELD_ARN_PARTITION, EK_RULES_STRING},
    {EK_RULES_ARN, "service", EK_FIELD_ARN_SERVICE, EK_RULES_STRING},
    {EK_RULES_ARN, "region", EK_FIELD_ARN_REGION, EK_RULES_STRING},
    {EK_RULES_ARN, "accountId", EK_FIELD_ARN_ACCOUNT_ID, EK_RULES_STRING},
    {EK_RULES_ARN, "resourceId", EK_FIELD_ARN_RESOURCE_ID, EK_RULES_RESOURCE},
    {EK_RULES_URL, "scheme", EK_FIELD_URL_SCHEME, EK_RULES_STRING},
    {EK_RULES_URL, "authority", EK_FIELD_URL_AUTHORITY, EK_RULES_STRING},
    {EK_RULES_URL, "path", EK_FIELD_URL_PATH, EK_RULES_STRING},
    {EK_RULES_URL, "normalizedPath", EK_FIELD_URL_NORMALIZED_PATH, EK_RULES_STRING},
    {EK_RULES_URL, "isIp", EK_FIELD_URL_IS_IP, EK_RULES_BOOLEAN},
};

static int make_field(compiler *c, made *out, const char *name, size_t len) {
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (fields[i].of != out->type || strncmp(fields[i].name, name, len) != 0 ||
        fields[i].name[len] != '\0')
      continue;
    const struct ek_rules_node node = {
        .op = EK_NODE_ATTRIBUTE, .count = (uint16_t)fields[i].field, .at = out->node};
    uint32_t child = out->node;
    out->type = fields[i].type;
    return intern(c, &out->node, node, &child);
  }
  return ek_rules_refuse(c, "there is no attribute '%.*s' of this value", (int)len, name);
}

/* "[12]" at *at, which is then behind it. */
static int make_index(compiler *c, made *out, const char **at) {
  char *end;
  const char *digits = *at + 1;
  long index = *digits >= '0' && *digits <= '9' ? strtol(digits, &end, 10) : -1;
  if (index < 0 || index > UINT16_MAX || *end != ']')
    return ek_rules_refuse(c, "'%.16s' is no index", *at);
  if (out->type != EK_RULES_STRINGS && out->type != EK_RULES_RESOURCE)
    return ek_rules_refuse(c, "only a list has elements");
  *at = end + 1;
  const struct ek_rules_node node = {
      .op = EK_NODE_INDEX, .count = (uint16_t)index, .at = out->node};
  uint32_t child = out->node;
  out->type = EK_RULES_STRING;
  return intern(c, &out->node, node, &child);
}

/* Goes down path ("resourceId[1]", "[0]") from the value in out, up to end. */
static int follow(compiler *c, made *out, const char *path, const char *end) {
  if (path == end) return ek_rules_refuse(c, "a path is empty");
  for (const char *at = path; at < end;) {
    int code;
    if (*at == '[') {
      code = make_index(c, out, &at);
    } else {
      size_t len = strcspn(at, ".[#}");
      code = make_field(c, out, at, len);
      at += len;
    }
    if (code != 0) return code;
    if (at < end && *at == '.') at++;
  }
  return 0;
}

/* ---- templates */

/* "{Name}" or "{Name#attribute}" at *at, which is then behind it. */
static int make_part(compiler *c, made *out, const char **at) {
  const char *name = *at + 1, *end = strchr(name, '}');
  if (end == NULL) return ek_rules_refuse(c, "a '{' is not closed");
  size_t len = strcspn(name, "#}");
  int code = make_reference(c, out, name, len);
  if (code == 0 && name[len] == '#') code = follow(c, out, name + len + 1, end);
  if (code == 0 && out->type != EK_RULES_STRING)
    return ek_rules_refuse(c, "'{%.*s}' is not a string", (int)(end - name), name);
  *at = end + 1;
  return code;
}

/* The characters up to the next part; "{{" and "}}" are braces. */
static int take_text(compiler *c, struct ek_buf *text, const char **at) {
  const char *s = *at;
  for (; *s != '\0'; s++) {
    if (*s == '{' && s[1] != '{') break;
    if (*s == '}' && s[1] != '}') return ek_rules_refuse(c, "a '}' stands alone");
    if (*s == '{' || *s == '}') s++;
    ek_buf_putc(text, *s);
  }
  *at = s;
  return 0;
}

static int make_template(compiler *c, made *out, const char *s) {
  uint32_t parts[EK_RULES_PARTS_MAX];
  uint16_t count = 0;
  struct ek_buf text = EK_BUF_INIT;
  int code = 0;
  do {
    ek_buf_clear(&text);
    code = take_text(c, &text, &s);
    for (int i = 0; i < 2 && code == 0; i++) {
      if (i == 0 ? text.len == 0 : *s == '\0') continue;
      if (count == EK_RULES_PARTS_MAX) {
        code = ek_rules_refuse(c, "a template has too many parts");
        break;
      }
      code = i == 0 ? make_string(c, out, text.data, text.len) : make_part(c, out, &s);
      if (code == 0) parts[count++] = out->node;
    }
  } while (code == 0 && *s != '\0');
  ek_buf_fini(&text);
  if (code != 0 || count == 1) return code;
  if (count == 0) return make_string(c, out, "", 0);
  const struct ek_rules_node node = {.op = EK_NODE_TEMPLATE, .count = count};
  out->type = EK_RULES_STRING;
  return intern(c, &out->node, node, parts);
}

/* ---- functions */

static const struct function {
  const char *name;
  uint8_t op, result, count;
  uint8_t takes[4]; /* EK_RULES_NONE: anything */
} functions[] = {
    {"isSet", EK_NODE_IS_SET, EK_RULES_BOOLEAN, 1, {EK_RULES_NONE}},
    {"not", EK_NODE_NOT, EK_RULES_BOOLEAN, 1, {EK_RULES_BOOLEAN}},
    {"booleanEquals",
     EK_NODE_BOOLEAN_EQUALS,
     EK_RULES_BOOLEAN,
     2,
     {EK_RULES_BOOLEAN, EK_RULES_BOOLEAN}},
    {"stringEquals",
     EK_NODE_STRING_EQUALS,
     EK_RULES_BOOLEAN,
     2,
     {EK_RULES_STRING, EK_RULES_STRING}},
    {"substring",
     EK_NODE_SUBSTRING,
     EK_RULES_STRING,
     4,
     {EK_RULES_STRING, EK_RULES_INTEGER, EK_RULES_INTEGER, EK_RULES_BOOLEAN}},
    {"uriEncode", EK_NODE_URI_ENCODE, EK_RULES_STRING, 1, {EK_RULES_STRING}},
    {"parseURL", EK_NODE_PARSE_URL, EK_RULES_URL, 1, {EK_RULES_STRING}},
    {"isValidHostLabel",
     EK_NODE_IS_VALID_HOST_LABEL,
     EK_RULES_BOOLEAN,
     2,
     {EK_RULES_STRING, EK_RULES_BOOLEAN}},
    {"aws.partition", EK_NODE_PARTITION, EK_RULES_PARTITION, 1, {EK_RULES_STRING}},
    {"aws.parseArn", EK_NODE_PARSE_ARN, EK_RULES_ARN, 1, {EK_RULES_STRING}},
    {"aws.isVirtualHostableS3Bucket",
     EK_NODE_IS_VIRTUAL_HOSTABLE_BUCKET,
     EK_RULES_BOOLEAN,
     2,
     {EK_RULES_STRING, EK_RULES_BOOLEAN}},
};

static int make_get_attr(compiler *c, made *out, const struct ek_dom *arguments) {
  if (arguments == NULL || arguments->count != 2 || arguments->child->next->text == NULL)
    return ek_rules_refuse(c, "getAttr takes a value and a path");
  int code = ek_rules_make(c, out, arguments->child);
  const char *path = arguments->child->next->text;
  return code != 0 ? code : follow(c, out, path, path + strlen(path));
}

static int make_call(compiler *c, made *out, const char *name, const struct ek_dom *arguments) {
  if (arguments != NULL && arguments->type != EK_DOM_ARRAY) arguments = NULL;
  if (strcmp(name, "getAttr") == 0) return make_get_attr(c, out, arguments);
  const struct function *f = functions;
  while (f < functions + sizeof functions / sizeof *functions && strcmp(f->name, name) != 0) f++;
  if (f == functions + sizeof functions / sizeof *functions)
    return ek_rules_refuse(c, "function '%s' is not known", name);
  if (arguments == NULL || arguments->count != f->count)
    return ek_rules_refuse(c, "%s takes %u arguments, not %zu", name, f->count,
                           arguments == NULL ? 0 : arguments->count);
  uint32_t children[4];
  const struct ek_dom *argument = arguments->child;
  for (int i = 0; i < f->count; i++, argument = argument->next) {
    made value = {0};
    int code = ek_rules_make(c, &value, argument);
    if (code != 0) return code;
    if (f->takes[i] != EK_RULES_NONE && f->takes[i] != value.type)
      return ek_rules_refuse(c, "argument %d of %s has the wrong type", i + 1, name);
    children[i] = value.node;
  }
  const struct ek_rules_node node = {.op = f->op, .count = f->count};
  out->type = (enum ek_rules_type)f->result;
  return intern(c, &out->node, node, children);
}

int ek_rules_make(compiler *c, made *out, const struct ek_dom *node) {
  switch (node->type) {
  case EK_DOM_TRUE:
  case EK_DOM_FALSE:
    return leaf(c, out, EK_NODE_BOOLEAN, node->type == EK_DOM_TRUE, EK_RULES_BOOLEAN);
  case EK_DOM_NUMBER:
    if (node->number != floor(node->number) || fabs(node->number) > INT32_MAX)
      return ek_rules_refuse(c, "a number is not an integer");
    return leaf(c, out, EK_NODE_INTEGER, (uint32_t)(int32_t)node->number, EK_RULES_INTEGER);
  case EK_DOM_STRING: return make_template(c, out, node->text);
  case EK_DOM_OBJECT: {
    const char *reference = ek_dom_text(node, "ref"), *function = ek_dom_text(node, "fn");
    if (reference != NULL) return make_reference(c, out, reference, strlen(reference));
    if (function != NULL) return make_call(c, out, function, ek_dom_get(node, "argv"));
    return ek_rules_refuse(c, "an object is neither a reference nor a function");
  }
  default: return ek_rules_refuse(c, "a value is no expression");
  }
}

int ek_rules_make_condition(compiler *c, uint32_t *out, const struct ek_dom *node) {
  const char *function = ek_dom_text(node, "fn");
  if (function == NULL) return ek_rules_refuse(c, "a condition is no function");
  made value = {0};
  int code = make_call(c, &value, function, ek_dom_get(node, "argv"));
  *out = value.node;
  const struct ek_dom *assign = ek_dom_get(node, "assign");
  if (code != 0 || assign == NULL) return code;
  if (assign->text == NULL) return ek_rules_refuse(c, "assign is not a name");
  made known = {0};
  if (make_reference(c, &known, assign->text, strlen(assign->text)) == 0)
    return ek_rules_refuse(c, "'%s' is assigned twice", assign->text);
  *c->error = (struct ek_error){0};
  if (c->variable_count == EK_RULES_SLOTS_MAX) return ek_rules_refuse(c, "too many variables");
  const struct ek_rules_node set = {
      .op = EK_NODE_ASSIGN, .count = (uint16_t)c->variable_count, .at = value.node};
  c->variables[c->variable_count++] = (struct ek_rules_variable){assign->text, value.type};
  return intern(c, out, set, &value.node);
}

int ek_rules_make_literal(compiler *c, made *out, const struct ek_dom *node) {
  if (node->type == EK_DOM_STRING) return make_string(c, out, node->text, strlen(node->text));
  if (node->type != EK_DOM_ARRAY) return ek_rules_make(c, out, node);
  if (node->count > OPERANDS_MAX) return ek_rules_refuse(c, "a list is too long");
  struct ek_buf children = EK_BUF_INIT;
  int code = 0;
  for (const struct ek_dom *item = node->child; item != NULL && code == 0; item = item->next) {
    made value = {0};
    code = item->text == NULL ? ek_rules_refuse(c, "a list holds more than strings")
                              : make_string(c, &value, item->text, strlen(item->text));
    ek_buf_append(&children, &value.node, sizeof value.node);
  }
  if (children.failed) code = ek_error_set(c->error, EK_ERR_NOMEM, "out of memory");
  const struct ek_rules_node list = {.op = EK_NODE_ARRAY, .count = (uint16_t)node->count};
  out->type = EK_RULES_STRINGS;
  if (code == 0) code = intern(c, &out->node, list, (const void *)children.data);
  ek_buf_fini(&children);
  return code;
}

int ek_rules_make_tree(compiler *c, uint32_t *out, const struct ek_dom *node, bool functions_too) {
  bool object = node->type == EK_DOM_OBJECT;
  bool call = object && (ek_dom_text(node, "fn") != NULL || ek_dom_text(node, "ref") != NULL);
  if ((!object && node->type != EK_DOM_ARRAY) || (functions_too && call)) {
    made value = {0};
    int code = ek_rules_make(c, &value, node);
    if (code == 0 && value.type > EK_RULES_STRING)
      code = ek_rules_refuse(c, "a property is no string, boolean or integer");
    *out = value.node;
    return code;
  }
  if (node->count * (object ? 2 : 1) > OPERANDS_MAX)
    return ek_rules_refuse(c, "a property has too many members");
  struct ek_buf children = EK_BUF_INIT;
  int code = 0;
  for (const struct ek_dom *child = node->child; child != NULL && code == 0; child = child->next) {
    made key = {0};
    uint32_t value = 0;
    if (object) {
      code = make_string(c, &key, child->key, strlen(child->key));
      ek_buf_append(&children, &key.node, sizeof key.node);
    }
    if (code == 0) code = ek_rules_make_tree(c, &value, child, functions_too);
    ek_buf_append(&children, &value, sizeof value);
  }
  if (children.failed) code = ek_error_set(c->error, EK_ERR_NOMEM, "out of memory");
  const struct ek_rules_node list = {.op = object ? EK_NODE_OBJECT : EK_NODE_ARRAY,
                                     .count = (uint16_t)(children.len / sizeof(uint32_t))};
  if (code == 0) code = intern(c, out, list, (const void *)children.data);
  ek_buf_fini(&children);
  return code;
}

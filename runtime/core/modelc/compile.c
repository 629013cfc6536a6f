/* Resolves a service model: every fact a walker needs ends in the record it looks at. As in
 * botocore, a trait of a reference wins over the same trait of the shape it names. */
#include "core/modelc/compile.h"

#include <math.h>

#include "core/modelc/dom.h"
#include "core/modelc/image.h"
#include "core/modelc/snake.h"

struct named {
  const char *name;
  const struct ek_dom *node;
};

struct compiler {
  struct ek_image *image;
  enum ek_model_protocol protocol;
  struct named *shapes; /* sorted: the position is the index in the image */
  size_t shape_count;
  struct ek_error *error;
};

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* The members of object, sorted by key; owned by the caller. */
static struct named *sorted_members(const struct ek_dom *object, size_t *count) {
  const struct ek_dom *first = ek_dom_members(object);
  size_t n = first == NULL ? 0 : object->count, i = 0;
  struct named *list = calloc(n + 1, sizeof *list);
  if (list == NULL) return NULL;
  for (const struct ek_dom *child = first; child != NULL; child = child->next)
    list[i++] = (struct named){child->key, child};
  qsort(list, n, sizeof *list, by_name);
  *count = n;
  return list;
}

static bool has(const struct ek_dom *object, const char *key) {
  return ek_dom_get(object, key) != NULL;
}

static uint16_t small(double number) {
  return number >= 0 && number <= UINT16_MAX ? (uint16_t)number : 0;
}

static const struct named *find_shape(const struct compiler *c, const char *name) {
  const struct named key = {name == NULL ? "" : name, NULL};
  return bsearch(&key, c->shapes, c->shape_count, sizeof key, by_name);
}

/* Index of a name in a list; -1 where there is none. */
static int position(const char *const *names, int count, const char *name) {
  for (int i = 0; name != NULL && i < count; i++)
    if (strcmp(names[i], name) == 0) return i;
  return -1;
}

static int find_protocol(const struct ek_dom *metadata) {
  static const char *const names[EK_PROTOCOL_COUNT] = {
      [EK_PROTOCOL_JSON] = "json",         [EK_PROTOCOL_REST_JSON] = "rest-json",
      [EK_PROTOCOL_REST_XML] = "rest-xml", [EK_PROTOCOL_QUERY] = "query",
      [EK_PROTOCOL_EC2] = "ec2",           [EK_PROTOCOL_CBOR] = "smithy-rpc-v2-cbor"};
  static const enum ek_model_protocol preferred[] = {EK_PROTOCOL_JSON,     EK_PROTOCOL_REST_JSON,
                                                     EK_PROTOCOL_REST_XML, EK_PROTOCOL_QUERY,
                                                     EK_PROTOCOL_EC2,      EK_PROTOCOL_CBOR};
  const struct ek_dom *list = ek_dom_get(metadata, "protocols");
  for (size_t i = 0; i < sizeof preferred / sizeof *preferred; i++)
    for (const struct ek_dom *name = ek_dom_elements(list); name != NULL; name = name->next)
      if (name->text != NULL && strcmp(name->text, names[preferred[i]]) == 0)
        return (int)preferred[i];
  return position(names, EK_PROTOCOL_COUNT, ek_dom_text(metadata, "protocol"));
}

/* Which default name a reference has on the wire. */
enum role { ROLE_MEMBER, ROLE_ELEMENT, ROLE_KEY, ROLE_VALUE, ROLE_ROOT };

struct pair {
  const struct ek_dom *ref, *shape;
};

static const struct ek_dom *trait(struct pair p, const char *key) {
  const struct ek_dom *node = ek_dom_get(p.ref, key);
  return node != NULL ? node : ek_dom_get(p.shape, key);
}

static const char *trait_text(struct pair p, const char *key) {
  const struct ek_dom *node = trait(p, key);
  return node != NULL ? node->text : NULL;
}

static bool trait_true(struct pair p, const char *key) {
  const struct ek_dom *node = trait(p, key);
  return node != NULL && node->type == EK_DOM_TRUE;
}

/* A text that could not be written is not to pass for an empty one. */
static uint32_t add_text(struct ek_image *image, struct ek_buf *text) {
  const char *s = ek_buf_cstr(text);
  if (text->failed) image->table[EK_TABLE_STRINGS].failed = true;
  return ek_image_string(image, s);
}

/* ec2 has a name of its own for requests, or else begins the usual one with a capital. */
static uint32_t query_name(const struct compiler *c, struct pair p, const char *location_name,
                           const char *otherwise) {
  const char *usual = location_name != NULL ? location_name : otherwise;
  const char *query = trait_text(p, "queryName");
  if (c->protocol != EK_PROTOCOL_EC2 || usual == NULL) return ek_image_string(c->image, usual);
  if (query != NULL) return ek_image_string(c->image, query);
  struct ek_buf name = EK_BUF_INIT;
  ek_buf_puts(&name, usual);
  if (name.len > 0 && name.data[0] >= 'a' && name.data[0] <= 'z')
    name.data[0] = (char)(name.data[0] - 'a' + 'A');
  uint32_t offset = add_text(c->image, &name);
  ek_buf_fini(&name);
  return offset;
}

/* The element of XML answers: a flattened list is told by the name of its elements. */
static const char *answer_name(const struct compiler *c, struct pair p, const char *wire) {
  const char *type = ek_dom_text(p.shape, "type");
  if (type == NULL || strcmp(type, "list") != 0 || !trait_true(p, "flattened")) return wire;
  const struct ek_dom *element = ek_dom_get(p.shape, "member");
  const struct named *target = find_shape(c, ek_dom_text(element, "shape"));
  const char *name =
      trait_text((struct pair){element, target == NULL ? NULL : target->node}, "locationName");
  return name != NULL ? name : wire;
}

static int set_location(const struct compiler *c, struct ek_model_ref *out, struct pair p,
                        const char *owner) {
  static const char *const locations[EK_LOCATION_COUNT] = {"",       "uri",     "querystring",
                                                           "header", "headers", "statusCode"};
  static const char *const formats[EK_TIMESTAMP_COUNT] = {"", "unixTimestamp", "iso8601", "rfc822"};
  const char *location = trait_text(p, "location"), *format = trait_text(p, "timestampFormat");
  int at = location == NULL ? 0 : position(locations, EK_LOCATION_COUNT, location);
  int as = format == NULL ? 0 : position(formats, EK_TIMESTAMP_COUNT, format);
  if (at < 0 || as < 0)
    return ek_error_set(c->error, EK_ERR_INVALID,
                        "%s: unknown location '%s' or timestampFormat '%s'", owner,
                        location == NULL ? "" : location, format == NULL ? "" : format);
  out->location = (uint8_t)at;
  out->timestamp = (uint8_t)as;
  return 0;
}

static int make_ref(const struct compiler *c, struct ek_model_ref *out, const char *owner,
                    const char *name, const struct ek_dom *node, enum role role) {
  static const struct {
    const char *trait;
    uint16_t flag;
  } flags[] = {
      {"flattened", EK_REF_FLATTENED},      {"idempotencyToken", EK_REF_TOKEN},
      {"jsonvalue", EK_REF_JSON},           {"xmlAttribute", EK_REF_ATTRIBUTE},
      {"hostLabel", EK_REF_HOST},           {"sensitive", EK_REF_SENSITIVE},
      {"streaming", EK_REF_STREAMING},      {"deprecated", EK_REF_DEPRECATED},
      {"eventheader", EK_REF_EVENT_HEADER}, {"eventpayload", EK_REF_EVENT_PAYLOAD},
  };
  static const char *const defaults[] = {
      [ROLE_ELEMENT] = "member", [ROLE_KEY] = "key", [ROLE_VALUE] = "value", [ROLE_ROOT] = NULL};
  const struct named *target = find_shape(c, ek_dom_text(node, "shape"));
  if (target == NULL)
    return ek_error_set(c->error, EK_ERR_INVALID, "%s: member '%s' names no known shape", owner,
                        name == NULL ? "" : name);
  const struct pair p = {node, target->node};
  const char *location_name = trait_text(p, "locationName");
  const char *fallback = role == ROLE_MEMBER ? name : defaults[role];
  const char *wire = location_name != NULL ? location_name : fallback;
  *out = (struct ek_model_ref){
      .name = ek_image_string(c->image, name),
      .wire = ek_image_string(c->image, wire),
      .xml = ek_image_string(c->image, answer_name(c, p, wire)),
      .query = query_name(c, p, location_name, role == ROLE_ELEMENT ? "" : fallback),
      .shape = (uint32_t)(target - c->shapes),
  };
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    if (trait_true(p, flags[i].trait)) out->flags |= flags[i].flag;
  if (trait(p, "xmlNamespace") != NULL) out->flags |= EK_REF_NAMESPACE;
  return set_location(c, out, p, owner);
}

static uint32_t add_ref(const struct compiler *c, const struct ek_model_ref *ref,
                        const struct ek_dom *node) {
  uint32_t index = ek_image_add(c->image, EK_TABLE_REFS, ref);
  if (ref->flags & EK_REF_NAMESPACE) {
    const struct ek_dom *ns =
        trait((struct pair){node, c->shapes[ref->shape].node}, "xmlNamespace");
    const struct ek_model_namespace record = {
        .ref = index,
        .uri = ek_image_string(c->image, ns->text != NULL ? ns->text : ek_dom_text(ns, "uri")),
        .prefix = ek_image_string(c->image, ek_dom_text(ns, "prefix")),
    };
    (void)ek_image_add(c->image, EK_TABLE_NAMESPACES, &record);
  }
  return index;
}

static int add_members(const struct compiler *c, struct ek_model_shape *out, const char *name,
                       const struct ek_dom *shape) {
  const struct ek_dom *members = ek_dom_get(shape, "members"),
                      *required = ek_dom_get(shape, "required");
  const char *payload = ek_dom_text(shape, "payload");
  const struct ek_dom *child = ek_dom_members(members);
  for (; child != NULL; child = child->next) {
    struct ek_model_ref ref = {0};
    int code = make_ref(c, &ref, name, child->key, child, ROLE_MEMBER);
    if (code != 0) return code;
    for (const struct ek_dom *r = ek_dom_elements(required); r != NULL; r = r->next)
      if (r->text != NULL && strcmp(r->text, child->key) == 0) ref.flags |= EK_REF_REQUIRED;
    if (ref.location == EK_LOCATION_BODY) out->flags |= EK_SHAPE_BODY;
    (void)add_ref(c, &ref, child);
    out->ref_count++;
    if (payload != NULL && strcmp(payload, child->key) == 0) out->payload = out->ref_count;
  }
  if (payload != NULL && out->payload == 0)
    return ek_error_set(c->error, EK_ERR_INVALID, "%s: payload '%s' is not a member", name,
                        payload);
  return 0;
}

static int add_parts(const struct compiler *c, struct ek_model_shape *out, const char *name,
                     const struct ek_dom *shape) {
  if (out->type == EK_TYPE_STRUCTURE) return add_members(c, out, name, shape);
  static const struct {
    const char *key;
    enum role role;
  } list[] = {{"member", ROLE_ELEMENT}}, map[] = {{"key", ROLE_KEY}, {"value", ROLE_VALUE}};
  if (out->type > EK_TYPE_MAP) return 0;
  out->ref_count = out->type == EK_TYPE_LIST ? 1 : 2;
  for (int i = 0; i < out->ref_count; i++) {
    const char *key = out->type == EK_TYPE_LIST ? list[i].key : map[i].key;
    struct ek_model_ref ref;
    int code = make_ref(c, &ref, name, NULL, ek_dom_get(shape, key),
                        out->type == EK_TYPE_LIST ? list[i].role : map[i].role);
    if (code != 0) return code;
    (void)add_ref(c, &ref, ek_dom_get(shape, key));
  }
  return 0;
}

static bool fits(const struct ek_dom *list) {
  return list == NULL || list->count <= UINT16_MAX;
}

static int add_shape(const struct compiler *c, const char *name, const struct ek_dom *shape) {
  static const char *const types[EK_TYPE_COUNT] = {"structure", "list",    "map",      "string",
                                                   "blob",      "boolean", "integer",  "long",
                                                   "float",     "double",  "timestamp"};
  const char *type = ek_dom_text(shape, "type");
  int number = type != NULL && strcmp(type, "character") == 0
                   ? EK_TYPE_STRING
                   : position(types, EK_TYPE_COUNT, type);
  if (number < 0)
    return ek_error_set(c->error, EK_ERR_INVALID, "%s: unknown type '%s'", name,
                        type == NULL ? "" : type);
  const struct ek_dom *error = ek_dom_get(shape, "error"), *values = ek_dom_get(shape, "enum");
  if (!fits(values) || !fits(ek_dom_get(shape, "members")))
    return ek_error_set(c->error, EK_ERR_LIMIT, "%s: too many members or values", name);
  const char *code = ek_dom_text(error, "code");
  struct ek_model_shape out = {
      .name = ek_image_string(c->image, name),
      .refs = ek_image_count(c->image, EK_TABLE_REFS),
      .values = ek_image_count(c->image, EK_TABLE_VALUES),
      .bounds = ek_image_bounds(c->image, ek_dom_number(shape, "min", -INFINITY),
                                ek_dom_number(shape, "max", INFINITY)),
      .code = ek_image_string(c->image, code),
      .status = small(ek_dom_number(error, "httpStatusCode", 0)),
      .type = (uint8_t)number,
  };
  if (ek_dom_true(shape, "document")) out.flags |= EK_SHAPE_DOCUMENT;
  if (ek_dom_true(shape, "union")) out.flags |= EK_SHAPE_UNION;
  if (ek_dom_true(shape, "exception") || error != NULL) out.flags |= EK_SHAPE_EXCEPTION;
  if (ek_dom_true(shape, "eventstream")) out.flags |= EK_SHAPE_EVENTS;
  if (ek_dom_true(error, "senderFault")) out.flags |= EK_SHAPE_SENDER_FAULT;
  const struct ek_dom *retryable = ek_dom_get(shape, "retryable");
  if (retryable != NULL) out.flags |= EK_SHAPE_RETRYABLE;
  if (ek_dom_true(retryable, "throttling")) out.flags |= EK_SHAPE_THROTTLING;
  if (ek_dom_elements(values) != NULL) {
    out.value_count = (uint16_t)values->count;
    for (const struct ek_dom *value = values->child; value != NULL; value = value->next) {
      uint32_t offset = ek_image_string(c->image, value->text);
      (void)ek_image_add(c->image, EK_TABLE_VALUES, &offset);
    }
  }
  int failed = add_parts(c, &out, name, shape);
  if (failed == 0) (void)ek_image_add(c->image, EK_TABLE_SHAPES, &out);
  return failed;
}

/* What only the client's Lua reads, as one JSON object. */
static uint32_t make_traits(const struct compiler *c, const struct ek_dom *op,
                            const struct ek_dom *input_shape) {
  static const char *const keys[] = {"auth",
                                     "httpChecksum",
                                     "staticContextParams",
                                     "operationContextParams",
                                     "requestcompression",
                                     "endpointdiscovery",
                                     "endpointoperation"};
  struct ek_buf json = EK_BUF_INIT;
  const char *separator = "{";
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const struct ek_dom *node = ek_dom_get(op, keys[i]);
    if (node == NULL) continue;
    ek_buf_printf(&json, "%s\"%s\":", separator, keys[i]);
    ek_dom_write(&json, node);
    separator = ",";
  }
  const struct ek_dom *members = ek_dom_get(input_shape, "members");
  bool open = false;
  for (const struct ek_dom *m = ek_dom_members(members); m != NULL; m = m->next) {
    const char *param = ek_dom_text(ek_dom_get(m, "contextParam"), "name");
    if (param == NULL) continue;
    if (open)
      ek_buf_putc(&json, ',');
    else
      ek_buf_printf(&json, "%s\"contextParams\":{", separator);
    ek_buf_printf(&json, "\"%s\":\"%s\"", m->key, param);
    open = true;
    separator = ",";
  }
  if (open) ek_buf_putc(&json, '}');
  uint32_t offset = 0;
  if (json.len > 0 || json.failed) {
    ek_buf_putc(&json, '}');
    offset = add_text(c->image, &json);
  }
  ek_buf_fini(&json);
  return offset;
}

static uint16_t operation_flags(const struct ek_dom *op) {
  uint16_t flags = 0;
  const char *authtype = ek_dom_text(op, "authtype");
  if (ek_dom_true(op, "deprecated")) flags |= EK_OPERATION_DEPRECATED;
  if (ek_dom_true(op, "idempotent")) flags |= EK_OPERATION_IDEMPOTENT;
  if (ek_dom_true(op, "readonly")) flags |= EK_OPERATION_READONLY;
  if (authtype != NULL && strcmp(authtype, "none") == 0) flags |= EK_OPERATION_UNSIGNED;
  if (authtype != NULL && strcmp(authtype, "v4-unsigned-body") == 0)
    flags |= EK_OPERATION_UNSIGNED_PAYLOAD;
  if (ek_dom_true(op, "unsignedPayload")) flags |= EK_OPERATION_UNSIGNED_PAYLOAD;
  if (ek_dom_true(op, "httpChecksumRequired") ||
      ek_dom_true(ek_dom_get(op, "httpChecksum"), "requestChecksumRequired"))
    flags |= EK_OPERATION_CHECKSUM;
  /* auth: ["smithy.api#noAuth"] alone says the same as authtype none. */
  const struct ek_dom *auth = ek_dom_get(op, "auth");
  if (auth != NULL && auth->count == 1 && auth->child->text != NULL &&
      strcmp(auth->child->text, "smithy.api#noAuth") == 0)
    flags |= EK_OPERATION_UNSIGNED;
  return flags;
}

static int add_end(const struct compiler *c, uint32_t *out, const char *name,
                   const struct ek_dom *node) {
  if (node == NULL) return 0;
  struct ek_model_ref ref;
  int code = make_ref(c, &ref, name, NULL, node, ROLE_ROOT);
  if (code != 0) return code;
  ref.flags &= (uint16_t) ~(EK_REF_REQUIRED | EK_REF_FLATTENED);
  *out = 1 + add_ref(c, &ref, node);
  /* Models of old name the payload here. */
  const char *payload = ek_dom_text(node, "payload");
  struct ek_model_shape *shapes = (void *)c->image->table[EK_TABLE_SHAPES].data;
  const struct ek_model_ref *refs = (const void *)c->image->table[EK_TABLE_REFS].data;
  if (payload == NULL || c->image->table[EK_TABLE_SHAPES].failed ||
      c->image->table[EK_TABLE_REFS].failed)
    return 0;
  struct ek_model_shape *shape = &shapes[ref.shape];
  for (uint16_t i = 0; i < shape->ref_count; i++)
    if (refs[shape->refs + i].name == ek_image_string(c->image, payload))
      shape->payload = (uint16_t)(i + 1);
  return 0;
}

static int add_operation(const struct compiler *c, const char *name, const struct ek_dom *op) {
  const struct ek_dom *http = ek_dom_get(op, "http"), *input = ek_dom_get(op, "input");
  const struct ek_dom *errors = ek_dom_get(op, "errors");
  const struct named *input_shape = find_shape(c, ek_dom_text(input, "shape"));
  struct ek_buf text = EK_BUF_INIT;
  ek_snake_case(&text, name);
  struct ek_model_operation out = {
      .name = ek_image_string(c->image, name),
      .snake = add_text(c->image, &text),
      .method = ek_image_string(c->image, ek_dom_text(http, "method")),
      .host_prefix =
          ek_image_string(c->image, ek_dom_text(ek_dom_get(op, "endpoint"), "hostPrefix")),
      .wrapper = ek_image_string(c->image, ek_dom_text(ek_dom_get(op, "output"), "resultWrapper")),
      .traits = make_traits(c, op, input_shape == NULL ? NULL : input_shape->node),
      .errors = ek_image_count(c->image, EK_TABLE_VALUES),
      .error_count = (uint16_t)(ek_dom_elements(errors) == NULL ? 0 : errors->count),
      .flags = operation_flags(op),
      .status = small(ek_dom_number(http, "responseCode", 0)),
  };
  const char *uri = ek_dom_text(http, "requestUri");
  ek_buf_clear(&text);
  if (uri != NULL) {
    const char *mark = strchr(uri, '?');
    out.query = ek_image_string(c->image, mark == NULL ? NULL : mark + 1);
    ek_buf_append(&text, uri, mark == NULL ? strlen(uri) : (size_t)(mark - uri));
  }
  out.path = add_text(c->image, &text);
  ek_buf_fini(&text);
  for (const struct ek_dom *child = ek_dom_elements(errors); child != NULL; child = child->next) {
    const struct named *shape = find_shape(c, ek_dom_text(child, "shape"));
    if (shape == NULL)
      return ek_error_set(c->error, EK_ERR_INVALID, "%s: an error names no known shape", name);
    uint32_t index = (uint32_t)(shape - c->shapes);
    (void)ek_image_add(c->image, EK_TABLE_VALUES, &index);
  }
  int code = add_end(c, &out.input, name, input);
  if (code == 0) code = add_end(c, &out.output, name, ek_dom_get(op, "output"));
  if (code == 0) (void)ek_image_add(c->image, EK_TABLE_OPERATIONS, &out);
  return code;
}

static int add_operations(const struct compiler *c, const struct ek_dom *operations) {
  size_t count = 0;
  struct named *list = sorted_members(operations, &count);
  if (list == NULL) return ek_error_set(c->error, EK_ERR_NOMEM, "out of memory");
  int code = 0;
  for (size_t i = 0; i < count && code == 0; i++)
    code = add_operation(c, list[i].name, list[i].node);
  if (c->image->table[EK_TABLE_OPERATIONS].failed || c->image->table[EK_TABLE_STRINGS].failed)
    code = ek_error_set(c->error, EK_ERR_NOMEM, "out of memory");
  if (code == 0 && count > 0) {
    /* Reuse the list to sort by the other spelling; node then points into the table. */
    const struct ek_model_operation *table =
        (const void *)c->image->table[EK_TABLE_OPERATIONS].data;
    const char *strings = c->image->table[EK_TABLE_STRINGS].data;
    for (size_t i = 0; i < count; i++)
      list[i] = (struct named){strings + table[i].snake, (const void *)&table[i]};
    qsort(list, count, sizeof *list, by_name);
    for (size_t i = 0; i < count; i++) {
      uint32_t index =
          (uint32_t)((const struct ek_model_operation *)(const void *)list[i].node - table);
      (void)ek_image_add(c->image, EK_TABLE_SNAKES, &index);
    }
  }
  free(list);
  return code;
}

static int add_entries(const struct compiler *c, enum ek_model_table table,
                       const struct ek_dom *object) {
  size_t count = 0;
  struct named *list = sorted_members(object, &count);
  if (list == NULL) return ek_error_set(c->error, EK_ERR_NOMEM, "out of memory");
  struct ek_buf json = EK_BUF_INIT;
  for (size_t i = 0; i < count; i++) {
    ek_buf_clear(&json);
    ek_dom_write(&json, list[i].node);
    const struct ek_model_entry entry = {ek_image_string(c->image, list[i].name),
                                         add_text(c->image, &json)};
    (void)ek_image_add(c->image, table, &entry);
  }
  ek_buf_fini(&json);
  free(list);
  return 0;
}

static uint32_t json_string(struct ek_image *image, const struct ek_dom *node) {
  if (node == NULL) return 0;
  struct ek_buf json = EK_BUF_INIT;
  ek_dom_write(&json, node);
  uint32_t offset = add_text(image, &json);
  ek_buf_fini(&json);
  return offset;
}

static int compile(struct ek_image *image, const struct ek_dom *model, const char *service,
                   struct ek_error *e) {
  const struct ek_dom *metadata = ek_dom_get(model, "metadata");
  int protocol = find_protocol(metadata);
  if (protocol < 0) return ek_error_set(e, EK_ERR_INVALID, "metadata: no protocol that is known");
  struct compiler c = {.image = image, .protocol = (enum ek_model_protocol)protocol, .error = e};
  c.shapes = sorted_members(ek_dom_get(model, "shapes"), &c.shape_count);
  if (c.shapes == NULL) return ek_error_set(e, EK_ERR_NOMEM, "out of memory");

  const char *name = ek_dom_text(model, "service");
  struct ek_model_header *head = &image->head;
  head->service = ek_image_string(image, name != NULL ? name : service);
  head->metadata = json_string(image, metadata);
  head->api_version = ek_image_string(image, ek_dom_text(metadata, "apiVersion"));
  head->json_version = ek_image_string(image, ek_dom_text(metadata, "jsonVersion"));
  head->target_prefix = ek_image_string(image, ek_dom_text(metadata, "targetPrefix"));
  head->xml_namespace = ek_image_string(image, ek_dom_text(metadata, "xmlNamespace"));
  head->context_params = json_string(image, ek_dom_get(model, "clientContextParams"));
  head->protocol = (uint8_t)protocol;
  head->query_compatible = has(metadata, "awsQueryCompatible");

  int code = 0;
  for (size_t i = 0; i < c.shape_count && code == 0; i++)
    code = add_shape(&c, c.shapes[i].name, c.shapes[i].node);
  if (code == 0) code = add_operations(&c, ek_dom_get(model, "operations"));
  if (code == 0) code = add_entries(&c, EK_TABLE_WAITERS, ek_dom_get(model, "waiters"));
  if (code == 0) code = add_entries(&c, EK_TABLE_PAGINATORS, ek_dom_get(model, "pagination"));
  free(c.shapes);
  return code;
}

int ek_model_compile(struct ek_buf *out, const char *json, size_t len, const char *service,
                     struct ek_error *e) {
  struct ek_dom_arena arena = {NULL};
  struct ek_image image;
  struct ek_error ignored;
  struct ek_model check;
  if (e == NULL) e = &ignored;
  int code = ek_image_init(&image) ? 0 : ek_error_set(e, EK_ERR_NOMEM, "out of memory");
  if (code != 0) goto out;
  const struct ek_dom *model = ek_dom_parse(&arena, json, len, e);
  code = model == NULL ? e->code : compile(&image, model, service, e);
  if (code == 0 && !ek_image_finish(&image, out))
    code = ek_error_set(e, EK_ERR_NOMEM, "out of memory");
  if (code == 0) code = ek_model_open(&check, out->data, out->len, e);
out:
  ek_image_fini(&image);
  ek_dom_arena_fini(&arena);
  return code;
}

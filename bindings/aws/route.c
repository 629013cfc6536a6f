/* A server's half of a request: Service:route(request).
 *
 *   request: { method, path, query = "", headers = { [lower-case name] = value }, body = "" }
 *     -> operation, params
 *     -> nil, err, operation     err: { code, message, status, protocol }, for serialize_error;
 *                                the operation, if that much is known
 *
 * The operation is named by the path and X-Amz-Target (json), Action (query, ec2), the path (cbor)
 * or by method, path, query string and headers (rest). A service whose model lists several of the
 * protocols takes each of them; the operation answers in that of its request. What is asked is not
 * validated: Operation:validate(params). */
#include "bindings/aws/aws.h"
#include "core/encode.h"

struct request {
  struct ek_aws_walk walk;
  const char *method, *path, *query, *body;
  size_t path_len, query_len, body_len;
  int headers;                    /* stack index */
  const struct ek_aws_form *form; /* the query string; of query and ec2, the body too */
  const struct ek_model_operation *op;
};

static const struct ek_model_ref *input_of(const struct request *r) {
  return ek_model_input(r->walk.model, r->op);
}

/* -- paths ---------------------------------------------------------------------------------------
 */

struct span {
  const char *at;
  size_t len;
};

typedef void (*on_label)(struct request *r, struct span name, struct span value);

static size_t segment_length(const char *s, const char *end) {
  const char *slash = memchr(s, '/', (size_t)(end - s));
  return slash == NULL ? (size_t)(end - s) : (size_t)(slash - s);
}

static size_t count_segments(const char *s, const char *end) {
  size_t count = 0;
  for (; s < end; s++) count += *s == '/' && s + 1 < end;
  return count;
}

/* The end of the segments that a greedy label takes, leaving `rest` of them. */
static const char *greedy_end(const char *s, const char *end, size_t rest) {
  for (; rest > 0 && end > s; rest--) do
      end--;
    while (end > s && *end != '/');
  return end;
}

/* Whether the path is the template's; *literal counts the segments that are words. */
static bool match_path(struct request *r, const char *template, unsigned *literal, on_label fill) {
  const char *t = template, *t_end = t + strlen(t), *p = r->path, *p_end = p + r->path_len;
  *literal = 0;
  for (;;) {
    if (t < t_end && *t == '/') t++;
    if (t == t_end) return p == p_end || (p_end - p == 1 && *p == '/');
    if (p == p_end || *p != '/') return false;
    p++;
    size_t t_len = segment_length(t, t_end), p_len = segment_length(p, p_end);
    bool label = t_len > 2 && t[0] == '{' && t[t_len - 1] == '}';
    bool greedy = label && t[t_len - 2] == '+';
    if (greedy) p_len = (size_t)(greedy_end(p, p_end, count_segments(t + t_len, t_end)) - p);
    if (!label && (t_len != p_len || memcmp(t, p, t_len) != 0)) return false;
    if (label && p_len == 0) return false;
    if (!label) ++*literal;
    if (label && fill != NULL)
      fill(r, (struct span){t + 1, t_len - 2 - greedy}, (struct span){p, p_len});
    t += t_len;
    p += p_len;
  }
}

/* The constant query of a template ("acl&list-type=2"): how many of its parameters the request has,
 * -1: not all. */
static int match_constants(const struct request *r, const char *constants) {
  int count = 0;
  for (const char *at = constants; *at != '\0'; count++) {
    size_t len = strcspn(at, "&"), name_len = strcspn(at, "=&");
    const struct ek_aws_field *field = ek_aws_find_field(r->form, at, name_len);
    if (field == NULL) return -1;
    if (name_len < len && (field->value_len != len - name_len - 1 ||
                           memcmp(field->value, at + name_len + 1, field->value_len) != 0))
      return -1;
    at += len + (at[len] == '&');
  }
  return count;
}

static bool has_header(const struct request *r, const char *name) {
  lua_State *L = r->walk.L;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (; *name != '\0'; name++)
    luaL_addchar(&b, (char)(*name >= 'A' && *name <= 'Z' ? *name + ('a' - 'A') : *name));
  luaL_pushresult(&b);
  bool found = lua_rawget(L, r->headers) != LUA_TNIL;
  lua_pop(L, 1);
  return found;
}

/* Required parameters of the query string and headers: some operations differ only in them. How
 * many there are; *missing: not all. */
static int match_required(const struct request *r, const struct ek_model_operation *op,
                          bool *missing) {
  const struct ek_model_ref *input = ek_model_input(r->walk.model, op);
  const struct ek_model_shape *shape = input == NULL ? NULL : ek_aws_shape(&r->walk, input);
  int count = 0;
  *missing = false;
  for (uint32_t i = 0; shape != NULL && i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&r->walk, shape, i);
    const char *wire = ek_aws_string(&r->walk, ref->wire);
    if (!(ref->flags & EK_REF_REQUIRED)) continue;
    if (ref->location != EK_LOCATION_QUERY && ref->location != EK_LOCATION_HEADER) continue;
    bool there = ref->location == EK_LOCATION_HEADER
                     ? has_header(r, wire)
                     : ek_aws_find_field(r->form, wire, strlen(wire)) != NULL;
    if (there)
      count++;
    else
      *missing = true;
  }
  return count;
}

/* How well the request fits the operation, 0: not at all. Words of the path count most, then
 * constants of the query, then required parameters. */
static long fit(struct request *r, const struct ek_model_operation *op) {
  enum { FITS = 1, REQUIRED = 4, CONSTANT = 400, WORD = 40000, WHOLE = 40000000, CURRENT = 2 };
  unsigned literal;
  bool missing;
  if (strcmp(ek_aws_string(&r->walk, op->method), r->method) != 0 ||
      !match_path(r, ek_aws_string(&r->walk, op->path), &literal, NULL))
    return 0;
  int constants = match_constants(r, ek_aws_string(&r->walk, op->query));
  if (constants < 0) return 0;
  int required = match_required(r, op, &missing);
  return FITS + (missing ? 0 : WHOLE) + (long)literal * WORD + (long)constants * CONSTANT +
         (long)required * REQUIRED + (op->flags & EK_OPERATION_DEPRECATED ? 0 : CURRENT);
}

static const struct ek_model_operation *find_by_path(struct request *r) {
  const struct ek_model *m = r->walk.model;
  const struct ek_model_operation *best = NULL;
  long most = 0;
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_OPERATIONS); i++) {
    long now = fit(r, &m->operations[i]);
    if (now <= most) continue;
    most = now;
    best = &m->operations[i];
  }
  return best;
}

/* -- which operation ------------------------------------------------------------------------------
 */

static const struct ek_model_operation *find_by_name(const struct request *r, const char *name,
                                                     size_t len) {
  lua_pushlstring(r->walk.L, name, len);
  name = lua_tostring(r->walk.L, -1);
  /* The other spelling is not one of the wire's. */
  const struct ek_model_operation *op = *name >= 'A' && *name <= 'Z' && strlen(name) == len
                                            ? ek_model_find_operation(r->walk.model, name)
                                            : NULL;
  lua_pop(r->walk.L, 1);
  return op;
}

static const struct ek_model_operation *find_by_target(const struct request *r,
                                                       const char *target) {
  const char *prefix = ek_aws_string(&r->walk, r->walk.model->head->target_prefix);
  size_t n = strlen(prefix);
  if (strncmp(target, prefix, n) != 0 || target[n] != '.') return NULL;
  return find_by_name(r, target + n + 1, strlen(target + n + 1));
}

/* "/service/GraniteServiceVersion20100801/operation/ListMetrics" */
static const struct ek_model_operation *find_by_rpc_path(const struct request *r) {
  static const char operation[] = "/operation/", service[] = "/service/";
  const char *end = r->path + r->path_len, *name = end;
  while (name > r->path && name[-1] != '/') name--;
  size_t before = (size_t)(name - r->path);
  if (before < sizeof operation - 1 ||
      memcmp(name - (sizeof operation - 1), operation, sizeof operation - 1) != 0 ||
      strncmp(r->path, service, sizeof service - 1) != 0)
    return NULL;
  return find_by_name(r, name, (size_t)(end - name));
}

/* The protocol that the request speaks; the service's own if nothing says otherwise. */
static uint8_t protocol_of(const struct request *r) {
  uint8_t own = r->walk.model->head->protocol;
  lua_State *L = r->walk.L;
  int top = lua_gettop(L);
  uint8_t protocol = own;
  if (own == EK_PROTOCOL_EC2 || ek_aws_is_rest(own)) return own;
  const char *type = ek_aws_push_header(L, r->headers, "content-type");
  if (ek_aws_push_header(L, r->headers, "smithy-protocol") != NULL)
    protocol = EK_PROTOCOL_CBOR;
  else if (ek_aws_push_header(L, r->headers, "x-amz-target") != NULL)
    protocol = EK_PROTOCOL_JSON;
  else if ((type != NULL && strncmp(type, "application/x-www-form", 22) == 0) || r->query_len > 0)
    protocol = EK_PROTOCOL_QUERY;
  lua_settop(L, top);
  return protocol;
}

static void find_operation(struct request *r) {
  lua_State *L = r->walk.L;
  bool form = r->walk.protocol == EK_PROTOCOL_QUERY || r->walk.protocol == EK_PROTOCOL_EC2;
  r->form = ek_aws_new_form(&r->walk, r->query, r->query_len, r->body, form ? r->body_len : 0);
  if (form) {
    const struct ek_aws_field *action = ek_aws_find_field(r->form, "Action", 6);
    if (action != NULL) r->op = find_by_name(r, action->value, action->value_len);
  } else if (r->walk.protocol == EK_PROTOCOL_CBOR) {
    r->op = find_by_rpc_path(r);
  } else if (r->walk.protocol == EK_PROTOCOL_JSON) {
    const char *target = ek_aws_push_header(L, r->headers, "x-amz-target");
    if (target != NULL) r->op = find_by_target(r, target);
    if (target != NULL) lua_pop(L, 1);
  } else {
    r->op = find_by_path(r);
  }
}

/* -- its parameters; the table of them is on top of the stack
 * --------------------------------------
 */

static void read_label(struct request *r, struct span name, struct span value) {
  lua_State *L = r->walk.L;
  const struct ek_model_ref *input = input_of(r);
  const struct ek_model_shape *shape = input == NULL ? NULL : ek_aws_shape(&r->walk, input);
  for (uint32_t i = 0; shape != NULL && i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&r->walk, shape, i);
    const char *wire = ek_aws_string(&r->walk, ref->wire);
    if (ref->location != EK_LOCATION_LABEL || strlen(wire) != name.len ||
        memcmp(wire, name.at, name.len) != 0)
      continue;
    struct ek_buf *text = ek_lbuf_new(L);
    if (ek_percent_decode(text, value.at, value.len, NULL) != 0)
      (void)ek_aws_bad_value(&r->walk, ref, "not percent-encoded:", value.at, value.len);
    ek_aws_read_scalar(&r->walk, ref, text->data == NULL ? "" : text->data, text->len);
    lua_setfield(L, -3, ek_aws_string(&r->walk, ref->name));
    ek_buf_fini(text);
    lua_pop(L, 1);
  }
}

/* Pushes the values of all fields that are named like the first, in a list. */
static const struct ek_aws_field *push_fields(const struct request *r,
                                              const struct ek_model_ref *element,
                                              const struct ek_aws_field *first) {
  lua_State *L = r->walk.L;
  const struct ek_aws_field *field = first, *end = r->form->fields + r->form->count;
  lua_newtable(L);
  lua_pushvalue(L, r->walk.array_mt);
  lua_setmetatable(L, -2);
  for (lua_Integer i = 1; field < end && field->name_len == first->name_len &&
                          memcmp(field->name, first->name, first->name_len) == 0;
       i++, field++) {
    ek_aws_read_scalar(&r->walk, element, field->value, field->value_len);
    lua_rawseti(L, -2, i);
  }
  return field;
}

static bool is_own(const struct request *r, const struct ek_aws_field *field) {
  const struct ek_model_shape *shape = ek_aws_shape(&r->walk, input_of(r));
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&r->walk, shape, i);
    const char *wire = ek_aws_string(&r->walk, ref->wire);
    if (ref->location == EK_LOCATION_QUERY && strlen(wire) == field->name_len &&
        memcmp(wire, field->name, field->name_len) == 0)
      return true;
  }
  return false;
}

/* All parameters of the query string but those that have a member of their own. */
static void read_query_map(struct request *r, const struct ek_model_ref *ref) {
  lua_State *L = r->walk.L;
  const struct ek_model_ref *value = ek_aws_ref(&r->walk, ek_aws_shape(&r->walk, ref), 1);
  const struct ek_model_shape *shape = ek_aws_shape(&r->walk, value);
  bool list = shape->type == EK_TYPE_LIST;
  const struct ek_aws_field *field = r->form->fields, *end = field + r->form->count;
  lua_newtable(L);
  while (field < end) {
    const struct ek_aws_field *first = field;
    if (is_own(r, field)) {
      field++;
      continue;
    }
    lua_pushlstring(L, field->name, field->name_len);
    if (list) {
      field = push_fields(r, ek_aws_ref(&r->walk, shape, 0), first);
    } else {
      ek_aws_read_scalar(&r->walk, value, field->value, field->value_len);
      field++;
    }
    lua_rawset(L, -3);
  }
  lua_setfield(L, -2, ek_aws_string(&r->walk, ref->name));
}

static void read_query(struct request *r, const struct ek_model_shape *input) {
  lua_State *L = r->walk.L;
  for (uint32_t i = 0; i < input->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&r->walk, input, i);
    const struct ek_model_shape *shape = ek_aws_shape(&r->walk, ref);
    if (ref->location != EK_LOCATION_QUERY) continue;
    if (shape->type == EK_TYPE_MAP) {
      read_query_map(r, ref);
      continue;
    }
    const char *wire = ek_aws_string(&r->walk, ref->wire);
    const struct ek_aws_field *field = ek_aws_find_field(r->form, wire, strlen(wire));
    if (field == NULL) continue;
    if (shape->type == EK_TYPE_LIST)
      (void)push_fields(r, ek_aws_ref(&r->walk, shape, 0), field);
    else
      ek_aws_read_scalar(&r->walk, ref, field->value, field->value_len);
    lua_setfield(L, -2, ek_aws_string(&r->walk, ref->name));
  }
}

/* Moves the fields of the table on top of the stack into the one below it. */
static void merge(lua_State *L) {
  for (lua_pushnil(L); lua_next(L, -2) != 0;) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
}

static void read_rest(struct request *r, const struct ek_model_ref *input) {
  lua_State *L = r->walk.L;
  const struct ek_model_shape *shape = ek_aws_shape(&r->walk, input);
  unsigned ignored;
  lua_newtable(L);
  (void)match_path(r, ek_aws_string(&r->walk, r->op->path), &ignored, read_label);
  read_query(r, shape);
  ek_aws_read_headers(&r->walk, shape, r->headers, lua_gettop(L));
  if (shape->payload == 0) {
    if (!(shape->flags & EK_SHAPE_BODY) || r->body_len == 0) return;
    ek_aws_read_body(&r->walk, input, r->body, r->body_len);
    merge(L);
    return;
  }
  const struct ek_model_ref *payload = ek_aws_ref(&r->walk, shape, shape->payload - 1u);
  uint8_t type = ek_aws_shape(&r->walk, payload)->type;
  if (r->body_len == 0) return;
  if (type == EK_TYPE_BLOB || type == EK_TYPE_STRING)
    lua_pushlstring(L, r->body, r->body_len);
  else
    ek_aws_read_body(&r->walk, payload, r->body, r->body_len);
  lua_setfield(L, -2, ek_aws_string(&r->walk, payload->name));
}

static void read_params(struct request *r) {
  const struct ek_model_ref *input = input_of(r);
  if (input == NULL)
    lua_newtable(r->walk.L);
  else if (ek_aws_is_rest(r->walk.protocol))
    read_rest(r, input);
  else if (r->walk.protocol == EK_PROTOCOL_QUERY || r->walk.protocol == EK_PROTOCOL_EC2)
    ek_aws_read_form(&r->walk, input, r->form);
  else if (r->body_len == 0)
    lua_newtable(r->walk.L);
  else
    ek_aws_read_body(&r->walk, input, r->body, r->body_len);
}

/* -- the method ----------------------------------------------------------------------------------
 */

/* Stack of the protected part: 1 the lists' metatable, 2 the headers, 3 the struct request. Returns
 * the parameters, or nothing: no such operation. */
static int l_read(lua_State *L) {
  struct request *r = lua_touserdata(L, 3);
  luaL_checkstack(L, LUA_MINSTACK * 2, NULL);
  find_operation(r);
  if (r->op == NULL) return 0;
  read_params(r);
  return 1;
}

/* Leaves the field on the stack, which holds it. */
static const char *text_of(lua_State *L, const char *name, size_t *len) {
  lua_pushstring(L, name);
  int type = lua_rawget(L, 2);
  if (type != LUA_TSTRING && type != LUA_TNIL)
    luaL_error(L, "route: field '%s' must be a string, not a %s", name, luaL_typename(L, -1));
  *len = 0;
  return type == LUA_TNIL ? "" : lua_tolstring(L, -1, len);
}

static int fail(lua_State *L, const struct request *r, const char *code, int status,
                const char *message) {
  static const char *const names[EK_PROTOCOL_COUNT] = {
      [EK_PROTOCOL_JSON] = "json",         [EK_PROTOCOL_REST_JSON] = "rest-json",
      [EK_PROTOCOL_REST_XML] = "rest-xml", [EK_PROTOCOL_QUERY] = "query",
      [EK_PROTOCOL_EC2] = "ec2",           [EK_PROTOCOL_CBOR] = "smithy-rpc-v2-cbor"};
  lua_pushnil(L);
  ek_error_push(L, code, message);
  lua_pushinteger(L, status);
  lua_setfield(L, -2, "status");
  lua_pushstring(L, names[r->walk.protocol]);
  lua_setfield(L, -2, "protocol");
  if (r->op == NULL) return 2;
  ek_aws_push_operation(L, 1, r->op, r->walk.protocol);
  return 3;
}

/* What AWS says to a request that it cannot read. */
static const char *malformed(uint8_t protocol) {
  switch (protocol) {
  case EK_PROTOCOL_QUERY: return "MalformedInput";
  case EK_PROTOCOL_EC2: return "InvalidParameterValue";
  case EK_PROTOCOL_REST_XML: return "MalformedXML";
  default: return "SerializationException";
  }
}

int ek_aws_l_route(lua_State *L) {
  enum { BAD_REQUEST = 400, NOT_FOUND = 404 };
  const struct ek_model *m = ek_aws_check_service(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  ek_json_push_array_mt(L);
  if (lua_getfield(L, 2, "headers") != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  struct request r = {.headers = 4};
  size_t ignored;
  r.method = text_of(L, "method", &ignored);
  r.path = text_of(L, "path", &r.path_len);
  r.query = text_of(L, "query", &r.query_len);
  r.body = text_of(L, "body", &r.body_len);
  const struct ek_aws_operation any = {.model = m, .protocol = m->head->protocol};
  r.walk = ek_aws_walk(L, &any);
  r.walk.protocol = protocol_of(&r);
  r.walk.array_mt = 1;
  r.walk.strict = true;
  r.headers = 2;
  lua_pushcfunction(L, l_read);
  lua_pushvalue(L, 3);
  lua_pushvalue(L, 4);
  lua_pushlightuserdata(L, &r);
  int status = lua_pcall(L, 3, 1, 0);
  bool known = r.op != NULL;
  if (status != LUA_OK) {
    if (!lua_istable(L, -1)) return lua_error(L); /* memory, a mistake of ours */
    lua_getfield(L, -1, "message");
    return fail(L, &r, malformed(r.walk.protocol), BAD_REQUEST, lua_tostring(L, -1));
  }
  if (!known) {
    bool form = r.walk.protocol == EK_PROTOCOL_QUERY || r.walk.protocol == EK_PROTOCOL_EC2;
    return fail(L, &r, form ? "InvalidAction" : "UnknownOperationException",
                ek_aws_is_rest(r.walk.protocol) ? NOT_FOUND : BAD_REQUEST,
                "the service has no such operation");
  }
  ek_aws_push_operation(L, 1, r.op, r.walk.protocol);
  lua_insert(L, -2);
  return 2;
}

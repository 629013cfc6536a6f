/* A server's half of an answer.
 *
 *   Operation:serialize(output [, { request_id = }])    -> { status, headers, body }
 *   Operation:serialize_error(err [, { request_id = }]) -> the same
 *   Service:serialize_error(err [, { request_id = }])      where no operation is known
 *   Operation:serialize_event(name, value)              -> bytes, one message of the event stream
 *   Operation:validate(params)                          -> true | nil, err of code "validation"
 *
 * err: { code, message, status?, query_code?, ...the fields of the modeled error }; code is the
 * error's name in the model or on the wire, query_code the one of a service that once spoke the
 * query protocol. What does not fit the model raises, for that is the caller's mistake.
 * The body of an event stream is what serialize gives (the initial message, where the protocol has
 * one), then the events. */
#include "core/eventstream.h"

#include <strings.h>

#include "bindings/aws/aws.h"

enum { OK = 200, BAD_REQUEST = 400, SERVER_ERROR = 500 };

/* Stack: 1 operation or service, 2 output or error, 3 options, 4 result, 5 headers, 6 buffer. */
struct answer {
  struct ek_aws_walk walk;
  const struct ek_aws_operation *o;
  const char *request_id; /* "": none */
};

enum { VALUE = 2, OPTIONS, RESULT, HEADERS };

static void begin(lua_State *L, struct answer *a, const struct ek_aws_operation *o) {
  luaL_checkstack(L, LUA_MINSTACK * 2, NULL);
  luaL_checktype(L, VALUE, LUA_TTABLE);
  lua_settop(L, OPTIONS);
  a->o = o;
  a->request_id = "";
  if (!lua_isnil(L, OPTIONS)) {
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    lua_pushliteral(L, "request_id");
    if (lua_rawget(L, OPTIONS) == LUA_TSTRING) a->request_id = lua_tostring(L, -1);
    lua_replace(L, OPTIONS); /* holds it */
  }
  lua_createtable(L, 0, 3);
  lua_createtable(L, 0, 4);
  a->walk = ek_aws_walk(L, o);
  a->walk.answer = true;
  a->walk.out = ek_lbuf_new(L);
}

static void set_header(const struct answer *a, const char *name, const char *value) {
  lua_pushstring(a->walk.L, value);
  lua_setfield(a->walk.L, HEADERS, name);
}

/* Pushes the spelling that a header has; false, with nothing pushed: there is none. */
static bool push_spelling(const struct answer *a, const char *name) {
  lua_State *L = a->walk.L;
  for (lua_pushnil(L); lua_next(L, HEADERS) != 0;) {
    lua_pop(L, 1);
    if (strcasecmp(lua_tostring(L, -1), name) == 0) return true;
  }
  return false;
}

static bool has_header(const struct answer *a, const char *name) {
  bool found = push_spelling(a, name);
  if (found) lua_pop(a->walk.L, 1);
  return found;
}

static void drop_header(const struct answer *a, const char *name) {
  if (!push_spelling(a, name)) return;
  lua_pushnil(a->walk.L);
  lua_rawset(a->walk.L, HEADERS);
}

static bool is_s3(const struct answer *a) {
  return strncmp(ek_aws_string(&a->walk, a->o->model->head->service), "s3", 2) == 0;
}

static int finish(const struct answer *a, lua_Integer status) {
  lua_State *L = a->walk.L;
  if (*a->request_id != '\0')
    set_header(a, is_s3(a) ? "x-amz-request-id" : "x-amzn-requestid", a->request_id);
  if (a->walk.protocol == EK_PROTOCOL_CBOR) set_header(a, "smithy-protocol", "rpc-v2-cbor");
  lua_pushinteger(L, status);
  lua_setfield(L, RESULT, "status");
  ek_lbuf_push(L, a->walk.out);
  ek_buf_fini(a->walk.out);
  lua_setfield(L, RESULT, "body");
  lua_pushvalue(L, HEADERS);
  lua_setfield(L, RESULT, "headers");
  lua_pushvalue(L, RESULT);
  return 1;
}

/* -- XML -----------------------------------------------------------------------------------------
 */

static void open_element(const struct answer *a, const char *name, const char *suffix, bool root) {
  const char *ns = ek_aws_string(&a->walk, a->o->model->head->xml_namespace);
  ek_buf_printf(a->walk.out, "<%s%s", name, suffix);
  if (root && *ns != '\0') ek_buf_printf(a->walk.out, " xmlns=\"%s\"", ns);
  ek_buf_putc(a->walk.out, '>');
}

static void close_element(const struct answer *a, const char *name, const char *suffix) {
  ek_buf_printf(a->walk.out, "</%s%s>", name, suffix);
}

static void write_text(const struct answer *a, const char *name, const char *text, size_t len) {
  open_element(a, name, "", false);
  ek_aws_escape_xml(a->walk.out, text, len);
  close_element(a, name, "");
}

static void write_request_id(const struct answer *a, const char *name) {
  write_text(a, name, a->request_id, strlen(a->request_id));
}

/* The members of the structure at index that belong to the body. */
static void write_members(const struct answer *a, const struct ek_model_ref *ref, int index) {
  const struct ek_model_shape *shape = ek_aws_shape(&a->walk, ref);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *member = ek_aws_ref(&a->walk, shape, i);
    if (member->location != EK_LOCATION_BODY || !ek_aws_get(&a->walk, index, member)) continue;
    ek_aws_write_xml(&a->walk, member, lua_gettop(a->walk.L), false);
    lua_pop(a->walk.L, 1);
  }
}

static void write_ec2(const struct answer *a, const struct ek_model_ref *output) {
  const char *name = ek_aws_string(&a->walk, a->o->op->name);
  open_element(a, name, "Response", true);
  write_request_id(a, "requestId");
  if (output != NULL) write_members(a, output, VALUE);
  close_element(a, name, "Response");
}

static void write_query(const struct answer *a, const struct ek_model_ref *output) {
  const char *name = ek_aws_string(&a->walk, a->o->op->name);
  const char *wrapper = ek_aws_string(&a->walk, a->o->op->wrapper);
  open_element(a, name, "Response", true);
  if (output != NULL) {
    const char *suffix = *wrapper == '\0' ? "Result" : "";
    if (*wrapper == '\0') wrapper = name;
    open_element(a, wrapper, suffix, false);
    write_members(a, output, VALUE);
    close_element(a, wrapper, suffix);
  }
  open_element(a, "ResponseMetadata", "", false);
  write_request_id(a, "RequestId");
  close_element(a, "ResponseMetadata", "");
  close_element(a, name, "Response");
}

/* -- outputs -------------------------------------------------------------------------------------
 */

static const char *content_type(const struct answer *a) {
  const char *version = ek_aws_string(&a->walk, a->o->model->head->json_version);
  switch (a->walk.protocol) {
  case EK_PROTOCOL_JSON:
    return strcmp(version, "1.1") == 0 ? "application/x-amz-json-1.1"
                                       : "application/x-amz-json-1.0";
  case EK_PROTOCOL_REST_JSON: return "application/json";
  case EK_PROTOCOL_CBOR: return "application/cbor";
  case EK_PROTOCOL_REST_XML: return "application/xml";
  default: return "text/xml";
  }
}

static void write_payload(const struct answer *a, const struct ek_model_ref *payload) {
  lua_State *L = a->walk.L;
  uint8_t type = ek_aws_shape(&a->walk, payload)->type;
  if (!ek_aws_get(&a->walk, VALUE, payload)) return;
  if (type == EK_TYPE_BLOB || type == EK_TYPE_STRING) {
    size_t len;
    const char *bytes = ek_aws_text(L, -1, &len);
    ek_buf_append(a->walk.out, bytes, len);
    if (!has_header(a, "content-type"))
      set_header(a, "content-type",
                 type == EK_TYPE_BLOB ? "application/octet-stream" : "text/plain");
  } else if (a->walk.protocol == EK_PROTOCOL_REST_XML) {
    ek_aws_write_xml(&a->walk, payload, lua_gettop(L), false);
  } else {
    ek_aws_write_json(&a->walk, payload, lua_gettop(L), false);
  }
  lua_pop(L, 1);
}

static lua_Integer write_rest(const struct answer *a, const struct ek_model_ref *output) {
  lua_State *L = a->walk.L;
  const struct ek_model_shape *shape = ek_aws_shape(&a->walk, output);
  lua_Integer status = a->o->op->status == 0 ? OK : a->o->op->status;
  ek_aws_write_headers(&a->walk, shape, VALUE, HEADERS);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *member = ek_aws_ref(&a->walk, shape, i);
    if (member->location != EK_LOCATION_STATUS || !ek_aws_get(&a->walk, VALUE, member)) continue;
    status = lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  if (shape->payload > 0)
    write_payload(a, ek_aws_ref(&a->walk, shape, shape->payload - 1u));
  else if (!(shape->flags & EK_SHAPE_BODY))
    return status;
  else if (a->walk.protocol == EK_PROTOCOL_REST_XML)
    ek_aws_write_xml(&a->walk, output, VALUE, true);
  else
    ek_aws_write_json(&a->walk, output, VALUE, true);
  return status;
}

/* The other members of an output with events, where the protocol keeps them in the body. */
static void write_initial(const struct answer *a, const struct ek_model_ref *output) {
  lua_State *L = a->walk.L;
  size_t start = ek_event_begin(a->walk.out);
  ek_event_write_string(a->walk.out, ":message-type", "event");
  ek_event_write_string(a->walk.out, ":event-type", "initial-response");
  ek_event_write_string(a->walk.out, ":content-type", content_type(a));
  struct ek_aws_walk walk = a->walk;
  walk.out = ek_lbuf_new(L);
  if (a->walk.protocol == EK_PROTOCOL_CBOR)
    ek_aws_write_cbor(&walk, output, VALUE);
  else
    ek_aws_write_json(&walk, output, VALUE, false);
  ek_event_end(a->walk.out, start, walk.out->data, walk.out->len);
  ek_buf_fini(walk.out);
  lua_pop(L, 1);
}

static lua_Integer write_output(const struct answer *a, const struct ek_model_ref *output) {
  bool events = ek_aws_events(&a->walk, output) != NULL;
  if (ek_aws_is_rest(a->walk.protocol))
    return output == NULL ? (a->o->op->status == 0 ? OK : a->o->op->status) : write_rest(a, output);
  if (events)
    write_initial(a, output);
  else if (a->walk.protocol == EK_PROTOCOL_EC2)
    write_ec2(a, output);
  else if (a->walk.protocol == EK_PROTOCOL_QUERY)
    write_query(a, output);
  else if (a->walk.protocol == EK_PROTOCOL_CBOR && output != NULL)
    ek_aws_write_cbor(&a->walk, output, VALUE);
  else if (a->walk.protocol == EK_PROTOCOL_JSON && output != NULL)
    ek_aws_write_json(&a->walk, output, VALUE, false);
  else if (a->walk.protocol == EK_PROTOCOL_JSON)
    ek_buf_puts(a->walk.out, "{}");
  return OK;
}

int ek_aws_l_serialize(lua_State *L) {
  const struct ek_aws_operation *o = ek_aws_check_operation(L, 1);
  const struct ek_model_ref *output = ek_model_output(o->model, o->op);
  struct answer a;
  begin(L, &a, o);
  ek_aws_validate_output(L, o, output, VALUE);
  lua_Integer status = write_output(&a, output);
  if (ek_aws_events(&a.walk, output) != NULL) {
    drop_header(&a, "content-type"); /* a member's */
    set_header(&a, "content-type", "application/vnd.amazon.eventstream");
  }
  if (a.walk.out->len > 0 && !has_header(&a, "content-type"))
    set_header(&a, "content-type", content_type(&a));
  return finish(&a, status);
}

/* -- errors --------------------------------------------------------------------------------------
 */

struct failure {
  const char *code, *type; /* on the wire */
  size_t code_len;
  const char *message;
  size_t message_len;
  const struct ek_model_shape *shape; /* NULL: not modeled */
  struct ek_model_ref ref;            /* a use of the shape */
  lua_Integer status;
};

static const struct ek_model_ref *member_of(const struct answer *a, const struct failure *f,
                                            uint32_t i) {
  return ek_aws_ref(&a->walk, f->shape, i);
}

static bool is_message(const struct answer *a, const struct ek_model_ref *ref) {
  return strcasecmp(ek_aws_string(&a->walk, ref->name), "message") == 0;
}

/* Calls write for the modeled fields in the body, the message left out, with each on top of the
 * stack; returns their number. */
static unsigned each_field(const struct answer *a, const struct failure *f,
                           void (*write)(const struct answer *, const struct ek_model_ref *)) {
  unsigned count = 0;
  for (uint32_t i = 0; f->shape != NULL && i < f->shape->ref_count; i++) {
    const struct ek_model_ref *ref = member_of(a, f, i);
    if (ref->location != EK_LOCATION_BODY || is_message(a, ref)) continue;
    if (!ek_aws_get(&a->walk, VALUE, ref)) continue;
    count++;
    if (write != NULL) write(a, ref);
    lua_pop(a->walk.L, 1);
  }
  return count;
}

static void write_xml_field(const struct answer *a, const struct ek_model_ref *ref) {
  ek_aws_write_xml(&a->walk, ref, lua_gettop(a->walk.L), false);
}

static void write_json_field(const struct answer *a, const struct ek_model_ref *ref) {
  const char *wire = ek_aws_string(&a->walk, ref->wire);
  ek_buf_putc(a->walk.out, ',');
  ek_json_write_string(a->walk.out, wire, strlen(wire));
  ek_buf_putc(a->walk.out, ':');
  ek_aws_write_json(&a->walk, ref, lua_gettop(a->walk.L), false);
}

static void write_cbor_field(const struct answer *a, const struct ek_model_ref *ref) {
  const char *wire = ek_aws_string(&a->walk, ref->wire);
  ek_cbor_write_text(a->walk.out, wire, strlen(wire));
  ek_aws_write_cbor(&a->walk, ref, lua_gettop(a->walk.L));
}

static const char *message_key(const struct answer *a, const struct failure *f) {
  for (uint32_t i = 0; f->shape != NULL && i < f->shape->ref_count; i++)
    if (is_message(a, member_of(a, f, i))) return ek_aws_string(&a->walk, member_of(a, f, i)->wire);
  return "message";
}

static void write_xml_error(const struct answer *a, const struct failure *f) {
  bool ec2 = a->walk.protocol == EK_PROTOCOL_EC2, s3 = is_s3(a);
  const char *root = ec2 ? "Response" : "ErrorResponse";
  const char *fault = f->status < SERVER_ERROR ? "Sender" : "Receiver";
  if (!s3) open_element(a, root, "", !ec2);
  if (ec2) open_element(a, "Errors", "", false);
  open_element(a, "Error", "", false);
  if (!ec2 && !s3) write_text(a, "Type", fault, strlen(fault));
  write_text(a, "Code", f->code, f->code_len);
  write_text(a, "Message", f->message, f->message_len);
  (void)each_field(a, f, write_xml_field);
  if (s3) write_request_id(a, "RequestId");
  close_element(a, "Error", "");
  if (ec2) close_element(a, "Errors", "");
  if (!s3) write_request_id(a, ec2 ? "RequestID" : "RequestId");
  if (!s3) close_element(a, root, "");
}

static void write_json_error(const struct answer *a, const struct failure *f) {
  const char *key = message_key(a, f);
  struct ek_buf *out = a->walk.out;
  ek_buf_puts(out, "{\"__type\":");
  ek_json_write_string(out, f->type, strlen(f->type));
  ek_buf_putc(out, ',');
  ek_json_write_string(out, key, strlen(key));
  ek_buf_putc(out, ':');
  ek_json_write_string(out, f->message, f->message_len);
  (void)each_field(a, f, write_json_field);
  ek_buf_putc(out, '}');
}

static void write_cbor_error(const struct answer *a, const struct failure *f) {
  const char *key = message_key(a, f);
  struct ek_buf *out = a->walk.out;
  ek_cbor_write_map(out, 2 + each_field(a, f, NULL));
  ek_cbor_write_text(out, "__type", 6);
  ek_cbor_write_text(out, f->type, strlen(f->type));
  ek_cbor_write_text(out, key, strlen(key));
  ek_cbor_write_text(out, f->message, f->message_len);
  (void)each_field(a, f, write_cbor_field);
}

/* Leaves the field of the error on the stack, which holds it. */
static const char *text_of(lua_State *L, const char *name, const char *otherwise, size_t *len) {
  lua_pushstring(L, name);
  int type = lua_rawget(L, VALUE);
  if (type != LUA_TNIL && type != LUA_TSTRING)
    luaL_error(L, "serialize_error: field '%s' must be a string, not a %s", name,
               luaL_typename(L, -1));
  const char *text = type == LUA_TNIL ? otherwise : lua_tolstring(L, -1, len);
  if (type == LUA_TNIL) *len = strlen(otherwise);
  return text;
}

static void describe_failure(const struct answer *a, struct failure *f) {
  lua_State *L = a->walk.L;
  const struct ek_model *m = a->o->model;
  f->code = text_of(L, "code", "", &f->code_len);
  if (f->code_len == 0) luaL_error(L, "serialize_error: field 'code' (string) is required");
  f->message = text_of(L, "message", "", &f->message_len);
  f->type = f->code;
  f->shape = ek_model_find_error(m, a->o->op, f->code);
  f->status = BAD_REQUEST;
  if (f->shape != NULL) {
    const char *wire = ek_aws_string(&a->walk, f->shape->code);
    f->ref = (struct ek_model_ref){.shape = (uint32_t)(f->shape - m->shapes)};
    f->type = ek_aws_string(&a->walk, f->shape->name);
    f->code = *wire == '\0' ? f->type : wire;
    f->code_len = strlen(f->code);
    if (f->shape->status != 0) f->status = f->shape->status;
    ek_aws_validate_error(L, a->o, &f->ref, VALUE);
  }
  lua_pushliteral(L, "status");
  if (lua_rawget(L, VALUE) == LUA_TNUMBER) f->status = lua_tointeger(L, -1);
  lua_pop(L, 1);
}

static int serialize_error(lua_State *L, const struct ek_aws_operation *o) {
  struct answer a;
  struct failure f = {0};
  begin(L, &a, o);
  describe_failure(&a, &f);
  if (f.shape != NULL && ek_aws_is_rest(o->protocol))
    ek_aws_write_headers(&a.walk, f.shape, VALUE, HEADERS);
  /* An answer to HEAD has no body. */
  if (strcmp(ek_aws_string(&a.walk, o->op->method), "HEAD") == 0) return finish(&a, f.status);
  switch (o->protocol) {
  case EK_PROTOCOL_JSON: write_json_error(&a, &f); break;
  case EK_PROTOCOL_REST_JSON:
    set_header(&a, "x-amzn-errortype", f.type);
    write_json_error(&a, &f);
    break;
  case EK_PROTOCOL_CBOR: write_cbor_error(&a, &f); break;
  default: write_xml_error(&a, &f);
  }
  bool rpc = o->protocol == EK_PROTOCOL_JSON || o->protocol == EK_PROTOCOL_CBOR;
  size_t ignored;
  if (rpc && o->model->head->query_compatible) {
    lua_pushfstring(L, "%s;%s", text_of(L, "query_code", f.code, &ignored),
                    f.status < SERVER_ERROR ? "Sender" : "Receiver");
    lua_setfield(L, HEADERS, "x-amzn-query-error");
  }
  set_header(&a, "content-type", content_type(&a));
  return finish(&a, f.status);
}

int ek_aws_l_serialize_error(lua_State *L) {
  return serialize_error(L, ek_aws_check_operation(L, 1));
}

int ek_aws_l_service_error(lua_State *L) {
  static const char *const names[] = {
      [EK_PROTOCOL_JSON] = "json",         [EK_PROTOCOL_REST_JSON] = "rest-json",
      [EK_PROTOCOL_REST_XML] = "rest-xml", [EK_PROTOCOL_QUERY] = "query",
      [EK_PROTOCOL_EC2] = "ec2",           [EK_PROTOCOL_CBOR] = "smithy-rpc-v2-cbor"};
  static const struct ek_model_operation unknown;
  const struct ek_model *m = ek_aws_check_service(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  struct ek_aws_operation o = {.model = m, .op = &unknown, .protocol = m->head->protocol};
  lua_getfield(L, 2, "protocol");
  for (uint8_t i = 0; lua_type(L, -1) == LUA_TSTRING && i < EK_PROTOCOL_COUNT; i++)
    if (strcmp(lua_tostring(L, -1), names[i]) == 0) o.protocol = i;
  lua_pop(L, 1);
  return serialize_error(L, &o);
}

/* -- events --------------------------------------------------------------------------------------
 */

static void write_event_header(const struct answer *a, const struct ek_model_ref *ref) {
  lua_State *L = a->walk.L;
  const char *wire = ek_aws_string(&a->walk, ref->wire);
  struct ek_event_header h = {.name = wire, .name_len = strlen(wire)};
  double seconds = 0;
  switch (ek_aws_shape(&a->walk, ref)->type) {
  case EK_TYPE_BOOLEAN: h.type = lua_toboolean(L, -1) ? EK_EVENT_TRUE : EK_EVENT_FALSE; break;
  case EK_TYPE_INTEGER: h.type = EK_EVENT_INTEGER; break;
  case EK_TYPE_LONG: h.type = EK_EVENT_LONG; break;
  case EK_TYPE_BLOB: h.type = EK_EVENT_BYTES; break;
  case EK_TYPE_TIMESTAMP:
    h.type = EK_EVENT_TIMESTAMP;
    (void)ek_aws_to_time(L, -1, &seconds);
    break;
  default: h.type = EK_EVENT_STRING;
  }
  if (h.type == EK_EVENT_BYTES || h.type == EK_EVENT_STRING)
    h.bytes = ek_aws_text(L, -1, &h.len);
  else if (h.type == EK_EVENT_TIMESTAMP)
    h.integer = (int64_t)(seconds * 1000 + (seconds < 0 ? -0.5 : 0.5));
  else
    h.integer = lua_tointeger(L, -1);
  if (h.len > INT16_MAX) luaL_error(L, "serialize_event: header '%s' is too long", wire);
  ek_event_write_header(a->walk.out, &h);
}

/* Pushes the bytes of the payload; returns their content type. */
static const char *push_payload(const struct answer *a, const struct ek_model_ref *event,
                                struct ek_buf **bytes) {
  lua_State *L = a->walk.L;
  const struct ek_model_shape *shape = ek_aws_shape(&a->walk, event);
  struct ek_aws_walk walk = a->walk;
  *bytes = walk.out = ek_lbuf_new(L);
  bool in_headers = shape->ref_count > 0;
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&a->walk, shape, i);
    if (!(ref->flags & EK_REF_EVENT_HEADER)) in_headers = false;
    if (!(ref->flags & EK_REF_EVENT_PAYLOAD)) continue;
    uint8_t type = ek_aws_shape(&a->walk, ref)->type;
    bool raw = type == EK_TYPE_BLOB || type == EK_TYPE_STRING;
    if (!ek_aws_get(&a->walk, VALUE + 1, ref)) return content_type(a);
    if (raw) {
      size_t len;
      const char *text = ek_aws_text(L, -1, &len);
      ek_buf_append(*bytes, text, len);
    } else {
      ek_aws_write_body(&walk, ref, lua_gettop(L));
    }
    lua_pop(L, 1);
    return type == EK_TYPE_BLOB ? "application/octet-stream" : raw ? "text/plain" : content_type(a);
  }
  if (!in_headers) ek_aws_write_body(&walk, event, VALUE + 1);
  return content_type(a);
}

int ek_aws_l_serialize_event(lua_State *L) {
  const struct ek_aws_operation *o = ek_aws_check_operation(L, 1);
  const char *name = luaL_checkstring(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  struct answer a = {.walk = ek_aws_walk(L, o), .o = o};
  const struct ek_model_ref *stream = ek_aws_events(&a.walk, ek_model_output(o->model, o->op));
  const struct ek_model_ref *event =
      stream == NULL
          ? NULL
          : ek_model_find_member(o->model, ek_aws_shape(&a.walk, stream), name, strlen(name));
  if (event == NULL) return luaL_error(L, "serialize_event: there is no event '%s'", name);
  ek_aws_validate_output(L, o, event, 3);
  a.walk.answer = true;
  a.walk.out = ek_lbuf_new(L);
  const struct ek_model_shape *shape = ek_aws_shape(&a.walk, event);
  bool exception = shape->flags & EK_SHAPE_EXCEPTION;
  struct ek_buf *payload;
  const char *type = push_payload(&a, event, &payload);
  size_t start = ek_event_begin(a.walk.out);
  ek_event_write_string(a.walk.out, ":message-type", exception ? "exception" : "event");
  ek_event_write_string(a.walk.out, exception ? ":exception-type" : ":event-type", name);
  ek_event_write_string(a.walk.out, ":content-type", type);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&a.walk, shape, i);
    if (!(ref->flags & EK_REF_EVENT_HEADER) || !ek_aws_get(&a.walk, 3, ref)) continue;
    write_event_header(&a, ref);
    lua_pop(L, 1);
  }
  ek_event_end(a.walk.out, start, payload->data, payload->len);
  ek_lbuf_push(L, a.walk.out);
  return 1;
}

/* -- parameters ----------------------------------------------------------------------------------
 */

static int l_check(lua_State *L) {
  ek_aws_validate(L, ek_aws_check_operation(L, 1), 2);
  return 0;
}

int ek_aws_l_validate(lua_State *L) {
  (void)ek_aws_check_operation(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_pushcfunction(L, l_check);
  lua_insert(L, 1);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  if (!lua_istable(L, -1)) return lua_error(L);
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* Answers: Operation:parse(status, headers, body) and Operation:parse_error(status, headers, body).
 *
 * parse gives the output table and the request id (or nil); it raises "invalid_response" for what
 * is not an answer of the service: a proxy's page, a cut body, a value of the wrong type.
 * parse_error gives { code, message, request_id, retryable, throttling, ...the error's own fields }
 * and copes with anything. Headers are a table with names in lower case. */
#include <ctype.h>
#include <strings.h>

#include "bindings/aws/aws.h"

#define NOT_OF_SERVICE "not an answer of the service"

struct response {
  struct ek_aws_walk walk;
  const struct ek_aws_operation *o;
  lua_Integer status;
  int headers, result; /* stack indices */
  const char *body;
  size_t len;
};

static enum ek_aws_kind kind_of(const struct response *r) {
  return ek_aws_kind_of(&r->walk, r->body, r->len);
}

static const char *push_header(const struct response *r, const char *name) {
  return ek_aws_push_header(r->walk.L, r->headers, name);
}

static const char *push_request_id(const struct response *r) {
  const char *id = push_header(r, "x-amzn-requestid");
  return id != NULL ? id : push_header(r, "x-amz-request-id");
}

/* Where the title of a page begins, or else its text. */
static size_t page_start(const char *body, size_t len) {
  static const char title[] = "<title";
  enum { LOOKED_AT = 4096 };
  for (size_t i = 0; i + sizeof title <= len && i < LOOKED_AT; i++)
    if (strncasecmp(body + i, title, sizeof title - 1) == 0) return i;
  return 0;
}

/* Pushes "<what> (HTTP 200, text/html): <first bytes>", in printable characters only; of a page its
 * title, or its text without the tags. */
static const char *push_oddity(const struct response *r, const char *what) {
  enum { SHOWN = 120 };
  lua_State *L = r->walk.L;
  const char *type = push_header(r, "content-type");
  bool page = type != NULL && strncasecmp(type, "text/html", strlen("text/html")) == 0;
  char shown[SHOWN + 4];
  size_t n = 0, start = page ? page_start(r->body, r->len) : 0;
  bool space = true, tag = false;
  for (size_t i = start; i < r->len && n < SHOWN; i++) {
    unsigned char c = (unsigned char)r->body[i];
    if (page && (tag || c == '<')) {
      /* A title ends with the first tag behind it. */
      if (start > 0 && n > 0) break;
      tag = c != '>';
      c = ' ';
    }
    if (c <= ' ') {
      if (!space) shown[n++] = ' ';
      space = true;
    } else {
      shown[n++] = c < 0x7f ? (char)c : '?';
      space = false;
    }
  }
  if (n > 0 && shown[n - 1] == ' ') n--;
  (void)snprintf(shown + n, sizeof shown - n, "%s", n == SHOWN ? "..." : "");
  lua_pushfstring(L, "%s (HTTP %d, %s): %s", what, (int)r->status,
                  type == NULL ? "no content type" : type, n == 0 ? "empty body" : shown);
  if (type != NULL) lua_remove(L, -2);
  return lua_tostring(L, -1);
}

static int raise_invalid(struct response *r, const char *message) {
  return ek_aws_invalid(&r->walk, message);
}

/* Moves the fields of the table on top of the stack into the result. */
static void merge(const struct response *r) {
  lua_State *L = r->walk.L;
  for (lua_pushnil(L); lua_next(L, -2) != 0;) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, r->result);
  }
  lua_pop(L, 1);
}

/* ec2: every answer is <OperationResponse>, or at least named after the operation. */
static bool is_envelope(const struct response *r, const struct ek_xml_node *root) {
  static const char suffix[] = "Response";
  const char *name = ek_aws_string(&r->walk, r->o->op->name);
  size_t n = sizeof suffix - 1;
  return (root->name_len >= n && memcmp(root->name + root->name_len - n, suffix, n) == 0) ||
         (root->name_len == strlen(name) && memcmp(root->name, name, root->name_len) == 0);
}

static void read_body(struct response *r, const struct ek_model_ref *ref) {
  lua_State *L = r->walk.L;
  uint8_t protocol = r->walk.protocol;
  bool never_empty = protocol == EK_PROTOCOL_QUERY || protocol == EK_PROTOCOL_EC2;
  bool xml = never_empty || protocol == EK_PROTOCOL_REST_XML;
  enum ek_aws_kind kind = kind_of(r);
  if ((xml && kind == EK_AWS_OTHER) || (never_empty && kind == EK_AWS_EMPTY))
    (void)raise_invalid(r, push_oddity(r, NOT_OF_SERVICE));
  if (kind == EK_AWS_EMPTY) {
    lua_newtable(L);
  } else if (protocol == EK_PROTOCOL_JSON || protocol == EK_PROTOCOL_REST_JSON) {
    if (kind == EK_AWS_XML) (void)raise_invalid(r, push_oddity(r, "not JSON"));
    ek_aws_read_json_body(&r->walk, ref, r->body, r->len);
  } else if (protocol == EK_PROTOCOL_CBOR) {
    if (kind != EK_AWS_CBOR) (void)raise_invalid(r, push_oddity(r, "not CBOR"));
    ek_aws_read_cbor_body(&r->walk, ref, r->body, r->len);
  } else {
    const struct ek_xml_node *node = ek_aws_parse_xml(&r->walk, r->body, r->len);
    const char *wrapper = ek_aws_string(&r->walk, r->o->op->wrapper);
    const struct ek_xml_node *inner = *wrapper == '\0' ? node : ek_aws_xml_child(node, wrapper);
    /* Where nothing is expected, nothing is missed. */
    if (inner == NULL && ek_aws_shape(&r->walk, ref)->ref_count == 0) inner = node;
    if (inner == NULL || (protocol == EK_PROTOCOL_EC2 && !is_envelope(r, node)))
      (void)raise_invalid(r, push_oddity(r, NOT_OF_SERVICE));
    else
      ek_aws_read_xml(&r->walk, ref, inner);
    lua_remove(L, -2);
  }
}

/* All members of a rest answer (or error) into the result. */
static void read_rest(struct response *r, const struct ek_model_ref *ref, bool with_body) {
  lua_State *L = r->walk.L;
  const struct ek_model_shape *shape = ek_aws_shape(&r->walk, ref);
  int top = lua_gettop(L);
  ek_aws_read_headers(&r->walk, shape, r->headers, r->result);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *member = ek_aws_ref(&r->walk, shape, i);
    if (member->location == EK_LOCATION_STATUS) {
      lua_pushinteger(L, r->status);
      lua_setfield(L, r->result, ek_aws_string(&r->walk, member->name));
    }
    lua_settop(L, top);
  }
  if (!with_body) return;
  if (shape->payload == 0) {
    if ((shape->flags & EK_SHAPE_BODY) == 0) return;
    read_body(r, ref);
    merge(r);
    return;
  }
  const struct ek_model_ref *payload = ek_aws_ref(&r->walk, shape, shape->payload - 1u);
  uint8_t type = ek_aws_shape(&r->walk, payload)->type;
  if (type == EK_TYPE_BLOB || type == EK_TYPE_STRING)
    lua_pushlstring(L, r->body, r->len);
  else if (kind_of(r) == EK_AWS_EMPTY)
    return;
  else
    read_body(r, payload);
  lua_setfield(L, r->result, ek_aws_string(&r->walk, payload->name));
}

/* Stack: 1 operation, 2 status, 3 headers, 4 body, 5 result, 6 metatable of lists. */
static void open_response(lua_State *L, struct response *r) {
  *r = (struct response){.o = ek_aws_check_operation(L, 1), .headers = 3, .result = 5};
  luaL_checkstack(L, LUA_MINSTACK * 2, NULL);
  r->status = luaL_checkinteger(L, 2);
  if (lua_isnoneornil(L, 3)) {
    lua_settop(L, 4);
    lua_newtable(L);
    lua_replace(L, 3);
  }
  luaL_checktype(L, 3, LUA_TTABLE);
  r->body = luaL_optlstring(L, 4, "", &r->len);
  lua_settop(L, 4);
  lua_newtable(L);
  ek_json_push_array_mt(L);
  r->walk = ek_aws_walk(L, r->o);
  r->walk.array_mt = 6;
}

/* The protected part of parse. 7: the struct response. */
static int l_read_answer(lua_State *L) {
  struct response *r = lua_touserdata(L, 7);
  luaL_checkstack(L, LUA_MINSTACK * 2, NULL);
  const struct ek_model_ref *output = ek_model_output(r->o->model, r->o->op);
  lua_settop(L, 6);
  if (output == NULL) return 0;
  bool events = ek_aws_events(&r->walk, output) != NULL; /* they are the body */
  if (ek_aws_is_rest(r->walk.protocol)) {
    read_rest(r, output, !events);
  } else if (!events) {
    read_body(r, output);
    merge(r);
  }
  return 0;
}

int ek_aws_l_parse(lua_State *L) {
  struct response r;
  open_response(L, &r);
  lua_pushcfunction(L, l_read_answer);
  for (int i = 1; i <= 6; i++) lua_pushvalue(L, i);
  lua_pushlightuserdata(L, &r);
  if (lua_pcall(L, 7, 0, 0) != LUA_OK) {
    if (lua_istable(L, -1) && kind_of(&r) == EK_AWS_OTHER)
      return raise_invalid(&r, push_oddity(&r, NOT_OF_SERVICE));
    return lua_error(L);
  }
  lua_pushvalue(L, r.result);
  if (push_request_id(&r) == NULL) lua_pushnil(L);
  return 2;
}

/* Errors. */

static void set_text(const struct response *r, const char *field, const char *text, size_t len) {
  lua_pushlstring(r->walk.L, text, len);
  lua_setfield(r->walk.L, r->result, field);
}

static bool has_field(const struct response *r, const char *field) {
  bool found = lua_getfield(r->walk.L, r->result, field) != LUA_TNIL;
  lua_pop(r->walk.L, 1);
  return found;
}

/* "ns#Code:http://..." -> "Code" */
static void set_code(const struct response *r, const char *text, size_t len) {
  const char *colon = memchr(text, ':', len);
  if (colon != NULL) len = (size_t)(colon - text);
  for (size_t i = len; i > 0; i--)
    if (text[i - 1] == '#') {
      text += i;
      len -= i;
      break;
    }
  while (len > 0 && isspace((unsigned char)text[len - 1])) len--;
  while (len > 0 && isspace((unsigned char)*text)) {
    text++;
    len--;
  }
  if (len > 0) set_text(r, "code", text, len);
}

/* The document on top of the stack: its code and message. */
static void take_json_error(const struct response *r) {
  static const char *const codes[] = {"__type", "code", "Code"};
  static const char *const messages[] = {"message", "Message", "errorMessage"};
  lua_State *L = r->walk.L;
  size_t len;
  for (int i = 0; i < 3 && !has_field(r, "code"); i++) {
    if (lua_getfield(L, -1, codes[i]) == LUA_TSTRING) {
      const char *text = lua_tolstring(L, -1, &len);
      set_code(r, text, len);
    }
    lua_pop(L, 1);
  }
  for (int i = 0; i < 3 && !has_field(r, "message"); i++) {
    if (lua_getfield(L, -1, messages[i]) == LUA_TSTRING) {
      const char *text = lua_tolstring(L, -1, &len);
      set_text(r, "message", text, len);
    }
    lua_pop(L, 1);
  }
}

/* What the model says of an error, whatever field of that name the error has. */
static void set_trait(const struct response *r, const char *name,
                      const struct ek_model_shape *shape, uint32_t flag) {
  lua_State *L = r->walk.L;
  if (shape != NULL && (shape->flags & flag) != 0)
    lua_pushboolean(L, true);
  else
    lua_pushnil(L);
  lua_setfield(L, r->result, name);
}

/* The fields of the modeled error, read from node or, if that is NULL, from the JSON body; all but
 * those that are set. */
static void add_fields(struct response *r, const struct ek_xml_node *node) {
  lua_State *L = r->walk.L;
  lua_getfield(L, r->result, "code");
  const char *code = lua_tostring(L, -1);
  const struct ek_model_shape *shape =
      code == NULL ? NULL : ek_model_find_error(r->o->model, r->o->op, code);
  if (shape != NULL) {
    const struct ek_model_ref ref = {.shape = (uint32_t)(shape - r->o->model->shapes)};
    struct response part = *r;
    lua_newtable(L);
    part.result = lua_gettop(L);
    read_rest(&part, &ref, false);
    if (node != NULL) {
      ek_aws_read_xml(&r->walk, &ref, node);
      merge(&part);
    } else if (kind_of(r) == EK_AWS_JSON) {
      ek_aws_read_json_body(&r->walk, &ref, r->body, r->len);
      merge(&part);
    } else if (kind_of(r) == EK_AWS_CBOR) {
      ek_aws_read_cbor_body(&r->walk, &ref, r->body, r->len);
      merge(&part);
    }
    for (lua_pushnil(L); lua_next(L, part.result) != 0; lua_pop(L, 1)) {
      const char *name = lua_tostring(L, -2);
      if (strcasecmp(name, "message") == 0 || strcasecmp(name, "code") == 0 || has_field(r, name))
        continue;
      lua_pushvalue(L, -1);
      lua_setfield(L, r->result, name);
    }
    lua_pop(L, 1);
  }
  set_trait(r, "retryable", shape, EK_SHAPE_RETRYABLE);
  set_trait(r, "throttling", shape, EK_SHAPE_THROTTLING);
  lua_pop(L, 1);
}

/* <ErrorResponse><Error>, <Response><Errors><Error>, <ErrorResponse><Errors><Error>, <Error>. */
static const struct ek_xml_node *find_error(const struct ek_xml_node *root) {
  const struct ek_xml_node *errors = ek_aws_xml_child(root, "Errors");
  const struct ek_xml_node *error = ek_aws_xml_child(errors == NULL ? root : errors, "Error");
  return error == NULL ? root : error;
}

static void take_xml_error(const struct response *r, const struct ek_xml_node *root) {
  static const struct {
    const char *element, *field;
  } texts[] = {{"Message", "message"},     {"message", "message"},      {"Type", "type"},
               {"HostId", "host_id"},      {"RequestId", "request_id"}, {"RequestID", "request_id"},
               {"requestId", "request_id"}};
  const struct ek_xml_node *error = find_error(root);
  const struct ek_xml_node *code = ek_aws_xml_child(error, "Code");
  if (code != NULL) set_code(r, code->text, code->text_len);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const struct ek_xml_node *node = ek_aws_xml_child(error, texts[i].element);
    if (node == NULL) node = ek_aws_xml_child(root, texts[i].element);
    if (node != NULL && node->text_len > 0 && !has_field(r, texts[i].field))
      set_text(r, texts[i].field, node->text, node->text_len);
  }
}

/* The protected part of parse_error: what the body tells. */
static int l_read_error(lua_State *L) {
  struct response *r = lua_touserdata(L, 7);
  const struct ek_xml_node *error = NULL;
  luaL_checkstack(L, LUA_MINSTACK * 2, NULL);
  lua_settop(L, 6);
  const char *type = push_header(r, "x-amzn-errortype");
  if (type != NULL) set_code(r, type, strlen(type));
  if (kind_of(r) == EK_AWS_XML) {
    const struct ek_xml_node *root = ek_aws_parse_xml(&r->walk, r->body, r->len);
    take_xml_error(r, root);
    error = find_error(root);
  } else if (kind_of(r) == EK_AWS_JSON) {
    struct ek_error e;
    if (!ek_json_push(L, r->body, r->len, EK_AWS_DEPTH_MAX, true, &e))
      (void)raise_invalid(r, e.message);
    take_json_error(r);
  } else if (kind_of(r) == EK_AWS_CBOR) {
    ek_aws_push_cbor(&r->walk, ek_aws_new_cbor(L, r->body, r->len));
    take_json_error(r);
  }
  add_fields(r, error);
  /* Services that once spoke the query protocol keep its codes: "Code;Sender". */
  const char *query = push_header(r, "x-amzn-query-error");
  const char *semicolon = query == NULL ? NULL : strchr(query, ';');
  if (semicolon != NULL && semicolon > query) {
    lua_getfield(L, r->result, "code");
    lua_setfield(L, r->result, "modeled_code");
    set_text(r, "code", query, (size_t)(semicolon - query));
    set_text(r, "type", semicolon + 1, strlen(semicolon + 1));
  }
  return 0;
}

int ek_aws_l_parse_error(lua_State *L) {
  struct response r;
  open_response(L, &r);
  lua_pushcfunction(L, l_read_error);
  for (int i = 1; i <= 6; i++) lua_pushvalue(L, i);
  lua_pushlightuserdata(L, &r);
  bool readable = lua_pcall(L, 7, 0, 0) == LUA_OK;
  lua_settop(L, 6);
  enum ek_aws_kind kind = kind_of(&r);
  if (kind == EK_AWS_OTHER || (!readable && !has_field(&r, "code"))) {
    lua_pushliteral(L, "invalid_response");
    lua_setfield(L, r.result, "code");
    (void)push_oddity(&r, NOT_OF_SERVICE);
    lua_setfield(L, r.result, "message");
  }
  if (!has_field(&r, "code")) {
    lua_pushfstring(L, "%I", (LUAI_UACINT)r.status);
    lua_setfield(L, r.result, "code");
  }
  if (!has_field(&r, "message")) {
    (void)push_oddity(&r, "no message");
    lua_setfield(L, r.result, "message");
  }
  if (!has_field(&r, "request_id") && push_request_id(&r) != NULL)
    lua_setfield(L, r.result, "request_id");
  lua_pushvalue(L, r.result);
  return 1;
}

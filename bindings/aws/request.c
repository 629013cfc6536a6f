/* Requests: Operation:build(params [, options]).
 *
 * Gives { method, path, query, headers, body, host_prefix, token }: path and query percent-encoded,
 * headers by name, host_prefix and token where there is one. Host, date and signature are the
 * client's. options.token fills an idempotency token that params lack; without it one is made. */
#include <errno.h>
#include <sys/random.h>

#include "bindings/aws/aws.h"
#include "core/encode.h"

/* Stack indices of what a request is made of, and its buffers. */
struct request {
  struct ek_aws_walk walk;
  const struct ek_aws_operation *o;
  const struct ek_model_ref *input; /* NULL: takes nothing */
  int params, result, headers;
  struct ek_buf *out;
};

static void take_text(struct request *r, int table, const char *name) {
  ek_lbuf_push(r->walk.L, r->out);
  lua_setfield(r->walk.L, table, name);
  ek_buf_clear(r->out);
}

/* The member whose wire name fills a label of the path or of the host name. */
static const struct ek_model_ref *find_label(const struct request *r, const char *name, size_t len,
                                             bool host) {
  if (r->input == NULL) return NULL;
  const struct ek_model_shape *shape = ek_aws_shape(&r->walk, r->input);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&r->walk, shape, i);
    if (host ? !(ref->flags & EK_REF_HOST) : ref->location != EK_LOCATION_LABEL) continue;
    const char *have = ek_aws_string(&r->walk, host ? ref->name : ref->wire);
    if (strncmp(have, name, len) == 0 && have[len] == '\0') return ref;
  }
  return NULL;
}

static int missing_label(struct request *r, const char *name, size_t len) {
  lua_State *L = r->walk.L;
  const char *title = ek_aws_push_title(L, r->o);
  lua_pushlstring(L, name, len);
  lua_pushfstring(L, "%s: parameter %s is required", title, lua_tostring(L, -1));
  ek_error_push(L, "validation", lua_tostring(L, -1));
  return lua_error(L);
}

/* Fills the {labels} of a template into r->out. */
static void fill_template(struct request *r, const char *template, bool host) {
  lua_State *L = r->walk.L;
  for (const char *at = template; *at != '\0';) {
    const char *open = strchr(at, '{'), *close = open == NULL ? NULL : strchr(open, '}');
    if (close == NULL) {
      ek_buf_puts(r->out, at);
      return;
    }
    ek_buf_append(r->out, at, (size_t)(open - at));
    at = close + 1;
    bool greedy = close[-1] == '+';
    size_t name_len = (size_t)(close - open) - 1 - greedy, len;
    const struct ek_model_ref *ref = find_label(r, open + 1, name_len, host);
    if (ref == NULL || !ek_aws_get(&r->walk, r->params, ref)) {
      (void)missing_label(r, open + 1, name_len);
      return;
    }
    const char *text = ek_aws_push_text(&r->walk, ref, lua_gettop(L), EK_TIMESTAMP_ISO8601, &len);
    if (host && (len == 0 || len > 63 ||
                 strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                              "tuvwxyz0123456789-.") != len)) {
      const char *title = ek_aws_push_title(L, r->o);
      lua_pushfstring(L, "%s: parameter %s must be a host name label of letters, digits, - and .",
                      title, ek_aws_string(&r->walk, ref->name));
      ek_error_push(L, "validation", lua_tostring(L, -1));
      lua_error(L);
    }
    if (host)
      ek_buf_append(r->out, text, len);
    else
      ek_percent_encode(r->out, text, len, greedy);
    lua_pop(L, 2);
  }
}

static void add_query(struct request *r, const char *name, size_t name_len, const char *value,
                      size_t len) {
  if (r->out->len > 0) ek_buf_putc(r->out, '&');
  ek_percent_encode(r->out, name, name_len, false);
  ek_buf_putc(r->out, '=');
  ek_percent_encode(r->out, value, len, false);
}

/* The value on top of the stack, which is a scalar or a list of them. */
static void add_query_value(struct request *r, const struct ek_model_ref *ref, const char *name,
                            size_t name_len) {
  lua_State *L = r->walk.L;
  int value = lua_gettop(L);
  const struct ek_model_shape *shape = ek_aws_shape(&r->walk, ref);
  bool list = shape->type == EK_TYPE_LIST;
  ek_aws_check_table(&r->walk, shape, value);
  const struct ek_model_ref *scalar = list ? ek_aws_ref(&r->walk, shape, 0) : ref;
  lua_Integer count = list ? (lua_Integer)lua_rawlen(L, value) : 1;
  for (lua_Integer i = 1; i <= count; i++) {
    size_t len;
    if (list)
      lua_rawgeti(L, value, i);
    else
      lua_pushvalue(L, value);
    const char *text =
        ek_aws_push_text(&r->walk, scalar, lua_gettop(L), EK_TIMESTAMP_ISO8601, &len);
    add_query(r, name, name_len, text, len);
    lua_settop(L, value);
  }
}

/* A map's keys are parameters too, but those with a member of their own. */
static void add_query_map(struct request *r, const struct ek_model_ref *ref) {
  lua_State *L = r->walk.L;
  const struct ek_model_shape *input = ek_aws_shape(&r->walk, r->input);
  const struct ek_model_shape *shape = ek_aws_shape(&r->walk, ref);
  int map = lua_gettop(L), count = ek_aws_sorted_keys(L, map), keys = lua_gettop(L);
  for (int i = 1; i <= count; i++) {
    size_t len;
    uint32_t hint = 0;
    lua_rawgeti(L, keys, i);
    const char *key = lua_tolstring(L, -1, &len);
    int own = ek_aws_find_wire(&r->walk, input, key, len, false, &hint);
    if (own < 0 || ek_aws_ref(&r->walk, input, (uint32_t)own)->location != EK_LOCATION_QUERY) {
      lua_pushvalue(L, -1);
      lua_rawget(L, map);
      add_query_value(r, ek_aws_ref(&r->walk, shape, 1), key, len);
    }
    lua_settop(L, keys);
  }
  lua_settop(L, map);
}

static void build_query(struct request *r) {
  const char *constant = ek_aws_string(&r->walk, r->o->op->query);
  ek_buf_puts(r->out, constant);
  const struct ek_model_shape *shape = r->input == NULL ? NULL : ek_aws_shape(&r->walk, r->input);
  for (uint32_t i = 0; shape != NULL && i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&r->walk, shape, i);
    if (ref->location != EK_LOCATION_QUERY || !ek_aws_get(&r->walk, r->params, ref)) continue;
    const char *name = ek_aws_string(&r->walk, ref->wire);
    ek_aws_check_table(&r->walk, ek_aws_shape(&r->walk, ref), lua_gettop(r->walk.L));
    if (ek_aws_shape(&r->walk, ref)->type == EK_TYPE_MAP)
      add_query_map(r, ref);
    else
      add_query_value(r, ref, name, strlen(name));
    lua_pop(r->walk.L, 1);
  }
  take_text(r, r->result, "query");
}

static void set_header(struct request *r, const char *name, const char *value) {
  lua_pushstring(r->walk.L, value);
  lua_setfield(r->walk.L, r->headers, name);
}

static bool has_header(struct request *r, const char *name) {
  bool found = lua_getfield(r->walk.L, r->headers, name) != LUA_TNIL;
  lua_pop(r->walk.L, 1);
  return found;
}

static void write_body_value(struct request *r, const struct ek_model_ref *ref, int index,
                             bool body_only) {
  if (r->walk.protocol == EK_PROTOCOL_REST_XML)
    ek_aws_write_xml(&r->walk, ref, index, body_only);
  else
    ek_aws_write_json(&r->walk, ref, index, body_only);
}

static bool has_body_member(struct request *r, const struct ek_model_shape *shape) {
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&r->walk, shape, i);
    if (ref->location != EK_LOCATION_BODY || !ek_aws_get(&r->walk, r->params, ref)) continue;
    lua_pop(r->walk.L, 1);
    return true;
  }
  return false;
}

static void build_rest_body(struct request *r) {
  lua_State *L = r->walk.L;
  bool json = r->walk.protocol == EK_PROTOCOL_REST_JSON;
  const struct ek_model_shape *shape = r->input == NULL ? NULL : ek_aws_shape(&r->walk, r->input);
  if (shape == NULL) return;
  if (shape->payload > 0) {
    const struct ek_model_ref *payload = ek_aws_ref(&r->walk, shape, shape->payload - 1u);
    uint8_t type = ek_aws_shape(&r->walk, payload)->type;
    bool raw = type == EK_TYPE_BLOB || type == EK_TYPE_STRING, given = false;
    if (ek_aws_get(&r->walk, r->params, payload)) {
      size_t len;
      given = true;
      if (raw) {
        const char *bytes = ek_aws_text(L, -1, &len);
        ek_buf_append(r->out, bytes, len);
      } else {
        write_body_value(r, payload, lua_gettop(L), false);
      }
      lua_pop(L, 1);
    }
    if (raw) return;
    if (!given && json) ek_buf_puts(r->out, "{}");
  } else if (json ? (shape->flags & EK_SHAPE_BODY) != 0 : has_body_member(r, shape)) {
    write_body_value(r, r->input, r->params, true);
  }
  if (r->out->len > 0 && !has_header(r, "Content-Type"))
    set_header(r, "Content-Type", json ? "application/json" : "application/xml");
}

static void build_json_body(struct request *r) {
  lua_State *L = r->walk.L;
  const struct ek_model_header *head = r->walk.model->head;
  const char *version = ek_aws_string(&r->walk, head->json_version);
  lua_pushfstring(L, "%s.%s", ek_aws_string(&r->walk, head->target_prefix),
                  ek_aws_string(&r->walk, r->o->op->name));
  lua_setfield(L, r->headers, "X-Amz-Target");
  lua_pushfstring(L, "application/x-amz-json-%s", *version == '\0' ? "1.0" : version);
  lua_setfield(L, r->headers, "Content-Type");
  if (head->query_compatible) set_header(r, "x-amzn-query-mode", "true");
  if (r->input == NULL)
    ek_buf_puts(r->out, "{}");
  else
    ek_aws_write_json(&r->walk, r->input, r->params, false);
}

static void build_cbor_body(struct request *r) {
  lua_State *L = r->walk.L;
  const struct ek_model_header *head = r->walk.model->head;
  lua_pushfstring(L, "/service/%s/operation/%s", ek_aws_string(&r->walk, head->target_prefix),
                  ek_aws_string(&r->walk, r->o->op->name));
  lua_setfield(L, r->result, "path");
  set_header(r, "smithy-protocol", "rpc-v2-cbor");
  set_header(r, "Accept",
             ek_aws_events(&r->walk, ek_model_output(r->o->model, r->o->op)) == NULL
                 ? "application/cbor"
                 : "application/vnd.amazon.eventstream");
  if (head->query_compatible) set_header(r, "x-amzn-query-mode", "true");
  if (r->input == NULL) return;
  set_header(r, "Content-Type", "application/cbor");
  ek_aws_write_cbor(&r->walk, r->input, r->params);
}

static void build_form_body(struct request *r) {
  const struct ek_model_header *head = r->walk.model->head;
  set_header(r, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  ek_buf_printf(r->out, "Action=%s&Version=%s", ek_aws_string(&r->walk, r->o->op->name),
                ek_aws_string(&r->walk, head->api_version));
  if (r->input != NULL)
    ek_aws_write_query(&r->walk, r->input, r->params, r->walk.protocol == EK_PROTOCOL_EC2);
}

/* A random UUID (version 4), pushed. */
static void push_uuid(lua_State *L) {
  unsigned char b[16];
  ssize_t n;
  do n = getrandom(b, sizeof b, 0);
  while (n < 0 && errno == EINTR);
  if (n != (ssize_t)sizeof b) luaL_error(L, "no random bytes from the system");
  b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  char text[40];
  (void)snprintf(text, sizeof text,
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                 b[15]);
  lua_pushstring(L, text);
}

/* Fills the idempotency token; params are then a copy, the caller's table stays as it is. */
static void fill_token(struct request *r, int options) {
  lua_State *L = r->walk.L;
  const struct ek_model_shape *shape = r->input == NULL ? NULL : ek_aws_shape(&r->walk, r->input);
  for (uint32_t i = 0; shape != NULL && i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&r->walk, shape, i);
    if (!(ref->flags & EK_REF_TOKEN)) continue;
    if (!ek_aws_get(&r->walk, r->params, ref)) {
      lua_newtable(L);
      for (lua_pushnil(L); lua_next(L, r->params) != 0;) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
      }
      lua_replace(L, r->params);
      if (lua_isnil(L, options) || lua_getfield(L, options, "token") == LUA_TNIL) {
        if (!lua_isnil(L, options)) lua_pop(L, 1);
        push_uuid(L);
      }
      luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 3, "token must be a string");
      lua_pushvalue(L, -1);
      lua_setfield(L, r->params, ek_aws_string(&r->walk, ref->name));
    }
    lua_setfield(L, r->result, "token");
    return;
  }
}

int ek_aws_l_build(lua_State *L) {
  const struct ek_aws_operation *o = ek_aws_check_operation(L, 1);
  luaL_checkstack(L, LUA_MINSTACK * 2, NULL);
  if (lua_isnoneornil(L, 2)) {
    lua_settop(L, 3);
    lua_newtable(L);
    lua_replace(L, 2);
  }
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  if (!lua_isnil(L, 3)) luaL_checktype(L, 3, LUA_TTABLE);
  ek_aws_validate(L, o, 2);

  struct request r = {.o = o, .input = ek_model_input(o->model, o->op), .params = 2};
  lua_createtable(L, 0, 8);
  r.result = lua_gettop(L);
  lua_newtable(L);
  r.headers = lua_gettop(L);
  r.out = ek_lbuf_new(L);
  r.walk = ek_aws_walk(L, o);
  r.walk.out = r.out;
  fill_token(&r, 3);

  const char *method = ek_aws_string(&r.walk, o->op->method);
  lua_pushstring(L, *method == '\0' ? "POST" : method);
  lua_setfield(L, r.result, "method");
  const char *host = ek_aws_string(&r.walk, o->op->host_prefix);
  if (*host != '\0') {
    fill_template(&r, host, true);
    take_text(&r, r.result, "host_prefix");
  }
  if (ek_aws_is_rest(o->protocol)) {
    fill_template(&r, ek_aws_string(&r.walk, o->op->path), false);
    if (r.out->len == 0) ek_buf_putc(r.out, '/');
    take_text(&r, r.result, "path");
    build_query(&r);
    if (r.input != NULL)
      ek_aws_write_headers(&r.walk, ek_aws_shape(&r.walk, r.input), r.params, r.headers);
    build_rest_body(&r);
  } else {
    lua_pushliteral(L, "/");
    lua_setfield(L, r.result, "path");
    lua_pushliteral(L, "");
    lua_setfield(L, r.result, "query");
    if (o->protocol == EK_PROTOCOL_JSON)
      build_json_body(&r);
    else if (o->protocol == EK_PROTOCOL_CBOR)
      build_cbor_body(&r);
    else
      build_form_body(&r);
  }
  take_text(&r, r.result, "body");
  ek_buf_fini(r.out);
  lua_pushvalue(L, r.headers);
  lua_setfield(L, r.result, "headers");
  lua_pushvalue(L, r.result);
  return 1;
}

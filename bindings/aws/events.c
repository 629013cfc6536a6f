/* Event streams: Operation:events() -> a reader, nil if the output has no event stream.
 *
 *   reader:feed(bytes)          what came of the body
 *   reader:next()               -> event, "event"    { [name] = { ... } }, as the model has it
 *                               -> output, "initial" the other members of the output
 *                               -> err, "error"      { code, message, ... }: the stream ends
 *                               nothing: more bytes are needed
 *   reader:finish()             raises if the bytes end within a message
 *
 * Events of no name in the model are passed over. What is no event stream raises
 * "invalid_response". */
#include "core/eventstream.h"

#include "bindings/aws/aws.h"

#define READER "eksrun.aws.events"

/* The uservalue is the operation. */
struct reader {
  struct ek_buf bytes;
  size_t at;   /* the first byte that was not read */
  bool closed; /* a finalizer may hold one that was collected before it */
};

/* A message and what its headers say of it. */
struct message {
  struct ek_aws_walk walk;
  struct ek_event event;
  const struct ek_model_ref *output;
  int headers; /* stack index: their values by name */
};

int ek_aws_l_events(lua_State *L) {
  const struct ek_aws_operation *o = ek_aws_check_operation(L, 1);
  const struct ek_aws_walk w = {.L = L, .model = o->model};
  if (ek_aws_events(&w, ek_model_output(o->model, o->op)) == NULL) {
    lua_pushnil(L);
    return 1;
  }
  struct reader *r = lua_newuserdatauv(L, sizeof *r, 1);
  *r = (struct reader){.bytes = EK_BUF_INIT};
  luaL_setmetatable(L, READER);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  return 1;
}

static int l_free(lua_State *L) {
  struct reader *r = luaL_checkudata(L, 1, READER);
  ek_buf_fini(&r->bytes);
  r->at = 0;
  r->closed = true;
  return 0;
}

static int l_feed(lua_State *L) {
  size_t n;
  struct reader *r = luaL_checkudata(L, 1, READER);
  const char *bytes = luaL_checklstring(L, 2, &n);
  if (r->closed) return luaL_error(L, "the event stream is closed");
  if (r->at > 0) {
    memmove(r->bytes.data, r->bytes.data + r->at, r->bytes.len - r->at);
    r->bytes.len -= r->at;
    r->at = 0;
  }
  ek_buf_append(&r->bytes, bytes, n);
  return r->bytes.failed ? luaL_error(L, "not enough memory") : 0;
}

static int l_finish(lua_State *L) {
  const struct reader *r = luaL_checkudata(L, 1, READER);
  if (r->at == r->bytes.len) return 0;
  ek_error_push(L, "invalid_response", "the event stream ends within a message");
  return lua_error(L);
}

/* -- a message -----------------------------------------------------------------------------------
 */

static void push_uuid(lua_State *L, const char *bytes) {
  char text[37], *at = text;
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    at += snprintf(at, 3, "%02x", (unsigned char)bytes[i]);
  }
  lua_pushlstring(L, text, sizeof text - 1);
}

static void push_header(lua_State *L, const struct ek_event_header *h) {
  switch (h->type) {
  case EK_EVENT_TRUE:
  case EK_EVENT_FALSE: lua_pushboolean(L, h->type == EK_EVENT_TRUE); break;
  case EK_EVENT_BYTES:
  case EK_EVENT_STRING: lua_pushlstring(L, h->bytes, h->len); break;
  case EK_EVENT_TIMESTAMP: ek_aws_push_time(L, (double)h->integer / 1000); break;
  case EK_EVENT_UUID: push_uuid(L, h->bytes); break;
  default: lua_pushinteger(L, h->integer);
  }
}

static void push_headers(lua_State *L, const struct ek_event *event) {
  struct ek_event_header h;
  lua_newtable(L);
  for (size_t at = 0; ek_event_next_header(&h, event, &at);) {
    lua_pushlstring(L, h.name, h.name_len);
    push_header(L, &h);
    lua_rawset(L, -3);
  }
}

/* The text of a header, pushed; "" if there is none. */
static const char *push_text(const struct message *m, const char *name) {
  lua_State *L = m->walk.L;
  lua_pushstring(L, name);
  if (lua_rawget(L, m->headers) == LUA_TSTRING) return lua_tostring(L, -1);
  lua_pop(L, 1);
  lua_pushliteral(L, "");
  return lua_tostring(L, -1);
}

/* Whether the value on top of the stack is of the shape's type. */
static bool fits(lua_State *L, uint8_t type) {
  switch (type) {
  case EK_TYPE_STRING:
  case EK_TYPE_BLOB: return lua_type(L, -1) == LUA_TSTRING;
  case EK_TYPE_BOOLEAN: return lua_isboolean(L, -1);
  case EK_TYPE_TIMESTAMP: return lua_type(L, -1) == LUA_TNUMBER;
  default: return lua_isinteger(L, -1);
  }
}

static void read_header_member(const struct message *m, const struct ek_model_ref *ref) {
  lua_State *L = m->walk.L;
  lua_pushstring(L, ek_aws_string(&m->walk, ref->wire));
  if (lua_rawget(L, m->headers) == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  if (!fits(L, ek_aws_shape(&m->walk, ref)->type)) {
    const char *got = luaL_typename(L, -1);
    (void)ek_aws_bad_value(&m->walk, ref, "of the wrong type:", got, strlen(got));
  }
  lua_setfield(L, -2, ek_aws_string(&m->walk, ref->name));
}

/* Pushes the value of a structure: its members lie in headers, in the payload, or one is it. */
static void read_event(const struct message *m, const struct ek_model_ref *ref) {
  lua_State *L = m->walk.L;
  const struct ek_model_shape *shape = ek_aws_shape(&m->walk, ref);
  const struct ek_model_ref *payload = NULL;
  bool in_headers = shape->ref_count > 0;
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *member = ek_aws_ref(&m->walk, shape, i);
    if (member->flags & EK_REF_EVENT_PAYLOAD) payload = member;
    if (!(member->flags & EK_REF_EVENT_HEADER)) in_headers = false;
  }
  if (payload == NULL && !in_headers && m->event.payload_len > 0)
    ek_aws_read_body(&m->walk, ref, m->event.payload, m->event.payload_len);
  else
    lua_newtable(L);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *member = ek_aws_ref(&m->walk, shape, i);
    if (member->flags & EK_REF_EVENT_HEADER) read_header_member(m, member);
  }
  if (payload == NULL) return;
  uint8_t type = ek_aws_shape(&m->walk, payload)->type;
  if (type == EK_TYPE_BLOB || type == EK_TYPE_STRING)
    lua_pushlstring(L, m->event.payload, m->event.payload_len);
  else if (m->event.payload_len > 0)
    ek_aws_read_body(&m->walk, payload, m->event.payload, m->event.payload_len);
  else
    return;
  lua_setfield(L, -2, ek_aws_string(&m->walk, payload->name));
}

static const struct ek_model_ref *find_event(const struct message *m, const char *name) {
  const struct ek_model_ref *events = ek_aws_events(&m->walk, m->output);
  return ek_model_find_member(m->walk.model, ek_aws_shape(&m->walk, events), name, strlen(name));
}

/* The error on top of the stack has a message, taken from one of its own fields or a header. */
static int finish_error(const struct message *m, const char *code) {
  lua_State *L = m->walk.L;
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  if (lua_getfield(L, -1, "message") == LUA_TNIL) {
    lua_pop(L, 1);
    if (lua_getfield(L, -1, "Message") == LUA_TNIL) {
      lua_pop(L, 1);
      (void)push_text(m, ":error-message");
    }
    lua_setfield(L, -2, "message");
  } else {
    lua_pop(L, 1);
  }
  lua_pushliteral(L, "error");
  return 2;
}

static int push_error(const struct message *m, bool modeled) {
  lua_State *L = m->walk.L;
  const char *code = push_text(m, modeled ? ":exception-type" : ":error-code");
  const struct ek_model_ref *ref = modeled ? find_event(m, code) : NULL;
  if (ref != NULL)
    read_event(m, ref);
  else
    lua_newtable(L);
  return finish_error(m, *code == '\0' ? "unknown" : code);
}

/* Pushes what the message says, and its kind; 0: nothing that the model knows. */
static int push_message(const struct message *m) {
  lua_State *L = m->walk.L;
  const char *kind = push_text(m, ":message-type");
  if (strcmp(kind, "exception") == 0) return push_error(m, true);
  if (strcmp(kind, "error") == 0) return push_error(m, false);
  if (strcmp(kind, "event") != 0)
    return ek_aws_invalid(&m->walk, "an event stream has a message of no known kind");
  const char *name = push_text(m, ":event-type");
  if (strcmp(name, "initial-response") == 0) {
    if (m->event.payload_len > 0)
      ek_aws_read_body(&m->walk, m->output, m->event.payload, m->event.payload_len);
    else
      lua_newtable(L);
    lua_pushliteral(L, "initial");
    return 2;
  }
  const struct ek_model_ref *ref = find_event(m, name);
  if (ref == NULL) return 0;
  lua_createtable(L, 0, 1);
  read_event(m, ref);
  lua_setfield(L, -2, name);
  lua_pushliteral(L, "event");
  return 2;
}

/* Pushes a copy of the message's n bytes, into which the event points from now on: while Lua makes
 * the values, a finalizer may feed the reader, and its bytes move. */
static void take_message(lua_State *L, struct reader *r, struct ek_event *event, size_t n) {
  const char *bytes = r->bytes.data + r->at;
  size_t headers = (size_t)(event->headers - bytes), payload = (size_t)(event->payload - bytes);
  r->at += n;
  const char *copy = lua_pushlstring(L, bytes, n);
  event->headers = copy + headers;
  event->payload = copy + payload;
}

static int l_next(lua_State *L) {
  enum { OPERATION = 2, LISTS, MESSAGE, HEADERS };
  struct reader *r = luaL_checkudata(L, 1, READER);
  lua_settop(L, 1);
  (void)lua_getiuservalue(L, 1, 1);
  const struct ek_aws_operation *o = ek_aws_check_operation(L, OPERATION);
  luaL_checkstack(L, LUA_MINSTACK * 2, NULL);
  ek_json_push_array_mt(L);
  struct message m = {
      .walk = ek_aws_walk(L, o), .output = ek_model_output(o->model, o->op), .headers = HEADERS};
  m.walk.array_mt = LISTS;
  for (;;) {
    struct ek_error e;
    if (r->at == r->bytes.len) return 0;
    ssize_t n = ek_event_read(&m.event, r->bytes.data + r->at, r->bytes.len - r->at, &e);
    if (n == 0) return 0;
    if (n < 0) return ek_aws_invalid(&m.walk, e.message);
    take_message(L, r, &m.event, (size_t)n);
    push_headers(L, &m.event);
    int pushed = push_message(&m);
    if (pushed > 0) return pushed;
    lua_settop(L, LISTS);
  }
}

/* native.decode_event(bytes) -> { headers = { {name, type, value}, ... }, payload }, length;
 * nothing if the message is not whole. */
int ek_aws_l_decode_event(lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  struct ek_event event;
  struct ek_event_header h;
  struct ek_error e;
  ssize_t n = ek_event_read(&event, bytes, len, &e);
  if (n < 0) return ek_error_raise(L, &e);
  if (n == 0) return 0;
  lua_createtable(L, 0, 2);
  lua_newtable(L);
  lua_Integer i = 1;
  for (size_t at = 0; ek_event_next_header(&h, &event, &at); i++) {
    lua_createtable(L, 0, 3);
    lua_pushlstring(L, h.name, h.name_len);
    lua_setfield(L, -2, "name");
    lua_pushinteger(L, h.type);
    lua_setfield(L, -2, "type");
    if (h.type == EK_EVENT_TIMESTAMP)
      lua_pushinteger(L, h.integer);
    else
      push_header(L, &h);
    lua_setfield(L, -2, "value");
    lua_rawseti(L, -2, i);
  }
  lua_setfield(L, -2, "headers");
  lua_pushlstring(L, event.payload, event.payload_len);
  lua_setfield(L, -2, "payload");
  lua_pushinteger(L, (lua_Integer)n);
  return 2;
}

void ek_aws_open_events(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"feed", l_feed}, {"next", l_next}, {"finish", l_finish}, {NULL, NULL}};
  ek_metatable_push(L, READER, methods, l_free);
  lua_pop(L, 1);
}

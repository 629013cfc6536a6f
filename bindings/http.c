/* eksrun.http: one request, one answer.
 *
 *   request { method = "GET", url =, headers = { name = value } or { {name, value}, ... }, body =,
 *             timeout = 60, connect_timeout = 10, idle_timeout = 60, max_body = 16 MiB,
 *             stream = false, decompress = not stream, ca_bundle =, proxy = }
 *     -> { status =, headers = { [lower-case name] = value }, body =, timing = {...} }
 *   try_request {...} -> answer | nil, err
 *
 * The request's body is a string, a part of a file ({ path =, offset = 0, length = the rest }), or
 * a function that returns the next piece and at last nil, with `body_length` bytes in all. The
 * answer's is a string or, with `stream`, an object that is read in pieces (http_body.c).
 *
 * err.code: "network", "timeout", "tls", "limit", "invalid"; err.retryable: worth another try. Any
 * status is an answer. Without `proxy` and `ca_bundle` the environment decides (HTTPS_PROXY,
 * HTTP_PROXY, ALL_PROXY, NO_PROXY; AWS_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE); proxy = "" is
 * none. */
#include "http.h"

#include <strings.h>

#include "harden.h"
#include "options.h"

#define WHAT "http.request"

/* -- a transfer and who waits for it -------------------------------------------------------------
 */

static void on_done(struct ek_transfer *t) {
  struct ek_http_op *op = t->user;
  op->busy = false;
  ek_wait_done(&op->wait);
}

static void cancel(struct ek_wait *w) {
  struct ek_http_op *op = (struct ek_http_op *)w;
  ek_transfer_stop(op->transfer);
  if (op->transfer != NULL && op->transfer->error.code == 0)
    (void)ek_error_set(&op->transfer->error, EK_ERR_CANCELED, "the transfer was canceled");
  op->busy = false;
  ek_wait_done(w);
}

void ek_http_close(struct ek_http_op *op) {
  ek_transfer_free(op->transfer);
  op->transfer = NULL;
  ek_checksum_fini(&op->sum);
}

/* The piece that the body's function returned, or the error that it raised, on top of the stack. */
static void take_piece(lua_State *L, struct ek_http_op *op, int status) {
  struct ek_error e;
  op->busy = false;
  if (status != LUA_OK && status != LUA_YIELD) {
    ek_http_close(op);
    lua_error(L);
  }
  size_t n = 0;
  const char *piece = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
  if (n == 0) {
    const char *what = piece != NULL ? "an empty string" : luaL_typename(L, -1);
    ek_http_close(op);
    luaL_error(L, WHAT ": the function of the body returned %s before its end", what);
  }
  if (ek_transfer_feed(op->transfer, piece, n, &e) != 0) {
    ek_http_close(op);
    luaL_error(L, WHAT ": %s", e.message);
  }
  lua_pop(L, 1);
}

static int wait_on(lua_State *L, int status, lua_KContext index);

static int piece_came(lua_State *L, int status, lua_KContext index) {
  take_piece(L, lua_touserdata(L, (int)index), status);
  return wait_on(L, LUA_OK, index);
}

static bool wants_piece(const struct ek_http_op *op) {
  const char *ignored;
  const struct ek_transfer *t = op->transfer;
  if (!t->starved || !t->running) return false;
  return !t->stream || !t->header_ended || ek_transfer_there(&ignored, t) < op->wanted;
}

static int wait_on(lua_State *L, int status, lua_KContext index) {
  struct ek_http_op *op = lua_touserdata(L, (int)index);
  if (status == LUA_YIELD && !wants_piece(op)) return op->then(L, status, op->ctx);
  for (;;) {
    ek_task_check(L, WHAT);
    if (ek_transfer_await(op->transfer, op->wanted)) break;
    if (!wants_piece(op)) return op->then(L, LUA_OK, op->ctx);
    lua_getiuservalue(L, (int)index, 1);
    op->busy = true;
    take_piece(L, op, lua_pcallk(L, 0, 1, 0, index, piece_came));
  }
  op->wait = (struct ek_wait){.cancel = cancel};
  op->busy = true;
  return ek_task_wait(L, &op->wait, index, wait_on);
}

int ek_http_wait(lua_State *L, struct ek_http_op *op, size_t n, int index, lua_KContext ctx,
                 lua_KFunction then) {
  op->wanted = n;
  op->ctx = ctx;
  op->then = then;
  return wait_on(L, LUA_OK, index);
}

/* A finalizer may close the body, and with it the transfer, wherever Lua allocates. */
void ek_http_push_error(lua_State *L, const struct ek_transfer *t) {
  const struct ek_error e = t->error;
  bool retryable = t->retryable;
  ek_error_push(L, ek_code_name(e.code), e.message);
  lua_pushboolean(L, retryable);
  lua_setfield(L, -2, "retryable");
}

static int l_op_gc(lua_State *L) {
  ek_http_close(luaL_checkudata(L, 1, EK_HTTP_OP_TYPE));
  return 0;
}

/* -- the request ---------------------------------------------------------------------------------
 */

static void add_header(lua_State *L, struct ek_transfer *t, int name, int value) {
  size_t n;
  struct ek_error e;
  if (lua_type(L, name) != LUA_TSTRING || !lua_isstring(L, value))
    luaL_error(L, WHAT ": headers must be strings");
  const char *v = lua_tolstring(L, value, &n);
  if (ek_transfer_header(t, lua_tostring(L, name), v, n, &e) != 0)
    luaL_error(L, WHAT ": %s", e.message);
}

/* The field `headers` of the table at 1: a list of pairs, or a map. */
static void add_headers(lua_State *L, struct ek_transfer *t) {
  if (ek_options_push(L, 1, WHAT, "headers", LUA_TTABLE) == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  int headers = lua_gettop(L);
  lua_Integer pairs = (lua_Integer)lua_rawlen(L, headers);
  for (lua_Integer i = 1; i <= pairs; i++) {
    if (lua_rawgeti(L, headers, i) != LUA_TTABLE)
      luaL_error(L, WHAT ": header %I is no pair", (LUAI_UACINT)i);
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    add_header(L, t, lua_gettop(L) - 1, lua_gettop(L));
    lua_settop(L, headers);
  }
  lua_pushnil(L);
  while (lua_next(L, headers) != 0) {
    if (pairs == 0) add_header(L, t, lua_gettop(L) - 1, lua_gettop(L));
    lua_pop(L, 1);
  }
  lua_settop(L, headers - 1);
}

static const char *first_set(const char *const *names) {
  for (; *names != NULL; names++) {
    const char *value = ek_env(*names);
    if (value != NULL && *value != '\0') return value;
  }
  return NULL;
}

/* The proxy of an URL by the environment, "" for none. */
static const char *env_proxy(const char *url) {
  static const char *const https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
  static const char *const http[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", NULL};
  const char *proxy = first_set(strncasecmp(url, "https:", 6) == 0 ? https : http);
  return proxy != NULL ? proxy : "";
}

/* The body's table: a part of a file. 0, or fills e. */
static int read_file_body(lua_State *L, struct ek_transfer *t, struct ek_error *e) {
  static const char *const names[] = {"path", "offset", "length", NULL};
  static const char what[] = WHAT ": body";
  (void)ek_options_push(L, 1, WHAT, "body", LUA_TTABLE);
  int body = lua_gettop(L);
  ek_options_check(L, body, what, false, names);
  const char *path = ek_options_string(L, body, what, "path", NULL, true);
  lua_Integer offset = ek_options_integer(L, body, what, "offset", 0, 0);
  lua_Integer length = ek_options_integer(L, body, what, "length", 0, -1);
  lua_settop(L, body - 1);
  return ek_transfer_file(t, path, (uint64_t)offset, (uint64_t)length, e);
}

/* The field `body`, whichever it is; a function is called later. */
static int read_body(lua_State *L, struct ek_transfer *t, struct ek_transfer_options *o,
                     struct ek_error *e) {
  lua_Integer length = ek_options_integer(L, 1, WHAT, "body_length", 0, -1);
  lua_pushliteral(L, "body");
  int type = lua_rawget(L, 1);
  lua_pop(L, 1);
  if (type != LUA_TFUNCTION && length >= 0)
    luaL_error(L, WHAT ": field 'body_length' is for a body that is a function");
  switch (type) {
  case LUA_TTABLE: return read_file_body(L, t, e);
  case LUA_TFUNCTION:
    if (length < 0) luaL_error(L, WHAT ": field 'body_length' (integer) is required");
    ek_transfer_pieces(t, (uint64_t)length);
    return 0;
  default: o->body = ek_options_string(L, 1, WHAT, "body", &o->body_len, false); return 0;
  }
}

static void read_options(lua_State *L, struct ek_transfer_options *o) {
  static const char *const names[] = {"method",      "url",     "headers",         "body",
                                      "body_length", "timeout", "connect_timeout", "idle_timeout",
                                      "max_body",    "stream",  "decompress",      "ca_bundle",
                                      "proxy",       NULL};
  static const char *const ca_names[] = {"AWS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", NULL};
  static const char *const no_proxy_names[] = {"no_proxy", "NO_PROXY", NULL};
  ek_options_check(L, 1, WHAT, false, names);
  o->url = ek_options_string(L, 1, WHAT, "url", NULL, true);
  o->method = ek_options_string(L, 1, WHAT, "method", NULL, false);
  if (o->method == NULL) o->method = "GET";
  o->timeout = ek_options_number(L, 1, WHAT, "timeout", 0, 60);
  o->connect_timeout = ek_options_number(L, 1, WHAT, "connect_timeout", 0, 10);
  o->idle_timeout = ek_options_number(L, 1, WHAT, "idle_timeout", 0.001, 60);
  o->stream = ek_options_boolean(L, 1, WHAT, "stream", false);
  o->decompress = ek_options_boolean(L, 1, WHAT, "decompress", !o->stream);
  o->max_body = (size_t)ek_options_integer(L, 1, WHAT, "max_body", 0, 16 * 1024 * 1024);
  o->ca_bundle = ek_options_string(L, 1, WHAT, "ca_bundle", NULL, false);
  if (o->ca_bundle == NULL) o->ca_bundle = first_set(ca_names);
  o->proxy = ek_options_string(L, 1, WHAT, "proxy", NULL, false);
  if (o->proxy == NULL) o->proxy = env_proxy(o->url);
  o->no_proxy = first_set(no_proxy_names);
}

/* -- the answer ----------------------------------------------------------------------------------
 */

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/* Adds one "Name: value" line to the table on top; a repeated name's values are joined by ", ". */
static void push_header(lua_State *L, const char *line, size_t n) {
  const char *colon = memchr(line, ':', n);
  if (colon == NULL || colon == line) return;
  const char *value = colon + 1, *end = line + n;
  while (value < end && is_blank(*value)) value++;
  while (end > value && is_blank(end[-1])) end--;
  luaL_Buffer b;
  size_t name_len = (size_t)(colon - line);
  char *name = luaL_buffinitsize(L, &b, name_len);
  for (size_t i = 0; i < name_len; i++)
    name[i] = (char)(line[i] >= 'A' && line[i] <= 'Z' ? line[i] + ('a' - 'A') : line[i]);
  luaL_pushresultsize(&b, name_len);
  lua_pushvalue(L, -1);
  bool again = lua_rawget(L, -3) != LUA_TNIL;
  if (again) lua_pushliteral(L, ", ");
  lua_pushlstring(L, value, (size_t)(end - value));
  if (again)
    lua_concat(L, 3);
  else
    lua_remove(L, -2);
  lua_rawset(L, -3);
}

void ek_http_push_headers(lua_State *L, const struct ek_buf *lines) {
  lua_createtable(L, 0, 16);
  const char *line = lines->data, *end = lines->data + lines->len;
  while (line < end) {
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    const char *next = newline == NULL ? end : newline + 1;
    size_t n = (size_t)((newline == NULL ? end : newline) - line);
    if (n > 0 && line[n - 1] == '\r') n--;
    push_header(L, line, n);
    line = next;
  }
}

static void set_seconds(lua_State *L, const char *name, double seconds) {
  lua_pushnumber(L, seconds);
  lua_setfield(L, -2, name);
}

static void push_timing(lua_State *L, const struct ek_transfer *t) {
  lua_createtable(L, 0, 6);
  set_seconds(L, "dns", t->dns_time);
  set_seconds(L, "connect", t->connect_time);
  set_seconds(L, "tls", t->tls_time);
  set_seconds(L, "first_byte", t->first_byte_time);
  set_seconds(L, "total", t->total_time);
  lua_pushboolean(L, t->reused);
  lua_setfield(L, -2, "reused");
}

static void push_answer(lua_State *L, struct ek_http_op *op, bool stream) {
  struct ek_transfer *t = op->transfer;
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, t->status);
  lua_setfield(L, -2, "status");
  ek_http_push_headers(L, &t->headers);
  lua_setfield(L, -2, "headers");
  push_timing(L, t);
  lua_setfield(L, -2, "timing");
  if (stream) {
    lua_pushvalue(L, 2);
    luaL_setmetatable(L, EK_HTTP_BODY_TYPE);
  } else {
    ek_lbuf_push(L, &t->body);
  }
  lua_setfield(L, -2, "body");
}

/* What ctx holds: the form that was called, and how the answer's body is wanted. */
enum { TRY = 1, STREAM = 2 };

static int fail_transfer(lua_State *L, struct ek_http_op *op, lua_KContext ctx) {
  if (ctx & TRY) lua_pushnil(L);
  ek_http_push_error(L, op->transfer);
  ek_http_close(op);
  return ctx & TRY ? 2 : lua_error(L);
}

/* Stack: 1 the options, 2 the operation. */
static int answered(lua_State *L, int status, lua_KContext ctx) {
  struct ek_http_op *op = lua_touserdata(L, 2);
  (void)status;
  bool stream = ctx & STREAM;
  /* What goes wrong behind the header of a stream is said to who reads it. */
  if (op->transfer->error.code != 0 && !(stream && op->transfer->header_ended))
    return fail_transfer(L, op, ctx);
  push_answer(L, op, stream);
  if (!stream) ek_http_close(op);
  return 1;
}

static int request(lua_State *L, bool try) {
  struct ek_error e;
  struct ek_transfer_options options = {0};
  lua_settop(L, 1);
  read_options(L, &options);
  ek_task_check(L, WHAT);
  struct ek_http_op *op = lua_newuserdatauv(L, sizeof *op, 1);
  *op = (struct ek_http_op){0};
  luaL_setmetatable(L, EK_HTTP_OP_TYPE);
  lua_pushliteral(L, "body");
  lua_rawget(L, 1);
  lua_setiuservalue(L, 2, 1); /* read until the end */
  op->transfer = ek_transfer_new(ek_task_loop(L), &e);
  if (op->transfer == NULL) return ek_error_raise(L, &e);
  op->transfer->user = op;
  add_headers(L, op->transfer);
  lua_KContext ctx = (try ? TRY : 0) | (options.stream ? STREAM : 0);
  int rc = read_body(L, op->transfer, &options, &e);
  if (rc == 0) rc = ek_transfer_start(op->transfer, &options, on_done, &e);
  if (rc != 0) {
    op->transfer->error = e;
    return fail_transfer(L, op, ctx);
  }
  return ek_http_wait(L, op, 0, 2, ctx, answered);
}

static int l_request(lua_State *L) {
  return request(L, false);
}

static int l_try_request(lua_State *L) {
  return request(L, true);
}

int luaopen_eksrun_http(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"request", l_request}, {"try_request", l_try_request}, {NULL, NULL}};
  ek_metatable_push(L, EK_HTTP_OP_TYPE, NULL, l_op_gc);
  lua_pop(L, 1);
  ek_http_open_body(L);
  luaL_newlib(L, functions);
  return 1;
}

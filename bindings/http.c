/* eksrun.http: one request, one answer.
 *
 *   request { method = "GET", url =, headers = { name = value } or { {name, value}, ... }, body =,
 *             timeout = 60, connect_timeout = 10, max_body = 16 MiB, ca_bundle =, proxy = }
 *     -> { status =, headers = { [lower-case name] = value }, body =, timing = {...} }
 *   try_request {...} -> answer | nil, err
 *
 * err.code: "network", "timeout", "tls", "limit", "invalid"; err.retryable: worth another try. Any
 * status is an answer. Without `proxy` and `ca_bundle` the environment decides (HTTPS_PROXY,
 * HTTP_PROXY, ALL_PROXY, NO_PROXY; AWS_CA_BUNDLE, SSL_CERT_FILE, CURL_CA_BUNDLE); proxy = "" is
 * none. */
#include "bindings/bindings.h"

#include <strings.h>

#include "harden.h"
#include "loop/transfer.h"
#include "options.h"
#include "task.h"

#define OP_TYPE "eksrun.http.request"
#define WHAT    "http.request"

struct op {
  struct ek_wait wait;
  struct ek_transfer *transfer;
};

static void on_done(struct ek_transfer *t) {
  ek_wait_done(t->user);
}

static void cancel(struct ek_wait *w) {
  ek_transfer_stop(((struct op *)w)->transfer);
  ek_wait_done(w);
}

static int l_op_gc(lua_State *L) {
  struct op *op = luaL_checkudata(L, 1, OP_TYPE);
  ek_transfer_free(op->transfer);
  op->transfer = NULL;
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

static void read_options(lua_State *L, struct ek_transfer_options *o) {
  static const char *const names[] = {
      "method",          "url",      "headers",   "body",  "timeout",
      "connect_timeout", "max_body", "ca_bundle", "proxy", NULL};
  static const char *const ca_names[] = {"AWS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", NULL};
  static const char *const no_proxy_names[] = {"no_proxy", "NO_PROXY", NULL};
  ek_options_check(L, 1, WHAT, false, names);
  o->url = ek_options_string(L, 1, WHAT, "url", NULL, true);
  o->method = ek_options_string(L, 1, WHAT, "method", NULL, false);
  if (o->method == NULL) o->method = "GET";
  o->body = ek_options_string(L, 1, WHAT, "body", &o->body_len, false);
  o->timeout = ek_options_number(L, 1, WHAT, "timeout", 0, 60);
  o->connect_timeout = ek_options_number(L, 1, WHAT, "connect_timeout", 0, 10);
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

static void push_headers(lua_State *L, const struct ek_buf *lines) {
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
  lua_createtable(L, 0, 5);
  set_seconds(L, "connect", t->connect_time);
  set_seconds(L, "tls", t->tls_time);
  set_seconds(L, "first_byte", t->first_byte_time);
  set_seconds(L, "total", t->total_time);
  lua_pushboolean(L, t->reused);
  lua_setfield(L, -2, "reused");
}

static void push_error(lua_State *L, const struct ek_transfer *t) {
  ek_error_push(L, ek_code_name(t->error.code), t->error.message);
  lua_pushboolean(L, t->retryable);
  lua_setfield(L, -2, "retryable");
}

/* ctx: true for try_request. Stack: 1 the options, 2 the operation. */
static int finish(lua_State *L, int status, lua_KContext ctx) {
  struct op *op = luaL_checkudata(L, 2, OP_TYPE);
  struct ek_transfer *t = op->transfer;
  (void)status;
  if (t->error.code != 0) {
    if (ctx != 0) lua_pushnil(L);
    push_error(L, t);
    ek_transfer_free(t);
    op->transfer = NULL;
    return ctx != 0 ? 2 : lua_error(L);
  }
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, t->status);
  lua_setfield(L, -2, "status");
  push_headers(L, &t->headers);
  lua_setfield(L, -2, "headers");
  ek_lbuf_push(L, &t->body);
  lua_setfield(L, -2, "body");
  push_timing(L, t);
  lua_setfield(L, -2, "timing");
  ek_transfer_free(t);
  op->transfer = NULL;
  return 1;
}

static int request(lua_State *L, bool try) {
  struct ek_error e;
  struct ek_transfer_options options = {0};
  lua_settop(L, 1);
  read_options(L, &options);
  ek_task_check(L, WHAT);
  struct op *op = lua_newuserdatauv(L, sizeof *op, 1);
  *op = (struct op){.wait = {.cancel = cancel}};
  luaL_setmetatable(L, OP_TYPE);
  lua_getfield(L, 1, "body");
  lua_setiuservalue(L, 2, 1); /* libcurl reads it until the end */
  op->transfer = ek_transfer_new(ek_task_loop(L), &e);
  if (op->transfer == NULL) return ek_error_raise(L, &e);
  op->transfer->user = &op->wait;
  add_headers(L, op->transfer);
  if (ek_transfer_start(op->transfer, &options, on_done, &e) != 0) {
    op->transfer->error = e;
    return finish(L, LUA_OK, try);
  }
  return ek_task_wait(L, &op->wait, try, finish);
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
  luaL_newmetatable(L, OP_TYPE);
  lua_pushcfunction(L, l_op_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}

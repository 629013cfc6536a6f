/* eksrun.native.server: requests of others.
 *
 *   listen { address = "127.0.0.1", port = 0, certificate =, key =, max_body = 16 MiB,
 *            max_connections = 16384, idle_timeout = 60 } -> Server
 *   Server:port() -> port
 *   Server:next() -> Exchange, when a request has come; nil: quiesced, and nothing is under way
 *   Server:quiesce(): accepts no more    Server:close(): drops what is under way
 *   Exchange:request() -> { method =, path =, query =, headers = {...}, body = }, as sent; once
 *   Exchange:answer { status =, headers = { name = value }, body = "" }
 *   Exchange:begin { status =, headers = }, then Exchange:write(bytes) -> whether there still is a
 *     client, until Exchange:finish(): the same for a body that comes in pieces
 *   Exchange:drop(): closes the connection instead
 *
 * An exchange is answered or dropped once; what is collected without is dropped. */
#include "http.h"

#include "loop/server.h"
#include "options.h"

#define WHAT          "server.listen"
#define SERVER_TYPE   "eksrun.native.server"
#define EXCHANGE_TYPE "eksrun.native.server.exchange"
#define RECEIVED_TYPE "eksrun.native.server.received"

struct server {
  struct ek_wait wait;
  struct ek_server *server; /* NULL: closed */
  bool awaited, quiesced;
};

struct exchange {
  struct ek_exchange *x; /* NULL: over */
  struct ek_received received;
  bool read;      /* given out */
  bool in_pieces; /* answered so */
};

/* -- servers -------------------------------------------------------------------------------------
 */

static bool has_news(const struct server *s) {
  return s->server == NULL || ek_server_has_request(s->server) ||
         (s->quiesced && ek_server_open(s->server) == 0);
}

static void notify(void *user) {
  struct server *s = user;
  if (!s->awaited || !has_news(s)) return;
  s->awaited = false;
  ek_wait_done(&s->wait);
}

static void cancel(struct ek_wait *w) {
  ((struct server *)w)->awaited = false;
  ek_wait_done(w);
}

static struct server *check_server(lua_State *L) {
  return luaL_checkudata(L, 1, SERVER_TYPE);
}

static struct server *check_open(lua_State *L) {
  struct server *s = check_server(L);
  if (s->server == NULL) luaL_error(L, "the server is closed");
  return s;
}

static int l_listen(lua_State *L) {
  static const char *const names[] = {"address",  "port",         "certificate",     "key",
                                      "max_body", "idle_timeout", "max_connections", NULL};
  struct ek_error e;
  lua_settop(L, 1);
  ek_task_check(L, WHAT); /* what a finalizer makes at the end of the state, nobody ends */
  ek_options_check(L, 1, WHAT, false, names);
  struct ek_server_options o = {
      .address = ek_options_string(L, 1, WHAT, "address", NULL, false),
      .certificate = ek_options_string(L, 1, WHAT, "certificate", NULL, false),
      .key = ek_options_string(L, 1, WHAT, "key", NULL, false),
      .max_body = (size_t)ek_options_integer(L, 1, WHAT, "max_body", 0, 16 * 1024 * 1024)};
  lua_Integer port = ek_options_integer(L, 1, WHAT, "port", 0, 0);
  lua_Integer idle = ek_options_integer(L, 1, WHAT, "idle_timeout", 1, 60);
  lua_Integer connections = ek_options_integer(L, 1, WHAT, "max_connections", 1, 16384);
  luaL_argcheck(L, port <= UINT16_MAX, 1, "port: 0 to 65535 expected");
  luaL_argcheck(L, idle <= UINT16_MAX, 1, "idle_timeout: 1 to 65535 seconds expected");
  luaL_argcheck(L, connections <= UINT16_MAX, 1, "max_connections: 1 to 65535 expected");
  luaL_argcheck(L, (o.certificate == NULL) == (o.key == NULL), 1,
                "a certificate and its key belong together");
  if (o.address == NULL) o.address = "127.0.0.1";
  o.port = (uint16_t)port;
  o.idle_timeout = (unsigned)idle;
  o.max_connections = (unsigned)connections;
  struct server *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (struct server){.awaited = false};
  luaL_setmetatable(L, SERVER_TYPE);
  if (ek_server_new(&s->server, ek_task_loop(L), &o, notify, s, &e) != 0)
    return ek_error_raise(L, &e);
  return 1;
}

static int l_port(lua_State *L) {
  lua_pushinteger(L, ek_server_port(check_open(L)->server));
  return 1;
}

/* Stack: 1 the server. */
static int took(lua_State *L, int status, lua_KContext ctx) {
  struct server *s = lua_touserdata(L, 1);
  (void)status, (void)ctx;
  struct exchange *x = lua_newuserdatauv(L, sizeof *x, 1);
  *x = (struct exchange){.x = NULL};
  luaL_setmetatable(L, EXCHANGE_TYPE);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  return s->server != NULL && ek_server_take(&x->received, s->server, &x->x) ? 1 : 0;
}

static int l_next(lua_State *L) {
  struct server *s = check_server(L);
  lua_settop(L, 1);
  ek_task_check(L, "server:next");
  /* Also one that is told to go on already: the wait is still its. */
  if (s->wait.task != NULL) return luaL_error(L, "server:next: another task waits already");
  if (has_news(s)) return took(L, LUA_OK, 0);
  s->wait = (struct ek_wait){.cancel = cancel};
  s->awaited = true;
  return ek_task_wait(L, &s->wait, 0, took);
}

static int l_quiesce(lua_State *L) {
  struct server *s = check_open(L);
  if (!s->quiesced) ek_server_quiesce(s->server);
  s->quiesced = true;
  notify(s);
  return 0;
}

static int l_close(lua_State *L) {
  struct server *s = check_server(L);
  struct ek_server *server = s->server;
  s->server = NULL;
  ek_server_free(server);
  notify(s);
  return 0;
}

/* At the end of the state tasks are gone already. */
static int l_gc(lua_State *L) {
  check_server(L)->awaited = false;
  return l_close(L);
}

/* -- exchanges -----------------------------------------------------------------------------------
 */

/* One that is still to be answered. */
static struct exchange *check_exchange(lua_State *L) {
  struct exchange *x = luaL_checkudata(L, 1, EXCHANGE_TYPE);
  if (x->x == NULL || x->in_pieces) luaL_error(L, "the exchange is over");
  return x;
}

static void set_text(lua_State *L, const char *name, const char *bytes, size_t n) {
  lua_pushlstring(L, n == 0 ? "" : bytes, n);
  lua_setfield(L, -2, name);
}

static int l_received_gc(lua_State *L) {
  ek_received_fini(luaL_checkudata(L, 1, RECEIVED_TYPE));
  return 0;
}

static struct ek_received *push_received(lua_State *L) {
  struct ek_received *r = lua_newuserdatauv(L, sizeof *r, 0);
  *r = (struct ek_received){.method = EK_BUF_INIT};
  ek_metatable_push(L, RECEIVED_TYPE, NULL, l_received_gc);
  lua_setmetatable(L, -2);
  return r;
}

static int l_request(lua_State *L) {
  struct exchange *x = luaL_checkudata(L, 1, EXCHANGE_TYPE);
  if (x->read) return luaL_error(L, "exchange:request: once only");
  x->read = true;
  /* A holder of its own: a finalizer may close the exchange while Lua allocates. */
  struct ek_received *r = push_received(L);
  *r = x->received;
  x->received = (struct ek_received){.method = EK_BUF_INIT};
  const char *target = r->target.data;
  const char *mark = r->target.len == 0 ? NULL : memchr(target, '?', r->target.len);
  size_t path = mark == NULL ? r->target.len : (size_t)(mark - target);
  lua_createtable(L, 0, 5);
  set_text(L, "method", r->method.data, r->method.len);
  set_text(L, "path", target, path);
  set_text(L, "query", mark == NULL ? "" : mark + 1, mark == NULL ? 0 : r->target.len - path - 1);
  set_text(L, "body", r->body.data, r->body.len);
  ek_http_push_headers(L, &r->headers);
  lua_setfield(L, -2, "headers");
  ek_received_fini(r);
  return 1;
}

/* Those of the table at the top, if it is one. What raises leaves the exchange to be answered. */
static void add_headers(lua_State *L, const char *what, struct ek_exchange *x) {
  struct ek_error e;
  if (lua_isnil(L, -1)) return;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "%s: headers must be strings", what);
    if (ek_exchange_header(x, lua_tostring(L, -2), lua_tostring(L, -1), &e) != 0)
      luaL_error(L, "%s: %s", what, e.message);
    lua_pop(L, 1);
  }
}

/* Reads the answer at 2; pieces: its body comes later. */
static int answer(lua_State *L, const char *what, bool pieces) {
  static const char *const names[] = {"status", "headers", "body", NULL};
  static const char *const pieces_names[] = {"status", "headers", NULL};
  size_t n = 0;
  struct ek_error e;
  lua_settop(L, 2);
  ek_options_check(L, 2, what, false, pieces ? pieces_names : names);
  lua_Integer status = ek_options_integer(L, 2, what, "status", 200, 200);
  luaL_argcheck(L, status <= 599, 2, "status: 200 to 599 expected");
  const char *body = pieces ? NULL : ek_options_string(L, 2, what, "body", &n, false);
  (void)ek_options_push(L, 2, what, "headers", LUA_TTABLE);
  struct exchange *x = check_exchange(L); /* nothing below allocates: a finalizer could end it */
  int rc = pieces ? ek_exchange_pieces(x->x, &e)
                  : ek_exchange_body(x->x, body == NULL ? "" : body, n, &e);
  if (rc != 0) return ek_error_raise(L, &e);
  add_headers(L, what, x->x);
  x->in_pieces = pieces;
  ek_exchange_answer(x->x, (unsigned)status);
  return 0;
}

static int l_answer(lua_State *L) {
  return answer(L, "exchange:answer", false);
}

static int l_begin(lua_State *L) {
  return answer(L, "exchange:begin", true);
}

static struct exchange *check_pieces(lua_State *L) {
  struct exchange *x = luaL_checkudata(L, 1, EXCHANGE_TYPE);
  if (!x->in_pieces) luaL_error(L, "exchange:begin has not begun an answer in pieces");
  return x;
}

static int l_write(lua_State *L) {
  size_t n;
  struct ek_error e;
  const struct exchange *x = check_pieces(L);
  const char *bytes = luaL_checklstring(L, 2, &n);
  if (x->x != NULL && ek_exchange_write(x->x, bytes, n, &e) != 0) return ek_error_raise(L, &e);
  lua_pushboolean(L, x->x != NULL);
  return 1;
}

static int l_finish(lua_State *L) {
  const struct exchange *x = check_pieces(L);
  if (x->x != NULL) ek_exchange_end(x->x);
  return 0;
}

static int l_drop(lua_State *L) {
  ek_exchange_drop(check_exchange(L)->x);
  return 0;
}

static int l_exchange_gc(lua_State *L) {
  struct exchange *x = luaL_checkudata(L, 1, EXCHANGE_TYPE);
  if (x->x != NULL) ek_exchange_drop(x->x);
  ek_received_fini(&x->received);
  return 0;
}

int luaopen_eksrun_native_server(lua_State *L) {
  static const luaL_Reg server[] = {
      {"port", l_port}, {"next", l_next}, {"quiesce", l_quiesce}, {"close", l_close}, {NULL, NULL}};
  static const luaL_Reg exchange[] = {
      {"request", l_request}, {"answer", l_answer}, {"begin", l_begin}, {"write", l_write},
      {"finish", l_finish},   {"drop", l_drop},     {NULL, NULL}};
  static const luaL_Reg functions[] = {{"listen", l_listen}, {NULL, NULL}};
  ek_metatable_push(L, SERVER_TYPE, server, l_gc);
  ek_metatable_push(L, EXCHANGE_TYPE, exchange, l_exchange_gc);
  lua_pop(L, 2);
  luaL_newlib(L, functions);
  return 1;
}

/* The body of a streamed answer (eksrun.http, `stream = true`).
 *
 *   body:read([n])    -> bytes | nil at the end: n of them, fewer only at the end; without n, what
 *                        there is, waiting for the first
 *   body:read_all([max = 16 MiB]) -> bytes
 *   body:chunks()     -> iterator: for bytes in body:chunks() do ... end
 *   body:save(path [, {mode = 0600}]) -> how many bytes; the file appears when it is whole
 *   body:expect(algorithm, digest) -> body: the end is an error unless it has that checksum
 *   body:close()      also by __close and the collector; stops the transfer
 *   try_read, try_read_all, try_save: return nil, err instead of raising
 *
 * What was not read waits at the server: at most a window of 256 KiB is held, or what one read
 * wants. One task at a time. */
#include "http.h"

#include <sys/stat.h>

#include "core/replace.h"
#include "options.h"

#define SAVE_TYPE "eksrun.http.save"
#define ALL_MAX   ((lua_Integer)16 * 1024 * 1024)
#define READ_MAX  ((lua_Integer)1024 * 1024 * 1024)

static struct ek_http_op *check_body(lua_State *L) {
  struct ek_http_op *op = luaL_checkudata(L, 1, EK_HTTP_BODY_TYPE);
  if (ek_http_is_busy(op)) luaL_error(L, "another task reads this body");
  return op;
}

/* Returns nil and what went wrong, or raises it. */
static int fail(lua_State *L, const struct ek_error *e, bool try) {
  return try ? ek_error_result(L, e) : ek_error_raise(L, e);
}

static int fail_closed(lua_State *L, bool try) {
  struct ek_error e;
  (void)ek_error_set(&e, EK_ERR_CANCELED, "the body is closed");
  return fail(L, &e, try);
}

/* The transfer's error; closes the body. */
static int fail_transfer(lua_State *L, struct ek_http_op *op, bool try) {
  if (try) lua_pushnil(L);
  ek_http_push_error(L, op->transfer);
  ek_http_close(op);
  return try ? 2 : lua_error(L);
}

/* Whether what came to an end did so because it was stopped, not by the server. */
static bool is_broken(const struct ek_transfer *t) {
  return !t->running && t->error.code != 0;
}

/* -- what the bytes should add up to -------------------------------------------------------------
 */

static int add_to_sum(struct ek_http_op *op, const char *bytes, size_t n, struct ek_error *e) {
  return op->sum.algorithm == NULL ? 0 : ek_checksum_update(&op->sum, bytes, n, e);
}

/* At the end: whether it is all that was sent. */
static int check_sum(struct ek_http_op *op, struct ek_error *e) {
  unsigned char digest[EK_CHECKSUM_MAX];
  size_t n;
  if (op->sum.algorithm == NULL) return 0;
  int rc = ek_checksum_final(digest, &n, &op->sum, e);
  ek_checksum_fini(&op->sum);
  op->sum.algorithm = NULL;
  if (rc != 0) return rc;
  if (n == op->digest_len && memcmp(digest, op->digest, n) == 0) return 0;
  return ek_error_set(e, EK_ERR_NETWORK, "%s sent a body that does not have its checksum",
                      op->transfer->peer);
}

static int l_expect(lua_State *L) {
  struct ek_http_op *op = check_body(L);
  struct ek_error e;
  size_t n;
  const char *algorithm = luaL_checkstring(L, 2), *digest = luaL_checklstring(L, 3, &n);
  luaL_argcheck(L, n <= sizeof op->digest, 3, "a digest expected");
  if (op->transfer == NULL) return fail_closed(L, false);
  ek_checksum_fini(&op->sum);
  if (ek_checksum_init(&op->sum, algorithm, &e) != 0) return ek_error_raise(L, &e);
  memcpy(op->digest, digest, n);
  op->digest_len = n;
  lua_settop(L, 1);
  return 1;
}

/* -- read ----------------------------------------------------------------------------------------
 */

/* Stack: 1 the body, 2 how many bytes or nil. ctx: true for the try form. */
static int finish_read(lua_State *L, int status, lua_KContext ctx) {
  struct ek_http_op *op = lua_touserdata(L, 1);
  (void)status;
  if (op->transfer == NULL) return fail_closed(L, ctx != 0);
  const char *bytes;
  struct ek_error e;
  size_t there = ek_transfer_there(&bytes, op->transfer);
  size_t n = lua_isnil(L, 2) ? there : (size_t)lua_tointeger(L, 2);
  if (n > there) n = there;
  if (n == 0 && is_broken(op->transfer)) return fail_transfer(L, op, ctx != 0);
  bool ended = n == 0 && (lua_isnil(L, 2) || lua_tointeger(L, 2) > 0);
  int rc = ended ? check_sum(op, &e) : add_to_sum(op, bytes, n, &e);
  if (rc != 0) {
    ek_http_close(op);
    return fail(L, &e, ctx != 0);
  }
  if (ended)
    lua_pushnil(L);
  else
    lua_pushlstring(L, bytes, n); /* a finalizer may close the body behind the copy */
  if (op->transfer != NULL) ek_transfer_take(op->transfer, n);
  return 1;
}

static int read_some(lua_State *L, bool try) {
  struct ek_http_op *op = check_body(L);
  lua_Integer n = luaL_optinteger(L, 2, 1);
  luaL_argcheck(L, n >= 0 && n <= READ_MAX, 2, "0 to 1 GiB expected");
  lua_settop(L, 2);
  if (op->transfer == NULL) return fail_closed(L, try);
  return ek_http_wait(L, op, (size_t)n, 1, try, finish_read);
}

static int l_read(lua_State *L) {
  return read_some(L, false);
}

static int l_try_read(lua_State *L) {
  return read_some(L, true);
}

/* The iterator calls with the last chunk as its second argument. */
static int l_next(lua_State *L) {
  lua_settop(L, 1);
  return read_some(L, false);
}

static int l_chunks(lua_State *L) {
  (void)check_body(L);
  lua_settop(L, 1);
  lua_pushcfunction(L, l_next);
  lua_insert(L, 1);
  lua_pushnil(L);
  lua_pushvalue(L, 2); /* a loop that is left closes the body */
  return 4;
}

/* -- all -----------------------------------------------------------------------------------------
 */

static int finish_all(lua_State *L, int status, lua_KContext ctx) {
  struct ek_http_op *op = lua_touserdata(L, 1);
  (void)status;
  if (op->transfer == NULL) return fail_closed(L, ctx != 0);
  const char *bytes;
  size_t there = ek_transfer_there(&bytes, op->transfer);
  size_t max = (size_t)lua_tointeger(L, 2);
  if (there > max) {
    struct ek_error e;
    (void)ek_error_set(&e, EK_ERR_LIMIT, "the answer of %s is larger than %zu bytes",
                       op->transfer->peer, max);
    ek_http_close(op);
    return fail(L, &e, ctx != 0);
  }
  if (is_broken(op->transfer)) return fail_transfer(L, op, ctx != 0);
  struct ek_error e;
  int rc = add_to_sum(op, bytes, there, &e);
  if (rc == 0) rc = check_sum(op, &e);
  if (rc == 0) lua_pushlstring(L, bytes, there);
  ek_http_close(op);
  return rc == 0 ? 1 : fail(L, &e, ctx != 0);
}

static int read_all(lua_State *L, bool try) {
  struct ek_http_op *op = check_body(L);
  lua_Integer max = luaL_optinteger(L, 2, ALL_MAX);
  luaL_argcheck(L, max >= 0 && max <= READ_MAX, 2, "0 to 1 GiB expected");
  lua_settop(L, 1);
  lua_pushinteger(L, max);
  if (op->transfer == NULL) return fail_closed(L, try);
  return ek_http_wait(L, op, (size_t)max + 1, 1, try, finish_all);
}

static int l_read_all(lua_State *L) {
  return read_all(L, false);
}

static int l_try_read_all(lua_State *L) {
  return read_all(L, true);
}

/* -- to a file -----------------------------------------------------------------------------------
 */

struct save {
  struct ek_replace file;
  mode_t mode;
  lua_Integer bytes;
};

static int l_save_gc(lua_State *L) {
  struct save *save = luaL_checkudata(L, 1, SAVE_TYPE);
  ek_replace_close(&save->file);
  return 0;
}

/* Stack: 1 the body, 2 the file. */
static int go_on_saving(lua_State *L, int status, lua_KContext ctx) {
  struct ek_http_op *op = lua_touserdata(L, 1);
  struct save *save = lua_touserdata(L, 2);
  struct ek_error e;
  int rc = 0;
  (void)status;
  while (op->transfer != NULL) {
    const char *bytes;
    size_t there = ek_transfer_there(&bytes, op->transfer);
    if (there == 0 && op->transfer->running) return ek_http_wait(L, op, 1, 1, ctx, go_on_saving);
    if (there == 0) break;
    rc = ek_replace_write(&save->file, bytes, there, &e);
    if (rc != 0) break;
    save->bytes += (lua_Integer)there;
    rc = add_to_sum(op, bytes, there, &e);
    ek_transfer_take(op->transfer, there);
    if (rc != 0) break;
  }
  bool broken = op->transfer == NULL || is_broken(op->transfer);
  if (rc == 0 && !broken) rc = check_sum(op, &e);
  if (rc == 0 && !broken) rc = ek_replace_commit(&save->file, save->mode, &e);
  ek_replace_close(&save->file);
  if (op->transfer == NULL) return fail_closed(L, ctx != 0);
  if (rc == 0 && broken) return fail_transfer(L, op, ctx != 0);
  ek_http_close(op);
  if (rc != 0) return fail(L, &e, ctx != 0);
  lua_pushinteger(L, save->bytes);
  return 1;
}

static int save(lua_State *L, bool try) {
  static const char *const names[] = {"mode", NULL};
  struct ek_error e;
  struct ek_http_op *op = check_body(L);
  size_t n;
  const char *path = luaL_checklstring(L, 2, &n);
  luaL_argcheck(L, n > 0 && strlen(path) == n, 2, "a path expected");
  ek_options_check(L, 3, "body:save", true, names);
  lua_Integer mode = ek_options_integer(L, 3, "body:save", "mode", 0, 0600);
  if (mode > 07777) return luaL_error(L, "body:save: field 'mode' must be at most octal 7777");
  ek_task_check(L, "body:save");
  if (op->transfer == NULL) return fail_closed(L, try);
  struct save *save = lua_newuserdatauv(L, sizeof *save, 0);
  *save = (struct save){.file = EK_REPLACE_INIT, .mode = (mode_t)mode};
  luaL_setmetatable(L, SAVE_TYPE);
  if (ek_replace_open(&save->file, path, &e) != 0) return fail(L, &e, try);
  lua_replace(L, 2);
  lua_settop(L, 2);
  return go_on_saving(L, LUA_OK, try);
}

static int l_save(lua_State *L) {
  return save(L, false);
}

static int l_try_save(lua_State *L) {
  return save(L, true);
}

/* -- the type ------------------------------------------------------------------------------------
 */

static int l_close(lua_State *L) {
  struct ek_http_op *op = luaL_checkudata(L, 1, EK_HTTP_BODY_TYPE);
  if (ek_http_is_busy(op)) return luaL_error(L, "another task reads this body");
  ek_http_close(op);
  return 0;
}

static int l_gc(lua_State *L) {
  ek_http_close(luaL_checkudata(L, 1, EK_HTTP_BODY_TYPE));
  return 0;
}

void ek_http_open_body(lua_State *L) {
  static const luaL_Reg methods[] = {{"read", l_read},         {"try_read", l_try_read},
                                     {"read_all", l_read_all}, {"try_read_all", l_try_read_all},
                                     {"save", l_save},         {"try_save", l_try_save},
                                     {"chunks", l_chunks},     {"expect", l_expect},
                                     {"close", l_close},       {NULL, NULL}};
  ek_metatable_push(L, EK_HTTP_BODY_TYPE, methods, l_gc);
  lua_pushcfunction(L, l_close);
  lua_setfield(L, -2, "__close");
  ek_metatable_push(L, SAVE_TYPE, NULL, l_save_gc);
  lua_pop(L, 2);
}

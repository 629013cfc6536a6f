/* Memory that runs out in a native module.
 *
 * The linker puts our allocator below Lua and the bindings (--wrap). Every scenario is Lua that
 * runs in a new state again and again, with its first, second, ... allocation failing, once alone
 * and once with all that follow, until it gets through. Each time the same has to work in that
 * state when there is memory again, with metatables as whole as in a state that was never short,
 * and the state has to give back all that it took.
 *
 * What waits runs in a task, on a loop of its own: such a state ends with the failure, and with its
 * loop it has to give back all, children too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "bindings/bindings.h"
#include "task.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static struct {
  long left;      /* allocations until the failure; -1: none fails */
  bool from_then; /* all that follow fail too */
  bool fired;
  long blocks; /* taken and not given back */
} memory = {.left = -1};

static bool refuses(void) {
  if (memory.left < 0) return false;
  if (memory.left > 0) {
    memory.left--;
    return false;
  }
  memory.fired = true;
  if (!memory.from_then) memory.left = -1;
  return true;
}

static void *counted(void *p) {
  if (p != NULL) memory.blocks++;
  return p;
}

void *__wrap_malloc(size_t n) {
  return refuses() ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t count, size_t n) {
  return refuses() ? NULL : counted(__real_calloc(count, n));
}

void *__wrap_realloc(void *p, size_t n) {
  if (p == NULL) return __wrap_malloc(n);
  return refuses() ? NULL : __real_realloc(p, n);
}

void __wrap_free(void *p) {
  if (p != NULL) memory.blocks--;
  __real_free(p);
}

/* For Lua, which counts on that what shrinks does not fail. */
static void *allocate(void *user, void *p, size_t before, size_t n) {
  (void)user;
  if (n == 0) {
    __wrap_free(p);
    return NULL;
  }
  return p != NULL && n <= before ? __real_realloc(p, n) : __wrap_realloc(p, n);
}

/* --- scenarios --- */

#define FILE_NAME "bindings_memory.tmp" /* in the folder that the test runs in */

static const struct {
  const char *module;
  lua_CFunction open;
  const char *code; /* gets the module */
} scenarios[] = {
    {"cjson", luaopen_cjson,
     "local m = ... assert(m.decode(m.encode { 1, { a = 'x' } })[2].a == 'x')\n"
     "assert(select(2, pcall(m.decode, '[')):find 'expected a value')\n"
     "assert(select(2, pcall(m.encode, { [1000] = 2 })):find 'sparse')"},
    {"eksrun.checksum", luaopen_eksrun_checksum,
     "local m = ... assert(#m.new('sha256'):update('x'):final() == 32)\n"
     "assert(m.gunzip(m.gzip('text')) == 'text')"},
    {"eksrun.error", luaopen_eksrun_error,
     "local m = ... local e = m.new { code = 'c', message = 'm', cause = m.new { code = 'd' } }\n"
     "assert(tostring(e) == 'm: d' and m.is(e))"},
    {"eksrun.ini", luaopen_eksrun_ini,
     "local m = ... local list = m.parse '[profile a]\\nb = c\\ns3 =\\n  d = e\\n'\n"
     "assert(list[1].keys.s3.d == 'e' and select(2, m.try_parse '[').code == 'syntax')"},
    {"eksrun.jmespath", luaopen_eksrun_jmespath,
     "local m = ...\n"
     "assert(m.search('sort_by(a[?b > `1`], &b)[0].b', { a = { { b = 3 }, { b = 2 } } }) == 2)\n"
     "assert(select(2, pcall(m.compile, '[')).code == 'syntax')"},
    {"eksrun.json", luaopen_eksrun_json,
     "local m = ... local v = m.decode '{\"a\":[1,2.5,\"x\\\\n\\\\u00e4\"],\"b\":{\"c\":null}}'\n"
     "assert(v.a[3] == 'x\\n\\u{e4}' and m.decode(m.encode(v)).b.c == m.null)\n"
     "assert(select(2, m.try_decode '[').code == 'syntax')\n"
     "assert(select(2, pcall(m.encode, { 1, a = 2 })):find 'names and indices')"},
    {"eksrun.native.aws", luaopen_eksrun_native_aws,
     "local m = ...\n"
     "local list = m.service 'eks':operation 'list_clusters'\n"
     "assert(list:build({ maxResults = 2 }).query == 'maxResults=2' and list:info().name)\n"
     "assert(list:parse(200, {}, '{\"clusters\":[\"a\"]}').clusters[1] == 'a')\n"
     "local id = m.service 'sts':operation 'get_caller_identity'\n"
     "assert(id:build({}).body:find 'Action=GetCallerIdentity')\n"
     "assert(id:parse(200, {}, [[<GetCallerIdentityResponse><GetCallerIdentityResult>\n"
     "  <Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>]]).Account == "
     "'1')\n"
     "assert(id:parse_error(403, {}, '<html>').code == 'invalid_response')\n"
     "assert(select(2, list:validate { maxResults = 'x' }).code == 'validation')\n"
     "assert(#m.decode_cbor '\\x82\\1\\2' == 2)\n"
     "m.service 'logs':operation('start_live_tail'):events():feed 'xx'"},
    {"eksrun.native.endpoint", luaopen_eksrun_native_endpoint,
     "local m = ... local found = m.rules 'eks':resolve { Region = 'eu-west-1' }\n"
     "assert(found.url == 'https://eks.eu-west-1.amazonaws.com' and m.partition 'cn-north-1')"},
    {"eksrun.native.certificate", luaopen_eksrun_native_certificate,
     "local m = ... local certificate, key = m.authority 'test'\n"
     "assert(m.server(certificate, key, '127.0.0.1'):find '^-----BEGIN CERTIFICATE')\n"
     "assert(select(2, pcall(m.server, key, key, '127.0.0.1')).code == 'invalid')"},
    {"eksrun.native.es256", luaopen_eksrun_native_es256,
     "local m = ... assert(select(2, pcall(m.sign, 'no key', 'x')).code == 'invalid')\n"
     "assert(#m.sign([[-----BEGIN PRIVATE KEY-----\n"
     "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCAAAAAAAAAAAAAAAAAA\n"
     "AAAAAAAAAAAAAAAAAAAAAAAAAQ==\n"
     "-----END PRIVATE KEY-----\n]], 'x') == 64)"},
    {"eksrun.native.kubeconfig", luaopen_eksrun_native_kubeconfig,
     "local m = ... local held <close> = assert(m.lock '" FILE_NAME ".lock')\n"
     "assert(not m.lock '" FILE_NAME ".lock')\n"
     "assert(select(2, pcall(m.lock, '/nonexistent/x.lock')).code == 'io')"},
    {"eksrun.sigv4", luaopen_eksrun_sigv4,
     "local m = ... local request = { method = 'GET', path = '/a b', query = 'b=1&a', time = 0,\n"
     "  region = 'eu-west-1', service = 'eks', headers = { host = 'h', { 'x-a', '1' } },\n"
     "  credentials = { access_key_id = 'A', secret_access_key = 'S', session_token = 'T' },\n"
     "  expires = 60, details = true }\n"
     "assert(m.sign(request).authorization and m.presign(request):find 'Signature=')\n"
     "request.query = m.presign(request)\n"
     "assert(m.inspect(request).access_key_id == 'A' and m.verify(request).service == 'eks')\n"
     "assert(m.public_key(request.credentials))"},
    {"eksrun.text", luaopen_eksrun_text,
     "local m = ... assert(m.unbase64(m.base64 'text') == 'text' and m.escape '\\27' == "
     "'\\\\x1b')\n"
     "assert(m.suggest('nmae', { 'name', 'other' })[1] == 'name' and select(2, pcall(m.unhex, "
     "'x')).code)"},
    {"eksrun.yaml", luaopen_eksrun_yaml,
     "local m = ... local v = m.parse 'a: [1, b]\\nc: {d: null}\\n'\n"
     "assert(v.a[2] == 'b' and m.parse(m.emit(v)).a[1] == 1 and m.compose('a: b').kind == 'map')\n"
     "assert(select(2, m.try_parse '[').code == 'syntax')"},
};
#define SCENARIOS (sizeof scenarios / sizeof *scenarios)

/* A state with the scenario's function and its module on the stack. */
static lua_State *new_state(size_t scenario) {
  lua_State *L = lua_newstate(allocate, NULL);
  assert_non_null(L);
  luaL_openlibs(L);
  luaL_requiref(L, "eksrun.json", luaopen_eksrun_json, 0);
  lua_pop(L, 1);
  assert_int_equal(luaL_loadstring(L, scenarios[scenario].code), LUA_OK);
  luaL_requiref(L, scenarios[scenario].module, scenarios[scenario].open, 0);
  return L;
}

static int run(lua_State *L) {
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  return lua_pcall(L, 1, 0, 0);
}

static void must_run(lua_State *L, const char *name, long n) {
  if (run(L) != LUA_OK) fail_msg("%s, behind allocation %ld: %s", name, n, lua_tostring(L, -1));
}

/* How many fields the metatables of userdata have, all together. */
static size_t metatable_fields(lua_State *L) {
  size_t count = 0;
  ek_error_push(L, "", ""); /* not every run makes an error */
  lua_pop(L, 1);
  for (lua_pushnil(L); lua_next(L, LUA_REGISTRYINDEX) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || strncmp(lua_tostring(L, -2), "eksrun.", 7) != 0) continue;
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) count++;
  }
  return count;
}

/* How often it ran short before it got through. */
static long run_short(size_t scenario, bool from_then) {
  const char *name = scenarios[scenario].module;
  lua_State *whole = new_state(scenario);
  must_run(whole, name, -1);
  size_t fields = metatable_fields(whole);
  lua_close(whole);
  for (long n = 0;; n++) {
    long before = memory.blocks;
    lua_State *L = new_state(scenario);
    memory.left = n;
    memory.from_then = from_then;
    memory.fired = false;
    int status = run(L);
    memory.left = -1;
    bool fired = memory.fired;
    if (fired && from_then && status == LUA_OK)
      fail_msg("%s: allocation %ld fails unnoticed", name, n);
    lua_settop(L, 2);
    must_run(L, name, n);
    if (metatable_fields(L) != fields)
      fail_msg("%s: allocation %ld fails: a metatable stays incomplete", name, n);
    lua_close(L);
    if (memory.blocks != before)
      fail_msg("%s: allocation %ld fails: %ld blocks are left", name, n, memory.blocks - before);
    if (!fired) return n;
  }
}

static void every_module_survives(void **state) {
  (void)state;
  for (size_t i = 0; i < SCENARIOS; i++) {
    lua_close(new_state(i)); /* what is made once for all */
    long once = run_short(i, false), then = run_short(i, true);
    print_message("%s: %ld allocations\n", scenarios[i].module, then);
    assert_true(once > 0 && then > 0);
  }
}

/* --- tasks --- */

/* Each is the main task of a state. */
static const struct {
  const char *name, *code;
} waiting[] = {
    {"eksrun.native.task",
     "local m = require 'eksrun.native.task'\n"
     "local scope, queue = m.scope(), m.queue()\n"
     "local body = scope:spawn(function(...)\n"
     "  m.spawn(function() queue:wait() end)\n"
     "  local sleeper = m.spawn(function() m.sleep(1000) end)\n"
     "  m.sleep(0)\n"
     "  assert(queue:wake() == 1)\n"
     "  sleeper:cancel 'enough'\n"
     "  assert(not pcall(sleeper.join, sleeper))\n"
     "  return ...\n"
     "end, 1, 2)\n"
     "scope:deadline(100)\n"
     "assert(select('#', scope:join(body)) == 2)\n"
     "local late = m.scope()\n"
     "local stuck = late:spawn(function() m.sleep(1000) end)\n"
     "late:deadline(0)\n"
     "assert(select(2, pcall(late.join, late, stuck)).code == 'timeout')\n"
     "assert(coroutine.wrap(function() return coroutine.isyieldable() end)())"},
    {"eksrun.file",
     "local m, path = require 'eksrun.file', '" FILE_NAME "'\n"
     "m.write_atomic(path, 'text')\n"
     "assert(m.read(path) == 'text' and m.stat(path).size == 4 and m.realpath(path))\n"
     "local log <close> = m.append(path)\n"
     "log:write 'x' log:sync()\n"
     "local lock <close> = m.lock(path)\n"
     "assert(select(2, pcall(m.lock, path, { timeout = 0 })).code == 'timeout')\n"
     "assert(m.read '/dev/null' == '' and #m.list '.' > 0 and m.remove(path))\n"
     "assert(select(2, m.try_read(path)).code == 'not_found')"},
    {"eksrun.process",
     "local m = require 'eksrun.process'\n"
     "local cat = m.run { argv = { 'cat' }, stdin = 'text', env = { 'PATH', A = 'b' } }\n"
     "assert(cat.stdout == 'text' and cat.code == 0)"},
};
#define WAITING (sizeof waiting / sizeof *waiting)

static int enter(lua_State *L) {
  lua_pushinteger(L, ek_task_main(L, 0));
  lua_insert(L, 1);
  return lua_gettop(L);
}

/* Whether it got through with the n-th allocation failing; else its error goes to *message. */
static bool run_waiting(size_t i, long n, bool from_then, char *message, size_t size) {
  struct ek_loop loop;
  assert_int_equal(ek_loop_init(&loop, NULL), 0);
  lua_State *L = lua_newstate(allocate, NULL);
  assert_non_null(L);
  luaL_openlibs(L);
  ek_bindings_preload(L);
  ek_task_open(L, &loop);
  lua_pushcfunction(L, enter);
  assert_int_equal(luaL_loadstring(L, waiting[i].code), LUA_OK);
  memory.left = n;
  memory.from_then = from_then;
  memory.fired = false;
  int status = lua_pcall(L, 1, LUA_MULTRET, 0);
  memory.left = -1;
  bool through = status == LUA_OK && lua_tointeger(L, 1) == LUA_OK;
  const char *error = through ? "" : luaL_tolstring(L, status == LUA_OK ? 2 : -1, NULL);
  (void)snprintf(message, size, "%s", error);
  lua_close(L);
  ek_loop_fini(&loop);
  return through;
}

static void every_wait_survives(void **state) {
  (void)state;
  char message[256];
  for (size_t i = 0; i < WAITING; i++) {
    if (!run_waiting(i, -1, false, message, sizeof message))
      fail_msg("%s: %s", waiting[i].name, message);
    long counts[2];
    for (int from_then = 0; from_then < 2; from_then++) {
      long n = 0;
      do {
        long before = memory.blocks;
        bool through = run_waiting(i, n, from_then, message, sizeof message);
        if (memory.blocks != before)
          fail_msg("%s: allocation %ld fails: %ld blocks are left (%s)", waiting[i].name, n,
                   memory.blocks - before, message);
        if (!memory.fired && !through) fail_msg("%s: %s", waiting[i].name, message);
        n++;
      } while (memory.fired);
      counts[from_then] = n - 1;
    }
    print_message("%s: %ld allocations\n", waiting[i].name, counts[1]);
    assert_true(counts[0] > 0 && counts[1] > 0);
  }
  (void)remove(FILE_NAME);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_module_survives),
                                     cmocka_unit_test(every_wait_survives)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

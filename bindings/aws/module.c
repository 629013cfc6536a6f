/* eksrun.native.aws: services and operations by name.
 *
 *   native.service(name) -> Service | nil      native.services() -> list of names
 *   native.compile(json [, name]) -> image     of a file of models/ or botocore's service-2.json
 *   native.open(image) -> Service
 *   native.snake_case(name)                    DescribeCluster -> describe_cluster
 *   native.decode_event(bytes) -> message, length   of an event stream
 *   native.decode_cbor(bytes) -> value         what is tagged as if it were not
 *   Service: metadata operations operation suggest waiter waiters paginator; of a server: route
 *            serialize_error
 *   Operation: name is_unsigned info input output build parse parse_error events; of a server:
 *            validate serialize serialize_error serialize_event
 *
 * A service is a view of its image in the program: finding one allocates a userdata and parses
 * nothing. */
#include <ctype.h>

#include "bindings/aws/aws.h"
#include "core/modelc/compile.h"
#include "core/modelc/snake.h"
#include "core/suggest.h"

#define SERVICE   "eksrun.aws.service"
#define OPERATION "eksrun.aws.operation"

static const struct ek_model *check_service(lua_State *L, int index) {
  return luaL_checkudata(L, index, SERVICE);
}

const struct ek_model *ek_aws_check_service(lua_State *L, int index) {
  return check_service(L, index);
}

void ek_aws_push_operation(lua_State *L, int service, const struct ek_model_operation *op,
                           uint8_t protocol) {
  struct ek_aws_operation *o = lua_newuserdatauv(L, sizeof *o, 1);
  *o = (struct ek_aws_operation){check_service(L, service), op, protocol};
  lua_pushvalue(L, service);
  lua_setiuservalue(L, -2, 1);
  luaL_setmetatable(L, OPERATION);
}

struct ek_aws_operation *ek_aws_check_operation(lua_State *L, int index) {
  return luaL_checkudata(L, index, OPERATION);
}

const char *ek_aws_push_title(lua_State *L, const struct ek_aws_operation *o) {
  return lua_pushfstring(L, "%s:%s", ek_model_string(o->model, o->model->head->service),
                         ek_model_string(o->model, o->op->name));
}

/* A list of the names of all records of a table. */
static void push_names(lua_State *L, const struct ek_model *m, enum ek_model_table table) {
  uint32_t count = ek_model_count(m, table);
  lua_createtable(L, (int)count, 0);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t name = table == EK_TABLE_OPERATIONS ? m->operations[i].name
                    : table == EK_TABLE_WAITERS  ? m->waiters[i].name
                                                 : m->paginators[i].name;
    lua_pushstring(L, ek_model_string(m, name));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static int l_service(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (lua_getfield(L, lua_upvalueindex(1), name) != LUA_TNIL) return 1;
  const struct ek_embedded *image = ek_embedded_find(ek_models, ek_models_count, name);
  if (image == NULL) {
    lua_pushnil(L);
    return 1;
  }
  struct ek_model *m = lua_newuserdatauv(L, sizeof *m, 0);
  ek_model_view(m, image->data);
  luaL_setmetatable(L, SERVICE);
  lua_pushvalue(L, -1);
  lua_setfield(L, lua_upvalueindex(1), name);
  return 1;
}

/* The image is copied behind the view of it. */
static int l_open(lua_State *L) {
  struct holder {
    struct ek_model model;
    max_align_t image[];
  };
  size_t size;
  const char *image = luaL_checklstring(L, 1, &size);
  struct holder *h = lua_newuserdatauv(L, sizeof *h + size, 0);
  struct ek_error e;
  memcpy(h->image, image, size);
  if (ek_model_open(&h->model, h->image, size, &e) != 0) return ek_error_raise(L, &e);
  luaL_setmetatable(L, SERVICE);
  return 1;
}

static int l_compile(lua_State *L) {
  size_t len;
  struct ek_error e;
  const char *json = luaL_checklstring(L, 1, &len), *name = luaL_optstring(L, 2, "");
  struct ek_buf *image = ek_lbuf_new(L);
  if (ek_model_compile(image, json, len, name, &e) != 0) return ek_error_raise(L, &e);
  ek_lbuf_push(L, image);
  ek_buf_fini(image);
  return 1;
}

/* Protected: 1 the bytes. */
static int l_decode_cbor(lua_State *L) {
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  lua_settop(L, 1);
  ek_json_push_array_mt(L);
  const struct ek_aws_walk w = {.L = L, .array_mt = 2};
  struct ek_cbor_reader *r = ek_aws_new_cbor(L, bytes, len);
  ek_aws_push_cbor(&w, r);
  if (ek_cbor_next(r) != EK_CBOR_END) {
    ek_error_push(L, "invalid_response", r->error.message);
    return lua_error(L);
  }
  return 1;
}

static int l_services(lua_State *L) {
  lua_createtable(L, (int)ek_models_count, 0);
  for (size_t i = 0; i < ek_models_count; i++) {
    lua_pushstring(L, ek_models[i].name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static int l_snake_case(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  struct ek_buf *out = ek_lbuf_new(L);
  ek_snake_case(out, name);
  ek_lbuf_push(L, out);
  ek_buf_fini(out);
  return 1;
}

static int l_service_metadata(lua_State *L) {
  const struct ek_model *m = check_service(L, 1);
  ek_aws_push_json(L, ek_model_string(m, m->head->metadata));
  lua_pushstring(L, ek_model_string(m, m->head->service));
  lua_setfield(L, -2, "service");
  return 1;
}

static int l_service_operations(lua_State *L) {
  push_names(L, check_service(L, 1), EK_TABLE_OPERATIONS);
  return 1;
}

static int l_service_operation(lua_State *L) {
  const struct ek_model *m = check_service(L, 1);
  const struct ek_model_operation *op = ek_model_find_operation(m, luaL_checkstring(L, 2));
  if (op == NULL) {
    lua_pushnil(L);
    return 1;
  }
  ek_aws_push_operation(L, 1, op, m->head->protocol);
  return 1;
}

/* In the spelling that was asked with. */
static int l_service_suggest(lua_State *L) {
  const struct ek_model *m = check_service(L, 1);
  const char *name = luaL_checkstring(L, 2);
  bool snake = !isupper((unsigned char)*name);
  uint32_t count = ek_model_count(m, EK_TABLE_OPERATIONS);
  const char **names = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *names, 0);
  for (uint32_t i = 0; i < count; i++)
    names[i] = ek_model_string(m, snake ? m->operations[i].snake : m->operations[i].name);
  const char *best[3];
  size_t n = ek_suggest(best, 3, name, names, count);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    lua_pushstring(L, best[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* ClusterActive, cluster_active: the same but for case and underscores. */
static bool same_name(const char *a, const char *b) {
  for (;;) {
    while (*a == '_') a++;
    while (*b == '_') b++;
    if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return false;
    if (*a == '\0') return true;
    a++;
    b++;
  }
}

static int l_service_waiter(lua_State *L) {
  const struct ek_model *m = check_service(L, 1);
  const char *name = luaL_checkstring(L, 2);
  for (uint32_t i = 0; i < ek_model_count(m, EK_TABLE_WAITERS); i++) {
    if (!same_name(ek_model_string(m, m->waiters[i].name), name)) continue;
    ek_aws_push_json(L, ek_model_string(m, m->waiters[i].json));
    return 1;
  }
  lua_pushnil(L);
  return 1;
}

static int l_service_waiters(lua_State *L) {
  push_names(L, check_service(L, 1), EK_TABLE_WAITERS);
  return 1;
}

static int l_service_paginator(lua_State *L) {
  const struct ek_model *m = check_service(L, 1);
  const struct ek_model_operation *op = ek_model_find_operation(m, luaL_checkstring(L, 2));
  const char *json =
      op == NULL ? NULL : ek_model_find_entry(m, EK_TABLE_PAGINATORS, ek_model_string(m, op->name));
  if (json == NULL)
    lua_pushnil(L);
  else
    ek_aws_push_json(L, json);
  return 1;
}

static int l_service_tostring(lua_State *L) {
  const struct ek_model *m = check_service(L, 1);
  lua_pushfstring(L, "service %s", ek_model_string(m, m->head->service));
  return 1;
}

static int l_operation_name(lua_State *L) {
  const struct ek_aws_operation *o = ek_aws_check_operation(L, 1);
  lua_pushstring(L, ek_model_string(o->model, o->op->name));
  return 1;
}

static int l_operation_is_unsigned(lua_State *L) {
  lua_pushboolean(L, ek_aws_check_operation(L, 1)->op->flags & EK_OPERATION_UNSIGNED);
  return 1;
}

static int l_operation_tostring(lua_State *L) {
  (void)ek_aws_push_title(L, ek_aws_check_operation(L, 1));
  return 1;
}

static void new_type(lua_State *L, const char *name, const luaL_Reg *methods,
                     lua_CFunction tostring) {
  ek_metatable_push(L, name, methods, NULL);
  lua_pushcfunction(L, tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}

int luaopen_eksrun_native_aws(lua_State *L) {
  static const luaL_Reg service_methods[] = {{"metadata", l_service_metadata},
                                             {"operations", l_service_operations},
                                             {"operation", l_service_operation},
                                             {"suggest", l_service_suggest},
                                             {"waiter", l_service_waiter},
                                             {"waiters", l_service_waiters},
                                             {"paginator", l_service_paginator},
                                             {"route", ek_aws_l_route},
                                             {"serialize_error", ek_aws_l_service_error},
                                             {NULL, NULL}};
  static const luaL_Reg operation_methods[] = {{"name", l_operation_name},
                                               {"is_unsigned", l_operation_is_unsigned},
                                               {"info", ek_aws_l_info},
                                               {"input", ek_aws_l_input},
                                               {"output", ek_aws_l_output},
                                               {"build", ek_aws_l_build},
                                               {"parse", ek_aws_l_parse},
                                               {"parse_error", ek_aws_l_parse_error},
                                               {"events", ek_aws_l_events},
                                               {"validate", ek_aws_l_validate},
                                               {"serialize", ek_aws_l_serialize},
                                               {"serialize_error", ek_aws_l_serialize_error},
                                               {"serialize_event", ek_aws_l_serialize_event},
                                               {NULL, NULL}};
  static const luaL_Reg functions[] = {{"services", l_services},
                                       {"snake_case", l_snake_case},
                                       {"open", l_open},
                                       {"compile", l_compile},
                                       {"decode_cbor", l_decode_cbor},
                                       {"decode_event", ek_aws_l_decode_event},
                                       {NULL, NULL}};
  new_type(L, SERVICE, service_methods, l_service_tostring);
  new_type(L, OPERATION, operation_methods, l_operation_tostring);
  ek_aws_open_events(L);
  luaL_newlib(L, functions);
  lua_newtable(L); /* the services in use, by name */
  lua_pushcclosure(L, l_service, 1);
  lua_setfield(L, -2, "service");
  return 1;
}

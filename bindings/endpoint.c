/* eksrun.native.endpoint: AWS's endpoint rules.
 *
 *   endpoint.rules(service) -> Rules | nil      the set in the program
 *   endpoint.compile(json) -> image             endpoint.open(image) -> Rules
 *   endpoint.compile_partitions(json) -> image  endpoint.open_partitions(image) -> Partitions
 *   endpoint.partition(region) -> table         endpoint.partitions() -> list of tables
 *   endpoint.regions() -> list of names
 *   Rules: parameters() resolve(params [, partitions])
 *
 * What an evaluation needs is one userdata: the parameters' strings stay on the stack while it
 * points to them. */
#include "bindings/bindings.h"
#include "core/endpoint/endpoint.h"
#include "core/modelc/compile.h"

#define RULES      "eksrun.endpoint.rules"
#define PARTITIONS "eksrun.endpoint.partitions"
#define EVALUATION "eksrun.endpoint.evaluation"

/* ---- partitions */

/* Pushes the partitions of the program; opened once, then upvalue 1's. */
static const struct ek_partitions *push_own_partitions(lua_State *L) {
  if (lua_rawgetp(L, lua_upvalueindex(1), ek_partitions_image) == LUA_TUSERDATA)
    return lua_touserdata(L, -1);
  lua_pop(L, 1);
  struct ek_error e;
  struct ek_partitions *p = lua_newuserdatauv(L, sizeof *p, 0);
  if (ek_partitions_open(p, ek_partitions_image[0].data, ek_partitions_image[0].size, &e) != 0) {
    (void)ek_error_raise(L, &e);
    return NULL;
  }
  luaL_setmetatable(L, PARTITIONS);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, lua_upvalueindex(1), ek_partitions_image);
  return p;
}

static void push_partition(lua_State *L, const struct ek_partitions *p,
                           const struct ek_partition *it) {
  const struct {
    const char *name;
    uint32_t offset;
  } texts[] = {{"name", it->name},
               {"dnsSuffix", it->dns_suffix},
               {"dualStackDnsSuffix", it->dual_stack_dns_suffix},
               {"implicitGlobalRegion", it->implicit_global_region}};
  lua_createtable(L, 0, 6);
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    lua_pushstring(L, ek_partitions_string(p, texts[i].offset));
    lua_setfield(L, -2, texts[i].name);
  }
  lua_pushboolean(L, it->supports_fips);
  lua_setfield(L, -2, "supportsFIPS");
  lua_pushboolean(L, it->supports_dual_stack);
  lua_setfield(L, -2, "supportsDualStack");
}

static int l_partition(lua_State *L) {
  size_t len;
  const char *region = luaL_checklstring(L, 1, &len);
  const struct ek_partitions *p = push_own_partitions(L);
  push_partition(L, p, ek_partitions_find(p, region, len));
  return 1;
}

static int l_partitions(lua_State *L) {
  const struct ek_partitions *p = push_own_partitions(L);
  lua_Integer n = 0;
  lua_newtable(L);
  for (uint32_t i = 0; i < p->head->table[EK_PARTITIONS_LIST].count; i++) {
    if (p->list[i].pattern == 0) continue; /* a single region's */
    push_partition(L, p, &p->list[i]);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static int l_regions(lua_State *L) {
  const struct ek_partitions *p = push_own_partitions(L);
  uint32_t count = p->head->table[EK_PARTITIONS_REGIONS].count;
  lua_newtable(L);
  for (uint32_t i = 0; i < count; i++) {
    lua_pushstring(L, ek_partitions_string(p, p->regions[i].name));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* ---- images */

typedef int compile_fn(struct ek_buf *out, const char *json, size_t len, struct ek_error *e);

static int compile(lua_State *L, compile_fn *f) {
  size_t len;
  struct ek_error e;
  const char *json = luaL_checklstring(L, 1, &len);
  struct ek_buf *image = ek_lbuf_new(L);
  if (f(image, json, len, &e) != 0) return ek_error_raise(L, &e);
  ek_lbuf_push(L, image);
  ek_buf_fini(image);
  return 1;
}

static int l_compile(lua_State *L) {
  return compile(L, ek_rules_compile);
}

static int l_compile_partitions(lua_State *L) {
  return compile(L, ek_partitions_compile);
}

/* The image is copied behind the view of it. */
static int l_open(lua_State *L) {
  struct holder {
    struct ek_rules rules;
    max_align_t image[];
  };
  size_t size;
  struct ek_error e;
  const char *image = luaL_checklstring(L, 1, &size);
  struct holder *h = lua_newuserdatauv(L, sizeof *h + size, 0);
  memcpy(h->image, image, size);
  if (ek_rules_open(&h->rules, h->image, size, &e) != 0) return ek_error_raise(L, &e);
  luaL_setmetatable(L, RULES);
  return 1;
}

static int l_open_partitions(lua_State *L) {
  struct holder {
    struct ek_partitions partitions;
    max_align_t image[];
  };
  size_t size;
  struct ek_error e;
  const char *image = luaL_checklstring(L, 1, &size);
  struct holder *h = lua_newuserdatauv(L, sizeof *h + size, 0);
  memcpy(h->image, image, size);
  if (ek_partitions_open(&h->partitions, h->image, size, &e) != 0) return ek_error_raise(L, &e);
  luaL_setmetatable(L, PARTITIONS);
  return 1;
}

static int l_rules(lua_State *L) {
  const char *service = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (lua_getfield(L, lua_upvalueindex(1), service) != LUA_TNIL) return 1;
  const struct ek_embedded *image = ek_embedded_find(ek_endpoints, ek_endpoints_count, service);
  if (image == NULL) {
    lua_pushnil(L);
    return 1;
  }
  struct ek_error e;
  struct ek_rules *r = lua_newuserdatauv(L, sizeof *r, 0);
  if (ek_rules_open(r, image->data, image->size, &e) != 0) return ek_error_raise(L, &e);
  luaL_setmetatable(L, RULES);
  lua_pushvalue(L, -1);
  lua_setfield(L, lua_upvalueindex(1), service);
  return 1;
}

/* ---- evaluation */

static int l_evaluation_gc(lua_State *L) {
  ek_endpoint_fini(lua_touserdata(L, 1));
  return 0;
}

static void push_value(lua_State *L, const struct ek_endpoint_value *value) {
  if (value->type == EK_RULES_BOOLEAN)
    lua_pushboolean(L, value->boolean);
  else if (value->type == EK_RULES_INTEGER)
    lua_pushinteger(L, value->integer);
  else if (value->type == EK_RULES_STRING)
    lua_pushlstring(L, value->text.data, value->text.len);
  else
    lua_pushnil(L);
}

/* The value of a node, arrays and objects whole. */
static void push_node(lua_State *L, struct ek_endpoint *v, uint32_t index) {
  const struct ek_rules_node *node = &v->rules->nodes[index];
  const uint32_t *links = v->rules->links + node->at;
  luaL_checkstack(L, 4, "a property is nested too deeply");
  bool walked = node->op == EK_NODE_ARRAY || node->op == EK_NODE_OBJECT;
  if (!ek_endpoint_spend(v, walked ? 1u + node->count : 1u)) {
    lua_pushnil(L);
    return;
  }
  if (node->op == EK_NODE_ARRAY) {
    lua_createtable(L, node->count, 0);
    for (int i = 0; i < node->count && !v->failed; i++) {
      push_node(L, v, links[i]);
      lua_rawseti(L, -2, i + 1);
    }
  } else if (node->op == EK_NODE_OBJECT) {
    lua_createtable(L, 0, node->count / 2);
    for (int i = 0; i < node->count && !v->failed; i += 2) {
      lua_pushlstring(L, v->rules->pool + v->rules->nodes[links[i]].at,
                      v->rules->nodes[links[i]].count);
      push_node(L, v, links[i + 1]);
      lua_rawset(L, -3);
    }
  } else {
    const struct ek_endpoint_value value = ek_endpoint_evaluate(v, index);
    push_value(L, &value);
  }
}

/* Takes the list on top of the stack, which gives way to a copy that nobody else can change. */
static void take_list(lua_State *L, struct ek_endpoint_value *out, const char *name) {
  lua_Unsigned count = lua_rawlen(L, -1);
  if (count > UINT16_MAX) luaL_error(L, "endpoint parameter '%s' is too long", name);
  lua_createtable(L, (int)count + 1, 0);
  struct ek_endpoint_text *items = lua_newuserdatauv(L, (count + 1) * sizeof *items, 0);
  lua_rawseti(L, -2, (lua_Integer)count + 1);
  for (lua_Integer i = 1; i <= (lua_Integer)count; i++) {
    if (lua_rawgeti(L, -2, i) != LUA_TSTRING)
      luaL_error(L, "endpoint parameter '%s' must be a list of strings", name);
    items[i - 1].data = lua_tolstring(L, -1, &items[i - 1].len);
    lua_rawseti(L, -2, i);
  }
  lua_replace(L, -2);
  *out = (struct ek_endpoint_value){.type = EK_RULES_STRINGS, .list = {items, 0, (uint32_t)count}};
}

/* Leaves the value of every parameter on the stack. */
static void take_parameters(lua_State *L, struct ek_endpoint *v, int table) {
  uint32_t count = ek_rules_count(v->rules, EK_RULES_PARAMETERS);
  luaL_checkstack(L, (int)count + LUA_MINSTACK, NULL);
  for (uint32_t i = 0; i < count; i++) {
    const char *name = v->rules->pool + v->rules->parameters[i].name;
    struct ek_endpoint_value *value = &v->parameters[i];
    lua_pushstring(L, name);
    switch (lua_rawget(L, table)) {
    case LUA_TNIL: break;
    case LUA_TBOOLEAN:
      value->type = EK_RULES_BOOLEAN;
      value->boolean = lua_toboolean(L, -1);
      break;
    case LUA_TSTRING:
      value->type = EK_RULES_STRING;
      value->text.data = lua_tolstring(L, -1, &value->text.len);
      break;
    case LUA_TTABLE: take_list(L, value, name); break;
    default:
      luaL_error(L, "endpoint parameter '%s' must be a string, a boolean or a list, not a %s", name,
                 luaL_typename(L, -1));
    }
  }
}

static int refuse(lua_State *L, const char *message) {
  lua_pushnil(L);
  ek_error_push(L, "endpoint", message);
  return 2;
}

static int fail(lua_State *L, const struct ek_endpoint *v) {
  struct ek_error e;
  return ek_endpoint_failure(v, &e) == EK_ERR_NOMEM ? ek_error_raise(L, &e) : refuse(L, e.message);
}

static int l_resolve(lua_State *L) {
  const struct ek_rules *rules = luaL_checkudata(L, 1, RULES);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  const struct ek_partitions *partitions =
      lua_isnil(L, 3) ? push_own_partitions(L) : luaL_checkudata(L, 3, PARTITIONS);
  struct ek_endpoint *v = lua_newuserdatauv(L, sizeof *v, 0);
  ek_endpoint_init(v, rules, partitions);
  luaL_setmetatable(L, EVALUATION);
  take_parameters(L, v, 2);

  struct ek_error e;
  const struct ek_rules_rule *rule;
  int code = ek_endpoint_resolve(v, &rule, &e);
  if (code == EK_ERR_NOMEM) return ek_error_raise(L, &e);
  if (code != 0) return refuse(L, e.message);
  push_node(L, v, rule->value);
  int results = 1;
  if (v->failed) return fail(L, v);
  if (!lua_isstring(L, -1)) {
    results = refuse(L, "an endpoint rule needs a value that is not set");
  } else if (rule->kind == EK_RULE_ERROR) {
    results = refuse(L, lua_tostring(L, -1));
  } else {
    lua_createtable(L, 0, 3);
    lua_insert(L, -2);
    lua_setfield(L, -2, "url");
    const struct {
      const char *name;
      uint32_t node;
    } objects[] = {{"properties", rule->properties}, {"headers", rule->headers}};
    for (int i = 0; i < 2; i++) {
      if (objects[i].node == 0)
        lua_newtable(L);
      else
        push_node(L, v, objects[i].node - 1);
      lua_setfield(L, -2, objects[i].name);
    }
    if (v->failed) return fail(L, v);
  }
  ek_endpoint_fini(v);
  return results;
}

static int l_parameters(lua_State *L) {
  static const char *const types[EK_RULES_TYPE_COUNT] = {
      [EK_RULES_BOOLEAN] = "boolean", [EK_RULES_STRING] = "string", [EK_RULES_STRINGS] = "list"};
  const struct ek_rules *r = luaL_checkudata(L, 1, RULES);
  uint32_t count = ek_rules_count(r, EK_RULES_PARAMETERS);
  lua_createtable(L, (int)count, 0);
  for (uint32_t i = 0; i < count; i++) {
    const struct ek_rules_parameter *p = &r->parameters[i];
    lua_createtable(L, 0, 5);
    lua_pushstring(L, r->pool + p->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, types[p->type]);
    lua_setfield(L, -2, "type");
    if (p->built_in != 0) {
      lua_pushstring(L, r->pool + p->built_in);
      lua_setfield(L, -2, "built_in");
    }
    lua_pushboolean(L, p->flags & EK_PARAMETER_REQUIRED);
    lua_setfield(L, -2, "required");
    lua_pushboolean(L, p->flags & EK_PARAMETER_USED);
    lua_setfield(L, -2, "used");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

int luaopen_eksrun_native_endpoint(lua_State *L) {
  static const luaL_Reg functions[] = {{"rules", l_rules},
                                       {"open", l_open},
                                       {"compile", l_compile},
                                       {"open_partitions", l_open_partitions},
                                       {"compile_partitions", l_compile_partitions},
                                       {"partition", l_partition},
                                       {"partitions", l_partitions},
                                       {"regions", l_regions},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"resolve", l_resolve}, {"parameters", l_parameters}, {NULL, NULL}};
  lua_newtable(L); /* rule sets in use, by service; the partitions, by their image */
  int used = lua_gettop(L);
  ek_metatable_push(L, EVALUATION, NULL, l_evaluation_gc);
  ek_metatable_push(L, PARTITIONS, NULL, NULL);
  ek_metatable_push(L, RULES, NULL, NULL);
  luaL_newlibtable(L, methods);
  lua_pushvalue(L, used);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  luaL_newlibtable(L, functions);
  lua_pushvalue(L, used);
  luaL_setfuncs(L, functions, 1);
  return 1;
}

/* What the model says of an operation, for help, completion and the client's decisions. */
#include <math.h>

#include "bindings/aws/aws.h"

/* Shapes that a description has at most, several times what AWS's have: a model can be made whose
 * descriptions grow without end. */
enum { SHAPES_MAX = 1 << 18 };

/* The shapes that lead to the one at hand, innermost first. */
struct above {
  const struct above *up;
  const struct ek_model_shape *shape;
  int depth;
  int *left; /* shapes that may still be described */
};

static const char *const type_names[EK_TYPE_COUNT] = {[EK_TYPE_STRUCTURE] = "structure",
                                                      [EK_TYPE_LIST] = "list",
                                                      [EK_TYPE_MAP] = "map",
                                                      [EK_TYPE_STRING] = "string",
                                                      [EK_TYPE_BLOB] = "blob",
                                                      [EK_TYPE_BOOLEAN] = "boolean",
                                                      [EK_TYPE_INTEGER] = "integer",
                                                      [EK_TYPE_LONG] = "long",
                                                      [EK_TYPE_FLOAT] = "float",
                                                      [EK_TYPE_DOUBLE] = "double",
                                                      [EK_TYPE_TIMESTAMP] = "timestamp"};

static const char *const location_names[EK_LOCATION_COUNT] = {[EK_LOCATION_LABEL] = "path",
                                                              [EK_LOCATION_QUERY] = "query",
                                                              [EK_LOCATION_HEADER] = "header",
                                                              [EK_LOCATION_HEADERS] = "headers",
                                                              [EK_LOCATION_STATUS] = "status"};

static void set_flag(lua_State *L, const char *name, bool on) {
  if (!on) return;
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, name);
}

static void set_bound(lua_State *L, const char *name, double bound) {
  if (isinf(bound)) return;
  if (bound == floor(bound) && fabs(bound) < 9e15)
    lua_pushinteger(L, (lua_Integer)bound);
  else
    lua_pushnumber(L, bound);
  lua_setfield(L, -2, name);
}

static void set_enum(const struct ek_aws_walk *w, const struct ek_model_shape *shape) {
  if (shape->value_count == 0) return;
  lua_createtable(w->L, shape->value_count, 0);
  for (int i = 0; i < shape->value_count; i++) {
    lua_pushstring(w->L, ek_aws_string(w, w->model->values[shape->values + (uint32_t)i]));
    lua_rawseti(w->L, -2, i + 1);
  }
  lua_setfield(w->L, -2, "enum");
}

static void push_shape(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                       const struct above *up);

static void set_parts(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                      const struct above *here) {
  static const char *const names[] = {"key", "value"};
  lua_State *L = w->L;
  if (shape->type == EK_TYPE_STRUCTURE) {
    lua_createtable(L, shape->ref_count, 0);
    for (int i = 0; i < shape->ref_count; i++) {
      push_shape(w, ek_aws_ref(w, shape, (uint32_t)i), here);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "members");
  }
  for (uint32_t i = 0; shape->type == EK_TYPE_LIST ? i < 1 : i < 2; i++) {
    if (shape->type != EK_TYPE_LIST && shape->type != EK_TYPE_MAP) break;
    push_shape(w, ek_aws_ref(w, shape, i), here);
    lua_setfield(L, -2, shape->type == EK_TYPE_LIST ? "element" : names[i]);
  }
}

static void push_shape(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                       const struct above *up) {
  lua_State *L = w->L;
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  const struct ek_model_bounds *bounds = &w->model->bounds[shape->bounds];
  if (--*up->left < 0) {
    (void)luaL_error(L, "shape %s: too many shapes are below it", ek_aws_string(w, shape->name));
    return;
  }
  /* No value is built or read that goes deeper. */
  bool cut = up->depth > EK_AWS_DEPTH_MAX;
  for (const struct above *a = up; a != NULL; a = a->up) cut |= a->shape == shape;
  luaL_checkstack(L, 8, "a shape is nested too deeply");
  lua_createtable(L, 0, 8);
  if (ref->name != 0) {
    lua_pushstring(L, ek_aws_string(w, ref->name));
    lua_setfield(L, -2, "name");
  }
  lua_pushstring(L, ek_aws_string(w, shape->name));
  lua_setfield(L, -2, "shape");
  lua_pushstring(L, shape->flags & EK_SHAPE_DOCUMENT ? "document" : type_names[shape->type]);
  lua_setfield(L, -2, "type");
  set_flag(L, "required", ref->flags & EK_REF_REQUIRED);
  set_flag(L, "token", ref->flags & EK_REF_TOKEN);
  set_flag(L, "sensitive", ref->flags & EK_REF_SENSITIVE);
  set_flag(L, "host", ref->flags & EK_REF_HOST);
  if (ref->location != EK_LOCATION_BODY) {
    lua_pushstring(L, location_names[ref->location]);
    lua_setfield(L, -2, "location");
  }
  set_flag(L, "deprecated", ref->flags & EK_REF_DEPRECATED);
  set_flag(L, "union", shape->flags & EK_SHAPE_UNION);
  set_flag(L, "json", (ref->flags & EK_REF_JSON) && ref->location == EK_LOCATION_HEADER);
  set_flag(L, "streaming", ref->flags & EK_REF_STREAMING);
  set_flag(L, "events", shape->flags & EK_SHAPE_EVENTS);
  set_flag(L, "recursive", cut);
  set_bound(L, "min", bounds->min);
  set_bound(L, "max", bounds->max);
  set_enum(w, shape);
  const struct above here = {up, shape, up->depth + 1, up->left};
  if (!cut) set_parts(w, shape, &here);
}

static int push_end(lua_State *L, bool input) {
  const struct ek_aws_operation *o = ek_aws_check_operation(L, 1);
  const struct ek_aws_walk w = {.L = L, .model = o->model};
  const struct ek_model_ref *ref =
      input ? ek_model_input(o->model, o->op) : ek_model_output(o->model, o->op);
  int left = SHAPES_MAX;
  const struct above none = {.left = &left};
  if (ref == NULL)
    lua_pushnil(L);
  else
    push_shape(&w, ref, &none);
  return 1;
}

int ek_aws_l_input(lua_State *L) {
  return push_end(L, true);
}

int ek_aws_l_output(lua_State *L) {
  return push_end(L, false);
}

static void set_string(const struct ek_aws_walk *w, const char *name, uint32_t offset) {
  const char *text = ek_aws_string(w, offset);
  if (*text == '\0') return;
  lua_pushstring(w->L, text);
  lua_setfield(w->L, -2, name);
}

/* The member that is the body, if it is a stream of bytes, or (raw) bytes or text of any kind. */
static void set_payload(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                        const char *name, bool raw) {
  const struct ek_model_shape *shape = ref == NULL ? NULL : ek_aws_shape(w, ref);
  if (shape == NULL || shape->payload == 0) return;
  const struct ek_model_ref *payload = ek_aws_ref(w, shape, shape->payload - 1u);
  uint8_t type = ek_aws_shape(w, payload)->type;
  if (raw ? type == EK_TYPE_BLOB || type == EK_TYPE_STRING
          : (payload->flags & EK_REF_STREAMING) != 0)
    set_string(w, name, payload->name);
}

int ek_aws_l_info(lua_State *L) {
  const struct ek_aws_operation *o = ek_aws_check_operation(L, 1);
  const struct ek_model_operation *op = o->op;
  const struct ek_aws_walk w = {.L = L, .model = o->model};
  ek_aws_push_json(L, ek_aws_string(&w, op->traits));
  set_string(&w, "service", o->model->head->service);
  set_string(&w, "name", op->name);
  set_string(&w, "snake_name", op->snake);
  set_string(&w, "method", op->method);
  set_string(&w, "path", op->path);
  set_string(&w, "host_prefix", op->host_prefix);
  set_flag(L, "deprecated", op->flags & EK_OPERATION_DEPRECATED);
  set_flag(L, "idempotent", op->flags & EK_OPERATION_IDEMPOTENT);
  set_flag(L, "readonly", op->flags & EK_OPERATION_READONLY);
  set_flag(L, "unsigned", op->flags & EK_OPERATION_UNSIGNED);
  set_flag(L, "unsigned_payload", op->flags & EK_OPERATION_UNSIGNED_PAYLOAD);
  set_flag(L, "checksum", op->flags & EK_OPERATION_CHECKSUM);
  const struct ek_model_ref *input = ek_model_input(o->model, op);
  if (input != NULL) {
    const struct ek_model_shape *shape = ek_aws_shape(&w, input);
    for (uint32_t i = 0; i < shape->ref_count; i++)
      if (ek_aws_ref(&w, shape, i)->flags & EK_REF_TOKEN)
        set_string(&w, "token", ek_aws_ref(&w, shape, i)->name);
  }
  set_payload(&w, input, "stream_input", false);
  set_payload(&w, ek_model_output(o->model, op), "stream_output", false);
  set_payload(&w, ek_model_output(o->model, op), "raw_output", true);
  const struct ek_model_ref *events = ek_aws_events(&w, ek_model_output(o->model, op));
  if (events != NULL) set_string(&w, "event_output", events->name);
  lua_createtable(L, op->error_count, 0);
  for (int i = 0; i < op->error_count; i++) {
    uint32_t error = o->model->values[op->errors + (uint32_t)i];
    const struct ek_model_shape *of = &o->model->shapes[error];
    lua_pushstring(L, ek_aws_string(&w, of->code != 0 ? of->code : of->name));
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "errors");
  return 1;
}

/* Parameters against the model, before anything is sent: all that is wrong, in one error.
 *
 * Values of an enum are not checked, as in AWS's own SDKs: a service may know more of them than
 * the model does. */
#include <math.h>

#include "bindings/aws/aws.h"
#include "core/suggest.h"
#include "core/utf8.h"

/* Shown, and looked for: of a table within itself, twice at each level, there are 2^64. */
enum { PROBLEMS_MAX = 20, COUNT_MAX = 1000 };

/* Where in the parameters: names and indices, innermost first. */
struct path {
  const struct path *up;
  const char *name; /* NULL: an index */
  lua_Integer index;
};

struct check {
  struct ek_aws_walk walk;
  int problems; /* stack index of the list */
  int count;
  bool output; /* a server's: bounds and required fields are not checked */
  bool more;   /* the outermost table may have fields of no name in the model */
};

static void check_value(struct check *c, const struct ek_model_ref *ref, int index,
                        const struct path *path, int depth);

static void push_path(lua_State *L, const struct path *path) {
  if (path->up == NULL) {
    lua_pushstring(L, path->name == NULL ? "" : path->name);
    return;
  }
  push_path(L, path->up);
  const char *up = lua_tostring(L, -1);
  if (path->name == NULL)
    lua_pushfstring(L, "%s[%I]", up, (LUAI_UACINT)path->index);
  else
    lua_pushfstring(L, *up == '\0' ? "%s%s" : "%s.%s", up, path->name);
  lua_remove(L, -2);
}

/* Takes the message from the stack. */
static void add_problem(struct check *c, const struct path *path) {
  lua_State *L = c->walk.L;
  luaL_checkstack(L, EK_AWS_DEPTH_MAX + 8, "parameters nested too deeply");
  if (++c->count > PROBLEMS_MAX) {
    lua_pop(L, 1);
    return;
  }
  lua_createtable(L, 0, 2);
  lua_insert(L, -2);
  lua_setfield(L, -2, "message");
  push_path(L, path);
  lua_setfield(L, -2, "path");
  lua_rawseti(L, c->problems, c->count);
}

static void wrong_type(struct check *c, const struct path *path, const char *wanted, int index) {
  lua_State *L = c->walk.L;
  lua_pushfstring(L, "must be %s, not a %s", wanted, luaL_typename(L, index));
  add_problem(c, path);
}

static const char *push_number(lua_State *L, double number) {
  if (number == floor(number) && fabs(number) < 1e15)
    return lua_pushfstring(L, "%I", (LUAI_UACINT)number);
  return lua_pushfstring(L, "%f", (LUAI_UACNUMBER)number);
}

/* of: "be", "have a length of" */
static void check_bounds(struct check *c, const struct ek_model_shape *shape,
                         const struct path *path, const char *of, double value) {
  lua_State *L = c->walk.L;
  const struct ek_model_bounds *bounds = &c->walk.model->bounds[shape->bounds];
  if (c->output || (value >= bounds->min && value <= bounds->max)) return;
  bool low = value < bounds->min;
  const char *bound = push_number(L, low ? bounds->min : bounds->max);
  const char *got = push_number(L, value);
  lua_pushfstring(L, "must %s at %s %s, not %s", of, low ? "least" : "most", bound, got);
  lua_replace(L, -3);
  lua_pop(L, 1);
  add_problem(c, path);
}

static void check_text(struct check *c, const struct ek_model_ref *ref, int index,
                       const struct path *path) {
  lua_State *L = c->walk.L;
  const struct ek_model_shape *shape = ek_aws_shape(&c->walk, ref);
  if (lua_type(L, index) != LUA_TSTRING) {
    wrong_type(c, path, "a string", index);
    return;
  }
  size_t len, points = 0;
  const char *text = lua_tolstring(L, index, &len);
  if (shape->type == EK_TYPE_BLOB) {
    check_bounds(c, shape, path, "have a length of", (double)len);
    return;
  }
  if (!ek_utf8_valid(text, len)) {
    lua_pushliteral(L, "must be valid UTF-8");
    add_problem(c, path);
    return;
  }
  for (size_t i = 0; i < len; i++) points += ((unsigned char)text[i] & 0xc0) != 0x80;
  check_bounds(c, shape, path, "have a length of", (double)points);
  if (ref->location == EK_LOCATION_LABEL && len == 0) {
    lua_pushliteral(L, "must not be empty");
    add_problem(c, path);
  }
  if (ref->location == EK_LOCATION_HEADER && strcspn(text, "\r\n") != len) {
    lua_pushliteral(L, "must not hold line breaks");
    add_problem(c, path);
  }
}

static void check_number(struct check *c, const struct ek_model_shape *shape, int index,
                         const struct path *path) {
  lua_State *L = c->walk.L;
  bool whole = shape->type == EK_TYPE_INTEGER || shape->type == EK_TYPE_LONG;
  if (lua_type(L, index) != LUA_TNUMBER) {
    wrong_type(c, path, whole ? "an integer" : "a number", index);
    return;
  }
  double number = lua_tonumber(L, index);
  int is_integer;
  lua_Integer n = lua_tointegerx(L, index, &is_integer);
  bool narrow = shape->type == EK_TYPE_INTEGER;
  if (whole && (!is_integer || (narrow && (n < INT32_MIN || n > INT32_MAX)))) {
    const char *got = push_number(L, number);
    lua_pushfstring(L, "must be an integer of %d bits, not %s", narrow ? 32 : 64, got);
    lua_remove(L, -2);
    add_problem(c, path);
    return;
  }
  if (!isnan(number)) check_bounds(c, shape, path, "be", number);
}

/* " is unknown, did you mean x?", on the stack. */
static void push_unknown(struct check *c, const struct ek_model_shape *shape, const char *name) {
  lua_State *L = c->walk.L;
  const char **names = lua_newuserdatauv(L, (size_t)(shape->ref_count + 1) * sizeof *names, 0);
  for (uint32_t i = 0; i < shape->ref_count; i++)
    names[i] = ek_aws_string(&c->walk, ek_aws_ref(&c->walk, shape, i)->name);
  const char *best[1];
  size_t n = ek_suggest(best, 1, name, names, shape->ref_count);
  if (n > 0)
    lua_pushfstring(L, "is unknown, did you mean %s?", best[0]);
  else
    lua_pushliteral(L, "is unknown");
  lua_remove(L, -2);
}

/* How many keys the table at index has that are no text; *type is the name of one's type. */
static lua_Integer other_keys(lua_State *L, int index, const char **type) {
  lua_Integer count = 0;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TSTRING) continue;
    *type = luaL_typename(L, -2);
    count++;
  }
  return count;
}

static bool has_member(const struct check *c, const struct ek_model_shape *shape, int key) {
  size_t len;
  const char *name = lua_tolstring(c->walk.L, key, &len);
  return ek_model_find_member(c->walk.model, shape, name, len) != NULL;
}

/* Nothing that allocates stands in a traversal: a finalizer could run there and change the table.
 */
static void check_keys(struct check *c, const struct ek_model_shape *shape, int index,
                       const struct path *path) {
  lua_State *L = c->walk.L;
  const char *type;
  bool wrong = false;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
    wrong = wrong || lua_type(L, -2) != LUA_TSTRING || !has_member(c, shape, -2);
  if (!wrong) return;
  if (other_keys(L, index, &type) > 0) {
    lua_pushfstring(L, "must have named fields only, not a %s as key", type);
    add_problem(c, path);
  }
  int count = ek_aws_sorted_keys(L, index), keys = lua_gettop(L);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, keys, i);
    if (!has_member(c, shape, -1)) {
      const struct path here = {path, lua_tostring(L, -1), 0};
      push_unknown(c, shape, here.name);
      add_problem(c, &here);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void check_structure(struct check *c, const struct ek_model_shape *shape, int index,
                            const struct path *path, int depth) {
  int set = 0;
  if (!c->more || depth > 0) check_keys(c, shape, index, path);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(&c->walk, shape, i);
    const struct path here = {path, ek_aws_string(&c->walk, ref->name), 0};
    if (ek_aws_get(&c->walk, index, ref)) {
      set++;
      check_value(c, ref, lua_gettop(c->walk.L), &here, depth + 1);
      lua_pop(c->walk.L, 1);
    } else if (!c->output && (ref->flags & EK_REF_REQUIRED) && !(ref->flags & EK_REF_TOKEN)) {
      lua_pushliteral(c->walk.L, "is required");
      add_problem(c, &here);
    }
  }
  if ((shape->flags & EK_SHAPE_UNION) && set != 1) {
    lua_pushfstring(c->walk.L, "must have exactly one field, not %d", set);
    add_problem(c, path);
  }
}

static void check_list(struct check *c, const struct ek_model_shape *shape, int index,
                       const struct path *path, int depth) {
  lua_State *L = c->walk.L;
  lua_Integer count = (lua_Integer)lua_rawlen(L, index), fields = 0;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) fields++;
  if (fields != count) {
    lua_pushliteral(L, "must be a list, not a table with named fields or holes");
    add_problem(c, path);
    return;
  }
  check_bounds(c, shape, path, "have a length of", (double)count);
  for (lua_Integer i = 1; i <= count; i++) {
    const struct path here = {path, NULL, i};
    lua_rawgeti(L, index, i);
    check_value(c, ek_aws_ref(&c->walk, shape, 0), lua_gettop(L), &here, depth + 1);
    lua_pop(L, 1);
  }
}

static void check_map(struct check *c, const struct ek_model_shape *shape, int index,
                      const struct path *path, int depth) {
  lua_State *L = c->walk.L;
  const char *type;
  lua_Integer others = other_keys(L, index, &type);
  if (others > 0) {
    lua_pushfstring(L, "must have strings as keys, not a %s", type);
    add_problem(c, path);
  }
  int count = ek_aws_sorted_keys(L, index), keys = lua_gettop(L);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, keys, i);
    const struct path here = {path, lua_tostring(L, -1), 0};
    check_text(c, ek_aws_ref(&c->walk, shape, 0), keys + 1, &here);
    lua_pushvalue(L, -1);
    lua_rawget(L, index);
    check_value(c, ek_aws_ref(&c->walk, shape, 1), keys + 2, &here, depth + 1);
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
  check_bounds(c, shape, path, "have a number of entries of", (double)(count + others));
}

/* Any value that JSON has. */
static void check_document(struct check *c, int index, const struct path *path) {
  lua_State *L = c->walk.L;
  struct ek_buf *out = ek_lbuf_new(L);
  bool valid = ek_aws_append_document(L, out, index);
  ek_buf_fini(out);
  if (!valid) add_problem(c, path);
  lua_pop(L, 1);
}

static void check_value(struct check *c, const struct ek_model_ref *ref, int index,
                        const struct path *path, int depth) {
  lua_State *L = c->walk.L;
  const struct ek_model_shape *shape = ek_aws_shape(&c->walk, ref);
  double seconds;
  if (c->count >= COUNT_MAX) return;
  luaL_checkstack(L, 12, "parameters nested too deeply");
  if (depth > EK_AWS_DEPTH_MAX) {
    lua_pushfstring(L, "is nested more than %d deep", EK_AWS_DEPTH_MAX);
    add_problem(c, path);
    return;
  }
  if ((shape->flags & EK_SHAPE_DOCUMENT) ||
      ((ref->flags & EK_REF_JSON) && ref->location == EK_LOCATION_HEADER)) {
    check_document(c, index, path);
    return;
  }
  if (shape->type <= EK_TYPE_MAP && lua_type(L, index) != LUA_TTABLE) {
    wrong_type(c, path, shape->type == EK_TYPE_LIST ? "a list" : "a table", index);
    return;
  }
  switch (shape->type) {
  case EK_TYPE_STRUCTURE: check_structure(c, shape, index, path, depth); break;
  case EK_TYPE_LIST: check_list(c, shape, index, path, depth); break;
  case EK_TYPE_MAP: check_map(c, shape, index, path, depth); break;
  case EK_TYPE_BOOLEAN:
    if (!lua_isboolean(L, index)) wrong_type(c, path, "a boolean", index);
    break;
  case EK_TYPE_STRING:
  case EK_TYPE_BLOB: check_text(c, ref, index, path); break;
  case EK_TYPE_TIMESTAMP:
    if (ek_aws_to_time(L, index, &seconds)) break;
    lua_pushliteral(L, "must be a timestamp: epoch seconds or ISO 8601 text");
    add_problem(c, path);
    break;
  default: check_number(c, shape, index, path);
  }
}

/* "title: parameter a is required; parameter b is unknown, did you mean c?" */
static int raise_problems(struct check *c, const char *title) {
  lua_State *L = c->walk.L;
  luaL_Buffer b;
  int shown = c->count < PROBLEMS_MAX ? c->count : PROBLEMS_MAX;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, title);
  for (int i = 1; i <= shown; i++) {
    luaL_addstring(&b, i == 1 ? ": " : "; ");
    lua_rawgeti(L, c->problems, i);
    lua_getfield(L, -1, "path");
    lua_getfield(L, -2, "message");
    const char *path = lua_tostring(L, -2), *message = lua_tostring(L, -1);
    lua_pushfstring(L, *path == '\0' ? "the %ss%s %s" : "%s %s %s",
                    c->output ? "field" : "parameter", path, message);
    lua_replace(L, -4);
    lua_pop(L, 2);
    luaL_addvalue(&b);
  }
  if (c->count > shown) {
    lua_pushfstring(L, "; and %d more", c->count - shown);
    luaL_addvalue(&b);
  }
  luaL_pushresult(&b);
  ek_error_push(L, "validation", lua_tostring(L, -1));
  lua_pushvalue(L, c->problems);
  lua_setfield(L, -2, "problems");
  return lua_error(L);
}

static void validate_output(lua_State *L, const struct ek_aws_operation *o,
                            const struct ek_model_ref *ref, int index, bool more) {
  int top = lua_gettop(L);
  const struct path root = {NULL, NULL, 0};
  struct check c = {
      .walk = {.L = L, .model = o->model}, .problems = top + 1, .output = true, .more = more};
  lua_newtable(L);
  if (ref != NULL) check_value(&c, ref, index, &root, 0);
  if (c.count > 0) (void)raise_problems(&c, ek_aws_push_title(L, o));
  lua_settop(L, top);
}

void ek_aws_validate_output(lua_State *L, const struct ek_aws_operation *o,
                            const struct ek_model_ref *ref, int index) {
  validate_output(L, o, ref, index, false);
}

void ek_aws_validate_error(lua_State *L, const struct ek_aws_operation *o,
                           const struct ek_model_ref *ref, int index) {
  validate_output(L, o, ref, index, true);
}

void ek_aws_validate(lua_State *L, const struct ek_aws_operation *o, int index) {
  int top = lua_gettop(L);
  const struct ek_model_ref *input = ek_model_input(o->model, o->op);
  const struct path root = {NULL, NULL, 0};
  struct check c = {.walk = {.L = L, .model = o->model}, .problems = top + 1};
  lua_newtable(L);
  if (input != NULL) {
    check_value(&c, input, index, &root, 0);
  } else {
    lua_pushnil(L);
    if (lua_next(L, index) != 0) {
      lua_pop(L, 2);
      lua_pushliteral(L, "must be empty: the operation takes none");
      add_problem(&c, &root);
    }
  }
  if (c.count > 0) (void)raise_problems(&c, ek_aws_push_title(L, o));
  lua_settop(L, top);
}

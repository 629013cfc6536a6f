/* XML answers (query, ec2, rest-xml): from the parsed tree to Lua tables. */
#include "bindings/aws/aws.h"

#define DOCUMENT "eksrun.aws.xml"

static int l_document_free(lua_State *L) {
  struct ek_xml **doc = luaL_checkudata(L, 1, DOCUMENT);
  ek_xml_free(*doc);
  *doc = NULL;
  return 0;
}

struct ek_xml *ek_aws_new_xml(lua_State *L) {
  struct ek_xml **doc = lua_newuserdatauv(L, sizeof(struct ek_xml *), 0);
  *doc = NULL;
  ek_metatable_push(L, DOCUMENT, NULL, l_document_free);
  lua_setmetatable(L, -2);
  *doc = ek_xml_new();
  if (*doc == NULL) luaL_error(L, "not enough memory");
  return *doc;
}

const struct ek_xml_node *ek_aws_xml_child(const struct ek_xml_node *node, const char *name) {
  size_t len = strlen(name);
  for (const struct ek_xml_node *child = node->child; child != NULL; child = child->next)
    if (child->name_len == len && memcmp(child->name, name, len) == 0) return child;
  return NULL;
}

static bool is_named(const struct ek_xml_node *node, const char *name) {
  return strlen(name) == node->name_len && memcmp(node->name, name, node->name_len) == 0;
}

static int count_children(const struct ek_xml_node *node) {
  int count = 0;
  for (node = node->child; node != NULL; node = node->next) count++;
  return count;
}

static void set_list(const struct ek_aws_walk *w) {
  lua_pushvalue(w->L, w->array_mt);
  lua_setmetatable(w->L, -2);
}

/* Appends an entry (key and value) to the map on top of the stack. */
static void read_entry(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                       const struct ek_xml_node *node) {
  const struct ek_model_ref *key = ek_aws_ref(w, shape, 0), *value = ek_aws_ref(w, shape, 1);
  const struct ek_xml_node *key_node = ek_aws_xml_child(node, ek_aws_string(w, key->wire));
  const struct ek_xml_node *value_node = ek_aws_xml_child(node, ek_aws_string(w, value->wire));
  if (key_node == NULL || value_node == NULL) return;
  lua_pushlstring(w->L, key_node->text, key_node->text_len);
  ek_aws_read_xml(w, value, value_node);
  lua_rawset(w->L, -3);
}

/* One more element of a flattened list or map that is (or becomes) field name of the table on top
 * of the stack. */
static void read_flattened(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                           const struct ek_xml_node *node) {
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  const char *name = ek_aws_string(w, ref->name);
  if (lua_getfield(w->L, -1, name) == LUA_TNIL) {
    lua_pop(w->L, 1);
    lua_newtable(w->L);
    if (shape->type == EK_TYPE_LIST) set_list(w);
    lua_pushvalue(w->L, -1);
    lua_setfield(w->L, -3, name);
  }
  if (shape->type == EK_TYPE_LIST) {
    ek_aws_read_xml(w, ek_aws_ref(w, shape, 0), node);
    lua_rawseti(w->L, -2, (lua_Integer)lua_rawlen(w->L, -2) + 1);
  } else {
    read_entry(w, shape, node);
  }
  lua_pop(w->L, 1);
}

/* Attributes keep their prefix: xsi:type. */
static void read_attributes(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                            const struct ek_xml_node *node) {
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(w, shape, i);
    if (!(ref->flags & EK_REF_ATTRIBUTE)) continue;
    for (const struct ek_xml_attr *attr = node->attrs; attr != NULL; attr = attr->next) {
      const char *wire = ek_aws_string(w, ref->wire), *local = strchr(wire, ':');
      local = local == NULL ? wire : local + 1;
      if (strlen(local) != attr->name_len || memcmp(attr->name, local, attr->name_len) != 0)
        continue;
      ek_aws_read_scalar(w, ref, attr->value, attr->value_len);
      lua_setfield(w->L, -2, ek_aws_string(w, ref->name));
    }
  }
}

static void read_structure(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                           const struct ek_xml_node *node) {
  uint32_t hint = 0;
  lua_createtable(w->L, 0, count_children(node));
  if (node->attrs != NULL) read_attributes(w, shape, node);
  for (const struct ek_xml_node *child = node->child; child != NULL; child = child->next) {
    int number = ek_aws_find_wire(w, shape, child->name, child->name_len, true, &hint);
    if (number < 0) {
      if (shape->flags & EK_SHAPE_UNION) {
        lua_pushlstring(w->L, child->name, child->name_len);
        ek_aws_note_unknown(w, shape);
        lua_pop(w->L, 1);
      }
      continue;
    }
    const struct ek_model_ref *ref = ek_aws_ref(w, shape, (uint32_t)number);
    if (ref->location != EK_LOCATION_BODY) continue;
    uint8_t type = ek_aws_shape(w, ref)->type;
    if ((ref->flags & EK_REF_FLATTENED) && (type == EK_TYPE_LIST || type == EK_TYPE_MAP)) {
      hint--;
      read_flattened(w, ref, child);
      continue;
    }
    ek_aws_read_xml(w, ref, child);
    lua_setfield(w->L, -2, ek_aws_string(w, ref->name));
  }
}

static void read_list(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                      const struct ek_xml_node *node) {
  const struct ek_model_ref *element = ek_aws_ref(w, shape, 0);
  lua_Integer i = 0;
  lua_createtable(w->L, count_children(node), 0);
  set_list(w);
  for (const struct ek_xml_node *child = node->child; child != NULL; child = child->next) {
    ek_aws_read_xml(w, element, child);
    lua_rawseti(w->L, -2, ++i);
  }
}

void ek_aws_read_xml(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                     const struct ek_xml_node *node) {
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  luaL_checkstack(w->L, 8, "an answer is nested too deeply");
  switch (shape->type) {
  case EK_TYPE_STRUCTURE: read_structure(w, shape, node); break;
  case EK_TYPE_LIST: read_list(w, shape, node); break;
  case EK_TYPE_MAP:
    lua_createtable(w->L, 0, count_children(node));
    for (const struct ek_xml_node *child = node->child; child != NULL; child = child->next)
      if (is_named(child, "entry")) read_entry(w, shape, child);
    break;
  default: ek_aws_read_scalar(w, ref, node->text, node->text_len);
  }
}

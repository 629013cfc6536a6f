/* Reading: libyaml's events into values, or into nodes that know where they stand in the text. */
#include "bindings/yaml/yaml.h"

#include <yaml.h>

#define PARSER_TYPE    "eksrun.yaml.parser"
#define SIZE_MAX_BYTES ((size_t)16 << 20)
#define NODES_MAX      1000000
#define ANCHORS_MAX    1000
#define DIRECTIVES_MAX 64

struct parse {
  yaml_parser_t parser;
  yaml_event_t event;
  bool parser_live, event_live;
  bool marks; /* nodes with positions instead of values */
  bool last_wins;
  unsigned nodes, anchors;
  const char *text;
  size_t len, byte, index; /* byte offset of the character of that index */
};

static int l_parse_free(lua_State *L) {
  struct parse *p = luaL_checkudata(L, 1, PARSER_TYPE);
  if (p->event_live) yaml_event_delete(&p->event);
  if (p->parser_live) yaml_parser_delete(&p->parser);
  p->event_live = p->parser_live = false;
  return 0;
}

static int fail(lua_State *L, int code, yaml_mark_t mark, const char *what, const char *detail) {
  struct ek_error e;
  ek_error_set(&e, code, "yaml: line %zu, column %zu: %s%s%s", mark.line + 1, mark.column + 1, what,
               *detail == '\0' ? "" : " ", detail);
  ek_error_push(L, ek_code_name(code), e.message);
  lua_pushinteger(L, (lua_Integer)mark.line + 1);
  lua_setfield(L, -2, "line");
  lua_pushinteger(L, (lua_Integer)mark.column + 1);
  lua_setfield(L, -2, "column");
  return lua_error(L);
}

static void next_event(lua_State *L, struct parse *p) {
  if (p->event_live) yaml_event_delete(&p->event);
  p->event_live = false;
  if (yaml_parser_parse(&p->parser, &p->event)) {
    p->event_live = true;
    return;
  }
  yaml_mark_t mark = p->parser.problem_mark;
  if (p->parser.error == YAML_MEMORY_ERROR) luaL_error(L, "not enough memory");
  if (p->parser.error == YAML_READER_ERROR) mark = p->parser.mark;
  fail(L, EK_ERR_SYNTAX, mark, p->parser.problem == NULL ? "malformed" : p->parser.problem, "");
}

/* The 1-based byte position of a mark, whose index counts characters. */
static lua_Integer position(struct parse *p, yaml_mark_t mark) {
  while (p->index < mark.index && p->byte < p->len) {
    do p->byte++;
    while (p->byte < p->len && ((unsigned char)p->text[p->byte] & 0xc0) == 0x80);
    p->index++;
  }
  while (p->index > mark.index && p->byte > 0) {
    do p->byte--;
    while (p->byte > 0 && ((unsigned char)p->text[p->byte] & 0xc0) == 0x80);
    p->index--;
  }
  return (lua_Integer)p->byte + 1;
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

/* Opens a node table on the stack with its start, and its tag if that is one of the document's own
 * ("!Ref"). */
static void open_node(lua_State *L, struct parse *p, const char *kind, const yaml_char_t *tag) {
  lua_createtable(L, 0, 8);
  if (tag != NULL && tag[0] == '!' && tag[1] != '\0') {
    lua_pushstring(L, (const char *)tag);
    lua_setfield(L, -2, "tag");
  }
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "kind");
  set_integer(L, "first", position(p, p->event.start_mark));
  set_integer(L, "line", (lua_Integer)p->event.start_mark.line + 1);
  set_integer(L, "column", (lua_Integer)p->event.start_mark.column + 1);
}

/* The node's end: the position just behind it, and its column. */
static void close_node(lua_State *L, struct parse *p) {
  set_integer(L, "stop", position(p, p->event.end_mark));
  set_integer(L, "stop_column", (lua_Integer)p->event.end_mark.column + 1);
}

static void count_anchor(lua_State *L, struct parse *p, const yaml_char_t *anchor) {
  if (anchor != NULL && ++p->anchors > ANCHORS_MAX)
    fail(L, EK_ERR_LIMIT, p->event.start_mark, "too many anchors", "");
}

static void parse_node(lua_State *L, struct parse *p, int depth);

static void push_scalar_value(lua_State *L, const struct parse *p) {
  const char *text = (const char *)p->event.data.scalar.value;
  const char *tag = (const char *)p->event.data.scalar.tag;
  size_t len = p->event.data.scalar.length;
  enum ek_yaml_scalar kind = EK_YAML_STRING;
  bool string_tag = tag != NULL && (strcmp(tag, "!") == 0 || strcmp(tag, YAML_STR_TAG) == 0);
  if (!string_tag && (p->event.data.scalar.plain_implicit ||
                      (tag != NULL && strncmp(tag, "tag:yaml.org,2002:", 18) == 0)))
    kind = ek_yaml_resolve(text, len);
  ek_yaml_push(L, kind, text, len);
}

static void parse_scalar(lua_State *L, struct parse *p) {
  count_anchor(L, p, p->event.data.scalar.anchor);
  if (!p->marks) {
    push_scalar_value(L, p);
    return;
  }
  open_node(L, p, "scalar", p->event.data.scalar.tag);
  push_scalar_value(L, p);
  lua_setfield(L, -2, "value");
  yaml_scalar_style_t style = p->event.data.scalar.style;
  lua_pushboolean(L, style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE);
  lua_setfield(L, -2, "block");
  close_node(L, p);
}

static void parse_list(lua_State *L, struct parse *p, int depth) {
  count_anchor(L, p, p->event.data.sequence_start.anchor);
  if (p->marks) {
    open_node(L, p, "list", p->event.data.sequence_start.tag);
    lua_pushboolean(L, p->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
    lua_setfield(L, -2, "flow");
  }
  lua_newtable(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setmetatable(L, -2);
  for (lua_Integer i = 1;; i++) {
    next_event(L, p);
    if (p->event.type == YAML_SEQUENCE_END_EVENT) break;
    parse_node(L, p, depth + 1);
    lua_rawseti(L, -2, i);
  }
  if (!p->marks) return;
  lua_setfield(L, -2, "items");
  close_node(L, p);
}

/* Pushes the key at hand as a string; with marks its node is pushed below it. */
static void parse_key(lua_State *L, struct parse *p) {
  yaml_mark_t mark = p->event.start_mark;
  if (p->event.type == YAML_ALIAS_EVENT) fail(L, EK_ERR_INVALID, mark, "aliases are not read", "");
  if (p->event.type != YAML_SCALAR_EVENT)
    fail(L, EK_ERR_INVALID, mark, "a key is not a plain word or string", "");
  if (++p->nodes > NODES_MAX) fail(L, EK_ERR_LIMIT, mark, "too many nodes", "");
  if (p->marks)
    parse_scalar(L, p);
  else
    count_anchor(L, p, p->event.data.scalar.anchor);
  lua_pushlstring(L, (const char *)p->event.data.scalar.value, p->event.data.scalar.length);
}

/* Refuses the key on top of the stack if the table at `table` has it. */
static void check_duplicate(lua_State *L, const struct parse *p, int table, yaml_mark_t mark) {
  lua_pushvalue(L, -1);
  if (lua_rawget(L, table) != LUA_TNIL && !p->last_wins)
    fail(L, EK_ERR_INVALID, mark, "a second key named", lua_tostring(L, -2));
  lua_pop(L, 1);
}

static void parse_map(lua_State *L, struct parse *p, int depth) {
  count_anchor(L, p, p->event.data.mapping_start.anchor);
  lua_newtable(L);
  int table = lua_gettop(L);
  for (;;) {
    next_event(L, p);
    if (p->event.type == YAML_MAPPING_END_EVENT) break;
    yaml_mark_t mark = p->event.start_mark;
    parse_key(L, p);
    check_duplicate(L, p, table, mark);
    next_event(L, p);
    parse_node(L, p, depth + 1);
    lua_rawset(L, table);
  }
}

/* A map with marks: keys and values in the order of the text, and index from name to place. */
static void parse_marked_map(lua_State *L, struct parse *p, int depth) {
  count_anchor(L, p, p->event.data.mapping_start.anchor);
  open_node(L, p, "map", p->event.data.mapping_start.tag);
  lua_pushboolean(L, p->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
  lua_setfield(L, -2, "flow");
  lua_newtable(L);
  lua_newtable(L);
  lua_newtable(L);
  int index = lua_gettop(L), values = index - 1, keys = index - 2;
  for (lua_Integer i = 1;; i++) {
    next_event(L, p);
    if (p->event.type == YAML_MAPPING_END_EVENT) break;
    yaml_mark_t mark = p->event.start_mark;
    parse_key(L, p);
    check_duplicate(L, p, index, mark);
    lua_pushinteger(L, i);
    lua_rawset(L, index);
    lua_rawseti(L, keys, i);
    next_event(L, p);
    parse_node(L, p, depth + 1);
    lua_rawseti(L, values, i);
  }
  lua_setfield(L, -4, "index");
  lua_setfield(L, -3, "values");
  lua_setfield(L, -2, "keys");
  close_node(L, p);
}

/* Pushes the node whose first event is at hand. */
static void parse_node(lua_State *L, struct parse *p, int depth) {
  yaml_mark_t mark = p->event.start_mark;
  if (depth > EK_YAML_DEPTH_MAX) fail(L, EK_ERR_LIMIT, mark, "nested too deeply", "");
  if (++p->nodes > NODES_MAX) fail(L, EK_ERR_LIMIT, mark, "too many nodes", "");
  luaL_checkstack(L, 12, "yaml");
  switch (p->event.type) {
  case YAML_SCALAR_EVENT: parse_scalar(L, p); return;
  case YAML_SEQUENCE_START_EVENT: parse_list(L, p, depth); return;
  case YAML_MAPPING_START_EVENT:
    if (p->marks)
      parse_marked_map(L, p, depth);
    else
      parse_map(L, p, depth);
    return;
  default: fail(L, EK_ERR_INVALID, mark, "aliases are not read", "");
  }
}

/* libyaml compares every %TAG directive with every other before it gives an event. */
static bool too_many_directives(const char *text, size_t len) {
  size_t count = 0;
  const char *end = text + len;
  for (const char *p = text; p < end && count <= DIRECTIVES_MAX; count++) {
    p = memmem(p, (size_t)(end - p), "%TAG", 4);
    if (p == NULL) return false;
    p += 4;
  }
  return count > DIRECTIVES_MAX;
}

static bool option(lua_State *L, const char *name) {
  bool on = false;
  if (lua_istable(L, 2)) {
    lua_getfield(L, 2, name);
    on = lua_toboolean(L, -1);
    lua_pop(L, 1);
  }
  return on;
}

static int parse_text(lua_State *L, bool marks) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  struct ek_error e;
  if (len > SIZE_MAX_BYTES) {
    ek_error_set(&e, EK_ERR_LIMIT, "yaml: text of %zu bytes is longer than %zu", len,
                 SIZE_MAX_BYTES);
    return ek_error_raise(L, &e);
  }
  if (too_many_directives(text, len)) {
    ek_error_set(&e, EK_ERR_LIMIT, "yaml: more than %d %%TAG directives", DIRECTIVES_MAX);
    return ek_error_raise(L, &e);
  }
  bool all = option(L, "documents");
  struct parse *p = lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  ek_metatable_push(L, PARSER_TYPE, NULL, l_parse_free);
  lua_setmetatable(L, -2);
  p->marks = marks;
  p->last_wins = option(L, "last_wins");
  p->text = text;
  p->len = len;
  if (!yaml_parser_initialize(&p->parser)) return luaL_error(L, "not enough memory");
  p->parser_live = true;
  yaml_parser_set_encoding(&p->parser, YAML_UTF8_ENCODING);
  if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) p->byte = 3; /* a byte order mark */
  yaml_parser_set_input_string(&p->parser, (const unsigned char *)text + p->byte, len - p->byte);

  next_event(L, p); /* stream start */
  lua_Integer count = 0;
  lua_newtable(L);
  int documents = lua_gettop(L);
  for (;;) {
    next_event(L, p);
    if (p->event.type == YAML_STREAM_END_EVENT) break;
    if (count == 1 && !all)
      fail(L, EK_ERR_INVALID, p->event.start_mark, "a second document begins", "");
    next_event(L, p);
    parse_node(L, p, 1);
    lua_rawseti(L, documents, ++count);
    next_event(L, p); /* document end */
  }
  if (!all) {
    if (count == 0 && !marks)
      lua_pushlightuserdata(L, NULL);
    else
      lua_rawgeti(L, documents, 1);
  }
  lua_pushcfunction(L, l_parse_free);
  lua_pushvalue(L, 3);
  lua_call(L, 1, 0);
  return 1;
}

int ek_yaml_l_parse(lua_State *L) {
  return parse_text(L, false);
}

int ek_yaml_l_compose(lua_State *L) {
  return parse_text(L, true);
}

int ek_yaml_l_try_parse(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, ek_yaml_l_parse, 1);
  lua_insert(L, 1);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) return 1;
  if (!lua_istable(L, -1)) return lua_error(L);
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* eksrun.yaml: YAML for Lua, over libyaml's events.
 *
 *   yaml.parse(text [, opts]) -> value          yaml.try_parse(text [, opts]) -> value | nil, err
 *   yaml.compose(text [, opts]) -> node tree with byte positions, for editing text in place
 *   yaml.emit(value) -> text
 *
 * Plain scalars follow the core schema of YAML 1.2; what 1.1 would read otherwise ("yes", 1:30) is
 * emitted in quotes. Keys are strings, always. Aliases are refused, and so are duplicate keys,
 * more than one document (unless asked for), 64 levels, a million nodes and 16 MiB: no input takes
 * more than time in proportion to its length. Everything libyaml allocates hangs off a userdata. */
#include "bindings/bindings.h"

#include <math.h>
#include <yaml.h>

#define PARSER_TYPE    "eksrun.yaml.parser"
#define EMITTER_TYPE   "eksrun.yaml.emitter"
#define DEPTH_MAX      64
#define SIZE_MAX_BYTES ((size_t)16 << 20)
#define NODES_MAX      1000000
#define ANCHORS_MAX    1000
#define DIRECTIVES_MAX 64

/* --- plain scalars --- */

enum scalar { SCALAR_STRING, SCALAR_NULL, SCALAR_TRUE, SCALAR_FALSE, SCALAR_NUMBER, SCALAR_OCTAL };

static bool one_of(const char *s, const char *const *words) {
  for (; *words != NULL; words++)
    if (strcmp(s, *words) == 0) return true;
  return false;
}

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *s) {
  while (digit(*s)) s++;
  return s;
}

static bool is_float(const char *s) {
  if (*s == '-' || *s == '+') s++;
  const char *whole = skip_digits(s), *end = whole;
  if (*end == '.') end = skip_digits(end + 1);
  if (whole == s && end <= whole + 1) return false; /* neither "1" nor ".1" */
  if (*end == 'e' || *end == 'E') {
    end++;
    if (*end == '-' || *end == '+') end++;
    if (!digit(*end)) return false;
    end = skip_digits(end);
  }
  return *end == '\0';
}

/* What a plain scalar means in the core schema. */
static enum scalar resolve(const char *s, size_t len) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
  static const char *const trues[] = {"true", "True", "TRUE", NULL};
  static const char *const falses[] = {"false", "False", "FALSE", NULL};
  static const char *const specials[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                         "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                         ".NaN",  ".NAN",  NULL};
  if (strlen(s) != len) return SCALAR_STRING;
  if (one_of(s, nulls)) return SCALAR_NULL;
  if (one_of(s, trues)) return SCALAR_TRUE;
  if (one_of(s, falses)) return SCALAR_FALSE;
  if (is_float(s) || one_of(s, specials)) return SCALAR_NUMBER;
  if (len > 2 && s[0] == '0') {
    if (s[1] == 'o' && strspn(s + 2, "01234567") == len - 2) return SCALAR_OCTAL;
    if (s[1] == 'x' && strspn(s + 2, "0123456789abcdefABCDEF") == len - 2) return SCALAR_NUMBER;
  }
  return SCALAR_STRING;
}

static void push_number(lua_State *L, const char *s) {
  const char *body = *s == '-' || *s == '+' ? s + 1 : s;
  if (body[0] == '.' && !digit(body[1])) {
    double n = body[1] == 'n' || body[1] == 'N' ? (double)NAN : (double)INFINITY;
    lua_pushnumber(L, *s == '-' ? -n : n);
  } else if (lua_stringtonumber(L, s) == 0) {
    lua_pushstring(L, s);
  }
}

static void push_octal(lua_State *L, const char *s) {
  lua_Number n = 0;
  for (s += 2; *s != '\0'; s++) n = n * 8 + (*s - '0');
  lua_Integer whole;
  if (lua_numbertointeger(n, &whole))
    lua_pushinteger(L, whole);
  else
    lua_pushnumber(L, n);
}

/* Whether a reader of YAML 1.1 or 1.2 takes the plain text for the string it is. */
static bool plain_string(const char *s, size_t len) {
  static const char *const legacy[] = {"y",   "Y",   "yes", "Yes", "YES", "n",  "N",
                                       "no",  "No",  "NO",  "on",  "On",  "ON", "off",
                                       "Off", "OFF", "=",   "<<",  NULL};
  if (resolve(s, len) != SCALAR_STRING || one_of(s, legacy)) return false;
  bool numeric = digit(s[0]) || ((s[0] == '-' || s[0] == '+' || s[0] == '.') && digit(s[1]));
  return !numeric || strspn(s, "0123456789_.,:+-abcdefABCDEFxoTtZz ") != len;
}

/* --- reading --- */

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

static void set_class(lua_State *L, const char *type, lua_CFunction release) {
  if (luaL_newmetatable(L, type)) {
    lua_pushcfunction(L, release);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
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

/* Opens a node table on the stack with its start. */
static void open_node(lua_State *L, struct parse *p, const char *kind) {
  lua_createtable(L, 0, 8);
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
  enum scalar kind = SCALAR_STRING;
  bool string_tag = tag != NULL && (strcmp(tag, "!") == 0 || strcmp(tag, YAML_STR_TAG) == 0);
  if (!string_tag && (p->event.data.scalar.plain_implicit ||
                      (tag != NULL && strncmp(tag, "tag:yaml.org,2002:", 18) == 0)))
    kind = resolve(text, len);
  switch (kind) {
  case SCALAR_NULL: lua_pushlightuserdata(L, NULL); break;
  case SCALAR_TRUE: lua_pushboolean(L, 1); break;
  case SCALAR_FALSE: lua_pushboolean(L, 0); break;
  case SCALAR_NUMBER: push_number(L, text); break;
  case SCALAR_OCTAL: push_octal(L, text); break;
  case SCALAR_STRING: lua_pushlstring(L, text, len); break;
  }
}

static void parse_scalar(lua_State *L, struct parse *p) {
  count_anchor(L, p, p->event.data.scalar.anchor);
  if (!p->marks) {
    push_scalar_value(L, p);
    return;
  }
  open_node(L, p, "scalar");
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
    open_node(L, p, "list");
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
  open_node(L, p, "map");
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
  if (depth > DEPTH_MAX) fail(L, EK_ERR_LIMIT, mark, "nested too deeply", "");
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
  set_class(L, PARSER_TYPE, l_parse_free);
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

static int l_parse(lua_State *L) {
  return parse_text(L, false);
}

static int l_compose(lua_State *L) {
  return parse_text(L, true);
}

static int l_try_parse(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, l_parse, 1);
  lua_insert(L, 1);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) return 1;
  if (!lua_istable(L, -1)) return lua_error(L);
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

/* --- writing --- */

struct emit {
  yaml_emitter_t emitter;
  bool live;
  struct ek_buf out;
};

static int l_emit_free(lua_State *L) {
  struct emit *m = luaL_checkudata(L, 1, EMITTER_TYPE);
  if (m->live) yaml_emitter_delete(&m->emitter);
  m->live = false;
  ek_buf_wipe(&m->out);
  ek_buf_fini(&m->out);
  return 0;
}

static int write_output(void *data, unsigned char *bytes, size_t size) {
  struct emit *m = data;
  ek_buf_append(&m->out, bytes, size);
  return !m->out.failed;
}

/* Hands an event, just initialized with the result ok, to the emitter, which then owns it. */
static void emit_event(lua_State *L, struct emit *m, yaml_event_t *event, int ok) {
  if (!ok) luaL_error(L, "yaml: a string is not valid UTF-8");
  if (yaml_emitter_emit(&m->emitter, event)) return;
  if (m->emitter.error == YAML_MEMORY_ERROR) luaL_error(L, "not enough memory");
  luaL_error(L, "yaml: %s", m->emitter.problem == NULL ? "cannot emit" : m->emitter.problem);
}

static void emit_scalar(lua_State *L, struct emit *m, const char *s, size_t len, bool plain,
                        yaml_scalar_style_t style) {
  yaml_event_t event;
  if (len > INT32_MAX) luaL_error(L, "yaml: a string is too long");
  int ok = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)s, (int)len, plain,
                                        1, style);
  emit_event(L, m, &event, ok);
}

static void emit_string(lua_State *L, struct emit *m, int index) {
  size_t len;
  const char *s = lua_tolstring(L, index, &len);
  bool lines = memchr(s, '\n', len) != NULL;
  emit_scalar(L, m, s, len, plain_string(s, len),
              lines ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE);
}

static void emit_number(lua_State *L, struct emit *m, int index) {
  char text[64];
  int n;
  if (lua_isinteger(L, index)) {
    n = snprintf(text, sizeof text, LUA_INTEGER_FMT, lua_tointeger(L, index));
  } else {
    double number = lua_tonumber(L, index);
    if (isnan(number))
      n = snprintf(text, sizeof text, ".nan");
    else if (isinf(number))
      n = snprintf(text, sizeof text, number < 0 ? "-.inf" : ".inf");
    else {
      for (int digits = 15;; digits++) {
        n = snprintf(text, sizeof text, "%.*g", digits, number);
        if (digits == 17 || strtod(text, NULL) == number) break;
      }
      if (strpbrk(text, ".e") == NULL) n += snprintf(text + n, sizeof text - (size_t)n, ".0");
    }
  }
  emit_scalar(L, m, text, (size_t)n, true, YAML_PLAIN_SCALAR_STYLE);
}

static void emit_value(lua_State *L, struct emit *m, int depth);

/* The list at index; its length is known to be n. */
static void emit_list(lua_State *L, struct emit *m, int index, int depth) {
  yaml_event_t event;
  emit_event(
      L, m, &event,
      yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE));
  lua_Integer n = (lua_Integer)lua_rawlen(L, index);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, index, i);
    emit_value(L, m, depth + 1);
    lua_pop(L, 1);
  }
  emit_event(L, m, &event, yaml_sequence_end_event_initialize(&event));
}

/* The map at index, its keys in byte order. */
static void emit_map(lua_State *L, struct emit *m, int index, int depth) {
  yaml_event_t event;
  lua_Integer n = 0;
  lua_newtable(L);
  int keys = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "yaml: a key is %s, not a string", luaL_typename(L, -2));
    lua_pushvalue(L, -2);
    lua_rawseti(L, keys, ++n);
  }
  lua_pushvalue(L, lua_upvalueindex(2)); /* table.sort */
  lua_pushvalue(L, keys);
  lua_call(L, 1, 0);
  emit_event(L, m, &event,
             yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE));
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, keys, i);
    emit_string(L, m, -1);
    lua_rawget(L, index);
    emit_value(L, m, depth + 1);
    lua_pop(L, 1);
  }
  emit_event(L, m, &event, yaml_mapping_end_event_initialize(&event));
  lua_pop(L, 1);
}

static bool is_list(lua_State *L, int index) {
  if (lua_getmetatable(L, index)) {
    bool marked = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pop(L, 1);
    if (marked) return true;
  }
  return lua_rawlen(L, index) > 0;
}

/* Emits the value on top of the stack and leaves it there. */
static void emit_value(lua_State *L, struct emit *m, int depth) {
  if (depth > DEPTH_MAX) luaL_error(L, "yaml: nested more than %d levels", DEPTH_MAX);
  luaL_checkstack(L, 12, "yaml");
  int index = lua_gettop(L);
  switch (lua_type(L, index)) {
  case LUA_TSTRING: emit_string(L, m, index); return;
  case LUA_TNUMBER: emit_number(L, m, index); return;
  case LUA_TBOOLEAN: {
    const char *text = lua_toboolean(L, index) ? "true" : "false";
    emit_scalar(L, m, text, strlen(text), true, YAML_PLAIN_SCALAR_STYLE);
    return;
  }
  case LUA_TTABLE:
    if (is_list(L, index))
      emit_list(L, m, index, depth);
    else
      emit_map(L, m, index, depth);
    return;
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, index) == NULL) {
      emit_scalar(L, m, "null", 4, true, YAML_PLAIN_SCALAR_STYLE);
      return;
    }
    break;
  default: break;
  }
  luaL_error(L, "yaml: a value is %s, which YAML has not", luaL_typename(L, index));
}

static int l_emit(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  struct emit *m = lua_newuserdatauv(L, sizeof *m, 0);
  memset(m, 0, sizeof *m);
  set_class(L, EMITTER_TYPE, l_emit_free);
  if (!yaml_emitter_initialize(&m->emitter)) return luaL_error(L, "not enough memory");
  m->live = true;
  yaml_emitter_set_output(&m->emitter, write_output, m);
  yaml_emitter_set_unicode(&m->emitter, 1);
  yaml_emitter_set_width(&m->emitter, -1);
  yaml_event_t event;
  emit_event(L, m, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
  emit_event(L, m, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
  lua_pushvalue(L, 1);
  emit_value(L, m, 1);
  emit_event(L, m, &event, yaml_document_end_event_initialize(&event, 1));
  emit_event(L, m, &event, yaml_stream_end_event_initialize(&event));
  if (!yaml_emitter_flush(&m->emitter)) return luaL_error(L, "not enough memory");
  ek_lbuf_push(L, &m->out);
  lua_pushcfunction(L, l_emit_free);
  lua_pushvalue(L, 2);
  lua_call(L, 1, 0);
  return 1;
}

int luaopen_eksrun_yaml(lua_State *L) {
  static const luaL_Reg functions[] = {{"parse", l_parse},
                                       {"try_parse", l_try_parse},
                                       {"compose", l_compose},
                                       {"emit", l_emit},
                                       {NULL, NULL}};
  luaL_newlibtable(L, functions);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "eksrun.json");
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) { /* FIXME: until eksrun.json is there */
    lua_newtable(L);
    lua_newtable(L);
    lua_setfield(L, -2, "array_mt");
    lua_remove(L, -2);
  }
  lua_getfield(L, -1, "array_mt"); /* upvalue 1: what marks a list */
  lua_remove(L, -2);
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "sort"); /* upvalue 2 */
  lua_remove(L, -2);
  luaL_setfuncs(L, functions, 2);
  return 1;
}

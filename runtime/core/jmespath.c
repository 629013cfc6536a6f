/* The JMESPath parser: a lexer that yields all tokens, then precedence climbing over them. */
#include "core/jmespath.h"

#include "core/json.h"

#define ANY    EK_JMESPATH_KIND_ANY
#define NUMBER EK_JMESPATH_KIND_NUMBER
#define STRING EK_JMESPATH_KIND_STRING
#define ARRAY  EK_JMESPATH_KIND_ARRAY
#define OBJECT EK_JMESPATH_KIND_OBJECT
#define REF    EK_JMESPATH_KIND_REFERENCE

const struct ek_jmespath_function ek_jmespath_functions[] = {
    {"abs", 1, false, {NUMBER, 0}},
    {"avg", 1, false, {ARRAY, 0}},
    {"ceil", 1, false, {NUMBER, 0}},
    {"contains", 2, false, {ARRAY | STRING, ANY}},
    {"ends_with", 2, false, {STRING, STRING}},
    {"floor", 1, false, {NUMBER, 0}},
    {"join", 2, false, {STRING, ARRAY}},
    {"keys", 1, false, {OBJECT, 0}},
    {"length", 1, false, {STRING | ARRAY | OBJECT, 0}},
    {"map", 2, false, {REF, ARRAY}},
    {"max", 1, false, {ARRAY, 0}},
    {"max_by", 2, false, {ARRAY, REF}},
    {"merge", 0, true, {OBJECT, OBJECT}},
    {"min", 1, false, {ARRAY, 0}},
    {"min_by", 2, false, {ARRAY, REF}},
    {"not_null", 1, true, {ANY, ANY}},
    {"reverse", 1, false, {STRING | ARRAY, 0}},
    {"sort", 1, false, {ARRAY, 0}},
    {"sort_by", 2, false, {ARRAY, REF}},
    {"starts_with", 2, false, {STRING, STRING}},
    {"sum", 1, false, {ARRAY, 0}},
    {"to_array", 1, false, {ANY, 0}},
    {"to_number", 1, false, {ANY, 0}},
    {"to_string", 1, false, {ANY, 0}},
    {"type", 1, false, {ANY, 0}},
    {"values", 1, false, {OBJECT, 0}},
};
#define FUNCTION_COUNT (sizeof ek_jmespath_functions / sizeof *ek_jmespath_functions)

enum token_type {
  TOK_END,
  TOK_NAME,
  TOK_QUOTED,
  TOK_LITERAL,
  TOK_RAW,
  TOK_RBRACKET,
  TOK_RPAREN,
  TOK_COMMA,
  TOK_RBRACE,
  TOK_NUMBER,
  TOK_CURRENT,
  TOK_REFERENCE,
  TOK_COLON,
  TOK_PIPE,
  TOK_OR,
  TOK_AND,
  TOK_COMPARE,
  TOK_FLATTEN,
  TOK_STAR,
  TOK_FILTER,
  TOK_DOT,
  TOK_NOT,
  TOK_LBRACE,
  TOK_LBRACKET,
  TOK_LPAREN
};

/* How tightly a token binds what stands to its left. */
static const uint8_t binding_power[] = {
    [TOK_PIPE] = 1,    [TOK_OR] = 2,      [TOK_AND] = 3,       [TOK_COMPARE] = 5,
    [TOK_FLATTEN] = 9, [TOK_STAR] = 20,   [TOK_FILTER] = 21,   [TOK_DOT] = 40,
    [TOK_NOT] = 45,    [TOK_LBRACE] = 50, [TOK_LBRACKET] = 55, [TOK_LPAREN] = 60,
};
#define PROJECTION_STOP 10

struct token {
  uint8_t type;
  uint8_t op;      /* TOK_COMPARE */
  uint32_t column; /* from 0 */
  int32_t value;   /* TOK_NUMBER: the number; names and literals: a constant */
};

struct parser {
  struct ek_jmespath *out;
  const char *text;
  size_t len;
  struct token *tokens;
  size_t token_count, token_cap, at;
  unsigned nesting;
  struct ek_error *error;
};

/* Node indices; -1 is failure, its reason in the parser's error. */
static int32_t expression(struct parser *p, unsigned power);

static int fail(struct parser *p, int code, size_t column, const char *what) {
  (void)ek_error_set(p->error, code, "jmespath: %s at column %zu", what, column + 1);
  return -1;
}

static int fail_memory(struct parser *p) {
  (void)ek_error_set(p->error, EK_ERR_NOMEM, "jmespath: out of memory");
  return -1;
}

/* Room for one more of size bytes each in *items. */
static bool grow(void *items_, size_t *cap, size_t count, size_t size) {
  void **items = items_;
  if (count < *cap) return true;
  size_t wanted = *cap == 0 ? 16 : *cap * 2;
  void *grown = realloc(*items, wanted * size);
  if (grown == NULL) return false;
  *items = grown;
  *cap = wanted;
  return true;
}

/* ---- tokens ---- */

static int32_t add_constant(struct parser *p, bool json, size_t offset) {
  struct ek_jmespath *j = p->out;
  void *items = j->constants;
  if (j->text.failed || !grow(&items, &j->constant_cap, j->constant_count, sizeof *j->constants)) {
    return fail_memory(p);
  }
  j->constants = items;
  j->constants[j->constant_count] =
      (struct ek_jmespath_constant){json, (uint32_t)offset, (uint32_t)(j->text.len - offset)};
  return (int32_t)j->constant_count++;
}

static int add_token(struct parser *p, struct token token) {
  void *items = p->tokens;
  if (!grow(&items, &p->token_cap, p->token_count, sizeof *p->tokens)) return fail_memory(p);
  p->tokens = items;
  p->tokens[p->token_count++] = token;
  return 0;
}

/* A text between two quote characters, from the opening one at *i, which moves behind the closing
 * one. Copies it into the constants' text; a backslash before the quote goes, any other stays. */
static int copy_quoted(struct parser *p, size_t *i, bool keep_quotes) {
  char quote = p->text[*i];
  size_t start = *i;
  struct ek_buf *b = &p->out->text;
  if (keep_quotes) ek_buf_putc(b, quote);
  for (size_t n = start + 1; n < p->len; n++) {
    char c = p->text[n];
    if (c == quote) {
      if (keep_quotes) ek_buf_putc(b, quote);
      *i = n + 1;
      return 0;
    }
    if (c == '\\' && n + 1 < p->len) {
      n++;
      if (keep_quotes || p->text[n] != quote) ek_buf_putc(b, '\\');
      c = p->text[n];
    }
    ek_buf_putc(b, c);
  }
  return fail(p, EK_ERR_SYNTAX, start, "unclosed quote");
}

/* Checks that the constants' text from offset on is one JSON value. */
static int check_json(struct parser *p, size_t offset, size_t column) {
  struct ek_buf *b = &p->out->text;
  struct ek_json_reader r;
  ek_json_reader_init(&r, b->data + offset, b->len - offset, 64);
  enum ek_json_type type;
  while ((type = ek_json_next(&r)) > EK_JSON_END) {
  }
  bool memory = r.error.code == EK_ERR_NOMEM;
  ek_json_reader_fini(&r);
  if (memory) return fail_memory(p);
  return type == EK_JSON_END ? 0 : fail(p, EK_ERR_SYNTAX, column, "literal that is not JSON");
}

/* Decodes the JSON string from offset on, in place: a quoted identifier. */
static int decode_string(struct parser *p, size_t offset, size_t column) {
  struct ek_buf *b = &p->out->text;
  struct ek_json_reader r;
  ek_json_reader_init(&r, b->data + offset, b->len - offset, 1);
  int status = -1;
  if (ek_json_next(&r) == EK_JSON_STRING) {
    /* Decoding never lengthens. */
    memmove(b->data + offset, r.string, r.string_len);
    b->len = offset + r.string_len;
    status = 0;
  } else if (r.error.code == EK_ERR_NOMEM) {
    (void)fail_memory(p);
  } else {
    (void)fail(p, EK_ERR_SYNTAX, column, "malformed quoted identifier");
  }
  ek_json_reader_fini(&r);
  return status;
}

static int lex_quoted(struct parser *p, size_t *i, struct token *t) {
  char quote = p->text[*i];
  size_t offset = p->out->text.len;
  if (copy_quoted(p, i, quote == '"') < 0) return -1;
  if (p->out->text.failed) return fail_memory(p);
  if (quote == '`' && check_json(p, offset, t->column) < 0) return -1;
  if (quote == '"' && decode_string(p, offset, t->column) < 0) return -1;
  t->type = quote == '"' ? TOK_QUOTED : quote == '`' ? TOK_LITERAL : TOK_RAW;
  t->value = add_constant(p, quote == '`', offset);
  return t->value < 0 ? -1 : 0;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int lex_number(struct parser *p, size_t *i, struct token *t) {
  size_t n = *i;
  bool negative = p->text[n] == '-';
  int64_t value = 0;
  if (negative) n++;
  if (n >= p->len || !is_digit(p->text[n])) {
    return fail(p, EK_ERR_SYNTAX, *i, "'-' without a number");
  }
  for (; n < p->len && is_digit(p->text[n]); n++) {
    value = value * 10 + (p->text[n] - '0');
    if (value > INT32_MAX) return fail(p, EK_ERR_SYNTAX, *i, "number out of range");
  }
  t->type = TOK_NUMBER;
  t->value = (int32_t)(negative ? -value : value);
  *i = n;
  return 0;
}

static int lex_name(struct parser *p, size_t *i, struct token *t) {
  size_t n = *i, offset = p->out->text.len;
  while (n < p->len && (is_name(p->text[n]) || is_digit(p->text[n]))) n++;
  ek_buf_append(&p->out->text, p->text + *i, n - *i);
  t->type = TOK_NAME;
  t->value = add_constant(p, false, offset);
  *i = n;
  return t->value < 0 ? -1 : 0;
}

/* Operators and punctuation, longest first. */
static int lex_sign(struct parser *p, size_t *i, struct token *t) {
  static const struct {
    char text[3];
    uint8_t type, op;
  } signs[] = {
      {"[]", TOK_FLATTEN, 0},
      {"[?", TOK_FILTER, 0},
      {"||", TOK_OR, 0},
      {"&&", TOK_AND, 0},
      {"==", TOK_COMPARE, EK_JMESPATH_EQ},
      {"!=", TOK_COMPARE, EK_JMESPATH_NE},
      {"<=", TOK_COMPARE, EK_JMESPATH_LE},
      {">=", TOK_COMPARE, EK_JMESPATH_GE},
      {"<", TOK_COMPARE, EK_JMESPATH_LT},
      {">", TOK_COMPARE, EK_JMESPATH_GT},
      {"[", TOK_LBRACKET, 0},
      {"]", TOK_RBRACKET, 0},
      {"(", TOK_LPAREN, 0},
      {")", TOK_RPAREN, 0},
      {"{", TOK_LBRACE, 0},
      {"}", TOK_RBRACE, 0},
      {".", TOK_DOT, 0},
      {"*", TOK_STAR, 0},
      {",", TOK_COMMA, 0},
      {":", TOK_COLON, 0},
      {"@", TOK_CURRENT, 0},
      {"|", TOK_PIPE, 0},
      {"&", TOK_REFERENCE, 0},
      {"!", TOK_NOT, 0},
  };
  for (size_t s = 0; s < sizeof signs / sizeof *signs; s++) {
    size_t n = strlen(signs[s].text);
    if (n > p->len - *i || memcmp(p->text + *i, signs[s].text, n) != 0) continue;
    t->type = signs[s].type;
    t->op = signs[s].op;
    *i += n;
    return 0;
  }
  return fail(p, EK_ERR_SYNTAX, *i, "unexpected character");
}

static int lex(struct parser *p) {
  size_t i = 0;
  for (;;) {
    while (i < p->len && strchr(" \t\r\n", p->text[i]) != NULL && p->text[i] != '\0') i++;
    struct token t = {TOK_END, 0, (uint32_t)i, 0};
    if (i == p->len) return add_token(p, t);
    char c = p->text[i];
    int status = is_name(c)                          ? lex_name(p, &i, &t)
                 : is_digit(c) || c == '-'           ? lex_number(p, &i, &t)
                 : c == '"' || c == '\'' || c == '`' ? lex_quoted(p, &i, &t)
                                                     : lex_sign(p, &i, &t);
    if (status < 0 || add_token(p, t) < 0) return -1;
  }
}

/* ---- the tree ---- */

static const struct token *peek(const struct parser *p, size_t ahead) {
  size_t at = p->at + ahead;
  return &p->tokens[at < p->token_count ? at : p->token_count - 1];
}

static bool accept(struct parser *p, enum token_type type) {
  if (peek(p, 0)->type != type) return false;
  p->at++;
  return true;
}

static int expect(struct parser *p, enum token_type type, const char *what) {
  if (accept(p, type)) return 0;
  const struct token *t = peek(p, 0);
  char message[96];
  (void)snprintf(message, sizeof message, "expected %s%s", what,
                 t->type == TOK_END ? ", found the end," : "");
  return fail(p, EK_ERR_SYNTAX, t->column, message);
}

static int32_t unexpected(struct parser *p, const struct token *t) {
  return fail(p, EK_ERR_SYNTAX, t->column,
              t->type == TOK_END ? "unexpected end" : "unexpected token");
}

static unsigned depth_of(const struct parser *p, int32_t node) {
  return node < 0 ? 0 : p->out->nodes[node].depth;
}

/* The depth below a node: its children are a, the chain behind a, b and, for filters, k; a slice
 * has numbers there. */
static unsigned depth_below(const struct parser *p, const struct ek_jmespath_node *node) {
  if (node->type == EK_JMESPATH_SLICE) return 0;
  unsigned depth = depth_of(p, node->b);
  if (node->type == EK_JMESPATH_FILTER_EACH && depth_of(p, node->k) > depth) {
    depth = depth_of(p, node->k);
  }
  bool chained = node->type == EK_JMESPATH_MULTI_LIST || node->type == EK_JMESPATH_MULTI_OBJECT ||
                 node->type == EK_JMESPATH_CALL;
  for (int32_t n = node->a; n >= 0; n = chained ? p->out->nodes[n].next : -1) {
    if (depth_of(p, n) > depth) depth = depth_of(p, n);
  }
  return depth;
}

static int32_t add_node(struct parser *p, struct ek_jmespath_node node) {
  struct ek_jmespath *j = p->out;
  unsigned depth = depth_below(p, &node);
  if (depth >= EK_JMESPATH_DEPTH_MAX) {
    return fail(p, EK_ERR_LIMIT, peek(p, 0)->column, "expression too deep");
  }
  void *items = j->nodes;
  if (!grow(&items, &j->node_cap, j->node_count, sizeof *j->nodes)) return fail_memory(p);
  j->nodes = items;
  node.depth = (uint16_t)(depth + 1);
  node.next = -1;
  j->nodes[j->node_count] = node;
  return (int32_t)j->node_count++;
}

static int32_t leaf(struct parser *p, enum ek_jmespath_type type, int32_t k) {
  return add_node(p, (struct ek_jmespath_node){.type = (uint8_t)type, .a = -1, .b = -1, .k = k});
}

static int32_t branch(struct parser *p, enum ek_jmespath_type type, int32_t a, int32_t b) {
  return add_node(p, (struct ek_jmespath_node){.type = (uint8_t)type, .a = a, .b = b, .k = -1});
}

/* Chains node behind *last; *first is the head of the chain. */
static void chain(struct parser *p, int32_t *first, int32_t *last, int32_t node) {
  if (*first < 0) {
    *first = node;
  } else {
    p->out->nodes[*last].next = node;
  }
  *last = node;
}

/* Behind '[': elements up to ']'. */
static int32_t multi_list(struct parser *p) {
  int32_t first = -1, last = -1;
  do {
    int32_t element = expression(p, 0);
    if (element < 0) return -1;
    chain(p, &first, &last, element);
  } while (accept(p, TOK_COMMA));
  if (expect(p, TOK_RBRACKET, "']'") < 0) return -1;
  return branch(p, EK_JMESPATH_MULTI_LIST, first, -1);
}

/* Behind '{': key: value, ... up to '}'. */
static int32_t multi_object(struct parser *p) {
  int32_t first = -1, last = -1;
  do {
    const struct token *key = peek(p, 0);
    int32_t name = key->value;
    if (key->type != TOK_NAME && key->type != TOK_QUOTED) return unexpected(p, key);
    p->at++;
    if (expect(p, TOK_COLON, "':'") < 0) return -1;
    int32_t value = expression(p, 0);
    if (value < 0) return -1;
    int32_t pair = branch(p, EK_JMESPATH_PAIR, value, -1);
    if (pair < 0) return -1;
    p->out->nodes[pair].k = name;
    chain(p, &first, &last, pair);
  } while (accept(p, TOK_COMMA));
  if (expect(p, TOK_RBRACE, "'}'") < 0) return -1;
  return branch(p, EK_JMESPATH_MULTI_OBJECT, first, -1);
}

/* What may follow a dot. */
static int32_t dot_rhs(struct parser *p, unsigned power) {
  const struct token *t = peek(p, 0);
  switch (t->type) {
  case TOK_NAME:
  case TOK_QUOTED:
  case TOK_STAR: return expression(p, power);
  case TOK_LBRACKET: p->at++; return multi_list(p);
  case TOK_LBRACE: p->at++; return multi_object(p);
  default: return unexpected(p, t);
  }
}

/* What a projection applies to each of its elements. */
static int32_t projection_rhs(struct parser *p, unsigned power) {
  const struct token *t = peek(p, 0);
  if (binding_power[t->type] < PROJECTION_STOP) return leaf(p, EK_JMESPATH_CURRENT, -1);
  if (t->type == TOK_LBRACKET || t->type == TOK_FILTER) return expression(p, power);
  if (accept(p, TOK_DOT)) return dot_rhs(p, power);
  return unexpected(p, t);
}

static int32_t projection(struct parser *p, enum ek_jmespath_type type, int32_t left,
                          unsigned power) {
  if (left < 0) return -1;
  int32_t right = projection_rhs(p, power);
  return right < 0 ? -1 : branch(p, type, left, right);
}

static int32_t flatten(struct parser *p, int32_t left) {
  if (left < 0) return -1;
  return projection(p, EK_JMESPATH_LIST_EACH, branch(p, EK_JMESPATH_FLATTEN, left, -1),
                    binding_power[TOK_FLATTEN]);
}

/* Behind '[?'. */
static int32_t filter(struct parser *p, int32_t left) {
  if (left < 0) return -1;
  int32_t condition = expression(p, 0);
  if (condition < 0 || expect(p, TOK_RBRACKET, "']'") < 0) return -1;
  int32_t right = peek(p, 0)->type == TOK_FLATTEN ? leaf(p, EK_JMESPATH_CURRENT, -1)
                                                  : projection_rhs(p, binding_power[TOK_FILTER]);
  if (right < 0) return -1;
  return add_node(p, (struct ek_jmespath_node){
                         .type = EK_JMESPATH_FILTER_EACH, .a = left, .b = right, .k = condition});
}

/* Behind '[', at a number or a colon: an index or a slice of left. */
static int32_t index_or_slice(struct parser *p, int32_t left) {
  int32_t parts[3] = {EK_JMESPATH_NONE, EK_JMESPATH_NONE, EK_JMESPATH_NONE};
  int part = 0;
  if (left < 0) return -1;
  uint32_t column = peek(p, 0)->column;
  for (;;) {
    if (peek(p, 0)->type == TOK_NUMBER) parts[part] = peek(p, 0)->value, p->at++;
    if (part == 2 || !accept(p, TOK_COLON)) break;
    part++;
  }
  if (expect(p, TOK_RBRACKET, "']'") < 0) return -1;
  if (part == 0) {
    int32_t index = leaf(p, EK_JMESPATH_INDEX, parts[0]);
    return index < 0 ? -1 : branch(p, EK_JMESPATH_PIPE, left, index);
  }
  if (parts[2] == 0) return fail(p, EK_ERR_INVALID, column, "slice with step 0");
  int32_t slice =
      add_node(p, (struct ek_jmespath_node){
                      .type = EK_JMESPATH_SLICE, .a = parts[0], .b = parts[1], .k = parts[2]});
  if (slice < 0) return -1;
  return projection(p, EK_JMESPATH_LIST_EACH, branch(p, EK_JMESPATH_PIPE, left, slice),
                    binding_power[TOK_STAR]);
}

/* Behind '[' where no value stands to the left: an index, a slice, [*] or a multi-select. */
static int32_t bracket(struct parser *p, int32_t left, bool may_select) {
  const struct token *t = peek(p, 0);
  if (t->type == TOK_NUMBER || t->type == TOK_COLON) return index_or_slice(p, left);
  if (t->type == TOK_STAR && peek(p, 1)->type == TOK_RBRACKET) {
    p->at += 2;
    return projection(p, EK_JMESPATH_LIST_EACH, left, binding_power[TOK_STAR]);
  }
  return may_select ? multi_list(p) : unexpected(p, t);
}

static const struct ek_jmespath_function *find_function(const struct parser *p, int32_t name) {
  const struct ek_jmespath_constant *c = &p->out->constants[name];
  const char *text = p->out->text.data + c->offset;
  for (size_t f = 0; f < FUNCTION_COUNT; f++) {
    const char *known = ek_jmespath_functions[f].name;
    if (strlen(known) == c->len && memcmp(known, text, c->len) == 0) {
      return &ek_jmespath_functions[f];
    }
  }
  return NULL;
}

/* References stand where the function takes one, and nowhere else. */
static int check_argument(struct parser *p, const struct ek_jmespath_function *f, int n,
                          int32_t argument, uint32_t column) {
  bool is_reference = p->out->nodes[argument].type == EK_JMESPATH_REFERENCE;
  bool wants = n < f->arity && (f->args[n] & REF) != 0;
  if (is_reference == wants) return 0;
  char message[96];
  (void)snprintf(message, sizeof message,
                 wants ? "%s() takes an &expression as argument %d"
                       : "%s() takes no &expression as argument %d",
                 f->name, n + 1);
  return fail(p, EK_ERR_INVALID, column, message);
}

/* Behind 'name('. */
static int32_t call(struct parser *p, const struct token *name) {
  const struct ek_jmespath_function *f = find_function(p, name->value);
  uint32_t column = name->column;
  if (f == NULL) return fail(p, EK_ERR_NOTFOUND, column, "unknown function");
  int32_t first = -1, last = -1;
  int count = 0;
  if (!accept(p, TOK_RPAREN)) {
    do {
      uint32_t at = peek(p, 0)->column;
      int32_t argument = accept(p, TOK_REFERENCE) ? expression(p, 0) : -2;
      if (argument >= 0) argument = branch(p, EK_JMESPATH_REFERENCE, argument, -1);
      if (argument == -2) argument = expression(p, 0);
      if (argument < 0 || check_argument(p, f, count, argument, at) < 0) return -1;
      chain(p, &first, &last, argument);
      count++;
    } while (accept(p, TOK_COMMA));
    if (expect(p, TOK_RPAREN, "')'") < 0) return -1;
  }
  if (count < f->arity || (count > f->arity && !f->variadic)) {
    char message[96];
    (void)snprintf(message, sizeof message, "%s() takes %d argument%s%s, not %d,", f->name,
                   f->arity, f->arity == 1 ? "" : "s", f->variadic ? " or more" : "", count);
    return fail(p, EK_ERR_INVALID, column, message);
  }
  return add_node(p, (struct ek_jmespath_node){.type = EK_JMESPATH_CALL,
                                               .op = (uint8_t)(f - ek_jmespath_functions),
                                               .a = first,
                                               .b = -1,
                                               .k = count});
}

/* An expression that begins with the token just read. */
static int32_t prefix(struct parser *p, const struct token *t) {
  int32_t node;
  switch (t->type) {
  case TOK_LITERAL:
  case TOK_RAW: return leaf(p, EK_JMESPATH_LITERAL, t->value);
  case TOK_NAME:
    if (accept(p, TOK_LPAREN)) return call(p, t);
    return leaf(p, EK_JMESPATH_FIELD, t->value);
  case TOK_QUOTED:
    if (peek(p, 0)->type == TOK_LPAREN) {
      return fail(p, EK_ERR_SYNTAX, t->column, "quoted function name");
    }
    return leaf(p, EK_JMESPATH_FIELD, t->value);
  case TOK_CURRENT: return leaf(p, EK_JMESPATH_CURRENT, -1);
  case TOK_STAR:
    node = leaf(p, EK_JMESPATH_CURRENT, -1);
    return projection(p, EK_JMESPATH_OBJECT_EACH, node, binding_power[TOK_STAR]);
  case TOK_FILTER: return filter(p, leaf(p, EK_JMESPATH_CURRENT, -1));
  case TOK_FLATTEN: return flatten(p, leaf(p, EK_JMESPATH_CURRENT, -1));
  case TOK_LBRACE: return multi_object(p);
  case TOK_LBRACKET: return bracket(p, leaf(p, EK_JMESPATH_CURRENT, -1), true);
  case TOK_NOT:
    node = expression(p, binding_power[TOK_NOT]);
    return node < 0 ? -1 : branch(p, EK_JMESPATH_NOT, node, -1);
  case TOK_LPAREN:
    node = expression(p, 0);
    return node < 0 || expect(p, TOK_RPAREN, "')'") < 0 ? -1 : node;
  case TOK_REFERENCE:
    return fail(p, EK_ERR_SYNTAX, t->column, "&expression outside a function's arguments");
  default: return unexpected(p, t);
  }
}

/* left followed by the operator just read. */
static int32_t infix(struct parser *p, const struct token *t, int32_t left) {
  uint8_t op = t->op;
  unsigned power = binding_power[t->type];
  enum ek_jmespath_type type;
  switch (t->type) {
  case TOK_DOT:
    if (accept(p, TOK_STAR)) {
      return projection(p, EK_JMESPATH_OBJECT_EACH, left, binding_power[TOK_STAR]);
    }
    type = EK_JMESPATH_PIPE;
    break;
  case TOK_PIPE: type = EK_JMESPATH_PIPE; break;
  case TOK_OR: type = EK_JMESPATH_OR; break;
  case TOK_AND: type = EK_JMESPATH_AND; break;
  case TOK_COMPARE: type = EK_JMESPATH_COMPARE; break;
  case TOK_FILTER: return filter(p, left);
  case TOK_FLATTEN: return flatten(p, left);
  case TOK_LBRACKET: return bracket(p, left, false);
  default: return unexpected(p, t);
  }
  int32_t right = t->type == TOK_DOT ? dot_rhs(p, power) : expression(p, power);
  if (right < 0) return -1;
  int32_t node = branch(p, type, left, right);
  if (node >= 0) p->out->nodes[node].op = op;
  return node;
}

static int32_t expression(struct parser *p, unsigned power) {
  if (p->nesting >= EK_JMESPATH_DEPTH_MAX) {
    return fail(p, EK_ERR_LIMIT, peek(p, 0)->column, "expression too deep");
  }
  p->nesting++;
  int32_t left = prefix(p, &p->tokens[p->at++]);
  while (left >= 0 && power < binding_power[peek(p, 0)->type]) {
    left = infix(p, &p->tokens[p->at++], left);
  }
  p->nesting--;
  return left;
}

int ek_jmespath_parse(struct ek_jmespath *out, const char *text, size_t len, struct ek_error *e) {
  struct ek_error error = {EK_OK, ""};
  struct parser p = {.out = out, .text = text, .len = len, .error = &error};
  *out = (struct ek_jmespath){.text = EK_BUF_INIT, .root = -1};
  if (len > EK_JMESPATH_TEXT_MAX) {
    return ek_error_set(e, EK_ERR_LIMIT, "jmespath: expression of %zu bytes is too long", len);
  }
  /* Never longer than the expression, and never at NULL. */
  if (!ek_buf_reserve(&out->text, len + 1)) {
    return ek_error_set(e, EK_ERR_NOMEM, "jmespath: out of memory");
  }
  if (lex(&p) == 0) {
    out->root = expression(&p, 0);
    if (out->root >= 0 && peek(&p, 0)->type != TOK_END) {
      out->root = unexpected(&p, peek(&p, 0));
    }
  }
  free(p.tokens);
  if (out->root >= 0) return EK_OK;
  return ek_error_set(e, error.code, "%s", error.message);
}

void ek_jmespath_fini(struct ek_jmespath *j) {
  free(j->nodes);
  free(j->constants);
  ek_buf_fini(&j->text);
  *j = (struct ek_jmespath){.text = EK_BUF_INIT, .root = -1};
}

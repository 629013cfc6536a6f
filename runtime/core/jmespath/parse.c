/* The grammar of JMESPath: precedence climbing over the tokens, into a flat tree. */
#include "core/jmespath/parser.h"

/* How tightly a token binds what stands to its left. */
static const uint8_t binding_power[] = {
    [TOK_PIPE] = 1,    [TOK_OR] = 2,      [TOK_AND] = 3,       [TOK_COMPARE] = 5,
    [TOK_FLATTEN] = 9, [TOK_STAR] = 20,   [TOK_FILTER] = 21,   [TOK_DOT] = 40,
    [TOK_NOT] = 45,    [TOK_LBRACE] = 50, [TOK_LBRACKET] = 55, [TOK_LPAREN] = 60,
};
#define PROJECTION_STOP 10

/* Node indices; -1 is failure, its reason in the parser's error. */
static int32_t expression(struct ek_jmespath_parser *p, unsigned power);

static const struct ek_jmespath_token *peek(const struct ek_jmespath_parser *p, size_t ahead) {
  size_t at = p->at + ahead;
  return &p->tokens[at < p->token_count ? at : p->token_count - 1];
}

static bool accept(struct ek_jmespath_parser *p, enum ek_jmespath_token_type type) {
  if (peek(p, 0)->type != type) return false;
  p->at++;
  return true;
}

static int expect(struct ek_jmespath_parser *p, enum ek_jmespath_token_type type,
                  const char *what) {
  if (accept(p, type)) return 0;
  const struct ek_jmespath_token *t = peek(p, 0);
  char message[96];
  (void)snprintf(message, sizeof message, "expected %s%s", what,
                 t->type == TOK_END ? ", found the end," : "");
  return ek_jmespath_fail(p, EK_ERR_SYNTAX, t->column, message);
}

static int32_t unexpected(struct ek_jmespath_parser *p, const struct ek_jmespath_token *t) {
  return ek_jmespath_fail(p, EK_ERR_SYNTAX, t->column,
                          t->type == TOK_END ? "unexpected end" : "unexpected token");
}

static unsigned depth_of(const struct ek_jmespath_parser *p, int32_t node) {
  return node < 0 ? 0 : p->out->nodes[node].depth;
}

/* The depth below a node: its children are a, the chain behind a, b and, for filters, k; a slice
 * has numbers there. */
static unsigned depth_below(const struct ek_jmespath_parser *p,
                            const struct ek_jmespath_node *node) {
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

static int32_t add_node(struct ek_jmespath_parser *p, struct ek_jmespath_node node) {
  struct ek_jmespath *j = p->out;
  unsigned depth = depth_below(p, &node);
  if (depth >= EK_JMESPATH_DEPTH_MAX) {
    return ek_jmespath_fail(p, EK_ERR_LIMIT, peek(p, 0)->column, "expression too deep");
  }
  void *items = j->nodes;
  if (!ek_jmespath_grow(&items, &j->node_cap, j->node_count, sizeof *j->nodes))
    return ek_jmespath_fail_memory(p);
  j->nodes = items;
  node.depth = (uint16_t)(depth + 1);
  node.next = -1;
  j->nodes[j->node_count] = node;
  return (int32_t)j->node_count++;
}

static int32_t leaf(struct ek_jmespath_parser *p, enum ek_jmespath_type type, int32_t k) {
  return add_node(p, (struct ek_jmespath_node){.type = (uint8_t)type, .a = -1, .b = -1, .k = k});
}

static int32_t branch(struct ek_jmespath_parser *p, enum ek_jmespath_type type, int32_t a,
                      int32_t b) {
  return add_node(p, (struct ek_jmespath_node){.type = (uint8_t)type, .a = a, .b = b, .k = -1});
}

/* Chains node behind *last; *first is the head of the chain. */
static void chain(struct ek_jmespath_parser *p, int32_t *first, int32_t *last, int32_t node) {
  if (*first < 0) {
    *first = node;
  } else {
    p->out->nodes[*last].next = node;
  }
  *last = node;
}

/* Behind '[': elements up to ']'. */
static int32_t multi_list(struct ek_jmespath_parser *p) {
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
static int32_t multi_object(struct ek_jmespath_parser *p) {
  int32_t first = -1, last = -1;
  do {
    const struct ek_jmespath_token *key = peek(p, 0);
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
static int32_t dot_rhs(struct ek_jmespath_parser *p, unsigned power) {
  const struct ek_jmespath_token *t = peek(p, 0);
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
static int32_t projection_rhs(struct ek_jmespath_parser *p, unsigned power) {
  const struct ek_jmespath_token *t = peek(p, 0);
  if (binding_power[t->type] < PROJECTION_STOP) return leaf(p, EK_JMESPATH_CURRENT, -1);
  if (t->type == TOK_LBRACKET || t->type == TOK_FILTER) return expression(p, power);
  if (accept(p, TOK_DOT)) return dot_rhs(p, power);
  return unexpected(p, t);
}

static int32_t projection(struct ek_jmespath_parser *p, enum ek_jmespath_type type, int32_t left,
                          unsigned power) {
  if (left < 0) return -1;
  int32_t right = projection_rhs(p, power);
  return right < 0 ? -1 : branch(p, type, left, right);
}

static int32_t flatten(struct ek_jmespath_parser *p, int32_t left) {
  if (left < 0) return -1;
  return projection(p, EK_JMESPATH_LIST_EACH, branch(p, EK_JMESPATH_FLATTEN, left, -1),
                    binding_power[TOK_FLATTEN]);
}

/* Behind '[?'. */
static int32_t filter(struct ek_jmespath_parser *p, int32_t left) {
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
static int32_t index_or_slice(struct ek_jmespath_parser *p, int32_t left) {
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
  if (parts[2] == 0) return ek_jmespath_fail(p, EK_ERR_INVALID, column, "slice with step 0");
  int32_t slice =
      add_node(p, (struct ek_jmespath_node){
                      .type = EK_JMESPATH_SLICE, .a = parts[0], .b = parts[1], .k = parts[2]});
  if (slice < 0) return -1;
  return projection(p, EK_JMESPATH_LIST_EACH, branch(p, EK_JMESPATH_PIPE, left, slice),
                    binding_power[TOK_STAR]);
}

/* Behind '[' where no value stands to the left: an index, a slice, [*] or a multi-select. */
static int32_t bracket(struct ek_jmespath_parser *p, int32_t left, bool may_select) {
  const struct ek_jmespath_token *t = peek(p, 0);
  if (t->type == TOK_NUMBER || t->type == TOK_COLON) return index_or_slice(p, left);
  if (t->type == TOK_STAR && peek(p, 1)->type == TOK_RBRACKET) {
    p->at += 2;
    return projection(p, EK_JMESPATH_LIST_EACH, left, binding_power[TOK_STAR]);
  }
  return may_select ? multi_list(p) : unexpected(p, t);
}

static const struct ek_jmespath_function *find_function(const struct ek_jmespath_parser *p,
                                                        int32_t name) {
  const struct ek_jmespath_constant *c = &p->out->constants[name];
  const char *text = p->out->text.data + c->offset;
  for (size_t f = 0; f < ek_jmespath_function_count; f++) {
    const char *known = ek_jmespath_functions[f].name;
    if (strlen(known) == c->len && memcmp(known, text, c->len) == 0) {
      return &ek_jmespath_functions[f];
    }
  }
  return NULL;
}

/* References stand where the function takes one, and nowhere else. */
static int check_argument(struct ek_jmespath_parser *p, const struct ek_jmespath_function *f, int n,
                          int32_t argument, uint32_t column) {
  bool is_reference = p->out->nodes[argument].type == EK_JMESPATH_REFERENCE;
  bool wants = n < f->arity && (f->args[n] & EK_JMESPATH_KIND_REFERENCE) != 0;
  if (is_reference == wants) return 0;
  char message[96];
  (void)snprintf(message, sizeof message,
                 wants ? "%s() takes an &expression as argument %d"
                       : "%s() takes no &expression as argument %d",
                 f->name, n + 1);
  return ek_jmespath_fail(p, EK_ERR_INVALID, column, message);
}

/* Behind 'name('. */
static int32_t call(struct ek_jmespath_parser *p, const struct ek_jmespath_token *name) {
  const struct ek_jmespath_function *f = find_function(p, name->value);
  uint32_t column = name->column;
  if (f == NULL) return ek_jmespath_fail(p, EK_ERR_NOTFOUND, column, "unknown function");
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
    return ek_jmespath_fail(p, EK_ERR_INVALID, column, message);
  }
  return add_node(p, (struct ek_jmespath_node){.type = EK_JMESPATH_CALL,
                                               .op = (uint8_t)(f - ek_jmespath_functions),
                                               .a = first,
                                               .b = -1,
                                               .k = count});
}

/* An expression that begins with the token just read. */
static int32_t prefix(struct ek_jmespath_parser *p, const struct ek_jmespath_token *t) {
  int32_t node;
  switch (t->type) {
  case TOK_LITERAL:
  case TOK_RAW: return leaf(p, EK_JMESPATH_LITERAL, t->value);
  case TOK_NAME:
    if (accept(p, TOK_LPAREN)) return call(p, t);
    return leaf(p, EK_JMESPATH_FIELD, t->value);
  case TOK_QUOTED:
    if (peek(p, 0)->type == TOK_LPAREN) {
      return ek_jmespath_fail(p, EK_ERR_SYNTAX, t->column, "quoted function name");
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
    return ek_jmespath_fail(p, EK_ERR_SYNTAX, t->column,
                            "&expression outside a function's arguments");
  default: return unexpected(p, t);
  }
}

/* left followed by the operator just read. */
static int32_t infix(struct ek_jmespath_parser *p, const struct ek_jmespath_token *t,
                     int32_t left) {
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

static int32_t expression(struct ek_jmespath_parser *p, unsigned power) {
  if (p->nesting >= EK_JMESPATH_DEPTH_MAX) {
    return ek_jmespath_fail(p, EK_ERR_LIMIT, peek(p, 0)->column, "expression too deep");
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
  struct ek_jmespath_parser p = {.out = out, .text = text, .len = len, .error = &error};
  *out = (struct ek_jmespath){.text = EK_BUF_INIT, .root = -1};
  if (len > EK_JMESPATH_TEXT_MAX) {
    return ek_error_set(e, EK_ERR_LIMIT, "jmespath: expression of %zu bytes is too long", len);
  }
  /* Never longer than the expression, and never at NULL. */
  if (!ek_buf_reserve(&out->text, len + 1)) {
    return ek_error_set(e, EK_ERR_NOMEM, "jmespath: out of memory");
  }
  if (ek_jmespath_lex(&p) == 0) {
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

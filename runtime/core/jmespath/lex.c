/* The lexer of JMESPath: an expression into tokens; names and literals into the constants. */
#include "core/jmespath/parser.h"

#include "core/json.h"

int ek_jmespath_fail(struct ek_jmespath_parser *p, int code, size_t column, const char *what) {
  (void)ek_error_set(p->error, code, "jmespath: %s at column %zu", what, column + 1);
  return -1;
}

int ek_jmespath_fail_memory(struct ek_jmespath_parser *p) {
  (void)ek_error_set(p->error, EK_ERR_NOMEM, "jmespath: out of memory");
  return -1;
}

bool ek_jmespath_grow(void *items_, size_t *cap, size_t count, size_t size) {
  void **items = items_;
  if (count < *cap) return true;
  size_t wanted = *cap == 0 ? 16 : *cap * 2;
  void *grown = realloc(*items, wanted * size);
  if (grown == NULL) return false;
  *items = grown;
  *cap = wanted;
  return true;
}

static int32_t add_constant(struct ek_jmespath_parser *p, bool json, size_t offset) {
  struct ek_jmespath *j = p->out;
  void *items = j->constants;
  if (j->text.failed ||
      !ek_jmespath_grow(&items, &j->constant_cap, j->constant_count, sizeof *j->constants)) {
    return ek_jmespath_fail_memory(p);
  }
  j->constants = items;
  j->constants[j->constant_count] =
      (struct ek_jmespath_constant){json, (uint32_t)offset, (uint32_t)(j->text.len - offset)};
  return (int32_t)j->constant_count++;
}

static int add_token(struct ek_jmespath_parser *p, struct ek_jmespath_token token) {
  void *items = p->tokens;
  if (!ek_jmespath_grow(&items, &p->token_cap, p->token_count, sizeof *p->tokens))
    return ek_jmespath_fail_memory(p);
  p->tokens = items;
  p->tokens[p->token_count++] = token;
  return 0;
}

/* A text between two quote characters, from the opening one at *i, which moves behind the closing
 * one. Copies it into the constants' text; a backslash before the quote goes, any other stays. */
static int copy_quoted(struct ek_jmespath_parser *p, size_t *i, bool keep_quotes) {
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
  return ek_jmespath_fail(p, EK_ERR_SYNTAX, start, "unclosed quote");
}

/* 1 if the constants' text from offset on is one JSON value, 0 if it is not; fails if it is
 * beyond the limits. */
static int is_json(struct ek_jmespath_parser *p, size_t offset, size_t column) {
  struct ek_buf *b = &p->out->text;
  if (b->failed) return ek_jmespath_fail_memory(p);
  struct ek_json_reader r;
  ek_json_reader_init(&r, b->data + offset, b->len - offset, 64);
  enum ek_json_type type;
  while ((type = ek_json_next(&r)) > EK_JSON_END) {
  }
  int code = r.error.code;
  ek_json_reader_fini(&r);
  if (code == EK_ERR_NOMEM) return ek_jmespath_fail_memory(p);
  if (code == EK_ERR_LIMIT)
    return ek_jmespath_fail(p, code, column, "literal that is too deep or too large");
  return type == EK_JSON_END;
}

static bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Makes the constants' text from offset on JSON: what is none is a string whose quotes were left
 * out, as the AWS CLI takes it (JMESPath's JEP 12). */
static int make_json(struct ek_jmespath_parser *p, size_t offset, size_t column) {
  int json = is_json(p, offset, column);
  if (json != 0) return json < 0 ? -1 : 0;
  struct ek_buf *b = &p->out->text;
  size_t start = offset;
  while (start < b->len && is_space(b->data[start])) start++;
  ek_buf_puts(b, "\"\""); /* room for both quotes */
  if (b->failed) return ek_jmespath_fail_memory(p);
  size_t len = b->len - 2 - start;
  memmove(b->data + offset + 1, b->data + start, len);
  b->data[offset] = b->data[offset + 1 + len] = '"';
  b->len = offset + len + 2;
  json = is_json(p, offset, column);
  if (json != 0) return json < 0 ? -1 : 0;
  return ek_jmespath_fail(p, EK_ERR_SYNTAX, column, "literal that is not JSON");
}

/* Decodes the JSON string from offset on, in place: a quoted identifier. */
static int decode_string(struct ek_jmespath_parser *p, size_t offset, size_t column) {
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
    (void)ek_jmespath_fail_memory(p);
  } else {
    (void)ek_jmespath_fail(p, EK_ERR_SYNTAX, column, "malformed quoted identifier");
  }
  ek_json_reader_fini(&r);
  return status;
}

static int lex_quoted(struct ek_jmespath_parser *p, size_t *i, struct ek_jmespath_token *t) {
  char quote = p->text[*i];
  size_t offset = p->out->text.len;
  if (copy_quoted(p, i, quote == '"') < 0) return -1;
  if (p->out->text.failed) return ek_jmespath_fail_memory(p);
  if (quote == '`' && make_json(p, offset, t->column) < 0) return -1;
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

static int lex_number(struct ek_jmespath_parser *p, size_t *i, struct ek_jmespath_token *t) {
  size_t n = *i;
  bool negative = p->text[n] == '-';
  int64_t value = 0;
  if (negative) n++;
  if (n >= p->len || !is_digit(p->text[n])) {
    return ek_jmespath_fail(p, EK_ERR_SYNTAX, *i, "'-' without a number");
  }
  for (; n < p->len && is_digit(p->text[n]); n++) {
    value = value * 10 + (p->text[n] - '0');
    if (value > INT32_MAX) return ek_jmespath_fail(p, EK_ERR_SYNTAX, *i, "number out of range");
  }
  t->type = TOK_NUMBER;
  t->value = (int32_t)(negative ? -value : value);
  *i = n;
  return 0;
}

static int lex_name(struct ek_jmespath_parser *p, size_t *i, struct ek_jmespath_token *t) {
  size_t n = *i, offset = p->out->text.len;
  while (n < p->len && (is_name(p->text[n]) || is_digit(p->text[n]))) n++;
  ek_buf_append(&p->out->text, p->text + *i, n - *i);
  t->type = TOK_NAME;
  t->value = add_constant(p, false, offset);
  *i = n;
  return t->value < 0 ? -1 : 0;
}

/* Operators and punctuation, longest first. */
static int lex_sign(struct ek_jmespath_parser *p, size_t *i, struct ek_jmespath_token *t) {
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
  return ek_jmespath_fail(p, EK_ERR_SYNTAX, *i, "unexpected character");
}

int ek_jmespath_lex(struct ek_jmespath_parser *p) {
  size_t i = 0;
  for (;;) {
    while (i < p->len && strchr(" \t\r\n", p->text[i]) != NULL && p->text[i] != '\0') i++;
    struct ek_jmespath_token t = {TOK_END, 0, (uint32_t)i, 0};
    if (i == p->len) return add_token(p, t);
    char c = p->text[i];
    int status = is_name(c)                          ? lex_name(p, &i, &t)
                 : is_digit(c) || c == '-'           ? lex_number(p, &i, &t)
                 : c == '"' || c == '\'' || c == '`' ? lex_quoted(p, &i, &t)
                                                     : lex_sign(p, &i, &t);
    if (status < 0 || add_token(p, t) < 0) return -1;
  }
}

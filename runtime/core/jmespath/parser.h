/* The inside of the JMESPath parser: what its lexer hands to its grammar. */
#ifndef EK_CORE_JMESPATH_PARSER_H
#define EK_CORE_JMESPATH_PARSER_H

#include "core/jmespath.h"

enum ek_jmespath_token_type {
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

struct ek_jmespath_token {
  uint8_t type;
  uint8_t op;      /* TOK_COMPARE */
  uint32_t column; /* from 0 */
  int32_t value;   /* TOK_NUMBER: the number; names and literals: a constant */
};

struct ek_jmespath_parser {
  struct ek_jmespath *out;
  const char *text;
  size_t len;
  struct ek_jmespath_token *tokens;
  size_t token_count, token_cap, at;
  unsigned nesting;
  struct ek_error *error;
};

/* Reads all tokens; 0 or -1. */
int ek_jmespath_lex(struct ek_jmespath_parser *p);

/* Both set the parser's error and return -1. column: from 0. */
int ek_jmespath_fail(struct ek_jmespath_parser *p, int code, size_t column, const char *what);
int ek_jmespath_fail_memory(struct ek_jmespath_parser *p);

/* Room for one more of size bytes each in *items (a pointer to a pointer). */
bool ek_jmespath_grow(void *items, size_t *cap, size_t count, size_t size);

#endif

/* JMESPath expressions, parsed into a compact tree.
 *
 * The parser knows the whole grammar, the names of the functions and how many arguments they take;
 * what an expression means for values is the evaluator's (bindings/jmespath.c). A tree is a few
 * flat arrays without pointers into the source text, so it may outlive it. */
#ifndef EK_CORE_JMESPATH_H
#define EK_CORE_JMESPATH_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"

#define EK_JMESPATH_TEXT_MAX  65536
#define EK_JMESPATH_DEPTH_MAX 200

enum ek_jmespath_type {
  EK_JMESPATH_CURRENT,      /* @ */
  EK_JMESPATH_FIELD,        /* k: constant */
  EK_JMESPATH_INDEX,        /* k: index, negative from the end */
  EK_JMESPATH_SLICE,        /* a, b, k: start, stop, step (EK_JMESPATH_NONE: not given) */
  EK_JMESPATH_LITERAL,      /* k: constant */
  EK_JMESPATH_PIPE,         /* b applied to the value of a; also a.b and a[0] */
  EK_JMESPATH_LIST_EACH,    /* b applied to each element of a: foo[*].bar */
  EK_JMESPATH_OBJECT_EACH,  /* b applied to each value of a: foo.*.bar */
  EK_JMESPATH_FILTER_EACH,  /* b applied to the elements of a for which k (a node) is true */
  EK_JMESPATH_FLATTEN,      /* a */
  EK_JMESPATH_COMPARE,      /* op, a, b */
  EK_JMESPATH_AND,          /* a, b */
  EK_JMESPATH_OR,           /* a, b */
  EK_JMESPATH_NOT,          /* a */
  EK_JMESPATH_MULTI_LIST,   /* a: first element, chained by next */
  EK_JMESPATH_MULTI_OBJECT, /* a: first EK_JMESPATH_PAIR, chained by next */
  EK_JMESPATH_PAIR,         /* k: constant (the key), a: the value */
  EK_JMESPATH_CALL,         /* op: function, a: first argument, chained by next; k: their number */
  EK_JMESPATH_REFERENCE     /* &a, only as an argument */
};

enum ek_jmespath_compare {
  EK_JMESPATH_EQ,
  EK_JMESPATH_NE,
  EK_JMESPATH_LT,
  EK_JMESPATH_LE,
  EK_JMESPATH_GT,
  EK_JMESPATH_GE
};

#define EK_JMESPATH_NONE INT32_MIN

struct ek_jmespath_node {
  uint8_t type;   /* enum ek_jmespath_type */
  uint8_t op;     /* a comparison or a function */
  uint16_t depth; /* of the tree below, itself included */
  int32_t a, b, k;
  int32_t next; /* the sibling in a chain, -1: none */
};

/* A name, a raw string (text), or a JSON literal (json: the evaluator decodes it, once). */
struct ek_jmespath_constant {
  bool json;
  uint32_t offset; /* into text */
  uint32_t len;
};

struct ek_jmespath {
  struct ek_jmespath_node *nodes;
  size_t node_count, node_cap;
  struct ek_jmespath_constant *constants;
  size_t constant_count, constant_cap;
  struct ek_buf text; /* the bytes of the constants */
  int32_t root;
};

/* What an argument may be: a set of these. */
enum ek_jmespath_kind {
  EK_JMESPATH_KIND_NULL = 1,
  EK_JMESPATH_KIND_BOOLEAN = 2,
  EK_JMESPATH_KIND_NUMBER = 4,
  EK_JMESPATH_KIND_STRING = 8,
  EK_JMESPATH_KIND_ARRAY = 16,
  EK_JMESPATH_KIND_OBJECT = 32,
  EK_JMESPATH_KIND_ANY = 63,
  EK_JMESPATH_KIND_REFERENCE = 64
};

enum ek_jmespath_function_id {
  EK_JMESPATH_ABS,
  EK_JMESPATH_AVG,
  EK_JMESPATH_CEIL,
  EK_JMESPATH_CONTAINS,
  EK_JMESPATH_ENDS_WITH,
  EK_JMESPATH_FLOOR,
  EK_JMESPATH_JOIN,
  EK_JMESPATH_KEYS,
  EK_JMESPATH_LENGTH,
  EK_JMESPATH_MAP,
  EK_JMESPATH_MAX,
  EK_JMESPATH_MAX_BY,
  EK_JMESPATH_MERGE,
  EK_JMESPATH_MIN,
  EK_JMESPATH_MIN_BY,
  EK_JMESPATH_NOT_NULL,
  EK_JMESPATH_REVERSE,
  EK_JMESPATH_SORT,
  EK_JMESPATH_SORT_BY,
  EK_JMESPATH_STARTS_WITH,
  EK_JMESPATH_SUM,
  EK_JMESPATH_TO_ARRAY,
  EK_JMESPATH_TO_NUMBER,
  EK_JMESPATH_TO_STRING,
  EK_JMESPATH_TYPE,
  EK_JMESPATH_VALUES
};

struct ek_jmespath_function {
  const char *name;
  uint8_t arity;
  bool variadic;   /* arity or more arguments, all like the last */
  uint8_t args[2]; /* sets of enum ek_jmespath_kind */
};

/* In the order of enum ek_jmespath_function_id, which is that of the names. */
extern const struct ek_jmespath_function ek_jmespath_functions[];
extern const size_t ek_jmespath_function_count;

/* Parses text into *out (to be freed by ek_jmespath_fini, also after a failure). The message names
 * the column. EK_ERR_NOTFOUND: a function that is none; EK_ERR_INVALID: its arguments. */
int ek_jmespath_parse(struct ek_jmespath *out, const char *text, size_t len, struct ek_error *e);
void ek_jmespath_fini(struct ek_jmespath *j);

#endif

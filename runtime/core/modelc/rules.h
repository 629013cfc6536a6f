/* A rule set in the making: what rules.c (rules, parameters) and expression.c (nodes) share. */
#ifndef EK_CORE_MODELC_RULES_H
#define EK_CORE_MODELC_RULES_H

#include "core/endpoint/rules.h"
#include "core/modelc/dom.h"
#include "core/modelc/pool.h"

/* A node that was made, with the type of its value. */
struct ek_rules_made {
  uint32_t node;
  enum ek_rules_type type;
};

struct ek_rules_variable {
  const char *name;
  enum ek_rules_type type;
};

struct ek_rules_compiler {
  struct ek_pool strings;
  struct ek_buf table[EK_RULES_TABLE_COUNT];
  uint32_t *slots; /* of distinct nodes, open addressing: 1 + index, 0 is free */
  size_t slot_count;
  struct ek_rules_variable variables[EK_RULES_SLOTS_MAX]; /* visible here; the slot is the place */
  uint32_t variable_count;
  struct ek_buf where; /* "rules[1].conditions[0]" */
  struct ek_error *error;
};

/* Number of records in a table. */
uint32_t ek_rules_made_count(const struct ek_rules_compiler *c, enum ek_rules_table table);
/* Fills the error with the place and the message; returns EK_ERR_INVALID. */
int ek_rules_refuse(struct ek_rules_compiler *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* expression.c */

/* A string, boolean or integer, {"ref": ...} or {"fn": ...}; strings may be templates. */
int ek_rules_make(struct ek_rules_compiler *c, struct ek_rules_made *out,
                  const struct ek_dom *node);
/* A condition: a function whose value may be assigned to a variable. */
int ek_rules_make_condition(struct ek_rules_compiler *c, uint32_t *out, const struct ek_dom *node);
/* Endpoint properties and headers: objects and arrays of expressions. functions: references and
 * functions are allowed. */
int ek_rules_make_tree(struct ek_rules_compiler *c, uint32_t *out, const struct ek_dom *node,
                       bool functions);
/* The default of a parameter. */
int ek_rules_make_literal(struct ek_rules_compiler *c, struct ek_rules_made *out,
                          const struct ek_dom *node);

#endif

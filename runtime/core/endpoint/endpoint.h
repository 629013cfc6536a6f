/* Evaluation of endpoint rules: from parameters to the rule that applies, and the texts in it.
 *
 *   struct ek_endpoint v;
 *   ek_endpoint_init(&v, &rules, &partitions);
 *   v.parameters[i] = ...;                        what is known
 *   if (ek_endpoint_resolve(&v, &rule, &e) == 0)  then, for any node of the rule:
 *     ek_endpoint_evaluate(&v, rule->value)
 *   ek_endpoint_fini(&v);
 *
 * The caller owns all of it; texts that are made go into a small room in struct ek_endpoint, and
 * into the heap only when that is full. */
#ifndef EK_CORE_ENDPOINT_ENDPOINT_H
#define EK_CORE_ENDPOINT_ENDPOINT_H

#include "core/endpoint/partition.h"
#include "core/endpoint/rules.h"

struct ek_endpoint_text {
  const char *data; /* may hold NUL, not closed by one */
  size_t len;
};

struct ek_endpoint_value {
  enum ek_rules_type type;
  union {
    bool boolean;
    int32_t integer;
    struct ek_endpoint_text text; /* a string, or the ARN, URL or resource that it is */
    struct {
      const struct ek_endpoint_text *items; /* NULL: those of the node, an array of strings */
      uint32_t node;
      uint32_t count;
    } list;
    const struct ek_partition *partition;
  };
};

struct ek_endpoint_block;

struct ek_endpoint {
  /* By the place of the parameter in rules; whatever they point to must last. NONE: not given. */
  struct ek_endpoint_value parameters[EK_RULES_PARAMETERS_MAX];

  /* private */
  const struct ek_rules *rules;
  const struct ek_partitions *partitions;
  struct ek_endpoint_value slots[EK_RULES_SLOTS_MAX];
  uint32_t steps; /* that may still be taken */
  bool failed;    /* out of memory or steps */
  struct ek_endpoint_block *blocks;
  size_t used;
  char room[1024];
};

void ek_endpoint_init(struct ek_endpoint *v, const struct ek_rules *rules,
                      const struct ek_partitions *partitions);
void ek_endpoint_fini(struct ek_endpoint *v);

/* The rule that applies, an endpoint or an error; parameters that are not given take their
 * defaults. EK_ERR_INVALID: a parameter is missing or has the wrong type; EK_ERR_NOTFOUND: no rule
 * applies; EK_ERR_LIMIT: the rules are too much work. */
int ek_endpoint_resolve(struct ek_endpoint *v, const struct ek_rules_rule **rule,
                        struct ek_error *e);

/* The value of a node of the rule found; texts last until _fini. NONE where something is not set.
 * An EK_NODE_ARRAY or EK_NODE_OBJECT is the caller's to walk. */
struct ek_endpoint_value ek_endpoint_evaluate(struct ek_endpoint *v, uint32_t node);

/* For the caller's own walks: takes steps off those that an evaluation has. False: there are not so
 * many. */
bool ek_endpoint_spend(struct ek_endpoint *v, size_t steps);
/* What went wrong so far, as _resolve says it: EK_ERR_LIMIT, EK_ERR_NOMEM; 0: nothing. */
int ek_endpoint_failure(const struct ek_endpoint *v, struct ek_error *e);

/* "a boolean", "a string", ..., for messages. */
const char *ek_rules_type_name(enum ek_rules_type type);

/* functions.c: the standard library, without the values of a rule set. */

bool ek_endpoint_is_host_label(struct ek_endpoint_text s, bool dots);
bool ek_endpoint_is_virtual_hostable_bucket(struct ek_endpoint_text s, bool dots);
bool ek_endpoint_is_arn(struct ek_endpoint_text s);
bool ek_endpoint_is_url(struct ek_endpoint_text s);
/* A part of an ARN: EK_FIELD_ARN_... */
struct ek_endpoint_text ek_endpoint_arn_part(struct ek_endpoint_text arn,
                                             enum ek_rules_field field);
/* An element of an ARN's resource, which ':' and '/' divide. False: there are not so many. */
bool ek_endpoint_resource_part(struct ek_endpoint_text *out, struct ek_endpoint_text resource,
                               uint32_t index);
/* The scheme, authority or path of a URL: EK_FIELD_URL_... */
struct ek_endpoint_text ek_endpoint_url_part(struct ek_endpoint_text url,
                                             enum ek_rules_field field);
bool ek_endpoint_url_is_ip(struct ek_endpoint_text url);
/* The path with a slash at both ends, without empty and dot segments, percent-encoded where it
 * must be: written to out, which has room for 3 * path.len + 2 bytes. Returns the length. */
size_t ek_endpoint_normalize_path(char *out, struct ek_endpoint_text path);
/* All but letters, digits and "-._~" as %XX: written to out, room for 3 * s.len bytes. */
size_t ek_endpoint_uri_encode(char *out, struct ek_endpoint_text s);
/* Characters start to stop, from the end if reverse. False: there are not so many, or one is not
 * ASCII. */
bool ek_endpoint_substring(struct ek_endpoint_text *out, struct ek_endpoint_text s, int32_t start,
                           int32_t stop, bool reverse);

#endif

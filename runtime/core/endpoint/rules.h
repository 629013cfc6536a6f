/* Read-only images of endpoint rule sets.
 *
 * core/modelc turns a Smithy endpoint rule set (models/endpoints/SERVICE.json) into one flat,
 * position-independent block, as core/model.h has it for service models: tables of fixed-size
 * records that name each other by index. The rules stand in preorder, each with the place to go on
 * at when it does not apply; expressions are nodes, every distinct one once. Names are resolved and
 * types checked by the compiler. ek_rules_open checks that an image cannot lead outside of itself
 * nor in circles, so that one from a file is as safe to evaluate as an embedded one. */
#ifndef EK_CORE_ENDPOINT_RULES_H
#define EK_CORE_ENDPOINT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/embed.h"

#define EK_RULES_MAGIC   "ekrules\n"
#define EK_RULES_VERSION 1u

enum {
  EK_RULES_PARAMETERS_MAX = 64,
  EK_RULES_SLOTS_MAX = 64, /* variables that are visible at one place */
  EK_RULES_DEPTH_MAX = 64, /* of a node */
  EK_RULES_PARTS_MAX = 32  /* of a template */
};

/* What an expression gives. */
enum ek_rules_type {
  EK_RULES_NONE, /* not set */
  EK_RULES_BOOLEAN,
  EK_RULES_INTEGER,
  EK_RULES_STRING,
  EK_RULES_STRINGS,   /* a list of them */
  EK_RULES_RESOURCE,  /* an ARN's resource: a list of strings too */
  EK_RULES_PARTITION, /* what aws.partition gives */
  EK_RULES_ARN,       /* what aws.parseArn gives */
  EK_RULES_URL,       /* what parseURL gives */
  EK_RULES_TYPE_COUNT
};

/* An attribute of a partition, an ARN or a URL. */
enum ek_rules_field {
  EK_FIELD_PARTITION_NAME,
  EK_FIELD_PARTITION_DNS_SUFFIX,
  EK_FIELD_PARTITION_DUAL_STACK_DNS_SUFFIX,
  EK_FIELD_PARTITION_IMPLICIT_GLOBAL_REGION,
  EK_FIELD_PARTITION_SUPPORTS_FIPS,
  EK_FIELD_PARTITION_SUPPORTS_DUAL_STACK,
  EK_FIELD_ARN_PARTITION,
  EK_FIELD_ARN_SERVICE,
  EK_FIELD_ARN_REGION,
  EK_FIELD_ARN_ACCOUNT_ID,
  EK_FIELD_ARN_RESOURCE_ID,
  EK_FIELD_URL_SCHEME,
  EK_FIELD_URL_AUTHORITY,
  EK_FIELD_URL_PATH,
  EK_FIELD_URL_NORMALIZED_PATH,
  EK_FIELD_URL_IS_IP,
  EK_FIELD_COUNT
};

enum ek_rules_op {
  /* Leaves. */
  EK_NODE_STRING,    /* at: offset in the pool; count: bytes */
  EK_NODE_BOOLEAN,   /* at: 0 or 1 */
  EK_NODE_INTEGER,   /* at: an int32_t */
  EK_NODE_PARAMETER, /* at: index */
  EK_NODE_VARIABLE,  /* at: slot */
  /* Of one node, at. */
  EK_NODE_ATTRIBUTE, /* count: enum ek_rules_field */
  EK_NODE_INDEX,     /* count: of an element, from 0 */
  EK_NODE_ASSIGN,    /* count: the slot that the value goes into */
  /* Of count nodes: links from at. */
  EK_NODE_TEMPLATE, /* strings, one behind the other */
  EK_NODE_ARRAY,
  EK_NODE_OBJECT, /* keys (strings) and values by turns */
  EK_NODE_IS_SET,
  EK_NODE_NOT,
  EK_NODE_BOOLEAN_EQUALS,
  EK_NODE_STRING_EQUALS,
  EK_NODE_SUBSTRING,
  EK_NODE_URI_ENCODE,
  EK_NODE_PARSE_URL,
  EK_NODE_IS_VALID_HOST_LABEL,
  EK_NODE_PARTITION,
  EK_NODE_PARSE_ARN,
  EK_NODE_IS_VIRTUAL_HOSTABLE_BUCKET,
  EK_NODE_OP_COUNT
};

struct ek_rules_node {
  uint8_t op;    /* enum ek_rules_op */
  uint8_t depth; /* 0 for a leaf; more than that of any node below */
  uint16_t count;
  uint32_t at;
};

enum ek_rules_parameter_flag {
  EK_PARAMETER_REQUIRED = 1 << 0,
  EK_PARAMETER_USED = 1 << 1, /* the rules look at it */
};

struct ek_rules_parameter {
  uint32_t name;     /* string */
  uint32_t built_in; /* string: "AWS::Region"; "" for none */
  uint32_t fallback; /* 1 + a node: the default; 0 for none */
  uint8_t type;      /* BOOLEAN, STRING, STRINGS */
  uint8_t flags;
  uint16_t zero;
};

enum ek_rules_kind { EK_RULE_TREE, EK_RULE_ENDPOINT, EK_RULE_ERROR, EK_RULE_KIND_COUNT };

struct ek_rules_rule {
  uint32_t next;       /* the rule behind this one and all below it */
  uint32_t conditions; /* links */
  uint16_t condition_count;
  uint8_t kind;
  uint8_t zero;
  uint32_t value;      /* node: the URL of an endpoint, the message of an error */
  uint32_t properties; /* 1 + an object node, 0: none */
  uint32_t headers;    /* 1 + an object node of arrays of strings, 0: none */
};

enum ek_rules_table {
  EK_RULES_POOL,       /* char */
  EK_RULES_PARAMETERS, /* struct ek_rules_parameter, as written */
  EK_RULES_RULES,      /* struct ek_rules_rule */
  EK_RULES_NODES,      /* struct ek_rules_node */
  EK_RULES_LINKS,      /* uint32_t: nodes */
  EK_RULES_TABLE_COUNT
};

struct ek_rules_header {
  char magic[8];
  uint32_t version;
  uint32_t size; /* of the image, in bytes */
  struct {
    uint32_t offset, count; /* bytes from the start; records */
  } table[EK_RULES_TABLE_COUNT];
};

/* A view of an image: pointers into it, no ownership. */
struct ek_rules {
  const struct ek_rules_header *head;
  const char *pool;
  const struct ek_rules_parameter *parameters;
  const struct ek_rules_rule *rules;
  const struct ek_rules_node *nodes;
  const uint32_t *links;
};

/* The images in the binary, sorted by service. */
extern const struct ek_embedded ek_endpoints[];
extern const size_t ek_endpoints_count;

/* Views the size bytes at image, which must be 8-byte aligned and outlive r, after checking all of
 * them. EK_ERR_INVALID says what is wrong. */
int ek_rules_open(struct ek_rules *r, const void *image, size_t size, struct ek_error *e);

static inline uint32_t ek_rules_count(const struct ek_rules *r, enum ek_rules_table table) {
  return r->head->table[table].count;
}

#endif

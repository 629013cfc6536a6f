/* Read-only images of AWS service models.
 *
 * core/modelc turns models/SERVICE.json into one flat, position-independent block: tables of
 * fixed-size records that name each other by index, and one pool of NUL-terminated strings named by
 * offset. Nothing is parsed or allocated at run time; ek_model_open checks every index, so that an
 * image from a file is as safe to read as an embedded one.
 *
 * All that a wire format derives from several facts (a member's own trait or its shape's, a
 * locationName or the default) is resolved by the compiler: the walkers only read. */
#ifndef EK_CORE_MODEL_H
#define EK_CORE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/embed.h"

#define EK_MODEL_MAGIC   "ekmodel\n"
#define EK_MODEL_VERSION 2u

enum ek_model_protocol {
  EK_PROTOCOL_JSON,
  EK_PROTOCOL_REST_JSON,
  EK_PROTOCOL_REST_XML,
  EK_PROTOCOL_QUERY,
  EK_PROTOCOL_EC2,
  EK_PROTOCOL_CBOR,
  EK_PROTOCOL_COUNT
};

enum ek_model_type {
  EK_TYPE_STRUCTURE,
  EK_TYPE_LIST,
  EK_TYPE_MAP,
  EK_TYPE_STRING,
  EK_TYPE_BLOB,
  EK_TYPE_BOOLEAN,
  EK_TYPE_INTEGER, /* 32 bits */
  EK_TYPE_LONG,    /* 64 bits */
  EK_TYPE_FLOAT,
  EK_TYPE_DOUBLE,
  EK_TYPE_TIMESTAMP,
  EK_TYPE_COUNT
};

enum ek_model_location {
  EK_LOCATION_BODY,
  EK_LOCATION_LABEL,   /* in the path */
  EK_LOCATION_QUERY,   /* in the query string */
  EK_LOCATION_HEADER,  /* one header */
  EK_LOCATION_HEADERS, /* a map: headers with a common prefix */
  EK_LOCATION_STATUS,  /* the status code */
  EK_LOCATION_COUNT
};

enum ek_model_timestamp {
  EK_TIMESTAMP_DEFAULT, /* the place decides: protocol, header, query string */
  EK_TIMESTAMP_EPOCH,
  EK_TIMESTAMP_ISO8601,
  EK_TIMESTAMP_HTTP,
  EK_TIMESTAMP_COUNT
};

enum ek_model_shape_flag {
  EK_SHAPE_DOCUMENT = 1 << 0,  /* any JSON value */
  EK_SHAPE_UNION = 1 << 1,     /* exactly one member is set */
  EK_SHAPE_EXCEPTION = 1 << 2, /* the shape of an error */
  EK_SHAPE_EVENTS = 1 << 3,    /* an event stream */
  EK_SHAPE_BODY = 1 << 4,      /* a structure with members that belong to the body */
  EK_SHAPE_SENDER_FAULT = 1 << 5,
  EK_SHAPE_RETRYABLE = 1 << 6,  /* an error that another attempt may not meet */
  EK_SHAPE_THROTTLING = 1 << 7, /* one of those: it says "slower" */
};

enum ek_model_ref_flag {
  EK_REF_REQUIRED = 1 << 0,
  EK_REF_FLATTENED = 1 << 1,
  EK_REF_TOKEN = 1 << 2,     /* an idempotency token */
  EK_REF_JSON = 1 << 3,      /* a JSON value in a header */
  EK_REF_ATTRIBUTE = 1 << 4, /* an XML attribute */
  EK_REF_HOST = 1 << 5,      /* a label of the host name */
  EK_REF_SENSITIVE = 1 << 6,
  EK_REF_STREAMING = 1 << 7,
  EK_REF_DEPRECATED = 1 << 8,
  EK_REF_NAMESPACE = 1 << 9, /* stands in the table of namespaces */
  EK_REF_EVENT_HEADER = 1 << 10,
  EK_REF_EVENT_PAYLOAD = 1 << 11,
};

enum ek_model_operation_flag {
  EK_OPERATION_DEPRECATED = 1 << 0,
  EK_OPERATION_IDEMPOTENT = 1 << 1,
  EK_OPERATION_READONLY = 1 << 2,
  EK_OPERATION_UNSIGNED = 1 << 3,         /* authtype none */
  EK_OPERATION_UNSIGNED_PAYLOAD = 1 << 4, /* the body is not part of the signature */
  EK_OPERATION_CHECKSUM = 1 << 5,         /* a checksum header is required */
};

/* Members "..._string" hold offsets into the pool of strings. 0 is the empty string. */

/* A use of a shape: a member, a list's element, a map's key or value, an input or output. */
struct ek_model_ref {
  uint32_t name;  /* string: the key in Lua tables; "" where there is none */
  uint32_t wire;  /* string: JSON key, header, query parameter, label, element of XML requests */
  uint32_t xml;   /* string: element of XML answers */
  uint32_t query; /* string: key in query and ec2 requests; an unnamed list element has "" */
  uint32_t shape; /* index */
  uint16_t flags;
  uint8_t location;
  uint8_t timestamp;
};

struct ek_model_shape {
  uint32_t name;   /* string */
  uint32_t refs;   /* index: a structure's members, a list's element, a map's key and value */
  uint32_t values; /* index into values: the strings of an enum */
  uint32_t bounds; /* index into bounds */
  uint32_t code;   /* string: the error's code on the wire */
  uint16_t ref_count;
  uint16_t value_count;
  uint16_t payload; /* 1 + number of the member that is the body, 0: none */
  uint16_t status;  /* the error's HTTP status */
  uint8_t type;
  uint8_t flags;
  uint16_t zero;
};

/* What a number's value, a string's length in code points or a list's length may be. */
struct ek_model_bounds {
  double min, max;
};

struct ek_model_operation {
  uint32_t name;        /* string: DescribeCluster */
  uint32_t snake;       /* string: describe_cluster */
  uint32_t method;      /* string */
  uint32_t path;        /* string: the template, without a query */
  uint32_t query;       /* string: the constant query of the template */
  uint32_t host_prefix; /* string: a template */
  uint32_t wrapper;     /* string: the element around the result */
  uint32_t traits;      /* string: a JSON object of what only the client's Lua reads */
  uint32_t input;       /* 1 + index of a ref, 0: none */
  uint32_t output;      /* 1 + index of a ref, 0: none */
  uint32_t errors;      /* index into values: indices of shapes */
  uint16_t error_count;
  uint16_t flags;
  uint16_t status; /* of success, 0: not said */
  uint16_t zero;
};

/* A waiter or a paginator: its facts are a JSON object. */
struct ek_model_entry {
  uint32_t name; /* string */
  uint32_t json; /* string */
};

struct ek_model_namespace {
  uint32_t ref; /* index; the table is sorted by it */
  uint32_t uri, prefix;
};

enum ek_model_table {
  EK_TABLE_STRINGS,    /* char */
  EK_TABLE_SHAPES,     /* struct ek_model_shape */
  EK_TABLE_REFS,       /* struct ek_model_ref */
  EK_TABLE_VALUES,     /* uint32_t */
  EK_TABLE_BOUNDS,     /* struct ek_model_bounds; the first is unbounded */
  EK_TABLE_OPERATIONS, /* struct ek_model_operation, sorted by name */
  EK_TABLE_SNAKES,     /* uint32_t: operations, sorted by snake */
  EK_TABLE_WAITERS,    /* struct ek_model_entry, sorted by name */
  EK_TABLE_PAGINATORS, /* struct ek_model_entry, sorted by name */
  EK_TABLE_NAMESPACES, /* struct ek_model_namespace */
  EK_TABLE_COUNT
};

struct ek_model_header {
  char magic[8];
  uint32_t version;
  uint32_t size; /* of the image, in bytes */
  struct {
    uint32_t offset, count; /* bytes from the start; records */
  } table[EK_TABLE_COUNT];
  uint32_t service;        /* string: eks */
  uint32_t metadata;       /* string: a JSON object, botocore's metadata */
  uint32_t api_version;    /* string */
  uint32_t json_version;   /* string */
  uint32_t target_prefix;  /* string */
  uint32_t context_params; /* string: a JSON object */
  uint32_t xml_namespace;  /* string: of answers; "" for most */
  uint8_t protocol;
  uint8_t query_compatible;
  uint16_t zero;
};

/* A view of an image: pointers into it, no ownership. */
struct ek_model {
  const struct ek_model_header *head;
  const char *strings;
  const struct ek_model_shape *shapes;
  const struct ek_model_ref *refs;
  const uint32_t *values;
  const struct ek_model_bounds *bounds;
  const struct ek_model_operation *operations;
  const uint32_t *snakes;
  const struct ek_model_entry *waiters;
  const struct ek_model_entry *paginators;
  const struct ek_model_namespace *namespaces;
};

/* The images in the binary, sorted by name ("eks"). */
extern const struct ek_embedded ek_models[];
extern const size_t ek_models_count;

/* Views the size bytes at image, which must be 8-byte aligned and outlive m, after checking all of
 * them. EK_ERR_INVALID says what is wrong. */
int ek_model_open(struct ek_model *m, const void *image, size_t size, struct ek_error *e);
/* The same, unchecked: of an image in the binary, which the build checked when it made it. Reads no
 * more than the header of it, and so does its first use touch no more pages than it needs. */
void ek_model_view(struct ek_model *m, const void *image);

static inline const char *ek_model_string(const struct ek_model *m, uint32_t offset) {
  return m->strings + offset;
}

static inline uint32_t ek_model_count(const struct ek_model *m, enum ek_model_table table) {
  return m->head->table[table].count;
}

static inline const struct ek_model_shape *ek_model_shape_of(const struct ek_model *m,
                                                             const struct ek_model_ref *ref) {
  return &m->shapes[ref->shape];
}

/* By either spelling; NULL: there is none. */
const struct ek_model_operation *ek_model_find_operation(const struct ek_model *m,
                                                         const char *name);
/* NULL: the operation takes or gives nothing. */
const struct ek_model_ref *ek_model_input(const struct ek_model *m,
                                          const struct ek_model_operation *op);
const struct ek_model_ref *ek_model_output(const struct ek_model *m,
                                           const struct ek_model_operation *op);
/* The facts of a waiter or paginator (table says which) as JSON; NULL: there is none. */
const char *ek_model_find_entry(const struct ek_model *m, enum ek_model_table table,
                                const char *name);
/* The member called name in Lua tables; NULL: there is none. */
const struct ek_model_ref *ek_model_find_member(const struct ek_model *m,
                                                const struct ek_model_shape *shape,
                                                const char *name, size_t len);
/* The XML namespace of ref; NULL: none. */
const struct ek_model_namespace *ek_model_find_namespace(const struct ek_model *m,
                                                         const struct ek_model_ref *ref);
/* The error shape that the wire calls code, among the operation's errors first, then among all of
 * the service's; NULL: not modeled. */
const struct ek_model_shape *ek_model_find_error(const struct ek_model *m,
                                                 const struct ek_model_operation *op,
                                                 const char *code);

#endif

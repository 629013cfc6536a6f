/* eksrun.native.aws: the parts share these.
 *
 * A walker goes through a shape and a Lua value (or a document) together. It takes a reference (a
 * use of a shape), never an operation, so that requests and answers can be walked both ways.
 * Writers expect a value that ek_aws_validate let pass. Readers raise an error object with the
 * code "invalid_response" that names the member. Buffers and documents belong to a userdata on the
 * caller's stack: every function here may raise. */
#ifndef EK_BINDINGS_AWS_H
#define EK_BINDINGS_AWS_H

#include "bindings/bindings.h"
#include "bindings/json/json.h"
#include "core/cbor.h"
#include "core/json.h"
#include "core/model.h"
#include "core/time.h"
#include "core/xml.h"

enum { EK_AWS_DEPTH_MAX = 64 };

/* The uservalue of an operation is its service, whose model it points into. */
struct ek_aws_operation {
  const struct ek_model *model;
  const struct ek_model_operation *op;
  uint8_t protocol; /* enum ek_model_protocol: the service's, or that of a request it got */
};

struct ek_aws_walk {
  lua_State *L;
  const struct ek_model *model;
  struct ek_buf *out;                /* writers */
  enum ek_model_timestamp timestamp; /* where the model names no format */
  uint8_t protocol;                  /* enum ek_model_protocol */
  bool answer;                       /* writers: elements have the names that answers use */
  bool strict;  /* readers of JSON: scalars are of the types that they stand for */
  int array_mt; /* readers: stack index of the metatable of lists */
};

/* For an operation: with the timestamps of bodies, the rest unset. */
static inline struct ek_aws_walk ek_aws_walk(lua_State *L, const struct ek_aws_operation *o) {
  bool json = o->protocol == EK_PROTOCOL_JSON || o->protocol == EK_PROTOCOL_REST_JSON;
  return (struct ek_aws_walk){.L = L,
                              .model = o->model,
                              .timestamp = json ? EK_TIMESTAMP_EPOCH : EK_TIMESTAMP_ISO8601,
                              .protocol = o->protocol};
}
static inline bool ek_aws_is_rest(uint8_t protocol) {
  return protocol == EK_PROTOCOL_REST_JSON || protocol == EK_PROTOCOL_REST_XML;
}
static inline const char *ek_aws_string(const struct ek_aws_walk *w, uint32_t offset) {
  return ek_model_string(w->model, offset);
}
static inline const struct ek_model_shape *ek_aws_shape(const struct ek_aws_walk *w,
                                                        const struct ek_model_ref *ref) {
  return ek_model_shape_of(w->model, ref);
}
static inline const struct ek_model_ref *
ek_aws_ref(const struct ek_aws_walk *w, const struct ek_model_shape *shape, uint32_t number) {
  return &w->model->refs[shape->refs + number];
}

/* Pushes the member that the table at index has for ref; false, with nothing pushed: it has none
 * (nil or json.null). */
bool ek_aws_get(const struct ek_aws_walk *w, int index, const struct ek_model_ref *ref);
/* Raises unless the value at index is a table where the shape is one, and where one may be: what
 * was validated may have been changed by a finalizer since, into something that holds itself. */
void ek_aws_check_table(const struct ek_aws_walk *w, const struct ek_model_shape *shape, int index);
/* The same for a value without a shape. */
void ek_aws_check_depth(lua_State *L, int index);
/* Pushes a list of the keys of the table at index, sorted; returns their number. Keys that are not
 * strings are left out. */
int ek_aws_sorted_keys(lua_State *L, int index);
/* The string at index; raises if what was validated as one is none any more. */
const char *ek_aws_text(lua_State *L, int index, size_t *len);
/* Number of the member of shape whose wire (xml: whose xml) name is name, -1: none. hint is where
 * the search begins, and then the member behind the one found. */
int ek_aws_find_wire(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                     const char *name, size_t len, bool xml, uint32_t *hint);

/* The member of an input or output (NULL: none) that is an event stream; NULL: it has none. */
const struct ek_model_ref *ek_aws_events(const struct ek_aws_walk *w,
                                         const struct ek_model_ref *ref);

/* A member of the structure, of no name in the model, was read; on top of the stack is its name,
 * below it the table. A union gets {SDK_UNKNOWN_MEMBER = {name =}}, as in AWS's SDKs. */
void ek_aws_note_unknown(const struct ek_aws_walk *w, const struct ek_model_shape *shape);

/* scalar.c: scalars as text, for headers, paths, query strings, forms and XML. */

/* A timestamp as Lua has it, epoch seconds or text, to seconds. False: it is neither. */
bool ek_aws_to_time(lua_State *L, int index, double *seconds);
/* Pushes seconds: an integer where they are whole. */
void ek_aws_push_time(lua_State *L, double seconds);
void ek_aws_write_time(struct ek_buf *b, enum ek_model_timestamp format, double seconds);
/* Pushes the integer or float of the Lua number at index as AWS writes it. */
void ek_aws_write_float(struct ek_buf *b, double number);
void ek_aws_write_scalar(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index);
/* Pushes the scalar that text is. */
void ek_aws_read_scalar(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                        const char *text, size_t len);
/* Raises "invalid_response": `<member>: <what> '<text>'`, text shortened and escaped. */
int ek_aws_bad_value(const struct ek_aws_walk *w, const struct ek_model_ref *ref, const char *what,
                     const char *text, size_t len);

/* Pushes the text of a scalar; timestamp is the format where the model names none. */
const char *ek_aws_push_text(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index,
                             enum ek_model_timestamp timestamp, size_t *len);

/* headers.c: the members of a structure that lie in headers, from or into the table at index
 * headers. When reading, its names are in lower case. */
void ek_aws_read_headers(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                         int headers, int result);
void ek_aws_write_headers(const struct ek_aws_walk *w, const struct ek_model_shape *shape,
                          int index, int headers);
/* Pushes the header; NULL, with nothing pushed: there is none. */
const char *ek_aws_push_header(lua_State *L, int headers, const char *name);

/* json.c */
/* Appends the value at index. body_only: of the outermost structure only the members that belong
 * to the body. */
void ek_aws_write_json(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index,
                       bool body_only);
/* Pushes the value that the token just read begins. */
void ek_aws_read_json(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                      struct ek_json_reader *r, enum ek_json_type token);
/* The value at index without a shape, as eksrun.json writes it. False: pushed a message. */
bool ek_aws_append_document(lua_State *L, struct ek_buf *out, int index);
/* Pushes a reader that collection frees. */
struct ek_json_reader *ek_aws_new_reader(lua_State *L, const char *text, size_t len);
/* Pushes the value of a JSON text of the model's own; an empty table for "". */
void ek_aws_push_json(lua_State *L, const char *text);

/* cbor.c: the same for CBOR. */
void ek_aws_write_cbor(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index);
void ek_aws_read_cbor(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                      struct ek_cbor_reader *r, enum ek_cbor_type item);
struct ek_cbor_reader *ek_aws_new_cbor(lua_State *L, const char *bytes, size_t len);
/* Pushes the next value without a shape. */
void ek_aws_push_cbor(const struct ek_aws_walk *w, struct ek_cbor_reader *r);

/* query.c: the parameters of the structure at index, as a form: "&A=1&B.1=2". */
void ek_aws_write_query(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index,
                        bool ec2);

/* form.c: forms, and the parameters in them. */
struct ek_aws_field {
  const char *name, *value; /* decoded, not closed by NUL */
  size_t name_len, value_len;
};
struct ek_aws_form {
  size_t count;
  struct ek_aws_field fields[]; /* sorted by name; fields of one name in their order */
};

/* Pushes the fields of two texts. */
struct ek_aws_form *ek_aws_new_form(const struct ek_aws_walk *w, const char *first,
                                    size_t first_len, const char *second, size_t second_len);
/* The first of that name; NULL: there is none. */
const struct ek_aws_field *ek_aws_find_field(const struct ek_aws_form *form, const char *name,
                                             size_t len);
/* Pushes the structure that the form holds. */
void ek_aws_read_form(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                      const struct ek_aws_form *form);

/* xml_write.c: the value at index as an XML element. */
void ek_aws_write_xml(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index,
                      bool body_only);

/* Text of an element or attribute: what is not a character of XML 1.0 becomes U+FFFD. */
void ek_aws_escape_xml(struct ek_buf *out, const char *s, size_t n);

/* xml.c: pushes the value of node; of a structure, the members of its body. */
void ek_aws_read_xml(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                     const struct ek_xml_node *node);
/* Pushes a document that collection frees. */
struct ek_xml *ek_aws_new_xml(lua_State *L);
const struct ek_xml_node *ek_aws_xml_child(const struct ek_xml_node *node, const char *name);

/* body.c: bodies as a whole. */
enum ek_aws_kind { EK_AWS_EMPTY, EK_AWS_JSON, EK_AWS_XML, EK_AWS_CBOR, EK_AWS_OTHER };

/* What a body looks like; HTML is EK_AWS_OTHER. */
enum ek_aws_kind ek_aws_kind_of(const struct ek_aws_walk *w, const char *body, size_t len);
/* Raises "invalid_response". */
int ek_aws_invalid(const struct ek_aws_walk *w, const char *message);
/* Push the value that all of the body is. */
void ek_aws_read_json_body(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                           const char *body, size_t len);
void ek_aws_read_cbor_body(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                           const char *body, size_t len);
/* By the protocol; the root of XML is the value itself, whatever its name. */
void ek_aws_read_body(const struct ek_aws_walk *w, const struct ek_model_ref *ref, const char *body,
                      size_t len);
/* Pushes the document. */
const struct ek_xml_node *ek_aws_parse_xml(const struct ek_aws_walk *w, const char *body,
                                           size_t len);

/* Appends the value at index as the protocol's body. */
void ek_aws_write_body(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index);

/* validate.c: raises {code = "validation", message, problems = { {path, message}, ... }} unless the
 * table at index is what the operation takes. */
void ek_aws_validate(lua_State *L, const struct ek_aws_operation *o, int index);

/* The same for what a server gives (ref NULL: nothing), without what only clients keep: bounds and
 * required fields. An error may have fields that its shape does not. */
void ek_aws_validate_output(lua_State *L, const struct ek_aws_operation *o,
                            const struct ek_model_ref *ref, int index);
void ek_aws_validate_error(lua_State *L, const struct ek_aws_operation *o,
                           const struct ek_model_ref *ref, int index);

/* events.c */
int ek_aws_l_events(lua_State *L);
int ek_aws_l_decode_event(lua_State *L);
void ek_aws_open_events(lua_State *L);

/* Lua methods of an operation. request.c, response.c, describe.c */
int ek_aws_l_build(lua_State *L);
int ek_aws_l_parse(lua_State *L);
int ek_aws_l_parse_error(lua_State *L);
int ek_aws_l_info(lua_State *L);
int ek_aws_l_input(lua_State *L);
int ek_aws_l_output(lua_State *L);

/* A server's half of them. route.c, answer.c */
int ek_aws_l_route(lua_State *L);
int ek_aws_l_validate(lua_State *L);
int ek_aws_l_serialize(lua_State *L);
int ek_aws_l_serialize_error(lua_State *L);
int ek_aws_l_serialize_event(lua_State *L);
int ek_aws_l_service_error(lua_State *L);

const struct ek_model *ek_aws_check_service(lua_State *L, int index);
/* Pushes an operation of the service at index. */
void ek_aws_push_operation(lua_State *L, int service, const struct ek_model_operation *op,
                           uint8_t protocol);
struct ek_aws_operation *ek_aws_check_operation(lua_State *L, int index);
/* The service's name and the operation's: "eks:DescribeCluster", on the stack. */
const char *ek_aws_push_title(lua_State *L, const struct ek_aws_operation *o);

#endif

/* Bodies as a whole: which format they have, and their value by the service's protocol. */
#include <strings.h>

#include "bindings/aws/aws.h"

static bool starts_with(const char *s, size_t n, const char *text) {
  size_t len = strlen(text);
  return n >= len && strncasecmp(s, text, len) == 0;
}

enum ek_aws_kind ek_aws_kind_of(const struct ek_aws_walk *w, const char *body, size_t len) {
  size_t at = 0;
  if (w->protocol == EK_PROTOCOL_CBOR && len > 0 &&
      ((unsigned char)body[0] & 0xe0) == 0xa0) /* a map */
    return EK_AWS_CBOR;
  while (at < len && strchr(" \t\r\n", body[at]) != NULL && body[at] != '\0') at++;
  if (at == len) return EK_AWS_EMPTY;
  if (body[at] == '{') return EK_AWS_JSON;
  if (body[at] != '<' || starts_with(body + at, len - at, "<!doctype") ||
      starts_with(body + at, len - at, "<html"))
    return EK_AWS_OTHER;
  return EK_AWS_XML;
}

int ek_aws_invalid(const struct ek_aws_walk *w, const char *message) {
  ek_error_push(w->L, "invalid_response", message);
  return lua_error(w->L);
}

void ek_aws_read_json_body(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                           const char *body, size_t len) {
  struct ek_json_reader *reader = ek_aws_new_reader(w->L, body, len);
  ek_aws_read_json(w, ref, reader, ek_json_next(reader));
  if (ek_json_next(reader) != EK_JSON_END) (void)ek_aws_invalid(w, reader->error.message);
  ek_json_reader_fini(reader);
  lua_remove(w->L, -2);
}

void ek_aws_read_cbor_body(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                           const char *body, size_t len) {
  struct ek_cbor_reader *reader = ek_aws_new_cbor(w->L, body, len);
  ek_aws_read_cbor(w, ref, reader, ek_cbor_next(reader));
  if (ek_cbor_next(reader) != EK_CBOR_END) (void)ek_aws_invalid(w, reader->error.message);
  ek_cbor_reader_fini(reader);
  lua_remove(w->L, -2);
}

const struct ek_xml_node *ek_aws_parse_xml(const struct ek_aws_walk *w, const char *body,
                                           size_t len) {
  struct ek_error e;
  struct ek_xml *doc = ek_aws_new_xml(w->L);
  if (ek_xml_parse(doc, body, len, &e) != 0) (void)ek_aws_invalid(w, e.message);
  return ek_xml_root(doc);
}

void ek_aws_read_body(const struct ek_aws_walk *w, const struct ek_model_ref *ref, const char *body,
                      size_t len) {
  switch (w->protocol) {
  case EK_PROTOCOL_JSON:
  case EK_PROTOCOL_REST_JSON: ek_aws_read_json_body(w, ref, body, len); break;
  case EK_PROTOCOL_CBOR: ek_aws_read_cbor_body(w, ref, body, len); break;
  default: ek_aws_read_xml(w, ref, ek_aws_parse_xml(w, body, len)); lua_remove(w->L, -2);
  }
}

void ek_aws_write_body(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index) {
  switch (w->protocol) {
  case EK_PROTOCOL_JSON:
  case EK_PROTOCOL_REST_JSON: ek_aws_write_json(w, ref, index, false); break;
  case EK_PROTOCOL_CBOR: ek_aws_write_cbor(w, ref, index); break;
  default: ek_aws_write_xml(w, ref, index, false);
  }
}

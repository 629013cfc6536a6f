/* XML: bodies of rest-xml requests, and of answers. */
#include "bindings/aws/aws.h"
#include "core/utf8.h"

static void write_element(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                          const char *name, int index);

static const char *name_of(const struct ek_aws_walk *w, const struct ek_model_ref *ref) {
  return ek_aws_string(w, w->answer ? ref->xml : ref->wire);
}

void ek_aws_escape_xml(struct ek_buf *out, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    switch (c) {
    case '&': ek_buf_puts(out, "&amp;"); break;
    case '<': ek_buf_puts(out, "&lt;"); break;
    case '>': ek_buf_puts(out, "&gt;"); break;
    case '"': ek_buf_puts(out, "&quot;"); break;
    case '\r': ek_buf_puts(out, "&#xD;"); break;
    case '\n': ek_buf_puts(out, "&#xA;"); break;
    case '\t': ek_buf_puts(out, "&#x9;"); break;
    default:
      if (c < ' ')
        ek_utf8_append(out, 0xfffd);
      else
        ek_buf_putc(out, (char)c);
    }
  }
}

static void write_text(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index) {
  struct ek_buf *text = ek_lbuf_new(w->L);
  struct ek_aws_walk plain = *w;
  plain.out = text;
  ek_aws_write_scalar(&plain, ref, index);
  if (text->failed) w->out->failed = true;
  ek_aws_escape_xml(w->out, text->data, text->len);
  ek_buf_fini(text);
  lua_pop(w->L, 1);
}

static void open_element(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                         const char *name) {
  const struct ek_model_namespace *ns = ek_model_find_namespace(w->model, ref);
  ek_buf_printf(w->out, "<%s", name);
  if (ns == NULL) return;
  const char *prefix = ek_aws_string(w, ns->prefix), *uri = ek_aws_string(w, ns->uri);
  ek_buf_printf(w->out, " xmlns%s%s=\"", *prefix == '\0' ? "" : ":", prefix);
  ek_aws_escape_xml(w->out, uri, strlen(uri));
  ek_buf_putc(w->out, '"');
}

static void write_members(const struct ek_aws_walk *w, const struct ek_model_ref *of,
                          const char *name, int index, bool body_only) {
  const struct ek_model_shape *shape = ek_aws_shape(w, of);
  open_element(w, of, name);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(w, shape, i);
    if (!(ref->flags & EK_REF_ATTRIBUTE) || !ek_aws_get(w, index, ref)) continue;
    ek_buf_printf(w->out, " %s=\"", ek_aws_string(w, ref->wire));
    write_text(w, ref, lua_gettop(w->L));
    ek_buf_putc(w->out, '"');
    lua_pop(w->L, 1);
  }
  ek_buf_putc(w->out, '>');
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(w, shape, i);
    if ((ref->flags & EK_REF_ATTRIBUTE) || (body_only && ref->location != EK_LOCATION_BODY) ||
        !ek_aws_get(w, index, ref))
      continue;
    write_element(w, ref, name_of(w, ref), lua_gettop(w->L));
    lua_pop(w->L, 1);
  }
  ek_buf_printf(w->out, "</%s>", name);
}

static void write_list(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                       const char *name, int index) {
  const struct ek_model_ref *element = ek_aws_ref(w, ek_aws_shape(w, ref), 0);
  bool flattened = ref->flags & EK_REF_FLATTENED;
  lua_Integer count = (lua_Integer)lua_rawlen(w->L, index);
  if (!flattened) {
    open_element(w, ref, name);
    ek_buf_putc(w->out, '>');
  }
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(w->L, index, i);
    write_element(w, element, flattened ? name : ek_aws_string(w, element->wire), lua_gettop(w->L));
    lua_pop(w->L, 1);
  }
  if (!flattened) ek_buf_printf(w->out, "</%s>", name);
}

static void write_map(const struct ek_aws_walk *w, const struct ek_model_ref *ref, const char *name,
                      int index) {
  lua_State *L = w->L;
  const struct ek_model_shape *shape = ek_aws_shape(w, ref);
  bool flattened = ref->flags & EK_REF_FLATTENED;
  const char *entry = flattened ? name : "entry";
  int count = ek_aws_sorted_keys(L, index), keys = lua_gettop(L);
  if (!flattened) {
    open_element(w, ref, name);
    ek_buf_putc(w->out, '>');
  }
  for (int i = 1; i <= count; i++) {
    ek_buf_printf(w->out, "<%s>", entry);
    lua_rawgeti(L, keys, i);
    for (uint32_t part = 0; part < 2; part++) {
      const struct ek_model_ref *of = ek_aws_ref(w, shape, part);
      if (part == 1) lua_rawget(L, index);
      write_element(w, of, ek_aws_string(w, of->wire), lua_gettop(L));
    }
    lua_pop(L, 1);
    ek_buf_printf(w->out, "</%s>", entry);
  }
  if (!flattened) ek_buf_printf(w->out, "</%s>", name);
  lua_pop(L, 1);
}

static void write_element(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                          const char *name, int index) {
  luaL_checkstack(w->L, 8, "parameters nested too deeply");
  ek_aws_check_table(w, ek_aws_shape(w, ref), index);
  switch (ek_aws_shape(w, ref)->type) {
  case EK_TYPE_STRUCTURE: write_members(w, ref, name, index, false); break;
  case EK_TYPE_LIST: write_list(w, ref, name, index); break;
  case EK_TYPE_MAP: write_map(w, ref, name, index); break;
  default:
    open_element(w, ref, name);
    ek_buf_putc(w->out, '>');
    write_text(w, ref, index);
    ek_buf_printf(w->out, "</%s>", name);
  }
}

void ek_aws_write_xml(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index,
                      bool body_only) {
  const char *name = name_of(w, ref);
  if (*name == '\0') name = ek_aws_string(w, ek_aws_shape(w, ref)->name);
  ek_aws_check_table(w, ek_aws_shape(w, ref), index);
  if (ek_aws_shape(w, ref)->type == EK_TYPE_STRUCTURE)
    write_members(w, ref, name, index, body_only);
  else
    write_element(w, ref, name, index);
}

/* Forms of the query and ec2 protocols: every leaf is a parameter, its name the path to it. */
#include "bindings/aws/aws.h"
#include "core/encode.h"

struct form {
  const struct ek_aws_walk *w;
  struct ek_buf *name; /* the path so far */
  struct ek_buf *text; /* a value before it is encoded */
  bool ec2;
};

static void write_value(const struct form *f, const struct ek_model_ref *ref, int index);

/* As a form has it: '+' for a space, the rest as in a URL. */
static void encode(struct ek_buf *out, const char *s, size_t n) {
  size_t start = 0;
  for (size_t i = 0; i <= n; i++) {
    if (i < n && s[i] != ' ') continue;
    ek_percent_encode(out, s + start, i - start, false);
    if (i < n) ek_buf_putc(out, '+');
    start = i + 1;
  }
}

static void emit(const struct form *f, const char *value, size_t len) {
  struct ek_buf *out = f->w->out;
  ek_buf_putc(out, '&');
  encode(out, f->name->data, f->name->len);
  ek_buf_putc(out, '=');
  encode(out, value, len);
}

/* Appends a part to the path; returns the length to which the caller cuts it back. */
static size_t push_name(const struct form *f, const char *part) {
  size_t before = f->name->len;
  if (before > 0 && *part != '\0') ek_buf_putc(f->name, '.');
  ek_buf_puts(f->name, part);
  return before;
}

static size_t push_number(const struct form *f, lua_Integer number) {
  size_t before = f->name->len;
  ek_buf_printf(f->name, "%s%lld", before > 0 ? "." : "", (long long)number);
  return before;
}

static void write_structure(const struct form *f, const struct ek_model_shape *shape, int index) {
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(f->w, shape, i);
    if (!ek_aws_get(f->w, index, ref)) continue;
    size_t before = push_name(f, ek_aws_string(f->w, ref->query));
    write_value(f, ref, lua_gettop(f->w->L));
    f->name->len = before;
    lua_pop(f->w->L, 1);
  }
}

static void write_list(const struct form *f, const struct ek_model_ref *ref, int index) {
  lua_State *L = f->w->L;
  const struct ek_model_ref *element = ek_aws_ref(f->w, ek_aws_shape(f->w, ref), 0);
  const char *name = ek_aws_string(f->w, element->query);
  lua_Integer count = (lua_Integer)lua_rawlen(L, index);
  if (count == 0 && !f->ec2) emit(f, "", 0);
  struct ek_buf *saved = NULL;
  if (!f->ec2 && count > 0) {
    if (!(ref->flags & EK_REF_FLATTENED)) {
      (void)push_name(f, *name != '\0' ? name : "member");
    } else if (*name != '\0') {
      /* The elements' name takes the place of the list's. */
      saved = ek_lbuf_new(L);
      ek_buf_append(saved, f->name->data, f->name->len);
      while (f->name->len > 0 && f->name->data[f->name->len - 1] != '.') f->name->len--;
      ek_buf_puts(f->name, name);
    }
  }
  for (lua_Integer i = 1; i <= count; i++) {
    size_t before = push_number(f, i);
    lua_rawgeti(L, index, i);
    write_value(f, element, lua_gettop(L));
    lua_pop(L, 1);
    f->name->len = before;
  }
  if (saved == NULL) return;
  f->name->len = 0;
  ek_buf_append(f->name, saved->data, saved->len);
  ek_buf_fini(saved);
  lua_pop(L, 1);
}

static void write_map(const struct form *f, const struct ek_model_ref *ref, int index) {
  lua_State *L = f->w->L;
  const struct ek_model_shape *shape = ek_aws_shape(f->w, ref);
  int count = ek_aws_sorted_keys(L, index), keys = lua_gettop(L);
  if (!(ref->flags & EK_REF_FLATTENED)) (void)push_name(f, "entry");
  for (int i = 1; i <= count; i++) {
    size_t entry = push_number(f, i);
    lua_rawgeti(L, keys, i);
    for (uint32_t part = 0; part < 2; part++) {
      const struct ek_model_ref *of = ek_aws_ref(f->w, shape, part);
      size_t before = push_name(f, ek_aws_string(f->w, of->query));
      if (part == 1) lua_rawget(L, index);
      write_value(f, of, lua_gettop(L));
      f->name->len = before;
    }
    lua_pop(L, 1);
    f->name->len = entry;
  }
  lua_pop(L, 1);
}

static void write_value(const struct form *f, const struct ek_model_ref *ref, int index) {
  const struct ek_model_shape *shape = ek_aws_shape(f->w, ref);
  luaL_checkstack(f->w->L, 8, "parameters nested too deeply");
  size_t before = f->name->len;
  ek_aws_check_table(f->w, shape, index);
  switch (shape->type) {
  case EK_TYPE_STRUCTURE: write_structure(f, shape, index); break;
  case EK_TYPE_LIST: write_list(f, ref, index); break;
  case EK_TYPE_MAP: write_map(f, ref, index); break;
  default: {
    struct ek_aws_walk text = *f->w;
    text.out = f->text;
    ek_buf_clear(f->text);
    ek_aws_write_scalar(&text, ref, index);
    emit(f, f->text->data, f->text->len);
  }
  }
  f->name->len = before;
}

void ek_aws_write_query(const struct ek_aws_walk *w, const struct ek_model_ref *ref, int index,
                        bool ec2) {
  int top = lua_gettop(w->L);
  struct form f = {.w = w, .ec2 = ec2};
  f.name = ek_lbuf_new(w->L);
  f.text = ek_lbuf_new(w->L);
  write_structure(&f, ek_aws_shape(w, ref), index);
  if (f.name->failed || f.text->failed) w->out->failed = true;
  ek_buf_fini(f.name);
  ek_buf_fini(f.text);
  lua_settop(w->L, top);
}

/* Forms, read: query strings, and the parameters of the query and ec2 protocols, whose names are
 * paths: "Filter.1.Value.2=x". */
#include "bindings/aws/aws.h"
#include "core/encode.h"

/* The uservalue is the buffer with the decoded bytes. */
static int compare(const struct ek_aws_field *a, const char *name, size_t len) {
  int order = memcmp(a->name, name, a->name_len < len ? a->name_len : len);
  return order != 0 ? order : (a->name_len > len) - (a->name_len < len);
}

/* Fields of one name stay in their order: the bytes of the earlier one come first. */
static int by_name(const void *x, const void *y) {
  const struct ek_aws_field *a = x, *b = y;
  int order = compare(a, b->name, b->name_len);
  return order != 0 ? order : (a->name > b->name) - (a->name < b->name);
}

static size_t count_fields(const char *text, size_t len) {
  size_t count = len > 0;
  for (size_t i = 0; i < len; i++) count += text[i] == '&';
  return count;
}

static void decode(const struct ek_aws_walk *w, struct ek_buf *out, const char *s, size_t n) {
  size_t start = 0;
  for (size_t i = 0; i <= n; i++) {
    if (i < n && s[i] != '+') continue;
    if (ek_percent_decode(out, s + start, i - start, NULL) != 0)
      (void)ek_aws_invalid(w, "a parameter is not percent-encoded as it should be");
    if (i < n) ek_buf_putc(out, ' ');
    start = i + 1;
  }
}

/* Appends the decoded bytes to out; the fields get offsets for pointers. */
static size_t split(const struct ek_aws_walk *w, struct ek_aws_field *fields, struct ek_buf *out,
                    const char *text, size_t len) {
  size_t count = 0;
  for (const char *at = text, *end = text + len; at < end;) {
    const char *stop = memchr(at, '&', (size_t)(end - at));
    if (stop == NULL) stop = end;
    const char *equals = memchr(at, '=', (size_t)(stop - at));
    const char *name_end = equals == NULL ? stop : equals;
    if (stop > at) {
      size_t name = out->len;
      decode(w, out, at, (size_t)(name_end - at));
      size_t value = out->len;
      if (equals != NULL) decode(w, out, equals + 1, (size_t)(stop - equals) - 1);
      fields[count++] =
          (struct ek_aws_field){.name_len = value - name, .value_len = out->len - value};
    }
    at = stop + 1;
  }
  return count;
}

struct ek_aws_form *ek_aws_new_form(const struct ek_aws_walk *w, const char *first,
                                    size_t first_len, const char *second, size_t second_len) {
  lua_State *L = w->L;
  size_t most = count_fields(first, first_len) + count_fields(second, second_len);
  struct ek_aws_form *form = lua_newuserdatauv(L, sizeof *form + most * sizeof *form->fields, 1);
  struct ek_buf *bytes = ek_lbuf_new(L);
  form->count = split(w, form->fields, bytes, first, first_len);
  form->count += split(w, form->fields + form->count, bytes, second, second_len);
  if (bytes->failed) luaL_error(L, "not enough memory");
  const char *at = bytes->data == NULL ? "" : bytes->data;
  for (size_t i = 0; i < form->count; i++) {
    form->fields[i].name = at;
    form->fields[i].value = at + form->fields[i].name_len;
    at = form->fields[i].value + form->fields[i].value_len;
  }
  lua_setiuservalue(L, -2, 1);
  qsort(form->fields, form->count, sizeof *form->fields, by_name);
  return form;
}

/* The first field that is not before the name. */
static size_t lower_bound(const struct ek_aws_form *form, const char *name, size_t len) {
  size_t low = 0, high = form->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare(&form->fields[middle], name, len) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const struct ek_aws_field *ek_aws_find_field(const struct ek_aws_form *form, const char *name,
                                             size_t len) {
  size_t i = lower_bound(form, name, len);
  return i < form->count && compare(&form->fields[i], name, len) == 0 ? &form->fields[i] : NULL;
}

/* -- paths ---------------------------------------------------------------------------------------
 */

struct reader {
  const struct ek_aws_walk *w;
  const struct ek_aws_form *form;
  struct ek_buf *path;
  int depth;
};

static bool read_value(struct reader *r, const struct ek_model_ref *ref);

/* Appends a part to the path; returns the length to which the caller cuts it back. */
static size_t push_part(struct reader *r, const char *part) {
  size_t before = r->path->len;
  if (before > 0 && *part != '\0') ek_buf_putc(r->path, '.');
  ek_buf_puts(r->path, part);
  return before;
}

static size_t push_number(struct reader *r, uint64_t number) {
  size_t before = r->path->len;
  ek_buf_printf(r->path, "%s%llu", before > 0 ? "." : "", (unsigned long long)number);
  return before;
}

static bool starts_with_path(struct reader *r, const struct ek_aws_field *field) {
  return field->name_len >= r->path->len && memcmp(field->name, r->path->data, r->path->len) == 0;
}

/* Whether any field lies below the path. */
static bool has_below(struct reader *r) {
  if (r->path->len == 0) return true;
  ek_buf_putc(r->path, '.');
  size_t i = lower_bound(r->form, r->path->data, r->path->len);
  bool found = i < r->form->count && starts_with_path(r, &r->form->fields[i]);
  r->path->len--;
  return found;
}

static const struct ek_aws_field *here(struct reader *r) {
  return ek_aws_find_field(r->form, r->path->data, r->path->len);
}

static int by_value(const void *x, const void *y) {
  const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
  return (a > b) - (a < b);
}

/* The number that a field has behind the path: "1" of "Filter.1.Name"; 0: none. */
static uint64_t number_of(struct reader *r, const struct ek_aws_field *field) {
  uint64_t n = 0;
  size_t i = r->path->len, digits = 0;
  if (i < field->name_len && field->name[i] == '0') return 0;
  for (; i < field->name_len && field->name[i] >= '0' && field->name[i] <= '9'; i++, digits++)
    n = n * 10 + (uint64_t)(field->name[i] - '0');
  return digits > 9 || (i < field->name_len && field->name[i] != '.') ? 0 : n;
}

/* Pushes the numbers below the path, in order. */
static uint64_t *push_numbers(struct reader *r, size_t *count) {
  if (r->path->len > 0) ek_buf_putc(r->path, '.');
  size_t first = lower_bound(r->form, r->path->data, r->path->len), end = first;
  while (end < r->form->count && starts_with_path(r, &r->form->fields[end])) end++;
  uint64_t *numbers = lua_newuserdatauv(r->w->L, (end - first + 1) * sizeof *numbers, 0);
  *count = 0;
  for (size_t i = first; i < end; i++) {
    uint64_t n = number_of(r, &r->form->fields[i]);
    /* All fields of a number lie together. */
    if (n > 0 && (*count == 0 || numbers[*count - 1] != n)) numbers[(*count)++] = n;
  }
  qsort(numbers, *count, sizeof *numbers, by_value);
  if (r->path->len > 0) r->path->len--;
  return numbers;
}

static bool read_structure(struct reader *r, const struct ek_model_shape *shape) {
  lua_State *L = r->w->L;
  if (!has_below(r) && here(r) == NULL) return false;
  lua_newtable(L);
  for (uint32_t i = 0; i < shape->ref_count; i++) {
    const struct ek_model_ref *ref = ek_aws_ref(r->w, shape, i);
    size_t before = push_part(r, ek_aws_string(r->w, ref->query));
    if (read_value(r, ref)) lua_setfield(L, -2, ek_aws_string(r->w, ref->name));
    r->path->len = before;
  }
  return true;
}

/* Where the elements are: below "member" or another name, in the list's place, or right here.
 * Restores the path later: cut it to the length returned, append saved. */
static void enter_list(struct reader *r, const struct ek_model_ref *ref) {
  const struct ek_model_ref *element = ek_aws_ref(r->w, ek_aws_shape(r->w, ref), 0);
  const char *name = ek_aws_string(r->w, element->query);
  if (r->w->protocol == EK_PROTOCOL_EC2) return;
  if (!(ref->flags & EK_REF_FLATTENED)) {
    (void)push_part(r, *name != '\0' ? name : "member");
  } else if (*name != '\0') {
    while (r->path->len > 0 && r->path->data[r->path->len - 1] != '.') r->path->len--;
    ek_buf_puts(r->path, name);
  }
}

static bool read_list(struct reader *r, const struct ek_model_ref *ref) {
  lua_State *L = r->w->L;
  int top = lua_gettop(L);
  const struct ek_model_ref *element = ek_aws_ref(r->w, ek_aws_shape(r->w, ref), 0);
  const struct ek_aws_field *whole = here(r);
  lua_newtable(L);
  lua_pushvalue(L, r->w->array_mt);
  lua_setmetatable(L, -2);
  lua_pushlstring(L, r->path->data, r->path->len); /* to restore it */
  size_t count, len;
  enter_list(r, ref);
  const uint64_t *numbers = push_numbers(r, &count);
  lua_Integer length = 0;
  for (size_t i = 0; i < count; i++) {
    size_t before = push_number(r, numbers[i]);
    if (read_value(r, element)) lua_rawseti(L, top + 1, ++length);
    r->path->len = before;
  }
  const char *path = lua_tolstring(L, top + 2, &len);
  r->path->len = 0;
  ek_buf_append(r->path, path, len);
  bool found = count > 0 || (whole != NULL && whole->value_len == 0);
  lua_settop(L, found ? top + 1 : top);
  return found;
}

static bool read_map(struct reader *r, const struct ek_model_ref *ref) {
  lua_State *L = r->w->L;
  int top = lua_gettop(L);
  const struct ek_model_shape *shape = ek_aws_shape(r->w, ref);
  size_t count, path = r->path->len;
  lua_newtable(L);
  if (!(ref->flags & EK_REF_FLATTENED)) (void)push_part(r, "entry");
  const uint64_t *numbers = push_numbers(r, &count);
  for (size_t i = 0; i < count; i++) {
    size_t entry = push_number(r, numbers[i]);
    bool whole = true;
    for (uint32_t part = 0; part < 2 && whole; part++) {
      const struct ek_model_ref *of = ek_aws_ref(r->w, shape, part);
      size_t before = push_part(r, ek_aws_string(r->w, of->query));
      whole = read_value(r, of);
      r->path->len = before;
    }
    if (whole) lua_rawset(L, top + 1);
    lua_settop(L, top + 2);
    r->path->len = entry;
  }
  r->path->len = path;
  lua_settop(L, count > 0 ? top + 1 : top);
  return count > 0;
}

/* Pushes the value at the path and returns true; false: there is none. */
static bool read_value(struct reader *r, const struct ek_model_ref *ref) {
  const struct ek_model_shape *shape = ek_aws_shape(r->w, ref);
  if (shape->type > EK_TYPE_MAP) {
    const struct ek_aws_field *field = here(r);
    if (field != NULL) ek_aws_read_scalar(r->w, ref, field->value, field->value_len);
    return field != NULL;
  }
  luaL_checkstack(r->w->L, 12, "parameters nested too deeply");
  if (++r->depth > EK_AWS_DEPTH_MAX) (void)ek_aws_invalid(r->w, "parameters nested too deeply");
  bool found = shape->type == EK_TYPE_STRUCTURE ? read_structure(r, shape)
               : shape->type == EK_TYPE_LIST    ? read_list(r, ref)
                                                : read_map(r, ref);
  r->depth--;
  return found;
}

void ek_aws_read_form(const struct ek_aws_walk *w, const struct ek_model_ref *ref,
                      const struct ek_aws_form *form) {
  struct reader r = {.w = w, .form = form, .path = ek_lbuf_new(w->L)};
  int buffer = lua_gettop(w->L);
  ek_buf_reserve(r.path, 1); /* so that it has bytes, if none */
  (void)read_structure(&r, ek_aws_shape(w, ref));
  if (r.path->failed) luaL_error(w->L, "not enough memory");
  ek_buf_fini(r.path);
  lua_remove(w->L, buffer);
}

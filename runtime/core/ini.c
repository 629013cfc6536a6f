/* The reader of AWS config and credentials files. */
#include "core/ini.h"

struct span {
  const char *s;
  size_t n;
};

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct span trim(struct span s) {
  while (s.n > 0 && is_space(s.s[0])) s.s++, s.n--;
  while (s.n > 0 && is_space(s.s[s.n - 1])) s.n--;
  return s;
}

void ek_ini_reader_init(struct ek_ini_reader *r, const char *text, size_t len) {
  memset(r, 0, sizeof *r);
  if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, len -= 3;
  r->at = text;
  r->end = text + len;
}

void ek_ini_reader_fini(struct ek_ini_reader *r) {
  ek_buf_wipe(&r->value_buf);
  ek_buf_fini(&r->value_buf);
  ek_buf_wipe(&r->key_buf);
  ek_buf_fini(&r->key_buf);
}

static enum ek_ini_type fail(struct ek_ini_reader *r, int code, const char *message) {
  r->failed = true;
  ek_error_set(&r->error, code, "%s", message);
  return EK_INI_ERROR;
}

/* The line at r->at, without its end. */
static struct span peek_line(const struct ek_ini_reader *r) {
  const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
  return (struct span){r->at, (size_t)((end == NULL ? r->end : end) - r->at)};
}

static void pass_line(struct ek_ini_reader *r, struct span line) {
  r->at = line.s + line.n;
  if (r->at < r->end) r->at++;
  r->next_line++;
}

/* Passes blank lines and comments; false at the end. */
static bool find_line(struct ek_ini_reader *r, struct span *line) {
  while (r->at < r->end) {
    *line = peek_line(r);
    struct span text = trim(*line);
    if (text.n > 0 && text.s[0] != '#' && text.s[0] != ';') return true;
    pass_line(r, *line);
  }
  return false;
}

/* What stands before a comment: '#' or ';' behind a space. */
static struct span cut_comment(struct span s) {
  for (size_t i = 1; i < s.n; i++) {
    if ((s.s[i] == '#' || s.s[i] == ';') && is_space(s.s[i - 1])) s.n = i;
  }
  return s;
}

static bool is_name(struct span s) {
  for (size_t i = 0; i < s.n; i++) {
    char c = s.s[i];
    bool right = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 (c != '\0' && strchr("-/.%@_:+", c) != NULL) || (unsigned char)c >= 0x80;
    if (!right) return false;
  }
  return s.n > 0;
}

/* False: a name that no SDK accepts. */
static bool take_section(struct ek_ini_reader *r, struct span inner) {
  inner = trim(inner);
  size_t n = 0;
  while (n < inner.n && !is_space(inner.s[n])) n++;
  struct span name = trim((struct span){inner.s + n, inner.n - n});
  r->type = inner.s;
  r->type_len = n;
  if (name.n == 0) {
    r->name = NULL;
    r->name_len = 0;
    return is_name((struct span){inner.s, n});
  }
  bool right = is_name(name);
  if (name.n > 2 && (name.s[0] == '"' || name.s[0] == '\'') &&
      memchr(name.s + 1, name.s[0], name.n - 1) == name.s + name.n - 1) {
    name = (struct span){name.s + 1, name.n - 2};
    right = true;
  }
  r->name = name.s;
  r->name_len = name.n;
  return right;
}

/* key = value into key_buf and value_buf. A message: what is wrong. */
static const char *take_property(struct ek_ini_reader *r, struct span line, bool *known) {
  const char *equals = memchr(line.s, '=', line.n);
  if (equals == NULL) return "expected '=' behind a key";
  struct span key = trim((struct span){line.s, (size_t)(equals - line.s)});
  if (key.n == 0) return "expected a key before '='";
  struct span value = {equals + 1, line.n - (size_t)(equals + 1 - line.s)};
  value = trim(cut_comment(value));
  *known = is_name(key);
  ek_buf_clear(&r->key_buf);
  for (size_t i = 0; i < key.n; i++) {
    char c = key.s[i];
    ek_buf_putc(&r->key_buf, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
  }
  ek_buf_clear(&r->value_buf);
  ek_buf_append(&r->value_buf, value.s, value.n);
  return NULL;
}

static enum ek_ini_type give(struct ek_ini_reader *r, enum ek_ini_type type) {
  if (r->key_buf.failed || r->value_buf.failed) return fail(r, EK_ERR_NOMEM, "out of memory");
  r->key = r->key_buf.data;
  r->key_len = r->key_buf.len;
  r->value = r->value_buf.data == NULL ? "" : r->value_buf.data;
  r->value_len = r->value_buf.len;
  return type;
}

/* Indented lines below a value: they belong to it. */
static void take_continuation(struct ek_ini_reader *r) {
  struct span line;
  while (find_line(r, &line) && is_space(line.s[0])) {
    pass_line(r, line);
    struct span more = trim(line);
    ek_buf_putc(&r->value_buf, '\n');
    ek_buf_append(&r->value_buf, more.s, more.n);
  }
}

enum ek_ini_type ek_ini_next(struct ek_ini_reader *r) {
  struct span line;
  if (r->failed) return EK_INI_ERROR;
  while (find_line(r, &line)) {
    pass_line(r, line);
    r->line = r->next_line;
    bool indented = is_space(line.s[0]);
    if (line.s[0] == '[') {
      const char *close = memchr(line.s, ']', line.n);
      if (close == NULL)
        return fail(r, EK_ERR_SYNTAX, "expected ']' at the end of a section's name");
      r->in_section = true;
      r->has_key = false;
      r->skip_section = !take_section(r, (struct span){line.s + 1, (size_t)(close - line.s - 1)});
      if (!r->skip_section) return EK_INI_SECTION;
      continue;
    }
    if (!r->in_section) return fail(r, EK_ERR_SYNTAX, "expected a section, like [default], first");
    if (indented && !r->has_key)
      return fail(r, EK_ERR_SYNTAX, "expected a key, not an indented line");
    bool known = false;
    const char *problem = take_property(r, line, &known);
    if (problem != NULL) return fail(r, EK_ERR_SYNTAX, problem);
    if (indented) {
      if (!r->skip_section && !r->skip_key && known) return give(r, EK_INI_SUBKEY);
      continue;
    }
    r->has_key = true;
    r->skip_key = !known;
    if (r->value_buf.len > 0) take_continuation(r);
    if (!r->skip_section && known) return give(r, EK_INI_KEY);
  }
  return EK_INI_END;
}

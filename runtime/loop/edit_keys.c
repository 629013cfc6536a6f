/* What keys do beyond libedit's own functions: Enter and Tab are the owner's to decide on, the
 * arrows know of blocks of several rows, and a paste goes in as it is. */
#include <stdlib.h>
#include <wchar.h>

#include "loop/edit_inside.h"

#define PASTE_MAX (1024 * 1024) /* characters; what comes behind is dropped */

static unsigned char on_enter(EditLine *el, int key) {
  (void)key;
  ek_edit_owner(el)->decided = EK_EDIT_ENTER;
  return CC_NORM;
}

static unsigned char on_tab(EditLine *el, int key) {
  (void)key;
  ek_edit_owner(el)->decided = EK_EDIT_TAB;
  return CC_NORM;
}

static const wchar_t *row_start(const LineInfoW *line, const wchar_t *at) {
  while (at > line->buffer && at[-1] != L'\n') at--;
  return at;
}

static const wchar_t *row_end(const LineInfoW *line, const wchar_t *at) {
  while (at < line->lastchar && *at != L'\n') at++;
  return at;
}

static unsigned char move_to(EditLine *el, const LineInfoW *line, const wchar_t *at) {
  (void)ek_edit_lib.el_cursor(el, (int)(at - line->cursor));
  return CC_CURSOR;
}

/* Within a block of rows the arrows go from row to row; at its edges, through the history. */
static unsigned char from_history(EditLine *el, const wchar_t *key) {
  ek_edit_owner(el)->again = true;
  ek_edit_lib.el_wpush(el, key);
  return CC_NORM;
}

static unsigned char on_up(EditLine *el, int key) {
  const LineInfoW *line = ek_edit_lib.el_wline(el);
  const wchar_t *start = row_start(line, line->cursor);
  (void)key;
  if (start == line->buffer) return from_history(el, L"\020");
  const wchar_t *end = start - 1, *above = row_start(line, end);
  ptrdiff_t column = line->cursor - start;
  return move_to(el, line, column < end - above ? above + column : end);
}

static unsigned char on_down(EditLine *el, int key) {
  const LineInfoW *line = ek_edit_lib.el_wline(el);
  const wchar_t *end = row_end(line, line->cursor);
  (void)key;
  if (end == line->lastchar) return from_history(el, L"\016");
  ptrdiff_t column = line->cursor - row_start(line, line->cursor);
  const wchar_t *below = end + 1, *last = row_end(line, below);
  return move_to(el, line, column < last - below ? below + column : last);
}

static unsigned char on_home(EditLine *el, int key) {
  const LineInfoW *line = ek_edit_lib.el_wline(el);
  (void)key;
  return move_to(el, line, row_start(line, line->cursor));
}

static unsigned char on_end(EditLine *el, int key) {
  const LineInfoW *line = ek_edit_lib.el_wline(el);
  (void)key;
  return move_to(el, line, row_end(line, line->cursor));
}

/* A bracketed paste: goes in as it is, newlines and tabs with it; no other control does. */
static unsigned char on_paste(EditLine *el, int key) {
  static const wchar_t end[] = L"\33[201~";
  const size_t end_len = sizeof end / sizeof *end - 1;
  size_t len = 0, cap = 1024, matched = 0;
  wchar_t *text = malloc(cap * sizeof *text), c, last = 0;
  (void)key;
  if (text == NULL) return CC_ERROR;
  while (matched < end_len && ek_edit_lib.el_wgetc(el, &c) == 1) {
    matched = c == end[matched] ? matched + 1 : c == end[0] ? 1 : 0;
    bool newline = c == L'\r' || (c == L'\n' && last != L'\r');
    last = c;
    if (newline) c = L'\n';
    if (matched > 0 || (c < L' ' && c != L'\t' && !newline) || c == 0x7f || len >= PASTE_MAX)
      continue;
    if (len + 1 >= cap) {
      wchar_t *more = realloc(text, 2 * cap * sizeof *text);
      if (more == NULL) continue;
      text = more;
      cap *= 2;
    }
    text[len++] = c;
  }
  text[len] = L'\0';
  (void)ek_edit_lib.el_winsertstr(el, text);
  free(text);
  return CC_REFRESH;
}

/* A user's ~/.editrc may choose vi's keys; these hold in its insertion mode, too. */
void ek_edit_bind(EditLine *el) {
  static const struct {
    const char *name;
    unsigned char (*fn)(EditLine *, int);
    const char *keys[5];
  } functions[] = {
      {"eksrun-enter", on_enter, {"^M", "^J"}},
      {"eksrun-complete", on_tab, {"^I"}},
      {"eksrun-paste", on_paste, {"\\e[200~"}},
      {"eksrun-up", on_up, {"\\e[A", "\\eOA"}},
      {"eksrun-down", on_down, {"\\e[B", "\\eOB"}},
      {"eksrun-home", on_home, {"^A", "\\e[H", "\\eOH", "\\e[1~"}},
      {"eksrun-end", on_end, {"^E", "\\e[F", "\\eOF", "\\e[4~"}},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    (void)ek_edit_lib.el_set(el, EL_ADDFN, functions[i].name, "of eksrun", functions[i].fn);
    for (const char *const *key = functions[i].keys; *key != NULL; key++)
      (void)ek_edit_lib.el_set(el, EL_BIND, *key, functions[i].name, NULL);
  }
  /* vi's command mode: Enter only. */
  (void)ek_edit_lib.el_set(el, EL_BIND, "-a", "^M", "eksrun-enter", NULL);
  (void)ek_edit_lib.el_set(el, EL_BIND, "-a", "^J", "eksrun-enter", NULL);
  (void)ek_edit_lib.el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

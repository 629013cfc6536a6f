/* Keys: how they are read, and what they do beyond libedit's own functions. Enter and Tab are the
 * owner's to decide on, the arrows know of blocks of several rows, and a paste goes in as it is. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "loop/edit_inside.h"

#define PASTE_MAX   (1024 * 1024) /* characters; what comes behind is dropped */
#define PASTE_KEY   L'\x9e'       /* what begins a paste is one key: nobody types this one */
#define SEQUENCE_MS 20            /* within which the bytes of a key follow each other */

/* ---- reading */

/* The next byte: 1, 0 at the end, -1 with errno. timeout: ms, -1 for ever. */
static int take(struct ek_edit *edit, char *byte, int timeout) {
  if (edit->kept_len > 0) {
    *byte = edit->kept[0];
    memmove(edit->kept, edit->kept + 1, --edit->kept_len);
    return 1;
  }
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  int ready = poll(&in, 1, timeout);
  if (ready < 0) {
    edit->disturbed = true; /* by a signal, which is the loop's to handle */
    return -1;
  }
  if (ready == 0) {
    errno = EAGAIN;
    return -1;
  }
  return (int)read(STDIN_FILENO, byte, 1);
}

/* Behind an escape: whether a bracketed paste begins. If not, what was read is kept. */
static bool begins_paste(struct ek_edit *edit) {
  static const char rest[] = "[200~";
  const size_t len = sizeof rest - 1;
  char got[sizeof rest];
  size_t n = 0;
  bool same = true;
  while (same && n < len && take(edit, &got[n], SEQUENCE_MS) == 1) {
    same = got[n] == rest[n];
    n++;
  }
  if (same && n == len) return true;
  memmove(edit->kept + n, edit->kept, edit->kept_len);
  memcpy(edit->kept, got, n);
  edit->kept_len += n;
  return false;
}

/* How libedit reads a character. Waits for it unless there is a hurry; a signal ends the waiting.
 */
static int read_char(EditLine *el, wchar_t *out) {
  struct ek_edit *edit = ek_edit_owner(el);
  char bytes[MB_LEN_MAX];
  size_t len = 0;
  for (;;) {
    int n = take(edit, &bytes[len], edit->hurried ? 0 : -1);
    if (n != 1) return n;
    mbstate_t state = {0};
    size_t used = mbrtowc(out, bytes, ++len, &state);
    if (used == (size_t)-2 && len < sizeof bytes) continue;
    if (used != (size_t)-1 && used != (size_t)-2) break;
    len = 0; /* no character: dropped */
  }
  if (*out == L'\33' && begins_paste(edit)) {
    edit->pasting = true;
    *out = PASTE_KEY;
  }
  return 1;
}

/* ---- functions */

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
  bool pasting = ek_edit_owner(el)->pasting;
  ek_edit_owner(el)->pasting = false;
  if (text == NULL || !pasting) {
    free(text);
    return CC_ERROR;
  }
  ek_edit_owner(el)->hurried = false;
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

static void bind_key(EditLine *el, const char *key, const char *function) {
  (void)ek_edit_lib.el_set(el, EL_BIND, key, function, NULL);
}

static void bind_in_command_mode(EditLine *el, const char *key, const char *function) {
  (void)ek_edit_lib.el_set(el, EL_BIND, "-a", key, function, NULL);
}

void ek_edit_bind(EditLine *el) {
  static const struct {
    const char *name;
    const wchar_t *wide;
    unsigned char (*fn)(EditLine *, int);
    const char *keys[3], *sequences[4]; /* the latter behind an escape */
  } functions[] = {
      {"eksrun-enter", L"eksrun-enter", on_enter, {"^M", "^J"}, {NULL}},
      {"eksrun-complete", L"eksrun-complete", on_tab, {"^I"}, {NULL}},
      {"eksrun-paste", L"eksrun-paste", on_paste, {"\\236"}, {NULL}},
      {"eksrun-up", L"eksrun-up", on_up, {NULL}, {"[A", "OA"}},
      {"eksrun-down", L"eksrun-down", on_down, {NULL}, {"[B", "OB"}},
      {"eksrun-home", L"eksrun-home", on_home, {"^A"}, {"[H", "OH", "[1~"}},
      {"eksrun-end", L"eksrun-end", on_end, {"^E"}, {"[F", "OF", "[4~"}},
  };
  const char *mode = NULL;
  bool vi =
      ek_edit_lib.el_get(el, EL_EDITOR, &mode) == 0 && mode != NULL && strcmp(mode, "vi") == 0;
  (void)ek_edit_lib.el_set(el, EL_GETCFN, read_char);
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    const char *name = functions[i].name;
    /* Not by el_set, whose copies of the names are nobody's to free. */
    (void)ek_edit_lib.el_wset(el, EL_ADDFN, functions[i].wide, L"of eksrun", functions[i].fn);
    for (const char *const *key = functions[i].keys; *key != NULL; key++) {
      bind_key(el, *key, name);
      if (vi) bind_in_command_mode(el, *key, name);
    }
    for (const char *const *key = functions[i].sequences; *key != NULL; key++) {
      char sequence[8];
      (void)snprintf(sequence, sizeof sequence, "\\e%s", *key);
      if (vi) /* an escape is a key of its own there: it goes to the command mode first */
        bind_in_command_mode(el, *key, name);
      else
        bind_key(el, sequence, name);
    }
  }
  bind_key(el, "^R", "em-inc-search-prev");
}

/* Line editing on the event loop, by libedit in its unbuffered mode. The library is loaded by the
 * first editor: it and the three below it are four of the ten that every command would load.
 *
 * libedit draws the line and knows where on the screen it did, but does not tell; to write above
 * the line, or to draw it anew after a resize, its place is worked out here, by libedit's rules. */
#include "loop/edit.h"

#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "loop/edit_inside.h"

#define HISTORY_MAX 2000
#define END_MARK    ('d' & 0x1f)
#define HANDLES     3 /* of libuv, in an editor */

struct ek_edit_lib ek_edit_lib;

/* Debian's name of it, then that of the others. Never unloaded. */
static int load(struct ek_error *e) {
  if (ek_edit_lib.history_init != NULL) return 0; /* the last of the table */
  void *library = dlopen("libedit.so.2", RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) library = dlopen("libedit.so.0", RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) return ek_error_set(e, EK_ERR_IO, "cannot load libedit: %s", dlerror());
#define LOOK_UP(name)                                  \
  *(void **)&ek_edit_lib.name = dlsym(library, #name); \
  if (ek_edit_lib.name == NULL)                        \
    return ek_error_set(e, EK_ERR_IO, "libedit is too old: it has no " #name);
  EK_EDIT_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  return 0;
}

struct ek_edit *ek_edit_owner(EditLine *el) {
  struct ek_edit *edit = NULL;
  (void)ek_edit_lib.el_get(el, EL_CLIENTDATA, &edit);
  return edit;
}

static char *prompt_of(EditLine *el) {
  return ek_edit_owner(el)->prompt;
}

/* ---- where the line is on the screen */

struct place {
  int row, column;
};

/* Where the next character goes, as libedit lays it out: tabs to the next eighth column, a control
 * as two characters, a wide character never across the edge. */
static void advance(struct place *at, wchar_t c, int columns) {
  if (c == L'\n') {
    *at = (struct place){at->row + 1, 0};
    return;
  }
  int width = c == L'\t' ? 8 - at->column % 8 : wcwidth(c);
  if (width < 0) width = 2;
  if (c != L'\t' && at->column + width > columns) *at = (struct place){at->row + 1, 0};
  at->column += width;
  if (at->column >= columns) *at = (struct place){at->row + 1, 0};
}

/* Rows from the prompt's to the cursor's, or to the last one of the line. */
static int rows_to(struct ek_edit *edit, bool end, int columns) {
  struct place at = {0, 0};
  mbstate_t state = {0};
  const char *p = edit->prompt;
  size_t left = strlen(p), n;
  wchar_t c;
  if (columns <= 0) columns = 80;
  for (; left > 0; p += n, left -= n) {
    n = mbrtowc(&c, p, left, &state);
    if (n == 0 || n > left) break;
    advance(&at, c, columns);
  }
  const LineInfoW *line = ek_edit_lib.el_wline(edit->el);
  const wchar_t *until = end ? line->lastchar : line->cursor;
  for (const wchar_t *w = line->buffer; w < until; w++) advance(&at, *w, columns);
  /* What does not fit scrolls. */
  return at.row < edit->rows || edit->rows == 0 ? at.row : edit->rows - 1;
}

static void measure(struct ek_edit *edit) {
  struct winsize size = {0};
  (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  edit->columns = size.ws_col;
  edit->rows = size.ws_row;
}

/* The cursor goes to where the prompt began, and what was drawn from there on goes. */
static void erase(struct ek_edit *edit, int rows) {
  if (!edit->ansi) {
    (void)fputs("\r\n", stdout);
    return;
  }
  if (rows > 0) (void)fprintf(stdout, "\33[%dA", rows);
  (void)fputs("\r\33[J", stdout);
}

static void draw(struct ek_edit *edit) {
  measure(edit);
  (void)ek_edit_lib.el_set(edit->el, EL_REFRESH);
  (void)fflush(stdout);
}

/* ---- events */

static void begin_raw(struct ek_edit *edit) {
  if (edit->ansi) (void)fputs("\33[?2004h", stdout); /* pastes are told apart from typing */
  (void)fflush(stdout);
}

static void end_raw(struct ek_edit *edit) {
  if (edit->ansi) (void)fputs("\33[?2004l", stdout);
  (void)fflush(stdout);
}

static void close_line(struct ek_edit *edit) {
  edit->open = false;
  (void)uv_poll_stop(&edit->poll);
  (void)uv_signal_stop(&edit->resized);
  (void)uv_signal_stop(&edit->stopped);
  end_raw(edit);
  (void)ek_edit_lib.el_set(edit->el, EL_UNBUFFERED, 0);
}

static void tell(struct ek_edit *edit, enum ek_edit_event event) {
  (void)uv_poll_stop(&edit->poll);
  edit->fn(edit->data, event);
}

static bool is_gone(void) {
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&in, 1, 0) > 0 && (in.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

/* libedit writes the end of its input into the line; a signal is no end. */
static void drop_end_mark(struct ek_edit *edit, const char *text, int count) {
  if (text == NULL || count <= 0 || text[count - 1] != END_MARK) return;
  (void)ek_edit_lib.el_cursor(edit->el, count);
  ek_edit_lib.el_deletestr(edit->el, 1);
  draw(edit);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  struct ek_edit *edit = poll->data;
  bool ended = status < 0;
  (void)events;
  edit->decided = -1;
  edit->disturbed = false;
  /* A key may leave more to do than there is to read: a search that another key ended, bytes read
   * ahead. So libedit is asked once more than there are keys. */
  for (edit->hurried = false; !ended && edit->decided < 0; edit->hurried = true) {
    int count = 0;
    errno = 0;
    const char *text = ek_edit_lib.el_gets(edit->el, &count);
    if (edit->hurried && errno == EAGAIN) break;
    if (edit->disturbed) {
      drop_end_mark(edit, text, count);
      break;
    }
    /* NULL is an empty line, too; errno tells a failure, and the terminal that it is gone. */
    if (text == NULL || count <= 0)
      ended = (errno != 0 && errno != EAGAIN && errno != EINTR) || is_gone();
    else
      ended = count == 1 && text[0] == END_MARK;
  }
  if (ended) {
    close_line(edit);
    tell(edit, EK_EDIT_EOF);
  } else if (edit->decided >= 0) {
    tell(edit, (enum ek_edit_event)edit->decided);
  }
}

/* Terminals that wrap lines anew put the prompt elsewhere than those that cut them: what is surely
 * the line's goes, a row of the old one may stay. */
static void on_resized(uv_signal_t *handle, int number) {
  struct ek_edit *edit = handle->data;
  int before = rows_to(edit, false, edit->columns);
  (void)number;
  measure(edit);
  int now = rows_to(edit, false, edit->columns);
  erase(edit, now < before ? now : before);
  (void)fflush(stdout);
  ek_edit_lib.el_resize(edit->el);
  draw(edit);
}

/* Ctrl-Z: the shell gets its terminal as it was; back in the foreground the line is drawn anew. */
static void on_stopped(uv_signal_t *handle, int number) {
  struct ek_edit *edit = handle->data;
  (void)number;
  end_raw(edit);
  (void)ek_edit_lib.el_set(edit->el, EL_PREP_TERM, 0);
  (void)raise(SIGSTOP);
  (void)ek_edit_lib.el_set(edit->el, EL_PREP_TERM, 1);
  begin_raw(edit);
  (void)fputs("\r", stdout);
  draw(edit);
}

/* ---- the editor */

static void on_closed(uv_handle_t *handle) {
  struct ek_edit *edit = handle->data;
  if (--edit->handles == 0) free(edit);
}

static void close_handles(struct ek_edit *edit) {
  edit->handles = HANDLES;
  uv_close((uv_handle_t *)&edit->poll, on_closed);
  uv_close((uv_handle_t *)&edit->resized, on_closed);
  uv_close((uv_handle_t *)&edit->stopped, on_closed);
}

int ek_edit_new(struct ek_edit **out, struct ek_loop *loop, const char *name, const char *mode,
                struct ek_error *e) {
  *out = NULL;
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
    return ek_error_set(e, EK_ERR_INVALID, "line editing needs a terminal");
  int rc = load(e);
  if (rc != 0) return rc;
  struct ek_edit *edit = calloc(1, sizeof *edit);
  if (edit == NULL) return ek_error_set(e, EK_ERR_NOMEM, "out of memory");

  /* Characters of more than one byte; numbers and sorting stay as in the C locale. */
  if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) (void)setlocale(LC_CTYPE, "");

  HistEvent event;
  edit->history = ek_edit_lib.history_init();
  edit->el = ek_edit_lib.el_init(name, stdin, stdout, stderr);
  if (edit->history == NULL || edit->el == NULL ||
      uv_poll_init(&loop->uv, &edit->poll, STDIN_FILENO) != 0) {
    if (edit->el != NULL) ek_edit_lib.el_end(edit->el);
    if (edit->history != NULL) ek_edit_lib.history_end(edit->history);
    free(edit);
    return ek_error_set(e, EK_ERR_INTERNAL, "line editing: cannot use this terminal");
  }
  (void)uv_signal_init(&loop->uv, &edit->resized); /* fails without memory only */
  (void)uv_signal_init(&loop->uv, &edit->stopped);
  edit->poll.data = edit->resized.data = edit->stopped.data = edit;
  const char *terminal = getenv("TERM");
  edit->ansi = terminal != NULL && terminal[0] != '\0' && strcmp(terminal, "dumb") != 0;
  (void)ek_edit_lib.history(edit->history, &event, H_SETSIZE, HISTORY_MAX);
  (void)ek_edit_lib.history(edit->history, &event, H_SETUNIQUE, 1);
  (void)ek_edit_lib.el_set(edit->el, EL_CLIENTDATA, edit);
  (void)ek_edit_lib.el_set(edit->el, EL_PROMPT, prompt_of);
  (void)ek_edit_lib.el_set(edit->el, EL_EDITOR, mode);
  (void)ek_edit_lib.el_set(edit->el, EL_HIST, ek_edit_lib.history, edit->history);
  (void)ek_edit_lib.el_source(edit->el, NULL);
  ek_edit_bind(edit->el);
  *out = edit;
  return 0;
}

void ek_edit_free(struct ek_edit *edit) {
  if (edit == NULL) return;
  if (edit->open) close_line(edit);
  ek_edit_lib.el_end(edit->el);
  ek_edit_lib.history_end(edit->history);
  close_handles(edit);
}

int ek_edit_start(struct ek_edit *edit, ek_edit_fn *fn, void *data, struct ek_error *e) {
  edit->fn = fn;
  edit->data = data;
  int rc = uv_poll_start(&edit->poll, UV_READABLE, on_readable);
  if (rc != 0) return ek_error_set(e, EK_ERR_IO, "terminal: %s", uv_strerror(rc));
  if (edit->open) return 0;
  edit->open = true;
  (void)uv_signal_start(&edit->resized, on_resized, SIGWINCH);
  (void)uv_signal_start(&edit->stopped, on_stopped, SIGTSTP);
  begin_raw(edit);
  measure(edit);
  ek_edit_lib.el_resize(edit->el);
  (void)ek_edit_lib.el_set(edit->el, EL_UNBUFFERED, 1);
  return 0;
}

void ek_edit_stop(struct ek_edit *edit) {
  if (!edit->open) return;
  int below = rows_to(edit, true, edit->columns) - rows_to(edit, false, edit->columns);
  for (int i = 0; i <= below; i++) (void)fputs("\r\n", stdout);
  close_line(edit);
}

void ek_edit_prompt(struct ek_edit *edit, const char *prompt) {
  if (strcmp(prompt, edit->prompt) == 0) return;
  if (edit->open) erase(edit, rows_to(edit, false, edit->columns));
  (void)snprintf(edit->prompt, sizeof edit->prompt, "%s", prompt);
  if (edit->open) draw(edit);
}

const char *ek_edit_text(struct ek_edit *edit, size_t *len, size_t *cursor) {
  if (!edit->open) return NULL;
  const LineInfo *line = ek_edit_lib.el_line(edit->el);
  *len = (size_t)(line->lastchar - line->buffer);
  *cursor = (size_t)(line->cursor - line->buffer);
  return line->buffer;
}

void ek_edit_insert(struct ek_edit *edit, const char *text, int drop) {
  if (!edit->open) return;
  erase(edit, rows_to(edit, false, edit->columns));
  ek_edit_lib.el_deletestr(edit->el, drop);
  (void)ek_edit_lib.el_insertstr(edit->el, text);
  draw(edit);
}

void ek_edit_above(struct ek_edit *edit, const char *text, size_t len) {
  if (edit->open) erase(edit, rows_to(edit, false, edit->columns));
  (void)fwrite(text, 1, len, stdout);
  if (edit->open)
    draw(edit);
  else
    (void)fflush(stdout);
}

void ek_edit_remember(struct ek_edit *edit, const char *entry) {
  HistEvent event;
  (void)ek_edit_lib.history(edit->history, &event, H_ENTER, entry);
}

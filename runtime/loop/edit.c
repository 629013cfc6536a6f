/* Line editing on the event loop, by libedit in its unbuffered mode. */
#include "loop/edit.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdbool.h>
#include <unistd.h>

#define HISTORY_MAX 2000

struct ek_edit {
  EditLine *el;
  History *history;
  uv_poll_t poll; /* stdin while a line is open */
  bool open;      /* a line is being edited */
  char prompt[128];
  ek_edit_fn *fn;
  void *data;
};

static char *prompt_of(EditLine *el) {
  struct ek_edit *edit = NULL;
  (void)el_get(el, EL_CLIENTDATA, &edit);
  return edit->prompt;
}

static void close_line(struct ek_edit *edit) {
  edit->open = false;
  (void)uv_poll_stop(&edit->poll);
  (void)el_set(edit->el, EL_UNBUFFERED, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  struct ek_edit *edit = poll->data;
  (void)events;
  if (status < 0) {
    close_line(edit);
    edit->fn(edit->data, EK_EDIT_EOF, "", 0);
    return;
  }
  int count = 0;
  errno = 0;
  const char *text = el_gets(edit->el, &count);
  if (text == NULL || count <= 0) {
    /* An empty line after an edit also comes as NULL; only -1 means that stdin has ended. */
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
      close_line(edit);
      edit->fn(edit->data, EK_EDIT_EOF, "", 0);
    }
    return;
  }
  size_t len = (size_t)count;
  char last = text[len - 1];
  if (last == '\n' || last == '\r') {
    close_line(edit);
    edit->fn(edit->data, EK_EDIT_LINE, text, len - 1);
  } else if (len == 1 && text[0] == ('d' & 0x1f)) {
    close_line(edit);
    edit->fn(edit->data, EK_EDIT_EOF, "", 0);
  }
}

int ek_edit_new(struct ek_edit **out, struct ek_loop *loop, const char *name, struct ek_error *e) {
  *out = NULL;
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
    return ek_error_set(e, EK_ERR_INVALID, "line editing needs a terminal");
  struct ek_edit *edit = calloc(1, sizeof *edit);
  if (edit == NULL) return ek_error_set(e, EK_ERR_NOMEM, "out of memory");

  /* Characters of more than one byte; numbers and sorting stay as in the C locale. */
  if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) (void)setlocale(LC_CTYPE, "");

  HistEvent event;
  edit->history = history_init();
  edit->el = el_init(name, stdin, stdout, stderr);
  if (edit->history == NULL || edit->el == NULL ||
      uv_poll_init(&loop->uv, &edit->poll, STDIN_FILENO) != 0) {
    if (edit->el != NULL) el_end(edit->el);
    if (edit->history != NULL) history_end(edit->history);
    free(edit);
    return ek_error_set(e, EK_ERR_INTERNAL, "line editing: cannot use this terminal");
  }
  edit->poll.data = edit;
  (void)history(edit->history, &event, H_SETSIZE, HISTORY_MAX);
  (void)history(edit->history, &event, H_SETUNIQUE, 1);
  (void)el_set(edit->el, EL_CLIENTDATA, edit);
  (void)el_set(edit->el, EL_PROMPT, prompt_of);
  (void)el_set(edit->el, EL_EDITOR, "emacs");
  (void)el_set(edit->el, EL_HIST, history, edit->history);
  (void)el_set(edit->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
  (void)el_source(edit->el, NULL);
  *out = edit;
  return 0;
}

static void on_closed(uv_handle_t *handle) {
  free(handle->data);
}

void ek_edit_free(struct ek_edit *edit) {
  if (edit == NULL) return;
  if (edit->open) close_line(edit);
  el_end(edit->el);
  history_end(edit->history);
  uv_close((uv_handle_t *)&edit->poll, on_closed);
}

int ek_edit_start(struct ek_edit *edit, const char *prompt, ek_edit_fn *fn, void *data,
                  struct ek_error *e) {
  if (edit->open) return ek_error_set(e, EK_ERR_INVALID, "a line is being edited already");
  (void)snprintf(edit->prompt, sizeof edit->prompt, "%s", prompt);
  edit->fn = fn;
  edit->data = data;
  int rc = uv_poll_start(&edit->poll, UV_READABLE, on_readable);
  if (rc != 0) return ek_error_set(e, EK_ERR_IO, "terminal: %s", uv_strerror(rc));
  edit->open = true;
  el_resize(edit->el);
  (void)el_set(edit->el, EL_UNBUFFERED, 1);
  return 0;
}

void ek_edit_stop(struct ek_edit *edit) {
  if (!edit->open) return;
  close_line(edit);
  (void)fputc('\n', stdout);
  (void)fflush(stdout);
}

void ek_edit_remember(struct ek_edit *edit, const char *entry) {
  HistEvent event;
  (void)history(edit->history, &event, H_ENTER, entry);
}

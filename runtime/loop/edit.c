/* Line editing on the event loop, by libedit in its unbuffered mode. The library is loaded by the
 * first editor: it and the three below it are four of the ten that every command would load. */
#include "loop/edit.h"

#include <dlfcn.h>
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdbool.h>
#include <unistd.h>

#define HISTORY_MAX 2000

#define FUNCTIONS(X) \
  X(el_end)          \
  X(el_get)          \
  X(el_gets)         \
  X(el_init)         \
  X(el_resize)       \
  X(el_set)          \
  X(el_source)       \
  X(history)         \
  X(history_end)     \
  X(history_init)

/* libedit's functions: lib.el_init() is el_init(). All NULL until `load` has succeeded. */
static struct {
#define MEMBER(name) __typeof__(name) *(name);
  FUNCTIONS(MEMBER)
#undef MEMBER
} lib;

struct ek_edit {
  EditLine *el;
  History *history;
  uv_poll_t poll; /* stdin while a line is open */
  bool open;      /* a line is being edited */
  char prompt[128];
  ek_edit_fn *fn;
  void *data;
};

/* Debian's name of it, then that of the others. Never unloaded. */
static int load(struct ek_error *e) {
  if (lib.history_init != NULL) return 0; /* the last of the table */
  void *library = dlopen("libedit.so.2", RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) library = dlopen("libedit.so.0", RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) return ek_error_set(e, EK_ERR_IO, "cannot load libedit: %s", dlerror());
#define LOOK_UP(name)                          \
  *(void **)&lib.name = dlsym(library, #name); \
  if (lib.name == NULL) return ek_error_set(e, EK_ERR_IO, "libedit is too old: it has no " #name);
  FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  return 0;
}

static char *prompt_of(EditLine *el) {
  struct ek_edit *edit = NULL;
  (void)lib.el_get(el, EL_CLIENTDATA, &edit);
  return edit->prompt;
}

static void close_line(struct ek_edit *edit) {
  edit->open = false;
  (void)uv_poll_stop(&edit->poll);
  (void)lib.el_set(edit->el, EL_UNBUFFERED, 0);
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
  const char *text = lib.el_gets(edit->el, &count);
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
  int rc = load(e);
  if (rc != 0) return rc;
  struct ek_edit *edit = calloc(1, sizeof *edit);
  if (edit == NULL) return ek_error_set(e, EK_ERR_NOMEM, "out of memory");

  /* Characters of more than one byte; numbers and sorting stay as in the C locale. */
  if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) (void)setlocale(LC_CTYPE, "");

  HistEvent event;
  edit->history = lib.history_init();
  edit->el = lib.el_init(name, stdin, stdout, stderr);
  if (edit->history == NULL || edit->el == NULL ||
      uv_poll_init(&loop->uv, &edit->poll, STDIN_FILENO) != 0) {
    if (edit->el != NULL) lib.el_end(edit->el);
    if (edit->history != NULL) lib.history_end(edit->history);
    free(edit);
    return ek_error_set(e, EK_ERR_INTERNAL, "line editing: cannot use this terminal");
  }
  edit->poll.data = edit;
  (void)lib.history(edit->history, &event, H_SETSIZE, HISTORY_MAX);
  (void)lib.history(edit->history, &event, H_SETUNIQUE, 1);
  (void)lib.el_set(edit->el, EL_CLIENTDATA, edit);
  (void)lib.el_set(edit->el, EL_PROMPT, prompt_of);
  (void)lib.el_set(edit->el, EL_EDITOR, "emacs");
  (void)lib.el_set(edit->el, EL_HIST, lib.history, edit->history);
  (void)lib.el_set(edit->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
  (void)lib.el_source(edit->el, NULL);
  *out = edit;
  return 0;
}

static void on_closed(uv_handle_t *handle) {
  free(handle->data);
}

void ek_edit_free(struct ek_edit *edit) {
  if (edit == NULL) return;
  if (edit->open) close_line(edit);
  lib.el_end(edit->el);
  lib.history_end(edit->history);
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
  lib.el_resize(edit->el);
  (void)lib.el_set(edit->el, EL_UNBUFFERED, 1);
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
  (void)lib.history(edit->history, &event, H_ENTER, entry);
}

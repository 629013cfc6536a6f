/* A line of input from the terminal, edited, while the event loop goes on.
 *
 * The one place that knows libedit (its native interface: the readline imitation never calls its
 * redisplay hook). Between ek_edit_start and the event the terminal is raw and each key is handled
 * as the loop finds it; outside it is as the shell left it. No Lua. */
#ifndef EK_LOOP_EDIT_H
#define EK_LOOP_EDIT_H

#include <stddef.h>

#include "core/error.h"
#include "loop/loop.h"

struct ek_edit;

enum ek_edit_event {
  EK_EDIT_LINE, /* a line, without its newline */
  EK_EDIT_EOF   /* Ctrl-D on an empty line, or the terminal is gone */
};

/* Called from the loop once per ek_edit_start; the terminal is already restored, and the editor
 * may be started again from here. line is valid during the call. */
typedef void ek_edit_fn(void *data, enum ek_edit_event event, const char *line, size_t len);

/* An editor on stdin and stdout, which must be a terminal. name is how ~/.editrc calls it. */
int ek_edit_new(struct ek_edit **out, struct ek_loop *loop, const char *name, struct ek_error *e);
/* Restores the terminal. May be called at any time outside the callback, also with a line open. */
void ek_edit_free(struct ek_edit *edit);

/* Shows the prompt (printable text in one line) and begins a line. */
int ek_edit_start(struct ek_edit *edit, const char *prompt, ek_edit_fn *fn, void *data,
                  struct ek_error *e);
/* Gives the line up: its text is dropped, the cursor goes to a new line, fn is not called. */
void ek_edit_stop(struct ek_edit *edit);

/* Adds an entry, which may hold newlines, as the newest one of the history. */
void ek_edit_remember(struct ek_edit *edit, const char *entry);

#endif

/* A line of input from the terminal, edited, while the event loop goes on. It may hold newlines.
 *
 * The one place that knows libedit (its native interface: the readline imitation never calls its
 * redisplay hook). While a line is open the terminal is raw; each key is handled as the loop finds
 * it, until one comes that the owner decides on. Outside of a line the terminal is as the shell
 * left it. No Lua. */
#ifndef EK_LOOP_EDIT_H
#define EK_LOOP_EDIT_H

#include <stddef.h>

#include "core/error.h"
#include "loop/loop.h"

struct ek_edit;

enum ek_edit_event {
  EK_EDIT_ENTER, /* Enter, anywhere in the line, which stays open */
  EK_EDIT_TAB,   /* likewise */
  EK_EDIT_EOF    /* Ctrl-D on an empty line, or the terminal is gone; the line is closed */
};

/* Called from the loop once per ek_edit_start, which may be called again from here. */
typedef void ek_edit_fn(void *data, enum ek_edit_event event);

/* An editor on stdin and stdout, which must be a terminal. name is how ~/.editrc calls it; mode is
 * "emacs" or "vi". */
int ek_edit_new(struct ek_edit **out, struct ek_loop *loop, const char *name, const char *mode,
                struct ek_error *e);
/* Restores the terminal. May be called at any time outside the callback, also with a line open. */
void ek_edit_free(struct ek_edit *edit);

/* Waits for the next event of the open line, or begins one. */
int ek_edit_start(struct ek_edit *edit, ek_edit_fn *fn, void *data, struct ek_error *e);
/* Closes the line, if one is open: the cursor goes below it, fn is not called. */
void ek_edit_stop(struct ek_edit *edit);

/* Printable text before the line, from now on. */
void ek_edit_prompt(struct ek_edit *edit, const char *prompt);
/* The open line and the place of the cursor in it, in bytes; valid until the editor is used again.
 * NULL if none is open. */
const char *ek_edit_text(struct ek_edit *edit, size_t *len, size_t *cursor);
/* Types text for the user, into the open line, in place of so many characters before the cursor. */
void ek_edit_insert(struct ek_edit *edit, const char *text, int drop);
/* Writes whole lines above the open one, or where the cursor is; text is safe for a terminal. */
void ek_edit_above(struct ek_edit *edit, const char *text, size_t len);

/* Adds an entry, which may hold newlines, as the newest one of the history. */
void ek_edit_remember(struct ek_edit *edit, const char *entry);

#endif

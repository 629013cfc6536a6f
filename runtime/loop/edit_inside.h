/* What the files of the line editor share: libedit's functions, as they were loaded, and the
 * editor. For edit.c and edit_keys.c only. */
#ifndef EK_LOOP_EDIT_INSIDE_H
#define EK_LOOP_EDIT_INSIDE_H

#include <histedit.h>
#include <stdbool.h>

#include "loop/edit.h"

#define EK_EDIT_FUNCTIONS(X) \
  X(el_cursor)               \
  X(el_deletestr)            \
  X(el_end)                  \
  X(el_get)                  \
  X(el_gets)                 \
  X(el_init)                 \
  X(el_insertstr)            \
  X(el_line)                 \
  X(el_resize)               \
  X(el_set)                  \
  X(el_source)               \
  X(el_wgetc)                \
  X(el_winsertstr)           \
  X(el_wline)                \
  X(el_wpush)                \
  X(el_wset)                 \
  X(history)                 \
  X(history_end)             \
  X(history_init)

/* libedit's functions: ek_edit_lib.el_init() is el_init(). All NULL before the first editor. */
extern struct ek_edit_lib {
#define MEMBER(name) __typeof__(name) *(name);
  EK_EDIT_FUNCTIONS(MEMBER)
#undef MEMBER
} ek_edit_lib;

struct ek_edit {
  EditLine *el;
  History *history;
  uv_poll_t poll;               /* stdin while an event is waited for */
  uv_signal_t resized, stopped; /* SIGWINCH, SIGTSTP while a line is open */
  int handles;                  /* those that are not closed yet */
  bool open;                    /* a line is being edited */
  bool ansi;                    /* the terminal knows the escape sequences below */
  bool hurried;                 /* no waiting for keys: only for what libedit has still to do */
  bool disturbed;               /* a signal ended the waiting for a key */
  bool pasting;                 /* a paste has begun */
  char kept[16];                /* bytes read ahead */
  size_t kept_len;
  int decided;                  /* the event that a key stands for, or -1 */
  unsigned short columns, rows; /* of the terminal when the line was last drawn */
  char prompt[256];
  ek_edit_fn *fn;
  void *data;
};

/* The editor that libedit calls back for. */
struct ek_edit *ek_edit_owner(EditLine *el);
/* Gives the keys their functions. */
void ek_edit_bind(EditLine *el);

#endif

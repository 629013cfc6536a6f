/* The Lua side of the program: one state with the standard libraries, the native modules and the
 * embedded standard library of eksrun. */
#ifndef EK_HOST_H
#define EK_HOST_H

#include <lua.h>

#include "loop/loop.h"

/* A new state whose tasks wait for loop, or NULL (said on stderr). stdlib_dir (may be NULL)
 * overrides the embedded files, so that who works on them need not build. */
lua_State *ek_host_new(struct ek_loop *loop, const char *stdlib_dir);
void ek_host_free(lua_State *L);

/* Runs the command line as the main task. Returns the exit status; a failure is on stderr then. */
int ek_host_run(lua_State *L, int argc, char **argv);

#endif

/* The Lua side of the program: one state with the standard libraries, the native modules and the
 * embedded standard library of eksrun. */
#ifndef EK_HOST_H
#define EK_HOST_H

#include <lua.h>

/* A new state, or NULL when memory is short. stdlib_dir (may be NULL) overrides the embedded
 * files, so that who works on them need not build. */
lua_State *ek_host_new(const char *stdlib_dir);

/* Runs require("eksrun.cli.main")(argv...) under a traceback handler. Returns the exit status. */
int ek_host_run(lua_State *L, int argc, char **argv);

#endif

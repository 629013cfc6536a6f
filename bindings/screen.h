/* The live display of a terminal: eksrun.terminal's screen(). */
#ifndef EK_SCREEN_H
#define EK_SCREEN_H

#include <lua.h>

/* screen() -> screen | nil where standard error is no terminal */
int ek_screen_l_open(lua_State *L);
/* The metatable. */
void ek_screen_open_type(lua_State *L);

#endif

/* The program that shows long text in pages: eksrun.terminal's page(). */
#ifndef EK_PAGER_H
#define EK_PAGER_H

#include <lua.h>

/* page(text [, command]) -> boolean */
int ek_pager_l_page(lua_State *L);

#endif

/* Option tables: one table of named fields, checked before anything is done.
 *
 * What is wrong is raised at the line of the caller:
 *   http.request: field 'url' (string) is required
 *   http.request: unknown field 'ulr' (did you mean 'url'?) */
#ifndef EK_OPTIONS_H
#define EK_OPTIONS_H

#include <lua.h>
#include <stdbool.h>

/* Checks that the value at index (absolute) is a table whose keys are all in names (closed by
 * NULL); when optional, it may be nil or nothing. A copy takes its place, which nobody else can
 * change: not a finalizer either, while pointers into it are held. */
void ek_options_check(lua_State *L, int index, const char *what, bool optional,
                      const char *const *names);

/* Each reads field `name` of the table at index and pops nothing that it returns a pointer into:
 * the string stays anchored in the table. Wrong types raise; absent gives the default. */
const char *ek_options_string(lua_State *L, int index, const char *what, const char *name,
                              size_t *len, bool required);
double ek_options_number(lua_State *L, int index, const char *what, const char *name, double least,
                         double otherwise);
lua_Integer ek_options_integer(lua_State *L, int index, const char *what, const char *name,
                               lua_Integer least, lua_Integer otherwise);
bool ek_options_boolean(lua_State *L, int index, const char *what, const char *name,
                        bool otherwise);
/* Pushes the field, which is of that type or nil; returns its type. */
int ek_options_push(lua_State *L, int index, const char *what, const char *name, int type);

#endif

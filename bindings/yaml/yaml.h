/* The parts of eksrun.yaml.
 *
 * Functions of the module have two upvalues: the metatable that marks lists, and table.sort. */
#ifndef EK_BINDINGS_YAML_H
#define EK_BINDINGS_YAML_H

#include "bindings/bindings.h"

#define EK_YAML_DEPTH_MAX 64

enum ek_yaml_scalar {
  EK_YAML_STRING,
  EK_YAML_NULL,
  EK_YAML_TRUE,
  EK_YAML_FALSE,
  EK_YAML_NUMBER,
  EK_YAML_OCTAL
};

/* What a plain scalar means in the core schema of YAML 1.2. s ends with NUL. */
enum ek_yaml_scalar ek_yaml_resolve(const char *s, size_t len);
/* Pushes what a plain scalar means. */
void ek_yaml_push(lua_State *L, enum ek_yaml_scalar kind, const char *s, size_t len);
/* Whether a reader of YAML 1.1 or 1.2 takes the plain text for the string it is. */
bool ek_yaml_is_plain_string(const char *s, size_t len);

int ek_yaml_l_parse(lua_State *L);
int ek_yaml_l_try_parse(lua_State *L);
int ek_yaml_l_compose(lua_State *L);
int ek_yaml_l_emit(lua_State *L);

#endif

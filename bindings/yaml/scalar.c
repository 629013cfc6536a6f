/* Plain scalars: what they mean, and which strings must not be plain. */
#include "bindings/yaml/yaml.h"

#include <math.h>

static bool one_of(const char *s, const char *const *words) {
  for (; *words != NULL; words++)
    if (strcmp(s, *words) == 0) return true;
  return false;
}

static bool digit(char c) {
  return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *s) {
  while (digit(*s)) s++;
  return s;
}

static bool is_float(const char *s) {
  if (*s == '-' || *s == '+') s++;
  const char *whole = skip_digits(s), *end = whole;
  if (*end == '.') end = skip_digits(end + 1);
  if (whole == s && end <= whole + 1) return false; /* neither "1" nor ".1" */
  if (*end == 'e' || *end == 'E') {
    end++;
    if (*end == '-' || *end == '+') end++;
    if (!digit(*end)) return false;
    end = skip_digits(end);
  }
  return *end == '\0';
}

enum ek_yaml_scalar ek_yaml_resolve(const char *s, size_t len) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
  static const char *const trues[] = {"true", "True", "TRUE", NULL};
  static const char *const falses[] = {"false", "False", "FALSE", NULL};
  static const char *const specials[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                         "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                         ".NaN",  ".NAN",  NULL};
  if (strlen(s) != len) return EK_YAML_STRING;
  if (one_of(s, nulls)) return EK_YAML_NULL;
  if (one_of(s, trues)) return EK_YAML_TRUE;
  if (one_of(s, falses)) return EK_YAML_FALSE;
  if (is_float(s) || one_of(s, specials)) return EK_YAML_NUMBER;
  if (len > 2 && s[0] == '0') {
    if (s[1] == 'o' && strspn(s + 2, "01234567") == len - 2) return EK_YAML_OCTAL;
    if (s[1] == 'x' && strspn(s + 2, "0123456789abcdefABCDEF") == len - 2) return EK_YAML_NUMBER;
  }
  return EK_YAML_STRING;
}

static void push_number(lua_State *L, const char *s) {
  const char *body = *s == '-' || *s == '+' ? s + 1 : s;
  if (body[0] == '.' && !digit(body[1])) {
    double n = body[1] == 'n' || body[1] == 'N' ? (double)NAN : (double)INFINITY;
    lua_pushnumber(L, *s == '-' ? -n : n);
  } else if (lua_stringtonumber(L, s) == 0) {
    lua_pushstring(L, s);
  }
}

static void push_octal(lua_State *L, const char *s) {
  lua_Number n = 0;
  for (s += 2; *s != '\0'; s++) n = n * 8 + (*s - '0');
  lua_Integer whole;
  if (lua_numbertointeger(n, &whole))
    lua_pushinteger(L, whole);
  else
    lua_pushnumber(L, n);
}

void ek_yaml_push(lua_State *L, enum ek_yaml_scalar kind, const char *s, size_t len) {
  switch (kind) {
  case EK_YAML_NULL: lua_pushlightuserdata(L, NULL); break;
  case EK_YAML_TRUE: lua_pushboolean(L, 1); break;
  case EK_YAML_FALSE: lua_pushboolean(L, 0); break;
  case EK_YAML_NUMBER: push_number(L, s); break;
  case EK_YAML_OCTAL: push_octal(L, s); break;
  case EK_YAML_STRING: lua_pushlstring(L, s, len); break;
  }
}

bool ek_yaml_is_plain_string(const char *s, size_t len) {
  static const char *const legacy[] = {"y",   "Y",   "yes", "Yes", "YES", "n",  "N",
                                       "no",  "No",  "NO",  "on",  "On",  "ON", "off",
                                       "Off", "OFF", "=",   "<<",  NULL};
  if (ek_yaml_resolve(s, len) != EK_YAML_STRING || one_of(s, legacy)) return false;
  bool numeric = digit(s[0]) || ((s[0] == '-' || s[0] == '+' || s[0] == '.') && digit(s[1]));
  return !numeric || strspn(s, "0123456789_.,:+-abcdefABCDEFxoTtZz ") != len;
}

/* The functions of JMESPath: their names and what they take. */
#include "core/jmespath.h"

#define ANY    EK_JMESPATH_KIND_ANY
#define NUMBER EK_JMESPATH_KIND_NUMBER
#define STRING EK_JMESPATH_KIND_STRING
#define ARRAY  EK_JMESPATH_KIND_ARRAY
#define OBJECT EK_JMESPATH_KIND_OBJECT
#define REF    EK_JMESPATH_KIND_REFERENCE

const struct ek_jmespath_function ek_jmespath_functions[] = {
    {"abs", 1, false, {NUMBER, 0}},
    {"avg", 1, false, {ARRAY, 0}},
    {"ceil", 1, false, {NUMBER, 0}},
    {"contains", 2, false, {ARRAY | STRING, ANY}},
    {"ends_with", 2, false, {STRING, STRING}},
    {"floor", 1, false, {NUMBER, 0}},
    {"join", 2, false, {STRING, ARRAY}},
    {"keys", 1, false, {OBJECT, 0}},
    {"length", 1, false, {STRING | ARRAY | OBJECT, 0}},
    {"map", 2, false, {REF, ARRAY}},
    {"max", 1, false, {ARRAY, 0}},
    {"max_by", 2, false, {ARRAY, REF}},
    {"merge", 0, true, {OBJECT, OBJECT}},
    {"min", 1, false, {ARRAY, 0}},
    {"min_by", 2, false, {ARRAY, REF}},
    {"not_null", 1, true, {ANY, ANY}},
    {"reverse", 1, false, {STRING | ARRAY, 0}},
    {"sort", 1, false, {ARRAY, 0}},
    {"sort_by", 2, false, {ARRAY, REF}},
    {"starts_with", 2, false, {STRING, STRING}},
    {"sum", 1, false, {ARRAY, 0}},
    {"to_array", 1, false, {ANY, 0}},
    {"to_number", 1, false, {ANY, 0}},
    {"to_string", 1, false, {ANY, 0}},
    {"type", 1, false, {ANY, 0}},
    {"values", 1, false, {OBJECT, 0}},
};

const size_t ek_jmespath_function_count =
    sizeof ek_jmespath_functions / sizeof *ek_jmespath_functions;

/* eksrun.jmespath: any text is refused with an error object or gives a value, the same twice. */
#include "fuzz_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char script[] =
    "local errors, jmespath = require 'eksrun.error', require 'eksrun.jmespath'\n"
    "local json = require 'eksrun.json'\n"
    "local value = json.decode('{\"a\": [{\"b\": 1, \"c\": \"x\"}, {\"b\": 2.5, \"c\": \"y\"}, "
    "null],'\n"
    "  .. '\"d\": {\"e\": [[1, [2]], []], \"f\": null, \"g\": true}, \"h\": \"h\"}')\n"
    "local function text(v) return json.encode(v == nil and json.null or v) end\n"
    "return function(expression)\n"
    "  local ok, result = pcall(jmespath.search, expression, value)\n"
    "  if not ok then return assert(errors.is(result), result) end\n"
    "  local encoded, first = pcall(text, result)\n"
    "  if not encoded then return end\n"
    "  assert(text(jmespath.compile(expression)(value)) == first, 'twice, two results')\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (L == NULL) L = ek_fuzz_state(script);
  return ek_fuzz_call(L, data, size);
}

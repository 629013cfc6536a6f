/* eksrun.yaml: what parses is emitted and parses to the same; composing agrees with parsing. */
#include "fuzz_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char script[] =
    "local yaml, util = require 'eksrun.yaml', require 'eksrun.util'\n"
    "local function nan(v)\n"
    "  if type(v) ~= 'table' then return v ~= v end\n"
    "  for _, x in pairs(v) do if nan(x) then return true end end\n"
    "end\n"
    "return function(text)\n"
    "  local value, err = yaml.try_parse(text)\n"
    "  local composed = pcall(yaml.compose, text)\n"
    "  assert(composed == (err == nil), 'parse and compose disagree')\n"
    "  if err then return end\n"
    "  local out = yaml.emit(value)\n"
    "  local back, again = yaml.try_parse(out)\n"
    "  assert(again == nil, again)\n"
    "  assert(nan(value) or util.equal(value, back), 'the way back differs')\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (L == NULL) L = ek_fuzz_state(script);
  return ek_fuzz_call(L, data, size);
}

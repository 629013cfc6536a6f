/* eksrun.kubeconfig: an entry put into a sound file is there, is there once, and a second turn does
 * nothing; what cannot be edited is refused with an error object. */
#include "fuzz_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char script[] =
    "local kubeconfig, error_object = require 'eksrun.kubeconfig', require 'eksrun.error'\n"
    "local entry = kubeconfig.entry({ arn = 'arn:aws:eks:r:1:cluster/a', name = 'a',\n"
    "  status = 'ACTIVE', endpoint = 'https://e' }, { exec = { command = 'x', args = { 'y' } } })\n"
    "local function attempt(f, ...)\n"
    "  local ok, a, b = pcall(f, ...)\n"
    "  if ok then return true, a, b end\n"
    "  if not error_object.is(a) then error(a, 0) end\n"
    "end\n"
    "return function(text)\n"
    "  if not attempt(kubeconfig.parse, text, 'f') then return end\n"
    "  local ok, once = attempt(kubeconfig.merge, text, entry)\n"
    "  if not ok then return end\n"
    "  local again = kubeconfig.merge(once, entry)\n"
    "  assert(again == once, 'a second turn changes the file')\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (L == NULL) L = ek_fuzz_state(script);
  return ek_fuzz_call(L, data, size);
}

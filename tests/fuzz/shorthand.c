/* eksrun.cli.call: any text is a value of a parameter or a mistake of usage. What shorthand takes
 * survives being written in brackets and quotes and read again; what the model's types make of it
 * builds a request, or is a "validation" error. The first byte chooses the parameter. */
#include "fuzz_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char script[] =
    "local native = require 'eksrun.native.aws'\n"
    "local shorthand = require 'eksrun.cli.call.shorthand'\n"
    "local values = require 'eksrun.cli.call.values'\n"
    "local json = require 'eksrun.json'\n"
    "local files = require 'eksrun.cli.call.files'\n"
    "function files.read() return 'content' end\n"
    "local parameters = {}\n"
    "for _, name in ipairs { 'eks.create_cluster', 'eks.create_nodegroup', 'ec2.run_instances',\n"
    "    'ec2.describe_instances', 'dynamodb.put_item', 'kms.encrypt', 'ssm.put_parameter',\n"
    "    'cloudwatch.put_metric_data', 'logs.filter_log_events', 's3.put_object' } do\n"
    "  local service, operation = name:match '(.*)%.(.*)'\n"
    "  local op = native.service(service):operation(operation)\n"
    "  for _, member in ipairs(op:input().members) do\n"
    "    parameters[#parameters + 1] = { operation = op, member = member }\n"
    "  end\n"
    "end\n"
    "local function usage(err)\n"
    "  assert(type(err) == 'table' and err.code == 'usage', err)\n"
    "  assert(not tostring(err):find '\\n')\n"
    "end\n"
    "local function write(value, top)\n"
    "  if type(value) ~= 'table' then\n"
    "    return \"'\" .. value:gsub('\\\\', '\\\\\\\\'):gsub(\"'\", \"\\\\'\") .. \"'\"\n"
    "  end\n"
    "  local parts, list = {}, getmetatable(value) == json.array_mt\n"
    "  for key, item in pairs(value) do\n"
    "    if type(item) == 'table' and files.is_bytes(item) then return nil end\n"
    "    local text = write(item)\n"
    "    if not text then return nil end\n"
    "    parts[#parts + 1] = list and text or key .. '=' .. text\n"
    "  end\n"
    "  local inner = table.concat(parts, ',')\n"
    "  return top and inner or list and '[' .. inner .. ']' or '{' .. inner .. '}'\n"
    "end\n"
    "return function(text)\n"
    "  local ok, value = pcall(shorthand.parse, text)\n"
    "  if not ok then usage(value) end\n"
    "  local again = ok and write(value, true)\n"
    "  if again then\n"
    "    local options = { replace_invalid = true }\n"
    "    local want, got = json.encode(value, options), json.encode(shorthand.parse(again), "
    "options)\n"
    "    assert(want == got, again)\n"
    "  end\n"
    "  local parameter = parameters[(text:byte() or 0) % #parameters + 1]\n"
    "  ok, value = pcall(values.parse, { text:sub(2) }, parameter.member)\n"
    "  if ok then ok, value = pcall(values.finish, value, parameter.member) end\n"
    "  if not ok then return usage(value) end\n"
    "  local operation = parameter.operation\n"
    "  ok, value = pcall(operation.build, operation, { [parameter.member.name] = value })\n"
    "  assert(ok or value.code == 'validation', value)\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (L == NULL) L = ek_fuzz_state(script);
  return ek_fuzz_call(L, data, size);
}

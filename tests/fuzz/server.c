/* eksrun.native.aws, a server's half: any bytes are a request that is read, or refused with an
 * error that can be answered; what was read is valid parameters or a "validation" error. The first
 * byte chooses the service and the protocol, the second the operation. */
#include "fuzz_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char script[] =
    "local native = require 'eksrun.native.aws'\n"
    "local form = { ['content-type'] = 'application/x-www-form-urlencoded' }\n"
    "local services = {}\n"
    "for _, name in ipairs { 'eks', 'ec2', 'iam', 'kms', 's3', 'cloudwatch', 'route53' } do\n"
    "  local service = native.service(name)\n"
    "  services[#services + 1] = { service, service:operations(), service:metadata() }\n"
    "end\n"
    "local function check(service, request)\n"
    "  local operation, params, known = service:route(request)\n"
    "  if not operation then\n"
    "    local answer = (known or service):serialize_error(params)\n"
    "    assert(answer.status >= 400)\n"
    "    return\n"
    "  end\n"
    "  local ok, err = operation:validate(params)\n"
    "  assert(ok or err.code == 'validation')\n"
    "  if not ok then return end\n"
    "  local built, again = pcall(operation.build, operation, params)\n"
    "  assert(built or again.code == 'validation', again)\n"
    "end\n"
    "return function(text)\n"
    "  local chosen = services[(text:byte(1) or 0) % #services + 1]\n"
    "  local service, names, metadata = table.unpack(chosen)\n"
    "  local name = names[(text:byte(2) or 0) % #names + 1]\n"
    "  text = text:sub(3)\n"
    "  local line, body = text:match '^([^\\n]*)\\n?(.*)$'\n"
    "  local path, query = line:match '^([^?]*)[?]?(.*)$'\n"
    "  local info = service:operation(name):info()\n"
    "  check(service, { method = info.method, path = path, query = query, body = body,\n"
    "    headers = { ['x-amz-meta-a'] = line, expires = line, range = line } })\n"
    "  check(service, { method = 'POST', path = '/', headers = form,\n"
    "    body = 'Action=' .. name .. '&' .. text })\n"
    "  local target = (metadata.targetPrefix or '') .. '.' .. name\n"
    "  check(service, { method = 'POST', path = '/', headers = { ['x-amz-target'] = target }, body "
    "= text })\n"
    "  check(service, { method = 'POST', path = '/service/x/operation/' .. name,\n"
    "    headers = { ['smithy-protocol'] = 'rpc-v2-cbor' }, body = text })\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (L == NULL) L = ek_fuzz_state(script);
  return ek_fuzz_call(L, data, size);
}

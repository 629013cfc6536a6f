/* eksrun.native.aws: any bytes are an answer, an "invalid_response" or an error with a code; any
 * JSON value is parameters that build, or a "validation" error. The first byte chooses the
 * operation. */
#include "fuzz_lua.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char script[] =
    "local native, json = require 'eksrun.native.aws', require 'eksrun.json'\n"
    "local operations = {}\n"
    "for _, name in ipairs { 'eks.create_cluster', 'eks.describe_nodegroup', 'ec2.run_instances',\n"
    "    'ec2.describe_instances', 'iam.get_role', 'sqs.get_queue_attributes', 's3.put_object',\n"
    "    's3.list_objects_v2', 's3.get_object', 'ssm.get_parameters', 'kms.encrypt',\n"
    "    'dynamodb.put_item', 'cloudwatch.put_metric_data', 'route53.list_hosted_zones' } do\n"
    "  local service, operation = name:match '(.*)%.(.*)'\n"
    "  operations[#operations + 1] = assert(native.service(service):operation(operation), name)\n"
    "end\n"
    "return function(text)\n"
    "  local operation = operations[(text:byte() or 0) % #operations + 1]\n"
    "  text = text:sub(2)\n"
    "  local headers = { ['content-type'] = 'x', ['last-modified'] = text, etag = text }\n"
    "  local ok, value = pcall(operation.parse, operation, 200, headers, text)\n"
    "  assert(ok or value.code == 'invalid_response', value)\n"
    "  assert(type(operation:parse_error(400, headers, text).code) == 'string')\n"
    "  assert(type(operation:parse_error(400, { ['x-amzn-errortype'] = text }, '').code) == "
    "'string')\n"
    "  local params = json.try_decode(text)\n"
    "  if type(params) ~= 'table' then return end\n"
    "  ok, value = pcall(operation.build, operation, params)\n"
    "  assert(ok or value.code == 'validation', value)\n"
    "  if ok and value.headers['X-Amz-Target'] then json.decode(value.body) end\n"
    "end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (L == NULL) L = ek_fuzz_state(script);
  return ek_fuzz_call(L, data, size);
}

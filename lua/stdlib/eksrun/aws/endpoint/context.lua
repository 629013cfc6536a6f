--- The parameters of endpoint rules that an operation or its calls decide: what the model says of
--- constants, members and expressions, and the account of the credentials.
local M = {}

--- @class eksrun.aws.EndpointContext
--- @field static table<string, any> constants
--- @field members table<string, string> parameter -> member of the call
--- @field paths table<string, string> parameter -> JMESPath over the call's parameters
--- @field names string[] parameters that calls decide, sorted
--- @field asks_path_style boolean

--- Adds to the plan of an operation what its model says.
--- @param plan eksrun.aws.EndpointPlan
--- @param client eksrun.aws.EndpointClient
--- @param info eksrun.native.aws.OperationInfo
--- @param name string "GetObject"
function M.add(plan, client, info, name)
  local context = { static = {}, members = {}, paths = {}, names = {} }
  for parameter, fact in pairs(info.staticContextParams or {}) do
    if client.parameters[parameter] then context.static[parameter] = fact.value end
  end
  for member, parameter in pairs(info.contextParams or {}) do
    if client.parameters[parameter] then context.members[parameter] = member end
  end
  for parameter, fact in pairs(info.operationContextParams or {}) do
    if client.parameters[parameter] then context.paths[parameter] = fact.path end
  end
  for _, of in ipairs { context.members, context.paths } do
    for parameter in pairs(of) do table.insert(context.names, parameter) end
  end
  table.sort(context.names)
  context.asks_path_style = client.service == "s3" and name == "GetBucketLocation"
  plan.holds_bucket = context.members.Bucket ~= nil and info.path:find("^/{Bucket}") ~= nil
  plan.holds_account = context.static.RequiresAccountId == true
  plan.context = context
end

-- S3 as the AWS CLI has it: who asks for a bucket's region does not know it, so the host must not
-- depend on it; and an ARN is no path, unless the user insists on paths.
local function adjust_path_style(client, context, values)
  if values.ForcePathStyle == nil then return end
  if context.asks_path_style then
    values.ForcePathStyle = true
  elseif client.prefers_path and type(values.Bucket) == "string" and values.Bucket:find("^arn:") then
    values.ForcePathStyle = false
  end
end

local function text_of(value)
  if type(value) == "table" then return table.concat(value, "\1") end
  return value == nil and "" or tostring(value)
end

--- What calls of one operation may differ in, and a text that is the same where they do not.
--- @param client eksrun.aws.EndpointClient
--- @param context eksrun.aws.EndpointContext
--- @param call eksrun.aws.Call
--- @return table<string, any>|nil own
--- @return string key
--- @return table|nil error object of the credentials
function M.of_call(client, context, call)
  local values, parts = {}, { call.region or "" }
  if client.account_parameter and not call.operation:is_unsigned() then
    local credentials, err = require("eksrun.aws.auth").identity(call)
    if err then return nil, "", err end
    values[client.account_parameter] = credentials and credentials.account_id
    parts[2] = credentials and credentials.account_id or ""
  end
  for name, path in pairs(context.paths) do
    local found = require("eksrun.jmespath").search(path, call.params)
    if type(found) == "string" or type(found) == "table" then values[name] = found end
  end
  for name, member in pairs(context.members) do values[name] = call.params[member] end
  for _, name in ipairs(context.names) do table.insert(parts, text_of(values[name])) end
  return values, table.concat(parts, "\0")
end

--- Puts the parameters of a call over those of its client.
--- @param values table<string, any>
--- @param client eksrun.aws.EndpointClient
--- @param context eksrun.aws.EndpointContext
--- @param own table<string, any>
function M.put(values, client, context, own)
  for name, value in pairs(own) do values[name] = value end
  for name, value in pairs(context.static) do values[name] = value end
  adjust_path_style(client, context, values)
end

return M

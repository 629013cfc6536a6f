--- The parameters of endpoint rules, bound: the built-ins from the client's settings, the others
--- from what the model says of operations and from the parameters of calls.
---
--- In this order, the first that says something counts: the operation's constants, the call's
--- members, expressions over the call's parameters, the client's built-ins.
local config = require "eksrun.aws.config"
local native = require "eksrun.native.endpoint"

local M = {}

-- Where no rule set is known: the pattern that most hosts follow.
local pattern_rules = {}
pattern_rules.__index = pattern_rules

function pattern_rules.parameters()
  return {
    { name = "Region", built_in = "AWS::Region", used = true },
    { name = "Endpoint", built_in = "SDK::Endpoint", used = true },
  }
end

function pattern_rules:resolve(values)
  local suffix = native.partition(values.Region).dnsSuffix
  local url = values.Endpoint or ("https://%s.%s.%s"):format(self.prefix, values.Region, suffix)
  return { url = url, properties = {}, headers = {} }
end

--- What a client knows for all its calls.
--- @class eksrun.aws.EndpointClient
--- @field service string
--- @field region string
--- @field rules eksrun.native.endpoint.Rules
--- @field parameters table<string, boolean> those that the rules look at
--- @field built_ins table<string, string> parameters by built-in
--- @field fixed table<string, string|boolean> the built-ins that are known, by parameter
--- @field custom boolean the endpoint is the user's own
--- @field endpoint_parameter? string the one that takes it
--- @field account_parameter? string the one that takes the account of the credentials
--- @field signing_name string
--- @field plain boolean S3's way to sign paths, where the rules do not say
--- @field prefers_path? boolean buckets go into the path, where the user has no other wish
--- @field no_host_prefix? boolean the user wants no prefixes before hosts
--- @field auth_scheme_preference? string "sigv4a,sigv4"
--- @field signing_region_set? string of "sigv4a", instead of the rules'
--- @field plans table<string, eksrun.aws.EndpointPlan> by operation

--- @param service string
--- @param region string
--- @param metadata? table of the service's model
--- @param rules? eksrun.native.endpoint.Rules instead of the program's
--- @return eksrun.aws.EndpointClient
function M.new_client(service, region, metadata, rules)
  metadata = metadata or {}
  local prefix = metadata.endpointPrefix or service
  rules = rules or native.rules(service) or setmetatable({ prefix = prefix }, pattern_rules)
  local client = {
    service = service,
    region = region,
    rules = rules,
    parameters = {},
    built_ins = {},
    fixed = {},
    custom = false,
    signing_name = metadata.signingName or prefix,
    plain = metadata.signatureVersion == "s3" or metadata.signatureVersion == "s3v4",
    plans = {},
  }
  for _, parameter in ipairs(rules:parameters()) do
    if parameter.used then
      client.parameters[parameter.name] = true
      if parameter.built_in then client.built_ins[parameter.built_in] = parameter.name end
    end
  end
  client.endpoint_parameter = client.built_ins["SDK::Endpoint"]
  client.account_parameter = client.built_ins["AWS::Auth::AccountId"]
  return client
end

-- ---- built-ins

-- Without a choice of the user's an endpoint of his own has the bucket in the path, as the AWS CLI
-- has it: few of them answer to a host for each bucket.
local function forces_path(read, custom)
  local style, accelerate = read "s3_addressing_style", read "s3_use_accelerate_endpoint"
  if accelerate then return false end
  if custom then return style ~= "virtual" end
  return style == "path"
end

-- By built-in: its value, from settings and what else is known.
local values_of = {
  ["AWS::Region"] = function(_, known) return known.region end,
  -- An endpoint of the user's own is neither; the rules would refuse it.
  ["AWS::UseFIPS"] = function(_, known)
    return not known.url and known.fips
  end,
  ["AWS::UseDualStack"] = function(read, known) return not known.url and read "use_dualstack_endpoint" end,
  ["SDK::Endpoint"] = function(_, known) return known.url end,
  ["AWS::STS::UseGlobalEndpoint"] = function(read) return read "sts_regional_endpoints" == "legacy" end,
  ["AWS::Auth::AccountIdEndpointMode"] = function(read) return read "account_id_endpoint_mode" end,
  ["AWS::S3::Accelerate"] = function(read, known)
    return not known.url and read "s3_use_accelerate_endpoint"
  end,
  ["AWS::S3::ForcePathStyle"] = function(read, known) return forces_path(read, known.url ~= nil) end,
  ["AWS::S3::UseGlobalEndpoint"] = function(read, known)
    return known.region == "us-east-1" and read "s3_us_east_1_regional_endpoint" == "legacy"
  end,
  ["AWS::S3::UseArnRegion"] = function(read) return read "s3_use_arn_region" end,
  ["AWS::S3Control::UseArnRegion"] = function(read) return read "s3_use_arn_region" end,
  ["AWS::S3::DisableMultiRegionAccessPoints"] = function(read)
    return read "s3_disable_multiregion_access_points"
  end,
}

-- What is no built-in, and the same for all clients: directory buckets of S3 are signed for like
-- others, without a session of their own.
local constants = { DisableS3ExpressSessionAuth = true }

-- Reads settings; the first error stays.
local function new_reader(state)
  local failure
  local function read(name)
    local value, err = config.get(name, state.options, state.system)
    failure = failure or err
    return value
  end
  return read, function() return failure end
end

-- From where the service's model is.
local function rules_of(state)
  local ok, rules = pcall(require("eksrun.aws.models").rules, state.name, state.system)
  if ok then return rules end
  return nil, rules
end

local function make_client(state)
  local known, metadata = {}, state.metadata
  local err
  known.region, err = config.try_region(state.options, state.system)
  if err then return nil, err end
  known.fips, err = config.try_fips(state.options, state.system)
  if err then return nil, err end
  known.url, err = config.endpoint(metadata.serviceId or state.name, state.options, state.system)
  if err then return nil, err end
  if known.url then
    local valid
    valid, err = require("eksrun.aws.endpoint").parse(known.url)
    if not valid then return nil, err end
    known.url = valid.url
  end
  local rules
  rules, err = rules_of(state)
  if err then return nil, err end
  local client = M.new_client(state.name, known.region, metadata, rules)
  client.custom = known.url ~= nil
  local read, failure = new_reader(state)
  for built_in, name in pairs(client.built_ins) do
    local value_of = values_of[built_in]
    if value_of then client.fixed[name] = value_of(read, known) end
  end
  for name, value in pairs(constants) do
    if client.parameters[name] then client.fixed[name] = value end
  end
  if read "account_id_endpoint_mode" == "disabled" then client.account_parameter = nil end
  client.prefers_path = client.custom and read "s3_addressing_style" == "auto"
  client.no_host_prefix = read "disable_host_prefix_injection"
  client.auth_scheme_preference = read "auth_scheme_preference"
  client.signing_region_set = read "sigv4a_signing_region_set"
  err = failure()
  if err then return nil, err end
  return client
end

--- The client's part, made at its first call.
--- @param state table of the client: name, service, metadata, options, system
--- @return eksrun.aws.EndpointClient|nil, table|nil error object: "config"
function M.of_client(state)
  if state.endpoint_client then return state.endpoint_client end
  local err
  state.endpoint_client, err = make_client(state)
  return state.endpoint_client, err
end

-- ---- operations and calls

--- What the model says of an operation.
--- @class eksrun.aws.EndpointPlan
--- @field static table<string, any> constants
--- @field members table<string, string> parameter -> member of the call
--- @field paths table<string, string> parameter -> JMESPath over the call's parameters
--- @field names string[] parameters that calls decide, sorted
--- @field holds_bucket boolean the rules put the bucket into the URL, so the path must not have it
--- @field holds_account boolean the rules put the account into the host

--- @param client eksrun.aws.EndpointClient
--- @param operation eksrun.native.aws.Operation
--- @param name string "GetObject"
--- @return eksrun.aws.EndpointPlan
function M.of_operation(client, operation, name)
  local plan = client.plans[name]
  if plan then return plan end
  local info = operation:info()
  plan = { static = {}, members = {}, paths = {}, names = {}, cache = {}, cached = 0 }
  for parameter, fact in pairs(info.staticContextParams or {}) do
    if client.parameters[parameter] then plan.static[parameter] = fact.value end
  end
  for member, parameter in pairs(info.contextParams or {}) do
    if client.parameters[parameter] then plan.members[parameter] = member end
  end
  for parameter, fact in pairs(info.operationContextParams or {}) do
    if client.parameters[parameter] then plan.paths[parameter] = fact.path end
  end
  for _, of in ipairs { plan.members, plan.paths } do
    for parameter in pairs(of) do table.insert(plan.names, parameter) end
  end
  table.sort(plan.names)
  plan.holds_bucket = plan.members.Bucket ~= nil and info.path:find("^/{Bucket}") ~= nil
  plan.holds_account = plan.static.RequiresAccountId == true
  plan.asks_path_style = client.service == "s3" and name == "GetBucketLocation"
  client.plans[name] = plan
  return plan
end

-- S3 as the AWS CLI has it: who asks for a bucket's region does not know it, so the host must not
-- depend on it; and an ARN is no path, unless the user insists on paths.
local function adjust_path_style(client, plan, values)
  if values.ForcePathStyle == nil then return end
  if plan.asks_path_style then
    values.ForcePathStyle = true
  elseif client.prefers_path and type(values.Bucket) == "string" and values.Bucket:find("^arn:") then
    values.ForcePathStyle = false
  end
end

local function text_of(value)
  if type(value) == "table" then return table.concat(value, "\1") end
  return value == nil and "" or tostring(value)
end

-- What calls of one operation may differ in, and a text that is the same where they do not.
local function of_call(client, plan, call)
  if #plan.names == 0 and not client.account_parameter then return {}, call.region or "" end
  local values, parts = {}, { call.region or "" }
  if client.account_parameter and not call.operation:is_unsigned() then
    local credentials, err = require("eksrun.aws.auth").identity(call)
    if err then return nil, "", err end
    values[client.account_parameter] = credentials and credentials.account_id
    parts[2] = credentials and credentials.account_id or ""
  end
  for name, path in pairs(plan.paths) do
    local found = require("eksrun.jmespath").search(path, call.params)
    if type(found) == "string" or type(found) == "table" then values[name] = found end
  end
  for name, member in pairs(plan.members) do values[name] = call.params[member] end
  for _, name in ipairs(plan.names) do table.insert(parts, text_of(values[name])) end
  return values, table.concat(parts, "\0")
end

--- The parameters of a call, once they are needed.
--- @param client eksrun.aws.EndpointClient
--- @param plan eksrun.aws.EndpointPlan
--- @param call eksrun.aws.Call
--- @return fun(): table<string, any>|nil values by parameter; nil: an error
--- @return string key the same for calls with the same values
--- @return table|nil error object: of the credentials, where their account counts
function M.of_call(client, plan, call)
  local own, key, err = of_call(client, plan, call)
  if not own then return nil, key, err end
  return function()
    local values = {}
    for name, value in pairs(client.fixed) do values[name] = value end
    for name, value in pairs(own) do values[name] = value end
    for name, value in pairs(plan.static) do values[name] = value end
    local region = client.built_ins["AWS::Region"]
    if region and call.region then values[region] = call.region end
    adjust_path_style(client, plan, values)
    return values
  end, key
end

return M

--- The parameters of endpoint rules, bound: the built-ins from the client's settings, the others
--- from what the model says of operations and from the parameters of calls (endpoint/context.lua).
---
--- In this order, the first that says something counts: the operation's constants, the call's
--- members, expressions over the call's parameters, the client's built-ins.
local config = require "eksrun.aws.config"
local native = require "eksrun.native.endpoint"

local M = {}

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
  rules = rules or native.rules(service) or require("eksrun.aws.endpoint.pattern").rules(prefix)
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

-- By built-in: its value, from settings and what else is known; others are in endpoint/built_ins.lua.
local values_of = {
  ["AWS::Region"] = function(_, known) return known.region end,
  -- An endpoint of the user's own is neither; the rules would refuse it.
  ["AWS::UseFIPS"] = function(_, known) return not known.url and known.fips end,
  ["AWS::UseDualStack"] = function(read, known) return not known.url and read "use_dualstack_endpoint" end,
  ["SDK::Endpoint"] = function(_, known) return known.url end,
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
    if value_of then
      client.fixed[name] = value_of(read, known)
    else
      client.fixed[name] = require("eksrun.aws.endpoint.built_ins").value(built_in, read, known)
    end
  end
  for name, value in pairs(constants) do
    if client.parameters[name] then client.fixed[name] = value end
  end
  if client.account_parameter and read "account_id_endpoint_mode" == "disabled" then
    client.account_parameter = nil
  end
  client.prefers_path = client.custom and client.built_ins["AWS::S3::ForcePathStyle"] ~= nil
    and read "s3_addressing_style" == "auto"
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
--- @field cache table<string, eksrun.aws.Endpoint> by what calls differ in
--- @field cached integer how many
--- @field context eksrun.aws.EndpointContext|nil parameters of its own
--- @field holds_bucket boolean the rules put the bucket into the URL, so the path must not have it
--- @field holds_account boolean the rules put the account into the host

--- @param client eksrun.aws.EndpointClient
--- @param operation eksrun.native.aws.Operation
--- @param name string "GetObject"
--- @return eksrun.aws.EndpointPlan
function M.of_operation(client, operation, name)
  local plan = client.plans[name]
  if plan then return plan end
  plan = { cache = {}, cached = 0 }
  local info = operation:info()
  if client.account_parameter or info.staticContextParams or info.contextParams
    or info.operationContextParams then
    require("eksrun.aws.endpoint.context").add(plan, client, info, name)
  end
  client.plans[name] = plan
  return plan
end

--- What calls of one operation may differ in.
--- @param client eksrun.aws.EndpointClient
--- @param plan eksrun.aws.EndpointPlan
--- @param call eksrun.aws.Call
--- @return table<string, any>|nil own parameters of the call, if its operation has any
--- @return string key the same for calls with the same values
--- @return table|nil error object: of the credentials, where their account counts
function M.of_call(client, plan, call)
  if plan.context then return require("eksrun.aws.endpoint.context").of_call(client, plan.context, call) end
  return nil, call.region or ""
end

--- All parameters of a call.
--- @param client eksrun.aws.EndpointClient
--- @param plan eksrun.aws.EndpointPlan
--- @param call eksrun.aws.Call
--- @param own table<string, any>|nil as M.of_call has them
--- @return table<string, any> by name
function M.values(client, plan, call, own)
  local values = {}
  for name, value in pairs(client.fixed) do values[name] = value end
  local region = client.built_ins["AWS::Region"]
  if plan.context then require("eksrun.aws.endpoint.context").put(values, client, plan.context, own) end
  if region and call.region then values[region] = call.region end
  return values
end

return M

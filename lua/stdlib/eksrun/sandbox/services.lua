--- The services that the sandbox has, and where their handlers stand.
local native = require "eksrun.native.aws"

local M = {}

--- By service: the modules of its handlers. A module has `operations`, functions by the name of the
--- operation, and may have `events`.
local modules = {
  ec2 = {
    "ec2.zone", "ec2.vpc", "ec2.cidr_block", "ec2.subnet", "ec2.dhcp", "ec2.network_acl", "ec2.gateway",
    "ec2.routing", "ec2.interface", "ec2.interface_address", "ec2.address", "ec2.nat", "ec2.security_group",
    "ec2.security_group_rule", "ec2.endpoint", "ec2.endpoint_service", "ec2.prefix_list", "ec2.peering",
    "ec2.flow_log", "ec2.image", "ec2.instance_type", "ec2.launch_template", "ec2.key_pair", "ec2.volume",
    "ec2.snapshot", "ec2.instance", "ec2.instance_describe", "ec2.instance_attribute", "ec2.placement",
    "ec2.profile_association", "ec2.run", "ec2.default_vpc", "ec2.tags",
  },
  eks = {
    "eks.cluster", "eks.cluster_update", "eks.update", "eks.auto_mode", "eks.insight", "eks.nodegroup",
      "eks.addon",
    "eks.fargate", "eks.access", "eks.pod_identity", "eks.identity_provider", "eks.capability",
    "eks.certificate_authority", "eks.connector", "eks.anywhere", "eks.tags",
  },
  iam = {
    "iam.role", "iam.user", "iam.group", "iam.policy", "iam.instance_profile", "iam.oidc", "iam.simulate",
  },
  ["eks-auth"] = { "eks.auth" },
  sts = { "sts" },
  ssm = { "ssm" },
  cloudformation = { "cloudformation.stack", "cloudformation.change_set" },
  kms = { "kms", "kms_crypto" },
  logs = { "logs", "logs_stream" },
  secretsmanager = { "secretsmanager" },
  sqs = { "sqs.queue", "sqs.message" },
  s3 = { "s3.bucket", "s3.object", "s3.list", "s3.multipart" },
  dynamodb = { "dynamodb.table", "dynamodb.item" },
  ecr = { "ecr" },
  ["service-quotas"] = { "quotas" },
  pricing = { "pricing" },
  account = { "account" },
  organizations = { "organizations" },
  autoscaling = {
    "autoscaling.group", "autoscaling.target", "autoscaling.instance", "autoscaling.lifecycle",
    "autoscaling.refresh",
  },
  elb = { "elb.load_balancer", "elb.attribute" },
  elbv2 = {
    "elbv2.load_balancer", "elbv2.target_group", "elbv2.target", "elbv2.listener", "elbv2.rule",
    "elbv2.attribute",
  },
  resourcegroupstaggingapi = { "tagging" },
}

local handlers = {}

local function handlers_of(service)
  if not handlers[service] then
    local all = {}
    for _, name in ipairs(modules[service] or {}) do
      for operation, handler in pairs(require("eksrun.sandbox." .. name).operations) do
        all[operation] = handler
      end
    end
    handlers[service] = all
  end
  return handlers[service]
end

--- Loads all modules of a service.
--- @param service string
function M.load(service) handlers_of(service) end

--- @param service string
--- @param operation string
--- @return (fun(call: eksrun.sandbox.Call, params: table): table?)? handler
function M.handler(service, operation) return handlers_of(service)[operation] end

local events = {}

-- The handlers of a service's events, whose names begin with the service's.
local function events_of(service)
  if not events[service] then
    local all = {}
    for _, name in ipairs(modules[service] or {}) do
      for event, handler in pairs(require("eksrun.sandbox." .. name).events or {}) do all[event] = handler end
    end
    events[service] = all
  end
  return events[service]
end

--- Has a table find the handlers of all events; a service is loaded when something of it happens.
--- @param into table
function M.events(into)
  setmetatable(into, { __index = function(_, name) return events_of(name:match "^[^.]+")[name] end })
end

local by_signature

-- Services of a signing name: those that the sandbox has, or the only one.
local function signers()
  if by_signature then return by_signature end
  by_signature = {}
  for _, service in ipairs(native.services()) do
    local metadata = native.service(service):metadata()
    local signing = metadata.signingName or metadata.endpointPrefix
    local list = by_signature[signing] or {}
    if modules[service] or not list[1] then
      if list[1] and not modules[list[1]] then list[1] = nil end
      list[#list + 1] = service
    end
    by_signature[signing] = list
  end
  return by_signature
end

-- The version of the API that a form asks for.
local function version_of(request)
  return (request.body or ""):match "Version=([%d-]+)" or (request.query or ""):match "Version=([%d-]+)"
end

--- The service that signs its requests by a name. Where two do, they are told apart by the API's version.
--- @param name string? as in the credential scope
--- @param request eksrun.native.aws.Received
--- @return string?
function M.signed_as(name, request)
  local list = name and signers()[name]
  if not list or not list[2] then return list and list[1] end
  local version = version_of(request)
  for _, service in ipairs(list) do
    if native.service(service):metadata().apiVersion == version then return service end
  end
  return list[1]
end

--- The service whose words suit a request that says of no service: by the form's version or the target of
--- JSON; of others one that has paths.
--- @param request eksrun.native.aws.Received
--- @return string
function M.asked_of(request)
  local version, target = version_of(request), (request.headers or {})["x-amz-target"]
  local prefix = target and target:match "^(.*)%.[^.]*$"
  for _, service in ipairs(native.services()) do
    local metadata = native.service(service):metadata()
    if version and metadata.apiVersion == version or prefix and metadata.targetPrefix == prefix then
      return service
    end
  end
  return version and "sts" or prefix and "kms" or "eks"
end

return M

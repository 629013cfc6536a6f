--- EC2: the services that networks may have endpoints of.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local zones = require "eksrun.sandbox.ec2.zone"

local M = { operations = {} }
local operations = M.operations

-- Of AWS's services those that clusters and their pods use. S3 and DynamoDB have a gateway, too.
local SERVICES = {
  "appmesh-envoy-management", "autoscaling", "cloudformation", "dynamodb", "ebs", "ec2", "ec2messages",
  "ecr.api",
  "ecr.dkr", "eks", "eks-auth", "elasticfilesystem", "elasticloadbalancing", "events", "guardduty-data",
  "kms",
  "logs", "monitoring", "s3", "secretsmanager", "sns", "sqs", "ssm", "ssmmessages", "states", "sts", "xray",
}
local GATEWAYS = { s3 = true, dynamodb = true }
-- Those whose usual name is not that of the service.
local HOSTS = { ["ecr.api"] = "api.ecr", ["ecr.dkr"] = "dkr.ecr" }
-- Those that have a host below it for each account.
local WILD = { ["ecr.dkr"] = true }

-- The name of a service in a region.
local function name_of(call, service) return ("com.amazonaws.%s.%s"):format(call.region, service) end

local function detail(call, service, kind)
  local names = json.array {}
  for i, zone in ipairs(zones.of(call.region)) do names[i] = zone.name end
  local host = HOSTS[service] or service
  local private = kind == "Interface"
    and ("%s%s.%s.amazonaws.com"):format(WILD[service] and "*." or "", host, call.region) or nil
  return {
    ServiceName = name_of(call, service), ServiceType = { { ServiceType = kind } },
    ServiceRegion = call.region,
    ServiceId = "vpce-svc-0" .. call.world:hash("service", service, kind):sub(1, 16), Owner = "amazon",
    AvailabilityZones = names, AcceptanceRequired = false, ManagesVpcEndpoints = false,
    VpcEndpointPolicySupported = true,
    BaseEndpointDnsNames = {
      ("%s.%s.%samazonaws.com"):format(host, call.region, private and "vpce." or ""),
    },
    PrivateDnsName = private, PrivateDnsNames = private and { { PrivateDnsName = private } },
    PrivateDnsNameVerificationState = private and "verified",
    SupportedIpAddressTypes = { "ipv4" }, Tags = json.array {},
  }
end

local SERVICE = filter.map("DescribeVpcEndpointServices",
  "owner service-name service-region "
  .. "supported-ip-address-types", { ["service-type"] = "ServiceType.ServiceType" })

function operations.DescribeVpcEndpointServices(call, params)
  local wanted
  for _, name in ipairs(params.ServiceNames or {}) do
    wanted = wanted or {}
    wanted[name] = true
  end
  filter.check(SERVICE, params.Filters)
  local names, details = json.array {}, json.array {}
  for _, service in ipairs(SERVICES) do
    local name, shown = name_of(call, service), false
    for _, kind in ipairs(GATEWAYS[service] and { "Gateway", "Interface" } or { "Interface" }) do
      local found = detail(call, service, kind)
      if (not wanted or wanted[name]) and filter.passes(SERVICE, found, params.Filters) then
        details[#details + 1], shown = found, true
      end
    end
    if shown then names[#names + 1] = name end
    if wanted then wanted[name] = nil end
  end
  for _, name in ipairs(params.ServiceNames or {}) do
    if wanted[name] then
      fault.raise("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", name)
    end
  end
  -- Pages go by the details here.
  local limit = params.MaxResults
  if limit and limit < #details then
    local from = math.tointeger(tonumber(params.NextToken or "")) or 0
    local stop = math.min(from + limit, #details)
    local page = json.array(table.move(details, from + 1, stop, 1, {}))
    return {
      ServiceNames = names, ServiceDetails = page, NextToken = stop < #details and tostring(stop) or nil,
    }
  end
  return { ServiceNames = names, ServiceDetails = details }
end

--- The service of a name, which has to be there.
--- @param call eksrun.sandbox.Call
--- @param name string "com.amazonaws.us-east-1.s3"
--- @param kind string "Gateway" or "Interface"
--- @return string service "s3"
function M.need(call, name, kind)
  for _, service in ipairs(SERVICES) do
    if name_of(call, service) == name and (kind == "Interface" or GATEWAYS[service]) then return service end
  end
  fault.raise("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", name)
end

--- The usual host of a service.
--- @param call eksrun.sandbox.Call
--- @param service string
--- @return string
function M.host(call, service)
  return ("%s.%s.amazonaws.com"):format(HOSTS[service] or service, call.region)
end

return M

--- EC2: internet gateways, those for IPv6 out only too.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local quota = require "eksrun.sandbox.ec2.quota"
local routing = require "eksrun.sandbox.ec2.routing"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

operations.DescribeInternetGateways = support.describe {
  kind = "ec2.internet_gateway", prefix = "igw", id = "InternetGatewayId", tag = "internet-gateway",
  list = "InternetGateways", ids = "InternetGatewayIds",
  missing = "InvalidInternetGatewayID.NotFound", missing_text = "The internetGateway ID '%s' does not exist",
  malformed = "InvalidInternetGatewayId.Malformed",
  filters = filter.map("DescribeInternetGateways", [[
    attachment.state attachment.vpc-id internet-gateway-id owner-id]]),
}

function operations.CreateInternetGateway(call, params)
  if #call:all "ec2.internet_gateway" >= quota.internet_gateways then
    fault.raise("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
  end
  local id = call:id "igw"
  return {
    InternetGateway = call:put("ec2.internet_gateway", id, {
      InternetGatewayId = id, OwnerId = call.account, Attachments = json.array {},
      Tags = support.tags(params, "internet-gateway"),
    }),
  }
end

function operations.AttachInternetGateway(call, params)
  local gateway = support.need(call, "ec2.internet_gateway", params.InternetGatewayId)
  support.need(call, "ec2.vpc", params.VpcId)
  if gateway.Attachments[1] then
    fault.raise("Resource.AlreadyAssociated", "resource %s is already attached to network %s",
      gateway.InternetGatewayId, gateway.Attachments[1].VpcId)
  end
  local other = call:find("ec2.internet_gateway", function(g)
    return g.Attachments[1] and g.Attachments[1].VpcId == params.VpcId
  end)
  if other then
    fault.raise("InvalidParameterValue", "Network %s already has an internet gateway attached", params.VpcId)
  end
  gateway.Attachments = json.array { { VpcId = params.VpcId, State = "available" } }
end

function operations.DetachInternetGateway(call, params)
  local gateway = support.need(call, "ec2.internet_gateway", params.InternetGatewayId)
  local attachment = gateway.Attachments[1]
  if not attachment or attachment.VpcId ~= params.VpcId then
    fault.raise("Gateway.NotAttached", "resource %s is not attached to network %s", gateway.InternetGatewayId,
      params.VpcId)
  end
  local mapped = call:find("ec2.network_interface", function(interface)
    return interface.VpcId == params.VpcId and interface.Association
  end)
  if mapped then
    fault.raise("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those "
      .. "public address(es) before detaching the gateway.", params.VpcId)
  end
  gateway.Attachments = json.array {}
  routing.blackhole(call, "GatewayId", gateway.InternetGatewayId)
end

function operations.DeleteInternetGateway(call, params)
  local id = params.InternetGatewayId
  if support.need(call, "ec2.internet_gateway", id).Attachments[1] then
    support.refuse_dependent("internetGateway", id)
  end
  call:remove("ec2.internet_gateway", id)
end

operations.DescribeEgressOnlyInternetGateways = support.describe {
  kind = "ec2.egress_only_internet_gateway", prefix = "eigw", id = "EgressOnlyInternetGatewayId",
  tag = "egress-only-internet-gateway", list = "EgressOnlyInternetGateways",
  ids = "EgressOnlyInternetGatewayIds",
  missing = "InvalidGatewayID.NotFound", missing_text = "The gateway ID '%s' does not exist",
  malformed = "InvalidEgressOnlyInternetGatewayId.Malformed",
  filters = filter.map("DescribeEgressOnlyInternetGateways", ""),
}

function operations.CreateEgressOnlyInternetGateway(call, params)
  support.need(call, "ec2.vpc", params.VpcId)
  if #call:all "ec2.egress_only_internet_gateway" >= quota.egress_only_internet_gateways then
    fault.raise("EgressOnlyInternetGatewayLimitExceeded",
      "The maximum number of egress-only internet gateways has been reached.")
  end
  local id = call:id "eigw"
  return {
    ClientToken = params.ClientToken,
    EgressOnlyInternetGateway = call:put("ec2.egress_only_internet_gateway", id, {
      EgressOnlyInternetGatewayId = id, Attachments = { { State = "attached", VpcId = params.VpcId } },
      Tags = support.tags(params, "egress-only-internet-gateway"),
    }),
  }
end

function operations.DeleteEgressOnlyInternetGateway(call, params)
  local id = params.EgressOnlyInternetGatewayId
  support.need(call, "ec2.egress_only_internet_gateway", id)
  routing.blackhole(call, "EgressOnlyInternetGatewayId", id)
  call:remove("ec2.egress_only_internet_gateway", id)
  return { ReturnCode = true }
end

return M

--- EC2: peering connections between networks of the account.
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local quota = require "eksrun.sandbox.ec2.quota"
local routing = require "eksrun.sandbox.ec2.routing"
local support = require "eksrun.sandbox.ec2.support"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

-- How long a request waits, and how long what ended is still shown, in seconds.
local EXPIRES, SHOWN = 7 * 86400, 7200

operations.DescribeVpcPeeringConnections = support.describe {
  kind = "ec2.vpc_peering_connection", prefix = "pcx", id = "VpcPeeringConnectionId",
  tag = "vpc-peering-connection", list = "VpcPeeringConnections", ids = "VpcPeeringConnectionIds",
  missing = "InvalidVpcPeeringConnectionID.NotFound",
  missing_text = "The vpcPeeringConnection ID '%s' does not exist",
  malformed = "InvalidVpcPeeringConnectionId.Malformed",
  filters = filter.map("DescribeVpcPeeringConnections", [[
    accepter-vpc-info.cidr-block accepter-vpc-info.owner-id accepter-vpc-info.vpc-id expiration-time
    requester-vpc-info.cidr-block requester-vpc-info.owner-id requester-vpc-info.vpc-id
    vpc-peering-connection-id]], {
    ["status-code"] = "Status.Code", ["status-message"] = "Status.Message",
  }),
}

local function side(call, vpc)
  local ranges = json.array {}
  for i, association in ipairs(vpc.CidrBlockAssociationSet) do
    ranges[i] = { CidrBlock = association.CidrBlock }
  end
  return {
    CidrBlock = vpc.CidrBlock, CidrBlockSet = ranges, OwnerId = call.account, VpcId = vpc.VpcId,
    Region = call.region,
    PeeringOptions = {
      AllowDnsResolutionFromRemoteVpc = false, AllowEgressFromLocalClassicLinkToRemoteVpc = false,
      AllowEgressFromLocalVpcToRemoteClassicLink = false,
    },
  }
end

function operations.CreateVpcPeeringConnection(call, params)
  local from = support.need(call, "ec2.vpc", params.VpcId)
  if params.PeerOwnerId and params.PeerOwnerId ~= call.account
    or params.PeerRegion and params.PeerRegion ~= call.region then
    fault.raise("OperationNotPermitted", "Peering with other accounts and regions is not permitted")
  end
  local to = support.need(call, "ec2.vpc", params.PeerVpcId)
  if from == to then
    fault.raise("InvalidParameterValue", "VPC peering can't be done between a VPC and itself")
  end
  local present = call:find("ec2.vpc_peering_connection", function(p)
    local a, b = p.RequesterVpcInfo.VpcId, p.AccepterVpcInfo.VpcId
    return (a == from.VpcId and b == to.VpcId) and (p.Status.Code == "active"
      or p.Status.Code == "pending-acceptance")
  end)
  if present then return { VpcPeeringConnection = present } end
  if #call:all "ec2.vpc_peering_connection" >= quota.peerings_of_vpc then
    fault.raise("ActiveVpcPeeringConnectionPerVpcLimitExceeded",
      "The maximum number of active VPC peering connections has been reached.")
  end
  local overlap = false
  for _, a in ipairs(from.CidrBlockAssociationSet) do
    for _, b in ipairs(to.CidrBlockAssociationSet) do
      overlap = overlap or cidr.overlaps(a.CidrBlock, b.CidrBlock)
    end
  end
  local id = call:id "pcx"
  local connection = call:put("ec2.vpc_peering_connection", id, {
    VpcPeeringConnectionId = id, RequesterVpcInfo = side(call, from), AccepterVpcInfo = side(call, to),
    ExpirationTime = not overlap and call:time() + EXPIRES or nil,
    Status = overlap and { Code = "failed", Message = "Failed due to incorrect VPC-ID, Account ID, or "
      .. "overlapping CIDR range" } or { Code = "initiating-request", Message = "Initiating Request to "
      .. call.account },
    Tags = support.tags(params, "vpc-peering-connection"),
  })
  local shown = util.copy(connection)
  if not overlap then
    connection.Status = { Code = "pending-acceptance", Message = "Pending Acceptance by " .. call.account }
  end
  return { VpcPeeringConnection = shown }
end

local function pending(call, id, verb)
  local connection = support.need(call, "ec2.vpc_peering_connection", id)
  if connection.Status.Code ~= "pending-acceptance" then
    fault.raise("InvalidStateTransition", "Invalid state transition for %s, attempted to %s from %s", id,
      verb,
      connection.Status.Code)
  end
  return connection
end

function operations.AcceptVpcPeeringConnection(call, params)
  local connection = pending(call, params.VpcPeeringConnectionId, "accept")
  connection.Status, connection.ExpirationTime = { Code = "active", Message = "Active" }, nil
  return { VpcPeeringConnection = connection }
end

local function finish(call, connection, code)
  connection.Status = { Code = code, Message = code == "rejected" and "Rejected by " .. call.account
    or "Deleted by " .. call.account }
  routing.blackhole(call, "VpcPeeringConnectionId", connection.VpcPeeringConnectionId)
  call:vanishes(SHOWN, "ec2.vpc_peering_connection", connection.VpcPeeringConnectionId)
end

function operations.RejectVpcPeeringConnection(call, params)
  finish(call, pending(call, params.VpcPeeringConnectionId, "reject"), "rejected")
  return { Return = true }
end

function operations.DeleteVpcPeeringConnection(call, params)
  local connection = support.need(call, "ec2.vpc_peering_connection", params.VpcPeeringConnectionId)
  local code = connection.Status.Code
  if code ~= "active" and code ~= "pending-acceptance" then
    fault.raise("InvalidStateTransition", "Invalid state transition for %s, attempted to delete from %s",
      connection.VpcPeeringConnectionId, code)
  end
  finish(call, connection, "deleted")
  return { Return = true }
end

function operations.ModifyVpcPeeringConnectionOptions(call, params)
  local connection = support.need(call, "ec2.vpc_peering_connection", params.VpcPeeringConnectionId)
  if connection.Status.Code ~= "active" then
    fault.raise("OperationNotPermitted", "Peering connection is not active")
  end
  local answer = {}
  for _, which in ipairs { "Requester", "Accepter" } do
    local given, info = params[which .. "PeeringConnectionOptions"], connection[which .. "VpcInfo"]
    if given then
      info.PeeringOptions = util.overlay(info.PeeringOptions, given)
      answer[which .. "PeeringConnectionOptions"] = info.PeeringOptions
    end
  end
  return answer
end

return M

--- EC2: networks.
local acl = require "eksrun.sandbox.ec2.network_acl"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local dhcp = require "eksrun.sandbox.ec2.dhcp"
local quota = require "eksrun.sandbox.ec2.quota"
local ranges = require "eksrun.sandbox.ec2.cidr_block"
local security_group = require "eksrun.sandbox.ec2.security_group"
local routing = require "eksrun.sandbox.ec2.routing"
local support = require "eksrun.sandbox.ec2.support"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

operations.DescribeVpcs = support.describe {
  kind = "ec2.vpc", prefix = "vpc", id = "VpcId", tag = "vpc", list = "Vpcs", ids = "VpcIds",
  missing = "InvalidVpcID.NotFound", missing_text = "The vpc ID '%s' does not exist",
  malformed = "InvalidVpcID.Malformed",
  filters = filter.map("DescribeVpcs", [[
    cidr-block-association.cidr-block cidr-block-association.association-id dhcp-options-id
    ipv6-cidr-block-association.ipv6-cidr-block ipv6-cidr-block-association.ipv6-pool
    ipv6-cidr-block-association.association-id is-default owner-id state vpc-id]], {
    ["cidr"] = "CidrBlock",
    ["cidr-block"] = "CidrBlock",
    ["isDefault"] = "IsDefault",
    ["dhcpOptionsId"] = "DhcpOptionsId",
    ["cidr-block-association.state"] = "CidrBlockAssociation.CidrBlockState.State",
    ["ipv6-cidr-block-association.state"] = "Ipv6CidrBlockAssociation.Ipv6CidrBlockState.State",
  }),
}

function operations.CreateVpc(call, params)
  local range = params.CidrBlock
  if not range then fault.raise("MissingParameter", "The request must contain the parameter cidrBlock") end
  ranges.check_range(range)
  if #call:all "ec2.vpc" >= quota.vpcs then
    fault.raise("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
  end
  local id = call:id "vpc"
  local vpc = call:put("ec2.vpc", id, {
    VpcId = id, CidrBlock = range, State = "pending", IsDefault = false, OwnerId = call.account,
    DhcpOptionsId = dhcp.default(call).DhcpOptionsId,
    InstanceTenancy = params.InstanceTenancy or "default", Tags = support.tags(params, "vpc"),
    CidrBlockAssociationSet = {
      { AssociationId = call:id "vpc-cidr-assoc", CidrBlock = range,
        CidrBlockState = { State = "associated" } },
    },
    Ipv6CidrBlockAssociationSet = json.array {},
    BlockPublicAccessStates = { InternetGatewayBlockMode = "off" },
    _attributes = { enableDnsSupport = true, enableDnsHostnames = false,
      enableNetworkAddressUsageMetrics = false },
  })
  if params.AmazonProvidedIpv6CidrBlock then
    vpc.Ipv6CidrBlockAssociationSet[1] = ranges.ipv6(call, "vpc-cidr-assoc", ranges.amazon(call))
  end
  security_group.make_default(call, vpc)
  routing.make_main(call, vpc)
  acl.make_default(call, vpc)
  call:becomes(call:duration("ec2.vpc", id), "ec2.vpc", id, { State = "available" })
  return { Vpc = vpc }
end

-- By the attribute's name in DescribeVpcAttribute: the member of requests and answers.
local ATTRIBUTES = {
  enableDnsSupport = "EnableDnsSupport", enableDnsHostnames = "EnableDnsHostnames",
  enableNetworkAddressUsageMetrics = "EnableNetworkAddressUsageMetrics",
}

function operations.DescribeVpcAttribute(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  local member = ATTRIBUTES[params.Attribute]
  if not member then
    fault.raise("InvalidParameterValue", "Value (%s) for parameter attribute is invalid.", params.Attribute)
  end
  return { VpcId = vpc.VpcId, [member] = { Value = vpc._attributes[params.Attribute] } }
end

function operations.ModifyVpcAttribute(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  local changed
  for name, member in util.sorted_pairs(ATTRIBUTES) do
    if params[member] then
      if changed then
        fault.raise("InvalidParameterCombination", "Fields for multiple attribute types specified: %s, %s",
          changed, name)
      end
      changed = name
    end
  end
  if not changed then fault.raise("MissingParameter", "The request must contain an attribute to modify") end
  local attributes = util.copy(vpc._attributes)
  attributes[changed] = params[ATTRIBUTES[changed]].Value
  if attributes.enableDnsHostnames and not attributes.enableDnsSupport then
    fault.raise("InvalidParameterCombination", "DNS hostnames cannot be enabled without DNS support")
  end
  vpc._attributes = attributes
end

function operations.DeleteVpc(call, params)
  local id = params.VpcId
  support.need(call, "ec2.vpc", id)
  local function inside(thing) return thing.VpcId == id end
  local dependent = call:find("ec2.subnet", inside)
    or call:find("ec2.security_group",
      function(group) return inside(group) and group.GroupName ~= "default" end)
    or call:find("ec2.route_table", function(t) return inside(t) and not routing.is_main(t) end)
    or call:find("ec2.vpc_endpoint", function(e) return inside(e) and e.State ~= "deleted" end)
    or call:find("ec2.network_interface", inside)
    or call:find("ec2.nat_gateway",
      function(n) return inside(n) and n.State ~= "deleted" and n.State ~= "failed" end)
    or call:find("ec2.network_acl", function(a) return inside(a) and not a.IsDefault end)
    or call:find("ec2.vpc_peering_connection", function(p)
      return p.Status.Code == "active" and (p.RequesterVpcInfo.VpcId == id or p.AccepterVpcInfo.VpcId == id)
    end)
  for _, kind in ipairs { "ec2.internet_gateway", "ec2.egress_only_internet_gateway" } do
    dependent = dependent or call:find(kind, function(gateway)
      return gateway.Attachments[1] and gateway.Attachments[1].VpcId == id
    end)
  end
  if dependent then support.refuse_dependent("vpc", id) end
  for _, group in ipairs(call:all("ec2.security_group", inside)) do
    security_group.remove(call, group.GroupId)
  end
  for _, route_table in ipairs(call:all("ec2.route_table", inside)) do
    call:remove("ec2.route_table", route_table.RouteTableId)
  end
  for _, list in ipairs(call:all("ec2.network_acl", inside)) do
    call:remove("ec2.network_acl", list.NetworkAclId)
  end
  call:remove("ec2.vpc", id)
end

return M

--- EC2: the ranges of networks and subnets beyond the first.
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local quota = require "eksrun.sandbox.ec2.quota"
local routing = require "eksrun.sandbox.ec2.routing"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

-- Private ranges that a network has of one only.
local PRIVATE = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.19.0.0/16" }

--- An IPv6 range, associated.
--- @param call eksrun.sandbox.Call
--- @param prefix string of the association's id
--- @param range string
--- @return table association
function M.ipv6(call, prefix, range)
  local of_vpc = prefix == "vpc-cidr-assoc"
  return {
    AssociationId = call:id(prefix), Ipv6CidrBlock = range, Ipv6CidrBlockState = { State = "associated" },
    NetworkBorderGroup = of_vpc and call.region or nil, Ipv6Pool = of_vpc and "Amazon" or nil,
    Ipv6AddressAttribute = "public", IpSource = "amazon",
  }
end

--- A /56 of Amazon's.
--- @param call eksrun.sandbox.Call
--- @return string
function M.amazon(call)
  local hash = call:hash "ipv6"
  return cidr.format(cidr.parse(("2600:1f18:%s:%s00::/56"):format(hash:sub(1, 4), hash:sub(5, 6))))
end

-- What an answer shows of an association that is just made or undone.
local function passing(association, state)
  local shown = {}
  for name, value in pairs(association) do
    shown[name] = name:find "State$" and { State = state } or value
  end
  return shown
end

--- Raises AWS's error unless a VPC may have the range.
--- @param range string
function M.check_range(range)
  local block = cidr.try_parse(range)
  if not block or block.family ~= 4 then
    fault.raise("InvalidParameterValue",
      "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", range)
  end
  if block.prefix < 16 or block.prefix > 28 then
    fault.raise("InvalidVpc.Range", "The CIDR '%s' is invalid.", range)
  end
end

local function check_secondary(vpc, range)
  if not range then
    fault.raise("MissingParameter", "The request must contain the parameter cidrBlock or "
      .. "amazonProvidedIpv6CidrBlock")
  end
  M.check_range(range)
  if #vpc.CidrBlockAssociationSet >= quota.ranges_of_vpc then
    fault.raise("CidrBlockLimitExceeded", "The maximum number of CIDR blocks of VPC '%s' has been reached.",
      vpc.VpcId)
  end
  for _, association in ipairs(vpc.CidrBlockAssociationSet) do
    if cidr.overlaps(association.CidrBlock, range) then
      fault.raise("InvalidVpc.Range", "The CIDR '%s' conflicts with another of the VPC.", range)
    end
  end
  for _, private in ipairs(PRIVATE) do
    for _, other in ipairs(PRIVATE) do
      if private ~= other and cidr.contains(private, vpc.CidrBlock) and cidr.overlaps(other, range) then
        fault.raise("InvalidVpc.Range", "The CIDR '%s' is restricted. Use a CIDR from the same private "
          .. "address range as the current VPC CIDR, or use a publicly-routable CIDR.", range)
      end
    end
  end
end

function operations.AssociateVpcCidrBlock(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  if params.AmazonProvidedIpv6CidrBlock then
    local association = M.ipv6(call, "vpc-cidr-assoc", M.amazon(call))
    table.insert(vpc.Ipv6CidrBlockAssociationSet, association)
    routing.add_local(call, vpc, "DestinationIpv6CidrBlock", association.Ipv6CidrBlock)
    return { VpcId = vpc.VpcId, Ipv6CidrBlockAssociation = passing(association, "associating") }
  end
  check_secondary(vpc, params.CidrBlock)
  local association = {
    AssociationId = call:id "vpc-cidr-assoc", CidrBlock = params.CidrBlock,
    CidrBlockState = { State = "associated" },
  }
  table.insert(vpc.CidrBlockAssociationSet, association)
  routing.add_local(call, vpc, "DestinationCidrBlock", association.CidrBlock)
  return { VpcId = vpc.VpcId, CidrBlockAssociation = passing(association, "associating") }
end

-- The association of an id, what has it, and its place in which list.
local function find(call, kind, id)
  for _, thing in ipairs(call:all(kind)) do
    for _, list in ipairs { "CidrBlockAssociationSet", "Ipv6CidrBlockAssociationSet" } do
      for i, association in ipairs(thing[list] or {}) do
        if association.AssociationId == id then return association, thing, i, list end
      end
    end
  end
end

-- Whether a subnet of a network lies in a range.
local function used(call, vpc, range)
  return call:find("ec2.subnet", function(subnet)
    if subnet.VpcId ~= vpc.VpcId then return false end
    if subnet.CidrBlock and cidr.overlaps(range, subnet.CidrBlock) then return true end
    for _, own in ipairs(subnet.Ipv6CidrBlockAssociationSet) do
      if cidr.overlaps(range, own.Ipv6CidrBlock) then return true end
    end
  end)
end

function operations.DisassociateVpcCidrBlock(call, params)
  local id = params.AssociationId
  local association, vpc, place, list = find(call, "ec2.vpc", id)
  if not association then
    fault.raise("InvalidVpcCidrBlockAssociationID.NotFound",
      "The vpc CIDR block association ID '%s' does not exist", id)
  end
  local range = association.CidrBlock or association.Ipv6CidrBlock
  if range == vpc.CidrBlock then
    fault.raise("OperationNotPermitted", "The vpc CIDR block with association ID %s may not be "
      .. "disassociated. It is the primary IPv4 CIDR block of the VPC", id)
  end
  if used(call, vpc, range) then
    fault.raise("InvalidCidrBlock.InUse", "The vpc currently has a subnet within CIDR block %s", range)
  end
  table.remove(vpc[list], place)
  routing.remove_local(call, vpc, range)
  local member = association.CidrBlock and "CidrBlockAssociation" or "Ipv6CidrBlockAssociation"
  return { VpcId = vpc.VpcId, [member] = passing(association, "disassociating") }
end

--- Refuses an IPv6 range that a subnet cannot have.
--- @param call eksrun.sandbox.Call
--- @param vpc table
--- @param range string
function M.check_ipv6(call, vpc, range)
  local block = cidr.try_parse(range)
  local inside = false
  for _, association in ipairs(vpc.Ipv6CidrBlockAssociationSet) do
    inside = inside or block and cidr.contains(association.Ipv6CidrBlock, range)
  end
  if not inside or block.family ~= 6 or block.prefix > 64 or block.prefix % 4 ~= 0 then
    fault.raise("InvalidSubnet.Range", "The CIDR '%s' is invalid.", range)
  end
  if call:find("ec2.subnet", function(subnet)
    for _, own in ipairs(subnet.VpcId == vpc.VpcId and subnet.Ipv6CidrBlockAssociationSet or {}) do
      if cidr.overlaps(own.Ipv6CidrBlock, range) then return true end
    end
  end) then
    fault.raise("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", range)
  end
end

function operations.AssociateSubnetCidrBlock(call, params)
  local subnet = support.need(call, "ec2.subnet", params.SubnetId)
  if subnet.Ipv6CidrBlockAssociationSet[1] then
    fault.raise("SubnetAlreadyHasIpv6Cidr", "The subnet %s already has an IPv6 CIDR block",
      subnet.SubnetId)
  end
  if not params.Ipv6CidrBlock then
    fault.raise("MissingParameter", "The request must contain the parameter ipv6CidrBlock")
  end
  M.check_ipv6(call, call:get("ec2.vpc", subnet.VpcId), params.Ipv6CidrBlock)
  local association = M.ipv6(call, "subnet-cidr-assoc", params.Ipv6CidrBlock)
  table.insert(subnet.Ipv6CidrBlockAssociationSet, association)
  return { SubnetId = subnet.SubnetId, Ipv6CidrBlockAssociation = passing(association, "associating") }
end

function operations.DisassociateSubnetCidrBlock(call, params)
  local association, subnet, place, list = find(call, "ec2.subnet", params.AssociationId)
  if not association then
    fault.raise("InvalidSubnetCidrBlockAssociationID.NotFound",
      "The subnet CIDR block association ID '%s' does not exist", params.AssociationId)
  end
  table.remove(subnet[list], place)
  subnet.AssignIpv6AddressOnCreation = false
  return { SubnetId = subnet.SubnetId, Ipv6CidrBlockAssociation = passing(association, "disassociating") }
end

return M

--- EC2: network ACLs. Each network has one of its own, which its subnets use until they are given another.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local quota = require "eksrun.sandbox.ec2.quota"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

-- The number of the entry that stands behind all others and refuses.
local LAST, LAST_IPV6 = 32767, 32768

operations.DescribeNetworkAcls = support.describe {
  kind = "ec2.network_acl", prefix = "acl", id = "NetworkAclId", tag = "network-acl", list = "NetworkAcls",
  ids = "NetworkAclIds", missing = "InvalidNetworkAclID.NotFound",
  missing_text = "The networkAcl ID '%s' does not exist", malformed = "InvalidNetworkAclId.Malformed",
  filters = filter.map("DescribeNetworkAcls", [[
    association.network-acl-id association.subnet-id entry.protocol entry.rule-action entry.egress
    entry.rule-number network-acl-id owner-id vpc-id]], {
    ["association.association-id"] = "Associations.NetworkAclAssociationId", ["default"] = "IsDefault",
    ["entry.cidr"] = "Entries.CidrBlock", ["entry.ipv6-cidr"] = "Entries.Ipv6CidrBlock",
    ["entry.icmp.code"] = "Entries.IcmpTypeCode.Code", ["entry.icmp.type"] = "Entries.IcmpTypeCode.Type",
    ["entry.port-range.from"] = "Entries.PortRange.From", ["entry.port-range.to"] = "Entries.PortRange.To",
    ["entry.protocol"] = "Entries.Protocol", ["entry.rule-action"] = "Entries.RuleAction",
    ["entry.egress"] = "Entries.Egress", ["entry.rule-number"] = "Entries.RuleNumber",
  }),
}

local function entry(number, egress, action, field)
  return {
    RuleNumber = number, Protocol = "-1", RuleAction = action, Egress = egress,
    [field] = field == "CidrBlock" and "0.0.0.0/0" or "::/0",
  }
end

local function new_list(call, vpc, default, tags)
  local id, entries = call:id "acl", json.array {}
  local ipv6 = vpc.Ipv6CidrBlockAssociationSet[1] ~= nil
  for _, egress in ipairs { true, false } do
    if default then
      entries[#entries + 1] = entry(100, egress, "allow", "CidrBlock")
      if ipv6 then entries[#entries + 1] = entry(101, egress, "allow", "Ipv6CidrBlock") end
    end
    entries[#entries + 1] = entry(LAST, egress, "deny", "CidrBlock")
    if ipv6 then entries[#entries + 1] = entry(LAST_IPV6, egress, "deny", "Ipv6CidrBlock") end
  end
  return call:put("ec2.network_acl", id, {
    NetworkAclId = id, VpcId = vpc.VpcId, IsDefault = default, OwnerId = call.account, Entries = entries,
    Associations = json.array {}, Tags = tags,
  })
end

--- The list that a new network has.
--- @param call eksrun.sandbox.Call
--- @param vpc table
function M.make_default(call, vpc) new_list(call, vpc, true, json.array {}) end

local function associate(call, list, subnet)
  local id = "aclassoc-0" .. call.world:hash("aclassoc", list.NetworkAclId, subnet, call.now):sub(1, 16)
  table.insert(list.Associations, {
    NetworkAclAssociationId = id, NetworkAclId = list.NetworkAclId, SubnetId = subnet,
  })
  return id
end

--- A new subnet uses its network's own list.
--- @param call eksrun.sandbox.Call
--- @param subnet table
function M.adopt_subnet(call, subnet)
  local list = call:find("ec2.network_acl", function(a) return a.VpcId == subnet.VpcId and a.IsDefault end)
  if list then associate(call, list, subnet.SubnetId) end
end

local function find_association(call, match) return support.association(call, "ec2.network_acl", match) end

--- A subnet is gone.
--- @param call eksrun.sandbox.Call
--- @param id string
function M.forget_subnet(call, id)
  local _, list, place = find_association(call, function(a) return a.SubnetId == id end)
  if list then table.remove(list.Associations, place) end
end

function operations.CreateNetworkAcl(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  if #call:all("ec2.network_acl",
    function(a) return a.VpcId == vpc.VpcId end) >= quota.network_acls_of_vpc then
    fault.raise("NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.")
  end
  local list = new_list(call, vpc, false, support.tags(params, "network-acl"))
  return { NetworkAcl = list, ClientToken = params.ClientToken }
end

function operations.DeleteNetworkAcl(call, params)
  local list = support.need(call, "ec2.network_acl", params.NetworkAclId)
  if list.IsDefault then
    fault.raise("InvalidParameterValue", "cannot delete default network ACL %s", list.NetworkAclId)
  end
  if list.Associations[1] then support.refuse_dependent("networkAcl", list.NetworkAclId) end
  call:remove("ec2.network_acl", list.NetworkAclId)
end

function operations.ReplaceNetworkAclAssociation(call, params)
  local to = support.need(call, "ec2.network_acl", params.NetworkAclId)
  local association, from, place = find_association(call, function(a)
    return a.NetworkAclAssociationId == params.AssociationId
  end)
  if not association then
    fault.raise("InvalidAssociationID.NotFound", "The association ID '%s' does not exist",
      params.AssociationId)
  end
  if from.VpcId ~= to.VpcId then
    fault.raise("InvalidParameterValue", "network ACL %s and %s belong to different networks",
      from.NetworkAclId, to.NetworkAclId)
  end
  table.remove(from.Associations, place)
  return { NewAssociationId = associate(call, to, association.SubnetId) }
end

-- -- entries ------------------------------------------------------------------------------------------------

local function find_entry(list, params)
  for i, other in ipairs(list.Entries) do
    if other.RuleNumber == params.RuleNumber and other.Egress == (params.Egress or false) then return i end
  end
end

local function check_entry(params)
  if params.RuleNumber < 1 or params.RuleNumber >= LAST then
    fault.raise("InvalidParameterValue", "Invalid value '%d' for ruleNumber. Must be between 1 and 32766.",
      params.RuleNumber)
  end
  if not params.CidrBlock and not params.Ipv6CidrBlock then
    fault.raise("MissingParameter", "The request must contain the parameter cidrBlock or ipv6CidrBlock")
  end
  if (params.Protocol == "6" or params.Protocol == "17") and not params.PortRange then
    fault.raise("MissingParameter", "The request must contain the parameter portRange")
  end
end

local function entry_of(params)
  return {
    RuleNumber = params.RuleNumber, Protocol = params.Protocol, RuleAction = params.RuleAction,
    Egress = params.Egress or false, CidrBlock = params.CidrBlock, Ipv6CidrBlock = params.Ipv6CidrBlock,
    PortRange = params.PortRange, IcmpTypeCode = params.IcmpTypeCode,
  }
end

-- Entries stand by direction, then by number.
local function sort(list)
  table.sort(list.Entries, function(a, b)
    if a.Egress ~= b.Egress then return a.Egress end
    return a.RuleNumber < b.RuleNumber
  end)
end

function operations.CreateNetworkAclEntry(call, params)
  local list = support.need(call, "ec2.network_acl", params.NetworkAclId)
  check_entry(params)
  if find_entry(list, params) then
    fault.raise("NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.",
      params.RuleNumber)
  end
  local count = 0
  for _, other in ipairs(list.Entries) do
    if other.Egress == (params.Egress or false) and other.RuleNumber < LAST then count = count + 1 end
  end
  if count >= quota.entries_of_acl then
    fault.raise("NetworkAclEntryLimitExceeded", "The maximum number of entries has been reached.")
  end
  table.insert(list.Entries, entry_of(params))
  sort(list)
end

local function need_entry(call, params)
  local list = support.need(call, "ec2.network_acl", params.NetworkAclId)
  local place = params.RuleNumber < LAST and find_entry(list, params)
  if not place then
    fault.raise("InvalidNetworkAclEntry.NotFound",
      "The network acl entry identified by %d does not exist", params.RuleNumber)
  end
  return list, place
end

function operations.ReplaceNetworkAclEntry(call, params)
  check_entry(params)
  local list, place = need_entry(call, params)
  list.Entries[place] = entry_of(params)
end

function operations.DeleteNetworkAclEntry(call, params)
  local list, place = need_entry(call, params)
  table.remove(list.Entries, place)
end

return M

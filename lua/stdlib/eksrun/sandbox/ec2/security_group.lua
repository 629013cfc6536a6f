--- EC2: security groups. The permissions that a group shows are made of its rules.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local rules = require "eksrun.sandbox.ec2.security_group_rule"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

local by_filter = support.describe {
  kind = "ec2.security_group", prefix = "sg", id = "GroupId", tag = "security-group", list = "SecurityGroups",
  ids = "GroupIds", missing = "InvalidGroup.NotFound",
  missing_text = "The security group '%s' does not exist",
  malformed = "InvalidGroupId.Malformed",
  filters = filter.map("DescribeSecurityGroups", [[
    description group-id group-name owner-id vpc-id]], {
    ["ip-permission.cidr"] = "IpPermissions.IpRanges.CidrIp",
    ["ip-permission.from-port"] = "IpPermissions.FromPort",
    ["ip-permission.group-id"] = "IpPermissions.UserIdGroupPairs.GroupId",
    ["ip-permission.group-name"] = "IpPermissions.UserIdGroupPairs.GroupName",
    ["ip-permission.ipv6-cidr"] = "IpPermissions.Ipv6Ranges.CidrIpv6",
    ["ip-permission.prefix-list-id"] = "IpPermissions.PrefixListIds.PrefixListId",
    ["ip-permission.protocol"] = "IpPermissions.IpProtocol",
    ["ip-permission.to-port"] = "IpPermissions.ToPort",
    ["ip-permission.user-id"] = "IpPermissions.UserIdGroupPairs.UserId",
    ["egress.ip-permission.cidr"] = "IpPermissionsEgress.IpRanges.CidrIp",
    ["egress.ip-permission.from-port"] = "IpPermissionsEgress.FromPort",
    ["egress.ip-permission.group-id"] = "IpPermissionsEgress.UserIdGroupPairs.GroupId",
    ["egress.ip-permission.group-name"] = "IpPermissionsEgress.UserIdGroupPairs.GroupName",
    ["egress.ip-permission.ipv6-cidr"] = "IpPermissionsEgress.Ipv6Ranges.CidrIpv6",
    ["egress.ip-permission.prefix-list-id"] = "IpPermissionsEgress.PrefixListIds.PrefixListId",
    ["egress.ip-permission.protocol"] = "IpPermissionsEgress.IpProtocol",
    ["egress.ip-permission.to-port"] = "IpPermissionsEgress.ToPort",
    ["egress.ip-permission.user-id"] = "IpPermissionsEgress.UserIdGroupPairs.UserId",
  }),
  view = function(call, group)
    local shown, ingress, egress = {}, {}, {}
    for name, value in pairs(group) do shown[name] = value end
    for _, rule in ipairs(rules.of(call, group.GroupId)) do
      table.insert(rule.IsEgress and egress or ingress, rule)
    end
    shown.IpPermissions, shown.IpPermissionsEgress = rules.permissions(call, ingress),
      rules.permissions(call, egress)
    return shown
  end,
}

-- Lets everything out, by IPv6 too where the network has it.
local function let_out(call, group)
  rules.add(call, group, {
    IsEgress = true, IpProtocol = "-1", FromPort = -1, ToPort = -1, CidrIpv4 = "0.0.0.0/0",
  })
  if call:get("ec2.vpc", group.VpcId).Ipv6CidrBlockAssociationSet[1] then
    rules.add(call, group, {
      IsEgress = true, IpProtocol = "-1", FromPort = -1, ToPort = -1, CidrIpv6 = "::/0",
    })
  end
end

local function new_group(call, vpc, name, description, tags)
  local id = call:id "sg"
  local group = call:put("ec2.security_group", id, {
    GroupId = id, GroupName = name, Description = description, VpcId = vpc, OwnerId = call.account,
    SecurityGroupArn = call:arn("ec2", "security-group/" .. id), Tags = tags,
  })
  let_out(call, group)
  return group
end

-- A group lets in what comes from itself.
local function admit_itself(call, group)
  rules.add(call, group, {
    IsEgress = false, IpProtocol = "-1", FromPort = -1, ToPort = -1,
    ReferencedGroupInfo = { GroupId = group.GroupId, UserId = call.account },
  })
end

--- The group that a new network has.
--- @param call eksrun.sandbox.Call
--- @param vpc table
function M.make_default(call, vpc)
  admit_itself(call, new_group(call, vpc.VpcId, "default", "default VPC security group", json.array {}))
end

--- A group that another service makes.
--- @param call eksrun.sandbox.Call
--- @param fields { vpc: string, name: string, description: string, tags: table[] }
--- @return table group
function M.make_managed(call, fields)
  local group = new_group(call, fields.vpc, fields.name, fields.description, fields.tags)
  admit_itself(call, group)
  return group
end

--- Takes a group away, whoever uses it.
--- @param call eksrun.sandbox.Call
--- @param id string
function M.remove(call, id)
  for _, rule in ipairs(rules.of(call, id)) do
    call:remove("ec2.security_group_rule", rule.SecurityGroupRuleId)
  end
  call:remove("ec2.security_group", id)
end

function operations.CreateSecurityGroup(call, params)
  local vpc, name = params.VpcId or support.default_vpc(call).VpcId, params.GroupName
  support.need(call, "ec2.vpc", vpc)
  if name:find "^sg%-" or name == "default" or #name > 255 then
    fault.raise("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid.", name)
  end
  if params.Description:find "[^%w%s._%-:/()#,@%[%]+=&;{}!$*]" or #params.Description > 255 then
    fault.raise("InvalidParameterValue", "Value (%s) for parameter GroupDescription is invalid. Character "
      .. "sets beyond ASCII are not supported.", params.Description)
  end
  local twin = call:find("ec2.security_group", function(g) return g.VpcId == vpc and g.GroupName == name end)
  if twin then
    fault.raise("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, vpc)
  end
  local group = new_group(call, vpc, name, params.Description, support.tags(params, "security-group"))
  return { GroupId = group.GroupId, SecurityGroupArn = group.SecurityGroupArn, Tags = group.Tags }
end

function operations.DeleteSecurityGroup(call, params)
  local group = support.need(call, "ec2.security_group", params.GroupId)
  local id = group.GroupId
  if group.GroupName == "default" then
    fault.raise("CannotDelete", 'the specified group: "%s" name: "default" cannot be deleted by a user', id)
  end
  local user = call:find("ec2.network_interface", function(interface)
    for _, of in ipairs(interface.Groups) do
      if of.GroupId == id then return true end
    end
  end) or call:find("ec2.security_group_rule", function(rule)
    return rule.GroupId ~= id and rules.peer(rule, "ReferencedGroupId") == id
  end)
  if user then fault.raise("DependencyViolation", "resource %s has a dependent object", id) end
  M.remove(call, id)
  return { Return = true, GroupId = id }
end

function operations.DescribeSecurityGroups(call, params)
  local answer, names = by_filter(call, params), params.GroupNames
  if not names or not names[1] then return answer end
  -- Names alone mean groups of the default network, which there is none of.
  fault.raise("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC", names[1])
end

local FOR_VPC = filter.map("GetSecurityGroupsForVpc", "description group-id group-name owner-id",
  { ["primary-vpc-id"] = "PrimaryVpcId" })

function operations.GetSecurityGroupsForVpc(call, params)
  support.need(call, "ec2.vpc", params.VpcId)
  local list = {}
  for i, group in ipairs(call:all("ec2.security_group", function(g) return g.VpcId == params.VpcId end)) do
    list[i] = {
      GroupId = group.GroupId, GroupName = group.GroupName, Description = group.Description,
      OwnerId = group.OwnerId, PrimaryVpcId = group.VpcId, Tags = group.Tags,
    }
  end
  return { SecurityGroupForVpcs = filter.select(FOR_VPC, list, params.Filters) }
end

-- References that groups of peered networks make, which there are none of.
function operations.DescribeSecurityGroupReferences(call, params)
  for _, id in ipairs(params.GroupId) do support.need(call, "ec2.security_group", id) end
  return { SecurityGroupReferenceSet = json.array {} }
end

return M

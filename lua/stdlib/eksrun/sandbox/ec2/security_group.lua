--- EC2: security groups and their rules. A rule is a thing of its own; the permissions that a group shows are
--- made of its rules.
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

local function rules_of(call, group)
  return call:all("ec2.security_group_rule", function(rule) return rule.GroupId == group end)
end

-- By the peer's member of a rule: the list of a permission, and the member of its items.
local PEERS = {
  { "CidrIpv4", "IpRanges", "CidrIp" }, { "CidrIpv6", "Ipv6Ranges", "CidrIpv6" },
  { "PrefixListId", "PrefixListIds", "PrefixListId" }, { "ReferencedGroupId", "UserIdGroupPairs", "GroupId" },
}

local function peer_value(rule, name)
  if name == "ReferencedGroupId" then return rule.ReferencedGroupInfo and rule.ReferencedGroupInfo.GroupId end
  return rule[name]
end

-- Rules of the same protocol and ports are one permission.
local function permissions(call, rules)
  local list, by_key = json.array {}, {}
  for _, rule in ipairs(rules) do
    local key = ("%s %s %s"):format(rule.IpProtocol, rule.FromPort, rule.ToPort)
    local permission = by_key[key]
    if not permission then
      local all = rule.IpProtocol == "-1"
      permission = {
        IpProtocol = rule.IpProtocol, FromPort = not all and rule.FromPort or nil,
        ToPort = not all and rule.ToPort or nil, IpRanges = json.array {}, Ipv6Ranges = json.array {},
        PrefixListIds = json.array {}, UserIdGroupPairs = json.array {},
      }
      by_key[key] = permission
      list[#list + 1] = permission
    end
    for _, peer in ipairs(PEERS) do
      local value = peer_value(rule, peer[1])
      if value then
        table.insert(permission[peer[2]], {
          [peer[3]] = value, Description = rule.Description,
          UserId = peer[1] == "ReferencedGroupId" and call.account or nil,
        })
      end
    end
  end
  return list
end

operations.DescribeSecurityGroups = support.describe {
  kind = "ec2.security_group", prefix = "sg", id = "GroupId", tag = "security-group", list = "SecurityGroups",
  ids = "GroupIds", missing = "InvalidGroup.NotFound",
  missing_text = "The security group '%s' does not exist",
  filters = {
    ["group-id"] = "GroupId", ["group-name"] = "GroupName", ["vpc-id"] = "VpcId",
    ["description"] = "Description",
    ["owner-id"] = "OwnerId",
  },
  view = function(call, group)
    local shown, ingress, egress = {}, {}, {}
    for name, value in pairs(group) do shown[name] = value end
    for _, rule in ipairs(rules_of(call, group.GroupId)) do
      table.insert(rule.IsEgress and egress or ingress, rule)
    end
    shown.IpPermissions, shown.IpPermissionsEgress = permissions(call, ingress), permissions(call, egress)
    return shown
  end,
}

operations.DescribeSecurityGroupRules = support.describe {
  kind = "ec2.security_group_rule", prefix = "sgr", id = "SecurityGroupRuleId", tag = "security-group-rule",
  list = "SecurityGroupRules", ids = "SecurityGroupRuleIds", missing = "InvalidSecurityGroupRuleId.NotFound",
  missing_text = "The security group rule ID '%s' does not exist",
  filters = { ["group-id"] = "GroupId", ["security-group-rule-id"] = "SecurityGroupRuleId" },
}

local function add_rule(call, group, fields)
  local id = call:id "sgr"
  fields.SecurityGroupRuleId, fields.GroupId, fields.GroupOwnerId = id, group.GroupId, call.account
  fields.SecurityGroupRuleArn = call:arn("ec2", "security-group-rule/" .. id)
  fields.Tags = fields.Tags or json.array {}
  return call:put("ec2.security_group_rule", id, fields)
end

local function new_group(call, vpc, name, description, tags)
  local id = call:id "sg"
  local group = call:put("ec2.security_group", id, {
    GroupId = id, GroupName = name, Description = description, VpcId = vpc, OwnerId = call.account,
    SecurityGroupArn = call:arn("ec2", "security-group/" .. id), Tags = tags,
  })
  add_rule(call, group, {
    IsEgress = true, IpProtocol = "-1", FromPort = -1, ToPort = -1, CidrIpv4 = "0.0.0.0/0",
  })
  return group
end

-- A group lets in what comes from itself.
local function admit_itself(call, group)
  add_rule(call, group, {
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

--- @param call eksrun.sandbox.Call
--- @param group string? id
function M.remove_rules(call, group)
  for _, rule in ipairs(group and rules_of(call, group) or {}) do
    call:remove("ec2.security_group_rule", rule.SecurityGroupRuleId)
  end
end

--- Takes a group away, whoever uses it.
--- @param call eksrun.sandbox.Call
--- @param id string
function M.remove(call, id)
  M.remove_rules(call, id)
  call:remove("ec2.security_group", id)
end

function operations.CreateSecurityGroup(call, params)
  local vpc, name = params.VpcId, params.GroupName
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
    return rule.GroupId ~= id and peer_value(rule, "ReferencedGroupId") == id
  end)
  if user then fault.raise("DependencyViolation", "resource %s has a dependent object", id) end
  M.remove(call, id)
  return { Return = true, GroupId = id }
end

-- -- rules --------------------------------------------------------------------------------------------------

local NUMBERS = { ["6"] = "tcp", ["17"] = "udp", ["1"] = "icmp", ["58"] = "icmpv6" }

local function check_ports(permission, protocol)
  if protocol == "-1" then return -1, -1 end
  local from, to = permission.FromPort, permission.ToPort
  if protocol == "tcp" or protocol == "udp" then
    if not from or not to or from < 0 or to > 65535 or from > to then
      fault.raise("InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports "
        .. "with TCP/UDP.")
    end
  end
  return from or -1, to or -1
end

-- The rules that permissions ask for, each with one peer.
local function wanted_rules(call, params, egress)
  local list, given = {}, params.IpPermissions
  if not given and (params.CidrIp or params.IpProtocol) then
    given = {
      {
        IpProtocol = params.IpProtocol, FromPort = params.FromPort, ToPort = params.ToPort,
        IpRanges = { { CidrIp = params.CidrIp } },
      },
    }
  end
  for _, permission in ipairs(given or {}) do
    local protocol = NUMBERS[permission.IpProtocol] or tostring(permission.IpProtocol):lower()
    local from, to = check_ports(permission, protocol)
    for _, peer in ipairs(PEERS) do
      for _, item in ipairs(permission[peer[2]] or {}) do
        local value = item[peer[3]]
        local rule = {
          IsEgress = egress, IpProtocol = protocol, FromPort = from, ToPort = to,
          Description = item.Description,
        }
        if peer[1]:find "^Cidr" then
          if not cidr.try_parse(value) then
            fault.raise("InvalidParameterValue", "CIDR block %s is malformed", tostring(value))
          end
          rule[peer[1]] = value
        elseif peer[1] == "ReferencedGroupId" then
          support.need(call, "ec2.security_group", value)
          rule.ReferencedGroupInfo = { GroupId = value, UserId = call.account }
        else
          rule[peer[1]] = value
        end
        list[#list + 1] = rule
      end
    end
  end
  if not list[1] then
    fault.raise("MissingParameter", "The request must contain the parameter ipPermissions")
  end
  return list
end

local function same(a, b)
  if a.IsEgress ~= b.IsEgress or a.IpProtocol ~= b.IpProtocol or a.FromPort ~= b.FromPort
    or a.ToPort ~= b.ToPort then
    return false
  end
  for _, peer in ipairs(PEERS) do
    if peer_value(a, peer[1]) ~= peer_value(b, peer[1]) then return false end
  end
  return true
end

local function find_rule(call, group, wanted)
  for _, rule in ipairs(rules_of(call, group.GroupId)) do
    if same(rule, wanted) then return rule end
  end
end

local function describe_rule(rule)
  local peer
  for _, name in ipairs(PEERS) do peer = peer or peer_value(rule, name[1]) end
  local ports = rule.IpProtocol == "-1" and "ALL"
    or ("%s, from port: %s, to port: %s"):format(rule.IpProtocol:upper(), rule.FromPort, rule.ToPort)
  return ("peer: %s, %s, ALLOW"):format(peer, ports)
end

local function authorize(egress)
  return function(call, params)
    local group = support.need(call, "ec2.security_group", params.GroupId)
    local wanted = wanted_rules(call, params, egress)
    for _, rule in ipairs(wanted) do
      if find_rule(call, group, rule) then
        fault.raise("InvalidPermission.Duplicate", 'the specified rule "%s" already exists',
          describe_rule(rule))
      end
    end
    local made = json.array {}
    for i, rule in ipairs(wanted) do
      rule.Tags = support.tags(params, "security-group-rule")
      made[i] = add_rule(call, group, rule)
    end
    return { Return = true, SecurityGroupRules = made }
  end
end

local function revoke(egress)
  return function(call, params)
    local group = support.need(call, "ec2.security_group", params.GroupId)
    local ids = {}
    for _, id in ipairs(params.SecurityGroupRuleIds or {}) do
      support.need(call, "ec2.security_group_rule", id)
      ids[#ids + 1] = id
    end
    if not ids[1] then
      for _, wanted in ipairs(wanted_rules(call, params, egress)) do
        local rule = find_rule(call, group, wanted)
        if not rule then
          fault.raise("InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.")
        end
        ids[#ids + 1] = rule.SecurityGroupRuleId
      end
    end
    for _, id in ipairs(ids) do call:remove("ec2.security_group_rule", id) end
    return { Return = true }
  end
end

local function describe_again(egress)
  return function(call, params)
    local group = support.need(call, "ec2.security_group", params.GroupId)
    for _, wanted in ipairs(wanted_rules(call, params, egress)) do
      local rule = find_rule(call, group, wanted)
      if not rule then
        fault.raise("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
      end
      rule.Description = wanted.Description
    end
    return { Return = true }
  end
end

operations.AuthorizeSecurityGroupIngress = authorize(false)
operations.AuthorizeSecurityGroupEgress = authorize(true)
operations.RevokeSecurityGroupIngress = revoke(false)
operations.RevokeSecurityGroupEgress = revoke(true)
operations.UpdateSecurityGroupRuleDescriptionsIngress = describe_again(false)
operations.UpdateSecurityGroupRuleDescriptionsEgress = describe_again(true)

return M

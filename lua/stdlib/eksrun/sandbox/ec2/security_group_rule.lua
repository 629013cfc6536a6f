--- EC2: the rules of security groups. Each is a thing of its own.
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local quota = require "eksrun.sandbox.ec2.quota"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

operations.DescribeSecurityGroupRules = support.describe {
  kind = "ec2.security_group_rule", prefix = "sgr", id = "SecurityGroupRuleId", tag = "security-group-rule",
  list = "SecurityGroupRules", ids = "SecurityGroupRuleIds", missing = "InvalidSecurityGroupRuleId.NotFound",
  missing_text = "The security group rule ID '%s' does not exist",
  malformed = "InvalidSecurityGroupRuleId.Malformed",
  filters = filter.map("DescribeSecurityGroupRules", [[
    group-id security-group-rule-id]]),
}

--- The rules of a group.
--- @param call eksrun.sandbox.Call
--- @param group string id
--- @return table[]
function M.of(call, group)
  return call:all("ec2.security_group_rule", function(rule) return rule.GroupId == group end)
end

-- By the peer's member of a rule: the list of a permission, and the member of its items.
local PEERS = {
  { "CidrIpv4", "IpRanges", "CidrIp" }, { "CidrIpv6", "Ipv6Ranges", "CidrIpv6" },
  { "PrefixListId", "PrefixListIds", "PrefixListId" }, { "ReferencedGroupId", "UserIdGroupPairs", "GroupId" },
}

--- What a rule lets through, of one sort.
--- @param rule table
--- @param name string "CidrIpv4", "ReferencedGroupId"
--- @return string?
function M.peer(rule, name)
  if name == "ReferencedGroupId" then return rule.ReferencedGroupInfo and rule.ReferencedGroupInfo.GroupId end
  return rule[name]
end

--- Rules as permissions: those of the same protocol and ports are one.
--- @param call eksrun.sandbox.Call
--- @param rules table[]
--- @return table[]
function M.permissions(call, rules)
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
      local value = M.peer(rule, peer[1])
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

--- @param call eksrun.sandbox.Call
--- @param group table
--- @param fields table of the rule
--- @return table rule
function M.add(call, group, fields)
  local id = call:id "sgr"
  fields.SecurityGroupRuleId, fields.GroupId, fields.GroupOwnerId = id, group.GroupId, call.account
  fields.SecurityGroupRuleArn = call:arn("ec2", "security-group-rule/" .. id)
  fields.Tags = fields.Tags or json.array {}
  return call:put("ec2.security_group_rule", id, fields)
end

local NUMBERS = { ["6"] = "tcp", ["17"] = "udp", ["1"] = "icmp", ["58"] = "icmpv6" }
local KNOWN = { tcp = true, udp = true, icmp = true, icmpv6 = true }

local function check_ports(permission, protocol)
  if protocol == "-1" then return -1, -1 end
  local from, to = permission.FromPort, permission.ToPort
  if not KNOWN[protocol] and not (tonumber(protocol) and tonumber(protocol) <= 255) then
    fault.raise("InvalidParameterValue", "Invalid value '%s' for IP protocol. Unknown protocol.", protocol)
  end
  if protocol == "tcp" or protocol == "udp" then
    if not from or not to or from < 0 or to > 65535 or from > to then
      fault.raise("InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports "
        .. "with TCP/UDP.")
    end
  end
  return from or -1, to or -1
end

-- A rule of one peer, as a request gives it.
local function new_rule(call, group, fields, peer, value)
  if peer:find "^Cidr" then
    local block = cidr.try_parse(value)
    if not block or (block.family == 6) ~= (peer == "CidrIpv6") then
      fault.raise("InvalidParameterValue", "CIDR block %s is malformed", tostring(value))
    end
    fields[peer] = value
  elseif peer == "ReferencedGroupId" then
    local other = support.need(call, "ec2.security_group", value)
    if other.VpcId ~= group.VpcId then
      fault.raise("InvalidGroup.NotFound", "You have specified two resources that belong to different "
        .. "networks.")
    end
    fields.ReferencedGroupInfo = { GroupId = value, UserId = call.account }
  else
    fields[peer] = value
  end
  return fields
end

-- The permissions of a request, also where it gives one by members of its own.
local function permissions_of(params)
  if params.IpPermissions or not (params.CidrIp or params.IpProtocol) then return params.IpPermissions
    or {} end
  return {
    {
      IpProtocol = params.IpProtocol, FromPort = params.FromPort, ToPort = params.ToPort,
      IpRanges = { { CidrIp = params.CidrIp } },
    },
  }
end

-- The rules that permissions ask for, each with one peer.
local function wanted_rules(call, group, params, egress)
  local list = {}
  for _, permission in ipairs(permissions_of(params)) do
    local protocol = NUMBERS[permission.IpProtocol] or tostring(permission.IpProtocol):lower()
    local from, to = check_ports(permission, protocol)
    for _, peer in ipairs(PEERS) do
      for _, item in ipairs(permission[peer[2]] or {}) do
        list[#list + 1] = new_rule(call, group, {
          IsEgress = egress, IpProtocol = protocol, FromPort = from, ToPort = to,
          Description = item.Description,
        }, peer[1], item[peer[3]])
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
    if M.peer(a, peer[1]) ~= M.peer(b, peer[1]) then return false end
  end
  return true
end

local function find_rule(call, group, wanted)
  for _, rule in ipairs(M.of(call, group.GroupId)) do
    if same(rule, wanted) then return rule end
  end
end

local function describe_rule(rule)
  local peer
  for _, name in ipairs(PEERS) do peer = peer or M.peer(rule, name[1]) end
  local ports = rule.IpProtocol == "-1" and "ALL"
    or ("%s, from port: %s, to port: %s"):format(rule.IpProtocol:upper(), rule.FromPort, rule.ToPort)
  return ("peer: %s, %s, ALLOW"):format(peer, ports)
end

local function check_count(call, group, egress, more)
  local count = 0
  for _, rule in ipairs(M.of(call, group.GroupId)) do
    if rule.IsEgress == egress then count = count + 1 end
  end
  if count + more > quota.rules_of_group then
    fault.raise("RulesPerSecurityGroupLimitExceeded",
      "The maximum number of rules per security group has been reached.")
  end
end

local function authorize(egress)
  return function(call, params)
    local group = support.need(call, "ec2.security_group", params.GroupId)
    local wanted = wanted_rules(call, group, params, egress)
    for i, rule in ipairs(wanted) do
      for j = 1, i - 1 do
        if same(rule, wanted[j]) then
          fault.raise("InvalidParameterValue", "The same permission must not appear multiple times")
        end
      end
      if find_rule(call, group, rule) then
        fault.raise("InvalidPermission.Duplicate", 'the specified rule "%s" already exists',
          describe_rule(rule))
      end
    end
    check_count(call, group, egress, #wanted)
    local made = json.array {}
    for i, rule in ipairs(wanted) do
      rule.Tags = support.tags(params, "security-group-rule")
      made[i] = M.add(call, group, rule)
    end
    return { Return = true, SecurityGroupRules = made }
  end
end

local function revoked_rule(rule)
  return {
    SecurityGroupRuleId = rule.SecurityGroupRuleId, GroupId = rule.GroupId, IsEgress = rule.IsEgress,
    IpProtocol = rule.IpProtocol, FromPort = rule.FromPort, ToPort = rule.ToPort, CidrIpv4 = rule.CidrIpv4,
    CidrIpv6 = rule.CidrIpv6, PrefixListId = rule.PrefixListId, Description = rule.Description,
    ReferencedGroupId = M.peer(rule, "ReferencedGroupId"),
  }
end

local function revoke(egress)
  return function(call, params)
    local group = support.need(call, "ec2.security_group", params.GroupId)
    local ids, seen = {}, {}
    for _, id in ipairs(params.SecurityGroupRuleIds or {}) do
      local rule = support.need(call, "ec2.security_group_rule", id)
      if rule.GroupId ~= group.GroupId or rule.IsEgress ~= egress then
        fault.raise("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist",
          id)
      end
      ids[#ids + 1] = id
    end
    if not ids[1] then
      for _, wanted in ipairs(wanted_rules(call, group, params, egress)) do
        local rule = find_rule(call, group, wanted)
        if not rule then
          fault.raise("InvalidPermission.NotFound",
            "The specified rule does not exist in this security group.")
        end
        ids[#ids + 1] = rule.SecurityGroupRuleId
      end
    end
    local revoked = json.array {}
    for _, id in ipairs(ids) do
      if not seen[id] then
        seen[id] = true
        revoked[#revoked + 1] = revoked_rule(call:get("ec2.security_group_rule", id))
        call:remove("ec2.security_group_rule", id)
      end
    end
    return { Return = true, RevokedSecurityGroupRules = revoked }
  end
end

local function describe_again(egress)
  return function(call, params)
    local group = support.need(call, "ec2.security_group", params.GroupId)
    for _, wanted in ipairs(wanted_rules(call, group, params, egress)) do
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

function operations.ModifySecurityGroupRules(call, params)
  local group = support.need(call, "ec2.security_group", params.GroupId)
  local changed = {}
  for i, change in ipairs(params.SecurityGroupRules) do
    local old = support.need(call, "ec2.security_group_rule", change.SecurityGroupRuleId)
    local wanted = change.SecurityGroupRule
    if not wanted or not wanted.IpProtocol then
      fault.raise("MissingParameter", "The request must contain the parameter SecurityGroupRule.IpProtocol")
    end
    if old.GroupId ~= group.GroupId then
      fault.raise("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist",
        change.SecurityGroupRuleId)
    end
    local protocol = NUMBERS[wanted.IpProtocol] or tostring(wanted.IpProtocol):lower()
    local from, to = check_ports(wanted, protocol)
    local new
    for _, peer in ipairs(PEERS) do
      local value = wanted[peer[1]]
      if value then
        new = new_rule(call, group, {
          IsEgress = old.IsEgress, IpProtocol = protocol, FromPort = from, ToPort = to,
          Description = wanted.Description,
        }, peer[1], value)
      end
    end
    if not new then
      fault.raise("MissingParameter", "The request must contain a source or destination of the rule")
    end
    local twin = find_rule(call, group, new)
    if twin and twin ~= old then
      fault.raise("InvalidPermission.Duplicate", 'the specified rule "%s" already exists', describe_rule(new))
    end
    changed[i] = { old, new }
  end
  for _, pair in ipairs(changed) do
    for _, name in ipairs { "CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupInfo", "IpProtocol",
      "FromPort", "ToPort", "Description" } do
      pair[1][name] = pair[2][name]
    end
  end
  return { Return = true }
end

return M

--- ec2.security_group_rule: traffic that a group lets in or out: a protocol, a range of ports and exactly one
--- peer. What it lets through identifies it within its group, so that a change of it replaces it; only its
--- description can change.
---
--- In a group of the stack every rule belongs to the stack: one that the recipe does not declare is
--- deleted. In a group of somebody else's (the one that EKS makes for a cluster) only rules that carry the
--- stack's tags do.
local resource = require "eksrun.resource"

local PEERS = { "CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId" }

-- By how DescribeSecurityGroups holds the peers of a permission: its list, and the field in it.
local LISTS = {
  CidrIpv4 = { "IpRanges", "CidrIp" },
  CidrIpv6 = { "Ipv6Ranges", "CidrIpv6" },
  PrefixListId = { "PrefixListIds", "PrefixListId" },
  ReferencedGroupId = { "UserIdGroupPairs", "GroupId" },
}

-- DescribeSecurityGroups gives rules no ids: this one is made of what identifies a rule.
local function id_of(fields)
  return table.concat({
    fields.GroupId, fields.Direction, fields.IpProtocol, fields.FromPort, fields.ToPort,
    fields.CidrIpv4 or fields.CidrIpv6 or fields.PrefixListId or fields.ReferencedGroupId,
  }, "/")
end

-- AWS leaves the ports out where a protocol has none.
local function record_of(group, direction, permission, peer, item)
  local all = permission.IpProtocol == "-1"
  local record = {
    GroupId = group,
    Direction = direction,
    IpProtocol = permission.IpProtocol,
    FromPort = not all and permission.FromPort or -1,
    ToPort = not all and permission.ToPort or -1,
    Description = item.Description,
    [peer] = item[LISTS[peer][2]],
  }
  record.RuleId = id_of(record)
  return record
end

local function is_default_egress(record)
  return record.Direction == "egress" and record.IpProtocol == "-1" and record.CidrIpv4 == "0.0.0.0/0"
end

local function permission_of(fields)
  local permission = { IpProtocol = fields.IpProtocol }
  if fields.IpProtocol ~= "-1" then
    permission.FromPort, permission.ToPort = fields.FromPort, fields.ToPort
  end
  for _, peer in ipairs(PEERS) do
    if fields[peer] then
      local list, field = table.unpack(LISTS[peer])
      permission[list] = { { [field] = fields[peer], Description = fields.Description } }
    end
  end
  return permission
end

-- The call of a group's direction: authorize_security_group_ingress ...
local function call(ctx, verb, fields, more)
  local params = more or {}
  params.GroupId = fields.GroupId
  params.IpPermissions = { permission_of(fields) }
  local operation = verb:format(fields.Direction)
  return ctx.aws.ec2[operation](ctx.aws.ec2, params)
end

local function in_own_groups(ctx)
  local records = {}
  local groups = ctx:list("ec2", "describe_security_groups", { Filters = ctx:stack_filter() },
    "SecurityGroups")
  for _, group in ipairs(groups) do
    for direction, permissions in pairs {
      ingress = group.IpPermissions or {}, egress = group.IpPermissionsEgress or {},
    } do
      for _, permission in ipairs(permissions) do
        for peer, list in pairs(LISTS) do
          for _, item in ipairs(permission[list[1]] or {}) do
            local record = record_of(group.GroupId, direction, permission, peer, item)
            if not is_default_egress(record) then records[#records + 1] = record end
          end
        end
      end
    end
  end
  return records
end

local function in_other_groups(ctx)
  local records = {}
  local rules = ctx:list("ec2", "describe_security_group_rules", { Filters = ctx:stack_filter() },
    "SecurityGroupRules")
  for _, rule in ipairs(rules) do
    local peer, value = "ReferencedGroupId", rule.ReferencedGroupInfo and rule.ReferencedGroupInfo.GroupId
    if rule.CidrIpv4 then peer, value = "CidrIpv4", rule.CidrIpv4 end
    if rule.CidrIpv6 then peer, value = "CidrIpv6", rule.CidrIpv6 end
    if rule.PrefixListId then peer, value = "PrefixListId", rule.PrefixListId end
    if value then
      records[#records + 1] = record_of(rule.GroupId, rule.IsEgress and "egress" or "ingress", rule, peer,
        { [LISTS[peer][2]] = value, Description = rule.Description })
    end
  end
  return records
end

local function one_peer(node)
  local given = {}
  for _, peer in ipairs(PEERS) do
    if node.inputs[peer] ~= nil then given[#given + 1] = peer end
  end
  if #given ~= 1 then
    return ("exactly one of %s is wanted, got %s"):format(table.concat(PEERS, ", "),
      given[1] and table.concat(given, " and ") or "none")
  end
end

-- -1 stands for all of them.
local function port()
  return { type = "integer", immutable = true, default = -1, computed = function() return -1 end }
end

return resource.define {
  name = "ec2.security_group_rule",
  identity = "relation",
  key = { "GroupId", "Direction", "IpProtocol", "FromPort", "ToPort", table.unpack(PEERS) },
  id = "RuleId",
  parent = "GroupId",
  inputs = {
    GroupId = { type = "string", required = true, immutable = true, refers = "ec2.security_group" },
    Direction = {
      type = "string",
      required = true,
      immutable = true,
      check = function(value)
        if value ~= "ingress" and value ~= "egress" then return "is 'ingress' or 'egress', not " .. value end
      end,
    },
    IpProtocol = { type = "string", required = true, immutable = true },
    FromPort = port(),
    ToPort = port(),
    CidrIpv4 = { type = "string", immutable = true },
    CidrIpv6 = { type = "string", immutable = true },
    PrefixListId = { type = "string", immutable = true },
    ReferencedGroupId = { type = "string", immutable = true, refers = "ec2.security_group" },
    Description = { type = "string", default = "" },
  },
  verify = one_peer,
  retry = { create = { { code = "InvalidGroup.NotFound" } } },
  typical = { create = 1, delete = 1 },

  observe = function(ctx)
    local records, seen = {}, {}
    local function look(at) return at(ctx) end
    for _, found in ipairs(ctx:each({ in_own_groups, in_other_groups }, look)) do
      for _, record in ipairs(found) do
        if not seen[record.RuleId] then records[#records + 1] = record end
        seen[record.RuleId] = true
      end
    end
    return records
  end,

  create = function(ctx, inputs)
    ctx:done_already(function()
      call(ctx, "authorize_security_group_%s", inputs, ctx:tag_specification "security-group-rule")
    end, "InvalidPermission.Duplicate")
    return { RuleId = id_of(inputs) }
  end,

  update = function(ctx, _, inputs) call(ctx, "update_security_group_rule_descriptions_%s", inputs) end,

  delete = function(ctx, record)
    ctx:found(function() call(ctx, "revoke_security_group_%s", record) end, "InvalidPermission.NotFound")
  end,
}

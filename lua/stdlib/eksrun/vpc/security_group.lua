--- Security groups with their rules, in one declaration.
local ec2 = require "eksrun.ec2"
local eksrun = require "eksrun"
local cidr = require "eksrun.cidr"
local graph = require "eksrun.engine.graph"
local util = require "eksrun.util"

local M = {}

local OPTIONS = {
  [1] = "string?", network = "table?", vpc = "any?", name = "string?", description = "string?",
  ingress = "table?", egress = "table?", tags = "table?",
}

local RULE = {
  [1] = "string?", protocol = "string?", port = "integer?", ports = "table?", from = "any?", to = "any?",
  description = "string?",
}

--- @class eksrun.SecurityGroup.Options
--- @field [1]? string name in the recipe, default "group"
--- @field network? eksrun.Network where it is; or else `vpc`
--- @field vpc? any ec2.vpc or id
--- @field name? string at AWS; default: made from the stack and the address
--- @field description? string
--- @field ingress? eksrun.SecurityGroup.Rule[]
--- @field egress? eksrun.SecurityGroup.Rule[] default: everything may go out; {} for nothing
--- @field tags? table<string, string>

--- @class eksrun.SecurityGroup.Rule
--- @field [1]? string name in the recipe; default: "ingress-1" ...
--- @field protocol? string "tcp" (default), "udp", "icmp", or "all"
--- @field port? integer
--- @field ports? integer[] first and last; neither: all
--- @field from? any of an ingress rule: address range, prefix list, group (resource or id), "self"
--- @field to? any the same of an egress rule
--- @field description? string

-- The field that a peer goes into, and its value there.
local function peer_of(where, group, peer)
  if peer == "self" then return "ReferencedGroupId", group end
  if eksrun.is_ref(peer) or graph.node_of(peer) then return "ReferencedGroupId", peer end
  if type(peer) == "string" then
    if peer:find("^sg%-") then return "ReferencedGroupId", peer end
    if peer:find("^pl%-") then return "PrefixListId", peer end
    local block, reason = cidr.try_parse(peer)
    if not block then util.raise_at_caller("%s: %s", where, reason) end
    return block.family == 4 and "CidrIpv4" or "CidrIpv6", peer
  end
  util.raise_at_caller("%s: an address range, a security group, a prefix list or \"self\" expected, got %s",
    where, type(peer))
end

local function declare_rule(group, direction, index, rule)
  local name = ("%s-%d"):format(direction, index)
  local where = "vpc.security_group: " .. name
  util.check_options(where, rule, RULE)
  local side = direction == "ingress" and "from" or "to"
  if rule[side] == nil or rule[side == "from" and "to" or "from"] ~= nil then
    util.raise_at_caller("%s: field '%s' is required, and the other side is the group", where, side)
  end
  if rule.ports and #rule.ports ~= 2 or rule.ports and rule.port then
    util.raise_at_caller("%s: 'port', or 'ports' with the first and the last", where)
  end
  local all = rule.protocol == "all"
  local first = rule.port or rule.ports and rule.ports[1]
  if all and first then util.raise_at_caller("%s: all protocols have no ports", where) end
  local protocol = rule.protocol or "tcp"
  local ported = protocol == "tcp" or protocol == "udp"
  local peer, value = peer_of(where, group, rule[side])
  ec2.security_group_rule {
    rule[1] or name,
    GroupId = group,
    Direction = direction,
    IpProtocol = all and "-1" or protocol,
    FromPort = first or ported and 0 or nil,
    ToPort = first and (rule.port or rule.ports[2]) or ported and 65535 or nil,
    Description = rule.description,
    [peer] = value,
  }
end

--- Declares a security group and its rules, which stand below its name.
---
---   vpc.security_group { "db", network = net, ingress = { { port = 5432, from = net.cidr } } }
---
--- @param options eksrun.SecurityGroup.Options
--- @return table group an ec2.security_group
--- Raises at the recipe's line what does not go together.
function M.declare(options)
  util.check_options("vpc.security_group", options, OPTIONS)
  local where = options.vpc or options.network and options.network.vpc
  if not where then util.raise_at_caller("vpc.security_group: field 'network' or 'vpc' is required") end
  local name = options[1] or "group"
  local group = ec2.security_group {
    name,
    VpcId = where,
    GroupName = options.name,
    Description = options.description,
    AllowAllEgress = options.egress == nil,
    tags = options.tags,
  }
  eksrun.scope(name, function()
    for i, rule in ipairs(options.ingress or {}) do declare_rule(group, "ingress", i, rule) end
    for i, rule in ipairs(options.egress or {}) do declare_rule(group, "egress", i, rule) end
  end)
  return group
end

return M

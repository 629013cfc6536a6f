--- What the handlers of both APIs of load balancers share: things by their ARNs, and
--- where a name or an ARN has to be one.
local ec2 = require "eksrun.sandbox.ec2.support"
local fault = require "eksrun.sandbox.fault"

local M = {}

-- By kind: the code and the text of the error for one that is not there.
local MISSING = {
  ["elbv2.load_balancer"] = { "LoadBalancerNotFound", "Load balancer '%s' not found" },
  ["elbv2.target_group"] = { "TargetGroupNotFound", "Target groups '%s' not found" },
  ["elbv2.listener"] = { "ListenerNotFound", "One or more listeners not found" },
  ["elbv2.rule"] = { "RuleNotFound", "One or more rules not found" },
}

--- @param message string a format when more arguments follow
function M.refuse(message, ...) fault.raise("ValidationError", message, ...) end

--- A thing by its ARN, or the error that there is none.
--- @param call eksrun.sandbox.Call
--- @param kind string "elbv2.load_balancer"
--- @param arn string?
--- @return table
function M.need(call, kind, arn)
  local thing = call:get(kind, arn)
  if thing then return thing end
  if not (arn or ""):find "^arn:[^:]+:elasticloadbalancing:" then
    M.refuse("'%s' is not a valid %s ARN", tostring(arn), kind:match "%.(.*)$":gsub("_", " "))
  end
  fault.raise(MISSING[kind][1], MISSING[kind][2]:find "%%s" and MISSING[kind][2]:format(arn)
    or MISSING[kind][2])
end

--- Those of a kind that a Describe call asks for, by ARN or name.
--- @param call eksrun.sandbox.Call
--- @param kind string
--- @param arns string[]?
--- @param names string[]?
--- @param field? string that holds the name
--- @return table[]
function M.select(call, kind, arns, names, field)
  local list = {}
  for i, arn in ipairs(arns or {}) do list[i] = M.need(call, kind, arn) end
  for _, name in ipairs(names or {}) do
    local found = call:find(kind, function(thing) return thing[field] == name end)
    if not found then
      local what = kind == "elbv2.load_balancer" and "load balancers" or "target groups"
      fault.raise(MISSING[kind][1], ("One or more %s not found"):format(what))
    end
    list[#list + 1] = found
  end
  if arns or names then return list end
  return call:all(kind)
end

--- A new ARN's last part.
--- @param call eksrun.sandbox.Call
--- @return string 16 hexadecimal digits
function M.token(call, ...) return call:hash("arn", ...):sub(1, 16) end

--- Checks a name of a load balancer or target group.
--- @param what string "load balancer"
--- @param name string
function M.check_name(what, name)
  if #name > 32 then M.refuse("The %s name '%s' cannot be longer than '32' characters", what, name) end
  if not name:find "^[%w-]+$" then
    M.refuse("The %s name '%s' can only contain characters that are alphanumeric characters and hyphens(-)",
      what, name)
  end
  if name:find "^%-" or name:find "%-$" or what == "load balancer" and name:find "^internal%-" then
    M.refuse("The %s name '%s' cannot begin or end with a hyphen(-)", what, name)
  end
end

--- Checks subnets: they are there, in one network, and in zones of their own; those of a balancer that the
--- internet reaches can be reached.
--- @param call eksrun.sandbox.Call
--- @param ids string[]
--- @param scheme string
--- @param words { missing: string, zone: string } what is said of one that is not there, with its id, and of
---   two in one zone
--- @return string? vpc nil: there are none
function M.check_subnets(call, ids, scheme, words)
  local vpc, zones = nil, {}
  for _, id in ipairs(ids) do
    local subnet = call:get("ec2.subnet", id)
    if not subnet then fault.raise("SubnetNotFound", words.missing, tostring(id)) end
    if vpc and subnet.VpcId ~= vpc then
      fault.raise("InvalidConfigurationRequest", "All subnets must belong to the same VPC: '%s'", vpc)
    elseif zones[subnet.AvailabilityZone] then
      fault.raise("InvalidConfigurationRequest", words.zone)
    end
    vpc, zones[subnet.AvailabilityZone] = subnet.VpcId, true
  end
  if vpc and scheme == "internet-facing" and not pcall(ec2.need_internet, call, vpc) then
    fault.raise("InvalidSubnet", "VPC %s has no internet gateway", vpc)
  end
  return vpc
end

--- Refuses groups that are not in a network.
--- @param call eksrun.sandbox.Call
--- @param vpc string
--- @param ids string[]
function M.check_groups(call, vpc, ids)
  for _, id in ipairs(ids) do
    local group = call:get("ec2.security_group", id)
    if not group or group.VpcId ~= vpc then
      fault.raise("InvalidSecurityGroup", "Security group '%s' does not exist in VPC '%s'", id, vpc)
    end
  end
end

--- The tags of a request, checked, as a table.
--- @param tags table[]?
--- @param into? table<string, string> those that there are
--- @return table<string, string>
function M.tags(tags, into)
  local map, seen, count = {}, {}, 0
  for key, value in pairs(into or {}) do map[key] = value end
  for _, tag in ipairs(tags or {}) do
    if seen[tag.Key] then
      fault.raise("DuplicateTagKeys", "Tag keys must be unique, '%s' is given twice", tag.Key)
    end
    if tag.Key:lower():find "^aws:" then M.refuse("Tag keys beginning with 'aws:' are reserved") end
    seen[tag.Key], map[tag.Key] = true, tag.Value or ""
  end
  for _ in pairs(map) do count = count + 1 end
  if count > 50 then fault.raise("TooManyTags", "The maximum number of tags has been reached") end
  return map
end

return M

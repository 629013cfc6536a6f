--- ELB: attributes and tags of its things.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.elbv2.support"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

-- Kinds with attributes: the name in operations, and the parameter with the ARN.
local KINDS = {
  { "elbv2.load_balancer", "LoadBalancer", "LoadBalancerArn", "Load balancer" },
  { "elbv2.target_group", "TargetGroup", "TargetGroupArn", "Target group" },
  { "elbv2.listener", "Listener", "ListenerArn", "Listener" },
}

local function listed(map)
  local list = json.array {}
  for key, value in util.sorted_pairs(map) do list[#list + 1] = { Key = key, Value = value } end
  return list
end

-- Attributes of listeners that are there once they are set.
local function is_header(key) return key:find "^routing%.http%.re[qs][%w_]*%.[%w_]+%.[%w_]+$" ~= nil end

for _, kind in ipairs(KINDS) do
  operations[("Describe%sAttributes"):format(kind[2])] = function(call, params)
    return { Attributes = listed(support.need(call, kind[1], params[kind[3]])._attributes) }
  end
  operations[("Modify%sAttributes"):format(kind[2])] = function(call, params)
    local thing = support.need(call, kind[1], params[kind[3]])
    for _, attribute in ipairs(params.Attributes) do
      local key = tostring(attribute.Key)
      if thing._attributes[key] == nil and not (kind[2] == "Listener" and is_header(key)) then
        support.refuse("%s attribute key '%s' is not recognized", kind[4], key)
      end
    end
    for _, attribute in ipairs(params.Attributes) do thing._attributes[attribute.Key] = attribute.Value
      or "" end
    return { Attributes = listed(thing._attributes) }
  end
end

-- -- tags ---------------------------------------------------------------------------------------------------

local BY_PART = {
  loadbalancer = "elbv2.load_balancer", targetgroup = "elbv2.target_group", listener = "elbv2.listener",
  ["listener-rule"] = "elbv2.rule",
}

local function tagged(call, arn)
  local kind = BY_PART[arn:match "^arn:[^:]*:elasticloadbalancing:[^:]*:%d*:([^/]+)/" or ""]
  if not kind then fault.raise("ValidationError", "'%s' is not a valid ARN of a resource with tags", arn) end
  return support.need(call, kind, arn)
end

function operations.AddTags(call, params)
  for _, arn in ipairs(params.ResourceArns) do
    local thing = tagged(call, arn)
    thing._tags = support.tags(params.Tags, thing._tags)
  end
  return {}
end

function operations.RemoveTags(call, params)
  for _, arn in ipairs(params.ResourceArns) do
    local thing = tagged(call, arn)
    for _, key in ipairs(params.TagKeys) do thing._tags[key] = nil end
  end
  return {}
end

function operations.DescribeTags(call, params)
  local list = json.array {}
  for i, arn in ipairs(params.ResourceArns) do
    list[i] = { ResourceArn = arn, Tags = json.array(calls.tag_list(tagged(call, arn)._tags)) }
  end
  return { TagDescriptions = list }
end

--- What the tagging API shows.
--- @param call eksrun.sandbox.Call
--- @return { arn: string, tags: table<string, string> }[]
function M.all_tags(call)
  local list = {}
  for _, kind in util.sorted_pairs(BY_PART) do
    for _, thing in ipairs(call:all(kind)) do
      list[#list + 1] = {
        arn = thing.RuleArn or thing.ListenerArn or thing.TargetGroupArn or thing.LoadBalancerArn,
        tags = util.copy(thing._tags),
      }
    end
  end
  return list
end

return M

--- The forms in which the APIs take and give tags.
---
--- A type names its scheme: `tagging = { "ec2", "vpc" }`, `{ "list" }`, `{ "map" }`.
---   ec2   TagSpecifications on creation, a list of Key and Value in answers; CreateTags by id
---   list  a list of Key and Value, "Tags" (IAM, CloudFormation, SSM)
---   kms   the same as TagKey and TagValue
---   map   a table by key, "tags" (EKS, CloudWatch Logs)
---   asg   a list that also says what is tagged, and whether instances get it (Auto Scaling)
local util = require "eksrun.util"

local M = {}

local function pairs_of(tags, key_name, value_name)
  local list = {}
  for key, value in util.sorted_pairs(tags) do
    list[#list + 1] = { [key_name or "Key"] = key, [value_name or "Value"] = value }
  end
  return list
end

--- The tags of an Auto Scaling group. The recipe's go on to its instances, eksrun's own do not: an
--- instance is no resource of the stack.
--- @param tags table<string, string>
--- @param group string
--- @return table[]
function M.asg(tags, group)
  local list = pairs_of(tags)
  for _, tag in ipairs(list) do
    tag.ResourceId, tag.ResourceType = group, "auto-scaling-group"
    tag.PropagateAtLaunch = not tag.Key:find("^eksrun:")
  end
  return list
end

local schemes = {
  ec2 = {
    put = function(params, tags, kind)
      params.TagSpecifications = { { ResourceType = kind, Tags = pairs_of(tags) } }
    end,
    retag = function(ctx, record, set, removed)
      local id = record[ctx.type.id]
      if next(set) then ctx.aws.ec2:create_tags { Resources = { id }, Tags = pairs_of(set) } end
      if removed[1] then
        local keys = {}
        for i, key in ipairs(removed) do keys[i] = { Key = key } end
        ctx.aws.ec2:delete_tags { Resources = { id }, Tags = keys }
      end
    end,
  },
  list = {
    put = function(params, tags) params.Tags = pairs_of(tags) end,
  },
  kms = {
    put = function(params, tags) params.Tags = pairs_of(tags, "TagKey", "TagValue") end,
  },
  asg = {
    put = function(params, tags) params.Tags = M.asg(tags, params.AutoScalingGroupName) end,
  },
  map = {
    put = function(params, tags) params.tags = util.copy(tags) end,
  },
}

--- @param name string
--- @return table? scheme
function M.scheme(name) return schemes[name] end

--- Tags as a table by key, from any of the forms.
--- @param tags? table
--- @return table<string, string>
function M.read(tags)
  local out = {}
  if type(tags) ~= "table" then return out end
  for key, value in pairs(tags) do
    if type(value) ~= "table" then
      out[key] = value
    else
      out[value.Key or value.key or value.TagKey] = value.Value or value.value or value.TagValue or ""
    end
  end
  return out
end

--- A list of Key and Value, in the order of the keys.
--- @param tags table<string, string>
--- @param key_name? string what the API calls the key, "TagKey"
--- @param value_name? string
--- @return table<string, string>[]
function M.list(tags, key_name, value_name) return pairs_of(tags, key_name, value_name) end

return M

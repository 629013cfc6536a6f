--- The tags of things that keep them by key, in `_tags`: what services ask for by an ARN.
local calls = require "eksrun.sandbox.call"
local json = require "eksrun.json"

local M = {}

--- Puts TagResource, UntagResource and ListTagsForResource into a service's operations.
--- @param operations table
--- @param find fun(call: eksrun.sandbox.Call, arn: string): table the thing, or raises
--- @param as_list? boolean the service has lists of Key and Value instead of maps
function M.by_arn(operations, find, as_list)
  function operations.ListTagsForResource(call, params)
    local map = find(call, params.resourceArn)._tags
    return { tags = as_list and json.array(calls.tag_list(map)) or map }
  end

  function operations.TagResource(call, params)
    local map = find(call, params.resourceArn)._tags
    for key, value in pairs(as_list and calls.tag_map(params.tags) or params.tags) do map[key] = value end
  end

  function operations.UntagResource(call, params)
    local map = find(call, params.resourceArn)._tags
    for _, key in ipairs(params.tagKeys) do map[key] = nil end
  end
end

--- The tags of all of a kind, as the tagging API asks for them.
--- @param kind string
--- @param arn string the field with its ARN
--- @return fun(call: eksrun.sandbox.Call): { arn: string, tags: table<string, string> }[]
function M.of_all(kind, arn)
  return function(call)
    local list = {}
    for i, thing in ipairs(call:all(kind)) do list[i] = { arn = thing[arn], tags = thing._tags } end
    return list
  end
end

return M

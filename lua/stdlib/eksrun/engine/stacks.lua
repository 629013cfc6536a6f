--- The stacks of an account and region: by the tags of what they have, by the records of their locks.
local error_object = require "eksrun.error"
local locks = require "eksrun.engine.lock"
local stack_module = require "eksrun.engine.stack"
local task = require "eksrun.task"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

--- How many things carry the tag, by stack.
--- @param aws table
--- @return table<string, integer>
function M.by_tags(aws)
  local counts = {}
  for page in aws.resourcegroupstaggingapi:pages("get_resources", {
    TagFilters = { { Key = stack_module.TAG_STACK } },
  }) do
    for _, mapping in ipairs(page.ResourceTagMappingList or {}) do
      for _, tag in ipairs(mapping.Tags or {}) do
        if tag.Key == stack_module.TAG_STACK then counts[tag.Value] = (counts[tag.Value] or 0) + 1 end
      end
    end
  end
  return counts
end

--- The newest record of each stack's lock, by stack.
--- @param aws table
--- @param on_foreign? fun(name: string) what has such a name and is no record of eksrun's
--- @return table<string, eksrun.lock.Record>
function M.by_locks(aws, on_foreign)
  local records = {}
  for _, record in ipairs(locks.all(aws, on_foreign)) do
    if type(record.stack) == "string" then records[record.stack] = record end
  end
  return records
end

--- Whether a stack was destroyed whole: it leaves its lock behind.
--- @param record eksrun.lock.Record?
--- @return boolean
function M.is_destroyed(record)
  return record ~= nil and record.kind == "release" and record.complete and not next(record.inventory or {})
end

--- Calls f: what it returns, or nil and the error object; what ends the run is raised.
--- @param f function
--- @param ... any what f gets
--- @return any result, table? err
function M.try(f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if not error_object.is(result) or result.code == "canceled" or result.code == "interrupted" then
    error(result, 0)
  end
  return nil, result
end

-- The stacks that may be meant: names like this one, and those that have it as their recipe or as what the
-- recipe calls `name`.
local function near(name, names)
  local out, seen = {}, {}
  local function add(other)
    if not seen[other] then out[#out + 1], seen[other] = "'" .. util.escape(other) .. "'", true end
  end
  for _, other in ipairs(text.suggest(name, names)) do add(other) end
  for _, other in ipairs(names) do
    if other:match "^[^/]+" == name or other:match "[^/]+$" == name then add(other) end
  end
  return table.concat(out, " or ", 1, math.min(#out, 3))
end

--- What to say of a name under which nothing was found; nil where it is a known stack's.
--- @param aws table
--- @param name string
--- @return string? line
function M.unknown(aws, name)
  local found = task.all {
    function() return M.try(M.by_tags, aws) or {} end,
    function() return M.try(M.by_locks, aws) or {} end,
  }
  local counts, records, names = found[1], found[2], {}
  if records[name] then return nil end
  for other in pairs(counts) do names[other] = true end
  for other, record in pairs(records) do names[other] = names[other] or not M.is_destroyed(record) or nil end
  local likely = near(name, util.sorted_keys(names))
  return ("no stack %s is known here; %s"):format(name, likely ~= "" and "did you mean " .. likely .. "?"
    or "eksrun stacks lists those of this account and region")
end

return M

--- What the IAM types share: documents as IAM gives them, and the search among what IAM filters by no tag.
local tags = require "eksrun.resource.tags"
local text = require "eksrun.text"

local M = {}

--- A policy document as IAM gives it, percent-encoded, as text.
--- @param value string|table
--- @return string|table
function M.decoded(value)
  if type(value) == "string" and value:find("^%%7[Bb]") then return text.percent_decode(value) end
  return value
end

--- What the stack owns of a kind, while observing: what `wanted` names, and in a sweep what has a name as
--- this stack gives, among all of the account.
--- @param ctx eksrun.Context
--- @param wanted string[] names
--- @param all fun(): string[] names of all in the account
--- @param describe fun(name: string): table? record, nil when there is none
--- @return table[] records
function M.observe(ctx, wanted, all, describe)
  local records, seen, jobs = {}, {}, {}
  local function look(name)
    if seen[name] then return end
    seen[name] = true
    local record = ctx:once(ctx.type.name .. "/" .. name, function() return describe(name) or false end)
    if record then records[#records + 1] = record end
  end
  for i, name in ipairs(wanted) do
    jobs[i] = function() look(name) end
  end
  if ctx.sweep then
    jobs[#jobs + 1] = function()
      local names = {}
      for _, name in ipairs(all()) do
        if ctx.stack:maybe_names(name) then names[#names + 1] = name end
      end
      ctx:each(names, look)
    end
  end
  ctx:each(jobs, function(job) job() end)
  return records
end

--- Changes tags by tag_KIND and untag_KIND.
--- @param kind string "role"
--- @param id string the parameter that names it: "RoleName"; the record has a field of the same name
--- @return fun(ctx: eksrun.Context, record: table, set: table<string, string>, removed: string[])
function M.retag(kind, id)
  return function(ctx, record, set, removed)
    local iam = ctx.aws.iam
    if next(set) then iam["tag_" .. kind](iam, { [id] = record[id], Tags = tags.list(set) }) end
    if removed[1] then iam["untag_" .. kind](iam, { [id] = record[id], TagKeys = removed }) end
  end
end

return M

--- All pages of an answer as one.
local jmespath = require "eksrun.jmespath"
local json = require "eksrun.json"

local M = {}

local function as_list(value)
  if value == nil then return {} end
  return type(value) == "table" and value or { value }
end

-- The table that holds the last name of a dotted path, made if need be, and that name.
local function place(into, path)
  local name
  for part in path:gmatch("[^.]+") do
    if name then
      if type(into[name]) ~= "table" then into[name] = {} end
      into = into[name]
    end
    name = part
  end
  return into, name
end

local function join(into, name, value)
  local have = into[name]
  if have == nil then
    into[name] = value
  elseif type(have) == "table" then
    if value[1] == nil and getmetatable(value) ~= json.array_mt then
      for key, item in pairs(value) do have[key] = item end
    else
      table.move(value, 1, #value, #have + 1, have)
    end
  elseif type(have) == "number" then
    into[name] = have + value
  elseif type(have) == "string" then
    into[name] = have .. value
  end
end

--- Lists joined, numbers and texts of the result added, as the model's result keys say; and what
--- the model says is the same on every page.
--- @param client eksrun.aws.Client
--- @param operation string
--- @param params table
--- @param facts table the model's paginator
--- @param limit? integer most elements of the (first) list
--- @return table answer
--- @return boolean cut whether there would have been more
function M.fetch(client, operation, params, facts, limit)
  local keys = as_list(facts.result_key)
  local answer, cut = {}, false
  for page in client:pages(operation, params) do
    if #keys == 0 then return page, false end
    for _, key in ipairs(keys) do
      local value = jmespath.search(key, page)
      if value ~= nil then
        local into, name = place(answer, key)
        join(into, name, value)
      end
    end
    for _, key in ipairs(facts.non_aggregate_keys or {}) do
      local value = jmespath.search(key, page)
      if value ~= nil then
        local into, name = place(answer, key)
        if into[name] == nil then into[name] = value end
      end
    end
    local list = limit and jmespath.search(keys[1], answer)
    if type(list) == "table" and #list >= limit then
      cut = #list > limit or require("eksrun.aws.paginator").next_tokens(facts, page) ~= nil
      for i = #list, limit + 1, -1 do list[i] = nil end
      break
    end
  end
  return answer, cut
end

return M

--- Pages of list and describe operations, as the models tell how to get from one to the next.
local error = error
local errors = require "eksrun.aws.errors"
local jmespath = require "eksrun.jmespath"

local M = {}

local function as_list(value)
  if value == nil then return {} end
  if type(value) == "table" then return value end
  return { value }
end

-- Whether JMESPath would call it true.
local function is_true(value)
  if type(value) == "table" then return next(value) ~= nil end
  return value ~= nil and value ~= false and value ~= ""
end

--- The request's tokens for the page behind this one.
--- @param facts table paginator of the model: input_token, output_token, more_results
--- @param page table
--- @return table|nil tokens by input name; nil: this was the last page
function M.next_tokens(facts, page)
  if facts.more_results and not is_true(jmespath.search(facts.more_results, page)) then return nil end
  local inputs, outputs = as_list(facts.input_token), as_list(facts.output_token)
  local tokens
  for i, expression in ipairs(outputs) do
    local token = jmespath.search(expression, page)
    if is_true(token) then
      tokens = tokens or {}
      tokens[inputs[i]] = token
    end
  end
  return tokens
end

local function same(a, b, keys)
  for _, key in ipairs(keys) do
    if a[key] ~= b[key] then return false end
  end
  return true
end

--- @class eksrun.aws.PageOptions
--- @field page_size? integer elements that a page holds at most; the service's own if not given
--- @field max_items? integer elements of the first list in all

-- The parameters of the first request.
local function first_request(client, name, params, facts, page_size)
  local request = {}
  for key, value in pairs(params or {}) do request[key] = value end
  if not page_size then return request end
  local limit = facts and facts.limit_key
  if not limit then
    errors.misuse(("%s:%s does not let the caller choose a page's size"):format(client:service_name(), name))
  end
  for _, member in ipairs(client:service():operation(name):input().members) do
    if member.name == limit and member.type == "string" then page_size = tostring(page_size) end
  end
  request[limit] = page_size
  return request
end

--- Iterates over the pages of an operation's answer; without pages there is one.
--- @param client eksrun.aws.Client
--- @param name string operation
--- @param params? table
--- @param options? eksrun.aws.PageOptions
--- @return fun(): table|nil
--- The iterator raises what a call raises, and { code = "invalid_response" } for a token that comes again.
function M.pages(client, name, params, options)
  local facts = client:service():paginator(name)
  local request = first_request(client, name, params, facts, options and options.page_size)
  local done, last = false, nil
  return function()
    if done then return nil end
    local page, err = client:invoke(name, request, { feature = "paginator" })
    if err then error(err, 0) end
    local tokens = facts and M.next_tokens(facts, page)
    if not tokens then
      done = true
      return page
    end
    local keys = as_list(facts.input_token)
    if last and same(tokens, last, keys) then
      error(errors.new {
        code = "invalid_response",
        message = ("%s:%s: two pages gave the same token"):format(client:service_name(), name),
      }, 0)
    end
    last = tokens
    for _, key in ipairs(keys) do request[key] = tokens[key] end
    return page
  end
end

-- The table that holds the last name of a dotted path, made if need be, and that name.
local function place(into, path)
  local parents, name = path:match("^(.*)%.([^.]+)$")
  for parent in (parents or ""):gmatch("[^.]+") do
    if type(into[parent]) ~= "table" then into[parent] = {} end
    into = into[parent]
  end
  return into, name or path
end

-- Adds a page's value of a result key: lists are joined, maps merged, numbers and texts added up.
local function join(into, name, value)
  local have = into[name]
  if have == nil then
    into[name] = value
  elseif type(have) ~= "table" then
    into[name] = type(have) == "string" and have .. value or have + value
  elseif value[1] ~= nil then
    table.move(value, 1, #value, #have + 1, have)
  elseif getmetatable(value) ~= require("eksrun.json").array_mt then
    for key, item in pairs(value) do have[key] = item end
  end
end

local function add_page(answer, facts, page)
  for _, key in ipairs(as_list(facts.result_key)) do
    local value = jmespath.search(key, page)
    if value ~= nil then
      local into, name = place(answer, key)
      join(into, name, value)
    end
  end
  -- What is the same on every page.
  for _, key in ipairs(as_list(facts.non_aggregate_keys)) do
    local value = jmespath.search(key, page)
    local into, name = place(answer, key)
    if into[name] == nil then into[name] = value end
  end
end

--- All pages as one answer: the result keys of the model together, and what is the same on each.
--- @param client eksrun.aws.Client
--- @param name string operation
--- @param params? table
--- @param options? eksrun.aws.PageOptions
--- @return table answer
--- @return boolean more whether there is more than max_items
function M.merged(client, name, params, options)
  local facts = client:service():paginator(name)
  local limit = options and options.max_items
  local answer = {}
  for page in M.pages(client, name, params, options) do
    if not facts or not facts.result_key then return page, false end
    add_page(answer, facts, page)
    local list = limit and jmespath.search(as_list(facts.result_key)[1], answer)
    if type(list) == "table" and #list >= limit then
      local more = #list > limit or M.next_tokens(facts, page) ~= nil
      for i = #list, limit + 1, -1 do list[i] = nil end
      return answer, more
    end
  end
  return answer, false
end

--- @param client eksrun.aws.Client
--- @param name string operation
--- @param params? table
--- @param options? eksrun.aws.PageOptions
--- @return table list
function M.collect(client, name, params, options)
  local facts = client:service():paginator(name)
  if not facts or not facts.result_key then
    errors.misuse(("%s:%s does not come in pages"):format(client:service_name(), name))
  end
  local expression, limit = as_list(facts.result_key)[1], options and options.max_items
  local list = require("eksrun.json").array {}
  for page in M.pages(client, name, params, options) do
    for _, element in ipairs(jmespath.search(expression, page) or {}) do
      if limit and #list >= limit then return list end
      list[#list + 1] = element
    end
    if limit and #list >= limit then return list end
  end
  return list
end

return M

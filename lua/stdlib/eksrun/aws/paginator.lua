--- Pages of list and describe operations, as the models tell how to get from one to the next.
local error = error
local errors = require "eksrun.aws.errors"
local jmespath = require "eksrun.jmespath"

local M = {}

local function as_list(value)
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

--- @param client eksrun.aws.Client
--- @param name string operation
--- @param params? table
--- @return fun(): table|nil
function M.pages(client, name, params)
  local facts = client:service():paginator(name)
  local request = {}
  for key, value in pairs(params or {}) do request[key] = value end
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

--- @param client eksrun.aws.Client
--- @param name string operation
--- @param params? table
--- @return table list
function M.collect(client, name, params)
  local facts = client:service():paginator(name)
  if not facts or not facts.result_key then
    errors.misuse(("%s:%s does not come in pages"):format(client:service_name(), name))
  end
  local expression = as_list(facts.result_key)[1]
  local list = require("eksrun.json").array {}
  for page in M.pages(client, name, params) do
    for _, element in ipairs(jmespath.search(expression, page) or {}) do list[#list + 1] = element end
  end
  return list
end

return M

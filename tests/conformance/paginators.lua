-- Paginators: which requests follow from which pages, and what they are together, against botocore's
-- own.
local file = require "eksrun.file"
local json = require "eksrun.json"
local paginator = require "eksrun.aws.paginator"
local util = require "eksrun.util"

-- A client that has only these pages, and keeps the requests for them.
local function fake_client(case, requests)
  local limit = case.config.limit_key
  local wanted = limit and case.expected_requests[1][limit]
  -- A caller gives a number; it goes out in the type that the operation takes.
  local member = { name = limit, type = type(wanted) == "string" and "string" or "integer" }
  local operation = { input = function() return { members = { member } } end }
  local service = {
    paginator = function() return case.config end,
    operation = function() return operation end,
  }
  return {
    service = function() return service end,
    service_name = function() return case.service end,
    invoke = function(_, _, request)
      local copy = {}
      for key, value in pairs(request) do copy[key] = value end
      requests[#requests + 1] = copy
      return util.copy(case.pages[#requests])
    end,
  }
end

-- What botocore gives besides: the token to go on with.
local function without_token(result)
  result.NextToken = nil
  return result
end

local function check(case)
  local requests, limits = {}, case.pagination_config
  local options = limits and {
    max_items = limits.MaxItems,
    page_size = case.config.limit_key and limits.PageSize or nil,
  }
  local client = fake_client(case, requests)
  local answer, more = paginator.merged(client, case.operation, { StaticParam = "v" }, options)
  if not util.equal(requests, case.expected_requests) then return false, json.encode(requests) end
  local expected = without_token(case.expected_result or case.expected_result_keys_only)
  if not util.equal(answer, expected) then return false, json.encode(answer) end
  return more == (case.expected_next_token_present or false), "more " .. tostring(more)
end

return function(dir)
  local totals = require("tests.conformance.support.totals").new()
  for _, case in ipairs(json.decode(file.read(dir .. "/waiters-paginators/paginator-cases.json")).cases) do
    totals:judge(case.id, check, case)
  end
  return totals
end

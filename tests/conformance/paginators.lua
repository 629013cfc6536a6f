-- Paginators: which requests follow from which pages, against botocore's own.
local file = require "eksrun.file"
local json = require "eksrun.json"
local paginator = require "eksrun.aws.paginator"

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- A client that has only these pages, and keeps the requests for them.
local function fake_client(case, requests)
  local service = { paginator = function() return case.config end }
  return {
    service = function() return service end,
    service_name = function() return case.service end,
    invoke = function(_, _, request)
      local copy = {}
      for key, value in pairs(request) do copy[key] = value end
      requests[#requests + 1] = copy
      return case.pages[#requests]
    end,
  }
end

local function check(case)
  local requests, params = {}, { StaticParam = "v" }
  local limit = case.config.limit_key
  -- A caller gives the limit in the type that the operation takes.
  if case.pagination_config and limit then params[limit] = case.expected_requests[1][limit] end
  local next_page = paginator.pages(fake_client(case, requests), case.operation, params)
  for _ = 1, #case.expected_requests do next_page() end
  if not same(requests, case.expected_requests) then return false end
  -- botocore stops at MaxItems; without it the pages end by themselves.
  return case.pagination_config ~= nil or next_page() == nil
end

return function(dir)
  local totals = { passed = 0, total = 0, failures = {}, skipped = {} }
  for _, case in ipairs(json.decode(file.read(dir .. "/waiters-paginators/paginator-cases.json")).cases) do
    totals.total = totals.total + 1
    local ok, passed = pcall(check, case)
    if ok and passed then
      totals.passed = totals.passed + 1
    else
      table.insert(totals.failures, case.id .. (ok and "" or ": " .. tostring(passed)))
    end
  end
  return totals
end

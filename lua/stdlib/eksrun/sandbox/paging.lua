--- Pages, by the paginators of the models: handlers answer all there is, but those that say themselves what
--- follows.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local text = require "eksrun.text"

local M = {}

-- How many elements a page has when nobody says, by service; EC2 gives all.
local USUAL = { iam = 100, eks = 100, ssm = 10, logs = 50, kms = 100, autoscaling = 50 }
local INVALID = {
  ec2 = "InvalidParameterValue", iam = "InvalidInput", eks = "InvalidParameterException",
  ssm = "InvalidNextToken", logs = "InvalidParameterException", kms = "InvalidMarkerException",
  autoscaling = "InvalidNextToken", resourcegroupstaggingapi = "PaginationTokenExpiredException",
}

-- Services whose handlers page by themselves.
local OWN = { dynamodb = true }

local function first(value) return type(value) == "table" and value[1] or value end

local function start_of(service, token)
  if token == nil or token == "" then return 0 end
  local ok, plain = pcall(text.unbase64url, token)
  local start = ok and math.tointeger(tonumber(plain:match "^from:(%d+)$"))
  if not start then fault.raise(INVALID[service] or "ValidationException", "The token is not valid") end
  return start
end

--- The page of an output that the request asks for. The output itself stays as it is.
--- @param service string
--- @param paginator table? of the model
--- @param params table
--- @param output table
--- @return table output
function M.page(service, paginator, params, output)
  if not paginator then return output end
  local key = first(paginator.result_key)
  local list, flag = output[key], paginator.more_results
  local paged = OWN[service] or output[first(paginator.output_token)] ~= nil or flag and output[flag] ~= nil
  if type(list) ~= "table" or paged then return output end
  local limit = paginator.limit_key and params[paginator.limit_key] or USUAL[service] or #list
  local start = start_of(service, params[first(paginator.input_token)])
  local stop = math.min(start + limit, #list)
  local more = stop < #list
  if start == 0 and not more and not flag then return output end
  local page = {}
  for name, value in pairs(output) do page[name] = value end
  page[key] = table.move(list, start + 1, stop, 1, json.array {})
  if more then page[first(paginator.output_token)] = text.base64url("from:" .. stop) end
  if flag then page[flag] = more end
  return page
end

return M

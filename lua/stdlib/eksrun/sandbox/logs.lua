--- CloudWatch Logs: log groups.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local tags = require "eksrun.sandbox.tags"

local M = { operations = {} }
local operations = M.operations

local RETENTIONS = {
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
}
local IS_RETENTION = {}
for _, days in ipairs(RETENTIONS) do IS_RETENTION[days] = true end

local function need(call, name)
  local group = call:get("logs.log_group", name)
  if not group then
    fault.raise("ResourceNotFoundException", "The specified log group does not exist.")
  end
  return group
end

--- A group by its name; raises that there is none.
--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table
M.need = need

--- Makes a group, as services do that log into one.
--- @param call eksrun.sandbox.Call
--- @param name string
--- @param fields? table
--- @return table
function M.make(call, name, fields)
  local arn = call:arn("logs", "log-group:" .. name)
  local group = {
    logGroupName = name, arn = arn .. ":*", logGroupArn = arn, creationTime = math.floor(call.now * 1000),
    storedBytes = 0, metricFilterCount = 0, logGroupClass = "STANDARD", _tags = {},
  }
  for key, value in pairs(fields or {}) do group[key] = value end
  return call:put("logs.log_group", name, group)
end

function operations.CreateLogGroup(call, params)
  if call:get("logs.log_group", params.logGroupName) then
    fault.raise("ResourceAlreadyExistsException", "The specified log group already exists")
  end
  M.make(call, params.logGroupName, {
    kmsKeyId = params.kmsKeyId, logGroupClass = params.logGroupClass, _tags = params.tags or {},
  })
end

function operations.DescribeLogGroups(call, params)
  local prefix, pattern = params.logGroupNamePrefix, params.logGroupNamePattern
  local list = json.array(call:all("logs.log_group", function(group)
    local name = group.logGroupName
    return (not prefix or name:sub(1, #prefix) == prefix) and (not pattern or name:find(pattern, 1, true))
  end))
  table.sort(list, function(a, b) return a.logGroupName < b.logGroupName end)
  return { logGroups = list }
end

function operations.PutRetentionPolicy(call, params)
  if not IS_RETENTION[params.retentionInDays] then
    fault.raise("InvalidParameterException", "1 validation error detected: Value '%d' at 'retentionInDays' "
      .. "failed to satisfy constraint: Member must satisfy enum value set: [%s]", params.retentionInDays,
      table.concat(RETENTIONS, ", "))
  end
  need(call, params.logGroupName).retentionInDays = params.retentionInDays
end

function operations.DeleteRetentionPolicy(call, params)
  need(call, params.logGroupName).retentionInDays = nil
end
function operations.AssociateKmsKey(call, params)
  need(call, params.logGroupName).kmsKeyId = params.kmsKeyId
end
function operations.DisassociateKmsKey(call, params) need(call, params.logGroupName).kmsKeyId = nil end

function operations.DeleteLogGroup(call, params)
  need(call, params.logGroupName)
  for _, stream in ipairs(call:all("logs.stream", function(s) return s._group == params.logGroupName end)) do
    call:remove("logs.stream", stream._key)
  end
  call:remove("logs.log_group", params.logGroupName)
end

tags.by_arn(operations, function(call, arn) return need(call, arn:match ":log%-group:([^:]+)" or arn) end)
M.all_tags = tags.of_all("logs.log_group", "logGroupArn")

return M

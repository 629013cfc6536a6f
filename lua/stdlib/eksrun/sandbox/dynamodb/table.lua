--- DynamoDB: tables.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"

local M = { operations = {} }
local operations = M.operations

-- In a list.
local TABLES_MAX = 100

--- A table by its name or ARN; raises that there is none.
--- @param call eksrun.sandbox.Call
--- @param name string
--- @param code? string of the error; ResourceNotFoundException
--- @return table
function M.need(call, name, code)
  local found = call:get("dynamodb.table", name:match ":table/(.+)$" or name)
  if found then return found end
  fault.raise(code or "ResourceNotFoundException",
    code and "Table not found: %s" or "Requested resource not found", name)
end

-- How much a table takes at once.
local function warm(billing, throughput)
  local on_demand = billing and billing.BillingMode == "PAY_PER_REQUEST"
  return {
    ReadUnitsPerSecond = on_demand and 12000 or throughput.ReadCapacityUnits,
    WriteUnitsPerSecond = on_demand and 4000 or throughput.WriteCapacityUnits, Status = "ACTIVE",
  }
end

local function shown(call, found)
  local view = calls.shown(found)
  local count = 0
  for _ in pairs(found._items) do count = count + 1 end
  view.ItemCount, view.TableSizeBytes = count, 0
  view.WarmThroughput = warm(found.BillingModeSummary, found.ProvisionedThroughput)
  if call.operation ~= "DescribeTable" then view.ItemCount = 0 end
  return view
end

function operations.CreateTable(call, params)
  local name = params.TableName
  if call:get("dynamodb.table", name) then
    fault.raise("ResourceInUseException", "Table already exists: %s", name)
  end
  local defined, used = {}, {}
  for _, attribute in ipairs(params.AttributeDefinitions or {}) do
    defined[attribute.AttributeName] = attribute.AttributeType
  end
  for _, key in ipairs(params.KeySchema or {}) do
    used[key.KeyType] = key.AttributeName
    if not defined[key.AttributeName] then
      fault.raise("ValidationException",
        "One or more parameter values were invalid: Some index key attributes "
        .. "are not defined in AttributeDefinitions. Keys: [%s]", key.AttributeName)
    end
  end
  if not used.HASH then
    fault.raise("ValidationException", "No Hash Key specified in schema.  All Dynamo DB tables must have "
      .. "exactly one hash key")
  end
  local on_demand = params.BillingMode == "PAY_PER_REQUEST"
  local throughput = params.ProvisionedThroughput or {}
  local made = call:put("dynamodb.table", name, {
    TableName = name, TableArn = call:arn("dynamodb", "table/" .. name), TableId = call:uuid "table",
    TableStatus = "CREATING", CreationDateTime = call:time(), KeySchema = params.KeySchema,
    AttributeDefinitions = params.AttributeDefinitions,
    ProvisionedThroughput = {
      ReadCapacityUnits = on_demand and 0 or throughput.ReadCapacityUnits or 0,
      WriteCapacityUnits = on_demand and 0 or throughput.WriteCapacityUnits or 0, NumberOfDecreasesToday = 0,
    },
    BillingModeSummary = on_demand and { BillingMode = "PAY_PER_REQUEST" } or nil,
    DeletionProtectionEnabled = params.DeletionProtectionEnabled or false, SSEDescription = nil,
    _items = {}, _hash = used.HASH, _range = used.RANGE, _range_type = used.RANGE and defined[used.RANGE],
    _tags = calls.tag_map(params.Tags),
  })
  call:becomes(call:duration("dynamodb.table", name, call.now), "dynamodb.table", name,
    { TableStatus = "ACTIVE" })
  return { TableDescription = shown(call, made) }
end

function operations.DescribeTable(call, params)
  return { Table = shown(call, M.need(call, params.TableName)) }
end

function operations.ListTables(call, params)
  local list, start, limit = json.array {}, params.ExclusiveStartTableName or "", params.Limit or TABLES_MAX
  for _, found in ipairs(call:all "dynamodb.table") do
    if found.TableName > start then list[#list + 1] = found.TableName end
  end
  table.sort(list)
  if #list <= limit then return { TableNames = list } end
  return { TableNames = json.array(table.move(list, 1, limit, 1, {})), LastEvaluatedTableName = list[limit] }
end

function operations.DeleteTable(call, params)
  local found = M.need(call, params.TableName)
  if found.DeletionProtectionEnabled then
    fault.raise("ValidationException", "Resource cannot be deleted as it is currently protected against "
      .. "deletion. Disable deletion protection first.")
  elseif found.TableStatus ~= "ACTIVE" then
    fault.raise("ResourceInUseException",
      "Attempt to change a resource which is still in use: Table is being "
      .. "%s: %s", found.TableStatus == "CREATING" and "created" or "deleted", found.TableName)
  end
  found.TableStatus = "DELETING"
  call:vanishes(call:duration("dynamodb.table", found.TableName, call.now), "dynamodb.table", found.TableName)
  return { TableDescription = shown(call, found) }
end

local function change_billing(found, params)
  local throughput = params.ProvisionedThroughput
  if params.BillingMode then found.BillingModeSummary = { BillingMode = params.BillingMode } end
  local on_demand = found.BillingModeSummary and found.BillingModeSummary.BillingMode == "PAY_PER_REQUEST"
  if on_demand and throughput then
    fault.raise("ValidationException", "One or more parameter values were invalid: Neither ReadCapacityUnits "
      .. "nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
  elseif params.BillingMode == "PROVISIONED" and not throughput then
    fault.raise("ValidationException", "One or more parameter values were invalid: ReadCapacityUnits and "
      .. "WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
  end
  local own = found.ProvisionedThroughput
  if on_demand then throughput = { ReadCapacityUnits = 0, WriteCapacityUnits = 0 } end
  for name, units in pairs(throughput or {}) do own[name] = units end
end

function operations.UpdateTable(call, params)
  local found = M.need(call, params.TableName)
  if params.DeletionProtectionEnabled ~= nil then
    found.DeletionProtectionEnabled = params.DeletionProtectionEnabled
  end
  change_billing(found, params)
  return { TableDescription = shown(call, found) }
end

function operations.DescribeTimeToLive(call, params)
  local own = M.need(call, params.TableName)._ttl
  return { TimeToLiveDescription = own or { TimeToLiveStatus = "DISABLED" } }
end

-- Items are not taken away by it: DynamoDB, too, only says that it will be within days.
function operations.UpdateTimeToLive(call, params)
  local wanted = params.TimeToLiveSpecification
  M.need(call, params.TableName)._ttl = {
    TimeToLiveStatus = wanted.Enabled and "ENABLED" or "DISABLED", AttributeName = wanted.AttributeName,
  }
  return { TimeToLiveSpecification = wanted }
end

function operations.DescribeContinuousBackups(call, params)
  M.need(call, params.TableName, "TableNotFoundException")
  return {
    ContinuousBackupsDescription = {
      ContinuousBackupsStatus = "ENABLED",
      PointInTimeRecoveryDescription = { PointInTimeRecoveryStatus = "DISABLED" },
    },
  }
end

function operations.ListTagsOfResource(call, params)
  return { Tags = json.array(calls.tag_list(M.need(call, params.ResourceArn)._tags)) }
end

function operations.TagResource(call, params)
  local map = M.need(call, params.ResourceArn)._tags
  for _, tag in ipairs(params.Tags) do map[tag.Key] = tag.Value end
end

function operations.UntagResource(call, params)
  local map = M.need(call, params.ResourceArn)._tags
  for _, key in ipairs(params.TagKeys) do map[key] = nil end
end

M.all_tags = function(call)
  local list = {}
  for _, found in ipairs(call:all "dynamodb.table") do
    list[#list + 1] = { arn = found.TableArn, tags = found._tags }
  end
  return list
end

return M

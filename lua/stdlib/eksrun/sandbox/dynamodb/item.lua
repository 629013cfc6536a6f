--- DynamoDB: items. Tables have no indexes here.
local expression = require "eksrun.sandbox.dynamodb.expression"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local tables = require "eksrun.sandbox.dynamodb.table"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local function refuse(message, ...) fault.raise("ValidationException", message, ...) end

local function need(call, name)
  local found = tables.need(call, name)
  if found.TableStatus == "CREATING" or found.TableStatus == "DELETING" then
    fault.raise("ResourceNotFoundException", "Requested resource not found")
  end
  return found
end

-- Values as the state can hold them, which is text, and back.
local function converted(value, convert)
  if type(value) ~= "table" then return value end
  local out = setmetatable({}, getmetatable(value))
  for key, part in pairs(value) do
    if key == "B" and type(part) == "string" then
      out[key] = convert(part)
    elseif key == "BS" then
      out[key] = json.array {}
      for i, one in ipairs(part) do out[key][i] = convert(one) end
    else
      out[key] = converted(part, convert)
    end
  end
  return out
end

local function kept(item) return converted(item, text.base64) end
local function given(item) return item and converted(item, text.unbase64) end

local function part_of(found, item, name)
  local value = item[name]
  local key = value and (value.S or value.N or value.B)
  if not key then
    refuse("One or more parameter values were invalid: Missing the key %s in the item", name)
  end
  if next(value, next(value)) then
    refuse("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the "
      .. "supported datatypes")
  end
  if value.N then
    local number = tonumber(value.N)
    if not number then refuse("The parameter cannot be converted to a numeric value: %s", value.N) end
    key = ("%.17g"):format(number)
  end
  return next(value) .. ":" .. key, found
end

-- What an item lies under.
local function key_of(found, item)
  local key = part_of(found, item, found._hash)
  if found._range then key = key .. "\0" .. part_of(found, item, found._range) end
  return text.base64(key)
end

local function key_item(found, item)
  local key = { [found._hash] = item[found._hash] }
  if found._range then key[found._range] = item[found._range] end
  return key
end

local function check_key(found, key)
  local count = 0
  for name in pairs(key) do
    count = count + 1
    if name ~= found._hash and name ~= found._range then
      refuse "The provided key element does not match the schema"
    end
  end
  if count ~= (found._range and 2 or 1) then refuse "The provided key element does not match the schema" end
  return key_of(found, key)
end

local function scope_of(params, kind)
  return { kind = kind, names = params.ExpressionAttributeNames, values = params.ExpressionAttributeValues }
end

-- Lets a write pass if its condition holds of what is there.
local function check_condition(params, present)
  if not params.ConditionExpression then return end
  local test = expression.condition(params.ConditionExpression, scope_of(params, "ConditionExpression"))
  if test(present or {}) then return end
  fault.raise_with("ConditionalCheckFailedException", "The conditional request failed", {
    Item = params.ReturnValuesOnConditionCheckFailure == "ALL_OLD" and present or nil,
  })
end

local function put(call, params)
  local found = need(call, params.TableName)
  local key = key_of(found, params.Item)
  local present = given(found._items[key])
  check_condition(params, present)
  found._items[key] = kept(params.Item)
  return { Attributes = params.ReturnValues == "ALL_OLD" and present or nil }
end
operations.PutItem = put

local function projected(item, params)
  if not item or not params.ProjectionExpression then return item end
  local out = {}
  for _, path in ipairs(expression.paths(params.ProjectionExpression,
    scope_of(params, "ProjectionExpression"))) do
    out[path[1]] = expression.at(item, path) and item[path[1]] or nil
  end
  return out
end

function operations.GetItem(call, params)
  local found = need(call, params.TableName)
  return { Item = projected(given(found._items[check_key(found, params.Key)]), params) }
end

local function delete(call, params)
  local found = need(call, params.TableName)
  local key = check_key(found, params.Key)
  local present = given(found._items[key])
  check_condition(params, present)
  found._items[key] = nil
  return { Attributes = params.ReturnValues == "ALL_OLD" and present or nil }
end
operations.DeleteItem = delete

local function update(call, params)
  local found = need(call, params.TableName)
  local key = check_key(found, params.Key)
  local present = given(found._items[key])
  check_condition(params, present)
  local item = util.copy(present or params.Key)
  if params.UpdateExpression then
    expression.update(params.UpdateExpression, scope_of(params, "UpdateExpression"))(item, present
      or params.Key)
  end
  if key_of(found, item) ~= key then
    refuse("One or more parameter values were invalid: Cannot update attribute. This attribute is part of "
      .. "the key")
  end
  found._items[key] = kept(item)
  local wanted = params.ReturnValues or "NONE"
  return { Attributes = wanted:find "NEW" and item or wanted:find "OLD" and present or nil }
end
operations.UpdateItem = update

-- -- queries ------------------------------------------------------------------------------------------------

-- Items in the order of their keys.
local function ordered(found)
  local list = {}
  for key, item in pairs(found._items) do list[#list + 1] = { key = key, item = given(item) } end
  local function rank(item)
    local value = found._range and item[found._range]
    return value and (value.N and tonumber(value.N) or value.S or value.B)
  end
  table.sort(list, function(a, b)
    local one, other = a.item[found._hash], b.item[found._hash]
    local x, y = one.S or one.N or one.B, other.S or other.N or other.B
    if x ~= y then return x < y end
    return found._range ~= nil and rank(a.item) < rank(b.item)
  end)
  return list
end

local function select_items(call, params, test)
  local found = need(call, params.TableName)
  if params.IndexName then
    refuse("The table does not have the specified index: %s", params.IndexName)
  end
  local filter = params.FilterExpression
    and expression.condition(params.FilterExpression, scope_of(params, "FilterExpression"))
  local all = ordered(found)
  local from, to, step = 1, #all, 1
  if params.ScanIndexForward == false then from, to, step = #all, 1, -1 end
  local start = params.ExclusiveStartKey and check_key(found, params.ExclusiveStartKey)
  local items, looked, last, passed = json.array {}, 0, nil, start == nil
  for i = from, to, step do
    local one = all[i]
    if passed and (not test or test(one.item, one.key)) then
      if params.Limit and looked == params.Limit then
        return items, looked, last
      end
      looked = looked + 1
      last = key_item(found, one.item)
      if not filter or filter(one.item) then items[#items + 1] = projected(one.item, params) end
    end
    passed = passed or one.key == start
  end
  return items, looked, nil
end

local function answer(params, items, looked, last)
  return {
    Items = params.Select ~= "COUNT" and items or nil, Count = #items, ScannedCount = looked,
    LastEvaluatedKey = last,
  }
end

function operations.Query(call, params)
  if not params.KeyConditionExpression then
    refuse "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
  end
  local test = expression.condition(params.KeyConditionExpression, scope_of(params, "KeyConditionExpression"))
  return answer(params, select_items(call, params, test))
end

-- Whether an item is of the part of the table that a request scans beside others.
local function segment_of(call, params)
  local number, total = params.Segment, params.TotalSegments
  if not number and not total then return nil end
  local missing = not number and "Segment" or not total and "TotalSegments"
  if missing then
    refuse("The %s parameter is required but was not present in the request when parameter %s is present",
      missing, number and "Segment" or "TotalSegments")
  elseif number >= total then
    refuse("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: "
      .. "%d is not less than TotalSegments: %d", number, total)
  end
  return function(_, key) return tonumber(call.world:hash(key):sub(1, 8), 16) % total == number end
end

function operations.Scan(call, params)
  return answer(params, select_items(call, params, segment_of(call, params)))
end

-- -- several at once ----------------------------------------------------------------------------------------

function operations.BatchGetItem(call, params)
  local responses = {}
  for name, wanted in pairs(params.RequestItems) do
    local found, list = need(call, name), json.array {}
    for _, key in ipairs(wanted.Keys) do
      local item = given(found._items[check_key(found, key)])
      if item then list[#list + 1] = projected(item, wanted) end
    end
    responses[name] = list
  end
  return { Responses = responses, UnprocessedKeys = {} }
end

function operations.BatchWriteItem(call, params)
  for name, requests in util.sorted_pairs(params.RequestItems) do
    need(call, name)
    for _, request in ipairs(requests) do
      if (request.PutRequest == nil) == (request.DeleteRequest == nil) then
        refuse "Supplied requests must have exactly one of PutRequest and DeleteRequest"
      end
    end
  end
  for name, requests in pairs(params.RequestItems) do
    for _, request in ipairs(requests) do
      if request.PutRequest then put(call, { TableName = name, Item = request.PutRequest.Item }) end
      if request.DeleteRequest then delete(call, { TableName = name, Key = request.DeleteRequest.Key }) end
    end
  end
  return { UnprocessedItems = {} }
end

local WRITES = { Put = put, Delete = delete, Update = update, ConditionCheck = function(call, params)
  local found = need(call, params.TableName)
  check_condition(params, given(found._items[check_key(found, params.Key)]))
end }

-- All or nothing: what was there is put back when one is refused.
function operations.TransactWriteItems(call, params)
  local before, reasons, refused = {}, json.array {}, false
  for i, request in ipairs(params.TransactItems) do
    local what, own = next(request)
    if not what or next(request, what) then
      refuse "TransactItems can only contain one of Check, Put, Update or Delete"
    end
    local found = need(call, own.TableName)
    local key = key_of(found, own.Item or own.Key)
    table.insert(before, 1, { found = found, key = key, item = found._items[key] })
    local ok, raised = pcall(WRITES[what], call, own)
    if not ok and (not fault.is(raised) or raised.code ~= "ConditionalCheckFailedException") then
      error(raised, 0)
    end
    refused = refused or not ok
    reasons[i] = { Code = ok and "None" or "ConditionalCheckFailed", Message = not ok and raised.message
      or nil }
  end
  if not refused then return {} end
  for _, one in ipairs(before) do one.found._items[one.key] = one.item end
  local codes = {}
  for i, reason in ipairs(reasons) do codes[i] = reason.Code end
  fault.raise_with("TransactionCanceledException",
    ("Transaction cancelled, please refer cancellation reasons "
    .. "for specific reasons [%s]"):format(table.concat(codes, ", ")), { CancellationReasons = reasons })
end

function operations.TransactGetItems(call, params)
  local list = json.array {}
  for i, request in ipairs(params.TransactItems) do list[i] = operations.GetItem(call, request.Get) end
  return { Responses = list }
end

return M

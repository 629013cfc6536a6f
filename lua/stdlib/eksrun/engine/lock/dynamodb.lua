--- The records of a lock as items of a DynamoDB table, which are put only if their number is free.
---
--- The table's keys are `stack` (text, to hash) and `slot` (a number, to sort). `stack` is ACCOUNT/REGION/ID:
--- a table may serve many accounts and regions. What is read is consistent.
local request = require "eksrun.engine.lock.request"

local M = {}

local function root(aws) return ("%s/%s/"):format(aws.account(), aws.region()) end

local function slot_of(item) return math.tointeger(tonumber(item.slot.N)) end

--- @param place eksrun.lock.Place
--- @return string for people
function M.permissions(place)
  return ("dynamodb:Query, PutItem and DeleteItem on the table %s"):format(place.table)
end

--- @param aws table
--- @param place eksrun.lock.Place
--- @param id string of the stack's lock
--- @return table store
function M.new(aws, place, id)
  local client, stack = aws.dynamodb, root(aws) .. id
  local store = { text_max = 65536 }

  -- Items from a number on.
  local function query(from, fields)
    fields.TableName, fields.ConsistentRead = place.table, true
    fields.KeyConditionExpression = "#stack = :stack AND #slot >= :from"
    fields.ExpressionAttributeNames = { ["#stack"] = "stack", ["#slot"] = "slot" }
    fields.ExpressionAttributeValues = { [":stack"] = { S = stack }, [":from"] = { N = tostring(from) } }
    return fields
  end

  function store.put(slot, text)
    local output, now = request(client, "put_item", {
      TableName = place.table,
      Item = { stack = { S = stack }, slot = { N = tostring(slot) }, record = { S = text } },
      ConditionExpression = "attribute_not_exists(#slot)", ExpressionAttributeNames = { ["#slot"] = "slot" },
    }, "ConditionalCheckFailedException")
    return output ~= nil, now
  end

  function store.get(slots)
    local output, now = request(client, "query", query(slots[1], { Limit = #slots }))
    local texts = {}
    for _, item in ipairs(output.Items or {}) do texts[slot_of(item)] = item.record.S end
    return texts, now
  end

  -- The newest is found by its number: nothing has to remember it.
  function store.start()
    local output, now = request(client, "query", query(0, { ScanIndexForward = false, Limit = 1 }))
    local newest = output.Items and output.Items[1]
    if not newest then return nil, {}, now end
    return slot_of(newest), { [slot_of(newest)] = newest.record.S }, now
  end

  function store.list()
    local slots = {}
    for page in client:pages("query", query(0, { ProjectionExpression = "#stack, #slot" })) do
      for _, item in ipairs(page.Items or {}) do slots[#slots + 1] = slot_of(item) end
    end
    return slots
  end

  function store.remove(slots)
    for _, slot in ipairs(slots) do
      request(client, "delete_item",
        { TableName = place.table, Key = { stack = { S = stack }, slot = { N = tostring(slot) } } })
    end
  end

  return store
end

--- The newest record of every lock of the account and region. Needs dynamodb:Scan, too.
--- @param aws table
--- @param place eksrun.lock.Place
--- @return { name: string, text: string }[]
function M.newest(aws, place)
  local newest, out = {}, {}
  for page in aws.dynamodb:pages("scan", {
    TableName = place.table, ConsistentRead = true, FilterExpression = "begins_with(#stack, :root)",
    ExpressionAttributeNames = { ["#stack"] = "stack" },
    ExpressionAttributeValues = { [":root"] = { S = root(aws) } },
  }) do
    for _, item in ipairs(page.Items or {}) do
      local name = item.stack.S
      if not newest[name] or slot_of(item) > slot_of(newest[name]) then newest[name] = item end
    end
  end
  for name, item in pairs(newest) do out[#out + 1] = { name = name, text = item.record.S } end
  return out
end

return M

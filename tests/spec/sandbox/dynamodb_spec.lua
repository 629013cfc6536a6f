-- Tables, items and the expressions over them.
local support = require "tests.spec.support.sandbox"

describe("DynamoDB in the sandbox", function()
  local db
  before_each(function()
    db = support.open().dynamodb
    db:create_table {
      TableName = "tab", BillingMode = "PAY_PER_REQUEST",
      AttributeDefinitions = {
        { AttributeName = "stack", AttributeType = "S" }, { AttributeName = "slot", AttributeType = "N" },
      },
      KeySchema = { { AttributeName = "stack", KeyType = "HASH" }, { AttributeName = "slot",
        KeyType = "RANGE" } },
    }
    db:wait("table_exists", { TableName = "tab" })
  end)
  after_each(support.close)

  local function key(slot) return { stack = { S = "a" }, slot = { N = tostring(slot) } } end

  it("puts an item once", function()
    local item = key(1)
    item.data = { B = "\0\255" }
    local params = { TableName = "tab", Item = item, ConditionExpression = "attribute_not_exists(#slot)",
      ExpressionAttributeNames = { ["#slot"] = "slot" } }
    db:put_item(params)
    assert.equal("ConditionalCheckFailedException", (support.refused(db, "put_item", params)))
    assert.equal("\0\255", db:get_item({ TableName = "tab", Key = key "1.0" }).Item.data.B)
    assert.equal("ValidationException",
      (support.refused(db, "get_item", { TableName = "tab", Key = { stack = { S = "a" } } })))
    assert.equal("ResourceNotFoundException",
      (support.refused(db, "get_item", { TableName = "none", Key = key(1) })))
  end)

  it("queries by key in order, in pages", function()
    for _, slot in ipairs { 10, 9, 100, 1 } do db:put_item { TableName = "tab", Item = key(slot) } end
    local function slots(params)
      params.TableName, params.KeyConditionExpression = "tab", "stack = :s AND slot BETWEEN :from AND :to"
      params.ExpressionAttributeValues = { [":s"] = { S = "a" }, [":from"] = { N = "2" },
        [":to"] = { N = "100" } }
      local list = {}
      for page in db:pages("query", params) do
        for _, item in ipairs(page.Items) do list[#list + 1] = item.slot.N end
      end
      return list
    end
    assert.same({ "9", "10", "100" }, slots {})
    assert.same({ "9", "10", "100" }, slots { Limit = 1 })
    assert.same({ "100", "10", "9" }, slots { ScanIndexForward = false, Limit = 2 })
    assert.equal(2, db:scan({ TableName = "tab",
      FilterExpression = "slot IN (:a, :b) OR begins_with(stack, :c)",
      ExpressionAttributeValues = { [":a"] = { N = "1" }, [":b"] = { N = "9" },
        [":c"] = { S = "x" } } }).Count)
  end)

  it("updates by what is there", function()
    local function update(expression, values, condition)
      return db.try:update_item { TableName = "tab", Key = key(1), UpdateExpression = expression,
        ExpressionAttributeValues = values, ConditionExpression = condition, ReturnValues = "ALL_NEW" }
    end
    local item = update("SET n = if_not_exists(n, :zero) + :one, l = :l ADD tags :t", {
      [":zero"] = { N = "0" }, [":one"] = { N = "1" }, [":l"] = { L = { { S = "x" } } },
        [":t"] = { SS = { "p" } },
    }).Attributes
    assert.same({ "1", "x", { "p" } }, { item.n.N, item.l.L[1].S, item.tags.SS })
    item = update("SET n = n + :one, l = list_append(l, :l) REMOVE tags", {
      [":one"] = { N = "1" }, [":l"] = { L = { { S = "y" } } },
    }, "n < :one OR NOT (size(l) > :one)").Attributes
    assert.same({ "2", "y" }, { item.n.N, item.l.L[2].S })
    assert.is_nil(item.tags)
    local _, err = update("SET n = :one", { [":one"] = { N = "1" } }, "n = :one")
    assert.equal("ConditionalCheckFailedException", err.code)
    _, err = update("SET n = = :one", { [":one"] = { N = "1" } })
    assert.equal("ValidationException", err.code)
    _, err = update("SET slot = :one", { [":one"] = { N = "5" } })
    assert.equal("ValidationException", err.code)
  end)

  it("looks at all tables of a batch before it writes", function()
    local request = { PutRequest = { Item = key(1) } }
    assert.equal("ResourceNotFoundException", (support.refused(db, "batch_write_item",
      { RequestItems = { tab = { request }, zone = { request } } })))
    assert.equal("ValidationException", (support.refused(db, "batch_write_item",
      { RequestItems = { tab = { request, {} } } })))
    assert.equal("TableNotFoundException",
      (support.refused(db, "describe_continuous_backups", { TableName = "none" })))
    assert.same({ 12000, 4000, "ACTIVE" }, (function(warm)
      return { warm.ReadUnitsPerSecond, warm.WriteUnitsPerSecond, warm.Status }
    end)(db:describe_table({ TableName = "tab" }).Table.WarmThroughput))
  end)

  it("lists tables in pages", function()
    for _, name in ipairs { "alpha", "beta" } do
      db:create_table { TableName = name, BillingMode = "PAY_PER_REQUEST",
        AttributeDefinitions = { { AttributeName = "k", AttributeType = "S" } },
        KeySchema = { { AttributeName = "k", KeyType = "HASH" } } }
    end
    local page = db:list_tables { Limit = 2 }
    assert.same({ { "alpha", "beta" }, "beta" }, { page.TableNames, page.LastEvaluatedTableName })
    assert.same({ "tab" }, db:list_tables({ ExclusiveStartTableName = "beta" }).TableNames)
  end)

  it("scans in parts, and changes what a table takes", function()
    for slot = 1, 20 do db:put_item { TableName = "tab", Item = key(slot) } end
    local count = 0
    for segment = 0, 2 do
      local part = db:scan({ TableName = "tab", Segment = segment, TotalSegments = 3 }).Count
      assert.is_true(part < 20)
      count = count + part
    end
    assert.equal(20, count)
    local units = { ReadCapacityUnits = 5, WriteCapacityUnits = 6 }
    for _, refused in ipairs {
      { "scan", { TotalSegments = 3 } }, { "scan", { TotalSegments = 3, Segment = 3 } },
      { "update_table", { ProvisionedThroughput = units } },
      { "update_table", { BillingMode = "PROVISIONED" } },
    } do
      refused[2].TableName = "tab"
      assert.equal("ValidationException", (support.refused(db, refused[1], refused[2])))
    end
    db:update_table { TableName = "tab", BillingMode = "PROVISIONED", ProvisionedThroughput = units }
    local found = db:describe_table({ TableName = "tab" }).Table
    assert.same({ "PROVISIONED", 5, 6 }, { found.BillingModeSummary.BillingMode,
      found.ProvisionedThroughput.ReadCapacityUnits, found.WarmThroughput.WriteUnitsPerSecond })
  end)

  it("writes all or nothing", function()
    db:put_item { TableName = "tab", Item = key(1) }
    local _, err = db.try:transact_write_items { TransactItems = {
      { Put = { TableName = "tab", Item = key(2) } },
      { Delete = { TableName = "tab", Key = key(1), ConditionExpression = "attribute_not_exists(stack)" } },
    } }
    assert.equal("TransactionCanceledException", err.code)
    assert.is_nil(db:get_item({ TableName = "tab", Key = key(2) }).Item)
    db:delete_table { TableName = "tab" }
    db:wait("table_not_exists", { TableName = "tab" })
  end)
end)

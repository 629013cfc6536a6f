-- A finalizer may run wherever Lua allocates, and change the parameters that are just being looked
-- at. A request then fails or is of one state or another; it neither hangs nor reads what is no
-- table. A file of its own, and so a process with a small heap, which is collected often.
local gc = require "tests.spec.support.gc"
local native = require "eksrun.native.aws"

-- Calls f while finalizers run `change`, whenever the heap has grown by 3 %, and up to `most`
-- times; returns what pcall does, and how often it was.
local function disturbed(most, change, f)
  local armed, count = true, 0
  local function arm()
    setmetatable({}, { __gc = function()
      if not armed or count == most then return end
      count = count + 1
      change(count)
      arm()
    end })
  end
  local pause, multiplier = collectgarbage("setpause", 103), collectgarbage("setstepmul", 1000)
  collectgarbage()
  arm()
  local ok, result = pcall(f)
  armed = false
  collectgarbage("setpause", pause)
  collectgarbage("setstepmul", multiplier)
  return ok, result, count
end

local function put_item(item)
  local operation = native.service "dynamodb":operation "put_item"
  return function() return operation:build { TableName = "t", Item = item } end
end

local function fill(t, n, value, prefix)
  for key in pairs(t) do t[key] = nil end
  for i = 1, n do t[(prefix or "k") .. i] = value(i) end
  return t
end

describe("parameters that a finalizer changes meanwhile", function()
  it("are each checked once", function()
    local function wrong(i) return { ["unknown" .. i] = true } end
    local item = fill({}, 300, wrong)
    local ok, err, count = disturbed(10, function(round)
      fill(item, 300, function(i) return wrong(i) end, "round" .. round .. ".")
    end, put_item(item))
    assert.is_false(ok)
    assert.equal("validation", err.code)
    assert.is_true(count > 0)
    local seen = {}
    for _, problem in ipairs(err.problems) do
      local name = problem.path .. " " .. problem.message
      assert.is_nil(seen[name])
      seen[name] = true
    end
  end)

  local others = {
    ["nothing"] = function() return nil end,
    ["a number"] = function(i) return i end,
    ["a long string"] = function(i) return ("x"):rep(100) .. i end,
    ["a boolean"] = function() return true end,
    ["an empty table"] = function() return {} end,
    ["another type inside"] = function(i) return { M = i, L = "list", S = {} } end,
  }
  for name, other in pairs(others) do
    it("and become " .. name, function()
      -- Each map inside costs an allocation while it is written.
      local function map(i) return { M = { a = { S = "v" .. i }, b = { L = { { N = "1" } } } } } end
      local item = fill({}, 300, map)
      local ok, err, count = disturbed(10, function()
        for key in pairs(item) do item[key] = other(1) end
      end, put_item(item))
      assert.is_true(count > 0)
      if not ok then
        assert.is_truthy(tostring(err):find "changed while it was written" or err.code == "validation")
      end
    end)
  end

  it("are headers with one name", function()
    local operation = native.service "s3":operation "put_object"
    local metadata = fill({}, 500, function(i) return "value " .. i end)
    local ok, result, count = disturbed(10, function(round)
      fill(metadata, 500, function(i) return ("value %d of %d"):format(i, round) end)
    end, function() return operation:build { Bucket = "b", Key = "k", Metadata = metadata } end)
    assert.is_true(ok, tostring(result))
    assert.is_true(count > 0)
    assert.is_truthy(result.headers["x-amz-meta-k500"]:find "^value 500")
  end)
end)

describe("a table within itself, twice at each level,", function()
  it("is refused soon", function()
    local value = { M = {} }
    value.M.a, value.M.b = value, value
    local ok, err = pcall(put_item { k = value })
    assert.is_false(ok)
    assert.equal("validation", err.code)
    assert.equal(20, #err.problems)
    assert.matches("is nested more than 64 deep; and 980 more$", tostring(err))
  end)
end)

describe("a checksum", function()
  it("may be ended by a finalizer while it gets bytes", function()
    for _, algorithm in ipairs { "crc32", "sha256" } do
      local sum = require("eksrun.checksum").new(algorithm)
      gc.eagerly(function()
        setmetatable({}, { __gc = function() sum:final() end })
        assert.matches("final was called already", select(2, pcall(sum.update, sum, 1234.5)))
      end)
    end
  end)
end)

-- A finalizer may run wherever Lua allocates, and change the parameters that are just being looked
-- at. A request then fails or is of one state or another; it neither hangs nor reads what is no
-- table. A file of its own, and so a process with a small heap, which is collected often.
local checksum = require "eksrun.checksum"
local gc = require "tests.spec.support.gc"
local jmespath = require "eksrun.jmespath"
local native = require "eksrun.native.aws"
local tasks = require "eksrun.native.task"
local text = require "eksrun.text"

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

describe("parameters that a finalizer puts within themselves", function()
  it("are written to no depth beyond that of what was checked", function()
    local item, refused = nil, 0
    -- Made one in itself by the n-th collection; returns how many there were.
    local function build_with_cycle(n)
      local count, over = 0, false
      item = { k = { M = { x = { S = "v" }, y = { L = { { S = "w" } } } } } }
      gc.eagerly(function()
        gc.at_each(function()
          count = count + 1
          if count == n then item.k.M.x = item.k end
          return over
        end)
        local ok, err = pcall(put_item(item))
        over = true
        if not ok and tostring(err):find "it is too deep now" then refused = refused + 1 end
      end)
      return count
    end
    local all = build_with_cycle(0)
    for n = all // 2, all, 5 do build_with_cycle(n) end -- the first half is the checking
    assert.is_true(refused > 0)
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
      local sum = checksum.new(algorithm)
      gc.eagerly(function()
        setmetatable({}, { __gc = function() sum:final() end })
        assert.matches("final was called already", select(2, pcall(sum.update, sum, 1234.5)))
      end)
    end
  end)
end)

describe("an expression", function()
  it("cannot be closed while it is evaluated", function()
    local expression = jmespath.compile "[].{ text: to_string(@), keys: keys(@) }"
    local list, over = {}, false
    for i = 1, 20 do list[i] = { a = i } end
    gc.eagerly(function()
      gc.at_each(function()
        pcall(function() local mine <close> = expression return mine end)
        return over
      end)
      assert.equal(20, #expression:search(list))
      over = true
    end)
  end)
end)

describe("a list of names", function()
  it("may be filled anew while the near ones are sought", function()
    -- Too long for Lua to have each but once.
    local function name(i) return ("name"):rep(15) .. i end
    local names, over = {}, false
    local function refill() for i = 1, 5 do names[i] = name(i) end end
    refill()
    gc.eagerly(function()
      gc.at_each(function()
        refill()
        return over
      end)
      for _, near in ipairs(text.suggest(name(0), names)) do assert.matches("^[name]+%d$", near) end
      over = true
    end)
  end)
end)

-- Finalizers run in the reverse order of what they are of, so one of an older object sees the younger
-- ones that it holds behind their own.
describe("what a finalizer holds, and was collected before it,", function()
  -- What use(thing) does then: the results of pcall.
  local function behind_its_end(make, use)
    local results
    do
      local holder = setmetatable({}, { __gc = function(holder)
        results = table.pack(pcall(use, holder.thing))
      end })
      holder.thing = make()
    end
    collectgarbage()
    return table.unpack(results)
  end

  it("is an expression that does nothing more", function()
    local ok, err = behind_its_end(function() return jmespath.compile "a.b" end,
      function(expression) return expression:search { a = { b = 1 } } end)
    assert.is_false(ok)
    assert.matches("the expression is closed", err)
  end)

  it("is a checksum that takes nothing more", function()
    for _, algorithm in ipairs { "crc32", "sha256", "xxhash64", "xxhash128" } do
      local ok, err = behind_its_end(function() return checksum.new(algorithm):update "a" end,
        function(sum) return sum:update("b"):final() end)
      assert.is_false(ok)
      assert.matches("final was called already", err)
    end
  end)

  it("is an event stream that takes nothing more", function()
    -- A message of neither headers nor payload, and a part of the next.
    local bytes = "\0\0\0\16\0\0\0\0\5\194\72\235\125\152\200\255\0\0"
    local function begun()
      local reader = native.service "logs":operation("start_live_tail"):events()
      reader:feed(bytes)
      assert.matches("a message of no known kind", tostring(select(2, pcall(reader.next, reader))))
      return reader
    end
    assert.is_true(behind_its_end(begun, function(reader)
      reader:finish()
      assert.is_nil(reader:next())
      assert.matches("is closed", select(2, pcall(reader.feed, reader, bytes)))
    end))
  end)

  it("is a scope that starts no clock", function()
    assert.is_true(behind_its_end(tasks.scope, function(scope) scope:deadline(0.01) end))
    collectgarbage()
    tasks.sleep(0.02) -- in which it would run out
  end)
end)

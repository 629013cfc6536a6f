local clock = require "eksrun.clock"
local error_object = require "eksrun.error"
local file = require "eksrun.file"
local journals = require "eksrun.engine.journal"
local stacks = require "eksrun.engine.stack"
local task = require "eksrun.task"
local util = require "eksrun.util"

local counter = 0

-- A stack that has no journal yet.
local function fresh()
  counter = counter + 1
  local stack = stacks.new(("journal/%d"):format(counter), { account = "1", region = "eu-west-1" })
  file.remove(journals.path(stack))
  return stack
end

local function step(address) return { address = address, action = { type = { name = "ec2.vpc" } } } end

describe("journal", function()
  it("remembers what was asked for, and what came of it", function()
    local stack = fresh()
    local journal = journals.open(stack)
    journal:begin("n1")
    journal:intend(step "open", "token", {})
    journal:intend(step "made", nil, {})
    journal:settle(step "made", "vpc-1")
    journal:intend(step "refused", nil, {})
    journal:settle(step "refused")
    journal:intend(step "deleted", nil, {})
    journal:settle(step "deleted", "vpc-2")
    journal:gone(step "deleted", "vpc-2")
    journal:intend(step "replaced", nil, {})
    journal:settle(step "replaced", "vpc-4")
    journal:gone(step "replaced", "vpc-3")
    journal:close()
    local again = journals.open(stack)
    assert.equal("intent", again.last.open.event)
    assert.equal("vpc-1", again.last.made.id)
    assert.is_nil(again.last.refused)
    assert.is_nil(again.last.deleted)
    assert.equal("vpc-4", again.last.replaced.id)
    assert.same({ n1 = 0 }, again.runs)
    again:close()
  end)

  it("has an intent on disk before the call goes out, and asks the disk once for many", function()
    local journal = journals.open(fresh())
    local log, disk = journal.log, {}
    journal.log = {
      write = function(_, text)
        disk[#disk + 1] = text:match '"address":"(%w+)"' or text:match '"event":"(%w+)"'
      end,
      sync = function() disk[#disk + 1] = "sync" end,
    }
    journal:begin "n1"
    local calls = {}
    for i = 1, 3 do
      calls[i] = function()
        journal:intend(step("a" .. i), nil, {})
        disk[#disk + 1] = "call"
        journal:settle(step("b" .. i), "id")
      end
    end
    task.all(calls)
    assert.same("run a1 a2 a3 sync call b1 call b2 call b3", table.concat(disk, " "))
    log:close()
  end)

  it("lets no call go out whose intent is not on disk", function()
    local journal = journals.open(fresh())
    local log, full = journal.log, error_object.new { code = "io", message = "no space left on device" }
    journal.log = { write = function() end, sync = function() error(full, 0) end }
    local refused = 0
    local function call()
      local ok, err = pcall(journal.intend, journal, step "a", nil, {})
      if not ok and err == full then refused = refused + 1 end
    end
    task.all { call, call }
    assert.equal(2, refused)
    log:close()
  end)

  it("reads past a line that was cut", function()
    local stack = fresh()
    local journal = journals.open(stack)
    journal:intend(step "a", nil, {})
    journal:close()
    local path = journals.path(stack)
    file.write_atomic(path, file.read(path) .. '{"event":"intent","addr')
    assert.same({ "a" }, util.sorted_keys(journals.peek(stack)))
    local again = journals.open(stack) -- and what comes behind it has a line of its own
    again:begin("n2")
    again:intend(step "b", nil, {})
    again:close()
    again = journals.open(stack)
    assert.same({ "a", "b" }, util.sorted_keys(again.last))
    assert.same({ n2 = 0 }, again.runs)
    again:close()
  end)

  it("keeps what is young when all is done, and nothing else", function()
    local stack = fresh()
    local journal = journals.open(stack)
    journal:begin("n1")
    journal:intend(step "a", nil, {})
    journal:settle(step "a", "vpc-1")
    journal:clear(60)
    local again = journals.open(stack)
    assert.equal("vpc-1", again.last.a.id)
    assert.same({ n1 = 0 }, again.runs)
    again:begin("n2")
    again:clear(0)
    assert.is_nil((file.try_read(journals.path(stack))))
  end)

  it("dates an intent anew when an attempt leaves much later", function()
    clock.simulate(1000)
    local _ <close> = setmetatable({}, { __close = function() clock.simulate(nil) end })
    local stack = fresh()
    local journal = journals.open(stack)
    journal:intend(step "a", nil, {})
    task.sleep(5)
    journal:renew(step "a", nil, {})
    assert.equal(1000, journals.peek(stack).a.at)
    task.sleep(200)
    journal:renew(step "a", nil, {})
    assert.equal(1205, journals.peek(stack).a.at)
    journal:close()
    local entry = journals.peek(stack).a
    assert.equal(1210, journals.made_by(entry, 1210))
    assert.equal(1275, journals.made_by(entry, 5000))
  end)
end)

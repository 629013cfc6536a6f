-- A plan carried out under the lock of its stack: what is written down, and what becomes of it at the end.
local clock = require "eksrun.clock"
local cloud = require "tests.spec.support.cloud"
local error_object = require "eksrun.error"
local file = require "eksrun.file"
local journals = require "eksrun.engine.journal"
local locks = require "eksrun.engine.lock"
local making = require "eksrun.engine.make"
local parameters = require "tests.spec.support.parameters"
local run = require "eksrun.engine.run"
local stacks = require "eksrun.engine.stack"
local task = require "eksrun.task"

describe("a run under the lock", function()
  local sky, aws, stack, store

  before_each(function()
    sky, store = cloud.new(), parameters.new()
    sky.aws.ssm = store
    aws, stack = sky.aws, stacks.new("spec/carry", { region = "eu-west-1", account = "1" })
    file.remove(journals.path(stack))
  end)

  local function plan(recipe, options)
    local all = { stack = stack }
    for key, value in pairs(options or {}) do all[key] = value end
    return cloud.plan(sky, recipe, all)
  end

  local function carry_out(make, options)
    local all = { plan = make(), make = make, aws = aws, command = "apply x.lua" }
    for key, value in pairs(options or {}) do all[key] = value end
    return run.carry_out(all)
  end

  local function net() cloud.net { "net", Cidr = "10.0.0.0/16" } end

  it("writes down what there is, and gives the lock back", function()
    local result = carry_out(function() return plan(net) end)
    assert.equal(1, #result.done)
    local record = locks.last(aws, stack)
    assert.equal("release", record.kind)
    assert.is_true(record.complete)
    assert.same({ ["cloud.net"] = true }, record.inventory)
  end)

  it("does not forget kinds that it could not look at", function()
    carry_out(function() return plan(net) end)
    carry_out(function()
      local planned = plan(function() end, { destroy = true, types = { cloud.host, cloud.link } })
      planned.unseen = { { type = cloud.net, err = "AccessDenied" } }
      return planned
    end)
    local record = locks.last(aws, stack)
    assert.is_true(record.complete)
    assert.same({ ["cloud.net"] = true }, record.inventory)
  end)

  it("is a success, with a warning, when the journal cannot be cleared", function()
    local clear, warnings = journals.open(stack), {}
    local methods = getmetatable(clear)
    clear:close()
    local original = methods.clear
    methods.clear = function(journal)
      journal:close()
      error(error_object.new { code = "io", message = "no space left on device" }, 0)
    end
    local ok, result = pcall(carry_out, function() return plan(net) end, {
      on_warning = function(text) warnings[#warnings + 1] = text end,
    })
    methods.clear = original
    assert.is_true(ok)
    assert.equal(1, #result.done)
    assert.equal(1, #warnings)
    assert.matches("journal .* could not be cleared: no space left on device", warnings[1])
    assert.equal("release", locks.last(aws, stack).kind)
  end)

  it("has its journal cleared before somebody else can have the lock", function()
    local intents = {}
    local function look(operation, params)
      if operation ~= "put_parameter" then return end
      local kind = params.Value:match '"kind":"(%a+)"'
      local _, count = (file.try_read(journals.path(stack)) or ""):gsub('"intent"', "")
      if kind then intents[kind] = count end
    end
    local create = sky.aws.cloud.create
    sky.aws.cloud.create = function(...)
      look("put_parameter", { Value = '"kind":"create"' })
      return create(...)
    end
    store.fault = look
    carry_out(function() return plan(net) end)
    assert.same({ hold = 0, create = 1, release = 0 }, intents)
  end)

  it("says when the lock cannot be given back, and has done all the same", function()
    local warnings = {}
    store.fault = function(operation, params)
      if operation == "put_parameter" and params.Value:find('"kind":"release"', 1, true) then
        return error_object.new { code = "network", message = "reset" }
      end
    end
    local result = carry_out(function() return plan(net) end, {
      on_warning = function(text) warnings[#warnings + 1] = text end,
    })
    assert.equal(1, #result.done)
    assert.matches("the lock of spec/carry could not be given back", warnings[1])
  end)

  describe("behind one that was killed", function()
    local WINDOW = 60 -- seconds in which AWS may not show what it made
    local settle_seconds = making.settle_seconds

    before_each(function()
      making.settle_seconds = function() return WINDOW end
      clock.simulate(1000000)
    end)
    after_each(function()
      clock.simulate(nil)
      making.settle_seconds = settle_seconds
    end)

    -- AWS makes what was asked for now, and shows it when it has to. Each of its answers takes so many
    -- seconds, and tells what there was to see when it was asked.
    local function made_unseen(seconds)
      local tags = { ["eksrun:stack"] = "spec/carry", ["eksrun:resource"] = "net" }
      sky.things["net-1"] = { kind = "net", id = "net-1", Cidr = "10.0.0.0/16", tags = tags }
      local seen, describe = clock.now() + WINDOW, sky.aws.cloud.describe
      function sky.aws.cloud.describe(...)
        local answer = clock.now() >= seen and describe(...) or {}
        task.sleep(seconds)
        return answer
      end
    end

    it("replaces nothing for what it does not see yet", function()
      local journal = journals.open(stack)
      journal:begin "killed"
      journal:settle({ address = "net" }, "net-1")
      journal:close()
      made_unseen(2)
      sky.things["host-1"] = {
        kind = "host", id = "host-1", HostName = "h", NetId = "net-1", up = true,
        tags = { ["eksrun:stack"] = "spec/carry", ["eksrun:resource"] = "h" },
      }
      local describe = sky.aws.cloud.describe
      function sky.aws.cloud.describe(service, kind)
        return kind == "host" and { sky.things["host-1"] } or describe(service, kind)
      end
      local first
      carry_out(function()
        local planned = plan(function()
          local made = cloud.net { "net", Cidr = "10.0.0.0/16" }
          cloud.host { "h", HostName = "h", NetId = made.NetId }
        end, { allow_destroy = { "h" } })
        first = first or planned
        return planned
      end)
      assert.equal(1, first.counts.replace)
      assert.is_nil(sky.calls.create or sky.calls.delete)
    end)

    it("says how long a destroy waits for what it may not see, and how long ago that was", function()
      local journal, told = journals.open(stack), nil
      journal:begin "earlier"
      journal:settle({ address = "net" }, "net-1")
      journal:close()
      task.sleep(20)
      carry_out(function() return plan(function() end, { destroy = true }) end, {
        lock = false, on_settle = function(seconds, ago) told = { seconds, ago } end,
      })
      assert.same({ WINDOW - 20, 20 }, told)
      assert.equal("waiting 40 s: an earlier run asked for changes 20 s ago, and AWS may not show them yet",
        require("eksrun.cli.session").settling(told[1], told[2]))
    end)

    for _, case in ipairs {
      { "waits as long as the last call may have taken to come to AWS", on_the_way = 40 },
      { "looks once more when what was made has to be seen", id = "net-1", slow = 25 },
    } do
      it(case[1] .. ", and makes nothing again", function()
        local step = { address = "net", action = { type = cloud.net } }
        local journal = journals.open(stack)
        journal:begin "killed"
        journal:intend(step, nil, {})
        task.sleep(case.on_the_way or 0)
        made_unseen(case.slow or 0)
        if case.id then journal:settle(step, case.id) end
        journal:close()
        local result = carry_out(function() return plan(net) end, { lock = false })
        assert.equal(1, #result.done)
        assert.is_nil(sky.calls.create)
        assert.is_true(clock.now() - 1000000 >= WINDOW)
      end)
    end
  end)
end)

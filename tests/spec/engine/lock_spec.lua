-- The lock of a stack, on a parameter store in a table.
local clock = require "eksrun.clock"
local error_object = require "eksrun.error"
local file = require "eksrun.file"
local call_module = require "eksrun.aws.call"
local guard = require "eksrun.engine.lock.guard"
local inventory = require "eksrun.engine.inventory"
local json = require "eksrun.json"
local lock = require "eksrun.engine.lock"
local logs = require "eksrun.engine.lock.log"
local owner = require "eksrun.engine.lock.owner"
local parameters = require "tests.spec.support.parameters"
local place = require "eksrun.engine.lock.place"
local process = require "eksrun.process"
local ssm = require "eksrun.engine.lock.ssm"
local stacks = require "eksrun.engine.stack"
local task = require "eksrun.task"

local function fields(before)
  return {
    owner = { user = "u", host = "h", pid = 1, command = "c" }, inventory = before and before.inventory,
  }
end

local function log_of(store, nonce, options)
  options = options or {}
  options.nonce = nonce
  return logs.new(ssm.new({ ssm = store }, nil, "s"), options)
end

local function slots(store)
  local list = {}
  for name in pairs(store.values) do
    local slot = name:match "/lock/(%d+)$"
    if slot then list[#list + 1] = tonumber(slot) end
  end
  table.sort(list)
  return list
end

describe("the lock's log", function()
  local store

  before_each(function() store = parameters.new() end)

  it("is held by one at a time, and free again when released", function()
    local a, b = log_of(store, "a"), log_of(store, "b")
    assert.is_true((a:take(fields)))
    local taken, holder = b:take(fields)
    assert.is_false(taken)
    assert.equal("a", holder.nonce)
    assert.is_true(a:renew(clock.now()))
    assert.is_false((b:take(fields)))
    assert.is_true(a:release(clock.now()))
    assert.is_true((b:take(fields)))
    assert.same({ 1, 2, 3, 4 }, slots(store))
  end)

  it("is taken over when the lease and the margin are over, by AWS's clock", function()
    local a, b = log_of(store, "a"), log_of(store, "b")
    a:take(fields)
    store.ahead = logs.LEASE + logs.MARGIN - 5
    assert.is_false((b:take(fields)))
    store.ahead = logs.LEASE + logs.MARGIN + 5
    local taken, before = b:take(fields)
    assert.is_true(taken)
    assert.equal("a", before.nonce)
    assert.is_false(a:renew(clock.now() + store.ahead))
    assert.is_false(a:release(clock.now() + store.ahead))
    assert.equal("b", (b:read()).nonce)
  end)

  it("is taken from a process of this machine that is no more, at once", function()
    local a, b = log_of(store, "a"), log_of(store, "b")
    a:take(function()
      local me = owner.me "apply x"
      me.started = "1"
      return { owner = me }
    end)
    assert.is_true((b:take(fields, owner.is_dead)))
    local c = log_of(store, "c")
    b:release(clock.now())
    assert.is_true((c:take(function() return { owner = owner.me "y" } end)))
    assert.is_false((log_of(store, "d"):take(fields, owner.is_dead)))
  end)

  it("counts a holder as no more that has ended, and that its parent has not asked about", function()
    local parent = io.popen "sleep 0.01 & echo $! $$; exec sleep 60"
    local pid, parent_pid = parent:read("n", "n")
    local stat
    repeat
      stat = {}
      for field in file.read(("/proc/%d/stat"):format(pid)):match("%) (.*)"):gmatch "%S+" do
        stat[#stat + 1] = field
      end
    until stat[1] == "Z"
    local dead = owner.is_dead { owner = { machine = owner.machine(), pid = pid, started = stat[20] } }
    process.kill(parent_pid, "KILL")
    parent:close()
    assert.is_true(dead)
    assert.is_false(owner.is_dead { owner = owner.me "x" })
  end)

  it("knows a put of its own whose answer was lost", function()
    local a = log_of(store, "a")
    local put = a.store.put
    a.store.put = function(slot, text)
      put(slot, text)
      return false, clock.now()
    end
    assert.is_true((a:take(fields)))
    a.store.put = put
    assert.is_true(a:renew(clock.now()))
    assert.same({ 1, 2 }, slots(store))
  end)

  it("finds the newest record without the hint, and from one that is old", function()
    local a = log_of(store, "a")
    for _ = 1, 15 do
      a:take(fields)
      a:release(clock.now())
    end
    for _, hint in ipairs { "30", "3", "1" } do
      store.values["/eksrun/s/newest"] = hint
      local b = log_of(store, "b")
      assert.equal("release", (b:read()).kind)
      assert.equal(30, b.slot)
    end
    store.values["/eksrun/s/newest"] = nil
    local b = log_of(store, "b")
    b:read()
    assert.equal(30, b.slot)
  end)

  it("deletes what is old, the oldest first, and never the newest", function()
    local a = log_of(store, "a")
    for _ = 1, 50 do
      a:take(fields)
      a:release(clock.now())
    end
    a:collect(clock.now())
    assert.equal(100, #slots(store))
    a:collect(clock.now() + 25 * 3600)
    local left = slots(store)
    assert.equal(65, #left)
    assert.same({ 1, 37 }, { left[1], left[2] })
    -- A hint to what was deleted is none.
    store.values["/eksrun/s/newest"] = "2"
    local b = log_of(store, "b")
    assert.is_true((b:take(fields)))
    assert.equal(101, b.slot)
    -- Nor is there none where only the hint is missing.
    store.values["/eksrun/s/newest"] = nil
    local c = log_of(store, "c")
    assert.equal("b", (c:read()).nonce)
  end)

  it("is read in one call where there is none, in two where there is one, however long", function()
    local a = log_of(store, "a")
    a:read()
    assert.same({ get_parameters = 1 }, store.calls)
    for _ = 1, 20 do
      a:take(fields)
      a:release(clock.now())
    end
    store.calls = {}
    assert.equal("release", (log_of(store, "b"):read()).kind)
    assert.same({ get_parameters = 2 }, store.calls)
  end)

  it("is kept although its hint cannot be written", function()
    store.fault = function(_, params)
      return params.Overwrite and error_object.new { code = "network", message = "reset" } or nil
    end
    local a, b = log_of(store, "a"), log_of(store, "b")
    assert.is_true((a:take(fields)))
    assert.is_false((b:take(fields)))
  end)

  it("knows a renewal of its own whose answer was lost, and renews behind it", function()
    local a = log_of(store, "a")
    a:take(fields)
    local put = a.store.put
    a.store.put = function(slot, text)
      put(slot, text)
      error(error_object.new { code = "network", message = "reset" }, 0)
    end
    assert.is_false((pcall(a.renew, a, clock.now())))
    a.store.put = put
    assert.is_true(a:renew(clock.now() + 7))
    assert.same({ 1, 2, 3 }, slots(store))
    assert.is_true(a.record.at > clock.now() + 5)
  end)

  it("does not know whether it is lost while its number is taken and not shown", function()
    local a = log_of(store, "a")
    a:take(fields)
    local get = a.store.get
    a.store.put = function() return false, clock.now() end
    a.store.get = function() return {}, clock.now() end
    assert.is_nil(a:renew(clock.now()))
    a.store.get = function(asked)
      return { [asked[1]] = json.encode { kind = "hold", nonce = "b", at = 1, deadline = 2 } }, clock.now()
    end
    assert.is_false(a:renew(clock.now()))
    a.store.get = get
  end)

  it("holds nothing by a put that comes when its number may be free again", function()
    local a = log_of(store, "a")
    a:take(fields)
    store.ahead = 25 * 3600
    assert.is_false(a:renew(clock.now()))
    assert.same({ 1 }, slots(store))
  end)

  it("has records that fit into a parameter, whatever the stack may have", function()
    local function has(keys)
      return function()
        local hosts = {}
        for i = 1, keys do hosts[i] = { ("a long name of a host %d"):format(i) } end
        local long = ("ä"):rep(3000)
        return {
          owner = owner.me(long), stack = ("s"):rep(128), forced_by = owner.me(long),
          inventory = { ["cloud.net"] = true, ["cloud.host"] = hosts },
        }
      end
    end
    local a = log_of(store, "a")
    a:take(has(10))
    assert.equal(10, #a.record.inventory["cloud.host"])
    a:release(clock.now())
    a:take(has(500))
    assert.is_true(a.record.inventory["cloud.host"])
    for _, text in pairs(store.values) do assert.is_true(#text <= 4096) end
    local command = a.record.owner.command
    assert.is_true(#command <= 200 and #command >= 190 and utf8.len(command) ~= nil)
  end)

  it("refuses a record that is not its own", function()
    for _, text in ipairs {
      "hello", "{}", '{"kind":"hold"}', '{"kind":"x","nonce":"a","at":1,"deadline":2}',
    } do
      store.values["/eksrun/s/lock/000000000001"] = text
      local ok, err = pcall(function() return log_of(store, "a"):take(fields) end)
      assert.is_false(ok)
      assert.equal("lock", err.code)
    end
  end)
end)

describe("the lock of a stack", function()
  local store, aws, stack

  before_each(function()
    store = parameters.new()
    aws, stack = { ssm = store }, stacks.new("a stack/ä", { region = "eu-west-1", account = "1" })
  end)

  local function take(more)
    local options = { aws = aws, stack = stack, command = "apply x.lua" }
    for key, value in pairs(more or {}) do options[key] = value end
    return lock.take(options)
  end

  -- A holder that is somewhere else.
  local function elsewhere(age)
    local log = logs.new(ssm.new(aws, nil, place.id(stack)), { nonce = "other" })
    store.ahead = -(age or 0)
    log:take(function()
      local ann = { user = "ann", host = "ci-7", pid = 9, command = "apply y.lua" }
      return { owner = ann, inventory = { ["ec2.vpc"] = true } }
    end)
    store.ahead = 0
    return log
  end

  it("knows who runs this, with and without USER", function()
    assert.matches("^[^?]", owner.me("apply x").user)
  end)

  it("says who holds it, and what to do", function()
    elsewhere()
    local ok, err = pcall(take)
    assert.is_false(ok)
    assert.equal("locked", err.code)
    assert.matches("ann@ci-7 (process 9, apply y.lua)", err.message, 1, true)
    assert.matches("eksrun unlock --stack", err.message, 1, true)
  end)

  it("says that it waited in vain, how long, and for whom", function()
    elsewhere()
    clock.simulate(clock.now())
    local ok, err = pcall(take, { wait = 30 })
    clock.simulate(nil)
    assert.is_false(ok)
    assert.equal("locked", err.code)
    assert.matches("still being changed, after 30s of waiting, by ann@ci-7 (process 9, ", err.message, 1,
      true)
    assert.matches("; wait longer with --wait SECONDS, or if it is gone: eksrun ", err.message, 1, true)
  end)

  it("waits for the holder when asked to", function()
    local other = elsewhere()
    local told = {}
    task.all {
      function() take { wait = 60, on_wait = function(record) told[#told + 1] = record.owner.user end } end,
      function()
        task.sleep(0.05)
        other:release(clock.now())
      end,
    }
    assert.same({ "ann" }, told)
  end)

  it("goes on with the tokens of a run that was killed, and has new ones after one that ended", function()
    local killed = take { lease = 1, margin = 0 }
    store.ahead = store.ahead + 2
    local second = take()
    assert.equal(killed.generation, second.generation)
    for _, complete in ipairs { false, true } do
      local before = second.generation
      second:release(complete)
      second = take()
      assert.not_equal(before, second.generation)
      assert.not_equal(stack:token("a", {}, nil, before), stack:token("a", {}, nil, second.generation))
    end
  end)

  it("knows that it goes on where somebody died", function()
    elsewhere(1000)
    local mine = take {
      inventory = function(before) return inventory.union(before, { ["eks.cluster"] = { { "c" } } }) end,
    }
    assert.is_true(mine.resumes)
    assert.same({ ["ec2.vpc"] = true, ["eks.cluster"] = { { "c" } } }, lock.last(aws, stack).inventory)
  end)

  describe("says of a look before it", function()
    -- A look that began `ago` seconds before the log was read, and what happens between that and our hold.
    local function undisturbed(ago, between)
      local sight = lock.sight(aws, stack)
      sight.began = sight.began - (ago or 0)
      sight:read()
      if between then between() end
      local mine = take { sight = sight }
      mine:release(true)
      return mine.undisturbed
    end

    local function released(age)
      local other = elsewhere(age)
      other:release(clock.now() - age)
      return other
    end

    it("that nobody disturbed it, if there is no record or one that was released before", function()
      assert.is_true(undisturbed())
      assert.is_false(undisturbed(), "its clock may be ahead by the margin")
    end)

    it("that nobody disturbed it, if the last run ended before it", function()
      released(100)
      assert.is_true(undisturbed(50))
    end)

    it("that a run may have that ended when it had begun", function()
      released(40)
      assert.is_false(undisturbed(35))
    end)

    it("that a run has that began and ended meanwhile", function()
      released(1000)
      assert.is_false(undisturbed(20, function()
        local other = logs.new(ssm.new(aws, nil, place.id(stack)), { nonce = "third" })
        other:take(fields)
        other:release(clock.now())
      end))
    end)

    it("that a run may have that was killed, or ended by hand", function()
      elsewhere(1000)
      assert.is_false(undisturbed())
      local other = elsewhere(1000)
      other:force { user = "bob" }
      assert.is_false(undisturbed())
    end)

    it("nothing, if it is long ago, or the log could not be read", function()
      released(1000)
      assert.is_false(undisturbed(100))
      local sight = lock.sight(aws, stack)
      store.fault = function() return error_object.new { code = "network", message = "reset" } end
      assert.is_nil(sight:read())
      store.fault = nil
      assert.is_false(take({ sight = sight }).undisturbed)
    end)
  end)

  it("is taken with no call but the one that writes it, behind a look", function()
    local sight = lock.sight(aws, stack)
    sight:read()
    store.calls = {}
    take { sight = sight }
    assert.same({ put_parameter = 2 }, store.calls)
  end)

  it("is renewed before anything is changed near the end of its lease, once", function()
    local mine = take()
    mine:permit()
    local slot = mine.log.slot
    mine.at = mine.at + logs.LEASE - 40
    task.all { function() mine:permit() end, function() mine:permit() end }
    assert.is_nil(mine.lost)
    assert.is_true(mine.log.slot > slot)
    assert.is_true(mine.log.record.deadline - mine:now() > logs.LEASE - 1)
  end)

  it("lets nothing be changed behind its lease", function()
    local mine = take()
    mine.at = mine.at + logs.LEASE + 1
    local ok, err = pcall(mine.permit, mine)
    assert.is_false(ok)
    assert.equal("lock_lost", err.code)
  end)

  it("stops when it was taken over", function()
    local lost
    local mine = take { lease = 0.4, margin = 0, on_lost = function(err) lost = err end }
    store.ahead = 10
    local other = logs.new(ssm.new(aws, nil, place.id(stack)), { nonce = "other", margin = 0 })
    other:take(function() return { owner = { user = "ann", host = "h", pid = 1, command = "c" } } end)
    mine:keep()
    assert.matches("taken over by ann@h", lost.message)
    assert.is_false((pcall(mine.permit, mine)))
  end)

  it("is renewed while it is kept", function()
    local mine = take { lease = 0.8 }
    task.scope(function(scope)
      local keeper = scope:spawn(function() mine:keep() end)
      task.sleep(1)
      keeper:cancel()
    end)
    assert.is_nil(mine.lost)
    assert.is_true(mine.log.slot >= 3)
  end)

  it("says more of what the stack may have although the network fails meanwhile", function()
    local mine = take { lease = 0.6, inventory = function() return { ["ec2.vpc"] = true } end }
    local failures = 2
    store.fault = function(operation)
      if operation ~= "put_parameter" or failures == 0 then return nil end
      failures = failures - 1
      return error_object.new { code = "network", message = "reset" }
    end
    mine:extend { ["eks.cluster"] = { { "c" } } }
    assert.equal(0, failures)
    assert.same({ ["ec2.vpc"] = true, ["eks.cluster"] = { { "c" } } }, lock.last(aws, stack).inventory)
  end)

  it("raises what it lost the lock by when it cannot say more before the lease ends", function()
    local mine = take { lease = 0.3, inventory = function() return {} end }
    store.fault = function() return error_object.new { code = "network", message = "reset" } end
    local ok, err = pcall(mine.extend, mine, { ["eks.cluster"] = { { "c" } } })
    assert.is_false(ok)
    assert.equal("lock_lost", err.code)
  end)

  it("leaves unknown what an earlier record had no room for", function()
    local log = logs.new(ssm.new(aws, nil, place.id(stack)), { nonce = "other" })
    log:take(function() return { owner = {} } end)
    log:release(clock.now())
    local mine = take { inventory = function() return { ["ec2.vpc"] = true } end }
    assert.is_nil(mine.log.record.inventory)
    mine:extend { ["ec2.vpc"] = true }
    assert.is_nil(lock.last(aws, stack).inventory)
    assert.is_nil(mine:release(true, { ["ec2.vpc"] = true }))
    assert.same({ ["ec2.vpc"] = true }, lock.last(aws, stack).inventory)
  end)

  it("says that it could not be given back", function()
    local mine = take()
    store.fault = function() return error_object.new { code = "network", message = "reset" } end
    assert.matches("could not be given back, its lease ends at .*: .*reset", mine:release(true))
  end)

  it("says that it was not this run's any more at its end", function()
    local mine = take()
    logs.new(ssm.new(aws, nil, place.id(stack)), { nonce = "other" }):force { user = "someone" }
    assert.matches("no longer this run's when it ended: its hold was ended by hand, or taken over; "
      .. "look at what is there: eksrun plan", mine:release(true))
  end)

  it("is given back by a run that is interrupted", function()
    local mine, warning = take(), "not given back"
    store.fault = function() task.sleep(0) end -- a call waits, and so can be canceled
    task.scope(function(scope)
      local run = scope:spawn(function()
        local _ <close> = setmetatable({}, { __close = function() warning = mine:release(true) end })
        task.sleep(60)
      end)
      task.sleep(0)
      run:cancel { code = "interrupted", message = "interrupted by SIGINT" }
    end)
    assert.is_nil(warning)
    assert.equal("release", lock.last(aws, stack).kind)
  end)

  it("lists the newest record of every stack, and skips what is none of eksrun's", function()
    take():release(true)
    store.values["/eksrun/of-others/lock/000000000004"] = "theirs"
    local foreign = {}
    local records = lock.all(aws, function(name) foreign[#foreign + 1] = name end)
    assert.equal(1, #records)
    assert.equal(stack.name, records[1].stack)
    assert.same({ "/eksrun/of-others/lock/000000000004" }, foreign)
  end)

  it("names the permissions that it lacks", function()
    store.fault = function()
      return error_object.new {
        code = "AccessDeniedException", message = "no", status = 400, service = "ssm",
      }
    end
    local ok, err = pcall(take)
    assert.is_false(ok)
    assert.equal("lock", err.code)
    assert.matches("PutParameter on /eksrun/a%-stack%-%x+, or run with %-%-no%-lock", err.message)
    assert.is_nil(lock.last(aws, stack))
  end)
end)

describe("guarded clients", function()
  it("send no creation twice", function()
    local calls = {}
    local aws = guard.wrap {
      ec2 = setmetatable({}, {
        __index = function(_, name)
          return function(_, params, options)
            calls[#calls + 1] = { name, params, options }
            return "done"
          end
        end,
      }),
    }
    assert.equal("done", aws.ec2:describe_vpcs {})
    aws.ec2:modify_vpc_attribute { VpcId = "v" }
    assert.is_nil(calls[2][3])
    aws.ec2:create_vpc({ CidrBlock = "c" }, { timeout = 3 })
    assert.same({ resend = false, timeout = 3 }, calls[3][3])
  end)

  it("say of each attempt of a creation that it leaves, when the lock lets it", function()
    local told = {}
    local aws = guard.wrap({
      ec2 = {
        create_vpc = function(_, _, options) return options end,
        modify_vpc = function(_, _, options) return options or {} end,
      },
    }, function() told[#told + 1] = "leaving" end)
    local function attempt(name, options)
      call_module.permit { client = { name = "ec2" }, name = name, options = options }
    end
    local _ <close> = guard.enforce { permit = function() told[#told + 1] = "permit" end }
    local creation = aws.ec2:create_vpc {}
    attempt("CreateVpc", creation)
    attempt("CreateVpc", creation)
    attempt("ModifyVpc", aws.ec2:modify_vpc {})
    assert.same({ "permit", "leaving", "permit", "leaving", "permit" }, told)
  end)
end)

describe("the inventory", function()
  local cloud = require "tests.spec.support.cloud"

  it("holds names where all are known, and only the kind otherwise", function()
    local unknown = require("eksrun.engine.ref").unknown
    local plan = { actions = {
      { op = "create", type = cloud.host, inputs = { HostName = "a" } },
      { op = "keep", type = cloud.host, inputs = { HostName = "b" }, record = { HostName = "b" } },
      { op = "create", type = cloud.net, inputs = { Cidr = "c" } },
    } }
    assert.same({ ["cloud.host"] = { { "a" }, { "b" } }, ["cloud.net"] = true }, inventory.during(plan))
    table.insert(plan.actions, { op = "create", type = cloud.host, inputs = { HostName = unknown } })
    assert.same({ ["cloud.host"] = true, ["cloud.net"] = true }, inventory.during(plan))
  end)

  it("is never smaller than both of what it is made of", function()
    local a = { x = { { "1" } }, y = true }
    local b = { x = { { "1" }, { "2" } }, y = { { "3" } }, z = { { "4", "5" } } }
    local both = { x = { { "1" }, { "2" } }, y = true, z = { { "4", "5" } } }
    assert.same(both, inventory.union(a, b))
    assert.same(both, inventory.union(b, a))
  end)

  it("keeps what was known of kinds that could not be looked at", function()
    local plan = {
      actions = { { op = "delete", type = cloud.net, record = {} } },
      unseen = { { type = cloud.host, err = "no" }, { type = cloud.link, err = "no" } },
    }
    local before = { ["cloud.net"] = true, ["cloud.host"] = { { "a" } } }
    assert.same({ ["cloud.host"] = { { "a" } } }, inventory.after(plan, {}, before))
    assert.same({}, inventory.after(plan, {}))
  end)

  it("is told in less detail where there is less room", function()
    local known = { ["cloud.host"] = { { "a" }, { "b" } }, ["cloud.net"] = true }
    local size = #json.encode(known)
    assert.same(known, inventory.fitting(known, size))
    assert.same({ ["cloud.host"] = true, ["cloud.net"] = true }, inventory.fitting(known, size - 1))
    assert.is_nil(inventory.fitting(known, 20))
  end)
end)

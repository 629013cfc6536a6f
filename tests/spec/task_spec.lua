local error_object = require "eksrun.error"
local raised = require "tests.spec.support.raised"
local task = require "eksrun.task"

describe("eksrun.task", function()
  it("runs tasks side by side, in the order of their wake-ups", function()
    local log = {}
    task.scope(function(scope)
      for _, n in ipairs { 3, 1, 2 } do
        scope:spawn(function()
          task.sleep(n / 1000)
          log[#log + 1] = n
        end)
      end
      log[#log + 1] = "body"
    end)
    assert.same({ "body", 1, 2, 3 }, log)
  end)

  it("hands over arguments and all results, nils too", function()
    local t = task.spawn(function(...) return select("#", ...), ... end, 1, nil, "x", nil)
    assert.same({ n = 5, 4, 1, nil, "x", nil }, table.pack(t:join()))
    assert.same({ n = 5, 4, 1, nil, "x", nil }, table.pack(t:join()))
    assert.equal("done", t:status())
  end)

  it("joins many and keeps the first result of each", function()
    local functions = {}
    for i = 1, 10000 do
      functions[i] = function()
        task.sleep((i % 7) / 10000)
        return i
      end
    end
    local results = task.all(functions)
    assert.equal(10000, #results)
    for i = 1, 10000 do assert.equal(i, results[i]) end
  end)

  it("raises the very error of a task where it is joined", function()
    local err = error_object.new { code = "x", message = "it broke" }
    local caught = raised(task.scope, function()
      local t = task.spawn(function() error(err) end)
      t:join()
    end)
    assert.equal(err, caught)
  end)

  it("keeps where a failed task failed", function()
    local t
    pcall(task.scope, function(scope)
      t = scope:spawn(function() error "here" end)
    end)
    assert.equal("failed", t:status())
    assert.matches("task_spec.lua:%d+: in function", t:traceback())
  end)

  describe("scope", function()
    it("is left only when all its tasks have ended", function()
      local ended = false
      local result = task.scope(function()
        task.spawn(function()
          task.sleep(0.002)
          task.spawn(function()
            task.sleep(0.001)
            ended = true
          end)
        end)
        return "result"
      end)
      assert.equal("result", result)
      assert.is_true(ended)
    end)

    it("cancels the others at the first error, lets them clean up, and raises it", function()
      local cleaned, went_on = {}, false
      local err = raised(task.scope, function(scope)
        for i = 1, 3 do
          scope:spawn(function()
            local _ <close> = setmetatable({}, { __close = function() cleaned[#cleaned + 1] = i end })
            task.sleep(60)
            went_on = true
          end)
        end
        scope:spawn(function()
          task.sleep(0.001)
          error("first", 0)
        end)
        task.sleep(60)
        went_on = true
      end)
      assert.equal("first", err)
      table.sort(cleaned)
      assert.same({ 1, 2, 3 }, cleaned)
      assert.is_false(went_on)
    end)

    it("does not take a canceled task for a failure", function()
      local other = false
      task.scope(function(scope)
        local t = scope:spawn(task.sleep, 60)
        scope:spawn(function()
          task.sleep(0.001)
          t:cancel("not needed")
          task.sleep(0.001)
          other = true
        end)
        local err = raised(t.join, t)
        assert.equal("canceled", err.code)
        assert.equal("canceled: not needed", tostring(err))
        assert.equal("canceled", t:status())
      end)
      assert.is_true(other)
    end)

    it("is waited for by one task only", function()
      local refused
      task.scope(function(scope)
        refused = raised(scope.join, scope, task.current())
      end)
      assert.matches("another task waits for it already", refused)
    end)

    it("reaches into the scopes that its tasks wait for", function()
      local reason
      local t
      task.scope(function(scope)
        t = scope:spawn(function()
          task.scope(function()
            task.scope(function()
              local _, err = pcall(task.sleep, 60)
              reason = err
              error(err, 0)
            end)
          end)
        end)
        task.sleep(0)
        task.sleep(0)
        task.sleep(0)
        t:cancel(error_object.new { code = "mine" })
      end)
      assert.equal("mine", reason.code)
      assert.equal("canceled", t:status())
    end)

    it("refuses tasks after its end", function()
      local kept
      task.scope(function(scope) kept = scope end)
      assert.matches("the scope has ended", raised(kept.spawn, kept, print))
    end)
  end)

  describe("cancellation", function()
    it("raises in every wait of the task", function()
      local event, semaphore = task.event(), task.semaphore(1)
      local waits = {
        sleep = function() task.sleep(60) end,
        event = function() event:wait() end,
        join = function() task.spawn(task.sleep, 60):join() end,
        semaphore = function()
          semaphore:with(function() semaphore:with(print) end)
        end,
        scope = function() task.scope(task.sleep) end,
        timeout = function() task.timeout(60, task.sleep, 60) end,
      }
      for name, wait in pairs(waits) do
        local canceled = 0
        task.scope(function(outer)
          local t = outer:spawn(task.scope, function()
            for _ = 1, 2 do
              local ok, err = pcall(name == "scope" and function()
                task.scope(function() task.sleep(60) end)
              end or wait)
              if not ok and err.code == "canceled" then canceled = canceled + 1 end
            end
            task.sleep(60)
          end)
          for _ = 1, 5 do task.sleep(0) end
          t:cancel()
          assert.equal("canceled", raised(t.join, t).code, name)
        end)
        assert.equal(2, canceled, name)
      end
    end)

    it("comes before the first step of a task that did not start", function()
      local ran = false
      task.scope(function(scope)
        scope:spawn(function() ran = true end):cancel()
      end)
      assert.is_false(ran)
    end)

    it("loses against a result that is there already", function()
      local event = task.event()
      local got
      task.scope(function(scope)
        local t = scope:spawn(function()
          event:wait()
          got = true
          task.sleep(0)
          got = "too far"
        end)
        task.sleep(0)
        event:set()
        t:cancel()
      end)
      assert.is_true(got)
    end)

    it("waits for a shield", function()
      local released
      task.scope(function(scope)
        local t = scope:spawn(function()
          pcall(task.sleep, 60)
          assert(task.shield(function()
            task.sleep(0.001)
            released = true
          end))
          task.sleep(0)
          released = "too far"
        end)
        task.sleep(0)
        t:cancel()
      end)
      assert.is_true(released)
    end)

    it("is seen by task.check without a wait", function()
      local t
      task.scope(function(scope)
        t = scope:spawn(function()
          task.current():cancel("enough")
          task.check()
        end)
      end)
      assert.equal("canceled", t:status())
    end)
  end)

  describe("timeout", function()
    it("raises { code = 'timeout' } when the time is over", function()
      local err = raised(task.timeout, 0.001, task.sleep, 60)
      assert.equal("timeout", err.code)
      assert.equal("timed out after 0.001 s", tostring(err))
    end)

    it("returns the results of what was in time", function()
      assert.same({ 1, 2 }, { task.timeout(60, function() return 1, 2 end) })
    end)

    it("raises an error of the function as it is", function()
      assert.equal("no", raised(task.timeout, 60, error, "no", 0))
    end)

    it("of the outer one reaches through the inner one", function()
      local err = raised(task.timeout, 0.001, task.timeout, 60, task.sleep, 60)
      assert.equal("timed out after 0.001 s", tostring(err))
    end)
  end)

  describe("semaphore", function()
    it("lets n in, in the order they came", function()
      local semaphore, inside, most, order = task.semaphore(3), 0, 0, {}
      task.scope(function(scope)
        for i = 1, 20 do
          scope:spawn(semaphore.with, semaphore, function()
            inside = inside + 1
            most = math.max(most, inside)
            order[#order + 1] = i
            task.sleep(0)
            inside = inside - 1
          end)
        end
      end)
      assert.equal(3, most)
      for i = 1, 20 do assert.equal(i, order[i]) end
    end)

    it("gives the place back after an error and after a cancellation", function()
      local semaphore = task.semaphore(1)
      assert.equal("no", raised(semaphore.with, semaphore, error, "no", 0))
      task.scope(function(scope)
        local inside = scope:spawn(semaphore.with, semaphore, task.sleep, 60)
        local queued = scope:spawn(semaphore.with, semaphore, task.sleep, 60)
        task.sleep(0)
        queued:cancel()
        inside:cancel()
      end)
      assert.equal("in", semaphore:with(function() return "in" end))
    end)
  end)

  describe("refuses to wait", function()
    local function refused(f)
      local err = raised(f)
      assert.equal("string", type(err))
      return err
    end

    it("in a coroutine of the user's own", function()
      assert.matches("task.sleep: cannot wait in a coroutine of your own",
        refused(coroutine.wrap(function() task.sleep(0) end)))
    end)

    it("in table.sort, string.gsub, a metamethod called from C, and require", function()
      local cause = "task.sleep: cannot wait below a C function"
      assert.matches(cause, refused(function()
        table.sort({ 1, 2 }, function() task.sleep(0) end)
      end))
      assert.matches(cause, refused(function() ("x"):gsub("x", function() task.sleep(0) end) end))
      assert.matches(cause, refused(function()
        return tostring(setmetatable({}, { __tostring = function() task.sleep(0) end }))
      end))
      package.preload["tests.waits"] = function() task.sleep(0) end
      finally(function() package.preload["tests.waits"] = nil end)
      assert.matches(cause, refused(function() require "tests.waits" end))
    end)
  end)

  it("leaves coroutines to the user between waits", function()
    local t = task.spawn(function()
      local numbers = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
      local sum = 0
      for n in numbers do
        task.sleep(0)
        sum = sum + n
      end
      return sum
    end)
    assert.equal(6, t:join())
  end)

  it("nests scopes no deeper than it can cancel them", function()
    local reached
    local function nest(_, depth)
      reached = depth
      return task.scope(nest, depth + 1)
    end
    assert.matches("nested too deeply", raised(task.scope, nest, 1))
    assert.is_true(reached >= 1000)
    local t = task.spawn(task.scope, function(_, wait)
      local function sink(_, depth)
        if depth == 0 then return wait() end
        return task.scope(sink, depth - 1)
      end
      return task.scope(sink, reached - 10)
    end, function() return task.sleep(100) end)
    for _ = 1, reached do task.sleep(0) end
    t:cancel()
    assert.equal("canceled", raised(t.join, t).code)
  end)

  it("keeps its own coroutines to itself", function()
    local co = coroutine.running()
    assert.matches("attempt to yield from outside a coroutine", raised(coroutine.yield))
    task.scope(function()
      assert.matches("only the scheduler resumes it", raised(coroutine.resume, co))
      assert.matches("only the scheduler resumes it", raised(coroutine.close, co))
    end)
  end)
end)

-- eksrun.native.server, with our own client; clients that misbehave are in tests/unit/server.c.
local gc = require "tests.spec.support.gc"
local http = require "eksrun.http"
local native = require "eksrun.native.server"
local task = require "eksrun.task"

-- Serves while f(url, server) runs; requests are handed to `handle`.
local function with(handle, f, options)
  local server <close> = native.listen(options or {})
  return task.scope(function(scope)
    scope:spawn(function()
      local function serve_one() -- and keeps nothing of it
        local exchange = server:next()
        return exchange and scope:spawn(handle, exchange)
      end
      repeat until not serve_one()
    end)
    local results = table.pack(f(("http://127.0.0.1:%d"):format(server:port()), server))
    server:close()
    return table.unpack(results, 1, results.n)
  end)
end

local function echo(exchange)
  local request = exchange:request()
  exchange:answer {
    status = 201, headers = { ["X-Method"] = request.method, ["x-query"] = request.query },
    body = request.path .. " " .. request.body .. " " .. (request.headers["x-two"] or ""),
  }
end

describe("eksrun.native.server", function()
  it("hands over a request as it was sent, and sends the answer", function()
    local answer = with(echo, function(url)
      return http.request {
        method = "PUT", url = url .. "/a%20b?c=%64", headers = { { "X-Two", "1" }, { "X-Two", "2" } },
        body = "\0body",
      }
    end)
    assert.equal(201, answer.status)
    assert.equal("/a%20b \0body 1, 2", answer.body)
    assert.equal("PUT", answer.headers["x-method"])
    assert.equal("c=%64", answer.headers["x-query"])
  end)

  it("has many requests under way at once", function()
    local waiting, most = 0, 0
    local gate = task.event()
    with(function(exchange)
      waiting = waiting + 1
      most = math.max(most, waiting)
      if waiting == 20 then gate:set() end
      gate:wait()
      exchange:answer {}
    end, function(url)
      local calls = {}
      for i = 1, 20 do calls[i] = function() return http.request({ url = url }).status end end
      for _, status in ipairs(task.all(calls)) do assert.equal(200, status) end
    end)
    assert.equal(20, most)
  end)

  it("keeps connections", function()
    with(echo, function(url)
      assert.is_false(http.request({ url = url }).timing.reused)
      assert.is_true(http.request({ url = url }).timing.reused)
    end)
  end)

  it("sends a body in pieces", function()
    local seen = {}
    with(function(exchange)
      exchange:begin { status = 203, headers = { ["x-a"] = "b" } }
      for i = 1, 3 do
        assert(exchange:write("piece " .. i .. ";"))
        task.sleep(0.01)
      end
      assert.is_false((pcall(exchange.answer, exchange, {})))
      exchange:finish()
      assert.is_false(exchange:write "more")
    end, function(url)
      local answer = http.request { url = url, stream = true }
      assert.equal(203, answer.status)
      assert.equal("b", answer.headers["x-a"])
      seen.first = answer.body:read(8)
      seen.rest = answer.body:read_all()
    end)
    assert.same({ first = "piece 1;", rest = "piece 2;piece 3;" }, seen)
  end)

  it("tells who writes that nobody reads any more", function()
    local there, err
    with(function(exchange)
      exchange:begin {}
      local piece, ok = ("x"):rep(100000), true
      while ok and there ~= false do
        task.sleep(0.001)
        ok, there = pcall(exchange.write, exchange, piece)
      end
      err = not ok and there or nil
    end, function(url)
      local answer = http.request { url = url, stream = true }
      answer.body:close()
      task.sleep(0.2)
    end)
    assert.is_true(there == false or err.code == "limit")
  end)

  it("closes an answer in pieces with the server", function()
    with(function(exchange)
      exchange:begin {}
      exchange:write "x"
      task.sleep(0.2)
      assert.is_false(exchange:write "y")
    end, function(url, server)
      local answer = http.request { url = url, stream = true }
      assert.equal("x", answer.body:read(1))
      server:close()
      local rest, err = answer.body:try_read() -- what was cut is not whole
      assert.is_nil(rest)
      assert.equal("network", err.code)
    end)
  end)

  it("gives a request out, though a finalizer closes the exchange meanwhile", function()
    local path, length = "/" .. ("x"):rep(3000), nil
    with(function(exchange)
      gc.eagerly(function()
        local count = 0
        gc.at_each(function()
          count = count + 1
          if count < 2 then return false end
          local _ <close> = exchange
          return true
        end)
        length = #exchange:request().path
      end)
    end, function(url) assert.is_nil((http.try_request { url = url .. path })) end)
    assert.equal(#path, length)
  end)

  it("drops what is dropped, forgotten, or left to <close>", function()
    for _, handle in ipairs {
      function(exchange) exchange:drop() end,
      function() end,
      function(exchange)
        local _ <close> = exchange
      end,
    } do
      local answer, err = with(function(exchange)
        handle(exchange)
        task.spawn(function()
          task.sleep(0.01) -- the handler's task is gone, too
          collectgarbage()
          collectgarbage()
        end)
      end, function(url) return http.try_request { url = url, method = "POST", body = "" } end)
      assert.is_nil(answer)
      assert.equal("network", err.code)
    end
  end)

  it("answers once, and tells who tries again", function()
    local _, message
    with(function(exchange)
      exchange:answer {}
      _, message = pcall(exchange.answer, exchange, {})
    end, function(url) http.request { url = url } end)
    assert.matches("the exchange is over", message)
  end)

  it("refuses an answer that is none, which leaves the request to be answered", function()
    local wrong = {
      { { status = 99 }, "status" }, { { headers = { a = 1 } }, "headers must be strings" },
      { { headers = { a = "b\r\nc: d" } }, "cannot be the header" },
      { { staus = 200 }, "did you mean 'status'" },
    }
    local messages = {}
    local answer = with(function(exchange)
      for i, case in ipairs(wrong) do messages[i] = select(2, pcall(exchange.answer, exchange, case[1])) end
      exchange:answer { status = 418 }
    end, function(url) return http.request { url = url } end)
    assert.equal(418, answer.status)
    for i, case in ipairs(wrong) do assert.matches(case[2], tostring(messages[i]), 1, true) end
  end)

  it("says why it cannot listen", function()
    local server <close> = native.listen {}
    local ok, err = pcall(native.listen, { port = server:port() })
    assert.is_false(ok)
    assert.equal("io", err.code)
    assert.has_error(function() native.listen { port = 65536 } end)
    assert.has_error(function() native.listen { certificate = "x" } end)
    assert.is_false((pcall(native.listen, { certificate = "x", key = "y" })))
  end)

  it("ends next() when it is closed, quiet, or its task is canceled", function()
    local server = native.listen {}
    task.scope(function(scope)
      local waits = scope:spawn(function() return server:next() end)
      task.sleep(0)
      assert.has_error(function() server:next() end)
      waits:cancel()
      task.sleep(0)
      local again = scope:spawn(function() return server:next() end)
      task.sleep(0)
      server:quiesce()
      assert.is_nil(again:join())
      assert.is_nil(server:next())
      server:close()
      server:close()
      assert.is_nil(server:next())
    end)
  end)

  it("lets nobody wait in the place of a task that has yet to hear that it is canceled", function()
    local server <close> = native.listen {}
    task.scope(function(scope)
      local ended
      local waits = scope:spawn(function() ended = table.pack(pcall(server.next, server)) end)
      task.sleep(0)
      waits:cancel()
      assert.has_error(function() server:next() end, "server:next: another task waits already")
      task.sleep(0)
      assert.is_false(ended[1]) -- and was not told that the server is quiet
    end)
  end)

  it("is not made by a finalizer, which nobody would end", function()
    local ok, why
    setmetatable({}, { __gc = function() ok, why = pcall(native.listen, {}) end })
    collectgarbage()
    assert.is_false(ok)
    assert.matches("server.listen: cannot wait", tostring(why), 1, true)
  end)

  it("takes one answer only, when one in pieces could not be begun", function()
    local second
    local answer = with(function(exchange)
      assert.is_false((pcall(exchange.begin, exchange, { headers = { a = "b\r\nc: d" } })))
      exchange:answer { body = "whole" }
      second = pcall(exchange.answer, exchange, { body = "again" })
    end, function(url) return http.request { url = url } end)
    assert.equal("whole", answer.body)
    assert.is_false(second)
  end)

  it("is closed by collection, with what was taken of it", function()
    local exchange
    do
      local server = native.listen {}
      local url = ("http://127.0.0.1:%d"):format(server:port())
      task.scope(function(scope)
        local call = scope:spawn(http.try_request, { url = url })
        exchange = server:next()
        server:close()
        assert.is_nil((call:join()))
      end)
    end
    collectgarbage()
    assert.is_false((pcall(exchange.answer, exchange, {})))
  end)
end)

-- eksrun.native.server, with our own client; clients that misbehave are in tests/unit/server.c.
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

local file = require "eksrun.file"
local gc = require "tests.spec.support.gc"
local http = require "eksrun.http"
local native = require "eksrun.native.server"
local task = require "eksrun.task"
local text = require "eksrun.text"
local server = require "tests.spec.support.server"

describe("eksrun.http, in pieces:", function()
  local peer, folder
  setup(function()
    peer = server.misbehaving()
    folder = os.tmpname()
    os.remove(folder)
    file.mkdir_p(folder)
  end)
  teardown(function()
    peer:stop()
    os.execute("rm -r " .. folder)
  end)

  local function request(path, options)
    local fields = { url = peer.url .. path, proxy = "", timeout = 20 }
    for name, value in pairs(options or {}) do fields[name] = value end
    return http.try_request(fields)
  end

  local function stream(path, options)
    local fields = { stream = true }
    for name, value in pairs(options or {}) do fields[name] = value end
    return assert(request(path, fields))
  end

  local function step() assert.equal(200, request("/step").status) end

  -- What /download sends.
  local function pattern(n)
    local block = {}
    for i = 0, 250 do block[#block + 1] = string.char(i) end
    return table.concat(block):rep(n // 251 + 1):sub(1, n)
  end

  describe("an answer", function()
    it("is there with its header, its body as it comes", function()
      local answer = stream "/pieces"
      assert.equal(200, answer.status)
      assert.equal("11", answer.headers["content-length"])
      assert.equal("one", answer.body:read())
      step()
      assert.equal("two", answer.body:read())
      step()
      assert.equal("thr", answer.body:read(3))
      assert.equal("ee", answer.body:read())
      assert.is_nil(answer.body:read())
      assert.is_nil(answer.body:read(5))
      assert.equal("", answer.body:read(0))
    end)

    it("may be closed by a finalizer while it is read", function()
      for _, read in ipairs { "read", "read_all" } do
        local body = stream("/digest", { method = "PUT", body = ("x"):rep(5000) }).body
        body:expect("sha256", ("x"):rep(32))
        local closed = false
        gc.eagerly(function()
          setmetatable({}, { __gc = function() body:close() closed = true end })
          pcall(body[read], body, 10000)
        end)
        assert.is_true(closed)
        assert.is_nil((body:try_read()))
      end
    end)

    it("gives as many bytes as are wanted, fewer at the end", function()
      local body = stream("/pieces").body
      step()
      step()
      assert.equal("onetwot", body:read(7))
      assert.equal("hree", body:read(100))
      assert.is_nil(body:read(100))
    end)

    it("is iterated over, or read whole", function()
      local list = {}
      for bytes in stream("/download/1000000").body:chunks() do list[#list + 1] = bytes end
      assert.is_true(#list > 1)
      assert.is_true(pattern(1000000) == table.concat(list))
      assert.is_true(pattern(700000) == stream("/download/700000").body:read_all())
      assert.equal("", stream("/status/204").body:read_all())
      assert.equal("", stream("/echo", { method = "HEAD" }).body:read_all())
    end)

    it("is saved as a file", function()
      local path = folder .. "/saved"
      assert.equal(3000000, stream("/download/3000000").body:save(path, { mode = 420 }))
      assert.is_true(pattern(3000000) == file.read(path))
      assert.equal(420, file.stat(path).mode)
      assert.equal(0, stream("/status/204").body:save(path))
      assert.equal("", file.read(path))
    end)

    it("takes the place of files only", function()
      local n, err = stream("/download/5").body:try_save "/dev/null"
      assert.is_nil(n)
      assert.matches("/dev/null: it is no regular file", err.message)
      assert.equal("other", file.stat("/dev/null").type)
    end)

    it("has the checksum that it should have", function()
      local checksum = require "eksrun.checksum"
      local digest = checksum.digest("crc32c", pattern(300000))
      local function body() return stream("/download/300000").body:expect("CRC32C", digest) end
      assert.equal(300000, #body():read_all())
      assert.equal(300000, body():save(folder .. "/checked"))
      file.remove(folder .. "/checked")
      local size = 0
      for bytes in body():chunks() do size = size + #bytes end
      assert.equal(300000, size)
    end)

    it("fails at its end with another checksum", function()
      local function body() return stream("/download/300000").body:expect("sha256", ("x"):rep(32)) end
      local all, err = body():try_read_all()
      assert.is_nil(all)
      assert.equal("network", err.code)
      assert.matches("does not have its checksum", err.message)
      local n
      n, err = body():try_save(folder .. "/unchecked")
      assert.is_nil(n)
      assert.matches("does not have its checksum", err.message)
      assert.is_false(file.exists(folder .. "/unchecked"))
      local answer = body()
      local piece
      repeat piece, err = answer:try_read(100000) until not piece
      assert.matches("does not have its checksum", err.message)
      assert.has_error(function() body():expect("crc16", "") end)
    end)

    it("keeps the server waiting while nobody reads", function()
      local size = 64 * 1024 * 1024
      local body = stream("/download/" .. size).body
      assert.equal("\0", body:read(1))
      -- So many turns of the loop that all of it would be here.
      for _ = 1, 50 do request "/echo" end
      local sent = tonumber(request("/sent").body)
      assert.is_true(sent < size / 2, sent .. " bytes were sent")
      local n = 1
      for bytes in body:chunks() do n = n + #bytes end
      assert.equal(size, n)
    end)

    it("has a piece that is larger than the window", function()
      local body = stream("/download/2000000").body
      body:read(1)
      for _ = 1, 5 do request "/echo" end
      assert.equal(1500000, #body:read(1500000))
      assert.equal(499999, #body:read(1500000))
    end)

    it("is as it was sent, compressed or not, unless decompression is asked for", function()
      assert.equal("\x1f\x8b", stream("/gzip").body:read(2))
      assert.equal(("hello "):rep(100), stream("/gzip", { decompress = true }).body:read_all())
    end)

    it("has no time limit behind its header", function()
      local answer = stream("/pieces", { timeout = 0.2 })
      pcall(task.timeout, 0.3, request, "/hang")
      step()
      step()
      assert.equal("onetwothree", answer.body:read_all())
      local _, err = request("/hang", { stream = true, timeout = 0.1 })
      assert.equal("timeout", err.code)
    end)

    it("that breaks says so, behind what came", function()
      local body = stream("/broken-pieces").body
      assert.equal("one", body:read())
      step()
      local bytes, err = body:try_read()
      assert.is_nil(bytes)
      assert.equal("network", err.code)
      assert.is_true(err.retryable)
      assert.matches("cut off after 3 bytes", err.message)
      bytes, err = body:try_read()
      assert.is_nil(bytes)
      assert.equal("the body is closed", err.message)
    end)

    it("that breaks says so, though a finalizer closes it meanwhile", function()
      local body, _, err = stream("/broken-pieces").body, nil, nil
      assert.equal("one", body:read())
      step()
      gc.eagerly(function()
        gc.at_each(function() return (pcall(body.close, body)) end)
        _, err = body:try_read()
      end)
      assert.equal("network", err.code)
      assert.matches("cut off after 3 bytes", err.message)
    end)

    it("is of the task that reads it until that goes on", function()
      local origin <close> = native.listen {}
      local more, reading, stolen = task.event(), true, 0
      task.scope(function(scope)
        scope:spawn(function()
          local exchange = origin:next()
          exchange:begin {}
          for _ = 1, 12 do
            exchange:write "piece"
            more:wait()
            more = task.event()
          end
          exchange:finish()
        end)
        local url = ("http://127.0.0.1:%d"):format(origin:port())
        local body = http.request({ url = url, proxy = "", stream = true }).body
        -- In every round of the tasks one of the two comes before what the loop makes ready.
        local function pause() task.spawn(function() end):join() end
        for turn = 1, 2 do
          scope:spawn(function()
            if turn == 2 then pause() end
            while reading do
              if pcall(body.close, body) and reading then stolen = stolen + 1 end
              if turn == 1 then pause() else task.spawn(pause):join() end
            end
          end)
        end
        while body:read() do more:set() end
        reading = false
      end)
      assert.equal(0, stolen)
    end)

    it("that breaks leaves no file, and the old one as it was", function()
      local path = folder .. "/kept"
      file.write_atomic(path, "old")
      local body = stream("/half-body").body
      local n, err = body:try_save(path)
      assert.is_nil(n)
      assert.matches("cut off after 4 bytes", err.message)
      assert.equal("old", file.read(path))
      assert.equal("kept\nsaved\n", io.popen("ls -A " .. folder):read "a")
      n, err = stream("/download/5").body:try_save(folder .. "/none/x")
      assert.is_nil(n)
      assert.equal("not_found", err.code)
    end)

    it("is read whole up to a limit", function()
      local bytes, err = stream("/endless").body:try_read_all(100000)
      assert.is_nil(bytes)
      assert.equal("limit", err.code)
      assert.matches("larger than 100000 bytes", err.message)
      assert.equal(100, #stream("/download/100").body:read_all(100))
    end)

    it("is closed by a loop that is left, by hand, and once", function()
      local body = stream("/endless").body
      for bytes in body:chunks() do
        if #bytes > 0 then break end
      end
      assert.has_error(function() body:read() end, "the body is closed")
      body:close()
      body:close()
    end)

    it("stops with the task that reads it", function()
      local body = stream("/hang-in-body").body
      assert.equal("half", body:read(4))
      local ok, err = pcall(task.timeout, 0.05, function() body:read() end)
      assert.is_false(ok)
      assert.equal("timeout", err.code)
      local bytes
      bytes, err = body:try_read()
      assert.is_nil(bytes)
      assert.equal("canceled", err.code)
    end)

    it("is read by one task at a time", function()
      local body = stream("/hang-in-body").body
      body:read(4)
      pcall(task.timeout, 0.05, task.scope, function(scope)
        scope:spawn(function() body:read() end)
        scope:spawn(function()
          assert.has_error(function() body:read() end, "another task reads this body")
          assert.has_error(function() body:close() end, "another task reads this body")
        end)
      end)
    end)

    it("that nobody reads to its end is let go", function()
      for _ = 1, 5 do stream "/endless" end
      collectgarbage()
      collectgarbage()
      assert.equal(200, request("/echo").status)
    end)

    it("is an error of the request when there is none", function()
      local answer, err = request("/close", { stream = true })
      assert.is_nil(answer)
      assert.matches("closed the connection without an answer", err.message)
    end)
  end)

  describe("a request", function()
    local function digest(method, bytes)
      return ("%s %d None %d %s"):format(method, #bytes, #bytes, text.sha256(bytes))
    end

    it("sends a file, or a part of it", function()
      local path = folder .. "/body"
      local bytes = pattern(3000000)
      file.write_atomic(path, bytes)
      assert.equal(digest("PUT", bytes), request("/digest", { method = "PUT", body = { path = path } }).body)
      assert.equal(digest("POST", bytes:sub(1001, 2000)), request("/digest", {
        method = "POST", body = { path = path, offset = 1000, length = 1000 },
      }).body)
      assert.equal(digest("PUT", bytes:sub(2999999)), request("/digest", {
        method = "PUT", body = { path = path, offset = 2999998 },
      }).body)
      assert.equal(digest("PUT", ""), request("/digest", {
        method = "PUT", body = { path = path, offset = 3000000 },
      }).body)
    end)

    it("sends what a function gives, which may wait", function()
      local bytes = pattern(1000000)
      local at = 1
      local function piece()
        if at % 3 == 0 then request "/echo" end
        local result = bytes:sub(at, at + 99999)
        at = at + #result
        return #result > 0 and result or nil
      end
      assert.equal(digest("PUT", bytes),
        request("/digest", { method = "PUT", body = piece, body_length = #bytes }).body)
    end)

    it("passes an answer on", function()
      local body = stream("/download/900000").body
      local answer = request("/digest", {
        method = "PUT", body = function() return body:read() end, body_length = 900000,
      })
      assert.equal(digest("PUT", pattern(900000)), answer.body)
    end)

    it("of no bytes asks for none", function()
      assert.equal(digest("PUT", ""), request("/digest", {
        method = "PUT", body = function() error "asked" end, body_length = 0,
      }).body)
    end)

    it("stops when its function ends too early, gives too much, or fails", function()
      local function refused(pattern_, body)
        local ok, err = pcall(request, "/digest", { method = "PUT", body = body, body_length = 10 })
        assert.is_false(ok)
        assert.matches(pattern_, tostring(err), 1, true)
      end
      refused("returned nil before its end", function() end)
      refused("returned an empty string before its end", function() return "" end)
      refused("returned table before its end", function() return {} end)
      refused("longer than the 10 bytes announced", function() return "0123456789a" end)
      refused("my own", function() error "my own" end)
    end)

    it("goes on while an answer that came before its end is read", function()
      local function at_once()
        local left = 5
        return stream("/at-once", {
          method = "PUT", body_length = 50,
          body = function()
            task.sleep(0.01)
            left = left - 1
            return left >= 0 and ("x"):rep(10) or nil
          end,
        }).body
      end
      assert.equal("hello00050", at_once():read_all())
      local body = at_once()
      assert.equal("hello", body:read(5))
      assert.equal("00050", body:read(10))
      assert.is_nil(body:read())
      local path = folder .. "/at-once"
      assert.equal(10, at_once():save(path))
      assert.equal("hello00050", file.read(path))
    end)

    it("cannot send what is not there", function()
      local function failure(body)
        local answer, err = request("/digest", { method = "PUT", body = body })
        assert.is_nil(answer)
        return err.message
      end
      local path = folder .. "/short"
      file.write_atomic(path, "12345")
      assert.matches("cannot read .*/none: no such file", failure { path = folder .. "/none" })
      assert.matches("has only 5 bytes", failure { path = path, length = 6 })
      assert.matches("has only 5 bytes", failure { path = path, offset = 6 })
      assert.matches("no regular file", failure { path = folder })
      assert.is_true(os.execute("mkfifo " .. folder .. "/pipe"))
      assert.matches("no regular file", failure { path = folder .. "/pipe" })
    end)

    it("is refused with fields that do not fit", function()
      local function refused(pattern_, options)
        local ok, err = pcall(request, "/echo", options)
        assert.is_false(ok)
        assert.matches(pattern_, tostring(err), 1, true)
      end
      refused("field 'body_length' (integer) is required", { body = function() end })
      refused("'body_length' is for a body that is a function", { body = "x", body_length = 1 })
      refused("http.request: body: field 'path' (string) is required", { body = {} })
      refused("unknown field 'pth' (did you mean 'path'?)", { body = { pth = "x" } })
      refused("field 'body' must be a string", { body = 5 })
    end)
  end)
end)

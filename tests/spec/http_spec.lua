local http = require "eksrun.http"
local task = require "eksrun.task"
local server = require "tests.spec.support.server"

describe("eksrun.http", function()
  local peer, url
  setup(function()
    peer = server.misbehaving()
    url = peer.url
  end)
  teardown(function() peer:stop() end)

  local function get(path, options)
    local request = { url = url .. path, proxy = "", timeout = 20 }
    for name, value in pairs(options or {}) do request[name] = value end
    return http.try_request(request)
  end

  --- The error of a request that must fail; its message names the server.
  local function failure(path, options)
    local answer, err = get(path, options)
    assert.is_nil(answer)
    assert.matches("127.0.0.1:" .. peer.port, err.message, 1, true)
    assert.is_nil(err.message:find "\n")
    return err
  end

  describe("sends", function()
    it("what it was given and nothing of its own but host, length and encodings", function()
      local answer = get("/echo/%20a+b/../c?x=1&y", {
        method = "PUT",
        headers = { { "X-One", "1" }, { "X-One", "2" }, { "X-Empty", "" }, { "Authorization", "secret" } },
        body = "body\0with nul",
      })
      local head, body = answer.body:match "^(.-)\n\n(.*)$"
      assert.equal("body\0with nul", body)
      local sent = {}
      for line in head:gmatch "[^\n]+" do
        if not line:find "^accept" and not line:find "^host" then sent[#sent + 1] = line end
      end
      assert.same({
        "PUT /echo/%20a+b/../c?x=1&y", "authorization: secret", "content-length: 13", "x-empty: ",
        "x-one: 1", "x-one: 2",
      }, sent)
    end)

    it("header values without the blanks around them, even if nothing is left", function()
      local body = get("/echo", { headers = { ["X-Blank"] = " \t ", ["X-Trim"] = "  a  b\t" } }).body
      assert.matches("\nx-blank: \n", body, 1, true)
      assert.matches("\nx-trim: a  b\n", body, 1, true)
    end)

    it("headers from a map, and an empty body as length 0", function()
      local answer = get("/echo", { method = "POST", headers = { ["Content-Type"] = "text/plain" } })
      assert.matches("content%-length: 0\ncontent%-type: text/plain", answer.body)
    end)

    it("nothing where the URL names a user, also if its server was asked before", function()
      assert.is_table(get "/echo")
      for _, other in ipairs { url .. "@127.0.0.2/echo", (url:gsub("//", "//user@")) .. "/echo" } do
        local _, err = http.try_request { url = other, proxy = "" }
        assert.matches("names a user", err.message)
      end
      local _, err = http.try_request { url = url .. "1/echo", proxy = "" }
      assert.is_nil(err.message:find("127.0.0.1:" .. peer.port .. " ", 1, true))
    end)

    it("a body with any method", function()
      assert.matches("^DELETE /echo\n.-\n\nx$", get("/echo", { method = "DELETE", body = "x" }).body)
      assert.matches("^GET /echo\n.-\n\nx$", get("/echo", { body = "x" }).body)
    end)

    it("a megabyte", function()
      local body = ("0123456789abcdef"):rep(65536)
      assert.equal(body, get("/echo", { method = "POST", body = body }).body:match "\n\n(.*)$")
    end)
  end)

  describe("reads", function()
    it("status, header and body", function()
      local answer = get "/repeated"
      assert.equal(200, answer.status)
      assert.equal("a, b, c", answer.headers["x-multi"])
      assert.equal("", answer.headers.empty)
      assert.equal("x", answer.body)
      assert.is_number(answer.timing.total)
    end)

    it("any status as an answer, redirects unfollowed", function()
      assert.equal("<html>oops</html>", get("/status/500").body)
      assert.equal(404, get("/status/404").status)
      local redirect = get "/status/302"
      assert.equal(302, redirect.status)
      assert.equal("/echo", redirect.headers.location)
    end)

    it("204, HEAD, chunks, gzip and what comes behind a 100", function()
      assert.equal(204, get("/status/204").status)
      local head = get("/echo", { method = "HEAD" })
      assert.equal("", head.body)
      assert.is_true(tonumber(head.headers["content-length"]) > 0)
      assert.equal("hello world", get("/chunked").body)
      assert.equal(("hello "):rep(100), get("/gzip").body)
      local early = get "/early"
      assert.equal("late", early.body)
      assert.is_nil(early.headers["x-early"])
    end)

    it("no more than the length that was announced", function()
      assert.equal("whole", get("/too-long").body)
    end)
  end)

  it("uses a connection again, and one more for each request at the same time", function()
    local first, second = get "/echo", get "/echo"
    assert.equal(first.headers["x-connection"], second.headers["x-connection"])
    assert.is_true(second.timing.reused)
    local functions, seen = {}, {}
    for i = 1, 8 do functions[i] = function() return get "/together" end end
    local answers = task.all(functions)
    assert.equal(8, #answers)
    for _, answer in ipairs(answers) do
      local id = answer.headers["x-connection"]
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  describe("reports", function()
    local function expect(path, code, retryable, pattern, options)
      local err = failure(path, options)
      assert.equal(code, err.code, err.message)
      assert.equal(retryable, err.retryable, err.message)
      assert.matches(pattern, err.message)
    end

    it("a refused connection", function()
      local answer, err = http.try_request { url = "http://127.0.0.1:1/", proxy = "" }
      assert.is_nil(answer)
      assert.equal("network", err.code)
      assert.is_true(err.retryable)
      assert.equal("connection to 127.0.0.1:1 refused", err.message)
    end)

    it("a proxy that is not there, as the proxy", function()
      for _, target in ipairs { "http://example.invalid/", "https://example.invalid/" } do
        local _, err = http.try_request { url = target, proxy = "http://me:secret@127.0.0.1:1" }
        local name = "example.invalid:" .. (target:find "https" and 443 or 80)
        assert.equal("connection to " .. name .. " by the proxy 127.0.0.1:1 refused", err.message)
      end
      local _, err = http.try_request { url = "http://127.0.0.1:2/", proxy = "http://127.0.0.1:1" }
      assert.equal("connection to 127.0.0.1:2 by the proxy 127.0.0.1:1 refused", err.message)
    end)

    it("a host without an address", function()
      local _, err = http.try_request { url = "http://nowhere.invalid/", proxy = "", timeout = 20 }
      assert.equal("network", err.code)
      assert.matches("no address for nowhere.invalid:80", err.message)
    end)

    it("a server that hangs before, in and behind the header", function()
      for _, path in ipairs { "/hang", "/hang-in-header", "/hang-in-body" } do
        expect(path, "timeout", true, "no complete answer from .* within 0.1 s", { timeout = 0.1 })
      end
    end)

    it("an answer that drips for too long", function()
      expect("/drip", "timeout", true, "within 0.2 s", { timeout = 0.2 })
    end)

    it("connections that break", function()
      expect("/close", "network", true, "closed the connection without an answer", { method = "POST" })
      expect("/reset", "network", true, "broke")
      expect("/half-body", "network", true, "cut off after 4 bytes")
      expect("/half-chunked", "network", true, "cut off after 3 bytes")
    end)

    it("answers that are too large, also once decompressed", function()
      expect("/endless", "limit", false, "larger than 100000 bytes", { max_body = 100000 })
      expect("/gzip-bomb", "limit", false, "larger than 16777216 bytes")
      expect("/endless-header", "limit", false, "header from .* larger than")
      assert.equal(600, #get("/gzip", { max_body = 600 }).body)
      expect("/gzip", "limit", false, "larger than 599 bytes", { max_body = 599 })
    end)

    it("what is not HTTP, and what cannot be decompressed", function()
      expect("/garbage", "network", false, "not HTTP")
      expect("/bad-gzip", "network", false, "cannot be decompressed")
    end)

    it("a server that does not speak TLS", function()
      local _, err = http.try_request { url = "https://127.0.0.1:" .. peer.port, proxy = "", timeout = 20 }
      assert.equal("tls", err.code)
    end)

    it("a CA bundle that is not there", function()
      local _, err = http.try_request {
        url = "https://127.0.0.1:" .. peer.port, proxy = "", ca_bundle = "/nonexistent/bundle.pem",
      }
      assert.equal("tls", err.code)
      assert.is_false(err.retryable)
      assert.matches("/nonexistent/bundle.pem", err.message, 1, true)
    end)
  end)

  it("sends what changes something once, also when a connection breaks that was open already", function()
    local before = tonumber(get("/count").body)
    assert.is_true(get("/echo").timing.reused)
    local err = failure("/close", { method = "POST", body = "create" })
    assert.is_true(err.retryable)
    assert.equal(before + 3, tonumber(get("/count").body))
  end)

  it("asks a proxy for the whole URL", function()
    local answer = http.request { url = "http://example.invalid/echo?q", proxy = url, timeout = 20 }
    assert.matches("^GET http://example.invalid/echo%?q\n", answer.body)
  end)

  describe("refuses", function()
    local function refused(pattern, options)
      local ok, err = pcall(http.request, options)
      assert.is_false(ok)
      assert.matches(pattern, tostring(err), 1, true)
    end

    it("fields that are missing, unknown or of the wrong type", function()
      refused("http.request: a table of options is required", "http://x")
      refused("http.request: field 'url' (string) is required", {})
      refused("unknown field 'ulr' (did you mean 'url'?)", { url = url, ulr = 1 })
      refused("field 'timeout' must be a number", { url = url, timeout = "5" })
      refused("field 'max_body' must be at least 0", { url = url, max_body = -1 })
    end)

    it("fields that only a metamethod gives, for nothing would keep their strings", function()
      local made = setmetatable({}, { __index = function() return url end })
      refused("http.request: field 'url' (string) is required", made)
    end)

    it("a URL with a user, of which curl would make an authorization", function()
      local answer, err = http.try_request { url = (url:gsub("//", "//me:secret@")), proxy = "" }
      assert.is_nil(answer)
      assert.equal("invalid", err.code)
      assert.equal("the URL names a user: put credentials into a header", err.message)
    end)

    it("what would break out of a header line", function()
      refused("header X: its value has a line break or NUL", { url = url, headers = { X = "a\r\nY: b" } })
      refused("header X: its value has a line break or NUL", { url = url, headers = { X = "a\0b" } })
      refused("not a header name: 'X: Y'", { url = url, headers = { ["X: Y"] = "b" } })
      refused("not a method: 'GET /'", { url = url, method = "GET /" })
    end)

    it("other schemes and what is no URL", function()
      refused("neither http nor https", { url = "file:///etc/passwd" })
      refused("neither http nor https", { url = "ftp://127.0.0.1/" })
      refused("not a URL", { url = "http://" })
    end)

    it("without a word of what may be secret in a URL or a proxy", function()
      for _, options in ipairs {
        { url = "ftp://user:secret@h/?token=secret" },
        { url = "http://h:99999/?token=secret" },
        { url = url, proxy = "unknown://user:secret@127.0.0.1:1" },
      } do
        local answer, err = http.try_request(options)
        assert.is_nil(answer)
        assert.is_nil(err.message:find "secret", err.message)
      end
    end)

    it("to wait where it cannot, before anything is sent", function()
      local ok, err = pcall(coroutine.wrap(function() get "/echo" end))
      assert.is_false(ok)
      assert.matches("http.request: cannot wait in a coroutine of your own", err)
    end)
  end)

  it("is canceled in the middle of a transfer, and the loop goes on", function()
    for _, path in ipairs { "/hang", "/hang-in-header", "/hang-in-body", "/drip" } do
      local ok, err = pcall(task.timeout, 0.05, get, path)
      assert.is_false(ok)
      assert.equal("timeout", err.code)
      assert.equal("timed out after 0.05 s", err.message)
    end
    assert.equal(200, get("/echo").status)
  end)

  it("mixes up no answers, whoever asks over which connection", function()
    local hosts = { url, (url:gsub("127%.0%.0%.1", "localhost")) }
    local left = tonumber(os.getenv "EKSRUN_MIXED_REQUESTS") or 2000
    task.scope(function(scope)
      for _ = 1, 64 do
        scope:spawn(function()
          while left > 0 do
            local n = left
            left = n - 1
            local own, mark, posts = ("caller-%d"):format(n % 7), ("/echo/%d"):format(n), n % 3 == 0
            local body = http.request({
              url = hosts[n % 2 + 1] .. mark, proxy = "", timeout = 20, headers = { Authorization = own },
              method = posts and "POST" or "GET", body = posts and mark or nil,
            }).body
            assert.matches("^%u+ " .. mark .. "\n.*\nauthorization: caller%-" .. n % 7 .. "\n", body)
            assert.equal(posts and mark or "", body:match "\n\n(.*)$")
          end
        end)
      end
    end)
  end)

  it("lets other tasks run", function()
    local order = {}
    task.scope(function(scope)
      scope:spawn(function()
        get("/hang", { timeout = 0.1 })
        order[#order + 1] = "slow"
      end)
      scope:spawn(function()
        get "/echo"
        order[#order + 1] = "fast"
      end)
    end)
    assert.same({ "fast", "slow" }, order)
  end)
end)

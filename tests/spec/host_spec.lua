-- The program as a whole: what it does with files, errors and signals.

local clock = require "eksrun.clock"
local file = require "eksrun.file"
local process = require "eksrun.process"
local task = require "eksrun.task"

local program = file.realpath "/proc/self/exe"

describe("the program", function()
  local dir
  before_each(function() dir = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("\n", "") end)
  after_each(function() process.run { argv = { "rm", "-rf", dir } } end)

  --- Runs a Lua file with this text; env and arguments as given.
  local function run(text, env, ...)
    file.write_atomic(dir .. "/main.lua", text)
    return process.run { argv = { program, "lua", dir .. "/main.lua", ... }, env = env, timeout = 20 }
  end

  it("says its version and those of its libraries", function()
    local result = process.run { argv = { program, "--version" }, env = { LD_DEBUG = "files" } }
    assert.matches("^eksrun %d+%.%d+%.%d+\nLua 5%.4%.%d+, libuv [%d.]+, OpenSSL [^\n]*, "
      .. "built with libcurl [%d.]+\n$", result.stdout)
    assert.matches("libuv%.so", result.stderr)
    assert.is_nil(result.stderr:find("libcurl", 1, true), "libcurl was loaded to name its version")
  end)

  it("runs a file with its arguments and takes its result as the exit status", function()
    local result = run("print(arg[0]:match '[^/]+$', arg[1], #arg, ...) return 7", nil, "a b", "--help")
    assert.same({ code = 7, stdout = "main.lua\ta b\t2\ta b\t--help\n", stderr = "" }, result)
  end)

  it("looks for garbage, but not while it starts", function()
    local result = run [[
      local function garbage(kib)
        local collected = false
        setmetatable({}, { __gc = function() collected = true end })
        for i = 1, kib do local _ = ("x"):rep(1000) .. i end
        return collected
      end
      print(garbage(200), garbage(8000), garbage(8000))
    ]]
    assert.equal("false\ttrue\ttrue\n", result.stdout)
  end)

  it("finds modules beside the file", function()
    file.write_atomic(dir .. "/beside.lua", "return 'found'")
    assert.equal("found\n", run("print((require 'beside'))").stdout)
  end)

  it("finds a standard library on disk instead of its own", function()
    file.mkdir_p(dir .. "/eksrun")
    file.write_atomic(dir .. "/eksrun/task.lua", "return 'from disk'")
    assert.equal("from disk\n", run("print((require 'eksrun.task'))", { EKSRUN_STDLIB = dir }).stdout)
  end)

  it("takes no code from the environment", function()
    local hostile = { LUA_INIT = "print 'init'", LUA_PATH = "/hostile/?.lua", LUA_CPATH = "/hostile/?.so" }
    local result = run("print(package.path:find 'hostile', package.cpath)", hostile)
    assert.equal("nil\t\n", result.stdout)
  end)

  it("refuses bytecode", function()
    local result = run(string.dump(function() end))
    assert.equal(2, result.code)
    assert.matches("attempt to load a binary chunk", result.stderr)
  end)

  describe("reports", function()
    it("a bug with where it is", function()
      local result = run("local function f()\n  error 'bug'\nend\nf()")
      assert.equal(1, result.code)
      assert.matches("^eksrun: [^\n]*main.lua:2: bug\nstack traceback:\n.*main.lua:4: in", result.stderr)
    end)

    it("an error object in one line, and with --debug where it is", function()
      local text = "error(require 'eksrun.error'.new { code = 'x', message = 'no such thing' })"
      assert.equal("eksrun: no such thing\n", run(text).stderr)
      local debug = run(text, nil, "--debug").stderr
      assert.matches("^eksrun: no such thing\nstack traceback:\n.*main.lua:1", debug)
    end)

    it("an error in a task that nobody joins, and cancels the rest", function()
      local result = run [[
        local task = require "eksrun.task"
        task.spawn(function() error("child", 0) end)
        task.sleep(60)
        print "not reached"
      ]]
      assert.equal(1, result.code)
      assert.equal("", result.stdout)
      assert.matches("^eksrun: child\n", result.stderr)
    end)

    it("credentials and configuration that are missing by statuses of their own", function()
      local text = 'require("eksrun.aws").eks:list_clusters {}'
      local bare = { "PATH", AWS_REGION = "eu-west-1", AWS_EC2_METADATA_DISABLED = "true" }
      local result = run(text, bare)
      assert.same({ 4, "" }, { result.code, result.stdout })
      assert.matches("^eksrun: .*credentials[^\n]*\n$", result.stderr)
      bare.AWS_REGION = nil
      result = run(text, bare)
      assert.equal(2, result.code)
      assert.matches("^eksrun: no region[^\n]*\n$", result.stderr)
    end)

    it("a module that is not there in one line", function()
      local result = run("return require 'eksrun.vcp'")
      assert.equal(1, result.code)
      local place = "^eksrun: [^\n]*main.lua:1: "
      assert.matches(place .. "module 'eksrun.vcp' not found; did you mean 'eksrun.vpc'%?\n", result.stderr)
      assert.matches(place .. "module 'none' not found: no file [^\n]*/none.lua or [^\n]*\n",
        run("return require 'none'").stderr)
      assert.matches("did you mean 'eksrun.task'%?\n", run("require 'tasks'").stderr)
    end)

    it("errors with a table by what is in it", function()
      assert.equal('eksrun: { 1, why = "x" }\n', run("error { 1, why = 'x' }").stderr)
      assert.equal("eksrun: no luck\n", run("error { message = 'no luck' }").stderr)
    end)

    it("nothing that a terminal would obey", function()
      assert.equal("eksrun: a\\x1b[31mb\n", run("error { message = 'a\\27[31mb' }").stderr)
    end)

    it("errors that are no strings, and those that cannot be printed", function()
      assert.matches("^eksrun: nil\n", run("error()").stderr)
      local result = run("error(setmetatable({}, { __tostring = function() error 'again' end }))")
      assert.equal(1, result.code)
      assert.equal("eksrun: an error that cannot be printed\n", result.stderr)
    end)

    it("tasks that wait for each other", function()
      local result = run [[
        local task = require "eksrun.task"
        task.event():wait()
      ]]
      assert.equal(1, result.code)
      assert.matches("^eksrun: deadlock: every task waits for another one\n", result.stderr)
    end)

    it("a syntax error with its line, as a wrong use", function()
      local result = run("x = 1\ny")
      assert.equal(2, result.code)
      assert.matches("^eksrun: [^\n]*main.lua:2: syntax error near <eof>\n$", result.stderr)
    end)
  end)

  it("waits for the tasks that are left at the end", function()
    local result = run [[
      local task = require "eksrun.task"
      task.spawn(function() task.sleep(0.01) print "late" end)
      print "early"
      return 3
    ]]
    assert.same({ code = 3, stdout = "early\nlate\n", stderr = "" }, result)
  end)

  it("leaves with work under way when os.exit says so", function()
    for _, close in ipairs { "true", "false" } do
      local result = run(([[
        local task, http, process = require "eksrun.task", require "eksrun.http", require "eksrun.process"
        local file = require "eksrun.file"
        local path = arg[0] .. ".lock"
        local held = file.lock(path)
        task.spawn(task.sleep, 60)
        task.spawn(http.request, { url = "http://127.0.0.1:1" })
        task.spawn(process.run, { argv = { "sleep", "60" } })
        task.spawn(file.lock, path)
        task.spawn(function() task.scope(function() task.event():wait() end) end)
        task.spawn(function() os.exit(5, %s) end)
        task.sleep(60)
      ]]):format(close))
      assert.same({ code = 5, stdout = "", stderr = "" }, result)
    end
  end)

  it("leaves while a scope waits for a request, which a finalizer cancels", function()
    local result = run [[
      local task, http = require "eksrun.task", require "eksrun.http"
      task.spawn(task.scope, function()
        local waiting = task.current()
        guard = setmetatable({}, { __gc = function() waiting:cancel() end })
        http.request { url = "http://127.0.0.1:1" }
      end)
      task.spawn(function()
        task.sleep(0)
        os.exit(5, true)
      end)
    ]]
    assert.same({ code = 5, stdout = "", stderr = "" }, result)
  end)

  it("leaves while a child runs whose task a finalizer cancels", function()
    local result = run [[
      local task, process = require "eksrun.task", require "eksrun.process"
      local waiting
      guard = setmetatable({}, { __gc = function() waiting:cancel() end })
      waiting = task.spawn(process.run, { argv = { "sleep", "60" } })
      task.spawn(function()
        task.sleep(0.05)
        os.exit(5, true)
      end)
      task.sleep(60)
    ]]
    assert.same({ code = 5, stdout = "", stderr = "" }, result)
  end)

  describe("on a signal", function()
    --- Runs a program that sends itself signals.
    local function interrupted(signal, text)
      return run(([[
        local task, process = require "eksrun.task", require "eksrun.process"
        local function signal() io.popen("kill -%s " .. process.pid()):close() end
        ]]):format(signal) .. text)
    end

    it("cancels what it does, lets it clean up, and says so in its exit status", function()
      for signal, status in pairs { INT = 130, TERM = 143 } do
        local result = interrupted(signal, [[
          signal()
          local ok, err = pcall(task.sleep, 60)
          print(err.code, err.signal)
          task.sleep(60)
          print "not reached"
        ]])
        assert.same({
          code = status,
          stdout = ("interrupted\tSIG%s\n"):format(signal),
          stderr = ("eksrun: interrupted by SIG%s\n"):format(signal),
        }, result)
      end
    end)

    it("reaches every task, wherever it waits", function()
      local result = interrupted("INT", [[
        task.scope(function()
          task.spawn(function() task.timeout(60, task.sleep, 60) end)
          task.spawn(process.run, { argv = { "sleep", "60" } })
          for _ = 1, 5 do task.sleep(0) end
          signal()
          task.event():wait()
        end)
      ]])
      assert.same({ code = 130, stdout = "", stderr = "eksrun: interrupted by SIGINT\n" }, result)
    end)

    it("stops a program that computes without end", function()
      assert.equal(130, interrupted("INT", "signal() while true do end").code)
    end)

    it("stops a coroutine of the program's own that computes without end", function()
      for _, text in ipairs {
        "coroutine.wrap(function() signal() while true do end end)()",
        "assert(coroutine.resume(coroutine.create(function() signal() while true do end end)))",
        [[local co = coroutine.wrap(function() coroutine.yield() while true do end end)
          co() signal() co()]],
        [[coroutine.wrap(function()
            local inner = coroutine.wrap(function() signal() while true do end end)
            pcall(inner)
            while true do end
          end)()]],
      } do
        assert.equal(130, interrupted("INT", text).code, text)
      end
    end)

    it("hands it to the program if that asked for it", function()
      local result = interrupted("INT", [[
        local stop = task.event()
        task.on_signal(function(name)
          print(name)
          stop:set()
        end)
        signal()
        stop:wait()
        task.sleep(0)
        return 9
      ]])
      assert.same({ code = 9, stdout = "SIGINT\n", stderr = "" }, result)
    end)

    it("ends at once at the second one", function()
      local result = interrupted("TERM", [[
        task.on_signal(function() signal() print "not reached" end)
        signal()
        task.sleep(60)
      ]])
      assert.same({ code = 143, stdout = "", stderr = "" }, result)
    end)
  end)

  describe("keeps secrets", function()
    local secret = { "PATH", AWS_SECRET_ACCESS_KEY = "s3cr3t", HTTPS_PROXY = "http://u:pw@127.0.0.1:1",
      AWS_REGION = "eu-west-1" }

    it("out of the environment that others see, but for itself", function()
      local result = run([[
        local process, file = require "eksrun.process", require "eksrun.file"
        print(process.env "AWS_SECRET_ACCESS_KEY", process.env "HTTPS_PROXY")
        print(os.getenv "AWS_SECRET_ACCESS_KEY", os.getenv "HTTPS_PROXY", os.getenv "AWS_REGION")
        local ok, environ = pcall(file.read, "/proc/self/environ")
        if ok then print(environ:find "s3cr3t", environ:find "pw@") else print(nil, nil) end
        local child = process.run { argv = { "env" } }.stdout
        print(child:find "s3cr3t", child:find "AWS_REGION", child:find "PATH" ~= nil)
        child = process.run { argv = { "env" }, env = { "AWS_SECRET_ACCESS_KEY", "AWS_REGION" } }.stdout
        print((child:gsub("\n", " ")))
      ]], secret)
      assert.equal("s3cr3t\thttp://u:pw@127.0.0.1:1\nnil\tnil\teu-west-1\nnil\tnil\nnil\tnil\ttrue\n",
        (result.stdout:gsub("[^\n]*\n$", "")))
      assert.matches("AWS_SECRET_ACCESS_KEY=s3cr3t", result.stdout)
    end)
  end)

  it("tells the time by a clock that does not step back", function()
    local before = clock.monotonic()
    assert.is_true(clock.monotonic() >= before)
    assert.equal("2001-09-09T01:46:40Z", clock.format_iso8601(1000000000))
    assert.equal(1000000000, clock.parse "2001-09-09T01:46:40Z")
    local _, err = clock.try_parse "yesterday"
    assert.is_not_nil(err.message:find "yesterday")
    task.sleep(0)
  end)
end)

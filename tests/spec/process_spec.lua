local process = require "eksrun.process"
local task = require "eksrun.task"

local function run(script, options)
  local all = { argv = { "sh", "-c", script }, timeout = 20 }
  for name, value in pairs(options or {}) do all[name] = value end
  return process.try_run(all)
end

describe("eksrun.process", function()
  it("reads the environment, and says who it is", function()
    assert.is_string(process.env "PATH")
    assert.is_nil(process.env "EKSRUN_NO_SUCH_VARIABLE")
    assert.equal(process.pid(), tonumber(run("echo $PPID").stdout))
  end)

  describe("run", function()
    it("keeps both outputs and the exit status apart", function()
      assert.same({ code = 3, stdout = "out\n", stderr = "err\n" }, run "echo out; echo err >&2; exit 3")
    end)

    it("names the signal that ended it", function()
      assert.same({ signal = 15, stdout = "", stderr = "" }, run "kill -TERM $$")
    end)

    it("feeds standard input, also to who does not read it", function()
      local input = ("line\n"):rep(100000)
      assert.equal(input, run("cat", { stdin = input }).stdout)
      assert.equal(0, run("exec 0<&-; exit 0", { stdin = input }).code)
      assert.equal("", run("cat").stdout)
    end)

    it("uses no shell of its own", function()
      assert.equal("$HOME * ;\n", process.run({ argv = { "echo", "$HOME * ;" } }).stdout)
    end)

    it("runs in the folder it is told", function()
      assert.equal("/\n", run("pwd", { cwd = "/" }).stdout)
    end)

    it("passes on an allow-list of the environment only", function()
      local env = run("env", { env = { "PATH", "EKSRUN_NO_SUCH_VARIABLE", A = "b c" } }).stdout
      local names = {}
      for name in env:gmatch "([^\n=]+)=[^\n]*" do names[name] = true end
      names.PWD, names.SHLVL, names._ = nil, nil, nil -- the shell's own
      assert.same({ PATH = true, A = true }, names)
    end)

    it("passes on no descriptors but three", function()
      local leak <close> = assert(io.open "/dev/null") -- luacheck: ignore leak
      assert.equal("0\n1\n2\n", run("ls /proc/$$/fd; :").stdout)
    end)

    it("runs children side by side", function()
      -- Each waits for a line that the other one writes.
      local pipe = os.tmpname()
      os.remove(pipe)
      assert(run("mkfifo " .. pipe).code == 0)
      local results = task.all {
        function() return run("read x <" .. pipe .. "; echo $x") end,
        function() return run("echo hello >" .. pipe) end,
      }
      os.remove(pipe)
      assert.equal("hello\n", results[1].stdout)
    end)

    local function failure(code, pattern, ...)
      local result, err = run(...)
      assert.is_nil(result)
      assert.equal(code, err.code)
      assert.matches(pattern, err.message)
    end

    it("ends a child that runs too long or prints too much", function()
      failure("timeout", "sh did not end within 0.05 s", "sleep 100", { timeout = 0.05 })
      failure("timeout", "sh did not end", "trap '' TERM; while :; do sleep 100; done", { timeout = 0.05 })
      failure("limit", "sh printed more than 1000 bytes", "while :; do echo xxxxxxxxxxxx; done",
        { max_output = 1000 })
    end)

    it("says what it could not run", function()
      local result, err = process.try_run { argv = { "/nonexistent/program" } }
      assert.is_nil(result)
      assert.equal("not_found", err.code)
      assert.equal("cannot run /nonexistent/program: no such file or directory", err.message)
      assert.equal("io", select(2, process.try_run { argv = { "/dev/null" } }).code)
    end)

    it("does not leave a canceled child behind", function()
      local file = os.tmpname()
      local ok, err = pcall(task.timeout, 0.2, run, "echo $$ >" .. file .. "; exec sleep 100")
      assert.is_false(ok)
      assert.equal("timeout", err.code)
      local handle = assert(io.open(file))
      local pid = handle:read "n"
      handle:close()
      os.remove(file)
      assert.is_not_nil(pid)
      assert.equal(1, run("kill -0 " .. pid).code)
    end)

    it("refuses what is no command", function()
      local function refused(pattern, options)
        local ok, message = pcall(process.run, options)
        assert.is_false(ok)
        assert.matches(pattern, message, 1, true)
      end
      refused("process.run: field 'argv' (list of strings) is required", {})
      refused("process.run: field 'argv' (list of strings) is required", { argv = {} })
      refused("process.run: field 'argv' must hold strings", { argv = { "echo", 1 } })
      refused("process.run: field 'argv' holds a NUL byte", { argv = { "echo", "a\0b" } })
      refused("process.run: unknown field 'args' (did you mean 'argv'?)", { args = { "echo" } })
    end)
  end)
end)

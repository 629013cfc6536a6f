local clock = require "eksrun.clock"
local file = require "eksrun.file"
local process = require "eksrun.process"
local task = require "eksrun.task"

describe("eksrun.file", function()
  local dir
  before_each(function()
    dir = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("\n", "")
  end)
  after_each(function() process.run { argv = { "rm", "-rf", dir } } end)

  local function failure(code, pattern, f, ...)
    local ok, err = pcall(f, ...)
    assert.is_false(ok)
    assert.equal(code, err.code)
    assert.matches(pattern, err.message)
  end

  local function names()
    return process.run({ argv = { "ls", "-A", dir } }).stdout
  end

  describe("read", function()
    it("gives all bytes of what was written", function()
      local bytes = ("\0\r\n\255x"):rep(50000)
      file.write_atomic(dir .. "/a", bytes)
      assert.equal(bytes, file.read(dir .. "/a"))
      file.write_atomic(dir .. "/a", "")
      assert.equal("", file.read(dir .. "/a"))
    end)

    it("reads what has no size", function()
      assert.matches("^Name:", file.read "/proc/self/status")
    end)

    it("lets other tasks run while a pipe has nothing to give", function()
      local fifo, order = dir .. "/fifo", {}
      assert.equal(0, process.run({ argv = { "mkfifo", fifo } }).code)
      local text = ("line\n"):rep(50000)
      task.scope(function(scope)
        local reader = scope:spawn(function()
          local bytes = file.read(fifo)
          order[#order + 1] = "read"
          return bytes
        end)
        task.sleep(0)
        order[#order + 1] = "other"
        process.run { argv = { "sh", "-c", 'cat >"$1"', "sh", fifo }, stdin = text }
        assert.equal(text, reader:join())
      end)
      assert.same({ "other", "read" }, order)
      failure("timeout", "timed out", task.timeout, 0.05, file.read, fifo)
    end)

    it("stops at the limit", function()
      file.write_atomic(dir .. "/a", "12345")
      assert.equal("12345", file.read(dir .. "/a", { max = 5 }))
      failure("limit", "cannot read .*/a: more than 4 bytes", file.read, dir .. "/a", { max = 4 })
      failure("limit", "more than 1000 bytes", file.read, "/dev/zero", { max = 1000 })
    end)

    it("tells a file that is not there from one that cannot be read", function()
      failure("not_found", "cannot read .*/a: no such file or directory", file.read, dir .. "/a")
      failure("io", "illegal operation on a directory", file.read, dir)
      local bytes, err = file.try_read(dir .. "/a")
      assert.is_nil(bytes)
      assert.equal("not_found", err.code)
    end)
  end)

  describe("private", function()
    local function private(path) return file.read(path, { private = true }) end

    it("reads what only the user can have written", function()
      file.write_atomic(dir .. "/a", "x")
      assert.equal("x", private(dir .. "/a"))
      file.write_atomic(dir .. "/a", "y", { mode = tonumber("644", 8) })
      assert.equal("y", private(dir .. "/a"))
      for _, mode in ipairs { "602", "620" } do
        file.write_atomic(dir .. "/a", "z", { mode = tonumber(mode, 8) })
        failure("io", "other users can write .*/a$", private, dir .. "/a")
      end
      failure("not_found", "", private, dir .. "/b")
    end)

    it("follows no symbolic link and waits for no pipe", function()
      file.write_atomic(dir .. "/a", "x")
      process.run { argv = { "ln", "-s", "a", dir .. "/link" } }
      process.run { argv = { "mkfifo", "-m", "600", dir .. "/pipe" } }
      assert.equal("x", file.read(dir .. "/link"))
      failure("io", "cannot read .*/link", private, dir .. "/link")
      failure("io", "/pipe is no file$", private, dir .. "/pipe")
    end)

    it("writes into no folder that everybody can write", function()
      local folder = dir .. "/folder"
      file.mkdir_p(folder)
      file.write_atomic(folder .. "/a", "x", { private = true })
      process.run { argv = { "chmod", "777", folder } }
      failure("io", "other users can write the folder", file.write_atomic, folder .. "/a", "y",
        { private = true })
      assert.equal("x", file.read(folder .. "/a"))
      assert.equal("folder\n", names())
    end)
  end)

  describe("write_atomic", function()
    it("keeps others out, whatever the umask, unless told so", function()
      file.write_atomic(dir .. "/a", "x")
      assert.equal(tonumber("600", 8), file.stat(dir .. "/a").mode)
      file.write_atomic(dir .. "/a", "y", { mode = tonumber("666", 8) })
      assert.equal(tonumber("666", 8), file.stat(dir .. "/a").mode)
      assert.equal("y", file.read(dir .. "/a"))
    end)

    it("leaves nothing behind, whether it can or not", function()
      file.write_atomic(dir .. "/a", "x")
      assert.equal("a\n", names())
      file.mkdir_p(dir .. "/folder/full")
      failure("io", "cannot write .*/folder", file.write_atomic, dir .. "/folder", "x")
      assert.equal("a\nfolder\n", names())
      failure("not_found", "cannot write .*/none/a", file.write_atomic, dir .. "/none/a", "x")
    end)

    it("replaces a symbolic link instead of following it", function()
      file.write_atomic(dir .. "/target", "old")
      process.run { argv = { "ln", "-s", "target", dir .. "/link" } }
      file.write_atomic(dir .. "/link", "new")
      assert.equal("old", file.read(dir .. "/target"))
      assert.equal("new", file.read(dir .. "/link"))
    end)

    it("takes a path without a folder, and the longest name", function()
      local name = ("n"):rep(200)
      file.write_atomic(dir .. "/" .. name, "x")
      assert.equal("x", file.read(dir .. "/" .. name))
      failure("io", "name too long", file.write_atomic, dir .. "/" .. ("n"):rep(256), "x")
    end)
  end)

  it("looks at files and folders", function()
    assert.is_nil(file.stat(dir .. "/a"))
    assert.is_false(file.exists(dir .. "/a"))
    assert.same({}, file.list(dir))
    file.mkdir_p(dir .. "/a/b//c")
    file.mkdir_p(dir .. "/a/b/c/")
    file.write_atomic(dir .. "/.hidden", "")
    local listed = file.list(dir)
    table.sort(listed)
    assert.same({ ".hidden", "a" }, listed)
    assert.is_nil(file.list(dir .. "/.hidden"))
    assert.is_nil(file.list(dir .. "/none"))
    assert.equal("directory", file.stat(dir .. "/a/b/c").type)
    assert.equal(tonumber("700", 8), file.stat(dir .. "/a/b/c").mode)
    file.write_atomic(dir .. "/a/f", "123")
    local stat = file.stat(dir .. "/a/f")
    assert.equal("file", stat.type)
    assert.equal(3, stat.size)
    assert.equal(file.realpath(dir) .. "/a/f", file.realpath(dir .. "/a/b/../f"))
    assert.is_nil(file.realpath(dir .. "/none"))
    failure("io", "cannot create folder .*/a/f", file.mkdir_p, dir .. "/a/f")
    assert.is_true(file.remove(dir .. "/a/f"))
    assert.is_false(file.remove(dir .. "/a/f"))
  end)

  it("appends to a log", function()
    do
      local log <close> = file.append(dir .. "/log")
      log:write "one\n"
      assert.equal("one\n", file.read(dir .. "/log"))
      log:write "two\n"
      log:sync()
    end
    local log = file.append(dir .. "/log")
    log:write "three\n"
    log:close()
    assert.equal("one\ntwo\nthree\n", file.read(dir .. "/log"))
    assert.is_false(pcall(log.write, log, "four"))
    assert.is_false(pcall(log.sync, log))
    assert.equal(tonumber("600", 8), file.stat(dir .. "/log").mode)
  end)

  it("appends to regular files only, and waits for no reader of a pipe", function()
    assert(os.execute(("mkfifo '%s/pipe'"):format(dir)))
    failure("io", "cannot open .*/pipe: ", file.append, dir .. "/pipe")
    local pipe <close> = assert(io.open(dir .. "/pipe", "r+"))
    failure("io", "cannot open .*/pipe: not a regular file", file.append, dir .. "/pipe")
    assert.is_truthy(pipe)
  end)

  describe("lock", function()
    local path
    before_each(function() path = dir .. "/lock" end)

    it("is held by one at a time, in the same process too", function()
      local inside, most = 0, 0
      task.scope(function(scope)
        for _ = 1, 5 do
          scope:spawn(function()
            local held <close> = file.lock(path) -- luacheck: ignore held
            inside = inside + 1
            most = math.max(most, inside)
            task.sleep(0.001)
            inside = inside - 1
          end)
        end
      end)
      assert.equal(1, most)
    end)

    it("is given up on after the timeout", function()
      local held <close> = file.lock(path) -- luacheck: ignore held
      failure("timeout", "cannot lock .*/lock: another process holds it", file.lock, path, { timeout = 0.05 })
      failure("timeout", "another process holds it", file.lock, path, { timeout = 0 })
    end)

    it("is free again after a release, an error and a cancellation", function()
      local held = file.lock(path)
      held:release()
      held:release()
      pcall(function()
        local again <close> = file.lock(path, { timeout = 0 }) -- luacheck: ignore again
        error "no"
      end)
      held = file.lock(path, { timeout = 0 })
      local ok, err = pcall(task.timeout, 0.03, file.lock, path)
      assert.is_false(ok)
      assert.equal("timed out after 0.03 s", err.message)
      held:release()
      file.lock(path, { timeout = 0 }):release()
    end)
  end)

  it("waits for others in real time while time is simulated", function()
    local held <close> = file.lock(dir .. "/held") -- luacheck: ignore held
    assert(os.execute("mkfifo " .. dir .. "/silent"))
    local silent <close> = assert(io.open(dir .. "/silent", "r+")) -- luacheck: ignore silent
    for _, wait in ipairs {
      function() file.lock(dir .. "/held", { timeout = 0.03 }) end,
      function() task.timeout(0.03, file.read, dir .. "/silent") end,
      function() task.sleep(0.03, true) end,
    } do
      local before = clock.monotonic()
      clock.simulate(0)
      pcall(wait)
      local simulated = clock.now()
      clock.simulate(nil)
      assert.is_true(clock.monotonic() - before >= simulated)
      assert.is_true(simulated >= 0.03)
    end
  end)

  it("refuses paths that are none", function()
    assert.is_false(pcall(file.read, ""))
    assert.is_false(pcall(file.read, "a\0b"))
    assert.is_false(pcall(file.read, dir, { maximum = 1 }))
  end)
end)

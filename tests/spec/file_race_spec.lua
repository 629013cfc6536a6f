-- Private files, read and written while somebody exchanges them for links to others:
-- tests/support/swapper.py. EKSRUN_TEST_SWAPS says how often.

local file = require "eksrun.file"
local process = require "eksrun.process"
local task = require "eksrun.task"

local SWAPS = tonumber(process.env "EKSRUN_TEST_SWAPS") or 20000

local function bytes_of(path)
  local f = assert(io.open(path, "rb"))
  local bytes = f:read "a"
  f:close()
  return bytes
end

describe("a private file", function()
  local dir

  before_each(function()
    dir = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("\n", "")
    file.mkdir_p(dir .. "/mine", { mode = 448 }) -- 0700
    file.mkdir_p(dir .. "/theirs", { mode = 511 }) -- 0777
    file.write_atomic(dir .. "/theirs/secret", "theirs", { mode = 438 }) -- 0666
    process.run { argv = { "chmod", "777", dir .. "/theirs" } }
  end)

  after_each(function() process.run { argv = { "rm", "-rf", dir } } end)

  -- Runs f over and over while the swapper runs.
  local function meanwhile(path, this, that, f)
    local rounds, running = 0, true
    task.all {
      function()
        local done = process.run { timeout = 600,
          argv = { "python3", "tests/support/swapper.py", tostring(SWAPS), path, this, that } }
        running = false
        assert.equal(0, done.code, done.stderr)
      end,
      function()
        while running do
          f(rounds)
          rounds = rounds + 1
          if rounds % 8 == 0 then task.sleep(0) end
        end
      end,
    }
    assert.is_true(rounds > 10)
  end

  it("is read and replaced, never what a link in its place names", function()
    local path = dir .. "/mine/key"
    file.write_atomic(dir .. "/mine/original", "mine")
    file.write_atomic(path, "mine")
    local read, refused = 0, 0
    meanwhile(path, dir .. "/mine/original", dir .. "/theirs/secret", function(round)
      local bytes, err = file.try_read(path, { private = true })
      if bytes then
        assert.equal("mine", bytes)
        read = read + 1
      else
        assert.equal("io", err.code)
        refused = refused + 1
      end
      if round % 4 == 0 then file.write_atomic(path, "mine", { private = true }) end
    end)
    assert.is_true(read > 0 and refused > 0)
    assert.equal("theirs", bytes_of(dir .. "/theirs/secret"))
  end)

  it("is not read from or written to a folder that others may write", function()
    local path = dir .. "/mine/folder/secret"
    file.mkdir_p(dir .. "/mine/folder", { mode = 448 })
    file.write_atomic(path, "mine")
    meanwhile(dir .. "/mine/folder", dir .. "/mine/folder", dir .. "/theirs", function()
      local bytes = file.try_read(path, { private = true })
      assert.is_true(bytes == nil or bytes == "mine", bytes)
      file.try_write_atomic(path, "mine", { private = true })
    end)
    assert.equal("theirs", bytes_of(dir .. "/theirs/secret"))
    local left = process.run({ argv = { "ls", "-A", dir .. "/theirs" } }).stdout
    assert.equal("secret\n", left)
    assert.equal("secret\n", process.run({ argv = { "ls", "-A", dir .. "/mine/folder" } }).stdout)
  end)
end)

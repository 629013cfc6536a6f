local file = require "eksrun.file"
local process = require "eksrun.process"
local terminal = require "eksrun.terminal"

local program = file.realpath "/proc/self/exe"

describe("eksrun.terminal", function()
  local path
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function run(input, text)
    file.write_atomic(path, 'local terminal = require "eksrun.terminal"\n' .. text)
    return process.run { argv = { program, "lua", path }, stdin = input, timeout = 20 }
  end

  it("knows that pipes are no terminals", function()
    assert.equal("false\tfalse\tfalse\n",
      run("", "print(terminal.is_tty(0), terminal.is_tty(1), terminal.is_tty(2))").stdout)
    assert.is_false(pcall(terminal.is_tty, 3))
  end)

  describe("read_line", function()
    it("reads line by line, prompts on standard error", function()
      local result = run("yes\r\n\n last", [[
        for _ = 1, 5 do io.write(("%q\n"):format(terminal.read_line "> ")) end
      ]])
      assert.equal('"yes\\13"\n""\n" last"\nnil\nnil\n', result.stdout)
      assert.equal("> > > > > ", result.stderr)
    end)

    it("takes no more than the line", function()
      assert.equal("one\ntwo\nthree", run("one\ntwo\nthree", [[
        print(terminal.read_line())
        io.write(io.read "a")
      ]]).stdout)
    end)

    it("lets other tasks run, and can be canceled", function()
      file.write_atomic(path, [[
        local task, terminal = require "eksrun.task", require "eksrun.terminal"
        print(pcall(task.timeout, 0.05, terminal.read_line))
      ]])
      local result = process.run {
        -- A pipe that is open for writing too: no line and no end ever come.
        argv = { "sh", "-c", 'mkfifo "$2.in"; "$1" lua "$2" <>"$2.in"; rm "$2.in"', "sh", program, path },
        timeout = 20,
      }
      assert.equal("false\ttimed out after 0.05 s\n", result.stdout)
    end)
  end)
end)

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

  it("gives a pager no descriptors but the first three", function()
    -- Lua opens files without the close-on-exec flag; 3 is the folder that ls reads.
    assert.equal("0 1 2 3 ", run("", [[
      local opened <close> = io.open(arg[0])
      terminal.page("", "ls /proc/self/fd | tr '\\n' ' '")
    ]]).stdout)
  end)

  describe("read_line", function()
    it("reads line by line, prompts on standard error", function()
      local result = run("yes\r\n\n last", [[
        for _ = 1, 5 do io.write(("%q\n"):format(terminal.read_line "> ")) end
      ]])
      assert.equal('"yes\\13"\n""\n" last"\nnil\nnil\n', result.stdout)
      assert.equal("> > > > > ", result.stderr)
    end)

    it("gives each of several readers a line of its own", function()
      file.write_atomic(path, [[
        local task, terminal = require "eksrun.task", require "eksrun.terminal"
        local lines = {}
        local function read()
          local line = terminal.read_line()
          lines[#lines + 1] = line
        end
        task.scope(function(scope)
          scope:spawn(read)
          task.sleep(0.01)
          scope:spawn(read)
          local pipe <close> = io.open(arg[1], "w")
          for piece in ("abcdef\nghij\n"):gmatch "." do
            pipe:write(piece)
            pipe:flush()
            task.sleep(0.013)
          end
        end)
        print(table.unpack(lines))
      ]])
      assert.equal("abcdef\tghij\n", process.run {
        argv = {
          "sh", "-c", 'mkfifo "$2.in"; "$1" lua "$2" "$2.in" <>"$2.in"; rm "$2.in"', "sh", program, path,
        },
        timeout = 20,
      }.stdout)
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

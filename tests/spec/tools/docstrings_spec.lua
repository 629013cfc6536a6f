-- Each module of the library says what it owns, each function that it exports what it takes; so do the stubs
-- of native modules, which also say what for.
local file = require "eksrun.file"
local process = require "eksrun.process"

local ROOT = "lua/stdlib/eksrun/"

local function lines_of(path)
  local out = {}
  for line in (file.read(path) .. "\n"):gmatch "(.-)\n" do out[#out + 1] = line end
  return out
end

-- The comment right above a line.
local function comment_above(lines, number)
  local first = number
  while first > 1 and lines[first - 1]:find "^%-%-%-" do first = first - 1 end
  return table.concat(lines, "\n", first, number - 1)
end

-- What a function's comment does not say, or says of parameters that it has not.
local function problems_of(comment, parameters)
  local out, has, said = {}, {}, {}
  for name in comment:gmatch "@param ([%w_.]+)" do said[name] = true end
  for name in parameters:gmatch "[%w_.]+" do
    has[name] = true
    if not said[name] and not name:find "^_" and name ~= "..." then out[#out + 1] = name .. " is not told" end
  end
  for name in pairs(said) do
    if not has[name] then out[#out + 1] = "it takes no " .. name end
  end
  if comment == "" then out[#out + 1] = "it has no comment" end
  return out
end

-- The lines of each Lua file below a folder.
local function files_of(folder)
  local out = {}
  local found = process.run({ argv = { "find", folder, "-name", "*.lua" }, max_output = 1 << 20 }).stdout
  for path in found:gmatch "[^\n]+" do out[path] = lines_of(path) end
  return out
end

-- What is wrong with the comments of functions that a pattern finds, and how many those are.
local function look_at(files, pattern, more)
  local wrong, seen = {}, 0
  for path, lines in pairs(files) do
    for number, line in ipairs(lines) do
      local name, parameters = line:match(pattern)
      if name then
        seen = seen + 1
        local comment = comment_above(lines, number)
        local problems = problems_of(comment, parameters)
        if more then problems[#problems + 1] = more(comment) end
        for _, problem in ipairs(problems) do
          wrong[#wrong + 1] = ("%s:%d: %s: %s"):format(path, number, name, problem)
        end
      end
    end
  end
  table.sort(wrong)
  return wrong, seen
end

describe("the library", function()
  local modules = files_of(ROOT)

  it("says at the top of each module what it owns", function()
    local silent = {}
    for path, lines in pairs(modules) do
      if not lines[1]:find "^%-%-%- %S" then silent[#silent + 1] = path end
    end
    assert.is_true(next(modules) ~= nil)
    assert.same({}, silent)
  end)

  it("says of each function that it exports what it takes", function()
    local wrong, seen = look_at(modules, "^function M%.([%w_]+)%((.-)%)")
    assert.is_true(seen > 900)
    assert.same({}, wrong)
  end)
end)

describe("the stubs of native modules", function()
  it("say what each function is for, and what it takes", function()
    local wrong, seen = look_at(files_of "lua/meta", "^function ([%w_]+[.:][%w_]+)%((.-)%)", function(comment)
      for line in comment:gmatch "[^\n]+" do
        if line:find "^%-%-%- ?[^@%s]" then return nil end
      end
      return "it does not say what for"
    end)
    assert.is_true(seen > 150)
    assert.same({}, wrong)
  end)
end)

--- What a REPL keeps from line to line: the environment, the open chunk, the last values.

local M = {}

--- @class eksrun.repl.Session
local Session = {}
Session.__index = Session

-- Names that resolve without a require: what somebody exploring AWS types first.
local function ambient()
  local aws = require "eksrun.aws"
  return {
    aws = aws,
    json = require "eksrun.json",
    task = require "eksrun.task",
    jmespath = require "eksrun.jmespath",
    eksrun = require "eksrun",
  }
end

--- A new session.
--- @param file? string names the chunks, by lines of the whole input; by default each has a number
--- @return eksrun.repl.Session
function M.new(file)
  local names = ambient()
  local services = {}
  for _, name in ipairs(names.aws.services()) do services[name:gsub("-", "_")] = name end
  local env = setmetatable({}, {
    __index = function(_, name)
      local value = names[name]
      if value == nil then value = _G[name] end
      if value == nil and services[name] then value = names.aws[services[name]] end
      return value
    end,
  })
  return setmetatable({ env = env, lines = {}, number = 0, file = file, before = 0 }, Session)
end

-- The chunk, whose locals become names of the session when it returns.
local function outlived(chunk, env)
  return function()
    local _ <close> = setmetatable({}, { __close = function() debug.sethook() end })
    debug.sethook(function()
      if debug.getinfo(2, "f").func ~= chunk then return end
      local i = 1
      repeat
        local name, value = debug.getlocal(2, i)
        if name and not name:find "^%(" then rawset(env, name, value) end
        i = i + 1
      until not name
    end, "r")
    return chunk()
  end
end

-- A chunk of a source, an expression as `return expression`; or nil and what is wrong.
local function load_source(source, name, above, env)
  local chunk = load(above .. "return " .. source, name, "t", env)
  if chunk then return chunk end
  return load(above .. source, name, "t", env)
end

--- Whether a source is the beginning of a statement: more has to come.
--- @param source string
--- @return boolean
function Session:is_open(source)
  local chunk, problem = load_source(source, "=repl", "", self.env)
  return not chunk and problem:find "<eof>$" ~= nil
end

--- Adds a line to the open chunk and compiles it. An expression becomes `return expression`.
--- @param line string
--- @return function? chunk complete and compiled
--- @return string? problem "incomplete" when more lines are needed, else the syntax error
function Session:compile(line)
  self.lines[#self.lines + 1] = line
  local source = table.concat(self.lines, "\n")
  local name = "=" .. (self.file or ("repl:%d"):format(self.number + 1))
  local above = self.file and ("\n"):rep(self.before) or ""
  local chunk, problem = load_source(source, name, above, self.env)
  if not chunk and problem:match "<eof>$" then return nil, "incomplete" end
  self.number = self.number + 1
  self.before = self.before + #self.lines
  self.lines = {}
  if chunk and source:find "%f[%w_]local%f[^%w_]" then chunk = outlived(chunk, self.env) end
  return chunk, problem
end

--- Keeps the values of the last chunk as `_`, `_1`, `_2`, ...
--- @param values table packed values
function Session:keep(values)
  if values.n == 0 then return end
  self.env._ = values[1]
  self.env["_" .. self.number] = values[1]
  self.env["_" .. (self.number - 100)] = nil
end

return M

--- The globals of recipes. What a recipe sets without `local` is its own: a `type = "m7g.large"` would break
--- the library. It sees what the modules beside it set, as those see of each other.
---
--- What nobody has set is nil, as everywhere in Lua, and mostly a slip of the pen: whoever loads the recipe
--- is told of it. Nothing is looked for before a read comes to nothing.
local util = require "eksrun.util"

local M = {}

-- What other versions of Lua have: modules for several of them look whether it is there.
local ELSEWHERE = {
  bit = true, bit32 = true, getfenv = true, jit = true, loadstring = true, module = true, newproxy = true,
  setfenv = true, unpack = true,
}

-- Who is told, and of what by now.
local tell, told

local function environment(above)
  local env = setmetatable({}, { __index = above })
  env._G = env
  return env
end

-- The names that stand for a value where a function is: its locals, and those around it.
local function names_at(level, func)
  local names, i = util.sorted_keys(_G), 1
  local name = debug.getlocal(level + 1, i)
  while name do
    names[#names + 1], i = name, i + 1
    name = debug.getlocal(level + 1, i)
  end
  i, name = 1, debug.getupvalue(func, 1)
  while name do
    names[#names + 1], i = name, i + 1
    name = debug.getupvalue(func, i)
  end
  return names
end

-- Whether the line of a function reads a global of that name. `_G.name` asks for what may be missing.
local function reads(info, name)
  local found = false
  require("eksrun.engine.lint").globals(info.func, function(global, line, writes)
    found = found or global == name and line == info.currentline and not writes
  end)
  return found
end

local function missing(_, name)
  local value = _G[name]
  if value ~= nil or not tell or ELSEWHERE[name] then return value end
  local info = debug.getinfo(2, "Slf")
  local key = info.what ~= "C" and ("%s:%d:%s"):format(info.source, info.currentline, name)
  if not key or told[key] or type(name) ~= "string" or not reads(info, name) then return nil end
  told[key] = true
  local near = util.did_you_mean(name, names_at(2, info.func))
  tell {
    file = util.file_of(info), line = info.currentline, name = name, near = near,
    message = ("'%s' is not declared, so it is nil%s"):format(name, near),
  }
end

--- What the modules beside recipes set.
M.of_modules = environment(missing)

--- The globals of one recipe.
--- @return table
function M.new() return environment(M.of_modules) end

--- @class eksrun.Undeclared
--- @field file string?
--- @field line integer
--- @field name string
--- @field message string
--- @field near string the end of it: what may be meant, or ""

--- Has somebody told, from now on, of each line that reads a global which nobody has set.
--- @param f? fun(found: eksrun.Undeclared)
function M.watch(f) tell, told = f, {} end

return M

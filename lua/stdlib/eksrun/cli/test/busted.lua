--- busted in this program: its Lua files lie in the binary below eksrun/vendor (cmake/Busted.cmake); of the C
--- modules that they name, what is used has a stand-in here.
local file = require "eksrun.file"
local util = require "eksrun.util"

local M = {}

-- Modules that are found in the binary, by the first part of their names.
local vendored = { busted = true, luassert = true, say = true, mediator = true, pl = true }

local stand_ins = {
  lfs = function()
    return {
      attributes = function(path, key)
        local found = file.stat(path)
        if not found then return nil end
        local attributes = { mode = found.type, size = found.size }
        return key and attributes[key] or not key and attributes or nil
      end,
      currentdir = function() return file.realpath "." end,
    }
  end,
  -- Tests run on simulated time, their durations do not.
  system = function()
    return { gettime = os.time, monotime = os.clock, sleep = require("eksrun.task").sleep }
  end,
}

local function search(name)
  if stand_ins[name] then return stand_ins[name], "eksrun" end
  if not vendored[name:match "^[^.]+"] then return nil end
  for _, searcher in ipairs(package.searchers) do
    local loader, extra = searcher("eksrun.vendor." .. name)
    if type(loader) == "function" then return loader, extra end
  end
end

-- Modules of eksrun that a file of specs loaded stay, so that all files see the same ones; busted would
-- have each file load its own.
local function keep_own_modules(core)
  local kept = {}
  local function each(from, into)
    for name, module in pairs(from) do
      if type(name) == "string" and name:find "^eksrun%f[.\0]" then into[name] = module end
    end
  end
  core.subscribe({ "file", "end" }, function()
    each(package.loaded, kept)
    return nil, true
  end)
  core.subscribe({ "file", "start" }, function()
    each(kept, package.loaded)
    return nil, true
  end)
end

--- A new busted, with describe, it and assert for the files that it runs.
--- @return table core
function M.new()
  table.insert(package.searchers, 2, search)
  local core = require "busted.core" ()
  require "busted"(core)
  require "busted.languages.en"
  keep_own_modules(core)
  return core
end

local function is_own(info)
  return info.what == "C" or util.is_library(info.source) or info.source:find("/eksrun/vendor/", 1, true)
end

-- Where an error came up as a person looks for it: not in the library, but at the line that called it. busted
-- asks while the stack still stands.
local function trace(_, info)
  if not is_own(info) then return info end
  local level = 3
  local found = debug.getinfo(level, "Sl")
  while found and is_own(found) do
    level = level + 1
    found = debug.getinfo(level, "Sl")
  end
  if found then
    info.short_src, info.currentline = found.source:match "^@(.*)" or found.short_src, found.currentline
  end
  return info
end

--- Registers a file of specs.
--- @param core table
--- @param path string
function M.add_file(core, path)
  local chunk, message = loadfile(path, "t")
  if not chunk then
    core.publish({ "error", "file" }, { descriptor = "file", name = path }, nil, message, {})
    return
  end
  -- busted gives the function behind __call its environment.
  core.executors.file(path, setmetatable({ getTrace = trace }, { __call = chunk }))
end

return M

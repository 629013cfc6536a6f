--- Loads a recipe: runs the file once and keeps what it declared.
local error_object = require "eksrun.error"
local fault = require "eksrun.engine.fault"
local file = require "eksrun.file"
local globals = require "eksrun.engine.globals"
local graph = require "eksrun.engine.graph"
local params = require "eksrun.params"
local ref = require "eksrun.engine.ref"
local stack = require "eksrun.engine.stack"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Recipe
--- @field path string
--- @field graph eksrun.Graph
--- @field outputs any what the file returned
--- @field parameters table<string, eksrun.Parameter>? as it declares them
--- @field declares boolean whether it names a stack or a resource; if not, it was a plain script

-- What eksrun.params() reads while a recipe runs.
local running

local function stem(path) return path == "-" and "stdin" or (path:match("([^/]+)$"):gsub("%.lua$", "")) end

local function default_stack(path, values)
  local name = stem(path):gsub("[^%w _.:/=+@-]", "-")
  -- Not every recipe has one.
  local own = rawget(values, "name")
  if type(own) == "string" and own ~= "" then name = name .. "/" .. own end
  return name
end

-- Raised by params() when only the declaration is wanted.
local declared_only = error_object.new { code = "canceled", message = "only the parameters are wanted" }

--- The values of the parameters that the recipe declares.
--- @param declared table<string, eksrun.Parameter>
--- @return table<string, any>
--- Raises at the recipe's line for a second declaration, and { code = "usage" } for words that do not fit.
function M.take_params(declared)
  if not running then return params.read(declared, {}) end
  if running.declared then
    util.raise_at_caller("params: the recipe's parameters are declared twice")
  end
  running.declared = declared
  if running.help then error(declared_only, 0) end
  local values = params.read(declared, running.words)
  if not running.graph.nodes[1] and not running.graph.stack then
    running.graph.default_stack = default_stack(running.path, values)
  end
  return values
end

-- The texts of recipes by their names: stdin cannot be read twice.
local texts = {}

--- The text of a recipe, or of a module beside it.
--- @param name string as errors name it
--- @return string?
function M.text(name) return texts[name] or file.try_read(name) end

-- Lua's words about what it cannot read, the path whole, without texts in quotes, which may be secret.
local function fail_syntax(path, complaint)
  -- Lua cuts long paths at their beginning.
  local line, message = complaint:gsub("\n", " "):match "^.-:(%d+): (.*)$"
  if not line then util.fail("syntax", "%s: %s", path, complaint) end
  for _, open in ipairs { "[\"']", "%[=*%[" } do
    message = message:gsub("near '(" .. open .. ").*'$", "near '%1…'")
  end
  error(error_object.new {
    code = "syntax", message = ("%s:%s: %s"):format(path, line, message),
    file = path, line = math.tointeger(tonumber(line)),
  })
end

-- "-" is what stands on stdin.
local function compile(path)
  local stream, message
  if path == "-" then stream, path = io.stdin, "stdin" else stream, message = io.open(path, "rb") end
  if not stream then util.fail("usage", "recipe %s", message) end
  local text = stream:read("a")
  if stream ~= io.stdin then stream:close() end
  if not text then util.fail("usage", "recipe %s: not a file", path) end
  if text:find '^{.*"eksrun_plan"' then
    util.fail("usage", "%s is a saved plan, which only apply takes: eksrun apply %s", path,
      util.shell_word(path))
  end
  local chunk, complaint = load(text:gsub("^#[^\n]*", ""), "@" .. path, "t", globals.new())
  if text:sub(1, 1) == "\27" then util.fail("syntax", "recipe %s: compiled Lua, not its source", path) end
  texts[path] = text
  if not chunk then fail_syntax(path, complaint) end
  return chunk
end

-- Loads modules from files. What stands in the library is found before; who finds nothing says so behind.
local function search_files(name)
  local path = package.searchpath(name, package.path)
  if not path then return nil end
  local chunk, complaint = loadfile(path, "t", globals.of_modules)
  if not chunk then fail_syntax(path, complaint) end
  return chunk, path
end

local LAST_SEARCHERS = 4 -- Lua's own for files of Lua and C, and the host's for what is nowhere

-- Modules beside the recipe, then what was there.
local function with_folder(path)
  local searchers = package.searchers
  local at = #searchers + 1 - LAST_SEARCHERS
  if searchers[at - 1] ~= search_files then table.insert(searchers, at, search_files) end
  local folder = path:match("^(.*)/[^/]*$") or "."
  local own = folder .. "/?.lua;" .. folder .. "/?/init.lua"
  if package.path:sub(1, #own) ~= own then
    package.path = own .. (package.path ~= "" and ";" .. package.path or "")
  end
end

-- What is printed at the end has to be data.
local function check_outputs(path, value, name, above)
  if ref.is(value) or graph.node_of(value) then return end
  if type(value) ~= "table" then
    if type(value) == "function" or type(value) == "thread" then
      util.fail("recipe", "%s: %s is a %s, which cannot be printed", path, name, type(value))
    end
    return
  end
  if above[value] then util.fail("recipe", "%s: %s holds itself", path, name) end
  above[value] = true
  for key, item in pairs(value) do check_outputs(path, item, name .. "." .. tostring(key), above) end
  above[value] = nil
end

-- The value with what the objects of kits say of themselves (__outputs) in their place.
local function published(value, done)
  if type(value) ~= "table" or ref.is(value) or graph.node_of(value) then return value end
  if done[value] then return done[value] end
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__outputs then return meta.__outputs(value) end
  if meta ~= nil then return value end
  local out = {}
  done[value] = out
  for key, item in pairs(value) do out[key] = published(item, done) end
  return out
end

--- @class eksrun.recipe.Options
--- @field region? string where the stack is
--- @field account? string
--- @field on_stack? fun(stack: eksrun.Stack) called once the stack's name is final: at the first resource,
--- while the recipe is still read
--- @field on_undeclared? fun(found: eksrun.Undeclared) a line reads a global that nobody has set

--- Runs the recipe.
--- @param path string
--- @param words string[] k=v
--- @param options? eksrun.recipe.Options
--- @return eksrun.Recipe
--- Raises what is wrong with the recipe: { code = "syntax" | "recipe" | "usage" }.
function M.load(path, words, options)
  options = options or {}
  local chunk = compile(path)
  with_folder(path)
  local declared = graph.new()
  declared.where = options
  declared.on_first = options.on_stack and function() options.on_stack(stack.current()) end
  declared.default_stack = default_stack(path, {})
  running = { path = path, words = words, graph = declared }
  globals.watch(options.on_undeclared)
  local before = graph.set_current(declared)
  _G.arg = table.move(words, 1, #words, 1, { [0] = path })
  local _ <close> = setmetatable({}, {
    __close = function()
      graph.set_current(before)
      globals.watch(nil)
      running = nil
    end,
  })
  local outputs = published(fault.call(chunk, table.unpack(words)), {})
  check_outputs(path, outputs, "what it returns", {})
  declared:order() -- what is wrong with it is found before AWS is asked
  local declares = declared.nodes[1] ~= nil or declared.stack ~= nil
  if declares and not running.declared and words[1] then
    util.fail("usage", "'%s': the recipe %s takes no parameters", words[1], path)
  end
  if declares then stack.current() end
  return {
    path = path, graph = declared, outputs = outputs, declares = declares, parameters = running.declared,
  }
end

--- The parameters that the recipe declares, without running the rest of it; nil when it declares none
--- before it ends.
--- @param path string
--- @return table<string, eksrun.Parameter>?
--- Raises what is wrong with a recipe that fails before it declares any.
function M.parameters(path)
  local chunk = compile(path)
  with_folder(path)
  local declared = graph.new()
  declared.default_stack = default_stack(path, {})
  running = { path = path, words = {}, graph = declared, help = true }
  local before = graph.set_current(declared)
  local ok, err = pcall(fault.call, chunk)
  graph.set_current(before)
  local found = running.declared
  running = nil
  if not ok and err ~= declared_only and not found then error(err, 0) end
  return found
end

return M

--- Small helpers of the standard library: tables, messages, option checks.
local error_object = require "eksrun.error"
local text = require "eksrun.text"

local M = {}

--- Keys in order: numbers first by value, then strings by bytes.
--- @param t table
--- @return any[] keys
function M.sorted_keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b)
    local ta, tb = type(a), type(b)
    if ta ~= tb then return ta < tb end
    return a < b
  end)
  return keys
end

--- Iterates in the order of the keys.
--- @param t table
--- @return fun(): any, any
function M.sorted_pairs(t)
  local keys, i = M.sorted_keys(t), 0
  return function()
    i = i + 1
    local k = keys[i]
    if k ~= nil then return k, t[k] end
  end
end

--- A deep copy; metatables are shared, what is not a table is kept.
--- @generic T
--- @param v T
--- @return T
function M.copy(v)
  if type(v) ~= "table" then return v end
  local out = {}
  for k, x in pairs(v) do out[k] = M.copy(x) end
  return setmetatable(out, getmetatable(v))
end

--- `base` with the fields of `over` on top; structures are merged, lists and values replaced.
--- @param base table
--- @param over table
--- @return table
function M.overlay(base, over)
  local out = {}
  for key, value in pairs(base) do out[key] = value end
  for key, value in pairs(over) do
    local below = out[key]
    if type(value) == "table" and type(below) == "table" and getmetatable(value) == nil
      and #value == 0 and #below == 0 then
      value = M.overlay(below, value)
    end
    out[key] = value
  end
  return out
end

--- Deep equality of plain values.
--- @param a any
--- @param b any
--- @return boolean
function M.equal(a, b)
  if rawequal(a, b) then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do
    if not M.equal(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

--- Whether a list has a value.
--- @param list any[]?
--- @param value any
--- @return boolean
function M.contains(list, value)
  for _, item in ipairs(list or {}) do
    if item == value then return true end
  end
  return false
end

--- What the first list has and the second has not.
--- @param list any[]?
--- @param from any[]?
--- @return any[]
function M.missing(list, from)
  local present, out = {}, {}
  for _, value in ipairs(from or {}) do present[value] = true end
  for _, value in ipairs(list or {}) do
    if not present[value] then out[#out + 1] = value end
  end
  return out
end

--- What text in percent-encoding says, as somebody sent it; as it is, if it is none.
--- @param encoded string
--- @return string
function M.percent_decoded(encoded)
  local ok, plain = pcall(text.percent_decode, encoded)
  return ok and plain or encoded
end

--- Raises an error object.
--- @param code string
--- @param message string a format when more arguments follow
function M.fail(code, message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  error(error_object.new { code = code, message = message })
end

--- Raises an error object whose message begins with its place.
--- @param code string
--- @param where string "file:line", as M.where() says it
--- @param message string a format when more arguments follow
function M.fail_at(code, where, message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  local file, line = where:match "^(.*):(%d+)$"
  error(error_object.new {
    code = code, message = where .. ": " .. message, file = file, line = math.tointeger(tonumber(line)),
  }, 0)
end

-- Where this library's files lie: what stands elsewhere is the user's.
local library = debug.getinfo(1, "S").source:gsub("eksrun/util%.lua$", "")

--- Whether a chunk is this library's.
--- @param source string as debug.getinfo() gives it
--- @return boolean
function M.is_library(source) return source:sub(1, #library) == library end

--- The function below which no frame is the recipe's; set by engine/fault.lua.
M.boundary = nil

-- The level, seen from the caller of this function, of the nearest frame outside the library.
local function user_level()
  local level = 3
  while true do
    local info = debug.getinfo(level, "Slf")
    if not info or info.func == M.boundary then return nil end
    if info.what ~= "C" and not M.is_library(info.source) then return level - 1, info end
    level = level + 1
  end
end

-- "file:line" of a frame. Lua's own short_src cuts long paths.
local function place(info)
  local name = info.source:match("^@(.*)") or info.short_src
  return ("%s:%d"):format(name, info.currentline)
end
M.place = place

--- The file of a frame; nil where its text stands in none.
--- @param info debuginfo
--- @return string?
function M.file_of(info) return info.source:match("^@(.*)") end

--- "file:line" of the nearest caller that is not this library: the recipe's line.
--- @return string
function M.where()
  local _, info = user_level()
  return info and place(info) or "?"
end

-- Whether a function is one that recipes call, and that none of those ends in: of a kit's module, or what a
-- resource type is called by.
local function is_entry(f)
  if f == M.declaring then return true end
  for name, module in pairs(package.loaded) do
    if type(name) == "string" and name:find "^eksrun%.%w+$" and type(module) == "table" then
      for _, value in next, module do
        if value == f then return true end
      end
    end
  end
  return false
end

-- What is to be said where the recipe's frame may be the caller of the one that is meant: `return f(x)`
-- leaves no frame behind.
local function behind_tail_call(level)
  local called = debug.getinfo(level, "ft")
  if not called or not called.istailcall or not is_entry(called.func) then return "" end
  return " (in the return of a function that this line calls)"
end

--- What resource types are called by; set by resource/init.lua.
--- @type function?
M.declaring = nil

--- Raises an error at the recipe's line, whatever of the library lies between.
--- @param message string a format when more arguments follow
function M.raise_at_caller(message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  local level, info = user_level()
  if info then message = place(info) .. ": " .. message .. behind_tail_call(level) end
  error(error_object.new {
    code = "recipe", message = message,
    file = info and M.file_of(info), line = info and info.currentline,
  })
end

local MEANT_MAX = 3

--- The end of a message about an unknown name, given what may be meant: "; did you mean 'x' or 'y'?", or "".
--- @param names string[] the likeliest first
--- @return string
function M.or_mean(names)
  local quoted = {}
  for i = 1, math.min(#names, MEANT_MAX) do quoted[i] = "'" .. names[i] .. "'" end
  return quoted[1] and "; did you mean " .. table.concat(quoted, " or ") .. "?" or ""
end

--- The same, by how names are spelled.
--- @param name any
--- @param candidates string[]
--- @return string
function M.did_you_mean(name, candidates)
  if type(name) ~= "string" then return "" end
  return M.or_mean(text.suggest(name, candidates))
end

--- A module or object whose unknown fields raise, with a did-you-mean, instead of being nil.
--- @generic T
--- @param name string for the message
--- @param fields T
--- @param optional? table<string, boolean> fields that may be nil
--- @param outputs? fun(fields: table): table what a recipe that returns it shows; default: all
--- @return T fields
function M.strict(name, fields, optional, outputs)
  return setmetatable(fields, {
    __index = function(_, key)
      if type(key) ~= "string" or optional and optional[key] then return nil end
      local known = M.sorted_keys(fields)
      for other in pairs(optional or {}) do known[#known + 1] = other end
      M.raise_at_caller("%s has no '%s'%s", name, key, M.did_you_mean(key, known))
    end,
    __outputs = outputs,
  })
end

--- A string with its control bytes made visible, fit for a terminal.
M.escape = text.escape

--- A word as a shell takes it.
--- @param word string
--- @return string
function M.shell_word(word)
  if word:find "^[%w_@%%+=:,./-]+$" then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

--- "4.2s", "2m05s", "1h02m".
--- @param seconds number
--- @param whole? boolean "4s": for what changes while one looks at it
--- @return string
function M.duration(seconds, whole)
  if whole then seconds = math.floor(seconds) end
  if seconds < 59.95 then return (whole and "%ds" or "%.1fs"):format(seconds) end
  local rounded = math.floor(seconds + 0.5)
  if rounded < 3600 then return ("%dm%02ds"):format(rounded // 60, rounded % 60) end
  return ("%dh%02dm"):format(rounded // 3600, rounded % 3600 // 60)
end

--- What an error says, whatever was raised: an object's line, a table's `message`, any other value as
--- text. Raises only where the value's own __tostring does.
--- @param err any
--- @return string
function M.describe(err)
  if type(err) ~= "table" then return tostring(err) end
  local meta = getmetatable(err)
  if type(meta) == "table" and meta.__tostring then return tostring(err) end
  if type(err.message) == "string" then return err.message end
  return (require("eksrun.inspect").inspect(err):gsub("%s*\n%s*", " "))
end

-- Appends what a value is made of, in one order, to out. Functions count for nothing.
local function spell(value, out)
  if type(value) == "table" then
    out[#out + 1] = "{"
    for key, item in M.sorted_pairs(value) do
      spell(key, out)
      spell(item, out)
    end
    out[#out + 1] = "}"
  elseif type(value) ~= "function" then
    out[#out + 1] = type(value) .. " " .. tostring(value) .. "\0"
  end
end

--- 64 hexadecimal digits, the same for equal values.
--- @param ... any plain values
--- @return string
function M.fingerprint(...)
  local out = {}
  for i = 1, select("#", ...) do spell((select(i, ...)), out) end
  return text.sha256(table.concat(out))
end

-- Whether a value is of a kind that check_options knows.
local function is_of(kind, value)
  if kind ~= "strings" then
    return kind == "any" or type(value) == kind or math.type(value) == kind
  end
  if type(value) ~= "table" or #value == 0 and next(value) ~= nil then return false end
  for _, item in ipairs(value) do
    -- A ref is a table.
    if type(item) ~= "string" and type(item) ~= "table" then return false end
  end
  return true
end

-- What to say instead of a key that is not known.
local function instead(key, value, allowed)
  local known = {}
  for _, name in ipairs(M.sorted_keys(allowed)) do
    if type(name) == "string" then known[#known + 1] = name end
  end
  local near = M.did_you_mean(key, known)
  if near ~= "" then return near end
  if key == 1 and allowed.name and type(value) == "string" then
    return ("; the name has a key: name = \"%s\""):format(value)
  end
  if key == "name" and allowed[1] then return "; the name comes first, without a key: { \"...\" }" end
  return known[1] and ("; it takes %s"):format(table.concat(known, ", ")) or ""
end

-- A mistake in what the library itself hands on is its user's.
local function raise_option(level, message, ...)
  message = message:format(...)
  local info = debug.getinfo(level, "S")
  if info and M.is_library(info.source) then M.raise_at_caller("%s", message) end
  local lost = info and info.what ~= "C" and behind_tail_call(level) or ""
  error(message .. lost, level)
end

--- Raises at the recipe's line where a module is the first argument of one of its own functions.
--- @param where string what is called, e.g. "vpc.network"
--- @param argument any
function M.check_dot(where, argument)
  for _, module in pairs(package.loaded) do
    if rawequal(module, argument) then
      M.raise_at_caller("%s is called with a dot: %s { ... }", where, where)
    end
  end
end

--- Checks a table of options: every key known, every value of its type.
--- `allowed` maps an option's name to the type of its value ("string", "string?", "any", ..., or "strings":
--- a list of them); a type without "?" is required. Raises at `level`.
--- @param where string what the options belong to, e.g. "http.request"
--- @param options any
--- @param allowed table<string, string>
--- @param level? integer as for error(), seen from the caller; default 2: the caller's caller
function M.check_options(where, options, allowed, level)
  level = (level or 2) + 2
  if type(options) ~= "table" then
    raise_option(level, "%s: a table of options expected, got %s", where, type(options))
  end
  M.check_dot(where, options)
  for _, key in ipairs(M.sorted_keys(options)) do
    local kind = allowed[key]
    if not kind then
      raise_option(level, "%s: unknown field '%s'%s", where, tostring(key),
        instead(key, options[key], allowed))
    end
    kind = kind:gsub("%?$", "")
    if not is_of(kind, options[key]) then
      raise_option(level, "%s: field '%s' wants %s, got %s", where, key,
        kind == "strings" and 'a list of strings, { "..." }' or kind, type(options[key]))
    end
  end
  for _, key in ipairs(M.sorted_keys(allowed)) do
    if options[key] == nil and not allowed[key]:find("?", 1, true) then
      raise_option(level, "%s: field '%s' (%s) is required", where, key,
        allowed[key] == "strings" and "a list of strings" or allowed[key])
    end
  end
end

return M

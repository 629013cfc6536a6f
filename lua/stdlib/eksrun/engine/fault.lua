--- What a recipe's own Lua raises, as an error object of one line that names the recipe's file and line.
local error_object = require "eksrun.error"
local util = require "eksrun.util"

local M = {}

-- Frames that are shown, and that are looked at: a recursion without end has 200,000, and each costs a walk
-- down to it.
local FRAMES_MAX, LEVELS_MAX = 20, 1000

-- Levels, seen from given_ref(), among which Lua's own function is that raises.
local LEVELS_OF_A_CALL = 6

-- The frames between the error and M.call that are not the library's: places whole and as Lua shortens
-- them.
local function user_frames()
  local frames, level = {}, 3
  while #frames < FRAMES_MAX and level < LEVELS_MAX do
    local info = debug.getinfo(level, "Slnf")
    if not info or info.func == M.call then return frames end
    if info.what ~= "C" and not util.is_library(info.source) then
      frames[#frames + 1] = {
        whole = util.place(info),
        short = ("%s:%d"):format(info.short_src, info.currentline),
        file = util.file_of(info),
        line = info.currentline,
        name = info.what == "main" and "the file" or info.name and "'" .. info.name .. "'" or "a function",
      }
    end
    level = level + 1
  end
  return frames
end

-- Where a function is defined: all that is known of it when it left by a tail call.
local function definition(f)
  local info = debug.getinfo(f, "S")
  if info.what == "C" or util.is_library(info.source) then return nil end
  local whole = util.file_of(info) or info.short_src
  local line = info.linedefined > 0 and info.linedefined or nil
  if line then whole = whole .. ":" .. line end
  return { whole = whole, short = whole, file = util.file_of(info), line = line, name = "a function" }
end

-- Where the recipe's line stands at the beginning of a message: the message, its path whole, and the frame;
-- nil where it does not.
local function with_whole_path(message, frames)
  for _, frame in ipairs(frames) do
    for _, place in ipairs { frame.short, frame.whole } do
      if message:sub(1, #place + 1) == place .. ":" then
        return frame.whole .. message:sub(#place + 1), frame
      end
    end
  end
end

-- A mistake of the library's own, and not of the recipe.
local function is_ours(message)
  local file = message:match("^([^\n]-):%d+: ")
  return file ~= nil and util.is_library("@" .. file)
end

-- Errors of a call get the line of the call; the others name their place or have none.
local function object(err, frames)
  local of_a_call = err.code == "validation" or err.operation ~= nil
  local lost = err.code == "recipe" and frames.defined
  if not (of_a_call or lost) or err.kind == "credentials" then return err end
  local frame = frames[1]
  local place = frame and frame.whole .. ": "
  if place and type(err.message) == "string" then
    if err.message:sub(1, #place) ~= place then err.message = place .. err.message end
    -- What AWS refuses, and what does not reach it, is no mistake in the line.
    if not err.operation then err.file, err.line = frame.file, frame.line end
  end
  return err
end

-- The ref that one of Lua's own functions was given, alone or in a list; it is still on the stack.
local function given_ref(ref)
  for level = 3, LEVELS_OF_A_CALL do
    local info, n = debug.getinfo(level, "S"), 0
    if not info then return nil end
    repeat
      n = n + 1
      local name, value = debug.getlocal(level, n)
      local of_call = info.what == "C" and name
      if of_call and ref.is(value) then return value, false end
      for i = 1, of_call and type(value) == "table" and rawlen(value) or 0 do
        if ref.is(rawget(value, i)) then return rawget(value, i), true end
      end
    until not of_call
  end
end

-- What is to be said behind the words of Lua's own functions about a ref that they cannot take.
local function early(message)
  local about_ref = message:find("got eksrun.ref", 1, true)
  if not about_ref and not message:find "^[^\n]*invalid value.*in table for 'concat'" then return "" end
  local ref = require "eksrun.engine.ref"
  local given, in_list = given_ref(ref)
  if not given and not about_ref then return "" end
  return (": the value%s is not known before apply; use %s(function(v) ... end)"):format(
    given and " of " .. ref.describe(given) or "", in_list and "eksrun.all(list):map" or ":map")
end

-- The message, and the frame that it names.
local function message_of(err, frames)
  local place = frames[1] and frames[1].whole .. ": " or ""
  if type(err) == "table" then
    local plain = getmetatable(err) == nil and type(err.message) ~= "string"
    return place .. (plain and "raised " or "") .. util.describe(err), frames[1]
  end
  if type(err) ~= "string" then return place .. "raised " .. tostring(err), frames[1] end
  err = err .. early(err)
  local message, frame = with_whole_path(err, frames)
  if not message then
    local other = err:find("^[^\n]-:%d+: ") ~= nil -- a place that is no frame's
    message, frame = other and err or place .. err, not other and frames[1] or nil
  end
  return message:gsub("\n\t", " "), frame
end

local function fault(err, f)
  local frames = user_frames()
  if not frames[1] then frames = { definition(f), defined = true } end
  if error_object.is(err) then return object(err, frames) end
  local bug = type(err) == "string" and is_ours(err)
  local trace = {}
  for i, frame in ipairs(frames) do trace[i] = ("  %s: in %s"):format(frame.whole, frame.name) end
  local message, frame = message_of(err, frames)
  return error_object.new {
    code = bug and "bug" or "recipe",
    message = message,
    file = frame and frame.file,
    line = frame and frame.line,
    frames = (bug or trace[2]) and table.concat(trace, "\n") or nil,
    traceback = debug.traceback(nil, 2),
  }
end

--- f(...), f being the recipe's. What it raises becomes an error object; cancellation and errors of AWS
--- stay what they are, but say at which line they came up.
--- @param f fun(...): ...
--- @param ... any
--- @return any ... what f returns
function M.call(f, ...)
  local results = table.pack(xpcall(f, function(err) return fault(err, f) end, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  error(results[2], 0)
end

util.boundary = M.call

return M

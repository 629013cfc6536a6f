--- An answer as it is printed: times as ISO 8601, blobs as base64, streams taken out.
local json = require "eksrun.json"
local text = require "eksrun.text"

local M = {}

-- 2026-01-02T03:04:05+00:00, with microseconds where there are any.
local function time(seconds)
  local whole = math.floor(seconds)
  local rest = math.floor((seconds - whole) * 1e6 + 0.5)
  if rest == 1000000 then whole, rest = whole + 1, 0 end
  local date = require("eksrun.clock").format_iso8601(math.tointeger(whole), "iso8601")
  return date:gsub("Z$", "") .. (rest > 0 and (".%06d"):format(rest) or "") .. "+00:00"
end

-- As the protocol writes times: with "Z" in XML, seconds since 1970 in JSON.
local function wire_time(seconds, protocol)
  if protocol:find("json", 1, true) or protocol:find("cbor", 1, true) then return seconds end
  return (time(seconds):gsub("%+00:00$", "Z"))
end

local function visit(value, shape, above, protocol)
  if value == json.null then return value end
  if shape.type == "timestamp" then
    if type(value) ~= "number" then return value end
    return protocol and wire_time(value, protocol) or time(value)
  end
  if shape.type == "blob" then return type(value) == "string" and text.base64(value) or value end
  if type(value) ~= "table" or shape.type == "document" or shape.json then return value end
  local whole = shape.recursive and above[shape.shape] or shape
  above = setmetatable({ [shape.shape] = whole }, { __index = above })
  if whole.type == "list" then
    for i, item in ipairs(value) do value[i] = visit(item, whole.element, above, protocol) end
  elseif whole.type == "map" then
    for key, item in pairs(value) do value[key] = visit(item, whole.value, above, protocol) end
  else
    for _, member in ipairs(whole.members or {}) do
      local item = value[member.name]
      if item ~= nil then value[member.name] = visit(item, member, above, protocol) end
    end
  end
  return value
end

--- The member of an answer that is a stream of bytes or events.
--- @param output eksrun.native.aws.Shape|nil
--- @return eksrun.native.aws.Shape|nil
function M.stream(output)
  for _, member in ipairs(output and output.members or {}) do
    if member.streaming or member.events then return member end
  end
end

--- An answer or an event, changed in place.
--- @param value table
--- @param shape eksrun.native.aws.Shape|nil
--- @param protocol? string show times as this protocol does, not as ISO 8601 with offset
--- @return table
function M.answer(value, shape, protocol)
  return shape and visit(value, shape, {}, protocol) or value
end

return M

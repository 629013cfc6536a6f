--- What stands behind a parameter's flag, as the value that the model wants.
---
--- As the AWS CLI reads it: scalars as they stand, lists as several words or JSON, structures and
--- maps as shorthand or JSON, blobs as base64, anything from file:// and fileb://. A blob that is a
--- request's whole body is the name of a file.
local clock = require "eksrun.clock"
local files = require "eksrun.cli.call.files"
local json = require "eksrun.json"
local shapes = require "eksrun.aws.shapes"
local shorthand = require "eksrun.cli.call.shorthand"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.cli.call.ValueOptions
--- @field raw_blobs? fun(): boolean whether text of blobs is their bytes, not base64

local function is_complex(shape)
  return shape.type == "structure" or shape.type == "map" or shape.type == "list"
end

local function bad(value, what)
  util.fail("usage", "'%s' is not %s", util.escape(value, true), what)
end

local scalars = {}

function scalars.integer(value)
  local number = value:find("^%s*[+-]?%d+%s*$") and math.tointeger(tonumber((value:gsub("+", ""))))
  if not number then bad(value, "a whole number") end
  return number
end

scalars.long = scalars.integer

function scalars.double(value)
  local plain = not value:find("[xX]") and tonumber((value:gsub("^%s*%+", "")))
  if not plain then
    if value == "NaN" or value == "Infinity" or value == "-Infinity" then return value end
    bad(value, "a number")
  end
  return plain
end

scalars.float = scalars.double

function scalars.boolean(value)
  local word = value:lower()
  if word ~= "true" and word ~= "false" then bad(value, "true or false") end
  return word == "true"
end

-- Text of the command line as a scalar of the shape. Blobs and timestamps stay text: M.finish.
local function scalar(value, shape)
  if files.is_bytes(value) then return value end
  local convert = scalars[shape.type]
  if convert then return convert(value) end
  return value
end

-- With the part of an outer shape that a recursive one stands for.
local function entered(shape, above)
  local whole = shape
  if shape.recursive then whole = above[shape.shape] end
  return whole, setmetatable({ [shape.shape] = whole }, { __index = above })
end

-- What shorthand gave, with its leaves as the model wants them.
local function typed(value, shape, above)
  if not is_complex(shape) then
    if type(value) == "table" and not files.is_bytes(value) then
      util.fail("usage", "%s is no %s", shape.type == "document" and "shorthand"
        or getmetatable(value) == json.array_mt and "a list" or "a structure",
        shape.type == "document" and "document: give it as JSON" or shape.type)
    end
    return scalar(value, shape)
  end
  local whole
  whole, above = entered(shape, above)
  if whole.type == "list" then
    if getmetatable(value) ~= json.array_mt then value = json.array { value } end
    for i, item in ipairs(value) do value[i] = typed(item, whole.element, above) end
    return value
  end
  if type(value) ~= "table" or getmetatable(value) == json.array_mt then return value end
  local members = shapes.members(whole)
  for key, item in pairs(value) do
    local member = members[key] or whole.value
    if member then value[key] = typed(item, member, above) end
  end
  return value
end

-- The structure whose only member is "Value": the EC2 attributes. It may be left out.
local function sole_value(shape)
  local only = shape.type == "structure" and #shape.members == 1 and shape.members[1]
  return only and only.name == "Value" and not is_complex(only) and only or nil
end

local function decode(value)
  local result, err = json.try_decode(value)
  if err then util.fail("usage", "%s", err.message) end
  return result
end

-- One word for a shape.
local function one(word, shape)
  local begins = word:match("^%s*([%[{]?)")
  if shape.type == "document" or shape.json then return decode(word) end
  if not is_complex(shape) then return scalar(word, shape) end
  if begins == "{" and shape.type ~= "list" or begins == "[" and shape.type == "list" then
    return decode(word)
  end
  if shape.type == "list" then return typed(shorthand.parse(word), shape, {}) end
  local only = sole_value(shape)
  if only and not word:find("=", 1, true) then return { Value = scalar(word, only) } end
  return typed(shorthand.parse(word), shape, {})
end

--- The value of a parameter.
--- @param words string[] what stands behind its flag
--- @param shape eksrun.native.aws.Shape
--- @return any
--- Raises {code = "usage"}.
function M.parse(words, shape)
  if shape.streaming and shape.type == "blob" then
    local path = files.expand((words[1]:gsub("^fileb?://", "")))
    local there = require("eksrun.file").stat(path)
    if there and there.type == "file" then return { path = path } end
    return files.bytes(files.read(path))
  end
  if #words == 1 then
    local word = files.resolve(words[1])
    if files.is_bytes(word) then
      if shape.type == "blob" then return word end
      word = word[1]
    end
    words = { word }
  end
  if shape.type ~= "list" then return one(words[1], shape) end
  if #words == 1 and words[1]:find("^%s*%[") then return decode(words[1]) end
  local list = json.array {}
  for i, word in ipairs(words) do list[i] = one(word, shape.element) end
  return list
end

-- ---- blobs and timestamps, wherever the value came from

local function blob(value, shape, options)
  if type(value) ~= "string" or options.raw_blobs and options.raw_blobs() then return value end
  local bytes = select(2, pcall(text.unbase64, (value:gsub("%s+$", ""))))
  if type(bytes) ~= "string" then
    local shown = shape.sensitive and "what is given" or ("'%s'"):format(util.escape(value:sub(1, 40), true))
    util.fail("usage", "%s is not base64; fileb:// reads bytes, "
      .. "--cli-binary-format raw-in-base64-out takes text", shown)
  end
  return bytes
end

-- Times that AWS's model cannot read but a person writes.
local function timestamp(value)
  if type(value) ~= "string" then return value end
  return clock.try_parse(value) or value
end

local function finish(value, shape, above, options)
  if files.is_bytes(value) then return value[1] end
  if shape.type == "blob" then return blob(value, shape, options) end
  if shape.type == "timestamp" then return timestamp(value) end
  if not is_complex(shape) or type(value) ~= "table" then return value end
  local whole
  whole, above = entered(shape, above)
  if whole.type == "list" then
    for i, item in ipairs(value) do value[i] = finish(item, whole.element, above, options) end
    return value
  end
  local members = shapes.members(whole)
  for key, item in pairs(value) do
    local member = members[key] or whole.value
    if member then value[key] = finish(item, member, above, options) end
  end
  return value
end

--- A parameter with blobs as bytes and times as seconds; tables are changed in place.
--- @param value any
--- @param shape eksrun.native.aws.Shape
--- @param options? eksrun.cli.call.ValueOptions
--- @return any value
function M.finish(value, shape, options) return finish(value, shape, {}, options or {}) end

return M

--- Values as text a person reads: Lua's own notation, keys sorted, nested by indentation, short
--- tables on one line.

local text = require "eksrun.text"
local json = require "eksrun.json"

local M = {}

local WIDTH = 80
local DEPTH_MAX = 20

local reserved = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do
  reserved[word] = true
end

local function quoted(s)
  if not text.valid_utf8(s) then
    local bytes = s:gsub("[%c\"\\\x80-\xff]", function(c) return ("\\x%02x"):format(c:byte()) end)
    return '"' .. bytes .. '"'
  end
  local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }
  local body = s:gsub('[%c"\\\x7f]', function(c) return escapes[c] or ("\\x%02x"):format(c:byte()) end)
  return '"' .. body .. '"'
end

local function key_text(key)
  if type(key) == "string" and key:match "^[%a_][%w_]*$" and not reserved[key] then return key end
  return "[" .. (type(key) == "string" and quoted(key) or tostring(key)) .. "]"
end

local function by_type_and_value(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return ta < tb end
  if ta == "number" or ta == "string" then return a < b end
  return tostring(a) < tostring(b)
end

local render

local function render_table(t, indent, depth, seen)
  if seen[t] then return "<cycle>" end
  if depth >= DEPTH_MAX then return "{ ... }" end
  seen[t] = true
  local parts, inner = {}, indent .. "  "
  -- Without metamethods: an __index may raise, or answer every number.
  local count = 0
  while rawget(t, count + 1) ~= nil do
    count = count + 1
    parts[count] = render(rawget(t, count), inner, depth + 1, seen)
  end
  local keys = {}
  for key in next, t do
    if not (math.type(key) == "integer" and key >= 1 and key <= count) then keys[#keys + 1] = key end
  end
  table.sort(keys, by_type_and_value)
  for _, key in ipairs(keys) do
    parts[#parts + 1] = key_text(key) .. " = " .. render(rawget(t, key), inner, depth + 1, seen)
  end
  seen[t] = nil
  if #parts == 0 then return "{}" end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #indent + #line <= WIDTH and not line:find "\n" then return line end
  return "{\n" .. inner .. table.concat(parts, ",\n" .. inner) .. "\n" .. indent .. "}"
end

function render(value, indent, depth, seen)
  if type(value) == "string" then return quoted(value) end
  if value == json.null then return "null" end
  if type(value) == "table" then
    local mt = getmetatable(value)
    if type(mt) == "table" and mt.__tostring then return tostring(value) end
    return render_table(value, indent, depth, seen)
  end
  return tostring(value)
end

--- The value as text, over several lines where it is long. Never raises for plain data; a
--- `__tostring` of the value's own is honoured.
--- @param value any
--- @return string
function M.inspect(value)
  return render(value, "", 0, {})
end

return M

-- Messages of event streams: read, and refused with the reason named.
local json = require "eksrun.json"
local lfs = require "lfs"
local native = require "eksrun.native.aws"
local text = require "eksrun.text"
local wire = require "tests.conformance.support.wire"

local read, same = wire.read, wire.same

local BYTES, STRING, UUID = 6, 7, 9

-- As the cases write a value: bytes of any kind in base64.
local function value_of(header)
  local value = header.value
  if header.type == BYTES or header.type == STRING or header.type == UUID then
    value = text.base64(header.type == UUID and text.unhex((value:gsub("-", ""))) or value)
  end
  return value
end

local function check_message(bytes, want)
  local message, length = native.decode_event(bytes)
  if length ~= want.total_length then return "length " .. tostring(length) end
  if text.base64(message.payload) ~= want.payload then return "payload" end
  if #message.headers ~= #want.headers then return #message.headers .. " headers" end
  for i, header in ipairs(message.headers) do
    local wanted = want.headers[i]
    if header.name ~= wanted.name or header.type ~= wanted.type then return "header " .. header.name end
    if not same(value_of(header), wanted.value) then return "value of " .. header.name end
  end
end

local function check_refusal(bytes, why)
  local ok, err = pcall(native.decode_event, bytes)
  if ok then return "was read" end
  local reason = why:match "^%s*(.-)%s*$":lower()
  if not err.message:find(reason, 1, true) then return err.message end
end

return function(dir)
  local totals = require("tests.conformance.support.totals").new()
  for _, kind in ipairs { "positive", "negative" } do
    for name in lfs.dir(("%s/eventstream/encoded/%s"):format(dir, kind)) do
      if name:sub(1, 1) ~= "." then
        local bytes = read(("%s/eventstream/encoded/%s/%s"):format(dir, kind, name))
        local want = read(("%s/eventstream/decoded/%s/%s"):format(dir, kind, name))
        local why
        if kind == "positive" then
          why = check_message(bytes, json.decode(want))
        else
          why = check_refusal(bytes, want)
        end
        totals:count(kind .. "/" .. name, why)
      end
    end
  end
  return totals
end

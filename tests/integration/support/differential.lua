-- Makes the calls that a file lists, one JSON object a line: { service, operation, params }; writes a
-- line for each: { output } or { error = { code, message, status } }. { seed } seeds the chance of a moto.
--
--   eksrun lua differential.lua CALLS RESULTS
local aws = require "eksrun.aws"
local json = require "eksrun.json"
local text = require "eksrun.text"

-- Bytes that JSON does not hold are marked.
local function plain(value)
  if type(value) == "string" and not text.valid_utf8(value) then
    return { ["$bytes"] = text.base64(value) }
  end
  if type(value) ~= "table" then return value end
  local out = setmetatable({}, getmetatable(value))
  for key, part in pairs(value) do out[key] = plain(part) end
  return out
end

local clients = {}
local function client(service)
  clients[service] = clients[service] or aws.client(service, { max_attempts = 1 })
  return clients[service]
end

local function run(call)
  local c = client(call.service)
  local ok, output, err = pcall(c.invoke, c, call.operation, call.params)
  if not ok then output, err = nil, output end
  if output then
    for name, part in pairs(output) do
      if type(part) == "userdata" then output[name] = part:read_all() end
    end
    return { output = plain(output) }
  end
  if type(err) ~= "table" then return { error = { code = "lua", message = tostring(err) } } end
  return { error = { code = err.code, message = err.aws_message or err.message, status = err.status } }
end

local url = require("eksrun.process").env "AWS_ENDPOINT_URL"
local results = assert(io.open(arg[2], "w"))
for line in io.lines(arg[1]) do
  local call = json.decode(line)
  if call.seed then
    local to = ("%s/moto-api/seed?a=%d"):format(url, call.seed)
    require("eksrun.http").try_request { method = "POST", url = to }
  else
    results:write(json.encode(run(call), { replace_invalid = true }), "\n")
  end
end
results:close()

--- The log that --debug shows: every request and answer, attempt by attempt, without secrets.
---
---   [7.1]   credentials AKIA... from profile 'prod'
---   [7.1] > GET https://eks.eu-west-1.amazonaws.com/clusters/demo (eks:DescribeCluster, attempt 1 of 3)
---   [7.1] > host: eks.eu-west-1.amazonaws.com
---   [7.1] < 200 in 0.213 s: address 0.004, connected 0.020, TLS 0.061, first byte 0.212
---
--- 7 is the call and 1 its request, so that the lines of tasks side by side can be told apart. Bodies
--- are shown as parameters and output, which the model says the secrets of.
local json = require "eksrun.json"
local redact = require "eksrun.aws.redact"
local text = require "eksrun.text"

local M = {}

local LINE = 4000 -- bytes of a line at most

-- What was put right before a call goes out again at once.
local mended = {
  age = "with a later date",
  clock = "by the clock of its host",
  credentials = "with other credentials",
  hook = "as the answer says",
}

local function times_of(t)
  if t.reused then return (" in %.3f s: open connection, first byte %.3f"):format(t.total, t.first_byte) end
  local tls = t.tls > 0 and (", TLS %.3f"):format(t.tls) or ""
  return (" in %.3f s: address %.3f, connected %.3f%s, first byte %.3f"):format(t.total, t.dns, t.connect,
    tls, t.first_byte)
end

-- Parameters or an output, of a stream's bytes how many they are: what is in an object is nobody's to see.
local function without_bytes(value, member, length)
  local bytes = member and value[member]
  length = length or type(bytes) == "string" and #bytes
  if not length then return value end
  local shown = {}
  for key, item in pairs(value) do shown[key] = item end
  shown[member] = ("<%d bytes>"):format(length)
  return shown
end

-- A log under way: where it goes, and what it has said.
local Log = {}
Log.__index = Log

-- A call by its number, and its request.
function Log:label(call)
  if not self.numbers[call] then
    self.calls = self.calls + 1
    self.numbers[call] = self.calls
  end
  return ("[%d.%d]"):format(self.numbers[call], call.sends or 0)
end

function Log:line(call, format, ...)
  local shown = text.escape(redact.scrub(call, format:format(...)), true)
  if #shown > LINE then shown = ("%s... (%d bytes)"):format(shown:sub(1, LINE), #shown) end
  self.write(("%s %s\n"):format(self:label(call), shown))
end

function Log:headers(call, arrow, list)
  local names = {}
  for name in pairs(list) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    self:line(call, "%s %s: %s", arrow, name, redact.header(call, name, tostring(list[name])))
  end
end

function Log:body(call, arrow, value, shape)
  if type(value) ~= "table" or next(value) == nil then return end
  local shown = redact.value(value, shape, redact.secrets(call))
  local ok, encoded = pcall(json.encode, shown)
  self:line(call, "%s %s", arrow, ok and encoded or "<not shown: " .. tostring(encoded) .. ">")
end

-- Who signs: said once.
function Log:credentials(call)
  local held = call.credentials
  local key = held and (held.access_key_id or "") .. "\0" .. held.source
  if not held or self.named[key] then return end
  self.named[key] = true
  self:line(call, "  %s", held.token and "bearer token from " .. held.source or tostring(held))
end

function Log:sending(call, request)
  -- The secrets among the parameters are known before anything is shown.
  redact.value(call.params, call.operation:input(), redact.secrets(call))
  self:credentials(call)
  local attempts = call.attempts
  local nth = attempts and ("%d of %d"):format(attempts.count + 1, attempts.policy.max_attempts) or "1"
  self:line(call, "> %s %s (%s:%s, attempt %s)", request.method, request.url, call.client.name, call.name,
    nth)
  self:headers(call, ">", request.headers)
  local params = without_bytes(call.params, call.traits.stream_input, call.upload and call.upload.length)
  self:body(call, ">", params, call.operation:input())
end

function Log:answered(call, response, output, err)
  if response then
    self:line(call, "< %d%s", response.status, response.timing and times_of(response.timing) or "")
    self:headers(call, "<", response.headers)
  end
  if output then
    self:body(call, "<", without_bytes(output, call.traits.stream_output), call.operation:output())
  end
  if err then self:line(call, "! %s", tostring(err)) end
end

function Log:waiting(call, seconds, reason)
  if reason == "limit" then
    self:line(call, "  waited %.3f s (limit on requests)", seconds) -- it is told afterwards
  else
    self:line(call, "  waiting %.3f s (before a retry)", seconds)
  end
end

function Log:mended(call, what) self:line(call, "  again at once, %s", mended[what]) end

--- An observer (eksrun.aws.observe) that writes lines.
--- @param write fun(line: string)
--- @return table observer
function M.new(write)
  local log = setmetatable({
    write = write, calls = 0,
    numbers = setmetatable({}, { __mode = "k" }), -- of calls
    named = {}, -- credentials, by what tells them apart
  }, Log)
  local observer = {}
  for _, event in ipairs { "sending", "answered", "waiting", "mended" } do
    observer[event] = function(...) return log[event](log, ...) end
  end
  return observer
end

return M

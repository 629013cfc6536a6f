--- The log that --debug shows: every request and answer, attempt by attempt, without secrets.
---
---   [7.1] > GET https://eks.eu-west-1.amazonaws.com/clusters/demo (eks:DescribeCluster, attempt 1 of 3)
---   [7.1] > host: eks.eu-west-1.amazonaws.com
---   [7.1] < 200 in 0.213 s: address 0.004, connected 0.020, TLS 0.061, first byte 0.212
---
--- 7 is the call and 1 its attempt, so that the lines of tasks side by side can be told apart. Bodies
--- are shown as parameters and output, which the model says the secrets of.
local json = require "eksrun.json"
local redact = require "eksrun.aws.redact"
local text = require "eksrun.text"

local M = {}

local LINE = 4000 -- bytes of a line at most

--- An observer (eksrun.aws.observe) that writes lines.
--- @param write fun(line: string)
--- @return table observer
function M.new(write)
  local calls = 0
  local numbers = setmetatable({}, { __mode = "k" })

  local function label(call)
    return ("[%s.%d]"):format(numbers[call] or "?", call.sends or 0)
  end

  local function line(call, format, ...)
    local shown = text.escape(redact.scrub(call, format:format(...)), true)
    if #shown > LINE then shown = ("%s... (%d bytes)"):format(shown:sub(1, LINE), #shown) end
    write(("%s %s\n"):format(label(call), shown))
  end

  local function headers(call, arrow, list)
    local names = {}
    for name in pairs(list) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      line(call, "%s %s: %s", arrow, name, redact.header(call, name, tostring(list[name])))
    end
  end

  local function body(call, arrow, value, shape)
    if type(value) ~= "table" or next(value) == nil then return end
    local shown = redact.value(value, shape, redact.secrets(call))
    local ok, encoded = pcall(json.encode, shown)
    line(call, "%s %s", arrow, ok and encoded or "<not shown: " .. tostring(encoded) .. ">")
  end

  local observer = {}

  function observer.sending(call, request)
    if not numbers[call] then
      calls = calls + 1
      numbers[call] = calls
    end
    -- The secrets among the parameters are known before anything is shown.
    redact.value(call.params, call.operation:input(), redact.secrets(call))
    local policy = call.attempts and call.attempts.policy
    line(call, "> %s %s (%s:%s, attempt %d%s)", request.method, request.url, call.client.name, call.name,
      call.sends or 1, policy and " of " .. policy.max_attempts or "")
    headers(call, ">", request.headers)
    body(call, ">", call.params, call.operation:input())
  end

  function observer.answered(call, response, output, err)
    if response then
      local t = response.timing
      local times = not t and "" or t.reused and (" in %.3f s: open connection, first byte %.3f")
        :format(t.total, t.first_byte)
        or (" in %.3f s: address %.3f, connected %.3f, TLS %.3f, first byte %.3f")
        :format(t.total, t.dns, t.connect, t.tls, t.first_byte)
      line(call, "< %d%s", response.status, times)
      headers(call, "<", response.headers)
    end
    if output then body(call, "<", output, call.operation:output()) end
    if err then line(call, "! %s", tostring(err)) end
  end

  function observer.waiting(call, seconds, reason)
    local why = reason == "limit" and "limit on requests" or "before a retry"
    line(call, "  waiting %.3f s (%s)", seconds, why)
  end

  return observer
end

return M

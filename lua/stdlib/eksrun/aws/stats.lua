--- The counters that --stats shows: calls, retries, bytes, connections, by operation.
local M = {}

--- @class eksrun.aws.OperationStats
--- @field calls integer
--- @field requests integer
--- @field failed integer calls that ended with an error
--- @field timed integer requests that were answered, over the network
--- @field seconds number of those, from sending to the whole answer

--- @class eksrun.aws.Stats an observer (eksrun.aws.observe)
--- @field calls integer
--- @field requests integer
--- @field retries integer requests that were not a call's first
--- @field throttled integer answers that said "slower"
--- @field failed integer calls that ended with an error
--- @field sent integer bytes of bodies
--- @field received integer bytes of bodies, decompressed
--- @field connections integer that were opened
--- @field waited number seconds before retries and for limits
--- @field operations table<string, eksrun.aws.OperationStats> by "eks:DescribeCluster"

local function operation_of(stats, call)
  local name = call.client.name .. ":" .. call.name
  local found = stats.operations[name]
  if not found then
    found = { calls = 0, requests = 0, failed = 0, timed = 0, seconds = 0 }
    stats.operations[name] = found
  end
  return found
end

local function size(body) return type(body) == "string" and #body or 0 end

-- Of a stream what its header announces: it is still on its way.
local function received(response)
  if not response.stream then return size(response.body) end
  return tonumber(response.headers["content-length"]) or 0
end

--- @return eksrun.aws.Stats
function M.new()
  local stats = {
    calls = 0, requests = 0, retries = 0, throttled = 0, failed = 0, sent = 0, received = 0,
    connections = 0, waited = 0, operations = {},
  }

  function stats.sending(call, request)
    local operation = operation_of(stats, call)
    stats.requests = stats.requests + 1
    operation.requests = operation.requests + 1
    if call.sends and call.sends > 1 then stats.retries = stats.retries + 1 end
    stats.sent = stats.sent + (call.upload and call.upload.length or size(request.body))
  end

  function stats.answered(call, response, _, err)
    if err and require("eksrun.aws.failure").is_throttling(err) then stats.throttled = stats.throttled + 1 end
    if not response then return end
    stats.received = stats.received + received(response)
    local timing = response.timing
    if not timing then return end
    if not timing.reused then stats.connections = stats.connections + 1 end
    local operation = operation_of(stats, call)
    operation.timed, operation.seconds = operation.timed + 1, operation.seconds + timing.total
  end

  function stats.waiting(_, seconds) stats.waited = stats.waited + seconds end

  function stats.ended(call, err)
    local operation = operation_of(stats, call)
    stats.calls = stats.calls + 1
    operation.calls = operation.calls + 1
    if not err then return end
    stats.failed = stats.failed + 1
    operation.failed = operation.failed + 1
  end

  return stats
end

local function bytes(n)
  if n < 10000 then return ("%d B"):format(n) end
  if n < 10000000 then return ("%.1f kB"):format(n / 1000) end
  return ("%.1f MB"):format(n / 1000000)
end

local function counted(n, word) return ("%d %s%s"):format(n, word, n == 1 and "" or "s") end

--- The counters as lines.
--- @param stats eksrun.aws.Stats
--- @return string text ends with a line break
function M.format(stats)
  local lines = {
    ("AWS: %s, %s (%d retried, %d throttled), %d failed"):format(counted(stats.calls, "call"),
      counted(stats.requests, "request"), stats.retries, stats.throttled, stats.failed),
    ("     %s sent, %s received, %s, %.3f s waited"):format(bytes(stats.sent), bytes(stats.received),
      counted(stats.connections, "connection"), stats.waited),
  }
  local names = {}
  for name in pairs(stats.operations) do names[#names + 1] = name end
  table.sort(names, function(a, b)
    local x, y = stats.operations[a], stats.operations[b]
    if x.requests ~= y.requests then return x.requests > y.requests end
    return a < b
  end)
  for _, name in ipairs(names) do
    local operation = stats.operations[name]
    lines[#lines + 1] = ("%6d  %s%s%s"):format(operation.requests, name,
      operation.timed > 0 and (", %.3f s each"):format(operation.seconds / operation.timed) or "",
      operation.failed > 0 and (", %d failed"):format(operation.failed) or "")
  end
  return table.concat(lines, "\n") .. "\n"
end

return M

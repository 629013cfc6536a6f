--- A sandbox over HTTP: each request is a task that has the sandbox answer it, at the time that the pace
--- shows.
local certificate = require "eksrun.native.certificate"
local errors = require "eksrun.error"
local kubernetes = require "eksrun.sandbox.kubernetes"
local native = require "eksrun.native.server"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

-- Why what is still under way is canceled.
local OVERDUE = errors.new { code = "canceled", message = "the listener stops" }

--- @class eksrun.sandbox.Listener
--- @field sandbox eksrun.Sandbox
--- @field pace eksrun.sandbox.Pace
--- @field kubernetes eksrun.sandbox.Kubernetes
--- @field grace number
--- @field servers { [1]: table, [2]: fun(request: table): table? }[] of eksrun.native.server, and who answers
local Listener = {}
Listener.__index = Listener

--- @class eksrun.sandbox.ListenerOptions
--- @field sandbox eksrun.Sandbox
--- @field pace eksrun.sandbox.Pace
--- @field address? string default 127.0.0.1
--- @field port? integer default: one that is free
--- @field tls? boolean AWS itself by TLS, too
--- @field grace? number seconds that requests under way have to end when it is to stop; 5

-- The authority of the sandbox's servers, which is as old as its state: certificate and key.
local function authority_of(state)
  if not state.authority then
    local made, key = certificate.authority "eksrun sandbox"
    state.authority = { certificate = made, key = key }
  end
  return state.authority.certificate, state.authority.key
end

--- Listens; serve() answers.
--- @param options eksrun.sandbox.ListenerOptions
--- @return eksrun.sandbox.Listener
function M.new(options)
  util.check_options("listener.new", options, {
    sandbox = "table", pace = "table", address = "string?", port = "integer?", tls = "boolean?",
    grace = "number?",
  })
  local pace, sandbox, address = options.pace, options.sandbox, options.address or "127.0.0.1"
  local self = setmetatable({
    sandbox = sandbox, pace = pace, now = function() return pace:now() end, grace = options.grace or 5,
  }, Listener)
  sandbox.scale = pace.scale
  local authority, authority_key = authority_of(sandbox.world.state)
  local own, key = certificate.server(authority, authority_key, address)
  self.authority = authority
  local function door(port, tls)
    return native.listen {
      address = address, port = port, certificate = tls and own or nil, key = tls and key or nil,
    }
  end
  local aws, clusters = door(options.port, options.tls), door(0, true)
  self.servers = {
    { aws, function(request) return self:answer(request) end },
    { clusters, function(request) return self:answer_kubernetes(request) end },
  }
  self.url = ("%s://%s:%d"):format(options.tls and "https" or "http", address, aws:port())
  self.kubernetes = kubernetes.new(sandbox, self.now, ("https://%s:%d"):format(address, clusters:port()),
    authority)
  return self
end

local function with_traceback(err) return debug.traceback(util.describe(err), 2) end

-- What nobody foresaw is AWS's "internal failure" to the client, and a traceback to whoever runs the sandbox.
local function failed(message)
  io.stderr:write("eksrun: ", util.escape(message), "\n")
  return {
    status = 500, headers = { ["content-type"] = "application/json" },
    body = '{"__type":"InternalFailure","message":"the sandbox failed; its own output says how"}',
  }
end

-- The server counts the body itself. What answers HEAD has a length, but no body that could be counted.
local function countable(request, answer)
  local length = tonumber(answer.headers["content-length"])
  answer.headers["content-length"] = nil
  if length and request.method == "HEAD" then answer.body = ("\0"):rep(length) end
  return answer
end

-- Has somebody answer, and time be where that took it.
function Listener:guard(answer, ...)
  local ok, answered = xpcall(answer, with_traceback, ...)
  self.pace:reach(self.sandbox.world.state.now)
  if not ok then return failed(answered) end
  return answered
end

--- Answers a request to AWS.
--- @param request eksrun.native.aws.Received
--- @return eksrun.native.aws.Answer? answer nil: none
function Listener:answer(request)
  local answer = self:guard(self.sandbox.respond, self.sandbox, request, self.now)
  return answer and countable(request, answer)
end

--- Answers a request to a cluster.
--- @param request eksrun.native.aws.Received
--- @return eksrun.native.aws.Answer
function Listener:answer_kubernetes(request)
  return self:guard(self.kubernetes.answer, self.kubernetes, request)
end

local function send(exchange, answer)
  if not answer.stream then return exchange:answer(answer) end
  exchange:begin { status = answer.status, headers = answer.headers }
  answer.stream(function(bytes) return exchange:write(bytes) end)
  exchange:finish()
end

local function serve(scope, server, answer)
  for exchange in server.next, server do
    scope:spawn(function()
      local _ <close> = exchange
      local answered = answer(exchange:request())
      if not answered then return end
      -- One that cannot be sent, or has nobody to be sent to any more, is no matter of the others.
      local sent, why = pcall(send, exchange, answered)
      if not sent and why ~= OVERDUE then failed(util.describe(why)) end
    end)
  end
end

--- Answers requests until stop().
function Listener:serve()
  local ok, err = pcall(task.scope, function(scope)
    self.scope = scope
    local serving = {}
    for i, pair in ipairs(self.servers) do
      serving[i] = scope:spawn(function()
        local _ <close> = pair[1]
        serve(scope, pair[1], pair[2])
      end)
    end
    for _, one in ipairs(serving) do one:join() end
    if self.deadline then self.deadline:cancel() end
  end)
  if not ok and err ~= OVERDUE then error(err, 0) end
end

--- Takes no more connections; serve() returns when what is under way has ended, or soon.
function Listener:stop()
  if self.deadline then return end
  for _, pair in ipairs(self.servers) do pair[1]:quiesce() end
  self.deadline = task.spawn(function()
    task.sleep(self.grace)
    for _, pair in ipairs(self.servers) do pair[1]:close() end
    self.scope:cancel(OVERDUE) -- and who is still at work
  end)
end

return M

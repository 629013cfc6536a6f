--- A sandbox over HTTP: each request is a task that has the sandbox answer it, at the time that the pace
--- shows.
local native = require "eksrun.native.server"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

-- Seconds that requests under way have to end when the listener is to stop.
local GRACE = 5

--- @class eksrun.sandbox.Listener
--- @field sandbox eksrun.Sandbox
--- @field pace eksrun.sandbox.Pace
--- @field server table of eksrun.native.server
local Listener = {}
Listener.__index = Listener

--- @class eksrun.sandbox.ListenerOptions
--- @field sandbox eksrun.Sandbox
--- @field pace eksrun.sandbox.Pace
--- @field address? string default 127.0.0.1
--- @field port? integer default: one that is free

--- Listens; serve() answers.
--- @param options eksrun.sandbox.ListenerOptions
--- @return eksrun.sandbox.Listener
function M.new(options)
  util.check_options("listener.new", options, {
    sandbox = "table", pace = "table", address = "string?", port = "integer?",
  })
  local pace = options.pace
  return setmetatable({
    sandbox = options.sandbox, pace = pace, now = function() return pace:now() end,
    server = native.listen { address = options.address, port = options.port },
  }, Listener)
end

--- @return integer
function Listener:port() return self.server:port() end

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

--- Answers a request.
--- @param request eksrun.native.aws.Received
--- @return eksrun.native.aws.Answer? answer nil: none
function Listener:answer(request)
  local ok, answer = xpcall(self.sandbox.respond, with_traceback, self.sandbox, request, self.now)
  self.pace:reach(self.sandbox.world.state.now)
  if not ok then return failed(answer) end
  return answer and countable(request, answer)
end

--- Answers requests until stop().
function Listener:serve()
  local server = self.server
  local _ <close> = server
  task.scope(function(scope)
    for exchange in server.next, server do
      scope:spawn(function()
        local _ <close> = exchange
        local answer = self:answer(exchange:request())
        if answer then exchange:answer(answer) end
      end)
    end
    if self.deadline then self.deadline:cancel() end
  end)
end

--- Takes no more connections; serve() returns when what is under way has ended, or soon.
function Listener:stop()
  if self.deadline then return end
  self.server:quiesce()
  self.deadline = task.spawn(function()
    task.sleep(GRACE)
    self.server:close()
  end)
end

return M

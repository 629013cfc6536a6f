-- A sandbox whose clock stands still between the requests that it has time go on for: two of them that are
-- asked the same answer the same. Prints its URL. POST /-/mark has happen what is under way; POST /-/undo
-- takes back all requests since.
--
--   eksrun lua frozen_sandbox.lua SEED
local util = require "eksrun.util"

local sandbox = require("eksrun.sandbox").new {
  seed = tonumber(arg[1]), now = 1800000000, virtual = true, throttle = false,
}
local world = sandbox.world
world.state.account = "123456789012" -- moto's, which the calls know

-- For how many seconds a mark waits for what is under way.
local PATIENCE = 3 * 3600
local kept
local orders = {}

function orders.mark()
  local last = world.state.now + PATIENCE
  local at = world:next_event_at()
  while at and at <= last do
    sandbox:advance(at)
    at = world:next_event_at()
  end
  kept = util.copy(world.state)
end

function orders.undo() world.state = util.copy(kept) end

local respond = sandbox.respond
function sandbox:respond(request, now)
  local order = request.path:match "^/%-/(%l+)$"
  if not order then return respond(self, request, now) end
  orders[order]()
  return { status = 204, headers = {}, body = "" }
end

local listener = require("eksrun.sandbox.listener").new {
  sandbox = sandbox, pace = require("eksrun.sandbox.pace").new(sandbox.started, 0), address = "127.0.0.1",
  port = 0,
}
require("eksrun.stdout").write(listener.url, "\n")
listener:serve()

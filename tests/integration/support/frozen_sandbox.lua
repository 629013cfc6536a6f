-- A sandbox whose clock stands still between the requests that it has time go on for: two of them that are
-- asked the same answer the same. Prints its URL.
--
--   eksrun lua frozen_sandbox.lua SEED
local sandbox = require("eksrun.sandbox").new {
  seed = tonumber(arg[1]), now = 1800000000, virtual = true, throttle = false,
}
sandbox.world.state.account = "123456789012" -- moto's, which the calls know
local listener = require("eksrun.sandbox.listener").new {
  sandbox = sandbox, pace = require("eksrun.sandbox.pace").new(sandbox.started, 0), address = "127.0.0.1",
  port = 0,
}
require("eksrun.stdout").write(listener.url, "\n")
listener:serve()

--- eksrun sandbox: an AWS on this machine for any client.
local util = require "eksrun.util"

local M = {
  summary = "serve an AWS on this machine to any client",
  description = [[
Its URL is printed on stdout as soon as it serves. Point clients there with
AWS_ENDPOINT_URL; any credentials will do. SIGTERM and Ctrl-C end it, and save
its state.]],
  arguments = {},
  flags = {
    { "listen", "address and port, of this machine only; port 0: one that is free",
      value = "ADDRESS:PORT", default = "127.0.0.1:4566" },
    { "time-scale", "seconds that pass on AWS in one second", value = "N", type = "number" },
    { "virtual", "time jumps wherever a client would wait" },
    { "state", "load what is there from a file, and save it at the end", value = "FILE" },
    { "seed", "decides ids and durations of a new sandbox", value = "N", type = "integer" },
    { "tls", "serve by TLS, and write the certificate to trust into FILE", value = "FILE", bare = true },
    { "keys", "keys that requests must be signed by; may be repeated", value = "ID:SECRET", many = true },
    { "enforce", "hold callers to what IAM gives them, by their access keys" },
    { "no-throttle", "take requests however fast they come" },
    { "faults", "what is to go wrong, such as throttle=0.3,lost=0.05", value = "SPEC" },
  },
  examples = {
    "eksrun sandbox --virtual",
    "eksrun sandbox --listen 127.0.0.1:0 --time-scale 60 --state aws.json",
    "export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_DEFAULT_REGION=us-east-1",
    "export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any",
    "aws eks list-clusters",
  },
  bare = true,
}

-- Address and port of "127.0.0.1:4566", "localhost:0", "4566".
local function place(text)
  local address, port = text:match "^(.*):(%d+)$"
  if not address then address, port = "", text end
  port = math.tointeger(tonumber(port))
  if address == "" or address == "localhost" then address = "127.0.0.1" end
  if not port or port > 65535 then
    util.fail("usage", "--listen: '%s' is not an address and a port, such as 127.0.0.1:4566", text)
  end
  if not address:find "^127%.%d+%.%d+%.%d+$" then
    util.fail("usage", "--listen: a sandbox serves this machine only, at 127.0.0.1, not at %s", address)
  end
  return address, port
end

-- Secrets by access key id, as --keys gives them.
local function keys_of(list)
  local keys = list and {}
  for _, pair in ipairs(list or {}) do
    local id, secret = pair:match "^(%w+):(.+)$"
    if not id then util.fail("usage", "--keys: not of the form ID:SECRET") end
    keys[id] = secret
  end
  return keys
end

local function check(parsed)
  for _, flag in ipairs { "sandbox", "endpoint_url", "profile", "region" } do
    if parsed[flag] then
      util.fail("usage", "--%s is no flag of eksrun sandbox: clients say it", flag:gsub("_", "-"))
    end
  end
  if parsed.virtual and parsed.time_scale then
    util.fail("usage", "--virtual and --time-scale exclude each other")
  end
  if parsed.tls == true and not parsed.state then
    util.fail("usage", "--tls wants a place for the certificate to trust: --tls=FILE, or --state")
  end
  if parsed.time_scale and not (parsed.time_scale > 0 and parsed.time_scale < math.huge) then
    util.fail("usage", "--time-scale: a number above 0 expected")
  end
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  check(parsed)
  if parsed.faults and require("eksrun.sandbox.faults").parse(parsed.faults).crash then
    util.fail("usage", "--faults: crash ends a client in this process, with --sandbox")
  end
  local address, port = place(parsed.listen)
  local clock, store = require "eksrun.clock", require "eksrun.sandbox.store"
  local task = require "eksrun.task"
  local _ <close> = parsed.state and store.lock(parsed.state) or nil
  local sandbox = require("eksrun.sandbox").new {
    seed = parsed.seed, now = clock.now(), state = parsed.state and store.load(parsed.state),
    virtual = parsed.virtual, faults = parsed.faults, keys = keys_of(parsed.keys),
    throttle = not parsed.no_throttle, enforce = parsed.enforce,
  }
  local pace = require("eksrun.sandbox.pace").new(sandbox.started, parsed.time_scale)
  local listener = require("eksrun.sandbox.listener").new {
    sandbox = sandbox, pace = pace, address = address, port = port, tls = parsed.tls ~= nil,
  }
  local signaled
  task.on_signal(function(signal)
    signaled = signal
    listener:stop()
  end)
  local ca = parsed.tls ~= true and parsed.tls or parsed.state and parsed.state .. ".ca.pem"
  if parsed.tls then require("eksrun.file").write_atomic(ca, listener.authority, { mode = 420 }) end -- 0644
  require("eksrun.stdout").write(listener.url, "\n")
  collectgarbage "generational" -- what a request makes dies with it
  listener:serve()
  if parsed.state then store.save(parsed.state, sandbox:save(pace:now())) end
  return require("eksrun.cli.failure").signal_status(signaled)
end

return M

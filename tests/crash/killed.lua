-- eksrun in a sandbox that it may not survive:
--
--   eksrun lua tests/crash/killed.lua OPTIONS ARGUMENTS...
--
-- OPTIONS is JSON: `at`, the number of the request at which this process ends by SIGKILL, and `behind`,
-- whether AWS has carried it out by then; `late`, for how many seconds what is new is not shown to who reads;
-- `elsewhere`, to be on another machine; `log`, a file that gets a line a request. What AWS has at the end is
-- in the file of --sandbox=FILE, whatever the end is.
local calls = require "eksrun.sandbox.call"
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local owner = require "eksrun.engine.lock.owner"
local process = require "eksrun.process"
local sandbox = require "eksrun.sandbox"

local argv = { ... }
local options = json.decode(table.remove(argv, 1))

-- "CreateVpc" of a request of any protocol; for REST the method and the path.
local function operation_of(request)
  local headers = request.headers or {}
  local target = headers["x-amz-target"] or headers["X-Amz-Target"]
  return target and target:match "[^.]*$" or tostring(request.body):match "^Action=(%w+)"
    or tostring(request.body):match "&Action=(%w+)"
    or ("%s %s"):format(request.method, request.url:match "^%a+://[^/]+([^?]*)")
end

local function state_file()
  for _, word in ipairs(argv) do
    local path = word:match "^%-%-sandbox=(.+)$"
    if path then return path end
  end
  error "an argument --sandbox=FILE is needed"
end

local function die(world)
  file.write_atomic(state_file(), json.encode(world:save(clock.now())))
  os.execute("kill -9 " .. process.pid())
  error "still alive"
end

-- What was made less than `late` seconds ago is there for who changes something, not for who looks. The
-- lock's parameters are: SSM shows what it has taken.
local function hide_what_is_new(late)
  local Call = getmetatable(calls.new {}).__index
  local get, all, put = Call.get, Call.all, Call.put
  local function looks(call)
    local name = call.operation
    return name:find "^Describe" or name:find "^List" or name:find "^Get"
  end
  local function is_seen(call, thing)
    return not looks(call) or call.service == "ssm" or call.now - (thing._put or 0) >= late
  end
  function Call:put(kind, id, thing)
    thing._put = thing._put or self.now
    return put(self, kind, id, thing)
  end
  function Call:get(kind, id)
    local thing = get(self, kind, id)
    return thing and is_seen(self, thing) and thing or nil
  end
  function Call:all(kind, match)
    return all(self, kind, function(thing) return is_seen(self, thing) and (not match or match(thing)) end)
  end
end

local make, log, count = sandbox.new, options.log and assert(io.open(options.log, "w")), 0
function sandbox.new(...)
  local world = make(...)
  local request = world.request
  function world:request(asked)
    count = count + 1
    local last = count == options.at
    if log then log:write(operation_of(asked), "\n") end
    if last and not options.behind then die(self) end
    local answer = request(self, asked)
    if last then die(self) end
    return answer
  end
  return world
end

if options.late then hide_what_is_new(options.late) end
if options.elsewhere then
  function owner.machine() return "elsewhere" end
end
local status = require "eksrun.cli.main"(table.unpack(argv))
if log then log:close() end
os.exit(status)

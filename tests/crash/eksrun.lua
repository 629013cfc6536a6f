-- eksrun in a sandbox, as the matrix needs it:
--
--   eksrun lua tests/crash/eksrun.lua OPTIONS ARGUMENTS...
--
-- OPTIONS is JSON: `log`, a file that gets a line for each request that reaches AWS; `elsewhere`, to be on
-- another machine.
local json = require "eksrun.json"
local owner = require "eksrun.engine.lock.owner"
local sandbox = require "eksrun.sandbox"

local argv = { ... }
local options = json.decode(table.remove(argv, 1))

-- "CreateVpc" of a request of any protocol; for REST the method and the path.
local function operation_of(request)
  local target, form = request.headers["x-amz-target"], "&" .. request.body
  return target and target:match "[^.]*$" or form:match "&Action=(%w+)"
    or request.method .. " " .. request.path
end

if options.log then
  local log, make = assert(io.open(options.log, "w")), sandbox.new
  log:setvbuf "line"
  function sandbox.new(...)
    local made = make(...)
    local respond = made.respond
    function made:respond(request, ...)
      log:write(operation_of(request), "\n")
      return respond(self, request, ...)
    end
    return made
  end
end
if options.elsewhere then
  function owner.machine() return "elsewhere" end
end
os.exit(require "eksrun.cli.main"(table.unpack(argv)))

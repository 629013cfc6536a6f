--- AWS: any operation of any service, now.
---
---   local aws = require "eksrun.aws"
---   aws.eks:describe_cluster { name = "x" }         -- the output, or raises an error object
---   aws.try.eks:describe_cluster { name = "x" }     -- the output, or nil and the error object
---   aws.client("eks", { region = "eu-west-1" })     -- a client with options of its own
---
--- The module is a session with the default options; `aws.session` makes others.

--- @class eksrun.aws.Session
--- @field try table the services, their calls returning nil and the error instead of raising
local Session = {}

local function copy(...)
  local into = {}
  for _, from in ipairs { ... } do
    for key, value in pairs(from) do into[key] = value end
  end
  return into
end

local function new_session(options)
  local session = setmetatable({ _options = options, _clients = {}, _identity = false }, Session)
  rawset(session, "try", setmetatable({}, {
    __index = function(_, service) return Session.default_client(session, service).try end,
  }))
  -- Functions, not methods: aws.client("eks"), aws.region().
  for name, method in pairs(Session) do
    if not name:find("^__") and name ~= "default_client" then
      rawset(session, name, function(...) return method(session, ...) end)
    end
  end
  return session
end

function Session.__tostring() return "session of AWS; aws.services() names the services" end

function Session.default_client(session, service)
  local client = session._clients[service]
  if not client then
    client = require("eksrun.aws.client").new(service, copy(session._options))
    session._clients[service] = client
  end
  return client
end

function Session:__index(service)
  if type(service) ~= "string" then return nil end
  return Session.default_client(self, service)
end

--- A client with options of its own, added to the session's.
--- @param service string as the AWS CLI calls it
--- @param options? eksrun.aws.ClientOptions
--- @return eksrun.aws.Client
function Session:client(service, options)
  return require("eksrun.aws.client").new(service, copy(self._options, options or {}))
end

--- A session of its own: other options, other default clients.
--- @param options eksrun.aws.ClientOptions
--- @return eksrun.aws.Session
function Session:session(options) return new_session(copy(self._options, options)) end

--- Changes the session's options: what the command line's flags say.
--- @param options eksrun.aws.ClientOptions
function Session:configure(options)
  self._options = copy(self._options, options)
  self._clients = {}
  self._identity = false
end

--- The region in use, or raises.
--- @return string
function Session:region()
  return require("eksrun.aws.config").region(self._options, self._options.system)
end

--- What is to be said of the region in use, if AWS's partitions do not list it: one line.
--- @return string|nil
function Session:region_doubt()
  return require("eksrun.aws.regions").doubt(self.region(), self._options, self._options.system)
end

--- The partition of the region in use: "aws", "aws-cn", ...
--- @return string
function Session:partition() return require("eksrun.aws.endpoint").partition(self.region()).name end

--- The profile in use, if anybody named one.
--- @return string|nil
function Session:profile()
  local name, by = require("eksrun.aws.config").profile_name(self._options, self._options.system)
  return by and name or nil
end

--- Who the credentials belong to: sts:GetCallerIdentity, asked once.
--- @return table account, arn, user_id
function Session:identity()
  if not self._identity then
    local answer = self.sts:get_caller_identity {}
    self._identity = { account = answer.Account, arn = answer.Arn, user_id = answer.UserId }
  end
  return self._identity
end

--- The number of the account in use.
--- @return string
function Session:account() return self.identity().account end

--- The names of all services.
--- @return string[]
function Session.services() return require("eksrun.aws.models").services() end

return new_session {}

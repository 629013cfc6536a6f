--- What `eksrun doctor` looks at. A check returns what it found, and where that will not do how bad it is and
--- what to do about it; an error that it raises is a failure. None changes anything.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local process = require "eksrun.process"
local util = require "eksrun.util"

local M = {}

-- Seconds by which a clock may be wrong: AWS refuses signatures from five minutes on.
local SKEW_NOTED, SKEW_FATAL = 30, 300

--- @class eksrun.doctor.Finding
--- @field status "ok"|"warning"|"failure"|"skipped"
--- @field message string
--- @field remedy? string

local function ok(message, ...) return { status = "ok", message = message:format(...) } end

local function warning(remedy, message, ...)
  return { status = "warning", message = message:format(...), remedy = remedy }
end

local function failure(remedy, message, ...)
  return { status = "failure", message = message:format(...), remedy = remedy }
end

-- A call that only reads.
local function may(service, operation, params, what)
  return function(aws)
    local _, err = aws.client(service, {}):invoke(operation, params)
    if not err then return ok("%s", what) end
    local code = tostring(err.code)
    local denied = code:find "^AccessDenied" or code == "UnauthorizedOperation"
    return failure(denied and "eksrun policy RECIPE prints what a recipe needs"
      or "eksrun config shows where endpoints and credentials come from", "%s", util.describe(err))
  end
end

local function region(aws)
  local name, doubt = aws.region(), aws.region_doubt()
  if doubt then return warning("eksrun config shows where it comes from", "%s", doubt) end
  return ok("%s", name)
end

local function credentials(aws)
  local who = aws.identity()
  return ok("%s", who.arn)
end

local function time(aws)
  local before = clock.now()
  local _, _, response = aws.client("sts", {}):invoke("get_caller_identity", {})
  local date = response and clock.try_parse(response.headers.date or "")
  -- Who does not answer is told of by the credentials.
  if not date then return { status = "skipped", message = "not checked: no answer with a date" } end
  local skew = date - (before + clock.now()) / 2
  local text = ("%s %s AWS's"):format(util.duration(math.abs(skew)), skew > 0 and "behind" or "ahead of")
  local remedy = "set the clock: timedatectl set-ntp true"
  if math.abs(skew) > SKEW_FATAL then return failure(remedy, "%s", text) end
  if math.abs(skew) > SKEW_NOTED then return warning(remedy, "%s", text) end
  return ok("as AWS's, by seconds")
end

local function kubectl()
  local result, err = process.try_run {
    argv = { "kubectl", "version", "--client", "--output=json" }, timeout = 8,
  }
  local remedy = "https://kubernetes.io/docs/tasks/tools/"
  if not result then
    if err.code == "not_found" then return warning(remedy, "kubectl is not there") end
    return failure(remedy, "%s", util.describe(err))
  end
  local said = json.try_decode(result.stdout)
  local version = said and said.clientVersion and said.clientVersion.gitVersion
  local minor = version and tonumber(version:match "^v1%.(%d+)")
  if not minor then return warning(remedy, "kubectl does not say its version") end
  if minor < 24 then return warning(remedy, "%s is too old for the tokens of eksrun (v1.24)", version) end
  return ok("kubectl %s", version)
end

local function kubeconfig()
  require("eksrun.kubeconfig.install").check {}
  return ok("can be read and written")
end

-- Where journals are written: without them a run after a crash only waits longer.
local function state()
  local journal = require "eksrun.engine.journal"
  local path = journal.path(require("eksrun.engine.stack").new "doctor")
  if not path then return warning("set HOME or XDG_STATE_HOME", "no home: runs keep no journal") end
  local folder = path:match "^(.*)/"
  while not file.stat(folder) and folder:find "/." do folder = folder:match "^(.*)/[^/]*$" end
  if not file.is_writable(folder) then return warning("let it be written", "%s cannot be written", folder) end
  return ok("%s", path:match "^(.*)/")
end

--- @class eksrun.doctor.Check
--- @field name string
--- @field about string
--- @field needs? string the check without which it says nothing
--- @field refused? boolean it says something, too, where AWS refuses what it needs
--- @field run fun(aws: eksrun.aws.Session): eksrun.doctor.Finding

--- In the order in which they are shown: what another needs stands before it.
--- @type eksrun.doctor.Check[]
M.list = {
  { name = "region", about = "a region is configured", run = region },
  { name = "credentials", about = "AWS knows the credentials", needs = "region", run = credentials },
  { name = "clock", about = "the clock is right", needs = "credentials", refused = true, run = time },
  { name = "eks", about = "EKS answers", needs = "credentials",
    run = may("eks", "list_clusters", { maxResults = 1 }, "answers, clusters may be listed") },
  { name = "ec2", about = "EC2 answers", needs = "credentials",
    run = may("ec2", "describe_availability_zones", {}, "answers, zones may be described") },
  { name = "iam", about = "IAM answers", needs = "credentials",
    run = may("iam", "list_roles", { MaxItems = 1 }, "answers, roles may be listed") },
  { name = "lock", about = "locks of stacks can be read", needs = "credentials",
    run = may("ssm", "get_parameters_by_path", { Path = "/eksrun/" }, "its parameters may be read (SSM)") },
  { name = "kubectl", about = "kubectl is there and takes eksrun's tokens", run = kubectl },
  { name = "kubeconfig", about = "the kubeconfig is one and can be written", run = kubeconfig },
  { name = "state", about = "journals can be written", run = state },
}

return M

--- eksrun kubeconfig CLUSTER: lets kubectl reach a cluster.
local M = {
  summary = "put a cluster into kubectl's configuration",
  arguments = { { "cluster", "name of the cluster" } },
  flags = {
    { "kubeconfig", "file to write (default: the one of $KUBECONFIG that has the cluster, or "
      .. "the first; ~/.kube/config)", value = "FILE" },
    { "alias", "name of the context (default: the cluster's ARN)", value = "NAME" },
    { "user-alias", "name of the user (default: the cluster's ARN)", value = "NAME" },
    { "role-arn", "role that kubectl's tokens are for", value = "ARN" },
    { "assume-role-arn", "role to assume to look the cluster up", value = "ARN" },
    { "proxy-url", "proxy that kubectl is to use", value = "URL" },
    { "dry-run", "show the change instead of writing it" },
  },
  examples = { "eksrun kubeconfig demo --alias demo" },
}

local function is_executable(path)
  local found = require("eksrun.file").try_stat(path)
  return found ~= nil and found.type == "file" and found.mode & 0x49 ~= 0 -- 0111
end

-- This program by its name if kubectl would find it so, else by its path.
local function command()
  local file, process = require "eksrun.file", require "eksrun.process"
  local own = file.realpath "/proc/self/exe"
  for folder in (process.env "PATH" or ""):gmatch("[^:]+") do
    local candidate = folder .. "/eksrun"
    if is_executable(candidate) then
      return file.realpath(candidate) == own and "eksrun" or own
    end
  end
  return own
end

local function describe(parsed)
  local client = require("eksrun.aws").client("eks", {
    profile = parsed.profile,
    region = parsed.region,
    endpoint = parsed.endpoint_url,
    role_arn = parsed.assume_role_arn,
    role_session_name = parsed.assume_role_arn and "EKSDescribeClusterSession" or nil,
  })
  return client:describe_cluster({ name = parsed.cluster }).cluster
end

local function entry_of(parsed)
  local kubeconfig, process = require "eksrun.kubeconfig", require "eksrun.process"
  local cluster = describe(parsed)
  return kubeconfig.entry(cluster, {
    exec = kubeconfig.exec(cluster, {
      command = command(),
      profile = parsed.profile or process.env "AWS_PROFILE",
      role_arn = parsed.role_arn,
    }),
    alias = parsed.alias,
    user_alias = parsed.user_alias,
    proxy_url = parsed.proxy_url,
  })
end

local function warn(message)
  io.stderr:write("eksrun: warning: ", require("eksrun.util").escape(message), "\n")
end

local function report(path, changes)
  local changed = 0
  for _, change in ipairs(changes) do
    if change.action ~= "unchanged" then
      changed = changed + 1
      local verb = change.what == "current-context" and "set to" or nil
      io.stderr:write(verb and ("%s %s %s\n"):format(change.what, verb, change.name)
        or ("%s %s: %s\n"):format(change.what, change.name, change.action))
    end
  end
  io.stderr:write(path, changed > 0 and " updated\n" or " unchanged\n")
end

function M.run(parsed)
  local kubeconfig, process = require "eksrun.kubeconfig", require "eksrun.process"
  local files = require "eksrun.kubeconfig.file"
  local paths = kubeconfig.paths {
    file = parsed.kubeconfig,
    env = process.env "KUBECONFIG",
    home = process.env "HOME",
  }
  local entry = entry_of(parsed)
  local path, text = kubeconfig.choose(paths, entry.cluster.name, files.read, warn)
  if parsed.dry_run then
    io.stdout:write(require("eksrun.diff").lines(text, (kubeconfig.merge(text, entry))))
    return 0
  end
  local changes
  files.update(path, function(current)
    kubeconfig.parse(current, path)
    local new
    new, changes = kubeconfig.merge(current, entry)
    return new
  end)
  report(path, changes)
  return 0
end

return M

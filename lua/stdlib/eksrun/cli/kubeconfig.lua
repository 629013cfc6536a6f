--- eksrun kubeconfig CLUSTER: lets kubectl reach a cluster.
local M = {
  summary = "put a cluster into kubectl's configuration",
  arguments = { { "cluster", "name of the cluster" } },
  flags = {
    { "kubeconfig", "file to write (default: the one of $KUBECONFIG that has the cluster, or "
      .. "the first; ~/.kube/config)", value = "FILE" },
    { "alias", "name of the context (default: the cluster's ARN)", value = "NAME" },
    { "user-alias", "name of the user (default: the cluster's ARN)", value = "NAME" },
    { "role-arn", "role that kubectl's tokens are for", value = "ARN", type = "role_arn" },
    { "assume-role-arn", "role to assume to look the cluster up", value = "ARN", type = "role_arn" },
    { "proxy-url", "proxy that kubectl is to use", value = "URL" },
    { "dry-run", "show the change instead of writing it" },
  },
  examples = { "eksrun kubeconfig demo --alias demo" },
}

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

local function report(path, changes)
  local escape = require("eksrun.util").escape
  local changed = 0
  for _, change in ipairs(changes) do
    if change.action ~= "unchanged" then
      changed = changed + 1
      local verb = change.what == "current-context" and "set to" or nil
      io.stderr:write(verb and ("%s %s %s\n"):format(change.what, verb, escape(change.name))
        or ("%s %s: %s\n"):format(change.what, escape(change.name), change.action))
    end
  end
  io.stderr:write(escape(path), changed > 0 and " updated\n" or " unchanged\n")
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local install = require "eksrun.kubeconfig.install"
  local prepared = install.prepare(describe(parsed), {
    file = parsed.kubeconfig,
    alias = parsed.alias,
    user_alias = parsed.user_alias,
    profile = parsed.profile or require("eksrun.process").env "AWS_PROFILE",
    role_arn = parsed.role_arn,
    proxy_url = parsed.proxy_url,
  })
  if parsed.dry_run then
    local new = require("eksrun.kubeconfig").merge(prepared.text, prepared.entry)
    require("eksrun.stdout").write(require("eksrun.diff").lines(prepared.text, new))
    return 0
  end
  report(prepared.path, install.write(prepared))
  return 0
end

return M

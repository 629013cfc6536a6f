--- eksrun token CLUSTER: the answer that kubectl expects of its credential plugin.
---
--- Reads no terminal, and with static credentials no network either.
local M = {
  summary = "print a token for kubectl",
  arguments = { { "cluster", "name of the cluster", optional = true } },
  flags = {
    { "cluster-id", "id of a cluster on Outposts, instead of its name", value = "ID" },
    { "role-arn", "role to assume first", value = "ARN", type = "role_arn" },
  },
  examples = { "eksrun token demo --region eu-central-1" },
}

local function cluster_of(parsed)
  local cluster = parsed.cluster_id or parsed.cluster
  if not cluster then
    require("eksrun.util").fail("usage", "CLUSTER is missing; usage: eksrun token CLUSTER [flags]")
  end
  if parsed.cluster_id and parsed.cluster then
    require("eksrun.util").fail("usage", "CLUSTER and --cluster-id exclude each other")
  end
  if not cluster:find("^%w[%w._-]*$") then
    require("eksrun.util").fail("usage", "'%s' is not the name of a cluster", cluster)
  end
  return cluster
end

local function known(value, err)
  if err then error(err, 0) end
  return value
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local cluster = cluster_of(parsed)
  local options = {
    profile = parsed.profile,
    region = parsed.region,
    endpoint = parsed.endpoint_url,
    role_arn = parsed.role_arn,
    role_session_name = parsed.role_arn and "EKSGetTokenAuth" or nil,
  }
  local token = require "eksrun.token"
  local config = require "eksrun.aws.config"
  local text, expiration = token.generate {
    cluster = cluster,
    region = config.region(options),
    fips = known(config.try_fips(options)),
    dual_stack = known(config.get("use_dualstack_endpoint", options)),
    credentials = parsed.credentials or require("eksrun.aws.credentials").resolve(options),
    now = require("eksrun.clock").now(),
  }
  local version, warning = token.api_version(require("eksrun.process").env "KUBERNETES_EXEC_INFO")
  if warning then io.stderr:write("eksrun: ", warning, "\n") end
  require("eksrun.stdout").write(token.exec_credential(text, expiration, version), "\n")
  return 0
end

return M

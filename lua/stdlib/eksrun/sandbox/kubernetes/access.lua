--- Who asks a cluster's Kubernetes, by the bearer token, and what the cluster's access entries let them see.
local clock = require "eksrun.clock"
local principals = require "eksrun.sandbox.iam.principals"
local signature = require "eksrun.sandbox.signature"
local support = require "eksrun.sandbox.eks.support"
local text = require "eksrun.text"
local verify = require "eksrun.token.verify"

local M = {}

-- Seconds for which a cluster takes a token.
local LIFETIME = 15 * 60
-- Access policies that let somebody read nodes, which belong to no namespace.
local SEES_NODES = { AmazonEKSClusterAdminPolicy = true, AmazonEKSAdminViewPolicy = true }

-- A client whose AWS is the sandbox may sign for that place (aws eks get-token does), which is not STS's.
local function local_url(token, region, options)
  local ok, url = pcall(text.unbase64url, token:match "^k8s%-aws%-v1%.(.+)$" or "?")
  local host, rest = (ok and url or ""):match "^https?://([%w.]+:%d+)(/.*)$"
  if not host or not (host:find "^127%." or host:find "^localhost:") then return nil end
  local found = verify.url(("https://sts.%s.amazonaws.com%s"):format(region, rest), options)
  if not found then return nil end
  found.host = host
  return url, found
end

-- The identity that a token proves, or nil.
local function caller(sandbox, region, cluster, token)
  local partition = cluster.arn:match "^arn:([^:]+):"
  local options = { partition = partition, region = region, now = clock.now() }
  local url, found = verify.token(token, options)
  if not url then url, found = local_url(token, region, options) end
  if not url then return nil end
  local key = signature.signer({
    method = "GET", path = "/", query = url:match "%?(.*)$",
    headers = { host = found.host, ["x-k8s-aws-id"] = cluster.name },
  }, sandbox.world, sandbox.keys, LIFETIME)
  return key and principals.of(sandbox.world, partition, key)
end

--- @class eksrun.sandbox.kubernetes.User
--- @field username string
--- @field sees_nodes boolean

--- @param sandbox eksrun.Sandbox
--- @param region string
--- @param cluster table
--- @param request eksrun.native.aws.Received
--- @return eksrun.sandbox.kubernetes.User? user nil: unauthorized
function M.of(sandbox, region, cluster, request)
  local token = (request.headers.authorization or ""):match "^[Bb]earer%s+(%S+)$"
  local identity = token and caller(sandbox, region, cluster, token)
  local arn = identity and verify.canonical_arn(identity.arn)
  if not arn then return nil end
  -- Before there are access entries, a cluster knows who made it.
  if cluster.accessConfig.authenticationMode == "CONFIG_MAP" then
    return identity.root and { username = "kubernetes-admin", sees_nodes = true } or nil
  end
  -- Entries name roles without their path.
  local entries = sandbox.world:things(region, "eks.access_entry")
  local entry = entries[support.key(cluster.name, arn)]
    or entries[support.key(cluster.name, (arn:gsub(":role/.*/", ":role/")))]
  if not entry then return nil end
  local sees = false
  for _, group in ipairs(entry.kubernetesGroups) do sees = sees or group == "system:nodes" end
  for _, policy in ipairs(entry._policies) do
    sees = sees or SEES_NODES[policy.policyArn:match "[^/]+$"] and policy.accessScope.type == "cluster"
  end
  local session = identity.arn:match "[^/]+$"
  local username = entry.username:gsub("{{SessionName}}", (session:gsub("%%", "%%%%")))
  return { username = username, sees_nodes = sees }
end

return M

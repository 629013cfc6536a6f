--- EKS Auth: keys for pods, by what is associated with their service accounts.
local fault = require "eksrun.sandbox.fault"
local sts = require "eksrun.sandbox.sts"
local support = require "eksrun.sandbox.eks.support"

local M = { operations = {} }

local SIX_HOURS = 6 * 3600

local function refuse(code, message) fault.raise_with(code, message, { status = 400 }) end

function M.operations.AssumeRoleForPodIdentity(call, params)
  local cluster = call:get("eks.cluster", params.clusterName)
  if not cluster then
    refuse("ResourceNotFoundException", "No cluster found for name: " .. params.clusterName)
  end
  local claims = sts.claims(params.token)
  local kubernetes = claims and claims["kubernetes.io"]
  local account = kubernetes and kubernetes.serviceaccount
  if not account then refuse("InvalidTokenException", "The provided token is not a valid JWT") end
  if claims.exp and claims.exp < call.now then
    refuse("ExpiredTokenException", "The provided token has expired")
  end
  local found = call:find("eks.pod_identity", function(association)
    return association.clusterName == cluster.name and association.namespace == kubernetes.namespace
      and association.serviceAccount == account.name
  end)
  if not found then
    refuse("AccessDeniedException", ("Service account %s/%s has no association with a role"):format(
      kubernetes.namespace, account.name))
  end
  support.check_role(call, found.roleArn, "pods.eks.amazonaws.com")
  local role = call:get("iam.role", found.roleArn:match "[^/]+$")
  local name = ("eks-%s-%s"):format(cluster.name, call:uuid("session"):sub(1, 8))
  local given = sts.credentials(call, SIX_HOURS, { role = role.RoleName, session_name = name })
  return {
    subject = { namespace = kubernetes.namespace, serviceAccount = account.name },
    audience = "pods.eks.amazonaws.com",
    podIdentityAssociation = {
      associationArn = found.associationArn, associationId = found.associationId,
    },
    assumedRoleUser = {
      arn = call:arn("sts", ("assumed-role/%s/%s"):format(role.RoleName, name)),
      assumeRoleId = role.RoleId .. ":" .. name,
    },
    credentials = {
      accessKeyId = given.AccessKeyId, secretAccessKey = given.SecretAccessKey,
      sessionToken = given.SessionToken, expiration = given.Expiration,
    },
  }
end

return M

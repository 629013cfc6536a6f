--- EKS Connector: clusters of others that EKS shows.
local support = require "eksrun.sandbox.eks.support"

local M = { operations = {} }
local operations = M.operations

-- How long an activation code counts.
local THREE_DAYS = 3 * 86400

function operations.RegisterCluster(call, params)
  local name, wanted = params.name, params.connectorConfig
  if call:get("eks.cluster", name) then
    support.refuse("ResourceInUseException", ("Cluster already exists with name: %s"):format(name),
      { clusterName = name })
  end
  support.check_role(call, wanted.roleArn, "ssm.amazonaws.com")
  return {
    cluster = call:put("eks.cluster", name, {
      name = name, arn = call:arn("eks", "cluster/" .. name), createdAt = support.time(call),
      status = "PENDING", tags = params.tags or {},
      connectorConfig = {
        activationId = call:uuid "activation", activationCode = call:hash("code"):sub(1, 20),
        activationExpiry = support.time(call) + THREE_DAYS, provider = wanted.provider,
        roleArn = wanted.roleArn,
      },
    }),
  }
end

function operations.DeregisterCluster(call, params)
  local cluster = support.cluster(call, params.name)
  if not cluster.connectorConfig then
    support.refuse("ResourceNotFoundException",
      ("No connected cluster found for name: %s."):format(params.name), { clusterName = params.name })
  end
  cluster.status = "DELETING"
  call:remove("eks.cluster", params.name)
  return { cluster = cluster }
end

return M

--- What EKS's handlers share: clusters that must be there, roles that must be assumable, which nodes a
--- cluster has.
local fault = require "eksrun.sandbox.fault"
local iam = require "eksrun.sandbox.iam.support"
local json = require "eksrun.json"
local nodes = require "eksrun.sandbox.eks.node"
local util = require "eksrun.util"

local M = {}

local STATUS = { ResourceInUseException = 409, ResourceNotFoundException = 404, AccessDeniedException = 403 }

--- Raises with the error's own fields, and the status that AWS gives it.
--- @param code string
--- @param message string
--- @param fields? table clusterName, nodegroupName ...
function M.refuse(code, message, fields)
  fields = fields or {}
  fields.status = STATUS[code] or 400
  fault.raise_with(code, message, fields)
end

--- Raises InvalidParameterException.
--- @param message string a format for what follows
function M.refuse_parameter(message, ...) M.refuse("InvalidParameterException", message:format(...)) end

--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table cluster
function M.cluster(call, name)
  local cluster = call:get("eks.cluster", name)
  if not cluster then
    M.refuse("ResourceNotFoundException", ("No cluster found for name: %s."):format(name),
      { clusterName = name })
  end
  return cluster
end

--- A cluster that takes things: active, or being updated.
--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table cluster
function M.active_cluster(call, name)
  local cluster = M.cluster(call, name)
  if cluster.status ~= "ACTIVE" and cluster.status ~= "UPDATING" then
    M.refuse("InvalidRequestException", ("Cluster '%s' is not in ACTIVE status"):format(name),
      { clusterName = name })
  end
  return cluster
end

--- A role of the account, where IAM has told EKS of it by now. Nobody may pass on another account's.
--- @param call eksrun.sandbox.Call
--- @param arn string
--- @return table? role
function M.role(call, arn)
  if arn:match "^arn:[^:]*:iam::(%d+):" ~= call.account then
    M.refuse("AccessDeniedException", "Cross-account pass role is not allowed.")
  end
  local role = call:get("iam.role", arn:match "/([^/]+)$")
  return role and role.Arn == arn and role._assumable <= call.now and role or nil
end

--- Whether a service can assume a role for something of EKS.
--- @param call eksrun.sandbox.Call
--- @param role table?
--- @param service string "eks.amazonaws.com"
--- @param source? string of EKS: "cluster/demo"
--- @return boolean
function M.is_trusting(call, role, service, source)
  return role ~= nil and iam.trusts(role, service, source and call:arn("eks", source))
end

--- Checks a role that EKS is to use.
--- @param call eksrun.sandbox.Call
--- @param arn string
--- @param service string that has to be able to assume it: "eks.amazonaws.com"
--- @param source? string of EKS, for which it does: "cluster/demo"
function M.check_role(call, arn, service, source)
  if M.is_trusting(call, M.role(call, arn), service, source) then return end
  M.refuse_parameter("Role with arn: %s, could not be assumed because it does not exist or the trusted "
    .. "entity is not correct", arn)
end

--- The subnets of ids, which have to be there and in one network.
--- @param call eksrun.sandbox.Call
--- @param ids string[]
--- @return table[] subnets
function M.subnets(call, ids)
  local list = {}
  for i, id in ipairs(ids) do
    local subnet = call:get("ec2.subnet", id)
    if not subnet then M.refuse_parameter("The subnet ID '%s' does not exist", id) end
    if list[1] and list[1].VpcId ~= subnet.VpcId then
      M.refuse_parameter("Subnets specified must belong to the same VPC: %s, %s", list[1].SubnetId, id)
    end
    list[i] = subnet
  end
  return list
end

--- Where a subnet's traffic for anywhere goes: "igw", "nat", or nil.
--- @param call eksrun.sandbox.Call
--- @param subnet table
--- @return string?
function M.way_out(call, subnet)
  local main, own
  for _, route_table in ipairs(call:all("ec2.route_table", function(t) return t.VpcId == subnet.VpcId end)) do
    for _, association in ipairs(route_table.Associations) do
      if association.SubnetId == subnet.SubnetId then own = route_table end
      if association.Main then main = route_table end
    end
  end
  for _, route in ipairs((own or main).Routes) do
    if route.DestinationCidrBlock == "0.0.0.0/0" and route.State == "active" then
      return route.GatewayId and "igw" or "nat"
    end
  end
end

--- Key of a thing in a cluster.
--- @param cluster string its name
--- @param name string
--- @return string
function M.key(cluster, name) return cluster .. "/" .. name end

--- A thing in a cluster.
--- @param call eksrun.sandbox.Call
--- @param kind string
--- @param cluster string
--- @param name string
--- @param missing string what is said when there is none
--- @param field? string of the error, for the name
--- @return table
function M.need(call, kind, cluster, name, missing, field)
  M.cluster(call, cluster)
  local thing = call:get(kind, M.key(cluster, name))
  if thing then return thing end
  local fields = { clusterName = cluster }
  if field then fields[field] = name end
  M.refuse("ResourceNotFoundException", missing, fields)
end

--- The things of a kind in a cluster.
--- @param call eksrun.sandbox.Call
--- @param kind string
--- @param cluster string
--- @return table[]
function M.within(call, kind, cluster)
  return call:all(kind, function(thing) return thing.clusterName == cluster end)
end

--- Names of them, as List calls answer.
--- @param things table[]
--- @param field string that has the name
--- @return string[]
function M.names(things, field)
  local list = json.array {}
  for i, thing in ipairs(things) do list[i] = thing[field] end
  table.sort(list)
  return list
end

--- Whether a value is among those that a List or Describe call asks for; asking for none asks for all.
--- @param list any[]?
--- @param value any
--- @return boolean
function M.is_wanted(list, value)
  return not list or not list[1] or util.contains(list, value)
end

--- A cluster as it is shown: where its Kubernetes is served (sandbox/kubernetes), with that endpoint. The
--- state keeps the one that it has on AWS.
--- @param call eksrun.sandbox.Call
--- @param cluster table
--- @return table
function M.shown(call, cluster)
  local there = call.world.kubernetes
  if not there or not cluster.endpoint then return cluster end
  local view = {}
  for name, value in pairs(cluster) do view[name] = value end
  view.endpoint = ("%s/clusters/%s/%s"):format(there.url, call.region, cluster.name)
  view.certificateAuthority = { data = there.authority }
  return view
end

--- How many nodes a cluster has that pods can run on; a Fargate profile for kube-system counts as one.
--- @param call eksrun.sandbox.Call
--- @param cluster table
--- @return integer
function M.nodes(call, cluster)
  local count = #nodes.of(call, cluster)
  for _, profile in ipairs(M.within(call, "eks.fargate_profile", cluster.name)) do
    for _, selector in ipairs(profile.status == "ACTIVE" and profile.selectors or {}) do
      if selector.namespace == "kube-system" then count = count + 1 end
    end
  end
  return count
end

--- @param call eksrun.sandbox.Call
--- @return number createdAt, in milliseconds as EKS says it
function M.time(call) return math.floor(call.now * 1000) / 1000 end

return M

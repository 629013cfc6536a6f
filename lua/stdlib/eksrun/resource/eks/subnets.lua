--- Which subnets a cluster can move to: EKS takes other ones, but only of the network that it is in.
local order = require "eksrun.engine.order"
local ref = require "eksrun.engine.ref"

local M = {}

-- The networks of the subnets that are given by their ids and that the cluster does not have yet.
local function networks_of(change, ids)
  local has, new, networks = {}, {}, {}
  for _, id in ipairs(change.record.resourcesVpcConfig.subnetIds or {}) do has[id] = true end
  for _, id in ipairs(ref.complete(ids) and ids or {}) do
    if not has[id] then new[#new + 1] = id end
  end
  if not new[1] then return networks end
  for _, subnet in ipairs(change.aws.ec2:describe_subnets({ SubnetIds = new }).Subnets) do
    networks[#networks + 1] = { subnet.SubnetId, subnet.VpcId }
  end
  return networks
end

--- Why a cluster cannot have the subnets that it is to have; nil when it can.
--- @param change eksrun.Refusal
--- @return string?
function M.refuse(change)
  local home = change.record.resourcesVpcConfig and change.record.resourcesVpcConfig.vpcId
  local wanted = change.inputs.resourcesVpcConfig.subnetIds
  if not wanted then return nil end
  local networks = networks_of(change, wanted)
  local overlapping
  ref.visit(change.node.inputs.resourcesVpcConfig.subnetIds, function(node)
    if node.type.name ~= "ec2.subnet" then return end
    networks[#networks + 1] = { node.address, change.fields(node).VpcId }
    local action = change.action(node)
    local stays = action.op == "replace" and action.inputs.VpcId == action.record.VpcId
    if stays and not order.creates_first(action) then
      overlapping = overlapping or action
    end
  end)
  for _, network in ipairs(networks) do
    -- What is not known is a network that is yet to be made.
    if network[2] == ref.unknown or home and network[2] ~= home then
      local where = network[2] == ref.unknown and "not made yet" or tostring(network[2])
      return ("subnet %s is in another network (%s) than the cluster (%s), and EKS moves no cluster: "
        .. "keep the network, or declare a second cluster under another name and address; to lose this one "
        .. "and all that runs on it: --replace %s --allow-destroy %s"):format(network[1],
        where, home or "?", change.node.address, change.node.address)
    end
  end
  if overlapping then
    return ("subnet %s is in use by the cluster, so its replacement has to be made before it goes: give it "
      .. "a range that does not overlap %s"):format(overlapping.address, overlapping.record.CidrBlock)
  end
end

return M

--- EKS: what clusters are made and updated with, and what of it is refused.
local cidr = require "eksrun.cidr"
local json = require "eksrun.json"
local kms = require "eksrun.sandbox.kms"
local support = require "eksrun.sandbox.eks.support"
local zones = require "eksrun.sandbox.ec2.zone"

local M = {}

local LOG_TYPES = { "api", "audit", "authenticator", "controllerManager", "scheduler" }
-- Zones that EKS puts no control plane into.
local WITHOUT_EKS = { ["use1-az3"] = true, ["usw1-az2"] = true, ["cac1-az3"] = true }

--- Logging in EKS's form: which types are on, which are off.
--- @param before table?
--- @param setup table? what is to change
--- @return table logging
--- @return boolean on whether anything is logged
function M.logging(before, setup)
  local on = {}
  for _, group in ipairs(before and before.clusterLogging or {}) do
    for _, log_type in ipairs(group.enabled and group.types or {}) do on[log_type] = true end
  end
  for _, group in ipairs(setup and setup.clusterLogging or {}) do
    for _, log_type in ipairs(group.types or {}) do on[log_type] = group.enabled or nil end
  end
  local enabled, disabled = json.array {}, json.array {}
  for _, log_type in ipairs(LOG_TYPES) do table.insert(on[log_type] and enabled or disabled, log_type) end
  local list = json.array {}
  if enabled[1] then list[#list + 1] = { types = enabled, enabled = true } end
  if disabled[1] then list[#list + 1] = { types = disabled, enabled = false } end
  return { clusterLogging = list }, enabled[1] ~= nil
end

local function refuse_zone(call, zone)
  local valid = json.array {}
  for _, other in ipairs(zones.of(call.region)) do
    if not WITHOUT_EKS[other.id] then valid[#valid + 1] = other.name end
  end
  support.refuse("UnsupportedAvailabilityZoneException",
    ("Cannot create cluster because %s, the targeted availability zone, does not currently have sufficient "
      .. "capacity to support the cluster. Retry and choose from these availability zones: %s"):format(zone,
      table.concat(valid, ", ")), { validZones = valid })
end

--- The subnets of ids, in two zones at least that have EKS.
--- @param call eksrun.sandbox.Call
--- @param ids string[]
--- @return table[]
function M.check_subnets(call, ids)
  local subnets, seen, count = support.subnets(call, ids), {}, 0
  for _, subnet in ipairs(subnets) do
    if WITHOUT_EKS[subnet.AvailabilityZoneId] then refuse_zone(call, subnet.AvailabilityZone) end
    if not seen[subnet.AvailabilityZone] then count = count + 1 end
    seen[subnet.AvailabilityZone] = true
  end
  if count < 2 then
    support.refuse_parameter("Subnets specified must be in at least two different AZs")
  end
  return subnets
end

--- @param call eksrun.sandbox.Call
--- @param ids string[]?
function M.check_groups(call, ids)
  for _, id in ipairs(ids or {}) do
    if not call:get("ec2.security_group", id) then
      support.refuse_parameter("The security group '%s' does not exist", id)
    end
  end
end

-- Ranges that nobody comes from who is outside. Those for documentation stand for any.
local INSIDE = {
  "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
  "224.0.0.0/3", "fc00::/7", "fe80::/10",
}

local function is_public(range)
  if not cidr.try_parse(range) then return false end
  for _, inside in ipairs(INSIDE) do
    if cidr.contains(inside, range) then return false end
  end
  return true
end

local function check_public(ranges)
  local wrong = {}
  for _, range in ipairs(ranges or {}) do
    if not is_public(range) then wrong[#wrong + 1] = range end
  end
  if wrong[1] then
    support.refuse_parameter("The following CIDRs are invalid in publicAccessCidrs: [%s]",
      table.concat(wrong, ","))
  end
end

--- What of the endpoint's access follows from the rest; refuses an endpoint that nobody reaches.
--- @param network table resourcesVpcConfig
function M.normalize_access(network)
  check_public(network.publicAccessCidrs)
  if not network.endpointPublicAccess and not network.endpointPrivateAccess then
    support.refuse_parameter "Private and public endpoint access cannot be false."
  end
  if not network.endpointPublicAccess then
    network.publicAccessCidrs = json.array {}
  elseif not (network.publicAccessCidrs and network.publicAccessCidrs[1]) then
    network.publicAccessCidrs = { "0.0.0.0/0" }
  end
end

--- Refuses Auto Mode by halves.
function M.refuse_auto_mode()
  support.refuse_parameter("For EKS Auto Mode, please ensure that all required configs, including "
    .. "computeConfig, kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully "
    .. "disabled.")
end

--- Whether Auto Mode is on, as a whole, with a role for its nodes.
--- @param call eksrun.sandbox.Call
--- @param params table
--- @return boolean
function M.check_auto_mode(call, params)
  local compute = params.computeConfig or {}
  local on = compute.enabled or false
  local storage = ((params.storageConfig or {}).blockStorage or {}).enabled or false
  local balancing = ((params.kubernetesNetworkConfig or {}).elasticLoadBalancing or {}).enabled or false
  if on ~= storage or on ~= balancing then M.refuse_auto_mode() end
  if on and compute.nodePools and compute.nodePools[1] and not compute.nodeRoleArn then
    support.refuse_parameter "When Compute Config nodePools are specified, nodeRoleArn must be provided."
  end
  if on and compute.nodeRoleArn then support.check_role(call, compute.nodeRoleArn, "ec2.amazonaws.com") end
  return on
end

--- @param call eksrun.sandbox.Call
--- @param encryption table[]?
function M.check_encryption(call, encryption)
  for _, entry in ipairs(encryption or {}) do
    local arn = (entry.provider or {}).keyArn
    local known, key = pcall(kms.find, call, arn or "")
    if not arn or not known or key.KeyState ~= "Enabled" then
      support.refuse_parameter("The keyArn in encryptionConfig provider: %s is invalid.", arn or "none")
    elseif not entry.resources or entry.resources[1] ~= "secrets" or entry.resources[2] then
      support.refuse_parameter 'The resources of an encryptionConfig are ["secrets"]'
    end
  end
end

return M

--- EKS: Fargate profiles, made and deleted one at a time.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"

local M = { operations = {} }
local operations = M.operations

local PROFILES_MAX = 10
local PODS = "eks-fargate-pods.amazonaws.com"

local function need(call, cluster, name)
  return support.need(call, "eks.fargate_profile", cluster, name,
    ("No Fargate Profile found with name: %s."):format(name), "fargateProfileName")
end

local function check_alone(call, cluster, verb, name)
  for _, other in ipairs(support.within(call, "eks.fargate_profile", cluster)) do
    if other.status == "CREATING" or other.status == "DELETING" then
      support.refuse("ResourceInUseException",
        ("Cannot %s Fargate Profile %s because cluster %s currently has Fargate profile %s in status %s; it "
          .. "is in progress"):format(verb, name, cluster, other.fargateProfileName, other.status),
        { clusterName = cluster })
    end
  end
end

-- Whoever is not trusted, for this profile, and whoever is not there, is told the same.
local function check_role(call, arn, source)
  if support.is_trusting(call, support.role(call, arn), PODS, source) then return end
  support.refuse_parameter("Misconfigured PodExecutionRole Trust Policy; Please add the %s Service Principal",
    PODS)
end

local function check_subnets(call, ids)
  for _, subnet in ipairs(support.subnets(call, ids)) do
    if support.way_out(call, subnet) == "igw" then
      support.refuse_parameter("Subnet %s provided in Fargate Profile is not a private subnet",
        subnet.SubnetId)
    end
  end
end

local function check_selectors(selectors)
  if not selectors[1] then support.refuse_parameter("Fargate Profile must have at least one selector.") end
  for _, selector in ipairs(selectors) do
    if (selector.namespace or "") == "" then
      support.refuse_parameter("Fargate Profile must have at least one selector with at least one namespace "
        .. "value.")
    end
  end
  if #selectors > 5 then support.refuse_parameter("Fargate Profile cannot have more than 5 selectors.") end
end

-- What does not allow a profile of this name and these parameters.
local function check(call, cluster, params)
  local name = params.fargateProfileName
  if call:get("eks.fargate_profile", support.key(cluster.name, name)) then
    support.refuse("ResourceInUseException",
      "A Fargate Profile already exists with this name in this cluster.",
      { clusterName = cluster.name, fargateProfileName = name })
  end
  check_alone(call, cluster.name, "create", name)
  check_role(call, params.podExecutionRoleArn, ("fargateprofile/%s/%s"):format(cluster.name, name))
  check_subnets(call, params.subnets or {})
  if #support.within(call, "eks.fargate_profile", cluster.name) >= PROFILES_MAX then
    support.refuse("ResourceLimitExceededException",
      ("Fargate Profiles per cluster limit exceeded, the maximum is %d"):format(PROFILES_MAX),
      { clusterName = cluster.name })
  end
  check_selectors(params.selectors or {})
end

function operations.CreateFargateProfile(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  check(call, cluster, params)
  local name = params.fargateProfileName
  local key = support.key(cluster.name, name)
  local profile = call:put("eks.fargate_profile", key, {
    fargateProfileName = name, clusterName = cluster.name, status = "CREATING",
    createdAt = support.time(call),
    fargateProfileArn = call:arn("eks",
      ("fargateprofile/%s/%s/%s"):format(cluster.name, name, call:uuid "arn")),
    podExecutionRoleArn = params.podExecutionRoleArn, subnets = json.array(params.subnets),
    selectors = json.array(params.selectors), tags = params.tags or {}, health = { issues = json.array {} },
  })
  require("eksrun.sandbox.iam.role").ensure_linked(call, "eks-fargate.amazonaws.com")
  if cluster.accessConfig.authenticationMode ~= "CONFIG_MAP" then
    require("eksrun.sandbox.eks.access").make(call, cluster,
      { principalArn = params.podExecutionRoleArn, type = "FARGATE_LINUX" })
  end
  call:becomes(call:duration("eks.fargate_profile.create", key, call.now), "eks.fargate_profile", key,
    { status = "ACTIVE" })
  return { fargateProfile = profile }
end

function operations.DescribeFargateProfile(call, params)
  return { fargateProfile = need(call, params.clusterName, params.fargateProfileName) }
end

function operations.ListFargateProfiles(call, params)
  support.cluster(call, params.clusterName)
  return {
    fargateProfileNames = support.names(support.within(call, "eks.fargate_profile", params.clusterName),
      "fargateProfileName"),
  }
end

function operations.DeleteFargateProfile(call, params)
  local profile = need(call, params.clusterName, params.fargateProfileName)
  if profile.status ~= "DELETING" then
    check_alone(call, profile.clusterName, "delete", profile.fargateProfileName)
    local key = support.key(profile.clusterName, profile.fargateProfileName)
    profile.status = "DELETING"
    call:vanishes(call:duration("eks.fargate_profile.delete", key, call.now), "eks.fargate_profile", key)
  end
  return { fargateProfile = profile }
end

return M

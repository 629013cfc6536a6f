--- Which resources a call is about, as ARNs for IAM: what permissions can be narrowed to.
local actions = require "eksrun.sandbox.iam.actions"
local ec2 = require "eksrun.sandbox.ec2.support"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.sandbox.iam.Resource
--- @field arn string
--- @field thing? table what there is of it, with its tags
--- @field new? boolean whether the call makes it

local function any() return { { arn = "*" } } end

-- -- EC2 ----------------------------------------------------------------------------------------------------

local function ec2_thing(call, id)
  for _, kind in pairs(ec2.kinds()) do
    if kind.prefix == id:match "^%a+" then
      local thing = call:get(kind.kind, id)
      if thing then return thing end
    end
  end
end

local function ec2_arn(call, resource, id)
  local account = resource == "image" and "" or call.account
  return ("arn:%s:ec2:%s:%s:%s/%s"):format(call.partition, call.region, account, resource, id)
end

-- Ids in parameters, at any depth, in a fixed order.
local function ec2_named(call, value, skip, found)
  for name, part in util.sorted_pairs(value) do
    if skip[name] == nil then
      if type(part) == "table" then
        ec2_named(call, part, skip, found)
      elseif type(part) == "string" then
        local resource = actions.ec2_types[part:match "^(%a+)%-%x+$"]
        if resource and not found[part] then
          found[part] = true
          found[#found + 1] = { arn = ec2_arn(call, resource, part), thing = ec2_thing(call, part) }
        end
      end
    end
  end
  return found
end

local function launch_template(call, params)
  local name = params.LaunchTemplateName
  local found = name and call:find("ec2.launch_template", function(t) return t.LaunchTemplateName == name end)
  return found and { arn = ec2_arn(call, "launch-template", found.LaunchTemplateId), thing = found }
end

local NO_TEXT = { TagSpecifications = true, Tags = true, PolicyDocument = true, UserData = true,
  LaunchTemplateData = true, ClientToken = true }

local function of_ec2(call, params)
  local operation = call.operation
  if operation:find "^Describe" or operation:find "^Get" or operation:find "^Search" then return any() end
  local skip = {}
  for name in pairs(NO_TEXT) do skip[name] = true end
  for name in pairs(actions.ec2_not_asked[operation] or {}) do skip[name] = true end
  local list = ec2_named(call, params, skip, {})
  if operation ~= "CreateLaunchTemplate" then list[#list + 1] = launch_template(call, params) end
  for _, resource in ipairs(actions.ec2_made[operation] or {}) do
    list[#list + 1] = { arn = ec2_arn(call, resource, "*"), new = true }
  end
  return list[1] and list or any()
end

-- -- EKS ----------------------------------------------------------------------------------------------------

-- By the member that names a thing in a cluster: its kind, the field with its ARN, its type in ARNs.
local IN_CLUSTER = {
  nodegroupName = { "eks.nodegroup", "nodegroupArn", "nodegroup" },
  addonName = { "eks.addon", "addonArn", "addon" },
  fargateProfileName = { "eks.fargate_profile", "fargateProfileArn", "fargateprofile" },
  principalArn = { "eks.access_entry", "accessEntryArn", "access-entry" },
  associationId = { "eks.pod_identity", "associationArn", "podidentityassociation" },
  capabilityName = { "eks.capability", "arn", "capability" },
}

local function of_eks_arn(call, arn)
  for _, found in ipairs(require "eksrun.sandbox.eks.tags".all_tags(call)) do
    if found.arn == arn then return { arn = arn, thing = { tags = found.tags } } end
  end
  return { arn = arn }
end

local function of_eks(call, params)
  if params.resourceArn then return { of_eks_arn(call, params.resourceArn) } end
  local operation = call.operation
  local name = params.clusterName or params.name
  if not name or operation == "ListAccessPolicies" then return any() end
  if not operation:find "^Create" then
    for member, found in util.sorted_pairs(IN_CLUSTER) do
      local value = params[member]
      if value then
        local thing = call:get(found[1], name .. "/" .. value)
        if not thing then value = value:match "[^:/]+$" end
        return { { arn = thing and thing[found[2]] or call:arn("eks", ("%s/%s/%s/*"):format(found[3], name,
          value)), thing = thing } }
      end
    end
  end
  return { { arn = call:arn("eks", "cluster/" .. name), thing = call:get("eks.cluster", name),
    new = operation == "CreateCluster" } }
end

-- -- IAM ----------------------------------------------------------------------------------------------------

-- By member: the kind, its type in ARNs.
local IAM = {
  { "InstanceProfileName", "iam.instance_profile", "instance-profile" },
  { "GroupName", "iam.group", "group" }, { "RoleName", "iam.role", "role" },
  { "UserName", "iam.user", "user" }, { "PolicyArn", "iam.policy" },
  { "OpenIDConnectProviderArn", "iam.oidc_provider" }, { "PolicyName", "iam.policy", "policy" },
}

local function of_iam(call, params)
  local operation = call.operation
  if operation == "CreateServiceLinkedRole" then
    return { { arn = call:arn("iam", ("role/aws-service-role/%s/AWSServiceRoleFor*"):format(
      params.AWSServiceName)), new = true } }
  end
  if params.Url then
    return { { arn = call:arn("iam", "oidc-provider/" .. params.Url:gsub("^https://", "")), new = true } }
  end
  for _, entry in ipairs(IAM) do
    local member, kind, resource = table.unpack(entry)
    local value = params[member]
    if value then
      local thing = call:get(kind, value)
      local arn = value:find "^arn:" and value
        or thing and thing.Arn or call:arn("iam", resource .. (params.Path or "/") .. value)
      return { { arn = arn, thing = thing, new = operation:find "^Create" ~= nil and thing == nil } }
    end
  end
  return any()
end

-- -- others -------------------------------------------------------------------------------------------------

local function of_s3(call, params)
  if not params.Bucket then return any() end
  local arn = ("arn:%s:s3:::%s%s"):format(call.partition, params.Bucket,
    params.Key and "/" .. params.Key or "")
  if call.operation == "DeleteObjects" then arn = arn .. "/*" end
  return { { arn = arn } }
end

local function of_kms(call, params)
  local list = {}
  if params.AliasName then list[1] = { arn = call:arn("kms", params.AliasName) } end
  local id = params.KeyId or params.TargetKeyId
  if id then
    local ok, key = pcall(require "eksrun.sandbox.kms".find, call, id)
    key = ok and key or nil
    list[#list + 1] = { arn = key and key.Arn or id:find "^arn:" and id or call:arn("kms", "key/" .. id),
      thing = key }
  end
  return list[1] and call.operation ~= "ListAliases" and list or any()
end

local function of_logs(call, params)
  local arn = params.resourceArn
  local name = params.logGroupName or arn and arn:match ":log%-group:([^:]+)"
  if not name then return any() end
  local thing = call:get("logs.log_group", name)
  local suffix = arn and "" or ":log-stream:" .. (params.logStreamName or "")
  return { { arn = call:arn("logs", "log-group:" .. name .. suffix), thing = thing } }
end

local function parameter_arn(call, name)
  return call:arn("ssm", "parameter" .. (name:find "^/" and "" or "/") .. name)
end

local function of_ssm(call, params)
  local names = params.Names or { params.Name or params.Path or params.ResourceId }
  if call.operation == "DescribeParameters" or not names[1] then return any() end
  local list = {}
  for i, name in ipairs(names) do
    local thing = call:get("ssm.parameter", name)
    list[i] = { arn = name:find "^arn:" and name or parameter_arn(call, name), thing = thing }
  end
  return list
end

local function of_autoscaling(call, params)
  local name = params.AutoScalingGroupName
  if not name and params.Tags then name = params.Tags[1] and params.Tags[1].ResourceId end
  if not name or call.operation:find "^Describe" then return any() end
  return { { arn = call:arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/" .. name),
    thing = call:get("autoscaling.group", name), new = call.operation == "CreateAutoScalingGroup" } }
end

-- Of services whose parameters hold an ARN, or a name that makes one.
local function by_member(service, members)
  return function(call, params)
    if call.operation:find "^Describe" and service == "elasticloadbalancing" then return any() end
    for _, entry in ipairs(members) do
      local value = params[entry[1]]
      if type(value) == "table" then value = value[1] end
      if type(value) == "string" then
        if value:find "^arn:" then return { { arn = value } } end
        return { { arn = call:arn(service, entry[2]:gsub("{}", (value:gsub("%%", "%%%%")))) } }
      end
    end
    return any()
  end
end

local function of_sqs(call, params)
  local name = params.QueueName or params.QueueUrl and params.QueueUrl:match "([^/]+)/?$"
  return name and { { arn = call:arn("sqs", name), thing = call:get("sqs.queue", name) } } or any()
end

local finders = {
  ec2 = of_ec2, eks = of_eks, iam = of_iam, s3 = of_s3, kms = of_kms, logs = of_logs, ssm = of_ssm,
  autoscaling = of_autoscaling, sqs = of_sqs,
  sts = by_member("sts", { { "RoleArn", "{}" } }),
  ["eks-auth"] = by_member("eks", { { "clusterName", "cluster/{}" } }),
  secretsmanager = by_member("secretsmanager", { { "SecretId", "secret:{}-*" }, { "Name", "secret:{}-*" } }),
  cloudformation = by_member("cloudformation", { { "StackName", "stack/{}/*" } }),
  elb = by_member("elasticloadbalancing", { { "LoadBalancerName", "loadbalancer/{}" } }),
  elbv2 = by_member("elasticloadbalancing", {
    { "LoadBalancerArn" }, { "TargetGroupArn" }, { "ListenerArn" }, { "RuleArn" }, { "ResourceArns" },
  }),
  ecr = by_member("ecr", { { "repositoryName", "repository/{}" }, { "resourceArn" } }),
}

--- @param call eksrun.sandbox.Call
--- @return eksrun.sandbox.iam.Resource[]
function M.of(call) return (finders[call.service] or any)(call, call.params) end

--- Tags of a thing of any service, by key.
--- @param thing table?
--- @return table<string, string>
function M.tags(thing)
  local map = {}
  for _, tags in pairs { thing and thing.tags, thing and thing._tags, thing and thing.Tags,
    thing and thing.TagSet } do
    for key, value in pairs(tags) do
      if type(value) == "table" then map[value.Key or key] = value.Value else map[key] = value end
    end
  end
  return map
end

return M

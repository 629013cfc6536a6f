--- How CloudFormation makes IAM's things.
local json = require "eksrun.json"

--- @type table<string, eksrun.sandbox.cloudformation.Type>
local M = {}

local function text(value) return type(value) == "table" and json.encode(value) or value end

local function put_policies(run, role, properties)
  for _, arn in ipairs(properties.ManagedPolicyArns or {}) do
    run("iam", "AttachRolePolicy", { RoleName = role, PolicyArn = arn })
  end
  for _, policy in ipairs(properties.Policies or {}) do
    run("iam", "PutRolePolicy", { RoleName = role, PolicyName = policy.PolicyName,
      PolicyDocument = text(policy.PolicyDocument) })
  end
end

local function take_policies(run, role, thing)
  for _, attached in ipairs({ table.unpack(thing and thing._attached or {}) }) do
    run("iam", "DetachRolePolicy", { RoleName = role, PolicyArn = attached.PolicyArn })
  end
  local names = {}
  for name in pairs(thing and thing._inline or {}) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    run("iam", "DeleteRolePolicy", { RoleName = role, PolicyName = name })
  end
end

M["AWS::IAM::Role"] = {
  service = "iam", create = "CreateRole", id = "Role.RoleName", name = "RoleName", kind = "iam.role",
  drop = { "ManagedPolicyArns", "Policies" }, capability = "RoleName", slow = true,
  after = put_policies,
  mutable = { ManagedPolicyArns = true, Policies = true, AssumeRolePolicyDocument = true },
  update = function(run, id, properties, _, thing)
    run("iam", "UpdateAssumeRolePolicy",
      { RoleName = id, PolicyDocument = text(properties.AssumeRolePolicyDocument) })
    take_policies(run, id, thing)
    put_policies(run, id, properties)
  end,
  remove = function(run, id, _, thing)
    take_policies(run, id, thing)
    run("iam", "DeleteRole", { RoleName = id })
  end,
  attributes = { Arn = "Arn", RoleId = "RoleId" },
}

local function put_on_roles(run, properties)
  for _, role in ipairs(properties.Roles or {}) do
    run("iam", "PutRolePolicy", { RoleName = role, PolicyName = properties.PolicyName,
      PolicyDocument = text(properties.PolicyDocument) })
  end
end

M["AWS::IAM::Policy"] = {
  service = "iam", capability = "",
  make = function(run, properties, hash)
    put_on_roles(run, properties)
    return properties.PolicyName:sub(1, 4) .. "-" .. hash:sub(1, 12):upper()
  end,
  mutable = { PolicyDocument = true },
  update = function(run, _, properties) put_on_roles(run, properties) end,
  remove = function(run, _, properties)
    for _, role in ipairs(properties.Roles or {}) do
      run("iam", "DeleteRolePolicy", { RoleName = role, PolicyName = properties.PolicyName })
    end
  end,
}

M["AWS::IAM::ManagedPolicy"] = {
  service = "iam", create = "CreatePolicy", id = "Policy.Arn", name = "PolicyName", kind = "iam.policy",
  rename = { ManagedPolicyName = "PolicyName" }, drop = { "Roles" }, capability = "ManagedPolicyName",
  named = "ManagedPolicyName",
  after = function(run, id, properties)
    for _, role in ipairs(properties.Roles or {}) do
      run("iam", "AttachRolePolicy", { RoleName = role, PolicyArn = id })
    end
  end,
  remove = function(run, id, properties)
    for _, role in ipairs(properties.Roles or {}) do
      run("iam", "DetachRolePolicy", { RoleName = role, PolicyArn = id })
    end
    run("iam", "DeletePolicy", { PolicyArn = id })
  end,
  attributes = { PolicyArn = "Arn" },
}

M["AWS::IAM::InstanceProfile"] = {
  service = "iam", create = "CreateInstanceProfile", id = "InstanceProfile.InstanceProfileName",
  name = "InstanceProfileName", kind = "iam.instance_profile", drop = { "Roles" },
  capability = "InstanceProfileName", slow = true,
  after = function(run, id, properties)
    for _, role in ipairs(properties.Roles or {}) do
      run("iam", "AddRoleToInstanceProfile", { InstanceProfileName = id, RoleName = role })
    end
  end,
  remove = function(run, id, properties)
    for _, role in ipairs(properties.Roles or {}) do
      run("iam", "RemoveRoleFromInstanceProfile", { InstanceProfileName = id, RoleName = role })
    end
    run("iam", "DeleteInstanceProfile", { InstanceProfileName = id })
  end,
  attributes = { Arn = "Arn" },
}

M["AWS::IAM::OIDCProvider"] = {
  service = "iam", create = "CreateOpenIDConnectProvider", id = "OpenIDConnectProviderArn",
  rename = { ClientIdList = "ClientIDList" }, kind = "iam.oidc_provider",
  delete = { "DeleteOpenIDConnectProvider", "OpenIDConnectProviderArn" },
  attributes = { Arn = "_arn" },
}

M["AWS::IAM::ServiceLinkedRole"] = {
  service = "iam", create = "CreateServiceLinkedRole", id = "Role.RoleName", kind = "iam.role",
  delete = { "DeleteServiceLinkedRole", "RoleName" }, attributes = { RoleName = "RoleName" },
}

return M

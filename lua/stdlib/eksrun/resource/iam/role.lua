--- iam.role: a role with its attached policies. Found by its name, which is made from the stack and
--- the address when the recipe gives none.
local check = require "eksrun.resource.check"
local document = require "eksrun.resource.document"
local resource = require "eksrun.resource"
local support = require "eksrun.resource.iam.support"
local util = require "eksrun.util"

local function attached(ctx, name)
  local arns = {}
  for page in ctx.aws.iam:pages("list_attached_role_policies", { RoleName = name }) do
    for _, policy in ipairs(page.AttachedPolicies or {}) do arns[#arns + 1] = policy.PolicyArn end
  end
  return arns
end

local function describe(ctx, name)
  local role, arns = table.unpack(ctx:each({
    function() return ctx.aws.iam:get_role { RoleName = name }.Role end,
    function() return attached(ctx, name) end,
  }, function(call) return ctx:found(call) or false end))
  if not role then return nil end
  local record = ctx:record(role)
  record.AssumeRolePolicyDocument = support.decoded(role.AssumeRolePolicyDocument)
  record.PermissionsBoundary = role.PermissionsBoundary and role.PermissionsBoundary.PermissionsBoundaryArn
  record.PolicyArns = arns or {}
  return record
end

-- IAM tells its own servers about a new role with a delay.
local NOT_VISIBLE_YET = { { code = "NoSuchEntity", message = "role with name", seconds = 60 } }

local function attach(ctx, name, arns)
  ctx:each(arns, function(arn)
    ctx:retry(NOT_VISIBLE_YET, function()
      ctx.aws.iam:attach_role_policy { RoleName = name, PolicyArn = arn }
    end)
  end)
end

local function detach(ctx, name, arns)
  ctx:each(arns, function(arn)
    ctx:found(function() ctx.aws.iam:detach_role_policy { RoleName = name, PolicyArn = arn } end)
  end)
end

return resource.define {
  name = "iam.role",
  identity = "name",
  key = { "RoleName" },
  id = "RoleName",
  global = true,
  tagging = { "list" },
  inputs = {
    RoleName = {
      type = "string", immutable = true,
      computed = function(node, stack) return stack:name_for(node, 64) end,
    },
    Path = { type = "string", immutable = true, default = "/" },
    AssumeRolePolicyDocument = { type = "string", required = true, policy = true },
    Description = { type = "string", default = "" },
    MaxSessionDuration = { type = "integer", default = 3600 },
    PermissionsBoundary = { type = "string", default = "none" },
    PolicyArns = {
      type = "table", set = true, default = {}, check = check.arns "iam.policy_arn '%s' is one of AWS's own",
    },
  },
  outputs = { "Arn", "RoleId" },
  typical = { create = 1, delete = 1 },

  observe = function(ctx, wanted)
    local names = {}
    for i, want in ipairs(wanted) do names[i] = want.RoleName end
    return support.observe(ctx, names, function()
      local all = {}
      for i, role in ipairs(ctx:list("iam", "list_roles", { MaxItems = 1000 }, "Roles")) do
        all[i] = role.RoleName
      end
      return all
    end, function(name) return describe(ctx, name) end)
  end,

  create = function(ctx, inputs)
    local role = ctx.aws.iam:create_role(ctx:tagged {
      RoleName = inputs.RoleName,
      Path = inputs.Path,
      AssumeRolePolicyDocument = document.text(inputs.AssumeRolePolicyDocument),
      Description = inputs.Description,
      MaxSessionDuration = inputs.MaxSessionDuration,
      PermissionsBoundary = inputs.PermissionsBoundary,
    }).Role
    role.PolicyArns = {}
    return role
  end,

  -- Not a part of the creation: a run that dies in between finds a difference and updates.
  ready = function(ctx, record, inputs)
    attach(ctx, record.RoleName, util.missing(inputs.PolicyArns, record.PolicyArns))
    record.PolicyArns = inputs.PolicyArns
  end,

  update = function(ctx, record, inputs, changed)
    local name = record.RoleName
    if changed.AssumeRolePolicyDocument then
      ctx.aws.iam:update_assume_role_policy {
        RoleName = name, PolicyDocument = document.text(inputs.AssumeRolePolicyDocument),
      }
    end
    if changed.Description or changed.MaxSessionDuration then
      ctx.aws.iam:update_role {
        RoleName = name,
        Description = inputs.Description,
        MaxSessionDuration = inputs.MaxSessionDuration,
      }
    end
    if changed.PermissionsBoundary then
      ctx.aws.iam:put_role_permissions_boundary {
        RoleName = name, PermissionsBoundary = inputs.PermissionsBoundary,
      }
    end
    if changed.PolicyArns then
      attach(ctx, name, util.missing(inputs.PolicyArns, record.PolicyArns))
      detach(ctx, name, util.missing(record.PolicyArns, inputs.PolicyArns))
    end
  end,

  retag = support.retag("role", "RoleName"),

  -- With all that hangs on it by now, which may be more than what was observed.
  delete = function(ctx, record)
    local name = record.RoleName
    ctx:each({
      function() detach(ctx, name, attached(ctx, name)) end,
      function()
        for page in ctx.aws.iam:pages("list_role_policies", { RoleName = name }) do
          ctx:each(page.PolicyNames or {}, function(policy)
            ctx.aws.iam:delete_role_policy { RoleName = name, PolicyName = policy }
          end)
        end
      end,
    }, function(call) call() end)
    ctx.aws.iam:delete_role { RoleName = name }
  end,
}

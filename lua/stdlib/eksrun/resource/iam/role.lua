--- iam.role: a role with its attached policies. Found by its name, which is made from the stack and
--- the address when the recipe gives none.
local json = require "eksrun.json"
local resource = require "eksrun.resource"
local text = require "eksrun.text"
local tags = require "eksrun.resource.tags"

local function document(value)
  return type(value) == "table" and json.encode(value) or value
end

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
  record.AssumeRolePolicyDocument = text.percent_decode(role.AssumeRolePolicyDocument)
  record.PolicyArns = arns or {}
  return record
end

local function attach(ctx, name, arns)
  for _, arn in ipairs(arns) do ctx.aws.iam:attach_role_policy { RoleName = name, PolicyArn = arn } end
end

local function set_of(list)
  local set = {}
  for _, value in ipairs(list or {}) do set[value] = true end
  return set
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
    PermissionsBoundary = { type = "string" },
    PolicyArns = { type = "table", set = true, default = {} },
  },
  outputs = { "Arn", "RoleId" },
  typical = { create = 1, delete = 1 },

  observe = function(ctx, wanted)
    local records, names = {}, {}
    for _, want in ipairs(wanted) do names[want.RoleName] = true end
    -- Roles cannot be filtered by tag: those of the stack share the beginning of their name.
    for _, role in ipairs(ctx:list("iam", "list_roles", {}, "Roles")) do
      if ctx.stack:maybe_names(role.RoleName) then names[role.RoleName] = true end
    end
    local list = {}
    for name in pairs(names) do list[#list + 1] = name end
    table.sort(list)
    for _, record in ipairs(ctx:each(list, function(name) return describe(ctx, name) or false end)) do
      if record then records[#records + 1] = record end
    end
    return records
  end,

  create = function(ctx, inputs)
    local role = ctx.aws.iam:create_role(ctx:tagged {
      RoleName = inputs.RoleName,
      Path = inputs.Path,
      AssumeRolePolicyDocument = document(inputs.AssumeRolePolicyDocument),
      Description = inputs.Description,
      MaxSessionDuration = inputs.MaxSessionDuration,
      PermissionsBoundary = inputs.PermissionsBoundary,
    }).Role
    attach(ctx, inputs.RoleName, inputs.PolicyArns or {})
    return role
  end,

  update = function(ctx, record, inputs, changed)
    local name = record.RoleName
    if changed.AssumeRolePolicyDocument then
      ctx.aws.iam:update_assume_role_policy {
        RoleName = name, PolicyDocument = document(inputs.AssumeRolePolicyDocument),
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
      local want, have = set_of(inputs.PolicyArns), set_of(record.PolicyArns)
      for arn in pairs(want) do
        if not have[arn] then attach(ctx, name, { arn }) end
      end
      for arn in pairs(have) do
        if not want[arn] then ctx.aws.iam:detach_role_policy { RoleName = name, PolicyArn = arn } end
      end
    end
  end,

  retag = function(ctx, record, set, removed)
    if next(set) then ctx.aws.iam:tag_role { RoleName = record.RoleName, Tags = tags.list(set) } end
    if removed[1] then ctx.aws.iam:untag_role { RoleName = record.RoleName, TagKeys = removed } end
  end,

  delete = function(ctx, record)
    for _, arn in ipairs(record.PolicyArns) do
      ctx:found(function()
        ctx.aws.iam:detach_role_policy { RoleName = record.RoleName, PolicyArn = arn }
      end)
    end
    ctx.aws.iam:delete_role { RoleName = record.RoleName }
  end,
}

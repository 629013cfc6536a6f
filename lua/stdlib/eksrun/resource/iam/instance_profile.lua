--- iam.instance_profile: what hands a role to EC2 instances. Found by its name, which is made from the
--- stack and the address when the recipe gives none.
local resource = require "eksrun.resource"
local support = require "eksrun.resource.iam.support"

local NOT_VISIBLE_YET = { { code = "NoSuchEntity", seconds = 60 } }

local function describe(ctx, name)
  local answer = ctx:found(function()
    return ctx.aws.iam:get_instance_profile { InstanceProfileName = name }
  end)
  if not answer then return nil end
  local record = ctx:record(answer.InstanceProfile)
  local role = record.Roles and record.Roles[1]
  record.RoleName = role and role.RoleName or "none"
  return record
end

local function let_go(ctx, record)
  if record.RoleName == "none" then return end
  ctx:found(function()
    ctx.aws.iam:remove_role_from_instance_profile {
      InstanceProfileName = record.InstanceProfileName, RoleName = record.RoleName,
    }
  end)
end

-- A profile has one role.
local function set_role(ctx, record, inputs)
  if record.RoleName == inputs.RoleName then return end
  let_go(ctx, record)
  local ok, err = pcall(ctx.retry, ctx, NOT_VISIBLE_YET, function()
    ctx.aws.iam:add_role_to_instance_profile {
      InstanceProfileName = record.InstanceProfileName, RoleName = inputs.RoleName,
    }
  end)
  if not ok then
    -- An answer that was lost: the profile has its one role, and it is this.
    local full = type(err) == "table" and (err.code == "LimitExceeded" or err.code == "EntityAlreadyExists")
    local now = full and describe(ctx, record.InstanceProfileName)
    if not now or now.RoleName ~= inputs.RoleName then error(err, 0) end
  end
  record.RoleName = inputs.RoleName
end

return resource.define {
  name = "iam.instance_profile",
  identity = "name",
  key = { "InstanceProfileName" },
  id = "InstanceProfileName",
  global = true,
  tagging = { "list" },
  inputs = {
    InstanceProfileName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return stack:name_for(node, 128) end,
    },
    Path = { type = "string", immutable = true, default = "/" },
    RoleName = { type = "string", required = true, refers = "iam.role" },
  },
  outputs = { "Arn", "InstanceProfileId" },
  delete_after = { "ec2.launch_template", "autoscaling.group" },
  typical = { create = 2, delete = 1 },

  observe = function(ctx, wanted)
    local names = {}
    for i, want in ipairs(wanted) do names[i] = want.InstanceProfileName end
    return support.observe(ctx, names, function()
      local all = {}
      local list = ctx:list("iam", "list_instance_profiles", { MaxItems = 1000 }, "InstanceProfiles")
      for i, profile in ipairs(list) do all[i] = profile.InstanceProfileName end
      return all
    end, function(name) return describe(ctx, name) end)
  end,

  create = function(ctx, inputs)
    local profile = ctx.aws.iam:create_instance_profile(ctx:tagged {
      InstanceProfileName = inputs.InstanceProfileName, Path = inputs.Path,
    }).InstanceProfile
    profile.RoleName = "none"
    return profile
  end,

  -- Not a part of the creation: a run that dies in between finds a difference and updates.
  ready = set_role,
  update = set_role,

  retag = support.retag("instance_profile", "InstanceProfileName"),

  delete = function(ctx, record)
    let_go(ctx, record)
    ctx.aws.iam:delete_instance_profile { InstanceProfileName = record.InstanceProfileName }
  end,
}

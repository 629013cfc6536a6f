--- ec2.security_group: a set of rules that interfaces carry. Found by its tags; its name, made from the stack
--- and the address when the recipe gives none, keeps a second one from being made.
---
--- Its rules are resources of their own (ec2.security_group_rule), but for the one that AWS makes with every
--- group: all traffic out. AllowAllEgress says whether the group keeps it.
local resource = require "eksrun.resource"
local support = require "eksrun.resource.ec2.support"

local function allows_all_egress(group)
  for _, permission in ipairs(group.IpPermissionsEgress or {}) do
    if permission.IpProtocol == "-1" then
      for _, range in ipairs(permission.IpRanges or {}) do
        if range.CidrIp == "0.0.0.0/0" then return true end
      end
    end
  end
  return false
end

local function set_egress(ctx, record, inputs)
  local wanted = inputs.AllowAllEgress
  if wanted == nil or wanted == record.AllowAllEgress then return end
  local params = {
    GroupId = record.GroupId,
    IpPermissions = { { IpProtocol = "-1", IpRanges = { { CidrIp = "0.0.0.0/0" } } } },
  }
  support.when_visible(ctx, "InvalidGroup.NotFound", function()
    if wanted then
      ctx:done_already(function() ctx.aws.ec2:authorize_security_group_egress(params) end,
        "InvalidPermission.Duplicate")
    else
      ctx:found(function() ctx.aws.ec2:revoke_security_group_egress(params) end, "InvalidPermission.NotFound")
    end
  end)
  record.AllowAllEgress = wanted
end

return resource.define {
  name = "ec2.security_group",
  identity = "tag",
  id = "GroupId",
  tagging = { "ec2", "security-group" },
  inputs = {
    GroupName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return stack:name_for(node, 255) end,
    },
    Description = { type = "string", immutable = true },
    VpcId = { type = "string", required = true, immutable = true, refers = "ec2.vpc" },
    AllowAllEgress = { type = "boolean", default = true },
  },
  outputs = { "OwnerId", "SecurityGroupArn" },
  delete_after = { "eks.cluster", "eks.nodegroup", "autoscaling.group", "ec2.vpc_endpoint" },
  retry = { create = { { code = "InvalidVpcID.NotFound" } } },
  typical = { create = 2, delete = 2 },

  observe = function(ctx)
    local groups = ctx:list("ec2", "describe_security_groups", { Filters = ctx:stack_filter() },
      "SecurityGroups")
    return ctx:each(groups, function(group)
      local record = ctx:record(group)
      record.AllowAllEgress = allows_all_egress(group)
      return record
    end)
  end,

  create = function(ctx, inputs)
    local made = ctx.aws.ec2:create_security_group(ctx:tagged {
      GroupName = inputs.GroupName,
      Description = inputs.Description or ctx.address,
      VpcId = inputs.VpcId,
    })
    return {
      GroupId = made.GroupId, SecurityGroupArn = made.SecurityGroupArn, OwnerId = ctx.stack.account,
      AllowAllEgress = true,
    }
  end,

  ready = set_egress,
  update = set_egress,

  delete = function(ctx, record) ctx.aws.ec2:delete_security_group { GroupId = record.GroupId } end,
}

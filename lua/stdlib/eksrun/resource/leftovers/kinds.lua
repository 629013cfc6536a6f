--- What the controllers of a cluster make in AWS and do not take away when the cluster goes: like resource
--- types, as far as a deletion needs them. No recipe declares them.

local M = {}

-- A controller that runs makes again what is deleted under it, in the cluster or on a node.
local CONTROLLERS = { "eks.cluster", "eks.nodegroup", "eks.fargate_profile", "autoscaling.group" }

local function after(...)
  local out = { table.unpack(CONTROLLERS) }
  for _, name in ipairs { ... } do out[#out + 1] = name end
  return out
end

-- The interfaces of a load balancer hold on to subnets, groups and gateway for a while after it.
local function released(ctx, description)
  ctx:poll(function()
    local answer = ctx.aws.ec2:describe_network_interfaces {
      Filters = { { Name = "description", Values = { description } } },
    }
    if not next(answer.NetworkInterfaces or {}) then return true end
    return nil, "releasing its interfaces"
  end, { timeout = 900 })
end

-- Takes away what refers to a group in the rules of others.
local function revoke_references(ctx, id)
  local directions = {
    { filter = "ip-permission.group-id", field = "IpPermissions", call = "revoke_security_group_ingress" },
    {
      filter = "egress.ip-permission.group-id", field = "IpPermissionsEgress",
      call = "revoke_security_group_egress",
    },
  }
  for _, direction in ipairs(directions) do
    local groups = ctx:fresh():list("ec2", "describe_security_groups", {
      Filters = { { Name = direction.filter, Values = { id } } },
    }, "SecurityGroups")
    for _, group in ipairs(groups) do
      local rules = {}
      for _, permission in ipairs(group.GroupId ~= id and group[direction.field] or {}) do
        for _, pair in ipairs(permission.UserIdGroupPairs or {}) do
          if pair.GroupId == id then
            rules[#rules + 1] = {
              IpProtocol = permission.IpProtocol, FromPort = permission.FromPort, ToPort = permission.ToPort,
              UserIdGroupPairs = { { GroupId = id } },
            }
          end
        end
      end
      if rules[1] then
        ctx:found(function()
          ctx.aws.ec2[direction.call](ctx.aws.ec2, { GroupId = group.GroupId, IpPermissions = rules })
        end)
      end
    end
  end
end

local place = {
  VpcId = { refers = "ec2.vpc" },
  SubnetIds = { refers = "ec2.subnet" },
  SecurityGroupIds = { refers = "ec2.security_group" },
}

-- A kind of things that one call takes away, by their id.
local function kind(name, id, operation, seconds, fields)
  local service = name:match "^[^.]+"
  fields.name, fields.identity, fields.id = name, "leftover", id
  fields.typical = { delete = seconds }
  function fields.delete(ctx, record)
    local client = ctx.aws[service]
    client[operation](client, { [id] = record[id] })
  end
  return fields
end

M.classic_load_balancer = kind("elb.load_balancer", "LoadBalancerName", "delete_load_balancer", 30, {
  inputs = place,
  delete_after = CONTROLLERS,
  gone = function(ctx, record) released(ctx, "ELB " .. record.LoadBalancerName) end,
})

M.load_balancer = kind("elbv2.load_balancer", "LoadBalancerArn", "delete_load_balancer", 30, {
  inputs = place,
  delete_after = CONTROLLERS,
  gone = function(ctx, record)
    released(ctx, "ELB " .. record.LoadBalancerArn:match "loadbalancer/(.*)")
  end,
})

M.target_group = kind("elbv2.target_group", "TargetGroupArn", "delete_target_group", 1, {
  inputs = { VpcId = place.VpcId },
  delete_after = after "elbv2.load_balancer",
  retry = { delete = { { code = "ResourceInUse" } } },
})

M.network_interface = kind("ec2.network_interface", "NetworkInterfaceId", "delete_network_interface", 1, {
  inputs = place,
  delete_after = CONTROLLERS,
})

M.security_group = kind("ec2.security_group", "GroupId", "delete_security_group", 2, {
  inputs = { VpcId = place.VpcId },
  delete_after = after("elb.load_balancer", "elbv2.load_balancer", "ec2.network_interface"),
})
local delete_group = M.security_group.delete
function M.security_group.delete(ctx, record)
  revoke_references(ctx, record.GroupId)
  delete_group(ctx, record)
end

--- Never deleted: what is in it may be wanted.
M.volume = { name = "ec2.volume", identity = "leftover", id = "VolumeId", inputs = {} }

return M

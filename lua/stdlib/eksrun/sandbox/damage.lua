--- Finds what is wrong with a state that somebody edited, once a handler has stumbled over it: AWS's own
--- fields by the models, those of the sandbox by what Lua says of them.
local native = require "eksrun.native.aws"
local shapes = require "eksrun.aws.shapes"
local util = require "eksrun.util"

local M = {}

-- By kind of thing: the operation that shows it, and where in its output.
local SHOWN = {
  ["ec2.vpc"] = { "DescribeVpcs", "Vpcs" }, ["ec2.subnet"] = { "DescribeSubnets", "Subnets" },
  ["ec2.security_group"] = { "DescribeSecurityGroups", "SecurityGroups" },
  ["ec2.security_group_rule"] = { "DescribeSecurityGroupRules", "SecurityGroupRules" },
  ["ec2.route_table"] = { "DescribeRouteTables", "RouteTables" },
  ["ec2.internet_gateway"] = { "DescribeInternetGateways", "InternetGateways" },
  ["ec2.nat_gateway"] = { "DescribeNatGateways", "NatGateways" },
  ["ec2.network_acl"] = { "DescribeNetworkAcls", "NetworkAcls" },
  ["ec2.network_interface"] = { "DescribeNetworkInterfaces", "NetworkInterfaces" },
  ["ec2.address"] = { "DescribeAddresses", "Addresses" },
  ["ec2.vpc_endpoint"] = { "DescribeVpcEndpoints", "VpcEndpoints" },
  ["ec2.launch_template"] = { "DescribeLaunchTemplates", "LaunchTemplates" },
  ["ec2.instance"] = { "DescribeInstances", "Reservations", "Instances" },
  ["ec2.volume"] = { "DescribeVolumes", "Volumes" },
  ["ec2.dhcp_options"] = { "DescribeDhcpOptions", "DhcpOptions" },
  ["eks.cluster"] = { "DescribeCluster", "cluster" },
  ["eks.nodegroup"] = { "DescribeNodegroup", "nodegroup" },
  ["eks.addon"] = { "DescribeAddon", "addon" }, ["eks.update"] = { "DescribeUpdate", "update" },
  ["eks.fargate_profile"] = { "DescribeFargateProfile", "fargateProfile" },
  ["eks.access_entry"] = { "DescribeAccessEntry", "accessEntry" },
  ["iam.role"] = { "GetRole", "Role" }, ["iam.user"] = { "GetUser", "User" },
  ["iam.policy"] = { "GetPolicy", "Policy" },
  ["iam.instance_profile"] = { "GetInstanceProfile", "InstanceProfile" },
  ["autoscaling.group"] = { "DescribeAutoScalingGroups", "AutoScalingGroups" },
  ["kms.key"] = { "DescribeKey", "KeyMetadata" }, ["dynamodb.table"] = { "DescribeTable", "Table" },
  ["ssm.parameter"] = { "GetParameter", "Parameter" },
}

-- The sandbox's own fields that are tables, in things of whatever kind.
local TABLES = {}
for name in ([[_attached _attributes _certificates _checksum _config _creates _declared _entries _events
  _history _hooks _inline _instances _interfaces _items _known _launch _parts _properties _replaced _resources
  _tags _users _versions]]):gmatch "%S+" do
  TABLES[name] = true
end

local LUA = {
  structure = "table", list = "table", map = "table", string = "string", boolean = "boolean",
  integer = "number", long = "number", float = "number", double = "number",
}

-- The shape of things of a kind; nil: that is not known.
local function shape_of(kind)
  local path = SHOWN[kind]
  local shape = path and native.service(kind:match "^[^.]+"):operation(path[1]):output()
  for i = 2, path and #path or 0 do
    shape = shapes.part(shape, path[i])
    shape = shape.element or shape
  end
  return shape
end

-- Where a value is not of its shape; nil: nowhere.
local function misfit(value, shape, place)
  local wanted = LUA[shape.type]
  if wanted and type(value) ~= wanted then return place end
  if wanted ~= "table" or shape.recursive then return nil end
  for key, part in util.sorted_pairs(value) do
    if TABLES[key] and type(part) ~= "table" then return ("%s.%s"):format(place, key) end
    local below = shapes.part(shape, key)
    local found = below and misfit(part, below, ("%s.%s"):format(place, key))
    if found then return found end
  end
end

-- Each thing of a state with its kind and its place.
local function things(state)
  return coroutine.wrap(function()
    for region, kinds in util.sorted_pairs(state.regions) do
      for kind, all in util.sorted_pairs(kinds) do
        for id, thing in util.sorted_pairs(all) do
          coroutine.yield(kind, thing, ("regions.%s.%s.%s"):format(region, kind, id))
        end
      end
    end
  end)
end

-- Where a field of a name has a type; nil: nowhere, or in many places.
local function field(value, name, kind, place)
  for key, part in pairs(value) do
    local where = ("%s.%s"):format(place, key)
    if key == name and type(part) == kind then return where end
    local found = type(part) == "table" and field(part, name, kind, where)
    if found then return found end
  end
end

--- Where a state is damaged; nil: nothing is found.
--- @param state table
--- @param message string what Lua said when a handler failed
--- @return string? place "regions.us-east-1.ec2.vpc.vpc-0a1.CidrBlock"
function M.place(state, message)
  local of_kind = {}
  for kind, thing, place in things(state) do
    of_kind[kind] = of_kind[kind] or shape_of(kind) or { type = "structure" }
    local found = misfit(thing, of_kind[kind], place)
    if found then return found end
  end
  local kind, name = message:match "a (%a+) value %(field '([^']+)'%)"
  if not kind or kind == "nil" then return nil end
  for _, thing, place in things(state) do
    local found = field(thing, name, kind, place)
    if found then return found end
  end
end

return M

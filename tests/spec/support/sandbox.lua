-- A sandbox on simulated time for specs, and clients of it.
local clock = require "eksrun.clock"
local sandbox = require "eksrun.sandbox"

local M = {}

--- Simulates time until the test ends; `after_each(support.close)` belongs to it.
function M.open(options)
  local world = sandbox.new(options)
  clock.simulate(world.started)
  local aws = require("eksrun.aws").session(world:options())
  return aws, world
end

function M.close() clock.simulate(nil) end

--- What a call fails with: its code and message.
function M.refused(client, operation, params)
  local output, err = client.try[operation](client.try, params)
  assert(output == nil, operation .. " was not refused")
  return err.code, err.message
end

--- A network with two subnets in different zones; returns the ids.
function M.network(aws, options)
  local vpc = aws.ec2:create_vpc({ CidrBlock = (options or {}).cidr or "10.0.0.0/16" }).Vpc.VpcId
  local subnets = {}
  for i, zone in ipairs((options or {}).zones or { "us-east-1a", "us-east-1b" }) do
    subnets[i] = aws.ec2:create_subnet({
      VpcId = vpc, CidrBlock = ("10.0.%d.0/24"):format(i), AvailabilityZone = zone,
    }).Subnet.SubnetId
  end
  return vpc, subnets
end

--- A role that a service of AWS, by its name, or another principal may assume soon.
function M.role_now(aws, name, who)
  if type(who) == "string" then who = { Service = who } end
  return aws.iam:create_role({
    RoleName = name,
    AssumeRolePolicyDocument = require("eksrun.json").encode {
      Version = "2012-10-17",
      Statement = { { Effect = "Allow", Action = "sts:AssumeRole", Principal = who } },
    },
  }).Role.Arn
end

-- What a node's role has to have.
local NODE_POLICIES = { "AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly" }

--- The same, by now; that of nodes can have some.
function M.role(aws, name, who)
  local arn = M.role_now(aws, name, who)
  for _, policy in ipairs(who == "ec2.amazonaws.com" and NODE_POLICIES or {}) do
    aws.iam:attach_role_policy { RoleName = name, PolicyArn = "arn:aws:iam::aws:policy/" .. policy }
  end
  require("eksrun.task").sleep(60)
  return arn
end

--- A cluster that is active; returns it, its network's id and its subnets'.
function M.cluster(aws, fields)
  local vpc, subnets = M.network(aws)
  local params = {
    name = "demo", roleArn = M.role(aws, "cluster", "eks.amazonaws.com"),
    resourcesVpcConfig = { subnetIds = subnets },
    accessConfig = { authenticationMode = "API_AND_CONFIG_MAP" },
  }
  for key, value in pairs(fields or {}) do params[key] = value end
  aws.eks:create_cluster(params)
  aws.eks:wait("cluster_active", { name = params.name })
  return aws.eks:describe_cluster({ name = params.name }).cluster, vpc, subnets
end

return M

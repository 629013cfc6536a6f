-- Endpoints of AWS's services (PrivateLink) in a network that exists, so that a cluster in it needs no way to
-- the internet. The network is read and not changed, but for the routes that gateway endpoints put into the
-- route tables of its private subnets.
--
-- A service that has an endpoint with a private name in the network already is left out by `services`.
-- Costs: an interface endpoint about 7.50 USD a month in each zone; gateways (S3, DynamoDB) nothing.
local eksrun = require "eksrun"
local vpc    = require "eksrun.vpc"

local p = eksrun.params {
  vpc      = { nil, "id of the network", type = "string", required = true, match = "^vpc%-%x+$" },
  services = { { "ec2", "ecr.api", "ecr.dkr", "s3", "sts", "eks", "eks-auth", "logs" }, "services" },
}

eksrun.stack("private-endpoints/" .. p.vpc)
local net = vpc.existing { id = p.vpc }
local endpoints = vpc.endpoints { network = net, services = p.services }

return { network = net.vpc, subnets = net.private, endpoints = endpoints }

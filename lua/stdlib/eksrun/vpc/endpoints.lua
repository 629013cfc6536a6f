--- Endpoints of AWS's services inside a network (PrivateLink), so that what is in it reaches them without the
--- internet. Which services there are, of which kind and in which zones, EC2 is asked while planning.
local aws = require "eksrun.aws"
local ec2 = require "eksrun.ec2"
local eksrun = require "eksrun"
local security_group = require "eksrun.vpc.security_group"
local util = require "eksrun.util"

local M = {}

--- What nodes of a closed network need to join and to pull images.
M.CLUSTER = { "ec2", "ecr.api", "ecr.dkr", "s3", "sts" }

local OPTIONS = {
  network = "table", services = "strings?", subnets = "table?", zones = "table?", security_groups = "table?",
  private_dns = "boolean?", policies = "table?", interface = "strings?", tags = "table?",
}

--- @class eksrun.Endpoints.Options
--- @field network eksrun.Network from vpc.network or vpc.existing
--- @field services? string[] "ecr.api", "s3" ...; default: vpc.cluster_services
--- @field subnets? any[] where interfaces go, one a zone; default: the private subnets
--- @field zones? string[] the zones of `subnets`; default: the network's
--- @field security_groups? any[] of the interfaces; default: one that lets the network in on 443
--- @field private_dns? boolean whether the services' usual names lead to the interfaces; default true
--- @field policies? table<string, table|string> policy of the endpoint by service; default: all is allowed
--- @field interface? string[] of the services that have a gateway too: those that get an interface
--- @field tags? table<string, string>

-- The services of AWS here: by short name, what EC2 says of each of their kinds.
local function offered(region)
  local by_name, names = {}, {}
  for page in aws.ec2:pages("describe_vpc_endpoint_services", { MaxResults = 1000 }) do
    for _, detail in ipairs(page.ServiceDetails or {}) do
      local before, name = detail.ServiceName:match("^(.*com%.amazonaws%." .. region:gsub("%-", "%%-")
        .. ")%.(.+)$")
      if before then
        if not by_name[name] then names[#names + 1] = name end
        by_name[name] = by_name[name] or {}
        for _, kind in ipairs(detail.ServiceType or {}) do by_name[name][kind.ServiceType] = detail end
      end
    end
  end
  return by_name, names
end

-- One subnet in each zone where the service is; a second one of a zone would cost and help nothing.
local function subnets_for(name, detail, subnets, zones)
  local out, taken = {}, {}
  for i, subnet in ipairs(subnets) do
    local zone = zones[i]
    if not zone or util.contains(detail.AvailabilityZones, zone) and not taken[zone] then
      if zone then taken[zone] = true end
      out[#out + 1] = subnet
    end
  end
  if not out[1] then
    util.raise_at_caller("vpc.endpoints: %s is in none of the zones %s", name, table.concat(zones, ", "))
  end
  return out
end

local function group_of(options)
  return security_group.declare {
    "group",
    network = options.network,
    description = "endpoints of AWS services",
    ingress = { { "https", port = 443, from = options.network.cidr } },
    egress = {},
    tags = options.tags,
  }
end

local function check_names(options, services, by_name, names)
  for _, name in ipairs(services) do
    if type(name) ~= "string" or not by_name[name] then
      util.raise_at_caller("vpc.endpoints: no service '%s' in this region%s", tostring(name),
        util.did_you_mean(name, names))
    end
  end
  for _, field in ipairs { "policies", "interface" } do
    for key, name in pairs(options[field] or {}) do
      if field == "policies" then name = key end
      if not util.contains(services, name) then
        util.raise_at_caller("vpc.endpoints: %s: '%s' is none of the services", field, tostring(name))
      end
    end
  end
end

local function declare(options, services, by_name)
  local network, all = options.network, {}
  local subnets, zones = options.subnets or network.private, options.zones or not options.subnets
    and network.zones or {}
  local groups = options.security_groups
  for _, name in ipairs(services) do
    local kinds = by_name[name]
    local gateway = not util.contains(options.interface, name) and kinds.Gateway
    local detail = gateway or kinds.Interface
    if not detail then
      util.raise_at_caller("vpc.endpoints: '%s' is a service of neither kind, gateway or interface", name)
    end
    if not gateway and not groups then groups = { group_of(options) } end
    all[name] = ec2.vpc_endpoint {
      name,
      VpcId = network.vpc,
      ServiceName = detail.ServiceName,
      VpcEndpointType = gateway and "Gateway" or "Interface",
      RouteTableIds = gateway and network.routes or nil,
      SubnetIds = not gateway and subnets_for(name, detail, subnets, zones) or nil,
      SecurityGroupIds = not gateway and groups or nil,
      PrivateDnsEnabled = not gateway and options.private_dns ~= false or nil,
      PolicyDocument = (options.policies or {})[name],
      tags = util.overlay({ Name = network.name .. "/" .. name }, options.tags or {}),
    }
    network.egress:first(all[name])
  end
  return all
end

--- Declares endpoints, under the scope `endpoints`: a gateway where the service has one (S3, DynamoDB: no
--- charge), else an interface in each zone. Nodes of the network wait for them.
---
---   vpc.endpoints { network = net, services = { "ec2", "ecr.api", "ecr.dkr", "s3", "sts", "logs" } }
---
--- @param options eksrun.Endpoints.Options
--- @return table<string, table> endpoints ec2.vpc_endpoint by service
--- Raises at the recipe's line for a service that has no endpoint here, with near names.
function M.declare(options)
  util.check_options("vpc.endpoints", options, OPTIONS)
  if not rawget(options.network, "egress") then
    util.raise_at_caller("vpc.endpoints: field 'network' wants what vpc.network or vpc.existing returns")
  end
  local services = options.services or M.CLUSTER
  local by_name, names = offered(aws.region())
  check_names(options, services, by_name, names)
  return eksrun.scope("endpoints", declare, options, services, by_name)
end

return M

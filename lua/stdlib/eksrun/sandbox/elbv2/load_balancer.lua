--- ELB: load balancers, application and network ones, and their interfaces in subnets.
local addresses = require "eksrun.sandbox.ec2.address"
local ec2 = require "eksrun.sandbox.ec2.support"
local fault = require "eksrun.sandbox.fault"
local interfaces = require "eksrun.sandbox.ec2.interface"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.elbv2.support"

local M = { operations = {}, events = {} }
local operations = M.operations

local BALANCERS_MAX = 50
-- How many free addresses a load balancer wants in each subnet.
local FREE = 8
local ZONES = { application = "Z35SXDOTRQ7X7K", network = "Z26RNL4JYFTOTI" }

local function attributes(kind)
  local map = {
    ["access_logs.s3.enabled"] = "false", ["access_logs.s3.bucket"] = "", ["access_logs.s3.prefix"] = "",
    ["deletion_protection.enabled"] = "false", ["ipv6.deny_all_igw_traffic"] = "false",
    ["zonal_shift.config.enabled"] = "false",
    ["load_balancing.cross_zone.enabled"] = tostring(kind == "application"),
  }
  local more = kind == "application" and {
    ["idle_timeout.timeout_seconds"] = "60", ["client_keep_alive.seconds"] = "3600",
    ["connection_logs.s3.enabled"] = "false", ["connection_logs.s3.bucket"] = "",
    ["connection_logs.s3.prefix"] = "", ["routing.http2.enabled"] = "true",
    ["health_check_logs.s3.enabled"] = "false", ["health_check_logs.s3.bucket"] = "",
    ["health_check_logs.s3.prefix"] = "",
    ["routing.http.desync_mitigation_mode"] = "defensive", ["waf.fail_open.enabled"] = "false",
    ["routing.http.drop_invalid_header_fields.enabled"] = "false",
    ["routing.http.preserve_host_header.enabled"] = "false",
    ["routing.http.x_amzn_tls_version_and_cipher_suite.enabled"] = "false",
    ["routing.http.xff_client_port.enabled"] = "false",
      ["routing.http.xff_header_processing.mode"] = "append",
  } or {
    ["dns_record.client_routing_policy"] = "any_availability_zone",
    ["secondary_ips.auto_assigned.per_subnet"] = "0",
  }
  for key, value in pairs(more) do map[key] = value end
  return map
end

-- -- subnets ------------------------------------------------------------------------------------------------

-- The subnets that a request names, with what it says of each.
local function mappings_of(params)
  if params.SubnetMappings and params.SubnetMappings[1] then return params.SubnetMappings end
  local list = {}
  for i, id in ipairs(params.Subnets or {}) do list[i] = { SubnetId = id } end
  return list
end

local WORDS = {
  missing = "The subnet ID '%s' does not exist",
  zone = "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
}

local function check_subnets(call, kind, scheme, mappings, present)
  if not mappings[1] then support.refuse "At least one subnet must be specified" end
  local ids = {}
  for i, mapping in ipairs(mappings) do ids[i] = mapping.SubnetId or "" end
  local vpc = support.check_subnets(call, ids, scheme, WORDS)
  for _, id in ipairs(ids) do
    if not present[id] and call:get("ec2.subnet", id).AvailableIpAddressCount < FREE then
      fault.raise("InvalidSubnet", "Not enough IP space available in %s. ELB requires at least %d free IP "
        .. "addresses in each subnet.", id, FREE)
    end
  end
  if kind == "application" and #ids < 2 then
    fault.raise("InvalidConfigurationRequest",
      "At least two subnets in two different Availability Zones must be specified")
  end
  return vpc
end

-- Has a load balancer stand in a subnet.
local function enter(call, balancer, mapping)
  local subnet = call:get("ec2.subnet", mapping.SubnetId)
  local network = balancer.Type == "network"
  local address
  if mapping.AllocationId then
    address = call:get("ec2.address", mapping.AllocationId)
    if not address then
      fault.raise("AllocationIdNotFound", "The allocation IDs '%s' do not exist", mapping.AllocationId)
    elseif address.AssociationId then
      fault.raise("ResourceInUse", "The allocation IDs are not available for use")
    end
  end
  local public = balancer.Scheme == "internet-facing"
  local interface = interfaces.make(call, subnet, {
    Description = "ELB " .. balancer.LoadBalancerArn:match "loadbalancer/(.*)$", RequesterId = "amazon-elb",
    InterfaceType = network and "network_load_balancer" or "interface", Groups = balancer.SecurityGroups,
    of = balancer.LoadBalancerArn, address = mapping.PrivateIPv4Address,
    PublicIp = public and not address and ec2.public_address(call:hash("public", subnet.SubnetId)) or nil,
  })
  if address then addresses.associate(call, address, interface) end
  local shown = { PrivateIPv4Address = mapping.PrivateIPv4Address }
  if address then shown.IpAddress, shown.AllocationId = address.PublicIp, address.AllocationId end
  table.insert(balancer.AvailabilityZones, {
    ZoneName = subnet.AvailabilityZone, SubnetId = subnet.SubnetId,
    LoadBalancerAddresses = json.array(next(shown) and { shown } or {}),
  })
end

-- Has it stand there no longer.
local function leave(call, balancer, subnet)
  for _, interface in ipairs(interfaces.all(call, function(i)
    return i._of == balancer.LoadBalancerArn and i.SubnetId == subnet
  end)) do
    addresses.release_of(call, interface.NetworkInterfaceId)
    interfaces.remove(call, interface)
  end
end

-- -- life ---------------------------------------------------------------------------------------------------

local function check_new(call, params, kind)
  local name = params.Name
  support.check_name("load balancer", name)
  if kind ~= "application" and kind ~= "network" then
    support.refuse("Load balancer type '%s' is not supported here", kind)
  end
  if call:find("elbv2.load_balancer", function(b) return b.LoadBalancerName == name end) then
    fault.raise("DuplicateLoadBalancerName",
      "A load balancer with the same name '%s' exists, but with different "
      .. "settings", name)
  end
  if #call:all "elbv2.load_balancer" >= BALANCERS_MAX then
    fault.raise("TooManyLoadBalancers", "The maximum number of load balancers has been reached")
  end
end

local function dns_name(call, name, kind, scheme, token)
  local prefix = scheme == "internal" and "internal-" or ""
  if kind == "network" then
    return ("%s-%s.elb.%s.amazonaws.com"):format(name, token, call.region)
  end
  return ("%s%s-%d.%s.elb.amazonaws.com"):format(prefix, name, tonumber(token:sub(1, 8), 16), call.region)
end

-- Whether a load balancer is what a request asks for again.
local function is_same(balancer, params, kind, scheme)
  if not balancer or balancer.Type ~= kind or balancer.Scheme ~= scheme then return false end
  local mine, count = {}, 0
  for _, zone in ipairs(balancer.AvailabilityZones) do mine[zone.SubnetId], count = true, count + 1 end
  for _, mapping in ipairs(mappings_of(params)) do
    if not mine[mapping.SubnetId] then return false end
    count = count - 1
  end
  return count == 0
end

function operations.CreateLoadBalancer(call, params)
  local kind, scheme, name = params.Type or "application", params.Scheme or "internet-facing", params.Name
  local present = call:find("elbv2.load_balancer", function(b) return b.LoadBalancerName == name end)
  if is_same(present, params, kind, scheme) then return { LoadBalancers = { present } } end
  check_new(call, params, kind)
  local mappings = mappings_of(params)
  local vpc = check_subnets(call, kind, scheme, mappings, {})
  local groups = params.SecurityGroups or kind == "application" and { ec2.default_group(call, vpc) } or {}
  support.check_groups(call, vpc, groups)
  local token = support.token(call, name)
  local arn = call:arn("elasticloadbalancing",
    ("loadbalancer/%s/%s/%s"):format(kind == "network" and "net" or "app", name, token))
  local balancer = {
    LoadBalancerArn = arn, DNSName = dns_name(call, name, kind, scheme, token),
    CanonicalHostedZoneId = ZONES[kind], CreatedTime = call:time(), LoadBalancerName = name, Scheme = scheme,
    VpcId = vpc, State = { Code = "provisioning" }, Type = kind, AvailabilityZones = json.array {},
    SecurityGroups = json.array(groups), IpAddressType = params.IpAddressType or "ipv4",
    _attributes = attributes(kind), _tags = support.tags(params.Tags),
  }
  for _, mapping in ipairs(mappings) do enter(call, balancer, mapping) end
  call:put("elbv2.load_balancer", arn, balancer)
  call:becomes(call:duration("elbv2.load_balancer.create", arn), "elbv2.load_balancer", arn,
    { State = { Code = "active" } })
  return { LoadBalancers = { balancer } }
end

function operations.DescribeLoadBalancers(call, params)
  return {
    LoadBalancers = json.array(support.select(call, "elbv2.load_balancer", params.LoadBalancerArns,
      params.Names,
      "LoadBalancerName")),
  }
end

function operations.DeleteLoadBalancer(call, params)
  local arn = params.LoadBalancerArn
  local balancer = call:get("elbv2.load_balancer", arn)
  if not balancer then return {} end
  if balancer._attributes["deletion_protection.enabled"] == "true" then
    fault.raise("OperationNotPermitted",
      "Load balancer '%s' cannot be deleted because deletion protection is enabled", arn)
  end
  for _, kind in ipairs { "elbv2.listener", "elbv2.rule" } do
    for _, thing in ipairs(call:all(kind, function(t) return t._balancer == arn end)) do
      call:remove(kind, thing.RuleArn or thing.ListenerArn)
    end
  end
  call:remove("elbv2.load_balancer", arn)
  call:after(call:duration("elbv2.load_balancer.delete", arn), "elbv2.load_balancer.gone", { arn = arn })
  return {}
end

-- Its interfaces stay for a while.
M.events["elbv2.load_balancer.gone"] = function(call, arguments)
  for _, interface in ipairs(interfaces.all(call, function(i) return i._of == arguments.arn end)) do
    addresses.release_of(call, interface.NetworkInterfaceId)
  end
  interfaces.remove_of(call, arguments.arn)
end

-- -- changes ------------------------------------------------------------------------------------------------

function operations.SetSubnets(call, params)
  local balancer = support.need(call, "elbv2.load_balancer", params.LoadBalancerArn)
  local mappings, present, wanted = mappings_of(params), {}, {}
  for _, zone in ipairs(balancer.AvailabilityZones) do present[zone.SubnetId] = true end
  local vpc = check_subnets(call, balancer.Type, balancer.Scheme, mappings, present)
  if vpc ~= balancer.VpcId then
    fault.raise("InvalidConfigurationRequest", "All subnets must belong to the same VPC: '%s'",
      balancer.VpcId)
  end
  for _, mapping in ipairs(mappings) do wanted[mapping.SubnetId] = true end
  local kept = json.array {}
  for _, zone in ipairs(balancer.AvailabilityZones) do
    if wanted[zone.SubnetId] then
      kept[#kept + 1] = zone
    else
      leave(call, balancer, zone.SubnetId)
    end
  end
  balancer.AvailabilityZones = kept
  for _, mapping in ipairs(mappings) do
    if not present[mapping.SubnetId] then enter(call, balancer, mapping) end
  end
  balancer.IpAddressType = params.IpAddressType or balancer.IpAddressType
  return { AvailabilityZones = balancer.AvailabilityZones, IpAddressType = balancer.IpAddressType }
end

function operations.SetSecurityGroups(call, params)
  local balancer = support.need(call, "elbv2.load_balancer", params.LoadBalancerArn)
  if balancer.Type == "network" and not balancer.SecurityGroups[1] then
    fault.raise("InvalidConfigurationRequest",
      "You cannot add security groups to a load balancer that was made "
      .. "without any")
  end
  support.check_groups(call, balancer.VpcId, params.SecurityGroups)
  balancer.SecurityGroups = json.array(params.SecurityGroups)
  for _, interface in ipairs(interfaces.all(call,
    function(i) return i._of == balancer.LoadBalancerArn end)) do
    interface.Groups = interfaces.groups(call, balancer.SecurityGroups)
  end
  return { SecurityGroupIds = balancer.SecurityGroups }
end

function operations.SetIpAddressType(call, params)
  local balancer = support.need(call, "elbv2.load_balancer", params.LoadBalancerArn)
  balancer.IpAddressType = params.IpAddressType
  return { IpAddressType = balancer.IpAddressType }
end

function operations.DescribeCapacityReservation(call, params)
  support.need(call, "elbv2.load_balancer", params.LoadBalancerArn)
  return { DecreaseRequestsRemaining = 2, CapacityReservationState = json.array {} }
end

local LIMITS = {
  { "target-groups", "3000" }, { "targets-per-application-load-balancer", "1000" },
  { "listeners-per-application-load-balancer", "50" }, { "rules-per-application-load-balancer", "100" },
  { "network-load-balancers", "50" }, { "targets-per-network-load-balancer", "3000" },
  { "application-load-balancers", "50" }, { "certificates-per-application-load-balancer", "25" },
}

function operations.DescribeAccountLimits()
  local list = json.array {}
  for i, limit in ipairs(LIMITS) do list[i] = { Name = limit[1], Max = limit[2] } end
  return { Limits = list }
end

return M

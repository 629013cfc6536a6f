--- ELB: classic load balancers, their listeners, and their interfaces in subnets.
local ec2 = require "eksrun.sandbox.ec2.support"
local fault = require "eksrun.sandbox.fault"
local interfaces = require "eksrun.sandbox.ec2.interface"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.elb.support"
local v2 = require "eksrun.sandbox.elbv2.support"
local util = require "eksrun.util"

local M = { operations = {}, events = {} }
local operations = M.operations

local BALANCERS_MAX = 20
local ZONE = "Z35SXDOTRQ7X7K"

-- What holds a balancer's interfaces.
local function holder(name) return "elb/" .. name end

-- -- subnets ------------------------------------------------------------------------------------------------

local WORDS = {
  missing = "The requested subnet '%s' does not exist",
  zone = "ELB cannot be attached to multiple subnets in the same AZ.",
}

-- The network of subnets.
local function check_subnets(call, ids, scheme)
  return v2.check_subnets(call, ids, scheme, WORDS)
    or fault.raise("ValidationError", "Either AvailabilityZones or SubnetIds must be specified")
end

-- Has a balancer stand in these subnets, and in no others.
local function stand_in(call, balancer, ids)
  local wanted, present = {}, {}
  for _, id in ipairs(ids) do wanted[id] = true end
  for _, interface in ipairs(interfaces.all(call, function(i)
    return i._of == holder(balancer.LoadBalancerName)
  end)) do
    present[interface.SubnetId] = true
    if not wanted[interface.SubnetId] then interfaces.remove(call, interface) end
  end
  local zones = json.array {}
  for i, id in ipairs(ids) do
    local subnet = call:get("ec2.subnet", id)
    zones[i] = subnet.AvailabilityZone
    if not present[id] then
      interfaces.make(call, subnet, {
        Description = "ELB " .. balancer.LoadBalancerName, RequesterId = "amazon-elb",
        Groups = balancer.SecurityGroups, of = holder(balancer.LoadBalancerName),
        PublicIp = balancer.Scheme == "internet-facing"
          and ec2.public_address(call:hash("public", id)) or nil,
      })
    end
  end
  balancer.Subnets, balancer.AvailabilityZones = json.array { table.unpack(ids) }, zones
end

function operations.AttachLoadBalancerToSubnets(call, params)
  local balancer = support.need(call, params.LoadBalancerName)
  local ids, have = { table.unpack(balancer.Subnets) }, {}
  for _, id in ipairs(ids) do have[id] = true end
  for _, id in ipairs(params.Subnets) do
    if not have[id] then ids[#ids + 1] = id end
  end
  check_subnets(call, ids, balancer.Scheme)
  stand_in(call, balancer, ids)
  return { Subnets = balancer.Subnets }
end

function operations.DetachLoadBalancerFromSubnets(call, params)
  local balancer, gone, ids = support.need(call, params.LoadBalancerName), {}, {}
  for _, id in ipairs(params.Subnets) do gone[id] = true end
  for _, id in ipairs(balancer.Subnets) do
    if not gone[id] then ids[#ids + 1] = id end
  end
  if not ids[1] then
    fault.raise("InvalidConfigurationRequest", "ELB cannot be detached from all subnets")
  end
  stand_in(call, balancer, ids)
  return { Subnets = balancer.Subnets }
end

function operations.ApplySecurityGroupsToLoadBalancer(call, params)
  local balancer = support.need(call, params.LoadBalancerName)
  v2.check_groups(call, balancer.VPCId, params.SecurityGroups)
  balancer.SecurityGroups = json.array(params.SecurityGroups)
  for _, interface in ipairs(interfaces.all(call,
    function(i) return i._of == holder(balancer.LoadBalancerName) end)) do
    interface.Groups = interfaces.groups(call, balancer.SecurityGroups)
  end
  return { SecurityGroups = balancer.SecurityGroups }
end

-- -- life ---------------------------------------------------------------------------------------------------

local function described(listeners)
  local list = json.array {}
  for i, listener in ipairs(listeners) do list[i] = { Listener = listener, PolicyNames = json.array {} } end
  return list
end

local function dns_name(call, name, scheme)
  local token = call.world:hash("elb", call.region, name, scheme):sub(1, 8)
  return ("%s%s-%d.%s.elb.amazonaws.com"):format(scheme == "internal" and "internal-" or "", name,
    tonumber(token, 16), call.region)
end

local function default_check(listeners)
  return {
    Target = "TCP:" .. listeners[1].InstancePort, Interval = 30, Timeout = 5, UnhealthyThreshold = 2,
    HealthyThreshold = 10,
  }
end

local function no_subnet(zone)
  fault.raise("InvalidSubnet", "There is no default subnet in the Availability Zone '%s'", zone)
end

function operations.CreateLoadBalancer(call, params)
  local name, scheme = params.LoadBalancerName, params.Scheme or "internet-facing"
  v2.check_name("load balancer", name)
  local listeners = support.listeners(params.Listeners)
  local subnets = params.Subnets or ec2.default_subnets(call, params.AvailabilityZones or {}, no_subnet)
  local asked = util.fingerprint(listeners, subnets, scheme, params.SecurityGroups or {})
  local present = call:get("elb.load_balancer", name)
  if present and present._asked == asked then return { DNSName = present.DNSName } end
  if present then
    fault.raise("DuplicateLoadBalancerName",
      "Load Balancer named '%s' already exists and it is configured with different parameters.", name)
  elseif #call:all "elb.load_balancer" >= BALANCERS_MAX then
    fault.raise("TooManyLoadBalancers", "Exceeded quota of account %s", call.account)
  end
  local vpc = check_subnets(call, subnets, scheme)
  local groups = params.SecurityGroups or { ec2.default_group(call, vpc) }
  v2.check_groups(call, vpc, groups)
  local balancer = {
    LoadBalancerName = name, DNSName = dns_name(call, name, scheme), CanonicalHostedZoneNameID = ZONE,
    CanonicalHostedZoneName = scheme ~= "internal" and dns_name(call, name, scheme) or nil,
    ListenerDescriptions = described(listeners), BackendServerDescriptions = json.array {},
    Policies = {
      AppCookieStickinessPolicies = json.array {}, LBCookieStickinessPolicies = json.array {},
      OtherPolicies = json.array {},
    },
    VPCId = vpc, Instances = json.array {}, HealthCheck = default_check(listeners), Scheme = scheme,
    SourceSecurityGroup = {
      OwnerAlias = call.account, GroupName = call:get("ec2.security_group", groups[1]).GroupName,
    },
    SecurityGroups = json.array(groups), CreatedTime = call:time(), _asked = asked,
    _arn = call:arn("elasticloadbalancing", "loadbalancer/" .. name), _tags = v2.tags(params.Tags),
  }
  stand_in(call, balancer, subnets)
  call:put("elb.load_balancer", name, balancer)
  return { DNSName = balancer.DNSName }
end

function operations.DescribeLoadBalancers(call, params)
  local list, names = json.array {}, params.LoadBalancerNames
  for i, name in ipairs(names or {}) do list[i] = support.need(call, name) end
  return { LoadBalancerDescriptions = names and list or json.array(call:all "elb.load_balancer") }
end

-- One that is not there is as good as deleted.
function operations.DeleteLoadBalancer(call, params)
  local name = params.LoadBalancerName
  if not call:get("elb.load_balancer", name) then return {} end
  call:remove("elb.load_balancer", name)
  call:after(call:duration("elbv2.load_balancer.delete", name, call.now), "elb.load_balancer.gone",
    { name = name })
  return {}
end

-- Its interfaces stay for a while; not those of a new one with its name.
M.events["elb.load_balancer.gone"] = function(call, arguments)
  if call:get("elb.load_balancer", arguments.name) then return end
  interfaces.remove_of(call, holder(arguments.name))
end

-- -- listeners ----------------------------------------------------------------------------------------------

function operations.CreateLoadBalancerListeners(call, params)
  local balancer, all = support.need(call, params.LoadBalancerName), {}
  for i, present in ipairs(balancer.ListenerDescriptions) do all[i] = present.Listener end
  for _, listener in ipairs(params.Listeners) do all[#all + 1] = listener end
  balancer.ListenerDescriptions = described(support.listeners(all))
  return {}
end

function operations.DeleteLoadBalancerListeners(call, params)
  local balancer, gone, kept = support.need(call, params.LoadBalancerName), {}, {}
  for _, port in ipairs(params.LoadBalancerPorts) do gone[port] = true end
  for _, present in ipairs(balancer.ListenerDescriptions) do
    if not gone[present.Listener.LoadBalancerPort] then kept[#kept + 1] = present.Listener end
  end
  balancer.ListenerDescriptions = described(kept)
  return {}
end

return M

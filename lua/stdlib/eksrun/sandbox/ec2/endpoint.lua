--- EC2: endpoints of services in a network (PrivateLink), and the services that there are.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local interfaces = require "eksrun.sandbox.ec2.interface"
local prefix_lists = require "eksrun.sandbox.ec2.prefix_list"
local services = require "eksrun.sandbox.ec2.endpoint_service"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {}, events = {} }
local operations = M.operations

local OPEN = '{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}'

operations.DescribeVpcEndpoints = support.describe {
  kind = "ec2.vpc_endpoint", prefix = "vpce", id = "VpcEndpointId", tag = "vpc-endpoint",
  list = "VpcEndpoints",
  ids = "VpcEndpointIds", missing = "InvalidVpcEndpointId.NotFound",
  missing_text = "The Vpc Endpoint Id '%s' does not exist",
  malformed = "InvalidVpcEndpointId.Malformed",
  filters = filter.map("DescribeVpcEndpoints", [[
    ip-address-type service-name service-region vpc-id vpc-endpoint-id vpc-endpoint-type]], {
    ["vpc-endpoint-state"] = "State",
  }),
}

local function add_interface(call, endpoint, subnet_id)
  local subnet = support.need(call, "ec2.subnet", subnet_id)
  if subnet.VpcId ~= endpoint.VpcId then
    fault.raise("InvalidParameter", "The subnet '%s' is not in the VPC '%s'", subnet_id, endpoint.VpcId)
  end
  local groups = {}
  for i, group in ipairs(endpoint.Groups) do groups[i] = group.GroupId end
  local interface = interfaces.make(call, subnet, {
    Description = "VPC Endpoint Interface " .. endpoint.VpcEndpointId, InterfaceType = "vpc_endpoint",
    RequesterId = "amazon-vpce", Groups = groups, of = endpoint.VpcEndpointId,
  })
  table.insert(endpoint.SubnetIds, subnet_id)
  table.insert(endpoint.NetworkInterfaceIds, interface.NetworkInterfaceId)
end

local function check_zones(call, subnets)
  local seen = {}
  for _, id in ipairs(subnets) do
    local zone = support.need(call, "ec2.subnet", id).AvailabilityZone
    if seen[zone] then
      fault.raise("DuplicateSubnetsInSameZone",
        "Found another VPC endpoint subnet in the availability zone of %s",
        id)
    end
    seen[zone] = true
  end
end

-- A gateway's own route stands in each of its tables.
local function add_route(call, endpoint, table_id, service)
  local route_table = support.need(call, "ec2.route_table", table_id)
  table.insert(endpoint.RouteTableIds, table_id)
  table.insert(route_table.Routes, {
    DestinationPrefixListId = prefix_lists.of_service(call, service), GatewayId = endpoint.VpcEndpointId,
    Origin = "CreateRoute", State = "active",
  })
end

local function remove_routes(call, endpoint, only)
  for _, route_table in ipairs(call:all "ec2.route_table") do
    for i = #route_table.Routes, 1, -1 do
      if route_table.Routes[i].GatewayId == endpoint.VpcEndpointId
        and (not only or only == route_table.RouteTableId) then
        table.remove(route_table.Routes, i)
      end
    end
  end
end

-- Refuses what one that is there makes impossible: a route, or a private name.
local function check_twin(call, vpc, kind, service, params)
  local twin = call:find("ec2.vpc_endpoint", function(e)
    return e.VpcId == vpc.VpcId and e.ServiceName == params.ServiceName and e.VpcEndpointType == kind
      and e.State ~= "deleted" and (kind == "Gateway" or e.PrivateDnsEnabled and params.PrivateDnsEnabled)
  end)
  if twin and kind == "Gateway" then
    fault.raise("RouteAlreadyExists", "route table already has a route with destination-prefix-list-id %s",
      prefix_lists.of_service(call, service))
  elseif twin then
    fault.raise("InvalidParameter",
      "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
      .. "%s in the VPC %s", services.host(call, service), vpc.VpcId)
  end
end

local function check_private_dns(vpc)
  local attributes = vpc._attributes
  if attributes.enableDnsSupport and attributes.enableDnsHostnames then return end
  fault.raise("InvalidParameter", "Enabling private DNS requires both enableDnsSupport and "
    .. "enableDnsHostnames VPC attributes set to true for %s", vpc.VpcId)
end

-- Gives an endpoint its groups, an interface in each subnet, and names.
local function add_interfaces(call, endpoint, service, params)
  local groups = params.SecurityGroupIds or { support.default_group(call, endpoint.VpcId) }
  for i, group in ipairs(groups) do
    endpoint.Groups[i] = { GroupId = group,
      GroupName = support.need(call, "ec2.security_group", group).GroupName }
  end
  for _, subnet in ipairs(params.SubnetIds or {}) do add_interface(call, endpoint, subnet) end
  endpoint.DnsEntries[1] = {
    DnsName = ("%s-%s.%s.%s.vpce.amazonaws.com"):format(endpoint.VpcEndpointId, call:hash "dns":sub(1, 8),
      service, call.region),
    HostedZoneId = "Z7HUB22UULQXV",
  }
  if params.PrivateDnsEnabled then
    endpoint.DnsEntries[2] = { DnsName = services.host(call, service), HostedZoneId = "ZONEIDPENDING" }
  end
end

function operations.CreateVpcEndpoint(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  local kind = params.VpcEndpointType or "Gateway"
  local service = services.need(call, params.ServiceName, kind)
  check_zones(call, params.SubnetIds or {})
  check_twin(call, vpc, kind, service, params)
  if params.PrivateDnsEnabled and kind == "Interface" then check_private_dns(vpc) end
  local id = call:id "vpce"
  local endpoint = {
    VpcEndpointId = id, VpcId = vpc.VpcId, ServiceName = params.ServiceName, VpcEndpointType = kind,
    State = "pending", CreationTimestamp = call:time(), OwnerId = call.account, RequesterManaged = false,
    PrivateDnsEnabled = params.PrivateDnsEnabled or false, PolicyDocument = params.PolicyDocument or OPEN,
    RouteTableIds = json.array {}, SubnetIds = json.array {}, NetworkInterfaceIds = json.array {},
    Groups = json.array {}, DnsEntries = json.array {}, ServiceRegion = params.ServiceRegion or call.region,
    IpAddressType = kind == "Interface" and (params.IpAddressType or "ipv4") or nil,
    Tags = support.tags(params, "vpc-endpoint"),
  }
  if kind == "Interface" then
    add_interfaces(call, endpoint, service, params)
  else
    for _, table_id in ipairs(params.RouteTableIds or {}) do add_route(call, endpoint, table_id, service) end
  end
  call:put("ec2.vpc_endpoint", id, endpoint)
  call:becomes(call:duration(("ec2.vpc_endpoint.%s.create"):format(kind:lower()), id), "ec2.vpc_endpoint", id,
    { State = "available" })
  return { VpcEndpoint = endpoint, ClientToken = params.ClientToken }
end

local function remove_value(list, value)
  for i, item in ipairs(list) do
    if item == value then return table.remove(list, i) end
  end
end

local function remove_interface(call, endpoint, subnet)
  if not remove_value(endpoint.SubnetIds, subnet) then return end
  for _, interface in ipairs(call:all("ec2.network_interface", function(i)
    return i._of == endpoint.VpcEndpointId and i.SubnetId == subnet
  end)) do
    remove_value(endpoint.NetworkInterfaceIds, interface.NetworkInterfaceId)
    call:remove("ec2.network_interface", interface.NetworkInterfaceId)
  end
end

local function set_groups(call, endpoint, params)
  for _, group in ipairs(params.RemoveSecurityGroupIds or {}) do
    for i, present in ipairs(endpoint.Groups) do
      if present.GroupId == group then table.remove(endpoint.Groups, i) break end
    end
  end
  for _, group in ipairs(params.AddSecurityGroupIds or {}) do
    local found = support.need(call, "ec2.security_group", group)
    table.insert(endpoint.Groups, { GroupId = group, GroupName = found.GroupName })
  end
  for _, interface in ipairs(call:all("ec2.network_interface", function(i)
    return i._of == endpoint.VpcEndpointId
  end)) do
    interface.Groups = endpoint.Groups
  end
end

function operations.ModifyVpcEndpoint(call, params)
  local endpoint = support.need(call, "ec2.vpc_endpoint", params.VpcEndpointId)
  if endpoint.State ~= "available" then
    fault.raise("IncorrectState", "The VPC endpoint %s is %s", endpoint.VpcEndpointId, endpoint.State)
  end
  local service = endpoint.ServiceName:match "^com%.amazonaws%.[^.]+%.(.*)$"
  for _, id in ipairs(params.RemoveRouteTableIds or {}) do
    if remove_value(endpoint.RouteTableIds, id) then remove_routes(call, endpoint, id) end
  end
  for _, id in ipairs(params.AddRouteTableIds or {}) do add_route(call, endpoint, id, service) end
  for _, id in ipairs(params.RemoveSubnetIds or {}) do remove_interface(call, endpoint, id) end
  for _, id in ipairs(params.AddSubnetIds or {}) do add_interface(call, endpoint, id) end
  if params.AddSecurityGroupIds or params.RemoveSecurityGroupIds then set_groups(call, endpoint, params) end
  if params.ResetPolicy then endpoint.PolicyDocument = OPEN end
  if params.PolicyDocument then endpoint.PolicyDocument = params.PolicyDocument end
  if params.PrivateDnsEnabled ~= nil then endpoint.PrivateDnsEnabled = params.PrivateDnsEnabled end
  if params.IpAddressType then endpoint.IpAddressType = params.IpAddressType end
  return { Return = true }
end

function operations.DeleteVpcEndpoints(call, params)
  local failed = json.array {}
  for _, id in ipairs(params.VpcEndpointIds) do
    local endpoint = call:get("ec2.vpc_endpoint", id)
    if not endpoint then
      table.insert(failed, {
        ResourceId = id,
        Error = {
          Code = "InvalidVpcEndpointId.NotFound",
          Message = ("The Vpc Endpoint Id '%s' does not exist"):format(id),
        },
      })
    elseif endpoint.State ~= "deleting" and endpoint.State ~= "deleted" then
      endpoint.State = "deleting"
      remove_routes(call, endpoint)
      local name = ("ec2.vpc_endpoint.%s.delete"):format(endpoint.VpcEndpointType:lower())
      call:after(call:duration(name, id), "ec2.vpc_endpoint.deleted", { id = id })
    end
  end
  return { Unsuccessful = failed }
end

M.events["ec2.vpc_endpoint.deleted"] = function(call, arguments)
  interfaces.remove_of(call, arguments.id)
  call:remove("ec2.vpc_endpoint", arguments.id)
end

return M

--- ec2.vpc_endpoint: a private way from a network to a service of AWS or of somebody else's (PrivateLink).
--- Found by its tags; the token makes its creation idempotent.
local document = require "eksrun.resource.document"
local resource = require "eksrun.resource"
local util = require "eksrun.util"

local function describe(ctx, record)
  local answer = ctx:found(function()
    return ctx.aws.ec2:describe_vpc_endpoints { VpcEndpointIds = { record.VpcEndpointId } }
  end)
  return answer and answer.VpcEndpoints[1]
end

-- States that nothing leads out of.
local GIVEN_UP = { failed = true, rejected = true, expired = true }

local function record_of(ctx, endpoint)
  local record, groups = ctx:record(endpoint), {}
  for i, group in ipairs(endpoint.Groups or {}) do groups[i] = group.GroupId end
  record.SecurityGroupIds = groups
  record.SubnetIds = endpoint.SubnetIds or {}
  record.RouteTableIds = endpoint.RouteTableIds or {}
  record.pending = endpoint.State:lower() == "pending"
  record.leaving = endpoint.State:lower() == "deleting"
  record.failed = GIVEN_UP[endpoint.State:lower()] and endpoint.State or nil
  return record
end

-- What ModifyVpcEndpoint takes for the change of a set.
local function change_set(params, name, wanted, present)
  local add, remove = util.missing(wanted, present), util.missing(present, wanted)
  params["Add" .. name] = add[1] and add or nil
  params["Remove" .. name] = remove[1] and remove or nil
end

return resource.define {
  name = "ec2.vpc_endpoint",
  identity = "tag",
  id = "VpcEndpointId",
  tagging = { "ec2", "vpc-endpoint" },
  inputs = {
    VpcId = { type = "string", required = true, immutable = true, refers = "ec2.vpc" },
    ServiceName = { type = "string", required = true, immutable = true },
    VpcEndpointType = { type = "string", immutable = true, default = "Gateway" },
    ServiceRegion = { type = "string", immutable = true },
    SubnetIds = { type = "table", set = true, refers = "ec2.subnet" },
    SecurityGroupIds = { type = "table", set = true, refers = "ec2.security_group" },
    RouteTableIds = { type = "table", set = true, refers = "ec2.route_table" },
    PrivateDnsEnabled = { type = "boolean" },
    PolicyDocument = { type = "string", policy = true },
    IpAddressType = { type = "string" },
  },
  outputs = { "DnsEntries", "NetworkInterfaceIds", "State" },
  -- Nodes of a closed network reach the cluster through it until the end.
  delete_after = { "eks.nodegroup" },
  retry = {
    create = {
      -- EC2 spells them in both ways.
      { code = "InvalidVpcID.NotFound" }, { code = "InvalidVpcId.NotFound" },
      { code = "InvalidSubnetID.NotFound" }, { code = "InvalidSubnetId.NotFound" },
      { code = "InvalidRouteTableID.NotFound" }, { code = "InvalidRouteTableId.NotFound" },
      { code = "InvalidGroup.NotFound" }, { code = "InvalidSecurityGroupId.NotFound" },
    },
  },
  typical = { create = 60, delete = 60 },

  observe = function(ctx)
    local endpoints = ctx:list("ec2", "describe_vpc_endpoints", { Filters = ctx:stack_filter() },
      "VpcEndpoints")
    local records = {}
    for _, endpoint in ipairs(endpoints) do
      if endpoint.State:lower() ~= "deleted" then records[#records + 1] = record_of(ctx, endpoint) end
    end
    return records
  end,

  create = function(ctx, inputs)
    return record_of(ctx, ctx.aws.ec2:create_vpc_endpoint(ctx:tagged {
      VpcId = inputs.VpcId,
      ServiceName = inputs.ServiceName,
      VpcEndpointType = inputs.VpcEndpointType or "Gateway",
      ServiceRegion = inputs.ServiceRegion,
      SubnetIds = inputs.SubnetIds,
      SecurityGroupIds = inputs.SecurityGroupIds,
      RouteTableIds = inputs.RouteTableIds,
      PrivateDnsEnabled = inputs.PrivateDnsEnabled,
      PolicyDocument = document.text(inputs.PolicyDocument),
      IpAddressType = inputs.IpAddressType,
      ClientToken = ctx.token,
    }).VpcEndpoint)
  end,

  ready = function(ctx, record)
    return record_of(ctx, ctx:poll(function()
      local endpoint = describe(ctx, record)
      local state = endpoint and endpoint.State:lower()
      if state == "available" then return endpoint end
      if GIVEN_UP[state] then
        local last = endpoint.LastError or {}
        util.fail("VpcEndpointFailed", "VPC endpoint %s is %s: %s", record.VpcEndpointId, state,
          last.Message or "no reason given")
      end
      return nil, state or "not visible yet"
    end))
  end,

  update = function(ctx, record, inputs, changed)
    local params = { VpcEndpointId = record.VpcEndpointId }
    for _, name in ipairs { "SubnetIds", "SecurityGroupIds", "RouteTableIds" } do
      if changed[name] then change_set(params, name, inputs[name], record[name]) end
    end
    if changed.PolicyDocument then params.PolicyDocument = document.text(inputs.PolicyDocument) end
    if changed.PrivateDnsEnabled then params.PrivateDnsEnabled = inputs.PrivateDnsEnabled end
    if changed.IpAddressType then params.IpAddressType = inputs.IpAddressType end
    ctx.aws.ec2:modify_vpc_endpoint(params)
  end,

  delete = function(ctx, record)
    local answer = ctx.aws.ec2:delete_vpc_endpoints { VpcEndpointIds = { record.VpcEndpointId } }
    local failed = answer.Unsuccessful and answer.Unsuccessful[1]
    local err = failed and failed.Error
    if err and not tostring(err.Code):find("NotFound", 1, true) then
      util.fail(err.Code, "%s: %s", record.VpcEndpointId, err.Message)
    end
  end,

  -- Its interfaces hold on to subnets and groups until it is gone.
  gone = function(ctx, record)
    ctx:poll(function()
      local endpoint = describe(ctx, record)
      local state = endpoint and endpoint.State:lower()
      if not endpoint or state == "deleted" then return true end
      return nil, state
    end)
  end,
}

--- How CloudFormation makes EC2's things.
--- @type table<string, eksrun.sandbox.cloudformation.Type>
local M = {}

M["AWS::EC2::VPC"] = {
  service = "ec2", create = "CreateVpc", id = "Vpc.VpcId", tag = "vpc", kind = "ec2.vpc",
  delete = { "DeleteVpc", "VpcId" }, drop = { "EnableDnsSupport", "EnableDnsHostnames" },
  ready = { State = "available" },
  after = function(run, id, properties)
    for _, name in ipairs { "EnableDnsSupport", "EnableDnsHostnames" } do
      if properties[name] ~= nil then
        run("ec2", "ModifyVpcAttribute", { VpcId = id, [name] = { Value = properties[name] } })
      end
    end
  end,
  mutable = { EnableDnsSupport = true, EnableDnsHostnames = true },
  attributes = {
    VpcId = "VpcId", CidrBlock = "CidrBlock",
    DefaultSecurityGroup = function(call, thing)
      local found = call:find("ec2.security_group", function(g)
        return g.VpcId == thing.VpcId and g.GroupName == "default"
      end)
      return found and found.GroupId
    end,
  },
}

M["AWS::EC2::VPCCidrBlock"] = {
  service = "ec2", create = "AssociateVpcCidrBlock",
  id = function(output)
    return (output.CidrBlockAssociation or output.Ipv6CidrBlockAssociation or {}).AssociationId
  end,
  delete = { "DisassociateVpcCidrBlock", "AssociationId" },
}

M["AWS::EC2::Subnet"] = {
  service = "ec2", create = "CreateSubnet", id = "Subnet.SubnetId", tag = "subnet", kind = "ec2.subnet",
  delete = { "DeleteSubnet", "SubnetId" }, drop = { "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation" },
  after = function(run, id, properties)
    for _, name in ipairs { "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation" } do
      if properties[name] ~= nil then
        run("ec2", "ModifySubnetAttribute", { SubnetId = id, [name] = { Value = properties[name] } })
      end
    end
  end,
  mutable = { MapPublicIpOnLaunch = true, AssignIpv6AddressOnCreation = true },
  attributes = { SubnetId = "SubnetId", AvailabilityZone = "AvailabilityZone", CidrBlock = "CidrBlock",
    VpcId = "VpcId" },
}

M["AWS::EC2::InternetGateway"] = {
  service = "ec2", create = "CreateInternetGateway", id = "InternetGateway.InternetGatewayId",
  tag = "internet-gateway", kind = "ec2.internet_gateway",
  delete = { "DeleteInternetGateway", "InternetGatewayId" },
  attributes = { InternetGatewayId = "InternetGatewayId" },
}

M["AWS::EC2::EgressOnlyInternetGateway"] = {
  service = "ec2", create = "CreateEgressOnlyInternetGateway",
  id = "EgressOnlyInternetGateway.EgressOnlyInternetGatewayId",
  delete = { "DeleteEgressOnlyInternetGateway", "EgressOnlyInternetGatewayId" },
}

M["AWS::EC2::VPCGatewayAttachment"] = {
  service = "ec2", create = "AttachInternetGateway",
  id = function(_, properties) return ("IGW|%s"):format(properties.VpcId) end,
  remove = function(run, _, properties)
    run("ec2", "DetachInternetGateway",
      { VpcId = properties.VpcId, InternetGatewayId = properties.InternetGatewayId })
  end,
}

M["AWS::EC2::RouteTable"] = {
  service = "ec2", create = "CreateRouteTable", id = "RouteTable.RouteTableId", tag = "route-table",
  kind = "ec2.route_table", delete = { "DeleteRouteTable", "RouteTableId" },
  attributes = { RouteTableId = "RouteTableId" },
}

local DESTINATIONS = { "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId" }

M["AWS::EC2::Route"] = {
  service = "ec2", create = "CreateRoute",
  id = function(_, properties)
    for _, name in ipairs(DESTINATIONS) do
      if properties[name] then return ("%s|%s"):format(properties.RouteTableId, properties[name]) end
    end
  end,
  remove = function(run, _, properties)
    local params = { RouteTableId = properties.RouteTableId }
    for _, name in ipairs(DESTINATIONS) do params[name] = properties[name] end
    run("ec2", "DeleteRoute", params)
  end,
}

M["AWS::EC2::SubnetRouteTableAssociation"] = {
  service = "ec2", create = "AssociateRouteTable", id = "AssociationId",
  delete = { "DisassociateRouteTable", "AssociationId" },
}

M["AWS::EC2::EIP"] = {
  service = "ec2", create = "AllocateAddress", id = "PublicIp", tag = "elastic-ip",
  attributes = { AllocationId = "AllocationId", PublicIp = "PublicIp" }, kind = "ec2.address",
  find = function(call, id) return call:find("ec2.address", function(a) return a.PublicIp == id end) end,
  remove = function(run, _, _, thing)
    if thing then run("ec2", "ReleaseAddress", { AllocationId = thing.AllocationId }) end
  end,
}

M["AWS::EC2::NatGateway"] = {
  service = "ec2", create = "CreateNatGateway", id = "NatGateway.NatGatewayId", tag = "natgateway",
  kind = "ec2.nat_gateway", delete = { "DeleteNatGateway", "NatGatewayId" },
  ready = { State = "available" }, gone = { State = "deleted" },
  attributes = { NatGatewayId = "NatGatewayId" },
}

-- Rules of CloudFormation, in EC2's form.
local function permissions(rules, outward)
  local list = {}
  for i, rule in ipairs(rules or {}) do
    local range = rule.CidrIp and { { CidrIp = rule.CidrIp, Description = rule.Description } } or nil
    local wide = rule.CidrIpv6 and { { CidrIpv6 = rule.CidrIpv6, Description = rule.Description } } or nil
    local group = rule[outward and "DestinationSecurityGroupId" or "SourceSecurityGroupId"]
    local prefix = rule[outward and "DestinationPrefixListId" or "SourcePrefixListId"]
    list[i] = {
      IpProtocol = tostring(rule.IpProtocol), FromPort = tonumber(rule.FromPort),
      ToPort = tonumber(rule.ToPort), IpRanges = range, Ipv6Ranges = wide,
      UserIdGroupPairs = group and { { GroupId = group, Description = rule.Description } } or nil,
      PrefixListIds = prefix and { { PrefixListId = prefix } } or nil,
    }
  end
  return list
end

M["AWS::EC2::SecurityGroup"] = {
  service = "ec2", create = "CreateSecurityGroup", id = "GroupId", tag = "security-group", name = "GroupName",
  rename = { GroupDescription = "Description" }, kind = "ec2.security_group",
  drop = { "SecurityGroupIngress", "SecurityGroupEgress" }, delete = { "DeleteSecurityGroup", "GroupId" },
  after = function(run, id, properties)
    if properties.SecurityGroupIngress and properties.SecurityGroupIngress[1] then
      run("ec2", "AuthorizeSecurityGroupIngress",
        { GroupId = id, IpPermissions = permissions(properties.SecurityGroupIngress) })
    end
    if properties.SecurityGroupEgress and properties.SecurityGroupEgress[1] then
      run("ec2", "RevokeSecurityGroupEgress", {
        GroupId = id, IpPermissions = { { IpProtocol = "-1", IpRanges = { { CidrIp = "0.0.0.0/0" } } } },
      })
      run("ec2", "AuthorizeSecurityGroupEgress",
        { GroupId = id, IpPermissions = permissions(properties.SecurityGroupEgress, true) })
    end
  end,
  attributes = { GroupId = "GroupId", VpcId = "VpcId" },
}

local function rule(direction)
  local outward = direction == "Egress"
  local function params(properties)
    return { GroupId = properties.GroupId, IpPermissions = permissions({ properties }, outward) }
  end
  return {
    service = "ec2", create = "AuthorizeSecurityGroup" .. direction, params = params,
    id = function(output, properties, hash)
      local made = (output.SecurityGroupRules or {})[1]
      return made and made.SecurityGroupRuleId or ("%s|%s"):format(properties.GroupId, hash:sub(1, 12))
    end,
    remove = function(run, _, properties)
      run("ec2", "RevokeSecurityGroup" .. direction, params(properties))
    end,
  }
end

M["AWS::EC2::SecurityGroupIngress"], M["AWS::EC2::SecurityGroupEgress"] = rule "Ingress", rule "Egress"

M["AWS::EC2::VPCEndpoint"] = {
  service = "ec2", create = "CreateVpcEndpoint", id = "VpcEndpoint.VpcEndpointId", tag = "vpc-endpoint",
  kind = "ec2.vpc_endpoint", ready = { State = "available" }, gone = { State = "deleted" },
  remove = function(run, id) run("ec2", "DeleteVpcEndpoints", { VpcEndpointIds = { id } }) end,
}

M["AWS::EC2::LaunchTemplate"] = {
  service = "ec2", create = "CreateLaunchTemplate", id = "LaunchTemplate.LaunchTemplateId",
  tag = "launch-template", name = "LaunchTemplateName", kind = "ec2.launch_template",
  rename = { TagSpecifications = "TagSpecifications" }, drop = { "TagSpecifications" },
  delete = { "DeleteLaunchTemplate", "LaunchTemplateId" }, mutable = { LaunchTemplateData = true },
  update = function(run, id, properties)
    run("ec2", "CreateLaunchTemplateVersion",
      { LaunchTemplateId = id, LaunchTemplateData = properties.LaunchTemplateData })
  end,
  attributes = {
    LaunchTemplateId = "LaunchTemplateId",
    LatestVersionNumber = function(_, thing) return tostring(thing.LatestVersionNumber) end,
    DefaultVersionNumber = function(_, thing) return tostring(thing.DefaultVersionNumber) end,
  },
}

return M

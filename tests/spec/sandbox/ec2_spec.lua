local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

local function ids(list, field)
  local out = {}
  for i, thing in ipairs(list) do out[i] = thing[field] end
  return out
end

describe("EC2 in the sandbox", function()
  local aws, ec2
  before_each(function()
    aws = support.open()
    ec2 = aws.ec2
  end)
  after_each(support.close)

  it("makes a network with a route table and a security group", function()
    local made = ec2:create_vpc { CidrBlock = "10.0.0.0/16" }
    assert.equal("pending", made.Vpc.State)
    ec2:wait("vpc_available", { VpcIds = { made.Vpc.VpcId } })
    local filter = { { Name = "vpc-id", Values = { made.Vpc.VpcId } } }
    local tables = ec2:describe_route_tables({ Filters = filter }).RouteTables
    assert.is_true(tables[1].Associations[1].Main)
    assert.equal("local", tables[1].Routes[1].GatewayId)
    local group = ec2:describe_security_groups({ Filters = filter }).SecurityGroups[1]
    assert.equal("default", group.GroupName)
    assert.equal(group.GroupId, group.IpPermissions[1].UserIdGroupPairs[1].GroupId)
    assert.equal("CannotDelete", (support.refused(ec2, "delete_security_group", { GroupId = group.GroupId })))
  end)

  it("filters by tags, wildcards and fields", function()
    local vpc, subnets = support.network(aws)
    ec2:create_tags { Resources = { subnets[1] }, Tags = { { Key = "tier", Value = "private-a" } } }
    local function found(...)
      local filters = {}
      for i, filter in ipairs { ... } do filters[i] = { Name = filter[1], Values = filter[2] } end
      return ids(ec2:describe_subnets({ Filters = filters }).Subnets, "SubnetId")
    end
    assert.same({ subnets[1] }, found { "tag:tier", { "private-?" } })
    assert.same({ subnets[1] }, found { "tag-key", { "tier" } })
    assert.same({}, found { "tag:tier", { "private" } })
    assert.same({ subnets[2] }, found({ "vpc-id", { vpc } }, { "availability-zone", { "us-east-1b", "x" } }))
    local code, message = support.refused(ec2, "describe_subnets",
      { Filters = { { Name = "colour", Values = { "red" } } } })
    assert.equal("InvalidParameterValue", code)
    assert.matches("The filter 'colour' is invalid$", message)
    assert.equal("InvalidSubnetID.NotFound",
      (support.refused(ec2, "describe_subnets", { SubnetIds = { subnets[1], "subnet-00000000000000000" } })))
    assert.same({ { Key = "tier", ResourceId = subnets[1], ResourceType = "subnet", Value = "private-a" } },
      ec2:describe_tags({ Filters = { { Name = "resource-id", Values = { subnets[1] } } } }).Tags)
    ec2:delete_tags { Resources = { subnets[1] }, Tags = { { Key = "tier", Value = "other" } } }
    assert.equal(1, #found { "tag-key", { "tier" } })
    ec2:delete_tags { Resources = { subnets[1] }, Tags = { { Key = "tier" } } }
    assert.equal(0, #found { "tag-key", { "tier" } })
  end)

  it("does not bring back what was deleted before it was there", function()
    local vpc, subnets = support.network(aws)
    local gateway = ec2:create_internet_gateway({}).InternetGateway.InternetGatewayId
    ec2:attach_internet_gateway { VpcId = vpc, InternetGatewayId = gateway }
    local address = ec2:allocate_address({ Domain = "vpc" }).AllocationId
    local params = { SubnetId = subnets[1], AllocationId = address }
    local nat = ec2:create_nat_gateway(params).NatGateway.NatGatewayId
    ec2:delete_nat_gateway { NatGatewayId = nat }
    task.sleep(300)
    assert.equal("deleted", ec2:describe_nat_gateways({ NatGatewayIds = { nat } }).NatGateways[1].State)
  end)

  it("tags what it makes, if the tags are of its kind", function()
    local vpc = ec2:create_vpc({
      CidrBlock = "10.0.0.0/16",
      TagSpecifications = { { ResourceType = "vpc", Tags = { { Key = "Name", Value = "n" } } } },
    }).Vpc
    assert.same({ { Key = "Name", Value = "n" } }, vpc.Tags)
    assert.equal("InvalidParameterValue", (support.refused(ec2, "create_vpc", {
      CidrBlock = "10.0.0.0/16",
      TagSpecifications = { { ResourceType = "subnet", Tags = { { Key = "Name", Value = "n" } } } },
    })))
    assert.equal("InvalidParameterValue", (support.refused(ec2, "create_tags",
      { Resources = { vpc.VpcId }, Tags = { { Key = "aws:x", Value = "n" } } })))
  end)

  it("keeps ranges apart", function()
    local vpc = support.network(aws)
    local function refused(range)
      return (support.refused(ec2, "create_subnet", { VpcId = vpc, CidrBlock = range }))
    end
    assert.equal("InvalidSubnet.Conflict", refused "10.0.1.128/25")
    assert.equal("InvalidSubnet.Range", refused "10.1.0.0/24")
    assert.equal("InvalidSubnet.Range", refused "10.0.9.0/29")
    assert.equal("InvalidParameterValue", refused "10.0.9.1/24")
    assert.equal("InvalidVpc.Range", (support.refused(ec2, "create_vpc", { CidrBlock = "10.0.0.0/8" })))
  end)

  it("has quotas", function()
    for i = 1, 5 do
      ec2:create_vpc { CidrBlock = ("10.%d.0.0/16"):format(i) }
      ec2:allocate_address {}
    end
    assert.equal("VpcLimitExceeded", (support.refused(ec2, "create_vpc", { CidrBlock = "10.9.0.0/16" })))
    assert.equal("AddressLimitExceeded", (support.refused(ec2, "allocate_address", {})))
  end)

  it("takes minutes for a NAT gateway, which holds on to its address, subnet and internet gateway", function()
    local vpc, subnets = support.network(aws)
    local address = ec2:allocate_address({}).AllocationId
    local params = { SubnetId = subnets[1], AllocationId = address }
    assert.equal("Gateway.NotAttached", (support.refused(ec2, "create_nat_gateway", params)))
    local igw = ec2:create_internet_gateway({}).InternetGateway.InternetGatewayId
    ec2:attach_internet_gateway { InternetGatewayId = igw, VpcId = vpc }
    local nat = ec2:create_nat_gateway(params).NatGateway.NatGatewayId
    assert.equal("Resource.AlreadyAssociated", (support.refused(ec2, "create_nat_gateway", {
      SubnetId = subnets[2], AllocationId = address,
    })))
    local function state()
      return ec2:describe_nat_gateways({ NatGatewayIds = { nat } }).NatGateways[1].State
    end
    task.sleep(60)
    assert.equal("pending", state())
    task.sleep(90)
    assert.equal("available", state())
    ec2:create_route {
      RouteTableId = ec2:describe_route_tables({}).RouteTables[1].RouteTableId,
      DestinationCidrBlock = "0.0.0.0/0", NatGatewayId = nat,
    }
    assert.equal("DependencyViolation", (support.refused(ec2, "delete_subnet", { SubnetId = subnets[1] })))
    assert.equal("DependencyViolation", (support.refused(ec2, "detach_internet_gateway",
      { InternetGatewayId = igw, VpcId = vpc })))
    assert.equal("InvalidIPAddress.InUse",
      (support.refused(ec2, "release_address", { AllocationId = address })))
    ec2:delete_nat_gateway { NatGatewayId = nat }
    assert.equal("deleting", state())
    task.sleep(120)
    assert.equal("deleted", state())
    assert.equal("blackhole", ec2:describe_route_tables({}).RouteTables[1].Routes[2].State)
    ec2:release_address { AllocationId = address }
    assert.equal("DependencyViolation", (support.refused(ec2, "delete_internet_gateway",
      { InternetGatewayId = igw })))
    ec2:detach_internet_gateway { InternetGatewayId = igw, VpcId = vpc }
    assert.equal("Gateway.NotAttached", (support.refused(ec2, "detach_internet_gateway",
      { InternetGatewayId = igw, VpcId = vpc })))
    ec2:delete_internet_gateway { InternetGatewayId = igw }
    assert.equal("DependencyViolation", (support.refused(ec2, "delete_vpc", { VpcId = vpc })))
    for _, id in ipairs(subnets) do ec2:delete_subnet { SubnetId = id } end
    ec2:delete_vpc { VpcId = vpc }
    task.sleep(3600)
    assert.equal("NatGatewayNotFound",
      (support.refused(ec2, "describe_nat_gateways", { NatGatewayIds = { nat } })))
  end)

  it("routes and associates once", function()
    local vpc, subnets = support.network(aws)
    local igw = ec2:create_internet_gateway({}).InternetGateway.InternetGatewayId
    local one = ec2:create_route_table({ VpcId = vpc }).RouteTable.RouteTableId
    local two = ec2:create_route_table({ VpcId = vpc, ClientToken = "2" }).RouteTable.RouteTableId
    local route = { RouteTableId = one, DestinationCidrBlock = "0.0.0.0/0", GatewayId = igw }
    assert.equal("InvalidParameterValue", (support.refused(ec2, "create_route", route)))
    ec2:attach_internet_gateway { InternetGatewayId = igw, VpcId = vpc }
    ec2:create_route(route)
    assert.equal("RouteAlreadyExists", (support.refused(ec2, "create_route", route)))
    local far = ec2:create_internet_gateway({}).InternetGateway.InternetGatewayId
    for _, odd in ipairs {
      { "create_route", DestinationCidrBlock = "300.0.0.0/8", GatewayId = igw },
      { "replace_route", DestinationCidrBlock = "0.0.0.0/0", GatewayId = far },
    } do
      local operation = table.remove(odd, 1)
      odd.RouteTableId = one
      assert.equal("InvalidParameterValue", (support.refused(ec2, operation, odd)))
    end
    route.GatewayId = "igw-00000000000000000"
    assert.equal("InvalidInternetGatewayID.NotFound", (support.refused(ec2, "create_route", route)))
    local link = ec2:associate_route_table({ RouteTableId = one, SubnetId = subnets[1] }).AssociationId
    assert.equal(link, ec2:associate_route_table({ RouteTableId = one, SubnetId = subnets[1] }).AssociationId)
    assert.equal("Resource.AlreadyAssociated", (support.refused(ec2, "associate_route_table",
      { RouteTableId = two, SubnetId = subnets[1] })))
    assert.equal("DependencyViolation", (support.refused(ec2, "delete_route_table", { RouteTableId = one })))
    local new = ec2:replace_route_table_association({ AssociationId = link,
      RouteTableId = two }).NewAssociationId
    ec2:disassociate_route_table { AssociationId = new }
    ec2:delete_route_table { RouteTableId = one }
    ec2:delete_route_table { RouteTableId = two }
  end)

  it("keeps the routes of a network's own ranges, wherever they lead", function()
    local vpc, subnets = support.network(aws)
    local other = ec2:associate_vpc_cidr_block({ VpcId = vpc, CidrBlock = "10.1.0.0/16" })
      .CidrBlockAssociation
    local id = ec2:create_route_table({ VpcId = vpc }).RouteTable.RouteTableId
    local interface = ec2:create_network_interface({ SubnetId = subnets[1] }).NetworkInterface
    local function routes()
      return ec2:describe_route_tables({ RouteTableIds = { id } }).RouteTables[1].Routes
    end
    local function refused(range)
      local code, message = support.refused(ec2, "delete_route",
        { RouteTableId = id, DestinationCidrBlock = range })
      assert.equal("InvalidParameterValue", code)
      assert.matches(("cannot remove local route %s in route table %s"):format(range, id), message, 1, true)
    end
    local ranges = { "10.0.0.0/16", "10.1.0.0/16" }
    for _, range in ipairs(ranges) do
      refused(range)
      ec2:replace_route { RouteTableId = id, DestinationCidrBlock = range,
        NetworkInterfaceId = interface.NetworkInterfaceId }
      refused(range)
    end
    assert.equal("CreateRouteTable", routes()[1].Origin)
    assert.is_nil(routes()[1].GatewayId)
    ec2:replace_route { RouteTableId = id, DestinationCidrBlock = "10.0.0.0/16", LocalTarget = true }
    assert.equal("local", routes()[1].GatewayId)
    assert.is_nil(routes()[1].NetworkInterfaceId)
    ec2:disassociate_vpc_cidr_block { AssociationId = other.AssociationId }
    assert.equal(1, #routes())
  end)

  it("knows rules of groups by what they let through", function()
    local vpc = support.network(aws)
    local function group(name)
      return ec2:create_security_group({ VpcId = vpc, GroupName = name, Description = "d" }).GroupId
    end
    local one, two = group "one", group "two"
    assert.equal("InvalidGroup.Duplicate", (support.refused(ec2, "create_security_group",
      { VpcId = vpc, GroupName = "one", Description = "d" })))
    assert.equal("InvalidParameterValue", (support.refused(ec2, "create_security_group",
      { VpcId = vpc, GroupName = "three", Description = "AWS's" })))
    local params = {
      GroupId = one, IpPermissions = {
        { IpProtocol = "tcp", FromPort = 443, ToPort = 443, UserIdGroupPairs = { { GroupId = two } } },
      },
    }
    local twice = { GroupId = one, IpPermissions = { params.IpPermissions[1], params.IpPermissions[1] } }
    assert.equal("InvalidParameterValue",
      (support.refused(ec2, "authorize_security_group_ingress", twice)))
    ec2:authorize_security_group_ingress(params)
    assert.equal("InvalidPermission.Duplicate",
      (support.refused(ec2, "authorize_security_group_ingress", params)))
    assert.equal("DependencyViolation", (support.refused(ec2, "delete_security_group", { GroupId = two })))
    local shown = ec2:describe_security_groups({ GroupIds = { one } }).SecurityGroups[1]
    assert.equal(443, shown.IpPermissions[1].FromPort)
    assert.equal(two, shown.IpPermissions[1].UserIdGroupPairs[1].GroupId)
    assert.equal("0.0.0.0/0", shown.IpPermissionsEgress[1].IpRanges[1].CidrIp)
    assert.equal(1, #ec2:revoke_security_group_ingress(twice).RevokedSecurityGroupRules)
    assert.equal("InvalidPermission.NotFound",
      (support.refused(ec2, "revoke_security_group_ingress", params)))
    ec2:delete_security_group { GroupId = two }
  end)

  it("makes endpoints of the services that there are", function()
    local vpc, subnets = support.network(aws)
    local function params(service, more)
      local all = { VpcId = vpc, ServiceName = "com.amazonaws.us-east-1." .. service }
      for key, value in pairs(more or {}) do all[key] = value end
      return all
    end
    assert.equal("InvalidServiceName", (support.refused(ec2, "create_vpc_endpoint", params "s4")))
    assert.equal("InvalidServiceName", (support.refused(ec2, "create_vpc_endpoint", params "ec2")))
    local interface = params("ec2", {
      VpcEndpointType = "Interface", SubnetIds = subnets, PrivateDnsEnabled = true,
    })
    assert.equal("InvalidParameter", (support.refused(ec2, "create_vpc_endpoint", interface)))
    ec2:modify_vpc_attribute { VpcId = vpc, EnableDnsHostnames = { Value = true } }
    local made = ec2:create_vpc_endpoint(interface).VpcEndpoint
    assert.equal("pending", made.State)
    assert.equal(2, #made.NetworkInterfaceIds)
    assert.equal("InvalidParameter", (support.refused(ec2, "create_vpc_endpoint", interface)))
    local routes = ec2:describe_route_tables({}).RouteTables[1].RouteTableId
    local gateway = ec2:create_vpc_endpoint(params("s3", { RouteTableIds = { routes } })).VpcEndpoint
    assert.equal(gateway.VpcEndpointId, ec2:describe_route_tables({}).RouteTables[1].Routes[2].GatewayId)
    task.sleep(240)
    assert.equal("available", ec2:describe_vpc_endpoints({ VpcEndpointIds = { made.VpcEndpointId } })
      .VpcEndpoints[1].State)
    assert.equal("DependencyViolation", (support.refused(ec2, "delete_subnet", { SubnetId = subnets[1] })))
    local answer = ec2:delete_vpc_endpoints {
      VpcEndpointIds = { made.VpcEndpointId, gateway.VpcEndpointId, "vpce-00000000000000000" },
    }
    assert.equal("InvalidVpcEndpointId.NotFound", answer.Unsuccessful[1].Error.Code)
    task.sleep(240)
    ec2:delete_subnet { SubnetId = subnets[1] }
    assert.equal(1, #ec2:describe_route_tables({}).RouteTables[1].Routes)
  end)

  it("keeps versions of launch templates", function()
    local template = ec2:create_launch_template({
      LaunchTemplateName = "one", LaunchTemplateData = { InstanceType = "m7g.large", ImageId = "ami-1" },
    }).LaunchTemplate
    local id = template.LaunchTemplateId
    local version = ec2:create_launch_template_version({
      LaunchTemplateId = id, SourceVersion = "1", LaunchTemplateData = { ImageId = "ami-2" },
    }).LaunchTemplateVersion
    assert.equal("m7g.large", version.LaunchTemplateData.InstanceType)
    assert.equal("ami-2", version.LaunchTemplateData.ImageId)
    assert.is_false(version.DefaultVersion)
    ec2:modify_launch_template { LaunchTemplateId = id, DefaultVersion = "2" }
    local latest = ec2:describe_launch_template_versions({ Versions = { "$Latest" } }).LaunchTemplateVersions
    assert.equal(2, latest[1].VersionNumber)
    assert.is_true(latest[1].DefaultVersion)
    assert.equal("InvalidLaunchTemplateId.VersionNotFound", (support.refused(ec2,
      "describe_launch_template_versions", { LaunchTemplateId = id, Versions = { "7" } })))
  end)

  it("shows launch templates by their names, a page at a time", function()
    local names = {}
    for i = 1, 3 do
      names[i] = "nodes-" .. i
      ec2:create_launch_template { LaunchTemplateName = names[i], LaunchTemplateData = { ImageId = "ami-1" } }
    end
    ec2:create_launch_template { LaunchTemplateName = "other", LaunchTemplateData = { ImageId = "ami-1" } }
    local seen, pages = {}, 0
    for page in ec2:pages("describe_launch_templates", { LaunchTemplateNames = names }, { page_size = 2 }) do
      pages = pages + 1
      for _, template in ipairs(page.LaunchTemplates) do seen[#seen + 1] = template.LaunchTemplateName end
    end
    table.sort(seen)
    assert.same(names, seen)
    assert.equal(2, pages)
  end)

  it("has no default network until one is made", function()
    local function default_vpc()
      return ec2:describe_account_attributes({ AttributeNames = { "default-vpc" } })
        .AccountAttributes[1].AttributeValues[1].AttributeValue
    end
    local group = { GroupName = "g", Description = "d" }
    assert.equal("none", default_vpc())
    assert.same({}, ec2:describe_vpcs({ Filters = { { Name = "is-default", Values = { "true" } } } }).Vpcs)
    assert.equal("VPCIdNotSpecified", (support.refused(ec2, "create_security_group", group)))
    assert.equal("DefaultVpcDoesNotExist",
      (support.refused(ec2, "create_default_subnet", { AvailabilityZone = "us-east-1a" })))
    local image = ec2:describe_images({ Owners = { "amazon" },
      Filters = { { Name = "architecture", Values = { "x86_64" } } } }).Images[1].ImageId
    ec2:create_launch_template { LaunchTemplateName = "own",
      LaunchTemplateData = { ImageId = image, InstanceType = "m6i.large" } }
    local nodes = { AutoScalingGroupName = "g", MinSize = 1, MaxSize = 1,
      AvailabilityZones = { "us-east-1b" }, LaunchTemplate = { LaunchTemplateName = "own" } }
    assert.matches("No default subnet for availability zone: 'us%-east%-1b'",
      select(2, support.refused(aws.autoscaling, "create_auto_scaling_group", nodes)))
    local vpc = ec2:create_default_vpc({}).Vpc
    assert.equal("172.31.0.0/16", vpc.CidrBlock)
    assert.equal(vpc.VpcId, default_vpc())
    assert.equal("DefaultVpcAlreadyExists", (support.refused(ec2, "create_default_vpc", {})))
    local subnets = ec2:describe_subnets({
      Filters = { { Name = "default-for-az", Values = { "true" } } },
    }).Subnets
    assert.equal(6, #subnets)
    assert.equal("172.31.80.0/20", subnets[6].CidrBlock)
    assert.is_true(subnets[1].MapPublicIpOnLaunch)
    assert.equal("DefaultSubnetAlreadyExistsInAvailabilityZone",
      (support.refused(ec2, "create_default_subnet", { AvailabilityZone = "us-east-1a" })))
    local id = ec2:create_security_group(group).GroupId
    assert.equal(vpc.VpcId, ec2:describe_security_groups({ GroupIds = { id } }).SecurityGroups[1].VpcId)
    aws.autoscaling:create_auto_scaling_group(nodes)
    local instance = ec2:run_instances({
      ImageId = image, MinCount = 1, MaxCount = 1, InstanceType = "m6i.large",
      Placement = { AvailabilityZone = "us-east-1b" },
    }).Instances[1]
    assert.equal(subnets[2].SubnetId, instance.SubnetId)
    aws.elb:create_load_balancer {
      LoadBalancerName = "web", AvailabilityZones = { "us-east-1b" },
      Listeners = { { Protocol = "TCP", LoadBalancerPort = 80, InstancePort = 80 } },
    }
    assert.same({ subnets[2].SubnetId },
      aws.elb:describe_load_balancers({}).LoadBalancerDescriptions[1].Subnets)
  end)
end)

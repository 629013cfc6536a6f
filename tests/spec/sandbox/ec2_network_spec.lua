-- The parts of networks beyond what recipes make: ranges, ACLs, DHCP options, prefix lists, peering, logs.
local support = require "tests.spec.support.sandbox"

local function filter(name, ...) return { { Name = name, Values = { ... } } } end

describe("networks in the sandbox", function()
  local aws, ec2, vpc, subnets
  before_each(function()
    aws = support.open()
    ec2 = aws.ec2
    vpc, subnets = support.network(aws)
  end)
  after_each(support.close)

  local function refused(operation, params) return (support.refused(ec2, operation, params)) end

  it("says whether an id is malformed or missing", function()
    assert.equal("InvalidGroupId.Malformed", refused("describe_security_groups", { GroupIds = { "web" } }))
    assert.equal("InvalidGroup.NotFound",
      refused("describe_security_groups", { GroupIds = { "sg-00000000000000000" } }))
    assert.equal("NatGatewayMalformed", refused("describe_nat_gateways", { NatGatewayIds = { "nat-x" } }))
    assert.equal("InvalidVpcEndpointId.Malformed",
      refused("describe_vpc_endpoints", { VpcEndpointIds = { "vpce-12" } }))
  end)

  it("has ranges beyond the first", function()
    local function ranges()
      local list = {}
      for i, association in ipairs(ec2:describe_vpcs({ VpcIds = { vpc } }).Vpcs[1].CidrBlockAssociationSet) do
        list[i] = association.CidrBlock
      end
      return list
    end
    local answer = ec2:associate_vpc_cidr_block { VpcId = vpc, CidrBlock = "100.64.0.0/16" }
    assert.equal("associating", answer.CidrBlockAssociation.CidrBlockState.State)
    assert.same({ "10.0.0.0/16", "100.64.0.0/16" }, ranges())
    assert.equal("InvalidVpc.Range", refused("associate_vpc_cidr_block", { VpcId = vpc,
      CidrBlock = "172.16.0.0/16" }))
    assert.equal("100.64.0.0/16",
      ec2:describe_route_tables({}).RouteTables[1].Routes[2].DestinationCidrBlock)
    local subnet = ec2:create_subnet({ VpcId = vpc, CidrBlock = "100.64.1.0/24" }).Subnet.SubnetId
    local id = { AssociationId = answer.CidrBlockAssociation.AssociationId }
    assert.equal("InvalidCidrBlock.InUse", refused("disassociate_vpc_cidr_block", id))
    ec2:delete_subnet { SubnetId = subnet }
    ec2:disassociate_vpc_cidr_block(id)
    assert.same({ "10.0.0.0/16" }, ranges())
    assert.equal(1, #ec2:describe_route_tables({}).RouteTables[1].Routes)
    local primary = ec2:describe_vpcs({}).Vpcs[1].CidrBlockAssociationSet[1].AssociationId
    assert.equal("OperationNotPermitted", refused("disassociate_vpc_cidr_block", { AssociationId = primary }))
  end)

  it("has IPv6", function()
    local range = ec2:associate_vpc_cidr_block({ VpcId = vpc, AmazonProvidedIpv6CidrBlock = true })
      .Ipv6CidrBlockAssociation.Ipv6CidrBlock
    assert.matches("::/56$", range)
    assert.equal("InvalidParameterValue", refused("modify_subnet_attribute",
      { SubnetId = subnets[1], AssignIpv6AddressOnCreation = { Value = true } }))
    local of_subnet = range:gsub("/56$", "/64")
    local made = ec2:associate_subnet_cidr_block { SubnetId = subnets[1], Ipv6CidrBlock = of_subnet }
    assert.equal("InvalidSubnet.Conflict", refused("associate_subnet_cidr_block",
      { SubnetId = subnets[2], Ipv6CidrBlock = of_subnet }))
    ec2:modify_subnet_attribute { SubnetId = subnets[1], AssignIpv6AddressOnCreation = { Value = true } }
    ec2:modify_subnet_attribute { SubnetId = subnets[1], EnableDns64 = { Value = true } }
    ec2:modify_subnet_attribute { SubnetId = subnets[1], PrivateDnsHostnameTypeOnLaunch = "resource-name" }
    local shown = ec2:describe_subnets({
      Filters = filter("ipv6-cidr-block-association.ipv6-cidr-block", of_subnet),
    }).Subnets[1]
    assert.is_true(shown.EnableDns64)
    assert.equal("resource-name", shown.PrivateDnsNameOptionsOnLaunch.HostnameType)
    local interface = ec2:create_network_interface({ SubnetId = subnets[1] }).NetworkInterface
    assert.equal(1, #interface.Ipv6Addresses)
    local more = ec2:assign_ipv6_addresses({ NetworkInterfaceId = interface.NetworkInterfaceId,
      Ipv6AddressCount = 1 }).AssignedIpv6Addresses
    ec2:unassign_ipv6_addresses { NetworkInterfaceId = interface.NetworkInterfaceId, Ipv6Addresses = more }
    assert.equal("InvalidParameterValue", refused("unassign_ipv6_addresses",
      { NetworkInterfaceId = interface.NetworkInterfaceId, Ipv6Addresses = more }))
    ec2:delete_network_interface { NetworkInterfaceId = interface.NetworkInterfaceId }
    ec2:disassociate_subnet_cidr_block { AssociationId = made.Ipv6CidrBlockAssociation.AssociationId }
    local after = ec2:describe_subnets({ SubnetIds = { subnets[1] } }).Subnets[1]
    assert.equal(0, #after.Ipv6CidrBlockAssociationSet)
  end)

  it("has a network ACL of its own, and others", function()
    local own = ec2:describe_network_acls({ Filters = filter("default", "true") }).NetworkAcls[1]
    assert.equal(2, #own.Associations)
    assert.equal(4, #own.Entries)
    local acl = ec2:create_network_acl({ VpcId = vpc }).NetworkAcl.NetworkAclId
    local entry = {
      NetworkAclId = acl, RuleNumber = 100, Protocol = "6", RuleAction = "allow", Egress = false,
      CidrBlock = "10.0.0.0/8", PortRange = { From = 443, To = 443 },
    }
    ec2:create_network_acl_entry(entry)
    assert.equal("NetworkAclEntryAlreadyExists", refused("create_network_acl_entry", entry))
    entry.RuleAction = "deny"
    ec2:replace_network_acl_entry(entry)
    local found = ec2:describe_network_acls({ Filters = filter("entry.port-range.from",
      "443") }).NetworkAcls[1]
    assert.equal("deny", found.Entries[2].RuleAction)
    local association = own.Associations[1].NetworkAclAssociationId
    local new = ec2:replace_network_acl_association({ AssociationId = association, NetworkAclId = acl })
    assert.equal("DependencyViolation", refused("delete_network_acl", { NetworkAclId = acl }))
    assert.equal("DependencyViolation", refused("delete_vpc", { VpcId = vpc }))
    ec2:replace_network_acl_association { AssociationId = new.NewAssociationId,
      NetworkAclId = own.NetworkAclId }
    ec2:delete_network_acl_entry { NetworkAclId = acl, RuleNumber = 100, Egress = false }
    assert.equal("InvalidNetworkAclEntry.NotFound", refused("delete_network_acl_entry",
      { NetworkAclId = acl, RuleNumber = 100, Egress = false }))
    ec2:delete_network_acl { NetworkAclId = acl }
    assert.equal("InvalidParameterValue", refused("delete_network_acl", { NetworkAclId = own.NetworkAclId }))
  end)

  it("has DHCP options", function()
    local own = ec2:describe_dhcp_options({}).DhcpOptions[1]
    assert.equal(own.DhcpOptionsId, ec2:describe_vpcs({}).Vpcs[1].DhcpOptionsId)
    local id = ec2:create_dhcp_options({
      DhcpConfigurations = { { Key = "domain-name", Values = { "example.com" } } },
    }).DhcpOptions.DhcpOptionsId
    assert.equal("InvalidParameterValue", refused("create_dhcp_options",
      { DhcpConfigurations = { { Key = "colour", Values = { "red" } } } }))
    ec2:associate_dhcp_options { VpcId = vpc, DhcpOptionsId = id }
    assert.equal("DependencyViolation", refused("delete_dhcp_options", { DhcpOptionsId = id }))
    assert.equal(1, #ec2:describe_dhcp_options({ Filters = filter("value", "example.*") }).DhcpOptions)
    ec2:associate_dhcp_options { VpcId = vpc, DhcpOptionsId = "default" }
    ec2:delete_dhcp_options { DhcpOptionsId = id }
  end)

  it("has prefix lists, AWS's and its own", function()
    local name = "com.amazonaws.us-east-1.s3"
    local aws_own = ec2:describe_managed_prefix_lists({ Filters = filter("prefix-list-name",
      name) }).PrefixLists
    assert.equal("AWS", aws_own[1].OwnerId)
    assert.equal(aws_own[1].PrefixListId, ec2:describe_prefix_lists({ Filters = filter("prefix-list-name",
      name) })
      .PrefixLists[1].PrefixListId)
    assert.equal(1, #ec2:get_managed_prefix_list_entries({ PrefixListId = aws_own[1].PrefixListId }).Entries)
    assert.equal("UnauthorizedOperation", refused("delete_managed_prefix_list",
      { PrefixListId = aws_own[1].PrefixListId }))
    local id = ec2:create_managed_prefix_list({
      PrefixListName = "offices", MaxEntries = 2, AddressFamily = "IPv4",
        Entries = { { Cidr = "192.0.2.0/24" } },
    }).PrefixList.PrefixListId
    local change = { PrefixListId = id, CurrentVersion = 1,
      AddEntries = { { Cidr = "198.51.100.0/24" }, { Cidr = "203.0.113.0/24" } } }
    assert.equal("PrefixListMaxEntriesExceeded", refused("modify_managed_prefix_list", change))
    change.RemoveEntries = { { Cidr = "192.0.2.0/24" } }
    assert.equal(2, ec2:modify_managed_prefix_list(change).PrefixList.Version)
    assert.equal("PrefixListVersionMismatch", refused("modify_managed_prefix_list", change))
    local group = ec2:create_security_group({ VpcId = vpc, GroupName = "g", Description = "d" }).GroupId
    ec2:authorize_security_group_ingress {
      GroupId = group, IpPermissions = {
        { IpProtocol = "tcp", FromPort = 22, ToPort = 22, PrefixListIds = { { PrefixListId = id } } },
      },
    }
    assert.equal("DependencyViolation", refused("delete_managed_prefix_list", { PrefixListId = id }))
    ec2:delete_security_group { GroupId = group }
    ec2:delete_managed_prefix_list { PrefixListId = id }
  end)

  it("is peered with another", function()
    local other = ec2:create_vpc({ CidrBlock = "10.1.0.0/16" }).Vpc.VpcId
    local same = ec2:create_vpc({ CidrBlock = "10.0.0.0/16" }).Vpc.VpcId
    local bad = ec2:create_vpc_peering_connection({ VpcId = vpc, PeerVpcId = same }).VpcPeeringConnection
    assert.equal("failed", bad.Status.Code)
    local made = ec2:create_vpc_peering_connection({ VpcId = vpc, PeerVpcId = other }).VpcPeeringConnection
    local id = { VpcPeeringConnectionId = made.VpcPeeringConnectionId }
    assert.equal("initiating-request", made.Status.Code)
    assert.equal("OperationNotPermitted", refused("modify_vpc_peering_connection_options", id))
    assert.equal("active", ec2:accept_vpc_peering_connection(id).VpcPeeringConnection.Status.Code)
    assert.equal("InvalidStateTransition", refused("reject_vpc_peering_connection", id))
    id.RequesterPeeringConnectionOptions = { AllowDnsResolutionFromRemoteVpc = true }
    assert.is_true(ec2:modify_vpc_peering_connection_options(id)
      .RequesterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc)
    id.RequesterPeeringConnectionOptions = nil
    assert.equal("DependencyViolation", refused("delete_vpc", { VpcId = other }))
    local routes = ec2:create_route_table({ VpcId = vpc }).RouteTable.RouteTableId
    ec2:create_route { RouteTableId = routes, DestinationCidrBlock = "10.1.2.3/16",
      VpcPeeringConnectionId = made.VpcPeeringConnectionId }
    ec2:delete_vpc_peering_connection(id)
    local route = ec2:describe_route_tables({ RouteTableIds = { routes } }).RouteTables[1].Routes[2]
    assert.equal("10.1.0.0/16", route.DestinationCidrBlock)
    assert.equal("blackhole", route.State)
    assert.equal(1, #ec2:describe_vpc_peering_connections({ Filters = filter("status-code", "deleted") })
      .VpcPeeringConnections)
    ec2:delete_vpc { VpcId = other }
  end)

  it("has flow logs", function()
    local params = {
      ResourceIds = { vpc }, ResourceType = "VPC", TrafficType = "ALL", LogGroupName = "/flow",
    }
    assert.equal("InvalidParameter", refused("create_flow_logs", params))
    params.DeliverLogsPermissionArn = "arn:aws:iam::111122223333:role/flow"
    local id = ec2:create_flow_logs(params).FlowLogIds[1]
    assert.equal("FlowLogAlreadyExists", ec2:create_flow_logs(params).Unsuccessful[1].Error.Code)
    local found = ec2:describe_flow_logs({ Filter = filter("resource-id", vpc) }).FlowLogs
    assert.equal("/flow", found[1].LogGroupName)
    assert.equal(0, #ec2:delete_flow_logs({ FlowLogIds = { id } }).Unsuccessful)
    assert.equal("InvalidFlowLogId.NotFound",
      ec2:delete_flow_logs({ FlowLogIds = { id } }).Unsuccessful[1].Error.Code)
  end)

  it("changes rules, counts them, and finds groups by them", function()
    local group = ec2:create_security_group({ VpcId = vpc, GroupName = "g", Description = "d" }).GroupId
    local ranges = {}
    for i = 1, 60 do ranges[i] = { CidrIp = ("192.0.2.%d/32"):format(i) } end
    local params = { GroupId = group, IpPermissions = {
      { IpProtocol = "tcp", FromPort = 443, ToPort = 443, IpRanges = ranges },
    } }
    local rules = ec2:authorize_security_group_ingress(params).SecurityGroupRules
    assert.equal("RulesPerSecurityGroupLimitExceeded", refused("authorize_security_group_ingress",
      { GroupId = group, IpProtocol = "tcp", FromPort = 80, ToPort = 80, CidrIp = "0.0.0.0/0" }))
    assert.equal("InvalidParameterValue", refused("authorize_security_group_ingress",
      { GroupId = group, IpProtocol = "tcp", FromPort = 99999, ToPort = 99999, CidrIp = "0.0.0.0/0" }))
    local id = rules[1].SecurityGroupRuleId
    local function change(range)
      return { GroupId = group, SecurityGroupRules = {
        { SecurityGroupRuleId = id, SecurityGroupRule = {
          IpProtocol = "tcp", FromPort = 443, ToPort = 443, CidrIpv4 = range, Description = "mine",
        } },
      } }
    end
    assert.equal("InvalidPermission.Duplicate", refused("modify_security_group_rules", change "192.0.2.2/32"))
    ec2:modify_security_group_rules(change "198.51.100.1/32")
    assert.equal("198.51.100.1/32",
      ec2:describe_security_group_rules({ SecurityGroupRuleIds = { id } }).SecurityGroupRules[1].CidrIpv4)
    local found = ec2:describe_security_groups({
      Filters = filter("ip-permission.cidr", "198.51.100.1/32"),
    }).SecurityGroups
    assert.equal(group, found[1].GroupId)
    assert.equal(2, #ec2:describe_security_groups({ Filters = filter("egress.ip-permission.protocol", "-1") })
      .SecurityGroups)
    ec2:update_security_group_rule_descriptions_ingress {
      GroupId = group, IpPermissions = {
        { IpProtocol = "tcp", FromPort = 443, ToPort = 443,
          IpRanges = { { CidrIp = "198.51.100.1/32", Description = "theirs" } } },
      },
    }
    ec2:update_security_group_rule_descriptions_egress {
      GroupId = group, IpPermissions = {
        { IpProtocol = "-1", IpRanges = { { CidrIp = "0.0.0.0/0", Description = "out" } } },
      },
    }
    local revoked = ec2:revoke_security_group_ingress({ GroupId = group, SecurityGroupRuleIds = { id } })
    assert.equal("theirs", revoked.RevokedSecurityGroupRules[1].Description)
    assert.equal(2, #ec2:get_security_groups_for_vpc({ VpcId = vpc }).SecurityGroupForVpcs)
    assert.same({}, ec2:describe_security_group_references({ GroupId = { group } }).SecurityGroupReferenceSet)
  end)

  it("has services with the names of their hosts", function()
    local function service(name)
      return ec2:describe_vpc_endpoint_services({ ServiceNames = { "com.amazonaws.us-east-1." .. name } })
        .ServiceDetails[1]
    end
    local images, gateway = service "ecr.dkr", service "dynamodb"
    assert.same({ "dkr.ecr.us-east-1.vpce.amazonaws.com", "*.dkr.ecr.us-east-1.amazonaws.com" },
      { images.BaseEndpointDnsNames[1], images.PrivateDnsNames[1].PrivateDnsName })
    assert.same({ "dynamodb.us-east-1.amazonaws.com" }, gateway.BaseEndpointDnsNames)
    assert.equal("Gateway", gateway.ServiceType[1].ServiceType)
  end)

  it("has zones and regions with filters", function()
    local zones = ec2:describe_availability_zones({ Filters = filter("zone-id", "use1-az1", "use1-az2") })
    assert.equal(2, #zones.AvailabilityZones)
    assert.equal(1, #ec2:describe_regions({ RegionNames = { "eu-west-1" } }).Regions)
    assert.equal("InvalidParameterValue", refused("describe_regions", { RegionNames = { "mars-1" } }))
  end)

  it("counts filters' values", function()
    local values = {}
    for i = 1, 201 do values[i] = "v" .. i end
    assert.equal("FilterLimitExceeded", refused("describe_vpcs",
      { Filters = { { Name = "vpc-id", Values = values } } }))
    local tags = ec2:create_tags { Resources = { vpc }, Tags = { { Key = "Owner", Value = "me" } } }
    assert.is_truthy(tags)
    assert.equal(1, #ec2:describe_tags({ Filters = filter("tag:Owner", "m?") }).Tags)
    assert.equal(0, #ec2:describe_tags({ Filters = filter("tag:Owner", "you") }).Tags)
  end)
end)

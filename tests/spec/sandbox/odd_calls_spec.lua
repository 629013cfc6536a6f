-- Calls that random tests found: each is refused in AWS's words, and always in the same ones.
local support = require "tests.spec.support.sandbox"

describe("a call that is half said", function()
  local aws
  before_each(function() aws = support.open() end)
  after_each(support.close)

  local function refused(code, pattern, service, operation, params)
    local found, message = support.refused(aws[service], operation, params)
    assert.equal(code, found)
    assert.matches(pattern, message, 1, true)
  end

  it("has a transaction of nothing", function()
    refused("ValidationException", "can only contain one of", "dynamodb", "transact_write_items",
      { TransactItems = { {} } })
  end)

  it("has a key of several types, or a number that is none", function()
    aws.dynamodb:create_table {
      TableName = "tab", BillingMode = "PAY_PER_REQUEST",
      AttributeDefinitions = { { AttributeName = "n", AttributeType = "N" } },
      KeySchema = { { AttributeName = "n", KeyType = "HASH" } },
    }
    aws.dynamodb:wait("table_exists", { TableName = "tab" })
    refused("ValidationException", "more than one datatypes", "dynamodb", "put_item",
      { TableName = "tab", Item = { n = { N = "1", S = "x" } } })
    refused("ValidationException", "numeric value: x", "dynamodb", "put_item",
      { TableName = "tab", Item = { n = { N = "x" } } })
  end)

  it("names several things that are not there", function()
    refused("InvalidServiceName", "'com.b'", "ec2", "describe_vpc_endpoint_services",
      { ServiceNames = { "com.b", "com.a", "com.c" } })
    local vpc = support.network(aws)
    local tables = aws.ec2:describe_route_tables { Filters = { { Name = "vpc-id", Values = { vpc } } } }
    refused("InvalidParameterValue", "parameter gatewayId", "ec2", "create_route", {
      RouteTableId = tables.RouteTables[1].RouteTableId, DestinationCidrBlock = "0.0.0.0/0",
      GatewayId = "alpha", InstanceId = "alpha", NatGatewayId = "alpha",
    })
  end)

  it("changes a rule to nothing", function()
    local group = aws.ec2:create_security_group {
      GroupName = "g", Description = "d", VpcId = support.network(aws),
    }.GroupId
    local rule = aws.ec2:authorize_security_group_ingress({
      GroupId = group,
      IpPermissions = {
        { IpProtocol = "tcp", FromPort = 1, ToPort = 1, IpRanges = { { CidrIp = "10.0.0.0/8" } } },
      },
    }).SecurityGroupRules[1].SecurityGroupRuleId
    refused("MissingParameter", "SecurityGroupRule", "ec2", "modify_security_group_rules",
      { GroupId = group, SecurityGroupRules = { { SecurityGroupRuleId = rule } } })
  end)

  it("has a policy without a template", function()
    local _, subnets = support.network(aws)
    refused("ValidationError", "launch template", "autoscaling", "create_auto_scaling_group", {
      AutoScalingGroupName = "g", MinSize = 0, MaxSize = 1, VPCZoneIdentifier = subnets[1],
      MixedInstancesPolicy = { InstancesDistribution = { OnDemandBaseCapacity = 1 } },
    })
  end)
end)

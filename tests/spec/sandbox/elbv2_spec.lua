local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

describe("ELB in the sandbox", function()
  local aws, elb, ec2, vpc, subnets, igw
  before_each(function()
    aws = support.open()
    elb, ec2 = aws.elbv2, aws.ec2
    vpc, subnets = support.network(aws)
    igw = ec2:create_internet_gateway({}).InternetGateway.InternetGatewayId
    ec2:attach_internet_gateway { InternetGatewayId = igw, VpcId = vpc }
  end)
  after_each(support.close)

  local function refused(operation, params) return (support.refused(elb, operation, params)) end

  local function balancer(more)
    local params = { Name = "web", Subnets = subnets }
    for key, value in pairs(more or {}) do params[key] = value end
    if params.SubnetMappings then params.Subnets = nil end
    return elb:create_load_balancer(params).LoadBalancers[1]
  end

  local function group(name, more)
    local params = { Name = name, Protocol = "HTTP", Port = 8080, VpcId = vpc }
    for key, value in pairs(more or {}) do params[key] = value end
    return elb:create_target_group(params).TargetGroups[1].TargetGroupArn
  end

  local function forward(arn) return { { Type = "forward", TargetGroupArn = arn } } end

  local function health(arn)
    local list = {}
    for i, found in ipairs(elb:describe_target_health({ TargetGroupArn = arn }).TargetHealthDescriptions) do
      list[i] = found.TargetHealth.State
    end
    return list
  end

  it("makes load balancers that hold on to their network", function()
    assert.equal("InvalidConfigurationRequest", refused("create_load_balancer",
      { Name = "web", Subnets = { subnets[1] } }))
    assert.equal("SubnetNotFound", refused("create_load_balancer",
      { Name = "web", Subnets = { subnets[1], "subnet-00000000000000000" } }))
    local made = balancer()
    assert.matches("^web%-%d+%.us%-east%-1%.elb%.amazonaws%.com$", made.DNSName)
    assert.equal("provisioning", made.State.Code)
    assert.equal(made.LoadBalancerArn, balancer().LoadBalancerArn)
    assert.equal("DuplicateLoadBalancerName", refused("create_load_balancer",
      { Name = "web", Subnets = subnets, Scheme = "internal" }))
    elb:wait("load_balancer_available", { Names = { "web" } })
    local enis = ec2:describe_network_interfaces({
      Filters = { { Name = "description", Values = { "ELB app/web/*" } } },
    }).NetworkInterfaces
    assert.equal(2, #enis)
    assert.equal("OperationNotPermitted", (support.refused(ec2, "delete_network_interface",
      { NetworkInterfaceId = enis[1].NetworkInterfaceId })))
    assert.equal("DependencyViolation", (support.refused(ec2, "delete_subnet", { SubnetId = subnets[1] })))
    assert.equal("DependencyViolation", (support.refused(ec2, "detach_internet_gateway",
      { InternetGatewayId = igw, VpcId = vpc })))
    local arn = { LoadBalancerArn = made.LoadBalancerArn }
    elb:modify_load_balancer_attributes { LoadBalancerArn = made.LoadBalancerArn,
      Attributes = { { Key = "deletion_protection.enabled", Value = "true" } } }
    assert.equal("OperationNotPermitted", refused("delete_load_balancer", arn))
    elb:modify_load_balancer_attributes { LoadBalancerArn = made.LoadBalancerArn,
      Attributes = { { Key = "deletion_protection.enabled", Value = "false" } } }
    assert.equal("ValidationError", refused("modify_load_balancer_attributes", {
      LoadBalancerArn = made.LoadBalancerArn, Attributes = { { Key = "colour", Value = "red" } } }))
    elb:delete_load_balancer(arn)
    elb:delete_load_balancer(arn)
    assert.equal("LoadBalancerNotFound", refused("describe_load_balancers", { Names = { "web" } }))
    assert.equal("DependencyViolation", (support.refused(ec2, "delete_subnet", { SubnetId = subnets[1] })))
    task.sleep(120)
    ec2:delete_subnet { SubnetId = subnets[1] }
    ec2:detach_internet_gateway { InternetGatewayId = igw, VpcId = vpc }
  end)

  it("makes network load balancers with addresses of one's own", function()
    local address = ec2:allocate_address {}
    local made = balancer {
      Type = "network", SubnetMappings = { { SubnetId = subnets[1], AllocationId = address.AllocationId } },
    }
    assert.matches("^web%-%x+%.elb%.us%-east%-1", made.DNSName)
    assert.equal(address.PublicIp, made.AvailabilityZones[1].LoadBalancerAddresses[1].IpAddress)
    assert.equal("AuthFailure", (support.refused(ec2, "disassociate_address",
      { PublicIp = address.PublicIp })))
    local tcp = group("tcp", { Protocol = "TCP", Port = 443 })
    local listener = { LoadBalancerArn = made.LoadBalancerArn, Protocol = "TCP", Port = 443,
      DefaultActions = forward(tcp) }
    elb:create_listener(listener)
    listener.Port, listener.DefaultActions = 80, forward(group "http")
    assert.equal("InvalidConfigurationRequest", refused("create_listener", listener))
    elb:delete_load_balancer { LoadBalancerArn = made.LoadBalancerArn }
    task.sleep(120)
    ec2:release_address { AllocationId = address.AllocationId }
  end)

  it("moves between subnets and groups", function()
    local made = balancer { Scheme = "internal" }
    assert.matches("^internal%-web%-", made.DNSName)
    local third = ec2:create_subnet({ VpcId = vpc, CidrBlock = "10.0.3.0/24",
      AvailabilityZone = "us-east-1c" })
      .Subnet.SubnetId
    local zones = elb:set_subnets({ LoadBalancerArn = made.LoadBalancerArn, Subnets = { subnets[1], third } })
      .AvailabilityZones
    assert.equal(third, zones[2].SubnetId)
    ec2:delete_subnet { SubnetId = subnets[2] }
    local sg = ec2:create_security_group({ VpcId = vpc, GroupName = "lb", Description = "d" }).GroupId
    elb:set_security_groups { LoadBalancerArn = made.LoadBalancerArn, SecurityGroups = { sg } }
    assert.equal("DependencyViolation", (support.refused(ec2, "delete_security_group", { GroupId = sg })))
    assert.equal("InvalidSecurityGroup", refused("set_security_groups",
      { LoadBalancerArn = made.LoadBalancerArn, SecurityGroups = { "sg-1" } }))
    assert.equal("dualstack", elb:set_ip_address_type({ LoadBalancerArn = made.LoadBalancerArn,
      IpAddressType = "dualstack" }).IpAddressType)
    elb:describe_capacity_reservation { LoadBalancerArn = made.LoadBalancerArn }
    elb:describe_account_limits {}
  end)

  it("finds targets healthy after their checks, and drains them", function()
    local made = balancer()
    local image = aws.ssm:get_parameter({
      Name = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/image_id",
    }).Parameter.Value
    local id = ec2:run_instances({ ImageId = image, InstanceType = "m7i.large", MinCount = 1, MaxCount = 1,
      SubnetId = subnets[1] }).Instances[1].InstanceId
    local arn = group("web", { HealthCheckIntervalSeconds = 10, HealthyThresholdCount = 3 })
    assert.equal("InvalidTarget", refused("register_targets",
      { TargetGroupArn = arn, Targets = { { Id = "i-00000000000000000" } } }))
    elb:register_targets { TargetGroupArn = arn, Targets = { { Id = id } } }
    task.sleep(60)
    assert.same({ "unused" }, health(arn))
    local listener = elb:create_listener({ LoadBalancerArn = made.LoadBalancerArn, Protocol = "HTTP",
      Port = 80,
      DefaultActions = forward(arn) }).Listeners[1]
    assert.same({ made.LoadBalancerArn }, elb:describe_target_groups({ Names = { "web" } })
      .TargetGroups[1].LoadBalancerArns)
    assert.same({ "healthy" }, health(arn))
    elb:modify_target_group_attributes { TargetGroupArn = arn,
      Attributes = { { Key = "deregistration_delay.timeout_seconds", Value = "30" } } }
    elb:deregister_targets { TargetGroupArn = arn, Targets = { { Id = id } } }
    assert.same({ "draining" }, health(arn))
    task.sleep(31)
    assert.same({}, health(arn))
    elb:register_targets { TargetGroupArn = arn, Targets = { { Id = id, Port = 9090 } } }
    assert.same({ "initial" }, health(arn))
    assert.equal("Target.NotRegistered", elb:describe_target_health({ TargetGroupArn = arn,
      Targets = { { Id = id } } }).TargetHealthDescriptions[1].TargetHealth.Reason)
    ec2:stop_instances { InstanceIds = { id } }
    task.sleep(120)
    assert.same({ "unused" }, health(arn))
    assert.equal("ResourceInUse", refused("delete_target_group", { TargetGroupArn = arn }))
    elb:delete_listener { ListenerArn = listener.ListenerArn }
    elb:delete_target_group { TargetGroupArn = arn }
    assert.equal("TargetGroupNotFound", refused("describe_target_groups", { TargetGroupArns = { arn } }))
  end)

  it("has the instances of Auto Scaling groups as targets", function()
    local made, arn = balancer(), group("web", { HealthCheckIntervalSeconds = 10, HealthyThresholdCount = 2 })
    elb:create_listener { LoadBalancerArn = made.LoadBalancerArn, Protocol = "HTTP", Port = 80,
      DefaultActions = forward(arn) }
    local template = ec2:create_launch_template({ LaunchTemplateName = "t",
      LaunchTemplateData = { InstanceType = "m7i.large" } }).LaunchTemplate.LaunchTemplateId
    local asg = { AutoScalingGroupName = "g", TargetGroupARNs = { arn } }
    aws.autoscaling:create_auto_scaling_group {
      AutoScalingGroupName = "g", MinSize = 2, MaxSize = 2, VPCZoneIdentifier = table.concat(subnets, ","),
      LaunchTemplate = { LaunchTemplateId = template }, TargetGroupARNs = { arn },
    }
    assert.same({ "initial", "initial" }, health(arn))
    elb:wait("target_in_service", { TargetGroupArn = arn })
    aws.autoscaling:detach_load_balancer_target_groups(asg)
    assert.same({ "draining", "draining" }, health(arn))
    task.sleep(300)
    aws.autoscaling:attach_load_balancer_target_groups(asg)
    assert.equal(1, #aws.autoscaling:describe_load_balancer_target_groups({ AutoScalingGroupName = "g" })
      .LoadBalancerTargetGroups)
    assert.equal(1, #aws.autoscaling:describe_traffic_sources({ AutoScalingGroupName = "g" }).TrafficSources)
    aws.autoscaling:detach_traffic_sources { AutoScalingGroupName = "g",
      TrafficSources = { { Identifier = arn } } }
    aws.autoscaling:attach_traffic_sources { AutoScalingGroupName = "g",
      TrafficSources = { { Identifier = arn } } }
    assert.same({ "initial", "initial" }, health(arn))
  end)

  it("routes by rules in their order", function()
    local made, one, two = balancer(), group "one", group "two"
    local params = { LoadBalancerArn = made.LoadBalancerArn, Protocol = "HTTPS", Port = 443,
      DefaultActions = forward(one) }
    assert.equal("ValidationError", refused("create_listener", params))
    params.Certificates = { { CertificateArn = "arn:aws:acm:us-east-1:111122223333:certificate/a" } }
    local listener = elb:create_listener(params).Listeners[1]
    assert.equal("DuplicateListener", refused("create_listener", params))
    assert.equal(1, listener.DefaultActions[1].ForwardConfig.TargetGroups[1].Weight)
    local function rule(priority, path)
      return { ListenerArn = listener.ListenerArn, Priority = priority, Actions = forward(two),
        Conditions = { { Field = "path-pattern", Values = { path } } } }
    end
    local first = elb:create_rule(rule(10, "/a/*")).Rules[1]
    assert.equal("PriorityInUse", refused("create_rule", rule(10, "/b/*")))
    local second = elb:create_rule(rule(5, "/b/*")).Rules[1]
    assert.same({ "/a/*" }, first.Conditions[1].PathPatternConfig.Values)
    local function order()
      local list = {}
      for i, found in ipairs(elb:describe_rules({ ListenerArn = listener.ListenerArn }).Rules) do
        list[i] = found.Priority
      end
      return list
    end
    assert.same({ "5", "10", "default" }, order())
    elb:set_rule_priorities { RulePriorities = {
      { RuleArn = first.RuleArn, Priority = 5 }, { RuleArn = second.RuleArn, Priority = 7 } } }
    assert.same({ "5", "7", "default" }, order())
    local default = elb:describe_rules({ ListenerArn = listener.ListenerArn }).Rules[3].RuleArn
    assert.equal("OperationNotPermitted", refused("delete_rule", { RuleArn = default }))
    elb:modify_rule { RuleArn = first.RuleArn, Actions = { { Type = "fixed-response",
      FixedResponseConfig = { StatusCode = "404" } } } }
    elb:delete_rule { RuleArn = second.RuleArn }
    elb:delete_target_group { TargetGroupArn = two }
    elb:modify_listener { ListenerArn = listener.ListenerArn, Port = 8443, DefaultActions = {
      { Type = "redirect", RedirectConfig = { StatusCode = "HTTP_301", Port = "443" } } } }
    local shown = elb:describe_listeners({ LoadBalancerArn = made.LoadBalancerArn }).Listeners[1]
    assert.equal("#{host}", shown.DefaultActions[1].RedirectConfig.Host)
    elb:add_listener_certificates { ListenerArn = listener.ListenerArn, Certificates = {
      { CertificateArn = "arn:aws:acm:us-east-1:111122223333:certificate/b" } } }
    assert.equal(2, #elb:describe_listener_certificates({ ListenerArn = listener.ListenerArn }).Certificates)
    elb:remove_listener_certificates { ListenerArn = listener.ListenerArn, Certificates = {
      { CertificateArn = "arn:aws:acm:us-east-1:111122223333:certificate/b" } } }
    assert.equal("true", elb:modify_listener_attributes({ ListenerArn = listener.ListenerArn, Attributes = {
      { Key = "routing.http.response.strict_transport_security.header_value", Value = "true" } } })
      .Attributes[2].Value)
    elb:describe_listener_attributes { ListenerArn = listener.ListenerArn }
    assert.equal("SSLPolicyNotFound", refused("describe_ssl_policies", { Names = { "none" } }))
    assert.is_true(#elb:describe_ssl_policies({}).SslPolicies > 3)
  end)

  it("has tags, which the tagging API finds", function()
    local made = balancer { Tags = { { Key = "elbv2.k8s.aws/cluster", Value = "demo" } } }
    local arn = made.LoadBalancerArn
    elb:add_tags { ResourceArns = { arn }, Tags = { { Key = "a", Value = "b" } } }
    assert.equal("DuplicateTagKeys", refused("add_tags", { ResourceArns = { arn },
      Tags = { { Key = "a", Value = "b" }, { Key = "a", Value = "c" } } }))
    elb:remove_tags { ResourceArns = { arn }, TagKeys = { "a" } }
    assert.same({ { Key = "elbv2.k8s.aws/cluster", Value = "demo" } },
      elb:describe_tags({ ResourceArns = { arn } }).TagDescriptions[1].Tags)
    local found = aws.resourcegroupstaggingapi:get_resources({
      TagFilters = { { Key = "elbv2.k8s.aws/cluster", Values = { "demo" } } },
      ResourceTypeFilters = { "elasticloadbalancing:loadbalancer" },
    }).ResourceTagMappingList
    assert.equal(arn, found[1].ResourceARN)
    assert.equal("ValidationError", refused("describe_tags", { ResourceArns = { "web" } }))
  end)

  it("checks target groups", function()
    assert.equal("ValidationError", refused("create_target_group", { Name = "a_b", Protocol = "HTTP",
      Port = 80,
      VpcId = vpc }))
    assert.equal("ValidationError", refused("create_target_group", { Name = "a", Protocol = "HTTP",
      Port = 80 }))
    local one = group "a"
    assert.equal(one, group "a")
    assert.equal("DuplicateTargetGroupName", refused("create_target_group",
      { Name = "a", Protocol = "HTTP", Port = 81, VpcId = vpc }))
    assert.equal("/healthz", elb:modify_target_group({ TargetGroupArn = one, HealthCheckPath = "/healthz" })
      .TargetGroups[1].HealthCheckPath)
    local ips = group("ips", { TargetType = "ip" })
    elb:register_targets { TargetGroupArn = ips, Targets = { { Id = "10.0.1.77" } } }
    assert.equal("ValidationError", refused("register_targets",
      { TargetGroupArn = ips, Targets = { { Id = "web" } } }))
    elb:describe_target_group_attributes { TargetGroupArn = ips }
    elb:describe_load_balancer_attributes { LoadBalancerArn = balancer().LoadBalancerArn }
  end)
end)

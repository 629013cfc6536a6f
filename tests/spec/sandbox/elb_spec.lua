-- Classic load balancers, as Kubernetes makes them and leaves them behind.
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"
local trials = require "eksrun.trial"

local LISTENERS = { { Protocol = "tcp", LoadBalancerPort = 80, InstancePort = 30080 } }

describe("ELB's first API in the sandbox", function()
  local aws, elb, vpc, subnets
  before_each(function()
    aws = support.open()
    elb = aws.elb
    vpc, subnets = support.network(aws)
  end)
  after_each(support.close)

  local function create(more)
    local params = { LoadBalancerName = "web", Listeners = LISTENERS, Subnets = subnets, Scheme = "internal",
      Tags = { { Key = "kubernetes.io/cluster/demo", Value = "owned" } } }
    for name, value in pairs(more or {}) do params[name] = value end
    return elb:create_load_balancer(params)
  end
  local function refused(operation, params) return (support.refused(elb, operation, params)) end
  local function web() return elb:describe_load_balancers({}).LoadBalancerDescriptions[1] end
  local function interfaces()
    return aws.ec2:describe_network_interfaces({
      Filters = { { Name = "description", Values = { "ELB web" } } },
    }).NetworkInterfaces
  end

  it("makes load balancers, whose interfaces hold on to their subnets for a while", function()
    local name = create().DNSName
    assert.matches("^internal%-web%-%d+%.us%-east%-1%.elb%.amazonaws%.com$", name)
    assert.equal(name, create().DNSName)
    local shown = web()
    assert.equal(vpc, shown.VPCId)
    assert.same(subnets, shown.Subnets)
    assert.same({ "us-east-1a", "us-east-1b" }, shown.AvailabilityZones)
    assert.equal("TCP:30080", shown.HealthCheck.Target)
    assert.equal("TCP", shown.ListenerDescriptions[1].Listener.InstanceProtocol)
    assert.equal("default", shown.SourceSecurityGroup.GroupName)
    assert.equal(2, #interfaces())
    assert.equal("amazon-elb", interfaces()[1].RequesterId)
    local tags = elb:describe_tags({ LoadBalancerNames = { "web" } }).TagDescriptions[1].Tags
    assert.equal("owned", tags[1].Value)
    elb:delete_load_balancer { LoadBalancerName = "web" }
    elb:delete_load_balancer { LoadBalancerName = "web" }
    assert.equal("LoadBalancerNotFound",
      refused("describe_load_balancers", { LoadBalancerNames = { "web" } }))
    assert.equal("DependencyViolation",
      (support.refused(aws.ec2, "delete_subnet", { SubnetId = subnets[1] })))
    task.sleep(300)
    aws.ec2:delete_subnet { SubnetId = subnets[1] }
  end)

  it("refuses what does not go together", function()
    local function why(more)
      local ok, err = pcall(create, more)
      assert.is_false(ok)
      return err.code
    end
    assert.equal("InvalidSubnet", why { Scheme = "internet-facing" })
    assert.equal("SubnetNotFound", why { Subnets = { "subnet-0123456789abcdef0" } })
    assert.equal("InvalidSecurityGroup", why { SecurityGroups = { "sg-0123456789abcdef0" } })
    assert.equal("UnsupportedProtocol",
      why { Listeners = { { Protocol = "UDP", LoadBalancerPort = 80, InstancePort = 80 } } })
    assert.equal("CertificateNotFound",
      why { Listeners = { { Protocol = "HTTPS", LoadBalancerPort = 443, InstancePort = 80 } } })
    assert.equal("DuplicateListener", why { Listeners = { LISTENERS[1], LISTENERS[1] } })
    create()
    assert.equal("DuplicateLoadBalancerName", why { Subnets = { subnets[1] } })
  end)

  it("changes listeners, groups, subnets, checks and attributes", function()
    create()
    elb:create_load_balancer_listeners { LoadBalancerName = "web",
      Listeners = { { Protocol = "TCP", LoadBalancerPort = 81, InstancePort = 30081 } } }
    assert.equal("DuplicateListener",
      refused("create_load_balancer_listeners", { LoadBalancerName = "web", Listeners = LISTENERS }))
    elb:delete_load_balancer_listeners { LoadBalancerName = "web", LoadBalancerPorts = { 80 } }
    assert.equal(81, web().ListenerDescriptions[1].Listener.LoadBalancerPort)
    local group = aws.ec2:create_security_group({
      GroupName = "k8s-elb-web", Description = "d", VpcId = vpc,
    }).GroupId
    elb:apply_security_groups_to_load_balancer { LoadBalancerName = "web", SecurityGroups = { group } }
    assert.equal("DependencyViolation",
      (support.refused(aws.ec2, "delete_security_group", { GroupId = group })))
    elb:detach_load_balancer_from_subnets { LoadBalancerName = "web", Subnets = { subnets[2] } }
    assert.equal(1, #interfaces())
    elb:attach_load_balancer_to_subnets { LoadBalancerName = "web", Subnets = { subnets[2] } }
    assert.equal(2, #interfaces())
    elb:configure_health_check { LoadBalancerName = "web", HealthCheck = {
      Target = "HTTP:10256/healthz", Interval = 10, Timeout = 5, UnhealthyThreshold = 6,
      HealthyThreshold = 2 } }
    assert.equal("HTTP:10256/healthz", web().HealthCheck.Target)
    elb:modify_load_balancer_attributes { LoadBalancerName = "web",
      LoadBalancerAttributes = { ConnectionSettings = { IdleTimeout = 120 } } }
    local attributes = elb:describe_load_balancer_attributes({ LoadBalancerName = "web" })
      .LoadBalancerAttributes
    assert.equal(120, attributes.ConnectionSettings.IdleTimeout)
    assert.is_false(attributes.AccessLog.Enabled)
    elb:add_tags { LoadBalancerNames = { "web" }, Tags = { { Key = "a", Value = "b" } } }
    elb:remove_tags { LoadBalancerNames = { "web" }, Tags = { { Key = "kubernetes.io/cluster/demo" } } }
    assert.same({ { Key = "a", Value = "b" } },
      elb:describe_tags({ LoadBalancerNames = { "web" } }).TagDescriptions[1].Tags)
  end)

  it("checks the health of instances", function()
    create()
    local image = aws.ec2:describe_images({ Owners = { "amazon" } }).Images[1]
    local id = aws.ec2:run_instances({
      ImageId = image.ImageId, MinCount = 1, MaxCount = 1, SubnetId = subnets[1],
      InstanceType = image.Architecture == "arm64" and "m7g.large" or "m6i.large",
    }).Instances[1].InstanceId
    local members = { { InstanceId = id } }
    elb:register_instances_with_load_balancer { LoadBalancerName = "web", Instances = members }
    local function state()
      return elb:describe_instance_health({ LoadBalancerName = "web" }).InstanceStates[1].State
    end
    assert.equal("OutOfService", state())
    elb:wait("instance_in_service", { LoadBalancerName = "web", Instances = members })
    assert.equal("InService", state())
    elb:deregister_instances_from_load_balancer { LoadBalancerName = "web", Instances = members }
    assert.same({}, web().Instances)
    assert.equal("InvalidInstance", refused("register_instances_with_load_balancer",
      { LoadBalancerName = "web", Instances = { { InstanceId = "i-0123456789abcdef0" } } }))
  end)

  it("goes with the cluster that it was made for", function()
    support.close()
    local trial <close> = trials.new {}
    trial:apply("recipes/managed-cluster.lua", {})
    local cloud = trial.aws
    local cluster = cloud.eks:describe_cluster({ name = "demo" }).cluster.resourcesVpcConfig
    local own = { { Key = "kubernetes.io/cluster/demo", Value = "owned" } }
    local group = cloud.ec2:create_security_group({
      GroupName = "k8s-elb-ademo", Description = "d", VpcId = cluster.vpcId,
      TagSpecifications = { { ResourceType = "security-group", Tags = own } },
    }).GroupId
    cloud.elb:create_load_balancer {
      LoadBalancerName = "ademo", Listeners = LISTENERS, Scheme = "internal", Tags = own,
      Subnets = { cluster.subnetIds[1] }, SecurityGroups = { group },
    }
    trial:destroy("recipes/managed-cluster.lua", {})
    assert.same({}, cloud.elb:describe_load_balancers({}).LoadBalancerDescriptions)
    assert.same({}, cloud.ec2:describe_vpcs({}).Vpcs)
  end)
end)

-- What Kubernetes leaves in AWS when its cluster goes: what is found, what is only named, and what a run
-- makes of it.
local apply = require "eksrun.engine.apply"
local errors = require "eksrun.error"
local fake = require "tests.spec.support.fake_aws"
local graph = require "eksrun.engine.graph"
local kinds = require "eksrun.resource.leftovers.kinds"
local leftovers = require "eksrun.resource.leftovers"
local planning = require "eksrun.engine.plan"
local resource = require "eksrun.resource"
local stacks = require "eksrun.engine.stack"
local task = require "eksrun.task"

local ARN = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/"

local function gone() return errors.new { code = "ResourceNotFoundException", message = "none" } end

-- Deletions as a plan has them.
local function cluster(name, vpc)
  return {
    op = "delete", type = resource.get "eks.cluster",
    record = { name = name, resourcesVpcConfig = { vpcId = vpc } },
  }
end
local function network(vpc)
  return { op = "delete", type = resource.get "ec2.vpc", record = { VpcId = vpc } }
end

-- Load balancers by name: { vpc, tags }.
local function balancers(list)
  local items, tags = {}, {}
  for name, item in pairs(list) do
    items[#items + 1] = { LoadBalancerName = name, LoadBalancerArn = ARN .. name .. "/1", VpcId = item[1] }
    tags[#tags + 1] = { ResourceArn = ARN .. name .. "/1", Tags = fake.tags(item[2]) }
  end
  return {
    ["elbv2.describe_load_balancers"] = { LoadBalancers = items },
    ["elbv2.describe_tags"] = { TagDescriptions = tags },
  }
end

local function find(answers, actions, late)
  local aws, calls = fake.new(answers)
  return leftovers.find(fake.context(aws), actions, late), calls
end

local function names(found)
  local out = {}
  for i, action in ipairs(found.actions) do out[i] = action.type.name .. " " .. action.address end
  table.sort(out)
  return out
end

local function notes(found)
  local out = {}
  for i, note in ipairs(found.notes) do out[i] = note.name .. ": " .. note.text end
  table.sort(out)
  return out
end

describe("leftovers of Kubernetes", function()
  local sleep = task.sleep
  setup(function() task.sleep = function() end end)
  teardown(function() task.sleep = sleep end)

  it("are not looked for where neither a cluster nor a network goes", function()
    local found, calls = find({}, {
      { op = "keep", type = resource.get "ec2.vpc", record = { VpcId = "vpc-1" } },
      { op = "delete", type = resource.get "iam.role", record = { RoleName = "r" } },
    })
    assert.same({ actions = {}, notes = {}, unseen = {} }, found)
    assert.same({}, calls)
  end)

  it("are of the cluster that goes, in its network, by the controllers' tags", function()
    local answers = balancers {
      one = { "vpc-1", { ["elbv2.k8s.aws/cluster"] = "demo" } },
      two = { "vpc-1", { ["kubernetes.io/cluster/demo"] = "owned" } },
      auto = { "vpc-1", { ["eks:eks-cluster-name"] = "demo" } },
      shared = { "vpc-1", { ["kubernetes.io/cluster/demo"] = "shared" } },
      others = { "vpc-1", { ["elbv2.k8s.aws/cluster"] = "other" } },
      elsewhere = { "vpc-2", { ["elbv2.k8s.aws/cluster"] = "demo" } },
      stacked = { "vpc-1", { ["elbv2.k8s.aws/cluster"] = "demo", [stacks.TAG_STACK] = "another" } },
    }
    answers["elb.describe_load_balancers"] = {
      LoadBalancerDescriptions = { { LoadBalancerName = "classic", VPCId = "vpc-1", Subnets = { "s-1" } } },
    }
    answers["elb.describe_tags"] = { TagDescriptions = {
      { LoadBalancerName = "classic", Tags = fake.tags { ["kubernetes.io/cluster/demo"] = "owned" } },
    } }
    answers.describe_target_groups = { TargetGroups = {} }
    local found, calls = find(answers, { cluster("demo", "vpc-1") })
    assert.same({
      "elb.load_balancer classic", "elbv2.load_balancer auto", "elbv2.load_balancer one",
      "elbv2.load_balancer two",
    }, names(found))
    assert.same({}, found.notes)
    assert.equal("made by Kubernetes for demo", found.actions[1].reason)
    -- Nobody asked for what stands in other networks.
    assert.equal(6, #calls.describe_tags.ResourceArns)
  end)

  it("of a cluster that is gone go with the network, unless something lives in it", function()
    local answers = balancers { web = { "vpc-1", { ["elbv2.k8s.aws/cluster"] = "old" } } }
    answers.describe_cluster = gone()
    assert.same({ "elbv2.load_balancer web" }, names(find(answers, { network "vpc-1" })))
    answers.describe_network_interfaces = { NetworkInterfaces = {
      { VpcId = "vpc-1", Status = "in-use", Attachment = { InstanceId = "i-1" } },
    } }
    local found = find(answers, { network "vpc-1" })
    assert.same({}, found.actions)
    assert.same({ "web: of old, which EKS does not know; instances are in the network" }, notes(found))
    answers.describe_cluster = { cluster = {} }
    assert.same({ "web: of the cluster old, which is there" }, notes(find(answers, { network "vpc-1" })))
    answers.describe_cluster = errors.new { code = "AccessDeniedException", message = "no" }
    assert.same({}, find(answers, { network "vpc-1" }).actions)
  end)

  it("that are none are named, where they are in the way", function()
    local answers = balancers { mine = { "vpc-1", {} } }
    answers.describe_security_groups = { SecurityGroups = {
      { GroupId = "sg-0", GroupName = "default", VpcId = "vpc-1" },
      { GroupId = "sg-1", GroupName = "k8s-web", VpcId = "vpc-1",
        Tags = fake.tags { ["kubernetes.io/cluster/demo"] = "owned" } },
      { GroupId = "sg-2", GroupName = "nodes", VpcId = "vpc-1",
        Tags = fake.tags { ["kubernetes.io/cluster/demo"] = "owned" } },
      { GroupId = "sg-3", GroupName = "eks-cluster-sg", VpcId = "vpc-1",
        Tags = fake.tags { ["aws:eks:cluster-name"] = "demo" } },
    } }
    answers.describe_target_groups = { TargetGroups = {
      { TargetGroupArn = "tg", TargetGroupName = "mine", VpcId = "vpc-1" },
    } }
    answers.describe_cluster = { cluster = {} }
    local found = find(answers, { network "vpc-1", cluster("demo", "vpc-1") })
    assert.same({ "ec2.security_group k8s-web" }, names(found))
    assert.same({ "mine: not known to be of Kubernetes", "nodes: not known to be of Kubernetes" },
      notes(found))
    answers.describe_cluster = gone()
    found = find(answers, { network "vpc-1", cluster("demo", "vpc-1") })
    assert.same({ "ec2.security_group eks-cluster-sg", "ec2.security_group k8s-web" }, names(found))
  end)

  it("are interfaces that nothing uses, of nodes that are gone", function()
    local function interface(id, fields)
      fields.NetworkInterfaceId, fields.VpcId, fields.SubnetId = id, "vpc-1", "subnet-1"
      fields.Status = fields.Status or "available"
      fields.TagSet = fake.tags(fields.TagSet or {})
      return fields
    end
    local answers = { describe_cluster = gone(), describe_network_interfaces = { NetworkInterfaces = {
      interface("eni-node", { Status = "in-use", Attachment = { InstanceId = "i-1" } }),
      interface("eni-warm", { TagSet = { ["node.k8s.amazonaws.com/instance_id"] = "i-1" } }),
      interface("eni-late", { Description = "aws-K8S-i-0abc" }),
      interface("eni-branch", { TagSet = {
        ["eks:eni:owner"] = "eks-vpc-resource-controller", ["kubernetes.io/cluster/demo"] = "owned",
      } }),
      interface("eni-mine", {}),
      interface("eni-lb", { Status = "in-use", Description = "ELB app/web/1" }),
    } } }
    local found = find(answers, { network "vpc-1", cluster("demo", "vpc-1") })
    assert.same({ "ec2.network_interface eni-branch", "ec2.network_interface eni-late" }, names(found))
    assert.same({ "eni-mine: not known to be of Kubernetes" }, notes(found))
    -- In a network of others the tag of the cluster is wanted.
    found = find(answers, { cluster("demo", "vpc-1") })
    assert.same({ "ec2.network_interface eni-branch" }, names(found))
  end)

  it("are left to a cluster that still runs, once the run is on", function()
    local answers = balancers { web = { "vpc-1", { ["elbv2.k8s.aws/cluster"] = "demo" } } }
    answers.describe_cluster = { cluster = {} }
    assert.same({}, find(answers, { cluster("demo", "vpc-1") }, true).actions)
    assert.equal(1, #find(answers, { cluster("demo", "vpc-1") }).actions)
  end)

  it("are never volumes: these are named", function()
    local own = { ["kubernetes.io/cluster/demo"] = "owned" }
    local claimed = {
      ["kubernetes.io/created-for/pvc/name"] = "data", ["kubernetes.io/created-for/pvc/namespace"] = "db",
      ["kubernetes.io/cluster/demo"] = "owned",
    }
    local found = find({ describe_volumes = { Volumes = {
      { VolumeId = "vol-1", Size = 8, Tags = fake.tags(claimed) },
      { VolumeId = "vol-root", Size = 20, Tags = fake.tags(own) },
    } } }, { cluster("demo", "vpc-1") })
    assert.same({}, found.actions)
    assert.same({ "vol-1: 8 GiB of the claim db/data: it is kept, with its data" }, notes(found))
  end)

  it("that may not be looked for are said, what an endpoint lacks is not", function()
    local found = find({
      ["elbv2.describe_load_balancers"] = errors.new { code = "AccessDenied", message = "no" },
      ["elb.describe_load_balancers"] = errors.new { code = "InvalidAction", message = "what" },
    }, { network "vpc-1" })
    assert.equal(1, #found.unseen)
    assert.equal("elbv2.load_balancer", found.unseen[1].type.name)
  end)

  it("lose the rules of other groups that refer to them", function()
    local aws, calls = fake.new { describe_security_groups = function(params)
      if params.Filters[1].Name ~= "ip-permission.group-id" then return {} end
      return { SecurityGroups = { { GroupId = "sg-2", IpPermissions = {
        { IpProtocol = "tcp", FromPort = 80, ToPort = 80, UserIdGroupPairs = {
          { GroupId = "sg-1" }, { GroupId = "sg-3" },
        } },
        { IpProtocol = "-1", UserIdGroupPairs = { { GroupId = "sg-3" } } },
      } }, { GroupId = "sg-1", IpPermissions = {
        { IpProtocol = "-1", UserIdGroupPairs = { { GroupId = "sg-1" } } },
      } } } }
    end }
    kinds.security_group.delete(fake.context(aws), { GroupId = "sg-1" })
    assert.same({
      "describe_security_groups", "revoke_security_group_ingress", "describe_security_groups",
      "delete_security_group",
    }, fake.operations(calls))
    assert.same({ GroupId = "sg-2", IpPermissions = {
      { IpProtocol = "tcp", FromPort = 80, ToPort = 80, UserIdGroupPairs = { { GroupId = "sg-1" } } },
    } }, calls.revoke_security_group_ingress)
  end)

  describe("in a run", function()
    local answers, interfaces

    before_each(function()
      interfaces = {}
      answers = balancers { web = { "vpc-1", { ["elbv2.k8s.aws/cluster"] = "old" } } }
      answers.describe_cluster = gone()
      answers.describe_vpcs = { Vpcs = { { VpcId = "vpc-1", Tags = fake.tags(fake.OWN) } } }
      answers.describe_vpc_attribute = { EnableDnsSupport = {}, EnableDnsHostnames = {} }
      answers.describe_network_interfaces = function() return { NetworkInterfaces = interfaces } end
    end)

    local function destroy()
      local declared = graph.new()
      declared.stack = stacks.new(fake.STACK, { region = "us-east-1" })
      local aws, calls = fake.new(answers)
      local plan = planning.make {
        graph = declared, stack = declared.stack, aws = aws, types = { resource.get "ec2.vpc" },
        destroy = true,
      }
      return apply.run(plan, { aws = aws }), calls
    end

    it("go before the network, and what comes up meanwhile goes too", function()
      local refusals = 0
      answers.delete_vpc = function()
        if refusals == 0 then
          interfaces = { {
            NetworkInterfaceId = "eni-1", VpcId = "vpc-1", Status = "available", Description = "aws-K8S-i-0a",
          } }
        end
        refusals = refusals + #interfaces
        if interfaces[1] then return errors.new { code = "DependencyViolation", message = "in use" } end
        return {}
      end
      answers.delete_network_interface = function()
        interfaces = {}
        return {}
      end
      local result, calls = destroy()
      assert.same({}, result.failed)
      assert.equal(3, #result.done)
      local changed = {}
      for _, name in ipairs(fake.operations(calls)) do
        if name:find "^delete" then changed[#changed + 1] = name end
      end
      assert.same({ "delete_load_balancer", "delete_vpc", "delete_network_interface", "delete_vpc" }, changed)
    end)

    it("that cannot be told apart are named where the network stays", function()
      local clock = require "eksrun.clock"
      local monotonic, at = clock.monotonic, 0
      finally(function() clock.monotonic = monotonic end)
      clock.monotonic = function()
        at = at + 10
        return at
      end
      answers["elbv2.describe_load_balancers"] = {}
      interfaces = { {
        NetworkInterfaceId = "eni-9", VpcId = "vpc-1", Status = "in-use", Description = "ELB app/mine/1",
      } }
      answers.delete_vpc = errors.new { code = "DependencyViolation", message = "it has dependencies" }
      local result = destroy()
      assert.equal("still in vpc-1: eni-9 (ELB app/mine/1): it has dependencies",
        tostring(result.failed[1].err))
    end)
  end)
end)

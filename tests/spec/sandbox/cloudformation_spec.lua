-- Stacks: templates, what is made of them and in which order, changes, failures.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local process = require "eksrun.process"
local sandbox = require "eksrun.sandbox"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

-- As eksctl's: a network, a role, a cluster with a node group.
local TEMPLATE = [==[
AWSTemplateFormatVersion: 2010-09-09
Description: a cluster
Parameters:
  Name: { Type: String, Default: demo }
  Nodes: { Type: Number, Default: 1, AllowedValues: [1, 2, 3] }
Mappings:
  Principals:
    aws: { EKS: eks.amazonaws.com, EC2: ec2.amazonaws.com }
Conditions:
  Logged: !Equals [!Ref Name, logged]
Resources:
  VPC:
    Type: AWS::EC2::VPC
    Properties:
      CidrBlock: 10.0.0.0/16
      EnableDnsHostnames: true
      Tags: [{ Key: Name, Value: !Sub "${AWS::StackName}/VPC" }]
  IGW: { Type: "AWS::EC2::InternetGateway" }
  Attachment:
    Type: AWS::EC2::VPCGatewayAttachment
    Properties: { VpcId: !Ref VPC, InternetGatewayId: !Ref IGW }
  Routes:
    Type: AWS::EC2::RouteTable
    Properties: { VpcId: !Ref VPC }
  Route:
    Type: AWS::EC2::Route
    DependsOn: Attachment
    Properties: { RouteTableId: !Ref Routes, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref IGW }
  SubnetA:
    Type: AWS::EC2::Subnet
    Properties:
      VpcId: !Ref VPC
      AvailabilityZone: !Select [0, !GetAZs ""]
      CidrBlock: !Select [0, !Cidr [!GetAtt VPC.CidrBlock, 4, 8]]
      MapPublicIpOnLaunch: true
  SubnetB:
    Type: AWS::EC2::Subnet
    Properties:
      VpcId: !Ref VPC
      AvailabilityZone: !Select [1, !GetAZs ""]
      CidrBlock: !Select [1, !Cidr [!GetAtt VPC.CidrBlock, 4, 8]]
  Association:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: { SubnetId: !Ref SubnetA, RouteTableId: !Ref Routes }
  ServiceRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: sts:AssumeRole
            Principal: { Service: [!FindInMap [Principals, !Ref "AWS::Partition", EKS]] }
      ManagedPolicyArns: [!Sub "arn:${AWS::Partition}:iam::aws:policy/AmazonEKSClusterPolicy"]
  NodeRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - { Effect: Allow, Action: "sts:AssumeRole", Principal: { Service: ec2.amazonaws.com } }
      ManagedPolicyArns:
        - !Sub "arn:${AWS::Partition}:iam::aws:policy/AmazonEKSWorkerNodePolicy"
        - !Sub "arn:${AWS::Partition}:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"
  NodePolicy:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: !Join ["-", [!Ref "AWS::StackName", Policy]]
      Roles: [!Ref NodeRole]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{ Effect: Allow, Action: "ec2:DescribeTags", Resource: "*" }]
  ControlPlane:
    Type: AWS::EKS::Cluster
    Properties:
      Name: !Ref Name
      RoleArn: !GetAtt ServiceRole.Arn
      ResourcesVpcConfig: { SubnetIds: [!Ref SubnetA, !Ref SubnetB], EndpointPublicAccess: "true" }
      AccessConfig: { AuthenticationMode: API_AND_CONFIG_MAP }
      Logging:
        Fn::If: [Logged, { ClusterLogging: { EnabledTypes: [{ Type: api }] } }, !Ref "AWS::NoValue"]
  NodeGroup:
    Type: AWS::EKS::Nodegroup
    Properties:
      ClusterName: !Ref ControlPlane
      NodegroupName: ng
      NodeRole: !GetAtt NodeRole.Arn
      Subnets: [!Ref SubnetA]
      ScalingConfig: { MinSize: 1, MaxSize: 3, DesiredSize: !Ref Nodes }
      Labels: { role: worker }
      Tags: { team: a }
  Vpccni:
    Type: AWS::EKS::Addon
    Properties: { ClusterName: !Ref ControlPlane, AddonName: vpc-cni }
Outputs:
  Endpoint: { Value: !GetAtt ControlPlane.Endpoint, Export: { Name: !Sub "${AWS::StackName}::Endpoint" } }
  Subnets: { Value: !Join [",", [!Ref SubnetA, !Ref SubnetB]] }
]==]

local function small(properties, more)
  local resources = { Group = { Type = "AWS::Logs::LogGroup", Properties = properties } }
  for name, resource in pairs(more or {}) do resources[name] = resource end
  return json.encode { Resources = resources }
end

describe("CloudFormation in the sandbox", function()
  local aws, cf
  before_each(function()
    aws = support.open()
    cf = aws.cloudformation
  end)
  after_each(support.close)

  local function stack(name) return cf:describe_stacks({ StackName = name or "s" }).Stacks[1] end
  local function status(name) return stack(name).StackStatus end
  local function settle(name)
    for _ = 1, 400 do
      local now = status(name)
      if not now:find "IN_PROGRESS" then return now end
      task.sleep(10)
    end
  end
  local function refused(operation, params) return support.refused(cf, operation, params) end

  it("makes a cluster of a template in YAML, and takes it away", function()
    local id = cf:create_stack({ StackName = "s", TemplateBody = TEMPLATE,
      Capabilities = { "CAPABILITY_IAM" },
      Tags = { { Key = "owner", Value = "me" } } }).StackId
    assert.equal("CREATE_IN_PROGRESS", status())
    assert.equal("CREATE_COMPLETE", settle())
    local outputs = {}
    for _, output in ipairs(stack().Outputs) do outputs[output.OutputKey] = output.OutputValue end
    local cluster = aws.eks:describe_cluster({ name = "demo" }).cluster
    assert.equal(cluster.endpoint, outputs.Endpoint)
    assert.equal(table.concat(cluster.resourcesVpcConfig.subnetIds, ","), outputs.Subnets)
    assert.equal("me", cluster.tags.owner)
    assert.equal("s", cluster.tags["aws:cloudformation:stack-name"])
    assert.equal("s::Endpoint", cf:list_exports({}).Exports[1].Name)
    local group = aws.eks:describe_nodegroup({ clusterName = "demo", nodegroupName = "ng" }).nodegroup
    assert.same({ role = "worker" }, group.labels)
    assert.equal("a", group.tags.team)
    local vpc = aws.ec2:describe_vpcs({ Filters = { { Name = "tag:Name", Values = { "s/VPC" } } } }).Vpcs[1]
    assert.equal("10.0.0.0/16", vpc.CidrBlock)
    local ranges = {}
    for i, subnet in ipairs(aws.ec2:describe_subnets({}).Subnets) do ranges[i] = subnet.CidrBlock end
    table.sort(ranges)
    assert.same({ "10.0.0.0/24", "10.0.1.0/24" }, ranges)
    local first = {}
    for _, event in ipairs(cf:describe_stack_events({ StackName = "s" }).StackEvents) do
      if event.ResourceStatus == "CREATE_COMPLETE" then first[event.LogicalResourceId] = event.Timestamp end
    end
    assert.is_true(first.VPC <= first.SubnetA and first.SubnetA < first.ControlPlane
      and first.ControlPlane < first.NodeGroup)
    assert.equal(14, #cf:list_stack_resources({ StackName = "s" }).StackResourceSummaries)
    cf:delete_stack { StackName = "s" }
    assert.equal("DELETE_IN_PROGRESS", status())
    cf:wait("stack_delete_complete", { StackName = id })
    assert.equal("DELETE_COMPLETE", stack(id).StackStatus)
    assert.equal("ValidationError", (refused("describe_stacks", { StackName = "s" })))
    assert.same({}, aws.eks:list_clusters({}).clusters)
    assert.equal(0, #aws.ec2:describe_vpcs({}).Vpcs)
  end)

  it("goes on from a state that was saved in the midst of a stack", function()
    local _, world = support.open()
    aws = require("eksrun.aws").session(world:options())
    aws.cloudformation:create_stack { StackName = "s", TemplateBody = TEMPLATE,
      Capabilities = { "CAPABILITY_IAM" } }
    task.sleep(400)
    local state = json.decode(json.encode(world:save(clock.now())))
    support.close()
    world = sandbox.new { state = state }
    clock.simulate(world.started)
    cf = require("eksrun.aws").session(world:options()).cloudformation
    assert.equal("CREATE_IN_PROGRESS", status())
    assert.equal("CREATE_COMPLETE", settle())
    cf:delete_stack { StackName = "s" }
    task.sleep(1800)
    assert.equal("ValidationError", (refused("describe_stacks", { StackName = "s" })))
  end)

  it("reads a template before it takes it", function()
    local function why(body, more)
      local params = { StackName = "s", TemplateBody = body }
      for key, value in pairs(more or {}) do params[key] = value end
      return select(2, refused("create_stack", params))
    end
    assert.matches("At least one Resources member", why "{}")
    assert.matches("JSON not well%-formed", why "{")
    assert.matches("Unrecognized resource types: %[AWS::Moon::Base%]",
      why '{"Resources":{"A":{"Type":"AWS::Moon::Base"}}}')
    assert.matches("Unresolved resource dependencies %[Nobody%]",
      why(small { LogGroupName = { Ref = "Nobody" } }))
    assert.matches("must have values", why('{"Parameters":{"P":{"Type":"String"}},' .. small({}):sub(2)))
    assert.matches("must be one of AllowedValues", why(TEMPLATE, { Parameters = {
      { ParameterKey = "Nodes", ParameterValue = "7" },
    } }))
    assert.matches("Requires capabilities : %[CAPABILITY_IAM%]", why(TEMPLATE))
    assert.equal("InsufficientCapabilitiesException",
      (refused("create_stack", { StackName = "s", TemplateBody = TEMPLATE })))
  end)

  it("takes back what it made when something fails", function()
    local body = small({ LogGroupName = "g" }, {
      Vpc = { Type = "AWS::EC2::VPC", DependsOn = "Group", Properties = { CidrBlock = "10.0.0.0/8" } },
    })
    cf:create_stack { StackName = "s", TemplateBody = body }
    assert.equal("ROLLBACK_COMPLETE", settle())
    assert.equal(0, #aws.logs:describe_log_groups({}).logGroups)
    local found
    for _, event in ipairs(cf:describe_stack_events({ StackName = "s" }).StackEvents) do
      if event.ResourceStatus == "CREATE_FAILED" then found = event end
    end
    assert.equal("Vpc", found.LogicalResourceId)
    assert.matches("InvalidVpc.Range", found.ResourceStatusReason, 1, true)
    assert.equal("ValidationError", (refused("update_stack", { StackName = "s", TemplateBody = body })))
    cf:delete_stack { StackName = "s" }
    settle(stack().StackId)
    cf:create_stack { StackName = "s", TemplateBody = body, OnFailure = "DO_NOTHING" }
    assert.equal("CREATE_FAILED", settle())
    assert.equal(1, #aws.logs:describe_log_groups({}).logGroups)
  end)

  it("changes in place what it can, replaces what it cannot, and goes back", function()
    local function update(body)
      cf:update_stack { StackName = "s", TemplateBody = body }
      return settle()
    end
    local function groups()
      local list = {}
      for i, group in ipairs(aws.logs:describe_log_groups({}).logGroups) do
        list[i] = group.logGroupName .. "=" .. tostring(group.retentionInDays)
      end
      return list
    end
    cf:create_stack { StackName = "s", TemplateBody = small { LogGroupName = "a", RetentionInDays = 1 } }
    settle()
    assert.equal("UPDATE_COMPLETE", update(small { LogGroupName = "a", RetentionInDays = 3 }))
    assert.same({ "a=3" }, groups())
    assert.matches("No updates are to be performed", select(2, refused("update_stack",
      { StackName = "s", TemplateBody = small { LogGroupName = "a", RetentionInDays = 3 } })))
    assert.equal("UPDATE_COMPLETE", update(small { LogGroupName = "b", RetentionInDays = 3 }))
    assert.same({ "b=3" }, groups())
    local bad = { Type = "AWS::EC2::VPC", Properties = { CidrBlock = "10.0.0.0/8" }, DependsOn = "Group" }
    assert.equal("UPDATE_ROLLBACK_COMPLETE", update(small({ LogGroupName = "c", RetentionInDays = 5 },
      { Vpc = bad })))
    assert.same({ "b=3" }, groups())
    local more = { More = { Type = "AWS::Logs::LogGroup", Properties = { LogGroupName = "more" } } }
    assert.equal("UPDATE_COMPLETE", update(small({ LogGroupName = "b", RetentionInDays = 5 }, more)))
    assert.same({ "b=5", "more=nil" }, groups())
    assert.equal("UPDATE_COMPLETE", update(small { LogGroupName = "b", RetentionInDays = 5 }))
    assert.same({ "b=5" }, groups())
  end)

  it("says in change sets what it would do", function()
    local body = small { LogGroupName = "a", RetentionInDays = 1 }
    local function set(name, template, kind)
      cf:create_change_set { StackName = "s", ChangeSetName = name, TemplateBody = template,
        ChangeSetType = kind }
      task.sleep(30)
      return cf:describe_change_set { StackName = "s", ChangeSetName = name }
    end
    assert.equal("Add", set("one", body, "CREATE").Changes[1].ResourceChange.Action)
    assert.equal("REVIEW_IN_PROGRESS", status())
    cf:execute_change_set { StackName = "s", ChangeSetName = "one" }
    assert.equal("CREATE_COMPLETE", settle())
    local same = set("two", body, "UPDATE")
    assert.equal("FAILED", same.Status)
    assert.matches("didn't contain changes", same.StatusReason)
    assert.equal("False", set("three", small { LogGroupName = "a", RetentionInDays = 3 }, "UPDATE")
      .Changes[1].ResourceChange.Replacement)
    assert.equal("True", set("four", small { LogGroupName = "x" },
      "UPDATE").Changes[1].ResourceChange.Replacement)
    cf:execute_change_set { StackName = "s", ChangeSetName = "three" }
    assert.equal("UPDATE_COMPLETE", settle())
    assert.equal(3, aws.logs:describe_log_groups({}).logGroups[1].retentionInDays)
  end)

  it("keeps a stack that is protected, or whose exports are imported", function()
    local out = json.encode {
      Resources = { Group = { Type = "AWS::Logs::LogGroup", Properties = { LogGroupName = "a" } } },
      Outputs = { Name = { Value = { Ref = "Group" }, Export = { Name = "the-group" } } },
    }
    cf:create_stack { StackName = "s", TemplateBody = out, EnableTerminationProtection = true }
    settle()
    cf:create_stack { StackName = "t", TemplateBody = small {
      LogGroupName = { ["Fn::Sub"] = { "${g}-b", { g = { ["Fn::ImportValue"] = "the-group" } } } },
    } }
    settle "t"
    assert.equal("a-b", aws.logs:describe_log_groups({}).logGroups[2].logGroupName)
    assert.matches("TerminationProtection is enabled", select(2, refused("delete_stack",
      { StackName = "s" })))
    cf:update_termination_protection { StackName = "s", EnableTerminationProtection = false }
    assert.matches("in use by t", select(2, refused("delete_stack", { StackName = "s" })))
    assert.same({ "t" }, cf:list_imports({ ExportName = "the-group" }).Imports)
  end)

  it("is what eksrun's own stacks are made on", function()
    local folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "")
    file.write_atomic(folder .. "/recipe.lua", [[
      local p = require "eksrun".params { days = { 1, "retention" } }
      local stack = require "eksrun.cloudformation".stack {
        "logs", TemplateBody = {
          Parameters = { Days = { Type = "Number" } },
          Resources = { Group = { Type = "AWS::Logs::LogGroup",
            Properties = { LogGroupName = "g", RetentionInDays = { Ref = "Days" } } } },
          Outputs = { Name = { Value = { Ref = "Group" } } },
        }, Parameters = { Days = tostring(p.days) },
      }
      return { name = stack.Outputs.Name }]])
    local function eksrun(...)
      return process.run {
        argv = { file.realpath "/proc/self/exe", ... }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder },
      }
    end
    local function run(verb, ...)
      return eksrun(verb, folder .. "/recipe.lua", "--sandbox=" .. folder .. "/s.json", ...)
    end
    local made = run("apply", "--yes", "--json")
    assert.equal(0, made.code, made.stderr)
    assert.matches('"name":%s*"g"', made.stdout)
    local plan = run "plan"
    assert.equal(0, plan.code, plan.stdout .. plan.stderr)
    assert.equal(0, run("apply", "days=3", "--yes").code)
    assert.equal(0, run("plan", "days=3").code)
    local gone = run("destroy", "--yes")
    assert.equal(0, gone.code, gone.stderr)
    process.run { argv = { "rm", "-rf", folder } }
  end)
end)

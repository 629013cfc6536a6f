local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

describe("Auto Scaling in the sandbox", function()
  local aws, asg, world, subnets, image, template
  before_each(function()
    aws, world = support.open()
    asg = aws.autoscaling
    local _
    _, subnets = support.network(aws)
    image = aws.ssm:get_parameter({
      Name = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/image_id",
    }).Parameter.Value
    template = aws.ec2:create_launch_template({
      LaunchTemplateName = "t", LaunchTemplateData = { ImageId = image, InstanceType = "m7i.large" },
    }).LaunchTemplate.LaunchTemplateId
  end)
  after_each(support.close)

  local function refused(operation, params) return support.refused(asg, operation, params) end

  local function make(more)
    local params = {
      AutoScalingGroupName = "g", MinSize = 0, MaxSize = 6, DesiredCapacity = 2,
      LaunchTemplate = { LaunchTemplateId = template, Version = "$Latest" },
      VPCZoneIdentifier = table.concat(subnets, ","),
    }
    for key, value in pairs(more or {}) do params[key] = value end
    if params.MixedInstancesPolicy then params.LaunchTemplate = nil end
    asg:create_auto_scaling_group(params)
  end

  local function group()
    return asg:describe_auto_scaling_groups({ AutoScalingGroupNames = { "g" } }).AutoScalingGroups[1]
  end

  local function states()
    local count = {}
    for _, instance in ipairs(group().Instances) do
      count[instance.LifecycleState] = (count[instance.LifecycleState] or 0) + 1
    end
    return count
  end

  local function activities()
    local list = {}
    for i, activity in ipairs(asg:describe_scaling_activities({ AutoScalingGroupName = "g" }).Activities) do
      list[i] = activity.StatusCode .. " " .. activity.Description:match "^%a+"
    end
    return list
  end

  it("starts instances, spread over zones, and says so", function()
    make { Tags = { { Key = "team", Value = "a", PropagateAtLaunch = true }, { Key = "mine", Value = "b" } } }
    assert.same({ Pending = 2 }, states())
    assert.same({ "InProgress Launching", "InProgress Launching" }, activities())
    task.sleep(60)
    assert.same({ InService = 2 }, states())
    assert.same({ "Successful Launching", "Successful Launching" }, activities())
    local zones = {}
    for _, instance in ipairs(group().Instances) do zones[instance.AvailabilityZone] = true end
    assert.same({ ["us-east-1a"] = true, ["us-east-1b"] = true }, zones)
    local tags = {}
    local shown = aws.ec2:describe_instances({}).Reservations[1].Instances[1]
    for _, tag in ipairs(shown.Tags) do tags[tag.Key] = tag.Value end
    assert.equal("g", tags["aws:autoscaling:groupName"])
    assert.equal("a", tags.team)
    assert.is_nil(tags.mine)
    asg:set_desired_capacity { AutoScalingGroupName = "g", DesiredCapacity = 5 }
    assert.same({ InService = 2, Pending = 3 }, states())
    asg:update_auto_scaling_group { AutoScalingGroupName = "g", MaxSize = 1 }
    assert.equal(1, #group().Instances)
    assert.matches("above max value 1", select(2, refused("set_desired_capacity",
      { AutoScalingGroupName = "g", DesiredCapacity = 2 })))
    assert.equal("ValidationError", (refused("update_auto_scaling_group",
      { AutoScalingGroupName = "g", MinSize = 3 })))
    assert.equal(0, group().MinSize)
  end)

  it("replaces what is lost", function()
    make { DesiredCapacity = 1 }
    task.sleep(60)
    local id = group().Instances[1].InstanceId
    aws.ec2:terminate_instances { InstanceIds = { id } }
    task.sleep(150)
    assert.not_equal(id, group().Instances[1].InstanceId)
    assert.same({ InService = 1 }, states())
    local next_id = group().Instances[1].InstanceId
    local activity = asg:terminate_instance_in_auto_scaling_group({
      InstanceId = next_id, ShouldDecrementDesiredCapacity = true,
    }).Activity
    assert.matches("^Terminating EC2 instance: i%-", activity.Description)
    assert.equal(0, group().DesiredCapacity)
    assert.equal("ValidationError", (refused("terminate_instance_in_auto_scaling_group",
      { InstanceId = next_id, ShouldDecrementDesiredCapacity = false })))
    task.sleep(120)
    assert.equal(0, #group().Instances)
  end)

  it("goes around what is short, and tries again", function()
    world.world.state.shortages = { "m7i.large@us-east-1a" }
    make()
    task.sleep(60)
    assert.same({ InService = 2 }, states())
    for _, instance in ipairs(group().Instances) do assert.equal("us-east-1b", instance.AvailabilityZone) end
    world.world.state.shortages = { "m7i.*" }
    asg:set_desired_capacity { AutoScalingGroupName = "g", DesiredCapacity = 3 }
    assert.equal("Failed Launching", activities()[1])
    world.world.state.shortages = nil
    task.sleep(200)
    assert.same({ InService = 3 }, states())
  end)

  it("mixes types and spot instances", function()
    make {
      DesiredCapacity = 4, MixedInstancesPolicy = {
        LaunchTemplate = {
          LaunchTemplateSpecification = { LaunchTemplateId = template, Version = "1" },
          Overrides = { { InstanceType = "c7i.large" }, { InstanceType = "m7i.large" } },
        },
        InstancesDistribution = { OnDemandBaseCapacity = 1, OnDemandPercentageAboveBaseCapacity = 0 },
      },
    }
    local spot = aws.ec2:describe_instances {
      Filters = { { Name = "instance-lifecycle", Values = { "spot" } } },
    }
    assert.equal(3, #spot.Reservations)
    assert.equal("c7i.large", group().Instances[1].InstanceType)
    asg:delete_auto_scaling_group { AutoScalingGroupName = "g", ForceDelete = true }
    task.sleep(300)
    make {
      DesiredCapacity = 1, MixedInstancesPolicy = {
        LaunchTemplate = {
          LaunchTemplateSpecification = { LaunchTemplateId = template, Version = "1" },
          Overrides = { { InstanceRequirements = { VCpuCount = { Min = 4, Max = 4 },
            MemoryMiB = { Min = 16384 },
            CpuManufacturers = { "intel" }, ExcludedInstanceTypes = { "m5.*" } } } },
        },
      },
    }
    assert.equal("m6i.xlarge", group().Instances[1].InstanceType)
    assert.same({ { InstanceType = "c8g.medium" } }, aws.ec2:get_instance_types_from_instance_requirements({
      ArchitectureTypes = { "arm64" }, VirtualizationTypes = { "hvm" },
      InstanceRequirements = { VCpuCount = { Min = 1, Max = 1 }, MemoryMiB = { Min = 1, Max = 2048 },
        AllowedInstanceTypes = { "c8g.*" } },
    }).InstanceTypes)
  end)

  it("attaches, detaches and rests instances", function()
    make { DesiredCapacity = 1 }
    local own = aws.ec2:run_instances({
      ImageId = image, InstanceType = "m7i.large", MinCount = 1, MaxCount = 1, SubnetId = subnets[1],
    }).Instances[1].InstanceId
    task.sleep(60)
    asg:attach_instances { AutoScalingGroupName = "g", InstanceIds = { own } }
    assert.equal(2, group().DesiredCapacity)
    asg:set_instance_protection { AutoScalingGroupName = "g", InstanceIds = { own },
      ProtectedFromScaleIn = true }
    asg:set_desired_capacity { AutoScalingGroupName = "g", DesiredCapacity = 1 }
    assert.equal(own, group().Instances[1].InstanceId)
    asg:enter_standby { AutoScalingGroupName = "g", InstanceIds = { own },
      ShouldDecrementDesiredCapacity = true }
    assert.same({ Standby = 1 }, states())
    local out = asg:exit_standby({ AutoScalingGroupName = "g", InstanceIds = { own } }).Activities[1]
    assert.same({ "PreInService", 30 }, { out.StatusCode, out.Progress })
    assert.same({ InService = 1 }, states())
    assert.equal("HEALTHY", asg:describe_auto_scaling_instances({ InstanceIds = { own } })
      .AutoScalingInstances[1].HealthStatus)
    local gone = asg:detach_instances({ AutoScalingGroupName = "g", InstanceIds = { own },
      ShouldDecrementDesiredCapacity = false }).Activities[1]
    assert.same({ "InProgress", 50 }, { gone.StatusCode, gone.Progress })
    assert.equal("ValidationError", (support.refused(asg, "update_auto_scaling_group",
      { AutoScalingGroupName = "g", LaunchTemplate = { LaunchTemplateName = "other" },
        LaunchConfigurationName = "c" })))
    assert.not_equal(own, group().Instances[1].InstanceId)
    task.sleep(60)
    assert.equal("Successful", asg:describe_scaling_activities({ ActivityIds = { gone.ActivityId } })
      .Activities[1].StatusCode)
    asg:set_instance_health { InstanceId = group().Instances[1].InstanceId, HealthStatus = "Unhealthy" }
    assert.same({ Pending = 1 }, states())
  end)

  it("changes nothing by what it refuses", function()
    make { DesiredCapacity = 1, MaxSize = 1 }
    task.sleep(60)
    local member = group().Instances[1].InstanceId
    local own = aws.ec2:run_instances({
      ImageId = image, InstanceType = "m7i.large", MinCount = 1, MaxCount = 1, SubnetId = subnets[1],
    }).Instances[1].InstanceId
    task.sleep(60)
    local function refuses(pattern, operation, params)
      local before = group()
      params.AutoScalingGroupName = "g"
      local code, message = refused(operation, params)
      assert.equal("ValidationError", code)
      assert.matches(pattern, message)
      assert.same(before, group())
    end
    local standby = { AutoScalingGroupName = "g", InstanceIds = { member },
      ShouldDecrementDesiredCapacity = true }
    refuses("max%-size=1, and desired%-size=1. To attach 1 instance,", "attach_instances",
      { InstanceIds = { own } })
    refuses("is not in Standby", "exit_standby", { InstanceIds = { member } })
    asg:enter_standby(standby)
    refuses("is not in InService", "enter_standby", standby)
    asg:set_desired_capacity { AutoScalingGroupName = "g", DesiredCapacity = 1 }
    refuses("To take out of standby 1 instance,", "exit_standby", { InstanceIds = { member } })
    asg:update_auto_scaling_group { AutoScalingGroupName = "g", MinSize = 1, MaxSize = 3 }
    refuses("min%-size=1.* To detach 2 instances,", "detach_instances",
      { InstanceIds = { group().Instances[1].InstanceId, group().Instances[2].InstanceId },
        ShouldDecrementDesiredCapacity = true })
    refuses("already part", "attach_instances", { InstanceIds = { own, member } })
    refuses("Sleep is not a valid process", "suspend_processes", { ScalingProcesses = { "Launch", "Sleep" } })
    refuses("is not a valid metric", "enable_metrics_collection",
      { Granularity = "1Minute", Metrics = { "GroupMinSize", "GroupMood" } })
  end)

  it("suspends processes", function()
    make { DesiredCapacity = 0 }
    asg:suspend_processes { AutoScalingGroupName = "g", ScalingProcesses = { "Launch" } }
    asg:set_desired_capacity { AutoScalingGroupName = "g", DesiredCapacity = 1 }
    assert.equal(0, #group().Instances)
    assert.equal("Launch", group().SuspendedProcesses[1].ProcessName)
    asg:resume_processes { AutoScalingGroupName = "g" }
    assert.equal(1, #group().Instances)
    assert.equal("ValidationError", (refused("suspend_processes",
      { AutoScalingGroupName = "g", ScalingProcesses = { "Sleep" } })))
  end)

  it("waits for hooks", function()
    make { DesiredCapacity = 1, LifecycleHookSpecificationList = { {
      LifecycleHookName = "h", LifecycleTransition = "autoscaling:EC2_INSTANCE_LAUNCHING",
        HeartbeatTimeout = 300,
      DefaultResult = "CONTINUE",
    } } }
    task.sleep(60)
    assert.same({ ["Pending:Wait"] = 1 }, states())
    assert.equal(300, asg:describe_lifecycle_hooks({ AutoScalingGroupName = "g" })
      .LifecycleHooks[1].HeartbeatTimeout)
    local action = { AutoScalingGroupName = "g", LifecycleHookName = "h",
      InstanceId = group().Instances[1].InstanceId }
    asg:record_lifecycle_action_heartbeat(action)
    action.LifecycleActionResult = "CONTINUE"
    asg:complete_lifecycle_action(action)
    assert.same({ InService = 1 }, states())
    assert.equal("ValidationError", (refused("complete_lifecycle_action", action)))
    asg:set_desired_capacity { AutoScalingGroupName = "g", DesiredCapacity = 2 }
    task.sleep(200)
    assert.same({ InService = 1, ["Pending:Wait"] = 1 }, states())
    for _, instance in ipairs(group().Instances) do
      if instance.LifecycleState == "Pending:Wait" then action.InstanceId = instance.InstanceId end
    end
    action.LifecycleActionResult = nil
    asg:record_lifecycle_action_heartbeat(action)
    task.sleep(200)
    assert.same({ InService = 1, ["Pending:Wait"] = 1 }, states())
    task.sleep(120)
    assert.same({ InService = 2 }, states())
    assert.equal("ValidationError", (support.refused(asg, "put_lifecycle_hook",
      { AutoScalingGroupName = "g", LifecycleHookName = "i" })))
    assert.equal("ValidationError", (support.refused(asg, "detach_load_balancer_target_groups",
      { AutoScalingGroupName = "g", TargetGroupARNs = { "arn:aws:elasticloadbalancing:none" } })))
    asg:put_lifecycle_hook { AutoScalingGroupName = "g", LifecycleHookName = "i",
      LifecycleTransition = "autoscaling:EC2_INSTANCE_TERMINATING" }
    asg:delete_lifecycle_hook { AutoScalingGroupName = "g", LifecycleHookName = "h" }
    assert.equal("ValidationError", (refused("delete_lifecycle_hook",
      { AutoScalingGroupName = "g", LifecycleHookName = "h" })))
  end)

  it("refreshes instances, some at a time", function()
    make { DesiredCapacity = 4 }
    task.sleep(60)
    local before = {}
    for _, instance in ipairs(group().Instances) do before[instance.InstanceId] = true end
    aws.ec2:create_launch_template_version { LaunchTemplateId = template, SourceVersion = "1",
      LaunchTemplateData = { InstanceType = "c7i.large" } }
    local id = asg:start_instance_refresh({
      AutoScalingGroupName = "g", Preferences = { MinHealthyPercentage = 50, InstanceWarmup = 30 },
    }).InstanceRefreshId
    assert.equal("InstanceRefreshInProgress", (refused("start_instance_refresh",
      { AutoScalingGroupName = "g" })))
    local function refresh()
      return asg:describe_instance_refreshes({ AutoScalingGroupName = "g", InstanceRefreshIds = { id } })
        .InstanceRefreshes[1]
    end
    assert.equal("Pending", refresh().Status)
    local seen = {}
    while refresh().Status == "Pending" or refresh().Status == "InProgress" do
      seen[refresh().PercentageComplete] = true
      task.sleep(20)
    end
    assert.equal("Successful", refresh().Status)
    assert.is_true(seen[0] and seen[50])
    assert.same({ InService = 4 }, states())
    for _, instance in ipairs(group().Instances) do
      assert.equal("c7i.large", instance.InstanceType)
      assert.is_nil(before[instance.InstanceId])
    end
    local skipped = asg:start_instance_refresh({ AutoScalingGroupName = "g",
      Preferences = { SkipMatching = true } })
      .InstanceRefreshId
    task.sleep(30)
    id = skipped
    assert.equal("Successful", refresh().Status)
  end)

  it("cancels and rolls back refreshes", function()
    make { DesiredCapacity = 4 }
    task.sleep(60)
    aws.ec2:create_launch_template_version { LaunchTemplateId = template, SourceVersion = "1",
      LaunchTemplateData = { InstanceType = "c7i.large" } }
    assert.equal("ActiveInstanceRefreshNotFound", (refused("cancel_instance_refresh",
      { AutoScalingGroupName = "g" })))
    asg:start_instance_refresh { AutoScalingGroupName = "g" }
    assert.equal("IrreversibleInstanceRefresh", (refused("rollback_instance_refresh",
      { AutoScalingGroupName = "g" })))
    task.sleep(40)
    asg:cancel_instance_refresh { AutoScalingGroupName = "g" }
    task.sleep(120)
    local function latest()
      return asg:describe_instance_refreshes({ AutoScalingGroupName = "g" }).InstanceRefreshes[1]
    end
    assert.equal("Cancelled", latest().Status)
    asg:update_auto_scaling_group { AutoScalingGroupName = "g",
      LaunchTemplate = { LaunchTemplateId = template, Version = "1" } }
    asg:start_instance_refresh {
      AutoScalingGroupName = "g", DesiredConfiguration = { LaunchTemplate = { LaunchTemplateId = template,
        Version = "2" } },
    }
    task.sleep(90)
    asg:rollback_instance_refresh { AutoScalingGroupName = "g" }
    task.sleep(1200)
    assert.equal("RollbackSuccessful", latest().Status)
    for _, instance in ipairs(group().Instances) do assert.equal("m7i.large", instance.InstanceType) end
  end)

  it("keeps settings that nothing acts on", function()
    make { DesiredCapacity = 0, Tags = { { Key = "k", Value = "v" } } }
    local arn = asg:put_scaling_policy({
      AutoScalingGroupName = "g", PolicyName = "p", PolicyType = "TargetTrackingScaling",
      TargetTrackingConfiguration = { TargetValue = 50.0, PredefinedMetricSpecification = {
        PredefinedMetricType = "ASGAverageCPUUtilization" } },
    }).PolicyARN
    assert.equal(arn, asg:describe_policies({ AutoScalingGroupName = "g" }).ScalingPolicies[1].PolicyARN)
    asg:delete_policy { AutoScalingGroupName = "g", PolicyName = "p" }
    assert.equal("ValidationError", (refused("delete_policy", { AutoScalingGroupName = "g",
      PolicyName = "p" })))
    asg:enable_metrics_collection { AutoScalingGroupName = "g", Granularity = "1Minute" }
    assert.equal(21, #group().EnabledMetrics)
    asg:disable_metrics_collection { AutoScalingGroupName = "g", Metrics = { "GroupMinSize" } }
    assert.equal(20, #group().EnabledMetrics)
    assert.equal(1, #asg:describe_tags({ Filters = { { Name = "key", Values = { "k" } } } }).Tags)
    asg:delete_tags { Tags = { { Key = "k", ResourceId = "g", ResourceType = "auto-scaling-group" } } }
    assert.equal(0, #asg:describe_tags({}).Tags)
    for _, operation in ipairs { "describe_account_limits", "describe_scaling_process_types",
      "describe_termination_policy_types", "describe_metric_collection_types",
        "describe_lifecycle_hook_types",
      "describe_scheduled_actions", "describe_notification_configurations",
        "describe_launch_configurations" } do
      assert.is_table(asg[operation](asg, {}))
    end
    assert.equal(0, #asg:describe_warm_pool({ AutoScalingGroupName = "g" }).Instances)
    assert.equal("UnsupportedOperation", (refused("create_launch_configuration",
      { LaunchConfigurationName = "l", ImageId = "ami-1", InstanceType = "m5.large" })))
  end)

  it("refuses what cannot be started", function()
    local function code(more)
      local ok, err = pcall(make, more)
      assert.is_false(ok)
      return err.aws_message or err.message
    end
    assert.matches("subnet ID 'subnet%-1' does not exist", code { VPCZoneIdentifier = "subnet-1" })
    assert.matches("valid fully%-formed launch template",
      code { LaunchTemplate = { LaunchTemplateName = "none", Version = "1" } })
    assert.matches("must be between", code { DesiredCapacity = 9 })
    assert.matches("Target Groups may not be valid", code { TargetGroupARNs = { "arn:aws:none" } })
    assert.is_nil(group())
  end)
end)

describe("self-managed nodes in the sandbox", function()
  after_each(support.close)

  it("join the cluster that their user data names, if it lets their role in", function()
    local aws, world = support.open()
    local cluster, _, subnets = support.cluster(aws, { accessConfig = { authenticationMode = "API" } })
    local role = support.role(aws, "nodes", "ec2.amazonaws.com")
    aws.iam:create_instance_profile { InstanceProfileName = "nodes" }
    aws.iam:add_role_to_instance_profile { InstanceProfileName = "nodes", RoleName = "nodes" }
    task.sleep(60)
    local nodes = require "eksrun.sandbox.eks.node"
    local function count()
      aws.sts:get_caller_identity {}
      local clock = require "eksrun.clock"
      local call = world:call_context { region = "us-east-1", service = "eks", operation = "x", params = {},
        now = clock.now() }
      return #nodes.of(call, cluster)
    end
    local function group(name, user_data)
      aws.ec2:create_launch_template { LaunchTemplateName = name, LaunchTemplateData = {
        InstanceType = "m7i.large", UserData = require("eksrun.text").base64(user_data),
        IamInstanceProfile = { Name = "nodes" } } }
      aws.autoscaling:create_auto_scaling_group {
        AutoScalingGroupName = name, MinSize = 1, MaxSize = 1, VPCZoneIdentifier = subnets[1],
        LaunchTemplate = { LaunchTemplateName = name } }
    end
    group("yaml", "---\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n"
      .. "    name: \"demo\"\n    apiServerEndpoint: x\n")
    group("script", "#!/bin/bash\n/etc/eks/bootstrap.sh demo --use-max-pods false\n")
    group("toml", "[settings.kubernetes]\ncluster-name = \"demo\"\n")
    group("other", "#!/bin/bash\n/etc/eks/bootstrap.sh elsewhere\n")
    task.sleep(300)
    assert.equal(0, count())
    aws.eks:create_access_entry { clusterName = "demo", principalArn = role, type = "EC2_LINUX" }
    assert.equal(3, count())
  end)
end)

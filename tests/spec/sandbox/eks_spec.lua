local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

describe("EKS in the sandbox", function()
  local aws, eks
  before_each(function()
    aws = support.open()
    eks = aws.eks
  end)
  after_each(support.close)

  local function status() return eks:describe_cluster({ name = "demo" }).cluster.status end

  it("makes a cluster in minutes, with a group and interfaces of its own", function()
    local _, subnets = support.network(aws)
    local params = {
      name = "demo", resourcesVpcConfig = { subnetIds = subnets },
      roleArn = support.role(aws, "cluster", "eks.amazonaws.com"), clientRequestToken = "one",
    }
    local made = eks:create_cluster(params).cluster
    assert.equal("CREATING", made.status)
    assert.is_nil(made.endpoint)
    assert.equal(made.arn, eks:create_cluster(params).cluster.arn)
    params.clientRequestToken = "two"
    local code, message = support.refused(eks, "create_cluster", params)
    assert.equal("ResourceInUseException", code)
    assert.matches("Cluster already exists with name: demo$", message)
    task.sleep(400)
    assert.equal("CREATING", status())
    assert.equal("ResourceInUseException", (support.refused(eks, "delete_cluster", { name = "demo" })))
    task.sleep(400)
    local cluster = eks:describe_cluster({ name = "demo" }).cluster
    assert.equal("ACTIVE", cluster.status)
    assert.matches("^https://%x+%.gr7%.us%-east%-1%.eks%.amazonaws%.com$", cluster.endpoint)
    assert.matches("/id/%x+$", cluster.identity.oidc.issuer)
    assert.matches("BEGIN CERTIFICATE", require("eksrun.text").unbase64(cluster.certificateAuthority.data))
    local interfaces = aws.ec2:describe_network_interfaces({
      Filters = { { Name = "description", Values = { "Amazon EKS demo" } } },
    }).NetworkInterfaces
    assert.equal(2, #interfaces)
    assert.is_true(interfaces[1].RequesterManaged)
    assert.equal(cluster.resourcesVpcConfig.clusterSecurityGroupId, interfaces[1].Groups[1].GroupId)
    assert.equal("OperationNotPermitted", (support.refused(aws.ec2, "delete_network_interface",
      { NetworkInterfaceId = interfaces[1].NetworkInterfaceId })))
    assert.equal("DependencyViolation",
      (support.refused(aws.ec2, "delete_subnet", { SubnetId = subnets[1] })))
    eks:delete_cluster { name = "demo" }
    assert.equal("DELETING", status())
    eks:wait("cluster_deleted", { name = "demo" })
    aws.ec2:delete_subnet { SubnetId = subnets[1] }
  end)

  it("wants a role that it can assume, by the time that IAM takes", function()
    local _, subnets = support.network(aws)
    local function refused(arn)
      return (support.refused(eks, "create_cluster",
        { name = "demo", roleArn = arn, resourcesVpcConfig = { subnetIds = subnets } }))
    end
    assert.equal("InvalidParameterException", refused "arn:aws:iam::111122223333:role/none")
    assert.equal("InvalidParameterException", refused(support.role(aws, "nodes", "ec2.amazonaws.com")))
    local young = aws.iam:create_role({
      RoleName = "young",
      AssumeRolePolicyDocument = [[{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "eks.amazonaws.com"}}}]],
    }).Role.Arn
    assert.equal("InvalidParameterException", refused(young))
    task.sleep(60)
    eks:create_cluster { name = "demo", roleArn = young, resourcesVpcConfig = { subnetIds = subnets } }
  end)

  it("checks the roles of node groups and Fargate profiles as it does, and not what they may do", function()
    local _, _, subnets = support.cluster(aws)
    local function group(role)
      return {
        clusterName = "demo", nodegroupName = "n", subnets = subnets, nodeRole = role,
        scalingConfig = { minSize = 1, maxSize = 1, desiredSize = 1 },
      }
    end
    local function said(operation, params)
      local code, message = support.refused(eks, operation, params)
      return code .. message:gsub("^.-: .-:", ":")
    end
    local own = "arn:aws:iam::111122223333:role/"
    assert.equal("InvalidParameterException: The role with name none cannot be found.",
      said("create_nodegroup", group(own .. "none")))
    assert.equal("InvalidParameterException: Following required service principals [ec2.amazonaws.com] were "
      .. "not found in the trust relationships of nodeRole " .. own .. "cluster",
      said("create_nodegroup", group(own .. "cluster")))
    assert.equal("AccessDeniedException: Cross-account pass role is not allowed.",
      said("create_nodegroup", group "arn:aws:iam::444455556666:role/nodes"))
    local profile = { clusterName = "demo", fargateProfileName = "f", selectors = { { namespace = "x" } },
      subnets = subnets }
    for _, role in ipairs { own .. "none", own .. "cluster" } do
      profile.podExecutionRoleArn = role
      assert.equal("InvalidParameterException: Misconfigured PodExecutionRole Trust Policy; Please add the "
        .. "eks-fargate-pods.amazonaws.com Service Principal", said("create_fargate_profile", profile))
    end
    local bare = support.role_now(aws, "bare", "ec2.amazonaws.com")
    task.sleep(60)
    eks:create_nodegroup(group(bare))
    task.sleep(600)
    local function shown()
      return eks:describe_nodegroup({ clusterName = "demo", nodegroupName = "n" }).nodegroup
    end
    assert.equal("CREATING", shown().status)
    task.sleep(600)
    assert.equal("CREATE_FAILED", shown().status)
    assert.equal("NodeCreationFailure", shown().health.issues[1].code)
    assert.matches("^i%-%x+$", shown().health.issues[1].resourceIds[1])
  end)

  it("wants two zones, and those that have EKS", function()
    local vpc, subnets = support.network(aws)
    local role = support.role(aws, "cluster", "eks.amazonaws.com")
    local function refused(ids)
      return (support.refused(eks, "create_cluster",
        { name = "demo", roleArn = role, resourcesVpcConfig = { subnetIds = ids } }))
    end
    assert.equal("InvalidParameterException", refused { subnets[1] })
    local without = aws.ec2:create_subnet({
      VpcId = vpc, CidrBlock = "10.0.7.0/24", AvailabilityZoneId = "use1-az3",
    }).Subnet.SubnetId
    assert.equal("UnsupportedAvailabilityZoneException", refused { subnets[1], without })
    assert.equal("InvalidParameterException", (support.refused(eks, "create_cluster", {
      name = "demo", roleArn = role, version = "1.12", resourcesVpcConfig = { subnetIds = subnets },
    })))
  end)

  it("does one update of a cluster at a time", function()
    support.cluster(aws, { version = "1.32" })
    local update = eks:update_cluster_config({
      name = "demo", logging = { clusterLogging = { { types = { "api" }, enabled = true } } },
    }).update
    assert.equal("LoggingUpdate", update.type)
    assert.equal("UPDATING", status())
    local code, message = support.refused(eks, "update_cluster_config", {
      name = "demo", resourcesVpcConfig = { endpointPrivateAccess = true },
    })
    assert.equal("ResourceInUseException", code)
    assert.matches(update.id, message, 1, true)
    task.sleep(120)
    assert.equal("Successful", eks:describe_update({ name = "demo", updateId = update.id }).update.status)
    assert.equal("ACTIVE", status())
    assert.equal("/aws/eks/demo/cluster", aws.logs:describe_log_groups({}).logGroups[1].logGroupName)
    assert.equal("InvalidParameterException", (support.refused(eks, "update_cluster_config", {
      name = "demo", logging = { clusterLogging = { { types = { "api" }, enabled = true } } },
    })))
    assert.equal("InvalidParameterException",
      (support.refused(eks, "update_cluster_version", { name = "demo", version = "1.34" })))
    eks:update_cluster_version { name = "demo", version = "1.33" }
    task.sleep(2000)
    assert.equal("1.33", eks:describe_cluster({ name = "demo" }).cluster.version)
  end)

  it("keeps a cluster that is protected, or has groups or profiles", function()
    local _, _, subnets = support.cluster(aws, { deletionProtection = true })
    assert.equal("InvalidRequestException", (support.refused(eks, "delete_cluster", { name = "demo" })))
    eks:update_cluster_config { name = "demo", deletionProtection = false }
    task.sleep(120)
    eks:create_nodegroup {
      clusterName = "demo", nodegroupName = "n", subnets = subnets,
      nodeRole = support.role(aws, "nodes", "ec2.amazonaws.com"),
      scalingConfig = { minSize = 1, maxSize = 3, desiredSize = 2 },
    }
    local code, message = support.refused(eks, "delete_cluster", { name = "demo" })
    assert.equal("ResourceInUseException", code)
    assert.matches("Cluster has nodegroups attached$", message)
  end)

  it("runs node groups on instances", function()
    local _, _, subnets = support.cluster(aws)
    local params = {
      clusterName = "demo", nodegroupName = "n", subnets = subnets,
      nodeRole = support.role(aws, "nodes", "ec2.amazonaws.com"),
      scalingConfig = { minSize = 1, maxSize = 3, desiredSize = 2 },
    }
    eks:create_nodegroup(params)
    params.clientRequestToken = "other"
    assert.equal("ResourceInUseException", (support.refused(eks, "create_nodegroup", params)))
    eks:wait("nodegroup_active", { clusterName = "demo", nodegroupName = "n" })
    local group = eks:describe_nodegroup({ clusterName = "demo", nodegroupName = "n" }).nodegroup
    local asg = group.resources.autoScalingGroups[1].name
    local function instances()
      local running = {}
      for page in aws.ec2:pages("describe_instances", {
        Filters = { { Name = "instance-state-name", Values = { "pending", "running" } } },
      }) do
        for _, reservation in ipairs(page.Reservations) do
          running[#running + 1] = reservation.Instances[1]
        end
      end
      return running
    end
    assert.equal(2, #instances())
    assert.equal(2, #aws.autoscaling:describe_auto_scaling_groups({ AutoScalingGroupNames = { asg } })
      .AutoScalingGroups[1].Instances)
    assert.equal("EC2_LINUX",
      eks:describe_access_entry({ clusterName = "demo", principalArn = params.nodeRole })
      .accessEntry.type)
    local update = eks:update_nodegroup_config({
      clusterName = "demo", nodegroupName = "n", scalingConfig = { desiredSize = 3 },
      labels = { addOrUpdateLabels = { a = "b" } },
    }).update
    task.sleep(300)
    assert.equal("Successful", eks:describe_update({
      name = "demo", nodegroupName = "n", updateId = update.id,
    }).update.status)
    group = eks:describe_nodegroup({ clusterName = "demo", nodegroupName = "n" }).nodegroup
    assert.same({ minSize = 1, maxSize = 3, desiredSize = 3 }, group.scalingConfig)
    assert.same({ a = "b" }, group.labels)
    assert.equal(3, #instances())
    assert.equal("InvalidParameterException", (support.refused(eks, "update_nodegroup_config", {
      clusterName = "demo", nodegroupName = "n", scalingConfig = { desiredSize = 9 },
    })))
    eks:delete_nodegroup { clusterName = "demo", nodegroupName = "n" }
    eks:wait("nodegroup_deleted", { clusterName = "demo", nodegroupName = "n" })
    assert.equal(0, #instances())
  end)

  it("leaves CoreDNS degraded until there is a node", function()
    local _, _, subnets = support.cluster(aws)
    local function addon(name)
      return eks:describe_addon({ clusterName = "demo", addonName = name }).addon
    end
    eks:create_addon { clusterName = "demo", addonName = "coredns" }
    eks:create_addon { clusterName = "demo", addonName = "vpc-cni" }
    assert.equal("InvalidParameterException",
      (support.refused(eks, "create_addon", { clusterName = "demo", addonName = "core-dns" })))
    task.sleep(300)
    assert.equal("ACTIVE", addon "vpc-cni".status)
    assert.equal("DEGRADED", addon "coredns".status)
    assert.equal("InsufficientNumberOfReplicas", addon "coredns".health.issues[1].code)
    eks:create_nodegroup {
      clusterName = "demo", nodegroupName = "n", subnets = subnets,
      nodeRole = support.role(aws, "nodes", "ec2.amazonaws.com"),
    }
    task.sleep(300)
    assert.equal("ACTIVE", addon "coredns".status)
    assert.same({}, addon "coredns".health.issues)
    eks:delete_addon { clusterName = "demo", addonName = "coredns" }
    assert.equal("DELETING", addon "coredns".status)
    task.sleep(60)
    assert.same({ "vpc-cni" }, eks:list_addons({ clusterName = "demo" }).addons)
  end)

  it("makes and deletes Fargate profiles one at a time, in private subnets", function()
    local _, vpc, subnets = support.cluster(aws)
    local role = support.role(aws, "pods", "eks-fargate-pods.amazonaws.com")
    local function profile(name, where)
      return {
        clusterName = "demo", fargateProfileName = name, podExecutionRoleArn = role,
        subnets = where or subnets,
        selectors = { { namespace = "kube-system" } },
      }
    end
    eks:create_fargate_profile(profile "a")
    local code, message = support.refused(eks, "create_fargate_profile", profile "b")
    assert.equal("ResourceInUseException", code)
    assert.matches("currently has Fargate profile a in status CREATING", message)
    task.sleep(200)
    eks:create_fargate_profile(profile "b")
    local igw = aws.ec2:create_internet_gateway({}).InternetGateway.InternetGatewayId
    aws.ec2:attach_internet_gateway { InternetGatewayId = igw, VpcId = vpc }
    aws.ec2:create_route {
      RouteTableId = aws.ec2:describe_route_tables({}).RouteTables[1].RouteTableId,
      DestinationCidrBlock = "0.0.0.0/0", GatewayId = igw,
    }
    task.sleep(200)
    assert.equal("InvalidParameterException", (support.refused(eks, "create_fargate_profile", profile "c")))
    assert.equal("ResourceInUseException", (support.refused(eks, "delete_cluster", { name = "demo" })))
    eks:delete_fargate_profile { clusterName = "demo", fargateProfileName = "a" }
    assert.equal("ResourceInUseException", (support.refused(eks, "delete_fargate_profile",
      { clusterName = "demo", fargateProfileName = "b" })))
  end)

  it("lets entries in where the cluster's mode allows them", function()
    support.cluster(aws)
    local role = support.role(aws, "admin", "ec2.amazonaws.com")
    local names = { clusterName = "demo", principalArn = role }
    eks:create_access_entry(names)
    assert.equal("ResourceInUseException", (support.refused(eks, "create_access_entry",
      { clusterName = "demo", principalArn = role, clientRequestToken = "other" })))
    assert.equal("InvalidParameterException", (support.refused(eks, "create_access_entry",
      { clusterName = "demo", principalArn = role .. "x" })))
    local policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    local params = { clusterName = "demo", principalArn = role, policyArn = policy,
      accessScope = { type = "cluster" } }
    eks:associate_access_policy(params)
    params.accessScope = { type = "namespace", namespaces = { "web" } }
    eks:associate_access_policy(params)
    local found = eks:list_associated_access_policies(names).associatedAccessPolicies
    assert.equal(1, #found)
    assert.same({ "web" }, found[1].accessScope.namespaces)
    params.policyArn = policy .. "x"
    assert.equal("ResourceNotFoundException", (support.refused(eks, "associate_access_policy", params)))
    support.close()
    aws = support.open()
    support.cluster(aws, { accessConfig = { authenticationMode = "CONFIG_MAP" } })
    assert.equal("InvalidRequestException", (support.refused(aws.eks, "create_access_entry", names)))
  end)
end)

-- Values that AWS refuses: a recipe that holds one has to fail in the sandbox, too.
local support = require "tests.spec.support.sandbox"
local util = require "eksrun.util"

describe("a value that AWS does not know", function()
  local aws
  before_each(function() aws = support.open() end)
  after_each(support.close)

  local function refused(code, pattern, service, operation, params)
    local found, message = support.refused(aws[service], operation, params)
    assert.equal(code, found)
    assert.matches(pattern, message, 1, true)
  end

  local NODES = { clusterName = "demo", nodegroupName = "n", nodeRole = "arn:aws:iam::111122223333:role/n",
    subnets = { "subnet-1" } }

  local TRUST = [[{ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
    "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" }] }]]

  local function nodes(fields) return util.overlay(NODES, fields) end

  it("is named with those that there are, by each service with its own code", function()
    refused("InvalidParameterException", "1 validation error detected: Value 'CHEAP' at 'capacityType' "
      .. "failed to satisfy constraint: Member must satisfy enum value set: [ON_DEMAND, SPOT", "eks",
      "create_nodegroup", nodes { capacityType = "CHEAP" })
    refused("InvalidParameterException", "Value 'ipv5' at 'kubernetesNetworkConfig.ipFamily'", "eks",
      "create_cluster", { name = "c", roleArn = "arn:aws:iam::111122223333:role/c", resourcesVpcConfig = {},
        kubernetesNetworkConfig = { ipFamily = "ipv5" } })
    refused("ValidationException", "Value 'WEAK' at 'keySpec'", "kms", "create_key", { KeySpec = "WEAK" })
    refused("ValidationException", "Value 'Text' at 'type'", "ssm", "put_parameter",
      { Name = "p", Value = "v", Type = "Text" })
    refused("InvalidParameterException", "Value 'RARE' at 'logGroupClass'", "logs", "create_log_group",
      { logGroupName = "g", logGroupClass = "RARE" })
    refused("ValidationError", "Value 'far' at 'scheme'", "elbv2", "create_load_balancer",
      { Name = "b", Scheme = "far" })
    refused("ValidationError", "Value 'Off' at 'status'", "iam", "update_access_key",
      { AccessKeyId = "AKIAEXAMPLE000000000", Status = "Off" })
    refused("InvalidParameterValue", "Value (shared) for parameter instanceTenancy is invalid.", "ec2",
      "create_vpc", { CidrBlock = "10.0.0.0/16", InstanceTenancy = "shared" })
  end)

  it("is found in lists, and all of them are told", function()
    refused("InvalidParameterException", "2 validation errors detected: Value 'a' at "
      .. "'logging.clusterLogging.1.member.types.1.member'", "eks", "update_cluster_config", { name = "c",
        logging = { clusterLogging = { { types = { "a", "api", "b" }, enabled = true } } } })
  end)

  it("is looked for by EC2 in its own list of types", function()
    refused("InvalidInstanceType", "m5.huge", "ec2", "describe_instance_types",
      { InstanceTypes = { "m5.huge" } })
  end)

  it("is a type of node, a range of clients, a version or configuration of an add-on", function()
    local _, _, subnets = support.cluster(aws)
    local role = support.role(aws, "nodes", "ec2.amazonaws.com")
    refused("InvalidParameterException", "supplied instance types do not exist: [m5.huge, t9.x]", "eks",
      "create_nodegroup", { clusterName = "demo", nodegroupName = "n", subnets = subnets,
        nodeRole = role, instanceTypes = { "m5.huge", "m5.large", "t9.x" } })
    for images, wrong in pairs {
      AL2023_x86_64_STANDARD = "m7g.large, c7g.xlarge", BOTTLEROCKET_ARM_64 = "m7i.large",
    } do
      local message = ("[%s] is not a valid instance type for requested amiType %s"):format(wrong, images)
      refused("InvalidParameterException", message, "eks", "create_nodegroup", {
        clusterName = "demo", nodegroupName = "n", subnets = subnets, nodeRole = role, amiType = images,
        instanceTypes = { "m7g.large", "m7i.large", "c7g.xlarge" },
      })
    end
    assert.same({}, aws.eks:list_nodegroups({ clusterName = "demo" }).nodegroups)

    for _, range in ipairs { "home", "10.1.0.0/16", "203.0.113.7/24", "192.168.0.0/33", "fd00::/8" } do
      refused("InvalidParameterException", "invalid in publicAccessCidrs: [" .. range .. "]", "eks",
        "update_cluster_config", { name = "demo",
          resourcesVpcConfig = { publicAccessCidrs = { "8.8.8.0/24", range } } })
    end

    local function addon(fields)
      fields.clusterName, fields.addonName = "demo", fields.addonName or "coredns"
      return "eks", "create_addon", fields
    end
    refused("InvalidParameterException", "Addon core-dns specified", addon { addonName = "core-dns" })
    for _, version in ipairs { "v9.0.0-eksbuild.1", "v1.99.0-eksbuild.1", "v0.1.0-eksbuild.1", "latest" } do
      refused("InvalidParameterException", "Addon version specified", addon { addonVersion = version })
    end
    for _, text in ipairs { "replicas", '{"replicaCount": 3', "a: [1" } do
      refused("InvalidParameterException", "not in valid JSON or YAML", addon { configurationValues = text })
    end
    aws.eks:create_addon(select(3, addon {
      addonVersion = "v1.11.1-eksbuild.9", configurationValues = "replicaCount: 3",
    }))
  end)

  it("is missing, doubled, or of something else", function()
    refused("MissingParameter", "parameter zone", "ec2", "create_volume", { Size = 1 })
    for code, params in pairs {
      InvalidParameterCombination = { VolumeType = "gp2", Throughput = 200 },
      MissingParameter = { VolumeType = "io2" },
    } do
      params.Size, params.AvailabilityZone = 10, "us-east-1a"
      refused(code, " volumes.", "ec2", "create_volume", params)
    end
    local vpc = aws.ec2:create_vpc({ CidrBlock = "10.0.0.0/16" }).Vpc.VpcId
    refused("MissingParameter", "cidrBlock", "ec2", "associate_vpc_cidr_block", { VpcId = vpc })
    refused("MissingParameter", "launch template ID or", "ec2", "modify_launch_template",
      { DefaultVersion = "1" })
    refused("InvalidUserData.Malformed", "BASE64", "ec2", "create_launch_template",
      { LaunchTemplateName = "t", LaunchTemplateData = { UserData = "not base64!" } })
    refused("InvalidParameterValue", "'nowhere'", "ec2", "allocate_address",
      { NetworkBorderGroup = "nowhere" })
    refused("InvalidPublicIpv4PoolID.NotFound", "'pool'", "ec2", "allocate_address",
      { PublicIpv4Pool = "pool" })
    refused("InvalidParameterCombination", "not both", "ec2", "release_address",
      { AllocationId = "eipalloc-1", PublicIp = "1.2.3.4" })
    refused("ValidationError", "Value 'a<b' at 'tags.1.member.key'", "iam", "create_role", { RoleName = "r",
      AssumeRolePolicyDocument = TRUST, Tags = { { Key = "a<b", Value = "1" } } })
    assert.equal(1000, aws.iam:get_account_summary().SummaryMap.RolesQuota)
    refused("InvalidInput", "Duplicate tag keys", "iam", "create_role", { RoleName = "r",
      AssumeRolePolicyDocument = TRUST,
      Tags = { { Key = "a", Value = "1" }, { Key = "A", Value = "2" } } })
    aws.iam:create_role { RoleName = "r", AssumeRolePolicyDocument = TRUST,
      Tags = { { Key = "a", Value = "1" } } }
    aws.iam:tag_role { RoleName = "r", Tags = { { Key = "A", Value = "2" } } }
    assert.same({ { Key = "A", Value = "2" } }, aws.iam:list_role_tags({ RoleName = "r" }).Tags)
    refused("InvalidInput", "ARN AmazonS3FullAccess-by-name is not valid.", "iam", "attach_role_policy",
      { RoleName = "r", PolicyArn = "AmazonS3FullAccess-by-name" })
    support.cluster(aws)
    refused("InvalidParameterException", "at least one namespace", "eks", "create_fargate_profile",
      { clusterName = "demo", fargateProfileName = "f", selectors = { {} },
        podExecutionRoleArn = support.role(aws, "pods", "eks-fargate-pods.amazonaws.com") })
  end)

  it("is a policy, or a number of days", function()
    support.cluster(aws)
    local role = support.role(aws, "people", "ec2.amazonaws.com")
    aws.eks:create_access_entry { clusterName = "demo", principalArn = role }
    refused("ResourceNotFoundException", "AmazonEKSOwnerPolicy", "eks", "associate_access_policy", {
      clusterName = "demo", principalArn = role, accessScope = { type = "cluster" },
      policyArn = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSOwnerPolicy",
    })
    refused("NoSuchEntity", "AmazonEKSOwnerPolicy does not exist", "iam", "attach_role_policy",
      { RoleName = "people", PolicyArn = "arn:aws:iam::aws:policy/AmazonEKSOwnerPolicy" })
    aws.logs:create_log_group { logGroupName = "g" }
    refused("InvalidParameterException", "Value '10' at 'retentionInDays' failed to satisfy constraint: "
      .. "Member must satisfy enum value set: [1, 3, 5", "logs", "put_retention_policy",
      { logGroupName = "g", retentionInDays = 10 })
  end)
end)

local json = require "eksrun.json"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

local TRUST = json.encode {
  Version = "2012-10-17",
  Statement = { { Effect = "Allow", Action = "sts:AssumeRole",
    Principal = { Service = "ec2.amazonaws.com" } } },
}
local ALLOW = json.encode {
  Version = "2012-10-17", Statement = { { Effect = "Allow", Action = "s3:GetObject", Resource = "*" } },
}

describe("IAM in the sandbox", function()
  local aws, iam
  before_each(function()
    aws = support.open()
    iam = aws.iam
  end)
  after_each(support.close)

  it("reads documents before it takes them", function()
    local function role(document)
      return (support.refused(iam, "create_role", { RoleName = "r", AssumeRolePolicyDocument = document }))
    end
    assert.equal("MalformedPolicyDocument", role "{")
    assert.equal("MalformedPolicyDocument", role(ALLOW))
    assert.equal("MalformedPolicyDocument",
      (support.refused(iam, "create_policy", { PolicyName = "p", PolicyDocument = TRUST })))
    local function refused(fields)
      local one = { Effect = "Allow", Action = "s3:GetObject", Resource = "*" }
      for key, value in pairs(fields) do one[key] = value end
      local code, message = support.refused(iam, "create_policy", {
        PolicyName = "p", PolicyDocument = json.encode { Version = "2012-10-17", Statement = { one } },
      })
      assert.equal("MalformedPolicyDocument", code)
      return (message:gsub("^.*: ", ""))
    end
    assert.equal("Syntax errors in policy.", refused { Effect = "Maybe" })
    assert.equal("Syntax errors in policy.", refused { Condition = { StringIs = { k = "v" } } })
    assert.equal("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
      refused { Action = "GetObject" })
    assert.equal('Resource bucket must be in ARN format or "*".', refused { Resource = "bucket" })
    local _, message = support.refused(iam, "create_role", {
      RoleName = "r", AssumeRolePolicyDocument = (TRUST:gsub("sts:AssumeRole", "s3:GetObject")),
    })
    assert.matches("AssumeRole policy may only specify STS AssumeRole actions.", message, 1, true)
    _, message = support.refused(iam, "create_role", {
      RoleName = "r", AssumeRolePolicyDocument = (TRUST:gsub('"Service":"ec2.amazonaws.com"',
        '"AWS":"arn:aws:iam::111122223333:role/none"')),
    })
    assert.matches("Invalid principal in policy", message, 1, true)
    assert.equal("ValidationError",
      (support.refused(iam, "create_role", { RoleName = "a b", AssumeRolePolicyDocument = TRUST })))
  end)

  it("has groups, whose policies their users have", function()
    local arn = iam:create_group({ GroupName = "admins", Path = "/team/" }).Group.Arn
    assert.equal("arn:aws:iam::111122223333:group/team/admins", arn)
    assert.equal("EntityAlreadyExists", (support.refused(iam, "create_group", { GroupName = "admins" })))
    local user = iam:create_user({ UserName = "ann" }).User.Arn
    iam:add_user_to_group { GroupName = "admins", UserName = "ann" }
    iam:add_user_to_group { GroupName = "admins", UserName = "ann" }
    assert.equal("NoSuchEntity",
      (support.refused(iam, "add_user_to_group", { GroupName = "none", UserName = "ann" })))
    local group = iam:get_group { GroupName = "admins" }
    assert.equal("admins", group.Group.GroupName)
    assert.equal(1, #group.Users)
    assert.equal("ann", group.Users[1].UserName)
    assert.equal("admins", iam:list_groups_for_user({ UserName = "ann" }).Groups[1].GroupName)
    local function may(action)
      return iam:simulate_principal_policy({ PolicySourceArn = user, ActionNames = { action } })
        .EvaluationResults[1].EvalDecision
    end
    assert.equal("implicitDeny", may "eks:ListClusters")
    iam:put_group_policy {
      GroupName = "admins", PolicyName = "lists",
      PolicyDocument = [[{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "eks:List*",
        "Resource": "*"}}]],
    }
    local cluster_policy = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
    iam:attach_group_policy { GroupName = "admins", PolicyArn = cluster_policy }
    assert.equal("allowed", may "eks:ListClusters")
    assert.equal("allowed", may "ec2:DescribeInstances")
    assert.equal("implicitDeny", may "eks:CreateCluster")
    local entities = iam:list_entities_for_policy { PolicyArn = cluster_policy }
    assert.equal("admins", entities.PolicyGroups[1].GroupName)
    assert.same({ "lists" }, iam:list_group_policies({ GroupName = "admins" }).PolicyNames)
    iam:update_group { GroupName = "admins", NewGroupName = "operators" }
    assert.equal("operators", iam:list_groups({ PathPrefix = "/team/" }).Groups[1].GroupName)
    assert.equal("DeleteConflict", (support.refused(iam, "delete_user", { UserName = "ann" })))
    assert.equal("DeleteConflict", (support.refused(iam, "delete_group", { GroupName = "operators" })))
    iam:remove_user_from_group { GroupName = "operators", UserName = "ann" }
    assert.equal("implicitDeny", may "eks:ListClusters")
    assert.equal("DeleteConflict", (support.refused(iam, "delete_group", { GroupName = "operators" })))
    iam:detach_group_policy { GroupName = "operators", PolicyArn = cluster_policy }
    iam:delete_group_policy { GroupName = "operators", PolicyName = "lists" }
    iam:delete_group { GroupName = "operators" }
    iam:delete_user { UserName = "ann" }
    assert.equal("NoSuchEntity", (support.refused(iam, "get_group", { GroupName = "operators" })))
  end)

  it("keeps a role that something hangs on", function()
    iam:create_role { RoleName = "r", AssumeRolePolicyDocument = TRUST }
    assert.equal("EntityAlreadyExists",
      (support.refused(iam, "create_role", { RoleName = "r", AssumeRolePolicyDocument = TRUST })))
    assert.equal("NoSuchEntity", (support.refused(iam, "attach_role_policy",
      { RoleName = "r", PolicyArn = "arn:aws:iam::aws:policy/AmazonEKSNonsensePolicy" })))
    local arn = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
    iam:attach_role_policy { RoleName = "r", PolicyArn = arn }
    iam:attach_role_policy { RoleName = "r", PolicyArn = arn }
    assert.equal(1, #iam:list_attached_role_policies({ RoleName = "r" }).AttachedPolicies)
    assert.equal("DeleteConflict", (support.refused(iam, "delete_role", { RoleName = "r" })))
    iam:detach_role_policy { RoleName = "r", PolicyArn = arn }
    iam:create_instance_profile { InstanceProfileName = "p" }
    iam:add_role_to_instance_profile { InstanceProfileName = "p", RoleName = "r" }
    assert.equal("LimitExceeded", (support.refused(iam, "add_role_to_instance_profile",
      { InstanceProfileName = "p", RoleName = "r" })))
    assert.equal("DeleteConflict", (support.refused(iam, "delete_role", { RoleName = "r" })))
    assert.equal("DeleteConflict",
      (support.refused(iam, "delete_instance_profile", { InstanceProfileName = "p" })))
    assert.equal("r",
      iam:get_instance_profile({ InstanceProfileName = "p" }).InstanceProfile.Roles[1].RoleName)
    iam:remove_role_from_instance_profile { InstanceProfileName = "p", RoleName = "r" }
    iam:delete_role { RoleName = "r" }
    assert.equal("NoSuchEntity", (support.refused(iam, "get_role", { RoleName = "r" })))
  end)

  it("keeps five versions of a policy", function()
    local arn = iam:create_policy({ PolicyName = "p", PolicyDocument = ALLOW }).Policy.Arn
    for _ = 2, 5 do
      iam:create_policy_version { PolicyArn = arn, PolicyDocument = ALLOW, SetAsDefault = true }
    end
    assert.equal("LimitExceeded", (support.refused(iam, "create_policy_version",
      { PolicyArn = arn, PolicyDocument = ALLOW })))
    assert.equal("v5", iam:get_policy({ PolicyArn = arn }).Policy.DefaultVersionId)
    assert.equal("DeleteConflict",
      (support.refused(iam, "delete_policy_version", { PolicyArn = arn, VersionId = "v5" })))
    assert.equal("DeleteConflict", (support.refused(iam, "delete_policy", { PolicyArn = arn })))
    for i = 1, 4 do iam:delete_policy_version { PolicyArn = arn, VersionId = "v" .. i } end
    iam:delete_policy { PolicyArn = arn }
  end)

  it("has one provider to an issuer", function()
    local arn = iam:create_open_id_connect_provider({
      Url = "https://a.example/id/1",
    }).OpenIDConnectProviderArn
    assert.equal("EntityAlreadyExists",
      (support.refused(iam, "create_open_id_connect_provider", { Url = "https://a.example/id/1" })))
    assert.equal("a.example/id/1", iam:get_open_id_connect_provider({ OpenIDConnectProviderArn = arn }).Url)
    iam:delete_open_id_connect_provider { OpenIDConnectProviderArn = arn }
    iam:delete_open_id_connect_provider { OpenIDConnectProviderArn = arn }
  end)

  it("tells Auto Scaling of a profile after a while", function()
    local _, subnets = support.network(aws)
    iam:create_role { RoleName = "r", AssumeRolePolicyDocument = TRUST }
    iam:create_instance_profile { InstanceProfileName = "p" }
    iam:add_role_to_instance_profile { InstanceProfileName = "p", RoleName = "r" }
    aws.ec2:create_launch_template {
      LaunchTemplateName = "one",
      LaunchTemplateData = { InstanceType = "m7g.large", ImageId = "ami-1",
        IamInstanceProfile = { Name = "p" } },
    }
    local params = {
      AutoScalingGroupName = "g", MinSize = 1, MaxSize = 2, VPCZoneIdentifier = table.concat(subnets, ","),
      LaunchTemplate = { LaunchTemplateName = "one", Version = "1" },
    }
    local code, message = support.refused(aws.autoscaling, "create_auto_scaling_group", params)
    assert.equal("ValidationError", code)
    assert.matches("Invalid IAM Instance Profile", message)
    task.sleep(60)
    aws.autoscaling:create_auto_scaling_group(params)
    assert.equal("ResourceInUse", (support.refused(aws.autoscaling, "delete_auto_scaling_group",
      { AutoScalingGroupName = "g" })))
    aws.autoscaling:delete_auto_scaling_group { AutoScalingGroupName = "g", ForceDelete = true }
    assert.equal("AlreadyExists", (support.refused(aws.autoscaling, "create_auto_scaling_group", params)))
    task.sleep(300)
    assert.equal(0, #aws.autoscaling:describe_auto_scaling_groups({}).AutoScalingGroups)
  end)
end)

-- What policies allow: the evaluator, the simulation calls, a sandbox that refuses.
local evaluate = require "eksrun.sandbox.iam.evaluate"
local glob = require "eksrun.sandbox.glob"
local json = require "eksrun.json"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

local function statement(fields)
  local one = { Effect = "Allow", Action = "*", Resource = "*" }
  for key, value in pairs(fields or {}) do one[key] = value end
  for key, value in pairs(one) do
    if value == json.null then one[key] = nil end
  end
  return one
end

local function policy(...) return { Version = "2012-10-17", Statement = { ... } } end

describe("the policy evaluator", function()
  local function decide(request, ...)
    request.action, request.resource = request.action or "eks:DescribeCluster", request.resource or "*"
    return (evaluate.decide({ identity = { policy(...) } }, request))
  end

  it("denies what nobody allows, and what anybody denies", function()
    assert.equal("implicitDeny", decide({}, statement { Action = "ec2:*" }))
    assert.equal("allowed", decide({}, statement { Action = { "ec2:*", "EKS:describe*" } }))
    assert.equal("explicitDeny",
      decide({}, statement(), statement { Effect = "Deny", Action = "eks:D?scribeCluster" }))
    assert.equal("implicitDeny", decide({}, statement { Action = json.null, NotAction = "eks:*" }))
    assert.equal("allowed", decide({}, statement { Action = json.null, NotAction = "eks:List*" }))
  end)

  it("matches resources, with what stands for variables", function()
    local arn = "arn:aws:s3:::home/ann/notes.txt"
    local function on(fields) return decide({ resource = arn }, statement(fields)) end
    assert.equal("allowed", on { Resource = "arn:aws:s3:::home/*/n?tes.txt" })
    assert.equal("implicitDeny", on { Resource = "arn:aws:s3:::home/bob/*" })
    assert.equal("implicitDeny", on { Resource = json.null, NotResource = arn })
    local own = statement { Resource = "arn:aws:s3:::home/${aws:username}/*" }
    assert.equal("allowed", decide({ resource = arn, context = { ["aws:UserName"] = "ann" } }, own))
    assert.equal("implicitDeny", decide({ resource = arn, context = { ["aws:UserName"] = "bob" } }, own))
    assert.equal("implicitDeny", decide({ resource = arn }, own))
    assert.is_true(glob.matches("a*b*c", "aXbXbXc"))
    assert.is_false(glob.matches("a*b*c", "aXcXb"))
    assert.is_true(glob.matches("**", ""))
    assert.is_false(glob.matches("", "x"))
  end)

  local function holds(operator, wanted, have)
    local one = statement { Condition = { [operator] = { K = wanted } } }
    return decide({ context = { k = have } }, one) == "allowed"
  end

  it("knows the operators of conditions", function()
    assert.is_true(holds("StringEquals", { "a", "b" }, "b"))
    assert.is_false(holds("StringEquals", "a", "A"))
    assert.is_true(holds("StringEqualsIgnoreCase", "a", "A"))
    assert.is_false(holds("StringNotEquals", { "a", "b" }, "b"))
    assert.is_true(holds("StringNotLike", "x*", "y"))
    assert.is_true(holds("NumericLessThanEquals", "10", "10"))
    assert.is_false(holds("NumericGreaterThan", "10", "9"))
    assert.is_false(holds("NumericEquals", "x", "x"))
    assert.is_true(holds("DateLessThan", "2026-01-02T00:00:00Z", "1767225600"))
    assert.is_true(holds("Bool", "true", "True"))
    assert.is_true(holds("IpAddress", "10.0.0.0/8", "10.9.8.7"))
    assert.is_true(holds("NotIpAddress", "10.0.0.0/8", "11.9.8.7"))
    assert.is_true(holds("ArnLike", "arn:aws:eks:*:1:cluster/*", "arn:aws:eks:us-east-1:1:cluster/a"))
    assert.is_false(holds("ArnLike", "arn:aws:eks:*", "arn:aws:eks:us-east-1:1:cluster/a"))
    assert.is_false(holds("NoSuchOperator", "a", "a"))
  end)

  it("decides when a key is not there", function()
    assert.is_false(holds("StringEquals", "a", nil))
    assert.is_true(holds("StringNotEquals", "a", nil))
    assert.is_true(holds("StringEqualsIfExists", "a", nil))
    assert.is_false(holds("StringEqualsIfExists", "a", "b"))
    assert.is_true(holds("Null", "true", nil))
    assert.is_false(holds("Null", "true", "a"))
    assert.is_true(holds("Null", false, "a"))
    assert.is_true(holds("ForAllValues:StringEquals", "a", nil))
    assert.is_false(holds("ForAnyValue:StringEquals", "a", nil))
  end)

  it("goes through keys with several values", function()
    assert.is_true(holds("ForAllValues:StringEquals", { "a", "b" }, { "a", "b" }))
    assert.is_false(holds("ForAllValues:StringEquals", { "a" }, { "a", "b" }))
    assert.is_true(holds("ForAnyValue:StringLike", "b*", { "a", "bc" }))
    assert.is_false(holds("ForAllValues:StringNotEquals", { "a" }, { "a", "b" }))
    assert.is_true(holds("ForAnyValue:StringNotEquals", { "a" }, { "a", "b" }))
  end)

  it("wants boundaries and sessions to agree", function()
    local all, ec2 = policy(statement()), policy(statement { Action = "ec2:*" })
    local request = { action = "eks:ListClusters", resource = "*" }
    assert.equal("allowed", (evaluate.decide({ identity = { all }, boundary = { all } }, request)))
    local decision, _, because = evaluate.decide({ identity = { all }, boundary = { ec2 } }, request)
    assert.same({ "implicitDeny", "boundary" }, { decision, because })
    decision, _, because = evaluate.decide({ identity = { all }, session = { ec2 } }, request)
    assert.same({ "implicitDeny", "session" }, { decision, because })
    assert.equal("implicitDeny", (evaluate.decide({ identity = {}, boundary = { all } }, request)))
  end)
end)

describe("IAM's simulation", function()
  local iam
  before_each(function() iam = support.open().iam end)
  after_each(support.close)

  it("says what documents would allow, which statement says so and what it lacked", function()
    local team = { StringEquals = { ["aws:RequestTag/team"] = "a" } }
    local input = {
      PolicyInputList = { json.encode(policy(statement { Action = "ec2:*", Condition = team })) },
      ActionNames = { "ec2:CreateVpc", "eks:ListClusters" },
    }
    local answer = iam:simulate_custom_policy(input).EvaluationResults
    assert.equal("implicitDeny", answer[1].EvalDecision)
    assert.same({ "aws:RequestTag/team" }, answer[1].MissingContextValues)
    input.ContextEntries = {
      { ContextKeyName = "aws:RequestTag/team", ContextKeyType = "string", ContextKeyValues = { "a" } },
    }
    answer = iam:simulate_custom_policy(input).EvaluationResults
    assert.equal("allowed", answer[1].EvalDecision)
    assert.equal("PolicyInputList.1", answer[1].MatchedStatements[1].SourcePolicyId)
    assert.equal("implicitDeny", answer[2].EvalDecision)
    assert.same({ "aws:RequestTag/team" },
      iam:get_context_keys_for_custom_policy({ PolicyInputList = input.PolicyInputList }).ContextKeyNames)
  end)

  it("takes a principal's policies and its boundary", function()
    local trust = json.encode(policy { Effect = "Allow", Action = "sts:AssumeRole",
      Principal = { Service = "ec2.amazonaws.com" } })
    local role = iam:create_role({ RoleName = "r", AssumeRolePolicyDocument = trust }).Role.Arn
    iam:attach_role_policy { RoleName = "r", PolicyArn = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy" }
    local function decision(action)
      return iam:simulate_principal_policy({ PolicySourceArn = role, ActionNames = { action } })
        .EvaluationResults[1].EvalDecision
    end
    assert.equal("allowed", decision "ec2:DescribeInstances")
    assert.equal("implicitDeny", decision "ec2:TerminateInstances")
    iam:put_role_policy { RoleName = "r", PolicyName = "no", PolicyDocument = json.encode(policy(
      statement { Effect = "Deny", Action = "ec2:DescribeInstances" })) }
    assert.equal("explicitDeny", decision "ec2:DescribeInstances")
    local bound = iam:create_policy({ PolicyName = "b", PolicyDocument = json.encode(policy(
      statement { Action = "eks:*" })) }).Policy.Arn
    iam:put_role_permissions_boundary { RoleName = "r", PermissionsBoundary = bound }
    assert.equal("implicitDeny", decision "ec2:DescribeVpcs")
    assert.equal("allowed", decision "eks:DescribeCluster")
  end)

  it("has the documents of AWS's policies", function()
    local arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
    local version = iam:get_policy({ PolicyArn = arn }).Policy.DefaultVersionId
    local found = iam:get_policy_version({ PolicyArn = arn, VersionId = version }).PolicyVersion
    assert.equal("Allow", found.Document.Statement[1].Effect)
    assert.equal(1, #iam:list_policy_versions({ PolicyArn = arn }).Versions)
  end)
end)

describe("a sandbox that enforces policies", function()
  after_each(support.close)

  it("refuses as each service words it", function()
    local aws = support.open { enforce = { policy(statement { Action = { "ec2:CreateVpc", "iam:*" } }) } }
    local code, message = support.refused(aws.ec2, "describe_vpcs", {})
    assert.equal("UnauthorizedOperation", code)
    assert.matches("You are not authorized to perform this operation. User: arn:aws:sts::111122223333:"
      .. "assumed-role/sandbox/eksrun is not authorized to perform: ec2:DescribeVpcs because no "
      .. "identity-based policy allows the ec2:DescribeVpcs action", message, 1, true)
    assert.equal("AccessDeniedException", (support.refused(aws.eks, "list_clusters", {})))
    assert.equal("AccessDeniedException", (support.refused(aws.ssm, "describe_parameters", {})))
    assert.equal("AccessDenied", (support.refused(aws.autoscaling, "describe_auto_scaling_groups", {})))
    assert.is_string(aws.sts:get_caller_identity({}).Arn)
    aws.ec2:create_vpc { CidrBlock = "10.0.0.0/16" }
    assert.equal("UnauthorizedOperation", (support.refused(aws.ec2, "create_vpc", {
      CidrBlock = "10.0.0.0/16",
      TagSpecifications = { { ResourceType = "vpc", Tags = { { Key = "a", Value = "b" } } } },
    })))
  end)

  it("narrows by resource and tags", function()
    local mine = { StringEquals = { ["aws:ResourceTag/team"] = "a" } }
    local aws = support.open { enforce = { policy(
      statement { Action = { "ec2:CreateVpc", "ec2:CreateTags" },
        Condition = { StringEquals = { ["aws:RequestTag/team"] = "a" } } },
      statement { Action = "ec2:DeleteVpc", Condition = mine },
      statement { Action = "ssm:*Parameter", Resource = "arn:aws:ssm:*:*:parameter/a/*" }) } }
    local function make(team)
      return aws.try.ec2:create_vpc { CidrBlock = "10.0.0.0/16",
        TagSpecifications = { { ResourceType = "vpc", Tags = { { Key = "team", Value = team } } } } }
    end
    assert.is_nil((make "b"))
    local id = make "a".Vpc.VpcId
    aws.ec2:delete_vpc { VpcId = id }
    aws.ssm:put_parameter { Name = "/a/b", Value = "v", Type = "String" }
    assert.equal("AccessDeniedException",
      (support.refused(aws.ssm, "put_parameter", { Name = "/b/b", Value = "v", Type = "String" })))
  end)

  it("wants what a call asks for besides: the role passed, the tags, the service's own role", function()
    local function asked(...)
      local seen = {}
      local aws = support.open { observe = function(requests, call)
        if call.operation == "CreateCluster" then
          for _, request in ipairs(requests) do seen[request.action] = request end
        end
      end }
      support.cluster(aws, ...)
      support.close()
      return seen
    end
    local seen = asked { tags = { a = "b" } }
    assert.equal("arn:aws:eks:us-east-1:111122223333:cluster/demo", seen["eks:CreateCluster"].resource)
    assert.equal("b", seen["eks:TagResource"].context["aws:RequestTag/a"])
    assert.same({ "a" }, seen["eks:TagResource"].context["aws:TagKeys"])
    assert.equal("arn:aws:iam::111122223333:role/cluster", seen["iam:PassRole"].resource)
    assert.equal("eks.amazonaws.com", seen["iam:PassRole"].context["iam:PassedToService"])
    assert.equal("eks.amazonaws.com", seen["iam:CreateServiceLinkedRole"].context["iam:AWSServiceName"])
    assert.is_nil(asked({}) ["eks:TagResource"])
  end)

  it("holds stacks to who set them to work, or to their role", function()
    local aws = support.open { enforce = {
      policy(statement { Action = { "cloudformation:*", "iam:*", "logs:CreateLogGroup" } }),
    } }
    local function stack(name, properties, role)
      aws.cloudformation:create_stack {
        StackName = name, RoleARN = role, TemplateBody = json.encode {
          Resources = { G = { Type = "AWS::Logs::LogGroup", Properties = properties } },
        },
      }
      task.sleep(300)
      return aws.cloudformation:describe_stacks({ StackName = name }).Stacks[1].StackStatus
    end
    assert.equal("CREATE_COMPLETE", stack("one", { LogGroupName = "a" }))
    assert.equal("ROLLBACK_FAILED", stack("two", { LogGroupName = "b", RetentionInDays = 1 }))
    local trust = policy { Effect = "Allow", Action = "sts:AssumeRole",
      Principal = { Service = "cloudformation.amazonaws.com" } }
    local role = aws.iam:create_role({ RoleName = "cf",
      AssumeRolePolicyDocument = json.encode(trust) }).Role.Arn
    aws.iam:put_role_policy { RoleName = "cf", PolicyName = "p",
      PolicyDocument = json.encode(policy(statement { Action = "logs:*" })) }
    assert.equal("CREATE_COMPLETE", stack("three", { LogGroupName = "c", RetentionInDays = 1 }, role))
  end)

  it("holds roles to their own policies, and sessions to theirs", function()
    local aws = support.open { enforce = true }
    aws.iam:create_role {
      RoleName = "reader",
      AssumeRolePolicyDocument = json.encode(policy {
        Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = "111122223333" },
      }),
    }
    aws.iam:put_role_policy { RoleName = "reader", PolicyName = "p", PolicyDocument = json.encode(policy(
      statement { Action = { "ec2:Describe*", "eks:List*" } })) }
    task.sleep(60)
    local function as(params)
      params.RoleArn, params.RoleSessionName = "arn:aws:iam::111122223333:role/reader", "me"
      local given = aws.sts:assume_role(params).Credentials
      return aws.session { credentials = { access_key_id = given.AccessKeyId,
        secret_access_key = given.SecretAccessKey, session_token = given.SessionToken } }
    end
    local reader = as {}
    assert.equal("arn:aws:sts::111122223333:assumed-role/reader/me", reader.sts:get_caller_identity({}).Arn)
    reader.ec2:describe_vpcs {}
    assert.equal("UnauthorizedOperation",
      (support.refused(reader.ec2, "create_vpc", { CidrBlock = "10.0.0.0/16" })))
    reader = as { Policy = json.encode(policy(statement { Action = "eks:*" })) }
    reader.eks:list_clusters {}
    assert.equal("UnauthorizedOperation", (support.refused(reader.ec2, "describe_vpcs", {})))
  end)
end)

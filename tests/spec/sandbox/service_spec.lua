-- What all services of the sandbox have in common: routing, tokens, pages, errors, its state.
local clock = require "eksrun.clock"
local json = require "eksrun.json"
local sandbox = require "eksrun.sandbox"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

describe("the sandbox", function()
  after_each(support.close)

  it("keeps keys that begin as its own fields do", function()
    local aws = support.open()
    support.cluster(aws, { tags = { _a = "b" } })
    assert.same({ _a = "b" }, aws.eks:describe_cluster({ name = "demo" }).cluster.tags)
    aws.s3:create_bucket { Bucket = "bucket" }
    aws.s3:put_object { Bucket = "bucket", Key = "k", Metadata = { _a = "b" } }
    assert.equal("b", aws.s3:head_object({ Bucket = "bucket", Key = "k" }).Metadata._a)
    aws.dynamodb:create_table { TableName = "tab", BillingMode = "PAY_PER_REQUEST",
      AttributeDefinitions = { { AttributeName = "_id", AttributeType = "S" } },
      KeySchema = { { AttributeName = "_id", KeyType = "HASH" } } }
    task.sleep(60)
    local item = { _id = { S = "1" }, map = { M = { _in = { S = "x" } } } }
    aws.dynamodb:put_item { TableName = "tab", Item = item }
    assert.same(item, aws.dynamodb:get_item({ TableName = "tab", Key = { _id = { S = "1" } } }).Item)
  end)

  it("says who asks", function()
    local aws = support.open()
    assert.equal("111122223333", aws.account())
    assert.matches("^arn:aws:sts::111122223333:assumed%-role/", aws.identity().arn)
  end)

  it("answers as AWS does what it does not have", function()
    local aws = support.open()
    assert.equal("InvalidAction", (support.refused(aws.ec2, "describe_vpn_gateways", {})))
    assert.equal("UnknownOperationException", (support.refused(aws.efs, "describe_file_systems", {})))
    assert.equal("UnknownOperationException", (support.refused(aws.ssm, "list_associations", {})))
  end)

  it("refuses what the model does not allow", function()
    local _, world = support.open()
    local answer = world:answer({
      method = "POST", path = "/", headers = {
        authorization = "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/ec2/aws4_request, Signature=0",
      },
      body = "Action=CreateSubnet&Version=2016-11-15",
    }, clock.now())
    assert.equal(400, answer.status)
    assert.matches("<Code>MissingParameter</Code>", answer.body, 1, true)
  end)

  it("takes its service and region from the signature", function()
    local aws = support.open()
    local there = aws.session { region = "eu-west-1" }
    aws.ec2:create_vpc { CidrBlock = "10.0.0.0/16" }
    assert.equal(0, #there.ec2:describe_vpcs({}).Vpcs)
    assert.equal("eu-west-1a", there.ec2:describe_availability_zones({}).AvailabilityZones[1].ZoneName)
  end)

  it("answers a client token as it did, and only the same question", function()
    local aws = support.open()
    local vpc, subnets = support.network(aws)
    local function make(id, token)
      return aws.try.ec2:create_route_table { VpcId = id, ClientToken = token }
    end
    local first = make(vpc, "t").RouteTable.RouteTableId
    assert.equal(first, make(vpc, "t").RouteTable.RouteTableId)
    assert.not_equal(first, make(vpc, "other").RouteTable.RouteTableId)
    local other = aws.ec2:create_vpc({ CidrBlock = "10.9.0.0/16" }).Vpc.VpcId
    local _, err = make(other, "t")
    assert.equal("IdempotentParameterMismatch", err.code)
    assert.equal(2, #subnets)
  end)

  it("keeps no answer to a token that was refused", function()
    local aws = support.open()
    local vpc = support.network(aws)
    local params = {
      LaunchTemplateName = "one", ClientToken = "t", LaunchTemplateData = { InstanceType = "m7g.large" },
    }
    aws.ec2:create_launch_template { LaunchTemplateName = "one",
      LaunchTemplateData = { InstanceType = "t3.nano" } }
    assert.equal("InvalidLaunchTemplateName.AlreadyExistsException",
      (support.refused(aws.ec2, "create_launch_template", params)))
    aws.ec2:delete_launch_template { LaunchTemplateName = "one" }
    assert.equal("one", aws.ec2:create_launch_template(params).LaunchTemplate.LaunchTemplateName)
    assert.is_string(vpc)
  end)

  it("does nothing in a dry run", function()
    local aws = support.open()
    assert.equal("DryRunOperation",
      (support.refused(aws.ec2, "create_vpc", { CidrBlock = "10.0.0.0/16", DryRun = true })))
    assert.equal(0, #aws.ec2:describe_vpcs({}).Vpcs)
  end)

  it("gives pages by the model's paginators", function()
    local aws = support.open()
    local names = {}
    for i = 1, 23 do
      aws.ssm:put_parameter { Name = ("/p/%02d"):format(i), Value = "v", Type = "String" }
    end
    local pages = 0
    for page in aws.ssm:pages("get_parameters_by_path", { Path = "/p" }) do
      pages = pages + 1
      for _, parameter in ipairs(page.Parameters) do names[#names + 1] = parameter.Name end
    end
    assert.equal(3, pages)
    assert.equal(23, #names)
    assert.equal("/p/23", names[23])
    assert.equal("InvalidNextToken",
      (support.refused(aws.ssm, "get_parameters_by_path", { Path = "/p", NextToken = "nonsense" })))
    local vpc = support.network(aws)
    for _ = 1, 6 do aws.ec2:create_route_table { VpcId = vpc } end
    local first = aws.ec2:describe_route_tables { MaxResults = 5 }
    assert.equal(5, #first.RouteTables)
    assert.equal(2, #aws.ec2:describe_route_tables({ MaxResults = 5,
      NextToken = first.NextToken }).RouteTables)
  end)

  it("makes the same ids and takes the same time for the same seed", function()
    local function run(seed)
      local aws = support.open { seed = seed }
      local cluster, vpc = support.cluster(aws)
      return { cluster.endpoint, vpc, clock.now() }
    end
    local one = run(1)
    assert.same(one, run(1))
    local other = run(2)
    for i = 1, 3 do assert.not_equal(one[i], other[i]) end
  end)

  it("does not let ids depend on the order of requests", function()
    local function vpcs(first, second)
      local aws, out = support.open(), {}
      for _, range in ipairs { first, second } do
        out[range] = aws.ec2:create_vpc({ CidrBlock = range }).Vpc.VpcId
      end
      return out
    end
    assert.same(vpcs("10.0.0.0/16", "10.1.0.0/16"), vpcs("10.1.0.0/16", "10.0.0.0/16"))
  end)

  it("goes on from a state that was saved, also in the midst of things", function()
    local aws, world = support.open()
    local _, subnets = support.network(aws)
    aws.eks:create_cluster {
      name = "demo", roleArn = support.role(aws, "cluster", "eks.amazonaws.com"),
      resourcesVpcConfig = { subnetIds = subnets },
    }
    local text = json.encode(world:save(clock.now()))
    local at = clock.now()
    support.close()
    local again = sandbox.new { state = json.decode(text) }
    clock.simulate(again.started)
    assert.is_true(math.abs(clock.now() - at) < 1)
    aws = require("eksrun.aws").session(again:options())
    assert.equal("CREATING", aws.eks:describe_cluster({ name = "demo" }).cluster.status)
    task.sleep(900)
    local cluster = aws.eks:describe_cluster({ name = "demo" }).cluster
    assert.equal("ACTIVE", cluster.status)
    assert.same({}, cluster.resourcesVpcConfig.securityGroupIds)
    assert.same(subnets, cluster.resourcesVpcConfig.subnetIds)
  end)

  it("refuses a state of something else", function()
    assert.has_error(function() sandbox.new { state = { version = 7 } } end)
    assert.has_error(function() sandbox.new { sead = 1 } end)
  end)
end)

-- The sandbox over HTTP, with our own client; those of others are in tests/integration.
local clock = require "eksrun.clock"
local http = require "eksrun.http"
local listeners = require "eksrun.sandbox.listener"
local paces = require "eksrun.sandbox.pace"
local sandbox = require "eksrun.sandbox"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

-- Clients of a listener with some keys.
local function session(listener, id, secret)
  return require("eksrun.aws").session {
    region = "eu-west-1", endpoint = listener.url, max_attempts = 1,
    credentials = { access_key_id = id, secret_access_key = secret },
    system = require("eksrun.aws.system").with { env = function() end, read_file = function() end },
  }
end

-- Runs f(aws, listener) on a sandbox that listens.
local function with(options, f)
  local world = sandbox.new {
    virtual = options.virtual, now = clock.now(), state = options.state, enforce = options.enforce,
  }
  local listener = listeners.new { sandbox = world, pace = paces.new(world.started, options.scale) }
  return task.scope(function(scope)
    scope:spawn(function() listener:serve() end)
    local results = table.pack(f(session(listener, "AKIDEXAMPLE", "secret"), listener))
    listener:stop()
    return table.unpack(results, 1, results.n)
  end)
end

describe("the sandbox's listener", function()
  it("answers every protocol in the region of the signature", function()
    with({}, function(aws)
      assert.equal("111122223333", aws.account())
      assert.equal("eu-west-1a",
        aws.ec2:describe_availability_zones({}).AvailabilityZones[1].ZoneName)
      assert.same({}, aws.eks:list_clusters({}).clusters)
      assert.same({}, aws.logs:describe_log_groups({}).logGroups)
      local _, err = aws.try.eks:describe_cluster { name = "none" }
      assert.equal("ResourceNotFoundException", err.code)
      assert.equal(404, err.status)
      assert.is_string(err.request_id)
    end)
  end)

  it("answers HEAD with the length of what it does not send", function()
    with({}, function(aws)
      local bucket = { Bucket = "b-1", CreateBucketConfiguration = { LocationConstraint = "eu-west-1" } }
      aws.s3:create_bucket(bucket)
      aws.s3:put_object { Bucket = "b-1", Key = "k", Body = "1234567" }
      assert.equal(7, aws.s3:head_object({ Bucket = "b-1", Key = "k" }).ContentLength)
      assert.equal("1234567", aws.s3:get_object({ Bucket = "b-1", Key = "k" }).Body)
    end)
  end)

  it("knows STS by what is asked where nothing is signed", function()
    with({}, function(aws)
      local _, err = aws.try.sts:assume_role_with_web_identity {
        RoleArn = "arn:aws:iam::111122223333:role/x", RoleSessionName = "me", WebIdentityToken = "a.b.c",
      }
      assert.equal("InvalidIdentityToken", err.code)
    end)
  end)

  it("has the time of the world, or a faster one", function()
    with({}, function(aws, listener)
      aws.sts:get_caller_identity()
      assert.is_true(math.abs(listener.sandbox.world.state.now - clock.now()) < 30)
    end)
    with({ scale = 1000000 }, function(aws, listener)
      task.sleep(0.01)
      aws.sts:get_caller_identity()
      assert.is_true(listener.sandbox.world.state.now - clock.now() > 5000)
    end)
  end)

  it("waits for messages on its own clock", function()
    with({ scale = 100 }, function(aws, listener)
      local queue = aws.sqs:create_queue({ QueueName = "q" }).QueueUrl
      local began = listener.now()
      assert.is_nil(aws.sqs:receive_message({ QueueUrl = queue, WaitTimeSeconds = 20 }).Messages)
      assert.is_true(listener.now() - began >= 20)
      local sender = task.spawn(function()
        task.sleep(0.05)
        aws.sqs:send_message { QueueUrl = queue, MessageBody = "m" }
      end)
      local got = aws.sqs:receive_message({ QueueUrl = queue, WaitTimeSeconds = 20 }).Messages[1]
      sender:join()
      assert.equal("m", got.Body)
    end)
    with({ virtual = true }, function(aws, listener)
      local queue = aws.sqs:create_queue({ QueueName = "q" }).QueueUrl
      local before = listener.sandbox.world.state.now
      assert.is_nil(aws.sqs:receive_message({ QueueUrl = queue, WaitTimeSeconds = 20 }).Messages)
      aws.sqs:send_message { QueueUrl = queue, MessageBody = "m", DelaySeconds = 15 }
      local got = aws.sqs:receive_message({ QueueUrl = queue, WaitTimeSeconds = 20 }).Messages[1]
      assert.equal("m", got.Body)
      assert.is_true(math.abs(listener.sandbox.world.state.now - before - 15) < 5)
    end)
  end)

  it("lets nobody wait when time is virtual", function()
    with({ virtual = true }, function(aws, listener)
      local started, began = listener.sandbox.world.state.now, clock.monotonic()
      local _, subnets = support.network(aws, { zones = { "eu-west-1a", "eu-west-1b" } })
      local role = support.role_now(aws, "cluster", "eks.amazonaws.com")
      local function create()
        return aws.try.eks:create_cluster {
          name = "demo", roleArn = role, resourcesVpcConfig = { subnetIds = subnets },
        }
      end
      local made = create() -- refused where the role is not seen yet: then it is the next time
      for _ = 1, 10 do made = made or create() end
      assert.equal("CREATING", made.cluster.status)
      assert.equal("ACTIVE", aws.eks:describe_cluster({ name = "demo" }).cluster.status)
      aws.eks:delete_cluster { name = "demo" }
      local _, err = aws.try.eks:describe_cluster { name = "demo" }
      assert.equal("ResourceNotFoundException", err.code)
      assert.is_true(listener.sandbox.world.state.now - started > 500)
      assert.is_true(listener.pace:now() >= listener.sandbox.world.state.now)
      aws.ec2:create_launch_template {
        LaunchTemplateName = "own", LaunchTemplateData = { ImageId = "ami-0123456789abcdef0" },
      }
      aws.autoscaling:create_auto_scaling_group {
        AutoScalingGroupName = "own", MinSize = 0, MaxSize = 0, VPCZoneIdentifier = subnets[1],
        LaunchTemplate = { LaunchTemplateName = "own" },
      }
      aws.autoscaling:delete_auto_scaling_group { AutoScalingGroupName = "own" }
      assert.same({}, aws.autoscaling:describe_auto_scaling_groups({}).AutoScalingGroups)
      assert.is_true(clock.monotonic() - began < 60)
    end)
  end)

  it("leaves time alone when nothing that is asked for changes", function()
    with({ virtual = true }, function(aws, listener)
      local vpc = aws.ec2:create_vpc({ CidrBlock = "10.0.0.0/16" }).Vpc.VpcId
      aws.ec2:describe_vpcs { VpcIds = { vpc } } -- pending at first
      aws.ec2:allocate_address {}
      local before = listener.sandbox.world.state.now
      aws.ec2:describe_vpcs {}
      aws.ec2:describe_addresses {}
      assert.is_true(listener.sandbox.world.state.now - before < 30)
    end)
  end)

  it("holds callers to what IAM gives them, by their keys, when it is told to", function()
    with({ enforce = true }, function(aws, listener)
      aws.iam:create_user { UserName = "dev" }
      aws.iam:put_user_policy {
        UserName = "dev", PolicyName = "lists",
        PolicyDocument = [[{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*",
          "Action": "eks:List*"}}]],
      }
      local key = aws.iam:create_access_key({ UserName = "dev" }).AccessKey
      local dev = session(listener, key.AccessKeyId, key.SecretAccessKey)
      assert.matches("user/dev$", dev.sts:get_caller_identity({}).Arn)
      assert.same({}, dev.eks:list_clusters({}).clusters)
      assert.equal("UnauthorizedOperation", (support.refused(dev.ec2, "describe_vpcs", {})))
      assert.equal("AccessDenied", (support.refused(dev.iam, "list_users", {})))
      local thief = session(listener, key.AccessKeyId, "guessed")
      assert.equal("InvalidSignatureException", (support.refused(thief.eks, "list_clusters", {})))
      aws.iam:delete_access_key { UserName = "dev", AccessKeyId = key.AccessKeyId }
      assert.same({}, aws.iam:list_access_keys({ UserName = "dev" }).AccessKeyMetadata)
      assert.equal("UnrecognizedClientException", (support.refused(dev.eks, "list_clusters", {})))
      assert.same({}, aws.ec2:describe_vpcs({}).Vpcs)
    end)
  end)

  it("goes on where its state was saved", function()
    local state = with({}, function(aws, listener)
      aws.ec2:create_vpc { CidrBlock = "10.1.0.0/16" }
      return listener.sandbox:save(listener.pace:now())
    end)
    local json = require "eksrun.json"
    with({ state = json.decode(json.encode(state)) }, function(aws)
      assert.equal("10.1.0.0/16", aws.ec2:describe_vpcs({}).Vpcs[1].CidrBlock)
    end)
  end)

  it("answers what is no request of AWS", function()
    with({}, function(_, listener)
      local url = listener.url .. "/"
      local function refused(request)
        request.url = url
        local answer = http.request(request)
        assert.equal(403, answer.status)
        return answer.body .. (answer.headers["x-amzn-errortype"] or "")
      end
      assert.matches("MissingAuthenticationTokenException", refused {})
      assert.matches("MissingAuthenticationTokenException", refused { headers = { authorization = "x" } })
      assert.matches('__type":"[^"]*MissingAuthenticationTokenException', refused {
        method = "POST", body = "{}", headers = { ["x-amz-target"] = "TrentService.ListKeys" },
      })
      assert.matches("<Response><Errors><Error><Code>MissingAuthenticationToken</Code>", refused {
        method = "POST", body = "Action=DescribeVpcs&Version=2016-11-15",
        headers = { ["content-type"] = "application/x-www-form-urlencoded" },
      })
      local garbage = http.request {
        url = url, method = "POST", body = "\255\0{", headers = {
          authorization = "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/eks/aws4_request, "
            .. "SignedHeaders=host, Signature=0",
        },
      }
      assert.is_true(garbage.status >= 400 and garbage.status < 500)
    end)
  end)

  it("tells whose fault it is when a handler fails", function()
    local services = require "eksrun.sandbox.services"
    local handler = services.handler
    services.handler = function() return function() error "boom" end end
    local stderr, said = io.stderr, ""
    io.stderr = { write = function(_, ...) said = said .. table.concat { ... } end } -- luacheck: ignore
    local ok, why = pcall(with, {}, function(aws)
      local _, err = aws.try.eks:list_clusters {}
      assert.equal(500, err.status)
      assert.equal("InternalFailure", err.code)
    end)
    services.handler, io.stderr = handler, stderr -- luacheck: ignore
    assert(ok, why)
    assert.matches("boom", said)
  end)

  it("stops in time, whoever is still under way", function()
    local world = sandbox.new { now = clock.now() }
    local listener = listeners.new { sandbox = world, pace = paces.new(world.started), grace = 0.01 }
    local arrived = task.event()
    function listener.answer()
      arrived:set()
      task.sleep(3600)
    end
    task.scope(function(scope)
      local serves = scope:spawn(function() listener:serve() end)
      local call = scope:spawn(http.try_request, { url = listener.url })
      arrived:wait()
      listener:stop()
      serves:join() -- and does not raise: what was served is still to be saved
      local answer, err = call:join()
      assert.is_nil(answer)
      assert.equal("network", err.code)
    end)
  end)
end)

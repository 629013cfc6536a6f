-- Calls that are let go by a lock: what AWS gets to see, and what it refuses.
local aws = require "eksrun.aws"
local clock = require "eksrun.clock"
local clock_skew = require "eksrun.aws.clock_skew"
local error_object = require "eksrun.error"
local fence = require "eksrun.engine.lock.fence"
local guard = require "eksrun.engine.lock.guard"
local json = require "eksrun.json"
local signature_age = require "eksrun.aws.signature_age"
local system = require "eksrun.aws.system"
local task = require "eksrun.task"

local noon = 1700000000
local role = "arn:aws:iam::123456789012:role/deploy"

-- A world whose services answer by a function of the request.
local function world(answer)
  local w
  w = system.with {
    requests = {}, time = noon,
    env = function() return nil end,
    read_file = function() return nil end,
    now = function() return w.time end,
    sleep = function(seconds) w.time = w.time + seconds end,
    random = function() return 1 end,
    request = function(request)
      w.requests[#w.requests + 1] = request
      return answer(request)
    end,
  }
  return w
end

local function client(service, w)
  return aws.client(service, {
    system = w, region = "eu-west-1",
    credentials = { access_key_id = "AKIDEXAMPLE", secret_access_key = "secret" },
  })
end

-- When a request was signed, from its header: 20231114T221320Z.
local function dated(request)
  local date = request.headers["x-amz-date"]
  return clock.parse((date:gsub("^(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)Z$", "%1-%2-%3T%4:%5:%6Z")))
end

local function ok()
  return { status = 200, headers = { ["content-type"] = "text/xml" }, body = "<DescribeVpcsResponse/>" }
end

local function refusal(code, message)
  return {
    status = 400, headers = {},
    body = ("<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors></Response>")
      :format(code, message),
  }
end

-- Lets calls go as a lock with this fence and lease does.
local function with_lock(w, of, deadline, f)
  local lock = {}
  function lock.permit() return of and of:permit(deadline, w.time, 70) end
  local _ <close> = guard.enforce(lock)
  return f()
end

describe("what --fence says", function()
  it("is one of two", function()
    assert.same({ kind = "signature" }, fence.parse("signature", "--fence"))
    assert.same({ kind = "session", role = role }, fence.parse("session=" .. role, "--fence"))
    for _, text in ipairs { "session", "session=deploy", "signature=1", "" } do
      local fine, err = pcall(fence.parse, text, "EKSRUN_FENCE")
      assert.is_false(fine)
      assert.equal("usage", err.code)
      assert.matches("^EKSRUN_FENCE: '", err.message)
    end
  end)
end)

describe("the fence in the signature", function()
  local signature

  before_each(function()
    signature_age.forget()
    signature = fence.new({ kind = "signature" }, {})
  end)

  it("dates what changes something back, so that it is too old when the lease ends", function()
    local w = world(function() return ok() end)
    local ec2 = client("ec2", w)
    with_lock(w, signature, noon + 120, function()
      ec2:delete_vpc { VpcId = "vpc-1" }
      ec2:describe_vpcs {}
      ec2:invoke("delete_vpc", { VpcId = "vpc-1" }, { permit = false })
    end)
    ec2:delete_vpc { VpcId = "vpc-1" }
    assert.equal(noon + 120 - signature_age.USUAL, dated(w.requests[1]))
    for i = 2, 4 do assert.equal(noon, dated(w.requests[i])) end
  end)

  it("learns from a service that refuses sooner, once", function()
    local w
    w = world(function(request)
      if w.time - dated(request) <= 300 then return ok() end
      return refusal("SignatureDoesNotMatch", "Signature expired: 20231114T220020Z is now earlier than "
        .. "20231114T220820Z (20231114T221320Z - 5 min.)")
    end)
    local ec2 = client("ec2", w)
    with_lock(w, signature, noon + 120, function()
      ec2:delete_vpc { VpcId = "vpc-1" }
      ec2:delete_vpc { VpcId = "vpc-2" }
    end)
    assert.equal(3, #w.requests)
    assert.equal(noon + 120 - 300, dated(w.requests[2]))
    assert.equal(noon + 120 - 300, dated(w.requests[3]))
  end)

  it("takes the least that AWS documents where a service does not say how long", function()
    local w
    w = world(function(request)
      return w.time - dated(request) <= 400 and ok() or refusal("RequestExpired", "Request has expired.")
    end)
    with_lock(w, signature, noon + 120, function() client("ec2", w):delete_vpc { VpcId = "v" } end)
    assert.equal(2, #w.requests)
    assert.equal(noon + 120 - 300, dated(w.requests[2]))
  end)

  it("does not take a clock of its own that is slow for a service that refuses sooner", function()
    local w
    local ahead, dates = 1500, {}
    w = world(function(request)
      local now = w.time + ahead
      dates[#dates + 1] = now - dated(request)
      local answer = now - dated(request) <= 900 and ok() or refusal("RequestExpired", "Request has expired.")
      answer.headers.date = clock.format_iso8601(now, "http")
      return answer
    end)
    with_lock(w, signature, noon + ahead + 120, function()
      client("ec2", w):delete_vpc { VpcId = "v" }
    end)
    clock_skew.forget()
    assert.same({ ahead, signature_age.USUAL - 120 }, dates)
  end)

  it("learns nothing from a wrong key", function()
    local w = world(function()
      return refusal("SignatureDoesNotMatch", "The request signature we calculated does not match")
    end)
    local fine = pcall(with_lock, w, signature, noon + 120, function()
      client("ec2", w):delete_vpc { VpcId = "v" }
    end)
    assert.is_false(fine)
    assert.equal(1, #w.requests)
  end)

  it("is passed before the deadline, and never behind it", function()
    for age = 300, signature_age.USUAL, 100 do
      for left = 0, 1000, 50 do
        local at = signature_age.date(noon, noon + left, age)
        assert.is_true(at <= noon)
        for arrives = noon, noon + 2000, 25 do
          if arrives <= at + age then assert.is_true(arrives <= noon + left) end
        end
        if left <= age then assert.is_true(noon + left <= at + age) end
      end
    end
  end)
end)

describe("a lock that is lost", function()
  it("ends the attempts of a call that are still to come", function()
    local lost = false
    local w = world(function()
      lost = true
      return { status = 503, headers = {}, body = "" }
    end)
    local lock = {}
    function lock.permit()
      if lost then error(error_object.new { code = "lock_lost", message = "gone" }, 0) end
    end
    local _ <close> = guard.enforce(lock)
    local fine, err = pcall(function() client("ec2", w):delete_vpc { VpcId = "v" } end)
    assert.is_false(fine)
    assert.equal("lock_lost", err.code)
    assert.equal(1, #w.requests)
  end)
end)

describe("the fence in the session", function()
  local asked, sky

  before_each(function()
    asked = {}
    sky = {
      account = function() return "123456789012" end,
      sts = {
        invoke = function(_, operation, params, options)
          assert.equal("assume_role", operation)
          assert.is_false(options.permit)
          asked[#asked + 1] = params
          task.sleep(0.01)
          if sky.err then return nil, sky.err end
          return {
            Credentials = {
              AccessKeyId = "ASIA" .. #asked, SecretAccessKey = "s", SessionToken = "t",
              Expiration = noon + 3600,
            },
          }
        end,
      },
    }
  end)

  local function session() return fence.new({ kind = "session", role = role }, sky) end

  it("signs with a session that AWS denies everything from the deadline on", function()
    local w = world(function() return ok() end)
    local ec2 = client("ec2", w)
    with_lock(w, session(), noon + 120, function()
      ec2:delete_vpc { VpcId = "v" }
      ec2:describe_vpcs {}
    end)
    assert.matches("Credential=ASIA1/", w.requests[1].headers.authorization, 1, true)
    assert.equal("t", w.requests[1].headers["x-amz-security-token"])
    assert.equal(noon, dated(w.requests[1]))
    assert.matches("Credential=AKIDEXAMPLE/", w.requests[2].headers.authorization, 1, true)
    assert.equal(role, asked[1].RoleArn)
    local statement = json.decode(asked[1].Policy).Statement
    assert.equal(1, #statement)
    assert.same({
      Effect = "Allow", Action = "*", Resource = "*",
      Condition = { DateLessThan = { ["aws:CurrentTime"] = clock.format_iso8601(noon + 120) } },
    }, statement[1])
  end)

  it("has one session for all calls, and another when it does not last for the next", function()
    local of = session()
    local keys = task.all {
      function() return of:permit(noon + 120, noon, 70).credentials.access_key_id end,
      function() return of:permit(noon + 120, noon, 70).credentials.access_key_id end,
    }
    assert.same({ "ASIA1", "ASIA1" }, keys)
    -- The lease was renewed, the session still lasts.
    assert.equal("ASIA1", of:permit(noon + 150, noon + 49, 70).credentials.access_key_id)
    assert.equal("ASIA2", of:permit(noon + 150, noon + 50, 70).credentials.access_key_id)
    assert.equal(2, #asked)
  end)

  it("says why there is none", function()
    sky.err = error_object.new { code = "AccessDenied", message = "sts:AssumeRole: no", status = 403 }
    local fine, err = pcall(function() return session():permit(noon + 120, noon, 70) end)
    assert.is_false(fine)
    assert.equal("credentials", err.code)
    assert.matches("cannot assume role " .. role, tostring(err), 1, true)
  end)

  it("refuses a role of another account than the one that is looked at", function()
    sky.account = function() return "210987654321" end
    local fine, err = pcall(session)
    assert.is_false(fine)
    local said = "is of account 123456789012; what is changed is in account 210987654321"
    assert.matches(said, err.message, 1, true)
  end)
end)

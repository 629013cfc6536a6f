-- The client against a server that misbehaves: what it tries again, what it gives up, and that no
-- secret goes elsewhere. Sleeps are kept, not slept.
local aws = require "eksrun.aws"
local http = require "eksrun.http"
local server_module = require "tests.spec.support.server"
local system = require "eksrun.aws.system"

local calls = {
  ["rest-json"] = { "eks", "describe_cluster", { name = "x" }, function(o) return o.cluster.name == "x" end },
  json = { "ssm", "get_parameter", { Name = "p" }, function(o) return o.Parameter.Value == "v" end },
  query = { "sts", "get_caller_identity", {}, function(o) return o.Account == "1" end },
  ec2 = { "ec2", "describe_vpcs", {}, function(o) return o.Vpcs[1].VpcId == "vpc-1" end },
  ["rest-xml"] = { "route53", "list_hosted_zones", {}, function(o) return o.HostedZones[1].Name == "a." end },
}

local protocols = { "rest-json", "json", "query", "ec2", "rest-xml" }

local keys = { access_key_id = "AKIDEXAMPLE", secret_access_key = "secret-access-key" }

describe("the client, on a server that misbehaves,", function()
  local server

  setup(function() server = server_module.misbehaving() end)
  teardown(function() server:stop() end)

  -- Calls an operation whose attempts end as the steps say. Output or nil, the error, the attempts
  -- that arrived, the sleeps.
  local function call(protocol, steps, options)
    local w
    options = options or {}
    w = system.with {
      sleeps = {},
      env = options.env or function() return nil end,
      read_file = function() return nil end,
      sleep = function(seconds) w.sleeps[#w.sleeps + 1] = seconds end,
      random = function() return 1 end,
      request = function(request)
        if options.on_request then options.on_request() end
        return http.try_request(request)
      end,
    }
    local service, operation, params = table.unpack(calls[protocol])
    local client = aws.client(service, {
      system = w, region = "eu-west-1", timeout = options.timeout,
      credentials = not options.env and keys or nil,
      endpoint = ("%s/script/%s/%s"):format(server.url, steps, protocol),
    })
    local output, err, response = client:invoke(operation, params)
    if output then assert.is_true(calls[protocol][4](output)) end
    return output, err, response and response.headers["x-attempt"], w.sleeps
  end

  local function succeeds(steps, attempts, options)
    for _, protocol in ipairs(options and options.protocols or protocols) do
      local output, err, attempt = call(protocol, steps, options)
      assert.is_table(output, ("%s, %s: %s"):format(protocol, steps, tostring(err)))
      assert.are.equal(("attempt=%d; max=3"):format(attempts), attempt)
    end
  end

  -- The error, of each protocol the same.
  local function fails(steps, code, attempts, options)
    local last
    for _, protocol in ipairs(options and options.protocols or protocols) do
      local output, err = call(protocol, steps, options)
      assert.is_nil(output)
      assert.are.same({ code, attempts }, { err.code, err.attempts }, protocol .. ": " .. tostring(err))
      last = err
    end
    return last
  end

  it("tries again when connections break", function()
    for _, step in ipairs { "close", "reset", "cut:0", "cut:25", "cut:50", "cut:75" } do
      succeeds(step .. ",ok", 2)
    end
    succeeds("reset,close,ok", 3)
    local err = fails("reset", "network", 3)
    assert.is_true(err.retryable)
  end)

  it("takes an answer that ends early for none", function()
    for _, percent in ipairs { 25, 50, 75 } do fails("ends:" .. percent, "invalid_response", 3) end
    succeeds("ends:50,ok", 2)
  end)

  it("waits no longer than it was told to", function()
    local options = { timeout = 0.2, protocols = { "rest-json" } }
    for _, step in ipairs { "hang", "hang-in-header", "hang-in-body", "drip" } do
      succeeds(step .. ",ok", 2, options)
    end
    fails("hang", "timeout", 3, options)
  end)

  it("tries again what a server cannot do now", function()
    for _, status in ipairs { 500, 502, 503, 504 } do
      succeeds(status .. ",ok", 2)
      succeeds(("%d:InternalFailure,ok"):format(status), 2)
      succeeds(("html:%d,ok"):format(status), 2)
    end
    fails("503:ServiceUnavailable", "ServiceUnavailable", 3)
    fails("html:503", "invalid_response", 3)
  end)

  it("tries again what comes too fast", function()
    for _, code in ipairs { "Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown" } do
      succeeds("400:" .. code .. ",ok", 2)
    end
    succeeds("429,ok", 2)
    fails("400:ThrottlingException", "ThrottlingException", 3)
  end)

  it("gives up at once what would not change", function()
    fails("400:ValidationException", "ValidationException", 1)
    fails("404:NoSuchThing", "NoSuchThing", 1)
    fails("501:NotImplemented", "NotImplemented", 1)
    fails("garbage", "network", 1)
    fails("bad-gzip", "network", 1)
  end)

  it("does not take a page for an answer", function()
    fails("html:200", "invalid_response", 1)
    fails("html:404", "invalid_response", 1)
  end)

  it("reads an answer whatever type it calls itself", function()
    succeeds("ok:text%2Fplain", 1)
    succeeds("ok:none", 1)
  end)

  it("refuses what is too large", function()
    local options = { protocols = { "rest-json" } }
    local err = fails("endless-header", "limit", 1, options)
    assert.matches("the header from 127%.0%.0%.1:%d+ is larger than 262144 bytes", err.message)
    fails("gzip-bomb", "limit", 1, options)
    fails("endless", "limit", 1, options)
  end)

  it("follows no redirect", function()
    local other = server_module.misbehaving()
    local err = fails("elsewhere:" .. other.port, "302", 1)
    assert.matches("redirected to 127%.0%.0%.1", err.message)
    assert.is_nil(err.message:find("secret", 1, true))
    local asked = http.request { url = other.url .. "/count" }.body
    other:stop()
    assert.are.equal("1", asked) -- our own
  end)

  it("learns how far a clock is off, and asks at once again", function()
    for _, protocol in ipairs(protocols) do
      local output, err, attempt, sleeps = call(protocol, "clock")
      assert.is_table(output, tostring(err))
      assert.are.same({}, sleeps)
      -- The first one to ask learns it for the host.
      if protocol == "rest-json" then assert.are.equal("attempt=2; max=3", attempt) end
    end
    -- And back.
    require("eksrun.aws.clock_skew").forget()
  end)

  it("asks again with new credentials when the old ones expired", function()
    for _, protocol in ipairs(protocols) do
      local variables = { AWS_ACCESS_KEY_ID = "AKIDOLD", AWS_SECRET_ACCESS_KEY = "s" }
      local output, err, attempt = call(protocol, "expired", {
        env = function(name) return variables[name] end,
        on_request = function() variables.AWS_ACCESS_KEY_ID = "AKIDNEW" end,
      })
      assert.is_table(output, tostring(err))
      assert.are.equal("attempt=2; max=3", attempt)
    end
    local function env(name)
      return ({ AWS_ACCESS_KEY_ID = "AKIDOLD", AWS_SECRET_ACCESS_KEY = "s" })[name]
    end
    fails("expired", "ExpiredToken", 1, { env = env })
  end)

  it("passes over what comes before the answer", function()
    local output, err = call("rest-json", "early")
    assert.is_nil(output)
    assert.are.equal("invalid_response", err.code) -- its body is no JSON, but the answer behind the 100
    assert.matches("late", err.message)
  end)
end)

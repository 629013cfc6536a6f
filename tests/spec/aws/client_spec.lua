local aws = require "eksrun.aws"
local errors = require "eksrun.aws.errors"
local raised = require "tests.spec.support.raised"
local system = require "eksrun.aws.system"
local task = require "eksrun.task"

local noon = 1700000000 -- 2023-11-14T22:13:20Z

-- A world whose service gives the answers in turn: {status, headers, body}, a function of the
-- request, or an error object of http. It keeps the requests and the sleeps.
local function world(answers, env)
  local w
  w = system.with {
    requests = {},
    sleeps = {},
    time = noon,
    env = function(name) return (env or {})[name] end,
    read_file = function() return nil end,
    now = function() return w.time end,
    sleep = function(seconds)
      w.sleeps[#w.sleeps + 1] = seconds
      w.time = w.time + seconds
    end,
    random = function() return 1 end,
    request = function(request)
      w.requests[#w.requests + 1] = request
      local answer = #answers > 1 and table.remove(answers, 1) or answers[1]
      if type(answer) == "function" then answer = answer(request) end
      if answer.code then return nil, errors.new(answer) end
      return { status = answer[1], headers = answer[2], body = answer[3] }
    end,
  }
  return w
end

local keys = { access_key_id = "AKIDEXAMPLE", secret_access_key = "secret" }
local json_type = { ["content-type"] = "application/json" }

local new_cluster = { name = "x", roleArn = "arn:aws:iam::1:role/r", resourcesVpcConfig = {} }

local function client(service, w, options)
  options = options or {}
  options.system, options.region = w, options.region or "eu-west-1"
  options.credentials = options.credentials or keys
  return aws.client(service, options)
end

local function cluster(status)
  return { 200, json_type, ('{"cluster": {"name": "x", "status": "%s"}}'):format(status) }
end

local function failure(status, code, message, headers)
  local all = { ["x-amzn-errortype"] = code, ["x-amzn-requestid"] = "r-1" }
  for name, value in pairs(json_type) do all[name] = value end
  for name, value in pairs(headers or {}) do all[name] = value end
  return { status, all, ('{"message": "%s"}'):format(message) }
end

describe("an aws client", function()
  it("sends a signed request to the region's endpoint", function()
    local w = world { cluster "ACTIVE" }
    local output = client("eks", w):describe_cluster { name = "x" }
    assert.are.equal("ACTIVE", output.cluster.status)
    local request = w.requests[1]
    assert.are.equal("GET", request.method)
    assert.are.equal("https://eks.eu-west-1.amazonaws.com/clusters/x", request.url)
    assert.matches("^AWS4%-HMAC%-SHA256 Credential=AKIDEXAMPLE/20231114/eu%-west%-1/eks/aws4_request, ",
      request.headers.authorization)
    assert.are.equal("eks.eu-west-1.amazonaws.com", request.headers.host)
    assert.are.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      request.headers["x-amz-content-sha256"])
    assert.matches("SignedHeaders=[^,]*x%-amz%-content%-sha256", request.headers.authorization)
    local version = require "eksrun.version"
    assert.matches("^%d+%.%d+%.%d+$", version)
    assert.are.equal("eksrun/" .. version .. " ua/2.1 lang/lua#5.4 m/E", request.headers["user-agent"])
  end)

  it("says which attempt of which call a request is", function()
    local w = world { failure(503, "ServiceUnavailableException", "busy"), cluster "ACTIVE" }
    local eks = client("eks", w, { max_attempts = 4 })
    eks:describe_cluster { name = "x" }
    eks:describe_cluster { name = "x" }
    local first, second, other = w.requests[1].headers, w.requests[2].headers, w.requests[3].headers
    assert.are.equal("attempt=1; max=4", first["amz-sdk-request"])
    assert.are.equal("attempt=2; max=4", second["amz-sdk-request"])
    assert.matches("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", first["amz-sdk-invocation-id"])
    assert.are.equal(first["amz-sdk-invocation-id"], second["amz-sdk-invocation-id"])
    assert.are_not.equal(first["amz-sdk-invocation-id"], other["amz-sdk-invocation-id"])
  end)

  it("names the application and what it makes use of to the service", function()
    local w = world({ cluster "ACTIVE" }, { AWS_SDK_UA_APP_ID = "team a/b", AWS_RETRY_MODE = "adaptive" })
    client("eks", w):wait("cluster_active", { name = "x" })
    assert.matches(" m/B,F app/team%-a%-b$", w.requests[1].headers["user-agent"])
  end)

  it("never repeats a secret that a server sent back", function()
    local token = "FwoGZXIvYXdzEXAMPLE/token+with=signs"
    local w = world { function(request)
      return failure(400, "ValidationException", "you said " .. request.headers.authorization .. " "
        .. request.headers["x-amz-security-token"])
    end }
    local _, err = client("eks", w, { credentials = {
      access_key_id = "AKIDEXAMPLEEXAMPLE", secret_access_key = "a-secret-key", session_token = token,
    } }).try:list_clusters {}
    for _, text in ipairs { tostring(err), err.aws_message } do
      assert.is_nil(text:find(token, 1, true))
      assert.is_nil(text:find("AKIDEXAMPLEEXAMPLE", 1, true))
      assert.matches("you said .*Credential=AKID%.%.%./", text)
    end
  end)

  it("signs IAM for the region that stands for the partition", function()
    local w = world { { 200, { ["content-type"] = "text/xml" },
      "<ListRolesResponse><ListRolesResult><Roles/></ListRolesResult></ListRolesResponse>" } }
    client("iam", w):list_roles {}
    assert.are.equal("https://iam.amazonaws.com/", w.requests[1].url)
    assert.matches("/us%-east%-1/iam/aws4_request", w.requests[1].headers.authorization)
  end)

  it("goes to the user's endpoint", function()
    local w = world({ cluster "ACTIVE" }, { AWS_ENDPOINT_URL_EKS = "http://127.0.0.1:4566/base" })
    client("eks", w):describe_cluster { name = "x" }
    assert.are.equal("http://127.0.0.1:4566/base/clusters/x", w.requests[1].url)
    assert.are.equal("127.0.0.1:4566", w.requests[1].headers.host)
  end)

  it("raises what a service refuses, and returns it when tried", function()
    local w = world { failure(404, "ResourceNotFoundException", "No cluster found for name: x.") }
    local eks = client("eks", w)
    local err = raised(eks.describe_cluster, eks, { name = "x" })
    assert.are.equal("ResourceNotFoundException", err.code)
    assert.are.equal("eks:DescribeCluster: ResourceNotFoundException: No cluster found for name: x.",
      tostring(err))
    assert.are.equal("No cluster found for name: x.", err.aws_message)
    assert.are.same({ "eks:DescribeCluster", "eks", 404, "r-1", false },
      { err.operation, err.service, err.status, err.request_id, err.retryable })
    local output, same = eks.try:describe_cluster { name = "x" }
    assert.is_nil(output)
    assert.are.equal("ResourceNotFoundException", same.code)
    assert.are.equal(2, #w.requests)
  end)

  it("keeps no more of a request's id than an id has", function()
    local refused = failure(404, "ResourceNotFoundException", "none")
    refused[2]["x-amzn-requestid"] = ("x, "):rep(10000)
    local eks = client("eks", world { refused })
    assert.equal(200, #raised(eks.describe_cluster, eks, { name = "x" }).request_id)
  end)

  it("says what to do about refused credentials", function()
    local w = world { failure(403, "InvalidSignatureException",
      "The request signature does not match.\\n\\nThe Canonical String was x-amz-security-token:TOPSECRET") }
    local _, err = client("eks", w).try:list_clusters {}
    assert.is_true(errors.is_credentials(err))
    assert.are.equal("eks:ListClusters: InvalidSignatureException: The request signature does not match; "
      .. "check the secret access key (credentials from the caller)", tostring(err))
    assert.is_nil(err.aws_message:find("TOPSECRET", 1, true))
  end)

  it("returns the lack of credentials, and sends nothing", function()
    local w = world({ cluster "ACTIVE" }, { AWS_EC2_METADATA_DISABLED = "true" })
    local _, err = aws.client("eks", { system = w, region = "eu-west-1" }).try:list_clusters {}
    assert.are.equal("credentials", err.code)
    assert.are.equal(0, #w.requests)
  end)

  it("does not call a page of HTML a missing cluster", function()
    local page = { 404, { ["content-type"] = "text/html" }, "<!doctype html><title>404 Not Found</title>" }
    local _, err = client("eks", world { page }).try:describe_cluster { name = "x" }
    assert.are.equal("invalid_response", err.code)
    assert.are.equal(404, err.status)
  end)

  it("returns answers that are none as errors", function()
    local w = world { { 200, json_type, '{"cluster": {' } }
    local _, err = client("eks", w).try:describe_cluster { name = "x" }
    assert.are.equal("invalid_response", err.code)
    assert.matches("^eks:DescribeCluster: ", tostring(err))
  end)

  describe("retries", function()
    it("what is transient, waiting longer each time", function()
      local w = world { failure(503, "ServiceUnavailableException", "busy"),
        { code = "network", message = "http: connection lost", retryable = true }, cluster "ACTIVE" }
      assert.are.equal("ACTIVE", client("eks", w):describe_cluster({ name = "x" }).cluster.status)
      assert.are.same({ 1, 2 }, w.sleeps)
    end)

    it("three times in all", function()
      local w = world { { code = "network", message = "http: connection refused", retryable = true } }
      local _, err = client("eks", w).try:list_clusters {}
      assert.are.equal(3, #w.requests)
      assert.are.equal("eks:ListClusters: http: connection refused", tostring(err))
      assert.are.equal("network", err.code)
      assert.is_true(err.retryable)
      assert.are.equal(3, err.attempts)
    end)

    it("as often as AWS_MAX_ATTEMPTS says", function()
      local w = world({ failure(500, "ServerException", "x") }, { AWS_MAX_ATTEMPTS = "1" })
      local _, err = client("eks", w).try:list_clusters {}
      assert.are.equal(1, #w.requests)
      assert.are.equal("ServerException", err.code)
    end)

    it("nothing that would fail again", function()
      local w = world { failure(400, "InvalidParameterException", "no") }
      client("eks", w).try:list_clusters {}
      assert.are.equal(1, #w.requests)
    end)

    it("with the same idempotency token, and a new signature", function()
      local w = world { failure(503, "ServiceUnavailableException", "busy"), cluster "CREATING" }
      client("eks", w):create_cluster(new_cluster)
      local first, second = w.requests[1], w.requests[2]
      assert.matches('"clientRequestToken":"%x+%-%x+%-4%x+%-%x+%-%x+"', first.body)
      assert.are.equal(first.body, second.body)
      assert.are_not.equal(first.headers["x-amz-date"], second.headers["x-amz-date"])
    end)

    it("with the server's clock, when ours is wrong", function()
      local w = world {
        failure(403, "InvalidSignatureException", "Signature not yet current",
          { date = "Wed, 15 Nov 2023 00:13:20 GMT" }),
        cluster "ACTIVE",
      }
      client("eks", w, { region = "eu-north-1" }):describe_cluster { name = "x" }
      assert.are.equal("20231114T221320Z", w.requests[1].headers["x-amz-date"])
      assert.are.equal("20231115T001320Z", w.requests[2].headers["x-amz-date"])
      assert.are.same({}, w.sleeps)
    end)

    it("with new credentials, when the old ones expired", function()
      local env = { AWS_ACCESS_KEY_ID = "AKOLD", AWS_SECRET_ACCESS_KEY = "s", AWS_SESSION_TOKEN = "t" }
      local w = world({
        function()
          env.AWS_ACCESS_KEY_ID = "AKNEW"
          return failure(403, "ExpiredTokenException", "expired")
        end,
        cluster "ACTIVE",
      }, env)
      aws.client("eks", { system = w, region = "eu-west-1" }):describe_cluster { name = "x" }
      assert.matches("Credential=AKOLD/", w.requests[1].headers.authorization)
      assert.matches("Credential=AKNEW/", w.requests[2].headers.authorization)
    end)
  end)

  it("learns the clock from a HEAD, which has no body to say why", function()
    local w = world { { 403, { date = "Wed, 15 Nov 2023 01:13:20 GMT" }, "" }, { 200, {}, "" } }
    client("s3", w, { region = "eu-south-2" }):head_object { Bucket = "bucket", Key = "k" }
    assert.are.equal("20231114T221320Z", w.requests[1].headers["x-amz-date"])
    assert.are.equal("20231115T011320Z", w.requests[2].headers["x-amz-date"])
  end)

  it("takes the caller's idempotency token", function()
    local w = world { cluster "CREATING" }
    local asked
    client("eks", w):create_cluster(new_cluster, {
      token = function(operation)
        asked = operation
        return "mine"
      end,
    })
    assert.are.equal("CreateCluster", asked)
    assert.matches('"clientRequestToken":"mine"', w.requests[1].body)
  end)

  it("makes a signed request without sending it", function()
    local w = world { cluster "ACTIVE" }
    local request = client("eks", w):dry("describe_cluster", { name = "x" })
    assert.are.equal("https://eks.eu-west-1.amazonaws.com/clusters/x", request.url)
    assert.is_string(request.headers.authorization)
    assert.are.equal(0, #w.requests)
  end)

  it("assumes a role when asked to", function()
    local w = world {
      { 200, { ["content-type"] = "text/xml" }, [[<AssumeRoleResponse><AssumeRoleResult><Credentials>
        <AccessKeyId>AKROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
        <SessionToken>rt</SessionToken><Expiration>2033-01-01T00:00:00Z</Expiration>
        </Credentials></AssumeRoleResult></AssumeRoleResponse>]] },
      cluster "ACTIVE",
    }
    local eks = client("eks", w, { role_arn = "arn:aws:iam::123456789012:role/r" })
    eks:describe_cluster { name = "x" }
    assert.matches("Action=AssumeRole", w.requests[1].body)
    assert.matches("RoleArn=arn%%3Aaws%%3Aiam%%3A%%3A123456789012%%3Arole%%2Fr", w.requests[1].body)
    assert.matches("Credential=AKROLE/", w.requests[2].headers.authorization)
    assert.are.equal("rt", w.requests[2].headers["x-amz-security-token"])
    eks:describe_cluster { name = "x" }
    assert.are.equal(3, #w.requests)
  end)

  it("has one task find the credentials while the others wait", function()
    local asked = 0
    local w = world { function(request)
      if not request.body:find("AssumeRole", 1, true) then return cluster "ACTIVE" end
      asked = asked + 1
      for _ = 1, 3 do task.sleep(0) end
      if asked == 1 then return { code = "tls", message = "http: no trust" } end
      return { 200, { ["content-type"] = "text/xml" }, [[<AssumeRoleResponse><AssumeRoleResult><Credentials>
        <AccessKeyId>AKROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
        <SessionToken>rt</SessionToken><Expiration>2033-01-01T00:00:00Z</Expiration>
        </Credentials></AssumeRoleResult></AssumeRoleResponse>]] }
    end }
    local eks = client("eks", w, { role_arn = "arn:aws:iam::123456789012:role/r" })
    local results = {}
    task.scope(function(scope)
      for i = 1, 5 do
        scope:spawn(function()
          local output, err = eks.try:describe_cluster { name = "x" }
          results[i] = output and output.cluster.status or err.code
        end)
      end
    end)
    -- The first one fails for itself; the next one in line asks for all that are left.
    assert.are.same({ "tls", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE" }, results)
    assert.are.equal(2, asked)
  end)

  describe("tells the caller, at the caller's line,", function()
    local function mistake(f)
      local message = raised(f)
      assert.is_string(message)
      assert.matches("^[^:]*client_spec%.lua:%d+: ", message)
      return (message:gsub("^.-:%d+: ", ""))
    end

    it("of an unknown service", function()
      assert.matches("^there is no service 'ekss', did you mean eks", mistake(function() return aws.ekss end))
      assert.matches("^there is no service 'ec3'", mistake(function() aws.client "ec3" end))
    end)

    it("of an unknown operation", function()
      assert.matches("^eks has no operation 'describe_clustr', did you mean describe_cluster",
        mistake(function() aws.eks:describe_clustr {} end))
      assert.matches("^eks has no operation 'list_cluster'",
        mistake(function() aws.try.eks:list_cluster {} end))
    end)

    it("of an unknown option", function()
      assert.are.equal("aws.client: unknown option 'regoin', did you mean region?",
        mistake(function() aws.client("eks", { regoin = "x" }) end))
    end)

    it("of options without sense", function()
      assert.are.equal("aws.client: retry_mode 'adaptiv' is none of standard, adaptive and legacy",
        mistake(function() aws.client("eks", { retry_mode = "adaptiv" }) end))
      assert.are.equal("aws.client: max_attempts '0' is not a number of attempts",
        mistake(function() aws.client("eks", { max_attempts = 0 }) end))
    end)

    it("of a dot for a colon", function()
      assert.matches("call describe_cluster with a colon",
        mistake(function() aws.eks.describe_cluster { name = "x" } end))
    end)

    it("of a client that is closed", function()
      local w = world { cluster "ACTIVE" }
      local kept
      do
        local eks <close> = client("eks", w)
        eks:describe_cluster { name = "x" }
        kept = eks
      end
      assert.are.equal("describe_cluster: the client is closed",
        mistake(function() kept:describe_cluster { name = "x" } end))
      assert.are.equal(1, #w.requests)
    end)

    it("of an unknown waiter", function()
      assert.matches("^eks has no waiter 'cluster_activ', did you mean",
        mistake(function() aws.eks:wait("cluster_activ", {}) end))
    end)
  end)

  it("validates parameters before anything is sent, tried or not", function()
    local w = world { cluster "ACTIVE" }
    local err = raised(function() client("eks", w).try:describe_cluster { nmae = "x" } end)
    assert.are.equal("validation", err.code)
    assert.matches("nmae", tostring(err))
    assert.are.equal(0, #w.requests)
  end)
end)

describe("pages", function()
  local function pages()
    return world {
      { 200, json_type, '{"clusters": ["a", "b"], "nextToken": "t1"}' },
      { 200, json_type, '{"clusters": ["c"], "nextToken": "t2"}' },
      { 200, json_type, '{"clusters": []}' },
    }
  end

  it("follow the tokens", function()
    local w, seen = pages(), {}
    for page in client("eks", w):pages("list_clusters", { maxResults = 2 }) do
      seen[#seen + 1] = #page.clusters
    end
    assert.are.same({ 2, 1, 0 }, seen)
    assert.matches("%?maxResults=2$", w.requests[1].url)
    assert.matches("nextToken=t1", w.requests[2].url)
    assert.matches("nextToken=t2", w.requests[3].url)
  end)

  it("come together as one list", function()
    assert.are.same({ "a", "b", "c" }, { table.unpack(client("eks", pages()):collect "list_clusters") })
  end)

  it("stop at a token that comes again", function()
    local w = world { { 200, json_type, '{"clusters": ["a"], "nextToken": "same"}' } }
    local err = raised(function()
      for _ in client("eks", w):pages "list_clusters" do assert.is_true(#w.requests < 10) end
    end)
    assert.are.equal("invalid_response", err.code)
    assert.are.equal(2, #w.requests)
  end)

  it("are one where the operation knows none", function()
    local count = 0
    for page in client("eks", world { cluster "ACTIVE" }):pages("describe_cluster", { name = "x" }) do
      count = count + 1
      assert.are.equal("ACTIVE", page.cluster.status)
    end
    assert.are.equal(1, count)
  end)
end)

describe("a wait", function()
  it("polls until the state is there, saying what it saw", function()
    local w, seen = world { cluster "CREATING", cluster "CREATING", cluster "ACTIVE" }, {}
    local output = client("eks", w):wait("cluster_active", { name = "x" }, {
      delay = 5,
      on_state = function(state) seen[#seen + 1] = state end,
    })
    assert.are.equal("ACTIVE", output.cluster.status)
    assert.are.same({ "CREATING", "CREATING", "ACTIVE" }, seen)
    assert.are.same({ 5, 5 }, w.sleeps)
  end)

  it("takes the model's delay and number of polls", function()
    local w = world { cluster "CREATING" }
    local err = raised(function() client("eks", w):wait("ClusterActive", { name = "x" }) end)
    assert.are.equal("timeout", err.code)
    assert.are.equal("CREATING", err.state)
    assert.are.equal(30, w.sleeps[1])
    assert.are.equal(40, #w.requests)
  end)

  it("ends at its deadline", function()
    local w = world { cluster "CREATING" }
    local err = raised(function()
      client("eks", w):wait("cluster_active", { name = "x" }, { delay = 4, timeout = 10 })
    end)
    assert.are.equal("eks:cluster_active (last seen: CREATING): not reached after 3 polls", tostring(err))
  end)

  it("fails when the state cannot come any more", function()
    local w = world { cluster "FAILED" }
    local err = raised(function() client("eks", w):wait("cluster_active", { name = "x" }) end)
    assert.are.equal("wait_failed", err.code)
    assert.are.equal("FAILED", err.state)
    assert.are.equal("FAILED", err.output.cluster.status)
  end)

  it("may wait for an error", function()
    local w = world { cluster "DELETING", failure(404, "ResourceNotFoundException", "gone") }
    assert.are.same({}, client("eks", w):wait("cluster_deleted", { name = "x" }, { delay = 1 }))
  end)

  it("ends with an error that it does not know", function()
    local w = world { failure(403, "AccessDeniedException", "no") }
    local err = raised(function() client("eks", w):wait("cluster_active", { name = "x" }) end)
    assert.are.equal("AccessDeniedException", err.code)
  end)

  it("outlives a service that is out of order for a while, once it was there", function()
    local broken = failure(503, "ServiceUnavailableException", "busy")
    local w, seen = world { cluster "CREATING", broken, broken, broken, cluster "ACTIVE" }, {}
    local output = client("eks", w):wait("cluster_active", { name = "x" }, {
      delay = 7,
      on_state = function(state, _, progress) seen[#seen + 1] = progress.poll .. " " .. state end,
    })
    assert.are.equal("ACTIVE", output.cluster.status)
    assert.are.same({ "1 CREATING", "2 ServiceUnavailableException", "3 ACTIVE" }, seen)
    local eks = client("eks", world { broken })
    local err = raised(eks.wait, eks, "cluster_active", { name = "x" })
    assert.are.equal("ServiceUnavailableException", err.code)
  end)

  it("gives a poll no more time than is left", function()
    local w = world { cluster "CREATING" }
    local eks = client("eks", w)
    pcall(eks.wait, eks, "cluster_active", { name = "x" }, { delay = 4, timeout = 10 })
    assert.are.same({ 10, 6, 2 }, { w.requests[1].timeout, w.requests[2].timeout, w.requests[3].timeout })
  end)

  it("ends when its task is canceled", function()
    local w, polls = world { cluster "CREATING" }, 0
    w.sleep = task.sleep
    local waiting = task.spawn(function()
      client("eks", w):wait("cluster_active", { name = "x" }, {
        delay = 3600, on_state = function() polls = polls + 1 end,
      })
    end)
    while polls == 0 do task.sleep(0) end
    waiting:cancel()
    local err = raised(waiting.join, waiting)
    assert.are.equal("canceled", err.code)
    assert.are.equal(1, polls)
  end)

  it("of an add-on calls DEGRADED what the model calls it", function()
    local waiter = require "eksrun.aws.waiter"
    local facts = require("eksrun.native.aws").service("eks"):waiter "AddonActive"
    local function verdict(status)
      return (waiter.judge(facts, { output = { addon = { status = status } }, status = 200 }))
    end
    assert.are.same({ "retry", "failure", "success" },
      { verdict "CREATING", verdict "DEGRADED", verdict "ACTIVE" })
  end)
end)

describe("pages of a size", function()
  local function pages()
    return world {
      { 200, json_type, '{"clusters": ["a", "b"], "nextToken": "t1"}' },
      { 200, json_type, '{"clusters": ["c", "d"], "nextToken": "t2"}' },
    }
  end

  it("are asked for as the caller says, in the type of the operation", function()
    local w = pages()
    client("eks", w):pages("list_clusters", nil, { page_size = 2 })()
    assert.matches("%?maxResults=2$", w.requests[1].url)
    w = world { { 200, { ["content-type"] = "text/xml" }, "<ListHostedZonesResponse/>" } }
    client("route53", w):pages("list_hosted_zones", nil, { page_size = 3 })()
    assert.matches("maxitems=3$", w.requests[1].url)
    assert.matches("does not let the caller choose", raised(function()
      client("eks", w):pages("describe_cluster", { name = "x" }, { page_size = 3 })
    end))
  end)

  it("come together as one answer, cut where the caller says", function()
    local w = pages()
    local answer, more = client("eks", w):merged("list_clusters", nil, { max_items = 3 })
    assert.are.same({ "a", "b", "c" }, { table.unpack(answer.clusters) })
    assert.is_true(more)
    assert.are.equal(2, #w.requests)
    local list = client("eks", pages()):collect("list_clusters", {}, { max_items = 1 })
    assert.are.same({ "a" }, { table.unpack(list) })
  end)
end)

-- Connections are shared by all requests; identities, hosts and certificates are not: each request of many
-- that are mixed arrives where it was sent, signed by who sent it, and gets its own answer.
-- EKSRUN_TEST_REQUESTS says how many.

local certificate = require "eksrun.native.certificate"
local client = require "eksrun.aws.client"
local file = require "eksrun.file"
local json = require "eksrun.json"
local native = require "eksrun.native.server"
local process = require "eksrun.process"
local random = require "tests.spec.support.random"
local sigv4 = require "eksrun.sigv4"
local system = require "eksrun.aws.system"
local task = require "eksrun.task"

local REQUESTS = tonumber(process.env "EKSRUN_TEST_REQUESTS") or 1500
local IN_FLIGHT = 64

local identities = {}
for i = 1, 6 do
  identities[i] = {
    access_key_id = ("AKIDEXAMPLE%d"):format(i), secret_access_key = ("secret%d"):format(i),
    session_token = i % 2 == 0 and ("token%d"):format(i) or nil,
  }
end

-- What is wrong with a request that came to a server, or nil.
local function problem(place, request)
  local said = json.decode(request.body).KeyId
  local name, number = said:match "^(%w+)/(%d+)/%d+$"
  if name ~= place.name then return ("%s came to %s"):format(said, place.name) end
  request.credentials = identities[tonumber(number)]
  local claim = sigv4.inspect(request)
  if not claim or claim.access_key_id ~= request.credentials.access_key_id then
    return said .. " came from another"
  end
  if not sigv4.verify(request) then return said .. " is not signed right" end
  place.seen = place.seen + 1
end

local function serve(place, scope)
  local function serve_one() -- and keeps nothing of it
    local exchange = place.server:next()
    if not exchange then return false end
    local request = exchange:request()
    place.problem = place.problem or problem(place, request)
    local key = { KeyId = json.decode(request.body).KeyId, Description = place.name }
    exchange:answer {
      headers = { ["content-type"] = "application/x-amz-json-1.1" }, body = json.encode { KeyMetadata = key },
    }
    return true
  end
  scope:spawn(function() repeat until not serve_one() end)
end

describe("requests side by side", function()
  local dir, places

  setup(function()
    dir = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("\n", "")
    places = {}
    for _, name in ipairs { "plain", "other", "tls", "stranger" } do
      local options, scheme = {}, "http"
      local place = { name = name, seen = 0 }
      if name == "tls" or name == "stranger" then
        local authority, key = certificate.authority(name)
        options.certificate, options.key = certificate.server(authority, key, "127.0.0.1")
        place.bundle, scheme = ("%s/%s"):format(dir, name), "https"
        file.write_atomic(place.bundle, authority)
      end
      place.server = native.listen(options)
      place.url = ("%s://127.0.0.1:%d"):format(scheme, place.server:port())
      places[#places + 1] = place
    end
  end)

  teardown(function()
    for _, place in ipairs(places) do place.server:close() end
    process.run { argv = { "rm", "-rf", dir } }
  end)

  -- Clients by place, identity, and the certificates they trust.
  local function clients_of(bundles)
    local known = {}
    return function(place, identity, bundle)
      local key = ("%s %d %s"):format(place.name, identity, bundle)
      known[key] = known[key] or client.new("kms", {
        endpoint = place.url, region = "us-east-1", credentials = identities[identity], max_attempts = 1,
        system = bundles[bundle],
      })
      return known[key]
    end
  end

  -- A process that gets no time for ten seconds loses the connections that it is making, and what was to go
  -- over them with them: nothing has been sent by then, and it is asked again.
  local function ask(kms, id)
    local output, err
    repeat
      output, err = kms.try:describe_key { KeyId = id }
    until not (err and err.code == "timeout" and err.message:find("no connection to", 1, true))
    return output, err
  end

  it("arrive where they are sent, by whom they are sent, and bring back their own answers", function()
    local bundles = {}
    for _, name in ipairs { "tls", "stranger" } do
      bundles[name] = system.with { env = function(variable)
        return variable == "AWS_CA_BUNDLE" and ("%s/%s"):format(dir, name) or nil
      end }
    end
    local client_of, chance, made = clients_of(bundles), random.new(1), 0
    local answered, refused = 0, 0

    local function one(i)
      local place, identity = places[chance:between(1, #places)], chance:between(1, #identities)
      local trusts = place.bundle and place.name or "tls"
      local wrong = place.bundle ~= nil and chance:between(1, 20) == 1
      if wrong then trusts = trusts == "tls" and "stranger" or "tls" end
      local id = ("%s/%d/%d"):format(place.name, identity, i)
      local output, err = ask(client_of(place, identity, trusts), id)
      if wrong then
        assert.is_nil(output)
        assert.equal("tls", err.code)
        refused = refused + 1
      else
        assert.is_nil(err)
        assert.equal(id, output.KeyMetadata.KeyId)
        assert.equal(place.name, output.KeyMetadata.Description)
        answered = answered + 1
      end
    end

    task.scope(function(servers)
      for _, place in ipairs(places) do serve(place, servers) end
      task.scope(function(scope)
        for _ = 1, IN_FLIGHT do
          scope:spawn(function()
            while made < REQUESTS do
              made = made + 1
              one(made)
            end
          end)
        end
      end)
      for _, place in ipairs(places) do place.server:close() end
    end)

    local seen = 0
    for _, place in ipairs(places) do
      assert.is_nil(place.problem)
      seen = seen + place.seen
    end
    assert.equal(REQUESTS, answered + refused)
    assert.equal(answered, seen) -- nothing was sent to who was not trusted
    assert.is_true(refused > 0)
  end)
end)

-- Credentials that end or that nobody has: when they are asked for, and how often.
local credentials = require "eksrun.aws.credentials"
local errors = require "eksrun.aws.errors"
local providers = require "tests.spec.support.providers"
local task = require "eksrun.task"

local world, assumed, base, now = providers.new, providers.assumed, providers.base, providers.now

describe("credentials that end", function()
  local profile = base .. "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"
  local function at(seconds) return require("eksrun.clock").format_iso8601(now + seconds) end
  local function resolver_of(answers)
    -- A role of another endpoint is kept by nobody but the resolver.
    local w = world { files = { config = profile }, env = { AWS_ENDPOINT_URL = "http://x" },
      answers = answers }
    return credentials.resolver({ max_attempts = 1 }, w), w
  end

  it("are refreshed a quarter of an hour ahead", function()
    local resolver, w = resolver_of { assumed("AK1", at(3600)), assumed("AK2", at(7200)) }
    assert.equal("AK1", resolver:get().access_key_id)
    w.time = now + 3600 - 901
    assert.equal("AK1", resolver:get().access_key_id)
    w.time = now + 3600 - 899
    assert.equal("AK2", resolver:get().access_key_id)
    assert.equal(2, #w.requests)
  end)

  it("are used on while a refresh fails, which is tried once a minute", function()
    local resolver, w = resolver_of { assumed("AK1", at(3600)) }
    resolver:get()
    for _, left in ipairs { 800, 790, 500, 490, 1 } do
      w.time = now + 3600 - left
      assert.equal("AK1", resolver:get().access_key_id)
    end
    assert.equal(1 + 3, #w.requests)
    w.time = now + 3600
    local found, err = resolver:get()
    assert.is_nil(found)
    assert.matches("cannot assume role", tostring(err))
  end)

  it("of a short life are not refreshed at every call", function()
    local resolver, w = resolver_of { assumed("AK1", at(900)), assumed("AK2", at(1800)) }
    resolver:get()
    w.time = now + 900 - 226
    assert.equal("AK1", resolver:get().access_key_id)
    w.time = now + 900 - 224
    assert.equal("AK2", resolver:get().access_key_id)
  end)

  it("are refreshed once: early for one task while others use them, late for all who wait", function()
    for left, expected in pairs { [850] = "AK1", [100] = "AK2" } do
      local resolver, w = resolver_of { assumed("AK1", at(3600)), function()
        for _ = 1, 3 do task.sleep(0) end
        return assumed("AK2", at(7200))
      end }
      resolver:get()
      w.time = now + 3600 - left
      local seen = {}
      task.scope(function(scope)
        for i = 1, 50 do scope:spawn(function() seen[i] = resolver:get().access_key_id end) end
      end)
      assert.equal("AK2", seen[1])
      for i = 2, 50 do assert.equal(expected, seen[i]) end
      assert.equal(2, #w.requests)
    end
  end)
end)

describe("credentials that nobody has", function()
  it("are looked for once for all who wait", function()
    local w = world { answers = { function()
      for _ = 1, 3 do task.sleep(0) end
      return { code = "network", message = "nobody there" }
    end } }
    local resolver, failed = credentials.resolver({}, w), 0
    task.scope(function(scope)
      for _ = 1, 50 do
        scope:spawn(function()
          local found, err = resolver:get()
          if not found and errors.is_credentials(err) then failed = failed + 1 end
        end)
      end
    end)
    assert.equal(50, failed)
    assert.equal(1, #w.requests)
  end)
end)

describe("explain.places", function()
  it("says which place counts and why the others do not, and asks nobody", function()
    local w = world { files = { config = "[default]\ncredential_process = tool\n" } }
    local states = {}
    local rows = require("eksrun.aws.explain").places({}, w)
    for i, row in ipairs(rows) do states[i] = row.name .. ": " .. row.state end
    assert.same({ "environment: empty", "role of the profile: empty", "web identity: empty", "profile: used",
      "container: empty", "instance: unused" }, states)
    assert.equal(0, #w.requests)
  end)
end)

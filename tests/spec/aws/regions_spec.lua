-- What is said of a region that AWS's partitions do not list.
local aws = require "eksrun.aws"
local native = require "eksrun.native.endpoint"
local providers = require "tests.spec.support.providers"

local function client_in(world, options)
  options.system, options.max_attempts = world, 1
  options.credentials = { access_key_id = "AKIDEXAMPLE", secret_access_key = "x" }
  return aws.client("sts", options)
end

local function failing(env, options)
  local files = { config = "[default]\nregion = us-est-1\n" }
  local world = providers.new { env = env, files = files }
  local _, err = client_in(world, options or {}):invoke("get_caller_identity", {})
  return tostring(err)
end

describe("a region", function()
  it("is listed by AWS's partitions, each once and in order", function()
    local listed, seen = native.regions(), {}
    for i, name in ipairs(listed) do
      assert.is_true(i == 1 or listed[i - 1] < name)
      seen[name] = true
    end
    for _, name in ipairs { "us-east-1", "cn-north-1", "us-gov-west-1" } do
      assert.is_true(seen[name], name)
    end
  end)

  it("that is not, is named where nobody answers: whence it is, and which one may be meant", function()
    assert.equal("sts:GetCallerIdentity: nobody there: region 'eu-wst-1' (AWS_REGION) is not in AWS's list; "
      .. "did you mean 'eu-west-1'?", failing { AWS_REGION = "eu-wst-1" })
    assert.matches("region 'eu-wst-3' (--region or an option) is not",
      failing({ AWS_REGION = "eu-west-1" }, { region = "eu-wst-3" }), 1, true)
  end)

  it("is not doubted where it is listed, nor at an endpoint of the user's", function()
    local plain = "sts:GetCallerIdentity: nobody there"
    assert.equal(plain, failing { AWS_REGION = "eu-west-1" })
    assert.equal(plain, failing({ AWS_REGION = "local-1" }, { endpoint = "http://127.0.0.1:9" }))
  end)
end)

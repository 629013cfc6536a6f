-- Refusals whose reason is encoded.
local denial = require "eksrun.aws.denial"
local errors = require "eksrun.error"
local fake = require "tests.spec.support.fake_aws"
local json = require "eksrun.json"

local function refusal()
  return errors.new {
    code = "UnauthorizedOperation",
    message = "You may not do this. Encoded authorization failure message: 4GIOH-x_9 (request id r)",
  }
end

describe("a refusal with an encoded reason", function()
  it("is read by STS", function()
    local aws, calls = fake.new { decode_authorization_message = { DecodedMessage = json.encode {
      allowed = false, explicitDeny = true, context = {
        action = "ec2:CreateVpc", resource = "arn:aws:ec2:eu-west-1:1:vpc/*",
        principal = { arn = "arn:aws:sts::1:assumed-role/dev/me" },
      },
    } } }
    local err = refusal()
    assert.equal(err, denial.explain(err, aws))
    assert.equal("You may not do this. decoded: an explicit deny, action ec2:CreateVpc, resource "
      .. "arn:aws:ec2:eu-west-1:1:vpc/*, by arn:aws:sts::1:assumed-role/dev/me (request id r)", tostring(err))
    assert.same({ EncodedMessage = "4GIOH-x_9" }, calls.decode_authorization_message)
  end)

  it("loses what nobody can read, where STS may not be asked", function()
    local denied = fake.new { decode_authorization_message = errors.new { code = "AccessDenied" } }
    assert.equal("You may not do this. the rest is encoded: who may call sts:DecodeAuthorizationMessage "
      .. "sees it (request id r)", tostring(denial.explain(refusal(), denied)))
    local garbage = fake.new { decode_authorization_message = { DecodedMessage = "{" } }
    assert.matches("the rest is encoded", tostring(denial.explain(refusal(), garbage)))
  end)

  it("is the only one that is touched", function()
    local aws, calls = fake.new {}
    local plain = errors.new { code = "x", message = "no" }
    assert.equal("no", tostring(denial.explain(plain, aws)))
    assert.equal("text", denial.explain("text", aws))
    assert.same({}, calls)
  end)
end)

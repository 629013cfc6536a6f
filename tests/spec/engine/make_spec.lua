-- One creation: what is on disk when a call of it leaves.
local context = require "eksrun.engine.context"
local error_object = require "eksrun.error"
local make = require "eksrun.engine.make"

describe("a creation", function()
  it("is an intent before it is sent, and says of each attempt that it leaves", function()
    local log, refusals = {}, 1
    local function note(text)
      return function() log[#log + 1] = text end
    end
    local type_ = {
      identity = "tag", id = "VpcId", retry = { create = { { code = "NotYet" } } },
      create = function(ctx) return ctx.aws.ec2:create_vpc {} end,
    }
    local aws = {
      ec2 = {
        create_vpc = function(_, _, options)
          options.leaving()
          refusals = refusals - 1
          if refusals >= 0 then error(error_object.new { code = "NotYet", message = "no" }, 0) end
          options.leaving()
          log[#log + 1] = "made"
          return { VpcId = "vpc-1" }
        end,
      },
    }
    local run = { journal = { intend = note "intend", renew = note "renew", settle = note "settle" } }
    local ctx = context.new { aws = aws, type = type_, memo = {} }
    local made = make.now(run, { address = "net", action = { type = type_ } }, ctx, {})
    assert.equal("vpc-1", made.VpcId)
    assert.equal(aws, ctx.aws, "what comes behind it is no attempt of it")
    assert.same({ "intend", "renew", "renew", "renew", "made", "settle" }, log)
  end)
end)

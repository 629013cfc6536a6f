local error_object = require "eksrun.error"

describe("eksrun.error", function()
  it("makes objects that print as one line, causes behind colons", function()
    local cause = error_object.new { code = "network", message = "connection to 127.0.0.1:9 refused" }
    local err = error_object.new { code = "credentials", message = "no credentials", cause = cause }
    assert.equal("no credentials: connection to 127.0.0.1:9 refused", tostring(err))
  end)

  it("prints the code when there is no message", function()
    assert.equal("timeout", tostring(error_object.new { code = "timeout" }))
  end)

  it("tells its objects from any other value", function()
    assert.is_true(error_object.is(error_object.new { code = "x" }))
    assert.is_false(error_object.is { code = "x" })
    assert.is_false(error_object.is "x")
  end)

  it("ends a chain of causes that bites its own tail", function()
    local err = error_object.new { message = "again" }
    err.cause = err
    assert.equal("again: again: again: again: again: again: again: again", tostring(err))
  end)
end)

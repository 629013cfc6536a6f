-- Credentials that a program prints.
local errors = require "eksrun.aws.errors"
local process = require "eksrun.aws.provider.process"
local providers = require "tests.spec.support.providers"

local world, resolve, refused = providers.new, providers.resolve, providers.refused

describe("credential_process", function()
  local run_last
  local config = "[default]\ncredential_process = tool --for 'a b'\naws_account_id = 42\n"
  local function of(result, err)
    return world { files = { config = config },
      run = function(command)
        run_last = command
        return result, err
      end }
  end
  local function printing(text) return of { code = 0, stdout = text, stderr = "" } end

  it("splits its command as a POSIX shell does", function()
    local function split(text, ...) assert.same({ ... }, process.split(text)) end
    split([[a  b	c]], "a", "b", "c")
    split([['a b' "c d" e\ f]], "a b", "c d", "e f")
    split([["q\"\\ \x" 'it''s' ""]], [[q"\ \x]], "its", "")
    split([[/x/y --json | $HOME `id`]], "/x/y", "--json", "|", "$HOME", "`id`")
    split("")
    for _, open in ipairs { "'a", '"a', "a\\" } do assert.is_nil(process.split(open)) end
  end)

  it("is run without a shell and without our secrets", function()
    local w = printing '{"Version": 1, "AccessKeyId": "AKP", "SecretAccessKey": "s", "Expiration": null}'
    local found = assert(resolve(w))
    assert.same({ "AKP", "42" }, { found.access_key_id, found.account_id })
    assert.is_nil(found.expiration)
    assert.same({ "tool", "--for", "a b" }, run_last.argv)
    for _, name in ipairs(run_last.env) do
      assert.is_nil(name:find "SECRET" or name:find "TOKEN" or name:find "^AWS_ACCESS")
    end
  end)

  it("never shows what it printed", function()
    for text, why in pairs {
      ["hunter2"] = "printed no JSON object",
      ['"hunter2"'] = "printed no JSON object",
      ['{"Version": 2, "AccessKeyId": "hunter2"}'] = "printed a Version other than 1",
      ['{"Version": 1, "AccessKeyId": "hunter2"}'] = "printed no SecretAccessKey",
      ['{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "hunter2"}'] =
        "printed an Expiration that is not a time",
      [("x"):rep(1000) .. "\0hunter2"] = "printed no JSON object",
    } do
      local message = refused(printing(text))
      assert.equal("credential_process of profile 'default' " .. why, message)
    end
    assert.equal("credential_process of profile 'default' failed (exit status 3); run it by hand to see why",
      refused(of { code = 3, stdout = "hunter2", stderr = "hunter2" }))
    assert.equal("credential_process of profile 'default' did not end within 60 s",
      refused(of(nil, errors.new { code = "timeout", message = "x" })))
  end)

  it("signs nothing with what has expired, by the moment", function()
    local function expiring(at)
      return printing(([[{"Version": 1, "AccessKeyId": "AKP", "SecretAccessKey": "s", "Expiration": "%s"}]])
        :format(at))
    end
    local function signed(at)
      local client = require("eksrun.aws").client("sts", { system = expiring(at), max_attempts = 1 })
      return select(2, client:invoke("get_caller_identity", {}))
    end
    local err = signed "2023-11-14T22:13:20Z"
    assert.equal("credentials", err.kind)
    assert.matches("printed credentials that expired at 2023-11-14T22:13:20Z; log in", tostring(err),
      1, true)
    local resolve_or_raise = require("eksrun.aws.credentials").resolve
    local found, raised = pcall(resolve_or_raise, {}, expiring "2023-11-14T22:13:20Z")
    assert.same({ false, tostring(err) }, { found, tostring(raised) })
    assert.matches("nobody there", tostring(signed "2023-11-14T22:13:21Z"), 1, true)
  end)

  it("is not run from a file that everybody can write", function()
    local w = world { mode = tonumber("666", 8), run = function() error "ran" end,
      files = { config = "[default]\ncredential_process = tool\n" } }
    assert.matches("is not run: everybody can write /home/me/.aws/config; chmod o%-w it", refused(w))
  end)

  it("ends with its time, and with its output", function()
    local w = world { files = { config = "[default]\ncredential_process = sh -c 'yes | head -c 100000'\n" },
      run = require("eksrun.process").try_run }
    assert.matches("printed too much", refused(w))
    w = world { files = { config = "[default]\ncredential_process = sleep 600\n" }, run = function(command)
      command.timeout = 0.05
      return require("eksrun.process").try_run(command)
    end }
    assert.matches("did not end within", refused(w))
    w = world { files = { config = "[default]\ncredential_process = /no/such/tool\n" },
      run = require("eksrun.process").try_run }
    assert.matches("was not found", refused(w))
  end)
end)

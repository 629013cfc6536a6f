--- eksrun login: signs in to IAM Identity Center (SSO), for this program and the AWS CLI.
local util = require "eksrun.util"

--- @type eksrun.cli.Command
local M = {
  summary = "sign in to IAM Identity Center (SSO)",
  arguments = {},
  flags = { { "sso-session", "session to sign in to, instead of the profile's", value = "NAME" } },
  examples = {
    "eksrun login --profile dev",
    "eksrun login --sso-session company",
  },
  description = [[
Prints an address and a code: open it in a browser, on any device, and confirm
the code. The token goes to ~/.aws/sso/cache, where the AWS CLI has it too. A
profile says what to sign in to: sso_session, or sso_start_url and sso_region.]],
}

-- Profiles that one can sign in with.
local function candidates(files)
  local names = {}
  for _, name in ipairs(util.sorted_keys(files.profiles)) do
    local profile = files.profiles[name]
    if profile.sso_session or profile.sso_start_url then names[#names + 1] = name end
  end
  return names
end

--- What to sign in to, by the flags or the profile; raises what is wrong with it.
--- @param ctx eksrun.aws.Context
--- @param session? string name of an sso-session
--- @return eksrun.aws.SsoConfig
function M.find(ctx, session)
  local chain = require "eksrun.aws.provider.chain"
  local files, err = ctx:files()
  if not files then error(err, 0) end
  local sso
  if session then
    if not files.sessions[session] then
      util.fail("usage", "there is no [sso-session %s] in %s%s", session,
        files.config_path or "~/.aws/config", util.did_you_mean(session, util.sorted_keys(files.sessions)))
    end
    sso, err = chain.session(files, session)
    if not sso then error(err, 0) end
    return sso
  end
  local profile
  profile, err = ctx:profile()
  if not profile then error(err, 0) end
  sso, err = chain.sso(files, ctx.name, true)
  if err then error(err, 0) end
  if sso then return sso end
  if profile.login_session then
    util.fail("usage", "profile '%s' has a login_session: run aws login --profile %s", ctx.name, ctx.name)
  end
  local others = candidates(files)
  util.fail("usage", "profile '%s' says nothing of SSO (sso_session)%s", ctx.name,
    #others > 0 and "; these do: " .. table.concat(others, ", ") or "")
end

local function say(message, ...) io.stderr:write(util.escape(message:format(...)), "\n") end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local ctx = require("eksrun.aws.credentials").context {
    profile = parsed.profile, endpoint = parsed.endpoint_url,
  }
  local sso = M.find(ctx, parsed.sso_session)
  local ends, err = require("eksrun.aws.sso").login(ctx, sso, function(device)
    say("open %s", device.complete or device.url)
    say("and confirm the code %s within %d minutes", device.code, device.seconds // 60)
  end)
  if not ends then error(err, 0) end
  say("signed in to %s until %s", sso.session or sso.start_url, require("eksrun.clock").format_iso8601(ends))
  return 0
end

return M

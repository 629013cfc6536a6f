--- eksrun logout: ends a sign-in to IAM Identity Center (SSO).
local util = require "eksrun.util"

--- @type eksrun.cli.Command
local M = {
  summary = "sign out of IAM Identity Center (SSO)",
  arguments = {},
  flags = { { "sso-session", "session to sign out of, instead of the profile's", value = "NAME" } },
  examples = { "eksrun logout --profile dev" },
  description = [[
Removes the token of the session and the credentials that were kept of the roles
of all profiles that use it, and tells the service.]],
}

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local ctx = require("eksrun.aws.credentials").context {
    profile = parsed.profile, endpoint = parsed.endpoint_url,
  }
  local sso = require("eksrun.cli.login").find(ctx, parsed.sso_session)
  local was_in = require("eksrun.aws.sso").logout(ctx, sso)
  io.stderr:write(util.escape(("%s %s"):format(was_in and "signed out of" or "was not signed in to",
    sso.session or sso.start_url)), "\n")
  return 0
end

return M

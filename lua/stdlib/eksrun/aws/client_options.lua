--- What a client may be told when it is made. Most are told nothing, so this is loaded for the others
--- only.
local M = {}

--- @class eksrun.aws.ClientOptions: eksrun.aws.Options
--- @field bearer_token? string|fun(): string for services that take one
--- @field credentials? eksrun.aws.Credentials|table fixed ones
--- @field role_arn? string a role to assume
--- @field role_session_name? string
--- @field role_duration? integer seconds
--- @field ignore_configured_endpoint_urls? boolean those of the environment and the profile
--- @field max_attempts? integer the first one included; 3 if nothing says otherwise
--- @field patience? integer attempts once the service has answered, where nothing says how many it may be
--- @field rate_limit? boolean false: send as fast as the program wants to
--- @field retry_mode? "standard"|"adaptive"|"legacy" standard if nothing says otherwise
--- @field timeout? number seconds a single attempt may take; 60
--- @field token? fun(operation: string): string|nil idempotency tokens, instead of random ones
--- @field system? eksrun.aws.System for tests

local known_options = {
  "bearer_token", "credentials", "endpoint", "ignore_configured_endpoint_urls", "max_attempts", "patience",
  "profile", "rate_limit", "region", "retry_mode", "role_arn", "role_duration", "role_session_name", "system",
  "timeout", "token",
}

local function misuse(what, ...) require("eksrun.aws.misuse")[what](...) end

local modes = { standard = true, adaptive = true, legacy = true }

--- Raises a caller's mistake at the caller's line.
--- @param options eksrun.aws.ClientOptions
function M.check(options)
  local known = {}
  for _, name in ipairs(known_options) do known[name] = true end
  for name in pairs(options) do
    if not known[name] then misuse("option", name, known_options) end
  end
  local mode, attempts = options.retry_mode, options.max_attempts
  if mode ~= nil and not modes[mode] then
    misuse("tell", "aws.client: retry_mode '%s' is none of standard, adaptive and legacy", mode)
  end
  if attempts ~= nil and (math.type(attempts) ~= "integer" or attempts < 1) then
    misuse("tell", "aws.client: max_attempts '%s' is not a number of attempts", attempts)
  end
end

return M

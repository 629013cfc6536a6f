--- Credentials as metadata services issue them: a JSON object of keys, token and end.
local json = require "eksrun.json"

--- @param body string of the answer
--- @param refused? fun(given: table): string? why what was answered holds none
--- @return table|nil credentials without their source
--- @return string|nil reason "answered ..."; it repeats nothing of the answer
return function(body, refused)
  local given = json.try_decode(body)
  if type(given) ~= "table" then return nil, "answered no JSON object" end
  local why = refused and refused(given)
  if why then return nil, why end
  for _, key in ipairs { "AccessKeyId", "SecretAccessKey", "Token" } do
    if type(given[key]) ~= "string" or given[key] == "" then return nil, "answered no " .. key end
  end
  local expiration = type(given.Expiration) == "string"
    and require("eksrun.clock").try_parse(given.Expiration)
  if not expiration then return nil, "answered no Expiration" end
  return {
    access_key_id = given.AccessKeyId,
    secret_access_key = given.SecretAccessKey,
    session_token = given.Token,
    expiration = expiration,
    account_id = type(given.AccountId) == "string" and given.AccountId or nil,
  }
end

--- What endpoint rules say of signing.
local errors = require "eksrun.aws.errors"

local M = {}

local supported = { sigv4 = true, sigv4a = true }

-- "aws.auth#sigv4" is sigv4.
local function short(name) return (name:gsub("^.*#", "")) end

-- The first scheme that is known, those that the user prefers before the others.
local function choose(schemes, preference)
  for wanted in (preference or ""):gmatch("[^,%s]+") do
    for _, scheme in ipairs(schemes) do
      if short(scheme.name) == short(wanted) and supported[short(wanted)] then return scheme end
    end
  end
  for _, scheme in ipairs(schemes) do
    if supported[short(scheme.name)] then return scheme end
  end
end

--- The scheme of resolved rules that list some.
--- @param client eksrun.aws.EndpointClient
--- @param resolved table url, properties
--- @param region string
--- @return eksrun.aws.AuthScheme|nil, table|nil error object: "endpoint"
function M.of(client, resolved, region)
  local schemes = resolved.properties.authSchemes
  local chosen = choose(schemes, client.auth_scheme_preference)
  if not chosen then
    local names = {}
    for i, scheme in ipairs(schemes) do names[i] = short(scheme.name) end
    return nil, errors.new {
      code = "endpoint",
      message = ("%s is signed in a way that is not supported (%s)"):format(resolved.url,
        table.concat(names, ", ")),
    }
  end
  local name = short(chosen.name)
  local plain = chosen.disableDoubleEncoding
  if plain == nil then plain = client.plain end
  return {
    name = name,
    signing_name = chosen.signingName or client.signing_name,
    signing_region = name == "sigv4" and (chosen.signingRegion or region) or nil,
    signing_region_set = name == "sigv4a"
      and (client.signing_region_set or table.concat(chosen.signingRegionSet or { region }, ","))
      or nil,
    disable_double_encoding = plain,
  }
end

return M

--- The bearer token that an EKS cluster takes from kubectl: a presigned sts:GetCallerIdentity for
--- this cluster alone, as base64url. Made without the network; eksrun.token.verify is the other side.
local M = {}

local PREFIX = "k8s-aws-v1."

--- Seconds for which STS takes the URL (kubectl sends it at once).
local EXPIRES = 60

--- Seconds after which kubectl asks for a new token: a minute less than the cluster takes it.
local LIFETIME = 14 * 60

local GROUP = "client.authentication.k8s.io/"
local DEFAULT_VERSION = GROUP .. "v1beta1"
local versions = { [GROUP .. "v1"] = true, [GROUP .. "v1beta1"] = true, [GROUP .. "v1alpha1"] = true }

local base64url = { ["+"] = "-", ["/"] = "_", ["="] = "" }

--- @class eksrun.token.Options
--- @field cluster string name of the cluster (or its id, on Outposts)
--- @field region string
--- @field credentials eksrun.sigv4.Credentials
--- @field now number seconds since 1970
--- @field fips? boolean of STS's FIPS endpoint
--- @field dual_stack? boolean of STS's dual-stack endpoint

--- Makes a token.
--- @param options eksrun.token.Options
--- @return string token
--- @return integer expiration seconds since 1970 until which kubectl may use it
--- @return string url what the token holds
--- Raises what STS's endpoint rules say against the region.
function M.generate(options)
  local sts, err = require("eksrun.native.endpoint").rules("sts"):resolve {
    Region = options.region, UseFIPS = options.fips, UseDualStack = options.dual_stack,
  }
  if not sts then error(err, 0) end
  local scheme = (sts.properties.authSchemes or {})[1]
  local url = ("%s/?%s"):format(sts.url, require("eksrun.sigv4").presign {
    method = "GET",
    path = "/",
    query = "Action=GetCallerIdentity&Version=2011-06-15",
    headers = { host = sts.url:match "^https://(.+)$", ["x-k8s-aws-id"] = options.cluster },
    credentials = options.credentials,
    region = scheme and scheme.signingRegion or options.region,
    service = "sts",
    time = options.now,
    expires = EXPIRES,
  })
  local encoded = require("eksrun.text").base64(url):gsub("[+/=]", base64url)
  return PREFIX .. encoded, math.floor(options.now) + LIFETIME, url
end

--- The apiVersion to answer with, which must be the one that kubectl asked with.
--- @param info string|nil value of KUBERNETES_EXEC_INFO
--- @return string version
--- @return string|nil warning
function M.api_version(info)
  if info == nil or info == "" then return DEFAULT_VERSION end
  local request = require("eksrun.json").try_decode(info)
  if type(request) ~= "table" then
    return DEFAULT_VERSION, ("Error parsing KUBERNETES_EXEC_INFO, defaulting to %s."):format(DEFAULT_VERSION)
  end
  local version = request.apiVersion
  if not versions[version] then
    return DEFAULT_VERSION,
      ("Unrecognized API version in KUBERNETES_EXEC_INFO, defaulting to %s."):format(DEFAULT_VERSION)
  end
  if version == GROUP .. "v1alpha1" then
    return version, ("Kubeconfig user entry is using deprecated API version %s. "
      .. "Run 'eksrun kubeconfig' to update."):format(version)
  end
  return version
end

--- The answer to kubectl, one line of JSON.
--- @param token string
--- @param expiration integer seconds since 1970
--- @param version string apiVersion
--- @return string
function M.exec_credential(token, expiration, version)
  local json = require "eksrun.json"
  return json.encode {
    kind = "ExecCredential",
    apiVersion = version,
    spec = json.object {},
    status = {
      expirationTimestamp = require("eksrun.clock").format_iso8601(expiration),
      token = token,
    },
  }
end

return M

--- IAM: issuers of tokens that the account trusts.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.iam.support"

local M = { operations = {} }
local operations = M.operations

local function need(call, params)
  local arn = params.OpenIDConnectProviderArn
  local provider = call:get("iam.oidc_provider", arn)
  if provider then return provider end
  fault.raise_with("NoSuchEntity", ("OpenIDConnect Provider not found for arn %s"):format(arn),
    { status = 404 })
end

function operations.CreateOpenIDConnectProvider(call, params)
  local bare = params.Url:match "^https://(.+)$"
  if not bare then
    fault.raise("ValidationError", "Invalid Open ID Connect Provider URL")
  end
  local arn = call:arn("iam", "oidc-provider/" .. bare)
  if call:get("iam.oidc_provider", arn) then
    fault.raise_with("EntityAlreadyExists", ("Provider with url %s already exists."):format(params.Url),
      { status = 409 })
  end
  local provider = call:put("iam.oidc_provider", arn, {
    Url = bare, ClientIDList = json.array(params.ClientIDList or {}),
    ThumbprintList = json.array(params.ThumbprintList or { call.world:hash("thumbprint", bare):sub(1, 40) }),
    CreateDate = call:time(), Tags = support.tags(params.Tags), _arn = arn,
  })
  return { OpenIDConnectProviderArn = arn, Tags = provider.Tags }
end

function operations.GetOpenIDConnectProvider(call, params) return need(call, params) end

function operations.ListOpenIDConnectProviders(call)
  local list = json.array {}
  for i, provider in ipairs(call:all "iam.oidc_provider") do list[i] = { Arn = provider._arn } end
  return { OpenIDConnectProviderList = list }
end

function operations.UpdateOpenIDConnectProviderThumbprint(call, params)
  need(call, params).ThumbprintList = json.array(params.ThumbprintList)
end

local function remove(list, value)
  for i, item in ipairs(list) do
    if item == value then table.remove(list, i) end
  end
end

function operations.AddClientIDToOpenIDConnectProvider(call, params)
  local list = need(call, params).ClientIDList
  remove(list, params.ClientID)
  table.insert(list, params.ClientID)
end

function operations.RemoveClientIDFromOpenIDConnectProvider(call, params)
  remove(need(call, params).ClientIDList, params.ClientID)
end

-- That it is not there is no error.
function operations.DeleteOpenIDConnectProvider(call, params)
  call:remove("iam.oidc_provider", params.OpenIDConnectProviderArn)
end

support.tag_operations(operations, "OpenIDConnectProvider", need)

return M

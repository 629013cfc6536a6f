--- iam.oidc_provider: an issuer of tokens that IAM trusts; a cluster's, so that pods assume roles (IRSA).
--- Found by its URL.
local resource = require "eksrun.resource"
local support = require "eksrun.resource.iam.support"
local util = require "eksrun.util"

local function bare(url) return (url:gsub("^https://", ""):gsub("/+$", "")) end

local function by_url(ctx)
  local providers = ctx:once("iam.oidc_provider list", function()
    return ctx.aws.iam:list_open_id_connect_providers({}).OpenIDConnectProviderList or {}
  end)
  local out = {}
  for _, provider in ipairs(providers) do out[provider.Arn:match("oidc%-provider/(.*)$")] = provider.Arn end
  return out
end

local function describe(ctx, arn)
  local answer = ctx:found(function()
    return ctx.aws.iam:get_open_id_connect_provider { OpenIDConnectProviderArn = arn }
  end)
  if not answer then return nil end
  local record = ctx:record(answer)
  record.Url = "https://" .. bare(answer.Url)
  record.OpenIDConnectProviderArn = arn
  return record
end

return resource.define {
  name = "iam.oidc_provider",
  identity = "name",
  key = { "Url" },
  id = "OpenIDConnectProviderArn",
  global = true,
  tagging = { "list" },
  inputs = {
    Url = { type = "string", required = true, immutable = true },
    ClientIDList = { type = "table", set = true, default = {} },
    ThumbprintList = { type = "table", set = true },
  },
  typical = { create = 1, delete = 1 },

  -- IAM lists them without tags: in a sweep each is looked at, all at once. There is one to a cluster.
  observe = function(ctx, wanted)
    local urls = by_url(ctx)
    local names = {}
    for url in pairs(urls) do names[#names + 1] = url end
    local records = {}
    ctx:each(names, function(url)
      local is_wanted = false
      for _, want in ipairs(wanted) do is_wanted = is_wanted or bare(want.Url) == url end
      if not is_wanted and not ctx.sweep then return end
      local record = describe(ctx, urls[url])
      if record and (is_wanted or record.address) then records[#records + 1] = record end
    end)
    return records
  end,

  create = function(ctx, inputs)
    return ctx.aws.iam:create_open_id_connect_provider(ctx:tagged {
      Url = inputs.Url, ClientIDList = inputs.ClientIDList, ThumbprintList = inputs.ThumbprintList,
    })
  end,

  update = function(ctx, record, inputs, changed)
    local iam, arn = ctx.aws.iam, record.OpenIDConnectProviderArn
    if changed.ThumbprintList then
      iam:update_open_id_connect_provider_thumbprint {
        OpenIDConnectProviderArn = arn, ThumbprintList = inputs.ThumbprintList,
      }
    end
    if changed.ClientIDList then
      for _, id in ipairs(util.missing(inputs.ClientIDList, record.ClientIDList)) do
        iam:add_client_id_to_open_id_connect_provider { OpenIDConnectProviderArn = arn, ClientID = id }
      end
      for _, id in ipairs(util.missing(record.ClientIDList, inputs.ClientIDList)) do
        iam:remove_client_id_from_open_id_connect_provider { OpenIDConnectProviderArn = arn, ClientID = id }
      end
    end
  end,

  retag = support.retag("open_id_connect_provider", "OpenIDConnectProviderArn"),

  delete = function(ctx, record)
    ctx.aws.iam:delete_open_id_connect_provider {
      OpenIDConnectProviderArn = record.OpenIDConnectProviderArn,
    }
  end,
}

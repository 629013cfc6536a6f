--- A bucket lives in one region, and S3 tells who asks elsewhere: the call goes there, and so do the
--- later ones of this client.
local config = require "eksrun.aws.config"

local M = {}

-- Whether an error says that the bucket is elsewhere.
local function is_elsewhere(call, err, response)
  local status, code = response.status, err.code
  if status == 301 or status == 302 or status == 307 then return true end
  if code == "PermanentRedirect" or code == "AuthorizationHeaderMalformed" then return true end
  if code == "IllegalLocationConstraintException" then return call.name ~= "CreateBucket" end
  -- An answer to HEAD has no body that could say it.
  if call.name == "HeadObject" then return status == 400 end
  return call.name == "HeadBucket" and status == 400 and response.headers["x-amz-bucket-region"] ~= nil
end

-- The region that an answer names, in a header or in its body.
local function region_in(response)
  local region = response.headers["x-amz-bucket-region"]
  if not region and type(response.body) == "string" then
    region = response.body:match "<Region>%s*([%w-]+)%s*</Region>"
  end
  return config.is_region(region) and region or nil
end

-- Asks S3, if the answer did not say. Whatever comes back, its header tells.
local function look_up(call, bucket)
  local state = call.client
  local operation = state.service:operation "HeadBucket"
  local head = require("eksrun.aws.call").new(state, operation, { Bucket = bucket })
  if not head then return nil end
  head.looks_up = true
  local _, _, response = head:run()
  return response and region_in(response)
end

--- @return eksrun.aws.Hook
function M.hook()
  return {
    params = function(call, params)
      local known = call.client.bucket_regions
      call.region = known and known[params.Bucket]
    end,

    mend = function(call, err, response)
      local bucket = call.params.Bucket
      if not response or not bucket or call.looks_up or bucket:find "^arn:" then return false end
      if not is_elsewhere(call, err, response) then return false end
      local region = region_in(response) or look_up(call, bucket)
      if not region or region == (call.region or call.endpoint.region) then return false end
      local state = call.client
      state.bucket_regions = state.bucket_regions or {}
      state.bucket_regions[bucket] = region
      call.region = region
      return true
    end,
  }
end

return M

--- Compressed requests, for operations whose model allows it (CloudWatch's PutMetricData): bodies of
--- at least request_min_compression_size_bytes, unless disable_request_compression is set.
local config = require "eksrun.aws.config"
local errors = require "eksrun.aws.errors"

local M = {}

local MIN, LIMIT = 10240, 10485760 -- bytes; as the SDKs' common setting has them

local function settings(state)
  local off, size, err
  off, err = config.value("AWS_DISABLE_REQUEST_COMPRESSION", "disable_request_compression",
    state.options, state.system)
  if err then return nil, err end
  size, err = config.value("AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES", "request_min_compression_size_bytes",
    state.options, state.system)
  if err then return nil, err end
  local min = size and math.tointeger(tonumber(size)) or MIN
  if size and not (math.tointeger(tonumber(size)) and min >= 0 and min <= LIMIT) then
    return nil, errors.new {
      code = "config",
      message = ("request_min_compression_size_bytes '%s' is not a number from 0 to %d"):format(size, LIMIT),
    }
  end
  return { min = off and off:lower() == "true" and math.huge or min }
end

--- @param traits table of Operation:info
--- @return eksrun.aws.Hook|nil
function M.hook(traits)
  local gzip = false
  for _, encoding in ipairs(traits.requestcompression.encodings or {}) do
    gzip = gzip or encoding == "gzip"
  end
  if not gzip then return nil end
  return {
    request = function(call, request)
      local state = call.client
      if not state.compression then
        local found, err = settings(state)
        if not found then return nil, err end
        state.compression = found
      end
      if type(request.body) ~= "string" or #request.body < state.compression.min then return nil end
      request.body = require("eksrun.checksum").gzip(request.body)
      local before = request.headers["Content-Encoding"]
      request.headers["Content-Encoding"] = before and before .. ",gzip" or "gzip"
    end,
  }
end

return M

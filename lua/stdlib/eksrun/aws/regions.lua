--- Whether a region is one of AWS's, by the list of its partitions. A newer one does not stand there.
local config = require "eksrun.aws.config"
local native = require "eksrun.native.endpoint"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

-- Where a region stands that was found as every setting is; nil where it is another one.
local function source_of(region, options, system)
  local found = config.find("region", options, system)
  if not found or config.try_region(options, system) ~= region then return nil end
  return found.source == "the caller" and "--region or an option" or found.source
end

--- What is to be said of a region that is not listed: where it comes from, and which one may be meant.
--- @param region string
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return string|nil text one line; nil: it is listed
function M.doubt(region, options, system)
  local listed = native.regions()
  for _, name in ipairs(listed) do
    if name == region then return nil end
  end
  local source = source_of(region, options, system)
  return ("region '%s'%s is not in AWS's list%s"):format(region, source and " (" .. source .. ")" or "",
    util.did_you_mean(region, { text.suggest(region, listed)[1] }))
end

return M

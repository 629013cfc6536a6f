--- A sandbox's state in a file.
local file = require "eksrun.file"
local json = require "eksrun.json"
local util = require "eksrun.util"

local M = {}

local MAX = 256 * 1024 * 1024
local PRIVATE = 384 -- 0600

--- @param path string
--- @return table? state nil: there is no such file
function M.load(path)
  local text, err = file.try_read(path, { max = MAX })
  if text == nil and err.code == "not_found" then return nil end
  if text == nil then error(err, 0) end
  local state = json.try_decode(text)
  if type(state) ~= "table" or state.version ~= 1 or type(state.regions) ~= "table" then
    util.fail("sandbox", "%s is not the state of a sandbox", path)
  end
  return state
end

--- @param path string
--- @param state table
function M.save(path, state) file.write_atomic(path, json.encode(state), { mode = PRIVATE }) end

return M

--- A sandbox's state in a file.
local file = require "eksrun.file"
local json = require "eksrun.json"
local util = require "eksrun.util"

local M = {}

-- Seconds that one waits for another who has the file.
local WAIT = 2
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

--- Has a file for this process alone, until it ends or the lock is closed.
--- @param path string
--- @return table lock of eksrun.file
function M.lock(path)
  local ok, lock = pcall(file.lock, path .. ".lock", { timeout = WAIT })
  if ok then return lock end
  if lock.code == "timeout" then
    util.fail("sandbox", "the sandbox in %s is in use by another process: wait for it, or take another file",
      path)
  elseif lock.code == "not_found" then
    util.fail("sandbox", "a sandbox cannot be kept in %s: there is no such folder", path)
  end
  error(lock, 0)
end

--- @param path string
--- @param state table
function M.save(path, state) file.write_atomic(path, json.encode(state), { mode = PRIVATE }) end

return M

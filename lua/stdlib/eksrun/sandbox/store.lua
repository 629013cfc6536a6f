--- A sandbox's state in a file.
local file = require "eksrun.file"
local json = require "eksrun.json"
local util = require "eksrun.util"

local M = {}

-- Seconds that one waits for another who has the file.
local WAIT = 2
local MAX = 256 * 1024 * 1024
local PRIVATE = 384 -- 0600

--- The end of the name of the file that is locked; it stays, empty.
M.LOCK = ".lock"

local FIELDS = {
  version = "number", seed = "number", account = "string", now = "number", serial = "number",
  requests = "number", regions = "table", events = "table", tokens = "table", drawn = "table",
}
local TOKEN = { hash = "string" }
local TAG = { Key = "string" }
local EVENT = { at = "number", serial = "number", name = "string", region = "string", arguments = "table" }

-- The name of a field that has another type than it should; nil: none.
local function misfit(value, fields)
  if type(value) ~= "table" then return "" end
  for name, kind in util.sorted_pairs(fields) do
    if type(value[name]) ~= kind then return "." .. name end
  end
end

local function misfit_among(list, fields)
  if type(list) ~= "table" then return "" end
  for key, item in pairs(list) do
    local place = misfit(item, fields)
    if place then return (".%s%s"):format(key, place) end
  end
end

-- What is the same for things of all kinds.
local function misfit_of_thing(kind, thing)
  local place = misfit(thing, { _order = "number" })
  if place or not kind:find "^ec2%." or thing.Tags == nil then return place end
  place = misfit_among(thing.Tags, TAG)
  return place and ".Tags" .. place
end

-- Where a state is damaged, as far as it is the same for all services; nil: nowhere.
local function damaged(state)
  local place = misfit(state, FIELDS)
  if place then return place end
  for name, fields in pairs { events = EVENT, tokens = TOKEN } do
    place = misfit_among(state[name], fields)
    if place then return "." .. name .. place end
  end
  for key, count in pairs(state.drawn) do
    if math.type(count) ~= "integer" then return ".drawn." .. key end
  end
  for region, kinds in pairs(state.regions) do
    if type(kinds) ~= "table" then return ".regions." .. region end
    for kind, things in pairs(kinds) do
      place = (".regions.%s.%s"):format(region, kind)
      if type(things) ~= "table" then return place end
      for id, thing in pairs(things) do
        local where = misfit_of_thing(kind, thing)
        if where then return ("%s.%s%s"):format(place, id, where) end
      end
    end
  end
end

-- Where states are from.
local loaded = setmetatable({}, { __mode = "k" })

local function refuse(path, place)
  util.fail("sandbox", "%s is not the state of a sandbox: %s is not what eksrun writes there", path, place)
end

--- Raises what is wrong with a state from a file, if that is why a handler failed.
--- @param state table
--- @param message string what Lua said
function M.blame(state, message)
  local place = loaded[state] and require("eksrun.sandbox.damage").place(state, message)
  if place then refuse(loaded[state], place) end
end

--- The state in a file.
--- @param path string
--- @return table? state nil: there is no such file
--- Raises { code = "sandbox" } for what is none or is damaged, with the place.
function M.load(path)
  local text, err = file.try_read(path, { max = MAX })
  if text == nil and err.code == "not_found" then return nil end
  if text == nil then error(err, 0) end
  local state = json.try_decode(text)
  if type(state) ~= "table" or state.version ~= 1 then
    util.fail("sandbox", "%s is not the state of a sandbox", path)
  end
  local place = damaged(state)
  if place then refuse(path, place:sub(2)) end
  loaded[state] = path
  return state
end

--- Has a file for this process alone, until it ends or the lock is closed.
--- @param path string
--- @return table lock of eksrun.file
--- Raises { code = "sandbox" } when another process has it, or the folder is not there.
function M.lock(path)
  local ok, lock = pcall(file.lock, path .. M.LOCK, { timeout = WAIT })
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

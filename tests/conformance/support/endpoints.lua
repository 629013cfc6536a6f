-- What the drivers of endpoint rules share: files of the suite, and comparing outcomes.
local json = require "eksrun.json"
local lfs = require "lfs"
local native = require "eksrun.native.endpoint"
local wire = require "tests.conformance.support.wire"

local M = {}

function M.decode(path) return json.decode(wire.read(path)) end

--- The names of the JSON files in a folder, sorted.
function M.names(dir)
  local list = {}
  for file in lfs.dir(dir) do list[#list + 1] = file:match "^(.*)%.json$" end
  table.sort(list)
  return list
end

function M.rules(path) return native.open(native.compile(wire.read(path))) end

function M.partitions(path)
  return native.open_partitions(native.compile_partitions(wire.read(path)))
end

--- How an outcome differs from the expected one; nil: it does not.
--- @param expect table { endpoint = } or { error = }
--- @param found table|nil as Rules:resolve gives it
--- @param err table|nil
function M.differs(expect, found, err)
  if expect.error then
    if found then return ("got %s, want error %q"):format(found.url, expect.error) end
    if err.message == expect.error then return nil end
    return ("got error %q, want %q"):format(err.message, expect.error)
  end
  if not found then return ("got error %q, want %s"):format(err.message, expect.endpoint.url) end
  if found.url ~= expect.endpoint.url then
    return ("got %s, want %s"):format(found.url, expect.endpoint.url)
  end
  for _, part in ipairs { "properties", "headers" } do
    local want, got = expect.endpoint[part] or {}, found[part]
    if not wire.same(got, want) then
      return ("%s: got %s, want %s"):format(part, json.encode(got), json.encode(want))
    end
  end
  return nil
end

return M

-- JSON: what must be read is read and survives being written, what must be refused is refused, and
-- the rest may go either way without breaking anything.
local file = require "eksrun.file"
local json = require "eksrun.json"
local lfs = require "lfs"

-- Integers and floats apart, null and lists too.
local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return math.type(a) == math.type(b) and a == b
  end
  if getmetatable(a) ~= getmetatable(b) then return false end
  for key, value in pairs(a) do if not same(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

-- nil: right; else why not.
local function check(verdict, bytes)
  local value, err = json.try_decode(bytes)
  if verdict == "y" and err then return tostring(err) end
  if verdict == "n" and not err then return "was read" end
  if err then return end
  for _, options in ipairs { {}, { indent = 2 }, { sort = false } } do
    local again, problem = json.try_decode(json.encode(value, options))
    if problem then return "what was written is refused: " .. tostring(problem) end
    if not same(value, again) then return "is another value after writing and reading" end
  end
end

return function(dir)
  local totals = require("tests.conformance.support.totals").new()
  for _, folder in ipairs { "test_parsing", "test_transform" } do
    local root = ("%s/json/%s"):format(dir, folder)
    for name in lfs.dir(root) do
      if name:find "%.json$" then
        local verdict = folder == "test_parsing" and name:sub(1, 1) or "i"
        local why = check(verdict, file.read(root .. "/" .. name))
        totals:count(name, why)
      end
    end
  end
  table.sort(totals.failures)
  return totals
end

-- Runs conformance suites: cases that others wrote, kept outside of the repository.
--
--   eksrun lua tests/conformance/run.lua [--failures] DIR [SUITE...]        (see script/conformance)
--
-- tests/conformance/NAME.lua drives suite NAME. It returns a function that takes DIR and returns
--   { passed = 3, total = 4, failures = { "case: why" }, skipped = { "case: why" } }
-- where total does not count what was skipped.
--
-- Prints one line a suite, "NAME: PASSED/TOTAL". Exit status 1 when a case failed or a suite could
-- not run.

local roots = { "/usr/local/share/lua/5.4", "/usr/share/lua/5.4" }
local native_roots = {
  "/usr/local/lib/lua/5.4",
  "/usr/lib/x86_64-linux-gnu/lua/5.4",
  "/usr/lib/aarch64-linux-gnu/lua/5.4",
}
package.path = "./?.lua;" .. table.concat(roots, "/?.lua;") .. "/?.lua"
package.cpath = table.concat(native_roots, "/?.so;") .. "/?.so"

local lfs = require "lfs" -- comes with busted

-- Suites whose data is there; a suite may take its data from a folder of another name.
local data_of = {
  ["endpoint-bindings"] = "endpoints",
  waiters = "waiters-paginators",
  paginators = "waiters-paginators",
}

local function suites(dir)
  local names = {}
  for file in lfs.dir "tests/conformance" do
    local name = file:match "^([%w_-]+)%.lua$"
    if name and name ~= "run" and lfs.attributes(dir .. "/" .. (data_of[name] or name)) then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

local function run(name, dir)
  local ok, totals = xpcall(function()
    return assert(loadfile(("tests/conformance/%s.lua"):format(name), "t"))()(dir)
  end, debug.traceback)
  if ok then return totals end
  return { passed = 0, total = 1, skipped = {}, failures = { "the suite itself: " .. tostring(totals) } }
end

local function main(...)
  local names, dir, verbose = {}, nil, false
  for _, word in ipairs { ... } do
    if word == "--failures" then
      verbose = true
    elseif not dir then
      dir = word
    else
      names[#names + 1] = word
    end
  end
  if not dir then
    io.stderr:write "usage: run.lua [--failures] DIR [SUITE...]\n"
    return 2
  end
  if #names == 0 then names = suites(dir) end

  local status = 0
  for _, name in ipairs(names) do
    local totals = run(name, dir)
    local skipped = #totals.skipped > 0 and (", %d skipped"):format(#totals.skipped) or ""
    print(("%s: %d/%d%s"):format(name, totals.passed, totals.total, skipped))
    if verbose then
      for _, it in ipairs(totals.failures) do print("  FAILED " .. it) end
      for _, it in ipairs(totals.skipped) do print("  SKIPPED " .. it) end
    end
    if totals.passed < totals.total then status = 1 end
  end
  return status
end

return main(...)

--- eksrun test [PATH...]: the specs of a recipe project, run by busted on sandboxes.
local file = require "eksrun.file"
local util = require "eksrun.util"

local FORMS = { "text", "tap", "junit" }

local M = {
  summary = "run the tests of recipes, on an AWS inside the program",
  examples = {
    "eksrun test",
    "eksrun test tests/cluster_spec.lua --filter 'three zones'",
    "eksrun test --output junit > junit.xml",
  },
  description = "Runs the files *_spec.lua below PATH, by default below tests, spec or here:\n"
    .. "describe, it and assert are busted's, eksrun.testing plans and applies.\n\n"
    .. "exit status: 0 all passed, 1 some failed",
  own_sandbox = function() return true end,
  arguments = {
    { "paths", "files of specs, or folders that have some", optional = true, rest = true },
  },
  flags = {
    { "filter", "only tests whose names match this Lua pattern", value = "PATTERN", many = true },
    { "output", "form of the result", value = "FORM", choices = FORMS, default = "text" },
    { "json", "one JSON object a line" },
  },
}

-- The spec files at or below a path, in order.
local function collect(path, out)
  local found = file.stat(path)
  if not found then util.fail("usage", "%s: there is no such file or folder", path) end
  if found.type ~= "directory" then
    out[#out + 1] = path
    return
  end
  local names = file.list(path) or util.fail("usage", "%s: cannot be read", path)
  table.sort(names)
  for _, name in ipairs(names) do
    local below = path == "." and name or path:gsub("/$", "") .. "/" .. name
    local kind = name:sub(1, 1) ~= "." and file.stat(below)
    if kind and (kind.type == "directory" or name:find "_spec%.lua$") then collect(below, out) end
  end
end

local function files_of(paths)
  if not paths[1] then
    for _, default in ipairs { "tests", "spec", "." } do
      if file.stat(default) then
        paths = { default }
        break
      end
    end
  end
  local out = {}
  for _, path in ipairs(paths) do collect(path, out) end
  if not out[1] then
    util.fail("usage", "no file *_spec.lua in %s; eksrun new makes a project with one",
      table.concat(paths, ", "))
  end
  return out
end

local function subscribe_output(core, parsed)
  if parsed.json or parsed.output == "text" then
    local report = require("eksrun.cli.session").report(parsed, io.stdout)
    return require("eksrun.cli.test.output").subscribe(core, { json = parsed.json, color = report.color })
  end
  local name = parsed.output == "tap" and "TAP" or parsed.output
  local options = { language = "en", arguments = {} }
  require("busted.outputHandlers." .. name)(options):subscribe(options)
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  for _, name in ipairs { "sandbox", "faults", "seed" } do
    if parsed[name] then util.fail("usage", "--%s: tests open sandboxes of their own", name) end
  end
  local files = files_of(parsed.paths)
  local busted = require "eksrun.cli.test.busted"
  local core = busted.new()
  package.path = "./?.lua;./?/init.lua"
  require("eksrun.testing").attach(core)
  local failed = 0
  local function count()
    failed = failed + 1
    return nil, true
  end
  core.subscribe({ "failure" }, count)
  core.subscribe({ "error" }, count)
  local ran = 0
  core.subscribe({ "test", "end" }, function()
    ran = ran + 1
    return nil, true
  end)
  subscribe_output(core, parsed)
  require "busted.modules.filter_loader"()(core, {
    tags = {}, excludeTags = {}, filter = parsed.filter or {}, filterOut = {},
  })
  for _, path in ipairs(files) do busted.add_file(core, path) end
  require "busted.execute"(core)(1, {})
  core.publish { "exit" } -- JUnit's file is written by now
  require("eksrun.testing").finish()
  if ran == 0 and failed == 0 and parsed.filter then
    util.fail("usage", "no test has a name that --filter %s matches", table.concat(parsed.filter, ", "))
  end
  return failed == 0 and 0 or 1
end

return M

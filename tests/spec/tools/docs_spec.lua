-- What the documents say of the command line, and of each other.
local args = require "eksrun.cli.args"
local file = require "eksrun.file"
local main = require "eksrun.cli.main"
local process = require "eksrun.process"

-- By path: the text of each document.
local function documents()
  local texts = { ["README.md"] = file.read "README.md", ["CONTRIBUTING.md"] = file.read "CONTRIBUTING.md" }
  local found = process.run { argv = { "find", "docs", "-name", "*.md" } }.stdout
  for path in found:gmatch "[^\n]+" do texts[path] = file.read(path) end
  return texts
end

-- By name: the flags of a command, those that all take too.
local function flags_of(name)
  local known = { help = true }
  for _, list in ipairs { main.command(name).flags or {}, args.common } do
    for _, flag in ipairs(list) do known[flag[1]] = true end
  end
  return known
end

-- Whether a text has a flag, and no longer one that begins so.
local function names_flag(text, flag)
  local at = 1
  while true do
    local first, last = text:find("--" .. flag, at, true)
    if not first then return false end
    if not text:find("^[%w-]", last + 1) then return true end
    at = last
  end
end

-- The anchor that a heading gets.
local function anchor(heading)
  return (heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-"))
end

describe("the documents", function()
  local texts = documents()

  it("of reference name every flag", function()
    local all = {}
    for path, text in pairs(texts) do
      if path:find "^docs/" then all[#all + 1] = text end
    end
    local text = table.concat(all, "\n")
    for _, name in ipairs(main.commands()) do
      for flag in pairs(flags_of(name)) do
        assert.is_true(names_flag(text, flag), ("eksrun %s --%s"):format(name, flag))
      end
    end
  end)

  it("give commands no flags that they do not take", function()
    local commands, seen = {}, 0
    for _, name in ipairs(main.commands()) do commands[name] = true end
    for path, text in pairs(texts) do
      for line in text:gmatch "[^\n]+" do
        -- Up to what another program gets, or a comment.
        for words in line:gmatch "eksrun ([%w_./-]+[^`|;#&>]*)" do
          local name = words:match "^%S+"
          if name:find "%.lua$" or name == "RECIPE" then name = "apply" end
          if commands[name] and name ~= "call" and name ~= "lua" then
            local known = flags_of(name)
            for flag in words:gmatch "%s%-%-([%l-]+)" do
              seen = seen + 1
              assert.is_true(known[flag] or false, ("%s: %s"):format(path, line))
            end
          end
        end
      end
    end
    assert.is_true(seen > 30)
  end)

  it("name files and folders that there are", function()
    local folders, seen = {}, 0
    for _, name in ipairs { "bindings", "lua", "recipes", "runtime", "script", "tests", "tools" } do
      folders[name] = true
    end
    for path, text in pairs(texts) do
      for folder, rest in text:gmatch "`(%l+)(/[%w_./-]+)`" do
        -- NAME stands for any.
        if folders[folder] and not rest:find "NAME" then
          seen = seen + 1
          assert.is_true(file.exists(folder .. rest), ("%s: there is no %s%s"):format(path, folder, rest))
        end
      end
    end
    assert.is_true(seen > 40)
  end)

  it("point to files and headings that there are", function()
    local seen = 0
    for path, text in pairs(texts) do
      local folder = path:match "^(.*/)" or ""
      for target in text:gmatch "%]%(([^)%s]+)%)" do
        if not target:find "^%a+:" then
          local below, heading = target:match "^([^#]*)#?(.*)$"
          local place = below == "" and path or file.realpath(folder .. below)
          assert.is_truthy(place, ("%s: there is no %s"):format(path, target))
          local known = heading == ""
          if not known then
            for line in file.read(place):gmatch "[^\n]+" do
              known = known or anchor(line:match "^#+%s+(.*)$" or "") == heading
            end
          end
          assert.is_true(known, ("%s: no heading for %s"):format(path, target))
          seen = seen + 1
        end
      end
    end
    assert.is_true(seen > 50)
  end)
end)

-- What editors read: the stubs of native modules (lua/meta/) say what these have and nothing else, and
-- annotations name no class that there is not.
local file = require "eksrun.file"
local process = require "eksrun.process"

local function read_all(...)
  local found = process.run({ argv = { "find", ... }, max_output = 1 << 20 }).stdout
  local texts = {}
  for path in found:gmatch "[^\n]+" do texts[path] = file.read(path) end
  assert.is_truthy(next(texts))
  return texts
end

local function native_modules()
  local list = {}
  for name in file.read("bindings/bindings.c"):gmatch '{"([%w_.]+)", luaopen_' do list[#list + 1] = name end
  assert.is_true(#list > 20)
  return list
end

-- The names in a table, or of a set, as one text.
local function names_of(t)
  local list = {}
  for name in pairs(t) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, " ")
end

-- By class: its methods, whether they stand as functions or as fields, those of its parent too.
local function classes_in(texts)
  local classes, parents = {}, {}
  for _, text in pairs(texts) do
    local class, bound
    for line in text:gmatch "[^\n]+" do
      local name, parent = line:match "^%-%-%-%s?@class ([%w_.]+):? ?([%w_.]*)"
      if name then
        class, classes[name], parents[name] = name, classes[name] or {}, parent
      end
      local field = line:match "^%-%-%-%s?@field ([%w_]+) fun%(self"
      if field and class then classes[class][field] = true end
      bound = class and line:match "^local (%u%w*) = " and class or bound
      local method = line:match "^function %u%w*:([%w_]+)%("
      if method and bound then classes[bound][method] = true end
      if not line:find "^%-%-%-" then class = nil end
    end
  end
  for name, parent in pairs(parents) do
    for method in pairs(classes[parent] or {}) do classes[name][method] = true end
  end
  return classes
end

describe("the stubs", function()
  it("have each native module's functions and values, and no others", function()
    local stubs = {}
    for _, text in pairs(read_all("lua/meta", "-name", "*.lua")) do
      local module, name = text:match "^%-%-%-@meta ([%w_.]+)", text:match "\nreturn ([%w_]+)\n$"
      local names = {}
      for _, pattern in ipairs { "\nfunction %s%%.([%%w_]+)%%(", "\n%s%%.([%%w_]+) = " } do
        for member in text:gmatch(pattern:format(name)) do names[member] = true end
      end
      if module then stubs[module] = names end
    end
    stubs["cjson.safe"] = stubs.cjson
    for _, name in ipairs(native_modules()) do
      assert(stubs[name], "there is no stub of " .. name)
      assert.equal(names_of(require(name)), names_of(stubs[name]), name)
    end
  end)

  it("have each native object's methods", function()
    local texts, described = read_all("lua/meta", "lua/stdlib/eksrun/task.lua", "-name", "*.lua"), {}
    for name, methods in pairs(classes_in(texts)) do described[names_of(methods)] = name end
    local seen = 0
    for _, name in ipairs(native_modules()) do require(name) end
    for name, metatable in pairs(debug.getregistry()) do
      local methods = type(name) == "string" and name:find "^eksrun%." and rawget(metatable, "__index")
      if type(methods) == "table" then
        seen = seen + 1
        assert.is_truthy(described[names_of(methods)], name .. ": " .. names_of(methods))
      end
    end
    assert.is_true(seen > 10)
  end)
end)

describe("annotations", function()
  it("name only classes that there are", function()
    local texts, known = read_all("lua", "-name", "*.lua"), {}
    for _, text in pairs(texts) do
      for name in text:gmatch "%-%-%-%s?@class ([%w_.]+)" do known[name] = true end
      for name in text:gmatch "%-%-%-%s?@alias ([%w_.]+)" do known[name] = true end
    end
    for path, text in pairs(texts) do
      for line in text:gmatch "%-%-%-%s?@%l+ ([^\n]+)" do
        for name in (" " .. line):gmatch "[^%w_.\"/](eksrun%.[%w_.]*%w)" do
          assert.is_truthy(known[name] or not name:find "%u", ("%s: there is no class %s"):format(path, name))
        end
      end
    end
  end)
end)

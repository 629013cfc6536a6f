-- What holds for every resource type that comes with eksrun, and for the kinds of leftovers.
local leftovers = require "eksrun.resource.leftovers.kinds"
local resource = require "eksrun.resource"

local function each_input(inputs, f, path)
  for name, input in pairs(inputs) do
    f(input, (path or "") .. name)
    if input.fields then each_input(input.fields, f, name .. ".") end
  end
end

describe("the resource types", function()
  local known, types = {}, {}
  for _, name in ipairs(resource.names()) do
    known[name], types[name] = true, resource.get(name)
  end
  for name, kind in pairs(leftovers) do
    known[kind.name], types["leftover " .. name] = true, kind
  end

  it("are called as the files they stand in", function()
    for _, name in ipairs(resource.names()) do assert.equal(name, types[name].name) end
  end)

  for name, type_ in pairs(types) do
    it(name .. " refers only to what there is", function()
      for _, key in ipairs(type_.key or {}) do assert.is_table(type_.inputs[key], key) end
      if type_.parent then assert.is_table(type_.inputs[type_.parent]) end
      for _, other in ipairs(type_.delete_after or {}) do assert.is_true(known[other], other) end
      each_input(type_.inputs, function(input, path)
        if not input.refers then return end
        local target, field = input.refers:match("^(%l[%w_]*%.[%w_]+)%.?(%w*)$")
        assert.is_true(known[target], path .. " refers to " .. input.refers)
        if field ~= "" then
          local there = resource.get(target)
          assert.is_true(there.outputs[field] or there.inputs[field] ~= nil, input.refers)
        end
      end)
      for _, rule in pairs(type_.exclusive or {}) do
        for input in rule:gmatch "{(%w+)}" do assert.is_table(type_.inputs[input], rule) end
      end
    end)
  end
end)

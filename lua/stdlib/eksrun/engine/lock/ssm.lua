--- The records of a lock as SSM parameters, which are put only if their name is free.
local request = require "eksrun.engine.lock.request"
local util = require "eksrun.util"

local M = {}

local ROOT = "/eksrun/"

--- @param _ eksrun.lock.Place
--- @param id string
--- @return string for people
function M.permissions(_, id)
  return ("ssm:GetParameter, GetParameters, GetParametersByPath and PutParameter on %s%s"):format(ROOT, id)
end

--- @param aws table
--- @param _ eksrun.lock.Place
--- @param id string of the stack's lock
--- @return table store
function M.new(aws, _, id)
  local client = aws.ssm
  local folder, hint = ROOT .. id .. "/lock/", ROOT .. id .. "/newest"
  local store = { text_max = 4096 }

  local function name(slot) return ("%s%012d"):format(folder, slot) end

  function store.put(slot, text)
    local output, now = request(client, "put_parameter",
      { Name = name(slot), Value = text, Type = "String" }, "ParameterAlreadyExists")
    return output ~= nil, now
  end

  function store.get(slots)
    local names, by_name = {}, {}
    for i, slot in ipairs(slots) do
      names[i] = name(slot)
      by_name[names[i]] = slot
    end
    local output, now = request(client, "get_parameters", { Names = names })
    local texts = {}
    for _, parameter in ipairs(output.Parameters or {}) do
      texts[by_name[parameter.Name]] = parameter.Value
    end
    return texts, now
  end

  function store.hint()
    local output, now = request(client, "get_parameter", { Name = hint }, "ParameterNotFound")
    return output and math.tointeger(tonumber(output.Parameter.Value)), now
  end

  function store.set_hint(slot)
    request(client, "put_parameter",
      { Name = hint, Value = tostring(slot), Type = "String", Overwrite = true })
  end

  function store.list()
    local slots = {}
    for page in client:pages("get_parameters_by_path", { Path = folder }) do
      for _, parameter in ipairs(page.Parameters or {}) do
        slots[#slots + 1] = math.tointeger(tonumber(parameter.Name:match("(%d+)$")))
      end
    end
    return slots
  end

  function store.remove(slots)
    local names = {}
    for i, slot in ipairs(slots) do names[i] = name(slot) end
    request(client, "delete_parameters", { Names = names })
  end

  return store
end

--- The newest record of every lock of the region.
--- @param aws table
--- @return { name: string, text: string }[]
function M.newest(aws)
  local slots, names, out = {}, {}, {}
  for page in aws.ssm:pages("describe_parameters", {
    ParameterFilters = { { Key = "Name", Option = "BeginsWith", Values = { ROOT } } },
  }) do
    for _, parameter in ipairs(page.Parameters or {}) do
      local path, slot = parameter.Name:match "^(/eksrun/[^/]+/lock/)(%d+)$"
      if path and (not slots[path] or slot > slots[path]) then slots[path] = slot end
    end
  end
  for path, slot in util.sorted_pairs(slots) do names[#names + 1] = path .. slot end
  for first = 1, #names, 10 do
    local batch = table.move(names, first, math.min(first + 9, #names), 1, {})
    local output = request(aws.ssm, "get_parameters", { Names = batch })
    for _, parameter in ipairs(output.Parameters or {}) do
      out[#out + 1] = { name = parameter.Name, text = parameter.Value }
    end
  end
  return out
end

return M

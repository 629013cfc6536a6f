--- The records of a lock as SSM parameters, which are put only if their name is free.
local logs = require "eksrun.engine.lock.log"
local request = require "eksrun.engine.lock.request"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

local ROOT = "/eksrun/"

--- @param _ eksrun.lock.Place
--- @param id string
--- @return string for people
function M.permissions(_, id)
  return ("ssm:GetParameters, GetParametersByPath and PutParameter on %s%s"):format(ROOT, id)
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

  -- The hint goes beside: one that is missing, or ahead, costs those who read a call more.
  function store.put(slot, text)
    local output, now
    local function put_record()
      output, now = request(client, "put_parameter",
        { Name = name(slot), Value = text, Type = "String" }, "ParameterAlreadyExists")
    end
    local function put_hint()
      pcall(request, client, "put_parameter",
        { Name = hint, Value = tostring(slot), Type = "String", Overwrite = true })
    end
    task.all { put_record, put_hint }
    return output ~= nil, now
  end

  local function values(names)
    local output, now = request(client, "get_parameters", { Names = names })
    local by_name = {}
    for _, parameter in ipairs(output.Parameters or {}) do by_name[parameter.Name] = parameter.Value end
    return by_name, now
  end

  function store.get(slots)
    local names, texts = {}, {}
    for i, slot in ipairs(slots) do names[i] = name(slot) end
    local by_name, now = values(names)
    for _, slot in ipairs(slots) do texts[slot] = by_name[name(slot)] end
    return texts, now
  end

  -- The first record is never deleted.
  function store.start()
    local by_name, now = values { hint, name(1) }
    local newest = math.tointeger(tonumber(by_name[hint]))
    if not newest then return by_name[name(1)] and 0 or nil, {}, now end
    return newest, store.get(logs.batch(newest))
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

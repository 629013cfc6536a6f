--- The records of a lock as SSM parameters, which are put only if their name is free.
local clock = require "eksrun.clock"

local M = {}

-- AWS's time, as the answer says; ours, where a test's server does not.
local function date_of(response)
  return clock.try_parse(response and response.headers.date or "") or clock.now()
end

--- @param client eksrun.aws.Client of SSM
--- @param path string "/eksrun/NAME"
--- @return table store
function M.new(client, path)
  local folder, hint = path .. "/lock/", path .. "/newest"
  local store = { text_max = 4096 }

  local function name(slot) return ("%s%012d"):format(folder, slot) end

  local function call(operation, params)
    local output, err, response = client:invoke(operation, params)
    if err then error(err, 0) end
    return output, date_of(response)
  end

  function store.put(slot, text)
    local _, err, response = client:invoke("put_parameter",
      { Name = name(slot), Value = text, Type = "String" })
    if err and err.code ~= "ParameterAlreadyExists" then error(err, 0) end
    return not err, date_of(response)
  end

  function store.get(slots)
    local names, by_name = {}, {}
    for i, slot in ipairs(slots) do
      names[i] = name(slot)
      by_name[names[i]] = slot
    end
    local output, date = call("get_parameters", { Names = names })
    local texts = {}
    for _, parameter in ipairs(output.Parameters or {}) do
      texts[by_name[parameter.Name]] = parameter.Value
    end
    return texts, date
  end

  function store.hint()
    local output, err, response = client:invoke("get_parameter", { Name = hint })
    if err and err.code ~= "ParameterNotFound" then error(err, 0) end
    return output and math.tointeger(tonumber(output.Parameter.Value)), date_of(response)
  end

  -- Only where to begin to read: that it fails, or comes late, costs calls and no more.
  function store.set_hint(slot)
    client:invoke("put_parameter", { Name = hint, Value = tostring(slot), Type = "String", Overwrite = true })
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
    call("delete_parameters", { Names = names })
  end

  return store
end

return M

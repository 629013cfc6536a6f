--- ssm.parameter: a value under a name. Found by its name, which is made from the stack and the address
--- when the recipe gives none. A SecureString's value is shown nowhere.
local resource = require "eksrun.resource"
local tags = require "eksrun.resource.tags"

-- GetParameters takes ten names.
local NAMES_AT_ONCE = 10

local function values(ctx, names)
  local batches, out = {}, {}
  for first = 1, #names, NAMES_AT_ONCE do
    batches[#batches + 1] = table.move(names, first, math.min(first + NAMES_AT_ONCE - 1, #names), 1, {})
  end
  ctx:each(batches, function(batch)
    local answer = ctx.aws.ssm:get_parameters { Names = batch, WithDecryption = true }
    for _, parameter in ipairs(answer.Parameters or {}) do out[#out + 1] = parameter end
  end)
  return out
end

local function record_of(ctx, parameter)
  local answer = ctx:found(function()
    return ctx.aws.ssm:list_tags_for_resource { ResourceType = "Parameter", ResourceId = parameter.Name }
  end, "InvalidResourceId")
  return answer and ctx:record(parameter, answer.TagList)
end

local function put(ctx, inputs, params)
  params.Name, params.Value, params.Type = inputs.Name, inputs.Value, inputs.Type or "String"
  params.Description, params.KeyId, params.Tier = inputs.Description, inputs.KeyId, inputs.Tier
  params.AllowedPattern = inputs.AllowedPattern
  return { Version = ctx.aws.ssm:put_parameter(params).Version }
end

return resource.define {
  name = "ssm.parameter",
  identity = "name",
  key = { "Name" },
  id = "Name",
  tagging = { "list" },
  inputs = {
    Name = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return "/" .. stack:name_for(node, 900) end,
    },
    Value = { type = "string", required = true, sensitive = true },
    Type = { type = "string", default = "String" },
    DataType = { type = "string", immutable = true, default = "text" },
    Description = { type = "string", write_only = true },
    KeyId = { type = "string", write_only = true },
    Tier = { type = "string", write_only = true },
    AllowedPattern = { type = "string", write_only = true },
  },
  outputs = { "ARN", "Version" },
  moves = { "Version" },
  typical = { create = 1, delete = 1 },

  observe = function(ctx, wanted)
    local names, seen = {}, {}
    local function want(name)
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
    for _, inputs in ipairs(wanted) do want(inputs.Name) end
    if ctx.sweep then
      local filter = { { Key = "tag:eksrun:stack", Option = "Equals", Values = { ctx.stack.name } } }
      local owned = ctx:list("ssm", "describe_parameters", { ParameterFilters = filter }, "Parameters")
      for _, parameter in ipairs(owned) do want(parameter.Name) end
    end
    local records = {}
    ctx:each(values(ctx, names), function(parameter)
      local record = record_of(ctx, parameter) -- which waits: others may have been added meanwhile
      records[#records + 1] = record
    end)
    return records
  end,

  create = function(ctx, inputs)
    return put(ctx, inputs, ctx:tagged { DataType = inputs.DataType })
  end,

  -- What puts it does not tell its ARN.
  ready = function(ctx, record)
    if record.ARN then return end
    return ctx:poll(function()
      local parameter = ctx.aws.ssm:get_parameters({ Names = { record.Name } }).Parameters[1]
      return parameter and { ARN = parameter.ARN }, "not visible yet"
    end)
  end,

  -- Tags and Overwrite exclude each other.
  update = function(ctx, _, inputs) return put(ctx, inputs, { Overwrite = true }) end,

  retag = function(ctx, record, set, removed)
    local function params(more)
      more.ResourceType, more.ResourceId = "Parameter", record.Name
      return more
    end
    if next(set) then ctx.aws.ssm:add_tags_to_resource(params { Tags = tags.list(set) }) end
    if removed[1] then ctx.aws.ssm:remove_tags_from_resource(params { TagKeys = removed }) end
  end,

  delete = function(ctx, record) ctx.aws.ssm:delete_parameter { Name = record.Name } end,
}

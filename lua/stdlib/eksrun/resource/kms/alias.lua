--- kms.alias: a name for a key. It has no tags; its name identifies it, and it is the stack's when its key
--- is.
local resource = require "eksrun.resource"

return resource.define {
  name = "kms.alias",
  identity = "relation",
  key = { "AliasName" },
  id = "AliasName",
  inputs = {
    AliasName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return "alias/" .. stack:name_for(node, 240) end,
      check = function(name)
        if not name:find("^alias/[%w/_-]+$") then
          return ("'%s' is no alias: alias/ and letters, digits, '/', '_', '-'"):format(name)
        end
      end,
    },
    TargetKeyId = { type = "string", required = true, refers = "kms.key" },
  },
  outputs = { "AliasArn" },
  retry = { create = { { code = "NotFoundException" } } },
  typical = { create = 1, delete = 1 },

  observe = function(ctx)
    local key_type = resource.get "kms.key"
    local keys, records = {}, {}
    for _, key in ipairs(key_type.observe(ctx:of(key_type), {})) do keys[key.KeyId] = true end
    if not next(keys) then return records end
    for _, alias in ipairs(ctx:list("kms", "list_aliases", {}, "Aliases")) do
      if keys[alias.TargetKeyId] then
        records[#records + 1] = {
          AliasName = alias.AliasName, AliasArn = alias.AliasArn, TargetKeyId = alias.TargetKeyId,
        }
      end
    end
    return records
  end,

  create = function(ctx, inputs)
    ctx.aws.kms:create_alias { AliasName = inputs.AliasName, TargetKeyId = inputs.TargetKeyId }
    return {}
  end,

  -- The creation does not tell it.
  ready = function(ctx, record, inputs)
    if record.AliasArn then return end
    return ctx:poll(function()
      local aliases = ctx:fresh():list("kms", "list_aliases", { KeyId = inputs.TargetKeyId }, "Aliases")
      for _, alias in ipairs(aliases) do
        if alias.AliasName == record.AliasName then return { AliasArn = alias.AliasArn } end
      end
      return nil, "not visible yet"
    end)
  end,

  update = function(ctx, _, inputs)
    ctx.aws.kms:update_alias { AliasName = inputs.AliasName, TargetKeyId = inputs.TargetKeyId }
  end,

  delete = function(ctx, record) ctx.aws.kms:delete_alias { AliasName = record.AliasName } end,
}

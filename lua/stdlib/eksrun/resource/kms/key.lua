--- kms.key: a key. KMS gives it no name, takes no token and filters by no tag: it is found by its
--- description, which holds the stack and the address, among the account's keys, and by its tags. Deleting
--- one schedules its deletion; until then it can be taken back.
local document = require "eksrun.resource.document"
local resource = require "eksrun.resource"
local tags = require "eksrun.resource.tags"

local KEY_LOOKUPS_AT_ONCE = 50

-- The stack's keys. Each key of the account is asked for its tags, once, whichever types need it.
local function owned(ctx)
  return ctx:once("kms.key owned", function()
    local keys, out = ctx:list("kms", "list_keys", {}, "Keys"), {}
    for first = 1, #keys, KEY_LOOKUPS_AT_ONCE do
      ctx:each(table.move(keys, first, math.min(first + KEY_LOOKUPS_AT_ONCE - 1, #keys), 1, {}), function(key)
        local ok, answer = pcall(function()
          return ctx.aws.kms:list_resource_tags { KeyId = key.KeyId }
        end)
        -- A key whose policy keeps us out is somebody else's.
        if not ok then return end
        local own = tags.read(answer.Tags)
        if ctx.only == key.KeyId or ctx.stack:owns(own, ctx.type) then
          out[#out + 1] = { KeyId = key.KeyId, tags = own }
        end
      end)
    end
    return out
  end)
end

local function rotation(ctx, id)
  return ctx.aws.kms:get_key_rotation_status({ KeyId = id }).KeyRotationEnabled or false
end

local function set_rotation(ctx, record, inputs)
  local wanted = inputs.EnableKeyRotation
  if wanted == nil or wanted == record.EnableKeyRotation then return end
  local call = wanted and "enable_key_rotation" or "disable_key_rotation"
  ctx.aws.kms[call](ctx.aws.kms, { KeyId = record.KeyId })
  record.EnableKeyRotation = wanted
end

return resource.define {
  name = "kms.key",
  identity = "tag",
  id = "KeyId",
  tagging = { "kms" },
  protect = true,
  inputs = {
    Description = {
      type = "string",
      computed = function(node, stack) return ("eksrun %s %s"):format(stack.name, node.address) end,
    },
    KeySpec = { type = "string", immutable = true, default = "SYMMETRIC_DEFAULT" },
    KeyUsage = { type = "string", immutable = true, default = "ENCRYPT_DECRYPT" },
    MultiRegion = { type = "boolean", immutable = true, default = false },
    Policy = { type = "string", policy = true },
    EnableKeyRotation = { type = "boolean", default = false },
    PendingWindowInDays = { type = "integer", write_only = true },
  },
  outputs = { "Arn", "KeyState" },
  delete_after = { "eks.cluster", "logs.log_group" },
  typical = { create = 1, delete = 1 },

  observe = function(ctx)
    local records = {}
    ctx:each(owned(ctx), function(key)
      local described = ctx:found(function()
        return ctx.aws.kms:describe_key({ KeyId = key.KeyId }).KeyMetadata
      end)
      if not described or described.KeyState:find("^Pending.*Deletion$") then return end
      local record = ctx:record(described, key.tags)
      ctx:each({
        function()
          local policy = ctx.aws.kms:get_key_policy { KeyId = key.KeyId, PolicyName = "default" }
          record.Policy = policy.Policy
        end,
        function() record.EnableKeyRotation = rotation(ctx, key.KeyId) end,
      }, function(call) ctx:found(call, "UnsupportedOperationException") end)
      records[#records + 1] = record
    end)
    return records
  end,

  create = function(ctx, inputs)
    local key = ctx.aws.kms:create_key(ctx:tagged {
      Description = inputs.Description,
      KeySpec = inputs.KeySpec,
      KeyUsage = inputs.KeyUsage,
      MultiRegion = inputs.MultiRegion,
      Policy = document.text(inputs.Policy),
    }).KeyMetadata
    key.EnableKeyRotation = false
    return key
  end,

  -- Not a part of the creation: a run that dies in between finds a difference and updates.
  ready = set_rotation,

  update = function(ctx, record, inputs, changed)
    local kms, id = ctx.aws.kms, record.KeyId
    if changed.Description then
      kms:update_key_description { KeyId = id, Description = inputs.Description }
    end
    if changed.Policy then
      kms:put_key_policy { KeyId = id, PolicyName = "default", Policy = document.text(inputs.Policy) }
    end
    set_rotation(ctx, record, inputs)
  end,

  retag = function(ctx, record, set, removed)
    if next(set) then
      ctx.aws.kms:tag_resource { KeyId = record.KeyId, Tags = tags.list(set, "TagKey", "TagValue") }
    end
    if removed[1] then ctx.aws.kms:untag_resource { KeyId = record.KeyId, TagKeys = removed } end
  end,

  delete = function(ctx, record)
    ctx.aws.kms:schedule_key_deletion {
      KeyId = record.KeyId, PendingWindowInDays = record.PendingWindowInDays,
    }
  end,
}

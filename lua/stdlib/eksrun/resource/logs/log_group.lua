--- logs.log_group: where log streams are kept. Found by its name, which is made from the stack and the
--- address when the recipe gives none. A cluster writes to /aws/eks/NAME/cluster: declare that group
--- before the cluster to decide how long its logs are kept.
local resource = require "eksrun.resource"
local stacks = require "eksrun.engine.stack"

-- CloudWatch Logs names no retention for a group that keeps its events; 0 stands for that.
local FOREVER = 0

local function find(ctx, name)
  local groups = ctx:list("logs", "describe_log_groups", { logGroupNamePrefix = name }, "logGroups")
  for _, group in ipairs(groups) do
    if group.logGroupName == name then return group end
  end
end

-- Names of the groups that carry the stack's tag, by the one call that filters them by it.
local function tagged(ctx)
  local names = {}
  local found = ctx:list("resourcegroupstaggingapi", "get_resources", {
    TagFilters = { { Key = stacks.TAG_STACK, Values = { ctx.stack.name } } },
  }, "ResourceTagMappingList")
  for _, thing in ipairs(found) do
    names[#names + 1] = thing.ResourceARN:match("^arn:[^:]*:logs:[^:]*:[^:]*:log%-group:([^:]+)")
  end
  return names
end

local function bare_arn(group) return (group.logGroupArn or group.arn):gsub(":%*$", "") end

local function record_of(ctx, group)
  local arn = bare_arn(group)
  local own = ctx:once("logs.tags/" .. arn, function()
    return ctx.aws.logs:list_tags_for_resource({ resourceArn = arn }).tags or {}
  end)
  local record = ctx:record(group, own)
  record.retentionInDays = group.retentionInDays or FOREVER
  record.arn = arn
  return record
end

local function set_retention(ctx, record, inputs)
  local wanted = inputs.retentionInDays
  if wanted == nil or wanted == record.retentionInDays then return end
  local name = record.logGroupName
  if wanted == FOREVER then
    ctx.aws.logs:delete_retention_policy { logGroupName = name }
  else
    ctx.aws.logs:put_retention_policy { logGroupName = name, retentionInDays = wanted }
  end
  record.retentionInDays = wanted
end

return resource.define {
  name = "logs.log_group",
  identity = "name",
  key = { "logGroupName" },
  id = "logGroupName",
  tagging = { "map" },
  inputs = {
    logGroupName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return "/" .. stack:name_for(node, 500) end,
    },
    retentionInDays = { type = "integer", default = FOREVER },
    kmsKeyId = { type = "string", refers = "kms.key.Arn" },
    logGroupClass = { type = "string", immutable = true, default = "STANDARD" },
  },
  outputs = { "arn" },
  -- A cluster that still writes would make it again.
  delete_after = { "eks.cluster" },
  typical = { create = 1, delete = 1 },

  observe = function(ctx, wanted)
    local records, seen = {}, {}
    local function add(group)
      if not group or seen[group.logGroupName] then return end
      seen[group.logGroupName] = true
      local record = record_of(ctx, group) -- which waits: others may have been added meanwhile
      records[#records + 1] = record
    end
    local jobs = {}
    for i, want in ipairs(wanted) do
      jobs[i] = function() add(find(ctx, want.logGroupName)) end
    end
    if ctx.sweep then
      jobs[#jobs + 1] = function()
        local start = "/" .. ctx.stack:name_start()
        ctx:each(ctx:list("logs", "describe_log_groups", { logGroupNamePrefix = start }, "logGroups"), add)
      end
    end
    -- Without a recipe, a group whose name is not the stack's (a cluster's) is known by its tag alone.
    if not wanted[1] then
      jobs[#jobs + 1] = function()
        ctx:each(tagged(ctx), function(name) add(find(ctx, name)) end)
      end
    end
    ctx:each(jobs, function(job) job() end)
    return records
  end,

  create = function(ctx, inputs)
    ctx.aws.logs:create_log_group(ctx:tagged {
      logGroupName = inputs.logGroupName,
      kmsKeyId = inputs.kmsKeyId,
      logGroupClass = inputs.logGroupClass,
    })
    return { logGroupName = inputs.logGroupName, retentionInDays = FOREVER }
  end,

  -- Not a part of the creation: a run that dies in between finds a difference and updates.
  ready = function(ctx, record, inputs)
    set_retention(ctx, record, inputs)
    local group = ctx:poll(function() return find(ctx:fresh(), record.logGroupName), "not visible yet" end)
    return { arn = bare_arn(group) }
  end,

  update = function(ctx, record, inputs, changed)
    set_retention(ctx, record, inputs)
    if changed.kmsKeyId then
      ctx.aws.logs:associate_kms_key { logGroupName = record.logGroupName, kmsKeyId = inputs.kmsKeyId }
    end
  end,

  retag = function(ctx, record, set, removed)
    if next(set) then ctx.aws.logs:tag_resource { resourceArn = record.arn, tags = set } end
    if removed[1] then ctx.aws.logs:untag_resource { resourceArn = record.arn, tagKeys = removed } end
  end,

  delete = function(ctx, record) ctx.aws.logs:delete_log_group { logGroupName = record.logGroupName } end,
}

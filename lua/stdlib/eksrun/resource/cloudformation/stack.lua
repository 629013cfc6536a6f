--- cloudformation.stack: a CloudFormation stack, for what only a template describes. Found by its name,
--- which is made from the stack and the address when the recipe gives none; the token makes its calls
--- idempotent.
---
--- Outputs is a table by name: `stack.Outputs.BucketName` is a ref.
local document = require "eksrun.resource.document"
local resource = require "eksrun.resource"
local tags = require "eksrun.resource.tags"
local util = require "eksrun.util"

local function describe(ctx, name)
  local answer = ctx:found(function()
    local cloudformation = ctx.aws.cloudformation
    local ok, result = pcall(cloudformation.describe_stacks, cloudformation, { StackName = name })
    if ok then return result end
    -- An unknown name is a ValidationError here.
    if type(result) == "table" and result.code == "ValidationError"
      and tostring(result.message):find("does not exist", 1, true) then
      return nil
    end
    error(result, 0)
  end)
  return answer and answer.Stacks[1]
end

local function by_key(list, key, value)
  local out = {}
  for _, item in ipairs(list or {}) do out[item[key]] = item[value] end
  return out
end

-- Statuses that only a deletion leads out of.
local GIVEN_UP = {
  CREATE_FAILED = true, ROLLBACK_COMPLETE = true, ROLLBACK_FAILED = true, DELETE_FAILED = true,
}

local function record_of(ctx, stack)
  local record = ctx:record(stack)
  record.Parameters = by_key(stack.Parameters, "ParameterKey", "ParameterValue")
  record.Outputs = by_key(stack.Outputs, "OutputKey", "OutputValue")
  record.Capabilities = stack.Capabilities or {}
  record.pending = stack.StackStatus:find("IN_PROGRESS", 1, true) ~= nil
  record.leaving = stack.StackStatus == "DELETE_IN_PROGRESS"
  record.failed = GIVEN_UP[stack.StackStatus] and stack.StackStatus or nil
  return record
end

local function params_of(ctx, inputs)
  local parameters = {}
  for key, value in util.sorted_pairs(inputs.Parameters or {}) do
    parameters[#parameters + 1] = { ParameterKey = key, ParameterValue = tostring(value) }
  end
  return {
    StackName = inputs.StackName,
    TemplateBody = document.text(inputs.TemplateBody),
    TemplateURL = inputs.TemplateURL,
    Parameters = parameters,
    Capabilities = inputs.Capabilities,
    RoleARN = inputs.RoleARN,
    ClientRequestToken = ctx.token,
  }
end

local function first_failure(ctx, name)
  local answer = ctx.aws.cloudformation:describe_stack_events { StackName = name }
  for _, event in ipairs(answer.StackEvents or {}) do
    local reason = event.ResourceStatusReason or ""
    if (event.ResourceStatus or ""):find("FAILED", 1, true) and not reason:find("cancelled", 1, true) then
      return ("%s: %s"):format(event.LogicalResourceId, reason)
    end
  end
  return "no reason given"
end

local function settled(ctx, name)
  return ctx:poll(function()
    local stack = describe(ctx, name)
    local status = stack and stack.StackStatus or "not visible yet"
    if status == "CREATE_COMPLETE" or status == "UPDATE_COMPLETE" or status == "IMPORT_COMPLETE" then
      return stack
    end
    if stack and not status:find("IN_PROGRESS", 1, true) then
      util.fail("CloudFormation", "stack %s is %s: %s", name, status, first_failure(ctx, name))
    end
    return nil, status
  end, { timeout = 2 * 3600 })
end

return resource.define {
  name = "cloudformation.stack",
  identity = "name",
  key = { "StackName" },
  id = "StackName",
  tagging = { "list" },
  guarded = function(record) return record.EnableTerminationProtection == true end,
  inputs = {
    StackName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return stack:name_for(node, 128) end,
    },
    TemplateBody = { type = "string", policy = true },
    TemplateURL = { type = "string", write_only = true },
    Parameters = { type = "table", map = true, default = {} },
    Capabilities = { type = "table", set = true, default = {} },
    RoleARN = { type = "string" },
    EnableTerminationProtection = { type = "boolean", default = false },
  },
  outputs = { "StackId", "Outputs", "StackStatus" },
  moves = { "Outputs" },
  typical = { create = 120, update = 120, delete = 120 },
  slow = "its events (eksrun call cloudformation describe-stack-events --stack-name {StackName})",

  observe = function(ctx)
    local records = {}
    local stacks = ctx:list("cloudformation", "describe_stacks", {}, "Stacks")
    ctx:each(stacks, function(stack)
      local record = record_of(ctx, stack)
      if stack.StackStatus == "DELETE_COMPLETE" then return end
      if record.address and not record.leaving then
        local answer = ctx.aws.cloudformation:get_template { StackName = stack.StackName }
        record.TemplateBody = answer.TemplateBody
      end
      records[#records + 1] = record
    end)
    return records
  end,

  create = function(ctx, inputs)
    local params = params_of(ctx, inputs)
    params.EnableTerminationProtection = inputs.EnableTerminationProtection
    return ctx.aws.cloudformation:create_stack(ctx:tagged(params))
  end,

  ready = function(ctx, record) return record_of(ctx, settled(ctx, record.StackName)) end,

  update = function(ctx, record, inputs, changed)
    local name = record.StackName
    if changed.EnableTerminationProtection then
      ctx.aws.cloudformation:update_termination_protection {
        StackName = name, EnableTerminationProtection = inputs.EnableTerminationProtection,
      }
    end
    if changed.TemplateBody or changed.Parameters or changed.Capabilities or changed.RoleARN then
      ctx.aws.cloudformation:update_stack(params_of(ctx, inputs))
    end
  end,

  -- CloudFormation changes tags by an update of the stack with what it has.
  retag = function(ctx, record, set, removed)
    local wanted = util.copy(record.tags)
    for key, value in pairs(set) do wanted[key] = value end
    for _, key in ipairs(removed) do wanted[key] = nil end
    local kept = {}
    for key in util.sorted_pairs(record.Parameters) do
      kept[#kept + 1] = { ParameterKey = key, UsePreviousValue = true }
    end
    ctx.aws.cloudformation:update_stack {
      StackName = record.StackName, UsePreviousTemplate = true, Parameters = kept,
      Capabilities = record.Capabilities, Tags = tags.list(wanted),
    }
    settled(ctx, record.StackName)
  end,

  delete = function(ctx, record)
    if record.EnableTerminationProtection then
      ctx.aws.cloudformation:update_termination_protection {
        StackName = record.StackName, EnableTerminationProtection = false,
      }
    end
    ctx.aws.cloudformation:delete_stack { StackName = record.StackName }
  end,

  gone = function(ctx, record)
    ctx:poll(function()
      -- By its id: a stack that is gone answers to that alone.
      local stack = describe(ctx, record.StackId or record.StackName)
      local status = stack and stack.StackStatus
      if not stack or status == "DELETE_COMPLETE" then return true end
      if status == "DELETE_FAILED" then
        util.fail("CloudFormation", "stack %s: %s: %s", record.StackName, status,
          first_failure(ctx, record.StackId or record.StackName))
      end
      return nil, status
    end, { timeout = 2 * 3600 })
  end,
}

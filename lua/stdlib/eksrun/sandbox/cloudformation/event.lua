--- What happens to stacks and their resources, as DescribeStackEvents tells it.
local M = {}

--- Writes an event of a resource, or of the stack itself.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @param record? table
--- @param status string
--- @param reason? string
function M.say(call, stack, record, status, reason)
  if record then
    record.ResourceStatus, record.ResourceStatusReason, record.Timestamp = status, reason, call.now
  else
    stack.StackStatus, stack.StackStatusReason = status, reason
  end
  table.insert(stack._events, 1, {
    StackId = stack.StackId, StackName = stack.StackName, Timestamp = call.now, ResourceStatus = status,
    EventId = record and ("%s-%s-%s"):format(record.LogicalResourceId, status, call:hash("event"):sub(1, 12))
      or call:uuid "event",
    LogicalResourceId = record and record.LogicalResourceId or stack.StackName,
    PhysicalResourceId = record and record.PhysicalResourceId or not record and stack.StackId or "",
    ResourceType = record and record.ResourceType or "AWS::CloudFormation::Stack",
    ResourceStatusReason = reason, ClientRequestToken = stack._token,
  })
end

return M

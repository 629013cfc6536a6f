--- EC2: flow logs.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

local FORMAT = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
  .. "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"

-- By the ResourceType of requests.
local KINDS = { VPC = "ec2.vpc", Subnet = "ec2.subnet", NetworkInterface = "ec2.network_interface" }

operations.DescribeFlowLogs = support.describe {
  kind = "ec2.flow_log", prefix = "fl", id = "FlowLogId", tag = "vpc-flow-log", list = "FlowLogs",
  ids = "FlowLogIds", missing = "InvalidFlowLogId.NotFound",
  missing_text = "The flow log ID '%s' does not exist", malformed = "InvalidFlowLogId.Malformed",
  filters = filter.map("DescribeFlowLogs", [[
    log-destination-type flow-log-id log-group-name resource-id traffic-type]], {
    ["deliver-log-status"] = "DeliverLogsStatus",
  }),
}

local function refused(id, code, message)
  return { ResourceId = id, Error = { Code = code, Message = message } }
end

local function destination(call, params)
  local kind = params.LogDestinationType or "cloud-watch-logs"
  if kind == "cloud-watch-logs" then
    if not params.LogGroupName and not params.LogDestination then
      fault.raise("InvalidParameter", "LogDestination or LogGroupName must be specified")
    end
    if not params.DeliverLogsPermissionArn then
      fault.raise("InvalidParameter", "DeliverLogsPermissionArn can't be empty if LogDestinationType is "
        .. "cloud-watch-logs.")
    end
  elseif not params.LogDestination then
    fault.raise("InvalidParameter", "LogDestination can't be empty if LogGroupName is not provided.")
  end
  local name = params.LogGroupName or (params.LogDestination or ""):match ":log%-group:([^:]+)"
  local arn = params.LogDestination
    or params.LogGroupName and call:arn("logs", "log-group:" .. params.LogGroupName)
  return kind, name, arn
end

function operations.CreateFlowLogs(call, params)
  local kind, name, arn = destination(call, params)
  local ids, failed = json.array {}, json.array {}
  for _, resource in ipairs(params.ResourceIds) do
    support.need(call, KINDS[params.ResourceType] or "ec2.vpc", resource)
    local twin = call:find("ec2.flow_log", function(log)
      return log.ResourceId == resource and log.LogDestination == arn
        and log.TrafficType == params.TrafficType
    end)
    if twin then
      failed[#failed + 1] = refused(resource, "FlowLogAlreadyExists",
        "Error. There is an existing Flow Log with the same configuration and log destination.")
    else
      local id = call:id "fl"
      ids[#ids + 1] = id
      call:put("ec2.flow_log", id, {
        FlowLogId = id, ResourceId = resource, TrafficType = params.TrafficType or "ALL",
        FlowLogStatus = "ACTIVE", DeliverLogsStatus = "SUCCESS", CreationTime = call:time(),
        LogDestinationType = kind, LogDestination = arn, LogGroupName = name,
        DeliverLogsPermissionArn = params.DeliverLogsPermissionArn, LogFormat = params.LogFormat or FORMAT,
        MaxAggregationInterval = params.MaxAggregationInterval or 600,
        Tags = support.tags(params, "vpc-flow-log"),
      })
    end
  end
  return { FlowLogIds = ids, Unsuccessful = failed, ClientToken = params.ClientToken }
end

function operations.DeleteFlowLogs(call, params)
  local failed = json.array {}
  for _, id in ipairs(params.FlowLogIds) do
    if not call:get("ec2.flow_log", id) then
      failed[#failed + 1] = refused(id, "InvalidFlowLogId.NotFound", "These flow log ids in the input list "
        .. "are not found: [" .. id .. "]")
    end
    call:remove("ec2.flow_log", id)
  end
  return { Unsuccessful = failed }
end

return M

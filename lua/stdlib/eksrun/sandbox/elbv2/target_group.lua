--- ELB: target groups.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.elbv2.support"
local targets = require "eksrun.sandbox.elbv2.target"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local HTTP = { HTTP = true, HTTPS = true }
local NETWORK = { TCP = true, TLS = true, UDP = true, TCP_UDP = true, QUIC = true, TCP_QUIC = true }

local SETTINGS = {
  "HealthCheckProtocol", "HealthCheckPort", "HealthCheckEnabled", "HealthCheckPath",
  "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount",
  "UnhealthyThresholdCount", "Matcher",
}

-- What a group has when nobody says, by the sort of its protocol.
local function defaults(params)
  local http, kind = HTTP[params.Protocol], params.TargetType or "instance"
  if kind == "lambda" then
    return {
      HealthCheckEnabled = false, HealthCheckPath = "/", HealthCheckIntervalSeconds = 35,
      HealthCheckTimeoutSeconds = 30, HealthyThresholdCount = 5, UnhealthyThresholdCount = 2,
      Matcher = { HttpCode = "200" },
    }
  end
  local check = params.HealthCheckProtocol or (http and params.Protocol or "TCP")
  local by_http = HTTP[check]
  local grpc = params.ProtocolVersion == "GRPC"
  return {
    HealthCheckProtocol = check, HealthCheckPort = "traffic-port", HealthCheckEnabled = true,
    HealthCheckPath = by_http and (grpc and "/AWS.ALB/healthcheck" or "/") or nil,
    HealthCheckIntervalSeconds = 30, HealthCheckTimeoutSeconds = http and 5 or by_http and 6 or 10,
    HealthyThresholdCount = 5, UnhealthyThresholdCount = 2,
    Matcher = by_http and (grpc and { GrpcCode = "12" } or { HttpCode = http and "200" or "200-399" }) or nil,
  }
end

local function attributes(params)
  local map = {
    ["deregistration_delay.timeout_seconds"] = "300", ["stickiness.enabled"] = "false",
    ["load_balancing.cross_zone.enabled"] = "use_load_balancer_configuration",
    ["target_group_health.dns_failover.minimum_healthy_targets.count"] = "1",
    ["target_group_health.dns_failover.minimum_healthy_targets.percentage"] = "off",
    ["target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"] = "1",
    ["target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"] = "off",
  }
  local more = HTTP[params.Protocol] and {
    ["stickiness.type"] = "lb_cookie", ["stickiness.lb_cookie.duration_seconds"] = "86400",
    ["stickiness.app_cookie.cookie_name"] = "", ["stickiness.app_cookie.duration_seconds"] = "86400",
    ["load_balancing.algorithm.type"] = "round_robin", ["slow_start.duration_seconds"] = "0",
    ["load_balancing.algorithm.anomaly_mitigation"] = "off",
  } or {
    ["stickiness.type"] = "source_ip", ["proxy_protocol_v2.enabled"] = "false",
    ["preserve_client_ip.enabled"] = tostring((params.TargetType or "instance") == "instance"),
    ["deregistration_delay.connection_termination.enabled"] = "false",
    ["target_health_state.unhealthy.connection_termination.enabled"] = "true",
    ["target_health_state.unhealthy.draining_interval_seconds"] = "0",
  }
  return util.overlay(map, more)
end

local function check(call, params)
  if (params.TargetType or "instance") == "lambda" then return end
  if not params.Protocol then support.refuse "A protocol must be specified" end
  if not params.Port then support.refuse "A port must be specified" end
  if not params.VpcId then support.refuse "A VPC ID must be specified" end
  if not HTTP[params.Protocol] and not NETWORK[params.Protocol] and params.Protocol ~= "GENEVE" then
    support.refuse("'%s' is not a supported protocol", params.Protocol)
  end
  if not call:get("ec2.vpc", params.VpcId) then
    support.refuse("The VPC ID '%s' is not found", params.VpcId)
  end
end

local function view(call, group)
  local shown, arns = {}, json.array {}
  for name, value in pairs(group) do shown[name] = value end
  local seen = {}
  for _, kind in ipairs { "elbv2.listener", "elbv2.rule" } do
    for _, user in ipairs(call:all(kind, function(u) return u._targets[group.TargetGroupArn] end)) do
      if not seen[user._balancer] then
        seen[user._balancer] = true
        arns[#arns + 1] = user._balancer
      end
    end
  end
  shown.LoadBalancerArns = arns
  return shown
end

function operations.CreateTargetGroup(call, params)
  local name = params.Name
  support.check_name("target group", name)
  check(call, params)
  local present = call:find("elbv2.target_group", function(g) return g.TargetGroupName == name end)
  if present then
    -- Making the same again finds it.
    if present.Protocol == params.Protocol and present.Port == params.Port
      and present.VpcId == params.VpcId then
      return { TargetGroups = { view(call, present) } }
    end
    fault.raise("DuplicateTargetGroupName",
      "A target group with the same name '%s' exists, but with different "
      .. "settings", name)
  end
  local arn = call:arn("elasticloadbalancing", ("targetgroup/%s/%s"):format(name, support.token(call, name)))
  local group = {
    TargetGroupArn = arn, TargetGroupName = name, Protocol = params.Protocol, Port = params.Port,
    VpcId = params.VpcId, TargetType = params.TargetType or "instance",
    IpAddressType = params.TargetType ~= "lambda" and (params.IpAddressType or "ipv4") or nil,
    ProtocolVersion = HTTP[params.Protocol] and (params.ProtocolVersion or "HTTP1") or nil,
    _members = {}, _attributes = attributes(params), _tags = support.tags(params.Tags),
  }
  for setting, value in pairs(defaults(params)) do group[setting] = value end
  for _, setting in ipairs(SETTINGS) do
    if params[setting] ~= nil then group[setting] = params[setting] end
  end
  if group.HealthCheckTimeoutSeconds >= group.HealthCheckIntervalSeconds then
    support.refuse("Health check interval must be greater than the timeout.")
  end
  call:put("elbv2.target_group", arn, group)
  return { TargetGroups = { view(call, group) } }
end

function operations.DescribeTargetGroups(call, params)
  local list, balancer = json.array {}, params.LoadBalancerArn
  if balancer then support.need(call, "elbv2.load_balancer", balancer) end
  for _, group in ipairs(support.select(call, "elbv2.target_group", params.TargetGroupArns, params.Names,
    "TargetGroupName")) do
    local shown = view(call, group)
    local wanted = not balancer
    for _, arn in ipairs(shown.LoadBalancerArns) do wanted = wanted or arn == balancer end
    if wanted then list[#list + 1] = shown end
  end
  return { TargetGroups = list }
end

function operations.ModifyTargetGroup(call, params)
  local group = support.need(call, "elbv2.target_group", params.TargetGroupArn)
  for _, setting in ipairs(SETTINGS) do
    if params[setting] ~= nil then group[setting] = params[setting] end
  end
  return { TargetGroups = { view(call, group) } }
end

function operations.DeleteTargetGroup(call, params)
  local arn = params.TargetGroupArn
  if not call:get("elbv2.target_group", arn) then return {} end
  if targets.is_used(call, arn) then
    fault.raise("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", arn)
  end
  call:remove("elbv2.target_group", arn)
  return {}
end

return M

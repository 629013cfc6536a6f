--- ELB: listeners of load balancers, and their certificates.
local actions = require "eksrun.sandbox.elbv2.action"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local rules = require "eksrun.sandbox.elbv2.rule"
local support = require "eksrun.sandbox.elbv2.support"

local M = { operations = {} }
local operations = M.operations

local LISTENERS_MAX = 50
local POLICY = "ELBSecurityPolicy-2016-08"
local PROTOCOLS = {
  application = { HTTP = true, HTTPS = true },
  network = { TCP = true, TLS = true, UDP = true, TCP_UDP = true },
}
local SECURE = { HTTPS = true, TLS = true }

local function check(balancer, protocol, certificates)
  if not PROTOCOLS[balancer.Type][protocol] then
    support.refuse("Listener protocol '%s' must be one of those of %s load balancers", tostring(protocol),
      balancer.Type)
  end
  if SECURE[protocol] and not (certificates and certificates[1]) then
    support.refuse("A certificate must be specified for %s listeners", protocol)
  end
end

local function twin_of(call, balancer, port, but)
  return call:find("elbv2.listener", function(other)
    return other.LoadBalancerArn == balancer and other.Port == port and other ~= but
  end)
end

local function attributes(protocol)
  if protocol == "TCP" then return { ["tcp.idle_timeout.seconds"] = "350" } end
  if protocol == "HTTP" or protocol == "HTTPS" then
    return { ["routing.http.response.server.enabled"] = "true" }
  end
  return {}
end

local function set_certificates(listener, certificates)
  listener.Certificates = certificates and { { CertificateArn = certificates[1].CertificateArn } } or nil
  listener._certificates = {}
  for i, certificate in ipairs(certificates or {}) do
    listener._certificates[i] = { CertificateArn = certificate.CertificateArn, IsDefault = i == 1 }
  end
end

function operations.CreateListener(call, params)
  local balancer = support.need(call, "elbv2.load_balancer", params.LoadBalancerArn)
  local arn = balancer.LoadBalancerArn
  check(balancer, params.Protocol, params.Certificates)
  if twin_of(call, arn, params.Port) then
    fault.raise("DuplicateListener", "A listener already exists on this port for this load balancer '%s'",
      arn)
  end
  if #call:all("elbv2.listener", function(l) return l.LoadBalancerArn == arn end) >= LISTENERS_MAX then
    fault.raise("TooManyListeners", "The maximum number of listeners has been reached")
  end
  local list, targets = actions.complete(call, balancer, params.DefaultActions)
  local id = ("%s/%s"):format((arn:gsub(":loadbalancer/", ":listener/")), support.token(call, "listener"))
  local secure = SECURE[params.Protocol]
  local listener = {
    ListenerArn = id, LoadBalancerArn = arn, Port = params.Port, Protocol = params.Protocol,
    SslPolicy = secure and (params.SslPolicy or POLICY) or nil, DefaultActions = list,
    AlpnPolicy = params.AlpnPolicy, _balancer = arn, _targets = targets,
    MutualAuthentication = params.MutualAuthentication or params.Protocol == "HTTPS" and { Mode = "off" }
      or nil,
    _attributes = attributes(params.Protocol), _tags = support.tags(params.Tags),
  }
  set_certificates(listener, secure and params.Certificates)
  call:put("elbv2.listener", id, listener)
  return { Listeners = { listener } }
end

function operations.DescribeListeners(call, params)
  if not params.LoadBalancerArn and not (params.ListenerArns and params.ListenerArns[1]) then
    support.refuse "You must specify either listener ARNs or a load balancer ARN"
  end
  if params.LoadBalancerArn then support.need(call, "elbv2.load_balancer", params.LoadBalancerArn) end
  local list = json.array {}
  for _, listener in ipairs(support.select(call, "elbv2.listener", params.ListenerArns)) do
    if not params.LoadBalancerArn or listener.LoadBalancerArn == params.LoadBalancerArn then
      list[#list + 1] = listener
    end
  end
  return { Listeners = list }
end

function operations.ModifyListener(call, params)
  local listener = support.need(call, "elbv2.listener", params.ListenerArn)
  local balancer = support.need(call, "elbv2.load_balancer", listener.LoadBalancerArn)
  local protocol, port = params.Protocol or listener.Protocol, params.Port or listener.Port
  check(balancer, protocol, params.Certificates or listener._certificates)
  if twin_of(call, listener.LoadBalancerArn, port, listener) then
    fault.raise("DuplicateListener", "A listener already exists on this port for this load balancer '%s'",
      listener.LoadBalancerArn)
  end
  if params.DefaultActions then
    listener.DefaultActions, listener._targets = actions.complete(call, balancer, params.DefaultActions)
  end
  if params.Certificates then set_certificates(listener, params.Certificates) end
  if not SECURE[protocol] then set_certificates(listener, nil) end
  listener.Protocol, listener.Port = protocol, port
  listener.SslPolicy = SECURE[protocol] and (params.SslPolicy or listener.SslPolicy or POLICY) or nil
  listener.AlpnPolicy = params.AlpnPolicy or listener.AlpnPolicy
  listener.MutualAuthentication = params.MutualAuthentication or listener.MutualAuthentication
  return { Listeners = { listener } }
end

function operations.DeleteListener(call, params)
  local listener = support.need(call, "elbv2.listener", params.ListenerArn)
  rules.remove_of(call, listener.ListenerArn)
  call:remove("elbv2.listener", listener.ListenerArn)
  return {}
end

-- -- certificates -------------------------------------------------------------------------------------------

function operations.AddListenerCertificates(call, params)
  local listener = support.need(call, "elbv2.listener", params.ListenerArn)
  local known = {}
  for _, certificate in ipairs(listener._certificates) do known[certificate.CertificateArn] = true end
  for _, certificate in ipairs(params.Certificates) do
    if not known[certificate.CertificateArn] then
      table.insert(listener._certificates, { CertificateArn = certificate.CertificateArn, IsDefault = false })
    end
  end
  return { Certificates = params.Certificates }
end

function operations.RemoveListenerCertificates(call, params)
  local listener = support.need(call, "elbv2.listener", params.ListenerArn)
  for _, certificate in ipairs(params.Certificates) do
    for i, present in ipairs(listener._certificates) do
      if present.CertificateArn == certificate.CertificateArn then
        if present.IsDefault then
          fault.raise("OperationNotPermitted", "The default certificate of a listener cannot be removed")
        end
        table.remove(listener._certificates, i)
        break
      end
    end
  end
  return {}
end

function operations.DescribeListenerCertificates(call, params)
  return { Certificates = json.array(support.need(call, "elbv2.listener", params.ListenerArn)._certificates) }
end

local POLICIES = {
  { POLICY, { "TLSv1", "TLSv1.1", "TLSv1.2" } },
  { "ELBSecurityPolicy-TLS13-1-2-2021-06", { "TLSv1.2", "TLSv1.3" } },
  { "ELBSecurityPolicy-TLS13-1-2-Res-2021-06", { "TLSv1.2", "TLSv1.3" } },
  { "ELBSecurityPolicy-TLS13-1-3-2021-06", { "TLSv1.3" } },
  { "ELBSecurityPolicy-TLS-1-2-2017-01", { "TLSv1.2" } },
  { "ELBSecurityPolicy-FS-1-2-Res-2020-10", { "TLSv1.2" } },
}

function operations.DescribeSSLPolicies(_, params)
  local list, wanted = json.array {}, nil
  for _, name in ipairs(params.Names or {}) do
    wanted = wanted or {}
    wanted[name] = true
  end
  for _, policy in ipairs(POLICIES) do
    if not wanted or wanted[policy[1]] then
      list[#list + 1] = {
        Name = policy[1], SslProtocols = policy[2], SupportedLoadBalancerTypes = { "application", "network" },
        Ciphers = json.array {},
      }
      if wanted then wanted[policy[1]] = nil end
    end
  end
  for name in pairs(wanted or {}) do
    fault.raise("SSLPolicyNotFound", "The SSL policy '%s' does not exist", name)
  end
  return { SslPolicies = list }
end

return M
